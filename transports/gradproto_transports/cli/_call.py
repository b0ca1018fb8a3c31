"""One call from its submission to its end, with a time limit, progress, and an interrupt that reaches the server.

A thread of its own takes the outputs from the job, so that the main thread, which is the one that Ctrl-C hits, waits
for one thing only and can do so with a time limit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from gradproto import ProgressUnit, Status, StatusUpdate
from gradproto_transports.sync import Client, Job

from ._connection import Failure
from ._console import StatusLine

__all__ = ["CallRunner", "describe_status"]

# How long to wait for the server's word on a cancellation; then the program ends, which closes the stream, too.
_CANCEL_SECONDS = 5.0


class _Ended:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Output:
    def __init__(self, value: object) -> None:
        self.value = value


class CallRunner:
    """Runs one job. ``deadline`` is by the monotonic clock; ``status`` shows what goes on."""

    def __init__(self, client: Client, *, deadline: float | None, timeout: float | None, status: StatusLine) -> None:
        self._client = client
        self._deadline = deadline
        self._timeout = timeout
        self._status = status
        self._news: queue.SimpleQueue[StatusUpdate | _Output | _Ended] = queue.SimpleQueue()
        self._job: Job | None = None

    def run(self, fn_index: int, args: list[Any], kwargs: dict[str, Any]) -> Iterator[object]:
        """Yield the outputs as they come; raises what the job failed with, and `Failure` when the time is up."""
        listener = self._news.put if self._status.active else None
        job = self._job = self._client.submit(*args, fn_index=fn_index, status_callbacks=listener, **kwargs)
        threading.Thread(target=self._take_outputs, args=(job,), name="gradproto-outputs", daemon=True).start()
        try:
            while True:
                news = self._next()
                if isinstance(news, _Output):
                    self._status.hide()
                    yield news.value
                elif isinstance(news, StatusUpdate):
                    self._show(news)
                else:
                    break
        finally:
            self._status.hide()
        if news.error is not None:
            raise news.error

    def cancel(self) -> str | None:
        """Cancel the job on the server; returns in words what became of it, ``None`` if there is none under way."""
        job = self._job
        if job is None or job.done():
            return None
        # In a thread, for a server that does not answer must not keep the program from ending.
        thread = threading.Thread(target=job.cancel, name="gradproto-cancel", daemon=True)
        thread.start()
        thread.join(_CANCEL_SECONDS)
        if job.cancelled():
            return "the job was cancelled"
        if thread.is_alive():
            return "the server did not answer the request to cancel the job"
        return "the job was over" if job.done() else "the job could not be stopped and still runs"

    def _take_outputs(self, job: Job) -> None:
        error: BaseException | None = None
        try:
            for output in job:
                self._news.put(_Output(output))
        except BaseException as problem:  # of whatever kind: it is raised again where somebody sees it
            error = problem
        self._news.put(_Ended(error))

    def _next(self) -> StatusUpdate | _Output | _Ended:
        if self._deadline is None:
            return self._news.get()
        try:
            return self._news.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            self._status.hide()
            became = self.cancel() or "the job was over"
            raise Failure(f"the call did not end within {self._timeout:g} s; {became}") from None

    def _show(self, update: StatusUpdate) -> None:
        if update.code is Status.LOG and update.log is not None:
            message, level = update.log
            self._status.note(f"{level}: {message}")
        elif (text := describe_status(update)) is not None:
            self._status.show(text)


def describe_status(update: StatusUpdate) -> str | None:
    """Return in words where a job stands, ``None`` where there is nothing worth a line."""
    match update.code:
        case Status.STARTING | Status.JOINING_QUEUE | Status.SENDING_DATA:
            return "sending ..."
        case Status.IN_QUEUE:
            place = "" if update.rank is None else f", {update.rank} before this one"
            wait = "" if update.eta is None else f", about {update.eta:.1f} s"
            return f"waiting in the queue{place}{wait}"
        case Status.PROCESSING:
            return "running ..."
        case Status.PROGRESS if update.progress_data:
            return " / ".join(map(_describe_unit, update.progress_data))
        case _:
            return None


def _describe_unit(unit: ProgressUnit) -> str:
    parts = [unit.desc] if unit.desc else []
    if unit.index is not None:
        total = "" if unit.length is None else f"/{unit.length:g}"
        parts.append(f"{unit.index:g}{total}{' ' + unit.unit if unit.unit else ''}")
    elif unit.progress is not None:
        parts.append(f"{unit.progress:.0%}")
    return " ".join(parts) or "running ..."
