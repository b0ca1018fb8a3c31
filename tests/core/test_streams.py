"""Event streams: which session hash a job gets, what comes on its stream, how it ends and how it breaks."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest
from hypothesis import given, settings

from gradproto import (
    AuthenticationError,
    CancelRefused,
    ConnectionLostError,
    Event,
    JobCancelled,
    JobCompleted,
    JobError,
    JobFailed,
    JobLogged,
    JobStarted,
    OutputGenerated,
    QueueEstimated,
    ReadError,
    RemoteProtocolError,
    SessionExpired,
    SessionExpiredError,
    StreamLost,
    Timeouts,
    UnknownMessageReceived,
)
from gradproto._event_streams import MAX_EVENTS_AHEAD
from gradproto._sse import EventStreamParser
from gradproto._streams import (
    CLOSE_GRACE,
    MAX_FINISHED,
    MAX_FRUITLESS_OPENINGS,
    MAX_PARKED,
    EventStream,
)
from tests.chunkings import chunkings, random_chunks
from tests.core.driving import JSON, SSE, STATELESS, Harness, config_with, sse_bytes

BEAT = {"msg": "heartbeat", "event_id": None}
CLOSE = {"msg": "close_stream", "event_id": None}
GONE = {"msg": "unexpected_error", "event_id": None, "message": "404: Not Found", "session_not_found": True}


def about(event_id: str, msg: str, **fields: Any) -> dict[str, Any]:
    return {"msg": msg, "event_id": event_id, **fields}


def done(event_id: str, *data: Any) -> dict[str, Any]:
    return about(event_id, "process_completed", success=True, output={"data": list(data)})


def connected(config: Any = STATELESS, **options: Any) -> Harness:
    return Harness(**options).connect(config)


# --- opening and closing ----------------------------------------------------------------------------------------------


def test_a_stream_is_opened_when_the_server_knows_the_session_and_not_before() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    assert harness.pending("/queue/data") == []
    harness.joined(job)
    request = harness.requests[harness.only("/queue/data")]
    assert request.method == "GET"
    assert request.url == f"http://app.test/gradio_api/queue/data?session_hash={job.session_hash}"
    assert dict(request.headers)["accept"] == "text/event-stream"
    assert not request.safe_to_repeat


def test_a_stream_that_the_server_ends_is_opened_again_for_the_next_job() -> None:
    harness = connected()
    for text in ("x", "y"):
        job = harness.running("/echo", text)
        harness.complete(job, text)
        harness.close_stream(harness.only("/queue/data"))
        assert harness.idle()
    assert {harness.session_hash_of(number) for number in harness.requests if number > 1} == {job.session_hash}
    assert harness.due() is None


def test_a_job_that_comes_before_the_server_ends_the_stream_uses_it() -> None:
    harness = connected()
    first = harness.running("/echo", "x")
    harness.complete(first, "x")
    second = harness.running("/echo", "y")
    assert len(harness.pending("/queue/data")) == 1
    harness.complete(second, "y")
    assert harness.end(second) == JobCompleted(
        job=1, outputs=("y",), duration=0.5, average_duration=0.25, used_cache=None
    )
    harness.tick()
    harness.tick(CLOSE_GRACE - 1)
    harness.close_stream(harness.only("/queue/data"))
    assert harness.due() is None


def test_a_stream_that_ends_while_a_job_joins_is_opened_again_when_it_has_joined() -> None:
    harness = connected()
    first = harness.running("/echo", "x")
    harness.complete(first, "x")
    second = harness.submit("/echo", "y")
    harness.close_stream(harness.only("/queue/data"))
    assert not second.ended
    harness.joined(second)
    harness.open(harness.only("/queue/data"))
    harness.complete(second, "y")
    assert isinstance(harness.end(second), JobCompleted)


def test_a_stream_that_the_server_ends_with_a_job_it_has_just_accepted_is_opened_again() -> None:
    harness = connected()
    first = harness.running("/echo", "x")
    stream = harness.only("/queue/data")
    harness.complete(first, "x")
    harness.sse(stream, CLOSE)
    second = harness.submit("/echo", "y")
    harness.joined(second)
    harness.finish(stream)
    again = harness.only("/queue/data")
    assert again != stream
    harness.open(again)
    harness.complete(second, "y")
    assert isinstance(harness.end(second), JobCompleted)
    harness.close_stream(again)
    assert harness.due() is None


def test_a_close_that_comes_early_or_names_an_event_is_no_end_of_the_job() -> None:
    harness = connected()
    job = harness.running("/count", 2)
    stream = harness.only("/queue/data")
    harness.sse(stream, CLOSE, {"msg": "close_stream"}, about("event-0", "close_stream"), about("event-0", "heartbeat"))
    harness.say(job, "log", log="on", level="info")
    harness.complete(job, "x")
    harness.finish(stream)
    assert not any(isinstance(event, (StreamLost, UnknownMessageReceived)) for event in harness.events())
    assert isinstance(harness.end(job), JobCompleted)


def test_a_close_in_the_name_of_an_event_is_a_close() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    stream = harness.only("/queue/data")
    harness.sse(stream, about("event-0", "close_stream"))
    harness.finish(stream)
    harness.open(harness.only("/queue/data"))
    harness.complete(job, "x")
    assert isinstance(harness.end(job), JobCompleted)


def test_an_end_without_a_close_loses_what_is_pending() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    harness.finish(harness.only("/queue/data"))
    error = harness.error(job)
    assert isinstance(error, ConnectionLostError)
    assert error.message == "job 0 of /echo: the event stream ended while 1 job(s) were pending"
    assert error.hint == "whether it ran to its end is not known; it was not sent again"
    assert isinstance(error.__cause__, ReadError)
    lost = harness.one(StreamLost)
    assert (lost.session_hash, lost.jobs) == (job.session_hash, (0,))


def test_an_end_without_a_close_loses_nothing_when_nothing_is_pending() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    harness.complete(job, "x")
    harness.events()
    harness.finish(harness.only("/queue/data"))
    assert harness.events() == []
    assert harness.submit("/echo", "y").session_hash == job.session_hash


@pytest.mark.parametrize("announced", [False, True])
def test_an_end_inside_an_event_loses_what_is_pending(announced: bool) -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    stream = harness.only("/queue/data")
    if announced:
        harness.sse(stream, CLOSE)
    harness.data(stream, sse_bytes(done("event-0", "x"))[:-3])
    harness.finish(stream)
    assert isinstance(harness.error(job), ConnectionLostError)


def test_an_end_inside_an_event_loses_a_job_that_joins() -> None:
    harness = connected()
    harness.complete(harness.running("/echo", "x"), "x")
    job = harness.submit("/echo", "y")
    stream = harness.only("/queue/data")
    harness.data(stream, b"data: {")
    harness.finish(stream)
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()


def test_an_end_before_the_last_blank_line_loses_a_completion() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    stream = harness.only("/queue/data")
    harness.data(stream, sse_bytes(done("event-0", "x"))[:-1])
    assert not job.ended
    harness.finish(stream)
    assert isinstance(harness.error(job), ConnectionLostError)


def test_a_server_that_ends_the_stream_again_and_again_has_forgotten_the_job() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    for _ in range(MAX_FRUITLESS_OPENINGS):
        harness.close_stream(harness.only("/queue/data"))
        harness.start(harness.only("/queue/data"), 200, SSE)
    assert not job.ended
    harness.close_stream(harness.only("/queue/data"))
    error = harness.error(job)
    assert isinstance(error, ConnectionLostError)
    assert "ended the event stream 4 times without a word on a pending job" in error.message
    assert harness.idle()


def test_a_word_on_the_job_between_two_ends_of_the_stream_is_progress() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    for _ in range(3 * MAX_FRUITLESS_OPENINGS):
        harness.close_stream(harness.only("/queue/data"))
        harness.start(harness.only("/queue/data"), 200, SSE)
        harness.say(job, "log", log="on", level="info")
    harness.complete(job, "x")
    assert isinstance(harness.end(job), JobCompleted)


def test_a_stream_that_the_server_does_not_end_is_given_up_with_its_hash() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    stream = harness.only("/queue/data")
    harness.complete(job, "x")
    harness.events()
    assert harness.due() == CLOSE_GRACE
    harness.sse(stream, BEAT)
    harness.tick(CLOSE_GRACE)
    assert harness.idle()
    assert harness.aborted == [stream]
    assert harness.events() == []
    assert harness.submit("/echo", "y").session_hash != job.session_hash


def test_a_stream_whose_hash_holds_state_is_not_given_up() -> None:
    harness = Harness(timeouts=Timeouts(stream_idle=None)).connect()
    job = harness.running("/incr")
    stream = harness.only("/queue/data")
    harness.complete(job, 1, None)
    assert harness.due() is None
    second = harness.running("/incr")
    assert second.session_hash == job.session_hash
    harness.complete(second, 2, None)
    assert harness.only("/queue/data") == stream


def test_a_job_that_joins_slowly_outlives_the_end_of_the_one_before() -> None:
    harness = connected()
    harness.complete(harness.running("/echo", "x"), "x")
    harness.tick()
    harness.tick(CLOSE_GRACE - 1)
    job = harness.submit("/echo", "y")
    harness.tick(2 * CLOSE_GRACE)
    assert not job.ended
    harness.joined(job)
    harness.complete(job, "y")
    assert isinstance(harness.end(job), JobCompleted)


def test_a_job_that_cannot_join_leaves_the_stream_to_its_end() -> None:
    harness = connected()
    harness.complete(harness.running("/echo", "x"), "x")
    stream = harness.only("/queue/data")
    job = harness.submit("/echo", "y")
    harness.answer(harness.only("/queue/join"), 500, b"no")
    assert type(harness.error(job)) is JobError
    assert harness.due() == CLOSE_GRACE
    harness.tick(CLOSE_GRACE)
    harness.commands()
    assert harness.aborted == [stream]


def test_a_stream_for_whose_job_nobody_waits_any_more_is_read_to_its_end() -> None:
    harness = connected()
    job = harness.submit("/count", 2)
    harness.joined(job)
    harness.session.cancel(job)
    harness.answer(harness.only("/cancel"), body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)
    stream = harness.only("/queue/data")
    harness.open(stream)
    assert harness.due() == CLOSE_GRACE
    harness.sse(stream, about("event-0", "process_completed", success=True, output={}))
    harness.close_stream(stream)
    assert harness.due() is None
    assert harness.idle()


@pytest.mark.parametrize("end", ["completed", "cancelled", "refused"])
def test_a_session_hash_with_a_cancellation_is_used_to_its_end_and_not_again(end: str) -> None:
    harness = connected()
    job = harness.running("/count", 2)
    stream = harness.only("/queue/data")
    harness.session.cancel(job)
    cancel = harness.only("/cancel")
    if end == "completed":
        harness.complete(job, "x")
        harness.close_stream(stream)
        assert harness.running("/count", 2).session_hash != job.session_hash
        harness.answer(cancel, body={"success": True})
    else:
        harness.answer(cancel, 200 if end == "cancelled" else 500, {"success": True})
        if end == "refused":
            harness.complete(job, "x")
        harness.close_stream(stream)
    assert len(harness.ends(job)) == 1
    assert harness.session.session_hash != job.session_hash
    assert harness.running("/count", 2).session_hash != job.session_hash
    assert not any(isinstance(event, StreamLost) for event in harness.events())


# --- what is no event stream ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [[("content-type", "text/html")], [("content-type", "application/json; charset=utf-8")], []]
)
def test_an_answer_that_is_no_event_stream_is_the_servers_fault(headers: list[tuple[str, str]]) -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.joined(job)
    stream = harness.only("/queue/data")
    harness.start(stream, 200, headers)
    error = harness.error(job)
    assert isinstance(error, RemoteProtocolError)
    assert "the event stream: expected text/event-stream, got " in error.message
    harness.commands()
    assert harness.aborted == [stream]


def test_the_type_of_an_event_stream_is_known_in_any_spelling() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.joined(job)
    harness.start(harness.only("/queue/data"), 200, [("CONTENT-TYPE", " Text/Event-Stream ;charset=UTF-8")])
    harness.complete(job, "x")
    assert isinstance(harness.end(job), JobCompleted)


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (404, {"detail": "Not Found"}, SessionExpiredError, "the server answered 404: Not Found"),
        (500, b"Internal Server Error", JobError, "the server answered 500: 'Internal Server Error'"),
        (502, b"<html>bad gateway", JobError, "the server answered 502: an HTML page"),
        (401, {"detail": "Not authenticated"}, AuthenticationError, "the app wants a login"),
        (204, b"", JobError, "the server answered 204: nothing"),
    ],
)
def test_a_stream_that_is_refused_fails_its_jobs(status: int, body: Any, kind: type[Exception], says: str) -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.joined(job)
    stream = harness.only("/queue/data")
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    harness.start(stream, status, JSON)
    harness.data(stream, *[raw[index : index + 1] for index in range(len(raw))])
    assert not job.ended
    harness.finish(stream)
    error = harness.error(job)
    assert type(error) is kind
    assert says in error.message
    assert harness.session.session_hash != job.session_hash


def test_a_long_refusal_is_read_to_its_end_and_not_kept() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.joined(job)
    stream = harness.only("/queue/data")
    harness.start(stream, 500)
    harness.data(stream, b"Traceback\n", *[b"x" * 60_000] * 3, b"\nKeyError")
    harness.finish(stream)
    assert "KeyError" not in harness.error(job).message


def test_a_refusal_that_breaks_off_is_a_lost_connection() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.joined(job)
    stream = harness.only("/queue/data")
    harness.start(stream, 500)
    harness.data(stream, b"Trace")
    harness.fail(stream)
    assert isinstance(harness.error(job), ConnectionLostError)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"data: {\n\n", "not JSON: '{'"),
        (b"data: \xff\n\n", "not JSON: '\ufffd'"),
        (b"data: ALIVE\n\n", "not JSON: 'ALIVE'"),
        (b"data: [1]\n\n", "not a message: '[1]'"),
        (b"data: null\n\n", "not a message: 'null'"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "not JSON: '" + "[" * 80 + "'"),
    ],
)
def test_what_is_no_message_breaks_the_stream(data: bytes, says: str) -> None:
    for chunks in ([data], [data[:5], data[5:]]):
        harness = connected()
        job = harness.running("/echo", "x")
        stream = harness.only("/queue/data")
        harness.data(stream, *chunks)
        harness.data(stream, sse_bytes(done("event-0", "x")))
        error = harness.error(job)
        assert isinstance(error, RemoteProtocolError)
        assert error.message == f"the event stream: {says}"
        harness.commands()
        assert harness.aborted == [stream]


def test_an_event_larger_than_any_real_one_breaks_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    monkeypatch.setattr("gradproto._event_streams.EventStreamParser", lambda: EventStreamParser(max_event_size=1000))
    harness.joined(job)
    stream = harness.only("/queue/data")
    harness.open(stream)
    harness.sse(stream, about("event-0", "log", log="x" * 2000))
    assert isinstance(harness.error(job), RemoteProtocolError)
    assert "an event of more than 1000 bytes" in harness.error(job).message


def test_an_empty_event_and_a_comment_say_nothing() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    harness.events()
    harness.data(harness.only("/queue/data"), b": hello\n\n", b"event: x\n\n", b"\n\n")
    assert harness.events() == []
    assert not job.ended


# --- losses -----------------------------------------------------------------------------------------------------------


def test_a_broken_connection_loses_all_jobs_of_its_hash_and_no_others() -> None:
    harness = connected(config_with())
    first = harness.running("/incr")
    second = harness.queued("/chat", "x")
    joining = harness.submit("/incr")
    other = harness.running("/echo", "x")
    harness.events()
    harness.fail(harness.stream_of(first), ReadError("reset by peer"))
    lost, *ends = harness.events()
    assert isinstance(lost, StreamLost)
    assert lost.jobs == (0, 1, 2)
    assert str(lost.error) == "reset by peer"
    assert [event.job for event in ends if isinstance(event, JobFailed)] == [0, 1, 2]
    for job in (first, second, joining):
        assert isinstance(harness.error(job), ConnectionLostError)
        assert harness.error(job).__cause__ is lost.error
    assert "job 1 of /chat: reset by peer" in str(harness.error(second))
    assert not other.ended
    assert harness.pending("/queue/join") == []
    assert harness.pending("/cancel") == []
    harness.complete(other, "x")
    assert isinstance(harness.end(other), JobCompleted)


def test_after_a_loss_state_stays_and_everything_else_begins_anew() -> None:
    harness = connected(config_with())
    first = harness.running("/incr")
    other = harness.running("/echo", "x")
    harness.fail(harness.stream_of(first))
    harness.fail(harness.stream_of(other))
    assert harness.submit("/incr").session_hash == first.session_hash
    assert harness.submit("/echo", "x").session_hash not in (first.session_hash, other.session_hash)

    harness = connected(STATELESS)
    job = harness.running("/echo", "x")
    harness.fail(harness.stream_of(job))
    assert harness.submit("/echo", "x").session_hash != job.session_hash


@pytest.mark.parametrize(
    "message",
    [
        GONE,
        {"msg": "unexpected_error", "message": "404: Session not found.", "success": False},
        {"msg": "unexpected_error", "event_id": None, "message": "?", "session_not_found": True},
    ],
)
def test_a_session_that_the_server_does_not_know_has_expired(message: dict[str, Any]) -> None:
    harness = connected(config_with())
    job = harness.running("/incr")
    stream = harness.stream_of(job)
    harness.events()
    harness.sse(stream, message)
    lost, expired, _ = harness.events()
    assert isinstance(lost, StreamLost)
    assert isinstance(expired, SessionExpired)
    assert expired.session_hash == job.session_hash
    assert expired.new_session_hash == harness.session.session_hash != job.session_hash
    error = harness.error(job)
    assert isinstance(error, SessionExpiredError)
    assert error.hint == "the server restarted, or another replica answered; what it kept for this session is gone"
    assert harness.submit("/incr").session_hash == expired.new_session_hash
    harness.commands()
    assert harness.aborted == [stream]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (
            {"msg": "unexpected_error", "event_id": None, "message": "Server stopped unexpectedly."},
            "Server stopped une",
        ),
        ({"msg": "server_stopped", "success": False}, "no reason given"),
        ({"msg": "unexpected_error", "message": 5}, "no reason given"),
        ({"msg": "unexpected_error", "message": "str is not valid UTF-8: surrogates not allowed"}, "str is not valid"),
    ],
)
def test_an_error_without_an_event_ends_all_jobs_of_the_stream(message: dict[str, Any], says: str) -> None:
    harness = connected(config_with())
    jobs = [harness.running("/incr"), harness.queued("/chat", "x")]
    stream = harness.stream_of(jobs[0])
    # Gradio 4.10 to 6.10 repeats it for ever, as fast as it can.
    harness.sse(stream, *[message] * 50)
    harness.sse(stream, *[message] * 50)
    for job in jobs:
        assert isinstance(harness.error(job), ConnectionLostError)
        assert f"the server ended the session's stream: {says}" in str(harness.error(job))
    assert len([event for event in harness.events() if isinstance(event, StreamLost)]) == 1
    assert harness.idle()


def test_an_error_of_an_event_that_is_not_ours_harms_nobody() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    harness.sse(harness.only("/queue/data"), about("strange", "unexpected_error", message="no"))
    assert harness.one(UnknownMessageReceived).reason == "about an event that is not ours"
    assert not job.ended


def test_a_silent_stream_is_a_lost_one() -> None:
    harness = connected(timeouts=Timeouts(stream_idle=45))
    job = harness.running("/echo", "x")
    stream = harness.only("/queue/data")
    for _ in range(10):
        harness.tick(44)
        harness.sse(stream, BEAT)
        assert not job.ended
    harness.tick()
    harness.tick(45)
    error = harness.error(job)
    assert isinstance(error, ConnectionLostError)
    assert "nothing came for 45 s (the limit 'stream_idle' of the timeouts), not even a heartbeat" in error.message
    harness.commands()
    assert harness.aborted == [stream]


def test_an_event_that_trickles_in_is_a_sign_of_life() -> None:
    harness = connected(timeouts=Timeouts(stream_idle=45))
    job = harness.running("/echo", "x")
    stream = harness.only("/queue/data")
    for byte in sse_bytes(done("event-0", "x")):
        harness.tick(44)
        harness.data(stream, bytes([byte]))
    assert isinstance(harness.end(job), JobCompleted)


def test_a_loss_while_nothing_is_pending_is_no_news() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    stream = harness.only("/queue/data")
    harness.complete(job, "x")
    harness.events()
    harness.fail(stream)
    assert harness.events() == []
    assert harness.due() is None


# --- messages before the join's answer --------------------------------------------------------------------------------


def joining_second(config: Any = None) -> tuple[Harness, int]:
    """A stream that is open, and a second job that joins on it."""
    harness = connected(config or config_with())
    harness.running("/incr")
    harness.submit("/chat", "x")
    harness.events()
    return harness, harness.only("/queue/data")


def test_messages_that_overtake_the_answer_of_a_join_wait_for_it() -> None:
    harness, stream = joining_second()
    harness.sse(
        stream,
        about("e2", "estimation", rank=0),
        about("e2", "process_starts"),
        about("e2", "process_generating", output={"data": ["a", None]}),
        about("e2", "process_generating", output={"data": [[["append", [], "b"]], []]}),
    )
    assert harness.events() == []
    harness.answer(harness.only("/queue/join"), body={"event_id": "e2"})
    kinds = [type(event).__name__ for event in harness.events()]
    assert kinds == ["JobQueued", "QueueEstimated", "JobStarted", "OutputGenerated", "OutputGenerated"]
    harness.sse(stream, done("e2", "ab", None))
    assert harness.one(JobCompleted).outputs == ("ab",)


def test_a_whole_event_may_overtake_the_answer_of_its_join() -> None:
    harness, stream = joining_second()
    harness.sse(stream, about("e2", "process_starts"), done("e2", "a", None), done("e2", "b", None))
    harness.answer(harness.only("/queue/join"), body={"event_id": "e2"})
    assert [type(event).__name__ for event in harness.events()] == ["JobQueued", "JobStarted", "JobCompleted"]


def test_the_only_job_of_a_stream_may_be_over_before_its_join_is_answered() -> None:
    harness = connected()
    harness.complete(harness.running("/echo", "x"), "x")
    job = harness.submit("/echo", "y")
    stream = harness.only("/queue/data")
    harness.sse(stream, done("e2", "y"), CLOSE)
    harness.answer(harness.only("/queue/join"), body={"event_id": "e2"})
    assert isinstance(harness.end(job), JobCompleted)
    harness.finish(stream)
    assert harness.due() is None


def test_messages_that_no_join_claims_are_told_when_none_is_left() -> None:
    harness, stream = joining_second()
    strange = [about("e9", "process_starts"), about("e8", "log", log="x"), about("e9", "estimation")]
    harness.sse(stream, about("e2", "process_starts"), *strange)
    assert harness.events() == []
    harness.answer(harness.only("/queue/join"), body={"event_id": "e2"})
    unknown = [event for event in harness.events() if isinstance(event, UnknownMessageReceived)]
    assert [event.message for event in unknown] == [strange[0], strange[2], strange[1]]
    assert {event.reason for event in unknown} == {"about an event that is not ours"}


def test_messages_wait_as_long_as_any_job_joins() -> None:
    harness, stream = joining_second()
    harness.submit("/chat", "y")
    harness.sse(stream, about("e3", "process_starts"))
    first, second = harness.pending("/queue/join")
    harness.answer(first, body={"event_id": "e2"})
    assert not any(isinstance(event, (JobStarted, UnknownMessageReceived)) for event in harness.events())
    harness.answer(second, body={"event_id": "e3"})
    assert harness.one(JobStarted).job == 2


def test_messages_that_waited_for_a_join_that_failed_are_told() -> None:
    harness, stream = joining_second()
    harness.sse(stream, about("e2", "process_starts"))
    harness.fail(harness.only("/queue/join"))
    failed, unknown = harness.events()
    assert isinstance(failed, JobFailed)
    assert isinstance(unknown, UnknownMessageReceived)


def test_messages_about_nobodys_event_are_told_at_once_when_no_job_joins() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    harness.events()
    harness.sse(harness.only("/queue/data"), about("e9", "process_starts"))
    event = harness.one(UnknownMessageReceived)
    assert event.message == about("e9", "process_starts")
    assert event.session_hash == job.session_hash


@pytest.mark.parametrize("message", [{}, {"msg": None}, {"msg": "new"}, {"msg": 5, "event_id": 5}, {"event_id": None}])
def test_a_message_of_an_unknown_kind_about_nothing_is_told(message: dict[str, Any]) -> None:
    harness = connected()
    harness.running("/echo", "x")
    harness.sse(harness.only("/queue/data"), message)
    event = harness.one(UnknownMessageReceived)
    assert (event.message, event.reason) == (message, "unknown kind of message")


def test_more_messages_about_nobodys_event_than_a_moment_holds_lose_the_stream() -> None:
    harness, stream = joining_second()
    flood = sse_bytes(*[about("e9", "log")] * 1000)
    for _ in range(MAX_PARKED // 1000):
        harness.data(stream, flood)
    assert harness.events() == []
    harness.sse(stream, about("e9", "log"))
    lost = harness.one(StreamLost)
    assert isinstance(lost.error, RemoteProtocolError)
    assert str(lost.error) == "more than 10000 messages about events that were never announced"
    assert lost.jobs == (0, 1)


def test_messages_that_were_claimed_do_not_count_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradproto._streams.MAX_PARKED", 10)
    harness = connected(config_with())
    harness.running("/incr")
    stream = harness.only("/queue/data")
    for number in range(10):
        harness.submit("/chat", "x")
        harness.sse(stream, *[about(f"e{number}", "log", log="x")] * 5, done(f"e{number}", "x", None))
        harness.answer(harness.only("/queue/join"), body={"event_id": f"e{number}"})
    assert len([event for event in harness.events() if isinstance(event, JobCompleted)]) == 10


def test_late_messages_of_events_that_are_over_are_ignored_within_limits() -> None:
    harness = connected(config_with())
    harness.running("/incr")
    stream = harness.only("/queue/data")
    for _ in range(MAX_FINISHED + 1):
        job = harness.submit("/chat", "x")
        harness.joined(job)
        harness.complete(job, "x", None)
    harness.events()
    harness.sse(stream, about("event-2", "log", log="late"), done(f"event-{MAX_FINISHED + 1}", "late", None))
    assert harness.events() == []
    harness.sse(stream, about("event-1", "log", log="too late"))
    assert harness.one(UnknownMessageReceived).reason == "about an event that is not ours"


def test_an_event_id_that_is_given_twice_fails_the_second_job() -> None:
    harness, stream = joining_second()
    harness.answer(harness.only("/queue/join"), body={"event_id": "event-0"})
    failed = harness.one(JobFailed)
    assert failed.job == 1
    assert isinstance(failed.error, RemoteProtocolError)
    assert str(failed.error) == "job 1 got the event id of job 0: 'event-0'"
    harness.sse(stream, done("event-0", 1, None))
    assert harness.one(JobCompleted).job == 0


# --- which hash a job gets --------------------------------------------------------------------------------------------


def test_concurrent_jobs_have_a_session_hash_each_and_later_ones_use_them_again() -> None:
    harness = connected()
    jobs = [harness.running("/echo", str(number)) for number in range(5)]
    hashes = {job.session_hash for job in jobs}
    assert len(hashes) == 5
    for job in jobs:
        harness.complete(job, "x")
        harness.close_stream(harness.stream_of(job.session_hash))
    again = [harness.running("/echo", str(number)) for number in range(6)]
    assert len({job.session_hash for job in again}) == 6
    assert hashes < {job.session_hash for job in again}


def test_jobs_one_after_the_other_use_one_session_hash() -> None:
    harness = connected()
    hashes = set[str]()
    for number in range(5):
        job = harness.running("/echo", str(number))
        hashes.add(job.session_hash)
        harness.complete(job, "x")
    assert hashes == {harness.session.session_hash}


def test_jobs_with_state_share_the_conversations_hash() -> None:
    harness = connected(config_with())
    jobs = [harness.running("/incr"), harness.running("/chat", "x"), harness.running("/incr")]
    other = harness.running("/echo", "x")
    assert {job.session_hash for job in jobs} == {harness.session.session_hash}
    assert other.session_hash != harness.session.session_hash
    assert len(harness.pending("/queue/data")) == 2


def test_beyond_the_limit_jobs_share_the_hash_with_the_fewest_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradproto._streams.MAX_STREAMS", 3)
    harness = connected()
    jobs = [harness.running("/echo", str(number)) for number in range(6)]
    hashes = [job.session_hash for job in jobs]
    assert len(set(hashes)) == 3
    assert sorted(hashes.count(one) for one in set(hashes)) == [2, 2, 2]
    harness.session.cancel(harness.queued("/count", 3))
    assert harness.pending("/cancel") != []
    shared = harness.queued("/echo", "x")
    harness.session.cancel(shared)
    refused = [event for event in harness.events() if isinstance(event, CancelRefused)]
    assert refused[-1].reason == "another job of this endpoint shares its session, and the server would stop both"
    for job in jobs:
        harness.complete(job, "x")
        assert isinstance(harness.end(job), JobCompleted)


def test_a_stream_that_breaks_while_nobody_uses_it_is_not_used_again() -> None:
    harness = connected()
    held = harness.running("/echo", "x")
    job = harness.running("/echo", "y")
    harness.complete(job, "y")
    harness.fail(harness.stream_of(job.session_hash))
    again = harness.running("/echo", "z")
    assert again.session_hash not in (held.session_hash, job.session_hash)
    harness.complete(again, "z")
    assert isinstance(harness.end(again), JobCompleted)


def test_a_stream_whose_join_failed_is_used_again() -> None:
    harness = connected()
    held = harness.running("/echo", "x")
    hashes = set[str]()
    for _ in range(5):
        job = harness.submit("/echo", "y")
        hashes.add(job.session_hash)
        harness.answer(harness.only("/queue/join"), 503, {"detail": "Queue is full."})
        assert harness.ends(job)
    assert len(hashes) == 1
    assert held.session_hash not in hashes


def test_a_new_conversation_leaves_jobs_under_way_in_the_old_one() -> None:
    harness = connected(config_with())
    old = harness.running("/incr")
    harness.session.reset_session()
    new = harness.running("/incr")
    assert new.session_hash == harness.session.session_hash != old.session_hash
    harness.complete(old, 5, None)
    harness.complete(new, 1, None)
    assert (old.outputs, new.outputs) == ((5,), (1,))
    # The old conversation has nothing worth keeping any more.
    harness.tick()
    harness.tick(CLOSE_GRACE)
    assert [harness.session_hash_of(number) for number in harness.pending("/queue/data")] == [new.session_hash]


@pytest.mark.parametrize("way", ["end", "lose", "join fails"])
def test_nothing_is_left_of_a_conversation_when_its_last_job_is_over(way: str) -> None:
    harness = connected(config_with())
    for _ in range(5):
        job = harness.submit("/incr")
        if way == "join fails":
            harness.session.reset_session()
            harness.answer(harness.only("/queue/join"), 500)
            continue
        harness.joined(job)
        stream = harness.stream_of(job)
        harness.open(stream)
        harness.session.reset_session()
        if way == "end":
            harness.complete(job, 1, None)
            harness.close_stream(stream)
        else:
            harness.fail(stream)
    harness.tick()
    harness.events()
    del job
    gc.collect()
    core = harness.session._core
    streams = [found for found in gc.get_objects() if isinstance(found, EventStream) and found.core is core]
    assert [stream.session_hash for stream in streams] == [harness.session.session_hash]


def test_a_new_conversation_ends_the_stream_of_the_old_one_if_nothing_is_pending() -> None:
    harness = connected(config_with())
    job = harness.running("/incr")
    stream = harness.only("/queue/data")
    harness.complete(job, 1, None)
    harness.events()
    harness.session.reset_session()
    harness.commands()
    assert harness.aborted == [stream]
    assert harness.events() == []


def test_a_lost_stream_of_an_old_conversation_takes_nothing_from_the_new_one() -> None:
    harness = connected(config_with())
    old = harness.running("/incr")
    harness.session.reset_session()
    new = harness.running("/incr")
    harness.sse(harness.stream_of(old), GONE)
    assert isinstance(harness.error(old), SessionExpiredError)
    assert harness.session.session_hash == new.session_hash
    harness.complete(new, 1, None)
    assert isinstance(harness.end(new), JobCompleted)


def test_jobs_that_upload_while_the_conversation_is_reset_join_the_new_one() -> None:
    harness = connected(config_with())
    job = harness.submit("/upper", b"x")
    harness.session.reset_session()
    harness.answer(harness.only("/upload"), body=["/tmp/x"])
    assert job.session_hash == harness.session.session_hash


# --- many messages at once --------------------------------------------------------------------------------------------


def conversation() -> list[dict[str, Any]]:
    e1, e2 = "event-0", "event-1"
    return [
        about(e1, "estimation", rank=0, queue_size=1, rank_eta=None),
        about(e1, "process_starts", eta=0.1),
        BEAT,
        about(e1, "log", log="caf\xe9 \u2028 \U0001f600", level="info"),
        about(e2, "estimation", rank=0, queue_size=1, rank_eta=0.5),
        about(e1, "process_generating", output={"data": ["a", None]}),
        about(e1, "process_generating", output={"data": [[["append", [], "b\n"]], []]}),
        {"msg": "brand_new"},
        done(e1, "ab\n", None),
        about(e2, "process_starts"),
        about(e2, "process_completed", success=False, output={"error": "boom"}),
        CLOSE,
    ]


def replay(chunks: list[bytes]) -> list[Event]:
    harness = connected(config_with())
    for text in "xy":
        harness.joined(harness.submit("/chat", text))
    stream = harness.only("/queue/data")
    harness.open(stream)
    harness.events()
    harness.data(stream, *chunks)
    harness.finish(stream)
    events = [
        JobFailed(job=event.job, error=str(event.error)) if isinstance(event, JobFailed) else event  # type: ignore[arg-type]
        for event in harness.events()
    ]
    assert harness.idle()
    return events


BODY = sse_bytes(*conversation())
WHOLE = replay([BODY])


def test_a_conversation_is_understood() -> None:
    assert [type(event).__name__ for event in WHOLE] == [
        "QueueEstimated",
        "JobStarted",
        "JobLogged",
        "QueueEstimated",
        "OutputGenerated",
        "OutputGenerated",
        "UnknownMessageReceived",
        "JobCompleted",
        "JobStarted",
        "JobFailed",
    ]


def test_a_conversation_is_the_same_however_it_is_cut() -> None:
    for chunks in chunkings(BODY):
        assert replay(chunks) == WHOLE


@settings(max_examples=30)
@given(random_chunks(BODY))
def test_a_conversation_is_the_same_in_any_pieces(chunks: list[bytes]) -> None:
    assert replay(chunks) == WHOLE


MANY = 5 * MAX_EVENTS_AHEAD


def flood(harness: Harness) -> bytes:
    return sse_bytes(*[about("event-0", "log", log=str(number)) for number in range(MANY)])


def test_no_more_events_are_made_ahead_than_are_taken_soon() -> None:
    harness = connected()
    job = harness.running("/count", 2)
    harness.events()
    harness.data(harness.only("/queue/data"), flood(harness))
    core = harness.session._core
    assert len(core.events) == MAX_EVENTS_AHEAD
    logged = [event.message for event in harness.events() if isinstance(event, JobLogged)]
    assert logged == [str(number) for number in range(MANY)]
    harness.complete(job, "x")
    assert isinstance(harness.end(job), JobCompleted)


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_the_end_of_a_stream_comes_after_all_that_came_before_it(end: str) -> None:
    harness = connected()
    job = harness.running("/count", 2)
    stream = harness.only("/queue/data")
    harness.events()
    harness.data(stream, flood(harness), sse_bytes(done("event-0", "x"), CLOSE))
    getattr(harness, end)(stream)
    events = harness.events()
    assert len(events) == MANY + 1
    assert isinstance(events[-1], JobCompleted)
    assert harness.idle()
    assert harness.due() is None
    again = harness.submit("/echo", "x")
    assert (again.session_hash == job.session_hash) is (end == "finish")


def test_an_end_with_messages_to_deal_with_still_loses_a_job() -> None:
    harness = connected()
    job = harness.running("/count", 2)
    stream = harness.only("/queue/data")
    harness.events()
    harness.data(stream, flood(harness))
    harness.finish(stream)
    events = harness.events()
    assert len(events) == MANY + 2
    assert isinstance(events[-2], StreamLost)
    assert isinstance(harness.error(job), ConnectionLostError)


def test_a_broken_message_among_many_breaks_the_stream_where_it_stands() -> None:
    harness = connected()
    job = harness.running("/count", 2)
    stream = harness.only("/queue/data")
    harness.events()
    harness.data(stream, flood(harness), b"data: {\n\n", sse_bytes(done("event-0", "x")))
    harness.finish(stream)
    events = harness.events()
    assert len(events) == MANY + 2
    assert isinstance(harness.error(job), RemoteProtocolError)
    assert harness.idle()


def test_messages_that_were_put_off_go_no_further_when_the_session_is_closed() -> None:
    harness = connected()
    job = harness.running("/count", 2)
    stream = harness.only("/queue/data")
    harness.events()
    harness.data(stream, flood(harness), sse_bytes({"msg": "strange"}, *[done("event-0", "x")] * 2))
    harness.finish(stream)
    harness.session.close()
    events = harness.events()
    assert isinstance(events[-1], JobFailed)
    assert len(events) == MAX_EVENTS_AHEAD + 1
    assert harness.ends(job) == events[-1:]


def test_messages_put_off_are_dealt_with_when_commands_are_asked_for_too() -> None:
    harness = connected()
    harness.running("/count", 2)
    harness.events()
    harness.data(harness.only("/queue/data"), flood(harness), sse_bytes(GONE))
    taken = 0
    while (event := harness.session.next_event()) is not None:
        taken += 1
        last = event
    assert taken >= MANY
    assert isinstance(last, (JobFailed, JobLogged))
    harness.commands()
    assert harness.idle()
    assert [event for event in harness.events() if not isinstance(event, (JobFailed, SessionExpired, StreamLost))] == []


def test_a_job_can_be_cancelled_between_messages_that_were_put_off() -> None:
    harness = connected()
    job = harness.running("/count", 2)
    stream = harness.only("/queue/data")
    harness.events()
    harness.data(stream, flood(harness), sse_bytes(done("event-0", "x"), CLOSE))
    harness.session.cancel(job)
    harness.answer(harness.only("/cancel"), body={"success": True})
    events = harness.events()
    assert isinstance(events[-1], JobCancelled)
    harness.finish(stream)
    assert harness.due() is None


def test_outputs_of_one_stream_do_not_hold_up_another() -> None:
    harness = connected()
    first = harness.running("/count", 2)
    second = harness.running("/echo", "x")
    harness.events()
    harness.data(harness.stream_of(first), flood(harness))
    harness.complete(second, "y")
    events = harness.events()
    assert len([event for event in events if isinstance(event, JobLogged)]) == MANY
    assert isinstance(harness.end(second), JobCompleted)
    assert not any(isinstance(event, (OutputGenerated, QueueEstimated)) for event in events)
