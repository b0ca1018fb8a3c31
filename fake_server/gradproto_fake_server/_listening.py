"""Whether anybody listens where clients would connect: a server that is down refuses them for a while."""

from __future__ import annotations

from ._schedule import Schedule, Timer

__all__ = ["Listening"]


class Listening:
    """What the shells look at, and clients in memory run into."""

    def __init__(self, schedule: Schedule) -> None:
        self.on: bool = True
        """Whether clients can connect."""
        self._schedule = schedule
        self._timer: Timer | None = None

    def stop_for(self, seconds: float) -> None:
        """Let nobody listen for so many seconds from now, whatever was said before."""
        self.start()
        if seconds > 0:
            self.on = False
            self._timer = self._schedule.call_after(seconds, self.start)

    def start(self) -> None:
        """Listen."""
        self.on = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def check(self) -> None:
        """Raise ``ConnectionRefusedError`` if nobody listens."""
        if not self.on:
            raise ConnectionRefusedError("the fake server listens to nobody now")
