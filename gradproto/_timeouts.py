"""The time limits of a session, each its own."""

from __future__ import annotations

from ._errors import ArgumentError
from ._record import record

__all__ = ["Timeouts"]


@record(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait for what, in seconds; ``None`` means for ever.

    ``connect``: for one connection to be made, TLS included. ``request``: for the answer to a short request (config,
    login, join, cancel), and for the next bytes of a download. ``upload_idle``: while an upload makes no progress.
    ``queue_wait``: from joining the queue until the job starts. ``run``: from the start of the job to its end.
    ``stream_idle``: while nothing at all comes on an event stream; Gradio beats every 15 seconds, so three missed beats
    mean that the peer is gone.
    """

    connect: float | None = 10.0
    request: float | None = 60.0
    upload_idle: float | None = 60.0
    queue_wait: float | None = None
    run: float | None = None
    stream_idle: float | None = 45.0

    def __post_init__(self) -> None:
        for name in ("connect", "request", "upload_idle", "queue_wait", "run", "stream_idle"):
            value: object = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ArgumentError(f"timeout {name!r} is {value!r}: it must be a number of seconds above 0, or None")
