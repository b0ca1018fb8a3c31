"""The shell with sockets: what only sockets, threads and processes can show."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gradproto_fake_server import DirectoryFiles, FakeApp, FakeServer, Sleep, Steps, demo_app

from .wire import multipart, sse_events

ECHO, SLOW, COUNT, UPPER = 0, 2, 3, 5


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(demo_app()) as running:
        yield running


def ask(server: FakeServer, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Make a request over a connection of its own; give the response, which is read."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        response.content = response.read()  # type: ignore[attr-defined]
        return response
    finally:
        connection.close()


def join(server: FakeServer, fn_index: int, data: list[Any], session_hash: str = "s") -> str:
    body = {"data": data, "fn_index": fn_index, "session_hash": session_hash}
    return str(json.loads(ask(server, "POST", "/gradio_api/queue/join", body).content)["event_id"])


def stream(server: FakeServer, session_hash: str = "s") -> list[dict[str, Any]]:
    return sse_events(ask(server, "GET", f"/gradio_api/queue/data?session_hash={session_hash}").content)


def open_stream(server: FakeServer, session_hash: str = "s") -> socket.socket:
    """Open an event stream and read nothing of it."""
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    sock.sendall(f"GET /gradio_api/queue/data?session_hash={session_hash} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return sock


def test_a_call_goes_through_sockets(server: FakeServer) -> None:
    join(server, COUNT, [3])
    messages = stream(server)
    assert [message["msg"] for message in messages[2:-1]] == ["process_generating"] * 3 + ["process_completed"]
    assert [record.kind for record in server.requests] == ["join", "data"]
    assert server.url == f"http://127.0.0.1:{server.port}"


def test_one_thread_serves_and_ends_with_the_server() -> None:
    before = set(threading.enumerate())
    with FakeServer(demo_app()) as server:
        for number in range(20):
            open_stream(server, f"s{number}").close()
        assert len(set(threading.enumerate()) - before) == 1
    server.close()
    assert set(threading.enumerate()) == before


def test_closing_cuts_what_is_open_and_frees_the_port() -> None:
    with FakeServer(demo_app()) as server:
        join(server, SLOW, ["x", 1000])
        sock = open_stream(server)
        server.wait_for(lambda app: app.open_streams)
    with sock:
        received = b""
        while piece := sock.recv(65536):
            received += piece
    assert b"process_starts" in received
    assert not received.endswith(b"0\r\n\r\n")
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


def test_a_port_that_is_taken_is_an_error() -> None:
    with FakeServer(demo_app()) as server, pytest.raises(OSError, match="in use"):
        FakeServer(demo_app(), port=server.port)


def test_time_can_be_skipped(server: FakeServer) -> None:
    join(server, SLOW, ["x", 3600])
    server.advance(3600)
    completed = stream(server)[-2]
    assert completed["output"]["data"] == ["x"]
    assert completed["output"]["duration"] >= 3600


def test_jobs_can_be_held_stepped_and_released(server: FakeServer) -> None:
    server.hold("/count")
    join(server, COUNT, [5])
    server.step("/count", 2)
    assert server.wait_for(lambda app: app.job("/count").state == "held" and app.job("/count").outputs_given) == 2
    server.release("/count")
    assert len(stream(server)) == 5 + 4


def test_waiting_for_what_never_happens_times_out(server: FakeServer) -> None:
    with pytest.raises(TimeoutError, match=r"nothing of the sort happened on the fake server within 0\.01 s"):
        server.wait_for(lambda app: app.open_streams, timeout=0.01)


def test_a_stream_that_goes_away_is_noticed(server: FakeServer) -> None:
    server.hold("/count")
    join(server, COUNT, [5])
    with open_stream(server):
        server.wait_for(lambda app: app.open_streams)
    server.wait_for(lambda app: app.job("/count").state == "dropped")
    assert server.open_streams == []
    assert server.requests[-1].end == "disconnected"


def test_a_connection_that_is_reset_is_noticed(server: FakeServer) -> None:
    join(server, SLOW, ["x", 1000])
    sock = open_stream(server)
    server.wait_for(lambda app: app.open_streams)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    server.wait_for(lambda app: not app.open_streams)


def test_an_unread_stream_stops_its_generator_and_goes_on_when_it_is_read() -> None:
    with FakeServer(demo_app(buffer_limit=100_000)) as server:
        join(server, COUNT, [100_000])
        with open_stream(server) as sock:
            server.wait_for(lambda app: app.job("/count").state == "paused")
            given = server.run(lambda app: app.job("/count").outputs_given)
            assert given < 100_000
            tail = b""
            while not tail.endswith(b"0\r\n\r\n"):
                tail = (tail + sock.recv(1 << 20))[-8:]
            assert server.run(lambda app: app.job("/count").outputs_given) == 100_000


def test_a_slow_function_does_not_stop_the_others(server: FakeServer) -> None:
    app = server.app

    def add(app: FakeApp) -> None:
        @app.endpoint("/busy")
        def busy() -> Steps[str]:
            while True:
                yield Sleep(0)

    server.run(add)
    join(server, len(app.endpoints) - 1, [], "busy")
    join(server, ECHO, ["x"])
    assert stream(server)[-2]["output"]["data"] == ["x"]


def test_files_live_in_a_directory_until_the_server_closes() -> None:
    with FakeServer(demo_app()) as server:
        body = multipart([("files", "a.txt", b"x" * 3_000_000)])
        headers = {"Content-Type": "multipart/form-data; boundary=the-boundary"}
        (path,) = json.loads(ask(server, "POST", "/gradio_api/upload", body, **headers).content)
        assert os.path.getsize(path) == 3_000_000
        join(server, UPPER, [{"path": path, "meta": {"_type": "gradio.FileData"}}])
        (result,) = stream(server)[-2]["output"]["data"]
        assert ask(server, "GET", f"/gradio_api/file={result['path']}").content == b"X" * 3_000_000
    assert not os.path.exists(path)


def test_a_place_for_files_that_was_given_is_kept() -> None:
    files = DirectoryFiles()
    try:
        with FakeServer(demo_app(files=files)) as server:
            assert server.app.files is files
        assert os.path.isdir(files.root)
    finally:
        files.close()


def test_many_clients_are_served_at_once(server: FakeServer) -> None:
    socks = []
    try:
        for number in range(300):
            join(server, SLOW if number < 1 else ECHO, ["x", 5], f"s{number}")
            socks.append(open_stream(server, f"s{number}"))
        for sock in socks[1:]:
            tail = b""
            while not tail.endswith(b"0\r\n\r\n"):
                tail += sock.recv(65536)
    finally:
        for sock in socks:
            sock.close()


def test_it_listens_on_other_addresses() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = FakeServer(demo_app(), host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        assert server.url == f"http://[::1]:{server.port}"
        with socket.create_connection(("::1", server.port), timeout=10) as sock:
            sock.sendall(b"GET /gradio_api/user HTTP/1.0\r\nHost: a\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 200 OK")


SERVE = """
from gradproto_fake_server import demo_app, serve_forever
serve_forever(demo_app(), port=0, ready=lambda url: print("READY", url, flush=True))
print("DONE", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_for_ever_ends_clean_when_told_to(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b"GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: a\r\n\r\n")
            sock.recv(4096)
            process.send_signal(number)
            assert process.stdout.read() == "DONE\n"
        assert process.wait(10) == 0


def test_an_empty_address_is_none() -> None:
    with pytest.raises(OSError, match=r"an empty address is none; 0\.0\.0\.0 is all of this machine's"):
        FakeServer(FakeApp(), host="")
