"""Which headers a person may give, and what errors and reprs show of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto import ArgumentError, FilePart, OpenWebSocket, Request, StartExchange
from gradproto._headers import check_headers, merge_headers


def test_headers_are_taken_with_lower_case_names_and_without_outer_space() -> None:
    assert check_headers({"X-A": " 1 \t", "b": ""}) == (("x-a", "1"), ("b", ""))
    assert check_headers({"x-latin": "caf\xe9\t!"}) == (("x-latin", "caf\xe9\t!"),)


@pytest.mark.parametrize("headers", [None, {}])
def test_no_headers_are_none(headers: dict[str, str] | None) -> None:
    assert check_headers(headers) == ()


def test_the_header_that_names_the_kind_of_client_is_not_the_callers() -> None:
    assert check_headers({"X-Gradio-User": "me", "x-b": "1"}) == (("x-b", "1"),)


@pytest.mark.parametrize("name", ["Host", "content-LENGTH", "Transfer-Encoding", "connection", "te", "Accept-Encoding"])
def test_what_the_library_sets_cannot_be_given(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"header '{name}' is set by the library and cannot be given"):
        check_headers({name: "secret"})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\n", "\xe9", 'a"', "(a)"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match="is not a header name"):
        check_headers({name: "secret"})


def test_a_name_that_is_no_string_is_refused() -> None:
    with pytest.raises(ArgumentError, match="the name of a header is of type bytes, not a string"):
        check_headers({b"x": "secret"})  # type: ignore[dict-item]


@pytest.mark.parametrize("value", ["a\nx: secret", "a\r", "secret\0", "secret \u20ac", "\x7f", b"secret", None, 5])
def test_a_value_that_no_header_can_carry_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_headers({"x-key": value})  # type: ignore[dict-item]
    assert str(caught.value) == "the value of header 'x-key' is not a string that a header can carry"


@given(st.dictionaries(st.text(max_size=5), st.sampled_from(["s3cr3t\n", "s3cr3t", "s3cr3t\0"]), max_size=3))
def test_no_complaint_shows_a_value(headers: dict[str, str]) -> None:
    said = ""
    try:
        checked = check_headers(headers)
    except ArgumentError as error:
        said = str(error)
    else:
        assert {value for _, value in checked} <= {"s3cr3t"}
    assert "s3cr3t" not in said


def test_a_whole_line_given_for_a_name_is_not_shown() -> None:
    for line in ("Authorization: Bearer s3cr3t", "Bearer s3cr3t"):
        with pytest.raises(ArgumentError) as caught:
            check_headers({line: ""})
        assert "s3cr3t" not in str(caught.value)


def test_later_headers_replace_earlier_ones_in_their_place() -> None:
    assert merge_headers((("a", "1"), ("b", "2")), (), (("a", "3"), ("c", "4"))) == (("a", "3"), ("b", "2"), ("c", "4"))
    assert merge_headers() == ()


def test_a_request_shows_no_header_that_may_be_secret() -> None:
    names = ["authorization", "cookie", "x-hf-authorization", "x-api-key", "x-mine"]
    request = Request(
        method="POST",
        url="http://app.test/x?__sign=s3cr3t",
        headers=(("Accept", "*/*"), ("content-type", "text/plain"), *((name, "s3cr3t") for name in names)),
        body=(b"s3cr3t", FilePart(source="f", size=10)),
    )
    shown = repr(StartExchange(exchange=1, request=request))
    assert "s3cr3t" not in shown
    assert "('Accept', '*/*'), ('content-type', 'text/plain')" in shown
    assert "('x-mine', '***')" in shown
    assert "body_size=16" in shown


def test_a_websocket_shows_no_header_that_may_be_secret() -> None:
    command = OpenWebSocket(exchange=1, url="wss://app.test/?__sign=s3cr3t", headers=(("cookie", "s3cr3t"),))
    assert repr(command) == (
        "OpenWebSocket(exchange=1, url='wss://app.test/?__sign=***', headers=(('cookie', '***'),))"
    )
