"""Redirects, cookies, origins, logins, limits: what holds for every request of a session."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import (
    AbortExchange,
    AuthenticationError,
    ConfigReceived,
    ConnectError,
    DeadlineExceeded,
    JobError,
    JobFailed,
    JobState,
    LocalProtocolError,
    ReadError,
    RemoteProtocolError,
    SessionFailed,
    SessionReady,
    StartExchange,
    Timeouts,
)
from gradproto._calls import _JobExchange, _Upload
from gradproto._channels import OwnChannel
from gradproto._exchanges import (
    DISCARD_LIMIT,
    MAX_REDIRECTS,
    Exchange,
    ShortExchange,
    WebSocketExchange,
    header_value,
)
from gradproto._own_streams import _OwnStreamChannel
from gradproto._sse import ServerSentEvent
from tests.core.driving import CONFIG, INFO, Harness, body_of, config_with, era

LOGIN: dict[str, Any] = {"auth": ("bob", "s3cr3t")}


def headers_of(harness: Harness, exchange: int) -> dict[str, str]:
    pairs = harness.requests[exchange].headers
    assert len({name for name, _ in pairs}) == len(pairs), "a header went out twice"
    return dict(pairs)


def redirect(harness: Harness, exchange: int, location: str, status: int = 302, body: bytes = b"moved") -> None:
    harness.answer(exchange, status, body, [("Location", location)])


def failure(harness: Harness) -> str:
    return str(harness.one(SessionFailed).error)


# --- redirects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_the_config_is_followed_and_remembered(status: int) -> None:
    harness = Harness("http://app.test/old")
    harness.session.connect()
    redirect(harness, harness.only("/config"), "/new/config?x=1", status)
    again = harness.only("/config")
    assert harness.requests[again].url == "http://app.test/new/config?x=1"
    assert harness.requests[again].method == "GET"
    harness.answer(again, body=CONFIG)
    assert harness.session.base_url == "http://app.test/new"
    harness.answer(harness.only("/new/gradio_api/info"), body=INFO)
    harness.submit("/echo", "x")
    assert harness.requests[harness.only("/queue/join")].url == "http://app.test/new/gradio_api/queue/join"


def test_a_redirect_that_adds_a_slash_is_remembered_without_it() -> None:
    harness = Harness("http://app.test")
    harness.session.connect()
    redirect(harness, harness.only("/config"), "http://app.test/sub/config/", 307)
    harness.answer(harness.only("/config/"), body=CONFIG)
    assert harness.session.base_url == "http://app.test/sub"


def test_a_redirect_of_the_config_to_another_place_leaves_the_address_as_it_is() -> None:
    harness = Harness("http://app.test")
    harness.session.connect()
    redirect(harness, harness.only("/config"), "/elsewhere")
    harness.answer(harness.only("/elsewhere"), body=CONFIG)
    assert harness.session.base_url == "http://app.test"


def test_redirects_of_other_requests_are_followed_and_not_remembered() -> None:
    harness = Harness()
    harness.session.connect()
    harness.answer(harness.only("/config"), body=CONFIG)
    redirect(harness, harness.only("/info"), "/other/info")
    harness.answer(harness.only("/other/info"), body=INFO)
    harness.one(SessionReady)
    assert harness.session.base_url == "http://app.test"


def test_as_many_redirects_as_allowed_are_followed_and_not_one_more() -> None:
    harness = Harness()
    harness.session.connect()
    for _ in range(MAX_REDIRECTS):
        redirect(harness, harness.only("/config"), "/config")
    redirect(harness, harness.only("/config"), "/config")
    assert failure(harness) == f"the config: more than {MAX_REDIRECTS} redirects"
    assert harness.idle()


@pytest.mark.parametrize("status", [307, 308])
def test_a_post_is_sent_again_with_its_body_where_the_server_says_so(status: int) -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    first = harness.only("/queue/join")
    redirect(harness, first, "/gradio_api/moved/queue/join", status)
    second = harness.only("/moved/queue/join")
    assert harness.requests[second].method == "POST"
    assert body_of(harness.requests[second]) == body_of(harness.requests[first])
    assert harness.requests[second].headers == harness.requests[first].headers
    harness.answer(second, body={"event_id": "e"})
    assert job.event_id == "e"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_is_not_turned_into_a_get(status: int) -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    redirect(harness, harness.only("/queue/join"), "/gradio_api/moved/queue/join", status)
    assert f"the server answered {status}: 'moved'" in str(harness.error(job))
    assert harness.idle()


@pytest.mark.parametrize("location", ["http://other.test/x", "https://app.test/x", "http://app.test:81/x", "//b.test/"])
def test_a_post_is_not_sent_to_another_origin(location: str) -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    redirect(harness, harness.only("/queue/join"), location, 307)
    error = harness.error(job)
    assert isinstance(error, RemoteProtocolError)
    assert "redirected to another origin" in str(error)
    assert harness.idle()


@pytest.mark.parametrize("location", ["ftp://app.test/", "http://[::1", "javascript:1", "\x01"])
def test_a_redirect_to_nowhere_is_the_servers_fault(location: str) -> None:
    harness = Harness()
    harness.session.connect()
    redirect(harness, harness.only("/config"), location)
    error = harness.one(SessionFailed).error
    assert isinstance(error, RemoteProtocolError)
    assert str(error).startswith("the config: ")


def test_a_redirect_without_a_place_is_an_answer_like_another() -> None:
    harness = Harness()
    harness.session.connect()
    harness.answer(harness.only("/config"), 302, b"where?")
    assert "the server answered 302: 'where?'" in failure(harness)


def test_credentials_do_not_follow_a_redirect_to_another_origin_and_come_back_with_it() -> None:
    harness = Harness("https://app.test", token="hf_t", headers={"X-Own": "o"}, cookies={"c": "1"})
    harness.session.connect()
    first = harness.only("/config")
    assert headers_of(harness, first)["x-hf-authorization"] == "Bearer hf_t"
    assert headers_of(harness, first)["x-own"] == "o"
    assert headers_of(harness, first)["cookie"] == "c=1"
    redirect(harness, first, "https://other.test/config")
    second = harness.only("/config")
    assert headers_of(harness, second).keys() == {"accept", "accept-encoding", "user-agent", "x-gradio-user"}
    redirect(harness, second, "https://app.test/config")
    third = harness.only("/config")
    assert headers_of(harness, third)["x-hf-authorization"] == "Bearer hf_t"
    assert headers_of(harness, third)["cookie"] == "c=1"


def test_an_app_that_moved_to_another_origin_gets_no_credentials_and_no_headers_of_a_call() -> None:
    harness = Harness("http://app.test", token="hf_t", headers={"X-Own": "o"}, cookies={"c": "1"})
    harness.session.connect()
    redirect(harness, harness.only("/config"), "https://other.test/config")
    harness.answer(harness.only("/config"), body=CONFIG)
    harness.answer(harness.only("/info"), body=INFO)
    assert harness.session.base_url == "https://other.test"
    harness.submit("/echo", "x", headers={"Authorization": "Bearer call"})
    harness.submit("/upper", b"x", headers={"Authorization": "Bearer call"})
    for route in ("/queue/join", "/upload"):
        request = harness.only(route)
        assert harness.requests[request].url.startswith("https://other.test/gradio_api/")
        names = {"accept", "accept-encoding", "content-type", "user-agent", "x-gradio-user"}
        assert headers_of(harness, request).keys() == names


def test_the_rest_of_a_redirecting_answer_is_nobodys() -> None:
    harness = Harness()
    harness.session.connect()
    first = harness.only("/config")
    harness.start(first, 302, [("location", "/b/config")])
    second = harness.only("/b/config")
    harness.data(first, b"{")
    harness.answer(second, body=CONFIG)
    harness.one(ConfigReceived)
    harness.fail(first)
    assert harness.events() == []


def test_a_redirecting_answer_that_never_ends_is_given_up() -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    first = harness.only("/queue/join")
    harness.start(first, 307, [("location", "/gradio_api/b/queue/join")])
    harness.answer(harness.only("/b/queue/join"), body={"event_id": "e"})
    harness.tick()
    harness.tick(DISCARD_LIMIT - 1)
    harness.data(first, b"still here")
    harness.tick(DISCARD_LIMIT - 1)
    assert harness.aborted == []
    harness.tick(DISCARD_LIMIT)
    harness.commands()
    assert harness.aborted == [first]
    assert not job.ended


def test_closing_stops_the_rest_of_a_redirecting_answer_too() -> None:
    harness = Harness()
    harness.session.connect()
    first = harness.only("/config")
    harness.start(first, 302, [("location", "/b/config")])
    harness.session.close()
    assert harness.idle()


# --- cookies and headers --------------------------------------------------------------------------------------------


def test_cookies_are_kept_sent_and_updated() -> None:
    harness = Harness(cookies={"mine": "1"})
    harness.session.connect()
    config = harness.only("/config")
    assert headers_of(harness, config)["cookie"] == "mine=1"
    harness.answer(config, body=CONFIG, headers=[("Set-Cookie", "replica=a; Path=/"), ("SET-COOKIE", "other=b")])
    info = harness.only("/info")
    assert headers_of(harness, info)["cookie"] == "mine=1; replica=a; other=b"
    harness.answer(
        info, body=INFO, headers=[("set-cookie", "replica=c; Path=/"), ("set-cookie", "mine=; Path=/; Max-Age=0")]
    )
    harness.submit("/echo", "x")
    assert set(headers_of(harness, harness.only("/queue/join"))["cookie"].split("; ")) == {"replica=c", "other=b"}


def test_a_cookie_header_of_the_callers_is_sent_beside_the_jars() -> None:
    harness = Harness(headers={"Cookie": "own=1"})
    harness.session.connect()
    config = harness.only("/config")
    assert headers_of(harness, config)["cookie"] == "own=1"
    harness.answer(config, body=CONFIG, headers=[("set-cookie", "replica=a")])
    assert headers_of(harness, harness.only("/info"))["cookie"] == "own=1; replica=a"


def test_cookies_of_a_redirect_and_of_a_failure_are_kept_too() -> None:
    harness = Harness()
    harness.session.connect()
    harness.answer(harness.only("/config"), 302, b"", [("location", "/b/config"), ("set-cookie", "a=1; Path=/")])
    second = harness.only("/b/config")
    assert headers_of(harness, second)["cookie"] == "a=1"
    harness.answer(second, 404, b"", [("set-cookie", "b=2; Path=/")])
    assert headers_of(harness, harness.only("/b/"))["cookie"] == "a=1; b=2"


def test_every_request_says_that_a_program_asks_and_wants_no_compression() -> None:
    harness = Harness(headers={"X-Gradio-User": "me"}).connect(config_with(connect_heartbeat=True))
    harness.submit("/upper", b"x", headers={"x-gradio-user": "you"})
    harness.submit("/direct", "x", headers={"x-gradio-user": "you"})
    job = harness.queued("/echo", "x", headers={"x-gradio-user": "you"})
    harness.session.cancel(job)
    harness.commands()
    routes = {request.url.partition("?")[0].rpartition("/")[2] for request in harness.requests.values()}
    assert {"config", "info", "upload", "predict", "join", "data", "cancel"} <= routes
    for exchange in harness.requests:
        assert headers_of(harness, exchange)["x-gradio-user"] == "api"
        assert headers_of(harness, exchange)["accept-encoding"] == "identity"
        assert headers_of(harness, exchange)["user-agent"].startswith("gradproto/")


@pytest.mark.parametrize("encoding", ["gzip", " BR ", "x" * 200])
def test_an_answer_that_is_compressed_unasked_is_refused_as_such(encoding: str) -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), body=b"\x1f\x8b", headers=[("content-encoding", encoding)])
    failed = harness.end(job)
    assert isinstance(failed, JobFailed)
    assert isinstance(failed.error, RemoteProtocolError)
    assert f"the join of job 0 (/echo): the answer is compressed ({encoding.strip().lower()[:80]!r})" in str(
        failed.error
    )
    assert harness.idle()


def test_an_error_that_is_compressed_keeps_its_status() -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), 502, body=b"\x1f\x8b", headers=[("content-encoding", "gzip")])
    failed = harness.end(job)
    assert isinstance(failed, JobFailed)
    assert "the server answered 502: compressed bytes" in str(failed.error)


@pytest.mark.parametrize("encoding", ["identity", ""])
def test_an_answer_may_say_that_it_is_not_compressed(encoding: str) -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    headers = [("content-encoding", encoding)]
    harness.answer(harness.only("/queue/join"), body={"event_id": "e"}, headers=headers)
    harness.commands()
    assert not job.ended


def test_headers_of_a_call_win_over_those_of_the_client_and_go_with_its_requests_only() -> None:
    harness = Harness(headers={"X-Who": "client", "X-Also": "client"}).connect()
    harness.submit("/echo", "x", headers={"x-who": "call", "Content-Type": "text/plain", "Accept": "mine"})
    sent = headers_of(harness, harness.only("/queue/join"))
    assert (sent["x-who"], sent["x-also"], sent["accept"]) == ("call", "client", "mine")
    assert sent["content-type"] == "application/json"
    harness.submit("/upper", b"x", headers={"x-who": "call", "Content-Type": "text/plain"})
    sent = headers_of(harness, harness.only("/upload"))
    assert sent["x-who"] == "call"
    assert sent["content-type"].startswith("multipart/form-data; boundary=")
    harness.submit("/direct", "x", headers={"x-who": "call"})
    assert headers_of(harness, harness.only("/run/predict"))["x-who"] == "call"
    harness.answer(harness.only("/queue/join"), body={"event_id": "e"})
    assert headers_of(harness, harness.only("/queue/data"))["x-who"] == "client"


# --- logins ---------------------------------------------------------------------------------------------------------


def log_in(harness: Harness, cookie: str = "access-token=t") -> None:
    harness.answer(harness.only("/login"), body={"success": True}, headers=[("set-cookie", f"{cookie}; Path=/")])


def test_a_401_is_answered_by_one_login_and_the_same_request_again() -> None:
    harness = Harness("http://app.test/sub", headers={"x-own": "o"}, **LOGIN)
    harness.session.connect()
    harness.answer(harness.only("/config"), 401, {"detail": "Not authenticated"})
    login = harness.only("/login")
    request = harness.requests[login]
    assert (request.method, request.url) == ("POST", "http://app.test/sub/login")
    assert body_of(request) == b"username=bob&password=s3cr3t"
    assert headers_of(harness, login)["content-type"] == "application/x-www-form-urlencoded"
    assert headers_of(harness, login)["x-own"] == "o"
    log_in(harness)
    config = harness.only("/config")
    assert headers_of(harness, config)["cookie"] == "access-token=t"
    harness.answer(config, body=CONFIG)
    harness.answer(harness.only("/info"), body=INFO)
    harness.one(SessionReady)


def test_a_later_401_logs_in_again_once_for_all_requests_that_got_one() -> None:
    harness = Harness(**LOGIN).connect()
    jobs = [harness.submit("/echo", text) for text in "abc"]
    joins = harness.pending("/queue/join")
    bodies = [body_of(harness.requests[join]) for join in joins]
    for join in joins:
        harness.answer(join, 401, b"no")
    log_in(harness)
    again = harness.pending("/queue/join")
    assert [body_of(harness.requests[join]) for join in again] == bodies
    for index, join in enumerate(again):
        assert headers_of(harness, join)["cookie"] == "access-token=t"
        harness.answer(join, body={"event_id": f"e{index}"})
    assert [job.event_id for job in jobs] == ["e0", "e1", "e2"]


def test_a_401_after_the_new_login_is_final() -> None:
    harness = Harness(**LOGIN).connect()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), 401, b"no")
    log_in(harness)
    harness.answer(harness.only("/queue/join"), 401, b"no")
    assert isinstance(harness.error(job), AuthenticationError)
    assert harness.idle()


def test_a_401_without_a_login_to_try_is_final() -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), 401, {"detail": {"error": "x", "auth_message": "ask Bob"}})
    error = harness.error(job)
    assert isinstance(error, AuthenticationError)
    assert "the app wants a login ('ask Bob') (pass auth=(user, password))" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"detail": "Incorrect credentials."}, "could not log in at http://app.test/login: the app refused"),
        (401, b"", "refused this user and password (401)"),
        (403, b"", "refused this user and password (403)"),
        (422, b"", "refused this user and password (422)"),
        (429, b"", "the login at http://app.test/login: the server answered 429, too many requests"),
        (404, b"<html>", "could not log in at http://app.test/login: the server answered 404"),
        (500, b"x", "could not log in at http://app.test/login: the server answered 500"),
    ],
)
def test_a_login_that_is_refused_fails_what_waits_for_it(status: int, body: object, expected: str) -> None:
    harness = Harness(**LOGIN)
    harness.session.connect()
    harness.answer(harness.only("/config"), 401, b"")
    harness.answer(harness.only("/login"), status, body)
    message = failure(harness)
    assert expected in message
    assert "s3cr3t" not in message
    assert harness.idle()


def test_a_login_that_breaks_off_fails_what_waits_for_it() -> None:
    harness = Harness(**LOGIN).connect()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), 401, b"")
    harness.fail(harness.only("/login"), ConnectError("refused"))
    error = harness.error(job)
    assert isinstance(error, ConnectError)
    assert str(error) == "the join of job 0 (/echo): refused"


def test_a_login_answered_by_a_redirect_is_one_that_worked() -> None:
    harness = Harness(**LOGIN)
    harness.session.connect()
    harness.answer(harness.only("/config"), 401, b"")
    harness.answer(harness.only("/login"), 302, b"", [("location", "/"), ("set-cookie", "access-token=t")])
    assert headers_of(harness, harness.only("/config"))["cookie"] == "access-token=t"
    assert len(harness.live) == 1


@pytest.mark.parametrize("location", ["https://app.test/config", "http://other.test/config"])
def test_user_and_password_are_not_sent_to_where_the_app_moved(location: str) -> None:
    harness = Harness("http://app.test", **LOGIN)
    harness.session.connect()
    redirect(harness, harness.only("/config"), location)
    harness.answer(harness.only("/config"), 401, b"")
    error = harness.one(SessionFailed).error
    assert isinstance(error, AuthenticationError)
    assert "the app moved to another origin" in str(error)
    assert "connect to that address to log in there" in str(error)
    assert harness.pending("/login") == []


def test_a_login_goes_where_the_app_moved_within_its_origin() -> None:
    harness = Harness("http://app.test", **LOGIN)
    harness.session.connect()
    redirect(harness, harness.only("/config"), "/sub/config")
    harness.answer(harness.only("/config"), 401, b"")
    assert harness.requests[harness.only("/login")].url == "http://app.test/sub/login"


def test_a_job_that_is_cancelled_while_it_waits_for_a_login_is_not_sent_after_it() -> None:
    harness = Harness(**LOGIN).connect()
    job = harness.submit("/upper", b"x")
    upload = harness.only("/upload")
    harness.start(upload, 401)
    harness.session.cancel(job)
    log_in(harness)
    assert harness.pending("/upload") == [upload]
    harness.finish(upload)
    assert harness.idle()
    assert len(harness.ends(job)) == 1


def test_closing_while_a_login_is_under_way_sends_nothing_more() -> None:
    harness = Harness(**LOGIN).connect()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), 401, b"")
    login = harness.only("/login")
    harness.session.close()
    harness.commands()
    assert harness.aborted == [login]
    assert len(harness.ends(job)) == 1
    harness.session.response_started(login, 200, ())
    harness.session.response_ended(login)
    assert harness.idle()


# --- limits ---------------------------------------------------------------------------------------------------------


def test_a_request_that_is_not_answered_in_time_is_stopped() -> None:
    harness = Harness(timeouts=Timeouts(request=7))
    harness.session.connect()
    config = harness.only("/config")
    assert harness.due() == 7
    harness.tick(6.9)
    assert harness.commands() == []
    harness.tick(0.1)
    assert harness.command() == AbortExchange(exchange=config)
    error = harness.one(SessionFailed).error
    assert isinstance(error, DeadlineExceeded)
    assert isinstance(error, TimeoutError)
    assert str(error) == (
        "the config: no answer from http://app.test/config within 7 s (the limit 'request' of the timeouts)"
    )
    assert harness.due() is None


def test_each_byte_of_an_answer_gives_it_more_time() -> None:
    harness = Harness(timeouts=Timeouts(request=7))
    harness.session.connect()
    config = harness.only("/config")
    harness.start(config)
    for byte in b"{}":
        harness.tick(6)
        harness.data(config, bytes([byte]))
    harness.tick(6)
    assert harness.events() == []
    harness.tick(7)
    assert isinstance(harness.one(SessionFailed).error, DeadlineExceeded)


@pytest.mark.parametrize("status", [302, 401])
def test_a_request_that_is_sent_again_has_its_time_again(status: int) -> None:
    harness = Harness(timeouts=Timeouts(request=7), **LOGIN)
    harness.session.connect()
    harness.tick()
    harness.tick(6)
    harness.answer(harness.only("/config"), status, b"", [("location", "/b/config")])
    if status == 401:
        harness.tick(6)
        log_in(harness)
    again = harness.only("/config")
    harness.tick()
    harness.tick(6)
    assert harness.pending() == [again]
    harness.tick(1)
    assert isinstance(harness.one(SessionFailed).error, DeadlineExceeded)


def test_no_limit_is_no_timer() -> None:
    harness = Harness(timeouts=Timeouts(request=None))
    harness.session.connect()
    assert harness.due() is None
    config = harness.only("/config")
    harness.start(config)
    harness.data(config, b"{")
    assert harness.due() is None


def test_an_answer_longer_than_any_real_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradproto._exchanges.MAX_SHORT_ANSWER", 1000)
    harness = Harness()
    harness.session.connect()
    config = harness.only("/config")
    harness.start(config)
    harness.data(config, b"x" * 1000)
    assert harness.events() == []
    harness.data(config, b"x")
    assert harness.command() == AbortExchange(exchange=config)
    error = harness.one(SessionFailed).error
    assert isinstance(error, RemoteProtocolError)
    assert str(error) == "the config: the answer is longer than 1000 bytes"


# --- facts ----------------------------------------------------------------------------------------------------------


FACTS: dict[str, tuple[object, ...]] = {
    "response_started": (200, ()),
    "response_data": (b"x",),
    "response_ended": (),
    "exchange_failed": (ReadError("x"),),
    "body_sent": (1,),
}


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("exchange", [-1, 1, 99])
def test_a_fact_about_an_exchange_that_was_never_started_is_refused(fact: str, exchange: int) -> None:
    harness = Harness()
    harness.session.connect()
    with pytest.raises(LocalProtocolError, match=f"can't handle a fact about exchange {exchange}: it was never starte"):
        getattr(harness.session, fact)(exchange, *FACTS[fact])
    assert isinstance(harness.command(), StartExchange)
    assert harness.events() == []


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("end", ["ended", "failed", "aborted"])
def test_a_late_fact_is_ignored(fact: str, end: str) -> None:
    harness = Harness(timeouts=Timeouts(request=5))
    harness.session.connect()
    config = harness.only("/config")
    if end == "ended":
        harness.answer(config, 500)
    elif end == "failed":
        harness.fail(config)
    else:
        harness.tick()
        harness.tick(5)
    harness.commands()
    harness.events()
    getattr(harness.session, fact)(config, *FACTS[fact])
    assert harness.commands() == []
    assert harness.events() == []


def test_a_broken_connection_says_where_and_why() -> None:
    harness = Harness()
    harness.session.connect()
    harness.fail(harness.only("/config"), ConnectError("refused"))
    assert str(harness.one(SessionFailed).error) == "refused"


def test_the_numbers_of_exchanges_grow() -> None:
    harness = Harness().connect()
    for text in "abc":
        harness.running("/echo", text)
    assert list(harness.requests) == sorted(harness.requests)


def test_a_header_is_found_whatever_its_case() -> None:
    headers = [("X-A", "1"), ("x-a", "2")]
    assert header_value(headers, "x-a") == "1"
    assert header_value(headers, "x-b") is None


def test_an_exchange_says_what_it_does_with_an_answer() -> None:
    harness = Harness().connect()
    core, job = harness.session._core, harness.submit("/echo", "x")
    exchange = Exchange("x", timeout=1, limit="request")
    exchange.body_sent(1)
    exchange.redirected("http://app.test/")
    for step in (
        lambda: exchange.started(200, ()),
        lambda: exchange.data(b""),
        exchange.ended,
        lambda: exchange.failed(JobError("x")),
        lambda: ShortExchange("x", timeout=1).answered(200, (), b""),
        WebSocketExchange("x", timeout=1).opened,
        lambda: WebSocketExchange("x", timeout=1).text(""),
        lambda: WebSocketExchange("x", timeout=1).closed(1000, ""),
        lambda: _Upload(core, job, job.call).uploaded([]),
        lambda: _OwnStreamChannel(core, harness.session._streams, job).event(ServerSentEvent("", "", ""), "x"),
        lambda: _JobExchange("x", core, job, timeout=1).succeeded(b""),
    ):
        with pytest.raises(NotImplementedError):
            step()


def test_a_second_response_of_an_exchange_is_an_illegal_fact() -> None:
    harness = Harness()
    harness.session.connect()
    config = harness.only("/config")
    harness.session.response_started(config, 200, ())
    with pytest.raises(LocalProtocolError, match=f"can't handle a second response of exchange {config}"):
        harness.session.response_started(config, 401, ())


def test_a_discarded_answer_has_one_response_too() -> None:
    harness = Harness()
    harness.session.connect()
    config = harness.only("/config")
    harness.session.response_started(config, 302, [("location", "/sub/config")])
    with pytest.raises(LocalProtocolError, match=f"can't handle a second response of exchange {config}"):
        harness.session.response_started(config, 200, ())


@pytest.mark.parametrize("fact", ["response_data", "response_ended"])
def test_a_body_without_a_head_is_an_illegal_fact_and_changes_nothing(fact: str) -> None:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    join = harness.only("/queue/join")
    with pytest.raises(LocalProtocolError, match=f"can't handle the body of exchange {join}: its response has not beg"):
        getattr(harness.session, fact)(join, *FACTS[fact])
    harness.answer(join, body={"event_id": "e"})
    assert job.event_id == "e"
    with pytest.raises(LocalProtocolError, match="its response has not begun"):
        getattr(harness.session, fact)(harness.only("/queue/data"), *FACTS[fact])
    harness.open(harness.only("/queue/data"))
    harness.sse(harness.only("/queue/data"), {"msg": "process_completed", "event_id": "e", "output": {"data": ["y"]}})
    assert job.outputs == ("y",)


def websocket_of(harness: Harness) -> int:
    """The only WebSocket that the session has asked for."""
    harness.commands()
    (found,) = [number for number in harness.live if harness.requests[number].url.startswith("ws:")]
    return found


def test_a_websocket_that_is_let_go_may_still_be_refused() -> None:
    harness = Harness().connect(era("3.50.2"))
    job = harness.submit("/echo", "x")
    websocket = websocket_of(harness)
    assert isinstance(job.channel, OwnChannel)
    exchange = job.channel.exchange
    assert exchange is not None
    harness.session._core.exchanges.let_go(exchange)
    harness.session.response_started(websocket, 403, [])
    harness.session.response_ended(websocket)
    assert job.state is JobState.JOINING


def test_a_websocket_that_waits_for_a_login_can_be_let_go() -> None:
    harness = Harness(auth=("bob", "x")).connect(era("3.50.2"))
    job = harness.submit("/echo", "x")
    websocket = websocket_of(harness)
    harness.start(websocket, 403)
    harness.finish(websocket)
    assert isinstance(job.channel, OwnChannel)
    assert job.channel.exchange is not None
    harness.session._core.exchanges.let_go(job.channel.exchange)
    harness.answer(harness.only("/login"), body={"success": True})
    harness.commands()
    assert not any(harness.requests[number].url.startswith("ws:") for number in harness.live)
