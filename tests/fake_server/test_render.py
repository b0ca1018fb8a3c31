"""Endpoints that a function renders: for one session, told in its completion, and in no config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gradproto import EndpointNotFoundError
from gradproto_fake_server import FakeApp, FakeServer, MemoryServer
from gradproto_transports.sync import Client

from .wire import Http


def rendering(version: str = "6.31.0") -> FakeApp:
    """An app whose second endpoint makes as many others as it is told to."""
    app = FakeApp(version, show_error=True)

    @app.endpoint("/echo")
    def echo(text: str) -> str:
        return text

    @app.endpoint("/apply", renders=True)
    def apply(n: int) -> dict[str, Callable[..., Any]]:
        def numbered(i: int) -> Callable[..., Any]:
            def dyn(text: str) -> str:
                return f"{i}:{text}"

            return dyn

        return {f"/dyn{i}": numbered(i) for i in range(n)}

    return app


def completed(http: Http, fn_index: int, data: list[Any], session: str = "s") -> dict[str, Any]:
    """Call an endpoint; give what its completion says."""
    prefix = http.server.app.profile.api_prefix  # type: ignore[union-attr]
    value = {"data": data, "fn_index": fn_index, "session_hash": session}
    assert http.request("POST", f"{prefix}/queue/join", value=value).status == 200
    messages = http.start("GET", f"{prefix}/queue/data?session_hash={session}").messages
    output: dict[str, Any] = next(m["output"] for m in messages if m["msg"] == "process_completed")
    return output


def join_status(http: Http, fn_index: int, session: str) -> int:
    value = {"data": ["x"], "fn_index": fn_index, "session_hash": session}
    return http.request("POST", "/gradio_api/queue/join", value=value).status


def test_what_was_rendered_is_told_in_the_completion_as_the_real_one_tells_it() -> None:
    http = Http(MemoryServer(rendering()))
    config = http.request("GET", "/config").json
    renderer = config["dependencies"][1]
    (column,) = renderer["outputs"]
    assert (renderer["render_id"], renderer["rendered_in"], renderer["api_visibility"]) == (0, None, "undocumented")
    assert [each["type"] for each in config["components"] if each["id"] == column] == ["column"]
    output = completed(http, 1, [2])
    rendered = output["render_config"]
    assert output["data"] == [None]
    assert list(rendered) == ["page", "components", "dependencies", "layout", "render_id"]
    told = [(d["id"], d["api_name"], d["rendered_in"], d["render_id"]) for d in rendered["dependencies"]]
    assert told == [(2, "dyn0", 0, None), (3, "dyn1", 0, None)]
    assert rendered["components"][0]["id"] == rendered["layout"]["id"] == column
    known = {each["id"] for each in config["components"]}
    assert not known & {each["id"] for each in rendered["components"][1:]}
    assert rendered["page"][""]["dependencies"] == [2, 3]
    assert http.request("GET", "/config").json == config


def test_it_is_for_one_session_and_replaces_what_was_there_before() -> None:
    http = Http(MemoryServer(rendering()))
    completed(http, 1, [2])
    assert completed(http, 3, ["x"])["data"] == ["1:x"]
    assert join_status(http, 3, "other") == 500
    again = completed(http, 1, [1])["render_config"]["dependencies"]
    assert [(d["id"], d["api_name"]) for d in again] == [(4, "dyn0_1")]  # as the real 6.31 goes on
    assert join_status(http, 3, "s") == 500
    assert completed(http, 4, ["x"])["data"] == ["0:x"]
    assert completed(http, 1, [0])["render_config"]["dependencies"] == []
    assert join_status(http, 4, "s") == 500
    other = completed(http, 1, [1], "other")["render_config"]["dependencies"]
    assert [d["id"] for d in other] == [2]


def test_gradio_4_tells_no_page_and_older_ones_render_nothing() -> None:
    http = Http(MemoryServer(rendering("4.44.1")))
    assert list(completed(http, 1, [1])["render_config"]) == ["components", "dependencies", "layout", "render_id"]
    with pytest.raises(ValueError, match=r"Gradio 4\.25\.0 renders nothing, but /apply wants to"):
        rendering("4.25.0")
    with pytest.raises(ValueError, match="can be no generator, no batch"):
        FakeApp().endpoint("/f", renders=True, batch=True)(lambda: {})


@pytest.mark.parametrize("made", [5, {"/x": 5}, {5: print}, [print]])
def test_anything_but_functions_by_their_names_is_an_error(made: Any) -> None:
    app = FakeApp(show_error=True)
    app.endpoint("/f", renders=True)(lambda: made)
    output = completed(Http(MemoryServer(app)), 0, [])
    assert output["error"].startswith("/f renders, so it gives functions by their names, not ")


def test_a_restarted_server_knows_nothing_of_it() -> None:
    app = rendering()
    http = Http(MemoryServer(app))
    completed(http, 1, [1])
    app.restart()
    assert join_status(Http(http.server), 2, "s") == 500


@pytest.mark.parametrize("version", ["4.44.1", "5.50.0", "6.31.0"])
def test_our_client_calls_what_was_rendered_for_it(version: str) -> None:
    with FakeServer(rendering(version)) as server, Client(server.url) as client:
        client.predict(2, api_name="/apply")
        assert client.predict("x", api_name="/dyn1") == "1:x"
        assert client.predict("y", fn_index=2) == "0:y"
        with Client(server.url) as other, pytest.raises(EndpointNotFoundError):
            other.predict("x", api_name="/dyn1")
        client.predict(0, api_name="/apply")
        with pytest.raises(EndpointNotFoundError):
            client.predict("x", api_name="/dyn1")
