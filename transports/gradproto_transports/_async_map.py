"""The results of many calls, waited for in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from ._async_inner import Driver
from ._map import Begin, Calls, MapProgress

__all__ = ["MapResults"]


class MapResults(AsyncIterator[Any]):
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
        # The calls know the waiters and not this object, so that it can be let go while they run.
        self._driver = driver
        waiters = self._waiters = driver.waiters()
        self._calls = Calls(begin, inputs, concurrency=concurrency, progress=progress, changed=waiters.notify)
        self._go_on()

    async def __anext__(self) -> Any:
        while True:
            self._go_on()
            there, result = self._calls.take_next()
            if there:
                return result
            if self._calls.over:
                raise StopAsyncIteration
            await self._wait()

    def as_completed(self) -> AsyncIterator[tuple[int, Any]]:
        """Give the place of an input and its result, as they come, instead."""
        return _AsCompleted(self)

    async def take_any(self) -> tuple[int, Any]:
        """Wait for the next call to be over, and return its place and its result."""
        while True:
            self._go_on()
            found = self._calls.take_any()
            if found is not None:
                return found
            if self._calls.over:
                raise StopAsyncIteration
            await self._wait()

    async def close(self) -> None:
        """Begin nothing more, and cancel the calls under way."""
        self._calls.stop()

    def __del__(self) -> None:
        calls: Calls | None = getattr(self, "_calls", None)
        if calls is not None:
            self._driver.soon(calls.stop)

    def _go_on(self) -> None:
        try:
            self._calls.go_on()
        except BaseException:
            self._calls.stop()
            raise

    async def _wait(self) -> None:
        try:
            await self._waiters.wait(lambda: self._calls.news)
        except GeneratorExit:
            raise  # the event loop was given up, and the network with it
        except BaseException:
            self._calls.stop()
            raise


class _AsCompleted(AsyncIterator[tuple[int, Any]]):
    """Not a generator: it may be left in the middle, with nothing to clean up."""

    def __init__(self, results: MapResults) -> None:
        self._results = results

    async def __anext__(self) -> tuple[int, Any]:
        return await self._results.take_any()
