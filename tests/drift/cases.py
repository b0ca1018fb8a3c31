"""The cases that are the same for every generation: requests as they are, documents, and calls."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradproto_fake_server._versions import covers, parse

from .calls import JSON, call
from .documents import page_of, seen_config, seen_info, seen_openapi, seen_page_config
from .normal import Normal
from .sides import Side
from .talk import ask, ask_head

__all__ = ["CASES", "FORM", "URLENCODED", "Case", "case", "cookie_of"]

FORM = "multipart/form-data; boundary=b"
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
LOGIN = b"username=user&password=secret"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is done with either side; ``span`` is the versions that it concerns, ``needs`` an endpoint."""

    name: str
    look: Callable[[Side], Any]
    span: str = ".."
    needs: str = "echo"

    def concerns(self, version: str, side: Side) -> bool:
        """Whether it says anything about this version."""
        return covers(self.span, parse(version)) and side.has(self.needs)


CASES: dict[str, Case] = {}
"""All cases, in the order in which they are run."""


def add(made: Case) -> None:
    assert made.name not in CASES, made.name
    CASES[made.name] = made


def case(span: str = "..", needs: str = "echo") -> Callable[[Callable[[Side], Any]], Callable[[Side], Any]]:
    """Make the function a case; its name, without underscores, is that of the case."""

    def take(look: Callable[[Side], Any]) -> Callable[[Side], Any]:
        add(Case(name=look.__name__.replace("_", " "), look=look, span=span, needs=needs))
        return look

    return take


def cookie_of(side: Side) -> str:
    """Log in and return the cookie."""
    url = side.url(guarded=True)
    answer = ask(url, "POST", "/login", LOGIN, URLENCODED)
    return answer.header("set-cookie").partition(";")[0]


# --- documents -------------------------------------------------------------------------------------------------------


@case()
def config(side: Side) -> Any:
    return _config(side, guarded=False)


@case("3.6..")  # without a queue, which has no login before, a Gradio 3 has no generators
def config_after_login(side: Side) -> Any:
    return _config(side, guarded=True)


def _config(side: Side, *, guarded: bool) -> Any:
    url = side.url(guarded=guarded)
    answer = ask(url, "GET", "/config", headers={"Cookie": cookie_of(side)} if guarded else {})
    seen = Normal(url).answer(answer)
    document = json.loads(answer.body)
    seen["body"] = {"json": seen_config(Normal(url).value(document), whole=not guarded), "style": seen["body"]["style"]}
    return seen


@case()
def page(side: Side) -> Any:
    url = side.url()
    answer = ask(url, "GET", "/")
    return {**Normal(url).answer(answer), "config": seen_page_config(Normal(url).value(page_of(answer)))}


@case()
def page_before_login(side: Side) -> Any:
    url = side.url(guarded=True)
    answer = ask(url, "GET", "/")
    told = page_of(answer)
    shown = ("auth_required", "auth_message", "space_id", "is_space", "root")
    seen = {name: told[name] for name in told if name in shown}
    return {**Normal(url).answer(answer), "config": Normal(url).value(seen)}


@case("3.0..")
def info(side: Side) -> Any:
    return _info(side, "")


@case("3.26..")
def info_of_all(side: Side) -> Any:
    return _info(side, "?all_endpoints=true")


@case("3.26..4.0")
def info_serialized(side: Side) -> Any:
    return _info(side, "?serialize=True")


@case("3.26..4.0")
def info_unserialized(side: Side) -> Any:
    return _info(side, "?serialize=False")


def _info(side: Side, query: str) -> Any:
    url = side.url()
    answer = ask(url, "GET", f"{side.profile.api_prefix}/info{query}")
    seen = Normal(url).answer(answer)
    if answer.status == 200:
        seen["body"]["json"] = seen_info(seen["body"]["json"])
    return seen


@case("5.29..")
def openapi(side: Side) -> Any:
    url = side.url()
    seen = Normal(url).answer(ask(url, "GET", f"{side.profile.api_prefix}/openapi.json"))
    seen["body"]["json"] = seen_openapi(seen["body"]["json"])
    return seen


# --- requests as they are --------------------------------------------------------------------------------------------

Plain = tuple[str, str, "bytes | None", Mapping[str, str]]

GET, POST = "GET", "POST"
JOIN, RUN, CALL = "{p}/queue/join", "{p}/run", "{p}/call"

PLAIN: list[Plain] = [
    (GET, "/nosuch", None, {}),
    (GET, "{p}/nosuch", None, {}),
    (POST, "/config", None, {}),
    ("HEAD", "/config", None, {}),
    ("OPTIONS", "/config", None, {}),
    (GET, JOIN, None, {}),
    (GET, JOIN + "/", None, {}),
    (GET, JOIN + "?fn_index=x&session_hash=s", None, {}),
    (GET, JOIN + "?fn_index=0", None, {}),
    (GET, "{p}/queue/data/?session_hash=x", None, {}),
    (GET, "{p}/queue/data", None, {}),
    (GET, "{p}/queue/status", None, {}),
    (GET, "{p}/upload", None, {}),
    ("PUT", "{p}/file=/etc/passwd", None, {}),
    (GET, "{p}/heartbeat", None, {}),
    (GET, "{p}/user", None, {}),
    (GET, "{p}/login_check", None, {}),
    (GET, "{p}/startup-events", None, {}),
    (GET, "{p}/app_id", None, {}),
    (GET, "{p}/app_id", None, {"Origin": "http://elsewhere.test"}),
    (GET, "{p}/app_id", None, {"Origin": "http://localhost:3000"}),
    (GET, "{p}/app_id", None, {"Origin": "null"}),
    (GET, "{p}/app_id", None, {"Origin": "http://elsewhere.test", "Cookie": "a=b"}),
    (POST, "{p}/nosuch", b"", {"Origin": "http://localhost:3000"}),
    ("OPTIONS", JOIN, None, {"Access-Control-Request-Method": "POST"}),
    ("OPTIONS", JOIN, None, {"Access-Control-Request-Method": "POST", "Origin": "http://elsewhere.test"}),
    (
        "OPTIONS",
        JOIN,
        None,
        {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-mine",
            "Origin": "http://localhost:3000",
        },
    ),
    (GET, "/robots.txt", None, {}),
    (GET, "/logout", None, {}),
    (POST, "/login", b"username=a&password=b", URLENCODED),
    (POST, "/login", None, {}),
    (POST, "/login", b"{}", JSON),
    (GET, "{p}/queue/data?session_hash=never-joined", None, {}),
    (GET, CALL + "/echo/never-called", None, {}),
    (GET, "{p}/file=/etc/passwd", None, {}),
    (GET, "{p}/file=/nowhere/at/all", None, {}),
    (GET, "{p}/file=../../etc/passwd", None, {}),
    (GET, "{p}/file/etc/passwd", None, {}),
    ("HEAD", "{p}/file=/etc/passwd", None, {}),
    # joins that are refused
    (POST, JOIN, None, {}),
    (POST, JOIN, b"", JSON),
    (POST, JOIN, b"{bad", JSON),
    (POST, JOIN, b'{"data":1,', JSON),
    (POST, JOIN, b"\xff\xfe", JSON),
    (POST, JOIN, b"[1]", JSON),
    (POST, JOIN, b"null", JSON),
    (POST, JOIN, b'{"data":[]}', {"Content-Type": "text/plain"}),
    (POST, JOIN, b"{}", JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":0}', JSON),
    (POST, JOIN, b'{"data":["x"],"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":null,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"fn_index":0,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":"str","fn_index":0,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":999,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":"abc","session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":0,"session_hash":""}', JSON),
    (
        POST,
        JOIN,
        b'{"data":{},"session_hash":3,"fn_index":1.5,"batched":"x","trigger_id":[],"simple_format":null}',
        JSON,
    ),
    (POST, "{p}/cancel", b'{"event_id":"nope"}', JSON),
    (POST, "{p}/cancel", b'{"event_id":"nope","session_hash":"nope","fn_index":0}', JSON),
    (POST, "{p}/cancel", None, {}),
    (POST, "{p}/reset", b'{"event_id":"nope"}', JSON),
    (POST, "{p}/reset", b'{"session_hash":"nope","fn_index":0}', JSON),
    (POST, "{p}/reset", b"{}", JSON),
    # calls past the queue
    (POST, RUN + "/echo", b'{"data":["hi \\u2713 \\ud83d\\ude00"]}', JSON),
    (POST, RUN + "/echo/", b'{"data":["hi"]}', JSON),
    (POST, RUN + "/add", b'{"data":[1,2.5]}', JSON),
    (POST, RUN + "/add", b'{"data":[1,2]}', JSON),
    (POST, "{p}/api/add", b'{"data":[1,2.5]}', JSON),
    (POST, "{p}/api/predict", b'{"data":["hi"],"fn_index":0}', JSON),
    (POST, "{p}/api/predict/", b'{"data":["hi"],"fn_index":0}', JSON),
    (POST, "{p}/api/predict", b'{"data":["hi"],"fn_index":0,"session_hash":"direct"}', JSON),
    (POST, "{p}/api/predict", b'{"data":["hi"],"fn_index":999}', JSON),
    (POST, "{p}/api/predict", b'{"data":["hi"],"fn_index":-1}', JSON),
    (POST, "{p}/api/predict", b'{"data":["hi"],"fn_index":"x"}', JSON),
    (POST, "{p}/api/predict", b'{"data":"hi"}', JSON),
    (POST, "{p}/api/predict", b"{bad", JSON),
    (POST, "{p}/api/predict", None, {}),
    (POST, RUN + "/count", b'{"data":[3]}', JSON),
    (POST, RUN + "/count", b'{"data":[0]}', JSON),
    (POST, RUN + "/fail", b'{"data":["x"]}', JSON),
    (POST, RUN + "/break", b'{"data":["x"]}', JSON),
    (POST, RUN + "/echo", b'{"data":[]}', JSON),
    (POST, RUN + "/secret", b'{"data":["x"]}', JSON),
    (POST, RUN + "/quiet", b'{"data":["x"]}', JSON),
    (POST, RUN + "/now_upper", b'{"data":["x"]}', JSON),
    (POST, RUN + "/incr", b'{"data":[null]}', JSON),
    (POST, RUN + "/nosuch", b'{"data":["x"]}', JSON),
    (POST, RUN + "/nosuch", None, {}),
    (POST, CALL + "/nosuch", b'{"data":["x"]}', JSON),
    (POST, CALL + "/echo", b"{}", JSON),
    (POST, CALL + "/v2/echo", b"[]", JSON),
    (POST, CALL + "/v2/echo", b"{}", JSON),
    (POST, CALL + "/v2/echo", b'{"nosuch":1}', JSON),
    # the queue that is polled
    (POST, "/api/queue/push/", b"{}", JSON),
    (POST, "/api/queue/push/", None, {}),
    (POST, "/api/queue/status/", b'{"hash":"nope"}', JSON),
    # uploads that are refused, or empty
    (POST, "{p}/upload", b"xx", {"Content-Type": "text/plain"}),
    (POST, "{p}/upload", b"xx", {}),
    (POST, "{p}/upload", b"xx", {"Content-Type": "multipart/form-data"}),
    (POST, "{p}/upload", b"--b--\r\n", {"Content-Type": FORM}),
    (
        POST,
        "{p}/upload",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\n1\r\n--b--\r\n',
        {"Content-Type": FORM},
    ),
    (
        POST,
        "{p}/upload",
        b'--b\r\nContent-Disposition: form-data; name="files"; filename=".."\r\n\r\n1\r\n--b--\r\n',
        {"Content-Type": FORM},
    ),
    (
        POST,
        "{p}/upload",
        b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n",
        {"Content-Type": FORM},
    ),
]

OUTSIDE: list[Plain] = [
    (GET, "/config", None, {}),
    (GET, "/config", None, {"Cookie": "access-token-x=y; access-token-unsecure-z"}),
    (GET, "{p}/info", None, {}),
    (GET, JOIN, None, {}),
    (POST, JOIN, b"{}", JSON),
    (POST, JOIN, b"{bad", JSON),
    (POST, JOIN, None, {}),
    (POST, RUN + "/echo", b'{"data":["x"]}', JSON),
    (POST, "{p}/api/predict", b'{"data":["x"],"fn_index":0}', JSON),
    (POST, CALL + "/echo", b'{"data":["x"]}', JSON),
    (GET, CALL + "/echo/x", None, {}),
    (GET, "{p}/queue/data", None, {}),
    (GET, "{p}/queue/status", None, {}),
    (POST, "{p}/upload", b"xx", {}),
    (GET, "{p}/file=/etc/passwd", None, {}),
    (GET, "{p}/login_check", None, {}),
    (GET, "{p}/user", None, {}),
    (GET, "{p}/startup-events", None, {}),
    (POST, "{p}/reset", b'{"event_id":"x"}', JSON),
    (POST, "{p}/cancel", b'{"event_id":"x","session_hash":"x","fn_index":0}', JSON),
    (POST, "/login", b"username=user&password=wrong", URLENCODED),
    (POST, "/login", b"username=user", URLENCODED),
    (POST, "/login", b"username=user&password=", URLENCODED),
    (POST, "/login", LOGIN, URLENCODED),
]


def _plain(request: Plain, *, guarded: bool) -> Callable[[Side], Any]:
    method, path, body, headers = request

    def look(side: Side) -> Any:
        url = side.url(guarded=guarded)
        return Normal(url).answer(ask(url, method, path.replace("{p}", side.profile.api_prefix), body, dict(headers)))

    return look


def _add_plain(request: Plain, *, guarded: bool) -> None:
    method, path, body, headers = request
    shown = "" if body is None else " " + re.sub(r"[^\x20-\x7e]|\\", "?", body.decode("latin-1"))
    more = "" if headers in ({}, JSON, URLENCODED) else f" ({', '.join(headers.values())})"
    name = f"{method} {path.replace('{p}', '~')}{shown}{more}" + (" outside" if guarded else "")
    add(Case(name=name, look=_plain(request, guarded=guarded)))


for _request in PLAIN:
    _add_plain(_request, guarded=False)
for _request in OUTSIDE:
    _add_plain(_request, guarded=True)


@case("4.25..")
def heartbeat(side: Side) -> Any:
    url = side.url()
    return Normal(url).answer(ask_head(url, f"{side.profile.api_prefix}/heartbeat/beating"))


# --- calls -----------------------------------------------------------------------------------------------------------

CALLS: list[tuple[str, list[Any]]] = [
    ("echo", ["hello ✓ \U0001f600 \u2028 </script>"]),
    ("echo", [None]),
    ("echo", [{"x": 1}]),
    ("echo", ["a", "b"]),
    ("echo", []),
    ("add", [1, 2]),
    ("add", [1, 2.5]),
    ("add", ["a", "b"]),
    ("add", ["a", 1]),
    ("slow", ["x", 0.01]),
    ("count", [3]),
    ("count", [0]),
    ("count", [1]),
    ("fail", ["x"]),
    ("break", ["x"]),
    ("fail_late", [2]),
    ("break_late", [2]),
    ("upper", [None]),
    ("upper", ["/etc/passwd"]),
    ("upper", [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]),
    ("upper", [{"path": "/etc/passwd"}]),
    ("incr", [None]),
    ("chat", ["hi there", []]),
    ("chat", ["hi", None]),
    (
        "chat",
        ["hi", [{"role": "user", "content": "a"}, {"role": "assistant", "content": [{"type": "text", "text": "b"}]}]],
    ),
    ("progress", [2]),
    ("secret", ["x"]),
    ("now_upper", ["x"]),
    ("quiet", ["x"]),
    ("choose", ["x", "a", 3, True, 4, {"k": [1, None, "ü"]}]),
    ("choose", ["y", None, 2.5, False, 4.4, None]),
    ("choose", ["z", "a", 3, True, 4, 1]),
]


def _call(endpoint: str, data: list[Any], session_hash: str) -> Callable[[Side], Any]:
    return lambda side: call(side, endpoint, data, session_hash)


for _number, (_endpoint, _data) in enumerate(CALLS):
    add(
        Case(
            name=f"call {_endpoint} {json.dumps(_data):.60}",
            look=_call(_endpoint, _data, f"drift-{_number}"),
            needs=_endpoint,
        )
    )


@case(needs="incr")
def state_of_sessions(side: Side) -> Any:
    return [call(side, "incr", [None], session_hash) for session_hash in ("state-a", "state-a", "state-b")]


@case("3.0..", needs="incr")
def state_past_the_queue(side: Side) -> Any:
    url = side.url()
    index = side.endpoints["incr"]
    path = f"{side.profile.api_prefix}/api/predict"
    seen = []
    for session_hash in ("direct-a", "direct-a", "direct-b"):
        body = {"data": [None], "fn_index": index, "session_hash": session_hash}
        seen.append(Normal(url).answer(ask(url, "POST", path, json.dumps(body).encode(), JSON)))
    return seen


SIMPLE: list[tuple[str, list[Any]]] = [
    ("echo", ["hi ✓"]),
    ("count", [2]),
    ("fail", ["x"]),
    ("break", ["x"]),
    ("incr", []),
    ("incr", [None]),
    ("progress", [1]),
]


def _simple(endpoint: str, path: str, body: Any) -> Callable[[Side], Any]:
    def look(side: Side) -> Any:
        url = side.url()
        normal = Normal(url)
        prefix = side.profile.api_prefix
        posted = ask(url, "POST", f"{prefix}/call/{path}", json.dumps(body).encode(), JSON)
        seen = {"post": normal.answer(posted)}
        if posted.status == 200:
            event_id = json.loads(posted.body)["event_id"]
            seen["events"] = normal.answer(ask(url, "GET", f"{prefix}/call/{endpoint}/{event_id}"))
        return seen

    return look


for _endpoint, _data in SIMPLE:
    add(
        Case(
            name=f"simple call {_endpoint} {json.dumps(_data)}",
            look=_simple(_endpoint, _endpoint, {"data": _data}),
            span="4.20..",
            needs=_endpoint,
        )
    )
add(
    Case(
        name="simple call by name",
        look=_simple("chat", "v2/chat", {"message": "hi"}),
        span="6.13..",
        needs="chat",
    )
)
