"""The queues of Gradio 2 to 4: polled, one stream for each event, and what later streams did not do yet."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gradproto_fake_server import FakeApp, MemoryServer, demo_app

from .old_wire import Socket, index_of, polled_call, stream_call
from .wire import Http, Response


def made(version: str, **options: Any) -> MemoryServer:
    return MemoryServer(demo_app(version, **options))


def post(server: MemoryServer, path: str, value: Any) -> Response:
    return Http(server).request("POST", path, value=value)


def joined(server: MemoryServer, name: str, data: list[Any], session_hash: str = "s") -> str:
    body = {"data": data, "fn_index": index_of(server, name), "session_hash": session_hash}
    event_id: str = post(server, f"{server.app.profile.api_prefix}/queue/join", body).json["event_id"]
    return event_id


def stream(server: MemoryServer, session_hash: str = "s") -> tuple[Http, Response]:
    http = Http(server)
    return http, http.start("GET", f"{server.app.profile.api_prefix}/queue/data?session_hash={session_hash}")


# -- polling


@pytest.mark.parametrize("version", ["2.9.4", "3.0.24", "3.1.4"])
def test_one_worker_looks_once_a_second_and_says_how_far_it_is(version: str) -> None:
    server = made(version, interface="/slow")
    answers = polled_call(server, index_of(server, "/slow"), ["x", 1])
    statuses = [answer["status"] for answer in answers]
    assert statuses == ["QUEUED", "QUEUED", "PENDING", "PENDING", "COMPLETE"]
    assert answers[0]["data"] == 0
    assert answers[2]["data"] is None
    assert answers[-1]["data"]["data"] == ["x"]


def test_jobs_wait_for_the_worker_in_their_order() -> None:
    server = made("3.0.24")
    body = {"fn_index": index_of(server, "/slow"), "action": "predict", "data": ["x", 1], "session_hash": "s"}
    pushed = [post(server, "/api/queue/push/", body).json for _ in range(3)]
    assert [answer["queue_position"] for answer in pushed] == [0, 1, 2]
    server.advance(1)
    told = [post(server, "/api/queue/status/", {"hash": answer["hash"]}).json for answer in pushed]
    assert told == [
        {"status": "PENDING", "data": None},
        {"status": "QUEUED", "data": 0},
        {"status": "QUEUED", "data": 1},
    ]


def test_a_result_can_be_read_once_and_a_failure_again_and_again() -> None:
    server = made("3.0.24")
    body = {"action": "predict", "data": ["x"], "session_hash": "s"}
    hashes = [
        post(server, "/api/queue/push/", {**body, "fn_index": index_of(server, name)}).json["hash"]
        for name in ("/echo", "/fail")
    ]
    server.advance(1)
    twice = [[post(server, "/api/queue/status/", {"hash": known}) for _ in range(2)] for known in hashes]
    assert [[answer.status for answer in answers] for answers in twice] == [[200, 500], [200, 200]]
    assert twice[1][1].json == {"status": "FAILED", "data": '{"error":"boom-visible"}'}
    assert post(server, "/api/queue/status/", {"hash": "nobody's"}).status == 500


def test_a_push_needs_all_its_fields_and_is_refused_in_the_words_of_the_time() -> None:
    refused = post(made("2.9.4"), "/api/queue/push/", {"data": ["x"]})
    assert refused.status == 422
    assert refused.json == {
        "detail": [{"loc": ["body", "action"], "msg": "field required", "type": "value_error.missing"}]
    }
    assert post(made("3.0.24"), "/api/queue/push/", {"data": ["x"], "action": "predict"}).status == 422


def test_the_polling_queue_and_a_login_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="Cannot queue with encryption or authentication enabled"):
        FakeApp("2.9.4", auth={"ali": "x"}, enable_queue=True)
    assert FakeApp("2.9.4", auth={"ali": "x"}).enable_queue is False


def test_an_app_that_does_not_queue_says_so_and_crashes_on_a_push() -> None:
    server = made("2.9.4", enable_queue=False)
    assert Http(server).request("GET", "/config").json["queue"] is False
    assert post(server, "/api/queue/push/", {"data": ["x"], "action": "predict"}).status == 500


# -- direct calls


def test_gradio_2_is_called_with_a_slash_and_names_nothing() -> None:
    server = made("2.9.4")
    assert Http(server).request("POST", "/api/predict", value={"data": ["x"]}).status == 307
    assert post(server, "/api/predict/", {"data": ["x"]}).json == {
        "data": ["x"],
        "flag_index": None,
        "updated_state": None,
        "durations": [0.0],
        "avg_durations": [0.0],
    }
    assert post(made("2.9.4", interface="/incr"), "/api/predict/", {"data": [None]}).json == {
        "data": [1, None],
        "flag_index": None,
        "durations": [0.0],
        "avg_durations": [0.0],
    }


def test_gradio_3_0_takes_an_unknown_name_for_the_first_endpoint() -> None:
    server = made("3.0.24")
    for path in ("/api/predict", "/api/predict/", "/api/echo", "/api/nosuch"):
        assert post(server, path, {"data": ["x"]}).json == {"data": ["x"], "duration": 0.0, "average_duration": 0.0}
    assert post(server, "/api/predict", {"data": [1, 2], "fn_index": 1}).json["data"] == [3.0]
    out_of_range = post(server, "/api/predict", {"data": [], "fn_index": 99})
    assert (out_of_range.status, out_of_range.json) == (500, {"error": "list index out of range"})
    assert post(server, "/run/echo", {"data": ["x"]}).status == 404


def test_later_an_unknown_name_is_an_error() -> None:
    old = post(made("3.32.0"), "/run/nosuch", {"data": ["x"]})
    assert (old.status, old.json) == (500, {"error": "This app has no endpoint /api/nosuch/."})
    new = post(made("4.0.2"), "/run/nosuch", {"data": ["x"]})
    assert (new.status, new.body) == (500, b"Internal Server Error")
    assert post(made("5.0.2"), "/gradio_api/run/nosuch", {"data": ["x"]}).body.startswith(b"Traceback ")


@pytest.mark.parametrize(
    ("version", "status", "detail"),
    [
        ("3.32.0", 401, "Not authorized to skip the queue"),
        ("3.50.2", 404, "Not Found"),
        ("4.0.2", 404, "This API endpoint does not accept direct HTTP POST requests. Please join the queue to use"),
    ],
)
def test_a_closed_api_refuses_what_is_queued_and_nothing_else(version: str, status: int, detail: str) -> None:
    server = made(version, api_open=False)
    refused = post(server, "/run/echo", {"data": ["x"]})
    assert refused.status == status
    assert refused.json["detail"].startswith(detail)
    assert post(server, "/run/now_upper", {"data": ["x"]}).json["data"] == ["X"]


def test_callers_without_a_session_shared_one_state_until_3_50() -> None:
    for version, counts in (("3.32.0", [1, 2]), ("3.50.2", [1, 1])):
        server = made(version)
        got = [post(server, "/run/incr", {"data": [None]}).json["data"][0] for _ in range(2)]
        assert got == counts


def test_private_endpoints_have_no_name_before_6() -> None:
    assert post(made("4.44.1"), "/run/secret", {"data": ["x"]}).status == 500
    assert post(made("6.0.2"), "/gradio_api/run/secret", {"data": ["x"]}).json["data"] == ["secret x"]
    server = made("4.44.1")
    body = {"data": ["x"], "fn_index": index_of(server, "/secret")}
    assert post(server, "/run/predict", body).json["data"] == ["secret x"]


# -- one stream for each event


def test_a_stream_ends_by_itself_when_its_event_is_complete() -> None:
    server = made("4.0.2")
    _, response = stream_call(server, 0, ["hé"])
    assert response.whole
    assert response.kinds == ["estimation", "send_data", "process_starts", "process_completed"]
    assert b'data: {"msg": "process_starts"}\n\n' in response.body
    assert b"h\\u00e9" in response.body


def test_data_in_the_query_need_not_be_sent() -> None:
    response = Http(made("4.8.0")).start("GET", "/queue/join?fn_index=0&session_hash=s&data=%5B%22x%22%5D")
    assert response.kinds == ["estimation", "process_starts", "process_completed"]
    assert response.whole


def test_data_that_do_not_come_within_five_seconds_end_the_stream_without_a_word() -> None:
    server = made("4.0.2")
    http = Http(server)
    response = http.start("GET", "/queue/join?fn_index=0&session_hash=s")
    server.advance(4.9)
    assert not http.more().whole
    server.advance(0.1)
    assert http.more().whole
    assert response.kinds == ["estimation", "send_data"]
    event_id = response.messages[1]["event_id"]
    assert post(server, "/queue/data", {"data": ["x"], "event_id": event_id}).status == 500


@pytest.mark.parametrize("version", ["3.4.1", "3.50.2", "4.0.2", "4.8.0"])
@pytest.mark.parametrize("end", [FakeApp.forget_sessions, FakeApp.restart, FakeApp.shutdown, FakeApp.reset])
def test_of_what_is_forgotten_no_data_are_expected(version: str, end: Callable[[FakeApp], None]) -> None:
    server = made(version)
    endpoint = server.app.named("/echo")
    endpoint.concurrency_limit = 1
    if server.app.profile.protocol is None:
        sockets = [Socket(server) for _ in range(2)]
        for socket in sockets if version == "3.50.2" else ():
            socket.send({"fn_index": endpoint.index, "session_hash": "s"})
    else:
        for _ in range(2):
            Http(server).start("GET", f"/queue/join?fn_index={endpoint.index}&session_hash=s")
    assert len(server.app.jobs) == 2
    end(server.app)
    server.advance(100)
    # An orderly end of 4.0 to 4.8 leaves what waits where it is.
    waits = end is FakeApp.shutdown and server.app.profile.protocol is not None
    assert len(server.app.queue.events) == waits


def test_what_is_wrong_with_a_join_is_said() -> None:
    http = Http(made("4.0.2"))
    assert http.request("GET", "/queue/join?fn_index=999&session_hash=s").status == 500
    missing = Http(http.server).request("GET", "/queue/join?fn_index=0")
    assert (missing.status, missing.json["detail"][0]["loc"]) == (422, ["query", "session_hash"])
    bad = Http(http.server).request("GET", "/queue/join?fn_index=abc&session_hash=s")
    assert (bad.status, bad.json["detail"][0]["type"]) == (422, "int_parsing")
    assert post(http.server, "/queue/data", {"event_id": "nope"}).status == 422
    assert post(http.server, "/queue/data", {"event_id": "nope", "data": []}).status == 500


def test_a_full_queue_is_told_in_the_stream() -> None:
    server = made("4.0.2", max_queue_size=1)
    index = index_of(server, "/slow")
    stream_call(server, index, ["x", 10])
    waiting = Http(server).start("GET", f"/queue/join?fn_index={index}&session_hash=b")
    full = Http(server).start("GET", f"/queue/join?fn_index={index}&session_hash=c")
    assert (waiting.kinds, waiting.whole) == (["estimation"], False)
    assert (full.kinds, full.whole) == (["queue_full"], True)


def test_a_silent_stream_had_one_heartbeat_at_first_and_then_all() -> None:
    for version, count in (("4.0.2", 1), ("4.8.0", 4)):
        server = made(version)
        http, _ = stream_call(server, index_of(server, "/slow"), ["x", 100])
        server.advance(60)
        assert http.more().kinds.count("heartbeat") == count


def test_reset_ends_the_stream_of_a_generator_without_a_completion() -> None:
    server = made("4.8.0")
    server.app.hold("/count")
    http, response = stream_call(server, index_of(server, "/count"), [5])
    server.app.job("/count").step()
    server.settle()
    event_id = response.messages[1]["event_id"]
    assert http.more().kinds[-1] == "process_generating"
    assert post(server, "/reset", {"event_id": "nope"}).json == {"success": False}
    assert post(server, "/reset", {"event_id": event_id}).json == {"success": True}
    assert http.more().whole
    assert response.kinds[-1] == "process_generating"
    assert server.app.job("/count").state == "cancelled"


def test_a_client_that_leaves_takes_its_event_along() -> None:
    server = made("4.0.2")
    first, _ = stream_call(server, index_of(server, "/slow"), ["x", 10])
    second, _ = stream_call(server, index_of(server, "/slow"), ["x", 10], "other")
    second.connection.close()
    assert server.app.queue.size == 0
    server.app.hold("/count")
    third, _ = stream_call(server, index_of(server, "/count"), [3])
    third.connection.close()
    assert server.app.job("/count").state == "dropped"
    assert not first.connection.closed


# -- one stream for each session, in its youth


@pytest.mark.parametrize("version", ["4.9.0", "4.12.0", "4.19.2", "4.21.0"])
def test_before_4_22_the_stream_just_ends_after_the_last_completion(version: str) -> None:
    server = made(version)
    joined(server, "/echo", ["x"])
    _, response = stream(server)
    assert response.whole
    assert response.kinds[-1] == "process_completed"


@pytest.mark.parametrize("version", ["4.12.0", "4.31.5"])
def test_reset_is_silent_about_the_event_and_its_stream_stays_open(version: str) -> None:
    server = made(version)
    server.app.hold("/count")
    event_id = joined(server, "/count", [3])
    http, response = stream(server)
    server.app.job("/count").step()
    server.settle()
    assert post(server, "/reset", {"event_id": event_id}).json == {"success": True}
    server.advance(1)
    assert not http.more().whole
    assert response.kinds[-1] == "process_generating"
    assert server.app.job("/count").state == "cancelled"


def test_from_4_35_reset_says_yes_and_does_nothing() -> None:
    server = made("4.44.1")
    server.app.hold("/count")
    event_id = joined(server, "/count", [3])
    assert post(server, "/reset", {"event_id": event_id}).json == {"success": True}
    assert server.app.job("/count").state == "held"


def test_cancel_came_with_4_31_and_removed_waiting_events_from_6_14_on() -> None:
    assert post(made("4.25.0"), "/cancel", {}).status == 404
    for version, prefix, runs_all_the_same in (
        ("4.31.0", "", True),
        ("6.13.0", "/gradio_api", True),
        ("6.14.0", "/gradio_api", False),
    ):
        server = made(version)
        joined(server, "/slow", ["a", 1], "other")
        event_id = joined(server, "/slow", ["b", 1])
        http, response = stream(server)
        body = {"session_hash": "s", "fn_index": index_of(server, "/slow"), "event_id": event_id}
        assert post(server, f"{prefix}/cancel", body).json == {"success": True}
        assert http.more().kinds[:3] == ["estimation", "process_completed", "close_stream"]
        assert response.messages[1]["output"] == {}
        server.advance(1)
        assert (server.app.job("/slow").state == "sleeping") is runs_all_the_same


@pytest.mark.parametrize(
    ("version", "kinds", "ended"),
    [("4.12.0", ["process_starts"], False), ("4.31.5", ["process_starts", "process_completed", "close_stream"], True)],
)
def test_an_endpoint_that_cancels_is_silent_until_4_31(version: str, kinds: list[str], ended: bool) -> None:
    server = made(version)
    server.app.cancel_endpoint("/stop", cancels=["/slow"])
    joined(server, "/slow", ["x", 5])
    http, response = stream(server)
    stop = index_of(server, "/stop")
    assert post(server, "/run/predict", {"data": [], "fn_index": stop, "session_hash": "s"}).status == 200
    assert http.more().kinds[1:] == kinds
    assert response.whole is ended


def test_from_4_35_an_endpoint_that_cancels_is_the_browsers_business() -> None:
    server = made("4.44.1")
    server.app.cancel_endpoint("/stop", cancels=["/slow"])
    body = {"data": [], "fn_index": index_of(server, "/stop"), "session_hash": "s"}
    refused = post(server, "/run/predict", body)
    assert (refused.status, refused.json) == (500, {"error": "function has no backend method."})
    dependency = Http(server).request("GET", "/config").json["dependencies"][-1]
    assert (dependency["backend_fn"], dependency["types"]["cancel"]) == (False, True)
    with pytest.raises(ValueError, match="no endpoints that cancel others"):
        demo_app("3.4.1").cancel_endpoint("/stop", cancels=["/slow"])


def test_from_4_19_2_to_4_23_a_session_outlives_its_stream() -> None:
    for version, survives in (("4.19.0", False), ("4.19.2", True), ("4.23.0", True), ("4.24.0", False)):
        server = made(version)
        joined(server, "/slow", ["x", 1])
        http, _ = stream(server)
        http.connection.close()
        server.advance(1)
        _, response = stream(server)
        assert ("process_completed" in response.kinds) is survives


@pytest.mark.parametrize(
    ("version", "no_session", "empty_session", "last"),
    [
        ("4.12.0", "No session hash provided.", 200, 200),
        ("4.25.0", "Session hash not found.", 500, 200),
        ("4.44.1", "Session hash not found.", 500, 500),
    ],
)
def test_joins_that_are_wrong_are_answered_as_each_version_does(
    version: str, no_session: str, empty_session: int, last: int
) -> None:
    server = made(version)
    refused = post(server, "/queue/join", {"data": ["x"], "fn_index": 0})
    assert (refused.status, refused.json) == (400, {"detail": no_session})
    assert post(server, "/queue/join", {"data": ["x"], "fn_index": 0, "session_hash": ""}).status == empty_session
    assert post(server, "/queue/join", {"data": ["x"], "fn_index": -1, "session_hash": "s"}).status == last


# -- /call


def call_result(server: MemoryServer, name: str, value: dict[str, Any]) -> tuple[str, Any]:
    prefix = server.app.profile.api_prefix
    event_id = post(server, f"{prefix}/call{name}", value).json["event_id"]
    body = Http(server).start("GET", f"{prefix}/call{name}/{event_id}").body.decode()
    event, data = body.strip().split("\n\n")[-1].split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_call_came_with_4_20_and_says_why_it_failed_from_6_13_on() -> None:
    assert post(made("4.19.2"), "/call/echo", {"data": ["x"]}).status == 404
    for version in ("4.21.0", "6.0.2", "6.13.0"):
        server = made(version)
        assert call_result(server, "/echo", {"data": ["x"]}) == ("complete", ["x"])
        event, error = call_result(server, "/fail", {"data": ["x"]})
        assert event == "error"
        assert (error is None) == (version != "6.13.0")


def test_before_6_18_a_call_that_names_its_session_is_lost() -> None:
    event, error = call_result(made("6.0.2"), "/echo", {"data": ["x"], "session_hash": "s"})
    assert (event, error) == ("error", "404: Not Found")
    assert call_result(made("6.18.0"), "/echo", {"data": ["x"], "session_hash": "s"}) == ("complete", ["x"])


def test_the_own_stream_of_an_event_that_is_forgotten_is_cut() -> None:
    server = MemoryServer(demo_app("4.8.0"))
    server.app.hold("/echo")
    http = Http(server)
    response = http.start("GET", "/queue/join?session_hash=s&fn_index=0&data=%5B%22x%22%5D")
    assert response.status == 200
    server.app.forget_sessions()
    http.more()
    assert http.connection.closed
    assert not response.whole
