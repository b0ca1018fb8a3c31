"""Request headers: checked once, merged by name without regard to case."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ._errors import ArgumentError

__all__ = ["USER_HEADER", "check_headers", "merge_headers"]

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
# A line break would let a value smuggle in a header of its own; h11 refuses the other control characters too.
_VALUE = r"[\t\x20-\x7e\x80-\xff]*\Z"
# Every official client says this of itself, and Gradio counts by it, so it is not the caller's to change.
USER_HEADER = ("x-gradio-user", "api")
# Framing belongs to whoever writes the bytes.
_RESERVED = frozenset({"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"})


def check_headers(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Return the headers with lower-case names, without ``x-gradio-user``.

    Raises `ArgumentError`, which never shows a value, for what cannot be sent.
    """
    checked: list[tuple[str, str]] = []
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not re.match(_NAME, name):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(f"{name!r} is not a header name")
        if name.lower() in _RESERVED:
            raise ArgumentError(f"header {name!r} is set by the transport and cannot be given")
        if not isinstance(value, str) or not re.match(_VALUE, value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(f"the value of header {name!r} is not a string that a header can carry")
        if name.lower() != USER_HEADER[0]:
            checked.append((name.lower(), value.strip()))
    return tuple(checked)


def merge_headers(*groups: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return all headers, where a later group's value replaces an earlier one's of the same (lower-case) name."""
    merged: dict[str, str] = {}
    for group in groups:
        merged.update(group)
    return tuple(merged.items())
