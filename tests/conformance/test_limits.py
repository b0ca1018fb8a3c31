"""Limits of a run, in memory, where seconds cost no time: what they cut is told, and the rest stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from gradproto import ArgumentError, DeadlineExceeded, GradprotoError
from gradproto_conformance._checks import Effect, Verdict
from gradproto_conformance._ending import Ending, Interrupted
from gradproto_conformance._report import Report
from gradproto_conformance._suite import Options, plan_async, run_async
from gradproto_fake_server.trio import open_memory_server
from tests.conformance.twin import twin

LONG = ("config-version", "heartbeat-goes-on")  # the second takes 15 seconds


def _run(options: Options, *, fault: str | None = None, end: Callable[[Ending], None] = lambda _ending: None) -> Report:
    """Make a run; ``end`` is called when the first check was decided on."""

    async def main() -> Report:
        app = twin("6.31.0")
        if fault is not None:
            app.inject(fault, "* *", times=None)
        ending = Ending(options.deadline)
        failure: GradprotoError | None = None
        async with open_memory_server(app) as network:
            try:
                return await run_async(
                    network.url, options, open_stream=network.open_stream, ending=ending, report=lambda _: end(ending)
                )
            except GradprotoError as error:
                failure = error  # the server's nursery would wrap it
        assert failure is not None
        raise failure

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def _told(report: Report) -> dict[str, tuple[Verdict, str]]:
    return {result.check.id: (result.verdict, result.reason) for result in report.results}


def test_what_the_deadline_cuts_is_an_error_and_makes_the_run_incomplete() -> None:
    report = _run(Options(profile=Effect.FULL, select=LONG, deadline=3))
    told = {"config-version": (Verdict.PASS, ""), "heartbeat-goes-on": (Verdict.ERROR, "the run's 3 s were over")}
    assert _told(report) == told
    assert (report.exit_code, report.interrupted) == (4, False)


def test_what_had_no_turn_before_the_deadline_is_an_error_too() -> None:
    report = _run(
        Options(profile=Effect.FULL, select=("heartbeat-*", "state-*", "queue-*", "cancel-*"), deadline=3, jobs=1)
    )
    late = [result for result in report.results if result.reason == "the run's 3 s were over"]
    assert len(late) > 3
    assert {result.verdict for result in late} == {Verdict.ERROR}


def test_the_timeout_is_that_of_a_scenario() -> None:
    told = _told(_run(Options(profile=Effect.FULL, select=LONG, timeout=3)))
    assert told["config-version"] == (Verdict.PASS, "")
    assert told["heartbeat-goes-on"] == (Verdict.ERROR, "no end within 3 s")


def test_an_interrupted_run_keeps_what_was_decided() -> None:
    report = _run(Options(profile=Effect.FULL, select=LONG, jobs=1), end=lambda ending: ending.interrupt())
    told = {"config-version": (Verdict.PASS, ""), "heartbeat-goes-on": (Verdict.ERROR, "the run was interrupted")}
    assert _told(report) == told
    assert (report.exit_code, report.interrupted) == (130, True)


@pytest.mark.parametrize("options", [Options(timeout=3), Options(deadline=3)])
def test_a_config_that_does_not_come_is_not_waited_for(options: Options) -> None:
    with pytest.raises(DeadlineExceeded, match="/config gave no config in time"):
        _run(options, fault="hang")


def test_an_ending_before_the_beginning_runs_nothing() -> None:
    async def main() -> None:
        ending = Ending()
        ending.interrupt()
        async with open_memory_server(twin("6.31.0")) as network:
            with pytest.raises(Interrupted):
                await plan_async(network.url, open_stream=network.open_stream, ending=ending)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize(
    "values",
    [
        *({"timeout": value} for value in (0, "5", None, float("nan"), float("inf"))),
        *({"deadline": value} for value in (-1, True)),
        *({"jobs": value} for value in (0, 1.5, True)),
    ],
)
def test_limits_that_are_none_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"^{next(iter(values))} must be"):
        _run(Options(**values))
