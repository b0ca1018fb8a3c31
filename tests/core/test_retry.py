"""What a caller may allow to be tried again, after how long, and how connecting and downloads are."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradproto
from gradproto import (
    AppError,
    ArgumentError,
    AuthenticationError,
    ConnectError,
    ConnectRetried,
    DeadlineExceeded,
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    DownloadRetried,
    DownloadStarted,
    EndpointNotFoundError,
    FileData,
    GradprotoError,
    JobRetried,
    RateLimitedError,
    ReadError,
    RemoteProtocolError,
    Retry,
    Session,
    SessionFailed,
    SessionReady,
    SessionState,
    Timeouts,
    TransportError,
    UnsupportedServerError,
    ValidationError,
    WriteError,
)
from gradproto._retry import given_up, is_passing, next_delay
from tests.core.driving import CONFIG, INFO, STATELESS, Harness, era

ONCE = Retry(times=1, first_delay=1)


def connected(config: Any = STATELESS, *, retry: Retry | int | None = ONCE, **options: Any) -> Harness:
    return Harness(retry=retry, **options).connect(config)


def wait(harness: Harness) -> float:
    """Let the time until the next try pass; returns the seconds."""
    seconds = harness.due()
    assert seconds is not None
    harness.tick(seconds)
    return seconds


# --- the record


def test_the_defaults_try_three_times_more_and_run_nothing_twice() -> None:
    retry = Retry()
    assert (retry.times, retry.first_delay, retry.factor, retry.longest_delay) == (3, 0.5, 2.0, 30.0)
    assert retry.idempotent is False
    assert gradproto._retry.as_retry(2) == Retry(times=2)
    assert hash(Retry(idempotent=["/a"])) == hash(Retry(idempotent={"/a": 1}))


def test_the_names_of_idempotent_endpoints_are_kept_apart_from_the_callers_list() -> None:
    names = ["/echo"]
    retry = Retry(idempotent=names)
    names.append("/count")
    assert retry.idempotent == frozenset({"/echo"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("times", value) for value in (-1, 1.0, True, "3", None, math.nan)],
        *[("first_delay", value) for value in (-0.1, math.nan, math.inf, True, "1", None, 10**400)],
        *[("longest_delay", value) for value in (-1, math.nan, math.inf, False, [1], 2e9)],
        *[("factor", value) for value in (0.5, 0, -2, math.nan, math.inf, True, "2")],
        *[("idempotent", value) for value in ("/echo", b"/echo", 1, None, [b"/echo"], [None], iter(["/echo"]))],
    ],
)
def test_what_a_retry_cannot_be_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"^retry: {name} (is|has) "):
        Retry(**{name: value})


def test_the_first_delay_is_not_longer_than_the_longest() -> None:
    with pytest.raises(ArgumentError, match="first_delay is 2: it must not be above longest_delay, which is 1"):
        Retry(first_delay=2, longest_delay=1)


@pytest.mark.parametrize("value", [True, "3", 1.5, [1]])
def test_a_session_takes_a_retry_or_a_number_of_tries(value: Any) -> None:
    with pytest.raises(ArgumentError, match=r"retry is .*: it must be a Retry, a number of tries, or None"):
        Session("http://app.test", entropy=random.Random(0).randbytes, retry=value)
    with pytest.raises(ArgumentError, match="times is -1"):
        Session("http://app.test", entropy=random.Random(0).randbytes, retry=-1)


# --- how long it takes


@given(
    retry=st.builds(
        Retry,
        times=st.integers(0, 10**6),
        first_delay=st.floats(0, 20),
        factor=st.floats(1, 1e9),
        longest_delay=st.floats(20, 1e9),
    ),
    made=st.integers(0, 10**6),
    asked=st.none() | st.floats(0, 2e9),
    chance=st.binary(min_size=4, max_size=4),
)
def test_a_delay_lies_between_the_half_and_the_whole_of_its_step(
    retry: Retry, made: int, asked: float | None, chance: bytes
) -> None:
    error = RateLimitedError("m", retry_after=asked)
    delay = next_delay(retry, made, error, lambda size: chance[:size])
    if made >= retry.times or (asked or 0) > retry.longest_delay:
        assert delay is None
        return
    assert delay is not None
    try:
        whole = min(retry.first_delay * retry.factor**made, retry.longest_delay)
    except OverflowError:
        whole = retry.longest_delay
    if asked is not None and delay == asked:
        assert whole / 2 <= asked
    else:
        assert whole / 2 <= delay <= whole
    assert delay >= (asked or 0)
    assert delay <= retry.longest_delay


def test_delays_grow_up_to_the_longest_one() -> None:
    retry = Retry(times=9, first_delay=1, factor=3, longest_delay=10)
    delays = [next_delay(retry, made, ReadError("m"), lambda size: b"\xff" * size) for made in range(10)]
    assert [None if delay is None else round(delay) for delay in delays] == [1, 3, 9, 10, 10, 10, 10, 10, 10, None]


def test_the_server_is_given_the_time_that_it_asks_for() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), 429, b"slow down", [("Retry-After", "7")])
    assert harness.one(JobRetried).delay == 7
    assert wait(harness) == 7
    harness.joined(job)


def test_a_wait_beyond_the_longest_delay_is_left_to_the_caller() -> None:
    harness = connected()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), 429, b"slow down", [("Retry-After", "3600")])
    error = harness.error(job)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 3600
    assert error.hint == "that is longer than the longest delay of the retries, 30 s"
    assert harness.due() is None


# --- the errors that say so


@pytest.mark.parametrize(
    "error",
    [
        kind("m", hint="h") if kind is not DeadlineExceeded else DeadlineExceeded("m", hint="h")
        for kind in vars(gradproto).values()
        if isinstance(kind, type) and issubclass(kind, GradprotoError)
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_last_error_is_the_same_but_for_the_number_of_tries(error: GradprotoError) -> None:
    error.status = 503
    error.__cause__ = ValueError("why")
    assert given_up(ONCE, 0, error) is error
    told = given_up(ONCE, 2, error)
    assert type(told) is type(error)
    assert told is not error
    assert (told.message, told.status, told.__cause__) == (error.message, 503, error.__cause__)
    assert (told.hint, error.hint) == ("h; given up after 3 tries", "h")
    assert str(told) == "m (h; given up after 3 tries)"


def test_what_cannot_get_better_is_not_tried_again() -> None:
    final = [
        AppError("m"),
        ValidationError("m"),
        ArgumentError("m"),
        AuthenticationError("m"),
        RemoteProtocolError("m"),
    ]
    assert not any(map(is_passing, final))


# --- connecting

REFUSALS: list[Any] = [
    ConnectError("refused"),
    ReadError("reset"),
    WriteError("broken pipe"),
    (429, b"", []),
    (502, b"<html>Bad Gateway", []),
    (503, b"", []),
    (504, b"", []),
]


def refuse(harness: Harness, exchange: int, refusal: Any) -> None:
    if isinstance(refusal, GradprotoError):
        harness.fail(exchange, refusal)
    else:
        harness.answer(exchange, *refusal)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("step", ["/config", "/", "/info", "/login"])
def test_connecting_is_tried_again(step: str, refusal: Any) -> None:
    harness = Harness(retry=2, auth=("bob", "x") if step == "/login" else None)
    harness.session.connect()

    def go_to_step() -> int:
        if step == "/":
            harness.answer(harness.only("/config"), 404)
        elif step == "/login":
            harness.answer(harness.only("/config"), 401)
        return harness.only(step)

    if step == "/info":
        harness.answer(harness.only("/config"), body=CONFIG)
    first = go_to_step()
    state = harness.session.state
    refuse(harness, first, refusal)
    retried = harness.one(ConnectRetried)
    assert retried.attempt == 1
    assert is_passing(retried.error)
    assert harness.session.state is state
    assert harness.idle()
    assert wait(harness) == retried.delay
    again = harness.only("/info") if step == "/info" else go_to_step()
    if step == "/login":
        harness.answer(again, 200)
        again = harness.only("/config")
    harness.answer(again, body=INFO if step == "/info" else CONFIG)
    if step != "/info":
        harness.answer(harness.only("/info"), body=INFO)
    harness.one(SessionReady)
    assert harness.due() is None


def test_a_config_that_does_not_come_in_time_is_asked_for_again() -> None:
    harness = Harness(retry=1, timeouts=Timeouts(request=9))
    harness.session.connect()
    assert wait(harness) == 9
    assert isinstance(harness.one(ConnectRetried).error, DeadlineExceeded)
    wait(harness)
    harness.answer(harness.only("/config"), body=CONFIG)
    harness.answer(harness.only("/info"), body=INFO)
    harness.one(SessionReady)


def test_the_tries_of_connecting_are_counted_together() -> None:
    harness = Harness(retry=2)
    harness.session.connect()
    harness.fail(harness.only("/config"), ConnectError("refused"))
    wait(harness)
    harness.answer(harness.only("/config"), body=CONFIG)
    harness.fail(harness.only("/info"))
    wait(harness)
    assert [one.attempt for one in harness.events() if isinstance(one, ConnectRetried)] == [1, 2]
    harness.fail(harness.only("/info"))
    failed = harness.one(SessionFailed)
    assert isinstance(failed.error, ReadError)
    assert str(failed.error) == "connection reset (given up after 3 tries)"
    assert harness.session.state is SessionState.FAILED
    assert harness.due() is None


def test_without_a_retry_connecting_fails_at_once() -> None:
    harness = Harness()
    harness.session.connect()
    harness.answer(harness.only("/config"), 503)
    error = harness.one(SessionFailed).error
    assert isinstance(error, UnsupportedServerError)
    assert (error.status, error.hint) == (503, None)


@pytest.mark.parametrize("answer", [(401, b""), (500, b"x"), (200, b"<html>"), (403, b"")])
def test_what_is_no_app_is_not_asked_again(answer: Any) -> None:
    harness = Harness(retry=3)
    harness.session.connect()
    harness.answer(harness.only("/config"), *answer)
    assert harness.one(SessionFailed).error.hint != "given up after 2 tries"


def test_a_login_that_is_refused_is_not_tried_again() -> None:
    harness = Harness(retry=3, auth=("bob", "wrong"))
    harness.session.connect()
    harness.answer(harness.only("/config"), 401)
    harness.answer(harness.only("/login"), 400)
    assert isinstance(harness.one(SessionFailed).error, AuthenticationError)


def test_a_description_that_cannot_be_had_is_built_from_the_config_in_the_end() -> None:
    harness = Harness(retry=1)
    harness.session.connect()
    harness.answer(harness.only("/config"), body=CONFIG)
    harness.answer(harness.only("/info"), 503)
    wait(harness)
    harness.answer(harness.only("/info"), 503)
    harness.one(SessionReady)


@pytest.mark.parametrize("retry", [None, 3])
def test_a_description_that_makes_the_server_fail_is_not_asked_for_again(retry: int | None) -> None:
    harness = Harness(retry=retry)
    harness.session.connect()
    harness.answer(harness.only("/config"), body=CONFIG)
    harness.answer(harness.only("/info"), 500)
    harness.one(SessionReady)


def test_closing_ends_the_wait_for_the_next_try() -> None:
    harness = Harness(retry=3)
    harness.session.connect()
    harness.fail(harness.only("/config"), ConnectError("refused"))
    harness.session.close()
    assert harness.due() is None
    harness.tick(1000)
    assert harness.idle()
    assert harness.session.state is SessionState.CLOSED


def test_a_name_of_an_idempotent_endpoint_that_is_not_there_keeps_from_connecting() -> None:
    harness = Harness(retry=Retry(idempotent=["/ecko", "/count"]))
    harness.session.connect()
    harness.answer(harness.only("/config"), body=CONFIG)
    harness.answer(harness.only("/info"), body=INFO)
    error = harness.one(SessionFailed).error
    assert isinstance(error, EndpointNotFoundError)
    assert error.message == "retry: idempotent names what is not there: Cannot find a function with `api_name`: /ecko."
    assert (error.hint or "").startswith("did you mean '/echo'? the app has ")
    assert harness.idle()


# --- downloads


def fetching(retry: Retry | int | None = ONCE) -> tuple[Harness, int]:
    harness = connected(retry=retry)
    harness.session.download(FileData(path="/tmp/a"))
    return harness, harness.only("file=/tmp/a")


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_file_of_which_nothing_came_is_asked_for_again(refusal: Any) -> None:
    harness, exchange = fetching()
    refuse(harness, exchange, refusal)
    retried = harness.one(DownloadRetried)
    assert (retried.download, retried.attempt) == (0, 1)
    assert wait(harness) == retried.delay
    harness.answer(harness.only("file=/tmp/a"), body=b"abc")
    assert harness.events() == [
        DownloadStarted(download=0, size=None, mime_type=None),
        DownloadDataReceived(download=0, data=b"abc"),
        DownloadCompleted(download=0),
    ]
    assert harness.due() is None


def test_a_file_that_broke_before_its_first_byte_is_asked_for_again() -> None:
    harness, exchange = fetching()
    harness.start(exchange, 200)
    harness.fail(exchange)
    wait(harness)
    harness.answer(harness.only("file=/tmp/a"), body=b"abc")
    assert [type(event) for event in harness.events()] == [
        DownloadStarted,
        DownloadRetried,
        DownloadStarted,
        DownloadDataReceived,
        DownloadCompleted,
    ]


def test_a_file_of_which_something_came_is_not_begun_again() -> None:
    harness, exchange = fetching()
    harness.start(exchange, 200)
    harness.data(exchange, b"ab")
    harness.fail(exchange)
    assert isinstance(harness.one(DownloadFailed).error, ReadError)


def test_a_file_that_is_not_there_is_not_asked_for_again() -> None:
    harness, exchange = fetching()
    harness.answer(exchange, 404)
    assert harness.one(DownloadFailed).error.status == 404


def test_the_last_try_of_a_download_says_how_many_there_were() -> None:
    harness, exchange = fetching()
    harness.answer(exchange, 429)
    wait(harness)
    harness.answer(harness.only("file=/tmp/a"), 429, b"", [("Retry-After", "9")])
    error = harness.one(DownloadFailed).error
    assert isinstance(error, RateLimitedError)
    assert (error.retry_after, error.hint) == (9, "given up after 2 tries")


@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_download_that_waits_to_be_asked_for_again_can_be_stopped(how: str) -> None:
    harness, exchange = fetching()
    harness.fail(exchange)
    harness.one(DownloadRetried)
    if how == "abort":
        harness.session.abort_download(0)
        assert harness.events() == []
    else:
        harness.session.close()
        assert isinstance(harness.one(DownloadFailed).error, TransportError)
    assert harness.due() is None
    harness.tick(100)
    assert harness.idle()
    assert harness.session._core.downloads == {}


# --- rate limits without a retry


@pytest.mark.parametrize("step", ["config", "upload", "join", "direct", "call", "download"])
def test_a_429_tells_how_long_to_wait_whatever_was_asked(step: str) -> None:
    headers = [("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"), ("Date", "Fri, 31 Dec 1999 23:59:29 GMT")]
    harness = Harness(route="call" if step == "call" else "queue")
    if step == "config":
        harness.session.connect()
        harness.answer(harness.only("/config"), 429, b"", headers)
        error = harness.one(SessionFailed).error
    elif step == "download":
        harness.connect(STATELESS).session.download(FileData(path="/tmp/a"))
        harness.answer(harness.only("file=/tmp/a"), 429, b"", headers)
        error = harness.one(DownloadFailed).error
    else:
        calls = {"upload": ("/upper", b"x"), "direct": ("/direct", "x")}
        routes = {"upload": "/upload", "direct": "/run/predict", "join": "/queue/join", "call": "/call/echo"}
        job = harness.connect(STATELESS).submit(*calls.get(step, ("/echo", "x")))
        harness.answer(harness.only(routes[step]), 429, b"", headers)
        error = harness.error(job)
    assert isinstance(error, RateLimitedError)
    assert (error.status, error.retry_after) == (429, 30)


@pytest.mark.parametrize("version", ["6.31.0", "4.8.0"])
def test_a_cancellation_that_was_limited_says_so(version: str) -> None:
    harness = Harness().connect(era(version, state=False))
    job = harness.submit("/count", 3)
    harness.accept(job)
    harness.begin(job)
    harness.session.cancel(job)
    harness.answer(harness.only("/cancel" if version == "6.31.0" else "/reset"), 429, b"", [("Retry-After", "5")])
    refused = harness.one(gradproto.CancelRefused)
    assert isinstance(refused.error, RateLimitedError)
    assert refused.error.retry_after == 5
    assert refused.reason == refused.error.message
