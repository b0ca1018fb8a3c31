"""The session: one client's conversation with one Gradio app, without any I/O.

It is used through the session door. The caller asks (`connect`, `submit`, `cancel`, `download`, `close`), carries out
what `next_command` gives, reports what happened with the fact methods, and takes `next_event` until it is ``None``.
Time comes in with `tick`, after the facts of a wait; `next_deadline` says when the next one is due at the latest.

A session is not thread-safe, and never calls back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType
from typing import cast

from . import _calls
from ._api_info import Endpoint, Endpoints
from ._binding import bind_arguments, encode_arguments, split_call
from ._commands import Command
from ._config import Config
from ._connect import connect, log_in, space_failed, space_found
from ._conversations import Conversation
from ._cookies import check_cookie
from ._core import Core
from ._dialects import Route
from ._door import Door
from ._downloads import ORIGINS_HINT, Download
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
from ._headers import FIXED_HEADERS, check_headers, merge_headers
from ._hub import Hub, app_token_header
from ._jobs import Call, Job
from ._json import JSONValue, dumps
from ._multipart import encode_form
from ._payload import check_file_sizes, file_url, fill_uploads, find_uploads
from ._retry import Retry, as_retry
from ._space_wait import SPACE_WAIT, SpaceWait, check_space_wait
from ._spaces import HUB_URL, SpaceInfo, SpaceName, find_space, page_of, parse_hub_url
from ._states import SessionInput, SessionState
from ._streams import Streams
from ._timeouts import Timeouts
from ._urls import origin, parse_src, redact_url, same_origin

__all__ = ["Session"]


class Session(Door):
    """A conversation with the app at ``src``.

    ``entropy(n)`` returns n random bytes; a seeded one makes a session repeatable. ``token`` is a Hugging Face token
    and ``auth`` a user and password for the app's own login; they, ``headers`` and ``cookies`` go to the app's origin
    and nowhere else. ``oauth_token`` is a token with which the app's functions may act on the caller's behalf: it is
    sent only with calls of endpoints that take one (`Endpoint.oauth_token`).

    ``src`` may be a Hugging Face Space: ``owner/name``, the URL of its page, or its app's address under ``hf.space``.
    Then the Hub at ``hub_url`` is asked where its app is, with the token. If the Space is being built, starts or
    sleeps, the session waits for it, at most ``space_wait`` seconds, and reports that with `SpaceStageReported`.

    ``upload_paths`` says whether a plain string is taken for the path of a local file where the endpoint wants a file.
    ``file_origins`` are addresses of other origins from which files may be fetched, without credentials, such as
    ``"https://cdn.example.com"``. ``retry`` says what is tried again when it fails, a number how many times; by default
    nothing is.

    ``route`` says how jobs get to the server: through its ``"queue"``; through its simple ``"call"`` API (Gradio 4.20
    and later), which tells of nothing but outputs; or ``"direct"``, past the queue, in one round trip, where the app
    allows it. What the simple API cannot do goes through the queue: functions without a name, and those with State.

    Raises `ArgumentError` for an address, header or credential that cannot be used.
    """

    def __init__(
        self,
        src: str,
        *,
        entropy: Callable[[int], bytes],
        token: str | None = None,
        auth: tuple[str, str] | None = None,
        oauth_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        upload_paths: bool = True,
        file_origins: Iterable[str] = (),
        route: Route = "queue",
        retry: Retry | int | None = None,
        hub_url: str = HUB_URL,
        space_wait: float = SPACE_WAIT,
    ) -> None:
        if route not in ("queue", "call", "direct"):
            raise ArgumentError(f"route is {route!r}: it must be 'queue', 'call' or 'direct'")
        if not isinstance(cast(object, timeouts), (Timeouts, NoneType)):
            raise ArgumentError(f"timeouts is of type {type(cast(object, timeouts)).__name__}, not Timeouts")
        hub_url = parse_hub_url(hub_url)
        check_space_wait(space_wait)
        space = find_space(src, hub_url)
        base_url = parse_src(src) if space is None else page_of(space, hub_url)
        credentials = check_headers(headers)
        if token is not None:
            credentials = merge_headers(app_token_header(token), credentials)
        if auth is not None:
            _check_auth(auth)
        if oauth_token is not None:
            _check_oauth_token(oauth_token)
        self._core = Core(
            base_url,
            app_url=base_url if space is None else "",
            entropy=entropy,
            headers=FIXED_HEADERS,
            credentials=credentials,
            auth=auth,
            timeouts=timeouts or Timeouts(),
            route=route,
            retry=as_retry(retry),
        )
        core = self._core
        super().__init__(commands=core.commands, events=core.events, exchanges=core.exchanges, timers=core.timers)
        # Until it is known where they belong.
        self._cookies: Mapping[str, str] = _checked_cookies(cookies)
        if space is None:
            self._set_cookies()
        else:
            self._core.space = self._space_wait(space, hub_url, token, space_wait)
        self._upload_paths = upload_paths
        self._oauth_token = oauth_token
        self._file_origins = _read_origins(file_origins)
        self._streams = Streams(self._core)
        self._core.begin_again = lambda job, error: _calls.begin_again(self._core, self._streams, job, error)
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
        """The name of the session's own conversation, by which the server keeps State."""
        return self._streams.own.session_hash

    @property
    def conversation(self) -> Conversation:
        """The conversation with which the session began; it is closed with the session only."""
        return self._streams.own

    @property
    def config(self) -> Config:
        """The app's config; raises `LocalProtocolError` before it came."""
        return self._streams.own.config

    @property
    def endpoints(self) -> Endpoints:
        """The app's endpoints; raises `LocalProtocolError` before they are known."""
        return self._streams.own.endpoints

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
        conversation: Conversation | None = None,
    ) -> Call:
        """Check a call without sending anything; the I/O layer then fills in the sizes of its files.

        ``conversation`` is the one that it belongs to, ``None`` for the session's own. This only reads the session, so
        that any thread may do it. Raises `EndpointNotFoundError` and `ArgumentError`; `LocalProtocolError` when the
        session is not ready, or the conversation closed.
        """
        self._check_ready("prepare a call")
        self.check_conversation(conversation)
        endpoints = (conversation or self._streams.own).endpoints
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
            oauth_token=self._oauth_token_for(endpoint),
            conversation=conversation,
        )

    def check(self, call: Call) -> None:
        """Raise what `submit` would raise; any thread may do it."""
        self._check_ready("submit a job")
        self.check_conversation(call.conversation)
        check_file_sizes(call.endpoint, call.data, call.files, self.config)

    def submit(self, call: Call) -> Job:
        """Begin a job: ends with `JobCompleted`, `JobFailed` or `JobCancelled` for its number.

        Raises `ArgumentError` for files that are too large; nothing is sent then.
        """
        self.check(call)
        job = _calls.start(self._core, self._streams, call, self._next_job)
        self._next_job += 1
        job.conversation.use()
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
        download = Download(self._core, number, url, self._may_fetch)
        self._core.downloads[number] = download
        download.start()
        return number

    def may_download(self, file: FileData) -> bool:
        """Return whether the file may be fetched: one that lies at another origin has to be allowed."""
        if not file.path and is_data_url(file.url or ""):
            return True
        try:
            url = file_url(self._core.base_url, self.config, file)
        except GradprotoError:
            return True  # and `download` says what is wrong with it
        return self._may_fetch(url)

    def abort_download(self, download: int) -> None:
        """Stop fetching a file; no more events about it follow, but for those that are already there."""
        if not 0 <= download < self._next_download:
            raise LocalProtocolError(f"can't abort download {download}: it was never begun")
        exchange = self._core.downloads.pop(download, None)
        if exchange is not None:
            self._core.exchanges.abort(exchange)

    def check_conversation(self, conversation: Conversation | None) -> None:
        """Raise `LocalProtocolError` for a conversation that is closed; any thread may do it."""
        if conversation is not None and conversation.closed:
            raise LocalProtocolError(f"the conversation {conversation.session_hash!r} is closed")

    def open_conversation(self) -> Conversation:
        """Begin one more conversation, with State of its own, over the same connections."""
        self._check_ready("open a conversation")
        return self._streams.open_conversation()

    def close_conversation(self, conversation: Conversation) -> None:
        """End a conversation that was opened; its jobs under way fail, and the server is told to drop them.

        Closing it twice is fine. Raises `LocalProtocolError` for the session's own one.
        """
        if conversation is self._streams.own:
            raise LocalProtocolError("can't close the session's own conversation: close the session")
        if conversation.closed:
            return
        for job in list(self._core.jobs.values()):
            if job.conversation is conversation:
                _calls.drop(
                    self._core,
                    job,
                    ConnectionLostError(f"job {job.number} was under way when its conversation was closed"),
                )
        self._streams.close_conversation(conversation)

    def reset_session(self, conversation: Conversation | None = None) -> None:
        """Begin a conversation, or the session's own, anew, with new State; jobs under way end in the old one."""
        self._check_ready("reset the session")
        self.check_conversation(conversation)
        self._streams.reset(conversation or self._streams.own)

    def close(self) -> None:
        """Stop everything; jobs and downloads under way fail. Closing twice is fine."""
        if self.state is SessionState.CLOSED:
            return
        self._core.advance(SessionInput.CLOSE)
        for conversation in self._core.conversations:
            conversation.stop()
        self._core.timers.cancel(self._core.connecting)
        if self._core.space is not None:
            self._core.space.stop()
        for job in list(self._core.jobs.values()):
            job.pending = False
            self._core.fail(job, ConnectionLostError(f"job {job.number} was under way when the session was closed"))
        for download in list(self._core.downloads.values()):
            download.stop(ReadError("the session was closed"))
        self._streams.close()
        self._core.exchanges.abort_all()

    # --- what the I/O layer takes and reports ------------------------------------------------------------------------

    def next_command(self) -> Command | None:
        """Return what to do next, or ``None``. Ask for commands and events in turn until both are ``None``."""
        self._core.go_on()
        return super().next_command()

    def next_event(self) -> Event | None:
        """Return what happened next, or ``None``. Ask for commands and events in turn until both are ``None``."""
        self._core.go_on()
        return super().next_event()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _set_cookies(self) -> None:
        for name, value in self._cookies.items():
            self._core.exchanges.cookies.set(name, value, self._core.base_url)
        self._cookies = {}

    def _space_wait(self, space: SpaceName, hub_url: str, token: str | None, limit: float) -> SpaceWait:
        core = self._core

        def ready(info: SpaceInfo) -> None:
            assert info.host is not None
            core.base_url = info.host + space.path
            self._set_cookies()
            space_found(core)

        return SpaceWait(
            Hub(core.exchanges, hub_url, token=token, timeout=core.timeouts.request),
            space,
            exchanges=core.exchanges,
            timers=core.timers,
            entropy=core.entropy,
            limit=limit,
            ready=ready,
            failed=lambda error: space_failed(core, error),
            report=core.events.append,
        )

    def _check_ready(self, what: str) -> None:
        if self.state is not SessionState.READY:
            raise LocalProtocolError(f"can't {what} when the session is {self.state.value}")

    def _oauth_token_for(self, endpoint: Endpoint) -> str | None:
        # Like every credential it is for the app at the address that the caller gave, not for where that led.
        return self._oauth_token if endpoint.oauth_token is not None and not self._core.moved else None

    def _check_takes_input(self, job: Job) -> None:
        self._check_ready("send an input")
        dialect = self._core.dialect
        assert dialect is not None
        if job.endpoint.dependency.connection != "stream" or not dialect.input_route:
            raise ArgumentError(
                f"{job.endpoint.label} takes no input while it runs",
                hint="call it again; only streaming endpoints (Gradio 5 and later) take more than one",
            )

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
        if not self._may_fetch(url):
            raise ArgumentError(
                f"the file {redact_url(str(file.path))[:80]!r} lies at another origin than the app; not fetched",
                hint=ORIGINS_HINT,
            )
        return url

    def _may_fetch(self, url: str) -> bool:
        return same_origin(url, self._core.base_url) or origin(url) in self._file_origins


def _read_origins(origins: object) -> frozenset[tuple[str, str, int]]:
    if isinstance(origins, (str, bytes)) or not isinstance(origins, Iterable):
        raise ArgumentError(f"file_origins must be a list of addresses, not {type(origins).__name__}")
    found: set[tuple[str, str, int]] = set()
    for item in cast("Iterable[object]", origins):
        if not isinstance(item, str):
            raise ArgumentError(f"file_origins holds an object of type {type(item).__name__}, which is no address")
        try:
            found.add(origin(parse_src(item)))
        except ArgumentError as error:
            raise ArgumentError(f"file_origins: {error.message}") from None
    return frozenset(found)


def _check_auth(auth: object) -> None:
    pair = cast("Sequence[object]", auth) if isinstance(auth, (tuple, list)) else ()
    texts = [part for part in pair if isinstance(part, str)]
    if not len(texts) == len(pair) == 2:
        raise ArgumentError("auth must be a pair of strings: user and password")
    encode_form([("user", texts[0]), ("password", texts[1])])


def _check_oauth_token(token: object) -> None:
    # What is wrong with it is said without showing it.
    if not isinstance(token, str) or not token:
        raise ArgumentError("oauth_token must be a string, and not empty")
    try:
        token.encode()
    except UnicodeEncodeError:
        raise ArgumentError("oauth_token holds a lone surrogate, which JSON cannot carry") from None


def _checked_cookies(cookies: Mapping[str, str] | None) -> Mapping[str, str]:
    given = cast(object, {} if cookies is None else cookies)
    if not isinstance(given, Mapping):
        raise ArgumentError(f"cookies must be a mapping of names to values, not a {type(given).__name__}")
    for name, value in cast("Mapping[object, object]", given).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ArgumentError("the names and the values of cookies must be strings")
        # A Space's are put into the jar only when it is known where it is, and then there is nobody to tell.
        check_cookie(name, value)
    return cast("Mapping[str, str]", given)
