"""The queue of Gradio 2 and 3.0, which clients ask again and again: one worker for all functions."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ._calls import CallHost, success_output
from ._endpoints import Endpoint
from ._jobs import Job
from ._json import compact_json
from ._schedule import Timer
from ._scripts import Estimation, RawMessage, Starts
from ._steps import Log, Progress

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["PolledQueue"]


_REMEMBERED_RESULTS = 1000


class _Result:
    """Where a job's end waits until it is asked for."""

    def __init__(self, app: FakeApp, queue: PolledQueue) -> None:
        self.alive = True
        self.answer: str | None = None
        """The JSON of the answer; ``None`` while it runs."""
        self.read_once = False
        self._app = app
        self._queue = queue

    def generated(self, job: Job, data: list[Any]) -> bool:
        return True  # this Gradio has no generators; only a script says something here

    def noted(self, job: Job, note: Progress | Log) -> bool:
        return True

    def said(self, job: Job, message: Estimation | Starts | RawMessage) -> bool:
        return True

    def completed(self, job: Job, data: list[Any]) -> None:
        self.read_once = True
        output = success_output(self._app, job, data, is_generating=False)
        self.answer = f'{{"status":"COMPLETE","data":{output}}}'

    def failed(self, job: Job, error: Exception) -> None:
        payload = compact_json(self._app.messages.error_payload(error, show_error=self._app.show_error))
        self.answer = compact_json({"status": "FAILED", "data": payload})


class PolledQueue:
    """What waits, what runs, and what has ended."""

    def __init__(self, app: FakeApp) -> None:
        self._app = app
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._ended: deque[str] = deque()
        """Jobs whose result may yet be asked for, oldest first."""
        self._results: dict[str, _Result] = {}
        self._timer: Timer | None = None

    def push(self, endpoint: Endpoint, data: list[Any], session_hash: str | None, root: str) -> tuple[Job, int]:
        """Take a job in; give it with its place."""
        app = self._app
        result = _Result(app, self)
        host = CallHost(app, root, session_hash if app.profile.queue_keeps_session else None)
        job = Job(app.new_id(), endpoint, session_hash or "", data, host, result)
        self._results[job.event_id] = result
        self._waiting.append(job)
        app.remember(job)
        if self._running is None and self._timer is None:
            # The worker sleeps, and looks again a second after it last did.
            interval = app.profile.polling_interval
            self._timer = app.schedule.call_after(interval - app.now % interval, self._look, awaited=True)
        return job, len(self._waiting) - 1

    def status(self, event_id: str) -> str | None:
        """Give the JSON of the answer about a job; ``None`` for one that is not known, or was told already."""
        result = self._results.get(event_id)
        if result is None:
            return None
        if result.answer is not None:
            if result.read_once:
                del self._results[event_id]
            return result.answer
        for place, job in enumerate(self._waiting):
            if job.event_id == event_id:
                return f'{{"status":"QUEUED","data":{place}}}'
        return '{"status":"PENDING","data":null}'

    def job_over(self, job: Job) -> None:
        """A job has ended; the worker takes the next one."""
        if job is self._running:
            self._running = None
            self._ended.append(job.event_id)
            if len(self._ended) > _REMEMBERED_RESULTS:
                self._results.pop(self._ended.popleft(), None)
            self._look()

    def _look(self) -> None:
        self._timer = None
        if self._waiting:
            self._running = self._waiting.popleft()
            self._running.start()
