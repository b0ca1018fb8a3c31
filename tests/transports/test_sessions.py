"""Several conversations over one client's connections, the same for every client."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import ConnectionLostError, LocalProtocolError
from gradproto_fake_server import FakeApp, FakeServer, demo_app

from .backends import AsyncBackend, Backend


async def test_a_session_has_state_of_its_own(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        assert [await client.predict(api_name="/incr") for _ in range(3)] == [1, 2, 3]
        async with client.session() as other:
            assert other.session_hash != client.session_hash
            assert [await other.predict(api_name="/incr") for _ in range(2)] == [1, 2]
            assert await client.predict(api_name="/incr") == 4
            await other.reset_session()
            assert await other.predict(api_name="/incr") == 1
            assert await client.predict(api_name="/incr") == 5
            assert await other.predict("x", api_name="/echo") == "x"
            assert list(other.endpoints) == list(client.endpoints)
            assert other.config == client.config
            assert other.view_api(return_format="str") == client.view_api(return_format="str")
            assert [result async for result in other.map(["a", "b"], api_name="/echo")] == ["a", "b"]


async def test_sessions_talk_over_the_connections_of_their_client(backend: Backend, fake: FakeServer) -> None:
    async with backend.open_client(fake.url) as client:
        for _ in range(20):
            async with client.session() as session:
                assert await session.predict(api_name="/incr") == 1
    configs = [request for request in fake.requests if request.kind == "config"]
    assert len(configs) == 1


async def test_a_session_that_is_closed_ends_alone(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        session = client.session()
        mine = await session.submit("mine", 30, api_name="/slow")
        other = await client.submit("x", api_name="/echo")
        await session.close()
        await session.close()
        with pytest.raises(ConnectionLostError, match="its conversation was closed"):
            await mine.result()
        assert await other.result() == "x"
        with pytest.raises(LocalProtocolError, match="is closed"):
            await session.predict("x", api_name="/echo")
        assert await client.predict("still here", api_name="/echo") == "still here"


async def test_sessions_end_with_their_client(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        session = client.session()
        assert await session.predict(api_name="/incr") == 1
    with pytest.raises(LocalProtocolError, match="the client is closed"):
        await session.predict(api_name="/incr")
    with pytest.raises(LocalProtocolError, match="the client is closed"):
        client.session()
    await session.close()


async def test_the_endpoint_of_a_client_is_that_of_its_sessions(backend: Backend, url: str) -> None:
    async with backend.open_client(url, api_name="/echo") as client, client.session() as session:
        assert await session.predict("x") == "x"


def beats(app: FakeApp, session_hash: str) -> bool:
    """Whether the State of a session is kept."""
    return any(one.kind == "heartbeat" and session_hash in one.path for one in app.open_streams)


async def test_a_session_that_is_dropped_lets_go_of_its_state(backend: Backend) -> None:
    with FakeServer(demo_app()) as server:
        async with backend.open_client(server.url) as client:
            session: Any = client.session()
            session_hash = session.session_hash
            assert await session.predict(api_name="/incr") == 1
            await backend.in_thread(lambda: server.wait_for(lambda app: beats(app, session_hash)))
            del session
            await backend.in_thread(lambda: server.wait_for(lambda app: not beats(app, session_hash)))
            assert await client.predict(api_name="/incr") == 1


async def test_a_session_lives_as_long_as_its_jobs(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.session().submit("kept", 0.1, api_name="/slow")
        assert await job.result() == "kept"


async def test_a_session_that_is_closed_begins_no_other(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        session = client.session()
        await session.close()
        with pytest.raises(LocalProtocolError, match="is closed"):
            session.session()


async def test_a_session_that_is_left_by_a_cancellation_is_closed(
    async_backend: AsyncBackend, fake: FakeServer
) -> None:
    async with async_backend.open_client(fake.url) as client:
        session = client.session()
        waiting = async_backend.event()

        async def talk() -> None:
            async with session:
                assert await session.predict(api_name="/incr") == 1
                waiting.set()
                await session.predict("x", 60, api_name="/slow")

        await async_backend.interrupt(talk, waiting.wait)
        with pytest.raises(LocalProtocolError, match="is closed"):
            await session.predict(api_name="/incr")


async def test_a_session_and_results_may_be_collected_by_any_thread(
    async_backend: AsyncBackend, fake: FakeServer
) -> None:
    async with async_backend.open_client(fake.url) as client:
        left: list[Any] = [client.session(), client.map(["x"] * 3, api_name="/echo")]
        session_hash = left[0].session_hash
        assert await left[0].predict(api_name="/incr") == 1
        await async_backend.in_thread(left.clear)
        await async_backend.in_thread(lambda: fake.wait_for(lambda app: not beats(app, session_hash)))
        assert await client.predict("x", api_name="/echo") == "x"
