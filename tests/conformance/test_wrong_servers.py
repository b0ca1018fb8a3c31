"""Servers that do one thing wrong: the right checks fail and say why, nothing hangs, and nothing breaks the suite."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto_conformance._checks import Verdict
from gradproto_fake_server import FAULTS
from tests.conformance.runs import check, ids
from tests.conformance.twin import twin

WRONG = (Verdict.FAIL, Verdict.WARN)

# The version, what goes wrong and where, and the checks that are to see it.
SEEN: list[tuple[str, str, str, dict[str, Any], set[str]]] = [
    ("6.31.0", "rank up", "* *", {}, {"event-rank"}),
    ("6.31.0", "no heartbeat", "* *", {}, {"queue-heartbeat"}),
    ("6.31.0", "content type", "GET */queue/data*", {}, {"queue-stream-is-event-stream"}),
    ("6.31.0", "content type", "GET */heartbeat/*", {}, {"heartbeat-at-once"}),
    ("6.31.0", "comments", "GET */queue/data*", {}, {"queue-stream-framing"}),
    ("6.31.0", "wrong diff", "* *", {}, {"diff-actions", "diff-lists", "diff-unchanged", "diff-values"}),
    ("6.31.0", "silence", "GET */heartbeat/*", {}, {"heartbeat-goes-on"}),
    ("6.31.0", "crash", "GET */heartbeat/*", {}, {"heartbeat-at-once"}),
    ("6.31.0", "crash", "GET */queue/status", {}, {"queue-status"}),
    ("6.31.0", "crash", "POST */cancel", {}, {"cancel-unknown-event", "cancel-answers-success"}),
    ("6.31.0", "missing fields", "* *", {"fields": ("eta",)}, {"event-starts"}),
    ("6.31.0", "missing fields", "* *", {"fields": ("rank_eta",)}, {"event-estimation"}),
    ("6.31.0", "missing fields", "* *", {"fields": ("progress_data",)}, {"event-progress"}),
    ("6.31.0", "missing fields", "* *", {"fields": ("level",)}, {"event-log"}),
    ("6.31.0", "missing fields", "* *", {"fields": ("visible",)}, {"event-log-shown"}),
    ("4.12.0", "missing fields", "* *", {"fields": ("eta",)}, {"event-starts"}),
    ("4.0.2", "rank up", "* *", {}, {"event-rank"}),
    ("4.0.2", "content type", "GET /queue/join*", {}, {"own-join-is-event-stream"}),
    ("4.0.2", "crash", "POST /queue/data", {}, {"own-takes-data"}),
    ("4.0.2", "duplicate completion", "* *", {}, {"event-order"}),
    ("3.50.2", "rank up", "* *", {}, {"event-rank"}),
    ("3.50.2", "crash", "GET /queue/join", {}, {"ws-handshake"}),
    ("3.50.2", "no start", "* *", {}, {"event-order", "event-generator-order", "event-starts"}),
    ("3.50.2", "crash", "POST /reset", {}, {"reset-restarts-generator"}),
    ("2.9.4", "crash", "POST /api/queue/push/", {}, {"poll-push-answers-hash"}),
    ("2.9.4", "page", "POST /api/queue/status/", {}, {"poll-status-on-its-way", "poll-status-complete"}),
]


def break_it(name: str, pattern: str, values: dict[str, Any]) -> Any:
    return lambda app: app.inject(name, pattern, times=None, **values)


@pytest.mark.parametrize(("version", "fault", "pattern", "values", "seen"), SEEN)
def test_the_checks_that_are_about_it_fail(
    version: str, fault: str, pattern: str, values: dict[str, Any], seen: set[str]
) -> None:
    results = check(twin(version), before=break_it(fault, pattern, values))
    # What depends on an answer that is wrong cannot be decided on; nothing else is to be seen.
    assert ids(results.values(), *WRONG) == seen
    for name in seen:
        assert results[name].expected[0]
        assert results[name].got
    assert not ids(results.values(), Verdict.ERROR)


SOME = ("hang", "cut", "page", "late", "truncate", "stall", "silence", "corrupt json")
# An answer of 16 MB, and thousands of pieces of a byte, cost seconds and show nothing more.
EVERYWHERE = [
    (version, name)
    for version in ("3.50.2", "4.8.0", "6.31.0")
    for name, kind in FAULTS.items()
    if kind.family == "message"
    or name in SOME
    or (
        version == "6.31.0"
        and kind.family in ("answer", "shape", "stream")
        and name not in ("oversize event", "dribble")
    )
]


@pytest.mark.parametrize(("version", "fault"), EVERYWHERE)
def test_no_fault_breaks_a_scenario(version: str, fault: str) -> None:
    results = check(twin(version), before=break_it(fault, "* *", {}), jobs=50)
    errors = [f"{result.check.id}: {result.reason}" for result in results.values() if result.verdict is Verdict.ERROR]
    assert errors == []
    untold = [one for one in results.values() if one.verdict is Verdict.UNTESTABLE and not one.reason]
    assert untold == []
