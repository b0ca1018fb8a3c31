"""One virtual environment for each version of Gradio, with exactly what its pins say.

They live in ``.matrix/`` of the working copy, or where ``GRADPROTO_MATRIX_ENVS`` points; there, ``<version>`` and
``g<version>`` are looked at. All come from PyPI, and none is touched that has all that it needs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests import pythons

from .versions import PINS

__all__ = ["EnvironmentFailed", "NoPython", "directory", "find_python", "make"]

ROOT = Path(__file__).parents[2]
WANTED = "3.11"
"""The Python that every one of these versions of Gradio runs on."""


class EnvironmentFailed(Exception):
    """An environment could not be made."""


class NoPython(EnvironmentFailed):
    """There is no Python of the wanted version on this machine."""


def directory() -> Path:
    """Return where the environments are."""
    return Path(os.environ.get("GRADPROTO_MATRIX_ENVS") or ROOT / ".matrix")


def find_python() -> Path:
    """Return a Python 3.11 of this machine: uv's, that on the path, or pyenv's."""
    found = pythons.find(WANTED)
    if found is not None:
        return found
    raise NoPython(
        f"the matrix needs Python {WANTED}, on which all these versions of Gradio run, and there is none: neither on "
        f"the path, nor of uv, nor of pyenv: so no version was tried. Install one (apt install python{WANTED}, "
        f"pyenv install {WANTED}, ...) and run: python3 tests/run.py matrix"
    )


def make(version: str, python: Path | None) -> Path:
    """Return the Python of the version's environment, which is made if it is not there: with ``python``."""
    pins = PINS / f"gradio-{version}.txt"
    for name in (version, f"g{version}"):
        place = directory() / name
        if _missing(place, pins) == []:
            return _python(place)
    if python is None:
        python = find_python()
    place = directory() / version
    place.parent.mkdir(parents=True, exist_ok=True)
    _uv("venv", "--quiet", "--clear", "--python", python, place)
    _uv("pip", "install", "--quiet", "--python", _python(place), "-r", pins)
    missing = _missing(place, pins)
    if missing:
        raise EnvironmentFailed(f"{place} lacks {', '.join(missing[:5])}")
    return _python(place)


def _python(place: Path) -> Path:
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _missing(place: Path, pins: Path) -> list[str]:
    """Return which pins are not installed there."""
    wanted = [line.strip() for line in pins.read_text().splitlines() if "==" in line]
    if not _python(place).exists():
        return wanted
    found = {
        "==".join(path.name.removesuffix(".dist-info").rsplit("-", 1)).replace("_", "-").lower()
        for path in place.glob("[Ll]ib*/**/site-packages/*.dist-info")
    }
    return [pin for pin in wanted if _normal(pin) not in found]


def _normal(pin: str) -> str:
    name, _, version = pin.partition("==")
    return re.sub(r"[-_.]+", "-", name).lower() + "==" + version.lower()


def _uv(*words: object) -> None:
    command = [sys.executable, "-m", "uv", *map(str, words)]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    # Nothing is downloaded but packages.
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EnvironmentFailed(f"{' '.join(command[2:])} failed:\n{(done.stdout + done.stderr)[-2000:]}")
