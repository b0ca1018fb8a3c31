"""One request to a server and all that came back, as it came: what checks look at, and what traces show."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from gradproto import GradprotoError, Request
from gradproto._exchanges import header_value
from gradproto._record import record

__all__ = ["Exchange", "NotJson", "Piece"]


class NotJson(Exception):
    """A body is no JSON."""


@record(frozen=True, slots=True)
class Piece:
    """Bytes of a body, or a message of a WebSocket, and when they came: seconds since the request."""

    at: float
    data: bytes


@dataclass(slots=True, eq=False)
class Exchange:
    """A request, or a WebSocket, and what is known of its answer so far.

    ``ended`` is whether the answer is over, by the rules of HTTP or not; ``error`` is set where not.
    """

    request: Request
    began: float
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    answered_after: float | None = None
    """Seconds until the head of the answer."""
    pieces: list[Piece] = field(default_factory=list[Piece])
    size: int = 0
    """Bytes of the body so far."""
    sent: list[Piece] = field(default_factory=list[Piece])
    """The messages that a WebSocket's client sent."""
    ended: bool = False
    ended_after: float | None = None
    error: GradprotoError | None = None
    closed_with: int | None = None
    """The code with which a WebSocket was closed."""
    left: bool = False
    """Whether we left before it was over."""

    @property
    def body(self) -> bytes:
        """The answer's body so far."""
        return b"".join(piece.data for piece in self.pieces)

    @property
    def text(self) -> str:
        """The answer's body so far, as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The answer's body as a JSON value. Raises `NotJson` if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise NotJson(f"{self.text!r:.80} is no JSON: {error}") from None

    def header(self, name: str) -> str | None:
        """The first value of a header of the answer, by its name in lower case."""
        return header_value(self.headers, name)

    @property
    def is_whole(self) -> bool:
        """Whether the answer is over by the rules of HTTP, or of WebSockets."""
        return self.ended and self.error is None
