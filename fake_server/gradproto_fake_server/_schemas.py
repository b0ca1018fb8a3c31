"""The JSON schemas with which Gradio describes structured values in ``/config`` and ``/info``.

They are data of the protocol: clients find their file parameters by the shape of ``FileData``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ._json import is_list, is_object

__all__ = [
    "CHAT_EXAMPLE",
    "CHAT_PYTHON_TYPE",
    "CHAT_SCHEMA",
    "FILE_EXAMPLE",
    "FILE_SCHEMA",
    "OLD_FILE_PYTHON_TYPE",
    "TEXT_CHAT_PYTHON_TYPE",
    "TEXT_CHAT_SCHEMA",
    "file_schema",
    "old_file_schema",
    "without_open_objects",
]


def _text(title: str) -> dict[str, Any]:
    return {"title": title, "type": "string"}


def _optional(kind: str, title: str) -> dict[str, Any]:
    return {"anyOf": [{"type": kind}, {"type": "null"}], "default": None, "title": title}


def _constant(value: str, title: str = "Type") -> dict[str, Any]:
    return {"const": value, "default": value, "title": title, "type": "string"}


def _record(
    title: str, required: list[str], properties: dict[str, Any], description: str | None = None
) -> dict[str, Any]:
    record: dict[str, Any] = {} if description is None else {"description": description}
    record["properties"] = properties
    if required:
        record["required"] = required
    record["title"] = title
    record["type"] = "object"
    return record


# The words of Gradio's own documentation, which it sends (gradio/data_classes.py and components/chatbot.py, 5.29).
_FILE_DESCRIPTION = """\
The FileData class is a subclass of the GradioModel class that represents a file object within a Gradio interface. \
It is used to store file data and metadata when a file is uploaded.

Attributes:
    path: The server file path where the file is stored.
    url: The normalized server URL pointing to the file.
    size: The size of the file in bytes.
    orig_name: The original filename before upload.
    mime_type: The MIME type of the file.
    is_stream: Indicates whether the file is a stream.
    meta: Additional metadata used internally (should not be changed)."""

_METADATA_DESCRIPTION = """\
A typed dictionary to represent metadata for a message in the Chatbot component. An
instance of this dictionary is used for the `metadata` field in a ChatMessage when
the chat message should be displayed as a thought.
Parameters:
    title: The title of the "thought" message. Required if the message is to be displayed as a thought.
    id: The ID of the message. Only used for nested thoughts. Nested thoughts can be nested by setting the parent_id \
to the id of the parent thought.
    parent_id: The ID of the parent message. Only used for nested thoughts.
    log: A string message to display next to the thought title in a subdued font.
    duration: The duration of the message in seconds. Appears next to the thought title in a subdued font inside a \
parentheses.
    status: if set to `"pending"`, a spinner appears next to the thought title and the accordion is initialized open.  \
If `status` is `"done"`, the thought accordion is initialized closed. If `status` is not provided, the thought \
accordion is initialized open and no spinner is displayed."""

_OPTION_DESCRIPTION = """\
A typed dictionary to represent an option in a ChatMessage. A list of these
dictionaries is used for the `options` field in a ChatMessage.
Parameters:
    value: The value to return when the option is selected.
    label: The text to display in the option, if different from the value."""

_FILE_META = _record(
    "FileDataMeta", ["_type"], {"_type": {"const": "gradio.FileData", "title": "Type", "type": "string"}}
)
_FILE_FIELDS: dict[str, Any] = {
    "path": _text("Path"),
    "url": _optional("string", "Url"),
    "size": _optional("integer", "Size"),
    "orig_name": _optional("string", "Orig Name"),
    "mime_type": _optional("string", "Mime Type"),
    "is_stream": {"default": False, "title": "Is Stream", "type": "boolean"},
    "meta": {"$ref": "#/$defs/FileDataMeta"},
}

FILE_SCHEMA: dict[str, Any] = {
    "$defs": {"FileDataMeta": _FILE_META},
    "properties": _FILE_FIELDS,
    "required": ["path"],
    "title": "FileData",
    "type": "object",
    "additional_description": _FILE_DESCRIPTION,
}


_OPEN_META = {"default": {"_type": "gradio.FileData"}, "title": "Meta", "type": "object"}


def file_schema(fields: Collection[str], *, meta_required: bool, described: bool) -> dict[str, Any]:
    """Describe a file with these fields: the older ones have fewer, and say less of them."""
    if meta_required:
        return FILE_SCHEMA
    known = {name: about for name, about in _FILE_FIELDS.items() if name in fields}
    if "meta" in known:
        known["meta"] = _OPEN_META
    schema: dict[str, Any] = {"properties": known, "required": ["path"], "title": "FileData", "type": "object"}
    return schema | {"additional_description": _FILE_DESCRIPTION} if described else schema


def without_open_objects(schema: Any) -> Any:
    """Leave out what objects may have besides, which older clients take for the name of a type."""
    if is_object(schema):
        kept = {key: value for key, value in schema.items() if key != "additionalProperties"}
        return {key: without_open_objects(value) for key, value in kept.items()}
    return [without_open_objects(item) for item in schema] if is_list(schema) else schema


def old_file_schema(words: str) -> dict[str, Any]:
    """Describe a file before Gradio 4; ``words`` say what its path is."""
    return {"oneOf": [{"type": "string", "description": words}, _OLD_FILE]}


_OLD_FILE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "name of file"},
        "data": {"type": "string", "description": "base64 representation of file"},
        "size": {"type": "integer", "description": "size of image in bytes"},
        "is_file": {"type": "boolean", "description": "true if the file has been uploaded to the server"},
        "orig_name": {"type": "string", "description": "original name of the file"},
    },
    "required": ["name", "data"],
}

OLD_FILE_PYTHON_TYPE = (
    "str | Dict(name: str (name of file), data: str (base64 representation of file), size: int (size of image in "
    "bytes), is_file: bool (true if the file has been uploaded to the server), orig_name: str (original name of the "
    "file))"
)

_SAMPLE_FILE = "https://github.com/gradio-app/gradio/raw/main/test/test_files/sample_file.pdf"

FILE_EXAMPLE: dict[str, Any] = {
    "path": _SAMPLE_FILE,
    "meta": {"_type": "gradio.FileData"},
    "orig_name": "sample_file.pdf",
    "url": _SAMPLE_FILE,
}

_ID: dict[str, Any] = {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def _any_object(title: str) -> dict[str, Any]:
    return {"additionalProperties": True, "title": title, "type": "object"}


CHAT_SCHEMA: dict[str, Any] = {
    "$defs": {
        "ComponentMessage": _record(
            "ComponentMessage",
            ["component", "value", "constructor_args", "props"],
            {
                "component": _text("Component"),
                "value": {"title": "Value"},
                "constructor_args": _any_object("Constructor Args"),
                "props": _any_object("Props"),
                "type": _constant("component"),
            },
        ),
        "FileData": _record("FileData", ["path"], _FILE_FIELDS, _FILE_DESCRIPTION),
        "FileDataMeta": _FILE_META,
        "FileMessage": _record(
            "FileMessage",
            ["file"],
            {
                "file": {"$ref": "#/$defs/FileData"},
                "alt_text": _optional("string", "Alt Text"),
                "type": _constant("file"),
            },
        ),
        "Message": _record(
            "Message",
            ["role", "content"],
            {
                "role": _text("Role"),
                "metadata": {"anyOf": [{"$ref": "#/$defs/MetadataDict"}, {"type": "null"}], "default": None},
                "content": {
                    "items": {
                        "anyOf": [
                            {"$ref": "#/$defs/TextMessage"},
                            {"$ref": "#/$defs/FileMessage"},
                            {"$ref": "#/$defs/ComponentMessage"},
                        ]
                    },
                    "title": "Content",
                    "type": "array",
                },
                "options": {
                    "anyOf": [{"items": {"$ref": "#/$defs/OptionDict"}, "type": "array"}, {"type": "null"}],
                    "default": None,
                    "title": "Options",
                },
            },
        ),
        "MetadataDict": _record(
            "MetadataDict",
            [],
            {
                "title": _text("Title"),
                "id": {**_ID, "title": "Id"},
                "parent_id": {**_ID, "title": "Parent Id"},
                "log": _text("Log"),
                "duration": {"title": "Duration", "type": "number"},
                "status": {"enum": ["pending", "done"], "title": "Status", "type": "string"},
            },
            _METADATA_DESCRIPTION,
        ),
        "OptionDict": _record(
            "OptionDict", ["value"], {"value": _text("Value"), "label": _text("Label")}, _OPTION_DESCRIPTION
        ),
        "TextMessage": _record("TextMessage", ["text"], {"text": _text("Text"), "type": _constant("text")}),
    },
    "items": {"$ref": "#/$defs/Message"},
    "title": "ChatbotDataMessages",
    "type": "array",
    "additional_description": None,
}

CHAT_PYTHON_TYPE = (
    "list[dict(role: str, metadata: dict(title: str, id: int | str, parent_id: int | str, log: str, duration: float, "
    "status: Literal['pending', 'done']) | None, content: list[dict(text: str, type: Literal[text]) | "
    "dict(file: filepath, alt_text: str | None, type: Literal[file]) | dict(component: str, value: Any, "
    "constructor_args: dict(str, Any), props: dict(str, Any), type: Literal[component])], "
    "options: list[dict(value: str, label: str)] | None)]"
)


def _with_text(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a conversation whose messages are a text, a file or a component, and not a list of them."""
    kinds = {name: kind for name, kind in schema["$defs"].items() if name != "TextMessage"}
    for name in ("FileMessage", "ComponentMessage"):
        fields = {field: about for field, about in kinds[name]["properties"].items() if field != "type"}
        kinds[name] = {**kinds[name], "properties": fields}
    message = kinds["Message"]
    options = [{"type": "string"}, {"$ref": "#/$defs/FileMessage"}, {"$ref": "#/$defs/ComponentMessage"}]
    content = {"anyOf": options, "title": "Content"}
    kinds["Message"] = {**message, "properties": {**message["properties"], "content": content}}
    return {**schema, "$defs": kinds, "title": "ChatbotDataMessages"}


TEXT_CHAT_SCHEMA: dict[str, Any] = _with_text(CHAT_SCHEMA)
"""A conversation before Gradio 6."""

TEXT_CHAT_PYTHON_TYPE = (
    "list[dict(role: str, metadata: dict(title: str, id: int | str, parent_id: int | str, log: str, duration: float, "
    "status: Literal['pending', 'done']) | None, content: str | dict(file: filepath, alt_text: str | None) | "
    "dict(component: str, value: Any, constructor_args: dict(str, Any), props: dict(str, Any)), "
    "options: list[dict(value: str, label: str)] | None)]"
)


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "metadata": None, "content": [{"text": text, "type": "text"}], "options": None}


CHAT_EXAMPLE: list[dict[str, Any]] = [_said("user", "Hello!"), _said("assistant", "How can I help you?")]
