"""What is done to the bytes of an answer on their way to the connection: one link of a chain for each fault.

The chain ends at a :class:`Wire`, which frames the answer as its head says. h11 has no part in this, since most of what
is done here it would refuse to do, so the connection closes after the answer.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from ._http import Exchange

__all__ = ["SHAPES", "Bend", "Head", "Wire", "chain"]

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Head:
    """The head of an answer, which the links may change."""

    status: int
    headers: Headers
    version: str = "1.1"
    chunked: bool = True
    """Whether chunks are there if there is no length."""

    def get(self, name: str) -> str | None:
        """Give a header's value."""
        return next((value for key, value in self.headers if key == name), None)

    def put(self, name: str, value: str | None) -> None:
        """Set a header, or remove it."""
        self.headers = [(key, old) for key, old in self.headers if key != name]
        if value is not None:
            self.headers.append((name, value))


class Bend:
    """One link of the chain, which passes everything on as it is."""

    def __init__(self, exchange: Exchange, following: Bend | None, values: dict[str, Any]) -> None:
        self.exchange = exchange
        self.values = values
        self._following = following

    @property
    def following(self) -> Bend:
        """The next link."""
        assert self._following is not None
        return self._following

    def start(self, head: Head) -> None:
        """The answer begins."""
        self.following.start(head)

    def write(self, data: bytes) -> None:
        """A part of its body: of an event stream one event or several, whole."""
        self.following.write(data)

    def finish(self) -> None:
        """The answer is whole."""
        self.following.finish()

    def cut(self) -> None:
        """The connection closes inside the answer."""
        self.following.cut()

    def reset(self) -> None:
        """The connection is reset inside the answer."""
        self.following.reset()


class Wire(Bend):
    """The end of the chain: the bytes as the connection sends them."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange, None, {})
        self._chunked = False

    def start(self, head: Head) -> None:
        """Send the head."""
        self._chunked = head.chunked and head.version == "1.1" and head.get("content-length") is None
        if not self.exchange.connection.client_knows_chunks:
            self._chunked = False
        if self._chunked:
            head.put("transfer-encoding", "chunked")
        head.put("connection", "close")
        self.exchange.start_raw(head.status, head.headers, head.version)

    def write(self, data: bytes) -> None:
        """Send a part of the body, as one chunk if there are chunks."""
        if data and not self.exchange.responded:
            frame = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
            self.exchange.connection.send_raw(frame)

    def finish(self) -> None:
        """Send the end."""
        if not self.exchange.responded:
            if self._chunked:
                self.exchange.connection.send_raw(b"0\r\n\r\n")
            self.exchange.close("complete")

    def cut(self) -> None:
        """Close."""
        if not self.exchange.responded:
            self.exchange.close("cut")

    def reset(self) -> None:
        """Reset."""
        if not self.exchange.responded:
            self.exchange.close("cut", reset=True)


class _Late(Bend):
    """Everything comes so many seconds later; with ``head_first`` only what follows the head."""

    head_first = False

    def __init__(self, exchange: Exchange, following: Bend | None, values: dict[str, Any]) -> None:
        super().__init__(exchange, following, values)
        self._kept: deque[Callable[[], None]] | None = None

    def start(self, head: Head) -> None:
        if self.head_first:
            self.following.start(head)
        self._kept = deque()
        if not self.head_first:
            self._kept.append(lambda: self.following.start(head))
        self.exchange.call_after(self.values["seconds"], self._let_go)

    def _let_go(self) -> None:
        kept, self._kept = self._kept or deque(), None
        for action in kept:
            action()

    def _do(self, action: Callable[[], None]) -> None:
        if self._kept is None:
            action()
        else:
            self._kept.append(action)

    def write(self, data: bytes) -> None:
        self._do(lambda: self.following.write(data))

    def finish(self) -> None:
        self._do(self.following.finish)

    def cut(self) -> None:
        self._do(self.following.cut)

    def reset(self) -> None:
        self._do(self.following.reset)


class _SlowFirstEvent(_Late):
    head_first = True


class _Lost(Bend):
    """The connection closes as soon as the answer would begin."""

    def start(self, head: Head) -> None:
        self.exchange.close("cut")


class _CutAfterHead(Bend):
    def start(self, head: Head) -> None:
        self.following.start(head)
        self.following.cut()


class _ResetAfterHead(Bend):
    def start(self, head: Head) -> None:
        self.following.start(head)
        self.following.reset()


class _Truncated(Bend):
    """Only so many bytes of the body come."""

    def start(self, head: Head) -> None:
        self._left: int = self.values["keep"]
        length = head.get("content-length")
        if length is not None:
            self._left = min(self._left, max(int(length) - 1, 0))
        self.following.start(head)

    def write(self, data: bytes) -> None:
        self.following.write(data[: self._left])
        self._left = max(self._left - len(data), 0)
        if not self._left:
            self.enough()

    def enough(self) -> None:
        """So many bytes have come."""
        self.following.cut()

    def finish(self) -> None:
        self.enough()


class _Stalled(_Truncated):
    def enough(self) -> None:
        """Say nothing more."""

    def cut(self) -> None:
        """Say nothing more."""

    def reset(self) -> None:
        """Say nothing more."""


class _WrongLength(Bend):
    def start(self, head: Head) -> None:
        length = head.get("content-length")
        if length is not None:
            head.put("content-length", str(max(int(length) + self.values["off"], 0)))
        self.following.start(head)


class _Gzipped(Bend):
    def start(self, head: Head) -> None:
        self._pack = zlib.compressobj(wbits=31)
        head.put("content-encoding", "gzip")
        head.put("content-length", None)
        self.following.start(head)

    def write(self, data: bytes) -> None:
        self.following.write(self._pack.compress(data) + self._pack.flush(zlib.Z_SYNC_FLUSH))

    def finish(self) -> None:
        self.following.write(self._pack.flush())
        self.following.finish()


class _ContentType(Bend):
    def start(self, head: Head) -> None:
        head.put("content-type", self.values["value"])
        self.following.start(head)


class _Chunked(Bend):
    def start(self, head: Head) -> None:
        head.put("content-length", None)
        self.following.start(head)

    def write(self, data: bytes) -> None:
        size = max(self.values["size"], 1)
        for at in range(0, len(data), size):
            self.following.write(data[at : at + size])


class _UntilClose(Bend):
    def start(self, head: Head) -> None:
        head.put("content-length", None)
        head.chunked = False
        self.following.start(head)


class _OldHttp(Bend):
    def start(self, head: Head) -> None:
        head.version = "1.0"
        self.following.start(head)


class _OddName(Bend):
    def start(self, head: Head) -> None:
        name: str = self.values["filename"]
        escaped = (
            "".join(c if c.isascii() and c.isprintable() else "?" for c in name)
            .replace("\\", "\\\\")
            .replace('"', '\\"')
        )
        head.put("content-disposition", f"attachment; filename=\"{escaped}\"; filename*=utf-8''{quote(name, safe='')}")
        self.following.start(head)


# -- event streams


class _InPieces(Bend):
    """Pieces go out one by one, at once or with a time between them."""

    every = 0.0

    def start(self, head: Head) -> None:
        self._waiting: deque[bytes] = deque()
        self._end: Callable[[], None] | None = None
        self._ticking = False
        # A length would still be right; the point is how the bytes come.
        self.exchange.connection.in_pieces = True
        self.following.start(head)

    def pieces(self, data: bytes) -> list[bytes]:
        """Divide."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        for piece in self.pieces(data):
            if self.every:
                self._waiting.append(piece)
            else:
                self.following.write(piece)
        self._tick_later()

    def _tick_later(self) -> None:
        if self._waiting and not self._ticking:
            self._ticking = True
            self.exchange.call_after(self.every, self._tick)

    def _tick(self) -> None:
        self._ticking = False
        self.following.write(self._waiting.popleft())
        if self._waiting:
            self._tick_later()
        elif self._end is not None:
            self._end()

    def _end_with(self, end: Callable[[], None]) -> None:
        if self._waiting:
            self._end = end
        else:
            end()

    def finish(self) -> None:
        self._end_with(self.following.finish)

    def cut(self) -> None:
        self._end_with(self.following.cut)

    def reset(self) -> None:
        self._end_with(self.following.reset)


class _Dribble(_InPieces):
    def start(self, head: Head) -> None:
        self.every = self.values["every"]
        super().start(head)

    def pieces(self, data: bytes) -> list[bytes]:
        size = max(self.values["size"], 1)
        return [data[at : at + size] for at in range(0, len(data), size)]


class _Split(_InPieces):
    def pieces(self, data: bytes) -> list[bytes]:
        # After the first byte of each character that has several, and after each CR or LF that another follows.
        ends = [match.end() for match in re.finditer(rb"[\xc2-\xf4]|[\r\n](?=[\r\n])", data)]
        return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


class _Crlf(Bend):
    def write(self, data: bytes) -> None:
        self.following.write(data.replace(b"\n", b"\r\n"))


class _Cr(Bend):
    def write(self, data: bytes) -> None:
        self.following.write(data.replace(b"\n", b"\r"))


class _Bom(Bend):
    def start(self, head: Head) -> None:
        self._mark = b"\xef\xbb\xbf"
        self.following.start(head)

    def write(self, data: bytes) -> None:
        mark, self._mark = self._mark, b""
        self.following.write(mark + data)


class _Comments(Bend):
    def write(self, data: bytes) -> None:
        self.following.write(b": a comment\n\n:\nid: 1\nretry: 10\nunknown: field\nnothing\n" + data)


class _Coalesced(Bend):
    """So many events at a time, or all of them at the end."""

    def start(self, head: Head) -> None:
        self._kept: list[bytes] = []
        self.following.start(head)

    def write(self, data: bytes) -> None:
        self._kept.append(data)
        count = self.values.get("count")
        if count is not None and len(self._kept) >= count:
            self._let_go()

    def _let_go(self) -> None:
        kept, self._kept = b"".join(self._kept), []
        self.following.write(kept)

    def finish(self) -> None:
        self._let_go()
        self.following.finish()

    def cut(self) -> None:
        self._let_go()
        self.following.cut()


class _AfterEvents(Bend):
    """Something happens in place of the event that follows so many."""

    def start(self, head: Head) -> None:
        self._left: int | None = self.values["after_events"]
        self.following.start(head)

    def write(self, data: bytes) -> None:
        if self._left is None:
            self.afterwards(data)
        elif self._left:
            self._left -= 1
            self.following.write(data)
        else:
            self._left = None
            self.happen(data)

    def happen(self, data: bytes) -> None:
        """Do it; ``data`` is the event."""
        raise NotImplementedError

    def afterwards(self, data: bytes) -> None:
        """An event that comes after it."""


class _Silence(_AfterEvents):
    def happen(self, data: bytes) -> None:
        """Say nothing more."""

    def finish(self) -> None:
        if self._left:
            self.following.finish()

    def cut(self) -> None:
        if self._left:
            self.following.cut()


class _CleanEnd(_AfterEvents):
    def happen(self, data: bytes) -> None:
        self.exchange.abandon_source()
        self.following.finish()


class _CutStream(_AfterEvents):
    def happen(self, data: bytes) -> None:
        self.exchange.abandon_source()
        self.following.write(data[: len(data) // 2])
        self.following.cut()


class _ResetStream(_AfterEvents):
    def happen(self, data: bytes) -> None:
        self.exchange.abandon_source()
        self.following.reset()


class _CorruptJson(_AfterEvents):
    def happen(self, data: bytes) -> None:
        self.following.write(b"data: %b\n\n" % self.values["text"].encode())

    def afterwards(self, data: bytes) -> None:
        self.following.write(data)


class _Oversize(Bend):
    def start(self, head: Head) -> None:
        self.following.start(head)
        frame = b'data: {"msg":"oversize","padding":""}\n\n'
        padding = b"x" * max(self.values["size"] - len(frame), 0)
        self.following.write(frame[:-4] + padding + frame[-4:])


SHAPES: dict[str, type[Bend]] = {
    "late": _Late,
    "lose": _Lost,
    "cut after head": _CutAfterHead,
    "reset after head": _ResetAfterHead,
    "truncate": _Truncated,
    "stall": _Stalled,
    "wrong length": _WrongLength,
    "gzip": _Gzipped,
    "content type": _ContentType,
    "chunked": _Chunked,
    "until close": _UntilClose,
    "http/1.0": _OldHttp,
    "ignored range": Bend,
    "odd name": _OddName,
    "slow first event": _SlowFirstEvent,
    "dribble": _Dribble,
    "split": _Split,
    "crlf": _Crlf,
    "cr": _Cr,
    "bom": _Bom,
    "comments": _Comments,
    "coalesced": _Coalesced,
    "buffered": _Coalesced,
    "silence": _Silence,
    "clean end": _CleanEnd,
    "cut stream": _CutStream,
    "reset stream": _ResetStream,
    "corrupt json": _CorruptJson,
    "oversize event": _Oversize,
}
"""The link for each fault of the families ``shape`` and ``stream``."""


def chain(exchange: Exchange, faults: list[tuple[str, dict[str, Any]]]) -> Bend:
    """Put links together; the first one is nearest to the app."""
    bend: Bend = Wire(exchange)
    for name, values in reversed(faults):
        bend = SHAPES[name](exchange, bend, values)
    return bend
