"""The results of many calls, waited for by a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ._map import Begin, Calls, MapProgress
from ._sync_driver import Driver

__all__ = ["MapResults"]


class MapResults(Iterator[Any]):
    """The results of a `Client.map`, to be taken once, in the order of the inputs. One that failed is its error.

    Whoever stops before the end calls `close`, or lets it go, and the calls under way are cancelled.
    """

    def __init__(
        self,
        driver: Driver,
        begin: Begin,
        inputs: Iterable[object],
        *,
        concurrency: int,
        progress: Callable[[MapProgress], object] | None,
    ) -> None:
        # The calls know the condition and not this object, so that it can be let go while they run.
        condition = self._condition = threading.Condition()

        def changed() -> None:
            with condition:
                condition.notify_all()

        self._driver = driver
        self._calls = Calls(begin, inputs, concurrency=concurrency, progress=progress, changed=changed)
        self._go_on()

    def __next__(self) -> Any:
        while True:
            self._go_on()
            there, result = self._calls.take_next()
            if there:
                return result
            if self._calls.over:
                raise StopIteration
            self._wait()

    def as_completed(self) -> Iterator[tuple[int, Any]]:
        """Yield the place of an input and its result, as they come, instead."""
        while True:
            self._go_on()
            found = self._calls.take_any()
            if found is not None:
                yield found
            elif self._calls.over:
                return
            else:
                self._wait()

    def close(self) -> None:
        """Begin nothing more, and cancel the calls under way."""
        self._calls.stop()

    def __del__(self) -> None:
        calls: Calls | None = getattr(self, "_calls", None)
        if calls is not None and not self._driver.home.left:
            calls.stop()

    def _go_on(self) -> None:
        try:
            self._calls.go_on()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        try:
            self._driver.wait(self._condition, lambda: self._calls.news, None)
        except BaseException:
            self.close()
            raise
