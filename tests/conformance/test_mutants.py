"""The suite tests itself: for each deviation of a server exactly the checks fail that are about it."""

from __future__ import annotations

from collections import Counter

import pytest

from gradproto_conformance._checks import Result, Verdict
from gradproto_conformance._clauses import Level
from gradproto_conformance._render import explain
from gradproto_conformance._suite import all_checks
from tests.conformance import (
    mutants_of_apps,
    mutants_of_documents,
    mutants_of_events,
    mutants_of_payloads,
    mutants_of_queues,
    mutants_of_sessions,
)
from tests.conformance.mutating import NEWEST, App, Mutant, judged, unmutated

MUTANTS: list[Mutant] = [
    *mutants_of_documents.MUTANTS,
    *mutants_of_payloads.MUTANTS,
    *mutants_of_queues.MUTANTS,
    *mutants_of_sessions.MUTANTS,
    *mutants_of_events.MUTANTS,
    *mutants_of_apps.MUTANTS,
]

UNDECIDED = (Verdict.UNTESTABLE, Verdict.SKIP)

# What a good server does not pass, by version. Before 3.6 the fake puts an event in a line of its own until its
# function is known.
KNOWN: dict[str, set[str]] = {"3.1.7": {"event-rank"}, "3.4.1": {"event-rank"}}

VERSIONS = (
    "2.9.4",
    "3.0.24",
    "3.1.7",
    "3.4.1",
    "3.16.2",
    "3.50.2",
    "4.0.2",
    "4.8.0",
    "4.12.0",
    "4.25.0",
    "4.44.1",
    "5.50.0",
    NEWEST,
)
GOOD: list[tuple[str, App]] = [
    *((version, "everything") for version in VERSIONS),
    *((version, "login") for version in ("3.4.1", "3.50.2", "4.44.1", NEWEST)),
    *((version, "named") for version in ("3.50.2", "4.0.2", NEWEST)),
    *((version, "small") for version in ("3.50.2", "4.0.2", NEWEST)),
    ("2.9.4", "fail"),
    (NEWEST, "closes"),
]


def told(result: Result) -> str:
    return f"{result.check.id}: {result.verdict.value} {result.reason} {result.expected} {result.got}"


@pytest.mark.parametrize(("version", "app"), GOOD)
def test_all_checks_pass_with_a_good_server(version: str, app: App) -> None:
    results = unmutated(version, app)
    assert results.keys() == all_checks().keys()
    strange = [one for one in results.values() if one.verdict not in (Verdict.PASS, Verdict.SKIP)]
    assert {one.check.id for one in strange} == KNOWN.get(version, set()), [told(one) for one in strange]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_exactly_the_checks_fail_that_are_about_what_is_wrong(mutant: Mutant) -> None:
    good = unmutated(mutant.version, mutant.app)
    expected = {name: result.verdict for name, result in good.items()}
    assert {expected[name] for name in mutant.fails} == {Verdict.PASS}
    checks = all_checks()
    expected |= {name: Verdict.FAIL if checks[name].level is Level.MUST else Verdict.WARN for name in mutant.fails}

    results = judged(mutant)
    others = [
        result
        for name, result in results.items()
        if result.verdict not in (UNDECIDED if name in mutant.undecided else (expected[name],))
    ]
    assert [told(one) for one in others] == [], mutant.wrong
    for name, word in mutant.fails.items():
        assert word in results[name].got, told(results[name])
        assert "\n  sent " in explain(results[name]), told(results[name])


def test_each_check_is_failed_by_a_mutant() -> None:
    failed = {name for mutant in MUTANTS for name in mutant.fails}
    assert all_checks().keys() - failed == set()


def test_what_must_be_told_of_a_failure_is_more_than_nothing() -> None:
    assert [mutant.name for mutant in MUTANTS if not mutant.fails or not all(mutant.fails.values())] == []


def test_no_two_mutants_have_one_name() -> None:
    names = Counter(mutant.name for mutant in MUTANTS)
    assert [name for name, number in names.items() if number > 1] == []
