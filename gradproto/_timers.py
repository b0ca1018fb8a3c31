"""Deadlines without a clock.

The caller says what time it is with ``tick(now)``, after it has reported what happened. A timer that is started or
restarted between two ticks counts from the later one, so that a burst of facts costs nothing but a note each, and a
process that was asleep for a while does not find the peer guilty of it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

__all__ = ["Timer", "Timers"]

# Operating systems take no timeout of more than some weeks, so a driver is woken once a day if need be.
LONGEST_WAIT = 86_400.0
# 30 years: so that any number of seconds can be added to any clock.
LONGEST_TIMER = 1e9
# How many cancelled timers may lie about before it is worth looking for them.
MAX_DEAD = 64


class Timer:
    """One deadline, ``seconds`` after it was last restarted; ``fire`` is called once when it is over.

    ``fire`` is ``None`` when it was called or will not be: it holds a whole request, and the timer may lie about long.
    """

    __slots__ = ("deadline", "fire", "fresh", "queued", "seconds")

    def __init__(self, seconds: float, fire: Callable[[], None]) -> None:
        self.seconds: float = min(seconds, LONGEST_TIMER)
        self.fire: Callable[[], None] | None = fire
        self.deadline: float = 0.0
        self.fresh: bool = False  # waits for the next tick to learn its deadline
        self.queued: bool = False  # has an entry in the heap, perhaps for an earlier deadline


class Timers:
    """All timers of a session, in a heap in which an entry may be older than its timer's true deadline."""

    def __init__(self) -> None:
        self.now: float = 0.0
        self._fresh: list[Timer] = []
        self._heap: list[tuple[float, int, Timer]] = []
        self._counter = itertools.count()
        self._dead = 0  # entries of the heap whose timer was cancelled

    def start(self, seconds: float | None, fire: Callable[[], None]) -> Timer | None:
        """Start a timer; ``None`` seconds are for ever, and give no timer."""
        if seconds is None:
            return None
        timer = Timer(seconds, fire)
        self.restart(timer)
        return timer

    def restart(self, timer: Timer | None) -> None:
        """Let the timer's seconds begin anew at the next tick."""
        if timer is not None and not timer.fresh:
            timer.fresh = True
            self._fresh.append(timer)

    def cancel(self, timer: Timer | None) -> None:
        """Stop the timer for good."""
        if timer is None or timer.fire is None:
            return
        timer.fire = None
        if timer.queued:
            self._dead += 1
            if self._dead > MAX_DEAD and self._dead > len(self._heap) // 2:
                self._clear_dead()

    def next_deadline(self) -> float | None:
        """When the next tick is due. May be earlier than needed, never later."""
        if self._fresh:
            return self.now
        heap = self._heap
        while heap and heap[0][2].fire is None:
            heapq.heappop(heap)
            self._dead -= 1
        return min(heap[0][0], self.now + LONGEST_WAIT) if heap else None

    def tick(self, now: float) -> None:
        """Say what time it is, and fire what is due."""
        self.now = now
        if self._fresh:
            for timer in self._fresh:
                timer.fresh = False
                timer.deadline = now + timer.seconds
                if timer.fire is not None and not timer.queued:
                    self._push(timer)
            self._fresh.clear()
        heap = self._heap
        while heap and heap[0][0] <= now:
            timer = heapq.heappop(heap)[2]
            if timer.fire is None:
                self._dead -= 1
            elif timer.deadline > now:
                self._push(timer)
            else:
                fire, timer.fire = timer.fire, None
                fire()

    def _clear_dead(self) -> None:
        """Most timers are cancelled long before their time; without this they would lie about until then."""
        self._heap[:] = [entry for entry in self._heap if entry[2].fire is not None]
        heapq.heapify(self._heap)
        self._dead = 0

    def _push(self, timer: Timer) -> None:
        timer.queued = True
        heapq.heappush(self._heap, (timer.deadline, next(self._counter), timer))
