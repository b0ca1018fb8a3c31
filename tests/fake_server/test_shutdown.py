"""A server that stops: what its streams, sockets and joins see of it, in every generation."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import ConnectionLostError
from gradproto_fake_server import FakeApp, FakeServer, MemoryServer, demo_app
from gradproto_transports.sync import Client

from .old_wire import index_of, socket_call, stream_call
from .wire import Http, Response


def running(version: str) -> tuple[MemoryServer, Http, Response]:
    """Let one event run and another one wait; give the stream that tells of both."""
    app = demo_app(version)
    server = MemoryServer(app)
    http = Http(server)
    prefix = app.profile.api_prefix
    app.hold("/slow")
    for _ in range(2):
        value = {"data": ["x", 0], "fn_index": index_of(server, "/slow"), "session_hash": "s"}
        assert http.request("POST", f"{prefix}/queue/join", value=value).status == 200
    return server, http, http.start("GET", f"{prefix}/queue/data?session_hash=s")


@pytest.mark.parametrize(
    ("version", "message", "times"),
    [
        ("4.9.1", {"msg": "server_stopped", "success": False}, 1),
        ("4.12.0", {"msg": "unexpected_error", "success": False, "message": "Server stopped unexpectedly."}, 100),
        (
            "5.50.0",
            {
                "msg": "unexpected_error",
                "event_id": None,
                "message": "Server stopped unexpectedly.",
                "session_not_found": False,
                "success": False,
            },
            100,
        ),
        (
            "6.31.0",
            {
                "msg": "unexpected_error",
                "event_id": None,
                "message": "Server stopped unexpectedly.",
                "session_not_found": False,
                "success": False,
            },
            1,
        ),
    ],
)
def test_a_sessions_stream_is_told_and_nothing_follows(version: str, message: dict[str, Any], times: int) -> None:
    server, http, response = running(version)
    before = len(response.messages)
    server.app.shutdown()
    server.advance(60)
    http.more()
    assert response.messages[before:] == [message] * times
    assert not response.whole
    assert {job.state for job in server.app.jobs.values()} == {"dropped"}


def test_the_stream_of_a_call_is_told_too() -> None:
    app = demo_app()
    app.hold("/echo")
    server = MemoryServer(app)
    http = Http(server)
    event_id = http.request("POST", "/gradio_api/call/echo", value={"data": ["x"]}).json["event_id"]
    response = http.start("GET", f"/gradio_api/call/echo/{event_id}")
    app.shutdown()
    http.more()
    assert response.body == b'event: error\ndata: "Server stopped unexpectedly."\n\n'


def test_nobody_can_join_or_connect_until_it_is_up_again() -> None:
    server, _, _ = running("6.31.0")
    idle = Http(server)
    assert idle.request("GET", "/config").status == 200
    server.app.shutdown()
    value = {"data": ["x"], "fn_index": 0, "session_hash": "t"}
    answer = idle.request("POST", "/gradio_api/queue/join", value=value)
    assert (answer.status, answer.json) == (503, {"detail": "Queue is stopped."})
    assert server.connect().closed
    server.app.restart()
    http = Http(server)
    http.join(0, ["x"])
    assert http.stream().messages[-2]["output"]["data"] == ["x"]


@pytest.mark.parametrize("version", ["3.4.1", "3.16.2", "3.50.2"])
def test_a_websocket_is_closed_with_a_code_that_says_so(version: str) -> None:
    app = demo_app(version)
    app.hold("/slow")
    server = MemoryServer(app)
    sockets = [socket_call(server, index_of(server, "/slow"), ["x", 0]) for _ in range(2)]
    app.shutdown()
    for socket in sockets:
        socket.more()
        assert socket.closed_with == 1012
        assert "process_completed" not in socket.kinds


@pytest.mark.parametrize("version", ["4.0.2", "4.8.0"])
def test_what_runs_goes_on_to_its_end_and_what_waits_does_not_begin_in_4_0_to_4_8(version: str) -> None:
    app = demo_app(version)
    app.hold("/slow")
    server = MemoryServer(app)
    calls = [stream_call(server, index_of(server, "/slow"), ["x", 0]) for _ in range(2)]
    app.shutdown()
    app.release("/slow")
    server.advance(1)
    (first, first_response), (second, second_response) = calls
    first.more()
    second.more()
    assert first_response.kinds[-1] == "process_completed"
    assert "process_starts" not in second_response.kinds


def has_stream(app: FakeApp) -> bool:
    return any(record.kind in ("data", "socket") for record in app.open_streams)


@pytest.mark.parametrize("version", ["3.50.2", "4.12.0", "5.50.0", "6.31.0"])
def test_our_client_says_that_the_server_has_stopped(version: str) -> None:
    with FakeServer(demo_app(version)) as server, Client(server.url) as client:
        server.hold("/slow")
        job = client.submit("x", 0, api_name="/slow")
        server.wait_for(lambda app: app.jobs and app.job("/slow").state == "held" and has_stream(app))
        server.run(lambda app: app.shutdown())
        with pytest.raises(ConnectionLostError):
            job.result(timeout=30)
