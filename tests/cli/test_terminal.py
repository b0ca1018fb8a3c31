"""What somebody sees who sits at a terminal: progress and colours there, and only there."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from gradproto_fake_server import AppFailure, FakeApp, FakeServer
from tests.cli.conftest import PATIENCE, Start
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

COLOUR = "\x1b[32m"


def _run(start: Start, *words: str, streams: tuple[str, ...] = ("stdout", "stderr"), **options: Any) -> tuple[str, int]:
    terminal = Terminal()
    process = start(*words, **dict.fromkeys(streams, terminal.end), **options)
    return terminal.watch(process), process.returncode


def test_progress_is_shown_at_a_terminal_and_the_output_stays_clean(server: FakeServer, start: Start) -> None:
    terminal = Terminal()
    process = start("predict", server.url, "/progress", "6", stderr=terminal.end)
    seen = terminal.watch(process)
    assert process.stdout is not None
    assert (process.stdout.read(), process.returncode) == ("done 6\n", 0)
    assert "connecting ..." in seen
    assert "6 steps" in seen
    assert "info: log 5\r\n" in seen


def test_without_a_terminal_nothing_but_the_outputs_is_written(server: FakeServer, start: Start) -> None:
    out, err = start("predict", server.url, "/progress", "2").communicate(timeout=PATIENCE)
    assert (out, err) == ("done 2\n", "")


def test_what_an_app_sends_does_not_steer_the_terminal(start: Start) -> None:
    app = FakeApp()

    @app.endpoint("/wild")
    def wild(text: str) -> str:
        return "a\x1b]0;title\x07\x9b31mb\r\n\tc"

    @app.endpoint("/fail")
    def fail(text: str) -> str:
        raise AppFailure("\x1b[2J")

    with FakeServer(app) as running:
        seen, _ = _run(start, "predict", running.url, "/wild", "x", streams=("stdout",))
        assert seen == "a\\x1b]0;title\\x07\\x9b31mb\\x0d\r\n\tc\r\n"
        assert start("predict", running.url, "/wild", "x").communicate(timeout=PATIENCE)[0].startswith("a\x1b]0;title")
        seen, _ = _run(start, "predict", running.url, "/fail", "x")
        assert seen.endswith("gradproto: error: \\x1b[2J\r\n")


def test_the_demo_is_coloured_at_a_terminal(start: Start) -> None:
    seen, code = _run(start, "demo")
    assert code == 0
    assert seen.count(COLOUR) == 10
    assert "(2000 outputs)" in seen
    assert "[###" in seen


def test_the_demo_has_no_colours_where_nobody_wants_them(start: Start) -> None:
    seen, code = _run(start, "demo", env={"NO_COLOR": "1"})
    assert code == 0
    assert COLOUR not in seen
    assert seen.count("✔") == 10
