"""What the command line writes: lines of output on stdout, and what happens on stderr.

The streams are looked up at each write, since tests and callers replace them. A stream may be missing (``>&-``).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from typing import TextIO

__all__ = [
    "accept_any_text",
    "conceal",
    "concealed",
    "forget_concealed",
    "one_line",
    "printable",
    "say",
    "speaks_unicode",
    "steerable",
    "watched",
    "write",
    "write_line",
    "write_note",
]

_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_SHORTEST_TOKEN = 8  # characters; shorter ones would be found inside what has nothing to do with them
_tokens: set[str] = set()
_ERROR_LIMIT = 2000  # characters: a screenful, when an app puts a page into its message


def accept_any_text() -> None:
    """Let the standard streams take every text: what their encoding has no place for is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def conceal(token: str) -> None:
    """Show the token in nothing that is written from now on, also where a server says it back."""
    if len(token) >= _SHORTEST_TOKEN:
        _tokens.update((token, json.dumps(token)[1:-1]))


def forget_concealed() -> None:
    """Another run of the program begins, with tokens of its own."""
    _tokens.clear()


def concealed(text: str) -> str:
    """Return ``text`` without the tokens."""
    for token in _tokens:
        text = text.replace(token, "***")
    return text


def speaks_unicode(stream: TextIO | None) -> bool:
    """Whether the stream's encoding has a place for every character."""
    return stream is not None and stream.encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf16")


def watched(stream: TextIO | None) -> bool:
    """Whether the stream ends at a terminal."""
    return stream is not None and stream.isatty()


def steerable(stream: TextIO | None) -> bool:
    """Whether the stream ends at a terminal that can move its cursor."""
    return watched(stream) and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def printable(text: str) -> str:
    """Return ``text`` with control characters as escapes: what a server sends must not steer a terminal."""
    return re.sub(_CONTROL, lambda match: f"\\x{ord(match[0]):02x}", text)


def one_line(text: str) -> str:
    """Return ``text`` in one line that is safe to print, cut where it is very long."""
    joined = printable(" ".join(concealed(text).split()))
    return joined if len(joined) <= _ERROR_LIMIT else joined[:_ERROR_LIMIT] + "..."


def write_line(text: str) -> None:
    """Write an output and a line end to stdout, at once; raises `OSError` where that fails."""
    stream = sys.stdout
    if stream is not None:
        text = concealed(text)
        write((printable(text) if stream.isatty() else text) + "\n")


def write(text: str) -> None:
    """Write ``text`` as it is to stdout, at once; raises `OSError` where that fails."""
    stream = sys.stdout
    if stream is not None:
        stream.write(text)
        stream.flush()


def say(text: str) -> None:
    """Write one line about what happens to stderr; where that fails, nobody can be told."""
    write_note(f"gradproto: {text}")


def write_note(text: str) -> None:
    """Write one line of somebody else's to stderr; where that fails, nobody can be told."""
    stream = sys.stderr
    if stream is None:
        return
    with contextlib.suppress(OSError):
        stream.write(f"{one_line(text)}\n")
        stream.flush()
