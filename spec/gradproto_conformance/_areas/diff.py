"""DIFF: outputs as differences."""

from __future__ import annotations

from typing import Any

from gradproto._diff import DiffError, apply_diff
from gradproto_conformance._checks import Check, Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import Message, is_list
from ._joining import joined, outputs_of

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

FIRST_WHOLE = check("diff-first-is-whole", "The first output of an event is told whole", "DIFF-1.1")
EDITS = check("diff-edits", "Later outputs are told as lists of edits", "DIFF-1.2")
UNCHANGED = check("diff-unchanged", "What did not change has no edits", "DIFF-1.2")
ACTIONS = check("diff-actions", "Edits replace, append, add or delete", "DIFF-1.3")
LISTS = check("diff-lists", "Lists grow and shrink at their end", "DIFF-1.4", "DIFF-1.5")
VALUES = check("diff-values", "The edits give the values that the function yielded", "DIFF-1.5")

# What the functions of the fixture app yield.
STORY = [["word0 ", "same", 0], ["word0 word1 ", "same", 1], ["word0 word1 word2 ", "same", 2]]
TOKENS = [
    [{"token": token, "class_or_confidence": kind} for token, kind in one]
    for one in (
        [("a", "1")],
        [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")],
        [("a!", "1")],
        [("x", "9"), ("y", None)],
    )
]
GROWN: list[Any] = [
    {"text": "x", "list": [1, 2, 3], "dict": {"k": 1}},
    {"text": "xy", "list": [1, 2, 3, 4], "dict": {"k": 1, "m": 2}},
    {"text": "z", "list": [1], "dict": {"m": 2}},
    {"text": None, "list": [[1, 2], [3, 4]], "dict": {"m": "word"}},
    {"text": None, "list": [[1], [3]], "dict": {"m": "words"}},
    ["now", "a", "list"],
    ["now", "a", "longer", "list"],
    [],
    {"end": True},
]

_OPERATIONS = ("replace", "append", "add", "delete")


@scenario(FIRST_WHOLE, EDITS, UNCHANGED, ACTIONS, LISTS, VALUES, needs=["story", "tokens", "grow"], effect=Effect.CALL)
async def differences(judge: Judge) -> None:
    """Call generators of a text that grows, of a list that grows and shrinks, and of JSON of many kinds."""
    story = await _told(judge, "story", len(STORY))
    tokens = await _told(judge, "tokens", len(TOKENS))
    grown = await _told(judge, "grow", len(GROWN))
    if story is None or tokens is None or grown is None:
        return
    _judge_edits(judge, story, STORY, VALUES)
    _judge_edits(judge, tokens, [[value] for value in TOKENS], LISTS)
    _judge_edits(judge, grown, [[value] for value in GROWN], VALUES)
    later = [data for data in map(_data, story[1:]) if len(data) == 3]
    unchanged = [data[1] for data in later]
    judge.that(UNCHANGED, unchanged == [[], []], expected="[] for what did not change", got=unchanged)
    # A text that grows is what the differences are there for.
    growth = [data[0] for data in later]
    expected: list[Any] = [[["append", [], "word1 "]], [["append", [], "word2 "]]]
    judge.that(ACTIONS, growth == expected, expected=str(expected), got=growth)


async def _told(judge: Judge, name: str, number: int) -> list[Message] | None:
    """Call a generator, and give its outputs as they were told."""
    async with joined(judge, name, [number]) as event:
        message = await event.finish()
    told = event.all_of("process_generating")
    if message is not None and len(told) == number:
        return told
    judge.cannot_rest(f"{len(told)} outputs of {number}: {event.trouble or event.kinds}")
    return None


def _data(message: Message) -> list[Any]:
    return outputs_of(message) or []


def _judge_edits(judge: Judge, told: list[Message], expected: list[list[Any]], values: Check) -> None:
    """Decide on the form of the edits, and on what they give."""
    first = _data(told[0])
    if not judge.that(FIRST_WHOLE, first == expected[0], expected=str(expected[0]), got=first):
        judge.cannot_rest("the first output is not whole")
        return
    current = first
    for message, wanted in zip(told[1:], expected[1:], strict=True):
        data = _data(message)
        form = len(data) == len(wanted) and all(map(_is_edits, data))
        if not judge.that(EDITS, form, expected="a list of [action, path, value] for each output", got=data):
            judge.cannot_rest("there are no edits")
            return
        actions = [edit[0] for edits in data for edit in edits]
        known = all(action in _OPERATIONS for action in actions)
        if not judge.that(ACTIONS, known, expected=" or ".join(_OPERATIONS), got=actions):
            judge.cannot_rest("what the edits do is not known")
            return
        try:
            current = [apply_diff(value, edits) for value, edits in zip(current, data, strict=True)]
        except DiffError as error:
            judge.that(values, False, expected=f"edits that give {wanted}", got=f"{error}: {data}")
            return
        if not judge.that(values, current == wanted, expected=f"edits that give {wanted}", got=current):
            return


def _is_edits(value: Any) -> bool:
    return is_list(value) and all(
        is_list(edit)
        and len(edit) == 3
        and isinstance(edit[0], str)
        and is_list(edit[1])
        and all(isinstance(step, str | int) for step in edit[1])
        for edit in value
    )
