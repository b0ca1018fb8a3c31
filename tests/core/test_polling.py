"""The queue of Gradio 2 and 3.0, which has to be asked: every answer, every state, every loss."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import (
    AppError,
    CancelRefused,
    ConnectionLostError,
    DeadlineExceeded,
    Job,
    JobCompleted,
    JobError,
    JobQueued,
    JobStarted,
    JobState,
    QueueEstimated,
    ReadError,
    RemoteProtocolError,
    Timeouts,
)
from gradproto._messages import HIDDEN_ERROR
from gradproto._polling import MAX_NOT_FOUND, POLL_INTERVAL
from tests.core.driving import Harness, era, json_body, state_of

V2, V3 = "2.9.4", "3.0.24"


def connected(version: str = V3, *, state: bool = False, **options: Any) -> Harness:
    return Harness(**options).connect(era(version, state=state))


def submitted(harness: Harness) -> Job:
    """A job of the only function of Gradio 2, or the one that counts."""
    names = harness.session.endpoints
    return harness.submit("/predict" if names.has_name("/predict") else "/count", 3)


def pushed(harness: Harness) -> Job:
    job = submitted(harness)
    harness.accept(job)
    return job


@pytest.mark.parametrize(
    ("version", "body"),
    [
        (V2, {"fn_index": 0}),
        (V3, {"fn_index": 1}),
    ],
)
def test_a_job_is_pushed_and_asked_about_until_it_is_complete(version: str, body: dict[str, Any]) -> None:
    harness = connected(version)
    job = submitted(harness)
    push = harness.carrier(job)
    request = harness.requests[push]
    assert (request.method, request.url) == ("POST", "http://app.test/api/queue/push/")
    sent = json_body(request)
    assert sent["action"] == "predict"
    assert sent["data"] == [3]
    assert (sent["fn_index"], sent["session_hash"]) == (body["fn_index"], job.session_hash)
    harness.answer(push, body={"hash": "c74d", "queue_position": 2})
    assert state_of(job) is JobState.QUEUED
    # Nothing is asked before its time.
    assert harness.idle()
    assert harness.due() == POLL_INTERVAL
    question = harness.ask_status(job)
    request = harness.requests[question]
    assert (request.method, request.url) == ("POST", "http://app.test/api/queue/status/")
    assert json_body(request) == {"hash": "c74d"}
    harness.answer(question, body={"status": "QUEUED", "data": 2})
    harness.tell_status(job, "QUEUED", 1)
    harness.tell_status(job, "PENDING")
    assert state_of(job) is JobState.RUNNING
    harness.tell_status(job, "PENDING")
    output = {"data": ["done"], "durations": [1.0], "avg_durations": [1.0], "duration": 2.5, "average_duration": 2}
    harness.tell_status(job, "COMPLETE", output)
    assert harness.events() == [
        JobQueued(job=0, event_id="c74d"),
        QueueEstimated(job=0, rank=2, queue_size=None, eta=None),
        QueueEstimated(job=0, rank=1, queue_size=None, eta=None),
        JobStarted(job=0, eta=None),
        JobCompleted(job=0, outputs=("done",), duration=2.5, average_duration=2, used_cache=None),
    ]
    assert harness.idle()
    assert harness.due() is None


def test_a_job_may_be_complete_at_the_first_question() -> None:
    harness = connected()
    job = pushed(harness)
    harness.tell_status(job, "COMPLETE", {"data": ["done"]})
    assert job.outputs == ("done",)


def test_headers_of_a_call_go_with_every_question() -> None:
    harness = connected()
    job = harness.submit("/count", 3, headers={"x-call": "c"})
    push = harness.carrier(job)
    harness.accept(job)
    for number in (push, harness.ask_status(job)):
        assert ("x-call", "c") in harness.requests[number].headers


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"error": "ValueError says: x"}', "ValueError says: x"),
        # Not quoted in those days, so that quotes belong to the text.
        ('{"error": "\'x\'"}', "'x'"),
        ({"error": "x"}, "x"),
        # What the server was told by itself, of an app that hides its errors.
        ("Internal Server Error", HIDDEN_ERROR),
        ('{"error": null}', HIDDEN_ERROR),
        ('["x"]', HIDDEN_ERROR),
        (None, HIDDEN_ERROR),
        (5, HIDDEN_ERROR),
    ],
)
def test_a_failure_is_a_text_in_a_text(data: Any, message: str) -> None:
    harness = connected()
    job = pushed(harness)
    harness.tell_status(job, "FAILED", data)
    assert isinstance(harness.error(job), AppError)
    assert harness.error(job).message == message
    assert harness.idle()
    assert harness.due() is None


def test_a_job_that_is_not_found_for_a_moment_is_asked_for_again() -> None:
    harness = connected()
    job = pushed(harness)
    for _ in range(3):
        for _ in range(MAX_NOT_FOUND):
            harness.tell_status(job, "NOT FOUND")
        harness.tell_status(job, "PENDING")
        assert job.state is JobState.RUNNING
    harness.tell_status(job, "COMPLETE", {"data": ["x"]})
    assert job.state is JobState.DONE


def test_a_job_that_is_not_found_again_and_again_has_failed() -> None:
    harness = connected()
    job = pushed(harness)
    for _ in range(MAX_NOT_FOUND + 1):
        assert not job.ended
        harness.tell_status(job, "NOT FOUND")
    assert "the server says 'NOT FOUND'" in str(harness.error(job))
    assert harness.due() is None


@pytest.mark.parametrize("status", ["x" * 200, None, 5, ["QUEUED"], {}])
def test_a_status_that_is_not_known_fails_its_job(status: Any) -> None:
    harness = connected()
    job = pushed(harness)
    harness.tell_status(job, status)
    error = harness.error(job)
    assert type(error) is JobError
    assert len(str(error)) < 200
    assert harness.due() is None


@pytest.mark.parametrize("data", [None, {}, [], "x", {"data": None}, {"data": {}}, {"data": "x"}])
def test_a_completion_without_data_is_the_servers_fault(data: Any) -> None:
    harness = connected()
    job = pushed(harness)
    harness.tell_status(job, "COMPLETE", data)
    assert isinstance(harness.error(job), RemoteProtocolError)
    assert "the completion has no data" in str(harness.error(job))


@pytest.mark.parametrize("position", [None, "x", 1.5, True, [], {}])
def test_a_place_in_the_queue_of_a_wrong_type_is_none(position: Any) -> None:
    harness = connected()
    job = submitted(harness)
    harness.answer(harness.carrier(job), body={"hash": "h", "queue_position": position})
    harness.tell_status(job, "QUEUED", position)
    assert harness.events() == [JobQueued(job=0, event_id="h")]
    assert not job.ended


@pytest.mark.parametrize(
    "body", [b"", b"<html>", [], {}, {"hash": None}, {"hash": ""}, {"hash": 5}, {"queue_position": 0}]
)
def test_a_push_without_a_name_in_return_fails_its_job(body: Any) -> None:
    harness = connected()
    job = submitted(harness)
    harness.answer(harness.carrier(job), body=body)
    assert isinstance(harness.error(job), RemoteProtocolError)
    assert "the push of job 0 (/count)" in str(harness.error(job))
    assert harness.due() is None


@pytest.mark.parametrize("at", ["the push", "the status"])
@pytest.mark.parametrize(
    ("way", "kind"),
    [("500", JobError), ("422", JobError), ("not JSON", RemoteProtocolError), ("break", ConnectionLostError)],
)
def test_an_answer_that_is_none_fails_the_job(at: str, way: str, kind: type[Exception]) -> None:
    harness = connected()
    job = submitted(harness)
    if at == "the status":
        harness.accept(job)
        harness.ask_status(job)
    question = harness.carrier(job)
    if way == "break":
        harness.fail(question)
    elif way == "not JSON":
        harness.answer(question, 200, b"Internal Server Error")
    else:
        harness.answer(question, int(way), b"Internal Server Error")
    assert type(harness.error(job)) is kind
    if way != "break":
        assert f"{at} of job 0 (/count)" in str(harness.error(job))
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize("at", ["the push", "the status"])
def test_a_question_that_is_not_answered_in_time_fails_the_job(at: str) -> None:
    harness = connected(timeouts=Timeouts(request=5))
    job = submitted(harness)
    if at == "the status":
        harness.accept(job)
        harness.ask_status(job)
    harness.tick()
    harness.tick(5)
    assert isinstance(harness.error(job), DeadlineExceeded)
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize("asking", [False, True])
def test_a_job_that_waits_or_runs_too_long_is_asked_about_no_more(asking: bool) -> None:
    harness = connected(timeouts=Timeouts(queue_wait=7, run=9, request=None))
    waiting, running = pushed(harness), pushed(harness)
    harness.tell_status(waiting, "QUEUED", 0)
    harness.tell_status(running, "PENDING")
    if asking:
        harness.ask_status(waiting)
        harness.ask_status(running)
    harness.tick()
    harness.tick(7)
    assert "did not start within 7 s" in str(harness.error(waiting))
    harness.tick(3)
    assert "ran for more than 9 s" in str(harness.error(running))
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize("version", [V2, V3])
@pytest.mark.parametrize("state", [JobState.JOINING, JobState.QUEUED, JobState.RUNNING])
def test_nothing_can_be_cancelled(version: str, state: JobState) -> None:
    harness = connected(version)
    job = submitted(harness)
    if state is not JobState.JOINING:
        harness.accept(job)
    if state is JobState.RUNNING:
        harness.tell_status(job, "PENDING")
    assert state_of(job) is state
    harness.session.cancel(job)
    assert "can neither take a job out of its queue nor stop it" in harness.one(CancelRefused).reason
    if state is JobState.JOINING:
        harness.accept(job)
    harness.tell_status(job, "COMPLETE", {"data": ["done"]})
    assert job.outputs == ("done",)


def test_late_answers_about_a_job_that_is_over_are_nobodys() -> None:
    harness = connected()
    job = pushed(harness)
    question = harness.ask_status(job)
    harness.session.close()
    harness.commands()
    harness.session.response_started(question, 200, ())
    harness.session.response_data(question, b'{"status": "COMPLETE", "data": {"data": ["x"]}}')
    harness.session.response_ended(question)
    harness.session.exchange_failed(question, ReadError("late"))
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()
    assert harness.due() is None


def test_the_queue_of_gradio_2_would_lose_state_which_goes_past_it_so() -> None:
    harness = connected(V2, state=True)
    job = submitted(harness)
    direct = harness.only("/api/predict/")
    assert json_body(harness.requests[direct])["session_hash"] == harness.session.session_hash
    harness.answer(direct, body={"data": ["x", None], "durations": [0.1]})
    assert job.outputs == ("x",)


def test_the_queue_of_gradio_3_keeps_state() -> None:
    harness = connected(V3, state=True)
    job = harness.submit("/incr")
    assert json_body(harness.requests[harness.carrier(job)])["session_hash"] == harness.session.session_hash
    harness.accept(job)
    harness.tell_status(job, "COMPLETE", {"data": [1, None]})
    assert job.outputs == (1,)


@pytest.mark.parametrize("version", [V2, V3])
@pytest.mark.parametrize("body", [b"Internal Server Error", {"error": None}])
def test_a_function_that_fails_outside_the_queue_may_say_no_more_than_that(version: str, body: Any) -> None:
    harness = Harness().connect(era(version, queue=False, enable_queue=False))
    job = submitted(harness)
    harness.answer(harness.only("/api/predict/"), 500, body)
    error = harness.error(job)
    assert isinstance(error, AppError)
    assert error.message == HIDDEN_ERROR
