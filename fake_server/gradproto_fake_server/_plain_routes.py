"""Routes that say one small thing: of the app itself, or that there is nothing of what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _queue_routes as queue
from ._http import Exchange
from ._json import is_object
from ._validation import SERVER_BODY, Invalid, parse_body, read_json

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["app_id", "component_function", "proxy", "robots", "startup_events", "theme"]


def app_id(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Say which process this is."""
    if app.profile.open_app_crashes:
        exchange.respond_crash()
    else:
        exchange.respond_json(200, {"app_id": app.app_id})


def startup_events(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Say that the queue runs already; the older ones start it once more."""
    exchange.respond_json(200, app.profile.startup_is_guarded)


def theme(_app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Give the style sheet, in which there is nothing."""
    exchange.respond(200, b"", "text/css; charset=utf-8")


def robots(_app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Keep search engines out."""
    exchange.respond(200, b"User-agent: *\nDisallow: ", "text/plain; charset=utf-8")


def proxy(_app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Refuse to fetch something: only an app made of other Spaces has addresses that may be."""
    exchange.respond_detail(400, "This URL cannot be proxied.")


def component_function(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Refuse to call a component's own function, for none has any."""
    exchange.on_body = lambda body: _refuse_function(app, exchange, body)


def _refuse_function(app: FakeApp, exchange: Exchange, content: bytes) -> None:
    loose = app.profile.component_server == "loose"
    try:
        value: Any = read_json(content, exchange.headers.get("content-type"), untyped=app.profile.untyped_json)
        exchange.log_body(value)
        body = value if loose else parse_body(value, SERVER_BODY)
    except Invalid as error:
        if loose:
            exchange.respond_crash()
        else:
            queue.refuse(app, exchange, error)
        return
    if loose and not (is_object(body) and set(SERVER_BODY) <= set(body)):
        exchange.respond_detail(400, "Invalid JSON body.")
    elif not app.has_component(body["component_id"]) or app.profile.component_server == "crash":
        exchange.respond_crash()
    else:
        exchange.respond_detail(404, "Function not found.")
