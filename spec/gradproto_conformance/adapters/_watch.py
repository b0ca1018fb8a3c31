"""A session and a wire client that see how they are used, and note what breaks an obligation.

What they are told goes on to the real ones unchanged, so that an adapter meets with nothing that it would not meet
elsewhere.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, NoReturn, cast

from gradproto import (
    AbortExchange,
    Command,
    ConnectError,
    Event,
    GradprotoError,
    LocalProtocolError,
    OpenWebSocket,
    RemoteProtocolError,
    Request,
    Session,
    StartExchange,
    TransportError,
)
from gradproto.wire import Action, Connect, WireClient

from ._asked import Asked
from ._obligations import Door, Duty

__all__ = ["Abandoned", "Log", "WatchedSession", "WatchedWire"]


class Abandoned(SystemExit):
    """Ends the thread of an adapter of which nobody expects anything any more; threads end with it silently."""


class Log:
    """What was seen of one adapter, at which door, in one scenario."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.broken: dict[Duty, str] = {}
        self.abandoned: bool = False
        self.refused: BaseException | None = None
        self._events: deque[Event] = deque()
        self._user: threading.Thread | None = None
        self._now: float | None = None

    def breaks(self, duty: Duty, how: str) -> None:
        """Note what was seen; of several that break one duty, the first."""
        self.broken.setdefault(duty, how)

    def refuse(self, duty: Duty, how: str) -> NoReturn:
        """Note what cannot be gone on with; whoever raises this error further is not to be blamed for it again."""
        self.breaks(duty, how)
        self.refused = LocalProtocolError(how)
        raise self.refused

    def used(self, by: str) -> None:
        """Note that the adapter called something."""
        if self.abandoned:
            raise Abandoned
        user = threading.current_thread()
        if self._user is None:
            self._user = user
        elif user is not self._user:
            self.breaks("thread", f"{by} was called on {user.name!r}, and others before on {self._user.name!r}")

    def gave(self, event: Event | None) -> None:
        """Note an event that is to be handed on next."""
        if event is not None:
            self._events.append(event)

    def got(self, event: Event) -> bool:
        """Note an event that was handed on, and say whether it was its turn.

        Behind a stream it is our own clients that hand them on.
        """
        if self.door == "STREAM":
            return True
        first = self._events.popleft() if self._events else None
        if first != event:
            instead = "there was none to be handed on" if first is None else f"{first!r:.200} came before it"
            self.breaks("events", f"{event!r:.200} was handed on, and {instead}")
        return first == event

    @property
    def kept(self) -> Event | None:
        """An event that was taken, and not yet handed on."""
        return self._events[0] if self._events else None

    def ticked(self, now: object) -> None:
        """Note what time it is said to be."""
        self.used("tick")
        if isinstance(now, bool) or not isinstance(now, (int, float)) or not math.isfinite(now):
            self.refuse("timers", f"the time was said to be {now!r:.80}, which is no number of seconds")
        elif self._now is not None and now < self._now:
            self.breaks("timers", f"the clock went back, from {self._now} to {now}")
        else:
            self._now = now


class _Watched:
    """One exchange: whether its answer began, and whether it is over."""

    def __init__(self, *, body_size: int = 0) -> None:
        self.body_size = body_size
        self.sent = 0
        self.begun = False
        self.over: str | None = None
        self.aborted = False


class WatchedSession(Session):
    """A session at whose door somebody looks on, if it is not used by a wire client, which knows the rules."""

    def __init__(self, src: str, *, log: Log, **options: Any) -> None:
        super().__init__(src, **options)
        self._log = log
        self._direct = log.door == "SESSION"
        self._watched: dict[int, _Watched] = {}
        self.statuses: list[int] = []
        self.asked = Asked()  # at the session door
        self.requests: list[Request] = []

    def next_command(self) -> Command | None:
        """Give the next command."""
        if self._direct:
            self._log.used("next_command")
        command = super().next_command()
        if isinstance(command, StartExchange):
            self.requests.append(command.request)
        if not self._direct:
            return command
        if isinstance(command, StartExchange):
            self._watched[command.exchange] = _Watched(body_size=command.request.body_size)
            self.asked.add(command.exchange, command.request)
        elif isinstance(command, OpenWebSocket):
            self._watched[command.exchange] = _Watched()
            self.asked.add_websocket(command)
        elif isinstance(command, AbortExchange) and command.exchange in self._watched:
            self._watched[command.exchange].aborted = True
        return command

    def next_event(self) -> Event | None:
        """Give the next event."""
        event = super().next_event()
        if self._direct:
            self._log.used("next_event")
            self._log.gave(event)
        return event

    def response_started(self, exchange: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Look at the head of an answer."""
        if self._direct:
            found = self._look("response_started", exchange)
            if found.begun:
                self._log.refuse("endings", f"response_started came twice for exchange {exchange}")
            self._check_head(status, headers)
            found.begun = True
        self.statuses.append(status)
        super().response_started(exchange, status, headers)

    def response_data(self, exchange: int, data: bytes) -> None:
        """Look at bytes of a body."""
        if self._direct:
            self._look("response_data", exchange, begun=True)
            if not isinstance(cast(object, data), bytes):
                # One that is mutable may be used again by whoever filled it, and the session keeps it.
                self._log.refuse("whole", f"response_data brought a {type(data).__name__}, and no bytes")
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
            if isinstance(error, ConnectError):
                self.asked.not_sent(exchange)
        super().exchange_failed(exchange, error)

    def websocket_opened(self, exchange: int) -> None:
        """Look at a handshake."""
        if self._direct:
            found = self._look("websocket_opened", exchange)
            if found.begun:
                self._log.refuse("endings", f"websocket_opened came for exchange {exchange}, whose answer had begun")
            found.begun = True
        super().websocket_opened(exchange)

    def websocket_text(self, exchange: int, text: str) -> None:
        """Look at a message."""
        if self._direct:
            self._look("websocket_text", exchange, begun=True)
            if not isinstance(cast(object, text), str):
                self._log.refuse("websockets", f"websocket_text brought a {type(text).__name__}, and no text")
        super().websocket_text(exchange, text)

    def websocket_closed(self, exchange: int, code: int, reason: str) -> None:
        """Look at the end of a WebSocket."""
        if self._direct:
            self._look("websocket_closed", exchange, ends=True)
            if not _is_int(code) or not isinstance(cast(object, reason), str):
                self._log.refuse("websockets", f"websocket_closed brought {code!r:.80} and {reason!r:.80}")
        super().websocket_closed(exchange, code, reason)

    def body_sent(self, exchange: int, sent: int) -> None:
        """Look at progress."""
        if self._direct:
            self._log.used("body_sent")
            # The end of an answer may overtake what is told of its request.
            found = self._find("body_sent", exchange)
            if not _is_int(sent) or not found.sent <= sent <= found.body_size:
                told = f"body_sent said {sent!r:.80} for exchange {exchange}"
                self._log.refuse("files", f"{told}, after {found.sent}, of a body of {found.body_size} bytes")
            found.sent = sent
        super().body_sent(exchange, sent)

    @property
    def most_sent(self) -> int:
        """How much of a request's body was said to be out, at most."""
        return max((found.sent for found in self._watched.values()), default=0)

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

    def _look(self, fact: str, exchange: int, *, begun: bool = False, ends: bool = False) -> _Watched:
        self._log.used(fact)
        found = self._find(fact, exchange)
        if found.over is not None:
            self._log.breaks("endings", f"{fact} came for exchange {exchange}, after its {found.over}")
        elif begun and not found.begun and not found.aborted:
            self._log.refuse("endings", f"{fact} came for exchange {exchange} before its answer began")
        if ends:
            found.over = fact
        return found

    def _find(self, fact: str, exchange: int) -> _Watched:
        found = self._watched.get(exchange) if _is_int(exchange) else None
        if found is None:
            self._log.refuse("endings", f"{fact} came for exchange {exchange!r:.80}, which was never begun")
        return found

    def _check_head(self, status: object, headers: object) -> None:
        if isinstance(status, bool) or not isinstance(status, int):
            self._log.refuse("whole", f"response_started brought the status {status!r:.80}, which is no int")
        if status < 200 and status != 101:
            self._log.refuse("endings", f"response_started told of an interim answer, {status}")
        if not isinstance(headers, (list, tuple)):
            self._log.refuse("whole", f"the headers came as a {type(headers).__name__}, and not as a list of pairs")
        for pair in cast("Sequence[object]", headers):
            parts = cast("Sequence[object]", pair) if isinstance(pair, (list, tuple)) else ()
            if len(parts) != 2 or not all(isinstance(part, str) for part in parts):
                self._log.refuse("whole", f"the header {pair!r:.80} is no pair of a name and a value, both str")
            if (name := str(parts[0])) != name.lower():
                self._log.breaks("whole", f"the header {name!r:.80} is not in lower case")


def _is_int(value: object) -> bool:
    # Some libraries have enumerations for what are numbers, which are as good.
    return isinstance(value, int) and not isinstance(value, bool)


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

    def next_event(self) -> Event | None:
        """Give the next event."""
        self._log.used("next_event")
        event = super().next_event()
        self._log.gave(event)
        return event

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
        if not isinstance(cast(object, data), (bytes, bytearray)):
            self._log.refuse("whole" if data else "cuts", f"receive_data brought a {type(data).__name__}, and no bytes")
        super().receive_data(connection, data)

    def connection_lost(self, connection: int, error: TransportError) -> None:
        """Look at the end of a connection."""
        self._log.used("connection_lost")
        if not isinstance(error, TransportError):  # pyright: ignore[reportUnnecessaryIsInstance]
            self._log.breaks("errors", f"connection_lost brought a {type(error).__name__}")
            return
        made = self._made.get(connection)
        if made is None:
            self._log.refuse("endings", f"connection_lost came for {connection!r:.80}, which was not to be opened")
        if made and isinstance(error, ConnectError):
            self._log.breaks("errors", f"connection_lost brought a ConnectError for {connection}, which had been made")
        super().connection_lost(connection, error)

    def file_sent(self, connection: int, sent: int) -> None:
        """Look at progress."""
        self._log.used("file_sent")
        if not _is_int(sent):
            self._log.refuse("files", f"file_sent brought {sent!r:.80}, which is no int")
        try:
            super().file_sent(connection, sent)
        except LocalProtocolError as error:
            self._log.refuse("files", str(error))

    def next_deadline(self) -> float | None:
        """Tell when the time is due."""
        self._log.used("next_deadline")
        return super().next_deadline()

    def tick(self, now: float) -> None:
        """Look at the time."""
        self._log.ticked(now)
        super().tick(now)
