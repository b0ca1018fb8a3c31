"""For all tests: nothing reports home or asks the Hub, proxies stay out of it, and a slow machine is no failure."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from .browser import browser as browser
from .browser import open_page as open_page

# For Gradio, in this process and in those that tests start.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
for _name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
    os.environ.pop(_name, None)
    os.environ.pop(_name.lower(), None)

settings.register_profile("gradproto", deadline=None, print_blob=True)
settings.load_profile("gradproto")

HERE = Path(__file__).parent


@contextlib.contextmanager
def running_real_app(*options: str) -> Iterator[str]:
    """Run the demo app on a real Gradio in a process of its own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with _serving("real_app.py", "--port", str(port), *options) as ready:
        yield ready


@pytest.fixture(scope="session")
def real_documents() -> Iterator[dict[str, str]]:
    """The addresses of the apps of Gradio's documents on a real Gradio, by their names."""
    with _serving("documents_app.py") as ready:
        yield json.loads(ready)


@pytest.fixture(scope="session")
def real_components() -> Iterator[str]:
    """An app with every component there is, on a real Gradio."""
    with _serving("components_app.py") as ready:
        yield ready


@pytest.fixture(scope="session")
def real_features() -> Iterator[str]:
    """An app with a batch, a validator, a streaming input and rendered endpoints, on a real Gradio."""
    with _serving("features_app.py") as ready:
        yield ready


@contextlib.contextmanager
def _serving(script: str, *arguments: str) -> Iterator[str]:
    """Run a program that serves, and give what it says after READY."""
    command = [sys.executable, str(HERE / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            ready = next((line for line in server.stdout if line.startswith("READY ")), None)
            assert ready is not None, f"{script} did not start"
            yield ready.removeprefix("READY ").strip()
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def real_url() -> Iterator[str]:
    """The demo app on a real Gradio."""
    with running_real_app() as url:
        yield url
