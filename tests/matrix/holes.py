"""What a version of Gradio cannot do, why, and how that is seen: the explained holes of the matrix.

In a hole, the behaviour's test does not run; its proof runs instead, and fails when the explanation is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from gradproto import AppError, JobCancelledError

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
        try:
            assert await second.cancel() is False
        except JobCancelledError:  # pragma: no cover
            pytest.fail("it says that it was cancelled")
        server.open_gate(running)
        server.open_gate(waiting)
        assert await first.result() == "slow " + running
        assert await second.result() == "slow " + waiting


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
        rows=("an app without queue",),
        since="4.0",
        why="every app has a queue since 4.0",
        proof=always_has_a_queue,
    ),
)
