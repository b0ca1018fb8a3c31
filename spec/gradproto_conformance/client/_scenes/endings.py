"""Calls that fail: each must end, and say so."""

from __future__ import annotations

from typing import Any

from gradproto_conformance._checks import Check
from gradproto_conformance.client._contract import Task
from gradproto_conformance.client._stage import Playbook, Scene, Stage
from gradproto_fake_server import Estimation, Starts

__all__ = ["PLAYBOOK"]

PLAYBOOK = Playbook()
check, scene = PLAYBOOK.check, PLAYBOOK.scene

ECHO = Task(api_name="/echo", inputs=("hello",))

# What happens to a stream of events: the fault, its values, the check's id and title, its clause, and since when.
STREAMS: tuple[tuple[str, dict[str, Any], str, str, str, str], ...] = (
    ("clean end", {}, "client-truncated-stream", "A stream that ends early ends the call", "CLIENT-1.5", "4.0"),
    ("cut stream", {}, "client-cut-stream", "A stream that is cut ends the call", "CLIENT-1.5", "4.0"),
    ("reset stream", {}, "client-reset-stream", "A stream that is reset ends the call", "CLIENT-1.5", "4.0"),
    ("no output", {}, "client-end-without-data", "An end without data is no result", "CLIENT-1.8", "4.31"),
)

# What happens to the request that begins an event.
JOINS: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("crash", {}, "client-refused-join", "A join that is answered by 500 ends the call"),
    ("page", {}, "client-page-for-join", "A join that is answered by a page ends the call"),
    ("cut", {}, "client-lost-join", "A join that is not answered ends the call"),
)

# What happens to the request for the stream.
REFUSED: tuple[tuple[str, str, str], ...] = (
    ("crash", "client-refused-stream", "A stream that is answered by 500 ends the call"),
    ("page", "client-page-for-stream", "A stream that is answered by a page ends the call"),
)

TOLD = check("client-error", "A function that raises ends the call with an error", "CLIENT-1.7")
TEXT = check("client-error-text", "The error has the text of the function's", "CLIENT-1.7")
HIDDEN = check("client-error-without-text", "An error without a text is one, too", "CLIENT-1.7")
ALL_CALLS = check("client-unexpected-error", "unexpected_error ends the call", "CLIENT-1.6")
ITS_TEXT = check("client-unexpected-error-text", "The error has the text of unexpected_error", "CLIENT-1.6")
FULL = check("client-full-queue", "A full queue ends the call with an error", "CLIENT-1.12")
SAYS_FULL = check("client-full-queue-text", "The error can be told from others", "CLIENT-1.12")
NO_SECOND_JOIN = check("client-no-second-join", "A join whose answer is lost is not sent again", "CLIENT-2.10")
NO_CONFIG = check("client-no-config", "A page that is no app's ends the program with an error", "CLIENT-1.16")


def _failing(fault: str, values: dict[str, Any], judged: Check) -> Scene:
    async def fails(stage: Stage) -> None:
        app = stage.make_app()
        stage.bend(app, fault, **values)
        stage.fails(judged, await stage.call(app, ECHO))

    fails.__name__ = f"stream_{fault.replace(' ', '_')}"
    return fails


def _failing_join(fault: str, values: dict[str, Any], judged: Check) -> Scene:
    async def fails(stage: Stage) -> None:
        app = stage.make_app()
        stage.fail_joins(app, fault, **values)
        stage.fails(judged, await stage.call(app, ECHO))

    fails.__name__ = f"join_{fault}"
    return fails


for _fault, _values, _id, _title, _clause, _since in STREAMS:
    _check = check(_id, _title, _clause)
    scene(_check, since=_since)(_failing(_fault, _values, _check))

for _fault, _values, _id, _title in JOINS:
    _check = check(_id, _title, "CLIENT-1.16")
    scene(_check)(_failing_join(_fault, _values, _check))

for _fault, _id, _title in REFUSED:
    _check = check(_id, _title, "CLIENT-1.16")
    scene(_check, since="4.9")(_failing(_fault, {}, _check))


@scene(TOLD, TEXT)
async def function_that_raises(stage: Stage) -> None:
    """The app fails with a text for the user."""
    ended = await stage.call(stage.make_app(), Task(api_name="/fail", inputs=("sorry",)))
    stage.fails(TOLD, ended)
    stage.says(TEXT, ended, ended.says("told: sorry"), "told: sorry")


@scene(HIDDEN)
async def hidden_error(stage: Stage) -> None:
    """The app fails, and hides the text."""
    ended = await stage.call(stage.make_app(), Task(api_name="/hidden", inputs=("x",)))
    stage.fails(HIDDEN, ended)


@scene(ALL_CALLS, ITS_TEXT, since="4.10")
async def unexpected_error(stage: Stage) -> None:
    """The server gives up on a whole stream, of which nothing more is to be expected."""
    app = stage.make_app()
    app.script("/echo", [Estimation(), Starts()], times=None)
    stage.bend(app, "unexpected error", text="the whole stream broke")
    ended = await stage.call(app, ECHO)
    stage.fails(ALL_CALLS, ended)
    stage.says(ITS_TEXT, ended, ended.says("the whole stream broke"), "the whole stream broke")


@scene(FULL, SAYS_FULL, since="3.2")
async def full_queue(stage: Stage) -> None:
    """There is no place in the queue."""
    app = stage.make_app()
    stage.fail_joins(app, "queue full")
    ended = await stage.call(app, ECHO)
    stage.fails(FULL, ended)
    stage.says(SAYS_FULL, ended, ended.says("full") or ended.says("busy"), "a text that says full, or busy")


@scene(NO_SECOND_JOIN, since="4.9")
async def lost_answer(stage: Stage) -> None:
    """The event is in the queue, and the answer to the join is lost."""
    app = stage.make_app()
    stage.fail_joins(app, "lose")
    ended = await stage.call(app, ECHO)
    joins = len(ended.calls)
    stage.says(NO_SECOND_JOIN, ended, joins == 1, "one request that begins an event", joins)


@scene(NO_CONFIG)
async def no_config(stage: Stage) -> None:
    """There is a web server at the address, but no app."""
    app = stage.make_app()
    app.inject("page", times=None)
    stage.fails(NO_CONFIG, await stage.call(app, ECHO))
