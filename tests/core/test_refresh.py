"""What a session does when the app behind it may have changed: after a loss, and when gr.render makes functions."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import (
    ConnectError,
    EndpointNotFoundError,
    EndpointsChanged,
    GradprotoError,
    Job,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobState,
    ReadError,
    UnknownMessageReceived,
    UnsupportedServerError,
)
from tests.core.driving import CONFIG, INFO, STATELESS, Harness, config_with, json_body

RENDERED: dict[str, Any] = {
    "render_id": 0,
    "components": [{"id": 9, "type": "textbox", "props": {"label": "t0"}, "api_info": {"type": "string"}}],
    "dependencies": [
        {"id": 17, "api_name": "dyn0", "inputs": [9], "outputs": [9], "backend_fn": True, "rendered_in": 0},
        {"id": 18, "api_name": None, "inputs": [], "outputs": [], "backend_fn": False, "rendered_in": 0},
    ],
}
COLUMN = {"id": 6, "type": "column", "props": {}, "skip_api": True}
RENDERER = {"id": 7, "api_name": "apply", "backend_fn": True, "inputs": [3], "outputs": [6], "queue": True}
WITH_RENDERER = {
    **STATELESS,
    "components": [*CONFIG["components"], COLUMN],
    "dependencies": [*STATELESS["dependencies"], RENDERER],
}


def after_a_loss(config: Any = None) -> Harness:
    """A session that has lost a stream with a job on it."""
    harness = Harness().connect(config)
    job = harness.running("/echo", "x")
    harness.fail(harness.only("/queue/data"))
    assert isinstance(harness.end(job), JobFailed)
    harness.events()
    return harness


def submit(harness: Harness, api_name: str, *args: object) -> Job:
    """Submit a job, and leave it to wait for the app."""
    return harness.session.submit(harness.session.prepare(args, api_name=api_name))


def changes(harness: Harness) -> int:
    return sum(isinstance(event, EndpointsChanged) for event in harness.events())


def failure(harness: Harness, job: Job) -> GradprotoError:
    end = harness.end(job)
    assert isinstance(end, JobFailed)
    return end.error


def test_after_a_loss_one_look_at_the_app_is_enough_for_all_jobs_that_wait() -> None:
    harness = after_a_loss()
    jobs = [submit(harness, "/echo", "a"), submit(harness, "/count", 2)]
    assert [job.state for job in jobs] == [JobState.NEW, JobState.NEW]
    harness.answer(harness.only("/config"), body=CONFIG)
    assert [job.state for job in jobs] == [JobState.JOINING, JobState.JOINING]
    assert len(harness.pending("/queue/join")) == 2
    assert changes(harness) == 0
    # Nothing broke since: no more looks.
    assert harness.session.submit(harness.session.prepare(["x"], api_name="/echo")).state is JobState.JOINING


def test_a_server_that_was_started_anew_with_the_same_app_is_the_same_app() -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    harness.answer(harness.only("/config"), body=config_with(app_id=5))
    assert job.state is JobState.JOINING
    assert changes(harness) == 0
    assert harness.session.config.app_id == 5


def moved(name: str, fn_index: int, **changed: Any) -> dict[str, Any]:
    """The config in which an endpoint has another number, and perhaps other inputs; one more stands before it."""
    others = [one for one in CONFIG["dependencies"] if one["api_name"] != name]
    (found,) = [one for one in CONFIG["dependencies"] if one["api_name"] == name]
    return config_with(app_id=6, dependencies=[*others, {**found, "id": fn_index, **changed}])


def test_an_endpoint_that_has_another_number_since_the_app_was_started_anew_is_called_by_it() -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    harness.answer(harness.only("/config"), body=moved("echo", 40))
    harness.answer(harness.only("/info"), body=INFO)
    assert changes(harness) == 1
    request = json_body(harness.requests[harness.only("/queue/join")])
    assert (request["fn_index"], request["data"]) == (40, ["a"])
    assert job.endpoint is harness.session.endpoints[40]


@pytest.mark.parametrize("changed", [{"inputs": [3]}, {"inputs": [1, 2]}, {"outputs": [3]}, {"queue": False}])
def test_a_job_does_not_run_a_function_that_only_has_the_name_of_its_own(changed: dict[str, Any]) -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    harness.answer(harness.only("/config"), body=moved("echo", 40, **changed))
    harness.answer(harness.only("/info"), body=INFO)
    error = failure(harness, job)
    assert isinstance(error, EndpointNotFoundError)
    assert "the app was started anew, and /echo is another function now" in str(error)
    assert harness.pending("/queue/join") == []


def test_a_job_whose_endpoint_is_gone_fails_and_names_it() -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    left = [one for one in CONFIG["dependencies"] if one["api_name"] != "echo"]
    harness.answer(harness.only("/config"), body=config_with(dependencies=left))
    harness.answer(harness.only("/info"), body=INFO)
    assert "/echo" in str(failure(harness, job))
    assert not harness.session.endpoints.has_name("/echo")


@pytest.mark.parametrize("info", [(500, b"no"), (200, b"no JSON")])
def test_a_new_app_whose_description_cannot_be_had_is_described_from_its_config(info: tuple[int, bytes]) -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    harness.answer(harness.only("/config"), body=moved("echo", 40))
    harness.answer(harness.only("/info"), info[0], body=info[1])
    # Made from the config, a parameter has the label of its component for a name.
    assert isinstance(failure(harness, job), EndpointNotFoundError)
    assert [one.name for one in harness.session.endpoints[40].parameters] == ["textbox_1"]


def test_an_app_that_became_one_of_another_generation_is_spoken_to_as_such() -> None:
    harness = after_a_loss()
    job = submit(harness, "/count", 2)
    old = config_with(version="3.16.2", protocol="", api_prefix="")
    harness.answer(harness.only("/config"), body=old)
    # No /info in that version; and the parameter is called otherwise.
    assert isinstance(failure(harness, job), EndpointNotFoundError)
    assert harness.session.endpoints.payload == "inline"
    assert harness.idle()


@pytest.mark.parametrize(("status", "body"), [(502, b"<html>Bad Gateway</html>"), (200, b"<html>building</html>")])
def test_jobs_are_not_sent_to_what_is_no_app(status: int, body: bytes) -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    harness.answer(harness.only("/config"), status, body=body)
    assert isinstance(failure(harness, job), GradprotoError)
    # The next one looks again.
    again = submit(harness, "/echo", "b")
    assert again.state is JobState.NEW
    harness.answer(harness.only("/config"), body=CONFIG)
    assert again.state is JobState.JOINING


def test_jobs_fail_with_what_keeps_the_session_from_looking_at_the_app() -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    harness.fail(harness.only("/config"), ConnectError("connecting to app.test: refused"))
    assert isinstance(failure(harness, job), ConnectError)
    job = submit(harness, "/echo", "a")
    harness.answer(harness.only("/config"), body=moved("echo", 40))
    harness.fail(harness.only("/info"), ReadError("reset"))
    assert isinstance(failure(harness, job), ReadError)
    # Half an answer changes nothing: the next look does not take the other app for the one that was known.
    again = submit(harness, "/echo", "a")
    harness.answer(harness.only("/config"), body=moved("echo", 40))
    harness.answer(harness.only("/info"), body=INFO)
    assert json_body(harness.requests[harness.only("/queue/join")])["fn_index"] == 40
    assert again.endpoint.fn_index == 40


def test_an_app_that_speaks_what_nobody_knows_since_is_refused() -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    harness.answer(harness.only("/config"), body=config_with(protocol="sse_v9", app_id=1))
    assert isinstance(failure(harness, job), UnsupportedServerError)
    assert harness.session.config.protocol == "sse_v3"


def test_a_job_that_waits_for_the_app_can_be_cancelled_and_is_not_sent() -> None:
    harness = after_a_loss()
    job, other = submit(harness, "/echo", "a"), submit(harness, "/echo", "b")
    harness.session.cancel(job)
    assert isinstance(harness.end(job), JobCancelled)
    harness.answer(harness.only("/config"), body=CONFIG)
    assert [json_body(harness.requests[number])["data"] for number in harness.pending("/queue/join")] == [["b"]]
    assert other.state is JobState.JOINING


def test_a_session_can_be_closed_while_a_job_waits_for_the_app() -> None:
    harness = after_a_loss()
    job = submit(harness, "/echo", "a")
    harness.session.close()
    assert isinstance(harness.end(job), JobFailed)
    assert harness.idle()


@pytest.mark.parametrize(("status", "looks"), [(500, True), (404, True), (503, False), (422, False)])
def test_an_answer_that_may_mean_an_unknown_function_makes_the_session_look(status: int, looks: bool) -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), status, body={"detail": "no"})
    assert isinstance(harness.end(job), JobFailed)
    assert (submit(harness, "/echo", "y").state is JobState.NEW) is looks


def test_a_heartbeat_that_broke_makes_the_session_look() -> None:
    harness = Harness().connect(config_with(connect_heartbeat=True))
    job = harness.running("/echo", "x")
    harness.complete(job, "x")
    (beat,) = [number for number in harness.live if "/heartbeat/" in harness.requests[number].url]
    harness.fail(beat)
    assert submit(harness, "/echo", "y").state is JobState.NEW


# --- gr.render --------------------------------------------------------------------------------------------------------


def rendered(harness: Harness, document: Any = RENDERED) -> Job:
    """Let the render function make something."""
    job = harness.running("/apply", 1)
    harness.sse(
        harness.only("/queue/data"),
        {
            "msg": "process_completed",
            "event_id": job.event_id,
            "success": True,
            "output": {"data": [None], "render_config": document},
        },
    )
    assert isinstance(harness.end(job), JobCompleted)
    return job


def test_what_was_rendered_is_called_in_the_session_that_it_was_made_for() -> None:
    harness = Harness().connect(WITH_RENDERER)
    maker = rendered(harness)
    assert changes(harness) == 1
    assert [one.label for one in harness.session.endpoints.values()][-2:] == ["/apply", "/dyn0"]
    job = harness.submit("/dyn0", "x")
    other = harness.submit("/dyn0", "y")
    assert job.session_hash == other.session_hash == maker.session_hash == harness.session.session_hash
    assert [json_body(harness.requests[number])["fn_index"] for number in harness.pending("/queue/join")] == [17, 17]


def test_what_is_rendered_again_replaces_what_was_there() -> None:
    harness = Harness().connect(WITH_RENDERER)
    rendered(harness)
    again = {**RENDERED, "dependencies": [{**RENDERED["dependencies"][0], "id": 27, "api_name": "dyn1"}]}
    rendered(harness, again)
    assert [one.label for one in harness.session.endpoints.values()][-2:] == ["/apply", "/dyn1"]


@pytest.mark.parametrize("how", ["reset", "expired", "restarted"])
def test_what_was_rendered_goes_with_its_session(how: str) -> None:
    harness = Harness().connect(WITH_RENDERER)
    rendered(harness)
    assert changes(harness) == 1
    if how == "reset":
        harness.session.reset_session()
    elif how == "expired":
        job = harness.queued("/dyn0", "x")
        harness.sse(
            harness.only("/queue/data"),
            {"msg": "unexpected_error", "event_id": None, "message": "404: Not Found", "session_not_found": True},
        )
        assert isinstance(harness.end(job), JobFailed)
    else:
        job = harness.queued("/dyn0", "x")
        harness.fail(harness.only("/queue/data"))
        assert isinstance(harness.end(job), JobFailed)
        job = submit(harness, "/echo", "x")
        harness.answer(harness.only("/config"), body={**WITH_RENDERER, "app_id": 3})
        assert job.state is JobState.JOINING
    assert changes(harness) == 1
    assert not harness.session.endpoints.has_name("/dyn0")


@pytest.mark.parametrize("document", [None, 5, "x", [], {"render_id": 0}])
def test_a_render_config_without_functions_changes_nothing_that_can_be_called(document: Any) -> None:
    harness = Harness().connect(WITH_RENDERER)
    before = list(harness.session.endpoints)
    rendered(harness, document)
    assert list(harness.session.endpoints) == before


def test_a_render_config_that_cannot_be_read_is_skipped() -> None:
    harness = Harness().connect(WITH_RENDERER)
    rendered(harness, {"render_id": 0, "components": [{"type": "textbox"}]})
    (skipped,) = [event for event in harness.history if isinstance(event, UnknownMessageReceived)]
    assert "$.render_config.components[0].id is missing" in skipped.reason
    assert not harness.session.endpoints.has_name("/dyn0")
