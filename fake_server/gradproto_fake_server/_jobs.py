"""A call of an endpoint's function: its steps, sleeps, gates and outputs, run a little at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import PurePath
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from ._components import CallContext, Component
from ._coroutines import driven
from ._endpoints import Endpoint
from ._files import StoredFile
from ._json import is_list_or_tuple
from ._profiles import Profile
from ._schedule import Schedule, Timer
from ._scripts import Completed, Estimation, Failed, Generating, RawMessage, ScriptStep, Starts
from ._steps import AppFailure, FakeFile, Hold, Log, Progress, Sleep, file_at

if TYPE_CHECKING:
    from ._batches import Batch

__all__ = ["Delivery", "Job", "JobHost", "JobState", "arguments_of"]

JobState = Literal[
    "queued", "ready", "sleeping", "held", "paused", "waiting", "completed", "failed", "cancelled", "dropped"
]
"""``paused``: its output is not read; ``waiting``: for the next frame of a streaming input; ``dropped``: the client
went away; the last four are ends."""

_ENDS = frozenset({"completed", "failed", "cancelled", "dropped"})


class Delivery(Protocol):
    """Where a job's outputs go."""

    alive: bool
    """Whether anybody still wants them."""

    def generated(self, job: Job, data: list[Any]) -> bool:
        """Take an intermediate output; ``False`` stops the job until :meth:`Job.resume`."""
        ...

    def noted(self, job: Job, note: Progress | Log) -> bool:
        """Take progress or a log; ``False`` stops the job, as for an output."""
        ...

    def said(self, job: Job, message: Estimation | Starts | RawMessage) -> bool:
        """Take a message that a script says; ``False`` stops the job, as for an output."""
        ...

    def completed(self, job: Job, data: list[Any]) -> None:
        """Take the last output."""
        ...

    def failed(self, job: Job, error: Exception) -> None:
        """Take the failure."""
        ...


class JobHost(CallContext, Protocol):
    """What a job needs of the server for its call."""

    @property
    def profile(self) -> Profile:
        """The Gradio that is played."""
        ...

    @property
    def schedule(self) -> Schedule:
        """The server's clock."""
        ...

    def run_soon(self, job: Job) -> None:
        """Run the job in this or the next turn."""
        ...

    def store(self, file: FakeFile) -> Generator[None, None, StoredFile]:
        """Store a produced file piece by piece."""
        ...

    def read_state(self, component: Component) -> Any:
        """Give the session's value of a State."""
        ...

    def write_state(self, component: Component, value: Any) -> None:
        """Keep the session's value of a State."""
        ...

    def render(self, job: Job, made: object) -> dict[str, Any]:
        """Make a session's endpoints of functions by their names; give what is told of them."""
        ...

    def job_over(self, job: Job) -> None:
        """The job has ended, or gave up its place in the queue."""
        ...


class Job:
    """One call. Tests hold it, step it and let it go; everything else is the server's."""

    __slots__ = (
        "_after_storing",
        "_host",
        "_iterator",
        "_last",
        "_permits",
        "_step_began",
        "_storing",
        "_timer",
        "batch",
        "began",
        "data",
        "delivery",
        "endpoint",
        "error",
        "event_id",
        "last_duration",
        "outputs_given",
        "rendered",
        "script",
        "session_hash",
        "state",
    )

    def __init__(
        self,
        event_id: str,
        endpoint: Endpoint,
        session_hash: str,
        data: list[Any] | None,
        host: JobHost,
        delivery: Delivery,
        *,
        scripted: bool = True,
    ) -> None:
        self.event_id: str = event_id
        self.endpoint: Endpoint = endpoint
        self.session_hash: str = session_hash
        self.delivery: Delivery = delivery
        self.state: JobState = "queued"
        self.began: float = 0.0
        """When it left the queue."""
        self.outputs_given: int = 0
        """How many intermediate outputs it gave."""
        self.data: list[Any] | None = data
        """The values of its inputs; ``None`` while the client is yet to send them."""
        self.error: Exception | None = None
        """What it failed with, which its client may not be told."""
        self.rendered: dict[str, Any] | None = None
        """What is told of the endpoints that it made."""
        self.last_duration: float = 0.0
        """Seconds that its last step took."""
        self.script: tuple[ScriptStep, ...] | None = endpoint.take_script() if scripted else None
        """What it says in place of what the function does."""
        self.batch: Batch | None = None
        """The events that it shares its call with, from when they start."""
        self._host = host
        self._iterator: Iterator[object] | None = None
        self._last: list[Any] | None = None
        self._permits: int | None = 0 if endpoint.held else None
        self._step_began = 0.0
        self._storing: Generator[None, None, StoredFile] | None = None
        self._after_storing: Callable[[StoredFile], None] | None = None
        self._timer: Timer | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in _ENDS

    @property
    def host(self) -> JobHost:
        """The server as this call sees it."""
        return self._host

    @property
    def _stops(self) -> bool:
        """Whether it can be stopped between two steps."""
        return self.endpoint.generates or self.script is not None

    # -- for tests

    def hold(self) -> None:
        """Stop before the next step."""
        self._of_the_call._permits = 0

    def step(self, steps: int = 1) -> None:
        """Let a held job go on to its next yield, or ``steps`` of them."""
        call = self._of_the_call
        call._permits = (call._permits or 0) + steps
        call._leave_gate()

    def release(self) -> None:
        """Let it run freely."""
        call = self._of_the_call
        call._permits = None
        call._leave_gate()

    @property
    def _of_the_call(self) -> Job:
        """The job that makes the steps."""
        return self if self.batch is None else self.batch.call

    def _leave_gate(self) -> None:
        if self.state == "held":
            self._ready()

    # -- for the server

    def start(self) -> None:
        """Leave the queue."""
        self.began = self._step_began = self._host.schedule.now
        if self.batch is not None:
            self.batch.started(self)
        else:
            self._ready()

    def turn_to(self, endpoint: Endpoint, session_hash: str, data: list[Any], host: JobHost) -> None:
        """Learn what it is, before it starts."""
        self.endpoint, self.session_hash, self.data, self._host = endpoint, session_hash, data, host
        self.script = endpoint.take_script()
        if endpoint.held:
            self._permits = 0

    def resume(self) -> None:
        """Go on after a pause."""
        if self.state == "paused":
            self._ready()

    def _ready(self) -> None:
        self.state = "ready"
        self._host.run_soon(self)

    def kill(self) -> None:
        """End it for ``/cancel``: a generator stops, a plain function runs to an end that nobody hears of.

        What is part of a batch goes on.
        """
        if self.batch is not None:
            return
        self.delivery.alive = False
        self._host.job_over(self)
        if self._stops or self.state in ("queued", "held"):
            self._end("cancelled")

    def restart(self) -> None:
        """Begin the function again when it would go on."""
        running, self._iterator = self._iterator, None
        if isinstance(running, GeneratorType):
            _close(cast("Generator[object, None, object]", running))

    def drop(self) -> None:
        """The client went away: a generator stops at its next output, as Gradio's do."""
        self.delivery.alive = False
        if self._stops and self.state in ("held", "paused"):
            self._end("dropped")

    def close(self) -> None:
        """End it whatever it does, for the server ends."""
        if self.batch is not None:
            self.batch.call.close()
        if not self.over:
            self.delivery.alive = False
            self._end("dropped")

    def run(self, budget: int) -> bool:
        """Make up to ``budget`` steps; say whether it could go on at once."""
        while self.state == "ready":
            if not budget:
                return True
            budget -= 1
            if self._permits is not None:
                if not self._permits:
                    self.state = "held"
                    return False
                self._permits -= 1
            try:
                if not self._step():
                    return self.state == "ready"
            except StopIteration as stop:
                self._returned(stop.value)
            except Exception as error:  # whatever the function raises is its client's business
                self._failed(error)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # sys.exit() and pytest.fail() end the call, and not the server
                failure = RuntimeError(f"{type(error).__name__}: {error}")
                failure.__cause__ = error
                self._failed(failure)
        return False

    def _step(self) -> bool:
        """Make one step; say whether the next one may follow in this turn."""
        if self._storing is not None:
            self._store()
            return False
        if self._iterator is None and self.script is not None:
            self._iterator = iter(self.script)
        if self._iterator is None:
            result: Any = driven(self.endpoint.call(self._arguments()), self.endpoint.name)
            if not isinstance(result, GeneratorType) and not (self.endpoint.generates and isinstance(result, Iterator)):
                self._returned(result)
                return True
            self._iterator = cast("Iterator[object]", result)
        item = next(self._iterator)
        if isinstance(item, Sleep):
            if item.seconds > 0:
                self.state = "sleeping"
                self._timer = self._host.schedule.call_after(item.seconds, self._ready, awaited=True)
            return False
        if isinstance(item, Progress | Log):
            if self.delivery.alive and not self.delivery.noted(self, item):
                self._pause()
        elif isinstance(item, Hold):
            self._permits = 0
        elif self.script is not None:
            self._say(item)
        elif not self.endpoint.generates:
            raise TypeError(f"{self.endpoint.name} yielded {item!r:.80}, but it is no generator of outputs")
        else:
            self._outputs(item, self._generated)
        return True

    def _say(self, step: object) -> None:
        """Say what a script says."""
        if not self.delivery.alive:
            self._end("dropped")
        elif isinstance(step, Generating):
            self._generated(list(step.outputs))
        elif isinstance(step, Completed):
            self.delivery.completed(self, list(step.outputs))
        elif isinstance(step, Failed):
            self.delivery.failed(self, _NoText() if step.error is None else AppFailure(step.error, title=step.title))
        elif isinstance(step, Estimation | Starts | RawMessage) and not self.delivery.said(self, step):
            self._pause()

    def _arguments(self) -> list[Any]:
        return arguments_of(self.endpoint, self.data or [], self._host)

    # -- outputs

    def _outputs(self, value: Any, then: Callable[[list[Any]], None]) -> None:
        """Split a value into the endpoint's outputs, store its files, convert it, and hand it on."""
        shown = self.endpoint.outputs
        if self.endpoint.render_id is not None:
            self.rendered, value = self._host.render(self, value), None
        values: list[Any]
        if len(shown) == 1:
            values = [value]
        elif not shown:
            values = []
        else:
            values = list(value) if is_list_or_tuple(value) else [value]
            if len(values) < len(shown):
                raise ValueError(
                    f"A function ({self.endpoint.name}) didn't return enough output values "
                    f"(needed: {len(shown)}, returned: {len(values)})."
                )
        self._stored_outputs(values, then)

    def _stored_outputs(self, values: list[Any], then: Callable[[list[Any]], None]) -> None:
        for position, value in enumerate(values):
            if (
                isinstance(value, PurePath)
                and self.endpoint.outputs[position % len(self.endpoint.outputs)].kind == "file"
            ):
                value = file_at(value)
            if isinstance(value, FakeFile):

                def go_on(stored: StoredFile, position: int = position) -> None:
                    values[position] = stored
                    self._stored_outputs(values, then)

                self._storing, self._after_storing = self._host.store(value), go_on
                return
        then(self._encoded(values))

    def _store(self) -> None:
        assert self._storing is not None
        try:
            next(self._storing)
        except StopIteration as stop:
            after, self._storing, self._after_storing = self._after_storing, None, None
            assert after is not None
            after(stop.value)

    def _encoded(self, values: list[Any]) -> list[Any]:
        data: list[Any] = []
        for component, value in zip(self.endpoint.outputs, values, strict=False):
            if component.kind == "state":
                self._host.write_state(component, value)
                data.append(None)
            else:
                data.append(component.encode(value, self._host))
        return data

    def step_duration(self) -> float:
        """Count a step that went well; give its seconds."""
        now = self._host.schedule.now
        duration = self.last_duration = now - self._step_began
        self._step_began = now
        self.endpoint.calls += 1
        self.endpoint.calls_time += duration
        return duration

    def _generated(self, data: list[Any]) -> None:
        self.outputs_given += 1
        self._last = data
        if not self.delivery.alive:
            self._end("dropped")
        elif not self.delivery.generated(self, data):
            self._pause()

    def _pause(self) -> None:
        """Wait until somebody reads, if it did not end meanwhile."""
        if self.state == "ready":
            self.state = "paused"

    def _returned(self, value: Any) -> None:
        if self.script is not None:
            self._end("completed")  # its end was said, or never will be
            return
        if self.endpoint.generates and self._iterator is not None:
            # What a generator returns is nothing to Gradio; its last output is sent once more.
            self._completed(self._last if self._last is not None else [None] * len(self.endpoint.outputs))
            return
        try:
            self._outputs(value, self._completed)
        except Exception as error:  # the function's fault too
            self._failed(error)

    def _completed(self, data: list[Any]) -> None:
        if self.delivery.alive:
            self.delivery.completed(self, data)
        self.endpoint.runs += 1
        self.endpoint.runs_time += self._host.schedule.now - self.began
        self._end("completed")

    def _failed(self, error: Exception) -> None:
        self.error = error
        if self.delivery.alive:
            self.delivery.failed(self, error)
        self._end("failed")

    def ended_with_batch(self, state: JobState) -> None:
        """The call that it was part of is over."""
        if not self.over:
            self._end(state)

    def _end(self, state: JobState) -> None:
        self.state = state
        if self._timer is not None:
            self._timer.cancel()
        for unfinished in (self._iterator, self._storing):
            if isinstance(unfinished, GeneratorType):
                _close(cast("Generator[object, None, object]", unfinished))
        self._iterator = self._storing = self._after_storing = None
        self._host.job_over(self)


def arguments_of(endpoint: Endpoint, data: list[Any], host: JobHost) -> list[Any]:
    """Make what the function gets of an event's data."""
    inputs = endpoint.inputs
    if len(data) < len(inputs):
        if host.profile.short_input_message:
            raise IndexError("list index out of range")
        raise ValueError(
            f"An event handler ({endpoint.name}) didn't receive enough input values "
            f"(needed: {len(inputs)}, got: {len(data)})."
        )
    return [
        host.read_state(component) if component.kind == "state" else component.decode(value, host)
        for component, value in zip(inputs, data, strict=False)
    ]


class _NoText(Exception):
    """A failure of which nothing is told."""


def _close(generator: Generator[object, None, object]) -> None:
    with contextlib.suppress(Exception):  # a generator that fights its end has nobody left to tell
        generator.close()
