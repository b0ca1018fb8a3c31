"""Clients of the older generations over memory: each makes a call the way of its time, and nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, Event, Ping, TextMessage

from gradproto_fake_server import MemoryConnection, MemoryServer

from .wire import Http, Response

__all__ = ["VERSIONS", "Socket", "call", "index_of", "polled_call", "socket_call", "stream_call"]

VERSIONS = (
    *("2.9.4", "3.0.24", "3.1.6", "3.4.1", "3.16.2", "3.32.0", "3.39.0", "3.50.2"),
    *("4.0.2", "4.8.0", "4.9.1", "4.12.0", "4.19.2", "4.21.0", "4.25.0", "4.31.5", "4.36.1", "4.44.1"),
    *("5.0.2", "5.29.0", "5.43.1", "5.50.0", "6.0.2", "6.13.0", "6.31.0"),
)

KEY = base64.b64encode(b"0123456789abcdef").decode()
HANDSHAKE = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", KEY),
]


class Socket:
    """A WebSocket."""

    def __init__(self, server: MemoryServer, path: str = "/queue/join", cookie: str | None = None) -> None:
        self.connection: MemoryConnection = server.connect()
        lines = [f"GET {path} HTTP/1.1", "host: fake.test", *(f"{name}: {value}" for name, value in HANDSHAKE)]
        if cookie is not None:
            lines.append(f"cookie: {cookie}")
        self.connection.receive_data("\r\n".join([*lines, "", ""]).encode())
        head, _, rest = self._take().partition(b"\r\n\r\n")
        self.head: str = head.decode()
        self.body: bytes = rest
        self.status: int = int(head.split()[1]) if head else 0
        self.messages: list[dict[str, Any]] = []
        self.closed_with: int | None = None
        self.pings = 0
        self._frames = Connection(ConnectionType.CLIENT)
        if self.status == 101:
            self._frames.receive_data(rest)
            self.more()

    def _take(self) -> bytes:
        data = b""
        while piece := self.connection.data_to_send():
            data += piece
        return data

    @property
    def kinds(self) -> list[str]:
        return [message["msg"] for message in self.messages]

    @property
    def cut(self) -> bool:
        """Whether the connection has ended without goodbye."""
        return self.connection.closed and self.closed_with is None

    def send(self, value: Any) -> None:
        """Send a message, and take what follows."""
        self.send_event(TextMessage(data=value if isinstance(value, str) else json.dumps(value)))

    def send_event(self, event: Event) -> None:
        self.connection.receive_data(self._frames.send(event))
        self.more()

    def more(self) -> list[dict[str, Any]]:
        """Take what came since; goodbyes are answered."""
        if data := self._take():
            self._frames.receive_data(data)
        for event in self._frames.events():
            if isinstance(event, TextMessage):
                self.messages.append(json.loads(event.data))
            elif isinstance(event, CloseConnection):
                self.closed_with = event.code
                if self._frames.state.name == "REMOTE_CLOSING":
                    self.connection.receive_data(self._frames.send(event.response()))
            elif isinstance(event, Ping):
                self.pings += 1
                self.connection.receive_data(self._frames.send(event.response()))
        return self.messages


def index_of(server: MemoryServer, name: str) -> int:
    """Give the index of an endpoint."""
    endpoint = server.app.find_endpoint(name)
    assert endpoint is not None, name
    return endpoint.index


def socket_call(server: MemoryServer, index: int, data: list[Any], session_hash: str = "s") -> Socket:
    """Join over a WebSocket, say what is asked, and take what comes."""
    socket = Socket(server)
    assert socket.status == 101, socket.head
    opening = server.app.profile.socket_opening
    if opening == "hash":
        socket.send({"hash": "h"})
    elif opening == "send_hash":
        assert socket.kinds == ["send_hash"]
        socket.send({"fn_index": index, "session_hash": session_hash})
    if "send_data" in socket.kinds:
        socket.send({"fn_index": index, "data": data, "event_data": None, "session_hash": session_hash})
    return socket


def stream_call(server: MemoryServer, index: int, data: list[Any], session_hash: str = "s") -> tuple[Http, Response]:
    """Join by GET and post the data when they are asked for (4.0 to 4.8)."""
    http = Http(server)
    response = http.start("GET", f"/queue/join?fn_index={index}&session_hash={session_hash}")
    for message in response.messages:
        if message["msg"] == "send_data":
            body = {"data": data, "fn_index": index, "session_hash": session_hash, "event_id": message["event_id"]}
            assert Http(server).request("POST", "/queue/data", value=body).json is None
    return http, http.more()


def polled_call(server: MemoryServer, index: int, data: list[Any]) -> list[dict[str, Any]]:
    """Push a job and ask for it until it is over."""
    body: dict[str, Any] = {"action": "predict", "data": data}
    if not server.app.profile.one_function:
        body |= {"fn_index": index, "session_hash": "s"}
    http = Http(server)
    pushed = http.request("POST", "/api/queue/push/", value=body).json
    answers: list[dict[str, Any]] = []
    while not answers or answers[-1]["status"] in ("QUEUED", "PENDING"):
        if answers:
            server.advance(0.5)
        answers.append(http.request("POST", "/api/queue/status/", value={"hash": pushed["hash"]}).json)
    return answers


def call(server: MemoryServer, name: str, data: list[Any], session_hash: str = "s") -> list[dict[str, Any]]:
    """Make a call as its generation does; give the messages, or what stands for them."""
    index = index_of(server, name)
    routes = server.app.profile.routes
    if "push" in routes:
        last = polled_call(server, index, data)[-1]
        success = last["status"] == "COMPLETE"
        output = last["data"] if success else json.loads(last["data"])
        return [{"msg": "process_completed", "output": output, "success": success}]
    if "join_socket" in routes:
        return socket_call(server, index, data, session_hash).messages
    if "join_stream" in routes:
        return stream_call(server, index, data, session_hash)[1].messages
    http = Http(server)
    body = {"data": data, "fn_index": index, "session_hash": session_hash}
    prefix = server.app.profile.api_prefix
    assert http.request("POST", f"{prefix}/queue/join", value=body).status == 200
    return http.start("GET", f"{prefix}/queue/data?session_hash={session_hash}").messages
