"""Async functions without an event loop: their steps are driven as those of generators are."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Coroutine, Generator
from types import AsyncGeneratorType
from typing import Any, cast

from ._steps import Hold, Log, Progress, Sleep

__all__ = ["driven"]


def driven(result: Any, name: str) -> Any:
    """Make a generator of a coroutine or an async generator; anything else is given back as it is."""
    if inspect.iscoroutine(result):
        return _steps_of(cast("Coroutine[Any, Any, Any]", result), name)
    if inspect.isasyncgen(result):
        return _items_of(cast("AsyncGeneratorType[Any, Any]", result), name)
    return result


def _steps_of(coroutine: Coroutine[Any, Any, Any], name: str) -> Generator[Any, None, Any]:
    """Yield the steps that a coroutine awaits, and return its result."""
    try:
        while True:
            try:
                awaited: object = coroutine.send(None)
            except StopIteration as stop:
                return stop.value
            if not isinstance(awaited, Sleep | Progress | Log | Hold):
                kind = type(awaited)
                raise TypeError(
                    f"/{name} awaits {'something' if awaited is None else f'a {kind.__module__}.{kind.__qualname__}'} "
                    "that wants an event loop, and a fake server has none: await Sleep, Progress, Log or Hold"
                )
            yield awaited
    finally:
        _end(coroutine)


def _end(coroutine: Coroutine[Any, Any, Any]) -> None:
    # Closing it does not reach into an async generator whose next item it awaits (Python 3.11).
    if inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED:
        with contextlib.suppress(GeneratorExit, StopIteration, StopAsyncIteration):
            coroutine.throw(GeneratorExit())
        coroutine.close()


def _items_of(generator: AsyncGeneratorType[Any, Any], name: str) -> Generator[Any, None, None]:
    """Yield what an async generator yields, and the steps that it awaits."""
    try:
        while True:
            try:
                item = yield from _steps_of(_next_of(generator), name)
            except StopAsyncIteration:
                return
            yield item
    finally:
        # Python 3.11 takes one that was stopped inside an await for running, though it is over.
        with contextlib.suppress(StopIteration, RuntimeError):
            _close(generator).send(None)


async def _next_of(generator: AsyncGeneratorType[Any, Any]) -> Any:
    return await anext(generator)


async def _close(generator: AsyncGeneratorType[Any, Any]) -> None:
    await generator.aclose()
