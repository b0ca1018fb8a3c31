"""Many calls of one endpoint: which inputs are under way, and which results wait to be taken. Nothing here waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from functools import partial
from typing import Protocol, cast

from gradproto import ArgumentError, EndpointNotFoundError, GradprotoError
from gradproto._record import record

from ._callbacks import check_callable, guarded

__all__ = ["Begin", "Calls", "MapProgress", "MappedJob"]

# Results that may wait behind a slow one, for each call that may be under way; beyond that nothing new is begun.
AHEAD = 8


class MappedJob(Protocol):
    """What there is to know of one call."""

    def outcome(self) -> object:
        """Return the result of a call that is over; raises what it failed with."""
        ...

    def request_cancel(self) -> None:
        """Begin to cancel it."""
        ...

    def add_done_callback(self, fn: Callable[..., object]) -> None:
        """Call ``fn`` when it is over."""
        ...


Begin = Callable[[tuple[object, ...], Mapping[str, object]], MappedJob]


@record(frozen=True, slots=True, kw_only=True)
class MapProgress:
    """How far a `map` is: ``done`` calls are over, ``failed`` of them without a result; ``total`` if it is known."""

    done: int
    failed: int
    total: int | None


class Calls:
    """The calls of one `map`. Results are values, or the errors in their place.

    ``begin`` begins a call; it may raise `ArgumentError`. ``changed`` is called when one is over, perhaps on another
    thread.
    """

    def __init__(
        self,
        begin: Begin,
        inputs: Iterable[object],
        *,
        concurrency: int,
        progress: Callable[[MapProgress], object] | None,
        changed: Callable[[], None],
    ) -> None:
        if isinstance(cast(object, concurrency), bool) or not isinstance(cast(object, concurrency), int):
            raise ArgumentError(f"concurrency is {concurrency!r}: it must be a whole number")
        if concurrency < 1:
            raise ArgumentError(f"concurrency is {concurrency}: at least one call must be under way")
        if isinstance(inputs, (str, bytes, Mapping)) or not isinstance(cast(object, inputs), Iterable):
            kind = type(cast(object, inputs)).__name__
            raise ArgumentError(
                f"the inputs are of type {kind}: give a list or an iterator with one item for each call"
            )
        if progress is not None:
            check_callable(progress, "progress_callback")
        self._begin = begin
        self._inputs: Iterator[object] = iter(inputs)
        self._concurrency = concurrency
        self._progress = progress
        self._changed = changed
        self._total = len(inputs) if isinstance(inputs, Sized) else None
        self._begun = 0
        self._exhausted = False
        self._running: dict[int, MappedJob] = {}
        # Those that are over and were not looked at; another thread may add to it.
        self._ended: deque[int] = deque()
        # The results that were not taken yet, by their places, in the order in which they came.
        self._results: dict[int, object] = {}
        self._next = 0  # the place of the next result, where they are taken in the order of the inputs
        self._done = self._failed = 0

    @property
    def news(self) -> bool:
        """Whether a call is over that was not looked at."""
        return bool(self._ended)

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for and nothing to take."""
        return self._exhausted and not self._running and not self._results

    def go_on(self) -> None:
        """Take note of what is over, and begin what may be begun."""
        while self._ended:
            index = self._ended.popleft()
            job = self._running.pop(index, None)
            if job is None:
                continue  # it was stopped
            try:
                self._settle(index, job.outcome(), failed=False)
            except GradprotoError as error:
                self._settle(index, error, failed=True)
        while (
            not self._exhausted
            and len(self._running) < self._concurrency
            and len(self._results) < AHEAD * self._concurrency
        ):
            self._begin_next()

    def take_next(self) -> tuple[bool, object]:
        """Return whether the next result in the order of the inputs is there, and the result."""
        while self._next < self._begun and self._next not in self._results and self._next not in self._running:
            self._next += 1  # it was stopped, or taken as it came
        if self._next not in self._results:
            return False, None
        result = self._results.pop(self._next)
        self._next += 1
        return True, result

    def take_any(self) -> tuple[int, object] | None:
        """Return the place and the result of the call that ended first, if there is one to take."""
        index = next(iter(self._results), None)
        return None if index is None else (index, self._results.pop(index))

    def stop(self) -> None:
        """Begin nothing more, and cancel what is under way."""
        self._exhausted = True
        self._inputs = iter(())
        running, self._running = self._running, {}
        for job in running.values():
            job.request_cancel()

    def _begin_next(self) -> None:
        try:
            item = next(self._inputs)
        except StopIteration:
            self._exhausted = True
            return
        index = self._begun
        self._begun += 1
        args, kwargs = _arguments(item)
        try:
            job = self._begin(args, kwargs)
        except (ArgumentError, EndpointNotFoundError) as error:
            self._settle(index, error, failed=True)
        else:
            self._running[index] = job
            job.add_done_callback(partial(self._hear, index))

    def _hear(self, index: int, job: object) -> None:
        self._ended.append(index)
        self._changed()

    def _settle(self, index: int, result: object, *, failed: bool) -> None:
        self._results[index] = result
        self._done += 1
        self._failed += failed
        if self._progress is not None:
            guarded(self._progress, MapProgress(done=self._done, failed=self._failed, total=self._total))


def _arguments(item: object) -> tuple[tuple[object, ...], Mapping[str, object]]:
    """Return what one item of the inputs means: a tuple several arguments, a dictionary arguments by their names."""
    if isinstance(item, tuple):
        return cast("tuple[object, ...]", item), {}
    if isinstance(item, dict):
        return (), cast("dict[str, object]", item)
    return (item,), {}
