"""What a session asks of the I/O layer: the commands, and the requests they carry.

An exchange is one HTTP request with its response, or one WebSocket. The session names it with an integer that is never
reused. The I/O layer reports about it with the session's fact methods (``response_started`` and so on).
"""

from __future__ import annotations

from typing import Union

from ._record import field, record
from ._urls import redact_url

__all__ = [
    "AbortExchange",
    "CloseWebSocket",
    "Command",
    "FilePart",
    "OpenWebSocket",
    "Request",
    "SendText",
    "StartExchange",
]

# The headers that are ours, and so no secret. Of all others, which are the caller's or a cookie, a repr shows only that
# they are there: nobody knows what an app's owner calls a key.
_SHOWN_HEADERS = frozenset({"accept", "accept-encoding", "content-type", "user-agent", "x-gradio-user"})


def redact_headers(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return the headers with the values that may be secret replaced by ``***``."""
    return tuple((name, value if name.lower() in _SHOWN_HEADERS else "***") for name, value in headers)


@record(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A stretch of a request body that the I/O layer reads itself, so that the core never holds a file in memory.

    ``source`` is a path, or an open binary file to be read from ``start``, or, where that is ``None``, from where it
    stands: one that the user named, or an `io.BytesIO` with content that is too large for one write. ``size`` is in
    bytes; exactly that many are sent.
    """

    source: object
    size: int
    start: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. The I/O layer adds ``Host`` and, where there is a body, ``Content-Length``: ``body_size``.

    ``safe_to_repeat`` says that a request which got no byte of an answer on a reused connection may be sent once more
    on a new one (RFC 9110, section 9.2.2).
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: tuple[bytes | FilePart, ...] = field(default=(), repr=False)
    safe_to_repeat: bool = False

    @property
    def body_size(self) -> int:
        """The length of the body in bytes."""
        return sum(part.size if isinstance(part, FilePart) else len(part) for part in self.body)

    def __repr__(self) -> str:
        return (
            f"Request({self.method} {redact_url(self.url)}, headers={redact_headers(self.headers)!r}, "
            f"body_size={self.body_size})"
        )


@record(frozen=True, slots=True, kw_only=True)
class StartExchange:
    """Send ``request`` and report what comes back about ``exchange``."""

    exchange: int
    request: Request


@record(frozen=True, slots=True, kw_only=True)
class AbortExchange:
    """Stop the exchange and drop its connection; facts about it that are still under way are ignored."""

    exchange: int


@record(frozen=True, slots=True, kw_only=True)
class OpenWebSocket:
    """Open a WebSocket to ``url`` (``ws`` or ``wss``) with these extra headers."""

    exchange: int
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        headers = redact_headers(self.headers)
        return f"OpenWebSocket(exchange={self.exchange}, url={redact_url(self.url)!r}, headers={headers!r})"


@record(frozen=True, slots=True, kw_only=True)
class SendText:
    """Send one text message on the WebSocket."""

    exchange: int
    text: str


@record(frozen=True, slots=True, kw_only=True)
class CloseWebSocket:
    """Begin the closing handshake of the WebSocket."""

    exchange: int
    code: int = 1000


Command = Union[StartExchange, AbortExchange, OpenWebSocket, SendText, CloseWebSocket]
