"""The token with which an app's functions may act for the caller: it goes where it is wanted, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gradproto import ArgumentError, Session
from tests.core.driving import CONFIG, INFO, Harness

TOKEN = "oauth-t0k3n"


def info_with(**wants: str) -> dict[str, Any]:
    """Return the API description in which these endpoints take a token."""
    named = INFO["named_endpoints"]
    return {**INFO, "named_endpoints": {name: _said(name, named[name], wants) for name in named}}


def _said(name: str, described: dict[str, Any], wants: dict[str, str]) -> dict[str, Any]:
    need = wants.get(name.removeprefix("/"))
    return described if need is None else {**described, "oauth_token": need}


def body_of(harness: Harness, route: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(b"".join(harness.requests[harness.only(route)].body))
    return body


@pytest.mark.parametrize("need", ["required", "optional"])
def test_it_goes_with_calls_of_endpoints_that_take_one(need: str) -> None:
    harness = Harness(oauth_token=TOKEN).connect(info=info_with(echo=need))
    harness.submit("/echo", "x")
    assert body_of(harness, "/queue/join")["oauth_token"] == TOKEN


def test_it_goes_with_calls_past_the_queue_too() -> None:
    harness = Harness(oauth_token=TOKEN).connect(info=info_with(direct="required"))
    harness.submit("/direct", "x")
    assert body_of(harness, "/run/predict")["oauth_token"] == TOKEN


def test_endpoints_that_take_none_do_not_get_it_and_nothing_else_carries_it() -> None:
    harness = Harness(oauth_token=TOKEN).connect(info=info_with(count="required"))
    harness.submit("/echo", "x")
    harness.submit("/upper", b"content")
    harness.commands()
    sent = [(request.url, request.headers, request.body) for request in harness.requests.values()]
    assert TOKEN not in repr(sent)


def test_without_one_an_endpoint_is_called_as_before() -> None:
    harness = Harness().connect(info=info_with(echo="required"))
    harness.submit("/echo", "x")
    assert "oauth_token" not in body_of(harness, "/queue/join")


def test_it_does_not_follow_a_redirect_to_another_origin() -> None:
    harness = Harness(oauth_token=TOKEN)
    harness.session.connect()
    harness.answer(harness.only("/config"), 307, b"", [("location", "https://other.test/config")])
    harness.answer(harness.only("/config"), body=CONFIG)
    harness.answer(harness.only("/info"), body=info_with(echo="required"))
    harness.submit("/echo", "x")
    assert "oauth_token" not in body_of(harness, "/queue/join")


def test_it_is_not_shown() -> None:
    harness = Harness(oauth_token=TOKEN).connect(info=info_with(echo="required"))
    call = harness.session.prepare(["x"], api_name="/echo")
    job = harness.session.submit(call)
    assert TOKEN not in f"{call!r} {job!r} {harness.session!r} {harness.seen!r}"


@pytest.mark.parametrize("token", ["", 5, b"x", "s3cr3t\ud800"])
def test_what_is_no_token_is_refused_and_not_shown(token: Any) -> None:
    with pytest.raises(ArgumentError, match="oauth_token") as caught:
        Session("http://app.test", entropy=bytes, oauth_token=token)
    assert "s3cr3t" not in str(caught.value)
