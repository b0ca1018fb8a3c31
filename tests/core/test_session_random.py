"""A session against a server that does anything, in any order: each job ends once, nothing hangs, nothing leaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import gradproto._streams as streams
from gradproto import (
    ConnectError,
    FileData,
    Job,
    JobRetried,
    JobState,
    OutputGenerated,
    ReadError,
    Retry,
    SessionState,
    Timeouts,
    WriteError,
)
from gradproto._channels import OwnChannel
from gradproto._polling import POLL_INTERVAL, PollingChannel
from gradproto._states import StreamState
from tests.core.driving import SSE, STATELESS, Harness, config_with, era, sse_bytes

CONFIGS: list[dict[str, Any]] = [
    config_with(),
    STATELESS,
    config_with(connect_heartbeat=True),
    config_with(version="4.25.0", api_prefix=""),
    {**STATELESS, "version": "4.22.0", "api_prefix": ""},
    era("2.9.4", state=False),
    era("3.0.24"),
    era("3.1.5"),
    era("3.4.1", state=False),
    era("3.50.2"),
    era("4.0.2"),
    era("4.8.0"),
    era("4.12.0"),
    era("4.20.0", state=False),
    era("4.21.0"),
]
CALLS: list[tuple[Any, ...]] = [
    ("/echo", "x"),
    ("/count", 2),
    ("/incr",),
    ("/chat", "x"),
    ("/upper", b"x"),
    ("/direct", "x"),
    ("/pair", "x"),
]
KINDS = [
    "estimation",
    "process_starts",
    "progress",
    "log",
    "process_generating",
    "process_streaming",
    "process_completed",
    "unexpected_error",
    "close_stream",
    "heartbeat",
    "brand_new",
]
# What the servers ask that speak of one job on one connection.
OWN_KINDS = [*KINDS, "send_hash", "send_data", "send_data", "queue_full"]
CALL_EVENTS = ["generating", "complete", "complete", "error", "heartbeat", "brand_new"]
CALL_DATA: list[Any] = [["x"], ["x"], ["x", None], None, "404: Session not found.", {"error": "boom"}, 5]
STATUSES_TOLD: list[Any] = [
    {"status": "QUEUED", "data": 1},
    {"status": "PENDING", "data": None},
    {"status": "PENDING", "data": None},
    {"status": "COMPLETE", "data": {"data": ["y", None]}},
    {"status": "COMPLETE", "data": None},
    {"status": "FAILED", "data": '{"error": "boom"}'},
    {"status": "NOT FOUND", "data": None},
]
OUTPUTS: list[Any] = [
    {"data": ["x"]},
    {"data": ["x", None]},
    {"data": [[["append", [], "y"]], []]},
    {"data": [[["append", [], "y"]]]},
    {"error": "boom"},
    {"error": None},
    {},
    None,
    [],
]
GLOBAL: list[dict[str, Any]] = [
    {"msg": "heartbeat"},
    {"msg": "close_stream", "event_id": None},
    {"msg": "unexpected_error", "event_id": None, "message": "404: Not Found", "session_not_found": True},
    {"msg": "unexpected_error", "event_id": None, "message": "Server stopped unexpectedly."},
    {"msg": "server_stopped"},
    {"msg": "brand_new"},
    {},
]
RAW = [b"data: {\n\n", b"data: [1]\n\n", b"data: {", b": comment\n\n", b"\n", b"data: \xff\n\n", b"}\n\n"]
BODIES: list[Any] = [
    b"",
    b"<html>",
    [],
    ["/tmp/x"],
    {"success": True},
    {"data": ["y"]},
    {"error": "boom"},
    {"detail": "Queue is full."},
]
RETRIES = [None, None, Retry(times=2, first_delay=1), Retry(times=2, first_delay=0, factor=1, idempotent=True)]
STATUSES = [200, 200, 204, 302, 307, 400, 401, 404, 422, 429, 500, 503]
LOCATIONS = ["/gradio_api/again", "http://app.test/other", "https://other.test/", "ftp://x", ""]


class AnyServer(RuleBasedStateMachine):
    """Draws what the caller and the server do next."""

    @initialize(
        config=st.sampled_from(CONFIGS),
        auth=st.booleans(),
        limits=st.booleans(),
        most=st.sampled_from([2, 3, 256]),
        route=st.sampled_from(["queue", "queue", "call"]),
        retry=st.sampled_from(RETRIES),
    )
    def connect(
        self, config: dict[str, Any], auth: bool, limits: bool, most: int, route: Any, retry: Retry | None
    ) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(streams, "MAX_STREAMS", most)
        self.patch.setattr("gradproto._event_streams.MAX_EVENTS_AHEAD", 4)
        timeouts = Timeouts(run=20, queue_wait=20, request=20, upload_idle=20) if limits else Timeouts()
        account = ("bob", "x") if auth else None
        self.harness = Harness(auth=account, timeouts=timeouts, route=route, retry=retry).connect(config)
        self.jobs: list[Job] = []
        self.downloads = 0
        self.next_event_id = 0
        # Exchanges whose answer has begun, but for event streams.
        self.begun: set[int] = set()

    # --- the caller

    @precondition(lambda self: len(self.jobs) < 30)
    @rule(call=st.sampled_from(CALLS), times=st.integers(1, 4))
    def submit(self, call: tuple[Any, ...], times: int) -> None:
        session = self.harness.session
        for _ in range(times):
            if session.endpoints.has_name("/predict"):
                call = ("/predict", 3)
            elif not session.endpoints.has_name(call[0]):
                return
            self.jobs.append(session.submit(session.prepare(call[1:], api_name=call[0])))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.harness.session.cancel(data.draw(st.sampled_from(self.jobs)))

    @rule()
    def download(self) -> None:
        self.downloads = 1 + self.harness.session.download(FileData(path="/tmp/x"))

    @precondition(lambda self: self.downloads)
    @rule(data=st.data())
    def abort_download(self, data: st.DataObject) -> None:
        self.harness.session.abort_download(data.draw(st.integers(0, self.downloads - 1)))

    @rule()
    def reset(self) -> None:
        self.harness.session.reset_session()

    @rule(seconds=st.sampled_from([0, 0.5, 4, 6, 21, 46]))
    def wait(self, seconds: float) -> None:
        self.harness.tick(seconds)

    # --- the server

    def unanswered(self, route: str = "") -> list[int]:
        pending = self.harness.pending(route)
        return [number for number in pending if number not in self.begun and number not in self.harness.closing]

    def pick(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.unanswered()), label="exchange")

    @precondition(lambda self: self.unanswered())
    @rule(data=st.data())
    def answer_well(self, data: st.DataObject) -> None:
        self.answer(self.pick(data))

    @rule()
    def answer_all_well(self) -> None:
        for exchange in self.unanswered():
            self.harness.commands()
            if exchange in self.harness.live:
                self.answer(exchange)

    def answer(self, exchange: int) -> None:
        request = self.harness.requests[exchange]
        url = request.url
        if exchange in self.harness.opened:
            return
        if exchange in self.harness.texts:
            self.harness.ws_open(exchange)
            return
        if request.method == "GET" and any(part in url for part in ("/queue/", "/heartbeat/", "/call/")):
            self.harness.open(exchange)
            return
        body: Any = {"success": True, "data": ["y"]}
        if url.endswith("/upload"):
            body = ["/tmp/x"]
        elif url.endswith("/config"):
            body = self.harness.config
        elif url.endswith("/push/"):
            self.next_event_id += 1
            body = {"hash": f"e{self.next_event_id}", "queue_position": 0}
        elif url.endswith("/status/"):
            body = STATUSES_TOLD[exchange % 4]
        elif url.endswith("/queue/join") or "/call/" in url:
            self.next_event_id += 1
            body = {"event_id": f"e{self.next_event_id}"}
        self.harness.start(exchange)
        self.harness.data(exchange, *_pieces(body))
        self.harness.finish(exchange)

    @precondition(lambda self: self.joins())
    @rule(data=st.data())
    def give_an_id_again(self, data: st.DataObject) -> None:
        exchange = data.draw(st.sampled_from(self.joins()))
        self.harness.answer(exchange, 200, {"event_id": f"e{data.draw(st.integers(0, self.next_event_id))}"})

    def joins(self) -> list[int]:
        requests = self.harness.requests
        return [number for number in self.unanswered("/queue/join") if requests[number].method == "POST"]

    @precondition(lambda self: self.unanswered("/status/"))
    @rule(data=st.data(), told=st.sampled_from(STATUSES_TOLD))
    def tell_status(self, data: st.DataObject, told: Any) -> None:
        self.harness.answer(data.draw(st.sampled_from(self.unanswered("/status/"))), body=told)

    def sockets(self) -> list[int]:
        return [number for number in self.harness.pending() if number in self.harness.texts]

    def open_sockets(self) -> list[int]:
        return [number for number in self.sockets() if number in self.harness.opened]

    @precondition(lambda self: self.open_sockets())
    @rule(data=st.data())
    def speak_on_a_websocket(self, data: st.DataObject) -> None:
        socket = data.draw(st.sampled_from(self.open_sockets()), label="socket")
        for _ in range(data.draw(st.integers(1, 6))):
            if data.draw(st.integers(0, 9)) == 9:
                text = data.draw(st.sampled_from(["", "{", "[1]", "null", "{}"]))
            else:
                text = json.dumps(self.own_message(data))
            self.harness.session.websocket_text(socket, text)
            self.harness.commands()

    @precondition(lambda self: self.sockets())
    @rule(data=st.data(), code=st.sampled_from([1000, 1000, 1006, 1011, 1012]))
    def close_a_websocket(self, data: st.DataObject, code: int) -> None:
        self.harness.ws_close(data.draw(st.sampled_from(self.sockets())), code)

    def own_message(self, data: st.DataObject) -> dict[str, Any]:
        message = {
            "msg": data.draw(st.sampled_from(OWN_KINDS)),
            "success": data.draw(st.sampled_from([True, True, True, False, None])),
            "output": data.draw(st.sampled_from(OUTPUTS)),
        }
        event_id = data.draw(st.sampled_from(["e", "e", "e", None, 5]))
        return message if event_id is None else {**message, "event_id": event_id}

    @precondition(lambda self: self.unanswered())
    @rule(data=st.data())
    def go_wrong(self, data: st.DataObject) -> None:
        exchange = self.pick(data)
        if exchange in self.open_sockets():
            self.harness.fail(exchange)
            return
        if data.draw(st.booleans(), label="breaks"):
            kind = data.draw(st.sampled_from([ReadError, WriteError, ConnectError]))
            self.harness.fail(exchange, kind("broken"))
            return
        status = data.draw(st.sampled_from(STATUSES))
        body = data.draw(st.sampled_from(BODIES))
        location = data.draw(st.sampled_from(LOCATIONS))
        if exchange not in self.harness.opened:
            self.harness.start(exchange, status, [("location", location), ("set-cookie", "a=b; Path=/")])
        self.harness.commands()
        if exchange not in self.harness.live:
            return
        if exchange not in self.harness.opened and data.draw(st.booleans(), label="goes on later"):
            self.begun.add(exchange)
            return
        self.harness.data(exchange, *_pieces(body))
        self.harness.finish(exchange)

    @precondition(lambda self: self.begun & set(self.harness.pending()))
    @rule(data=st.data(), body=st.sampled_from(BODIES))
    def go_on(self, data: st.DataObject, body: Any) -> None:
        exchange = data.draw(st.sampled_from(sorted(self.begun & set(self.harness.pending()))))
        self.harness.data(exchange, *_pieces(body))
        self.harness.finish(exchange)

    @precondition(lambda self: self.harness.pending("/upload"))
    @rule(sent=st.integers(0, 500))
    def send_body(self, sent: int) -> None:
        self.harness.session.body_sent(self.harness.pending("/upload")[0], sent)

    def open_streams(self) -> list[int]:
        streams = [number for number in self.harness.pending() if number in self.harness.opened]
        urls = {number: self.harness.requests[number].url for number in streams}
        return [number for number in streams if number not in self.harness.texts and "/heartbeat/" not in urls[number]]

    def call_event(self, data: st.DataObject) -> bytes:
        kind = data.draw(st.sampled_from(CALL_EVENTS))
        return f"event: {kind}\ndata: {json.dumps(data.draw(st.sampled_from(CALL_DATA)))}\n\n".encode()

    @precondition(lambda self: self.open_streams())
    @rule(data=st.data())
    def speak(self, data: st.DataObject) -> None:
        exchange = data.draw(st.sampled_from(self.open_streams()), label="stream")
        for _ in range(data.draw(st.integers(1, 8))):
            url = self.harness.requests[exchange].url
            if data.draw(st.integers(0, 9)) == 9:
                piece = sse_bytes(data.draw(st.sampled_from(GLOBAL)))
            elif "/call/" in url:
                piece = self.call_event(data)
            elif "/queue/join" in url:
                piece = sse_bytes(self.own_message(data))
            else:
                event_id = data.draw(st.integers(0, self.next_event_id + 2), label="event")
                message = {
                    "msg": data.draw(st.sampled_from(KINDS)),
                    "event_id": f"e{event_id}",
                    "success": data.draw(st.sampled_from([True, True, True, False, None])),
                    "output": data.draw(st.sampled_from(OUTPUTS)),
                }
                piece = sse_bytes(message)
            self.harness.data(exchange, piece)

    @precondition(lambda self: self.open_streams())
    @rule(data=st.data(), count=st.integers(5, 40))
    def flood(self, data: st.DataObject, count: int) -> None:
        exchange = data.draw(st.sampled_from(self.open_streams()), label="stream")
        event_id = data.draw(st.integers(0, self.next_event_id + 2), label="event")
        self.harness.data(exchange, sse_bytes(*[{"msg": "log", "event_id": f"e{event_id}", "log": "x"}] * count))

    @precondition(lambda self: self.open_streams())
    @rule(data=st.data())
    def stammer_or_end(self, data: st.DataObject) -> None:
        exchange = data.draw(st.sampled_from(self.open_streams()))
        way = data.draw(st.sampled_from(["close", "close", "end", "stammer"]))
        if way == "close":
            self.harness.close_stream(exchange)
        elif way == "end":
            self.harness.finish(exchange)
        else:
            self.harness.data(exchange, data.draw(st.sampled_from(RAW)))

    @rule(data=st.data())
    def report_late(self, data: st.DataObject) -> None:
        self.harness.commands()
        over = sorted(set(self.harness.requests) - self.harness.live)
        exchange = data.draw(st.sampled_from(over))
        session = self.harness.session
        session.response_started(exchange, 200, SSE)
        session.response_data(exchange, b"data: {}\n\n")
        session.body_sent(exchange, 5)
        session.response_ended(exchange)
        session.websocket_opened(exchange)
        session.websocket_text(exchange, "{}")
        session.websocket_closed(exchange, 1000, "")
        session.exchange_failed(exchange, ReadError("late"))

    # --- what must hold

    @invariant()
    def every_job_has_something_that_will_end_it(self) -> None:
        if not hasattr(self, "harness"):
            return
        harness = self.harness
        harness.events()
        harness.commands()
        core = harness.session._core
        waiting = core.exchanges._waiting_for_login
        for job in self.jobs:
            assert len(harness.ends(job)) == (1 if job.ended else 0)
            assert (job.number in core.jobs) is not job.ended
            if job.ended:
                assert job.exchange is None
                assert job.channel is None
                continue
            if job.state is JobState.NEW and job.limit is not None and job.limit.fire is not None:
                assert job.exchange is job.channel is None
                continue  # it begins anew in a while
            # After a loss a job waits for a look at the app.
            refresh = harness.session._streams.refresh
            exchange = refresh.exchange if job.state is JobState.NEW else job.exchange
            if isinstance(job.channel, OwnChannel):
                self.has_an_end_coming(job, job.channel)
                continue
            assert job.channel is None or isinstance(job.channel, streams.EventStream)
            if job.state in (JobState.QUEUED, JobState.RUNNING) and job.channel is not None:
                assert job.channel.jobs[job.event_id or ""] is job
                exchange = job.channel._exchange
                assert job.channel.state in (StreamState.OPENING, StreamState.OPEN)
            assert exchange is not None
            held = job.channel is not None and any(one is job for one, _ in job.channel._held)
            if held:
                assert harness.pending("/cancel") + harness.pending("/reset") + waiting
            else:
                assert exchange in waiting or exchange.exchange in harness.live

    def has_an_end_coming(self, job: Job, channel: OwnChannel) -> None:
        if not channel.begun:
            others = [other.channel for other in self.jobs if isinstance(other.channel, OwnChannel)]
            assert sum(other.begun for other in others) == streams.MAX_STREAMS
            return
        if isinstance(channel, PollingChannel) and channel.exchange is None:
            assert channel._timer is not None
            assert channel._timer.fire is not None
            return
        exchange = channel.exchange or job.exchange
        assert exchange is not None
        assert exchange in channel.core.exchanges._waiting_for_login or exchange.exchange in self.harness.live
        assert exchange.exchange not in self.harness.closing

    @invariant()
    def a_job_begins_anew_only_so_often_and_not_after_an_output(self) -> None:
        if not hasattr(self, "harness"):
            return
        begun: set[int] = set()
        tries: dict[int, int] = {}
        for event in self.harness.history:
            if isinstance(event, OutputGenerated):
                begun.add(event.job)
            elif isinstance(event, JobRetried):
                assert event.job not in begun
                assert event.attempt == tries.get(event.job, 0) + 1 <= 2
                tries[event.job] = event.attempt

    @invariant()
    def a_conversation_of_a_jobs_own_is_its_own(self) -> None:
        if not hasattr(self, "harness"):
            return
        every = self.harness.session._streams
        own = [job for job in self.jobs if isinstance(job.channel, OwnChannel) and not job.endpoint.has_state]
        taken = [*every._spare, *(job.session_hash for job in own), every.main.session_hash]
        assert len(set(taken)) == len(taken)

    @invariant()
    def hashes_are_not_shared_without_need(self) -> None:
        if not hasattr(self, "harness"):
            return
        every = self.harness.session._streams
        known = {*every._all, *every._retired}
        assert len({stream.session_hash for stream in known}) == len(known)
        assert len(every._all) <= max(streams.MAX_STREAMS, 2)
        assert every.main in every._all
        assert set(every._idle) == {one for one in every._all if one is not every.main and one.available}
        for stream in known:
            assert stream.state is not StreamState.LOST
            assert stream.busy or stream.state is not StreamState.OPEN
            assert bool(stream._exchange) is (stream.state is not StreamState.IDLE)
            if stream.state is StreamState.DRAINING and not stream.busy and not every.keeps(stream):
                assert stream._grace is not None
                assert stream._grace.fire is not None
        for stream in every._retired:
            assert stream.busy or stream.state is not StreamState.IDLE or stream._cancelling

    def teardown(self) -> None:
        if not hasattr(self, "harness"):
            return
        harness = self.harness
        try:
            for _ in range(100):
                for exchange in harness.pending():
                    if exchange in harness.live:
                        harness.fail(exchange)
                    harness.commands()
                harness.events()
                ended = all(job.ended for job in self.jobs) and not harness.session._core.downloads
                if harness.idle() and ended:
                    break
                harness.tick()
                harness.tick(POLL_INTERVAL)
            self.every_job_has_something_that_will_end_it()
            assert all(job.ended for job in self.jobs)
            assert harness.idle()
            due = harness.due()
            assert due is None or harness.session.config.connect_heartbeat or harness.session.config.version == "4.25.0"
            harness.session.close()
            assert harness.idle()
            assert harness.due() is None
            assert harness.session.state is SessionState.CLOSED
            core = harness.session._core
            assert not core.jobs
            assert not core.downloads
            assert not core.exchanges._under_way
            assert not core.exchanges._waiting_for_login
        finally:
            self.patch.undo()


def _pieces(body: Any) -> list[bytes]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [piece for piece in (raw[:3], raw[3:]) if piece]


TestAnyServer = AnyServer.TestCase
TestAnyServer.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
