"""Apps from the saved documents of real ones: served as they are, and answered as their Gradio does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio_client  # type: ignore[import-untyped]
import pytest

from gradproto_fake_server import Completed, Component, FakeFile, FakeServer, MemoryServer, SavedApp, Starts, StoredFile
from gradproto_transports.sync import Client, Job, handle_file

from .wire import Http

ROOT = Path(__file__).parents[2]
RECORDED = sorted((ROOT / "spec" / "recordings").glob("*/*config.json"))
ERAS = sorted((ROOT / "tests" / "data" / "api" / "eras").glob("*.json"))


def recorded(path: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Give a recorded config and, where there is one, the info that goes with it."""
    info = path.with_name("info.json")
    return json.loads(path.read_text()), json.loads(info.read_text()) if info.exists() else None


def all_documents() -> list[Any]:
    found = [pytest.param(*recorded(path), id=f"{path.parent.name}-{path.stem}") for path in RECORDED]
    saved = ROOT / "tests" / "data" / "api"
    found.append(
        pytest.param(*(json.loads((saved / name).read_text()) for name in ("config.json", "info.json")), id="api")
    )
    for path in ERAS:
        document = json.loads(path.read_text())
        found.append(pytest.param(document["config"], document.get("info"), id=f"era-{path.stem}"))
    return found


@pytest.mark.parametrize(("config", "info"), all_documents())
def test_every_saved_app_says_what_the_real_one_said_and_answers_every_call(config: Any, info: Any) -> None:
    app = SavedApp(config, info)
    http = Http(MemoryServer(app))
    assert http.request("GET", "/config").json == config
    if info is not None:
        assert http.request("GET", f"{app.profile.api_prefix}/info").json == info
    assert app.profile.version == config["version"].strip()
    with FakeServer(app) as server, Client(server.url) as client:
        listed = config.get("dependencies", [{}])
        jobs: list[Job] = []
        for endpoint, about in zip(app.endpoints, listed, strict=True):
            if about.get("backend_fn") is False:
                continue
            if endpoint.visibility == "private" or endpoint.cancels or endpoint.streaming:
                continue
            given = [example_of(part) for part in endpoint.api_inputs]
            jobs.append(client.submit(*given, fn_index=endpoint.index))
        for job in jobs:
            job.result(timeout=60)
    assert not [record.complaint for record in app.requests if record.complaint is not None]


def example_of(part: Component) -> Any:
    """Give an example, but for files: theirs are on the Internet, from which nothing is fetched here."""
    if part.kind in ("file", "image", "audio", "video", "gallery"):
        return None
    example = part.example
    return example["serialized"] if isinstance(example, dict) and "serialized" in example else example


@pytest.mark.parametrize("version", ["4.44.1", "5.50.0", "6.31.0"])
def test_the_official_client_takes_it_for_the_real_one(version: str) -> None:
    folder = ROOT / "spec" / "recordings" / version
    app = SavedApp(folder / "config.json", str(folder / "info.json"))

    @app.implement("/slow")
    def shout(text: str, *_: Any) -> str:
        return text.upper()

    with FakeServer(app) as server:
        official = gradio_client.Client(server.url, verbose=False)
        assert official.predict("x", api_name="/echo") == ""
        assert official.predict(*["a", 1][: len(app.named("/slow").api_inputs)], api_name="/slow") == "A"
        assert list(official.submit(3, api_name="/count")) == [""]
        given = gradio_client.handle_file(__file__)
        assert Path(official.predict(given, api_name="/file")).name == "file.txt"
        described = official.view_api(return_format="dict", print_info=False)
        assert set(described["named_endpoints"]) == set(
            json.loads((folder / "info.json").read_text())["named_endpoints"]
        )


@pytest.fixture
def app() -> Iterator[SavedApp]:
    folder = ROOT / "spec" / "recordings" / "6.31.0"
    made = SavedApp(folder / "config.json", folder / "info.json")
    yield made
    made.close()


def test_functions_and_scripts_stand_for_what_the_app_did(app: SavedApp) -> None:
    @app.implement("/echo")
    async def echo(text: str) -> str:
        return text.upper()

    @app.implement("count")
    def count(n: int) -> Iterator[str]:
        for i in range(n):
            yield str(i)

    @app.implement("/file")
    def shout(given: StoredFile) -> FakeFile:
        return FakeFile("out.txt", given.read().upper())

    app.script("/slow", [Starts(), Completed("from the script")])
    with FakeServer(app) as server, Client(server.url) as client:
        assert client.predict("a", api_name="/echo") == "A"
        assert list(client.submit(3, api_name="/count")) == ["0", "1", "2"]
        assert Path(client.predict(handle_file(b"abc"), api_name="/file")).read_bytes() == b"ABC"
        assert client.predict("x", api_name="/slow") == "from the script"
        assert client.predict("x", api_name="/slow") == ""


def test_a_state_is_kept_for_functions_that_a_test_gives(app: SavedApp) -> None:
    @app.implement("/state")
    def counted(seen: Any) -> list[Any]:
        return [(seen or 0) + 1, (seen or 0) + 1][: len(named.outputs)]

    named = app.named("/state")
    http = Http(MemoryServer(app))
    first_output = next(place for place, part in enumerate(named.outputs) if part.kind != "state")
    for expected in (1, 2, 3):
        http.join(named.index, [None] * len(named.inputs))
        assert http.stream().messages[-2]["output"]["data"][first_output] == expected


def test_endpoints_that_there_are_not_are_refused_with_those_that_there_are(app: SavedApp) -> None:
    with pytest.raises(LookupError, match=r"no endpoint '/nosuch': there are /echo, /"):
        app.implement("/nosuch")
    with pytest.raises(ValueError, match=r"use implement\('/new'\)"):
        app.endpoint("/new")(lambda: None)


def test_private_and_unnamed_functions_answer_by_their_index_and_one_without_a_backend_fails() -> None:
    part = {"id": 7, "type": "textbox", "props": {}, "skip_api": False, "api_info": {"type": "string"}}
    functions = [
        {"id": 20, "inputs": [7], "outputs": [7], "api_name": False},
        {"id": 30, "inputs": [], "outputs": [7, 7], "api_name": "two", "backend_fn": False},
    ]
    app = SavedApp({"version": "5.50.0", "api_prefix": "/other/", "components": [part], "dependencies": functions})
    assert [each.name for each in app.endpoints] == ["fn_20", "two"]
    http = Http(MemoryServer(app))
    answer = http.request("POST", "/other/run/predict", value={"fn_index": 20, "data": ["x"]})
    assert answer.json["data"] == [""]
    assert http.request("POST", "/other/run/fn_20", value={"data": ["x"]}).status == 500
    assert http.request("POST", "/other/run/two", value={"data": []}).status == 500
    assert http.request("POST", "/other/run/predict", value={"fn_index": 0, "data": []}).status == 500


@pytest.mark.parametrize(
    ("config", "played"),
    [
        ({"version": "6.99.1", "protocol": "sse_v3", "api_prefix": "/gradio_api"}, "sse_v3"),
        ({"version": "7.0.0b1", "protocol": "sse_v9", "api_prefix": "/gradio_api"}, "sse_v3"),
        ({"version": "1.7.7"}, None),
        ({"version": "dev", "protocol": "sse_v1"}, "sse_v1"),
        ({"protocol": "sse_v2.1"}, "sse_v2.1"),
        ({}, None),
    ],
)
def test_a_version_that_nobody_knows_is_played_as_the_nearest_one(config: dict[str, Any], played: str | None) -> None:
    part = {"id": 1, "type": "textbox", "props": {}}
    app = SavedApp({**config, "components": [part], "dependencies": [{"inputs": [1], "outputs": [1], "api_name": "f"}]})
    assert app.profile.protocol == played


def test_the_page_of_an_app_will_do(tmp_path: Path) -> None:
    config, info = recorded(ROOT / "spec" / "recordings" / "6.31.0" / "config.json")
    original = SavedApp(config, info)
    page = tmp_path / "page.html"
    page.write_bytes(Http(MemoryServer(original)).request("GET", "/").body)
    app = SavedApp(page)
    http = Http(MemoryServer(app))
    assert http.request("GET", "/config").json == config
    assert http.request("GET", "/gradio_api/info").json == info


def test_without_an_info_it_is_made_of_the_config() -> None:
    config, info = recorded(ROOT / "spec" / "recordings" / "6.31.0" / "config.json")
    assert info is not None
    made = Http(MemoryServer(SavedApp(config))).request("GET", "/gradio_api/info").json
    assert set(made["named_endpoints"]) == set(info["named_endpoints"])


def part(schema: Any, kind: str = "odd", **props: Any) -> dict[str, Any]:
    return {"id": 1, "type": kind, "props": props, "skip_api": False, "api_info": schema}


@pytest.mark.parametrize(
    ("described", "value"),
    [
        (part({"type": "string"}), ""),
        (part({"type": "integer"}), 0),
        (part({"type": "boolean"}), False),
        (part({"type": "array", "items": {}}), []),
        (part({"anyOf": [{"type": "null"}, {"type": "number"}]}), 0),
        (part({"enum": ["b", "a"]}), "b"),
        (part({"const": 5}), 5),
        (part({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}), {"a": ""}),
        (part({"$ref": "#/$defs/X", "$defs": {"X": {"$ref": "#/$defs/X"}}}), None),
        (part({"type": {}}), None),
        (part(None), None),
        (part({}, "dropdown", choices=[["One", 1], ["Two", 2]]), 1),
        (part({}, "dropdown", choices=[["One", 1]], multiselect=True), [1]),
        (part({}, "radio", choices=[]), None),
        (part({}, "slider", minimum=3), 3),
        (part({}, "json"), {}),
    ],
)
def test_what_nobody_implemented_answers_with_something_empty(described: dict[str, Any], value: Any) -> None:
    app = SavedApp({"version": "6.31.0", "components": [described], "dependencies": [{"inputs": [], "outputs": [1]}]})
    answer = Http(MemoryServer(app)).request("POST", "/gradio_api/run/predict", value={"fn_index": 0, "data": []})
    assert answer.json["data"] == [value]


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({}, "neither 'dependencies' nor 'input_components'; it has nothing"),
        ({"detail": "Not Found"}, "it has 'detail'"),
        ({"detail": "Not authenticated"}, "wants a login first"),
        ({"auth_required": True}, "wants a login first"),
        ({"dependencies": {}}, "'dependencies' is of type dict, and no list"),
        ({"dependencies": [5]}, r"dependencies\[0\] is of type int, and no object"),
        ({"dependencies": [{"inputs": [3]}]}, r"dependencies\[0\]\.inputs has 3, which is the id of no component"),
        ({"dependencies": [{"outputs": "x"}]}, r"dependencies\[0\]\.outputs is of type str, and no list"),
        ({"dependencies": [{"id": 1}, {"id": 1}]}, r"dependencies\[1\] has an 'id' that is no number, or one that"),
        ({"dependencies": [], "components": [{}]}, r"components\[0\] has no 'id' that is a number"),
        ({"dependencies": [], "components": [{"id": 1}]}, r"components\[0\] has no 'type' that is a text"),
        ({"input_components": [{}]}, "'input_components' is no list of components with a 'name'"),
    ],
)
def test_a_broken_config_is_refused_with_the_place(config: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        SavedApp(config)


def test_a_broken_info_or_file_is_refused_too(tmp_path: Path) -> None:
    config, _ = recorded(ROOT / "spec" / "recordings" / "6.31.0" / "config.json")
    with pytest.raises(ValueError, match="the info has no 'named_endpoints'"):
        SavedApp(config, {"detail": "x"})
    with pytest.raises(ValueError, match="the config cannot be read from"):
        SavedApp(tmp_path / "nosuch.json")
    for content, error in ((b"{", "is no JSON"), (b"[]", "is of type list"), (b"\xff", "cannot be read")):
        (tmp_path / "broken.json").write_bytes(content)
        with pytest.raises(ValueError, match=error):
            SavedApp(tmp_path / "broken.json")
    (tmp_path / "page.html").write_text("<html>no app</html>")
    with pytest.raises(ValueError, match="is no JSON"):
        SavedApp(tmp_path / "page.html")
