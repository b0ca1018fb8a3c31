"""The Python types of an endpoint's values, from what the app says about its components.

A type that is wrong is worse than ``Any``: only components of Gradio's own are believed, for those that people write
themselves often say "string" and mean something else. What the app puts out is not held to the choices of a component,
so choices are the types of inputs only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gradproto import Component, Endpoint, JSONValue, Return
from gradproto._api_info import InputSlot, OutputSlot
from gradproto._schema import choices

__all__ = ["fits", "input_types", "join_types", "literal", "output_types"]

# A type checker takes its time for every choice, and nobody reads more of them.
_CHOICES_LIMIT = 200
_CHOICE_LENGTH = 200  # characters
_DEPTH_LIMIT = 8  # deeper than anybody reads; ends schemas that contain themselves
_PARTS_LIMIT = 200  # more than anybody reads; ends schemas that contain themselves over and over

_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

# Components whose values were compared with what they say (Gradio 3.50.2, 4.44.1, 5.50.0, 6.31.0). The others may give
# and take anything: ``json``, ``dialogue`` (which says that it is a text or a list), ``navbar``, ``paramviewer``.
_KNOWN = frozenset(
    {
        *("annotatedimage", "api", "audio", "chatbot", "checkbox", "checkboxgroup", "code", "colorpicker", "dataframe"),
        *("datetime", "downloadbutton", "dropdown", "file", "fileexplorer", "gallery", "highlightedtext", "html"),
        *("image", "imageeditor", "imageslider", "label", "markdown", "model3d", "multimodaltextbox", "number", "plot"),
        *("radio", "slider", "textbox", "timer", "uploadbutton", "video"),
    }
)
# Those that give a value of their own where the function gives None, in every version that has them.
_NEVER_NONE = frozenset({"chatbot", "checkboxgroup", "dataframe", "gallery", "slider"})
_OLD = ("inline", "named")

Schema = dict[str, JSONValue]


def input_types(endpoint: Endpoint, slot: InputSlot) -> tuple[list[str], list[JSONValue]]:
    """Return the types that a parameter takes, as source text, and the choices that the first of them names."""
    parameter = slot.parameter
    assert parameter is not None
    if slot.file_kind is not None:
        return ["FileInput" if slot.file_kind == "one" else "FilesInput"], []
    if not _is_known(slot.component, parameter.component):
        return ["Any"], []
    schema = parameter.type
    if endpoint.payload in _OLD and slot.component is not None:
        schema = slot.component.input_schema
    # The choices of a list are those of its items.
    found = slot.choices or choices(schema)
    if found is None:
        return _simplify(_Reader(schema, file="Any").types(schema)), []
    options, several = found
    plain = _types_of_values(options)
    named = _nameable(options)
    if named is None:
        types = plain
    elif slot.choices is not None:
        types = [f"Literal[{', '.join(map(literal, named))}]"] if named else plain
    else:
        # The app has more choices than it tells, or gets others while it runs.
        types = [f"Literal[{', '.join(map(literal, named))}]", *plain] if named else plain
        if _takes_any_text(slot.component) and "Any" not in plain:
            types.append("str")
    types = _simplify(types)
    return ([f"list[{join_types(types)}]"], []) if several else (types, named or [])


def output_types(endpoint: Endpoint, slot: OutputSlot, described: Return | None, *, optional: bool) -> list[str]:
    """Return the types of a value that an endpoint gives; ``described`` is what the API description says of it.

    A file is a ``FileOutput``. ``optional`` adds ``None`` where a function that returns that is not refused.
    """
    types = _output_types(endpoint, slot, described)
    if optional and (slot.component is None or slot.component.type not in _NEVER_NONE):
        types = [*types, "None"]
    return _simplify(types)


def _output_types(endpoint: Endpoint, slot: OutputSlot, described: Return | None) -> list[str]:
    component = slot.component
    if not _is_known(component, described.component if described is not None else ""):
        return ["Any"]
    schema = described.type if described is not None else None
    if component is not None and (endpoint.payload in _OLD or schema is None):
        schema = component.output_schema
    types = _Reader(schema, file="FileOutput").types(schema)
    if _takes_any_text(component):
        if types[0].startswith("list["):
            return ["list[str]" if types == ["list[str]"] else "list[Any]"]
        types = [*types, "str"]
    return types


def join_types(types: Sequence[str]) -> str:
    """Return the union of types as source text."""
    return " | ".join(types)


def fits(value: JSONValue, types: Sequence[str], named: Sequence[JSONValue]) -> bool:
    """Whether a default can stand in a signature: a text, number or flag that is of one of the types."""
    if value is None:
        return True
    if not isinstance(value, (str, bool, int, float)):
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if isinstance(value, str) and len(value) > _CHOICE_LENGTH:
        return False
    if any(type(value) is type(one) and value == one for one in named):
        return True
    own = type(value).__name__
    return "Any" in types or own in types or (own == "int" and "float" in types)


def literal(value: JSONValue) -> str:
    """Return a text, number or flag as source text of printable characters, in double quotes where that is simple."""
    text = repr(value)
    if isinstance(value, str) and text.startswith("'") and "'" not in value and '"' not in value:
        return f'"{text[1:-1]}"'
    return text


def _is_known(component: Component | None, name: str) -> bool:
    return (component.type if component is not None else name).lower() in _KNOWN


def _takes_any_text(component: Component | None) -> bool:
    return component is not None and component.props.get("allow_custom_value") is True


def _nameable(options: list[JSONValue]) -> list[JSONValue] | None:
    """Return the choices once each, if a ``Literal`` can name them all."""
    if len(options) > _CHOICES_LIMIT:
        return None
    found: dict[tuple[type, JSONValue], None] = {}
    for option in options:
        if not isinstance(option, (str, int)) or (isinstance(option, str) and len(option) > _CHOICE_LENGTH):
            return None
        found[type(option), option] = None
    return [value for _, value in found]


def _types_of_values(values: Iterable[JSONValue]) -> list[str]:
    """Return the types of the values; without any, nothing is known."""
    kinds = [type(value) for value in values]
    if not kinds or not set(kinds) <= {str, bool, int, float, type(None)}:
        return ["Any"]
    return ["None" if kind is type(None) else kind.__name__ for kind in kinds]


def _simplify(types: Iterable[str]) -> list[str]:
    """Return the types once each, ``None`` last; ``Any`` where there is none."""
    found = dict.fromkeys(types)
    if "Any" in found:
        return ["Any"]
    if "float" in found:
        found.pop("int", None)
    has_none = "None" in found
    found.pop("None", None)
    return [*found, *(["None"] if has_none else [])] or ["Any"]


class _Reader:
    """Reads one schema; ``file`` is the type of a file."""

    def __init__(self, root: JSONValue, *, file: str) -> None:
        self._root = root
        self._file = file
        self._left = _PARTS_LIMIT

    def types(self, schema: JSONValue, depth: int = 0) -> list[str]:
        """Return the types of the values that a part of the schema describes."""
        schema = self._resolve(schema)
        self._left -= 1
        if not schema or depth > _DEPTH_LIMIT or self._left < 0:
            return ["Any"]
        depth += 1
        if "const" in schema:
            return _types_of_values([schema["const"]])
        if isinstance(options := schema.get("enum"), list):
            return _simplify(_types_of_values(options))
        for union in ("anyOf", "oneOf"):
            if isinstance(options := schema.get(union), list) and options:
                return _simplify(name for option in options for name in self.types(option, depth))
        kind = schema.get("type")
        if isinstance(kind, list):
            return _simplify(name for one in kind for name in self.types({**schema, "type": one}, depth))
        match kind:
            case "array":
                return [self._list(schema, depth)]
            case "object":
                return [self._object(schema, depth)]
            case str():
                return [_SCALARS.get(kind, "Any")]
            case _:
                return ["Any"]

    def _list(self, schema: Schema, depth: int) -> str:
        items = self._resolve(schema.get("items"))
        if "prefixItems" in items or "prefixItems" in schema:
            return "list[Any]"  # a tuple is a list in JSON
        return f"list[{join_types(self.types(items, depth))}]"

    def _object(self, schema: Schema, depth: int) -> str:
        properties = schema.get("properties")
        if isinstance(properties, dict) and properties:
            return self._file if "path" in properties and "orig_name" in properties else "dict[str, Any]"
        return f"dict[str, {join_types(self.types(schema.get('additionalProperties'), depth))}]"

    def _resolve(self, schema: JSONValue) -> Schema:
        """Follow a reference into the root's ``$defs``; what is no schema, or leads nowhere, is the empty one."""
        for _ in range(_DEPTH_LIMIT):
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            definitions = self._root.get("$defs") if isinstance(self._root, dict) else None
            schema = definitions.get(reference.rpartition("/")[2]) if isinstance(definitions, dict) else None
        return {}
