"""What a job asks of the server: uploads, joins, direct runs, cancellations."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from gradproto import (
    AppError,
    ArgumentError,
    AuthenticationError,
    CancelRefused,
    ConnectError,
    ConnectionLostError,
    DeadlineExceeded,
    FileData,
    FilePart,
    FileUploaded,
    Job,
    JobCancelled,
    JobCompleted,
    JobError,
    JobFailed,
    JobStarted,
    JobState,
    LocalFile,
    LocalProtocolError,
    QueueFullError,
    RateLimitedError,
    ReadError,
    RemoteProtocolError,
    StreamLost,
    Timeouts,
    UploadProgressed,
    ValidationError,
    WriteError,
    handle_file,
)
from gradproto._messages import HIDDEN_ERROR
from gradproto._streams import ABANDON_LIMIT
from tests.core.driving import JSON, STATELESS, Harness, body_of, config_with, json_body


def connected(config: Any = STATELESS, **options: Any) -> Harness:
    return Harness(**options).connect(config)


# --- joining


def test_a_join_says_what_to_run_for_whom() -> None:
    harness = connected()
    job = harness.submit("/echo", "caf\xe9 \u2713", event_data={"index": 1}, trigger_id=5)
    request = harness.requests[harness.only("/queue/join")]
    assert (request.method, request.url) == ("POST", "http://app.test/gradio_api/queue/join")
    assert json_body(request) == {
        "data": ["caf\xe9 \u2713"],
        "event_data": {"index": 1},
        "fn_index": 0,
        "trigger_id": 5,
        "session_hash": job.session_hash,
    }
    assert "caf\xe9 \u2713".encode() in body_of(request)
    assert dict(request.headers)["content-type"] == "application/json"
    assert not request.safe_to_repeat
    assert job.state is JobState.JOINING
    assert harness.events() == []


def test_state_is_sent_as_null() -> None:
    harness = connected(config_with())
    harness.submit("/chat", "x")
    assert json_body(harness.requests[harness.only("/queue/join")])["data"] == ["x", None]


def test_before_gradio_5_there_is_no_prefix() -> None:
    harness = connected({**STATELESS, "version": "4.44.1", "api_prefix": ""})
    job = harness.running("/count", 2)
    harness.session.cancel(job)
    urls = [request.url.partition("?")[0] for request in harness.requests.values()]
    assert urls == [
        "http://app.test/config",
        "http://app.test/info",
        "http://app.test/queue/join",
        "http://app.test/queue/data",
    ]
    assert harness.requests[harness.only("/cancel")].url == "http://app.test/cancel"


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (503, {"detail": "Queue is full. Max size is 1 and size is 1."}, QueueFullError, "Queue is full! Please try"),
        (503, {"detail": "Queue is stopped."}, JobError, "the server answered 503: Queue is stopped."),
        (429, b"slow down", RateLimitedError, "too many requests"),
        (401, b"", AuthenticationError, "the app wants a login"),
        (422, {"detail": [{"__type__": "validate", "is_valid": False}]}, ValidationError, "1 parameter(s) failed"),
        (500, b"Internal Server Error", JobError, "500: 'Internal Server Error'"),
        (200, b"<html>", RemoteProtocolError, "expected a JSON object, got an HTML page"),
        (200, {"event_id": None}, RemoteProtocolError, "the answer has no event id"),
        (200, {"event_id": ""}, RemoteProtocolError, "the answer has no event id"),
        (200, {"event_id": 5}, RemoteProtocolError, "the answer has no event id"),
        (200, ["event_id"], RemoteProtocolError, "expected a JSON object"),
    ],
)
def test_a_join_that_the_server_refuses_fails_its_job(status: int, body: Any, kind: type[Exception], says: str) -> None:
    harness = connected()
    other = harness.running("/echo", "x")
    job = harness.submit("/echo", "y")
    harness.answer(harness.only("/queue/join"), status, body)
    error = harness.error(job)
    assert type(error) is kind
    assert says in str(error)
    assert error.__traceback__ is None
    assert job.state is JobState.FAILED
    harness.complete(other, "x")
    assert isinstance(harness.end(other), JobCompleted)


@pytest.mark.parametrize("error", [ConnectError("refused"), WriteError("broken pipe"), ReadError("reset", hint="h")])
def test_a_join_whose_connection_breaks_fails_its_job_and_names_it(error: ConnectError) -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.fail(harness.only("/queue/join"), error)
    found = harness.error(job)
    assert type(found) is type(error)
    assert found.message == f"the join of job 0 (/echo): {error.message}"
    assert found.hint == error.hint
    assert found.__cause__ is error
    assert harness.idle()
    assert harness.due() is None


def test_a_join_whose_answer_is_no_http_fails_its_job_as_it_is() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    error = RemoteProtocolError("no HTTP")
    harness.fail(harness.only("/queue/join"), error)
    assert harness.error(job) is error


def test_a_join_that_is_not_answered_in_time_fails_its_job() -> None:
    harness = connected(timeouts=Timeouts(request=9))
    job = harness.submit("/echo", "x")
    harness.tick()
    harness.tick(9)
    error = harness.error(job)
    assert isinstance(error, DeadlineExceeded)
    assert "the join of job 0 (/echo): no answer from http://app.test/gradio_api/queue/join within 9 s" in str(error)
    assert harness.idle()


# --- uploading


def uploading(*files: Any, **options: Any) -> tuple[Harness, Job, int]:
    harness = connected(**options)
    job = harness.submit("/upper", files[0] if len(files) == 1 else list(files))
    return harness, job, harness.only("/upload")


def test_files_are_uploaded_and_stand_for_themselves_in_the_join() -> None:
    harness = connected()
    file = handle_file(b"hello", name="a b.txt")
    job = harness.submit("/upper", file)
    assert job.state is JobState.UPLOADING
    upload = harness.only("/upload")
    request = harness.requests[upload]
    assert (request.method, request.url) == ("POST", "http://app.test/gradio_api/upload")
    boundary = dict(request.headers)["content-type"].partition("boundary=")[2]
    assert len(boundary) == 32
    assert (
        body_of(request)
        == (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a b.txt"\r\n'
            f"Content-Type: text/plain\r\n\r\nhello\r\n--{boundary}--\r\n"
        ).encode()
    )
    harness.answer(upload, body=["/tmp/gradio/1/a_b.txt"])
    uploaded = harness.one(FileUploaded)
    data = FileData(path="/tmp/gradio/1/a_b.txt", orig_name="a b.txt", size=5, mime_type="text/plain")
    assert uploaded == FileUploaded(job=0, index=0, file=data)
    assert json_body(harness.requests[harness.only("/queue/join")])["data"] == [data.to_json()]
    assert job.state is JobState.JOINING
    harness.joined(job)
    harness.open(harness.only("/queue/data"))
    harness.complete(job, data.to_json())
    assert job.outputs == (data,)


def test_a_file_on_the_disk_is_left_for_the_io_layer_to_read() -> None:
    harness = connected()
    call = harness.session.prepare(["/no/such/file.bin"], api_name="/upper")
    harness.session.submit(call.with_sizes([1000]))
    request = harness.requests[harness.only("/upload")]
    assert [part for part in request.body if isinstance(part, FilePart)] == [
        FilePart(source="/no/such/file.bin", size=1000)
    ]
    assert request.body_size == 1000 + sum(len(part) for part in request.body if isinstance(part, bytes))


def test_an_open_file_is_left_for_the_io_layer_too() -> None:
    harness = connected()
    file = io.BytesIO(b"xyz")
    call = harness.session.prepare([file], api_name="/upper")
    harness.session.submit(call.with_sizes([3]))
    part = harness.requests[harness.only("/upload")].body[1]
    assert isinstance(part, FilePart)
    assert part.source is file


def test_large_content_goes_out_in_pieces_and_small_content_with_what_is_around_it() -> None:
    harness = connected()
    for size, in_pieces in ((1024 * 1024, True), (1024, False)):
        harness.submit("/upper", bytes(size))
        body = harness.requests[harness.pending("/upload")[-1]].body
        parts = [part for part in body if isinstance(part, FilePart)]
        assert [part.size for part in parts] == ([size] if in_pieces else [])


def test_a_file_whose_size_is_not_known_is_not_sent() -> None:
    harness = connected()
    call = harness.session.prepare(["/no/such/file"], api_name="/upper")
    with pytest.raises(LocalProtocolError, match="is not known: the I/O layer has to fill it in"):
        harness.session.submit(call)
    assert harness.idle()
    assert harness.submit("/echo", "x").number == 0


def test_a_file_with_a_type_that_no_header_can_carry_is_not_sent() -> None:
    harness = connected()
    file = LocalFile(source=b"x", orig_name="x", size=1, mime_type="a\r\nb")
    with pytest.raises(ArgumentError, match="is no header value"):
        harness.submit("/upper", file)
    assert harness.idle()
    assert harness.submit("/echo", "x").number == 0
    harness.session.close()
    assert [event.job for event in harness.events() if isinstance(event, JobFailed)] == [0]


def test_a_file_without_a_type_is_sent_as_bytes() -> None:
    _, _, upload = (made := uploading(LocalFile(source=b"x", orig_name="x", size=1)))
    assert b"Content-Type: application/octet-stream\r\n" in body_of(made[0].requests[upload])


def test_an_upload_tells_how_far_it_is() -> None:
    harness, _, upload = uploading(b"hello")
    total = harness.requests[upload].body_size
    for sent in (0, 100, total):
        harness.session.body_sent(upload, sent)
    assert harness.events() == [UploadProgressed(job=0, sent=sent, total=total) for sent in (0, 100, total)]


def test_an_upload_may_take_as_long_as_it_moves() -> None:
    harness, job, upload = uploading(b"hello", timeouts=Timeouts(upload_idle=20))
    harness.tick()
    for sent in range(10):
        harness.tick(19)
        harness.session.body_sent(upload, sent)
    assert not job.ended
    harness.tick()
    harness.tick(20)
    error = harness.error(job)
    assert isinstance(error, DeadlineExceeded)
    assert "the upload of job 0 (/upper)" in str(error)
    assert "within 20 s (the limit 'upload_idle' of the timeouts)" in str(error)
    harness.commands()
    assert harness.aborted == [upload]


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (413, b"File size exceeded maximum allowed size of 10 bytes.", JobError, "413: 'File size exceeded maximum"),
        (404, {"detail": "Not Found"}, JobError, "404: Not Found"),
        (401, b"", AuthenticationError, "wants a login"),
        (200, b"<html>", RemoteProtocolError, "expected 1 path(s), got b'<html>'"),
        (200, [], RemoteProtocolError, "expected 1 path(s), got b'[]'"),
        (200, ["/a", "/b"], RemoteProtocolError, 'expected 1 path(s), got b\'["/a"'),
        (200, {"0": "/a"}, RemoteProtocolError, "expected 1 path(s)"),
        (200, [5], RemoteProtocolError, "expected a path, got '5'"),
        (200, [None], RemoteProtocolError, "expected a path, got 'None'"),
        (200, ["\ud800"], ArgumentError, "lone surrogate"),
    ],
)
def test_an_upload_that_goes_wrong_fails_its_job(status: int, body: Any, kind: type[Exception], says: str) -> None:
    harness, job, upload = uploading(b"hello")
    harness.answer(upload, status, body)
    error = harness.error(job)
    assert type(error) is kind
    assert says in str(error)
    assert harness.idle()
    assert harness.submit("/echo", "x").session_hash == harness.session.session_hash


def test_an_upload_may_be_refused_before_all_of_it_is_sent() -> None:
    harness, job, upload = uploading(b"hello")
    harness.session.body_sent(upload, 10)
    harness.answer(upload, 413, b"too large")
    assert "413" in str(harness.error(job))
    harness.session.body_sent(upload, 20)
    assert len(harness.ends(job)) == 1


def test_an_upload_whose_connection_breaks_fails_its_job() -> None:
    harness, job, upload = uploading(b"hello")
    harness.fail(upload, WriteError("broken pipe"))
    assert str(harness.error(job)) == "the upload of job 0 (/upper): broken pipe"


def test_a_cancelled_upload_is_stopped() -> None:
    harness, job, upload = uploading(b"hello")
    harness.session.cancel(job)
    assert harness.events() == [JobCancelled(job=0)]
    harness.commands()
    assert harness.aborted == [upload]
    assert harness.idle()
    assert harness.due() is None


def test_files_for_an_endpoint_outside_the_queue_go_up_first_too() -> None:
    harness = connected({**STATELESS, "enable_queue": False})
    job = harness.submit("/upper", b"x")
    harness.answer(harness.only("/upload"), body=["/tmp/x"])
    run = harness.only("/run/predict")
    assert json_body(harness.requests[run])["data"][0]["path"] == "/tmp/x"
    assert job.state is JobState.RUNNING


# --- running outside the queue


def direct(**options: Any) -> tuple[Harness, Job, int]:
    harness = connected(**options)
    job = harness.submit("/direct", "x")
    return harness, job, harness.only("/run/predict")


def test_an_endpoint_outside_the_queue_answers_at_once() -> None:
    harness, job, run = direct()
    request = harness.requests[run]
    assert (request.method, request.url) == ("POST", "http://app.test/gradio_api/run/predict")
    assert json_body(request) == {
        "data": ["x"],
        "event_data": None,
        "fn_index": 4,
        "trigger_id": None,
        "session_hash": harness.session.session_hash,
    }
    assert job.session_hash == harness.session.session_hash
    assert harness.events() == [JobStarted(job=0, eta=None)]
    harness.answer(run, body={"data": ["y"], "is_generating": False, "duration": 0.5, "average_duration": 0.25})
    assert harness.events() == [
        JobCompleted(job=0, outputs=("y",), duration=0.5, average_duration=0.25, used_cache=None)
    ]
    assert len(job.history) == 1
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize("config", [{"enable_queue": False}, {}])
def test_without_a_queue_everything_is_outside_it(config: dict[str, Any]) -> None:
    harness = connected({**STATELESS, **config})
    harness.submit("/echo", "x")
    assert len(harness.pending("/run/predict")) == (1 if config else 0)


@pytest.mark.parametrize(
    ("body", "message", "title"),
    [
        ({"error": "boom", "title": "Error", "duration": 10, "visible": True}, "boom", "Error"),
        ({"error": None}, HIDDEN_ERROR, None),
    ],
)
def test_what_a_function_outside_the_queue_raised_is_told(body: Any, message: str, title: str | None) -> None:
    harness, job, run = direct()
    harness.answer(run, 500, body)
    error = harness.error(job)
    assert isinstance(error, AppError)
    assert (error.message, error.title) == (message, title)


def test_quotes_are_undone_for_early_versions_here_too() -> None:
    harness = connected({**STATELESS, "version": "4.44.1"})
    job = harness.submit("/direct", "x")
    harness.answer(harness.only("/run/predict"), 500, {"error": "'boom'"})
    assert str(harness.error(job)) == "boom"


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (
            500,
            b"Internal Server Error",
            JobError,
            "the direct run of job 0 (/direct) at http://app.test/gradio_api/run/",
        ),
        (500, {"detail": "x"}, JobError, "500: x"),
        (500, ["error"], JobError, "500: '[\"error\"]'"),
        (404, {"detail": "This API endpoint does not accept direct HTTP POST requests."}, JobError, "404: This API"),
        (422, {"detail": []}, JobError, "422: "),
        (429, b"", RateLimitedError, "too many"),
        (200, b"<html>", RemoteProtocolError, "expected a JSON object, got an HTML page"),
        (200, {"data": None}, RemoteProtocolError, "the answer has no data"),
        (200, {}, RemoteProtocolError, "the answer has no data: b'{}'"),
    ],
)
def test_a_direct_run_that_goes_wrong_fails_its_job(status: int, body: Any, kind: type[Exception], says: str) -> None:
    harness, job, run = direct()
    harness.answer(run, status, body)
    assert type(harness.error(job)) is kind
    assert says in str(harness.error(job))


def test_a_direct_run_that_breaks_off_fails_its_job() -> None:
    harness, job, run = direct()
    harness.start(run, 200, JSON)
    harness.data(run, b'{"data"')
    harness.fail(run)
    assert str(harness.error(job)) == "the direct run of job 0 (/direct): connection reset"


def test_a_direct_run_may_take_its_time_up_to_the_limit_of_runs() -> None:
    harness, job, _ = direct(timeouts=Timeouts(request=5))
    assert harness.due() is None
    assert not job.ended
    harness, job, run = direct(timeouts=Timeouts(request=5, run=100))
    harness.tick()
    harness.tick(99)
    assert not job.ended
    harness.tick(1)
    assert isinstance(harness.error(job), DeadlineExceeded)
    harness.commands()
    assert harness.aborted == [run]
    assert harness.pending("/cancel") == []


def test_a_direct_run_cannot_be_cancelled() -> None:
    harness, job, run = direct()
    harness.events()
    harness.session.cancel(job)
    assert harness.events() == [
        CancelRefused(job=0, reason="it is running outside the queue, where the server cannot stop it")
    ]
    harness.answer(run, body={"data": ["y"]})
    assert isinstance(harness.end(job), JobCompleted)


# --- cancelling


def cancelled(harness: Harness, job: Job, status: int = 200, body: object = None) -> None:
    harness.session.cancel(job)
    harness.answer(harness.only("/cancel"), status, {"success": True} if body is None else body)


def test_a_queued_job_is_taken_from_the_queue() -> None:
    harness = connected()
    job = harness.queued("/echo", "x")
    harness.events()
    harness.session.cancel(job)
    request = harness.requests[harness.only("/cancel")]
    assert (request.method, request.url) == ("POST", "http://app.test/gradio_api/cancel")
    assert json_body(request) == {"session_hash": job.session_hash, "fn_index": 0, "event_id": "event-0"}
    assert dict(request.headers)["content-type"] == "application/json"
    assert harness.events() == []
    harness.answer(harness.only("/cancel"), body={"success": True})
    assert harness.events() == [JobCancelled(job=0)]
    assert job.state is JobState.CANCELLED
    # What the server still says of it is of no interest.
    stream = harness.only("/queue/data")
    harness.sse(stream, {"msg": "process_completed", "event_id": "event-0", "success": True, "output": {}})
    harness.close_stream(stream)
    assert harness.events() == []
    assert harness.due() is None


def test_a_running_generator_is_stopped() -> None:
    harness = connected()
    job = harness.running("/count", 3)
    cancelled(harness, job)
    assert isinstance(harness.end(job), JobCancelled)


def test_a_running_function_cannot_be_stopped() -> None:
    harness = connected()
    job = harness.running("/echo", "x")
    harness.events()
    harness.session.cancel(job)
    assert harness.events() == [
        CancelRefused(job=0, reason="it has started, and only generators can be stopped while they run")
    ]
    assert harness.pending("/cancel") == []


def test_a_job_is_cancelled_as_soon_as_the_server_has_named_it() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.session.cancel(job)
    harness.session.cancel(job)
    assert harness.events() == []
    assert harness.pending("/cancel") == []
    harness.joined(job)
    assert len(harness.pending("/cancel")) == 1
    harness.answer(harness.only("/cancel"), body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)


def test_a_job_that_is_to_be_cancelled_may_not_be_able_to_join() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.session.cancel(job)
    harness.answer(harness.only("/queue/join"), 503, {"detail": "Queue is full."})
    assert isinstance(harness.error(job), QueueFullError)
    assert harness.idle()


@pytest.mark.parametrize("msg", ["process_starts", "process_completed"])
def test_a_job_that_is_to_be_cancelled_may_be_on_its_way_when_it_is_named(msg: str) -> None:
    harness = connected()
    harness.complete(harness.running("/echo", "x"), "x")
    job = harness.submit("/echo", "y")
    harness.session.cancel(job)
    harness.sse(
        harness.only("/queue/data"), {"msg": msg, "event_id": "event-1", "success": True, "output": {"data": ["y"]}}
    )
    harness.joined(job)
    assert harness.pending("/cancel") == []
    refused = [event for event in harness.events() if isinstance(event, CancelRefused)]
    assert [event.job for event in refused] == ([1] if msg == "process_starts" else [])


def test_a_second_cancellation_waits_for_the_first() -> None:
    harness = connected()
    job = harness.queued("/echo", "x")
    harness.session.cancel(job)
    harness.session.cancel(job)
    assert len(harness.pending("/cancel")) == 1
    harness.answer(harness.only("/cancel"), 500)
    assert harness.one(CancelRefused).job == 0
    harness.session.cancel(job)
    harness.answer(harness.only("/cancel"), body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_a_job_that_is_over_cannot_be_cancelled(end: str) -> None:
    harness = connected()
    job = harness.queued("/count", 3)
    if end == "cancel":
        cancelled(harness, job)
    else:
        output = {"data": ["x"]} if end == "complete" else {"error": "boom"}
        harness.say(job, "process_completed", success=end == "complete", output=output)
    harness.events()
    harness.session.cancel(job)
    assert harness.events() == [CancelRefused(job=0, reason=f"it is over: {job.state.value}")]
    assert harness.pending("/cancel") == []


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"no", "the cancellation of job 0 at http://app.test/gradio_api/cancel: the server answered 500: 'no'"),
        (404, {"detail": "Not Found"}, "the server answered 404: Not Found"),
        (401, b"", "the app wants a login"),
    ],
)
def test_a_cancellation_that_the_server_refuses_lets_the_job_go_on(status: int, body: Any, says: str) -> None:
    harness = connected()
    job = harness.queued("/echo", "x")
    cancelled(harness, job, status, body)
    assert says in harness.one(CancelRefused).reason
    harness.complete(job, "x")
    assert isinstance(harness.end(job), JobCompleted)


@pytest.mark.parametrize("way", ["breaks", "times out"])
def test_a_cancellation_that_gets_no_answer_lets_the_job_go_on(way: str) -> None:
    harness = connected(timeouts=Timeouts(request=5, stream_idle=None))
    job = harness.queued("/echo", "x")
    harness.session.cancel(job)
    if way == "breaks":
        harness.fail(harness.only("/cancel"))
    else:
        harness.tick()
        harness.tick(5)
        assert harness.pending("/cancel") == []
    assert "connection reset" in (reason := harness.one(CancelRefused).reason) or "within 5 s" in reason
    harness.session.cancel(job)
    harness.fail(harness.only("/cancel"))
    assert harness.one(CancelRefused).job == 0
    harness.complete(job, "x")
    assert isinstance(harness.end(job), JobCompleted)


@pytest.mark.parametrize("answer", [200, 500, None])
def test_a_job_that_ends_while_its_cancellation_is_under_way_has_ended(answer: int | None) -> None:
    harness = connected()
    job = harness.running("/count", 3)
    harness.session.cancel(job)
    cancel = harness.only("/cancel")
    harness.complete(job, "x")
    harness.events()
    if answer is None:
        harness.fail(cancel)
    else:
        harness.answer(cancel, answer, {"success": True})
    assert harness.events() == []
    assert job.state is JobState.DONE


def test_a_job_that_was_lost_while_its_cancellation_is_under_way_is_lost() -> None:
    harness = connected()
    job = harness.running("/count", 3)
    harness.session.cancel(job)
    harness.fail(harness.only("/queue/data"))
    harness.answer(harness.only("/cancel"), body={"success": True})
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()
    assert harness.due() is None


def test_a_cancellation_hits_no_job_that_comes_later() -> None:
    harness = connected()
    first = harness.running("/count", 3)
    harness.session.cancel(first)
    harness.complete(first, "x")
    second = harness.running("/count", 3)
    third = harness.running("/echo", "x")
    assert len({first.session_hash, second.session_hash, third.session_hash}) == 3
    harness.answer(harness.only("/cancel"), body={"success": True})
    for job in (second, third):
        harness.complete(job, "x")
        assert isinstance(harness.end(job), JobCompleted)


def test_a_job_with_state_waits_until_a_cancellation_cannot_hit_it() -> None:
    harness = connected(config_with())
    first = harness.running("/chat", "x")
    harness.session.cancel(first)
    harness.complete(first, "x", None)
    second = harness.submit("/chat", "y")
    other = harness.submit("/incr")
    assert [json_body(harness.requests[join])["fn_index"] for join in harness.pending("/queue/join")] == [2]
    harness.answer(harness.only("/cancel"), body={"success": True})
    joins = harness.pending("/queue/join")
    assert [json_body(harness.requests[join])["fn_index"] for join in joins] == [2, 6]
    harness.answer(joins[0], body={"event_id": "event-2"})
    harness.answer(joins[1], body={"event_id": "event-1"})
    assert first.session_hash == second.session_hash == other.session_hash
    harness.complete(second, "y", None)
    assert isinstance(harness.end(second), JobCompleted)


def test_jobs_of_several_functions_wait_each_for_its_own_cancellations() -> None:
    app = config_with()
    app["dependencies"] = [*app["dependencies"], {**app["dependencies"][6], "id": 7, "api_name": "chat2"}]
    harness = connected(app)
    jobs = [harness.running("/chat", "x"), harness.running("/chat2", "x")]
    for job in jobs:
        harness.session.cancel(job)
        harness.complete(job, "x", None)
    waiting = [harness.submit("/chat", "y"), harness.submit("/chat2", "y")]
    first, second = harness.pending("/cancel")
    assert harness.pending("/queue/join") == []
    harness.answer(second, body={"success": True})
    assert json_body(harness.requests[harness.only("/queue/join")])["fn_index"] == 7
    harness.fail(first)
    assert len(harness.pending("/queue/join")) == 2
    assert [job.state for job in waiting] == [JobState.JOINING] * 2


def test_a_job_that_waits_for_a_cancellation_may_end_before_it_was_sent() -> None:
    harness = connected(config_with())
    first = harness.running("/chat", "x")
    harness.session.cancel(first)
    harness.complete(first, "x", None)
    second = harness.submit("/chat", "y")
    harness.fail(harness.only("/queue/data"))
    assert isinstance(harness.error(second), ConnectionLostError)
    harness.answer(harness.only("/cancel"), body={"success": True})
    assert harness.idle()


def test_two_cancellations_of_one_function_are_both_waited_for() -> None:
    harness = connected(config_with(), timeouts=Timeouts(run=50, stream_idle=None, request=None))
    first = harness.running("/chat", "x")
    harness.session.cancel(first)
    harness.tick()
    harness.tick(50)
    assert isinstance(harness.error(first), DeadlineExceeded)
    cancel, abandon = harness.pending("/cancel")
    harness.submit("/chat", "y")
    harness.answer(cancel, body={"success": True})
    assert harness.pending("/queue/join") == []
    harness.answer(abandon, body={"success": True})
    assert len(harness.pending("/queue/join")) == 1


def test_an_abandoned_job_is_not_waited_for_longer_than_a_moment() -> None:
    harness = connected(config_with(), timeouts=Timeouts(run=50, stream_idle=None, request=None))
    first = harness.running("/chat", "x")
    harness.tick()
    harness.tick(50)
    assert first.ended
    harness.submit("/chat", "y")
    harness.tick()
    harness.tick(ABANDON_LIMIT)
    assert harness.pending("/cancel") == []
    assert len(harness.pending("/queue/join")) == 1


# --- before /cancel


OLD = {"version": "4.25.0", "api_prefix": ""}


V4_19 = {**OLD, "version": "4.19.2", "protocol": "sse_v2"}


def test_before_4_31_a_reset_stops_the_event_and_nothing_more_is_heard_of_it() -> None:
    harness = connected({**STATELESS, **OLD})
    job = harness.running("/count", 3)
    stream = harness.only("/queue/data")
    harness.session.cancel(job)
    reset = harness.only("/reset")
    request = harness.requests[reset]
    assert request.url == "http://app.test/reset"
    assert json_body(request) == {"session_hash": job.session_hash, "fn_index": 1, "event_id": "event-0"}
    harness.answer(reset, body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)
    # The server would keep the stream open for ever.
    harness.commands()
    assert harness.aborted == [stream]
    assert harness.idle()
    assert not any(isinstance(event, StreamLost) for event in harness.events())
    assert harness.submit("/echo", "x").session_hash != job.session_hash


def test_before_4_31_a_stream_that_others_use_goes_on() -> None:
    harness = connected(config_with(**OLD))
    job = harness.running("/chat", "x")
    other = harness.running("/incr")
    cancelled_at = harness.only("/queue/data")
    harness.session.cancel(job)
    harness.answer(harness.only("/reset"), body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)
    assert harness.only("/queue/data") == cancelled_at
    harness.complete(other, 1, None)
    assert isinstance(harness.end(other), JobCompleted)
    # State is worth an open stream.
    assert harness.only("/queue/data") == cancelled_at


@pytest.mark.parametrize("version", ["4.24.0", "4.31.0", "5.50.0", "6.13.0"])
def test_before_6_14_what_is_queued_is_cancelled_by_leaving_its_stream(version: str) -> None:
    harness = connected({**STATELESS, "version": version})
    job = harness.submit("/echo", "x")
    harness.joined(job)
    stream = harness.only("/queue/data")
    harness.open(stream)
    harness.session.cancel(job)
    assert isinstance(harness.end(job), JobCancelled)
    harness.commands()
    assert harness.aborted == [stream]
    assert harness.idle()
    assert not any(isinstance(event, StreamLost) for event in harness.events())
    assert harness.submit("/echo", "x").session_hash != job.session_hash


def test_a_stream_is_not_left_before_the_server_has_begun_it() -> None:
    harness = connected({**STATELESS, "version": "5.50.0"})
    job = harness.submit("/count", 3)
    harness.joined(job)
    stream = harness.only("/queue/data")
    harness.session.cancel(job)
    harness.commands()
    assert harness.aborted == []
    harness.open(stream)
    assert isinstance(harness.end(job), JobCancelled)
    harness.commands()
    assert harness.aborted == [stream]
    assert harness.idle()


def test_a_stream_that_was_to_be_left_is_not_when_another_job_joined_it_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gradproto._streams.MAX_STREAMS", 1)
    harness = connected({**STATELESS, "version": "5.50.0"})
    job = harness.submit("/echo", "x")
    harness.joined(job)
    harness.session.cancel(job)
    other = harness.submit("/count", 3)
    harness.open(harness.only("/queue/data"))
    refusals = [event.reason for event in harness.events() if isinstance(event, CancelRefused)]
    assert refusals == ["another job shares its session, and this version of Gradio would drop both"]
    assert not job.ended
    assert not other.ended


def test_before_6_14_what_waits_beside_another_job_of_its_session_cannot_be_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gradproto._streams.MAX_STREAMS", 1)
    harness = connected({**STATELESS, "version": "5.50.0"})
    first, second = harness.submit("/echo", "x"), harness.submit("/count", 1)
    for job in (first, second):
        harness.joined(job)
    harness.open(harness.only("/queue/data"))
    harness.session.cancel(first)
    refusals = [event.reason for event in harness.events() if isinstance(event, CancelRefused)]
    assert refusals == ["another job shares its session, and this version of Gradio would drop both"]
    assert not first.ended


def test_before_6_14_a_job_with_state_cannot_be_taken_out_of_the_queue() -> None:
    harness = connected(config_with(version="5.50.0"))
    stateless = harness.submit("/echo", "x")
    job = harness.submit("/incr")
    # Jobs without State keep away from its session, so that they can be cancelled.
    assert stateless.session_hash != job.session_hash == harness.session.session_hash
    harness.joined(job)
    harness.open(harness.only("/queue/data"))
    harness.session.cancel(job)
    refusals = [event.reason for event in harness.events() if isinstance(event, CancelRefused)]
    assert refusals == ["its session has State, and this version of Gradio can only drop all that is queued for it"]


def test_gradio_4_19_2_lets_nothing_out_of_its_queue() -> None:
    harness = connected({**STATELESS, **V4_19})
    job = harness.submit("/echo", "x")
    harness.joined(job)
    harness.open(harness.only("/queue/data"))
    harness.session.cancel(job)
    refusals = [event.reason for event in harness.events() if isinstance(event, CancelRefused)]
    assert refusals == ["this version of Gradio lets nothing out of its queue"]


@pytest.mark.parametrize("version", ["4.12.0", "4.30.0"])
def test_a_generator_without_an_output_yet_is_not_stopped_by_reset_but_by_leaving(version: str) -> None:
    protocol = "sse_v1" if version == "4.12.0" else "sse_v3"
    harness = connected({**STATELESS, **OLD, "version": version, "protocol": protocol})
    job = harness.running("/count", 3)
    stream = harness.only("/queue/data")
    harness.session.cancel(job)
    harness.answer(harness.only("/reset"), body={"success": False})
    assert isinstance(harness.end(job), JobCancelled)
    harness.commands()
    assert stream in harness.aborted
    assert harness.idle()


def test_a_generator_that_neither_reset_nor_leaving_stops_goes_on() -> None:
    harness = connected({**STATELESS, **V4_19})
    job = harness.running("/count", 3)
    harness.session.cancel(job)
    harness.answer(harness.only("/reset"), body={"success": False})
    refusals = [event.reason for event in harness.events() if isinstance(event, CancelRefused)]
    assert refusals == [
        "the server says that there is nothing to stop yet; this version of Gradio lets nothing out of its queue"
    ]
    assert not job.ended


def test_an_answer_to_a_reset_that_is_no_json_is_taken_for_a_yes() -> None:
    harness = connected({**STATELESS, **OLD})
    job = harness.running("/count", 3)
    harness.session.cancel(job)
    harness.answer(harness.only("/reset"), body=b"ok")
    assert isinstance(harness.end(job), JobCancelled)


def test_a_call_that_json_cannot_carry_is_refused_before_anything_is_sent() -> None:
    harness = connected()
    for options in ({"event_data": {1: 2}}, {"trigger_id": object()}):
        with pytest.raises(ArgumentError):
            harness.session.prepare(["x"], api_name="/echo", **options)
    with pytest.raises(ArgumentError):
        harness.session.prepare(["\ud800"], api_name="/echo")
    with pytest.raises(ArgumentError):
        harness.session.prepare([{"file": b"x", "at": object()}], api_name="/upper")
    assert harness.idle()


def test_a_file_larger_than_the_app_takes_is_not_sent() -> None:
    harness = connected({**STATELESS, "max_file_size": 3})
    with pytest.raises(ArgumentError, match="exceeds the maximum file size of 3 bytes"):
        harness.submit("/upper", b"four")
    assert harness.idle()
    harness.submit("/upper", b"one")
    assert len(harness.pending("/upload")) == 1


def test_bodies_are_written_once() -> None:
    harness = connected()
    call = harness.session.prepare(["x" * 10], api_name="/echo")
    assert call.encoded == json.dumps(["x" * 10]).encode()
    harness.session.submit(call)
    harness.session.submit(call)
    first, second = harness.pending("/queue/join")
    assert json_body(harness.requests[first])["data"] == json_body(harness.requests[second])["data"]


OWN = {"version": "3.50.2", "protocol": "", "api_prefix": ""}


def opened(harness: Harness) -> list[int]:
    """The WebSockets that the session has asked for and not let go, in order."""
    harness.commands()
    return [number for number in harness.live if harness.requests[number].url.startswith("ws:")]


def test_conversations_of_jobs_of_their_own_wait_for_a_connection_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradproto._streams.MAX_STREAMS", 2)
    harness = connected(config_with(**OWN), timeouts=Timeouts(request=5))
    jobs = [harness.submit("/echo", str(number)) for number in range(5)]
    assert len(opened(harness)) == 2
    # Who waits for a turn does not wait for an answer.
    harness.session.cancel(jobs[3])
    assert isinstance(harness.end(jobs[3]), JobCancelled)
    harness.tick(0)
    harness.tick(6)
    assert [isinstance(harness.end(job), JobFailed) for job in jobs[:2]] == [True, True]
    assert [job.state for job in jobs[2:]] == [JobState.JOINING, JobState.CANCELLED, JobState.JOINING]
    assert len(opened(harness)) == 2
    harness.session.close()
    assert harness.idle()


def test_a_job_with_state_that_waits_too_long_takes_nothing_else_out_of_the_queue() -> None:
    harness = connected(config_with(version="5.50.0"), timeouts=Timeouts(queue_wait=5))
    job = harness.queued("/incr")
    stream = harness.only("/queue/data")
    harness.tick(0)
    harness.tick(6)
    end = harness.end(job)
    assert isinstance(end, JobFailed)
    assert isinstance(end.error, DeadlineExceeded)
    # The server would drop all that the conversation has; it does not know how to drop one job.
    assert harness.only("/queue/data") == stream
    assert harness.aborted == []


def test_files_that_go_inside_the_request_have_to_be_read_first() -> None:
    harness = connected(config_with(version="3.16.2", protocol="", api_prefix=""))
    call = harness.session.prepare([handle_file("/no/such/file")], api_name="/upper")
    assert call.wants_contents
    with pytest.raises(LocalProtocolError, match=r"the content of .* is not known: the I/O layer has to fill it in"):
        harness.session.submit(call.with_sizes([5]))
    job = harness.session.submit(call.with_contents([b"hello"]))
    assert job.state is JobState.JOINING
