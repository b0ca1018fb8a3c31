"""Nothing that a client sends may end the server."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gradproto_fake_server import FakeHub, MemoryHub, MemoryServer, demo_app

from .wire import Http

PATHS = [
    "/",
    "/config",
    "/login",
    "/logout",
    "/gradio_api/info",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/heartbeat/",
    "/gradio_api/upload",
    "/gradio_api/upload_progress",
    "/gradio_api/file=",
    "/gradio_api/run/echo",
    "/gradio_api/run/upper",
    "/gradio_api/call/chat",
    "/gradio_api/call/v2/add",
    "/gradio_api/call/x/y",
]
HEADERS = {
    "content-type": ["application/json", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "é;="],
    "range": ["bytes=1-", "bytes=-", f"bytes={'9' * 5000}-{'9' * 5000}", "bytes=5-1"],
    "cookie": ["a", "access-token", "=;=;"],
    "origin": ["null", "http://[::1", "http://localhost"],
    "x-forwarded-host": ["", ",", "a b"],
    "expect": ["100-continue"],
    "host": ["", "[", "a:b:c"],
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "\ud800", "s", "../x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "meta", "role"]), inner, max_size=3)
    ),
    max_leaves=6,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "data": st.lists(json_values, max_size=3) | json_values,
        "fn_index": st.integers(-2, 12) | json_values,
        "session_hash": st.sampled_from(["s", "\ud800", ""]) | json_values,
        "event_id": json_values,
    },
).map(lambda value: json.dumps(value).encode())
forms = st.lists(
    st.sampled_from([b"--b", b"\r\n", b"--", b'Content-Disposition: form-data; name="files"', b'; filename="\0"', b"x"])
).map(b"".join)


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n"]), max_size=6))
def test_any_bytes_leave_it_alive(chunks: list[bytes]) -> None:
    server = MemoryServer(demo_app())
    connection = server.connect()
    for chunk in chunks:
        connection.receive_data(chunk)
        connection.data_to_send()
    assert Http(server).request("GET", "/gradio_api/user").status == 200


@settings(max_examples=200)
@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    st.sampled_from(PATHS),
    st.sampled_from(
        ["", "/", "a%0d%0ab", "a%0d%0ab/", "%ff", "?session_hash=%ff", "?upload_id=&x", "?all_endpoints=1"]
    ),
    st.dictionaries(st.sampled_from(list(HEADERS)), st.integers(0, 3), max_size=4),
    bodies
    | forms
    | st.binary(max_size=20)
    | st.sampled_from([b"1" * 5000, b"[" * 100_000, b'{"fn_index":"' + b"1" * 5000]),
)
def test_any_request_leaves_it_alive(method: str, path: str, tail: str, chosen: dict[str, int], body: bytes) -> None:
    server = MemoryServer(demo_app(max_file_size=100))
    lines = [f"{method} {path}{tail} HTTP/1.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {HEADERS[name][pick % len(HEADERS[name])]}" for name, pick in chosen.items()]
    if "host" not in chosen:
        lines.append("host: a")
    connection = server.connect()
    connection.receive_data("\r\n".join([*lines, "", ""]).encode() + body)
    connection.data_to_send()
    server.advance(100)
    connection.data_to_send()
    connection.close()
    assert Http(server).request("GET", "/gradio_api/user").status == 200


@given(st.lists(st.tuples(st.integers(0, 10), st.lists(json_values, max_size=3)), max_size=5))
def test_any_arguments_leave_it_alive(calls: list[tuple[int, list[Any]]]) -> None:
    server = MemoryServer(demo_app())
    http = Http(server)
    for fn_index, data in calls:
        if fn_index not in (2, 3, 8):  # a time or a number of outputs without end is no harm, but no test either
            http.join(fn_index, data)
    http.stream()
    assert Http(server).request("GET", "/gradio_api/user").status == 200


HUB_PATHS = [
    "/",
    "/api/whoami-v2",
    "/api/spaces",
    "/api/spaces/hardware",
    "/api/spaces/zero-gpu/quota",
    "/api/spaces/by-subdomain/me-app",
    "/spaces/me/app",
    "/spaces/me/old",
    "/api/spaces/me/old/runtime",
    *(
        f"/api/spaces/me/app{what}"
        for what in ("", "/host", "/runtime", "/jwt", "/auth-check", "/auth-check/write", "/revision/x", "/duplicate")
    ),
    *(
        f"/api/spaces/me/app/{what}"
        for what in ("hardware", "sleeptime", "pause", "restart", "secrets", "variables", "nothing")
    ),
]
hub_bodies = st.dictionaries(
    st.sampled_from(
        ["repository", "flavor", "seconds", "key", "value", "secrets", "variables", "visibility", "private"]
    ),
    json_values | st.sampled_from(["me/copy", "t4-small", 60, [{"key": "A", "value": "b"}]]),
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=200)
@given(
    st.sampled_from(["hub.test", "me-app.hf.test", "me-old.hf.test"]),
    st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PUT"]),
    st.sampled_from([*HUB_PATHS, "/config", "/gradio_api/queue/join", "/gradio_api/upload"]),
    st.sampled_from(["", "/", "%0d%0a", "%ff/%00", "?limit=0", "?cursor=%ff", "?__sign=x", "?factory=true", "?expand"]),
    st.sampled_from(["", "Bearer hf_me", "Bearer", "Bearer \u00e9", "Basic x"]),
    st.sampled_from(["RUNNING", "SLEEPING", "PAUSED"]),
    hub_bodies | st.binary(max_size=20) | st.sampled_from([b"[" * 100_000, b'{"seconds":' + b"1" * 5000 + b"}"]),
)
def test_any_request_leaves_the_hub_alive_and_is_answered(
    host: str, method: str, path: str, tail: str, authorization: str, stage: Any, body: bytes
) -> None:
    hub = FakeHub(build_seconds=1, start_seconds=1)
    hub.add_user("me")
    hub.add_token("hf_me", user="me", role="write")
    hub.add_space("me/old")
    hub.rename("me/old", "me/new")
    hub.add_space("me/app").set_stage(stage)
    server = MemoryHub(hub)
    lines = [f"{method} {path}{tail} HTTP/1.1", "host: a", f"content-length: {len(body)}"]
    if authorization:
        lines.append(f"authorization: {authorization}")
    connection = server.connect(host)
    connection.receive_data("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    assert connection.data_to_send().startswith(b"HTTP/1.1 ")
    server.advance(100)
    connection.close()
    assert Http(server).request("GET", "/api/spaces/me/app").status == 200
