"""A session that follows a script, and a network that does not exist: what the tests of the wire client drive."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import h11

from gradproto._commands import Command, FilePart, Request, StartExchange
from gradproto._errors import RemoteProtocolError, TransportError
from gradproto._events import Event
from gradproto.wire import Action, Close, Connect, Conversation, Proxy, Send, SendFile, WireClient, WireLimits

__all__ = ["URL", "Answer", "Network", "ScriptedSession", "parse_request"]

URL = "http://app.test:7860/api"

Fact = tuple[object, ...]


@dataclass
class Answer:
    """What a session heard about one exchange, however many facts it came in."""

    status: int | None = None
    pairs: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    body: bytes = b""
    ended: bool = False
    error: TransportError | RemoteProtocolError | None = None

    @property
    def summary(self) -> tuple[object, ...]:
        """All of it but the wording of the error."""
        return self.status, self.pairs, self.body, self.ended, type(self.error)


class ScriptedSession:
    """Gives the commands that a test puts in, and remembers all facts."""

    def __init__(self) -> None:
        self.commands: deque[Command] = deque()
        self.events: deque[Event] = deque()
        self.facts: list[Fact] = []
        self.answers: dict[int, Answer] = {}
        self.deadline: float | None = None
        self.ticks: list[float] = []

    def next_command(self) -> Command | None:
        return self.commands.popleft() if self.commands else None

    def next_event(self) -> Event | None:
        return self.events.popleft() if self.events else None

    def next_deadline(self) -> float | None:
        return self.deadline

    def tick(self, now: float) -> None:
        self.ticks.append(now)

    def response_started(self, exchange: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.facts.append(("started", exchange, status))
        answer = self.answer(exchange)
        assert answer.status is None
        answer.status = status
        answer.pairs = list(headers)

    def response_data(self, exchange: int, data: bytes) -> None:
        assert type(data) is bytes
        assert data
        self.facts.append(("data", exchange, data))
        answer = self.answer(exchange)
        assert answer.status is not None
        answer.body += data

    def response_ended(self, exchange: int) -> None:
        self.facts.append(("ended", exchange))
        self.answer(exchange).ended = True

    def exchange_failed(self, exchange: int, error: TransportError | RemoteProtocolError) -> None:
        self.facts.append(("failed", exchange, type(error)))
        self.answer(exchange).error = error

    def body_sent(self, exchange: int, sent: int) -> None:
        self.facts.append(("sent", exchange, sent))

    def websocket_opened(self, exchange: int) -> None:
        self.facts.append(("opened", exchange))

    def websocket_text(self, exchange: int, text: str) -> None:
        self.facts.append(("text", exchange, text))

    def websocket_closed(self, exchange: int, code: int, reason: str) -> None:
        assert type(code) is int
        self.facts.append(("closed", exchange, code, reason))

    def answer(self, exchange: int) -> Answer:
        """Return what is known about the exchange; it must not be over."""
        answer = self.answers.setdefault(exchange, Answer())
        assert not answer.ended
        assert answer.error is None
        return answer


class Network:
    """A wire client with a scripted session on one side, and on the other a driver that does as it is told."""

    def __init__(
        self,
        *,
        limits: WireLimits | None = None,
        connect_timeout: float | None = 10.0,
        proxies: Callable[[tuple[str, str, int]], Proxy | None] | None = None,
    ) -> None:
        self.session = ScriptedSession()
        conversation: Conversation = self.session
        self.client = WireClient(
            conversation,
            limits=limits or WireLimits(),
            connect_timeout=connect_timeout,
            entropy=lambda size: bytes(range(size)),
            proxies=proxies,
        )
        self.log: list[Action] = []
        self.written: dict[int, bytes] = {}
        self.open: set[int] = set()

    def actions(self) -> list[Action]:
        """Take all actions, and check that they make sense together."""
        taken: list[Action] = []
        while (action := self.client.next_action()) is not None:
            taken.append(action)
            if isinstance(action, Connect):
                assert action.connection not in self.written, "a number was given out twice"
                self.open.add(action.connection)
                self.written[action.connection] = b""
            elif action.connection not in self.open:
                raise AssertionError(f"{action} is about a closed connection")
            elif isinstance(action, Close):
                self.open.remove(action.connection)
            elif isinstance(action, Send):
                assert type(action.data) is bytes
                assert action.data
                self.written[action.connection] += action.data
            elif isinstance(action.file.source, io.BytesIO):
                # A long message of a WebSocket. The content of other files does not matter.
                self.written[action.connection] += action.file.source.read(action.file.size)
        self.log += taken
        return taken

    def start(
        self,
        exchange: int = 0,
        method: str = "GET",
        url: str = URL,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        body: tuple[bytes | FilePart, ...] = (),
        safe_to_repeat: bool = False,
    ) -> None:
        """Let the session want an exchange."""
        request = Request(method=method, url=url, headers=headers, body=body, safe_to_repeat=safe_to_repeat)
        self.session.commands.append(StartExchange(exchange=exchange, request=request))

    def settle(self) -> list[Action]:
        """Obey all actions: every connection can be made at once, every file is written whole."""
        obeyed: list[Action] = []
        while taken := self.actions():
            obeyed += taken
            for action in taken:
                if isinstance(action, Connect):
                    self.client.connection_made(action.connection)
                elif isinstance(action, SendFile):
                    self.client.file_sent(action.connection, action.file.size)
        return obeyed

    def begin(self, exchange: int = 0, method: str = "GET", url: str = URL, *, safe_to_repeat: bool = False) -> int:
        """Start an exchange without a body, and return the connection on which its request went out."""
        self.start(exchange, method, url, safe_to_repeat=safe_to_repeat)
        sent = [action.connection for action in self.settle() if isinstance(action, Send)]
        assert len(sent) == 1
        return sent[0]

    def feed(self, connection: int, chunks: Iterable[bytes]) -> None:
        """Let these chunks arrive, as far as the connection is open; ``b""`` is EOF."""
        for chunk in chunks:
            if connection in self.open:
                self.client.receive_data(connection, chunk)
                self.settle()

    def answer(self, connection: int, data: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") -> None:
        """Let a whole answer arrive."""
        self.feed(connection, [data])

    def closed(self, connection: int) -> bool:
        """Whether the client closed the connection."""
        return Close(connection=connection) in self.log


def parse_request(data: bytes) -> tuple[h11.Request, bytes]:
    """Return the one request that the bytes are, as h11 sees it from the server's side, and its body."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    body = b""
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert server.trailing_data == (b"", False)
    return request, body
