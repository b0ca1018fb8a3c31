"""What the three clients share: where a session's events go, and the files that come with them. Nothing here waits."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from gradproto import (
    Call,
    CancelRefused,
    ChunkAccepted,
    ChunkRefused,
    ConnectRetried,
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    DownloadRetried,
    DownloadStarted,
    Event,
    FileData,
    FileUploaded,
    GradprotoError,
    Job,
    JobCancelled,
    JobCompleted,
    JobDataRequested,
    JobFailed,
    JobLogged,
    JobProgressed,
    JobQueued,
    JobRetried,
    JobStarted,
    OutputGenerated,
    QueueEstimated,
    ReadError,
    Session,
    SessionFailed,
    SessionReady,
    SessionState,
    SpaceStageReported,
    UploadProgressed,
)

from ._files import Downloads, describe_os_error
from ._records import JobRecord

__all__ = ["Collected", "Fetch", "Hub", "Sink", "WatchedJob"]

logger = logging.getLogger("gradproto")

# A gallery may hold hundreds of files; more than this at once does not make them come sooner.
MAX_FETCHES = 8


class WatchedJob(Protocol):
    """A client's job: told after each event that its record has changed."""

    @property
    def record(self) -> JobRecord:
        """What the client keeps of it."""
        ...

    def changed(self, event: Event | None) -> None:
        """The record has taken ``event``; ``None``: a file of an output came."""
        ...


class Sink(Protocol):
    """Where the bytes of a download go; what it raises as `OSError` ends the download."""

    def write(self, data: bytes) -> object:
        """Take the next bytes."""
        ...

    def discard(self) -> None:
        """The rest will not come."""
        ...


class Collected:
    """A sink in memory."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep the bytes."""
        self._pieces.append(data)

    def discard(self) -> None:
        """Let go of them."""
        self._pieces.clear()

    def value(self) -> bytes:
        """Return everything that came."""
        return b"".join(self._pieces)


class Fetch:
    """One download; ``done`` is called once, with the error if there was one, and ``started`` with the size that the
    server tells, if somebody wants to know.
    """

    def __init__(
        self,
        file: FileData,
        sink: Sink,
        done: Callable[[GradprotoError | None], None],
        started: Callable[[int | None], None] | None = None,
    ) -> None:
        self.file = file
        self.sink = sink
        self.done = done
        self.started = started
        self.number: int | None = None


class Hub:
    """The routes of a session's events: to the job, to the download, or to whoever waits for the connection."""

    def __init__(
        self,
        session: Session,
        downloads: Downloads,
        connected: Callable[[GradprotoError | None], None],
        stage_told: Callable[[SpaceStageReported], None],
    ) -> None:
        self.session = session
        self._downloads = downloads
        self._connected = connected
        self._stage_told = stage_told
        self._jobs: dict[int, WatchedJob] = {}
        self._fetches: dict[int, Fetch] = {}
        self._waiting: deque[Fetch] = deque()
        # Who waits for which input of which job to be taken.
        self._chunks: dict[tuple[int, int], Callable[[GradprotoError | None], None]] = {}

    def watch(self, number: int, job: WatchedJob) -> None:
        """Let the job hear of its events."""
        self._jobs[number] = job

    def handle(self, event: Event) -> None:
        """Bring an event to whom it concerns."""
        if isinstance(event, (ConnectRetried, JobRetried, DownloadRetried)):
            logger.info("%s; trying again in %.3g s", event.error, event.delay)
        match event:
            case (
                OutputGenerated()
                | JobQueued()
                | JobRetried()
                | QueueEstimated()
                | JobDataRequested()
                | JobStarted()
                | JobProgressed()
                | JobLogged()
                | JobCompleted()
                | JobFailed()
                | JobCancelled()
                | CancelRefused()
                | UploadProgressed()
                | FileUploaded()
            ):
                self._tell(event.job, event)
            case ChunkAccepted():
                self._chunks.pop((event.job, event.chunk))(None)
            case ChunkRefused():
                self._chunks.pop((event.job, event.chunk))(event.error)
            case DownloadDataReceived() | DownloadStarted() | DownloadCompleted() | DownloadFailed():
                self._handle_download(event)
            case SpaceStageReported():
                self._stage_told(event)
            case SessionReady():
                self._connected(None)
            case SessionFailed():
                self._connected(event.error)
            case _:
                pass  # news of the session as a whole, for those who drive it themselves

    def send(self, job: Job, call: Call | None, done: Callable[[GradprotoError | None], None]) -> None:
        """Send one more input to a job, or the end of them; ``done`` hears what became of it."""
        try:
            chunk = self.session.end_inputs(job) if call is None else self.session.send(job, call)
        except GradprotoError as error:
            done(error)
        else:
            self._chunks[job.number, chunk] = done

    def fetch(self, fetch: Fetch) -> None:
        """Begin a download, when its turn comes."""
        self._waiting.append(fetch)
        self._start_fetches()

    def abandon(self, fetch: Fetch) -> None:
        """Stop a download that nobody wants any more."""
        if fetch in self._waiting:
            self._waiting.remove(fetch)
        elif fetch.number is not None and self._fetches.pop(fetch.number, None) is not None:
            self.session.abort_download(fetch.number)
        else:
            return
        fetch.sink.discard()
        self._start_fetches()

    def fail_all(self, error: GradprotoError) -> None:
        """Nothing more will come: end every download; jobs end by their own events."""
        fetches = [*self._fetches.values(), *self._waiting]
        self._fetches.clear()
        self._waiting.clear()
        for fetch in fetches:
            fetch.sink.discard()
            fetch.done(error)
        chunks, self._chunks = self._chunks, {}
        for done in chunks.values():
            done(error)

    def unfinished(self) -> list[WatchedJob]:
        """Return the jobs that have not ended."""
        return list(self._jobs.values())

    def _tell(self, number: int, event: Event) -> None:
        job = self._jobs.get(number)
        if job is None:
            return
        record = job.record
        for file in record.apply(event):
            self._fetch_output(number, job, file)
        if record.ended:
            self._jobs.pop(number, None)
        job.changed(event)

    def _fetch_output(self, number: int, job: WatchedJob, file: FileData) -> None:
        record = job.record
        try:
            target = self._downloads.target(file)
        except (OSError, ValueError) as error:  # a name that the system's file names cannot hold is the latter
            record.file_failed(file, _disk_error(error))
            return

        def done(error: GradprotoError | None) -> None:
            if error is None:
                try:
                    record.file_came(file, target.finish())
                except OSError as problem:
                    record.file_failed(file, _disk_error(problem))
            else:
                record.file_failed(file, error)
            if record.ended:
                self._jobs.pop(number, None)
            job.changed(None)

        self.fetch(Fetch(file, target, done))

    def _start_fetches(self) -> None:
        # When the session is closed, `fail_all` ends those that wait.
        while self._waiting and len(self._fetches) < MAX_FETCHES and self.session.state is SessionState.READY:
            fetch = self._waiting.popleft()
            fetch.number = self.session.download(fetch.file)
            self._fetches[fetch.number] = fetch

    def _handle_download(
        self, event: DownloadStarted | DownloadDataReceived | DownloadCompleted | DownloadFailed
    ) -> None:
        fetch = self._fetches.get(event.download)
        if fetch is None:
            return
        if isinstance(event, DownloadStarted):
            if fetch.started is not None:
                fetch.started(event.size)
        elif isinstance(event, DownloadDataReceived):
            try:
                fetch.sink.write(event.data)
            except OSError as error:
                self.session.abort_download(event.download)
                self._end_fetch(event.download, _disk_error(error))
        elif isinstance(event, DownloadCompleted):
            self._end_fetch(event.download, None)
        else:
            self._end_fetch(event.download, event.error)

    def _end_fetch(self, number: int, error: GradprotoError | None) -> None:
        fetch = self._fetches.pop(number)
        if error is not None:
            fetch.sink.discard()
        fetch.done(error)
        self._start_fetches()


def _disk_error(error: OSError | ValueError) -> GradprotoError:
    reason = describe_os_error(error) if isinstance(error, OSError) else str(error)
    result = ReadError(f"the downloaded file could not be written: {reason}")
    result.__cause__ = error
    return result
