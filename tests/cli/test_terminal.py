"""What somebody sees who sits at a terminal: progress and colours there, and only there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from gradproto_fake_server import AppFailure, FakeApp, FakeServer, Log, Progress, Sleep, Steps, demo_app
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


def test_quiet_shows_nothing_but_errors(server: FakeServer, start: Start) -> None:
    assert _run(start, "predict", server.url, "/progress", "2", "-q", streams=("stderr",)) == ("", 0)
    seen, code = _run(start, "predict", server.url, "/fail", "x", "--quiet", streams=("stderr",))
    assert (seen, code) == ("gradproto: error: boom-visible\r\n", 1)


@pytest.mark.parametrize("words", [["/progress", "2"], ["/count", "3"]])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines_only(
    server: FakeServer, start: Start, words: list[str]
) -> None:
    seen, _ = _run(start, "predict", server.url, *words, env={"TERM": "dumb"})
    assert "\x1b" not in seen
    assert seen in ("info: log 0\r\ninfo: log 1\r\ndone 2\r\n", "n=0\r\nn=1\r\nn=2\r\n")


def test_there_are_no_colours_where_nobody_wants_them(server: FakeServer, start: Start) -> None:
    seen, _ = _run(start, "predict", server.url, "/progress", "3", env={"NO_COLOR": "1"})
    assert "3 steps" in seen
    assert not re.search(r"\x1b\[(3[0-9]|38;|9[0-7])", seen)


def test_an_ascii_terminal_is_written_to_in_ascii(start: Start) -> None:
    app = FakeApp()

    @app.endpoint("/tell")
    def tell(text: str) -> Steps[str]:
        yield Log("größe")
        yield Progress(index=1, length=2, desc="größe")
        yield Sleep(0.2)
        return "größe"

    with FakeServer(app) as running:
        seen, code = _run(start, "predict", running.url, "/tell", "x", env={"PYTHONIOENCODING": "ascii"})
    assert code == 0
    assert seen.isascii()
    assert "info: gr\\xf6\\xdfe\r\n" in seen
    assert "gr\\xf6\\xdfe 1/2 steps" in seen
    assert seen.endswith("gr\\xf6\\xdfe\r\n")


def test_transfers_have_bars_that_count_bytes(server: FakeServer, start: Start, tmp_path: Path) -> None:
    source = tmp_path / "some [bold]file.txt"
    source.write_bytes(b"a" * 3_000_000)
    terminal = Terminal()
    words = ["predict", server.url, "/upper", f"@{source}", "--output-dir", str(tmp_path / "out")]
    seen = terminal.watch(start(*words, stderr=terminal.end))
    assert "uploading" in seen
    assert "fetching some [bold]file.txt" in seen
    assert seen.count("/3.0 MB") >= 2


def test_messages_of_the_app_are_told_with_their_titles(start: Start) -> None:
    app = FakeApp()

    @app.endpoint("/tell")
    def tell(text: str) -> Steps[str]:
        yield Log("careful", level="warning", title="Mind the gap")
        yield Log("not for eyes", visible=False)
        return "x"

    with FakeServer(app) as running:
        seen, _ = _run(start, "predict", running.url, "/tell", "x", streams=("stderr",))
    assert "warning: Mind the gap: careful\r\n" in seen
    assert "not for eyes" not in seen


_NESTED = """
from gradproto import JobProgressed, ProgressUnit
from gradproto_transports.cli._display import Display
display = Display()
shelf, page = ProgressUnit(index=1, length=4, unit="books", desc="[red]shelf"), ProgressUnit(progress=0.5, desc="page")
for units in ((shelf, page), (shelf,)):
    display.update(JobProgressed(job=0, units=units))
    display.note("told")
display.hide()
"""


@pytest.mark.parametrize("columns", ["100", "12", "1"])
def test_nested_progress_has_a_bar_for_each_level(start: Start, columns: str) -> None:
    terminal = Terminal()
    process = start("--version", before=_NESTED, stderr=terminal.end, env={"COLUMNS": columns})
    seen = terminal.watch(process)
    assert process.returncode == 0
    if columns == "100":
        assert "[red]shelf 1/4 books" in seen
        assert "page 50%" in seen
        assert seen.count("━") > 40


def test_outputs_that_lead_elsewhere_are_counted(server: FakeServer, start: Start) -> None:
    server.hold("/count")
    terminal = Terminal()
    process = start("predict", server.url, "/count", "9", stderr=terminal.end)
    server.wait_for(lambda app: app.jobs and app.job("/count").state == "held", PATIENCE)
    server.step("/count", 3)
    terminal.read_until("running ... 3 outputs")
    server.release("/count")
    terminal.watch(process)
    assert process.returncode == 0


def test_a_password_is_asked_for_and_not_shown(start: Start) -> None:
    with FakeServer(demo_app(auth={"ali": "opensesame-7"})) as guarded:
        terminal = Terminal()
        streams = dict.fromkeys(("stdin", "stderr"), terminal.end)
        words = ["predict", guarded.url, "/echo", "in", "--auth", "ali"]
        process = start(*words, **streams, start_new_session=True)
        terminal.read_until("Password of ali: ")
        terminal.type("opensesame-7\r")
        seen = terminal.watch(process)
    assert process.stdout is not None
    assert (process.stdout.read(), process.returncode) == ("in\n", 0)
    assert "opensesame" not in seen


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
    assert seen.count(COLOUR) == 12
    assert "(2000 outputs)" in seen
    assert "[###" in seen


def test_the_demo_has_no_colours_where_nobody_wants_them(start: Start) -> None:
    seen, code = _run(start, "demo", env={"NO_COLOR": "1"})
    assert code == 0
    assert COLOUR not in seen
    assert seen.count("✔") == 12
