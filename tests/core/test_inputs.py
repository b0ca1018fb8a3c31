"""More inputs for a function that runs, and the other news of issue 3 that a session has for its caller."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import (
    ArgumentError,
    ChunkAccepted,
    ChunkRefused,
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    DownloadStarted,
    FileData,
    Job,
    JobCompleted,
    JobError,
    LocalProtocolError,
    RemoteProtocolError,
    Session,
    WriteError,
    handle_file,
)
from tests.core.driving import CONFIG, Harness, config_with, json_body

CAM = {
    "id": 8,
    "api_name": "cam",
    "backend_fn": True,
    "inputs": [1],
    "outputs": [1],
    "queue": True,
    "connection": "stream",
    "time_limit": 4,
}
FILES = {**CAM, "id": 9, "api_name": "frames", "inputs": [5]}
CAMERA = config_with(dependencies=[*CONFIG["dependencies"], CAM, FILES])


def camera(api_name: str = "/cam") -> tuple[Harness, Job]:
    """A session with a streaming job that has answered to its arguments."""
    harness = Harness().connect(CAMERA)
    job = harness.running(api_name, None if api_name == "/frames" else "frame 0")
    see(harness, job, "saw 0")
    return harness, job


def see(harness: Harness, job: Job, what: str) -> None:
    """Let the function answer to an input."""
    harness.say(job, "process_streaming", success=True, output={"data": [what]}, time_limit=3.5)


def send(harness: Harness, job: Job, value: object, **options: Any) -> int:
    call = harness.session.prepare([value], fn_index=job.endpoint.fn_index)
    sizes = [file.size or 0 for file in call.files]
    return harness.session.send(job, call.with_sizes(sizes) if sizes else call)


def told(harness: Harness) -> list[tuple[str, int]]:
    events = [event for event in harness.events() if isinstance(event, (ChunkAccepted, ChunkRefused))]
    return [(type(event).__name__, event.chunk) for event in events]


def refusals(harness: Harness) -> list[str]:
    return [str(event.error) for event in harness.events() if isinstance(event, ChunkRefused)]


def test_inputs_go_one_by_one_each_when_the_function_has_answered_to_the_one_before() -> None:
    harness, job = camera()
    assert [send(harness, job, f"frame {number}") for number in (1, 2)] == [0, 1]
    first = harness.only("/stream/event-0")
    request = harness.requests[first]
    assert request.url == f"http://app.test/gradio_api/stream/{job.event_id}"
    body = json_body(request)
    assert (body["data"], body["fn_index"], body["event_id"]) == (["frame 1"], 8, job.event_id)
    assert body["session_hash"] == job.session_hash
    harness.answer(first, body={"msg": "success"})
    assert told(harness) == [("ChunkAccepted", 0)]
    # The server forgets an input when another comes, so the next waits for the output.
    assert harness.pending("/stream/event-0") == []
    see(harness, job, "saw 1")
    second = harness.only("/stream/event-0")
    assert json_body(harness.requests[second])["data"] == ["frame 2"]


def test_an_output_that_comes_before_its_inputs_answer_lets_the_next_go_when_that_has_come() -> None:
    harness, job = camera()
    send(harness, job, "frame 1")
    send(harness, job, "frame 2")
    first = harness.only("/stream/event-0")
    see(harness, job, "saw 1")
    assert harness.only("/stream/event-0") == first
    harness.answer(first, body={"msg": "success"})
    assert json_body(harness.requests[harness.only("/stream/event-0")])["data"] == ["frame 2"]


def test_nothing_is_sent_before_the_function_has_answered_to_its_arguments() -> None:
    harness = Harness().connect(CAMERA)
    job = harness.submit("/cam", "frame 0")
    send(harness, job, "frame 1")
    harness.joined(job)
    harness.open(harness.only("/queue/data"))
    harness.say(job, "process_starts")
    assert harness.pending("/stream/") == []
    see(harness, job, "saw 0")
    assert harness.only("/stream/event-0")


def test_the_end_of_the_inputs_comes_after_them_and_ends_the_job() -> None:
    harness, job = camera()
    send(harness, job, "frame 1")
    assert harness.session.end_inputs(job) == 1
    harness.answer(harness.only("/stream/event-0"), body={"msg": "success"})
    assert harness.pending("/close") == []
    see(harness, job, "saw 1")
    end = harness.only("/stream/event-0/close")
    assert harness.requests[end].method == "POST"
    harness.answer(end, body={"msg": "success"})
    assert told(harness) == [("ChunkAccepted", 0), ("ChunkAccepted", 1)]
    harness.complete(job, "saw 1")
    ended = harness.end(job)
    assert isinstance(ended, JobCompleted)
    assert ended.outputs == ("saw 1",)


def test_what_was_not_sent_when_the_job_ended_is_refused() -> None:
    harness, job = camera()
    for number in (1, 2, 3):
        send(harness, job, f"frame {number}")
    under_way = harness.only("/stream/event-0")
    harness.complete(job, "saw 0")
    assert refusals(harness) == ["job 0 of /cam takes no more input: it is over"] * 3
    harness.commands()
    assert under_way in harness.aborted
    # And what comes later too.
    for ask in (lambda: send(harness, job, "frame 4"), lambda: harness.session.end_inputs(job)):
        with pytest.raises(JobError, match="job 0 of /cam takes no more input: it is over"):
            ask()


@pytest.mark.parametrize("status", [500, 404])
def test_an_input_that_the_server_refuses_is_lost_and_the_job_goes_on(status: int) -> None:
    harness, job = camera()
    send(harness, job, "frame 1")
    send(harness, job, "frame 2")
    harness.answer(harness.only("/stream/event-0"), status, body=b"")
    (reason,) = refusals(harness)
    assert reason.startswith(
        "input 0 of job 0 (/cam) at http://app.test/gradio_api/stream/event-0: the server answered"
    )
    assert not job.ended
    assert json_body(harness.requests[harness.only("/stream/event-0")])["data"] == ["frame 2"]
    harness.fail(harness.only("/stream/event-0"), WriteError("reset"))
    assert refusals(harness) == ["reset"]


def test_an_input_with_a_file_keeps_its_place_while_the_file_is_on_its_way() -> None:
    harness, job = camera("/frames")
    send(harness, job, handle_file(b"one", name="1.png"))
    send(harness, job, None)
    upload = harness.only("/upload")
    assert harness.pending("/stream/") == []
    harness.answer(upload, body=["/tmp/1.png"])
    first = harness.only("/stream/event-0")
    (file,) = json_body(harness.requests[first])["data"]
    assert (file["path"], file["orig_name"]) == ("/tmp/1.png", "1.png")
    harness.answer(first, body={"msg": "success"})
    see(harness, job, "saw 1")
    assert json_body(harness.requests[harness.only("/stream/event-0")])["data"] == [None]


def test_an_input_whose_upload_fails_is_left_out() -> None:
    harness, job = camera("/frames")
    send(harness, job, handle_file(b"one", name="1.png"))
    send(harness, job, None)
    harness.answer(harness.only("/upload"), 413, body=b"too large")
    assert [event for event in told(harness)] == [("ChunkRefused", 0)]
    assert not job.ended
    assert json_body(harness.requests[harness.only("/stream/event-0")])["data"] == [None]


def test_an_input_that_is_left_out_does_not_let_the_next_go_before_its_time() -> None:
    harness, job = camera("/frames")
    send(harness, job, None)
    under_way = harness.only("/stream/event-0")
    send(harness, job, handle_file(b"one", name="1.png"))
    send(harness, job, None)
    harness.fail(harness.only("/upload"))
    assert told(harness) == [("ChunkRefused", 1)]
    # The function has answered to its arguments alone: another input now would take the place of the first.
    assert harness.pending("/stream/event-0") == [under_way]
    harness.answer(under_way, body={"msg": "success"})
    assert harness.pending("/stream/event-0") == []
    see(harness, job, "saw 1")
    assert harness.only("/stream/event-0") != under_way


def test_an_upload_that_ends_after_its_job_changes_nothing() -> None:
    harness, job = camera("/frames")
    for _ in range(2):
        send(harness, job, handle_file(b"one", name="1.png"))
    uploads = harness.pending("/upload")
    harness.complete(job, "saw 0")
    assert told(harness) == [("ChunkRefused", 0), ("ChunkRefused", 1)]
    harness.answer(uploads[0], body=["/tmp/1.png"])
    harness.fail(uploads[1])
    assert told(harness) == []
    assert harness.pending("/stream/") == []


def test_an_endpoint_that_takes_only_its_arguments_says_so() -> None:
    harness = Harness().connect(CAMERA)
    job = harness.running("/echo", "x")
    for ask in (lambda: send(harness, job, "y"), lambda: harness.session.end_inputs(job)):
        with pytest.raises(ArgumentError, match="/echo takes no input while it runs"):
            ask()
    assert harness.pending("/stream/") == []


def test_gradio_4_has_no_streaming_endpoints() -> None:
    harness = Harness().connect({**CAMERA, "version": "4.44.1", "api_prefix": ""})
    job = harness.running("/cam", "frame 0")
    with pytest.raises(ArgumentError, match="Gradio 5 and later"):
        send(harness, job, "frame 1")


def test_an_input_is_for_the_endpoint_of_its_job() -> None:
    harness, job = camera()
    with pytest.raises(ArgumentError, match="the input is for /echo, and job 0 of /cam"):
        harness.session.send(job, harness.session.prepare(["x"], api_name="/echo"))


def test_an_input_finds_its_job_also_when_the_endpoints_were_described_anew() -> None:
    harness, job = camera()
    other = harness.running("/incr")
    output = {"data": [1, None], "render_config": {"render_id": 0}}
    harness.say(other, "process_completed", success=True, output=output)
    assert harness.session.endpoints[8] is not job.endpoint
    send(harness, job, "frame 1")
    assert json_body(harness.requests[harness.only("/stream/event-0")])["data"] == ["frame 1"]


def test_nothing_is_sent_in_a_session_that_is_closed() -> None:
    harness, job = camera()
    call = harness.session.prepare(["x"], api_name="/cam")
    harness.session.close()
    with pytest.raises(LocalProtocolError):
        harness.session.send(job, call)


# --- files that came inside their URLs --------------------------------------------------------------------------------


def test_a_file_inside_its_url_is_unpacked_without_a_request() -> None:
    harness = Harness().connect()
    harness.session.download(FileData(path=None, url="data:text/plain;base64,aMOp"))
    started, data, completed = harness.events()
    assert isinstance(started, DownloadStarted)
    assert (started.size, started.mime_type) == (3, "text/plain")
    assert isinstance(data, DownloadDataReceived)
    assert data.data == "hé".encode()
    assert isinstance(completed, DownloadCompleted)
    assert harness.idle()


def test_an_empty_file_inside_its_url_is_a_file_too() -> None:
    harness = Harness().connect()
    harness.session.download(FileData(path=None, url="data:;base64,"))
    started, completed = harness.events()
    assert isinstance(started, DownloadStarted)
    assert (started.size, started.mime_type) == (0, None)
    assert isinstance(completed, DownloadCompleted)


@pytest.mark.parametrize("url", ["data:text/plain;base64,A", "data:text/plain"])
def test_a_broken_file_inside_its_url_is_the_servers_fault(url: str) -> None:
    harness = Harness().connect()
    harness.session.download(FileData(path=None, url=url))
    (failed,) = harness.events()
    assert isinstance(failed, DownloadFailed)
    assert isinstance(failed.error, RemoteProtocolError)


def test_a_route_is_one_of_three() -> None:
    with pytest.raises(ArgumentError, match="route is 'fast': it must be 'queue', 'call' or 'direct'"):
        Session("http://app.test", entropy=bytes, route="fast")  # type: ignore[arg-type]
