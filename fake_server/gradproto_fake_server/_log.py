"""What clients asked for, how each exchange ended, and what tests assert of that."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ._json import is_list, is_object
from ._secrets import SecretFilter, without_secrets_in_query

__all__ = [
    "Ending",
    "RequestRecord",
    "check_closed",
    "check_requested",
    "check_strict",
    "complaint",
    "is_excused",
]

Ending = Literal["open", "complete", "cut", "disconnected"]

_SHOWN = 10  # lines of a list in a message; whoever needs more has the log
_SHOWN_TEXT = 200


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request; its status and its ending are filled in as they become known."""

    number: int
    """Counted from 1 over all connections; 0 for one that controls the server."""
    connection: int
    """Which connection it came over, counted from 1."""
    method: str
    path: str
    """Without the query, percent signs decoded."""
    # What may be secret is not in its repr, which pytest shows where a test fails.
    query: str = field(repr=False)
    """As it was sent."""
    headers: list[tuple[str, str]] = field(repr=False)
    """Names in lower case."""
    kind: str
    """What it is for: ``config info page join data cancel reset heartbeat upload upload_progress file run call
    call_data ...``, or ``unknown``."""
    started: float
    """The server's time in seconds."""
    site: str = ""
    """Where it came to: ``hub``, or the id of the Space whose address it is; empty for an app by itself."""
    session_hash: str | None = None
    received: int = 0
    """Bytes of its body, or of what came over its WebSocket, so far."""
    sent: int = 0
    """Bytes of the answer so far, with its head and framing."""
    body: Any = field(default=None, repr=False)
    """The parsed JSON of a small body, else ``None``."""
    status: int | None = None
    fault: str | None = None
    """The names of the faults that it met, with commas between them."""
    complaint: str | None = None
    """Why a real server refuses such a request, if it does: what :meth:`FakeApp.assert_strict` is about."""
    ended: float | None = None
    end: Ending = "open"
    """``complete``: the whole response went out; ``cut``: the server closed inside the response; ``disconnected``: the
    client went away before the response was whole."""

    @property
    def line(self) -> str:
        """The request in one line of a log, without secrets."""
        query = f"?{without_secrets_in_query(self.query)}" if self.query else ""
        where = SecretFilter().feed(f"{self.path}{query}".encode("utf-8", "replace")).decode("utf-8", "replace")
        took = "" if self.ended is None else f" {self.ended - self.started:.3f} s"
        fault = "" if self.fault is None else f" ({self.fault})"
        return f"{self.method or 'no HTTP'} {where}: {self.status or 'no answer'}, {self.end}{took}{fault}"


def check_requested(requests: Iterable[RequestRecord], kind: str, times: int | None) -> list[RequestRecord]:
    """Give the requests of a kind. Raises ``AssertionError`` if there are not ``times`` of them, or none at all."""
    seen = list(requests)
    found = [record for record in seen if record.kind == kind]
    if found if times is None else len(found) == times:
        return found
    wanted = "at least one" if times is None else str(times)
    counts = Counter(record.kind for record in seen)
    there_were = ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
    raise AssertionError(
        f"{wanted} {kind!r} expected, got {len(found)}; all requests: {there_were}{_lines(_shown(r) for r in found)}"
    )


def check_closed(still_open: Sequence[RequestRecord]) -> None:
    """Raise ``AssertionError`` if there are requests that are not over."""
    if still_open:
        shown = _lines(_shown(record) for record in still_open)
        raise AssertionError(f"{len(still_open)} request(s) are still open:{shown}")


def check_strict(complaints: Sequence[str]) -> None:
    """Raise ``AssertionError`` if there are complaints."""
    if complaints:
        raise AssertionError(f"{len(complaints)} request(s) that a real server refuses:{_lines(complaints)}")


def is_excused(record: RequestRecord) -> bool:
    """Say whether a refusal is nobody's fault: of a password, or of a document that may be there or not."""
    looks = record.method in ("GET", "HEAD") and record.path.rstrip("/").rpartition("/")[2] in _LOOKED_FOR
    return record.kind == "login" or looks


_LOOKED_FOR = frozenset({"info", "config", "favicon.ico", "manifest.json", "robots.txt", "app_id"})


def complaint(record: RequestRecord, answer: bytes) -> str:
    """Say why a request was refused, without what was sent, for a token may be in it."""
    what = f"{record.method} {record.path}" if record.method else "a request"
    status = "" if record.status is None else f" {record.status}"
    return f"{what}:{status} {_reason(answer)}".rstrip()


def _reason(answer: bytes) -> str:
    try:
        detail: Any = json.loads(answer).get("detail")
    except (ValueError, AttributeError):
        return ""
    if isinstance(detail, str):
        return detail[:_SHOWN_TEXT]
    wrong: list[dict[str, Any]] = [item for item in detail if is_object(item)] if is_list(detail) else []
    return "; ".join(f"{'.'.join(map(str, item.get('loc', ())))}: {item.get('msg')}" for item in wrong)[:_SHOWN_TEXT]


def _shown(record: RequestRecord) -> str:
    # Of a query nothing is shown, for a token may be in it.
    session = "" if record.session_hash is None else f" of session {record.session_hash!r}"
    status = "no status yet" if record.status is None else str(record.status)
    return f"#{record.number} {record.method} {record.path} ({record.kind}){session}: {status}, {record.end}"


def _lines(texts: Iterable[str]) -> str:
    every = list(texts)
    more = [f"... and {len(every) - _SHOWN} more"] if len(every) > _SHOWN else []
    return "".join(f"\n  {text}" for text in [*every[:_SHOWN], *more])
