"""A WebSocket of the server without a socket: frames in, frames out, as uvicorn's are.

It answers pings, sends its own and misses their answers, and closes as RFC 6455 says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token

from ._log import Ending
from ._schedule import Schedule, Timer

if TYPE_CHECKING:
    from ._http import Exchange, ServerConnection
    from ._profiles import Profile

__all__ = ["SocketUser", "WebSocket", "handshake_headers"]

_MAX_MESSAGE = 16 << 20  # uvicorn's limit; a bigger message closes the connection


class SocketUser(Protocol):
    """Who speaks over a WebSocket."""

    def text_received(self, text: str) -> None:
        """The client sent a message."""
        ...

    def fill(self, limit: int) -> None:
        """Send what there is, about ``limit`` characters at most."""
        ...

    def gone(self) -> None:
        """The client has closed, or is lost."""
        ...


def handshake_headers(key: str) -> Sequence[tuple[str, str]]:
    """Give the headers of the answer to a handshake with this key."""
    token = generate_accept_token(key.encode())
    return [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", token.decode())]


class WebSocket:
    """One open WebSocket."""

    def __init__(self, exchange: Exchange, schedule: Schedule, profile: Profile) -> None:
        self.user: SocketUser | None = None
        """Who speaks over it; nobody once it is closed."""
        self._exchange = exchange
        self._connection: ServerConnection = exchange.connection
        self._schedule = schedule
        self._profile = profile
        self._frames = Connection(ConnectionType.SERVER)
        self._parts: list[str] = []
        self._length = 0
        self._timer: Timer | None = schedule.call_after(profile.ping_interval, self._ping)
        self._unanswered = 0

    # -- for its user

    @property
    def exchange(self) -> Exchange:
        """The request that it began with."""
        return self._exchange

    def wake(self) -> None:
        """There may be something to send."""
        self._connection.wake()

    def send_text(self, text: str) -> None:
        """Send a message."""
        self._send(TextMessage(data=text))

    def close(self, code: int = CloseReason.NORMAL_CLOSURE) -> None:
        """Say goodbye; the connection ends when the client has done so too, or has not for a while."""
        self._leave()
        self._send(CloseConnection(code=code, reason=""))
        self._timer = self._schedule.call_after(self._profile.close_wait, self._cut)

    def cut(self) -> None:
        """Close the connection without goodbye, as a server does whose handler has failed."""
        self._leave()
        self._cut("cut")

    # -- for its connection

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the client."""
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                if isinstance(event, Ping):
                    self._send(event.response())
                elif isinstance(event, Pong):
                    self._unanswered = 0
                elif isinstance(event, CloseConnection):
                    self._closed_by_client(event)
                    return
                elif isinstance(event, TextMessage | BytesMessage):
                    self._message(event)
        except RemoteProtocolError as error:
            if self._frames.state is not ConnectionState.CLOSED:
                self.close(error.event_hint.code if isinstance(error.event_hint, CloseConnection) else 1002)
            self._cut()

    def fill(self, limit: int) -> None:
        """Send what there is."""
        if self.user is not None:
            self.user.fill(limit)

    def lost(self) -> None:
        """The client is gone."""
        self._stop()
        self._leave_user()

    # -- inside

    def _message(self, event: TextMessage | BytesMessage) -> None:
        if self.user is None:  # it is closing
            return
        if isinstance(event, BytesMessage):
            self.cut()
            return
        self._length += len(event.data)
        if self._length > _MAX_MESSAGE:
            self.close(CloseReason.MESSAGE_TOO_BIG)
            return
        self._parts.append(event.data)
        if event.message_finished:
            text = "".join(self._parts)
            self._parts.clear()
            self._length = 0
            self.user.text_received(text)

    def _closed_by_client(self, event: CloseConnection) -> None:
        if self._frames.state is ConnectionState.REMOTE_CLOSING:
            self._send(event.response())
        self._leave()
        self._cut()

    def _ping(self) -> None:
        if self._unanswered:
            self.close(CloseReason.INTERNAL_ERROR)
            self._cut()
            return
        self._unanswered = 1
        self._timer = self._schedule.call_after(self._profile.ping_interval, self._ping)
        self._send(Ping(payload=b"ping"))

    def _send(self, event: TextMessage | CloseConnection | Ping | Pong) -> None:
        try:
            data = self._frames.send(event)
        except LocalProtocolError:  # it is closed already
            return
        self._connection.send_raw(data)

    def _leave(self) -> None:
        """Speak no more."""
        self._stop()
        self._leave_user()

    def _leave_user(self) -> None:
        user, self.user = self.user, None
        if user is not None:
            user.gone()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut(self, ending: Ending = "complete") -> None:
        self._stop()
        self._exchange.end_socket(ending)
