"""The command line and a real Gradio."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from gradproto_fake_server import FakeServer
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
