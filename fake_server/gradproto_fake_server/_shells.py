"""What tests do with a server that other threads drive as well: from the outside, one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

from ._app import FakeApp
from ._endpoints import ComponentSpec, Visibility
from ._hub import FakeHub
from ._log import RequestRecord
from ._replay import ReplayApp

__all__ = ["AppShell", "Drive", "Growing", "Shell"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
S = TypeVar("S", FakeApp, FakeHub, ReplayApp)


class Drive(Protocol):
    """What moves the bytes and the time of a server."""

    lock: threading.RLock
    """Held by whoever is at the app or the Hub."""
    turned: threading.Condition
    watched: int
    """How many threads wait for something to happen."""

    def wake(self) -> None:
        """Let what was changed have its effect."""
        ...

    def skip(self, seconds: float) -> None:
        """Move the clock forward."""
        ...


class Shell(Generic[S]):
    """What is the same for an app and for the Hub."""

    _served: S
    _drive: Drive

    def run(self, function: Callable[[S], T]) -> T:
        """Call ``function`` with the app, or the Hub, while the server stands still, and give its result."""
        with self._drive.lock:
            result = function(self._served)
        self._drive.wake()
        return result

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward: sleeps end, heartbeats and timeouts come, stages change."""
        self.run(lambda _: self._drive.skip(seconds))

    @property
    def requests(self) -> list[RequestRecord]:
        """The newest requests, oldest first; the records of open ones still change."""
        return self.run(lambda served: list(served.requests))

    @property
    def open_streams(self) -> list[RequestRecord]:
        """The event, heartbeat and upload-progress streams that are open."""
        return self.run(lambda served: served.open_streams)

    def wait_for(self, condition: Callable[[S], T], timeout: float = 5.0) -> T:
        """Wait until ``condition``, asked with the app or the Hub, is true, and give what it gave.

        Raises ``TimeoutError``.
        """
        drive = self._drive
        with drive.turned:
            drive.watched += 1
            try:
                drive.wake()
                result = condition(self._served)
                until = time.monotonic() + timeout
                while not result:
                    left = until - time.monotonic()
                    if left <= 0:
                        raise TimeoutError(f"nothing of the sort happened on the fake server within {timeout} s")
                    drive.turned.wait(left)
                    result = condition(self._served)
                return result
            finally:
                drive.watched -= 1


class Growing:
    """What gives a running app more endpoints."""

    def run(self, function: Callable[[FakeApp], T]) -> T:
        """Call a function with the app."""
        raise NotImplementedError

    def endpoint(
        self,
        name: str,
        *,
        inputs: Sequence[ComponentSpec] | None = None,
        outputs: Sequence[ComponentSpec] | None = None,
        generates: bool | None = None,
        queue: bool = True,
        concurrency_limit: int | Literal["default"] | None = "default",
        concurrency_id: str | None = None,
        visibility: Visibility = "public",
        batch: bool = False,
        max_batch_size: int = 4,
        streaming: bool = False,
        time_limit: float | None = None,
        stream_every: float = 0.5,
        validator: Callable[..., Any] | None = None,
        renders: bool = False,
        page: str = "",
    ) -> Callable[[F], F]:
        """Make the decorated function an endpoint of the running app; see :meth:`FakeApp.endpoint`.

        Clients that have connected before know nothing of it.
        """

        def add_to(app: FakeApp, function: F) -> F:
            decorate = app.endpoint(
                name,
                inputs=inputs,
                outputs=outputs,
                generates=generates,
                queue=queue,
                concurrency_limit=concurrency_limit,
                concurrency_id=concurrency_id,
                visibility=visibility,
                batch=batch,
                max_batch_size=max_batch_size,
                streaming=streaming,
                time_limit=time_limit,
                stream_every=stream_every,
                validator=validator,
                renders=renders,
                page=page,
            )
            return decorate(function)

        return lambda function: self.run(lambda app: add_to(app, function))


class AppShell(Shell[FakeApp], Growing):
    """What tests do with the endpoints and jobs of an app."""

    def hold(self, name: str) -> None:
        """Let the endpoint's next jobs stop before their first step."""
        self.run(lambda app: app.hold(name))

    def step(self, name: str, steps: int = 1) -> None:
        """Let the endpoint's newest job make ``steps`` steps."""
        self.run(lambda app: app.job(name).step(steps))

    def release(self, name: str) -> None:
        """Let the endpoint's held and future jobs run."""
        self.run(lambda app: app.release(name))

    @property
    def complaints(self) -> list[str]:
        """What a real server refuses of that which was asked for; see :attr:`FakeApp.complaints`."""
        return self.run(lambda app: app.complaints)

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if anything was asked for that a real server refuses."""
        self.run(FakeApp.assert_strict)

    def assert_requested(self, kind: str, times: int | None = None) -> list[RequestRecord]:
        """Give the requests of a kind; see :meth:`FakeApp.assert_requested`."""
        return self.run(lambda app: app.assert_requested(kind, times))

    def assert_all_closed(self) -> None:
        """Raise ``AssertionError`` if a request or a stream is still open."""
        self.run(FakeApp.assert_all_closed)
