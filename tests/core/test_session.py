"""The session's door: what may be asked when, what an illegal call does, what closing ends, what nobody ever shows."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradproto import (
    AbortExchange,
    ArgumentError,
    CancelRefused,
    ConnectionLostError,
    DownloadFailed,
    EndpointNotFoundError,
    FileData,
    GradprotoError,
    JobFailed,
    JobState,
    LocalProtocolError,
    ReadError,
    Session,
    SessionState,
    Timeouts,
    __version__,
)
from tests.core.driving import CONFIG, INFO, SSE, STATELESS, Harness, config_with

# --- making one


def make(src: str = "http://app.test", **options: Any) -> Session:
    return Session(src, entropy=lambda size: bytes(size), **options)


def test_a_session_begins_with_an_address_and_a_name_of_its_own() -> None:
    session = make("APP.test:80/sub/?x=1")
    assert session.base_url == "http://app.test/sub"
    assert session.session_hash == "00" * 16
    assert session.state is SessionState.NEW
    assert session.next_command() is None
    assert session.next_event() is None
    assert session.next_deadline() is None


def test_the_same_entropy_makes_the_same_session() -> None:
    def run(seed: int) -> list[object]:
        harness = Harness(random_seed=seed).connect()
        for text in "ab":
            harness.running("/echo", text)
            harness.submit("/upper", b"x")
        return [harness.requests, [request.body for request in harness.requests.values()]]

    assert run(1) == run(1)
    assert run(1) != run(2)


@pytest.mark.parametrize("src", ["", "ftp://app.test", "http://u:s3cr3t@app.test", "a b"])
def test_what_is_no_address_is_refused(src: str) -> None:
    with pytest.raises(ArgumentError, match="is not the address of an app") as caught:
        make(src)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("auth", ["bob", "ab", ("bob",), ("bob", "x", "y"), ("bob", 5), (None, "x"), 5, {"bob": "x"}])
def test_a_login_is_a_pair_of_texts(auth: Any) -> None:
    with pytest.raises(ArgumentError, match="auth must be a pair of strings: user and password"):
        make(auth=auth)


@pytest.mark.parametrize("auth", [("bob", "s3cr3t\ud800"), ("\ud800", "s3cr3t")])
def test_a_login_that_no_form_can_carry_is_refused_and_not_shown(auth: tuple[str, str]) -> None:
    with pytest.raises(ArgumentError, match="lone surrogate") as caught:
        make(auth=auth)
    assert "s3cr3t" not in str(caught.value)


def test_a_login_may_be_a_list_and_may_be_empty() -> None:
    for auth in (["bob", "x"], ("", "")):
        assert make(auth=auth).state is SessionState.NEW


def test_a_token_goes_into_its_own_header_unless_the_caller_has_one() -> None:
    for headers, expected in (({}, "Bearer hf_t"), ({"X-HF-Authorization": "mine"}, "mine")):
        harness = Harness(token="hf_t", headers=headers)
        harness.session.connect()
        sent = dict(harness.requests[harness.only("/config")].headers)
        assert sent["x-hf-authorization"] == expected
        assert "authorization" not in sent


def test_a_token_that_no_header_can_carry_is_refused_and_not_shown() -> None:
    token = "".join(["s3c", "r3t\n"])
    with pytest.raises(ArgumentError) as caught:
        make(token=token)
    assert str(caught.value) == "the token holds characters that a header cannot carry"
    assert token.strip() not in "".join(traceback.format_exception(caught.value))


def test_headers_and_cookies_that_cannot_be_sent_are_refused() -> None:
    with pytest.raises(ArgumentError, match="'x' is not a string that a header can carry"):
        make(headers={"x": "\n"})
    with pytest.raises(ArgumentError):
        make(cookies={"x": "a;b"})


def test_a_session_says_who_asks() -> None:
    harness = Harness()
    harness.session.connect()
    sent = dict(harness.requests[harness.only("/config")].headers)
    assert sent["user-agent"] == f"gradproto/{__version__}"


# --- what may be asked when


def test_config_and_endpoints_are_there_when_they_came() -> None:
    harness = Harness()
    for name in ("config", "endpoints"):
        with pytest.raises(LocalProtocolError, match="when the session is NEW"):
            getattr(harness.session, name)
    harness.session.connect()
    harness.answer(harness.only("/config"), body=CONFIG)
    assert harness.session.config.version == "6.31.0"
    with pytest.raises(LocalProtocolError, match="there are no endpoints when the session is FETCHING_INFO"):
        _ = harness.session.endpoints
    harness.answer(harness.only("/info"), body=INFO)
    assert len(harness.session.endpoints) == 7
    harness.session.close()
    assert len(harness.session.endpoints) == 7


def reach(state: SessionState, **options: Any) -> Harness:
    harness = Harness("owner/app" if state is SessionState.RESOLVING else "http://app.test", **options)
    if state is SessionState.NEW:
        return harness
    harness.session.connect()
    if state is SessionState.RESOLVING:
        pass
    elif state is SessionState.FAILED:
        harness.answer(harness.only("/config"), 500)
    elif state is SessionState.CLOSED:
        harness.session.close()
    elif state is not SessionState.FETCHING_CONFIG:
        harness.answer(harness.only("/config"), body=CONFIG)
        if state is SessionState.READY:
            harness.answer(harness.only("/info"), body=INFO)
    assert harness.session.state is state
    harness.commands()
    harness.events()
    return harness


READY = Harness().connect()
CALL = READY.session.prepare(["x"], api_name="/echo")
CALLS: dict[str, tuple[str, Callable[[Session], object]]] = {
    "prepare": ("prepare a call", lambda session: session.prepare(["x"], api_name="/echo")),
    "check": ("submit a job", lambda session: session.check(CALL)),
    "submit": ("submit a job", lambda session: session.submit(CALL)),
    "download": ("download a file", lambda session: session.download(FileData(path="/x"))),
    "reset": ("reset the session", lambda session: session.reset_session()),
}


@pytest.mark.parametrize("state", [state for state in SessionState if state is not SessionState.READY])
@pytest.mark.parametrize("name", CALLS)
def test_what_needs_a_session_that_is_ready_is_refused_before_and_after(name: str, state: SessionState) -> None:
    harness = reach(state)
    what, call = CALLS[name]
    before = harness.session.session_hash
    with pytest.raises(LocalProtocolError) as caught:
        call(harness.session)
    assert str(caught.value) == f"can't {what} when the session is {state.value}"
    assert harness.session.state is state
    assert harness.session.session_hash == before
    assert harness.commands() == []
    assert harness.events() == []


@pytest.mark.parametrize("state", [state for state in SessionState if state is not SessionState.NEW])
def test_a_session_connects_once(state: SessionState) -> None:
    harness = reach(state)
    with pytest.raises(LocalProtocolError) as caught:
        harness.session.connect()
    assert str(caught.value) == f"can't connect when the session is {state.value}"
    assert harness.session.state is state
    assert harness.commands() == []


def test_a_job_of_another_session_cannot_be_cancelled() -> None:
    harness = Harness().connect()
    mine = harness.queued("/echo", "x")
    theirs = Harness().connect().queued("/echo", "x")
    harness.events()
    with pytest.raises(LocalProtocolError, match="can't cancel job 0: it was not submitted to this session"):
        harness.session.cancel(theirs)
    assert harness.pending("/cancel") == []
    assert harness.events() == []
    harness.session.cancel(mine)
    assert len(harness.pending("/cancel")) == 1


def test_wrong_arguments_change_nothing() -> None:
    harness = Harness().connect()
    for args, options, error in (
        ((), {"api_name": "/echo"}, ArgumentError),
        (("a", "b"), {"api_name": "/echo"}, ArgumentError),
        (("a",), {"api_name": "/nosuch"}, EndpointNotFoundError),
        (("a",), {"fn_index": 99}, EndpointNotFoundError),
        (("a",), {}, EndpointNotFoundError),
        (("a",), {"api_name": "/echo", "headers": {"host": "x"}}, ArgumentError),
    ):
        with pytest.raises(error):
            harness.session.prepare(args, **options)  # type: ignore[arg-type]
    assert harness.idle()


def test_a_call_can_be_written_as_in_javascript_or_by_name_or_by_index() -> None:
    prepare = Harness().connect().session.prepare
    for call in (
        prepare(["x"], api_name="/echo"),
        prepare(["/echo", ["x"]]),
        prepare(["/echo", {"text": "x"}]),
        prepare(kwargs={"text": "x"}, api_name="/echo"),
        prepare(["x"], fn_index=0),
    ):
        assert (call.endpoint.api_name, call.data) == ("/echo", ["x"])


def test_a_path_is_uploaded_only_where_that_is_wanted() -> None:
    for wanted in (True, False):
        session = Harness(upload_paths=wanted).connect().session
        call = session.prepare(["/tmp/x"], api_name="/upper")
        assert bool(call.files) is wanted
        assert (call.encoded is None) is wanted


def test_preparing_a_call_changes_nothing() -> None:
    harness = Harness().connect()
    for _ in range(3):
        harness.session.check(harness.session.prepare([b"x"], api_name="/upper"))
    assert harness.idle()
    assert harness.submit("/echo", "x").number == 0


def test_websockets_are_for_other_generations() -> None:
    harness = reach(SessionState.FETCHING_CONFIG)
    for report in (
        lambda: harness.session.websocket_opened(0),
        lambda: harness.session.websocket_text(0, "{}"),
        lambda: harness.session.websocket_closed(0, 1000, ""),
    ):
        with pytest.raises(LocalProtocolError, match="can't handle a WebSocket fact about exchange 0: it is no WebSo"):
            report()
    assert harness.session.state is SessionState.FETCHING_CONFIG


# --- closing


@pytest.mark.parametrize("state", SessionState)
def test_a_session_can_be_closed_at_any_time_and_again(state: SessionState) -> None:
    harness = reach(state)
    for _ in range(2):
        harness.session.close()
        assert harness.session.state is SessionState.CLOSED
        assert harness.idle()
        assert harness.due() is None
    assert harness.events() == []


def jobs_in_every_state(harness: Harness) -> None:
    joining = harness.submit("/incr")
    to_cancel = harness.submit("/chat", "x")
    harness.session.cancel(to_cancel)
    uploading = harness.submit("/upper", b"x")
    direct = harness.submit("/direct", "x")
    queued = harness.queued("/echo", "x")
    cancelling = harness.queued("/count", 2)
    harness.session.cancel(cancelling)
    running = harness.running("/pair", "x")
    unopened = harness.submit("/pair", "y")
    harness.joined(unopened)
    states = [job.state for job in (joining, to_cancel, uploading, direct, queued, cancelling, running, unopened)]
    names = ["JOINING", "JOINING", "UPLOADING", "RUNNING", "QUEUED", "QUEUED", "RUNNING", "QUEUED"]
    assert [state.value for state in states] == names


@pytest.mark.parametrize("config", [config_with(connect_heartbeat=True), STATELESS])
def test_closing_fails_every_job_and_download_once_and_stops_every_exchange(config: dict[str, Any]) -> None:
    harness = Harness(timeouts=Timeouts(run=100, queue_wait=100)).connect(config)
    if config is STATELESS:
        harness.running("/echo", "x")
    else:
        jobs_in_every_state(harness)
    harness.complete(harness.running("/echo", "y"), "y")
    harness.session.download(FileData(path="/x"))
    harness.start(harness.only("/x"))
    harness.commands()
    harness.events()
    jobs = list(harness.session._core.jobs.values())
    live = set(harness.live)
    harness.session.close()
    commands = harness.commands()
    assert all(isinstance(command, AbortExchange) for command in commands)
    assert set(harness.aborted) >= live
    assert harness.idle()
    events = harness.events()
    assert {type(event) for event in events} == {JobFailed, DownloadFailed}
    assert [event.job for event in events if isinstance(event, JobFailed)] == [job.number for job in jobs]
    for job in jobs:
        assert job.state is JobState.FAILED
        error = harness.error(job)
        assert isinstance(error, ConnectionLostError)
        assert str(error) == f"job {job.number} was under way when the session was closed"
    assert harness.due() is None
    for exchange in live:
        harness.session.response_started(exchange, 200, SSE)
        harness.session.response_data(exchange, b"data: {\n\n")
        harness.session.response_ended(exchange)
        harness.session.exchange_failed(exchange, ReadError("x"))
    harness.tick(1e6)
    assert harness.commands() == []
    assert harness.events() == []


def test_a_job_cannot_be_cancelled_when_the_session_is_closed() -> None:
    harness = Harness().connect()
    job = harness.queued("/echo", "x")
    harness.session.close()
    harness.events()
    harness.session.cancel(job)
    assert harness.events() == [CancelRefused(job=0, reason="it is over: FAILED")]
    assert harness.idle()


def test_a_download_can_be_stopped_when_the_session_is_closed() -> None:
    harness = Harness().connect()
    harness.session.download(FileData(path="/x"))
    harness.session.close()
    assert isinstance(harness.one(DownloadFailed).error, ReadError)
    harness.session.abort_download(0)
    assert harness.idle()


# --- secrets

SECRETS = {
    "token": "t0k3n",
    "password": "p4ssw0rd",
    "header": "h34d3r",
    "cookie": "c00k13",
    "call": "c4llh34d3r",
    "server": "s3rv3rc00k13",
    "sign": "s1gn4tur3",
}


def secretive() -> Harness:
    return Harness(
        "https://app.test/sub",
        token=SECRETS["token"],
        auth=("bob", SECRETS["password"]),
        headers={"Authorization": f"Bearer {SECRETS['header']}", "X-Api-Key": SECRETS["header"]},
        cookies={"session": SECRETS["cookie"]},
        timeouts=Timeouts(request=5, upload_idle=5, run=5, queue_wait=5, stream_idle=5),
    )


COOKIE = ("Set-Cookie", f"access-token={SECRETS['server']}; Path=/")
SIGNED = f"/sub/config?__sign={SECRETS['sign']}"

# What the server answers, in turn, to whatever is asked.
ANSWERS: list[Any] = [
    ("ok",),
    ("sse", {"msg": "process_starts", "event_id": "event-0"}),
    ("sse", {"msg": "process_completed", "event_id": "event-0", "success": False, "output": {"error": "boom"}}),
    ("sse", {"msg": "unexpected_error", "event_id": None, "message": "404: gone"}),
    ("sse", {"msg": "strange"}),
    ("status", 302, [("location", SIGNED), COOKIE]),
    ("status", 307, [("location", f"https://other.test/{SIGNED}")]),
    ("status", 307, [("location", f"ftp://bob:{SECRETS['sign']}@app.test/?token={SECRETS['sign']}")]),
    ("status", 401, [COOKIE]),
    ("status", 404, []),
    ("status", 429, [COOKIE, ("retry-after", "5")]),
    ("status", 500, [COOKIE]),
    ("status", 503, []),
    ("fail",),
    ("time",),
]


def everything_shown(harness: Harness) -> str:
    harness.commands()
    harness.events()
    core = harness.session._core
    parts: list[object] = [harness.session, core, core.exchanges, core.exchanges.cookies, core.jobs, core.timers]
    parts += harness.seen
    parts += [job for job in core.jobs.values()]
    shown = [form(part) for part in parts for form in (repr, str)]
    for part in harness.seen:
        if isinstance(part, GradprotoError):
            shown += traceback.format_exception(part)
            shown.append(repr(vars(part)))
    return "\n".join(shown)


def act(harness: Harness, exchange: int, answer: Any) -> None:
    url = harness.requests[exchange].url
    if answer[0] == "time":
        harness.tick()
        harness.tick(6)
    elif answer[0] == "fail" or (answer[0] == "status" and exchange in harness.opened):
        harness.fail(exchange)
    elif answer[0] == "status":
        harness.answer(exchange, answer[1], b"<html>", answer[2])
    elif "/queue/data" in url:
        if exchange not in harness.opened:
            harness.open(exchange)
        if answer[0] == "sse":
            harness.sse(exchange, answer[1])
    else:
        body: Any = {"success": True, "event_id": "event-0", "data": ["x"]}
        if url.partition("?")[0].endswith("/config"):
            body = CONFIG
        elif url.endswith("/info"):
            body = INFO
        elif url.endswith("/upload"):
            body = ["/tmp/x"]
        harness.answer(exchange, 200, body, [COOKIE, ("content-type", "application/json")])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_happens_nothing_shows_a_secret(data: st.DataObject) -> None:
    harness = secretive()
    harness.session.connect()
    for _ in range(data.draw(st.integers(1, 25))):
        steps = ["answer"] * 4 if harness.pending() else []
        if harness.session.state is SessionState.READY:
            steps += ["submit", "download", "cancel", "reset"]
        if not steps:
            break
        step = data.draw(st.sampled_from(steps))
        if step == "answer":
            exchange = data.draw(st.sampled_from(harness.pending()))
            answer = data.draw(st.one_of(st.just(("ok",)), st.sampled_from(ANSWERS)))
            act(harness, exchange, answer)
        elif step == "submit":
            name, value = data.draw(st.sampled_from([("/count", 2), ("/upper", b"x"), ("/direct", "x")]))
            # Not by the harness, which would answer the look at the app that comes first after a loss.
            call = harness.session.prepare([value], api_name=name, headers={"x-own": SECRETS["call"]})
            harness.session.submit(call)
        elif step == "download":
            url = f"https://app.test/x?__sign={SECRETS['sign']}"
            harness.session.download(FileData(path=None, url=url))
        elif step == "reset":
            harness.session.reset_session()
        else:
            for job in list(harness.session._core.jobs.values()):
                harness.session.cancel(job)
    harness.session.close()
    shown = everything_shown(harness)
    for name, secret in SECRETS.items():
        assert secret not in shown, f"the {name} is shown"


def test_secrets_do_go_out_where_they_belong() -> None:
    """Otherwise the test above could not fail."""
    harness = secretive()
    harness.session.connect()
    act(harness, harness.only("/config"), ("status", 401, []))
    act(harness, harness.only("/login"), ("ok",))
    act(harness, harness.only("/config"), ("ok",))
    act(harness, harness.only("/info"), ("ok",))
    harness.submit("/echo", "x", headers={"x-own": SECRETS["call"]})
    harness.commands()
    sent = [(request.headers, request.body) for request in harness.requests.values()]
    for name in ("token", "password", "header", "cookie", "call", "server"):
        assert SECRETS[name] in repr(sent), name


def test_facts_that_come_for_nobody_say_so_and_change_nothing() -> None:
    harness = reach(SessionState.NEW)
    with pytest.raises(LocalProtocolError, match="exchange 0: it was never started"):
        harness.session.response_started(0, 200, ())
    assert harness.session.state is SessionState.NEW


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"headers": "x"}, "headers must be a mapping of names to values, not a str"),
        ({"cookies": ["a"]}, "cookies must be a mapping of names to values, not a list"),
        ({"cookies": {"a": 1}}, "the names and the values of cookies must be strings"),
        ({"cookies": {1: "a"}}, "the names and the values of cookies must be strings"),
        ({"timeouts": 5}, "timeouts is of type int, not Timeouts"),
    ],
)
def test_options_of_wrong_types_are_refused_by_their_names(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ArgumentError, match=complaint):
        Session("http://app.test", entropy=bytes, **options)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [({"api_name": 7}, "`api_name` is of type int"), ({"fn_index": "7"}, "`fn_index` is of type str")],
)
def test_the_name_of_an_endpoint_is_a_string_and_its_index_a_number(names: dict[str, Any], complaint: str) -> None:
    harness = Harness().connect()
    with pytest.raises(ArgumentError, match=complaint):
        harness.session.prepare(["x"], **names)
    assert harness.idle()
