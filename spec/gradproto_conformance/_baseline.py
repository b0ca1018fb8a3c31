"""A baseline: what is known not to be as it should, kept in a file, so that only news fails.

The file is JSON, one line for each check::

    {
      "format": 1,
      "checks": {
        "config-names": "fail"
      }
    }
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from gradproto import ArgumentError

from ._checks import Verdict
from ._clauses import Level
from ._json import is_object
from ._report import Report

__all__ = ["read_baseline", "updated_baseline", "write_baseline"]

_FORMAT = 1
_ALLOWED = (Verdict.FAIL, Verdict.UNTESTABLE)


def read_baseline(text: str, known: Collection[str]) -> dict[str, Verdict]:
    """Read the verdicts that are allowed, by the ids of checks, of which ``known`` are all that there are.

    Raises `ArgumentError` for what is no baseline, and for checks that are not known.
    """
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"the baseline is no JSON: {error}") from None
    checks = document.get("checks") if is_object(document) and document.get("format") == _FORMAT else None
    if not is_object(checks):
        raise ArgumentError(f'the baseline is no object with "format": {_FORMAT} and "checks"')
    allowed = {verdict.value: verdict for verdict in _ALLOWED}
    found: dict[str, Verdict] = {}
    for name, value in checks.items():
        if name not in known:
            raise ArgumentError(f"the baseline names {name!r:.80}, which is no check")
        if not isinstance(value, str) or value not in allowed:
            raise ArgumentError(f"the baseline says {value!r:.80} of {name}, which must be {' or '.join(allowed)}")
        found[name] = allowed[value]
    return found


def updated_baseline(report: Report) -> dict[str, Verdict]:
    """Give the baseline with which the report would be clean; what it says of checks that were not run stays."""
    decided = {result.check.id for result in report.results if result.verdict not in (Verdict.SKIP, Verdict.ERROR)}
    kept = {name: verdict for name, verdict in report.expected.items() if name not in decided}
    found = {
        result.check.id: result.verdict
        for result in report.results
        if result.verdict is Verdict.FAIL or (result.verdict is Verdict.UNTESTABLE and result.check.level is Level.MUST)
    }
    return kept | found


def write_baseline(expected: Mapping[str, Verdict]) -> str:
    """Give the text of the file."""
    checks = {name: expected[name].value for name in sorted(expected)}
    return json.dumps({"format": _FORMAT, "checks": checks}, indent=2) + "\n"
