"""Our clients and the official one find an app that is mounted, or behind a root path, and its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports import asyncio as ours_asyncio
from gradproto_transports import sync
from gradproto_transports import trio as ours_trio

# Where the app is, and what the user of a client writes behind its origin.
WHERE = [
    ({"mount_path": "/deep/down"}, "/deep/down"),
    ({"mount_path": "/deep/down"}, "/deep/down/"),
    ({"root_path": "/proxied"}, "/proxied"),
    ({"root_path": "/proxied"}, ""),
    ({"root_path": "https://pub.example/base"}, ""),
]
VERSIONS = ["3.50.2", "4.44.1", "6.31.0"]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=WHERE, ids=lambda where: f"{next(iter(where[0].values()))} at {where[1] or '/'}")
def url(request: pytest.FixtureRequest, version: str) -> Iterator[str]:
    options, path = request.param
    with FakeServer(demo_app(version, **options)) as server:
        yield server.url + path
        assert server.complaints == []


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello.txt"
    path.write_text("hello")
    return path


def test_the_sync_client_calls_and_fetches_files(url: str, hello: Path, tmp_path: Path) -> None:
    with sync.Client(url, download_files=str(tmp_path)) as client:
        assert client.predict("hé", api_name="/echo") == "hé"
        assert list(client.submit(3, api_name="/count")) == ["n=0", "n=1", "n=2"]
        assert Path(client.predict(sync.handle_file(hello), api_name="/upper")).read_text() == "HELLO"


@pytest.mark.parametrize("version", ["4.44.1", "6.31.0"], indirect=True)
def test_the_trio_client_calls_and_fetches_files(url: str, hello: Path, tmp_path: Path) -> None:
    import trio

    async def main() -> tuple[Any, Any]:
        async with ours_trio.open_client(url, download_files=str(tmp_path)) as client:
            file = await client.predict(ours_trio.handle_file(hello), api_name="/upper")
            return await client.predict("hé", api_name="/echo"), file

    said, file = trio.run(main)
    assert (said, Path(file).read_text()) == ("hé", "HELLO")


@pytest.mark.parametrize("version", ["4.44.1", "6.31.0"], indirect=True)
def test_the_asyncio_client_calls_and_fetches_files(url: str, hello: Path, tmp_path: Path) -> None:
    import asyncio

    async def main() -> tuple[Any, Any]:
        async with ours_asyncio.open_client(url, download_files=str(tmp_path)) as client:
            file = await client.predict(ours_asyncio.handle_file(hello), api_name="/upper")
            return await client.predict("hé", api_name="/echo"), file

    said, file = asyncio.run(main())
    assert (said, Path(file).read_text()) == ("hé", "HELLO")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("options", "path"), [WHERE[0], WHERE[2]])
def test_the_official_client_does_too(options: dict[str, str], path: str, hello: Path, tmp_path: Path) -> None:
    gradio_client = pytest.importorskip("gradio_client")
    with FakeServer(demo_app(**options)) as server:
        client = gradio_client.Client(server.url + path, verbose=False, download_files=str(tmp_path))
        try:
            assert client.predict("hé", api_name="/echo") == "hé"
            file = client.predict(gradio_client.handle_file(str(hello)), api_name="/upper")
            assert Path(file).read_text() == "HELLO"
        finally:
            client.close()
