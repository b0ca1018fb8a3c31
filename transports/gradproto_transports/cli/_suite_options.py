"""What the two commands of the conformance suite share: options, what they need, and how they are told to stop."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import click

from ._connection import USAGE, Failure
from ._program import Terminated

__all__ = [
    "Stop",
    "check_seconds",
    "jobs_option",
    "select_option",
    "strict_option",
    "suite_wanted",
    "timeout_option",
    "told_to_stop",
]

Command = TypeVar("Command", bound=Callable[..., Any])


def check_seconds(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse a limit that is none, by the name of its option."""
    if value is not None and not (0 < value < 1e8 and math.isfinite(value)):
        raise click.UsageError(f"{parameter.opts[0]} must be a number of seconds above 0")
    return value


def select_option(example: str) -> Callable[[Command], Command]:
    """Give the option that selects checks; ``example`` is a glob of clauses."""
    return click.option(
        "--select",
        metavar="PATTERN",
        multiple=True,
        help=f"Only checks of this id, or about this clause; * stands for anything, as in '{example}'. May be "
        "repeated.",
    )


strict_option = click.option("--strict", is_flag=True, help="Let a should that is broken be a failure as a must is.")


def timeout_option(told: str) -> Callable[[Command], Command]:
    """Give the option that limits a scenario."""
    return click.option(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=30.0,
        show_default=True,
        callback=check_seconds,
        help=told,
    )


def jobs_option(what: str) -> Callable[[Command], Command]:
    """Give the option that says how many of them run at a time."""
    return click.option(
        "--jobs",
        metavar="N",
        type=click.IntRange(1, 1000),
        default=4,
        show_default=True,
        help=f"Run so many {what} at a time.",
    )


@contextlib.contextmanager
def suite_wanted() -> Generator[None, None, None]:
    """Import the suite in the block: it stands on trio, which the other commands do without."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "trio":
            raise
        raise Failure('the conformance suite needs trio: pip install "gradproto[cli,trio]"', USAGE) from None


class Stop:
    """Keeps what told the program to stop."""

    def __init__(self) -> None:
        self.cause: KeyboardInterrupt | None = None


@contextlib.contextmanager
def told_to_stop(stop: Stop, end: Callable[[], None]) -> Generator[None, None, None]:
    """Let SIGINT and SIGTERM call ``end`` in trio's thread, so that what is known by then is reported."""
    import trio

    token = trio.lowlevel.current_trio_token()

    def hear(number: int, _frame: object) -> None:
        stop.cause = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        token.run_sync_soon(end)

    if threading.current_thread() is not threading.main_thread():  # who may not say so
        yield
        return
    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
