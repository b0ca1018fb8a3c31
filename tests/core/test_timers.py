"""Timers without a clock, against a list that is looked through at every tick."""

from __future__ import annotations

import math
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto._timers import LONGEST_TIMER, LONGEST_WAIT, MAX_DEAD, Timer, Timers


class Fired:
    """Remembers when timers fired."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.log: list[tuple[float, str]] = []

    def start(self, name: str, seconds: float | None) -> Timer | None:
        return self.timers.start(seconds, lambda: self.log.append((self.timers.now, name)))


def test_a_timer_counts_from_the_tick_after_its_start() -> None:
    fired = Fired()
    fired.start("a", 5)
    fired.timers.tick(100)
    fired.timers.tick(104.9)
    assert fired.log == []
    fired.timers.tick(105)
    fired.timers.tick(200)
    assert fired.log == [(105, "a")]


def test_a_new_timer_wants_a_tick_at_once() -> None:
    timers = Timers()
    assert timers.next_deadline() is None
    timers.tick(100)
    assert timers.next_deadline() is None
    timers.start(5, lambda: None)
    assert timers.next_deadline() == 100
    timers.tick(103)
    assert timers.next_deadline() == 108


def test_no_limit_is_no_timer() -> None:
    timers = Timers()
    assert timers.start(None, lambda: None) is None
    timers.restart(None)
    timers.cancel(None)
    assert timers.next_deadline() is None


def test_a_restarted_timer_fires_once_and_later() -> None:
    fired = Fired()
    timer = fired.start("a", 5)
    for now in (0, 4, 8, 12):
        fired.timers.restart(timer)
        fired.timers.restart(timer)
        fired.timers.tick(now)
    fired.timers.tick(16)
    assert fired.log == []
    fired.timers.tick(17)
    fired.timers.tick(30)
    assert fired.log == [(17, "a")]


def test_the_next_deadline_may_be_early_and_is_never_late() -> None:
    timers = Timers()
    timer = timers.start(5, lambda: None)
    timers.tick(0)
    timers.restart(timer)
    timers.tick(4)
    assert timers.next_deadline() == 5
    timers.tick(5)
    assert timers.next_deadline() == 9


@pytest.mark.parametrize("ticks", [0, 1])
def test_a_cancelled_timer_neither_fires_nor_wakes(ticks: int) -> None:
    fired = Fired()
    timer = fired.start("a", 5)
    for _ in range(ticks):
        fired.timers.tick(0)
    fired.timers.cancel(timer)
    fired.timers.restart(timer)
    fired.timers.tick(0)
    assert fired.timers.next_deadline() is None
    fired.timers.tick(10)
    assert fired.log == []


def test_a_cancelled_timer_lets_go_of_what_it_would_have_done() -> None:
    class Request:
        def expire(self) -> None:
            raise AssertionError

    timers = Timers()
    request = Request()
    gone = weakref.ref(request)
    timer = timers.start(60, request.expire)
    timers.start(30, lambda: None)
    timers.tick(0)
    timers.cancel(timer)
    del request
    assert gone() is None
    timers.tick(100)


def test_cancelled_timers_do_not_pile_up() -> None:
    fired = Fired()
    fired.start("kept", 50)
    for now in range(20):
        for _ in range(100):
            fired.timers.cancel(fired.start("cancelled", 60))
        for timer in [fired.start("cancelled", 60) for _ in range(100)]:
            fired.timers.tick(now)
            fired.timers.cancel(timer)
        assert len(fired.timers._heap) <= 2 * MAX_DEAD + 1
    fired.timers.tick(50)
    assert fired.log == [(50, "kept")]
    assert fired.timers.next_deadline() is None


def test_as_many_cancelled_timers_as_there_are_others_are_no_pile() -> None:
    timers = Timers()
    made = [timers.start(60, lambda: None) for _ in range(4 * MAX_DEAD)]
    timers.tick(0)
    for timer in made[: 2 * MAX_DEAD]:
        timers.cancel(timer)
        timers.cancel(timer)
    assert len(timers._heap) == 4 * MAX_DEAD
    timers.cancel(made[2 * MAX_DEAD])
    assert len(timers._heap) == 2 * MAX_DEAD - 1
    timers.tick(60)
    assert timers._heap == []
    assert timers._dead == 0


def test_a_timer_that_fired_cannot_be_started_again() -> None:
    fired = Fired()
    timer = fired.start("a", 5)
    fired.timers.tick(0)
    fired.timers.tick(5)
    fired.timers.restart(timer)
    fired.timers.tick(5)
    fired.timers.tick(20)
    assert fired.log == [(5, "a")]
    assert fired.timers.next_deadline() is None


def test_timers_fire_in_the_order_of_their_deadlines_and_then_of_their_starts() -> None:
    fired = Fired()
    for name, seconds in (("late", 9), ("first", 3), ("second", 3)):
        fired.start(name, seconds)
    fired.timers.tick(0)
    fired.timers.tick(10)
    assert [name for _, name in fired.log] == ["first", "second", "late"]


def test_a_timer_that_is_started_when_another_fires_counts_from_the_next_tick() -> None:
    fired = Fired()
    fired.timers.start(1, lambda: fired.start("b", 1))
    fired.timers.tick(0)
    fired.timers.tick(10)
    assert fired.timers.next_deadline() == 10
    fired.timers.tick(20)
    assert fired.timers.next_deadline() == 21
    fired.timers.tick(21)
    assert fired.log == [(21, "b")]


def test_a_timer_can_stop_one_that_is_due_too() -> None:
    fired = Fired()
    second: list[Timer | None] = []
    fired.timers.start(1, lambda: fired.timers.cancel(second[0]))
    second.append(fired.start("second", 1))
    fired.timers.tick(0)
    fired.timers.tick(1)
    assert fired.log == []


@pytest.mark.parametrize("seconds", [1e8, 1e300, math.inf, 10**400])
def test_a_limit_beyond_what_systems_can_wait_wakes_once_a_day(seconds: float) -> None:
    fired = Fired()
    fired.start("a", seconds)
    fired.timers.tick(50)
    assert fired.timers.next_deadline() == 50 + LONGEST_WAIT
    fired.timers.tick(50 + LONGEST_WAIT)
    assert fired.timers.next_deadline() == 50 + 2 * LONGEST_WAIT
    assert fired.log == []
    fired.timers.tick(51 + LONGEST_TIMER)
    assert [name for _, name in fired.log] == ["a"]


def test_a_timer_that_is_restarted_often_is_noted_once() -> None:
    timers = Timers()
    timer = timers.start(5, lambda: None)
    for _ in range(100):
        timers.restart(timer)
    assert timers._fresh == [timer]


@given(
    st.sampled_from([0, 2, MAX_DEAD]),
    st.lists(
        st.one_of(
            st.tuples(st.just("start"), st.integers(1, 30)),
            st.tuples(st.sampled_from(["restart", "cancel"]), st.integers(0, 12)),
            st.tuples(st.just("tick"), st.integers(0, 10)),
        ),
        max_size=60,
    ),
)
def test_timers_do_what_a_list_of_deadlines_does(most_dead: int, steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gradproto._timers.MAX_DEAD", most_dead)
        follow(steps)


def follow(steps: list[tuple[str, int]]) -> None:
    fired = Fired()
    made: list[Timer] = []
    seconds: list[int] = []
    deadlines: dict[int, float | None] = {}  # None: since the last tick
    expected: set[tuple[float, str]] = set()
    now = 0.0
    for kind, number in steps:
        if kind == "start":
            timer = fired.start(str(len(made)), number)
            assert timer is not None
            deadlines[len(made)] = None
            made.append(timer)
            seconds.append(number)
        elif kind == "tick":
            now += number
            for index, deadline in deadlines.items():
                deadlines[index] = now + seconds[index] if deadline is None else deadline
            due = {index for index, deadline in deadlines.items() if deadline is not None and deadline <= now}
            expected |= {(now, str(index)) for index in due}
            for index in due:
                del deadlines[index]
            fired.timers.tick(now)
        elif number < len(made):
            getattr(fired.timers, kind)(made[number])
            if kind == "cancel":
                deadlines.pop(number, None)
            elif number in deadlines:
                deadlines[number] = None
        assert set(fired.log) == expected
        assert len(fired.log) == len(expected)
        wanted = fired.timers.next_deadline()
        heap = fired.timers._heap
        assert fired.timers._dead == sum(entry[2].fire is None for entry in heap)
        for deadline in deadlines.values():
            assert wanted is not None
            assert wanted <= (now if deadline is None else deadline)
    if not deadlines:
        fired.timers.tick(now)
        assert fired.timers.next_deadline() is None


def test_what_is_left_after_clearing_away_fires_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradproto._timers.MAX_DEAD", 2)
    fired = Fired()
    made = {seconds: fired.start(str(seconds), seconds) for seconds in (1, 10, 2, 11, 12, 3, 4)}
    fired.timers.tick(0)
    for seconds in (1, 10, 2, 11):
        fired.timers.cancel(made[seconds])
    assert len(fired.timers._heap) == 3
    for now in range(1, 13):
        fired.timers.tick(now)
    assert fired.log == [(3, "3"), (4, "4"), (12, "12")]
