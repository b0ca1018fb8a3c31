"""What a connection and a shell need of what they serve: of an app by itself, of the Hub, of the front of a Space."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ._listening import Listening
from ._log import RequestRecord
from ._profiles import Profile
from ._schedule import Schedule

if TYPE_CHECKING:
    from ._http import Exchange, ServerConnection

__all__ = ["Connected", "Served", "Site", "Wire"]


class Site(Protocol):
    """What answers the requests of a connection."""

    @property
    def now(self) -> float:
        """The time in seconds."""
        ...

    @property
    def schedule(self) -> Schedule:
        """The timers."""
        ...

    @property
    def profile(self) -> Profile:
        """How the server behaves that is played."""
        ...

    @property
    def ready(self) -> dict[ServerConnection, None]:
        """Connections that may have something to send or want to be closed."""
        ...

    def handle(self, exchange: Exchange) -> None:
        """Begin to answer a request, of which the body has yet to come."""
        ...

    def log_request(
        self, connection: ServerConnection, method: str, path: str, query: str, headers: list[tuple[str, str]]
    ) -> RequestRecord:
        """Write a request into the log."""
        ...

    def exchange_over(self, exchange: Exchange) -> None:
        """An exchange has ended."""
        ...

    def idle(self, connection: ServerConnection) -> None:
        """A response is over."""
        ...

    def not_idle(self, connection: ServerConnection) -> None:
        """Something came."""
        ...

    def forget_connection(self, connection: ServerConnection) -> bool:
        """A connection is gone; say whether it was known until now."""
        ...

    def common_headers(self) -> list[tuple[str, str]]:
        """Give what stands before each response's own headers."""
        ...

    def cors_headers(self, request_headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Give what a request with an ``Origin`` gets besides."""
        ...


class Wire(Protocol):
    """Where a shell brings a client's bytes, and gets those for the client: a connection, or TLS around it."""

    @property
    def closed(self) -> bool:
        """Whether the socket is to be closed once everything was sent."""
        ...

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the client; ``b""`` means that it closed."""
        ...

    def data_to_send(self) -> bytes:
        """Give the next bytes for the client, ``b""`` if there are none now."""
        ...


class Connected(Wire, Protocol):
    """One client's connection, to a shell, as :class:`ServerConnection` is one."""

    @property
    def reset(self) -> bool:
        """Whether it is to be reset then, and not just closed."""
        ...

    @property
    def wants_data(self) -> bool:
        """Whether the shell may read from the client; what it reads all the same is taken."""
        ...

    def connection_lost(self) -> None:
        """The client is gone."""
        ...

    def wake(self) -> None:
        """Tell the shell that there may be something to send."""
        ...


class Served(Protocol):
    """What a shell serves: it moves its bytes, tells it the time and lets its jobs run."""

    @property
    def date_offset(self) -> float:
        """What to add to the time for the seconds since 1970."""
        ...

    @date_offset.setter
    def date_offset(self, value: float) -> None: ...

    @property
    def now(self) -> float:
        """The time in seconds."""
        ...

    @property
    def listening(self) -> Listening:
        """Whether clients can connect; a shell with sockets does so, too."""
        ...

    @property
    def ready(self) -> Collection[Connected]:
        """Connections that may have something to send or want to be closed; the shell empties it."""
        ...

    def set_time(self, now: float) -> None:
        """Set the time and do what is due."""
        ...

    def run_jobs(self) -> None:
        """Let jobs that can go on make some steps."""
        ...

    def settle(self) -> None:
        """Let jobs go on as far as they can at this time."""
        ...

    def advance_to(self, until: float) -> None:
        """Let time pass up to ``until``."""
        ...

    def next_deadline(self) -> float | None:
        """Give the time at which the shell must come back."""
        ...

    def take_ready(self) -> Sequence[Connected]:
        """Give the connections that may have something to send or want to be closed, once."""
        ...

    def use_disk(self) -> None:
        """Keep files in a temporary directory."""
        ...

    def close(self) -> None:
        """Drop all connections and jobs, and remove the files."""
        ...
