"""Scripts: what an endpoint's next event says, message by message, in place of what its function would do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from ._steps import Hold, Log, Progress, Sleep

if TYPE_CHECKING:
    from ._components import Component

__all__ = ["Completed", "Estimation", "Failed", "Generating", "RawMessage", "ScriptStep", "Starts", "check_script"]


@dataclass(frozen=True, slots=True)
class Estimation:
    """Say the place in the queue, from 0, and the seconds until the result may be there."""

    rank: int | None = 0
    queue_size: int = 1
    rank_eta: float | None = None


@dataclass(frozen=True, slots=True)
class Starts:
    """Say that the event leaves the queue; ``eta`` in seconds."""

    eta: float | None = None


@dataclass(frozen=True, slots=True, init=False)
class Generating:
    """Send an intermediate output: a JSON value for each output component, sent as edits from the second time on."""

    outputs: tuple[Any, ...]

    def __init__(self, *outputs: Any) -> None:
        object.__setattr__(self, "outputs", outputs)


@dataclass(frozen=True, slots=True, init=False)
class Completed:
    """Send the end of the event: a JSON value for each output component."""

    outputs: tuple[Any, ...]

    def __init__(self, *outputs: Any) -> None:
        object.__setattr__(self, "outputs", outputs)


@dataclass(frozen=True, slots=True)
class Failed:
    """Send the end of the event with a text for the user, or without one."""

    error: str | None = None
    title: str = "Error"


@dataclass(frozen=True, slots=True)
class RawMessage:
    """Send a message as it is; without an ``event_id`` it gets that of the event."""

    content: Mapping[str, Any]


Said = Union[Estimation, Starts, Generating, Completed, Failed, RawMessage]
ScriptStep = Union[Said, Progress, Log, Sleep, Hold]
"""One step of a script."""


def check_script(name: str, steps: Sequence[object], outputs: Sequence[Component]) -> None:
    """Raise ``ValueError`` for a step that cannot be done."""
    for number, step in enumerate(steps, 1):
        where = f"step {number} of the script for {name}"
        if not isinstance(
            step, Estimation | Starts | Generating | Completed | Failed | RawMessage | Progress | Log
        ) and (not isinstance(step, Sleep | Hold)):
            raise ValueError(f"{where} is of type {type(step).__name__}, which is no step")
        if isinstance(step, Generating | Completed):
            if len(step.outputs) != len(outputs):
                raise ValueError(f"{where} has {len(step.outputs)} output(s), and the endpoint has {len(outputs)}")
            _check_json(where, list(step.outputs))
        elif isinstance(step, RawMessage):
            if not isinstance(step.content.get("msg"), str):
                raise ValueError(f"{where} has no 'msg'")
            _check_json(where, dict(step.content))


def _check_json(where: str, value: object) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} is no JSON: {error}") from error
