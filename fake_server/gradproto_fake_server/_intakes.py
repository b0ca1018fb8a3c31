"""What is done to the body of a request on its way to who reads it: slowly, not at all, or not to its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._http import Exchange

__all__ = ["INTAKES", "Intake"]


class Intake:
    """Takes a body piece by piece, and hands it on when it likes."""

    def __init__(self, exchange: Exchange, values: Mapping[str, Any]) -> None:
        self.exchange = exchange
        self.values = values

    @property
    def takes_more(self) -> bool:
        """Whether the client may send more; the shell reads nothing until then."""
        return True

    def body_data(self, data: bytes) -> None:
        """A piece has come."""
        raise NotImplementedError

    def body_ended(self) -> None:
        """The body is whole."""
        self.exchange.take_body_end()


class _Slow(Intake):
    """So many bytes are read every so many seconds."""

    def __init__(self, exchange: Exchange, values: Mapping[str, Any]) -> None:
        super().__init__(exchange, values)
        self._waiting: deque[memoryview] = deque()
        self._has_ended = False
        self._ticking = False

    @property
    def takes_more(self) -> bool:
        return not self._waiting

    def body_data(self, data: bytes) -> None:
        self._waiting.append(memoryview(data))
        self._tick_later()

    def body_ended(self) -> None:
        if self._waiting:
            self._has_ended = True
        else:
            super().body_ended()

    def _tick_later(self) -> None:
        if not self._ticking:
            self._ticking = True
            self.exchange.call_after(self.values["every"], self._tick)

    def _tick(self) -> None:
        self._ticking = False
        left = max(self.values["size"], 1)
        while left and self._waiting:
            piece = self._waiting.popleft()
            if len(piece) > left:
                self._waiting.appendleft(piece[left:])
                piece = piece[:left]
            left -= len(piece)
            self.exchange.take_body(bytes(piece))
        if self._waiting:
            self._tick_later()
            return
        self.exchange.connection.wake()  # there is room for more
        if self._has_ended:
            super().body_ended()


class _AfterBytes(Intake):
    """Something happens after so many bytes."""

    def __init__(self, exchange: Exchange, values: Mapping[str, Any]) -> None:
        super().__init__(exchange, values)
        self._left: int = values["after_bytes"]

    @property
    def has_happened(self) -> bool:
        """Whether so many bytes have come."""
        return self._left <= 0

    def body_data(self, data: bytes) -> None:
        if self.has_happened:
            return
        passed = data[: self._left]
        self._left -= len(data)
        self.exchange.take_body(passed)
        if self.has_happened and not self.exchange.responded:
            self.happen()

    def happen(self) -> None:
        """Do it."""


class _Stalled(_AfterBytes):
    @property
    def takes_more(self) -> bool:
        return not self.has_happened

    def body_ended(self) -> None:
        if not self.has_happened:
            super().body_ended()


class _Cut(_AfterBytes):
    reset = False

    def body_data(self, data: bytes) -> None:
        if self.has_happened:  # of no bytes at all
            self.happen()
        else:
            super().body_data(data)

    def happen(self) -> None:
        self.exchange.close("cut", reset=self.reset)


class _Reset(_Cut):
    reset = True


INTAKES: dict[str, type[Intake]] = {
    "slow body": _Slow,
    "stall body": _Stalled,
    "cut body": _Cut,
    "reset body": _Reset,
}
"""What takes the body for each fault of the family ``body``."""
