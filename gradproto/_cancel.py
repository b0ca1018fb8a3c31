"""The requests that stop a job on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._answers import answer_error
from ._errors import GradprotoError
from ._events import JobCancelled
from ._exchanges import Headers, ShortExchange
from ._json import loads
from ._states import JobInput

if TYPE_CHECKING:
    from ._jobs import Job
    from ._streams import EventStream

__all__ = ["CancelRequest", "WaitedCancel", "did_nothing"]


class CancelRequest(ShortExchange):
    """The request to stop a job on the server; for a job that is over, nobody waits for its answer."""

    def __init__(self, stream: EventStream, job: Job, *, timeout: float | None) -> None:
        super().__init__(f"the cancellation of job {job.number}", timeout=timeout)
        self._stream = stream
        self._fn_index = job.endpoint.fn_index

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """From here on it stops nothing more."""
        self._stream.cancel_answered(self._fn_index)

    def failed(self, error: GradprotoError) -> None:
        """The server may or may not have heard it, and if it did, long enough ago."""
        self._stream.cancel_answered(self._fn_index)


class WaitedCancel(CancelRequest):
    """The same for a caller who waits to hear of it."""

    def __init__(self, stream: EventStream, job: Job) -> None:
        super().__init__(stream, job, timeout=stream.core.timeouts.request)
        self._job = job

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """From here on the server sends nothing that matters about the job, so it is over now, whatever else comes."""
        job, stream = self._job, self._stream
        core = stream.core
        job.cancelling = False
        if status != 200:
            self._refused(answer_error(status, headers, body, what=self.what, url=self.request.url))
        elif not job.ended:
            if did_nothing(body):
                # What /reset says of a generator that has not given its first output yet (before 4.31).
                stream.leave_or_refuse(job, "the server says that there is nothing to stop yet")
            else:
                job.pending = False
                core.finish(job, JobInput.CANCEL, JobCancelled(job=job.number))
                assert core.dialect is not None
                if not core.dialect.completes_cancelled:
                    stream.abandon_unless_kept()
        super().answered(status, headers, body)

    def failed(self, error: GradprotoError) -> None:
        """The server may or may not have heard it."""
        self._job.cancelling = False
        self._refused(error)
        super().failed(error)

    def _refused(self, error: GradprotoError) -> None:
        if not self._job.ended:
            self._stream.core.refuse_cancel(self._job, error.message, error.with_traceback(None))


def did_nothing(body: bytes) -> bool:
    """Return whether the server answered that there was nothing to stop."""
    try:
        answer = loads(body)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("success") is False
