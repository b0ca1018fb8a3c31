"""The command line in this process, and in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports.cli._app import program

Invoke = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]

# Whoever starts the tests in the background of a shell starts them with SIGINT ignored.
BOOT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
MAIN = "from gradproto_transports.cli import main; main()"

PATIENCE = 60.0  # seconds until a test gives up; never waited for when all is well


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """The demo app, served."""
    with FakeServer(demo_app()) as running:
        yield running


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's shows in what the program prints."""
    for name in (
        "NO_COLOR",
        "FORCE_COLOR",
        "GRADPROTO_AUTH",
        "HF_TOKEN",
        "HF_ENDPOINT",
        "PYTHONIOENCODING",
        "PYTHONUTF8",
        "COLUMNS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def invoke() -> Invoke:
    """Run the program in this process."""

    def run(*args: str, env: Mapping[str, str] | None = None) -> Result:
        return CliRunner().invoke(program, list(args), env=env, catch_exceptions=False)

    return run


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the program as a process, which is killed if it outlives the test."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*args: str, before: str = "", env: Mapping[str, str] | None = None, **options: Any) -> Any:
        command = [sys.executable, "-c", BOOT + before + MAIN, *args]
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})}
        process = subprocess.Popen(command, env=environment, text=True, encoding="utf-8", **streams)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)
