"""CALL: the simple API."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote

import trio

from gradproto_conformance._checks import Check, Effect, Registry
from gradproto_conformance._json import is_list, is_object
from gradproto_conformance._judge import Judge
from gradproto_conformance._probe import Stream

from ._asking import LIMIT, ask, document, opened

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

POST = check("call-post", "A call is posted, and has an id", "CALL-1.1")
RESULT = check("call-result", "The result of a call is an event, complete", "CALL-1.2")
OUTPUTS = check("call-outputs", "The outputs of a call are events, generating, and whole", "CALL-1.2")
ERROR = check("call-error", "A call that fails ends with an event, error", "CALL-1.3")
UNKNOWN = check("call-unknown-name", "A name that is not there is an error", "CALL-1.4")
STATE = check("call-state", "Calls of a session share its State", "CALL-1.5")
BY_NAME = check("call-by-name", "Parameters can be given by their names", "CALL-2.1")

SENT = "call \u2713 \U0001f600"


async def _post(judge: Judge, one: Check, path: str, value: Any) -> str | None:
    """Post a call, and give its id; what went wrong with that is told of the check."""
    answer = await ask(judge, "POST", path, value=value)
    judge.that(
        one,
        answer.event_id is not None,
        expected="status 200 and an event_id",
        got=answer.got,
        exchange=answer.exchange,
    )
    return answer.event_id


def _opened(judge: Judge, name: str, event_id: str) -> AbstractAsyncContextManager[tuple[Stream | None, str]]:
    """Ask for what comes of a call."""
    return opened(judge, "GET", f"{{P}}/call/{name}/{quote(event_id, errors='replace')}")


async def _events(stream: Stream) -> list[tuple[str, Any]]:
    """Give the named events of a call until its end, without heartbeats; data that is no JSON as text."""
    found: list[tuple[str, Any]] = []
    with trio.move_on_after(2 * LIMIT):
        while (event := await stream.next_event()) is not None:
            if event.event == "heartbeat":
                continue
            try:
                value = json.loads(event.data)
            except (ValueError, RecursionError):
                value = event.data
            found.append((event.event, value))
            if event.event in ("complete", "error"):
                break
    return found


async def _call(judge: Judge, one: Check, name: str, value: Any, path: str = "{P}/call/") -> list[tuple[str, Any]]:
    """Make a call to its end; what went wrong on the way is told of the check."""
    event_id = await _post(judge, one, f"{path}{name}", value)
    if event_id is None:
        return []
    async with _opened(judge, name, event_id) as (stream, trouble):
        if stream is None:
            judge.that(one, False, expected="the events of the call", got=trouble)
            return []
        events = await _events(stream)
    exchange = stream.exchange
    got = "none" if exchange.error is None else str(exchange.error)
    judge.that(one, bool(events), expected="the events of the call", got=got, exchange=exchange)
    return events


@scenario(POST, RESULT, effect=Effect.CALL, needs=["echo"])
async def call_echo(judge: Judge) -> None:
    """Call, and read what comes of it."""
    event_id = await _post(judge, POST, "{P}/call/echo", {"data": [SENT]})
    if event_id is None:
        judge.cannot(RESULT, "there is no event")
        return
    async with _opened(judge, "echo", event_id) as (stream, trouble):
        if stream is None:
            judge.that(RESULT, False, expected="the events of the call", got=trouble)
            return
        events = await _events(stream)
        rest: Any = "no end of the stream"
        with trio.move_on_after(LIMIT):
            rest = await stream.next_event()
    judge.that(
        RESULT,
        events == [("complete", [SENT])] and rest is None and stream.exchange.is_whole,
        expected=f"complete, with {[SENT]}, and the end of the stream",
        got=events if rest is None else [*events, str(rest)],
        exchange=stream.exchange,
    )


@scenario(OUTPUTS, effect=Effect.CALL, needs=["count"])
async def call_generator(judge: Judge) -> None:
    """Call a generator."""
    events = await _call(judge, OUTPUTS, "count", {"data": [3]})
    expected = [("generating", ["0"]), ("generating", ["1"]), ("generating", ["2"]), ("complete", ["2"])]
    judge.that(OUTPUTS, events == expected, expected=str(expected), got=events)


@scenario(ERROR, effect=Effect.CALL, needs=["fail_value"])
async def call_error(judge: Judge) -> None:
    """Call a function that raises."""
    events = await _call(judge, ERROR, "fail_value", {"data": ["x"]})
    value = events[-1][1] if events else None
    if judge.target.version < (6, 13):
        right, expected = value is None, "null"
    else:
        right, expected = is_object(value) and "error" in value, "an object with error"
    judge.that(ERROR, [name for name, _ in events] == ["error"] and right, expected=f"error, {expected}", got=events)


@scenario(UNKNOWN, effect=Effect.FULL)
async def call_unknown_name(judge: Judge) -> None:
    """Call what is not there."""
    answer = await ask(judge, "POST", "{P}/call/gradproto_nothing", value={"data": []})
    judge.that(
        UNKNOWN,
        answer.status is not None and answer.status >= 400,
        expected="a status of 400 or more",
        got=answer.got,
        exchange=answer.exchange,
    )


@scenario(STATE, effect=Effect.CALL, needs=["state"])
async def call_state(judge: Judge) -> None:
    """Call twice in one session; the fixture counts the calls of a session."""
    session = judge.unique("session")
    for count in (1, 2):
        events = await _call(judge, STATE, "state", {"data": ["x"], "session_hash": session})
        value = events[-1][1] if events and events[-1][0] == "complete" else None
        right = is_list(value) and bool(value) and str(count) in str(value[0])
        if not judge.that(STATE, right, expected=f"{count} in the result", got=events):
            return


@scenario(BY_NAME, effect=Effect.CALL, needs=["echo"])
async def call_by_name(judge: Judge) -> None:
    """Call with an object of parameters."""
    description = await document(judge, "{P}/info")
    try:
        name = description.value["named_endpoints"]["/echo"]["parameters"][0]["parameter_name"]
    except (LookupError, TypeError):
        judge.cannot(BY_NAME, f"the description does not name the parameter: {description.got:.80}")
        return
    events = await _call(judge, BY_NAME, "echo", {name: SENT}, path="{P}/call/v2/")
    judge.that(BY_NAME, events == [("complete", [SENT])], expected=f"complete, with {[SENT]}", got=events)
