"""``gradproto chat``: piped, and at a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gradproto_fake_server import AppFailure, FakeApp, FakeServer, Log, state, textbox
from gradproto_transports.cli._app import program
from tests.cli.conftest import PATIENCE, Start
from tests.cli.terminal import Terminal

terminal_only = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

TERMINAL = ("stdin", "stdout", "stderr")


def _pipe(url: str, said: str, *words: str) -> Result:
    return CliRunner().invoke(program, ["chat", url, *words], input=said, catch_exceptions=False)


@pytest.fixture
def talker() -> Iterator[FakeServer]:
    """Endpoints that talk, in several ways."""
    app = FakeApp()
    kept = state([])

    @app.endpoint("/talk", inputs=[textbox("message"), kept, textbox("mood", value="calm")], outputs=["json", kept])
    def talk(message: str, kept: list[str], mood: str) -> tuple[str, list[str]]:
        return f"{mood} {len(kept)} {message!r}", [*kept, message]

    @app.endpoint("/rewrite", inputs=[textbox("message")], outputs=[textbox("answer")], generates=True)
    def rewrite(message: str) -> Iterator[Any]:
        yield "first line\nsecond"
        yield Log("by the way")
        yield "first line\nsecond line"
        yield "first line\nanother\x1b[2J"

    @app.endpoint("/fail")
    def fail(message: str) -> str:
        raise AppFailure(f"no {message}")

    with FakeServer(app) as running:
        yield running


def test_piped_messages_are_answered_line_by_line(server: FakeServer) -> None:
    result = _pipe(server.url, "hello\n\nand again\n")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "You said: hello\nYou said: and again\n", "")


def test_the_conversation_goes_on_and_begins_anew(server: FakeServer, talker: FakeServer) -> None:
    _pipe(server.url, "one\ntwo\n/reset\nthree\n")
    histories = [len((job.data or [])[1]) for job in server.run(lambda app: list(app.jobs.values()))]
    assert histories == [0, 2, 0]
    answers = _pipe(talker.url, "one\ntwo\n/reset\nthree\n", "/talk").stdout.splitlines()
    assert answers == ["calm 0 'one'", "calm 1 'two'", "calm 0 'three'"]


def test_a_backslash_joins_lines_and_two_slashes_are_one(talker: FakeServer) -> None:
    assert _pipe(talker.url, "a\\\nb\n//c\nd\\", "/talk").stdout.splitlines() == [
        "calm 0 'a\\nb'",
        "calm 1 '/c'",
        "calm 2 'd'",
    ]


def test_other_inputs_are_given_by_name(talker: FakeServer) -> None:
    assert _pipe(talker.url, "x\n", "/talk", "mood=wild").stdout == "wild 0 'x'\n"


def test_nothing_is_said_after_quit(server: FakeServer) -> None:
    assert _pipe(server.url, "hello\n/quit\nmore\n").stdout == "You said: hello\n"


def test_the_first_failure_ends_what_is_piped(talker: FakeServer) -> None:
    result = _pipe(talker.url, "one\ntwo\n", "/fail")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "gradproto: error: no one\n")


@pytest.mark.parametrize(
    ("words", "said", "message"),
    [
        (["/talk", "x"], "", "must be given as NAME=VALUE"),
        (["/talk", "message=x"], "", "'message' is what the chat itself gives"),
        (["/nope"], "", "Cannot find a function"),
        (["/talk"], "/dance\n", "there is no /dance"),
        (["/talk"], "/file x\n", "/talk takes no files with a message"),
    ],
)
def test_wrong_usage_is_one_line_and_sends_nothing(
    talker: FakeServer, words: list[str], said: str, message: str
) -> None:
    result = _pipe(talker.url, said, *words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert message in result.stderr
    assert not [record for record in talker.requests if record.method == "POST"]


def test_an_endpoint_that_takes_no_text_is_refused(server: FakeServer) -> None:
    result = _pipe(server.url, "hi\n", "/add")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "/add is no endpoint to talk to: it takes no text" in result.stderr


def test_input_that_is_no_text_is_an_error(server: FakeServer, start: Start) -> None:
    command = [sys.executable, "-m", "gradproto_transports.cli", "chat", server.url]
    env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, input=b"\xff\n", capture_output=True, timeout=PATIENCE, env=env)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"gradproto: error: the input is not text in the encoding of the terminal\n"


@terminal_only
def test_closed_streams_are_no_reason_to_fail(server: FakeServer) -> None:
    command = f"exec {sys.executable} -m gradproto_transports.cli chat {server.url}"
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", f"{command} {closed}"], input=b"hi\n", capture_output=True, timeout=PATIENCE)
        assert done.returncode == 0, closed
        assert done.stderr == b""


@terminal_only
def test_a_reader_that_has_had_enough_is_no_error(server: FakeServer, start: Start) -> None:
    process = start("chat", server.url, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write("hello\n")
    process.stdin.flush()
    assert (process.wait(PATIENCE), process.stderr.read()) == (1, "")


@terminal_only
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_while_a_pipe_says_nothing_ends_the_program(
    server: FakeServer, start: Start, number: signal.Signals, code: int
) -> None:
    process = start("chat", server.url, stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("hello\n")
    process.stdin.flush()
    assert process.stdout.readline() == "You said: hello\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (code, "", "gradproto: interrupted\n")


def test_an_answer_that_takes_too_long_is_cancelled(server: FakeServer, start: Start) -> None:
    server.hold("/chat")
    process = start("chat", server.url, "--timeout", "3", stdin=subprocess.PIPE)
    out, err = process.communicate("hello\n", timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err == "gradproto: error: the call did not end within 3 s; the job was cancelled\n"


def _sit(start: Start, url: str, *words: str, **options: Any) -> tuple[Terminal, subprocess.Popen[str]]:
    terminal = Terminal()
    process = start("chat", url, *words, **dict.fromkeys(TERMINAL, terminal.end), start_new_session=True, **options)
    terminal.read_until("> ")
    return terminal, process


@terminal_only
def test_at_a_terminal_there_is_a_prompt_and_control_d_ends(server: FakeServer, start: Start) -> None:
    terminal, process = _sit(start, server.url)
    terminal.type("hello there\r")
    terminal.read_until("You said: hello there\r\n")
    terminal.type("again\r")
    terminal.read_until("You said: again\r\n")
    terminal.read_until("> ", times=3)
    terminal.type("\x04")
    seen = terminal.watch(process)
    assert process.returncode == 0
    assert "Talking to /chat" in seen


@terminal_only
def test_a_pasted_block_is_one_message(talker: FakeServer, start: Start) -> None:
    pytest.importorskip("readline")
    terminal, process = _sit(start, talker.url, "/talk")
    terminal.type("\x1b[200~one\ntwo\x1b[201~\r")
    terminal.read_until("calm 0 'one\\ntwo'")
    terminal.read_until("> ", times=2)
    terminal.type("/quit\r")
    terminal.watch(process)
    assert process.returncode == 0


@terminal_only
def test_an_answer_that_grows_is_written_once_and_one_that_changes_is_drawn_anew(
    talker: FakeServer, start: Start
) -> None:
    terminal, process = _sit(start, talker.url, "/rewrite")
    terminal.type("go\r")
    terminal.read_until("info: by the way")
    terminal.read_until("> ", times=2)
    terminal.type("\x04")
    seen = terminal.watch(process)
    assert "first line\r\nsecond line\r\x1b[Janother\\x1b[2J\r\n" in seen
    assert seen.count("first line") == 1


@terminal_only
def test_where_the_cursor_cannot_move_what_changes_is_written_again(talker: FakeServer, start: Start) -> None:
    terminal, process = _sit(start, talker.url, "/rewrite", env={"TERM": "dumb"})
    terminal.type("go\r")
    terminal.read_until("another")
    terminal.read_until("> ", times=2)
    terminal.type("\x04")
    seen = terminal.watch(process)
    assert "first line\r\nsecond line\r\nfirst line\r\nanother" in seen
    assert "\x1b" not in seen


@terminal_only
def test_control_c_cancels_the_answer_and_ends_at_the_prompt(server: FakeServer, start: Start) -> None:
    terminal, process = _sit(start, server.url)
    server.hold("/chat")
    terminal.type("hello\r")
    server.wait_for(lambda app: app.jobs and app.job("/chat").state == "held", PATIENCE)
    server.step("/chat", 2)
    terminal.read_until("You said:")
    process.send_signal(signal.SIGINT)  # what Control-C does at the terminal of a session
    terminal.read_until("gradproto: the job was cancelled\r\n")
    terminal.read_until("> ", times=2)
    assert server.run(lambda app: app.job("/chat").state) == "cancelled"
    process.send_signal(signal.SIGINT)
    # Python's readline looks at signals that came before it began to wait only when a line is there.
    terminal.type("\r")
    assert "gradproto: interrupted\r\n" in terminal.watch(process)
    assert process.returncode == 130


@terminal_only
def test_sigterm_during_an_answer_cancels_it_and_ends(server: FakeServer, start: Start) -> None:
    terminal, process = _sit(start, server.url)
    server.hold("/chat")
    terminal.type("hello\r")
    server.wait_for(lambda app: app.jobs and app.job("/chat").state == "held", PATIENCE)
    server.step("/chat", 2)
    terminal.read_until("You said:")
    process.send_signal(signal.SIGTERM)
    assert terminal.watch(process).endswith("gradproto: interrupted; the job was cancelled\r\n")
    assert process.returncode == 143


@terminal_only
def test_somebody_who_types_is_told_what_went_wrong_and_goes_on(
    talker: FakeServer, start: Start, tmp_path: Path
) -> None:
    terminal, process = _sit(start, talker.url, "/fail")
    terminal.type("luck\r")
    terminal.read_until("gradproto: error: no luck\r\n")
    terminal.type("/dance\r")
    terminal.read_until("gradproto: error: there is no /dance")
    terminal.type("/file x\r")
    terminal.read_until("takes no files with a message\r\n")
    terminal.type("/reset\r")
    terminal.read_until("a new conversation\r\n")
    terminal.type("/help\r")
    terminal.type("/quit\r")
    terminal.watch(process)
    assert process.returncode == 0


@terminal_only
def test_the_answers_may_lead_elsewhere_while_somebody_types(server: FakeServer, start: Start) -> None:
    terminal = Terminal()
    process = start("chat", server.url, stdin=terminal.end, stderr=terminal.end, start_new_session=True)
    terminal.read_until("> ")
    terminal.type("hello\r")
    assert process.stdout is not None
    assert process.stdout.readline() == "You said: hello\n"
    terminal.type("\x04")
    terminal.watch(process)
    assert (process.returncode, process.stdout.read()) == (0, "")
