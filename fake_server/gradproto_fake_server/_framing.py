"""Where messages begin and end in the bytes of an HTTP/1.1 connection, without changing or holding back any.

What is no HTTP passes as content without an end: whoever watches a conversation has no right to refuse it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

from gradproto._record import record

__all__ = ["Framing", "Head", "Part", "RequestFraming", "ResponseFraming", "SocketFraming", "SocketPart"]

_LONGEST_HEAD = 1 << 20  # bytes; servers take 64 KiB or less
_LONGEST_LINE = 1 << 12  # of a chunk's size and what may follow it

_State = Literal["head", "length", "size", "chunk", "after chunk", "trailer", "until close", "socket", "no http"]


@record(frozen=True, slots=True, kw_only=True)
class Head:
    """The first line of a message, and its headers, with names in lower case."""

    line: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, data: bytes) -> Head | None:
        """Read a whole head; ``None`` if it is none."""
        line, *others = data.decode("latin-1").rstrip("\r\n").split("\n")
        pairs = [other.rstrip("\r").partition(":") for other in others]
        if len(line.split(" ")) < 2 or any(not colon or not name.strip() for name, colon, _ in pairs):
            return None
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        return cls(line=line.rstrip("\r"), headers=headers)

    def get(self, name: str) -> str:
        """Return the header's last value, or nothing."""
        return next((value for key, value in reversed(self.headers) if key == name), "")

    @property
    def method(self) -> str:
        """Of a request."""
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        """Of a request."""
        return self.line.split(" ")[1]

    @property
    def status(self) -> int:
        """Of a response; 0 for none."""
        word = self.line.split(" ")[1]
        return int(word) if word.isascii() and word.isdecimal() else 0

    @property
    def wants_websocket(self) -> bool:
        """Whether a request is a WebSocket's handshake."""
        return self.get("upgrade").lower() == "websocket"

    @property
    def closes(self) -> bool:
        """Whether the connection ends after a response."""
        options = [word.strip().lower() for word in self.get("connection").split(",")]
        return "close" in options or (self.line.startswith("HTTP/1.0") and "keep-alive" not in options)


@record(frozen=True, slots=True, kw_only=True)
class Part:
    """Some bytes. All of them together are those that came.

    ``head``, ``frame`` (sizes and ends of chunks), ``body``, ``socket`` (what comes after an upgrade). A ``begin`` has
    no bytes, but the head that is whole by then, and an ``end`` says that the message is over.
    """

    kind: Literal["head", "frame", "body", "socket", "begin", "end"]
    data: bytes = b""
    head: Head | None = None


class Framing:
    """One direction of a connection."""

    def __init__(self) -> None:
        self._state: _State = "head"
        self._head = bytearray()
        self._line = bytearray()
        self._left = 0

    def feed(self, data: bytes) -> Iterator[Part]:
        """Take bytes, and say what they are."""
        at = 0
        while at < len(data):
            if self._state == "head":
                at, parts = self._feed_head(data, at)
                yield from parts
            elif self._state in ("length", "chunk"):
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                yield Part(kind="body", data=piece)
                if not self._left:
                    yield from self._counted_down()
            elif self._state in ("size", "after chunk", "trailer"):
                at, parts = self._feed_line(data, at)
                yield from parts
            else:
                yield Part(kind="socket" if self._state == "socket" else "body", data=data[at:])
                return

    @property
    def in_head(self) -> bool:
        """Whether the head of a message is what comes next, or has begun to come."""
        return self._state == "head"

    def closed(self) -> Iterator[Part]:
        """Nothing more comes, which may be the end of a message."""
        if self._state == "until close":
            self._state = "no http"
            yield Part(kind="end")

    def become_socket(self) -> None:
        """The other side has agreed to an upgrade."""
        self._state = "socket"

    def _feed_head(self, data: bytes, at: int) -> tuple[int, list[Part]]:
        known = len(self._head)
        rest = data[at:]
        if not known:
            # A line end or two may be left from the message before.
            blank = len(rest) - len(rest.lstrip(b"\r\n"))
            if blank:
                return at + blank, [Part(kind="head", data=rest[:blank])]
        self._head += rest
        end = _end_of_head(self._head, max(0, known - 3))
        if end < 0:
            if len(self._head) > _LONGEST_HEAD:
                self._state = "no http"
            return len(data), [Part(kind="head", data=rest)]
        until = at + end - known
        parts = [Part(kind="head", data=data[at:until])]
        head = Head.of(bytes(self._head[:end]))
        self._head.clear()
        if head is None:
            self._state = "no http"
            return until, parts
        parts.append(Part(kind="begin", head=head))
        if not self._begin(head):
            self._state = "head"
            parts.append(Part(kind="end"))
        return until, parts

    def _begin(self, head: Head) -> bool:
        """Get ready for the body; say whether there is one, or whatever else comes."""
        raise NotImplementedError

    def _begin_body(self, head: Head, otherwise: _State | None) -> bool:
        if "chunked" in head.get("transfer-encoding").lower():
            self._state = "size"
            return True
        length = head.get("content-length")
        if length.isascii() and length.isdecimal() and len(length) < 19:
            self._state, self._left = "length", int(length)
            return self._left > 0
        if otherwise is None:
            return False
        self._state = otherwise
        return True

    def _counted_down(self) -> Iterator[Part]:
        if self._state == "length":
            self._state = "head"
            yield Part(kind="end")
        else:
            self._state = "after chunk"

    def _feed_line(self, data: bytes, at: int) -> tuple[int, list[Part]]:
        end = data.find(b"\n", at) + 1
        piece = data[at : end or len(data)]
        self._line += piece
        parts = [Part(kind="frame", data=piece)]
        if end:
            line = bytes(self._line).strip()
            self._line.clear()
            if self._state == "after chunk":
                self._state = "size"
            elif self._state == "size":
                self._begin_chunk(line)
            elif not line:
                self._state = "head"
                parts.append(Part(kind="end"))
        elif len(self._line) > _LONGEST_LINE:
            self._state = "no http"
        return at + len(piece), parts

    def _begin_chunk(self, line: bytes) -> None:
        try:
            self._left = int(line.partition(b";")[0], 16)
        except ValueError:
            self._state = "no http"
            return
        self._state = "no http" if self._left < 0 else "chunk" if self._left else "trailer"


class RequestFraming(Framing):
    """What a client sends."""

    def _begin(self, head: Head) -> bool:
        return self._begin_body(head, None)


class ResponseFraming(Framing):
    """What a server sends. It must be told of each request, for an answer to HEAD has no body."""

    def __init__(self) -> None:
        super().__init__()
        self._methods: deque[str] = deque()
        self.is_final: bool = False
        """Whether the head that came last is that of an answer, and not one that says only that it will come."""

    def asked(self, head: Head) -> None:
        """A request was sent."""
        self._methods.append(head.method)

    def _begin(self, head: Head) -> bool:
        status = head.status
        self.is_final = not 100 <= status < 200 or status == 101
        if not self.is_final:
            return False
        method = self._methods.popleft() if self._methods else ""
        if status == 101:
            self._state = "socket"
            return True
        if method == "HEAD" or status in (204, 304):
            return False
        return self._begin_body(head, "until close")


def _end_of_head(data: bytearray, start: int) -> int:
    """Return where the empty line ends; -1 if it is not there."""
    ends = [end + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (end := data.find(mark, start)) >= 0]
    return min(ends, default=-1)


@record(frozen=True, slots=True, kw_only=True)
class SocketPart:
    """Some bytes of a WebSocket: of a frame's head, or of its content, which ``key`` makes readable.

    ``ends`` says that a message is over with them; control frames are messages too.
    """

    data: bytes
    key: bytes | None = None
    ends: bool = False
    opcode: int = 0

    @property
    def is_control(self) -> bool:
        """Whether it is about the connection itself: a close, a ping, a pong."""
        return self.opcode >= 8

    @property
    def content(self) -> bytes:
        """The content as it is meant."""
        return self.data if self.key is None else self.masked(self.data)

    def masked(self, data: bytes) -> bytes:
        """Return content as it goes over the wire; doing it twice undoes it (RFC 6455, section 5.3)."""
        if not self.key or not any(self.key):
            return data
        pad = (self.key * (len(data) // 4 + 1))[: len(data)]
        return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(data), "big")


class SocketFraming:
    """The frames of one direction of a WebSocket."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0
        self._key = b""
        self._position = 0
        self._opcode = 0
        self._is_last = False

    def feed(self, data: bytes) -> Iterator[SocketPart]:
        """Take bytes, and say what they are."""
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                turn = self._position % 4
                self._position += len(piece)
                yield SocketPart(
                    data=piece,
                    key=self._key[turn:] + self._key[:turn],
                    ends=not self._left and self._is_last,
                    opcode=self._opcode,
                )
                continue
            piece = data[at : at + 1]
            at += 1
            self._head += piece
            over = self._is_whole()
            yield SocketPart(data=piece, ends=over and not self._left and self._is_last, opcode=self._opcode)

    def _is_whole(self) -> bool:
        """Whether the head is whole; then what it says is taken."""
        head = self._head
        if len(head) < 2:
            return False
        size = head[1] & 0x7F
        extra = {126: 2, 127: 8}.get(size, 0)
        has_key = bool(head[1] & 0x80)
        if len(head) < 2 + extra + 4 * has_key:
            return False
        self._left = int.from_bytes(head[2 : 2 + extra], "big") if extra else size
        self._key = bytes(head[2 + extra :])
        self._position = 0
        self._opcode = head[0] & 0x0F
        self._is_last = bool(head[0] & 0x80)
        head.clear()
        return True
