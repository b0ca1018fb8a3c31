"""HTTP/1.1 on one connection: a request into actions, and received bytes into facts, with h11.

An `HttpConnection` carries one exchange after another. It knows neither the pool nor the time; what it tells its
owner is an `Outcome`, or an error that ends the exchange.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn, cast

import h11

from gradproto._commands import FilePart, Request
from gradproto._errors import ArgumentError, LocalProtocolError, ReadError, RemoteProtocolError, WriteError
from gradproto._urls import host_header, origin, redact_url, target

from ._actions import Action, Proxy, Send, SendFile
from ._tunnel import refusal

if TYPE_CHECKING:
    from ._client import Conversation

__all__ = ["HttpConnection", "Outcome", "Template"]

# Bytes. What is larger is not joined with its neighbours: the copy would cost more than the write that it saves.
_MAX_JOINED = 64 * 1024

# Heads that a template keeps, one for each length of a body.
_MAX_HEADS = 16

# The same for every request, so built once; and looked up once, for they stand in the loop over a response's body.
_END = h11.EndOfMessage()
_Data = h11.Data
_NEED_DATA = h11.NEED_DATA


class Outcome(enum.Enum):
    """What a connection is good for after it was fed."""

    MORE = "the exchange goes on"
    REUSE = "the exchange is over, and the connection can carry another"
    CLOSE = "the exchange is over, and so is the connection"
    LINGER = "the exchange is over, and the peer is to close the connection"
    SWITCHED = "the peer agreed to another protocol"


_MORE = Outcome.MORE


class _FileStandIn:
    """What h11 counts against ``Content-Length`` in place of a file's bytes, which never come here."""

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


class Template:
    """What requests of one method to one URL with the same headers have in common.

    Most of the cost of sending a small request is in turning its headers into bytes and checking them, and most
    requests have been sent before. The constructor and ``head`` raise ``WriteError``, which names a header but never
    its value, for what HTTP cannot carry. ``proxies`` may say that requests of the ``http`` scheme go to a proxy, which
    gets the whole URL (RFC 9112, section 3.2.2), and its own credentials; what goes through a tunnel is as without.
    """

    __slots__ = ("_headers", "_heads", "_lines", "_method", "_target", "_url", "origin")

    def __init__(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        *,
        proxies: Callable[[tuple[str, str, int]], Proxy | None] | None = None,
    ) -> None:
        self._method = method
        self._url = url
        self._headers = headers
        self._heads: dict[int | None, h11.Request] = {}
        try:
            self.origin = origin(url)
            self._target = target(url).encode("ascii")
            # Latin-1, the way received headers become strings, so that a cookie goes back as it came.
            self._lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            self._lines.insert(0, (b"Host", host_header(url).encode("ascii")))
        except (ArgumentError, UnicodeEncodeError):
            raise self._cannot_be_sent() from None
        proxy = proxies(self.origin) if proxies is not None and self.origin[0] == "http" else None
        if proxy is not None:
            self._target = b"http://" + self._lines[0][1] + self._target
            if proxy.authorization is not None:
                self._lines.append((b"Proxy-Authorization", proxy.authorization.encode("ascii")))

    def head(self, length: int | None) -> h11.Request:
        """Return the head of a request, with ``Content-Length`` unless ``length`` is ``None``."""
        head = self._heads.get(length)
        if head is None:
            length_line = () if length is None else ((b"Content-Length", b"%d" % length),)
            try:
                head = h11.Request(method=self._method, target=self._target, headers=[*self._lines, *length_line])
            except h11.LocalProtocolError:
                # Not chained: h11's message shows the value, which may be a token.
                raise self._cannot_be_sent() from None
            if len(self._heads) == _MAX_HEADS:
                self._heads.clear()
            self._heads[length] = head
        return head

    def _cannot_be_sent(self) -> WriteError:
        why = "its method, its URL or its set of headers is not legal HTTP"
        for name, value in self._headers:
            try:
                pair = (name.encode("latin-1"), value.encode("latin-1"))
                h11.Request(method="GET", target="/", headers=[(b"Host", b"a"), pair])
            except (h11.LocalProtocolError, UnicodeEncodeError):
                why = f"HTTP cannot carry its header {name[:80]!r}"
                break
        return WriteError(f"{self._method} {redact_url(self._url)} cannot be sent: {why}")


class HttpConnection:
    """The HTTP of connection ``number``. Actions go to ``actions``, facts to ``session``.

    ``proxy`` is one that forwards the requests, not one that there is a tunnel through.
    """

    __slots__ = (
        "_actions",
        "_body_size",
        "_exchange",
        "_file",
        "_file_left",
        "_h11",
        "_has_file",
        "_head_size",
        "_in_body",
        "_max_header_size",
        "_parts",
        "_proxy",
        "_request",
        "_sent",
        "_session",
        "headers",
        "number",
    )

    def __init__(
        self,
        number: int,
        actions: deque[Action],
        session: Conversation,
        max_header_size: int,
        *,
        proxy: Proxy | None = None,
    ) -> None:
        self.number = number
        self._proxy = proxy
        self._actions = actions
        self._session = session
        self._max_header_size = max_header_size
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=max_header_size)
        self._exchange = -1
        # Of the request: what is still to be sent, the file that the driver is sending, bytes of the body that are out.
        self._request = Request(method="", url="")
        self._parts: Iterator[bytes | FilePart] = iter(())
        self._has_file = False
        self._file: FilePart | None = None
        self._file_left = 0
        self._sent = 0
        # Of the response: bytes received before the end of its head, and bytes of the body.
        self._head_size = 0
        self._in_body = False
        self._body_size = 0
        self.headers: list[tuple[str, str]] = []

    @property
    def answered(self) -> bool:
        """Whether any byte of the current exchange's answer came."""
        return self._head_size > 0

    @property
    def trailing_data(self) -> bytes:
        """What came after the answer that switched protocols."""
        return self._h11.trailing_data[0]

    def send_request(self, exchange: int, request: Request, head: h11.Request) -> None:
        """Send a request whose head is ``head``. The connection must be new, or its last outcome ``REUSE``."""
        self._exchange = exchange
        self._request = request
        self._sent = 0
        self._head_size = 0
        self._in_body = False
        self._body_size = 0
        first = self._h11.send(head)
        if not request.body:
            self._h11.send(_END)
            self._actions.append(Send(connection=self.number, data=first))
            return
        self._parts = iter(request.body)
        self._has_file = any(isinstance(part, FilePart) for part in request.body)
        self._send_parts(first)

    def file_sent(self, sent: int) -> None:
        """Count what the driver wrote of the current file; go on with the body when that was the last of it."""
        file = self._file
        if file is None or not 0 <= sent <= self._file_left:
            raise LocalProtocolError(
                f"can't handle file_sent({sent}): connection {self.number} has {self._file_left} bytes of files to send"
            )
        self._file_left -= sent
        self._sent += sent
        self._session.body_sent(self._exchange, self._sent)
        if not self._file_left:
            self._file = None
            # h11 does nothing to such an object but take its length; its docs describe this for sendfile().
            self._h11.send_with_data_passthrough(_Data(data=cast(bytes, _FileStandIn(file.size))))
            self._send_parts(b"")

    def _send_parts(self, first: bytes) -> None:
        """Send ``first`` and the body up to the end of the next file, in as few writes as is sensible."""
        pieces = [first]
        size = len(first)
        before = self._sent
        for part in self._parts:
            if isinstance(part, FilePart):
                if part.size:
                    self._write(pieces)
                    self._file = part
                    self._file_left = part.size
                    self._actions.append(SendFile(connection=self.number, file=part))
                    break
            elif part:
                self._h11.send_with_data_passthrough(_Data(data=part))
                self._sent += len(part)
                size += len(part)
                if size > _MAX_JOINED:
                    self._write(pieces)
                    pieces = []
                    size = len(part)
                pieces.append(part)
        else:
            self._h11.send(_END)
            self._write(pieces)
        if self._has_file and self._sent > before:
            self._session.body_sent(self._exchange, self._sent)

    def _write(self, pieces: list[bytes]) -> None:
        # A join of one piece of bytes is that piece, not a copy.
        data = b"".join(pieces)
        if data:
            self._actions.append(Send(connection=self.number, data=data))

    def receive(self, data: bytes) -> Outcome:
        """Turn received bytes into facts; ``b""`` is EOF.

        Raises ``ReadError`` where the connection ended too early, ``RemoteProtocolError`` for what is no HTTP. Either
        ends the exchange; the facts before it have been delivered. Raises ``ConnectError`` where the proxy itself
        answers that it wants a login.
        """
        if not data:
            return self._receive_eof()
        self._h11.receive_data(data)
        if not self._in_body:
            outcome = self._read_head(len(data))
            if outcome is not None:
                return outcome
        # One fact for all that came at once, however many chunks: a session's work per fact costs more than this join.
        pieces: list[bytes] = []
        next_event = self._h11.next_event
        error: h11.RemoteProtocolError | None = None
        event = None
        try:
            while isinstance(event := next_event(), _Data):
                pieces.append(event.data)
        except h11.RemoteProtocolError as exc:
            error = exc
        if pieces:
            # h11 gives bytearrays; joining makes bytes even of a single one.
            body = b"".join(pieces)
            self._body_size += len(body)
            self._session.response_data(self._exchange, body)
        if error is not None:
            self._refuse(error)
        if event is _NEED_DATA:
            return _MORE
        return self._end()

    def _read_head(self, size: int) -> Outcome | None:
        """Read up to the end of the head; return ``None`` when it is there, so that the body can be read."""
        self._head_size += size
        try:
            event = self._h11.next_event()
            # 100 Continue, 102 Processing, 103 Early Hints and the like say nothing that a session waits for.
            while isinstance(event, h11.InformationalResponse) and event.status_code != 101:
                event = self._h11.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                self._refuse_size()
            self._refuse(error)
        if self._head_size > self._max_header_size:
            # h11 holds the limit only for what is incomplete, so the verdict would depend on how the bytes were cut.
            # All informational responses count, so that they cannot go on for ever.
            after = 0 if event is _NEED_DATA else len(self._h11.trailing_data[0])
            if self._head_size - after > self._max_header_size:
                self._refuse_size()
        if not isinstance(event, (h11.Response, h11.InformationalResponse)):
            return _MORE
        if event.status_code == 407 and self._proxy is not None:
            # Only a proxy says so (RFC 9110, section 15.5.8); what else it refuses looks as if the app did.
            raise refusal(self._proxy, self._where(), event)
        headers = [(str(name, "latin-1").lower(), str(value, "latin-1")) for name, value in event.headers.raw_items()]
        self.headers = headers
        if event.status_code == 101:
            # h11 refuses it unless the request asked for an upgrade.
            return Outcome.SWITCHED
        names = dict(headers)
        if "transfer-encoding" in names and "content-length" in names:
            # h11 would take the former; a response that has both is not to be trusted (RFC 9112, section 6.3).
            raise RemoteProtocolError(f"{self._where()}: the response has both Transfer-Encoding and Content-Length")
        self._in_body = True
        self._session.response_started(self._exchange, event.status_code, headers)
        return None

    def _end(self) -> Outcome:
        self._session.response_ended(self._exchange)
        connection = self._h11
        if (
            connection.our_state is not h11.DONE
            or connection.their_state is not h11.DONE
            or connection.trailing_data[0]
        ):
            return Outcome.CLOSE
        connection.start_next_cycle()
        return Outcome.REUSE

    def _receive_eof(self) -> Outcome:
        where = self._where()
        if not self._head_size:
            raise ReadError(f"{where}: the server closed the connection without an answer")
        if not self._in_body:
            raise ReadError(
                f"{where}: the connection ended inside the head of the response, after {self._head_size} bytes"
            )
        self._h11.receive_data(b"")
        try:
            self._h11.next_event()
        except h11.RemoteProtocolError:
            expected = dict(self.headers).get("content-length")
            count = f"{self._body_size} bytes" if expected is None else f"{self._body_size} of {expected} bytes"
            raise ReadError(f"{where}: the connection ended inside the body of the response, after {count}") from None
        # The end of the connection was the end of the body (HTTP/1.0, or neither of the framing headers).
        self._session.response_ended(self._exchange)
        return Outcome.CLOSE

    def _refuse(self, error: h11.RemoteProtocolError) -> NoReturn:
        what, _, quoted = str(error).partition(": ")
        if what == "illegal header line":
            # It may hold a cookie, so neither the line nor h11's error, which shows it, goes any further.
            raise RemoteProtocolError(f"{self._where()}: the response is not HTTP: {what}") from None
        shown = f"{what}: {quoted[:80]}" if quoted else what
        raise RemoteProtocolError(f"{self._where()}: the response is not HTTP: {shown}") from error

    def _refuse_size(self) -> NoReturn:
        limit = self._max_header_size
        raise RemoteProtocolError(f"{self._where()}: the head of the response is larger than {limit} bytes") from None

    def _where(self) -> str:
        return f"{self._request.method} {redact_url(self._request.url)}"
