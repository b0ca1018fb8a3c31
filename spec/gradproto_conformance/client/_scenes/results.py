"""Calls that succeed: what they give, and what they ask the server for."""

from __future__ import annotations

import json

from gradproto_conformance._json import is_list
from gradproto_conformance.client._app import GROWN, OtherOrder
from gradproto_conformance.client._contract import Task
from gradproto_conformance.client._stage import Ended, Playbook, Stage
from gradproto_fake_server import Completed, Starts

__all__ = ["PLAYBOOK"]

PLAYBOOK = Playbook()
check, scene = PLAYBOOK.check, PLAYBOOK.scene

RESULT = check("client-result", "A call gives the output of its function", "CLIENT-1.15")
OUTPUTS = check("client-outputs", "A call gives all outputs in their order", "CLIENT-1.15")
ONE_EVENT = check("client-joins-once", "A call joins the queue once", "CLIENT-2.10")
WELCOME = check("client-asks-what-is-there", "Nothing is asked for that the server refuses", "CLIENT-2.9")
STREAM_AFTER_JOIN = check("client-stream-after-join", "The stream is opened when the join was answered", "CLIENT-2.1")
ONE_STREAM = check("client-one-stream", "The stream is opened once", "CLIENT-2.1")
NOTHING_OPEN = check("client-leaves-nothing-open", "No request outlives the program", "CLIENT-2.3")
UNICODE = check("client-unicode", "Text of all of Unicode arrives whole, both ways", "CLIENT-1.14")
INTEGERS = check("client-large-integers", "Integers of 64 bits arrive whole, both ways", "CLIENT-1.14")
MEGABYTES = check("client-megabytes", "An output of megabytes arrives whole", "CLIENT-1.14")
DIFF_RESULT = check("client-generator-result", "The result of a generator is its last output", "CLIENT-1.13")
DIFF_OUTPUTS = check("client-diffs", "Outputs that come as edits are put together", "CLIENT-1.13")
IDS = check("client-function-id", "fn_index is the dependency's id, not its place", "CLIENT-2.6")

TEXT = 'é ✓ \u2028 \u0085 \x7f \ufeff \U0001f600 "\\/ \t end'
INTEGER = 2**63 - 1
LARGE = 2_000_000  # characters


@scene(RESULT, ONE_EVENT, WELCOME, STREAM_AFTER_JOIN, ONE_STREAM, NOTHING_OPEN)
async def plain_call(stage: Stage) -> None:
    """Nothing goes wrong."""
    app = stage.make_app()
    ended = await stage.call(app, Task(api_name="/echo", inputs=("hello",)))
    stage.gives(RESULT, ended, "hello")
    joins = len(ended.calls)
    stage.says(ONE_EVENT, ended, joins == 1, "one request that begins an event", joins)
    stage.says(WELCOME, ended, not app.complaints, "no request that is refused", app.complaints)
    stage.says(NOTHING_OPEN, ended, not ended.left_open, "no open request", list(ended.left_open))
    _judge_stream(stage, ended)


def _judge_stream(stage: Stage, ended: Ended) -> None:
    joins, streams = ended.of_kind("join"), ended.of_kind("data")
    if not joins or not streams:
        for check in (STREAM_AFTER_JOIN, ONE_STREAM):
            stage.leave(check, ended, "the client uses no stream of a session")
        return
    answered = joins[0].ended
    stage.says(
        STREAM_AFTER_JOIN,
        ended,
        answered is not None and streams[0].started >= answered,
        "GET queue/data after the answer to POST queue/join",
        f"{streams[0].line} before the answer to {joins[0].line}",
    )
    stage.says(ONE_STREAM, ended, len(streams) == 1, "one GET queue/data", len(streams))


@scene(OUTPUTS)
async def three_outputs(stage: Stage) -> None:
    """A text, a number and a text come back."""
    ended = await stage.call(stage.make_app(), Task(api_name="/three", inputs=("abc",)))
    stage.gives(OUTPUTS, ended, "abc", 3, "ABC")


@scene(UNICODE)
async def unusual_text(stage: Stage) -> None:
    """A text goes there and back, which has ends of lines that are none in JSON, nor in an event stream."""
    ended = await stage.call(stage.make_app(), Task(api_name="/echo", inputs=(TEXT,)))
    stage.gives(UNICODE, ended, TEXT)


@scene(INTEGERS)
async def large_integers(stage: Stage) -> None:
    """The largest integer of 64 bits goes there and back."""
    ended = await stage.call(stage.make_app(), Task(api_name="/same", inputs=({"n": INTEGER},)))
    stage.gives(INTEGERS, ended, {"n": INTEGER})


@scene(MEGABYTES, since="4.9")
async def large_output(stage: Stage) -> None:
    """An output comes that is larger than any buffer on its way."""
    app = stage.make_app()
    text = "0123456789" * (LARGE // 10)
    app.script("/echo", [Starts(), Completed(text)], times=None)
    ended = await stage.call(app, Task(api_name="/echo", inputs=("large",)))
    right = ended.gave(text)
    stage.says(
        MEGABYTES,
        ended,
        right,
        f"{len(text)} characters",
        None if right else f"exit code {ended.code}, {_sizes(ended)}",
    )


def _sizes(ended: Ended) -> str:
    return f"{len(ended.out)} characters on stdout, {len(ended.err)} on stderr"


@scene(DIFF_RESULT, DIFF_OUTPUTS, since="4.17")
async def growing_output(stage: Stage) -> None:
    """A generator yields values of which the client hears the differences."""
    ended = await stage.call(stage.make_app(), Task(api_name="/grow"))
    stage.gives(DIFF_RESULT, ended, GROWN[-1])
    printed = [value[0] if is_list(value) and len(value) == 1 else value for value in ended.values]
    if len(printed) <= 1:
        stage.leave(DIFF_OUTPUTS, ended, "the program prints its result only")
        return
    wrong = [value for value in printed if value not in GROWN]
    stage.says(DIFF_OUTPUTS, ended, not wrong, json.dumps(GROWN, ensure_ascii=False), wrong[:1])


@scene(IDS, since="4.32")
async def function_ids(stage: Stage) -> None:
    """The config has its functions in another order than that of their ids."""
    ended = await stage.call(stage.make_app(kind=OtherOrder), Task(api_name="/echo", inputs=("by id",)))
    stage.gives(IDS, ended, "by id")
