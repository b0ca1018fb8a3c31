"""The three clients have the same public names and signatures, but for what waits: that is awaited."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import gradproto_transports.asyncio
import gradproto_transports.sync
import gradproto_transports.trio
from gradproto_transports._options import ClientOptions

SYNC = gradproto_transports.sync
ASYNC = {"trio": gradproto_transports.trio, "asyncio": gradproto_transports.asyncio}

# What the sync client does at once, and what waits: nothing waits in one form and not in the other.
PLAIN = {
    "Client": {"config", "duplicate", "endpoints", "map", "session", "session_hash", "src", "view_api"},
    "MapResults": {"as_completed"},
    "Job": {
        "add_done_callback",
        "cancelled",
        "done",
        "outputs",
        "request_cancel",
        "running",
        "status",
        "statuses",
        "updates",
    },
    "RemoteFile": {"stream"},
}
WAITING = {
    "Client": {"close", "predict", "reset_session", "submit"},
    "Job": {"cancel", "end", "exception", "final", "result", "send"},
    "MapResults": {"close"},
    "RemoteFile": {"read", "save"},
}
# The two ends of the machinery inside, which users do not call.
INSIDE = {"begin", "changed", "inner", "outcome", "record", "take", "take_any", "take_update"}
# The sync client has a constructor and is its own context manager; a sync job is a future.
ENTRY = {"open_client"}


@pytest.fixture(params=list(ASYNC))
def module(request: pytest.FixtureRequest) -> ModuleType:
    """One of the two modules for event loops."""
    return ASYNC[request.param]


def public(cls: type) -> set[str]:
    """Return the names that a class of ours offers to users, without what a future has anyway."""
    return {name for name in own(cls) if not name.startswith("_")} - INSIDE


def own(cls: type) -> dict[str, Any]:
    """Return what a class and those of this package that it comes from define."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("gradproto_transports"):
            found |= vars(base)
    return found


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """Return name, kind and default of each parameter, without ``self``."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found if p.name != "self"]


def test_the_modules_export_the_same_names(module: ModuleType) -> None:
    assert set(module.__all__) - ENTRY == set(SYNC.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
    for name in (
        "MapProgress",
        "Retry",
        "SpaceInfo",
        "SpaceStageReported",
        "Status",
        "StatusUpdate",
        "Timeouts",
        "handle_file",
    ):
        assert getattr(module, name) is getattr(SYNC, name)


@pytest.mark.parametrize("name", list(PLAIN))
def test_the_classes_have_the_same_methods(module: ModuleType, name: str) -> None:
    expected = PLAIN[name] | WAITING[name]
    assert public(getattr(SYNC, name)) == expected
    assert public(getattr(module, name)) == expected


@pytest.mark.parametrize("name", list(PLAIN))
def test_what_waits_is_awaited_and_nothing_else(module: ModuleType, name: str) -> None:
    plain, others = getattr(SYNC, name), getattr(module, name)
    for method in WAITING[name]:
        assert inspect.iscoroutinefunction(getattr(others, method)), method
        assert not inspect.iscoroutinefunction(getattr(plain, method)), method
    for method in PLAIN[name]:
        assert not inspect.iscoroutinefunction(getattr(others, method)), method


@pytest.mark.parametrize("name", list(PLAIN))
def test_the_methods_have_the_same_parameters(module: ModuleType, name: str) -> None:
    plain, others = getattr(SYNC, name), getattr(module, name)
    for method in public(plain):
        if callable(getattr(plain, method)):
            assert parameters(getattr(plain, method)) == parameters(getattr(others, method)), method
        else:
            assert isinstance(own(plain)[method], property)
            assert isinstance(own(others)[method], property)


def test_opening_takes_the_same_options(module: ModuleType) -> None:
    assert parameters(module.open_client) == parameters(SYNC.Client.__init__)


@pytest.mark.parametrize("name", ["duplicate", "space_info", "wake_space"])
def test_the_functions_take_the_same_options(module: ModuleType, name: str) -> None:
    assert parameters(getattr(module, name)) == parameters(getattr(SYNC, name))


def test_the_options_that_are_checked_before_a_copy_is_made_are_those_of_the_client() -> None:
    checked = {name: default for name, _, default in parameters(ClientOptions.of)}
    taken = {name: default for name, _, default in parameters(SYNC.Client.__init__)}
    for name in ("api_name", "fn_index", "ssl_context", "ssl_verify"):
        del taken[name]
    assert checked == taken


def test_iteration_is_there_in_both_forms(module: ModuleType) -> None:
    assert {"__iter__", "__next__"} <= vars(SYNC.Job).keys()
    assert {"__aiter__", "__anext__", "__await__"} <= vars(module.Job).keys()
    assert {"__enter__", "__exit__"} <= vars(SYNC.Client).keys()


@pytest.mark.parametrize("name", ["sync", "trio", "asyncio"])
def test_a_client_loads_only_its_own_event_loop(name: str) -> None:
    code = f"import sys, gradproto_transports.{name}; print(*(m for m in ('trio', 'asyncio') if m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ([] if name == "sync" else [name])
