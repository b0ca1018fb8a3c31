"""Run the matrix of Gradio's versions and of what they must do, on real servers.

    python -m tests.matrix [VERSION ...] [-k WORDS] [--client sync|trio|asyncio] [--jobs N] [--if-python]

It makes the environments that are not there, which takes a while the first time. Without versions, all are run: each
with the sync client, one of each dialect with all clients.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from . import behaviours, file_behaviours, queue_behaviours  # noqa: F401 - they fill the list
from .case import BEHAVIOURS
from .environments import ROOT, EnvironmentFailed, NoPython, directory, make
from .table import Cell, show
from .versions import ALL_CLIENTS, VERSIONS

CLIENTS = ("sync", "trio", "asyncio")

VERSION_LIMIT = 600.0
"""Seconds for the cells of one version; what has not run then has failed."""

HANGS_LIMIT = 3
"""How many cells of one version may hang or die before the others are no longer tried."""


class Version:
    """The cells of one version, run by one worker after the other until each has a verdict."""

    def __init__(self, version: str, python: Path, wanted: list[tuple[str, str]]) -> None:
        self.version = version
        self._python = python
        self._left = list(wanted)
        self.cells: list[Cell] = []

    def run(self) -> list[Cell]:
        """Run them all."""
        began = time.monotonic()
        hangs = 0
        while self._left:
            left = VERSION_LIMIT - (time.monotonic() - began)
            if left <= 0 or hangs >= HANGS_LIMIT:
                why = f"not run: {hangs} others hung or died" if left > 0 else f"not run in {VERSION_LIMIT:g} s"
                for row, client in list(self._left):
                    self._add(row, client, failure=why, ran=False)
                break
            hangs += not self._run_worker(left)
        taken = time.monotonic() - began
        failed = sum(cell.failure is not None for cell in self.cells)
        slowest = max(self.cells, key=lambda cell: cell.seconds)
        print(
            f"Gradio {self.version}: {len(self.cells)} cells, {failed} failed, {taken:.0f} s "
            f"({slowest.row!r} took {slowest.seconds:.0f} s)",
            flush=True,
        )
        return self.cells

    def _run_worker(self, limit: float) -> bool:
        """Run a worker to its end; whether it came to a good one."""
        running: tuple[str, str] | None = None
        before = len(self._left)
        # It outlives a worker that dies, and the servers that die with it.
        with (
            tempfile.TemporaryDirectory(prefix="gradproto-matrix-", ignore_cleanup_errors=True) as directory,
            subprocess.Popen(
                [sys.executable, "-m", "tests.matrix.worker", self._job(directory)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            ) as worker,
        ):
            assert worker.stdout is not None
            assert worker.stderr is not None
            clock = threading.Timer(limit, worker.kill)
            clock.start()
            words = _Words(worker.stderr)
            try:
                for line in worker.stdout:
                    told: dict[str, Any] = json.loads(line)
                    running = (told["row"], told["client"])
                    if told["what"] != "begin":
                        self._add(*running, failure=told.get("text"), seconds=told["seconds"])
                        running = None
            finally:
                clock.cancel()
                worker.wait()
        if running is not None:
            self._add(*running, failure="it hung or took the worker with it:\n" + words.last())
            return False
        if self._left:
            left = f"the worker ended with {worker.returncode}:\n{words.last()}"
            if len(self._left) == before:
                self._add(*self._left[0], failure=left)
            return False
        return True

    def _job(self, directory: str) -> str:
        python = str(self._python)
        return json.dumps({"version": self.version, "python": python, "directory": directory, "cells": self._left})

    def _add(self, row: str, client: str, *, failure: str | None = None, **more: Any) -> None:
        self._left.remove((row, client))
        if failure is not None:
            # Early, for whoever waits, and in case that the end is never printed.
            print(f"Gradio {self.version}, {client}: {row!r} failed", flush=True)
        self.cells.append(Cell(row=row, version=self.version, client=client, failure=failure, **more))


# How a test came to be run is no news in the stack of one that hangs.
_SKIPPED = re.compile(r'^  File "(.*[/\\](_pytest|pluggy)[/\\]|<frozen)')


class _Words:
    """The last of what a process says, read so that it does not wait for a reader."""

    def __init__(self, stream: Any) -> None:
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def last(self) -> str:
        """Return it, when all is read."""
        self._thread.join(5)
        return "".join([line for line in self._lines if not _SKIPPED.search(line)][-60:])

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.append(line)
            del self._lines[:-200]


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    options = _options()
    began = time.monotonic()
    rows = [row for row in BEHAVIOURS if all(word in row for word in options.k.split())]
    if not rows:
        print(f"no behaviour has {options.k!r} in its name; there are: {', '.join(BEHAVIOURS)}", file=sys.stderr)
        return 2
    pythons: dict[str, Path] = {}
    for version in options.versions:
        try:
            pythons[version] = make(version, None)
        except NoPython as error:
            print(error, file=sys.stderr)
            return 0 if options.if_python else 1
        except EnvironmentFailed as error:
            print(f"the environment of Gradio {version}: {error}", file=sys.stderr)
            return 1
    print(f"the environments are in {directory()}; ready after {time.monotonic() - began:.0f} s", flush=True)
    runs = []
    for version in options.versions:
        clients = options.client or (CLIENTS if version in ALL_CLIENTS else CLIENTS[:1])
        runs.append(Version(version, pythons[version], [(row, client) for row in rows for client in clients]))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        cells = [cell for version in pool.map(Version.run, runs) for cell in version]
    print(show(cells, rows, options.versions))
    print(f"-- {time.monotonic() - began:.0f} s")
    return 1 if any(cell.failure is not None for cell in cells) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/run.py matrix", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"of these: {', '.join(VERSIONS)}")
    parser.add_argument("-k", default="", metavar="WORDS", help="only the behaviours with these words in their names")
    parser.add_argument("--client", action="append", choices=CLIENTS, help="only this client (may be repeated)")
    parser.add_argument(
        "--if-python", action="store_true", help="where there is no Python of the version that is needed, only say so"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many versions run at a time")
    options = parser.parse_args()
    unknown = [version for version in options.versions if version not in VERSIONS]
    if unknown:
        parser.error(f"no pins for {', '.join(unknown)}; there are pins for {', '.join(VERSIONS)}")
    options.versions = options.versions or VERSIONS
    return options


if __name__ == "__main__":
    sys.exit(main())
