"""Requests and WebSockets without any library of ours, so that nothing is smoothed over on the way."""

from __future__ import annotations

import base64
import http.client
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, Ping, TextMessage

__all__ = ["LIMIT", "Answer", "Conversation", "ask", "ask_head", "converse"]

LIMIT = 20.0
"""Seconds of silence after which a server is taken to hang."""

_HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: " + base64.b64encode(b"0123456789abcdef").decode(),
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response; ``cut`` if its body did not come to its end."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""
    cut: bool = False

    def header(self, name: str) -> str:
        """Return the first header of that name, or nothing."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What came over a WebSocket: the handshake's answer, the texts, and the code with which it was closed."""

    answer: Answer
    texts: Sequence[str] = ()
    code: int | None = None


def ask(url: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """Make a request and read the whole response."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=LIMIT)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        cut = False
        try:
            content = response.read()
        except http.client.IncompleteRead as error:
            content, cut = error.partial, True
        return Answer(status=response.status, headers=_headers(response), body=content, cut=cut)
    finally:
        connection.close()


def ask_head(url: str, path: str, headers: dict[str, str] | None = None) -> Answer:
    """Make a request whose response has no end, and go away when it has begun."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=LIMIT)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return Answer(status=response.status, headers=_headers(response))
    finally:
        connection.close()


def _headers(response: http.client.HTTPResponse) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in response.getheaders()]


def converse(
    url: str, path: str, reply: Callable[[str], str | None], *, opening: str | None = None, cookie: str | None = None
) -> Conversation:
    """Open a WebSocket, say ``opening``, answer each text with what ``reply`` makes of it, and stay to the end."""
    address = urlsplit(url)
    assert address.hostname is not None
    lines = [f"GET {path} HTTP/1.1", f"Host: {address.netloc}", *_HANDSHAKE, *([f"Cookie: {cookie}"] if cookie else [])]
    texts: list[str] = []
    with socket.create_connection((address.hostname, address.port or 80), timeout=LIMIT) as stream:
        stream.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += (piece := stream.recv(65536))
            if not piece:
                return Conversation(answer=Answer(status=0, headers=(), body=received, cut=True))
        head, _, rest = received.partition(b"\r\n\r\n")
        answer = _answer(head.decode("latin-1"))
        if answer.status != 101:
            return Conversation(answer=answer)
        frames = Connection(ConnectionType.CLIENT)
        if opening is not None:
            stream.sendall(frames.send(TextMessage(data=opening)))
        frames.receive_data(rest)
        text = ""
        while True:
            for event in frames.events():
                if isinstance(event, TextMessage):
                    text += event.data
                    if event.message_finished:
                        texts.append(text)
                        said = reply(text)
                        text = ""
                        if said is not None:
                            stream.sendall(frames.send(TextMessage(data=said)))
                elif isinstance(event, Ping):
                    stream.sendall(frames.send(event.response()))
                elif isinstance(event, CloseConnection):
                    if frames.state.name == "REMOTE_CLOSING":
                        stream.sendall(frames.send(event.response()))
                    return Conversation(answer=answer, texts=texts, code=event.code)
            # A server that leaves the closing to its client has said all when its last message has come.
            if texts and '"process_completed"' in texts[-1]:
                stream.settimeout(1.0)
            try:
                data = stream.recv(65536)
            except TimeoutError:
                return Conversation(answer=answer, texts=[*texts, "(left open)"])
            except ConnectionError:
                data = b""
            if not data:
                return Conversation(answer=answer, texts=texts)
            frames.receive_data(data)


def _answer(head: str) -> Answer:
    first, *lines = head.split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Answer(status=int(first.split()[1]), headers=headers)
