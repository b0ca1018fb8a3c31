"""TLS on a non-blocking socket that has TLS already: to the app, through a proxy that is itself spoken to over TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TypeVar

__all__ = ["NestedTLS"]

T = TypeVar("T")

# A record of TLS holds no more, so that what was taken and is not out yet is never much.
_RECORD = 16 * 1024


class NestedTLS:
    """As much of a non-blocking `ssl.SSLSocket` as a connection uses, around another one.

    The methods raise the same errors. What raised `ssl.SSLWantReadError` or `ssl.SSLWantWriteError` is to be called
    again, with the same arguments.
    """

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._unsent = memoryview(b"")
        self._taken = 0  # bytes that a call of send took, and could not write

    def fileno(self) -> int:
        """Return what the selector knows the socket by."""
        return self._outer.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._outer.close()

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        self._exchange(self._tls.do_handshake)
        self._flush()

    def recv(self, size: int) -> bytes:
        """Return what came, ``b""`` at the end, whether TLS said so or not."""
        try:
            return self._exchange(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def send(self, data: bytes | memoryview) -> int:
        """Write some of the data; return how much."""
        if not self._taken:
            self._flush()
            self._taken = self._exchange(lambda: self._tls.write(data[:_RECORD]))
        self._flush()
        taken, self._taken = self._taken, 0
        return taken

    def _exchange(self, work: Callable[[], T]) -> T:
        """Do ``work``, with the network's help as often as that needs it."""
        while True:
            try:
                return work()
            except ssl.SSLWantReadError:
                self._flush()
                received = self._outer.recv(4 * _RECORD)
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()

    def _flush(self) -> None:
        """Write what TLS has made; raises where the socket takes no more now."""
        while self._unsent or self._outgoing.pending:
            if not self._unsent:
                self._unsent = memoryview(self._outgoing.read())
            self._unsent = self._unsent[self._outer.send(self._unsent) :]
