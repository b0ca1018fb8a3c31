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
from gradproto._info import build_api_info
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
