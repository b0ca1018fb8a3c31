"""What a person sees of a network that is no good, and of a server that is down or does not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gradproto import ConnectError, DeadlineExceeded, GradprotoError, Timeouts, TransportError
from gradproto_fake_server import FakeApp, FakeServer

from .backends import Backend

CONTENT = b"some text " * 300_000  # more than the kernel takes of it ahead


def wrong(fake: FakeServer, name: str, *args: Any, **values: Any) -> None:
    fake.run(lambda app: app.inject(name, *args, **values))


async def test_a_server_that_is_down_is_a_connect_error_and_back_it_is_as_new(
    backend: Backend, fake: FakeServer
) -> None:
    async with backend.open_client(fake.url) as client:
        assert await client.predict("before", api_name="/echo") == "before"
        fake.run(lambda app: app.restart(down=1000.0))
        with pytest.raises(TransportError):
            await client.predict("x", api_name="/echo")
        with pytest.raises(ConnectError):
            await client.predict("x", api_name="/echo")
        with pytest.raises(ConnectError):
            async with backend.open_client(fake.url):
                pass
        fake.run(lambda app: app.refuse(0))
        await client.reset_session()
        assert await client.predict("after", api_name="/echo") == "after"


@pytest.mark.parametrize("name", ["close at first byte", "reset at first byte", "no http"])
async def test_whatever_spoils_a_tls_handshake_is_a_connect_error(
    backend: Backend, fake: FakeServer, name: str
) -> None:
    wrong(fake, name, times=None)
    with pytest.raises(TransportError):
        async with backend.open_client(fake.url.replace("http", "https")):
            pass


async def test_a_plain_server_is_no_tls_server(backend: Backend, fake: FakeServer) -> None:
    with pytest.raises(ConnectError):
        async with backend.open_client(fake.url.replace("http", "https")):
            pass


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("small pieces", {"size": 7}),
        ("latency", {"seconds": 0.01}),
        ("bandwidth", {"bytes_per_second": 1_000_000}),
    ],
)
async def test_a_bad_line_changes_nothing_but_the_time(
    backend: Backend, fake: FakeServer, name: str, values: dict[str, Any]
) -> None:
    wrong(fake, name, times=None, **values)
    async with backend.open_client(fake.url) as client:
        job = await client.submit(3, api_name="/count")
        assert [output async for output in job] == ["n=0", "n=1", "n=2"]
        assert await client.predict("é✓", api_name="/echo") == "é✓"


async def test_an_upload_that_is_read_slowly_gets_through(backend: Backend, fake: FakeServer) -> None:
    wrong(fake, "slow body", "POST */upload", size=256 << 10, every=0.001)
    async with backend.open_client(fake.url, download_files=False) as client:
        result = await client.predict(CONTENT, api_name="/upper")
        assert result.size == len(CONTENT)


@pytest.mark.parametrize(
    ("name", "after_bytes", "error"),
    [
        ("stall body", 100_000, DeadlineExceeded),
        ("cut body", 0, TransportError),
        ("cut body", 100_000, TransportError),
        ("reset body", 100_000, TransportError),
    ],
)
async def test_an_upload_that_is_not_read_to_its_end_fails_its_job_alone(
    backend: Backend, fake: FakeServer, name: str, after_bytes: int, error: type[GradprotoError]
) -> None:
    wrong(fake, name, "POST */upload", after_bytes=after_bytes)
    async with backend.open_client(fake.url, timeouts=Timeouts(upload_idle=1.0), download_files=False) as client:
        with pytest.raises(error):
            await client.predict(CONTENT, api_name="/upper")
        result = await client.predict(b"again", api_name="/upper")
        assert result.size == 5


@pytest.mark.parametrize("make", [lambda app: app.refuse(1000.0), lambda app: app.restart(down=1000.0)])
async def test_a_client_can_be_closed_while_its_server_is_down(
    backend: Backend, fake: FakeServer, make: Callable[[FakeApp], None]
) -> None:
    async with backend.open_client(fake.url) as client:
        await client.predict("x", api_name="/echo")
        fake.run(make)
    fake.wait_for(lambda app: not app.open_streams)
