"""What each fault does to connections, requests and answers: over memory, to the byte."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable
from http.client import HTTPConnection

import h11
import pytest
import trio

from gradproto_fake_server import FAULTS, FakeApp, FakeFile, FakeServer, MemoryServer, demo_app
from gradproto_fake_server._bends import SHAPES
from gradproto_fake_server._fault_answers import ANSWERS, CONNECTION_FAULTS, SERVER_FAULTS
from gradproto_fake_server._fault_messages import MESSAGE_FAULTS
from gradproto_fake_server._intakes import INTAKES
from gradproto_fake_server.trio import open_fake_server

from .wire import Http, Response

ECHO, COUNT = 0, 3
CONFIG = b"GET /config HTTP/1.1\r\nHost: fake.test\r\n\r\n"
JOIN = "/gradio_api/queue/join"


def app_with_file() -> FakeApp:
    app = FakeApp()

    @app.endpoint("/file", outputs=["file"])
    def file() -> FakeFile:
        return FakeFile("a.txt", b"0123456789abcdef")

    return app


@pytest.fixture
def app() -> FakeApp:
    return demo_app()


@pytest.fixture
def server(app: FakeApp) -> MemoryServer:
    return MemoryServer(app)


@pytest.fixture
def http(server: MemoryServer) -> Http:
    return Http(server)


def raw(server: MemoryServer, request: bytes = CONFIG) -> bytes:
    """Give the bytes that answer a request."""
    connection = server.connect()
    connection.receive_data(request)
    return b"".join(iter(connection.data_to_send, b""))


def stream_bytes(server: MemoryServer, data: object = "é✓", fn_index: int = ECHO) -> bytes:
    """Join, and give the body of the stream as h11 reads it."""
    http = Http(server)
    http.join(fn_index, [data])
    return http.stream().body


def file_path(http: Http) -> str:
    """Have the app make its file, and give the path at which it is."""
    http.join(0, [])
    path: str = http.stream().messages[2]["output"]["data"][0]["path"]
    return f"/gradio_api/file={path}"


# -- which requests, and how often


def test_a_fault_happens_as_often_as_it_is_to(app: FakeApp, http: Http) -> None:
    fault = app.fail(f"POST {JOIN}", status=503, body='{"detail":"later"}', times=2, after=1)
    value = {"data": ["a"], "fn_index": ECHO, "session_hash": "s"}
    assert [http.request("POST", JOIN, value=value).status for _ in range(4)] == [200, 503, 503, 200]
    assert fault.met == 2


def test_a_fault_can_be_for_a_method_and_a_path(app: FakeApp, http: Http) -> None:
    app.inject("not found", "GET */info", times=None)
    assert http.request("GET", "/config").status == 200
    assert http.request("GET", "/gradio_api/info").status == 404
    assert http.request("GET", "/gradio_api/info").json == {"detail": "Not Found"}


def test_a_fault_can_be_for_an_endpoint(app: FakeApp, http: Http) -> None:
    app.inject("crash", endpoint="/count", times=None)
    http.join(ECHO, ["a"])
    assert http.request("POST", "/gradio_api/run/echo", value={"data": ["a"]}).status == 200
    for path, body in (
        (JOIN, {"data": [1], "fn_index": COUNT, "session_hash": "s"}),
        ("/gradio_api/run/count", {"data": [1]}),
        ("/gradio_api/call/count", {"data": [1]}),
    ):
        assert Http(MemoryServer(app)).request("POST", path, value=body).status == 500


def test_a_fault_can_be_for_a_session(app: FakeApp, http: Http, server: MemoryServer) -> None:
    app.inject("forbidden", session="mine", times=None)
    http.join(ECHO, ["a"], "other")
    assert http.stream("other").whole
    assert http.stream("mine").status == 403
    assert http.start("GET", "/gradio_api/heartbeat/mine").status == 403
    value = {"data": ["a"], "fn_index": ECHO, "session_hash": "mine"}
    assert http.request("POST", JOIN, value=value).status == 403


def test_a_fault_of_streams_leaves_other_requests_alone(app: FakeApp, http: Http) -> None:
    fault = app.inject("clean end")
    http.request("GET", "/config")
    assert fault.met == 0


def test_a_fault_can_be_called_off(app: FakeApp, http: Http) -> None:
    fault = app.inject("crash", times=None)
    fault.cancel()
    assert http.request("GET", "/config").status == 200


def test_the_log_tells_which_faults_a_request_met(app: FakeApp, http: Http, server: MemoryServer) -> None:
    app.inject("crlf")
    app.inject("bom")
    app.inject("unknown message")
    stream_bytes(server)
    assert [(record.kind, record.fault) for record in app.requests] == [
        ("join", None),
        ("data", "crlf, bom, unknown message"),
    ]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda app: app.inject("hangs"), "no fault is called 'hangs'; did you mean 'hang'"),
        (lambda app: app.inject("late", minutes=1), "the fault 'late' has no value 'minutes'; there are: seconds"),
        (lambda app: app.inject("hang", seconds=1), "the fault 'hang' has no value 'seconds'; there are: none"),
        (lambda app: app.inject("hang", "config"), "a method and a path"),
        (lambda app: app.fail("/config"), "a method and a path"),
        (lambda app: app.inject("latency", "GET /config"), "'latency' happens when somebody connects, before it is"),
        (lambda app: app.inject("accept and hang", endpoint="/echo"), "happens when somebody connects"),
        (lambda app: app.inject("accept and hang", session="s"), "happens when somebody connects"),
        (lambda app: app.inject("cut body", endpoint="/echo"), "happens before it is known which endpoint"),
        (lambda app: app.inject("no http", text="\ud800"), "the value 'text' of the fault 'no http' cannot be sent"),
        (lambda app: app.inject("corrupt json", text="\ud800"), "the fault 'corrupt json' cannot be sent"),
        (lambda app: app.inject("oversize event", size=1 << 39), "the fault 'oversize event' is at most 1073741824"),
        (lambda app: app.inject("server stopped", repeat=1 << 39), "the fault 'server stopped' is at most 100000"),
        (lambda app: app.inject("answer", headers=[("a b", "c")]), "'a b' cannot be the name of a header"),
        (lambda app: app.fail("GET *", headers=[("", "c")]), "'' cannot be the name of a header"),
        (lambda app: app.fail("GET *", headers=[("a", " c")]), "the value of a header has no space around it"),
        (lambda app: app.fail("GET *", headers=[("Content-Length", "3")]), "the faults 'wrong length', 'chunked' and"),
        (lambda app: app.fail("GET *", headers=[("transfer-encoding", "br")]), "the server's own"),
        (lambda app: app.chaos(1, 2), "the rate of chaos is from 0 to 1, not 2"),
        (lambda app: app.chaos(1, 0.5, ["bad"]), "no fault is called 'bad'"),
        (lambda app: app.chaos(1, 0.5, ["accept and hang"]), "cannot happen at random"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(app: FakeApp, make: Callable[[FakeApp], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(app)
    assert not app.faults


def test_chaos_is_the_same_for_the_same_seed() -> None:
    def met(seed: int, rate: float = 0.5, names: list[str] | None = None) -> list[str | None]:
        app = demo_app()
        app.chaos(seed, rate, names)
        for _ in range(40):
            raw(MemoryServer(app))
        return [record.fault for record in app.requests]

    assert met(1) == met(1) != met(2)
    assert 5 < sum(fault is not None for fault in met(1)) < 35
    assert set(met(3, 1.0, ["busy", "clean end"])) == {"busy"}
    assert set(met(1, 0.0)) == {None}


def test_chaos_ends_when_everything_is_put_right(app: FakeApp, http: Http) -> None:
    app.chaos(1, 1.0, ["crash"])
    app.faults.clear()
    assert http.request("GET", "/config").status == 200


# -- connections


def test_a_connection_may_be_made_and_hang(app: FakeApp, server: MemoryServer) -> None:
    app.inject("accept and hang")
    connection = server.connect()
    connection.receive_data(CONFIG)
    server.advance(3600)
    assert connection.data_to_send() == b""
    assert not connection.closed
    assert raw(server).startswith(b"HTTP/1.1 200")
    connection.receive_data(b"")
    assert connection.closed


@pytest.mark.parametrize(("name", "reset"), [("accept and close", False), ("accept and reset", True)])
def test_a_connection_may_be_closed_at_once(app: FakeApp, server: MemoryServer, name: str, reset: bool) -> None:
    app.inject(name)
    connection = server.connect()
    connection.receive_data(CONFIG)
    assert (connection.closed, connection.reset) == (True, reset)
    assert not app.requests


# -- in place of an answer


@pytest.mark.parametrize(
    ("name", "values", "status", "headers", "body"),
    [
        ("redirect", {}, 307, {"location": "/elsewhere"}, b""),
        ("redirect", {"status": 302, "location": "http://b/"}, 302, {"location": "http://b/"}, b""),
        ("busy", {"retry_after": 2.5}, 429, {"retry-after": "2.5"}, b'{"detail":"Too Many Requests"}'),
        ("unauthorized", {}, 401, {}, b'{"detail":{"error":"Not authenticated","auth_message":null}}'),
        ("forbidden", {}, 403, {}, b'{"detail":"Forbidden"}'),
        ("not found", {}, 404, {}, b'{"detail":"Not Found"}'),
        ("crash", {}, 500, {"content-type": "text/plain; charset=utf-8"}, b"Internal Server Error"),
        ("bad gateway", {}, 502, {"content-type": "text/html"}, b"502 Bad Gateway"),
        ("building", {}, 503, {"content-type": "text/html; charset=utf-8"}, b"Its stage is BUILDING."),
        ("sleeping", {}, 503, {"content-type": "text/html; charset=utf-8"}, b"Its stage is SLEEPING."),
        ("page", {}, 200, {"content-type": "text/html; charset=utf-8"}, b"<!DOCTYPE html>"),
        ("answer", {"status": 418, "body": b"tea"}, 418, {"content-length": "3"}, b"tea"),
    ],
)
def test_another_answer_comes(
    app: FakeApp, http: Http, name: str, values: dict[str, object], status: int, headers: dict[str, str], body: bytes
) -> None:
    app.inject(name, **values)
    response = http.request("GET", "/config")
    assert response.status == status
    assert body in response.body
    assert {key: response.header(key) for key in headers} == headers
    assert http.request("GET", "/config").status == 200


@pytest.mark.parametrize(("name", "reset"), [("cut", False), ("reset", True)])
def test_a_connection_may_end_without_an_answer(app: FakeApp, server: MemoryServer, name: str, reset: bool) -> None:
    app.inject(name)
    connection = server.connect()
    connection.receive_data(CONFIG)
    assert (connection.data_to_send(), connection.closed, connection.reset) == (b"", True, reset)
    assert app.requests[0].end == "cut"


def test_an_answer_may_never_come(app: FakeApp, server: MemoryServer) -> None:
    app.inject("hang")
    connection = server.connect()
    connection.receive_data(CONFIG)
    server.advance(3600)
    assert (connection.data_to_send(), connection.closed) == (b"", False)
    connection.receive_data(b"")
    assert app.requests[0].end == "disconnected"


def test_an_answer_of_a_test_s_own_may_be_cut_before_its_last_byte(app: FakeApp, server: MemoryServer) -> None:
    app.fail("GET /config", status=200, body="{}", content_type="application/json", action="truncate")
    answer = raw(server)
    assert b"content-length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\n{}")
    assert app.requests[0].end == "cut"


def test_the_queue_may_be_full(app: FakeApp, http: Http) -> None:
    app.inject("queue full")
    response = http.request("POST", JOIN, value={"data": ["a"], "fn_index": ECHO, "session_hash": "s"})
    assert (response.status, response.json) == (503, {"detail": "Queue is full. Max size is 0 and size is 0."})


def test_the_queue_of_an_event_with_its_own_stream_may_be_full() -> None:
    app = demo_app("4.0.2")
    app.inject("queue full")
    response = Http(MemoryServer(app)).start("GET", "/queue/join?fn_index=0&session_hash=s")
    assert response.kinds == ["queue_full"]
    assert response.whole


# -- the server itself


def test_a_restart_cuts_all_connections_and_forgets_all_sessions(app: FakeApp, server: MemoryServer) -> None:
    http, other, third = Http(server), Http(server), Http(server)
    before = http.request("GET", "/config").json["app_id"]
    app.hold("/count")
    http.join(COUNT, [3])
    response = http.stream()
    app.inject("restart", "GET /config")
    assert other.start("GET", "/config").status == 0
    assert (http.more().whole, http.connection.closed, other.connection.closed) == (False, True, True)
    assert response.kinds == ["estimation", "process_starts"]
    assert third.request("GET", "/config").json["app_id"] != before
    lost = third.stream()
    assert [message["msg"] for message in lost.messages] == ["unexpected_error"]
    assert lost.messages[0]["session_not_found"] is True
    app.release("/count")
    third.join(COUNT, [1], "new")
    assert third.stream("new").kinds[-1] == "close_stream"


def test_sessions_may_be_forgotten(app: FakeApp, server: MemoryServer) -> None:
    http, other = Http(server), Http(server)
    app.hold("/count")
    http.join(COUNT, [3])
    http.stream()
    app.inject("forget sessions")
    assert other.request("GET", "/config").status == 200
    assert http.more().kinds == ["estimation", "process_starts", "unexpected_error"]
    assert not http.more().whole


def test_logins_may_be_forgotten() -> None:
    app = demo_app(auth={"a": "b"})
    http = Http(MemoryServer(app))
    form = [("content-type", "application/x-www-form-urlencoded")]
    cookies = http.request("POST", "/login", body=b"username=a&password=b", headers=form).headers
    cookie = [("cookie", value.partition(";")[0]) for name, value in cookies if name.lower() == "set-cookie"][-1:]
    assert http.request("GET", "/config", headers=cookie).status == 200
    app.inject("forget logins")
    assert http.request("GET", "/config", headers=cookie).status == 401


# -- the bytes of an answer


def test_an_answer_may_be_late(app: FakeApp, server: MemoryServer) -> None:
    app.inject("late", seconds=30.0)
    connection = server.connect()
    connection.receive_data(CONFIG)
    server.advance(29)
    assert connection.data_to_send() == b""
    server.advance(1)
    assert connection.data_to_send().startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_late_answer_that_nobody_waits_for_any_more_is_forgotten(app: FakeApp, server: MemoryServer) -> None:
    app.inject("late")
    connection = server.connect()
    connection.receive_data(CONFIG)
    connection.close()
    server.advance(10)
    assert app.requests[0].end == "disconnected"


def test_what_is_asked_may_be_done_and_its_answer_lost(app: FakeApp, http: Http) -> None:
    app.inject("lose", f"POST {JOIN}")
    response = http.start("POST", JOIN, value={"data": ["a"], "fn_index": ECHO, "session_hash": "s"})
    assert (response.status, http.connection.closed) == (0, True)
    assert app.job("/echo").state == "completed"
    assert app.requests[0].end == "cut"


@pytest.mark.parametrize(("name", "reset"), [("cut after head", False), ("reset after head", True)])
def test_a_connection_may_end_after_the_head(app: FakeApp, server: MemoryServer, name: str, reset: bool) -> None:
    app.inject(name)
    connection = server.connect()
    connection.receive_data(CONFIG)
    assert connection.data_to_send().endswith(b"\r\n\r\n")
    assert (connection.closed, connection.reset) == (True, reset)


@pytest.mark.parametrize(("name", "closed"), [("truncate", True), ("stall", False)])
def test_only_a_part_of_an_answer_may_come(app: FakeApp, server: MemoryServer, name: str, closed: bool) -> None:
    whole = raw(server).partition(b"\r\n\r\n")[2]
    app.inject(name, keep=12)
    connection = server.connect()
    connection.receive_data(CONFIG)
    head, _, body = connection.data_to_send().partition(b"\r\n\r\n")
    assert f"content-length: {len(whole)}".encode() in head
    assert body == whole[:12]
    server.advance(3600)
    assert (connection.data_to_send(), connection.closed) == (b"", closed)


@pytest.mark.parametrize("off", [-3, 7])
def test_the_length_may_be_wrong(app: FakeApp, server: MemoryServer, off: int) -> None:
    app.inject("wrong length", off=off)
    head, _, body = raw(server).partition(b"\r\n\r\n")
    assert f"content-length: {len(body) + off}".encode() in head
    assert json.loads(body)


def read(answer: bytes) -> Response:
    """Read a whole answer."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    client.receive_data(b"")
    response = Response()
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            response.headers = [(name.decode(), value.decode()) for name, value in event.headers]
            response.status = event.status_code
        elif isinstance(event, h11.Data):
            response.body += event.data
    response.whole = True
    return response


@pytest.mark.parametrize(
    ("name", "start", "present", "absent"),
    [
        ("chunked", b"HTTP/1.1 200 OK\r\n", "transfer-encoding", "content-length"),
        ("until close", b"HTTP/1.1 200 OK\r\n", "connection", "transfer-encoding"),
        ("http/1.0", b"HTTP/1.0 200 OK\r\n", "content-length", "transfer-encoding"),
    ],
)
def test_an_answer_may_be_framed_in_any_way(
    app: FakeApp, server: MemoryServer, name: str, start: bytes, present: str, absent: str
) -> None:
    expected = read(raw(server)).json
    app.inject(name)
    answer = raw(server)
    assert answer.startswith(start)
    response = read(answer)
    assert response.json == expected
    assert response.header(present) is not None
    assert response.header(absent) is None


def test_an_answer_may_be_compressed_unasked(app: FakeApp, server: MemoryServer) -> None:
    expected = read(raw(server)).body
    app.inject("gzip")
    response = read(raw(server))
    assert response.header("content-encoding") == "gzip"
    assert gzip.decompress(response.body) == expected


@pytest.mark.parametrize("value", ["image/png", None])
def test_the_content_type_may_be_wrong_or_missing(app: FakeApp, server: MemoryServer, value: str | None) -> None:
    app.inject("content type", value=value)
    response = read(raw(server))
    assert response.header("content-type") == value
    assert response.json


# -- files


def test_a_file_may_break_off_or_lie_about_its_length() -> None:
    app = app_with_file()
    http = Http(MemoryServer(app))
    path = file_path(http)
    app.inject("truncate", "GET */file=*", keep=4)
    response = http.start("GET", path)
    assert (response.body, response.whole, response.header("content-length")) == (b"0123", False, "16")
    app.inject("wrong length", "GET */file=*", off=4)
    response = http.start("GET", path)
    assert (response.body, response.whole, response.header("content-length")) == (b"0123456789abcdef", False, "20")


def test_a_file_on_the_disk_that_breaks_off_is_closed_once() -> None:
    app = app_with_file()
    app.use_disk()
    http = Http(MemoryServer(app))
    path = file_path(http)
    app.inject("truncate", "GET */file=*", keep=4)
    assert http.start("GET", path).body == b"0123"
    assert http.request("GET", path).body == b"0123456789abcdef"
    app.close()


def test_a_range_may_be_ignored() -> None:
    app = app_with_file()
    http = Http(MemoryServer(app))
    path = file_path(http)
    part = [("range", "bytes=10-")]
    assert http.request("GET", path, headers=part).body == b"abcdef"
    app.inject("ignored range")
    response = http.start("GET", path, headers=part)
    assert (response.status, response.body) == (200, b"0123456789abcdef")


def test_a_file_may_have_an_odd_name() -> None:
    app = app_with_file()
    http = Http(MemoryServer(app))
    path = file_path(http)
    app.inject("odd name", filename='a/"é".txt')
    disposition = http.start("GET", path).header("content-disposition")
    assert disposition == """attachment; filename="a/\\"?\\".txt"; filename*=utf-8''a%2F%22%C3%A9%22.txt"""


@pytest.mark.parametrize(("name", "status"), [("forbidden", 403), ("not found", 404)])
def test_a_file_may_be_refused(name: str, status: int) -> None:
    app = app_with_file()
    http = Http(MemoryServer(app))
    path = file_path(http)
    app.inject(name, "GET */file=*")
    assert http.request("GET", path).status == status


# -- the bytes of a stream


def test_the_first_event_may_be_slow(app: FakeApp, server: MemoryServer, http: Http) -> None:
    app.inject("slow first event", seconds=20.0)
    http.join(ECHO, ["a"])
    response = http.stream()
    assert (response.status, response.body) == (200, b"")
    server.advance(20)
    assert http.more().kinds[-1] == "close_stream"
    assert http.more().whole


def test_a_stream_may_come_in_small_pieces(app: FakeApp, server: MemoryServer) -> None:
    expected = stream_bytes(server)
    app.inject("dribble", size=3)
    Http(server).join(ECHO, ["é✓"])
    connection = server.connect()
    connection.receive_data(b"GET /gradio_api/queue/data?session_hash=s HTTP/1.1\r\nHost: a\r\n\r\n")
    head, *pieces = list(iter(connection.data_to_send, b""))
    assert head.startswith(b"HTTP/1.1 200")
    assert {len(piece) for piece in pieces[:-1]} <= {6, 7, 8}
    assert len(pieces) > len(expected) // 3


def test_a_stream_may_come_slowly(app: FakeApp, server: MemoryServer, http: Http) -> None:
    app.inject("dribble", size=10, every=1.0)
    http.join(ECHO, ["a"])
    response = http.stream()
    for seconds in range(1, 4):
        server.advance(1)
        http.more()
        assert len(response.body) == seconds * 10
    server.advance(600)
    assert http.more().whole
    assert response.kinds == ["estimation", "process_starts", "process_completed", "close_stream"]


def test_pieces_may_end_where_it_hurts(app: FakeApp, server: MemoryServer) -> None:
    app.inject("split")
    app.inject("crlf")
    Http(server).join(ECHO, ["é"])
    connection = server.connect()
    connection.receive_data(b"GET /gradio_api/queue/data?session_hash=s HTTP/1.0\r\n\r\n")
    pieces = list(iter(connection.data_to_send, b""))
    assert any(piece.endswith(b"\xc3") for piece in pieces)
    assert any(piece.endswith(b"\n") and not piece.endswith(b"\r\n\r\n") for piece in pieces[1:])


@pytest.mark.parametrize(("name", "end"), [("crlf", b"\r\n\r\n"), ("cr", b"\r\r")])
def test_lines_may_end_in_other_ways(app: FakeApp, server: MemoryServer, name: str, end: bytes) -> None:
    app.inject(name)
    body = stream_bytes(server)
    assert len(body.split(end)) == 5
    assert b"\n" not in body.replace(b"\r\n", b"")


def test_a_byte_order_mark_and_comments_may_come(app: FakeApp, server: MemoryServer) -> None:
    app.inject("bom")
    assert stream_bytes(server).startswith(b'\xef\xbb\xbfdata: {"msg":"estimation"')
    app.inject("comments")
    body = stream_bytes(server)
    assert body.startswith(b": a comment\n")
    assert body.count(b"\nunknown: field\n") == 4


def test_events_may_come_together(app: FakeApp, server: MemoryServer, http: Http) -> None:
    app.inject("coalesced", count=2)
    app.hold("/count")
    http.join(COUNT, [4])
    response = http.stream()
    assert response.kinds == ["estimation", "process_starts"]
    app.job("/count").step(3)
    server.settle()
    http.more()
    assert len(response.kinds) == 4
    app.release("/count")
    server.settle()
    assert http.more().whole
    assert len(response.kinds) == 8


def test_a_stream_may_be_kept_back_until_its_end(app: FakeApp, server: MemoryServer, http: Http) -> None:
    app.inject("buffered")
    app.hold("/count")
    http.join(COUNT, [2])
    response = http.stream()
    assert (response.status, response.body) == (200, b"")
    app.release("/count")
    server.settle()
    assert http.more().whole
    assert response.kinds[-1] == "close_stream"


@pytest.mark.parametrize(
    ("name", "whole", "closed", "rest"),
    [
        ("clean end", True, True, b""),
        ("cut stream", False, True, b'data: {"msg":"process_s'),
        ("reset stream", False, True, b""),
        ("silence", False, False, b""),
    ],
)
def test_a_stream_may_end_early(
    app: FakeApp, server: MemoryServer, http: Http, name: str, whole: bool, closed: bool, rest: bytes
) -> None:
    app.inject(name)
    http.join(ECHO, ["a"])
    response = http.stream()
    server.advance(60)
    http.more()
    first, _, after = response.body.partition(b"\n\n")
    assert first.startswith(b'data: {"msg":"estimation"')
    assert after.startswith(rest)
    assert bool(after) is bool(rest)
    assert (response.whole, http.connection.closed) == (whole, closed)
    assert http.connection.reset is (name == "reset stream")


def test_an_event_may_be_no_json(app: FakeApp, server: MemoryServer) -> None:
    app.inject("corrupt json")
    events = stream_bytes(server).split(b"\n\n")
    assert events[1] == b'data: {"msg":"process_'
    assert events[3] == b'data: {"msg":"close_stream","event_id":null}'


def test_an_event_may_be_too_large(app: FakeApp, server: MemoryServer) -> None:
    app.inject("oversize event", size=1000)
    events = stream_bytes(server).split(b"\n\n")
    assert len(events[0]) == 998
    assert json.loads(events[0][6:])["msg"] == "oversize"
    assert len(events) == 6


# -- with sockets


@pytest.mark.parametrize("name", ["accept and reset", "reset", "reset after head"])
def test_a_reset_comes_over_a_socket_as_one(name: str) -> None:
    with FakeServer(demo_app()) as server:
        server.run(lambda app: app.inject(name))
        with pytest.raises(ConnectionResetError):
            ask(server)


def ask(server: FakeServer) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/config")
        connection.getresponse().read()


async def read_all(stream: trio.SocketStream, data: bytearray) -> None:
    async for piece in stream:
        data += piece


def test_a_reset_comes_from_a_server_in_trio_too() -> None:
    async def main() -> None:
        app = demo_app()
        async with open_fake_server(app) as server:
            app.inject("reset after head")
            async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
                await stream.send_all(CONFIG)
                data = bytearray()
                with pytest.raises(trio.BrokenResourceError):
                    await read_all(stream, data)
                assert data.startswith(b"HTTP/1.1 200 OK\r\n")

    trio.run(main)


def test_the_table_says_of_each_fault_what_it_does() -> None:
    done = {
        "connection": set(CONNECTION_FAULTS),
        "body": set(INTAKES),
        "answer": set(ANSWERS),
        "server": set(SERVER_FAULTS),
        "message": set(MESSAGE_FAULTS),
    }
    for family, names in done.items():
        assert {name for name, kind in FAULTS.items() if kind.family == family} == names
    assert {name for name, kind in FAULTS.items() if kind.family in ("shape", "stream")} == set(SHAPES)
    assert all(kind.text for kind in FAULTS.values())
