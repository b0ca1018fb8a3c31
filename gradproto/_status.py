"""What a person sees of a job on its way: status codes, updates, progress units."""

from __future__ import annotations

import datetime
import enum
import functools

from ._record import record

__all__ = ["ProgressUnit", "Status", "StatusUpdate"]


@functools.total_ordering
class Status(enum.Enum):
    """Where a job stands. The codes are ordered from first to last, so that ``a < b`` says that ``a`` comes earlier."""

    STARTING = "STARTING"
    JOINING_QUEUE = "JOINING_QUEUE"
    QUEUE_FULL = "QUEUE_FULL"
    IN_QUEUE = "IN_QUEUE"
    SENDING_DATA = "SENDING_DATA"
    PROCESSING = "PROCESSING"
    LOG = "LOG"
    PROGRESS = "PROGRESS"
    ITERATING = "ITERATING"
    FINISHED = "FINISHED"
    CANCELLED = "CANCELLED"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Status):
            return NotImplemented
        return _ORDER[self] < _ORDER[other]


_ORDER = {code: index for index, code in enumerate(Status)}


@record(frozen=True, slots=True)
class ProgressUnit:
    """One level of nested progress; every field may be ``None``. ``progress`` is between 0 and 1."""

    index: float | None = None
    length: float | None = None
    unit: str | None = None
    progress: float | None = None
    desc: str | None = None


@record(frozen=True, slots=True)
class StatusUpdate:
    """One step of a job.

    ``rank`` is the place in the queue (0 is next), ``queue_size`` the number of jobs that wait, ``eta`` the server's
    guess in seconds, ``success`` how the job ended (``None`` before that), ``time`` when this client learned of it,
    ``log`` a pair of message and level.
    """

    code: Status
    rank: int | None = None
    queue_size: int | None = None
    eta: float | None = None
    success: bool | None = None
    time: datetime.datetime | None = None
    progress_data: list[ProgressUnit] | None = None
    log: tuple[str, str] | None = None
