"""The shell with sockets: one thread, one selector, any number of connections."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from ._app import FakeApp
from ._descriptors import is_for_want_of_room, make_room, tell_of_want
from ._doors import Door
from ._hub import FakeHub
from ._log import RequestRecord
from ._recording import Recording
from ._replay import ReplayApp
from ._shells import AppShell, Shell
from ._signals import until_signal
from ._site import Connected, Served, Wire

if TYPE_CHECKING:
    import ssl

    from ._tls import Certificate, ServerTLS

__all__ = ["FakeHubServer", "FakeServer", "ReplayServer", "serve_forever"]

S = TypeVar("S", FakeApp, FakeHub, ReplayApp)
T = TypeVar("T")

_SMALL_READ = 16 << 10
_LARGE_READ = 64 << 10  # twice as fast as 256 KiB, which the allocator maps and unmaps each time
_SEND_A_TURN = 1 << 20  # bytes that one connection may send before the others have their turn
RESET = struct.pack("ii", 1, 0)
"""The linger option with which a socket that is closed sends a reset."""


class _Client:
    """A connected socket and what the kernel did not take yet."""

    __slots__ = ("connection", "pending", "read_size", "socket", "watched", "wire")

    def __init__(self, sock: socket.socket, connection: Connected, wire: Wire) -> None:
        self.socket = sock
        self.connection = connection
        self.wire = wire
        self.pending: memoryview | None = None
        self.read_size = _SMALL_READ
        self.watched = 0
        """What the selector looks for."""


class _Loop:
    """Moves bytes between sockets and the app, or the Hub, until it is told to stop."""

    def __init__(
        self,
        app: Served,
        connect: Callable[[], Connected],
        host: str,
        port: int,
        tls: ServerTLS | None = None,
    ) -> None:
        self.app = app
        self.lock = threading.RLock()
        self.turned = threading.Condition(self.lock)
        self.watched = 0
        """How many threads wait for something to happen."""
        self._stopping = False
        self._closed = False
        self._began = time.monotonic()
        self._skipped = 0.0
        self._clients: dict[Connected, _Client] = {}
        self._selector = selectors.DefaultSelector()
        self._host = host
        self._tls = tls
        self._doors: dict[str, Door] = {}
        """By URL."""
        self._closed_doors: list[Door] = []
        self._is_full = False
        """Whether the process can open no more files."""
        self.waker, self._woken = socket.socketpair()
        self.waker.setblocking(False)
        self._woken.setblocking(False)
        try:
            self.url = self.open(connect, port)
        except BaseException:
            for sock in (self.waker, self._woken):
                sock.close()
            self._selector.close()
            raise
        self.port: int = self._doors[self.url].address[1]
        self._selector.register(self._woken, selectors.EVENT_READ)
        app.use_disk()
        app.date_offset = time.time()
        if isinstance(app, FakeApp):
            app.skip = self.skip
            if tls is not None:
                app.address.scheme = "https"

    def open(self, connect: Callable[[], Connected], port: int = 0) -> str:
        """Listen at one more port, from the loop's next turn on; clients wait until then. Gives the URL."""
        with self.lock:
            door = Door(self._host, port, connect, scheme="http" if self._tls is None else "https")
            self._doors[door.url] = door
        self.wake()
        return door.url

    def close_door(self, url: str) -> None:
        """Listen at a port no more, from the loop's next turn on."""
        with self.lock:
            self._closed_doors.append(self._doors.pop(url))
        self.wake()

    @property
    def is_settled(self) -> bool:
        """Whether the sockets listen, or do not, as the app has it; nothing changes that any more once it is closed."""
        on = self.app.listening.on
        return self._closed or all(door.listens is on for door in self._doors.values())

    def _look_after_doors(self) -> None:
        while self._closed_doors:
            door = self._closed_doors.pop()
            self._watch_door(door, False)
            door.socket.close()
        on = self.app.listening.on
        for door in self._doors.values():
            if door.listens is not on:
                self._watch_door(door, False)
                if on:
                    door.open()
                else:
                    door.shut()
            self._watch_door(door, on and not self._is_full)

    def _watch_door(self, door: Door, on: bool) -> None:
        if door.is_watched is on:
            return
        door.is_watched = on
        if on:
            self._selector.register(door.socket, selectors.EVENT_READ, door)
        else:
            self._selector.unregister(door.socket)

    def time(self) -> float:
        return time.monotonic() - self._began + self._skipped

    def skip(self, seconds: float) -> None:
        self.app.advance_to(self.time() + seconds)
        self._skipped += seconds

    def wake(self) -> None:
        with contextlib.suppress(OSError):  # it was woken already, or is closed
            self.waker.send(b"\0")

    def stop(self) -> None:
        self._stopping = True
        self.wake()

    def run(self) -> None:
        try:
            self._run()
        finally:
            self.close()  # whatever ended it, no client waits for a server that is gone

    def _run(self) -> None:
        while not self._stopping:
            with self.lock:
                self._look_after_doors()
                if self.watched:
                    self.turned.notify_all()
                deadline = self.app.next_deadline()
                timeout = None if deadline is None else max(0.0, deadline - self.time())
                if self.app.ready:
                    timeout = 0.0
            events = self._selector.select(timeout)
            with self.lock:
                self._turn(events)

    def _turn(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        app = self.app
        app.set_time(self.time())
        for key, mask in events:
            client = key.data
            if client is None:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
                continue
            if isinstance(client, Door):
                self._accept(client)
                continue
            if mask & selectors.EVENT_READ:
                self._read(client)
            if mask & selectors.EVENT_WRITE:
                client.connection.wake()
        app.run_jobs()
        for connection in app.take_ready():
            client = self._clients.get(connection)
            if client is not None:
                self._write(client)

    def _accept(self, door: Door) -> None:
        while door.is_watched:
            try:
                sock, _ = door.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if is_for_want_of_room(error) and self._clients:
                    self._is_full = True
                    tell_of_want(len(self._clients))
                return  # else the client was gone before it was here
            make_room(sock.fileno())
            try:
                connection = door.connect()
            except ConnectionRefusedError:  # it came before the listener was closed
                _reset(sock)
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = connection if self._tls is None else self._tls.secure(connection)
            client = self._clients[connection] = _Client(sock, connection, wire)
            self._watch(client, writes=False)

    def _read(self, client: _Client) -> None:
        try:
            data = client.socket.recv(client.read_size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            client.connection.connection_lost()
            self._drop(client)
            return
        client.read_size = _LARGE_READ if len(data) == client.read_size else _SMALL_READ
        client.wire.receive_data(data)
        if not client.connection.wants_data:
            client.connection.wake()

    def _write(self, client: _Client) -> None:
        connection = client.connection
        wire = client.wire
        sent = 0
        while True:
            if client.pending is None:
                data = wire.data_to_send()
                if not data:
                    break
                client.pending = memoryview(data)
            try:
                count = client.socket.send(client.pending)
            except BlockingIOError:
                self._watch(client, writes=True)
                return
            except OSError:
                connection.connection_lost()
                self._drop(client)
                return
            sent += count
            if count < len(client.pending):
                client.pending = client.pending[count:]
                self._watch(client, writes=True)
                return
            client.pending = None
            if sent >= _SEND_A_TURN:
                connection.wake()
                break
        if wire.closed and client.pending is None and sent < _SEND_A_TURN:
            connection.connection_lost()
            self._drop(client)
        else:
            self._watch(client, writes=False)

    def _watch(self, client: _Client, *, writes: bool) -> None:
        wanted = selectors.EVENT_READ if client.connection.wants_data else 0
        if writes:
            wanted |= selectors.EVENT_WRITE
        before, client.watched = client.watched, wanted
        if wanted == before:
            return
        if not before:
            self._selector.register(client.socket, wanted, client)
        elif not wanted:
            self._selector.unregister(client.socket)
        else:
            self._selector.modify(client.socket, wanted, client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection, None) is not None:
            if client.watched:
                self._selector.unregister(client.socket)
            if client.connection.reset:
                _reset(client.socket)
            client.socket.close()
            self._is_full = False

    def close(self) -> None:
        with self.lock:
            if self._closed:
                return
            self._closed = True
            for client in list(self._clients.values()):
                client.connection.connection_lost()
                self._drop(client)
            self._selector.close()
            for door in (*self._doors.values(), *self._closed_doors):
                door.socket.close()
            self.waker.close()
            self._woken.close()
            self.app.close()
            self.turned.notify_all()


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


class _ThreadShell(Shell[S]):
    """What is the same for an app and for the Hub: a thread that serves it, and a way in from other threads."""

    def __init__(self, served: S, host: str, port: int, tls: ServerTLS | None = None, *, path: str = "") -> None:
        self._served = served
        self._drive = self._loop = _Loop(served, served.connect, host, port, tls)
        self.url: str = self._loop.url + path
        """Where it is, without a slash at the end."""
        self.port: int = self._loop.port
        self._closed = False
        try:
            self._prepare()
        except BaseException:
            self._loop.close()
            raise
        self._thread = threading.Thread(target=self._loop.run, name="gradproto-fake-server", daemon=True)
        self._thread.start()

    def _prepare(self) -> None:
        """Do what has to be done before the thread serves."""

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut all connections, end the thread, remove the files. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._loop.stop()
            self._thread.join()

    def run(self, function: Callable[[S], T]) -> T:
        """Call ``function`` with the app, or the Hub, while the server stands still, and give its result."""
        loop = self._loop
        with loop.lock:
            result = function(self._served)
            loop.wake()
            if not loop.is_settled and threading.current_thread() is not self._thread:
                # Whoever connects now is to be refused, or not, and is not left to a race.
                loop.watched += 1
                loop.turned.wait_for(lambda: loop.is_settled)
                loop.watched -= 1
        return result


def server_tls(tls: bool | Certificate, host: str) -> ServerTLS | None:
    """Make what a server with TLS needs; ``ssl`` is loaded only for that."""
    if tls is False:
        return None
    from ._tls import ServerTLS

    return ServerTLS("good" if tls is True else tls, host)


class FakeServer(AppShell, _ThreadShell[FakeApp]):
    """A fake app on a port of this machine, served by one thread of its own until :meth:`close`.

    The app belongs to that thread. From other threads use the methods here, or :meth:`run`.
    """

    def __init__(
        self, app: FakeApp, *, host: str = "127.0.0.1", port: int = 0, tls: bool | Certificate = False
    ) -> None:
        """Listen and serve; ``port`` 0 takes any free one. Raises ``OSError`` if the address cannot be had.

        With ``tls`` it is at an ``https://`` address, with a certificate of an authority of its own: one that is good,
        or else ``"wrong name"``, ``"expired"`` or ``"unknown authority"``, which a careful client refuses. That wants
        ``pip install "gradproto[tls]"``, and raises ``ImportError`` without it.
        """
        self.app = app
        self._tls = server_tls(tls, host)
        try:
            super().__init__(app, host, port, self._tls)
        except BaseException:
            self._forget_authority()
            raise

    def __enter__(self) -> FakeServer:
        return self

    def close(self) -> None:
        """Cut all connections, end the thread, remove the files. Closing twice is fine."""
        super().close()
        self._forget_authority()

    def _forget_authority(self) -> None:
        if self._tls is not None:
            self._tls.close()

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """What a client needs, which trusts the server's authority and nobody else; ``None`` without TLS."""
        return None if self._tls is None else self._tls.client_context

    @property
    def ca_file(self) -> str | None:
        """The path of the authority's certificate (PEM), for other programs, until it is closed."""
        return None if self._tls is None else self._tls.ca_file


class FakeHubServer(_ThreadShell[FakeHub]):
    """A fake Hub on a port of this machine, and each of its Spaces on another, served by one thread until it is closed.

    Clients find it by the environment variable ``HF_ENDPOINT``, or whatever they have for that. The Hub and all apps
    belong to the thread. From other threads use the methods here, or :meth:`run`.
    """

    def __init__(self, hub: FakeHub, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen and serve; ``port`` 0 takes any free one. Raises ``OSError`` if the address cannot be had."""
        self.hub = hub
        super().__init__(hub, host, port)

    def _prepare(self) -> None:
        loop = self._loop
        self.hub.attach(loop.url, lambda _, connect: loop.open(connect), loop.close_door)

    def __enter__(self) -> FakeHubServer:
        return self

    def space_url(self, space_id: str) -> str:
        """Give the address of a Space. Raises ``LookupError`` if there is none of that id."""
        return self.run(lambda hub: hub.space(space_id).host)

    @property
    def complaints(self) -> list[str]:
        """What a real Gradio refuses of that which Spaces were asked for; see :attr:`FakeHub.complaints`."""
        return self.run(lambda hub: hub.complaints)

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if a Space was asked for anything that a real Gradio refuses."""
        self.run(FakeHub.assert_strict)

    def assert_requested(self, kind: str, times: int | None = None, *, site: str | None = None) -> list[RequestRecord]:
        """Give the requests of a kind; see :meth:`FakeHub.assert_requested`."""
        return self.run(lambda hub: hub.assert_requested(kind, times, site=site))

    def assert_all_closed(self) -> None:
        """Raise ``AssertionError`` if a request or a stream is still open, at the Hub or at any Space."""
        self.run(FakeHub.assert_all_closed)


class ReplayServer(_ThreadShell[ReplayApp]):
    """A recording on a port of this machine, played by one thread of its own until :meth:`close`."""

    def __init__(self, recording: Recording, *, speed: float = 1.0, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen and answer as the recorded server did, ``speed`` times as fast; 0 waits for nothing but the client.

        Raises ``OSError`` if the address cannot be had, and ``ValueError`` for a speed below 0.
        """
        self.app: ReplayApp = ReplayApp(recording, speed=speed)
        super().__init__(self.app, host, port, path=recording.upstream_path)

    def __enter__(self) -> ReplayServer:
        return self

    @property
    def complaints(self) -> list[str]:
        """What was asked for that nothing recorded answers."""
        return self.run(lambda app: app.complaints)

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if anything was asked for that nothing recorded answers."""
        self.run(ReplayApp.assert_strict)


def serve_forever(
    app: FakeApp | ReplayApp,
    host: str = "127.0.0.1",
    port: int = 7860,
    *,
    tls: bool | Certificate = False,
    ready: Callable[[str], None] | None = None,
    trust: Callable[[str], None] | None = None,
) -> None:
    """Serve in this thread until Ctrl-C or SIGTERM, then clean up and return; ``ready`` is told the URL at the start.

    With ``tls`` it is at an ``https://`` address, as :class:`FakeServer` is, and ``trust`` is told, before ``ready``,
    the path of the authority's certificate (PEM). Raises ``OSError`` if the address cannot be had.
    """
    secure = server_tls(tls, host)
    try:
        loop = _Loop(app, app.connect, host, port, secure)
        try:
            with until_signal(loop.stop, loop.waker):
                if secure is not None and trust is not None:
                    trust(secure.ca_file)
                if ready is not None:
                    ready(loop.url + (app.recording.upstream_path if isinstance(app, ReplayApp) else ""))
                loop.run()
        finally:
            loop.close()
    finally:
        if secure is not None:
            secure.close()
