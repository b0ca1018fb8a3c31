"""JSON as Gradio writes it: compact raw text on the queue's stream, spaced and escaped ASCII on the older ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any, TypeGuard

__all__ = ["ascii_json", "compact_json", "escaped_json", "is_list", "is_list_or_tuple", "is_object"]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode

_encode_ascii = json.JSONEncoder(allow_nan=False, default=str).encode

_encode_escaped = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str).encode


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Say whether a value is a JSON array."""
    return isinstance(value, list)


def is_list_or_tuple(value: object) -> TypeGuard[Sequence[Any]]:
    """Say whether a value is what JSON writes as an array."""
    return isinstance(value, list | tuple)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a value is a JSON object."""
    return isinstance(value, dict)


def compact_json(value: Any) -> str:
    """Write ``value`` without spaces and with characters as they are; NaN and the infinities become ``null``.

    What JSON does not know is written as its ``str()``. A lone surrogate passes: it fails when the text is encoded.
    """
    try:
        return _encode(value)
    except ValueError:
        return _encode(_without_nan(value))


def ascii_json(value: Any) -> str:
    r"""Write ``value`` with spaces and ``\u`` escapes, for ``/call``, ``/upload_progress`` and the older queues."""
    try:
        return _encode_ascii(value)
    except ValueError:
        return _encode_ascii(_without_nan(value))


def escaped_json(value: Any) -> str:
    r"""Write ``value`` without spaces and with ``\u`` escapes, as the WebSockets before 3.50 do."""
    try:
        return _encode_escaped(value)
    except ValueError:
        return _encode_escaped(_without_nan(value))


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if is_object(value):
        return {key: _without_nan(item) for key, item in value.items()}
    if is_list_or_tuple(value):
        return [_without_nan(item) for item in value]
    return value
