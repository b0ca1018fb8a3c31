"""Mutants of the queue, in each of its forms: how events are joined, how they are told, and what ends them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gradproto_fake_server import FakeApp, Steps
from tests.conformance.bending import END, BentApp, Rule, drop, header, put, say, unsay
from tests.conformance.mutating import Message, Mutant, data_of, mutant

__all__ = ["MUTANTS"]

STREAM = "GET */queue/data*"
"""The streams of all sessions."""


def _no_limit(app: FakeApp) -> None:
    app.queue.max_size = None


def _count_who_runs(app: FakeApp) -> None:
    endpoint = app.named("small_queue")
    hold = endpoint.function

    def hold_a_place(name: str) -> Steps[str]:
        app.queue.max_size = 0
        try:
            return (yield from hold(name))
        finally:
            app.queue.max_size = 1

    endpoint.function = hold_a_place


POLL = [
    mutant(
        "a job without a place",
        "a job that is pushed does not hear its place",
        Rule(on="POST /api/queue/push/", value=drop("queue_position")),
        {"poll-push-answers-hash": "hash"},
        version="2.9.4",
    ),
    mutant(
        "a strange status",
        "a job that is not over is told as one that thinks",
        Rule(
            on="POST /api/queue/status/",
            value=lambda value: value if value["status"] == "COMPLETE" else {"status": "THINKING"},
        ),
        {"poll-status-on-its-way": "THINKING", "poll-status-complete": "THINKING"},
        cut_off=frozenset({"poll-result-is-told-once"}),
        version="2.9.4",
    ),
    mutant(
        "other values of a job",
        "a job that is over has other values",
        Rule(on="POST /api/queue/status/", value=put("data.data", ["pulled"])),
        {"poll-status-complete": "pulled"},
        version="2.9.4",
    ),
    mutant(
        "a failure without a text",
        "a job that failed is told without its error",
        Rule(
            on="POST /api/queue/status/",
            value=lambda value: put("data", None)(value) if value["status"] == "FAILED" else value,
        ),
        {"poll-status-failed": "FAILED"},
        version="2.9.4",
        app="fail",
    ),
    mutant(
        "a result again and again",
        "a result that was told is told once more",
        Rule(on="POST /api/queue/status/", status={500: 200}),
        {"poll-result-is-told-once": "200"},
        version="2.9.4",
    ),
]


def _greet_first(message: Message, earlier: Sequence[Message]) -> Iterator[Any]:
    if not earlier:
        yield {"msg": "hello"}
    yield message


WS = [
    mutant(
        "no WebSocket",
        "the queue is not joined by a WebSocket",
        Rule(on="GET /queue/join", target=lambda _: "/nothing/here"),
        {
            "ws-handshake": "40",
            "payload-values": "in place of a WebSocket",
            "file-named": "in place of a WebSocket",
            "file-named-inline": "in place of a WebSocket",
        },
        version="3.50.2",
        cuts=(
            *("a-conversation-on-a-socket", "leaving-a-socket", "the-last-output", "a-plain-event", "two-that-wait"),
            *("progress", "logs", "a-generator", "an-exception", "an-error-of-the-app", "a-failure-after-outputs"),
            *("restarting-a-generator", "visits"),
        ),
    ),
    Mutant(
        name="nobody asks for the hash",
        wrong="the server of 3.50 begins with the place in the queue",
        profile={"socket_opening": "data"},
        fails={"ws-asks-for-hash": "estimation", "event-rank": "[[0], [0], [0]]"},
        version="3.50.2",
    ),
    mutant(
        "a greeting",
        "the server of 3.4 speaks first of something else",
        Rule(on="GET /queue/join", tell=_greet_first),
        {"ws-asks-for-no-hash": "hello"},
        version="3.4.1",
    ),
    Mutant(
        name="the server speaks first",
        wrong="the server of 3.1 does not wait for the client's hash",
        profile={"socket_opening": "data"},
        # What it speaks of are data, and the hash that comes is taken for those.
        fails={
            "ws-client-speaks-first": "estimation",
            "ws-asks-for-data": "process_starts",
            "payload-values": "process_starts",
        },
        cuts=("a-plain-event", "visits"),
        cut_off=frozenset({"event-app-error-text"}),
        version="3.1.7",
    ),
    mutant(
        "nobody asks for the data",
        "the server does not ask for the data",
        Rule(on="GET /queue/join", by="a-conversation-on-a-socket", tell=unsay("send_data")),
        {"ws-asks-for-data": "estimation"},
        version="3.50.2",
        cut_off=frozenset({"ws-closes-after-end"}),
    ),
    Mutant(
        name="WebSockets stay open",
        wrong="the server does not close a WebSocket after the end of its event",
        profile={"stays_open": True},
        fails={"ws-closes-after-end": "no end"},
        version="3.50.2",
    ),
    Mutant(
        name="room for any number on WebSockets",
        wrong="the queue is never full",
        change=_no_limit,
        fails={"ws-queue-full": "estimation"},
        version="3.50.2",
        app="small",
    ),
    Mutant(
        name="nobody is missed on WebSockets",
        wrong="the event of a WebSocket that is closed goes on",
        profile={"survives_disconnect": True},
        fails={"ws-leaving-ends-generator": "end"},
        # The one that waited is asked for its data when its turn has come, and holds up the line.
        cut_off=frozenset({"ws-leaving-takes-queued-out"}),
        version="3.50.2",
    ),
    Mutant(
        name="nobody is missed who has given data",
        wrong="the data are asked for early, and the event of a WebSocket that is closed goes on",
        profile={"survives_disconnect": True, "socket_opening": "data"},
        fails={
            "ws-leaving-takes-queued-out": "begin",
            "ws-leaving-ends-generator": "end",
            "ws-asks-for-hash": "estimation",
            "event-rank": "[[0], [0], [0]]",
        },
        version="3.50.2",
    ),
    mutant(
        "an end that is no output",
        "a generator is completed without is_generating",
        Rule(on="GET /queue/join", tell=say("process_completed", put("output.is_generating", False))),
        {"ws-last-output-twice": "is_generating"},
        version="3.50.2",
    ),
]


def _ask_early(app: FakeApp) -> None:
    """Let those who wait be asked for their data, too, and give these to the queue when it wants them."""
    given: dict[str, list[Any]] = {}
    asked: set[str] = set()

    def keep(call: Any) -> Any:
        given[call["event_id"]] = call["data"]
        return call

    def look() -> None:
        for job in list(app.queue.events.values()):
            if app.queue.is_asked(job):
                if job.event_id in given:
                    app.queue.give_data(job.event_id, given[job.event_id])
            elif job.state == "queued" and job.event_id not in asked:
                asked.add(job.event_id)
                app.queue.channel_of(job).put(app.queue.messages.send_data(job.event_id))
        app.schedule.call_after(0.05, look)

    assert isinstance(app, BentApp)
    # What is given early is refused by a server that has not asked.
    app.rules += (Rule(on="POST /queue/data", sent=keep, status=dict.fromkeys((404, 422, 500), 200)),)
    look()


OWN = [
    mutant(
        "a stream of plain text",
        "a join is answered with plain text",
        Rule(on=data_of("a-conversation-on-a-stream"), headers=header("content-type", "text/plain")),
        {"own-join-is-event-stream": "text/plain"},
        version="4.0.2",
        cuts=("a-conversation-on-a-stream",),
    ),
    mutant(
        "data for no event",
        "the data are asked for without the event's id",
        Rule(on=data_of("a-conversation-on-a-stream"), tell=say("send_data", drop("event_id"))),
        {"own-asks-for-data": "send_data"},
        version="4.0.2",
        cut_off=frozenset({"own-takes-data", "own-stream-ends"}),
    ),
    mutant(
        "data are lost",
        "other data run than were given",
        Rule(on="POST /queue/data", sent=lambda call: put("data.0", "lost")(call) if "given" in call["data"] else call),
        {"own-takes-data": "lost"},
        version="4.0.2",
    ),
    mutant(
        "a stream without an end",
        "the stream of an event goes on when it is completed",
        Rule(on=data_of("a-conversation-on-a-stream"), ending="open"),
        {"own-stream-ends": "no end"},
        version="4.0.2",
    ),
    Mutant(
        name="room for any number on streams",
        wrong="the queue is never full",
        change=_no_limit,
        fails={"own-queue-full": "estimation"},
        version="4.0.2",
        app="small",
    ),
    Mutant(
        name="nobody is missed on own streams",
        wrong="the event of a stream that is closed goes on",
        profile={"survives_disconnect": True},
        fails={"own-leaving-ends-generator": "end"},
        version="4.8.0",
    ),
    Mutant(
        name="nobody is missed who was asked early",
        wrong="the data are asked for early, and the event of a stream that is closed goes on",
        profile={"survives_disconnect": True},
        change=_ask_early,
        fails={"own-leaving-takes-queued-out": "begin", "own-leaving-ends-generator": "end"},
        version="4.8.0",
    ),
]


def _end_after_completion(message: Message, _earlier: Sequence[Message]) -> Iterator[Any]:
    yield message
    if message["msg"] == "process_completed":
        yield {"msg": "close_stream", "event_id": None}
        yield END


def _end_silently(message: Message, _earlier: Sequence[Message]) -> Iterator[Any]:
    yield message
    if message["msg"] == "process_completed":
        yield END


def _a_foreign_copy(message: Message, _earlier: Sequence[Message]) -> Iterator[Any]:
    if message.get("event_id") is not None:
        yield {**message, "event_id": "f" * 32}
    yield message


def _two_at_once(app: FakeApp) -> None:
    app.named("line").concurrency_limit = 2


def _one_line_for_all(app: FakeApp) -> None:
    echo, line = app.named("echo"), app.named("line")
    echo.concurrency_id, echo.concurrency_limit = line.concurrency_id, line.concurrency_limit


def _is_completion_of(text: str) -> Any:
    return lambda message: (message.get("output") or {}).get("data") == [text]


QUEUE = [
    mutant(
        "a join without an id",
        "a join does not give the event's id",
        Rule(on="POST */queue/join", by="two-events-of-a-session", value=drop("event_id")),
        {"queue-join-answers-event-id": "{}"},
        cuts=("two-events-of-a-session",),
    ),
    mutant(
        "one id for two events",
        "two joins give the same id",
        Rule(on="POST */queue/join", by="two-events-of-a-session", value=put("event_id", "0" * 32)),
        {"queue-event-ids-differ": "0000", "queue-messages-name-event": "estimation"},
    ),
    mutant(
        "sessions in plain text",
        "the messages of a session come as plain text",
        Rule(on=data_of("two-events-of-a-session"), headers=header("content-type", "text/plain")),
        {"queue-stream-is-event-stream": "text/plain"},
    ),
    mutant(
        "comments in streams",
        "messages have a comment before them",
        Rule(on=STREAM, body=lambda data: b": a proxy was here\n" + data),
        {"queue-stream-framing": "a proxy was here"},
    ),
    mutant(
        "an end that nobody hears of",
        "the completion of the second event of a session is lost",
        Rule(on=data_of("two-events-of-a-session"), tell=unsay("process_completed", only=_is_completion_of("two"))),
        {"queue-stream-has-all-events": "one"},
    ),
    mutant(
        "messages about nobody",
        "the beginning of an event is told without its id",
        Rule(on=data_of("two-events-of-a-session"), tell=say("process_starts", drop("event_id"))),
        {"queue-messages-name-event": "process_starts"},
    ),
    mutant(
        "strict about queries",
        "a join with a query is refused",
        Rule(on="POST */queue/join*__theme*", status={200: 422}),
        {"queue-join-ignores-unknown": "422"},
    ),
    mutant(
        "refusals that are crashes",
        "a join without a session or a function gives 500",
        Rule(on="POST */queue/join", status={400: 500}),
        {"queue-join-without-session": "500", "queue-join-without-function": "500"},
    ),
    mutant(
        "refusals without a place",
        "what is wrong with a join is told without where",
        Rule(on="POST */queue/join", value=drop("detail.*.loc")),
        {"queue-join-without-json": "422", "queue-join-without-data": "422", "queue-join-data-no-list": "422"},
    ),
    mutant(
        "refusals with 400",
        "a join of which the body is not as it should be gives 400",
        Rule(on="POST */queue/join", status={422: 400}),
        {
            "queue-join-without-json": "400",
            "queue-join-without-data": "400",
            "queue-join-data-no-list": "400",
            "queue-validator-refuses": "400",
        },
    ),
    mutant(
        "any function will do",
        "a join for a function that is not there is taken",
        Rule(on="POST */queue/join", status={500: 200}),
        {"queue-join-unknown-function": "200"},
    ),
    mutant(
        "a stream of nobody",
        "a stream without a session gives 400",
        Rule(on="GET */queue/data", status={422: 400}),
        {"queue-stream-without-session": "400"},
    ),
    Mutant(
        name="room for any number in sessions",
        wrong="the queue is never full",
        change=_no_limit,
        fails={"queue-full": "event_id"},
        app="small",
    ),
    Mutant(
        name="whoever runs waits",
        wrong="an event that runs takes the place of one that waits",
        change=_count_who_runs,
        fails={"queue-full-without-running": "503"},
        cuts=("a-full-queue-of-sessions",),
        app="small",
    ),
    mutant(
        "a refusal of nothing",
        "a validator's refusal does not say for which value it is",
        Rule(on="POST */queue/join", value=drop("detail.*.parameter_name")),
        {"queue-validator-refuses": "must not be"},
    ),
    mutant(
        "messages are lost",
        "what was said before the stream was opened is not told, but for the end",
        Rule(on=data_of("a-stream-that-is-opened-late"), tell=unsay("estimation", "process_starts")),
        {"queue-messages-are-kept": "process_completed"},
    ),
    mutant(
        "no close_stream",
        "nobody says that a stream is over",
        Rule(on=STREAM, tell=unsay("close_stream")),
        {"queue-close-stream": "ended"},
    ),
    mutant(
        "streams go on",
        "a stream goes on after close_stream",
        Rule(on=data_of("a-stream-that-is-opened-late"), ending="open"),
        {"queue-stream-ends": "no end"},
    ),
    mutant(
        "streams of old go on",
        "a stream goes on when its last event has ended",
        Rule(on=data_of("a-stream-that-is-opened-late"), ending="open"),
        {"queue-stream-ends-alone": "no end"},
        version="4.12.0",
    ),
    mutant(
        "latecomers are not told",
        "an event that is joined while a stream is open is not told there",
        Rule(
            on=data_of("an-event-on-an-open-stream"), tell=unsay("process_completed", only=_is_completion_of("later"))
        ),
        {"queue-event-on-open-stream": "process_generating"},
        cuts=("an-event-on-an-open-stream",),
    ),
    mutant(
        "streams end early",
        "a stream ends when any of its events has ended",
        Rule(on=data_of("an-event-on-an-open-stream"), tell=_end_after_completion),
        {"queue-stream-stays-open": "close_stream"},
    ),
    mutant(
        "streams of old end early",
        "a stream ends when any of its events has ended",
        Rule(on=data_of("an-event-on-an-open-stream"), tell=_end_silently),
        {"queue-stream-stays-open-alone": "process_completed"},
        version="4.12.0",
    ),
    mutant(
        "an unknown session is some error",
        "the stream of an unknown session does not say what is wrong",
        Rule(on=STREAM, tell=say("unexpected_error", drop("session_not_found"))),
        {"queue-unknown-session": "Not Found"},
    ),
    mutant(
        "unknown sessions go on",
        "the stream of an unknown session does not end",
        Rule(on=data_of("an-unknown-session"), ending="open"),
        {"queue-unknown-session": "no end"},
    ),
    Mutant(
        name="no signs of life",
        wrong="a stream with nothing to say gives no signs of life",
        change=lambda app: app.inject("no heartbeat", times=None),
        fails={"queue-heartbeat": "no heartbeat within"},
    ),
    Mutant(
        name="nobody is missed in sessions",
        wrong="the events of a session that was left go on",
        profile={"survives_disconnect": True},
        fails={
            "queue-leaving-takes-queued-out": "begin",
            "queue-leaving-ends-generator": "end",
            "queue-leaving-takes-messages": "process_",
        },
    ),
    mutant(
        "the second never comes",
        "an event does not hear that it begins, when another has ended before it",
        Rule(on=data_of("turns", 5), tell=unsay("process_starts")),
        {"queue-order-of-joins": "no process_starts"},
    ),
    Mutant(
        name="two at once",
        wrong="two events of a function run where the app allows one",
        change=_two_at_once,
        fails={
            "queue-one-at-a-time": "process_starts",
            "queue-order-of-joins": "no process_starts",
            "event-rank": "[[0], [0], [0]]",
        },
    ),
    Mutant(
        name="one line for all",
        wrong="events of another function wait in the same line",
        change=_one_line_for_all,
        fails={"queue-other-functions-go-on": "no process_completed"},
    ),
    mutant(
        "messages of others",
        "a stream has messages of events that are not of its session",
        Rule(on=data_of("two-sessions"), tell=_a_foreign_copy),
        {"queue-sessions-are-apart": "ffff"},
    ),
    mutant(
        "a queue in words",
        "the queue says in words how many wait",
        Rule(on="GET */queue/status", value=put("queue_size", "some")),
        {"queue-status": "some"},
    ),
]

MUTANTS = [*POLL, *WS, *OWN, *QUEUE]
