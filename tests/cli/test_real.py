"""The command line and a real Gradio."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradproto_fake_server import FakeServer
from gradproto_transports.cli._app import program
from gradproto_transports.sync import Client
from tests.cli.conftest import PATIENCE, Invoke, Start
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.real


def test_the_api_is_that_of_the_fake_server(real_url: str, server: FakeServer, invoke: Invoke) -> None:
    real = json.loads(invoke("view-api", real_url, "--json").stdout)
    fake = json.loads(invoke("view-api", server.url, "--json").stdout)
    assert list(real["named_endpoints"]) == list(fake["named_endpoints"])


def test_calls_files_generators_and_errors(real_url: str, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "größe.txt").write_text("größe", encoding="utf-8")
    assert invoke("predict", real_url, "/add", "-2", "b=0.5").stdout == "-1.5\n"
    assert invoke("predict", real_url, "/echo", "007").stdout == "007\n"
    assert invoke("predict", real_url, "/count", "3", "--json").stdout == '"n=0"\n"n=1"\n"n=2"\n'
    assert invoke("predict", real_url, "/now_upper", "x").stdout == "X\n"
    path = invoke("predict", real_url, "/upper", f"@{tmp_path / 'größe.txt'}", "--output-dir", str(tmp_path)).stdout
    assert Path(path.rstrip("\n")).read_text(encoding="utf-8") == "GRÖSSE"
    failed = invoke("predict", real_url, "/fail", "x")
    assert (failed.exit_code, failed.stdout, failed.stderr) == (1, "", "gradproto: error: boom-visible\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_an_interrupt_takes_a_waiting_job_out_of_the_queue(real_url: str, start: Start) -> None:
    with Client(real_url) as client:
        first = client.submit("first", 5, api_name="/slow")
        terminal = Terminal()
        process = start("predict", real_url, "/slow", "second", "0", stderr=terminal.end)
        terminal.read_until("waiting in the queue")
        process.send_signal(signal.SIGINT)
        assert terminal.watch(process).endswith("gradproto: interrupted; the job was cancelled\r\n")
        assert process.returncode == 130
        assert first.result(PATIENCE) == "first"


@pytest.fixture(scope="module")
def chat_url() -> Iterator[str]:
    """Two apps of ``gr.ChatInterface``."""
    command = [sys.executable, str(Path(__file__).parent / "chat_app.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            ready = next((line for line in server.stdout if line.startswith("READY ")), None)
            assert ready is not None, "the app did not start"
            yield ready.split()[1]
        finally:
            server.terminate()


def _pipe(url: str, said: str, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(program, ["chat", url, *words], input=said, catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_a_chat_interface_is_found_and_keeps_its_conversation(chat_url: str) -> None:
    answers = "[Thinking]\nso\ncalm 0 one\n[Thinking]\nso\ncalm 3 two\n"
    assert _pipe(f"{chat_url}/words", "one\ntwo\n") == (0, answers, "")
    assert _pipe(f"{chat_url}/words", "one\n/reset\ntwo\n", "manner=wild")[1].splitlines()[2::3] == [
        "wild 0 one",
        "wild 0 two",
    ]


def test_a_multimodal_chat_takes_files(chat_url: str, tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes(b"a")
    said = f"/file {tmp_path / 'a b.txt'}\n/file {__file__}\nlook\nmore\n"
    assert _pipe(f"{chat_url}/files", said) == (0, "look ['a b.txt', 'test_real.py']\nmore []\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_an_answer_grows_at_a_terminal(chat_url: str, start: Start) -> None:
    terminal = Terminal()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.end)
    process = start("chat", f"{chat_url}/words", **streams, start_new_session=True)
    terminal.read_until("> ")
    terminal.type("one two\r")
    terminal.read_until("calm 0 one two\r\x1b[J[Thinking]\r\nso\r\ncalm 0 one two\r\n")
    terminal.read_until("> ", times=2)
    terminal.type("\x04")
    terminal.watch(process)
    assert process.returncode == 0
