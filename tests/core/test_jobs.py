"""Jobs on their own: calls with their files, and histories of outputs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto import Job, JobState, LocalProtocolError
from gradproto._diff import DiffError
from gradproto._jobs import OutputHistory
from gradproto._states import JOB_TABLE, JobInput
from tests.core.driving import Harness


def append(text: str) -> list[Any]:
    return [["append", [], text]]


def make_job(api_name: str = "/pair") -> Job:
    session = Harness().connect().session
    return Job(7, session.prepare(["3"], api_name=api_name), session.conversation)


def replayed(job: Job) -> list[tuple[object, ...]]:
    cursor = job.cursor()
    found: list[tuple[object, ...]] = []
    while (output := cursor.advance()) is not None:
        found.append(output)
    assert cursor.index == len(found) == len(job.history)
    return found


def test_outputs_are_replayed_as_they_came() -> None:
    job = make_job()
    job.history.add_whole(["a", "1"])
    job.history.add_edits([append("b"), []])
    job.history.add_edits([[], [["replace", [], "2"]]])
    assert job.history.current == ["ab", "2"]
    assert replayed(job) == [("a", "1"), ("ab", "1"), ("ab", "2")]
    assert replayed(job) == [("a", "1"), ("ab", "1"), ("ab", "2")]
    assert job.history.step(1) == (False, [append("b"), []])


def test_a_reader_goes_on_where_it_stopped() -> None:
    job = make_job("/count")
    cursor = job.cursor()
    assert cursor.advance() is None
    job.history.add_whole(["a"])
    assert cursor.advance() == ("a",)
    assert cursor.advance() is None
    job.history.add_edits([append("b")])
    job.history.add_whole(["c"])
    assert cursor.index == 1
    assert cursor.advance() == ("ab",)
    assert cursor.advance() == ("c",)
    assert cursor.advance() is None
    assert cursor.index == 3


def test_an_output_that_appears_in_mid_stream_is_edited_from_null() -> None:
    job = make_job()
    job.history.add_whole(["a"])
    job.history.add_edits([[], [["replace", [], "new"]]])
    assert job.history.current == ["a", "new"]
    assert replayed(job) == [("a", None), ("a", "new")]


@pytest.mark.parametrize("edits", [[append("x")], [], [append("x"), 5], [append("x"), [["pop", [], None]]]])
def test_edits_that_cannot_be_applied_add_nothing_and_are_not_built_upon(edits: list[Any]) -> None:
    job = make_job()
    history = job.history
    history.add_whole(["a", "b"])
    with pytest.raises(DiffError):
        history.add_edits(edits)
    assert (len(history), history.current, history.exact) == (1, ["a", "b"], False)
    with pytest.raises(DiffError, match="an earlier edit could not be applied"):
        history.add_edits([append("x"), append("x")])
    history.add_whole(["c", "d"])
    history.add_edits([append("x"), []])
    assert replayed(job) == [("a", "b"), ("c", "d"), ("cx", "d")]
    assert history.exact


def test_edits_for_fewer_outputs_than_there_are_say_so() -> None:
    history = OutputHistory()
    history.add_whole(["a", "b"])
    with pytest.raises(DiffError, match="there are edits for 1 of 2 outputs"):
        history.add_edits([[]])


@given(st.lists(st.one_of(st.lists(st.text(max_size=3), min_size=2, max_size=2), st.text(max_size=3)), max_size=12))
def test_what_was_read_never_changes(steps: list[list[str] | str]) -> None:
    job = make_job()
    cursor = job.cursor()
    taken: list[object] = []
    expected: list[tuple[Any, ...]] = []
    for step in steps:
        if isinstance(step, str) and expected:
            job.history.add_edits([[["add", ["k"], step]], append(step)])
            expected.append(({**expected[-1][0], "k": step}, expected[-1][1] + step))
        else:
            value: list[Any] = [{"k": "", "l": list(step)}, "t"]
            job.history.add_whole(copy.deepcopy(value))
            expected.append(tuple(value))
        seen = cursor.advance()
        taken.append(seen)
        assert seen == tuple(job.history.current)
    assert taken == expected
    assert replayed(job) == expected


def test_a_job_can_be_told_apart_and_says_whether_it_is_over() -> None:
    harness = Harness().connect()
    job = harness.running("/pair", "x")
    assert repr(job) == "<Job 0 of /pair RUNNING>"
    assert not job.ended
    harness.say(job, "process_generating", success=True, output={"data": ["a", "b"]})
    harness.complete(job, "c", "d")
    assert job.ended
    assert repr(job) == "<Job 0 of /pair DONE>"
    assert replayed(job) == [("a", "b"), ("c", "d")]
    assert job.outputs == ("c", "d")


def test_a_job_begins_with_nothing() -> None:
    job = make_job()
    assert (job.state, job.outputs, job.error, len(job.history)) == (JobState.NEW, (), None, 0)
    assert (job.event_id, job.session_hash, job.channel, job.exchange) == (None, "", None, None)
    assert (job.cancel_requested, job.cancelling, job.pending, job.started) == (False, False, False, False)


@pytest.mark.parametrize("state", JobState)
def test_a_job_is_over_in_its_terminal_states(state: JobState) -> None:
    harness = Harness().connect()
    job = Job(7, harness.session.prepare(["x"], api_name="/echo"), harness.session.conversation)
    job.state = state
    assert job.ended is (state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED))


def test_a_job_refuses_what_its_table_does_not_have_and_stays_where_it_is() -> None:
    harness = Harness().connect()
    for state, row in JOB_TABLE.items():
        for cause in set(JobInput) - set(row):
            job = Job(7, harness.session.prepare(["x"], api_name="/echo"), harness.session.conversation)
            job.state = state
            message = f"can't handle {cause.value} when job 7 is {state.value}"
            with pytest.raises(LocalProtocolError, match=message):
                job.advance(cause)
            assert job.state is state


def test_a_call_takes_one_size_for_each_of_its_files() -> None:
    harness = Harness().connect()
    call = harness.session.prepare([__file__], api_name="/upper")
    assert [file.size for file in call.files] == [None]
    sized = call.with_sizes([12])
    assert [file.size for file in sized.files] == [12]
    assert [file.size for file in call.files] == [None]
    with pytest.raises(ValueError, match="zip"):
        call.with_sizes([1, 2])


def test_a_call_shows_neither_headers_nor_what_was_encoded() -> None:
    call = Harness().connect().session.prepare(["s3cr3t"], api_name="/echo", headers={"x-key": "k3y"})
    assert "k3y" not in repr(call)
    assert call.encoded == b'["s3cr3t"]'
    assert "encoded" not in repr(call)
