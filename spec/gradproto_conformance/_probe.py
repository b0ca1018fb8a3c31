"""Raw requests to the server that is checked: no redirects, no cookies, no opinions, and everything kept.

It stands on the trio driver of the clients, so that TLS, proxies and streams from elsewhere are those of a client, and
under a mock clock a heartbeat of fifteen seconds costs no time.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import trio

from gradproto import (
    AbortExchange,
    CloseWebSocket,
    Command,
    ConnectionLostError,
    Event,
    GradprotoError,
    LocalProtocolError,
    OpenWebSocket,
    RemoteProtocolError,
    Request,
    SendText,
    StartExchange,
)
from gradproto._sse import EventStreamParser, ServerSentEvent
from gradproto._urls import websocket_url
from gradproto_transports._proxy import Proxies
from gradproto_transports._trio_driver import Driver, OpenStream, Waiters

from ._exchange import Exchange, Piece
from ._json import is_object

if TYPE_CHECKING:
    import ssl

__all__ = ["Probe", "Socket", "Stream", "open_probe"]

MAX_BODY = 64 << 20  # bytes of one answer: no honest config, description or stream of a check comes near
ACCEPT = (("accept", "*/*"), ("user-agent", "gradproto-conformance"))


class Stream:
    """An answer that is read while it comes."""

    def __init__(self, exchange: Exchange, waiters: Waiters) -> None:
        self.exchange = exchange
        self._waiters = waiters
        self._taken = 0
        self._parser = EventStreamParser()

    async def read(self) -> bytes:
        """Give the next bytes of the body, ``b""`` at its end; `Exchange.error` says whether that was a cut."""
        exchange = self.exchange
        await self._waiters.wait(lambda: len(exchange.pieces) > self._taken or exchange.ended)
        if len(exchange.pieces) == self._taken:
            return b""
        data = exchange.pieces[self._taken].data
        self._taken += 1
        return data

    async def next_event(self) -> ServerSentEvent | None:
        """Give the next event of an event stream; ``None`` at its end, or where it breaks."""
        while (event := self._parser.next_event()) is None:
            data = await self.read()
            if not data:
                return None
            self._parser.add_data(data)
        return event


class Socket:
    """An open WebSocket."""

    def __init__(self, exchange: Exchange, stream: Stream, send: Callable[[str], None]) -> None:
        self.exchange = exchange
        self._stream = stream
        self._send = send

    async def receive(self) -> dict[str, Any] | None:
        """Give the next message; ``None`` when the WebSocket is closed. Raises `ValueError` for what is no object."""
        data = await self._stream.read()
        if not data:
            return None
        message = json.loads(data)
        if not is_object(message):
            raise ValueError(f"{data!r:.80} is no JSON object")
        return message

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message."""
        self._send(json.dumps(message))


class Probe:
    """Asks one server. ``log`` has all exchanges, in the order of their beginnings, ``own`` those of this probe."""

    def __init__(self, base: str, talk: _Talk, *, headers: Sequence[tuple[str, str]]) -> None:
        self.base = base
        self.prefix = ""
        """The API prefix, once it is known."""
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)
        """What goes with every request: a token, the cookies of a login."""
        self.own: list[Exchange] = []
        self._talk = talk

    def apart(self) -> Probe:
        """Give a probe of the same server, over the same connections, that keeps its exchanges apart."""
        probe = Probe(self.base, self._talk, headers=self.headers)
        probe.prefix = self.prefix
        return probe

    @property
    def log(self) -> list[Exchange]:
        """All exchanges so far."""
        return self._talk.log

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Give the URL of a path; ``{P}`` in it is the API prefix. Raises `LocalProtocolError` for what is no path."""
        path = path.replace("{P}", self.prefix)
        if not path.startswith("/"):  # what a server said may be in it, and would lead to another host
            raise LocalProtocolError(f"{path!r:.80} is no path")
        url = self.base + path
        return f"{url}?{urlencode(query)}" if query else url

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        value: Any = None,
        body: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
        as_anybody: bool = False,
    ) -> Exchange:
        """Send a request and wait for the whole answer; ``value`` goes as JSON. Raises the error that cut it."""
        async with self.open(
            method, path, query=query, value=value, body=body, headers=headers, as_anybody=as_anybody
        ) as stream:
            while await stream.read():
                pass
        exchange = stream.exchange
        if exchange.error is not None:
            raise exchange.error
        return exchange

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        value: Any = None,
        body: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
        as_anybody: bool = False,
    ) -> AsyncGenerator[Stream, None]:
        """Send a request, and read the answer in the block, which is left as soon as one likes.

        ``as_anybody`` leaves out what goes with every request. Raises the error that came in place of an answer.
        """
        if value is not None:
            body = json.dumps(value).encode()
            headers = (*headers, ("content-type", "application/json"))
        request = Request(
            method=method,
            url=self.url(path, query),
            headers=self._headers(headers, as_anybody=as_anybody),
            body=() if body is None else (body,),
            safe_to_repeat=True,  # a server may close a connection that waits for the next request at any time
        )
        async with self._begun(request) as (_, exchange):
            yield Stream(exchange, self._talk.waiters)

    @contextlib.asynccontextmanager
    async def websocket(
        self, path: str, *, query: Mapping[str, str] | None = None, as_anybody: bool = False
    ) -> AsyncGenerator[Socket, None]:
        """Open a WebSocket for the block. Where it is refused, the exchange has another status than 101."""
        headers = self._headers((), as_anybody=as_anybody)
        request = Request(method="GET", url=self.url(path, query), headers=headers)
        async with self._begun(request, websocket=True) as (number, exchange):
            stream = Stream(exchange, self._talk.waiters)
            yield Socket(exchange, stream, lambda text: self._talk.send(number, text))

    @contextlib.asynccontextmanager
    async def _begun(self, request: Request, *, websocket: bool = False) -> AsyncGenerator[tuple[int, Exchange], None]:
        """Begin an exchange, which has the head of its answer in the block, and is left at its end."""
        number, exchange = self._talk.start(request, websocket=websocket)
        self.own.append(exchange)
        try:
            await self._talk.waiters.wait(lambda: exchange.status is not None or exchange.ended)
            if exchange.status is None:
                assert exchange.error is not None
                raise exchange.error
            yield number, exchange
        finally:
            self._talk.leave(number)

    def _headers(self, extra: Sequence[tuple[str, str]], *, as_anybody: bool) -> tuple[tuple[str, str], ...]:
        given = {name.lower() for name, _ in extra}
        own = () if as_anybody else self.headers
        defaults = tuple(header for header in ACCEPT if header[0] not in given)
        return (*defaults, *(header for header in own if header[0].lower() not in given), *extra)


@contextlib.asynccontextmanager
async def open_probe(
    base: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    connect_timeout: float | None = 10.0,
    proxies: Proxies | None = None,
    tls: Callable[[], ssl.SSLContext],
    open_stream: OpenStream | None = None,
) -> AsyncGenerator[Probe, None]:
    """Open a probe of the server at ``base``, a URL without a slash at its end."""
    talk = _Talk()
    driver = Driver(
        talk,
        connect_timeout=connect_timeout,
        proxies=Proxies(False) if proxies is None else proxies,
        tls=tls,
        open_stream=open_stream,
        on_event=lambda _event: None,
        on_stop=talk.stopped,
    )
    talk.attach(driver)
    async with driver.running():
        yield Probe(base, talk, headers=headers)


class _Talk:
    """What the wire client speaks with in place of a session: it keeps everything, and decides nothing."""

    def __init__(self) -> None:
        self.log: list[Exchange] = []
        self._commands: deque[Command] = deque()
        self._under_way: dict[int, Exchange] = {}
        self._driver: Driver | None = None
        self.waiters: Waiters = Waiters()

    def attach(self, driver: Driver) -> None:
        """Say who carries out the commands."""
        self._driver = driver

    def start(self, request: Request, *, websocket: bool = False) -> tuple[int, Exchange]:
        """Send a request, or open a WebSocket."""
        exchange = Exchange(request=request, began=trio.current_time())
        number = len(self.log)
        self.log.append(exchange)
        self._under_way[number] = exchange
        if websocket:
            url = websocket_url(request.url)
            self._do(OpenWebSocket(exchange=number, url=url, headers=request.headers))
        else:
            self._do(StartExchange(exchange=number, request=request))
        return number, exchange

    def send(self, number: int, text: str) -> None:
        """Send a message on a WebSocket."""
        exchange = self._under_way.get(number)
        if exchange is not None:
            exchange.sent.append(Piece(trio.current_time() - exchange.began, text.encode()))
            self._do(SendText(exchange=number, text=text))

    def leave(self, number: int) -> None:
        """Want no more of an exchange."""
        exchange = self._under_way.pop(number, None)
        if exchange is None:
            return
        exchange.left = True
        if exchange.status == 101:
            self._do(CloseWebSocket(exchange=number))
        else:
            self._do(AbortExchange(exchange=number))

    def stopped(self, failure: BaseException | None) -> None:
        """Nothing more will come."""
        for exchange in self._under_way.values():
            exchange.ended = True
            exchange.error = ConnectionLostError("the suite has ended")
            exchange.error.__cause__ = failure
        self._under_way.clear()
        self.waiters.notify()

    def _do(self, command: Command) -> None:
        assert self._driver is not None
        if self._driver.alive:
            self._driver.call(lambda: self._commands.append(command))

    # --- what the wire client wants ----------------------------------------------------------------------------------

    def next_command(self) -> Command | None:
        """Give what is to be done next."""
        return self._commands.popleft() if self._commands else None

    def next_event(self) -> Event | None:
        """Give nothing: there are no events but what exchanges keep."""
        return None

    def next_deadline(self) -> float | None:
        """Give no time: whoever waits sets a limit."""
        return None

    def tick(self, now: float) -> None:
        """Hear what time it is."""

    def response_started(self, exchange: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Keep the head of an answer."""
        found = self._under_way.get(exchange)
        if found is not None:
            found.status = status
            found.headers = tuple(headers)
            found.answered_after = trio.current_time() - found.began
            self.waiters.notify()

    def response_data(self, exchange: int, data: bytes) -> None:
        """Keep bytes of an answer."""
        found = self._under_way.get(exchange)
        if found is None:
            return
        found.pieces.append(Piece(trio.current_time() - found.began, bytes(data)))
        found.size += len(data)
        if found.size > MAX_BODY:
            self._do(AbortExchange(exchange=exchange))
            self._end(exchange, RemoteProtocolError(f"the answer is longer than {MAX_BODY} bytes"))
        self.waiters.notify()

    def response_ended(self, exchange: int) -> None:
        """Keep that an answer is whole."""
        self._end(exchange, None)

    def exchange_failed(self, exchange: int, error: GradprotoError) -> None:
        """Keep that an answer was cut."""
        self._end(exchange, error)

    def body_sent(self, exchange: int, sent: int) -> None:
        """Hear of files' progress: there are none."""

    def websocket_opened(self, exchange: int) -> None:
        """Keep that a WebSocket is open."""
        self.response_started(exchange, 101, ())

    def websocket_text(self, exchange: int, text: str) -> None:
        """Keep a message."""
        self.response_data(exchange, text.encode())

    def websocket_closed(self, exchange: int, code: int, reason: str) -> None:
        """Keep how a WebSocket was closed."""
        found = self._under_way.get(exchange)
        if found is not None:
            found.closed_with = code
        self._end(exchange, None)

    def _end(self, exchange: int, error: GradprotoError | None) -> None:
        found = self._under_way.pop(exchange, None)
        if found is not None:
            found.ended = True
            found.ended_after = trio.current_time() - found.began
            found.error = error
            self.waiters.notify()
