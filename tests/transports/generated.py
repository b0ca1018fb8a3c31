"""Modules that `gradproto codegen` writes: made, type-checked, loaded, and looked at."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from gradproto import Endpoints
from gradproto_transports._codegen import write_module
from gradproto_transports._codegen_describe import STYLES, AppDescription, Style, describe_app

__all__ = ["CLASSES", "check_types", "describe", "is_of_type", "load", "write"]

CLASSES = {"sync": "App", "asyncio": "AsyncApp", "trio": "TrioApp"}


def describe(
    endpoints: Endpoints, *, url: str = "http://app.test", styles: Iterable[Style] = STYLES, **options: Any
) -> AppDescription:
    """The description of an app of which the rest does not matter."""
    return describe_app(endpoints, url=url, title="tests", gradio="6.31.0", styles=styles, **options)


def write(endpoints: Endpoints, path: Path, **options: Any) -> Path:
    """Write the module for some endpoints."""
    path.write_text(write_module(describe(endpoints, **options)), encoding="utf-8")
    return path


def load(path: Path) -> ModuleType:
    """Run a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_types(directory: Path, *files: Path) -> str:
    """Return what mypy and pyright, both strict, say about files; nothing if they are content."""
    config = directory / "pyrightconfig.json"
    config.write_text('{"typeCheckingMode": "strict", "pythonVersion": "3.10"}')
    names = [str(file) for file in files]
    said = ""
    for command in (
        ["mypy", "--strict", "--python-version", "3.10", "--config-file", "", "--cache-dir", str(directory / "cache")],
        ["pyright", "--pythonpath", sys.executable, "--project", str(config)],
    ):
        # Pyright takes its files from its project.
        given = names if command[0] == "mypy" else []
        ended = subprocess.run([sys.executable, "-m", *command, *given], capture_output=True, text=True, cwd=directory)
        if ended.returncode != 0:
            said += ended.stdout + ended.stderr
    return said


def is_of_type(value: object, wanted: Any) -> bool:
    """Whether a value is of a type as the modules write them."""
    arguments = typing.get_args(wanted)
    match typing.get_origin(wanted):
        case typing.Union | types.UnionType:
            return any(is_of_type(value, one) for one in arguments)
        case kind if kind is tuple:
            return isinstance(value, tuple) and len(value) == len(arguments) and all(map(is_of_type, value, arguments))
        case kind if kind is list:
            return isinstance(value, list) and all(is_of_type(item, arguments[0]) for item in value)
        case kind if kind is dict:
            return isinstance(value, dict) and all(is_of_type(item, arguments[1]) for item in value.values())
        case _:
            pass
    if wanted is Any:
        return True
    if wanted in (float, int):
        kinds = (int, float) if wanted is float else int
        return isinstance(value, kinds) and not isinstance(value, bool)
    return isinstance(value, wanted)
