"""What a JSON Schema of Gradio's says about a value: its Python type in words, its choices, and whether it is a file.

Schemas come from a server, so everything in them may be missing or of another type; such a schema says nothing. They
may also refer to themselves. Gradio: ``api_info`` of each component, ``json_schema_to_python_type`` in
``client/python/gradio_client/utils.py`` for the wording.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ._json import JSONValue

__all__ = ["FileKind", "SchemaChoices", "choices", "file_kind", "may_hold_file", "python_type", "scalar_type"]

Schema = dict[str, JSONValue]
FileKind = Literal["one", "many"]
ScalarType = Literal["string", "number", "boolean"]
SchemaChoices = tuple[list[JSONValue], bool]

_DEPTH_LIMIT = 32  # deeper than any component's; ends schemas that contain themselves
_ANYTHING = "Any"
_ANY_JSON = "str | float | bool | list | dict"
_WORDS = {"null": "None", "integer": "int", "string": "str", "boolean": "bool", "number": "float"}
_UNIONS = ("oneOf", "anyOf", "allOf")


def python_type(schema: JSONValue) -> str:
    """Return the type in the words of Gradio's API pages: ``str``, ``list[filepath]``, ``Literal['a', 'b']``."""
    return _Namer(schema).name(schema, 0)


class _Namer:
    def __init__(self, root: JSONValue) -> None:
        self.root = root

    def name(self, schema: JSONValue, depth: int) -> str:
        schema = _resolve(schema, self.root)
        if not schema or depth > _DEPTH_LIMIT:
            return _ANYTHING
        depth += 1
        if "const" in schema:
            return f"Literal[{schema['const']}]"
        if isinstance(options := schema.get("enum"), list):
            return "Literal[" + ", ".join(f"'{option}'" for option in options) + "]"
        if schema.get("type"):  # "any JSON" has the type {}
            return self._name_typed(schema, depth)
        for union in _UNIONS:
            if options := _list(schema, union):
                names = [self.name(option, depth) for option in options]
                return f"All[{', '.join(names)}]" if union == "allOf" else " | ".join(names)
        return _ANY_JSON if "json" in _string(schema, "description") else _ANYTHING

    def _name_typed(self, schema: Schema, depth: int) -> str:
        kind = schema["type"]
        if isinstance(kind, list):
            return " | ".join(self.name({**schema, "type": option}, depth) for option in kind)
        if kind == "array":
            items = _resolve(schema.get("items"), self.root)
            members = _list(items, "prefixItems") or _list(schema, "prefixItems")
            if members:
                return f"tuple[{', '.join(self.name(member, depth) for member in members)}]"
            return f"list[{self.name(items, depth)}]"
        if kind == "object":
            return "filepath" if _is_file(schema) else f"dict({', '.join(self._name_properties(schema, depth))})"
        return _WORDS.get(kind, _ANYTHING) if isinstance(kind, str) else _ANYTHING

    def _name_properties(self, schema: Schema, depth: int) -> Iterator[str]:
        for key, value in _dict(schema, "properties").items():
            description = _string(value, "description")
            yield f"{key}: {self.name(value, depth)}" + (f" ({description})" if description else "")
        if "additionalProperties" in schema:
            yield f"str, {self.name(schema['additionalProperties'], depth)}"


def file_kind(schema: JSONValue, words: str = "") -> FileKind | None:
    """Return whether a value is a file, a list of files, or neither; ``words`` are the type in Gradio's words."""
    if _names_file(schema, schema):
        return "one"
    for option in _options(schema, schema):
        if option.get("type") == "array" and _names_file(option.get("items"), schema):
            return "many"
    if words == "filepath":
        return "one"
    return "many" if words.lower() == "list[filepath]" else None


def _names_file(schema: JSONValue, root: JSONValue) -> bool:
    return any(_is_file(option) for option in _options(schema, root))


def _is_file(schema: Schema) -> bool:
    """Whether this is the schema of FileData (since Gradio 4.0), or of an image, which is the same with other texts."""
    properties = _dict(schema, "properties")
    return "path" in properties and "orig_name" in properties


def choices(schema: JSONValue) -> SchemaChoices | None:
    """Return the values that are allowed, and whether the value is a list of them; ``None`` where any value is."""
    whole = _resolve(schema, schema)
    if options := _list(whole, "enum"):
        return options, False
    if whole.get("type") == "array" and (options := _list(_resolve(whole.get("items"), schema), "enum")):
        return options, True
    return None


def scalar_type(schema: JSONValue) -> ScalarType | None:
    """Return the type where the schema plainly names one that is no container, else ``None``."""
    whole = _resolve(schema, schema)
    if "enum" in whole or "const" in whole:
        return None  # what stands beside an enum is not its type: {"type": "string", "enum": [1, 2]} is a usual one
    match whole.get("type"):
        case "string":
            return "string"
        case "number" | "integer":
            return "number"
        case "boolean":
            return "boolean"
        case _:
            return None


def may_hold_file(schema: JSONValue) -> bool:
    """Whether a value may be a file or have one in it; ``False`` only where the schema leaves no room for one."""
    return _may_hold_file(schema, schema, 0)


def _may_hold_file(schema: JSONValue, root: JSONValue, depth: int) -> bool:
    schema = _resolve(schema, root)
    if not schema or depth > _DEPTH_LIMIT:
        return True
    depth += 1
    if "const" in schema or "enum" in schema:
        return False
    for union in _UNIONS:
        if options := _list(schema, union):
            return any(_may_hold_file(option, root, depth) for option in options)
    kind = schema.get("type")
    if kind == "array":
        members = _list(schema, "prefixItems") or [schema.get("items")]
        return any(_may_hold_file(member, root, depth) for member in members)
    if kind == "object":
        members = list(_dict(schema, "properties").values())
        if "additionalProperties" in schema or not members:
            members.append(schema.get("additionalProperties"))
        return _is_file(schema) or any(_may_hold_file(member, root, depth) for member in members)
    return not (isinstance(kind, str) and kind in _WORDS)


def _options(schema: JSONValue, root: JSONValue) -> list[Schema]:
    """Return the schema itself, or those of which it is a plain union."""
    schema = _resolve(schema, root)
    options = _list(schema, "anyOf") or _list(schema, "oneOf")
    return [_resolve(option, root) for option in options] if options else [schema]


def _resolve(schema: JSONValue, root: JSONValue) -> Schema:
    """Follow a reference into the root's ``$defs``; what is no schema, or leads nowhere, is the empty one."""
    for _ in range(_DEPTH_LIMIT):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        schema = _dict(root, "$defs").get(reference.rpartition("/")[2])
    return {}


def _dict(schema: JSONValue, key: str) -> Schema:
    value = schema.get(key) if isinstance(schema, dict) else None
    return value if isinstance(value, dict) else {}


def _list(schema: JSONValue, key: str) -> list[JSONValue]:
    value = schema.get(key) if isinstance(schema, dict) else None
    return value if isinstance(value, list) else []


def _string(schema: JSONValue, key: str) -> str:
    value = schema.get(key) if isinstance(schema, dict) else None
    return value if isinstance(value, str) else ""
