"""Runs scenarios against a server: selected by what it is, what it offers, and what may be done to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

import trio

from gradproto import GradprotoError
from gradproto._record import field, record

from ._checks import Check, Effect, Result, Scenario, Verdict
from ._ending import Ending
from ._judge import Judge
from ._probe import Probe
from ._target import Target

__all__ = ["Plan", "run_plan"]

logger = logging.getLogger("gradproto")

_EFFECTS = (Effect.READ, Effect.CALL, Effect.FULL)


@record(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be run, and what not, with the reason for each check that is left out.

    A scenario may decide on more than what is ``selected``; that is not told.
    """

    scenarios: tuple[Scenario, ...]
    left_out: tuple[Result, ...] = ()
    selected: Callable[[Check], bool] = field(default=lambda _check: True, repr=False)

    @property
    def checks(self) -> int:
        """How many results its run will have to tell."""
        return sum(len(self.wanted(scenario)) for scenario in self.scenarios)

    def wanted(self, scenario: Scenario) -> list[Check]:
        """Give the checks of a scenario that are selected."""
        return [check for check in scenario.checks if self.selected(check)]

    @classmethod
    def of(
        cls,
        scenarios: Sequence[Scenario],
        target: Target,
        *,
        profile: Effect,
        selected: Callable[[Check], bool] = lambda _check: True,
    ) -> Plan:
        """Choose the scenarios that decide on a selected check, are about the server, and may be run."""
        chosen: list[Scenario] = []
        left_out: list[Result] = []
        for scenario in scenarios:
            wanted = [check for check in scenario.checks if selected(check)]
            if not wanted:
                continue
            reason = _obstacle(scenario, wanted, target, profile)
            if reason is None:
                chosen.append(scenario)
            else:
                left_out += [Result(check=check, verdict=reason[0], reason=reason[1]) for check in wanted]
        return cls(scenarios=tuple(chosen), left_out=tuple(left_out), selected=selected)


def _obstacle(
    scenario: Scenario, wanted: Sequence[Check], target: Target, profile: Effect
) -> tuple[Verdict, str] | None:
    if not any(check.is_about(target.version) for check in wanted):
        return Verdict.SKIP, f"not about Gradio {'.'.join(map(str, target.version))}"
    if _EFFECTS.index(scenario.effect) > _EFFECTS.index(profile):
        return Verdict.SKIP, f"needs the profile {scenario.effect.value}"
    missing = scenario.needs - target.offers
    if "endpoint" in missing:
        return Verdict.SKIP, "needs an endpoint that is named, with inputs"
    if "login" in missing:
        return Verdict.SKIP, "needs a login, and none was given"
    if missing and not target.is_fixture:  # it may have functions of these names, of which nothing is known
        return Verdict.SKIP, "needs the fixture app"
    return (Verdict.SKIP, f"needs {', '.join(sorted(missing))}, which the app does not have") if missing else None


async def run_plan(
    plan: Plan,
    target: Target,
    probe: Probe,
    *,
    run: str,
    jobs: int = 4,
    timeout: float = 30.0,
    login: tuple[str, str] = ("", ""),
    strict: bool = False,
    report: Callable[[Result], None] = lambda _result: None,
    ending: Ending | None = None,
) -> list[Result]:
    """Run the scenarios, at most ``jobs`` at a time and ``timeout`` seconds each; give what came of each check.

    ``report`` hears of each that was run when it is decided.
    ``run`` names this run: no other may have sessions of the same names on the server. What ``ending`` cuts is an error
    of the checks that were not decided on by then.
    """
    ending = ending or Ending()
    results: list[Result] = list(plan.left_out)
    limit = trio.CapacityLimiter(jobs)
    waiting = {
        scenario: Judge(scenario, target, probe.apart(), run=run, login=login, strict=strict)
        for scenario in plan.scenarios
    }

    def tell(scenario: Scenario, failure: str | None) -> None:
        for result in waiting.pop(scenario).results(failure):
            if plan.selected(result.check):
                results.append(result)
                report(result)

    with ending.limit():
        async with trio.open_nursery() as nursery:
            for scenario in plan.scenarios:
                await limit.acquire_on_behalf_of(scenario)
                nursery.start_soon(partial(_run_one, scenario, waiting[scenario], timeout, tell, limit))
    for scenario in plan.scenarios:
        if scenario in waiting:
            tell(scenario, ending.reason)
    return results


async def _run_one(
    scenario: Scenario,
    judge: Judge,
    timeout: float,
    tell: Callable[[Scenario, str | None], None],
    limit: trio.CapacityLimiter,
) -> None:
    failure: str | None = None
    try:
        with trio.move_on_after(timeout) as scope:
            await scenario.run(judge)
        if scope.cancelled_caught:
            failure = f"no end within {timeout:g} s"
    except GradprotoError as error:
        failure = str(error)
    except Exception as error:  # a mistake of the scenario's: it must not end the others, and shows as an error
        logger.exception("the scenario %s failed", scenario.name)
        failure = f"the suite itself failed: {type(error).__name__}: {error}"
    finally:
        limit.release_on_behalf_of(scenario)
    tell(scenario, failure)
