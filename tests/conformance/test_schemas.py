"""The schemas of ``spec/schemas``: they are schemas, and all that was recorded of real servers fits them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import h11
import pytest
from jsonschema import Draft202012Validator
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from gradproto._sse import EventStreamParser
from tests.recordings import FOLDER, Recording, raw, recordings

SCHEMAS = FOLDER.parent / "schemas"
NAMES = sorted(path.name for path in SCHEMAS.glob("*.json"))


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of one schema."""
    return Draft202012Validator(json.loads((SCHEMAS / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_says_what_it_is_about(name: str) -> None:
    schema = validator(name).schema
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == name
    assert schema["title"]
    assert schema["description"]


def answers(recording: Recording) -> Iterator[tuple[str, h11.Response, bytes]]:
    """Each answer of a recorded server by HTTP: what was asked for, its head and its body as far as it came."""
    for sent, got in conversations(recording):
        server = h11.Connection(h11.SERVER)
        server.receive_data(sent)
        request = server.next_event()
        if not isinstance(request, h11.Request) or b"upgrade: websocket" in sent.lower():
            continue
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=request.method, target=request.target, headers=[("host", "x")]))
        client.send(h11.EndOfMessage())
        client.receive_data(got)
        head = client.next_event()
        if not isinstance(head, h11.Response):
            continue
        body = b""
        while isinstance(event := client.next_event(), h11.Data):
            body += event.data
        yield request.target.decode(), head, body


def conversations(recording: Recording) -> Iterator[tuple[bytes, bytes]]:
    """What went there and what came back on each connection."""
    lines = [json.loads(line) for line in recording.path.read_text(encoding="utf-8").splitlines()]
    for number in sorted({line["conn"] for line in lines}):
        yield tuple(  # type: ignore[misc]
            b"".join(raw(line) for line in lines if (line["conn"], line["dir"]) == (number, direction))
            for direction in ("c2s", "s2c")
        )


def messages(recording: Recording) -> Iterator[dict[str, Any]]:
    """Every message of a recorded server, by whichever way it came."""
    for target, head, body in answers(recording):
        kind = dict(head.headers).get(b"content-type", b"")
        if not kind.startswith(b"text/event-stream") or "/call/" in target or "heartbeat" in target:
            continue
        parser = EventStreamParser()
        parser.add_data(body)
        while (event := parser.next_event()) is not None:
            yield json.loads(event.data)
    for sent, got in conversations(recording):
        if b"upgrade: websocket" in sent.lower() and got.startswith(b"HTTP/1.1 101"):
            frames = Connection(ConnectionType.CLIENT, trailing_data=got.partition(b"\r\n\r\n")[2])
            text = ""
            for event in frames.events():
                if isinstance(event, TextMessage):
                    text += event.data
                    if event.message_finished:
                        yield json.loads(text)
                        text = ""


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_recorded_messages_fit(recording: Recording) -> None:
    found = list(messages(recording))
    for message in found:
        validator("message.json").validate(message)
    generation = tuple(map(int, recording.expected.gradio.split(".")))
    refused = recording.path.stem == "queue_full" and generation >= (4, 9)
    if recording.expected.route == "queue" and generation >= (3, 3) and not refused:
        assert found, "no message was found: the test reads nothing"


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_recorded_documents_fit(recording: Recording) -> None:
    is_old = "dependencies" not in recording.config
    validator("config2.json" if is_old else "config.json").validate(recording.config)
    if recording.info is not None:
        validator("info.json").validate(recording.info)


# What goes to which route and what comes back, as the names of schemas; None is what is no JSON document.
BODIES: dict[tuple[str, str, int], tuple[str | None, str | None]] = {
    ("GET", r"/config", 401): (None, "refusal.json"),
    ("GET", r"/file=.*", 200): (None, None),
    ("GET", r"/queue/data", 200): (None, None),
    ("GET", r"/queue/join", 200): (None, None),
    ("GET", r"/queue/join", 101): (None, None),
    ("GET", r"/call/\w+/\w+", 200): (None, None),
    ("POST", r"/call/\w+", 200): ("predict.json", "joined.json"),
    ("POST", r"/(api|run)/predict/?", 200): ("predict.json", "answer.json"),
    ("POST", r"/(api|run)/predict/?", 500): ("predict.json", "answer.json"),
    ("POST", r"/api/queue/push/", 200): ("poll.json", "poll.json"),
    ("POST", r"/api/queue/status/", 200): ("poll.json", "poll.json"),
    ("POST", r"/queue/join", 200): ("join.json", "joined.json"),
    ("POST", r"/queue/join", 422): ("join.json", "refusal.json"),
    ("POST", r"/queue/join", 503): ("join.json", "refusal.json"),
    ("POST", r"/queue/data", 200): ("join.json", None),
    ("POST", r"/cancel", 200): ("cancel.json", "success.json"),
    ("POST", r"/reset", 200): ("cancel.json", "success.json"),
    ("POST", r"/upload", 200): (None, "upload.json"),
    ("POST", r"/login", 200): (None, "success.json"),
    ("POST", r"/login", 302): (None, None),
}


def test_every_recorded_body_fits() -> None:
    met: set[tuple[str, str, int]] = set()
    for recording in recordings():
        for sent, got in conversations(recording):
            row = row_of(sent, got)
            met.add(row)
            request, answer = BODIES[row]
            if request is not None:
                validator(request).validate(json.loads(sent.partition(b"\r\n\r\n")[2]))
            # Where it hides its errors, Gradio 2 fails with a plain text.
            if answer is not None and (body := body_of(got)) != b"Internal Server Error":
                validator(answer).validate(json.loads(body))
    assert met == BODIES.keys(), "a row is about nothing that was recorded"


def row_of(sent: bytes, got: bytes) -> tuple[str, str, int]:
    """Which row of the table a recorded request is."""
    method, target, _ = sent.split(b"\r\n", 1)[0].decode().split(" ")
    route = target.partition("?")[0].removeprefix("/gradio_api")
    status = int(got.split(b" ", 2)[1])
    [row] = [row for row in BODIES if row[0] == method and row[2] == status and re.fullmatch(row[1], route)]
    return row


def body_of(got: bytes) -> bytes:
    """The body of a short answer."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.receive_data(got)
    client.next_event()
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    return body


def test_every_recorded_word_of_a_client_on_a_websocket_fits() -> None:
    counts = {"hash.json": 0, "join.json": 0}
    for recording in recordings():
        for exchange in recording.exchanges:
            for text in exchange.messages:
                message = json.loads(text)
                name = "join.json" if "data" in message else "hash.json"
                validator(name).validate(message)
                counts[name] += 1
    assert min(counts.values()) >= 30


def test_recorded_events_of_the_simple_api_have_lists_of_values() -> None:
    kinds: list[str] = []
    for recording in recordings():
        for target, _, body in answers(recording):
            if "/call/" in target and body.startswith(b"event: "):
                parser = EventStreamParser()
                parser.add_data(body)
                while (event := parser.next_event()) is not None:
                    kinds.append(event.event)
                    assert isinstance(json.loads(event.data), list)
    assert set(kinds) == {"generating", "complete"}


def test_recorded_edits_and_files_fit() -> None:
    edits = files = 0
    for recording in recordings():
        seen: set[str] = set()
        for message in messages(recording):
            if message["msg"] != "process_generating" or "data" not in message["output"]:
                continue
            if message.get("event_id") in seen and _has_edits(recording):
                for value in message["output"]["data"]:
                    validator("edits.json").validate(value)
                    edits += len(value)
            seen.add(message.get("event_id") or "")
        for message in messages(recording):
            for value in _files_in(message):
                validator("file.json").validate(value)
                files += 1
    assert edits > 50
    assert files > 3


def _has_edits(recording: Recording) -> bool:
    return tuple(map(int, recording.expected.gradio.split("."))) >= (4, 17)


def _files_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("meta"), dict) and "path" in value:
            yield value
        for inner in value.values():
            yield from _files_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _files_in(inner)


WRONG: list[tuple[str, Any]] = [
    ("message.json", {"msg": "estimation", "rank": 0}),
    ("message.json", {"msg": "process_completed", "success": True}),
    ("message.json", {"msg": "process_completed", "output": {"data": 1}, "success": True}),
    ("message.json", {"msg": "log", "log": "x", "level": "loud"}),
    ("message.json", {"msg": "unexpected_error", "message": None, "success": False}),
    ("message.json", {"msg": "of another kind"}),
    ("edits.json", [["swap", [], 1]]),
    ("edits.json", [["replace", [1.5], 1]]),
    ("file.json", {"url": "x"}),
    ("file.json", {"path": "x", "meta": {"_type": "another"}}),
    ("answer.json", {"durations": [1]}),
    ("cancel.json", {"fn_index": 0}),
    ("hash.json", {"fn_index": 0}),
    ("joined.json", {"event_id": ""}),
    ("poll.json", {"action": "predict"}),
    ("poll.json", {"status": "COMPLETE", "data": {"error": "x"}}),
    ("poll.json", {"status": "AWAY"}),
    ("predict.json", {"data": "x"}),
    ("refusal.json", {"detail": [{"__type__": "validate"}]}),
    ("refusal.json", {"detail": None}),
    ("success.json", {"success": False}),
    ("upload.json", ["x", None]),
    ("join.json", {"fn_index": 0}),
    ("config.json", {"version": "6", "components": [{"id": "a"}], "dependencies": []}),
    ("config2.json", {"version": "2", "input_components": [], "output_components": [], "dependencies": []}),
    ("info.json", {"named_endpoints": {"echo": {}}, "unnamed_endpoints": {}}),
]


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_what_is_wrong_does_not_fit(name: str, wrong: Any) -> None:
    assert not validator(name).is_valid(wrong)


def test_every_schema_refuses_something() -> None:
    assert {name for name, _ in WRONG} == set(NAMES)
