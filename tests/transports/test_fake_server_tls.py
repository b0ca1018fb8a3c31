"""The three clients and the fake server's own TLS: a good certificate, and each bad one."""

from __future__ import annotations

import pytest

from gradproto import ConnectError
from gradproto_fake_server import FakeServer, demo_app

from .backends import Backend


@pytest.mark.parametrize("version", ["6.31.0", "4.0.2", "3.50.2", "2.9.4"])
async def test_all_generations_speak_tls(backend: Backend, version: str) -> None:
    with FakeServer(demo_app(version), tls=True) as server:
        async with backend.open_client(server.url, ssl_context=server.ssl_context) as client:
            assert await client.predict("secret", api_name="/echo" if version != "2.9.4" else None) == "secret"
        server.assert_strict()


async def test_a_login_works_with_tls(backend: Backend) -> None:
    with FakeServer(demo_app(auth={"me": "word"}), tls=True) as server:
        async with backend.open_client(server.url, ssl_context=server.ssl_context, auth=("me", "word")) as client:
            assert await client.predict("secret", api_name="/echo") == "secret"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("wrong name", "certificate verify failed: IP address mismatch"),
        ("expired", "certificate verify failed: certificate has expired"),
        ("unknown authority", "certificate verify failed: .*(local issuer|self.signed)"),
    ],
)
async def test_a_bad_certificate_is_refused_before_anything_is_said(backend: Backend, bad: str, why: str) -> None:
    with FakeServer(demo_app(), tls=bad) as server:  # type: ignore[arg-type]
        with pytest.raises(ConnectError, match=why):
            async with backend.open_client(server.url, ssl_context=server.ssl_context):
                pass
        assert server.requests == []
        async with backend.open_client(server.url, ssl_verify=False) as client:
            assert await client.predict("open secret", api_name="/echo") == "open secret"
