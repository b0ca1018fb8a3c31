"""Reports for programs and for pages: JSON, JUnit's XML, Markdown."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any
from xml.etree import ElementTree

from gradproto import __version__
from gradproto._commands import redact_headers
from gradproto._urls import redact_url

from ._checks import Result, Verdict
from ._exchange import Exchange
from ._json import is_list, is_object
from ._report import BAD, Report

__all__ = ["SIGNS", "as_json", "as_junit", "as_markdown", "curl_line", "document", "explain"]

_SHOWN_BODY = 400  # characters
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_IN_CURL = 4000  # bytes of a body in a line for a shell
_PLAIN = frozenset(range(0x20, 0x7F)) - frozenset(b"%\\")  # bytes that mean themselves in a format of printf
SIGNS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.WARN: "!",
    Verdict.SKIP: "-",
    Verdict.UNTESTABLE: "?",
    Verdict.ERROR: "E",
}


def document(report: Report) -> dict[str, Any]:
    """Give the report as JSON values. Its form is a promise: keys are added, and never change their meaning."""
    return {
        "format": 1,
        "suite": __version__,
        "url": report.hide(redact_url(report.url)),
        "gradio": report.gradio,
        "profile": report.profile,
        "seconds": round(report.seconds, 3),
        "interrupted": report.interrupted,
        "exit_code": report.exit_code,
        "capabilities": [
            {"name": one.name, "declared": one.declared, "detail": report.hide(one.detail)}
            for one in report.capabilities
        ],
        "counts": {verdict.value: count for verdict, count in report.counts.items()},
        "stale": report.stale,
        "results": [_result(result, report) for result in report.ordered()],
    }


def _hide(value: Any, report: Report) -> Any:
    if isinstance(value, str):
        return report.hide(value)
    if is_list(value):
        return [_hide(one, report) for one in value]
    if is_object(value):
        return {key: _hide(one, report) for key, one in value.items()}
    return value


def _result(result: Result, report: Report) -> dict[str, Any]:
    """Give a result; of it only what a server may have said can hold a secret: a password may be "pass"."""
    check = result.check
    found: dict[str, Any] = {
        "check": check.id,
        "title": check.title,
        "level": check.level.value,
        "clauses": [clause.id for clause in check.clauses],
        "verdict": result.verdict.value,
        "reason": report.hide(result.reason),
        "expected": _hide(list(result.expected), report),
        "got": report.hide(result.got),
        "in_baseline": report.is_expected(result),
    }
    if result.exchange is not None and result.verdict in BAD:
        found["exchange"] = _hide(_excerpt(result.exchange), report)
    return found


def _excerpt(exchange: Exchange) -> dict[str, Any]:
    """Give what a person needs to see of an exchange, without secrets."""
    request = exchange.request
    return {
        "request": f"{request.method} {redact_url(request.url)}",
        "request_headers": [list(header) for header in redact_headers(request.headers)],
        "status": exchange.status,
        "headers": [list(header) for header in redact_headers(exchange.headers)],
        "body": _cut(exchange.text),
        "error": None if exchange.error is None else str(exchange.error),
        "curl": curl_line(exchange),
    }


def curl_line(exchange: Exchange) -> str:
    """Give a line for a shell that sends the request again; values that may be secret are to be filled in.

    A body that is more than a line of text comes out of ``printf``; one that is too long has to be in a file.
    """
    request = exchange.request
    words = ["curl", "-i"]
    if request.method != "GET":
        words += ["-X", request.method]
    for (name, value), (_, shown) in zip(request.headers, redact_headers(request.headers), strict=True):
        if name.lower() not in ("accept", "user-agent"):
            words += ["-H", f"{name}: {value if name == 'range' else shown}"]  # the suite's own, and no secret
    if "/." in request.url or "/%2e" in request.url:
        words.append("--path-as-is")  # curl walks up by itself where a path has dots
    body = b"".join(part for part in request.body if isinstance(part, bytes))
    before, data, after = _body_for_shell(body)
    words += ["--data-binary", data] if body else []
    return before + " ".join(map(shlex.quote, [*words, redact_url(request.url)])) + after


def _body_for_shell(body: bytes) -> tuple[str, str, str]:
    """Give what stands before curl, what curl gets as the body, and what stands behind."""
    if len(body) > _LONGEST_IN_CURL:
        return "", "@BODY", f"  # BODY: a file with the {len(body)} bytes of the body"
    text = body.decode("utf-8", "replace")
    if text.isprintable() and text.encode() == body and not text.startswith("@"):
        return "", text, ""
    escaped = "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in body)
    return f"printf {shlex.quote(escaped)} | ", "@-", ""


def as_json(report: Report) -> str:
    """Give the report as JSON."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def as_junit(report: Report) -> str:
    """Give the report as JUnit's XML: a suite for each area, a case for each check."""
    root = ElementTree.Element("testsuites", name="gradproto conformance", time=f"{report.seconds:.3f}")
    suites: dict[str, list[Result]] = {}
    for result in report.ordered():
        suites.setdefault(result.check.clauses[0].id.partition("-")[0], []).append(result)
    totals = {"tests": 0, "failures": 0, "errors": 0}  # the root has no count of what was skipped
    for area, results in suites.items():
        counts = {
            "tests": len(results),
            "failures": sum(one.verdict is Verdict.FAIL and not report.is_expected(one) for one in results),
            "errors": sum(one.verdict is Verdict.ERROR for one in results),
            "skipped": sum(
                one.verdict in (Verdict.SKIP, Verdict.UNTESTABLE) or report.is_expected(one) for one in results
            ),
        }
        suite = ElementTree.SubElement(root, "testsuite", {"name": area})
        for key, count in counts.items():
            suite.set(key, str(count))
        for key in totals:
            totals[key] += counts[key]
        for result in results:
            _add_case(suite, area, result, report)
    for key, count in totals.items():
        root.set(key, str(count))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_case(suite: ElementTree.Element, area: str, result: Result, report: Report) -> None:
    check = result.check
    case = ElementTree.SubElement(suite, "testcase", classname=f"gradproto.{area}", name=check.id)
    text = _xml(report.hide(explain(result)))
    reason = _xml(report.hide(result.reason))
    if report.is_expected(result):
        # Who reads this file knows nothing of baselines, and a failure in it fails the build.
        ElementTree.SubElement(case, "skipped", message=f"{result.verdict.value}, as the baseline has it")
    elif result.verdict is Verdict.FAIL:
        ElementTree.SubElement(case, "failure", message=_xml(check.title), type=check.level.value).text = text
    elif result.verdict is Verdict.ERROR:
        ElementTree.SubElement(case, "error", message=reason, type="error").text = text
    elif result.verdict in (Verdict.SKIP, Verdict.UNTESTABLE):
        ElementTree.SubElement(case, "skipped", message=f"{result.verdict.value}: {reason}")
    elif result.verdict is Verdict.WARN:
        ElementTree.SubElement(case, "system-out").text = text


def explain(result: Result) -> str:
    """Say in some lines what was required, sent, expected and got. What a server says breaks out of no line."""
    check = result.check
    lines = [f"{check.id}: {check.title}"]
    for clause in check.clauses:
        lines.append(f"  {clause.id} ({clause.level.value}, {clause.range}): {' '.join(clause.text.split())}")
    if result.reason:
        lines.append(f"  {result.reason}")
    if result.exchange is not None:
        lines.append(f"  sent      {result.exchange.request.method} {redact_url(result.exchange.request.url)}")
    elif result.exchanges:
        lines.append(f"  sent      {len(result.exchanges)} requests, of which a trace has all")
    lines += [f"  expected  {expected}" for expected in result.expected]
    if result.expected:
        lines.append(f"  got       {result.got}")
    if result.exchange is not None:
        lines.append(f"  try       {curl_line(result.exchange)}")
    return "\n".join(map(_one_line, lines))


def as_markdown(report: Report) -> str:
    """Give the report as a page of Markdown: a table of the counts, then what is not as it should be."""
    counts = report.counts
    lines = [
        f"# {redact_url(report.url)}: Gradio {report.gradio}",
        "",
        "| " + " | ".join(verdict.value for verdict in Verdict) + " |",
        "|" + "---|" * len(Verdict),
        "| " + " | ".join(str(counts[verdict]) for verdict in Verdict) + " |",
        "",
    ]
    for result in report.ordered():
        if result.verdict in BAD:
            clauses = ", ".join(clause.id for clause in result.check.clauses)
            lines += [
                f"## {SIGNS[result.verdict]} {result.check.id} ({result.verdict.value})",
                "",
                f"{result.check.title} ({clauses})",
                "",
                "```",
                explain(result).replace("```", "'''"),
                "```",
                "",
            ]
    return report.hide("\n".join(lines))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_BODY else text[:_SHOWN_BODY] + "..."


def _one_line(text: str) -> str:
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
