"""Every generation of Gradio makes the same calls, each in its own way."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
import trio

from gradproto_fake_server import FakeApp, FakeServer, MemoryServer, demo_app
from gradproto_fake_server.trio import MemoryNetwork, open_fake_server, open_memory_server
from gradproto_transports.sync import Client
from gradproto_transports.trio import open_client

from .old_wire import VERSIONS, call, index_of, polled_call, socket_call, stream_call
from .wire import Http

WITH_FUNCTIONS = tuple(version for version in VERSIONS if version != "2.9.4")
WITH_GENERATORS = tuple(version for version in WITH_FUNCTIONS if version != "3.0.24")
WITH_FILES = tuple(version for version in VERSIONS if version != "2.9.4")


def made(version: str, **options: Any) -> MemoryServer:
    return MemoryServer(demo_app(version, **options))


def completed(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return next(message for message in reversed(messages) if message["msg"] == "process_completed")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plain_call_completes(version: str) -> None:
    end = completed(call(made(version), "/echo", ["hé ✓"]))
    assert end["output"]["data"] == ["hé ✓"]
    assert end.get("success", True) is True


@pytest.mark.parametrize("version", WITH_GENERATORS)
def test_a_generator_sends_whole_outputs_until_4_17_and_edits_since(version: str) -> None:
    server = made(version)
    messages = call(server, "/count", [2])
    outputs = [message["output"]["data"] for message in messages if message["msg"] == "process_generating"]
    edits = server.app.profile.edits
    assert edits == (version >= "4.17" and version not in ("4.8.0", "4.9.1", "4.2"))
    assert outputs == [["n=0"], [[["replace", [], "n=1"]]] if edits else ["n=1"]]
    assert completed(messages)["output"]["data"] == ["n=1"]
    assert completed(messages)["output"]["is_generating"] is not edits


@pytest.mark.parametrize("version", WITH_FUNCTIONS)
def test_a_failure_with_a_message_is_told(version: str) -> None:
    server = made(version)
    end = completed(call(server, "/fail", ["x"]))
    quoted = server.app.profile.quoted_errors
    assert end["output"]["error"] == ("'boom-visible'" if quoted else "boom-visible")
    assert end.get("success", False) is False


@pytest.mark.parametrize("version", VERSIONS)
def test_the_state_of_a_session_is_kept_where_the_queue_knows_sessions(version: str) -> None:
    server = made(version, interface="/incr")
    counts = [completed(call(server, "/incr", [None]))["output"]["data"] for _ in range(2)]
    # Gradio 2 forgets the session of what is pushed, and its callers without a session share one State.
    assert counts == [[1, None], [2, None]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_config_says_what_the_generation_says(version: str) -> None:
    document = Http(made(version)).request("GET", "/config").json
    assert document["version"].strip() == version
    assert ("input_components" in document) == (version == "2.9.4")
    assert document.get("api_prefix", "") == ("/gradio_api" if version >= "5" else "")


@pytest.mark.parametrize("version", ["2.9.4", "3.0.24", "3.50.2", "4.0.2", "4.12.0", "4.44.1", "6.0.2"])
def test_old_generations_are_served_in_a_thread_too(version: str) -> None:
    with FakeServer(demo_app(version)) as server, urllib.request.urlopen(f"{server.url}/config") as response:
        assert b'"version":' in response.read()


def test_a_version_between_two_is_as_the_older_one() -> None:
    assert FakeApp("4.24.7").profile.protocol == "sse_v3"
    assert "heartbeat" not in FakeApp("4.24.7").profile.routes
    assert "heartbeat" in FakeApp("4.25.0-beta.1").profile.routes


def test_gradio_2_serves_one_function() -> None:
    app = demo_app("2.9.4", interface="upper")
    assert [endpoint.name for endpoint in app.endpoints] == ["upper"]
    with pytest.raises(ValueError, match=r"Gradio 2\.9\.4 serves one function"):
        app.endpoint("/other")(lambda text: text)
    with pytest.raises(ValueError, match=r"no endpoint '/count' that Gradio 2\.9\.4 could serve"):
        demo_app("2.9.4", interface="/count")


def test_the_way_of_one_generation_is_unknown_to_the_others() -> None:
    join = {"data": ["x"], "fn_index": 0, "session_hash": "s"}
    for version, way in (("2.9.4", "push"), ("3.16.2", "socket"), ("4.8.0", "stream"), ("4.9.1", "join")):
        http = Http(made(version))
        statuses = {
            "push": http.request("POST", "/api/queue/push/", value={**join, "action": "predict"}).status,
            "join": http.request("POST", "/queue/join", value=join).status,
        }
        assert [name for name, status in statuses.items() if status == 200] == ([way] if way in statuses else [])


def test_the_ways_to_call_are_those_of_the_tests() -> None:
    assert polled_call(made("3.0.24"), 0, ["x"])[-1]["status"] == "COMPLETE"
    server = made("3.50.2")
    assert socket_call(server, index_of(server, "/echo"), ["x"]).closed_with == 1000
    assert stream_call(made("4.0.2"), 0, ["x"])[1].whole


# One version for each way of the queue.
EACH_WAY = ("3.1.6", "3.4.1", "3.50.2", "4.0.2", "4.12.0", "4.19.2", "6.31.0")


@pytest.mark.parametrize("version", EACH_WAY)
def test_the_thread_serves_every_way_of_the_queue(version: str) -> None:
    with FakeServer(demo_app(version)) as server, Client(server.url) as client:
        assert client.predict("hé", api_name="/echo") == "hé"
        assert list(client.submit(3, api_name="/count")) == ["n=0", "n=1", "n=2"]


@pytest.mark.parametrize("opened", [open_memory_server, open_fake_server])
@pytest.mark.parametrize("version", EACH_WAY)
def test_trio_serves_every_way_of_the_queue(version: str, opened: Callable[[FakeApp], Any]) -> None:
    async def test() -> None:
        async with opened(demo_app(version)) as server:
            options = {"open_stream": server.open_stream} if isinstance(server, MemoryNetwork) else {}
            async with open_client(server.url, **options) as client:
                assert await client.predict("hé", api_name="/echo") == "hé"
                job = await client.submit(3, api_name="/count")
                assert [output async for output in job] == ["n=0", "n=1", "n=2"]

    trio.run(test)


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("4.0.2", ["path", "url", "size", "orig_name", "mime_type"]),
        ("4.25.0", ["path", "url", "size", "orig_name", "mime_type", "is_stream", "meta"]),
        ("6.0.2", ["path", "url", "size", "orig_name", "mime_type", "is_stream", "meta"]),
    ],
)
def test_a_file_is_described_with_the_fields_that_it_has(version: str, fields: list[str]) -> None:
    server = made(version)
    path = f"{server.app.profile.api_prefix}/info"
    described = Http(server).request("GET", path).json["named_endpoints"]["/upper"]["parameters"][0]
    assert list(described["type"]["properties"]) == fields
    assert ("$defs" in described["type"]) == (version == "6.0.2")
    assert isinstance(described["example_input"], str if version == "4.0.2" else dict)
