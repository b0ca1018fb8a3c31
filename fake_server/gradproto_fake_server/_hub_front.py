"""The addresses of the fake Hub: its own, and that of each Space with the proxy in front of its app."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING

from ._app import FakeApp
from ._http import Exchange, ServerConnection
from ._log import RequestRecord
from ._profiles import Profile
from ._schedule import Schedule

if TYPE_CHECKING:
    from ._hub import FakeHub
    from ._hub_spaces import HubSpace

__all__ = ["Front", "SpaceFront", "html_page"]


def html_page(title: str, text: str) -> bytes:
    """Make a page for people."""
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><main><h1>{title}</h1>\n<p>{text}</p></main></body></html>\n"
    ).encode()


class Front:
    """One address: its connections, and their requests in the Hub's log. What is there to be found is not here."""

    def __init__(self, hub: FakeHub, site: str) -> None:
        self.hub = hub
        self.site = site
        self.open_exchanges: dict[Exchange, FakeApp] = {}
        """The exchanges that an app is answering."""
        self._connections: dict[ServerConnection, None] = {}

    @property
    def now(self) -> float:
        """The Hub's time."""
        return self.hub.now

    @property
    def schedule(self) -> Schedule:
        """The Hub's timers."""
        return self.hub.schedule

    @property
    def profile(self) -> Profile:
        """How servers behave here."""
        return self.hub.profile

    @property
    def ready(self) -> dict[ServerConnection, None]:
        """The connections of all addresses that may have something to send."""
        return self.hub.ready

    # -- for the Hub

    def connect(self) -> ServerConnection:
        """A client has connected."""
        connection = ServerConnection(self, self.hub.next_connection())
        self._connections[connection] = None
        return connection

    def close(self) -> None:
        """Drop all connections."""
        for connection in list(self._connections):
            connection.connection_lost()
            connection.wake()

    # -- for its connections

    def handle(self, exchange: Exchange) -> None:
        """Answer a request; there is nothing at this address."""
        page = html_page("404", "There is no Space at this address.")
        exchange.respond(404, page, "text/html; charset=utf-8")

    def log_request(
        self, connection: ServerConnection, method: str, path: str, query: str, headers: list[tuple[str, str]]
    ) -> RequestRecord:
        """Write a request into the Hub's log."""
        return self.hub.log_request(self.site, connection, method, path, query, headers)

    def exchange_over(self, exchange: Exchange) -> None:
        """An exchange has ended."""
        self.hub.exchange_over(exchange)
        app = self.open_exchanges.pop(exchange, None)
        if app is not None:
            app.exchange_over(exchange)

    def idle(self, connection: ServerConnection) -> None:
        """A response is over; the connection stays open, so that skipping time cuts nobody who waits for a stage."""

    def not_idle(self, connection: ServerConnection) -> None:
        """Something came."""

    def forget_connection(self, connection: ServerConnection) -> bool:
        """A connection is gone; say whether it was known until now."""
        return connection in self._connections and self._connections.pop(connection, None) is None

    def common_headers(self) -> list[tuple[str, str]]:
        """Give what stands before each response's own headers."""
        return [("date", formatdate(int(self.hub.wall_time()), usegmt=True))]

    def cors_headers(self, request_headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Let any page read the answers."""
        origin = request_headers.get("origin")
        return [] if origin is None else [("access-control-allow-origin", origin), ("vary", "Origin")]


class SpaceFront(Front):
    """The proxy in front of a Space: it asks for a token, wakes up who sleeps, and lets a running app answer."""

    def __init__(self, hub: FakeHub, space: HubSpace) -> None:
        super().__init__(hub, space.id)
        self._space = space

    @property
    def profile(self) -> Profile:
        """How the app's server behaves."""
        app = self._space.app_if_made
        return self.hub.profile if app is None else app.profile

    def handle(self, exchange: Exchange) -> None:
        """Let the app answer, or say why it cannot."""
        space = self._space
        fault = space.faults.find(exchange.method, exchange.path)
        if fault is not None:
            fault.meet(exchange)
            return
        exchange.record.kind = "proxy"
        if not self._is_admitted(exchange):
            # Who may not see it is told no more than of a Space that is not there (gradio#6625 shows the page).
            super().handle(exchange)
            return
        space.used()
        if not space.serves:
            page = html_page(space.stage, f"This Space cannot answer now. Its stage is {space.stage}.")
            exchange.respond(404 if space.stage == "DELETING" else 503, page, "text/html; charset=utf-8")
            return
        app = space.app
        self.open_exchanges[exchange] = app
        app.handle_from_front(exchange)

    def cut(self) -> None:
        """Cut what the app was answering: it is gone."""
        for exchange in list(self.open_exchanges):
            exchange.drop()

    def cors_headers(self, request_headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """What the app would say."""
        app = self._space.app_if_made
        return super().cors_headers(request_headers) if app is None else app.cors_headers(request_headers)

    def _is_admitted(self, exchange: Exchange) -> bool:
        space = self._space
        if space.disabled:
            return False
        if not space.private:
            return True
        if self.hub.is_signed(space, exchange.query.get("__sign")):
            return True
        headers = exchange.headers
        # Today's clients have a header of the proxy's own, since the other may be meant for the app.
        given = headers.get("x-hf-authorization", headers.get("authorization", ""))
        token = self.hub.find_token(given)
        return token is not None and token.may_read(space.owner, space.id)
