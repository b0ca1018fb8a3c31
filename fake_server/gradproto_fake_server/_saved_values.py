"""What a saved app answers where nobody said: a value of the kind that each of its components shows."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from ._components import CallContext, file
from ._files import StoredFile
from ._json import is_list, is_list_or_tuple, is_object
from ._saved_documents import SavedPart
from ._steps import FakeFile

__all__ = ["decode", "default_value", "encode"]

_DEPTH = 8  # deeper than any component's schema; ends those that contain themselves

_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
_FILE: Any = object()


def _first_choice(part: SavedPart) -> Any:
    choices = part.props.get("choices")
    first = choices[0] if is_list(choices) and choices else None
    return first[1] if is_list(first) and len(first) > 1 else first


def _first_choices(part: SavedPart) -> Any:
    return [_first_choice(part)] if part.props.get("multiselect") else _first_choice(part)


def _minimum(part: SavedPart) -> Any:
    return part.props.get("minimum") or 0


_BY_KIND: Mapping[str, Callable[[SavedPart], Any]] = {
    "dropdown": _first_choices,
    "radio": _first_choice,
    "slider": _minimum,
    "json": lambda part: {},
    "dataframe": lambda part: {"headers": [], "data": []},
    "label": lambda part: {"label": ""},
}
# Before 4.0 the documents do not say what a value is in a schema.
_OLD_BY_KIND: Mapping[str, Any] = {
    **dict.fromkeys(("textbox", "text", "textarea", "markdown", "html", "code", "colorpicker"), ""),
    "number": 0,
    "checkbox": False,
    **{kind: [] for kind in ("checkboxgroup", "gallery", "chatbot", "highlightedtext")},
    **dict.fromkeys(("file", "audio", "video", "model3d"), _FILE),
    "image": f"data:image/png;base64,{base64.b64encode(_PNG).decode()}",
}


_SCALARS: Mapping[str, Any] = {"string": "", "number": 0, "integer": 0, "boolean": False}


def default_value(part: SavedPart) -> Any:
    """Give a component's value: its first choice, its minimum, or what is empty of its type.

    That is ``""``, ``0``, ``False``, ``[]``, ``{}``, for a file a small one, and ``None`` where nothing is known.
    """
    if part.is_state:
        return part.props.get("value")
    if part.kind in _BY_KIND:
        return _BY_KIND[part.kind](part)
    value = _OLD_BY_KIND.get(part.kind) if part.schema is None else _of_schema(part.schema, part.schema, 0)
    if value is not _FILE:
        return value
    if part.kind in ("image", "imageeditor"):
        return FakeFile("image.png", _PNG)
    return FakeFile(f"{part.kind}.txt", f"a fake {part.kind}\n".encode())


def _of_schema(schema: Any, root: Any, depth: int) -> Any:
    if not is_object(schema) or depth > _DEPTH:
        return None
    if isinstance(reference := schema.get("$ref"), str):
        known = root.get("$defs") if is_object(root) else None
        found = known.get(reference.rpartition("/")[2]) if is_object(known) else None
        return _of_schema(found, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if is_list(options := schema.get("enum")) and options:
        return options[0]
    for union in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(union) or ():
            if option != {"type": "null"}:
                return _of_schema(option, root, depth + 1)
    kind = schema.get("type")
    if kind == "object":
        return _of_object(schema, root, depth)
    if kind == "array":
        return []
    return _SCALARS.get(kind) if isinstance(kind, str) else None


def _of_object(schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    properties = schema.get("properties")
    if not is_object(properties):
        return {}
    if "path" in properties and {"meta", "orig_name"} & properties.keys():
        return _FILE if not depth or "$defs" in schema else None
    required = schema.get("required")
    names = required if is_list(required) else []
    return {name: _of_schema(properties.get(name), root, depth + 1) for name in names}


# -- what a test's own function gets and gives


_as_file = file().decode


def decode(given: Any, context: CallContext) -> Any:
    """Make stored files of what stands for them; everything else comes as it is."""
    if is_list(given):
        return [decode(item, context) for item in given]
    if not is_object(given):
        return given
    path = given.get("path", given.get("name"))
    named = isinstance(path, str) and ("meta" in given or "is_file" in given or "orig_name" in given)
    if named and not str(path).startswith(("http://", "https://")) and given.get("data") is None:
        return _as_file(given, context)
    return {name: decode(value, context) for name, value in given.items()}


def encode(given: Any, context: CallContext) -> Any:
    """Describe stored files; everything else goes as it is."""
    if isinstance(given, StoredFile):
        return context.file_data(given)
    if is_object(given):
        return {name: encode(value, context) for name, value in given.items()}
    return [encode(value, context) for value in given] if is_list_or_tuple(given) else given
