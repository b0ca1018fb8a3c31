"""A client of the fake server that is nothing but HTTP: one request at a time, over memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import h11

from gradproto_fake_server import MemoryConnection, MemoryHub, MemoryServer

__all__ = ["Http", "Response", "multipart", "sse_events"]


@dataclass
class Response:
    """What came back so far."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    whole: bool = False
    informational: list[int] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of an event stream."""
        return sse_events(self.body)

    @property
    def kinds(self) -> list[str]:
        return [message["msg"] for message in self.messages]


def sse_events(body: bytes) -> list[dict[str, Any]]:
    """Read ``data:`` lines; each event is one of them, as the server writes them."""
    events = []
    for block in body.split(b"\n\n")[:-1]:
        assert block.startswith(b"data: "), block
        events.append(json.loads(block[6:]))
    return events


def multipart(files: Iterable[tuple[str, str, bytes]], boundary: bytes = b"the-boundary") -> bytes:
    """Make a form of ``(field, filename, content)``."""
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\nContent-Type: text/plain\r\n\r\n%b\r\n'
        % (boundary, name.encode(), filename.encode(), content)
        for name, filename, content in files
    ]
    return b"".join(parts) + b"--%b--\r\n" % boundary


class Http:
    """One connection: to an app, or to a host of a Hub, which is the Hub itself unless another is named."""

    def __init__(self, server: MemoryServer | MemoryHub, where: str | None = None) -> None:
        self.server = server
        self.where = where
        self.connection: MemoryConnection = self._connect()
        self._h11 = h11.Connection(h11.CLIENT)
        self._response = Response()

    def _connect(self) -> MemoryConnection:
        return self.server.connect(self.where) if isinstance(self.server, MemoryHub) else self.server.connect()

    def start(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        value: Any = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        """Send a request; the response is filled in as far as it came."""
        if self.connection.closed:  # idle for too long
            self.connection = self._connect()
            self._h11 = h11.Connection(h11.CLIENT)
        elif self._h11.our_state is h11.DONE:
            self._h11.start_next_cycle()
        sent = [("host", "fake.test"), *headers]
        if value is not None:
            body = json.dumps(value).encode()
            sent.append(("content-type", "application/json"))
        if body is not None:
            sent.append(("content-length", str(len(body))))
        self._response = Response()
        out = self._h11.send(h11.Request(method=method, target=path, headers=sent)) or b""
        if body is not None:
            out += self._h11.send(h11.Data(data=body)) or b""
        out += self._h11.send(h11.EndOfMessage()) or b""
        self.connection.receive_data(out)
        return self.more()

    def more(self) -> Response:
        """Take what came since."""
        response = self._response
        while data := self.connection.data_to_send():
            self._h11.receive_data(data)
        if self.connection.closed:
            self._h11.receive_data(b"")
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError:  # cut inside the response
                return response
            if isinstance(event, h11.InformationalResponse):
                response.informational.append(event.status_code)
            elif isinstance(event, h11.Response):
                response.status = event.status_code
                response.headers = [(name.decode(), value.decode()) for name, value in event.headers]
            elif isinstance(event, h11.Data):
                response.body += event.data
            elif isinstance(event, h11.EndOfMessage):
                response.whole = True
                return response
            else:
                return response

    def request(self, method: str, path: str, **options: Any) -> Response:
        """Make a request whose response comes at once, and as a whole."""
        response = self.start(method, path, **options)
        assert response.whole, response
        return response

    def join(self, fn_index: int, data: list[Any], session_hash: str = "s") -> str:
        """Join the queue; give the event id."""
        value = {"data": data, "fn_index": fn_index, "session_hash": session_hash}
        response = self.request("POST", "/gradio_api/queue/join", value=value)
        assert response.status == 200, response
        return response.json["event_id"]

    def stream(self, session_hash: str = "s") -> Response:
        """Open a session's event stream."""
        return self.start("GET", f"/gradio_api/queue/data?session_hash={session_hash}")
