"""Whole conversations that real servers had (Gradio 4.44, 5.50 and 6.31), led again with a session of ours.

The configs and descriptions are cut down to the endpoints that are called. Answers come in the pieces in which they
came then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradproto._streams as streams
from gradproto import (
    AppError,
    ConnectionLostError,
    DownloadCompleted,
    DownloadDataReceived,
    Event,
    FileData,
    Job,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobProgressed,
    OutputGenerated,
    ProgressUnit,
    QueueFullError,
    SessionExpired,
    SessionExpiredError,
    StreamLost,
    ValidationError,
    handle_file,
)
from tests.chunkings import chunkings, random_chunks
from tests.core.driving import Harness, json_body

DATA = Path(__file__).parents[1] / "data" / "recordings" / "sessions"


class Replay:
    """A session that is connected to a recorded app, and what its server answered, in order."""

    def __init__(self, version: str, name: str) -> None:
        app = json.loads((DATA / f"{version}.json").read_text(encoding="utf-8"))
        self.harness = Harness("http://127.0.0.1:7860").connect(app["config"], app["info"])
        self.answers: list[dict[str, Any]] = json.loads((DATA / f"{version}-{name}.json").read_text(encoding="utf-8"))

    def take(self, exchange: int) -> dict[str, Any]:
        """The first answer left to such a request."""
        request = self.harness.requests[exchange]
        path = request.url.removeprefix("http://127.0.0.1:7860").partition("?")[0]
        for answer in self.answers:
            recorded = answer["path"]
            if answer["method"] == request.method and (
                recorded == path or ("/heartbeat/" in path and "/heartbeat/" in recorded)
            ):
                self.answers.remove(answer)
                return answer
        raise AssertionError(f"nothing was recorded for {request!r}")

    def begin(self, route: str) -> tuple[int, list[bytes], Callable[[], None]]:
        """Let the head of the recorded answer come; return the exchange, the pieces, and what ends it."""
        exchange = self.harness.pending(route)[0]
        answer = self.take(exchange)
        self.harness.start(exchange, answer["status"], [(name, value) for name, value in answer["headers"]])
        end = self.harness.finish if answer["end"] == "end" else self.harness.fail
        return exchange, [chunk.encode() for chunk in answer["chunks"]], lambda: end(exchange)

    def answer(self, route: str) -> None:
        """Let the whole recorded answer come."""
        exchange, chunks, end = self.begin(route)
        self.harness.data(exchange, *chunks)
        end()

    def outputs(self, job: Job) -> list[tuple[object, ...]]:
        """Every output that was told of the job."""
        self.harness.events()
        told = [event for event in self.harness.history if isinstance(event, (OutputGenerated, JobCompleted))]
        return [event.outputs for event in told if event.job == job.number]

    def finished(self) -> None:
        """Nothing is left, on either side, but the heartbeat."""
        assert self.answers == []
        assert self.left() == []

    def left(self) -> list[int]:
        """The exchanges under way, but for the heartbeat."""
        return [one for one in self.harness.pending() if "/heartbeat/" not in self.harness.requests[one].url]


def test_a_generator_of_several_outputs_by_edits() -> None:
    replay = Replay("4.44.1", "multi_gen")
    job = replay.harness.submit("/multi_gen", 4)
    replay.answer("/queue/join")
    replay.answer("/queue/data")
    texts = ["tok0 ", "tok0 tok1 ", "tok0 tok1 tok2 ", "tok0 tok1 tok2 tok3 "]
    nothing: list[list[None]] = [[], [None], [None, None], [None, None, None]]
    expected = [(text, number, nothing[number]) for number, text in enumerate(texts)]
    assert replay.outputs(job) == [*expected, expected[-1]]
    assert len(job.history) == 4
    replay.finished()


def test_a_generator_that_fails_after_two_outputs() -> None:
    replay = Replay("4.44.1", "gen_fail")
    job = replay.harness.submit("/gen_fail", 2)
    replay.answer("/queue/join")
    replay.answer("/queue/data")
    assert replay.outputs(job) == [("0",), ("1",)]
    error = replay.harness.error(job)
    assert isinstance(error, AppError)
    assert (error.message, error.duration, error.visible) == ("generator failed after 2", 10, True)
    replay.finished()


def test_a_function_that_reports_progress() -> None:
    replay = Replay("4.44.1", "progress")
    job = replay.harness.submit("/progress", 4)
    replay.answer("/queue/join")
    replay.answer("/queue/data")
    units = [event.units for event in replay.harness.events() if isinstance(event, JobProgressed)]
    assert units == [(ProgressUnit(index=index, length=4, unit="steps", desc="working"),) for index in range(4)]
    assert job.outputs == ("done 4",)
    replay.finished()


def test_a_file_there_and_back() -> None:
    replay = Replay("5.50.0", "file")
    harness = replay.harness
    job = harness.submit("/file", handle_file(b"hello file", name="hello.txt"))
    replay.answer("/upload")
    replay.answer("/queue/join")
    sent = [json_body(request) for request in harness.requests.values() if request.url.endswith("/queue/join")]
    assert sent[0]["data"][0]["path"].endswith("/hello.txt")
    assert sent[0]["data"][0]["meta"] == {"_type": "gradio.FileData"}
    replay.answer("/queue/data")
    (file,) = job.outputs
    assert isinstance(file, FileData)
    assert (file.orig_name, file.size) == ("out.txt", 10)
    harness.session.download(file)
    replay.answer("/out.txt")
    events = harness.events()
    assert [event.data for event in events if isinstance(event, DownloadDataReceived)] == [b"HELLO FILE"]
    assert isinstance(events[-1], DownloadCompleted)
    replay.finished()


def test_three_jobs_on_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 1)
    replay = Replay("5.50.0", "mixed_multi")
    harness = replay.harness
    count = harness.submit("/count", 6)
    echo = harness.submit("/echo", "x")
    replay.answer("/queue/join")
    replay.answer("/queue/join")
    stream, chunks, end = replay.begin("/queue/data")
    late: Job | None = None
    for chunk in chunks:
        if b'"queue_size":1,"rank_eta":1.0023' in chunk:
            late = harness.submit("/slow", "late")
            # The message that is to come overtakes the answer of its join.
            harness.data(stream, chunk)
            replay.answer("/queue/join")
        else:
            harness.data(stream, chunk)
    assert late is not None
    assert echo.session_hash == count.session_hash == late.session_hash
    assert (echo.outputs, count.outputs, late.outputs) == (("x",), ("5",), ("slow late",))
    assert replay.outputs(count) == [("0",), ("1",), ("2",), ("3",), ("4",), ("5",), ("5",)]
    end()
    replay.finished()


def test_a_job_that_is_cancelled_while_it_waits_is_left() -> None:
    replay = Replay("5.50.0", "cancel_plain")
    harness = replay.harness
    job = harness.submit("/slow", "x")
    replay.answer("/queue/join")
    stream, chunks, _ = replay.begin("/queue/data")
    harness.data(stream, chunks[0])
    harness.session.cancel(job)
    assert isinstance(harness.end(job), JobCancelled)
    # /cancel of this version says that it did, and does not.
    assert harness.pending("/cancel") == []
    harness.commands()
    assert stream in harness.aborted
    assert replay.left() == []


def test_a_generator_that_is_cancelled_while_it_waits_but_had_begun_is_told_so() -> None:
    replay = Replay("5.50.0", "cancel_plain")
    harness = replay.harness
    job = harness.submit("/slow", "x")
    replay.answer("/queue/join")
    stream, chunks, end = replay.begin("/queue/data")
    harness.data(stream, *chunks)
    end()
    # What was recorded: the completion without data, by which the server ends a cancelled event.
    assert isinstance(harness.end(job), JobCancelled)


def test_a_result_from_the_cache_is_all_that_comes() -> None:
    replay = Replay("6.31.0", "cached")
    used: list[str | None] = []
    for _ in range(2):
        job = replay.harness.submit("/cached", "c")
        replay.answer("/queue/join")
        replay.answer("/queue/data")
        completed = replay.harness.end(job)
        assert isinstance(completed, JobCompleted)
        assert completed.outputs == ("cached c",)
        used.append(completed.used_cache)
    kinds = [type(event).__name__ for event in replay.harness.history[-2:]]
    assert kinds == ["JobQueued", "JobCompleted"]
    replay.finished()


def test_an_argument_that_the_apps_validator_refuses() -> None:
    replay = Replay("6.31.0", "validated")
    refused = replay.harness.submit("/validated", "bad")
    replay.answer("/queue/join")
    error = replay.harness.error(refused)
    assert isinstance(error, ValidationError)
    assert str(error) == "1 parameter(s) failed validation:\n- text: text must not be 'bad'"
    job = replay.harness.submit("/validated", "good")
    replay.answer("/queue/join")
    replay.answer("/queue/data")
    assert job.outputs == ("good",)
    replay.finished()


def test_a_queue_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 1)
    replay = Replay("6.31.0", "queue_full")
    jobs = [replay.harness.submit("/slow", f"q{number}") for number in range(4)]
    for _ in jobs:
        replay.answer("/queue/join")
    for job in jobs[2:]:
        error = replay.harness.error(job)
        assert type(error) is QueueFullError
        assert str(error) == "Queue is full! Please try again."
    replay.answer("/queue/data")
    assert [job.outputs for job in jobs[:2]] == [("slow q0",), ("slow q1",)]
    replay.finished()


def test_a_server_that_is_stopped_in_the_middle() -> None:
    replay = Replay("6.31.0", "server_stop")
    harness = replay.harness
    job = harness.submit("/count_long", 30)
    replay.answer("/queue/join")
    replay.answer("/queue/data")
    assert replay.outputs(job) == [("step 0",)]
    assert isinstance(harness.error(job), ConnectionLostError)
    assert [event.jobs for event in harness.history if isinstance(event, StreamLost)] == [(0,)]
    (heartbeat,) = harness.pending()
    replay.answer(harness.requests[heartbeat].url.rpartition("/")[2])
    replay.finished()
    assert harness.due() == 1


def test_a_session_whose_stream_broke_is_not_known_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    replay = Replay("6.31.0", "drop_and_resume")
    harness = replay.harness
    job = harness.submit("/count", 12)
    replay.answer("/queue/join")
    replay.answer("/queue/data")
    assert replay.outputs(job) == [("0",)]
    assert isinstance(harness.error(job), ConnectionLostError)
    # The next answer is what the server said to the old session hash.
    again = harness.submit("/echo", "after")
    harness.answer(harness.only("/queue/join"), body={"event_id": "e"})
    replay.answer("/queue/data")
    assert isinstance(harness.error(again), SessionExpiredError)
    assert any(isinstance(event, SessionExpired) for event in harness.history)
    # And from then on it counts the old event as pending, so that it never ends the stream: we do.
    last = harness.submit("/echo", "after")
    replay.answer("/queue/join")
    exchange, chunks, _ = replay.begin("/queue/data")
    harness.data(exchange, *chunks)
    assert last.outputs == ("after",)
    assert replay.answers == []


def test_state_grows_from_call_to_call() -> None:
    replay = Replay("6.31.0", "state")
    results: list[object] = []
    for _ in range(2):
        job = replay.harness.submit("/state")
        replay.answer("/queue/join")
        assert job.session_hash == replay.harness.session.session_hash
        replay.answer("/queue/data")
        results.append(job.outputs)
    assert results == [(1,), (2,)]
    replay.finished()


CALLS: dict[str, tuple[str, str, tuple[object, ...]]] = {
    "4.44.1-gen_fail": ("4.44.1", "/gen_fail", (2,)),
    "4.44.1-multi_gen": ("4.44.1", "/multi_gen", (4,)),
    "4.44.1-progress": ("4.44.1", "/progress", (4,)),
    "6.31.0-server_stop": ("6.31.0", "/count_long", (30,)),
}


def events_of(name: str, cut: Callable[[bytes], list[bytes]]) -> list[Event]:
    """What a session tells of a recorded conversation whose stream is cut like this."""
    version, api_name, args = CALLS[name]
    replay = Replay(version, name.removeprefix(f"{version}-"))
    replay.harness.submit(api_name, *args)
    replay.answer("/queue/join")
    stream, chunks, end = replay.begin("/queue/data")
    replay.harness.data(stream, *cut(b"".join(chunks)))
    end()
    assert replay.left() == []
    # An error is equal to itself only, so that its text stands for it.
    return [
        JobFailed(job=event.job, error=str(event.error))  # type: ignore[arg-type]
        if isinstance(event, JobFailed)
        else StreamLost(session_hash="", error=str(event.error), jobs=event.jobs)  # type: ignore[arg-type]
        if isinstance(event, StreamLost)
        else event
        for event in replay.harness.events()
    ]


WHOLE = {name: events_of(name, lambda data: [data]) for name in CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_a_conversation_is_the_same_byte_by_byte(name: str) -> None:
    assert len(WHOLE[name]) >= 5
    assert events_of(name, lambda data: [data[index : index + 1] for index in range(len(data))]) == WHOLE[name]


def test_a_conversation_is_the_same_however_it_is_cut_in_two() -> None:
    for chunks in chunkings(b"".join(_stream_of("4.44.1-gen_fail"))):
        assert events_of("4.44.1-gen_fail", lambda _, chunks=chunks: chunks) == WHOLE["4.44.1-gen_fail"]  # type: ignore[misc]


def _stream_of(name: str) -> list[bytes]:
    answers = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return [chunk.encode() for answer in answers if answer["path"].endswith("/data") for chunk in answer["chunks"]]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(CALLS)), st.data())
def test_a_conversation_is_the_same_in_any_pieces(name: str, data: st.DataObject) -> None:
    assert events_of(name, lambda body: data.draw(random_chunks(body))) == WHOLE[name]
