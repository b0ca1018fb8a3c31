"""What holds for the jobs of every generation, whatever carries their messages."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import (
    AuthenticationError,
    CancelRefused,
    ConnectionLostError,
    DeadlineExceeded,
    Job,
    JobCancelled,
    JobCompleted,
    JobState,
    LocalProtocolError,
    ReadError,
    SessionExpiredError,
    SessionState,
    Timeouts,
    TransportError,
)
from gradproto._channels import Channel, OwnChannel, job_error
from gradproto._polling import PollingChannel
from tests.core.driving import ERAS, Harness, era, sse_bytes, state_of

# Each generation, and the simple API, which is there beside the queue since 4.20.
WAYS = [*[(version, "queue") for version in ERAS], ("4.20.0", "call"), ("6.31.0", "call")]
STEPS = ("submitted", "accepted", "asked", "begun", "generating")


def connected(version: str, route: Any = "queue", *, state: bool = False, **options: Any) -> Harness:
    return Harness(route=route, **options).connect(era(version, state=state))


def count(harness: Harness) -> Job:
    """A job of the endpoint that counts; Gradio 2 has only that one."""
    endpoints = harness.session.endpoints
    return harness.submit("/count" if endpoints.has_name("/count") else "/predict", 3)


def is_polled(version: str) -> bool:
    return version in ("2.9.4", "3.0.24")


def generate(harness: Harness, job: Job) -> None:
    if isinstance(job.channel, PollingChannel):
        return
    if type(job.channel).__name__ == "CallChannel":
        harness.call_event(job, "generating", ["0"])
    else:
        harness.say(job, "process_generating", success=True, output={"data": ["0"], "is_generating": True})


def lead(harness: Harness, job: Job, step: str) -> None:
    """Bring a job that was submitted as far as that."""
    number = STEPS.index(step)
    if number >= 1:
        harness.accept(job)
    if number == 2:
        harness.ask_for_data(job)
    if number >= 3:
        harness.begin(job)
    if number >= 4:
        generate(harness, job)


def let_servers_end(harness: Harness) -> None:
    """What is under way is ended as a server ends it."""
    for number in harness.pending():
        if number in harness.texts:
            harness.ws_close(number)
        elif number in harness.opened:
            harness.close_stream(number)


@pytest.mark.parametrize(("version", "route"), WAYS)
def test_a_job_of_every_generation_leaves_nothing_behind(version: str, route: str) -> None:
    harness = connected(version, route)
    job = count(harness)
    assert harness.session.base_url == "http://app.test"
    lead(harness, job, "generating")
    harness.conclude(job, "2")
    let_servers_end(harness)
    assert job.outputs == ("2",)
    assert isinstance(harness.end(job), JobCompleted)
    assert (job.channel, job.exchange) == (None, None)
    assert harness.idle()
    assert harness.due() is None
    assert harness.aborted == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("version", "route"), WAYS)
def test_what_is_cut_at_any_step_fails_its_job_once_and_no_other(version: str, route: str, step: str) -> None:
    harness = connected(version, route)
    job, other = count(harness), count(harness)
    lead(harness, job, step)
    lead(harness, other, "begun")
    if step == "submitted":
        harness.fail(harness.pending()[0])
    elif is_polled(version):
        harness.fail(harness.ask_status(job))
    else:
        harness.fail(harness.carrier(job))
    error = harness.error(job)
    if step == "submitted" and version in ("4.12.0", "4.20.0", "4.21.0", "6.31.0") and route == "queue":
        assert isinstance(error, TransportError)
        assert "the join of job 0" in str(error)
    else:
        assert isinstance(error, ConnectionLostError)
        assert str(error).startswith("job 0 of ")
        assert isinstance(error.__cause__, ReadError)
    assert not other.ended
    harness.conclude(other, "2")
    let_servers_end(harness)
    assert other.outputs == ("2",)
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("version", "route"), WAYS)
def test_closing_at_any_step_fails_the_job_once_and_stops_everything(version: str, route: str, step: str) -> None:
    harness = connected(version, route, timeouts=Timeouts(run=50, queue_wait=50))
    job = count(harness)
    lead(harness, job, step)
    harness.session.close()
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.session.state is SessionState.CLOSED
    assert harness.idle()
    assert harness.due() is None
    harness.tick(100)
    assert len(harness.ends(job)) == 1
    with pytest.raises(LocalProtocolError):
        count(harness)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("version", "route"), WAYS)
def test_a_cancellation_at_any_step_ends_the_job_or_says_why_not(version: str, route: str, step: str) -> None:
    harness = connected(version, route)
    job = count(harness)
    lead(harness, job, step)
    harness.session.cancel(job)
    if step == "submitted" and not job.ended:
        # Where a request joins, its answer comes first.
        harness.accept(job)
    for request in harness.pending("/cancel") + harness.pending("/reset"):
        harness.answer(request, body={"success": True})
    harness.events()
    refusals = [event for event in harness.history if isinstance(event, CancelRefused)]
    assert bool(refusals) is not job.ended
    if refusals:
        dialect = harness.session._core.dialect
        assert dialect is not None
        assert is_polled(version) or step in ("begun", "generating") or not dialect.notices_leaving
        assert len(refusals[0].reason) > 20
        harness.conclude(job, "2")
        assert job.outputs == ("2",)
    else:
        assert isinstance(harness.end(job), JobCancelled)
        assert harness.submit(job.endpoint.api_name or "", 3).session_hash != job.session_hash
        harness.session.close()
    let_servers_end(harness)
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize(("version", "route"), WAYS)
def test_a_cancellation_of_a_job_that_is_over_says_so(version: str, route: str) -> None:
    harness = connected(version, route)
    job = count(harness)
    lead(harness, job, "begun")
    harness.conclude(job, "2")
    harness.session.cancel(job)
    harness.session.cancel(job)
    reasons = [event.reason for event in harness.events() if isinstance(event, CancelRefused)]
    assert reasons == ["it is over: DONE"] * 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize(("version", "route"), WAYS)
def test_jobs_at_the_same_time_have_a_session_hash_each_and_end_in_any_order(
    version: str, route: str, order: tuple[int, ...]
) -> None:
    harness = connected(version, route)
    jobs = [count(harness) for _ in range(3)]
    assert len({job.session_hash for job in jobs}) == 3
    for job in jobs:
        lead(harness, job, "begun")
    for number in order:
        harness.conclude(jobs[number], str(number))
    let_servers_end(harness)
    assert [job.outputs for job in jobs] == [("0",), ("1",), ("2",)]
    assert harness.idle()


@pytest.mark.parametrize("version", [version for version in ERAS if version != "2.9.4"])
def test_jobs_with_state_share_the_conversations_session_hash(version: str) -> None:
    harness = connected(version, state=True)
    jobs = [harness.submit("/chat", "x"), harness.submit("/incr"), harness.submit("/chat", "y")]
    assert {job.session_hash for job in jobs} == {harness.session.session_hash}
    assert harness.submit("/count", 3).session_hash != harness.session.session_hash or version == "6.31.0"


@pytest.mark.parametrize(("version", "route"), WAYS)
def test_a_job_that_ended_well_leaves_its_session_hash_to_the_next(version: str, route: str) -> None:
    harness = connected(version, route)
    hashes: list[str] = []
    for _ in range(3):
        job = count(harness)
        hashes.append(job.session_hash)
        lead(harness, job, "begun")
        harness.conclude(job, "2")
        let_servers_end(harness)
    assert len(set(hashes)) == 1


@pytest.mark.parametrize("version", [version for version in ERAS if not version.startswith("2")])
def test_a_session_hash_that_kept_state_is_nobodys_when_its_conversation_is_over(version: str) -> None:
    harness = connected(version, state=True)
    jobs = [harness.submit("/chat", "x"), harness.submit("/incr")]
    old = harness.session.session_hash
    harness.session.reset_session()
    for job in jobs:
        lead(harness, job, "begun")
    for job in jobs:
        harness.conclude(job, 1, None)
    let_servers_end(harness)
    later = [count(harness) for _ in range(4)]
    assert old not in {job.session_hash for job in later}
    assert len({job.session_hash for job in later}) == 4


@pytest.mark.parametrize("step", ["accepted", "begun"])
@pytest.mark.parametrize(("version", "route"), WAYS)
def test_the_limits_of_waiting_and_running_hold_for_every_generation(version: str, route: str, step: str) -> None:
    harness = connected(version, route, timeouts=Timeouts(queue_wait=7, run=9, stream_idle=None, request=None))
    job = count(harness)
    lead(harness, job, step)
    if step == "begun" and route == "call":
        generate(harness, job)
    harness.tick()
    harness.tick(7)
    if step == "begun":
        assert not job.ended
        harness.tick(2)
    error = harness.error(job)
    assert isinstance(error, DeadlineExceeded)
    assert ("ran for more than 9 s" if step == "begun" else "did not start within 7 s") in str(error)
    for request in harness.pending("/cancel") + harness.pending("/reset"):
        harness.answer(request, body={"success": True})
    let_servers_end(harness)
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize(("version", "route"), WAYS)
def test_a_request_that_hangs_is_given_up_in_every_generation(version: str, route: str) -> None:
    harness = connected(version, route, timeouts=Timeouts(request=5, stream_idle=6))
    job = count(harness)
    harness.tick()
    harness.tick(6)
    assert isinstance(harness.error(job), (DeadlineExceeded, ConnectionLostError))
    assert harness.idle()
    assert harness.due() is None


@pytest.mark.parametrize(("version", "route"), WAYS)
def test_late_facts_change_nothing_in_any_generation(version: str, route: str) -> None:
    harness = connected(version, route)
    job = count(harness)
    lead(harness, job, "begun")
    harness.conclude(job, "2")
    let_servers_end(harness)
    told = len(harness.history) + len(harness.events())
    assert told
    before = list(harness.history)
    session = harness.session
    for number in harness.requests:
        session.response_started(number, 200, ())
        session.response_data(number, sse_bytes({"msg": "process_completed", "output": {"data": ["z"]}}))
        session.body_sent(number, 1)
        session.response_ended(number)
        session.websocket_opened(number)
        session.websocket_text(number, "{")
        session.websocket_closed(number, 1006, "")
        session.exchange_failed(number, ReadError("late"))
    assert harness.commands() == []
    assert harness.events() == []
    assert harness.history == before
    assert job.outputs == ("2",)


@pytest.mark.parametrize(("version", "route"), WAYS)
def test_a_login_that_is_no_longer_good_is_renewed_once_in_every_generation(version: str, route: str) -> None:
    harness = connected(version, route, auth=("bob", "x"))
    job = count(harness)
    refused = 403 if version.startswith("3.") and not is_polled(version) else 401
    for last in (False, True):
        harness.answer(harness.pending()[-1], refused, {"detail": "Not authenticated"})
        if not last:
            harness.answer(harness.only("/login"), 200, {"success": True})
    assert isinstance(harness.error(job), AuthenticationError)
    assert harness.idle()


@pytest.mark.parametrize(("version", "route"), WAYS)
def test_a_conversation_after_a_loss_begins_with_a_look_at_the_app(version: str, route: str) -> None:
    harness = connected(version, route)
    job = count(harness)
    lead(harness, job, "accepted")
    harness.fail(harness.ask_status(job) if is_polled(version) else harness.carrier(job))
    assert job.ended
    call = harness.session.prepare((3,), api_name=job.endpoint.api_name)
    again = harness.session.submit(call)
    assert state_of(again) is JobState.NEW
    harness.answer(harness.only("/config"), body=harness.config)
    lead(harness, again, "begun")
    harness.conclude(again, "2")
    assert again.outputs == ("2",)


def test_what_carries_messages_says_how_it_is_done() -> None:
    harness = connected("3.50.2")
    job = count(harness)
    channel = Channel()
    for ask in (channel.obstacle, channel.cancel, channel.forget):
        with pytest.raises(NotImplementedError):
            ask(job)
    channel.announce_close()
    assert isinstance(job.channel, OwnChannel)
    with pytest.raises(NotImplementedError):
        OwnChannel.begin(job.channel, b"[]", ())


def test_the_end_of_a_stream_is_announced_in_vain_where_it_is_of_one_job() -> None:
    harness = connected("4.8.0")
    job = count(harness)
    lead(harness, job, "begun")
    harness.say(job, "close_stream")
    harness.conclude(job, "2")
    assert job.outputs == ("2",)


def test_the_loss_of_a_session_is_told_apart_from_that_of_a_connection() -> None:
    harness = connected("6.31.0")
    job = count(harness)
    error = ReadError("gone")
    assert isinstance(job_error(job, error), ConnectionLostError)
    assert isinstance(job_error(job, error, expired=True), SessionExpiredError)
    other = DeadlineExceeded("late")
    assert job_error(job, other) is other
