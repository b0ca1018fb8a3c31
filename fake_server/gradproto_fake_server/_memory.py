"""The shell without a thread, a socket or a clock: the test passes the bytes and moves the time."""

from __future__ import annotations

from urllib.parse import urlsplit

from ._app import FakeApp
from ._http import ServerConnection
from ._hub import FakeHub
from ._log import RequestRecord
from ._site import Served

__all__ = ["MemoryConnection", "MemoryHub", "MemoryServer"]


class MemoryConnection:
    """One client's connection, seen from the client's end of the wire."""

    def __init__(self, server: Served, connection: ServerConnection) -> None:
        self._server = server
        self._connection = connection
        self._waiting = b""

    @property
    def wants_data(self) -> bool:
        """Whether the server would read more of what the client sends; what it is given all the same it takes."""
        return self._connection.wants_data

    def receive_data(self, data: bytes) -> None:
        """Give the server what the client sends; ``b""`` when the client closes."""
        self._connection.receive_data(data)
        self._server.settle()

    def data_to_send(self, limit: int | None = None) -> bytes:
        """Take what the server sends, at most ``limit`` bytes of it; ``b""`` when there is nothing now."""
        if not self._waiting:
            self._server.settle()
            self._waiting = self._connection.data_to_send()
        data = self._waiting if limit is None else self._waiting[:limit]
        self._waiting = self._waiting[len(data) :]
        if not self._waiting:
            self._connection.all_sent()
        return data

    @property
    def closed(self) -> bool:
        """Whether the server has closed, and everything before that was taken."""
        if not self._connection.closed:
            return False
        if not self._waiting:
            self._waiting = self._connection.data_to_send()
        return not self._waiting

    @property
    def reset(self) -> bool:
        """Whether the server resets the connection where it closes it."""
        return self._connection.reset

    def close(self) -> None:
        """The client goes away without a word; what the server still had for it is lost."""
        self._waiting = b""
        self._connection.connection_lost()
        self._server.settle()


class MemoryServer:
    """A fake app that is reached by method calls; exact and deterministic, time included.

    After each call all jobs have gone on as far as they can at this time: to their end, a sleep, a gate, or an output
    that nobody reads.
    """

    def __init__(self, app: FakeApp) -> None:
        self.app = app

    @property
    def now(self) -> float:
        """The server's time in seconds."""
        return self.app.now

    def connect(self) -> MemoryConnection:
        """Connect a client. Raises ``ConnectionRefusedError`` while the app refuses connections."""
        return MemoryConnection(self.app, self.app.connect())

    def settle(self) -> None:
        """Let the jobs go on as far as they can, after a gate was opened, say."""
        self.app.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass; everything happens at its own moment and in its order."""
        self.app.advance_to(self.app.now + seconds)

    def next_deadline(self) -> float | None:
        """Give the time at which something will happen by itself; ``None`` if nothing will."""
        return self.app.next_deadline()

    @property
    def complaints(self) -> list[str]:
        """What a real server refuses of that which was asked for; see :attr:`FakeApp.complaints`."""
        return self.app.complaints

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if anything was asked for that a real server refuses."""
        self.app.assert_strict()

    def assert_requested(self, kind: str, times: int | None = None) -> list[RequestRecord]:
        """Give the requests of a kind; see :meth:`FakeApp.assert_requested`."""
        return self.app.assert_requested(kind, times)

    def assert_all_closed(self) -> None:
        """Raise ``AssertionError`` if a request or a stream is still open."""
        self.app.assert_all_closed()

    def close(self) -> None:
        """Drop all connections and files."""
        self.app.close()


class MemoryHub:
    """A fake Hub that is reached by method calls; exact and deterministic, time included.

    It is at ``http://hub.test``, and its Spaces are at ``http://{subdomain}.hf.test``, as :attr:`HubSpace.host` says.
    """

    def __init__(self, hub: FakeHub) -> None:
        self.hub = hub

    @property
    def url(self) -> str:
        """Where the Hub is; the name is looked up nowhere."""
        return self.hub.url

    @property
    def now(self) -> float:
        """The Hub's time in seconds."""
        return self.hub.now

    def connect(self, where: str | None = None) -> MemoryConnection:
        """Connect a client to the Hub, or to a host or URL of it or of one of its Spaces.

        Raises ``ConnectionRefusedError`` where there is neither, and while connections are refused.
        """
        if where is None:
            return MemoryConnection(self.hub, self.hub.connect())
        host = urlsplit(where).hostname if "://" in where else where
        return MemoryConnection(self.hub, self.hub.connect_at(host or ""))

    def settle(self) -> None:
        """Let the jobs of all apps go on as far as they can, after a gate was opened, say."""
        self.hub.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass; everything happens at its own moment and in its order."""
        self.hub.advance_to(self.hub.now + seconds)

    def next_deadline(self) -> float | None:
        """Give the time at which something will happen by itself; ``None`` if nothing will."""
        return self.hub.next_deadline()

    @property
    def complaints(self) -> list[str]:
        """What a real Gradio refuses of that which Spaces were asked for; see :attr:`FakeHub.complaints`."""
        return self.hub.complaints

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if a Space was asked for anything that a real Gradio refuses."""
        self.hub.assert_strict()

    def assert_requested(self, kind: str, times: int | None = None, *, site: str | None = None) -> list[RequestRecord]:
        """Give the requests of a kind; see :meth:`FakeHub.assert_requested`."""
        return self.hub.assert_requested(kind, times, site=site)

    def assert_all_closed(self) -> None:
        """Raise ``AssertionError`` if a request or a stream is still open, at the Hub or at any Space."""
        self.hub.assert_all_closed()

    def close(self) -> None:
        """Drop all connections and files."""
        self.hub.close()
