"""What tests assert of the log, and what the fake server has to say about requests that a real one refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from gradproto_fake_server import FakeApp, FakeServer, MemoryServer, demo_app
from gradproto_fake_server.trio import open_memory_server
from gradproto_transports.sync import Client

from .old_wire import VERSIONS
from .wire import Http

ECHO, COUNT = 0, 3
JOIN = "/gradio_api/queue/join"


@pytest.fixture
def app() -> FakeApp:
    return demo_app()


@pytest.fixture
def http(app: FakeApp) -> Http:
    return Http(MemoryServer(app))


# -- what was asked for


def test_requests_of_a_kind_are_given(app: FakeApp, http: Http) -> None:
    http.join(ECHO, ["a"])
    http.join(ECHO, ["b"])
    assert [record.body["data"] for record in app.assert_requested("join")] == [["a"], ["b"]]
    assert app.assert_requested("join", times=2) == app.assert_requested("join", 2)
    assert app.assert_requested("cancel", times=0) == []


def test_what_was_asked_for_instead_is_told(app: FakeApp, http: Http) -> None:
    http.request("GET", "/config")
    http.join(ECHO, ["a"], "mine")
    with pytest.raises(AssertionError) as raised:
        app.assert_requested("join", times=2)
    assert str(raised.value) == (
        "2 'join' expected, got 1; all requests: 1 config, 1 join\n"
        f"  #2 POST {JOIN} (join) of session 'mine': 200, complete"
    )
    with pytest.raises(AssertionError, match="at least one 'cancel' expected, got 0; all requests: 1 config, 1 join"):
        app.assert_requested("cancel")
    with pytest.raises(AssertionError, match="all requests: none"):
        demo_app().assert_requested("join")


def test_what_may_be_secret_is_not_in_the_repr_of_a_request(app: FakeApp, http: Http) -> None:
    secret = "s3cr3t"
    headers = [("authorization", f"Bearer {secret}"), ("cookie", f"a={secret}")]
    value = {"data": [secret], "fn_index": ECHO, "session_hash": "mine"}
    http.request("POST", f"{JOIN}?token={secret}", value=value, headers=headers)
    (record,) = app.assert_requested("join")
    assert (record.query, record.body) == (f"token={secret}", value)
    assert ("authorization", f"Bearer {secret}") in record.headers
    assert "path='/gradio_api/queue/join'" in repr(record)
    assert secret not in repr(record)


def test_a_long_list_is_cut_short(app: FakeApp, http: Http) -> None:
    for _ in range(14):
        http.request("GET", "/config")
    with pytest.raises(AssertionError, match=r"#10 GET /config .*\n  \.\.\. and 4 more$"):
        app.assert_requested("config", times=1)


def test_open_requests_are_told(app: FakeApp, http: Http) -> None:
    app.assert_all_closed()
    http.start("GET", "/gradio_api/heartbeat/mine")
    with pytest.raises(AssertionError) as raised:
        app.assert_all_closed()
    assert str(raised.value) == (
        "1 request(s) are still open:\n  #1 GET /gradio_api/heartbeat/mine (heartbeat) of session 'mine': 200, open"
    )
    http.connection.close()
    app.assert_all_closed()


# -- what a real server refuses


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/queue/jion", {"value": {}}, "POST /queue/jion: 404 Not Found"),
    ("GET", JOIN, {}, f"GET {JOIN}: 405 Method Not Allowed"),
    ("POST", JOIN, {"value": {"fn_index": 0, "session_hash": "s"}}, f"POST {JOIN}: 422 body.data: Field required"),
    ("POST", JOIN, {"value": {"data": []}}, f"POST {JOIN}: 400 Session hash not found."),
    ("POST", JOIN, {"value": {"data": [], "fn_index": 99, "session_hash": "s"}}, f"POST {JOIN}: 500"),
    ("POST", JOIN, {"body": b"{"}, f"POST {JOIN}: 422"),
    ("GET", "/gradio_api/file=/etc/passwd", {}, "GET /gradio_api/file=/etc/passwd: 403 File not allowed: /etc/passwd."),
    ("GET", "/gradio_api/queue/data", {}, "GET /gradio_api/queue/data: 422 query.session_hash: Field required"),
    (
        "GET",
        "/gradio_api/queue/data?session_hash=new",
        {},
        "GET /gradio_api/queue/data: the session 'new' has not joined",
    ),
    ("POST", "/gradio_api/upload", {"body": b"x"}, "POST /gradio_api/upload: 400 Invalid content type."),
    ("POST", "/gradio_api/run/nothing", {"value": {"data": []}}, "POST /gradio_api/run/nothing: 500"),
]


@pytest.mark.parametrize(("method", "path", "options", "said"), REFUSED)
def test_a_request_that_a_real_server_refuses_is_noted(
    app: FakeApp, http: Http, method: str, path: str, options: dict[str, Any], said: str
) -> None:
    http.start(method, path, **options)
    (complaint,) = app.complaints
    assert complaint.startswith(f"#1 {said}")
    with pytest.raises(AssertionError) as raised:
        app.assert_strict()
    assert str(raised.value) == f"1 request(s) that a real server refuses:\n  {complaint}"


def test_what_is_no_http_is_noted(app: FakeApp) -> None:
    connection = MemoryServer(app).connect()
    connection.receive_data(b"hello\r\n\r\n")
    assert app.complaints == ["#1 a request: what came is no HTTP"]


def test_a_complaint_says_nothing_of_what_was_sent(app: FakeApp, http: Http) -> None:
    http.request("POST", f"{JOIN}?token=hf_secret", value={"oauth_token": "hf_secret", "data": "hf_secret"})
    assert len(app.complaints) == 1
    assert "hf_secret" not in app.complaints[0]


def good(http: Http, app: FakeApp) -> None:
    http.join(ECHO, ["a"])
    http.stream()


def failing(http: Http, app: FakeApp) -> None:
    assert http.request("POST", "/gradio_api/run/fail", value={"data": ["a"]}).status == 500


def looking(http: Http, app: FakeApp) -> None:
    assert http.request("GET", "/favicon.ico").status == 404


def with_a_fault(http: Http, app: FakeApp) -> None:
    app.inject("not found")
    assert http.request("POST", JOIN, value={}).status == 404


def forgotten(http: Http, app: FakeApp) -> None:
    http.join(ECHO, ["a"])
    app.forget_sessions()
    assert http.stream().kinds == ["unexpected_error"]


def with_a_wrong_password(http: Http, app: FakeApp) -> None:
    app.auth = {"a": "b"}
    form = [("content-type", "application/x-www-form-urlencoded")]
    assert http.request("POST", "/login", body=b"username=a&password=c", headers=form).status == 400
    assert http.request("GET", "/config").status == 401


@pytest.mark.parametrize("ask", [good, failing, looking, with_a_fault, forgotten, with_a_wrong_password])
def test_what_is_nobody_s_mistake_is_not_noted(app: FakeApp, http: Http, ask: Callable[[Http, FakeApp], None]) -> None:
    ask(http, app)
    app.assert_strict()


# -- the shells


@pytest.mark.parametrize("version", VERSIONS)
def test_our_own_client_asks_for_nothing_that_is_refused(version: str) -> None:
    with FakeServer(demo_app(version)) as server:
        with Client(server.url) as client:
            client.view_api(print_info=False)
            assert client.predict("a", api_name="/predict" if server.app.profile.one_function else "/echo") == "a"
            if server.app.profile.generators:
                job = client.submit(3, api_name="/count")
                assert job.final() == "n=2"
        server.wait_for(lambda app: all(record.ended is not None for record in app.requests))
        server.assert_strict()
        assert server.complaints == []
        server.assert_all_closed()
        server.assert_requested("config", times=1)


def test_all_shells_tell_the_same() -> None:
    async def main() -> None:
        async with open_memory_server(demo_app()) as network:
            stream = await network.connect()
            await stream.send_all(b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            await network.wait_for(lambda app: app.complaints)
            said.append((network.complaints, len(network.assert_requested("unknown", 1))))
            network.assert_all_closed()
            with pytest.raises(AssertionError):
                network.assert_strict()

    said: list[tuple[list[str], int]] = []
    trio.run(main)
    server = MemoryServer(demo_app())
    Http(server).request("POST", "/nothing", body=b"")
    said.append((server.complaints, len(server.assert_requested("unknown", 1))))
    server.assert_all_closed()
    with pytest.raises(AssertionError):
        server.assert_strict()
    assert said == [(["#1 POST /nothing: 404 Not Found"], 1)] * 2
