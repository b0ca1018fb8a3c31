"""Programs that run as if there were no checkout of this project."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["run"]


def run(*command: object, cwd: Path) -> str:
    """Run a program that must succeed, with nothing in its environment that leads to this Python; give its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout
