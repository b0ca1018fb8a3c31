"""The edits that turn one output into the next, as the server sends them between the outputs of a generator.

The receiver is told what Gradio tells it, oddities included: a list is compared element by element and only ever cut at
its end; deletions in a list carry indices already moved by the deletions before them, and those in lists inside a list
are moved once more by their elder siblings (Gradio 5.29.1 to 6.31, seen in a table that loses two columns). Before that
they carry their places in the old list, in ascending order.
"""

from __future__ import annotations

from typing import Any

from ._json import is_list, is_object

__all__ = ["edits_between"]


def edits_between(old: Any, new: Any, *, moved_deletions: bool = True) -> list[list[Any]]:
    """Give ``[[action, path, value], ...]``; equal values, ``1`` and ``True`` among them, give ``[]``."""
    return _compare(old, new, [], moved_deletions)


def _compare(old: Any, new: Any, path: list[Any], moving: bool) -> list[list[Any]]:
    if old == new:
        return []
    if isinstance(old, str) and isinstance(new, str) and new.startswith(old):
        return [["append", path, new[len(old) :]]]
    if is_list(old) and is_list(new):
        return _compare_lists(old, new, path, moving)
    if is_object(old) and is_object(new):
        return _compare_dicts(old, new, path, moving)
    return [["replace", path, new]]


def _compare_lists(old: list[Any], new: list[Any], path: list[Any], moving: bool) -> list[list[Any]]:
    edits: list[list[Any]] = []
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        if before != after:
            edits += _compare(before, after, [*path, index], moving)
    shared = min(len(old), len(new))
    edits += (["delete", [*path, index], None] for index in range(shared, len(old)))
    edits += (["add", [*path, index], new[index]] for index in range(shared, len(new)))
    if not moving:
        return edits
    moved = 0
    for action, place, _ in edits:
        if action == "delete" and isinstance(place[-1], int):
            place[-1] -= moved
            moved += 1
    return edits


def _compare_dicts(old: dict[str, Any], new: dict[str, Any], path: list[Any], moving: bool) -> list[list[Any]]:
    edits: list[list[Any]] = []
    for key, before in old.items():
        if key in new:
            edits += _compare(before, new[key], [*path, key], moving)
        else:
            edits.append(["delete", [*path, key], None])
    edits += (["add", [*path, key], value] for key, value in new.items() if key not in old)
    return edits
