"""The shell without a thread and without a clock, for clients that block: whoever wants something does the work.

A client gets one end of a pair of sockets, which its selector can watch. What it sends never enters the pair: it goes
to the app at once, in the client's thread, and what the app says to that is written to the other end.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from types import TracebackType
from typing import Any

from ._app import FakeApp
from ._http import ServerConnection
from ._shells import AppShell

__all__ = ["InlineServer"]

_MAX_TURNS = 1000  # a job that never waits for anything must not keep a client's thread for ever


class InlineServer(AppShell):
    """A fake app that is reached through memory by clients that block: ``Client(server.url, open_stream=...)``.

    It has no thread: its work is done in those of its clients and of the test, one at a time, the functions of its
    endpoints too, which therefore must not use such a client themselves. It has no clock: its time goes on by
    :meth:`advance`, and jumps where there is nothing to do but to wait for a job that sleeps or an answer that is late.
    Without ``autojump`` it does not, and they wait for whoever advances the time.
    A job that sleeps again and again, and never says anything, is left alone after a thousand times until somebody else
    has something to do; one that is to wait for the test has :class:`Hold` for that.
    """

    url = "http://fake.test"
    """What clients may call it; the name is looked up nowhere."""

    def __init__(self, app: FakeApp, *, autojump: bool = True) -> None:
        """Serve until :meth:`close`."""
        self.app = app
        self._served = app
        self._drive = self._pump = _Pump(app, autojump=autojump)

    def __enter__(self) -> InlineServer:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def now(self) -> float:
        """The server's time in seconds."""
        return self.app.now

    def open_stream(self, host: str, port: int, tls: bool) -> socket.socket:
        """Connect whatever the address: the hook that the sync client takes. There is never TLS on it.

        Raises ``ConnectionRefusedError`` when the server is closed.
        """
        return self._pump.connect()

    def close(self) -> None:
        """Cut all connections and remove the files. Closing twice is fine."""
        self._pump.close()


class _Pump:
    """Moves bytes between pairs of sockets and the app, in whatever thread there is a reason to."""

    def __init__(self, app: FakeApp, *, autojump: bool) -> None:
        self.lock = threading.RLock()
        self.turned = threading.Condition(self.lock)
        self.watched = 0
        self._app = app
        self._autojump = autojump
        self._ends: dict[ServerConnection, _ServerEnd] = {}
        self._turning = False
        self._closed = False
        app.skip = self.skip

    def connect(self) -> socket.socket:
        with self.lock:
            if self._closed:
                raise ConnectionRefusedError(errno.ECONNREFUSED, "the fake server is closed")
            connection = self._app.connect()
            ours, theirs = socket.socketpair()
            end = self._ends[connection] = _ServerEnd(ours, connection)
            self.turn()
            return _ClientSocket(theirs, self, end)

    def skip(self, seconds: float) -> None:
        with self.lock:
            self._app.advance_to(self._app.now + seconds)

    def wake(self) -> None:
        self.turn()

    def turn(self) -> None:
        """Let the app do all that it can, and say what it has to say as far as the clients take it."""
        with self.lock:
            # An endpoint's function that advances the time, say, is in the middle of a turn.
            if self._turning or self._closed:
                return
            self._turning = True
            try:
                wrote = False
                for _ in range(_MAX_TURNS):
                    if self._write():
                        wrote = True
                    elif not self._is_busy() and (wrote or not (self._autojump and self._app.jump())):
                        break  # with what was written, the client comes back
            finally:
                self._turning = False
            if self.watched:
                self.turned.notify_all()

    def receive(self, end: _ServerEnd, data: bytes) -> None:
        """Take what a client sends."""
        with self.lock:
            if end.connection not in self._ends:
                raise BrokenPipeError(errno.EPIPE, "the fake server has closed the connection")
            end.connection.receive_data(data)
            self.turn()

    def taken(self, end: _ServerEnd) -> None:
        """A client has read: there is room for more, or it is time for something else."""
        with self.lock:
            end.connection.wake()
            self.turn()

    def lose(self, end: _ServerEnd) -> None:
        """A client has closed."""
        with self.lock:
            if self._ends.pop(end.connection, None) is not None:
                end.connection.connection_lost()
                end.socket.close()
                self.turn()

    def close(self) -> None:
        with self.lock:
            if self._closed:
                return
            self._closed = True
            for end in list(self._ends.values()):
                end.connection.connection_lost()
                self._drop(end)
            self._app.close()

    def _write(self) -> bool:
        """Let jobs go on, and say what there is to say; tell whether anything was."""
        app = self._app
        app.tick(app.now)
        wrote = False
        for connection in app.take_ready():
            end = self._ends.get(connection)
            if end is not None:
                wrote = end.write() or wrote
                if end.over:
                    self._drop(end)
        return wrote

    def _is_busy(self) -> bool:
        deadline = self._app.next_deadline()
        return deadline is not None and deadline <= self._app.now

    def _drop(self, end: _ServerEnd) -> None:
        del self._ends[end.connection]
        end.connection.connection_lost()
        end.socket.close()


class _ServerEnd:
    """The server's end of a pair, and what the pair did not take yet."""

    def __init__(self, sock: socket.socket, connection: ServerConnection) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.connection = connection
        self._pending = memoryview(b"")

    @property
    def over(self) -> bool:
        """Whether all is said."""
        return self.connection.closed and not self._pending

    def write(self) -> bool:
        """Write some of what there is; say whether anything was written."""
        if not self._pending:
            self._pending = memoryview(self.connection.data_to_send())
        if not self._pending:
            return False
        try:
            count = self.socket.send(self._pending)
        except BlockingIOError:
            return False  # the client reads first, and then it is asked again
        except OSError:  # the client's end is gone without a word
            self._pending = memoryview(b"")
            self.connection.connection_lost()
            return False
        self._pending = self._pending[count:]
        self.connection.wake()
        return True


class _ClientSocket(socket.socket):
    """The client's end: to be read and watched as any socket is; what is written goes to the app."""

    def __init__(self, sock: socket.socket, pump: _Pump, end: _ServerEnd) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._pump = pump
        self._end = end

    def send(self, data: Any, flags: int = 0, /) -> int:
        content = bytes(data)
        if content:
            self._pump.receive(self._end, content)
        return len(content)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        self.send(data)

    def sendmsg(self, buffers: Any, *_: Any) -> int:
        return self.send(b"".join(buffers))

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        data = super().recv(bufsize, flags)
        self._was_read(len(data))
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        count = super().recv_into(buffer, nbytes, flags)
        self._was_read(count)
        return count

    def _was_read(self, count: int) -> None:
        if count:
            self._pump.taken(self._end)
        elif self._end.connection.reset:
            raise ConnectionResetError(errno.ECONNRESET, "the fake server has reset the connection")

    def close(self) -> None:
        super().close()
        if self.fileno() == -1:  # else there is a file of it that is open
            self._pump.lose(self._end)

    def shutdown(self, how: int, /) -> None:
        with contextlib.suppress(OSError):
            super().shutdown(how)
        if how != socket.SHUT_RD:
            self._pump.lose(self._end)
