"""A session and a wire client that see how they are used, and note what breaks an obligation.

What they are told goes on to the real ones unchanged, so that an adapter meets with nothing that it would not meet
elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from gradproto import (
    AbortExchange,
    Command,
    GradprotoError,
    OpenWebSocket,
    RemoteProtocolError,
    Session,
    StartExchange,
    TransportError,
)
from gradproto.wire import Action, Connect, WireClient

from ._obligations import Duty

__all__ = ["Abandoned", "Log", "WatchedSession", "WatchedWire"]


class Abandoned(SystemExit):
    """Ends the thread of an adapter of which nobody expects anything any more; threads end with it silently."""


class Log:
    """What was seen of one adapter in one scenario."""

    def __init__(self) -> None:
        self.broken: dict[Duty, str] = {}
        self.abandoned: bool = False
        self._user: threading.Thread | None = None
        self._now: float | None = None

    def breaks(self, duty: Duty, how: str) -> None:
        """Note what was seen; of several that break one duty, the first."""
        self.broken.setdefault(duty, how)

    def used(self, by: str) -> None:
        """Note that the adapter called something."""
        if self.abandoned:
            raise Abandoned
        user = threading.current_thread()
        if self._user is None:
            self._user = user
        elif user is not self._user:
            self.breaks("thread", f"{by} was called on {user.name!r}, and others before on {self._user.name!r}")

    def ticked(self, now: object) -> None:
        """Note what time it is said to be."""
        self.used("tick")
        if isinstance(now, bool) or not isinstance(now, (int, float)):
            self.breaks("timers", f"the time was said to be {now!r:.80}, which is no number of seconds")
        elif self._now is not None and now < self._now:
            self.breaks("timers", f"the clock went back, from {self._now} to {now}")
        else:
            self._now = now


class _Watched:
    """One exchange: whether its answer began, and whether it is over."""

    def __init__(self, *, websocket: bool) -> None:
        self.websocket = websocket
        self.begun = False
        self.over: str | None = None
        self.aborted = False


class WatchedSession(Session):
    """A session at whose door somebody looks on. Without ``log`` it is used by a wire client, which knows the rules."""

    def __init__(self, src: str, *, log: Log, direct: bool, **options: Any) -> None:
        super().__init__(src, **options)
        self._log = log
        self._direct = direct
        self._watched: dict[int, _Watched] = {}
        self.statuses: list[int] = []

    def next_command(self) -> Command | None:
        """Give the next command."""
        if not self._direct:
            return super().next_command()
        self._log.used("next_command")
        command = super().next_command()
        if isinstance(command, (StartExchange, OpenWebSocket)):
            self._watched[command.exchange] = _Watched(websocket=isinstance(command, OpenWebSocket))
        elif isinstance(command, AbortExchange) and command.exchange in self._watched:
            self._watched[command.exchange].aborted = True
        return command

    def response_started(self, exchange: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Look at the head of an answer."""
        self.statuses.append(status)
        if self._direct:
            found = self._look("response_started", exchange)
            if found is not None:
                if found.begun:
                    self._log.breaks("endings", f"response_started came twice for exchange {exchange}")
                found.begun = True
            if status < 200 and status != 101:
                self._log.breaks("endings", f"response_started told of an interim answer, {status}")
            odd = next((name for name, _ in headers if name != name.lower()), None)
            if odd is not None:
                self._log.breaks("whole", f"the header {odd!r:.80} is not in lower case")
        super().response_started(exchange, status, headers)

    def response_data(self, exchange: int, data: bytes) -> None:
        """Look at bytes of a body."""
        if self._direct:
            self._look("response_data", exchange, begun=True)
            if not data:
                self._log.breaks("whole", f"response_data brought no bytes for exchange {exchange}")
        super().response_data(exchange, data)

    def response_ended(self, exchange: int) -> None:
        """Look at the end of an answer."""
        if self._direct:
            self._look("response_ended", exchange, begun=True, ends=True)
        super().response_ended(exchange)

    def exchange_failed(self, exchange: int, error: GradprotoError) -> None:
        """Look at a failure."""
        if self._direct:
            self._look("exchange_failed", exchange, ends=True)
            if not isinstance(error, (TransportError, RemoteProtocolError)):
                self._log.breaks("errors", f"exchange_failed brought a {type(error).__name__}, which is none of those")
        super().exchange_failed(exchange, error)

    def websocket_opened(self, exchange: int) -> None:
        """Look at a handshake."""
        if self._direct:
            found = self._look("websocket_opened", exchange)
            if found is not None:
                found.begun = True
        super().websocket_opened(exchange)

    def websocket_text(self, exchange: int, text: str) -> None:
        """Look at a message."""
        if self._direct:
            self._look("websocket_text", exchange, begun=True)
        super().websocket_text(exchange, text)

    def websocket_closed(self, exchange: int, code: int, reason: str) -> None:
        """Look at the end of a WebSocket."""
        if self._direct:
            self._look("websocket_closed", exchange, ends=True)
        super().websocket_closed(exchange, code, reason)

    def body_sent(self, exchange: int, sent: int) -> None:
        """Look at progress."""
        if self._direct:
            self._log.used("body_sent")
        super().body_sent(exchange, sent)

    def next_deadline(self) -> float | None:
        """Tell when the time is due."""
        if self._direct:
            self._log.used("next_deadline")
        return super().next_deadline()

    def tick(self, now: float) -> None:
        """Look at the time."""
        if self._direct:
            self._log.ticked(now)
        super().tick(now)

    def _look(self, fact: str, exchange: int, *, begun: bool = False, ends: bool = False) -> _Watched | None:
        self._log.used(fact)
        found = self._watched.get(exchange)
        if found is None:
            self._log.breaks("endings", f"{fact} came for exchange {exchange!r:.80}, which was never begun")
            return None
        if found.over is not None:
            self._log.breaks("endings", f"{fact} came for exchange {exchange}, after its {found.over}")
        elif begun and not found.begun and not found.aborted:
            self._log.breaks("endings", f"{fact} came for exchange {exchange} before its answer began")
        if ends:
            found.over = fact
        return found


class WatchedWire(WireClient):
    """A wire client at whose door somebody looks on."""

    def __init__(self, session: Session, *, log: Log, **options: Any) -> None:
        super().__init__(session, **options)
        self._log = log
        self._made: dict[int, bool] = {}

    def next_action(self) -> Action | None:
        """Give the next action."""
        self._log.used("next_action")
        action = super().next_action()
        if isinstance(action, Connect):
            self._made[action.connection] = False
        return action

    def connection_made(self, connection: int) -> None:
        """Look at a connection that is there."""
        self._log.used("connection_made")
        if self._made.get(connection) is not False:
            self._log.breaks("endings", f"connection_made came for {connection!r:.80}, which was not to be opened")
            return
        self._made[connection] = True
        super().connection_made(connection)

    def receive_data(self, connection: int, data: bytes) -> None:
        """Look at bytes."""
        self._log.used("receive_data")
        if not self._made.get(connection):
            self._log.breaks("endings", f"receive_data came for {connection!r:.80} before connection_made")
            return
        super().receive_data(connection, data)

    def connection_lost(self, connection: int, error: TransportError) -> None:
        """Look at the end of a connection."""
        self._log.used("connection_lost")
        if not isinstance(error, TransportError):  # pyright: ignore[reportUnnecessaryIsInstance]
            self._log.breaks("errors", f"connection_lost brought a {type(error).__name__}")
            return
        super().connection_lost(connection, error)

    def file_sent(self, connection: int, sent: int) -> None:
        """Look at progress."""
        self._log.used("file_sent")
        super().file_sent(connection, sent)

    def next_deadline(self) -> float | None:
        """Tell when the time is due."""
        self._log.used("next_deadline")
        return super().next_deadline()

    def tick(self, now: float) -> None:
        """Look at the time."""
        self._log.ticked(now)
        super().tick(now)
