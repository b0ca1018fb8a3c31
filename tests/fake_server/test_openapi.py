"""``/openapi.json``: whoever follows it can call what it describes."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto_fake_server import Component, FakeApp, MemoryServer, demo_app, file, state, textbox

from .wire import Http


def described(version: str) -> tuple[Http, dict[str, Any]]:
    app = FakeApp(version, title="Small")

    @app.endpoint("/add")
    def add(a: float, b: float = 2.5) -> float:
        """Add two numbers."""
        return a + b

    @app.endpoint("/name", inputs=[file("file"), textbox("suffix")], outputs=[textbox("name"), textbox("other")])
    def name(file: Any, suffix: str) -> tuple[str, str]:
        return file.orig_name + suffix, ""

    @app.endpoint("/hidden", visibility="private")
    def hidden(text: str) -> str:
        return text

    @app.endpoint("/count", inputs=[state(0)], outputs=[textbox("n"), state(0)])
    def count(n: int) -> tuple[str, int]:
        return str(n), n + 1

    http = Http(MemoryServer(app))
    response = http.request("GET", "/gradio_api/openapi.json")
    assert response.status == 200
    return http, response.json


@pytest.mark.parametrize("version", ["4.44.1", "5.0.2"])
def test_an_older_gradio_has_none(version: str) -> None:
    http = Http(MemoryServer(FakeApp(version)))
    assert http.request("GET", "/openapi.json").status == 404
    assert http.request("GET", "/gradio_api/openapi.json").status == 404


@pytest.mark.parametrize("version", ["5.29.0", "6.31.0"])
def test_who_is_not_logged_in_is_not_told(version: str) -> None:
    http = Http(MemoryServer(FakeApp(version, auth={"user": "secret"})))
    assert http.request("GET", "/gradio_api/openapi.json").status == 401


def test_before_6_13_it_describes_calls_past_the_queue() -> None:
    http, document = described("5.50.0")
    assert document["info"] == {"title": "Small", "description": "", "version": "5.50.0"}
    assert list(document["paths"]) == ["/run/add", "/run/name", "/run/count"]
    add, count = document["paths"]["/run/add"]["post"], document["paths"]["/run/count"]["post"]
    assert (add["operationId"], add["summary"]) == ("add", "Add two numbers.")
    body = add["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"] == {"a": {"type": "number"}, "b": {"type": "number"}}
    example = body["examples"]["example1"]["value"]
    assert list(example) == ["a", "b"]
    answer = http.request("POST", "/gradio_api/run/add", value={"data": list(example.values())})
    assert answer.json["data"] == [sum(example.values())]
    outputs = add["responses"]["200"]["content"]["application/json"]["schema"]
    assert outputs == {"type": "object", "properties": {"output": {"type": "number"}}}
    assert count["requestBody"]["content"]["application/json"] == {"schema": {"type": "object", "properties": {}}}
    names = document["paths"]["/run/name"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert list(names["properties"]) == ["output", "output_1"]


def test_since_6_13_it_describes_what_curl_can_do() -> None:
    http, document = described("6.31.0")
    paths = document["paths"]
    assert [(path, *item) for path, item in paths.items()] == [
        ("/gradio_api/upload", "post"),
        ("/gradio_api/call/v2/add", "post"),
        ("/gradio_api/call/add/{event_id}", "get"),
        ("/gradio_api/call/v2/name", "post"),
        ("/gradio_api/call/name/{event_id}", "get"),
        ("/gradio_api/call/v2/count", "post"),
        ("/gradio_api/call/count/{event_id}", "get"),
    ]
    schema = paths["/gradio_api/call/v2/name"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (schema["properties"]["file"]["type"], schema["properties"]["file"]["format"]) == ("string", "filepath")
    schema = paths["/gradio_api/call/v2/add"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    value = dict.fromkeys(schema["properties"], 1)
    event_id = http.request("POST", "/gradio_api/call/v2/add", value=value).json["event_id"]
    operation = paths["/gradio_api/call/add/{event_id}"]["get"]
    assert [one["name"] for one in operation["parameters"]] == ["event_id"]
    stream = http.start("GET", f"/gradio_api/call/add/{event_id}")
    assert stream.body == b"event: complete\ndata: [2]\n\n"
    (kind,) = operation["responses"]["200"]["content"]
    assert dict(stream.headers)["content-type"].startswith(kind)


def test_definitions_stand_where_they_are_used() -> None:
    """The short form of types has no references, which tools for OpenAPI would look for elsewhere."""
    text = Http(MemoryServer(demo_app("6.31.0"))).request("GET", "/gradio_api/openapi.json").body.decode()
    assert "$ref" not in text
    assert "$defs" not in text


@pytest.mark.parametrize("version", ["5.29.0", "6.31.0"])
def test_a_component_without_a_schema_may_have_any_value(version: str) -> None:
    app = FakeApp(version)
    plain = Component(kind="plain", title="Plain", label="plain")

    @app.endpoint("/same", inputs=[plain], outputs=[Component(kind="plain", title="Plain", label="out")])
    def same(value: Any) -> Any:
        return value

    document = Http(MemoryServer(app)).request("GET", "/gradio_api/openapi.json").json
    (path,) = (path for path in document["paths"] if path.endswith("/same"))
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    assert list(body["schema"]["properties"].values()) == [{}]
