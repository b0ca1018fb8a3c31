"""A proxy that spoils the answers to some requests, byte by byte if need be, and passes all others on as they are.

A `Fault` says which requests it is for, and what is done to the answer: a few small edits, one after the other.
"""

from __future__ import annotations

import gzip
import json
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import h11

from .servers import RawServer

__all__ = [
    "Answer",
    "Edit",
    "Fault",
    "Tampering",
    "before_body",
    "body",
    "coalesce",
    "cut",
    "dribble",
    "drop_header",
    "gzipped",
    "header",
    "http10",
    "instead",
    "lines",
    "messages",
    "misframed",
    "prefix",
    "reset",
    "stall",
    "status",
    "until_close",
]

Bytes = Iterator[bytes]
Edit = Callable[["Answer"], None]
# What a message of an event stream becomes: other messages, or bytes that are sent as they are.
Messages = Callable[[dict[str, Any]], Iterable["dict[str, Any] | bytes"]]


class Answer:
    """A response on its way: what is said first, the body as it comes, and what is done to the bytes of both."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: Bytes) -> None:
        self.version = b"1.1"
        self.status = status
        self.headers = headers
        self.body = body
        self.wire: list[Callable[[Bytes], Bytes]] = []
        self.closes = False

    @property
    def is_stream(self) -> bool:
        """Whether it does not say how long it will be."""
        return not any(name == b"content-length" for name, _ in self.headers)

    def set(self, name: bytes, value: bytes | None) -> None:
        self.headers = [(key, old) for key, old in self.headers if key != name]
        if value is not None:
            self.headers.append((name, value))

    def say(self, body: bytes) -> None:
        """Have another body, as long as it says."""
        self.body = iter([body])
        self.set(b"transfer-encoding", None)
        self.set(b"content-length", b"%d" % len(body))

    def bytes(self) -> Bytes:
        """Everything as it goes over the wire."""
        found = self._written()
        for edit in self.wire:
            found = edit(found)
        return found

    def _written(self) -> Bytes:
        lines = [b"%b: %b\r\n" % header for header in self.headers]
        yield b"HTTP/%b %d Said\r\n%b\r\n" % (self.version, self.status, b"".join(lines))
        chunked = any(name == b"transfer-encoding" for name, _ in self.headers)
        for piece in self.body:
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
        if chunked:
            yield b"0\r\n\r\n"


@dataclass
class Fault:
    """Spoils the next ``times`` answers to requests that have ``asked`` in their first line, after ``skip`` others.

    ``edits`` change what the server answers. ``unread``: what is done in its place as soon as the head of the request
    is there, before its body was read: ``"cut"``, ``"reset"``, or ``"stall"``.
    """

    asked: bytes
    edits: tuple[Edit, ...] = ()
    unread: str | None = None
    times: int = 1
    skip: int = 0
    happened: threading.Event = field(default_factory=threading.Event)

    def applies_to(self, line: bytes) -> bool:
        if self.asked not in line or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class _Cut(Exception):
    """The connection ends here."""


class _Reset(Exception):
    """The connection breaks here."""


class _Stall(Exception):
    """Nothing more comes, and the connection stays."""


class Tampering(RawServer):
    """Passes requests on to ``target``, and answers back, spoiled where a fault says so."""

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        self._target = (address.hostname, address.port)
        self._faults: list[Fault] = []
        self._choosing = threading.Lock()
        super().__init__(self._converse)

    def arm(self, asked: bytes, *edits: Edit, unread: str | None = None, times: int = 1, skip: int = 0) -> Fault:
        """Let a fault happen."""
        fault = Fault(asked, edits, unread, times, skip)
        with self._choosing:
            self._faults.append(fault)
        return fault

    def _fault_for(self, request: h11.Request) -> Fault | None:
        line = request.method + b" " + request.target
        with self._choosing:
            return next((fault for fault in self._faults if fault.applies_to(line)), None)

    def _converse(self, client: socket.socket) -> None:
        # What comes in pieces goes on in pieces, at once.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        left = b""
        try:
            while True:
                parser = h11.Connection(h11.SERVER)
                if left:  # nothing would be the end
                    parser.receive_data(left)
                request = _next(parser, client)
                if not isinstance(request, h11.Request):
                    return
                fault = self._fault_for(request)
                if fault is not None and fault.unread is not None:
                    fault.happened.set()
                    raise {"cut": _Cut, "reset": _Reset, "stall": _Stall}[fault.unread]
                parts = []
                while isinstance(event := _next(parser, client), h11.Data):
                    parts.append(bytes(event.data))
                left = parser.trailing_data[0]
                with socket.create_connection(self._target) as server:
                    self._answer(client, server, request, b"".join(parts), fault)
        except _Stall:
            # Until the client has had enough, or the server is shut.
            while client.recv(65536):
                pass
        except _Reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except _Cut:
            pass

    def _answer(
        self, client: socket.socket, server: socket.socket, request: h11.Request, asked: bytes, fault: Fault | None
    ) -> None:
        parser = h11.Connection(h11.CLIENT)
        server.sendall(b"".join(parser.send(event) or b"" for event in _whole(request, asked)))
        answer = _receive(parser, server, client)
        if fault is not None:
            for edit in fault.edits:
                edit(answer)
        try:
            for piece in answer.bytes():
                client.sendall(piece)
        finally:
            # Not earlier: what waits for it may look at what has come by now.
            if fault is not None:
                fault.happened.set()
        if answer.closes or answer.status == 101:
            raise _Cut


def _whole(request: h11.Request, body: bytes) -> Iterator[h11.Event]:
    yield request
    if body:
        yield h11.Data(data=body)
    yield h11.EndOfMessage()


def _next(parser: h11.Connection, opened: socket.socket) -> object:
    """Return the next event from a connection; that of an end that is none is ``ConnectionClosed``."""
    while (event := parser.next_event()) is h11.NEED_DATA:
        data = opened.recv(65536)
        if not data:
            return h11.ConnectionClosed()
        parser.receive_data(data)
    return event


def _receive(parser: h11.Connection, server: socket.socket, client: socket.socket) -> Answer:
    event = _next(parser, server)
    if isinstance(event, h11.InformationalResponse):
        return Answer(event.status_code, list(event.headers), _websocket(parser, server, client))
    if not isinstance(event, h11.Response):
        raise _Cut
    return Answer(event.status_code, list(event.headers), _body(parser, server, client))


def _body(parser: h11.Connection, server: socket.socket, client: socket.socket) -> Bytes:
    while True:
        event = parser.next_event()
        if isinstance(event, h11.Data):
            yield bytes(event.data)
        elif event is h11.NEED_DATA:
            # A client that goes away takes its exchange with it, as it would without a proxy.
            readable, _, _ = select.select([server, client], [], [])
            if client in readable and not client.recv(1, socket.MSG_PEEK):
                raise _Cut
            if server in readable:
                parser.receive_data(server.recv(65536))
        else:
            return


def _websocket(parser: h11.Connection, server: socket.socket, client: socket.socket) -> Bytes:
    """Give what the server says on a WebSocket, and tell it what the client says."""
    yield parser.trailing_data[0]
    while True:
        readable, _, _ = select.select([server, client], [], [])
        if client in readable:
            data = client.recv(65536)
            if not data:
                return
            server.sendall(data)
        if server in readable:
            data = server.recv(65536)
            if not data:
                return
            yield data


# --- edits: of what the answer says ---------------------------------------------------------------------------------


def instead(raw: bytes) -> Edit:
    """Say this, and close."""

    def edit(answer: Answer) -> None:
        answer.wire = [lambda _: iter([raw])]
        answer.closes = True

    return edit


def status(code: int, text: bytes = b"", **headers: str) -> Edit:
    """Answer with this."""

    def edit(answer: Answer) -> None:
        answer.status = code
        answer.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        answer.say(text)

    return edit


def header(name: bytes, value: bytes) -> Edit:
    """Have this header."""
    return lambda answer: answer.set(name, value)


def drop_header(name: bytes) -> Edit:
    """Lack this header."""
    return lambda answer: answer.set(name, None)


def body(change: Callable[[bytes], bytes]) -> Edit:
    """Have another body, and its length; for answers that end."""
    return lambda answer: answer.say(change(b"".join(answer.body)))


def gzipped(answer: Answer) -> None:
    """Be compressed, though nobody asked for that."""
    body(gzip.compress)(answer)
    answer.set(b"content-encoding", b"gzip")


def misframed(by: int) -> Edit:
    """Say a length that is not that of the body, and close."""

    def edit(answer: Answer) -> None:
        content = b"".join(answer.body)
        answer.say(content)
        answer.set(b"content-length", b"%d" % (len(content) + by))
        answer.closes = True

    return edit


def until_close(answer: Answer) -> None:
    """Have a body that ends with the connection."""
    answer.set(b"transfer-encoding", None)
    answer.set(b"content-length", None)
    answer.set(b"connection", b"close")
    answer.closes = True


def http10(answer: Answer) -> None:
    """Come from a server of before HTTP/1.1."""
    until_close(answer)
    answer.set(b"connection", None)
    answer.version = b"1.0"


# --- edits: of an event stream ----------------------------------------------------------------------------------------


def messages(change: Messages) -> Edit:
    """Say other messages than the server does."""

    def changed(parts: Bytes) -> Bytes:
        for text in _blocks(parts):
            if not text.startswith(b"data:"):
                yield text + b"\n\n"
                continue
            for made in change(json.loads(text.removeprefix(b"data:"))):
                yield made if isinstance(made, bytes) else b"data: %b\n\n" % json.dumps(made).encode()

    def edit(answer: Answer) -> None:
        answer.body = changed(answer.body)

    return edit


def lines(end: bytes) -> Edit:
    """End lines in another way."""

    def edit(answer: Answer) -> None:
        parts = answer.body
        answer.body = (block.replace(b"\n", end) + end * 2 for block in _blocks(parts))

    return edit


def prefix(text: bytes) -> Edit:
    """Say something before anything else."""

    def edit(answer: Answer) -> None:
        parts = answer.body

        def begun() -> Bytes:
            yield text
            yield from parts

        answer.body = begun()

    return edit


def _blocks(parts: Bytes) -> Bytes:
    """Give the events of a stream, without the empty line after each."""
    read = b""
    for part in parts:
        read += part
        *whole, read = read.split(b"\n\n")
        yield from whole


# --- edits: of the bytes on the wire ----------------------------------------------------------------------------------


def dribble(size: int) -> Edit:
    """Come in pieces of so many bytes."""

    def dribbled(parts: Bytes) -> Bytes:
        for part in parts:
            for start in range(0, len(part), size):
                yield part[start : start + size]

    return lambda answer: answer.wire.append(dribbled)


def coalesce(answer: Answer) -> None:
    """Come all at once, when everything is there."""
    answer.wire.append(lambda parts: iter([b"".join(parts)]))


def cut(after: int) -> Edit:
    """End the connection after so many bytes of the body."""
    return lambda answer: _end_after(answer, after, _Cut)


def reset(after: int) -> Edit:
    """Break the connection after so many bytes of the body."""
    return lambda answer: _end_after(answer, after, _Reset)


def stall(after: int) -> Edit:
    """Say nothing more after so many bytes of the body."""
    return lambda answer: _end_after(answer, after, _Stall)


def before_body(how: str) -> Edit:
    """End the connection in the middle of the headers: ``"cut"``, ``"reset"`` or ``"stall"``."""

    def edit(answer: Answer) -> None:
        def ended(parts: Bytes) -> Bytes:
            yield next(parts)[:20]
            raise {"cut": _Cut, "reset": _Reset, "stall": _Stall}[how]

        answer.wire.append(ended)

    return edit


def _end_after(answer: Answer, after: int, how: type[Exception]) -> None:
    parts = answer.body

    def ended() -> Bytes:
        left = after
        for part in parts:
            if len(part) >= left:
                if left:
                    yield part[:left]
                raise how
            left -= len(part)
            yield part
        raise how

    answer.body = ended()
