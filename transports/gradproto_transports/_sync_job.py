"""The jobs of the sync client."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, cast

from gradproto import (
    Call,
    DeadlineExceeded,
    Event,
    GradprotoError,
    JobCancelledError,
    JobState,
    JobUpdate,
    Status,
    StatusUpdate,
)

from ._callbacks import JobCallbacks, check_callable
from ._options import check_timeout
from ._records import JobRecord, OutputReader, UpdateReader
from ._sync_inner import Inner

if TYPE_CHECKING:
    from .sync import Client

__all__ = ["Job"]


class Job(concurrent.futures.Future[Any]):
    """One call of an endpoint. Its methods may be used from any thread."""

    def __init__(
        self,
        inner: Inner,
        call: Call,
        callbacks: JobCallbacks,
        *,
        session: Client | None,
    ) -> None:
        super().__init__()
        self._inner = inner
        self._session = session  # which ends when nobody has it any more
        self._call = call
        self._callbacks = callbacks
        self._condition_changed = threading.Condition()
        self._started = StatusUpdate(code=Status.STARTING, time=datetime.datetime.now())
        self._cancel_asked = False
        self._seen = (0, 0, False)
        self._watchers = 0  # how many want to be woken by everything
        self._own_iterator: Iterator[Any] | None = None
        # Set on the client's thread when the session has taken the job; its error when it has not.
        self._record: JobRecord | None = None
        self._refusal: GradprotoError | None = None

    # --- what a caller asks ------------------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result and return it; that of a generator is its first output, unless the client says "last".

        Raises what the job failed with, `JobCancelledError`, or `DeadlineExceeded` after ``timeout`` seconds.
        """
        self._wait(self._has_result, timeout)
        return self.outcome()

    def final(self, timeout: float | None = None) -> Any:
        """Wait until the job is over and return its last output; raises as `result` does."""
        self._wait(self.done, timeout)
        return self._taken().final()

    def outputs(self) -> list[Any]:
        """Return every output so far, in order. Treat them as read-only: later ones share what did not change."""
        return [] if self._record is None else self._record.outputs()

    def status(self) -> StatusUpdate:
        """Return the latest step."""
        return self._started if self._record is None else self._record.status

    def statuses(self) -> list[StatusUpdate]:
        """Return every step so far, in order."""
        return [self._started] if self._record is None else list(self._record.statuses)

    def updates(self) -> Iterator[JobUpdate]:
        """Yield all that happens to the job, in order, as it comes: `gradproto.JobQueued`, `gradproto.JobLogged`,
        `gradproto.OutputGenerated` and so on, from its beginning.

        The last is `gradproto.JobCompleted`, `gradproto.JobFailed` or `gradproto.JobCancelled`: nothing is raised for a
        job that failed. Of the progress of an upload it tells each hundredth.
        """
        with self._watching():
            self._wait(lambda: self._record is not None or self.done(), None)
            reader = UpdateReader(self._taken())
            while True:
                self._wait(lambda: not reader.waiting, None)
                update = reader.take()
                if update is None:
                    return
                yield update

    def done(self) -> bool:
        """Whether the job is over, files of its outputs included."""
        return super().done()

    def running(self) -> bool:
        """Whether the job has begun to run and is not over."""
        record = self._record
        return record is not None and record.job.state is JobState.RUNNING and not self.done()

    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
        return self._record is not None and self.done() and isinstance(self._record.error, JobCancelledError)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait until the job is over and return what it failed with, if it did; raises `JobCancelledError`."""
        self._wait(self.done, timeout)
        if self._refusal is not None:
            return self._refusal
        error = self._taken().error
        if isinstance(error, JobCancelledError):
            raise error
        return error

    def add_done_callback(self, fn: Callable[[Job], object]) -> None:
        """Call ``fn`` with the job when it is over, on the client's thread; at once if it is over already."""
        check_callable(fn, "add_done_callback")
        super().add_done_callback(cast("Callable[[concurrent.futures.Future[Any]], object]", fn))

    def cancel(self) -> bool:
        """Cancel the job and wait until that is settled.

        True if it was taken out of the queue before it started, or its generator was told to stop and did. False if it
        has started and cannot be stopped, or is over. Another job is never disturbed.
        """
        before = 0 if self._record is None else self._record.refusals
        self.request_cancel()
        self._inner.driver.wait(
            self._condition_changed,
            lambda: self.done() or (self._record is not None and self._record.refusals > before),
            None,
        )
        return self.cancelled()

    def request_cancel(self) -> None:
        """Begin to cancel the job, and do not wait for it."""
        self._inner.driver.home.check()
        self._cancel_asked = True
        self._inner.driver.try_post(self._cancel_on_thread)

    def send(self, *args: object, **kwargs: Any) -> None:
        """Send one more input to a streaming endpoint (Gradio 5 and later), and wait until the app has taken it.

        The arguments are those of the endpoint. Inputs go one by one, each when the function has answered to the one
        before. Raises `ArgumentError` for other endpoints, and what kept the input from the app: the job may be over.
        """
        call = self._call
        self._send(self._inner.prepare(args, kwargs, fn_index=call.endpoint.fn_index, conversation=call.conversation))

    def end(self) -> None:
        """Say that no more input follows, so that the job comes to its end; the rest is as with `send`."""
        self._send(None)

    def __iter__(self) -> Iterator[Any]:
        """Yield every output, in order, as it comes; raises at the end if the job failed."""
        self._wait(lambda: self._record is not None or self.done(), None)
        record = self._taken()
        reader = OutputReader(record)
        while True:
            self._wait(lambda: record.ready > reader.index or self.done(), None)
            while reader.index < record.ready:
                yield reader.take()
            if self.done() and reader.index >= record.ready:
                break
        if record.error is not None and not (self._cancel_asked and self.cancelled()):
            raise record.error

    def __next__(self) -> Any:
        """Return the next output of the job's own iteration."""
        if self._own_iterator is None:
            self._own_iterator = iter(self)
        return next(self._own_iterator)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a job belongs to this process, and can be neither pickled nor copied")

    def __repr__(self) -> str:
        return f"<Job {self._call.endpoint.label} {self.status().code.value}>"

    # --- on the client's thread --------------------------------------------------------------------------------------

    def outcome(self) -> Any:
        """Return the result that is there; raises what the job failed with."""
        return self._taken().result(first=self._wants_first)

    @property
    def record(self) -> JobRecord:
        """What the client keeps of the job."""
        return self._taken()

    def begin(self) -> None:
        """Submit the job."""
        inner = self._inner
        try:
            job = inner.session.submit(self._call)
        except GradprotoError as error:
            self._refusal = error
            self.set_exception(error)
            self._notify()
            return
        self._record = JobRecord(job, fetch=inner.to_fetch, bind=inner.remote_file)
        inner.hub.watch(job.number, self)
        if self._watchers:  # they were there before it was
            self._notify()

    def changed(self, event: Event | None) -> None:
        """Tell whoever waits or listens."""
        record = self._taken()
        if self._callbacks.wanted:
            self._inner.driver.call_back(self._call_back)
        if record.ended and not super().done():
            if record.error is not None:
                self.set_exception(record.error)
            else:
                self.set_result(None)
        # Only what somebody may wait for: each wake-up of another thread costs more than the message that caused it.
        seen = (record.ready, record.refusals, record.ended)
        if seen != self._seen or self._watchers:
            self._seen = seen
            self._notify()

    def _cancel_on_thread(self) -> None:
        if self._record is not None:
            self._inner.session.cancel(self._record.job)

    def _call_back(self) -> None:
        self._callbacks.run(self._taken())

    # --- inside ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _watching(self) -> Generator[None, None, None]:
        """Be woken by everything that happens to the job, and not only by what others wait for."""
        with self._condition_changed:
            self._watchers += 1
        try:
            yield
        finally:
            with self._condition_changed:
                self._watchers -= 1

    def _send(self, call: Call | None) -> None:
        ended: list[GradprotoError | None] = []

        def done(error: GradprotoError | None) -> None:
            ended.append(error)
            self._notify()

        with self._watching():
            self._wait(lambda: self._record is not None or self.done(), None)
        job = self._taken().job
        self._inner.driver.post(lambda: self._inner.hub.send(job, call, done))
        self._wait(lambda: bool(ended), None)
        if ended[0] is not None:
            raise ended[0]

    @property
    def _wants_first(self) -> bool:
        return self._inner.options.generator_result == "first" and self._call.endpoint.may_generate

    @property
    def _ready(self) -> int:
        return 0 if self._record is None else self._record.ready

    def _has_result(self) -> bool:
        return self.done() or (self._wants_first and self._ready > 0)

    def _taken(self) -> JobRecord:
        if self._refusal is not None:
            raise self._refusal
        assert self._record is not None
        return self._record

    def _notify(self) -> None:
        with self._condition_changed:
            self._condition_changed.notify_all()

    def _wait(self, ready: Callable[[], bool], timeout: float | None) -> None:
        if not self._inner.driver.wait(self._condition_changed, ready, check_timeout(timeout)):
            raise DeadlineExceeded(f"{self!r} has no result after {timeout:g} s; it goes on")
