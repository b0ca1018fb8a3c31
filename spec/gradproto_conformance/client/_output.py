"""What comes of a client in several versions of Gradio, in one report of each form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from xml.etree import ElementTree

from gradproto._urls import redact_url
from gradproto_conformance._checks import Check, Verdict
from gradproto_conformance._html import as_html
from gradproto_conformance._render import as_junit, as_markdown, document, explain
from gradproto_conformance._report import BAD, Report

__all__ = ["RENDERERS", "exit_code", "list_checks", "summary"]

Reports = Sequence[Report]

# What ends a run counts before what was found in it, and what was found before what was not.
_ENDS = (130, 1, 4)


def exit_code(reports: Reports) -> int:
    """The exit code that says most, of all versions'."""
    codes = {report.exit_code for report in reports}
    return next((code for code in _ENDS if code in codes), 0)


def summary(report: Report) -> str:
    """Say in one line what came of one version."""
    words = {0: "conforms", 1: "does not conform", 4: "incomplete", 130: "interrupted"}
    counts = ", ".join(f"{count} {verdict.value}" for verdict, count in report.counts.items() if count)
    return f"Gradio {report.gradio}: {words[report.exit_code]}: {counts or 'nothing was checked'}"


def list_checks(checks: Iterable[Check]) -> list[str]:
    """Give a line for each check: its id, its level, the clauses, and what it says."""
    rows = [(one.id, one.level.value, ", ".join(clause.id for clause in one.clauses), one.title) for one in checks]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows]


def _as_text(reports: Reports) -> str:
    lines: list[str] = []
    for report in reports:
        lines += [f"{redact_url(report.url)}: Gradio {report.gradio}", ""]
        for result in report.ordered():
            if result.verdict in BAD:
                lines += [f"{result.verdict.value}: {explain(result)}", ""]
        left_out = [result.reason for result in report.results if result.verdict is Verdict.SKIP]
        lines += [f"left out: {left_out.count(reason)} {reason}" for reason in sorted(set(left_out))]
    return "\n".join([*lines, "", *map(summary, reports)]) + "\n"


def _as_json(reports: Reports) -> str:
    made = {"format": 1, "exit_code": exit_code(reports), "reports": [document(report) for report in reports]}
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _as_junit(reports: Reports) -> str:
    root = ElementTree.Element("testsuites", name="gradproto conformance-client")
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for report in reports:
        for suite in ElementTree.fromstring(as_junit(report)):
            suite.set("name", f"{suite.get('name')} with Gradio {report.gradio}")
            for case in suite:
                case.set("classname", f"{case.get('classname')}.{report.gradio.replace('.', '_')}")
            for name in totals:
                totals[name] += int(suite.get(name, "0"))
            root.append(suite)
    for name, count in totals.items():
        root.set(name, str(count))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _as_markdown(reports: Reports) -> str:
    return "\n".join(map(as_markdown, reports))


def _as_html(reports: Reports) -> str:
    return as_html(*reports)


RENDERERS: Mapping[str, Callable[[Reports], str]] = MappingProxyType(
    {"console": _as_text, "json": _as_json, "junit": _as_junit, "html": _as_html, "markdown": _as_markdown}
)
"""How reports become text, by the name of the format."""
