"""What each version of the shared queue can stop, by which request, and what its answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import (
    CancelRefused,
    Event,
    Job,
    JobCancelled,
    JobCompleted,
    JobState,
    StreamLost,
    Timeouts,
)
from gradproto._cancel import did_nothing
from tests.core.driving import Harness, era, json_body

# Of each record: how a generator is stopped that runs, and how a job leaves the queue.
VERSIONS = {
    "4.12.0": ("/reset", "leaving"),
    "4.17.0": ("/reset", "leaving"),
    "4.20.0": ("/reset", None),
    "4.22.0": ("/reset", None),
    "4.24.0": ("/reset", "leaving"),
    "4.30.0": ("/reset", "leaving"),
    "4.31.5": ("/cancel", "leaving"),
    "4.44.1": ("/cancel", "leaving"),
    "5.50.0": ("/cancel", "leaving"),
    "6.13.0": ("/cancel", "leaving"),
    "6.14.0": ("/cancel", "/cancel"),
    "6.31.0": ("/cancel", "/cancel"),
}
CANCELLED = {"msg": "process_completed", "output": {}, "success": True}


def connected(version: str, *, state: bool = False, **options: Any) -> Harness:
    return Harness(**options).connect(era(version, state=state))


def refusals(harness: Harness) -> list[str]:
    return [event.reason for event in harness.events() if isinstance(event, CancelRefused)]


def requests(harness: Harness) -> list[int]:
    return sorted({*harness.pending("/cancel"), *harness.pending("/reset")})


def started(harness: Harness, api_name: str = "/count", *args: object) -> Job:
    job = harness.submit(api_name, *(args or (3,)))
    harness.accept(job)
    harness.begin(job)
    return job


def silent_end(harness: Harness) -> None:
    """Nothing is left, and no loss was told, where nobody lost anything."""
    for number in harness.pending("/queue/data"):
        harness.close_stream(number)
    assert harness.idle()
    assert harness.due() is None
    assert not any(isinstance(event, StreamLost) for event in harness.history)


@pytest.mark.parametrize(("version", "route"), [(version, routes[0]) for version, routes in VERSIONS.items()])
def test_a_generator_that_runs_is_stopped_by_a_request(version: str, route: str) -> None:
    harness = connected(version)
    job = started(harness)
    harness.session.cancel(job)
    harness.session.cancel(job)
    [request] = requests(harness)
    assert harness.requests[request].url.endswith(route)
    # One body for both: each takes of it what it knows.
    body = {"session_hash": job.session_hash, "fn_index": 1, "event_id": "event-0"}
    assert json_body(harness.requests[request]) == body
    assert not job.ended
    harness.answer(request, body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)
    assert refusals(harness) == []
    silent_end(harness)


@pytest.mark.parametrize(
    ("version", "first"), [(version, first) for version in ("4.31.5", "6.31.0") for first in ("answer", "message")]
)
def test_a_cancelled_event_ends_with_nothing_whichever_comes_first(version: str, first: str) -> None:
    harness = connected(version)
    job = started(harness)
    stream = harness.carrier(job)
    harness.session.cancel(job)
    [request] = requests(harness)
    if first == "answer":
        harness.answer(request, body={"success": True})
    harness.sse(stream, {**CANCELLED, "event_id": "event-0"})
    if first == "message":
        assert isinstance(harness.end(job), JobCancelled)
        harness.answer(request, body={"success": True})
    # A second end, with data, as 6.31 sends one: nobody's.
    harness.sse(stream, {**CANCELLED, "event_id": "event-0", "output": {"data": ["2"]}})
    assert isinstance(harness.end(job), JobCancelled)
    silent_end(harness)
    assert not any(type(event).__name__ == "UnknownMessageReceived" for event in harness.history)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_function_that_runs_is_not_stopped_by_any(version: str) -> None:
    harness = connected(version)
    job = started(harness, "/echo", "x")
    harness.session.cancel(job)
    assert refusals(harness) == ["it has started, and only generators can be stopped while they run"]
    assert requests(harness) == []
    harness.conclude(job, "y")
    assert isinstance(harness.end(job), JobCompleted)


@pytest.mark.parametrize("when", ["joining", "opening", "waiting"])
@pytest.mark.parametrize(("version", "way"), [(version, ways[1]) for version, ways in VERSIONS.items()])
def test_a_job_leaves_the_queue_in_the_way_of_its_version(version: str, way: str | None, when: str) -> None:
    harness = connected(version)
    job = harness.submit("/echo", "x")
    if when != "joining":
        harness.joined(job)
    if when == "waiting":
        harness.open(harness.carrier(job))
    harness.session.cancel(job)
    if when == "joining":
        assert not job.ended
        harness.joined(job)
    if when != "waiting" and way == "leaving":
        # A server does not notice that a stream is left that it has not begun.
        assert not job.ended
        assert harness.aborted == []
        harness.open(harness.only("/queue/data"))
    if way is None:
        assert refusals(harness) == ["this version of Gradio lets nothing out of its queue"]
        assert not job.ended
        return
    if way != "leaving":
        harness.answer(harness.only(way), body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)
    for number in harness.pending("/queue/data"):
        if number not in harness.opened:
            harness.open(number)
    silent_end(harness)
    assert harness.submit("/echo", "x").session_hash != job.session_hash


@pytest.mark.parametrize("body", [{"success": False}])
@pytest.mark.parametrize(("version", "ways"), VERSIONS.items())
def test_where_there_was_nothing_to_stop_the_stream_is_left_if_that_helps(
    version: str, ways: tuple[str, str | None], body: Any
) -> None:
    harness = connected(version)
    job = started(harness)
    harness.session.cancel(job)
    harness.answer(requests(harness)[0], body=body)
    if ways[1] is None:
        assert "nothing to stop yet; this version of Gradio lets nothing out" in refusals(harness)[0]
        assert not job.ended
    else:
        assert isinstance(harness.end(job), JobCancelled)
        assert harness.idle()


@pytest.mark.parametrize(
    ("body", "nothing"),
    [
        (b'{"success": false}', True),
        (b'{"success": true}', False),
        (b'{"success": null}', False),
        (b"{}", False),
        (b"[]", False),
        (b"", False),
        (b"null", False),
        (b"<html>", False),
    ],
)
def test_an_answer_did_nothing_only_if_it_says_so(body: bytes, nothing: bool) -> None:
    assert did_nothing(body) is nothing


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"Internal Server Error"), (404, {"detail": "Not Found"}), (401, b""), (None, None)]
)
@pytest.mark.parametrize("version", ["4.12.0", "4.31.5", "6.31.0"])
def test_a_job_whose_cancellation_fails_goes_on_and_may_be_cancelled_again(
    version: str, status: int | None, body: Any
) -> None:
    harness = connected(version)
    job = started(harness)
    for _ in range(2):
        harness.session.cancel(job)
        [request] = requests(harness)
        if status is None:
            harness.fail(request)
        else:
            harness.answer(request, status, body)
    assert len(refusals(harness)) == 2
    harness.conclude(job, "2")
    assert job.outputs == ("2",)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_that_ran_too_long_is_stopped_and_nobody_waits_for_that(version: str) -> None:
    harness = connected(version, timeouts=Timeouts(run=9, stream_idle=None))
    job = started(harness)
    harness.tick()
    harness.tick(9)
    assert "ran for more than 9 s" in str(harness.error(job))
    [request] = requests(harness)
    harness.fail(request)
    assert len(harness.ends(job)) == 1
    assert refusals(harness) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_that_waited_too_long_leaves_the_queue_if_it_can(version: str) -> None:
    harness = connected(version, timeouts=Timeouts(queue_wait=9, stream_idle=None))
    job = harness.submit("/echo", "x")
    harness.accept(job)
    stream = harness.carrier(job)
    harness.tick()
    harness.tick(9)
    assert "did not start within 9 s" in str(harness.error(job))
    asked = requests(harness)
    assert bool(asked) is (VERSIONS[version][1] == "/cancel")
    harness.commands()
    assert (stream in harness.aborted) is not bool(asked)


@pytest.mark.parametrize("version", ["4.31.5", "6.31.0"])
def test_cancelling_a_job_with_state_spares_its_session(version: str) -> None:
    harness = connected(version, state=True)
    job = started(harness, "/chat", "x")
    harness.session.cancel(job)
    harness.answer(requests(harness)[0], body={"success": True})
    events: list[Event] = harness.events()
    assert JobCancelled(job=0) in events
    assert harness.submit("/incr").session_hash == job.session_hash
    assert job.state is JobState.CANCELLED


@pytest.mark.parametrize("version", ["4.12.0", "6.31.0"])
def test_two_jobs_with_state_of_one_function_are_not_stopped_for_each_other(version: str) -> None:
    harness = connected(version, state=True)
    first, second = started(harness, "/chat", "x"), harness.submit("/chat", "y")
    harness.session.cancel(first)
    assert refusals(harness) == ["another job of this endpoint shares its session, and the server would stop both"]
    assert not first.ended
    assert not second.ended


@pytest.mark.parametrize("version", ["3.16.2", "3.50.2", "4.12.0", "4.31.5"])
def test_an_endpoint_that_cancels_others_cancels_the_jobs_of_this_client(version: str) -> None:
    config = era(version, state=False)
    count = next(at for at, one in enumerate(config["dependencies"]) if one["api_name"] == "count")
    stop = {
        "id": len(config["dependencies"]),
        "api_name": "stop",
        "backend_fn": True,
        "inputs": [],
        "outputs": [],
        "queue": False,
        "cancels": [config["dependencies"][count].get("id", count)],
    }
    harness = Harness().connect({**config, "dependencies": [*config["dependencies"], stop]})
    meant, spared = started(harness), started(harness, "/echo", "x")
    harness.say(meant, "process_generating", success=True, output={"data": ["0"]})
    call = harness.submit("/stop")
    for request in requests(harness):
        harness.answer(request, body={"success": True})
    assert isinstance(harness.end(meant), JobCancelled)
    assert not spared.ended
    (run,) = [number for number in harness.pending() if "predict" in harness.requests[number].url]
    harness.answer(run, body={"data": []})
    assert isinstance(harness.end(call), JobCompleted)
