"""The three clients behind one face, so that one behaviour test runs on each.

A test is a coroutine function. Under trio and asyncio it runs as such; for the sync client, whose methods are wrapped
into coroutines that block, it is simply driven to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any

import trio

import gradproto_transports.asyncio
import gradproto_transports.sync
import gradproto_transports.trio

__all__ = ["BACKENDS", "AsyncioBackend", "Backend", "SyncBackend", "TrioBackend"]

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

    async def call(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a method of something that is no client and no job: it waits in its own way."""
        return await method(*args)

    def each(self, iterable: Any) -> AsyncIterator[Any]:
        """Iterate over something that is no job."""
        return iterable.__aiter__()

    def event(self) -> Any:
        """Return a thing with ``set()`` and ``await wait()``; callbacks of the client may set it."""
        raise NotImplementedError


class TrioBackend(Backend):
    name = "trio"
    module = gradproto_transports.trio

    def run(self, scenario: Scenario) -> None:
        async def limited() -> None:
            with trio.fail_after(60):
                await scenario()

        trio.run(limited)

    def event(self) -> Any:
        return trio.Event()


class AsyncioBackend(Backend):
    name = "asyncio"
    module = gradproto_transports.asyncio

    def run(self, scenario: Scenario) -> None:
        complaints: list[Any] = []

        async def limited() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: complaints.append(context))
            await asyncio.wait_for(scenario(), 60)
            assert asyncio.all_tasks() == {asyncio.current_task()}, "the client left tasks behind"

        # In debug mode asyncio watches over coroutines, threads and transports.
        asyncio.run(limited(), debug=True)
        assert complaints == []

    def event(self) -> Any:
        return asyncio.Event()


class SyncBackend(Backend):
    name = "sync"
    module = gradproto_transports.sync

    def run(self, scenario: Scenario) -> None:
        before = threading.active_count()
        coroutine = scenario()
        try:
            coroutine.send(None)
        except StopIteration:
            assert threading.active_count() <= before, "the client left a thread behind"
        else:
            raise AssertionError("a scenario waited for something that the sync client does not have")

    def open_client(self, src: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        return _open_sync(src, options)

    async def call(self, method: Callable[..., Any], *args: Any) -> Any:
        return method(*args)

    def each(self, iterable: Any) -> AsyncIterator[Any]:
        return _each(iterable)

    def event(self) -> Any:
        return _SyncEvent()


@contextlib.asynccontextmanager
async def _open_sync(src: str, options: dict[str, Any]) -> AsyncIterator[_SyncClient]:
    with gradproto_transports.sync.Client(src, **options) as client:
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


class _SyncJob(_Wrapped):
    waiting = frozenset({"cancel", "exception", "final", "result"})

    def __aiter__(self) -> AsyncIterator[Any]:
        return _each(self._wrapped)

    async def __anext__(self) -> Any:
        try:
            return next(self._wrapped)
        except StopIteration:
            raise StopAsyncIteration from None


BACKENDS = {backend.name: backend for backend in (SyncBackend(), TrioBackend(), AsyncioBackend())}
