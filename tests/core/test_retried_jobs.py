"""Jobs that begin anew: those that have not run, those that may run twice, and no others."""

from __future__ import annotations

import io
from typing import Any

import pytest

import gradproto
from gradproto import (
    ConnectError,
    ConnectionLostError,
    DeadlineExceeded,
    FilePart,
    GradprotoError,
    Job,
    JobCancelled,
    JobCompleted,
    JobRetried,
    JobState,
    QueueFullError,
    ReadError,
    RemoteProtocolError,
    Retry,
    StreamLost,
    Timeouts,
    WriteError,
)
from gradproto._retry import is_passing
from tests.core.driving import CONFIG, INFO, STATELESS, Harness, era, json_body, state_of

ONCE = Retry(times=1, first_delay=1)
ANY = Retry(times=2, first_delay=1, idempotent=True)
FULL = (503, {"detail": "Queue is full. Max size is 1 and size is 1."}, [("content-type", "application/json")])
LIMITED = (429, b"slow down", [])


def connected(config: Any = STATELESS, *, retry: Retry | int | None = ONCE, **options: Any) -> Harness:
    return Harness(retry=retry, **options).connect(config)


def wait(harness: Harness) -> float:
    """Let the time until the next try pass; returns the seconds."""
    seconds = harness.due()
    assert seconds is not None
    harness.tick(seconds)
    return seconds


def look_again(harness: Harness, **changes: Any) -> None:
    """Answer the look at the app that comes after a loss."""
    harness.answer(harness.only("/config"), body={**STATELESS, **changes})


def joins(harness: Harness) -> int:
    """How many joins were sent."""
    harness.commands()
    return sum(one.url.endswith("/queue/join") and one.method == "POST" for one in harness.requests.values())


REFUSALS: list[Any] = [
    ConnectError("refused"),
    ReadError("reset"),
    WriteError("broken pipe"),
    (429, b"", []),
    (502, b"<html>Bad Gateway", []),
    (503, b"", []),
    (504, b"", []),
]


def refuse(harness: Harness, exchange: int, refusal: Any) -> None:
    if isinstance(refusal, GradprotoError):
        harness.fail(exchange, refusal)
    else:
        harness.answer(exchange, *refusal)


# --- jobs: what certainly has not run


@pytest.mark.parametrize("refusal", [ConnectError("refused"), FULL, LIMITED], ids=["no connection", "full", "limited"])
def test_a_job_that_was_not_taken_is_sent_again(refusal: Any) -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    first = job.session_hash
    refuse(harness, harness.only("/queue/join"), refusal)
    retried = harness.one(JobRetried)
    assert (retried.job, retried.attempt) == (0, 1)
    assert 0.5 <= retried.delay <= 1
    assert state_of(job) is JobState.NEW
    assert not job.ended
    assert harness.idle()
    assert wait(harness) == retried.delay
    if isinstance(refusal, ConnectError):
        look_again(harness)
        assert isinstance(retried.error, ConnectError)
    harness.joined(job)
    # The server knows nothing of the first one, so that its hash is still good.
    assert job.session_hash == first
    harness.open(harness.stream_of(job))
    harness.say(job, "process_starts")
    harness.complete(job, "x")
    assert isinstance(harness.end(job), JobCompleted)
    assert job.outputs == ("x",)
    assert joins(harness) == 2


@pytest.mark.parametrize("refusal", [ConnectError("refused"), FULL, LIMITED], ids=["no connection", "full", "limited"])
def test_the_last_try_fails_with_its_own_error(refusal: Any) -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.fail(harness.only("/queue/join"), ConnectError("refused at first"))
    wait(harness)
    look_again(harness)
    refuse(harness, harness.only("/queue/join"), refusal)
    error = harness.error(job)
    assert error.hint == "given up after 2 tries"
    assert "at first" not in str(error)
    assert error.__traceback__ is None
    assert harness.idle()
    assert harness.due() is None


def test_a_number_of_tries_is_enough() -> None:
    harness = connected(retry=2)
    job = harness.submit("/echo", "x")
    for _ in range(2):
        harness.answer(harness.only("/queue/join"), *FULL)
        wait(harness)
    harness.answer(harness.only("/queue/join"), *FULL)
    assert str(harness.error(job)) == "Queue is full! Please try again. (given up after 3 tries)"
    assert [event.attempt for event in harness.history if isinstance(event, JobRetried)] == [1, 2]


@pytest.mark.parametrize("retry", [None, 0])
def test_by_default_nothing_is_tried_again(retry: int | None) -> None:
    harness = connected(retry=retry)
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), *FULL)
    assert harness.error(job).hint is None
    assert harness.due() is None


def test_a_job_that_waits_to_be_sent_again_can_be_cancelled() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), *FULL)
    harness.session.cancel(job)
    assert isinstance(harness.end(job), JobCancelled)
    assert harness.due() is None
    harness.tick(100)
    assert joins(harness) == 1
    assert harness.idle()


def test_closing_the_session_ends_a_job_that_waits_to_be_sent_again() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), *FULL)
    harness.session.close()
    assert "under way when the session was closed" in str(harness.error(job))
    assert harness.due() is None


def test_a_job_whose_cancellation_waits_for_its_join_is_not_sent_again() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.session.cancel(job)
    harness.answer(harness.only("/queue/join"), *FULL)
    assert isinstance(harness.error(job), QueueFullError)


def test_a_look_at_the_app_that_fails_is_a_try() -> None:
    harness = connected(retry=Retry(times=2, first_delay=1))
    job = harness.submit("/echo", "x")
    harness.fail(harness.only("/queue/join"), ConnectError("refused"))
    wait(harness)
    harness.fail(harness.only("/config"), ConnectError("still refused"))
    assert [event.attempt for event in harness.events() if isinstance(event, JobRetried)] == [1, 2]
    wait(harness)
    harness.answer(harness.only("/config"), 502)
    assert harness.error(job).hint == "given up after 3 tries"
    assert joins(harness) == 1


def test_jobs_that_wait_for_the_same_look_at_the_app_are_each_told_of_their_own_tries() -> None:
    harness = connected()
    jobs = [harness.submit("/echo", text) for text in "ab"]
    for number in harness.pending("/queue/join"):
        harness.fail(number, ConnectError("refused"))
    wait(harness)
    wait(harness)
    harness.fail(harness.only("/config"), ConnectError("refused"))
    errors = [harness.error(job) for job in jobs]
    assert errors[0] is not errors[1]
    assert [error.hint for error in errors] == ["given up after 2 tries"] * 2


def test_a_join_that_was_held_back_when_its_stream_broke_has_not_run() -> None:
    harness = connected(CONFIG, retry=ONCE)
    generator = harness.running("/chat", "a")
    harness.session.cancel(generator)
    held = harness.submit("/chat", "b")
    assert harness.pending("/queue/join") == []
    harness.fail(harness.stream_of(generator))
    assert isinstance(harness.error(generator), ConnectionLostError)
    assert harness.one(JobRetried).job == held.number
    harness.answer(harness.only("/cancel"), body={"success": True})
    assert harness.pending("/queue/join") == []
    wait(harness)
    harness.answer(harness.only("/config"), body=CONFIG)
    harness.joined(held)
    assert joins(harness) == 2


# --- jobs: what may have run


def cut_join(harness: Harness, job: Job) -> None:
    harness.fail(harness.only("/queue/join"), ReadError("reset"))


def write_fails(harness: Harness, job: Job) -> None:
    harness.fail(harness.only("/queue/join"), WriteError("broken pipe"))


def no_answer(harness: Harness, job: Job) -> None:
    harness.tick()
    harness.tick(9)


def bad_gateway(harness: Harness, job: Job) -> None:
    harness.answer(harness.only("/queue/join"), 502)


def stopped(harness: Harness, job: Job) -> None:
    harness.answer(harness.only("/queue/join"), 503, {"detail": "Queue is stopped."})


def gateway_timeout(harness: Harness, job: Job) -> None:
    harness.answer(harness.only("/queue/join"), 504)


def stream_lost(harness: Harness, job: Job) -> None:
    harness.joined(job)
    harness.open(harness.stream_of(job))
    harness.say(job, "process_starts")
    harness.fail(harness.stream_of(job))


def stream_lost_at_once(harness: Harness, job: Job) -> None:
    harness.joined(job)
    harness.fail(harness.stream_of(job))


def stream_limited(harness: Harness, job: Job) -> None:
    harness.joined(job)
    harness.answer(harness.stream_of(job), 429)


def expired(harness: Harness, job: Job) -> None:
    harness.joined(job)
    harness.answer(harness.stream_of(job), 404)


def server_stopped(harness: Harness, job: Job) -> None:
    harness.joined(job)
    stream = harness.stream_of(job)
    harness.open(stream)
    harness.sse(stream, {"msg": "server_stopped"})


DOUBTFUL = [
    cut_join,
    write_fails,
    no_answer,
    bad_gateway,
    stopped,
    gateway_timeout,
    stream_lost,
    stream_lost_at_once,
    stream_limited,
    expired,
    server_stopped,
]


@pytest.mark.parametrize("loss", DOUBTFUL)
def test_what_may_have_run_is_not_sent_again_unless_the_caller_allows_it(loss: Any) -> None:
    harness = connected(retry=Retry(idempotent=["/count"]), timeouts=Timeouts(request=9))
    sibling = harness.running("/echo", "sibling")
    job = harness.submit("/echo", "x")
    loss(harness, job)
    assert "given up" not in str(harness.error(job))
    harness.tick()
    harness.tick(30)
    assert joins(harness) == 2
    harness.complete(sibling, "sibling")
    assert isinstance(harness.end(sibling), JobCompleted)


@pytest.mark.parametrize("loss", DOUBTFUL)
@pytest.mark.parametrize("idempotent", [True, ["/echo"]])
def test_what_may_run_twice_is_sent_again(idempotent: Any, loss: Any) -> None:
    retry = Retry(times=1, first_delay=1, idempotent=idempotent)
    harness = connected(retry=retry, timeouts=Timeouts(request=9))
    job = harness.submit("/echo", "x")
    loss(harness, job)
    retried = harness.one(JobRetried) if loss is not stream_lost else None
    assert retried is None or is_passing(retried.error)
    assert state_of(job) is JobState.NEW
    first = job.session_hash
    wait(harness)
    if harness.pending("/config"):
        look_again(harness)
    assert joins(harness) == 2
    # What the server may still do for the first one does not touch the second.
    if loss not in (cut_join, write_fails, no_answer, bad_gateway, stopped, gateway_timeout):
        assert job.session_hash != first
    harness.joined(job, "event-again")
    harness.open(harness.stream_of(job))
    harness.sse(harness.stream_of(job), {"msg": "process_starts", "event_id": "event-again"})
    done = {"data": ["x"], "is_generating": False}
    harness.sse(
        harness.stream_of(job), {"msg": "process_completed", "event_id": "event-again", "success": True, "output": done}
    )
    assert isinstance(harness.end(job), JobCompleted)
    assert len(job.history) == 1


def test_the_last_loss_says_how_many_tries_there_were_and_not_that_it_was_not_sent_again() -> None:
    harness = connected(retry=Retry(times=1, first_delay=1, idempotent=True))
    job = harness.queued("/echo", "x")
    harness.fail(harness.stream_of(job))
    assert harness.one(StreamLost).jobs == (0,)
    wait(harness)
    look_again(harness)
    harness.joined(job)
    harness.fail(harness.stream_of(job))
    assert harness.error(job).hint == "whether it ran to its end is not known; given up after 2 tries"


def test_a_job_that_gave_an_output_does_not_begin_anew() -> None:
    harness = connected(retry=ANY)
    job = harness.running("/count", 3)
    harness.say(job, "process_generating", output={"data": ["n=0"]})
    harness.fail(harness.stream_of(job))
    assert isinstance(harness.error(job), ConnectionLostError)
    assert len(job.history) == 1


def fail_by(harness: Harness, job: Job, way: str) -> None:
    if way == "app":
        harness.say(job, "process_completed", success=False, output={"error": "boom"})
    elif way == "unexpected":
        harness.say(job, "unexpected_error", message="boom")
    elif way == "no output":
        harness.say(job, "process_completed", success=True, output=None)
    elif way == "run":
        harness.tick()
        harness.tick(20)
    else:
        harness.data(harness.stream_of(job), b"data: {\n\n")


@pytest.mark.parametrize("way", ["app", "unexpected", "no output", "run", "no JSON"])
def test_what_failed_by_itself_is_not_tried_again(way: str) -> None:
    harness = connected(retry=ANY, timeouts=Timeouts(run=20))
    job = harness.running("/echo", "x")
    fail_by(harness, job, way)
    assert harness.error(job).hint is None


def test_who_waited_too_long_in_the_queue_does_not_begin_anew() -> None:
    harness = connected(retry=ANY, timeouts=Timeouts(queue_wait=20))
    job = harness.queued("/echo", "x")
    harness.tick()
    harness.tick(20)
    assert isinstance(harness.error(job), DeadlineExceeded)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"no"),
        (401, b""),
        (403, b""),
        (404, b""),
        (422, {"detail": [{"__type__": "validate", "is_valid": False}]}),
        (500, b"Internal Server Error"),
        (200, b"<html>"),
    ],
)
def test_a_refusal_that_will_not_change_is_final(status: int, body: Any) -> None:
    harness = connected(retry=ANY)
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), status, body)
    assert harness.error(job).hint in (None, "pass auth=(user, password)")
    assert joins(harness) == 1


def test_a_job_that_is_being_cancelled_does_not_begin_anew() -> None:
    harness = connected(retry=ANY)
    job = harness.running("/count", 3)
    harness.session.cancel(job)
    harness.fail(harness.stream_of(job))
    assert isinstance(harness.error(job), ConnectionLostError)


def test_the_limits_of_a_job_begin_anew_with_it() -> None:
    harness = connected(retry=ANY, timeouts=Timeouts(queue_wait=20, run=20))
    job = harness.running("/echo", "x")
    harness.tick()
    harness.tick(15)
    harness.fail(harness.stream_of(job))
    wait(harness)
    look_again(harness)
    harness.joined(job)
    harness.open(harness.stream_of(job))
    harness.tick()
    harness.tick(15)
    assert state_of(job) is JobState.QUEUED
    harness.say(job, "process_starts")
    harness.tick()
    harness.tick(19)
    assert state_of(job) is JobState.RUNNING
    harness.tick(1)
    assert isinstance(harness.error(job), DeadlineExceeded)


@pytest.mark.parametrize("status", [429, 503])
def test_a_direct_run_that_was_not_taken_is_sent_again_only_where_that_is_certain(status: int) -> None:
    harness = connected()
    job = harness.submit("/direct", "x")
    harness.answer(harness.only("/run/predict"), status)
    if status == 503:
        assert harness.error(job).status == 503
        return
    wait(harness)
    harness.answer(harness.only("/run/predict"), body={"data": ["y"]})
    assert isinstance(harness.end(job), JobCompleted)


def test_inputs_that_wait_for_a_job_go_on_waiting_when_it_begins_anew() -> None:
    config = {**STATELESS, "dependencies": [{**one, "connection": "stream"} for one in STATELESS["dependencies"]]}
    harness = connected(config, retry=ANY)
    job = harness.running("/echo", "x")
    session = harness.session
    session.send(job, session.prepare(["y"], api_name="/echo"))
    harness.fail(harness.stream_of(job))
    wait(harness)
    harness.answer(harness.only("/config"), body=config)
    harness.joined(job)
    harness.open(harness.stream_of(job))
    assert harness.pending("/stream/event-0") == []
    harness.say(job, "process_streaming", output={"data": ["a"]})
    assert json_body(harness.requests[harness.only("/stream/event-0")])["data"] == ["y"]


# --- State


def test_a_job_with_state_is_sent_again_in_its_own_conversation() -> None:
    harness = connected(CONFIG, retry=ANY)
    job = harness.running("/chat", "x")
    conversation = job.session_hash
    harness.fail(harness.stream_of(job))
    wait(harness)
    harness.answer(harness.only("/config"), body=CONFIG)
    assert json_body(harness.requests[harness.only("/queue/join")])["session_hash"] == conversation


def test_a_job_whose_state_is_gone_is_not_sent_again() -> None:
    harness = connected(CONFIG, retry=ANY)
    job = harness.submit("/chat", "x")
    expired(harness, job)
    assert isinstance(harness.error(job), gradproto.SessionExpiredError)


def test_a_job_with_state_does_not_begin_anew_in_another_conversation() -> None:
    harness = connected(CONFIG)
    job = harness.submit("/chat", "x")
    harness.answer(harness.only("/queue/join"), *FULL)
    harness.session.reset_session()
    wait(harness)
    assert str(harness.error(job)) == "Queue is full! Please try again. (not tried again: its conversation was reset)"
    assert joins(harness) == 1


# --- files


def uploading(source: Any, **options: Any) -> tuple[Harness, Job, int]:
    harness = connected(**options)
    session = harness.session
    call = session.prepare([source], api_name="/upper")
    if not isinstance(source, bytes):
        call = call.with_sizes([5], options.get("starts"))
    job = session.submit(call)
    return harness, job, harness.only("/upload")


@pytest.mark.parametrize("refusal", [*REFUSALS, DeadlineExceeded("idle")], ids=str)
@pytest.mark.parametrize("source", [b"hello", "/no/such/file"])
def test_an_upload_that_failed_is_sent_again(source: Any, refusal: Any) -> None:
    harness, job, upload = uploading(source)
    refuse(harness, upload, refusal)
    assert harness.one(JobRetried).attempt == 1
    wait(harness)
    if harness.pending("/config"):
        look_again(harness)
    again = harness.only("/upload")
    parts = [[part for part in harness.requests[one].body if isinstance(part, FilePart)] for one in (upload, again)]
    assert parts[0] == parts[1]
    harness.answer(again, body=["/tmp/a"])
    harness.joined(job)


@pytest.mark.parametrize("refusal", [(413, b"", []), (400, b"", []), (200, b"[]", []), RemoteProtocolError("no HTTP")])
def test_an_upload_that_the_server_does_not_want_is_not_sent_again(refusal: Any) -> None:
    harness, job, upload = uploading(b"hello")
    refuse(harness, upload, refusal)
    assert harness.error(job).hint is None


def test_an_open_file_that_was_read_to_some_place_is_not_sent_again() -> None:
    harness, job, upload = uploading(io.BytesIO(b"hello"))
    harness.fail(upload)
    assert isinstance(harness.error(job), ReadError)


def test_an_open_file_whose_place_is_known_is_sent_again_from_there() -> None:
    file = io.BytesIO(b"hello, you")
    harness = connected()
    call = harness.session.prepare([file], api_name="/upper").with_sizes([3], [7])
    harness.session.submit(call)
    for exchange in ("first", "second"):
        upload = harness.only("/upload")
        assert FilePart(source=file, size=3, start=7) in harness.requests[upload].body, exchange
        if exchange == "first":
            harness.answer(upload, 429)
            wait(harness)


def test_an_open_file_is_sent_from_its_place_to_where_an_upload_is_redirected() -> None:
    file = io.BytesIO(b"hello, you")
    harness = connected(retry=None)
    harness.session.submit(harness.session.prepare([file], api_name="/upper").with_sizes([3], [7]))
    harness.answer(harness.only("/upload"), 307, b"", [("location", "/gradio_api/upload/")])
    assert FilePart(source=file, size=3, start=7) in harness.requests[harness.only("/upload/")].body


@pytest.mark.parametrize(
    ("changes", "again"),
    [({}, False), ({"app_id": 5}, True), ({"app_id": None}, True)],
    ids=["same", "other", "unknown"],
)
def test_files_are_uploaded_again_only_to_another_server(changes: dict[str, Any], again: bool) -> None:
    config = {**STATELESS, **changes} if changes == {"app_id": None} else STATELESS
    harness = connected(config)
    job = harness.session.submit(harness.session.prepare([b"hello"], api_name="/upper"))
    harness.answer(harness.only("/upload"), body=["/tmp/a"])
    harness.fail(harness.only("/queue/join"), ConnectError("refused"))
    wait(harness)
    look_again(harness, **changes)
    if again:
        harness.answer(harness.only("/upload"), body=["/tmp/b"])
    join = harness.requests[harness.only("/queue/join")]
    assert json_body(join)["data"][0]["path"] == ("/tmp/b" if again else "/tmp/a")
    harness.joined(job)


def test_files_are_uploaded_again_to_another_app_in_which_the_endpoint_is_the_same() -> None:
    harness = connected()
    harness.session.submit(harness.session.prepare([b"hello"], api_name="/upper"))
    harness.answer(harness.only("/upload"), body=["/tmp/a"])
    harness.fail(harness.only("/queue/join"), ConnectError("refused"))
    wait(harness)
    look_again(harness, version="6.30.0")
    harness.answer(harness.only("/info"), body=INFO)
    harness.only("/upload")


def test_files_are_not_uploaded_again_where_no_connection_broke() -> None:
    harness = connected()
    job = harness.session.submit(harness.session.prepare([b"hello"], api_name="/upper"))
    harness.answer(harness.only("/upload"), body=["/tmp/a"])
    harness.answer(harness.only("/queue/join"), *FULL)
    wait(harness)
    harness.joined(job)


# --- a conversation of each job's own

OWN = ["3.0.24", "3.16.2", "3.50.2", "4.0.2", "4.8.0"]
ASKING = OWN[1:]


def own(version: str, retry: Retry = ONCE, **options: Any) -> tuple[Harness, Job]:
    harness = Harness(retry=retry, **options).connect(era(version, state=False))
    return harness, harness.submit("/echo", "x")


def go_again(harness: Harness, job: Job) -> None:
    """Let the job begin anew, and come to its end."""
    assert state_of(job) is JobState.NEW
    wait(harness)
    if harness.pending("/config"):
        harness.answer(harness.only("/config"), body=harness.config)
    if harness.pending("/info"):
        harness.answer(harness.only("/info"), body=INFO)
    harness.accept(job)
    harness.begin(job)
    harness.conclude(job, "x")
    assert isinstance(harness.end(job), JobCompleted)


@pytest.mark.parametrize("version", [*OWN, "call"])
@pytest.mark.parametrize("refusal", [ConnectError("refused"), LIMITED], ids=["no connection", "limited"])
def test_a_conversation_that_did_not_begin_is_tried_again(version: str, refusal: Any) -> None:
    harness, job = own("6.31.0", route="call") if version == "call" else own(version)
    harness.commands()
    exchange = job.exchange.exchange if job.exchange is not None else harness.carrier(job)
    refuse(harness, exchange, refusal)
    go_again(harness, job)


@pytest.mark.parametrize("version", ASKING)
@pytest.mark.parametrize("how", ["bad gateway", "full", "lost", "lost at once"])
def test_without_its_data_a_job_has_not_run(version: str, how: str) -> None:
    harness, job = own(version)
    if how == "bad gateway":
        harness.answer(harness.carrier(job), 502)
    elif how == "lost at once":
        harness.fail(harness.carrier(job))
    else:
        harness.accept(job)
        carrier = harness.carrier(job)
        if how == "full":
            harness.say(job, "queue_full")
        elif carrier in harness.texts:
            harness.ws_close(carrier, 1006)
        else:
            harness.fail(carrier)
    go_again(harness, job)


def test_what_stands_behind_the_full_queue_on_a_stream_is_nobodys() -> None:
    harness, job = own("4.8.0")
    carrier = harness.accept(job)
    harness.sse(carrier, {"msg": "queue_full"}, {"msg": "process_starts"}, {"msg": "queue_full"})
    assert [event.attempt for event in harness.events() if isinstance(event, JobRetried)] == [1]
    go_again(harness, job)


def lose(harness: Harness, job: Job) -> None:
    carrier = harness.carrier(job)
    if carrier in harness.texts:
        harness.ws_close(carrier, 1006)
    else:
        harness.fail(carrier)


@pytest.mark.parametrize("version", [*OWN, "call"])
@pytest.mark.parametrize("retry", [ONCE, ANY], ids=["once", "any"])
def test_with_its_data_a_job_may_have_run(version: str, retry: Retry) -> None:
    harness, job = own("6.31.0", retry, route="call") if version == "call" else own(version, retry)
    harness.accept(job)
    harness.begin(job)
    if version == "3.0.24":
        harness.ask_status(job)
    first = job.session_hash
    lose(harness, job)
    if retry is ONCE:
        assert isinstance(harness.error(job), ConnectionLostError)
        assert harness.due() is None
    else:
        go_again(harness, job)
        assert job.session_hash != first


@pytest.mark.parametrize("version", ["4.0.2", "4.8.0"])
def test_data_that_the_server_did_not_take_may_have_come(version: str) -> None:
    harness, job = own(version)
    harness.accept(job)
    harness.ask_for_data(job)
    harness.answer(next(one for one in harness.pending("/queue/data") if harness.requests[one].method == "POST"), 503)
    assert harness.error(job).status == 503
