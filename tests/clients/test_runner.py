"""The optional set by itself: what it says of a client that is fooled, of one that is not, and of its holes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from .holes import HOLES, hole_of
from .pairs import PAIRS, SCENARIOS, Pair
from .runner import Cell, run
from .sides import fake_side

HERE = Path(__file__).parent

NEWEST = Pair(language="python", client="2.7.2", gradio="6.31.0")
WITHOUT_LOGIN = Pair(language="python", client="0.6.1", gradio="3.50.2")


class Nowhere:
    """A side that no client goes to."""

    url = url_with_login = "http://nowhere.test"

    def stopped(self) -> bool:
        return False


def told(place: Path, pair: Pair, scenarios: list[str], *lines: dict[str, Any]) -> list[Cell]:
    """Return the verdicts about a client whose driver prints these lines."""
    script = "\n".join(f"print({json.dumps(line)!r})" for line in lines)
    return run(pair, scenarios, [sys.executable, "-c", script], place, Nowhere())


def test_the_client_of_the_development_set_is_fooled(tmp_path: Path) -> None:
    pytest.importorskip("gradio_client")
    with fake_side(NEWEST.gradio) as side:
        cells = run(NEWEST, SCENARIOS, [sys.executable, str(HERE / "driver.py")], tmp_path, side)
    assert [(cell.scenario, cell.failure) for cell in cells] == [(scenario, None) for scenario in SCENARIOS]


def test_a_wrong_value_and_an_error_are_failures(tmp_path: Path) -> None:
    lines = [{"end": "echo", "value": "other"}, {"end": "add", "error": "ValueError: no"}]
    echo, add = told(tmp_path, NEWEST, ["echo", "add"], *lines)
    assert echo.failure == "'other' instead of 'hé ✓'"
    assert add.failure == "ValueError: no"


def test_a_generator_that_goes_on_after_its_cancelling_is_a_failure(tmp_path: Path) -> None:
    (cell,) = told(tmp_path, NEWEST, ["cancel"], {"end": "cancel", "value": True})
    assert cell.failure == "the generator goes on"


def test_a_login_with_a_wrong_password_must_be_refused_and_not_hang(tmp_path: Path) -> None:
    outcomes: list[dict[str, Any]] = [{"error": "no"}, {"value": "let in"}, {"error": "did not end within 25 s"}]
    cells = [told(tmp_path, NEWEST, ["wrong login"], {"end": "wrong login", **outcome})[0] for outcome in outcomes]
    assert [cell.failure is None for cell in cells] == [True, False, False]


def test_what_a_driver_that_died_has_not_done_is_a_failure(tmp_path: Path) -> None:
    echo, add = told(tmp_path, NEWEST, ["echo", "add"], {"end": "echo", "value": "hé ✓"})
    assert echo.failure is None
    assert add.failure is not None
    assert add.failure.startswith("the driver ended with 0 before that")


def test_a_hole_must_be_seen_as_it_is_explained(tmp_path: Path) -> None:
    assert hole_of(WITHOUT_LOGIN, "login") is not None
    outcomes: list[dict[str, Any]] = [
        {"error": "TypeError: got an unexpected keyword argument 'auth'"},
        {"error": "TypeError: another one"},
        {"value": "in"},
    ]
    explained, other, none = (
        told(tmp_path, WITHOUT_LOGIN, ["login"], {"end": "login", **outcome})[0] for outcome in outcomes
    )
    assert explained.failure is None
    assert other.failure is not None
    assert other.failure.startswith("TypeError: another one")
    assert none.failure is not None
    assert none.failure.startswith("it went well")


def test_every_hole_is_of_clients_that_are_run() -> None:
    names = {str(pair) for pair in PAIRS} | {f"{pair.language} {pair.client}" for pair in PAIRS}
    for hole in HOLES:
        assert set(hole.pairs) <= names
        assert set(hole.scenarios) <= set(SCENARIOS)
