"""The three clients and the fake server's own TLS: a good certificate, and each bad one."""

from __future__ import annotations

import asyncio
import gc
import ssl
from asyncio.sslproto import SSLProtocol

import pytest

from gradproto import ConnectError
from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports.asyncio import open_client

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


def test_a_handshake_that_is_done_when_it_is_given_up_leaves_nothing() -> None:
    """asyncio: the connection would wait for the server's goodbye, and be left to the garbage collector."""

    async def main(server: FakeServer) -> None:
        loop = asyncio.get_running_loop()
        test = asyncio.current_task()

        class Handshake(ssl.SSLObject):
            def do_handshake(self) -> None:
                super().do_handshake()
                loop.call_soon(give_up)

        def give_up() -> None:
            for task in asyncio.all_tasks() - {test}:
                task.cancel()

        context = server.ssl_context
        assert context is not None
        context.sslobject_class = Handshake
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # a later one often ends by itself here, with its tickets
        with pytest.raises(asyncio.CancelledError):
            await asyncio.ensure_future(connect(context))

    async def connect(context: ssl.SSLContext) -> None:
        async with open_client(server.url, ssl_context=context):
            raise AssertionError("it was given up before")

    gc.collect()
    with FakeServer(demo_app(), tls=True) as server:
        asyncio.run(main(server))
        left = [one for one in gc.get_objects() if isinstance(one, SSLProtocol) and one._transport is not None]
        assert left == []
