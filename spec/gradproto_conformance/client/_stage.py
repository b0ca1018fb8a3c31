"""What a scenario has: the app, the server that plays it, the program that is to use it, and what came of that."""

from __future__ import annotations

import json
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trio

from gradproto._record import record
from gradproto_conformance._checks import Check, Registry
from gradproto_conformance._clauses import Version, version_of
from gradproto_conformance._verdicts import Verdicts
from gradproto_fake_server import FakeApp, RequestRecord
from gradproto_fake_server.trio import TrioFakeServer, open_fake_server

from ._app import make_app
from ._contract import Task
from ._program import CannotStart, Program, running

__all__ = ["Ended", "Play", "Playbook", "Scene", "Stage"]

CALLS = frozenset({"join", "join_stream", "socket", "push", "call", "run"})
"""The kinds of requests that begin an event, in all versions."""

_GOODBYE = 2.0  # seconds for the server to see that the connections of a program that has ended are gone
_SHOWN = 12  # requests
_SHOWN_TEXT = 300  # characters of what was printed
_READ_LINES = 1000  # of what was printed: no generator here has so many outputs, and other programs wait meanwhile

During = Callable[[Program, TrioFakeServer], Awaitable[None]]


@record(frozen=True, slots=True, kw_only=True)
class Ended:
    """A program that has ended, and what the server saw of it.

    ``problem``: it did not end by itself, or in a way that no program should, or it asked for nothing; then nothing
    that it did counts. ``values`` are the lines that it printed and that are JSON; ``left_open`` the requests that
    outlived it.
    """

    problem: str | None
    code: int
    out: str
    err: str
    values: tuple[Any, ...]
    requests: tuple[RequestRecord, ...]
    left_open: tuple[str, ...]

    def of_kind(self, *kinds: str) -> list[RequestRecord]:
        """The requests of some kinds."""
        return [request for request in self.requests if request.kind in kinds]

    @property
    def calls(self) -> list[RequestRecord]:
        """The requests that began an event, or were to."""
        return self.of_kind(*CALLS)

    def gave(self, *outputs: Any) -> bool:
        """Whether it succeeded, and printed these outputs as its result."""
        return self.code == 0 and bool(self.values) and _is(self.values[-1], outputs)

    def failed(self) -> bool:
        """Whether it said by its exit code that the call failed."""
        return self.code != 0

    def says(self, text: str) -> bool:
        """Whether a text stands in what it said, in any case of its letters."""
        return text.lower() in (self.err + self.out).lower()

    @property
    def told(self) -> str:
        """How it ended, in a line."""
        words = [self.problem or f"exit code {self.code}"]
        if self.out.strip():
            words.append(f"printed {_cut(self.out)}")
        if self.err.strip():
            words.append(f"stderr ends with {_cut(self.err.strip().splitlines()[-1])}")
        return ", ".join(words)

    @property
    def seen(self) -> str:
        """What the server saw, in a line."""
        return _seen(self.requests)


class Stage(Verdicts):
    """Plays one scenario for one program, and decides on its checks."""

    def __init__(
        self,
        play: Play,
        gradio: str,
        command: Sequence[str],
        *,
        directory: Path,
        timeout: float,
        strict: bool = False,
    ) -> None:
        super().__init__(play.name, play.checks, version_of(gradio), strict=strict)
        self.version: Version = version_of(gradio)
        self.directory = directory
        """Where files can be put that the program is to read."""
        self._gradio = gradio
        self._command = command
        self._timeout = timeout

    def make_app(self, **options: Any) -> FakeApp:
        """Make the app of all scenarios."""
        return make_app(self._gradio, **options)

    def bend(self, app: FakeApp, fault: str, **values: Any) -> None:
        """Let a fault happen to all streams of events."""
        for pattern in ("GET */queue/*", "GET */call/*"):
            app.inject(fault, pattern, times=None, **values)

    def fail_joins(self, app: FakeApp, fault: str, **values: Any) -> None:
        """Let a fault happen to whatever request begins an event."""
        for pattern in ("* */queue/join*", "* */queue/push*", "POST */call/*", "POST */run/*", "POST */api/*"):
            app.inject(fault, pattern, times=None, **values)

    async def call(self, app: FakeApp, task: Task, *, during: During | None = None) -> Ended:
        """Serve the app, let the program do its task, and give what came of it; ``during`` happens meanwhile."""
        async with open_fake_server(app) as server:
            return await self.call_at(server, task, during=during)

    async def call_at(self, server: TrioFakeServer, task: Task, *, during: During | None = None) -> Ended:
        """Do the same with a server that runs already."""
        code: int | None = None
        left_open: tuple[str, ...] = ()
        try:
            async with running(task.command(self._command, server.url), task.environment(server.url)) as program:
                code = await self._end_of(program, server, during)
                if code is not None:
                    # Whatever it has started is looked at too, and so lives on until then.
                    with trio.move_on_after(_GOODBYE):
                        await server.wait_for(lambda app: not _open(app.requests))
                    left_open = tuple(request.line for request in _open(server.requests))
        except CannotStart as error:
            return Ended(problem=str(error), code=0, out="", err="", values=(), requests=(), left_open=())
        return Ended(
            problem=self._problem(code, during, server.requests),
            code=0 if code is None else code,
            out=program.out,
            err=program.err,
            values=_values(program.out),
            requests=tuple(server.requests),
            left_open=left_open,
        )

    async def _end_of(self, program: Program, server: TrioFakeServer, during: During | None) -> int | None:
        code: int | None = None
        with trio.move_on_after(self._timeout):
            async with trio.open_nursery() as nursery:
                if during is not None:
                    nursery.start_soon(during, program, server)
                code = await program.wait()
                nursery.cancel_scope.cancel()
        return code

    def _problem(self, code: int | None, during: During | None, requests: Sequence[RequestRecord]) -> str | None:
        if code is None:
            return f"no end within {self._timeout:g} s"
        # Whoever is interrupted may end by the signal.
        if code < 0 and not (during is not None and code == -signal.SIGINT):
            return f"ended by signal {-code}"
        # A command that is wrong fails, too, and so would do all that a client owes where a call is to fail.
        return None if requests else f"exit code {code} without any request"

    def says(self, check: Check, ended: Ended, right: bool, expected: str, got: object = None) -> bool:
        """Say whether something about a check is right, with the evidence for it; nothing is if there is a problem."""
        right = right and ended.problem is None
        reason = "" if right else f"the server saw {ended.seen}"
        return self.that(
            check, right, expected=expected, got=ended.told if got is None or ended.problem else got, reason=reason
        )

    def leave(self, check: Check, ended: Ended, reason: str) -> None:
        """Say that a check is not about the client, for a reason that its conduct has shown."""
        if ended.problem is None:
            self.skip(check, reason)
        else:
            self.says(check, ended, False, "a program that asks the server, and ends")

    def gives(self, check: Check, ended: Ended, *outputs: Any) -> bool:
        """Say whether the program succeeded with these outputs."""
        shown = json.dumps(outputs[0] if len(outputs) == 1 else outputs, ensure_ascii=False)
        return self.says(check, ended, ended.gave(*outputs), f"exit code 0, and {_cut(shown)}")

    def fails(self, check: Check, ended: Ended) -> bool:
        """Say whether the program said that the call failed."""
        return self.says(check, ended, ended.failed(), "an exit code that is not 0")


Scene = Callable[[Stage], Awaitable[None]]


@record(frozen=True, slots=True, kw_only=True)
class Play:
    """A scenario: the checks that it decides on, and what it needs of a client.

    ``since``: the first Gradio whose fake can play it.
    """

    name: str
    checks: tuple[Check, ...]
    needs: frozenset[str]
    since: Version
    run: Scene


class Playbook:
    """The checks and scenarios of one module."""

    def __init__(self) -> None:
        self.plays: list[Play] = []
        self._registry = Registry()

    @property
    def checks(self) -> dict[str, Check]:
        """The checks by their ids."""
        return self._registry.checks

    def check(self, id: str, title: str, *cited: str) -> Check:
        """Declare a check: its id, what it says, and the ids of the clauses that it is about."""
        return self._registry.check(id, title, *cited)

    def scene(self, *checks: Check, needs: Sequence[str] = (), since: str = "3.0") -> Callable[[Scene], Scene]:
        """Declare the decorated function as the scenario that decides on these checks."""

        def declare(run: Scene) -> Scene:
            name = getattr(run, "__name__", "scenario").replace("_", "-")
            self.plays.append(Play(name=name, checks=checks, needs=frozenset(needs), since=version_of(since), run=run))
            return run

        return declare


def _open(requests: Sequence[RequestRecord]) -> list[RequestRecord]:
    return [request for request in requests if request.end == "open"]


def _seen(requests: Sequence[RequestRecord]) -> str:
    lines = [request.line for request in requests[-_SHOWN:]]
    if len(requests) > _SHOWN:
        lines.insert(0, f"{len(requests) - _SHOWN} requests, and")
    return "; ".join(lines) or "no request"


def _values(out: str) -> tuple[Any, ...]:
    """Read the lines that are JSON; where the last one is none, all of it may be one value in several lines."""
    lines = [line for line in out.split("\n") if line.strip()][-_READ_LINES:]
    found = [value for line in lines for value in _read(line)]
    if lines and not _read(lines[-1]):
        return _read(out)
    return tuple(found)


def _read(text: str) -> tuple[Any, ...]:
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return ()


def _is(value: Any, outputs: Sequence[Any]) -> bool:
    return value == list(outputs) or (len(outputs) == 1 and value == outputs[0])


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else text[:_SHOWN_TEXT] + "..."
