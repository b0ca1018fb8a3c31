"""The shell that blocking clients drive themselves: no thread, no clock, no sleep."""

from __future__ import annotations

import asyncio
import http.client
import inspect
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gradproto import AppError, ConnectError, ConnectionLostError, ReadError
from gradproto_fake_server import FakeApp, InlineServer, Sleep, demo_app
from gradproto_transports.asyncio import open_client
from gradproto_transports.sync import Client, Job

WAIT = 60  # seconds that no test needs


@pytest.fixture
def server() -> Iterator[InlineServer]:
    with InlineServer(demo_app(), autojump=False) as running:
        yield running


def connected(server: InlineServer, **options: Any) -> Client:
    return Client(server.url, open_stream=server.open_stream, **options)


def ask(server: InlineServer, method: str, path: str, body: Any = None) -> Any:
    """Make a request with a client that knows only of blocking sockets."""
    connection = http.client.HTTPConnection("fake.test")
    connection.sock = server.open_stream("fake.test", 80, False)
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    response.close()
    return content


@pytest.mark.parametrize("version", ["6.31.0", "4.0.2", "3.50.2", "3.0.20"])
def test_everything_works_without_a_thread_of_the_server(version: str, tmp_path: Any) -> None:
    content = b"some text\n" * 200_000
    before = threading.active_count()
    with InlineServer(demo_app(version)) as server, connected(server, download_files=tmp_path) as client:
        assert threading.active_count() == before + 1  # the client's
        assert client.predict("x", api_name="/echo") == "x"
        if version != "3.0.20":
            assert list(client.submit(1000, api_name="/count")) == [f"n={n}" for n in range(1000)]
        with open(client.predict(content, api_name="/upper"), "rb") as file:
            assert file.read() == content.upper()
        with pytest.raises(AppError):
            client.predict("x", api_name="/fail")
        server.assert_strict()
    server.app.assert_all_closed()


def listening(app: FakeApp) -> bool:
    return any(record.kind == "data" for record in app.open_streams)


def test_a_job_sleeps_until_the_time_is_advanced(server: InlineServer) -> None:
    with connected(server) as client:
        job = client.submit("late", 86_400, api_name="/slow")
        server.wait_for(listening, timeout=WAIT)
        server.advance(86_399)
        assert not job.done()
        server.advance(1)
        assert job.result() == "late"
        assert server.now == 86_400


def test_what_only_time_brings_comes_at_once() -> None:
    with InlineServer(demo_app()) as server, connected(server) as client:
        assert client.predict("late", 86_400, api_name="/slow") == "late"
        assert server.now == 86_400
        assert client.predict(3, api_name="/progress") == "done 3"
        assert server.now == pytest.approx(86_400.15)
        server.run(lambda app: app.inject("late", "POST */queue/join", seconds=100))
        assert client.predict("x", api_name="/echo") == "x"
        assert server.now == pytest.approx(86_500.15)


def test_the_time_stands_still_where_only_a_gate_is_waited_for() -> None:
    with InlineServer(demo_app()) as server, connected(server) as client:
        server.hold("/count")
        job = client.submit(2, api_name="/count")
        server.wait_for(listening, timeout=WAIT)
        assert server.now == 0
        server.step("/count")
        assert next(job) == "n=0"
        server.release("/count")
        assert job.final() == "n=1"


def test_a_generator_that_sleeps_for_ever_can_be_cancelled() -> None:
    with InlineServer(FakeApp()) as server:

        @server.endpoint("/ticks", outputs=["number"], generates=True)
        def ticks() -> Iterator[Any]:
            for n in range(1_000_000):
                yield Sleep(1)
                yield n

        with connected(server) as client:
            job = client.submit(api_name="/ticks")
            assert next(job) == 0
            assert job.cancel() is True
            server.wait_for(lambda app: app.job("/ticks").over, timeout=WAIT)


def test_endless_outputs_wait_for_their_reader(server: InlineServer) -> None:
    with connected(server) as client:
        job: Job[Any] = client.submit(1_000_000, api_name="/count")
        assert next(job) == "n=0"
        assert job.cancel() is True
        assert client.predict("on it goes", api_name="/echo") == "on it goes"


def test_several_clients_in_several_threads_get_each_its_own(server: InlineServer) -> None:
    outputs: dict[int, list[Any]] = {}

    def use(number: int) -> None:
        with connected(server) as client:
            outputs[number] = [client.predict(f"{number} {i}", api_name="/echo") for i in range(20)]

    threads = [threading.Thread(target=use, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {number: [f"{number} {i}" for i in range(20)] for number in range(5)}


def test_endpoints_are_added_while_it_runs(server: InlineServer) -> None:
    with connected(server) as before:

        @server.endpoint("/twice")
        def twice(text: str) -> str:
            return text * 2

        with connected(server) as client:
            assert client.predict("x", api_name="/twice") == "xx"
        assert before.predict("x", api_name="/echo") == "x"


def test_an_endpoint_of_a_shell_is_all_that_one_of_the_app_can_be() -> None:
    assert inspect.signature(InlineServer.endpoint) == inspect.signature(FakeApp.endpoint)
    with InlineServer(FakeApp(default_concurrency_limit=3)) as server:

        @server.endpoint("/many", batch=True, max_batch_size=7)
        def many(texts: list[str]) -> tuple[list[str]]:
            return ([text * 2 for text in texts],)

        endpoint = server.app.named("/many")
        assert (endpoint.concurrency_limit, endpoint.batch, endpoint.max_batch_size) == (3, True, 7)
        with connected(server) as client:
            assert client.predict("x", api_name="/many") == "xx"


def test_a_server_that_is_closed_is_noticed(server: InlineServer) -> None:
    with connected(server) as client:
        server.hold("/count")
        job = client.submit(3, api_name="/count")
        server.wait_for(listening, timeout=WAIT)
        server.close()
        with pytest.raises(ConnectionLostError):
            job.result()
    with pytest.raises(ConnectError, match="Connection refused"):
        connected(server)
    server.close()


def test_a_client_that_goes_away_takes_its_events_with_it(server: InlineServer) -> None:
    server.hold("/count")
    with connected(server) as client:
        client.submit(3, api_name="/count")
        server.wait_for(listening, timeout=WAIT)
    server.wait_for(lambda app: app.job("/count").state == "dropped", timeout=WAIT)
    server.assert_all_closed()


def test_a_reset_is_a_reset(server: InlineServer) -> None:
    server.run(lambda app: app.inject("reset", "GET */config", times=None))
    with pytest.raises(ReadError, match="Connection reset by peer"):
        connected(server)


def test_other_blocking_clients_work_as_well(server: InlineServer) -> None:
    assert json.loads(ask(server, "GET", "/config"))["version"] == "6.31.0"
    assert b"event_id" in ask(
        server, "POST", "/gradio_api/queue/join", {"data": ["x"], "fn_index": 0, "session_hash": "s"}
    )
    assert b"process_completed" in ask(server, "GET", "/gradio_api/queue/data?session_hash=s")


def test_a_client_that_writes_byte_by_byte_or_nothing_is_understood(server: InlineServer) -> None:
    with server.open_stream("fake.test", 80, False) as sock:
        for byte in b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\n\r\n":
            assert sock.send(b"") == 0
            sock.sendall(bytes([byte]))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        server.advance(10)  # what is idle is closed
        assert sock.recv(65536) == b""
        with pytest.raises(BrokenPipeError):
            sock.send(b"GET")
        sock.shutdown(socket.SHUT_RDWR)


def test_the_asyncio_client_has_a_use_for_it_too(server: InlineServer) -> None:
    async def open_stream(host: str, port: int, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(sock=server.open_stream(host, port, tls))

    async def scenario() -> None:
        async with open_client(server.url, open_stream=open_stream) as client:
            assert await client.predict("x", api_name="/echo") == "x"
            assert [output async for output in await client.submit(100, api_name="/count")][-1] == "n=99"

    asyncio.run(scenario())
