"""A WebSocket on one connection: the handshake with h11, the frames with wsproto.

This module is imported when the first WebSocket is opened, for only servers of before Gradio 4 speak it, and importing
wsproto takes a while. wsproto masks each frame with four bytes of the operating system's entropy (RFC 6455, section
5.3); nothing but the bytes on the wire depends on them.
"""

from __future__ import annotations

import base64
import io
from collections import deque
from typing import TYPE_CHECKING, NoReturn

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import generate_accept_token

from gradproto._commands import FilePart, Request
from gradproto._errors import LocalProtocolError, RemoteProtocolError
from gradproto._urls import redact_url

from ._actions import Action, Send, SendFile
from ._http1 import HttpConnection, Outcome, Template

if TYPE_CHECKING:
    from ._client import Conversation

__all__ = ["WebSocketConnection"]

# Characters. A longer message goes out in fragments of this size, each as if it were a file, for then the driver says
# how far it is. So a slow network is known from a dead one, and answers to the server's pings, for which uvicorn waits
# 20 seconds, go in between.
_FRAGMENT = 256 * 1024


class WebSocketConnection:
    """The WebSocket of one exchange. Actions go to ``actions``, facts to ``session``.

    ``nonce`` is 16 random bytes (RFC 6455, section 4.1). A message may have ``max_message_size`` characters, or bytes
    if it is a binary one. The constructor raises ``WriteError`` for headers that HTTP cannot carry.
    """

    __slots__ = (
        "_actions",
        "_binary",
        "_exchange",
        "_fragment_left",
        "_frames",
        "_key",
        "_max_message_size",
        "_request",
        "_sent",
        "_session",
        "_text",
        "_unsent",
        "head",
        "http",
        "origin",
    )

    def __init__(
        self,
        exchange: int,
        request: Request,
        *,
        actions: deque[Action],
        session: Conversation,
        nonce: bytes,
        max_header_size: int,
        max_message_size: int,
    ) -> None:
        self._exchange = exchange
        self._request = request
        self._actions = actions
        self._session = session
        self._max_message_size = max_message_size
        self._key = base64.b64encode(nonce)
        handshake = (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", self._key.decode("ascii")),
            ("Sec-WebSocket-Version", "13"),
        )
        # What is to be sent through ``http``, whose number is not known before there is a connection.
        template = Template("GET", request.url, (*handshake, *request.headers))
        self.origin = template.origin
        self.head = template.head(None)
        self.http = HttpConnection(-1, actions, session, max_header_size)
        self._frames: Connection | None = None
        # What is still to be sent, how many characters of the first are out, and how many bytes of its last fragment
        # the driver has still to write.
        self._unsent: deque[str] = deque()
        self._sent = 0
        self._fragment_left = 0
        self._text = io.StringIO()
        self._binary = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done."""
        return self._frames is not None

    def send_text(self, text: str) -> None:
        """Send a text message, or keep it until the handshake is done and those before it are out.

        After the closing handshake began it is dropped.
        """
        self._unsent.append(text)
        self._send_texts()

    def file_sent(self, sent: int) -> None:
        """Count what the driver wrote of the current fragment; go on when that was the last of it."""
        if not 0 <= sent <= self._fragment_left:
            raise LocalProtocolError(
                f"can't handle file_sent({sent}): connection {self.http.number} has {self._fragment_left} bytes of a "
                f"message to send"
            )
        self._fragment_left -= sent
        self._send_texts()

    def ping(self) -> None:
        """Ask the server for a sign of life. The WebSocket must be open."""
        assert self._frames is not None
        self._send(self._frames, Ping())

    def close(self, code: int) -> None:
        """Begin the closing handshake, if the WebSocket is open and nobody began it; nothing more is sent after it."""
        if self._frames is not None and self._frames.state is ConnectionState.OPEN:
            self._send(self._frames, CloseConnection(code=code))

    def receive(self, data: bytes) -> Outcome:
        """Turn received bytes into facts; ``b""`` is EOF.

        Raises ``ReadError`` where the connection ended inside the handshake, ``RemoteProtocolError`` for what is
        neither HTTP nor a WebSocket. Either ends the exchange.
        """
        frames = self._frames
        if frames is None:
            return self._receive_handshake(data)
        if not data:
            self._session.websocket_closed(self._exchange, CloseReason.ABNORMAL_CLOSURE.value, "")
            return Outcome.CLOSE
        frames.receive_data(data)
        return self._read_frames(frames)

    def _receive_handshake(self, data: bytes) -> Outcome:
        outcome = self.http.receive(data)
        if outcome is not Outcome.SWITCHED:
            # Refused: the session gets the response. The connection was for this WebSocket only.
            return Outcome.CLOSE if outcome is Outcome.REUSE else outcome
        self._check_handshake()
        frames = Connection(ConnectionType.CLIENT, trailing_data=self.http.trailing_data)
        self._frames = frames
        self._session.websocket_opened(self._exchange)
        self._send_texts()
        return self._read_frames(frames)

    def _check_handshake(self) -> None:
        """Check what RFC 6455, section 4.1, tells a client to check."""
        headers: dict[str, str] = {}
        for name, value in self.http.headers:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if headers.get("upgrade", "").lower() != "websocket":
            wrong = "does not upgrade to a WebSocket"
        elif "upgrade" not in [token.strip() for token in headers.get("connection", "").lower().split(",")]:
            wrong = "has no 'Connection: Upgrade'"
        elif headers.get("sec-websocket-accept") != generate_accept_token(self._key).decode("ascii"):
            wrong = "does not prove that the server understood"
        elif "sec-websocket-extensions" in headers or "sec-websocket-protocol" in headers:
            wrong = "chooses an extension or a subprotocol, and none was offered"
        else:
            return
        raise RemoteProtocolError(f"{self._where()}: the answer to the WebSocket handshake {wrong}")

    def _read_frames(self, frames: Connection) -> Outcome:
        for event in frames.events():
            if isinstance(event, TextMessage):
                self._receive_text(frames, event)
            elif isinstance(event, BytesMessage):
                self._receive_binary(frames, event)
            elif isinstance(event, Ping):
                if frames.state is ConnectionState.OPEN:
                    self._send(frames, event.response())
            elif isinstance(event, CloseConnection):
                return self._receive_close(frames, event)
        return Outcome.MORE

    def _receive_text(self, frames: Connection, event: TextMessage) -> None:
        text = event.data
        size = self._text.tell()
        self._check_size(frames, size + len(text))
        if size or not event.message_finished:
            self._text.write(text)
            if not event.message_finished:
                return
            text = self._text.getvalue()
            self._text = io.StringIO()
        self._session.websocket_text(self._exchange, text)

    def _receive_binary(self, frames: Connection, event: BytesMessage) -> None:
        """Take a binary message for text, for some servers do not care which they send."""
        self._check_size(frames, len(self._binary) + len(event.data))
        self._binary += event.data
        if event.message_finished:
            try:
                text = self._binary.decode("utf-8")
            except UnicodeDecodeError:
                self._fail(frames, CloseReason.UNSUPPORTED_DATA, "a binary message that is not UTF-8")
            self._binary.clear()
            self._session.websocket_text(self._exchange, text)

    def _check_size(self, frames: Connection, size: int) -> None:
        limit = self._max_message_size
        if size > limit:
            self._fail(frames, CloseReason.MESSAGE_TOO_BIG, f"a WebSocket message larger than {limit} characters")

    def _receive_close(self, frames: Connection, event: CloseConnection) -> Outcome:
        if frames.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            # Nobody closed: this is how wsproto says that a frame is illegal.
            self._fail(frames, event.code, f"an illegal WebSocket frame: {event.reason}")
        if frames.state is ConnectionState.REMOTE_CLOSING:
            self._send(frames, event.response())
        self._session.websocket_closed(self._exchange, int(event.code), event.reason or "")
        return Outcome.LINGER

    def _fail(self, frames: Connection, code: int, what: str) -> NoReturn:
        if frames.state is ConnectionState.OPEN:
            self._send(frames, CloseConnection(code=code))
        raise RemoteProtocolError(f"{self._where()}: the server sent {what}")

    def _send_texts(self) -> None:
        frames = self._frames
        unsent = self._unsent
        while unsent and frames is not None and frames.state is ConnectionState.OPEN and not self._fragment_left:
            text = unsent[0]
            if len(text) <= _FRAGMENT:
                self._send(frames, TextMessage(data=text))
                unsent.popleft()
                continue
            start, self._sent = self._sent, self._sent + _FRAGMENT
            is_last = self._sent >= len(text)
            data = frames.send(TextMessage(data=text[start : self._sent], message_finished=is_last))
            if is_last:
                unsent.popleft()
                self._sent = 0
            self._fragment_left = len(data)
            part = FilePart(source=io.BytesIO(data), size=len(data))
            self._actions.append(SendFile(connection=self.http.number, file=part))

    def _send(self, frames: Connection, event: Event) -> None:
        self._actions.append(Send(connection=self.http.number, data=frames.send(event)))

    def _where(self) -> str:
        return f"GET {redact_url(self._request.url)}"
