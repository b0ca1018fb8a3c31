"""Watching jobs: iteration, results, steps, callbacks and cancelling, the same for every client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from pathlib import Path
from typing import Any

import pytest

from gradproto import (
    AppError,
    ArgumentError,
    DeadlineExceeded,
    FileUploaded,
    JobCancelled,
    JobCancelledError,
    JobCompleted,
    JobFailed,
    JobLogged,
    JobProgressed,
    JobQueued,
    JobStarted,
    OutputGenerated,
    ProgressUnit,
    QueueEstimated,
    Status,
    StatusUpdate,
    UploadProgressed,
)
from gradproto_fake_server import AppFailure, FakeApp, FakeFile, FakeServer
from gradproto_transports.sync import handle_file

from .backends import Backend
from .servers import Proxy

GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

# More outputs than either server gives while a test lasts.
ENDLESS = 1_000_000


async def test_every_output_comes_in_order(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit(50, api_name="/count")
        assert [output async for output in job] == [f"n={i}" for i in range(50)]
        assert [output async for output in job] == [f"n={i}" for i in range(50)], "a second look"
        assert job.outputs() == [f"n={i}" for i in range(50)]
        assert job.done()
        assert not job.running()
        assert not job.cancelled()


async def test_a_job_can_be_asked_for_one_output_after_the_other(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit(2, api_name="/count")
        assert await job.__anext__() == "n=0"
        assert await job.__anext__() == "n=1"
        with pytest.raises(StopAsyncIteration):
            await job.__anext__()
        with pytest.raises(StopAsyncIteration):
            await job.__anext__()


async def test_an_iteration_may_be_left(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit(20, api_name="/count")
        async for output in job:
            assert output == "n=0"
            break
        assert await job.final() == "n=19"


async def test_the_result_of_a_generator_is_its_first_output_and_final_its_last(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit(5, api_name="/count")
        assert await job.result() == "n=0"
        assert await job.final() == "n=4"
        assert await job.result() == "n=0"
        assert await job.exception() is None
        assert await client.predict(5, api_name="/count") == "n=0"


async def test_the_result_of_a_generator_may_be_its_last_output(backend: Backend, url: str) -> None:
    async with backend.open_client(url, generator_result="last") as client:
        job = await client.submit(5, api_name="/count")
        assert await job.result() == "n=4"
        assert await client.predict(3, api_name="/count") == "n=2"
        assert await client.predict("plain", api_name="/echo") == "plain"


async def test_values_that_grow_are_whole_in_each_output(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit("hello there", [], api_name="/chat")
        told = [[message["content"][0]["text"] for message in output] async for output in job]
        assert told == [["hello there", "You said: hello there"[:length]] for length in (3, 9, 15, 21)]
        history = await job.final()
        again = await client.submit("more", history, api_name="/chat")
        assert len(await again.final()) == 4


async def test_steps_are_told_in_order(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit(2, api_name="/progress")
        assert await job.result() == "done 2"
        updates = job.statuses()
    codes = [update.code for update in updates]
    assert codes[:2] == [Status.STARTING, Status.JOINING_QUEUE]
    assert codes[-1] is Status.FINISHED
    assert updates[-1].success is True
    assert job.status() is updates[-1]
    assert [update.log for update in updates if update.code is Status.LOG] == [("log 0", "info"), ("log 1", "info")]
    assert [update.progress_data for update in updates if update.code is Status.PROGRESS and update.progress_data] == [
        [ProgressUnit(index=i, length=2, unit="steps", progress=None, desc=f"step {i}")] for i in range(2)
    ]
    assert Status.PROCESSING in codes
    assert codes.index(Status.PROCESSING) < codes.index(Status.LOG)


async def test_callbacks_hear_everything_in_order(backend: Backend, url: str) -> None:
    results: list[tuple[Any, ...]] = []
    also: list[Any] = []
    updates: list[StatusUpdate] = []
    over = backend.event()

    def hear(update: StatusUpdate) -> None:
        updates.append(update)
        if update.code is Status.FINISHED:
            over.set()

    async with backend.open_client(url) as client:
        job = await client.submit(
            20,
            api_name="/count",
            result_callbacks=[lambda *values: results.append(values), also.append],
            status_callbacks=hear,
        )
        await over.wait()
        await job.final()
    # By now the last callback has returned, too: closing waits for it.
    assert results == [(f"n={i}",) for i in range(20)]
    assert also == [f"n={i}" for i in range(20)]
    assert updates == job.statuses()


async def test_everything_that_happens_is_told_as_typed_updates(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit(2, api_name="/progress")
        updates = [update async for update in backend.each(job.updates())]
        assert [update async for update in backend.each(job.updates())] == updates, "a second look"
    kinds = [type(update) for update in updates]
    assert kinds[0] is JobQueued
    assert kinds.index(QueueEstimated) < kinds.index(JobStarted) < kinds.index(JobLogged)
    assert kinds.count(JobStarted) == kinds.count(JobCompleted) == 1
    logs = [update for update in updates if isinstance(update, JobLogged)]
    assert [(log.message, log.level, log.title, log.duration, log.visible) for log in logs] == [
        (f"log {i}", "info", "Info", 10, True) for i in range(2)
    ]
    assert [update.units[0].desc for update in updates if isinstance(update, JobProgressed) and update.units] == [
        "step 0",
        "step 1",
    ]
    last = updates[-1]
    assert isinstance(last, JobCompleted)
    assert last.outputs == ("done 2",)
    assert last.average_duration is not None


async def test_updates_tell_of_outputs_and_of_the_end_and_raise_nothing(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        counting = await client.submit(30, api_name="/count")
        updates = [update async for update in backend.each(counting.updates())]
        assert [(one.index, one.outputs) for one in updates if isinstance(one, OutputGenerated)] == [
            (i, (f"n={i}",)) for i in range(30)
        ]
        failing = await client.submit("x", api_name="/fail")
        *_, last = [update async for update in backend.each(failing.updates())]
        assert isinstance(last, JobFailed)
        assert last.error is await failing.exception()
        endless = await client.submit(ENDLESS, api_name="/count")
        first = [
            update async for update in backend.each(endless.updates()) if await _cancelled_at_output(endless, update)
        ]
        assert isinstance(first[-1], JobCancelled)


async def _cancelled_at_output(job: Any, update: object) -> bool:
    if isinstance(update, OutputGenerated) and not job.done():
        await job.cancel()
    return True


async def test_updates_tell_of_uploads_and_of_the_files_as_their_caller_gets_them(
    backend: Backend, url: str, tmp_path: Path
) -> None:
    content = b"up" * 2_000_000
    async with backend.open_client(url, download_files=tmp_path) as client:
        job = await client.submit(handle_file(content, name="up.txt"), api_name="/upper")
        updates = [update async for update in backend.each(job.updates())]
        assert updates[-1].outputs == (await job.result(),)
        assert updates[-1].outputs[0].endswith("up.txt")
    sent = [(update.sent, update.total) for update in updates if isinstance(update, UploadProgressed)]
    assert sent == sorted(sent)
    assert 1 <= len(sent) <= 101
    assert sent[-1][0] == sent[-1][1] > len(content)
    assert [update.file.orig_name for update in updates if isinstance(update, FileUploaded)] == ["up.txt"]


async def test_an_output_whose_file_cannot_be_had_is_a_failure_in_the_updates_too(backend: Backend) -> None:
    app = FakeApp()

    @app.endpoint("/report")
    def report() -> FakeFile:
        return FakeFile("report.txt", b"gone in a moment")

    with FakeServer(app) as server, Proxy(server.url, answers={b"/file=": GONE}) as proxy:
        async with backend.open_client(proxy.url) as client:
            job = await client.submit(api_name="/report")
            *_, last = [update async for update in backend.each(job.updates())]
            assert isinstance(last, JobFailed)
            assert last.error is await job.exception()


async def test_log_callbacks_hear_every_log_line(backend: Backend, url: str) -> None:
    logs: list[JobLogged] = []
    async with backend.open_client(url) as client:
        job = await client.submit(2, api_name="/progress", log_callbacks=logs.append)
        await job.result()
    assert [log.message for log in logs] == ["log 0", "log 1"]


async def test_a_done_callback_is_called_once_with_the_job(backend: Backend, url: str) -> None:
    called: list[Any] = []
    over = backend.event()

    def hear(job: Any) -> None:
        called.append((job.done(), job.status().code))
        over.set()

    async with backend.open_client(url) as client:
        job = await client.submit("late", 0.1, api_name="/slow")
        job.add_done_callback(hear)
        await over.wait()
        assert called == [(True, Status.FINISHED)]
        job.add_done_callback(hear)
    assert called == [(True, Status.FINISHED)] * 2


async def test_a_callback_that_raises_is_logged_and_harms_nothing(
    backend: Backend, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def stumble(value: str) -> None:
        raise ZeroDivisionError(value)

    with caplog.at_level(logging.ERROR, "gradproto"):
        async with backend.open_client(url) as client:
            job = await client.submit(3, api_name="/count", result_callbacks=[stumble, heard.append])
            assert [output async for output in job] == ["n=0", "n=1", "n=2"]
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"
    assert heard == ["n=0", "n=1", "n=2"]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["n=0", "n=1", "n=2"]


async def test_a_callback_that_gives_up_everything_harms_nothing(
    backend: Backend, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def give_up(value: str) -> None:
        raise asyncio.CancelledError(value)

    with caplog.at_level(logging.ERROR, "gradproto"):
        async with backend.open_client(url) as client:
            job = await client.submit(2, api_name="/count", result_callbacks=give_up)
            assert [output async for output in job] == ["n=0", "n=1"]
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"
    assert len([record for record in caplog.records if record.exc_info]) == 2


async def test_what_cannot_be_called_is_no_callback(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit("x", api_name="/echo")
        with pytest.raises(ArgumentError, match="add_done_callback holds a int"):
            job.add_done_callback(5)


async def test_a_callback_may_cancel_the_job(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        over = backend.event()
        jobs: list[Any] = []

        def hear(update: StatusUpdate) -> None:
            if update.code is Status.ITERATING and jobs:
                jobs[0].request_cancel()
            if update.code is Status.CANCELLED:
                over.set()

        jobs.append(await client.submit(ENDLESS, api_name="/count", status_callbacks=hear))
        await over.wait()
        with pytest.raises(JobCancelledError):
            await jobs[0].final()


async def test_waiting_may_have_an_end_without_the_job(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit("late", 0.5, api_name="/slow")
        with pytest.raises(DeadlineExceeded, match=r"0\.05 s"):
            await job.result(timeout=0.05)
        with pytest.raises(TimeoutError):
            await job.final(timeout=0.05)
        with pytest.raises(DeadlineExceeded):
            await job.exception(timeout=0)
        assert not job.done()
        assert await job.result(timeout=30) == "late"
        assert await job.result(timeout=0) == "late"


async def test_a_failed_job_raises_wherever_it_is_asked(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit("x", api_name="/fail")
        with pytest.raises(AppError, match="boom-visible"):
            await job.result()
        with pytest.raises(AppError, match="boom-visible"):
            await job.final()
        with pytest.raises(AppError, match="boom-visible"):
            [output async for output in job]
        assert isinstance(await job.exception(), AppError)
        assert job.outputs() == []
        assert job.status().success is False
        assert job.done()
        assert not job.cancelled()


async def test_an_iteration_gives_what_there_was_before_it_raises(backend: Backend) -> None:
    app = FakeApp()

    @app.endpoint("/stumble")
    def stumble(n: int) -> Any:
        for i in range(n):
            yield f"n={i}"
        raise AppFailure("that was all")

    with FakeServer(app) as server:
        async with backend.open_client(server.url) as client:
            job = await client.submit(3, api_name="/stumble")
            iteration = job.__aiter__()
            assert [await iteration.__anext__() for _ in range(3)] == ["n=0", "n=1", "n=2"]
            with pytest.raises(AppError, match="that was all"):
                await iteration.__anext__()
            with pytest.raises(StopAsyncIteration):
                await iteration.__anext__()
            assert await job.result() == "n=0"
            with pytest.raises(AppError, match="that was all"):
                await job.final()


async def test_a_running_generator_is_cancelled_and_its_siblings_are_not(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        doomed = await client.submit(ENDLESS, api_name="/count")
        sibling = await client.submit(100, api_name="/count")
        other = await client.submit("other", api_name="/echo")
        assert await doomed.result() == "n=0"
        assert await doomed.cancel() is True
        assert doomed.cancelled()
        assert doomed.done()
        assert doomed.status().code is Status.CANCELLED
        with pytest.raises(JobCancelledError, match="was cancelled"):
            await doomed.result()
        with pytest.raises(concurrent.futures.CancelledError):
            await doomed.exception()
        outputs = [output async for output in doomed]
        assert outputs == [f"n={i}" for i in range(len(outputs))]
        assert await sibling.final() == "n=99"
        assert await other.result() == "other"
        assert await doomed.cancel() is True, "it was"


@pytest.mark.parametrize("victim", [0, 1, 2])
async def test_any_of_several_running_jobs_of_one_endpoint_can_be_cancelled(
    backend: Backend, url: str, victim: int
) -> None:
    async with backend.open_client(url) as client:
        jobs = [await client.submit(ENDLESS if i == victim else 1000, api_name="/count") for i in range(3)]
        assert [await job.result() for job in jobs] == ["n=0"] * 3
        assert await jobs[victim].cancel() is True
        for job in jobs:
            if job is not jobs[victim]:
                assert await job.final() == "n=999"
                assert len(job.outputs()) == 1000


@pytest.mark.parametrize("victim", [0, 1, 2])
async def test_any_of_several_waiting_jobs_of_one_endpoint_can_be_cancelled(
    backend: Backend, url: str, victim: int
) -> None:
    async with backend.open_client(url) as client:
        started = backend.event()

        def hear(update: StatusUpdate) -> None:
            if update.code is Status.PROCESSING and update.rank is None:
                started.set()

        running = await client.submit("running", 1, api_name="/slow", status_callbacks=hear)
        await started.wait()
        waiting = [await client.submit(f"waiting {i}", 0, api_name="/slow") for i in range(3)]
        assert await waiting[victim].cancel() is True
        assert await running.result() == "running"
        results = [await job.result() for i, job in enumerate(waiting) if i != victim]
        assert results == [f"waiting {i}" for i in range(3) if i != victim]


async def test_the_server_stops_what_was_cancelled(backend: Backend, fake: FakeServer) -> None:
    async with backend.open_client(fake.url) as client:
        job = await client.submit(ENDLESS, api_name="/count")
        assert await job.result() == "n=0"
        assert await job.cancel() is True
        fake.wait_for(lambda app: app.job("/count").over)
        assert fake.run(lambda app: app.job("/count").state) not in ("done", "failed")


async def test_a_job_in_the_queue_is_cancelled_and_the_one_that_runs_is_not(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        started = backend.event()

        def hear(update: StatusUpdate) -> None:
            if update.code is Status.PROCESSING and update.rank is None:
                started.set()

        running = await client.submit("first", 1, api_name="/slow", status_callbacks=hear)
        await started.wait()
        queued = await client.submit("second", 0, api_name="/slow")
        third = await client.submit("third", 0, api_name="/slow")
        assert running.running()
        assert await queued.cancel() is True
        with pytest.raises(JobCancelledError):
            await queued.result()
        assert [output async for output in queued] == []
        assert await running.cancel() is False
        assert not running.cancelled()
        assert await running.result() == "first"
        assert await third.result() == "third"
        assert await running.cancel() is False


async def test_jobs_under_way_end_when_the_client_is_closed(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit(ENDLESS, api_name="/count")
        assert await job.__anext__() == "n=0"
    assert job.done()
    with pytest.raises(Exception, match="closed"):
        await job.final()
    assert await job.cancel() is False


async def test_jobs_under_way_end_in_the_session_they_began_in(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit("old", 0.3, api_name="/slow")
        await client.reset_session()
        assert await client.predict("new", api_name="/echo") == "new"
        assert await job.result() == "old"


async def test_a_job_says_which_it_is(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        job = await client.submit("x", api_name="/echo")
        await job.result()
        assert repr(job) == "<Job /echo FINISHED>"
