"""Streams that say more, or otherwise, than a client expects, and that change nothing for it."""

from __future__ import annotations

from gradproto_conformance._checks import Check
from gradproto_conformance.client._contract import Task
from gradproto_conformance.client._stage import Playbook, Scene, Stage
from gradproto_fake_server import Completed, Estimation, RawMessage, Starts

__all__ = ["PLAYBOOK"]

PLAYBOOK = Playbook()
check, scene = PLAYBOOK.check, PLAYBOOK.scene

TEXT = "é ✓ \U0001f600"

# A fault of the fake server that must change nothing: its name, and the id, the title and the clause of its check.
BORNE = (
    ("unknown message", "client-unknown-messages", "Messages of an unknown kind change nothing", "CLIENT-1.1", "3.0"),
    ("extra fields", "client-unknown-fields", "Fields that nobody knows change nothing", "CLIENT-1.1", "3.0"),
    ("dribble", "client-single-bytes", "An event stream may come byte by byte", "CLIENT-1.4", "4.0"),
    ("split", "client-split-characters", "An event may be split inside a character", "CLIENT-1.4", "4.0"),
    ("buffered", "client-one-piece", "All events may come at once", "CLIENT-1.4", "4.9"),
    ("line separators", "client-line-separators", "U+2028 and U+0085 end no line", "CLIENT-1.14", "4.0"),
    ("duplicate completion", "client-two-ends", "A second end changes nothing", "CLIENT-1.9", "4.9"),
    ("crlf", "client-stream-crlf", "Lines of a stream may end with CR LF", "CLIENT-1.17", "4.0"),
    ("comments", "client-stream-comments", "A stream may have comments and other fields", "CLIENT-1.17", "4.0"),
    ("bom", "client-stream-bom", "A stream may begin with a byte order mark", "CLIENT-1.17", "4.0"),
)

FOREIGN = check("client-foreign-events", "Messages of nobody's events change nothing", "CLIENT-1.2")
PIECES = check("client-small-pieces", "All that comes may come in small pieces", "CLIENT-1.4")
EARLY = check("client-early-messages", "Messages that come before the join's answer count", "CLIENT-1.3")
END_ALONE = check("client-end-alone", "An event with nothing but its end is complete", "CLIENT-1.10")
NO_CLOSE = check("client-no-close-stream", "The stream is left without close_stream", "CLIENT-1.11")

LATE = 0.3  # seconds


def _bearing(fault: str, judged: Check) -> Scene:
    async def bears(stage: Stage) -> None:
        app = stage.make_app()
        stage.bend(app, fault)
        ended = await stage.call(app, Task(api_name="/echo", inputs=(TEXT,)))
        stage.gives(judged, ended, TEXT)

    bears.__name__ = f"bears_{fault.replace(' ', '_')}"
    return bears


for _fault, _id, _title, _clause, _since in BORNE:
    _check = check(_id, _title, _clause)
    scene(_check, since=_since)(_bearing(_fault, _check))


def _end(value: str, **fields: str) -> RawMessage:
    output = {"data": [value], "is_generating": False, "duration": 0.1, "average_duration": 0.1}
    return RawMessage({"msg": "process_completed", "output": output, "success": True, **fields})


@scene(FOREIGN, since="4.9")
async def foreign_event(stage: Stage) -> None:
    """Another event ends on the stream."""
    app = stage.make_app()
    app.script("/echo", [Starts(), _end("theirs", event_id="somebody-else"), Completed("mine")], times=None)
    ended = await stage.call(app, Task(api_name="/echo", inputs=("x",)))
    stage.gives(FOREIGN, ended, "mine")


@scene(PIECES)
async def small_pieces(stage: Stage) -> None:
    """Whatever either side sends comes in pieces of a few bytes."""
    app = stage.make_app()
    app.inject("small pieces", times=None, size=37)
    ended = await stage.call(app, Task(api_name="/echo", inputs=(TEXT,)))
    stage.gives(PIECES, ended, TEXT)


@scene(EARLY, since="4.9")
async def early_messages(stage: Stage) -> None:
    """The answer to the join comes when the event is over."""
    app = stage.make_app()
    stage.fail_joins(app, "late", seconds=LATE)
    ended = await stage.call(app, Task(api_name="/echo", inputs=("early",)))
    stage.gives(EARLY, ended, "early")


@scene(END_ALONE, since="6.12")
async def end_alone(stage: Stage) -> None:
    """The event has one message."""
    app = stage.make_app()
    app.script("/echo", [Completed("alone")], times=None)
    ended = await stage.call(app, Task(api_name="/echo", inputs=("x",)))
    stage.gives(END_ALONE, ended, "alone")


@scene(NO_CLOSE, since="4.22")
async def no_close_stream(stage: Stage) -> None:
    """The event ends, and the server says nothing more, and leaves the stream open."""
    app = stage.make_app()
    said = (Estimation(), Starts(), Completed("left open"))
    app.script("/echo", said, times=None)
    stage.bend(app, "silence", after_events=len(said))
    ended = await stage.call(app, Task(api_name="/echo", inputs=("x",)))
    stage.gives(NO_CLOSE, ended, "left open")
