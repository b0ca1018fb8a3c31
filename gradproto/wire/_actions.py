"""What the wire client asks of a driver.

A connection is named by an integer that is never reused. Actions about one connection are carried out in the order in
which they were given; actions about different connections are independent of each other.
"""

from __future__ import annotations

from typing import Union

from gradproto._commands import FilePart
from gradproto._record import field, record

__all__ = ["Action", "Close", "Connect", "Send", "SendFile"]


@record(frozen=True, slots=True, kw_only=True)
class Connect:
    """Open a stream; answer with ``connection_made`` or ``connection_lost``. ``tls`` asks for TLS with this host's
    name.

    ``timeout`` is in seconds. The wire client keeps the time itself and sends ``Close`` when it is over; a driver that
    can limit the connecting call may use it too.
    """

    connection: int
    host: str
    port: int
    tls: bool
    timeout: float | None = None


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
