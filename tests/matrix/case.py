"""What a behaviour test gets: servers of one version, one of the clients, and a list to be in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from gradproto import Status, StatusUpdate
from tests.transports.backends import Backend

from .servers import Server, Servers
from .versions import numbers

__all__ = ["BEHAVIOURS", "Case", "behaviour"]

Test = Callable[["Case"], Awaitable[None]]

BEHAVIOURS: dict[str, Test] = {}
"""The behaviours, in the order in which they are shown and run."""


def behaviour(test: Test) -> Test:
    """Add a test to the matrix; its name, without underscores, is that of its row."""
    BEHAVIOURS[test.__name__.replace("_", " ")] = test
    return test


class Case:
    """One cell of the matrix: a behaviour, a version, a client."""

    def __init__(self, name: str, version: str, backend: Backend, servers: Servers) -> None:
        self.name = name
        self.version_text = version
        self.version = numbers(version)
        self.backend = backend
        self._servers = servers
        self._words: set[str] = set()

    def server(self, function: str = "echo", variant: str = "main") -> Server:
        """Return a running server."""
        return self._servers.get(variant, function)

    def open(self, function: str = "echo", variant: str = "main", **options: Any) -> AbstractAsyncContextManager[Any]:
        """Connect to a server, with ``function`` as the client's own endpoint."""
        url = self.server(function, variant).url
        return self.backend.open_client(url, api_name=self.endpoint(function), **options)

    def endpoint(self, function: str) -> str:
        """Return the name of a function's endpoint: in a Gradio 2 they are all called the same."""
        return "/predict" if self.version < (3,) else f"/{function}"

    def word(self, text: str) -> str:
        """Return a word that no other cell uses, for gates and the journal."""
        word = f"{self.name}-{self.backend.name}-{text}".replace(" ", "-")
        self._words.add(word)
        return word

    def open_gates(self) -> None:
        """Let everything go on that a test may have left behind a gate."""
        for server in self._servers.all():
            for word in self._words:
                server.open_gate(word)

    async def see(self, server: Server, line: str) -> None:
        """Wait until something has happened on the server, while the client does its work."""
        await self.backend.in_thread(lambda: server.wait_for(line))

    def when(self, wanted: Callable[[StatusUpdate], bool]) -> tuple[Any, Callable[[StatusUpdate], None]]:
        """Return an event and a callback that sets it at the first status that is ``wanted``."""
        event = self.backend.event()

        def hear(update: StatusUpdate) -> None:
            if wanted(update):
                event.set()

        return event, hear

    def when_queued(self) -> tuple[Any, Callable[[StatusUpdate], None]]:
        """Return an event that is set when the server has put the job into its queue."""
        return self.when(lambda update: update.code is Status.IN_QUEUE)

    def when_running(self) -> tuple[Any, Callable[[StatusUpdate], None]]:
        """Return an event that is set when the server has started the job."""
        return self.when(lambda update: update.code >= Status.PROCESSING and update.rank is None)
