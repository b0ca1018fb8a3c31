"""Mutants of what any app keeps or breaks: what stands before it, what it promises, and endpoints that are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gradproto_fake_server import FakeApp
from tests.conformance.bending import Rule, put, say, unsay
from tests.conformance.mutating import Message, Mutant, data_of, mutant

__all__ = ["MUTANTS"]


def _both_at_the_end(message: Message, earlier: Sequence[Message]) -> Iterator[Any]:
    """Say that an event is completed when the other one of the session is, too."""
    if message["msg"] == "process_completed":
        others = [one for one in earlier if one["msg"] == "process_completed"]
        yield from [*others, message] if others else []
    else:
        yield message


def _buffer_the_next_stream(app: FakeApp) -> None:
    app.inject("buffered", "GET */queue/data*")


BETWEEN = [
    Mutant(
        name="a beginning that waits",
        wrong="the first event of a stream is kept until others follow",
        change=lambda app: app.inject("buffered", "GET */heartbeat/*-the-first-event-*", times=None),
        fails={"between-first-event-at-once": "a proxy may be buffering"},
    ),
    mutant(
        "events that wait",
        "what an event says is told when another one is over",
        Rule(on=data_of("events-one-by-one"), tell=_both_at_the_end),
        {"between-events-as-they-happen": "in one lump"},
    ),
    mutant(
        "two runs of one app",
        "one of several requests reaches another run of the app",
        Rule(on="GET /config", skip=1, times=1, value=put("app_id", 7)),
        {"between-same-app": "2 of them"},
    ),
]

SERVED = [
    mutant(
        "a page that is not there",
        "the config lists a page that is not served",
        Rule(on="GET /config", value=put("pages", [["", "Home"], ["nowhere", "Nowhere"]])),
        {"served-pages": "404"},
    ),
    mutant(
        "a server for MCP in secret",
        "there is an MCP server that the config does not tell of",
        Rule(on="GET */mcp/schema", status={404: 200}),
        {"served-mcp-undeclared": "200"},
    ),
]

NAMED = [
    mutant(
        "a call without an end",
        "a call of a named endpoint is not completed",
        Rule(on=data_of("named-endpoints"), tell=unsay("process_completed")),
        {"named-ends": "/slow: the stream ended"},
        app="named",
        cuts=("named-endpoints",),
    ),
    mutant(
        "a call without a beginning",
        "a call of a named endpoint does not start",
        Rule(on=data_of("named-endpoints"), tell=unsay("process_starts")),
        {"named-order": '"process_completed"]'},
        app="named",
        cut_off=frozenset({"named-events-as-they-happen"}),
    ),
    mutant(
        "a call without values",
        "a named endpoint gives no value for its output",
        Rule(on=data_of("named-endpoints"), tell=say("process_completed", put("output.data", []))),
        {"named-outputs": '"data": []'},
        app="named",
    ),
    mutant(
        "a call in one lump",
        "the events of a named endpoint are kept until it has ended",
        Rule(
            on="POST */queue/join", by="named-endpoints", also=lambda app: app.inject("buffered", "GET */queue/data*")
        ),
        {"named-events-as-they-happen": "in one lump"},
        app="named",
    ),
]

MUTANTS = [*BETWEEN, *SERVED, *NAMED]
