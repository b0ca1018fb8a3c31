"""How each Gradio describes what a component takes and gives: its schema, its Python type and an example.

Gradio 4 and later describe it by a JSON schema. Gradio 3 has a serializer for each kind of component, which may also
let a client give something simpler than what goes over the wire: the path of a file in place of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._components import Component
from ._json import is_list
from ._profiles import Profile
from ._schemas import (
    CHAT_SCHEMA,
    FILE_SCHEMA,
    OLD_FILE_PYTHON_TYPE,
    TEXT_CHAT_PYTHON_TYPE,
    TEXT_CHAT_SCHEMA,
    file_schema,
    old_file_schema,
    without_open_objects,
)

__all__ = ["Description", "choices_in_config", "config_keys_of", "describe", "first_value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What ``/info`` says of one parameter or return value."""

    schema: Mapping[str, Any] | None
    python_type: str
    words: str
    example: Any
    serializer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Old:
    """What a serializer of Gradio 3 says of its values, whatever the component is set to."""

    serializer: str = "SimpleSerializable"
    schema: Mapping[str, Any] | None = None
    python_type: str | None = None
    raw: Any = None
    example: Any = None
    from_choices: bool = False
    """Whether the example is the component's first choice."""
    own_example: bool = False
    """Whether the example is the component's own."""
    simple_words: str | None = None
    """What a client gives in its place: a text with this description."""


_OLD_FILE = {"name": "test/test_files/sample_file.pdf", "data": "data:@file/pdf;base64,JVBERi0xLjQK"}

_OLD: Mapping[str, _Old] = {
    "textbox": _Old(serializer="StringSerializable", raw="Howdy!", example="Howdy!"),
    "number": _Old(
        serializer="NumberSerializable", schema={"type": "number"}, python_type="int | float", raw=5, example=5
    ),
    "slider": _Old(serializer="NumberSerializable", python_type="int | float", own_example=True),
    "checkbox": _Old(serializer="BooleanSerializable", raw=True, example=True),
    "dropdown": _Old(python_type="str", from_choices=True),
    "radio": _Old(serializer="StringSerializable", schema={"type": "string"}, python_type="str", own_example=True),
    "json": _Old(
        serializer="JSONSerializable",
        python_type="Dict[Any, Any]",
        raw={"a": 1, "b": 2},
        simple_words="filepath to JSON file",
    ),
    "file": _Old(
        serializer="FileSerializable",
        python_type=OLD_FILE_PYTHON_TYPE,
        raw={"is_file": False, "data": _OLD_FILE},
        example="https://github.com/gradio-app/gradio/raw/main/test/test_files/sample_file.pdf",
    ),
}
_OTHER = _Old(own_example=True)
_ANYTHING: Mapping[str, Any] = {"type": {}, "description": "any valid value"}


def first_value(component: Component, profile: Profile) -> Any:
    """Give what a component shows at first: of several choices the first one from 5.29 on, and before it none."""
    hidden = (component.chosen and not profile.first_choice) or (component.skip_api and not profile.state_shown)
    return None if hidden else component.value


def describe(component: Component, profile: Profile, *, simple: bool = True) -> Description:
    """Describe a component's values; ``simple`` as what clients of Gradio 3 give in their place."""
    return _describe_old(component, profile, simple) if profile.old_api_info else _describe(component, profile)


def _describe(component: Component, profile: Profile) -> Description:
    schema, python_type, example = component.schema, component.python_type, component.example
    if schema is FILE_SCHEMA:  # a component may have been given another
        schema = file_schema(
            profile.file_fields, meta_required=profile.meta_required, described=profile.described_files
        )
        # A file was shown by its address alone until it had to have meta.
        example = example if "meta" in profile.file_fields else example["path"]
    elif schema is CHAT_SCHEMA and not profile.chat_parts:
        schema, python_type = TEXT_CHAT_SCHEMA, TEXT_CHAT_PYTHON_TYPE
        example = [{**said, "content": said["content"][0]["text"]} for said in example]
    elif schema == {"type": "integer"} and not profile.integers:
        schema, python_type = {"type": "number"}, "float"
    if schema is not None:
        python_type = _in_its_words(python_type, schema, profile)
        schema = schema if profile.open_objects else without_open_objects(schema)
    return Description(
        schema=schema,
        python_type=python_type,
        words=(schema or {}).get("description", ""),
        example=example,
        serializer="",
    )


def _in_its_words(python_type: str, schema: Mapping[str, Any], profile: Profile) -> str:
    if not profile.quoted_choices and "enum" in schema:
        return f"Literal[{', '.join(map(str, schema['enum']))}]"
    if not profile.json_in_words and schema.get("type") == {}:
        return "Dict[Any, Any]"
    return python_type


def _describe_old(component: Component, profile: Profile, simple: bool) -> Description:
    old = _OLD.get(component.kind, _OTHER)
    schema = _old_schema(component, old, profile)
    python_type = component.python_type if old.python_type is None else old.python_type
    words = (schema or _ANYTHING).get("description", "")
    simple_words = profile.old_file_words if component.kind == "file" else old.simple_words
    if simple and simple_words is not None:
        python_type, words = "str", simple_words
    return Description(
        schema=schema,
        python_type=python_type,
        words=words,
        example=_old_example(component, old, profile, old.example),
        serializer=old.serializer,
    )


def _old_schema(component: Component, old: _Old, profile: Profile) -> Mapping[str, Any] | None:
    if component.schema is FILE_SCHEMA:
        return old_file_schema(profile.old_file_words)
    if old.from_choices:
        return {"type": "string", "description": f"Option from: {_old_choices(component, profile)}"}
    return component.schema if old.schema is None else old.schema


def _old_example(component: Component, old: _Old, profile: Profile, example: Any) -> Any:
    if old.from_choices:
        choices = _old_choices(component, profile)
        return choices[0] if choices else None
    return component.example if old.own_example else example


def _old_choices(component: Component, profile: Profile) -> list[Any]:
    """Give the choices as Gradio 3 keeps them: from 3.50 on with a name each."""
    texts: list[str] = (component.schema or {}).get("enum", [])
    return [(text, text) for text in texts] if profile.named_choices else list(texts)


def config_keys_of(component: Component, profile: Profile) -> dict[str, Any]:
    """Give what the config says of a component's values, all generations in one."""
    described = describe(component, profile)
    if profile.old_api_info:
        # A State has these too; what clients do not name they leave out by its type.
        old = _OLD.get(component.kind, _OTHER)
        raw = _old_example(component, old, profile, old.raw)
        serialized_info = component.kind == "file" or old.simple_words is not None
        return {
            "serializer": described.serializer,
            "api_info": {"info": described.schema or _ANYTHING, "serialized_info": serialized_info},
            "example_inputs": {"raw": raw, "serialized": described.example},
        }
    if described.schema is None:
        return {}
    return {
        "api_info": described.schema,
        "api_info_as_input": described.schema,
        "api_info_as_output": described.schema,
        "example_inputs": described.example,
    }


def choices_in_config(props: Mapping[str, Any], profile: Profile) -> Mapping[str, Any]:
    """Give the properties of a component with its choices as this Gradio writes them."""
    choices: Any = props.get("choices")
    if profile.named_choices or not is_list(choices):
        return props
    return {**props, "choices": [choice[1] if is_list(choice) else choice for choice in choices]}
