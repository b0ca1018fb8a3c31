"""Request headers: checked once, merged by name without regard to case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from ._errors import ArgumentError
from ._version import __version__

__all__ = ["FIXED_HEADERS", "check_headers", "merge_headers"]

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
# A line break would let a value smuggle in a header of its own; h11 refuses the other control characters too.
_VALUE = r"[\t\x20-\x7e\x80-\xff]*\Z"
# Every official client says this of itself, and Gradio counts by it, so it is not the caller's to change.
USER_HEADER = ("x-gradio-user", "api")
# What every request says.
FIXED_HEADERS = (
    ("accept", "*/*"),
    # Compression would put a buffer between the server and whoever waits for the next event.
    ("accept-encoding", "identity"),
    ("user-agent", f"gradproto/{__version__}"),
    USER_HEADER,
)
# Framing belongs to whoever writes the bytes, and nobody here could undo a compression.
_RESERVED = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)


def check_headers(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Return the headers with lower-case names, without ``x-gradio-user``.

    Raises `ArgumentError`, which never shows a value, for what cannot be sent.
    """
    if headers is None:
        return ()
    if not isinstance(cast(object, headers), Mapping):
        raise ArgumentError(
            f"headers must be a mapping of names to values, not a {type(cast(object, headers)).__name__}"
        )
    checked = (_check(name, value) for name, value in headers.items())
    return tuple((name, value) for name, value in checked if name != USER_HEADER[0])


def _check(name: object, value: object) -> tuple[str, str]:
    if not isinstance(name, str):
        raise ArgumentError(f"the name of a header is of type {type(name).__name__}, not a string")
    if not re.match(_NAME, name):
        # Who gives a whole line for a name gives the value in it.
        shown = re.split("[: ]", name, maxsplit=1)[0][:80]
        raise ArgumentError(f"what begins with {shown!r} is not a header name")
    if name.lower() in _RESERVED:
        raise ArgumentError(f"header {name!r} is set by the library and cannot be given")
    if not isinstance(value, str) or not re.match(_VALUE, value):
        raise ArgumentError(f"the value of header {name[:80]!r} is not a string that a header can carry")
    return name.lower(), value.strip()


def merge_headers(*groups: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return all headers, where a later group's value replaces an earlier one's of the same (lower-case) name."""
    merged: dict[str, str] = {}
    for group in groups:
        merged.update(group)
    return tuple(merged.items())
