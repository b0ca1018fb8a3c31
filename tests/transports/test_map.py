"""Many calls of one endpoint, the same for every client."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gradproto import AppError, ArgumentError, EndpointNotFoundError, GradprotoError, LocalProtocolError
from gradproto_fake_server import AppFailure, FakeApp, FakeServer, Sleep, Steps
from gradproto_transports.sync import MapProgress

from .backends import Backend


@pytest.fixture
def app() -> FakeApp:
    """An app that fails for odd numbers, and takes its time for others."""
    app = FakeApp()

    @app.endpoint("/even", concurrency_limit=None)
    def even(n: float) -> float:
        if n % 2:
            raise AppFailure(f"{n:g} is odd")
        return n / 2

    @app.endpoint("/late", concurrency_limit=None)
    def late(n: float) -> Steps[float]:
        yield Sleep(0.5 if n == 0 else 0)
        return n

    @app.endpoint("/forever", concurrency_limit=None)
    def forever(n: float) -> Any:
        while True:
            yield n
            yield Sleep(0.01)

    return app


def giving(app: FakeApp) -> int:
    """How many calls have given an output and are not over."""
    return sum(bool(job.outputs_given) and not job.over for job in app.jobs.values())


@pytest.fixture
def served(app: FakeApp) -> Iterator[FakeServer]:
    """The app on the fake server."""
    with FakeServer(app) as server:
        yield server


async def test_results_come_in_the_order_of_the_inputs(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        texts = [f"text {i}" for i in range(100)]
        assert [result async for result in client.map(texts, api_name="/echo", concurrency=10)] == texts


async def test_inputs_may_be_several_arguments_or_arguments_by_name(backend: Backend, url: str) -> None:
    async with backend.open_client(url, api_name="/add") as client:
        inputs = [(1, 2), {"a": 3, "b": 4}, {"b": 1, "a": 0.5}]
        assert [result async for result in client.map(inputs)] == [3, 7, 1.5]
        endpoint = client.endpoints.resolve(api_name="/echo")
        assert [result async for result in client.map(["x"], fn_index=endpoint.fn_index)] == ["x"]
        assert [result async for result in client.map([], api_name="/echo")] == []


async def test_a_generator_gives_what_predict_gives(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        assert [result async for result in client.map([3, 2], api_name="/count")] == ["n=0", "n=0"]
    async with backend.open_client(url, generator_result="last") as client:
        assert [result async for result in client.map([3, 2], api_name="/count")] == ["n=2", "n=1"]


async def test_failures_are_in_their_places(backend: Backend, served: FakeServer) -> None:
    told: list[MapProgress] = []
    async with backend.open_client(served.url) as client:
        inputs = [0, 1, 2, "three", 4]
        results = [
            result
            async for result in client.map(inputs, api_name="/even", concurrency=2, progress_callback=told.append)
        ]
    assert [results[0], results[2], results[4]] == [0, 1, 2]
    assert isinstance(results[1], AppError)
    assert "1 is odd" in str(results[1])
    assert isinstance(results[3], ArgumentError)
    assert [update.done for update in told] == [1, 2, 3, 4, 5]
    assert (told[-1].failed, told[-1].total) == (2, 5)


async def test_results_may_be_taken_as_they_come(backend: Backend, served: FakeServer) -> None:
    async with backend.open_client(served.url) as client:
        pairs = [pair async for pair in client.map(range(5), api_name="/late", concurrency=5).as_completed()]
    assert sorted(pairs) == [(n, n) for n in range(5)]
    assert pairs[-1] == (0, 0)


async def test_inputs_are_taken_as_they_are_needed(backend: Backend, served: FakeServer) -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        n = 0
        while True:
            taken.append(n)
            yield n
            n += 1

    async with backend.open_client(served.url) as client:
        results = client.map(endless(), api_name="/even", concurrency=3)
        assert await results.__anext__() == 0
        assert isinstance(await results.__anext__(), AppError)
        # As many as may be under way, and as many results as may wait.
        assert len(taken) <= 2 + 3 + 8 * 3
        await results.close()
        before = len(taken)
        async for result in results:
            assert isinstance(result, (float, int, GradprotoError))
        assert len(taken) == before


async def test_no_more_run_at_once_than_was_asked_for(backend: Backend) -> None:
    app = FakeApp()
    lock = threading.Lock()
    running: list[int] = []
    most: list[int] = []

    @app.endpoint("/busy", concurrency_limit=None)
    def busy(n: float) -> Steps[float]:
        with lock:
            running.append(1)
            most.append(len(running))
        yield Sleep(0.01)
        with lock:
            running.pop()
        return n

    with FakeServer(app) as server:
        async with backend.open_client(server.url) as client:
            results = [result async for result in client.map(range(40), api_name="/busy", concurrency=4)]
    assert results == list(range(40))
    assert max(most) == 4


async def test_who_stops_early_cancels_what_is_under_way(backend: Backend, served: FakeServer) -> None:
    async with backend.open_client(served.url) as client:
        results = client.map([1, 2, 3], api_name="/forever", concurrency=3)
        await backend.in_thread(lambda: served.wait_for(lambda app: giving(app) == 3))
        await results.close()
        await backend.in_thread(lambda: served.wait_for(lambda app: giving(app) == 0))
        assert [result async for result in results] == []
        left = client.map([1], api_name="/forever")
        await backend.in_thread(lambda: served.wait_for(lambda app: giving(app) == 1))
        del left
        await backend.in_thread(lambda: served.wait_for(lambda app: giving(app) == 0))
        assert await client.predict(4, api_name="/even") == 2


async def test_what_cannot_be_mapped_is_refused_at_once(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        with pytest.raises(EndpointNotFoundError, match="/ecco"):
            client.map(["x"], api_name="/ecco")
        for inputs in ("text", b"bytes", {"text": "x"}, 5, None):
            with pytest.raises(ArgumentError, match="one item for each call"):
                client.map(inputs, api_name="/echo")
        for concurrency in (0, -1, True, 2.0, "3"):
            with pytest.raises(ArgumentError, match="concurrency is"):
                client.map(["x"], api_name="/echo", concurrency=concurrency)
        with pytest.raises(ArgumentError, match="progress_callback holds a int"):
            client.map(["x"], api_name="/echo", progress_callback=5)
    with pytest.raises(LocalProtocolError, match="closed"):
        client.map(["x"], api_name="/echo")


async def test_what_was_stopped_can_be_read_to_its_end(backend: Backend, served: FakeServer) -> None:
    async with backend.open_client(served.url) as client:
        results = client.map([1, {"nope": 1}, 2], api_name="/forever", concurrency=3)
        await results.close()
        (left,) = [result async for result in results]
        assert isinstance(left, ArgumentError)
        with pytest.raises(StopAsyncIteration):
            await results.__anext__()


async def test_results_may_be_taken_in_both_ways_and_each_only_once(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        results = client.map([str(i) for i in range(6)], api_name="/echo", concurrency=2)
        assert await results.__anext__() == "0"
        first = [pair async for pair in _some(results.as_completed(), 2)]
        rest = [result async for result in results]
        assert sorted(["0", *(result for _, result in first), *rest]) == [str(i) for i in range(6)]
        assert [pair async for pair in results.as_completed()] == []


async def _some(pairs: Any, count: int) -> Any:
    async for pair in pairs:
        yield pair
        count -= 1
        if not count:
            return


async def test_an_input_that_means_nothing_is_an_error_in_its_place(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        results = [result async for result in client.map(["a", {1: 2}, object(), "c"], api_name="/echo")]
    assert results[0] == "a"
    assert isinstance(results[1], ArgumentError)
    assert isinstance(results[2], ArgumentError)
    assert results[3] == "c"


async def test_an_iterator_that_fails_ends_the_map(backend: Backend, served: FakeServer) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError("no more numbers")

    async with backend.open_client(served.url) as client:
        with pytest.raises(ZeroDivisionError):
            client.map(failing(), api_name="/forever", concurrency=2)
        await backend.in_thread(lambda: served.wait_for(lambda app: giving(app) == 0))


async def test_a_client_that_is_closed_ends_the_map(backend: Backend, served: FakeServer) -> None:
    async with backend.open_client(served.url) as client:
        results = client.map(itertools.count(), api_name="/even", concurrency=2)
        assert await results.__anext__() == 0
    with pytest.raises(LocalProtocolError, match="the client is closed"):
        [result async for result in results]


async def test_a_thousand_calls_share_one_client(backend: Backend, fake: FakeServer) -> None:
    async with backend.open_client(fake.url) as client:
        results = [result async for result in client.map(map(str, range(1000)), api_name="/echo", concurrency=1000)]
    assert results == [str(i) for i in range(1000)]
