"""What an official client cannot do with its own Gradio either, why, and how that is seen.

A scenario in a hole must fail in the way that ``seen`` says, with the fake and with the real Gradio, which ``--real``
tries.
"""

from __future__ import annotations

from dataclasses import dataclass

from .pairs import Pair

__all__ = ["HOLES", "Hole", "hole_of"]


@dataclass(frozen=True, kw_only=True)
class Hole:
    """``scenarios`` fail for these ``pairs``, each ``language client`` or ``language client / gradio``."""

    scenarios: tuple[str, ...]
    pairs: tuple[str, ...]
    why: str
    seen: str
    """What the failure is, as a regular expression."""


def hole_of(pair: Pair, scenario: str) -> Hole | None:
    """Return the hole that the cell is in, if it is in one."""
    names = {str(pair), f"{pair.language} {pair.client}"}
    return next((hole for hole in HOLES if scenario in hole.scenarios and names.intersection(hole.pairs)), None)


HOLES: tuple[Hole, ...] = (
    Hole(
        scenarios=("login",),
        pairs=("python 0.2.5", "python 0.6.1"),
        why="the Python client has no auth before 0.7",
        seen="unexpected keyword argument 'auth'",
    ),
    Hole(
        scenarios=("login",),
        pairs=("python 0.8.0 / 3.50.2",),
        why="0.8 opens its WebSocket without the cookies of the login",
        seen="HTTP 403",
    ),
    Hole(
        scenarios=("cancel",),
        pairs=("python 0.8.0 / 4.12.0", "python 0.10.1", "python 0.15.0"),
        why="with sse_v1 and later, cancel() of 0.8 to 0.15 sets a flag at which nothing looks, and tells no server",
        seen="the generator goes on",
    ),
    Hole(
        scenarios=("login",),
        pairs=("javascript 0.1.4",),
        why="the JavaScript client has no auth before 0.20",
        seen="Could not load this space",
    ),
    Hole(
        scenarios=("state",),
        pairs=("javascript 0.1.4",),
        why="0.1.4 takes an output of null, as that of a State, for a file, and fails where nobody hears of it",
        seen="Cannot read properties of null .reading 'is_file'",
    ),
    Hole(
        scenarios=("login",),
        pairs=("javascript 0.20.1",),
        why="0.20.1 sends the cookies of the login with its joins, but not with its event stream",
        seen="Connection errored out",
    ),
    Hole(
        scenarios=("cancel",),
        pairs=("javascript 0.20.1 / 4.36.1", "javascript 0.20.1 / 4.44.1"),
        why="0.20.1 cancels with /reset, which does nothing since 4.35",
        seen="the generator goes on",
    ),
)
