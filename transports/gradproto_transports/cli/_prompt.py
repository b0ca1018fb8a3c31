"""Where the messages of a chat come from: somebody who types, with a history to go back to, or a pipe."""

from __future__ import annotations

import sys

from ._connection import Failure
from ._console import steerable, watched

__all__ = ["Prompt"]

_FIRST, _MORE = "> ", "... "


class Prompt:
    """Reads messages from stdin: one from each line, but a line that ends with a backslash goes on in the next.

    At a terminal a pasted block is one message, too, where Python has GNU readline.
    """

    def __init__(self) -> None:
        self.interactive: bool = watched(sys.stdin)
        # Python writes the prompt to stdout, which may lead elsewhere.
        self._edits = self.interactive and watched(sys.stdout)
        if self._edits:
            _prepare_editing()

    def read(self) -> str | None:
        """Return the next message, ``None`` at the end of the input."""
        lines: list[str] = []
        while (line := self._read_line(_MORE if lines else _FIRST)) is not None:
            if not line.endswith("\\"):
                return "\n".join([*lines, line])
            lines.append(line[:-1])
        return "\n".join(lines) if lines else None

    def _read_line(self, prompt: str) -> str | None:
        try:
            if self._edits:
                line = input(prompt)
            else:
                if self.interactive and sys.stderr is not None:
                    sys.stderr.write(prompt)
                    sys.stderr.flush()
                line = "" if sys.stdin is None else sys.stdin.readline()
                if not line:
                    return None
                line = line.removesuffix("\n").removesuffix("\r")
            line.encode()
        except EOFError:
            return None
        except UnicodeError:
            raise Failure("the input is not text in the encoding of the terminal") from None
        return line


def _prepare_editing() -> None:
    """Let `input` edit, remember, and take a pasted block as one message."""
    try:
        import readline
    except ImportError:  # not everywhere
        return
    readline.set_auto_history(True)
    if steerable(sys.stdout) and "libedit" not in (readline.__doc__ or ""):
        readline.parse_and_bind("set enable-bracketed-paste on")  # Python turns it off, for its own prompt's sake
