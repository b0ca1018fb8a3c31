"""The schemas and the core know the same messages, and the same fields of messages and documents."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gradproto import UnknownMessageReceived, _messages, _own_streams, _streams, _websockets, use_json
from gradproto._api_info import parse_api_info
from gradproto._config import read_config
from gradproto._diff import apply_diff
from gradproto._files import FILE_FIELDS, FileData
from gradproto._messages import _HANDLERS
from gradproto_conformance._clauses import clauses, version_of
from tests.core.driving import Harness, config_with, era
from tests.recordings import FOLDER

SCHEMAS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (FOLDER.parent / "schemas").glob("*.json")
}
DEFINITIONS: dict[str, Any] = SCHEMAS["message"]["$defs"]
MESSAGES: dict[str, Any] = {
    made["properties"]["msg"]["const"]: made for name, made in DEFINITIONS.items() if name.startswith("message_")
}
# One version of each way in which messages come, and which pages of clauses are about that way.
WAYS = {
    "3.1.5": {"EVENT", "WS"},
    "3.4.1": {"EVENT", "WS"},
    "3.50.2": {"EVENT", "WS"},
    "4.0.2": {"EVENT", "OWN"},
    "4.8.0": {"EVENT", "OWN"},
    "4.12.0": {"EVENT", "QUEUE"},
    "4.20.0": {"EVENT", "QUEUE"},
    "4.44.1": {"EVENT", "QUEUE", "CANCEL"},
    "6.31.0": {"EVENT", "QUEUE", "CANCEL", "STREAM"},
}


# The messages after which nothing more is said of an event.
ENDS = {"process_completed", "queue_full", "server_stopped", "unexpected_error"}


class Watched(dict[str, Any]):
    """An object of JSON that knows which of its fields were asked for."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)


def watched(text: bytes | str) -> Any:
    return json.loads(text, object_hook=Watched)


# --- messages ---------------------------------------------------------------------------------------------------------


def test_the_core_and_the_schemas_know_the_same_messages() -> None:
    compared = {
        constant.value
        for module in (_messages, _own_streams, _streams, _websockets)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "kind"
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant)
    }
    assert compared >= {"send_hash", "send_data", "queue_full", "server_stopped"}, "the source is written otherwise"
    assert compared | _HANDLERS.keys() == MESSAGES.keys()


def said() -> Iterator[tuple[str, str]]:
    """Each generation with the messages that its servers say, by the clauses that a schema names."""
    for version, pages in WAYS.items():
        for msg, schema in MESSAGES.items():
            cited = re.findall(r"[A-Z]+-\d+\.\d+", schema["description"])
            assert cited, msg
            if any(id.partition("-")[0] in pages and clauses()[id].holds_for(version_of(version)) for id in cited):
                yield version, msg


SAID = list(said())


def test_every_message_is_said_by_some_generation() -> None:
    assert {msg for _, msg in SAID} == MESSAGES.keys()
    assert len(SAID) > 60


@pytest.mark.parametrize(("version", "msg"), SAID, ids=map("-".join, SAID))
def test_a_generation_knows_the_messages_that_its_servers_say(version: str, msg: str) -> None:
    harness = Harness()
    harness.session.connect()
    config = config_with(version=version) if version_of(version) >= (5,) else era(version, state=False)
    harness.answer(harness.only("/config"), body=config)
    if harness.pending("/info"):
        harness.answer(harness.only("/info"), 404)
    job = harness.submit("/count", 3)
    carrier = harness.accept(job)
    if msg not in ("send_hash", "send_data", "queue_full"):
        harness.begin(job)
    harness.events()
    message = {**example(MESSAGES[msg]), "event_id": f"event-{job.number}"}
    if msg in ("unexpected_error", "server_stopped"):
        del message["event_id"]
    if carrier in harness.texts:
        harness.ws_say(carrier, message)
    else:
        harness.sse(carrier, message)
    assert not [event for event in harness.events() if isinstance(event, UnknownMessageReceived)]
    assert job.ended == (msg in ENDS)


def example(schema: Any) -> Any:
    """The first thing that a schema allows, with all its fields."""
    if "$ref" in schema:
        return example(DEFINITIONS[schema["$ref"].rpartition("/")[2]])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return example(schema[key][0])
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][-1]
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        return {name: example(value) for name, value in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema["items"])] if "items" in schema else ["x"]
    return {"string": "x", "integer": 1, "number": 1.5, "boolean": True}[kind]


@pytest.fixture
def seen() -> Iterator[list[Any]]:
    """Every document that the core reads."""
    documents: list[Any] = []

    def loads(text: bytes | str) -> Any:
        documents.append(watched(text))
        return documents[-1]

    use_json(loads=loads)
    yield documents
    use_json()


# What a schema tells that a client can do without.
UNREAD = {
    "estimation": {"avg_event_process_time", "avg_event_concurrent_process_time", "queue_eta"},
    "process_generating": {"success"},
    "process_streaming": {"success"},
    "process_completed": {"used_cache", "cache_duration", "avg_time"},
    # Only of one that is about the whole stream it matters whether the session is known.
    "unexpected_error": {"session_not_found", "success"},
}


@pytest.mark.parametrize("msg", _HANDLERS)
def test_the_core_asks_a_message_for_the_fields_of_its_schema(msg: str, seen: list[Any]) -> None:
    schema = MESSAGES[msg]
    asked: set[str] = set()
    # One that went well, and one that failed: not both are asked for everything.
    for success in (True, False):
        harness = Harness().connect()
        job = harness.running("/count", 3)
        message = {**example(schema), "event_id": f"event-{job.number}"}
        if "success" in schema["properties"]:
            message["success"] = success
        harness.sse(harness.stream_of(job), message)
        asked |= seen[-1].asked
    assert asked == schema["properties"].keys() - UNREAD.get(msg, set())


# --- documents --------------------------------------------------------------------------------------------------------

NEWEST = FOLDER / "6.31.0"
# What a client can do without, or asks for only where another field is missing.
CONFIG_UNREAD = {"is_space"}
DEPENDENCY_UNREAD = {"max_batch_size", "render_id", "show_api"}
ENDPOINT_UNREAD = {"show_api"}


def asked_of(objects: list[Any]) -> set[str]:
    """The fields that some of the objects were asked for."""
    return {key for one in objects for key in one.asked}


def test_the_core_asks_a_config_for_the_fields_of_its_schema() -> None:
    document = watched((NEWEST / "config.json").read_bytes())
    read_config(document)
    schema = SCHEMAS["config"]
    # By this one a config of Gradio 2 is known.
    assert document.asked - {"input_components"} == schema["properties"].keys() - CONFIG_UNREAD
    component, dependency = (schema["$defs"][name]["properties"] for name in ("component", "dependency"))
    assert asked_of(document["components"]) == component.keys()
    assert asked_of(document["dependencies"]) == dependency.keys() - DEPENDENCY_UNREAD


def test_the_core_asks_a_description_for_the_fields_of_its_schema(seen: list[Any]) -> None:
    parse_api_info((NEWEST / "info.json").read_bytes(), url="http://app.test")
    [document] = seen
    schema = SCHEMAS["info"]
    assert document.asked == schema["properties"].keys()
    endpoint, parameter, result = (schema["$defs"][name]["properties"] for name in ("endpoint", "parameter", "result"))
    endpoints = list(document["named_endpoints"].values())
    assert asked_of(endpoints) == endpoint.keys() - ENDPOINT_UNREAD
    assert asked_of([one for made in endpoints for one in made["parameters"]]) == parameter.keys()
    assert asked_of([one for made in endpoints for one in made["returns"]]) == result.keys()


def test_a_file_of_the_core_has_the_fields_of_its_schema() -> None:
    assert SCHEMAS["file"]["properties"].keys() == FILE_FIELDS
    assert FileData(path="x").to_json().keys() == FILE_FIELDS


def test_the_actions_of_edits_are_those_of_the_core() -> None:
    for action in SCHEMAS["edits"]["items"]["prefixItems"][0]["enum"]:
        operand = "y" if action == "append" else None
        assert apply_diff({"a": "x"}, [[action, ["a"], operand]]) != {"a": "x"}
