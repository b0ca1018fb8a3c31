"""What whoever installs the distribution gets: these tests need it, its extras and pytest, and nothing of a checkout.

``tests/test_release.py`` runs them where there is nothing else, with the oldest and the newest Python.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import trio

import gradproto
import gradproto_transports.asyncio as with_asyncio
import gradproto_transports.sync as with_threads
import gradproto_transports.trio as with_trio
from gradproto.testing import check_adapter
from gradproto_conformance import Options, run
from gradproto_fake_server import FakeHub, FakeHubServer, FakeServer, InlineServer, demo_app

PACKAGES = ("gradproto", "gradproto_transports", "gradproto_fake_server", "gradproto_conformance")
# One of each way in which the queue was spoken with.
VERSIONS = ("2.9.4", "3.0.24", "3.50.2", "4.0.2", "4.12.0", "4.44.1", "5.50.0", "6.31.0")
CALLS: list[tuple[str, str, Any, list[Any]]] = [
    ("2.9.4", "/predict", "x", ["x"]),  # an app had one function then
    ("3.0.24", "/echo", "x", ["x"]),  # and no generators
    *((version, "/count", 3, ["n=0", "n=1", "n=2"]) for version in VERSIONS[2:]),
]
each_call = pytest.mark.parametrize(("version", "api_name", "value", "outputs"), CALLS, ids=VERSIONS)


def test_the_version_is_that_of_the_distribution() -> None:
    assert importlib.metadata.version("gradproto") == gradproto.__version__


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_can_be_imported(package: str) -> None:
    loaded = importlib.import_module(package)
    assert (files(package) / "py.typed").is_file()
    names = [found.name for found in pkgutil.walk_packages(loaded.__path__, package + ".")]
    assert len(names) > 5
    for name in names:
        if not name.endswith("._fixture_app"):  # a program that wants a Gradio
            importlib.import_module(name)


@each_call
def test_the_client_with_threads_works(version: str, api_name: str, value: Any, outputs: list[Any]) -> None:
    with FakeServer(demo_app(gradio_version=version)) as server, with_threads.Client(server.url) as client:
        assert list(client.submit(value, api_name=api_name)) == outputs


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_texts_and_files_come_back(version: str, tmp_path: Path) -> None:
    source = tmp_path / "notes.txt"
    source.write_text("größer", encoding="utf-8")
    with FakeServer(demo_app(gradio_version=version)) as server, with_threads.Client(server.url) as client:
        assert client.predict("Grüße \U0001f600", api_name="/echo") == "Grüße \U0001f600"
        made = client.predict(with_threads.handle_file(source), api_name="/upper")
        assert Path(made).read_text(encoding="utf-8") == "GRÖSSER"


@each_call
def test_the_client_with_trio_works(version: str, api_name: str, value: Any, outputs: list[Any]) -> None:
    async def main(url: str) -> list[Any]:
        async with with_trio.open_client(url) as client:
            return [output async for output in await client.submit(value, api_name=api_name)]

    with FakeServer(demo_app(gradio_version=version)) as server:
        assert trio.run(main, server.url) == outputs


@each_call
def test_the_client_with_asyncio_works(version: str, api_name: str, value: Any, outputs: list[Any]) -> None:
    async def main(url: str) -> list[Any]:
        async with with_asyncio.open_client(url) as client:
            return [output async for output in await client.submit(value, api_name=api_name)]

    with FakeServer(demo_app(gradio_version=version)) as server:
        assert asyncio.run(main(server.url)) == outputs


def test_a_server_without_sockets_works() -> None:
    server = InlineServer(demo_app())
    with with_threads.Client(server.url, open_stream=server.open_stream) as client:
        assert client.predict("x", api_name="/echo") == "x"


def test_tls_works() -> None:
    with FakeServer(demo_app(), tls=True) as server:
        with with_threads.Client(server.url, ssl_context=server.ssl_context) as client:
            assert client.predict("x", api_name="/echo") == "x"
        with pytest.raises(gradproto.ConnectError, match="certificate"):
            with_threads.Client(server.url)


def test_a_space_works() -> None:
    hub = FakeHub()
    hub.add_space("owner/app", stage="SLEEPING")
    with FakeHubServer(hub) as server, with_threads.Client("owner/app", hub_url=server.url) as client:
        assert client.predict("x", api_name="/echo") == "x"


def test_a_server_can_be_checked() -> None:
    with FakeServer(demo_app()) as server:
        report = run(server.url, Options(select=("CONFIG-*",)))
    assert report.exit_code == 0
    assert any(result.verdict.value == "pass" for result in report.results)


def test_an_adapter_can_be_checked() -> None:
    with pytest.raises(AssertionError, match="SESSION-1"):
        check_adapter(lambda session, on_event: None, only=["predict"])


def gradproto_program(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-m", "gradproto_transports.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)


def test_the_command_line_works() -> None:
    demo = gradproto_program("demo")
    assert demo.returncode == 0, demo.stderr
    assert "12 of 12 steps went as expected" in demo.stdout
    with FakeServer(demo_app()) as server:
        assert gradproto_program("predict", server.url, "/add", "2", "b=40").stdout == "42\n"
        assert gradproto_program("predict", server.url, "/nowhere").returncode == 2


def test_the_plugin_works(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "def test_mine(fake_gradio):\n    assert fake_gradio.url.startswith('http://127.0.0.1:')\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "gradproto_fake_server.pytest_plugin", "test_mine.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
