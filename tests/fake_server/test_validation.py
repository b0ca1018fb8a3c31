from __future__ import annotations

from typing import Any

import pytest

from gradproto_fake_server import MemoryServer, demo_app
from gradproto_fake_server._validation import PREDICT_BODY, Invalid, parse_body, parse_object, read_json

from .wire import Http

JSON = "application/json"


def details(function: Any, *args: Any) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as caught:
        function(*args)
    return caught.value.details


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json"]
)
def test_a_body_is_json_if_it_says_so(content_type: str) -> None:
    assert read_json(b'{"a":1}', content_type) == {"a": 1}


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "text/json", "application/x"])
def test_a_body_that_does_not_say_so_is_a_text(content_type: str | None) -> None:
    assert read_json(b'{"a":1}\xff', content_type) == '{"a":1}\ufffd'


def test_no_body_is_a_missing_body() -> None:
    assert details(read_json, b"", JSON) == [
        {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}
    ]


@pytest.mark.parametrize(
    ("body", "place", "text"),
    [
        (b"{bad", 1, "Expecting property name enclosed in double quotes"),
        (b"[1,", 3, "Expecting value"),
        (b'{"a" 1}', 5, "Expecting ':' delimiter"),
        (b"{} x", 3, "Extra data"),
    ],
)
def test_a_body_that_is_no_json_is_told_where(body: bytes, place: int, text: str) -> None:
    (detail,) = details(read_json, body, JSON)
    assert (detail["type"], detail["loc"], detail["ctx"]) == ("json_invalid", ["body", place], {"error": text})


@pytest.mark.parametrize("body", [b'"\xff"', b"[" * 100_000])
def test_a_body_that_no_parser_survives_is_refused(body: bytes) -> None:
    (detail,) = details(read_json, body, JSON)
    assert detail["type"] == "json_invalid"


def test_absent_fields_have_their_defaults_and_unknown_ones_are_dropped() -> None:
    assert parse_body({"data": [], "other": 1}, PREDICT_BODY) == {
        "session_hash": None,
        "event_id": None,
        "data": [],
        "oauth_token": None,
        "event_data": None,
        "fn_index": None,
        "trigger_id": None,
        "simple_format": False,
        "batched": False,
    }


@pytest.mark.parametrize(
    ("name", "given", "parsed"),
    [
        ("fn_index", 3.0, 3),
        ("fn_index", " 12 ", 12),
        ("fn_index", "-1", -1),
        ("fn_index", True, 1),
        ("fn_index", None, None),
        ("session_hash", "é", "é"),
        ("event_data", {"a": [1]}, {"a": [1]}),
        ("batched", "Yes", True),
        ("batched", "off", False),
        ("batched", 1, True),
        ("batched", 0.0, False),
        ("batched", None, None),
    ],
)
def test_fields_are_read_as_leniently_as_gradio_reads_them(name: str, given: Any, parsed: Any) -> None:
    value = parse_body({"data": [], name: given}, PREDICT_BODY)[name]
    assert value == parsed
    assert type(value) is type(parsed)


@pytest.mark.parametrize(
    ("name", "given", "kind"),
    [
        ("data", None, "list_type"),
        ("data", {}, "list_type"),
        ("fn_index", 1.5, "int_from_float"),
        ("fn_index", "1.5", "int_parsing"),
        ("fn_index", [], "int_type"),
        ("session_hash", 3, "string_type"),
        ("batched", "maybe", "bool_parsing"),
        ("batched", 2, "bool_parsing"),
        ("batched", [], "bool_type"),
        ("simple_format", None, "bool_type"),
    ],
)
def test_fields_of_the_wrong_kind_are_refused(name: str, given: Any, kind: str) -> None:
    (detail,) = details(parse_body, {"data": [], name: given}, PREDICT_BODY)
    assert (detail["type"], detail["loc"], detail["input"]) == (kind, ["body", name], given)


@pytest.mark.parametrize(
    ("function", "kind"),
    [(lambda v: parse_body(v, PREDICT_BODY), "model_attributes_type"), (parse_object, "dict_type")],
)
def test_a_body_that_is_no_object_is_refused(function: Any, kind: str) -> None:
    for given in ([1], "x", None, 1):
        (detail,) = details(function, given)
        assert (detail["type"], detail["loc"], detail["input"]) == (kind, ["body"], given)


@pytest.mark.parametrize(
    ("value", "status", "detail"),
    [
        ({"data": [], "fn_index": 0}, 400, "Session hash not found."),
        ({"data": [], "session_hash": "s"}, 400, "No function index provided."),
    ],
)
def test_a_join_without_session_or_function_is_refused(value: Any, status: int, detail: str) -> None:
    response = Http(MemoryServer(demo_app())).request("POST", "/gradio_api/queue/join", value=value)
    assert (response.status, response.json) == (status, {"detail": detail})


@pytest.mark.parametrize("path", ["queue/join", "call/echo", "call/v2/echo", "run/echo", "cancel", "reset"])
def test_every_route_with_a_body_checks_it(path: str) -> None:
    response = Http(MemoryServer(demo_app())).request("POST", f"/gradio_api/{path}", value=[1])
    assert response.status == 422
    assert response.json["detail"][0]["input"] == [1]


@pytest.mark.parametrize("path", ["queue/data", "upload_progress"])
def test_routes_miss_their_query(path: str) -> None:
    response = Http(MemoryServer(demo_app())).request("GET", f"/gradio_api/{path}")
    assert response.status == 422
    assert response.json["detail"][0]["loc"][0] == "query"


def test_a_body_beyond_all_measure_is_refused() -> None:
    http = Http(MemoryServer(demo_app()))
    connection = http.connection
    head = b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    connection.receive_data(head + b"Content-Length: 999999999999\r\n\r\n")
    chunk = b" " * (16 << 20)
    for _ in range(17):
        connection.receive_data(chunk)
    answer = connection.data_to_send()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert connection.closed
