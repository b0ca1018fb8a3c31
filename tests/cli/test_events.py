"""``gradproto predict --json-events``: all that happens, for scripts."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto_fake_server import AppFailure, FakeApp, FakeServer
from tests.cli.conftest import PATIENCE, Invoke, Start
from tests.transports.servers import RawServer
from tests.transports.tampering import Tampering


def _events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _types(text: str) -> list[str]:
    return [event["type"] for event in _events(text)]


def test_progress_and_messages_are_told(server: FakeServer, invoke: Invoke) -> None:
    result = invoke("predict", server.url, "/progress", "1", "--json-events")
    assert (result.exit_code, result.stderr) == (0, "")
    joined, queued, running, log, progress, output, end = _events(result.stdout)
    assert joined == {"type": "status", "status": "joined"}
    assert queued == {"type": "status", "status": "queued", "rank": 0, "queue_size": 1, "eta": None}
    assert running == {"type": "status", "status": "running", "eta": None}
    told = {"title": "Info", "duration": 10.0, "visible": True}
    assert log == {"type": "log", "level": "info", "message": "log 0", **told}
    unit = {"index": 0, "length": 1, "unit": "steps", "progress": None, "desc": "step 0"}
    assert progress == {"type": "progress", "units": [unit]}
    assert output == {"type": "output", "index": 0, "value": "done 1"}
    assert (end["type"], end["outputs"], end["value"]) == ("result", 1, "done 1")
    assert end["duration"] > 0


def test_each_output_of_a_generator_is_told_once(server: FakeServer, invoke: Invoke) -> None:
    events = _events(invoke("predict", server.url, "/count", "3", "--json-events").stdout)
    assert [(event["index"], event["value"]) for event in events if event["type"] == "output"] == [
        (0, "n=0"),
        (1, "n=1"),
        (2, "n=2"),
    ]
    assert (events[-1]["type"], events[-1]["outputs"], events[-1]["value"]) == ("result", 3, "n=2")


def test_transfers_are_told(server: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a" * 1000)
    options = ["--output-dir", str(tmp_path / "out"), "--json-events"]
    events = _events(invoke("predict", server.url, "/upper", f"@{tmp_path / 'a.txt'}", *options).stdout)
    uploads = [event for event in events if event["type"] == "upload"]
    assert uploads[-1]["sent"] == uploads[-1]["total"] > 1000
    assert [event for event in events if event["type"] == "uploaded"] == [
        {"type": "uploaded", "index": 0, "name": "a.txt"}
    ]
    assert events[-1]["value"] == str(tmp_path / "out" / "a.txt")


def test_a_quota_that_is_used_up_is_told_with_what_to_do(invoke: Invoke) -> None:
    app = FakeApp()

    @app.endpoint("/draw")
    def draw(text: str) -> str:
        quota = "You have exceeded your GPU quota (60s requested vs. 12s left). Try again in 0:10:00"
        raise AppFailure(quota, title="ZeroGPU quota exceeded")

    with FakeServer(app) as server:
        result = invoke("predict", server.url, "/draw", "x", "--json-events")
    end = _events(result.stdout)[-1]
    assert (end["type"], end["error"], end["exit_code"], result.exit_code) == ("error", "QuotaExceededError", 1, 1)
    for text in (end["message"], result.stderr):
        assert "ZeroGPU quota exceeded: You have exceeded your GPU quota" in text
        assert "pass a token so that the call counts for your own quota" in text


@pytest.mark.parametrize(
    ("words", "error", "message", "code"),
    [
        (["/fail", "x"], "AppError", "boom-visible", 1),
        (["/nope"], "EndpointNotFoundError", "Cannot find a function", 2),
        (["/add", "a=1", "a=2"], "UsageError", "is given twice", 2),
        (["/echo"], "ArgumentError", "No value provided", 2),
    ],
)
def test_an_error_is_the_last_event_and_on_stderr_too(
    server: FakeServer, invoke: Invoke, words: list[str], error: str, message: str, code: int
) -> None:
    result = invoke("predict", server.url, *words, "--json-events")
    last = _events(result.stdout)[-1]
    assert (result.exit_code, last["type"], last["error"], last["exit_code"]) == (code, "error", error, code)
    assert message in last["message"]
    assert message in result.stderr
    assert _types(result.stdout).count("error") == 1


def test_no_connection_is_an_event(invoke: Invoke) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = invoke("predict", f"http://127.0.0.1:{port}", "/echo", "x", "--json-events")
    (event,) = _events(result.stdout)
    assert (result.exit_code, event["error"], event["exit_code"]) == (3, "ConnectError", 3)


def test_a_file_that_cannot_be_written_is_an_event(server: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    options = ["--output-dir", str(tmp_path / "taken" / "below"), "--json-events"]
    result = invoke("predict", server.url, "/upper", f"@{tmp_path / 'taken'}", *options)
    last = _events(result.stdout)[-1]
    assert (result.exit_code, last["error"], last["exit_code"]) == (1, "NotADirectoryError", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_an_interrupt_is_an_event(server: FakeServer, start: Start) -> None:
    server.hold("/count")
    process = start("predict", server.url, "/count", "5", "--json-events")
    server.wait_for(lambda app: app.jobs and app.job("/count").state == "held", PATIENCE)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    last = _events(out)[-1]
    assert (process.returncode, last["error"], last["exit_code"]) == (130, "Interrupted", 130)
    assert err == "gradproto: interrupted; the job was cancelled\n"


def test_both_forms_of_json_at_once_are_refused(server: FakeServer, invoke: Invoke) -> None:
    result = invoke("predict", server.url, "/echo", "x", "--json", "--json-events")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["type"] == "error"


def test_the_help_describes_the_events(invoke: Invoke) -> None:
    text = " ".join(invoke("predict", "--help").stdout.split())
    for word in ("upload", "uploaded", "status", "progress", "log", "output", "result", "error"):
        assert f'"{word}"' in text


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["--timeout", "abc"], "BadParameter", 2),
        (["--bogus"], "NoSuchOption", 2),
        (["--json"], "UsageError", 2),
        (["--header", "nonsense"], "UsageError", 2),
    ],
)
def test_wrong_usage_is_an_event_too(invoke: Invoke, words: list[str], kind: str, code: int) -> None:
    result = invoke("predict", "http://127.0.0.1:1", "/echo", "x", "--json-events", *words)
    event = json.loads(result.stdout)
    assert (event["type"], event["error"], event["exit_code"], result.exit_code) == ("error", kind, code, code)
    assert event["message"] in result.stderr


def test_an_interrupt_while_it_connects_is_an_event_too(start: Start) -> None:
    asked = threading.Event()

    def hang(client: socket.socket) -> None:
        client.recv(65536)
        asked.set()
        client.recv(1)

    with RawServer(hang) as hanging:
        process = start("predict", hanging.url, "/echo", "x", "--json-events")
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["error"] == "Interrupted"


@pytest.mark.parametrize("how", ["slowly", "not at all"])
def test_a_file_that_comes_too_late_ends_the_call_at_its_limit(server: FakeServer, invoke: Invoke, how: str) -> None:
    over = threading.Event()

    def slowly(parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            for at in range(len(part)):
                over.wait(0.05 if how == "slowly" else None)
                yield part[at : at + 1]

    with Tampering(server.url) as proxy:
        proxy.arm(b"/file=", lambda answer: answer.wire.append(slowly))
        result = invoke("predict", proxy.url, "/upper", "@README.md", "--json-events", "--timeout", "2")
        over.set()
    event = json.loads(result.stdout.splitlines()[-1])
    assert (event["type"], event["error"], result.exit_code) == ("error", "DeadlineExceeded", 1)
    assert "did not come within 2 s" in event["message"]
