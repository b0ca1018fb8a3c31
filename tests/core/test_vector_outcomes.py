"""The vectors about calls: what a server says, by whichever way, and what becomes of the job."""

from __future__ import annotations

import json
from typing import Any

from gradproto import (
    AppError,
    AuthenticationError,
    ConnectionLostError,
    GradprotoError,
    Job,
    JobCompleted,
    JobError,
    JobLogged,
    JobProgressed,
    JobStarted,
    OutputGenerated,
    ProgressUnit,
    QueueEstimated,
    QueueFullError,
    RemoteProtocolError,
    SessionExpiredError,
    ValidationError,
)
from gradproto._messages import HIDDEN_ERROR
from tests.core.driving import Harness, config_with, era, json_body
from tests.core.vectors import Case, each

NAMES = {0: "/echo", 1: "/count", 2: "/incr", 5: "/pair"}
ROUTES = {"call": "call", "direct": "direct"}
ERRORS: dict[str, type[GradprotoError]] = {
    "app": AppError,
    "expired": SessionExpiredError,
    "full": QueueFullError,
    "login": AuthenticationError,
    "lost": ConnectionLostError,
    "protocol": RemoteProtocolError,
    "server": JobError,
    "validation": ValidationError,
}


@each("outcomes")
def test_a_call_comes_out_as_it_must(case: Case) -> None:
    harness = connected(case)
    name = "/predict" if case["gradio"].startswith("2.") else NAMES[case["function"]["fn_index"]]
    if "before" in case:
        # The stream is open already, for another event of the session.
        harness.queued(name)
        harness.events()
    before = set(harness.requests)
    job = harness.submit(name, *([] if case["function"].get("state") else case["data"]))
    WAYS[case["way"]](harness, job, case)
    assert observed(harness, job, case) == expected(case)
    check_error(job, case["outcome"].get("error"))
    if "sent" in case:
        check_sent(said_by_client(harness, before), case["sent"], job.session_hash)


def connected(case: Case) -> Harness:
    """A session with the app of the vectors, of that version."""
    version = case["gradio"]
    harness = Harness(route=ROUTES.get(case["way"], "queue"))
    config = config_with(version=version) if int(version[0]) >= 5 else era(version, state=False)
    harness.session.connect()
    harness.config = config
    harness.answer(harness.only("/config"), body=config)
    if harness.pending("/info"):
        harness.answer(harness.only("/info"), 404)
    harness.events()
    return harness


# --- the ways ---------------------------------------------------------------------------------------------------------


def session_stream(harness: Harness, job: Job, case: Case) -> None:
    """One request joins, one stream tells."""
    join = harness.pending("/queue/join")[-1]
    if "before" in case:
        harness.sse(harness.only("/queue/data"), *case["before"])
    answer = case.get("join", {"status": 200, "body": {"event_id": "E1"}})
    harness.answer(join, answer["status"], answer["body"])
    for stream in harness.pending("/queue/data"):
        if stream not in harness.opened:
            harness.open(stream)
        tell(harness, stream, case)


def own_stream(harness: Harness, job: Job, case: Case) -> None:
    """The stream of the job is what joins; its data are asked for."""
    stream = harness.only("/queue/join")
    harness.open(stream)
    tell(harness, stream, case)


def tell(harness: Harness, stream: int, case: Case) -> None:
    """Let the messages come on an event stream."""
    for message in case["said"]:
        if stream in harness.live:
            harness.sse(stream, message)
            harness.commands()
    end(harness, stream, case)


def end(harness: Harness, exchange: int, case: Case) -> None:
    """Let the server, or the network, end what it said."""
    if exchange in harness.live and "then" in case:
        if case["then"] == "ended":
            harness.finish(exchange)
        else:
            harness.fail(exchange)
        harness.commands()


def websocket(harness: Harness, job: Job, case: Case) -> None:
    """The job has a WebSocket."""
    carrier = harness.carrier(job)
    harness.ws_open(carrier)
    for message in case["said"]:
        if carrier not in harness.closing:
            harness.ws_say(carrier, message)
    if "then" in case:
        harness.ws_close(carrier, {"ended": 1000, "broken": 1006, "stopped": 1012}[case["then"]])


def polled(harness: Harness, job: Job, case: Case) -> None:
    """The job is pushed, and asked about."""
    harness.answer(harness.carrier(job), body={"hash": "E1", "queue_position": 0})
    for status in case["said"]:
        harness.answer(harness.ask_status(job), body=status)


def call(harness: Harness, job: Job, case: Case) -> None:
    """One request calls, one stream tells."""
    name = NAMES[case["function"]["fn_index"]]
    harness.answer(harness.only(f"/call{name}"), body={"event_id": "E1"})
    stream = harness.only(f"/call{name}/E1")
    harness.open(stream)
    for event in case["said"]:
        harness.data(stream, f"event: {event['event']}\ndata: {json.dumps(event['data'])}\n\n".encode())
        harness.commands()
    end(harness, stream, case)


def direct(harness: Harness, job: Job, case: Case) -> None:
    """One request, one answer."""
    [answer] = case["said"]
    [request] = harness.pending()
    harness.answer(request, answer["status"], answer["body"])


WAYS = {
    "session stream": session_stream,
    "own stream": own_stream,
    "websocket": websocket,
    "polled": polled,
    "call": call,
    "direct": direct,
}


# --- what became of it ------------------------------------------------------------------------------------------------


def observed(harness: Harness, job: Job, case: Case) -> dict[str, Any]:
    """What the session told of the job, as far as the vector speaks of it."""
    events = [event for event in harness.events() if getattr(event, "job", None) == job.number]
    cursor = job.cursor()
    found: dict[str, Any] = {
        "state": job.state.value.lower() if job.ended else "pending",
        "outputs": [],
        "result": list(job.outputs),
        "started": any(isinstance(event, (JobStarted, OutputGenerated)) for event in events),
        "ranks": [event.rank for event in events if isinstance(event, QueueEstimated)],
        "progress": [list(event.units) for event in events if isinstance(event, JobProgressed)],
        "logs": [(event.level, event.message) for event in events if isinstance(event, JobLogged)],
    }
    found["state"] = {"done": "completed"}.get(found["state"], found["state"])
    while (values := cursor.advance()) is not None:
        found["outputs"].append(list(values))
    told = [list(event.outputs) for event in events if isinstance(event, OutputGenerated)]
    assert found["outputs"][: len(told)] == told
    assert (found["state"] == "completed") == any(isinstance(event, JobCompleted) for event in events)
    return {key: value for key, value in found.items() if key in expected(case)}


def expected(case: Case) -> dict[str, Any]:
    """What the vector says, in our words."""
    outcome = {key: value for key, value in case["outcome"].items() if key != "error"}
    if outcome["state"] == "completed" and "result" not in outcome:
        outcome["result"] = outcome["outputs"][-1]
    if "progress" in outcome:
        outcome["progress"] = [[ProgressUnit(**unit) for unit in units] for units in outcome["progress"]]
    if "logs" in outcome:
        outcome["logs"] = [(line["level"], line["message"]) for line in outcome["logs"]]
    return outcome


def check_error(job: Job, known: dict[str, Any] | None) -> None:
    """Compare the job's error with the one that the vector wants."""
    error = job.error
    if known is None:
        assert error is None
        return
    assert type(error) is ERRORS[known["kind"]]
    if known["kind"] == "app":
        assert error.message == (HIDDEN_ERROR if known["message"] is None else known["message"])
    else:
        assert known.get("message", "") in error.message
    for name in known.keys() - {"kind", "message"}:
        assert getattr(error, name) == known[name]


def said_by_client(harness: Harness, before: set[int]) -> list[Any]:
    """The bodies of the requests, and the messages on WebSockets, in their order."""
    said: list[Any] = []
    for number, request in harness.requests.items():
        if number in harness.texts:
            said += harness.sent(number)
        elif request.method == "POST" and number not in before:
            said.append(json_body(request))
    return said


def check_sent(said: list[Any], wanted: list[dict[str, Any]], session_hash: str) -> None:
    """What must be sent is there; ``S`` is any session hash, but always the same. More may be said."""
    assert len(said) == len(wanted)
    for ours, theirs in zip(said, wanted, strict=True):
        named = {key: session_hash if value == "S" else value for key, value in theirs.items()}
        assert {key: ours.get(key) for key in named} == named
