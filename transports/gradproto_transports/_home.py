"""The process that a client lives in: a fork has its memory and its sockets, but not its thread nor its event loop."""

from __future__ import annotations

import os

from gradproto import LocalProtocolError

__all__ = ["Home"]


class Home:
    """The process in which this object was made."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    @property
    def left(self) -> bool:
        """Whether this is another process, forked from that one."""
        return os.getpid() != self._pid

    def check(self) -> None:
        """Raise `LocalProtocolError` in another process: what came there would be missing here."""
        if self.left:
            raise LocalProtocolError(
                f"the client was made in another process ({self._pid}), before a fork",
                hint="make a new one in this one",
            )
