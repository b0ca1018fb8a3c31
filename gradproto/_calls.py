"""What a job asks of the server: upload its files, join the queue or run directly, be cancelled."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._answers import answer_error, json_object
from ._channels import OwnChannel, encode_call
from ._commands import FilePart
from ._core import Core
from ._dialects import Queue, Route
from ._errors import (
    GradprotoError,
    LocalProtocolError,
    RemoteProtocolError,
    TransportError,
)
from ._events import FileUploaded, JobCancelled, JobStarted, UploadProgressed
from ._exchanges import JSON_HEADERS, Headers, ShortExchange
from ._files import FileData, LocalFile
from ._jobs import Call, Job
from ._json import JSONValue, dumps, loads
from ._messages import app_error_of, complete, start_running, text
from ._multipart import FileField, encode_multipart
from ._payload import fill_uploads
from ._retry import never_ran, with_hint
from ._states import JobInput, JobState
from ._streams import EventStream, Streams

if TYPE_CHECKING:
    from ._inputs import Input, Inputs

__all__ = ["begin_again", "cancel", "drop", "end_inputs", "send", "start"]

# Bytes of a file in memory that are sent together with what is around them.
_MAX_WHOLE = 64 * 1024


def start(core: Core, streams: Streams, call: Call, number: int) -> Job:
    """Begin a job; raise, with nothing sent, what is wrong with its arguments."""
    unread = [file for file in call.files if call.wants_contents and not isinstance(file.source, bytes)]
    if unread:
        raise LocalProtocolError(f"the content of {unread[0]!r} is not known: the I/O layer has to fill it in")
    unsized = [file for file in call.files if file.size is None]
    if unsized:
        raise LocalProtocolError(f"the size of {unsized[0]!r} is not known: the I/O layer has to fill it in")
    conversation = call.conversation or streams.own
    # An endpoint of the app that cancels others (3.6 to 4.34) means those of its caller's session, and the jobs of this
    # one have sessions of their own.
    for other in list(core.jobs.values()):
        if other.conversation is conversation and other.endpoint.fn_index in call.endpoint.dependency.cancels:
            cancel(core, other)
    job = Job(number, call, conversation)
    core.jobs[number] = job
    _begin_when_known(core, streams, job)
    return job


def begin_again(core: Core, streams: Streams, job: Job, error: GradprotoError) -> None:
    """Send a job once more that failed with ``error``."""
    if job.endpoint.has_state and job.session_hash not in ("", job.conversation.session_hash):
        core.fail(job, with_hint(error, "not tried again: its conversation was reset"))
    else:
        _begin_when_known(core, streams, job)


def _begin_when_known(core: Core, streams: Streams, job: Job) -> None:
    if core.stale:
        streams.refresh.before(job, lambda: _begin(core, streams, job))
    else:
        _begin(core, streams, job)


def _begin(core: Core, streams: Streams, job: Job) -> None:
    uploaded = job.uploaded
    if not job.call.files or job.call.wants_contents:
        _send(core, streams, job, ())
    elif uploaded is not None and uploaded[0] == core.server:
        _send(core, streams, job, uploaded[1])
    else:
        _upload(core, streams, job)


def cancel(core: Core, job: Job) -> None:
    """Begin to cancel a job, or say that it cannot be."""
    if job.ended:
        core.refuse_cancel(job, f"it is over: {job.state.value}")
    elif _is_unknown_to_queue(job):
        core.finish(job, JobInput.CANCEL, JobCancelled(job=job.number))
    elif job.channel is None:
        core.refuse_cancel(job, "it is running outside the queue, where the server cannot stop it")
    else:
        obstacle = job.channel.obstacle(job)
        if obstacle is None:
            job.channel.cancel(job)
        else:
            core.refuse_cancel(job, obstacle)


def drop(core: Core, job: Job, error: GradprotoError) -> None:
    """End a job whose conversation is closed, and let the server drop it, too."""
    if isinstance(job.exchange, _Join):
        job.exchange.leave()
    core.fail(job, error)


def _is_unknown_to_queue(job: Job) -> bool:
    """Whether nothing has been sent that the server would do something about."""
    if job.state in (JobState.NEW, JobState.UPLOADING):
        return True
    return isinstance(job.channel, OwnChannel) and not job.channel.begun


def send(core: Core, job: Job, call: Call) -> int:
    """Send one more input to a job that runs; return its number."""
    inputs = _inputs(core, job)
    if call.encoded is not None:
        return inputs.add(call.encoded).number
    item = inputs.add(None)
    _start_upload(core, job, _InputUpload(core, job, call, inputs, item))
    return item.number


def end_inputs(core: Core, job: Job) -> int:
    """Say that a job gets no more input; return the number of that."""
    return _inputs(core, job).add(None, ends=True).number


def _inputs(core: Core, job: Job) -> Inputs:
    from ._inputs import Inputs, input_too_late  # few programs need it

    if job.ended:
        raise input_too_late(job)
    if job.inputs is None:
        job.inputs = Inputs(core, job)
    return job.inputs


def _upload(core: Core, streams: Streams, job: Job) -> None:
    exchange = _FirstUpload(core, job, job.call, streams)
    job.exchange = exchange
    job.advance(JobInput.SEND_UPLOAD)
    _start_upload(core, job, exchange)


def _start_upload(core: Core, job: Job, exchange: _Upload) -> None:
    assert core.dialect is not None
    core.exchanges.start(
        exchange,
        "POST",
        core.api_url + core.dialect.upload_route,
        headers=(*_own_headers(core, job), ("content-type", exchange.content_type)),
        body=exchange.content,
    )


def _send(core: Core, streams: Streams, job: Job, uploaded: Sequence[FileData]) -> None:
    """Send the job itself, now that its files are on the server."""
    call = job.call
    data = call.encoded
    if data is None:
        files = call.files if call.wants_contents else uploaded
        data = dumps(fill_uploads(call.data, files, job.endpoint.payload))
    headers = _own_headers(core, job)
    route = _choose_route(core, job)
    if route == "direct":
        # State is the conversation's, also for what runs outside the queue.
        job.session_hash = streams.home_hash(job)
        _run_directly(core, job, encode_call(job, data), headers)
    elif route == "stream":
        stream = streams.choose(job)
        job.session_hash = stream.session_hash
        job.channel = stream
        _join(core, job, stream, encode_call(job, data), headers)
    else:
        _begin_own(core, streams, job, route, data, headers)


def _choose_route(core: Core, job: Job) -> Queue | Route:
    """Return how the job gets to the server."""
    dialect, endpoint = core.dialect, job.endpoint
    assert dialect is not None
    if not endpoint.queued or core.route == "direct":
        return "direct"
    # What the simple API cannot do goes through the queue: it would not find the function, or lose the State (before
    # 6.18), or, of two calls with State at once, give each the other's outputs (since).
    if core.route == "call" and dialect.call_route and endpoint.api_name is not None and not endpoint.has_state:
        return "call"
    if endpoint.dependency.batch and not dialect.batch_in_queue:
        return "direct"
    if endpoint.has_state and not dialect.pushes_state:
        return "direct"
    return dialect.queue


def _run_directly(core: Core, job: Job, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
    assert core.dialect is not None
    job.exchange = _Direct(core, job)
    url = core.api_url + core.dialect.direct_route
    job.advance(JobInput.SEND_DIRECT)
    core.exchanges.start(job.exchange, "POST", url, headers=(*headers, *JSON_HEADERS), body=(body,))
    start_running(core, job)
    core.events.append(JobStarted(job=job.number, eta=None))


def _join(core: Core, job: Job, stream: EventStream, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
    assert core.dialect is not None
    exchange = job.exchange = _Join(core, job, stream)
    url = core.api_url + core.dialect.join_route
    headers = (*headers, *JSON_HEADERS)
    job.advance(JobInput.SEND_JOIN)
    stream.join(job, lambda: core.exchanges.start(exchange, "POST", url, headers=headers, body=(body,)))


def _begin_own(
    core: Core, streams: Streams, job: Job, route: Queue | Route, data: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    """Begin a conversation of the job's own."""
    # Each is of some generations only, so that most programs need none of them.
    channel: OwnChannel
    if route == "websocket":
        from ._websockets import WebSocketChannel

        channel = WebSocketChannel(core, streams, job)
    elif route == "own stream":
        from ._own_streams import JoinStreamChannel

        channel = JoinStreamChannel(core, streams, job)
    elif route == "polling":
        from ._polling import PollingChannel

        channel = PollingChannel(core, streams, job)
    else:
        from ._own_streams import CallChannel

        channel = CallChannel(core, streams, job)
    job.channel = channel
    job.session_hash = channel.session_hash
    job.advance(JobInput.SEND_JOIN)
    streams.admit(channel, lambda: channel.begin(data, headers))


def _own_headers(core: Core, job: Job) -> tuple[tuple[str, str], ...]:
    """Return the headers of this call alone; like the client's own they are for the origin that the caller named."""
    return () if core.moved else job.call.headers


class _JobExchange(ShortExchange):
    """A request without whose answer its job cannot go on."""

    def __init__(self, what: str, core: Core, job: Job, *, timeout: float | None, limit: str = "request") -> None:
        super().__init__(f"{what} of job {job.number} ({job.endpoint.label})", timeout=timeout, limit=limit)
        self._core = core
        self._job = job

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """Go on, or give up."""
        try:
            if status != 200:
                # That is also how a server answers that does not know the function: it may be another since.
                self._core.stale |= status in (404, 500)
                raise answer_error(status, headers, body, what=self.what, url=self.request.url)
            self.succeeded(body)
        except GradprotoError as error:
            self.give_up(error)

    def failed(self, error: GradprotoError) -> None:
        """Give up."""
        self._core.stale = True
        if isinstance(error, TransportError):
            named = type(error)(f"{self.what}: {error.message}", hint=error.hint)
            named.__cause__ = error
            error = named
        self.give_up(error)

    def give_up(self, error: GradprotoError) -> None:
        """There is no good answer: the job has failed."""
        self._job.exchange = None
        self._core.fail_or_retry(self._job, error, unrun=never_ran(error))

    def succeeded(self, body: bytes) -> None:
        """The server said yes; what it said besides is in ``body``."""
        raise NotImplementedError


class _Upload(_JobExchange):
    """The upload of all files of a call, in one request."""

    def __init__(self, core: Core, job: Job, call: Call) -> None:
        super().__init__("the upload", core, job, timeout=core.timeouts.upload_idle, limit="upload_idle")
        self.call = call
        fields = [
            FileField(
                name="files",
                filename=file.orig_name,
                content_type=file.mime_type or "application/octet-stream",
                content=_content(file),
            )
            for file in call.files
        ]
        self.content_type, self.content = encode_multipart(fields, core.entropy(16).hex())

    def succeeded(self, body: bytes) -> None:
        """Every file has a path on the server now."""
        files = self.call.files
        try:
            paths = loads(body)
        except ValueError:
            paths = None
        if not isinstance(paths, list) or len(paths) != len(files):
            raise RemoteProtocolError(f"{self.what}: expected {len(files)} path(s), got {body[:80]!r}")
        self.uploaded([_uploaded(self.what, file, path) for file, path in zip(files, paths, strict=True)])

    def uploaded(self, files: Sequence[FileData]) -> None:
        """The files are on the server."""
        raise NotImplementedError


class _FirstUpload(_Upload):
    """The upload with which a job begins."""

    def __init__(self, core: Core, job: Job, call: Call, streams: Streams) -> None:
        super().__init__(core, job, call)
        self._streams = streams
        self._total = sum(part.size if isinstance(part, FilePart) else len(part) for part in self.content)

    def body_sent(self, sent: int) -> None:
        """Tell how far the upload is."""
        self._core.events.append(UploadProgressed(job=self._job.number, sent=sent, total=self._total))

    def uploaded(self, files: Sequence[FileData]) -> None:
        """Go on with the job itself."""
        self._job.exchange = None
        self._job.uploaded = (self._core.server, files)
        for index, file in enumerate(files):
            self._core.events.append(FileUploaded(job=self._job.number, index=index, file=file))
        _send(self._core, self._streams, self._job, files)

    def give_up(self, error: GradprotoError) -> None:
        """An upload runs nothing, so that it may be sent again, if it can be."""
        self._job.exchange = None
        if self.call.can_upload_again:
            self._core.fail_or_retry(self._job, error, unrun=True)
        else:
            self._core.fail(self._job, error)


class _InputUpload(_Upload):
    """The upload of the files of an input for a job that runs: where it fails, only the input is lost."""

    def __init__(self, core: Core, job: Job, call: Call, inputs: Inputs, item: Input) -> None:
        super().__init__(core, job, call)
        self._inputs = inputs
        self._item = item

    def uploaded(self, files: Sequence[FileData]) -> None:
        """The input is complete."""
        self._inputs.fill(self._item, dumps(fill_uploads(self.call.data, files, self._job.endpoint.payload)))

    def give_up(self, error: GradprotoError) -> None:
        """Leave the input out."""
        self._inputs.drop(self._item, error)


def _content(file: LocalFile) -> bytes | FilePart:
    """Return what goes into the body: what is large goes out in pieces, so that there is progress to be told."""
    source, size = file.source, file.size or 0
    if not isinstance(source, bytes):
        return FilePart(source=source, size=size, start=file.start)
    return source if size <= _MAX_WHOLE else FilePart(source=io.BytesIO(source), size=size, start=0)


def _uploaded(what: str, file: LocalFile, path: JSONValue) -> FileData:
    if not isinstance(path, str):
        raise RemoteProtocolError(f"{what}: expected a path, got {str(path)[:80]!r}")
    return FileData(path=path, orig_name=file.orig_name, size=file.size, mime_type=file.mime_type)


class _Join(_JobExchange):
    """The request that puts a job into the queue."""

    def __init__(self, core: Core, job: Job, stream: EventStream) -> None:
        super().__init__("the join", core, job, timeout=core.timeouts.request)
        self._stream = stream
        self._left = False

    def leave(self) -> None:
        """Nobody waits for the job any more; only the answer tells the id by which the server can be told."""
        self._left = True
        self._job.exchange = None
        self._stream.expect_cancellation(self._job.endpoint.fn_index)

    def give_up(self, error: GradprotoError) -> None:
        """The server did not take the job."""
        if self._left:
            self._stream.cancel_answered(self._job.endpoint.fn_index)
        else:
            super().give_up(error)

    def succeeded(self, body: bytes) -> None:
        """The job has a name; its messages come on the stream."""
        event_id = text(json_object(body, self.what).get("event_id"))
        if not event_id:
            raise RemoteProtocolError(f"{self.what}: the answer has no event id: {body[:80]!r}")
        if self._left:
            self._stream.drop(self._job, event_id)
            return
        self._job.exchange = None
        self._stream.joined(self._job, event_id)
        if self._job.cancel_requested and not self._job.ended:
            self._job.cancel_requested = False
            cancel(self._core, self._job)


class _Direct(_JobExchange):
    """The request that runs a job outside the queue, and brings its result."""

    def __init__(self, core: Core, job: Job) -> None:
        super().__init__("the direct run", core, job, timeout=None)

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """A 500 with an error in JSON is how the function's own failure comes."""
        output = self._failure(body) if status == 500 else None
        if output is None:
            super().answered(status, headers, body)
        else:
            self._job.exchange = None
            self._core.fail_by_app(self._job, app_error_of(self._core, output, None))

    def _failure(self, body: bytes) -> dict[str, JSONValue] | None:
        try:
            output = loads(body)
        except ValueError:
            dialect = self._core.dialect
            assert dialect is not None
            # Without show_error, Gradio 2 and 3.0 say no more than this.
            return {} if dialect.plain_crashes else None
        return output if isinstance(output, dict) and "error" in output else None

    def succeeded(self, body: bytes) -> None:
        """The result is there."""
        output = json_object(body, self.what)
        if not isinstance(output.get("data"), list):
            raise RemoteProtocolError(f"{self.what}: the answer has no data: {body[:80]!r}")
        self._job.exchange = None
        complete(self._core, self._job, output)
