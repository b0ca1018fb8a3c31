"""Run cases against both sides of a version, and judge the differences."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.matrix.servers import ServerFailed

from .cases import Case
from .compare import differences
from .deviations import DEVIATIONS, Deviation
from .sides import Side, both_sides

__all__ = ["Failure", "Result", "judge", "run"]

SHOWN = 8
"""How many differences of a case are told one by one."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What differs in a case without explanation, or, without a case, what an explanation no longer explains."""

    case: str
    texts: tuple[str, ...]


@dataclass(kw_only=True)
class Result:
    """What was found with one version."""

    version: str
    cases: int = 0
    differing: int = 0
    explained: dict[str, int] = field(default_factory=dict)
    """How many differences each explanation explains, by its id."""
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def summary(self) -> str:
        """Say it in one line."""
        return f"Gradio {self.version}: {self.cases} cases, {self.differing} differ, {len(self.failures)} failures"


def run(version: str, python: Path, cases: Sequence[Case], *, complete: bool) -> Result:
    """Run the cases that concern a version; only when they are ``complete`` can explanations be stale."""
    result = Result(version=version)
    began = time.monotonic()
    try:
        with both_sides(version, python) as (real, fake):
            for case in cases:
                if case.concerns(version, fake):
                    judge(result, case.name, look(case, real), look(case, fake))
    except ServerFailed as error:
        result.failures.append(Failure(case="the real server", texts=(str(error),)))
    else:
        if complete:
            result.failures += stale(result, DEVIATIONS)
    result.seconds = time.monotonic() - began
    return result


def look(case: Case, side: Side) -> Any:
    """Return what the case sees; that it sees nothing, and why, is a difference to the side where it does."""
    try:
        return case.look(side)
    except ServerFailed:
        raise
    except Exception as error:  # whatever it is, it is told
        return {"failed": f"{type(error).__name__}: {error}"}


def judge(result: Result, case: str, real: Any, fake: Any, deviations: Sequence[Deviation] = DEVIATIONS) -> None:
    """Add to the result what became of a case."""
    result.cases += 1
    failed = [str(side["failed"]) for side in (real, fake) if isinstance(side, dict) and "failed" in side]
    if failed and real == fake:
        result.failures.append(Failure(case=case, texts=(f"it fails with both: {failed[0]}",)))
        return
    unexplained = []
    found = list(differences(real, fake))
    for difference in found:
        for deviation in deviations:
            if deviation.explains(result.version, case, difference.where):
                result.explained[deviation.id] = result.explained.get(deviation.id, 0) + 1
                break
        else:
            unexplained.append(str(difference))
    result.differing += bool(found)
    if unexplained:
        more = len(unexplained) - SHOWN
        told = [*unexplained[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
        result.failures.append(Failure(case=case, texts=tuple(told)))


def stale(result: Result, deviations: Sequence[Deviation]) -> list[Failure]:
    """Give the explanations that say they concern the version, and explain nothing."""
    return [
        Failure(case="", texts=(f"{deviation.id!r} explains nothing here any more: take this version out of it",))
        for deviation in deviations
        if deviation.concerns(result.version) and deviation.id not in result.explained
    ]
