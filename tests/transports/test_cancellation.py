"""Cancelling in an event loop: the job ends on the server, nothing else does, and nothing is left behind."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

import gradproto_transports.asyncio
import gradproto_transports.trio
from gradproto import (
    ConnectionLostError,
    JobCancelledError,
    LocalProtocolError,
    Status,
    StatusUpdate,
)
from gradproto_fake_server import FakeApp, FakeServer, RequestRecord

from .backends import AsyncBackend
from .servers import RawServer

ENDLESS = 1_000_000


async def iterate(job: Any) -> None:
    """Take one output after the other."""
    async for _ in job:
        pass


WAITS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "result": lambda job: job.result(),
    "final": lambda job: job.final(),
    "exception": lambda job: job.exception(),
    "iteration": iterate,
    "await": lambda job: job,
}


def _all(app: FakeApp, kind: str) -> list[RequestRecord]:
    return [request for request in app.requests if request.kind == kind]


def _count(app: FakeApp, kind: str) -> int:
    return sum(request.status == 200 for request in _all(app, kind))


def when(status: Status, event: Any) -> Callable[[StatusUpdate], None]:
    """Return a callback that sets ``event`` at the first such status."""

    def hear(update: StatusUpdate) -> None:
        if update.code is status:
            event.set()

    return hear


@pytest.mark.parametrize("wait", list(WAITS))
async def test_cancelling_whoever_waits_cancels_the_job(async_backend: AsyncBackend, url: str, wait: str) -> None:
    async with async_backend.open_client(url, generator_result="last") as client:
        running = async_backend.event()
        hear = when(Status.ITERATING, running)
        job = await client.submit(ENDLESS, api_name="/count", status_callbacks=hear)
        sibling = await client.submit(200, api_name="/count")

        async def waiting() -> None:
            await WAITS[wait](job)

        await async_backend.interrupt(waiting, running.wait)
        with pytest.raises(JobCancelledError):
            await job.final()
        assert await sibling.final() == "n=199"
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_cancelling_a_prediction_cancels_its_job(async_backend: AsyncBackend, fake: FakeServer) -> None:
    async with async_backend.open_client(fake.url) as client:
        fake.hold("/slow")
        # Only one job of /slow may run: the others wait in the queue.
        first = await client.submit("first", 0, api_name="/slow")

        async def joined() -> None:
            await async_backend.in_thread(lambda: fake.wait_for(lambda app: _count(app, "join") == 2))

        await async_backend.interrupt(lambda: client.predict("second", 0, api_name="/slow"), joined)
        last = await client.submit("last", 0, api_name="/slow")
        await async_backend.in_thread(lambda: fake.wait_for(lambda app: _count(app, "cancel") == 1))
        fake.release("/slow")
        assert await first.result() == "first"
        assert await last.result() == "last"


async def test_a_job_that_cannot_be_cancelled_goes_on(async_backend: AsyncBackend, url: str) -> None:
    async with async_backend.open_client(url) as client:
        running = async_backend.event()

        def hear(update: StatusUpdate) -> None:
            if update.code is Status.PROCESSING and update.rank is None:
                running.set()

        job = await client.submit("late", 0.5, api_name="/slow", status_callbacks=hear)
        await async_backend.interrupt(job.result, running.wait)
        assert not job.done()
        assert await job.result() == "late"


async def test_a_second_wait_hears_of_it(async_backend: AsyncBackend, url: str) -> None:
    async with async_backend.open_client(url) as client:
        running = async_backend.event()
        job = await client.submit(ENDLESS, api_name="/count", status_callbacks=when(Status.ITERATING, running))

        async def one() -> None:
            await async_backend.interrupt(job.final, running.wait)

        async def other() -> None:
            with pytest.raises(JobCancelledError):
                await job.final()

        await async_backend.together(one, other)


async def test_cancelling_everything_leaves_nothing(async_backend: AsyncBackend, fake: FakeServer) -> None:
    running = async_backend.event()
    jobs: list[Any] = []

    async def everything() -> None:
        async with async_backend.open_client(fake.url) as client:
            jobs.append(await client.submit("x" * 1_000_000, 3600, api_name="/slow"))
            jobs.append(await client.submit(b"x" * 5_000_000, api_name="/upper"))
            hear = when(Status.ITERATING, running)
            jobs.append(await client.submit(ENDLESS, api_name="/count", status_callbacks=hear))
            async for _ in jobs[-1]:
                pass

    await async_backend.interrupt(everything, running.wait)
    fake.wait_for(lambda app: not app.open_streams)
    fake.wait_for(lambda app: app.job("/count").over)
    for job in jobs:
        assert job.done()
    with pytest.raises((ConnectionLostError, JobCancelledError)):
        await jobs[0].result()


async def test_cancelling_while_connecting_leaves_nothing(async_backend: AsyncBackend) -> None:
    asked = threading.Event()

    def listen(client: socket.socket) -> None:
        client.recv(65536)
        asked.set()
        client.recv(65536)

    with RawServer(listen) as server:

        async def connect() -> None:
            async with async_backend.open_client(server.url):
                pass

        await async_backend.interrupt(connect, lambda: async_backend.in_thread(asked.wait))


async def test_cancelling_in_a_handshake_leaves_nothing(async_backend: AsyncBackend) -> None:
    asked = threading.Event()

    def listen(client: socket.socket) -> None:
        client.recv(65536)
        asked.set()
        client.recv(65536)

    with RawServer(listen) as server:

        async def connect() -> None:
            async with async_backend.open_client(server.url.replace("http:", "https:")):
                pass

        await async_backend.interrupt(connect, lambda: async_backend.in_thread(asked.wait))


async def test_cancelling_a_download_ends_it(async_backend: AsyncBackend, fake: FakeServer) -> None:
    async with async_backend.open_client(fake.url, download_files=False) as client:
        file = await client.predict(b"x", api_name="/upper")
        ready = async_backend.event()

        async def read() -> None:
            ready.set()
            await file.read()

        async def stream() -> None:
            ready.set()
            async for _ in file.stream():
                pass

        await async_backend.interrupt(read, ready.wait)
        ready = async_backend.event()
        await async_backend.interrupt(stream, ready.wait)
        assert await file.read() == b"X"


async def test_closing_is_not_cut_short_by_a_cancellation(async_backend: AsyncBackend, fake: FakeServer) -> None:
    closing = async_backend.event()

    async def everything() -> None:
        async with async_backend.open_client(fake.url) as client:
            await client.submit(ENDLESS, api_name="/count")
            closing.set()
            # The cancellation comes while the client closes, or at the next place where it can.
            try:
                await client.close()
            finally:
                assert async_backend.others() == before + 1, "the task that cancels this one is the only other one"
            await async_backend.event().wait()

    before = async_backend.others()
    await async_backend.interrupt(everything, closing.wait)
    fake.wait_for(lambda app: not app.open_streams)


def test_an_error_is_not_lost_in_a_cancellation(fake: FakeServer) -> None:
    """Under trio; under asyncio the cancellation comes out, with the error as its context."""

    async def main() -> None:
        with trio.CancelScope() as scope:
            async with gradproto_transports.trio.open_client(fake.url):
                scope.cancel()
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trio.run(main)


def test_a_client_is_closed_wholly_in_a_cancelled_scope(fake: FakeServer) -> None:
    async def main() -> None:
        before = trio.lowlevel.current_statistics().tasks_living
        async with gradproto_transports.trio.open_client(fake.url) as client:
            with trio.CancelScope() as scope:
                scope.cancel()
                await client.close()
            assert trio.lowlevel.current_statistics().tasks_living == before

    trio.run(main)


async def test_who_cleans_up_after_a_cancellation_can_still_use_the_client(
    async_backend: AsyncBackend, fake: FakeServer
) -> None:
    running = async_backend.event()
    cleaned: list[str] = []

    async def everything() -> None:
        async with async_backend.open_client(fake.url) as client:
            job = await client.submit(ENDLESS, api_name="/count", status_callbacks=when(Status.ITERATING, running))
            try:
                await job.final()
            finally:
                with async_backend.shielded():
                    cleaned.append(await client.predict("clean", api_name="/echo"))

    await async_backend.interrupt(everything, running.wait)
    assert cleaned == ["clean"]


async def test_jobs_end_with_the_same_words_after_a_pause(async_backend: AsyncBackend, fake: FakeServer) -> None:
    async with async_backend.open_client(fake.url) as client:
        fake.hold("/count")
        started = async_backend.event()
        job = await client.submit(3, api_name="/count", status_callbacks=when(Status.PROCESSING, started))
        await started.wait()
        async_backend.jump(1)
    with pytest.raises(ConnectionLostError, match="was under way when the session was closed"):
        await job.final()


async def test_a_client_that_was_busy_elsewhere_does_not_blame_the_server(
    async_backend: AsyncBackend, fake: FakeServer
) -> None:
    """Deadlines that passed while nobody listened do not count before what came meanwhile was read."""
    async with async_backend.open_client(fake.url) as client:
        fake.hold("/count")
        jobs: list[Any] = []
        # Each has a stream of its own, so that it can be cancelled by itself.
        for _ in range(5):
            started = async_backend.event()
            hear = when(Status.PROCESSING, started)
            jobs.append(await client.submit(3, api_name="/count", status_callbacks=hear))
            await started.wait()
        fake.release("/count")
        fake.wait_for(lambda app: _count(app, "data") == 5 and not any(r.end == "open" for r in _all(app, "data")))
        async_backend.jump(1000)
        assert [await job.final() for job in jobs] == ["n=2"] * 5


async def test_a_server_that_is_silent_for_too_long_is_given_up(async_backend: AsyncBackend, fake: FakeServer) -> None:
    async with async_backend.open_client(fake.url) as client:
        fake.hold("/count")
        started = async_backend.event()
        job = await client.submit(3, api_name="/count", status_callbacks=when(Status.PROCESSING, started))
        await started.wait()
        async_backend.jump(46)
        with pytest.raises(ConnectionLostError, match="nothing came for 45 s"):
            await job.final()


async def test_connections_are_reused_until_they_were_idle_for_long(
    async_backend: AsyncBackend, fake: FakeServer
) -> None:
    async with async_backend.open_client(fake.url) as client:
        for _ in range(5):
            await client.predict("x", api_name="/echo")
        before = {request.connection for request in fake.requests}
        assert len(before) <= 3
        async_backend.jump(60)
        await client.predict("x", api_name="/echo")
        assert not before & {request.connection for request in fake.requests[-2:]}


def test_jobs_can_be_gathered(url: str) -> None:
    async def main() -> None:
        async with gradproto_transports.asyncio.open_client(url) as client:
            jobs = [await client.submit(i, 1, api_name="/add") for i in range(5)]
            assert await asyncio.gather(*jobs) == [1, 2, 3, 4, 5]
            slow = await client.submit(ENDLESS, api_name="/count")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(slow.final(), 0.2)
            with pytest.raises(JobCancelledError):
                await slow.final()

    asyncio.run(main())


async def test_after_the_block_the_client_is_closed(async_backend: AsyncBackend, fake: FakeServer) -> None:
    async with async_backend.open_client(fake.url) as client:
        pass
    with pytest.raises(LocalProtocolError, match="closed"):
        await client.predict("x", api_name="/echo")
