"""Endpoints that the user of the suite has named: what can be seen of an app that is not the fixture app."""

from __future__ import annotations

from typing import Any

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._exchange import Exchange
from gradproto_conformance._json import is_list, is_object
from gradproto_conformance._judge import Judge

from ._joining import Event, joined, outputs_of
from .between import IN_A_LUMP

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

ENDS = check("named-ends", "A call of a named endpoint ends", "EVENT-1.2")
ORDER = check("named-order", "A call of a named endpoint starts before it is completed", "EVENT-1.1")
SUCCEEDS = check("named-outputs", "A named endpoint gives a value for each of its outputs", "EVENT-2.6")
IN_STEPS = check("named-events-as-they-happen", "Events of a named endpoint arrive as they happen", "BASE-1.8")

_PATIENCE = 3600.0  # seconds; the limit is that of the scenario
_LONG = 1.0  # seconds: in a call that takes longer, the beginning does not come with the end


@scenario(ENDS, ORDER, SUCCEEDS, IN_STEPS, needs=["endpoint"], effect=Effect.CALL)
async def named_endpoints(judge: Judge) -> None:
    """Call each named endpoint with the inputs that were given for it."""
    for name, data in judge.target.named.items():
        async with joined(judge, name, data) as event:
            completed = await event.finish(_PATIENCE)
        _judge_call(judge, name, event, completed)


def _judge_call(judge: Judge, name: str, event: Event, completed: dict[str, Any] | None) -> None:
    judge.that(
        ENDS,
        completed is not None,
        expected="process_completed",
        got=completed or f"/{name}: {event.trouble}",
        exchange=event.exchange,
    )
    if completed is None:
        judge.cannot_rest(f"the call of /{name} does not end")
        return
    kinds = event.kinds
    judge.that(
        ORDER,
        "process_starts" in kinds and kinds.index("process_starts") < kinds.index("process_completed"),
        expected="process_starts, then process_completed",
        got=kinds,
        exchange=event.exchange,
    )
    values, outputs = outputs_of(completed), _outputs(judge, name)
    judge.that(
        SUCCEEDS,
        completed.get("success") is True and values is not None and (outputs is None or len(values) == outputs),
        expected=f"success, and {'values' if outputs is None else f'{outputs} values'} of /{name}",
        got=completed,
        exchange=event.exchange,
    )
    _judge_arrival(judge, name, completed, event.exchange)


def _judge_arrival(judge: Judge, name: str, completed: dict[str, Any], exchange: Exchange | None) -> None:
    """Compare how long the function ran, as the server says, with how long that took here."""
    output = completed.get("output")
    duration = output.get("duration") if is_object(output) else None
    began, ended = _arrival(exchange, b"process_starts"), _arrival(exchange, b"process_completed")
    if not isinstance(duration, int | float) or began is None or ended is None:
        judge.cannot(IN_STEPS, f"it cannot be seen how long /{name} ran")
    elif duration < _LONG:
        judge.skip(IN_STEPS, f"the call of /{name} is too short for that: it takes less than {_LONG:g} s")
    else:
        right = ended - began > duration / 2
        judge.that(
            IN_STEPS,
            right,
            expected=f"{duration:.1f} s between process_starts and process_completed of /{name}",
            got=f"{ended - began:.1f} s{'' if right else ': ' + IN_A_LUMP}",
            exchange=exchange,
        )


def _arrival(exchange: Exchange | None, word: bytes) -> float | None:
    """Give when a word was there, in seconds since the request."""
    body = b""
    for piece in () if exchange is None else exchange.pieces:
        body = body[-len(word) :] + piece.data
        if word in body:
            return piece.at
    return None


def _outputs(judge: Judge, name: str) -> int | None:
    """Give how many outputs the config says that an endpoint has."""
    dependencies: Any = judge.target.config.get("dependencies")
    for one in dependencies if is_list(dependencies) else []:
        if is_object(one) and one.get("api_name") == name and is_list(one.get("outputs")):
            return len(one["outputs"])
    return None
