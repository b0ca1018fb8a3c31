"""POLL: the polled queue of Gradio 2 and 3.0."""

from __future__ import annotations

from typing import Any

import trio

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import Answer, ask, is_object

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

PUSHED = check("poll-push-answers-hash", "Pushing a job gives its hash and its place", "POLL-1.1")
ON_ITS_WAY = check("poll-status-on-its-way", "A job that is not over is queued or pending", "POLL-1.2")
COMPLETE = check("poll-status-complete", "A job that is over is told with its values", "POLL-1.2")
FAILED = check("poll-status-failed", "A job that failed is told with its error", "POLL-1.2")
ONCE = check("poll-result-is-told-once", "A result is told once", "POLL-1.3")

PATIENCE = 8.0  # seconds; the server looks at its queue once a second, and may have others to serve first


@scenario(PUSHED, ON_ITS_WAY, COMPLETE, ONCE, needs=["echo"], effect=Effect.CALL)
async def a_job(judge: Judge) -> None:
    """Push a job, and ask for it until it is over."""
    answer = await _push(judge, "echo")
    job = _hash_of(answer)
    place = answer.value.get("queue_position") if is_object(answer.value) else None
    judge.that(
        PUSHED,
        job is not None and isinstance(place, int) and place >= 0,
        expected='status 200 and {"hash", "queue_position"}',
        got=answer.got,
        exchange=answer.exchange,
    )
    if job is None:
        judge.cannot_rest("there is no job")
        return
    waited, last = await _ask_until_over(judge, job)
    strange = [one.got for one in waited if not _is_on_its_way(one)]
    judge.that(
        ON_ITS_WAY,
        not strange,
        expected='{"status": "QUEUED", "data": <place>} or {"status": "PENDING"}',
        got=strange[:1] or "",
    )
    if last is None:
        judge.that(COMPLETE, False, expected="the end of the job", got=f"still {waited[-1].got if waited else ''}")
        judge.cannot_rest("the job did not end")
        return
    result = last.value.get("data")
    judge.that(
        COMPLETE,
        last.value.get("status") == "COMPLETE" and is_object(result) and result.get("data") == ["pushed"],
        expected='{"status": "COMPLETE", "data": {"data": ["pushed"]}}',
        got=last.got,
        exchange=last.exchange,
    )
    again = await ask(judge, "POST", "/api/queue/status/", value={"hash": job})
    judge.that(ONCE, again.status == 500, expected="status 500", got=again.got, exchange=again.exchange)


@scenario(FAILED, needs=["fail"], effect=Effect.CALL)
async def a_job_that_fails(judge: Judge) -> None:
    """Push a job whose function raises."""
    answer = await _push(judge, "fail")
    job = _hash_of(answer)
    if job is None:
        judge.cannot_rest(f"there is no job: {answer.got}")
        return
    waited, last = await _ask_until_over(judge, job)
    judge.that(
        FAILED,
        last is not None and last.value.get("status") == "FAILED" and isinstance(last.value.get("data"), str),
        expected='{"status": "FAILED", "data": <text>}',
        got=last.got if last is not None else f"still {waited[-1].got if waited else ''}",
        exchange=last.exchange if last is not None else None,
    )


async def _push(judge: Judge, name: str) -> Answer:
    value: dict[str, Any] = {"action": "predict", "data": ["pushed"]}
    if judge.target.version >= (3,):
        value |= {"fn_index": judge.target.endpoints[name], "session_hash": judge.unique("session")}
    return await ask(judge, "POST", "/api/queue/push/", value=value)


def _hash_of(answer: Answer) -> str | None:
    found = answer.value.get("hash") if answer.status == 200 and is_object(answer.value) else None
    return found if isinstance(found, str) and found else None


async def _ask_until_over(judge: Judge, job: str) -> tuple[list[Answer], Answer | None]:
    """Give what was told of a job while it was not over, and its end; ``None`` if that does not come."""
    waited: list[Answer] = []
    with trio.move_on_after(PATIENCE):
        while True:
            answer = await ask(judge, "POST", "/api/queue/status/", value={"hash": job})
            status = answer.value.get("status") if is_object(answer.value) else None
            if status in ("COMPLETE", "FAILED"):
                return waited, answer
            waited.append(answer)
            if not _is_on_its_way(answer):
                break
            await trio.sleep(0.2)
    return waited, None


def _is_on_its_way(answer: Answer) -> bool:
    if answer.status != 200 or not is_object(answer.value):
        return False
    status, place = answer.value.get("status"), answer.value.get("data")
    return status == "PENDING" or (status == "QUEUED" and isinstance(place, int))
