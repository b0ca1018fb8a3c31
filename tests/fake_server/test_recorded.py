"""What real servers of 23 versions said, and what the fake one says in their place: the same, but for times and ids.

The recordings are of one app that was run on each version: what its ``/config`` and ``/info`` have, and the queue's
messages of some calls as they came over the wire.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto_fake_server import (
    AppFailure,
    FakeApp,
    Log,
    MemoryServer,
    Progress,
    Sleep,
    Steps,
    json_value,
    number,
    state,
    textbox,
)

from .old_wire import index_of, socket_call, stream_call
from .wire import Http

DATA = Path(__file__).parents[1] / "data" / "fake_server"
RECORDED: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob("*.json"))
}
VOLATILE = {"event_id", "duration", "average_duration", "cache_duration", "avg_time", "eta"}

JSON_STEPS: list[Any] = [
    {"a": "x", "l": [1, 2, 3], "n": {"k": 1}},
    {"a": "xy", "l": [1, 2, 3, 4], "n": {"k": 1, "m": 2}},
    {"a": "z", "l": [1], "n": {"m": 2}},
    {"a": None, "l": [[1, 2], [3, 4]], "n": {"m": "str"}},
    {"a": None, "l": [[1], [3]], "n": {"m": "string"}},
    {"a": None, "l": [[1], [3]], "n": {"m": "string"}},
    ["now", "a", "list"],
    ["now", "a", "longer", "list"],
    [],
    None,
    5,
]

# What each recorded call was given, and its endpoint if that has another name.
CALLS: dict[str, tuple[str, list[Any]]] = {
    "echo": ("echo", []),
    "count": ("count", [3]),
    "count_zero": ("count", [0]),
    "fail": ("fail", ["x"]),
    "fail_value": ("fail_value", ["x"]),
    "noerr_fail_value": ("fail_value", ["x"]),
    "gen_fail": ("gen_fail", [2]),
    "noerr_gen_fail_value": ("gen_fail_value", [2]),
    "state": ("state", [None]),
    "log": ("log", ["hey"]),
    "none": ("none", ["x"]),
    "noout": ("noout", ["x"]),
    "progress": ("progress", [4]),
    "json_diff": ("json_diff", [1]),
    "multi": ("multi", []),
}


def gauntlet(version: str, **options: Any) -> MemoryServer:
    """Make the recorded app again."""
    app = FakeApp(version, **options)

    def add(name: str, function: Callable[..., Any], outputs: list[Any], inputs: list[Any] | None = None) -> None:
        app.endpoint(f"/{name}", inputs=inputs, outputs=outputs)(function)

    def echo(text: str) -> str:
        return text

    def count(n: float) -> Iterator[str]:
        for i in range(int(n)):
            yield str(i)

    def fail(text: str) -> str:
        raise AppFailure(f"gr.Error says: {text}")

    def fail_value(text: str) -> str:
        raise ValueError(f"ValueError says: {text}")

    def gen_fail(n: float) -> Iterator[str]:
        yield from count(n)
        raise AppFailure(f"generator failed after {int(n)}")

    def gen_fail_value(n: float) -> Iterator[str]:
        yield from count(n)
        raise ValueError(f"generator ValueError after {int(n)}")

    def counter(value: int) -> tuple[int, int]:
        return value + 1, value + 1

    def log(text: str) -> Steps[str]:
        yield Log(f"info: {text}")
        yield Log(f"warning: {text}", "warning")
        return text

    def progress(n: float) -> Steps[str]:
        yield Progress(index=0, length=int(n), desc="working")
        yield Sleep(0)
        return f"done {int(n)}"

    def json_diff(n: float) -> Iterator[Any]:
        yield from JSON_STEPS

    counted = state(0)
    text = [textbox("out")]
    add("echo", echo, text)
    add("fail", fail, text)
    add("fail_value", fail_value, text)
    add("state", counter, [number("count"), counted], [counted])
    add("log", log, text)
    add("multi", lambda text: (text, len(text), {"text": text}), [textbox(), number(), json_value()], [textbox()])
    add("none", lambda text: None, text, [textbox("text")])
    add("noout", lambda text: None, [], [textbox("text")])
    add("progress", progress, text)
    if app.profile.generators:
        add("count", count, text)
        add("gen_fail", gen_fail, text)
        add("gen_fail_value", gen_fail_value, text)
        add("json_diff", json_diff, [json_value("json")])
    return MemoryServer(app)


def texts_of(server: MemoryServer, name: str, data: list[Any]) -> list[str]:
    """Make a call; give the messages as they stood on the wire, but those of WebSockets as JSON is written anyway."""
    profile = server.app.profile
    index = index_of(server, name)
    if "join_socket" in profile.routes:
        return [json.dumps(message, separators=(",", ":")) for message in socket_call(server, index, data).messages]
    if "join_stream" in profile.routes:
        body = stream_call(server, index, data)[1].body
    else:
        http = Http(server)
        value = {"data": data, "fn_index": index, "session_hash": "s"}
        assert http.request("POST", f"{profile.api_prefix}/queue/join", value=value).status == 200
        body = http.start("GET", f"{profile.api_prefix}/queue/data?session_hash=s").body
    return [block.removeprefix("data: ") for block in body.decode().split("\n\n")[:-1]]


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        # "duration" is a toast's, not a time, in a log and in an error
        toast = "log" in value or "error" in value
        return [
            (key, "..." if key in VOLATILE and not (toast and key == "duration") else without_times(item))
            for key, item in value.items()
        ]
    return [without_times(item) for item in value] if isinstance(value, list) else value


def compared(texts: list[str]) -> list[Any]:
    """Keep what must be the same: everything but ids and times, and how often and when the place was told."""
    messages = [json.loads(text) for text in texts]
    told = [list(message) for message in messages if message["msg"] == "estimation"]
    rest = [without_times(message) for message in messages if message["msg"] != "estimation"]
    return [told[:1], *rest]


RECORDED_CALLS = [
    (version, scenario)
    for version, recorded in RECORDED.items()
    for scenario in recorded["messages"]
    if scenario in CALLS
]


@pytest.mark.parametrize(("version", "scenario"), RECORDED_CALLS)
def test_a_call_has_the_messages_of_the_real_server(version: str, scenario: str) -> None:
    recorded: list[str] = RECORDED[version]["messages"][scenario]
    name, data = CALLS[scenario]
    if not data:
        data = json.loads(recorded[-1 if "process_completed" in recorded[-1] else -2])["output"]["data"][:1]
    server = gauntlet(version, show_error=not scenario.startswith("noerr"))
    texts = texts_of(server, name, data)
    assert compared(texts) == compared(recorded)
    # Spaces, or none; escapes have no place in these texts.
    assert ['": ' in text for text in texts[:2]] == ['": ' in text for text in recorded[:2]]


@pytest.mark.parametrize(
    "version", [v for v, recorded in RECORDED.items() if "stream_before_join" in recorded["messages"]]
)
def test_an_unknown_session_is_told_as_the_real_server_does(version: str) -> None:
    server = gauntlet(version)
    response = Http(server).start("GET", f"{server.app.profile.api_prefix}/queue/data?session_hash=nobody")
    assert [response.body.decode()] == [
        f"data: {text}\n\n" for text in RECORDED[version]["messages"]["stream_before_join"]
    ]
    assert not response.whole


@pytest.mark.parametrize("version", RECORDED)
def test_the_documents_have_the_fields_of_the_real_server(version: str) -> None:
    recorded = RECORDED[version]
    server = MemoryServer(FakeApp(version)) if version == "2.9.4" else gauntlet(version)
    http = Http(server)
    config = http.request("GET", "/config").json
    assert sorted(config) == recorded["config"]
    if "dependency" not in recorded:
        return
    dependency = config["dependencies"][0]
    assert sorted(dependency) == recorded["dependency"]
    assert sorted(dependency.get("types", {})) == recorded["types"]
    assert dependency["queue"] == recorded["queue"]
    components = {component["type"]: component for component in config["components"]}
    assert sorted(components["textbox"]) == recorded["value_component"]
    assert recorded["state"] in components
    response = http.request("GET", f"{server.app.profile.api_prefix}/info")
    assert response.status == (200 if "info" in recorded else 404)
    if "info" in recorded:
        described = response.json["named_endpoints"]["/echo"]
        assert [list(described), list(described["parameters"][0]), list(described["returns"][0])] == recorded["info"]
