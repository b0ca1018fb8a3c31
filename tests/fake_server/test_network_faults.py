"""What goes wrong between a client and the fake server: refusals, bad lines, requests that are not read."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import trio

from gradproto_fake_server import FakeApp, FakeHub, FakeServer, MemoryHub, MemoryServer, demo_app
from gradproto_fake_server._fault_answers import CONNECTION_FAULTS
from gradproto_fake_server._faults import FAULTS
from gradproto_fake_server._intakes import INTAKES
from gradproto_fake_server.trio import open_fake_server, open_memory_server

from .wire import Http, multipart

USER = b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\n\r\n"
BODY = multipart([("files", "a.txt", b"x" * 10_000)])
UPLOAD = (
    b"POST /gradio_api/upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=the-boundary\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)
ECHO, COUNT = 0, 3


@pytest.fixture
def app() -> FakeApp:
    return demo_app()


@pytest.fixture
def server(app: FakeApp) -> MemoryServer:
    return MemoryServer(app)


def everything(connection: object) -> bytes:
    return b"".join(iter(connection.data_to_send, b""))  # type: ignore[attr-defined]


def test_every_fault_of_connections_and_bodies_can_happen() -> None:
    assert set(CONNECTION_FAULTS) == {name for name, kind in FAULTS.items() if kind.family == "connection"}
    assert set(INTAKES) == {name for name, kind in FAULTS.items() if kind.family == "body"}


# -- refusals


def test_connections_are_refused_for_a_while_and_those_that_are_there_stay(app: FakeApp, server: MemoryServer) -> None:
    http = Http(server)
    http.request("GET", "/gradio_api/user")
    app.refuse(3.0)
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    assert http.request("GET", "/gradio_api/user").status == 200
    server.advance(2.9)
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    server.advance(0.2)
    assert Http(server).request("GET", "/gradio_api/user").status == 200


def test_a_refusal_can_be_ended_and_begun_anew(app: FakeApp, server: MemoryServer) -> None:
    app.refuse(3.0)
    app.refuse(0)
    server.connect()
    app.refuse(3.0)
    app.refuse(10.0)
    server.advance(5.0)
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    app.reset()
    server.connect()


def test_a_request_may_bring_a_server_down(app: FakeApp, server: MemoryServer) -> None:
    app.inject("restart", "POST */queue/join", down=5.0)
    before = app.app_id
    connection = server.connect()
    body = b'{"data":["x"],"fn_index":0,"session_hash":"s"}'
    head = b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    connection.receive_data(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    assert connection.closed
    assert app.app_id != before
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    server.advance(5.0)
    assert Http(server).request("GET", "/gradio_api/user").status == 200


def test_a_request_may_let_others_be_refused_and_is_answered(app: FakeApp, server: MemoryServer) -> None:
    app.inject("refuse", "GET */user", seconds=1.0)
    assert Http(server).request("GET", "/gradio_api/user").status == 200
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_a_hub_refuses_at_all_its_addresses() -> None:
    hub = FakeHub()
    hub.add_space("me/app")
    server = MemoryHub(hub)
    hub.refuse(1.0)
    for where in (None, "me-app.hf.test"):
        with pytest.raises(ConnectionRefusedError):
            server.connect(where)
    server.advance(1.0)
    assert Http(server, "me-app.hf.test").request("GET", "/config").status == 200


@pytest.fixture
def threaded() -> Iterator[FakeServer]:
    with FakeServer(demo_app()) as running:
        yield running


def error_of_connecting(port: int) -> int:
    with socket.socket() as sock:
        sock.settimeout(30)
        return sock.connect_ex(("127.0.0.1", port))


def test_over_sockets_nobody_listens_while_connections_are_refused(threaded: FakeServer) -> None:
    with socket.create_connection(("127.0.0.1", threaded.port), timeout=30) as there:
        threaded.wait_for(lambda app: app.connections == 1)
        for _ in range(3):
            threaded.run(lambda app: app.refuse(1000.0))
            assert error_of_connecting(threaded.port) == errno.ECONNREFUSED
            threaded.advance(1000.0)
            assert error_of_connecting(threaded.port) == 0
        there.sendall(USER)
        assert there.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_server_can_be_closed_while_it_refuses() -> None:
    with FakeServer(demo_app()) as server:
        server.run(lambda app: app.refuse(1000.0))
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


def test_in_trio_nobody_listens_either() -> None:
    async def main() -> None:
        async with open_fake_server(demo_app()) as server:
            for _ in range(3):
                server.run(lambda app: app.refuse(1000.0))
                with pytest.raises(OSError, match="all attempts to connect"):
                    await trio.open_tcp_stream("127.0.0.1", server.port)
                server.advance(1000.0)
                async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
                    await stream.send_all(USER)
                    assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        async with open_memory_server(demo_app()) as network:
            network.run(lambda app: app.refuse(1000.0))
            with pytest.raises(ConnectionRefusedError):
                await network.connect()

    trio.run(main)


# -- bad lines


@pytest.mark.parametrize("hello", [USER, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)])
def test_the_first_bytes_may_be_answered_with_what_is_no_http(app: FakeApp, server: MemoryServer, hello: bytes) -> None:
    app.inject("no http", text="220 hello\r\n")
    connection = server.connect()
    assert not connection.closed
    connection.receive_data(hello[:1])
    assert everything(connection) == b"220 hello\r\n"
    assert connection.closed
    assert not app.requests


@pytest.mark.parametrize(("name", "reset"), [("close at first byte", False), ("reset at first byte", True)])
def test_the_first_byte_may_end_the_connection(app: FakeApp, server: MemoryServer, name: str, reset: bool) -> None:
    app.inject(name)
    connection = server.connect()
    assert not connection.closed
    connection.receive_data(b"\x16")
    assert (connection.data_to_send(), connection.closed, connection.reset) == (b"", True, reset)


def test_a_tls_hello_is_no_request(server: MemoryServer) -> None:
    connection = server.connect()
    connection.receive_data(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200))
    assert everything(connection).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert connection.closed


def test_a_late_line_is_late_both_ways(app: FakeApp, server: MemoryServer) -> None:
    app.inject("latency", seconds=2.0)
    connection = server.connect()
    connection.receive_data(USER)
    server.advance(1.9)
    assert not app.requests
    server.advance(0.1)
    assert [record.started for record in app.requests] == [2.0]
    assert connection.data_to_send() == b""
    server.advance(1.9)
    assert connection.data_to_send() == b""
    server.advance(0.1)
    assert connection.data_to_send().startswith(b"HTTP/1.1 200")


def test_a_late_line_keeps_the_order_and_the_end(app: FakeApp, server: MemoryServer) -> None:
    app.inject("latency", seconds=1.0)
    connection = server.connect()
    for byte in USER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"):
        connection.receive_data(bytes([byte]))
        server.advance(0.01)
    server.advance(1.0)
    assert not connection.closed
    server.advance(1.0)
    assert connection.data_to_send().endswith(b"null")
    assert connection.closed


def test_a_narrow_line_takes_its_time(app: FakeApp, server: MemoryServer) -> None:
    app.inject("bandwidth", bytes_per_second=1000)
    connection = server.connect()
    connection.receive_data(UPLOAD + BODY)
    server.advance((len(UPLOAD) + len(BODY)) / 1000 - 0.1)
    assert everything(connection) == b""
    server.advance(1.0)
    assert everything(connection).startswith(b"HTTP/1.1 200")


def test_bytes_may_go_one_by_one_both_ways(app: FakeApp, server: MemoryServer) -> None:
    app.inject("small pieces")
    http = Http(server)
    connection = http.connection
    connection.receive_data(USER)
    pieces = list(iter(connection.data_to_send, b""))
    assert {len(piece) for piece in pieces} == {1}
    assert b"".join(pieces).endswith(b"null")


@pytest.mark.parametrize("values", [{"size": 1}, {"size": 3, "every": 0.001}, {"size": 0}])
def test_a_call_goes_through_small_pieces(app: FakeApp, server: MemoryServer, values: dict[str, float]) -> None:
    app.inject("small pieces", times=None, **values)
    connection = server.connect()
    body = b'{"data":[3],"fn_index":3,"session_hash":"s"}'
    head = b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    connection.receive_data(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    server.advance(1.0)
    assert b"event_id" in everything(connection)
    connection.receive_data(b"GET /gradio_api/queue/data?session_hash=s HTTP/1.1\r\nHost: a\r\n\r\n")
    server.advance(2.0)
    seen = b""
    while not seen.endswith(b"0\r\n\r\n"):
        seen += everything(connection)
        server.advance(1.0)
    assert seen.count(b"process_generating") == 3


def test_what_is_under_way_is_lost_with_the_client(app: FakeApp, server: MemoryServer) -> None:
    app.inject("latency", seconds=1.0)
    connection = server.connect()
    connection.receive_data(USER)
    connection.close()
    server.advance(10.0)
    assert not app.requests
    assert app.connections == 0
    assert server.next_deadline() is None


def test_an_unread_line_stops_the_generator_behind_it(server: MemoryServer) -> None:
    server.app.inject("latency", after=1, seconds=0.5)
    Http(server).join(COUNT, [10**6])
    connection = server.connect()
    connection.receive_data(b"GET /gradio_api/queue/data?session_hash=s HTTP/1.1\r\nHost: a\r\n\r\n")
    server.advance(1000.0)
    assert server.app.job("/count").state == "paused"


# -- bodies


def test_a_body_may_be_read_slowly(app: FakeApp, server: MemoryServer) -> None:
    app.inject("slow body", "POST */upload", size=1000, every=1.0)
    connection = server.connect()
    connection.receive_data(UPLOAD + BODY)
    assert not connection.wants_data
    server.advance(9.0)
    assert connection.data_to_send() == b""
    server.advance(3.0)
    assert connection.wants_data
    answer = connection.data_to_send()
    assert answer.startswith(b"HTTP/1.1 200")
    (path,) = json.loads(answer.partition(b"\r\n\r\n")[2])
    stored = app.files.get(path)
    assert stored is not None
    assert stored.read() == b"x" * 10_000
    assert app.requests[0].fault == "slow body"
    connection.receive_data(USER)
    assert connection.data_to_send().startswith(b"HTTP/1.1 200")


def test_a_body_may_not_be_read_to_its_end(app: FakeApp, server: MemoryServer) -> None:
    app.inject("stall body", "POST */upload", after_bytes=500)
    connection = server.connect()
    connection.receive_data(UPLOAD + BODY[:400])
    assert connection.wants_data
    connection.receive_data(BODY[400:])
    assert not connection.wants_data
    server.advance(3600)
    assert (connection.data_to_send(), connection.closed) == (b"", False)
    connection.receive_data(b"")
    assert app.requests[0].end == "disconnected"


@pytest.mark.parametrize(("name", "reset"), [("cut body", False), ("reset body", True)])
@pytest.mark.parametrize("after_bytes", [0, 1, 5000])
def test_a_connection_may_end_inside_a_body(
    app: FakeApp, server: MemoryServer, name: str, reset: bool, after_bytes: int
) -> None:
    app.inject(name, "POST */upload", after_bytes=after_bytes)
    connection = server.connect()
    connection.receive_data(UPLOAD)
    assert not connection.closed
    connection.receive_data(BODY)
    assert (connection.data_to_send(), connection.closed, connection.reset) == (b"", True, reset)
    assert app.requests[0].end == "cut"


def test_a_body_that_is_shorter_gets_through(app: FakeApp, server: MemoryServer) -> None:
    app.inject("cut body", after_bytes=10**6)
    connection = server.connect()
    connection.receive_data(UPLOAD + BODY)
    assert connection.data_to_send().startswith(b"HTTP/1.1 200")


def test_a_fault_of_bodies_leaves_requests_without_one_alone(app: FakeApp, server: MemoryServer) -> None:
    fault = app.inject("stall body")
    assert Http(server).request("GET", "/gradio_api/user").status == 200
    assert fault.met == 0


def test_a_body_and_its_answer_may_both_meet_a_fault(app: FakeApp, server: MemoryServer) -> None:
    app.inject("slow body", "POST */upload", every=1.0)
    app.inject("crash", "POST */upload")
    connection = server.connect()
    connection.receive_data(UPLOAD + BODY)
    server.advance(2.0)
    assert connection.data_to_send().startswith(b"HTTP/1.1 500")
    assert app.requests[0].fault == "slow body, crash"


def test_a_client_cannot_send_what_the_server_does_not_read(threaded: FakeServer) -> None:
    threaded.run(lambda app: app.inject("stall body", "POST */upload", after_bytes=0))
    with socket.create_connection(("127.0.0.1", threaded.port), timeout=30) as sock:
        sock.setblocking(False)
        head = UPLOAD.replace(b"%d" % len(BODY), b"1000000000")
        assert sock.send(head) == len(head)
        threaded.wait_for(lambda app: app.requests)
        sent = 0
        piece = bytes(1 << 20)
        with contextlib.suppress(BlockingIOError):
            for _ in range(1000):
                sent += sock.send(piece)
        assert sent < 500_000_000
        assert error_of_connecting(threaded.port) == 0


def test_in_trio_a_slow_body_gets_through() -> None:
    async def main() -> None:
        async with open_fake_server(demo_app()) as server:
            server.app.inject("slow body", "POST */upload", size=5000, every=0.001)
            async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
                await stream.send_all(UPLOAD + BODY)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")

    trio.run(main)


# -- clients that do not read


def test_requests_that_nobody_reads_the_answers_of_are_not_read_for_ever(app: FakeApp, server: MemoryServer) -> None:
    connection = app.connect()
    sent = 0
    while connection.wants_data:
        connection.receive_data(b"GET /config HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
        sent += 1
        assert sent < 10_000
    while connection.data_to_send():
        pass
    assert connection.wants_data


def test_requests_behind_an_open_stream_are_not_read_for_ever(app: FakeApp, server: MemoryServer) -> None:
    connection = app.connect()
    connection.receive_data(b"GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: a\r\n\r\n")
    sent = 0
    while connection.wants_data:
        connection.receive_data(USER)
        sent += len(USER)
        assert sent < 10 << 20
    assert len(app.requests) == 1


def test_pings_that_nobody_reads_the_answers_of_are_not_read_for_ever() -> None:
    app = demo_app("3.50.2")
    connection = app.connect()
    head = b"GET /queue/join HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    connection.receive_data(head + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    sent = 0
    while connection.wants_data:
        connection.receive_data((b"\x89\xfd" + bytes(4) + bytes(125)) * 100)
        sent += 1
        assert sent < 10_000


# -- the limit of open files

CROWD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from gradproto_fake_server import demo_app, serve_forever
serve_forever(demo_app(), port=0, ready=lambda url: print(url, flush=True))
"""


@contextlib.contextmanager
def crowded(soft: int, hard: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    code = CROWD.format(soft=soft, hard=hard)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rpartition(":")[2]), process
    finally:
        process.terminate()
        process.communicate()


def ask(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/gradio_api/user")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.skipif(os.name != "posix", reason="there is no such limit")
def test_more_clients_than_the_soft_limit_are_served() -> None:
    with crowded(64, 512) as (port, _), contextlib.ExitStack() as stack:
        for _ in range(200):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            sock.sendall(USER)
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        assert ask(port) == 200


@pytest.mark.skipif(os.name != "posix", reason="there is no such limit")
def test_whoever_finds_no_room_waits_and_the_log_says_why() -> None:
    with crowded(64, 64) as (port, process):
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            assert process.stderr is not None
            line = process.stderr.readline()
            assert "the process can open no more files (the limit is 64)" in line
        assert ask(port) == 200
