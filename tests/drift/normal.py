"""What of an answer is compared: everything but what must differ, which rules with names take out.

``RULES`` says in words what they are; the page of the deviations shows them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .talk import Answer, Conversation

__all__ = ["RULES", "Normal"]

RULES: Mapping[str, str] = {
    "ids": "Event ids, hashes of polled jobs and app ids are any that have the right form.",
    "times": "Durations are any numbers, and estimates any numbers or `null`.",
    "meanwhile": "Estimates, logs and progress come before, after or between the other messages, in their own order; "
    "heartbeats come when they come.",
    "addresses": "The server's own address is any.",
    "directories": "Files lie in any directory; a name made of a hash is any hash, and a made-up name is any.",
    "dates": "Dates, ETags and the expiry of cookies are any.",
    "tokens": "The value of a login's cookie, and the app's id in its name, are any.",
    "lengths": "The Content-Length of a JSON body or of a page is the one that the body has.",
    "tracebacks": "A traceback, which Gradio 5 and 6 send after a crash, is any.",
    "component ids": "The numbers of components are any; which components an endpoint has is compared.",
    "page": "What only the page in the browser needs is not compared: styles, layout, translations, most properties of "
    "components, and the HTML around the config.",
}

_MEASURED = frozenset({"duration", "average_duration", "avg_time", "cache_duration"})
# What is estimated before anything was measured depends on what else the server has done.
_ESTIMATED = frozenset({"rank_eta", "queue_eta", "eta", "avg_event_process_time", "avg_event_concurrent_process_time"})
_ID = re.compile(r"^[0-9a-f]{32}$")
_DIRECTORY = re.compile(r"(?:/[^\s\"'/=?&<>]+)+/(?:[0-9a-f]{64}|[0-9a-f]{40})(?=/)")
_MADE_UP = re.compile(r"\btmp[0-9a-f]{10}\b")
_TEMPORARY = re.compile(r"(?:/[^\s\"'/=?&<>]+)*/tmp[a-z0-9_]{8}(?=/)")
_STREAM = "text/event-stream"
_TRACEBACK = "Traceback (most recent call last)"


class Normal:
    """The normal form of what a server at ``url`` says."""

    def __init__(self, url: str) -> None:
        self._url = url

    def answer(self, answer: Answer) -> dict[str, Any]:
        """Return a response."""
        seen: dict[str, Any] = {"status": answer.status, "headers": self._headers(answer)}
        kind = answer.header("content-type")
        if kind.startswith(_STREAM):
            seen["events"] = self.stream(answer)
        elif kind.startswith("text/html"):
            seen["body"] = "a page" if answer.body else ""
        else:
            seen["body"] = self.body(answer.body)
        if answer.cut:
            seen["cut"] = True
        return seen

    def _headers(self, answer: Answer) -> dict[str, Any]:
        raw = not answer.header("content-type").startswith(("application/json", "text/html"))
        raw = raw and not answer.body.startswith(_TRACEBACK.encode())
        seen: dict[str, list[str]] = {}
        for name, value in answer.headers:
            if name == "date":
                continue
            seen.setdefault(name, []).append(self._header(name, value, raw=raw))
        return {name: values[0] if len(values) == 1 else values for name, values in sorted(seen.items())}

    def _header(self, name: str, value: str, *, raw: bool) -> str:
        if name == "content-length" and not raw:
            return "(length)"
        if name == "etag":
            return re.sub(r"[0-9a-f]{32}", "(hash)", value)
        if name == "last-modified":
            return "(date)"
        if name == "set-cookie":
            value = re.sub(r"^([a-z-]*?)(-[\w-]{43})?=[^;]*", _cookie, value)
            return re.sub(r"(expires)=[^;]*", r"\1=(date)", value, flags=re.IGNORECASE)
        if name == "sec-websocket-accept":
            return "(key)"
        return self.text(value)

    def body(self, body: bytes) -> Any:
        """Return a JSON body's value and how it is written; another body's text."""
        text = body.decode("utf-8", "backslashreplace")
        if text.startswith(_TRACEBACK):
            return "(a traceback)"
        try:
            value = json.loads(text)
        except ValueError:
            return self.text(text)
        return {"json": self.value(value), "style": style_of(text, value)}

    def stream(self, answer: Answer) -> list[Any]:
        """Return the events of a stream of server-sent events, without how they were cut into pieces."""
        blocks = answer.body.decode().split("\n\n")
        seen = [self.event(block) for block in blocks if block]
        return in_order(seen)

    def event(self, block: str) -> Any:
        """Return one of them."""
        lines = []
        for line in block.split("\n"):
            field, colon, text = line.partition(": ")
            lines.append([field + colon, self.body(text.encode())])
        return lines[0][1] if len(lines) == 1 and lines[0][0] == "data: " else lines

    def conversation(self, conversation: Conversation) -> dict[str, Any]:
        """Return what came over a WebSocket."""
        return {
            "handshake": self.answer(conversation.answer),
            "messages": in_order([self.body(text.encode()) for text in conversation.texts]),
            "closed with": conversation.code,
        }

    def value(self, value: Any) -> Any:
        """Return a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if not isinstance(value, dict):
            return value
        # A log's and an error's duration is how long they are shown, and no measurement.
        settings = value.get("msg") == "log" or "error" in value
        seen: dict[str, Any] = {}
        for key, item in value.items():
            if key in _MEASURED and not settings and isinstance(item, float):
                seen[key] = "(seconds)"
            elif key in _ESTIMATED and (item is None or type(item) in (int, float)):
                seen[key] = "(an estimate)"
            elif key == "app_id" and type(item) is int:
                seen[key] = "(id)"
            elif key in ("durations", "avg_durations") and isinstance(item, list):
                seen[key] = ["(seconds)" for _ in item]
            else:
                seen[key] = self.value(item)
        return seen

    def text(self, text: str) -> str:
        """Return a text."""
        if _ID.match(text):
            return "(id)"
        text = text.replace(self._url, "(url)").replace(self._url.partition("//")[2], "(host)")
        text = _DIRECTORY.sub("(directory)/(hash)", text)
        return _MADE_UP.sub("(made up)", _TEMPORARY.sub("(temporary)", text))


def _cookie(found: re.Match[str]) -> str:
    return found[1] + ("-(app)" if found[2] else "") + "=(token)"


# What comes when the server gets round to it, in this order; all else comes in its own.
_MEANWHILE = {"estimation": 0, "log": 1, "progress": 2}


def in_order(messages: list[Any]) -> list[Any]:
    """Put first what the server says whenever it gets round to it, once if it is the same, and drop heartbeats."""
    kinds = [
        each["json"].get("msg") if isinstance(each, dict) and isinstance(each["json"], dict) else None
        for each in messages
    ]
    ordered: list[Any] = []
    for position in sorted(range(len(messages)), key=lambda each: _MEANWHILE.get(kinds[each], 9)):
        message, kind = messages[position], kinds[position]
        if kind == "progress":
            # Steps that follow one another closely are told as one.
            message = _without_step(message)
        if kind != "heartbeat" and not (kind in _MEANWHILE and message in ordered):
            ordered.append(message)
    return ordered


def _without_step(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "(step)" if key == "index" else _without_step(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_step(item) for item in value]
    return re.sub(r"step \d+", "(step)", value) if isinstance(value, str) else value


# How a number is written is not compared: 1e-05 and 1.0e-5 are one.
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


def style_of(text: str, value: Any) -> str:
    """Say how JSON is written: with spaces or without, with escapes or without."""
    styles: Iterable[tuple[str, tuple[str, str], bool]] = (
        ("compact", (",", ":"), False),
        ("compact, escaped", (",", ":"), True),
        ("spaced", (", ", ": "), False),
        ("spaced, escaped", (", ", ": "), True),
    )
    text = _NUMBER.sub("0", text)
    fitting = [
        name
        for name, separators, ascii_ in styles
        if _NUMBER.sub("0", json.dumps(value, separators=separators, ensure_ascii=ascii_)) == text
    ]
    return " or ".join(fitting) or "otherwise"
