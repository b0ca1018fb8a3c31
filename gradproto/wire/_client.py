"""The wire client: a session's commands into actions on connections, and what came on connections into facts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol

from gradproto._commands import (
    AbortExchange,
    CloseWebSocket,
    Command,
    OpenWebSocket,
    Request,
    SendText,
    StartExchange,
)
from gradproto._errors import (
    ArgumentError,
    ConnectError,
    LocalProtocolError,
    ReadError,
    RemoteProtocolError,
    TransportError,
    WriteError,
)
from gradproto._record import record
from gradproto._timers import Timers
from gradproto._urls import redact_url

from ._actions import Action, Close, Connect, Proxy
from ._http1 import HttpConnection, Outcome, Template
from ._pool import Connection, Exchange, Origin, Pool, Stage
from ._silence import Silence

if TYPE_CHECKING:
    from gradproto._events import Event

    from ._websocket import WebSocketConnection

__all__ = ["Conversation", "WireClient", "WireLimits"]

# Methods whose requests say how long their body is even when it is empty (RFC 9110, section 8.6).
_METHODS_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
# Enough for the requests that a session sends again and again.
_MAX_TEMPLATES = 64
# What a WebSocket that ended without a closing handshake reports (RFC 6455, section 7.1.5).
_ABNORMAL_CLOSURE = 1006


class Conversation(Protocol):
    """What the wire client wants of a session: `gradproto.Session` is one."""

    def next_command(self) -> Command | None:
        """Return what to do next, or ``None``."""
        ...

    def next_event(self) -> Event | None:
        """Return what happened, for the user, or ``None``."""
        ...

    def next_deadline(self) -> float | None:
        """Return when ``tick`` is due."""
        ...

    def tick(self, now: float) -> None:
        """Hear what time it is."""
        ...

    def response_started(self, exchange: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Hear of a response's status and headers; their names are in lower case."""
        ...

    def response_data(self, exchange: int, data: bytes) -> None:
        """Hear of the next bytes of a response's body; never of none."""
        ...

    def response_ended(self, exchange: int) -> None:
        """Hear that a response is complete."""
        ...

    def exchange_failed(self, exchange: int, error: TransportError | RemoteProtocolError) -> None:
        """Hear that no more will come of an exchange."""
        ...

    def body_sent(self, exchange: int, sent: int) -> None:
        """Hear how many bytes of a request's body are out; only for a body with a file in it."""
        ...

    def websocket_opened(self, exchange: int) -> None:
        """Hear that a WebSocket's handshake is done."""
        ...

    def websocket_text(self, exchange: int, text: str) -> None:
        """Hear of a whole message."""
        ...

    def websocket_closed(self, exchange: int, code: int, reason: str) -> None:
        """Hear that a WebSocket is closed; the code is 1006 if it was not done by the rules."""
        ...


@record(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """How much a wire client holds, and how long.

    ``max_connections_per_origin``: what is over it waits its turn. A session has up to 256 event streams, which live as
    long as their jobs, and 64 are left for short requests. Twice that, for a client and a server in one process, stays
    below the 1,024 open files that a process may have by default.
    ``max_idle_per_origin``: enough for the next burst; the oldest are closed first.
    ``idle_timeout``: seconds. uvicorn, which serves Gradio, closes after 5, and a request sent into that close may be
    lost.
    ``max_header_size``: bytes of a response before its body. Servers and proxies limit theirs to 8 to 32 KiB.
    ``max_message_size``: characters of one WebSocket message. Gradio 3 sends whole files in one; its own client takes
    1 GiB.
    ``close_timeout``: seconds for the other side to finish a WebSocket's closing handshake and the connection.
    ``websocket_ping_interval``: seconds in which nothing came on an open WebSocket, and nothing of a long message went
    out, after which the server is pinged; ``None`` is never. Gradio 3 has no heartbeat: while a job waits or runs, it
    may say nothing for hours. uvicorn, which serves it, pings every 20 seconds itself, unless it is told not to.
    ``websocket_ping_timeout``: seconds after the ping in which anything has to come, or the exchange fails; ``None``
    pings on for ever.
    """

    max_connections_per_origin: int = 320
    max_idle_per_origin: int = 64
    idle_timeout: float = 4.0
    max_header_size: int = 64 * 1024
    max_message_size: int = 1024 * 1024 * 1024
    close_timeout: float = 2.0
    websocket_ping_interval: float | None = 20.0
    websocket_ping_timeout: float | None = 20.0

    def __post_init__(self) -> None:
        if self.max_connections_per_origin < 1:
            raise ArgumentError(
                f"max_connections_per_origin is {self.max_connections_per_origin}: nothing could be sent"
            )
        for name in ("websocket_ping_interval", "websocket_ping_timeout"):
            seconds: float | None = getattr(self, name)
            if seconds is not None and not seconds > 0:
                raise ArgumentError(f"{name} is {seconds!r}: it must be a number of seconds above 0, or None")


_DEFAULT_LIMITS = WireLimits()


class WireClient:
    """Speaks HTTP and WebSockets for a session, without sockets: a driver obeys its actions and reports what happened.

    A driver's duties:

    1. Call ``next_action`` until it gives ``None``, and obey in order for each connection.
    2. Hand out what ``next_event`` gives.
    3. Wait for the network, but not beyond ``next_deadline``.
    4. Report what happened: ``connection_made``, ``receive_data`` (``b""`` is EOF), ``file_sent``, ``connection_lost``.
       Every connection ends with ``Close``, also one that was lost or could not be made. After it nothing more need be
       reported about that connection; late reports are ignored.
    5. Call ``tick`` after each report or wait, and begin again at 1. After a pause in which nobody drove the
       connections, report what came meanwhile and call ``tick`` before 1, so that no request goes out on a connection
       that is over.

    When a write fails, read on, and report ``connection_lost`` only when there is nothing left to read: a server that
    refuses an upload early answers, then closes. A file that ends before its size is a lost connection too.

    ``connect_timeout`` is in seconds, ``None`` is for ever. ``entropy`` gives so many random bytes. ``proxies`` says
    which proxy leads to an origin (``http`` or ``https``, host, port), and always the same for the same; it may raise
    ``ConnectError``, with which the exchange fails. Requests to ``http`` origins are given to the proxy to forward,
    everything else goes through a tunnel.
    """

    def __init__(
        self,
        session: Conversation,
        *,
        limits: WireLimits = _DEFAULT_LIMITS,
        connect_timeout: float | None = 10.0,
        entropy: Callable[[int], bytes],
        proxies: Callable[[Origin], Proxy | None] | None = None,
    ) -> None:
        self._session = session
        self._limits = limits
        self._proxies = proxies
        self._connect_timeout = connect_timeout
        self._entropy = entropy
        self._actions: deque[Action] = deque()
        self._exchanges: dict[int, Exchange] = {}
        self._connections: dict[int, Connection] = {}
        self._next_connection = 0
        self._pools: dict[Origin, Pool] = {}
        self._timers = Timers()
        # Idle connections are many and come and go with each request, so they have no timers. Those that became idle
        # since the last tick, and a time before which none of the others expires.
        self._newly_idle: list[Connection] = []
        self._idle_deadline: float | None = None
        self._closed = False
        self._template = lru_cache(maxsize=_MAX_TEMPLATES)(partial(Template, proxies=proxies))

    # --- what a driver asks -------------------------------------------------------------------------------------------

    def next_action(self) -> Action | None:
        """Return what to do next on some connection, or ``None``. Takes the session's commands."""
        actions = self._actions
        while not actions:
            command = None if self._closed else self._session.next_command()
            if command is None:
                return None
            self._obey(command)
        return actions.popleft()

    def next_event(self) -> Event | None:
        """Return the session's next event, or ``None``."""
        return self._session.next_event()

    def next_deadline(self) -> float | None:
        """Return when ``tick`` is due at the latest, or ``None`` if nothing waits for the time."""
        deadline = self._session.next_deadline()
        idle = self._timers.now if self._newly_idle else self._idle_deadline
        for own in (self._timers.next_deadline(), idle):
            if own is not None and (deadline is None or own < deadline):
                deadline = own
        return deadline

    # --- what a driver reports ----------------------------------------------------------------------------------------

    def connection_made(self, connection: int) -> None:
        """The stream is open, TLS included."""
        found = self._find(connection)
        if found is None:
            return
        if found.stage is not Stage.CONNECTING:
            raise LocalProtocolError(
                f"can't handle connection_made when connection {connection} is {found.stage.value}"
            )
        self._timers.cancel(found.timer)
        found.timer = None
        self._run(found, found.exchange)

    def receive_data(self, connection: int, data: bytes) -> None:
        """These bytes came; ``b""`` says that no more will come."""
        found = self._connections.get(connection)
        if found is None or found.stage is not Stage.BUSY:
            self._receive_unasked(connection, data)
            return
        try:
            outcome = found.feed(data)
        except (ConnectError, ReadError, RemoteProtocolError) as error:
            self._fail(found, error)
            return
        if outcome is not Outcome.MORE:
            self._end(found, outcome)

    def connection_lost(self, connection: int, error: TransportError) -> None:
        """The stream could not be opened, or broke."""
        found = self._find(connection)
        if found is None:
            return
        if found.stage in (Stage.IDLE, Stage.LINGERING):
            self._close(found)
            return
        request = found.exchange.request
        located = type(error)(f"{request.method} {redact_url(request.url)}: {error.message}", hint=error.hint)
        located.__cause__ = error
        self._fail(found, located)

    def file_sent(self, connection: int, sent: int) -> None:
        """So many more bytes of the file were written: no total, but what came on top."""
        found = self._find(connection)
        if found is None:
            return
        websocket = found.exchange.websocket
        if websocket is None:
            found.http.file_sent(sent)
            return
        websocket.file_sent(sent)
        if found.silence is not None:
            found.silence.broken()

    def tick(self, now: float) -> None:
        """Say what time it is, in seconds of any clock that never goes back; what is due happens."""
        self._timers.tick(now)
        if self._newly_idle:
            until = now + self._limits.idle_timeout
            for connection in self._newly_idle:
                connection.idle_until = until
            self._newly_idle.clear()
            if self._idle_deadline is None:
                self._idle_deadline = until
        if self._idle_deadline is not None and self._idle_deadline <= now:
            self._expire_idle(now)
        self._session.tick(now)

    def close(self) -> None:
        """Close all connections, and take no more commands. The session hears nothing of it."""
        self._closed = True
        for connection in self._connections.values():
            self._actions.append(Close(connection=connection.number))
        self._timers = Timers()
        self._connections.clear()
        self._exchanges.clear()
        self._pools.clear()
        self._newly_idle.clear()
        self._idle_deadline = None

    # --- commands -----------------------------------------------------------------------------------------------------

    def _obey(self, command: Command) -> None:
        if isinstance(command, StartExchange):
            self._start(command)
        elif isinstance(command, AbortExchange):
            self._abort(command.exchange)
        elif isinstance(command, OpenWebSocket):
            self._open_websocket(command)
        elif isinstance(command, SendText):
            exchange = self._exchanges.get(command.exchange)
            if exchange is not None and exchange.websocket is not None:
                exchange.websocket.send_text(command.text)
        else:
            self._close_websocket(command)

    def _start(self, command: StartExchange) -> None:
        request = command.request
        size = request.body_size
        length = size if size or request.method in _METHODS_WITH_BODY else None
        try:
            template = self._template(request.method, request.url, request.headers)
            head = template.head(length)
            pool = self._pool(template.origin)
        except (ConnectError, WriteError) as error:
            self._session.exchange_failed(command.exchange, error)
            return
        self._admit(Exchange(command.exchange, pool, request, head, None))

    def _open_websocket(self, command: OpenWebSocket) -> None:
        from ._websocket import WebSocketConnection

        request = Request(method="GET", url=command.url, headers=command.headers)
        try:
            websocket = WebSocketConnection(
                command.exchange,
                request,
                actions=self._actions,
                session=self._session,
                nonce=self._entropy(16),
                max_header_size=self._limits.max_header_size,
                max_message_size=self._limits.max_message_size,
            )
            pool = self._pool(websocket.origin)
        except (ConnectError, WriteError) as error:
            self._session.exchange_failed(command.exchange, error)
            return
        self._admit(Exchange(command.exchange, pool, request, websocket.head, websocket))

    def _close_websocket(self, command: CloseWebSocket) -> None:
        exchange = self._exchanges.get(command.exchange)
        if exchange is None or exchange.websocket is None:
            return
        connection = exchange.connection
        if connection is not None and exchange.websocket.is_open:
            exchange.websocket.close(command.code)
            self._start_closing(connection)
            return
        # There is nobody yet to shake hands with, so it just fails, as in a browser (WHATWG WebSockets, "close the
        # WebSocket").
        self._abort(command.exchange)
        self._session.websocket_closed(command.exchange, _ABNORMAL_CLOSURE, "")

    def _abort(self, number: int) -> None:
        exchange = self._exchanges.pop(number, None)
        if exchange is None:
            return
        if exchange.connection is None:
            exchange.pool.waiting.remove(exchange)
        else:
            self._close(exchange.connection)

    # --- from exchange to connection ----------------------------------------------------------------------------------

    def _pool(self, where: Origin) -> Pool:
        pool = self._pools.get(where)
        if pool is None:
            proxy = None if self._proxies is None else self._proxies(where)
            pool = self._pools[where] = Pool(where, proxy)
        return pool

    def _admit(self, exchange: Exchange) -> None:
        """Give the exchange a connection, or let it wait."""
        self._exchanges[exchange.number] = exchange
        pool = exchange.pool
        if pool.idle and exchange.can_reuse:
            connection = pool.idle.pop()
            connection.reused = True
            self._run(connection, exchange)
        elif pool.size < self._limits.max_connections_per_origin:
            self._connect(exchange)
        else:
            pool.waiting.append(exchange)
            if pool.idle:
                # It cannot be used, but its place can.
                self._close(pool.idle[0])

    def _connect(self, exchange: Exchange) -> None:
        number = self._next_connection
        self._next_connection += 1
        websocket = exchange.websocket
        scheme, host, port = exchange.pool.origin
        proxy = exchange.pool.proxy
        tunnel = proxy is not None and (scheme == "https" or websocket is not None)
        if websocket is None:
            forwards = None if tunnel else proxy
            http = HttpConnection(number, self._actions, self._session, self._limits.max_header_size, proxy=forwards)
            connection = Connection(number, exchange, http, http.receive)
        else:
            websocket.http.number = number
            connection = Connection(
                number, exchange, websocket.http, lambda data: self._feed_websocket(connection, websocket, data)
            )
        exchange.connection = connection
        exchange.pool.size += 1
        self._connections[number] = connection
        connection.timer = self._timers.start(self._connect_timeout, lambda: self._expire_connecting(connection))
        self._actions.append(
            Connect(
                connection=number,
                host=host,
                port=port,
                tls=scheme == "https",
                timeout=self._connect_timeout,
                proxy=proxy,
                tunnel=tunnel,
            )
        )

    def _run(self, connection: Connection, exchange: Exchange) -> None:
        connection.stage = Stage.BUSY
        connection.exchange = exchange
        exchange.connection = connection
        connection.http.send_request(exchange.number, exchange.request, exchange.head)

    def _feed_websocket(self, connection: Connection, websocket: WebSocketConnection, data: bytes) -> Outcome:
        was_open = websocket.is_open
        outcome = websocket.receive(data)
        if connection.silence is not None:
            connection.silence.broken()
        elif websocket.is_open and not was_open:
            connection.silence = Silence(
                self._timers,
                self._limits.websocket_ping_interval,
                self._limits.websocket_ping_timeout,
                ask=websocket.ping,
                give_up=lambda: self._expire_silence(connection),
            )
        return outcome

    # --- the ends of exchanges and connections ------------------------------------------------------------------------

    def _find(self, number: int) -> Connection | None:
        """Return the connection, or ``None`` if it was closed."""
        connection = self._connections.get(number)
        if connection is None and not 0 <= number < self._next_connection:
            raise LocalProtocolError(f"can't handle a report about connection {number}: it was never asked for")
        return connection

    def _receive_unasked(self, number: int, data: bytes) -> None:
        connection = self._find(number)
        if connection is None:
            return
        if connection.stage is Stage.CONNECTING:
            raise LocalProtocolError(f"can't handle receive_data when connection {number} is {connection.stage.value}")
        if connection.stage is Stage.IDLE or not data:
            # The server closed it, or sent an answer to nothing, after which no answer could be trusted to be the
            # right one.
            self._close(connection)

    def _end(self, connection: Connection, outcome: Outcome) -> None:
        """The exchange is over, in order."""
        del self._exchanges[connection.exchange.number]
        pool = connection.pool
        if outcome is Outcome.LINGER:
            connection.stage = Stage.LINGERING
            self._start_closing(connection)
        elif outcome is not Outcome.REUSE or (pool.waiting and not pool.waiting[0].can_reuse):
            self._close(connection)
        elif pool.waiting:
            connection.reused = True
            self._run(connection, pool.waiting.popleft())
        else:
            connection.stage = Stage.IDLE
            pool.idle.append(connection)
            self._newly_idle.append(connection)
            if len(pool.idle) > self._limits.max_idle_per_origin:
                self._close(pool.idle[0])

    def _fail(self, connection: Connection, error: TransportError | RemoteProtocolError) -> None:
        """The exchange is over for ``error``, or begins once more where nothing can have come of it."""
        exchange = connection.exchange
        if connection.reused and not connection.http.answered and exchange.can_repeat:
            # The server closed the connection while the request was under way to it (RFC 9112, section 9.3.1). Once
            # is enough: a new connection is not a reused one.
            self._forget(connection)
            self._connect(exchange)
            return
        del self._exchanges[exchange.number]
        self._session.exchange_failed(exchange.number, error)
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        """Close the connection, and let those who wait have its place."""
        self._forget(connection)
        pool = connection.pool
        while pool.waiting and pool.size < self._limits.max_connections_per_origin:
            self._connect(pool.waiting.popleft())
        if not pool.size:
            del self._pools[pool.origin]

    def _forget(self, connection: Connection) -> None:
        pool = connection.pool
        if connection.stage is Stage.IDLE:
            pool.idle.remove(connection)
        pool.size -= 1
        del self._connections[connection.number]
        self._timers.cancel(connection.timer)
        if connection.silence is not None:
            connection.silence.stop()
        self._actions.append(Close(connection=connection.number))

    # --- time ---------------------------------------------------------------------------------------------------------

    def _expire_connecting(self, connection: Connection) -> None:
        scheme, host, port = connection.pool.origin
        request = connection.exchange.request
        proxy = connection.pool.proxy
        through = "" if proxy is None else f" through the proxy {proxy.address}"
        error = ConnectError(
            f"{request.method} {redact_url(request.url)}: connecting to {host} port {port} ({scheme}){through} timed "
            f"out after {self._connect_timeout:g} s"
        )
        self._fail(connection, error)

    def _expire_silence(self, connection: Connection) -> None:
        request = connection.exchange.request
        limits = self._limits
        error = ReadError(
            f"{request.method} {redact_url(request.url)}: nothing came for {limits.websocket_ping_interval:g} s, nor "
            f"an answer to a ping within {limits.websocket_ping_timeout:g} s: the server, or the way to it, is gone"
        )
        self._fail(connection, error)

    def _start_closing(self, connection: Connection) -> None:
        if connection.silence is not None:
            # From here on there is a limit for everything together.
            connection.silence.stop()
            connection.silence = None
        if connection.timer is None:
            timeout = self._limits.close_timeout
            connection.timer = self._timers.start(timeout, lambda: self._expire_closing(connection))

    def _expire_closing(self, connection: Connection) -> None:
        """The server did not finish the closing handshake, or not the connection after it."""
        if connection.stage is Stage.BUSY:
            number = connection.exchange.number
            del self._exchanges[number]
            self._session.websocket_closed(number, _ABNORMAL_CLOSURE, "")
        self._close(connection)

    def _expire_idle(self, now: float) -> None:
        for pool in list(self._pools.values()):
            while pool.idle and pool.idle[0].idle_until <= now:
                self._close(pool.idle[0])
        self._idle_deadline = min((pool.idle[0].idle_until for pool in self._pools.values() if pool.idle), default=None)
