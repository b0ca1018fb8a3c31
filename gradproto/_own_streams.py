"""Event streams that are about one job: the queue of Gradio 4.0 to 4.8, and the simple ``/call`` API since 4.20."""

from __future__ import annotations

from urllib.parse import quote

from ._answers import QUEUE_FULL_MESSAGE, answer_error, json_object
from ._cancel import did_nothing
from ._channels import OwnChannel, encode_call
from ._errors import DeadlineExceeded, GradprotoError, JobError, QueueFullError, ReadError, RemoteProtocolError
from ._event_streams import EventStreamExchange, read_message
from ._events import JobCancelled, UnknownMessageReceived
from ._exchanges import JSON_HEADERS, STREAM_HEADERS, Headers, ShortExchange
from ._jobs import Job
from ._json import JSONValue, dumps, loads
from ._messages import (
    app_error_of,
    ask_for_data,
    complete,
    handle_job_message,
    text,
    whole_output,
)
from ._sse import ServerSentEvent
from ._states import JobInput, JobState

__all__ = ["CallChannel", "JoinStreamChannel"]


class _OwnStreamChannel(OwnChannel):
    """A job with an event stream of its own."""

    def opened(self) -> None:
        """The server answered with an event stream."""

    def event(self, event: ServerSentEvent, what: str) -> None:
        """Deal with one event."""
        raise NotImplementedError

    def ended(self, error: GradprotoError) -> None:
        """The stream ended before the job was complete."""
        self.lost(error)

    def listen(self, url: str, headers: tuple[tuple[str, str], ...]) -> None:
        """Ask for the stream."""
        self.exchange = _JobStream(self)
        self.core.exchanges.start(self.exchange, "GET", url, headers=(*headers, *STREAM_HEADERS))


class _JobStream(EventStreamExchange):
    """The request for the stream."""

    def __init__(self, channel: _OwnStreamChannel) -> None:
        core, job = channel.core, channel.job
        assert core.dialect is not None
        what = f"the event stream of job {job.number} ({job.endpoint.label})"
        # Where no beats come, there is a limit for the beginning alone.
        self._beats = core.dialect.beats
        super().__init__(what, core, timeout=core.timeouts.stream_idle if self._beats else core.timeouts.request)
        self._channel = channel

    @property
    def over(self) -> bool:
        # Also a job that begins anew has left it.
        return self._channel.job.channel is not self._channel

    def stream_opened(self) -> None:
        if not self._beats:
            self.core.timers.cancel(self.timer)
            self.timer = None
        self._channel.opened()

    def stream_event(self, event: ServerSentEvent) -> None:
        self._channel.event(event, self.what)

    def expired(self) -> GradprotoError:
        """Not even a heartbeat came, or not even the beginning."""
        if self._beats:
            return super().expired()
        return DeadlineExceeded(
            f"{self.what}: it did not begin within {self.timeout:g} s (the limit 'request' of the timeouts)"
        )

    def stream_ended(self, *, cut: bool) -> None:
        self._channel.exchange = None
        self._channel.ended(ReadError("the event stream ended before the job was complete"))

    def stream_failed(self, error: GradprotoError) -> None:
        self._channel.lost(error)

    def stream_refused(self, status: int, error: GradprotoError) -> None:
        self._channel.exchange = None
        self._channel.fail(error)


class JoinStreamChannel(_OwnStreamChannel):
    """The stream by which a job joins the queue; its data are sent by themselves, when the server asks for them."""

    def begin(self, data: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        """Join the queue."""
        core = self.core
        assert core.dialect is not None
        query = f"?fn_index={self.job.endpoint.fn_index}&session_hash={self.session_hash}"
        self._headers = headers
        self._payload = encode_call(self.job, data)
        self.listen(core.api_url + core.dialect.stream_route + query, headers)

    def opened(self) -> None:
        """The server has the job; the name of its event comes later."""
        self.joined("")

    def event(self, event: ServerSentEvent, what: str) -> None:
        """Deal with one message."""
        message = read_message(event.data, what)
        kind = text(message.get("msg"))
        if kind == "send_data":
            self._send_data(message, what)
        elif kind == "queue_full":
            self.job.pending = False
            self.fail(QueueFullError(QUEUE_FULL_MESSAGE))
        else:
            handle_job_message(self.core, self.job, message)

    def cancel(self, job: Job) -> None:
        """Leave what is queued: without its data it does not run. A generator that runs goes on unless it is told."""
        if job.cancelling:
            return
        if job.state is not JobState.RUNNING:
            super().cancel(job)
            return
        job.cancelling = True
        core = self.core
        assert core.dialect is not None
        body: JSONValue = {"event_id": job.event_id}
        url = core.api_url + core.dialect.cancel_route
        core.exchanges.start(_Reset(self), "POST", url, headers=JSON_HEADERS, body=(dumps(body),))

    def reset(self, refusal: str | None, error: GradprotoError | None = None) -> None:
        """The server answered to the cancellation."""
        job = self.job
        job.cancelling = False
        if job.ended:
            return
        if refusal is None:
            super().cancel(job)
        else:
            self.core.refuse_cancel(job, refusal, error)

    def ended(self, error: GradprotoError) -> None:
        """The stream ended: that is how a cancelled event ends too, and its answer may be the later one to come."""
        if self.job.cancelling:
            super().cancel(self.job)
        else:
            self.lost(error)

    def data_sent(self) -> None:
        """The server has the data."""
        self.job.exchange = None
        self.job.advance(JobInput.DATA_SENT)

    def _send_data(self, message: dict[str, JSONValue], what: str) -> None:
        core, job = self.core, self.job
        event_id = text(message.get("event_id"))
        if not event_id:
            raise RemoteProtocolError(f"{what}: send_data has no event id")
        job.event_id = event_id
        ask_for_data(core, job)
        assert core.dialect is not None
        body = self._payload[:-1] + b',"event_id":%b}' % dumps(event_id)
        self.sent = True
        if job.exchange is not None:
            core.exchanges.abort(job.exchange)
        exchange = job.exchange = _DataPost(self)
        url = core.api_url + core.dialect.data_route
        core.exchanges.start(exchange, "POST", url, headers=(*self._headers, *JSON_HEADERS), body=(body,))


class _DataPost(ShortExchange):
    """The request with the arguments of a job that has joined the queue."""

    def __init__(self, channel: JoinStreamChannel) -> None:
        job = channel.job
        super().__init__(f"the data of job {job.number} ({job.endpoint.label})", timeout=channel.core.timeouts.request)
        self._channel = channel

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        if status == 200:
            self._channel.data_sent()
        else:
            self._channel.fail(answer_error(status, headers, body, what=self.what, url=self.request.url))

    def failed(self, error: GradprotoError) -> None:
        self._channel.lost(error)


class _Reset(ShortExchange):
    """The request to stop a generator."""

    def __init__(self, channel: JoinStreamChannel) -> None:
        super().__init__(f"the cancellation of job {channel.job.number}", timeout=channel.core.timeouts.request)
        self._channel = channel

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        if status != 200:
            error = answer_error(status, headers, body, what=self.what, url=self.request.url)
            self._channel.reset(error.message, error)
        elif did_nothing(body):
            self._channel.reset("the server says that there is nothing to stop yet")
        else:
            self._channel.reset(None)

    def failed(self, error: GradprotoError) -> None:
        self._channel.reset(error.message, error.with_traceback(None))


class CallChannel(_OwnStreamChannel):
    """A call through the simple API: a request gives it a name, a stream its outputs, whole ones, and nothing else."""

    def begin(self, data: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        """Call."""
        core, job = self.core, self.job
        assert core.dialect is not None
        self._headers = headers
        self._listening = False
        self._url = core.api_url + core.dialect.call_route + quote(job.endpoint.dependency.api_name or "", safe="")
        exchange = job.exchange = _CallPost(self)
        # Without a session hash each call is a session of its own.
        body = b'{"data":%b}' % data
        self.sent = True
        core.exchanges.start(exchange, "POST", self._url, headers=(*headers, *JSON_HEADERS), body=(body,))

    def obstacle(self, job: Job) -> str | None:
        """Return why the job cannot be cancelled now, if so."""
        assert self.core.dialect is not None
        if not self.core.dialect.notices_leaving:
            return "this version of Gradio goes on with what was called, whether somebody listens or not"
        if job.state is not JobState.JOINING and not job.generates:
            return "the simple API does not tell whether it has started, and then only a generator could be stopped"
        return None

    def cancel(self, job: Job) -> None:
        """Leave the stream, as soon as the server has begun it: before, it would not notice."""
        if job.state is JobState.JOINING or not self._listening:
            job.cancel_requested = True
        else:
            super().cancel(job)

    def opened(self) -> None:
        """The server answered with the stream."""
        self._listening = True
        if self.job.cancel_requested:
            obstacle = self.obstacle(self.job)
            if obstacle is None:
                self.cancel(self.job)
            else:
                self.core.refuse_cancel(self.job, obstacle)

    def called(self, event_id: str) -> None:
        """The server has the job, under this name."""
        self.job.exchange = None
        self.joined(event_id)
        self.listen(f"{self._url}/{quote(event_id, safe='')}", self._headers)

    def event(self, event: ServerSentEvent, what: str) -> None:
        """Deal with one event: its type says what it is, its data hold the values."""
        try:
            value = loads(event.data)
        except ValueError:
            raise RemoteProtocolError(f"{what}: not JSON: {event.data[:80]!r}") from None
        core, job = self.core, self.job
        if event.event == "generating" and isinstance(value, list):
            whole_output(core, job, value, None)
        elif event.event == "complete" and isinstance(value, list):
            job.pending = False
            complete(core, job, {"data": value})
        elif event.event == "complete" and value is None:
            # So ends an event that was cancelled.
            job.pending = False
            core.finish(job, JobInput.CANCEL, JobCancelled(job=job.number))
        elif event.event == "error":
            job.pending = False
            if isinstance(value, str):
                self.fail(JobError(f"the server failed: {value[:200]}"))
            else:
                # The reason comes since 6.13.
                core.fail_by_app(job, app_error_of(core, value if isinstance(value, dict) else {}, None))
        elif event.event != "heartbeat":
            reason = f"job {job.number}: unknown kind of event"
            core.events.append(
                UnknownMessageReceived(
                    session_hash=self.session_hash, message={"event": event.event, "data": value}, reason=reason
                )
            )


class _CallPost(ShortExchange):
    """The request that calls."""

    def __init__(self, channel: CallChannel) -> None:
        job = channel.job
        super().__init__(f"the call of job {job.number} ({job.endpoint.label})", timeout=channel.core.timeouts.request)
        self._channel = channel

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        channel = self._channel
        if status != 200:
            channel.fail(answer_error(status, headers, body, what=self.what, url=self.request.url))
            return
        try:
            event_id = text(json_object(body, self.what).get("event_id"))
            if not event_id:
                raise RemoteProtocolError(f"{self.what}: the answer has no event id: {body[:80]!r}")
        except RemoteProtocolError as error:
            channel.fail(error)
            return
        channel.called(event_id)

    def failed(self, error: GradprotoError) -> None:
        self._channel.lost(error)
