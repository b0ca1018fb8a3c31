"""From the name of a Space to a session that takes jobs, whatever the Space does meanwhile."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradproto import (
    ArgumentError,
    AuthenticationError,
    ConnectError,
    ConnectRetried,
    DeadlineExceeded,
    GradprotoError,
    RateLimitedError,
    ReadError,
    RemoteProtocolError,
    SessionFailed,
    SessionReady,
    SessionState,
    SpaceError,
    SpaceStageReported,
    UnsupportedServerError,
)
from gradproto._space_wait import LAST_DELAY, LOOKS_A_WAKING
from tests.core.driving import CONFIG, Harness
from tests.core.hub_driving import HOST, HUB, SPACE, TOKEN, SpaceHarness, bearers, missing, runtime, space

SLEEPING_PAGE = b"<html><title>Space is waking up</title></html>"


def failure(harness: Harness) -> GradprotoError:
    error = harness.one(SessionFailed).error
    assert harness.session.state is SessionState.FAILED
    assert harness.idle()
    assert harness.due() is None
    assert error.__traceback__ is None
    return error


def stages(harness: Harness) -> list[str]:
    harness.events()
    return [event.stage for event in harness.history if isinstance(event, SpaceStageReported)]


# --- where the app is


def test_a_space_that_runs_is_found_and_connected_to() -> None:
    harness = SpaceHarness()
    assert harness.session.base_url == f"{HUB}/spaces/{SPACE}"
    question = harness.ask()
    assert harness.session.state is SessionState.RESOLVING
    request = harness.requests[question]
    assert (request.method, request.url) == ("GET", f"{HUB}/api/spaces/{SPACE}")
    assert request.safe_to_repeat
    harness.answer(question, body=space())
    assert harness.session.state is SessionState.FETCHING_CONFIG
    harness.ready()
    assert harness.one(SessionReady)
    assert harness.session.base_url == HOST
    assert harness.due() is None


def test_the_address_of_an_app_is_looked_up_too_and_keeps_its_path() -> None:
    harness = SpaceHarness("https://owner-app.hf.space/sub")
    assert harness.session.base_url == "https://owner-app.hf.space/sub"
    question = harness.ask()
    assert harness.requests[question].url == f"{HUB}/api/spaces/by-subdomain/owner-app"
    harness.answer(question, body=space())
    assert harness.requests[harness.only("/config")].url == f"{HOST}/sub/config"


def test_a_renamed_space_is_followed_with_the_token() -> None:
    harness = SpaceHarness(token=TOKEN)
    harness.answer(harness.ask(), 307, b"", [("location", "/api/spaces/other/name")])
    again = harness.hub_question()
    assert harness.requests[again].url == f"{HUB}/api/spaces/other/name"
    assert bearers(harness.requests[again]) == {"authorization": f"Bearer {TOKEN}"}
    harness.answer(again, body=space("BUILDING", id="other/name"))
    harness.wait()
    assert harness.requests[harness.hub_question()].url == f"{HUB}/api/spaces/other/name/runtime"


def test_a_hub_that_points_elsewhere_does_not_take_the_token_along() -> None:
    harness = SpaceHarness(token=TOKEN)
    harness.answer(harness.ask(), 302, b"", [("location", "https://elsewhere.test/api")])
    (moved,) = harness.pending("/api")
    assert not bearers(harness.requests[moved])
    # And back again it stays away.
    harness.answer(moved, 302, b"", [("location", f"{HUB}/api/spaces/{SPACE}")])
    assert not bearers(harness.requests[harness.hub_question()])


def test_what_the_description_leaves_out_is_asked_for() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space(runtime=..., host=..., subdomain=...))
    look = harness.hub_question()
    assert harness.requests[look].url == f"{HUB}/api/spaces/{SPACE}/runtime"
    harness.answer(look, body=runtime())
    where = harness.hub_question()
    assert harness.requests[where].url == f"{HUB}/api/spaces/{SPACE}/host"
    harness.answer(where, body={"host": HOST, "subdomain": "owner-app"})
    harness.ready()
    assert harness.one(SessionReady)


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        ({}, SpaceError, "the Hub does not say where the app of the Space owner/app is"),
        ({"host": 3}, RemoteProtocolError, "the question about the Space owner/app: the Hub's answer makes no sense"),
    ],
)
def test_a_space_without_an_address_cannot_be_connected_to(answer: Any, kind: type[Exception], text: str) -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space(host=..., subdomain=...))
    harness.answer(harness.hub_question(), body=answer)
    error = failure(harness)
    assert isinstance(error, kind)
    assert error.message.startswith(text)


def test_the_callers_headers_cookies_and_token_go_where_they_belong() -> None:
    harness = SpaceHarness(token=TOKEN, headers={"authorization": "Bearer own"}, cookies={"crumb": "yes"})
    harness.answer(harness.ask(), body=space("SLEEPING"))
    harness.answer(harness.app_question("/"), 503, SLEEPING_PAGE)
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    harness.ready()
    for request in harness.requests.values():
        headers = dict(request.headers)
        if request.url.startswith(HOST):
            assert headers["x-hf-authorization"] == f"Bearer {TOKEN}"
            assert headers["authorization"] == "Bearer own"
            assert request.url == f"{HOST}/" or headers["cookie"] == "crumb=yes"
        else:
            assert headers["authorization"] == f"Bearer {TOKEN}"
            assert "x-hf-authorization" not in headers
            assert "cookie" not in headers


@pytest.mark.parametrize("cookies", [{"a b": "x"}, {"a": "x;y"}, {"a": 3}])
def test_cookies_that_cannot_be_sent_are_refused_at_once(cookies: Any) -> None:
    with pytest.raises(ArgumentError, match="cookie"):
        SpaceHarness(cookies=cookies)


def test_without_a_token_nobody_gets_one() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space())
    harness.ready()
    assert all(not {"authorization", "x-hf-authorization"} & dict(r.headers).keys() for r in harness.requests.values())


def test_a_private_space_with_a_login_of_its_own_gets_both() -> None:
    harness = SpaceHarness(token=TOKEN, auth=("me", "word"))
    harness.answer(harness.ask(), body=space(private=True))
    harness.answer(harness.app_question(), 401, {"detail": "Not authenticated"})
    login = harness.app_question("/login")
    assert bearers(harness.requests[login]) == {"x-hf-authorization": f"Bearer {TOKEN}"}
    harness.answer(login, 200, {"success": True}, [("set-cookie", "access-token=abc; Path=/")])
    again = dict(harness.requests[harness.app_question()].headers)
    assert (again["cookie"], again["x-hf-authorization"]) == ("access-token=abc", f"Bearer {TOKEN}")


# --- what the Hub refuses


@pytest.mark.parametrize(
    ("token", "status", "headers", "kind", "text"),
    [
        (
            None,
            401,
            {"X-Error-Code": "RepoNotFound"},
            SpaceError,
            "Could not find Space: owner/app. If it is a private Space, please provide a `token`. "
            "(it does not exist, or it is private or gated)",
        ),
        (None, 401, {}, SpaceError, "Could not find Space: owner/app."),
        (
            TOKEN,
            404,
            {"X-Error-Code": "RepoNotFound"},
            SpaceError,
            "Could not find Space: owner/app. If it is a private Space, please provide a `token`. "
            "(it does not exist, or this token may not see it)",
        ),
        (TOKEN, 401, {}, AuthenticationError, "the Hub does not know the token (401)"),
        (
            TOKEN,
            401,
            {"X-Error-Message": "Invalid credentials in Authorization header"},
            AuthenticationError,
            f"the Hub does not know the token (401) (make one at {HUB}/settings/tokens)",
        ),
        (
            TOKEN,
            403,
            {"X-Error-Code": "GatedRepo"},
            SpaceError,
            "the Space owner/app is gated, and lets only some people in (ask for access at http://hub.test/spaces/",
        ),
        (
            None,
            401,
            {"X-Error-Code": "GatedRepo"},
            SpaceError,
            "lets only some people in (pass a `token` of somebody who was let in, or ask at http://hub.test/spaces/",
        ),
        (
            None,
            403,
            {"X-Error-Message": "Access to this resource is disabled."},
            SpaceError,
            "the Space owner/app is disabled: nobody can use it",
        ),
        (TOKEN, 403, {}, AuthenticationError, "the Hub refused it (403): 'so it says'"),
        (TOKEN, 402, {}, SpaceError, "the Hub wants to be paid (402): 'so it says'"),
        (None, 429, {"Retry-After": "7"}, RateLimitedError, "the Hub answered 429, too many requests: 'so it says'"),
        (None, 500, {}, SpaceError, "the Hub answered 500: 'so it says'"),
        (None, 404, {"X-Error-Code": "Strange"}, SpaceError, "the Hub answered 404: 'so it says'"),
    ],
)
def test_a_refusal_of_the_hub_says_what_it_means(
    token: str | None, status: int, headers: dict[str, str], kind: type[GradprotoError], text: str
) -> None:
    harness = SpaceHarness(token=token)
    harness.answer(harness.ask(), status, b'{"error":"so it says"}', list(headers.items()))
    error = failure(harness)
    assert type(error) is kind
    assert text in str(error)
    assert error.status == status
    assert TOKEN not in str(error)


def test_a_token_that_the_hub_says_back_is_not_shown() -> None:
    harness = SpaceHarness(token=TOKEN)
    harness.answer(harness.ask(), 403, {"error": f"no rights for {TOKEN}"})
    error = failure(harness)
    assert "'no rights for ***'" in str(error)
    assert TOKEN not in repr(error)


def test_a_token_in_an_answer_that_makes_no_sense_is_not_shown() -> None:
    harness = SpaceHarness(token=TOKEN)
    harness.answer(harness.ask(), 200, {"host": [TOKEN], "id": TOKEN})
    assert "$.id is '***', which is no Space's name" in str(failure(harness))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Retry-After", "7")], 7.0),
        ([("RateLimit", '"api";r=0;t=55')], 55.0),
        ([("RateLimit", '"api";r=3;t=55')], None),
        ([("RateLimit", '"api";r=0')], None),
        ([], None),
    ],
)
def test_the_hub_says_when_it_takes_more(headers: list[tuple[str, str]], seconds: float | None) -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), 429, b"", headers)
    error = failure(harness)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == seconds


@pytest.mark.parametrize("body", [b"<html>", b'{"id": "owner/app", "host": '])
def test_an_answer_that_is_no_json_is_named(body: bytes) -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), 200, body)
    error = failure(harness)
    assert isinstance(error, RemoteProtocolError)
    assert str(error) == f"the question about the Space owner/app at {HUB}: the Hub's answer is no JSON"


@pytest.mark.parametrize(
    ("body", "text"), [(b"<html>", "the Hub's answer is no JSON"), (b"OK", "makes no sense: $ is null")]
)
def test_an_answer_with_a_page_or_a_word_in_its_place_makes_no_sense(body: bytes, text: str) -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), 200, body, [("content-type", "text/html")])
    assert text in str(failure(harness))


def test_a_hub_that_is_not_there_is_an_error_of_the_network() -> None:
    harness = SpaceHarness()
    harness.fail(harness.ask(), ConnectError("refused"))
    assert isinstance(failure(harness), ConnectError)


def test_a_hub_that_does_not_answer_runs_into_the_limit_of_a_request() -> None:
    harness = SpaceHarness()
    harness.ask()
    harness.tick(60)
    error = failure(harness)
    assert isinstance(error, DeadlineExceeded)
    assert str(error).startswith("the question about the Space owner/app: no answer from http://hub.test/api/spaces/")


def test_what_failed_at_the_hub_is_tried_again_where_the_caller_says_so() -> None:
    harness = SpaceHarness(retry=1)
    harness.fail(harness.ask(), ConnectError("refused"))
    assert harness.one(ConnectRetried).attempt == 1
    harness.wait()
    harness.answer(harness.hub_question(), body=space())
    harness.ready()
    assert harness.one(SessionReady)


def test_what_is_tried_again_is_bounded_too() -> None:
    harness = SpaceHarness(retry=1, space_wait=30)
    harness.answer(harness.ask(), body=space("BUILDING", host=..., subdomain=...))
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    harness.fail(harness.hub_question(), ReadError("the connection broke"))
    harness.one(ConnectRetried)
    harness.wait()
    harness.answer(harness.hub_question(), body=space("BUILDING"))
    began = harness.now
    while harness.session.state is SessionState.RESOLVING:
        harness.wait()
        for number in harness.pending():
            harness.answer(number, body=runtime("BUILDING"))
    assert isinstance(failure(harness), SpaceError)
    assert harness.now - began == pytest.approx(30)


def test_what_the_hub_did_not_know_at_first_it_may_know_the_next_time() -> None:
    harness = SpaceHarness("https://owner-app.hf.space", retry=1)
    harness.fail(harness.ask(), ConnectError("refused"))
    harness.fail(harness.only("/config"), ConnectError("refused"))
    harness.wait()
    harness.answer(harness.only("/config"), 503, b"<html>")
    error = failure(harness)
    assert str(error).endswith("(and of the Hub: refused; given up after 2 tries)")


def test_a_missing_space_is_not_looked_for_twice() -> None:
    harness = SpaceHarness(retry=3)
    missing(harness, harness.ask())
    assert isinstance(failure(harness), SpaceError)


# --- an app's own address needs no Hub


@pytest.mark.parametrize("how", ["gone", "unknown", "strange"])
def test_an_address_under_hf_space_is_used_also_where_the_hub_does_not_know_it(how: str) -> None:
    harness = SpaceHarness("http://owner-app.hf.space", token=TOKEN)
    question = harness.ask()
    if how == "gone":
        harness.fail(question, ConnectError("refused"))
    elif how == "unknown":
        missing(harness, question)
    else:
        harness.answer(question, body=[])
    config = harness.only("/config")
    request = harness.requests[config]
    assert request.url == "https://owner-app.hf.space/config"
    assert bearers(request) == {"x-hf-authorization": f"Bearer {TOKEN}"}
    harness.answer(config, body=CONFIG)
    assert harness.session.state is SessionState.FETCHING_INFO


def test_an_address_that_leads_nowhere_is_explained_by_the_hub() -> None:
    harness = SpaceHarness("https://owner-app.hf.space")
    missing(harness, harness.ask(), 401)
    harness.answer(harness.only("/config"), 404, b"<html>")
    harness.answer(harness.only("/"), 404, b"<html>")
    error = failure(harness)
    assert isinstance(error, SpaceError)
    assert str(error).startswith("Could not find Space: owner-app.hf.space.")


def test_an_address_that_leads_nowhere_without_a_hub_says_both() -> None:
    harness = SpaceHarness("https://owner-app.hf.space")
    harness.fail(harness.ask(), ConnectError("refused"))
    harness.answer(harness.only("/config"), 502, b"<html>")
    error = failure(harness)
    assert isinstance(error, UnsupportedServerError)
    assert str(error).startswith("no Gradio app at https://owner-app.hf.space/config: the server answered 502")
    assert str(error).endswith("(and of the Hub: refused)")


def test_an_address_that_leads_nowhere_is_not_explained_by_a_hub_in_trouble() -> None:
    harness = SpaceHarness("https://owner-app.hf.space")
    harness.answer(harness.ask(), 500, b"")
    harness.answer(harness.only("/config"), 502, b"<html>")
    error = failure(harness)
    assert isinstance(error, UnsupportedServerError)
    assert error.status == 502
    assert str(error).endswith(f"at {HUB}: the Hub answered 500)")


def test_a_bad_token_is_not_tried_at_the_app() -> None:
    harness = SpaceHarness("https://owner-app.hf.space", token=TOKEN)
    harness.answer(harness.ask(), 401, {"error": "Invalid credentials in Authorization header"})
    assert isinstance(failure(harness), AuthenticationError)


# --- waiting


@pytest.mark.parametrize("stage", ["BUILDING", "APP_STARTING"])
def test_an_app_that_comes_up_is_waited_for(stage: str) -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space(stage))
    reported = harness.one(SpaceStageReported)
    assert (reported.space, reported.stage, reported.waited) == (SPACE, stage, 0.0)
    assert harness.idle()
    assert harness.wait() == pytest.approx(reported.delay)
    look = harness.hub_question()
    assert harness.requests[look].url == f"{HUB}/api/spaces/{SPACE}/runtime"
    harness.answer(look, body=runtime("APP_STARTING"))
    again = harness.one(SpaceStageReported)
    assert again.waited == pytest.approx(reported.delay)
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime("RUNNING"))
    harness.ready()
    assert harness.one(SessionReady)
    assert harness.due() is None


def test_the_hub_is_asked_less_and_less_often() -> None:
    harness = SpaceHarness(space_wait=120)
    harness.answer(harness.ask(), body=space("BUILDING"))
    delays: list[float] = []
    began = harness.now
    while harness.session.state is SessionState.RESOLVING:
        delays.append(harness.wait())
        for number in harness.pending():
            harness.answer(number, body=runtime("BUILDING"))
    error = failure(harness)
    assert isinstance(error, SpaceError)
    assert error.stage == "BUILDING"
    assert error.message == "the Space owner/app is still BUILDING after 120 s (the limit 'space_wait')"
    assert error.hint == f"wait longer with space_wait=, or see {HUB}/spaces/{SPACE}"
    assert harness.now - began == pytest.approx(120)
    # One request a step, and few of them.
    assert len(harness.requests) <= len(delays) + 1 <= 30
    assert 0.5 <= delays[0] <= 1.0
    assert max(delays) <= LAST_DELAY
    assert delays[6] >= LAST_DELAY / 2


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["BUILDING", "APP_STARTING", "SLEEPING", "lost", "429", "slow", "503"]), max_size=30),
    st.floats(0.1, 200),
)
def test_whatever_happens_the_wait_is_bounded(script: list[str], limit: float) -> None:
    harness = SpaceHarness(space_wait=limit)
    harness.answer(harness.ask(), body=space("SLEEPING"))
    began, steps = harness.now, iter(script)
    while harness.session.state is SessionState.RESOLVING:
        for number in harness.pending():
            step = next(steps, "BUILDING")
            if urlsplit(harness.requests[number].url).netloc != "hub.test":
                harness.answer(number, 503, SLEEPING_PAGE)
            elif step == "lost":
                harness.fail(number)
            elif step == "429":
                harness.answer(number, 429, b"", [("retry-after", "30")])
            elif step == "503":
                harness.answer(number, 503, b"")
            elif step != "slow":
                harness.answer(number, body=runtime(step))
        if harness.session.state is SessionState.RESOLVING:
            harness.wait()
    assert isinstance(failure(harness), SpaceError)
    assert harness.now - began <= limit + 1e-6


def test_who_does_not_want_to_wait_hears_of_the_stage_at_once() -> None:
    harness = SpaceHarness(space_wait=0)
    harness.answer(harness.ask(), body=space("SLEEPING"))
    error = failure(harness)
    assert isinstance(error, SpaceError)
    assert (error.stage, error.message) == ("SLEEPING", "the Space owner/app is SLEEPING")
    assert not harness.pending("/")


@pytest.mark.parametrize("stage", ["PAUSED", "BUILD_ERROR", "DELETING"])
def test_an_app_that_will_not_come_is_not_waited_for(stage: str) -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space(stage))
    error = failure(harness)
    assert isinstance(error, SpaceError)
    assert error.stage == stage


def test_a_build_that_breaks_ends_the_wait() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space("BUILDING"))
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime("BUILD_ERROR"))
    error = failure(harness)
    assert isinstance(error, SpaceError)
    assert error.stage == "BUILD_ERROR"
    assert stages(harness) == ["BUILDING"]


def test_a_sleeping_space_is_asked_for_once_and_then_watched() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space("SLEEPING"))
    wake = harness.app_question("/")
    assert harness.requests[wake].method == "GET"
    # Nobody needs its answer, in whatever shape it comes.
    harness.start(wake, 503, [("content-type", "text/html")])
    harness.data(wake, SLEEPING_PAGE)
    harness.finish(wake)
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime("SLEEPING"))
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime("APP_STARTING"))
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    harness.ready()
    assert stages(harness) == ["SLEEPING", "SLEEPING", "APP_STARTING"]


def test_a_space_that_sleeps_on_is_asked_for_again() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space("SLEEPING"))
    first = harness.app_question("/")  # it waits for an answer all the time
    for _ in range(LOOKS_A_WAKING):
        assert harness.pending("/") == [first]
        harness.wait()
        harness.answer(harness.hub_question(), body=runtime("SLEEPING"))
    second = harness.app_question("/")
    assert harness.aborted == [first]
    harness.fail(second, ReadError("the connection broke"))
    assert harness.session.state is SessionState.RESOLVING


def test_a_sleeping_space_without_an_address_is_only_watched() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space("SLEEPING", host=..., subdomain=...))
    assert harness.idle()
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    harness.answer(harness.hub_question(), body={"host": HOST})
    harness.ready()


def test_what_was_asked_for_the_waking_ends_with_the_wait() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space("SLEEPING"))
    wake = harness.app_question("/")
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    harness.ready()
    assert wake in harness.aborted
    assert harness.idle()


def test_a_look_that_fails_does_not_end_the_wait() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space("BUILDING"))
    harness.wait()
    harness.answer(harness.hub_question(), 429, b"", [("retry-after", "20")])
    assert harness.wait() == pytest.approx(20)
    harness.fail(harness.hub_question(), ReadError("the connection broke"))
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    harness.ready()


@pytest.mark.parametrize(("status", "body"), [(403, b""), (200, b"[]")])
def test_a_look_that_will_not_get_better_ends_the_wait(status: int, body: bytes) -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space("BUILDING"))
    harness.wait()
    harness.answer(harness.hub_question(), status, body)
    assert isinstance(failure(harness), AuthenticationError if status == 403 else RemoteProtocolError)


def test_closing_ends_a_wait() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space("SLEEPING"))
    harness.session.close()
    assert harness.idle()
    assert harness.due() is None
    assert not [event for event in harness.events() if not isinstance(event, SpaceStageReported)]


@pytest.mark.parametrize("bound", [-1, float("nan"), float("inf"), True, None, "10"])
def test_the_bound_is_a_number_of_seconds(bound: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^space_wait is .*: it must be a number of seconds, from 0$"):
        SpaceHarness(space_wait=bound)


# --- an app that does not answer as one


def test_an_app_that_is_not_there_yet_is_tried_again_within_the_bound() -> None:
    harness = SpaceHarness(space_wait=60)
    harness.answer(harness.ask(), body=space())
    harness.answer(harness.app_question(), 503, SLEEPING_PAGE)
    assert harness.session.state is SessionState.RESOLVING
    harness.answer(harness.hub_question(), body=runtime())
    # From now on one request for each delay, in turn.
    harness.wait()
    harness.answer(harness.app_question(), 502, b"bad gateway")
    assert harness.idle()
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    assert harness.idle()
    harness.wait()
    harness.ready()
    assert harness.one(SessionReady)
    assert stages(harness) == ["RUNNING", "RUNNING", "RUNNING"]


def test_an_app_that_does_not_come_is_given_up_with_the_reason() -> None:
    harness = SpaceHarness(space_wait=20)
    harness.answer(harness.ask(), body=space())
    harness.answer(harness.app_question(), 503, SLEEPING_PAGE)
    harness.answer(harness.hub_question(), body=runtime())
    while harness.session.state is not SessionState.FAILED:
        harness.wait()
        for number in harness.pending():
            if harness.requests[number].url.startswith(HOST):
                harness.answer(number, 503, SLEEPING_PAGE)
            else:
                harness.answer(number, body=runtime())
    error = failure(harness)
    assert isinstance(error, SpaceError)
    assert error.message == "the Space owner/app is RUNNING, but its app did not come within 20 s ('space_wait')"
    assert "the server answered 503" in str(error)
    assert isinstance(error.__cause__, UnsupportedServerError)


def test_the_bound_runs_on_while_the_app_is_tried() -> None:
    harness = SpaceHarness(space_wait=5)
    harness.answer(harness.ask(), body=space("BUILDING"))
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    harness.tick(10)
    assert harness.session.state is SessionState.FETCHING_CONFIG
    harness.answer(harness.app_question(), 503, SLEEPING_PAGE)
    assert isinstance(failure(harness), SpaceError)


def test_an_app_that_fell_asleep_between_the_two_questions_is_woken() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space())
    harness.answer(harness.app_question(), 200, SLEEPING_PAGE, [("content-type", "text/html")])
    harness.answer(harness.hub_question(), body=runtime("SLEEPING"))
    harness.answer(harness.app_question("/"), 503, SLEEPING_PAGE)
    harness.wait()
    harness.answer(harness.hub_question(), body=runtime())
    harness.ready()


def test_a_paused_space_is_explained_when_its_app_does_not_answer() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space())
    harness.answer(harness.app_question(), 503, SLEEPING_PAGE)
    harness.answer(harness.hub_question(), body=runtime("PAUSED"))
    error = failure(harness)
    assert isinstance(error, SpaceError)
    assert error.stage == "PAUSED"


@pytest.mark.parametrize("space_wait", [0, 300])
def test_a_space_that_is_no_gradio_app_is_told_as_such(space_wait: float) -> None:
    harness = SpaceHarness(space_wait=space_wait)
    harness.answer(harness.ask(), body=space(sdk="static"))
    harness.answer(harness.app_question(), 404, b"")
    harness.answer(harness.app_question("/"), 200, b"<html>hello</html>")
    harness.answer(harness.hub_question(), body=runtime())
    error = failure(harness)
    assert isinstance(error, UnsupportedServerError)
    assert error.message.startswith(f"{HOST}/ is no Gradio app")


def test_who_does_not_want_to_wait_hears_what_the_app_said() -> None:
    harness = SpaceHarness(space_wait=0)
    harness.answer(harness.ask(), body=space())
    harness.answer(harness.app_question(), 503, SLEEPING_PAGE)
    harness.answer(harness.hub_question(), body=runtime())
    assert isinstance(failure(harness), UnsupportedServerError)


def test_an_app_that_wants_a_login_is_not_a_matter_for_the_hub() -> None:
    harness = SpaceHarness()
    harness.answer(harness.ask(), body=space())
    harness.answer(harness.app_question(), 401, {"detail": "Not authenticated"})
    assert isinstance(failure(harness), AuthenticationError)
