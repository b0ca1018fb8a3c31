"""Builds the documents that a Gradio server serves, as small as a test needs them; reads those saved of a real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gradproto._api_info import Endpoint, Endpoints, build_api_info, parse_api_info
from gradproto._config import Config, parse_config
from gradproto._files import PayloadStyle

__all__ = [
    "FILE_SCHEMA",
    "URL",
    "component",
    "config_document",
    "dependency",
    "endpoint",
    "era_documents",
    "era_endpoints",
    "make_config",
    "make_endpoints",
    "old_component",
    "old_endpoint",
    "saved_config",
    "saved_endpoints",
    "saved_text",
]

URL = "http://app.test/config"
DATA = Path(__file__).parents[1] / "data" / "api"

# As Gradio 6 writes it, without the texts.
FILE_SCHEMA: dict[str, Any] = {
    "$defs": {
        "FileDataMeta": {"type": "object", "properties": {"_type": {"const": "gradio.FileData", "type": "string"}}}
    },
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "url": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "size": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        "orig_name": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "mime_type": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "is_stream": {"type": "boolean", "default": False},
        "meta": {"$ref": "#/$defs/FileDataMeta"},
    },
}

SCHEMAS: dict[str, Any] = {
    "textbox": {"type": "string"},
    "number": {"type": "number"},
    "checkbox": {"type": "boolean"},
    "file": FILE_SCHEMA,
    "json": {"type": {}, "description": "any valid json"},
}


def component(number: int, kind: str = "textbox", schema: Any = None, **props: Any) -> dict[str, Any]:
    """One component of a config; State, layout and buttons have no place in the API."""
    props.setdefault("label", f"{kind} {number}")
    made: dict[str, Any] = {"id": number, "type": kind, "props": {"name": kind, **props}}
    if kind in ("state", "group", "button"):
        return {**made, "skip_api": True}
    made["api_info"] = SCHEMAS.get(kind, {}) if schema is None else schema
    return {**made, "skip_api": False, "example_inputs": "example"}


def dependency(inputs: list[int], outputs: list[int], **fields: Any) -> dict[str, Any]:
    """One function of a config."""
    made: dict[str, Any] = {"api_name": "run", "backend_fn": True, "queue": True, "types": {"generator": False}}
    return {**made, "inputs": inputs, "outputs": outputs, **fields}


def old_component(number: int, kind: str, **props: Any) -> dict[str, Any]:
    """One component of a config from before Gradio 4.0, which says nothing of its values."""
    return {"id": number, "type": kind, "props": {"name": kind, "label": f"{kind} {number}", **props}}


def old_endpoint(inputs: list[str], outputs: list[str], payload: PayloadStyle = "inline", **props: Any) -> Endpoint:
    """The endpoint of an app of that time; ``props`` are those of each component."""
    components = [old_component(number, kind, **props) for number, kind in enumerate([*inputs, *outputs])]
    numbers = list(range(len(components)))
    function = dependency(numbers[: len(inputs)], numbers[len(inputs) :])
    config = make_config(components, [function], version="3.16.2", protocol=None, api_prefix=None)
    return Endpoints(config, build_api_info(config), payload)[0]


def config_document(
    components: list[dict[str, Any]], dependencies: list[dict[str, Any]], **fields: Any
) -> dict[str, Any]:
    """A whole config."""
    made: dict[str, Any] = {"version": "6.31.0", "protocol": "sse_v3", "api_prefix": "/gradio_api"}
    return {**made, "components": components, "dependencies": dependencies, **fields}


def make_config(components: list[dict[str, Any]], dependencies: list[dict[str, Any]], **fields: Any) -> Config:
    """A config that was read from its document."""
    body = json.dumps(config_document(components, dependencies, **fields)).encode()
    return parse_config(body, content_type="application/json", url=URL)


def make_endpoints(
    components: list[dict[str, Any]],
    dependencies: list[dict[str, Any]],
    info: dict[str, Any] | None = None,
    payload: PayloadStyle = "meta",
    **fields: Any,
) -> Endpoints:
    """Endpoints of such a config, with the API description given or one made from the config."""
    config = make_config(components, dependencies, **fields)
    if info is None:
        return Endpoints(config, build_api_info(config), payload)
    return Endpoints(config, parse_api_info(json.dumps(info).encode(), url=URL), payload)


def endpoint(components: list[dict[str, Any]], inputs: list[int], outputs: list[int], **fields: Any) -> Endpoint:
    """The endpoint of an app that has only one."""
    return make_endpoints(components, [dependency(inputs, outputs, **fields)])[0]


def saved_config() -> Config:
    """The config of ``tests/api_app.py`` as Gradio 6.31 served it."""
    return parse_config((DATA / "config.json").read_bytes(), content_type="application/json", url=URL)


def saved_endpoints() -> Endpoints:
    """The endpoints of ``tests/api_app.py``."""
    return Endpoints(saved_config(), parse_api_info((DATA / "info.json").read_bytes(), url=URL))


def saved_text() -> str:
    """What Gradio's own client says about ``tests/api_app.py``."""
    return (DATA / "view_api.txt").read_text()


def era_documents(version: str) -> tuple[bytes, bytes | None]:
    """The config and the API description that a Gradio of that version served of its demo app, fewer endpoints."""
    document = json.loads((DATA / "eras" / f"{version}.json").read_text())
    info = document["info"]
    return json.dumps(document["config"]).encode(), None if info is None else json.dumps(info).encode()


def era_endpoints(version: str, payload: PayloadStyle) -> Endpoints:
    """The endpoints in those documents."""
    body, info = era_documents(version)
    config = parse_config(body, content_type="application/json", url=URL)
    return Endpoints(config, build_api_info(config) if info is None else parse_api_info(info, url=URL), payload)
