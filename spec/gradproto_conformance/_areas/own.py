"""OWN: a stream for each event, Gradio 4.0 to 4.8."""

from __future__ import annotations

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, ask, listening
from ._joining import outputs_of
from ._leaving import find_queue_full, leave

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

STREAM = check("own-join-is-event-stream", "A join is answered with the event's stream", "OWN-1.1")
SEND_DATA = check("own-asks-for-data", "The stream asks for the data, for an event with an id", "OWN-1.2")
TAKES_DATA = check("own-takes-data", "The data are taken, and the event runs", "OWN-1.2")
ENDS = check("own-stream-ends", "The stream ends after process_completed", "OWN-1.3")
FULL = check("own-queue-full", "A full queue says so, and the stream ends", "OWN-1.4")
LEFT_QUEUED = check("own-leaving-takes-queued-out", "An event whose client has left the queue does not run", "OWN-1.5")
LEFT_RUNNING = check("own-leaving-ends-generator", "A generator whose client has left ends", "OWN-1.5")


@scenario(STREAM, SEND_DATA, TAKES_DATA, ENDS, needs=["echo"], effect=Effect.CALL)
async def a_conversation_on_a_stream(judge: Judge) -> None:
    """Join, and give the data when the server asks for them."""
    session, index = judge.unique("session"), judge.target.endpoints["echo"]
    query = {"fn_index": str(index), "session_hash": session}
    async with listening(judge, "/queue/join", query=query) as hearing:
        kind = None if hearing.exchange is None else hearing.exchange.header("content-type")
        if not judge.that(
            STREAM,
            kind is not None and kind.partition(";")[0].strip() == "text/event-stream",
            expected="status 200 and content-type text/event-stream",
            got=hearing.trouble or kind,
            exchange=hearing.exchange,
        ):
            judge.cannot_rest("there is no stream")
            return
        asked = await hearing.until("send_data")
        event_id = None if asked is None else asked.get("event_id")
        if not judge.that(
            SEND_DATA,
            isinstance(event_id, str) and event_id != "",
            expected="send_data with event_id",
            got=asked or hearing.trouble,
            exchange=hearing.exchange,
        ):
            judge.cannot_rest("the server did not ask for the data")
            return
        value = {
            "data": ["given"],
            "event_data": None,
            "fn_index": index,
            "session_hash": session,
            "event_id": event_id,
        }
        answer = await ask(judge, "POST", "/queue/data", value=value)
        judge.that(TAKES_DATA, answer.status == 200, expected="status 200", got=answer.got, exchange=answer.exchange)
        message = await hearing.until("process_completed", within=2 * LIMIT)
        judge.that(
            TAKES_DATA,
            outputs_of(message) == ["given"],
            expected="the output for the data",
            got=message or hearing.trouble,
            exchange=hearing.exchange,
        )
        if message is None:
            judge.cannot_rest(hearing.trouble)
            return
        judge.that(
            ENDS,
            await hearing.to_the_end() and hearing.exchange is not None and hearing.exchange.is_whole,
            expected="the end of the stream",
            got=hearing.trouble,
            exchange=hearing.exchange,
        )


@scenario(FULL, needs=["small_queue", "open_gate"], effect=Effect.FULL)
async def a_full_queue_of_streams(judge: Judge) -> None:
    """Let one event run and one wait, which is all that the app allows, and join once more."""
    await find_queue_full(judge, FULL)


@scenario(LEFT_QUEUED, LEFT_RUNNING, needs=["hold", "steps", "open_gate", "ran"], effect=Effect.FULL)
async def leaving_an_own_stream(judge: Judge) -> None:
    """Close the stream of a generator that runs, and of an event that waits."""
    await leave(judge, LEFT_QUEUED, LEFT_RUNNING)
