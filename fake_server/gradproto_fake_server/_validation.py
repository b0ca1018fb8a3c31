"""The bodies that Gradio's routes accept, and the 422 answers to those that they do not.

FastAPI answers with a list of ``{"type", "loc", "msg", "input"}``; official clients show it, so its shapes are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._json import is_list, is_object

__all__ = [
    "CALL_BODY",
    "CANCEL_BODY",
    "OLD_PREDICT_BODY",
    "PREDICT_BODY",
    "PUSH_BODY",
    "PUSH_BODY_OF_2",
    "RESET_BODY",
    "RESET_SESSION_BODY",
    "SERVER_BODY",
    "STATUS_BODY",
    "Field",
    "Invalid",
    "check_query_flag",
    "check_query_integer",
    "missing_body",
    "parse_body",
    "parse_object",
    "read_json",
    "worded",
]


class Invalid(Exception):
    """The request is refused with 422 and these details."""

    def __init__(
        self,
        details: list[dict[str, Any]],
        *,
        is_json: bool = True,
        broken: json.JSONDecodeError | None = None,
        unreadable: bool = False,
    ) -> None:
        super().__init__(details)
        self.details = details
        self.broken = broken
        """What is wrong with the JSON; pydantic 1 tells all of it."""
        self.unreadable = unreadable
        """Whether nobody can say where it is wrong, which is a 400 without details."""
        self.is_json = is_json
        """Whether the body was JSON at all; if not, FastAPI says so before it looks at anything else."""


Refusal = tuple[str, str]


def _check_text(value: Any) -> tuple[Any, Refusal | None]:
    if isinstance(value, str):
        return value, None
    return value, ("string_type", "Input should be a valid string")


def _check_list(value: Any) -> tuple[Any, Refusal | None]:
    if is_list(value):
        return value, None
    return value, ("list_type", "Input should be a valid list")


def _check_integer(value: Any) -> tuple[Any, Refusal | None]:
    if isinstance(value, int):
        return int(value), None
    if isinstance(value, float):
        if value.is_integer():
            return int(value), None
        return value, ("int_from_float", "Input should be a valid integer, got a number with a fractional part")
    if isinstance(value, str):
        if re.fullmatch(r"\s*[+-]?\d{1,4000}\s*", value):
            return int(value), None
        return value, ("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
    return value, ("int_type", "Input should be a valid integer")


_YES = ("true", "t", "yes", "y", "on", "1")
_NO = ("false", "f", "no", "n", "off", "0")


def _check_flag(value: Any) -> tuple[Any, Refusal | None]:
    if isinstance(value, bool):
        return value, None
    if isinstance(value, str | int | float):
        text = value.lower() if isinstance(value, str) else str(int(value)) if value in (0, 1) else ""
        if text in _YES or text in _NO:
            return text in _YES, None
        return value, ("bool_parsing", "Input should be a valid boolean, unable to interpret input")
    return value, ("bool_type", "Input should be a valid boolean")


def _check_nothing(value: Any) -> tuple[Any, Refusal | None]:
    return value, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a body."""

    check: Callable[[Any], tuple[Any, Refusal | None]]
    required: bool = False
    nullable: bool = True
    default: Any = None


_TEXT = Field(check=_check_text)
_INTEGER = Field(check=_check_integer)

PREDICT_BODY: Mapping[str, Field] = {
    "session_hash": _TEXT,
    "event_id": _TEXT,
    "data": Field(check=_check_list, required=True, nullable=False),
    "oauth_token": _TEXT,
    "event_data": Field(check=_check_nothing),
    "fn_index": _INTEGER,
    "trigger_id": _INTEGER,
    "simple_format": Field(check=_check_flag, nullable=False, default=False),
    "batched": Field(check=_check_flag, default=False),
}
"""The body of ``/queue/join``, ``/run`` and ``/api``."""

OLD_PREDICT_BODY: Mapping[str, Field] = {k: field for k, field in PREDICT_BODY.items() if k != "simple_format"}
"""The same before there was ``/call``."""

CALL_BODY: Mapping[str, Field] = {name: PREDICT_BODY[name] for name in ("data", "session_hash", "oauth_token")}
"""The body of ``/call``."""

CANCEL_BODY: Mapping[str, Field] = {
    "session_hash": Field(check=_check_text, required=True, nullable=False),
    "fn_index": Field(check=_check_integer, required=True, nullable=False),
    "event_id": Field(check=_check_text, required=True, nullable=False),
}
"""The body of ``/cancel``."""

RESET_BODY: Mapping[str, Field] = {"event_id": CANCEL_BODY["event_id"]}
"""The body of ``/reset``."""

RESET_SESSION_BODY: Mapping[str, Field] = {name: CANCEL_BODY[name] for name in ("session_hash", "fn_index")}
"""The body of ``/reset`` before Gradio 4."""

SERVER_BODY: Mapping[str, Field] = {
    "session_hash": CANCEL_BODY["session_hash"],
    "component_id": CANCEL_BODY["fn_index"],
    "fn_name": CANCEL_BODY["event_id"],
    "data": Field(check=_check_nothing, required=True),
}
"""The body of ``/component_server``."""

_NEEDED_TEXT = CANCEL_BODY["event_id"]

PUSH_BODY_OF_2: Mapping[str, Field] = {"action": _NEEDED_TEXT, "data": PREDICT_BODY["data"], "session_hash": _TEXT}
"""The body of ``/api/queue/push/`` in Gradio 2."""

PUSH_BODY: Mapping[str, Field] = {
    "fn_index": CANCEL_BODY["fn_index"],
    "action": _NEEDED_TEXT,
    "session_hash": _NEEDED_TEXT,
    "data": PREDICT_BODY["data"],
}
"""The body of ``/api/queue/push/`` in Gradio 3."""

STATUS_BODY: Mapping[str, Field] = {"hash": _NEEDED_TEXT}
"""The body of ``/api/queue/status/``."""


def read_json(body: bytes, content_type: str | None, *, untyped: bool = False) -> Any:
    """Read a body as FastAPI does: JSON only if the content type says JSON, else as one text.

    One without a content type is JSON if ``untyped`` is, as it was before FastAPI 0.132.
    Raises :class:`Invalid` if there is no body, or if it is no JSON.
    """
    if not body:
        raise Invalid([missing_body()])
    kind = (content_type or "").partition(";")[0].strip().lower()
    if content_type is None and untyped:
        kind = "application/json"
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        return body.decode("utf-8", "replace")
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        detail = {
            "type": "json_invalid",
            "loc": ["body", error.pos],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": error.msg},
        }
        raise Invalid([detail], is_json=False, broken=error) from error
    except (ValueError, RecursionError) as error:  # no UTF-8, a number without end, lists without end
        detail = {"type": "json_invalid", "loc": ["body", 0], "msg": str(error)}
        raise Invalid([detail], is_json=False, unreadable=True) from error


def missing_body() -> dict[str, Any]:
    """Give the detail that there is no body."""
    return {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}


def parse_body(value: Any, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Check a body's fields; unknown ones are dropped, absent ones get their default. Raises :class:`Invalid`."""
    if not is_object(value):
        text = "Input should be a valid dictionary or object to extract fields from"
        raise Invalid([{"type": "model_attributes_type", "loc": ["body"], "msg": text, "input": value}])
    parsed: dict[str, Any] = {}
    refused: list[dict[str, Any]] = []
    for name, field in fields.items():
        if name not in value:
            parsed[name] = field.default
            if field.required:
                refused.append({"type": "missing", "loc": ["body", name], "msg": "Field required", "input": value})
            continue
        item = value[name]
        if item is None and field.nullable:
            parsed[name] = None
            continue
        parsed[name], refusal = field.check(item)
        if refusal is not None:
            kind, text = refusal
            refused.append({"type": kind, "loc": ["body", name], "msg": text, "input": item})
    if refused:
        raise Invalid(refused)
    return parsed


def parse_object(value: Any) -> dict[str, Any]:
    """Check that a body without known fields is an object. Raises :class:`Invalid`."""
    if not is_object(value):
        text = "Input should be a valid dictionary"
        raise Invalid([{"type": "dict_type", "loc": ["body"], "msg": text, "input": value}])
    return value


def check_query_integer(name: str, text: str) -> int:
    """Read a number in a query. Raises :class:`Invalid`."""
    value, refusal = _check_integer(text)
    if refusal is not None:
        kind, message = refusal
        raise Invalid([{"type": kind, "loc": ["query", name], "msg": message, "input": text}])
    return int(value)


def check_query_flag(name: str, text: str) -> bool:
    """Read a yes or no in a query. Raises :class:`Invalid`."""
    value, refusal = _check_flag(text)
    if refusal is not None:
        kind, message = refusal
        raise Invalid([{"type": kind, "loc": ["query", name], "msg": message, "input": text}])
    return bool(value)


def worded(error: Invalid, *, old: bool) -> list[dict[str, Any]]:
    """Give the details of a refusal in the words of the time; ``old`` ones are those of pydantic 1."""
    if not old:
        return error.details
    if (broken := error.broken) is not None:
        context = {
            "msg": broken.msg,
            "doc": broken.doc,
            "pos": broken.pos,
            "lineno": broken.lineno,
            "colno": broken.colno,
        }
        return [{"loc": ["body", broken.pos], "msg": str(broken), "type": "value_error.jsondecode", "ctx": context}]
    worded: list[dict[str, Any]] = []
    for detail in error.details:
        message, kind = _OLD_WORDS.get(detail["type"], (detail["msg"], detail["type"]))
        worded.append({"loc": detail["loc"], "msg": message, "type": kind})
    return worded


_OLD_WORDS: Mapping[str, tuple[str, str]] = {
    "missing": ("field required", "value_error.missing"),
    "int_parsing": ("value is not a valid integer", "type_error.integer"),
    "list_type": ("value is not a valid list", "type_error.list"),
}
