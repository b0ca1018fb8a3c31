"""JSON as Gradio speaks it: read leniently, written strictly.

Gradio servers write bare ``NaN`` and ``Infinity`` (up to 3.x) and integers beyond 64 bits (``app_id``), so both are
read. What is written must be something that the server can hand on: a lone surrogate in a string makes Gradio 4.44 to
6.x cut the event stream of the whole session, so it is refused here, before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias, Union, cast

from ._errors import ArgumentError

__all__ = ["JSONValue", "dumps", "loads", "use_json"]

JSONValue: TypeAlias = Union[bool, int, float, str, list["JSONValue"], dict[str, "JSONValue"], None]
"""A value that JSON can hold. Tuples are written too (as lists), but never read."""

# Any exact type outside this set is looked into; a subclass of one of them costs a look, no more.
_SCALARS = frozenset({type(None), bool, int, float, str})

_std_loads = json.JSONDecoder().decode
_std_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_fast_loads: Callable[[bytes | str], Any] | None = None
_fast_dumps: Callable[[Any], bytes | str] | None = None


def use_json(
    *, loads: Callable[[bytes | str], Any] | None = None, dumps: Callable[[Any], bytes | str] | None = None
) -> None:
    """Use a faster JSON library in this process, such as ``use_json(loads=orjson.loads, dumps=orjson.dumps)``.

    ``None`` means the standard library. What the faster library refuses (such as ``NaN``, or integers beyond 64 bits)
    is given to the standard library, so that no document is lost by it. A ``dumps`` must refuse lone surrogates, as
    orjson does.
    """
    global _fast_loads, _fast_dumps
    _fast_loads = loads
    _fast_dumps = dumps


def loads(data: bytes | str) -> JSONValue:
    """Read one JSON document; bytes are UTF-8.

    Raises ``ValueError`` where it is no JSON, no UTF-8, or nested more deeply than the interpreter's stack allows.
    """
    if _fast_loads is not None:
        try:
            return cast(JSONValue, _fast_loads(data))
        except (ValueError, RecursionError):
            pass
    text = data if isinstance(data, str) else data.decode()
    try:
        return cast(JSONValue, _std_loads(text))
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def dumps(value: object) -> bytes:
    """Write a value as compact JSON in UTF-8; tuples become lists, ``nan`` and ``inf`` bare tokens, which Gradio reads.

    Raises ``ArgumentError``, which names the place, for anything JSON cannot hold: another type, a key that is no
    string (it would silently become one), a lone surrogate, a container in itself.
    """
    try:
        encoded = _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(_complaint(value, error)) from None
    if not _keys_are_strings(value):
        raise ArgumentError(_complaint(value, None))
    return encoded


def _encode(value: object) -> bytes:
    if _fast_dumps is not None:
        try:
            encoded = _fast_dumps(value)
        except (TypeError, ValueError, RecursionError):
            pass
        else:
            return encoded if isinstance(encoded, bytes) else encoded.encode()
    return _std_dumps(value).encode()


def _keys_are_strings(value: object) -> bool:
    """Look through a value that was encoded, so it is finite; a list of plain numbers or strings is passed in C."""
    stack = [value]
    while stack:
        container = stack.pop()
        if isinstance(container, dict):
            mapping = cast("dict[object, object]", container)
            for key in mapping:
                if not isinstance(key, str):
                    return False
            stack.extend(item for item in mapping.values() if type(item) not in _SCALARS)
        elif isinstance(container, (list, tuple)):
            items = cast("list[object]", container)
            if not _SCALARS.issuperset(map(type, items)):
                stack.extend(item for item in items if type(item) not in _SCALARS)
    return True


def _complaint(value: object, error: Exception | None) -> str:
    try:
        found = _find_fault(value, "", set())
    except RecursionError:
        return "the value is nested too deeply for JSON"
    return found or f"the value cannot be written as JSON: {str(error)[:80]}"


def _find_fault(value: object, path: str, around: set[int]) -> str | None:
    """Say what is wrong with the first value that JSON cannot hold; ``around`` are the containers it lies in."""
    where = path.removeprefix(".") or "the value"
    if value is None or isinstance(value, float):
        return None
    if isinstance(value, str):
        return _find_surrogate(value, where)
    if isinstance(value, int):
        return _find_excess(value, where)
    if not isinstance(value, (dict, list, tuple)):
        return f"{where} is of type {type(value).__name__}, which JSON cannot hold"
    if id(cast(object, value)) in around:
        return f"{where} contains itself"
    around.add(id(cast(object, value)))
    if isinstance(value, dict):
        fault = _find_fault_in_dict(cast("dict[object, object]", value), path, around)
    else:
        items = cast("list[object]", value)
        faults = (_find_fault(item, f"{path}[{index}]", around) for index, item in enumerate(items))
        fault = next((found for found in faults if found), None)
    around.discard(id(cast(object, value)))
    return fault


def _find_fault_in_dict(value: dict[object, object], path: str, around: set[int]) -> str | None:
    # dict's own items(): a subclass whose items() failed while encoding must not fail again here.
    for key, item in dict[object, object].items(value):
        if not isinstance(key, str):
            where = path.removeprefix(".") or "the value"
            return f"{where} has a key of type {type(key).__name__}, where JSON has only strings"
        step = f".{key}" if key.isidentifier() and len(key) <= 80 else f"[{key[:80]!r}]"
        fault = _find_surrogate(key, f"the key {path.removeprefix('.')}{step}") or _find_fault(
            item, path + step, around
        )
        if fault:
            return fault
    return None


def _find_surrogate(text: str, where: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"{where} has a lone surrogate (U+{ord(text[error.start]):04X} at {error.start}), which is no valid text"
    return None


def _find_excess(number: int, where: str) -> str | None:
    try:
        int.__repr__(number)
    except ValueError:
        return f"{where} is an integer of more digits than the interpreter writes"
    return None
