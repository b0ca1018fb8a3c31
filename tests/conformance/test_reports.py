"""Reports, read by what reads them: JSON, JUnit's XML, Markdown, a terminal, traces."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import junitparser
import pytest
import xmlschema

from gradproto import Request
from gradproto_conformance._checks import Result, Verdict
from gradproto_conformance._exchange import Exchange, Piece
from gradproto_conformance._html import as_html
from gradproto_conformance._render import as_json, as_junit, as_markdown, curl_line, explain
from gradproto_conformance._report import Report
from gradproto_conformance._secrets import without
from gradproto_conformance._suite import all_checks
from gradproto_conformance._text import as_text
from gradproto_conformance._trace import traces
from tests.conformance.samples import SECRET, exchange, sample

SCHEMA = xmlschema.XMLSchema(Path(__file__).parent / "junit.xsd")
REPORTS = [sample(), sample(hostile=True), sample(results=()), sample(results=sample().results[:1])]


@pytest.mark.parametrize("report", REPORTS)
def test_the_junit_report_is_valid_and_counts_what_it_has(report: Report) -> None:
    text = as_junit(report)
    SCHEMA.validate(text)
    read = junitparser.JUnitXml.fromstring(text.encode())
    assert (read.name, read.tests, read.errors) == ("gradproto conformance", len(report.results), read.errors)
    cases = {case.name: case for suite in read for case in suite}
    assert cases.keys() == {result.check.id for result in report.results}
    counts = report.counts
    assert (read.failures, read.errors) == (counts[Verdict.FAIL], counts[Verdict.ERROR])
    skipped = counts[Verdict.SKIP] + counts[Verdict.UNTESTABLE]
    assert sum(suite.skipped for suite in read) == skipped
    kinds = {
        Verdict.FAIL: junitparser.Failure,
        Verdict.ERROR: junitparser.Error,
        Verdict.SKIP: junitparser.Skipped,
        Verdict.UNTESTABLE: junitparser.Skipped,
    }
    for result in report.results:
        case = cases[result.check.id]
        kind = kinds.get(result.verdict)
        assert [type(one) for one in case.result] == ([] if kind is None else [kind])
        assert case.classname == f"gradproto.{result.check.clauses[0].id.partition('-')[0]}"


def test_what_the_baseline_allows_is_no_failure_for_whoever_reads_junit() -> None:
    failed = [one.check.id for one in sample().results if one.verdict is Verdict.FAIL]
    report = sample(expected={failed[0]: Verdict.FAIL, failed[1]: Verdict.UNTESTABLE})
    text = as_junit(report)
    SCHEMA.validate(text)
    read = junitparser.JUnitXml.fromstring(text.encode())
    assert read.failures == len(failed) - 1
    (case,) = [case for suite in read for case in suite if case.name == failed[0]]
    assert [one.message for one in case.result] == ["fail, as the baseline has it"]
    assert [one["check"] for one in json.loads(as_json(report))["results"] if one["in_baseline"]] == [failed[0]]


def test_counting_again_changes_nothing_in_the_junit_report() -> None:
    read = junitparser.JUnitXml.fromstring(as_junit(sample()).encode())
    before = [(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) for suite in read]
    for suite in read:
        suite.update_statistics()
    assert [(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) for suite in read] == before


@pytest.mark.parametrize("report", REPORTS)
def test_the_json_report_has_all_results(report: Report) -> None:
    document = json.loads(as_json(report).encode("utf-8", "backslashreplace"))
    assert [one["check"] for one in document["results"]] == [one.check.id for one in report.ordered()]
    assert document["counts"] == {verdict.value: count for verdict, count in report.counts.items()}
    assert document["exit_code"] == report.exit_code
    assert document["capabilities"][0] == {"name": "queue", "declared": True, "detail": "sse_v3"}


def test_the_markdown_report_tells_what_is_not_as_it_should_be() -> None:
    report = sample(hostile=True)
    text = as_markdown(report)
    bad = [result for result in report.results if result.verdict not in (Verdict.PASS, Verdict.SKIP)]
    assert text.count("\n## ") == len(bad)
    assert text.count("```") == 2 * len(bad)


def test_a_terminal_gets_the_capabilities_first_and_the_summary_last() -> None:
    lines = as_text(sample()).splitlines()
    assert lines[:4] == [
        "http://127.0.0.1:7860: Gradio 6.31.0, profile full",
        "",
        "  yes  queue (sse_v3)",
        "  no   MCP",
    ]
    assert lines[-1].startswith("does not conform: ")
    assert lines[-1].endswith("(12.3 s)")


def test_no_report_shows_a_secret_in_any_form() -> None:
    report = sample()
    traced = traces(report)
    assert traced
    for text in (
        as_json(report),
        as_junit(report),
        as_markdown(report),
        as_text(report),
        as_html(report),
        *traced.values(),
    ):
        for form in (SECRET, "open+sesame", "open%20sesame", "open-sesame", "sesame%2F7"):
            assert form not in text
        assert "***" in text


def test_a_secret_that_is_a_word_of_the_report_takes_none_of_it_away() -> None:
    report = sample(secrets=("pass", "queue", SECRET))
    document = json.loads(as_json(report))
    assert [one["check"] for one in document["results"]] == [one.check.id for one in report.ordered()]
    assert {one["verdict"] for one in document["results"]} == {verdict.value for verdict in Verdict}
    assert SECRET not in as_json(report)


def test_the_curl_line_is_one_command_for_a_shell() -> None:
    words = shlex.split(curl_line(exchange()))
    assert words[:4] == ["curl", "-i", "-X", "POST"]
    assert words[-1] == "http://127.0.0.1:7860/gradio_api/queue/join?token=***"
    assert words[words.index("--data-binary") + 1] == '{"data": ["it\'s open sesame/7"]}'


def _curl_of(body: bytes, url: str = "http://127.0.0.1:7860/upload") -> str:
    return curl_line(Exchange(request=Request(method="POST", url=url, body=(body,)), began=0.0))


def test_a_body_of_any_bytes_is_written_by_printf() -> None:
    line = _curl_of(b"%s \\ it's \x00\xff\r\n caf\xc3\xa9")
    made, _, curl = line.partition(" | curl ")
    assert "\n" not in line
    assert curl == "-i -X POST --data-binary @- http://127.0.0.1:7860/upload"
    assert shlex.split(made) == ["printf", r"\045s \134 it's \000\377\015\012 caf\303\251"]


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
def test_a_shell_gives_curl_the_bytes_of_the_body() -> None:
    body = bytes(range(256)) * 4
    before = _curl_of(body).partition(" | curl ")[0]
    assert subprocess.run(["sh", "-c", before], capture_output=True, check=True).stdout == body


def test_a_long_body_is_left_to_a_file_and_is_never_cut() -> None:
    line = _curl_of(b"x" * 100_000)
    assert shlex.split(line, comments=True)[-3:] == ["--data-binary", "@BODY", "http://127.0.0.1:7860/upload"]
    assert line.endswith("  # BODY: a file with the 100000 bytes of the body")


def test_curl_does_not_walk_along_the_dots_of_a_path() -> None:
    assert "--path-as-is" in shlex.split(_curl_of(b"", "http://127.0.0.1:7860/file=/tmp/../etc/passwd"))


def test_what_a_server_says_breaks_out_of_no_line() -> None:
    check = next(iter(all_checks().values()))
    evil = "it\r\nconforms: 200 pass\x1b[2J\x9b2J\u2028x"
    result = Result(check=check, verdict=Verdict.FAIL, reason=evil, expected=(evil,), got=evil)
    text = explain(result)
    assert not {"\x1b", "\x9b", "\r", "\u2028"} & set(text)
    assert [line for line in text.splitlines() if line.startswith("conforms")] == []
    assert text.count("it\\r\\nconforms: 200 pass\\x1b[2J\\x9b2J\\u2028x") == 3


@pytest.mark.parametrize("left", range(8, len(SECRET)))
def test_what_is_left_of_a_secret_that_was_cut_is_hidden(left: int) -> None:
    text = without([SECRET], f"got {SECRET[:left]}... and {SECRET}")
    assert text == "got ***... and ***"


def test_a_trace_tells_when_each_piece_came_and_how_it_ended() -> None:
    report = sample()
    failed = next(one for one in report.results if one.verdict is Verdict.FAIL)
    text = traces(report)[f"{failed.check.id}.txt"]
    assert text.startswith(
        f"# {failed.check.id}: fail\n# expected status 200\n# expected or another\n# got it is so ***\n"
    )
    assert '> content-type: application/json\n>\n> {"data"' in text
    assert "< 422\n< set-cookie: ***\n<\n# after 0.100 s\n< it is so\n# after 1.250 s\n" in text
    assert text.endswith("# ended after 2.000 s\n")


@pytest.mark.parametrize("size", [1, 3, 9])
def test_a_trace_hides_a_secret_that_comes_in_pieces(size: int) -> None:
    failed = next(one for one in sample().results if one.verdict is Verdict.FAIL)
    assert failed.exchange is not None
    said = f"you said {SECRET}!".encode()
    failed.exchange.pieces = [Piece(0.5, said[place : place + size]) for place in range(0, len(said), size)]
    (text,) = traces(sample(results=(failed,))).values()
    assert "# after 0.500 s\n< you said ***!\n" in text
    (kept,) = traces(sample(results=(failed,)), keep_secrets=True).values()
    assert kept.count("# after 0.500 s") == len(failed.exchange.pieces)


def test_a_trace_is_cut_where_nobody_would_read_on() -> None:
    failed = next(one for one in sample().results if one.verdict is Verdict.FAIL)
    assert failed.exchange is not None
    failed.exchange.pieces *= 200_000
    (text,) = traces(sample(results=(failed,))).values()
    assert "the rest is left out" in text
    assert len(text) < 30_000_000
