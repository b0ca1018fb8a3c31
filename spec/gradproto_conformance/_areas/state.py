"""STATE: what the server keeps of a session."""

from __future__ import annotations

from typing import Any

import trio

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, Message, is_list, is_object, opened
from ._joining import join, joined, outputs_of
from ._yard import direct

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

KEPT = check("state-is-kept", "State is kept from one call of a session to the next", "STATE-1.1")
NOT_SENT = check("state-is-not-sent", "What a client sends in place of State does not count", "STATE-1.1")
APART = check("state-is-apart", "Another session has State of its own", "STATE-1.2")
ALIVE = check("heartbeat-at-once", "The heartbeat of a session begins at once", "STATE-2.1")
ALIVE_AGAIN = check("heartbeat-goes-on", "The heartbeat of a session comes every 15 seconds", "STATE-2.1")
RENDERED = check("render-tells-functions", "What is rendered is told with the event", "STATE-3.1")
RENDERED_RUNS = check("render-functions-run", "A function that was rendered can be called in its session", "STATE-3.1")
RENDERED_APART = check("render-is-apart", "A function that was rendered is nothing to other sessions", "STATE-3.1")


@scenario(KEPT, NOT_SENT, APART, needs=["state"], effect=Effect.CALL)
async def visits(judge: Judge) -> None:
    """Let a session call a function that counts its calls, and another session too."""
    session = judge.unique("session")
    first, second, third = [await _visit(judge, session, sent) for sent in (None, None, 40)]
    if first is None:
        judge.cannot_rest("the function gave nothing")
        return
    judge.that(KEPT, [first, second] == [1, 2], expected="1 and 2", got=[first, second])
    if second is None or third is None:
        judge.cannot(NOT_SENT, "the function gave nothing")
    else:
        judge.that(NOT_SENT, third == second + 1, expected=f"{second + 1}, whatever was sent", got=third)
    other = await _visit(judge, judge.unique("session"), None)
    judge.that(APART, other == 1, expected="1", got=other)


async def _visit(judge: Judge, session: str, sent: Any) -> float | None:
    """Call the function that counts its calls; give what it says."""
    values: list[Any] | None
    if judge.target.version < (3, 1, 5):
        answer = await direct(judge, "state", [sent], session=session)
        values = outputs_of({"output": answer.value})
    else:
        async with joined(judge, "state", [sent], session=session) as event:
            values = outputs_of(await event.finish(LIMIT))
    found = values[0] if values else None
    return found if isinstance(found, int | float) else None


@scenario(ALIVE, effect=Effect.READ)
async def a_heartbeat(judge: Judge) -> None:
    """Open the heartbeat of a session."""
    told, kind = await _heartbeats(judge, 1, LIMIT)
    judge.that(
        ALIVE,
        told == ["ALIVE"] and kind is not None and kind.startswith("text/event-stream"),
        expected="an event stream with data: ALIVE",
        got=told if told and kind is not None else f"{told}, {kind}",
    )


@scenario(ALIVE_AGAIN, effect=Effect.FULL)
async def a_heartbeat_that_goes_on(judge: Judge) -> None:
    """Wait for the second heartbeat of a session. This takes 15 seconds."""
    told, _ = await _heartbeats(judge, 2, 17)
    if not told:
        judge.cannot_rest("there is no first heartbeat")
        return
    judge.that(ALIVE_AGAIN, told == ["ALIVE"] * 2, expected="data: ALIVE, twice within 15 seconds", got=told)


async def _heartbeats(judge: Judge, number: int, within: float) -> tuple[list[str], str | None]:
    """Give the first heartbeats of a session, and what kind of answer they came with, or what came instead."""
    told: list[str] = []
    async with opened(judge, "GET", "{P}/heartbeat/" + judge.unique("session")) as (stream, trouble):
        if stream is None:
            return [], trouble
        if stream.exchange.status != 200:
            return [], f"status {stream.exchange.status}"
        with trio.move_on_after(within):
            while len(told) < number and (event := await stream.next_event()) is not None:
                told.append(event.data)
        return told, stream.exchange.header("content-type")


@scenario(RENDERED, RENDERED_RUNS, RENDERED_APART, needs=["apply"], effect=Effect.CALL)
async def functions_that_come(judge: Judge) -> None:
    """Let the app render a function, and call it from its session and from another one."""
    session = judge.unique("session")
    async with joined(judge, "apply", ["here"], session=session) as event:
        message = await event.finish()
    if message is None:
        judge.cannot_rest(event.trouble)
        return
    output: Any = message.get("output")
    config = output.get("render_config") if is_object(output) else None
    index = _rendered_index(config)
    judge.that(
        RENDERED,
        index is not None and is_object(config) and "render_id" in config,
        expected="render_config with components, dependencies and render_id",
        got=config if config is not None else message,
        exchange=event.exchange,
    )
    if index is None:
        judge.cannot_rest("no function was rendered")
        return
    await _call_rendered(judge, index, session)


def _rendered_index(config: Any) -> int | None:
    """Give the ``fn_index`` of the function that was rendered."""
    if not is_object(config) or not is_list(config.get("components")):
        return None
    dependencies = config.get("dependencies")
    for dependency in dependencies if is_list(dependencies) else []:
        if is_object(dependency) and dependency.get("api_name") == "rendered":
            index = dependency.get("id")
            return index if isinstance(index, int) else None
    return None


async def _call_rendered(judge: Judge, index: int, session: str) -> None:
    message: Message | None = None
    async with joined(judge, "apply", ["call it"], session=session, fn_index=index) as event:
        message = await event.finish()
    judge.that(
        RENDERED_RUNS,
        outputs_of(message) == ["call it"],
        expected="the values of the function",
        got=message or event.trouble,
        exchange=event.exchange,
    )
    answer = await join(judge, "apply", ["call it"], judge.unique("session"), fn_index=index)
    judge.that(
        RENDERED_APART,
        answer.event_id is None,
        expected="no event of a session for which nothing was rendered",
        got=answer.got,
        exchange=answer.exchange,
    )
