"""A real app's saved documents: where they are found, what in them is needed, and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from ._json import is_list, is_object

__all__ = [
    "Document",
    "SavedFunction",
    "SavedPart",
    "functions_in",
    "parts_in",
    "read_config",
    "read_info",
    "version_of",
]

Document = Union[Mapping[str, Any], str, Path]
"""JSON as a dictionary, or the file that holds it, which may be the app's page."""

_NEWEST_OF: Mapping[object, str] = {"sse": "4.8.0", "sse_v1": "4.12.0", "sse_v2": "4.19.2", "sse_v2.1": "4.21.0"}
_STATES = frozenset({"state", "variable"})
# What has a place in the data and is nothing that a client names; from 4.0 on the documents say it themselves.
_SKIPPED = _STATES | {
    *("row", "column", "tabs", "tab", "tabitem", "box", "form", "accordion", "group", "interpretation", "dataset"),
    "sidebar",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPart:
    """One component as the config has it."""

    id: int
    kind: str
    props: Mapping[str, Any]
    is_state: bool
    skip_api: bool
    schema: Any
    """Of its value as an output; ``None`` before Gradio 4, where it is described in other words."""
    example: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFunction:
    """One dependency as the config has it."""

    id: int
    name: str | None
    visibility: str
    has_backend: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    about: Mapping[str, Any]
    """All that it says."""


def read_config(source: Document) -> dict[str, Any]:
    """Read a config. Raises ``ValueError`` if there is none, or one of an app that wants a login first."""
    document = _read(source, "config", r"window\.gradio_config\s*=\s*")
    if "dependencies" not in document and "input_components" not in document:
        if document.get("auth_required") or "Not authenticated" in str(document.get("detail")):
            raise ValueError("the config is that of an app that wants a login first; save it after the login")
        keys = ", ".join(repr(key[:20]) for key in list(document)[:5])
        raise ValueError(f"the config has neither 'dependencies' nor 'input_components'; it has {keys or 'nothing'}")
    return document


def read_info(source: Document | None, config: Document) -> dict[str, Any] | None:
    """Read what ``/info`` says; without it, the page that holds the config may."""
    if source is None:
        if isinstance(config, Mapping) or Path(config).suffix == ".json":
            return None
        try:
            return _read(config, "info", r"window\.gradio_api_info\s*=\s*")
        except ValueError:
            return None  # a page from before 4.44 has none
    document = _read(source, "info", r"window\.gradio_api_info\s*=\s*")
    if not is_object(document.get("named_endpoints")):
        raise ValueError("the info has no 'named_endpoints'")
    return document


def _read(source: Document, what: str, in_page: str) -> dict[str, Any]:
    if isinstance(source, Mapping):
        return dict(source)
    try:
        text = Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"the {what} cannot be read from {str(source)!r:.80}: {error}") from error
    match = re.search(in_page, text) if text.lstrip()[:1] == "<" else None
    try:
        value: object = json.loads(text) if match is None else json.JSONDecoder().raw_decode(text, match.end())[0]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the {what} in {str(source)!r:.80} is no JSON: {error}") from error
    if not is_object(value):
        raise ValueError(f"the {what} in {str(source)!r:.80} is of type {type(value).__name__}, and no object")
    return value


def version_of(config: Mapping[str, Any]) -> str:
    """Say which Gradio wrote a config: by its version, or else by its shape."""
    version = config.get("version")
    if isinstance(version, str) and re.match(r"\s*[1-9]", version):
        return version.strip()
    if "dependencies" not in config:
        return "2.9.4"
    protocol = config.get("protocol")
    return "3.50.2" if protocol is None else _NEWEST_OF.get(protocol, "999")


def parts_in(config: Mapping[str, Any]) -> dict[int, SavedPart]:
    """Give the components by their ids. Raises ``ValueError`` for one that cannot be read."""
    parts = [_part(item, f"components[{place}]") for place, item in enumerate(_list(config, "components"))]
    return {part.id: part for part in parts}


def _part(item: Any, where: str) -> SavedPart:
    if not is_object(item) or not _is_id(item.get("id")):
        raise ValueError(f"the config's {where} has no 'id' that is a number")
    kind, props = item.get("type"), item.get("props", {})
    if not isinstance(kind, str) or not is_object(props):
        raise ValueError(f"the config's {where} has no 'type' that is a text, or no 'props' that is an object")
    schema = item.get("api_info_as_output", item.get("api_info"))
    return SavedPart(
        id=item["id"],
        kind=kind,
        props=props,
        is_state=kind in _STATES,
        skip_api=bool(item.get("skip_api", kind in _SKIPPED)),
        schema=schema if "skip_api" in item else None,
        example=item.get("example_inputs"),
    )


def functions_in(config: Mapping[str, Any], known: Mapping[int, SavedPart]) -> list[SavedFunction]:
    """Give the dependencies. Raises ``ValueError`` for one that cannot be read or names unknown components."""
    functions: list[SavedFunction] = []
    for place, item in enumerate(_list(config, "dependencies")):
        where = f"dependencies[{place}]"
        if not is_object(item):
            raise ValueError(f"the config's {where} is of type {type(item).__name__}, and no object")
        identity = item.get("id", place)  # before 4.32 it is the place in the list
        if not _is_id(identity) or any(function.id == identity for function in functions):
            raise ValueError(f"the config's {where} has an 'id' that is no number, or one that there is already")
        name = item.get("api_name")
        functions.append(
            SavedFunction(
                id=identity,
                name=name if isinstance(name, str) and name else None,
                visibility=_visibility(item),
                has_backend=item.get("backend_fn") is not False,
                inputs=_ids(item, "inputs", where, known),
                outputs=_ids(item, "outputs", where, known),
                about=item,
            )
        )
    return functions


def _visibility(item: Mapping[str, Any]) -> str:
    said = item.get("api_visibility")
    if said in ("public", "undocumented", "private"):
        return str(said)
    if item.get("api_name") is False:
        return "private"
    return "undocumented" if item.get("show_api") is False else "public"


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    items = document.get(name, [])
    if not is_list(items):
        raise ValueError(f"the config's {name!r} is of type {type(items).__name__}, and no list")
    return items


def _ids(item: Mapping[str, Any], name: str, where: str, known: Mapping[int, SavedPart]) -> tuple[int, ...]:
    ids = item.get(name, [])
    if not is_list(ids):
        raise ValueError(f"the config's {where}.{name} is of type {type(ids).__name__}, and no list")
    for identity in ids:
        if not _is_id(identity) or identity not in known:
            raise ValueError(f"the config's {where}.{name} has {identity!r:.80}, which is the id of no component")
    return tuple(ids)
