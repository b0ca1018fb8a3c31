"""The stream door: this project's own clients over streams that somebody else opens."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Literal, cast

from gradproto import ArgumentError, Event, Session

from ._check import Checked, check, check_callable

__all__ = ["check_stream", "drive_asyncio", "drive_sync", "drive_trio"]

OnEvent = Callable[[Event], bool]


def check_stream(
    open_stream: Callable[[str, int, bool], Any],
    *,
    client: Literal["sync", "trio", "asyncio"] = "sync",
    only: Collection[str] | None = None,
    limit: float = 10.0,
) -> Checked:
    """Let a client's ``open_stream`` go through the behaviour scenarios, against fake servers on this machine.

    ``client`` is the module of ``gradproto_transports`` that it is for. The stream has to lead to the host and the port
    that are asked for. The rest is as with `check_adapter`.
    """
    drivers: dict[str, Callable[[Session, OnEvent, Any], None]] = {
        "sync": drive_sync,
        "trio": drive_trio,
        "asyncio": drive_asyncio,
    }
    if not isinstance(cast(object, client), str) or client not in drivers:
        raise ArgumentError(f"client is {client!r:.80}: it must be 'sync', 'trio' or 'asyncio'")
    if client == "sync":
        check_callable("open_stream", open_stream)
    elif not callable(cast(object, open_stream)):
        raise ArgumentError(f"open_stream is of type {type(open_stream).__name__}: it must be a function")
    drive = drivers[client]
    return check(
        "STREAM",
        lambda session, _, on_event: drive(session, on_event, open_stream),
        websockets=True,
        only=only,
        limit=limit,
    )


class _Until:
    """Hands events on until somebody has enough."""

    def __init__(self, on_event: OnEvent, stop: Callable[[], object]) -> None:
        self._on_event = on_event
        self._stop = stop
        self._done = False
        self._failure: BaseException | None = None

    def __call__(self, event: Event) -> None:
        if not self._done and self._on_event(event):
            self._done = True
            self._stop()

    def stopped(self, failure: BaseException | None) -> None:
        self._failure = failure
        self._done = True
        self._stop()

    def raise_failure(self) -> None:
        """Raise what ended the driver, if it was no event."""
        if self._failure is not None:
            raise self._failure


def drive_sync(session: Session, on_event: OnEvent, open_stream: Any) -> None:
    """Let the sync driver carry a session."""
    from gradproto_transports._sync_driver import Driver

    ended = threading.Event()
    until = _Until(on_event, ended.set)
    driver = Driver(session, **_options(until, open_stream))
    ended.wait()
    driver.stop()
    driver.join()
    until.raise_failure()


def drive_trio(session: Session, on_event: OnEvent, open_stream: Callable[[str, int, bool], Awaitable[Any]]) -> None:
    """Let the trio driver carry a session."""
    import trio

    from gradproto_transports._trio_driver import Driver

    trio.run(_drive_async, Driver, trio.Event, session, on_event, open_stream)


def drive_asyncio(session: Session, on_event: OnEvent, open_stream: Callable[[str, int, bool], Awaitable[Any]]) -> None:
    """Let the asyncio driver carry a session."""
    import asyncio

    from gradproto_transports._asyncio_driver import Driver

    asyncio.run(_drive_async(Driver, asyncio.Event, session, on_event, open_stream))


async def _drive_async(
    driver_class: Any, event_class: Any, session: Session, on_event: OnEvent, open_stream: Any
) -> None:
    ended = event_class()
    until = _Until(on_event, ended.set)
    driver = driver_class(session, **_options(until, open_stream))
    async with driver.running():
        driver.call(lambda: None)
        await ended.wait()
    until.raise_failure()


def _options(until: _Until, open_stream: Any) -> dict[str, Any]:
    """Give what every driver wants beside its session."""
    from gradproto_transports._proxy import Proxies

    return {
        "connect_timeout": 10.0,
        "proxies": Proxies(False),
        "tls": ssl.create_default_context,
        "open_stream": open_stream,
        "on_event": until,
        "on_stop": until.stopped,
    }
