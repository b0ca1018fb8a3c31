"""What the queue does and says, over memory: exact to the message and to the second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gradproto_fake_server import AppFailure, FakeApp, Hold, MemoryServer, Sleep, Steps, demo_app, state

from .wire import Http, Response

ECHO, ADD, SLOW, COUNT, FAIL, UPPER, INCR, CHAT, PROGRESS, SECRET, NOW_UPPER = range(11)


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer(demo_app())


@pytest.fixture
def http(server: MemoryServer) -> Http:
    return Http(server)


def outputs(response: Response) -> list[Any]:
    return [m["output"]["data"] for m in response.messages if m["msg"] == "process_generating"]


def test_a_plain_call_is_told_its_place_its_start_and_its_end(http: Http) -> None:
    event_id = http.join(ECHO, ["hé ✓"])
    response = http.stream()
    assert response.whole
    assert response.messages == [
        {"msg": "estimation", "event_id": event_id, "rank": 0, "queue_size": 1, "rank_eta": None},
        {"msg": "process_starts", "event_id": event_id, "eta": None},
        {
            "msg": "process_completed",
            "event_id": event_id,
            "output": {
                "data": ["hé ✓"],
                "is_generating": False,
                "duration": 0.0,
                "average_duration": 0.0,
                "render_config": None,
                "changed_state_ids": [],
                "used_cache": None,
            },
            "success": True,
            "title": None,
            "used_cache": None,
            "cache_duration": 0.0,
            "avg_time": 0.0,
        },
        {"msg": "close_stream", "event_id": None},
    ]
    assert "✓".encode() in response.body


def test_a_generator_sends_its_first_output_whole_then_edits_then_the_last_one_again(http: Http) -> None:
    http.join(COUNT, [3])
    response = http.stream()
    assert outputs(response) == [["n=0"], [[["replace", [], "n=1"]]], [[["replace", [], "n=2"]]]]
    *_, completed, _ = response.messages
    assert completed["output"]["data"] == ["n=2"]
    assert completed["output"]["is_generating"] is False


def test_a_growing_chat_is_sent_as_what_was_added(http: Http) -> None:
    http.join(CHAT, ["a b", None])
    first, *later = outputs(http.stream())
    assert [said["role"] for said in first[0]] == ["user", "assistant"]
    added = [" said:", " a", " b"]
    assert later == [[[["append", [1, "content", 0, "text"], text]]] for text in added]


def test_json_outputs_are_sent_whole_and_equal_ones_as_no_edit() -> None:
    app = FakeApp()

    @app.endpoint("/f")
    def function() -> Iterator[dict[str, Any]]:
        value: dict[str, Any] = {"l": [1]}
        yield value
        value["l"].append(2)  # the same object: what was sent before must not change with it
        yield value
        yield value

    http = Http(MemoryServer(app))
    http.join(0, [])
    assert outputs(http.stream()) == [[{"l": [1]}], [[["replace", [], {"l": [1, 2]}]]], [[]]]


def test_an_empty_generator_completes_with_null(http: Http) -> None:
    http.join(COUNT, [0])
    response = http.stream()
    assert response.kinds == ["estimation", "process_starts", "process_completed", "close_stream"]
    assert response.messages[2]["output"]["data"] == [None]


def test_a_failure_is_told_with_its_title(http: Http) -> None:
    http.join(FAIL, ["x"])
    completed = http.stream().messages[2]
    assert completed["output"] == {"error": "boom-visible", "duration": 10, "visible": True, "title": "Error"}
    assert (completed["success"], completed["title"], completed["cache_duration"]) == (False, "Error", None)


def test_a_generator_that_fails_late_has_no_title_and_a_toast_for_a_cache() -> None:
    app = FakeApp(show_error=True)

    @app.endpoint("/late")
    def late() -> Iterator[str]:
        yield "a"
        raise AppFailure("late")

    @app.endpoint("/stranger")
    def stranger() -> Iterator[str]:
        yield "a"
        raise ValueError("stranger")

    http = Http(MemoryServer(app))
    http.join(0, [])
    completed = http.stream().messages[-2]
    assert (completed["success"], completed["title"], completed["cache_duration"]) == (False, None, 10.0)
    http.join(1, [])
    completed = http.stream().messages[-2]
    assert completed["output"] == {"error": "stranger", "visible": True}
    assert (completed["title"], completed["cache_duration"]) == (None, None)


def test_errors_of_strangers_are_hidden_unless_they_are_to_be_shown(http: Http) -> None:
    http.join(ADD, ["a", 1])
    assert http.stream().messages[2]["output"] == {"error": None}


def test_time_passes_only_when_it_is_told_to(server: MemoryServer, http: Http) -> None:
    http.join(SLOW, ["x", 3600.5])
    response = http.stream()
    assert response.kinds == ["estimation", "process_starts"]
    server.advance(3600)
    response = http.more()
    assert response.kinds[2:] == ["heartbeat"] * 240
    server.advance(0.5)
    *_, completed, _ = http.more().messages
    assert completed["output"]["duration"] == 3600.5
    assert server.now == 3600.5


def test_a_second_event_waits_and_is_told_when_it_moves(server: MemoryServer) -> None:
    first, second, third = Http(server), Http(server), Http(server)
    first.join(SLOW, ["a", 10], "one")
    second.join(SLOW, ["b", 10], "two")
    third.join(SLOW, ["c", 10], "three")
    for http, session_hash in ((first, "one"), (second, "two"), (third, "three")):
        http.stream(session_hash)
    places = [(m["rank"], m["queue_size"], m["rank_eta"]) for m in third.more().messages]
    assert places == [(1, 2, None)]
    server.advance(10)
    assert first.more().whole
    assert second.more().kinds == ["estimation", "process_starts"]
    places = [(m["rank"], m["queue_size"], m["rank_eta"]) for m in third.more().messages]
    assert places == [(1, 2, None), (0, 1, 20.0)]
    assert server.app.queue.size == 1


def test_a_join_is_told_how_long_it_will_take_once_that_is_known(server: MemoryServer) -> None:
    http, other = Http(server), Http(server)
    http.join(SLOW, ["a", 10], "one")
    server.advance(10)
    http.join(SLOW, ["b", 10], "two")
    server.advance(4)
    http.join(SLOW, ["c", 10], "three")
    http.join(SLOW, ["d", 10], "four")
    etas = [
        [message["rank_eta"] for message in other.stream(name).messages if message["msg"] == "estimation"]
        for name in ("two",)
    ]
    assert etas == [[10.0]]
    assert Http(server).stream("three").messages[0]["rank_eta"] == 16.0
    assert Http(server).stream("four").messages[0]["rank_eta"] == 26.0


def test_endpoints_with_one_concurrency_id_share_the_strictest_limit() -> None:
    app = FakeApp()

    def function() -> Steps[str]:
        yield Sleep(1)
        return ""

    for name, limit in (("/a", None), ("/b", 2), ("/c", 3)):
        app.endpoint(name, concurrency_limit=limit, concurrency_id="shared")(function)
    server = MemoryServer(app)
    http = Http(server)
    http.join(1, [], "1")
    http.join(0, [], "2")
    http.join(2, [], "3")
    assert [job.state for job in app.jobs.values()] == ["sleeping", "sleeping", "queued"]
    server.advance(1)
    assert [job.state for job in app.jobs.values()] == ["completed", "completed", "sleeping"]


def test_events_of_one_session_share_a_stream_that_ends_with_the_last(server: MemoryServer, http: Http) -> None:
    slow = http.join(SLOW, ["x", 1])
    quick = http.join(ECHO, ["y"])
    response = http.stream()
    assert not response.whole
    ended = [m["event_id"] for m in response.messages if m["msg"] == "process_completed"]
    assert ended == [quick]
    server.advance(1)
    response = http.more()
    assert response.whole
    ended = [m["event_id"] for m in response.messages if m["msg"] == "process_completed"]
    assert ended == [quick, slow]


def test_messages_wait_for_their_stream(server: MemoryServer, http: Http) -> None:
    http.join(COUNT, [2])
    server.advance(100)
    assert http.stream().whole


def test_a_stream_after_the_end_only_beats(server: MemoryServer, http: Http) -> None:
    http.join(ECHO, ["x"])
    assert http.stream().whole
    response = http.stream()
    server.advance(31)
    assert http.more().kinds == ["heartbeat", "heartbeat"]
    assert not response.whole


def test_the_stream_of_an_unknown_session_says_so_and_is_cut(http: Http) -> None:
    response = http.stream("nobody")
    assert response.status == 200
    assert response.messages == [
        {
            "msg": "unexpected_error",
            "event_id": None,
            "message": "404: Not Found",
            "session_not_found": True,
            "success": False,
        }
    ]
    assert not response.whole
    assert http.connection.closed
    assert http.server.app.requests[-1].end == "cut"


def test_a_lone_surrogate_kills_the_stream(http: Http) -> None:
    http.join(ECHO, ["\ud800"])
    response = http.stream()
    assert response.messages[-1]["message"] == "str is not valid UTF-8: surrogates not allowed"
    assert response.messages[-1]["session_not_found"] is False
    assert http.connection.closed


def test_a_broken_stream_takes_its_waiting_events_with_it(server: MemoryServer) -> None:
    http, broken = Http(server), Http(server)
    http.join(SLOW, ["a", 10], "other")
    http.join(SLOW, ["b", 10], "mine")
    server.app.hold("/count")
    http.join(COUNT, [3], "mine")
    broken.stream("mine")
    broken.connection.close()
    assert [job.state for job in server.app.jobs.values()] == ["sleeping", "dropped", "dropped"]
    assert server.app.queue.size == 0
    assert Http(server).stream("mine").kinds == ["unexpected_error"]


def test_after_a_broken_stream_a_session_works_but_its_stream_never_ends(server: MemoryServer) -> None:
    http, broken = Http(server), Http(server)
    http.join(SLOW, ["x", 10])
    broken.stream()
    broken.connection.close()
    http.join(ECHO, ["x"])
    response = http.stream()
    assert response.kinds == ["estimation", "process_starts", "process_completed"]
    assert not response.whole


def test_a_plain_function_of_a_broken_stream_keeps_its_place_to_its_end(server: MemoryServer) -> None:
    http, broken = Http(server), Http(server)
    http.join(SLOW, ["a", 10], "mine")
    broken.stream("mine")
    broken.connection.close()
    http.join(SLOW, ["b", 1], "next")
    assert server.app.job("/slow").state == "queued"
    server.advance(10)
    assert server.app.job("/slow").state == "sleeping"


def test_a_generator_of_a_broken_stream_stops_at_its_next_output() -> None:
    app = FakeApp()
    closed: list[bool] = []

    @app.endpoint("/f")
    def function() -> Iterator[str | Sleep]:
        try:
            yield "a"
            yield Sleep(5)
            yield "b"
            yield "c"
        finally:
            closed.append(True)

    server = MemoryServer(app)
    http = Http(server)
    http.join(0, [])
    broken = Http(server)
    broken.stream()
    broken.connection.close()
    server.advance(4)
    assert not closed
    server.advance(1)
    assert closed == [True]
    job = app.job("/f")
    assert (job.state, job.outputs_given) == ("dropped", 2)


def test_two_streams_of_one_session_share_its_messages(server: MemoryServer, http: Http) -> None:
    http.join(SLOW, ["x", 40])
    first, second = Http(server), Http(server)
    first.stream()
    second.stream()
    server.advance(40)
    got = [*first.more().kinds, *second.more().kinds]
    assert sorted(got) == sorted(
        ["estimation", "process_starts", *["heartbeat"] * 4, "process_completed", "close_stream"]
    )
    second.connection.close()
    assert server.app.open_streams == [] or first.more().kinds[-1] == "unexpected_error"


def cancel(http: Http, fn_index: int, event_id: str, session_hash: str = "s") -> None:
    value = {"session_hash": session_hash, "fn_index": fn_index, "event_id": event_id}
    assert http.request("POST", "/gradio_api/cancel", value=value).body == b'{"success":true}'


EMPTY = {"output": {}, "success": True, "title": None, "used_cache": None, "cache_duration": None, "avg_time": None}


def test_cancelling_a_waiting_event_completes_it_with_nothing(server: MemoryServer, http: Http) -> None:
    http.join(SLOW, ["a", 10], "other")
    event_id = http.join(SLOW, ["b", 10])
    cancel(http, SLOW, event_id)
    assert http.stream().messages[1:] == [
        {"msg": "process_completed", "event_id": event_id} | EMPTY,
        {"msg": "close_stream", "event_id": None},
    ]
    assert server.app.job("/slow").state == "cancelled"


def test_cancelling_a_running_generator_stops_it(server: MemoryServer, http: Http) -> None:
    app = server.app
    app.hold("/count")
    event_id = http.join(COUNT, [10])
    stream = Http(server)
    stream.stream()
    app.job("/count").step(2)
    server.settle()
    cancel(http, COUNT, event_id)
    response = stream.more()
    assert response.kinds[2:] == ["process_generating", "process_generating", "process_completed", "close_stream"]
    assert response.messages[4]["output"] == {}
    assert app.job("/count").state == "cancelled"


def test_cancelling_a_running_plain_function_frees_its_place_and_drops_its_result(server: MemoryServer) -> None:
    http = Http(server)
    event_id = http.join(SLOW, ["a", 10])
    http.join(SLOW, ["b", 1], "next")
    cancel(http, SLOW, event_id)
    jobs = list(server.app.jobs.values())
    assert [job.state for job in jobs] == ["sleeping", "sleeping"]
    assert http.stream().kinds == ["estimation", "process_starts", "process_completed", "close_stream"]
    server.advance(10)
    assert http.stream("next").messages[-2]["output"]["data"] == ["b"]
    assert not http.stream().body


def test_cancelling_one_event_kills_its_running_sibling_without_a_word(server: MemoryServer, http: Http) -> None:
    first = http.join(SLOW, ["a", 10])
    second = http.join(SLOW, ["b", 10])
    other = http.join(SLOW, ["c", 10], "other")
    cancel(http, SLOW, second)
    response = http.stream()
    ended = [m["event_id"] for m in response.messages if m["msg"] == "process_completed"]
    assert ended == [second]
    assert not response.whole
    server.advance(100)
    assert set(http.more().kinds[4:]) == {"heartbeat"}
    assert server.app.jobs[other].state == "completed"
    assert server.app.jobs[first].session_hash == "s"


def test_cancelling_what_is_over_or_unknown_does_nothing(server: MemoryServer, http: Http) -> None:
    event_id = http.join(ECHO, ["x"])
    http.stream()
    cancel(http, ECHO, event_id)
    cancel(http, ECHO, "nobody", "nowhere")
    assert http.stream().body == b""


def test_cancelling_twice_completes_twice_and_the_second_is_left_behind(http: Http) -> None:
    event_id = http.join(SLOW, ["x", 10])
    cancel(http, SLOW, event_id)
    cancel(http, SLOW, event_id)
    assert http.stream().kinds[2:] == ["process_completed", "close_stream"]
    assert http.stream().kinds == ["process_completed", "close_stream"]


def test_a_full_queue_refuses() -> None:
    server = MemoryServer(demo_app(max_queue_size=1))
    http = Http(server)
    http.join(SLOW, ["a", 10], "a")
    http.join(SLOW, ["b", 10], "b")
    value = {"data": ["c", 10], "fn_index": SLOW, "session_hash": "c"}
    for path in ("queue/join", "call/slow"):
        response = http.request("POST", f"/gradio_api/{path}", value=value)
        assert (response.status, response.json) == (503, {"detail": "Queue is full. Max size is 1 and size is 1."})
    assert http.stream("c").kinds == ["unexpected_error"]


def test_the_status_is_the_number_of_waiting_events(http: Http) -> None:
    http.join(SLOW, ["a", 10])
    http.join(SLOW, ["b", 10])
    assert http.request("GET", "/gradio_api/queue/status").json["queue_size"] == 1


def test_a_session_keeps_its_state_and_others_have_their_own(http: Http) -> None:
    seen = []
    for session_hash in ("a", "a", "b"):
        http.join(INCR, [None], session_hash)
        seen.append(http.stream(session_hash).messages[2]["output"]["data"])
    assert seen == [[1, None], [2, None], [1, None]]


def test_a_state_begins_as_a_copy() -> None:
    app = FakeApp()
    kept = state([])

    @app.endpoint("/f", inputs=[kept], outputs=["json", kept])
    def function(kept: list[int]) -> tuple[list[int], list[int]]:
        kept.append(1)
        return kept, kept

    http = Http(MemoryServer(app))
    for session_hash in ("a", "b"):
        http.join(0, [None], session_hash)
        assert http.stream(session_hash).messages[2]["output"]["data"] == [[1], None]


def test_a_heartbeat_beats_at_once_and_every_quarter_of_a_minute(server: MemoryServer, http: Http) -> None:
    assert http.start("GET", "/gradio_api/heartbeat/s").body == b"data: ALIVE\n\n"
    server.advance(45)
    assert http.more().body == b"data: ALIVE\n\n" * 4
    assert [record.session_hash for record in server.app.open_streams] == ["s"]


def test_an_unread_generator_waits_for_its_reader() -> None:
    server = MemoryServer(demo_app(buffer_limit=10_000))
    http = Http(server)
    http.join(COUNT, [1000])
    job = server.app.job("/count")
    assert job.state == "paused"
    assert job.outputs_given < 100
    response = http.stream()
    assert response.whole
    assert len(outputs(response)) == 1000


def test_a_cancel_ends_a_generator_that_waits_for_its_reader() -> None:
    server = MemoryServer(demo_app(buffer_limit=10_000))
    http = Http(server)
    event_id = http.join(COUNT, [1000])
    cancel(http, COUNT, event_id)
    assert server.app.job("/count").state == "cancelled"
    assert http.stream().kinds[-2:] == ["process_completed", "close_stream"]


def test_jobs_can_be_held_stepped_and_released(server: MemoryServer, http: Http) -> None:
    app = server.app
    app.hold("/count")
    http.join(COUNT, [5])
    job = app.job("/count")
    assert (job.state, job.outputs_given) == ("held", 0)
    job.step()
    server.settle()
    assert (job.state, job.outputs_given) == ("held", 1)
    job.step(2)
    server.settle()
    assert (job.state, job.outputs_given) == ("held", 3)
    job.release()
    server.settle()
    assert (job.state, job.outputs_given, job.over) == ("completed", 5, True)
    app.release("/count")
    http.join(COUNT, [1], "t")
    assert app.job("/count").over


def test_a_running_job_can_be_held_at_its_next_step(server: MemoryServer, http: Http) -> None:
    http.join(SLOW, ["x", 1])
    job = server.app.job("/slow")
    job.hold()
    server.advance(10)
    assert job.state == "held"
    server.app.release("/slow")
    server.settle()
    assert job.state == "completed"


def test_a_held_job_can_be_cancelled_and_dropped(server: MemoryServer) -> None:
    app = server.app
    app.hold("/slow")
    app.hold("/count")
    http, broken = Http(server), Http(server)
    cancel(http, SLOW, http.join(SLOW, ["x", 1]))
    assert app.job("/slow").state == "cancelled"
    http.join(COUNT, [3], "t")
    broken.stream("t")
    broken.connection.close()
    assert app.job("/count").state == "dropped"


def test_a_function_can_hold_itself() -> None:
    app = FakeApp()

    @app.endpoint("/f")
    def function() -> Iterator[str | Hold]:
        yield "a"
        yield Hold()
        yield "b"

    server = MemoryServer(app)
    Http(server).join(0, [])
    job = app.job("/f")
    assert (job.state, job.outputs_given) == ("held", 1)
    job.release()
    server.settle()
    assert job.state == "completed"


def test_jobs_and_endpoints_that_do_not_exist_are_not_found(server: MemoryServer) -> None:
    with pytest.raises(LookupError, match="no job of /count yet"):
        server.app.job("/count")
    with pytest.raises(LookupError, match="no endpoint /nosuch"):
        server.app.hold("/nosuch")


def test_a_job_that_never_waits_does_not_keep_the_caller() -> None:
    app = FakeApp()

    @app.endpoint("/f")
    def function() -> Steps[str]:
        while True:
            yield Sleep(0)

    server = MemoryServer(app)
    Http(server).join(0, [])
    assert app.job("/f").state == "ready"


def test_a_generator_that_fights_its_end_is_let_go() -> None:
    app = FakeApp()

    @app.endpoint("/f")
    def function() -> Iterator[str | Sleep]:
        try:
            yield Sleep(10)
        finally:
            yield "no"

    server = MemoryServer(app)
    http = Http(server)
    cancel(http, 0, http.join(0, []))
    assert app.job("/f").state == "cancelled"


def test_only_so_many_idle_sessions_are_remembered(server: MemoryServer, http: Http) -> None:
    for number in range(2100):
        http.join(ECHO, ["x"], f"s{number}")
        http.stream(f"s{number}")
    assert len(server.app.queue.sessions) == 2000
    assert 1000 <= len(server.app.jobs) <= 1250
    assert http.stream("s0").kinds == ["unexpected_error"]


def test_the_same_requests_get_the_same_bytes() -> None:
    seen = []
    for _ in range(2):
        http = Http(MemoryServer(demo_app(seed=7)))
        http.join(COUNT, [2])
        seen.append((http.stream().body, http.request("GET", "/gradio_api/app_id").body))
    assert seen[0] == seen[1]
    other = Http(MemoryServer(demo_app(seed=8)))
    assert other.request("GET", "/gradio_api/app_id").body != seen[0][1]
