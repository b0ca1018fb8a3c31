"""Connecting in a thread of its own, so that the main thread can stop waiting, and write what is told meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from gradproto import SpaceStageReported
from gradproto_transports.sync import Client

__all__ = ["Attempt", "Told"]

Told = Callable[[SpaceStageReported], None]


class Attempt:
    """A client that is made in another thread, and closed there if nobody waits for it any more.

    ``connect`` makes it, and tells of a Space that is waited for.
    """

    def __init__(self, connect: Callable[[Told], Client]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._news: queue.SimpleQueue[SpaceStageReported | None] = queue.SimpleQueue()
        self._client: Client | None = None
        self._error: BaseException | None = None
        self._abandoned = False
        threading.Thread(target=self._run, name="gradproto-connect", daemon=True).start()

    def wait(self, left: Callable[[], float | None], told: Told) -> Client | None:
        """Return the client, ``None`` if it is not there while there is time left; raises what kept it from being made.

        ``told`` is called in this thread.
        """
        while True:
            try:
                news = self._news.get(timeout=left())
            except queue.Empty:
                return None
            if news is None:
                break
            told(news)
        if self._error is not None:
            raise self._error
        return self._client

    def abandon(self) -> None:
        """Close the client, now or when it comes."""
        with self._lock:
            self._abandoned = True
            client = self._client
        if client is not None:
            client.close()

    def _run(self) -> None:
        try:
            client = self._connect(self._news.put)
        except BaseException as error:  # of whatever kind: it is raised again where somebody sees it
            self._error = error
        else:
            with self._lock:
                self._client = client
                abandoned = self._abandoned
            if abandoned:
                client.close()
        self._news.put(None)
