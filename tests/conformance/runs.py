"""Runs the scenarios of some areas against a fake server in memory, where fifteen seconds cost no time."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import trio
import trio.testing

from gradproto_conformance._areas import cancel, diff, event, own, poll, queue, state, stream, ws
from gradproto_conformance._checks import Effect, Registry, Result, Scenario, Verdict
from gradproto_conformance._probe import open_probe
from gradproto_conformance._runner import Plan, run_plan
from gradproto_conformance._target import Target
from gradproto_fake_server import FakeApp
from gradproto_fake_server.trio import open_memory_server

__all__ = ["REGISTRIES", "check", "ids", "scenarios"]

REGISTRIES: dict[str, Registry] = {
    "poll": poll.REGISTRY,
    "ws": ws.REGISTRY,
    "own": own.REGISTRY,
    "queue": queue.REGISTRY,
    "event": event.REGISTRY,
    "diff": diff.REGISTRY,
    "cancel": cancel.REGISTRY,
    "state": state.REGISTRY,
    "stream": stream.REGISTRY,
}
"""The areas, by the names of their pages."""


def scenarios() -> list[Scenario]:
    """Give all scenarios of these areas."""
    return [scenario for registry in REGISTRIES.values() for scenario in registry.scenarios]


def check(
    app: FakeApp,
    *,
    profile: Effect = Effect.FULL,
    jobs: int = 4,
    before: Callable[[FakeApp], object] = lambda _app: None,
    after: Callable[[FakeApp], object] = lambda _app: None,
    chosen: Sequence[Scenario] | None = None,
    named: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Result]:
    """Give what came of each check; ``named`` are endpoints to be called, and what with.

    ``before`` is called when the config was read, ``after`` when the scenarios are over and the server still runs.
    """

    async def main() -> list[Result]:
        async with (
            open_memory_server(app) as network,
            open_probe(network.url, tls=ssl.create_default_context, open_stream=network.open_stream) as probe,
        ):
            target = Target.of((await probe.ask("GET", "/config")).json(), named=named)
            probe.prefix = str(target.config.get("api_prefix") or "")
            before(app)
            plan = Plan.of(scenarios() if chosen is None else chosen, target, profile=profile)
            found = await run_plan(plan, target, probe, run="test", jobs=jobs)
            with trio.move_on_after(5):
                await network.wait_for(lambda app: not app.open_streams)
            after(app)
            return found

    results = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return {result.check.id: result for result in results}


def ids(results: Iterable[Result], *verdicts: Verdict) -> set[str]:
    """Give the ids of the checks with these verdicts."""
    return {result.check.id for result in results if result.verdict in verdicts}
