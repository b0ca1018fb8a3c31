"""The session: one client's conversation with one Gradio app, without any I/O.

It is used through the session door. The caller asks (`connect`, `submit`, `cancel`, `download`, `close`), carries out
what `next_command` gives, reports what happened with the fact methods, and takes `next_event` until it is ``None``.
Time comes in with `tick`, after the facts of a wait; `next_deadline` says when the next one is due at the latest.

A session is not thread-safe, and never calls back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import cast

from . import _calls
from ._api_info import Endpoints
from ._binding import bind_arguments, encode_arguments, split_call
from ._commands import Command
from ._config import Config
from ._connect import Heartbeat, connect, log_in
from ._core import Core
from ._dialects import Route
from ._downloads import Download
from ._errors import (
    ArgumentError,
    ConnectionLostError,
    GradprotoError,
    LocalProtocolError,
    ReadError,
    RemoteProtocolError,
)
from ._events import DownloadCompleted, DownloadDataReceived, DownloadFailed, DownloadStarted, Event
from ._files import FileData, data_url_bytes, is_data_url
from ._headers import USER_HEADER, check_headers, merge_headers
from ._jobs import Call, Job
from ._json import JSONValue, dumps
from ._multipart import encode_form
from ._payload import check_file_sizes, file_url, fill_uploads, find_uploads
from ._states import SessionInput, SessionState
from ._streams import Streams
from ._timeouts import Timeouts
from ._urls import parse_src, same_origin
from ._version import __version__

__all__ = ["Session"]

FIXED_HEADERS = (
    ("accept", "*/*"),
    # Compression would put a buffer between the server and whoever waits for the next event.
    ("accept-encoding", "identity"),
    ("user-agent", f"gradproto/{__version__}"),
    USER_HEADER,
)


class Session:
    """A conversation with the app at ``src``.

    ``entropy(n)`` returns n random bytes; a seeded one makes a session repeatable. ``token`` is a Hugging Face token
    and ``auth`` a user and password for the app's own login; they, ``headers`` and ``cookies`` go to the app's origin
    and nowhere else. ``upload_paths`` says whether a plain string is taken for the path of a local file where the
    endpoint wants a file. ``route`` says how jobs get to the server: through its ``"queue"``; through its simple
    ``"call"`` API (Gradio 4.20 and later), which tells of nothing but outputs; or ``"direct"``, past the queue, in one
    round trip, where the app allows it. What the simple API cannot do goes through the queue: functions without a name,
    and those with State.

    Raises `ArgumentError` for an address, header or credential that cannot be used.
    """

    def __init__(
        self,
        src: str,
        *,
        entropy: Callable[[int], bytes],
        token: str | None = None,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        upload_paths: bool = True,
        route: Route = "queue",
    ) -> None:
        if route not in ("queue", "call", "direct"):
            raise ArgumentError(f"route is {route!r}: it must be 'queue', 'call' or 'direct'")
        if not isinstance(cast(object, timeouts), (Timeouts, NoneType)):
            raise ArgumentError(f"timeouts is of type {type(cast(object, timeouts)).__name__}, not Timeouts")
        base_url = parse_src(src)
        credentials = check_headers(headers)
        if token is not None:
            credentials = merge_headers(_token_header(token), credentials)
        if auth is not None:
            _check_auth(auth)
        self._core = Core(
            base_url,
            entropy=entropy,
            headers=FIXED_HEADERS,
            credentials=credentials,
            auth=auth,
            timeouts=timeouts or Timeouts(),
            route=route,
        )
        for name, value in _checked_cookies(cookies).items():
            self._core.exchanges.cookies.set(name, value, base_url)
        self._upload_paths = upload_paths
        self._heartbeat = Heartbeat(self._core)
        self._streams = Streams(self._core, self._keep_state)
        self._next_job = 0
        self._next_download = 0

    # --- what the session is -----------------------------------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self._core.state

    @property
    def base_url(self) -> str:
        """Where the app is, without a slash at the end."""
        return self._core.base_url

    @property
    def session_hash(self) -> str:
        """The name of the conversation, by which the server keeps State."""
        return self._streams.main.session_hash

    @property
    def config(self) -> Config:
        """The app's config; raises `LocalProtocolError` before it came."""
        if self._core.config is None:
            raise LocalProtocolError(f"there is no config when the session is {self.state.value}")
        return self._core.config

    @property
    def endpoints(self) -> Endpoints:
        """The app's endpoints; raises `LocalProtocolError` before they are known."""
        if self._core.endpoints is None:
            raise LocalProtocolError(f"there are no endpoints when the session is {self.state.value}")
        return self._core.endpoints

    # --- what the caller asks ----------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Begin to connect: ends with `SessionReady` or `SessionFailed`."""
        if self.state is not SessionState.NEW:
            raise LocalProtocolError(f"can't connect when the session is {self.state.value}")
        if self._core.auth is not None:
            self._core.exchanges.log_in_again = lambda: log_in(self._core)
        connect(self._core)

    def prepare(
        self,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        *,
        api_name: str | None = None,
        fn_index: int | None = None,
        headers: Mapping[str, str] | None = None,
        event_data: JSONValue = None,
        trigger_id: int | None = None,
    ) -> Call:
        """Check a call without sending anything; the I/O layer then fills in the sizes of its files.

        This only reads the session, so that any thread may do it. Raises `EndpointNotFoundError` and `ArgumentError`;
        `LocalProtocolError` when the session is not ready.
        """
        self._check_ready("prepare a call")
        endpoints = self.endpoints
        api_name, arguments, named = split_call(args, kwargs or {}, endpoints, api_name=api_name, fn_index=fn_index)
        endpoint = endpoints.resolve(api_name=api_name, fn_index=fn_index)
        data, files = find_uploads(
            endpoint, bind_arguments(endpoint, arguments, named), upload_paths=self._upload_paths
        )
        # Found here: what JSON cannot carry. With files it is looked at with stand-ins, since their paths come later.
        dumps((event_data, trigger_id))
        encoded = encode_arguments(endpoint, fill_uploads(data, [FileData(path="")] * len(files)))
        return Call(
            endpoint=endpoint,
            data=data,
            files=tuple(files),
            encoded=None if files else encoded,
            headers=check_headers(headers),
            event_data=event_data,
            trigger_id=trigger_id,
        )

    def check(self, call: Call) -> None:
        """Raise what `submit` would raise; any thread may do it."""
        self._check_ready("submit a job")
        check_file_sizes(call.endpoint, call.data, call.files, self.config)

    def submit(self, call: Call) -> Job:
        """Begin a job: ends with `JobCompleted`, `JobFailed` or `JobCancelled` for its number.

        Raises `ArgumentError` for files that are too large; nothing is sent then.
        """
        self.check(call)
        job = _calls.start(self._core, self._streams, call, self._next_job)
        self._next_job += 1
        if self._next_job == 1:
            self._keep_state()
        return job

    def cancel(self, job: Job) -> None:
        """Begin to cancel a job: ends with one of its last three events, or with `CancelRefused`, which says why."""
        if not job.ended and self._core.jobs.get(job.number) is not job:
            raise LocalProtocolError(f"can't cancel job {job.number}: it was not submitted to this session")
        _calls.cancel(self._core, job)

    def send(self, job: Job, call: Call) -> int:
        """Send one more input to a job of an endpoint that takes them while it runs; ``call`` is prepared for it.

        Returns a number; it ends with `ChunkAccepted` or `ChunkRefused` for that. Inputs go in order, each when the
        function has answered to the one before. Raises `ArgumentError` where the endpoint takes only its arguments,
        `JobError` where the job is over.
        """
        self._check_takes_input(job)
        # By its number: what an app's endpoints are is described anew when one of them makes others.
        if call.endpoint.fn_index != job.endpoint.fn_index:
            raise ArgumentError(f"the input is for {call.endpoint.label}, and job {job.number} of {job.endpoint.label}")
        check_file_sizes(call.endpoint, call.data, call.files, self.config)
        return _calls.send(self._core, job, call)

    def end_inputs(self, job: Job) -> int:
        """Say that such a job gets no more input, so that it comes to its end; the rest is as with `send`."""
        self._check_takes_input(job)
        return _calls.end_inputs(self._core, job)

    def download(self, file: FileData) -> int:
        """Begin to fetch a file from the app; returns the number that its events carry.

        A file that lies elsewhere, or nowhere, is not fetched: that is a `DownloadFailed`.
        """
        self._check_ready("download a file")
        number = self._next_download
        self._next_download += 1
        if not file.path and is_data_url(file.url or ""):
            self._unpack(number, file.url or "")
            return number
        try:
            url = self._url_of(file)
        except GradprotoError as error:
            # The server names its files, so that what is wrong with one is no mistake of the caller's.
            self._core.events.append(DownloadFailed(download=number, error=error))
            return number
        download = Download(self._core, number, url)
        self._core.downloads[number] = download
        self._core.exchanges.start(download, "GET", url, safe_to_repeat=True)
        return number

    def abort_download(self, download: int) -> None:
        """Stop fetching a file; no more events about it follow, but for those that are already there."""
        if not 0 <= download < self._next_download:
            raise LocalProtocolError(f"can't abort download {download}: it was never begun")
        exchange = self._core.downloads.pop(download, None)
        if exchange is not None:
            self._core.exchanges.abort(exchange)

    def reset_session(self) -> None:
        """Begin a new conversation, with new State; jobs under way end in the old one."""
        self._check_ready("reset the session")
        self._streams.reset()

    def close(self) -> None:
        """Stop everything; jobs and downloads under way fail. Closing twice is fine."""
        if self.state is SessionState.CLOSED:
            return
        self._core.advance(SessionInput.CLOSE)
        self._heartbeat.stop()
        for job in list(self._core.jobs.values()):
            job.pending = False
            self._core.fail(job, ConnectionLostError(f"job {job.number} was under way when the session was closed"))
        for download in list(self._core.downloads.values()):
            download.failed(ReadError("the session was closed"))
        self._streams.close()
        self._core.exchanges.abort_all()

    # --- what the I/O layer takes and reports ------------------------------------------------------------------------

    def next_command(self) -> Command | None:
        """Return what to do next, or ``None``. Ask for commands and events in turn until both are ``None``."""
        self._core.go_on()
        commands = self._core.commands
        return commands.popleft() if commands else None

    def next_event(self) -> Event | None:
        """Return what happened next, or ``None``. Ask for commands and events in turn until both are ``None``."""
        self._core.go_on()
        events = self._core.events
        return events.popleft() if events else None

    def response_started(self, exchange: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The head of the final response came; interim ones (1xx) are not reported."""
        self._core.exchanges.response_started(exchange, status, headers)

    def response_data(self, exchange: int, data: bytes) -> None:
        """The next bytes of the response's body came, without transfer coding."""
        self._core.exchanges.response_data(exchange, data)

    def response_ended(self, exchange: int) -> None:
        """The response is complete."""
        self._core.exchanges.response_ended(exchange)

    def exchange_failed(self, exchange: int, error: GradprotoError) -> None:
        """There is no more of this exchange: a `TransportError`, or a `RemoteProtocolError` of the HTTP layer."""
        self._core.exchanges.exchange_failed(exchange, error)

    def body_sent(self, exchange: int, sent: int) -> None:
        """So many bytes of the request's body were handed to the network, in all. Needed only for bodies with files."""
        self._core.exchanges.body_sent(exchange, sent)

    def websocket_opened(self, exchange: int) -> None:
        """The handshake of a WebSocket is done; a refused one is a response like any other."""
        self._core.exchanges.websocket_opened(exchange)

    def websocket_text(self, exchange: int, text: str) -> None:
        """A whole message came on a WebSocket."""
        self._core.exchanges.websocket_text(exchange, text)

    def websocket_closed(self, exchange: int, code: int, reason: str) -> None:
        """A WebSocket is closed; the code is 1006 where there was no closing handshake (RFC 6455, section 7.1.5)."""
        self._core.exchanges.websocket_closed(exchange, code, reason)

    def next_deadline(self) -> float | None:
        """Return when to call `tick` at the latest, on the clock it is told; ``None``: not before the next fact."""
        return self._core.timers.next_deadline()

    def tick(self, now: float) -> None:
        """Say what time it is, in seconds of any clock that never goes back."""
        self._core.timers.tick(now)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _check_ready(self, what: str) -> None:
        if self.state is not SessionState.READY:
            raise LocalProtocolError(f"can't {what} when the session is {self.state.value}")

    def _check_takes_input(self, job: Job) -> None:
        self._check_ready("send an input")
        dialect = self._core.dialect
        assert dialect is not None
        if job.endpoint.dependency.connection != "stream" or not dialect.input_route:
            raise ArgumentError(
                f"{job.endpoint.label} takes no input while it runs",
                hint="call it again; only streaming endpoints (Gradio 5 and later) take more than one",
            )

    def _keep_state(self) -> None:
        """Let the heartbeat be that of the present conversation; there is no State to keep before the first job."""
        if self.state is SessionState.READY and self._next_job and Heartbeat.wanted(self._core):
            self._heartbeat.beat(self._streams.main.session_hash)

    def _unpack(self, number: int, url: str) -> None:
        """Give the content of a file that came inside its URL (Gradio before 3.19)."""
        events = self._core.events
        try:
            content = data_url_bytes(url)
        except ArgumentError as error:
            events.append(DownloadFailed(download=number, error=RemoteProtocolError(error.message)))
            return
        mime_type = re.split("[;,]", url[len("data:") : 200], maxsplit=1)[0] or None
        events.append(DownloadStarted(download=number, size=len(content), mime_type=mime_type))
        if content:
            events.append(DownloadDataReceived(download=number, data=content))
        events.append(DownloadCompleted(download=number))

    def _url_of(self, file: FileData) -> str:
        base_url = self._core.base_url
        url = file_url(base_url, self.config, file)
        if not same_origin(url, base_url):
            raise ArgumentError(f"the file {str(file.path)[:80]!r} lies at another origin than the app; not fetched")
        return url


def _check_auth(auth: object) -> None:
    pair = cast("Sequence[object]", auth) if isinstance(auth, (tuple, list)) else ()
    texts = [part for part in pair if isinstance(part, str)]
    if not len(texts) == len(pair) == 2:
        raise ArgumentError("auth must be a pair of strings: user and password")
    encode_form([("user", texts[0]), ("password", texts[1])])


def _checked_cookies(cookies: Mapping[str, str] | None) -> Mapping[str, str]:
    given = cast(object, {} if cookies is None else cookies)
    if not isinstance(given, Mapping):
        raise ArgumentError(f"cookies must be a mapping of names to values, not a {type(given).__name__}")
    for name, value in cast("Mapping[object, object]", given).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ArgumentError("the names and the values of cookies must be strings")
    return cast("Mapping[str, str]", given)


def _token_header(token: str) -> tuple[tuple[str, str], ...]:
    # Not Authorization, which belongs to the app itself; the Hub's proxy takes either.
    try:
        return check_headers({"x-hf-authorization": f"Bearer {token}"})
    except ArgumentError:
        raise ArgumentError("the token holds characters that a header cannot carry") from None
