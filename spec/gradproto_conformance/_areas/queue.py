"""QUEUE: joining, and the stream of a session."""

from __future__ import annotations

import json
import re
from typing import Any

import trio

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, Answer, Hearing, ask, is_list, is_object, listening
from ._joining import Event, in_line, join, joined, outputs_of
from ._yard import gate, judge_what_ran, pass_the_line

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

JOIN = check("queue-join-answers-event-id", "A join gives the event's id", "QUEUE-1.1")
IDS_DIFFER = check("queue-event-ids-differ", "No two events have one id", "QUEUE-1.1")
IGNORES_UNKNOWN = check("queue-join-ignores-unknown", "Further keys and a query change nothing", "QUEUE-1.2")
NO_SESSION = check("queue-join-without-session", "A join without a session is refused", "QUEUE-1.3")
NO_FUNCTION = check("queue-join-without-function", "A join without a function is refused", "QUEUE-1.4")
NO_JSON = check("queue-join-without-json", "A join that is no JSON is refused", "QUEUE-1.5")
NO_DATA = check("queue-join-without-data", "A join without data is refused", "QUEUE-1.5")
DATA_NO_LIST = check("queue-join-data-no-list", "A join whose data is no list is refused", "QUEUE-1.5")
UNKNOWN_FUNCTION = check("queue-join-unknown-function", "A function that is not there is refused", "QUEUE-1.6")
FULL = check("queue-full", "A full queue refuses an event with 503", "QUEUE-1.7")
RUNNING_DOES_NOT_WAIT = check("queue-full-without-running", "An event that runs fills no queue", "QUEUE-1.7")
VALIDATOR = check("queue-validator-refuses", "A validator's refusal is a 422 that says for which values", "QUEUE-1.8")
STREAM = check("queue-stream-is-event-stream", "The messages of a session come as an event stream", "QUEUE-2.1")
FRAMING = check("queue-stream-framing", "Each message is one line of data, and an empty line", "QUEUE-2.1")
ALL_EVENTS = check("queue-stream-has-all-events", "A stream has the messages of all events of its session", "QUEUE-2.1")
NAMES_EVENT = check("queue-messages-name-event", "Messages about an event have its id", "QUEUE-2.2")
KEPT = check("queue-messages-are-kept", "What was said before the stream was opened comes first", "QUEUE-2.3")
JOINED_LATER = check(
    "queue-event-on-open-stream", "Messages of an event come on the stream that is open", "QUEUE-2.1", "QUEUE-2.4"
)
CLOSE_STREAM = check("queue-close-stream", "close_stream comes when the last event has ended", "QUEUE-2.5")
STREAM_ENDS = check("queue-stream-ends", "The stream ends by the rules of HTTP after close_stream", "QUEUE-2.5")
STREAM_ENDS_OLD = check("queue-stream-ends-alone", "The stream ends when the last event has ended", "QUEUE-2.6")
STAYS_OPEN = check("queue-stream-stays-open", "No stream ends while an event has not", "QUEUE-2.5")
STAYS_OPEN_OLD = check("queue-stream-stays-open-alone", "No stream ends while an event has not", "QUEUE-2.6")
UNKNOWN_SESSION = check("queue-unknown-session", "An unknown session is told so on its stream", "QUEUE-2.7")
HEARTBEAT = check("queue-heartbeat", "A stream with nothing to say gives signs of life", "QUEUE-2.8")
LEFT_QUEUED = check("queue-leaving-takes-queued-out", "Whoever leaves the stream leaves what was queued", "QUEUE-2.9")
LEFT_RUNNING = check("queue-leaving-ends-generator", "Whoever leaves the stream ends its generators", "QUEUE-2.9")
LEFT_SESSION = check("queue-leaving-takes-messages", "Whoever comes back hears nothing of what it left", "QUEUE-2.9")
NO_QUERY = check("queue-stream-without-session", "A stream without a session is refused", "QUEUE-2.10")
ORDER = check("queue-order-of-joins", "Events of one function run in the order of their joins", "QUEUE-3.1")
ONE_AT_A_TIME = check("queue-one-at-a-time", "No more events run at once than the app allows", "QUEUE-3.1")
OTHERS_GO_ON = check("queue-other-functions-go-on", "Events of another function do not wait", "QUEUE-3.1")
APART = check("queue-sessions-are-apart", "Messages come on the stream of their own session only", "QUEUE-3.2")
STATUS = check("queue-status", "The queue says how many wait", "QUEUE-4.1")

SESSION = "session_hash"


@scenario(JOIN, IDS_DIFFER, STREAM, FRAMING, ALL_EVENTS, NAMES_EVENT, needs=["echo"], effect=Effect.CALL)
async def two_events_of_a_session(judge: Judge) -> None:
    """Join twice, and hear on one stream what is said of both."""
    session = judge.unique("session")
    answers = [await join(judge, "echo", [text], session) for text in ("one", "two")]
    for answer in answers:
        judge.that(
            JOIN,
            answer.event_id is not None,
            expected='status 200 and {"event_id": <text>}',
            got=answer.got,
            exchange=answer.exchange,
        )
    ids = [answer.event_id for answer in answers]
    if None in ids:
        judge.cannot_rest("the join gave no id")
        return
    judge.that(IDS_DIFFER, ids[0] != ids[1], expected="two ids", got=ids)
    async with listening(judge, "{P}/queue/data", query={SESSION: session}) as hearing:
        await _hear_all(hearing, 2)
    kind = None if hearing.exchange is None else hearing.exchange.header("content-type")
    judge.that(
        STREAM,
        kind is not None and kind.partition(";")[0].strip() == "text/event-stream",
        expected="status 200 and content-type text/event-stream",
        got=hearing.trouble if kind is None else kind,
        exchange=hearing.exchange,
    )
    if not hearing.messages:
        judge.that(ALL_EVENTS, False, expected="messages", got=hearing.trouble, exchange=hearing.exchange)
        judge.cannot_rest(hearing.trouble)
        return
    assert hearing.exchange is not None
    broken = _badly_framed(hearing.exchange.body, cut=not hearing.is_over)
    judge.that(
        FRAMING,
        broken is None,
        expected='"data: ", a JSON object with "msg", and an empty line',
        got=broken or "",
        exchange=hearing.exchange,
    )
    nameless = [
        message for message in hearing.messages if message.get("event_id") not in ids and _is_about_an_event(message)
    ]
    judge.that(
        NAMES_EVENT,
        not nameless,
        expected=f"event_id {' or '.join(map(str, ids))}",
        got=nameless[:1] or "",
        exchange=hearing.exchange,
    )
    got = [outputs_of(message) for message in hearing.all_of("process_completed")]
    judge.that(
        ALL_EVENTS,
        sorted(map(repr, got)) == sorted(map(repr, (["one"], ["two"]))),
        expected="process_completed of both events",
        got=got or hearing.trouble,
        exchange=hearing.exchange,
    )


def _is_about_an_event(message: dict[str, Any]) -> bool:
    kind = message.get("msg")
    return kind in ("estimation", "progress", "log") or str(kind).startswith("process_")


async def _hear_all(hearing: Hearing, events: int) -> None:
    """Hear until as many events are completed, and whatever follows at once."""
    with trio.move_on_after(2 * LIMIT):
        while len(hearing.all_of("process_completed")) < events and await hearing.next() is not None:
            pass


def _badly_framed(body: bytes, *, cut: bool) -> str | None:
    """Give the first event of a stream that is not as it should be; ``cut`` says that the last may be unfinished."""
    *events, rest = body.split(b"\n\n")
    if rest and not cut:
        return repr(rest[:200])
    for event in events:
        found = re.fullmatch(rb"data: ?([^\r\n]*)", event)
        try:
            message = None if found is None else json.loads(found[1])
        except (ValueError, RecursionError):
            message = None
        if not is_object(message) or not isinstance(message.get("msg"), str):
            return repr(event[:200])
    return None


@scenario(IGNORES_UNKNOWN, needs=["echo"], effect=Effect.CALL)
async def what_is_not_known(judge: Judge) -> None:
    """Join with keys and a query that no Gradio knows."""
    session = judge.unique("session")
    value = {
        "data": ["as ever"],
        "fn_index": judge.target.endpoints["echo"],
        SESSION: session,
        "what_is_this": {"never": "seen"},
    }
    answer = await ask(judge, "POST", "{P}/queue/join", query={"__theme": "dark", "x": "1"}, value=value)
    if not judge.that(
        IGNORES_UNKNOWN, answer.event_id is not None, expected="an event's id", got=answer.got, exchange=answer.exchange
    ):
        return
    async with listening(judge, "{P}/queue/data", query={SESSION: session}) as hearing:
        got = outputs_of(await hearing.until("process_completed"))
    judge.that(IGNORES_UNKNOWN, got == ["as ever"], expected="the output of echo", got=got or hearing.trouble)


# --- refusals --------------------------------------------------------------------------------------------------------


@scenario(NO_SESSION, NO_FUNCTION, NO_JSON, NO_DATA, DATA_NO_LIST, UNKNOWN_FUNCTION, effect=Effect.FULL)
async def joins_that_are_refused(judge: Judge) -> None:
    """Join with what is missing or wrong."""
    session = judge.unique("session")
    unknown = 1 + max([0, *judge.target.endpoints.values()]) + 10_000

    async def send(value: Any = None, body: bytes | None = None) -> Answer:
        if value is not None:
            return await ask(judge, "POST", "{P}/queue/join", within=3, value=value)
        headers = [("content-type", "application/json")]
        return await ask(judge, "POST", "{P}/queue/join", within=3, body=body, headers=headers)

    for one, key, answer in (
        (NO_SESSION, SESSION, await send({"data": [], "fn_index": unknown})),
        (NO_FUNCTION, "fn_index", await send({"data": [], SESSION: session})),
    ):
        judge.that(
            one,
            answer.status == 400,
            expected=f"status 400 for a body without {key}",
            got=answer.got,
            exchange=answer.exchange,
        )
    for one, what, where, answer in (
        (NO_JSON, "a body that is no JSON", None, await send(body=b'{"data": [')),
        (NO_DATA, "a body without data", "data", await send({"fn_index": unknown, SESSION: session})),
        (DATA_NO_LIST, "data that is text", "data", await send({"data": "x", "fn_index": unknown, SESSION: session})),
    ):
        judge.that(
            one,
            answer.status == 422 and _tells_where(answer.detail, where),
            expected=f"status 422 for {what}, and a detail that lists what is wrong, with loc",
            got=answer.got,
            exchange=answer.exchange,
        )
    answer = await send({"data": [], "fn_index": unknown, SESSION: session})
    judge.that(
        UNKNOWN_FUNCTION,
        answer.status is not None and answer.status >= 400,
        expected=f"a status of 400 or more for fn_index {unknown}",
        got=answer.got,
        exchange=answer.exchange,
    )


def _tells_where(detail: Any, where: str | None) -> bool:
    items = detail if is_list(detail) else []
    places = [item.get("loc") for item in items if is_object(item)]
    return bool(places) and all(is_list(place) and (where is None or where in place) for place in places)


@scenario(NO_QUERY, effect=Effect.READ)
async def stream_without_session(judge: Judge) -> None:
    """Ask for a stream without saying whose."""
    answer = await ask(judge, "GET", "{P}/queue/data")
    judge.that(NO_QUERY, answer.status == 422, expected="status 422", got=answer.got, exchange=answer.exchange)


@scenario(FULL, RUNNING_DOES_NOT_WAIT, needs=["small_queue", "open_gate"], effect=Effect.FULL)
async def a_full_queue_of_sessions(judge: Judge) -> None:
    """Let one event run and one wait, which is all that the app allows, and join once more."""
    async with gate(judge) as door, joined(judge, "small_queue", [door.name]) as running:
        if await running.until("process_starts") is None:
            judge.cannot_rest(f"the first event did not start: {running.trouble}")
            return
        waiting = await join(judge, "small_queue", [door.name], judge.unique("session"))
        if not judge.that(
            RUNNING_DOES_NOT_WAIT,
            waiting.event_id is not None,
            expected="an event's id",
            got=waiting.got,
            exchange=waiting.exchange,
        ):
            judge.cannot_rest("no event waits")
            return
        refused = await join(judge, "small_queue", [door.name], judge.unique("session"))
        judge.that(
            FULL,
            refused.status == 503 and isinstance(refused.detail, str) and refused.detail != "",
            expected='status 503 and {"detail": <text>}',
            got=refused.got,
            exchange=refused.exchange,
        )


@scenario(VALIDATOR, needs=["validated"], effect=Effect.CALL)
async def a_validator(judge: Judge) -> None:
    """Call a function whose validator refuses the value."""
    answer = await join(judge, "validated", ["bad"], judge.unique("session"))
    items = answer.detail if is_list(answer.detail) else []
    right = [
        is_object(item)
        and item.get("__type__") == "validate"
        and item.get("is_valid") is False
        and item.get("message") == "text must not be 'bad'"
        and item.get("parameter_name") == "text"
        for item in items
    ]
    judge.that(
        VALIDATOR,
        answer.status == 422 and right == [True],
        expected='status 422 and an item with "__type__": "validate", is_valid, message and parameter_name',
        got=answer.got,
        exchange=answer.exchange,
    )


# --- the stream of a session -----------------------------------------------------------------------------------------


@scenario(KEPT, CLOSE_STREAM, STREAM_ENDS, STREAM_ENDS_OLD, needs=["echo"], effect=Effect.CALL)
async def a_stream_that_is_opened_late(judge: Judge) -> None:
    """Open the stream when the event is over."""
    session = judge.unique("session")
    answer = await join(judge, "echo", ["early"], session)
    if answer.event_id is None:
        judge.cannot_rest("the join gave no id")
        return
    await trio.sleep(1)
    async with listening(judge, "{P}/queue/data", query={SESSION: session}) as hearing:
        await hearing.until("process_completed")
        told = _known(hearing)
        ended = await hearing.to_the_end()
    judge.that(
        KEPT,
        told[:1] in (["estimation"], ["process_starts"]) and told[-2:] == ["process_starts", "process_completed"],
        expected="estimation, process_starts, process_completed",
        got=told or hearing.trouble,
        exchange=hearing.exchange,
    )
    if "process_completed" not in told:
        judge.cannot_rest("the event was not completed")
        return
    after = _known(hearing)[len(told) :]
    judge.that(
        CLOSE_STREAM,
        after == ["close_stream"],
        expected="close_stream, and nothing else",
        got=after or hearing.trouble,
        exchange=hearing.exchange,
    )
    for one in (STREAM_ENDS, STREAM_ENDS_OLD):
        judge.that(
            one,
            ended and hearing.exchange is not None and hearing.exchange.is_whole,
            expected="the end of the stream",
            got=hearing.trouble,
            exchange=hearing.exchange,
        )


@scenario(JOINED_LATER, STAYS_OPEN, STAYS_OPEN_OLD, needs=["steps", "open_gate", "echo"], effect=Effect.CALL)
async def an_event_on_an_open_stream(judge: Judge) -> None:
    """Join while the stream is open for another event, which goes on."""
    session = judge.unique("session")
    async with gate(judge) as door:
        first = await join(judge, "steps", [door.name, 2], session)
        if first.event_id is None:
            judge.cannot_rest("the join gave no id")
            return
        async with listening(judge, "{P}/queue/data", query={SESSION: session}) as hearing:
            second = await join(judge, "echo", ["later"], session)
            if second.event_id is None:
                judge.cannot_rest("the second join gave no id")
                return
            got = None
            with trio.move_on_after(LIMIT):
                while got is None and await hearing.next() is not None:
                    got = next((one for one in _completed(hearing) if one.get("event_id") == second.event_id), None)
            judge.that(
                JOINED_LATER,
                outputs_of(got) == ["later"],
                expected="process_completed of the event that was joined later",
                got=hearing.kinds if got is None else got,
                exchange=hearing.exchange,
            )
            if got is None:
                judge.cannot_rest("the second event was not completed")
                return
            # The other event has not ended, so nothing is to say that the stream is over.
            await hearing.until("close_stream", within=1)
            open_still = not hearing.is_over and "close_stream" not in hearing.kinds
            await door.open()
            await hearing.until("process_completed")
            held = [one for one in _completed(hearing) if one.get("event_id") == first.event_id]
            if open_still and not hearing.is_over and not held:
                judge.cannot_rest(f"the first event did not end: {hearing.trouble}")
                return
            for one in (STAYS_OPEN, STAYS_OPEN_OLD):
                judge.that(
                    one,
                    open_still and bool(held),
                    expected="the end of the first event before that of the stream",
                    got=hearing.kinds,
                    exchange=hearing.exchange,
                )


def _known(hearing: Hearing) -> list[Any]:
    """Give what was said without signs of life, and without what no release says yet."""
    known = ("estimation", "process_starts", "process_completed", "close_stream")
    return [kind for kind in hearing.kinds if kind in known]


def _completed(hearing: Hearing) -> list[dict[str, Any]]:
    return hearing.all_of("process_completed")


@scenario(UNKNOWN_SESSION, effect=Effect.READ)
async def an_unknown_session(judge: Judge) -> None:
    """Ask for the stream of a session that never joined."""
    async with listening(judge, "{P}/queue/data", query={SESSION: judge.unique("session")}) as hearing:
        await hearing.to_the_end()
    told = [message for message in hearing.messages if message.get("msg") != "heartbeat"]
    message = told[0] if told else {}
    judge.that(
        UNKNOWN_SESSION,
        message.get("msg") == "unexpected_error"
        and message.get("success") is False
        and isinstance(message.get("message"), str)
        and (judge.target.version < (5, 38) or message.get("session_not_found") is True),
        expected="unexpected_error"
        + (" with session_not_found" if judge.target.version >= (5, 38) else "")
        + ", success false and a message",
        got=message or hearing.trouble,
        exchange=hearing.exchange,
    )
    judge.that(
        UNKNOWN_SESSION,
        hearing.is_over and len(told) < 2,
        expected="the end of the stream after unexpected_error",
        got=told[1:] or hearing.trouble,
        exchange=hearing.exchange,
    )


@scenario(HEARTBEAT, needs=["slow"], effect=Effect.FULL)
async def a_stream_without_news(judge: Judge) -> None:
    """Wait for a sign of life while a function takes its time. This takes 15 seconds."""
    async with joined(judge, "slow", ["at last", 18]) as event:
        if await event.until("process_starts") is None:
            judge.cannot_rest(event.trouble)
            return
        message = await event.until("heartbeat", within=17)
    judge.that(
        HEARTBEAT,
        message is not None and message.get("event_id") is None,
        expected="heartbeat, without an event, within 15 seconds",
        got=message or event.trouble,
        exchange=event.exchange,
    )


@scenario(LEFT_QUEUED, LEFT_RUNNING, LEFT_SESSION, needs=["hold", "steps", "open_gate", "ran"], effect=Effect.FULL)
async def leaving_the_stream(judge: Judge) -> None:
    """Leave the stream of a session with a generator that runs, and an event that waits for another session's."""
    session = judge.unique("session")
    async with gate(judge) as blocker, gate(judge) as queued, gate(judge) as running:
        async with joined(judge, "hold", [blocker.name]) as holder:
            if await holder.until("process_starts", within=2 * LIMIT) is None:
                judge.cannot_rest(holder.trouble)
                return
            joins = [
                await join(judge, "steps", [running.name, 4], session),
                await join(judge, "hold", [queued.name], session),
            ]
            if any(answer.event_id is None for answer in joins):
                judge.cannot_rest("a join gave no id")
                return
            async with listening(judge, "{P}/queue/data", query={SESSION: session}) as hearing:
                if await hearing.until("process_generating") is None:
                    judge.cannot_rest(hearing.trouble)
                    return
            await trio.sleep(0.5)
            async with listening(judge, "{P}/queue/data", query={SESSION: session}) as again:
                await running.open()  # whoever goes on has something to say
                message = await again.next(1)
            judge.that(
                LEFT_SESSION,
                message is None or message.get("msg") in ("unexpected_error", "heartbeat"),
                expected="unexpected_error, or nothing, on a stream that is opened again",
                got=message,
                exchange=again.exchange,
            )
            for door in (queued, blocker):
                await door.open()
            await holder.finish()
        # As long as the generator would take, had nobody left.
        await trio.sleep(1)
        trouble = await pass_the_line(judge)
        if trouble:
            judge.cannot_rest(trouble)
            return
        await judge_what_ran(judge, LEFT_QUEUED, queued.name, lambda lines: not lines, "nothing that ran")
        await judge_what_ran(
            judge, LEFT_RUNNING, running.name, lambda lines: "end" not in lines, "no end of the generator"
        )


# --- turns -----------------------------------------------------------------------------------------------------------


@scenario(ORDER, ONE_AT_A_TIME, OTHERS_GO_ON, needs=["line", "echo", "open_gate"], effect=Effect.CALL)
async def turns(judge: Judge) -> None:
    """Let three events of a function with a limit of one wait for each other, and one of another function for none."""
    async with (
        gate(judge) as door,
        gate(judge) as second_door,
        gate(judge) as third_door,
        in_line(judge, "line", [door.name]) as first,
        in_line(judge, "line", [second_door.name]) as second,
        in_line(judge, "line", [third_door.name]) as third,
    ):
        if await first.until("process_starts", within=2 * LIMIT) is None or second.is_over or third.is_over:
            judge.cannot_rest("; ".join(event.trouble for event in (first, second, third) if event.trouble))
            return
        async with joined(judge, "echo", ["past them"]) as other:
            got = outputs_of(await other.finish(LIMIT))
        judge.that(
            OTHERS_GO_ON,
            got == ["past them"],
            expected="the end of an event of another function",
            got=got or other.trouble,
            exchange=other.exchange,
        )
        await _does_not_start(judge, second)
        await door.open()
        await first.finish()
        if not judge.that(
            ORDER,
            await second.until("process_starts") is not None,
            expected="process_starts of the second event after the end of the first",
            got=second.trouble,
            exchange=second.exchange,
        ):
            judge.cannot_rest("the second event did not start")
            return
        await _does_not_start(judge, third)
        await second_door.open()
        await second.finish()
        judge.that(
            ORDER,
            await third.until("process_starts") is not None,
            expected="process_starts of the third event after the end of the second",
            got=third.trouble,
            exchange=third.exchange,
        )


async def _does_not_start(judge: Judge, event: Event) -> None:
    started = await event.until("process_starts", within=0.5)
    judge.that(
        ONE_AT_A_TIME,
        started is None,
        expected="no process_starts while another event of the function runs",
        got=event.kinds,
        exchange=event.exchange,
    )


@scenario(APART, needs=["echo"], effect=Effect.CALL)
async def two_sessions(judge: Judge) -> None:
    """Let two sessions have an event each."""
    sessions = [judge.unique("session") for _ in range(2)]
    answers = [await join(judge, "echo", [session], session) for session in sessions]
    ids = [answer.event_id for answer in answers]
    if None in ids:
        judge.cannot_rest("a join gave no id")
        return
    for session, own in zip(sessions, ids, strict=True):
        async with listening(judge, "{P}/queue/data", query={SESSION: session}) as hearing:
            await hearing.until("process_completed")
            await hearing.to_the_end(1)
        if not hearing.messages:
            judge.cannot_rest(hearing.trouble)
            return
        strange = [one for one in hearing.messages if one.get("event_id") not in (None, own)]
        told = [outputs_of(one) for one in hearing.all_of("process_completed")]
        judge.that(
            APART,
            not strange and told == [[session]],
            expected=f"messages of {own} only",
            got=strange[:1] or told or hearing.trouble,
            exchange=hearing.exchange,
        )


@scenario(STATUS, effect=Effect.READ)
async def queue_status(judge: Judge) -> None:
    """Ask how many wait."""
    answer = await ask(judge, "GET", "{P}/queue/status")
    size = answer.value.get("queue_size") if is_object(answer.value) else None
    judge.that(
        STATUS,
        answer.status == 200 and isinstance(size, int),
        expected="status 200 and queue_size",
        got=answer.got,
        exchange=answer.exchange,
    )
