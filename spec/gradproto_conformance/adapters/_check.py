"""The checks that are for use: an adapter, a driver or a stream goes through all scenarios."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import cast

from gradproto import ArgumentError, Event, Session
from gradproto._record import record
from gradproto.wire import WireClient

from ._obligations import BYTES, SESSION, STREAM, Door, Duty, number_of
from ._scenarios import NO_WEBSOCKETS, SCENARIOS
from ._stage import Play, Scenario, play

__all__ = ["AdapterFailed", "BrokenObligation", "Checked", "check", "check_adapter", "check_callable", "check_driver"]

_LONGEST = 86400.0
_TITLES = {"SESSION": SESSION, "BYTES": BYTES, "STREAM": STREAM}


@record(frozen=True, slots=True, kw_only=True)
class BrokenObligation:
    """An obligation, by its number in ``spec/embedding.md``, and how it was seen to be broken in which scenario."""

    obligation: str
    title: str
    scenario: str
    seen: str

    def __str__(self) -> str:
        return f"{self.obligation} {self.title} [{self.scenario}]: {self.seen}"


@record(frozen=True, slots=True, kw_only=True)
class Checked:
    """The names of the scenarios that went well, and of those that were left out."""

    passed: tuple[str, ...]
    left_out: tuple[str, ...]


class AdapterFailed(AssertionError):
    """Which obligations an I/O layer broke; ``broken`` has them one by one."""

    def __init__(self, broken: tuple[BrokenObligation, ...], skipped: int = 0) -> None:
        lines = [str(one) for one in broken]
        if skipped:
            lines.append(f"The other {skipped} scenarios were not tried: without the first nothing can go well.")
        super().__init__("\n".join(["the I/O layer broke what it owes:", *lines]))
        self.broken = broken

    @property
    def obligations(self) -> tuple[str, ...]:
        """The numbers of the obligations that were broken, each once."""
        return tuple(dict.fromkeys(one.obligation for one in self.broken))


def check_adapter(
    drive: Callable[[Session, Callable[[Event], bool]], None],
    *,
    websockets: bool = True,
    only: Collection[str] | None = None,
    limit: float = 10.0,
) -> Checked:
    """Let an adapter at the session door go through the behaviour scenarios, against fake servers on this machine.

    ``drive(session, on_event)`` carries out the session's commands, reports the facts, keeps its timers, and hands each
    event to ``on_event`` until that returns True; then it releases everything and returns. ``on_event`` may call the
    session. With ``websockets=False`` the adapter says of itself that it has none: then the generations of Gradio that
    want them are left out, and it has to refuse one at once. ``only`` are the names of scenarios; ``limit`` is in
    seconds, for each of them. An adapter that hangs is left behind on a daemon thread.

    One check at a time: a thread that somebody else starts meanwhile is taken for the adapter's.

    Raises `AdapterFailed`, an ``AssertionError``, with every obligation that was broken, and `ArgumentError` for
    arguments with which there is nothing to be checked.
    """
    check_callable("drive", drive)
    return check(
        "SESSION", lambda session, _, on_event: drive(session, on_event), websockets=websockets, only=only, limit=limit
    )


def check_driver(
    drive: Callable[[WireClient, Callable[[Event], bool]], None],
    *,
    only: Collection[str] | None = None,
    limit: float = 10.0,
) -> Checked:
    """Let a driver at the bytes door go through the behaviour scenarios, against fake servers on this machine.

    ``drive(client, on_event)`` carries out the wire client's actions, reports what happened, and hands each event to
    ``on_event`` until that returns True; then it closes all connections and returns. The rest is as with
    `check_adapter`.
    """
    check_callable("drive", drive)
    return check("BYTES", lambda _, client, on_event: drive(client, on_event), websockets=True, only=only, limit=limit)


def check(door: Door, adapter: Play, *, websockets: bool, only: Collection[str] | None, limit: float) -> Checked:
    """Let anything go through the scenarios, and raise `AdapterFailed` where it does not go well."""
    chosen = _chosen(only)
    if not isinstance(cast(object, websockets), bool):
        raise ArgumentError(f"websockets is {websockets!r:.80}: it must be True or False")
    _check_limit(limit)
    tried = [scenario for scenario in chosen if _is_for(scenario, door, websockets)]
    left_out = tuple(scenario.name for scenario in chosen if scenario not in tried)
    if not websockets and NO_WEBSOCKETS not in tried and any(scenario.websockets for scenario in chosen):
        tried.append(NO_WEBSOCKETS)
    broken: list[BrokenObligation] = []
    passed: list[str] = []
    for position, scenario in enumerate(tried):
        found = play(scenario, door, adapter, limit)
        broken += [_told(door, scenario.name, duty, seen) for duty, seen in found.items()]
        if not found:
            passed.append(scenario.name)
        elif scenario is SCENARIOS[0]:
            raise AdapterFailed(tuple(broken), skipped=len(tried) - position - 1)
    if broken:
        raise AdapterFailed(tuple(broken))
    return Checked(passed=tuple(passed), left_out=left_out)


def check_callable(what: str, given: object) -> None:
    """Raise `ArgumentError` for what cannot be called, or would do nothing but give a coroutine."""
    if not callable(given):
        raise ArgumentError(f"{what} is of type {type(given).__name__}: it must be a function")
    if iscoroutinefunction(given) or isgeneratorfunction(given) or isasyncgenfunction(given):
        raise ArgumentError(
            f"{what} is an async function or a generator: calling it does nothing",
            hint="a function that starts its event loop itself is wanted, as with asyncio.run() or trio.run()",
        )


def _check_limit(limit: object) -> None:
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit <= threading.TIMEOUT_MAX:
        raise ArgumentError(f"limit is {limit!r:.80}: it must be a number of seconds, more than none")


def _is_for(scenario: Scenario, door: Door, websockets: bool) -> bool:
    if scenario is NO_WEBSOCKETS:
        return not websockets
    return (websockets or not scenario.websockets) and not (door == "STREAM" and scenario.ordered)


def _chosen(only: Collection[str] | None) -> list[Scenario]:
    if only is None:
        return list(SCENARIOS)
    given = cast(object, only)
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise ArgumentError(f"only is of type {type(given).__name__}: it must be a list of names")
    wanted = list(only)  # it may be one that gives its names but once
    every = (*SCENARIOS, NO_WEBSOCKETS)
    names = [scenario.name for scenario in every]
    unknown = [name for name in wanted if name not in names]
    if unknown or not wanted:
        raise ArgumentError(f"no scenarios: {unknown!r:.200}; there are {', '.join(names)}")
    return [scenario for scenario in every if scenario.name in wanted]


def _told(door: Door, scenario: str, duty: Duty, seen: str) -> BrokenObligation:
    return BrokenObligation(obligation=number_of(door, duty), title=_TITLES[door][duty], scenario=scenario, seen=seen)
