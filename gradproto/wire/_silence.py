"""Whether a server that says nothing is still there."""

from __future__ import annotations

from collections.abc import Callable

from gradproto._timers import Timer, Timers

__all__ = ["Silence"]


class Silence:
    """Asks the other side for a sign of life when it was silent for ``interval`` seconds; gives up ``timeout`` later.

    ``ask`` and ``give_up`` are called from within a tick. Without a ``timeout`` it asks again and again and never gives
    up; without an ``interval`` it does nothing.
    """

    __slots__ = ("_ask", "_asked", "_give_up", "_interval", "_timeout", "_timer", "_timers")

    def __init__(
        self,
        timers: Timers,
        interval: float | None,
        timeout: float | None,
        *,
        ask: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._timers = timers
        self._interval = interval
        self._timeout = timeout
        self._ask = ask
        self._give_up = give_up
        self._asked = False
        self._timer: Timer | None = timers.start(interval, self._expired)

    def broken(self) -> None:
        """Something came, or went out: anything, also what is no answer."""
        if self._asked:
            self._asked = False
            self._timers.cancel(self._timer)
            self._timer = self._timers.start(self._interval, self._expired)
        else:
            self._timers.restart(self._timer)

    def stop(self) -> None:
        """Nobody waits for a sign any more."""
        self._timers.cancel(self._timer)

    def _expired(self) -> None:
        if self._asked:
            self._give_up()
            return
        self._ask()
        self._asked = self._timeout is not None
        self._timer = self._timers.start(self._timeout if self._asked else self._interval, self._expired)
