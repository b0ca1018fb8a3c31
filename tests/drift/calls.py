"""A call of an endpoint in the way of each generation, and what is seen of it."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from .normal import Normal
from .sides import Side
from .talk import LIMIT, Answer, ask, converse

__all__ = ["JSON", "call", "join", "stream"]

JSON = {"Content-Type": "application/json"}


def body_of(value: Any) -> bytes:
    return json.dumps(value).encode()


def join(
    url: str, side: Side, index: Any, data: Any, session_hash: str, headers: dict[str, str] | None = None
) -> Answer:
    """Join the queue by POST (4.9 and later)."""
    body = {"data": data, "event_data": None, "fn_index": index, "trigger_id": None, "session_hash": session_hash}
    path = f"{side.profile.api_prefix}/queue/join"
    return ask(url, "POST", path, body_of(body), {**JSON, **(headers or {})})


def stream(url: str, side: Side, session_hash: str, headers: dict[str, str] | None = None) -> Answer:
    """Read the stream of a session to its end."""
    return ask(url, "GET", f"{side.profile.api_prefix}/queue/data?session_hash={session_hash}", headers=headers)


def call(
    side: Side, endpoint: str, data: Any, session_hash: str, *, guarded: bool = False, cookie: str | None = None
) -> Any:
    """Make the call, and give all that came."""
    url = side.url(endpoint, guarded=guarded)
    normal = Normal(url)
    index = 0 if side.profile.one_function else side.endpoints[endpoint]
    headers = {"Cookie": cookie} if cookie else {}
    routes = side.profile.routes
    if "push" in routes:
        return _polled(url, normal, side, index, data, session_hash, headers)
    if "join_socket" in routes:
        return _over_socket(url, normal, side, index, data, session_hash, cookie)
    if "join_stream" in routes:
        return _streamed(url, normal, index, data, session_hash, headers)
    joined = join(url, side, index, data, session_hash, headers)
    seen = {"join": normal.answer(joined)}
    if joined.status == 200:
        seen["stream"] = normal.answer(stream(url, side, session_hash, headers))
    return seen


def _polled(
    url: str, normal: Normal, side: Side, index: int, data: Any, session_hash: str, headers: dict[str, str]
) -> Any:
    body: dict[str, Any] = {"action": "predict", "data": data, "session_hash": session_hash}
    if not side.profile.one_function:
        body["fn_index"] = index
    pushed = ask(url, "POST", "/api/queue/push/", body_of(body), {**JSON, **headers})
    seen = {"push": normal.answer(pushed), "last": None}
    if pushed.status != 200:
        return seen
    asked = body_of({"hash": json.loads(pushed.body)["hash"]})
    if isinstance(seen["push"]["body"], dict):
        seen["push"]["body"]["json"]["queue_position"] = "(a place)"  # the one before it may still be told as there
    until = time.monotonic() + LIMIT
    # How often it still waits or runs is a matter of time; a real one is nowhere for a moment after it has run.
    while True:
        answer = ask(url, "POST", "/api/queue/status/", asked, {**JSON, **headers})
        told = json.loads(answer.body)["status"] if answer.status == 200 else None
        if told not in ("QUEUED", "PENDING", "NOT FOUND") or time.monotonic() > until:
            seen["last"] = normal.answer(answer)
            return seen


def _over_socket(
    url: str, normal: Normal, side: Side, index: int, data: Any, session_hash: str, cookie: str | None
) -> Any:
    def reply(text: str) -> str | None:
        message = json.loads(text)
        if message["msg"] == "send_hash":
            return json.dumps({"fn_index": index, "session_hash": session_hash})
        if message["msg"] == "send_data":
            return json.dumps({"fn_index": index, "data": data, "event_data": None, "session_hash": session_hash})
        return None

    opening = json.dumps({"hash": session_hash}) if side.profile.socket_opening == "hash" else None
    return normal.conversation(converse(url, "/queue/join", reply, opening=opening, cookie=cookie))


def _streamed(url: str, normal: Normal, index: int, data: Any, session_hash: str, headers: dict[str, str]) -> Any:
    """Join by GET, and send the data when they are asked for, which needs a look at a stream that goes on."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=LIMIT)
    query = urlencode({"fn_index": index, "session_hash": session_hash})
    try:
        connection.request("GET", f"/queue/join?{query}", headers=headers)
        response = connection.getresponse()
        told = [(name.lower(), value) for name, value in response.getheaders()]
        body, given = b"", None
        while line := response.readline():
            body += line
            if b'"send_data"' in line and given is None:
                event_id = json.loads(line.removeprefix(b"data: "))["event_id"]
                sent = {"data": data, "fn_index": index, "session_hash": session_hash, "event_id": event_id}
                given = ask(url, "POST", "/queue/data", body_of(sent), {**JSON, **headers})
        seen = {"stream": normal.answer(Answer(status=response.status, headers=told, body=body))}
        if given is not None:
            seen["data"] = normal.answer(given)
        return seen
    finally:
        connection.close()
