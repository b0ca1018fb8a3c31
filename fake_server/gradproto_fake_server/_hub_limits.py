"""The rate limit of the fake Hub."""

from __future__ import annotations

from math import ceil

__all__ = ["RateLimit"]


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
