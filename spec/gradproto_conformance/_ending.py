"""How a run ends before all is done: its time is over, or somebody has enough."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import trio

__all__ = ["Ending", "Interrupted"]


class Interrupted(Exception):
    """A run was ended before anything could be checked."""


class Ending:
    """Ends a run early. ``deadline`` are seconds from the first thing that has a limit; ``None``: no limit."""

    def __init__(self, deadline: float | None = None) -> None:
        self.interrupted: bool = False
        self._seconds = deadline
        self._over_at: float | None = None
        self._scope: trio.CancelScope | None = None

    def interrupt(self) -> None:
        """End the run now; to be called in trio's thread."""
        self.interrupted = True
        if self._scope is not None:
            self._scope.cancel()

    @property
    def reason(self) -> str:
        """Why what is missing is missing."""
        if self.interrupted or self._seconds is None:
            return "the run was interrupted"
        return f"the run's {self._seconds:g} s were over"

    @contextlib.contextmanager
    def limit(self, seconds: float = float("inf")) -> Generator[trio.CancelScope, None, None]:
        """Cancel the block when the run is to end, and after so many seconds."""
        now = trio.current_time()
        if self._over_at is None:
            self._over_at = now + (float("inf") if self._seconds is None else self._seconds)
        with trio.CancelScope(deadline=min(self._over_at, now + seconds)) as self._scope:
            if self.interrupted:
                self._scope.cancel()
            yield self._scope
