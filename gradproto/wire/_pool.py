"""What the wire client remembers: its exchanges, its connections, and which of them belong to one origin."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import h11

from gradproto._commands import Request
from gradproto._timers import Timer

from ._actions import Proxy
from ._http1 import HttpConnection, Outcome
from ._silence import Silence

if TYPE_CHECKING:
    from ._websocket import WebSocketConnection

__all__ = ["Connection", "Exchange", "Origin", "Pool", "Stage"]

# Scheme (http or https), host, port.
Origin = tuple[str, str, int]


class Stage(enum.Enum):
    """Where a connection stands. One that was closed is forgotten, so there is no stage for it."""

    CONNECTING = "CONNECTING"
    BUSY = "BUSY"
    IDLE = "IDLE"
    # A WebSocket is over, and the server is to close the connection first (RFC 6455, section 7.1.1).
    LINGERING = "LINGERING"


class Pool:
    """The connections to one origin, and the exchanges that wait because there are too many."""

    __slots__ = ("idle", "origin", "proxy", "size", "waiting")

    def __init__(self, origin: Origin, proxy: Proxy | None) -> None:
        self.origin = origin
        self.proxy = proxy
        # How many there are in all stages.
        self.size = 0
        # The one that was used last is the last, so the first is the first to expire.
        self.idle: list[Connection] = []
        self.waiting: deque[Exchange] = deque()


class Exchange:
    """One exchange under way; ``connection`` is there as soon as it is not waiting for one."""

    __slots__ = ("connection", "head", "number", "pool", "request", "websocket")

    def __init__(
        self, number: int, pool: Pool, request: Request, head: h11.Request, websocket: WebSocketConnection | None
    ) -> None:
        self.number = number
        self.pool = pool
        self.request = request
        self.head = head
        self.websocket = websocket
        self.connection: Connection | None = None

    @property
    def can_repeat(self) -> bool:
        """Whether the request may be sent once more. A file may be one that can be read only once."""
        request = self.request
        return request.safe_to_repeat and all(isinstance(part, bytes) for part in request.body)

    @property
    def can_reuse(self) -> bool:
        """Whether a connection that carried something before will do."""
        if self.websocket is not None:
            return False
        pool = self.pool
        # Some proxies close after each answer that they forwarded, and do not say so (tinyproxy 1.11). What is sent a
        # moment too early to notice must be something that can be sent once more.
        return pool.proxy is None or pool.origin[0] == "https" or self.can_repeat


class Connection:
    """One connection; ``exchange`` is the one that it carries, or the last one."""

    __slots__ = ("exchange", "feed", "http", "idle_until", "number", "pool", "reused", "silence", "stage", "timer")

    def __init__(self, number: int, exchange: Exchange, http: HttpConnection, feed: Callable[[bytes], Outcome]) -> None:
        self.number = number
        self.pool = exchange.pool
        self.exchange = exchange
        self.http = http
        # Who takes what is received while the connection is busy.
        self.feed = feed
        self.stage = Stage.CONNECTING
        self.reused = False
        # The tick after the connection became idle says until when it may be so.
        self.idle_until = 0.0
        # For connecting, or for the closing of a WebSocket.
        self.timer: Timer | None = None
        # For an open WebSocket.
        self.silence: Silence | None = None
