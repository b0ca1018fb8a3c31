"""Many jobs at once, and servers that run for long: bounded memory for each, and no more time for each than with few.

Figures are ratios, or so generous that only something that grows without end exceeds them.
"""

from __future__ import annotations

import gc
import json
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import trio

from gradproto_fake_server import FakeApp, FakeServer, Log, MemoryServer, Progress, ServerConnection, Sleep, Steps
from gradproto_fake_server.trio import open_fake_server

from .wire import Http

FEW, SOME, MANY = 200, 500, 2000
# What a job that is held open takes, with its connection and its stream. Measured: 8 KB.
JOB_BYTES = 32_000
# What may be left of one that has ended: its requests in the log, and itself among the newest jobs. Measured: 4 KB.
LEFT_BYTES = 12_000


def make_app(version: str = "6.31.0") -> FakeApp:
    app = FakeApp(version)

    @app.endpoint("/held", concurrency_limit=None)
    def held(x: str) -> str:
        return x

    app.hold("/held")
    return app


def join(session: str) -> bytes:
    body = json.dumps({"data": ["x"], "fn_index": 0, "session_hash": session}).encode()
    head = "POST /gradio_api/queue/join HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def stream(session: str) -> bytes:
    return f"GET /gradio_api/queue/data?session_hash={session} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


SHAKE = (
    b"GET /queue/join HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(text: bytes) -> bytes:
    """Make a short text frame of a client's, under a mask of zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


class Crowd:
    """Clients without sockets, each with a job that is held."""

    def __init__(self, app: FakeApp) -> None:
        self.app = app
        self.connections: list[ServerConnection] = []

    def open(self, jobs: int, sessions: int) -> None:
        """Join so many times, each time over a connection of its own, and open a stream for each session."""
        for number in range(jobs):
            session = f"s{number % sessions}"
            connection = self.connect()
            self.tell(connection, join(session))
            if number < sessions:
                self.tell(connection, stream(session))

    def open_sockets(self, jobs: int) -> None:
        """Do the same over WebSockets, where each job has one."""
        for number in range(jobs):
            connection = self.connect()
            self.tell(connection, SHAKE)
            self.tell(connection, frame(b'{"session_hash":"s%d","fn_index":0}' % number))
            self.tell(connection, frame(b'{"session_hash":"s%d","fn_index":0,"data":["x"]}' % number))

    def connect(self) -> ServerConnection:
        connection = self.app.connect()
        self.connections.append(connection)
        return connection

    def tell(self, connection: ServerConnection, data: bytes) -> None:
        connection.receive_data(data)
        self.move()

    def move(self) -> None:
        """Do what a shell does."""
        self.app.run_jobs()
        for connection in self.app.take_ready():
            while connection.data_to_send():
                pass

    def end(self) -> None:
        """Let all jobs come to their end, and leave."""
        self.app.release("/held")
        while self.app.ready or self.app.next_deadline() == self.app.now:
            self.move()
        for connection in self.connections:
            connection.connection_lost()
        self.connections.clear()


class Way(NamedTuple):
    """How jobs are held open."""

    version: str
    open: Callable[[Crowd, int], None]


WAYS = {
    "a stream for each": Way("6.31.0", lambda crowd, jobs: crowd.open(jobs, jobs)),
    "few streams": Way("6.31.0", lambda crowd, jobs: crowd.open(jobs, 4)),
    "sockets": Way("3.50.2", lambda crowd, jobs: crowd.open_sockets(jobs)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_a_held_job_takes_a_bounded_amount_of_memory_and_gives_it_back(way: Way) -> None:
    gc.collect()
    tracemalloc.start()
    try:
        app = make_app(way.version)
        crowd = Crowd(app)
        before, _ = tracemalloc.get_traced_memory()
        way.open(crowd, SOME)
        assert len(app.queue.events) == SOME
        held = (tracemalloc.get_traced_memory()[0] - before) / SOME
        crowd.end()
        assert not app.queue.events
        app.advance_to(app.now + 100)
        gc.collect()
        left = (tracemalloc.get_traced_memory()[0] - before) / SOME
    finally:
        tracemalloc.stop()
    assert held < JOB_BYTES
    assert left < LEFT_BYTES


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_a_job_among_many_costs_what_a_job_among_few_costs(way: Way) -> None:
    def cost(jobs: int) -> float:
        crowd = Crowd(make_app(way.version))
        began = time.thread_time()
        way.open(crowd, jobs)
        crowd.end()
        return (time.thread_time() - began) / jobs

    # Ten times as many: what is quadratic costs ten times as much for each. The best of some, for the machine is busy.
    few = min(cost(FEW) for _ in range(3))
    assert any(cost(MANY) < few * 4 for _ in range(3))


def test_what_a_long_run_leaves_is_bounded() -> None:
    app = make_app()
    app.release("/held")
    crowd = Crowd(app)

    def run(jobs: range) -> None:
        connection = app.connect()
        for number in jobs:
            crowd.tell(connection, join(f"s{number}"))
            crowd.tell(connection, stream(f"s{number}"))
        connection.connection_lost()

    run(range(2_400))
    assert app.requests.maxlen == 10_000
    assert len(app.jobs) <= 1250
    assert len(app.queue.sessions) <= 2000
    assert app.connections == 0


def test_the_data_of_jobs_that_are_over_are_kept_of_the_newest_alone() -> None:
    size, newest = 20_000, 1_250
    app = FakeApp()

    @app.endpoint("/count")
    def count(x: str) -> str:
        return str(len(x))

    http = Http(MemoryServer(app))
    tracemalloc.start()
    try:
        for number in range(2 * newest):
            http.join(0, [str(number) + "x" * size], f"s{number}")
            http.stream(f"s{number}")
        app.reset_journal()  # which has the bodies that are small
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(app.jobs) <= newest
    assert kept < newest * (size + LEFT_BYTES)


# -- clients that do not read


def endless_app(version: str) -> FakeApp:
    app = FakeApp(version, buffer_limit=20_000)

    @app.endpoint("/outputs")
    def outputs() -> Iterator[str]:
        while True:
            yield "x" * 100

    @app.endpoint("/progress")
    def progress() -> Steps[str]:
        while True:
            yield Progress(progress=0.5, desc="x" * 100)

    @app.endpoint("/logs")
    def logs() -> Steps[str]:
        while True:
            yield Log("x" * 100)

    return app


@pytest.mark.parametrize("name", ["/outputs", "/progress", "/logs"])
@pytest.mark.parametrize("version", ["3.50.2", "4.8.0", "5.0.2", "6.31.0"])
def test_whatever_a_function_says_without_end_waits_for_who_does_not_read(version: str, name: str) -> None:
    app = endless_app(version)
    endpoint = app.named(name)
    connection = app.connect()
    prefix = app.profile.api_prefix
    if version == "3.50.2":
        connection.receive_data(SHAKE)
        connection.receive_data(frame(b'{"session_hash":"s","fn_index":%d}' % endpoint.index))
        connection.receive_data(frame(b'{"session_hash":"s","fn_index":%d,"data":[]}' % endpoint.index))
    elif version == "4.8.0":
        path = f"/queue/join?session_hash=s&fn_index={endpoint.index}&data=%5B%5D"
        connection.receive_data(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    else:
        body = json.dumps({"data": [], "fn_index": endpoint.index, "session_hash": "s"}).encode()
        head = f"POST {prefix}/queue/join HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        connection.receive_data(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    app.settle()
    job = app.job(name)
    assert job.state == "paused"
    assert app.queue.channel_of(job).buffered < 40_000
    connection.connection_lost()


def test_places_and_heartbeats_do_not_pile_up_for_who_does_not_read() -> None:
    app = FakeApp(buffer_limit=1_000)

    @app.endpoint("/slow")
    def slow() -> Steps[str]:
        yield Sleep(1)
        return "x"

    crowd = Crowd(app)
    for number in range(40):
        connection = crowd.connect()
        body = json.dumps({"data": [], "fn_index": 0, "session_hash": f"s{number}"}).encode()
        head = "POST /gradio_api/queue/join HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        connection.receive_data(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        connection.data_to_send()
        connection.receive_data(stream(f"s{number}"))  # and nothing of it is read
    app.advance_to(35.0)
    assert max(session.buffered for session in app.queue.sessions.values()) < 2_000
    app.advance_to(10_000.0)
    assert max(session.buffered for session in app.queue.sessions.values()) < 2_000
    assert not app.queue.events


# -- over sockets


def connect_all(port: int, count: int) -> list[socket.socket]:
    socks = []
    try:
        for number in range(count):
            sock = socket.create_connection(("127.0.0.1", port), timeout=60)
            socks.append(sock)
            sock.sendall(join(f"s{number}"))
            assert b"event_id" in sock.recv(4096)
            sock.sendall(stream(f"s{number}"))
    except BaseException:
        close_all(socks)
        raise
    return socks


def close_all(socks: list[socket.socket]) -> None:
    for sock in socks:
        sock.close()


def read_all(socks: list[socket.socket]) -> None:
    for sock in socks:
        tail = b""
        while not tail.endswith(b"0\r\n\r\n"):
            piece = sock.recv(65536)
            assert piece
            tail += piece
        assert b"process_completed" in tail


def test_two_thousand_streams_are_held_open_by_one_thread() -> None:
    with FakeServer(make_app()) as server:
        socks = connect_all(server.port, MANY)
        try:
            server.wait_for(lambda app: len(app.open_streams) == MANY, timeout=60)
            server.release("/held")
            read_all(socks)
        finally:
            close_all(socks)
        server.wait_for(lambda app: app.connections == 0, timeout=60)
        server.assert_all_closed()


def test_two_thousand_streams_are_held_open_in_trio() -> None:
    async def main() -> None:
        async with open_fake_server(make_app()) as server:
            socks = await trio.to_thread.run_sync(connect_all, server.port, MANY)
            try:
                await server.wait_for(lambda app: len(app.open_streams) == MANY)
                server.release("/held")
                await trio.to_thread.run_sync(read_all, socks)
            finally:
                close_all(socks)
            await server.wait_for(lambda app: app.connections == 0)
            server.assert_all_closed()

    trio.run(main)
