"""What a monitoring tool is told: how often each endpoint was called through the queue, how well and how fast."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._http import Exchange
from ._jobs import Job, JobState

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["Monitoring", "dashboard", "monitoring", "summary"]

_REMEMBERED = 10_000  # events, as Gradio has it
_MOST_OVER = 100  # jobs, which hold their data, are kept though they are over
_PERCENTILES = (50, 90, 99)


class _Event:
    """One event of the queue: all that is told of it, and so all that is kept, for its job has its data too."""

    __slots__ = ("duration", "name", "state")

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: JobState | None = None
        """How it ended, if it has."""
        self.duration = 0.0
        """Seconds."""


class Monitoring:
    """The newest events of the queue."""

    def __init__(self) -> None:
        self._events: deque[_Event] = deque(maxlen=_REMEMBERED)
        self._jobs: dict[_Event, Job] = {}
        """Those of the events of which the end is not written down."""
        self._look_again_at = _MOST_OVER

    def watch(self, job: Job) -> None:
        """An event has joined the queue."""
        event = _Event(job.endpoint.name)
        self._events.append(event)
        self._jobs[event] = job
        if len(self._jobs) >= self._look_again_at:
            self._write_down_ends()
            # Not at each job, since many may not be over.
            self._look_again_at = len(self._jobs) * 5 // 4 + _MOST_OVER

    def _write_down_ends(self) -> None:
        for event, job in list(self._jobs.items()):
            if job.over:
                event.state, event.duration = job.state, job.last_duration
                del self._jobs[event]

    def summary(self) -> dict[str, Any]:
        """Describe the endpoints of which an event is over, in the order of their names."""
        self._write_down_ends()
        by_name: dict[str, list[_Event]] = {}
        for event in self._events:
            by_name.setdefault(event.name, []).append(event)
        functions = {
            name: _described(events) for name, events in sorted(by_name.items()) if any(e.state for e in events)
        }
        return {"functions": functions}


def _described(events: Sequence[_Event]) -> dict[str, Any]:
    states = [event.state for event in events]
    judged = states.count("completed") + states.count("failed")
    times = sorted(event.duration for event in events if event.state is not None)
    return {
        "success_rate": states.count("completed") / judged if judged else None,
        "process_time_percentiles": {f"{percent}th": _percentile(times, percent) for percent in _PERCENTILES},
        "total_requests": len(events),
    }


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Give a percentile as numpy does by default: between two values in proportion."""
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def monitoring(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Say where the dashboard is: where nobody sees it who is not at the console."""
    if app.address.mount_path:  # only launch() turns it on
        exchange.respond_detail(403, "Monitoring is not enabled.")
        return
    exchange.respond(200, b"See console for monitoring URL.", "text/html; charset=utf-8")


def summary(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Give the numbers."""
    exchange.respond_json(200, app.monitoring.summary())


def dashboard(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Refuse every key: there is no dashboard."""
    exchange.respond_detail(403, "Monitoring is not enabled." if app.address.mount_path else "Invalid key.")
