"""What is said of the checks of one scenario, and what comes of that for each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ._checks import Check, Result, Verdict
from ._clauses import Level, Version
from ._exchange import Exchange

__all__ = ["Verdicts"]

_SHOWN = 200  # characters of what was got
_TOLD = 2000  # characters of what was expected, and of a reason: a server's texts may be in them, too


class Verdicts:
    """Decides on the checks of one scenario.

    A check passes if something was said of it, and all of that was right; the first thing that was wrong is kept.
    """

    def __init__(self, name: str, checks: Sequence[Check], version: Version, *, strict: bool = False) -> None:
        self._name = name
        self._checks = tuple(checks)
        self._version = version
        self._strict = strict
        self._results: dict[str, Result] = {}

    def that(
        self,
        check: Check,
        right: bool,
        *,
        expected: str,
        got: object,
        exchange: Exchange | None = None,
        reason: str = "",
    ) -> bool:
        """Say whether something about a check is right, what would be, and what there is; gives ``right`` back.

        What is said of a check that is not about the server's version does not count.
        """
        verdict = Verdict.PASS if right else self._wrong(check)
        self._keep(
            Result(
                check=check,
                verdict=verdict,
                reason=_cut(reason, _TOLD),
                expected=(_cut(expected, _TOLD),),
                got=_show(got),
                exchange=exchange,
            )
        )
        return right

    def cannot(self, check: Check, reason: str) -> None:
        """Say that a check is about the other side, and could not be exercised, and what is missing."""
        self._keep(Result(check=check, verdict=Verdict.UNTESTABLE, reason=_cut(reason, _TOLD)))

    def cannot_rest(self, reason: str) -> None:
        """Say that of all checks of which nothing was said yet."""
        for check in self.unsaid():
            self.cannot(check, reason)

    def skip(self, check: Check, reason: str) -> None:
        """Say that a check is not about the other side, and why."""
        self._keep(Result(check=check, verdict=Verdict.SKIP, reason=reason))

    def unsaid(self) -> list[Check]:
        """The checks of which nothing was said yet."""
        return [check for check in self._checks if check.id not in self._results]

    def results(self, failure: str | None = None) -> list[Result]:
        """Give one result for each check of the scenario; ``failure`` is what ended the scenario too early."""
        return [self._results.get(check.id) or self._missing(check, failure) for check in self._checks]

    def _missing(self, check: Check, failure: str | None) -> Result:
        if not check.is_about(self._version):
            version = ".".join(map(str, self._version))
            return Result(check=check, verdict=Verdict.SKIP, reason=f"not about Gradio {version}")
        reason = _cut(failure or "the scenario said nothing of it", _TOLD)
        return Result(check=check, verdict=Verdict.ERROR, reason=reason)

    def _wrong(self, check: Check) -> Verdict:
        return Verdict.FAIL if check.level is Level.MUST or self._strict else Verdict.WARN

    def _keep(self, result: Result) -> None:
        check = result.check
        if check not in self._checks:
            raise ValueError(f"the scenario {self._name} does not declare the check {check.id}")
        known = self._results.get(check.id)
        if check.is_about(self._version) and (known is None or known.verdict is Verdict.PASS):
            self._results[check.id] = result


def _show(value: Any) -> str:
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=False, default=repr)
        except ValueError:
            text = repr(value)
    return _cut(text, _SHOWN)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."
