"""An answer that grows, on stdout: only what is new is written while the text grows, and what changed is drawn anew."""

from __future__ import annotations

import shutil
import sys

from ._console import concealed, printable, steerable, watched, write

__all__ = ["AnswerWriter"]


class AnswerWriter:
    """Writes one answer. Off a terminal it is written when it is whole."""

    def __init__(self) -> None:
        self._watched = watched(sys.stdout)
        self._steerable = steerable(sys.stdout)
        self._text = ""

    @property
    def begun(self) -> bool:
        """Whether some of the answer is on the screen."""
        return bool(self._text) and self._watched

    def show(self, text: str) -> None:
        """The answer is ``text`` now."""
        text = concealed(text)
        if not self._watched:
            self._text = text
            return
        # A line is drawn with the width of its characters; an escape counts as what it looks like.
        text = printable(text.replace("\r\n", "\n")).expandtabs()
        before, self._text = self._text, text
        if text.startswith(before):
            write(text[len(before) :])
        else:
            write(self._way_back(before, text))

    def end(self) -> None:
        """The answer is whole, or no more of it will come."""
        if self._text or not self._watched:
            write(self._text + "\n" if not self._watched else "\n")
        self._text = ""

    def _way_back(self, before: str, text: str) -> str:
        """Return what replaces ``before`` by ``text`` on the screen, from the first line that differs."""
        same = next((n for n, (old, new) in enumerate(zip(before, text, strict=False)) if old != new), len(text))
        start = text.rfind("\n", 0, same) + 1
        columns, lines = shutil.get_terminal_size()
        rows = sum(_rows(line, columns) for line in before[start:].split("\n"))
        if not self._steerable or rows >= lines:  # what has left the screen cannot be changed
            return "\n" + text
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}\x1b[J{text[start:]}"


def _rows(line: str, columns: int) -> int:
    from rich.cells import cell_len

    return max(1, -(-cell_len(line) // max(1, columns)))
