"""The control API: what tests in other languages do with the fake server, over HTTP."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any

import pytest
import trio

from gradproto_fake_server import FAULTS, Completed, FakeApp, FakeHub, FakeServer, MemoryHub, MemoryServer, demo_app
from gradproto_fake_server.trio import open_memory_server

from .old_wire import Socket
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


def test_health_tells_what_is_played(app: FakeApp, server: MemoryServer, http_client: Http) -> None:
    http_client.request("POST", "/nothing", body=b"")
    http_client.start("GET", "/gradio_api/heartbeat/s")
    server.advance(3)
    assert control(server, "GET", "health").json == {
        "status": "ok",
        "gradio": "6.31.0",
        "title": "gradproto demo",
        "now": 3.0,
        "started_at": 1_750_000_000.0,
        "uptime": 3.0,
        "app_id": str(app.app_id),
        "endpoints": 11,
        "requests": 2,
        "open_streams": 1,
        "complaints": ["#1 POST /nothing: 404 Not Found"],
    }


def test_requests_are_told_without_secrets(server: MemoryServer) -> None:
    value = {"data": ["a"], "fn_index": ECHO, "session_hash": "s", "oauth_token": "hf_secret"}
    headers = [("authorization", "Bearer hf_secret"), ("cookie", "access=hf_secret"), ("x-mine", "1")]
    headers += [("X-IP-Token", "hf_secret"), ("x-zerogpu-token", "hf_secret")]
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
        (
            "GET",
            "nothing",
            None,
            404,
            "there is no 'nothing' here; there are advance, endpoints, faults, health, hold, jobs, r",
        ),
        ("GET", "advance", None, 405, "'advance' takes POST, not GET"),
        ("POST", "advance", {"seconds": -1}, 400, "'seconds' is a number from 0 to 1e+07, not -1"),
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
        ("GET", "requests/7", None, 404, "there is no request 7, or it was forgotten"),
        ("GET", "status?since=-1", None, 400, "'since' is the number of a request, not '-1'"),
        ("GET", "status?open_at=x", None, 400, "'open_at' is a time in seconds, not 'x'"),
        ("POST", "hold", {}, 400, "either an 'endpoint' or a 'job'"),
        ("POST", "hold", {"endpoint": 1}, 400, "either an 'endpoint' or a 'job', which are texts"),
        ("POST", "hold", {"endpoint": "/echo", "job": "1"}, 400, "either an 'endpoint' or a 'job'"),
        ("POST", "hold", {"endpoint": "/nothing"}, 404, "there is no endpoint '/nothing'"),
        ("POST", "release", {"job": "1"}, 404, "there is no job '1', or it is over"),
        ("POST", "step", {"endpoint": "/echo"}, 404, "no job of /echo yet"),
        ("POST", "step", {"endpoint": "/echo", "steps": 0}, 400, "'steps' is a number from 1 to 1000000, not 0"),
        ("POST", "step", {"endpoint": "/echo", "steps": True}, 400, "'steps' is a number from 1 to 1000000, not True"),
    ],
)
def test_what_cannot_be_done_is_refused(
    app: FakeApp, server: MemoryServer, method: str, path: str, value: Any, status: int, said: str
) -> None:
    response = control(server, method, path, value)
    assert response.status == status
    assert said in response.json["error"]
    assert not app.faults


@pytest.mark.parametrize("body", [b"[" * 101 + b"]" * 101, b'{"a":' * 101 + b"1" + b"}" * 101, b"[" * 100_000])
def test_a_body_of_too_many_levels_is_refused(server: MemoryServer, body: bytes) -> None:
    value = b'{"name":"extra fields","values":{"fields":' + body + b"}}"
    assert control(server, "POST", "faults", body=value).status == 400
    assert control(server, "GET", "faults").json["faults"] == []


def test_a_body_that_is_no_json_is_refused(server: MemoryServer) -> None:
    assert control(server, "POST", "advance", body=b"{").json == {"error": "the body is no JSON"}


# -- what happens now


def test_the_status_tells_briefly_what_is_new_and_what_was_open(server: MemoryServer, http_client: Http) -> None:
    http_client.join(SLOW, ["a", 60.0])
    stream = Http(server)
    stream.start("GET", "/gradio_api/queue/data?session_hash=s")
    status = control(server, "GET", "status").json
    join, data = status["changed"]
    assert (join["number"], join["end"], data["number"], data["end"]) == (1, "complete", 2, "open")
    assert "headers" not in join
    assert (status["oldest"], status["newest"], status["left_out"]) == (1, 2, 0)
    server.advance(60)
    assert stream.more().whole
    later = control(server, "GET", f"status?since=2&open_at={status['now']}").json
    assert [(record["number"], record["end"]) for record in later["changed"]] == [(1, "complete"), (2, "complete")]
    assert control(server, "GET", f"status?since=2&open_at={later['now'] + 1}").json["changed"] == []


def test_the_status_leaves_out_what_is_too_much_for_every_second(server: MemoryServer, http_client: Http) -> None:
    for _ in range(501):
        http_client.request("GET", "/nothing")
    status = control(server, "GET", "status").json
    assert [record["number"] for record in status["changed"]] == list(range(2, 502))
    assert status["left_out"] == 1
    assert (len(status["complaints"]), status["complaint_count"]) == (100, 501)
    assert status["complaints"][-1].startswith("#501 ")


def test_the_status_leaves_out_old_faults_that_are_spent(app: FakeApp, server: MemoryServer) -> None:
    app.inject("crash", times=None)
    for _ in range(102):
        app.inject("bom", times=0)
    ids = [fault["id"] for fault in control(server, "GET", "status").json["faults"]]
    assert ids == [1, *range(4, 104)]
    assert len(control(server, "GET", "faults").json["faults"]) == 103


def test_the_app_of_a_space_is_controlled_at_the_address_of_the_space() -> None:
    hub = FakeHub()
    hub.add_user("ann")
    hub.add_space("ann/app", app=lambda: demo_app(control=True))
    server = MemoryHub(hub)
    client = Http(server, hub.space("ann/app").host)
    client.request("GET", "/config")
    for _ in range(2):
        status = client.request("GET", "/__gradproto__/status").json
        assert [(record["number"], record["kind"]) for record in status["changed"]] == [(1, "config")]
        assert (status["oldest"], status["newest"]) == (1, 1)


def test_what_was_forgotten_is_older_than_the_oldest(app: FakeApp, server: MemoryServer, http_client: Http) -> None:
    http_client.request("GET", "/config")
    http_client.request("GET", "/config")
    app.reset_journal()
    status = control(server, "GET", "status").json
    assert (status["oldest"], status["newest"], status["changed"]) == (3, 2, [])


def test_who_looks_on_does_not_change_the_numbers_of_requests(app: FakeApp, server: MemoryServer) -> None:
    control(server, "GET", "status")
    Http(server).request("GET", "/config")
    assert [record.number for record in app.requests] == [1]


def test_the_bytes_of_a_request_are_counted(server: MemoryServer, http_client: Http) -> None:
    before = control(server, "GET", "requests/1")
    assert before.status == 404
    value = {"data": ["a"], "fn_index": ECHO, "session_hash": "s"}
    http_client.request("POST", JOIN, value=value)
    record = control(server, "GET", "requests/1").json
    assert record["received"] == len(json.dumps(value))
    stream = http_client.stream()
    record = control(server, "GET", "requests/2").json
    # What is said, a frame for each message, the last one, and a head.
    frames = [b"data: " + json.dumps(message).encode() for message in stream.messages]
    assert len(frames) * 5 + len(stream.body) < record["sent"] < len(frames) * 10 + len(stream.body) + 300
    assert record["received"] == 0


def test_a_restart_begins_the_uptime_anew(app: FakeApp, server: MemoryServer) -> None:
    server.advance(5)
    before = control(server, "GET", "health").json
    app.restart()
    server.advance(2)
    health = control(server, "GET", "health").json
    assert (health["now"], health["uptime"]) == (7.0, 2.0)
    assert health["app_id"] != before["app_id"]


def test_endpoints_are_told_with_their_components(app: FakeApp, server: MemoryServer) -> None:
    app.hold("/count")
    told = {endpoint["name"]: endpoint for endpoint in control(server, "GET", "endpoints").json["endpoints"]}
    assert told["/add"] == {
        "name": "/add",
        "fn_index": 1,
        "description": "",
        "parameters": [
            {"name": "a", "label": "a", "component": "Number", "type": "float", "hidden": False},
            {"name": "b", "label": "b", "component": "Number", "type": "float", "hidden": False},
        ],
        "returns": [{"label": "sum", "component": "Number", "type": "float", "hidden": False}],
        "queue": True,
        "generates": False,
        "visibility": "public",
        "concurrency_limit": None,
        "cancels": [],
        "held": False,
        "runs": 0,
        "average": None,
    }
    assert [told["/count"]["generates"], told["/count"]["held"], told["/now_upper"]["queue"]] == [True, True, False]
    assert [parameter["hidden"] for parameter in told["/incr"]["parameters"]] == [True]
    assert told["/secret"]["visibility"] == "private"


def test_jobs_are_told_held_stepped_and_let_go(app: FakeApp, server: MemoryServer, http_client: Http) -> None:
    assert control(server, "POST", "hold", {"endpoint": "/count"}).json == {"held": {"endpoint": "/count"}}
    event_id = http_client.join(COUNT, [3])
    (job,) = control(server, "GET", "jobs").json["jobs"]
    assert job == {
        "id": event_id,
        "endpoint": "/count",
        "session_hash": "s",
        "state": "held",
        "began": 0.0,
        "outputs": 0,
    }
    assert control(server, "GET", "status").json["held"] == ["/count"]
    assert control(server, "POST", "step", {"job": event_id}).status == 200
    assert control(server, "POST", "step", {"endpoint": "/count"}).status == 200
    assert control(server, "GET", "jobs").json["jobs"][0]["outputs"] == 2
    assert control(server, "POST", "release", {"job": event_id}).json == {"released": {"job": event_id}}
    assert control(server, "GET", "jobs").json == {"jobs": []}
    other = http_client.join(COUNT, [1], "t")
    assert app.jobs[other].state == "held"
    control(server, "POST", "release", {"endpoint": "/count"})
    assert app.jobs[other].state == "completed"


def test_a_job_that_runs_can_be_held(app: FakeApp, server: MemoryServer, http_client: Http) -> None:
    event_id = http_client.join(SLOW, ["a", 1.0])
    waiting = http_client.join(SLOW, ["b", 1.0])
    assert [job["state"] for job in control(server, "GET", "jobs").json["jobs"]] == ["sleeping", "queued"]
    assert control(server, "GET", "jobs").json["jobs"][1]["began"] is None
    control(server, "POST", "hold", {"job": event_id})
    server.advance(10)
    assert [app.jobs[event_id].state, app.jobs[waiting].state] == ["held", "queued"]


def test_what_has_yet_to_say_its_endpoint_is_a_job_of_none() -> None:
    app = demo_app("3.4.1", control=True)
    server = MemoryServer(app)
    socket = Socket(server)
    assert "send_data" in socket.kinds
    (job,) = control(server, "GET", "jobs").json["jobs"]
    assert (job["endpoint"], job["state"], job["began"]) == (None, "queued", None)
    (record,) = app.requests
    before = (record.received, record.sent)
    socket.send({"fn_index": ECHO, "data": ["a"], "session_hash": "s"})
    assert (record.received > before[0] == 0, record.sent > before[1] > 0) == (True, True)


def test_faults_that_the_program_made_are_told_and_called_off_too(app: FakeApp, server: MemoryServer) -> None:
    app.inject("crash", "GET */config", times=None)
    assert control(server, "POST", "faults", {"name": "bom"}).json == {"id": 1}
    told = control(server, "GET", "faults").json["faults"]
    assert [(fault["id"], fault["name"], fault["family"]) for fault in told] == [
        (2, "crash", "answer"),
        (1, "bom", "stream"),
    ]
    control(server, "DELETE", "faults/2")
    assert [fault["id"] for fault in control(server, "GET", "faults").json["faults"]] == [1]
    assert len(app.faults) == 1
    app.faults.clear()
    assert control(server, "GET", "status").json["faults"] == []


# -- what clients send


@pytest.mark.parametrize("levels", [1, 50, 600, 900])
def test_a_body_of_many_levels_is_told_as_far_as_can_be(server: MemoryServer, http_client: Http, levels: int) -> None:
    body = b'{"data":' + b"[" * levels + b"]" * levels + b',"fn_index":0,"session_hash":"s"}'
    http_client.request("POST", JOIN, body=body, headers=[("content-type", "application/json")])
    (record,) = control(server, "GET", "requests").json["requests"]
    assert json.dumps(record["body"]).count("[") == min(levels, 99)


def test_text_that_cannot_be_encoded_and_numbers_that_are_none_are_told(server: MemoryServer) -> None:
    body = b'{"data":["\\ud800",NaN,1e999],"fn_index":0,"session_hash":"\\udfff"}'
    Http(server).request("POST", JOIN, body=body, headers=[("content-type", "application/json")])
    (record,) = control(server, "GET", "requests").json["requests"]
    assert record["body"]["data"] == ["\ud800", None, None]
    assert control(server, "GET", "status").json["changed"][0]["session_hash"] == "\udfff"


# -- browsers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://fake.test:3000"},
        {"origin": "http://fake.test.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://fake.test"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "value"),
    [("POST", "faults", {"name": "bom"}), ("DELETE", "faults", None), ("POST", "reset/all", None)],
)
def test_a_foreign_page_controls_nothing(
    app: FakeApp, server: MemoryServer, headers: dict[str, str], method: str, path: str, value: Any
) -> None:
    app.inject("crash", "GET /other", times=None)
    response = control(server, method, path, value, headers=headers.items())
    assert response.status == 403
    assert "may not control this server" in response.json["error"]
    assert len(app.faults) == 1


def test_a_foreign_page_can_read_nothing(server: MemoryServer) -> None:
    headers = [("origin", "http://localhost:3000")]
    app = Http(server).request("GET", "/config", headers=headers)
    assert app.header("access-control-allow-credentials") == "true"  # that, Gradio does
    for path in ("", "health", "requests"):
        response = control(server, "GET", path, headers=headers)
        assert response.status == 200
        assert not [name for name, _ in response.headers if name.startswith("access-control-")]
        assert response.header("cross-origin-resource-policy") == "same-origin"
        assert response.header("x-content-type-options") == "nosniff"
    preflight = [*headers, ("access-control-request-method", "DELETE")]
    response = control(server, "OPTIONS", "faults", headers=preflight)
    assert response.status == 403
    assert not [name for name, _ in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://fake.test"},
        {"origin": "http://FAKE.test"},
        {"origin": "https://proxy.example:8443", "x-forwarded-host": "proxy.example:8443"},
        {"origin": "https://proxy.example", "x-forwarded-host": "Proxy.example, inner"},
        {"origin": "http://proxy.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_its_own_page_and_programs_control_it(server: MemoryServer, headers: dict[str, str]) -> None:
    assert control(server, "POST", "faults", {"name": "bom"}, headers=headers.items()).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.com", 403),
        ("evil.com:7860", 403),
        ("evil.com.", 403),
        ("127.0.0.1.evil.com", 403),
        ("localhost.evil.com", 403),
        ("localhost", 200),
        ("LOCALHOST:7860", 200),
        ("app.localhost:7860", 200),
        ("127.0.0.1:7860", 200),
        ("192.168.1.7", 200),
        ("[::1]:7860", 200),
        ("fake-gradio:7860", 200),
        ("host.docker.internal", 200),
        ("", 200),
    ],
)
def test_a_name_that_a_stranger_could_have_made_lead_here_is_refused(
    server: MemoryServer, host: str, status: int
) -> None:
    connection = server.connect()
    connection.receive_data(b"GET /__gradproto__/requests HTTP/1.1\r\nHost: %b\r\n\r\n" % host.encode())
    assert connection.data_to_send().startswith(b"HTTP/1.1 %d " % status)


def test_the_page_may_load_nothing_from_elsewhere(server: MemoryServer) -> None:
    response = control(server, "GET", "")
    assert (response.status, response.header("content-type")) == (200, "text/html; charset=utf-8")
    policy = response.header("content-security-policy") or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy
    assert "unsafe" not in policy
    assert not re.findall(rb"(?:src|href|action)=[\"'](?!data:|#)", response.body)
    assert control(server, "HEAD", "").body == b""


def test_the_page_is_found_without_its_slash(app: FakeApp, server: MemoryServer) -> None:
    response = Http(server).request("GET", "/__gradproto__")
    assert (response.status, response.header("location")) == (307, "__gradproto__/")
    assert not app.requests


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


def test_a_fault_that_is_made_over_http_strikes_streams_that_are_open(app: FakeApp, server: MemoryServer) -> None:
    app.hold("/echo")
    http = Http(server)
    http.join(ECHO, ["a"])
    http.stream()
    assert control(server, "POST", "faults", {"name": "failure", "values": {"text": "struck"}}).status == 200
    app.release("/echo")
    server.advance(1)
    (completed,) = [message for message in http.more().messages if message["msg"] == "process_completed"]
    assert completed["output"]["error"] == "struck"
