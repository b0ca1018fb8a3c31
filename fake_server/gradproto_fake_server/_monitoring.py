"""What a monitoring tool is told: how often each endpoint was called through the queue, how well and how fast."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._http import Exchange
from ._jobs import Job

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["Monitoring", "dashboard", "monitoring", "summary"]

_REMEMBERED = 10_000  # events, as Gradio has it
_PERCENTILES = (50, 90, 99)


class Monitoring:
    """The newest events of the queue."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque(maxlen=_REMEMBERED)

    def watch(self, job: Job) -> None:
        """An event has joined the queue."""
        self._jobs.append(job)

    def summary(self) -> dict[str, Any]:
        """Describe the endpoints of which an event is over, in the order of their names."""
        by_name: dict[str, list[Job]] = {}
        for job in self._jobs:
            by_name.setdefault(job.endpoint.name, []).append(job)
        functions = {name: _described(jobs) for name, jobs in sorted(by_name.items()) if any(j.over for j in jobs)}
        return {"functions": functions}


def _described(jobs: Sequence[Job]) -> dict[str, Any]:
    states = [job.state for job in jobs]
    judged = states.count("completed") + states.count("failed")
    times = sorted(job.last_duration for job in jobs if job.over)
    return {
        "success_rate": states.count("completed") / judged if judged else None,
        "process_time_percentiles": {f"{percent}th": _percentile(times, percent) for percent in _PERCENTILES},
        "total_requests": len(jobs),
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
