"""What an HTTP answer other than the hoped-for one means."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto import (
    AuthenticationError,
    GradprotoError,
    JobError,
    QueueFullError,
    RateLimitedError,
    RemoteProtocolError,
    ValidationError,
)
from gradproto._answers import answer_error, json_object, retry_after

URL = "http://app.test/gradio_api/queue/join"


def error_of(status: int, body: Any = b"", *headers: tuple[str, str]) -> GradprotoError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer_error(status, headers, raw, what="the join of job 3 (/echo)", url=URL)


def plain(status: int, body: Any) -> str:
    error = error_of(status, body)
    assert type(error) is JobError
    where, _, rest = str(error).partition(": the server answered ")
    assert where == f"the join of job 3 (/echo) at {URL}"
    return rest


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "500: nothing"),
        (b" \n", "500: nothing"),
        (b"Internal Server Error", "500: 'Internal Server Error'"),
        (b"\n <html><body>bad", "500: an HTML page"),
        (b"<html>\r\n<head><TITLE>\n502 Bad Gateway </TITLE></head>", "500: an HTML page, '502 Bad Gateway'"),
        (b"<html><title> </title>", "500: an HTML page"),
        (b"<html><Title> Bad\nGateway </title>", "500: an HTML page, 'Bad\\nGateway'"),
        (b"<html><title></title>", "500: an HTML page"),
        (b"<title>%b</title>" % (b"t" * 300), f"500: an HTML page, '{'t' * 80}'"),
        (b"\x1f\x8b\x08\x00", "500: compressed bytes"),
        (b"Traceback (most recent call last):\n  File x\nKeyError: 'a'\n", "500: \"KeyError: 'a'\""),
        (b"x" * 500, f"500: '{'x' * 80}'"),
        (b"\xff\x00", "500: '\ufffd\\x00'"),
        ({"detail": "No such thing"}, "500: No such thing"),
        ({"detail": 5}, "500: '{\"detail\": 5}'"),
        (["detail"], "500: '[\"detail\"]'"),
    ],
)
def test_an_answer_is_quoted_as_far_as_it_says_something(body: Any, expected: str) -> None:
    assert plain(500, body) == expected


def test_the_last_line_of_a_long_traceback_is_found() -> None:
    body = b"Traceback (most recent call last):\n" + b"  File x\n" * 1000 + b"ValueError: no"
    assert plain(500, body) == "500: 'ValueError: no'"


def test_a_long_detail_is_cut() -> None:
    assert len(plain(400, {"detail": "d" * 1000})) < 220


def test_what_is_too_large_may_be_so_for_a_proxy() -> None:
    assert plain(413, b"<html><title>413 Request Entity Too Large</title>") == (
        "413: an HTML page, '413 Request Entity Too Large' "
        "(the app, or a proxy in front of it, takes no request of that size)"
    )


def test_a_full_queue_is_told_apart_from_a_stopped_one() -> None:
    full = error_of(503, {"detail": "Queue is full. Max size is 1 and size is 1."})
    assert type(full) is QueueFullError
    assert str(full) == "Queue is full! Please try again."
    assert plain(503, {"detail": "Queue is stopped."}) == "503: Queue is stopped."
    assert plain(503, b"<html>") == "503: an HTML page"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", ""),
        ({"detail": "Not authenticated"}, ""),
        ({"detail": {"error": "Not authenticated", "auth_message": None}}, ""),
        ({"detail": {"error": "Not authenticated", "auth_message": "Ask Bob"}}, " ('Ask Bob')"),
    ],
)
def test_a_401_wants_a_login(body: Any, says: str) -> None:
    error = error_of(401, body)
    assert type(error) is AuthenticationError
    assert error.message == f"the join of job 3 (/echo) at {URL}: the app wants a login{says}"
    assert error.hint == "pass auth=(user, password)"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("1_0", None),
        ("1e3", None),
        ("\u0663", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_a_429_says_how_long_to_wait_if_the_server_did(value: str | None, seconds: float | None) -> None:
    headers = [] if value is None else [("Retry-After", value)]
    assert retry_after(headers) == seconds
    error = error_of(429, b"slow down", *headers)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == seconds
    wait = "" if seconds is None else f"; it asks to wait {seconds:g} s"
    assert str(error).endswith(f"the server answered 429, too many requests{wait}: 'slow down'")


def test_a_429_says_what_the_server_said_of_it() -> None:
    assert str(error_of(429, {"detail": "10 calls a day"})).endswith("429, too many requests: 10 calls a day")
    assert str(error_of(429)).endswith("429, too many requests")


NOW = "Fri, 31 Dec 1999 23:59:59 GMT"


@pytest.mark.parametrize(
    ("then", "now", "seconds"),
    [
        ("Sat, 01 Jan 2000 00:00:29 GMT", NOW, 30.0),
        (" Sat, 01 Jan 2000 00:00:29 GMT ", f" {NOW} ", 30.0),
        (NOW, NOW, 0.0),
        ("Fri, 31 Dec 1999 23:59:00 GMT", NOW, 0.0),
        ("Sat, 01 Jan 2000 00:00:29 GMT", None, None),
        ("Sat, 01 Jan 2000 00:00:29 GMT", "now", None),
        ("Sun, 01 Jan 2000 00:00:29 GMT", NOW, None),
        ("Sat, 01 Jan 2000 00:00:60 GMT", NOW, None),
        ("Sat, 01 Jan 2000 24:00:00 GMT", NOW, None),
        ("Thu, 30 Feb 2000 00:00:00 GMT", NOW, None),
        ("Sat, 01 Jan 0000 00:00:00 GMT", NOW, None),
        ("Sat, 01 Xyz 2000 00:00:29 GMT", NOW, None),
        ("Sat, 1 Jan 2000 00:00:29 GMT", NOW, None),
        ("Sat, 01 Jan 2000 00:00:29 UTC", NOW, None),
        ("Sat, 01 Jan 2000 00:00:29 +0000", NOW, None),
        ("Saturday, 01-Jan-00 00:00:29 GMT", NOW, None),
        ("Sat Jan  1 00:00:29 2000", NOW, None),
    ],
)
def test_a_date_to_wait_for_is_as_far_away_as_the_servers_own_clock_says(
    then: str, now: str | None, seconds: float | None
) -> None:
    headers = [("Retry-After", then)] if now is None else [("Retry-After", then), ("Date", now)]
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("status", [429, 502, 503])
def test_an_error_knows_the_status_and_the_wait_that_it_is_about(status: int) -> None:
    error = error_of(status, b"", ("Retry-After", "7"))
    assert (error.status, error.retry_after) == (status, 7)


def refused(**fields: Any) -> dict[str, Any]:
    return {"__type__": "validate", "is_valid": False, **fields}


def test_what_the_apps_validator_says_is_told_by_parameter() -> None:
    error = error_of(
        422,
        {
            "detail": [
                refused(message="must not be 'bad'", parameter_name="text"),
                {"__type__": "validate", "is_valid": True, "message": "fine", "parameter_name": "n"},
                refused(),
            ]
        },
    )
    assert isinstance(error, ValidationError)
    assert error.parameters == {"text": "must not be 'bad'", "parameter 2": ""}
    assert str(error) == "2 parameter(s) failed validation:\n- text: must not be 'bad'\n- parameter 2: "


@pytest.mark.parametrize(
    "detail",
    [
        [{"type": "missing", "loc": ["body", "data"], "msg": "Field required"}],
        [{"__type__": "validate", "is_valid": True}],
        ["text", None],
        {"__type__": "validate"},
        [],
    ],
)
def test_another_422_is_the_protocols(detail: Any) -> None:
    assert plain(422, {"detail": detail}).startswith('422: \'{"detail": ')


def test_a_422_with_a_text_says_it() -> None:
    assert plain(422, {"detail": "no"}) == "422: no"


@given(
    st.integers(100, 599),
    st.one_of(
        st.binary(max_size=50),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["detail", "error", "auth_message", "__type__", "is_valid", "message"]), inner
                )
            ),
            max_leaves=10,
        ),
    ),
)
def test_any_answer_is_some_error(status: int, body: Any) -> None:
    error = error_of(status, body, ("retry-after", "x"))
    assert str(error)
    assert str(status) in str(error) or isinstance(error, (AuthenticationError, ValidationError))


def test_an_object_is_read() -> None:
    assert json_object(b'{"a": NaN, "b": 18446744073709551616}', "it")["b"] == 2**64
    value = json_object(b'{"a": NaN}', "it")["a"]
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("body", [b"", b"[1]", b"null", b"{", b"\xff", b"<html>", b"[" * 100_000])
def test_what_is_no_object_is_the_servers_fault(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="it: expected a JSON object, got "):
        json_object(body, "it")
