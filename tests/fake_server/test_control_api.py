"""The control API: what tests in other languages do with the fake server, over HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
import trio

from gradproto_fake_server import FAULTS, Completed, FakeApp, FakeServer, MemoryServer, demo_app
from gradproto_fake_server.trio import open_memory_server

from .wire import Http, Response, multipart

ECHO, SLOW, COUNT, UPPER = 0, 2, 3, 5
JOIN = "/gradio_api/queue/join"


@pytest.fixture
def app() -> FakeApp:
    return demo_app(control=True)


@pytest.fixture
def server(app: FakeApp) -> MemoryServer:
    return MemoryServer(app)


@pytest.fixture
def http_client(server: MemoryServer) -> Http:
    return Http(server)


def control(server: MemoryServer, method: str, path: str, value: Any = None, **options: Any) -> Response:
    return Http(server).request(method, f"/__gradproto__/{path}", value=value, **options)


def test_it_is_off_unless_it_is_asked_for() -> None:
    response = control(MemoryServer(demo_app()), "GET", "health")
    assert (response.status, response.json) == (404, {"detail": "Not Found"})


def test_health_tells_what_is_played(server: MemoryServer, http_client: Http) -> None:
    http_client.request("POST", "/nothing", body=b"")
    http_client.start("GET", "/gradio_api/heartbeat/s")
    server.advance(3)
    assert control(server, "GET", "health").json == {
        "status": "ok",
        "gradio": "6.31.0",
        "now": 3.0,
        "requests": 2,
        "open_streams": 1,
        "complaints": ["#1 POST /nothing: 404 Not Found"],
    }


def test_requests_are_told_without_secrets(server: MemoryServer) -> None:
    value = {"data": ["a"], "fn_index": ECHO, "session_hash": "s", "oauth_token": "hf_secret"}
    headers = [("authorization", "Bearer hf_secret"), ("cookie", "access=hf_secret"), ("x-mine", "1")]
    Http(server).request("POST", f"{JOIN}?__sign=hf_secret&x=1", value=value, headers=headers)
    response = control(server, "GET", "requests")
    assert b"hf_secret" not in response.body
    (record,) = response.json["requests"]
    assert record["kind"] == "join"
    assert record["query"] == "__sign=***&x=1"
    assert record["body"] == {**value, "oauth_token": "***"}
    assert ["authorization", "***"] in record["headers"]
    assert ["x-mine", "1"] in record["headers"]
    assert (record["status"], record["end"], record["fault"], record["session_hash"]) == (200, "complete", None, "s")


def test_requests_are_told_by_kind_and_from_a_number_on(server: MemoryServer, http_client: Http) -> None:
    http_client.request("GET", "/config")
    http_client.join(ECHO, ["a"])
    http_client.join(ECHO, ["b"])
    numbers = [record["number"] for record in control(server, "GET", "requests?kind=join&since=2").json["requests"]]
    assert numbers == [3]
    assert control(server, "GET", "requests?kind=cancel").json["requests"] == []


def test_what_controls_is_in_no_log_and_meets_no_faults(app: FakeApp, server: MemoryServer) -> None:
    app.inject("crash", times=None)
    assert control(server, "GET", "health").status == 200
    assert not app.requests
    app.assert_strict()


def test_faults_are_made_told_and_called_off(app: FakeApp, server: MemoryServer, http_client: Http) -> None:
    made = {"name": "answer", "pattern": "GET */config", "times": None, "values": {"status": 418, "body": "tea"}}
    assert control(server, "POST", "faults", made).json == {"id": 1}
    assert control(server, "POST", "faults", {"name": "bom", "endpoint": "/echo", "after": 2}).json == {"id": 2}
    response = http_client.request("GET", "/config")
    assert (response.status, response.body) == (418, b"tea")
    told = control(server, "GET", "faults").json
    assert [(fault["id"], fault["name"], fault["met"]) for fault in told["faults"]] == [(1, "answer", 1), (2, "bom", 0)]
    assert told["faults"][0]["values"]["body"] == "tea"
    assert set(told["table"]) == set(FAULTS)
    assert told["table"]["late"]["values"] == {"seconds": 5.0}
    assert control(server, "DELETE", "faults/1").json["id"] == 1
    assert http_client.request("GET", "/config").status == 200
    assert control(server, "DELETE", "faults").json == {"faults": []}
    assert not app.faults


def test_the_clock_is_moved(server: MemoryServer, http_client: Http) -> None:
    http_client.join(SLOW, ["a", 60.0])
    response = http_client.stream()
    assert not response.whole
    assert control(server, "POST", "advance", {"seconds": 60}).json == {"now": 60.0}
    assert "process_completed" in http_client.more().kinds


def test_the_journal_alone_can_be_reset(app: FakeApp, server: MemoryServer, http_client: Http) -> None:
    app.inject("bom")
    http_client.join(ECHO, ["a"])
    http_client.request("POST", "/nothing", body=b"")
    assert control(server, "POST", "reset/journal").json == {"reset": "journal"}
    assert (list(app.requests), app.complaints) == ([], [])
    assert app.faults
    assert http_client.stream().body.startswith(b"\xef\xbb\xbf")


def test_everything_can_be_reset(app: FakeApp, server: MemoryServer) -> None:
    app.inject("crash", times=None, after=100)
    app.script("/echo", [Completed("b")], times=None)
    app.hold("/count")
    other = Http(server)
    form = [("content-type", "multipart/form-data; boundary=the-boundary")]
    body = multipart([("files", "a.txt", b"x")])
    (path,) = other.request("POST", "/gradio_api/upload", body=body, headers=form).json
    other.join(COUNT, [1])
    other.stream()
    server.advance(5)
    assert control(server, "POST", "reset/all").json == {"reset": "all"}
    assert other.more().kinds == ["estimation", "process_starts"]
    assert other.connection.closed
    assert (len(app.faults), list(app.requests), app.jobs, app.now) == (0, [], {}, 5.0)
    fresh = Http(server)
    assert fresh.request("GET", f"/gradio_api/file={path}").status == 403
    fresh.join(ECHO, ["a"])
    assert fresh.stream().messages[-2]["output"]["data"] == ["a"]
    fresh.join(COUNT, [1], "t")
    assert fresh.stream("t").whole


@pytest.mark.parametrize(
    ("method", "path", "value", "status", "said"),
    [
        ("GET", "nothing", None, 404, "there is no 'nothing' here; there are advance, faults, health, requests"),
        ("GET", "advance", None, 405, "'advance' takes POST, not GET"),
        ("POST", "advance", {"seconds": -1}, 400, "'seconds' is a number from 0 to 1e+09, not -1"),
        ("POST", "advance", {"seconds": True}, 400, "'seconds' is a number"),
        ("POST", "advance", {}, 400, "'seconds' is a number"),
        ("POST", "advance", [], 400, "the body is no JSON object"),
        ("POST", "faults", {"name": "hangs"}, 400, "no fault is called 'hangs'; did you mean 'hang'"),
        ("POST", "faults", {}, 400, "'name' and 'pattern' of a fault are texts"),
        ("POST", "faults", {"name": "hang", "often": 1}, 400, "a fault has no 'often'"),
        ("POST", "faults", {"name": "hang", "times": "1"}, 400, "'times' of a fault is a number of requests, not '1'"),
        ("POST", "faults", {"name": "hang", "after": -1}, 400, "'after' of a fault is a number of requests, not -1"),
        ("POST", "faults", {"name": "hang", "endpoint": 1}, 400, "'endpoint' of a fault is a text, not 1"),
        ("POST", "faults", {"name": "hang", "values": 1}, 400, "'values' of a fault is an object"),
        ("POST", "faults", {"name": "late", "values": {"seconds": "1"}}, 400, "of the kind of 5.0, not '1'"),
        ("POST", "faults", {"name": "late", "values": {"seconds": -1}}, 400, "is -1, which is less than nothing"),
        ("POST", "faults", {"name": "answer", "values": {"status": 99}}, 400, "from 200 to 599, not 99"),
        ("POST", "faults", {"name": "answer", "values": {"headers": ["a"]}}, 400, "headers are pairs"),
        ("POST", "faults", {"name": "answer", "values": {"headers": [["a", 1]]}}, 400, "headers are texts, not 1"),
        ("POST", "faults", {"name": "redirect", "values": {"location": "a\r\nb"}}, 400, "cannot be in a header"),
        ("POST", "faults", {"name": "missing fields", "values": {"fields": [1]}}, 400, "names of fields"),
        ("POST", "faults", {"name": "failure", "values": {"text": 1}}, 400, "a text or None, not 1"),
        ("DELETE", "faults/7", None, 404, "there is no fault 7"),
        ("GET", "requests?since=x", None, 400, "'since' is the number of a request, not 'x'"),
    ],
)
def test_what_cannot_be_done_is_refused(
    app: FakeApp, server: MemoryServer, method: str, path: str, value: Any, status: int, said: str
) -> None:
    response = control(server, method, path, value)
    assert response.status == status
    assert said in response.json["error"]
    assert not app.faults


def test_a_body_that_is_no_json_is_refused(server: MemoryServer) -> None:
    assert control(server, "POST", "advance", body=b"{").json == {"error": "the body is no JSON"}


# -- the shells


def test_the_clock_of_a_server_with_a_thread_is_moved() -> None:
    with FakeServer(demo_app(control=True)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", "/__gradproto__/advance", body=json.dumps({"seconds": 1000}))
        assert json.loads(connection.getresponse().read())["now"] >= 1000
        connection.request("GET", "/__gradproto__/health")
        assert json.loads(connection.getresponse().read())["now"] >= 1000
        connection.request("POST", "/__gradproto__/reset/all")
        assert json.loads(connection.getresponse().read()) == {"reset": "all"}
        connection.close()


def test_the_clock_of_a_server_in_trio_is_moved() -> None:
    async def main() -> None:
        app = demo_app(control=True)
        async with open_memory_server(app) as network:
            stream = await network.connect()
            body = b'{"seconds":1000}'
            head = f"POST /__gradproto__/advance HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            await stream.send_all(head.encode() + body)
            answer = await stream.receive_some(1000)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            await network.wait_for(lambda app: app.now >= 1000)

    trio.run(main)
