"""Apps of several pages: what the config tells of each."""

from __future__ import annotations

import pytest

from gradproto_fake_server import FakeApp, FakeServer, MemoryServer
from gradproto_transports.sync import Client

from .wire import Http


def two_pages() -> FakeApp:
    app = FakeApp()
    app.add_page("/second", "The second")
    app.endpoint("/first", inputs=["textbox"], outputs=["textbox"])(lambda text: f"first {text}")
    app.endpoint("/other", inputs=["textbox"], outputs=["textbox"], page="second")(lambda text: f"other {text}")
    return app


def test_the_config_has_everything_and_tells_what_is_on_which_page() -> None:
    config = Http(MemoryServer(two_pages())).request("GET", "/config").json
    assert config["pages"] == [["", "Home", True], ["second", "The second", True]]
    assert [each["id"] for each in config["dependencies"]] == [0, 1]
    home, second = config["page"][""], config["page"]["second"]
    assert (home["dependencies"], second["dependencies"]) == ([0], [1])
    assert home["components"] + second["components"] == [each["id"] for each in config["components"]]
    assert [child["id"] for child in second["layout"]["children"]] == second["components"]
    assert not set(home["components"]) & set(second["components"])


def test_a_client_calls_the_endpoints_of_all_pages() -> None:
    with FakeServer(two_pages()) as server, Client(server.url) as client:
        assert client.predict("x", api_name="/first") == "first x"
        assert client.predict("x", api_name="/other") == "other x"


def test_pages_that_cannot_be_are_refused() -> None:
    app = two_pages()
    with pytest.raises(ValueError, match="there is a page /second already"):
        app.add_page("second/", "Again")
    with pytest.raises(ValueError, match="/f stands on the page /third, which there is not: use add_page"):
        app.endpoint("/f", page="/third")(lambda: None)
    with pytest.raises(ValueError, match=r"Gradio 5\.0\.2 has one page only"):
        FakeApp("5.0.2").add_page("second", "Second")
