"""How pytest gets the cells of one version, and how it tells of them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from .servers import Servers
from .versions import numbers

__all__ = ["CELLS", "Reporter"]

CELLS = Path(__file__).parent / "cells.py"


class Reporter:
    """Gives pytest its parameters, and tells how each test went."""

    def __init__(self, job: dict[str, Any], output: int) -> None:
        self.version: str = job["version"]
        self._cells: list[list[str]] = job["cells"]
        self._output = output
        self.servers = Servers(numbers(self.version), Path(job["python"]), Path(job["directory"]))
        self._began = 0.0
        self._failed = False

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each cell."""
        metafunc.parametrize(("row", "client"), self._cells)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Tell that a cell begins."""
        self._began = time.monotonic()
        self._failed = False
        self._tell(item, "begin")

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Tell how a cell went."""
        if call.excinfo is not None and not self._failed:
            self._failed = True
            # From the test on: how pytest got there is no news.
            call.excinfo.traceback = call.excinfo.traceback.cut(path=CELLS)
            text = str(call.excinfo.getrepr(style="short"))
            self._tell(item, "failed", text=text, seconds=time.monotonic() - self._began)
        elif call.when == "teardown" and not self._failed:
            self._tell(item, "passed", seconds=time.monotonic() - self._began)

    def _tell(self, item: pytest.Item, what: str, **more: Any) -> None:
        parameters = item.callspec.params  # type: ignore[attr-defined]
        line = {"what": what, "row": parameters["row"], "client": parameters["client"], **more}
        os.write(self._output, json.dumps(line).encode() + b"\n")
