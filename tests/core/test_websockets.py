"""The WebSocket of a job: what each server from 3.1.5 to 3.50 says and hears, and every way for it to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gradproto import (
    AppError,
    AuthenticationError,
    CancelRefused,
    CloseWebSocket,
    ConnectError,
    ConnectionLostError,
    DeadlineExceeded,
    Event,
    Job,
    JobCancelled,
    JobCompleted,
    JobDataRequested,
    JobError,
    JobLogged,
    JobProgressed,
    JobQueued,
    JobStarted,
    JobState,
    LocalProtocolError,
    OpenWebSocket,
    OutputGenerated,
    ProgressUnit,
    QueueEstimated,
    QueueFullError,
    ReadError,
    RemoteProtocolError,
    Timeouts,
    UnknownMessageReceived,
    WriteError,
)
from gradproto._messages import HIDDEN_ERROR
from tests.core.driving import Harness, era

HASH_FIRST, SILENT, ASKING, NEWEST = "3.1.5", "3.4.1", "3.16.2", "3.50.2"
VERSIONS = (HASH_FIRST, SILENT, ASKING, NEWEST)

ESTIMATION = {
    "msg": "estimation",
    "rank": 1,
    "queue_size": 2,
    "avg_event_process_time": 0.0229,
    "avg_event_concurrent_process_time": 0.0229,
    "rank_eta": 0.5,
    "queue_eta": 1.0,
}
STARTS = {"msg": "process_starts"}


def connected(version: str = NEWEST, **options: Any) -> Harness:
    return Harness(**options).connect(era(version))


def generating(*data: object) -> dict[str, Any]:
    output = {"data": list(data), "is_generating": True, "duration": 0.15, "average_duration": 0.15}
    return {"msg": "process_generating", "output": output, "success": True}


def completed(*data: object, is_generating: bool = False) -> dict[str, Any]:
    output = {"data": list(data), "is_generating": is_generating, "duration": 0.5, "average_duration": 0.25}
    return {"msg": "process_completed", "output": output, "success": True}


def opened(harness: Harness, api_name: str = "/echo", *args: object) -> tuple[Job, int]:
    job = harness.submit(api_name, *(args or ("x",)))
    socket = harness.carrier(job)
    harness.ws_open(socket)
    return job, socket


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


# --- whole conversations


@pytest.mark.parametrize("version", VERSIONS)
def test_a_websocket_is_opened_for_each_job_where_the_queue_is_joined(version: str) -> None:
    harness = connected(version, headers={"x-key": "k"})
    job = harness.submit("/echo", "x", headers={"x-call": "c"})
    command = harness.command()
    assert isinstance(command, OpenWebSocket)
    assert command.url == "ws://app.test/queue/join"
    assert dict(command.headers)["x-key"] == "k"
    assert dict(command.headers)["x-call"] == "c"
    assert job.state is JobState.JOINING


def test_a_websocket_of_an_app_behind_tls_is_one_behind_tls() -> None:
    harness = Harness("https://app.test/sub").connect(era(NEWEST))
    harness.submit("/echo", "x")
    assert isinstance(command := harness.command(), OpenWebSocket)
    assert command.url == "wss://app.test/sub/queue/join"


@pytest.mark.parametrize(
    ("version", "asks", "before", "answers"),
    [
        (HASH_FIRST, [], [{"hash": "S"}], []),
        (SILENT, [], [], []),
        (ASKING, [{"msg": "send_hash"}], [], [{"fn_index": 0, "session_hash": "S"}]),
        (NEWEST, [{"msg": "send_hash"}], [], [{"fn_index": 0, "session_hash": "S"}]),
    ],
)
def test_each_generation_hears_who_asks_in_its_own_way(
    version: str, asks: list[dict[str, Any]], before: list[dict[str, Any]], answers: list[dict[str, Any]]
) -> None:
    harness = connected(version)
    job, socket = opened(harness)

    def named(messages: list[Any]) -> list[Any]:
        return json.loads(json.dumps(messages).replace('"S"', json.dumps(job.session_hash)))  # type: ignore[no-any-return]

    assert harness.sent(socket) == named(before)
    harness.ws_say(socket, *asks)
    assert harness.sent(socket) == named(before + answers)
    harness.ws_say(socket, ESTIMATION, {"msg": "send_data"})
    data = {"data": ["x"], "event_data": None, "fn_index": 0, "trigger_id": None, "session_hash": job.session_hash}
    assert harness.sent(socket)[-1] == data
    harness.ws_say(socket, STARTS, completed("y"))
    assert kinds(harness.events()) == [
        "JobQueued",
        "QueueEstimated",
        "JobDataRequested",
        "JobStarted",
        "JobCompleted",
    ]
    assert job.outputs == ("y",)
    harness.ws_close(socket)
    assert harness.idle()
    assert harness.due() is None


def test_the_events_of_a_websocket_hold_what_the_server_said() -> None:
    harness = connected()
    job, socket = opened(harness, "/count", 2)
    units = [{"index": 0, "length": 4, "unit": "steps", "progress": None, "desc": "working"}]
    harness.ws_say(
        socket,
        {"msg": "send_hash"},
        ESTIMATION,
        {"msg": "send_data"},
        {**ESTIMATION, "rank": 0},
        STARTS,
        {"msg": "progress", "progress_data": units},
        {"msg": "log", "log": "info: hey", "level": "warning"},
        generating("0"),
        generating("1"),
        completed("1", is_generating=True),
    )
    assert harness.events() == [
        JobQueued(job=0, event_id=""),
        QueueEstimated(job=0, rank=1, queue_size=2, eta=0.5),
        JobDataRequested(job=0),
        QueueEstimated(job=0, rank=0, queue_size=2, eta=0.5),
        JobStarted(job=0, eta=None),
        JobProgressed(job=0, units=(ProgressUnit(index=0, length=4, unit="steps", desc="working"),)),
        JobLogged(job=0, message="info: hey", level="warning", title=None, duration=None, visible=True),
        OutputGenerated(job=0, index=0, outputs=("0",), time_limit=None),
        OutputGenerated(job=0, index=1, outputs=("1",), time_limit=None),
        JobCompleted(job=0, outputs=("1",), duration=0.5, average_duration=0.25, used_cache=None),
    ]
    # The completion repeats the last output, which is no output more.
    assert len(job.history) == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_outputs_on_a_websocket_are_always_whole(version: str) -> None:
    harness = connected(version)
    job, socket = opened(harness, "/count", 2)
    edits = [["append", [], "y"]]
    harness.ws_say(socket, generating("x"), generating(edits))
    assert [event.outputs for event in harness.events() if isinstance(event, OutputGenerated)] == [("x",), (edits,)]
    assert job.state is JobState.RUNNING


def test_the_data_may_be_wanted_before_the_first_estimation() -> None:
    # Recording 3.4.1/echo.
    harness = connected(SILENT)
    job, socket = opened(harness)
    harness.ws_say(socket, {"msg": "send_data"}, ESTIMATION, ESTIMATION, STARTS)
    assert kinds(harness.events())[1:] == ["JobDataRequested", "QueueEstimated", "QueueEstimated", "JobStarted"]
    assert job.state is JobState.RUNNING


def test_the_data_may_be_wanted_again_and_are_the_same() -> None:
    harness = connected()
    job, socket = opened(harness)
    harness.ws_say(socket, {"msg": "send_data"}, {"msg": "send_data"}, STARTS, {"msg": "send_data"})
    first, second, third = harness.sent(socket)
    assert first == second == third
    assert job.state is JobState.RUNNING


def test_a_completion_may_be_all_that_comes_on_a_websocket() -> None:
    harness = connected()
    job, socket = opened(harness)
    harness.ws_say(socket, completed("y"))
    assert job.outputs == ("y",)


def test_a_completion_of_early_versions_does_not_speak_of_success() -> None:
    harness = connected(HASH_FIRST)
    job, socket = opened(harness)
    harness.ws_say(socket, {"msg": "process_completed", "output": {"data": ["y"]}})
    assert job.outputs == ("y",)


def test_state_on_a_websocket_is_the_conversations() -> None:
    harness = connected(ASKING)
    job, socket = opened(harness, "/chat", "x")
    harness.ws_say(socket, {"msg": "send_hash"}, {"msg": "send_data"})
    assert job.session_hash == harness.session.session_hash
    assert [one["session_hash"] for one in harness.sent(socket)] == [job.session_hash] * 2
    assert harness.sent(socket)[1]["data"] == ["x", None]


# --- what ends it


def test_a_full_queue_is_told_as_such() -> None:
    harness = connected()
    job, socket = opened(harness)
    harness.ws_say(socket, {"msg": "send_hash"}, {"msg": "queue_full"})
    assert isinstance(harness.error(job), QueueFullError)
    harness.ws_close(socket)
    assert harness.idle()


@pytest.mark.parametrize(
    ("version", "output", "message"),
    [
        (NEWEST, {"error": "ValueError says: x"}, "ValueError says: x"),
        (NEWEST, {"error": "'gr.Error says: x'"}, "gr.Error says: x"),
        (HASH_FIRST, {"error": '"it\'s"'}, "it's"),
        (NEWEST, {"error": None}, HIDDEN_ERROR),
        (NEWEST, {"error": "None"}, HIDDEN_ERROR),
        (NEWEST, {}, HIDDEN_ERROR),
    ],
)
def test_what_the_function_raised_is_told_without_pythons_quotes(
    version: str, output: dict[str, Any], message: str
) -> None:
    harness = connected(version)
    job, socket = opened(harness)
    harness.ws_say(socket, STARTS, {"msg": "process_completed", "output": output, "success": False})
    error = harness.error(job)
    assert isinstance(error, AppError)
    assert error.message == message


@pytest.mark.parametrize("state", ["opened", "asked", "waiting", "running", "generating"])
@pytest.mark.parametrize(
    ("code", "reason", "kind", "says"),
    [
        (1000, "", JobError, "job 0 of /count: the server closed the WebSocket before the job was complete"),
        (1000, "bye", JobError, "the server closed the WebSocket and said 'bye' before"),
        (1006, "", ConnectionLostError, "job 0 of /count: the WebSocket broke (close code 1006)"),
        (1011, "oops" * 50, ConnectionLostError, "(close code 1011) and said 'oopsoops"),
        (1012, "", ConnectionLostError, "job 0 of /count: the server was stopped (WebSocket close code 1012)"),
    ],
)
def test_a_websocket_that_is_closed_before_the_completion_fails_its_job(
    state: str, code: int, reason: str, kind: type[Exception], says: str
) -> None:
    harness = connected()
    job, socket = opened(harness, "/count", 2)
    steps = [{"msg": "send_hash"}, {"msg": "send_data"}, STARTS, generating("0")]
    harness.ws_say(socket, *steps[: ["opened", "asked", "waiting", "running", "generating"].index(state)])
    harness.ws_close(socket, code, reason)
    error = harness.error(job)
    assert type(error) is kind
    assert says in str(error)
    assert len(str(error)) < 250
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize("failure", [ReadError("reset"), WriteError("broken pipe"), ConnectError("refused")])
@pytest.mark.parametrize("is_open", [False, True])
def test_a_connection_that_breaks_fails_its_job_alone(failure: Exception, is_open: bool) -> None:
    harness = connected()
    other, other_socket = opened(harness)
    job = harness.submit("/echo", "x")
    if is_open:
        harness.ws_open(harness.carrier(job))
    assert isinstance(failure, (ReadError, WriteError, ConnectError))
    harness.fail(harness.carrier(job), failure)
    error = harness.error(job)
    assert isinstance(error, ConnectionLostError)
    assert error.message == f"job 1 of /echo: {failure.message}"
    assert error.__cause__ is failure
    harness.ws_say(other_socket, completed("y"))
    assert other.outputs == ("y",)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"send_data"', "5"])
def test_what_is_no_message_breaks_the_websocket(text: str) -> None:
    harness = connected()
    job, socket = opened(harness)
    harness.session.websocket_text(socket, text)
    error = harness.error(job)
    assert isinstance(error, RemoteProtocolError)
    assert "the WebSocket of job 0 (/echo): not" in str(error)
    harness.commands()
    assert harness.aborted == [socket]
    assert harness.idle()


WRONG: list[Any] = [None, True, 5, -1.5, "x", [], ["x"], {}, {"data": 5}]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        *[("estimation", field) for field in ("rank", "queue_size", "rank_eta")],
        *[("process_starts", "eta"), ("progress", "progress_data")],
        *[("log", field) for field in ("log", "level", "title", "duration", "visible")],
        *[("process_generating", field) for field in ("output", "success", "time_limit")],
        *[("process_completed", field) for field in ("output", "success", "title", "used_cache")],
        *[("send_hash", "event_id"), ("send_data", "event_id"), ("queue_full", "x"), ("close_stream", "event_id")],
        *[("unexpected_error", "message"), ("heartbeat", "event_id"), ("", "msg"), ("msg", "msg")],
    ],
)
def test_fields_of_any_type_end_a_job_once_at_most(kind: str, field: str, wrong: Any) -> None:
    harness = connected()
    job, socket = opened(harness, "/count", 2)
    harness.ws_say(socket, {"msg": kind, "output": {"data": ["x"]}, "success": True, field: wrong})
    assert len(harness.ends(job)) <= 1
    if not job.ended:
        harness.ws_say(socket, completed("y"))
        assert job.outputs == ("y",)
    assert len(harness.ends(job)) == 1
    assert not harness.live or harness.live == harness.closing


@pytest.mark.parametrize(
    "message", [{"msg": "brand_new", "x": 1}, {}, {"msg": None}, {"msg": ["send_data"]}, {"data": ["x"]}]
)
def test_an_unknown_message_on_a_websocket_is_told_and_skipped(message: dict[str, Any]) -> None:
    harness = connected()
    job, socket = opened(harness)
    harness.ws_say(socket, message)
    event = harness.one(UnknownMessageReceived)
    assert (event.message, event.session_hash) == (message, job.session_hash)
    assert not job.ended


def test_a_completed_websocket_is_closed_by_the_rules_and_what_comes_late_is_nobodys() -> None:
    harness = connected()
    job, socket = opened(harness)
    harness.ws_say(socket, STARTS, completed("y"))
    harness.commands()
    assert harness.log[-1] == CloseWebSocket(exchange=socket)
    harness.ws_say(socket, completed("z"), {"msg": "send_data"}, {"msg": "queue_full"})
    harness.session.websocket_text(socket, "{")
    assert job.outputs == ("y",)
    harness.ws_close(socket)
    harness.session.websocket_closed(socket, 1006, "")
    harness.session.websocket_text(socket, "{}")
    harness.session.exchange_failed(socket, ReadError("late"))
    assert kinds(harness.events()) == ["JobQueued", "JobStarted", "JobCompleted"]
    assert harness.idle()


def test_a_server_that_does_not_answer_the_close_is_left_after_a_moment() -> None:
    harness = connected()
    _, socket = opened(harness)
    harness.ws_say(socket, completed("y"))
    harness.tick()
    harness.tick(10)
    harness.commands()
    assert harness.aborted == [socket]
    assert harness.due() is None


# --- the handshake


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (403, b"", AuthenticationError, "the app wants a login"),
        (401, {"detail": "Not authenticated"}, AuthenticationError, "the app wants a login"),
        (500, b"Internal Server Error", JobError, "the server answered 500: 'Internal Server Error'"),
        (404, {"detail": "Not Found"}, JobError, "the server answered 404: Not Found"),
        (200, b"<html>", JobError, "the server answered 200: an HTML page"),
        (302, b"", JobError, "the server answered 302: nothing"),
    ],
)
def test_a_handshake_that_is_refused_fails_its_job(status: int, body: Any, kind: type[Exception], says: str) -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.answer(harness.carrier(job), status, body)
    error = harness.error(job)
    assert type(error) is kind
    assert says in str(error)
    assert harness.idle()


@pytest.mark.parametrize("status", [401, 403])
def test_a_handshake_that_wants_a_login_is_made_again_once_after_one(status: int) -> None:
    harness = connected(auth=("bob", "secret"))
    job = harness.submit("/echo", "x")
    first = harness.carrier(job)
    harness.answer(first, status)
    assert harness.pending("/queue/join") == []
    login = harness.only("/login")
    harness.answer(login, 200, {"success": True}, [("set-cookie", "access-token-unsecure=t; Path=/")])
    second = harness.carrier(job)
    assert second != first
    assert ("cookie", "access-token-unsecure=t") in harness.requests[second].headers
    harness.ws_open(second)
    harness.ws_say(second, completed("y"))
    assert job.outputs == ("y",)


def test_a_handshake_that_wants_a_login_after_one_is_not_made_again() -> None:
    harness = connected(auth=("bob", "secret"))
    job = harness.submit("/echo", "x")
    harness.answer(harness.carrier(job), 403)
    harness.answer(harness.only("/login"), 200, {"success": True})
    harness.answer(harness.carrier(job), 403)
    assert isinstance(harness.error(job), AuthenticationError)
    assert harness.idle()


def test_a_login_that_fails_fails_the_jobs_whose_handshakes_wait_for_it() -> None:
    harness = connected(auth=("bob", "secret"))
    jobs = [harness.submit("/echo", "x") for _ in range(2)]
    for job in jobs:
        harness.answer(harness.carrier(job), 403)
    harness.answer(harness.only("/login"), 400, {"detail": "Incorrect credentials."})
    for job in jobs:
        assert isinstance(harness.error(job), AuthenticationError)
    assert harness.idle()


def test_a_job_whose_handshake_waits_for_a_login_can_be_cancelled() -> None:
    harness = connected(auth=("bob", "secret"))
    job = harness.submit("/echo", "x")
    harness.answer(harness.carrier(job), 403)
    harness.session.cancel(job)
    assert isinstance(harness.end(job), JobCancelled)
    harness.answer(harness.only("/login"), 200, {"success": True})
    assert harness.idle()


def test_a_handshake_that_hangs_is_given_up() -> None:
    harness = connected(timeouts=Timeouts(request=5))
    job = harness.submit("/echo", "x")
    harness.tick()
    harness.tick(5)
    error = harness.error(job)
    assert isinstance(error, DeadlineExceeded)
    assert "the WebSocket of job 0 (/echo): no answer from" in str(error)
    assert harness.idle()
    assert harness.due() is None


def test_a_websocket_may_be_silent_as_long_as_its_job_may_wait_and_run() -> None:
    harness = connected(timeouts=Timeouts(request=5, queue_wait=100, run=200, stream_idle=10))
    job, socket = opened(harness)
    harness.tick()
    harness.tick(99)
    harness.ws_say(socket, {"msg": "send_data"}, STARTS)
    harness.tick()
    harness.tick(199)
    assert not job.ended
    harness.tick(1)
    assert "ran for more than 200 s" in str(harness.error(job))
    assert harness.idle()


def test_a_job_that_never_starts_is_given_up_and_left() -> None:
    # An event that got data of a wrong type is never heard of again (3.32, 3.50).
    harness = connected(timeouts=Timeouts(queue_wait=7))
    job, socket = opened(harness)
    harness.ws_say(socket, {"msg": "send_data"})
    harness.tick()
    harness.tick(7)
    assert "did not start within 7 s" in str(harness.error(job))
    harness.commands()
    assert harness.aborted == [socket]


# --- facts that make no sense


@pytest.mark.parametrize(
    "report",
    [
        lambda harness, socket: harness.session.websocket_opened(socket),
        lambda harness, socket: harness.session.body_sent(99, 1),
        lambda harness, socket: harness.session.websocket_opened(99),
        lambda harness, socket: harness.session.websocket_text(99, "{}"),
        lambda harness, socket: harness.session.websocket_closed(99, 1000, ""),
    ],
)
def test_a_fact_that_cannot_be_changes_nothing(report: Callable[[Harness, int], None]) -> None:
    harness = connected()
    job, socket = opened(harness)
    with pytest.raises(LocalProtocolError):
        report(harness, socket)
    harness.ws_say(socket, completed("y"))
    assert job.outputs == ("y",)


def test_a_message_before_the_handshake_is_an_illegal_fact() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    with pytest.raises(LocalProtocolError, match="it is not open"):
        harness.session.websocket_text(harness.carrier(job), "{}")
    assert job.state is JobState.JOINING


# --- cancelling


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("state", [JobState.JOINING, JobState.QUEUED, JobState.RUNNING])
def test_leaving_the_websocket_cancels_what_it_can(version: str, state: JobState) -> None:
    harness = connected(version)
    job = harness.submit("/count", 2)
    socket = harness.carrier(job)
    if state is not JobState.JOINING:
        harness.ws_open(socket)
        harness.ws_say(socket, {"msg": "send_data"})
    if state is JobState.RUNNING:
        harness.ws_say(socket, STARTS, generating("0"))
    assert job.state is state
    harness.session.cancel(job)
    if state is JobState.RUNNING and version in (HASH_FIRST, SILENT):
        assert harness.one(CancelRefused).reason == "it has started, and Gradio before 3.6 stops nothing that runs"
        assert not harness.idle()
        return
    assert isinstance(harness.end(job), JobCancelled)
    assert harness.idle()
    assert harness.due() is None
    # No other job may meet what is left of it on the server.
    assert harness.submit("/count", 2).session_hash != job.session_hash


def test_a_function_that_runs_on_a_websocket_cannot_be_stopped() -> None:
    harness = connected()
    job, socket = opened(harness)
    harness.ws_say(socket, STARTS)
    harness.session.cancel(job)
    assert "only generators can be stopped" in harness.one(CancelRefused).reason
    harness.ws_say(socket, completed("y"))
    assert job.outputs == ("y",)


def test_what_gave_an_output_is_known_to_generate_though_its_server_does_not_say() -> None:
    harness = connected(ASKING)
    job, socket = opened(harness, "/count", 2)
    harness.ws_say(socket, STARTS)
    harness.session.cancel(job)
    assert "only generators" in harness.one(CancelRefused).reason
    harness.ws_say(socket, generating("0"))
    harness.session.cancel(job)
    assert isinstance(harness.end(job), JobCancelled)


@pytest.mark.parametrize("is_open", [False, True])
def test_a_websocket_that_broke_takes_its_session_hash_with_it(is_open: bool) -> None:
    # Behind the broken connection the server may run the generator on, and gives its next outputs to the same hash.
    harness = connected()
    job = harness.submit("/count", 2)
    if is_open:
        harness.ws_open(harness.carrier(job))
    harness.ws_close(harness.carrier(job), 1006)
    assert harness.submit("/count", 2).session_hash != job.session_hash


def test_a_websocket_that_ended_leaves_its_session_hash_to_the_next_job() -> None:
    harness = connected()
    hashes: set[str] = set()
    for last in (completed("x"), {"msg": "process_completed", "output": {}, "success": False}, {"msg": "queue_full"}):
        job, socket = opened(harness)
        harness.ws_say(socket, last)
        harness.ws_close(socket)
        hashes.add(job.session_hash)
    job, socket = opened(harness)
    harness.ws_close(socket)
    assert hashes == {job.session_hash}
