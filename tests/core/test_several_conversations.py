"""Several conversations in one session: what they share, and what none sees of another."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import (
    ArgumentError,
    ConnectionLostError,
    Conversation,
    DeadlineExceeded,
    EndpointsChanged,
    Job,
    JobState,
    LocalProtocolError,
    Session,
    SessionState,
    Timeouts,
)
from gradproto._conversations import MAX_HEARTBEATS
from tests.core.driving import ERAS, INFO, Harness, config_with, era, json_body
from tests.core.test_refresh import RENDERED, WITH_RENDERER

FLAGGED = config_with(connect_heartbeat=True)


def submit(harness: Harness, api_name: str, *args: object, conversation: Conversation | None = None) -> Job:
    """Begin a job in a conversation."""
    return harness.session.submit(harness.session.prepare(args, api_name=api_name, conversation=conversation))


def heartbeats(harness: Harness) -> list[str]:
    """The session hashes whose State is kept."""
    return [
        harness.requests[number].url.rpartition("/")[2]
        for number in harness.pending()
        if "/heartbeat/" in harness.requests[number].url
    ]


def render(harness: Harness, conversation: Conversation | None, document: Any = RENDERED) -> Job:
    """Let a gr.render function make functions."""
    job = submit(harness, "/apply", 1, conversation=conversation)
    harness.joined(job)
    harness.open(harness.stream_of(job))
    harness.say(job, "process_completed", success=True, output={"data": [None], "render_config": document})
    return job


def test_each_conversation_has_state_of_its_own() -> None:
    harness = Harness().connect()
    session = harness.session
    first, second = session.open_conversation(), session.open_conversation()
    hashes = [session.session_hash, first.session_hash, second.session_hash]
    assert len(set(hashes)) == 3
    jobs = [submit(harness, "/incr", conversation=one) for one in (None, first, second, first)]
    assert [job.session_hash for job in jobs] == [*hashes, first.session_hash]
    joins = [json_body(harness.requests[number])["session_hash"] for number in harness.pending("/queue/join")]
    assert joins == [*hashes, first.session_hash]
    assert [job.number for job in jobs] == [0, 1, 2, 3]
    assert repr(first) == f"<Conversation {first.session_hash!r}>"


@pytest.mark.parametrize("version", ERAS)
def test_conversations_keep_apart_in_every_generation(version: str) -> None:
    harness = Harness().connect(era(version))
    session = harness.session
    one = session.open_conversation()
    fn_index = next(index for index, endpoint in session.endpoints.items() if endpoint.has_state)
    args = [1] * len(session.endpoints[fn_index].parameters)
    own, other = (
        session.submit(session.prepare(args, fn_index=fn_index, conversation=conversation))
        for conversation in (None, one)
    )
    assert own.session_hash == harness.session.session_hash
    assert other.session_hash == one.session_hash != own.session_hash


def test_jobs_without_state_use_any_stream() -> None:
    harness = Harness().connect()
    conversation = harness.session.open_conversation()
    job = submit(harness, "/echo", "x", conversation=conversation)
    assert job.session_hash == harness.session.session_hash
    other = submit(harness, "/echo", "x", conversation=conversation)
    assert other.session_hash not in (job.session_hash, conversation.session_hash)


def test_a_conversation_that_is_closed_takes_its_jobs_with_it_and_no_others() -> None:
    harness = Harness().connect()
    session = harness.session
    conversation = session.open_conversation()
    mine = submit(harness, "/chat", "x", conversation=conversation)
    harness.joined(mine)
    harness.open(harness.stream_of(mine))
    plain = submit(harness, "/echo", "x", conversation=conversation)
    other = harness.running("/incr")
    session.close_conversation(conversation)
    assert isinstance(harness.error(mine), ConnectionLostError)
    assert "job 0 was under way when its conversation was closed" in str(harness.error(mine))
    assert isinstance(harness.error(plain), ConnectionLostError)
    assert other.state is JobState.RUNNING
    (cancel,) = harness.pending("/cancel")
    assert json_body(harness.requests[cancel])["session_hash"] == conversation.session_hash
    assert conversation.closed
    session.close_conversation(conversation)
    for refused in (
        lambda: session.prepare(["x"], api_name="/chat", conversation=conversation),
        lambda: session.submit(mine.call),
        lambda: session.reset_session(conversation),
    ):
        with pytest.raises(LocalProtocolError, match="is closed"):
            refused()
    with pytest.raises(LocalProtocolError, match="close the session"):
        session.close_conversation(session.conversation)


def test_a_conversation_begins_anew_by_itself() -> None:
    harness = Harness().connect()
    conversation = harness.session.open_conversation()
    own, before = harness.session.session_hash, conversation.session_hash
    job = submit(harness, "/chat", "x", conversation=conversation)
    harness.session.reset_session(conversation)
    assert harness.session.session_hash == own
    assert conversation.session_hash not in (own, before)
    assert submit(harness, "/incr", conversation=conversation).session_hash == conversation.session_hash
    harness.session.close_conversation(conversation)
    assert isinstance(harness.error(job), ConnectionLostError)


def test_conversations_begin_only_with_an_app() -> None:
    with pytest.raises(LocalProtocolError, match="can't open a conversation when the session is NEW"):
        Session("http://app.test", entropy=bytes).open_conversation()


def test_each_conversation_with_a_job_has_a_heartbeat() -> None:
    harness = Harness().connect(FLAGGED)
    one, two, unused = (harness.session.open_conversation() for _ in range(3))
    for conversation in (one, two, one):
        submit(harness, "/incr", conversation=conversation)
    assert heartbeats(harness) == [one.session_hash, two.session_hash]
    harness.session.close_conversation(one)
    harness.session.close_conversation(unused)
    assert heartbeats(harness) == [two.session_hash]
    harness.session.reset_session(two)
    assert heartbeats(harness) == [two.session_hash]
    harness.session.close()
    assert heartbeats(harness) == []


def test_heartbeats_leave_room_for_what_carries_jobs() -> None:
    harness = Harness().connect(FLAGGED)
    many = [harness.session.open_conversation() for _ in range(MAX_HEARTBEATS + 1)]
    for conversation in many:
        submit(harness, "/incr", conversation=conversation)
    assert heartbeats(harness) == [conversation.session_hash for conversation in many[:-1]]
    harness.session.close_conversation(many[0])
    late = harness.session.open_conversation()
    submit(harness, "/incr", conversation=late)
    assert late.session_hash in heartbeats(harness)


def test_what_was_rendered_can_be_called_in_its_conversation_only() -> None:
    harness = Harness().connect(WITH_RENDERER)
    session = harness.session
    conversation = session.open_conversation()
    maker = render(harness, conversation)
    changed = [event for event in harness.events() if isinstance(event, EndpointsChanged)]
    assert [event.session_hash for event in changed] == [conversation.session_hash]
    assert conversation.endpoints.has_name("/dyn0")
    assert conversation.config.dependencies[-1].rendered_in == 0
    assert not session.endpoints.has_name("/dyn0")
    assert session.config.dependencies[-1].rendered_in is None
    job = submit(harness, "/dyn0", "x", conversation=conversation)
    assert job.session_hash == maker.session_hash == conversation.session_hash


def test_what_is_rendered_for_a_conversation_that_began_anew_cannot_be_called() -> None:
    harness = Harness().connect(WITH_RENDERER)
    conversation = harness.session.open_conversation()
    job = submit(harness, "/apply", 1, conversation=conversation)
    harness.joined(job)
    harness.open(harness.stream_of(job))
    harness.session.reset_session(conversation)
    harness.say(job, "process_completed", success=True, output={"data": [None], "render_config": RENDERED})
    assert job.state is JobState.DONE
    assert not conversation.endpoints.has_name("/dyn0")


def test_an_app_that_is_another_has_nothing_that_was_rendered_in_any_conversation() -> None:
    harness = Harness().connect(WITH_RENDERER)
    conversation = harness.session.open_conversation()
    render(harness, conversation)
    lost = submit(harness, "/dyn0", "x", conversation=conversation)
    harness.joined(lost)
    harness.fail(harness.stream_of(lost))
    job = submit(harness, "/echo", "x")
    other_app = {**WITH_RENDERER, "dependencies": WITH_RENDERER["dependencies"][:-1]}
    harness.answer(harness.only("/config"), body=other_app)
    harness.answer(harness.only("/info"), body=INFO)
    assert job.state is JobState.JOINING
    assert not conversation.endpoints.has_name("/dyn0")


@pytest.mark.parametrize("version", ["3.50.2", "4.12.0"])
def test_an_endpoint_that_cancels_others_means_those_of_its_conversation(version: str) -> None:
    config = era(version)
    names = [one["api_name"] for one in config["dependencies"]]
    count = names.index("count")
    stop = {**config["dependencies"][0], "api_name": "stop", "inputs": [], "outputs": [], "cancels": [count]}
    harness = Harness().connect({**config, "dependencies": [*config["dependencies"], stop]})
    conversation = harness.session.open_conversation()
    mine = submit(harness, "/count", 3)
    other = submit(harness, "/count", 3, conversation=conversation)
    submit(harness, "/stop", conversation=conversation)
    assert not mine.cancel_requested
    assert not mine.ended
    assert other.cancel_requested or other.state is JobState.CANCELLED


def uploading(harness: Harness) -> Job:
    """A job with State whose file is on its way."""
    session = harness.session
    return session.submit(session.prepare([b"x"], api_name="/put"))


WITH_FILE_AND_STATE = config_with(
    dependencies=[
        *FLAGGED["dependencies"],
        {"id": 7, "api_name": "put", "backend_fn": True, "inputs": [5, 4], "outputs": [3, 4], "queue": True},
    ],
    connect_heartbeat=False,
)


def test_a_job_that_had_not_joined_when_its_session_was_reset_sees_the_old_state() -> None:
    harness = Harness().connect(WITH_FILE_AND_STATE)
    session = harness.session
    before = session.session_hash
    jobs = [uploading(harness), uploading(harness)]
    session.reset_session()
    late = submit(harness, "/incr")
    for upload in harness.pending("/upload"):
        harness.answer(upload, body=["/tmp/x"])
    assert [job.session_hash for job in jobs] == [before, before]
    assert late.session_hash == session.session_hash != before
    for job in reversed(jobs):
        harness.joined(job)
    stream = harness.stream_of(before)
    harness.open(stream)
    for job in jobs:
        harness.complete(job, 1, None)
        assert job.state is JobState.DONE
    harness.close_stream(stream)
    assert not session._streams._retired


def test_each_job_sees_the_state_of_the_time_when_it_began_however_often_its_session_was_reset() -> None:
    harness = Harness().connect(WITH_FILE_AND_STATE)
    jobs: list[Job] = []
    hashes: list[str] = []
    for _ in range(3):
        hashes.append(harness.session.session_hash)
        jobs += [uploading(harness), uploading(harness)]
        harness.session.reset_session()
    for upload in harness.pending("/upload"):
        harness.answer(upload, body=["/tmp/x"])
    assert [job.session_hash for job in jobs] == [one for one in hashes for _ in range(2)]


@pytest.mark.parametrize("version", ["3.50.2", "4.8.0"])
def test_so_it_is_where_each_job_has_a_channel_of_its_own(version: str) -> None:
    config = era(version)
    config["dependencies"].append({**config["dependencies"][2], "api_name": "put", "inputs": [5, 4]})
    harness = Harness().connect(config)
    before = harness.session.session_hash
    job = uploading(harness)
    harness.session.reset_session()
    harness.answer(harness.only("/upload"), body=["/tmp/x"])
    assert job.session_hash == before


def test_a_direct_call_that_was_uploading_at_a_reset_sees_the_old_state() -> None:
    dependencies = [dict(one, queue=False) for one in WITH_FILE_AND_STATE["dependencies"]]
    harness = Harness().connect({**WITH_FILE_AND_STATE, "dependencies": dependencies})
    before = harness.session.session_hash
    job = uploading(harness)
    harness.session.reset_session()
    harness.answer(harness.only("/upload"), body=["/tmp/x"])
    assert job.session_hash == before


@pytest.mark.parametrize("version", ["6.31.0", "6.13.0"])
def test_a_job_whose_join_was_on_its_way_when_its_conversation_was_closed_is_taken_out_of_the_queue(
    version: str,
) -> None:
    harness = Harness().connect(era(version))
    session = harness.session
    conversation = session.open_conversation()
    with_state = submit(harness, "/incr", conversation=conversation)
    plain = submit(harness, "/echo", "x", conversation=conversation)
    session.close_conversation(conversation)
    assert isinstance(harness.error(with_state), ConnectionLostError)
    other = submit(harness, "/echo", "y")
    assert other.session_hash != plain.session_hash, "a cancellation is on its way there"
    for job in (with_state, plain):
        harness.joined(job)
    cancelled = [json_body(harness.requests[number]) for number in harness.pending("/cancel")]
    # Before 6.14 nothing takes one event out of the queue.
    assert [(body["session_hash"], body["event_id"]) for body in cancelled] == (
        [(job.session_hash, f"event-{job.number}") for job in (with_state, plain)] if version == "6.31.0" else []
    )
    for number in harness.pending("/cancel"):
        harness.answer(number, body={"success": True})
    harness.joined(other)
    assert harness.stream_of(other)


@pytest.mark.parametrize("answer", [503, "cut", "no id"])
def test_a_join_that_fails_after_its_conversation_was_closed_concerns_nobody(answer: object) -> None:
    harness = Harness().connect()
    session = harness.session
    conversation = session.open_conversation()
    job = submit(harness, "/incr", conversation=conversation)
    join = harness.only("/queue/join")
    session.close_conversation(conversation)
    if answer == "cut":
        harness.fail(join)
    elif answer == "no id":
        harness.answer(join, body={})
    else:
        harness.answer(join, 503)
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()
    assert session.state is SessionState.READY


def test_the_names_of_arguments_are_strings() -> None:
    harness = Harness().connect()
    with pytest.raises(ArgumentError, match="the name of an argument is 1, and no string"):
        harness.session.prepare([], {1: 2}, api_name="/echo")  # type: ignore[dict-item]


def test_a_job_that_ran_too_long_is_not_stopped_on_the_server_where_that_would_stop_another() -> None:
    harness = Harness(timeouts=Timeouts(run=5)).connect()
    slow, sibling = harness.running("/incr"), harness.queued("/incr")
    harness.tick()
    harness.tick(6)
    assert isinstance(harness.error(slow), DeadlineExceeded)
    assert not harness.pending("/cancel")
    assert not sibling.ended
