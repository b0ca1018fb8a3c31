"""Things to do at a time, by a clock that somebody else reads."""

from __future__ import annotations

import heapq
from collections.abc import Callable

__all__ = ["Schedule", "Timer"]

_TIDY_AT = 1024  # cancelled timers are swept when there are more of them than this, and more than live ones


class Timer:
    """One thing to do; :meth:`cancel` forgets it."""

    __slots__ = ("_schedule", "awaited", "callback", "order", "when")

    def __init__(
        self, schedule: Schedule, when: float, order: int, callback: Callable[[], None], *, awaited: bool
    ) -> None:
        self._schedule = schedule
        self.when: float = when
        self.order: int = order
        self.awaited: bool = awaited
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        """Do not do it; harmless when it was done or cancelled."""
        if self.callback is not None:
            self.callback = None
            self._schedule.forgotten()


class Schedule:
    """Timers by time, then by the order in which they were set."""

    def __init__(self) -> None:
        self.now: float = 0.0
        self._timers: list[Timer] = []
        self._count = 0
        self._cancelled = 0

    def call_after(self, delay: float, callback: Callable[[], None], *, awaited: bool = False) -> Timer:
        """Do something ``delay`` seconds from now, at the first :meth:`run_due` after that.

        It is ``awaited`` if somebody's answer depends on it, unlike heartbeats and the limits of patience.
        """
        self._count += 1
        timer = Timer(self, self.now + delay, self._count, callback, awaited=awaited)
        heapq.heappush(self._timers, timer)
        return timer

    def run_due(self, now: float) -> None:
        """Set the clock, which never goes back, and do what is due, each thing at its own time."""
        while self._timers and self._timers[0].when <= now:
            timer = heapq.heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._cancelled -= 1
            else:
                self.now = max(self.now, timer.when)
                callback()
        self.now = max(self.now, now)

    def jump(self) -> float | None:
        """Set the clock to the next awaited thing, and put off all others by as much, as if nobody had waited.

        Gives how far that was, or ``None`` if nothing is awaited.
        """
        awaited = [timer.when for timer in self._timers if timer.awaited and timer.callback is not None]
        if not awaited:
            return None
        skipped = max(0.0, min(awaited) - self.now)
        for timer in self._timers:
            if not timer.awaited:
                timer.when += skipped
        heapq.heapify(self._timers)
        self.now += skipped
        return skipped

    def next_deadline(self) -> float | None:
        """Give the time of the next thing to do."""
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
            self._cancelled -= 1
        return self._timers[0].when if self._timers else None

    def forgotten(self) -> None:
        """A timer was cancelled."""
        self._cancelled += 1
        if self._cancelled > _TIDY_AT and self._cancelled * 2 > len(self._timers):
            self._timers = [timer for timer in self._timers if timer.callback is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0
