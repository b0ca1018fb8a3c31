"""The cells of one version as pytest tests; `worker` says which ones. A plain run of pytest does not collect them."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable

import pytest

pytest.register_assert_rewrite(
    "tests.matrix.behaviours",
    "tests.matrix.file_behaviours",
    "tests.matrix.queue_behaviours",
    "tests.matrix.holes",
)

from tests.transports.backends import BACKENDS  # noqa: E402

from . import behaviours, file_behaviours, queue_behaviours  # noqa: E402, F401 - they fill the list
from .case import BEHAVIOURS, Case  # noqa: E402
from .holes import hole_of  # noqa: E402
from .reporter import Reporter  # noqa: E402


@pytest.fixture(scope="session")
def matrix(pytestconfig: pytest.Config) -> Reporter:
    """What the worker knows: the version and its servers."""
    return next(plugin for plugin in pytestconfig.pluginmanager.get_plugins() if isinstance(plugin, Reporter))


def test_cell(row: str, client: str, matrix: Reporter) -> None:
    backend = BACKENDS[client]
    hole = hole_of(row, matrix.version)
    test: Callable[[Case], Awaitable[None]] = BEHAVIOURS[row] if hole is None else hole.proof
    case = Case(row, matrix.version, backend, matrix.servers)

    async def scenario() -> None:
        await test(case)

    matrix.servers.clock.start()
    try:
        backend.run(scenario)
        # Here, not at some other test: what was left open complains when it is collected.
        gc.collect()
    finally:
        matrix.servers.clock.stop()
        case.open_gates()
