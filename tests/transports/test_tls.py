"""TLS: with a certificate that is trusted, with one that is not, and with anybody's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from gradproto import ConnectError, ReadError
from gradproto_fake_server import FakeServer
from tests.conftest import running_real_app

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


@pytest.fixture(scope="module")
def real_secure_url(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo app on a real Gradio that has TLS."""
    directory = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    key, chain = directory / "key.pem", directory / "chain.pem"
    certificate.private_key_pem.write_to_path(key)
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(chain, append=True)
    with running_real_app("--ssl-keyfile", str(key), "--ssl-certfile", str(chain)) as url:
        yield url


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
    with pytest.raises(ConnectError, match=r"localhost.*certificate verify failed.*ssl_context= can trust"):
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


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def asking(request: pytest.FixtureRequest, authority: trustme.CA, fake: FakeServer) -> Iterator[Proxy]:
    """The demo app behind TLS that wants to know who asks."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = request.param
    with Proxy(fake.url, tls=context) as proxy:
        yield proxy


async def test_a_client_may_have_a_certificate(
    backend: Backend, asking: Proxy, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    authority.issue_cert("me@example.org").configure_cert(trusting)
    async with backend.open_client(asking.url, ssl_context=trusting) as client:
        assert await client.predict("it is me", api_name="/echo") == "it is me"
        job = await client.submit(100, api_name="/count")
        assert len([output async for output in job]) == 100


async def test_a_client_without_a_certificate_is_refused_where_one_is_wanted(
    backend: Backend, asking: Proxy, trusting: ssl.SSLContext
) -> None:
    """With TLS 1.3 the client learns of it only when it reads: for itself, the handshake was over."""
    with pytest.raises((ConnectError, ReadError), match="alert") as caught:
        async with backend.open_client(asking.url, ssl_context=trusting):
            pass
    assert f"localhost:{asking.port}" in str(caught.value)
    if isinstance(caught.value, ReadError):
        assert "it wants a certificate of the client" in str(caught.value)


async def test_a_certificate_of_somebody_else_is_refused(
    backend: Backend, asking: Proxy, trusting: ssl.SSLContext
) -> None:
    trustme.CA().issue_cert("me@example.org").configure_cert(trusting)
    with pytest.raises((ConnectError, ReadError), match=r"localhost.*alert unknown ca"):
        async with backend.open_client(asking.url, ssl_context=trusting):
            pass


@pytest.mark.real
async def test_a_real_gradio_with_tls_of_its_own(
    backend: Backend, real_secure_url: str, trusting: ssl.SSLContext
) -> None:
    async with backend.open_client(real_secure_url, ssl_context=trusting) as client:
        assert await client.predict("secret", api_name="/echo") == "secret"
        job = await client.submit(100, api_name="/count")
        assert [output async for output in job][-1] == "n=99"
        result = await client.predict(LARGE, api_name="/upper")
        assert Path(result).read_bytes() == LARGE.upper()  # noqa: ASYNC240 - nobody else waits
    with pytest.raises(ConnectError, match="certificate verify failed"):
        async with backend.open_client(real_secure_url):
            pass
