"""WebSockets of Gradio 3 over sockets: what the recordings do not show, long messages and servers that fall silent."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import wsproto
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, Pong, Request, TextMessage

from gradproto import ConnectionLostError, DeadlineExceeded, JobError, Status, StatusUpdate
from tests.recordings import FOLDER

from .backends import AsyncBackend, Backend
from .servers import RawServer

CONFIG = (FOLDER / "3.16.2" / "config.json").read_bytes()
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(CONFIG), CONFIG)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """The server's side of one WebSocket, for a script that blocks."""

    def __init__(self, accepted: socket.socket, read: bytes) -> None:
        self.socket = accepted
        self._ws = wsproto.WSConnection(ConnectionType.SERVER)
        self._ws.receive_data(read)
        self._events = self._all()
        assert isinstance(next(self._events), Request)

    def _all(self) -> Iterator[Event]:
        while True:
            yield from self._ws.events()
            data = self.socket.recv(65536)
            if not data:
                return
            self._ws.receive_data(data)

    def next(self) -> Event | None:
        """Wait for an event; ``None`` is the end."""
        return next(self._events, None)

    def send(self, *events: Event) -> None:
        self.socket.sendall(b"".join(self._ws.send(event) for event in events))

    def say(self, msg: str, **fields: Any) -> None:
        self.send(TextMessage(data=json.dumps({"msg": msg, **fields})))

    def text(self) -> str:
        """Wait for a whole message."""
        text = ""
        while True:
            event = self.next()
            assert isinstance(event, TextMessage), event
            text += event.data
            if event.message_finished:
                return text

    def begin(self) -> None:
        """Let the job into the queue, and ask for its data."""
        self.send(AcceptConnection())
        self.say("send_hash")
        assert json.loads(self.text())["fn_index"] == 0
        self.say("estimation", rank=0, queue_size=1, rank_eta=None)
        self.say("send_data")

    def complete(self, *data: object) -> None:
        self.say("process_completed", success=True, output={"data": list(data), "is_generating": False})
        self.send(CloseConnection(code=1000))
        # A client that closes meanwhile does not answer.
        event = self.next()
        assert event is None or isinstance(event, CloseConnection)


def server(script: Callable[[Peer], None]) -> RawServer:
    """Return an app of Gradio 3.16 whose WebSockets do this."""

    def handle(accepted: socket.socket) -> None:
        # Or the system may keep tens of megabytes of what was not read yet.
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        read: bytes = b""
        while data := accepted.recv(65536):
            read += data
            if read.startswith(b"GET /queue/join ") and b"\r\n\r\n" in read:
                script(Peer(accepted, read))
                return
            while b"\r\n\r\n" in read:
                head, _, read = read.partition(b"\r\n\r\n")
                accepted.sendall(JSON if head.startswith(b"GET /config ") else NOT_FOUND)

    return RawServer(handle)


def when(code: Status, event: Any) -> Callable[[Any], None]:
    return lambda update: event.set() if update.code is code else None


async def test_long_texts_go_there_and_back(backend: Backend) -> None:
    text = "\u2713x" * 1_500_000

    def script(peer: Peer) -> None:
        peer.begin()
        data = json.loads(peer.text())["data"]
        peer.say("process_starts")
        peer.complete(*data)

    with server(script) as running:
        async with backend.open_client(running.url) as client:
            assert await client.predict(text, api_name="/echo") == text


async def test_pings_are_answered_in_the_middle_of_a_long_message(backend: Backend) -> None:
    order: list[str] = []

    def script(peer: Peer) -> None:
        peer.begin()
        received = 0
        while True:
            event = peer.next()
            if isinstance(event, Pong):
                order.append("pong")
            else:
                assert isinstance(event, TextMessage)
                received += len(event.data)
                if received > 1_000_000 and not order:
                    order.append("ping")
                    peer.send(Ping())
                if event.message_finished:
                    break
        order.append("last")
        peer.say("process_starts")
        peer.complete(str(received))

    with server(script) as running:
        async with backend.open_client(running.url) as client:
            # More than the system keeps for a connection whose other side does not read.
            assert int(await client.predict("x" * 30_000_000, api_name="/echo")) > 30_000_000
    assert order == ["ping", "pong", "last"]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("when_it_dies", ["at once", "inside a frame", "after an output"])
async def test_a_server_that_dies_fails_the_job(backend: Backend, when_it_dies: str, reset: bool) -> None:
    def script(peer: Peer) -> None:
        peer.send(AcceptConnection())
        if when_it_dies == "inside a frame":
            peer.socket.sendall(b'\x81\x14{"msg":')
        elif when_it_dies == "after an output":
            peer.say("process_starts")
            peer.say("process_generating", success=True, output={"data": ["1"], "is_generating": True})
        if reset:
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with server(script) as running:
        async with backend.open_client(running.url) as client:
            job = await client.submit("x", api_name="/echo")
            assert isinstance(await job.exception(), ConnectionLostError)


@pytest.mark.parametrize("status", [b"500 Internal Server Error", b"302 Found\r\nLocation: /login", b"404 Not Found"])
async def test_a_refused_websocket_fails_the_job(backend: Backend, status: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.socket.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\nsorry")

    with server(script) as running:
        async with backend.open_client(running.url) as client:
            job = await client.submit("x", api_name="/echo")
            error = await job.exception()
            assert isinstance(error, JobError)
            assert status[:3].decode() in str(error)
            assert "sorry" in str(error)


async def test_a_server_that_falls_silent_is_asked_and_given_up(async_backend: AsyncBackend) -> None:
    asked = threading.Event()
    over = threading.Event()

    def script(peer: Peer) -> None:
        peer.begin()
        peer.text()
        peer.say("process_starts")
        assert isinstance(peer.next(), Ping)
        asked.set()
        assert peer.next() is None
        over.set()

    with server(script) as running:
        async with async_backend.open_client(running.url) as client:
            started = async_backend.event()
            job = await client.submit("x", api_name="/echo", status_callbacks=when(Status.PROCESSING, started))
            await started.wait()
            async_backend.jump(21)
            assert await async_backend.in_thread(lambda: asked.wait(20))
            async_backend.jump(21)
            with pytest.raises(ConnectionLostError, match="nor an answer to a ping within 20 s"):
                await job.final()
            assert await async_backend.in_thread(lambda: over.wait(20))


async def test_a_job_that_takes_hours_is_waited_for_while_pings_are_answered(async_backend: AsyncBackend) -> None:
    def script(peer: Peer) -> None:
        peer.begin()
        data = json.loads(peer.text())["data"]
        peer.say("process_starts")
        for number in range(5):
            ping = peer.next()
            assert isinstance(ping, Ping)
            peer.send(ping.response())
            # So that the client is known to have read the answer, too.
            peer.say("log", log=str(number), level="info")
        peer.complete(*data)

    with server(script) as running:
        async with async_backend.open_client(running.url) as client:
            started = async_backend.event()
            answered = [async_backend.event() for _ in range(5)]

            def hear(update: StatusUpdate) -> None:
                if update.code is Status.PROCESSING:
                    started.set()
                elif update.log is not None:
                    answered[int(update.log[0])].set()

            job = await client.submit("x", api_name="/echo", status_callbacks=hear)
            await started.wait()
            for number in range(5):
                async_backend.jump(21)
                await answered[number].wait()
            assert await job.final() == "x"


async def test_a_handshake_that_is_never_answered_is_given_up(async_backend: AsyncBackend) -> None:
    asked = threading.Event()

    def script(peer: Peer) -> None:
        asked.set()
        assert peer.next() is None

    with server(script) as running:
        async with async_backend.open_client(running.url) as client:
            job = await client.submit("x", api_name="/echo")
            assert await async_backend.in_thread(lambda: asked.wait(20))
            async_backend.jump(61)
            error = await job.exception()
            assert isinstance(error, (ConnectionLostError, DeadlineExceeded))
            assert "within 60 s" in str(error)
