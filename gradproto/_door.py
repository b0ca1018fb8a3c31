"""The session door, as everything has it that speaks HTTP: commands and events out, facts and the time in."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ._commands import Command
from ._errors import GradprotoError
from ._events import Event
from ._exchanges import Exchanges
from ._timers import Timers

__all__ = ["Door"]


class Door:
    """What an I/O layer takes and reports, for whom it does not matter what is spoken of."""

    def __init__(self, *, commands: deque[Command], events: deque[Event], exchanges: Exchanges, timers: Timers) -> None:
        self._commands = commands
        self._events = events
        self._exchanges = exchanges
        self._timers = timers

    def next_command(self) -> Command | None:
        """Return what to do next, or ``None``. Ask for commands and events in turn until both are ``None``."""
        return self._commands.popleft() if self._commands else None

    def next_event(self) -> Event | None:
        """Return what happened next, or ``None``. Ask for commands and events in turn until both are ``None``."""
        return self._events.popleft() if self._events else None

    def response_started(self, exchange: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The head of the final response came; interim ones (1xx) are not reported."""
        self._exchanges.response_started(exchange, status, headers)

    def response_data(self, exchange: int, data: bytes) -> None:
        """The next bytes of the response's body came, without transfer coding."""
        self._exchanges.response_data(exchange, data)

    def response_ended(self, exchange: int) -> None:
        """The response is complete."""
        self._exchanges.response_ended(exchange)

    def exchange_failed(self, exchange: int, error: GradprotoError) -> None:
        """There is no more of this exchange: a `TransportError`, or a `RemoteProtocolError` of the HTTP layer."""
        self._exchanges.exchange_failed(exchange, error)

    def body_sent(self, exchange: int, sent: int) -> None:
        """So many bytes of the request's body were handed to the network, in all. Needed only for bodies with files."""
        self._exchanges.body_sent(exchange, sent)

    def websocket_opened(self, exchange: int) -> None:
        """The handshake of a WebSocket is done; a refused one is a response like any other."""
        self._exchanges.websocket_opened(exchange)

    def websocket_text(self, exchange: int, text: str) -> None:
        """A whole message came on a WebSocket."""
        self._exchanges.websocket_text(exchange, text)

    def websocket_closed(self, exchange: int, code: int, reason: str) -> None:
        """A WebSocket is closed; the code is 1006 where there was no closing handshake (RFC 6455, section 7.1.5)."""
        self._exchanges.websocket_closed(exchange, code, reason)

    def next_deadline(self) -> float | None:
        """Return when to call `tick` at the latest, on the clock it is told; ``None``: not before the next fact."""
        return self._timers.next_deadline()

    def tick(self, now: float) -> None:
        """Say what time it is, in seconds of any clock that never goes back."""
        self._timers.tick(now)
