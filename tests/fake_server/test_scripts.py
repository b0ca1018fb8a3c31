"""Scripts: an endpoint's next events say what a test wants, message by message, in each generation."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import JobCompleted, JobFailed, JobQueued, QueueEstimated, UnknownMessageReceived
from gradproto_fake_server import (
    Completed,
    Estimation,
    Failed,
    FakeApp,
    FakeFile,
    Generating,
    Hold,
    Log,
    MemoryServer,
    Progress,
    RawMessage,
    Sleep,
    Starts,
    demo_app,
)
from tests.core.joined import Network

from .old_wire import VERSIONS, call, index_of, socket_call
from .wire import Http

ECHO, COUNT = 0, 3


@pytest.fixture
def app() -> FakeApp:
    return demo_app()


@pytest.fixture
def server(app: FakeApp) -> MemoryServer:
    return MemoryServer(app)


@pytest.fixture
def http(server: MemoryServer) -> Http:
    return Http(server)


def test_an_event_says_what_its_script_says(app: FakeApp, http: Http) -> None:
    app.script(
        "/count",
        [
            Estimation(rank=2, queue_size=3, rank_eta=1.5),
            Starts(eta=4.0),
            Progress(progress=0.5),
            Log("hear"),
            Generating("a"),
            Generating("ab"),
            Completed("abc"),
        ],
    )
    event_id = http.join(COUNT, [1])
    response = http.stream()
    estimation, starts, progress, log, first, second, completed, _ = response.messages
    assert estimation == {"msg": "estimation", "event_id": event_id, "rank": 2, "queue_size": 3, "rank_eta": 1.5}
    assert (starts["eta"], progress["progress_data"][0]["progress"], log["log"]) == (4.0, 0.5, "hear")
    assert first["output"]["data"] == ["a"]
    assert second["output"]["data"] == [[["append", [], "b"]]]
    assert completed["output"]["data"] == ["abc"]
    assert response.whole


def test_a_script_takes_its_time_and_waits_at_gates(app: FakeApp, server: MemoryServer, http: Http) -> None:
    app.script("/echo", [Starts(), Sleep(10.0), Hold(), Completed("late")])
    http.join(ECHO, ["a"])
    response = http.stream()
    assert response.kinds == ["process_starts"]
    server.advance(10)
    assert http.more().kinds == ["process_starts"]
    app.job("/echo").release()
    server.settle()
    assert http.more().kinds == ["process_starts", "process_completed", "close_stream"]


@pytest.mark.parametrize(
    ("step", "output"),
    [
        (Failed(), {"error": None}),
        (Failed("no", title="Never"), {"error": "no", "duration": 10, "visible": True, "title": "Never"}),
    ],
)
def test_a_script_may_fail_the_event(app: FakeApp, http: Http, step: Failed, output: dict[str, Any]) -> None:
    app.script("/echo", [step])
    http.join(ECHO, ["a"])
    completed = http.stream().messages[0]
    assert (completed["success"], completed["output"]) == (False, output)


def test_a_script_may_say_anything(app: FakeApp, http: Http) -> None:
    app.script(
        "/echo",
        [
            RawMessage({"msg": "news", "x": ["✓"]}),
            RawMessage({"msg": "news", "event_id": None}),
            RawMessage({"msg": "process_completed", "output": {"data": ["a", "too many"]}, "success": True}),
        ],
    )
    event_id = http.join(ECHO, ["a"])
    first, second, third, _ = http.stream().messages
    assert first == {"event_id": event_id, "msg": "news", "x": ["✓"]}
    assert second == {"event_id": None, "msg": "news"}
    assert third["output"] == {"data": ["a", "too many"]}


def test_a_script_without_an_end_leaves_its_event_unfinished(app: FakeApp, server: MemoryServer, http: Http) -> None:
    app.script("/echo", [Starts()])
    http.join(ECHO, ["a"])
    response = http.stream()
    server.advance(16)
    assert http.more().kinds == ["process_starts", "heartbeat"]
    assert not response.whole


def test_scripts_follow_one_another_and_then_the_function_runs(app: FakeApp, http: Http) -> None:
    app.script("/echo", [Completed("one")])
    app.script("/echo", [Completed("two")], times=2)
    said = []
    for _ in range(4):
        http.join(ECHO, ["real"])
        said += [m["output"]["data"] for m in http.stream().messages if m["msg"] == "process_completed"]
    assert said == [["one"], ["two"], ["two"], ["real"]]
    app.script("/echo", [Completed("always")], times=None)
    for _ in range(3):
        assert http.request("POST", "/gradio_api/run/echo", value={"data": ["a"]}).json["data"] == ["always"]


def test_a_script_waits_for_no_other_event(app: FakeApp, http: Http, server: MemoryServer) -> None:
    http.join(2, ["a", 1000.0], "first")
    app.script("/slow", [Completed("b")])
    other = Http(server)
    other.join(2, ["b", 1.0], "second")
    assert other.stream("second").kinds == ["process_completed", "close_stream"]


def test_a_scripted_event_can_be_cancelled(app: FakeApp, server: MemoryServer, http: Http) -> None:
    app.script("/echo", [Starts(), Hold(), Completed("never")])
    event_id = http.join(ECHO, ["a"])
    http.stream()
    body = {"session_hash": "s", "fn_index": ECHO, "event_id": event_id}
    Http(server).request("POST", "/gradio_api/cancel", value=body)
    assert http.more().messages[1]["output"] == {}
    assert app.job("/echo").state == "cancelled"


def test_a_scripted_event_ends_with_its_stream(app: FakeApp, server: MemoryServer, http: Http) -> None:
    app.script("/echo", [Starts(), Sleep(1.0), Generating("x"), Completed("never")])
    http.join(ECHO, ["a"])
    http.stream()
    http.connection.close()
    server.advance(5)
    assert app.job("/echo").state == "dropped"


@pytest.mark.parametrize("version", VERSIONS)
def test_each_generation_has_scripts(version: str) -> None:
    server = MemoryServer(demo_app(version))
    server.app.script("/echo", [Estimation(rank=1), Starts(), Completed("scripted")])
    last = [m for m in call(server, "/echo", ["a"]) if m["msg"] == "process_completed"][-1]
    assert last["output"]["data"] == ["scripted"]


def test_a_scripted_event_is_asked_for_its_data_where_that_is_done() -> None:
    server = MemoryServer(demo_app("3.50.2"))
    server.app.script("/echo", [Starts(), Completed("b")])
    socket = socket_call(server, index_of(server, "/echo"), ["a"])
    assert socket.kinds == ["send_hash", "send_data", "process_starts", "process_completed"]
    assert server.app.job("/echo").data == ["a"]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["a"], "step 1 of the script for /echo is of type str, which is no step"),
        ([Starts(), Completed()], r"step 2 of the script for /echo has 0 output\(s\), and the endpoint has 1"),
        ([Generating("a", "b")], r"step 1 of the script for /echo has 2 output\(s\)"),
        ([Completed(FakeFile("a", b""))], "step 1 of the script for /echo is no JSON: Object of type FakeFile"),
        ([RawMessage({"x": 1})], "step 1 of the script for /echo has no 'msg'"),
    ],
)
def test_a_script_that_cannot_be_played_is_refused(app: FakeApp, steps: list[Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        app.script("/echo", steps)


def test_a_script_for_no_endpoint_is_refused(app: FakeApp) -> None:
    with pytest.raises(LookupError, match="no endpoint /nothing"):
        app.script("/nothing", [])


# -- what our client makes of it


def test_our_client_shows_what_a_script_says(app: FakeApp) -> None:
    app.script(
        "/count",
        [
            Estimation(rank=5),
            Estimation(rank=7),
            Starts(),
            RawMessage({"msg": "news"}),
            Generating("a"),
            Generating("ab"),
            Completed("abc"),
        ],
    )
    app.script("/echo", [Failed("no")])
    network = Network(lambda _: app)
    client = network.client().connect()
    job = client.submit("/count", 1)
    failing = client.submit("/echo", "a")
    network.finish()
    assert client.outputs[job.number] == [("a",), ("ab",)]
    end = client.end(job)
    assert isinstance(end, JobCompleted)
    assert end.outputs == ("abc",)
    assert isinstance(client.end(failing), JobFailed)
    assert [event.rank for event in client.events if isinstance(event, QueueEstimated)] == [5, 7]
    assert any(isinstance(event, UnknownMessageReceived) for event in client.events)
    assert any(isinstance(event, JobQueued) for event in client.events)
