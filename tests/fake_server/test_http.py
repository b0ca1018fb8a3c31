"""How the server speaks HTTP, over memory."""

from __future__ import annotations

import json
import re

import pytest

from gradproto_fake_server import FakeApp, MemoryServer, demo_app
from tests.chunkings import chunkings

from .wire import Http, sse_events

JOIN = b'{"data":["x"],"fn_index":0,"session_hash":"s"}'


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer(demo_app())


def raw(server: MemoryServer, data: bytes) -> bytes:
    """Send bytes over a connection of their own; give what comes back."""
    connection = server.connect()
    connection.receive_data(data)
    out = b""
    while piece := connection.data_to_send():
        out += piece
    return out + (b"<closed>" if connection.closed else b"")


def post(path: bytes, body: bytes, version: bytes = b"1.1", extra: bytes = b"") -> bytes:
    head = b"POST %b HTTP/%b\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
    return head % (path, version, len(body), extra) + body


def get(path: bytes, version: bytes = b"1.1", extra: bytes = b"") -> bytes:
    return b"GET %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (path, version, extra)


def test_a_response_has_uvicorns_headers_in_uvicorns_order(server: MemoryServer) -> None:
    head, _, body = raw(server, post(b"/gradio_api/queue/join", JOIN)).partition(b"\r\n\r\n")
    assert head == (
        b"HTTP/1.1 200 OK\r\ndate: Sun, 15 Jun 2025 15:06:40 GMT\r\nserver: uvicorn\r\n"
        b"content-length: 47\r\ncontent-type: application/json"
    )
    assert re.fullmatch(rb'\{"event_id":"[0-9a-f]{32}"\}', body)


def test_a_stream_is_chunked_with_one_chunk_for_each_message(server: MemoryServer) -> None:
    raw(server, post(b"/gradio_api/queue/join", JOIN))
    head, _, body = raw(server, get(b"/gradio_api/queue/data?session_hash=s")).partition(b"\r\n\r\n")
    assert head.endswith(
        b"server: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked"
    )
    assert body.endswith(b'2e\r\ndata: {"msg":"close_stream","event_id":null}\n\n\r\n0\r\n\r\n')
    assert len(re.findall(rb"^[0-9a-f]+\r\ndata: ", body, re.MULTILINE)) == 4


def test_the_date_goes_with_the_servers_time(server: MemoryServer) -> None:
    server.advance(61)
    assert b"date: Sun, 15 Jun 2025 15:07:41 GMT" in raw(server, get(b"/gradio_api/user"))


def test_a_conversation_is_the_same_however_it_is_cut() -> None:
    sent = post(b"/gradio_api/queue/join", JOIN) + get(b"/gradio_api/queue/data?session_hash=s")
    answers = set()
    for chunks in chunkings(sent):
        connection = MemoryServer(demo_app()).connect()
        out = b""
        for chunk in chunks:
            connection.receive_data(chunk)
            while piece := connection.data_to_send():
                out += piece
        answers.add(out)
    (answer,) = answers
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b"0\r\n\r\n")


def test_pipelined_requests_are_answered_in_their_order(server: MemoryServer) -> None:
    answer = raw(server, get(b"/gradio_api/user") + get(b"/nosuch") + get(b"/gradio_api/login_check"))
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404", b"200"]


def test_what_is_pipelined_behind_a_stream_waits_for_its_end(server: MemoryServer) -> None:
    http = Http(server)
    http.join(2, ["x", 5])
    connection = server.connect()
    connection.receive_data(get(b"/gradio_api/queue/data?session_hash=s") + get(b"/gradio_api/user"))
    assert connection.data_to_send().count(b"HTTP/1.1") == 1
    server.advance(5)
    rest = b""
    while piece := connection.data_to_send():
        rest += piece
    assert rest.endswith(b"null")
    assert b"0\r\n\r\nHTTP/1.1 200 OK" in rest


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_who_does_not_keep_the_connection_gets_it_closed(server: MemoryServer, version: bytes) -> None:
    extra = b"Connection: close\r\n" if version == b"1.1" else b""
    answer = raw(server, get(b"/gradio_api/user", version, extra))
    assert b"Connection: close" in answer
    assert answer.endswith(b"null<closed>")


def test_who_does_not_know_chunks_gets_none(server: MemoryServer) -> None:
    raw(server, post(b"/gradio_api/queue/join", JOIN))
    answer = raw(server, get(b"/gradio_api/queue/data?session_hash=s", b"1.0"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert [m["msg"] for m in sse_events(body.removesuffix(b"<closed>"))][-1] == "close_stream"


def test_an_idle_connection_is_closed_after_five_seconds(server: MemoryServer) -> None:
    used, unused = server.connect(), server.connect()
    used.receive_data(get(b"/gradio_api/user"))
    used.data_to_send()
    server.advance(4.9)
    assert not used.closed
    used.receive_data(get(b"/gradio_api/user"))
    used.data_to_send()
    server.advance(4.9)
    assert not used.closed
    assert server.next_deadline() == pytest.approx(9.9)
    server.advance(0.1)
    assert used.closed
    assert not unused.closed


def test_a_connection_with_an_open_stream_is_not_idle(server: MemoryServer) -> None:
    http = Http(server)
    http.start("GET", "/gradio_api/heartbeat/s")
    server.advance(60)
    assert not http.connection.closed


@pytest.mark.parametrize(
    "data", [b"BLAH\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX y\r\n\r\n"]
)
def test_what_is_no_http_is_refused_and_closed(server: MemoryServer, data: bytes) -> None:
    answer = raw(server, data)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Invalid HTTP request received." in answer
    assert answer.endswith(b"<closed>")


@pytest.mark.parametrize("fault", ["hang", "stall", "late"])
def test_what_comes_behind_a_last_request_that_is_not_answered_yet_is_refused(server: MemoryServer, fault: str) -> None:
    server.app.inject(fault)
    connection = server.connect()
    connection.receive_data(b"HEAD /config HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    connection.data_to_send()
    connection.receive_data(b"GET /config HTTP/1.1\r\nhost: a\r\n\r\n")
    connection.data_to_send()
    assert connection.closed
    assert raw(server, get(b"/config")).startswith(b"HTTP/1.1 200 OK")


def test_a_body_that_breaks_http_ends_its_exchange(server: MemoryServer) -> None:
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    answer = raw(server, head + b"Transfer-Encoding: chunked\r\n\r\nnot hex\r\n")
    assert b"400 Bad Request" in answer
    assert server.app.requests[-1].end == "disconnected"


def test_nothing_is_answered_after_the_client_closed(server: MemoryServer) -> None:
    connection = server.connect()
    connection.receive_data(get(b"/gradio_api/user")[:10])
    connection.receive_data(b"")
    assert connection.closed
    connection.receive_data(get(b"/gradio_api/user"))
    assert connection.data_to_send() == b""


def test_who_waits_for_leave_to_send_a_body_gets_it(server: MemoryServer) -> None:
    connection = server.connect()
    request = post(b"/gradio_api/queue/join", JOIN, extra=b"Expect: 100-continue\r\n")
    head, body = request[: -len(JOIN)], request[-len(JOIN) :]
    connection.receive_data(head)
    assert connection.data_to_send() == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.receive_data(body)
    assert connection.data_to_send().startswith(b"HTTP/1.1 200 OK")


def test_who_waits_for_leave_where_there_is_nothing_is_told_at_once(server: MemoryServer) -> None:
    request = post(b"/nosuch", JOIN, extra=b"Expect: 100-continue\r\n")[: -len(JOIN)]
    assert raw(server, request).startswith(b"HTTP/1.1 404 Not Found")


def test_a_refusal_comes_before_the_body_is_over_and_the_rest_is_thrown_away(server: MemoryServer) -> None:
    connection = server.connect()
    request = post(b"/nosuch", b"x" * 1000)
    connection.receive_data(request[:-500])
    assert connection.data_to_send().startswith(b"HTTP/1.1 404 Not Found")
    connection.receive_data(request[-500:] + get(b"/gradio_api/user"))
    assert connection.data_to_send().endswith(b"null")


def test_a_crash_closes_the_connection(server: MemoryServer) -> None:
    answer = raw(server, post(b"/gradio_api/queue/join", JOIN.replace(b'"fn_index":0', b'"fn_index":99')))
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error")
    assert answer.endswith(b"Internal Server Error<closed>")


def test_a_body_on_a_get_is_ignored(server: MemoryServer) -> None:
    request = b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    assert raw(server, request).endswith(b"\r\n\r\nnull")


def test_percent_signs_in_a_path_are_decoded(server: MemoryServer) -> None:
    assert raw(server, get(b"/gradio%5Fapi/user")).startswith(b"HTTP/1.1 200")
    assert server.app.requests[-1].path == "/gradio_api/user"


@pytest.mark.parametrize(
    ("headers", "root", "origin"),
    [
        ([], "http://fake.test", "http://fake.test"),
        ([("x-forwarded-proto", "https")], "https://fake.test", "https://fake.test"),
        ([("x-forwarded-proto", "https, http")], "https://fake.test", "http://fake.test"),
        (
            [("x-forwarded-host", "a.test, b.test"), ("x-forwarded-proto", "https")],
            "https://a.test",
            "https://fake.test",
        ),
    ],
)
def test_the_root_is_what_the_client_or_its_proxy_called_it(
    server: MemoryServer, headers: list[tuple[str, str]], root: str, origin: str
) -> None:
    http = Http(server)
    assert http.request("GET", "/config", headers=headers).json["root"] == root
    # A redirection is uvicorn's, which knows less of proxies.
    assert http.request("GET", "/gradio_api/queue/join/", headers=headers).header("location") == (
        f"{origin}/gradio_api/queue/join"
    )


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:1", "127.0.0.1:2", True),
        ("http://elsewhere.test", "127.0.0.1:2", False),
        ("http://elsewhere.test", "here.test", True),
        ("http://[::1]:8", "[::1]:9", True),
        ("null", "localhost", False),
    ],
)
def test_other_sites_pages_may_not_read_a_local_apps_answers(
    server: MemoryServer, origin: str, host: str, allowed: bool
) -> None:
    answer = raw(
        server, b"GET /gradio_api/user HTTP/1.1\r\nHost: %b\r\nOrigin: %b\r\n\r\n" % (host.encode(), origin.encode())
    )
    assert b"access-control-allow-credentials: true" in answer
    assert (b"access-control-allow-origin" in answer) is allowed


def test_the_page_cannot_be_broken_out_of() -> None:
    app = FakeApp(title="</script><b>&")
    app.endpoint("/f")(lambda text: text)
    page = Http(MemoryServer(app)).request("GET", "/").body.decode()
    assert page.count("</script>") == 2
    found = re.search(r"window\.gradio_config = (.*?);[\s]*</script>", page)
    assert found is not None
    assert json.loads(found[1])["title"] == "</script><b>&"
    head = Http(MemoryServer(app)).request("HEAD", "/")
    assert (head.body, head.header("content-length")) == (b"", str(len(page.encode())))


def test_documents_are_kept_for_each_address_and_forgotten_with_the_next_endpoint(server: MemoryServer) -> None:
    http = Http(server)
    for number in range(40):
        assert http.request("GET", "/config", headers=[("x-forwarded-host", f"h{number}")]).json["root"][-2:] != "h"
    before = len(http.request("GET", "/config").json["dependencies"])
    server.app.endpoint("/more")(lambda: None)
    assert len(http.request("GET", "/config").json["dependencies"]) == before + 1


def test_the_simple_api_needs_no_session_and_takes_no_states(server: MemoryServer) -> None:
    http = Http(server)

    def call(path: str, value: object) -> list[str]:
        event_id = http.request("POST", f"/gradio_api/call/{path}", value=value).json["event_id"]
        body = http.start("GET", f"/gradio_api/call/{path}/{event_id}").body
        return body.decode().split("\n\n")[:-1]

    assert call("count", {"data": [2]}) == [
        'event: generating\ndata: ["n=0"]',
        'event: generating\ndata: ["n=1"]',
        'event: complete\ndata: ["n=1"]',
    ]
    assert call("echo", {"data": ["é"]}) == ['event: complete\ndata: ["\\u00e9"]']
    assert call("incr", {"data": []}) == ["event: complete\ndata: [1, null]"]
    assert call("incr", {"data": [], "session_hash": "mine"}) == ["event: complete\ndata: [1, null]"]
    assert call("incr", {"data": [], "session_hash": "mine"}) == ["event: complete\ndata: [2, null]"]
    assert call("fail", {"data": ["x"]}) == [
        'event: error\ndata: {"error": "boom-visible", "duration": 10, "visible": true, "title": "Error"}'
    ]


def test_the_simple_api_beats_while_it_waits_and_its_cancel_completes_with_null(server: MemoryServer) -> None:
    http, other = Http(server), Http(server)
    event_id = http.request("POST", "/gradio_api/call/slow", value={"data": ["x", 100]}).json["event_id"]
    http.start("GET", f"/gradio_api/call/slow/{event_id}")
    server.advance(15)
    assert http.more().body == b"event: heartbeat\ndata: null\n\n"
    value = {"session_hash": event_id, "fn_index": 2, "event_id": event_id}
    other.request("POST", "/gradio_api/cancel", value=value)
    assert http.more().body.endswith(b"event: complete\ndata: null\n\n")


def test_a_finished_simple_call_is_found_by_its_event_in_its_session(server: MemoryServer) -> None:
    http = Http(server)
    value = {"data": ["x"], "session_hash": "mine"}
    event_id = http.request("POST", "/gradio_api/call/echo", value=value).json["event_id"]
    assert http.start("GET", f"/gradio_api/call/echo/{event_id}").body == b'event: complete\ndata: ["x"]\n\n'


def test_the_simple_api_takes_named_arguments(server: MemoryServer) -> None:
    http = Http(server)
    for arguments, status in [
        ({"a": 1, "b": 2}, 200),
        ({"b": 2, "a": 1, "oauth_token": "x"}, 200),
        ({"a": 1}, 500),
        ({"a": 1, "b": 2, "c": 3}, 500),
    ]:
        assert http.request("POST", "/gradio_api/call/v2/add", value=arguments).status == status
    assert http.request("POST", "/gradio_api/call/v2/incr", value={}).status == 200
    assert http.request("POST", "/gradio_api/call/v2/secret", value={"text": "x"}).status == 500
    assert http.request("POST", "/gradio_api/call/v2/nosuch", value={}).status == 500


def test_direct_calls_may_be_forbidden_for_queued_endpoints() -> None:
    http = Http(MemoryServer(demo_app(api_open=False)))
    assert http.request("POST", "/gradio_api/run/now_upper", value={"data": ["x"]}).json["data"] == ["X"]
    refused = http.request("POST", "/gradio_api/run/echo", value={"data": ["x"]})
    assert refused.status == 404
    assert refused.json["detail"].startswith("This API endpoint does not accept direct HTTP POST requests.")


def test_a_direct_call_waits_for_its_function_and_may_be_left(server: MemoryServer) -> None:
    http, left = Http(server), Http(server)
    value = {"data": ["x", 3]}
    assert http.start("POST", "/gradio_api/run/slow", value=value).status == 0
    left.start("POST", "/gradio_api/run/slow", value=value)
    left.connection.close()
    server.advance(3)
    response = http.more()
    assert (response.whole, response.json["data"], response.json["duration"]) == (True, ["x"], 3.0)
    assert [job.state for job in server.app.jobs.values()] == ["completed", "completed"]


def test_a_direct_call_of_a_generator_gets_its_first_output_only(server: MemoryServer) -> None:
    answer = Http(server).request("POST", "/gradio_api/run/count", value={"data": [3]}).json
    assert (answer["data"], answer["is_generating"]) == (["n=0"], True)
    assert server.app.job("/count").state == "dropped"


def test_a_direct_call_drops_logs_and_cannot_send_a_lone_surrogate(server: MemoryServer) -> None:
    http = Http(server)
    http.start("POST", "/gradio_api/run/progress", value={"data": [2]})
    server.advance(1)
    assert http.more().json["data"] == ["done 2"]
    assert http.request("POST", "/gradio_api/run/echo", value={"data": ["\ud800"]}).status == 500


def test_the_log_knows_what_each_request_was_and_how_it_ended(server: MemoryServer) -> None:
    http = Http(server)
    http.join(0, ["x"])
    http.stream()
    http.request("GET", "/nosuch?a=b", headers=[("x-y", "z")])
    waiting = Http(server)
    waiting.start("GET", "/gradio_api/heartbeat/s")
    told = [(r.number, r.kind, r.session_hash, r.status, r.end) for r in server.app.requests]
    assert told == [
        (1, "join", "s", 200, "complete"),
        (2, "data", "s", 200, "complete"),
        (3, "unknown", None, 404, "complete"),
        (4, "heartbeat", "s", 200, "open"),
    ]
    join, _, unknown, heartbeat = server.app.requests
    assert join.body == {"data": ["x"], "fn_index": 0, "session_hash": "s"}
    assert (unknown.query, dict(unknown.headers)["x-y"]) == ("a=b", "z")
    assert (join.connection, heartbeat.connection) == (1, 2)
    server.advance(7)
    waiting.connection.close()
    assert (heartbeat.end, heartbeat.started, heartbeat.ended) == ("disconnected", 0.0, 7.0)
    assert server.app.open_streams == []


def test_large_bodies_are_not_logged(server: MemoryServer) -> None:
    http = Http(server)
    http.join(0, ["x" * 100_000])
    assert server.app.requests[-1].body is None
    assert server.app.requests[-1].session_hash == "s"


def test_closing_the_server_drops_its_connections(server: MemoryServer) -> None:
    http = Http(server)
    http.start("GET", "/gradio_api/heartbeat/s")
    server.close()
    assert http.connection.closed
    assert server.app.requests[-1].end == "disconnected"
