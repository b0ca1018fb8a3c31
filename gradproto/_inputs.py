"""What is sent to a function while it runs: Gradio 5 and later, for endpoints whose ``connection`` is ``stream``.

The arguments of the call are the first input. The server keeps one input at a time and forgets the one before it, so
the next is sent only when the function has answered to the last: each input gives one output.
"""

from __future__ import annotations

from collections import deque
from urllib.parse import quote

from ._answers import answer_error
from ._channels import encode_call
from ._core import Core
from ._errors import GradprotoError, JobError
from ._events import ChunkAccepted, ChunkRefused
from ._exchanges import JSON_HEADERS, Headers, ShortExchange
from ._jobs import Job

__all__ = ["Input", "Inputs", "input_too_late"]


class Input:
    """One input; ``data``, a list in JSON, may come later than its place in the row. The last is the end of them."""

    __slots__ = ("data", "ends", "number", "ready")

    def __init__(self, number: int, data: bytes | None, *, ends: bool) -> None:
        self.number: int = number
        self.data: bytes | None = data
        self.ends: bool = ends
        self.ready: bool = ends or data is not None


class Inputs:
    """The inputs of one job that are still to be sent."""

    def __init__(self, core: Core, job: Job) -> None:
        self.core = core
        self.job = job
        self._waiting: deque[Input] = deque()
        self._under_way: _Chunk | None = None
        self._accepted = 0
        self._next = 0

    def add(self, data: bytes | None, *, ends: bool = False) -> Input:
        """Send these arguments in their turn, or, when they are ``None``, what `fill` will bring."""
        item = Input(self._next, data, ends=ends)
        self._next += 1
        self._waiting.append(item)
        self.go_on()
        return item

    def fill(self, item: Input, data: bytes) -> None:
        """The arguments of an input are complete."""
        item.data = data
        item.ready = True
        self.go_on()

    def drop(self, item: Input, error: GradprotoError) -> None:
        """The arguments of an input cannot be had."""
        if item in self._waiting:
            self._waiting.remove(item)
            self._refuse(item.number, error)
            self.go_on()

    def go_on(self) -> None:
        """Send the next input, if the function is ready for it."""
        job, core = self.job, self.core
        # One output for the arguments of the call, and one for each input since.
        if self._under_way is not None or len(job.history) <= self._accepted:
            return
        if not self._waiting or not self._waiting[0].ready:
            return
        item = self._waiting.popleft()
        chunk = self._under_way = _Chunk(self, item)
        assert core.dialect is not None
        url = f"{core.api_url}{core.dialect.input_route}{quote(job.event_id or '', safe='')}"
        if item.data is None:
            url, body = url + "/close", b"{}"
        else:
            body = encode_call(job, item.data, event_id=job.event_id)
        core.exchanges.start(chunk, "POST", url, headers=JSON_HEADERS, body=(body,))

    def stop(self) -> None:
        """The job is over: what was not sent will not be."""
        chunk, self._under_way = self._under_way, None
        if chunk is not None:
            self.core.exchanges.abort(chunk)
            self._refuse(chunk.number, input_too_late(self.job))
        while self._waiting:
            self._refuse(self._waiting.popleft().number, input_too_late(self.job))

    def accepted(self, number: int, *, ends: bool) -> None:
        """The server has it."""
        self._under_way = None
        if not ends:
            self._accepted += 1
        self.core.events.append(ChunkAccepted(job=self.job.number, chunk=number))
        self.go_on()

    def refused(self, number: int, error: GradprotoError) -> None:
        """The server does not take it; the job itself may go on."""
        self._under_way = None
        self._refuse(number, error)
        self.go_on()

    def _refuse(self, number: int, error: GradprotoError) -> None:
        self.core.events.append(ChunkRefused(job=self.job.number, chunk=number, error=error))


def input_too_late(job: Job) -> JobError:
    """Return the error for an input that comes to a job that is over."""
    return JobError(f"job {job.number} of {job.endpoint.label} takes no more input: it is over")


class _Chunk(ShortExchange):
    """The request that brings one input to the function."""

    def __init__(self, inputs: Inputs, item: Input) -> None:
        job = inputs.job
        what = "the end of the inputs" if item.ends else f"input {item.number}"
        super().__init__(f"{what} of job {job.number} ({job.endpoint.label})", timeout=inputs.core.timeouts.request)
        self.number = item.number
        self._inputs = inputs
        self._ends = item.ends

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        if status == 200:
            self._inputs.accepted(self.number, ends=self._ends)
        else:
            # Gradio before 6.25 answers 500, and then 404, for an event that is over.
            error = answer_error(status, headers, body, what=self.what, url=self.request.url)
            self._inputs.refused(self.number, error)

    def failed(self, error: GradprotoError) -> None:
        self._inputs.refused(self.number, error)
