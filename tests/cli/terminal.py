"""A terminal for programs under test; not on Windows, where the modules that make one are missing."""

from __future__ import annotations

import os
import select
import subprocess
import sys

from tests.cli.conftest import PATIENCE

if sys.platform != "win32":
    import fcntl
    import pty
    import struct
    import termios

__all__ = ["Terminal"]


class Terminal:
    """A pseudo-terminal, and everything that was written to it."""

    def __init__(self) -> None:
        self._seen = b""
        self._master, self.end = pty.openpty()
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # lines, columns

    def read_until(self, text: str, times: int = 1) -> None:
        """Wait until ``text`` was written so many times."""
        while self._seen.count(text.encode()) < times:
            self._seen += self._read(text)

    def type(self, text: str) -> None:
        """Press the keys for ``text``."""
        os.write(self._master, text.encode())

    def watch(self, process: subprocess.Popen[str]) -> str:
        """Return everything that is written until the process ends."""
        os.close(self.end)
        while piece := self._read("the end"):
            self._seen += piece
        os.close(self._master)
        process.wait(PATIENCE)
        return self._seen.decode()

    def _read(self, awaited: str) -> bytes:
        readable, _, _ = select.select([self._master], [], [], PATIENCE)
        assert readable, f"{awaited!r} did not come, but {self._seen!r}"
        try:
            return os.read(self._master, 65536)
        except OSError:  # how Linux says that nobody has the other end open
            return b""
