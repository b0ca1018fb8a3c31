"""The areas about documents, values and files, and what is to be said of all areas together."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any

import pytest
import trio
import trio.testing

from gradproto_conformance import Clause, Effect, Level, Options, Report, Verdict, all_checks, clauses, pages, run_async
from gradproto_conformance._areas import REGISTRIES
from gradproto_conformance._suite import all_scenarios
from gradproto_fake_server import FakeApp, FakeFile, textbox
from gradproto_fake_server import file as file_component
from gradproto_fake_server.trio import open_memory_server
from tests.conformance.bending import BentApp, Edit, Rule, drop, put
from tests.conformance.runs import check, ids
from tests.conformance.test_queue_areas import VERSIONS, wrong
from tests.conformance.twin import LOGIN, twin

NAMES = ("base", "config", "info", "payload", "file", "direct", "call", "auth")
OTHERS = [
    scenario
    for scenario in all_scenarios()
    if {clause.id.partition("-")[0].lower() for one in scenario.checks for clause in one.clauses} <= set(NAMES)
]


# --- what is declared ------------------------------------------------------------------------------------------------


def of_servers() -> list[Clause]:
    """The clauses that a server keeps or breaks: what a client owes is checked with servers that try it."""
    return [clause for page in pages() if page.name != "client" for clause in page.clauses]


def test_each_must_and_should_of_all_pages_has_a_check() -> None:
    cited = {clause.id for one in all_checks().values() for clause in one.clauses}
    assert [one.id for one in of_servers() if one.level is not Level.MAY and one.id not in cited] == []


def test_each_check_cites_clauses_that_there_are_and_of_one_page() -> None:
    for one in all_checks().values():
        assert one.clauses, one.id
        assert all(clauses()[clause.id] is clause for clause in one.clauses), one.id
        assert len({clause.id.partition("-")[0] for clause in one.clauses}) == 1, one.id


def test_each_check_is_about_some_version_and_is_decided_by_one_scenario() -> None:
    decided = Counter(one.id for scenario in all_scenarios() for one in scenario.checks)
    assert decided == dict.fromkeys(all_checks(), 1)
    assert [one.id for one in all_checks().values() if one.since and one.until and one.since >= one.until] == []


def test_areas_stand_in_the_order_of_the_pages_of_their_first_checks() -> None:
    areas = [next(iter(registry.checks.values())).clauses[0].id.partition("-")[0].lower() for registry in REGISTRIES]
    assert [name for name, _ in groupby(areas)] == [page.name for page in pages() if page.name in areas]


# --- good servers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_good_server_of_each_dialect_passes(version: str) -> None:
    results = check(twin(version), chosen=OTHERS)
    assert wrong(results) == []
    assert len(results) == sum(len(scenario.checks) for scenario in OTHERS)


@pytest.mark.parametrize(
    ("function", "seen"),
    [("file", "payload-gradio-2-file"), ("image", "payload-gradio-2-image"), ("fail_value", "direct-error")],
)
def test_a_gradio_2_with_another_function_passes(function: str, seen: str) -> None:
    results = check(twin("2.9.4", function=function), chosen=OTHERS)
    assert wrong(results) == []
    assert results[seen].verdict is Verdict.PASS


def test_a_gradio_2_without_outputs_passes() -> None:
    results = check(twin("2.9.4", function="noout"), chosen=OTHERS)
    assert wrong(results) == []
    assert results["config-gradio-2"].verdict is Verdict.PASS


EVERYTHING = Options(profile=Effect.FULL)


def whole(app: FakeApp, **about: Any) -> Report:
    """Give the report of the whole suite on a server in memory."""

    async def main() -> Report:
        async with open_memory_server(app) as network:
            return await run_async(network.url, EVERYTHING, open_stream=network.open_stream, **about)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("version", ["3.16.2", "3.50.2", "4.8.0", "4.44.1", "6.31.0"])
def test_a_good_server_conforms_to_all(version: str) -> None:
    report = whole(twin(version))
    assert (report.exit_code, report.counts[Verdict.WARN]) == (0, 0)


@pytest.mark.parametrize(("version", "login"), [("3.16.2", "auth-login-by-redirect"), ("6.31.0", "auth-login")])
def test_a_good_server_with_a_login_conforms(version: str, login: str) -> None:
    ((user, password),) = LOGIN.items()
    report = whole(twin(version, auth=LOGIN), auth=(user, password))
    assert [one.check.id for one in report.results if one.verdict is Verdict.FAIL] == []
    assert {one.check.id for one in report.results if one.verdict is Verdict.PASS} >= {"auth-cookies", login}


def test_what_cannot_be_compared_is_left_out_with_a_reason() -> None:
    results = check(twin("3.50.2"), chosen=OTHERS)
    assert results["info-parameter-count"].verdict is not Verdict.UNTESTABLE
    assert check(twin("3.4.1"), chosen=OTHERS)["file-head"].verdict is Verdict.SKIP


# --- wrong servers ---------------------------------------------------------------------------------------------------


def bend(app: FakeApp, name: str, **changes: Any) -> None:
    """Change an endpoint, or how its first input or output is converted, of an app whose config was read already."""
    (endpoint,) = (endpoint for endpoint in app.endpoints if endpoint.name == name)
    for key, value in changes.items():
        if key == "encode":
            endpoint.outputs = (dataclasses.replace(endpoint.outputs[0], encode=value), *endpoint.outputs[1:])
        elif key == "decode":
            endpoint.inputs = (dataclasses.replace(endpoint.inputs[0], decode=value), *endpoint.inputs[1:])
        else:
            setattr(endpoint, key, value)


def other(change: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """What a file is told as, with something else in it."""
    return lambda file, context: {**file_component().encode(file, context), **change}


def without_mark(files: Any, context: Any) -> Any:
    return [
        {key: value for key, value in file_component().encode(file, context).items() if key != "meta"} for file in files
    ]


# The version, the endpoint that is changed, and how; and the checks of these areas that are to see it.
WRONG: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("6.31.0", "add", dict(function=lambda a, b: a + b + (b == 2)), {"payload-inputs"}),
    ("6.31.0", "add", dict(encode=lambda total, _: float(total)), {"payload-whole-number"}),
    ("6.31.0", "add", dict(encode=lambda total, _: min(total, 1e308)), {"payload-infinity"}),
    ("6.31.0", "state", dict(function=lambda seen: (seen, seen)), {"payload-state"}),
    ("4.44.1", "multi", dict(function=lambda text: (text, text.upper(), len(text))), {"payload-outputs"}),
    (
        "3.0.24",
        "multi",
        dict(function=lambda text: (text[::-1], 5, text)),
        {"payload-outputs", "config-function-by-place"},
    ),
    ("6.31.0", "echo", dict(function=lambda text: text and text.replace("\u2028", "\n")), {"payload-text"}),
    ("3.50.2", "echo", dict(function=lambda text: text or ""), {"payload-nothing"}),
    ("6.31.0", "json", dict(function=str), {"payload-values"}),
    ("3.0.24", "json", dict(function=lambda value: [value]), {"payload-values"}),
    ("6.31.0", "update", dict(encode=lambda update, _: update["value"]), {"payload-update"}),
    ("3.50.2", "noout", {"outputs": (textbox("out"),)}, {"payload-no-outputs"}),
    ("6.31.0", "file", dict(function=lambda file: FakeFile("loud.txt", b"CONTENT")), {"file-in-payload", "file-url"}),
    ("6.31.0", "file", dict(encode=other({"path": "/nowhere"})), {"file-in-payload"}),
    ("6.31.0", "file", dict(encode=other({"url": None})), {"file-url"}),
    ("6.31.0", "file", dict(encode=other({"url": "http://elsewhere.test/file"})), {"file-url"}),
    ("6.31.0", "files", dict(encode=without_mark), {"file-mark"}),
    ("3.50.2", "file", dict(encode=other({"is_file": False})), {"file-named", "file-named-inline"}),
    ("3.16.2", "file", dict(function=lambda file: FakeFile("loud.txt", b"CONTENT")), {"file-inline"}),
]


@pytest.mark.parametrize(("version", "name", "changes", "seen"), WRONG)
def test_the_checks_that_are_about_it_fail(version: str, name: str, changes: dict[str, Any], seen: set[str]) -> None:
    chosen = [one for one in OTHERS if one.name.startswith(("payload", "file", "config-function"))]
    results = check(twin(version), before=lambda app: bend(app, name, **changes), chosen=chosen)
    assert ids(results.values(), Verdict.FAIL, Verdict.WARN) == seen
    for one in seen:
        assert results[one].expected[0]
        assert results[one].got


@pytest.mark.parametrize(
    "said", [5, None, {"a": 1}, "\ud800", "http://fake.test/a b\r\nc: d", "http://fake.test/\u2713"]
)
@pytest.mark.parametrize("key", ["url", "path"])
def test_what_is_no_address_breaks_nothing(key: str, said: object) -> None:
    results = check(
        twin("6.31.0"),
        before=lambda app: bend(app, "file", encode=other({key: said})),
        chosen=[one for one in OTHERS if one.name == "file-in-payload"],
    )
    assert ids(results.values(), Verdict.ERROR, Verdict.UNTESTABLE) == set()
    assert {"url": "file-url", "path": "file-in-payload"}[key] in ids(results.values(), Verdict.FAIL, Verdict.WARN)


def test_a_file_that_anybody_may_name_is_seen() -> None:
    results = check(
        twin("6.31.0"),
        before=lambda app: bend(app, "file", decode=lambda _, context: context.store_content("any.txt", b"content")),
        chosen=[one for one in OTHERS if one.name == "file-that-is-refused"],
    )
    assert ids(results.values(), Verdict.FAIL) == {"file-mark-wanted", "file-not-given"}


def test_a_limit_that_is_not_kept_is_seen() -> None:
    app = twin("6.31.0")
    results = check(app, before=lambda app: setattr(app, "max_file_size", None), chosen=OTHERS)
    assert ids(results.values(), Verdict.FAIL, Verdict.WARN) == {"file-too-large"}


@pytest.mark.parametrize("limit", [None, 1 << 40])
def test_no_limit_and_a_high_one_are_left_out(limit: int | None) -> None:
    app = twin("6.31.0")
    app.max_file_size = limit
    results = check(app, chosen=[one for one in OTHERS if one.name == "file-too-large"])
    assert results["file-too-large"].verdict is Verdict.SKIP


FAULTS = ("hang", "cut", "page", "late", "truncate", "stall", "corrupt json", "crash")


@pytest.mark.parametrize("version", ["2.9.4", "3.50.2", "4.0.2", "4.44.1", "6.31.0"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_breaks_a_scenario(version: str, fault: str) -> None:
    app = twin(version)
    results = check(app, before=lambda app: app.inject(fault, "* *", times=None), chosen=OTHERS, jobs=50)
    errors = [f"{result.check.id}: {result.reason}" for result in results.values() if result.verdict is Verdict.ERROR]
    assert errors == []


@pytest.mark.parametrize("version", ["3.16.2", "6.31.0"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_breaks_a_login(version: str, fault: str) -> None:
    app = twin(version, auth=LOGIN)
    ((user, password),) = LOGIN.items()
    report = whole(app, auth=(user, password), planned=lambda *_: app.inject(fault, "* *", times=None))
    errors = [f"{result.check.id}: {result.reason}" for result in report.results if result.verdict is Verdict.ERROR]
    assert errors == []


# For each area a check that is about an answer, and one that cannot be decided on without it.
ASKED = {
    "base-stream-type": "base-stream-not-compressed",
    "config-is-json": "config-version",
    "info-is-there": "info-names",
    "file-upload": "file-content",
    "direct-by-name": None,
    "call-post": "call-result",
    "served-pages": None,
    "queue-join-answers-event-id": "queue-event-ids-differ",
}


@pytest.mark.parametrize(
    ("fault", "said"), [("hang", "no answer within"), ("cut", "the server closed the connection without an answer")]
)
def test_an_answer_that_does_not_come_fails_and_what_wants_it_is_untestable(fault: str, said: str) -> None:
    results = check(twin("6.31.0"), before=lambda app: app.inject(fault, "* *", times=None), chosen=all_scenarios())
    for asked, wants_it in ASKED.items():
        assert results[asked].verdict is Verdict.FAIL, asked
        assert said in results[asked].got, asked
        if wants_it is not None:
            assert results[wants_it].verdict is Verdict.UNTESTABLE, wants_it
            assert results[wants_it].reason


@pytest.mark.parametrize("value", [None, 7, [], {}, {"named_endpoints": 7}, "\ud800", {"event_id": "\ud800/../x"}])
def test_no_value_in_place_of_another_breaks_a_scenario(value: object) -> None:
    body = json.dumps(value)
    results = check(
        twin("6.31.0"),
        before=lambda app: app.fail("* *", status=200, body=body, content_type="application/json", times=None),
        chosen=all_scenarios(),
        jobs=50,
    )
    errors = [f"{result.check.id}: {result.reason}" for result in results.values() if result.verdict is Verdict.ERROR]
    assert errors == []


STRANGE_CONFIGS: list[Edit] = [
    drop("components"),
    put("dependencies.0.inputs", 7),
    put("dependencies.*.id", "x"),
    put("dependencies.*.api_name", []),
    put("max_file_size", "x"),
    put("root", "http://[x"),
    put("root", "http://fake.test:99999"),
]


@pytest.mark.parametrize(
    ("version", "edit"), [("4.12.0", put("dependencies.0", 7)), *(("6.31.0", edit) for edit in STRANGE_CONFIGS)]
)
def test_no_config_breaks_a_scenario(version: str, edit: Edit) -> None:
    bent = partial(BentApp, rules=(Rule(on="GET /config", value=edit),), other={})
    readers = [one for one in all_scenarios() if one in OTHERS or one.name == "joins-that-are-refused"]
    results = check(twin(version, make=bent), chosen=readers, jobs=50)
    errors = [f"{result.check.id}: {result.reason}" for result in results.values() if result.verdict is Verdict.ERROR]
    assert errors == []


def test_who_cannot_be_reached_has_not_failed() -> None:
    results = check(
        twin("6.31.0"), before=lambda app: app.inject("refuse", times=None), chosen=all_scenarios(), jobs=50
    )
    assert ids(results.values(), Verdict.FAIL, Verdict.WARN) == set()
    assert len(ids(results.values(), Verdict.ERROR)) > len(results) / 2


# --- without trio ----------------------------------------------------------------------------------------------------


def test_who_has_no_trio_is_told_what_to_install() -> None:
    code = "import sys; sys.modules['trio'] = None; import gradproto_conformance"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        'ModuleNotFoundError: the conformance suite needs one more library: pip install "gradproto[trio]"'
    )
