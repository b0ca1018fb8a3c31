"""Which routes each Gradio has, and what they answer to whom: seen at real servers, asked of the fake ones."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto_fake_server import FakeApp, MemoryServer, demo_app

from .wire import Http, Response

JSON = [("content-type", "application/json")]

SEEN = (
    "2.9.4",
    "3.0.24",
    "3.4.1",
    "3.16.2",
    "3.32.0",
    "3.39.0",
    "3.50.2",
    "4.0.2",
    "4.12.0",
    "4.19.2",
    "4.21.0",
    "4.25.0",
    "4.31.5",
    "4.44.1",
    "5.0.2",
    "5.29.0",
    "5.50.0",
    "6.0.2",
    "6.13.0",
    "6.31.0",
)

# From which version on each answer was seen, in an app that is open to all and in one with a login.
ANSWERS: dict[str, tuple[str, str]] = {
    "GET /monitoring": (
        "2.9.4: 404; 4.44.1: 200; 5.0.2: 404; 5.29.0: 200",
        "2.9.4: 404; 4.44.1: 401; 5.0.2: 404; 5.29.0: 401",
    ),
    "GET /monitoring/": (
        "2.9.4: 404; 4.44.1: 307 /monitoring; 5.0.2: 404; 5.29.0: 307 /monitoring",
        "2.9.4: 404; 4.44.1: 307 /monitoring; 5.0.2: 404; 5.29.0: 307 /monitoring",
    ),
    "GET /monitoring/summary": (
        "2.9.4: 404; 4.44.1: 403 Invalid key.; 5.0.2: 404; 5.29.0: 403 Invalid key.; 5.50.0: 200",
        "2.9.4: 404; 4.44.1: 403 Invalid key.; 5.0.2: 404; 5.29.0: 403 Invalid key.; 5.50.0: 200; 6.31.0: 401",
    ),
    "GET /monitoring/wrong": (
        "2.9.4: 404; 4.44.1: 403 Invalid key.; 5.0.2: 404; 5.29.0: 403 Invalid key.",
        "2.9.4: 404; 4.44.1: 403 Invalid key.; 5.0.2: 404; 5.29.0: 403 Invalid key.",
    ),
    "GET /robots.txt": ("2.9.4: 404; 3.16.2: 200", "2.9.4: 404; 3.16.2: 200"),
    "GET P/theme.css": ("2.9.4: 404; 3.32.0: 200", "2.9.4: 404; 3.32.0: 200"),
    "GET /theme.css": ("2.9.4: 404; 3.32.0: 200", "2.9.4: 404; 3.32.0: 200"),
    "GET /login": ("2.9.4: 405 POST", "2.9.4: 405 POST"),
    "GET /config//": ("2.9.4: 307 /config", "2.9.4: 307 /config"),
    "GET /CONFIG": ("2.9.4: 404", "2.9.4: 404"),
    "GET /nosuch": ("2.9.4: 404", "2.9.4: 404"),
    "GET P/user/": ("2.9.4: 200", "2.9.4: 200"),
    "GET P/login_check/": ("2.9.4: 200", "2.9.4: 401"),
    "GET P/token": ("2.9.4: 500; 3.0.24: 200", "2.9.4: 500; 3.0.24: 200"),
    "GET P/app_id": ("2.9.4: 404; 3.0.24: 500; 3.16.2: 200", "2.9.4: 404; 3.0.24: 500; 3.16.2: 200"),
    "GET P/info/": ("2.9.4: 404; 3.32.0: 200", "2.9.4: 404; 3.32.0: 401"),
    "GET P/startup-events/": (
        "2.9.4: 404; 3.4.1: 307 /startup-events; 5.0.2: 307 P/startup-events",
        "2.9.4: 404; 3.4.1: 307 /startup-events; 5.0.2: 307 P/startup-events",
    ),
    "GET P/queue/status/": (
        "2.9.4: 404; 3.4.1: 307 /queue/status; 5.0.2: 307 P/queue/status",
        "2.9.4: 404; 3.4.1: 307 /queue/status; 5.0.2: 307 P/queue/status",
    ),
    "GET P/queue/join": ("2.9.4: 404; 4.0.2: 422; 4.12.0: 405 POST", "2.9.4: 404; 4.12.0: 405 POST"),
    "GET P/queue/data": ("2.9.4: 404; 4.0.2: 405 POST; 4.12.0: 422", "2.9.4: 404; 4.12.0: 401"),
    "GET P/upload_progress": ("2.9.4: 404; 4.12.0: 422", "2.9.4: 404; 4.12.0: 422; 6.31.0: 401"),
    "GET P/heartbeat/": ("2.9.4: 404", "2.9.4: 404"),
    "GET P/upload": ("2.9.4: 404; 3.32.0: 405 POST", "2.9.4: 404; 3.32.0: 405 POST"),
    "GET P/reset": ("2.9.4: 404; 3.16.2: 405 POST", "2.9.4: 404; 3.16.2: 405 POST"),
    "GET P/cancel": ("2.9.4: 404; 4.31.5: 405 POST", "2.9.4: 404; 4.31.5: 405 POST"),
    "GET P/run/echo": ("2.9.4: 404; 3.16.2: 405 POST", "2.9.4: 404; 3.16.2: 405 POST"),
    "GET P/call/echo": ("2.9.4: 404; 4.21.0: 405 POST", "2.9.4: 404; 4.21.0: 405 POST"),
    "GET P/call/v2/echo/nosuch": ("2.9.4: 404; 6.13.0: 200", "2.9.4: 404; 6.13.0: 401"),
    "GET P/component_server": ("2.9.4: 404; 3.50.2: 405 POST", "2.9.4: 404; 3.50.2: 405 POST"),
    "GET P/file=nosuch.txt": (
        "2.9.4: 404; 3.4.1: 500; 3.32.0: 404 File not found; 3.39.0: 404 File not found: nosuch.txt.; "
        "4.0.2: 403 File not allowed: nosuch.txt.",
        "2.9.4: 404; 3.4.1: 401",
    ),
    "GET P/file/nosuch.txt": (
        "2.9.4: 500; 3.32.0: 404 File not found; 3.39.0: 404 File not found: nosuch.txt.; "
        "4.0.2: 403 File not allowed: nosuch.txt.",
        "2.9.4: 401",
    ),
    "GET P/file=/etc/passwd": (
        "2.9.4: 404; 3.4.1: 500; 3.32.0: 403 File cannot be fetched; 3.39.0: 403 File not allowed: /etc/passwd.",
        "2.9.4: 404; 3.4.1: 401",
    ),
    "GET P/file": ("2.9.4: 307 /file/; 5.0.2: 307 P/file/", "2.9.4: 307 /file/; 5.0.2: 307 P/file/"),
    "GET P/config": ("2.9.4: 200; 5.0.2: 404", "2.9.4: 401; 5.0.2: 404"),
    "POST /": ("2.9.4: 405 GET", "2.9.4: 405 GET"),
    "POST /logout": ("2.9.4: 404; 4.21.0: 405 GET", "2.9.4: 404; 4.21.0: 405 GET"),
    "POST /config": ("2.9.4: 405 GET", "2.9.4: 405 GET"),
    "DELETE /config": ("2.9.4: 405 GET", "2.9.4: 405 GET"),
    'POST P/run/nosuch {"data":["x"]}': ("2.9.4: 404; 3.16.2: 500", "2.9.4: 404; 3.16.2: 401"),
    "POST P/reset {}": ("2.9.4: 404; 3.16.2: 422", "2.9.4: 404; 3.16.2: 422"),
    'POST P/reset/ {"event_id":"x","session_hash":"x","fn_index":0}': (
        "2.9.4: 404; 3.16.2: 200",
        "2.9.4: 404; 3.16.2: 200",
    ),
    'POST P/cancel {"event_id":"x","session_hash":"x","fn_index":0}': (
        "2.9.4: 404; 4.31.5: 200",
        "2.9.4: 404; 4.31.5: 200",
    ),
    'POST P/cancel/ {"event_id":"x","session_hash":"x","fn_index":0}': (
        "2.9.4: 404; 4.31.5: 307 /cancel; 5.0.2: 307 P/cancel",
        "2.9.4: 404; 4.31.5: 307 /cancel; 5.0.2: 307 P/cancel",
    ),
    'POST P/call/nosuch {"data":["x"]}': ("2.9.4: 404; 4.21.0: 500", "2.9.4: 404; 4.21.0: 401"),
    'POST P/call/v2/echo {"t":"x"}': (
        "2.9.4: 404; 4.21.0: 405 GET; 6.13.0: 200",
        "2.9.4: 404; 4.21.0: 405 GET; 6.13.0: 401",
    ),
    'POST P/queue/join/ {"data":["x"],"fn_index":0,"session_hash":"y"}': (
        "2.9.4: 404; 4.0.2: 307 /queue/join; 5.0.2: 307 P/queue/join",
        "2.9.4: 404; 4.12.0: 307 /queue/join; 5.0.2: 307 P/queue/join",
    ),
    'POST P/component_server {"session_hash":"x","component_id":1,"fn_name":"f","data":null}': (
        "2.9.4: 404; 3.50.2: 500; 4.19.2: 404 Function not found.",
        "2.9.4: 404; 3.50.2: 401",
    ),
    'POST P/component_server {"session_hash":"x","component_id":99,"fn_name":"f","data":null}': (
        "2.9.4: 404; 3.50.2: 500",
        "2.9.4: 404; 3.50.2: 401",
    ),
    "POST P/component_server {}": (
        "2.9.4: 404; 3.50.2: 422; 4.31.5: 400 Invalid JSON body.",
        "2.9.4: 404; 3.50.2: 401",
    ),
    "POST P/upload x": ("2.9.4: 404; 3.32.0: 422; 4.0.2: 400 Invalid content type.", "2.9.4: 404; 3.32.0: 401"),
    "POST P/heartbeat/x": ("2.9.4: 404; 4.25.0: 405 GET", "2.9.4: 404; 4.25.0: 405 GET"),
    "HEAD /": ("2.9.4: 200", "2.9.4: 200"),
    "HEAD /config": ("2.9.4: 405 GET", "2.9.4: 405 GET"),
    "HEAD P/user": ("2.9.4: 405 GET", "2.9.4: 405 GET"),
    "HEAD P/file=nosuch": (
        "2.9.4: 404; 3.4.1: 405 GET; 3.32.0: 404; 4.0.2: 403",
        "2.9.4: 404; 3.4.1: 405 GET; 3.32.0: 401",
    ),
    "HEAD P/file/nosuch": ("2.9.4: 405 GET", "2.9.4: 405 GET"),
}


def made(version: str, **options: Any) -> Http:
    app = FakeApp(version, **options)
    app.endpoint("/echo", inputs=["textbox"], outputs=["textbox"])(lambda t: t)
    return Http(MemoryServer(app))


def expected(history: str, version: str) -> str:
    """Find the answer of a version in a history such as ``"2.9.4: 404; 4.21.0: 405 GET"``."""
    answers = dict(entry.split(": ", 1) for entry in history.split("; "))
    return answers[[since for since in answers if SEEN.index(since) <= SEEN.index(version)][-1]]


def said(response: Response, api_prefix: str) -> str:
    """Give the status, and which method is allowed, where to go on, or what is wrong."""
    text = response.header("allow") or (response.header("location") or "").removeprefix("http://fake.test")
    if api_prefix:
        text = text.replace(api_prefix, "P")
    if not text and response.status in (400, 403, 404) and response.body:
        detail: str = response.json["detail"]
        text = detail.partition(":")[0] if "cannot be fetched" in detail else detail
    return f"{response.status} {'' if text == 'Not Found' else text}".strip()


@pytest.mark.parametrize(
    ("version", "auth"),
    # 4.0.2 was not seen with a login.
    [(version, auth) for version in SEEN for auth in (None, {"ali": "x"}) if auth is None or version != "4.0.2"],
)
def test_each_route_is_there_from_its_version_on(version: str, auth: dict[str, str] | None) -> None:
    http = made(version, auth=auth)
    prefix = http.server.app.profile.api_prefix
    for request, histories in ANSWERS.items():
        history = histories[auth is not None]
        method, path, *body = request.split(" ", 2)
        if method == "POST":
            sent = "".join(body).encode()
            response = http.request(method, path.replace("P/", f"{prefix}/"), body=sent, headers=JSON)
        else:
            response = http.start(method, path.replace("P/", f"{prefix}/"))
        assert f"{request} -> {said(response, prefix)}" == f"{request} -> {expected(history, version)}"


def test_the_token_of_a_login_can_be_read_again() -> None:
    http = made("6.31.0", auth={"ali": "x"})
    form = [("content-type", "application/x-www-form-urlencoded")]
    cookie = http.request("POST", "/login", body=b"username=ali&password=x", headers=form).header("set-cookie") or ""
    pair = cookie.partition(";")[0]
    asked = http.request("GET", "/gradio_api/token", headers=[("cookie", f"other=1; {pair}")]).json
    assert asked == {"token": pair.partition("=")[2], "user": "ali"}
    wrong = http.request("GET", "/gradio_api/token", headers=[("cookie", f"{pair}x")]).json
    assert wrong == {"token": f"{pair.partition('=')[2]}x", "user": None}


@pytest.mark.parametrize(("query", "others"), [("", None), ("?all_session=true", None), ("?all_session=0", "ali")])
def test_a_logout_may_be_for_one_session(query: str, others: str | None) -> None:
    http = made("6.31.0", auth={"ali": "x"})
    form = [("content-type", "application/x-www-form-urlencoded")]

    def enter() -> list[tuple[str, str]]:
        response = http.request("POST", "/login", body=b"username=ali&password=x", headers=form)
        return [("cookie", (response.header("set-cookie") or "").partition(";")[0])]

    mine, other = enter(), enter()
    http.request("GET", f"/logout{query}", headers=mine)
    users = [http.request("GET", "/gradio_api/user", headers=headers).json for headers in (mine, other)]
    assert users == [None, others]


def test_what_is_no_yes_and_no_no_is_refused() -> None:
    response = made("6.31.0").request("GET", "/logout?all_session=maybe")
    assert (response.status, response.json["detail"][0]["type"]) == (422, "bool_parsing")
    assert made("4.44.1").request("GET", "/logout?all_session=maybe").status == 302


def test_a_monitoring_tool_is_told_how_the_calls_went() -> None:
    app = demo_app()
    http = Http(MemoryServer(app))
    assert http.request("GET", "/monitoring/summary").json == {"functions": {}}
    for index, data in ((app.named("/slow").index, ["x", 3]), (app.named("/slow").index, ["x", 1])):
        http.join(index, data)
    http.join(app.named("/fail").index, ["x"], "other")
    http.server.advance(10)
    waiting = app.named("/slow").index
    http.join(waiting, ["x", 5], "third")
    assert http.request("POST", "/gradio_api/run/echo", value={"data": ["not in the queue"]}).status == 200
    summary = http.request("GET", "/monitoring/summary")
    assert summary.body.startswith(b'{"functions":{"fail":{"success_rate":0.0,"process_time_percentiles":{"50th":')
    slow = summary.json["functions"]["slow"]
    assert slow["success_rate"] == 1
    assert slow["process_time_percentiles"] == {"50th": 2, "90th": pytest.approx(2.8), "99th": pytest.approx(2.98)}
    assert slow["total_requests"] == 3
    app.restart()
    assert Http(http.server).request("GET", "/monitoring/summary").json == {"functions": {}}


def test_a_queue_without_an_end_of_any_event_has_no_rate() -> None:
    app = demo_app()
    http = Http(MemoryServer(app))
    http.join(app.named("/slow").index, ["x", 3], "first")
    event_id = http.join(app.named("/slow").index, ["x", 3])  # it waits
    assert http.request("GET", "/monitoring/summary").json == {"functions": {}}
    body = {"session_hash": "s", "fn_index": app.named("/slow").index, "event_id": event_id}
    http.request("POST", "/gradio_api/cancel", value=body)
    assert http.request("GET", "/monitoring/summary").json["functions"]["slow"]["success_rate"] is None


def test_a_component_has_no_function_to_call() -> None:
    http = made("6.31.0")
    for body, status in (
        (b'{"session_hash":"x","component_id":true,"fn_name":"f","data":null}', 500),
        (b'{"session_hash":"x","component_id":-1,"fn_name":"f","data":null}', 500),
        (b"[]", 400),
        (b"{cut", 500),
    ):
        assert http.request("POST", "/gradio_api/component_server", body=body, headers=JSON).status == status


def test_a_web_socket_has_no_other_path() -> None:
    assert made("3.50.2").request("POST", "/queue/join/", value={}).status == 404
