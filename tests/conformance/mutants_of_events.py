"""Mutants of what is said of an event, from its place in the queue to its values, whole or as differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradproto_fake_server import FakeApp
from tests.conformance.bending import Rule, Telling, drop, put, say, say_twice, unsay
from tests.conformance.mutating import Message, Mutant, stream_of

__all__ = ["MUTANTS"]


def _mutant(
    name: str,
    wrong: str,
    tell: Telling,
    fails: dict[str, str],
    *,
    of: str | None = None,
    number: int | None = None,
    **more: Any,
) -> Mutant:
    """Change what is said on the streams of all sessions, or of those that one scenario has, or of one of these."""
    on = "GET */queue/data*" if of is None else f"GET {stream_of(of, number)}"
    return Mutant(name=name, wrong=wrong, rules=(Rule(on=on, tell=tell),), fails=fails, **more)


def _fault(name: str, wrong: str, fault: str, values: dict[str, Any], fails: dict[str, str], **more: Any) -> Mutant:
    def change(app: FakeApp) -> None:
        app.inject(fault, times=None, **values)

    return Mutant(name=name, wrong=wrong, change=change, fails=fails, **more)


def _end_first(message: Message, earlier: Sequence[Message]) -> Iterator[Any]:
    """Say that an event begins when it has ended."""
    if message["msg"] == "process_starts":
        return
    yield message
    if message["msg"] == "process_completed":
        yield from (one for one in earlier if one["msg"] == "process_starts")


def _say_more(message: Message, _earlier: Sequence[Message]) -> Iterator[Any]:
    yield message
    if message["msg"] == "unexpected_error":
        yield {"msg": "heartbeat"}


def _is(place: int) -> Callable[[Message], bool]:
    """Say whether a message is the output of this number of the generator ``count``."""
    return lambda message: (message["output"].get("data") or [""])[0] in (str(place), [["replace", [], str(place)]])


SAID = [
    _mutant(
        "a beginning at the end",
        "an event hears that it begins when it has ended",
        _end_first,
        {"event-order": '["process_completed", "process_starts"]'},
        of="a-plain-event",
    ),
    _mutant(
        "an event that never ends",
        "an event that ran is not completed",
        unsay("process_completed"),
        {"event-ends": "process_starts"},
        of="a-plain-event",
        cut_off=frozenset({"event-estimation", "event-starts", "event-completed", "event-durations"}),
    ),
    _mutant(
        "two beginnings of a generator",
        "a generator hears twice that it begins",
        say_twice("process_starts"),
        {"event-generator-order": '"process_starts", "process_starts"'},
        of="a-generator",
    ),
    _mutant(
        "a generator that never ends",
        "a generator that ran is not completed",
        unsay("process_completed"),
        {"event-generator-ends": "process_generating"},
        of="a-generator",
        cut_off=frozenset({"event-last-output"}),
    ),
    _mutant(
        "a cache that says nothing",
        "a result that is known already has no values",
        say("process_completed", put("output.data", [])),
        {"event-cached": '"data": []'},
        of="a-result-that-is-known",
    ),
    _mutant(
        "a place without a time",
        "an event does not hear when its turn may come",
        say("estimation", drop("rank_eta")),
        {"event-estimation": "queue_size"},
    ),
    _fault(
        "ranks that grow",
        "an event that waits stands further and further behind",
        "rank up",
        {},
        {"event-rank": "4"},
    ),
    _mutant(
        "a beginning without a time",
        "an event that begins does not hear how long it may take",
        say("process_starts", drop("eta")),
        {"event-starts": "process_starts"},
    ),
    _mutant(
        "a bar without a text",
        "progress does not say what of",
        say("progress", drop("progress_data.*.desc")),
        {"event-progress": '"length": 4'},
    ),
    _mutant(
        "a warning that is none",
        "a warning is told as information",
        say("log", put("level", "info")),
        {"event-log": '"level": "info"'},
    ),
    _mutant(
        "hidden or not",
        "what the app says beside does not say whether it is to be shown",
        say("log", drop("visible")),
        {"event-log-shown": "info: x"},
    ),
    _mutant(
        "outputs of a function",
        "the outputs of a generator are told as if they were no more than one",
        say("process_generating", put("output.is_generating", False)),
        {"event-outputs": '"is_generating": false'},
        of="a-generator",
    ),
    _mutant(
        "a first output that is the second",
        "the first output of a generator is another",
        say("process_generating", put("output.data", ["1"]), only=_is(0)),
        {"event-first-output": '["1"]'},
        of="a-generator",
    ),
    _mutant(
        "other values",
        "a completed event has other values than its function gave",
        say("process_completed", put("output.data", ["other"])),
        {"event-completed": "other"},
        of="a-plain-event",
    ),
    _mutant(
        "no durations",
        "a completed event does not say how long it took",
        say("process_completed", drop("output.average_duration")),
        {"event-durations": "duration"},
        of="a-plain-event",
    ),
    _mutant(
        "a last output that is a difference",
        "a generator is completed with a difference",
        say("process_completed", put("output.data", [[]])),
        {"event-last-output": "[[]]"},
        of="a-generator",
    ),
]

FAILURES = [
    _mutant(
        "a failure that is a success",
        "a function that raises is told as a success",
        say("process_completed", put("success", True)),
        {"event-fails": '"success": true'},
        of="an-exception",
        cut_off=frozenset({"event-error-text"}),
    ),
    _mutant(
        "a hidden error that is told",
        "the text of an error is told by an app that hides errors",
        say("process_completed", put("output.error", "hidden: x")),
        {"event-error-text": "hidden: x"},
        of="an-exception",
    ),
    _mutant(
        "an app's failure that is a success",
        "a gr.Error is told as a success",
        say("process_completed", put("success", True)),
        {"event-app-error-fails": '"success": true'},
        of="an-error-of-the-app",
        cut_off=frozenset({"event-app-error-text", "event-app-error-fields"}),
    ),
    _mutant(
        "an error without its text",
        "the text of a gr.Error is not told",
        say("process_completed", put("output.error", None)),
        {"event-app-error-text": '"error": null'},
        of="an-error-of-the-app",
    ),
    _mutant(
        "an error without a title",
        "a gr.Error does not say how it is to be shown",
        say("process_completed", drop("output.title")),
        {"event-app-error-fields": "duration"},
        of="an-error-of-the-app",
    ),
    _mutant(
        "a late failure that is a success",
        "a generator that fails after some outputs is told as a success",
        say("process_completed", put("success", True)),
        {"event-fails-late": '"success": true'},
        of="a-failure-after-outputs",
    ),
    _mutant(
        "too few are enough",
        "too few values are no error",
        say("process_completed", put("success", True)),
        {"event-too-few-values": '"success": true'},
        of="other-numbers-of-values",
    ),
    _mutant(
        "too many are wrong",
        "too many values are an error",
        say(
            "process_completed", put("output", {"error": "too many"}), only=lambda message: "data" in message["output"]
        ),
        {"event-too-many-values": "too many"},
        of="other-numbers-of-values",
    ),
    _mutant(
        "an error that may be a success",
        "unexpected_error does not say that it is no success",
        say("unexpected_error", drop("success")),
        {"event-unexpected-error": "unexpected_error"},
        of="what-ends-a-stream",
    ),
    _mutant(
        "more after the end",
        "something is said after unexpected_error",
        _say_more,
        {"event-unexpected-error": "heartbeat"},
        of="what-ends-a-stream",
    ),
    _mutant(
        "other last words",
        "an app that closes says something else",
        say("unexpected_error", put("message", "Good bye."), only=lambda message: "stopped" in message["message"]),
        {"event-app-closes": "Good bye."},
        app="closes",
    ),
]


def _differences(number: int, data: list[Any]) -> Telling:
    """Change the output of this number, from 0 on."""

    def tell(message: Message, earlier: Sequence[Message]) -> Iterator[Any]:
        place = sum(one["msg"] == "process_generating" for one in earlier)
        is_it = message["msg"] == "process_generating" and place == number
        yield put("output.data", data)(message) if is_it else message

    return tell


_STORY = [[["append", [], "word1 "]], [], [["replace", [], 1]]]
_REST = frozenset({"diff-edits", "diff-unchanged", "diff-actions", "diff-lists", "diff-values"})

DIFF = [
    _mutant(
        "a first difference",
        "the first output of a generator is told as a difference",
        _differences(0, [[["replace", [], "word0 "]], [["replace", [], "same"]], [["replace", [], 0]]]),
        {"diff-first-is-whole": "replace"},
        of="differences",
        number=1,
        cut_off=_REST,
    ),
    Mutant(
        name="no differences",
        wrong="all outputs are told whole",
        profile={"edits": False},
        fails={"diff-edits": "word1"},
        cut_off=_REST - {"diff-edits"},
    ),
    _mutant(
        "a difference that is none",
        "what did not change is replaced by itself",
        _differences(1, [_STORY[0], [["replace", [], "same"]], _STORY[2]]),
        {"diff-unchanged": "same"},
        of="differences",
        number=1,
    ),
    _mutant(
        "a strange action",
        "an edit splices",
        _differences(1, [[["splice", [], "word1 "]], [], _STORY[2]]),
        {"diff-actions": "splice"},
        of="differences",
        number=1,
        cut_off=frozenset({"diff-lists", "diff-unchanged", "diff-values"}),
    ),
    _mutant(
        "a text that is replaced",
        "a text that grows is replaced",
        _differences(1, [[["replace", [], "word0 word1 "]], [], _STORY[2]]),
        {"diff-actions": "replace"},
        of="differences",
        number=1,
    ),
    _mutant(
        "a list that ends early",
        "a list that grows loses an item",
        _differences(1, [[["add", [1], {"token": "b", "class_or_confidence": "2"}]]]),
        {"diff-lists": '"token": "b"'},
        of="differences",
        number=2,
    ),
    _mutant(
        "values of something else",
        "the edits give other values than the function yielded",
        _differences(1, [[["append", [], "word9 "]], [], _STORY[2]]),
        {"diff-values": "word9", "diff-actions": "word9"},
        of="differences",
        number=1,
    ),
]

MUTANTS = [*SAID, *FAILURES, *DIFF]
