"""From an address to a session that takes jobs, or to a clear word on why not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gradproto import (
    AuthenticationError,
    ConfigReceived,
    ConnectError,
    GradprotoError,
    JobFailed,
    RateLimitedError,
    ReadError,
    RemoteProtocolError,
    SessionFailed,
    SessionReady,
    SessionState,
    Timeouts,
    UnsupportedServerError,
)
from tests.core.driving import CONFIG, INFO, STATELESS, Harness, config_with

NOT_FOUND = {"detail": "Not Found"}
PAGE = b"<html><script>window.gradio_config = " + json.dumps(CONFIG).encode() + b";</script></html>"


def connecting(src: str = "http://app.test/sub", **options: Any) -> tuple[Harness, int]:
    harness = Harness(src, **options)
    harness.session.connect()
    return harness, harness.only("/config")


def failure(harness: Harness) -> GradprotoError:
    error = harness.one(SessionFailed).error
    assert harness.session.state is SessionState.FAILED
    assert harness.idle()
    assert harness.due() is None
    assert error.__traceback__ is None
    return error


# --- config and API description


def test_connecting_fetches_config_and_description() -> None:
    harness, config = connecting()
    assert harness.session.state is SessionState.FETCHING_CONFIG
    request = harness.requests[config]
    assert (request.method, request.url) == ("GET", "http://app.test/sub/config")
    assert dict(request.headers)["accept"] == "application/json"
    assert request.safe_to_repeat
    harness.answer(config, body=CONFIG)
    assert harness.session.state is SessionState.FETCHING_INFO
    received = harness.one(ConfigReceived)
    assert received.config is harness.session.config
    assert received.config.app_id == 17_000_000_000_000_000_001
    info = harness.only("/info")
    request = harness.requests[info]
    assert (request.method, request.url) == ("GET", "http://app.test/sub/gradio_api/info")
    assert dict(request.headers)["accept"] == "application/json"
    harness.answer(info, body=INFO)
    assert harness.events() == [SessionReady(config=harness.session.config)]
    assert harness.session.state is SessionState.READY
    assert [endpoint.api_name for endpoint in harness.session.endpoints.values()] == list(INFO["named_endpoints"])
    assert harness.idle()
    assert harness.due() is None


def test_a_config_that_points_elsewhere_does_not_move_the_app() -> None:
    harness, config = connecting()
    harness.answer(config, body=config_with(root="http://internal:7860/other"))
    assert harness.requests[harness.only("/info")].url == "http://app.test/sub/gradio_api/info"


def test_without_a_config_the_page_is_looked_at() -> None:
    harness, config = connecting()
    harness.answer(config, 404, NOT_FOUND)
    page = harness.only("/sub/")
    assert harness.requests[page].url == "http://app.test/sub/"
    assert dict(harness.requests[page].headers)["accept"] == "text/html"
    harness.answer(page, body=PAGE, headers=[("content-type", "text/html")])
    harness.answer(harness.only("/info"), body=INFO)
    harness.one(SessionReady)


def test_a_page_in_the_place_of_the_config_is_taken_too() -> None:
    harness, config = connecting()
    harness.answer(config, body=PAGE, headers=[("content-type", "text/html")])
    harness.one(ConfigReceived)


def test_where_there_is_neither_config_nor_page_there_is_no_app() -> None:
    harness, config = connecting()
    harness.answer(config, 404, NOT_FOUND)
    harness.answer(harness.only("/sub/"), 404, NOT_FOUND)
    error = failure(harness)
    assert type(error) is UnsupportedServerError
    assert str(error) == ('no Gradio app at http://app.test/sub/: the server answered 404: \'{"detail": "Not Found"}\'')


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"Internal Server Error", "no Gradio app at http://app.test/sub/config: the server answered 500: 'Inter"),
        (502, b"<html><h1>502 Bad Gateway</h1></html>", "the server answered 502: '<html><h1>502 Bad Gateway"),
        (503, b"", "the server answered 503: ''"),
        (500, b"x" * 1000, f"answered 500: '{'x' * 80}'"),
        (200, b"<html>Hello", "is no Gradio app"),
        (200, b"", "is no Gradio app"),
        (200, {"hello": 1}, "is no Gradio app"),
        (200, [1], "is no Gradio app"),
        (200, {"dependencies": 5}, "cannot be used"),
        (
            200,
            {"dependencies": [], "version": "2.0"},
            "names no protocol (Gradio '2.0'), which is not supported",
        ),
        (200, config_with(protocol="sse_v4"), "speaks protocol 'sse_v4'"),
        (200, config_with(version="4.21.0"), "(Gradio '4.21.0'), which is not supported"),
    ],
)
def test_what_is_no_app_is_refused_with_what_came(status: int, body: Any, says: str) -> None:
    harness, config = connecting()
    harness.answer(config, status, body)
    error = failure(harness)
    assert type(error) is UnsupportedServerError
    assert says in str(error)


@pytest.mark.parametrize(("header", "seconds"), [([("Retry-After", "30")], 30.0), ([], None)])
def test_an_app_that_is_asked_too_often_says_so(header: list[tuple[str, str]], seconds: float | None) -> None:
    harness, config = connecting()
    harness.answer(config, 429, b"slow down", header)
    error = failure(harness)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == seconds
    wait = "; it asks to wait 30 s" if header else ""
    where = "the config at http://app.test/sub/config"
    assert str(error) == f"{where}: the server answered 429, too many requests{wait}: 'slow down'"


def test_an_app_that_wants_a_login_says_so() -> None:
    harness, config = connecting()
    harness.answer(config, 401, {"detail": "Not authenticated"})
    error = failure(harness)
    assert isinstance(error, AuthenticationError)
    assert str(error) == ("the app at http://app.test/sub/config wants a login (401) (pass auth=(user, password))")


def test_an_app_that_took_the_login_and_refuses_says_so() -> None:
    harness, config = connecting(auth=("bob", "s3cr3t"))
    harness.answer(config, 401)
    harness.answer(harness.only("/login"), body={"success": True})
    harness.answer(harness.only("/config"), 401)
    error = failure(harness)
    assert isinstance(error, AuthenticationError)
    assert error.hint == "it took the login, and still refuses"


@pytest.mark.parametrize("error", [ConnectError("no such host"), ReadError("reset"), RemoteProtocolError("no HTTP")])
@pytest.mark.parametrize("route", ["/config", "/sub/", "/info"])
def test_a_connection_that_breaks_is_a_failure(error: GradprotoError, route: str) -> None:
    harness, config = connecting()
    if route == "/sub/":
        harness.answer(config, 404)
    elif route == "/info":
        harness.answer(config, body=CONFIG)
    harness.fail(harness.only(route), error)
    assert failure(harness) is error


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"Internal Server Error"), (404, NOT_FOUND), (200, b"<html>"), (200, [1]), (200, {"named_endpoints": 5})],
)
def test_without_a_description_one_is_made_from_the_config(status: int, body: Any) -> None:
    harness, config = connecting()
    harness.answer(config, body=CONFIG)
    harness.answer(harness.only("/info"), status, body)
    harness.one(SessionReady)
    endpoint = harness.session.endpoints.resolve("/echo")
    assert [parameter.label for parameter in endpoint.parameters] == ["textbox 1"]
    harness.submit("/echo", "x")
    assert len(harness.pending("/queue/join")) == 1


def test_a_description_that_wants_a_login_is_a_failure() -> None:
    harness, config = connecting()
    harness.answer(config, body=CONFIG)
    harness.answer(harness.only("/info"), 401, b"")
    assert isinstance(failure(harness), AuthenticationError)


# --- the heartbeat


FLAGGED = config_with(connect_heartbeat=True)
UNFLAGGED = {key: value for key, value in CONFIG.items() if key != "connect_heartbeat"}


def start_job(harness: Harness) -> int:
    """Submit the first job, with which a conversation begins; return its join."""
    harness.submit("/echo", "x")
    return harness.only("/queue/join")


def beating(config: dict[str, Any] | None = None, **options: Any) -> tuple[Harness, int]:
    harness = Harness(**options).connect(config or FLAGGED)
    assert harness.idle()
    harness.answer(start_job(harness), 500)
    found = [number for number in harness.pending() if "/heartbeat/" in harness.requests[number].url]
    assert len(found) == 1
    return harness, found[0]


def test_an_app_that_asks_for_a_heartbeat_gets_one() -> None:
    harness, beat = beating()
    request = harness.requests[beat]
    assert request.url == f"http://app.test/gradio_api/heartbeat/{harness.session.session_hash}"
    assert dict(request.headers)["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({**CONFIG, "connect_heartbeat": False}, False),
        (UNFLAGGED, False),
        ({**UNFLAGGED, "version": "4.24.0"}, False),
        ({**UNFLAGGED, "version": "4.25.0"}, True),
        ({**UNFLAGGED, "version": "4.28.3"}, True),
        ({**FLAGGED, "version": "4.29.0"}, True),
        ({**UNFLAGGED, "version": "4.29.0"}, False),
    ],
)
def test_only_early_versions_that_do_not_say_get_a_heartbeat_unasked(config: dict[str, Any], wanted: bool) -> None:
    harness = Harness().connect(config)
    harness.answer(start_job(harness), 500)
    assert harness.idle() is not wanted


def delay_until_next(harness: Harness) -> float:
    """Let the time pass until the heartbeat is tried again; return how long that took."""
    harness.commands()
    due = harness.due()
    assert due is not None
    assert harness.idle()
    harness.tick(due)
    return due


@pytest.mark.parametrize("way", ["end", "break", "refuse", "silence"])
def test_a_heartbeat_that_stops_is_tried_again_less_and_less_often(way: str) -> None:
    harness, beat = beating(timeouts=Timeouts(stream_idle=45))
    delays: list[float] = []
    for _ in range(9):
        if way == "end":
            harness.answer(beat)
        elif way == "break":
            harness.fail(beat)
        elif way == "refuse":
            harness.answer(beat, 404, NOT_FOUND)
        else:
            harness.tick()
            harness.tick(45)
        delays.append(delay_until_next(harness))
        (beat,) = harness.pending()
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all(isinstance(event, JobFailed) for event in harness.events())


def test_a_beat_makes_the_next_try_quick_again() -> None:
    harness, beat = beating()
    for _ in range(3):
        harness.fail(beat)
        delay_until_next(harness)
        (beat,) = harness.pending()
    harness.start(beat, 200, [("content-type", "text/event-stream")])
    harness.data(beat, b"data: ALIVE\n\n")
    harness.fail(beat)
    assert delay_until_next(harness) == 1


def test_beats_keep_the_heartbeat_going() -> None:
    harness, beat = beating(timeouts=Timeouts(stream_idle=45))
    harness.start(beat, 200)
    for _ in range(10):
        harness.data(beat, b"data: ALIVE\n\n")
        harness.tick()
        harness.tick(44)
    assert harness.pending() == [beat]


def test_a_new_conversation_has_a_heartbeat_of_its_own() -> None:
    harness, beat = beating()
    old = harness.session.session_hash
    harness.session.reset_session()
    harness.commands()
    assert harness.aborted == [beat]
    (again,) = harness.pending()
    assert harness.requests[again].url.endswith(f"/heartbeat/{harness.session.session_hash}")
    assert harness.session.session_hash != old


def test_a_new_conversation_does_not_wait_for_the_next_try_of_the_old_heartbeat() -> None:
    harness, beat = beating()
    harness.fail(beat)
    harness.session.reset_session()
    assert len(harness.pending()) == 1
    harness.tick()
    harness.tick(10)
    assert len(harness.pending()) == 1


def test_a_session_that_expired_has_a_heartbeat_for_the_new_one() -> None:
    harness, beat = beating()
    job = harness.running("/incr")
    harness.sse(
        harness.stream_of(job),
        {"msg": "unexpected_error", "event_id": None, "message": "404: Not Found", "session_not_found": True},
    )
    assert harness.session.session_hash != job.session_hash
    (again,) = harness.pending()
    assert again != beat
    assert harness.requests[again].url.endswith(f"/heartbeat/{harness.session.session_hash}")


def test_a_lost_stream_of_a_conversation_with_state_leaves_its_heartbeat() -> None:
    harness, beat = beating()
    job = harness.running("/incr")
    harness.fail(harness.stream_of(job))
    assert harness.pending() == [beat]


def test_a_lost_stream_of_a_conversation_without_state_moves_its_heartbeat() -> None:
    harness, beat = beating({**STATELESS, "connect_heartbeat": True})
    job = harness.running("/echo", "x")
    harness.fail(harness.stream_of(job))
    (again,) = harness.pending()
    assert again != beat
    assert harness.requests[again].url.endswith(f"/heartbeat/{harness.session.session_hash}")


@pytest.mark.parametrize("trying", [True, False])
def test_closing_ends_the_heartbeat(trying: bool) -> None:
    harness, beat = beating()
    if not trying:
        harness.fail(beat)
    harness.session.close()
    assert harness.idle()
    assert harness.due() is None
    harness.tick(1000)
    assert harness.idle()


def test_there_is_no_heartbeat_before_the_first_job_and_one_after_it() -> None:
    harness = Harness().connect(FLAGGED)
    harness.session.reset_session()
    assert harness.idle()
    for _ in range(3):
        harness.submit("/incr")
    assert len([number for number in harness.pending() if "/heartbeat/" in harness.requests[number].url]) == 1
