"""Write ``states.md``, the state diagrams, from the tables of the core: ``python spec/render_states.py``."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradproto._states import JOB_TABLE, SESSION_TABLE, STREAM_TABLE

TARGET = Path(__file__).with_name("states.md")

HEAD = """\
# The states of sessions, event streams and jobs

Generated from the tables in `gradproto/_states.py` by `python spec/render_states.py`; a test fails when they differ.
Inputs that begin with `SEND_` are what the client does, `RECV_` what the server did; the others are verdicts that other
rules reach. An input that a state does not list is not allowed there.
"""


def render() -> str:
    """Return the whole page."""
    return "\n".join(
        [
            HEAD,
            diagram("The session", SESSION_TABLE),
            diagram("The event stream of one session hash", STREAM_TABLE),
            diagram("A job", JOB_TABLE),
        ]
    )


def diagram(title: str, table: Mapping[Any, Mapping[Any, enum.Enum]]) -> str:
    """Return one table as a Mermaid state diagram."""
    lines = [f"## {title}", "", "```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(table)).value}"]
    for state, row in table.items():
        targets: dict[enum.Enum, list[str]] = {}
        for cause, target in row.items():
            targets.setdefault(target, []).append(cause.value)
        lines += [f"    {state.value} --> {target.value}: {', '.join(causes)}" for target, causes in targets.items()]
        if not row:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join([*lines, "```", ""])


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
