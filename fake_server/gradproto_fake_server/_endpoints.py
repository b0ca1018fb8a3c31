"""Endpoints from functions: their parameters and results become components."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from ._components import Component, component_named
from ._hints import component_for, element_of, hints_of, result_of, results_in
from ._profiles import Profile
from ._scripts import ScriptStep

__all__ = ["Endpoint", "Visibility", "check_playable", "endpoint_from"]

Visibility = Literal["public", "undocumented", "private"]
ComponentSpec = Union[Component, str]


@dataclass(slots=True, kw_only=True)
class Script:
    """What some of an endpoint's events say."""

    steps: tuple[ScriptStep, ...]
    times: int | None
    """How many events yet; ``None`` for all."""


@dataclass(slots=True, kw_only=True, eq=False)
class Endpoint:
    """One function of the app, as the config shows it and the queue runs it."""

    index: int
    name: str
    """Without the slash."""
    function: Callable[..., Any]
    inputs: tuple[Component, ...]
    outputs: tuple[Component, ...]
    parameter_names: tuple[str, ...]
    """One for each input; a State's too."""
    keywords: tuple[str, ...] = ()
    """The last inputs that the function takes by name only."""
    none_defaults: frozenset[str]
    """Parameters whose default in the function is ``None``: the only defaults that Gradio tells its clients."""
    generates: bool
    """Whether each value it yields is an output."""
    queue: bool = True
    concurrency_limit: int | None = 1
    concurrency_id: str
    visibility: Visibility = "public"
    batch: bool = False
    """Whether events that wait together are one call, which gets and gives lists."""
    max_batch_size: int = 4
    streaming: bool = False
    """Whether an event goes on with each frame that is posted."""
    time_limit: float | None = None
    """Seconds for all calls of one event of a streaming input together."""
    stream_every: float = 0.5
    """Seconds between two frames, as the page would post them."""
    page: str = ""
    """The route of its page, without slashes."""
    render_id: int | None = None
    """The number of a function that renders: that makes endpoints, for the session that calls it."""
    rendered_in: int | None = None
    """The number of the function that made this one."""
    validator: Callable[..., Any] | None = None
    """What looks at the inputs before an event may join the queue."""
    description: str = ""
    cancels: tuple[int, ...] = ()
    """The endpoints whose events a call of this one cancels; it does nothing else."""
    calls: int = 0
    """How many calls and steps went well, for the average that is sent."""
    calls_time: float = 0.0
    runs: int = 0
    """How many events it completed, for the time that is estimated."""
    runs_time: float = 0.0
    held: bool = field(default=False)
    """Whether its next jobs stop before their first step."""
    scripts: list[Script] = field(default_factory=list["Script"])
    """What its next events say in place of what its function does."""

    def begin_anew(self) -> None:
        """Forget what was, and what tests wanted."""
        self.calls = self.runs = 0
        self.calls_time = self.runs_time = 0.0
        self.held = False
        self.scripts.clear()

    def take_script(self) -> tuple[ScriptStep, ...] | None:
        """Give the script of the next event, if there is one."""
        for script in self.scripts:
            if script.times is None:
                return script.steps
            if script.times:
                script.times -= 1
                return script.steps
        return None

    def call(self, arguments: Sequence[Any]) -> Any:
        """Call the function with a value for each input."""
        first = len(arguments) - len(self.keywords)
        return self.function(*arguments[:first], **dict(zip(self.keywords, arguments[first:], strict=True)))

    @property
    def api_inputs(self) -> list[Component]:
        """The inputs that clients name."""
        return [component for component in self.inputs if not component.skip_api]

    def average_call(self) -> float:
        """Seconds that a step takes."""
        return self.calls_time / self.calls if self.calls else 0.0

    def expected_time(self) -> float | None:
        """Seconds that an event takes; ``None`` before the first one."""
        return self.runs_time / self.runs if self.runs else None


def endpoint_from(
    function: Callable[..., Any],
    name: str,
    index: int,
    *,
    inputs: Sequence[ComponentSpec] | None,
    outputs: Sequence[ComponentSpec] | None,
    generates: bool | None,
    batch: bool = False,
    **options: Any,
) -> Endpoint:
    """Describe a function; what ``inputs``, ``outputs`` and ``generates`` leave open, its signature says.

    ``options`` are fields of the :class:`Endpoint`. Raises ``TypeError`` for a type that has no component.
    """
    for what, given in (("inputs", inputs), ("outputs", outputs)):
        if isinstance(given, str):
            raise ValueError(f"{what} of /{name} is a list of components, not {given!r:.80}")
    hints = hints_of(function)
    yields, result = result_of(function, hints.get("return", Any))
    every = list(inspect.signature(function).parameters.values())
    positional = [each for each in every if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    named = [each for each in every if each.kind is each.KEYWORD_ONLY]
    parameters = [*positional, *named]
    names = [parameter.name for parameter in parameters]
    kind_of = element_of if batch else _itself
    if inputs is None:
        made = [
            component_for(
                kind_of(hints.get(parameter.name, Any)),
                parameter.name,
                f"parameter {parameter.name!r} of /{name}",
                parameter.default,
            )
            for parameter in parameters
        ]
    else:
        made = [_component_of(spec, names[place] if place < len(names) else None) for place, spec in enumerate(inputs)]
        names += [f"param_{place}" for place in range(len(names), len(made))]
    if outputs is None:
        kinds = [kind_of(kind) for kind in (_batched_results_in(result) if batch else results_in(result))]
        shown = [component_for(kind, name, f"the result of /{name}") for kind in kinds]
    else:
        shown = [_component_of(spec, name) for spec in outputs]
    return Endpoint(
        index=index,
        name=name,
        function=function,
        inputs=tuple(made),
        outputs=tuple(shown),
        parameter_names=tuple(names[: len(made)]),
        keywords=tuple(parameter.name for parameter in named)[: max(len(made) - len(positional), 0)],
        none_defaults=frozenset(parameter.name for parameter in parameters if parameter.default is None),
        generates=yields if generates is None else generates,
        batch=batch,
        description=inspect.getdoc(function) or "",
        **options,
    )


def check_playable(endpoint: Endpoint, profile: Profile, *, others: int) -> None:
    """Raise ``ValueError`` for an endpoint that this Gradio cannot have, besides ``others``."""
    this, name = f"Gradio {profile.version}", f"/{endpoint.name}"
    if endpoint.visibility not in typing.get_args(Visibility):
        there_are = ", ".join(typing.get_args(Visibility))
        raise ValueError(f"{name} cannot be {endpoint.visibility!r:.80}: an endpoint is one of {there_are}")
    if profile.one_function and others:
        raise ValueError(f"{this} serves one function, and there is one already")
    if endpoint.generates and not profile.generators:
        raise ValueError(f"{this} has no generators, but {name} is one")
    if endpoint.concurrency_limit is not None and endpoint.concurrency_limit < 1:
        raise ValueError(f"{name} has a limit of {endpoint.concurrency_limit} events at once, so that none would run")
    if endpoint.batch and profile.batches == "absent":
        raise ValueError(f"{this} calls nothing in batches, but {name} wants that")
    if endpoint.batch and endpoint.max_batch_size < 1:
        raise ValueError(f"{name} is called with {endpoint.max_batch_size} events at most, which is not even one")
    if endpoint.streaming and "stream" not in profile.routes:
        raise ValueError(f"{this} has no streaming inputs, but {name} wants one")
    if endpoint.streaming and (endpoint.batch or endpoint.generates):
        raise ValueError(f"{name} has a streaming input, so it can be neither a generator nor a batch")
    if endpoint.time_limit is not None and not endpoint.time_limit > 0:
        raise ValueError(f"{name} has a time limit of {endpoint.time_limit} seconds, which is no time")
    if endpoint.render_id is not None and "render_config" not in profile.output_fields:
        raise ValueError(f"{this} renders nothing, but {name} wants to")
    if endpoint.render_id is not None and (endpoint.batch or endpoint.streaming or endpoint.generates):
        raise ValueError(f"{name} renders, so it can be no generator, no batch, and have no streaming input")
    if endpoint.validator is not None and not profile.validators:
        raise ValueError(f"{this} has no validators, but {name} has one")


def _itself(kind: Any) -> Any:
    return kind


def _batched_results_in(kind: Any) -> list[Any]:
    """Give the types of a batch function's outputs: a tuple of lists, or a list with the only one."""
    found = results_in(kind)
    return [element_of(found[0])] if typing.get_origin(kind) is list else found


def _component_of(spec: ComponentSpec, label: str | None) -> Component:
    return component_named(spec, label) if isinstance(spec, str) else spec
