"""What carries the messages of jobs: one event stream for many of them, or a conversation of each job's own.

Which it is depends on the generation of Gradio; what the rest of the session needs to know of it is in `Channel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._core import Core
from ._errors import ConnectionLostError, DeadlineExceeded, GradprotoError, SessionExpiredError, TransportError
from ._events import JobCancelled, JobQueued
from ._json import JSONValue, dumps
from ._retry import never_ran
from ._states import JobInput, JobState

if TYPE_CHECKING:
    from ._exchanges import Exchange
    from ._jobs import Job
    from ._streams import Streams

__all__ = ["Channel", "OwnChannel", "encode_call", "job_error", "watch_queue"]


class Channel:
    """What carries a job's messages. ``session_hash`` is the conversation in which the server runs the job."""

    session_hash: str

    def obstacle(self, job: Job) -> str | None:
        """Return why the job cannot be cancelled now, if so."""
        raise NotImplementedError

    def cancel(self, job: Job) -> None:
        """Begin to cancel the job: only where there is no obstacle."""
        raise NotImplementedError

    def forget(self, job: Job) -> None:
        """The job is over."""
        raise NotImplementedError

    def announce_close(self) -> None:
        """The server said that it will end the stream."""


class OwnChannel(Channel):
    """A conversation about one job alone. Who leaves it cancels the job."""

    def __init__(self, core: Core, streams: Streams, job: Job) -> None:
        self.core = core
        self.job = job
        self._streams = streams
        self.session_hash = streams.lend(job)
        # Whether it has its turn: each takes a connection, and there is a limit on those.
        self.begun: bool = False
        # Whether the server may have all that it needs to run the job.
        self.sent: bool = False
        self.exchange: Exchange | None = None

    def begin(self, data: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        """Ask the server to run the job. ``data`` is the encoded list of its arguments, ``headers`` the caller's."""
        raise NotImplementedError

    def obstacle(self, job: Job) -> str | None:
        """Return why the job cannot be cancelled now, if so."""
        if job.state is JobState.RUNNING and not job.generates:
            return "it has started, and only generators can be stopped while they run"
        return None

    def cancel(self, job: Job) -> None:
        """Leave: the server drops what is queued, and stops a generator after its present step."""
        # Also of one that is on its way nobody knows whether the server has it.
        job.pending = True
        self.core.finish(job, JobInput.CANCEL, JobCancelled(job=job.number))

    def forget(self, job: Job) -> None:
        """Let the server end a conversation that came to its end, and leave any other."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            if job.pending:
                self.core.exchanges.abort(exchange)
            else:
                self.core.exchanges.let_go(exchange)
        self._streams.left(self)
        # A conversation that was left may still have a generator that is to be stopped by its session hash. One with
        # State has the hash of others too, also when it is not the present one any more.
        self._streams.give_back(self.session_hash, clean=not job.pending and not job.endpoint.has_state)

    def joined(self, event_id: str) -> None:
        """The server has the job."""
        job = self.job
        job.event_id = event_id
        job.pending = True
        job.advance(JobInput.RECV_JOINED)
        self.core.events.append(JobQueued(job=job.number, event_id=event_id))
        watch_queue(self.core, job)

    def fail(self, error: GradprotoError) -> None:
        """The job has no result."""
        self.core.fail_or_retry(self.job, error, unrun=self._unrun(error))

    def lost(self, error: GradprotoError) -> None:
        """The conversation broke, and nobody knows what the server has of it."""
        self.job.pending = True
        self.core.stale = True
        self.core.fail_or_retry(self.job, job_error(self.job, error), unrun=self._unrun(error))

    def _unrun(self, error: GradprotoError) -> bool:
        return not self.sent or (self.job.state is JobState.JOINING and never_ran(error))


def encode_call(job: Job, data: bytes, **more: JSONValue) -> bytes:
    """Return the JSON object that asks for a call; ``data`` is the encoded list of its arguments."""
    others: dict[str, JSONValue] = {
        "event_data": job.call.event_data,
        "fn_index": job.endpoint.fn_index,
        "trigger_id": job.call.trigger_id,
        "session_hash": job.session_hash,
        **more,
    }
    if job.call.oauth_token is not None:
        others["oauth_token"] = job.call.oauth_token
    return b'{"data":%b,%b' % (data, dumps(others)[1:])


def watch_queue(core: Core, job: Job) -> None:
    """Limit the time until the job starts."""
    limit = core.timeouts.queue_wait

    def waited_too_long() -> None:
        core.fail(
            job,
            DeadlineExceeded(
                f"job {job.number} did not start within {limit:g} s (the limit 'queue_wait' of the timeouts)"
            ),
        )

    job.limit = core.timers.start(limit, waited_too_long)


def job_error(job: Job, error: GradprotoError, *, expired: bool = False) -> GradprotoError:
    """Return what the loss of what carried its messages means for one job."""
    what = f"job {job.number} of {job.endpoint.label}: {error.message}"
    result = error
    if expired:
        hint = "the server restarted, or another replica answered; what it kept for this session is gone"
        result = SessionExpiredError(what, hint=hint)
    elif isinstance(error, TransportError):
        hint = "whether it ran to its end is not known"
        result = ConnectionLostError(what, hint=hint if job.retries else hint + "; it was not sent again")
    if result is not error:
        result.__cause__ = error
    return result
