"""The clauses of the specification, read from the pages in ``clauses/``.

A clause is a heading with its id and title, a line with its level, its range of versions and its sources, and its
text::

    ### QUEUE-1.1 Joining

    > must · from 4.9.0 · routes.py: queue_join

    `POST {P}/queue/join` takes ...
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from gradproto._record import record

__all__ = ["PAGES", "Clause", "Level", "Page", "Version", "clauses", "pages", "version_of"]

Version = tuple[int, ...]

PAGES = (
    "base",
    "config",
    "info",
    "payload",
    "file",
    "poll",
    "ws",
    "own",
    "queue",
    "event",
    "diff",
    "cancel",
    "state",
    "auth",
    "direct",
    "call",
    "stream",
    "space",
    "client",
)
"""The areas, in the order in which one reads them."""

_HEADING = re.compile(r"### ([A-Z]+-\d+\.\d+) (\S.*)")
_FACTS = re.compile(
    r"> (must|should|may) · (every version|from [\d.]+|before [\d.]+|from [\d.]+ before [\d.]+)(?: · (\S.*))?"
)
_BOUND = re.compile(r"(from|before) ([\d.]+)")


class Level(Enum):
    """How much hangs on a clause."""

    MUST = "must"
    """An official client breaks without it."""
    SHOULD = "should"
    """Every release in its range does it, and a careful client relies on it."""
    MAY = "may"
    """Good to know."""


@record(frozen=True, slots=True, kw_only=True)
class Clause:
    """One sentence or a few that a server, or a client, keeps or breaks.

    It holds for versions from ``since`` on, before ``until``; ``None`` is no bound. ``source`` is where in Gradio it
    can be read, empty for what a client owes.
    """

    id: str
    title: str
    level: Level
    since: Version | None
    until: Version | None
    source: str
    text: str

    def holds_for(self, version: Version) -> bool:
        """Whether the clause is about this version of Gradio."""
        return (self.since is None or version >= self.since) and (self.until is None or version < self.until)

    @property
    def range(self) -> str:
        """The versions, in words."""
        bounds = [("from", self.since), ("before", self.until)]
        words = [f"{word} {'.'.join(map(str, version))}" for word, version in bounds if version is not None]
        return " ".join(words) or "every version"


@record(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the specification: its title, what it says first, and its clauses."""

    name: str
    title: str
    introduction: str
    clauses: tuple[Clause, ...]


def version_of(text: str) -> Version:
    """Give ``"4.44.1"`` as ``(4, 44, 1)``; what follows the numbers, as in ``5.0.0b3``, does not count."""
    # What has more digits is no number of a release; Python refuses to read thousands of them.
    return tuple(int(number[:9]) for number in re.findall(r"[0-9]+", text.strip().partition("b")[0])[:3])


@cache
def pages() -> tuple[Page, ...]:
    """Give the pages, in the order of reading."""
    folder = files("gradproto_conformance") / "clauses"
    return tuple(_read_page(name, (folder / f"{name}.md").read_text(encoding="utf-8")) for name in PAGES)


@cache
def clauses() -> Mapping[str, Clause]:
    """Give all clauses by their ids, in the order of reading."""
    found: dict[str, Clause] = {}
    for page in pages():
        for clause in page.clauses:
            if clause.id in found:
                raise ValueError(f"there are two clauses {clause.id}")
            found[clause.id] = clause
    return MappingProxyType(found)


def _read_page(name: str, text: str) -> Page:
    head, *sections = re.split(r"^(?=### )", text, flags=re.MULTILINE)
    title, _, introduction = head.partition("\n")
    return Page(
        name=name,
        title=title.removeprefix("# "),
        introduction=introduction.strip(),
        clauses=tuple(_read_clause(name, section) for section in sections),
    )


def _read_clause(page: str, section: str) -> Clause:
    heading, _, rest = section.partition("\n\n")
    facts, _, text = rest.partition("\n\n")
    head = _HEADING.fullmatch(heading)
    if head is None:
        raise ValueError(f"{page}.md: {heading!r:.80} is no heading of a clause")
    said = _FACTS.fullmatch(facts)
    if said is None or not text.strip():
        raise ValueError(f"{page}.md: {head[1]} has no line with its level and versions, or no text")
    bounds = dict(_BOUND.findall(said[2]))
    return Clause(
        id=head[1],
        title=head[2],
        level=Level(said[1]),
        since=version_of(bounds["from"]) if "from" in bounds else None,
        until=version_of(bounds["before"]) if "before" in bounds else None,
        source=said[3] or "",
        text=text.strip(),
    )
