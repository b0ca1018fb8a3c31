"""What the wire client asks of a driver.

A connection is named by an integer that is never reused. Actions about one connection are carried out in the order in
which they were given; actions about different connections are independent of each other.
"""

from __future__ import annotations

from typing import Union

from gradproto._commands import FilePart
from gradproto._record import field, record

__all__ = ["Action", "Close", "Connect", "Proxy", "Send", "SendFile"]


@record(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy; ``tls``: whether it is spoken to over TLS.

    ``authorization`` is the ``Proxy-Authorization`` that it wants. It goes to the proxy, and to nobody behind it.
    """

    host: str
    port: int
    tls: bool = False
    authorization: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Host and port, as errors name the proxy."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@record(frozen=True, slots=True, kw_only=True)
class Connect:
    """Open a stream; answer with ``connection_made`` or ``connection_lost``. ``tls`` asks for TLS with this host's
    name.

    Where there is a ``proxy``, the stream leads to it, with TLS if the proxy's ``tls`` says so. Then a ``tunnel`` goes
    through it to ``host`` and ``port``: see `Tunnel`. What ``tls`` asks for comes last, inside of the rest.

    ``timeout`` is in seconds, for everything together. The wire client keeps the time itself and sends ``Close`` when
    it is over; a driver that can limit the connecting call may use it too.
    """

    connection: int
    host: str
    port: int
    tls: bool
    timeout: float | None = None
    proxy: Proxy | None = None
    tunnel: bool = False


@record(frozen=True, slots=True, kw_only=True)
class Send:
    """Write these bytes."""

    connection: int
    data: bytes = field(repr=False)


@record(frozen=True, slots=True, kw_only=True)
class SendFile:
    """Write ``file.size`` bytes of ``file.source``, in pieces; report each piece with ``file_sent``.

    The file is one that the user named, or an `io.BytesIO` with what is too large for one write.
    """

    connection: int
    file: FilePart


@record(frozen=True, slots=True, kw_only=True)
class Close:
    """Close the stream and forget it, along with whatever is still to be written; nothing more is reported about it."""

    connection: int


Action = Union[Connect, Send, SendFile, Close]
