"""The fake app: its endpoints, its queue, its files and its sessions, with the clock in somebody else's hands."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from email.utils import formatdate
from typing import Any, TypeVar
from urllib.parse import quote

from ._components import Component
from ._control_api import CONTROL_PREFIX, ControlApi
from ._controls import Controls
from ._documents import Layout, api_info, config, page_for
from ._endpoints import ComponentSpec, Endpoint, Visibility, endpoint_from
from ._faults import Faults
from ._files import DirectoryFiles, Files, MemoryFiles, StoredFile
from ._http import Exchange, ServerConnection
from ._jobs import Job
from ._json import compact_json
from ._log import RequestRecord, complaint, is_excused
from ._messages import Messages
from ._polling import PolledQueue
from ._profiles import Profile, profile_for
from ._queue import Queue
from ._routes import Router
from ._schedule import Schedule, Timer
from ._steps import FakeFile
from ._uploads import Uploads

__all__ = ["FakeApp"]

F = TypeVar("F", bound=Callable[..., Any])

_STEPS_A_TURN = 64  # how long one job may go on before others and the network have their turn
_MAX_TURNS = 1000  # a job that never waits for anything must not keep who settles for ever
_REMEMBERED_JOBS = 1000
_REMEMBERED_REQUESTS = 10_000
_REMEMBERED_DOCUMENTS = 32


class FakeApp(Controls):
    """A Gradio app without Gradio; one of the shells lets it be reached.

    It does no I/O but for its files, reads no clock and makes no randomness: the same calls at the same times give the
    same bytes. A shell gives it bytes through its connections, and the time through :meth:`tick`.
    """

    def __init__(
        self,
        gradio_version: str = "6.31.0",
        *,
        seed: int = 0,
        title: str = "Gradio",
        enable_queue: bool | None = None,
        max_queue_size: int | None = None,
        max_file_size: int | None = None,
        auth: Mapping[str, str] | None = None,
        show_error: bool = False,
        api_open: bool = True,
        files: Files | None = None,
        buffer_limit: int = 4 << 20,
        started_at: float = 1_750_000_000.0,
        control: bool = False,
    ) -> None:
        """Make an app without endpoints.

        ``gradio_version`` is any from 2.8 to 6.31; one that was not looked at is as the one before it. Gradio 2 serves
        one endpoint. Before 4.0 an app can do without a queue, with ``enable_queue=False``; Gradio 2 and 3.0 have
        either a queue or ``auth``.

        ``max_queue_size`` events may wait; ``max_file_size`` is in bytes; ``auth`` has passwords by user name;
        ``show_error`` shows the text of any exception, else only that of an :class:`AppFailure`; without ``api_open``
        queued endpoints cannot be called directly; ``buffer_limit`` characters of a session may wait for its stream
        before its generators pause; ``started_at`` is the date of time zero, in seconds since 1970; with ``control``
        it can be controlled over HTTP, by anybody who can reach it, at ``/__gradproto__/``.

        Raises ``ValueError`` for a Gradio version that it cannot play.
        """
        self.profile: Profile = profile_for(gradio_version)
        self.title = title
        self.max_file_size = max_file_size
        self.show_error = show_error
        self.api_open = api_open
        self.auth: dict[str, str] | None = None if auth is None else dict(auth)
        queues_strangers = auth is not None and "push" in self.profile.routes
        if queues_strangers and enable_queue:
            raise ValueError("Cannot queue with encryption or authentication enabled.")
        self.enable_queue: bool = not queues_strangers and (
            enable_queue is not False or self.profile.protocol is not None
        )
        self.endpoints: list[Endpoint] = []
        self.schedule: Schedule = Schedule()
        self.files: Files = MemoryFiles() if files is None else files
        self.messages: Messages = Messages(self.profile)
        self.requests: deque[RequestRecord] = deque(maxlen=_REMEMBERED_REQUESTS)
        """The newest requests, oldest first."""
        self.jobs: dict[str, Job] = {}
        """The newest jobs by event id, oldest first."""
        self.ready: dict[ServerConnection, None] = {}
        """Connections that may have something to send or want to be closed; the shell empties it."""
        self.date_offset = started_at
        """What to add to :attr:`now` for the seconds since 1970."""
        self.tokens: dict[str, str] = {}
        """User names by login token."""
        self.space_id: str | None = None
        """The Space that it runs in, which its config tells; a fake Hub sets it."""
        self.skip: Callable[[float], None] = lambda seconds: self.advance_to(self.now + seconds)
        """Moves the clock forward; a shell has its own way."""
        self._control = ControlApi(self) if control else None
        self.has_forgotten: bool = False
        """Whether there were sessions of which it knows nothing any more."""
        self.faults: Faults = Faults()
        """What goes wrong."""
        self._seed = f"{seed}/"
        self._minted = 0
        self.file_seed: bytes = self._mint()[:16].encode()
        self.app_id: int = int(self._mint()[:16], 16)
        self.cookie_id: str = self._mint()[:43]
        self._new_queue: Callable[[], Queue] = lambda: Queue(
            self.profile,
            self.messages,
            self.schedule,
            max_size=max_queue_size,
            show_error=show_error,
            buffer_limit=buffer_limit,
            new_event_id=self.new_id,
        )
        self.queue: Queue = self._new_queue()
        self.polled: PolledQueue = PolledQueue(self)
        """The queue of Gradio 2 and 3.0."""
        self.uploads: Uploads = Uploads(self)
        self._layout = Layout(self.profile)
        self._documents: dict[tuple[str, str, str | None], bytes] = {}
        self._by_name: dict[str, Endpoint] = {}
        self._router = Router(self.profile)
        self._own_files = files is None
        self._runnable: deque[Job] = deque()
        self._connections: dict[ServerConnection, None] = {}
        self._connection_count = 0
        self._request_count = 0
        self._open: dict[int, RequestRecord] = {}
        self._idle: dict[ServerConnection, float] = {}
        self._states: dict[str, dict[Component, Any]] = {}
        self._state_timers: dict[str, Timer] = {}
        self._common_headers: tuple[int, list[tuple[str, str]]] = (-1, [])

    # -- building

    def endpoint(
        self,
        name: str,
        *,
        inputs: Sequence[ComponentSpec] | None = None,
        outputs: Sequence[ComponentSpec] | None = None,
        generates: bool | None = None,
        queue: bool = True,
        concurrency_limit: int | None = 1,
        concurrency_id: str | None = None,
        visibility: Visibility = "public",
    ) -> Callable[[F], F]:
        """Make the decorated function an endpoint called ``name``, with its slash.

        Inputs and outputs come from its type hints, or are given as components or their short names. A generator
        function's yields are its outputs, unless its return annotation is :data:`Steps` or ``generates`` is false.
        ``concurrency_limit`` of its events run at once, ``None`` for any number; endpoints with one ``concurrency_id``
        share the limit.
        """

        def add(function: F) -> F:
            self._add(
                endpoint_from(
                    function,
                    name.removeprefix("/"),
                    len(self.endpoints),
                    inputs=inputs,
                    outputs=outputs,
                    generates=generates,
                    queue=queue,
                    concurrency_limit=concurrency_limit,
                    concurrency_id=concurrency_id,
                    visibility=visibility,
                )
            )
            return function

        return add

    def cancel_endpoint(self, name: str, *, cancels: Sequence[str]) -> None:
        """Make an endpoint that cancels the caller's events of others, as ``click(fn=None, cancels=...)`` does.

        It works by a direct call with its index. Raises ``ValueError`` for a Gradio that has none, before 3.6, and
        ``LookupError`` for endpoints that do not exist.
        """
        if self.profile.cancel_endpoints == "absent":
            raise ValueError(f"Gradio {self.profile.version} has no endpoints that cancel others")
        endpoint = endpoint_from(
            lambda: None,
            name.removeprefix("/"),
            len(self.endpoints),
            inputs=(),
            outputs=(),
            generates=False,
            queue=False,
            concurrency_limit=None,
            concurrency_id=None,
            visibility="undocumented",
        )
        endpoint.cancels = tuple(self.named(other).index for other in cancels)
        self._add(endpoint)

    def _add(self, endpoint: Endpoint) -> None:
        if self.profile.one_function and self.endpoints:
            raise ValueError(f"Gradio {self.profile.version} serves one function, and there is one already")
        if endpoint.generates and not self.profile.generators:
            raise ValueError(f"Gradio {self.profile.version} has no generators, but /{endpoint.name} is one")
        if endpoint.name in self._by_name:
            raise ValueError(f"there is an endpoint /{endpoint.name} already")
        self.endpoints.append(endpoint)
        self._by_name[endpoint.name] = endpoint
        self._layout.add(endpoint)
        self._documents.clear()

    def find_endpoint(self, name: str) -> Endpoint | None:
        """Find an endpoint by name, with or without its slash."""
        return self._by_name.get(name.removeprefix("/"))

    def endpoint_at(self, index: object) -> Endpoint | None:
        """Find an endpoint by its ``fn_index``, as the Gradio that is played does."""
        if index is None and self.profile.first_by_default:
            index = 0
        if type(index) is not int:
            return None
        first = -len(self.endpoints) if self.profile.negative_indices else 0
        return self.endpoints[index] if first <= index < len(self.endpoints) else None

    def endpoint_called(self, name: str) -> Endpoint | None:
        """Find an endpoint for a route with its name in it; private ones have none before Gradio 6."""
        endpoint = self.find_endpoint(name)
        if endpoint is not None and endpoint.visibility == "private" and self.profile.private_name != "named":
            endpoint = None
        if endpoint is None and self.profile.first_by_default:
            return self.endpoint_at(0)
        return endpoint

    # -- for tests

    def restart(self) -> None:
        """Be another process: all connections are cut, jobs, sessions and logins are gone, the app id is another."""
        self._cut_all(None)
        self._forget_all()

    def reset(self, *, keep: ServerConnection | None = None) -> None:
        """Begin anew, with the endpoints and at the time that it is: without faults, scripts, holds, requests, files.

        All connections but ``keep`` are cut.
        """
        self.faults.clear()
        self._cut_all(keep)
        self._forget_all()
        self.has_forgotten = False
        self.reset_journal()
        self.jobs.clear()
        self.uploads = Uploads(self)
        for endpoint in self.endpoints:
            endpoint.begin_anew()
        if self._own_files:
            self.files.close()
            self.files = DirectoryFiles() if isinstance(self.files, DirectoryFiles) else MemoryFiles()

    def reset_journal(self) -> None:
        """Forget the requests of before, and what there was to complain of."""
        self.requests.clear()

    def _cut_all(self, keep: ServerConnection | None) -> None:
        for connection in list(self._connections):
            if connection is not keep:
                connection.drop()

    def _forget_all(self) -> None:
        for job in list(self.jobs.values()):
            job.close()
        self.forget_sessions()
        self.tokens.clear()
        self.app_id = int(self._mint()[:16], 16)
        self._documents.clear()

    def forget_sessions(self) -> None:
        """Forget all sessions, their events and their State, as another replica knows none of them."""
        for session in list(self.queue.sessions.values()):
            session.forget()
        for job in list(self.jobs.values()):
            job.close()
        self.has_forgotten = True
        self.queue = self._new_queue()
        self.polled = PolledQueue(self)
        for timer in self._state_timers.values():
            timer.cancel()
        self._states.clear()
        self._state_timers.clear()

    # -- for the shells

    @property
    def now(self) -> float:
        """The server's time in seconds."""
        return self.schedule.now

    def connect(self) -> ServerConnection:
        """A client has connected."""
        self._connection_count += 1
        connection = ServerConnection(self, self._connection_count)
        self._connections[connection] = None
        fault = self.faults.find_for_connection() if self.faults else None
        if fault is not None and fault.name == "accept and hang":
            connection.hear_nothing()
        elif fault is not None:
            connection.close_at_once(reset=fault.name == "accept and reset")
        return connection

    def tick(self, now: float) -> None:
        """Set the time, do what is due, and let jobs that can go on make some steps."""
        self.set_time(now)
        self.run_jobs()

    def set_time(self, now: float) -> None:
        """Set the time and do what is due: the first half of :meth:`tick`, before requests are looked at."""
        self.schedule.run_due(now)
        while self._idle:
            connection, until = next(iter(self._idle.items()))
            if until > now:
                break
            del self._idle[connection]
            connection.close_idle()

    def run_jobs(self) -> None:
        """Let jobs that can go on make some steps: the second half of :meth:`tick`."""
        for _ in range(len(self._runnable)):
            job = self._runnable.popleft()
            if job.run(_STEPS_A_TURN):
                self._runnable.append(job)

    def settle(self) -> None:
        """Let jobs go on as far as they can at this time: to their end, a sleep, a gate, or an output nobody reads."""
        for _ in range(_MAX_TURNS):
            if not self._runnable:
                return
            self.run_jobs()

    def advance_to(self, until: float) -> None:
        """Let time pass up to ``until``; everything happens at its own moment and in its order."""
        self.settle()
        while (deadline := self.next_deadline()) is not None and self.now < deadline <= until:
            self.set_time(deadline)
            self.settle()
        self.set_time(until)
        self.settle()

    def next_deadline(self) -> float | None:
        """Give the time at which :meth:`tick` is needed; ``now`` if jobs could go on at once."""
        if self._runnable:
            return self.now
        deadline = self.schedule.next_deadline()
        if self._idle:
            idle = next(iter(self._idle.values()))
            deadline = idle if deadline is None else min(deadline, idle)
        return deadline

    def take_ready(self) -> list[ServerConnection]:
        """Give the connections that may have something to send or want to be closed, once."""
        ready = list(self.ready)
        self.ready.clear()
        return ready

    def use_disk(self) -> None:
        """Keep files in a temporary directory, unless the app was told where to keep them; for shells with sockets."""
        if self._own_files and isinstance(self.files, MemoryFiles):
            self.files = DirectoryFiles()

    def close(self) -> None:
        """Drop all connections and jobs, and remove the files, unless the app was told where to keep them."""
        for connection in list(self._connections):
            connection.connection_lost()
        for job in list(self.jobs.values()):
            job.close()
        if self._own_files:
            self.files.close()
            self.files = MemoryFiles()

    # -- for its connections

    def idle(self, connection: ServerConnection) -> None:
        """A response is over: the connection is closed if nothing more comes for a while."""
        self._idle[connection] = self.now + self.profile.keep_alive

    def not_idle(self, connection: ServerConnection) -> None:
        """Something came."""
        self._idle.pop(connection, None)

    def forget_connection(self, connection: ServerConnection) -> bool:
        """A connection is gone; say whether it was known until now."""
        self._idle.pop(connection, None)
        return connection in self._connections and self._connections.pop(connection, None) is None

    def log_request(
        self, connection: ServerConnection, method: str, path: str, query: str, headers: list[tuple[str, str]]
    ) -> RequestRecord:
        """Write a request into the log."""
        self._request_count += 1
        record = RequestRecord(
            number=self._request_count,
            connection=connection.number,
            method=method,
            path=path,
            query=query,
            headers=headers,
            kind="unknown",
            started=self.now,
        )
        if self._control is None or not path.startswith(CONTROL_PREFIX):
            self.requests.append(record)
            self._open[record.number] = record
        return record

    def handle(self, exchange: Exchange) -> None:
        """Begin to answer a request, of which the body has yet to come."""
        if self._control is not None and exchange.path.startswith(CONTROL_PREFIX):
            self._control.handle(exchange)
        else:
            self._router.handle(self, exchange)

    def answer(self, exchange: Exchange) -> None:
        """Answer a request that has met its faults."""
        self._router.answer(self, exchange)

    def handle_from_front(self, exchange: Exchange) -> None:
        """Log and answer a request over a connection of somebody who stands in front of the app."""
        self.requests.append(exchange.record)
        self._open[exchange.record.number] = exchange.record
        self.handle(exchange)

    def exchange_over(self, exchange: Exchange) -> None:
        """An exchange has ended."""
        record = exchange.record
        self._open.pop(record.number, None)
        if exchange.refusal is not None and record.fault is None and not is_excused(record):
            record.complaint = complaint(record, exchange.refusal)

    def common_headers(self) -> list[tuple[str, str]]:
        """What uvicorn puts before each response's own headers."""
        second = int(self.wall_time())
        if self._common_headers[0] != second:
            date = formatdate(second, usegmt=True)
            self._common_headers = (second, [("date", date), ("server", "uvicorn")])
        return self._common_headers[1]

    def cors_headers(self, request_headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """What a request with an ``Origin`` gets besides; a local page may read the answer, others may not."""
        origin = request_headers.get("origin")
        if origin is None:
            return []
        headers = [("access-control-allow-credentials", "true")]
        if _is_local(origin) or not _is_local(f"http://{request_headers.get('host', '')}"):
            headers.append(("access-control-allow-origin", origin))
        return headers

    # -- for its routes

    def wall_time(self) -> float:
        """Give the server's date in seconds since 1970."""
        return self.now + self.date_offset

    def _mint(self) -> str:
        self._minted += 1
        return hashlib.sha256(f"{self._seed}{self._minted}".encode()).hexdigest()

    def new_id(self) -> str:
        """Make an event id: 32 hex digits."""
        return self._mint()[:32]

    def new_token(self, length: int) -> str:
        """Make some hex digits."""
        return self._mint()[:length]

    def user_of(self, exchange: Exchange) -> str | None:
        """Give the name of the user who is logged in."""
        cookies = exchange.headers.get("cookie")
        if not self.tokens or cookies is None:
            return None
        for cookie in cookies.split(";"):
            name, _, value = cookie.strip().partition("=")
            if name in self.token_cookies:
                user = self.tokens.get(value)
                if user is not None:
                    return user
        return None

    @property
    def token_cookies(self) -> list[str]:
        """The names of the cookies of a login."""
        return [name.format(self.cookie_id) for name in self.profile.token_cookies]

    def root_url(self, exchange: Exchange) -> str:
        """Give the app's address as the client sees it, from its headers and those of its proxies."""
        headers = exchange.headers
        host = headers.get("host", "127.0.0.1")
        if self.profile.forwarded_host:
            host = headers.get("x-forwarded-host", host).partition(",")[0].strip()
        scheme = headers.get("x-forwarded-proto", "http").partition(",")[0].strip()
        return f"{scheme}://{host}"

    def config_document(self, root: str, user: str | None) -> bytes:
        """The body of ``/config``."""
        return self._document(("config", root, user), lambda: self._config(root, user))

    def info_document(self, root: str, *, all_endpoints: bool, simple: bool = True) -> bytes:
        """The body of ``/info``; ``simple`` as for :func:`~._documents.api_info`."""
        key = (f"info {all_endpoints} {simple}", root, None)
        return self._document(
            key,
            lambda: api_info(self.endpoints, self.profile, root, all_endpoints=all_endpoints, simple=simple),
        )

    def page_document(self, root: str, user: str | None, *, may_see: bool) -> bytes:
        """The body of ``/``."""
        document = self._config(root, user)
        info = api_info(self.endpoints, self.profile, root, all_endpoints=False)
        return page_for(self.profile, self.title, document, info, may_see=may_see).encode()

    def _config(self, root: str, user: str | None) -> dict[str, Any]:
        return config(
            self.profile,
            self.endpoints,
            self._layout,
            title=self.title,
            app_id=self.app_id,
            root=root,
            username=user,
            show_error=self.show_error,
            max_file_size=self.max_file_size,
            enable_queue=self.enable_queue,
            space_id=self.space_id,
        )

    def _document(self, key: tuple[str, str, str | None], make: Callable[[], dict[str, Any]]) -> bytes:
        document = self._documents.get(key)
        if document is None:
            if len(self._documents) >= _REMEMBERED_DOCUMENTS:
                self._documents.clear()
            document = self._documents[key] = compact_json(make()).encode()
        return document

    # -- for its jobs

    def remember(self, job: Job) -> None:
        """Keep a job where tests find it."""
        self.jobs[job.event_id] = job
        if len(self.jobs) > _REMEMBERED_JOBS:
            for event_id, old in self.jobs.items():
                if old.over:
                    del self.jobs[event_id]
                    break

    def run_soon(self, job: Job) -> None:
        """Run a job in this or the next turn."""
        self._runnable.append(job)

    def job_over(self, job: Job) -> None:
        """A job has ended or gave up its place."""
        self.queue.job_over(job, self.now)
        self.polled.job_over(job)

    def state_values(self, session_hash: str) -> dict[Component, Any]:
        """Give a session's State values."""
        values = self._states.get(session_hash)
        if values is None:
            values = self._states[session_hash] = {}
        return values

    def session_closed(self, session_hash: str) -> None:
        """A session's heartbeat ended: its State is removed after a while."""
        if session_hash in self._states and session_hash not in self._state_timers:
            self._state_timers[session_hash] = self.schedule.call_after(
                self.profile.state_lifetime, lambda: self._forget_state(session_hash)
            )

    def session_opened(self, session_hash: str) -> None:
        """A session's heartbeat began again: its State stays."""
        timer = self._state_timers.pop(session_hash, None)
        if timer is not None:
            timer.cancel()

    def _forget_state(self, session_hash: str) -> None:
        self._states.pop(session_hash, None)
        self._state_timers.pop(session_hash, None)

    def file_url(self, root: str, file: StoredFile) -> str:
        """Give the address of a stored file."""
        path = quote(file.path) if self.profile.quoted_file_urls else file.path
        return f"{root}{self.profile.api_prefix}/file={path}"

    def store(self, file: FakeFile) -> Generator[None, None, StoredFile]:
        """Store a produced file, a piece for each ``next()``."""
        writer = self.files.create(self.file_seed)
        try:
            for piece in (file.content,) if isinstance(file.content, bytes) else file.content:
                writer.write(piece)
                yield
        except BaseException:
            writer.abort()
            raise
        return writer.finish(file.name, self.wall_time())


def _is_local(url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0]
    host = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    return host in ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")
