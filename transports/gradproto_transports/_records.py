"""What a client keeps of a job, and when a caller may see what of it: the same for all three drivers, without any
waiting.

Outputs may hold files. Where files are downloaded, an output is ready only when all of its files are, and outputs
become ready in order. A record is told what happened (events, files that came) and says which files to fetch.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

from gradproto import (
    CancelRefused,
    Event,
    FileData,
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
    OutputGenerated,
    ProgressUnit,
    QueueEstimated,
    QueueFullError,
    Status,
    StatusUpdate,
    collapse,
    replace_files,
)

__all__ = ["JobRecord", "OutputReader", "find_files"]

FileReplacer = Callable[[FileData], object]


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


class JobRecord:
    """One job as its caller sees it.

    ``fetch`` says whether the files of outputs are downloaded before an output is ready; ``bind`` is what a caller
    gets for a file when they are not.
    """

    def __init__(self, job: Job, *, fetch: bool, bind: FileReplacer) -> None:
        self.job = job
        self.updates: list[StatusUpdate] = [StatusUpdate(code=Status.STARTING, time=_now())]
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
        self._end: Event | None = None

    @property
    def status(self) -> StatusUpdate:
        """The latest step."""
        return self.updates[-1]

    def apply(self, event: Event) -> list[FileData]:
        """Take note of an event; returns the files that have to be fetched now."""
        match event:
            case OutputGenerated():
                self._started = True
                self._note(Status.ITERATING)
                return self._await_files(event.index + 1, event.outputs)
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
            case JobCompleted():
                self._end = event
                return self._await_files(len(self.job.history), event.outputs)
            case JobRetried():
                self._started = False
                self._note(Status.STARTING)
            case JobFailed() | JobCancelled():
                self._end = event
                self._settle()
            case CancelRefused():
                self.refusals += 1
            case _:
                pass
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
        replace = self._path if self._fetch else self._bind
        return collapse(tuple(replace_files(output, replace) for output in outputs))

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

    def first(self) -> object:
        """Return the first output; that of a job without any is its final one."""
        if self.ready == 0:
            return self.final()
        return OutputReader(self).take()

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
        self.updates.append(StatusUpdate(code, rank, queue_size, eta, success, _now(), progress_data, log))

    def _await_files(self, count: int, outputs: tuple[object, ...]) -> list[FileData]:
        """Let an output become ready when its files are there; returns those that nobody has asked for yet."""
        files = set(find_files(outputs)) if self._fetch else set[FileData]()
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
        self.ended = True
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


def _now() -> datetime.datetime:
    return datetime.datetime.now()
