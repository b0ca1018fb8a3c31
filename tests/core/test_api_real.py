"""What is read of a real Gradio app, against what Gradio's own client reads and what the server answers."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.utils import json_schema_to_python_type

from gradproto._api_info import Endpoints, build_api_info, parse_api_info
from gradproto._binding import bind_arguments
from gradproto._config import Config, parse_config
from gradproto._errors import ArgumentError
from gradproto._files import FileData
from gradproto._payload import collapse, file_url, fill_uploads, find_uploads, read_outputs
from gradproto._schema import python_type
from gradproto._view_api import view_api_dict, view_api_text
from tests.core.documents import DATA, saved_text

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = Path(__file__).parents[1] / "api_app.py"
    with subprocess.Popen([sys.executable, str(app)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = next((line for line in server.stdout if line.startswith("READY ")), "")
        try:
            assert ready, "the app did not start"
            yield ready.split()[1]
        finally:
            server.terminate()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:
        return bytes(response.read())


@pytest.fixture(scope="module")
def config(url: str) -> Config:
    return parse_config(fetch(url + "/config"), content_type="application/json", url=url)


@pytest.fixture(scope="module")
def endpoints(url: str, config: Config) -> Endpoints:
    return Endpoints(config, parse_api_info(fetch(url + "/gradio_api/info"), url=url))


@pytest.fixture(scope="module")
def official(url: str) -> Client:
    return Client(url, verbose=False)


def call(url: str, endpoints: Endpoints, api_name: str, *args: Any, session_hash: str = "s", **kwargs: Any) -> Any:
    """One call over the plain HTTP route."""
    endpoint = endpoints.resolve(api_name)
    data, files = find_uploads(endpoint, bind_arguments(endpoint, args, kwargs), upload_paths=True)
    assert not files
    document = {"fn_index": endpoint.fn_index, "data": fill_uploads(data, []), "session_hash": session_hash}
    body = json.dumps(document).encode()
    request = urllib.request.Request(
        url + "/gradio_api/run/predict", data=body, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return collapse(read_outputs(endpoint, json.loads(response.read())["data"]))


def test_the_text_is_that_of_gradios_own_client(endpoints: Endpoints, official: Client) -> None:
    theirs = official.view_api(print_info=False, return_format="str")
    assert view_api_text(endpoints.info) == theirs
    assert saved_text() == theirs, "save anew: python tests/api_app.py --save tests/data/api"


def test_the_dictionary_is_that_of_gradios_own_client(endpoints: Endpoints, official: Client) -> None:
    assert view_api_dict(endpoints.info) == official.view_api(print_info=False, return_format="dict")


def test_the_page_holds_the_same_config(url: str, config: Config) -> None:
    page = parse_config(fetch(url + "/"), content_type="text/html", url=url)
    assert page.components == config.components
    assert page.dependencies == config.dependencies
    assert (page.version, page.protocol, page.api_prefix) == (config.version, config.protocol, config.api_prefix)


def test_the_saved_config_is_that_of_this_gradio(config: Config) -> None:
    saved = parse_config((DATA / "config.json").read_bytes(), content_type="application/json", url="")
    assert saved.version == config.version, "save anew: python tests/api_app.py --save tests/data/api"
    assert saved.dependencies == config.dependencies


def test_every_schema_is_named_as_gradio_names_it(config: Config) -> None:
    for component in config.components.values():
        for schema in (component.input_schema, component.output_schema):
            if schema is not None:
                assert python_type(schema) == json_schema_to_python_type(schema)


def test_a_description_made_from_the_config_calls_the_same(url: str, config: Config) -> None:
    endpoints = Endpoints(config, build_api_info(config))
    assert call(url, endpoints, "/state", "hi", session_hash="first") == ("hi 0 3", 3)


def test_undocumented_endpoints_are_in_the_description_of_all(url: str, config: Config) -> None:
    info = parse_api_info(fetch(url + "/gradio_api/info?all_endpoints=true"), url=url)
    assert info.named["/quiet"].visibility == "undocumented"
    assert "/quiet" not in view_api_dict(info)["named_endpoints"]
    assert call(url, Endpoints(config, info), "/quiet", "hi") == "hi"


def test_state_buttons_and_whole_components_are_filled_in(url: str, endpoints: Endpoints) -> None:
    assert call(url, endpoints, "/state", "a", 5, session_hash="second") == ("a 0 5", 5)
    assert call(url, endpoints, "/state", "b", session_hash="second") == ("b 1 3", 3)
    assert call(url, endpoints, "/pressed") == "go 3"
    assert call(url, endpoints, "/whole", 5, "text") == "5 text Text"
    assert call(url, endpoints, "/show_group") == ()


CHOICES: list[dict[str, Any]] = [
    {"one": "z"},
    {"one": 1},
    {"some": ["x", "z"]},
    {"some": "z"},
    {"numbers": "1"},
    {"numbers": 3},
    {"boxes": ["c"]},
    {"boxes": "c"},
]


@pytest.mark.parametrize("given", CHOICES, ids=str)
def test_choices_that_are_refused_here_are_refused_there(url: str, endpoints: Endpoints, given: dict[str, Any]) -> None:
    endpoint = endpoints.resolve("/choose")
    with pytest.raises(ArgumentError):
        bind_arguments(endpoint, (), {"numbers": 1, **given})
    data = bind_arguments(endpoint, (), {"numbers": 1})
    for position, parameter in enumerate(endpoint.parameters):
        data[position] = given.get(parameter.name, data[position])
    body = json.dumps({"fn_index": endpoint.fn_index, "data": data}).encode()
    request = urllib.request.Request(
        url + "/gradio_api/run/predict", data=body, headers={"content-type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError, match="500") as caught:
        urllib.request.urlopen(request, timeout=60)
    caught.value.close()


@pytest.mark.parametrize(
    "given",
    [
        {"one": "y"},
        {"one": None},
        {"some": ["x", "y"]},
        {"some": "x"},
        {"free": "anything"},
        {"numbers": 2.0},
        {"numbers": True},
        {"boxes": ["a", "b"]},
        {"boxes": "a"},
        {"flag": 1},
        {"amount": 2},
        {"tint": 5},
    ],
    ids=str,
)
def test_what_is_accepted_there_is_accepted_here(url: str, endpoints: Endpoints, given: dict[str, Any]) -> None:
    assert isinstance(call(url, endpoints, "/choose", **{"numbers": 1, **given}), str)


def test_default_files_go_back_and_can_be_fetched(url: str, config: Config, endpoints: Endpoints) -> None:
    single, several, picture, album, message = call(url, endpoints, "/files", several=None)
    assert isinstance(single, FileData)
    assert single.orig_name == "my notes é.txt"
    assert fetch(file_url(url, config, single)) == b"notes"
    assert isinstance(picture, FileData)
    assert fetch(file_url(url, config, picture))
    assert (several, album, message) == (None, [], {"text": "", "files": []})
    again = call(url, endpoints, "/files", single=single, several=[single, picture], album=[{"image": picture}])
    assert again[0].orig_name == "my notes é.txt"
    assert [file.orig_name for file in again[1]] == ["my notes é.txt", picture.orig_name]
    assert isinstance(again[3][0]["image"], FileData)
