"""The three clients behind one face, so that one behaviour test runs on each.

A test is a coroutine function. Under trio and asyncio it runs as such; for the sync client, whose methods are wrapped
into coroutines that block, it is simply driven to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import ModuleType
from typing import Any, TypeVar

import trio

import gradproto_transports.asyncio
import gradproto_transports.sync
import gradproto_transports.trio

__all__ = ["BACKENDS", "AsyncBackend", "Backend"]

T = TypeVar("T")
Scenario = Callable[[], Coroutine[Any, Any, None]]


class Backend:
    """What a behaviour test may use besides the client's own methods."""

    name: str
    module: ModuleType

    def run(self, scenario: Scenario) -> None:
        """Run a test."""
        raise NotImplementedError

    def open_client(self, src: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Connect."""
        return self.module.open_client(src, **options)

    def open_duplicate(self, *args: Any, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Make a copy of a Space and connect to it."""
        return self.module.duplicate(*args, **options)

    async def call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a method of something that is no client and no job: it waits in its own way."""
        return await method(*args, **options)

    def each(self, iterable: Any) -> AsyncIterator[Any]:
        """Iterate over something that is no job."""
        return iterable.__aiter__()

    def event(self) -> Any:
        """Return a thing with ``set()`` and ``await wait()``; callbacks of the client may set it."""
        raise NotImplementedError

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Wait for a function that blocks, while the client does its work."""
        raise NotImplementedError


class AsyncBackend(Backend):
    """What tests of the clients that run in an event loop may use besides."""

    async def interrupt(
        self, waiting: Callable[[], Coroutine[Any, Any, object]], ready: Callable[[], Awaitable[object]]
    ) -> None:
        """Begin to wait, and cancel that after ``ready()``; returns when it has ended, which must be for that."""
        raise NotImplementedError

    async def together(self, *scenarios: Scenario) -> None:
        """Run several at once."""
        raise NotImplementedError

    def shielded(self) -> AbstractContextManager[object]:
        """Return a block that a cancellation does not reach; under asyncio it comes only once anyway."""
        raise NotImplementedError

    def others(self) -> int:
        """Return how many tasks there are, where that can be told."""
        raise NotImplementedError

    def jump(self, seconds: float) -> None:
        """Let the loop's clock go forward, as if the program had been busy with something else."""
        raise NotImplementedError


class TrioBackend(AsyncBackend):
    name = "trio"
    module = gradproto_transports.trio

    def run(self, scenario: Scenario) -> None:
        async def limited() -> None:
            with trio.fail_after(10_000):
                await scenario()

        self._clock = _JumpingClock()
        trio.run(limited, clock=self._clock)

    def event(self) -> Any:
        return trio.Event()

    async def in_thread(self, function: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(function)

    async def interrupt(
        self, waiting: Callable[[], Coroutine[Any, Any, object]], ready: Callable[[], Awaitable[object]]
    ) -> None:
        async def wait() -> None:
            with scope:
                await waiting()

        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await ready()
            scope.cancel()
        assert scope.cancelled_caught

    async def together(self, *scenarios: Scenario) -> None:
        async with trio.open_nursery() as nursery:
            for scenario in scenarios:
                nursery.start_soon(scenario)

    def shielded(self) -> AbstractContextManager[object]:
        return trio.CancelScope(shield=True)

    def others(self) -> int:
        return trio.lowlevel.current_statistics().tasks_living

    def jump(self, seconds: float) -> None:
        self._clock.ahead += seconds


class _JumpingClock(trio.abc.Clock):
    def __init__(self) -> None:
        self.ahead = 0.0

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        return time.monotonic() + self.ahead

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - self.current_time()


class AsyncioBackend(AsyncBackend):
    name = "asyncio"
    module = gradproto_transports.asyncio

    def run(self, scenario: Scenario) -> None:
        complaints: list[Any] = []
        self._loop = loop = _JumpingLoop()
        # In debug mode asyncio watches over coroutines, threads and transports.
        loop.set_debug(True)
        loop.slow_callback_duration = math.inf
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        try:
            task = loop.create_task(scenario())
            loop.run_until_complete(task)
            assert asyncio.all_tasks(loop) == set(), "the client left tasks behind"
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
        assert complaints == []

    def event(self) -> Any:
        return asyncio.Event()

    async def in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.to_thread(function)

    async def interrupt(
        self, waiting: Callable[[], Coroutine[Any, Any, object]], ready: Callable[[], Awaitable[object]]
    ) -> None:
        task = asyncio.get_running_loop().create_task(waiting())
        await ready()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    async def together(self, *scenarios: Scenario) -> None:
        await asyncio.gather(*(scenario() for scenario in scenarios))

    def shielded(self) -> AbstractContextManager[object]:
        return contextlib.nullcontext()

    def others(self) -> int:
        return len(asyncio.all_tasks())

    def jump(self, seconds: float) -> None:
        self._loop.ahead += seconds


class _JumpingLoop(asyncio.SelectorEventLoop):
    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class SyncBackend(Backend):
    name = "sync"
    module = gradproto_transports.sync

    def run(self, scenario: Scenario) -> None:
        before = _client_threads()
        coroutine = scenario()
        try:
            coroutine.send(None)
        except StopIteration:
            assert _client_threads() <= before, "the client left a thread behind"
        else:
            raise AssertionError("a scenario waited for something that the sync client does not have")

    def open_client(self, src: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        return _open_sync(lambda: gradproto_transports.sync.Client(src, **options))

    def open_duplicate(self, *args: Any, **options: Any) -> AbstractAsyncContextManager[Any]:
        return _open_sync(lambda: gradproto_transports.sync.duplicate(*args, **options))

    async def call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return method(*args, **options)

    def each(self, iterable: Any) -> AsyncIterator[Any]:
        return _each(iterable)

    def event(self) -> Any:
        return _SyncEvent()

    async def in_thread(self, function: Callable[[], T]) -> T:
        return function()


def _client_threads() -> int:
    return sum(thread.name == "gradproto" for thread in threading.enumerate())


@contextlib.asynccontextmanager
async def _open_sync(connect: Callable[[], gradproto_transports.sync.Client]) -> AsyncIterator[_SyncClient]:
    with connect() as client:
        yield _SyncClient(client)


async def _each(iterable: Any) -> AsyncIterator[Any]:
    for item in iterable:
        yield item


class _SyncEvent:
    def __init__(self) -> None:
        self._event = threading.Event()
        self.set = self._event.set

    async def wait(self) -> None:
        assert self._event.wait(60)


class _Wrapped:
    """An object of the sync client whose waiting methods can be awaited."""

    waiting: frozenset[str]

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        if name not in self.waiting:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            return found(*args, **kwargs)

        return call

    def __repr__(self) -> str:
        return repr(self._wrapped)


class _SyncClient(_Wrapped):
    waiting = frozenset({"close", "predict", "reset_session"})

    async def submit(self, *args: Any, **kwargs: Any) -> _SyncJob:
        return _SyncJob(self._wrapped.submit(*args, **kwargs))

    def session(self) -> _SyncClient:
        return _SyncClient(self._wrapped.session())

    def map(self, *args: Any, **kwargs: Any) -> _SyncResults:
        return _SyncResults(self._wrapped.map(*args, **kwargs))

    async def __aenter__(self) -> _SyncClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._wrapped.close()


class _SyncJob(_Wrapped):
    waiting = frozenset({"cancel", "end", "exception", "final", "result", "send"})

    def __aiter__(self) -> AsyncIterator[Any]:
        return _each(self._wrapped)

    async def __anext__(self) -> Any:
        try:
            return next(self._wrapped)
        except StopIteration:
            raise StopAsyncIteration from None


class _SyncResults(_Wrapped):
    waiting = frozenset({"close"})

    def __aiter__(self) -> AsyncIterator[Any]:
        return _each(self._wrapped)

    async def __anext__(self) -> Any:
        try:
            return next(self._wrapped)
        except StopIteration:
            raise StopAsyncIteration from None

    def as_completed(self) -> AsyncIterator[Any]:
        return _each(self._wrapped.as_completed())


BACKENDS = {backend.name: backend for backend in (SyncBackend(), TrioBackend(), AsyncioBackend())}
