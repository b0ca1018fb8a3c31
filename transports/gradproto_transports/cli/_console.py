"""What the command line writes: lines of output, one line for an error, and a line of progress where somebody watches.

The streams are looked up at each write, since tests and callers replace them. A stream may be missing (``>&-``).
"""

from __future__ import annotations

import io
import re
import sys
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

__all__ = ["StatusLine", "accept_any_text", "one_line", "printable", "say", "speaks_unicode", "watched", "write_line"]

_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_ERROR_LIMIT = 2000  # characters: a screenful, when an app puts a page into its message
_REFRESH_RATE = 10  # times a second: as much as an eye can follow


def accept_any_text() -> None:
    """Let the standard streams take every text: what their encoding has no place for is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def speaks_unicode(stream: TextIO | None) -> bool:
    """Whether the stream's encoding has a place for every character."""
    return stream is not None and stream.encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf16")


def watched(stream: TextIO | None) -> bool:
    """Whether the stream ends at a terminal."""
    return stream is not None and stream.isatty()


def printable(text: str) -> str:
    """Return ``text`` with control characters as escapes: what a server sends must not steer a terminal."""
    return re.sub(_CONTROL, lambda match: f"\\x{ord(match[0]):02x}", text)


def one_line(text: str) -> str:
    """Return ``text`` in one line that is safe to print, cut where it is very long."""
    joined = printable(" ".join(text.split()))
    return joined if len(joined) <= _ERROR_LIMIT else joined[:_ERROR_LIMIT] + "..."


def write_line(text: str) -> None:
    """Write an output and a line end to stdout, at once; raises `OSError` where that fails."""
    stream = sys.stdout
    if stream is None:
        return
    stream.write((printable(text) if stream.isatty() else text) + "\n")
    stream.flush()


def say(text: str) -> None:
    """Write one line about what happens to stderr; where that fails, nobody can be told."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        stream.write(f"gradproto: {one_line(text)}\n")
        stream.flush()
    except OSError:
        pass


class StatusLine:
    """A line on stderr that says what a job does just now, if stderr ends at a terminal; it goes when it is over."""

    def __init__(self) -> None:
        self._live: Live | None = None
        if watched(sys.stderr):
            # The streams are not redirected: outputs belong to stdout, wherever that leads.
            self._live = Live(
                console=Console(stderr=True, highlight=False),
                refresh_per_second=_REFRESH_RATE,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )

    @property
    def active(self) -> bool:
        """Whether anybody sees it."""
        return self._live is not None

    def show(self, text: str) -> None:
        """Show ``text`` instead of what was there, when the line is drawn for the next time."""
        live = self._live
        if live is not None:
            live.update(Text(one_line(text), no_wrap=True, overflow="ellipsis", style="dim"))
            live.start(refresh=True)

    def note(self, text: str) -> None:
        """Write a line that stays, above the status."""
        if self._live is not None:
            self._live.console.print(Text(one_line(text)))

    def hide(self) -> None:
        """Remove the line: something else is about to be written."""
        if self._live is not None:
            self._live.stop()
