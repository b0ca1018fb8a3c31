"""The fixture app's functions that let others go on, and tell what ran; past the queue, whatever that is like."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from gradproto_conformance._checks import Check
from gradproto_conformance._judge import Judge

from ._asking import Answer, ask, is_list, is_object
from ._joining import joined

__all__ = ["direct", "gate", "judge_what_ran", "pass_the_line"]

_LIMIT = 2.0  # seconds: these are asked often, and no scenario is to run out of time for that


async def direct(
    judge: Judge, name: str, data: Sequence[Any], *, session: str | None = None, within: float = _LIMIT
) -> Answer:
    """Call a function past the queue."""
    value = {"fn_index": judge.target.endpoints[name], "data": list(data), "session_hash": session}
    path = "{P}/api/predict" if judge.target.version >= (3,) else "/api/predict/"
    return await ask(judge, "POST", path, value=value, within=within)


async def _ran(judge: Judge, name: str) -> list[str] | None:
    """Give what ran under a name, line by line; ``None`` if the server does not say."""
    answer = await direct(judge, "ran", [name])
    data = answer.value.get("data") if is_object(answer.value) else None
    text = data[0] if is_list(data) and data else None
    return text.splitlines() if isinstance(text, str) else None


class Gate:
    """What functions of the fixture app wait for; ``name`` is also under what they write down what ran."""

    def __init__(self, judge: Judge) -> None:
        self.name = judge.unique("gate")
        self._judge = judge
        self._is_open = False

    async def open(self) -> None:
        """Let them go on."""
        self._is_open = True
        await direct(self._judge, "open_gate", [self.name])

    def leave(self) -> None:
        """Know that there is nobody any more whom one could let go on."""
        self._is_open = True

    async def close(self) -> None:
        """Leave nothing that waits."""
        if not self._is_open:
            # Whoever has run out of time must not leave the server with a function that holds others up.
            with trio.move_on_after(1, shield=True):
                await self.open()


@asynccontextmanager
async def gate(judge: Judge) -> AsyncGenerator[Gate, None]:
    """Give a gate that is open in the end."""
    made = Gate(judge)
    try:
        yield made
    finally:
        await made.close()


async def judge_what_ran(
    judge: Judge, one: Check, name: str, right: Callable[[list[str]], bool], expected: str
) -> None:
    """Decide on a check by what ran under a name."""
    lines = await _ran(judge, name)
    if lines is None:
        judge.cannot(one, "the app does not say what ran")
    else:
        judge.that(one, right(lines), expected=expected, got=lines)


async def pass_the_line(judge: Judge) -> str:
    """Wait until whoever stood in line for ``hold`` has had its turn; give what is in the way of that."""
    async with gate(judge) as door:
        await door.open()
        async with joined(judge, "hold", [door.name]) as last:
            return "" if await last.finish() is not None else last.trouble
