"""JSON as Gradio writes it: compact raw text on the queue's stream, spaced and escaped ASCII on the older streams."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, cast

__all__ = ["ascii_json", "compact_json"]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode


def compact_json(value: Any) -> str:
    """Write ``value`` without spaces and with characters as they are; NaN and the infinities become ``null``.

    What JSON does not know is written as its ``str()``. A lone surrogate passes: it fails when the text is encoded.
    """
    try:
        return _encode(value)
    except ValueError:
        return _encode(_without_nan(value))


def ascii_json(value: Any) -> str:
    r"""Write ``value`` with ``", "`` and ``": "`` between things and with ``\u`` escapes, for ``/call`` and ``/upload_progress``."""
    return json.dumps(value, default=str)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in cast("list[Any]", value)]
    return value
