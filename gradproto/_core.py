"""What the parts of a session share: its options, its timers and exchanges, its jobs, and the queue of its events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ._api_info import Endpoints
from ._commands import Command
from ._config import Config
from ._dialects import Dialect, Route
from ._errors import AppError, GradprotoError, QueueFullError, SessionExpiredError
from ._events import CancelRefused, Event, JobFailed, JobRetried
from ._exchanges import Exchanges
from ._jobs import Job
from ._retry import GATEWAY_STATUSES, Retry, allows_twice, given_up, is_passing, next_delay
from ._states import SESSION_TABLE, JobInput, SessionInput, SessionState, advance
from ._timeouts import Timeouts
from ._timers import Timer, Timers
from ._urls import same_origin

if TYPE_CHECKING:
    from ._conversations import Conversation
    from ._downloads import Download
    from ._space_wait import SpaceWait

__all__ = ["Core"]


class Core:
    """The middle of a session. Its parts hold it, and it holds none of them."""

    def __init__(
        self,
        base_url: str,
        *,
        app_url: str | None = None,
        entropy: Callable[[int], bytes],
        headers: tuple[tuple[str, str], ...],
        credentials: tuple[tuple[str, str], ...],
        auth: tuple[str, str] | None,
        timeouts: Timeouts,
        route: Route = "queue",
        retry: Retry | None = None,
    ) -> None:
        # Where the app is; a redirect of the first request moves it. A Space's page until it is known where its app is.
        self.base_url = base_url
        self.entropy = entropy
        self.auth = auth
        self.timeouts = timeouts
        self.route: Route = route
        self.retry = retry
        self.state: SessionState = SessionState.NEW
        self.commands: deque[Command] = deque()
        self.events: deque[Event] = deque()
        # What goes on with messages that have come, when the events that are there have been taken.
        self.backlog: deque[Callable[[], None]] = deque()
        self.timers: Timers = Timers()
        self.exchanges: Exchanges = Exchanges(
            base_url if app_url is None else app_url,
            timers=self.timers,
            commands=self.commands,
            headers=headers,
            credentials=credentials,
        )
        self.jobs: dict[int, Job] = {}
        self.downloads: dict[int, Download] = {}
        self.config: Config | None = None
        self.endpoints: Endpoints | None = None
        # Whether any endpoint has State; asked at the end of each job, and apps may have hundreds of endpoints.
        self.has_state: bool = False
        self.dialect: Dialect | None = None
        self.api_url: str = base_url
        # Whether a redirect led to another origin than the one that the caller's credentials are for.
        self.moved: bool = False
        # Whether a connection broke, so that the server may be another one since.
        self.stale: bool = False
        # Those that are not closed; the first is the one with which the session begins.
        self.conversations: dict[Conversation, None] = {}
        self.heartbeats: int = 0
        # Counts the servers there were behind the address: files that were uploaded to one are not on the next.
        self.server: int = 0
        # How often connecting was tried again, and the time until that is next.
        self.reconnections: int = 0
        self.connecting: Timer | None = None
        # Set by the session if the app is a Space's.
        self.space: SpaceWait | None = None
        # Set by the session: how a job that is tried again begins.
        self.begin_again: Callable[[Job, GradprotoError], None]

    def advance(self, cause: SessionInput) -> None:
        """Go on to the session's next state, by the table."""
        self.state = advance(SESSION_TABLE, self.state, cause, "the session")

    def new_session_hash(self) -> str:
        """Return a name that no other session has."""
        return self.entropy(16).hex()

    def go_on(self) -> None:
        """Deal with what has come and was put off."""
        while self.backlog and not self.events and not self.commands:
            self.backlog.popleft()()

    def finish(self, job: Job, cause: JobInput, event: Event) -> None:
        """End a job. Every end of every job comes through here, so that nothing of it is left behind."""
        job.advance(cause)
        del self.jobs[job.number]
        if job.inputs is not None:
            job.inputs.stop()
        self._leave(job, event)

    def _leave(self, job: Job, event: Event) -> None:
        """Let go of everything that the job has on its way."""
        self.timers.cancel(job.limit)
        exchange, job.exchange = job.exchange, None
        if exchange is not None:
            self.exchanges.abort(exchange)
        channel, job.channel = job.channel, None
        self.events.append(event)
        if channel is not None:
            channel.forget(job)

    def fail_or_retry(self, job: Job, error: GradprotoError, *, unrun: bool) -> None:
        """End a job with an error, or let it begin anew in a while, where the caller allows that.

        ``unrun``: the server has certainly not begun to run it.
        """
        retry = self.retry
        if retry is None:
            self.fail(job, error)
            return
        error = error.with_traceback(None)
        delay = self.delay_of(error, job.retries) if self._may_begin_anew(retry, job, error, unrun) else None
        if delay is None:
            self.fail(job, given_up(retry, job.retries, error))
            return
        # A proxy says that of a server that is just being started anew.
        self.stale |= error.status in GATEWAY_STATUSES and not isinstance(error, QueueFullError)
        job.advance(JobInput.RETRY)
        job.retries += 1
        self._leave(job, JobRetried(job=job.number, attempt=job.retries, delay=delay, error=error))
        job.event_id = None
        job.pending = job.started = False
        job.limit = self.timers.start(delay, lambda: self.begin_again(job, error))

    def _may_begin_anew(self, retry: Retry, job: Job, error: GradprotoError, unrun: bool) -> bool:
        if job.cancel_requested or job.cancelling or len(job.history):
            return False
        if isinstance(error, SessionExpiredError) and job.endpoint.has_state:
            # What it would begin with is gone.
            return False
        return unrun or allows_twice(retry, job.endpoint.api_name)

    def fail_by_app(self, job: Job, error: AppError) -> None:
        """End a job whose function failed; where ZeroGPU had no GPU for it, it may begin anew.

        Of what was raised in the function nobody knows how much of the function ran before.
        """
        if self.retry is not None and is_passing(error) and allows_twice(self.retry, job.endpoint.api_name):
            self.fail_or_retry(job, error, unrun=False)
        else:
            self.fail(job, error)

    def delay_of(self, error: GradprotoError, made: int) -> float | None:
        """Return in how many seconds what failed is tried again after ``made`` retries; ``None``: it is not."""
        if self.retry is None or not is_passing(error):
            return None
        return next_delay(self.retry, made, error, self.entropy)

    def last_error(self, error: GradprotoError, made: int) -> GradprotoError:
        """Return the error with which something ends that was tried again ``made`` times."""
        return error if self.retry is None else given_up(self.retry, made, error)

    def fail(self, job: Job, error: GradprotoError) -> None:
        """End a job with an error."""
        # Where it was raised in here helps nobody, and would keep all of it alive as long as somebody keeps the error.
        job.error = error.with_traceback(None)
        self.finish(job, JobInput.FAIL, JobFailed(job=job.number, error=error))

    def refuse_cancel(self, job: Job, reason: str, error: GradprotoError | None = None) -> None:
        """Say that a job cannot be cancelled, and what became of the request, if that is the reason."""
        self.events.append(CancelRefused(job=job.number, reason=reason, error=error))

    def described(self, endpoints: Endpoints) -> None:
        """Remember what can be called."""
        self.endpoints = endpoints
        self.has_state = endpoints.have_state

    def understood(self, config: Config, dialect: Dialect) -> None:
        """Remember how the app wants to be spoken to."""
        self.config = config
        self.dialect = dialect
        self.api_url = self.base_url + config.api_prefix
        self.moved = not same_origin(self.base_url, self.exchanges.app_url)
