"""What comes of a client in several versions of Gradio, in one report of each form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from xml.etree import ElementTree

from gradproto_conformance._html import as_html
from gradproto_conformance._render import as_junit, as_markdown, document
from gradproto_conformance._report import Report
from gradproto_conformance._text import findings, outcome

__all__ = ["RENDERERS", "exit_code", "summary"]

Reports = Sequence[Report]

# What ends a run counts before what was found in it, and what was found before what was not.
_ENDS = (130, 1, 4)


def exit_code(reports: Reports) -> int:
    """The exit code that says most, of all versions'."""
    codes = {report.exit_code for report in reports}
    return next((code for code in _ENDS if code in codes), 0)


def summary(report: Report) -> str:
    """Say in one line what came of one version."""
    return f"Gradio {report.gradio}: {outcome(report)}"


def _as_text(reports: Reports) -> str:
    lines = [line for report in reports for line in findings(report)]
    return "\n".join([*lines, *map(summary, reports)]) + "\n"


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
