"""The routes of a Gradio server: which requests there are, and what each answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _login as login
from . import _monitoring as monitoring
from . import _plain_routes as plain
from . import _queue_routes as queue
from ._cors import is_preflight, preflight_answer
from ._fault_answers import meet_body_faults, meet_faults
from ._http import Exchange
from ._multipart import header_options
from ._profiles import Profile
from ._uploads import refuse_form
from ._validation import (
    CALL_BODY,
    CANCEL_BODY,
    OLD_PREDICT_BODY,
    PREDICT_BODY,
    PUSH_BODY,
    PUSH_BODY_OF_2,
    RESET_BODY,
    RESET_SESSION_BODY,
    STATUS_BODY,
    Field,
    Invalid,
    missing_body,
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

    name: str
    """In the table of routes by version."""
    path: str
    kind: str
    methods: tuple[str, ...] = ("GET",)
    guarded: bool = True
    """Whether it needs a login, if the app has any."""
    answer: Answer | None = None
    body: Mapping[str, Field] | None = None
    """The fields of its JSON body; none for an object of any fields."""
    answer_body: AnswerBody | None = None

    @property
    def takes_json(self) -> bool:
        """Whether its requests have a JSON body."""
        return self.body is not None


class Router:
    """Finds the route of a request."""

    def __init__(self, profile: Profile) -> None:
        self._exact: dict[str, list[_Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], _Route]] = []
        for route in _routes(profile):
            if route.name not in profile.routes:
                continue
            if "{" not in route.path:
                self._exact.setdefault(route.path, []).append(route)
                continue
            pattern = re.escape(route.path).replace(r"\{x:path\}", "(.*)").replace(r"\{x\}", "([^/]+)")
            self._patterns.append((re.compile(pattern, re.DOTALL), route))

    def _find(self, path: str, method: str) -> tuple[_Route, tuple[str, ...]] | None:
        """Find the first route for the path and the method, or else the first for the path."""
        other: tuple[_Route, tuple[str, ...]] | None = None
        for route, parameters in self._for_path(path):
            if method in route.methods:
                return route, parameters
            other = other or (route, parameters)
        return other

    def _for_path(self, path: str) -> Iterator[tuple[_Route, tuple[str, ...]]]:
        for route in self._exact.get(path, ()):
            yield route, ()
        for pattern, route in self._patterns:
            if (match := pattern.fullmatch(path)) is not None:
                yield route, match.groups()

    def handle(self, app: FakeApp, exchange: Exchange) -> None:
        """Let a request meet the faults that are there for it, then answer it, or arrange for its body to be read."""
        found = self._locate(app, exchange)
        if found is not None:
            exchange.record.kind = found[0].kind
        meet_body_faults(app, exchange, exchange.record.kind)
        if not app.faults or (found is not None and found[0].takes_json and exchange.method in found[0].methods):
            self.answer(app, exchange)  # what comes with JSON meets its faults when that is known
        else:
            kind, parameters = ("unknown", ()) if found is None else (found[0].kind, found[1])
            meet_faults(app, exchange, kind, parameters, lambda: self.answer(app, exchange))

    def _locate(self, app: FakeApp, exchange: Exchange) -> tuple[_Route, tuple[str, ...]] | None:
        """Find the route of a request, if it is for the app at all."""
        located = app.address.locate(exchange.path)
        if located is None:
            return None
        exchange.prefix, path = located
        return self._find(path, exchange.method)

    def _answer_unknown(self, app: FakeApp, exchange: Exchange) -> None:
        """Send the client to the same path with another end, if there is one."""
        located = app.address.locate(exchange.path)
        prefix, path = located or ("", "")
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        found = self._find(other, exchange.method) if located is not None and other else None
        if found is None or found[0].kind == "socket":
            exchange.respond_detail(404, "Not Found")
            return
        target = app.address.redirect_target(exchange.headers, prefix, other, exchange.query_string)
        exchange.respond(307, content_type=None, headers=[("location", target)])

    def answer(self, app: FakeApp, exchange: Exchange) -> None:
        """Answer a request, or arrange for its body to be read first."""
        found = self._locate(app, exchange)
        if is_preflight(app.profile.cors, exchange.method, exchange.headers):
            exchange.respond(200, *preflight_answer(app.profile.cors))
            return
        if found is None:
            self._answer_unknown(app, exchange)
            return
        route, parameters = found
        if route.kind == "socket":
            queue.join_socket(app, exchange)
        elif exchange.method not in route.methods:
            exchange.respond_detail(405, "Method Not Allowed", [("allow", route.methods[0])])
        elif route.body is not None:
            exchange.on_body = lambda body: _with_body(app, exchange, route, parameters, body)
        elif not route.guarded or login.admit(app, exchange):
            assert route.answer is not None
            route.answer(app, exchange, parameters)


def _with_body(app: FakeApp, exchange: Exchange, route: _Route, parameters: tuple[str, ...], content: bytes) -> None:
    try:
        value = read_json(content, exchange.headers.get("content-type"), untyped=app.profile.untyped_json)
    except Invalid as error:
        refusal = error
        meet_faults(app, exchange, route.kind, parameters, lambda: _refuse_body(app, exchange, route, refusal))
        return
    exchange.log_body(value)
    meet_faults(app, exchange, route.kind, parameters, lambda: _with_value(app, exchange, route, parameters, value))


def _refuse_body(app: FakeApp, exchange: Exchange, route: _Route, error: Invalid) -> None:
    # What is no JSON is refused before anybody asks who sent it; what is missing, after.
    if not error.is_json or not route.guarded or login.admit(app, exchange):
        queue.refuse(app, exchange, error)


def _with_value(app: FakeApp, exchange: Exchange, route: _Route, parameters: tuple[str, ...], value: Any) -> None:
    assert route.body is not None
    assert route.answer_body is not None
    if route.guarded and not login.admit(app, exchange):
        return
    try:
        if value is None and app.profile.null_is_no_body:
            raise Invalid([missing_body()])
        body = parse_body(value, route.body) if route.body else parse_object(value)
    except Invalid as error:
        queue.refuse(app, exchange, error)
        return
    route.answer_body(app, exchange, parameters, body)


# -- what the app says of itself


def _config(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond(200, app.config_document(app.root_url(exchange), app.user_of(exchange)))


def _info(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    everything = bool(exchange.query.get("all_endpoints"))
    # Gradio 3 describes what its clients take, unless it is told not to.
    simple = exchange.query.get("serialize", "").lower() not in ("false", "f", "no", "n", "off", "0")
    exchange.respond(200, app.info_document(app.root_url(exchange), all_endpoints=everything, simple=simple))


def _openapi(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    exchange.respond(200, app.openapi_document(app.root_url(exchange)))


def _page(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    user = app.user_of(exchange)
    may_see = app.auth is None or user is not None
    body = app.page_document(app.root_url(exchange), user, may_see=may_see)
    exchange.respond(200, body, "text/html; charset=utf-8")


# -- files


def _upload(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    kind, options = header_options(exchange.headers.get("content-type", "").encode("latin-1"))
    if kind != "multipart/form-data" and app.profile.stray_files_refused:
        missing = {"type": "missing", "loc": ["body", "files"], "msg": "Field required", "input": None}
        queue.refuse(app, exchange, Invalid([missing]))
    elif kind != "multipart/form-data":
        exchange.respond_detail(400, "Invalid content type.")
    elif "boundary" not in options:
        refuse_form(exchange, app.profile, 400, "Missing boundary in multipart.")
    else:
        app.uploads.receive(exchange, options["boundary"], exchange.query.get("upload_id"))


def _upload_progress(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    upload_id = queue.query_item(exchange, "upload_id")
    if upload_id is not None:
        app.uploads.listen(exchange, upload_id)


def _file(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...]) -> None:
    app.file_access.answer(exchange, app.files, parameters[0])


def _routes(profile: Profile) -> list[_Route]:
    """Give all routes in the order in which they are tried, also those that this Gradio does not have."""
    prefix = profile.api_prefix
    post = ("POST",)
    watched = profile.monitoring_prefix
    file_methods = ("GET", "HEAD") if profile.file_heads else ("GET",)
    routes = [
        _Route(name="page", path="/", kind="page", methods=("GET", "HEAD"), guarded=False, answer=_page),
        *_with_slash(name="config", path="/config", kind="config", answer=_config),
        *_with_slash(name="info", path=f"{prefix}/info", kind="info", answer=_info),
        _Route(name="openapi", path=f"{prefix}/openapi.json", kind="info", answer=_openapi),
        *_with_slash(name="login", path="/login", kind="login", methods=post, guarded=False, answer=login.log_in),
        _Route(name="logout", path="/logout", kind="logout", guarded=False, answer=login.log_out),
        *(
            _Route(name="theme", path=path, kind="asset", guarded=False, answer=plain.theme)
            for path in dict.fromkeys(("/theme.css", f"{prefix}/theme.css"))
        ),
        _Route(name="robots", path="/robots.txt", kind="asset", guarded=False, answer=plain.robots),
        *_with_slash(name="user", path=f"{prefix}/user", kind="user", guarded=False, answer=login.user),
        *_with_slash(name="login_check", path=f"{prefix}/login_check", kind="user", answer=login.login_check),
        *_with_slash(name="token", path=f"{prefix}/token", kind="user", guarded=False, answer=login.token),
        *_with_slash(name="app_id", path=f"{prefix}/app_id", kind="app_id", guarded=False, answer=plain.app_id),
        _Route(
            name="startup",
            path=f"{prefix}/startup-events",
            kind="startup",
            guarded=profile.startup_is_guarded,
            answer=plain.startup_events,
        ),
        _Route(name="monitoring", path=f"{watched}/monitoring", kind="monitoring", answer=monitoring.monitoring),
        _Route(
            name="monitoring_summary",
            path=f"{watched}/monitoring/summary",
            kind="monitoring",
            guarded=profile.progress_is_guarded,
            answer=monitoring.summary,
        ),
        _Route(
            name="monitoring",
            path=f"{watched}/monitoring/{{x}}",
            kind="monitoring",
            guarded=False,
            answer=monitoring.dashboard,
        ),
        *_with_slash(
            name="component_server",
            path=f"{prefix}/component_server",
            kind="component_server",
            methods=post,
            answer=plain.component_function,
        ),
        _Route(
            name="proxy", path=f"{prefix}/proxy={{x:path}}", kind="proxy", methods=("GET", "HEAD"), answer=plain.proxy
        ),
        *_queue_routes(profile),
        _Route(name="upload", path=f"{prefix}/upload", kind="upload", methods=post, answer=_upload),
        _Route(
            name="upload_progress",
            path=f"{prefix}/upload_progress",
            kind="upload_progress",
            guarded=profile.progress_is_guarded,
            answer=_upload_progress,
        ),
        _Route(name="file", path=f"{prefix}/file={{x:path}}", kind="file", methods=file_methods, answer=_file),
        _Route(name="old_file", path=f"{prefix}/file/{{x:path}}", kind="file", answer=_file),
    ]
    run: dict[str, Any] = {"kind": "run", "methods": post, "body": _predict_body(profile), "answer_body": queue.run}
    return [
        *routes,
        _Route(name="predict_with_slash", path="/api/predict/", **run),
        *_with_slash(name="predict", path="/api/predict", **run),
        *_with_slash(name="run", path=f"{prefix}/run/{{x}}", **run),
        *_with_slash(name="api", path=f"{prefix}/api/{{x}}", **run),
    ]


def _predict_body(profile: Profile) -> Mapping[str, Field]:
    return PREDICT_BODY if "call" in profile.routes else OLD_PREDICT_BODY


def _with_slash(*, path: str, **rest: Any) -> tuple[_Route, _Route]:
    """Make a route that may end with a slash."""
    return _Route(path=path, **rest), _Route(path=f"{path}/", **rest)


def _queue_routes(profile: Profile) -> list[_Route]:
    prefix = profile.api_prefix
    post = ("POST",)
    push_body = PUSH_BODY_OF_2 if profile.one_function else PUSH_BODY
    call_v2: dict[str, Any] = {"name": "call_v2", "methods": post, "body": {}, "answer_body": queue.call_v2}
    call: dict[str, Any] = {"name": "call", "methods": post, "body": CALL_BODY, "answer_body": queue.call}
    reset: dict[str, Any] = {"kind": "reset", "methods": post, "guarded": False}
    return [
        _Route(name="push", path="/api/queue/push/", kind="push", methods=post, body=push_body, answer_body=queue.push),
        _Route(
            name="push",
            path="/api/queue/status/",
            kind="pushed_status",
            methods=post,
            body=STATUS_BODY,
            answer_body=queue.pushed_status,
        ),
        _Route(name="join_socket", path="/queue/join", kind="socket"),
        _Route(name="join_stream", path="/queue/join", kind="join_stream", answer=queue.join_stream),
        _Route(
            name="post_data",
            path="/queue/data",
            kind="post_data",
            methods=post,
            body=_predict_body(profile),
            answer_body=queue.post_data,
        ),
        _Route(
            name="join",
            path=f"{prefix}/queue/join",
            kind="join",
            methods=post,
            body=_predict_body(profile),
            answer_body=queue.join,
        ),
        _Route(name="data", path=f"{prefix}/queue/data", kind="data", answer=queue.events),
        _Route(name="status", path=f"{prefix}/queue/status", kind="status", answer=queue.queue_status),
        _Route(
            name="cancel",
            path=f"{prefix}/cancel",
            kind="cancel",
            methods=post,
            guarded=False,
            body=CANCEL_BODY,
            answer_body=queue.cancel,
        ),
        *_with_slash(
            name="reset_event", path=f"{prefix}/reset", body=RESET_BODY, answer_body=queue.reset_event, **reset
        ),
        *_with_slash(
            name="reset_session",
            path=f"{prefix}/reset",
            body=RESET_SESSION_BODY,
            answer_body=queue.reset_session,
            **reset,
        ),
        _Route(
            name="heartbeat",
            path=f"{prefix}/heartbeat/{{x}}",
            kind="heartbeat",
            guarded=False,
            answer=queue.heartbeat,
        ),
        _Route(
            name="stream",
            path=f"{prefix}/stream/{{x}}",
            kind="stream",
            methods=post,
            guarded=False,
            body=_predict_body(profile),
            answer_body=queue.stream_data,
        ),
        _Route(
            name="stream",
            path=f"{prefix}/stream/{{x}}/close",
            kind="stream",
            methods=post,
            guarded=False,
            answer=queue.stream_end,
        ),
        *_with_slash(path=f"{prefix}/call/v2/{{x}}", kind="call", **call_v2),
        _Route(name="call_v2", path=f"{prefix}/call/v2/{{x}}/{{x}}", kind="call_data", answer=queue.call_events),
        *_with_slash(path=f"{prefix}/call/{{x}}", kind="call", **call),
        _Route(name="call", path=f"{prefix}/call/{{x}}/{{x}}", kind="call_data", answer=queue.call_events),
    ]
