"""Ctrl-C and SIGTERM for servers that run in the caller's thread."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator
from types import FrameType

__all__ = ["until_signal"]


@contextlib.contextmanager
def until_signal(stop: Callable[[], None], waker: socket.socket) -> Generator[None, None, None]:
    """Call ``stop`` in place of whatever else Ctrl-C and SIGTERM do; only the main thread hears of them.

    Python calls it when it comes to itself, and it may wait for something else just then: the system writes to
    ``waker``, which must not block, at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stop()

    woken = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        for number, _ in before:
            signal.signal(number, stopped)
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken)
