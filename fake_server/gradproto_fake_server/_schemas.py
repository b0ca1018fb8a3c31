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
    "OLD_FILE_SCHEMA",
    "file_schema",
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


_FILE_DESCRIPTION = "A file on the server: its path, the URL that gives it, and what is known about it."

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


OLD_FILE_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"type": "string", "description": "filepath on your computer (or URL) of file"},
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "name of file"},
                "data": {"type": "string", "description": "base64 representation of file"},
                "size": {"type": "integer", "description": "size of image in bytes"},
                "is_file": {"type": "boolean", "description": "true if the file has been uploaded to the server"},
                "orig_name": {"type": "string", "description": "original name of the file"},
            },
            "required": ["name", "data"],
        },
    ]
}
"""A file before Gradio 4."""

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
_ANY_OBJECT: dict[str, Any] = {"additionalProperties": True, "type": "object"}

CHAT_SCHEMA: dict[str, Any] = {
    "$defs": {
        "ComponentMessage": _record(
            "ComponentMessage",
            ["component", "value", "constructor_args", "props"],
            {
                "component": _text("Component"),
                "value": {"title": "Value"},
                "constructor_args": {**_ANY_OBJECT, "title": "Constructor Args"},
                "props": {**_ANY_OBJECT, "title": "Props"},
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
            "What a thought shows beside its text.",
        ),
        "OptionDict": _record(
            "OptionDict", ["value"], {"value": _text("Value"), "label": _text("Label")}, "One answer to choose."
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


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "metadata": None, "content": [{"text": text, "type": "text"}], "options": None}


CHAT_EXAMPLE: list[dict[str, Any]] = [_said("user", "Hello!"), _said("assistant", "How can I help you?")]
