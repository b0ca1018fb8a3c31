"""Trying again: what a caller allows, which errors may pass by themselves, and how long to wait.

Nothing is tried again unless the caller asks for it. Then what certainly has not run may be: a function that may have
run is called once more only if the caller says that this does no harm.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import TypeVar, cast

from ._errors import (
    ArgumentError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceeded,
    GradprotoError,
    NoGPUAvailableError,
    QueueFullError,
    QuotaExceededError,
    RateLimitedError,
    SessionExpiredError,
    TransportError,
)
from ._record import record
from ._timers import LONGEST_TIMER

__all__ = [
    "GATEWAY_STATUSES",
    "Retry",
    "allows_twice",
    "as_retry",
    "given_up",
    "is_passing",
    "never_ran",
    "next_delay",
    "spread",
    "with_hint",
]

# What proxies say of a server that is not there, or not yet.
GATEWAY_STATUSES = frozenset({502, 503, 504})
# Too many requests, and those.
_PASSING_STATUSES = GATEWAY_STATUSES | {429}


@record(frozen=True, slots=True, kw_only=True)
class Retry:
    """What is tried again, how often, and after how long.

    ``times``: how many tries may follow the first one: of connecting, and of each job and download. ``first_delay``:
    seconds before the second try; each further delay is ``factor`` times as long, up to ``longest_delay``. Of each, up
    to a half is left out by chance, so that clients that failed together do not come back together. Where the server
    asks for a longer wait (``Retry-After``), it gets that; where it asks for more than ``longest_delay``, the error
    comes at once.

    Without ``idempotent`` a job is tried again only when it certainly has not run: no connection could be made, its
    upload failed, the server's queue was full, or the server answered 429. An answer that was lost, a stream that
    broke, a session that expired, and a 502, 503 or 504 leave open whether it ran. ``idempotent`` says of which
    endpoints a call may run twice: ``True`` for all, or a collection of their names. Such a job is tried again then,
    too, while it has given no output. So it is where ZeroGPU had no GPU for it, or said in how long its quota has more
    (no longer than ``longest_delay``): that comes from inside the function, of which a part may have run. Whatever else
    the function raised is not tried again.
    """

    times: int = 3
    first_delay: float = 0.5
    factor: float = 2.0
    longest_delay: float = 30.0
    idempotent: bool | Collection[str] = False

    def __post_init__(self) -> None:
        _check_times(self.times)
        for name, least in (("first_delay", 0), ("factor", 1), ("longest_delay", 0)):
            value: object = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= LONGEST_TIMER:
                raise ArgumentError(
                    f"retry: {name} is {value!r:.80}: it must be a number from {least} to {LONGEST_TIMER:g}"
                )
        if self.first_delay > self.longest_delay:
            raise ArgumentError(
                f"retry: first_delay is {self.first_delay!r}: it must not be above longest_delay, "
                f"which is {self.longest_delay!r}"
            )
        object.__setattr__(self, "idempotent", _names(self.idempotent))


def _check_times(times: object) -> None:
    if isinstance(times, bool) or not isinstance(times, int) or times < 0:
        raise ArgumentError(f"retry: times is {times!r:.80}: it must be a whole number, 0 or more")


def _names(idempotent: object) -> bool | frozenset[str]:
    if isinstance(idempotent, bool):
        return idempotent
    if isinstance(idempotent, (str, bytes)) or not isinstance(idempotent, Collection):
        raise ArgumentError(
            f"retry: idempotent is {idempotent!r:.80}: it must be True, False or a collection of endpoints' names"
        )
    names = list(cast("Collection[object]", idempotent))
    for name in names:
        if not isinstance(name, str):
            raise ArgumentError(f"retry: idempotent has {name!r:.80}: it must hold endpoints' names")
    return frozenset(cast("list[str]", names))


def as_retry(value: object) -> Retry | None:
    """Return what the caller gave as ``retry``: a number is one of tries; raises `ArgumentError` for anything else."""
    if value is None or isinstance(value, Retry):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Retry(times=value)
    raise ArgumentError(f"retry is {value!r:.80}: it must be a Retry, a number of tries, or None")


def allows_twice(retry: Retry, api_name: str | None) -> bool:
    """Whether the caller says that a call of this endpoint may run twice."""
    if isinstance(retry.idempotent, bool):
        return retry.idempotent
    return api_name in retry.idempotent


def is_passing(error: GradprotoError) -> bool:
    """Whether the same thing may go well in a while."""
    if error.status in _PASSING_STATUSES:
        return True
    if isinstance(error, QuotaExceededError):
        return error.retry_after is not None
    return isinstance(
        error,
        (
            TransportError,
            DeadlineExceeded,
            RateLimitedError,
            QueueFullError,
            NoGPUAvailableError,
            ConnectionLostError,
            SessionExpiredError,
        ),
    )


def never_ran(error: GradprotoError) -> bool:
    """Whether the error, as the outcome of a request to run something, says that it was not even begun."""
    return isinstance(error, (ConnectError, RateLimitedError, QueueFullError))


def next_delay(retry: Retry, made: int, error: GradprotoError, entropy: Callable[[int], bytes]) -> float | None:
    """Return the seconds until the next try, ``made`` of which were retries; ``None``: there is no other."""
    asked = error.retry_after or 0.0
    if made >= retry.times or asked > retry.longest_delay:
        return None
    try:
        delay = min(retry.first_delay * retry.factor**made, retry.longest_delay)
    except OverflowError:
        delay = retry.longest_delay
    return max(asked, spread(delay, entropy))


def spread(delay: float, entropy: Callable[[int], bytes]) -> float:
    """Return the delay with up to a half of it left out by chance, so that clients do not come back together."""
    chance = int.from_bytes(entropy(4), "big") / 2**32
    return delay * (1 + chance) / 2


E = TypeVar("E", bound=GradprotoError)


def given_up(retry: Retry, made: int, error: E) -> E:
    """Return the error with which it ends after ``made`` retries; says how many tries there were, or why no more."""
    reasons: list[str] = []
    if error.retry_after is not None and error.retry_after > retry.longest_delay and made < retry.times:
        reasons.append(f"that is longer than the longest delay of the retries, {retry.longest_delay:g} s")
    if made:
        reasons.append(f"given up after {made + 1} tries")
    if not reasons:
        return error
    return with_hint(error, "; ".join(reasons))


def with_hint(error: E, hint: str) -> E:
    """Return the error with one more hint. It is not the same one: that may have been told of others, and before."""
    told = copy.copy(error)
    told.__cause__ = error.__cause__
    told.hint = hint if error.hint is None else f"{error.hint}; {hint}"
    return told
