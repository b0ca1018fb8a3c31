"""What is the same for queues in which each event has a connection of its own: being full, and being left."""

from __future__ import annotations

import trio

from gradproto_conformance._checks import Check
from gradproto_conformance._judge import Judge

from ._asking import LIMIT
from ._joining import in_line, joined
from ._yard import gate, judge_what_ran, pass_the_line

__all__ = ["find_queue_full", "leave"]


async def find_queue_full(judge: Judge, full: Check) -> None:
    """Join where one event runs and one waits, which is all that the app allows."""
    async with gate(judge) as door, joined(judge, "small_queue", [door.name]) as running:
        if await running.until("process_starts") is None:
            judge.cannot_rest(f"the first event did not start: {running.trouble}")
            return
        async with in_line(judge, "small_queue", [door.name]) as waiting:
            if waiting.is_over:
                judge.cannot_rest(f"the second event does not wait: {waiting.trouble}")
                return
            async with joined(judge, "small_queue", [door.name]) as refused:
                message = await refused.until("queue_full", "estimation")
                ended = message is not None and await refused.to_the_end()
        judge.that(
            full,
            message is not None and message.get("msg") == "queue_full" and ended,
            expected="queue_full, and the end",
            got=refused.kinds or refused.trouble,
            exchange=refused.exchange,
        )


async def leave(judge: Judge, queued: Check, running: Check) -> None:
    """Leave a generator that runs, and an event that waits."""
    async with gate(judge) as door:
        async with joined(judge, "steps", [door.name, 4]) as event:
            if await event.until("process_generating", within=2 * LIMIT) is None:
                judge.cannot_rest(event.trouble)
                return
        await door.open()
        # As long as the generator would take, had nobody left.
        await trio.sleep(1)
        await judge_what_ran(judge, running, door.name, lambda lines: "end" not in lines, "no end of the generator")
    async with gate(judge) as door, gate(judge) as never, joined(judge, "hold", [door.name]) as holder:
        if await holder.until("process_starts", within=2 * LIMIT) is None:
            judge.cannot_rest(holder.trouble)
            return
        async with in_line(judge, "hold", [never.name]) as waiting:
            # Where data are asked for early they are given, so that nothing but the leaving keeps it from running.
            await waiting.until("process_starts", within=0.5)
        await never.open()
        await trio.sleep(0.5)
        await door.open()
        await holder.finish()
        trouble = await pass_the_line(judge)
        if trouble:
            judge.cannot(queued, trouble)
            return
        await judge_what_ran(judge, queued, never.name, lambda lines: not lines, "nothing that ran")
