"""Who a scenario tells what it saw, and what comes of that for each check."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, ParamSpec

import trio

from gradproto import GradprotoError
from gradproto._record import replace

from ._checks import BAD, Check, Result, Scenario, Verdict
from ._clauses import Level
from ._exchange import Exchange
from ._probe import Probe
from ._target import Target

__all__ = ["Judge"]

P = ParamSpec("P")

_SHOWN = 200  # characters of what was got


class Judge:
    """Decides on the checks of one scenario.

    A check passes if something was said of it, and all of that was right; the first thing that was wrong is kept.
    """

    def __init__(
        self,
        scenario: Scenario,
        target: Target,
        probe: Probe,
        *,
        run: str,
        login: tuple[str, str] = ("", ""),
        strict: bool = False,
    ) -> None:
        self.target = target
        self.probe = probe
        self.login = login
        """The user and the password, where scenarios may need ``login``."""
        self._run = run
        self._names = 0
        self._scenario = scenario
        self._strict = strict
        self._results: dict[str, Result] = {}

    def that(self, check: Check, right: bool, *, expected: str, got: object, exchange: Exchange | None = None) -> bool:
        """Say whether something about a check is right, what would be, and what there is; gives ``right`` back.

        What is said of a check that is not about the server's version does not count.
        """
        verdict = Verdict.PASS if right else self._wrong(check)
        self._keep(Result(check=check, verdict=verdict, expected=(expected,), got=_show(got), exchange=exchange))
        return right

    def cannot(self, check: Check, reason: str) -> None:
        """Say that a check is about the server, and could not be exercised, and what is missing."""
        self._keep(Result(check=check, verdict=Verdict.UNTESTABLE, reason=reason))

    def cannot_rest(self, reason: str) -> None:
        """Say that of all checks of which nothing was said yet."""
        for check in self._scenario.checks:
            if check.id not in self._results:
                self.cannot(check, reason)

    def skip(self, check: Check, reason: str) -> None:
        """Say that a check is not about this server, and why."""
        self._keep(Result(check=check, verdict=Verdict.SKIP, reason=reason))

    def unique(self, what: str) -> str:
        """Give a name that neither another scenario, nor another run has: of a session, of an upload."""
        self._names += 1
        return f"gradproto-{self._run}-{self._scenario.name}-{what}-{self._names}"

    @contextlib.asynccontextmanager
    async def together(self) -> AsyncGenerator[Callable[..., None], None]:
        """Give a function that begins tasks; the block waits for them at its end. What fails in them fails in it."""
        failures: list[GradprotoError] = []  # a nursery would wrap them
        async with trio.open_nursery() as nursery:

            async def carry_out(task: Callable[[], Awaitable[None]]) -> None:
                try:
                    await task()
                except GradprotoError as error:
                    failures.append(error)
                    nursery.cancel_scope.cancel()

            def begin(task: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
                nursery.start_soon(carry_out, lambda: task(*args, **kwargs))

            try:
                yield begin
            except GradprotoError as error:
                failures.append(error)
                nursery.cancel_scope.cancel()
        if failures:
            raise failures[0]

    def results(self, failure: str | None = None) -> list[Result]:
        """Give one result for each check of the scenario; ``failure`` is what ended the scenario too early."""
        found = [self._results.get(check.id) or self._missing(check, failure) for check in self._scenario.checks]
        own = tuple(self.probe.own)
        return [replace(result, exchanges=own) if result.verdict in BAD else result for result in found]

    def _missing(self, check: Check, failure: str | None) -> Result:
        if not check.is_about(self.target.version):
            version = ".".join(map(str, self.target.version))
            return Result(check=check, verdict=Verdict.SKIP, reason=f"not about Gradio {version}")
        return Result(check=check, verdict=Verdict.ERROR, reason=failure or "the scenario said nothing of it")

    def _wrong(self, check: Check) -> Verdict:
        return Verdict.FAIL if check.level is Level.MUST or self._strict else Verdict.WARN

    def _keep(self, result: Result) -> None:
        check = result.check
        if check not in self._scenario.checks:
            raise ValueError(f"the scenario {self._scenario.name} does not declare the check {check.id}")
        known = self._results.get(check.id)
        if check.is_about(self.target.version) and (known is None or known.verdict is Verdict.PASS):
            self._results[check.id] = result


def _show(value: Any) -> str:
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=False, default=repr)
        except ValueError:
            text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
