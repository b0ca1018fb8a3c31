"""What an HTTP answer other than the hoped-for one means, as an error."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import TypeVar, cast

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

__all__ = ["QUEUE_FULL_MESSAGE", "answer_error", "json_object", "retry_after", "with_status"]

QUEUE_FULL_MESSAGE = "Queue is full! Please try again."

# Whole ones by RFC 9110, section 10.2.3; some servers are more exact.
_SECONDS = r"[0-9]{1,10}(?:\.[0-9]{1,10})?"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# RFC 9110, section 5.6.7: the one form in which dates are sent.
_DATE = r"([A-Z][a-z]{2}), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"

E = TypeVar("E", bound=GradprotoError)
_TITLE = "(?i)<title>([^<]*)</title>"


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
    """Return the seconds of ``Retry-After``, or ``None``.

    What is no number may be a date. It is told by the answer's own ``Date`` how far away that is, for that is what the
    server's clock says now.
    """
    value = (header_value(headers, "retry-after") or "").strip()
    if re.fullmatch(_SECONDS, value):
        return float(value)
    then, now = _date(value), _date((header_value(headers, "date") or "").strip())
    return None if then is None or now is None else max(0.0, (then - now).total_seconds())


def _date(text: str) -> datetime.datetime | None:
    match = re.fullmatch(_DATE, text)
    if match is None or match[3] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[index]) for index in (2, 4, 5, 6, 7))
    try:
        found = datetime.datetime(year, _MONTHS.index(match[3]) + 1, day, hour, minute, second)
    except ValueError:
        return None
    # A date that does not agree with itself says nothing.
    return found if _DAYS[found.weekday()] == match[1] else None


def with_status(error: E, status: int, headers: Headers) -> E:
    """Return the error, which says now what kind of answer it is about."""
    error.status = status
    error.retry_after = retry_after(headers)
    return error


def answer_error(status: int, headers: Headers, body: bytes, *, what: str, url: str) -> GradprotoError:
    """Return the error that the answer stands for. ``what`` names the request, ``url`` says where it went."""
    return with_status(_answer_error(status, headers, body, what, url), status, headers)


def _answer_error(status: int, headers: Headers, body: bytes, what: str, url: str) -> GradprotoError:
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
    said = detail[:200] if isinstance(detail, str) else _excerpt(body)
    # Of a proxy's own limit the app knows nothing, and its config says nothing.
    hint = "the app, or a proxy in front of it, takes no request of that size" if status == 413 else None
    return JobError(f"{where}: the server answered {status}: {said}", hint=hint)


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
        found = re.search(_TITLE, text)
        title = found[1].strip()[:80] if found else ""
        return f"an HTML page, {title!r}" if title else "an HTML page"
    # Gradio 5.0 to 6.8 sends a whole traceback as text, of which the last line says what happened.
    if text.startswith("Traceback"):
        text = body.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return repr(text[:80]) if text else "nothing"
