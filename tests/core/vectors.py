"""The cases of ``spec/vectors``, which are there for clients in any language; here they are run for ours."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

__all__ = ["FOLDER", "Case", "cases", "document", "each"]

FOLDER = Path(__file__).parents[2] / "spec" / "vectors"

Case = dict[str, Any]


@cache
def document(subject: str) -> dict[str, Any]:
    """One file."""
    read: dict[str, Any] = json.loads((FOLDER / f"{subject}.json").read_text(encoding="utf-8"))
    return read


@cache
def cases(subject: str) -> tuple[Case, ...]:
    """All cases of one file."""
    return tuple(document(subject)["cases"])


def each(subject: str) -> pytest.MarkDecorator:
    """Run a test with each case of one file."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in cases(subject)])
