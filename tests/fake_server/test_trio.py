"""The trio shells: in memory with exact time, and over TCP."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from gradproto_fake_server import FakeApp, demo_app
from gradproto_fake_server.trio import MemoryNetwork, open_fake_server, open_memory_server

ECHO, SLOW, COUNT = 0, 2, 3


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test with a clock that jumps to the next deadline when everybody waits."""
    trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0))


def request(method: str, path: str, value: Any = None) -> bytes:
    body = b"" if value is None else json.dumps(value).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def join(stream: trio.abc.Stream, fn_index: int, data: list[Any]) -> None:
    value = {"data": data, "fn_index": fn_index, "session_hash": "s"}
    await stream.send_all(request("POST", "/gradio_api/queue/join", value))
    assert b"event_id" in await stream.receive_some()


async def read_until(stream: trio.abc.Stream, end: bytes) -> bytes:
    received = b""
    while end not in received:
        piece = await stream.receive_some()
        assert piece, received
        received += piece
    return received


EVENTS = request("GET", "/gradio_api/queue/data?session_hash=s")


def test_time_is_exact_and_costs_none() -> None:
    async def test() -> None:
        async with open_memory_server(demo_app()) as network:
            one, two = await network.connect(), await network.open_stream("fake.test", 80, False)
            await join(one, SLOW, ["x", 3600.25])
            await two.send_all(EVENTS)
            received = await read_until(two, b"close_stream")
            assert trio.current_time() == 3600.25
            assert received.count(b'"msg":"heartbeat"') == 240

    run(test)


def test_an_idle_connection_is_closed_after_five_seconds() -> None:
    async def test() -> None:
        async with open_memory_server(demo_app()) as network:
            stream = await network.connect()
            await trio.sleep(1)
            await join(stream, ECHO, ["x"])
            assert await stream.receive_some() == b""
            assert trio.current_time() == 6

    run(test)


def test_the_clock_can_be_moved_beside_trios() -> None:
    async def test() -> None:
        async with open_memory_server(demo_app()) as network:
            one, two = await network.connect(), await network.connect()
            await join(one, SLOW, ["x", 100])
            await two.send_all(EVENTS)
            await read_until(two, b"process_starts")
            network.advance(100)
            await read_until(two, b"close_stream")
            assert trio.current_time() == 0

    run(test)


def test_jobs_can_be_held_stepped_released_and_waited_for() -> None:
    async def test() -> None:
        async with open_memory_server(demo_app()) as network:
            network.hold("/count")
            one, two = await network.connect(), await network.connect()
            await join(one, COUNT, [3])
            await two.send_all(EVENTS)
            await network.wait_for(lambda app: app.open_streams)
            network.step("/count")
            assert b"n=0" in await read_until(two, b"process_generating")
            assert network.app.job("/count").state == "held"
            network.release("/count")
            await read_until(two, b"close_stream")
            assert [record.kind for record in network.requests] == ["join", "data"]
            assert network.open_streams == []

    run(test)


def test_an_unread_stream_stops_its_generator() -> None:
    async def test() -> None:
        async with open_memory_server(demo_app(buffer_limit=10_000)) as network:
            one, two = await network.connect(), await network.connect()
            await join(one, COUNT, [10_000])
            await two.send_all(EVENTS)
            await trio.sleep(1)
            job = network.app.job("/count")
            assert job.state == "paused"
            assert job.outputs_given < 1000
            received = await read_until(two, b"close_stream")
            assert received.count(b"process_generating") == 10_000

    run(test)


@pytest.mark.parametrize("graceful", [True, False])
def test_a_client_that_goes_away_takes_its_events_with_it(graceful: bool) -> None:
    async def test() -> None:
        async with open_memory_server(demo_app()) as network:
            network.hold("/count")
            one, two = await network.connect(), await network.connect()
            await join(one, COUNT, [3])
            await two.send_all(EVENTS)
            await network.wait_for(lambda app: app.open_streams)
            if graceful:
                await two.send_eof()
            else:
                await trio.aclose_forcefully(two)
            await network.wait_for(lambda app: app.job("/count").state == "dropped")

    run(test)


def test_a_client_that_goes_away_while_it_is_sent_to_is_noticed() -> None:
    async def test() -> None:
        async with open_memory_server(demo_app(buffer_limit=10_000)) as network:
            one, two = await network.connect(), await network.connect()
            await join(one, COUNT, [10_000])
            await two.send_all(EVENTS)
            await trio.sleep(1)
            await trio.aclose_forcefully(two)
            await network.wait_for(lambda app: app.job("/count").state == "dropped")

    run(test)


def test_a_stream_that_the_server_cuts_ends() -> None:
    async def test() -> None:
        async with open_memory_server(demo_app()) as network:
            stream = await network.connect()
            await stream.send_all(EVENTS)
            assert b"session_not_found" in await read_until(stream, b"unexpected_error")
            assert await stream.receive_some() == b""

    run(test)


def test_leaving_the_block_ends_everything() -> None:
    async def test() -> None:
        app = demo_app()
        async with open_memory_server(app) as network:
            stream = await network.connect()
            await stream.send_all(request("GET", "/gradio_api/heartbeat/s"))
            await read_until(stream, b"ALIVE")
        assert app.open_streams == []
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")

    run(test)


def test_it_serves_over_tcp() -> None:
    async def test() -> None:
        app = demo_app()
        async with open_fake_server(app) as server:
            assert server.url == f"http://127.0.0.1:{server.port}"
            async with await trio.open_tcp_stream("127.0.0.1", server.port) as one:
                await join(one, COUNT, [100])
                await one.send_all(EVENTS)
                assert (await read_until(one, b"close_stream")).count(b"process_generating") == 100
            assert type(app.files).__name__ == "DirectoryFiles"
        assert type(app.files).__name__ == "MemoryFiles"

    trio.run(test)


def test_a_network_is_what_a_client_needs() -> None:
    async def test() -> None:
        async with open_memory_server(FakeApp()) as network:
            assert isinstance(network, MemoryNetwork)
            assert network.url.startswith("http://")

    run(test)
