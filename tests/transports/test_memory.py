"""The trio client and the fake server in one event loop, without sockets: time costs nothing there, and is exact."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from gradproto import ConnectionLostError, DeadlineExceeded, JobCancelledError, ReadError, Status, Timeouts
from gradproto_fake_server import demo_app
from gradproto_fake_server.trio import MemoryNetwork, open_memory_server
from gradproto_transports.trio import Client, open_client

Scenario = Callable[[MemoryNetwork, Client], Awaitable[None]]


@asynccontextmanager
async def joined(**options: Any) -> AsyncIterator[tuple[MemoryNetwork, Client]]:
    """A server and its client."""
    async with (
        open_memory_server(demo_app()) as server,
        open_client(server.url, open_stream=server.open_stream, **options) as client,
    ):
        yield server, client


def run(scenario: Callable[[], Awaitable[None]]) -> float:
    """Run in a world where only what is waited for takes time; returns the seconds that went by there."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    began = clock.current_time()
    trio.run(scenario, clock=clock)
    return clock.current_time() - began


def test_everything_works_in_memory(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with joined(download_files=tmp_path) as (_, client):
            assert await client.predict("x", api_name="/echo") == "x"
            job = await client.submit(100, api_name="/count")
            assert [output async for output in job] == [f"n={i}" for i in range(100)]
            content = b"some text\n" * 50_000
            assert Path(await client.predict(content, api_name="/upper")).read_bytes() == content.upper()  # noqa: ASYNC240
            assert await client.predict(5, api_name="/progress") == "done 5"

    assert run(scenario) < 1


def test_a_job_of_a_day_takes_a_day() -> None:
    async def scenario() -> None:
        async with joined() as (_, client):
            assert await client.predict("late", 86_400, api_name="/slow") == "late"

    assert run(scenario) == pytest.approx(86_400, abs=1)


def test_waiting_ends_in_time_and_the_job_goes_on() -> None:
    async def scenario() -> None:
        async with joined() as (_, client):
            job = await client.submit("late", 100, api_name="/slow")
            before = trio.current_time()
            with pytest.raises(DeadlineExceeded):
                await job.result(timeout=30)
            assert trio.current_time() - before == pytest.approx(30)
            assert await job.result() == "late"

    assert run(scenario) == pytest.approx(100, abs=1)


def test_cancelling_a_scope_cancels_its_job_only() -> None:
    async def scenario() -> None:
        async with joined() as (server, client):
            server.hold("/count")
            job = await client.submit(3, api_name="/count")
            with trio.move_on_after(10) as scope:
                await job.final()
            assert scope.cancelled_caught
            with pytest.raises(JobCancelledError):
                await job.final()
            assert job.status().code is Status.CANCELLED
            server.release("/count")
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"

    assert run(scenario) == pytest.approx(10, abs=1)


def test_a_job_has_a_limit_where_one_was_set() -> None:
    async def scenario() -> None:
        async with joined(timeouts=Timeouts(run=50)) as (_, client):
            with pytest.raises(DeadlineExceeded, match="50"):
                await client.predict("late", 100, api_name="/slow")

    assert run(scenario) == pytest.approx(50, abs=1)


def test_a_client_that_is_left_alone_keeps_its_state() -> None:
    async def scenario() -> None:
        async with joined() as (_, client):
            assert await client.predict(api_name="/incr") == 1
            await trio.sleep(3600)
            assert await client.predict(api_name="/incr") == 2

    assert run(scenario) == pytest.approx(3600, abs=1)


def test_a_scope_around_everything_ends_everything() -> None:
    async def scenario() -> None:
        async with open_memory_server(demo_app()) as server:
            server.hold("/count")
            with trio.move_on_after(10) as scope:
                async with open_client(server.url, open_stream=server.open_stream) as client:
                    job = await client.submit(3, api_name="/count")
                    await job.final()
            assert scope.cancelled_caught
            assert job.done()
            await server.wait_for(lambda app: not app.open_streams)
            with pytest.raises((ConnectionLostError, JobCancelledError)):
                await job.final()

    assert run(scenario) == pytest.approx(10, abs=1)


class Wrapped(trio.abc.Stream):
    """A stream that passes everything on."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


class Refusing(Wrapped):
    """Its other end has answered and stopped listening before it has taken the whole upload."""

    refused = False
    reading = trio.CancelScope()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if b" /gradio_api/upload" in bytes(data[:100]):
            self.refused = True
            self.reading.cancel()
        elif self.refused:
            await trio.lowlevel.checkpoint()
            raise trio.BrokenResourceError
        else:
            await super().send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        with trio.CancelScope() as self.reading:
            return await super().receive_some(max_bytes)
        await trio.sleep(5)  # longer than it takes to see that nobody listens
        return b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def test_what_the_server_said_counts_more_than_that_it_stopped_listening() -> None:
    async def scenario() -> None:
        async with open_memory_server(demo_app()) as server:

            async def open_refusing(host: str, port: int, tls: bool) -> trio.abc.Stream:
                return Refusing(await server.connect())

            async with open_client(server.url, open_stream=open_refusing) as client:
                with pytest.raises(Exception, match="413"):
                    await client.predict(b"x" * 1_000_000, api_name="/upper")

    run(scenario)


class Breaking(Wrapped):
    """It breaks when a file is asked for, in its own way."""

    broken = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.broken = b"/file=" in bytes(data)
        await super().send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await super().receive_some(max_bytes)
        if self.broken:
            raise LookupError("the tunnel has collapsed")
        return data


def test_a_stream_from_elsewhere_breaks_in_its_own_way_and_alone() -> None:
    async def scenario() -> None:
        async with open_memory_server(demo_app()) as server:

            async def open_breaking(host: str, port: int, tls: bool) -> trio.abc.Stream:
                return Breaking(await server.connect())

            async with open_client(server.url, open_stream=open_breaking, download_files=False) as client:
                file = await client.predict(b"x", api_name="/upper")
                with pytest.raises(ReadError, match="the tunnel has collapsed"):
                    await file.read()
                assert await client.predict("on it goes", api_name="/echo") == "on it goes"

    run(scenario)
