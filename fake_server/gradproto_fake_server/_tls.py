"""TLS for the shells: an authority that lives as long as its server, and TLS around the bytes of a connection."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal, get_args

from ._site import Connected

if TYPE_CHECKING:
    import trustme

__all__ = ["Certificate", "SecureConnection", "ServerTLS"]

Certificate = Literal["good", "wrong name", "expired", "unknown authority"]
"""What a server shows to its clients."""

_READ_SIZE = 64 << 10
_LOCAL = ("localhost", "127.0.0.1", "::1")
_EXPIRED = (datetime(2001, 1, 1, tzinfo=timezone.utc), datetime(2002, 1, 1, tzinfo=timezone.utc))


class ServerTLS:
    """A server's certificate, and what clients need to trust the authority that they know.

    Raises ``ValueError`` for a certificate that there is not, and ``ImportError`` if the library for that is missing.
    """

    def __init__(self, certificate: Certificate, host: str) -> None:
        if certificate not in get_args(Certificate):
            known = ", ".join(map(repr, get_args(Certificate)))
            raise ValueError(f"no certificate {certificate!r}; there are {known}")
        known_authority = _authority()
        issuer = _authority() if certificate == "unknown authority" else known_authority
        names = ("somebody-else.test",) if certificate == "wrong name" else tuple(dict.fromkeys((host, *_LOCAL)))
        begins, ends = _EXPIRED if certificate == "expired" else (None, None)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = issuer.issue_cert(*names, not_before=begins, not_after=ends)
        with leaf.private_key_and_cert_chain_pem.tempfile() as chain:
            self._context.load_cert_chain(chain)
        descriptor, path = tempfile.mkstemp(prefix="gradproto-ca-", suffix=".pem")
        self.ca_file: str = path
        with open(descriptor, "wb") as file:
            file.write(known_authority.cert_pem.bytes())
        self.client_context: ssl.SSLContext = ssl.create_default_context(cafile=self.ca_file)

    def secure(self, connection: Connected) -> SecureConnection:
        """Put TLS around a connection."""
        return SecureConnection(connection, self._context)

    def close(self) -> None:
        """Remove the file."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.ca_file)


def _authority() -> trustme.CA:
    try:
        import trustme
    except ModuleNotFoundError as error:
        raise ImportError('TLS needs one more library: pip install "gradproto[tls]"') from error
    return trustme.CA()


class SecureConnection:
    """A connection whose bytes are encrypted; a shell treats it as it treats one whose bytes are not."""

    __slots__ = ("_connection", "_failed", "_in", "_out", "_said_goodbye", "_shaken", "_tls")

    def __init__(self, connection: Connected, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._shaken = False
        self._failed = False
        self._said_goodbye = False

    @property
    def closed(self) -> bool:
        """Whether the socket is to be closed once everything was sent."""
        return self._failed or self._connection.closed

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._failed:
            return
        self._in.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            while True:
                piece = self._tls.read(_READ_SIZE)
                self._connection.receive_data(piece)
                if not piece:  # the client said goodbye
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            # What there is to say of it, an alert, still goes out.
            self._failed = True
            self._connection.connection_lost()
        self._connection.wake()

    def data_to_send(self) -> bytes:
        """Give the next bytes for the client, ``b""`` if there are none now."""
        if self._shaken and not self._failed:
            rest = memoryview(self._connection.data_to_send())
            if self._connection.closed and not rest:
                self._say_goodbye()
            while rest:
                rest = rest[self._tls.write(rest) :]  # which takes one record at a time
        return self._out.read()

    def _say_goodbye(self) -> None:
        if not (self._said_goodbye or self._connection.reset):
            self._said_goodbye = True
            with contextlib.suppress(ssl.SSLError):  # the client's goodbye is not waited for
                self._tls.unwrap()
