"""One connection of the server without a socket: bytes in, bytes out, requests handed to the app.

It behaves as uvicorn does on h11: keep-alive, chunked streams with one chunk for each message, a response that may
begin before the request's body is over, and a cut connection when a stream fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import parse_qsl, unquote

import h11

from ._bends import Bend, Head
from ._intakes import Intake
from ._json import compact_json, is_object
from ._lines import Line, Pace
from ._log import Ending, RequestRecord
from ._reasons import REASONS
from ._websocket import WebSocket, handshake_headers

if TYPE_CHECKING:
    from ._messages import MessageBend
    from ._site import Site

__all__ = ["BodySink", "Exchange", "ServerConnection", "Source"]

Headers = Sequence[tuple[str, str]]

_MAX_JSON_BODY = 256 << 20  # a memory guard; Gradio has no limit here
_LOGGED_BODY = 64 << 10
_SEND_AT_ONCE = 64 << 10  # how much a pull takes out of streams and files
_UNREAD = 1 << 20  # bytes for a client that does not read them, after which nothing is read of it either
_AHEAD = 64 << 10  # bytes of the next requests that may come before this one is answered
_REFUSALS = frozenset({400, 403, 404, 405, 413, 416, 422})


class Source(Protocol):
    """Where a streamed response gets its bytes when the connection has room."""

    def fill(self, exchange: Exchange, limit: int) -> None:
        """Write what there is, about ``limit`` bytes at most, and finish or cut the response when it is over."""
        ...


class BodySink(Protocol):
    """Where the body of a request goes piece by piece."""

    def body_data(self, data: bytes | bytearray) -> None:
        """Take a piece."""
        ...

    def body_ended(self) -> None:
        """The body is whole."""
        ...


class Exchange:
    """One request and its response."""

    __slots__ = (
        "_body",
        "_chunked",
        "_length",
        "_query",
        "_sink",
        "bend",
        "connection",
        "headers",
        "intake",
        "message_bend",
        "method",
        "on_body",
        "on_disconnect",
        "path",
        "prefix",
        "query_string",
        "queue_full",
        "record",
        "refusal",
        "responded",
        "source",
    )

    def __init__(self, connection: ServerConnection, record: RequestRecord) -> None:
        self.connection: ServerConnection = connection
        self.record: RequestRecord = record
        self.method: str = record.method
        self.path: str = record.path
        self.prefix: str = ""
        """What of the path stands before the app's own paths, where the app is mounted or has a root path."""
        self.query_string: str = record.query
        self.headers: dict[str, str] = dict(record.headers)
        """By name in lower case; of repeated ones the last."""
        self.source: Source | None = None
        self.on_body: Callable[[bytes], None] | None = None
        """Called with the whole body."""
        self.on_disconnect: Callable[[], None] | None = None
        """Called when the client goes away before the response is whole."""
        self.responded: bool = False
        """Whether the response is whole or was cut."""
        self.bend: Bend | None = None
        """What is done to the response's bytes, if a fault wants that."""
        self.intake: Intake | None = None
        """What is done to the request's body, if a fault wants that."""
        self.message_bend: MessageBend | None = None
        """What is done to the messages of its stream, if a fault wants that."""
        self.refusal: bytes | None = None
        """What was answered to a request that is not as it should be; ``None`` for any other."""
        self.queue_full: bool = False
        """Whether it is to find the queue full, for a fault."""
        self._query: dict[str, str] | None = None
        self._body: list[bytes] = []
        self._length = 0
        self._sink: BodySink | None = None
        self._chunked = False

    @property
    def query(self) -> dict[str, str]:
        """The query's items; of repeated ones the last."""
        if self._query is None:
            self._query = dict(parse_qsl(self.query_string, keep_blank_values=True))
        return self._query

    @property
    def own_path(self) -> str:
        """The path without what stands before the app's own, and without a slash at its end."""
        return self.path[len(self.prefix) :].rstrip("/")

    def receive_body(self, sink: BodySink) -> None:
        """Have the body given to ``sink`` as it comes, instead of as a whole to :attr:`on_body`."""
        self._sink = sink

    # -- the request's side, for the connection

    def body_data(self, data: bytes | bytearray) -> None:
        """A piece of the request's body has come."""
        if self.intake is None:
            self.take_body(data)
        elif not self.responded:
            self.intake.body_data(bytes(data))

    def body_ended(self) -> None:
        """The request's body has come as a whole."""
        if self.intake is None:
            self.take_body_end()
        elif not self.responded:
            self.intake.body_ended()

    def take_body(self, data: bytes | bytearray) -> None:
        """Take a piece of the request's body."""
        if self.responded:
            return
        if self._sink is not None:
            self._sink.body_data(data)
            return
        if self.on_body is None:
            return
        self._length += len(data)
        if self._length > _MAX_JSON_BODY:
            self.respond(413, b"The body is too large for this server.", "text/plain; charset=utf-8", close=True)
            return
        self._body.append(bytes(data))

    def take_body_end(self) -> None:
        """The request's body is whole."""
        if self.responded:
            return
        if self._sink is not None:
            self._sink.body_ended()
        elif self.on_body is not None:
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body.clear()
            self.on_body(body)

    def log_body(self, value: Any) -> None:
        """Keep a parsed body in the log if it is small, and its session hash in any case."""
        if self._length <= _LOGGED_BODY:
            self.record.body = value
        if is_object(value) and isinstance(value.get("session_hash"), str):
            self.record.session_hash = value["session_hash"]

    # -- the response's side, for the routes

    @property
    def wants_websocket(self) -> bool:
        """Whether the client would speak WebSocket from here on."""
        headers = self.headers
        return headers.get("upgrade", "").lower() == "websocket" and "sec-websocket-key" in headers

    def accept_websocket(self) -> WebSocket:
        """Answer a handshake; the connection belongs to the WebSocket from here on. The body must be over."""
        socket = WebSocket(self, self.connection.app.schedule, self.connection.app.profile)
        self.on_disconnect = socket.lost
        headers = [*handshake_headers(self.headers["sec-websocket-key"]), *self.connection.app.common_headers()]
        self.connection.switch_to(self, socket, headers)
        return socket

    def end_socket(self, ending: Ending) -> None:
        """Close the connection of a WebSocket."""
        if not self.responded:
            self.connection.closed = True
            self._over(ending)
            self.connection.wake()

    def respond(
        self,
        status: int,
        body: bytes = b"",
        content_type: str | None = "application/json",
        headers: Headers = (),
        *,
        close: bool = False,
    ) -> None:
        """Send a whole response; ``close`` closes the connection after it, as uvicorn does after a crash."""
        if status in _REFUSALS:
            self.refusal = body
        framing: list[tuple[str, str]] = [("content-length", str(len(body)))]
        if content_type is not None:
            framing.append(("content-type", content_type))
        if self.bend is not None:
            self._respond_bent(self.bend, Head(status, [*framing, *headers]), body)
            return
        self.connection.start_response(self, status, [*framing, *headers])
        if self.method != "HEAD":
            self.connection.send_data(body)
        self._end("complete", close=close)

    def _respond_bent(self, bend: Bend, head: Head, body: bytes) -> None:
        self.on_body = self.on_disconnect = self._sink = None
        bend.start(head)
        bend.write(b"" if self.method == "HEAD" else body)
        bend.finish()

    def respond_head(self, status: int, headers: Headers) -> None:
        """Send the head of a response to HEAD."""
        self.connection.start_response(self, status, headers)
        self._end("complete")

    def respond_json(self, status: int, value: Any, headers: Headers = ()) -> None:
        """Send a JSON response; a lone surrogate in it crashes the route, as it does Gradio's."""
        try:
            body = compact_json(value).encode()
        except UnicodeEncodeError:
            self.respond_crash()
        else:
            self.respond(status, body, headers=headers)

    def respond_detail(self, status: int, detail: Any, headers: Headers = ()) -> None:
        """Send FastAPI's ``{"detail": ...}``."""
        self.respond_json(status, {"detail": detail}, headers)

    def respond_crash(self) -> None:
        """Send what an exception in a route gives."""
        self.refusal = b""
        text = self.connection.app.profile.crash_text.replace("{}", "None")
        self.respond(500, text.encode(), "text/plain; charset=utf-8", close=True)

    def start_stream(self, source: Source, status: int = 200, headers: Headers = ()) -> None:
        """Begin a response whose bytes ``source`` gives when the connection has room."""
        if self.bend is not None:
            self.source = source
            self.bend.start(Head(status, list(headers)))
            self.connection.wake()
            return
        chunked = not any(name == "content-length" for name, _ in headers)
        self._chunked = chunked and self.connection.client_knows_chunks
        self.connection.start_response(self, status, headers)
        self.source = source
        self.connection.wake()

    def start_event_stream(self, source: Source) -> None:
        """Begin a stream of server-sent events."""
        self.start_stream(source, headers=[("content-type", "text/event-stream; charset=utf-8")])

    def write(self, data: bytes) -> None:
        """Add to a streamed response: one chunk, if it is chunked."""
        if self.bend is not None:
            self.bend.write(data)
            return
        # The chunk's frame is written here and not by h11, which has no state in it and takes five times as long.
        self.connection.send_raw(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def write_counted(self, data: bytes) -> None:
        """Add to a streamed response that has a content length; h11 counts it."""
        if self.bend is not None:
            self.bend.write(data)
        else:
            self.connection.send_data(data)

    def finish(self) -> None:
        """End a streamed response."""
        if self.bend is None:
            self._end("complete")
        else:
            self.source = self.on_disconnect = None
            self.bend.finish()

    def cut(self) -> None:
        """Close the connection after what was written, inside the response."""
        if self.bend is None:
            self.on_disconnect = None
            self.close("cut")
        else:
            self.source = self.on_disconnect = None
            self.bend.cut()

    def close(self, ending: Ending, *, reset: bool = False) -> None:
        """Close or reset the connection after what was written, whatever there is yet to say."""
        self.abandon_source()
        self.connection.closed = True
        self.connection.reset = reset
        self._over(ending)
        self.connection.wake()

    def abandon_source(self) -> None:
        """Nobody wants what the stream would still say: to its source that is as if the client had gone away."""
        told, self.on_disconnect, self.source = self.on_disconnect, None, None
        if told is not None:
            told()

    def call_after(self, delay: float, callback: Callable[[], None]) -> None:
        """Do something ``delay`` seconds from now, unless the exchange is over by then."""
        schedule = self.connection.app.schedule
        schedule.call_after(delay, lambda: None if self.responded else callback(), awaited=True)

    def start_raw(self, status: int, headers: Headers, version: str) -> None:
        """Send the head of a response past h11, which must close the connection."""
        self.connection.start_raw(self, status, headers, version)

    def drop(self) -> None:
        """Close the connection of an exchange whose server is gone, and let whoever waits for its end know."""
        self.close("cut")

    def _end(self, end: Ending, *, close: bool = False) -> None:
        self._over(end)
        self.connection.end_response(close=close)

    def _over(self, end: Ending) -> None:
        self.responded = True
        self.source = self.on_disconnect = None
        self.on_body = self._sink = None
        self.record.end = end
        self.record.ended = self.connection.now
        self.connection.exchange_over(self)

    def disconnected(self) -> None:
        """The client went away."""
        told = self.on_disconnect
        self._over("disconnected")
        if told is not None:
            told()


class ServerConnection:
    """One client's connection.

    A shell feeds it with :meth:`receive_data` (``b""`` is the end of what the client sends), sends what
    :meth:`data_to_send` gives until that is empty, and closes the socket when :attr:`closed` is set and all is sent.
    """

    def __init__(self, app: Site, number: int) -> None:
        self.number = number
        self.reset: bool = False
        """Whether it is to be reset where it is closed, and not just closed."""
        self.in_pieces: bool = False
        """Whether :meth:`data_to_send` gives what was sent piece by piece, and not all that there is."""
        self._app = app
        self._h11 = h11.Connection(h11.SERVER)
        self._out: deque[bytes] = deque()
        self._exchange: Exchange | None = None
        self._requests: Exchange | None = None
        self._in_events = False
        self._socket: WebSocket | None = None
        self._deaf = False
        self._closing = False
        self._last_word: bytes | None = None
        self._line: Line | None = None
        self._goes_soon = False
        self._unread = 0
        self._is_paused = False
        self._ahead = 0
        self._has_rest = False

    @property
    def now(self) -> float:
        """The app's time."""
        return self._app.now

    @property
    def client_knows_chunks(self) -> bool:
        """Whether the client speaks HTTP/1.1."""
        return self._h11.their_http_version != b"1.0"

    @property
    def app(self) -> Site:
        """What it talks to: an app, or what stands in front of one."""
        return self._app

    # -- for the shell

    @property
    def closed(self) -> bool:
        """Whether the socket is to be closed once everything was sent."""
        return self._closing and (self._line is None or not (self._out or not self._line.is_empty))

    @closed.setter
    def closed(self, value: bool) -> None:
        self._closing = value

    @property
    def wants_data(self) -> bool:
        """Whether the shell may read from the client; what it reads all the same is taken.

        A client that does not read its answers is not read either, nor one that sends requests without end while it has
        an answer to come, as uvicorn does it. That it goes away is seen when it is read again.
        """
        if self._closing:
            return True
        exchange = self._requests
        return (
            self._unread < _UNREAD
            and self._ahead < _AHEAD
            and (exchange is None or exchange.intake is None or exchange.responded or exchange.intake.takes_more)
            and (self._line is None or self._line.takes_more)
        )

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the client; ``b""`` means that it closed, which uvicorn takes for a disconnect."""
        if self._closing and not data:
            self._app.forget_connection(self)  # what is yet to be sent is sent
        elif self._closing or (self._deaf and data):
            return
        elif not data:
            self.connection_lost()
        elif self._line is not None:
            self._line.heard(data)
        else:
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        if self._closing:
            return
        if self._last_word is not None:
            self.send_raw(self._last_word)
            self._closing = True
            return
        self._has_rest = False
        self._app.not_idle(self)
        if self._socket is not None:
            self._socket.exchange.record.received += len(data)
            self._socket.receive_data(data)
            return
        if self._is_paused:
            self._ahead += len(data)
        self._h11.receive_data(data)
        self._handle_events()

    def data_to_send(self) -> bytes:
        """Give the next bytes for the client, ``b""`` if there are none now. Files and streams are read only here."""
        if self._line is None:
            return self._next_out()
        self._put_on_line()
        return self._line.take()

    def _put_on_line(self) -> None:
        line = self._line
        self._goes_soon = False
        while line is not None and line.gives_room and (data := self._next_out()):
            line.said(data)

    def _next_out(self) -> bytes:
        out = self._out
        exchange = self._exchange
        if self._socket is not None and not self._closing:
            self._socket.fill(_SEND_AT_ONCE)
        elif exchange is not None and exchange.source is not None and not self._closing:
            exchange.source.fill(exchange, _SEND_AT_ONCE)
        if not out:
            self.all_sent()
            return b""
        if self.in_pieces:
            data = out.popleft()
            self._unread -= len(data)
            return data
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        self._unread = 0
        return data

    def all_sent(self) -> None:
        """The shell has sent what it got: if the response is over, the client is idle, and not before.

        That :meth:`data_to_send` is asked for more says the same.
        """
        if self._has_rest and not self._out:
            self._has_rest = False
            self._app.idle(self)

    def connection_lost(self) -> None:
        """The client is gone."""
        if self._app.forget_connection(self):
            self._closing = True
            self._out.clear()
            if self._line is not None:
                self._line.stop()
            if self._exchange is not None:
                self._exchange.disconnected()

    # -- for the app

    def hear_nothing(self) -> None:
        """Take whatever the client sends, and never answer."""
        self._deaf = True

    def say_only(self, text: bytes, *, reset: bool = False) -> None:
        """Answer the first bytes that come with a text that is no HTTP, or with none, and close or reset."""
        self._last_word = text
        self.reset = reset

    def lie_at(self, pace: Pace) -> None:
        """Let bytes come and go at a pace."""

        def hear(data: bytes) -> None:
            self._receive(data)
            self.wake()  # there is room for more

        self._line = Line(self._app.schedule, pace, receive=hear, arrived=lambda: self._app.ready.update({self: None}))

    def drop(self) -> None:
        """The server is gone."""
        if self._exchange is not None:
            self._exchange.drop()
        self.closed = True
        self.wake()

    def close_at_once(self, *, reset: bool) -> None:
        """Close or reset the connection before anything was said."""
        self.closed = True
        self.reset = reset
        self.wake()

    def wake(self) -> None:
        """Tell the shell that there may be something to send."""
        self._app.ready[self] = None
        if self._line is not None and not self._goes_soon:  # what is on its way does not wait for who takes it
            self._goes_soon = True
            self._app.schedule.call_after(0.0, self._put_on_line)

    def close_idle(self) -> None:
        """The client has been silent for too long."""
        self.closed = True
        self.wake()

    def start_response(self, exchange: Exchange, status: int, headers: Headers) -> None:
        """Send the head of a response."""
        exchange.record.status = status
        self._send(
            h11.Response(
                status_code=status,
                headers=[*self._app.common_headers(), *headers, *self._cors_headers(exchange)],
                reason=REASONS.get(status, b""),
            )
        )

    def start_raw(self, exchange: Exchange, status: int, headers: Headers, version: str) -> None:
        """Send the head of a response of which h11 knows nothing."""
        exchange.record.status = status
        lines = [f"HTTP/{version} {status} {REASONS.get(status, b'').decode()}"]
        every = [*self._app.common_headers(), *headers, *self._cors_headers(exchange)]
        lines.extend(f"{name}: {value}" for name, value in every)
        self.send_raw("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def switch_to(self, exchange: Exchange, socket: WebSocket, headers: Headers) -> None:
        """Speak WebSocket from here on."""
        exchange.record.status = 101
        self._send(h11.InformationalResponse(status_code=101, headers=list(headers), reason=b"Switching Protocols"))
        self._socket = socket

    def send_data(self, data: bytes) -> None:
        """Send content through h11, which counts and frames it."""
        if data:
            self._send(h11.Data(data=data))

    def send_raw(self, data: bytes) -> None:
        """Send bytes that are framed already."""
        self._put(data)

    def end_response(self, *, close: bool) -> None:
        """End a response; go on with the next request if this one's body is over."""
        self._send(h11.EndOfMessage())
        if close or self._h11.our_state is h11.MUST_CLOSE:
            self.closed = True
            return
        self._has_rest = True
        if not self._in_events:
            self._handle_events()

    def exchange_over(self, exchange: Exchange) -> None:
        """An exchange has ended in whatever way."""
        if self._exchange is exchange:
            self._exchange = None
        self._app.exchange_over(exchange)

    # -- inside

    def _cors_headers(self, exchange: Exchange) -> list[tuple[str, str]]:
        # What controls the server is no part of the app that other pages may use, and crashes have no such headers.
        crashed = exchange.record.status == 500 and exchange.refusal == b""
        return [] if crashed or exchange.record.kind == "control" else self._app.cors_headers(exchange.headers)

    def _send(self, event: h11.Event) -> None:
        self._put(self._h11.send(event) or b"")

    def _put(self, data: bytes) -> None:
        if data:
            self._out.append(data)
            self._unread += len(data)
            if self._requests is not None:  # also when its exchange is over, for that is before its last bytes
                self._requests.record.sent += len(data)
        self.wake()

    def _handle_events(self) -> None:
        self._in_events = True
        try:
            while not self._closing and self._next():
                pass
        except h11.RemoteProtocolError:
            self._refuse()
        finally:
            self._in_events = False

    def _next(self) -> bool:
        """Handle one event; say whether there may be another."""
        http = self._h11
        if http.our_state is h11.DONE and http.their_state is h11.DONE:
            http.start_next_cycle()
            self._requests = None
            self._is_paused = False
            self._ahead = 0
        event = http.next_event()
        kind = type(event)
        if self._socket is not None:
            return self._hand_over(self._socket)
        if kind is h11.Request:
            self._begin(cast("h11.Request", event))
        elif kind is h11.Data:
            if self._requests is not None:
                data = cast("h11.Data", event).data
                self._requests.record.received += len(data)
                self._requests.body_data(data)
        elif kind is h11.EndOfMessage:
            if self._requests is not None:
                self._requests.body_ended()
        else:  # NEED_DATA, PAUSED or the end
            self._is_paused = event is h11.PAUSED
            return False
        return True

    def _hand_over(self, socket: WebSocket) -> bool:
        """Give the WebSocket what came behind its handshake; nothing more is HTTP."""
        rest, _ = self._h11.trailing_data
        if rest:
            socket.receive_data(rest)
        return False

    def _begin(self, request: h11.Request) -> None:
        target = request.target.decode("latin-1")
        path, _, query = target.partition("?")
        record = self._app.log_request(
            self,
            request.method.decode("latin-1"),
            unquote(path) if "%" in path else path,
            query,
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers],
        )
        exchange = Exchange(self, record)
        self._exchange = self._requests = exchange
        self._has_rest = False
        self._app.handle(exchange)
        if self._h11.they_are_waiting_for_100_continue and not exchange.responded:
            self._send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    def _refuse(self) -> None:
        """Answer what is not HTTP, as far as an answer is still possible, and close."""
        exchange = self._exchange or Exchange(self, self._app.log_request(self, "", "", "", []))
        exchange.refusal = b'{"detail":"what came is no HTTP"}'
        exchange.disconnected()
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = b"Invalid HTTP request received."
            headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
            self._send(h11.Response(status_code=400, headers=headers, reason=b"Bad Request"))
            if exchange.method != "HEAD":  # of which the answer has no body, whatever came after it
                self._send(h11.Data(data=body))
            self._send(h11.EndOfMessage())
        self.closed = True
        self.wake()
