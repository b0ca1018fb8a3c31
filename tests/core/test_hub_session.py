"""What is asked of the Hub itself: how a Space is, that it wakes up, and a copy of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from gradproto import (
    ArgumentError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceeded,
    DuplicationError,
    GradprotoError,
    HubSession,
    LocalProtocolError,
    RateLimitedError,
    ReadError,
    RemoteProtocolError,
    SpaceDuplicated,
    SpaceError,
    SpaceFound,
    SpaceStageReported,
    Timeouts,
)
from gradproto._spaces import HUB_URL
from tests.core.driving import json_body
from tests.core.hub_driving import HOST, HUB, SPACE, TOKEN, HubHarness, bearers, missing, runtime, space

COPY = "me/app"
RUNTIME = f"/api/spaces/{SPACE}/runtime"
COPY_RUNTIME = f"/api/spaces/{COPY}/runtime"
DUPLICATE = f"/api/spaces/{SPACE}/duplicate"
SECRET = "s3same " + "0pen"


# --- one thing at a time


def test_a_space_is_described() -> None:
    harness = HubHarness()
    harness.hub.find("https://huggingface.co/spaces/owner/app")
    question = harness.question("GET", f"/api/spaces/{SPACE}")
    assert bearers(harness.requests[question]) == {"authorization": f"Bearer {TOKEN}"}
    harness.answer(question, body=space("SLEEPING"))
    found = harness.outcome()
    assert isinstance(found, SpaceFound)
    assert (found.space.id, found.space.stage, found.space.host) == (SPACE, "SLEEPING", HOST)
    harness.hub.find("owner-app.hf.space")
    missing(harness, harness.question("GET", "/api/spaces/by-subdomain/owner-app"))
    assert isinstance(harness.refusal(), SpaceError)


def test_a_description_that_makes_no_sense_is_a_failure() -> None:
    harness = HubHarness()
    harness.hub.find(SPACE)
    harness.answer(harness.question("GET", f"/api/spaces/{SPACE}"), body=[])
    assert isinstance(harness.refusal(), RemoteProtocolError)


def test_a_space_is_woken_and_waited_for() -> None:
    harness = HubHarness()
    harness.hub.wake(SPACE)
    harness.answer(harness.question("GET", f"/api/spaces/{SPACE}"), body=space("SLEEPING"))
    wake = harness.only("/")
    assert harness.requests[wake].url == f"{HOST}/"
    assert bearers(harness.requests[wake]) == {"x-hf-authorization": f"Bearer {TOKEN}"}
    harness.answer(wake, 503, b"waking up")
    reported = harness.one(SpaceStageReported)
    harness.tick()
    harness.tick(reported.delay)
    harness.answer(harness.question("GET", RUNTIME), body=runtime())
    found = harness.outcome()
    assert isinstance(found, SpaceFound)
    assert (found.space.stage, found.space.host) == ("RUNNING", HOST)
    assert harness.due() is None


def test_a_space_that_does_not_wake_up_is_given_up() -> None:
    harness = HubHarness()
    harness.hub.wake(SPACE, space_wait=0)
    harness.answer(harness.question("GET", f"/api/spaces/{SPACE}"), body=space("BUILDING"))
    error = harness.refusal()
    assert isinstance(error, SpaceError)
    assert error.stage == "BUILDING"


@pytest.mark.parametrize("how", ["unknown", "gone"])
def test_an_address_of_which_the_hub_knows_nothing_is_not_said_to_be_awake(how: str) -> None:
    harness = HubHarness()
    harness.hub.wake("owner-app.hf.space")
    question = harness.question("GET", "/api/spaces/by-subdomain/owner-app")
    if how == "unknown":
        missing(harness, question)
    else:
        harness.fail(question, ConnectError("refused"))
    assert type(harness.refusal()) is (SpaceError if how == "unknown" else ConnectError)


def test_closing_ends_what_is_under_way() -> None:
    harness = HubHarness()
    harness.hub.wake(SPACE)
    harness.answer(harness.question("GET", f"/api/spaces/{SPACE}"), body=space("SLEEPING"))
    harness.events()
    harness.hub.close()
    harness.hub.close()
    assert harness.idle()
    assert harness.due() is None
    assert harness.events() == []
    with pytest.raises(LocalProtocolError, match=r"^can't ask the Hub when the session is closed$"):
        harness.hub.find(SPACE)


def test_closing_before_an_answer_lets_go_of_the_question() -> None:
    harness = HubHarness()
    harness.hub.find(SPACE)
    question = harness.question("GET", f"/api/spaces/{SPACE}")
    harness.hub.close()
    assert harness.idle()
    assert harness.aborted == [question]


@pytest.mark.parametrize(
    "ask", [lambda hub: hub.find(SPACE), lambda hub: hub.wake(SPACE), lambda hub: hub.duplicate(SPACE)]
)
def test_two_things_at_once_are_refused(ask: Callable[[HubSession], None]) -> None:
    harness = HubHarness()
    harness.hub.find(SPACE)
    with pytest.raises(LocalProtocolError, match=r"^can't ask the Hub for two things at once$"):
        ask(harness.hub)
    harness.answer(harness.question("GET", f"/api/spaces/{SPACE}"), body=space())
    assert isinstance(harness.outcome(), SpaceFound)
    ask(harness.hub)


def test_a_session_knows_its_hub() -> None:
    assert HubSession(entropy=random.Random(0).randbytes).hub_url == HUB_URL
    harness = HubHarness(timeouts=Timeouts(request=5))
    assert harness.hub.hub_url == HUB
    harness.hub.find(SPACE)
    harness.tick()
    harness.tick(5)
    assert "within 5 s" in str(harness.refusal())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"timeouts": 3}, "timeouts is of type int, not Timeouts"),
        ({"token": "line\nbreak"}, "the token holds characters that a header cannot carry"),
        ({"token": " "}, "the token must be a string, and not empty"),
        ({"token": 3}, "the token must be a string, and not empty"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{text}$"):
        HubHarness(**options)


# --- a copy


class Copying(HubHarness):
    """A session that makes a copy, up to the first thing that a test is about."""

    def begin(self, original: dict[str, Any] | None = None, *, there: dict[str, Any] | None = None) -> Copying:
        self.answer(self.question("GET", RUNTIME), body=original or runtime())
        if self.pending("/whoami-v2"):
            self.answer(self.question("GET", "/api/whoami-v2"), body={"type": "user", "name": "me", "orgs": []})
        if there is None:
            missing(self, self.question("GET", COPY_RUNTIME))
        else:
            self.answer(self.question("GET", COPY_RUNTIME), body=there)
        return self

    def do(self, path: str, body: object, answer: object = b"") -> None:
        """Let the Hub do one thing."""
        question = self.question("POST", path)
        assert json_body(self.requests[question]) == body
        assert bearers(self.requests[question]) == {"authorization": f"Bearer {TOKEN}"}
        self.answer(question, body=answer)

    def create(self, private: bool = True) -> None:
        self.do(DUPLICATE, {"repository": COPY, "private": private}, {"url": f"{HUB}/spaces/{COPY}"})

    def made(self) -> SpaceDuplicated:
        event = self.outcome()
        assert isinstance(event, SpaceDuplicated), event
        return event


def copying(*args: Any, **options: Any) -> Copying:
    harness = Copying()
    harness.hub.duplicate(*(args or (SPACE,)), **options)
    return harness


def test_a_copy_is_made_private_and_on_the_hardware_of_the_original() -> None:
    harness = copying().begin()
    harness.create()
    harness.answer(harness.question("GET", COPY_RUNTIME), body=runtime("BUILDING", None))
    assert harness.made() == SpaceDuplicated(
        from_id=SPACE, space=COPY, created=True, done=("created me/app, private",), warnings=(), notes=()
    )


def test_secrets_and_variables_are_set_one_by_one() -> None:
    harness = copying(private=False, secrets={"KEY": SECRET, "_b": ""}, variables={"MODEL": "x"}).begin()
    harness.create(private=False)
    harness.do(f"/api/spaces/{COPY}/secrets", {"key": "KEY", "value": SECRET})
    harness.do(f"/api/spaces/{COPY}/secrets", {"key": "_b", "value": ""})
    harness.do(f"/api/spaces/{COPY}/variables", {"key": "MODEL", "value": "x"}, {"MODEL": {"value": "x"}})
    harness.answer(harness.question("GET", COPY_RUNTIME), body=runtime("BUILDING"))
    assert harness.made().done == (
        "created me/app, public",
        "set the secret KEY",
        "set the secret _b",
        "set the variable MODEL",
    )


@pytest.mark.parametrize(
    ("original", "hardware", "wanted"),
    [
        (runtime(current="t4-small"), None, "t4-small"),
        (runtime("BUILDING", None, "t4-small"), None, "t4-small"),
        (runtime(), "a10g-large", "a10g-large"),
    ],
)
def test_hardware_that_costs_money_goes_to_sleep(original: dict[str, Any], hardware: str | None, wanted: str) -> None:
    harness = copying(hardware=hardware).begin(original)
    harness.create()
    harness.answer(harness.question("GET", COPY_RUNTIME), body=runtime("BUILDING"))
    harness.do(f"/api/spaces/{COPY}/hardware", {"flavor": wanted, "sleepTimeSeconds": 300}, runtime("BUILDING"))
    harness.do(f"/api/spaces/{COPY}/sleeptime", {"seconds": 300}, runtime("BUILDING"))
    made = harness.made()
    assert made.done[1:] == (f"requested the hardware {wanted}", "set the sleep time to 300 s")
    assert made.notes == (f"me/app runs on {wanted}, which may cost money: see {HUB}/settings/billing",)


def test_a_smaller_machine_than_the_originals_needs_no_sleep_time() -> None:
    harness = copying(hardware="cpu-basic").begin(runtime(current="t4-small"), there=runtime(current="t4-small"))
    harness.do(f"/api/spaces/{COPY}/hardware", {"flavor": "cpu-basic"}, runtime())
    made = harness.made()
    assert (made.created, made.done, made.notes) == (False, ("requested the hardware cpu-basic",), ())


def test_who_says_so_gets_no_sleep_time() -> None:
    harness = copying(hardware="t4-small", sleep_timeout=None).begin()
    harness.create()
    harness.answer(harness.question("GET", COPY_RUNTIME), body=runtime("BUILDING"))
    harness.do(f"/api/spaces/{COPY}/hardware", {"flavor": "t4-small"}, runtime("BUILDING"))
    assert harness.made().done == ("created me/app, private", "requested the hardware t4-small")


def test_a_copy_that_is_there_is_attached_to() -> None:
    harness = copying(secrets={"KEY": SECRET}, variables={"A": "b"}, sleep_timeout=1.5)
    harness.begin(runtime(current="t4-small"), there=runtime("SLEEPING", "t4-small"))
    harness.do(f"/api/spaces/{COPY}/sleeptime", {"seconds": 90}, runtime("SLEEPING"))
    made = harness.made()
    assert not made.created
    assert made.done == ("set the sleep time to 90 s",)
    assert made.warnings == tuple(
        f"the {what} were left alone: they are set only when a Space is created, and me/app was there already"
        for what in ("secrets", "variables")
    )


@pytest.mark.parametrize("to_id", [None, "me/app"])
def test_ones_own_space_is_no_copy_of_itself_and_is_left_as_it_is(to_id: str | None) -> None:
    harness = copying("Me/app", to_id, hardware="t4-small")
    harness.answer(harness.question("GET", "/api/spaces/Me/app/runtime"), body=runtime(current="a10g-large"))
    if to_id is None:
        harness.answer(harness.question("GET", "/api/whoami-v2"), body={"name": "me"})
    harness.answer(harness.question("GET", COPY_RUNTIME), body=runtime(current="a10g-large"))
    made = harness.made()
    assert (made.space, made.created, made.done, made.notes) == (COPY, False, (), ())
    assert made.warnings == (
        "me/app is the original itself, and no copy: its hardware and its sleep time were left alone",
    )


def test_a_copy_that_somebody_else_made_meanwhile_is_attached_to() -> None:
    harness = copying(secrets={"KEY": SECRET}).begin()
    harness.answer(harness.question("POST", DUPLICATE), 409, {"error": "it exists", "url": "x"})
    harness.answer(harness.question("GET", COPY_RUNTIME), body=runtime())
    made = harness.made()
    assert (made.created, made.done) == (False, ())
    assert len(made.warnings) == 1


@pytest.mark.parametrize("status", [404, 500])
def test_a_name_that_is_taken_by_what_the_token_may_not_see_is_told(status: int) -> None:
    harness = copying(secrets={"KEY": SECRET}).begin()
    harness.answer(harness.question("POST", DUPLICATE), 409, {"error": "it exists"})
    harness.answer(harness.question("GET", COPY_RUNTIME), status, {"error": "strange"})
    error = harness.refusal()
    assert isinstance(error, DuplicationError)
    assert error.message.startswith(f"could not create me/app at {HUB}: the Hub answered 409: 'it exists'. Done: noth")
    assert error.not_done == (
        "create me/app",
        "set the secret KEY",
        "see to its hardware (cpu-basic) and its sleep time",
    )
    assert error.status == 409


@pytest.mark.parametrize(
    ("to_id", "target", "asks_who"),
    [
        ("mine", "me/mine", True),
        ("lab/mine", "lab/mine", False),
        ("https://huggingface.co/spaces/lab/mine", "lab/mine", False),
    ],
)
def test_the_copy_may_be_called_anything_and_belong_to_an_organisation(to_id: str, target: str, asks_who: bool) -> None:
    harness = copying(SPACE, to_id)
    harness.answer(harness.question("GET", RUNTIME), body=runtime())
    assert bool(harness.pending("/api/whoami-v2")) is asks_who
    if asks_who:
        harness.answer(harness.question("GET", "/api/whoami-v2"), body={"name": "me"})
    missing(harness, harness.question("GET", f"/api/spaces/{target}/runtime"))
    assert json_body(harness.requests[harness.question("POST", DUPLICATE)])["repository"] == target


# --- what cannot be asked for


@pytest.mark.parametrize(
    ("args", "options", "text"),
    [
        ((3,), {}, "from_id must be a string, not int"),
        (("app",), {}, "'app' is not the name of a Space (write owner/name, or the URL of its page)"),
        (("owner-app.hf.space",), {}, "from_id must be the name of a Space, or the URL of its page, not of its app"),
        ((SPACE, "a b"), {}, "to_id is 'a b', which no Space can be called"),
        ((SPACE, "a/b/c"), {}, "'a/b/c' is not the name of a Space (write owner/name, or the URL of its page)"),
        ((SPACE, 3), {}, "to_id must be a string, not int"),
        ((SPACE, "https://me-x.hf.space"), {}, "to_id must be a name, or owner/name, not the address of an app"),
        ((SPACE,), {"private": "yes"}, "private is 'yes': it must be True or False"),
        ((SPACE,), {"hardware": "a b"}, "hardware is 'a b': it must be a name such as 'cpu-basic' or 't4-small'"),
        ((SPACE,), {"hardware": 3}, "hardware is 3: it must be a name such as 'cpu-basic' or 't4-small'"),
        ((SPACE,), {"secrets": ["A"]}, "secrets must be a mapping of names to values, not a list"),
        ((SPACE,), {"secrets": {"a-b": SECRET}}, "secrets: what begins with 'a-b' cannot be the name of"),
        ((SPACE,), {"secrets": {f"KEY={SECRET}": ""}}, "secrets: what begins with 'KEY' cannot be the name"),
        ((SPACE,), {"secrets": {3: SECRET}}, "secrets: 3 cannot be the name of an environment variable"),
        ((SPACE,), {"secrets": {"A": 3}}, "secrets: the value of 'A' is of type int, not a string"),
        (
            (SPACE,),
            {"variables": {"A": SECRET + "\ud800"}},
            "variables: the value of 'A' holds a lone surrogate, which cannot be sent",
        ),
        ((SPACE,), {"sleep_timeout": 0}, "sleep_timeout is 0: it must be a number of minutes above 0, or None for"),
        ((SPACE,), {"sleep_timeout": True}, "sleep_timeout is True: it must be a number of minutes above 0, or None"),
        ((SPACE,), {"sleep_timeout": "5"}, "sleep_timeout is '5': it must be a number of minutes above 0, or None"),
        ((SPACE,), {"sleep_timeout": float("nan")}, "sleep_timeout is nan: it must be a number of minutes above 0"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_sent(
    args: tuple[Any, ...], options: Any, text: str
) -> None:
    harness = HubHarness()
    with pytest.raises(ArgumentError) as caught:
        harness.hub.duplicate(*args, **options)
    assert str(caught.value).startswith(text)
    assert SECRET not in str(caught.value)
    assert harness.idle()
    harness.hub.find(SPACE)


def test_a_copy_needs_a_token() -> None:
    harness = HubHarness(token=None)
    with pytest.raises(ArgumentError, match=r"^a Space is duplicated with somebody's token \(pass `token`\)$"):
        harness.hub.duplicate(SPACE)
    assert harness.idle()


# --- what fails


def test_an_original_that_is_not_there_is_named_as_everybody_knows_it() -> None:
    harness = copying()
    missing(harness, harness.question("GET", RUNTIME))
    error = harness.refusal()
    assert type(error) is SpaceError
    assert error.message == f"Could not find Space: {SPACE}. If it is a private Space, please provide a `token`."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "Invalid credentials in Authorization header"}, AuthenticationError),
        (403, {"error": "not this one"}, AuthenticationError),
        (429, {}, RateLimitedError),
        (200, [], RemoteProtocolError),
        (200, {"name": 3}, RemoteProtocolError),
        (200, {"name": "../x"}, RemoteProtocolError),
    ],
)
def test_who_asks_must_be_known(status: int, body: object, kind: type[GradprotoError]) -> None:
    harness = copying()
    harness.answer(harness.question("GET", RUNTIME), body=runtime())
    harness.answer(harness.question("GET", "/api/whoami-v2"), status, body)
    assert type(harness.refusal()) is kind


@pytest.mark.parametrize("answer", [(500, {}), (200, [])])
def test_a_copy_that_cannot_be_looked_at_is_not_made(answer: tuple[int, Any]) -> None:
    harness = copying()
    harness.answer(harness.question("GET", RUNTIME), body=runtime())
    harness.answer(harness.question("GET", "/api/whoami-v2"), body={"name": "me"})
    harness.answer(harness.question("GET", COPY_RUNTIME), *answer)
    harness.refusal()
    assert not [request for request in harness.requests.values() if request.method == "POST"]


STEPS = [
    ("duplicate", "could not create me/app", None),
    ("secrets", "could not set the secret KEY", f"set it at {HUB}/spaces/{COPY}/settings"),
    ("variables", "could not set the variable MODEL", f"set it at {HUB}/spaces/{COPY}/settings"),
    ("hardware", "could not request the hardware t4-small", f"request it at {HUB}/spaces/{COPY}/settings"),
    (
        "sleeptime",
        "could not set the sleep time to 300 s",
        f"it may cost money until its sleep time is set, or it is paused, at {HUB}/spaces/{COPY}/settings",
    ),
]
DONE = (
    "created me/app, private",
    "set the secret KEY",
    "set the variable MODEL",
    "requested the hardware t4-small",
    "set the sleep time to 300 s",
)
DOING = (
    "create me/app",
    "set the secret KEY",
    "set the variable MODEL",
    "request the hardware t4-small",
    "set the sleep time to 300 s",
)
TO_SETTLE = "see to its hardware (t4-small) and its sleep time"


def broken(step: int, answer: Callable[[Copying, int], None]) -> DuplicationError:
    """Let everything go well up to one step."""
    harness = copying(secrets={"KEY": SECRET}, variables={"MODEL": "x"}).begin(runtime(current="t4-small"))
    for at, (route, _, _) in enumerate(STEPS):
        if at == 3:
            harness.answer(harness.question("GET", COPY_RUNTIME), body=runtime("BUILDING"))
        path = DUPLICATE if route == "duplicate" else f"/api/spaces/{COPY}/{route}"
        question = harness.question("POST", path)
        if at == step:
            answer(harness, question)
            break
        harness.answer(question, body=b"")
    error = harness.refusal()
    assert isinstance(error, DuplicationError)
    assert (error.space, error.done) == (COPY, DONE[:step])
    assert SECRET not in str(error)
    assert TOKEN not in str(error)
    return error


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_step_that_is_refused_says_what_was_done_and_what_was_not(step: int) -> None:
    error = broken(step, lambda harness, question: harness.answer(question, 403, {"error": f"no: {TOKEN}"}))
    _, text, hint = STEPS[step]
    assert error.message.startswith(f"{text} at {HUB}: the Hub refused it (403): 'no: ***'. Done: ")
    assert error.status == 403
    assert isinstance(error.__cause__, AuthenticationError)
    assert hint is None or hint in str(error)
    assert "the token has to be one that may do this" in str(error)
    expected = DOING[step:] if step >= 3 else (*DOING[step:3], TO_SETTLE)
    assert error.not_done == expected
    assert f"Done: {'; '.join(DONE[:step]) or 'nothing'}. Not done: {'; '.join(expected)}" in error.message


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_step_whose_answer_is_lost_may_have_been_done(step: int) -> None:
    error = broken(step, lambda harness, question: harness.fail(question, ReadError("the connection broke")))
    assert error.not_done[0] == f"{DOING[step]} (or perhaps it was: the answer is lost)"
    assert isinstance(error.__cause__, ReadError)


@pytest.mark.parametrize(("status", "body"), [(504, b"<html>"), (200, b"{half")])
def test_a_step_whose_answer_is_not_the_hubs_own_may_have_been_done(status: int, body: bytes) -> None:
    error = broken(3, lambda harness, question: harness.answer(question, status, body))
    assert error.not_done[0] == f"{DOING[3]} (or perhaps it was: the answer is lost)"


def test_a_page_in_the_place_of_an_answer_is_no_success() -> None:
    page = (200, b"<html>Welcome to our WLAN", [("content-type", "text/html")])
    error = broken(4, lambda harness, question: harness.answer(question, *page))
    assert isinstance(error.__cause__, RemoteProtocolError)


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_copy_that_is_given_up_says_what_was_done(step: int) -> None:
    error = broken(step, lambda harness, _: harness.hub.give_up(ConnectionLostError("it was interrupted")))
    assert error.message.startswith(f"{STEPS[step][1]}: it was interrupted. Done: ")
    assert error.not_done[0] == f"{DOING[step]} (or perhaps it was: the answer is lost)"


def test_a_copy_that_is_given_up_between_its_changes_says_what_was_done_too() -> None:
    harness = copying().begin(runtime(current="t4-small"))
    harness.create()
    harness.hub.give_up(ConnectionLostError("it was interrupted"))
    error = harness.refusal()
    assert isinstance(error, DuplicationError)
    assert error.message.startswith("could not see what me/app runs on: it was interrupted. Done: created me/app")


@pytest.mark.parametrize(
    "ask", [lambda hub: hub.find(SPACE), lambda hub: hub.wake(SPACE), lambda hub: hub.duplicate(SPACE)]
)
def test_what_changes_nothing_is_just_given_up(ask: Callable[[HubSession], None]) -> None:
    harness = HubHarness()
    ask(harness.hub)
    given = DeadlineExceeded("it took too long")
    harness.hub.give_up(given)
    assert harness.refusal() is given
    harness.hub.give_up(given)
    assert harness.events() == []
    harness.hub.find(SPACE)
    harness.hub.close()
    harness.hub.give_up(given)
    assert harness.events() == []


def test_a_step_that_could_not_be_sent_was_not_done() -> None:
    error = broken(1, lambda harness, question: harness.fail(question, ConnectError("refused")))
    assert error.not_done[0] == DOING[1]


def test_a_step_on_a_space_that_is_gone_says_that() -> None:
    error = broken(4, missing)
    assert error.message.startswith("could not set the sleep time to 300 s: the Hub does not find it. Done: ")


def test_a_copy_that_cannot_be_looked_at_after_it_was_made_is_told() -> None:
    harness = copying().begin(runtime(current="t4-small"))
    harness.create()
    harness.answer(harness.question("GET", COPY_RUNTIME), 500, b"")
    error = harness.refusal()
    assert isinstance(error, DuplicationError)
    assert error.message.startswith("could not see what me/app runs on: the question about the Space me/app at")
    assert (error.done, error.not_done) == (("created me/app, private",), (TO_SETTLE,))


@pytest.mark.parametrize("end", ["", "\n"])
def test_nothing_shows_a_secret(end: str) -> None:
    harness = copying(secrets={"KEY": SECRET + end}).begin()
    harness.create()
    harness.answer(harness.question("POST", f"/api/spaces/{COPY}/secrets"), 500, {"error": f"no: {SECRET}{end}"})
    error = harness.refusal()
    shown = [repr(thing) + str(thing) for thing in (*harness.seen, error, error.__cause__)]
    assert not [text for text in shown if SECRET in text or TOKEN in text]
