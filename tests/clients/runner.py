"""Run a client's driver against a side, and judge what it tells."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .holes import hole_of
from .pairs import EXPECTED, Pair
from .sides import Side

__all__ = ["Cell", "run"]

PAIR_LIMIT = 240.0
"""Seconds for all scenarios of one pair; the driver has a limit of its own for each."""

GOODBYE = 10.0
"""Seconds for a driver to end when nothing more is wanted of it."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How one scenario of one pair went; ``failure`` is what was wrong, or ``None``."""

    pair: Pair
    scenario: str
    failure: str | None


def run(pair: Pair, scenarios: Sequence[str], command: Sequence[str], place: Path, side: Side) -> list[Cell]:
    """Run scenarios; ``command`` starts the driver in ``place``."""
    cells: list[Cell] = []
    with (
        tempfile.TemporaryDirectory(prefix="gradproto-clients-", ignore_cleanup_errors=True) as directory,
        # A file is read when it is over, so that what is said in between waits for nobody.
        (Path(directory) / "said.txt").open("wb") as said,
        subprocess.Popen(
            [*command, side.url, side.url_with_login, directory, *scenarios],
            cwd=place,
            env=_environment(directory),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            encoding="utf-8",
        ) as driver,
    ):
        assert driver.stdin is not None
        assert driver.stdout is not None
        clock = threading.Timer(PAIR_LIMIT, driver.kill)
        clock.start()
        try:
            for line in driver.stdout:
                told: dict[str, Any] = json.loads(line)
                if "end" in told:
                    cells.append(_judged(pair, told, side))
                if len(cells) == len(scenarios):
                    break
            driver.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                driver.wait(GOODBYE)
        finally:
            clock.cancel()
            driver.kill()
        last_words = (Path(directory) / "said.txt").read_text(encoding="utf-8", errors="replace")[-1500:]
    why = f"the driver ended with {driver.returncode} before that:\n{last_words}"
    for scenario in scenarios[len(cells) :]:
        cells.append(Cell(pair=pair, scenario=scenario, failure=why))
        why = "nor this one"
    return cells


def _judged(pair: Pair, told: dict[str, Any], side: Side) -> Cell:
    scenario = told["end"]
    wrong = _wrong(pair, scenario, told, side)
    hole = hole_of(pair, scenario)
    if hole is not None:
        if wrong is None:
            wrong = f"it went well, so that this is no longer true: {hole.why}"
        elif re.search(hole.seen, wrong):
            wrong = None
        else:
            wrong += f"\n   (an explained hole, {hole.why!r}, which is seen as {hole.seen!r})"
    return Cell(pair=pair, scenario=scenario, failure=wrong)


def _wrong(pair: Pair, scenario: str, told: dict[str, Any], side: Side) -> str | None:
    """Say what is wrong with what came, if anything is."""
    if scenario == "wrong login":
        return None if "error" in told and "did not end" not in told["error"] else f"not refused: {told}"
    if "error" in told:
        return str(told["error"])
    came, expected = told["value"], EXPECTED[scenario]
    match scenario:
        case "connect":
            expected = pair.gradio
        case "view_api":
            # A real app has more of them, and not every version has the same text.
            came["names"] = [name for name in came["names"] if name in expected["names"]]
            text = came.pop("text", ["add(a, b, api_name"])
            if not re.search(r"add\(a, b, (fn_index|api_name)|predict\(a, b, api_name=\"/add\"", str(text)):
                return f"told of /add as {text}"
        case "generator":
            expected = {"iterated": expected, "kept": expected} if pair.language == "python" else _with_end(expected)
        case "two at once" if pair.language == "javascript":
            expected = [_with_end(outputs) for outputs in expected]
        case "error":
            # Some say more around it.
            told_of = str(came.get("told")) if isinstance(came, dict) else str(came)
            return None if expected["told"] in told_of else f"told of the error as {came}"
        case "cancel":
            if came == expected and not side.stopped():
                return "the generator goes on"
    return None if came == expected else f"{came!r} instead of {expected!r}"


def _with_end(outputs: list[str]) -> list[str]:
    """Return outputs as JavaScript tells them: the last one once more, when the server says that all is over."""
    return [*outputs, outputs[-1]]


def _environment(directory: str) -> dict[str, str]:
    """Return an environment in which nothing of this program's Python gets in, and nothing reports home."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
    return {**inherited, **quiet, "PYTHONIOENCODING": "utf-8", "GRADIO_TEMP_DIR": directory, "TMPDIR": directory}
