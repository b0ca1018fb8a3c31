"""Write the tables of ``embedding.md`` from those of the core: ``python spec/render_embedding.py``."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradproto._states import JOB_TABLE, SESSION_TABLE, JobInput, JobState, SessionInput, SessionState, is_terminal

TARGET = Path(__file__).with_name("embedding.md")
BEGIN = "<!-- from the tables: python spec/render_embedding.py -->\n"
END = "<!-- end of the tables -->\n"


def render() -> str:
    """Return the whole page, with the tables in their place."""
    before, _, rest = TARGET.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + tables() + END + rest.partition(END)[2]


def tables() -> str:
    """Return what may be called when."""
    closes = [state for state in SessionState if _leads(SESSION_TABLE, state, SessionInput.CLOSE)]
    asks = "`prepare()`, `check()`, `submit()`, `send()`, `end_inputs()`, `download()`, `open_conversation()`"
    rows = [
        ("`connect()`", [next(iter(SESSION_TABLE))], "once"),
        (f"{asks}, `reset_session()`", [SessionState.READY], ""),
        ("`cancel()`, `abort_download()`, `close_conversation()`", list(SessionState), "for what there was"),
        ("`close()`", closes, "again is fine"),
        ("`may_download()`, `check_conversation()`", list(SessionState), "they only look"),
        ("`next_command()`, `next_event()`, `next_deadline()`, `tick()`", list(SessionState), ""),
        ("facts", list(SessionState), "late ones are ignored"),
    ]
    lines = ["", "| of a session | when it is | |", "|---|---|---|"]
    lines += [f"| {what} | {_states(states)} | {note} |" for what, states, note in rows]
    lines += ["", "| a job that is | may be cancelled | may fail | may bring |", "|---|---|---|---|"]
    for state in JobState:
        if is_terminal(JOB_TABLE, state):
            continue
        brings = [cause.value for cause in JOB_TABLE[state] if cause.value.startswith("RECV_")]
        cancelled, failed = (_leads(JOB_TABLE, state, cause) for cause in (JobInput.CANCEL, JobInput.FAIL))
        shown = ", ".join(f"`{cause}`" for cause in brings) or "nothing"
        lines.append(f"| `{state.value}` | {_yes(cancelled)} | {_yes(failed)} | {shown} |")
    return "\n".join([*lines, "", ""])


def _leads(table: Mapping[Any, Mapping[Any, enum.Enum]], state: enum.Enum, cause: enum.Enum) -> bool:
    return cause in table[state]


def _yes(can: bool) -> str:
    return "yes" if can else "no"


def _states(states: list[SessionState]) -> str:
    if len(states) == len(SessionState):
        return "anything"
    if len(states) > len(SessionState) // 2:
        others = ", ".join(f"`{state.value}`" for state in SessionState if state not in states)
        return f"anything but {others}"
    return ", ".join(f"`{state.value}`" for state in states)


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
