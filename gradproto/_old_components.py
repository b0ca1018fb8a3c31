"""What components took and gave before Gradio 4.0: facts by their type, for the config did not say them.

From 3.24 on a config names a ``serializer`` and from 3.26 on it has an ``api_info``, but in the words of that time's
Python client, where a file is a text. Gradio: ``preprocess`` and ``postprocess`` in ``gradio/inputs.py`` and
``gradio/outputs.py`` (2.x) and ``gradio/components.py`` (3.x); ``gradio_client/serializing.py`` up to 0.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ._json import JSONValue
from ._schema import FileKind

__all__ = ["gives_data_urls", "old_file_kind", "old_may_hold_file", "old_schema", "takes_data_urls"]

_FILE: Final[JSONValue] = {
    "type": "object",
    "title": "FileData",
    "properties": {"path": {"type": "string"}, "url": {"type": "string"}, "orig_name": {"type": "string"}},
}
_GALLERY: Final[JSONValue] = {
    "type": "array",
    "items": {"anyOf": [_FILE, {"type": "array", "prefixItems": [_FILE, {"type": "string"}]}]},
}
_JSON: Final[JSONValue] = {"type": {}, "description": "any valid json"}
_SCALARS: Final = {
    **dict.fromkeys(("button", "code", "colorpicker", "html", "markdown", "textbox"), "string"),
    **dict.fromkeys(("number", "slider"), "number"),
    "checkbox": "boolean",
}
_CHOICES = frozenset({"checkboxgroup", "dropdown", "radio"})
_ONE_FILE = frozenset({"audio", "image", "image3d", "model3d", "video"})
_FILES = frozenset({"file", "uploadbutton"})
# Components whose values never hold a file. One of an unknown type, a subclass perhaps, may.
_NO_FILES = (
    frozenset(_SCALARS)
    | _CHOICES
    | {
        *("dataframe", "fileexplorer", "highlightedtext", "json", "keyvalues", "label", "timeseries"),
        *("plot", "barplot", "lineplot", "scatterplot", "dataset", "interpretation", "statustracker"),
    }
)
# An image is a data URL itself, where other files stand in an object; so is the sound that 2.x and 3.0 gave.
_TAKE_DATA_URLS = frozenset({"image"})
_GIVE_DATA_URLS = frozenset({"audio", "carousel", "gallery", "image"})


def old_schema(kind: str, props: Mapping[str, JSONValue]) -> JSONValue:
    """Return the JSON Schema of a component's value, as a caller gives and sees it."""
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if kind in _CHOICES:
        return _choice(kind, props)
    file_kind = old_file_kind(kind, props)
    if file_kind is not None:
        return _FILE if file_kind == "one" else {"type": "array", "items": _FILE}
    return _GALLERY if kind == "gallery" else _JSON


def _choice(kind: str, props: Mapping[str, JSONValue]) -> JSONValue:
    choices = props.get("choices")
    # From 3.41 on a choice may be a label and its value.
    options = [item[1] if isinstance(item, list) and len(item) == 2 else item for item in _as_list(choices)]
    one: JSONValue = {"type": "string", "enum": options} if options else {"type": "string"}
    return {"type": "array", "items": one} if kind == "checkboxgroup" or props.get("multiselect") is True else one


def _as_list(value: JSONValue) -> list[JSONValue]:
    return value if isinstance(value, list) else []


def old_file_kind(kind: str, props: Mapping[str, JSONValue]) -> FileKind | None:
    """Return whether a component takes a file, a list of files, or neither."""
    if kind in _ONE_FILE:
        return "one"
    if kind in _FILES:
        return "many" if props.get("file_count") in ("multiple", "directory") else "one"
    return None


def old_may_hold_file(kind: str) -> bool:
    """Return whether what a component gives may be a file, or have one in it."""
    return kind not in _NO_FILES


def takes_data_urls(kind: str) -> bool:
    """Return whether a component takes files as bare data URLs, and in no other way."""
    return kind in _TAKE_DATA_URLS


def gives_data_urls(kind: str) -> bool:
    """Return whether a text in what a component gives may be a file, as a data URL."""
    return kind in _GIVE_DATA_URLS
