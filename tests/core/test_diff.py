from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproto._diff import DiffError, apply_diff
from tests.core.vectors import Case, cases, each

# What is said of the edits that are refused, by the names of the vectors.
COMPLAINTS = {
    "null for the edits": "the edits are of type NoneType, not a list",
    "an object for the edits": "the edits are of type dict, not a list",
    "a text for an edit": "an edit is not a list of action, path and value",
    "an edit without a value": "an edit is not a list of action, path and value",
    "a text for the path": "the path of an edit is of type str, not a list",
    "a deletion of the whole": "the action 'delete' cannot be done to a whole value",
    "a list for the action": "the action of type list cannot be done to a whole value",
    "a text appended to a number": "at the path [], str cannot be appended to int",
    "null appended to a text": "at the path ['a'], NoneType cannot be appended to str",
    "an append to a key that is not there": "the path ['b'] leads nowhere in the value that is there",
    "a replacement of a key that is not there": "the path ['b'] leads nowhere in the value that is there",
    "a place in an object": "the path [0] leads nowhere in the value that is there",
    "a replacement of an item that is not there": "the path [1] leads nowhere in the value that is there",
    "a replacement at a negative place": "the path [-1] leads nowhere in the value that is there",
    "a boolean for a place": "the path [False] leads nowhere in the value that is there",
    "a text for a place": "the path ['0'] leads nowhere in the value that is there",
    "a list for a place": "the path [of type list] leads nowhere in the value that is there",
    "a path into a text": "the path [0] leads into a value of type str",
    "a path into null": "the path ['a', 'b'] leads into a value of type NoneType",
    "an addition to a list by a key": "nothing can be added at the path ['a']",
    "an addition to an object by a place": "nothing can be added at the path [0]",
    "a deletion from an empty list": "there is nothing to delete at the path [0]",
    "a deletion from a list by a key": "there is nothing to delete at the path ['a']",
    "a deletion of a key that is not there": "there is nothing to delete at the path ['b']",
    "an action that there is not": "there is no action 'insert'",
    "a bad edit after a good one": "the path ['b'] leads nowhere in the value that is there",
}


@each("diffs")
def test_edits_give_the_values_that_they_stand_for_or_are_refused_and_change_nothing(case: Case) -> None:
    value = case["value"]
    for step in case["steps"]:
        before = copy.deepcopy((value, step["edits"]))
        if "refused" in step:
            with pytest.raises(DiffError) as caught:
                apply_diff(value, step["edits"])
            assert str(caught.value) == COMPLAINTS[case["name"]]
            assert (value, step["edits"]) == before
        else:
            edited = apply_diff(value, step["edits"])
            assert json.dumps(edited) == json.dumps(step["value"])
            assert (value, step["edits"]) == before
            value = edited


def test_each_refused_vector_is_told_in_words() -> None:
    assert COMPLAINTS.keys() == {case["name"] for case in cases("diffs") if "refused" in case["steps"][-1]}


def differ(old: Any, new: Any, *, shifted: bool) -> list[Any]:
    """The edits that a Gradio server makes: lists by position, surplus deleted at the end.

    The indices of list deletions are those of the old list (until 5.29.0) or, when ``shifted``, each list lowers those
    of all deletions below it once more by the number of those before (from 5.29.1).
    """

    def compare(old: Any, new: Any, path: list[Any]) -> list[Any]:
        if old == new:
            return []
        if type(old) is not type(new):
            return [["replace", path, new]]
        if isinstance(old, str) and new.startswith(old):
            return [["append", path, new[len(old) :]]]
        if isinstance(old, list):
            return compare_lists(old, new, path)
        if isinstance(old, dict):
            return compare_dicts(old, new, path)
        return [["replace", path, new]]

    def compare_lists(old: list[Any], new: list[Any], path: list[Any]) -> list[Any]:
        shared = min(len(old), len(new))
        edits = [edit for i in range(shared) for edit in compare(old[i], new[i], [*path, i])]
        edits += [["delete", [*path, i], None] for i in range(shared, len(old))]
        edits += [["add", [*path, i], new[i]] for i in range(shared, len(new))]
        if shifted:
            deletions = [edit for edit in edits if edit[0] == "delete" and isinstance(edit[1][-1], int)]
            for before, edit in enumerate(deletions):
                edit[1][-1] -= before
        return edits

    def compare_dicts(old: dict[str, Any], new: dict[str, Any], path: list[Any]) -> list[Any]:
        edits: list[Any] = []
        for key in old:
            edits += compare(old[key], new[key], [*path, key]) if key in new else [["delete", [*path, key], None]]
        return edits + [["add", [*path, key], new[key]] for key in new if key not in old]

    return compare(old, new, [])


keys = st.sampled_from("abc")
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("xy", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=20,
)


@given(steps=st.lists(values, min_size=2, max_size=4), shifted=st.booleans())
@example(steps=[{"h": [1, 2, 3], "d": [[1, 2], [3, 4]]}, {"h": [1], "d": [[1], [3]]}], shifted=True)
@example(steps=[[[[1, 2], [3, 4]], 5, 6], [[[1]], 5]], shifted=True)
@example(steps=[[[1, 2, 3], 4, 5], [[1], 4]], shifted=False)
def test_what_a_server_tells_apart_comes_together_again(steps: list[Any], shifted: bool) -> None:
    value = steps[0]
    for new in steps[1:]:
        edits = json.loads(json.dumps(differ(value, new, shifted=shifted)))
        before = copy.deepcopy((value, edits))
        edited = apply_diff(value, edits)
        assert edited == new
        assert (value, edits) == before
        value = edited


def test_what_was_not_edited_is_shared_with_the_old_value() -> None:
    old: Any = {"a": [[1], [2]], "b": {"c": [3]}}
    new: Any = apply_diff(old, [["replace", ["a", 0, 0], 9]])
    assert new == {"a": [[9], [2]], "b": {"c": [3]}}
    assert old == {"a": [[1], [2]], "b": {"c": [3]}}
    assert new["b"] is old["b"]
    assert new["a"][1] is old["a"][1]


def test_no_edits_give_the_very_same_value() -> None:
    old: Any = {"a": [1]}
    assert apply_diff(old, []) is old


def test_a_container_is_copied_once_in_a_call() -> None:
    class Counting(list[Any]):
        copies = 0

        def copy(self) -> list[Any]:
            Counting.copies += 1
            return Counting(self)

    old: Any = {"a": Counting([0])}
    new: Any = apply_diff(old, [["add", ["a", 1], i] for i in range(100)])
    assert len(new["a"]) == 101
    assert Counting.copies == 1


def test_values_inside_the_edits_are_not_changed_by_later_edits() -> None:
    edits: Any = [["add", ["a"], [1]], ["add", ["a", 1], 2], ["replace", ["a", 0], 3]]
    assert apply_diff({}, edits) == {"a": [3, 2]}
    assert edits[0] == ["add", ["a"], [1]]


def test_a_long_action_is_cut_where_it_is_told() -> None:
    with pytest.raises(DiffError) as caught:
        apply_diff([1], [["x" * 1000, [0], 2]])
    assert str(caught.value).startswith("there is no action '" + "x" * 79)
    assert len(str(caught.value)) < 200


steps = st.sampled_from(["a", "b", 0, 1, -1, True, None, 1.0]) | values
actions = st.sampled_from(["replace", "append", "add", "delete", "move"]) | values
edit = st.tuples(actions, st.lists(steps, max_size=3) | values, values).map(list)


@given(value=values, edits=values | st.lists(edit | values, max_size=4))
def test_edits_of_any_kind_are_applied_or_refused(value: Any, edits: Any) -> None:
    before = copy.deepcopy((value, edits))
    with contextlib.suppress(DiffError):
        apply_diff(value, edits)
    assert (value, edits) == before
