"""The vectors about documents and values: endpoints, arguments, and how values stand in requests and answers."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from gradproto._api_info import Endpoint, Endpoints, parse_api_info
from gradproto._binding import bind_arguments
from gradproto._config import Config, parse_config
from gradproto._dialects import Queue, choose_dialect
from gradproto._errors import ArgumentError, AuthenticationError, UnsupportedServerError
from gradproto._files import FileData, LocalFile, handle_file
from gradproto._info import build_api_info
from gradproto._payload import fill_uploads, find_uploads, read_outputs
from tests.core.documents import URL
from tests.core.vectors import FOLDER, Case, document, each

QUEUES: dict[Queue, str] = {
    "stream": "session stream",
    "own stream": "own stream",
    "websocket": "websocket",
    "polling": "polled",
}


# --- endpoints --------------------------------------------------------------------------------------------------------


@each("endpoints")
def test_an_app_has_the_endpoints_that_its_documents_say(case: Case) -> None:
    if "refused" in case:
        refusal = AuthenticationError if case["refused"] == "login" else UnsupportedServerError
        with pytest.raises(refusal):
            app_of(case)
        return
    config, endpoints = app_of(case)
    wanted = case["app"]
    assert config.version == wanted["version"]
    assert QUEUES[choose_dialect(config, URL).queue] == wanted["queue"]
    assert [described(endpoint) for endpoint in endpoints.values()] == wanted["endpoints"]


def app_of(case: Case) -> tuple[Config, Endpoints]:
    """The config and the endpoints of the documents of a vector."""
    if "page" in case:
        body = case["page"].encode()
    elif "config" in case:
        body = json.dumps(case["config"]).encode()
    else:
        body = (FOLDER / case["config_file"]).read_bytes()
    config = parse_config(body, content_type="", url=URL)
    info = None
    if "info_file" in case:
        info = (FOLDER / case["info_file"]).read_bytes()
    elif "info" in case:
        info = json.dumps(case["info"]).encode()
    described = build_api_info(config) if info is None else parse_api_info(info, url=URL)
    return config, Endpoints(config, described, choose_dialect(config, URL).payload)


def described(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint in the words of the vectors."""
    return {
        "fn_index": endpoint.fn_index,
        "name": endpoint.api_name,
        "visibility": endpoint.visibility,
        "queued": endpoint.queued,
        "generates": endpoint.is_generator if endpoint.is_generator or not endpoint.may_generate else None,
        "state": endpoint.has_state,
        "inputs": len(endpoint.inputs),
        "parameters": [
            {"name": one.name, "default": one.default} if one.has_default else {"name": one.name}
            for one in endpoint.parameters
        ],
        "outputs": [slot.position for slot in endpoint.outputs],
    }


# --- arguments --------------------------------------------------------------------------------------------------------

# How our errors begin, by what the vectors call the reason.
REFUSALS = {
    "missing": "No value provided for required argument: ",
    "too many": "/run takes ",
    "twice": "Parameter `a` is already set",
    "unknown name": "Parameter `.*` is not a valid key-word argument",
    "not a choice": ".* is not one of the choices of parameter `x`",
    "wrong type": "Parameter `x` is a .*, not ",
}


@each("arguments")
def test_arguments_become_the_data_of_a_request_or_are_refused(case: Case) -> None:
    app = document("arguments")["apps"][case["app"]]
    endpoint = app_of({"config": app})[1].resolve("/run")
    before = copy.deepcopy(case)
    if "refused" in case:
        with pytest.raises(ArgumentError, match=f"^{REFUSALS[case['refused']]}"):
            bind_arguments(endpoint, case["by_place"], case["by_name"])
    else:
        data = bind_arguments(endpoint, case["by_place"], case["by_name"])
        assert [kind_and_value(value) for value in data] == [kind_and_value(value) for value in case["data"]]
    assert case == before


def kind_and_value(value: object) -> tuple[str, object]:
    """A value that is equal only to one of the same type: true is not 1."""
    return type(value).__name__, value


# --- values -----------------------------------------------------------------------------------------------------------


@each("payloads")
def test_values_stand_in_requests_and_answers_as_their_generation_wants_it(case: Case) -> None:
    endpoint = app_of(case)[1].resolve("/predict")
    if case["way"] == "out":
        read = read_outputs(endpoint, case["data"])
        assert list(read) == with_files(case["values"])
        return
    given = bind_arguments(endpoint, with_files(case["values"]), {})
    if "refused" in case:
        with pytest.raises(ArgumentError):
            find_uploads(endpoint, given, upload_paths=False)
        return
    data, files = find_uploads(endpoint, given, upload_paths=False)
    if endpoint.payload == "inline":
        assert "uploads" not in case
        assert fill_uploads(data, files, endpoint.payload) == case["data"]
        return
    assert [{"name": file.orig_name, "content": content_of(file)} for file in files] == case.get("uploads", [])
    paths = case.get("paths", [])
    uploaded = [
        FileData(path=path, orig_name=file.orig_name, size=file.size, mime_type=file.mime_type)
        for path, file in zip(paths, files, strict=True)
    ]
    assert fill_uploads(data, uploaded, endpoint.payload) == case["data"]


def with_files(value: Any) -> Any:
    """What the vectors write as ``{"$file": ...}`` as the file that it stands for."""
    if isinstance(value, list):
        return [with_files(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$file" not in value:
        return {key: with_files(item) for key, item in value.items()}
    said = value["$file"]
    if "content" in said:
        content = said["content"].encode()
        local = handle_file(content, name=said["name"])
        assert isinstance(local, LocalFile)
        return local.with_size(len(content))
    return FileData(
        path=said.get("path"),
        url=said.get("url"),
        orig_name=said.get("name"),
        size=said.get("size"),
        mime_type=said.get("type"),
        is_stream=said.get("stream", False),
    )


def content_of(file: LocalFile) -> str:
    """The content of a file that is in memory."""
    assert isinstance(file.source, bytes)
    return file.source.decode()
