"""Mutants of what lasts: cancelling, State, heartbeats, rendered functions, and inputs that go on."""

from __future__ import annotations

from typing import Any

from gradproto_fake_server import FakeApp
from tests.conformance.bending import Rule, drop, put, say, unsay
from tests.conformance.mutating import Mutant, data_of, mutant

__all__ = ["MUTANTS"]


def _is_completion_of(text: str) -> Any:
    return lambda message: (message.get("output") or {}).get("data") == [text]


def _kill_all(app: FakeApp) -> None:
    for job in list(app.queue.events.values()):
        if job.state != "queued":
            job.kill()


_SUCCESS: dict[str, Any] = {"status": 200, "body": '{"success": true}', "content_type": "application/json"}

CANCEL = [
    mutant(
        "no cancelling of what is not there",
        "cancelling an event that is not there gives 404",
        Rule(on="POST */cancel", by="cancelling-what-is-not-there", status={200: 404}),
        {"cancel-unknown-event": "404"},
    ),
    mutant(
        "cancelling without success",
        "cancelling an event that runs does not say that it went well",
        Rule(on="POST */cancel", by="cancelling-a-generator", value=put("success", False)),
        {"cancel-answers-success": "false"},
        cuts=("cancelling-a-generator",),
    ),
    mutant(
        "a cancelled event has values",
        "an event that was cancelled is completed with values",
        Rule(on=data_of("cancelling-a-generator"), tell=say("process_completed", put("output.data", ["x"]))),
        {"cancel-completes-event": '"x"'},
    ),
    Mutant(
        name="cancelling does nothing",
        wrong="an event goes on when it was cancelled, though that is said to have gone well",
        change=lambda app: app.fail("POST */cancel", times=None, **_SUCCESS),
        fails={
            "cancel-stops-generator": "process_generating",
            "cancel-completes-event": "data",
            "cancel-completes-queued": "within",
            "cancel-takes-queued-out": "begin",
        },
    ),
    mutant(
        "cancelling one is cancelling all",
        "cancelling an event ends those of other sessions",
        Rule(on="POST */cancel", by="cancelling-a-generator", also=_kill_all),
        {"cancel-leaves-other-sessions": "process_generating"},
    ),
    Mutant(
        name="who waits runs all the same",
        wrong="a queued event that was cancelled runs, though it was completed",
        profile={"cancel_takes_out": False},
        fails={"cancel-takes-queued-out": "begin"},
    ),
    mutant(
        "who waits hears nothing",
        "a queued event that was cancelled is not completed",
        Rule(
            on=data_of("cancelling-what-waits"),
            tell=unsay("process_completed", only=lambda message: message["output"] == {}),
        ),
        {"cancel-completes-queued": "ended"},
    ),
    Mutant(
        name="resets do nothing",
        wrong="a reset does not stop a generator",
        profile={"reset_works": False},
        fails={"reset-stops-generator": "end", "reset-says-nothing": "process_generating"},
        version="4.0.2",
    ),
    Mutant(
        name="resets do not restart",
        wrong="a reset does not let a generator begin anew",
        change=lambda app: app.fail("POST /reset", times=None, **_SUCCESS),
        fails={"reset-restarts-generator": "step 0"},
        version="3.50.2",
    ),
]


def _forget(app: FakeApp) -> None:
    app.named("state").function = lambda _seen: (1, 1)


def _believe(app: FakeApp) -> None:
    app.named("state").function = lambda seen: (41, 41) if seen == 2 else (seen + 1, seen + 1)


def _as_the_first(value: Any) -> Any:
    """Take the other session that counts its visits for the first, in a target or in a call."""
    if isinstance(value, str):
        return value.replace("-visits-session-2", "-visits-session-1")
    return {key: _as_the_first(one) if key == "session_hash" else one for key, one in value.items()}


STATE = [
    Mutant(
        name="State is forgotten",
        wrong="State is as new with each call",
        change=_forget,
        fails={"state-is-kept": "[1, 1]", "state-is-not-sent": "1", "call-state": "1"},
    ),
    Mutant(
        name="State is what is sent",
        wrong="the third call of a session counts from what its client sent",
        change=_believe,
        fails={"state-is-not-sent": "41"},
    ),
    Mutant(
        name="State is shared",
        wrong="all sessions have one State",
        rules=(
            Rule(on="POST */queue/join", sent=_as_the_first),
            Rule(on="GET */queue/data*", target=_as_the_first),
        ),
        fails={"state-is-apart": "4"},
    ),
    Mutant(
        name="no heartbeats",
        wrong="there is no heartbeat of a session",
        change=lambda app: app.inject("crash", "GET */heartbeat/*", times=None),
        fails={"heartbeat-at-once": "500"},
        cut_off=frozenset({"heartbeat-goes-on", "between-first-event-at-once"}),
    ),
    Mutant(
        name="one heartbeat only",
        wrong="after the first heartbeat no other comes",
        change=lambda app: app.inject("silence", "GET */heartbeat/*", times=None),
        fails={"heartbeat-goes-on": '["ALIVE"]'},
    ),
    mutant(
        "rendered in silence",
        "what was rendered is not told",
        Rule(on=data_of("functions-that-come"), tell=say("process_completed", drop("output.render_config"))),
        {"render-tells-functions": "process_completed"},
        cuts=("functions-that-come",),
    ),
    mutant(
        "rendered in vain",
        "a function that was rendered gives something else",
        Rule(
            on=data_of("functions-that-come"),
            tell=say("process_completed", put("output.data.0", "in vain"), only=_is_completion_of("call it")),
        ),
        {"render-functions-run": "in vain"},
    ),
    mutant(
        "rendered for everybody",
        "a function that was rendered can be called in other sessions",
        Rule(
            on="POST */queue/join",
            sent=lambda call: (
                {**call, "fn_index": 0} if "functions-that-come-session-2" in str(call.get("session_hash")) else call
            ),
        ),
        {"render-is-apart": "event_id"},
    ),
]

STREAMS = [
    mutant(
        "pieces as differences",
        "the answer to the first piece is another",
        Rule(
            on=data_of("a-stream-of-pieces"),
            tell=say("process_streaming", put("output.data.0", [["append", [], "x"]])),
        ),
        {"stream-first-piece": "append"},
        cuts=("a-stream-of-pieces",),
    ),
    mutant(
        "the next piece is refused",
        "a piece that follows gives 404",
        Rule(on="POST */stream/*", times=1, status={200: 404}),
        {"stream-next-piece": "404"},
    ),
    Mutant(
        name="streams are not closed",
        wrong="a stream that is closed is not completed",
        change=lambda app: app.fail("POST */stream/*/close", times=None, **_SUCCESS),
        fails={"stream-is-closed": "no process_completed"},
    ),
    Mutant(
        name="streams without a limit",
        wrong="a stream goes on when its time is over",
        change=lambda app: setattr(app.named("stream"), "time_limit", None),
        fails={"stream-time-limit": "no process_completed"},
    ),
]

MUTANTS = [*CANCEL, *STATE, *STREAMS]
