"""What the config declares is served, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gradproto_conformance._areas import served
from gradproto_conformance._capabilities import Capability, capabilities
from gradproto_conformance._checks import Verdict
from tests.conformance.runs import check
from tests.conformance.twin import twin

WRONG_CONFIGS: list[Any] = [
    {},
    {"dependencies": 7, "pages": {}},
    {"dependencies": [None, [], {"types": 3}], "pages": [1]},
]


@pytest.mark.parametrize("version", ["3.50.2", "5.0.2", "5.50.0", "6.31.0"])
def test_a_server_that_serves_what_it_declares_passes(version: str) -> None:
    found = check(twin(version), chosen=served.REGISTRY.scenarios)
    expected = Verdict.PASS if version >= "5.5" else Verdict.SKIP
    assert {result.verdict for result in found.values()} <= {expected}


def test_a_page_that_is_listed_and_not_served_fails() -> None:
    found = check(
        twin("6.31.0"), chosen=served.REGISTRY.scenarios, before=lambda app: app.inject("crash", "GET /", times=None)
    )
    assert found["served-pages"].verdict is Verdict.FAIL
    assert found["served-pages"].expected == ("status 200 for the page ''",)
    assert found["served-pages"].got.startswith("status 500")


def test_what_is_served_and_not_declared_is_a_warning() -> None:
    found = check(
        twin("6.31.0"),
        chosen=served.REGISTRY.scenarios,
        before=lambda app: app.inject("page", "GET */mcp/schema", times=None),
    )
    assert found["served-mcp-undeclared"].verdict is Verdict.WARN


def test_capabilities_are_read_from_any_config() -> None:
    assert not [
        one
        for config in WRONG_CONFIGS
        for one in capabilities(json.loads(json.dumps(config)))
        if one.declared and one.name != "queue" and one.name != "endpoints"
    ]
    config = {
        "protocol": "sse_v3",
        "api_prefix": "/gradio_api",
        "mcp_server": True,
        "max_file_size": 5,
        "pages": [["", ""], ["a", "A"]],
    }
    declared = {one.name: one.detail for one in capabilities(config) if one.declared}
    assert declared == {
        "API prefix": "/gradio_api",
        "queue": "sse_v3",
        "limit of uploads": "5 bytes",
        "MCP": "",
        "pages": "2",
    }
    assert Capability(name="PWA", declared=False) in capabilities(config)
