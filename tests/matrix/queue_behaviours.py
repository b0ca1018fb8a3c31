"""What every version must do with jobs that wait, run, are cancelled or lose their server."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import ConnectionLostError, JobCancelledError, QueueFullError, Status

from .case import Case, behaviour

__all__: list[str] = []

ENDLESS = 100_000


@behaviour
async def twenty_jobs_at_once(case: Case) -> None:
    async with case.open("add") as client:
        jobs = [await client.submit(i, 100) for i in range(20)]
        assert [await job.result() for job in jobs] == [i + 100 for i in range(20)]


@behaviour
async def jobs_of_one_function_in_turn(case: Case) -> None:
    server = case.server("slow")
    words = [case.word(text) for text in "abc"]
    for word in words:
        server.open_gate(word)
    async with case.open("slow") as client:
        jobs = [await client.submit(word) for word in words]
        assert [await job.result() for job in jobs] == ["slow " + word for word in words]
    told = [line for line in server.journal() if line.split()[-1] in words]
    assert told[::2] == [line.replace("end", "begin") for line in told[1::2]], "they did not run in turn"


@behaviour
async def a_full_queue(case: Case) -> None:
    server = case.server("slow", "limited")
    running, waiting, refused = (case.word(text) for text in ("running", "waiting", "refused"))
    async with case.open("slow", variant="limited") as client:
        first = await client.submit(running)
        await case.see(server, f"begin slow {running}")
        queued, hear = case.when_queued()
        second = await client.submit(waiting, status_callbacks=hear)
        await queued.wait()
        third = await client.submit(refused)
        with pytest.raises(QueueFullError):
            await third.result()
        assert third.status().code is Status.QUEUE_FULL or third.status().success is False
        server.open_gate(running)
        server.open_gate(waiting)
        assert await first.result() == "slow " + running
        assert await second.result() == "slow " + waiting
    assert f"begin slow {refused}" not in server.journal()


@behaviour
async def cancelling_a_generator(case: Case) -> None:
    server = case.server("steps")
    word = case.word("a")
    server.open_gate(word)
    async with case.open("steps") as client:
        iterating, hear = case.when(lambda update: update.code is Status.ITERATING)
        job = await client.submit(word, ENDLESS, status_callbacks=hear)
        await iterating.wait()
        assert await job.cancel() is True
        assert job.cancelled()
        with pytest.raises(JobCancelledError):
            await job.final()
        assert await job.cancel() is True
        await _has_stopped(case, client, word)
        assert await client.predict("after", api_name="/echo") == "after"


async def _has_stopped(case: Case, client: Any, word: str) -> None:
    """While another generator of the same kind makes many steps, a stopped one makes none, but the one it was at."""
    server = case.server("steps")
    before = server.journal().count(f"step {word}")
    other = case.word("other")
    server.open_gate(other)
    job = await client.submit(other, 8, api_name="/steps")
    assert await job.final() == f"{other} 7"
    assert server.journal().count(f"step {word}") - before <= 1, "the generator runs on"


@behaviour
async def cancelling_one_of_several_generators(case: Case) -> None:
    server = case.server("steps")
    words = [case.word(text) for text in "abc"]
    server.open_gate(words[0])
    async with case.open("steps") as client:
        iterating, hear = case.when(lambda update: update.code is Status.ITERATING)
        first = await client.submit(words[0], ENDLESS, status_callbacks=hear)
        await iterating.wait()
        others = [await client.submit(word, 4) for word in words[1:]]
        assert await first.cancel() is True
        for word in words[1:]:
            server.open_gate(word)
        for job, word in zip(others, words[1:], strict=True):
            assert [output async for output in job] == [f"{word} {i}" for i in range(4)]
        await _has_stopped(case, client, words[0])
    for word in words[1:]:
        assert f"end steps {word}" in server.journal()


@behaviour
async def cancelling_a_job_that_waits(case: Case) -> None:
    server = case.server("slow")
    running, waiting, last, after = (case.word(text) for text in ("running", "waiting", "last", "after"))
    async with case.open("slow") as client:
        first = await client.submit(running)
        await case.see(server, f"begin slow {running}")
        queued, hear = case.when_queued()
        second = await client.submit(waiting, status_callbacks=hear)
        await queued.wait()
        queued, hear = case.when_queued()
        third = await client.submit(last, status_callbacks=hear)
        await queued.wait()
        assert await second.cancel() is True
        with pytest.raises(JobCancelledError):
            await second.result()
        for word in (running, waiting, last, after):
            server.open_gate(word)
        assert await first.result() == "slow " + running
        assert await third.result() == "slow " + last
        # One after the other: what comes last has seen all that was before it.
        assert await client.predict(after) == "slow " + after
    assert f"begin slow {waiting}" not in server.journal()


@behaviour
async def cancelling_a_function_that_runs(case: Case) -> None:
    server = case.server("slow")
    word = case.word("a")
    async with case.open("slow") as client:
        running, hear = case.when_running()
        job = await client.submit(word, status_callbacks=hear)
        await case.see(server, f"begin slow {word}")
        await running.wait()
        assert await job.cancel() is False
        server.open_gate(word)
        assert await job.result() == "slow " + word
        assert await job.cancel() is False
    assert f"end slow {word}" in server.journal()


@behaviour
async def streaming_input(case: Case) -> None:
    async with case.open("frame") as client:
        job = await client.submit(None)
        assert await job.__anext__() == "frame 1"
        await job.send(None)
        assert await job.__anext__() == "frame 2"
        await job.end()
        # Gradio 5 lets the function see the last input once more.
        last = await job.final()
        assert last in ("frame 2", "frame 3")
        # One that nobody feeds is over after the limit that its app gave it.
        job = await client.submit(None)
        assert await job.result() == f"frame {int(last[-1]) + 1}"
        await job.final()
        assert await client.predict("after", api_name="/echo") == "after"


@behaviour
async def rendered_parts(case: Case) -> None:
    async with case.open() as client:
        (render,) = [d for d in client.config.dependencies if d.api_name == "apply"]
        job = await client.submit("shown", fn_index=render.id)
        await job.final()
        assert job.status().success is True
        (inside,) = [d for d in client.config.dependencies if d.rendered_in is not None]
        assert await client.predict("inside", fn_index=inside.id) == "inside"
        assert await client.predict("outside") == "outside"


@behaviour
async def a_server_that_is_killed(case: Case) -> None:
    server = case.server("slow", "limited")
    word = case.word("a")
    async with case.open("slow", variant="limited") as client:
        running, hear = case.when_running()
        job = await client.submit(word, status_callbacks=hear)
        await case.see(server, f"begin slow {word}")
        await running.wait()
        server.kill()
        with pytest.raises(ConnectionLostError):
            await job.result()
