"""A line between a client and the server that is no good: it is late, it is narrow, or bytes come in small pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ._schedule import Schedule, Timer

__all__ = ["Line", "Pace"]

_UNDER_WAY = 64 << 10  # bytes that a line takes ahead of what arrives, as the kernel's buffers do
_AT_ONCE = 1e-6  # seconds; sums of times are not exact


class Pace(NamedTuple):
    """How bytes go over a line, the same in both directions."""

    size: int | None = None
    """Bytes of a piece; ``None`` for whatever comes together."""
    every: float = 0.0
    """Seconds from one piece to the next."""
    delay: float = 0.0
    """Seconds that each piece is late."""


class _Way:
    """One direction: what goes in comes out later, piece by piece, and in its order."""

    def __init__(self, schedule: Schedule, pace: Pace, deliver: Callable[[bytes], None]) -> None:
        self.under_way = 0
        """Bytes that have yet to arrive."""
        self._schedule = schedule
        self._pace = pace
        self._deliver = deliver
        self._chunks: deque[tuple[float, memoryview]] = deque()
        """What is under way, and when it can arrive at the earliest."""
        self._free_at = schedule.now
        self._timer: Timer | None = None
        self._delivers = False

    def add(self, data: bytes) -> None:
        """Put bytes in."""
        self._chunks.append((self._schedule.now + self._pace.delay, memoryview(data)))
        self.under_way += len(data)
        self._move()

    def stop(self) -> None:
        """Lose what is under way."""
        self._chunks.clear()
        self.under_way = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _move(self) -> None:
        if self._timer is not None or self._delivers:
            return
        self._delivers = True  # who takes a piece may put more in
        try:
            while self._chunks:
                wait = max(self._chunks[0][0], self._free_at) - self._schedule.now
                if wait > _AT_ONCE:
                    self._timer = self._schedule.call_after(wait, self._come_back)
                    return
                self._free_at = self._schedule.now + self._pace.every
                self._deliver(self._piece())
        finally:
            self._delivers = False

    def _come_back(self) -> None:
        self._timer = None
        self._move()

    def _piece(self) -> bytes:
        due, chunk = self._chunks.popleft()
        size = len(chunk) if self._pace.size is None else max(self._pace.size, 1)
        if size < len(chunk):
            self._chunks.appendleft((due, chunk[size:]))
        piece = bytes(chunk[:size])
        self.under_way -= len(piece)
        return piece


class Line:
    """Both directions; what ``receive`` takes is what the server hears, and what comes out last is what it sends."""

    def __init__(
        self, schedule: Schedule, pace: Pace, *, receive: Callable[[bytes], None], arrived: Callable[[], None]
    ) -> None:
        self._arrived: deque[bytes] = deque()
        self._untaken = 0
        self._tell = arrived
        self._inward = _Way(schedule, pace, receive)
        self._outward = _Way(schedule, pace, self._came_out)

    @property
    def takes_more(self) -> bool:
        """Whether the client may send more."""
        return self._inward.under_way < _UNDER_WAY

    @property
    def gives_room(self) -> bool:
        """Whether the server may send more."""
        return self._outward.under_way + self._untaken < _UNDER_WAY

    @property
    def is_empty(self) -> bool:
        """Whether all that the server sent has been taken."""
        return not self._arrived and not self._outward.under_way

    def heard(self, data: bytes) -> None:
        """The client has sent something."""
        self._inward.add(data)

    def said(self, data: bytes) -> None:
        """The server has sent something."""
        self._outward.add(data)

    def take(self) -> bytes:
        """Give the next piece that has come to the client's end; ``b""`` if there is none now."""
        if not self._arrived:
            return b""
        piece = self._arrived.popleft()
        self._untaken -= len(piece)
        return piece

    def stop(self) -> None:
        """Lose what is under way: the client is gone."""
        self._inward.stop()
        self._outward.stop()
        self._arrived.clear()
        self._untaken = 0

    def _came_out(self, piece: bytes) -> None:
        self._arrived.append(piece)
        self._untaken += len(piece)
        self._tell()
