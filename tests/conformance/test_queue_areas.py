"""The areas about the queue and its events: what they declare, and that a good server of each dialect passes."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import gradproto_conformance
from gradproto_conformance import _target
from gradproto_conformance._areas import diff
from gradproto_conformance._checks import Effect, Result, Verdict
from gradproto_conformance._clauses import Level, clauses, pages
from gradproto_conformance._target import FIXTURES, Target
from gradproto_fake_server import FakeApp, demo_app
from tests.conformance.runs import REGISTRIES, check, ids, scenarios
from tests.conformance.twin import TOKENS, twin

# One version of each dialect, and of each era of what is said in it.
VERSIONS = (
    *("2.9.4", "3.0.24", "3.1.7", "3.4.1", "3.16.2", "3.50.2"),
    *("4.0.2", "4.12.0", "4.19.2", "4.21.0", "4.25.0", "4.44.1", "5.0.2", "5.50.0", "6.31.0"),
)

# Before 3.6 the fake puts an event in a line of its own until its function is known.
NOT_YET_IN_THE_FAKE = {"3.1.7": {"event-rank", "ws-queue-full"}, "3.4.1": {"event-rank", "ws-queue-full"}}

FIXTURE_APP = Path(gradproto_conformance.__file__).with_name("_fixture_app.py")


# --- what is declared ------------------------------------------------------------------------------------------------


def test_the_clauses_are_read_and_none_is_there_twice() -> None:
    assert len(clauses()) == sum(len(page.clauses) for page in pages())


@pytest.mark.parametrize("name", REGISTRIES)
def test_each_must_and_should_of_a_page_has_a_check(name: str) -> None:
    (page,) = (page for page in pages() if page.name == name)
    cited = {clause.id for one in REGISTRIES[name].checks.values() for clause in one.clauses}
    wanted = {clause.id for clause in page.clauses if clause.level is not Level.MAY}
    assert not wanted - cited


@pytest.mark.parametrize("name", REGISTRIES)
def test_checks_cite_clauses_of_their_own_page(name: str) -> None:
    for one in REGISTRIES[name].checks.values():
        assert {clause.id.partition("-")[0].lower() for clause in one.clauses} == {name}, one.id


def test_the_ids_of_checks_are_slugs_and_each_is_there_once() -> None:
    names = [name for registry in REGISTRIES.values() for name in registry.checks]
    assert [name for name in names if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name) is None] == []
    assert len(set(names)) == len(names)


def test_one_scenario_decides_on_each_check() -> None:
    decided = Counter(one.id for scenario in scenarios() for one in scenario.checks)
    assert set(decided.values()) == {1}
    assert decided.keys() == {name for registry in REGISTRIES.values() for name in registry.checks}


def test_scenarios_need_what_the_fixture_app_has() -> None:
    assert frozenset[str]().union(*(scenario.needs for scenario in scenarios())) <= FIXTURES


def test_no_two_scenarios_have_one_name() -> None:
    names = [scenario.name for scenario in scenarios()]
    assert len(set(names)) == len(names)


def test_scenarios_that_take_a_heartbeats_time_say_so_and_need_the_full_profile() -> None:
    slow = [scenario for scenario in scenarios() if "15 seconds" in (scenario.run.__doc__ or "")]
    assert len(slow) == 3
    assert {scenario.effect for scenario in slow} == {Effect.FULL}


# --- the fixture app -------------------------------------------------------------------------------------------------


def _written(name: str) -> Any:
    for node in ast.parse(FIXTURE_APP.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"the fixture app has no {name}")


def test_the_suite_knows_what_the_fixture_app_yields() -> None:
    assert _written("TITLE") == _target.FIXTURE_TITLE
    assert _written("GROWN") == diff.GROWN
    assert _written("TOKENS") == TOKENS
    told = [[{"token": token, "class_or_confidence": kind} for token, kind in one] for one in TOKENS]
    assert told == diff.TOKENS


def test_the_fixture_app_has_the_endpoints_that_the_suite_knows() -> None:
    source = FIXTURE_APP.read_text(encoding="utf-8")
    named = set(re.findall(r'api_name="(\w+)"', source))
    # What renders has the name of Gradio's own function, and what it renders is in no config; in Gradio 2 and from 6.0
    # on only there are private endpoints.
    assert named - {"rendered"} == FIXTURES - {"apply"}


def test_an_app_is_the_fixture_by_its_title() -> None:
    dependencies = [{"api_name": "echo"}, {"api_name": None}, {"api_name": "add", "id": 7}]
    config: dict[str, Any] = {"version": "6.31.0", "title": "gradproto conformance", "dependencies": dependencies}
    assert Target.of(config).offers == {"echo", "add"}
    assert Target.of(config).endpoints == {"echo": 0, "add": 7}
    assert Target.of({**config, "title": "Gradio"}).offers == frozenset()
    assert Target.of({**config, "title": "Gradio"}, has_login=True).offers == {"login"}


def test_an_app_of_gradio_3_0_is_the_fixture_by_its_endpoints_and_one_of_gradio_2_names_its_function() -> None:
    dependencies = [{"api_name": name} for name in ("echo", "open_gate", "ran")]
    assert Target.of({"version": "3.0.24\n", "dependencies": dependencies}).is_fixture
    assert not Target.of({"version": "3.0.24\n", "dependencies": dependencies[:1]}).is_fixture
    assert Target.of({"version": "2.9.4", "title": "gradproto conformance: fail"}).offers == {"fail"}


# --- good servers ----------------------------------------------------------------------------------------------------


def wrong(results: dict[str, Result]) -> list[str]:
    return [
        f"{result.check.id}: {result.verdict.value} {result.reason} {result.expected} {result.got}"
        for result in results.values()
        if result.verdict not in (Verdict.PASS, Verdict.SKIP) or (result.verdict is Verdict.SKIP and not result.reason)
    ]


def without_what_the_fake_lacks(results: dict[str, Result], version: str) -> dict[str, Result]:
    known = NOT_YET_IN_THE_FAKE.get(version, set())
    return {name: result for name, result in results.items() if name not in known}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_good_server_of_each_dialect_passes(version: str) -> None:
    results = check(twin(version))
    assert wrong(without_what_the_fake_lacks(results, version)) == []
    assert "pass" in {result.verdict.value for result in results.values()}
    assert len(results) == sum(len(registry.checks) for registry in REGISTRIES.values())


@pytest.mark.parametrize("version", [version for version in VERSIONS if version not in ("2.9.4", "3.0.24")])
def test_a_good_server_with_a_small_queue_passes(version: str) -> None:
    results = check(twin(version, small=True))
    assert wrong(without_what_the_fake_lacks(results, version)) == []
    assert results["event-ends"].reason == "needs echo, which the app does not have"


def test_what_needs_known_functions_is_left_out_of_any_other_app_also_where_its_names_are_the_same() -> None:
    results = check(demo_app())
    assert wrong(results) == []
    told = {result.reason for result in results.values() if not result.reason.startswith("not about Gradio")}
    assert told == {"", "needs the fixture app"}


@pytest.mark.parametrize("version", ["4.12.0", "6.31.0"])
def test_a_good_server_says_when_it_closes(version: str) -> None:
    results = check(twin(version, closes=True))
    assert wrong(results) == []
    assert results["event-app-closes"].verdict is Verdict.PASS


def test_a_gradio_2_with_a_function_that_fails_passes() -> None:
    results = check(twin("2.9.4", function="fail"))
    assert wrong(results) == []
    assert ids(results.values(), Verdict.PASS) == {"poll-status-failed"}


@pytest.mark.parametrize("version", ["3.50.2", "6.31.0"])
def test_an_app_that_shows_its_errors_passes(version: str) -> None:
    results = check(twin(version, show_error=True))
    assert wrong(results) == []
    assert "hidden: x" in results["event-error-text"].got


@pytest.mark.parametrize("version", ["2.9.4", "3.4.1", "4.0.2", "6.31.0"])
def test_scenarios_that_run_one_by_one_pass(version: str) -> None:
    assert wrong(without_what_the_fake_lacks(check(twin(version), jobs=1), version)) == []


def test_the_profile_for_reading_calls_nothing() -> None:
    app = twin("6.31.0")
    results = check(app, profile=Effect.READ)
    assert wrong(results) == []
    assert "heartbeat-at-once" in ids(results.values(), Verdict.PASS)
    assert {record.method for record in app.requests} == {"GET"}


@pytest.mark.parametrize("version", ["3.50.2", "4.0.2", "4.12.0", "6.31.0"])
def test_nothing_is_left_behind(version: str) -> None:
    left: list[str] = []

    def look(app: FakeApp) -> None:
        left.extend(job.endpoint.name for job in app.queue.events.values())
        left.extend(record.path for record in app.open_streams)

    check(twin(version), after=look)
    # A function that sleeps cannot be stopped; it ends by itself.
    assert [name for name in left if name != "slow"] == []
