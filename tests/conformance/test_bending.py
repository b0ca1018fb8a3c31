"""The layer by which mutants deviate: each thing that a rule can do, and that it does nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
import trio.testing

from gradproto_conformance._probe import Probe, open_probe
from gradproto_fake_server import FakeApp
from gradproto_fake_server.trio import open_memory_server
from tests.conformance.bending import END, BentApp, Rule, drop, header, put, say, say_twice, unsay
from tests.conformance.mutating import Message

VERSION = "6.31.0"
PREFIX = "/gradio_api"


def bent(*rules: Rule, version: str = VERSION, **other: Any) -> FakeApp:
    app = BentApp(version, rules=rules, other=other)

    @app.endpoint("/echo")
    def echo(text: str) -> str:
        return text

    return app


def conversation(app: FakeApp, talk: Callable[[Probe], Any]) -> Any:
    """Give what comes of a conversation with the app."""

    async def main() -> Any:
        async with (
            open_memory_server(app) as network,
            open_probe(network.url, tls=lambda: pytest.fail("no TLS"), open_stream=network.open_stream) as probe,
        ):
            return await talk(probe)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def asked(app: FakeApp, *targets: str) -> list[Any]:
    """Give the answers to requests, one after the other."""

    async def talk(probe: Probe) -> list[Any]:
        return [await probe.ask(*target.split(" ")) for target in targets]

    found: list[Any] = conversation(app, talk)
    return found


def told(app: FakeApp, text: str = "hello") -> tuple[list[str], bool]:
    """Give what kinds of messages the stream of one event had, and whether it came to its end within a minute."""

    async def talk(probe: Probe) -> tuple[list[str], bool]:
        call = {"data": [text], "fn_index": 0, "session_hash": "s"}
        await probe.ask("POST", f"{PREFIX}/queue/join", value=call)
        async with probe.open("GET", f"{PREFIX}/queue/data", query={"session_hash": "s"}) as stream:
            with trio.move_on_after(60) as scope:
                while await stream.read():
                    pass
        events = stream.exchange.text.split("\n\n")[:-1]
        kinds = [json.loads(event.removeprefix("data: "))["msg"] for event in events]
        return [kind for kind in kinds if kind != "heartbeat"], not scope.cancelled_caught and stream.exchange.is_whole

    found: tuple[list[str], bool] = conversation(app, talk)
    return found


ALL = ["estimation", "process_starts", "process_completed", "close_stream"]


def test_without_rules_all_is_as_the_fake_server_has_it() -> None:
    (plain,) = asked(bent(), "GET /config")
    app = FakeApp(VERSION)
    app.endpoint("/echo")(lambda text: text)
    assert plain.json().keys() == asked(app, "GET /config")[0].json().keys()
    assert told(bent()) == (ALL, True)


def test_a_document_is_changed_with_its_length() -> None:
    rule = Rule(on="GET /config", value=put("title", "é" * 5))
    (answer,) = asked(bent(rule), "GET /config")
    assert answer.json()["title"] == "é" * 5
    assert answer.header("content-length") == str(len(answer.body))


def test_status_headers_and_bytes_are_changed() -> None:
    rule = Rule(on="GET /config", status={200: 418}, headers=header("x-new", "1"), body=lambda body: body[:7])
    (answer,) = asked(bent(rule), "GET /config")
    assert (answer.status, answer.header("x-new"), len(answer.body), answer.is_whole) == (418, "1", 7, True)


def test_a_header_is_removed() -> None:
    answers = asked(bent(Rule(on="POST /config", headers=header("allow", None))), "POST /config", "PUT /config")
    assert [answer.header("allow") for answer in answers] == [None, "GET"]


def test_a_rule_is_for_its_requests_only() -> None:
    rules = [
        Rule(on="GET */queue/status?x=*", status={200: 299}),
        Rule(on="GET /config", when=lambda exchange: "x-other" in exchange.headers, status={200: 298}),
    ]
    targets = (f"GET {PREFIX}/queue/status", f"GET {PREFIX}/queue/status?x=1", "GET /config")
    assert [answer.status for answer in asked(bent(*rules), *targets)] == [200, 299, 200]


def test_a_rule_is_for_some_of_its_requests() -> None:
    answers = asked(bent(Rule(on="GET /config", skip=1, times=2, status={200: 299})), *["GET /config"] * 4)
    assert [answer.status for answer in answers] == [200, 299, 299, 200]


def test_a_rule_may_do_something_besides() -> None:
    came: list[FakeApp] = []
    app = bent(Rule(on="GET /config", also=came.append))
    asked(app, "GET /config")
    assert came == [app]


def test_another_target_is_heard() -> None:
    rule = Rule(on="GET /elsewhere*", target=lambda target: target.replace("/elsewhere", "/config"))
    assert asked(bent(rule), "GET /elsewhere")[0].json()["title"] == "Gradio"


def test_another_body_is_heard() -> None:
    app = bent(Rule(on="POST */run/echo", sent=put("data.0", "changed")))

    async def talk(probe: Probe) -> Any:
        return (await probe.ask("POST", f"{PREFIX}/run/echo", value={"data": ["sent"]})).json()["data"]

    assert conversation(app, talk) == ["changed"]


def test_the_profile_is_another() -> None:
    (answer,) = asked(bent(api_prefix="/else"), "GET /else/info")
    assert answer.status == 200


@pytest.mark.parametrize(
    ("tell", "kinds"),
    [
        (unsay("estimation", "close_stream"), ["process_starts", "process_completed"]),
        (unsay("estimation", only=lambda _: False), ALL),
        (say_twice("process_starts"), [*ALL[:2], *ALL[1:]]),
        (say("close_stream", put("msg", "farewell")), [*ALL[:3], "farewell"]),
        (
            say("*", put("msg", "x"), only=lambda message: message["msg"].startswith("process_")),
            ["estimation", "x", "x", "close_stream"],
        ),
        (lambda message, _: [message, END] if message["msg"] == "process_starts" else [message], ALL[:2]),
        (lambda message, earlier: [{"msg": str(len(earlier))}], ["0", "1", "2", "3"]),
    ],
)
def test_messages_of_a_stream_are_changed(tell: Callable[[Message, Sequence[Message]], Any], kinds: list[str]) -> None:
    assert told(bent(Rule(on="GET */queue/data*", tell=tell))) == (kinds, True)


def test_a_stream_goes_on_without_an_end() -> None:
    assert told(bent(Rule(on="GET */queue/data*", ending="open"))) == (ALL, False)


def test_a_stream_that_would_be_cut_goes_on_too() -> None:
    async def talk(probe: Probe) -> bool:
        async with probe.open("GET", f"{PREFIX}/queue/data", query={"session_hash": "nobody"}) as stream:
            with trio.move_on_after(60) as scope:
                while await stream.read():
                    pass
        return scope.cancelled_caught

    assert conversation(bent(Rule(on="GET */queue/data*", ending="open")), talk)
    assert not conversation(bent(), talk)


def test_the_server_is_none_the_wiser_of_what_is_not_said() -> None:
    app = bent(Rule(on="GET */queue/data*", tell=unsay(*ALL)))
    assert told(app) == ([], True)
    assert [job.state for job in app.jobs.values()] == ["completed"]


@pytest.mark.parametrize(
    ("tell", "kinds"),
    [
        (unsay("estimation"), ["send_hash", "send_data", "process_starts", "process_completed"]),
        (
            say_twice("process_starts"),
            ["send_hash", "estimation", "send_data", "process_starts", "process_starts", "process_completed"],
        ),
        (
            lambda message, _: [message, END] if message["msg"] == "estimation" else [message],
            ["send_hash", "estimation"],
        ),
    ],
)
def test_messages_of_a_websocket_are_changed(
    tell: Callable[[Message, Sequence[Message]], Any], kinds: list[str]
) -> None:
    answers = {
        "send_hash": {"fn_index": 0, "session_hash": "s"},
        "send_data": {"data": ["x"], "fn_index": 0, "session_hash": "s"},
    }

    async def talk(probe: Probe) -> list[str]:
        heard: list[str] = []
        async with probe.websocket("/queue/join") as socket:
            while (message := await socket.receive()) is not None:
                heard.append(message["msg"])
                if message["msg"] in answers:
                    socket.send(answers[message["msg"]])
        return heard

    assert conversation(bent(Rule(on="GET /queue/join", tell=tell), version="3.50.2"), talk) == kinds


def test_a_path_leads_to_keys_items_and_each_of_them() -> None:
    value = {"a": [{"b": 1}, {"b": 2}], "c": {}}
    assert put("a.*.b", 3)(json.loads(json.dumps(value))) == {"a": [{"b": 3}, {"b": 3}], "c": {}}
    assert put("a.1", 3)(json.loads(json.dumps(value))) == {"a": [{"b": 1}, 3], "c": {}}
    assert put("c.new", 3)(json.loads(json.dumps(value))) == {**value, "c": {"new": 3}}
    assert put("", 3)(value) == 3
    assert drop("a.*")(json.loads(json.dumps(value))) == {"a": [], "c": {}}
    assert drop("a.*.b")(json.loads(json.dumps(value))) == {"a": [{}, {}], "c": {}}


@pytest.mark.parametrize("edit", [put("x.y.z", 1), put("a.7", 1), drop("x"), drop("a.7"), drop("a.0.b.c")])
def test_a_path_that_leads_nowhere_changes_nothing(edit: Callable[[Any], Any]) -> None:
    assert edit({"a": [{"b": 1}]}) == {"a": [{"b": 1}]}


def test_a_rule_is_for_the_sessions_of_one_scenario() -> None:
    came: list[FakeApp] = []
    app = bent(Rule(on="POST */queue/join", by="one", also=came.append, status={200: 299}))

    async def talk(probe: Probe) -> list[int | None]:
        names = ("gradproto-0-one-session-1", "gradproto-0-another-session-1")
        calls = [{"data": ["x"], "fn_index": 0, "session_hash": name} for name in names]
        return [(await probe.ask("POST", f"{PREFIX}/queue/join", value=call)).status for call in calls]

    assert conversation(app, talk) == [299, 200]
    assert came == [app]
