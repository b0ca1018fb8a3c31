"""Validators: what looks at the inputs of an event before it may join."""

from __future__ import annotations

from typing import Any

import gradio_client  # type: ignore[import-untyped]
import pytest

from gradproto import ValidationError
from gradproto_fake_server import FakeApp, FakeServer, MemoryServer, validate
from gradproto_transports.sync import Client

from .wire import Http


def validated(version: str = "6.31.0", **options: Any) -> FakeApp:
    app = FakeApp(version, **options)

    def both(text: str, number: float) -> list[Any]:
        return [validate(text != "bad", "no bad"), validate(number > 0, "positive")]

    def one(text: str) -> Any:
        return validate(text != "bad", "no bad")

    def fails(text: str) -> Any:
        raise ValueError("validator broke")

    @app.endpoint("/both", validator=both)
    def with_two(text: str, number: float) -> str:
        return text

    @app.endpoint("/one", validator=one, queue=False)
    def with_one(text: str) -> str:
        return text

    @app.endpoint("/fails", validator=fails)
    def with_failing(text: str) -> str:
        return text

    @app.endpoint("/odd", validator=lambda text: text == "good")
    def with_odd(text: str) -> str:
        return text

    return app


def verdict(valid: bool, message: str, name: str) -> dict[str, Any]:
    return {"__type__": "validate", "is_valid": valid, "message": message, "parameter_name": name}


@pytest.mark.parametrize(
    ("fn_index", "data", "status", "detail"),
    [
        # As the real 5.50 and 6.31 answer to the same.
        (0, ["bad", 1], 422, [verdict(False, "no bad", "text"), verdict(True, "positive", "number")]),
        (0, ["x", 0], 422, [verdict(True, "no bad", "text"), verdict(False, "positive", "number")]),
        (0, ["x", 1], 200, None),
        (1, ["bad"], 422, [verdict(False, "no bad", "text")]),
        (1, ["x"], 200, None),
        (2, ["x"], 400, "validator broke"),
        (3, ["bad"], 200, None),
    ],
)
@pytest.mark.parametrize("version", ["5.50.0", "6.31.0"])
def test_a_join_is_refused_with_what_the_validator_found(
    version: str, fn_index: int, data: list[Any], status: int, detail: Any
) -> None:
    http = Http(MemoryServer(validated(version)))
    value = {"data": data, "fn_index": fn_index, "session_hash": "s"}
    answer = http.request("POST", "/gradio_api/queue/join", value=value)
    assert (answer.status, answer.json.get("detail")) == (status, detail)


def test_calls_by_name_are_looked_at_too_and_direct_ones_are_not() -> None:
    http = Http(MemoryServer(validated()))
    for path, value in (("call/one", {"data": ["bad"]}), ("call/v2/one", {"text": "bad"})):
        answer = http.request("POST", f"/gradio_api/{path}", value=value)
        assert (answer.status, answer.json) == (422, {"detail": [verdict(False, "no bad", "text")]})
    assert http.request("POST", "/gradio_api/run/one", value={"data": ["bad"]}).json["data"] == ["bad"]


def test_too_few_values_are_an_error_of_the_validator() -> None:
    http = Http(MemoryServer(validated()))
    answer = http.request("POST", "/gradio_api/queue/join", value={"data": ["bad"], "fn_index": 0, "session_hash": "s"})
    assert answer.status == 400
    assert "didn't receive enough input values (needed: 2, got: 1)" in answer.json["detail"]


def test_a_full_queue_comes_before_the_validator() -> None:
    app = validated(max_queue_size=0)
    http = Http(MemoryServer(app))
    value = {"data": ["bad", 1], "fn_index": 0, "session_hash": "s"}
    assert http.request("POST", "/gradio_api/queue/join", value=value).status == 503


def test_both_clients_say_which_parameter_was_refused() -> None:
    with FakeServer(validated()) as server:
        with Client(server.url) as client, pytest.raises(ValidationError, match="text: no bad"):
            client.predict("bad", 1, api_name="/both")
        official = gradio_client.Client(server.url, verbose=False)
        with pytest.raises(gradio_client.exceptions.ValidationError, match="text: no bad"):
            official.predict("bad", 1, api_name="/both")


def test_older_gradios_have_no_validators() -> None:
    with pytest.raises(ValueError, match=r"Gradio 5\.43\.1 has no validators, but /both has one"):
        validated("5.43.1")
