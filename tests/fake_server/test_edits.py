from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto_fake_server._diff import edits_between


@pytest.mark.parametrize(
    ("old", "new", "edits"),
    [
        ("a", "a", []),
        ("a", "ab", [["append", [], "b"]]),
        ("", "b", [["append", [], "b"]]),
        ("ab", "b", [["replace", [], "b"]]),
        (1, "1", [["replace", [], "1"]]),
        (None, {"a": 1}, [["replace", [], {"a": 1}]]),
        (1, True, []),
        ([1], {"0": 1}, [["replace", [], {"0": 1}]]),
        ({"a": 1}, {"a": 1, "b": 2}, [["add", ["b"], 2]]),
        ({"a": 1, "b": "x"}, {"b": "xy"}, [["delete", ["a"], None], ["append", ["b"], "y"]]),
        ([1, 2], [1, 2, 3, 4], [["add", [2], 3], ["add", [3], 4]]),
        ([1, 2, 3, 4], [1], [["delete", [1], None], ["delete", [1], None], ["delete", [1], None]]),
        ([{"t": "a"}], [{"t": "ab"}], [["append", [0, "t"], "b"]]),
        ([1, 2], [3], [["replace", [0], 3], ["delete", [1], None]]),
    ],
)
def test_edits_are_those_that_gradio_sends(old: Any, new: Any, edits: Any) -> None:
    assert edits_between(old, new) == edits


def test_nested_deletions_are_moved_twice_as_recorded_from_a_table() -> None:
    old = {"headers": ["a", "b", "c"], "data": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]}
    new = {"headers": ["a"], "data": [[1], [4], [7]]}
    assert edits_between(old, new) == [
        ["delete", ["headers", 1], None],
        ["delete", ["headers", 1], None],
        ["delete", ["data", 0, 1], None],
        ["delete", ["data", 0, 0], None],
        ["delete", ["data", 1, -1], None],
        ["delete", ["data", 1, -2], None],
        ["delete", ["data", 2, -3], None],
        ["delete", ["data", 2, -4], None],
    ]


json_values = st.recursive(
    st.none() | st.integers(2, 9) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


def applied(value: Any, edits: list[list[Any]]) -> Any:
    """Apply edits by the rule that holds for every server: lists change at their end only."""
    root = {"": copy.deepcopy(value)}
    for action, path, new in edits:
        place: Any = root
        *way, last = ["", *path]
        for step in way:
            place = place[step]
        if action == "append":
            place[last] += new
        elif action == "delete":
            place.pop() if isinstance(place, list) else place.pop(last)
        elif action == "add" and isinstance(place, list):
            place.append(new)
        else:
            place[last] = new
    return root[""]


@given(json_values, json_values)
def test_edits_lead_from_one_value_to_the_other(old: Any, new: Any) -> None:
    assert applied(old, edits_between(old, new)) == new
