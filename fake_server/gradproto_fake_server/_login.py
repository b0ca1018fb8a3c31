"""Who is logged in: the routes with which a user comes and goes."""

from __future__ import annotations

import hmac
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from . import _queue_routes as queue
from ._http import Exchange
from ._multipart import MultipartError, MultipartParser, PartBegun, PartData, PartEnded, header_options
from ._validation import Invalid, check_query_flag

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["admit", "log_in", "log_out", "login_check", "token", "user"]


def admit(app: FakeApp, exchange: Exchange) -> bool:
    """Say whether the client may go on; if not, it was told."""
    if app.auth is None or app.user_of(exchange) is not None:
        return True
    queue.refuse_stranger(app, exchange)
    return False


def user(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Say who is logged in."""
    exchange.respond_json(200, app.user_of(exchange))


def login_check(_app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Say that nobody is kept outside."""
    exchange.respond_json(200, None)


def token(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Give the HTTPS cookie back, and whose it is."""
    if app.profile.one_function:
        exchange.respond_crash()
        return
    given = app.cookies_of(exchange).get(app.token_cookies[0])
    exchange.respond_json(200, {"token": given, "user": None if given is None else app.tokens.get(given)})


def log_in(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Read a form with a name and a password."""
    exchange.on_body = lambda body: _log_in_with(app, exchange, body)


def _log_in_with(app: FakeApp, exchange: Exchange, body: bytes) -> None:
    given = _form_fields(exchange.headers.get("content-type", ""), body)
    missing: list[dict[str, Any]] = [
        {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None}
        for name in ("username", "password")
        if name not in given
    ]
    if missing:
        queue.refuse(app, exchange, Invalid(missing))
        return
    if app.auth is None and app.profile.open_app_crashes:
        exchange.respond_crash()
        return
    if app.auth is None:
        exchange.respond(302, content_type=None, headers=[("location", _home(app, exchange))])
        return
    name = given["username"].strip() if app.profile.strips_username else given["username"]
    expected = app.auth.get(name)
    if expected is None or not hmac.compare_digest(expected.encode(), given["password"].encode()):
        exchange.respond_detail(400, "Incorrect credentials.")
        return
    made = app.new_token(22)
    app.tokens[made] = name
    safe = "; HttpOnly; Path=/; SameSite=lax"
    secure = "; HttpOnly; Path=/; SameSite=none; Secure"
    names = app.token_cookies
    # The first of two cookies is for HTTPS, the second for anything.
    kinds = [(name, secure if name != names[-1] else safe) for name in names]
    cookies = [("set-cookie", f"{name}={made}{kind}") for name, kind in kinds]
    if app.profile.login_redirects:
        exchange.respond(302, content_type=None, headers=[("location", "/"), *cookies])
    else:
        exchange.respond_json(200, {"success": True}, cookies)


def _home(app: FakeApp, exchange: Exchange) -> str:
    return app.root_url(exchange) if app.profile.home_is_root else "/"


def _form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Read a small form in either encoding; what is no form has no fields, and an empty field is as good as none."""
    kind, options = header_options(content_type.encode("latin-1"))
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode("utf-8", "replace")))
    fields: dict[str, str] = {}
    if kind != "multipart/form-data" or "boundary" not in options:
        return fields
    parser = MultipartParser(options["boundary"].encode())
    name, value = "", b""
    try:
        parser.add_data(body)
        while (event := parser.next_event()) is not None:
            if isinstance(event, PartBegun):
                name, value = event.name, b""
            elif isinstance(event, PartData):
                value += bytes(event.data)
            elif isinstance(event, PartEnded) and value:
                fields[name] = value.decode("utf-8", "replace")
    except MultipartError:
        return {}
    return fields


def log_out(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Forget all logins of the user, or with ``all_session=false`` this one."""
    everywhere = True
    if app.profile.one_session_logout and "all_session" in exchange.query:
        try:
            everywhere = check_query_flag("all_session", exchange.query["all_session"])
        except Invalid as error:
            queue.refuse(app, exchange, error)
            return
    known = set(app.cookies_of(exchange).values())
    name = app.user_of(exchange)
    for made in [made for made, owner in app.tokens.items() if owner == name]:
        if everywhere or made in known:
            del app.tokens[made]
    headers = [("location", _home(app, exchange))]
    if app.profile.logout_removes_cookies:
        # A cookie whose time is now is gone.
        gone = f"expires={formatdate(app.wall_time(), usegmt=True)}; Max-Age=0; Path=/; SameSite=lax"
        headers.extend(("set-cookie", f'{name}=""; {gone}') for name in app.token_cookies)
    exchange.respond(302, content_type=None, headers=headers)
