from __future__ import annotations

from typing import Any

import pytest
from gradio_client.utils import json_schema_to_python_type
from hypothesis import given
from hypothesis import strategies as st

from gradproto._schema import choices, file_kind, may_hold_file, python_type, scalar_type
from tests.core.documents import FILE_SCHEMA, saved_config

FILE = {key: value for key, value in FILE_SCHEMA.items() if key != "$defs"}
REF = {"$ref": "#/$defs/FileData"}
DEFS = {"FileData": FILE, **FILE_SCHEMA["$defs"]}
NULL = {"type": "null"}
NODE = {"$ref": "#/$defs/Node"}
ENDLESS: dict[str, Any] = {"$defs": {"Node": {"type": "array", "items": NODE}}, **NODE}
CIRCLE: dict[str, Any] = {"$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"}

NAMED: list[tuple[dict[str, Any], str]] = [
    ({}, "Any"),
    ({"type": "string"}, "str"),
    ({"type": "integer"}, "int"),
    ({"type": "number"}, "float"),
    ({"type": "boolean"}, "bool"),
    (NULL, "None"),
    ({"const": "x"}, "Literal[x]"),
    ({"type": "string", "enum": ["a", 1]}, "Literal['a', '1']"),
    ({"type": {}, "description": "any valid json"}, "str | float | bool | list | dict"),
    ({"description": "something"}, "Any"),
    ({"type": "array", "items": {"type": "string"}}, "list[str]"),
    ({"type": "array", "items": {}}, "list[Any]"),
    ({"type": "array", "prefixItems": [{"type": "string"}, NULL]}, "tuple[str, None]"),
    ({"type": "array", "items": {"prefixItems": [{"type": "string"}]}}, "tuple[str]"),
    ({"anyOf": [{"type": "string"}, NULL]}, "str | None"),
    ({"oneOf": [{"type": "string"}, NULL]}, "str | None"),
    ({"allOf": [{"type": "string"}, NULL]}, "All[str, None]"),
    ({"type": "object"}, "dict()"),
    ({"type": "object", "additionalProperties": True}, "dict(str, Any)"),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict(str, int)"),
    (
        {"type": "object", "properties": {"a": {"type": "string", "description": "the a"}, "b": NULL}},
        "dict(a: str (the a), b: None)",
    ),
    (FILE_SCHEMA, "filepath"),
    ({"$defs": DEFS, "type": "array", "items": REF}, "list[filepath]"),
    ({"$defs": DEFS, "anyOf": [REF, NULL]}, "filepath | None"),
]


@pytest.mark.parametrize(("schema", "words"), NAMED)
def test_a_type_is_named_as_gradio_names_it(schema: dict[str, Any], words: str) -> None:
    assert python_type(schema) == words
    assert json_schema_to_python_type(schema) == words


def test_every_component_of_a_real_app_is_named_as_gradio_names_it() -> None:
    schemas = [made.input_schema for made in saved_config().components.values() if made.input_schema]
    assert len(schemas) > 20
    for schema in schemas:
        assert python_type(schema) == json_schema_to_python_type(schema)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (None, "Any"),
        ("string", "Any"),
        ({"type": "strange"}, "Any"),
        ({"type": 5}, "Any"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"$ref": "#/$defs/Nowhere"}, "Any"),
        ({"$ref": 5}, "Any"),
        (CIRCLE, "Any"),
        ({"type": "object", "properties": [], "description": 5}, "dict()"),
        ({"anyOf": "all", "enum": "x"}, "Any"),
    ],
)
def test_what_is_no_schema_says_nothing(schema: Any, words: str) -> None:
    assert python_type(schema) == words


def test_a_schema_in_itself_comes_to_an_end() -> None:
    assert python_type(ENDLESS).startswith("list[list[")
    assert may_hold_file(ENDLESS)
    assert file_kind(ENDLESS) is None


@pytest.mark.parametrize(
    ("schema", "words", "kind"),
    [
        (FILE_SCHEMA, "", "one"),
        ({"$defs": DEFS, "anyOf": [REF, NULL]}, "", "one"),
        ({"$defs": DEFS, "type": "array", "items": REF}, "", "many"),
        ({"$defs": DEFS, "anyOf": [{"type": "array", "items": REF}, NULL]}, "", "many"),
        ({"$defs": DEFS, "type": "array", "items": {"anyOf": [REF, NULL]}}, "", "many"),
        ({"type": "string"}, "filepath", "one"),
        ({"oneOf": [{"type": "string"}]}, "List[filepath]", "many"),
        (None, "list[filepath]", "many"),
        ({"type": "string"}, "str", None),
        ({"type": "array", "items": {"type": "string"}}, "list[str]", None),
        ({"type": "object", "properties": {"image": FILE}}, "dict(image: filepath)", None),
        ({"type": "object", "properties": {"path": {"type": "string"}}}, "dict(path: str)", None),
    ],
)
def test_files_and_lists_of_files_are_told_from_the_rest(schema: Any, words: str, kind: str | None) -> None:
    assert file_kind(schema, words) == kind


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"type": "string", "enum": ["a", 1]}, (["a", 1], False)),
        ({"type": "array", "items": {"enum": ["a"]}}, (["a"], True)),
        ({"type": "string", "enum": []}, None),
        ({"type": "array", "items": {"type": "string"}}, None),
        ({"type": "string"}, None),
        (None, None),
    ],
)
def test_choices_are_found(schema: Any, found: Any) -> None:
    assert choices(schema) == found


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"type": "string"}, "string"),
        ({"type": "number"}, "number"),
        ({"type": "integer"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "string", "enum": [1, 2]}, None),
        ({"const": "x"}, None),
        ({"anyOf": [{"type": "string"}, NULL]}, None),
        ({"type": "array"}, None),
        ({"type": ["string"]}, None),
        ({}, None),
    ],
)
def test_only_a_plain_type_is_a_scalars(schema: Any, found: Any) -> None:
    assert scalar_type(schema) == found


@pytest.mark.parametrize(
    ("schema", "may"),
    [
        ({"type": "string"}, False),
        (NULL, False),
        ({"enum": ["a"]}, False),
        ({"const": "a"}, False),
        ({"anyOf": [{"type": "string"}, NULL]}, False),
        ({"type": "array", "items": {"type": "number"}}, False),
        ({"type": "array", "prefixItems": [NULL, {"type": "number"}]}, False),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, False),
        ({"type": "object", "additionalProperties": {"type": "string"}}, False),
        (FILE_SCHEMA, True),
        ({"$defs": DEFS, "anyOf": [NULL, REF]}, True),
        ({"$defs": DEFS, "type": "array", "items": REF}, True),
        ({"$defs": DEFS, "type": "object", "properties": {"a": NULL, "b": REF}}, True),
        ({"type": "object", "properties": {"a": NULL}, "additionalProperties": True}, True),
        ({"type": "object"}, True),
        ({"type": "array"}, True),
        ({"type": {}, "description": "any valid json"}, True),
        ({"type": ["string"]}, True),
        ({}, True),
        (None, True),
        (CIRCLE, True),
    ],
)
def test_only_a_schema_without_room_for_a_file_rules_one_out(schema: Any, may: bool) -> None:
    assert may_hold_file(schema) is may


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "array", "object", "#/$defs/a", "x"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "items", "prefixItems", "properties", "anyOf", "allOf", "enum", "$ref", "$defs", "a"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_taken_for_a_schema(schema: Any) -> None:
    assert isinstance(python_type(schema), str)
    assert isinstance(may_hold_file(schema), bool)
    assert file_kind(schema) in (None, "one", "many")
    assert scalar_type(schema) in (None, "string", "number", "boolean")
    found = choices(schema)
    assert found is None or found[0]
