"""What an HTTP answer other than the hoped-for one means, as an error."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import cast

from ._errors import (
    AuthenticationError,
    GradprotoError,
    JobError,
    QueueFullError,
    RateLimitedError,
    RemoteProtocolError,
    ValidationError,
)
from ._exchanges import Headers, header_value
from ._json import JSONValue, loads
from ._urls import redact_url

__all__ = ["QUEUE_FULL_MESSAGE", "answer_error", "json_object", "retry_after"]

QUEUE_FULL_MESSAGE = "Queue is full! Please try again."


def json_object(body: bytes, what: str) -> dict[str, JSONValue]:
    """Return the JSON object that ``body`` is; raise `RemoteProtocolError` if it is something else."""
    try:
        value = loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise RemoteProtocolError(f"{what}: expected a JSON object, got {_excerpt(body)}")
    return value


def retry_after(headers: Headers) -> float | None:
    """Return the seconds of ``Retry-After``; a date cannot be used without a clock, and gives ``None``."""
    value = header_value(headers, "retry-after")
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def answer_error(status: int, headers: Headers, body: bytes, *, what: str, url: str) -> GradprotoError:
    """Return the error that the answer stands for. ``what`` names the request, ``url`` says where it went."""
    where = f"{what} at {redact_url(url)}"
    detail = _detail(body)
    if status == 401:
        message = "the app wants a login"
        if isinstance(detail, dict) and isinstance(detail.get("auth_message"), str):
            message = f"{message} ({str(detail['auth_message'])[:80]!r})"
        return AuthenticationError(f"{where}: {message}", hint="pass auth=(user, password)")
    if status == 429:
        seconds = retry_after(headers)
        wait = "" if seconds is None else f"; it asks to wait {seconds:g} s"
        # It may say how much is allowed, and to whom.
        said = f": {detail[:200]}" if isinstance(detail, str) else f": {_excerpt(body)}" if body else ""
        return RateLimitedError(f"{where}: the server answered 429, too many requests{wait}{said}", retry_after=seconds)
    if status == 422:
        refused = _validation_messages(detail)
        if refused:
            lines = "".join(f"\n- {name}: {message}" for name, message in refused.items())
            return ValidationError(f"{len(refused)} parameter(s) failed validation:{lines}", parameters=refused)
    if status == 503 and isinstance(detail, str) and detail.startswith("Queue is full"):
        return QueueFullError(QUEUE_FULL_MESSAGE)
    if isinstance(detail, str):
        return JobError(f"{where}: the server answered {status}: {detail[:200]}")
    return JobError(f"{where}: the server answered {status}: {_excerpt(body)}")


def _detail(body: bytes) -> JSONValue:
    """Return FastAPI's ``detail``, or ``None``."""
    try:
        value = loads(body)
    except ValueError:
        return None
    return value.get("detail") if isinstance(value, dict) else None


def _validation_messages(detail: JSONValue) -> dict[str, str]:
    """Return what the app's validator said about which parameter; FastAPI's own lists are not of that kind."""
    messages: dict[str, str] = {}
    for position, item in enumerate(detail if isinstance(detail, list) else []):
        if isinstance(item, dict) and item.get("__type__") == "validate" and item.get("is_valid") is not True:
            fields = cast(Mapping[str, JSONValue], item)
            messages[str(fields.get("parameter_name") or f"parameter {position}")] = str(fields.get("message") or "")
    return messages


def _excerpt(body: bytes) -> str:
    text = body[:400].decode("utf-8", "replace").strip()
    if body[:2] == b"\x1f\x8b":
        return "compressed bytes"
    if text[:1] == "<":
        title = re.search("<title>([^<]+)</title>", text, re.IGNORECASE)
        return "an HTML page" if title is None else f"an HTML page, {title[1].strip()[:80]!r}"
    # Gradio 5.0 to 6.8 sends a whole traceback as text, of which the last line says what happened.
    if text.startswith("Traceback"):
        text = body.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return repr(text[:80]) if text else "nothing"
