"""What each fault does to the messages of a stream: over memory, to the message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gradproto_fake_server import FakeApp, MemoryServer, demo_app

from .old_wire import Socket, index_of, socket_call
from .wire import Http, Response

ECHO, SLOW, COUNT = 0, 2, 3
NORMAL = ["estimation", "process_starts", "process_completed", "close_stream"]


@pytest.fixture
def app() -> FakeApp:
    return demo_app()


def heard(app: FakeApp, fn_index: int = ECHO, data: Any = "a") -> Response:
    """Join, and give the stream."""
    http = Http(MemoryServer(app))
    http.join(fn_index, [data])
    return http.stream()


def test_line_separators_of_unicode_come_as_they_are(app: FakeApp) -> None:
    app.inject("line separators")
    response = heard(app)
    assert response.kinds == NORMAL
    assert response.body.count("a\x85b\u2028c\u2029d".encode()) == 3


def test_the_place_in_the_queue_gets_worse(app: FakeApp) -> None:
    app.inject("rank up", by=5)
    first, second, *_ = heard(app).messages
    assert (first["rank"], second["rank"], second["queue_size"]) == (0, 5, 6)


def test_unknown_messages_come(app: FakeApp) -> None:
    app.inject("unknown message", msg="news")
    assert heard(app).kinds == ["news", NORMAL[0], "news", NORMAL[1], "news", NORMAL[2], NORMAL[3]]


def test_messages_of_a_foreign_event_come(app: FakeApp) -> None:
    app.inject("foreign event")
    response = heard(app)
    ids = [message["event_id"] for message in response.messages[:-1]]
    own = next(iter(app.jobs))
    assert ids == ["f" * 32, own] * 3
    assert response.whole


def test_fields_are_missing(app: FakeApp) -> None:
    app.inject("missing fields")
    estimation, starts, completed, _ = heard(app).messages
    assert set(estimation) == set(starts) == {"msg", "event_id"}
    assert {"success", "title"}.isdisjoint(completed)
    app.inject("missing fields", fields=("output",))
    assert "output" not in heard(app).messages[2]


def test_there_are_fields_that_nobody_knows(app: FakeApp) -> None:
    app.inject("extra fields", fields={"x": 1})
    assert [message.get("x") for message in heard(app).messages] == [1, 1, 1, None]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("no start", ["estimation", "process_completed", "close_stream"]),
        ("completion first", ["estimation", "process_completed", "process_starts", "close_stream"]),
        ("duplicate completion", [*NORMAL[:3], "process_completed", "close_stream"]),
    ],
)
def test_messages_come_in_another_order(app: FakeApp, name: str, kinds: list[str]) -> None:
    app.inject(name)
    response = heard(app)
    assert response.kinds == kinds
    assert response.whole


def test_the_completion_never_comes(app: FakeApp) -> None:
    app.inject("no completion")
    server = MemoryServer(app)
    http = Http(server)
    http.join(ECHO, ["a"])
    http.stream()
    server.advance(30)
    response = http.more()
    assert response.kinds == ["estimation", "process_starts", "heartbeat", "heartbeat"]
    assert not response.whole


def test_the_output_is_empty(app: FakeApp) -> None:
    app.inject("no output")
    assert heard(app).messages[2]["output"] == {}


@pytest.mark.parametrize(
    ("name", "values", "output"),
    [
        ("failure", {}, {"error": None}),
        ("failure", {"text": "no"}, {"error": "no", "duration": 10, "visible": True, "title": "Error"}),
        (
            "quota",
            {"text": "You have exceeded your GPU quota"},
            {
                "error": "You have exceeded your GPU quota",
                "duration": 10,
                "visible": True,
                "title": "ZeroGPU quota exceeded",
            },
        ),
    ],
)
def test_the_call_fails(app: FakeApp, name: str, values: dict[str, Any], output: dict[str, Any]) -> None:
    app.inject(name, **values)
    completed = heard(app).messages[2]
    assert (completed["success"], completed["output"]) == (False, output)


def test_edits_are_of_something_else(app: FakeApp) -> None:
    app.inject("wrong diff")
    _, _, first, second, third, completed, _ = heard(app, COUNT, 3).messages
    assert first["output"]["data"] == ["n=0"]
    assert second["output"] == third["output"] | {key: second["output"][key] for key in ("data",)}
    assert second["output"]["data"] == [[["append", ["no", "such", 3], "x"], ["delete", [99], None]]]
    assert completed["output"]["data"] == ["n=2"]


@pytest.mark.parametrize("for_event", [False, True])
def test_an_unexpected_error_comes(app: FakeApp, for_event: bool) -> None:
    app.inject("unexpected error", text="oh", for_event=for_event, after_messages=2)
    response = heard(app)
    error = response.messages[2]
    assert (error["msg"], error["message"], error["success"]) == ("unexpected_error", "oh", False)
    assert error["event_id"] == (next(iter(app.jobs)) if for_event else None)
    assert response.kinds[3:] == NORMAL[2:]


@pytest.mark.parametrize(
    ("version", "kind"), [("4.9.0", "server_stopped"), ("4.12.0", "unexpected_error"), ("6.31.0", "unexpected_error")]
)
def test_the_server_says_that_it_stops(version: str, kind: str) -> None:
    app = demo_app(version)
    app.inject("server stopped", repeat=3)
    server = MemoryServer(app)
    http = Http(server)
    prefix = app.profile.api_prefix
    http.request("POST", f"{prefix}/queue/join", value={"data": ["a"], "fn_index": 0, "session_hash": "s"})
    http.start("GET", f"{prefix}/queue/data?session_hash=s")
    server.advance(60)
    response = http.more()
    assert response.kinds == ["estimation", kind, kind, kind]
    assert not response.whole


def test_the_stream_is_said_to_be_over_early(app: FakeApp) -> None:
    app.inject("early close", after_messages=1)
    server = MemoryServer(app)
    http = Http(server)
    http.join(ECHO, ["a"])
    response = http.stream()
    assert response.kinds == ["estimation", "close_stream"]
    assert response.whole
    assert http.stream().kinds == ["process_completed", "close_stream"]


def test_the_session_is_lost(app: FakeApp) -> None:
    app.inject("session lost")
    http = Http(MemoryServer(app))
    http.join(ECHO, ["a"])
    response = http.stream()
    assert response.kinds == ["unexpected_error"]
    assert response.messages[0]["session_not_found"] is True
    assert not response.whole
    assert http.stream().kinds == ["unexpected_error"]


def test_there_are_no_heartbeats(app: FakeApp) -> None:
    app.inject("no heartbeat")
    server = MemoryServer(app)
    http = Http(server)
    http.join(SLOW, ["a", 100.0])
    http.stream()
    server.advance(100)
    assert http.more().kinds == NORMAL


def test_only_the_events_of_an_endpoint_may_be_concerned(app: FakeApp) -> None:
    app.inject("failure", endpoint="/count")
    http = Http(MemoryServer(app))
    echo = http.join(ECHO, ["a"])
    count = http.join(COUNT, [1])
    ends = {m["event_id"]: m["success"] for m in http.stream().messages if m["msg"] == "process_completed"}
    assert ends == {echo: True, count: False}


def test_faults_can_be_put_together(app: FakeApp) -> None:
    app.inject("duplicate completion")
    app.inject("unknown message")
    kinds = heard(app).kinds
    assert kinds.count("process_completed") == kinds.count("brand_new") - 2 == 2


def test_streams_for_people_with_curl_have_them_too(app: FakeApp) -> None:
    app.inject("failure", text="no")
    http = Http(MemoryServer(app))
    event_id = http.request("POST", "/gradio_api/call/echo", value={"data": ["a"]}).json["event_id"]
    body = http.start("GET", f"/gradio_api/call/echo/{event_id}").body
    assert body.startswith(b"event: error\ndata: ")
    assert json.loads(body.partition(b"data: ")[2])["error"] == "no"


# -- over WebSockets


@pytest.fixture
def old() -> MemoryServer:
    return MemoryServer(demo_app("3.50.2"))


def test_messages_over_a_websocket_are_bent_too(old: MemoryServer) -> None:
    old.app.inject("duplicate completion")
    socket = socket_call(old, index_of(old, "/echo"), ["a"])
    assert socket.kinds[-2:] == ["process_completed", "process_completed"]
    assert socket.closed_with == 1000


@pytest.mark.parametrize(("name", "code"), [("early close", 1000), ("server stopped", 1012), ("session lost", None)])
def test_a_websocket_may_end_early(old: MemoryServer, name: str, code: int | None) -> None:
    old.app.inject(name, after_messages=2)
    socket = socket_call(old, index_of(old, "/echo"), ["a"])
    assert "process_completed" not in socket.kinds
    assert (socket.closed_with, socket.cut) == (code, code is None)


def test_the_queue_of_a_websocket_may_be_full(old: MemoryServer) -> None:
    old.app.inject("queue full")
    socket = Socket(old)
    socket.send({"fn_index": 0, "session_hash": "s"})
    assert socket.kinds == ["send_hash", "queue_full"]
    assert socket.closed_with == 1000
    assert socket_call(old, 0, ["a"]).kinds[-1] == "process_completed"


@pytest.mark.parametrize(("name", "status"), [("forbidden", 403), ("cut", 0), ("sleeping", 503)])
def test_a_handshake_may_fail(old: MemoryServer, name: str, status: int) -> None:
    old.app.inject(name, "GET /queue/join")
    assert Socket(old).status == status


def test_what_is_done_to_answers_is_not_done_to_websockets(old: MemoryServer) -> None:
    fault = old.app.inject("truncate")
    assert socket_call(old, 0, ["a"]).kinds[-1] == "process_completed"
    assert fault.met == 0


# -- streams that are open already


def test_a_fault_strikes_a_stream_that_is_open() -> None:
    app = demo_app()
    http = Http(MemoryServer(app))
    app.hold("/count")
    http.join(COUNT, [2])
    response = http.stream()
    app.inject("no output")
    app.release("/count")
    http.server.settle()
    (completed,) = [m for m in http.more().messages if m["msg"] == "process_completed"]
    assert response.whole
    assert completed["output"] == {}
    assert app.requests[-1].fault == "no output"


def test_a_fault_of_an_endpoint_strikes_its_event_on_a_stream_that_others_opened() -> None:
    app = demo_app()
    server = MemoryServer(app)
    http, other = Http(server), Http(server)
    app.hold("/count")
    http.join(COUNT, [2])
    http.stream()
    fault = app.inject("failure", endpoint="/echo", text="no")
    assert fault.met == 0
    other.join(ECHO, ["a"])
    app.release("/count")
    server.settle()
    ends = [m["success"] for m in http.more().messages if m["msg"] == "process_completed"]
    assert ends == [False, True]
    assert fault.met == 1


def test_a_fault_happens_once_to_a_stream_however_often_somebody_joins() -> None:
    app = demo_app()
    server = MemoryServer(app)
    http, other = Http(server), Http(server)
    app.hold("/count")
    http.join(COUNT, [2])
    http.stream()
    passes = app.inject("no output", after=1)
    always = app.inject("extra fields", times=None)
    for _ in range(3):
        other.join(ECHO, ["a"])
    assert (passes.met, always.met) == (0, 1)
    http.connection.close()
    http.join(ECHO, ["b"], "t")
    assert Http(server).stream("t").messages[-2]["output"] == {}
    assert (passes.met, always.met) == (1, 2)


def test_a_fault_of_another_session_leaves_an_open_stream_alone() -> None:
    app = demo_app()
    http = Http(MemoryServer(app))
    app.hold("/count")
    http.join(COUNT, [2], "mine")
    http.stream("mine")
    fault = app.inject("no output", session="other")
    app.release("/count")
    http.server.settle()
    assert http.more().messages[-2]["output"]["data"]
    assert fault.met == 0
