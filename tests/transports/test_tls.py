"""TLS: with a certificate that is trusted, with one that is not, and with anybody's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from gradproto import ConnectError
from gradproto_fake_server import FakeServer

from .backends import Backend
from .servers import Proxy

LARGE = b"0123456789abcdef" * (1 << 17)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Somebody who issues certificates."""
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def server(authority: trustme.CA, fake: FakeServer) -> Iterator[Proxy]:
    """The demo app behind TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with Proxy(fake.url, tls=context) as proxy:
        yield proxy


async def test_everything_works_with_tls(backend: Backend, server: Proxy, trusting: ssl.SSLContext) -> None:
    async with backend.open_client(server.url, ssl_context=trusting) as client:
        assert await client.predict("secret", api_name="/echo") == "secret"
        job = await client.submit(100, api_name="/count")
        assert len([output async for output in job]) == 100
        result = await client.predict(LARGE, api_name="/upper")
        assert Path(result).read_bytes() == LARGE.upper()  # noqa: ASYNC240 - nobody else waits


async def test_what_tls_has_decrypted_is_read_later_when_others_have_to_wait(
    backend: Backend, server: Proxy, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The selector knows nothing of it."""
    monkeypatch.setattr("gradproto_transports._sync_driver.READ_BUDGET", 1)
    async with backend.open_client(server.url, ssl_context=trusting) as client:
        result = await client.predict(LARGE, api_name="/upper")
        assert Path(result).read_bytes() == LARGE.upper()  # noqa: ASYNC240 - nobody else waits


async def test_a_running_job_is_cancelled_with_tls(backend: Backend, server: Proxy, trusting: ssl.SSLContext) -> None:
    async with backend.open_client(server.url, ssl_context=trusting) as client:
        job = await client.submit(1_000_000, api_name="/count")
        assert await job.result() == "n=0"
        assert await job.cancel() is True


async def test_a_stranger_is_not_trusted(backend: Backend, server: Proxy) -> None:
    with pytest.raises(ConnectError, match=r"localhost.*certificate verify failed"):
        async with backend.open_client(server.url):
            pass


async def test_a_certificate_must_be_for_this_host(backend: Backend, server: Proxy, trusting: ssl.SSLContext) -> None:
    url = server.url.replace("localhost", "127.0.0.1")
    with pytest.raises(ConnectError, match="certificate verify failed"):
        async with backend.open_client(url, ssl_context=trusting):
            pass


async def test_anybody_is_trusted_where_that_was_asked_for(backend: Backend, server: Proxy) -> None:
    async with backend.open_client(server.url, ssl_verify=False) as client:
        assert await client.predict("open secret", api_name="/echo") == "open secret"


async def test_a_connection_that_ends_without_saying_so_is_over(
    backend: Backend, server: Proxy, trusting: ssl.SSLContext
) -> None:
    """Few servers say goodbye in TLS; the end of the connection is the end."""
    async with backend.open_client(server.url, ssl_context=trusting) as client:
        job = await client.submit(1_000_000, api_name="/count")
        assert await job.result() == "n=0"
        assert server.cut(b"/queue/data") == 1
        with pytest.raises(Exception, match="count"):
            await job.final()
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_a_body_may_end_with_its_connection(backend: Backend, server: Proxy, trusting: ssl.SSLContext) -> None:
    async with backend.open_client(server.url, ssl_context=trusting, download_files=False) as client:
        file = await client.predict(b"x", api_name="/upper")
        server.answers[b"/file="] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nthe whole file"
        assert await backend.call(file.read) == b"the whole file"
