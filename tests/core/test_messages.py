"""The queue's messages about one job: what each does in each state, and what broken ones do."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto import (
    AppError,
    DeadlineExceeded,
    FileData,
    Job,
    JobCancelled,
    JobCompleted,
    JobError,
    JobLogged,
    JobProgressed,
    JobQueued,
    JobStarted,
    JobState,
    OutputGenerated,
    ProgressUnit,
    QueueEstimated,
    RemoteProtocolError,
    Timeouts,
    UnknownMessageReceived,
    use_json,
)
from gradproto._messages import HIDDEN_ERROR
from tests.core.driving import CONFIG, STATELESS, Harness, config_with, json_body

OUTPUT: dict[str, Any] = {"data": ["x"], "is_generating": True, "duration": 0.5, "average_duration": 0.25}
DONE: dict[str, Any] = {"success": True, "output": {**OUTPUT, "is_generating": False}}


def make(state: str, api_name: str = "/count", **options: Any) -> tuple[Harness, Job]:
    harness = Harness(**options).connect()
    begin = harness.queued if state == "QUEUED" else harness.running
    job = begin(api_name, *([3] if api_name == "/count" else ["x"]))
    assert job.state.value == state
    harness.events()
    return harness, job


STATES = pytest.mark.parametrize("state", ["QUEUED", "RUNNING"])


# --- what well-formed messages do -----------------------------------------------------------------------------------


@STATES
def test_an_estimation_tells_the_place_in_the_queue(state: str) -> None:
    harness, job = make(state)
    harness.say(job, "estimation", rank=2, queue_size=5, rank_eta=1.5)
    assert harness.events() == [QueueEstimated(job=0, rank=2, queue_size=5, eta=1.5)]
    assert job.state.value == state


@STATES
def test_a_start_starts_a_job_once(state: str) -> None:
    harness, job = make(state)
    harness.say(job, "process_starts", eta=2.5)
    assert harness.events() == [JobStarted(job=0, eta=2.5)]
    assert job.state is JobState.RUNNING
    assert job.started


@STATES
def test_progress_comes_with_one_unit_for_each_level(state: str) -> None:
    harness, job = make(state)
    inner = {"index": 1.5, "length": 4, "unit": "steps", "progress": None, "desc": "working"}
    harness.say(job, "progress", progress_data=[{"progress": 0.25}, inner])
    units = (ProgressUnit(progress=0.25), ProgressUnit(index=1.5, length=4, unit="steps", desc="working"))
    assert harness.events() == [JobProgressed(job=0, units=units)]
    assert job.state.value == state


@STATES
def test_a_log_line_comes_with_what_a_page_would_show(state: str) -> None:
    harness, job = make(state)
    harness.say(job, "log", log="hey", level="warning", duration=10.0, visible=False, title="Warning")
    assert harness.events() == [
        JobLogged(job=0, message="hey", level="warning", title="Warning", duration=10.0, visible=False)
    ]
    assert job.state.value == state


def test_a_log_line_of_an_early_version_has_less_to_tell() -> None:
    harness, job = make("RUNNING")
    harness.say(job, "log", log="hey", level="info")
    assert harness.events() == [JobLogged(job=0, message="hey", level="info", title=None, duration=None, visible=True)]


@STATES
@pytest.mark.parametrize("msg", ["process_generating", "process_streaming"])
def test_a_first_output_is_whole_and_starts_a_job_that_had_no_start(state: str, msg: str) -> None:
    harness, job = make(state)
    harness.say(job, msg, success=True, output={**OUTPUT, "data": [[["append", [], "x"]]]}, time_limit=30)
    assert harness.events() == [OutputGenerated(job=0, index=0, outputs=([["append", [], "x"]],), time_limit=30)]
    assert job.state is JobState.RUNNING
    assert job.started


def test_later_outputs_of_a_generator_are_edits_and_of_a_stream_are_whole() -> None:
    harness, job = make("RUNNING")
    harness.say(job, "process_generating", success=True, output={"data": ["a"]})
    harness.say(job, "process_generating", success=True, output={"data": [[["append", [], "b"]]]})
    harness.say(job, "process_streaming", success=True, output={"data": [[["append", [], "b"]]]})
    values = [event.outputs for event in harness.events() if isinstance(event, OutputGenerated)]
    assert values == [("a",), ("ab",), ([["append", [], "b"]],)]


def test_a_completion_repeats_the_last_output_of_a_generator() -> None:
    harness, job = make("RUNNING")
    for data in ("a", [["append", [], "b"]]):
        harness.say(job, "process_generating", success=True, output={"data": [data]})
    harness.events()
    harness.complete(job, "ab", used_cache=None)
    assert harness.events() == [
        JobCompleted(job=0, outputs=("ab",), duration=0.5, average_duration=0.25, used_cache=None)
    ]
    assert len(job.history) == 2


def test_a_completion_that_differs_from_the_last_output_is_one_more() -> None:
    harness, job = make("RUNNING")
    harness.say(job, "process_generating", success=True, output={"data": ["a"]})
    harness.complete(job, "b")
    assert job.outputs == ("b",)
    assert [job.history.step(index) for index in range(2)] == [(True, ["a"]), (True, ["b"])]


def test_a_generator_that_yields_nothing_has_no_output() -> None:
    harness, job = make("RUNNING")
    harness.complete(job, None)
    assert len(job.history) == 0
    assert job.outputs == (None,)
    assert isinstance(harness.end(job), JobCompleted)


def test_a_function_that_returns_nothing_has_one_output() -> None:
    harness, job = make("RUNNING", "/echo")
    harness.complete(job, None)
    assert len(job.history) == 1


@STATES
def test_a_completion_may_be_all_that_comes(state: str) -> None:
    harness, job = make(state, "/echo")
    output = {**DONE["output"], "used_cache": "full"}
    harness.say(job, "process_completed", success=True, output=output)
    assert harness.events() == [
        JobCompleted(job=0, outputs=("x",), duration=0.5, average_duration=0.25, used_cache="full")
    ]
    assert job.state is JobState.DONE


@STATES
def test_an_empty_completion_is_a_cancelled_event_whoever_cancelled_it(state: str) -> None:
    harness, job = make(state)
    harness.say(job, "process_completed", success=True, output={})
    assert harness.events() == [JobCancelled(job=0)]
    assert job.state is JobState.CANCELLED


def test_state_and_layout_are_no_outputs() -> None:
    harness = Harness().connect()
    job = harness.running("/incr")
    harness.complete(job, 5, None)
    assert job.outputs == (5,)


def test_files_in_outputs_are_records() -> None:
    harness = Harness().connect()
    job = harness.submit("/upper", b"x")
    harness.answer(harness.only("/upload"), body=["/tmp/x"])
    harness.joined(job)
    harness.open(harness.only("/queue/data"))
    harness.complete(job, {"path": "/tmp/y", "meta": {"_type": "gradio.FileData"}})
    assert job.outputs == (FileData(path="/tmp/y"),)


# --- failures -------------------------------------------------------------------------------------------------------


def failed(harness: Harness, job: Job, output: Any, **fields: Any) -> Any:
    harness.say(job, "process_completed", success=False, output=output, **fields)
    assert job.state is JobState.FAILED
    return harness.error(job)


@STATES
def test_what_the_app_raised_is_told_with_all_that_came(state: str) -> None:
    harness, job = make(state)
    error = failed(harness, job, {"error": "boom", "title": "Oh", "duration": 5, "visible": False}, title="Error")
    assert isinstance(error, AppError)
    assert (str(error), error.title, error.duration, error.visible) == ("boom", "Oh", 5, False)


def test_the_title_may_be_the_messages() -> None:
    harness, job = make("RUNNING")
    error = failed(harness, job, {"error": "boom", "visible": True}, title="Error")
    assert (error.title, error.duration, error.visible) == ("Error", None, True)


@pytest.mark.parametrize("output", [{"error": None}, {"error": None, "visible": True}, {}, {"error": 5}])
def test_an_app_that_hides_its_errors_is_told_how_to_show_them(output: Any) -> None:
    harness, job = make("RUNNING")
    error = failed(harness, job, output, title="Error")
    assert isinstance(error, AppError)
    assert str(error) == HIDDEN_ERROR
    assert "show_error=True" in HIDDEN_ERROR
    assert error.title == "Error"


QUOTED = [
    ("'boom'", "boom"),
    ('"it\'s"', "it's"),
    (repr("both ' and \""), "both ' and \""),
    (repr("a\nb\tc\\d\r\x00\xe9\u2028\U0001f600\ud800"), "a\nb\tc\\d\r\x00\xe9\u2028\U0001f600\ud800"),
    ("''", ""),
    ("boom", "boom"),
    ("'", "'"),
    ("", ""),
    ("'boom", "'boom"),
    ("boom'", "boom'"),
    ("'a' and 'b'", "'a' and 'b'"),
    ("'a\nb'", "'a\nb'"),
    ("'a\\'", "'a\\'"),
    ("'C:\\dir'", "C:\\dir"),
    ("'\\U00110000'", "\\U00110000"),
    ("'" + "-" * 100_000 + "1'", "-" * 100_000 + "1"),
    ("'" + "(" * 100_000, "'" + "(" * 100_000),
]


@pytest.mark.parametrize(("text", "expected"), QUOTED, ids=range(len(QUOTED)))
def test_before_gradio_5_2_the_quotes_around_an_error_are_undone(text: str, expected: str) -> None:
    for version, shown in (("4.44.1", expected), ("5.2.0", text)):
        harness = Harness().connect(config_with(version=version, api_prefix=""))
        error = failed(harness, harness.running("/echo", "x"), {"error": text})
        assert error.message == shown


@given(st.text())
def test_whatever_python_quotes_is_unquoted(text: str) -> None:
    harness = Harness().connect(config_with(version="4.44.1"))
    error = failed(harness, harness.running("/echo", "x"), {"error": repr(text)})
    assert error.message == text


@STATES
def test_a_completion_without_an_output_is_the_servers_fault(state: str) -> None:
    for output in (None, [], "x", 5):
        harness, job = make(state)
        harness.say(job, "process_completed", success=True, output=output)
        error = harness.error(job)
        assert isinstance(error, RemoteProtocolError)
        assert str(error) == f"job 0: its completion has no output: {str(output)!r}"


@pytest.mark.parametrize("output", [{"data": None}, {"data": {}}, {"is_generating": False}])
def test_a_completion_without_data_is_the_servers_fault(output: Any) -> None:
    harness, job = make("RUNNING")
    harness.say(job, "process_completed", success=True, output=output)
    assert isinstance(harness.error(job), RemoteProtocolError)
    assert "job 0: its completion has no data: " in str(harness.error(job))


def test_a_completion_that_says_nothing_of_success_is_one() -> None:
    harness, job = make("RUNNING")
    harness.say(job, "process_completed", output={"data": ["x"]})
    assert harness.end(job) == JobCompleted(
        job=0, outputs=("x",), duration=None, average_duration=None, used_cache=None
    )


@STATES
def test_an_unexpected_error_of_one_event_fails_its_job_alone(state: str) -> None:
    harness, job = make(state)
    other = harness.queued("/chat", "x")
    harness.say(job, "unexpected_error", message="str is not valid UTF-8", success=False)
    assert type(harness.error(job)) is JobError
    assert str(harness.error(job)) == "job 0: the server failed: str is not valid UTF-8"
    assert not other.ended
    assert harness.pending("/cancel") == []


def test_an_unexpected_error_need_not_say_why() -> None:
    harness, job = make("RUNNING")
    harness.say(job, "unexpected_error", message=None)
    assert str(harness.error(job)) == "job 0: the server failed: no reason given"


# --- broken and unknown messages ------------------------------------------------------------------------------------


@STATES
def test_an_unknown_message_is_told_and_skipped(state: str) -> None:
    harness, job = make(state)
    for msg in ("brand_new", None, 5, [], {"a": 1}, True):
        message = {"msg": msg, "event_id": "event-0", "x": 1}
        harness.sse(harness.stream_of(job), message)
        event = harness.one(UnknownMessageReceived)
        assert event.message == message
        assert event.reason == "job 0: unknown kind of message"
        assert event.session_hash == job.session_hash
    assert job.state.value == state


@pytest.mark.parametrize("output", [None, [], {}, {"data": None}, {"data": "x"}])
def test_an_output_without_data_is_told_and_skipped(output: Any) -> None:
    harness, job = make("RUNNING")
    harness.say(job, "process_generating", success=True, output=output)
    assert harness.one(UnknownMessageReceived).reason == "job 0: output without data"
    assert len(job.history) == 0


def test_an_edit_that_cannot_be_applied_costs_the_outputs_until_a_whole_one() -> None:
    harness, job = make("RUNNING")
    harness.say(job, "process_generating", success=True, output={"data": ["a"]})
    harness.events()
    harness.say(job, "process_generating", success=True, output={"data": [[["delete", ["k"], None]]]})
    assert "output cannot be built: the path ['k']" in harness.one(UnknownMessageReceived).reason
    harness.say(job, "process_generating", success=True, output={"data": [[["append", [], "b"]]]})
    assert "an earlier edit could not be applied" in harness.one(UnknownMessageReceived).reason
    harness.complete(job, "a")
    assert job.outputs == ("a",)
    # What is known to be the last value is an output, although it equals the last that could be built.
    assert len(job.history) == 2


def test_fields_of_a_wrong_type_count_as_missing() -> None:
    harness, job = make("RUNNING")
    wrong: list[Any] = [True, "5", [], {}]
    for value in wrong:
        harness.say(job, "estimation", rank=value, queue_size=value, rank_eta=value)
        harness.say(job, "process_starts", eta=value)
        harness.say(job, "progress", progress_data=[{"index": value, "progress": value}, value])
        harness.say(job, "log", log=5, level=None, duration=value, title=5, visible=value)
    for event in harness.events():
        match event:
            case QueueEstimated():
                assert event == QueueEstimated(job=0, rank=None, queue_size=None, eta=None)
            case JobStarted():
                assert event == JobStarted(job=0, eta=None)
            case JobProgressed():
                assert event.units[0] == ProgressUnit()
            case JobLogged():
                assert event == JobLogged(job=0, message="", level="info", title=None, duration=None, visible=True)
            case _:
                raise AssertionError(event)
    harness.say(job, "progress", progress_data={"index": 1})
    assert harness.events() == [JobProgressed(job=0, units=())]
    harness.say(job, "estimation", rank=1.5)
    assert harness.events() == [QueueEstimated(job=0, rank=None, queue_size=None, eta=None)]


def test_numbers_beyond_any_size_and_nan_are_numbers() -> None:
    harness, job = make("RUNNING")
    stream = harness.stream_of(job)
    harness.data(
        stream,
        b'data: {"msg":"estimation","event_id":"event-0","rank":' + b"9" * 400 + b',"rank_eta":NaN}\n\n',
        b'data: {"msg":"process_completed","event_id":"event-0","output":{"data":[Infinity],"duration":-Infinity}}\n\n',
    )
    estimated, completed = harness.events()
    assert isinstance(estimated, QueueEstimated)
    assert estimated.rank == int("9" * 400)
    assert estimated.eta is not None
    assert math.isnan(estimated.eta)
    assert isinstance(completed, JobCompleted)
    assert (completed.outputs, completed.duration) == ((math.inf,), -math.inf)


def test_values_nested_more_deeply_than_can_be_compared_are_no_harm() -> None:
    def read(data: bytes | str) -> Any:
        message = json.loads(data)
        for _ in range(100_000):
            message["output"]["data"] = [message["output"]["data"]]
        return message

    harness, job = make("RUNNING")
    stream = harness.stream_of(job)
    use_json(loads=read)
    try:
        for msg in ("process_generating", "process_completed"):
            harness.sse(stream, {"msg": msg, "event_id": "event-0", "output": {"data": []}})
    finally:
        use_json()
    assert isinstance(harness.end(job), JobCompleted)
    assert len(job.history) == 2


def test_a_completed_job_hears_nothing_more() -> None:
    harness, job = make("RUNNING")
    harness.complete(job, "a")
    harness.events()
    stream = harness.stream_of(job.session_hash)
    for msg in ("estimation", "process_starts", "progress", "log", "process_generating", "unexpected_error"):
        harness.sse(stream, {"msg": msg, "event_id": "event-0", "output": {"data": ["b"]}})
    harness.sse(stream, {"msg": "process_completed", "event_id": "event-0", **DONE})
    harness.sse(stream, {"msg": "process_completed", "event_id": "event-0", "success": False, "output": {"error": "x"}})
    assert harness.events() == []
    assert job.outputs == ("a",)


# --- limits ---------------------------------------------------------------------------------------------------------


def test_a_job_that_does_not_start_in_time_fails_and_is_taken_from_the_queue() -> None:
    harness = Harness(timeouts=Timeouts(queue_wait=30, stream_idle=None)).connect(STATELESS)
    job = harness.queued("/echo", "x")
    harness.tick()
    harness.tick(29)
    harness.say(job, "estimation", rank=1)
    assert not job.ended
    harness.tick(1)
    assert isinstance(harness.error(job), DeadlineExceeded)
    assert str(harness.error(job)) == ("job 0 did not start within 30 s (the limit 'queue_wait' of the timeouts)")
    cancel = harness.requests[harness.only("/cancel")]
    assert json_body(cancel) == {"session_hash": job.session_hash, "fn_index": 0, "event_id": "event-0"}


@pytest.mark.parametrize("msg", ["process_starts", "process_generating"])
def test_a_job_that_started_waits_no_more_but_may_run_too_long(msg: str) -> None:
    harness = Harness(timeouts=Timeouts(queue_wait=30, run=100, stream_idle=None)).connect(STATELESS)
    job = harness.queued("/count", 3)
    harness.tick()
    harness.tick(29)
    harness.say(job, msg, output=OUTPUT)
    harness.tick()
    harness.tick(99)
    assert not job.ended
    harness.say(job, msg, output=OUTPUT)
    harness.tick(1)
    assert isinstance(harness.error(job), DeadlineExceeded)
    assert str(harness.error(job)) == "job 0 ran for more than 100 s (the limit 'run' of the timeouts)"
    assert len(harness.pending("/cancel")) == 1


def test_a_job_in_time_leaves_no_timer() -> None:
    harness = Harness(timeouts=Timeouts(queue_wait=30, run=100)).connect(STATELESS)
    job = harness.running("/echo", "x")
    harness.complete(job, "y")
    harness.close_stream(harness.stream_of(job.session_hash))
    assert harness.due() is None


def test_a_job_that_ran_too_long_is_not_stopped_where_that_would_stop_another() -> None:
    harness = Harness(timeouts=Timeouts(run=100, stream_idle=None)).connect(CONFIG)
    first = harness.running("/chat", "x")
    harness.tick(50)
    second = harness.running("/chat", "y")
    harness.tick(50)
    harness.tick(0)
    assert first.session_hash == second.session_hash
    harness.tick(50)
    assert isinstance(harness.error(first), DeadlineExceeded)
    assert harness.pending("/cancel") == []
    harness.complete(second, "z", None)
    assert isinstance(harness.end(second), JobCompleted)


def test_the_server_names_a_job() -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    assert harness.events() == []
    harness.joined(job, "abc")
    assert harness.events() == [JobQueued(job=0, event_id="abc")]
