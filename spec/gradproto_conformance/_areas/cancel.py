"""CANCEL: ending an event early."""

from __future__ import annotations

import trio

from gradproto_conformance._checks import Check, Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, Answer, Message, ask, is_object
from ._joining import Event, in_line, joined
from ._yard import gate, judge_what_ran, pass_the_line

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

UNKNOWN = check("cancel-unknown-event", "Cancelling an event that is not there is no error", "CANCEL-1.1")
ANSWER = check("cancel-answers-success", "Cancelling an event that runs is answered", "CANCEL-1.1")
COMPLETED = check("cancel-completes-event", "An event that is cancelled is completed without values", "CANCEL-1.2")
STOPS = check("cancel-stops-generator", "A generator that is cancelled yields no more", "CANCEL-1.2")
QUEUED = check("cancel-takes-queued-out", "A queued event that is cancelled does not run", "CANCEL-1.3")
QUEUED_COMPLETED = check("cancel-completes-queued", "A queued event that is cancelled is completed", "CANCEL-1.3")
OTHERS = check("cancel-leaves-other-sessions", "Cancelling leaves the events of other sessions alone", "CANCEL-1.5")
RESET_STOPS = check("reset-stops-generator", "A reset ends the event's generator", "CANCEL-2.1")
RESET_SAYS_NOTHING = check("reset-says-nothing", "Nothing more is said of an event that was reset", "CANCEL-2.1")
RESTARTS = check("reset-restarts-generator", "A reset lets the generator begin anew", "CANCEL-2.2")

SUCCESS = '{"success": true}'
STEPS = 4


@scenario(UNKNOWN, effect=Effect.FULL)
async def cancelling_what_is_not_there(judge: Judge) -> None:
    """Cancel an event that never was."""
    value = {"session_hash": judge.unique("session"), "fn_index": 0, "event_id": judge.unique("session")}
    _judge_answer(judge, UNKNOWN, await ask(judge, "POST", "{P}/cancel", value=value))


def _is_success(answer: Answer) -> bool:
    return answer.status == 200 and is_object(answer.value) and answer.value.get("success") is True


def _judge_answer(judge: Judge, one: Check, answer: Answer) -> None:
    judge.that(one, _is_success(answer), expected=SUCCESS, got=answer.got, exchange=answer.exchange)


async def _cancel(judge: Judge, name: str, event: Event) -> Answer:
    index = judge.target.endpoints[name]
    value = {"session_hash": event.session, "fn_index": index, "event_id": event.event_id}
    return await ask(judge, "POST", "{P}/cancel", value=value)


@scenario(ANSWER, COMPLETED, STOPS, OTHERS, needs=["steps", "open_gate", "ran"], effect=Effect.FULL)
async def cancelling_a_generator(judge: Judge) -> None:
    """Let two sessions have a generator each, and cancel one."""
    async with (
        gate(judge) as door,
        gate(judge) as other_door,
        joined(judge, "steps", [door.name, STEPS]) as event,
        joined(judge, "steps", [other_door.name, STEPS]) as other,
    ):
        for one in (event, other):
            if await one.until("process_generating") is None:
                judge.cannot_rest(one.trouble)
                return
        heard = len(event.messages)
        message: Message | None = None
        cancelled = False

        async def cancel() -> None:
            nonlocal cancelled
            answer = await _cancel(judge, "steps", event)
            _judge_answer(judge, ANSWER, answer)
            cancelled = _is_success(answer)

        async with trio.open_nursery() as nursery:
            # Some releases answer when the step that runs has come to its end.
            nursery.start_soon(cancel)
            await trio.sleep(0.5)
            await door.open()
            message = await event.finish()
        if not cancelled:
            judge.cannot_rest("the event was not cancelled")
            return
        judge.that(
            COMPLETED,
            message is not None and message.get("success") is True and message.get("output") == {},
            expected="process_completed with success true and output {}",
            got=message or event.trouble,
            exchange=event.exchange,
        )
        # As long as the generator would take, had nobody ended it.
        await trio.sleep(1)
        late = [kind for kind in event.kinds[heard:] if kind == "process_generating"]
        judge.that(STOPS, not late, expected="no output after the request", got=late, exchange=event.exchange)
        await judge_what_ran(judge, STOPS, door.name, _has_no_end, "no end of the generator")
        await other_door.open()
        await other.finish()
        judge.that(
            OTHERS,
            len(other.all_of("process_generating")) == STEPS,
            expected=f"all {STEPS} outputs of the other session's event",
            got=other.kinds,
            exchange=other.exchange,
        )


@scenario(QUEUED, QUEUED_COMPLETED, needs=["hold", "open_gate", "ran"], effect=Effect.FULL)
async def cancelling_what_waits(judge: Judge) -> None:
    """Cancel an event that waits for that of another session."""
    async with (
        gate(judge) as door,
        gate(judge) as never,
        in_line(judge, "hold", [door.name]) as running,
        in_line(judge, "hold", [never.name]) as waiting,
    ):
        if await running.until("process_starts", within=2 * LIMIT) is None or waiting.event_id is None:
            judge.cannot_rest(running.trouble or waiting.trouble)
            return
        answer = await _cancel(judge, "hold", waiting)
        if not _is_success(answer):
            judge.cannot_rest(f"the event was not cancelled: {answer.got}")
            return
        message = await waiting.finish(LIMIT)
        judge.that(
            QUEUED_COMPLETED,
            message is not None and message.get("success") is True and message.get("output") == {},
            expected="process_completed with success true and output {}",
            got=message or waiting.trouble,
            exchange=waiting.exchange,
        )
        await never.open()
        await door.open()
        await running.finish()
        trouble = await pass_the_line(judge)
        if trouble:
            judge.cannot_rest(trouble)
            return
        await judge_what_ran(judge, QUEUED, never.name, lambda lines: not lines, "nothing that ran")


@scenario(RESET_STOPS, RESET_SAYS_NOTHING, needs=["steps", "open_gate", "ran"], effect=Effect.FULL)
async def resetting_a_generator(judge: Judge) -> None:
    """Reset an event, as one did before there was ``/cancel``."""
    async with gate(judge) as door, joined(judge, "steps", [door.name, STEPS]) as event:
        if await event.until("process_generating") is None or event.event_id is None:
            judge.cannot_rest(event.trouble or "the event has no id")
            return
        heard = len(event.messages)
        await ask(judge, "POST", "{P}/reset", value={"event_id": event.event_id})
        await door.open()
        await event.to_the_end(2)
        told = [kind for kind in event.kinds[heard:] if kind not in ("heartbeat", "close_stream")]
        has_own_stream = judge.target.version < (4, 9)
        judge.that(
            RESET_SAYS_NOTHING,
            not told and (event.is_over or not has_own_stream),
            expected="no message more" + (", and the end of the stream" if has_own_stream else ""),
            got=told or event.trouble,
            exchange=event.exchange,
        )
        await judge_what_ran(judge, RESET_STOPS, door.name, _has_no_end, "no end of the generator")


@scenario(RESTARTS, needs=["steps", "open_gate", "ran"], effect=Effect.FULL)
async def restarting_a_generator(judge: Judge) -> None:
    """Reset the generator of a session, as Gradio 3 understands it."""
    async with gate(judge) as door, joined(judge, "steps", [door.name, STEPS]) as event:
        if await event.until("process_generating") is None:
            judge.cannot_rest(event.trouble)
            return
        value = {"session_hash": event.session, "fn_index": judge.target.endpoints["steps"]}
        answer = await ask(judge, "POST", "{P}/reset", value=value)
        await door.open()
        await event.finish()
        judge.that(RESTARTS, answer.status == 200, expected=SUCCESS, got=answer.got, exchange=answer.exchange)
        await judge_what_ran(
            judge, RESTARTS, door.name, lambda lines: lines.count("step 0") == 2, "a generator that begins twice"
        )


def _has_no_end(lines: list[str]) -> bool:
    return "end" not in lines
