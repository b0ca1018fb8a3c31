"""Whole clients over unix sockets, and over pairs of sockets that never had an address."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from gradproto import ConnectError, ConnectionLostError
from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports.trio import open_client

from .backends import Backend

LARGE = b"0123456789abcdef" * (1 << 17)
VERSIONS = ["6.31.0", "3.50.2"]  # one with event streams, one with WebSockets

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")


class Relay:
    """Passes on what comes on one end of a pair of sockets, or on a unix socket, to a server with an address."""

    def __init__(self, server: FakeServer, path: Path) -> None:
        self.path = str(path)
        self._server = server
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._start(self._accept)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for opened in self._open:
            _shut(opened)
        for thread in self._threads:
            thread.join()
        for opened in [self._listener, *self._open]:
            opened.close()

    def cut(self) -> None:
        """End all connections."""
        for opened in self._open:
            _shut(opened)

    def pair(self) -> socket.socket:
        """Return one end of a new pair; the server is at the other."""
        ours, theirs = socket.socketpair()
        self._join(theirs)
        return ours

    def _start(self, target: Any, *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._join(self._listener.accept()[0])

    def _join(self, accepted: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server.port))
        self._open += [accepted, server]
        self._start(_pump, accepted, server)
        self._start(_pump, server, accepted)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _shut(target)


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[FakeServer]:
    """The demo app."""
    with FakeServer(demo_app(request.param)) as running:
        yield running


@pytest.fixture
def relay(server: FakeServer, tmp_path: Path) -> Iterator[Relay]:
    """The way to it, of which the client is not told."""
    relay = Relay(server, tmp_path / "app.sock")
    yield relay
    relay.close()


def unix_opener(backend: Backend, path: str) -> Any:
    """Return an ``open_stream`` that goes to a unix socket."""

    def connected(host: str, port: int, tls: bool) -> socket.socket:
        opened = socket.socket(socket.AF_UNIX)
        try:
            opened.connect(path)
        except BaseException:
            opened.close()
            raise
        return opened

    async def trio_stream(host: str, port: int, tls: bool) -> trio.abc.Stream:
        return await trio.open_unix_socket(path)

    async def asyncio_streams(host: str, port: int, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(path)

    return {"sync": connected, "trio": trio_stream, "asyncio": asyncio_streams}[backend.name]


def pair_opener(backend: Backend, relay: Relay) -> Any:
    """Return an ``open_stream`` that gives one end of a pair."""

    async def trio_stream(host: str, port: int, tls: bool) -> trio.abc.Stream:
        return trio.SocketStream(trio.socket.from_stdlib_socket(relay.pair()))

    async def asyncio_streams(host: str, port: int, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(sock=relay.pair())

    return {"sync": lambda *_: relay.pair(), "trio": trio_stream, "asyncio": asyncio_streams}[backend.name]


@pytest.mark.parametrize("kind", ["unix", "pair"])
async def test_everything_works_over_any_stream(backend: Backend, relay: Relay, kind: str) -> None:
    hook = unix_opener(backend, relay.path) if kind == "unix" else pair_opener(backend, relay)
    async with backend.open_client("http://app", open_stream=hook) as client:
        assert await client.predict("through", api_name="/echo") == "through"
        job = await client.submit(100, api_name="/count")
        assert [output async for output in job] == [f"n={n}" for n in range(100)]
        result = await client.predict(LARGE, api_name="/upper")
        assert Path(result).read_bytes() == LARGE.upper()  # noqa: ASYNC240 - nobody else waits
        job = await client.submit(1_000_000, api_name="/count")
        assert await job.__anext__() == "n=0"
        assert await job.cancel() is True
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_a_unix_socket_that_breaks_fails_the_jobs_of_the_moment(backend: Backend, relay: Relay) -> None:
    async with backend.open_client("http://app", open_stream=unix_opener(backend, relay.path)) as client:
        job = await client.submit(1_000_000, api_name="/count")
        assert await job.__anext__() == "n=0"
        relay.cut()
        with pytest.raises(ConnectionLostError):
            await job.final()
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_a_unix_socket_that_is_not_there_is_a_connect_error(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match=r"could not connect to app:80: No such file or directory"):
        async with backend.open_client("http://app", open_stream=unix_opener(backend, str(tmp_path / "no.sock"))):
            pass


async def test_the_environments_proxies_are_not_looked_at(
    backend: Backend, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://nobody.invalid:1080")
    async with backend.open_client("http://app", open_stream=unix_opener(backend, relay.path)) as client:
        assert await client.predict("x", api_name="/echo") == "x"


def test_trio_streams_may_be_nothing_but_memory(server: FakeServer) -> None:
    """The server's end is read and written by a task that knows its address."""

    async def pass_on(source: trio.abc.ReceiveStream, target: trio.abc.SendStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await source.receive_some():
                await target.send_all(data)
        await target.aclose()

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:

            async def open_stream(host: str, port: int, tls: bool) -> trio.abc.Stream:
                ours, theirs = trio.testing.memory_stream_pair()
                there = await trio.open_tcp_stream("127.0.0.1", server.port)
                nursery.start_soon(pass_on, theirs, there)
                nursery.start_soon(pass_on, there, theirs)
                return ours

            async with open_client("http://app", open_stream=open_stream) as client:
                assert await client.predict("x", api_name="/echo") == "x"
                assert len([output async for output in await client.submit(100, api_name="/count")]) == 100
            nursery.cancel_scope.cancel()

    trio.run(scenario)
