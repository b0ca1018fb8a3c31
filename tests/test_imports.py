"""Who may import whom: downward only, and nothing that does I/O in the core."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "gradproto": ROOT / "gradproto",
    "gradproto_transports": ROOT / "transports" / "gradproto_transports",
    "gradproto_fake_server": ROOT / "fake_server" / "gradproto_fake_server",
    "gradproto_conformance": ROOT / "spec" / "gradproto_conformance",
}

IO_MODULES = {
    *("socket", "ssl", "select", "selectors", "http", "urllib.request", "subprocess", "multiprocessing", "signal"),
    *("trio", "asyncio", "threading", "time", "random", "secrets", "tempfile", "shutil", "pathlib"),
}

# The other packages of the house that each may import; from the outside, only what is named.
MAY_IMPORT = {
    "gradproto": set[str](),
    "gradproto_transports": {"gradproto"},
    "gradproto_transports.cli": set(PACKAGES),
    "gradproto_fake_server": {"gradproto"},
    "gradproto_conformance": {"gradproto", "gradproto_transports", "gradproto_fake_server"},
}
# The one door from the core upward: it only names, for people and for type checkers, what it loads when it is used.
UPWARD = {"gradproto.testing": {"gradproto_conformance"}}
THIRD_PARTY = {
    "gradproto": {"h11", "wsproto"},
    "gradproto_transports": {"trio"},
    "gradproto_transports.cli": {"click", "rich", "trio"},
    "gradproto_fake_server": {"h11", "wsproto", "trio", "trustme", "pytest"},
    "gradproto_conformance": {"click", "rich", "trio"},
    "gradproto_conformance._fixture_app": {"gradio"},
}


def _modules() -> Iterator[tuple[str, Path]]:
    for package, directory in PACKAGES.items():
        for path in sorted(directory.rglob("*.py")):
            parts = path.relative_to(directory.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path
        assert directory.is_dir(), package


MODULES = dict(_modules())


def imports_of(name: str, source: str, *, is_package: bool) -> Iterator[str]:
    """Yield the full name of everything that a module imports, wherever in it that is done."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                around = name.split(".") if is_package else name.split(".")[:-1]
                parent = ".".join(around[: len(around) - node.level + 1])
                base = f"{parent}.{base}" if base else parent
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _imports(name: str) -> set[str]:
    path = MODULES[name]
    return set(imports_of(name, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py"))


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _home(name: str) -> str:
    cli = "gradproto_transports.cli"
    return cli if _is_within(name, cli) else name.partition(".")[0]


def test_imports_are_found_in_every_form() -> None:
    source = """
import a.b, c as d
from e import f
def g():
    from ..h import i
    from . import j
"""
    found = {"a.b", "c", "e", "e.f", "top.h", "top.h.i", "top.sub", "top.sub.j"}
    assert set(imports_of("top.sub.module", source, is_package=False)) == found
    assert set(imports_of("top.sub", source, is_package=True)) == found


@pytest.mark.parametrize("name", [name for name in MODULES if _is_within(name, "gradproto")])
def test_the_core_imports_nothing_that_does_io(name: str) -> None:
    found = _imports(name)
    assert not {module for module in found for banned in IO_MODULES if _is_within(module, banned)}


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_downward_only(name: str) -> None:
    home = _home(name)
    allowed = MAY_IMPORT[home] | {home} | UPWARD.get(name, set())
    for module in _imports(name):
        if module.partition(".")[0] in PACKAGES:
            assert _home(module) in allowed, f"{name} imports {module}"


@pytest.mark.parametrize("name", MODULES)
def test_only_the_named_libraries_are_imported(name: str) -> None:
    tops = {module.partition(".")[0] for module in _imports(name)}
    assert tops - set(sys.stdlib_module_names) - set(PACKAGES) <= THIRD_PARTY.get(name, THIRD_PARTY[_home(name)])


CLIENTS = ("sync", "trio", "asyncio")


@pytest.mark.parametrize("client", CLIENTS)
def test_the_three_clients_never_import_one_another(client: str) -> None:
    reached = {f"gradproto_transports.{client}"}
    waiting = list(reached)
    while waiting:
        for module in _imports(waiting.pop()):
            if module in MODULES and _is_within(module, "gradproto_transports") and module not in reached:
                reached.add(module)
                waiting.append(module)
    others = {f"gradproto_transports.{other}" for other in CLIENTS if other != client}
    drivers = {f"gradproto_transports._{other}_driver" for other in CLIENTS if other != client}
    assert not reached & (others | drivers)
    assert f"gradproto_transports._{client}_driver" in reached


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("module", ["gradproto", "gradproto.wire", "gradproto.testing"])
def test_importing_the_core_loads_no_module_that_does_io(module: str) -> None:
    loaded = _loaded_by(f"import {module}")
    assert module in loaded
    assert not loaded & {"socket", "ssl", "trio", "asyncio", "selectors", "_socket", "_ssl", "click", "rich"}
    assert not loaded & (set(PACKAGES) - {"gradproto"})


def test_the_session_door_loads_only_the_standard_library() -> None:
    tops = {module.partition(".")[0] for module in _loaded_by("import gradproto")}
    assert tops - set(sys.stdlib_module_names) == {"gradproto"}


def test_what_is_for_tests_is_loaded_when_it_is_used() -> None:
    assert "gradproto_conformance.adapters" in _loaded_by("from gradproto.testing import check_adapter")


@pytest.mark.parametrize(
    ("client", "others"),
    [("sync", {"trio", "asyncio", "ssl"}), ("trio", {"asyncio"}), ("asyncio", {"trio"})],
)
def test_importing_a_client_loads_nothing_of_the_others(client: str, others: set[str]) -> None:
    loaded = _loaded_by(f"import gradproto_transports.{client}")
    assert not loaded & (others | {"click", "rich", "gradproto_fake_server"})
