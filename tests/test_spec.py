from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from gradproto import ConnectError, LocalProtocolError, Session
from gradproto._dialects import DIALECTS, Dialect, parse_version
from gradproto_conformance._clauses import pages
from gradproto_conformance.adapters._obligations import BYTES, SESSION, STREAM, Door, Duty, number_of

SPEC = Path(__file__).parent.parent / "spec"


def rendered(script: str) -> str:
    """Return what a script of the spec would write."""
    found = importlib.util.spec_from_file_location(script, SPEC / f"{script}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    page: str = module.render()
    return page


@pytest.mark.parametrize("page", ["states", "deviations", "embedding"])
def test_the_page_is_that_of_the_tables(page: str) -> None:
    written = (SPEC / f"{page}.md").read_text(encoding="utf-8")
    assert written == rendered(f"render_{page}"), f"run: python spec/render_{page}.py"


def links(page: Path) -> list[str]:
    """Where a page leads to."""
    text = page.read_text(encoding="utf-8")
    return [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r"^\[[^\]]+\]: (\S+)", text, re.MULTILINE)]


def test_the_obligations_that_are_checked_are_those_of_the_page() -> None:
    page = (SPEC / "embedding.md").read_text(encoding="utf-8")
    doors: dict[Door, Mapping[Duty, str]] = {"SESSION": SESSION, "BYTES": BYTES, "STREAM": STREAM}
    checked = [f"{number_of(door, duty)} {title}" for door, duties in doors.items() for duty, title in duties.items()]
    assert re.findall(r"^### (.*)", page, re.MULTILINE) == checked


@pytest.mark.parametrize("state", ["NEW", "FETCHING_CONFIG", "FAILED", "CLOSED"])
def test_what_the_page_wants_a_ready_session_for_no_other_does(state: str) -> None:
    page = (SPEC / "embedding.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if "| `READY` |" in line)
    names = re.findall(r"`(\w+)\(\)`", row)
    assert {"submit", "send", "reset_session"} <= set(names)
    session = Session("http://app.test", entropy=bytes)
    if state != "NEW":
        session.connect()
    if state == "FAILED":
        session.exchange_failed(0, ConnectError("nobody listens"))
    elif state == "CLOSED":
        session.close()
    assert session.state.value == state
    for name in names:
        method = getattr(session, name)
        wanted = [one for one in inspect.signature(method).parameters.values() if one.default is one.empty]
        with pytest.raises(LocalProtocolError, match=f"when the session is {state}$"):
            method(*[None] * len(wanted))


PAGES = sorted(SPEC.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(SPEC).as_posix())
def test_every_link_leads_to_something(page: Path) -> None:
    for link in links(page):
        if not link.startswith("https://"):
            path, _, heading = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert target.is_relative_to(SPEC), f"{link} leads out of the specification"
            assert not heading or heading in headings(target), link


def headings(page: Path) -> set[str]:
    """What one can link to in a page, as GitHub names it."""
    found = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def index() -> str:
    return (SPEC / "README.md").read_text(encoding="utf-8")


def rows(section: str) -> list[list[str]]:
    """The cells of the table in a section of the index, without its head."""
    text = index().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return lines[1:]


def test_the_index_has_every_page_of_clauses_in_their_order() -> None:
    found = [
        f"[{page.title.partition(': ')[0]}](gradproto_conformance/clauses/{page.name}.md) | "
        f"{page.title.partition(': ')[2]}"
        for page in pages()
    ]
    assert [" | ".join(row) for row in rows("The clauses")] == found


@pytest.mark.parametrize("folder", ["schemas", "vectors"])
def test_the_index_has_every_schema_and_every_vector(folder: str) -> None:
    assert {link for link in links(SPEC / "README.md") if re.fullmatch(rf"{folder}/\w+\.json", link)} == {
        f"{folder}/{path.name}" for path in (SPEC / folder).glob("*.json")
    }


def test_the_index_leads_to_everything_that_a_reader_may_want() -> None:
    linked = {(SPEC / link).resolve() for link in links(SPEC / "README.md")}
    assert {page for page in PAGES if page != SPEC / "README.md"} <= linked


# What the core calls things, and what the index does.
QUEUES = {"polling": "polled", "websocket": "websocket", "own stream": "own stream", "stream": "session stream"}


def test_the_generations_of_the_index_are_those_of_the_core() -> None:
    def facts(dialect: Dialect) -> list[str]:
        protocol = f"`{dialect.protocol}`" if dialect.protocol.startswith("sse") else "none"
        outputs = "none" if dialect.queue == "polling" else "edits" if dialect.diffs else "whole"
        return [protocol, QUEUES[dialect.queue], outputs, dialect.payload]

    told = {}
    for since, protocol, queue, outputs, files, _ in rows("The generations"):
        version = parse_version(since)
        told[version] = [protocol, re.sub(r"\[(.*)\]\(.*\)", r"\1", queue), outputs, files]
        assert told[version] == facts(next(one for one in DIALECTS if version >= one.since)), since
    # Wherever one of these facts changes, there is a row.
    for newer, older in pairwise(DIALECTS):
        assert facts(newer) == facts(older) or newer.since in told, newer.since
