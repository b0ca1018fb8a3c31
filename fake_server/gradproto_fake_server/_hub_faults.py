"""What a test lets go wrong at the fake Hub: answers of its own, silence, cut connections; and the rate limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import ceil
from typing import Literal

from ._http import Exchange
from ._json import compact_json

__all__ = ["Fault", "FaultAction", "Faults", "RateLimit"]

FaultAction = Literal["answer", "hang", "cut", "truncate", "lose"]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong; :meth:`cancel` puts it right."""

    method: str
    path: str
    """With ``*`` for anything, slashes too."""
    action: FaultAction
    status: int
    body: bytes
    content_type: str
    headers: Sequence[tuple[str, str]]
    times: int | None
    """How often it will yet happen; ``None`` for every time."""
    after: int
    """How many requests pass before it happens."""
    met: int = field(default=0, init=False)
    """How often it has happened."""

    def cancel(self) -> None:
        """Let it happen no more."""
        self.times = 0

    def applies(self, method: str, path: str) -> bool:
        """Say whether it happens to this request, and count it."""
        if self.times == 0 or self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.met += 1
        return True

    def meet(self, exchange: Exchange) -> None:
        """Let it happen to an exchange; ``lose`` is for those who carry the request out."""
        exchange.record.kind = "fault"
        if self.action == "answer":
            exchange.respond(self.status, self.body, self.content_type, self.headers)
        elif self.action == "truncate":
            length = ("content-length", str(len(self.body) + 1))
            headers = [length, ("content-type", self.content_type), *self.headers]
            exchange.connection.start_response(exchange, self.status, headers)
            exchange.connection.send_data(self.body)
            exchange.drop()
        elif self.action == "cut":
            exchange.drop()


class Faults:
    """The faults of one address, in the order in which they were made."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(
        self,
        pattern: str,
        *,
        status: int = 500,
        error: str = "Something went wrong on our side.",
        body: str | bytes | None = None,
        content_type: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        action: FaultAction = "answer",
        times: int | None = 1,
        after: int = 0,
    ) -> Fault:
        """Make a fault; see :meth:`FakeHub.fail`."""
        method, _, path = pattern.partition(" ")
        if not path.startswith(("/", "*")):
            raise ValueError(f"a fault is for a method and a path, as in 'POST /api/*', not {pattern!r}")
        if body is None:
            content = compact_json({"error": error}).encode()
            content_type = content_type or "application/json; charset=utf-8"
        else:
            content = body.encode() if isinstance(body, str) else body
            content_type = content_type or "text/html; charset=utf-8"
        fault = Fault(
            method=method.upper(),
            path=path,
            action=action,
            status=status,
            body=content,
            content_type=content_type,
            headers=tuple(headers),
            times=times,
            after=after,
        )
        self._faults.append(fault)
        return fault

    def find(self, method: str, path: str) -> Fault | None:
        """Give the fault that happens to a request."""
        return next((fault for fault in self._faults if fault.applies(method, path)), None)


class RateLimit:
    """So many requests in each window of time, for each caller."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit = limit
        self.window = window
        self._counts: dict[str, tuple[float, int]] = {}

    def count(self, caller: str, now: float) -> tuple[bool, list[tuple[str, str]]]:
        """Count a request; say whether it is one too many, and what the headers tell about it."""
        began, used = self._counts.get(caller, (now, 0))
        if now >= began + self.window:
            began, used = now, 0
        used += 1
        self._counts[caller] = began, used
        left = max(self.limit - used, 0)
        reset = ceil(began + self.window - now)
        headers = [
            ("ratelimit", f'"api";r={left};t={reset}'),
            ("ratelimit-policy", f'"fixed window";"api";q={self.limit};w={ceil(self.window)}'),
        ]
        if used <= self.limit:
            return False, headers
        return True, [*headers, ("retry-after", str(reset))]
