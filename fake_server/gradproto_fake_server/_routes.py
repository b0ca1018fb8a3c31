"""The routes of a Gradio server: which requests there are, and what each answers."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from ._calls import CallHost, start_direct_call
from ._endpoints import Endpoint
from ._file_routes import serve_file
from ._http import Exchange
from ._multipart import MultipartError, MultipartParser, PartBegun, PartData, PartEnded, header_options
from ._profiles import Profile
from ._queue import QueueFull
from ._streams import CallStream, EventStream, HeartbeatStream
from ._validation import (
    CALL_BODY,
    CANCEL_BODY,
    PREDICT_BODY,
    RESET_BODY,
    Field,
    Invalid,
    parse_body,
    parse_object,
    read_json,
)

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["Router"]

Answer = Callable[["FakeApp", Exchange, tuple[str, ...]], None]
AnswerBody = Callable[["FakeApp", Exchange, tuple[str, ...], dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """One route. ``{x}`` in its path is one segment, ``{x:path}`` is the rest."""

    path: str
    kind: str
    methods: tuple[str, ...] = ("GET",)
    guarded: bool = True
    """Whether it needs a login, if the app has any."""
    answer: Answer | None = None
    body: Mapping[str, Field] | None = None
    """The fields of its JSON body; none for an object of any fields."""
    answer_body: AnswerBody | None = None


class Router:
    """Finds the route of a request."""

    def __init__(self, profile: Profile) -> None:
        self._exact: dict[str, _Route] = {}
        self._patterns: list[tuple[re.Pattern[str], _Route]] = []
        for route in _routes(profile.api_prefix):
            if "{" not in route.path:
                self._exact[route.path] = route
                continue
            pattern = re.escape(route.path).replace(r"\{x:path\}", "(.*)").replace(r"\{x\}", "([^/]+)")
            self._patterns.append((re.compile(pattern, re.DOTALL), route))

    def _find(self, path: str) -> tuple[_Route, tuple[str, ...]] | None:
        route = self._exact.get(path)
        if route is not None:
            return route, ()
        for pattern, route in self._patterns:
            if (match := pattern.fullmatch(path)) is not None:
                return route, match.groups()
        return None

    def handle(self, app: FakeApp, exchange: Exchange) -> None:
        """Answer a request, or arrange for its body to be read first."""
        path = exchange.path
        found = self._find(path)
        if found is None:
            other = path.rstrip("/") if path.endswith("/") else f"{path}/"
            if other and self._find(other) is not None:
                query = f"?{exchange.query_string}" if exchange.query_string else ""
                target = app.root_url(exchange) + quote(other, safe="/:=@!$&'()*+,;~") + query
                exchange.respond(307, content_type=None, headers=[("location", target)])
            else:
                exchange.respond_detail(404, "Not Found")
            return
        route, parameters = found
        exchange.record.kind = route.kind
        if exchange.method not in route.methods:
            exchange.respond_detail(405, "Method Not Allowed", [("allow", route.methods[0])])
        elif route.body is not None:
            exchange.on_body = lambda body: _with_body(app, exchange, route, parameters, body)
        elif not route.guarded or _admit(app, exchange):
            assert route.answer is not None
            route.answer(app, exchange, parameters)


def _admit(app: FakeApp, exchange: Exchange) -> bool:
    """Say whether the client may go on; if not, it was told."""
    if app.auth is None or app.user_of(exchange) is not None:
        return True
    exchange.respond_detail(401, {"error": "Not authenticated", "auth_message": None})
    return False


def _with_body(app: FakeApp, exchange: Exchange, route: _Route, parameters: tuple[str, ...], content: bytes) -> None:
    assert route.body is not None
    assert route.answer_body is not None
    try:
        value = read_json(content, exchange.headers.get("content-type"))
    except Invalid as error:
        # What is no JSON is refused before anybody asks who sent it; what is missing, after.
        if not error.is_json or not route.guarded or _admit(app, exchange):
            exchange.respond_detail(422, error.details)
        return
    exchange.log_body(value)
    if route.guarded and not _admit(app, exchange):
        return
    try:
        body = parse_body(value, route.body) if route.body else parse_object(value)
    except Invalid as error:
        exchange.respond_detail(422, error.details)
        return
    route.answer_body(app, exchange, parameters, body)


def _query_item(exchange: Exchange, name: str) -> str | None:
    """Give a query item that a route cannot do without; ``None`` when the client was told so."""
    value = exchange.query.get(name)
    if value is None:
        missing = {"type": "missing", "loc": ["query", name], "msg": "Field required", "input": None}
        exchange.respond_detail(422, [missing])
    return value


# -- what the app says of itself


def _config(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond(200, app.config_document(app.root_url(exchange), app.user_of(exchange)))


def _info(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    everything = bool(exchange.query.get("all_endpoints"))
    exchange.respond(200, app.info_document(app.root_url(exchange), all_endpoints=everything))


def _page(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    user = app.user_of(exchange)
    may_see = app.auth is None or user is not None
    body = app.page_document(app.root_url(exchange), user, may_see=may_see)
    exchange.respond(200, body, "text/html; charset=utf-8")


def _user(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond_json(200, app.user_of(exchange))


def _login_check(_app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond_json(200, None)


def _app_id(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond_json(200, {"app_id": app.app_id})


def _startup_events(_app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond_json(200, False)


def _queue_status(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond(200, app.messages.estimation(None, None, app.queue.size, None).text.encode())


def _theme(_app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond(200, b"", "text/css; charset=utf-8")


def _robots(_app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond(200, b"User-agent: *\nDisallow: ", "text/plain; charset=utf-8")


# -- the queue


def _join(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    index: int | None = body["fn_index"]
    if body["session_hash"] is None:
        exchange.respond_detail(400, "Session hash not found.")
    elif index is None:
        exchange.respond_detail(400, "No function index provided.")
    elif not 0 <= index < len(app.endpoints) or not body["session_hash"]:
        exchange.respond_crash()
    else:
        _enqueue(app, exchange, app.endpoints[index], body, whole=body["simple_format"])


def _call(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...], body: dict[str, Any]) -> None:
    endpoint: Endpoint | None = app.find_endpoint(parameters[0])
    if endpoint is None:
        exchange.respond_crash()
    else:
        body["data"] = _with_states(endpoint, body["data"])
        _enqueue(app, exchange, endpoint, body, whole=True)


def _call_v2(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...], body: dict[str, Any]) -> None:
    endpoint: Endpoint | None = app.find_endpoint(parameters[0])
    data: list[Any] | None = None if endpoint is None or endpoint.visibility == "private" else _by_name(endpoint, body)
    if endpoint is None or data is None:
        exchange.respond_crash()
    else:
        _enqueue(app, exchange, endpoint, {"data": data, "session_hash": None}, whole=True)


def _with_states(endpoint: Endpoint, data: list[Any]) -> list[Any]:
    """Put ``null`` where a State belongs, if the caller left the States out (Gradio 6.18 and later)."""
    if len(data) == len(endpoint.inputs) or len(data) != len(endpoint.api_inputs):
        return data
    given = iter(data)
    return [None if component.skip_api else next(given) for component in endpoint.inputs]


def _by_name(endpoint: Endpoint, arguments: dict[str, Any]) -> list[Any] | None:
    """Put named arguments in order; ``None`` if one is missing or unknown, which crashes Gradio."""
    left = dict(arguments)
    left.pop("oauth_token", None)
    data: list[Any] = []
    for component, name in zip(endpoint.inputs, endpoint.parameter_names, strict=True):
        if component.skip_api:
            data.append(None)
        elif name in left:
            data.append(left.pop(name))
        elif component.value is not None or name in endpoint.none_defaults:
            data.append(component.value)
        else:
            return None
    return None if left else data


def _enqueue(app: FakeApp, exchange: Exchange, endpoint: Endpoint, body: dict[str, Any], *, whole: bool) -> None:
    session_hash: str | None = body["session_hash"]
    host = CallHost(app, app.root_url(exchange), session_hash)
    try:
        job = app.queue.join(endpoint, body["data"], session_hash, host, now=app.now, whole=whole)
    except QueueFull as error:
        exchange.respond_detail(503, str(error))
        return
    app.remember(job)
    exchange.record.session_hash = job.session_hash
    exchange.respond(200, b'{"event_id":"%b"}' % job.event_id.encode())


def _events(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    session_hash = _query_item(exchange, "session_hash")
    if session_hash is None:
        return
    exchange.record.session_hash = session_hash
    interval = app.profile.heartbeat_interval
    exchange.start_event_stream(EventStream(app.queue, session_hash, exchange, app.schedule, interval))


def _call_events(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...]) -> None:
    session_hash = exchange.record.session_hash = app.queue.session_of_event(parameters[1])
    interval = app.profile.heartbeat_interval
    exchange.start_event_stream(CallStream(app.queue, session_hash, exchange, app.schedule, interval))


def _cancel(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    app.queue.cancel(body["session_hash"], body["fn_index"], body["event_id"])
    exchange.respond(200, b'{"success":true}')


def _reset(_app: FakeApp, exchange: Exchange, _: tuple[str, ...], _body: dict[str, Any]) -> None:
    exchange.respond(200, b'{"success":true}')


def _heartbeat(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...]) -> None:
    session_hash = exchange.record.session_hash = parameters[0]
    stream = HeartbeatStream(exchange, app.schedule, app.profile.heartbeat_interval)
    app.session_opened(session_hash)

    def lost() -> None:
        stream.close()
        app.session_closed(session_hash)

    exchange.on_disconnect = lost
    exchange.start_event_stream(stream)


def _run(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...], body: dict[str, Any]) -> None:
    index: int | None = body["fn_index"]
    endpoint: Endpoint | None = app.find_endpoint(parameters[0]) if index is None else None
    if index is not None and 0 <= index < len(app.endpoints):
        endpoint = app.endpoints[index]
    if endpoint is None:
        exchange.respond_crash()
    elif endpoint.queue and not app.api_open:
        exchange.respond_detail(
            404,
            "This API endpoint does not accept direct HTTP POST requests. Please join the queue to use this API.",
        )
    else:
        start_direct_call(app, exchange, endpoint, body["data"], body["session_hash"])


# -- files


def _upload(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    kind, options = header_options(exchange.headers.get("content-type", "").encode("latin-1"))
    if kind != "multipart/form-data":
        exchange.respond_detail(400, "Invalid content type.")
    elif "boundary" not in options:
        exchange.respond(400, b"Missing boundary in multipart.", "text/plain; charset=utf-8")
    else:
        app.uploads.receive(exchange, options["boundary"], exchange.query.get("upload_id"))


def _upload_progress(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    upload_id = _query_item(exchange, "upload_id")
    if upload_id is not None:
        app.uploads.listen(exchange, upload_id)


def _file(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...]) -> None:
    serve_file(exchange, app.files.get(parameters[0]), parameters[0])


# -- login


def _login(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.on_body = lambda body: _login_with(app, exchange, body)


def _login_with(app: FakeApp, exchange: Exchange, body: bytes) -> None:
    given = _form_fields(exchange.headers.get("content-type", ""), body)
    missing = [
        {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None}
        for name in ("username", "password")
        if name not in given
    ]
    if missing:
        exchange.respond_detail(422, missing)
        return
    if app.auth is None:
        exchange.respond(302, content_type=None, headers=[("location", app.root_url(exchange))])
        return
    user = given["username"].strip()
    expected = app.auth.get(user)
    if expected is None or not hmac.compare_digest(expected.encode(), given["password"].encode()):
        exchange.respond_detail(400, "Incorrect credentials.")
        return
    token = app.new_token(22)
    app.tokens[token] = user
    cookies = [
        ("set-cookie", f"access-token-{app.cookie_id}={token}; HttpOnly; Path=/; SameSite=none; Secure"),
        ("set-cookie", f"access-token-unsecure-{app.cookie_id}={token}; HttpOnly; Path=/; SameSite=lax"),
    ]
    exchange.respond_json(200, {"success": True}, cookies)


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


def _logout(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    user = app.user_of(exchange)
    for token in [token for token, name in app.tokens.items() if name == user]:
        del app.tokens[token]
    gone = "expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=lax"
    headers = [
        ("location", app.root_url(exchange)),
        ("set-cookie", f'access-token-{app.cookie_id}=""; {gone}'),
        ("set-cookie", f'access-token-unsecure-{app.cookie_id}=""; {gone}'),
    ]
    exchange.respond(302, content_type=None, headers=headers)


def _routes(prefix: str) -> list[_Route]:
    """Give the routes in the order in which they are tried."""
    post = ("POST",)
    call_v2: dict[str, Any] = {"body": {}, "answer_body": _call_v2}
    call: dict[str, Any] = {"body": CALL_BODY, "answer_body": _call}
    run: dict[str, Any] = {"kind": "run", "methods": post, "body": PREDICT_BODY, "answer_body": _run}
    routes = [
        _Route(path="/", kind="page", methods=("GET", "HEAD"), guarded=False, answer=_page),
        _Route(path="/config", kind="config", answer=_config),
        _Route(path="/config/", kind="config", answer=_config),
        _Route(path=f"{prefix}/info", kind="info", answer=_info),
        _Route(path=f"{prefix}/info/", kind="info", answer=_info),
        _Route(path="/login", kind="login", methods=post, guarded=False, answer=_login),
        _Route(path="/login/", kind="login", methods=post, guarded=False, answer=_login),
        _Route(path="/logout", kind="logout", guarded=False, answer=_logout),
        _Route(path="/theme.css", kind="asset", guarded=False, answer=_theme),
        _Route(path="/robots.txt", kind="asset", guarded=False, answer=_robots),
        _Route(path=f"{prefix}/user", kind="user", guarded=False, answer=_user),
        _Route(path=f"{prefix}/login_check", kind="user", answer=_login_check),
        _Route(path=f"{prefix}/app_id", kind="app_id", guarded=False, answer=_app_id),
        _Route(path=f"{prefix}/startup-events", kind="startup", guarded=False, answer=_startup_events),
        _Route(path=f"{prefix}/queue/join", kind="join", methods=post, body=PREDICT_BODY, answer_body=_join),
        _Route(path=f"{prefix}/queue/data", kind="data", answer=_events),
        _Route(path=f"{prefix}/queue/status", kind="status", answer=_queue_status),
        _Route(
            path=f"{prefix}/cancel",
            kind="cancel",
            methods=post,
            guarded=False,
            body=CANCEL_BODY,
            answer_body=_cancel,
        ),
        _Route(path=f"{prefix}/reset", kind="reset", methods=post, guarded=False, body=RESET_BODY, answer_body=_reset),
        _Route(path=f"{prefix}/heartbeat/{{x}}", kind="heartbeat", guarded=False, answer=_heartbeat),
        _Route(path=f"{prefix}/upload", kind="upload", methods=post, answer=_upload),
        _Route(path=f"{prefix}/upload_progress", kind="upload_progress", answer=_upload_progress),
        _Route(path=f"{prefix}/file={{x:path}}", kind="file", methods=("GET", "HEAD"), answer=_file),
        _Route(path=f"{prefix}/file/{{x:path}}", kind="file", answer=_file),
        _Route(path=f"{prefix}/call/v2/{{x}}", kind="call", methods=post, **call_v2),
        _Route(path=f"{prefix}/call/v2/{{x}}/", kind="call", methods=post, **call_v2),
        _Route(path=f"{prefix}/call/v2/{{x}}/{{x}}", kind="call_data", answer=_call_events),
        _Route(path=f"{prefix}/call/{{x}}", kind="call", methods=post, **call),
        _Route(path=f"{prefix}/call/{{x}}/", kind="call", methods=post, **call),
        _Route(path=f"{prefix}/call/{{x}}/{{x}}", kind="call_data", answer=_call_events),
    ]
    for verb in ("run", "api"):
        routes += [_Route(path=f"{prefix}/{verb}/{{x}}", **run), _Route(path=f"{prefix}/{verb}/{{x}}/", **run)]
    return routes
