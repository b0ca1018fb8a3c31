"""Gradio 2 and 3.0: a queue that tells nothing by itself, so that the client has to ask.

A result is told once; a second question about it is an error of the server's. So an answer that is lost takes the
result with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ._answers import answer_error, json_object
from ._channels import OwnChannel, encode_call
from ._core import Core
from ._errors import GradprotoError, JobError, RemoteProtocolError
from ._events import QueueEstimated
from ._exchanges import JSON_HEADERS, Headers, ShortExchange
from ._jobs import Job
from ._json import JSONValue, dumps, loads
from ._messages import app_error_of, complete, integer, job_starts, text
from ._timers import Timer

if TYPE_CHECKING:
    from ._streams import Streams

__all__ = ["PollingChannel"]

# Seconds between two questions. The server's only worker looks for work once a second.
POLL_INTERVAL = 0.5
# Gradio 3.0 looks for a job in its queue and then among those that run or are over, and finds it in neither where it
# was moved in between (seen with 3.0.24 on a busy machine). So it is asked again, but not for ever.
MAX_NOT_FOUND = 3


class PollingChannel(OwnChannel):
    """The questions about one job."""

    def __init__(self, core: Core, streams: Streams, job: Job) -> None:
        super().__init__(core, streams, job)
        self._timer: Timer | None = None
        self._rank: int | None = None
        self._not_found = 0
        self._headers: tuple[tuple[str, str], ...] = ()

    def begin(self, data: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        """Push the job into the queue."""
        assert self.core.dialect is not None
        self._headers = headers
        payload = encode_call(self.job, data, action="predict")
        self.sent = True
        self._post("the push", self.core.dialect.join_route, payload, self._pushed)

    def obstacle(self, job: Job) -> str | None:
        """Return why the job cannot be cancelled: nothing can be."""
        return "Gradio before 3.1.5 can neither take a job out of its queue nor stop it"

    def forget(self, job: Job) -> None:
        """Ask no more."""
        self.core.timers.cancel(self._timer)
        super().forget(job)

    def _post(self, what: str, route: str, body: bytes, then: Callable[[str, bytes], None]) -> None:
        exchange = self.exchange = _Question(f"{what} of job {self.job.number} ({self.job.endpoint.label})", self, then)
        url = self.core.api_url + route
        self.core.exchanges.start(exchange, "POST", url, headers=(*self._headers, *JSON_HEADERS), body=(body,))

    def _pushed(self, what: str, body: bytes) -> None:
        answer = json_object(body, what)
        name = text(answer.get("hash"))
        if not name:
            raise RemoteProtocolError(f"{what}: the answer has no hash: {body[:80]!r}")
        self.joined(name)
        self._estimated(integer(answer.get("queue_position")))
        self._wait()

    def _estimated(self, rank: int | None) -> None:
        if rank is not None and rank != self._rank:
            self._rank = rank
            self.core.events.append(QueueEstimated(job=self.job.number, rank=rank, queue_size=None, eta=None))

    def _wait(self) -> None:
        self._timer = self.core.timers.start(POLL_INTERVAL, self._poll)

    def _poll(self) -> None:
        assert self.core.dialect is not None
        question: JSONValue = {"hash": self.job.event_id}
        self._post("the status", self.core.dialect.stream_route, dumps(question), self._told)

    def _told(self, what: str, body: bytes) -> None:
        core, job = self.core, self.job
        answer = json_object(body, what)
        status, data = answer.get("status"), answer.get("data")
        self._not_found = self._not_found + 1 if status == "NOT FOUND" else 0
        if 0 < self._not_found <= MAX_NOT_FOUND:
            self._wait()
        elif status == "QUEUED":
            self._estimated(integer(data))
            self._wait()
        elif status == "PENDING":
            if not job.started:
                job_starts(core, job, None)
            self._wait()
        elif status == "COMPLETE":
            job.pending = False
            if not isinstance(data, dict) or not isinstance(data.get("data"), list):
                raise RemoteProtocolError(f"{what}: the completion has no data: {body[:80]!r}")
            complete(core, job, data)
        elif status == "FAILED":
            job.pending = False
            core.fail_by_app(job, app_error_of(core, _failure(data), None))
        else:
            job.pending = False
            self.fail(JobError(f"{what}: the server says {str(status)[:80]!r}, and not how the job is"))


def _failure(data: JSONValue) -> dict[str, JSONValue]:
    """Return what is told of a failure: the text of a JSON object, or of a plain 500 where the app hides its errors."""
    try:
        value = loads(data) if isinstance(data, str) else data
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


class _Question(ShortExchange):
    """One request, and what is done with a good answer."""

    def __init__(self, what: str, channel: PollingChannel, then: Callable[[str, bytes], None]) -> None:
        super().__init__(what, timeout=channel.core.timeouts.request)
        self._channel = channel
        self._then = then

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        channel = self._channel
        channel.exchange = None
        if status != 200:
            channel.fail(answer_error(status, headers, body, what=self.what, url=self.request.url))
            return
        try:
            self._then(self.what, body)
        except RemoteProtocolError as error:
            channel.fail(error)

    def failed(self, error: GradprotoError) -> None:
        self._channel.exchange = None
        self._channel.lost(error)
