"""What a version of Gradio cannot do, why, and how that is seen: the explained holes of the matrix.

In a hole, the behaviour's test does not run; its proof runs instead, and fails when the explanation is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from gradproto import AppError, Status
from gradproto_transports.sync import handle_file

from .case import Case
from .versions import numbers

__all__ = ["HOLES", "Hole", "hole_of"]

Proof = Callable[[Case], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Hole:
    """``rows`` cannot be done by the versions from ``since`` and before ``until``; ``why`` gives the reason."""

    rows: tuple[str, ...]
    why: str
    proof: Proof
    since: str = "0"
    until: str = "999"

    def covers(self, row: str, version: str) -> bool:
        """Whether that cell is in the hole."""
        return row in self.rows and numbers(self.since) <= numbers(version) < numbers(self.until)


def hole_of(row: str, version: str) -> Hole | None:
    """Return the hole that the cell is in, if it is in one."""
    return next((hole for hole in HOLES if hole.covers(row, version)), None)


def lacks(feature: str) -> Proof:
    """The version's own package does not have the feature."""

    async def proof(case: Case) -> None:
        server = case.server()
        assert server.features is not None
        assert feature not in server.features, f"Gradio {case.version_text} has {feature}"

    return proof


def without(function: str) -> Proof:
    """The app, which has all that its Gradio can serve, has no such endpoint."""

    async def proof(case: Case) -> None:
        async with case.open() as client:
            names = [dependency.api_name for dependency in client.config.dependencies]
            assert function not in names, f"there is {function}"

    return proof


async def has_one_function(case: Case) -> None:
    """Its config is that of one function."""
    async with case.open() as client:
        assert len(client.config.dependencies) == 1


async def gives_no_outputs_one_by_one(case: Case) -> None:
    """A generator function is taken for a plain one: the result is the generator itself, or an error."""
    async with case.open("count") as client:
        try:
            result = await client.predict(3)
        except AppError:
            return
        assert "generator object" in str(result)


async def hides_every_error(case: Case) -> None:
    """An error of any kind is told without its text."""
    async with case.open("fail") as client:
        with pytest.raises(AppError) as caught:
            await client.predict("anyway")
        assert "anyway" not in str(caught.value)
    await lacks("Error")(case)


async def always_has_a_queue(case: Case) -> None:
    """Its config says so, also of an app that did not ask for one."""
    async with case.open(variant="noqueue") as client:
        assert client.config.enable_queue


async def cannot_cancel_what_waits(case: Case) -> None:
    """Cancelling says that it did nothing, and the job runs."""
    server = case.server("slow")
    running, waiting = case.word("running"), case.word("waiting")
    async with case.open("slow") as client:
        first = await client.submit(running)
        await case.see(server, f"begin slow {running}")
        queued, hear = case.when_queued()
        second = await client.submit(waiting, status_callbacks=hear)
        await queued.wait()
        assert await second.cancel() is False
        server.open_gate(running)
        server.open_gate(waiting)
        assert await first.result() == "slow " + running
        assert await second.result() == "slow " + waiting


async def needs_an_output(case: Case) -> None:
    """A function without outputs runs, and then its Interface fails."""
    async with case.open("nothing") as client:
        with pytest.raises(AppError):
            await client.predict("x")


async def renders_no_functions(case: Case) -> None:
    """Rendering a button with a function fails: there are no blocks to put it in."""
    assert "render" in case.server().features
    async with case.open() as client:
        (render,) = [d for d in client.config.dependencies if d.api_name == "apply"]
        with pytest.raises(AppError):
            await client.predict("shown", fn_index=render.id)
        assert await client.predict("after") == "after"


async def gives_one_file(case: Case) -> None:
    """Several files go up, but its component for files has a value that is one file."""
    async with case.open("shout_all", download_files=False) as client:
        result = await client.predict([handle_file(b"one", name="1.txt"), handle_file(b"two", name="2.txt")])
        assert await case.backend.call(result.read) == b"ONE!TWO!"


async def cannot_stop_generators(case: Case) -> None:
    """Cancelling says that it did nothing, and the generator goes on to its end."""
    server = case.server("steps")
    word = case.word("a")
    async with case.open("steps") as client:
        iterating, hear = case.when(lambda update: update.code is Status.ITERATING)
        job = await client.submit(word, 4, status_callbacks=hear)
        await iterating.wait()
        assert await job.cancel() is False
        server.open_gate(word)
        assert await job.final() == f"{word} 3"
        assert f"end steps {word}" in server.journal()


async def forgets_errors(case: Case) -> None:
    """The server tells the last output once more, and that all went well."""
    async with case.open("fail_later") as client:
        job = await client.submit(3)
        assert await job.final() == "2"
        assert job.status().success is True


GENERATORS = (
    "outputs in order",
    "first and last output",
    "growing and shrinking outputs",
    "several growing outputs",
    "an error after outputs",
    "cancelling a generator",
    "cancelling one of several generators",
)

HOLES: tuple[Hole, ...] = (
    Hole(
        rows=GENERATORS,
        until="3.2",
        why="no generators before 3.2: a function gives one output",
        proof=gives_no_outputs_one_by_one,
    ),
    Hole(
        rows=("unnamed and hidden endpoints", "an error outside the queue"),
        until="3.0",
        why="an app of 2.x is one function, queued or not",
        proof=has_one_function,
    ),
    Hole(
        rows=("an update",),
        until="3.0",
        why="gr.update came with the blocks of 3.0",
        proof=has_one_function,
    ),
    Hole(
        rows=("an error that the app always tells",),
        until="3.1.7",
        why="gr.Error came with 3.1.7: an app tells the texts of all its errors or of none",
        proof=hides_every_error,
    ),
    Hole(
        rows=("no output",),
        until="3.0",
        why="a function of 2.x has at least one output",
        proof=needs_an_output,
    ),
    Hole(
        rows=("several files",),
        until="3.0",
        why="an output of 2.x is one file",
        proof=gives_one_file,
    ),
    Hole(
        rows=("an error after outputs",),
        since="3.2",
        until="3.16",
        why="3.4 tells an error after the first output as success, with the last output",
        proof=forgets_errors,
    ),
    Hole(
        rows=("cancelling a generator", "cancelling one of several generators"),
        since="3.2",
        until="3.6",
        why="a generator cannot be stopped before 3.6, which noticed that its WebSocket was closed",
        proof=cannot_stop_generators,
    ),
    Hole(
        rows=("cancelling a job that waits",),
        until="3.1.5",
        why="nothing takes a job out of the polling queue, which 3.1.5 replaced",
        proof=cannot_cancel_what_waits,
    ),
    Hole(
        rows=("cancelling a job that waits",),
        since="4.19.2",
        until="4.24",
        why="4.19.2 to 4.23 do not notice that an event stream is left, and /cancel came later",
        proof=cannot_cancel_what_waits,
    ),
    Hole(rows=("progress",), until="3.16", why="gr.Progress came with 3.16", proof=lacks("Progress")),
    Hole(rows=("log",), until="3.36", why="gr.Info came with 3.36", proof=lacks("Info")),
    Hole(
        rows=("below a path", "files below a path"),
        until="3.1",
        why="gr.mount_gradio_app came with 3.1",
        proof=lacks("mount_gradio_app"),
    ),
    Hole(rows=("a batch",), until="3.7", why="batch functions came with 3.7", proof=without("loud_each")),
    Hole(rows=("a full queue",), until="3.2", why="a queue has no limit before 3.2", proof=lacks("max_size")),
    Hole(rows=("streaming input",), until="5.0", why="streaming input came with 5.0", proof=without("frame")),
    Hole(rows=("rendered parts",), until="4.31", why="gr.render came with 4.31", proof=lacks("render")),
    Hole(
        rows=("rendered parts",),
        since="4.31",
        until="4.32",
        why="what gr.render made had no functions of its own in 4.31",
        proof=renders_no_functions,
    ),
    Hole(
        rows=("an app without queue",),
        since="4.0",
        why="every app has a queue since 4.0",
        proof=always_has_a_queue,
    ),
)
