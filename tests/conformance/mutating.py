"""Mutants: fake servers with one deviation each, and what the suite must say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Literal

import trio
import trio.testing

from gradproto_conformance._checks import Effect, Result
from gradproto_conformance._clauses import version_of
from gradproto_conformance._suite import Options, all_scenarios, run_async
from gradproto_fake_server import FakeApp
from gradproto_fake_server.trio import open_memory_server
from tests.conformance.bending import BentApp, Rule
from tests.conformance.twin import LOGIN, twin

__all__ = ["NEWEST", "App", "Message", "Mutant", "data_of", "judged", "mutant", "stream_of", "unmutated"]

NEWEST = "6.31.0"

Message = dict[str, Any]

App = Literal["everything", "named", "small", "closes", "login", "fail", "file", "image"]
"""Which of the twins: as of `twin`, with an endpoint that is named, a login, or a Gradio 2 with another function."""

_TWINS: Mapping[App, Mapping[str, Any]] = {
    "everything": {},
    "named": {},
    "small": {"small": True},
    "closes": {"closes": True},
    "login": {"auth": LOGIN},
    "fail": {"function": "fail"},
    "file": {"function": "file"},
    "image": {"function": "image"},
}

# It takes long enough for it to be seen whether its beginning comes with its end.
_NAMED = {"slow": ["named", 1.2]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One deviation.

    ``rules``, ``profile`` (fields of the fake's profile) and ``change`` are how it is done. ``fails`` are the checks
    that must fail, each with a word that must be in what was got. ``cuts`` are scenarios of which no other check can be
    decided on any more, ``cut_off`` are single checks of which that is so.
    """

    name: str
    wrong: str
    version: str = NEWEST
    app: App = "everything"
    rules: tuple[Rule, ...] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)
    change: Callable[[FakeApp], object] = lambda _app: None
    fails: Mapping[str, str]
    cuts: tuple[str, ...] = ()
    cut_off: frozenset[str] = frozenset()

    @property
    def undecided(self) -> set[str]:
        """All checks that can no longer be decided on."""
        version = version_of(self.version)
        cut = {
            check.id
            for scenario in all_scenarios()
            if scenario.name in self.cuts
            for check in scenario.checks
            if check.is_about(version)
        }
        return (cut | self.cut_off) - self.fails.keys()


def mutant(name: str, wrong: str, rule: Rule, fails: dict[str, str], **more: Any) -> Mutant:
    """Give a mutant of one rule."""
    return Mutant(name=name, wrong=wrong, rules=(rule,), fails=fails, **more)


def data_of(scenario: str, number: int | None = None) -> str:
    """Give what the streams of a scenario's sessions are asked for with, or the one of that number."""
    return f"GET {stream_of(scenario, number)}"


def stream_of(scenario: str, number: int | None = None) -> str:
    """Give the target of the streams of a scenario's sessions, or of the one that is its name of this number."""
    return f"*gradproto-????????-{scenario}-session-{'*' if number is None else number}"


def judged(mutant: Mutant) -> dict[str, Result]:
    """Give what the suite says of a mutant, by the ids of the checks."""
    make = partial(BentApp, rules=mutant.rules, other=mutant.profile)
    app = twin(mutant.version, make=make, **_TWINS[mutant.app])
    mutant.change(app)
    return _judge(app, mutant.app)


@cache
def unmutated(version: str, app: App) -> dict[str, Result]:
    """Give what the suite says of the same server without a deviation."""
    return _judge(twin(version, **_TWINS[app]), app)


def _judge(app: FakeApp, kind: App) -> dict[str, Result]:
    async def main() -> dict[str, Result]:
        async with open_memory_server(app) as network:
            # One scenario at a time, so that what a deviation does to one is no accident of what others do meanwhile.
            report = await run_async(
                network.url,
                Options(profile=Effect.FULL, jobs=1, endpoints=_NAMED if kind == "named" else {}),
                auth=next(iter(LOGIN.items())) if kind == "login" else None,
                open_stream=network.open_stream,
            )
            return {result.check.id: result for result in report.results}

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
