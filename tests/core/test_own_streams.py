"""Event streams of one job: the queue of Gradio 4.0 to 4.8, and the simple API since 4.20."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import (
    AppError,
    AuthenticationError,
    CancelRefused,
    ConnectionLostError,
    DeadlineExceeded,
    Event,
    Job,
    JobCancelled,
    JobCompleted,
    JobDataRequested,
    JobError,
    JobQueued,
    JobStarted,
    JobState,
    OutputGenerated,
    QueueEstimated,
    QueueFullError,
    ReadError,
    RemoteProtocolError,
    Timeouts,
    UnknownMessageReceived,
    ValidationError,
)
from gradproto._messages import HIDDEN_ERROR
from tests.core.driving import JSON, Harness, era, json_body, sse_bytes, state_of

FIRST, LAST = "4.0.2", "4.8.0"
ESTIMATION = {"msg": "estimation", "rank": 0, "queue_size": 1, "rank_eta": 0.5, "queue_eta": 0.0}
SEND_DATA = {"msg": "send_data", "event_id": "adf8"}
STARTS = {"msg": "process_starts"}


def connected(version: str = LAST, **options: Any) -> Harness:
    return Harness(**options).connect(era(version))


def opened(harness: Harness, api_name: str = "/echo", *args: object) -> tuple[Job, int]:
    job = harness.submit(api_name, *(args or ("x",)))
    stream = harness.carrier(job)
    harness.open(stream)
    return job, stream


def output(kind: str, *data: object, is_generating: bool = True) -> dict[str, Any]:
    return {"msg": kind, "output": {"data": list(data), "is_generating": is_generating}, "success": True}


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def data_posts(harness: Harness) -> list[int]:
    return [number for number in harness.pending("/queue/data") if harness.requests[number].method == "POST"]


# --- the queue of 4.0 to 4.8


@pytest.mark.parametrize("version", [FIRST, LAST])
def test_a_job_joins_by_its_stream_and_sends_its_data_when_they_are_wanted(version: str) -> None:
    harness = connected(version)
    job = harness.submit("/count", 3, headers={"x-call": "c"})
    stream = harness.carrier(job)
    request = harness.requests[stream]
    url = f"http://app.test/queue/join?fn_index=1&session_hash={job.session_hash}"
    assert (request.method, request.url, request.body) == ("GET", url, ())
    assert {("accept", "text/event-stream"), ("x-call", "c")} <= set(request.headers)
    assert state_of(job) is JobState.JOINING
    harness.open(stream)
    harness.sse(stream, ESTIMATION)
    assert state_of(job) is JobState.QUEUED
    assert data_posts(harness) == []
    harness.sse(stream, SEND_DATA)
    assert state_of(job) is JobState.SENDING_DATA
    [post] = data_posts(harness)
    request = harness.requests[post]
    assert (request.method, request.url) == ("POST", "http://app.test/queue/data")
    assert ("x-call", "c") in request.headers
    assert json_body(request) == {
        "data": [3],
        "event_data": None,
        "fn_index": 1,
        "trigger_id": None,
        "session_hash": job.session_hash,
        "event_id": "adf8",
    }
    harness.answer(post, body=b"null")
    assert state_of(job) is JobState.QUEUED
    edits = [["append", [], "1"]]
    harness.sse(stream, STARTS, output("process_generating", "0"), output("process_generating", edits))
    harness.sse(stream, {"msg": "heartbeat"}, output("process_completed", "1"))
    assert harness.events() == [
        JobQueued(job=0, event_id=""),
        QueueEstimated(job=0, rank=0, queue_size=1, eta=0.5),
        JobDataRequested(job=0),
        JobStarted(job=0, eta=None),
        OutputGenerated(job=0, index=0, outputs=("0",), time_limit=None),
        # Whole, whatever it looks like.
        OutputGenerated(job=0, index=1, outputs=(edits,), time_limit=None),
        JobCompleted(job=0, outputs=("1",), duration=None, average_duration=None, used_cache=None),
    ]
    harness.finish(stream)
    assert harness.idle()
    assert harness.due() is None


def test_what_comes_before_the_answer_to_the_data_is_as_good() -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.sse(stream, SEND_DATA, ESTIMATION, STARTS)
    [post] = data_posts(harness)
    harness.answer(post, body=b"null")
    assert state_of(job) is JobState.RUNNING
    harness.sse(stream, output("process_completed", "y"))
    assert job.outputs == ("y",)


def test_a_job_may_be_over_before_its_data_are_answered() -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.sse(stream, SEND_DATA, output("process_completed", "y"))
    assert job.outputs == ("y",)
    harness.finish(stream)
    assert harness.idle()


def test_data_that_are_wanted_twice_are_sent_twice_and_only_the_last_answer_counts() -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.sse(stream, SEND_DATA)
    [first] = data_posts(harness)
    harness.sse(stream, {**SEND_DATA, "event_id": "other"})
    [second] = data_posts(harness)
    assert json_body(harness.requests[second])["event_id"] == "other"
    harness.session.response_started(first, 200, JSON)
    harness.session.response_ended(first)
    assert state_of(job) is JobState.SENDING_DATA
    harness.sse(stream, output("process_completed", "y"))
    harness.finish(stream)
    assert job.outputs == ("y",)
    assert harness.idle()


@pytest.mark.parametrize("event_id", [None, "", 5, ["x"], "missing"])
def test_data_cannot_be_sent_for_an_event_without_an_id(event_id: Any) -> None:
    harness = connected()
    job, stream = opened(harness)
    message = {"msg": "send_data"} if event_id == "missing" else {"msg": "send_data", "event_id": event_id}
    harness.sse(stream, message)
    assert "send_data has no event id" in str(harness.error(job))
    assert harness.idle()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(500, b"Internal Server Error", JobError), (422, {"detail": []}, JobError), (401, b"", AuthenticationError)],
)
def test_data_that_are_refused_fail_their_job_and_its_stream_is_left(
    status: int, body: Any, kind: type[Exception]
) -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.sse(stream, SEND_DATA)
    harness.answer(data_posts(harness)[0], status, body)
    error = harness.error(job)
    assert type(error) is kind
    assert "the data of job 0 (/echo)" in str(error)
    assert harness.idle()
    assert harness.aborted == [stream]


@pytest.mark.parametrize("way", ["breaks", "hangs"])
def test_data_that_do_not_arrive_fail_their_job(way: str) -> None:
    harness = connected(timeouts=Timeouts(request=5, stream_idle=None))
    job, stream = opened(harness)
    harness.sse(stream, SEND_DATA)
    if way == "breaks":
        harness.fail(data_posts(harness)[0])
        assert isinstance(harness.error(job), ConnectionLostError)
    else:
        harness.tick()
        harness.tick(5)
        assert "within 5 s" in str(harness.error(job))
    assert harness.idle()
    assert stream in harness.aborted


def test_a_queue_that_is_full_says_so_on_the_stream() -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.sse(stream, {"msg": "queue_full"})
    assert isinstance(harness.error(job), QueueFullError)
    harness.finish(stream)
    assert harness.idle()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("ValueError says: x", "ValueError says: x"),
        ("'gr.Error says: x'", "gr.Error says: x"),
        (None, HIDDEN_ERROR),
        ("None", HIDDEN_ERROR),
    ],
)
def test_what_the_function_raised_is_told(error: Any, message: str) -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.sse(stream, STARTS, {"msg": "process_completed", "output": {"error": error}, "success": False})
    assert isinstance(harness.error(job), AppError)
    assert harness.error(job).message == message


STEPS: list[dict[str, Any]] = [ESTIMATION, SEND_DATA, ESTIMATION, STARTS, output("process_generating", "0")]


@pytest.mark.parametrize("steps", range(len(STEPS) + 1))
@pytest.mark.parametrize("cut", ["end", "inside an event", "break"])
def test_a_stream_that_ends_before_the_completion_fails_its_job_at_any_point(steps: int, cut: str) -> None:
    harness = connected()
    job, stream = opened(harness, "/count", 2)
    harness.sse(stream, *STEPS[:steps])
    if cut == "inside an event":
        harness.data(stream, sse_bytes(output("process_completed", "0"))[:-1])
    if cut == "break":
        harness.fail(stream)
    else:
        harness.finish(stream)
    error = harness.error(job)
    assert isinstance(error, ConnectionLostError)
    assert str(error).startswith("job 0 of /count: ")
    assert harness.idle()
    assert harness.due() is None
    # Nobody knows what the server has of it.
    assert harness.submit("/count", 2).session_hash != job.session_hash


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (500, (), b"Internal Server Error", JobError),
        (422, JSON, b'{"detail":[]}', JobError),
        (401, JSON, b'{"detail":"Not authenticated"}', AuthenticationError),
        (200, JSON, b"{}", RemoteProtocolError),
        (200, (("content-type", "text/html"),), b"<html>", RemoteProtocolError),
    ],
)
def test_a_stream_that_is_refused_fails_its_job(status: int, headers: Any, body: bytes, kind: type[Exception]) -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    stream = harness.carrier(job)
    harness.start(stream, status, headers)
    harness.data(stream, body)
    harness.commands()
    if stream in harness.live:
        harness.finish(stream)
    assert type(harness.error(job)) is kind
    assert harness.idle()


@pytest.mark.parametrize("text", [b"data: {\n\n", b"data: [1]\n\n", b"data: 5\n\n", b"data: \xff\n\n"])
def test_what_is_no_message_breaks_the_stream(text: bytes) -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.data(stream, text)
    assert isinstance(harness.error(job), RemoteProtocolError)
    assert harness.idle()
    assert harness.aborted == [stream]


@pytest.mark.parametrize("wrong", [None, True, 5, "x", [], {}, {"data": 5}])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        *[("estimation", "rank"), ("process_starts", "eta"), ("progress", "progress_data"), ("log", "log")],
        *[("process_generating", field) for field in ("output", "time_limit")],
        *[("process_completed", field) for field in ("output", "success")],
        *[("send_data", "event_id"), ("unexpected_error", "message"), ("close_stream", "x"), ("heartbeat", "x")],
        *[("queue_full", "x"), ("x", "msg")],
    ],
)
def test_fields_of_any_type_end_a_job_once_at_most(kind: str, field: str, wrong: Any) -> None:
    harness = connected()
    job, stream = opened(harness, "/count", 2)
    harness.sse(stream, {"msg": kind, "output": {"data": ["x"]}, field: wrong})
    if not job.ended:
        harness.sse(stream, output("process_completed", "y"))
        assert job.outputs == ("y",)
    assert len(harness.ends(job)) == 1
    harness.commands()
    if stream in harness.live:
        harness.finish(stream)
    assert harness.idle()


def test_nothing_on_the_stream_of_a_job_that_is_over_matters() -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.sse(stream, output("process_completed", "y"), output("process_completed", "z"), SEND_DATA)
    harness.data(stream, b"data: {\n\n")
    harness.finish(stream)
    harness.session.response_data(stream, b"data: {}\n\n")
    harness.session.exchange_failed(stream, ReadError("late"))
    assert job.outputs == ("y",)
    assert kinds(harness.events()) == ["JobQueued", "JobCompleted"]
    assert harness.idle()


# --- time


@pytest.mark.parametrize("version", [FIRST, LAST])
def test_a_stream_that_does_not_begin_is_given_up(version: str) -> None:
    harness = connected(version, timeouts=Timeouts(request=5, stream_idle=6))
    job = harness.submit("/echo", "x")
    harness.tick()
    harness.tick(6)
    error = harness.error(job)
    if version == FIRST:
        assert isinstance(error, DeadlineExceeded)
        assert "did not begin within 5 s" in str(error)
    else:
        assert "nothing came for 6 s" in str(error)
    assert harness.idle()
    assert harness.due() is None


def test_where_the_server_does_not_beat_a_silent_stream_is_not_a_dead_one() -> None:
    harness = connected(FIRST)
    job, stream = opened(harness)
    harness.data(stream, b": x\n\n")
    assert harness.due() is None
    harness.tick(100_000)
    harness.sse(stream, output("process_completed", "y"))
    assert job.outputs == ("y",)


def test_where_the_server_beats_a_silent_stream_is_a_dead_one() -> None:
    # Also how a job ends whose server's queue was stopped by a batch function.
    harness = connected(LAST)
    job, stream = opened(harness)
    for _ in range(10):
        harness.sse(stream, {"msg": "heartbeat"})
        harness.tick()
        harness.tick(40)
    harness.tick(5)
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()


@pytest.mark.parametrize("version", [FIRST, LAST])
def test_beats_alone_do_not_make_a_job_wait_for_ever(version: str) -> None:
    harness = connected(version, timeouts=Timeouts(queue_wait=30))
    job, stream = opened(harness)
    harness.tick()
    for _ in range(3):
        harness.tick(10)
        harness.sse(stream, {"msg": "heartbeat"}) if not job.ended else None
    assert "did not start within 30 s" in str(harness.error(job))
    assert harness.idle()


# --- cancelling


@pytest.mark.parametrize("state", [JobState.JOINING, JobState.QUEUED, JobState.SENDING_DATA])
@pytest.mark.parametrize("api_name", ["/echo", "/count"])
def test_what_waits_is_cancelled_by_leaving(state: JobState, api_name: str) -> None:
    harness = connected()
    job = harness.submit(api_name, 1 if api_name == "/count" else "x")
    stream = harness.carrier(job)
    if state is not JobState.JOINING:
        harness.open(stream)
    if state is JobState.SENDING_DATA:
        harness.sse(stream, SEND_DATA)
    assert state_of(job) is state
    harness.session.cancel(job)
    assert isinstance(harness.end(job), JobCancelled)
    assert harness.idle()
    assert harness.due() is None
    assert harness.submit("/echo", "x").session_hash != job.session_hash


def test_a_function_that_runs_cannot_be_stopped() -> None:
    harness = connected()
    job, stream = opened(harness)
    harness.sse(stream, SEND_DATA, STARTS)
    harness.session.cancel(job)
    assert "only generators" in harness.one(CancelRefused).reason
    assert not job.ended


def running(harness: Harness) -> tuple[Job, int]:
    job, stream = opened(harness, "/count", 5)
    harness.sse(stream, SEND_DATA)
    harness.answer(data_posts(harness)[0], body=b"null")
    harness.sse(stream, STARTS, output("process_generating", "0"))
    return job, stream


def test_a_generator_that_runs_is_stopped_by_its_event_id() -> None:
    harness = connected()
    job, stream = running(harness)
    harness.session.cancel(job)
    harness.session.cancel(job)
    reset = harness.only("/reset")
    assert json_body(harness.requests[reset]) == {"event_id": "adf8"}
    assert not job.ended
    harness.answer(reset, body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)
    assert harness.idle()
    assert harness.aborted == [stream]


def test_a_stream_that_ends_while_its_generator_is_stopped_says_that_it_was() -> None:
    harness = connected()
    job, stream = running(harness)
    harness.session.cancel(job)
    harness.finish(stream)
    assert isinstance(harness.end(job), JobCancelled)
    harness.answer(harness.only("/reset"), body={"success": True})
    assert harness.idle()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, {"success": False}, "there is nothing to stop yet"),
        (500, b"Internal Server Error", "the server answered 500"),
        (None, None, "connection reset"),
    ],
)
def test_a_generator_that_the_server_does_not_stop_goes_on(status: int | None, body: Any, says: str) -> None:
    harness = connected()
    job, stream = running(harness)
    harness.session.cancel(job)
    if status is None:
        harness.fail(harness.only("/reset"))
    else:
        harness.answer(harness.only("/reset"), status, body)
    assert says in harness.one(CancelRefused).reason
    harness.sse(stream, output("process_completed", "1"))
    assert job.outputs == ("1",)


@pytest.mark.parametrize("answer", [{"success": True}, {"success": False}, None])
def test_a_job_that_completes_while_it_is_stopped_is_complete(answer: Any) -> None:
    harness = connected()
    job, stream = running(harness)
    harness.session.cancel(job)
    harness.sse(stream, output("process_completed", "1"))
    harness.finish(stream)
    if answer is None:
        harness.fail(harness.only("/reset"))
    else:
        harness.answer(harness.only("/reset"), body=answer)
    assert isinstance(harness.end(job), JobCompleted)
    assert harness.idle()


# --- functions that take batches


@pytest.mark.parametrize(
    ("version", "route"),
    [(FIRST, "/run/predict"), (LAST, "/run/predict"), ("4.20.0", "/run/predict"), ("4.21.0", "/queue/join")],
)
def test_a_function_that_takes_batches_goes_past_a_queue_that_it_would_stop(version: str, route: str) -> None:
    app = era(version)
    app["dependencies"] = [{**one, "batch": True} for one in app["dependencies"]]
    harness = Harness().connect(app)
    harness.submit("/echo", "x")
    assert len(harness.pending(route)) == 1


# --- the simple API


def calling(version: str = "6.31.0", **options: Any) -> Harness:
    return Harness(route="call", **options).connect(era(version))


def called(harness: Harness, api_name: str = "/count", *args: object) -> tuple[Job, int]:
    job = harness.submit(api_name, *(args or (3,)))
    return job, harness.accept(job)


@pytest.mark.parametrize(("version", "prefix"), [("4.20.0", ""), ("4.44.1", ""), ("6.31.0", "/gradio_api")])
def test_a_call_is_posted_by_name_and_heard_of_on_a_stream(version: str, prefix: str) -> None:
    harness = calling(version)
    job = harness.submit("/count", 3, headers={"x-call": "c"})
    post = harness.only("/call/count")
    assert harness.requests[post].url == f"http://app.test{prefix}/call/count"
    assert json_body(harness.requests[post]) == {"data": [3]}
    assert ("x-call", "c") in harness.requests[post].headers
    harness.answer(post, body={"event_id": "a/b c"})
    stream = harness.carrier(job)
    assert harness.requests[stream].url == f"http://app.test{prefix}/call/count/a%2Fb%20c"
    assert ("x-call", "c") in harness.requests[stream].headers
    harness.open(stream)
    harness.call_event(job, "heartbeat", None)
    edits = [["append", [], "1"]]
    harness.call_event(job, "generating", ["0"])
    harness.call_event(job, "generating", [edits])
    harness.call_event(job, "complete", ["1"])
    assert harness.events() == [
        JobQueued(job=0, event_id="a/b c"),
        OutputGenerated(job=0, index=0, outputs=("0",), time_limit=None),
        OutputGenerated(job=0, index=1, outputs=(edits,), time_limit=None),
        JobCompleted(job=0, outputs=("1",), duration=None, average_duration=None, used_cache=None),
    ]
    harness.finish(stream)
    assert harness.idle()
    assert harness.due() is None


def test_a_completion_of_nothing_is_a_cancelled_call() -> None:
    harness = calling()
    job, stream = called(harness)
    harness.call_event(job, "complete", None)
    assert isinstance(harness.end(job), JobCancelled)
    harness.finish(stream)
    assert harness.idle()


@pytest.mark.parametrize(
    ("version", "value", "kind", "message"),
    [
        ("4.44.1", None, AppError, HIDDEN_ERROR),
        ("6.31.0", {"error": "gr.Error says: x", "visible": True, "title": "T"}, AppError, "gr.Error says: x"),
        ("6.31.0", {"error": None, "visible": True}, AppError, HIDDEN_ERROR),
        ("6.31.0", [], AppError, HIDDEN_ERROR),
        ("6.31.0", "404: Session not found.", JobError, "the server failed: 404: Session not found."),
    ],
)
def test_an_error_of_a_call_is_told_as_far_as_the_server_does(
    version: str, value: Any, kind: type[Exception], message: str
) -> None:
    harness = calling(version)
    job, stream = called(harness)
    harness.call_event(job, "error", value)
    assert type(harness.error(job)) is kind
    assert harness.error(job).message == message
    harness.finish(stream)
    assert harness.idle()


@pytest.mark.parametrize(
    ("event", "data"),
    [("generating", None), ("generating", "x"), ("complete", "x"), ("complete", {}), ("brand_new", 1), ("", ["x"])],
)
def test_an_event_of_a_call_that_is_not_known_is_told_and_skipped(event: str, data: Any) -> None:
    harness = calling()
    job, _ = called(harness)
    harness.call_event(job, event, data)
    found = harness.one(UnknownMessageReceived).message
    assert isinstance(found, dict)
    assert found["data"] == data
    harness.call_event(job, "complete", ["y"])
    assert job.outputs == ("y",)


def test_an_event_of_a_call_that_is_no_json_breaks_its_stream() -> None:
    harness = calling()
    job, stream = called(harness)
    harness.data(stream, b"event: complete\ndata: {\n\n")
    assert isinstance(harness.error(job), RemoteProtocolError)
    assert harness.idle()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {}, RemoteProtocolError),
        (200, {"event_id": 5}, RemoteProtocolError),
        (200, b"<html>", RemoteProtocolError),
        (500, b"Internal Server Error", JobError),
        (503, {"detail": "Queue is full. Max size is 1 and size is 1."}, QueueFullError),
        (422, {"detail": [{"__type__": "validate", "is_valid": False, "message": "no"}]}, ValidationError),
        (401, {"detail": "Not authenticated"}, AuthenticationError),
    ],
)
def test_a_call_that_is_refused_fails_its_job(status: int, body: Any, kind: type[Exception]) -> None:
    harness = calling()
    job = harness.submit("/count", 3)
    harness.answer(harness.only("/call/count"), status, body)
    assert type(harness.error(job)) is kind
    assert harness.idle()


@pytest.mark.parametrize("at", ["post", "head", "stream", "end"])
def test_a_call_that_breaks_off_anywhere_fails_its_job(at: str) -> None:
    harness = calling()
    job = harness.submit("/count", 3)
    if at == "post":
        harness.fail(harness.only("/call/count"))
    else:
        harness.answer(harness.only("/call/count"), body={"event_id": "e"})
        stream = harness.carrier(job)
        if at != "head":
            harness.open(stream)
        harness.finish(stream) if at == "end" else harness.fail(stream)
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()


def test_a_stream_of_a_call_that_is_refused_fails_its_job() -> None:
    harness = calling()
    job = harness.submit("/count", 3)
    harness.answer(harness.only("/call/count"), body={"event_id": "e"})
    harness.answer(harness.carrier(job), 404, {"detail": "Not Found"})
    assert "the server answered 404: Not Found" in str(harness.error(job))


# Before 6.18 the State would be lost; since, two calls of one conversation would take each other's outputs.
@pytest.mark.parametrize("version", ["6.13.0", "6.31.0"])
def test_a_function_with_state_goes_through_the_queue(version: str) -> None:
    harness = calling(version)
    job = harness.submit("/chat", "x")
    assert harness.pending("/call/chat") == []
    assert len(harness.pending("/queue/join")) == 1
    assert job.session_hash == harness.session.session_hash


@pytest.mark.parametrize("version", ["3.50.2", "4.8.0", "4.19.2"])
def test_where_there_is_no_simple_api_the_queue_is_the_way(version: str) -> None:
    harness = calling(version)
    harness.submit("/echo", "x")
    assert len(harness.pending("/queue/join")) == 1


def test_a_function_outside_the_queue_goes_past_the_simple_api_too() -> None:
    harness = calling()
    harness.submit("/direct", "x")
    assert len(harness.pending("/run/predict")) == 1


@pytest.mark.parametrize("before", ["the answer", "the stream", "an output"])
def test_a_generator_that_was_called_is_cancelled_by_leaving_the_stream_once_it_has_begun(before: str) -> None:
    harness = calling()
    job = harness.submit("/count", 3)
    if before != "the answer":
        harness.answer(harness.only("/call/count"), body={"event_id": "e"})
    if before == "an output":
        harness.open(harness.carrier(job))
    harness.session.cancel(job)
    if before == "the answer":
        harness.answer(harness.only("/call/count"), body={"event_id": "e"})
    if before != "an output":
        assert not job.ended
        harness.open(harness.carrier(job))
    assert isinstance(harness.end(job), JobCancelled)
    assert harness.idle()
    assert len(harness.aborted) == 1


@pytest.mark.parametrize("before", ["the answer", "the stream", "an output"])
def test_a_function_that_was_called_cannot_be_cancelled(before: str) -> None:
    harness = calling()
    job = harness.submit("/echo", "x")
    if before != "the answer":
        harness.answer(harness.only("/call/echo"), body={"event_id": "e"})
    if before == "an output":
        harness.open(harness.carrier(job))
    harness.session.cancel(job)
    if before == "the answer":
        harness.answer(harness.only("/call/echo"), body={"event_id": "e"})
        harness.open(harness.carrier(job))
    assert "does not tell whether it has started" in harness.one(CancelRefused).reason
    assert not job.ended


@pytest.mark.parametrize("accepted", [False, True])
def test_from_4_20_to_4_23_nothing_that_was_called_can_be_cancelled(accepted: bool) -> None:
    harness = calling("4.22.0")
    job = harness.submit("/count", 3)
    if accepted:
        harness.accept(job)
    harness.session.cancel(job)
    assert "whether somebody listens or not" in harness.one(CancelRefused).reason
    assert not job.ended


def test_a_call_that_is_to_be_cancelled_may_be_refused() -> None:
    harness = calling()
    job = harness.submit("/count", 3)
    harness.session.cancel(job)
    harness.fail(harness.only("/call/count"))
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()


def test_a_silent_stream_of_a_call_is_a_dead_one() -> None:
    harness = calling()
    job, _ = called(harness)
    harness.tick()
    harness.tick(45)
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()


def test_the_stream_of_a_call_is_known_by_its_type() -> None:
    harness = calling()
    job = harness.submit("/count", 3)
    harness.answer(harness.only("/call/count"), body={"event_id": "e"})
    harness.start(harness.carrier(job), 200, (("content-type", "application/json"),))
    assert "expected text/event-stream, got 'application/json'" in str(harness.error(job))
    assert harness.idle()
