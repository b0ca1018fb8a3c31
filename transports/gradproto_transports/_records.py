"""What a client keeps of a job, and when a caller may see what of it: the same for all three drivers, without any
waiting.

Outputs may hold files. Where files are downloaded, an output is ready only when all of its files are, and outputs
become ready in order. A record is told what happened (events, files that came) and says which files to fetch.

It keeps everything that happened twice: as statuses, which are what Gradio's own Python client tells, and as updates,
which tell all. An update with an output holds only its number, for all outputs of a text that grows would take the
square of its memory; `UpdateReader` puts the values in again.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable, Iterator
from typing import Union, cast

from gradproto import (
    CancelRefused,
    Event,
    FileData,
    FileUploaded,
    GradprotoError,
    Job,
    JobCancelled,
    JobCancelledError,
    JobCompleted,
    JobDataRequested,
    JobFailed,
    JobLogged,
    JobProgressed,
    JobQueued,
    JobRetried,
    JobStarted,
    JobUpdate,
    OutputGenerated,
    ProgressUnit,
    QueueEstimated,
    QueueFullError,
    Status,
    StatusUpdate,
    UploadProgressed,
    collapse,
    replace_files,
)
from gradproto._record import record, replace

__all__ = ["JobRecord", "OutputReader", "UpdateReader", "find_files"]

FileReplacer = Callable[[FileData], object]

# Of the progress of an upload so many steps are kept; every piece of a large file would be thousands.
UPLOAD_STEPS = 100


def find_files(value: object) -> Iterator[FileData]:
    """Yield every file that is nested anywhere in an output."""
    if isinstance(value, FileData):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in cast("list[object]", value):
            if not isinstance(item, str):
                yield from find_files(item)
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            if not isinstance(item, str):
                yield from find_files(item)


@record(frozen=True, slots=True)
class _Output:
    """Stands in the updates where an output came."""

    index: int
    time_limit: float | None


class JobRecord:
    """One job as its caller sees it.

    ``fetch`` says which files of outputs are downloaded before an output is ready (``None``: none); ``bind`` is what a
    caller gets for the others.
    """

    def __init__(self, job: Job, *, fetch: Callable[[FileData], bool] | None, bind: FileReplacer) -> None:
        self.job = job
        self.statuses: list[StatusUpdate] = [StatusUpdate(code=Status.STARTING, time=_now())]
        self.updates: list[Union[JobUpdate, _Output]] = []
        self.ready: int = 0  # how many outputs a caller may see
        self.ended: bool = False
        self.refusals: int = 0  # how many tries to cancel were refused
        self.error: GradprotoError | None = None
        self._started = False  # as far as this record has heard: the job itself may be ahead of its events
        self._fetch = fetch
        self._bind = bind
        self._paths: dict[FileData, str | None] = {}
        # Outputs that wait for files, and at last the end of the job, which waits behind them.
        self._waiting: deque[tuple[int, set[FileData]]] = deque()
        self._end: JobCompleted | JobFailed | JobCancelled | None = None
        self._upload_step = -1

    @property
    def status(self) -> StatusUpdate:
        """The latest step."""
        return self.statuses[-1]

    def apply(self, event: Event) -> list[FileData]:
        """Take note of an event; returns the files that have to be fetched now."""
        match event:
            case OutputGenerated():
                self._started = True
                self._note(Status.ITERATING)
                self.updates.append(_Output(event.index, event.time_limit))
                return self._await_files(event.index + 1, event.outputs)
            case JobCompleted():
                self._end = event
                return self._await_files(len(self.job.history), event.outputs)
            case JobFailed() | JobCancelled():
                self._end = event
                self._settle()
            case UploadProgressed():
                step = event.sent * UPLOAD_STEPS // event.total
                if step != self._upload_step:
                    self._upload_step = step
                    self.updates.append(event)
            case JobProgressed():
                self._note(Status.PROGRESS, progress_data=list(event.units))
            case JobLogged():
                self._note(Status.LOG, log=(event.message, event.level))
            case QueueEstimated():
                # The server goes on to estimate for a moment after the start; the job does not go back for that.
                code = Status.PROCESSING if self._started else Status.IN_QUEUE
                self._note(code, rank=event.rank, queue_size=event.queue_size, eta=event.eta)
            case JobQueued():
                self._note(Status.JOINING_QUEUE)
            case JobDataRequested():
                self._note(Status.SENDING_DATA)
            case JobStarted():
                self._started = True
                self._note(Status.PROCESSING, eta=event.eta)
            case JobRetried():
                self._started = False
                self._note(Status.STARTING)
            case CancelRefused():
                self.refusals += 1
            case _:
                pass
        if isinstance(event, _KEPT):
            self.updates.append(event)
        return []

    def file_came(self, file: FileData, path: str) -> None:
        """A file of an output is on the disk."""
        self._paths[file] = path
        self._settle()

    def file_failed(self, file: FileData, error: GradprotoError) -> None:
        """A file of an output cannot be had: the job has no result then."""
        self.error = self.error or error
        self._paths[file] = ""
        self._settle()

    def abort(self, error: GradprotoError) -> None:
        """Nothing more will be heard of the job."""
        self._waiting.clear()
        self._end = self._end or JobFailed(job=self.job.number, error=error)
        self.error = self.error or error
        self._settle()

    def present(self, outputs: tuple[object, ...]) -> object:
        """Return an output as its caller gets it: files replaced, one value by itself."""
        return collapse(self.present_each(outputs))

    def present_each(self, outputs: tuple[object, ...]) -> tuple[object, ...]:
        """Return the values of an output with the files in them replaced."""
        return tuple(replace_files(output, self._path) for output in outputs)

    def outputs(self) -> list[object]:
        """Return every output that is ready, in order."""
        reader = OutputReader(self)
        found: list[object] = []
        while reader.index < self.ready:
            found.append(reader.take())
        return found

    def final(self) -> object:
        """Return the last output of a job that ended well; raises what it failed with."""
        if self.error is not None:
            raise self.error
        return self.present(self.job.outputs)

    def result(self, *, first: bool) -> object:
        """Return the last output, or the first one if there is one yet; raises as `final` does."""
        if first and self.ready and not isinstance(self.error, JobCancelledError):
            return OutputReader(self).take()
        return self.final()

    def _path(self, file: FileData) -> object:
        return self._paths.get(file) or self._bind(file)

    def _note(
        self,
        code: Status,
        *,
        rank: int | None = None,
        queue_size: int | None = None,
        eta: float | None = None,
        success: bool | None = None,
        progress_data: list[ProgressUnit] | None = None,
        log: tuple[str, str] | None = None,
    ) -> None:
        self.statuses.append(StatusUpdate(code, rank, queue_size, eta, success, _now(), progress_data, log))

    def _await_files(self, count: int, outputs: tuple[object, ...]) -> list[FileData]:
        """Let an output become ready when its files are there; returns those that nobody has asked for yet."""
        files = set[FileData]() if self._fetch is None else set(filter(self._fetch, find_files(outputs)))
        wanted = [file for file in files if file not in self._paths]
        for file in wanted:
            self._paths[file] = None
        self._waiting.append((count, files))
        self._settle()
        return wanted

    def _settle(self) -> None:
        """Let everything become ready whose turn it is."""
        while self._waiting and all(self._paths[file] is not None for file in self._waiting[0][1]):
            self.ready = max(self.ready, self._waiting.popleft()[0])
        if self._end is None or self._waiting or self.ended:
            return
        match self._end:
            case JobCancelled():
                self.error = JobCancelledError(f"job {self.job.number} of {self.job.endpoint.label} was cancelled")
                self._note(Status.CANCELLED, success=False)
            case JobFailed():
                self.error = self._end.error
                full = isinstance(self.error, QueueFullError)
                self._note(Status.QUEUE_FULL if full else Status.FINISHED, success=False)
            case _:
                self._note(Status.FINISHED, success=self.error is None)
        self.updates.append(self._last_update(self._end))
        # Last, for another thread that sees it takes everything else for complete.
        self.ended = True

    def _last_update(self, end: JobCompleted | JobFailed | JobCancelled) -> JobUpdate:
        """Return how it ended for its caller: without its files, what the server completed has no result."""
        if isinstance(end, JobCompleted):
            if self.error is not None:
                return JobFailed(job=end.job, error=self.error)
            return replace(end, outputs=self.present_each(end.outputs))
        return end


# What is kept as it came; the end of a job waits for its files.
_KEPT = (
    CancelRefused,
    FileUploaded,
    JobDataRequested,
    JobLogged,
    JobProgressed,
    JobQueued,
    JobRetried,
    JobStarted,
    QueueEstimated,
)


class OutputReader:
    """One caller's place among the outputs of a job; ``index`` is the number of outputs it has taken."""

    __slots__ = ("_cursor", "_record")

    def __init__(self, record: JobRecord) -> None:
        self._record = record
        self._cursor = record.job.cursor()

    @property
    def index(self) -> int:
        """How many outputs were taken."""
        return self._cursor.index

    def take(self) -> object:
        """Return the next output; only when there is one that is ready."""
        outputs = self._cursor.advance()
        assert outputs is not None
        return self._record.present(outputs)

    def take_each(self) -> tuple[object, ...]:
        """Return the values of the next output; only when there is one that is ready."""
        outputs = self._cursor.advance()
        assert outputs is not None
        return self._record.present_each(outputs)


class UpdateReader:
    """One caller's place among the updates of a job."""

    __slots__ = ("_outputs", "_place", "_record")

    def __init__(self, record: JobRecord) -> None:
        self._record = record
        self._outputs = OutputReader(record)
        self._place = 0

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to take now, and something will follow."""
        record = self._record
        if self._place == len(record.updates):
            return not record.ended
        update = record.updates[self._place]
        return isinstance(update, _Output) and update.index >= record.ready and not record.ended

    def take(self) -> JobUpdate | None:
        """Return the next update, ``None`` after the last; only when it is not `waiting`."""
        record = self._record
        while self._place < len(record.updates):
            update = record.updates[self._place]
            self._place += 1
            if not isinstance(update, _Output):
                return update
            # The files of the last outputs do not come any more when the client is closed.
            if update.index < record.ready:
                return OutputGenerated(
                    job=record.job.number,
                    index=update.index,
                    outputs=self._outputs.take_each(),
                    time_limit=update.time_limit,
                )
        return None


def _now() -> datetime.datetime:
    return datetime.datetime.now()
