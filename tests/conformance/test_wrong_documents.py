"""Configs and descriptions with anything in the place of anything: each check is decided on, and the suite goes on."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
import trio.testing

from gradproto_conformance import Effect, Options, Report, Verdict, run_async
from gradproto_conformance._clauses import version_of
from gradproto_fake_server import FakeApp
from gradproto_fake_server.trio import open_memory_server
from tests.conformance.bending import BentApp, Edit, Rule, drop, put
from tests.conformance.twin import twin

NO_LISTS: list[Any] = [None, 7, "ab", {"a": 1}, [None], [1, "a"], [[]]]
NO_VERSIONS: list[Any] = [6.31, True, [1], {"a": 1}, "9" * 5000, "6.31\x1b[31m"]

DEEP: Any = {"type": "string"}
for _ in range(250):
    DEEP = {"anyOf": [DEEP]}

LONG = "x" * 100_000
PAGES = [["", "Home"], ["second", "Second"]]


def read(on: str, edit: Edit) -> Report:
    """Give what the suite says of the documents of a server of which one is changed."""
    return read_app(twin("6.31.0", make=partial(BentApp, rules=(Rule(on=on, value=edit),), other={})))


def read_app(app: FakeApp) -> Report:
    """Give what the suite says of the documents of a server."""

    async def main() -> Report:
        async with open_memory_server(app) as network:
            return await run_async(network.url, Options(profile=Effect.READ), open_stream=network.open_stream)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


WRONG: dict[str, list[Any]] = {
    "components": NO_LISTS,
    "components.*": [True, {"a": 1}],
    "components.*.id": [{}, [1], float("nan")],
    "dependencies": [*NO_LISTS, [-1]],
    "dependencies.*.inputs": [*NO_LISTS, float("nan"), [{}]],
    "version": NO_VERSIONS,
    "pages": [[["\ud800</script>\x00", "x"]]],
}
WRONG_INFO: dict[str, list[Any]] = {
    "named_endpoints": NO_LISTS,
    "named_endpoints.*.parameters.*.type": [DEEP, LONG, [LONG], None],
}
CHANGES = [
    *(pytest.param("GET /config", put(path, value), id=path) for path, values in WRONG.items() for value in values),
    *(
        pytest.param("GET */info*", put(path, value), id=path)
        for path, values in WRONG_INFO.items()
        for value in values
    ),
    pytest.param("GET /config", drop("version"), id="no version"),
]


@pytest.mark.parametrize(("on", "edit"), CHANGES)
def test_nothing_in_a_document_breaks_the_suite(on: str, edit: Edit) -> None:
    report = read(on, edit)
    broken = [f"{one.check.id}: {one.reason}" for one in report.results if one.verdict is Verdict.ERROR]
    assert broken == []
    texts = [text for one in report.results for text in (one.reason, one.got, *one.expected)]
    assert max(map(len, texts)) < 3000


@pytest.mark.parametrize(
    "prefix", ["@elsewhere", ".elsewhere", ":1", "elsewhere/", "\r\nX: y", "/a b", "/a?b", "/#", "/é", 7]
)
def test_no_prefix_leads_to_another_host(prefix: Any) -> None:
    report = read("GET /config", put("api_prefix", prefix))
    asked = {urlsplit(one.request.url).netloc for result in report.results for one in result.exchanges}
    assert len(asked) == 1
    verdicts = {one.check.id: one.verdict for one in report.results}
    assert verdicts["base-prefix"] is Verdict.FAIL
    assert Verdict.ERROR not in verdicts.values()


def test_a_prefix_below_which_nothing_answers_is_none() -> None:
    app = twin("6.31.0")
    app.inject("cut", "GET */info*", times=None)
    results = {one.check.id: one for one in read_app(app).results}
    assert results["base-prefix"].verdict is Verdict.FAIL
    assert "without an answer" in results["base-prefix"].got


def test_a_page_that_never_answers_is_not_served() -> None:
    app = twin("6.31.0", make=partial(BentApp, rules=(Rule(on="GET /config", value=put("pages", PAGES)),), other={}))
    app.inject("cut", "GET /second", times=None)
    results = {one.check.id: one for one in read_app(app).results}
    assert results["served-pages"].verdict not in (Verdict.PASS, Verdict.ERROR)
    assert results["served-pages"].expected == ("status 200 for the page 'second'",)


def test_a_version_of_thousands_of_digits_is_read() -> None:
    assert version_of("6." + "9" * 5000) == (6, 999_999_999)
