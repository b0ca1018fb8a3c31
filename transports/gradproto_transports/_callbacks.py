"""The callbacks that a user gave for a job, and how far they have been told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import cast

from gradproto import ArgumentError, JobLogged, StatusUpdate

from ._records import JobRecord, OutputReader

__all__ = ["JobCallbacks", "check_callable", "guarded"]

logger = logging.getLogger("gradproto")


class JobCallbacks:
    """Calls back with what is new about a job, in order; what a callback raises is logged and harms nothing."""

    def __init__(
        self,
        result_callbacks: Callable[..., object] | Iterable[Callable[..., object]] | None = None,
        status_callbacks: Callable[[StatusUpdate], object] | Iterable[Callable[[StatusUpdate], object]] | None = None,
        log_callbacks: Callable[[JobLogged], object] | Iterable[Callable[[JobLogged], object]] | None = None,
    ) -> None:
        self._result_callbacks = _listed(result_callbacks, "result_callbacks")
        self._status_callbacks = _listed(status_callbacks, "status_callbacks")
        self._log_callbacks = _listed(log_callbacks, "log_callbacks")
        self._statuses_told = 0
        self._updates_told = 0
        self._reader: OutputReader | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is anybody to call."""
        return bool(self._result_callbacks or self._status_callbacks or self._log_callbacks)

    def run(self, record: JobRecord) -> None:
        """Call back with what is new."""
        while self._statuses_told < len(record.statuses):
            status = record.statuses[self._statuses_told]
            self._statuses_told += 1
            for callback in self._status_callbacks:
                guarded(callback, status)
        while self._log_callbacks and self._updates_told < len(record.updates):
            update = record.updates[self._updates_told]
            self._updates_told += 1
            if isinstance(update, JobLogged):
                for callback in self._log_callbacks:
                    guarded(callback, update)
        if not self._result_callbacks:
            return
        reader = self._reader = self._reader or OutputReader(record)
        while reader.index < record.ready:
            output = reader.take()
            values = cast("tuple[object, ...]", output) if isinstance(output, tuple) else (output,)
            for callback in self._result_callbacks:
                guarded(callback, *values)


def _listed(
    callbacks: Callable[..., object] | Iterable[Callable[..., object]] | None, option: str
) -> list[Callable[..., object]]:
    if callbacks is None:
        return []
    listed: list[object] = [callbacks]
    if not callable(callbacks) and isinstance(cast(object, callbacks), Iterable):
        listed = list(callbacks)
    for callback in listed:
        check_callable(callback, option)
    return cast("list[Callable[..., object]]", listed)


def check_callable(callback: object, option: str) -> None:
    """Raise `ArgumentError` for what is no callback."""
    if not callable(callback):
        raise ArgumentError(f"{option} holds a {type(callback).__name__}, which cannot be called")


def guarded(callback: Callable[..., object], *values: object) -> None:
    """Call a callback of the user; what it raises is logged."""
    try:
        callback(*values)
    except (KeyboardInterrupt, SystemExit):
        # On the main thread they are about the program; on that of a client nobody would see what ended it.
        if threading.current_thread() is threading.main_thread():
            raise
        logger.exception("a callback failed")
    except BaseException:
        # Also that something which it asked for was cancelled: no job and no wait ends for what a callback does.
        logger.exception("a callback failed")
