"""The recordings of ``spec/recordings``, and a server that answers with them.

The server has no I/O. Requests are matched by method, route and order, for session hashes, headers and the like are
not those of the recorded client. A piece of an answer is ready when the server has heard all that it had heard by then
when it was recorded; time does not matter.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h11
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage
from wsproto.utilities import generate_accept_token

__all__ = ["FOLDER", "Answer", "Asked", "Expectation", "RecordedServer", "Recording", "ServerConnection", "recordings"]

FOLDER = Path(__file__).parents[1] / "spec" / "recordings"

ACCEPT = re.compile(rb"(?i)(\r\nsec-websocket-accept: )[^\r]*")
# What a client may ask that was not recorded: the session's heartbeat never ends.
HEARTBEAT = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: ALIVE\n\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True)
class Expectation:
    """What is known of a recording: the calls that were made, and what became of them."""

    shows: str
    gradio: str
    source: str
    calls: list[dict[str, Any]]
    # Connections that broke. The end of all others that the client ended itself is not replayed.
    lost: Sequence[int] = ()
    config: str = "config.json"
    # How the calls got to the server, as the option of a session.
    route: str = "queue"
    # User and password.
    auth: Sequence[str] | None = None


@dataclass(frozen=True)
class Asked:
    """A request, as far as servers answer by it."""

    method: str
    target: str
    body: bytes = b""
    cookies: frozenset[str] = frozenset()
    # Of a WebSocket's handshake.
    key: bytes = b""
    is_websocket: bool = False

    @property
    def route(self) -> str:
        """The path, without the query."""
        return urlsplit(self.target).path


@dataclass(frozen=True)
class Exchange:
    """One recorded connection: each carried one request, or one WebSocket."""

    number: int
    asked: Asked
    # When the server had heard the request, and each message of a WebSocket's client.
    heard: list[float]
    # When it sent what; ``b""`` is the end of the connection.
    pieces: list[tuple[float, bytes]]
    messages: list[str]


class Recording:
    """One recorded conversation."""

    def __init__(self, version: str, name: str) -> None:
        folder = FOLDER / version
        self.id = f"{version}-{name}"
        self.path = folder / f"{name}.jsonl"
        self.expected = Expectation(**json.loads((folder / f"{name}.expect.json").read_text(encoding="utf-8")))
        self.config = json.loads((folder / self.expected.config).read_text(encoding="utf-8"))
        info = folder / "info.json"
        self.info = json.loads(info.read_text(encoding="utf-8")) if info.exists() else None

    @property
    def exchanges(self) -> list[Exchange]:
        """What was said on each connection."""
        lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        numbers = sorted({line["conn"] for line in lines})
        return [
            _exchange(number, [line for line in lines if line["conn"] == number], self.expected.lost)
            for number in numbers
        ]

    def __repr__(self) -> str:
        return self.id


@cache
def recordings() -> tuple[Recording, ...]:
    """All of them, oldest version first."""
    found = [(path.parent.name, path.stem) for path in FOLDER.glob("*/*.jsonl")]
    found.sort(key=lambda key: ([int(part) for part in key[0].split(".")], key[1]))
    return tuple(Recording(version, name) for version, name in found)


def raw(line: dict[str, Any]) -> bytes:
    """The bytes of one line of a recording."""
    return base64.b64decode(line["b64"]) if "b64" in line else line.get("text", "").encode()


def _exchange(number: int, lines: list[dict[str, Any]], lost: Sequence[int]) -> Exchange:
    reader = ClientBytes()
    heard: list[float] = []
    pieces: list[tuple[float, bytes]] = []
    client_ended = False
    for line in lines:
        at = float(line["t"])
        if line["dir"] == "c2s":
            client_ended = client_ended or "eof" in line
            heard += [at] * len(reader.feed(raw(line)))
        elif data := raw(line):
            pieces.append((at, data))
        elif ("eof" in line or "reset" in line) and (not client_ended or number in lost):
            pieces.append((at, b""))
    assert reader.request is not None
    if pieces[-1][1] and (reader.request.is_websocket or number in lost or _is_complete(pieces)):
        # The client may have been the first to close when all was said.
        pieces.append((pieces[-1][0], b""))
    return Exchange(number, reader.request, heard, pieces, reader.texts)


def _is_complete(pieces: list[tuple[float, bytes]]) -> bool:
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    http.receive_data(b"".join(data for _, data in pieces))
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            return False
    return True


def cookies_of(header: str) -> frozenset[str]:
    """The names with the values."""
    return frozenset(part.strip() for part in header.split(";") if part.strip())


class ClientBytes:
    """Reads what a client sends on a connection: requests, and the messages of a WebSocket."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 26)
        self._frames: Connection | None = None
        self._head: h11.Request | None = None
        self._body = b""
        self.request: Asked | None = None
        self.texts: list[str] = []

    def feed(self, data: bytes) -> list[str]:
        """Take bytes; return what is complete: ``request``, ``text``, ``close``."""
        if not data:
            return []
        if self._frames is not None:
            self._frames.receive_data(data)
            return list(self._messages(self._frames))
        self._http.receive_data(data)
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return self._complete()
            else:
                return []

    def _complete(self) -> list[str]:
        head = self._head
        assert head is not None
        headers = dict(head.headers)
        is_websocket = headers.get(b"upgrade", b"").lower() == b"websocket"
        self.request = Asked(
            method=head.method.decode(),
            target=head.target.decode(),
            body=self._body,
            cookies=cookies_of(headers.get(b"cookie", b"").decode()),
            key=headers.get(b"sec-websocket-key", b""),
            is_websocket=is_websocket,
        )
        if is_websocket:
            self._frames = Connection(ConnectionType.SERVER)
            self._frames.receive_data(self._http.trailing_data[0])
            return ["request", *self._messages(self._frames)]
        return ["request"]

    def _messages(self, frames: Connection) -> Iterator[str]:
        text = ""
        for event in frames.events():
            if isinstance(event, TextMessage):
                text += event.data
                if event.message_finished:
                    self.texts.append(text)
                    text = ""
                    yield "text"
            elif isinstance(event, CloseConnection):
                yield "close"
            else:
                assert isinstance(event, Ping)


class Answer:
    """The answer to one request: the server's bytes, as far as they are ready."""

    def __init__(self, server: RecordedServer, exchange: Exchange | None, pieces: list[tuple[float, bytes]]) -> None:
        self._server = server
        self.exchange = exchange
        self.pieces = pieces
        self.heard = 0
        # The texts that came on the WebSocket.
        self.said: list[str] = []

    def hear(self, count: int = 1) -> None:
        """The client sent so many messages more."""
        self.heard += count

    def leave(self) -> None:
        """The client is gone: what it would have said is not waited for."""
        self.heard = 1_000_000
        self.pieces.clear()

    def take(self) -> list[bytes]:
        """Return the pieces that are ready."""
        taken: list[bytes] = []
        while self.pieces and self._server.heard_all_before(self.pieces[0][0]):
            taken.append(self.pieces.pop(0)[1])
        return taken


class RecordedServer:
    """Answers like the recorded server.

    Without ``repeat_status`` it does not tell a client that polls twice in a row that nothing has changed.
    """

    def __init__(self, recording: Recording, *, repeat_status: bool = True) -> None:
        self.recording = recording
        self.left = recording.exchanges
        if not repeat_status:
            self.left = _without_repeats(self.left)
        self.answers: list[Answer] = []
        self.unexpected: list[str] = []
        # What the client still listened to when all was over.
        self.open: list[Answer] = []
        self.requests: list[tuple[Asked, Exchange]] = []

    def request(self, asked: Asked) -> Answer:
        """Take a request."""
        exchange = next((one for one in self.left if _matches(one.asked, asked)), None)
        if exchange is None:
            answer = Answer(self, None, [(-1.0, self._unrecorded(asked.method, asked.route))])
        else:
            self.left.remove(exchange)
            self.requests.append((asked, exchange))
            key = asked.key
            accept = generate_accept_token(key)
            pieces = [(at, ACCEPT.sub(rb"\g<1>" + accept, data) if key else data) for at, data in exchange.pieces]
            answer = Answer(self, exchange, pieces)
            answer.hear()
        self.answers.append(answer)
        return answer

    def heard_all_before(self, at: float) -> bool:
        """Whether the server has heard all that it had heard at that time of the recording."""
        for exchange in self.left:
            if exchange.heard[0] < at:
                return False
        for answer in self.answers:
            if answer.exchange is not None and any(when < at for when in answer.exchange.heard[answer.heard :]):
                return False
        return True

    def _unrecorded(self, method: str, route: str) -> bytes:
        recording = self.recording
        if (method, route) == ("GET", "/config"):
            return _json(recording.config)
        if method == "GET" and route.endswith("/info") and recording.info is not None:
            return _json(recording.info)
        if "/heartbeat/" in route:
            return HEARTBEAT
        if not route.endswith("/info"):
            self.unexpected.append(f"{method} {route}")
        return NOT_FOUND


class ServerConnection:
    """One connection to a `RecordedServer`."""

    def __init__(self, server: RecordedServer) -> None:
        self._server = server
        self._reader = ClientBytes()
        self.answer: Answer | None = None

    def receive(self, data: bytes) -> None:
        """Take what the client sent."""
        for what in self._reader.feed(data):
            if what == "request":
                assert self._reader.request is not None
                self.answer = self._server.request(self._reader.request)
                self.answer.said = self._reader.texts
            else:
                assert self.answer is not None
                self.answer.hear()

    def leave(self) -> None:
        """The client closed the connection."""
        if self.answer is not None:
            self.answer.leave()

    @property
    def is_recorded(self) -> bool:
        """Whether the answer under way is one of the recording."""
        return self.answer is not None and self.answer.exchange is not None

    def take(self) -> list[bytes]:
        """Return what is ready to be sent; ``b""`` is the end of the connection."""
        if self.answer is None:
            return []
        taken = self.answer.take()
        if self.answer.exchange is None and taken and taken != [HEARTBEAT]:
            # Only answers of our own keep the connection: the recorded client used one for each request.
            self.answer = None
            self._reader = ClientBytes()
        return taken


def _matches(recorded: Asked, asked: Asked) -> bool:
    if (recorded.method, recorded.route.rstrip("/")) != (asked.method, asked.route.rstrip("/")):
        return False
    return not asked.route.endswith("/status/") or json.loads(recorded.body)["hash"] == json.loads(asked.body)["hash"]


def _without_repeats(exchanges: list[Exchange]) -> list[Exchange]:
    kept: list[Exchange] = []
    last = b""
    for exchange in exchanges:
        answer = b"".join(data for _, data in exchange.pieces).partition(b"\r\n\r\n")[2]
        if not exchange.asked.route.endswith("/status/") or answer != last:
            kept.append(exchange)
        last = answer
    return kept


def _json(value: object) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
