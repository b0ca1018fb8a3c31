"""What is not there, is no Gradio, breaks or never answers: a typed error says what and where, and nothing hangs."""

# ruff: noqa: ASYNC240 - looking at a file for a moment keeps nobody waiting here

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from gradproto import (
    ConnectError,
    ConnectionLostError,
    DeadlineExceeded,
    GradprotoError,
    ReadError,
    RemoteProtocolError,
    Timeouts,
    TransportError,
    UnsupportedServerError,
)
from gradproto_fake_server import FakeServer
from gradproto_transports._asyncio_driver import _connect_socket
from gradproto_transports.sync import Client

from .backends import Backend
from .servers import Proxy, RawServer, unused_port

ENDLESS = 1_000_000


async def refused(backend: Backend, url: str, **options: Any) -> GradprotoError:
    """Return the error with which connecting fails."""
    with pytest.raises(GradprotoError) as caught:
        async with backend.open_client(url, **options):
            pass
    return caught.value


async def test_a_port_where_nobody_listens(backend: Backend) -> None:
    port = unused_port()
    error = await refused(backend, f"http://127.0.0.1:{port}")
    assert isinstance(error, ConnectError)
    assert f"127.0.0.1:{port}" in str(error)
    assert "Connection refused" in str(error)
    assert isinstance(_root(error), OSError)


async def test_a_name_with_several_addresses_where_nobody_listens(backend: Backend) -> None:
    port = unused_port()
    error = await refused(backend, f"http://localhost:{port}")
    assert isinstance(error, ConnectError)
    assert f"localhost:{port}" in str(error)
    assert "refused" in str(error)


async def test_a_host_that_does_not_exist(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> Any:
        # No name server is asked: that may take its time where there is none.
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = await refused(backend, "http://no-such-host.invalid:7860")
    assert isinstance(error, ConnectError)
    assert "no-such-host.invalid:7860" in str(error)
    assert "not known" in str(error)


async def test_something_that_does_not_speak_http(backend: Backend) -> None:
    with RawServer(lambda client: client.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")) as server:
        error = await refused(backend, server.url)
    assert isinstance(error, (RemoteProtocolError, TransportError))
    assert server.url in str(error)


async def test_something_that_closes_at_once(backend: Backend) -> None:
    with RawServer(lambda client: None) as server:
        error = await refused(backend, server.url)
    assert isinstance(error, TransportError)
    assert server.url in str(error)


async def test_something_that_resets(backend: Backend) -> None:
    def reset(client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with RawServer(reset) as server:
        error = await refused(backend, server.url)
    assert isinstance(error, TransportError)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "text/html", "<!doctype html><title>It works!</title>"),
        (200, "application/json", '{"name": "not gradio"}'),
        (200, "application/json", "[1, 2"),
        (404, "text/plain", "404 page not found"),
        (502, "text/html", "<html><h1>502 Bad Gateway</h1></html>"),
    ],
)
async def test_a_web_server_that_is_no_gradio_app(
    backend: Backend, httpserver: HTTPServer, status: int, content_type: str, body: str
) -> None:
    httpserver.expect_request("").respond_with_data(body, status=status, content_type=content_type)
    for path in ("/", "/config", "/gradio_api/info"):
        httpserver.expect_request(path).respond_with_data(body, status=status, content_type=content_type)
    url = httpserver.url_for("").rstrip("/")
    error = await refused(backend, url)
    assert isinstance(error, UnsupportedServerError)
    assert url in str(error)


async def test_a_server_that_never_answers(backend: Backend) -> None:
    with RawServer(_listen_for_ever) as server:
        error = await refused(backend, server.url, timeouts=Timeouts(request=0.1))
    assert isinstance(error, DeadlineExceeded)
    assert "0.1" in str(error)


async def test_a_server_that_never_finishes_its_handshake(backend: Backend) -> None:
    with RawServer(_listen_for_ever) as server:
        url = server.url.replace("http:", "https:")
        error = await refused(backend, url, timeouts=Timeouts(connect=0.1))
    assert isinstance(error, ConnectError)
    assert "timed out after 0.1 s" in str(error)


async def test_a_server_without_tls(backend: Backend, fake: FakeServer) -> None:
    error = await refused(backend, fake.url.replace("http:", "https:"))
    assert isinstance(error, ConnectError)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_stream_that_is_cut_fails_its_jobs_and_no_others(
    backend: Backend, fake: FakeServer, reset: bool
) -> None:
    with Proxy(fake.url) as proxy:
        async with backend.open_client(proxy.url) as client:
            job = await client.submit(ENDLESS, api_name="/count")
            assert await job.__anext__() == "n=0"
            assert proxy.cut(b"/queue/data", reset=reset) == 1
            with pytest.raises(ConnectionLostError):
                await job.final()
            assert job.outputs()[:1] == ["n=0"]
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_a_server_that_is_gone_in_the_middle(backend: Backend, fake: FakeServer) -> None:
    async with backend.open_client(fake.url) as client:
        job = await client.submit(ENDLESS, api_name="/count")
        assert await job.__anext__() == "n=0"
        fake.close()
        with pytest.raises(ConnectionLostError):
            await job.final()
        with pytest.raises(GradprotoError, match=str(fake.port)):
            await client.predict("x", api_name="/echo")


async def test_connections_that_the_server_closed_meanwhile_do_no_harm(backend: Backend, fake: FakeServer) -> None:
    with Proxy(fake.url) as proxy:
        async with backend.open_client(proxy.url) as client:
            for number in range(3):
                assert await client.predict(number, 1, api_name="/add") == number + 1
                assert proxy.cut(b"HTTP/1.1") > 0
                # A program that is busy with something else does not see them close.
                with Client(fake.url) as other:
                    other.predict("x", api_name="/echo")


async def test_a_download_that_breaks_leaves_no_file(backend: Backend, fake: FakeServer, tmp_path: Path) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
    with Proxy(fake.url, answers={b"/file=": half}) as proxy:
        async with backend.open_client(proxy.url, download_files=tmp_path) as client:
            job = await client.submit(b"x", api_name="/upper")
            with pytest.raises(ReadError, match="/file="):
                await job.result()
            proxy.answers.clear()
            assert Path(await client.predict(b"x", api_name="/upper")).read_bytes() == b"X"
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 1


async def test_a_stream_of_a_file_gives_what_came_before_it_breaks(backend: Backend, fake: FakeServer) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
    with Proxy(fake.url, answers={b"/file=": half}) as proxy:
        async with backend.open_client(proxy.url, download_files=False) as client:
            file = await client.predict(b"x", api_name="/upper")
            stream = backend.each(file.stream())
            assert await stream.__anext__() == b"half"
            with pytest.raises(ReadError, match="/file="):
                await stream.__anext__()


async def test_an_upload_that_is_refused_early_says_why(backend: Backend, fake: FakeServer) -> None:
    """The server answers before it has read the body, and closes: the answer counts, not the broken pipe."""
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 10\r\nConnection: close\r\n\r\nmuch too b"
    with Proxy(fake.url, answers={b"/upload": refusal}) as proxy:
        async with backend.open_client(proxy.url) as client:
            job = await client.submit(b"x" * 30_000_000, api_name="/upper")
            assert "413" in str(await job.exception())
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_what_a_server_said_counts_although_a_write_finds_the_connection_reset(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 3_000_000)
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 10\r\nConnection: close\r\n\r\nmuch too b"
    with Proxy(fake.url, answers={b"/upload": refusal}) as proxy, large.open("rb", buffering=0) as opened:

        class Late(io.BufferedReader):
            """A file that keeps who reads it until the server is gone: the answer and the reset come before a write."""

            def read(self, size: int | None = -1, /) -> bytes:
                proxy.answered.wait()
                return super().read(size)

        proxy.resets = True
        async with backend.open_client(proxy.url) as client:
            job = await client.submit(Late(opened), api_name="/upper")
            assert "413" in str(await job.exception())
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_an_upload_that_is_left_in_the_middle_closes_its_file(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 30_000_000)
    with Proxy(fake.url, answers={b"/upload": Proxy.STUCK}) as proxy:
        async with backend.open_client(proxy.url) as client:
            job = await client.submit(large, api_name="/upper")
            await backend.in_thread(proxy.got_stuck.wait)
        with pytest.raises(ConnectionLostError, match="closed"):
            await job.result()


async def test_an_address_that_does_not_answer_does_not_keep_the_next_one_waiting(
    backend: Backend, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as deaf, contextlib.ExitStack() as held:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3):  # more than it lets wait: it hears of no others
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
            for address in (deaf.getsockname(), ("127.0.0.1", fake.port))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)
        async with backend.open_client(f"http://two.test:{fake.port}") as client:
            assert await client.predict("x", api_name="/echo") == "x"


async def test_addresses_that_answer_at_the_same_time_leave_nothing(
    backend: Backend, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradproto_transports._asyncio_driver.HAPPY_EYEBALLS_DELAY", 0)
    monkeypatch.setattr("gradproto_transports._sync_race.HAPPY_EYEBALLS_DELAY", 0)
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", fake.port))] * 5
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)
    async with backend.open_client(f"http://five.test:{fake.port}") as client:
        assert await client.predict("x", api_name="/echo") == "x"


def test_a_socket_that_nobody_gets_any_more_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio: who connects gives up while the attempt that lost the race still ends."""
    ours, theirs = socket.socketpair()

    async def main() -> None:
        losing = asyncio.Event()

        async def try_address(family: int, address: Any) -> socket.socket:
            if address == "won":
                await losing.wait()
                return ours
            try:
                losing.set()
                await asyncio.Event().wait()
            finally:
                connecting.cancel()
            raise AssertionError("it was cancelled")

        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in ("won", "lost")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)
        monkeypatch.setattr("gradproto_transports._asyncio_driver.HAPPY_EYEBALLS_DELAY", 0)
        monkeypatch.setattr("gradproto_transports._asyncio_driver._try_address", try_address)
        connecting = asyncio.ensure_future(_connect_socket("two.test", 80))
        with pytest.raises(asyncio.CancelledError):
            await connecting

    with theirs:
        asyncio.run(main())
        assert ours.fileno() == -1


async def test_each_address_is_tried_before_there_is_an_error(
    backend: Backend, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", unused_port())) for _ in range(3)]
    closed.insert(1, (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", unused_port(), 0, 0)))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: closed)
    error = await refused(backend, "http://four.test:7860")
    assert isinstance(error, ConnectError)
    assert "four.test:7860" in str(error)
    last = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", fake.port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [*closed, last])
    async with backend.open_client(f"http://five.test:{fake.port}") as client:
        assert await client.predict("x", api_name="/echo") == "x"


async def test_addresses_that_never_answer_have_one_limit_together(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as deaf, contextlib.ExitStack() as held:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", deaf.getsockname())] * 3
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)
        error = await refused(backend, "http://three.test:7860", timeouts=Timeouts(connect=0.6))
        assert "timed out after 0.6 s" in str(error)


def _listen_for_ever(client: socket.socket) -> None:
    while client.recv(65536):
        pass


def _root(error: BaseException) -> BaseException:
    below = getattr(error, "exceptions", [error.__cause__])[0]
    return error if below is None else _root(below)
