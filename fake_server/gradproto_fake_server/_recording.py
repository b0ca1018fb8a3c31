"""A recording as the requests that it has, and what was answered to each: which bytes, and when."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from ._framing import Head, RequestFraming, ResponseFraming, SocketFraming
from ._json import is_object
from ._record import read_bytes
from ._secrets import SECRET_NAMES

__all__ = ["Asked", "ClientReader", "Recorded", "Recording"]

_COMPARED_BODY = 1 << 20  # bytes; of a larger one only that it came
# Chosen by the client: what it is called does not matter, but to whom it belongs does.
_SESSION = "session_hash"
# Chosen by the client, for this one request.
_FREE = frozenset({"upload_id"})


class Asked:
    """A request, as far as answers depend on it."""

    def __init__(self, head: Head) -> None:
        self.head = head
        path, _, query = head.target.partition("?")
        self.method: str = head.method
        self.path: str = unquote(path)
        self.query_string = query
        self.json: Any = None
        self.size: int = 0
        self.is_whole: bool = False
        self._body = bytearray()

    def take(self, data: bytes) -> None:
        """Take some of the body."""
        self.size += len(data)
        if self.size <= _COMPARED_BODY:
            self._body += data
        else:
            self._body.clear()

    def finish(self) -> None:
        """The body is whole."""
        self.is_whole = True
        if self._body and b"{" in self._body[:100]:
            try:
                self.json = json.loads(self._body)
            except (ValueError, RecursionError):
                self.json = None
        self._body.clear()

    @property
    def session(self) -> str | None:
        """The session that it says to be of."""
        for source in (self.query, self.json):
            named = source.get(_SESSION) if is_object(source) else None
            if isinstance(named, str):
                return named
        before, _, last = self.path.rpartition("/")
        return last if before.endswith("/heartbeat") else None

    @property
    def route(self) -> str:
        """The path without the name of the session, and without a slash at the end."""
        path = self.path.rstrip("/")
        return path.rpartition("/")[0] if path.rpartition("/")[0].endswith("/heartbeat") else path

    @property
    def query(self) -> dict[str, str]:
        """The items of the query."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def compared_query(self) -> dict[str, str]:
        """The items that say what is asked for, whoever asks."""
        return {
            name: value
            for name, value in self.query.items()
            if name != _SESSION and name not in _FREE and name.lower() not in SECRET_NAMES
        }

    def is_about(self, other: Asked) -> bool:
        """Whether both bodies are about one function and one event, as far as they say, and want one part of a file."""
        mine, others = (one.json if is_object(one.json) else {} for one in (self, other))
        both = [(mine.get(name), others.get(name)) for name in ("fn_index", "event_id", "hash")]
        return self.head.get("range") == other.head.get("range") and all(a == b or None in (a, b) for a, b in both)

    @property
    def content(self) -> Any:
        """The body without what is the client's own."""
        return {name: value for name, value in self.json.items() if name != _SESSION} if is_object(self.json) else None

    def __str__(self) -> str:
        """What was asked for, without any value that may be a secret."""
        names = sorted(self.query)
        what = f"{self.method} {self.path}" + (f"?{'&'.join(f'{name}=' for name in names)}" if names else "")
        index = self.json.get("fn_index") if is_object(self.json) else None
        return f"{what} (fn_index {index})" if isinstance(index, int) else what


class ClientReader:
    """Reads what a client sends: requests, and the messages of a WebSocket."""

    def __init__(self) -> None:
        self._framing = RequestFraming()
        self._frames: SocketFraming | None = None
        self._asked: Asked | None = None
        self._text = bytearray()

    def feed(self, data: bytes) -> Iterator[Asked | str]:
        """Take bytes; give each request at its head and again when it is whole, and a text for each message."""
        for part in self._framing.feed(data):
            if part.head is not None:
                self._asked = Asked(part.head)
                yield self._asked
            elif part.kind == "body" and self._asked is not None:
                self._asked.take(part.data)
            elif part.kind == "end" and self._asked is not None:
                self._asked.finish()
                yield self._asked
            elif part.kind == "socket":
                yield from self._messages(part.data)

    def become_socket(self) -> None:
        """What comes from now on are frames."""
        self._frames = SocketFraming()
        self._framing.become_socket()

    def _messages(self, data: bytes) -> Iterator[str]:
        assert self._frames is not None
        for part in self._frames.feed(data):
            if part.key is not None and not part.is_control and len(self._text) < _COMPARED_BODY:
                self._text += part.content
            if part.ends and part.opcode in (0, 1, 2, 8):  # pings and pongs come when they come
                text = self._text.decode("utf-8", "replace")
                self._text.clear()
                yield text


@dataclass(slots=True, kw_only=True)
class Recorded:
    """A request and what was answered."""

    number: int
    """Counted from 1 over the recording."""
    asked: Asked
    heard: list[float]
    """When the request was there, and each message of a WebSocket."""
    pieces: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])
    """What was answered, as it was sent."""
    status: int = 0
    is_whole: bool = False
    ends: float | None = None
    """When the server closed the connection after it, or broke it."""
    resets: bool = False
    closes: bool = False
    """Whether its head says that the connection ends with it."""
    is_stream: bool = False

    @property
    def repeats(self) -> bool:
        """Whether the same may be answered to whoever asks once more than the recorded client did."""
        is_read = self.asked.method in ("GET", "HEAD") and self.status < 400
        return is_read and self.is_whole and not self.is_stream


class Recording:
    """What ``gradproto record`` has written, or any recording of that format.

    Where there are, beside it, a ``config.json`` and an ``info.json``, these are the answers to ``/config`` and
    ``/info`` if it has none, as in ``spec/recordings``; what is lost there, is lost again.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read it. Raises ``OSError``, and ``ValueError`` for what is no recording, with the number of the line."""
        place = Path(path)
        expected: Any = _load(place.with_suffix(".expect.json")) or {}
        with place.open(encoding="utf-8", newline="\n") as lines:
            self._read(lines, expected.get("lost", ()))
        self.documents: dict[str, bytes] = {}
        """What is answered at the end of a path, if nothing was recorded for that."""
        for route, name in (("/config", expected.get("config", "config.json")), ("/info", "info.json")):
            document = place.with_name(name)
            if document.exists():
                self.documents[route] = document.read_bytes()

    @classmethod
    def of(cls, lines: Iterable[str]) -> Recording:
        """Read the lines of a recording. Raises ``ValueError``."""
        made = cls.__new__(cls)
        made.documents = {}
        made._read(lines, ())
        return made

    def _read(self, lines: Iterable[str], lost: Collection[int]) -> None:
        self.upstream_path: str = ""
        """What stands before each path, if the app was not at the top."""
        talks: dict[int, _Talk] = {}
        self.exchanges: list[Recorded] = []
        """In the order in which they were asked for."""
        for number, text in enumerate(lines, 1):
            try:
                line: Any = json.loads(text)
                if not is_object(line):
                    raise ValueError("it is no JSON object")
                if "conn" in line:
                    conn = line["conn"]
                    talk = talks.get(conn)
                    if talk is None:
                        talk = talks[conn] = _Talk(self.exchanges)
                    talk.take(line, number)
                elif is_object(about := line.get("recording")):
                    self.upstream_path = "/".join(["", *str(about.get("upstream", "")).split("/")[3:]])
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                why = f"{error!r}" if isinstance(error, KeyError) else str(error)
                raise ValueError(f"line {number} is no line of a recording: {why:.80}") from None
        for conn, talk in talks.items():
            talk.over(lost=conn in lost)
        if not self.exchanges:
            raise ValueError("there is no request in it")

    @property
    def sessions(self) -> set[str]:
        """The sessions of the recorded client."""
        return {session for exchange in self.exchanges if (session := exchange.asked.session) is not None}


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


class _Talk:
    """One connection, while it is read."""

    def __init__(self, exchanges: list[Recorded]) -> None:
        self._exchanges = exchanges
        self._client = ClientReader()
        self._server = ResponseFraming()
        self._frames = SocketFraming()
        self._mine: list[Recorded] = []
        self._asked: deque[Recorded] = deque()  # whose answers have yet to come, or to end
        self._begun: list[tuple[float, bytes]] = []  # of a head that is not whole
        self._client_left = False
        self._said_goodbye = False

    def take(self, line: dict[str, Any], number: int) -> None:
        """Take a line."""
        at = float(line["t"]) + number * 1e-9  # what has one time keeps its order
        data = read_bytes(line)
        ended = bool(line.get("eof") or line.get("reset"))
        if line["dir"] == "c2s":
            self._hear(data, at)
            self._client_left = self._client_left or ended
        elif line["dir"] == "s2c":
            self._say(data, at)
            if ended:
                self._end(at, reset=bool(line.get("reset")))
        else:
            raise ValueError("its direction is neither c2s nor s2c")

    def over(self, *, lost: bool) -> None:
        """No line is left; ``lost``: the connection was, and not by the client's own will."""
        self._put_begun()
        if lost and self._asked and self._asked[0].ends is None:
            recorded = self._asked[0]
            recorded.ends = recorded.pieces[-1][0] if recorded.pieces else recorded.heard[0]
            recorded.ends += 1e-9

    def _put_begun(self) -> None:
        for at, piece in self._begun:
            self._put(piece, at)
        self._begun.clear()

    def _hear(self, data: bytes, at: float) -> None:
        for what in self._client.feed(data):
            if isinstance(what, str):
                if self._mine:
                    self._mine[-1].heard.append(at)
            elif what.is_whole:
                self._mine[-1].heard[0] = at
            else:
                recorded = Recorded(number=len(self._exchanges) + 1, asked=what, heard=[at])
                self._exchanges.append(recorded)
                self._mine.append(recorded)
                self._asked.append(recorded)
                self._server.asked(what.head)

    def _say(self, data: bytes, at: float) -> None:
        """Give the bytes to the requests that they answer, but for what says only that an answer will come."""
        piece = bytearray()
        for part in self._server.feed(data):
            piece += part.data
            if part.head is not None and self._server.is_final:
                self._begin(part.head)
            elif part.kind == "end":
                if self._server.is_final:
                    self._put(bytes(piece), at)
                    self._finish()
                self._begun.clear()
                piece.clear()
            elif part.kind == "socket":
                self._said_goodbye |= any(frame.opcode == 8 for frame in self._frames.feed(part.data))
        if piece and self._server.in_head:
            self._begun.append((at, bytes(piece)))
        else:
            self._put(bytes(piece), at)

    def _begin(self, head: Head) -> None:
        self._put_begun()
        if self._asked:
            recorded = self._asked[0]
            recorded.status = head.status
            recorded.closes = head.closes
            recorded.is_stream = head.get("content-type").startswith("text/event-stream")
            if head.status == 101:
                self._client.become_socket()

    def _finish(self) -> None:
        if self._asked:
            recorded = self._asked.popleft()
            recorded.is_whole = True
            if recorded.closes and recorded.ends is None:
                recorded.ends = recorded.pieces[-1][0]

    def _put(self, piece: bytes, at: float) -> None:
        if piece and self._asked:
            self._asked[0].pieces.append((at, piece))

    def _end(self, at: float, *, reset: bool) -> None:
        """The server has closed, which is a part of the answer unless the client had left, or nothing was wanted."""
        if self._asked and not reset and any(part.kind == "end" for part in self._server.closed()):
            self._asked[0].ends = at
            self._finish()
        if self._asked and (reset or not self._client_left or self._said_goodbye):
            self._asked[0].ends, self._asked[0].resets = at, reset
