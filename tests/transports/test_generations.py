"""Each client with one version of each way to speak, over sockets: what a user can do is the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from gradproto import (
    AppError,
    AuthenticationError,
    ConnectionLostError,
    FileData,
    GradprotoError,
    JobCancelledError,
)
from gradproto_fake_server import FakeServer, demo_app

from .backends import Backend

# Gradio 2 and 3.0, which look for work once a second, are in tests/core.
VERSIONS = ["3.1.5", "3.4.1", "3.16.2", "3.50.2", "4.0.2", "4.8.0", "4.12.0", "4.19.2", "4.21.0", "4.25.0", "5.50.0"]


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest) -> Iterator[FakeServer]:
    """The demo app in one of the generations."""
    with FakeServer(demo_app(request.param)) as server:
        yield server


async def test_values_outputs_and_errors_are_the_same(backend: Backend, old: FakeServer) -> None:
    async with backend.open_client(old.url) as client:
        assert await client.predict("é", api_name="/echo") == "é"
        assert await client.predict(2, 0.5, api_name="/add") == 2.5
        assert await client.predict("é", api_name="/now_upper") == "É"
        job = await client.submit(4, api_name="/count")
        assert [output async for output in job] == [f"n={i}" for i in range(4)]
        with pytest.raises(AppError, match="boom-visible"):
            await client.predict("x", api_name="/fail")
        assert [await client.predict(api_name="/incr") for _ in range(2)] == [1, 2]


async def test_files_go_up(backend: Backend, old: FakeServer) -> None:
    async with backend.open_client(old.url, download_files=False) as client:
        file = await client.predict(io.BytesIO(b"some text"), api_name="/upper")
        assert isinstance(file, FileData)
        assert file.size == 9


async def test_many_jobs_run_at_once(backend: Backend, old: FakeServer) -> None:
    async with backend.open_client(old.url) as client:
        jobs = [await client.submit(str(number), api_name="/echo") for number in range(20)]
        assert [await job.result() for job in jobs] == [str(number) for number in range(20)]


async def test_closing_the_client_ends_the_jobs_under_way(backend: Backend, old: FakeServer) -> None:
    old.hold("/count")
    async with backend.open_client(old.url) as client:
        job = await client.submit(3, api_name="/count")
    assert isinstance(await job.exception(), ConnectionLostError)


@pytest.mark.parametrize("version", ["2.9.4", "3.0.24", *VERSIONS])
async def test_only_the_right_password_opens(backend: Backend, version: str) -> None:
    with FakeServer(demo_app(version, auth={"ann": "right"})) as server:
        async with backend.open_client(server.url, auth=("ann", "right")) as client:
            assert await client.predict("x", fn_index=0) == "x"
        with pytest.raises(AuthenticationError):
            async with backend.open_client(server.url, auth=("ann", "wrong")):
                pass


async def test_cancelling_a_generator_that_runs_is_told_truthfully(backend: Backend, old: FakeServer) -> None:
    old.hold("/count")
    async with backend.open_client(old.url) as client:
        job = await client.submit(3, api_name="/count")
        await backend.in_thread(lambda: old.wait_for(lambda app: any(one.state == "held" for one in app.jobs.values())))
        old.step("/count")
        assert await job.__anext__() == "n=0"
        # Before 3.6 nothing stops a function.
        stops = old.app.profile.version not in ("3.1.5", "3.4.1")
        assert await job.cancel() is stops
        old.release("/count")
        if stops:
            await backend.in_thread(lambda: old.wait_for(lambda app: app.job("/count").over))
        else:
            assert await job.final() == "n=2"
        assert job.cancelled() is stops


@pytest.mark.parametrize("version", ["3.50.2", "4.12.0"])
async def test_the_apps_own_button_to_stop_stops_what_this_client_runs(backend: Backend, version: str) -> None:
    app = demo_app(version)
    app.cancel_endpoint("/stop", cancels=["/count"])
    app.hold("/count")
    with FakeServer(app) as server:
        async with backend.open_client(server.url) as client:
            job = await client.submit(3, api_name="/count")
            await backend.in_thread(
                lambda: server.wait_for(lambda app: any(one.state == "held" for one in app.jobs.values()))
            )
            server.step("/count")
            assert await job.__anext__() == "n=0"
            (stop,) = [one for one in client.endpoints.values() if one.dependency.cancels]
            assert await client.predict(fn_index=stop.fn_index) == ()
            assert isinstance(await failure_of(job), JobCancelledError)
            await backend.in_thread(lambda: server.wait_for(lambda app: app.job("/count").over))


async def failure_of(job: Any) -> Exception:
    """Wait for what a job fails with, also if it is a cancellation."""
    with pytest.raises(GradprotoError) as caught:
        await job.final()
    return caught.value


async def test_a_server_that_dies_fails_the_job(backend: Backend, old: FakeServer) -> None:
    old.hold("/count")
    async with backend.open_client(old.url) as client:
        job = await client.submit(3, api_name="/count")
        await backend.in_thread(lambda: old.wait_for(lambda app: any(one.state == "held" for one in app.jobs.values())))
        old.close()
        with pytest.raises(ConnectionLostError):
            await job.result()
