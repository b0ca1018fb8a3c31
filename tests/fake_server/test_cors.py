"""What browsers are told of who may read an answer, in each generation, as the real ones tell it."""

from __future__ import annotations

import pytest

from gradproto_fake_server import FakeApp, MemoryServer

from .wire import Response

FOREIGN, LOCAL, FILE = "http://elsewhere.test", "http://localhost:3000", "null"
OPEN, LISTED, COOKIES, LOCAL_ONLY, STRICT = "4.12.0", "4.19.2", "4.25.0", "4.44.1", "6.31.0"
ALLOW = "access-control-allow-origin"


def asked(
    version: str,
    headers: dict[str, str],
    method: str = "GET",
    path: str = "/config",
    host: str = "127.0.0.1:7860",
    body: str = "",
) -> Response:
    app = FakeApp(gradio_version=version)
    app.endpoint("/echo")(lambda text: text)
    connection = MemoryServer(app).connect()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    connection.receive_data("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode("latin-1"))
    head, _, content = b"".join(iter(connection.data_to_send, b"")).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    told = [(name, value) for name, _, value in (line.partition(": ") for line in rest)]
    return Response(status=int(first.split()[1]), headers=told, body=content)


@pytest.mark.parametrize(
    ("version", "readers"),
    [
        (OPEN, {FOREIGN: "*", LOCAL: "*", FILE: "*"}),
        (LISTED, {FOREIGN: "", LOCAL: LOCAL, FILE: FILE}),
        (COOKIES, {FOREIGN: "", LOCAL: LOCAL, FILE: FILE}),
        (LOCAL_ONLY, {FOREIGN: "", LOCAL: LOCAL, FILE: FILE}),
        (STRICT, {FOREIGN: "", LOCAL: LOCAL, FILE: ""}),
    ],
)
def test_a_page_may_read_what_its_time_lets_it_read(version: str, readers: dict[str, str]) -> None:
    assert {origin: asked(version, {"origin": origin}).header(ALLOW) or "" for origin in readers} == readers


@pytest.mark.parametrize("version", [LISTED, COOKIES, LOCAL_ONLY, STRICT])
def test_any_page_may_read_what_a_server_elsewhere_says(version: str) -> None:
    assert asked(version, {"origin": FOREIGN}, host="here.test").header(ALLOW) == FOREIGN


@pytest.mark.parametrize(
    ("version", "told"), [(OPEN, FOREIGN), (LISTED, ""), (COOKIES, FOREIGN), (LOCAL_ONLY, ""), (STRICT, "")]
)
def test_with_cookies_a_page_is_named_or_not_at_all(version: str, told: str) -> None:
    assert (asked(version, {"origin": FOREIGN, "cookie": "a=b"}).header(ALLOW) or "") == told


def test_one_generation_lists_its_methods_with_each_answer_but_that_of_a_crash() -> None:
    assert asked(LISTED, {}, path="/nosuch").header("access-control-allow-headers") == "Origin, Content-Type, Accept"
    body = '{"data":["x"],"fn_index":999,"session_hash":"s"}'
    crash = asked(LISTED, {"content-type": "application/json"}, "POST", "/queue/join", body=body)
    assert (crash.status, crash.header("access-control-allow-headers")) == (500, None)


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type, x-mine"}


@pytest.mark.parametrize(
    ("version", "body", "credentials"),
    [
        (OPEN, b"OK", None),
        (LISTED, b"", None),
        (COOKIES, b"OK", None),
        ("4.36.1", b"OK", "true"),
        (STRICT, b"OK", "true"),
    ],
)
def test_a_browser_that_asks_whether_it_may_ask_is_answered(version: str, body: bytes, credentials: str | None) -> None:
    answer = asked(version, {"origin": LOCAL, **PREFLIGHT}, "OPTIONS")
    assert (answer.status, answer.body) == (200, body)
    assert answer.header(ALLOW) in (LOCAL, "*")
    assert answer.header("access-control-allow-credentials") == credentials
    wanted = "Origin, Content-Type, Accept" if version == LISTED else "content-type, x-mine"
    assert answer.header("access-control-allow-headers") == wanted


def test_who_asks_for_options_without_that_question_gets_a_refusal() -> None:
    assert asked(STRICT, {"origin": LOCAL}, "OPTIONS").status == 405


@pytest.mark.parametrize("origin", ["http://[::1", "", "\x80", "http://" + "a" * 1000])
def test_an_origin_that_is_none_may_read_nothing(origin: str) -> None:
    for version in (LISTED, COOKIES, STRICT):
        assert asked(version, {"origin": origin}).header(ALLOW) is None
