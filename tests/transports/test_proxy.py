"""Through proxies: a real one, and one of our own that encrypts, refuses, hangs and cuts."""

# ruff: noqa: ASYNC240 - looking at a file for a moment keeps nobody waiting here

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from gradproto import ConnectError, ConnectionLostError, GradprotoError, Timeouts
from gradproto_fake_server import FakeServer, demo_app

from .backends import Backend
from .servers import HttpProxy, Proxy, RawServer, unused_port

LARGE = b"0123456789abcdef" * (1 << 17)
ENDLESS = 1_000_000
LOGIN = base64.b64encode(b"user:s3cret").decode()
VERSIONS = ["6.31.0", "3.50.2"]  # one with event streams, one with WebSockets


class RealProxy:
    """proxy.py in a process of its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        port_file = directory / "port"
        command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", *options]
        command += ["--port-file", str(port_file), "--data-dir", str(directory)]
        # No more than it must: one process, and threads in it.
        command += ["--num-acceptors", "1", "--num-workers", "1", "--threaded"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while not (port_file.exists() and port_file.read_text().strip()):
            assert self._process.poll() is None, "the proxy did not start"
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}"
        self._log: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    def close(self) -> None:
        self._process.terminate()
        self._reader.join()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def logged(self, text: str) -> bool:
        """Wait until it logs this, which it does when a connection ends."""
        with self._more:
            return self._more.wait_for(lambda: any(text in line for line in self._log), 60)

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._more:
                self._log.append(line)
                self._more.notify_all()


@pytest.fixture(scope="module")
def real_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProxy]:
    """A proxy that lets everybody through."""
    proxy = RealProxy(tmp_path_factory.mktemp("proxy"))
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def real_proxy_with_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProxy]:
    """A proxy that wants to know who asks."""
    proxy = RealProxy(tmp_path_factory.mktemp("proxy"), "--basic-auth", "user:s3cret")
    yield proxy
    proxy.close()


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
def certified(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context, by the name of localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def secure(fake: FakeServer, certified: ssl.SSLContext) -> Iterator[Proxy]:
    """The demo app behind TLS."""
    with Proxy(fake.url, tls=certified) as server:
        yield server


async def use_everything(backend: Backend, server: FakeServer, url: str, **options: Any) -> None:
    """Do whatever sends and receives in its own way."""
    async with backend.open_client(url, **options) as client:
        assert await client.predict("through", api_name="/echo") == "through"
        job = await client.submit(100, api_name="/count")
        assert [output async for output in job] == [f"n={n}" for n in range(100)]
        assert Path(await client.predict(LARGE, api_name="/upper")).read_bytes() == LARGE.upper()
        # Each output comes when it is there, and the way back is as open as the way there.
        server.hold("/count")
        job = await client.submit(3, api_name="/count")
        await backend.in_thread(lambda: server.wait_for(lambda app: app.job("/count").state == "held"))
        for n in range(2):
            server.step("/count")
            assert await job.__anext__() == f"n={n}"
        assert await job.cancel() is True
        server.release("/count")
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def refused(backend: Backend, url: str, **options: Any) -> GradprotoError:
    with pytest.raises(GradprotoError) as caught:
        async with backend.open_client(url, **options):
            pass
    return caught.value


# --- a real proxy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_everything_works_through_a_real_proxy(backend: Backend, real_proxy: RealProxy, version: str) -> None:
    with FakeServer(demo_app(version)) as server:
        await use_everything(backend, server, server.url, proxy=real_proxy.url)
        assert real_proxy.logged(f"GET 127.0.0.1:{server.port}/config - 200")
        if version == "3.50.2":
            assert real_proxy.logged(f"CONNECT 127.0.0.1:{server.port} - ")


async def test_everything_works_with_tls_through_a_real_proxy(
    backend: Backend, real_proxy: RealProxy, fake: FakeServer, secure: Proxy, trusting: ssl.SSLContext
) -> None:
    await use_everything(backend, fake, secure.url, proxy=real_proxy.url, ssl_context=trusting)
    assert real_proxy.logged(f"CONNECT localhost:{secure.port} - ")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_real_proxy_takes_a_login(backend: Backend, real_proxy_with_login: RealProxy, version: str) -> None:
    with FakeServer(demo_app(version)) as server:
        proxy = real_proxy_with_login.url.replace("//", "//user:s3cret@")
        await use_everything(backend, server, server.url, proxy=proxy)
        assert real_proxy_with_login.logged(f"127.0.0.1:{server.port}/config - 200")


@pytest.mark.parametrize(("login", "hint"), [("", "wants a login"), ("user:wr0ng@", "did not accept")])
async def test_a_real_proxy_that_refuses_a_login(
    backend: Backend, real_proxy_with_login: RealProxy, fake: FakeServer, secure: Proxy, login: str, hint: str
) -> None:
    proxy = real_proxy_with_login.url.replace("//", f"//{login}")
    for url in (fake.url, secure.url):
        error = await refused(backend, url, proxy=proxy)
        assert isinstance(error, ConnectError)
        assert f"the proxy 127.0.0.1:{real_proxy_with_login.port} refused it with status 407" in str(error)
        assert hint in str(error)
        assert "wr0ng" not in str(error)
    assert fake.requests == []


# --- what goes where --------------------------------------------------------------------------------------------------


async def test_the_environment_names_the_proxy(
    backend: Backend, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpProxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with backend.open_client(fake.url) as client:
            assert await client.predict("x", api_name="/echo") == "x"
        assert len(proxy.heads) > 0
        seen = len(proxy.heads)
        async with backend.open_client(fake.url, proxy=False) as client:
            assert await client.predict("x", api_name="/echo") == "x"
        monkeypatch.setenv("NO_PROXY", f"example.com,127.0.0.1:{fake.port}")
        async with backend.open_client(fake.url) as client:
            assert await client.predict("x", api_name="/echo") == "x"
        assert len(proxy.heads) == seen


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_credentials_of_a_proxy_are_not_for_the_app_nor_those_of_the_app_for_a_proxy(
    backend: Backend, version: str
) -> None:
    app = demo_app(version)
    with FakeServer(app) as server, HttpProxy() as proxy:
        options = {"token": "hf_app", "cookies": {"app": "c00kie"}, "headers": {"X-Mine": "m1ne"}}
        url = proxy.url.replace("//", "//user:s3cret@")
        async with backend.open_client(server.url, proxy=url, **options) as client:
            assert await client.predict("x", api_name="/echo") == "x"
        names = {name.lower() for request in server.requests for name, _ in request.headers}
        assert not {name for name in names if "proxy" in name}
        tunnels = [head for head in proxy.heads if head.startswith(b"CONNECT")]
        assert all(f"Proxy-Authorization: Basic {LOGIN}".encode() in head for head in proxy.heads)
        assert not [head for head in tunnels if b"hf_app" in head or b"c00kie" in head or b"m1ne" in head]
        assert bool(tunnels) is (version == "3.50.2")


async def test_a_name_is_the_proxys_to_look_up(backend: Backend, fake: FakeServer) -> None:
    with HttpProxy() as proxy:
        url = f"http://nobody-knows.invalid:{fake.port}"
        async with backend.open_client(url, proxy=proxy.url) as client:
            assert await client.predict("x", api_name="/echo") == "x"
        assert all(head.split()[1].startswith(url.encode()) for head in proxy.heads)


async def test_a_proxy_may_close_after_each_answer_and_not_say_so(backend: Backend, fake: FakeServer) -> None:
    """As tinyproxy does."""
    with HttpProxy(announces=False) as proxy:
        await use_everything(backend, fake, fake.url, proxy=proxy.url)
        assert len(proxy.heads) > 0


# --- TLS to the proxy -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_everything_works_through_a_proxy_with_tls(
    backend: Backend, version: str, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with FakeServer(demo_app(version)) as server, HttpProxy(tls=certified) as proxy:
        await use_everything(backend, server, server.url, proxy=proxy.url, ssl_context=trusting)
        assert len(proxy.heads) > 0


async def test_everything_works_with_tls_inside_tls(
    backend: Backend, fake: FakeServer, secure: Proxy, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    if backend.name == "asyncio" and sys.version_info < (3, 11):
        pytest.skip("asyncio has no TLS inside TLS before Python 3.11")
    with HttpProxy(tls=certified) as proxy:
        await use_everything(backend, fake, secure.url, proxy=proxy.url, ssl_context=trusting)
        assert {head.split(b"\r\n")[0] for head in proxy.heads} == {
            f"CONNECT localhost:{secure.port} HTTP/1.1".encode()
        }


async def test_a_loop_without_tls_inside_tls_says_so(
    backend: Backend,
    secure: Proxy,
    certified: ssl.SSLContext,
    trusting: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As asyncio of Python 3.10."""
    if backend.name != "asyncio":
        pytest.skip("the others bring their own")

    async def refuse(*args: object, **kwargs: object) -> None:
        raise TypeError("transport <...> is not supported by start_tls()")

    monkeypatch.setattr(asyncio.BaseEventLoop, "start_tls", refuse)
    with HttpProxy(tls=certified) as proxy:
        error = await refused(backend, secure.url, proxy=proxy.url, ssl_context=trusting)
        assert isinstance(error, ConnectError)
        assert f"no TLS inside TLS, which the proxy localhost:{proxy.port} on the way to" in str(error)
        assert "Python 3.11" in str(error)


async def test_a_stranger_is_no_proxy_to_trust(backend: Backend, fake: FakeServer, certified: ssl.SSLContext) -> None:
    with HttpProxy(tls=certified) as proxy:
        error = await refused(backend, fake.url, proxy=proxy.url.replace("//", "//user:s3cret@"))
        assert isinstance(error, ConnectError)
        assert "certificate verify failed" in str(error)
        assert f"the proxy localhost:{proxy.port}" in str(error)
        assert proxy.heads == []


async def test_a_stranger_behind_the_proxy_is_not_trusted_either(
    backend: Backend, secure: Proxy, real_proxy: RealProxy
) -> None:
    error = await refused(backend, secure.url, proxy=real_proxy.url)
    assert isinstance(error, ConnectError)
    assert "certificate verify failed" in str(error)


# --- proxies that do not work -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://app.test", "https://app.test"])
async def test_a_proxy_that_is_not_there(backend: Backend, url: str) -> None:
    port = unused_port()
    error = await refused(backend, url, proxy=f"http://user:s3cret@127.0.0.1:{port}")
    assert isinstance(error, ConnectError)
    assert f"could not connect to the proxy 127.0.0.1:{port} on the way to app.test" in str(error)
    assert "refused" in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("status", [403, 407, 502, 503])
async def test_a_proxy_that_refuses_a_tunnel(backend: Backend, status: int) -> None:
    answer = b"HTTP/1.1 %d Refused s3cret\r\nContent-Length: 6\r\n\r\ns3cret" % status
    with HttpProxy(answer=answer) as proxy:
        error = await refused(backend, "https://app.test", proxy=proxy.url.replace("//", "//user:s3cret@"))
    assert isinstance(error, ConnectError)
    expected = f"a tunnel to app.test:443: the proxy 127.0.0.1:{proxy.port} refused it with status {status}"
    assert expected in str(error)
    assert error.hint is not None
    assert "s3cret" not in str(error)
    assert LOGIN not in str(error)


async def test_a_proxy_that_refuses_a_websocket_fails_the_job(backend: Backend) -> None:
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with FakeServer(demo_app("3.50.2")) as server, HttpProxy(answer=answer, asked=b"CONNECT") as proxy:
        async with backend.open_client(server.url, proxy=proxy.url) as client:
            job = await client.submit("x", api_name="/echo")
            error = await job.exception()
            assert isinstance(error, GradprotoError)
            assert f"the proxy 127.0.0.1:{proxy.port} refused it with status 403 'Forbidden'" in str(error)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "does not speak HTTP"),
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nVia: ", "closed the connection inside its answer"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "sent more than its answer"),
        (b"HTTP/1.1 200 OK\r\nVia: " + b"x" * 100_000, "larger than 65536 bytes"),
    ],
)
@pytest.mark.parametrize("tls", [False, True])
async def test_what_is_no_proxy(
    backend: Backend, answer: bytes, what: str, tls: bool, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with HttpProxy(answer=answer, tls=certified if tls else None) as proxy:
        error = await refused(backend, "https://app.test", proxy=proxy.url, ssl_context=trusting)
    assert isinstance(error, ConnectError)
    assert what in str(error)
    assert "app.test:443" in str(error)


async def test_a_proxy_that_lets_nobody_end_the_handshake_behind_it(backend: Backend, fake: FakeServer) -> None:
    """The other end has no TLS."""
    with HttpProxy() as proxy:
        error = await refused(backend, fake.url.replace("http:", "https:"), proxy=proxy.url)
    assert isinstance(error, ConnectError)
    assert f"127.0.0.1:{fake.port}" in str(error)


@pytest.mark.parametrize("url", ["https://app.test", "http://app.test"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_hangs(backend: Backend, url: str, scheme: str) -> None:
    connects = not url.startswith("http:") or scheme == "https"
    ending = threading.Event()
    with RawServer(lambda client: ending.wait() and None) as server:
        proxy = server.url.replace("http:", f"{scheme}:")
        timeouts = Timeouts(connect=0.1) if connects else Timeouts(request=0.1)
        error = await refused(backend, url, proxy=proxy, timeouts=timeouts)
        ending.set()
    assert "0.1 s" in str(error)
    if connects:
        assert isinstance(error, ConnectError)
        assert f"through the proxy 127.0.0.1:{server.port} timed out" in str(error)


async def test_a_proxy_that_hangs_keeps_nobody_from_closing(backend: Backend, fake: FakeServer) -> None:
    stuck = threading.Event()
    ending = threading.Event()

    def hang(client: socket.socket) -> None:
        stuck.set()
        ending.wait()

    with FakeServer(demo_app("3.50.2")) as server, RawServer(hang) as hanging, HttpProxy() as proxy:
        proxy.tunnel_to = hanging.port
        async with backend.open_client(server.url, proxy=proxy.url) as client:
            job = await client.submit("x", api_name="/echo")
            assert await backend.in_thread(lambda: stuck.wait(60))
        assert job.done()
        ending.set()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_proxy_that_cuts_in_the_middle_fails_the_jobs_of_the_moment(backend: Backend, version: str) -> None:
    with FakeServer(demo_app(version)) as server, HttpProxy() as proxy:
        async with backend.open_client(server.url, proxy=proxy.url) as client:
            job = await client.submit(ENDLESS, api_name="/count")
            assert await job.__anext__() == "n=0"
            assert proxy.cut() > 0
            with pytest.raises(ConnectionLostError):
                await job.final()
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_a_tunnel_that_is_cut_fails_the_jobs_of_the_moment(
    backend: Backend, secure: Proxy, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with HttpProxy() as proxy:
        async with backend.open_client(secure.url, proxy=proxy.url, ssl_context=trusting) as client:
            job = await client.submit(ENDLESS, api_name="/count")
            assert await job.__anext__() == "n=0"
            assert proxy.cut() > 0
            with pytest.raises(ConnectionLostError):
                await job.final()
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"
