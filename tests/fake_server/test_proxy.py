"""The recording proxy on sockets: what it does where one side is slow, gone or large."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import trustme

from gradproto_fake_server import FakeServer, Recording, RecordingServer, demo_app
from gradproto_fake_server._record import read_bytes
from gradproto_transports.sync import Client
from tests.transports.servers import RawServer, unused_port

RESET = struct.pack("ii", 1, 0)
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_all(sock: socket.socket) -> bytes:
    """Read to the end, be it a good one or not."""
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def connect(server: RecordingServer) -> socket.socket:
    host, port = server.url.removeprefix("http://").partition("/")[0].split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def test_each_line_is_in_the_file_before_its_bytes_go_on(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    seen: list[str] = []

    def answer(sock: socket.socket) -> None:
        sock.recv(65536)
        seen.append(path.read_text(encoding="utf-8"))
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx")

    with RawServer(answer) as raw, RecordingServer(raw.url, path) as server, connect(server) as sock:
        sock.sendall(GET)
        assert read_all(sock).endswith(b"x")
        assert "GET / HTTP/1.1" in seen[0]
        assert "200 OK" in path.read_text(encoding="utf-8")


def test_a_connection_that_the_server_cuts_is_cut_and_written_down_so(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    said = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"

    def answer(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(said)

    with RawServer(answer) as raw, RecordingServer(raw.url, path) as server, connect(server) as sock:
        sock.sendall(GET)
        assert read_all(sock) == said
    found = [line for line in lines_of(path) if line.get("dir") == "s2c"]
    assert b"".join(map(read_bytes, found)) == said
    assert found[-1]["eof"] is True
    (exchange,) = Recording(path).exchanges
    assert not exchange.is_whole
    assert exchange.ends is not None


def test_a_connection_that_the_server_resets_is_reset(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"

    def answer(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.close()

    with RawServer(answer) as raw, RecordingServer(raw.url, path) as server, connect(server) as sock:
        sock.sendall(GET)
        with pytest.raises(ConnectionResetError):
            read_all(sock)
    assert [line["reset"] for line in lines_of(path) if line.get("reset")] == [True]
    assert Recording(path).exchanges[0].resets


def test_a_client_that_leaves_is_gone_for_the_server_too(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def listen(sock: socket.socket) -> None:
        heard.append(read_all(sock))

    path = tmp_path / "out.jsonl"
    with RawServer(listen) as raw, RecordingServer(raw.url, path) as server, connect(server) as sock:
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b""
    assert heard == [GET]
    assert [line["dir"] for line in lines_of(path) if line.get("eof")] == ["c2s", "s2c"]


def test_a_server_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with RecordingServer(f"http://127.0.0.1:{unused_port()}", path) as server, connect(server) as sock:
        sock.sendall(GET)
        assert read_all(sock).startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert [line["by"] for line in lines_of(path) if "by" in line] == ["proxy"]
    assert Recording(path).exchanges[0].status == 502


def test_an_answer_to_an_upload_comes_before_its_end(tmp_path: Path) -> None:
    def answer(sock: socket.socket) -> None:
        sock.recv(1)
        sock.sendall(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")
        read_all(sock)

    with RawServer(answer) as raw, RecordingServer(raw.url, tmp_path / "out.jsonl") as server, connect(server) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 100)
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")


SIZE = 20 << 20


def test_large_bodies_stream_through_in_little_memory(tmp_path: Path) -> None:
    block = b"0123456789abcdef" * 4096
    there: list[int] = []

    def answer(sock: socket.socket) -> None:
        count = 0
        while count < SIZE and (piece := sock.recv(65536)):
            count += len(piece)
        there.append(count)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(block)):
            sock.sendall(block)

    path = tmp_path / "out.jsonl"
    with RawServer(answer) as raw, RecordingServer(raw.url, path) as server, connect(server) as sock:
        tracemalloc.start()
        try:
            sock.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % SIZE)
            for _ in range(SIZE // len(block)):
                sock.sendall(block)
            came = 0
            while came < SIZE:
                piece = sock.recv(65536)
                assert piece
                came += len(piece)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert there[0] >= SIZE
    assert peak < SIZE // 2
    assert path.stat().st_size > 2 * SIZE


def test_a_client_that_reads_nothing_stops_the_server_and_nobody_else(tmp_path: Path) -> None:
    full = threading.Event()
    released = threading.Event()

    def answer(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        sock.settimeout(1.0)
        try:
            while True:
                sock.sendall(b"x" * 65536)
        except TimeoutError:
            full.set()
        assert released.wait(30)

    with (
        RawServer(answer) as raw,
        RecordingServer(raw.url, tmp_path / "out.jsonl") as server,
        connect(server) as slow,
    ):
        slow.sendall(GET)
        assert full.wait(60)
        with connect(server) as other:
            other.sendall(GET)
            assert other.recv(15) == b"HTTP/1.1 200 OK"
        released.set()


def test_an_app_with_tls_and_a_path_is_recorded(tmp_path: Path) -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    heard: list[bytes] = []

    def answer(sock: socket.socket) -> None:
        with serving.wrap_socket(sock, server_side=True) as secure:
            heard.append(secure.recv(65536))
            secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + b"x" * 200_000)
            secure.recv(65536)

    path = tmp_path / "out.jsonl"
    with RawServer(answer) as raw:
        url = raw.url.replace("http:", "https:") + "/deep"
        with RecordingServer(url, path, ssl_context=trusting) as server:
            assert server.url.endswith("/deep")
            host, port = server.url.removeprefix("http://").partition("/")[0].split(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            connection.request("GET", "/deep/config")
            assert len(connection.getresponse().read()) == 200_000
            connection.close()
    assert heard[0].startswith(b"GET /deep/config HTTP/1.1\r\n")
    assert b"host: 127.0.0.1:%d\r\n" % raw.port in heard[0]
    assert b"x-forwarded-host: " + f"{host}:{port}".encode() in heard[0]


def test_a_certificate_that_is_not_trusted_is_told_of(tmp_path: Path) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(serving)

    def answer(sock: socket.socket) -> None:
        with pytest.raises(ssl.SSLError):
            serving.wrap_socket(sock, server_side=True)

    with RawServer(answer) as raw:
        url = raw.url.replace("http:", "https:")
        with RecordingServer(url, tmp_path / "out.jsonl") as server, connect(server) as sock:
            sock.sendall(GET)
            assert b"CERTIFICATE_VERIFY_FAILED" in read_all(sock)


def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        RecordingServer("http://127.0.0.1:1", path)
    assert path.read_text() == "precious"
    RecordingServer("http://127.0.0.1:1", path, overwrite=True).close()
    assert path.read_text().startswith('{"recording": ')


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_disk_that_is_full_ends_it_and_is_told_of() -> None:
    with pytest.raises(OSError, match="No space left"), FakeServer(demo_app()) as app:
        RecordingServer(app.url, "/dev/full", overwrite=True)


def test_what_was_kept_on_purpose_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    RecordingServer("http://127.0.0.1:1", path, keep_secrets=True).close()
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o644)
    RecordingServer("http://127.0.0.1:1", path, keep_secrets=True, overwrite=True).close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_login_goes_through_and_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with FakeServer(demo_app(auth={"ada": "opensesame-7"})) as app:
        with (
            RecordingServer(app.url, path, headers={"x-key": "hidden-value-1"}) as server,
            Client(server.url, auth=("ada", "opensesame-7")) as client,
        ):
            assert client.predict("hi", api_name="/echo") == "hi"
        cookies = {value for record in app.requests for name, value in record.headers if name == "cookie"}
        assert all(dict(record.headers)["x-key"] == "hidden-value-1" for record in app.requests)
    text = path.read_text(encoding="utf-8")
    assert cookies
    for cookie in cookies:
        assert cookie.partition("=")[2] not in text
    assert "opensesame" not in text
    assert "hidden-value" not in text


def test_many_clients_at_once_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with FakeServer(demo_app()) as app, RecordingServer(app.url, path) as server, Client(server.url) as client:
        texts = [f"text {number}" for number in range(60)]
        assert list(client.map(texts, api_name="/echo", concurrency=20)) == texts
    assert len([one for one in Recording(path).exchanges if one.asked.path.endswith("/join")]) == 60


CROWD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from gradproto_fake_server import record_forever
record_forever(sys.argv[1], sys.argv[2], port=0, ready=lambda url: print(url, flush=True))
"""


@pytest.mark.skipif(os.name != "posix", reason="there is no such limit")
def test_whoever_finds_no_room_waits_and_the_log_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CROWD, f"http://127.0.0.1:{unused_port()}", str(tmp_path / "out.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            with contextlib.ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
                line = process.stderr.readline()
                assert line.startswith("gradproto record has ")
                assert "the process can open no more files (the limit is 64)" in line
            with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
                sock.sendall(GET)
                assert sock.recv(65536).startswith(b"HTTP/1.1 502 ")
        finally:
            process.terminate()
