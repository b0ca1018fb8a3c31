"""Endpoints from functions: their parameters and results become components."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from ._components import Component, checkbox, component_named, dropdown, file, json_value, number, textbox
from ._files import StoredFile
from ._scripts import ScriptStep
from ._steps import FakeFile, Hold, Log, Progress, Sleep

__all__ = ["Endpoint", "Visibility", "endpoint_from"]

Visibility = Literal["public", "undocumented", "private"]
ComponentSpec = Union[Component, str]

_STEPS = (Sleep, Progress, Log, Hold)


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
    none_defaults: frozenset[str]
    """Parameters whose default in the function is ``None``: the only defaults that Gradio tells its clients."""
    generates: bool
    """Whether each value it yields is an output."""
    queue: bool = True
    concurrency_limit: int | None = 1
    concurrency_id: str
    visibility: Visibility = "public"
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
    queue: bool,
    concurrency_limit: int | None,
    concurrency_id: str | None,
    visibility: Visibility,
) -> Endpoint:
    """Describe a function; what ``inputs``, ``outputs`` and ``generates`` leave open, its signature says."""
    hints = _type_hints(function)
    returned = hints.get("return", inspect.Parameter.empty)
    yields, result = _result_of(function, returned)
    parameters = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    names = [parameter.name for parameter in parameters]
    if inputs is None:
        made = [_component_for(hints.get(name, Any), name) for name in names]
    else:
        labels = [*names, *(None for _ in inputs)]
        made = [_component_of(spec, label) for spec, label in zip(inputs, labels, strict=False)]
        if len(made) > len(names):
            names += [f"param_{position}" for position in range(len(names), len(made))]
    if outputs is None:
        shown = [_component_for(kind, name) for kind in _results_in(result)]
    else:
        shown = [_component_of(spec, name) for spec in outputs]
    return Endpoint(
        index=index,
        name=name,
        function=function,
        inputs=tuple(made),
        outputs=tuple(shown),
        parameter_names=tuple(names[: len(made)]),
        none_defaults=frozenset(parameter.name for parameter in parameters if parameter.default is None),
        generates=yields if generates is None else generates,
        queue=queue,
        concurrency_limit=concurrency_limit,
        concurrency_id=concurrency_id or f"{name}#{index}",
        visibility=visibility,
        description=inspect.getdoc(function) or "",
    )


def _type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):  # names that only its own module's readers know
        return {}


def _result_of(function: Callable[..., Any], returned: Any) -> tuple[bool, Any]:
    """Say whether the function's yields are outputs, and the type of its outputs."""
    if not inspect.isgeneratorfunction(function):
        return False, returned
    arguments = typing.get_args(returned)
    if typing.get_origin(returned) is Generator and arguments[2] not in (None, type(None)):
        return False, arguments[2]
    return True, _without_steps(arguments[0]) if arguments else Any


def _without_steps(kind: Any) -> Any:
    if typing.get_origin(kind) in (Union, types.UnionType):
        left = [each for each in typing.get_args(kind) if each not in _STEPS]
        return Union[tuple(left)] if left else Any
    return kind


def _results_in(kind: Any) -> list[Any]:
    if kind is None or kind is type(None):
        return []
    if typing.get_origin(kind) is tuple:
        return list(typing.get_args(kind))
    return [kind]


def _component_of(spec: ComponentSpec, label: str | None) -> Component:
    return component_named(spec, label) if isinstance(spec, str) else spec


def _component_for(kind: Any, label: str) -> Component:
    """Choose a component for a type hint; what has no component of its own is JSON."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (Union, types.UnionType):
        left = [each for each in arguments if each is not type(None)]
        kind = left[0] if len(left) == 1 else Any
    if typing.get_origin(kind) is Literal:
        return dropdown([str(choice) for choice in typing.get_args(kind)], label)
    if kind is str:
        return textbox(label)
    if kind is bool:
        return checkbox(label)
    if kind in (int, float):
        return number(label)
    if kind in (StoredFile, FakeFile):
        return file(label)
    return json_value(label)
