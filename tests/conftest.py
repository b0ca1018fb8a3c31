"""For all tests: nothing reports home or asks the Hub, proxies stay out of it, and a slow machine is no failure."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# For Gradio, in this process and in those that tests start.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
for _name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
    os.environ.pop(_name, None)
    os.environ.pop(_name.lower(), None)

settings.register_profile("gradproto", deadline=None, print_blob=True)
settings.load_profile("gradproto")

REAL_APP = Path(__file__).parent / "real_app.py"


@contextlib.contextmanager
def running_real_app(*options: str) -> Iterator[str]:
    """Run the demo app on a real Gradio in a process of its own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(REAL_APP), "--port", str(port), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            ready = next((line for line in server.stdout if line.startswith("READY ")), None)
            assert ready is not None, "the real app did not start"
            yield ready.split()[1]
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def real_url() -> Iterator[str]:
    """The demo app on a real Gradio."""
    with running_real_app() as url:
        yield url
