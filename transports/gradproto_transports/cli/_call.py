"""One call from its submission to its end, with a time limit, and an interrupt that reaches the server.

A thread of its own goes through what happens to the job, so that the main thread, which is the one that Ctrl-C hits,
waits for one thing only and can do so with a time limit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Union

from gradproto import (
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobStarted,
    JobUpdate,
    OutputGenerated,
    QueueEstimated,
    collapse,
)
from gradproto_transports.sync import Client, Job

from ._connection import Failure

__all__ = ["CallRunner", "Happening", "Output"]

# How long to wait for the server's word on a cancellation; then the program ends, which closes the stream, too.
_CANCEL_SECONDS = 5.0


@dataclass(frozen=True)
class Output:
    """Output number ``index`` of the job, as a caller of the client gets it."""

    index: int
    value: object


Happening = Union[JobUpdate, Output]


class _Ended:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class CallRunner:
    """Runs one job. ``timeout`` is what a caller calls the time until ``deadline``, which is by the monotonic clock."""

    def __init__(self, client: Client, *, deadline: float | None, timeout: float | None) -> None:
        self._client = client
        self._deadline = deadline
        self._timeout = timeout
        self._news: queue.SimpleQueue[Happening | _Ended] = queue.SimpleQueue()
        self._job: Job | None = None
        self._begun = False
        self._submitted = threading.Event()

    def run(self, fn_index: int, args: list[Any], kwargs: dict[str, Any]) -> Iterator[Happening]:
        """Yield what happens as it comes: outputs as `Output`, and of the ends only the good one.

        Raises what the job failed with, and `Failure` when the time is up.
        """

        def submit() -> Job:
            return self._client.submit(*args, fn_index=fn_index, **kwargs)

        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise Failure(f"the call did not begin within {self._timeout:g} s", kind="DeadlineExceeded")
        self._begun = True
        threading.Thread(target=self._follow, args=(submit,), name="gradproto-updates", daemon=True).start()
        while not isinstance(news := self._next(), _Ended):
            yield news
        if news.error is not None:
            raise news.error

    def cancel(self) -> str | None:
        """Cancel the job on the server; returns in words what became of it, ``None`` if there is none under way."""
        if self._begun:
            self._submitted.wait(_CANCEL_SECONDS)
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

    def _follow(self, submit: Callable[[], Job]) -> None:
        error: BaseException | None = None
        outputs = 0
        started = False
        try:
            # Not on the main thread: an interrupt would come in between, and leave a job that nobody knows.
            try:
                job = self._job = submit()
            finally:
                self._submitted.set()
            for update in job.updates():
                match update:
                    case QueueEstimated() if started:
                        pass  # the server goes on to estimate for a moment; the job does not go back for that
                    case JobStarted():
                        started = True
                        self._news.put(update)
                    case OutputGenerated():
                        started = True
                        outputs = update.index + 1
                        self._news.put(Output(update.index, collapse(update.outputs)))
                    case JobCompleted():
                        # The end brings an output of its own, unless it only repeats the last one.
                        if job.record.ready > outputs:
                            self._news.put(Output(outputs, collapse(update.outputs)))
                        self._news.put(update)
                    case JobFailed() | JobCancelled():
                        error = job.record.error
                    case _:
                        self._news.put(update)
        except BaseException as problem:  # of whatever kind: it is raised again where somebody sees it
            error = problem
        self._news.put(_Ended(error))

    def _next(self) -> Happening | _Ended:
        if self._deadline is None:
            return self._news.get()
        try:
            return self._news.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            became = self.cancel() or "the job was over"
            raise Failure(
                f"the call did not end within {self._timeout:g} s; {became}", kind="DeadlineExceeded"
            ) from None
