"""TLS of the fake server: what other programs say to it, and what it does with whatever comes."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, get_args

import gradio_client
import httpx
import pytest
import trio

from gradproto_fake_server import FakeServer, demo_app
from gradproto_fake_server._tls import Certificate
from gradproto_fake_server.trio import open_fake_server

BAD: dict[Certificate, str] = {
    "wrong name": "mismatch",
    "expired": "certificate has expired",
    "unknown authority": "unable to get local issuer certificate|self.signed certificate",
}

WAIT = 60  # seconds that no test needs


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(demo_app(), tls=True) as running:
        yield running


def connected(server: FakeServer) -> ssl.SSLSocket:
    assert server.ssl_context is not None
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
    return server.ssl_context.wrap_socket(plain, server_hostname="127.0.0.1")


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while piece := sock.recv(65536):
        received += piece
    return received


def test_every_bad_certificate_has_its_word_here() -> None:
    assert {"good", *BAD} == set(get_args(Certificate))


def test_the_address_says_https_and_so_does_the_config(server: FakeServer) -> None:
    assert server.url == f"https://127.0.0.1:{server.port}"
    config = httpx.get(f"{server.url}/config", verify=server.ssl_context or False, trust_env=False).json()
    assert config["root"] == server.url


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_certificate_is_for_this_machine_by_any_name(server: FakeServer, host: str) -> None:
    url = f"https://{host}:{server.port}/gradio_api/user"
    assert httpx.get(url, verify=server.ssl_context or False, trust_env=False).status_code == 200


def test_without_tls_there_is_nothing_to_trust() -> None:
    with FakeServer(demo_app()) as server:
        assert (server.ssl_context, server.ca_file) == (None, None)


def test_the_authoritys_certificate_is_a_file_until_the_server_closes() -> None:
    with FakeServer(demo_app(), tls=True) as server:
        path = server.ca_file
        assert path is not None
        assert httpx.get(f"{server.url}/config", verify=ssl.create_default_context(cafile=path)).status_code == 200
    assert not os.path.exists(path)
    server.close()


def test_no_file_is_left_where_the_port_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with FakeServer(demo_app()) as server, pytest.raises(OSError, match="in use"):
        FakeServer(demo_app(), port=server.port, tls=True)
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no certificate 'old'; there are 'good', 'wrong name', 'expired'"):
        FakeServer(demo_app(), tls="old")  # type: ignore[arg-type]


def test_what_is_missing_for_tls_is_named() -> None:
    code = """
import sys
sys.modules["trustme"] = None
from gradproto_fake_server import FakeServer, demo_app
try:
    FakeServer(demo_app(), tls=True)
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == 'TLS needs one more library: pip install "gradproto[tls]"\n'


@pytest.mark.parametrize("bad", BAD)
def test_the_official_client_refuses_a_bad_certificate(bad: Certificate) -> None:
    with FakeServer(demo_app(), tls=bad) as server:
        with pytest.raises(httpx.ConnectError, match=BAD[bad]):
            gradio_client.Client(server.url, ssl_verify=server.ssl_context, verbose=False)  # type: ignore[arg-type]
        assert server.requests == []


def test_the_official_client_is_happy_with_a_good_one(server: FakeServer) -> None:
    client = gradio_client.Client(server.url, ssl_verify=server.ssl_context, verbose=False)  # type: ignore[arg-type]
    try:
        assert client.predict("x", api_name="/echo") == "x"
        assert list(client.submit(3, api_name="/count")) == ["n=0", "n=1", "n=2"]
    finally:
        client.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
@pytest.mark.parametrize(
    ("certificate", "code"),
    # 0 ok, 10 expired, 62 a name that does not match, 64 the same of an address, 18 to 21 no known authority
    [("good", {0}), ("wrong name", {62, 64}), ("expired", {10}), ("unknown authority", {18, 19, 20, 21})],
)
def test_openssl_says_the_same(certificate: Certificate, code: set[int]) -> None:
    with FakeServer(demo_app(), tls=certificate) as server:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", str(server.ca_file)]
        done = subprocess.run(
            [*command, "-verify_ip", "127.0.0.1", "-verify_return_error"],
            input=b"GET / HTTP/1.0\r\n\r\n",
            capture_output=True,
            timeout=60,
        )
    said = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    assert any(f"Verify return code: {number} " in said or f"verify error:num={number}:" in said for number in code), (
        said
    )


def test_who_speaks_no_tls_is_let_go(server: FakeServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_all(sock) == b""
    assert server.requests == []
    server.wait_for(lambda app: not app._connections, timeout=WAIT)


def test_who_goes_away_in_the_handshake_leaves_nothing(server: FakeServer) -> None:
    socket.create_connection(("127.0.0.1", server.port), timeout=WAIT).close()
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")
    with connected(server) as secure:
        secure.sendall(b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(secure).startswith(b"HTTP/1.1 200")
    server.wait_for(lambda app: not app._connections, timeout=WAIT)


def test_a_request_cut_into_bytes_is_understood(server: FakeServer) -> None:
    with connected(server) as secure:
        for byte in b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\n\r\n":
            secure.sendall(bytes([byte]))
        assert secure.recv(65536).startswith(b"HTTP/1.1 200")


def test_rubbish_in_the_middle_ends_the_connection_alone(server: FakeServer) -> None:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
    assert server.ssl_context is not None
    with server.ssl_context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
        secure.sendall(b"GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: a\r\n\r\n")
        secure.recv(65536)
        server.wait_for(lambda app: app.open_streams, timeout=WAIT)
        os.write(secure.fileno(), b"\x17\x03\x03\x00\x05xxxxx")
        server.wait_for(lambda app: not app.open_streams, timeout=WAIT)
    with connected(server) as secure:
        secure.sendall(b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\n\r\n")
        assert secure.recv(65536).startswith(b"HTTP/1.1 200")


def test_the_end_is_said_in_tls_unless_the_connection_is_reset(server: FakeServer) -> None:
    with connected(server) as secure:
        secure.sendall(b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(secure)
        assert secure.unwrap()  # which raises if there was no goodbye
    server.run(lambda app: app.inject("reset", "GET */user"))
    with connected(server) as secure:
        secure.sendall(b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\n\r\n")
        with contextlib.suppress(OSError):  # which one there is, or none, depends on the Python
            assert read_all(secure) == b""
        with pytest.raises(OSError, match=r"."):
            secure.unwrap()


def test_a_client_may_say_goodbye_first(server: FakeServer) -> None:
    with connected(server) as secure:
        secure.sendall(b"GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: a\r\n\r\n")
        secure.recv(65536)
        server.wait_for(lambda app: app.open_streams, timeout=WAIT)
        secure.unwrap()
        server.wait_for(lambda app: not app.open_streams, timeout=WAIT)


def test_large_bodies_go_both_ways_while_others_are_served(server: FakeServer) -> None:
    content = bytes(range(97, 123)) * 100_000
    failures: list[BaseException] = []

    def upload() -> None:
        try:
            with httpx.Client(verify=server.ssl_context or False, trust_env=False) as client:
                (path,) = client.post(f"{server.url}/gradio_api/upload", files={"files": content}).json()
                assert client.get(f"{server.url}/gradio_api/file={path}").content == content
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=upload) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_trio_shell_has_it_too() -> None:
    async def test() -> None:
        async with open_fake_server(demo_app(), tls=True) as server:
            assert server.url == f"https://127.0.0.1:{server.port}"
            assert server.ssl_context is not None
            stream = await trio.open_ssl_over_tcp_stream(
                "127.0.0.1", server.port, https_compatible=True, ssl_context=server.ssl_context
            )
            async with stream:
                await stream.send_all(b"GET /config HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                received = b"".join([bytes(piece) async for piece in stream])
            assert b'"root":"https://a"' in received
        assert not os.path.exists(str(server.ca_file))  # noqa: ASYNC240 - nobody else waits

    trio.run(test)


def test_trio_refuses_a_bad_certificate() -> None:
    async def test() -> None:
        async with open_fake_server(demo_app(), tls="expired") as server:
            stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", server.port, ssl_context=server.ssl_context)
            with pytest.raises(trio.BrokenResourceError) as caught:
                await stream.do_handshake()
            assert "expired" in str(caught.value.__cause__)
            await trio.aclose_forcefully(stream)
            assert server.requests == []

    trio.run(test)
