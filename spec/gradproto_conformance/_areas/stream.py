"""STREAM: inputs that go on."""

from __future__ import annotations

from typing import Any

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, ask
from ._joining import joined, outputs_of

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

FIRST = check("stream-first-piece", "The first piece of a stream is answered, whole", "STREAM-1.1")
NEXT = check("stream-next-piece", "The next piece of a stream is answered, whole", "STREAM-1.2", "STREAM-1.1")
CLOSED = check("stream-is-closed", "A stream that is closed is completed", "STREAM-1.3")
TIME_LIMIT = check("stream-time-limit", "A stream ends by itself when its time is over", "STREAM-1.3")


@scenario(FIRST, NEXT, CLOSED, needs=["stream"], effect=Effect.CALL)
async def a_stream_of_pieces(judge: Judge) -> None:
    """Send two pieces, and close the stream."""
    async with joined(judge, "stream", [None, None]) as event:
        if await event.until("process_starts") is None:
            judge.cannot_rest(event.trouble)
            return
        message = await event.until("process_streaming", "process_completed")
        if not judge.that(
            FIRST,
            message is not None and message.get("msg") == "process_streaming" and _first(message) == "piece 1",
            expected="process_streaming with the values of the function",
            got=message or event.trouble,
            exchange=event.exchange,
        ):
            judge.cannot_rest("the first piece got no answer")
            return
        value = {
            "data": [None, None],
            "fn_index": judge.target.endpoints["stream"],
            "session_hash": event.session,
            "event_id": event.event_id,
        }
        answer = await ask(judge, "POST", f"{{P}}/stream/{event.event_id}", value=value)
        message = await event.until("process_streaming", "process_completed")
        judge.that(
            NEXT,
            answer.status == 200 and _first(message) == "piece 2",
            expected="status 200, and process_streaming with the values of the function",
            got=answer.got if answer.status != 200 else message or event.trouble,
            exchange=answer.exchange if answer.status != 200 else event.exchange,
        )
        answer = await ask(judge, "POST", f"{{P}}/stream/{event.event_id}/close", value={})
        message = await event.finish(LIMIT / 2)
        judge.that(
            CLOSED,
            answer.status == 200 and message is not None and message.get("success") is True,
            expected="status 200, and process_completed",
            got=answer.got if answer.status != 200 else message or event.trouble,
            exchange=answer.exchange if answer.status != 200 else event.exchange,
        )


def _first(message: dict[str, Any] | None) -> Any:
    values = outputs_of(message)
    return values[0] if values else None


@scenario(TIME_LIMIT, needs=["stream"], effect=Effect.CALL)
async def a_stream_that_is_left_alone(judge: Judge) -> None:
    """Send one piece only, and wait for the time limit of three seconds."""
    async with joined(judge, "stream", [None, None]) as event:
        if await event.until("process_streaming") is None:
            judge.cannot_rest(event.trouble)
            return
        message = await event.finish()
    judge.that(
        TIME_LIMIT,
        message is not None,
        expected="process_completed after the time limit",
        got=message or event.trouble,
        exchange=event.exchange,
    )
