"""The floors that the clients are measured against: the same exchanges on a blocking socket, with h11 and without.

They know nothing of Gradio but the bytes of one call, so that what they need is what no client can go below.
"""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import h11


class H11Floor:
    """One kept-alive connection, h11 on a blocking socket."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port or 80))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = h11.Connection(h11.CLIENT)

    def exchange(self, method: str, path: str, body: bytes = b"") -> Iterator[bytes]:
        """Send a request and yield the body of its response."""
        connection = self.connection
        if connection.our_state is h11.DONE:
            connection.start_next_cycle()
        headers = [("host", self.host), ("accept", "*/*"), ("user-agent", "floor"), ("accept-encoding", "identity")]
        if body:
            headers += [("content-type", "application/json"), ("content-length", str(len(body)))]
        data = connection.send(h11.Request(method=method, target=path, headers=headers)) or b""
        if body:
            data += connection.send(h11.Data(data=body)) or b""
        data += connection.send(h11.EndOfMessage()) or b""
        self.socket.sendall(data)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(self.socket.recv(65536))
            elif isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return

    def json(self, method: str, path: str, body: bytes = b"") -> object:
        """Send a request and return the JSON of its response."""
        return json.loads(b"".join(self.exchange(method, path, body)))

    def call(self, fn_index: int, data: list[object], session_hash: str) -> Iterator[dict[str, object]]:
        """Call an endpoint through the queue and yield its messages."""
        body = json.dumps({"data": data, "fn_index": fn_index, "session_hash": session_hash}).encode()
        self.json("POST", "/gradio_api/queue/join", body)
        buffer = b""
        for piece in self.exchange("GET", f"/gradio_api/queue/data?session_hash={session_hash}"):
            buffer += piece
            while (end := buffer.find(b"\n\n")) >= 0:
                yield json.loads(buffer[6:end])
                buffer = buffer[end + 2 :]

    def connect(self) -> None:
        """Fetch what a client fetches when it connects."""
        self.json("GET", "/config")
        self.json("GET", "/gradio_api/info")

    def find(self, api_name: str) -> int:
        """Return the function index of an endpoint."""
        config = self.json("GET", "/config")
        assert isinstance(config, dict)
        return next(dep["id"] for dep in config["dependencies"] if dep["api_name"] == api_name)


class BareFloor:
    """One kept-alive connection, bytes put together and cut apart by hand."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port or 80))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def predict(self, fn_index: int, data: list[object], session_hash: str) -> object:
        """Call an endpoint through the queue and return its first output."""
        body = json.dumps({"data": data, "fn_index": fn_index, "session_hash": session_hash}).encode()
        self.socket.sendall(
            b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (self.host.encode(), len(body), body)
        )
        received = b""
        while b'"event_id"' not in received or not received.endswith(b"}"):
            received += self.socket.recv(65536)
        self.socket.sendall(
            b"GET /gradio_api/queue/data?session_hash=%b HTTP/1.1\r\nHost: %b\r\n\r\n"
            % (session_hash.encode(), self.host.encode())
        )
        received = b""
        while not received.endswith(b"\r\n0\r\n\r\n"):
            received += self.socket.recv(65536)
        start = received.rindex(b'{"msg":"process_completed"')
        message = json.loads(received[start : received.index(b"\n", start)])
        return message["output"]["data"][0]


def new_session_hash() -> str:
    """Return a name for a session."""
    return uuid.uuid4().hex
