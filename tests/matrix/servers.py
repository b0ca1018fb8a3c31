"""Real servers of one version of Gradio: started when they are first needed, and ended with the program."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["VARIANTS", "Clock", "Server", "ServerFailed", "Servers"]

APP = Path(__file__).parent / "app.py"

CELL_LIMIT = 45.0
"""Seconds for one cell, the start of servers not counted in. Whatever takes longer hangs."""

START_LIMIT = 90.0
"""Seconds until a server must serve."""

JOURNAL_LIMIT = 20.0
"""Seconds until what a test waits for must have happened on the server."""

SERVERS_LIMIT = 6
"""How many servers of one version may run at a time; a Gradio 2 would have twenty."""

# How the app can be started.
VARIANTS: dict[str, list[str]] = {
    "main": [],
    "auth": ["--auth", "reader:secret-word"],
    "limited": ["--max-size", "1", "--show-error"],
    "mounted": ["--mount", "/deep/down"],
    "noqueue": ["--no-queue", "--show-error"],
}


class ServerFailed(Exception):
    """A server did not start, or did not do in time what it had to."""


class Clock:
    """The time limit of a cell. When it is over, every thread's stack is printed and the process ends."""

    def start(self) -> None:
        """Begin anew."""
        faulthandler.dump_traceback_later(CELL_LIMIT, exit=True, file=2)

    def stop(self) -> None:
        """Give time without limit."""
        faulthandler.cancel_dump_traceback_later()


class Server:
    """One process with the app."""

    def __init__(self, python: Path, arguments: list[str], parent: Path, app: Path = APP) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=parent))
        (self.directory / "journal.txt").touch()
        self._output = self.directory / "output.txt"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [str(python), str(app), "--port", str(port), "--directory", str(self.directory), *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )
        try:
            self._wait(lambda: "\nREADY " in "\n" + self.output(), START_LIMIT, "did not start")
        except BaseException:
            self.close()
            raise
        lines = [line.split() for line in self.output().splitlines()]
        self.url = next(words[1] for words in lines if words[:1] == ["READY"])
        self.features = frozenset(next(words[1:] for words in lines if words[:1] == ["FEATURES"]))

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def output(self) -> str:
        """Return what the process has printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def journal(self) -> list[str]:
        """Return what ran, one line for each beginning and end."""
        return (self.directory / "journal.txt").read_text(encoding="utf-8").splitlines()

    def wait_for(self, line: str) -> None:
        """Wait until the journal has the line."""
        self._wait(lambda: line in self.journal(), JOURNAL_LIMIT, f"never did {line!r}")

    def open_gate(self, name: str) -> None:
        """Let go on what waits for the gate, now or later."""
        (self.directory / name).touch()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process; what it left is removed with the directory of all."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self.kill()

    def _wait(self, ready: Callable[[], bool], limit: float, failure: str) -> None:
        until = time.monotonic() + limit
        while not ready():
            if not self.alive or time.monotonic() > until:
                raise ServerFailed(f"the server {failure}; its last words:\n{self.output()[-1500:]}")
            time.sleep(0.02)


class Servers:
    """All servers of one version, with directories in ``directory``."""

    def __init__(self, version: tuple[int, ...], python: Path, directory: Path) -> None:
        self.clock = Clock()
        self._version = version
        self._python = python
        self._directory = directory
        self._running: dict[tuple[str, str], Server] = {}

    def get(self, variant: str, function: str) -> Server:
        """Return the server of that kind; a Gradio 2 has one for each function."""
        key = (variant, function if self._version < (3,) else "")
        server = self._running.get(key)
        if server is None or not server.alive:
            if server is not None:
                self._running.pop(key).close()
            while len(self._running) >= SERVERS_LIMIT:
                self._running.pop(next(iter(self._running))).close()
            self.clock.stop()
            server = Server(self._python, ["--function", function, *VARIANTS[variant]], self._directory)
            self.clock.start()
        # The one that was asked for last stands last.
        self._running.pop(key, None)
        self._running[key] = server
        return server

    def all(self) -> list[Server]:
        """Return those that run."""
        return list(self._running.values())

    def close(self) -> None:
        """End them all."""
        for server in self._running.values():
            server.close()


def _environment() -> dict[str, str]:
    """Return an environment in which nothing of this program's Python gets in, and nothing reports home."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**inherited, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"}
