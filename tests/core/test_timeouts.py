"""The numbers that a person may give as time limits."""

from __future__ import annotations

import math

import pytest

from gradproto import ArgumentError, Timeouts

NAMES = ["connect", "request", "upload_idle", "queue_wait", "run", "stream_idle"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.001, 1, 10**400, math.inf, None])
def test_seconds_above_zero_or_none_are_limits(name: str, value: float | None) -> None:
    assert getattr(Timeouts(**{name: value}), name) == value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, math.nan, -math.inf, True, "5", [1]])
def test_anything_else_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ArgumentError, match=f"timeout '{name}' is .*: it must be a number of seconds above 0, or None"):
        Timeouts(**{name: value})  # type: ignore[arg-type]


def test_by_default_streams_may_miss_three_beats_and_jobs_may_take_for_ever() -> None:
    limits = Timeouts()
    assert (limits.stream_idle, limits.queue_wait, limits.run) == (45.0, None, None)
