"""The sync driver's way to a host with several addresses: a slow one does not keep the next one waiting (RFC 8305)."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence

from ._addresses import HAPPY_EYEBALLS_DELAY, AddressInfo, in_turns

__all__ = ["Race"]


class Race:
    """Connects non-blocking sockets to a host's addresses until one is there: ``won`` gets it.

    ``lost`` gets the last failure when there is nothing left to try. ``due`` is when `go_on` is to be called, by the
    monotonic clock, if it is.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        found: Sequence[AddressInfo],
        *,
        won: Callable[[socket.socket], None],
        lost: Callable[[OSError], None],
    ) -> None:
        self.due: float | None = None
        self._selector = selector
        self._addresses = in_turns(found)
        self._won = won
        self._lost = lost
        self._attempts: list[_Attempt] = []
        self._failure = OSError("the name has no address")

    def go_on(self) -> None:
        """Try the next address, along with those that have not answered yet."""
        self.due = None
        while self._addresses:
            family, _, _, _, address = self._addresses.popleft()
            try:
                opened = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                self._failure = error  # this system does not have the family
                continue
            opened.setblocking(False)
            try:
                opened.connect(address)
            except BlockingIOError:
                attempt = _Attempt(self, opened)
                self._attempts.append(attempt)
                self._selector.register(opened, selectors.EVENT_WRITE, attempt)
                if self._addresses:
                    self.due = time.monotonic() + HAPPY_EYEBALLS_DELAY
                return
            except OSError as error:
                opened.close()
                self._failure = error
            else:
                self._end(opened)
                return
        if not self._attempts:
            self._lost(self._failure)

    def settle(self, attempt: _Attempt) -> None:
        """Hear that an attempt has come to its end."""
        if attempt not in self._attempts:
            return  # the race was over earlier in this turn
        self._attempts.remove(attempt)
        opened = attempt.socket
        self._selector.unregister(opened)
        code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code:
            self._end(opened)
            return
        opened.close()
        self._failure = OSError(code, os.strerror(code))
        self.go_on()

    def close(self) -> None:
        """Give up."""
        for attempt in self._attempts:
            self._selector.unregister(attempt.socket)
        self.leave()

    def leave(self) -> None:
        """Close the sockets, in a process that has only copies."""
        self.due = None
        for attempt in self._attempts:
            attempt.socket.close()
        self._attempts.clear()

    def _end(self, winner: socket.socket) -> None:
        self.close()
        self._won(winner)


class _Attempt:
    """What the selector knows of one address."""

    def __init__(self, race: Race, opened: socket.socket) -> None:
        self.socket = opened
        self._race = race

    def ready(self, mask: int) -> None:
        """The socket is connected, or will never be."""
        self._race.settle(self)
