"""Many threads, callbacks that misbehave, dropped clients, values of all sizes: nothing hangs, and nothing is lost."""

from __future__ import annotations

import concurrent.futures
import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from gradproto import (
    AppError,
    ArgumentError,
    ConnectionLostError,
    DeadlineExceeded,
    GradprotoError,
    LocalProtocolError,
)
from gradproto_fake_server import FakeApp, FakeServer
from gradproto_transports.sync import Client

from .backends import Backend

SECONDS = 60.0  # how long anything here may take before it counts as hanging


@pytest.fixture
def client(fake: FakeServer) -> Iterator[Client]:
    with Client(fake.url) as connected:
        yield connected


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "gradproto"]


# --- threads ----------------------------------------------------------------------------------------------------------


def test_twenty_threads_call_and_cancel_through_one_client(client: Client) -> None:
    def use(thread: int) -> int:
        cancelled = 0
        for call in range(50):
            if call % 5 == 4:
                cancelled += client.submit("waits", 1_000, api_name="/slow").cancel()
            else:
                assert client.predict(f"{thread} {call}", api_name="/echo") == f"{thread} {call}"
        return cancelled

    blocking = client.submit("blocking", 1_000, api_name="/slow")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert list(pool.map(use, range(20), timeout=SECONDS)) == [10] * 20
    assert len(threads()) == 1
    assert not blocking.done()


def call_for_ever(client: Client) -> None:
    while True:
        client.predict("x", api_name="/echo")


def test_whoever_closes_calls_or_cancels_at_the_same_time_hears_at_most_that_it_is_closed(fake: FakeServer) -> None:
    def close(client: Client, jobs: list[Any], begin: threading.Barrier) -> None:
        begin.wait(SECONDS)
        client.close()

    def cancel(client: Client, jobs: list[Any], begin: threading.Barrier) -> None:
        begin.wait(SECONDS)
        for job in jobs:
            job.cancel()

    def call(client: Client, jobs: list[Any], begin: threading.Barrier) -> None:
        begin.wait(SECONDS)
        with pytest.raises((ConnectionLostError, LocalProtocolError), match=r"closed|CLOSED"):
            call_for_ever(client)

    for _ in range(20):
        client = Client(fake.url)
        jobs = [client.submit("x", 1_000, api_name="/slow") for _ in range(3)]
        begin = threading.Barrier(9)
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            for ended in [pool.submit(what, client, jobs, begin) for what in (close, cancel, call) for _ in range(3)]:
                ended.result(SECONDS)
        assert all(job.done() for job in jobs)
    assert threads() == []


def test_everybody_who_waits_for_a_job_hears_that_the_client_was_closed(fake: FakeServer) -> None:
    client = Client(fake.url)
    job = client.submit("x", 1_000, api_name="/slow")
    ready = threading.Barrier(13)

    def wait(how: Any) -> GradprotoError:
        ready.wait(SECONDS)
        with pytest.raises(ConnectionLostError) as caught:
            how()
        return caught.value

    waits = [job.result, job.final, lambda: list(job), lambda: job.result(timeout=SECONDS)] * 3
    with concurrent.futures.ThreadPoolExecutor(len(waits)) as pool:
        waiting = [pool.submit(wait, how) for how in waits]
        ready.wait(SECONDS)
        client.close()
        assert all("closed" in str(one.result(SECONDS)) for one in waiting)


def test_each_of_many_who_wait_has_a_limit_of_their_own(client: Client, fake: FakeServer) -> None:
    fake.hold("/slow")
    job = client.submit("late", 0, api_name="/slow")
    gone = threading.Semaphore(0)

    def wait(number: int) -> str:
        if number % 2:
            with pytest.raises(DeadlineExceeded):
                job.result(timeout=0.01)
            gone.release()
            return "late"
        return job.result(timeout=SECONDS)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        waits = [pool.submit(wait, number) for number in range(20)]
        assert all(gone.acquire(timeout=SECONDS) for _ in range(10))
        fake.release("/slow")
        assert [wait.result() for wait in waits] == ["late"] * 20


def test_futures_are_waited_for_however_they_end(client: Client, fake: FakeServer) -> None:
    fake.hold("/slow")
    blocking = client.submit("blocking", 0, api_name="/slow")
    waiting = client.submit("waiting", 0, api_name="/slow")
    failing = client.submit("x", api_name="/fail")
    good = client.submit("good", api_name="/echo")
    stopped = client.submit(1_000_000, api_name="/count")
    stopped.result()
    assert stopped.cancel()
    assert waiting.cancel()
    fake.release("/slow")
    jobs = [blocking, waiting, failing, good, stopped]
    done, undone = concurrent.futures.wait(jobs, timeout=SECONDS)
    assert (done, undone) == (set(jobs), set())
    assert set(concurrent.futures.as_completed(jobs, timeout=SECONDS)) == set(jobs)
    assert [job.cancelled() for job in jobs] == [False, True, False, False, True]
    assert good.result() == "good"
    with pytest.raises(concurrent.futures.CancelledError):
        waiting.result()
    with pytest.raises(AppError):
        failing.result()
    failed, _ = concurrent.futures.wait([failing, blocking], return_when=concurrent.futures.FIRST_EXCEPTION)
    assert failing in failed


# --- callbacks --------------------------------------------------------------------------------------------------------


def test_a_callback_may_close_the_client(fake: FakeServer) -> None:
    client = Client(fake.url)
    closed = threading.Event()

    def close(output: object) -> None:
        client.close()
        closed.set()

    [thread] = threads()
    job = client.submit(1_000_000, api_name="/count", result_callbacks=close)
    other = client.submit("x", 1_000, api_name="/slow")
    assert closed.wait(SECONDS)
    with pytest.raises(ConnectionLostError):
        job.final()
    with pytest.raises(ConnectionLostError):
        other.result()
    thread.join(SECONDS)
    assert not thread.is_alive()
    client.close()


def test_a_callback_that_blocks_keeps_nobody_waiting_for_ever(client: Client) -> None:
    entered, leave = threading.Event(), threading.Event()

    def block(output: object) -> None:
        entered.set()
        assert leave.wait(SECONDS)

    job = client.submit("x", api_name="/echo", result_callbacks=block)
    assert entered.wait(SECONDS)
    assert job.result(timeout=SECONDS) == "x"
    with pytest.raises(DeadlineExceeded):
        client.submit("y", api_name="/echo").result(timeout=0.05)
    leave.set()
    assert client.predict("z", api_name="/echo") == "z"


async def test_a_callback_that_raises_anything_harms_nobody(backend: Backend, fake: FakeServer) -> None:
    def stumble(output: object) -> None:
        raise RuntimeError("of the callback")

    async with backend.open_client(fake.url) as client:
        job = await client.submit(5, api_name="/count", result_callbacks=stumble, status_callbacks=stumble)
        assert await job.final() == "n=4"
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


# --- clients that are dropped -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("under_way", [False, True])
def test_a_dropped_client_ends_its_thread_and_its_streams(fake: FakeServer, under_way: bool) -> None:
    client = Client(fake.url)
    assert client.predict("x", api_name="/echo") == "x"
    [thread] = threads()
    job = client.submit(1_000_000, api_name="/count") if under_way else None
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    thread.join(SECONDS)
    assert not thread.is_alive()
    if job is not None:
        with pytest.raises(ConnectionLostError, match="closed"):
            job.final()
    fake.wait_for(lambda app: not app.open_streams)


async def test_a_client_that_is_left_by_an_error_leaves_nothing(backend: Backend, fake: FakeServer) -> None:
    jobs: list[Any] = []

    async def use() -> None:
        async with backend.open_client(fake.url) as client:
            jobs.append(await client.submit(1_000_000, api_name="/count"))
            await jobs[0].result()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()
    fake.wait_for(lambda app: not app.open_streams)
    with pytest.raises(ConnectionLostError):
        await jobs[0].final()


async def test_what_lives_in_one_process_cannot_be_pickled_or_copied(backend: Backend, fake: FakeServer) -> None:
    async with backend.open_client(fake.url, download_files=False) as client:
        job = await client.submit("x", api_name="/echo")
        file = await client.predict(b"x", api_name="/upper")
        for thing in (getattr(client, "_wrapped", client), getattr(job, "_wrapped", job), file):
            for way in (pickle.dumps, copy.copy, copy.deepcopy):
                if way is copy.copy and thing is file:
                    continue
                with pytest.raises(TypeError, match="belongs to this process"):
                    way(thing)
        assert await job.result() == "x"
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


# --- sizes ------------------------------------------------------------------------------------------------------------


async def test_a_text_of_megabytes_goes_there_and_back(backend: Backend, fake: FakeServer) -> None:
    text = "x" * 10_000_000 + "\u2028\u00e9\U0001f600\0"
    async with backend.open_client(fake.url) as client:
        assert await client.predict(text, api_name="/echo") == text


async def test_thousands_of_steps_come_in_order(backend: Backend, fake: FakeServer) -> None:
    async with backend.open_client(fake.url) as client:
        job = await client.submit(20_000, api_name="/count")
        count = 0
        async for output in job:
            assert output == f"n={count}"
            count += 1
        assert count == 20_000
        assert len(job.outputs()) == 20_000


@pytest.mark.parametrize(
    "text", ["\u2028\u2029\u0085", "\0", "\U0001f468\u200d\U0001f469", "\ufeff", "data: x\n\n", "\r"]
)
async def test_any_text_comes_out_as_it_went_in(backend: Backend, url: str, text: str) -> None:
    async with backend.open_client(url) as client:
        assert await client.predict(text, api_name="/echo") == text


async def test_several_jobs_of_a_session_that_is_lost_hear_of_it(backend: Backend) -> None:
    app = FakeApp()

    @app.endpoint("/held")
    def held(text: str) -> str:
        return text

    with FakeServer(app) as server:
        async with backend.open_client(server.url) as client:
            server.hold("/held")
            jobs = [await client.submit(str(number), api_name="/held") for number in range(5)]
            await backend.in_thread(lambda: server.wait_for(lambda app: len(app.open_streams) >= 5))
            server.close()
            for job in jobs:
                assert isinstance(await job.exception(), ConnectionLostError)
            with pytest.raises(ArgumentError):
                await client.predict(api_name="/held")
