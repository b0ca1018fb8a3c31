"""The report as a page: a grid of checks and servers, in one file that asks for nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from ._checks import Check
from ._render import document
from ._report import Report

__all__ = ["as_html"]

_PLACE = '<script type="application/json" id="data">{}</script>'


def as_html(*reports: Report) -> str:
    """Give the page for one report, or for those of several servers, which stand side by side."""
    # A text that closes the element, or opens a comment, would end the data for a browser.
    data = json.dumps(_data(reports), ensure_ascii=False).replace("<", "\\u003c")
    return _template().replace(_PLACE, _PLACE.replace("{}", data))


@cache
def _template() -> str:
    text = (files("gradproto_conformance") / "report.html").read_text(encoding="utf-8")
    assert text.count(_PLACE) == 1
    return text


def _data(reports: Sequence[Report]) -> dict[str, Any]:
    checks: dict[str, Check] = {}
    for report in reports:
        for result in report.ordered():
            checks.setdefault(result.check.id, result.check)
    return {
        "checks": [_check(check) for check in checks.values()],
        "reports": [_report(report) for report in reports],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "title": check.title,
        "level": check.level.value,
        "area": check.clauses[0].id.partition("-")[0],
        "clauses": [
            {
                "id": clause.id,
                "level": clause.level.value,
                "range": clause.range,
                "text": " ".join(clause.text.split()),
            }
            for clause in check.clauses
        ],
    }


def _report(report: Report) -> dict[str, Any]:
    found = document(report)
    found["results"] = {result["check"]: result for result in found["results"]}
    return found
