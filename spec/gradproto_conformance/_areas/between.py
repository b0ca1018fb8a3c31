"""BASE, as far as it hangs on what stands between the client and the server: proxies, and who else serves the app."""

from __future__ import annotations

import trio

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._exchange import Exchange
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, Answer, Hearing, Message, document, is_object, message_of, opened
from ._joining import join
from ._yard import gate

__all__ = ["IN_A_LUMP", "REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

AT_ONCE = check("between-first-event-at-once", "The first event of a stream arrives at once", "BASE-1.8")
IN_STEPS = check("between-events-as-they-happen", "Events arrive as they happen", "BASE-1.8")
SAME_APP = check("between-same-app", "All requests reach the same run of the app", "BASE-1.11")

IN_A_LUMP = "events arrive in one lump at the end: a proxy is buffering"

_FIRST, _SECOND = 2.0, 4.0  # seconds: together less than the fixture's functions wait for their gate
_ALL = 3 * LIMIT  # seconds for what comes when they may go on
_TIMES = 8  # two replicas that take turns by chance hide from so many requests once in 128 runs


@scenario(AT_ONCE)
async def the_first_event(judge: Judge) -> None:
    """Open a stream that says something at once, and then nothing for 15 seconds: a heartbeat."""
    if judge.target.version < (4, 25):
        judge.skip(AT_ONCE, "a session has no heartbeat")
        return
    async with opened(judge, "GET", "{P}/heartbeat/" + judge.unique("session")) as (stream, trouble):
        if stream is not None and stream.exchange.status != 200:
            judge.cannot(AT_ONCE, f"status {stream.exchange.status} in place of a stream")
            return
        data, trouble = b"", trouble or "nothing"
        if stream is not None:
            with trio.move_on_after(LIMIT):
                data = await stream.read()
            trouble = "the end" if stream.exchange.ended else trouble
    judge.that(
        AT_ONCE,
        bool(data),
        expected=f"a first event within {LIMIT:g} s",
        got=data.decode("utf-8", "replace") or f"{trouble}: a proxy may be buffering",
        exchange=None if stream is None else stream.exchange,
    )


@scenario(IN_STEPS, needs=["steps", "open_gate", "echo"], effect=Effect.CALL)
async def events_one_by_one(judge: Judge) -> None:
    """Let one event of a session wait, and hear all of another meanwhile, on the same stream.

    What a proxy reads together with the head of the answer it passes on at once; so the first messages show nothing.
    """
    if judge.target.version < (4, 9):
        judge.skip(IN_STEPS, "a session has no stream of its own")
        return
    session = judge.unique("session")
    begun, completed = trio.Event(), trio.Event()
    told: list[Message] = []
    trouble = "nothing"
    exchange: Exchange | None = None

    async def hear() -> None:
        nonlocal trouble, exchange
        query = {"session_hash": session}
        # A proxy may hold back the head of the answer, too: this goes on when the gate is open.
        async with opened(judge, "GET", "{P}/queue/data", within=_ALL, query=query) as (stream, trouble):
            if stream is None:
                return
            exchange = stream.exchange
            heard = Hearing(lambda: message_of(stream), exchange=exchange)
            while len(told) < 2 and (message := await heard.next(_ALL)) is not None:
                begun.set()
                if message.get("msg") == "process_completed":
                    told.append(message)
                    completed.set()
            trouble = heard.trouble

    async with gate(judge) as door:
        first = await join(judge, "steps", [door.name, 2], session)
        async with judge.together() as begin:
            begin(hear)
            with trio.move_on_after(_FIRST):
                await begun.wait()
            second = await join(judge, "echo", ["between"], session)
            with trio.move_on_after(_SECOND):
                await completed.wait()
            meanwhile = told[0] if told else None
            await door.open()
    if first.event_id is None or second.event_id is None:
        judge.cannot(IN_STEPS, f"the joins got {first.got} and {second.got}")
    elif not told:
        judge.cannot(IN_STEPS, trouble)
    else:
        judge.that(
            IN_STEPS,
            meanwhile is not None and meanwhile.get("event_id") == second.event_id,
            expected="process_completed of one event while another one waits",
            got=meanwhile or f"nothing within {_SECOND:g} s, and all of it later: {IN_A_LUMP}",
            exchange=exchange,
        )


@scenario(SAME_APP)
async def one_app(judge: Judge) -> None:
    """Ask for the config several times at once, on connections of their own, with the cookies of the first answer."""
    first = await document(judge, "/config")
    answered = () if first.exchange is None else first.exchange.headers
    cookies = [value.partition(";")[0] for name, value in answered if name.lower() == "set-cookie"]
    own = [value for name, value in judge.probe.headers if name.lower() == "cookie"]
    headers = [("cookie", "; ".join([*own, *cookies]))] if cookies else []
    answers = [first]

    async def again() -> None:
        answers.append(await document(judge, "/config", headers=headers))

    async with judge.together() as begin:
        for _ in range(_TIMES - 1):
            begin(again)
    silent = [answer.got for answer in answers if answer.status is None]
    found = {_run_of(answer) for answer in answers} - {None}
    if silent and len(found) < 2:
        judge.cannot(SAME_APP, f"{len(silent)} of {_TIMES} configs did not come: {silent[0]}")
        return
    if not found:
        judge.cannot(SAME_APP, "the config has no app_id")
        return
    judge.that(
        SAME_APP,
        len(found) == 1,
        expected=f"the same app_id in {_TIMES} configs",
        got=f"{len(found)} of them: cookies are lost, or there are several replicas without affinity"
        if len(found) > 1
        else "one",
        exchange=first.exchange,
    )


def _run_of(answer: Answer) -> str | None:
    found = answer.value.get("app_id") if is_object(answer.value) else None
    return None if found is None else str(found)
