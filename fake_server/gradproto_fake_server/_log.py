"""What clients asked for, and how each exchange ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Ending", "RequestRecord"]

Ending = Literal["open", "complete", "cut", "disconnected"]


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request; its status and its ending are filled in as they become known."""

    number: int
    """Counted from 1 over all connections."""
    connection: int
    """Which connection it came over, counted from 1."""
    method: str
    path: str
    """Without the query, percent signs decoded."""
    query: str
    """As it was sent."""
    headers: list[tuple[str, str]]
    """Names in lower case."""
    kind: str
    """What it is for: ``config info page join data cancel reset heartbeat upload upload_progress file run call
    call_data ...``, or ``unknown``."""
    started: float
    """The server's time in seconds."""
    site: str = ""
    """Where it came to: ``hub``, or the id of the Space whose address it is; empty for an app by itself."""
    session_hash: str | None = None
    body: Any = None
    """The parsed JSON of a small body, else ``None``."""
    status: int | None = None
    fault: str | None = None
    """The names of the faults that it met, with commas between them."""
    ended: float | None = None
    end: Ending = "open"
    """``complete``: the whole response went out; ``cut``: the server closed inside the response; ``disconnected``: the
    client went away before the response was whole."""
