"""The fake app: its endpoints, its queue, its files and its sessions, with the clock in somebody else's hands."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from email.utils import formatdate
from typing import Any, cast
from urllib.parse import quote

from ._address import Address
from ._building import Building
from ._control_api import ControlApi, is_control
from ._controls import Controls
from ._cors import cors_headers
from ._documents import Layout, api_info, config, page_for
from ._endpoints import Endpoint
from ._fault_answers import CONNECTION_FAULTS, strike_streams
from ._faults import Faults
from ._file_access import FileAccess
from ._files import DirectoryFiles, Files, MemoryFiles, StoredFile
from ._http import Exchange, ServerConnection
from ._jobs import Job
from ._json import compact_json
from ._listening import Listening
from ._log import RequestRecord, complaint, is_excused
from ._messages import Messages
from ._monitoring import Monitoring
from ._openapi import openapi_document
from ._polling import PolledQueue
from ._profiles import Profile, profile_for
from ._queue import Queue, Session
from ._render import RenderedEndpoints
from ._routes import Router
from ._schedule import Schedule
from ._session_states import SessionStates
from ._steps import FakeFile
from ._uploads import Uploads

__all__ = ["FakeApp"]

_STEPS_A_TURN = 64  # how long one job may go on before others and the network have their turn
_MAX_TURNS = 1000  # a job that never waits for anything must not keep who settles for ever
_REMEMBERED_JOBS = 1000
_REMEMBERED_REQUESTS = 10_000
_REMEMBERED_DOCUMENTS = 32


class FakeApp(Controls, Building):
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
        default_concurrency_limit: int | None = 1,
        concurrency_count: int | None = None,
        state_session_capacity: int = 10_000,
        buffer_limit: int = 4 << 20,
        started_at: float = 1_750_000_000.0,
        control: bool = False,
        root_path: str = "",
        mount_path: str = "",
        allowed_paths: Sequence[str] = (),
        blocked_paths: Sequence[str] = (),
    ) -> None:
        """Make an app without endpoints.

        ``gradio_version`` is any from 2.8 to 6.31; one that was not looked at is as the one before it. Gradio 2 serves
        one endpoint. Before 4.0 an app can do without a queue, with ``enable_queue=False``; Gradio 2 and 3.0 have
        either a queue or ``auth``.

        ``max_queue_size`` events may wait, from 3.1.6 on; ``max_file_size`` is in bytes; ``auth`` has passwords by user
        name; ``show_error`` shows the text of any exception, else only that of an :class:`AppFailure`; without
        ``api_open`` queued endpoints cannot be called directly; ``default_concurrency_limit`` is that of endpoints that
        have none of their own; ``concurrency_count`` of all events run at once before 4.0, where it takes the place of
        all limits; State is kept of ``state_session_capacity`` sessions; ``buffer_limit`` characters of a session may
        wait for its stream before its generators pause; ``started_at`` is the date of time zero, in seconds since 1970;
        with ``control`` it can be looked at and controlled over HTTP, at ``/__gradproto__/``: by any program that can
        reach it, and in a browser, by its own page there and no other.

        ``root_path`` is that of ``launch()``: a path that a proxy in front is to cut off, or the app's whole public
        URL. ``mount_path`` is that of ``mount_gradio_app()``: the app is below it, and nothing is beside it.
        ``allowed_paths`` and ``blocked_paths`` are files and directories of this machine, as in ``launch()``: any
        client may fetch what is allowed, and nothing that is blocked.

        Raises ``ValueError`` for a Gradio version that it cannot play, and for what that version does not have.
        """
        if max_file_size is not None and not isinstance(max_file_size, int):  # pyright: ignore - not all callers are checked
            raise ValueError(f"max_file_size is a number of bytes, not {max_file_size!r:.80}")
        self.profile: Profile = self._profile(gradio_version)
        self.address: Address = Address(self.profile, root_path=root_path, mount_path=mount_path)
        """Which paths are its own, and what it calls itself."""
        self.file_access: FileAccess = FileAccess(self.profile, allowed=allowed_paths, blocked=blocked_paths)
        """Which files clients may have."""
        self.title = title
        self.max_file_size = max_file_size
        self.show_error = show_error
        self.api_open = api_open
        self.auth: dict[str, str] | None = None if auth is None else _logins(auth)
        if concurrency_count is not None and self.profile.protocol is not None:
            raise ValueError(f"Gradio {self.profile.version} has no concurrency_count: use default_concurrency_limit")
        if max_queue_size is not None and not self.profile.queue_has_limit:
            raise ValueError(f"Gradio {self.profile.version} has no max_queue_size: any number of events may wait")
        self._default_limit = default_concurrency_limit
        self._worker_count = concurrency_count
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
        self.began: float = 0.0
        """When it was started, or restarted."""
        self.tokens: dict[str, str] = {}
        """User names by login token."""
        self.space_id: str | None = None
        """The Space that it runs in, which its config tells; a fake Hub sets it."""
        self.skip: Callable[[float], None] = lambda seconds: self.advance_to(self.now + seconds)
        """Moves the clock forward; a shell has its own way."""
        self.on_request: Callable[[RequestRecord], object] | None = None
        """Called when a request is over, however it ended."""
        self._control = ControlApi(self) if control else None
        self.has_forgotten: bool = False
        """Whether there were sessions of which it knows nothing any more."""
        self.faults: Faults = Faults()
        """What goes wrong."""
        self.listening: Listening = Listening(self.schedule)
        """Whether clients can connect."""
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
        self.monitoring: Monitoring = Monitoring()
        """What monitoring tools are told."""
        self.uploads: Uploads = Uploads(self)
        self._pages = {"": "Home"}
        self._layout = Layout(self.profile)
        self._rendered = RenderedEndpoints(self.profile)
        self._documents: dict[tuple[str, str, str | None], bytes] = {}
        self._by_name: dict[str, Endpoint] = {}
        self._router = Router(self.profile)
        self._own_files = files is None
        self._runnable: deque[Job] = deque()
        self._tidy_jobs_at = _REMEMBERED_JOBS
        self._connections: dict[ServerConnection, None] = {}
        self._connection_count = 0
        self.request_count: int = 0
        """How many requests there were, those included that are forgotten."""
        self._open: dict[int, RequestRecord] = {}
        self._idle: dict[ServerConnection, float] = {}
        self.states: SessionStates = SessionStates(
            self.schedule, capacity=state_session_capacity, closed_lifetime=self.profile.state_lifetime
        )
        self._common_headers: tuple[int, list[tuple[str, str]]] = (-1, [])

    def _profile(self, gradio_version: str) -> Profile:
        return profile_for(gradio_version)

    # -- its endpoints

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

    def has_component(self, identity: object) -> bool:
        """Say whether there is a component with an id."""
        return type(identity) is int and 0 <= identity < self._layout.size

    def endpoint_in(self, session_hash: str | None, index: object) -> Endpoint | None:
        """Find an endpoint by its ``fn_index``, among those that were rendered for a session too."""
        return self._rendered.find(session_hash, index) or self.endpoint_at(index)

    def render(self, renderer: Endpoint, session_hash: str, made: object) -> dict[str, Any]:
        """Make a session's endpoints of functions by their names; give what is told of them."""
        names = self._by_name.keys()
        return self._rendered.render(renderer, session_hash, made, self._layout, names, len(self.endpoints))

    def endpoint_called(self, name: str) -> Endpoint | None:
        """Find an endpoint for a route with its name in it; private ones have none before Gradio 6."""
        if self.profile.first_by_default:
            return self.endpoint_at(0)
        endpoint = self.find_endpoint(name)
        if endpoint is not None and endpoint.visibility == "private" and self.profile.private_name != "named":
            return None
        return endpoint

    # -- for tests

    def restart(self, *, down: float = 0.0) -> None:
        """Be another process: all connections are cut, jobs, sessions and logins are gone, the app id is another.

        New connections are refused while it is ``down``, for so many seconds.
        """
        self._cut_all(None)
        self._forget_all()
        self.began = self.now
        self.listening.stop_for(down)

    def refuse(self, seconds: float) -> None:
        """Refuse new connections for so many seconds from now; those that are there stay, and 0 ends it."""
        self.listening.stop_for(seconds)

    def shutdown(self) -> None:
        """Stop as a real server does: nobody can connect or join any more, streams are told, what runs is not finished.

        A WebSocket is closed with 1012; the streams of 4.0 to 4.8 go on to the end of what runs; those of 4.9 say
        ``server_stopped``, and later ones ``unexpected_error``, over and over before 6.11. :meth:`restart` ends it.
        """
        self.queue.stop()
        if self.profile.stopping != "goes on" or self.profile.protocol is None:
            for job in list(self.jobs.values()):
                job.close()

    def reset(self, *, keep: ServerConnection | None = None) -> None:
        """Begin anew, with the endpoints and at the time that it is: without faults, scripts, holds, requests, files.

        All connections but ``keep`` are cut.
        """
        self.faults.clear()
        self.listening.start()
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
        self.queue.stopped = True
        for channel in self.queue.channels():
            channel.forget()
        for job in list(self.jobs.values()):
            job.close()
        self.has_forgotten = True
        self.queue = self._new_queue()
        self.polled = PolledQueue(self)
        self.monitoring = Monitoring()
        self.states.clear()
        self._rendered.clear()

    # -- for the shells

    @property
    def now(self) -> float:
        """The server's time in seconds."""
        return self.schedule.now

    def connect(self) -> ServerConnection:
        """A client has connected. Raises ``ConnectionRefusedError`` while nobody listens."""
        self.listening.check()
        self._connection_count += 1
        connection = ServerConnection(self, self._connection_count)
        self._connections[connection] = None
        fault = self.faults.find_for_connection() if self.faults else None
        if self.queue.stopped:
            connection.close_at_once(reset=False)
        elif fault is not None:
            CONNECTION_FAULTS[fault.name](connection, fault.values)
        return connection

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

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

    def jump(self) -> bool:
        """Let time pass up to what is awaited next, and no client's patience with it; say if there was anything.

        Awaited are the ends of sleeps and of delays. Until then no heartbeat comes, and no idle connection is closed.
        """
        skipped = self.schedule.jump()
        if skipped is None:
            return False
        self._idle = {connection: until + skipped for connection, until in self._idle.items()}
        return True

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
        controls = self._control is not None and is_control(path)
        if not controls:  # whoever looks on does not change the numbers
            self.request_count += 1
        record = RequestRecord(
            number=0 if controls else self.request_count,
            connection=connection.number,
            method=method,
            path=path,
            query=query,
            headers=headers,
            kind="unknown",
            started=self.now,
        )
        if not controls:
            self.requests.append(record)
            self._open[record.number] = record
        return record

    def handle(self, exchange: Exchange) -> None:
        """Begin to answer a request, of which the body has yet to come."""
        if self._control is not None and is_control(exchange.path):
            self._control.handle(exchange)
        else:
            self._router.handle(self, exchange)

    def answer(self, exchange: Exchange) -> None:
        """Answer a request that has met its faults."""
        self._router.answer(self, exchange)

    def handle_from_front(self, exchange: Exchange) -> None:
        """Log and answer a request over a connection of somebody who stands in front of the app."""
        if self._control is None or not is_control(exchange.path):
            self.requests.append(exchange.record)
            self._open[exchange.record.number] = exchange.record
        self.handle(exchange)

    def exchange_over(self, exchange: Exchange) -> None:
        """An exchange has ended."""
        record = exchange.record
        self._open.pop(record.number, None)
        if exchange.refusal is not None and record.fault is None and not is_excused(record):
            record.complaint = complaint(record, exchange.refusal)
        if self.on_request is not None and record.kind != "control":
            self.on_request(record)

    def common_headers(self) -> list[tuple[str, str]]:
        """What uvicorn puts before each response's own headers."""
        second = int(self.wall_time())
        if self._common_headers[0] != second:
            date = formatdate(second, usegmt=True)
            self._common_headers = (second, [("date", date), ("server", "uvicorn")])
        return self._common_headers[1]

    def cors_headers(self, request_headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """What an answer has besides, for browsers."""
        return cors_headers(self.profile.cors, request_headers)

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
        if not self.tokens:
            return None
        cookies = self.cookies_of(exchange)
        users = (self.tokens.get(cookies.get(name, "")) for name in self.token_cookies)
        return next((user for user in users if user is not None), None)

    @staticmethod
    def cookies_of(exchange: Exchange) -> dict[str, str]:
        """Give the cookies that a request has."""
        pairs = (cookie.strip().partition("=") for cookie in exchange.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in pairs}

    @property
    def token_cookies(self) -> list[str]:
        """The names of the cookies of a login."""
        return [name.format(self.cookie_id) for name in self.profile.token_cookies]

    def root_url(self, exchange: Exchange) -> str:
        """Give the app's address as the client sees it, from its headers and those of its proxies."""
        return self.address.root_url(exchange.headers, exchange.prefix, exchange.own_path)

    def file_root(self, exchange: Exchange, *, direct: bool = False) -> str:
        """Give what stands before the addresses of the files that a call produces."""
        return self.address.file_root(exchange.headers, exchange.prefix, exchange.own_path, direct=direct)

    def config_document(self, root: str, user: str | None) -> bytes:
        """The body of ``/config``."""
        return self._document(("config", root, user), lambda: self._config(root, user))

    def info_document(self, root: str, *, all_endpoints: bool, simple: bool = True) -> bytes:
        """The body of ``/info``; ``simple`` as for :func:`~._documents.api_info`."""
        key = (f"info {all_endpoints} {simple}", root, None)
        return self._document(key, lambda: self._info(root, all_endpoints=all_endpoints, simple=simple))

    def openapi_document(self, root: str) -> bytes:
        """The body of ``/openapi.json``."""

        def make() -> dict[str, Any]:
            return openapi_document(self._info(root, all_endpoints=False), self.title, self.profile)

        return self._document(("openapi", root, None), make)

    def page_document(self, root: str, user: str | None, *, may_see: bool) -> bytes:
        """The body of ``/``."""
        document = self._config(root, user)
        info = self._info(root, all_endpoints=False)
        return page_for(self.profile, self.title, document, info, may_see=may_see).encode()

    def _info(self, root: str, *, all_endpoints: bool, simple: bool = True) -> dict[str, Any]:
        return api_info(self.endpoints, self.profile, root, all_endpoints=all_endpoints, simple=simple)

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
            pages=self._pages,
        )

    def _document(self, key: tuple[str, str, str | None], make: Callable[[], dict[str, Any]]) -> bytes:
        document = self._documents.get(key)
        if document is None:
            if len(self._documents) >= _REMEMBERED_DOCUMENTS:
                self._documents.clear()
            document = self._documents[key] = compact_json(make()).encode()
        return document

    # -- for its jobs

    def strike_streams(self, channels: Iterable[Session]) -> None:
        """Let faults of the messages happen to streams that are open already."""
        if self.faults:
            strike_streams(self, channels)

    def remember(self, job: Job) -> None:
        """Keep a job where tests find it."""
        self.jobs[job.event_id] = job
        if len(self.jobs) >= self._tidy_jobs_at:
            over = [event_id for event_id, old in self.jobs.items() if old.over]
            for event_id in over[: max(len(self.jobs) - _REMEMBERED_JOBS, 0)]:
                del self.jobs[event_id]
            # Not at each job, since many may not be over.
            self._tidy_jobs_at = max(len(self.jobs), _REMEMBERED_JOBS) * 5 // 4

    def run_soon(self, job: Job) -> None:
        """Run a job in this or the next turn."""
        self._runnable.append(job)

    def job_over(self, job: Job) -> None:
        """A job has ended or gave up its place."""
        self.queue.job_over(job, self.now)
        self.polled.job_over(job)

    def fault_made(self) -> None:
        """There is a new fault, which may be for streams that are open."""
        self.strike_streams(self.queue.channels())

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


def _logins(auth: object) -> dict[str, str]:
    """Give the passwords by user name; what is no mapping may be a list of pairs, as in ``launch()``."""
    given: Any = auth
    pairs: list[Any] = [given]
    if isinstance(auth, Mapping):
        pairs = list(given.items())
    elif isinstance(auth, list | tuple):
        pairs = list(given)
    for pair in pairs:
        if not isinstance(pair, list | tuple) or [type(text) for text in cast("list[object]", pair)] != [str, str]:
            raise ValueError("auth has passwords by user name, which are texts, as in {'me': 'secret'}")
    return dict(pairs)
