"""The edits that Gradio sends instead of whole values while a generator runs (``sse_v2`` on, Gradio 4.17 and later).

An edit is ``[action, path, value]``; the path's steps are keys of dicts and indices of lists. The server compares lists
element by element and then only ever cuts or extends their ends, and the indices that it gives for that are wrong in
every version (not shifted up to 5.29.0, shifted by foreign lists since). So what is deleted or added is the end of the
list, and the index is not looked at; this reproduces every recorded value of 4.19 to 6.31.
"""

from __future__ import annotations

from typing import TypeAlias, Union, cast

from ._json import JSONValue

__all__ = ["DiffError", "apply_diff"]

_Container: TypeAlias = Union[dict[str, JSONValue], list[JSONValue]]


class DiffError(ValueError):
    """An edit cannot be applied: it is malformed, or was made for another value."""


def apply_diff(value: JSONValue, edits: JSONValue) -> JSONValue:
    """Return what ``value`` becomes by ``edits``, the list for one output in a ``process_generating`` message.

    Neither argument is changed. The result shares with them whatever was not edited; only the containers along the
    edited paths are copied, each once. Raises ``DiffError`` where an edit cannot be applied.
    """
    if not isinstance(edits, list):
        raise DiffError(f"the edits are of type {type(edits).__name__}, not a list")
    copied: set[int] = set()  # ids of the containers that this call made: these it may change
    for edit in edits:
        if not isinstance(edit, list) or len(edit) != 3:
            raise DiffError("an edit is not a list of action, path and value")
        action, path, operand = edit
        if not isinstance(path, list):
            raise DiffError(f"the path of an edit is of type {type(path).__name__}, not a list")
        value = _apply(value, action, path, operand, copied)
    return value


def _apply_to_whole(value: JSONValue, action: JSONValue, operand: JSONValue) -> JSONValue:
    if action == "replace":
        return operand
    if action == "append":
        return _append(value, operand, [])
    raise DiffError(f"the action {_shown(action)} cannot be done to a whole value")


def _apply(
    value: JSONValue, action: JSONValue, path: list[JSONValue], operand: JSONValue, copied: set[int]
) -> JSONValue:
    if not path:
        return _apply_to_whole(value, action, operand)
    root = container = _copy_once(value, path, copied)
    for step in path[:-1]:
        inner = _copy_once(_get(container, step, path), path, copied)
        _set(container, step, inner)
        container = inner
    step = path[-1]
    if action == "append":
        _set(container, step, _append(_get(container, step, path), operand, path))
    elif action == "replace":
        _get(container, step, path)
        _set(container, step, operand)
    elif action == "add":
        _add(container, step, operand, path)
    elif action == "delete":
        _delete(container, step, path)
    else:
        raise DiffError(f"there is no action {_shown(action)}")
    return root


def _copy_once(value: JSONValue, path: list[JSONValue], copied: set[int]) -> _Container:
    if not isinstance(value, (dict, list)):
        raise DiffError(f"the path {_shown_path(path)} leads into a value of type {type(value).__name__}")
    if id(value) in copied:
        return value
    copy: _Container = value.copy()
    copied.add(id(copy))
    return copy


def _get(container: _Container, step: JSONValue, path: list[JSONValue]) -> JSONValue:
    if isinstance(container, dict):
        if isinstance(step, str) and step in container:
            return container[step]
    elif type(step) is int and 0 <= step < len(container):
        return container[step]
    raise DiffError(f"the path {_shown_path(path)} leads nowhere in the value that is there")


def _set(container: _Container, step: JSONValue, value: JSONValue) -> None:
    """Set what ``_get`` has found to be there."""
    if isinstance(container, dict):
        container[cast(str, step)] = value
    else:
        container[cast(int, step)] = value


def _append(old: JSONValue, operand: JSONValue, path: list[JSONValue]) -> JSONValue:
    if not isinstance(old, str) or not isinstance(operand, str):
        raise DiffError(
            f"at the path {_shown_path(path)}, {type(operand).__name__} cannot be appended to {type(old).__name__}"
        )
    return old + operand


def _add(container: _Container, step: JSONValue, value: JSONValue, path: list[JSONValue]) -> None:
    if isinstance(container, list) and type(step) is int:
        container.append(value)
    elif isinstance(container, dict) and isinstance(step, str):
        container[step] = value
    else:
        raise DiffError(f"nothing can be added at the path {_shown_path(path)}")


def _delete(container: _Container, step: JSONValue, path: list[JSONValue]) -> None:
    if isinstance(container, list) and container and type(step) is int:
        container.pop()
    elif isinstance(container, dict) and isinstance(step, str) and step in container:
        del container[step]
    else:
        raise DiffError(f"there is nothing to delete at the path {_shown_path(path)}")


def _shown(value: JSONValue) -> str:
    if isinstance(value, str):
        return repr(value[:80])
    return repr(value)[:80] if isinstance(value, (int, float)) else f"of type {type(value).__name__}"


def _shown_path(path: list[JSONValue]) -> str:
    return f"[{', '.join(_shown(step) for step in path[:10])}]"[:80]
