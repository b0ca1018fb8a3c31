"""Each test of a client runs once for each of the three, and each test of a server on the fake and on a real one."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator
from functools import partial

import pytest

from gradproto_fake_server import FakeServer, demo_app

from .backends import BACKENDS, AsyncBackend, Backend


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Backend:
    """One of the three clients; a test that takes it may be a coroutine function."""
    return BACKENDS[request.param]


@pytest.fixture(params=["trio", "asyncio"])
def async_backend(request: pytest.FixtureRequest) -> AsyncBackend:
    """One of the two clients that run in an event loop."""
    found = BACKENDS[request.param]
    assert isinstance(found, AsyncBackend)
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function under the backend that it takes."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    funcargs = pyfuncitem.funcargs
    backend = funcargs.get("backend") or funcargs["async_backend"]
    wanted = inspect.signature(pyfuncitem.obj).parameters
    backend.run(partial(pyfuncitem.obj, **{name: funcargs[name] for name in wanted}))
    # Here, not at some other test: what was left open complains when it is collected.
    gc.collect()
    return True


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """The demo app on the fake server."""
    with FakeServer(demo_app()) as server:
        yield server


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest) -> str:
    """The address of the demo app, on the fake server and on a real one."""
    if request.param == "fake":
        return request.getfixturevalue("fake").url
    return request.getfixturevalue("real_url")
