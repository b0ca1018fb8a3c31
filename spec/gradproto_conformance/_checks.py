"""What is checked, and what can come of it: checks cite clauses, and scenarios decide on checks.

A check has an id that never changes, and is about one or more clauses; how much hangs on it, and which versions it is
for, follows from those. One scenario makes one exchange, or a few, and decides on many checks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING

from gradproto._record import field, record

from ._clauses import Clause, Level, Version, clauses

if TYPE_CHECKING:
    from ._exchange import Exchange
    from ._judge import Judge

__all__ = ["BAD", "Check", "Effect", "Registry", "Result", "Scenario", "Verdict"]

_LEVELS = (Level.MUST, Level.SHOULD, Level.MAY)


class Effect(Enum):
    """What a scenario does to the server, in the order of harm; each is allowed by the profile of its name."""

    READ = "read"
    """Asks for documents only."""
    CALL = "call"
    """Calls functions of the app."""
    FULL = "full"
    """Uploads, cancels, fills queues, sends what is wrong."""


class Verdict(Enum):
    """What came of a check."""

    PASS = "pass"
    FAIL = "fail"
    """What came is not what should, which no answer in time is not either, nor one that was cut."""
    WARN = "warn"
    """It fails, and is a should or a may."""
    SKIP = "skip"
    """It is not about this server."""
    UNTESTABLE = "untestable"
    """It is about this server, and could not be exercised: what comes before it did not go well, as the reason says."""
    ERROR = "error"
    """The suite or the network failed, not the server: nobody could be reached, or the time for it was over."""


BAD = (Verdict.FAIL, Verdict.WARN, Verdict.UNTESTABLE, Verdict.ERROR)
"""What a person wants to see first."""


@record(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that a server keeps or breaks."""

    id: str
    title: str
    clauses: tuple[Clause, ...]

    @property
    def level(self) -> Level:
        """The highest of its clauses."""
        return min((clause.level for clause in self.clauses), key=_LEVELS.index)

    @property
    def since(self) -> Version | None:
        """The first version that all its clauses are about; ``None``: any."""
        return max((clause.since for clause in self.clauses if clause.since is not None), default=None)

    @property
    def until(self) -> Version | None:
        """The first version that they are not about any more; ``None``: none."""
        return min((clause.until for clause in self.clauses if clause.until is not None), default=None)

    def is_about(self, version: Version) -> bool:
        """Whether all its clauses hold for this version of Gradio."""
        return all(clause.holds_for(version) for clause in self.clauses)


@record(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one check, and why. ``expected`` are the answers that would have been right.

    ``exchange`` is the one that decided, ``exchanges`` all those of the scenario, where it is not as it should be.
    """

    check: Check
    verdict: Verdict
    reason: str = ""
    expected: tuple[str, ...] = ()
    got: str = ""
    exchange: Exchange | None = field(default=None, repr=False)
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)


@record(frozen=True, slots=True, kw_only=True)
class Scenario:
    """An exchange with a server, and the checks that it decides on.

    ``needs``: what the app must have, as names of endpoints of the fixture app, ``login``, or ``endpoint`` for one that
    the user of the suite has named.
    """

    name: str
    checks: tuple[Check, ...]
    needs: frozenset[str]
    effect: Effect
    run: Callable[[Judge], Awaitable[None]]


class Registry:
    """The checks and scenarios of one area; modules declare theirs with it."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}
        self.scenarios: list[Scenario] = []

    def check(self, id: str, title: str, *cited: str) -> Check:
        """Declare a check: its id, what it says, and the ids of the clauses that it is about."""
        if id in self.checks:
            raise ValueError(f"there are two checks {id}")
        if not cited:
            raise ValueError(f"the check {id} cites no clause")
        known = clauses()
        check = Check(id=id, title=title, clauses=tuple(known[clause] for clause in cited))
        self.checks[id] = check
        return check

    def scenario(
        self, *checks: Check, needs: Iterable[str] = (), effect: Effect = Effect.READ
    ) -> Callable[[Callable[[Judge], Awaitable[None]]], Callable[[Judge], Awaitable[None]]]:
        """Declare the decorated function as the scenario that decides on these checks."""

        def declare(run: Callable[[Judge], Awaitable[None]]) -> Callable[[Judge], Awaitable[None]]:
            name = getattr(run, "__name__", "scenario").replace("_", "-")
            self.scenarios.append(Scenario(name=name, checks=checks, needs=frozenset(needs), effect=effect, run=run))
            return run

        return declare
