from __future__ import annotations

from functools import partial

from gradproto_fake_server._schedule import Schedule


def test_things_are_done_at_their_time_and_in_their_order() -> None:
    schedule = Schedule()
    done: list[tuple[str, float]] = []

    def do(name: str) -> None:
        done.append((name, schedule.now))

    schedule.call_after(2, partial(do, "b"))
    schedule.call_after(1, partial(do, "a"))
    schedule.call_after(2, partial(do, "c"))
    assert schedule.next_deadline() == 1
    schedule.run_due(1.5)
    assert done == [("a", 1)]
    schedule.run_due(10)
    assert done == [("a", 1), ("b", 2), ("c", 2)]
    assert schedule.now == 10
    assert schedule.next_deadline() is None


def test_what_is_set_while_things_are_done_is_done_too_when_due() -> None:
    schedule = Schedule()
    times: list[float] = []

    def again() -> None:
        times.append(schedule.now)
        schedule.call_after(1, again)

    schedule.call_after(1, again)
    schedule.run_due(3.5)
    assert times == [1, 2, 3]
    assert schedule.next_deadline() == 4


def test_the_clock_never_goes_back() -> None:
    schedule = Schedule()
    schedule.run_due(5)
    schedule.run_due(3)
    assert schedule.now == 5


def test_a_cancelled_timer_is_not_done_and_no_deadline() -> None:
    schedule = Schedule()
    timer = schedule.call_after(1, lambda: None)
    schedule.call_after(2, lambda: None)
    timer.cancel()
    timer.cancel()
    assert schedule.next_deadline() == 2
    late = schedule.call_after(3, lambda: None)
    schedule.run_due(5)
    late.cancel()
    assert schedule.next_deadline() is None


def test_many_cancelled_timers_are_swept_and_the_others_stay() -> None:
    schedule = Schedule()
    done: list[int] = []
    schedule.call_after(7, lambda: done.append(7))
    timers = [schedule.call_after(5, lambda: done.append(5)) for _ in range(5000)]
    for timer in timers:
        timer.cancel()
    assert len(schedule._timers) < 2000
    schedule.run_due(10)
    assert done == [7]
