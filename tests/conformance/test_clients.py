"""The scenarios for clients: ours passes all, and whoever does one thing wrong fails the checks that are about it."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import trio

from gradproto import ArgumentError, UnsupportedServerError
from gradproto_conformance._checks import Result, Verdict
from gradproto_conformance._clauses import Level, pages
from gradproto_conformance._report import Report
from gradproto_conformance.client import (
    CONTRACT,
    FEATURES,
    GENERATIONS,
    ClientOptions,
    _suite,
    client_checks,
    run_client,
    run_client_async,
)
from gradproto_conformance.client._contract import Task
from gradproto_conformance.client._scenes import PLAYBOOKS
from gradproto_conformance.client._stage import Playbook, Stage, _values

HERE = Path(__file__).parent / "clients"
OURS = (sys.executable, str(HERE / "ours.py"), "{url}", "{api_name}", "{inputs}")
NEWEST = ("6.31.0",)

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and processes as POSIX has them")


def raw(name: str) -> tuple[str, ...]:
    return (sys.executable, "-I", str(HERE / "raw.py"), name, "{url}", "{api_name}", "{inputs}")


def judge(
    command: Sequence[str], *select: str, gradio: Sequence[str] = NEWEST, timeout: float = 60.0
) -> dict[str, Result]:
    (report,) = run_client(command, ClientOptions(gradio=tuple(gradio), select=select, timeout=timeout))
    return {result.check.id: result for result in report.results}


def bad(results: Iterable[Result]) -> dict[str, str]:
    """Give what is not as it should be, with what was got."""
    return {one.check.id: one.got or one.reason for one in results if one.verdict not in (Verdict.PASS, Verdict.SKIP)}


# --- what is declared ------------------------------------------------------------------------------------------------


def test_each_must_and_should_of_the_page_has_a_check_and_each_check_a_scenario() -> None:
    (page,) = (page for page in pages() if page.name == "client")
    cited = {clause.id for check in client_checks().values() for clause in check.clauses}
    assert {clause.id for clause in page.clauses if clause.level is not Level.MAY} == cited
    decided = [check.id for playbook in PLAYBOOKS for play in playbook.plays for check in play.checks]
    assert sorted(decided) == sorted(client_checks())


def test_the_ids_of_checks_are_slugs_and_those_of_scenarios_differ() -> None:
    assert [name for name in client_checks() if re.fullmatch(r"client(-[a-z0-9]+)+", name) is None] == []
    names = [play.name for playbook in PLAYBOOKS for play in playbook.plays]
    assert len(set(names)) == len(names)


def test_scenarios_need_only_what_a_client_may_be_without_and_the_contract_says_so() -> None:
    needed = {need for playbook in PLAYBOOKS for play in playbook.plays for need in play.needs}
    assert needed == set(FEATURES)
    assert all(feature in CONTRACT for feature in FEATURES)


def test_values_are_put_into_words_once() -> None:
    task = Task(api_name="/{url}", inputs=("{api_name}", "é", {"a": None}))
    assert task.command(["{url}{url}", "-x={api_name}", "{inputs}", "{other}"], "http://here") == [
        "http://herehttp://here",
        "-x=/{url}",
        json.dumps(["{api_name}", "é", {"a": None}]),
        "{other}",
    ]


# --- clients that are right ------------------------------------------------------------------------------------------


@posix
def test_a_client_is_interrupted_when_it_has_printed_an_output() -> None:
    results = judge(raw("ReadyWithItsFirstOutput"), "client-cancel-*")
    assert len(results) == 2
    assert bad(results.values()) == {}


@posix
@pytest.mark.parametrize("version", ["3.50.2", "6.31.0"])
def test_our_client_does_all_that_it_owes(version: str) -> None:
    results = judge(OURS, gradio=[version])
    assert bad(results.values()) == {}
    skipped = {one.reason for one in results.values() if one.verdict is Verdict.SKIP}
    assert skipped <= {f"not about Gradio {version}", "the client uses no stream of a session"} | (
        {"the client's calls have no body that names values"} if version == "3.50.2" else set()
    )


def test_each_generation_is_played_and_has_a_report() -> None:
    reports = run_client(OURS, ClientOptions(select=("client-result", "client-error-text"), timeout=60))
    assert [(report.gradio, report.counts[Verdict.PASS]) for report in reports] == [(one, 2) for one in GENERATIONS]


@posix
def test_a_client_in_a_hundred_lines_does_all_that_it_owes() -> None:
    results = judge(raw("Raw"))
    assert bad(results.values()) == {}
    assert [one.check.id for one in results.values() if one.verdict is Verdict.SKIP] == ["client-diffs"]


# --- clients that do one thing wrong ---------------------------------------------------------------------------------

# What everybody here gets right, unless it says otherwise.
CORE = ("client-result", "client-error", "client-cookies", "client-large-integers", "client-end-alone")

WRONG: dict[str, set[str]] = {
    "KnowsAllMessages": {"client-unknown-messages"},
    "KnowsAllFields": {"client-unknown-fields"},
    "TakesAllEvents": {"client-foreign-events"},
    "DecodesPieces": {"client-single-bytes", "client-split-characters"},
    "SplitsAtSeparators": {"client-line-separators", "client-unicode"},
    "KnowsNoCarriageReturn": {"client-stream-crlf"},
    "KnowsNoComments": {"client-stream-comments"},
    "KnowsNoMark": {"client-stream-bom"},
    "ReadsOneLargePiece": {"client-megabytes"},
    "CountsWithFloats": {"client-large-integers"},
    "TakesLastEnd": {"client-two-ends"},
    "WantsStart": {"client-end-alone"},
    "IgnoresFailures": {
        *("client-error", "client-error-text", "client-error-without-text", "client-end-without-data"),
    },
    "KnowsNoCause": {"client-error-text"},
    "TakesNoDataForNone": {"client-end-without-data"},
    "JoinsTwice": {"client-joins-once"},
    "ListensFirst": {"client-stream-after-join", "client-one-stream"},
    "AsksForWhatIsNotThere": {"client-asks-what-is-there"},
    "CountsPlaces": {"client-function-id"},
    "KeepsState": {"client-value-for-state"},
    "HasNoHeart": {"client-heartbeat"},
    "HasNoCookies": {"client-cookies"},
    "MarksNoFiles": {"client-file-mark", "client-uploads-first"},  # what is not marked is refused
    "FollowsWithToken": {"client-token-not-redirected"},
    "FetchesWithToken": {"client-token-not-for-files"},
    "CancelsSilently": {"client-cancel-tells"},
    "GivesFirstOutput": {"client-outputs"},
    "PrintsNothing": {"client-result", "client-cookies", "client-large-integers", "client-end-alone"},
    "TakesEditsForValues": {"client-generator-result", "client-diffs"},
    "NeverFails": {
        *("client-error", "client-error-text", "client-error-without-text", "client-end-without-data"),
        *("client-unexpected-error", "client-unexpected-error-text", "client-full-queue", "client-full-queue-text"),
        *("client-refused-join", "client-page-for-join", "client-lost-join", "client-no-config"),
        *("client-refused-stream", "client-page-for-stream", "client-truncated-stream", "client-cut-stream"),
    },
    "JoinsAgain": {"client-no-second-join"},
    "Forks": {"client-leaves-nothing-open"},
}

# Those that wait for ever for what does not come.
HANGING: dict[str, set[str]] = {
    "WaitsForMore": {"client-reset-stream", "client-truncated-stream"},
    "WaitsForClose": {"client-no-close-stream"},
    "IgnoresInterrupts": {"client-cancel-ends", "client-cancel-tells"},
    "IgnoresUnexpected": {"client-unexpected-error", "client-unexpected-error-text"},
}

# Those to whom the pieces in which things come happen to make the difference with any server.
FRAGILE: dict[str, tuple[str, str]] = {
    "TakesOneEventOfAPiece": ("client-one-piece", "the stream has ended too early"),
    "ReadsConfigAtOnce": ("client-small-pieces", "JSONDecodeError"),
    "DropsEarlyMessages": ("client-early-messages", "the stream has ended too early"),
}


def test_each_check_is_failed_by_a_client() -> None:
    failed = {name for name, _ in FRAGILE.values()}.union(*WRONG.values(), *HANGING.values())
    assert set(client_checks()) - failed == set()


@posix
@pytest.mark.parametrize("name", FRAGILE)
def test_whoever_stands_on_pieces_or_on_an_order_fails_where_they_are_others(name: str) -> None:
    check, word = FRAGILE[name]
    assert word in bad(judge(raw(name), check).values())[check]


@posix
@pytest.mark.parametrize("name", WRONG)
def test_whoever_does_one_thing_wrong_fails_the_checks_that_are_about_it(name: str) -> None:
    results = judge(raw(name), *CORE, *WRONG[name])
    assert bad(results.values()).keys() == WRONG[name]
    for one in WRONG[name]:
        assert results[one].expected[0]
        assert results[one].got
        assert results[one].reason.startswith("the server saw ")


@posix
@pytest.mark.parametrize("name", HANGING)
def test_whoever_waits_for_ever_is_ended_and_fails(name: str) -> None:
    told = bad(judge(raw(name), *HANGING[name], timeout=2.0).values())
    assert told == dict.fromkeys(HANGING[name], "no end within 2 s")
    assert bad(judge(raw(name), *(set(CORE) - HANGING[name])).values()) == {}


@posix
def test_whoever_only_hangs_fails_also_where_a_call_is_to_fail() -> None:
    told = bad(judge(raw("Hangs"), "client-result", "client-error", timeout=1.0).values())
    assert told == dict.fromkeys(["client-result", "client-error"], "no end within 1 s")


def test_a_client_that_prints_no_json_has_no_result() -> None:
    (got,) = bad(judge(raw("PrintsRubbish"), "client-result").values()).values()
    assert got.startswith("exit code 0, printed \ufffd\0{[")


@posix
def test_a_client_that_crashes_fails_also_where_a_call_is_to_fail() -> None:
    told = bad(judge(raw("Crashes"), "client-result", "client-error").values())
    assert told == dict.fromkeys(["client-result", "client-error"], f"ended by signal {signal.SIGSEGV:d}")


@posix
def test_a_client_that_prints_without_end_is_ended() -> None:
    told = bad(judge(raw("Floods"), "client-result", timeout=1.0).values())
    assert told["client-result"].startswith("no end within 1 s")


def test_one_that_is_no_client_fails() -> None:
    nothing = (sys.executable, "-I", "-c", "pass")
    results = judge(nothing, "client-result", "client-error", "client-one-stream", "client-cookies")
    assert bad(results.values()).keys() == {"client-result", "client-error", "client-one-stream", "client-cookies"}
    assert results["client-result"].reason == "the server saw no request"


def test_one_that_fails_before_it_asks_for_anything_fails_also_where_a_call_is_to_fail() -> None:
    command = (sys.executable, "-I", "-c", "import a_module_that_is_not_there")
    told = bad(judge(command, "client-error", "client-no-config").values())
    assert told.keys() == {"client-error", "client-no-config"}
    for got in told.values():
        assert got.startswith("exit code 1 without any request, stderr ends with ModuleNotFoundError")


def test_one_that_only_prints_what_is_expected_fails() -> None:
    told = bad(judge((sys.executable, "-I", "-c", "print('\"hello\"')"), "client-result").values())
    assert told == {"client-result": 'exit code 0 without any request, printed "hello"\n'}


def test_only_the_last_lines_are_read_of_one_that_prints_millions() -> None:
    out = "1\n" * 1_000_000 + '"last"\n'
    assert _values(out)[-1] == "last"
    assert len(_values(out)) == 1000


@posix
def test_a_program_that_cannot_be_run_is_told_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    assert bad(judge([str(broken)], "client-result").values())["client-result"].startswith("cannot start '/")


# --- what is asked of a run ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (ClientOptions(gradio=("two",)), "no scenarios for Gradio 'two'"),
        (ClientOptions(gradio=("3.0.24",)), "there are scenarios from Gradio 3.1.5 on, not for 3.0.24"),
        (ClientOptions(gradio=()), "there is no version"),
        (ClientOptions(without=("wings",)), "a client may be without files, login, token, cancel, not without 'wings'"),
        (ClientOptions(select=("QUEUE-1.1",)), "no check and no clause is called 'QUEUE-1.1'"),
        (ClientOptions(timeout=0), "timeout must be a number of seconds above 0"),
        (ClientOptions(timeout=float("nan")), "timeout must be a number of seconds above 0"),
        (ClientOptions(jobs=0), "jobs must be a whole number above 0"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_started(options: ClientOptions, told: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        run_client(OURS, options)


def test_without_a_program_there_is_nothing_to_judge() -> None:
    with pytest.raises(ArgumentError, match="no command"):
        run_client(())
    with pytest.raises(UnsupportedServerError, match="no such program"):
        run_client(["gradproto-no-such-program", "{url}"])


def test_what_a_client_is_without_is_left_out() -> None:
    options = ClientOptions(gradio=NEWEST, select=("client-token-*",), without=("token",))
    (report,) = run_client(OURS, options)
    assert {result.reason for result in report.results} == {"the client is without token"}
    assert report.exit_code == 4


def test_a_should_fails_where_that_is_asked_for() -> None:
    options = ClientOptions(gradio=NEWEST, select=("client-heartbeat",), timeout=60)
    heartless = raw("HasNoHeart")
    (mild,), (strict,) = run_client(heartless, options), run_client(heartless, _strict(options))
    assert [report.results[0].verdict for report in (mild, strict)] == [Verdict.WARN, Verdict.FAIL]


def _strict(options: ClientOptions) -> ClientOptions:
    return ClientOptions(gradio=options.gradio, select=options.select, timeout=options.timeout, strict=True)


@posix
def test_who_is_told_to_stop_ends_the_programs_and_reports_what_is_known() -> None:
    seen: list[str] = []

    async def main() -> list[Report]:
        stop = trio.Event()

        def stop_it(_gradio: str, result: Result) -> None:
            seen.append(result.check.id)
            stop.set()

        # The second one never ends by itself.
        options = ClientOptions(gradio=NEWEST, select=("client-token-*", "client-result"), jobs=2, without=("token",))
        return await run_client_async(raw("Hangs"), options, report=stop_it, stop=stop)

    (report,) = trio.run(main)
    assert report.interrupted
    assert report.exit_code == 130
    assert (
        {result.check.id for result in report.results}
        == set(seen)
        == {
            "client-token-not-redirected",
            "client-token-not-for-files",
        }
    )


def test_a_mistake_of_a_scenario_is_an_error_and_ends_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Playbook()
    one = book.check("client-one", "One", "CLIENT-1.15")
    other = book.check("client-other", "Other", "CLIENT-1.15")

    @book.scene(one)
    async def mistaken(stage: Stage) -> None:
        raise ZeroDivisionError("oh")

    @book.scene(other)
    async def right(stage: Stage) -> None:
        stage.that(other, True, expected="", got="")

    monkeypatch.setattr(_suite, "PLAYBOOKS", (book,))
    results = judge(OURS)
    assert bad(results.values()) == {"client-one": "the suite itself failed: ZeroDivisionError: oh"}
    assert results["client-other"].verdict is Verdict.PASS
