"""Endpoints that the user of the suite has named: what can be seen of an app that is not the fixture app."""

from __future__ import annotations

from typing import Any

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._exchange import Exchange
from gradproto_conformance._judge import Judge
from gradproto_conformance._values import is_list, is_object

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
_LONG, _TOGETHER = 1.0, 0.05  # seconds: in a call that takes long, the beginning does not come with the end


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
    _judge_arrival(judge, name, event.exchange)


def _judge_arrival(judge: Judge, name: str, exchange: Exchange | None) -> None:
    pieces = [] if exchange is None else exchange.pieces
    if not pieces or pieces[-1].at < _LONG:
        judge.skip(IN_STEPS, f"the call of /{name} is too short for that: it takes less than {_LONG:g} s")
        return
    spread = pieces[-1].at - pieces[0].at
    judge.that(
        IN_STEPS,
        spread > _TOGETHER,
        expected="events while the function runs",
        got=f"all of /{name} within {spread:.3f} s{'' if spread > _TOGETHER else ': ' + IN_A_LUMP}",
        exchange=exchange,
    )


def _outputs(judge: Judge, name: str) -> int | None:
    """Give how many outputs the config says that an endpoint has."""
    dependencies: Any = judge.target.config.get("dependencies")
    for one in dependencies if is_list(dependencies) else []:
        if is_object(one) and one.get("api_name") == name and is_list(one.get("outputs")):
            return len(one["outputs"])
    return None
