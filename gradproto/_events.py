"""What happened: the events of a session.

An event is complete when it is built and never changes. ``job`` and ``download`` are the integers that
``Session.submit`` and ``Session.download`` gave out. Every job ends with exactly one of `JobCompleted`, `JobFailed`,
`JobCancelled`; every download that the caller does not abort ends with exactly one of `DownloadCompleted`,
`DownloadFailed`.
"""

from __future__ import annotations

from typing import Union

from ._config import Config
from ._errors import GradprotoError
from ._files import FileData
from ._json import JSONValue
from ._record import field, record
from ._spaces import SpaceInfo
from ._status import ProgressUnit

__all__ = [
    "CancelRefused",
    "ChunkAccepted",
    "ChunkRefused",
    "ConfigReceived",
    "ConnectRetried",
    "DownloadCompleted",
    "DownloadDataReceived",
    "DownloadFailed",
    "DownloadRetried",
    "DownloadStarted",
    "EndpointsChanged",
    "Event",
    "FileUploaded",
    "HubEvent",
    "HubFailed",
    "JobCancelled",
    "JobCompleted",
    "JobDataRequested",
    "JobFailed",
    "JobLogged",
    "JobProgressed",
    "JobQueued",
    "JobRetried",
    "JobStarted",
    "JobUpdate",
    "OutputGenerated",
    "QueueEstimated",
    "SessionExpired",
    "SessionFailed",
    "SessionReady",
    "SpaceDuplicated",
    "SpaceFound",
    "SpaceStageReported",
    "StreamLost",
    "UnknownMessageReceived",
    "UploadProgressed",
]


@record(frozen=True, slots=True, kw_only=True)
class ConfigReceived:
    """The app's config came and is understood; the API description is still to come."""

    config: Config


@record(frozen=True, slots=True, kw_only=True)
class SessionReady:
    """Config and API description are there: jobs may be submitted."""

    config: Config


@record(frozen=True, slots=True, kw_only=True)
class SessionFailed:
    """Connecting to the app failed; the session takes no jobs."""

    error: GradprotoError


@record(frozen=True, slots=True, kw_only=True)
class ConnectRetried:
    """Connecting failed with ``error``; in ``delay`` seconds it is tried again, for the ``attempt``-th time."""

    attempt: int
    delay: float
    error: GradprotoError


@record(frozen=True, slots=True, kw_only=True)
class SpaceStageReported:
    """The Space ``space`` is not ready: its runtime stage is ``stage``, such as ``"BUILDING"``, after ``waited``
    seconds of waiting for it; the next step comes in ``delay`` seconds.
    """

    space: str
    stage: str
    waited: float
    delay: float


@record(frozen=True, slots=True, kw_only=True)
class SpaceFound:
    """What the Hub says of the Space that was asked for."""

    space: SpaceInfo


@record(frozen=True, slots=True, kw_only=True)
class SpaceDuplicated:
    """The duplicate is there: ``space``, by its id.

    ``created`` says whether it was made now, or was there before. ``done`` says in words what was changed, in order,
    ``warnings`` what was asked for and left alone, ``notes`` what will cost money.
    """

    from_id: str
    space: str
    created: bool
    done: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@record(frozen=True, slots=True, kw_only=True)
class HubFailed:
    """What the Hub was asked for could not be had, or not wholly done."""

    error: GradprotoError


@record(frozen=True, slots=True, kw_only=True)
class UploadProgressed:
    """``sent`` of ``total`` bytes of the job's upload, multipart framing included, were handed to the network."""

    job: int
    sent: int
    total: int


@record(frozen=True, slots=True, kw_only=True)
class FileUploaded:
    """The server stored the job's file number ``index``."""

    job: int
    index: int
    file: FileData


@record(frozen=True, slots=True, kw_only=True)
class JobQueued:
    """The server accepted the job and named it; ``event_id`` is empty where it gives no name (before 4.0)."""

    job: int
    event_id: str


@record(frozen=True, slots=True, kw_only=True)
class QueueEstimated:
    """The job's place in the queue: ``rank`` 0 is next, ``eta`` is the server's guess in seconds."""

    job: int
    rank: int | None
    queue_size: int | None
    eta: float | None


@record(frozen=True, slots=True, kw_only=True)
class JobDataRequested:
    """The server asked for the job's arguments, and gets them: only Gradio 3.1.5 to 4.8 does, before or in its turn."""

    job: int


@record(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """The app's function began to run; ``eta`` is the server's guess of its seconds."""

    job: int
    eta: float | None


@record(frozen=True, slots=True, kw_only=True)
class JobProgressed:
    """The function reported progress, one unit for each nested level."""

    job: int
    units: tuple[ProgressUnit, ...]


@record(frozen=True, slots=True, kw_only=True)
class JobLogged:
    """The function showed a message (``gr.Info`` and its kin), which its page would show for ``duration`` seconds."""

    job: int
    message: str
    level: str
    title: str | None
    duration: float | None
    visible: bool


@record(frozen=True, slots=True, kw_only=True)
class OutputGenerated:
    """Output number ``index`` of the job, as full values, one for each output component that a caller sees."""

    job: int
    index: int
    outputs: tuple[object, ...]
    time_limit: float | None


@record(frozen=True, slots=True, kw_only=True)
class JobCompleted:
    """The job ended well; ``outputs`` are the last values. ``duration`` is the server's, in seconds."""

    job: int
    outputs: tuple[object, ...]
    duration: float | None
    average_duration: float | None
    used_cache: str | None


@record(frozen=True, slots=True, kw_only=True)
class JobRetried:
    """The job failed with ``error``; in ``delay`` seconds it begins anew, for the ``attempt``-th time."""

    job: int
    attempt: int
    delay: float
    error: GradprotoError


@record(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """The job ended without a result."""

    job: int
    error: GradprotoError


@record(frozen=True, slots=True, kw_only=True)
class JobCancelled:
    """The job was taken out of the queue, or its generator was stopped."""

    job: int


@record(frozen=True, slots=True, kw_only=True)
class CancelRefused:
    """The job cannot be cancelled, for this reason, and goes on (or is over).

    ``error`` is what became of the request to cancel it, where that failed.
    """

    job: int
    reason: str
    error: GradprotoError | None = None


@record(frozen=True, slots=True, kw_only=True)
class ChunkAccepted:
    """The server took what was sent to a running job: input number ``chunk``, counted from 0, or the end of it all."""

    job: int
    chunk: int


@record(frozen=True, slots=True, kw_only=True)
class ChunkRefused:
    """Input number ``chunk`` of a running job did not get to it, for this reason."""

    job: int
    chunk: int
    error: GradprotoError


@record(frozen=True, slots=True, kw_only=True)
class StreamLost:
    """The event stream of a session hash broke; ``jobs`` are those that failed with it, or begin anew."""

    session_hash: str
    error: GradprotoError
    jobs: tuple[int, ...]


@record(frozen=True, slots=True, kw_only=True)
class SessionExpired:
    """The server forgot the session: whatever state it kept is gone. Later jobs use ``new_session_hash``."""

    session_hash: str
    new_session_hash: str


@record(frozen=True, slots=True, kw_only=True)
class EndpointsChanged:
    """The app's endpoints are others from now on: its server was started anew with another app, or ``gr.render`` made
    some for one conversation, or the session that they were made for is over. Jobs under way are not concerned.

    ``session_hash`` is that of the only conversation for which it is so, ``None`` for all.
    """

    config: Config
    session_hash: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class UnknownMessageReceived:
    """A message that this library does not know or could not use; it was skipped."""

    session_hash: str
    message: JSONValue
    reason: str


@record(frozen=True, slots=True, kw_only=True)
class DownloadStarted:
    """The file is there; ``size`` is in bytes, if the server said so. Comes again where a download is tried again."""

    download: int
    size: int | None
    mime_type: str | None


@record(frozen=True, slots=True, kw_only=True)
class DownloadDataReceived:
    """The next bytes of the file."""

    download: int
    data: bytes = field(repr=False)


@record(frozen=True, slots=True, kw_only=True)
class DownloadRetried:
    """No byte of the file came, but ``error``; in ``delay`` seconds it is asked for again: the ``attempt``-th time."""

    download: int
    attempt: int
    delay: float
    error: GradprotoError


@record(frozen=True, slots=True, kw_only=True)
class DownloadCompleted:
    """The file came whole."""

    download: int


@record(frozen=True, slots=True, kw_only=True)
class DownloadFailed:
    """The file could not be fetched, or not wholly."""

    download: int
    error: GradprotoError


JobUpdate = Union[
    UploadProgressed,
    FileUploaded,
    JobQueued,
    QueueEstimated,
    JobDataRequested,
    JobStarted,
    JobProgressed,
    JobLogged,
    OutputGenerated,
    CancelRefused,
    JobRetried,
    JobCompleted,
    JobFailed,
    JobCancelled,
]
"""What happens to one job; the last is one of the last three."""

HubEvent = Union[SpaceStageReported, SpaceFound, SpaceDuplicated, HubFailed]
"""What comes of a question to the Hub: any number of the first, then one of the others."""

Event = Union[
    ConfigReceived,
    ConnectRetried,
    SpaceStageReported,
    SessionReady,
    SessionFailed,
    HubEvent,
    JobUpdate,
    ChunkAccepted,
    ChunkRefused,
    EndpointsChanged,
    StreamLost,
    SessionExpired,
    UnknownMessageReceived,
    DownloadStarted,
    DownloadDataReceived,
    DownloadRetried,
    DownloadCompleted,
    DownloadFailed,
]
