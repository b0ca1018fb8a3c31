"""The queue over WebSockets, as Gradio 3.1.5 to 3.50 has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from gradproto_fake_server import FakeApp, Log, MemoryServer, Sleep, Steps, demo_app

from .old_wire import Socket, index_of, socket_call
from .wire import Http

SOCKETS = ("3.1.6", "3.2.0", "3.4.1", "3.16.2", "3.32.0", "3.50.2")


def made(version: str, **options: Any) -> MemoryServer:
    return MemoryServer(demo_app(version, **options))


def joined(server: MemoryServer, name: str, session_hash: str = "s") -> Socket:
    """Open a socket and say which function is meant, for Gradios that ask first."""
    socket = Socket(server)
    socket.send({"fn_index": index_of(server, name), "session_hash": session_hash})
    return socket


@pytest.mark.parametrize(("version", "says_success"), [("3.1.6", False), ("3.1.7", True)])
def test_before_3_2_the_client_speaks_first_and_closes(version: str, says_success: bool) -> None:
    server = made(version)
    socket = Socket(server)
    assert socket.messages == []
    socket.send({"hash": "whatever"})
    assert socket.kinds == ["estimation", "send_data"]
    socket.send({"fn_index": 0, "data": ["x"], "session_hash": "s"})
    end = socket.messages[-1]
    assert end["output"]["data"] == ["x"]
    assert ("success" in end) is says_success
    assert socket.closed_with is None
    socket.send({"msg": "join_back"})
    assert socket.kinds[-2:] == ["estimation", "send_data"]


def test_from_3_3_to_3_5_nobody_asks_for_a_hash() -> None:
    server = made("3.4.1")
    socket = Socket(server)
    assert socket.kinds == ["estimation", "send_data"]
    socket.send({"fn_index": 0, "data": ["x"], "session_hash": "s"})
    assert socket.kinds[2:] == ["process_starts", "process_completed"]
    assert socket.closed_with == 1000
    assert socket.connection.closed


def test_an_index_that_only_the_data_tell_is_an_error_if_nobody_has_it() -> None:
    socket = Socket(made("3.4.1", show_error=True))
    socket.send({"fn_index": 999, "data": ["x"], "session_hash": "s"})
    assert socket.messages[-1] == {
        "msg": "process_completed",
        "output": {"error": "list index out of range"},
        "success": False,
    }


def test_events_whose_endpoint_the_data_tell_wait_for_it_all_the_same() -> None:
    server = made("3.4.1")
    first, second = (socket_call(server, index_of(server, "/slow"), [text, 1]) for text in "ab")
    assert (first.kinds[-1], second.kinds[-1]) == ("process_starts", "estimation")
    server.advance(1)
    assert (first.more()[-1]["msg"], second.more()[-1]["msg"]) == ("process_completed", "process_starts")


@pytest.mark.parametrize("said", [{"fn_index": 999, "session_hash": "s"}, {}, {"fn_index": 0}, "no JSON", [1]])
def test_a_bad_answer_about_the_hash_cuts_the_connection(said: Any) -> None:
    socket = Socket(made("3.50.2"))
    socket.send(said)
    assert socket.cut
    assert socket.kinds == ["send_hash"]


def test_since_3_20_the_server_waits_five_seconds_for_the_hash() -> None:
    old, new = made("3.16.2"), made("3.32.0")
    sockets = [Socket(old), Socket(new)]
    for server in (old, new):
        server.advance(5)
    assert [socket.cut for socket in sockets] == [False, True]


def test_nobody_gets_a_socket_without_a_login() -> None:
    server = made("3.50.2", auth={"ali": "x"})
    socket = Socket(server)
    assert (socket.status, socket.body) == (403, b"")
    form = [("content-type", "application/x-www-form-urlencoded")]
    login = Http(server).request("POST", "/login", body=b"username=ali&password=x", headers=form)
    cookie = (login.header("set-cookie") or "").partition(";")[0]
    assert Socket(server, cookie=cookie).status == 101


def test_an_app_without_a_queue_has_no_sockets() -> None:
    crashed = Socket(made("3.32.0", enable_queue=False))
    assert (crashed.status, crashed.body) == (500, b"Internal Server Error")
    server = made("3.50.2", enable_queue=False)
    silent = Socket(server)
    server.advance(100)
    assert (silent.status, silent.connection.data_to_send(), silent.connection.closed) == (0, b"", False)
    config = Http(server).request("GET", "/config").json
    assert config["enable_queue"] is False


def test_what_is_no_handshake_finds_nothing() -> None:
    http = Http(made("3.50.2"))
    assert http.request("GET", "/queue/join").status == 404
    assert http.request("POST", "/queue/join", value={"data": [], "fn_index": 0}).status == 404


def test_a_full_queue_is_told_and_the_socket_closed() -> None:
    server = made("3.50.2", max_queue_size=1)
    first = joined(server, "/slow", "a")
    first.send({"data": ["x", 10]})
    second = joined(server, "/slow", "b")
    third = joined(server, "/slow", "c")
    assert second.kinds == ["send_hash", "estimation"]
    assert (third.kinds, third.closed_with) == (["send_hash", "queue_full"], 1000)
    server.advance(10)
    assert second.more()[-1]["msg"] == "send_data"


def test_a_queue_can_be_full_before_anybody_says_who_it_is() -> None:
    socket = Socket(made("3.1.6", max_queue_size=0))
    socket.send({"hash": "whatever"})
    assert (socket.messages, socket.closed_with) == ([{"msg": "queue_full"}], 1000)


def test_data_that_do_not_come_end_the_event() -> None:
    server = made("3.50.2")
    late = joined(server, "/slow")
    assert late.kinds[-1] == "send_data"
    waiting = joined(server, "/slow", "other")
    for _ in range(4):  # pings have to be answered meanwhile
        server.advance(15)
        late.more()
        waiting.more()
    assert late.more()[-1]["output"] == {"error": "Time out uploading data to server"}
    assert late.closed_with == 1000
    assert waiting.more()[-1]["msg"] == "send_data"


def test_data_of_the_wrong_kind_end_without_a_word_once_and_hang_later() -> None:
    old, new = joined(made("3.16.2"), "/echo"), joined(made("3.50.2"), "/echo")
    for socket in (old, new):
        socket.send({"data": "text"})
    assert (old.kinds[-1], old.closed_with) == ("process_starts", 1000)
    assert (new.kinds[-1], new.closed_with) == ("send_data", None)


@pytest.mark.parametrize("goodbye", [True, False])
@pytest.mark.parametrize("version", SOCKETS)
def test_a_client_that_closes_stops_its_generator_at_the_next_output(version: str, goodbye: bool) -> None:
    app = FakeApp(version)
    closed: list[str] = []

    @app.endpoint("/count")
    def count() -> Iterator[str]:
        try:
            for i in range(100):
                yield f"{i}"
        finally:
            closed.append("generator")

    app.hold("/count")
    server = MemoryServer(app)
    socket = socket_call(server, 0, [])
    app.job("/count").step(2)
    server.settle()
    if goodbye:
        socket.send_event(CloseConnection(code=1000))
    else:
        socket.connection.close()
    assert app.job("/count").state == "dropped"
    assert closed == ["generator"]
    assert app.requests[-1].end == ("complete" if goodbye else "disconnected")


def test_a_client_that_closes_while_it_waits_loses_its_place() -> None:
    server = made("3.50.2")
    first, second = joined(server, "/slow", "a"), joined(server, "/slow", "b")
    second.send_event(CloseConnection(code=1000))
    assert server.app.queue.size == 0
    first.connection.close()
    assert joined(server, "/slow", "c").kinds[-1] == "send_data"


def test_a_plain_function_goes_on_when_its_client_is_gone() -> None:
    app = FakeApp("3.50.2")
    ended: list[str] = []

    @app.endpoint("/slow")
    def slow() -> Steps[str]:
        yield Sleep(1)
        ended.append("slow")
        return ""

    server = MemoryServer(app)
    socket_call(server, 0, []).connection.close()
    server.advance(1)
    assert ended == ["slow"]


def test_reset_lets_a_generator_begin_again() -> None:
    server = made("3.50.2")
    server.app.hold("/count")
    index = index_of(server, "/count")
    socket = socket_call(server, index, [3])
    server.app.job("/count").step(2)
    server.settle()
    body = {"session_hash": "s", "fn_index": index}
    assert Http(server).request("POST", "/reset", value=body).json == {"success": True}
    assert Http(server).request("POST", "/reset", value={**body, "session_hash": "x"}).json == {"success": False}
    server.app.release("/count")
    server.settle()
    outputs = [m["output"]["data"][0] for m in socket.more() if m["msg"] == "process_generating"]
    assert outputs == ["n=0", "n=1", "n=0", "n=1", "n=2"]


def test_an_endpoint_that_cancels_closes_the_socket_without_a_completion() -> None:
    server = made("3.50.2")
    server.app.cancel_endpoint("/stop", cancels=["/count"])
    server.app.hold("/count")
    socket = socket_call(server, index_of(server, "/count"), [3])
    stop = index_of(server, "/stop")
    response = Http(server).request("POST", "/api/predict", value={"data": [], "fn_index": stop, "session_hash": "s"})
    assert (response.status, response.json["data"]) == (200, [])
    assert (socket.more()[-1]["msg"], socket.closed_with) == ("process_starts", 1000)
    dependency = Http(server).request("GET", "/config").json["dependencies"][stop]
    assert (dependency["api_name"], dependency["cancels"]) == (None, [index_of(server, "/count")])


def test_the_server_pings_every_20_seconds_and_closes_if_nobody_answers() -> None:
    server = made("3.50.2")
    socket = joined(server, "/slow")
    socket.send({"data": ["x", 1000]})
    for count in range(1, 4):
        server.advance(20)
        socket.more()
        assert socket.pings == count
    server.advance(20)  # this ping is not answered
    server.advance(20)
    assert socket.connection.data_to_send()
    assert socket.connection.closed


def test_pings_are_answered_and_messages_may_come_in_pieces() -> None:
    server = made("3.50.2")
    socket = joined(server, "/echo")
    socket.send_event(Ping(payload=b"hello"))
    socket.send_event(TextMessage(data='{"data": ["a', message_finished=False))
    socket.send_event(TextMessage(data='b"]}', message_finished=True))
    assert socket.messages[-1]["output"]["data"] == ["ab"]


def test_bytes_are_no_message() -> None:
    socket = Socket(made("3.50.2"))
    socket.send_event(BytesMessage(data=b"{}"))
    assert socket.cut


def test_a_frame_that_is_none_ends_the_connection() -> None:
    socket = Socket(made("3.50.2"))
    socket.connection.receive_data(b"\xff" * 20)
    assert socket.more()
    assert socket.connection.closed


def test_a_handshake_and_the_first_message_may_come_at_once() -> None:
    server = made("3.50.2")
    connection = server.connect()
    frames = Connection(ConnectionType.CLIENT)
    head = (
        b"GET /queue/join HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    connection.receive_data(head + frames.send(TextMessage(data='{"fn_index": 0, "session_hash": "s"}')))
    data = connection.data_to_send()
    assert b"send_hash" in data
    assert b"send_data" in data


def test_the_log_knows_the_socket_its_session_and_its_data() -> None:
    server = made("3.50.2")
    socket_call(server, 0, ["x"], "mine")
    record = server.app.requests[-1]
    assert (record.kind, record.status, record.session_hash, record.end) == ("socket", 101, "mine", "complete")
    assert record.body["data"] == ["x"]
    assert server.app.open_streams == []


@pytest.mark.parametrize("version", ["3.1.5", "3.50.2"])
def test_the_socket_of_a_session_that_is_forgotten_is_cut(version: str) -> None:
    server = made(version)
    server.app.hold("/echo")
    socket = joined(server, "echo")
    server.app.forget_sessions()
    server.settle()
    socket.more()
    assert socket.connection.closed
    assert server.app.requests[-1].end == "cut"
    assert not server.app.queue.events


def test_what_no_frame_can_hold_fails_as_in_gradio_3_50() -> None:
    server = made("3.50.2", show_error=True)
    socket = joined(server, "/echo")
    socket.send({"fn_index": 0, "data": ["\ud800"], "session_hash": "s"})
    end = socket.messages[-1]
    assert (end["msg"], end["success"]) == ("process_completed", False)
    assert end["output"] == {"error": "str is not valid UTF-8: surrogates not allowed"}
    assert socket.closed_with == 1000
    chat = joined(server, "/chat")
    chat.send({"fn_index": index_of(server, "/chat"), "data": ["\ud800", None], "session_hash": "s"})
    assert chat.messages[-1]["output"] == end["output"]


def test_a_log_that_no_frame_can_hold_cuts_the_socket() -> None:
    server = MemoryServer(app := FakeApp("3.50.2"))

    @app.endpoint("/log")
    def log(text: str) -> Steps[str]:
        yield Log("\ud800")
        return text

    socket = joined(server, "/log")
    socket.send({"fn_index": 0, "data": ["x"], "session_hash": "s"})
    assert socket.kinds[-1] == "process_starts"
    assert socket.cut
