"""The shared stream of sse_v1 and sse_v2, which ends without a word, and what holds for event streams of any kind."""

from __future__ import annotations

from typing import Any

import pytest

import gradproto._event_streams as event_streams
from gradproto import (
    ConnectionLostError,
    Event,
    Job,
    JobCompleted,
    JobState,
    OutputGenerated,
    ReadError,
    RemoteProtocolError,
    SessionExpiredError,
    StreamLost,
    UnknownMessageReceived,
)
from gradproto._core import Core
from gradproto._errors import GradprotoError
from gradproto._event_streams import EventStreamExchange, read_message
from gradproto._sse import ServerSentEvent
from tests.core.driving import JSON, Harness, era, sse_bytes, state_of

V1, V2, V2_1, V3 = "4.12.0", "4.20.0", "4.21.0", "4.44.1"
UNANNOUNCED = [V1, V2, V2_1]


def connected(version: str, *, state: bool = False, **options: Any) -> Harness:
    return Harness(**options).connect(era(version, state=state))


def started(harness: Harness, api_name: str = "/count", *args: object) -> Job:
    job = harness.submit(api_name, *(args or (3,)))
    harness.accept(job)
    harness.begin(job)
    return job


def generate(harness: Harness, job: Job, *data: object) -> None:
    harness.say(job, "process_generating", success=True, output={"data": list(data), "is_generating": True})


def outputs(events: list[Event]) -> list[tuple[object, ...]]:
    return [event.outputs for event in events if isinstance(event, OutputGenerated)]


# --- what differs


def test_outputs_of_sse_v1_are_whole() -> None:
    harness = connected(V1)
    job = started(harness)
    edits = [["append", [], "1"]]
    for value in ("0", "01", edits, [], None):
        generate(harness, job, value)
    assert outputs(harness.events()) == [("0",), ("01",), (edits,), ([],), (None,)]


@pytest.mark.parametrize("version", [V2, V2_1, V3])
def test_outputs_since_sse_v2_are_edits_but_the_first_of_each_event(version: str) -> None:
    harness = connected(version)
    first, second = started(harness), started(harness)
    edits: Any = [["append", [], "1"]]
    generate(harness, first, edits)
    generate(harness, second, "0")
    generate(harness, second, edits)
    generate(harness, second, [])
    generate(harness, first, [["replace", [], "x"]])
    assert outputs(harness.events()) == [(edits,), ("0",), ("01",), ("01",), ("x",)]


@pytest.mark.parametrize("version", UNANNOUNCED)
def test_a_stream_that_ends_without_a_word_says_that_nothing_is_pending(version: str) -> None:
    harness = connected(version)
    job = started(harness)
    stream = harness.carrier(job)
    harness.conclude(job, "2")
    harness.finish(stream)
    assert harness.idle()
    assert harness.due() is None
    again = started(harness)
    assert again.session_hash == job.session_hash
    assert harness.carrier(again) != stream
    assert not any(isinstance(event, StreamLost) for event in harness.events())


@pytest.mark.parametrize("version", UNANNOUNCED)
def test_a_stream_that_ends_while_the_server_took_another_job_is_opened_again(version: str) -> None:
    harness = connected(version, state=True)
    first = started(harness, "/chat", "x")
    stream = harness.carrier(first)
    second = harness.submit("/chat", "y")
    harness.conclude(first, "x", None)
    harness.joined(second)
    # Written behind the first completion, before the second join.
    harness.finish(stream)
    reopened = harness.carrier(second)
    assert reopened != stream
    harness.open(reopened)
    harness.begin(second)
    harness.conclude(second, "y", None)
    harness.finish(reopened)
    assert second.outputs == ("y",)
    assert harness.idle()


@pytest.mark.parametrize("version", UNANNOUNCED)
def test_a_stream_that_ends_while_a_job_joins_is_opened_when_it_has(version: str) -> None:
    harness = connected(version, state=True)
    first = started(harness, "/chat", "x")
    stream = harness.carrier(first)
    second = harness.submit("/chat", "y")
    harness.conclude(first, "x", None)
    harness.finish(stream)
    assert harness.pending("/queue/data") == []
    harness.accept(second)
    harness.begin(second)
    harness.conclude(second, "y", None)
    assert second.outputs == ("y",)


@pytest.mark.parametrize("version", UNANNOUNCED)
def test_a_server_that_says_again_and_again_that_nothing_is_pending_has_forgotten(version: str) -> None:
    harness = connected(version)
    job = started(harness)
    for _ in range(20):
        if job.ended:
            break
        carrier = harness.carrier(job)
        if carrier not in harness.opened:
            harness.open(carrier)
        harness.finish(carrier)
    assert "without a word on a pending job" in str(harness.error(job))
    assert harness.idle()


@pytest.mark.parametrize("version", [V1, V2, V2_1, V3])
@pytest.mark.parametrize("way", ["inside an event", "break"])
def test_a_stream_that_is_cut_is_lost_whether_its_end_is_announced_or_not(version: str, way: str) -> None:
    harness = connected(version)
    job = started(harness)
    stream = harness.carrier(job)
    harness.data(stream, sse_bytes({"msg": "process_completed", "event_id": "event-0"})[:-1])
    harness.finish(stream) if way == "inside an event" else harness.fail(stream)
    assert isinstance(harness.error(job), ConnectionLostError)
    assert harness.idle()


def test_an_end_without_a_word_is_a_loss_where_it_would_be_announced() -> None:
    harness = connected(V3)
    job = started(harness)
    harness.finish(harness.carrier(job))
    assert isinstance(harness.error(job), ConnectionLostError)


@pytest.mark.parametrize(
    ("version", "message", "expired"),
    [
        (V1, {"msg": "server_stopped", "success": False}, False),  # 4.9.0 only
        (V1, {"msg": "unexpected_error", "message": "404: Session not found.", "success": False}, True),
        (V3, {"msg": "unexpected_error", "event_id": None, "message": "404: Session not found."}, True),
        (V3, {"msg": "unexpected_error", "event_id": None, "message": "Server stopped unexpectedly."}, False),
        (V3, {"msg": "unexpected_error", "event_id": None, "message": "'d66bc7a6'"}, False),
        (V3, {"msg": "unexpected_error", "event_id": None, "session_not_found": True}, True),
        (V3, {"msg": "unexpected_error", "event_id": None, "message": 5, "session_not_found": 1}, False),
    ],
)
def test_an_error_of_the_stream_ends_its_jobs(version: str, message: dict[str, Any], expired: bool) -> None:
    harness = connected(version)
    job = started(harness)
    harness.sse(harness.carrier(job), message, message, message)
    assert type(harness.error(job)) is (SessionExpiredError if expired else ConnectionLostError)
    assert harness.idle()


@pytest.mark.parametrize("wrong", [None, True, 5, "x", [], {}, {"data": 5}])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        *[("estimation", "rank"), ("process_starts", "eta"), ("progress", "progress_data"), ("log", "log")],
        *[("process_generating", field) for field in ("output", "time_limit", "msg", "event_id")],
        *[("process_completed", field) for field in ("output", "success", "title", "used_cache", "event_id")],
        *[("unexpected_error", "message"), ("close_stream", "event_id"), ("heartbeat", "event_id")],
        *[("send_data", "event_id"), ("send_hash", "x"), ("queue_full", "x")],
    ],
)
@pytest.mark.parametrize("version", [V1, V3])
def test_fields_of_any_type_end_a_job_once_at_most(version: str, kind: str, field: str, wrong: Any) -> None:
    harness = connected(version)
    job = started(harness)
    carrier = harness.carrier(job)
    harness.sse(carrier, {"msg": kind, "event_id": "event-0", "output": {"data": ["x"]}, field: wrong})
    if not job.ended:
        harness.conclude(job, "y")
        assert job.outputs == ("y",)
    assert len(harness.ends(job)) == 1
    harness.commands()
    if carrier in harness.live:
        harness.close_stream(carrier)
    assert harness.idle()


@pytest.mark.parametrize("msg", ["send_data", "send_hash", "queue_full"])
def test_what_other_generations_ask_is_unknown_to_these(msg: str) -> None:
    harness = connected(V3)
    job = started(harness)
    harness.say(job, msg)
    assert harness.one(UnknownMessageReceived).session_hash == job.session_hash
    assert state_of(job) is JobState.RUNNING


# --- event streams of any kind


class Listener(EventStreamExchange):
    """Writes down what comes."""

    def __init__(self, core: Core, *, fails_at: str = "") -> None:
        super().__init__("the test", core, timeout=None)
        self.told: list[str] = []
        self.done = False
        self._fails_at = fails_at

    @property
    def over(self) -> bool:
        return self.done

    def stream_opened(self) -> None:
        self.told.append("opened")

    def stream_event(self, event: ServerSentEvent) -> None:
        if event.data == self._fails_at:
            raise RemoteProtocolError("no")
        self.told.append(event.data)
        self.core.events.append(JobCompleted(job=0, outputs=(), duration=None, average_duration=None, used_cache=None))

    def stream_ended(self, *, cut: bool) -> None:
        self.told.append(f"ended cut={cut}")

    def stream_failed(self, error: GradprotoError) -> None:
        self.done = True
        self.told.append(f"failed {error}")

    def stream_refused(self, status: int, error: GradprotoError) -> None:
        self.told.append(f"refused {status} {type(error).__name__}")


class Bare(EventStreamExchange):
    """Says nothing of its own."""


def listening(**options: Any) -> tuple[Harness, Listener, int]:
    harness = connected(V3)
    listener = Listener(harness.session._core, **options)
    harness.session._core.exchanges.start(listener, "GET", "http://app.test/stream")
    return harness, listener, harness.only("/stream")


def test_an_event_stream_tells_its_events_and_its_end() -> None:
    harness, listener, stream = listening()
    harness.open(stream)
    harness.data(stream, b"data: 1\n\nda", b"ta: 2\n\n", b": nothing\n\n")
    harness.finish(stream)
    assert listener.told == ["opened", "1", "2", "ended cut=False"]


@pytest.mark.parametrize("rest", [b"data: 2", b"data: 2\n", b"dat"])
def test_an_event_stream_tells_an_end_inside_an_event(rest: bytes) -> None:
    harness, listener, stream = listening()
    harness.open(stream)
    harness.data(stream, b"data: 1\n\n", rest)
    harness.finish(stream)
    assert listener.told == ["opened", "1", "ended cut=True"]


@pytest.mark.parametrize(
    ("status", "told"),
    [(500, "refused 500 JobError"), (401, "refused 401 AuthenticationError"), (204, "refused 204 JobError")],
)
def test_an_event_stream_that_is_refused_is_read_to_its_end_first(status: int, told: str) -> None:
    harness, listener, stream = listening()
    harness.start(stream, status, JSON)
    harness.data(stream, *[b"data: 1\n\n" * 5000] * 3)
    assert listener.told == []
    assert len(listener._body) == 65_536
    harness.finish(stream)
    assert listener.told == [told]


def test_an_event_stream_goes_no_further_ahead_than_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "MAX_EVENTS_AHEAD", 2)
    harness, listener, stream = listening()
    harness.open(stream)
    harness.data(stream, b"data: 1\n\ndata: 2\n\ndata: 3\n\n", b"data: 4\n\ndata: 5\n\n")
    harness.session.response_ended(stream)
    assert listener.told == ["opened", "1", "2"]
    for _ in range(3):
        harness.session.next_event()
    assert listener.told == ["opened", "1", "2", "3", "4"]
    for _ in range(3):
        harness.session.next_event()
    assert listener.told == ["opened", "1", "2", "3", "4", "5", "ended cut=False"]


def test_a_break_comes_after_the_events_that_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "MAX_EVENTS_AHEAD", 1)
    harness, listener, stream = listening()
    harness.open(stream)
    harness.data(stream, b"data: 1\n\ndata: 2\n\n")
    harness.session.exchange_failed(stream, ReadError("reset"))
    assert listener.told == ["opened", "1"]
    for _ in range(4):
        harness.session.next_event()
    assert listener.told == ["opened", "1", "2", "failed reset"]


def test_an_event_that_is_refused_ends_the_stream_for_whoever_reads_it() -> None:
    harness, listener, stream = listening(fails_at="2")
    harness.open(stream)
    harness.data(stream, b"data: 1\n\ndata: 2\n\ndata: 3\n\n")
    assert listener.told == ["opened", "1", "failed no"]


def test_who_listens_says_what_to_do_with_what_comes() -> None:
    bare = Bare("x", connected(V3).session._core, timeout=None)
    with pytest.raises(NotImplementedError):
        _ = bare.over
    for report in (
        bare.stream_opened,
        lambda: bare.stream_event(ServerSentEvent(event="", data="", id="")),
        lambda: bare.stream_ended(cut=False),
        lambda: bare.stream_failed(ReadError("x")),
        lambda: bare.stream_refused(500, ReadError("x")),
    ):
        with pytest.raises(NotImplementedError):
            report()


@pytest.mark.parametrize("data", ["", "{", "ALIVE", "[1]", "null", "5", '"x"', "x" * 500])
def test_what_is_no_message_is_quoted_and_not_wholly(data: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"the stream: not (JSON|a message): ") as caught:
        read_message(data, "the stream")
    assert len(str(caught.value)) < 120


def test_a_message_may_hold_what_json_does_not_allow() -> None:
    assert read_message('{"eta": Infinity, "id": 18446744073709551615}', "x") == {
        "eta": float("inf"),
        "id": 18446744073709551615,
    }
