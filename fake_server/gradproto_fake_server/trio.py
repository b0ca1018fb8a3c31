"""The shells in trio: over TCP, or in memory with one pair of streams for each connection.

In memory under ``trio.testing.MockClock`` time is exact: sleeps, heartbeats and timeouts cost none.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import trio
import trio.testing

from ._app import FakeApp
from ._http import ServerConnection
from ._log import RequestRecord

__all__ = ["MemoryNetwork", "TrioFakeServer", "open_fake_server", "open_memory_server", "serve_trio"]

T = TypeVar("T")

_READ_SIZE = 64 << 10


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

    def __init__(self, app: FakeApp) -> None:
        self.app = app
        self.turned: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self._began = trio.current_time()
        self._skipped = 0.0
        self._writers: dict[ServerConnection, _Signal] = {}
        self._planned: float | None = None
        """The time at which the time keeper will look again."""
        self._sooner = _Signal()

    def time(self) -> float:
        return trio.current_time() - self._began + self._skipped

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
            writer = self._writers.get(connection)
            if writer is not None:
                writer.set()
        self.turned.unpark_all()

    async def keep_time(self) -> None:
        while True:
            self.app.set_time(self.time())
            self._dispatch()
            deadline = self._planned = self.app.next_deadline()
            with trio.CancelScope() if deadline is None else trio.move_on_after(max(deadline - self.time(), 0.0)):
                await self._sooner.wait()

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one client until either side closes."""
        connection = self.app.connect()
        writer = self._writers[connection] = _Signal()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream, connection, writer, nursery.cancel_scope)
                await self._read(stream, connection)
                nursery.cancel_scope.cancel()
        finally:
            del self._writers[connection]
            connection.connection_lost()
            self.turn()
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _read(self, stream: trio.abc.Stream, connection: ServerConnection) -> None:
        while True:
            try:
                data = await stream.receive_some(_READ_SIZE)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if not data:
                return
            self.app.set_time(self.time())
            connection.receive_data(bytes(data))
            self.turn()

    async def _write(
        self, stream: trio.abc.Stream, connection: ServerConnection, writer: _Signal, scope: trio.CancelScope
    ) -> None:
        while True:
            while data := connection.data_to_send():
                self.turn()
                try:
                    await stream.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    scope.cancel()
                    return
            if connection.closed:
                scope.cancel()
                return
            await writer.wait()


class _Controls:
    """What tests do with a server whose event loop is their own."""

    def __init__(self, shell: _Shell) -> None:
        self._shell = shell
        self.app: FakeApp = shell.app

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

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward, beside trio's own."""
        self._shell.skip(seconds)

    @property
    def requests(self) -> list[RequestRecord]:
        """The newest requests, oldest first."""
        return list(self.app.requests)

    @property
    def open_streams(self) -> list[RequestRecord]:
        """The event, heartbeat and upload-progress streams that are open."""
        return self.app.open_streams

    async def wait_for(self, condition: Callable[[FakeApp], T]) -> T:
        """Wait until ``condition(app)`` is true, and give what it gave."""
        while not (result := condition(self.app)):
            await self._shell.turned.park()
        return result


class TrioFakeServer(_Controls):
    """A fake app on a port of this machine."""

    def __init__(self, shell: _Shell, host: str, port: int) -> None:
        super().__init__(shell)
        self.port = port
        self.url: str = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class MemoryNetwork(_Controls):
    """A fake app that is reached through memory."""

    url = "http://fake.test"
    """What clients may call it; the name is looked up nowhere."""

    def __init__(self, shell: _Shell, nursery: trio.Nursery) -> None:
        super().__init__(shell)
        self._nursery = nursery

    async def connect(self) -> trio.abc.HalfCloseableStream:
        """Connect a client; what either side sends waits until the other takes it."""
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.lockstep_stream_pair()
        self._nursery.start_soon(self._shell.serve, theirs)
        return ours

    async def open_stream(self, host: str, port: int, tls: bool) -> trio.abc.HalfCloseableStream:
        """Connect whatever the address: the hook that clients take."""
        return await self.connect()


async def serve_trio(
    app: FakeApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    task_status: trio.TaskStatus[TrioFakeServer] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, then remove the files; ``await nursery.start(serve_trio, app)`` gives the server."""
    listeners = await trio.open_tcp_listeners(port, host=host)
    app.use_disk()
    app.date_offset = time.time()
    shell = _Shell(app)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shell.keep_time)
            nursery.start_soon(trio.serve_listeners, shell.serve, listeners)
            bound: int = listeners[0].socket.getsockname()[1]
            task_status.started(TrioFakeServer(shell, host, bound))
    finally:
        app.close()


@asynccontextmanager
async def open_fake_server(
    app: FakeApp, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[TrioFakeServer, None]:
    """Serve on a port of this machine while the block runs."""
    async with trio.open_nursery() as nursery:

        async def serve(task_status: trio.TaskStatus[TrioFakeServer]) -> None:
            await serve_trio(app, host=host, port=port, task_status=task_status)

        yield await nursery.start(serve)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_memory_server(app: FakeApp) -> AsyncGenerator[MemoryNetwork, None]:
    """Serve in memory while the block runs."""
    shell = _Shell(app)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shell.keep_time)
            yield MemoryNetwork(shell, nursery)
            nursery.cancel_scope.cancel()
    finally:
        app.close()
