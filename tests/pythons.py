"""The Pythons of this machine: uv's, those on the path, and pyenv's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["find", "newest"]


def find(version: str) -> Path | None:
    """Return a Python of a version such as ``3.11``, or ``None``."""
    return next((candidate for candidate in _candidates(version) if _is_of(version, candidate)), None)


def newest() -> str:
    """Return the newest version of which there is one: at least that of this process."""
    mine = sys.version_info.minor
    return next(f"3.{minor}" for minor in range(mine + 9, mine - 1, -1) if minor == mine or find(f"3.{minor}"))


def _candidates(version: str) -> Iterator[Path]:
    done = subprocess.run(
        [sys.executable, "-m", "uv", "python", "find", "--system", "--no-python-downloads", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 and done.stdout.strip():
        yield Path(done.stdout.strip())
    for root in (os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"):
        if root:
            yield from sorted(Path(root).glob(f"versions/{version}*/bin/python{version}"), reverse=True)


def _is_of(version: str, python: Path) -> bool:
    probe = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(probe, capture_output=True, text=True, check=True).stdout.strip() == version
    except (OSError, subprocess.CalledProcessError):
        return False
