"""Mutants of the values that go in and come out, and of files among them."""

from __future__ import annotations

from typing import Any

from tests.conformance.bending import Edit, Rule, drop, put, say
from tests.conformance.mutating import mutant, stream_of

__all__ = ["MUTANTS"]

PAST = "POST */api/predict"
"""Calls past the queue."""


def _where(data: list[Any], edit: Edit) -> Rule:
    """Change the answers past the queue that have these values."""
    return Rule(on=PAST, value=lambda value: edit(value) if value.get("data") == data else value)


def _end_of(scenario: str, edit: Edit, number: int | None = None) -> Rule:
    """Change how the events of a scenario are completed, or of one of its sessions."""
    return Rule(on=f"GET {stream_of(scenario, number)}", tell=say("process_completed", edit))


def _first_of(key: str, edit: Edit) -> Rule:
    """Change the answers past the queue whose first value is an object with this key."""
    return Rule(
        on=PAST,
        value=lambda value: edit(value) if isinstance(value.get("data"), list) and key in str(value["data"]) else value,
    )


def _zero_for_nothing(call: Any) -> Any:
    return {**call, "data": [1, 0]} if call.get("data") == [1] else call


def _word_for_nothing(call: Any) -> Any:
    return {**call, "data": ["None"]} if call.get("data") == [None] and call.get("session_hash") is None else call


def _without_the_state(value: Any) -> Any:
    return drop("data.1")(value) if len(value.get("data", [])) == 2 else value


def _mark(call: Any) -> Any:
    is_its = "file-that-is-refused" in str(call.get("session_hash")) and call["data"][0]["path"] != "/etc/passwd"
    return put("data.0.meta", {"_type": "gradio.FileData"})(call) if is_its else call


VALUES = [
    mutant(
        "functions by their ids",
        "a function by its place is another",
        _where(["place", 5, "PLACE"], put("data", ["another"])),
        {"config-function-by-place": "another"},
        version="4.12.0",
    ),
    mutant("a wrong sum", "inputs are not what was sent", _where([3], put("data.0", 4)), {"payload-inputs": "[4]"}),
    mutant(
        "zero for nothing",
        "a value that is missing is zero",
        Rule(on=PAST, sent=_zero_for_nothing),
        {"payload-too-few": "200"},
    ),
    mutant(
        "whole numbers with a point",
        "a whole number is no integer",
        _where([3], put("data.0", 3.0)),
        {"payload-whole-number": "3.0"},
    ),
    mutant(
        "nothing for a State",
        "nothing stands for a State",
        Rule(on=PAST, value=_without_the_state),
        {"payload-state": "[1]"},
    ),
    mutant(
        "outputs in another order",
        "outputs come in another order",
        _where(["word", 4, "WORD"], put("data", ["WORD", 4, "word"])),
        {"payload-outputs": '["WORD"'},
    ),
    mutant(
        "text without markup",
        "text comes back without what looks like markup",
        _first_of("<b>", put("data.0", "plain")),
        {"payload-text": "plain"},
    ),
    mutant(
        "a word for nothing",
        "a function that gives nothing gives a word",
        Rule(on=PAST, sent=_word_for_nothing),
        {"payload-nothing": '"None"'},
    ),
    mutant(
        "other JSON",
        "objects do not come back",
        _end_of("payload-values", put("output.data", ["other"])),
        {"payload-values": "other"},
    ),
    mutant(
        "infinity in words",
        "what is no JSON is a word",
        _end_of("payload-infinity", put("output.data", ["Infinity"])),
        {"payload-infinity": "Infinity"},
    ),
    mutant(
        "an update that is none",
        "an update does not say so",
        _first_of("__type__", drop("data.0.__type__")),
        {"payload-update": "fresh"},
    ),
    mutant(
        "an output of nothing",
        "an endpoint without outputs gives null",
        _where([], put("data", [None])),
        {"payload-no-outputs": "[null]"},
    ),
]

FILES = [
    mutant(
        "a file without a size",
        "a file of Gradio 2 has no size",
        Rule(on="POST /api/predict/", value=drop("data.0.size")),
        {"payload-gradio-2-file": "loud-"},
        version="2.9.4",
        app="file",
    ),
    mutant(
        "an image by its name",
        "an image of Gradio 2 is a name",
        Rule(on="POST /api/predict/", value=put("data.0", "image.png")),
        {"payload-gradio-2-image": "image.png"},
        version="2.9.4",
        app="image",
    ),
    mutant(
        "files of any size",
        "a file that is larger than the app allows is taken",
        Rule(on="POST */upload", status={413: 200}),
        {"file-too-large": "200"},
    ),
    mutant(
        "files without their names",
        "a file in an output does not say its name",
        _end_of("file-in-payload", drop("output.data.0.orig_name")),
        {"file-in-payload": "path"},
    ),
    mutant(
        "files elsewhere",
        "the URL of a file leads elsewhere",
        _end_of("file-in-payload", put("output.data.0.url", "http://elsewhere.test/file")),
        {"file-url": "elsewhere.test"},
    ),
    mutant(
        "files without a mark",
        "files in a list are not marked",
        _end_of("files-in-payload", drop("output.data.0.*.meta")),
        {"file-mark": "path"},
    ),
    mutant(
        "marks are not wanted",
        "a file without its mark is taken",
        Rule(on="POST */queue/join", sent=_mark),
        {"file-mark-wanted": '"output": {"data"'},
    ),
    mutant(
        "any file will do",
        "a path that was not given to the app is taken",
        _end_of("file-that-is-refused", put("success", True), 2),
        {"file-not-given": '"success": true'},
    ),
    mutant(
        "files that are none",
        "a file in an output does not say that it is one",
        Rule(
            on="GET /queue/join",
            by="file-in-payload-of-gradio-3",
            tell=say("process_completed", put("output.data.0.is_file", False)),
        ),
        {"file-named": '"is_file": false', "file-named-inline": '"is_file": false'},
        version="3.50.2",
    ),
    mutant(
        "files without content",
        "a file that was in the payload does not come back",
        _first_of("gradproto.txt", put("data.0", {})),
        {"file-inline": "{}"},
        version="3.4.1",
    ),
]

MUTANTS = [*VALUES, *FILES]
