"""The shells in trio: over TCP, or in memory with one pair of streams for each connection.

In memory under ``trio.testing.MockClock`` time is exact: sleeps, heartbeats and timeouts cost none.
"""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

import trio
import trio.testing

from ._app import FakeApp
from ._descriptors import is_for_want_of_room, make_room, tell_of_want
from ._doors import Door
from ._http import ServerConnection
from ._hub import FakeHub
from ._log import RequestRecord
from ._server import RESET, server_tls
from ._shells import Growing
from ._site import Connected, Served, Wire

if TYPE_CHECKING:
    import ssl

    from ._tls import Certificate, ServerTLS

__all__ = [
    "BackgroundNetwork",
    "MemoryHubNetwork",
    "MemoryNetwork",
    "TrioFakeHub",
    "TrioFakeServer",
    "open_fake_hub",
    "open_fake_server",
    "open_memory_hub",
    "open_memory_server",
    "serve_trio",
]

T = TypeVar("T")
S = TypeVar("S", FakeApp, FakeHub)
Connect = Callable[[], ServerConnection]

_READ_SIZE = 64 << 10
_PATIENCE = 0.1  # seconds until a process that can open no more files tries again, as trio's own servers do


class _Signal:
    """An event that can be waited for again and again; a signal that nobody waited for is kept."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event = trio.Event()


class _Shell:
    """Moves bytes between streams and the app, one task for each direction of each connection, one for the time."""

    def __init__(self, app: Served, tls: ServerTLS | None = None) -> None:
        self.app = app
        self._tls = tls
        self.turned: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self._began = self._clock() - app.now
        self._skipped = 0.0
        self._writers: dict[Connected, _Signal] = {}
        self._readers: dict[Connected, _Signal] = {}
        self._doors: dict[Door, _Signal] = {}
        """With what tells that a socket listens again."""
        self._planned: float | None = None
        """The time at which the time keeper will look again."""
        self._sooner = _Signal()
        if isinstance(app, FakeApp):
            app.skip = self.skip
            if tls is not None:
                app.address.scheme = "https"

    def _clock(self) -> float:
        return trio.current_time()

    def time(self) -> float:
        return self._clock() - self._began + self._skipped

    def skip(self, seconds: float) -> None:
        self.app.advance_to(self.time() + seconds)
        self._skipped += seconds
        self.turn()
        self._sooner.set()

    def turn(self) -> None:
        """Let jobs run after anything that may have woken them, and tell the writers and the time keeper."""
        self._dispatch()
        deadline = self.app.next_deadline()
        if deadline is not None and (self._planned is None or deadline < self._planned):
            self._sooner.set()

    def _dispatch(self) -> None:
        app = self.app
        app.run_jobs()
        for connection in app.take_ready():
            for signals in (self._writers, self._readers):
                signal = signals.get(connection)
                if signal is not None:
                    signal.set()
        self._look_after_doors()
        self.turned.unpark_all()

    async def keep_time(self) -> None:
        while True:
            self.app.set_time(self.time())
            self._dispatch()
            deadline = self._planned = self.app.next_deadline()
            with trio.CancelScope() if deadline is None else trio.move_on_after(max(deadline - self.time(), 0.0)):
                await self._sooner.wait()

    # -- over TCP

    def _look_after_doors(self) -> None:
        on = self.app.listening.on
        for door, opened in self._doors.items():
            if door.listens is on:
                continue
            if on:
                door.open()
                opened.set()
            else:
                trio.lowlevel.notify_closing(door.socket)
                door.shut()

    async def let_in(self, door: Door, nursery: trio.Nursery) -> None:
        """Serve each client that comes to an address, until cancelled; that it is served may take a turn."""
        opened = self._doors[door] = _Signal()
        door.is_watched = True
        try:
            while door.is_watched:
                if not door.listens:
                    await opened.wait()
                    continue
                try:
                    await trio.lowlevel.wait_readable(door.socket)
                except trio.ClosedResourceError:
                    continue
                await self._accept(door, nursery)
        finally:
            del self._doors[door]
            door.socket.close()

    def close_door(self, url: str) -> None:
        """Listen at a port no more."""
        for door, opened in self._doors.items():
            if door.url == url:
                door.is_watched = False
                opened.set()
                trio.lowlevel.notify_closing(door.socket)

    async def _accept(self, door: Door, nursery: trio.Nursery) -> None:
        try:
            sock, _ = door.socket.accept()
        except BlockingIOError:
            return
        except OSError as error:  # the client was gone before it was here, or there is no room for it
            if is_for_want_of_room(error):
                tell_of_want(len(self._writers))
                await trio.sleep(_PATIENCE)
            return
        make_room(sock.fileno())
        sock.setblocking(False)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        try:
            connection = door.connect()
        except ConnectionRefusedError:  # it came before the listener was closed
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            await trio.aclose_forcefully(stream)
            return
        nursery.start_soon(self.serve, stream, connection)

    # -- one connection

    async def serve(self, stream: trio.abc.Stream, connection: Connected) -> None:
        """Serve one client until either side closes."""
        writer = self._writers[connection] = _Signal()
        reader = self._readers[connection] = _Signal()
        wire = connection if self._tls is None else self._tls.secure(connection)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream, wire, writer, nursery.cancel_scope)
                await self._read(stream, connection, wire, reader)
                nursery.cancel_scope.cancel()
        finally:
            del self._writers[connection], self._readers[connection]
            connection.connection_lost()
            self.turn()
            if connection.reset and isinstance(stream, trio.SocketStream):
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _read(self, stream: trio.abc.Stream, connection: Connected, wire: Wire, reader: _Signal) -> None:
        while True:
            while not connection.wants_data:
                await reader.wait()
            try:
                data = await stream.receive_some(_READ_SIZE)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if not data:
                return
            self.app.set_time(self.time())
            wire.receive_data(bytes(data))
            self.turn()

    async def _write(self, stream: trio.abc.Stream, wire: Wire, writer: _Signal, scope: trio.CancelScope) -> None:
        while True:
            while data := wire.data_to_send():
                self.turn()
                try:
                    await stream.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    scope.cancel()
                    return
            if wire.closed:
                scope.cancel()
                return
            self.turn()  # the client may be idle from now on
            await writer.wait()


class _StillShell(_Shell):
    """What there is where no event loop runs: nobody is connected, and time stands still."""

    def _clock(self) -> float:
        return 0.0


class _Controls(Generic[S]):
    """What tests do with a server whose event loop is their own."""

    def __init__(self, shell: _Shell, served: S) -> None:
        self._own_shell = shell
        self._served: S = served

    @property
    def _shell(self) -> _Shell:
        return self._own_shell

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward, beside trio's own."""
        self._shell.skip(seconds)

    @property
    def requests(self) -> list[RequestRecord]:
        """The newest requests, oldest first."""
        return list(self._served.requests)

    @property
    def open_streams(self) -> list[RequestRecord]:
        """The event, heartbeat and upload-progress streams that are open."""
        return self._served.open_streams

    async def wait_for(self, condition: Callable[[S], T]) -> T:
        """Wait until ``condition``, asked with the app or the Hub, is true, and give what it gave."""
        while not (result := condition(self._served)):
            await self._shell.turned.park()
        return result


class _AppControls(_Controls[FakeApp], Growing):
    """What tests do with the jobs of an app."""

    def __init__(self, shell: _Shell, app: FakeApp) -> None:
        super().__init__(shell, app)
        self.app: FakeApp = app

    def run(self, function: Callable[[FakeApp], T]) -> T:
        """Call ``function(app)``, let what that changed have its effect, and give its result."""
        result = function(self.app)
        self._shell.turn()
        return result

    def hold(self, name: str) -> None:
        """Let the endpoint's next jobs stop before their first step."""
        self.app.hold(name)

    def step(self, name: str, steps: int = 1) -> None:
        """Let the endpoint's newest job make ``steps`` steps."""
        self.app.job(name).step(steps)
        self._shell.turn()

    def release(self, name: str) -> None:
        """Let the endpoint's held and future jobs run."""
        self.app.release(name)
        self._shell.turn()

    @property
    def complaints(self) -> list[str]:
        """What a real server refuses of that which was asked for; see :attr:`FakeApp.complaints`."""
        return self.app.complaints

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if anything was asked for that a real server refuses."""
        self.app.assert_strict()

    def assert_requested(self, kind: str, times: int | None = None) -> list[RequestRecord]:
        """Give the requests of a kind; see :meth:`FakeApp.assert_requested`."""
        return self.app.assert_requested(kind, times)

    def assert_all_closed(self) -> None:
        """Raise ``AssertionError`` if a request or a stream is still open."""
        self.app.assert_all_closed()


class _HubControls(_Controls[FakeHub]):
    """What tests do with a Hub."""

    def __init__(self, shell: _Shell, hub: FakeHub) -> None:
        super().__init__(shell, hub)
        self.hub: FakeHub = hub

    @property
    def url(self) -> str:
        """Where the Hub is, without a slash at the end."""
        return self.hub.url

    def run(self, function: Callable[[FakeHub], T]) -> T:
        """Call ``function(hub)``, let what that changed have its effect, and give its result."""
        result = function(self.hub)
        self._shell.turn()
        return result

    def space_url(self, space_id: str) -> str:
        """Give the address of a Space. Raises ``LookupError`` if there is none of that id."""
        return self.hub.space(space_id).host

    @property
    def complaints(self) -> list[str]:
        """What a real Gradio refuses of that which Spaces were asked for; see :attr:`FakeHub.complaints`."""
        return self.hub.complaints

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if a Space was asked for anything that a real Gradio refuses."""
        self.hub.assert_strict()

    def assert_requested(self, kind: str, times: int | None = None, *, site: str | None = None) -> list[RequestRecord]:
        """Give the requests of a kind; see :meth:`FakeHub.assert_requested`."""
        return self.hub.assert_requested(kind, times, site=site)

    def assert_all_closed(self) -> None:
        """Raise ``AssertionError`` if a request or a stream is still open, at the Hub or at any Space."""
        self.hub.assert_all_closed()


class TrioFakeServer(_AppControls):
    """A fake app on a port of this machine."""

    def __init__(self, shell: _Shell, app: FakeApp, url: str, port: int, tls: ServerTLS | None = None) -> None:
        super().__init__(shell, app)
        self.port = port
        self.url: str = url
        self.ssl_context: ssl.SSLContext | None = None if tls is None else tls.client_context
        """What a client needs, which trusts the server's authority and nobody else; ``None`` without TLS."""
        self.ca_file: str | None = None if tls is None else tls.ca_file
        """The path of the authority's certificate (PEM), for other programs, while it serves."""


class TrioFakeHub(_HubControls):
    """A fake Hub on a port of this machine, and each of its Spaces on another."""


class _Memory:
    """Connects clients through memory."""

    def __init__(self, shell: _Shell, nursery: trio.Nursery) -> None:
        self._serve = shell.serve
        self._nursery = nursery

    async def connect(self, connection: ServerConnection) -> trio.abc.HalfCloseableStream:
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.lockstep_stream_pair()
        self._nursery.start_soon(self._serve, theirs, connection)
        return ours


class MemoryNetwork(_AppControls):
    """A fake app that is reached through memory."""

    url = "http://fake.test"
    """What clients may call it; the name is looked up nowhere."""

    def __init__(self, shell: _Shell, app: FakeApp, nursery: trio.Nursery) -> None:
        super().__init__(shell, app)
        self._memory = _Memory(shell, nursery)

    async def connect(self) -> trio.abc.HalfCloseableStream:
        """Connect a client; what either side sends waits until the other takes it.

        Raises ``ConnectionRefusedError`` while the app refuses connections.
        """
        return await self._memory.connect(self.app.connect())

    async def open_stream(self, host: str, port: int, tls: bool) -> trio.abc.HalfCloseableStream:
        """Connect whatever the address: the hook that clients take."""
        return await self.connect()


class BackgroundNetwork(_AppControls):
    """A fake app that is reached through memory, in whatever run of trio its clients are, until :meth:`close`.

    It needs no block of its own: its tasks are system tasks of that run, and begin with its first client there. What
    is done where no event loop runs is done to the app alone. It outlives a run; its clients' connections do not.
    """

    url: str = MemoryNetwork.url

    def __init__(self, app: FakeApp) -> None:
        super().__init__(_StillShell(app), app)
        self._run: trio.lowlevel.TrioToken | None = None

    @property
    def _shell(self) -> _Shell:
        try:
            run = trio.lowlevel.current_trio_token()
        except RuntimeError:
            self._run = None
            self._own_shell = _StillShell(self.app)
            return self._own_shell
        if self._run is not run:
            self._run = run
            self._own_shell = _Shell(self.app)
            trio.lowlevel.spawn_system_task(self._own_shell.keep_time)
        return self._own_shell

    async def open_stream(self, host: str, port: int, tls: bool) -> trio.abc.HalfCloseableStream:
        """Connect whatever the address: the hook that clients take. Raises ``RuntimeError`` outside of trio."""
        shell = self._shell
        if self._run is None:
            raise RuntimeError("this fake server is for trio, which does not run here; FakeServer is for all others")
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.lockstep_stream_pair()
        trio.lowlevel.spawn_system_task(shell.serve, theirs, self.app.connect())
        return ours

    def close(self) -> None:
        """Drop all connections and files."""
        self.app.close()


class MemoryHubNetwork(_HubControls):
    """A fake Hub that is reached through memory, at ``http://hub.test``; its Spaces are at their hosts."""

    def __init__(self, shell: _Shell, hub: FakeHub, nursery: trio.Nursery) -> None:
        super().__init__(shell, hub)
        self._memory = _Memory(shell, nursery)

    async def open_stream(self, host: str, port: int, tls: bool) -> trio.abc.HalfCloseableStream:
        """Connect to the Hub or to a Space: the hook that clients take. Raises ``ConnectionRefusedError`` elsewhere."""
        return await self._memory.connect(self.hub.connect_at(host))


async def serve_trio(
    app: FakeApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: bool | Certificate = False,
    task_status: trio.TaskStatus[TrioFakeServer] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, then remove the files; ``await nursery.start(serve_trio, app)`` gives the server.

    With ``tls`` it is at an ``https://`` address, as :class:`FakeServer` is.
    """
    secure = server_tls(tls, host)
    try:
        await _serve_trio(app, host, port, secure, task_status)
    finally:
        if secure is not None:
            secure.close()


async def _serve_trio(
    app: FakeApp, host: str, port: int, tls: ServerTLS | None, task_status: trio.TaskStatus[TrioFakeServer]
) -> None:
    door = Door(host, port, app.connect, scheme="http" if tls is None else "https")
    app.use_disk()
    app.date_offset = time.time()
    shell = _Shell(app, tls)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shell.keep_time)
            nursery.start_soon(shell.let_in, door, nursery)
            task_status.started(TrioFakeServer(shell, app, door.url, door.address[1], tls))
    finally:
        door.socket.close()
        app.close()


@asynccontextmanager
async def open_fake_server(
    app: FakeApp, *, host: str = "127.0.0.1", port: int = 0, tls: bool | Certificate = False
) -> AsyncGenerator[TrioFakeServer, None]:
    """Serve on a port of this machine while the block runs; with ``tls`` as :class:`FakeServer` does."""
    async with trio.open_nursery() as nursery:

        async def serve(task_status: trio.TaskStatus[TrioFakeServer]) -> None:
            await serve_trio(app, host=host, port=port, tls=tls, task_status=task_status)

        yield await nursery.start(serve)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_memory_server(app: FakeApp) -> AsyncGenerator[MemoryNetwork, None]:
    """Serve in memory while the block runs."""
    shell = _Shell(app)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shell.keep_time)
            yield MemoryNetwork(shell, app, nursery)
            nursery.cancel_scope.cancel()
    finally:
        app.close()


@asynccontextmanager
async def open_fake_hub(hub: FakeHub, *, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[TrioFakeHub, None]:
    """Serve a Hub and its Spaces on ports of this machine while the block runs.

    Raises ``OSError`` if the address cannot be had.
    """
    shell = _Shell(hub)
    try:
        async with trio.open_nursery() as nursery:

            def open_address(connect: Connect, port: int) -> str:
                """Listen at once, and serve from the next turn of the event loop on."""
                door = Door(host, port, connect)
                nursery.start_soon(shell.let_in, door, nursery)
                return door.url

            url = open_address(hub.connect, port)
            hub.use_disk()
            hub.date_offset = time.time()
            hub.attach(url, lambda _, connect: open_address(connect, 0), shell.close_door)
            nursery.start_soon(shell.keep_time)
            yield TrioFakeHub(shell, hub)
            nursery.cancel_scope.cancel()
    finally:
        hub.close()


@asynccontextmanager
async def open_memory_hub(hub: FakeHub) -> AsyncGenerator[MemoryHubNetwork, None]:
    """Serve a Hub in memory while the block runs."""
    shell = _Shell(hub)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shell.keep_time)
            yield MemoryHubNetwork(shell, hub, nursery)
            nursery.cancel_scope.cancel()
    finally:
        hub.close()
