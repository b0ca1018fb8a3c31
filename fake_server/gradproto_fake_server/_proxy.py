"""The recording proxy with sockets: one thread, one selector, and for each client a connection to the server."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import ssl
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import TextIO

from gradproto._headers import check_headers

from ._descriptors import is_for_want_of_room, make_room, tell_of_want
from ._record import Direction, HostHeader, RecordedConnection, Recorder, Upstream
from ._server import RESET
from ._signals import until_signal

__all__ = ["RecordingServer", "record_forever"]

_READ = 64 << 10
_MUCH = 256 << 10  # bytes that one side did not take yet: the other is not read until it has
_BACKLOG = 128
_PATIENCE = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _End:
    """One of the two sockets of a conversation; ``says`` is the direction of what is read from it."""

    def __init__(self, says: Direction) -> None:
        self.says: Direction = says
        self.socket: socket.socket | None = None  # none while it is not connected
        self.says_more = True
        self.hears = True
        self.ending = False  # whether to say, once all is sent, that no more comes
        self.waiting = 0  # bytes that are to be sent
        self._out: deque[memoryview] = deque()

    @property
    def is_tls(self) -> bool:
        return isinstance(self.socket, ssl.SSLSocket)

    @property
    def has_work(self) -> bool:
        """Whether there is something to send, or to say at last."""
        return self.hears and (self.waiting > 0 or self.ending)

    def put(self, data: bytes) -> None:
        """Have this sent."""
        if data and self.hears:
            self._out.append(memoryview(data))
            self.waiting += len(data)

    def send(self) -> None:
        """Send what the kernel takes. Raises ``OSError`` if nobody is there."""
        if self.socket is None:
            return
        while self._out:
            try:
                count = self.socket.send(self._out[0])
            except _PATIENCE:
                return
            self.waiting -= count
            self._out[0] = self._out[0][count:]
            if not self._out[0]:
                self._out.popleft()
        if self.ending:
            self.ending = False
            self.socket.shutdown(socket.SHUT_WR)

    def go_deaf(self) -> None:
        """Nobody is there who takes anything."""
        self.hears = False
        self._out.clear()
        self.waiting = 0

    def close(self, *, reset: bool) -> None:
        """Close the socket."""
        if self.socket is not None:
            if reset:
                with contextlib.suppress(OSError):
                    self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.socket.close()


class _Pair:
    """A client, and the connection to the server that is its own."""

    def __init__(self, loop: _Loop, client: socket.socket, recorded: RecordedConnection) -> None:
        self.done = False
        self._loop = loop
        self._recorded = recorded
        self._client = _End("c2s")
        self._client.socket = client
        self._server = _End("s2c")
        self._refused: str | None = None
        self._was_told = False
        self._resets = False
        self._watched: dict[socket.socket, int] = {}
        self._connecting = _Connecting(loop)
        self._connect()

    def ready(self, sock: socket.socket, mask: int) -> None:
        """Something can be read or written."""
        if self.done or sock not in self._watched:
            return
        if sock is self._connecting.socket and self._server.socket is None:
            self._connect()
            return
        end = self._client if sock is self._client.socket else self._server
        if mask & selectors.EVENT_WRITE:
            self._send(end)
            if end is self._client and self._server.is_tls and not self.done:
                self._read(self._server)  # it may hold what was not read while there was no place, and no selector sees
        if mask & selectors.EVENT_READ and not self.done:
            self._read(end)
        self._settle()

    def close(self) -> None:
        """Let go of both sockets."""
        if self.done:
            return
        self.done = True
        for sock in list(self._watched):
            self._watch(sock, 0)
        self._client.close(reset=self._resets)
        self._server.close(reset=self._resets)
        if self._server.socket is None:
            self._connecting.close()
        self._loop.forget(self)

    def _connect(self) -> None:
        before = self._connecting.socket
        if before is not None and before in self._watched:
            self._watch(before, 0)
        try:
            self._server.socket = self._connecting.go_on()
        except OSError as error:
            self._refused = error.strerror or str(error)
            self._server.says_more = False
            self._server.go_deaf()
            self._refuse()
        self._settle()

    def _refuse(self) -> None:
        """Tell the client, once it has asked for something, that the server cannot be reached."""
        if self._refused is not None and self._recorded.requests and not self._was_told:
            self._was_told = True
            self._client.put(self._recorded.unreachable(self._refused, self._loop.now()))
            self._client.ending = True
            self._send(self._client)

    def _read(self, end: _End) -> None:
        other = self._server if end is self._client else self._client
        assert end.socket is not None
        while end.says_more and other.waiting < _MUCH:
            try:
                data = end.socket.recv(_READ)
            except _PATIENCE:
                return
            except OSError:
                self._ended(end, reset=True)
                return
            if not data:
                self._ended(end, reset=False)
                return
            now = self._loop.now()
            if end is self._client:
                other.put(self._recorded.from_client(data, now))
                self._refuse()
            else:
                other.put(self._recorded.from_server(data, now))
            self._send(other)
            if self.done or not end.is_tls:  # what TLS holds already, no selector sees
                return

    def _ended(self, end: _End, *, reset: bool) -> None:
        """Nothing more comes from there; the other side gets to know it in the same way."""
        end.says_more = False
        self._recorded.ended(end.says, self._loop.now(), reset=reset)
        other = self._server if end is self._client else self._client
        if reset:
            self._send(other)
            self._resets = True
            self.close()
        elif end is self._client and not other.is_tls:
            other.ending = True
            self._send(other)

    def _send(self, end: _End) -> None:
        try:
            end.send()
        except OSError:
            end.go_deaf()
            if end is self._client:
                if end.says_more:
                    end.says_more = False
                    self._recorded.ended(end.says, self._loop.now(), reset=True)
                self.close()
            # What the server may still have said before it was gone is read.

    def _settle(self) -> None:
        """Close what is over, and watch for what may come."""
        if self.done:
            return
        client, server = self._client, self._server
        server_over = not server.says_more and self._refused is None
        # TLS has no way to say that only one direction has ended.
        ends_both = server.is_tls or self._refused is not None
        client_over = not client.says_more and ends_both and not server.waiting
        if (server_over and not client.waiting) or client_over:
            self.close()
            return
        for end, other in ((client, server), (server, client)):
            if end.socket is not None:
                reads = end.says_more and other.waiting < _MUCH
                self._watch(end.socket, reads * selectors.EVENT_READ | end.has_work * selectors.EVENT_WRITE)
        if server.socket is None and self._connecting.socket is not None:
            self._watch(self._connecting.socket, self._connecting.waits_for)

    def _watch(self, sock: socket.socket, mask: int) -> None:
        known = self._watched.get(sock, 0)
        if mask == known:
            return
        selector = self._loop.selector
        if not mask:
            selector.unregister(sock)
            del self._watched[sock]
            return
        if known:
            selector.modify(sock, mask, self)
        else:
            selector.register(sock, mask, self)
        self._watched[sock] = mask


class _Connecting:
    """The way to the server: the first of its addresses that answers, and TLS if it has that."""

    def __init__(self, loop: _Loop) -> None:
        self.socket: socket.socket | None = None
        self.waits_for = selectors.EVENT_WRITE
        self._loop = loop
        self._addresses: list[tuple[int, object]] | None = None
        self._failure: OSError = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))

    def go_on(self) -> socket.socket | None:
        """Do what can be done, and return the connection when it is made. Raises ``OSError``."""
        if self._addresses is None:
            self._addresses = self._loop.find_addresses()
        while True:
            try:
                return self._try()
            except OSError as error:
                self._failure = error
                self.close()
            if not self._addresses:
                raise self._failure

    def close(self) -> None:
        """Give up."""
        sock, self.socket = self.socket, None
        if sock is not None:
            sock.close()

    def _try(self) -> socket.socket | None:
        sock = self.socket
        if sock is None:
            if not self._begin():
                return None
            sock = self.socket
        assert sock is not None
        if not isinstance(sock, ssl.SSLSocket):
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._loop.tls is None:
                return sock
            host = self._loop.recorder.upstream.host
            self.socket = sock = self._loop.tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            self.waits_for = selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            self.waits_for = selectors.EVENT_WRITE
        else:
            return sock
        return None

    def _begin(self) -> bool:
        """Begin with the next address; say whether it is connected already."""
        if not self._addresses:
            raise self._failure
        family, address = self._addresses.pop(0)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.waits_for = selectors.EVENT_WRITE
        try:
            self.socket.connect(address)  # type: ignore[arg-type]
        except BlockingIOError:
            return False
        return True


class _Loop:
    """Moves bytes between clients and the server until it is told to stop."""

    def __init__(self, recorder: Recorder, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        self.recorder = recorder
        self.tls = tls if recorder.upstream.tls else None
        self.pairs: set[_Pair] = set()
        self._stopping = False
        self._closed = False
        self._is_full = False
        """Whether the process can open no more files; then nobody is let in, and the listener is not looked at."""
        self._listener = listener
        self._listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.waker, self._woken = socket.socketpair()
        for sock in (self.waker, self._woken):
            sock.setblocking(False)
        self.selector.register(self._listener, selectors.EVENT_READ, None)
        self.selector.register(self._woken, selectors.EVENT_READ, None)
        host, port, *_ = listener.getsockname()
        shown = f"[{host}]" if listener.family == socket.AF_INET6 else host
        self.url = f"http://{shown}:{port}{recorder.upstream.path}"

    def now(self) -> float:
        return time.monotonic()

    def find_addresses(self) -> list[tuple[int, object]]:
        """Look the server up. Raises ``OSError``."""
        upstream = self.recorder.upstream
        try:
            found = socket.getaddrinfo(upstream.host, upstream.port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise OSError(errno.EINVAL, f"its name cannot be looked up: {error}") from error
        return [(family, address) for family, _, _, _, address in found]

    def stop(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):  # it was woken already, or is closed
            self.waker.send(b"\0")

    def run(self) -> None:
        try:
            while not self._stopping:
                for key, mask in self.selector.select():
                    if key.data is not None:
                        key.data.ready(key.fileobj, mask)
                    elif key.fileobj is self._listener:
                        self._accept()
                    else:  # a signal of somebody else may have written there
                        with contextlib.suppress(BlockingIOError):
                            self._woken.recv(4096)
        finally:
            self.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            if is_for_want_of_room(error) and self.pairs:
                tell_of_want(len(self.pairs), "gradproto record")
                self._is_full = True
                self.selector.unregister(self._listener)
            return  # else the client was gone before it was here
        make_room(sock.fileno())
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(self, sock, self.recorder.connect(self.now()))
        if not pair.done:
            self.pairs.add(pair)

    def forget(self, pair: _Pair) -> None:
        """A pair is over; if there was no room for another one, there is now."""
        self.pairs.discard(pair)
        if self._is_full and not self._closed:
            self._is_full = False
            self.selector.register(self._listener, selectors.EVENT_READ, None)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for pair in list(self.pairs):
            pair.close()
        self.selector.close()
        for sock in (self._listener, self.waker, self._woken):
            sock.close()


def _open(path: str | os.PathLike[str], *, keep_secrets: bool, overwrite: bool) -> TextIO:
    """Open the file of a recording, of which each line is in it as soon as it is written."""
    return open(
        path,
        "w" if overwrite else "x",
        buffering=1,
        encoding="utf-8",
        newline="\n",
        opener=_open_for_owner if keep_secrets else None,
    )


def _open_for_owner(path: str, flags: int) -> int:
    """Open a file that nobody else may read, also where it was there already and others could."""
    descriptor = os.open(path, flags, 0o600)
    if os.name == "posix" and stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, 0o600)
    return descriptor


@contextlib.contextmanager
def _recording(
    url: str,
    path: str | os.PathLike[str],
    *,
    host: str,
    port: int,
    host_header: HostHeader,
    headers: Mapping[str, str] | None,
    keep_secrets: bool,
    overwrite: bool,
    ssl_context: ssl.SSLContext | None,
) -> Generator[_Loop, None, None]:
    """Give a loop that listens, and writes what it sees into the file."""
    upstream = Upstream.of(url, host_header)
    check_headers(headers)
    if upstream.tls and ssl_context is None:
        ssl_context = ssl.create_default_context()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        # First the address: whoever cannot have it loses no file.
        listener = stack.enter_context(socket.create_server((host, port), family=family, backlog=_BACKLOG))
        file = stack.enter_context(_open(path, keep_secrets=keep_secrets, overwrite=overwrite))
        recorder = Recorder(
            upstream,
            file.write,
            headers=headers,
            keep_secrets=keep_secrets,
            started_at=time.time(),
            now=time.monotonic(),
        )
        yield _Loop(recorder, listener, ssl_context)


def record_forever(
    url: str,
    path: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 7861,
    host_header: HostHeader = "auto",
    headers: Mapping[str, str] | None = None,
    keep_secrets: bool = False,
    overwrite: bool = False,
    ssl_context: ssl.SSLContext | None = None,
    ready: Callable[[str], None] | None = None,
) -> Recorder:
    """Record in this thread until Ctrl-C or SIGTERM, and return what was done; else as :class:`RecordingServer`.

    ``ready`` is told the URL at the start. Raises ``OSError`` also where the file cannot be written any more.
    """
    with _recording(
        url,
        path,
        host=host,
        port=port,
        host_header=host_header,
        headers=headers,
        keep_secrets=keep_secrets,
        overwrite=overwrite,
        ssl_context=ssl_context,
    ) as loop:
        try:
            with until_signal(loop.stop, loop.waker):
                if ready is not None:
                    ready(loop.url)
                loop.run()
        finally:
            loop.close()
        return loop.recorder


class RecordingServer:
    """A proxy before a real server, which writes down what both sides say; one thread serves it until :meth:`close`."""

    def __init__(
        self,
        url: str,
        path: str | os.PathLike[str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        host_header: HostHeader = "auto",
        headers: Mapping[str, str] | None = None,
        keep_secrets: bool = False,
        overwrite: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen, and record into the file ``path`` what goes to the app at ``url``, and what comes from there.

        ``host_header`` says which ``Host`` the app hears: the ``client``'s own, the ``upstream``'s, or ``auto``: the
        former if the app is at an address without TLS. ``headers`` are sent besides. Secrets are hidden in the file
        unless ``keep_secrets``. ``ssl_context`` is for ``https``; else it is the system's.

        Raises :class:`ArgumentError` for a URL or headers that cannot be, and ``OSError`` if the address cannot be had
        or the file not be made; one that is there is replaced only with ``overwrite``.
        """
        self._stack = contextlib.ExitStack()
        self._loop = self._stack.enter_context(
            _recording(
                url,
                path,
                host=host,
                port=port,
                host_header=host_header,
                headers=headers,
                keep_secrets=keep_secrets,
                overwrite=overwrite,
                ssl_context=ssl_context,
            )
        )
        self.url: str = self._loop.url
        """Where the app is found through the proxy: with the path that it has, without a slash at the end."""
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="gradproto-record", daemon=True)
        self._thread.start()

    def __enter__(self) -> RecordingServer:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut all connections, end the thread, close the file. Closing twice is fine.

        Raises ``OSError`` if the file could not be written.
        """
        self._loop.stop()
        self._thread.join()
        self._stack.close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _run(self) -> None:
        try:
            self._loop.run()
        except BaseException as error:  # raised again where somebody sees it
            self._failure = error
