"""What ``/openapi.json`` says of the endpoints (Gradio 5.29 and later): where they are, and what goes in and comes out.

The paths, names and types are those of Gradio; the words for people are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._json import is_list, is_object
from ._profiles import Profile

__all__ = ["openapi_document"]

Schema = dict[str, Any]


def openapi_document(info: Mapping[str, Any], title: str, profile: Profile) -> Schema:
    """Describe all endpoints of an ``/info``: as calls past the queue, or since 6.13 as what ``curl`` can do."""
    simple = "call_v2" in profile.routes
    paths: dict[str, Any] = {f"{profile.api_prefix}/upload": _upload()} if simple else {}
    for path, endpoint in info["named_endpoints"].items():
        name = path.strip("/").replace("/", "_")
        if simple:
            paths[f"{profile.api_prefix}/call/v2{path}"] = _posted(path, name, endpoint)
            paths[f"{profile.api_prefix}/call{path}/{{event_id}}"] = _fetched(path, name)
        else:
            paths[f"/run{path}"] = _run(path, name, endpoint)
    return {
        "openapi": "3.0.2",
        "info": {"title": title, "description": "", "version": profile.version},
        "paths": paths,
        "components": {"schemas": {}},
    }


def _run(path: str, name: str, endpoint: Mapping[str, Any]) -> Schema:
    parameters = endpoint["parameters"]
    body: Schema = {"schema": _object({one["parameter_name"]: _typed(one["type"]) for one in parameters})}
    examples = {one["parameter_name"]: one["example_input"] for one in parameters}
    if examples:
        body["examples"] = {"example1": {"value": examples}}
    outputs = {
        f"output_{place}" if place else "output": _typed(value["type"])
        for place, value in enumerate(endpoint["returns"])
    }
    about = endpoint.get("description", "")
    return {"post": _operation(about or f"Endpoint {path}", about, name, body, _object(outputs))}


def _posted(path: str, name: str, endpoint: Mapping[str, Any]) -> Schema:
    types = {one["parameter_name"]: _short(one["type"]) for one in endpoint["parameters"]}
    about = endpoint.get("description", "")
    summary = about or f"Endpoint {path}"
    if any(_is_file(one) for one in types.values()):
        summary += " (upload files before, and pass the paths of the answer)"
    outputs = len(endpoint["returns"])
    then = f"GET /gradio_api/call{path}/{{event_id}} gives its {outputs} output{'' if outputs == 1 else 's'}."
    body = {"schema": _object({name: _as_text(one) if _is_file(one) else _typed(one) for name, one in types.items()})}
    answer = _object({"event_id": {"type": "string"}})
    return {"post": _operation(summary, f"{about} {then}".strip(), name, body, answer)}


def _operation(summary: str, description: str, name: str, body: Schema, answer: Schema) -> Schema:
    return {
        "summary": summary,
        "description": description,
        "operationId": name,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": {"description": "It went well", "content": {"application/json": {"schema": answer}}}},
    }


def _fetched(path: str, name: str) -> Schema:
    event_id = {
        "name": "event_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": "What the POST gave",
    }
    return {
        "get": {
            "summary": f"What comes of {path}",
            "description": "An event stream; the event `complete` has the list of outputs.",
            "operationId": f"{name}_get",
            "parameters": [event_id],
            "responses": {
                "200": {"description": "The events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
            },
        }
    }


def _upload() -> Schema:
    files = {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "description": "The files",
    }
    paths = {"type": "array", "items": {"type": "string"}}
    refused = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    upload_id = {
        "name": "upload_id",
        "in": "query",
        "required": False,
        "schema": {"type": "string", "nullable": True, "default": None},
        "description": "By which its progress can be followed",
    }
    return {
        "post": {
            "summary": "Upload files",
            "operationId": "upload_file_upload_post",
            "parameters": [upload_id],
            "requestBody": {
                "required": True,
                "content": {"multipart/form-data": {"schema": {**_object({"files": files}), "required": ["files"]}}},
            },
            "responses": {
                "200": {"description": "Their paths", "content": {"application/json": {"schema": paths}}},
                "400": {"description": "No form, or a name that cannot be", **refused},
                "413": {"description": "A file is too large", **refused},
            },
            "security": [{"login_check": []}],
        }
    }


def _object(properties: Mapping[str, Any]) -> Schema:
    return {"type": "object", "properties": dict(properties)}


def _typed(schema: Mapping[str, Any] | None) -> Schema:
    """Return a type as OpenAPI has it: without Gradio's own words, and an object is called so; none is any."""
    if schema is None:
        return {}
    shown = {key: value for key, value in schema.items() if key != "additional_description"}
    return {**shown, "type": "object"} if "properties" in shown and "type" not in shown else shown


# The short form of types (Gradio 6.13 and later): every definition stands where it is used, and a file is a path.


def _short(schema: Any, definitions: Mapping[str, Any] | None = None) -> Any:
    if is_list(schema):
        return [_short(item, definitions) for item in schema]
    if not is_object(schema):
        return schema
    known: Mapping[str, Any] = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        return _short(known[schema["$ref"].rpartition("/")[2]], known)
    if {"path", "meta"} <= schema.get("properties", {}).keys():
        return {"type": "filepath", "description": "The path of a file that was uploaded"}
    return {key: _short(value, known) for key, value in schema.items() if key != "$defs"}


def _is_file(schema: Any) -> bool:
    return is_object(schema) and schema.get("type") == "filepath"


def _as_text(schema: Mapping[str, Any]) -> Schema:
    return {**schema, "type": "string", "format": "filepath"}
