"""What ZeroGPU says, in the words of each release of ``spaces`` that was read, and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproto import (
    AppError,
    Job,
    JobCompleted,
    JobRetried,
    JSONValue,
    NoGPUAvailableError,
    QuotaExceededError,
    Retry,
    ZeroGPUError,
)
from gradproto._own_streams import CallChannel
from gradproto._polling import PollingChannel
from gradproto._zero_gpu import KNOWN_TEXTS, read_failure
from tests.core.driving import ERAS, Harness, era

STYLE = "white-space: nowrap;text-underline-offset: 2px;color: var(--body-text-color)"
JOIN_URL = "https://huggingface.co/join"
PRO_URL = "https://huggingface.co/settings/billing/subscription"
EXAMPLES = "Try re-running outside of examples if it happened after clicking one"


def read(message: str, title: str | None = "Error") -> AppError:
    return read_failure(message, title=title, duration=10.0, visible=True)


def actions(desc: str, ending: str) -> list[str]:
    """What ``_toast_action`` of 0.30 and later puts behind a sentence, as HTML, as text and as Markdown."""
    more = f"to get {desc} {ending}."
    return [
        f'<a style="{STYLE}" href="{JOIN_URL}">Create a free account</a> {more}',
        f'<a style="{STYLE}" href="{PRO_URL}">Subscribe to Pro</a> {more}',
        f"Subscribe to Pro {more}",
        f"[Create a free account]({JOIN_URL}) {more}",
    ]


# --- quotas

# The version, the text, the seconds requested and left, and those until there is more.
Quota = tuple[str, str, float | None, float | None, float | None]
NEW = "(60s requested vs. 12s left)."
OLD = "(12s left vs. 60s requested)."
QUOTAS: list[Quota] = [
    ("0.19.4", "You have exceeded your GPU quota", None, None, None),
    ("0.24.2", f"You have exceeded your GPU quota {OLD} Please retry in 0:10:00", 60, 12, 600),
    (
        "0.27.1",
        f"You have exceeded your GPU quota {OLD} Sign-up on Hugging Face to get more quotas or retry in 1:02:03",
        60,
        12,
        3723,
    ),
    (
        "0.29.6",
        f'You have exceeded your GPU quota {OLD} <a href="https://huggingface.co/subscribe/pro">Subscribe to Pro</a> '
        "to get more quotas or retry in 23:59:59",
        60,
        12,
        86399,
    ),
    *(
        ("0.30.4", f"You have exceeded your {gpu} quota {NEW} {action}", 60.0, 12.0, None)
        for gpu in ("GPU", "free GPU")
        for action in actions("more", "usage quota")
    ),
    ("0.30.4", f"You have exceeded your Pro GPU quota {NEW} Try again in 0:10:00", 60, 12, 600),
    *(
        ("0.32.0", f"You have exceeded your free GPU quota {NEW} {action}", 60.0, 12.0, None)
        for action in actions("5x more", "daily usage quota")
    ),
    *(
        (version, f"You have exceeded your {gpu} quota {NEW} Try again in {wait}", 60.0, 12.0, seconds)
        for version in ("0.36.0", "0.42.1", "0.43.0", "0.45.0", "0.48.3")
        for gpu in ("GPU", "free GPU", "Pro GPU")
        for wait, seconds in (("0:10:00", 600.0), ("0:00:00", None), ("0:00:07.250000", 7.25))
    ),
    ("0.36.0", f"Space app has reached its GPU limit. {EXAMPLES}", None, None, None),
    (
        "0.45.0",
        "Unlogged user is runnning out of daily ZeroGPU quotas. Signup for free on https://huggingface.co/join or "
        "login on https://huggingface.co/login to get more ZeroGPU quota now.",
        None,
        None,
        None,
    ),
    (
        "0.45.0",
        "User is runnning out of daily ZeroGPU quotas. Visit https://huggingface.co/subscribe/pro to get more ZeroGPU "
        "quota now.",
        None,
        None,
        None,
    ),
    ("0.51.3", f"You have exceeded your ZeroGPU quota {NEW} Try again in 1 day, 2:03:04. ", 60, 12, 93784),
    ("0.51.3", f"You have exceeded your ZeroGPU quota {NEW} Try again in 12 days, 0:00:00. ", 60, 12, 1036800),
    (
        "0.51.3",
        f"You have exceeded your ZeroGPU quota {NEW} Try again in 0:10:00. Authenticate with a Hugging Face token for "
        "more quota - https://huggingface.co/settings/tokens",
        60,
        12,
        600,
    ),
    (
        "0.51.3",
        "You have exceeded your free ZeroGPU quota (90s requested vs. -3s left). Try again in 0:10:00. Subscribe to "
        "Hugging Face PRO to get 40 min of ZeroGPU quota a day - https://huggingface.co/subscribe/pro?from=ZeroGPU",
        90,
        -3,
        600,
    ),
    (
        "0.51.3",
        f"You have exceeded your Pro ZeroGPU quota {NEW} Try again in 0:10:00. Add credits to keep using ZeroGPU. $1 "
        "for 10 minutes of ZeroGPU inference - https://huggingface.co/settings/billing?add-credits=true",
        60,
        12,
        600,
    ),
    ("0.51.3", "You have exceeded your ZeroGPU runs limit. ", None, None, None),
    (
        "0.51.3",
        "You have exceeded your ZeroGPU runs limit. Authenticate with a Hugging Face token for more quota - "
        "https://huggingface.co/settings/tokens",
        None,
        None,
        None,
    ),
    ("0.51.3", f"Space app has reached its GPU limit. {EXAMPLES}", None, None, None),
    (
        "0.51.3",
        "You have too many ZeroGPU credits allocated to running tasks. Try again once some of those tasks have "
        "completed.",
        None,
        None,
        None,
    ),
]


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota[0])
@pytest.mark.parametrize("title", ["ZeroGPU quota exceeded", "Error", None])
def test_a_quota_that_is_used_up_says_how_much_and_until_when(quota: Quota, title: str | None) -> None:
    _, message, requested, left, wait = quota
    error = read(message, title)
    assert type(error) is QuotaExceededError
    assert (error.requested, error.left, error.retry_after) == (requested, left, wait)
    assert (error.message, error.title, error.duration, error.visible) == (message, title, 10.0, True)
    assert error.hint is not None
    assert str(error) == f"{message} ({error.hint})"


@pytest.mark.parametrize(("account", "wants_token"), [("", True), ("free ", False), ("Pro ", False)])
def test_who_is_known_is_not_told_to_say_who_it_is(account: str, wants_token: bool) -> None:
    hint = read(f"You have exceeded your {account}GPU quota {NEW} Try again in 0:10:00").hint or ""
    assert ("pass a token" in hint, "x-ip-token" in hint) == (wants_token, wants_token)
    assert "duplicate the Space" in hint


# --- everything else that it says

NO_GPU = [
    ("0.6.1", "No GPU is currently available"),
    ("0.24.2", "No GPU is currently available for you after 60s"),
    ("0.30.4", "No GPU was available"),
    ("0.30.4", "No GPU was available after 60s. Retry later"),
    ("0.30.4", "No GPU was available after 60s Retry later"),
    ("0.36.0", f"No GPU was available after 60s. {EXAMPLES}"),
    *(
        ("0.51.3", f"No GPU was available after 60s. {one}")
        for one in actions("a higher", "priority in ZeroGPU queues")
    ),
    *(
        ("0.51.3", f"No GPU was available after 60s {one}")
        for one in actions("the highest", "priority in ZeroGPU queues")
    ),
]


@pytest.mark.parametrize(("version", "message"), NO_GPU)
def test_that_there_was_no_gpu_is_no_matter_of_quotas(version: str, message: str) -> None:
    # Its title says something else where the app was not told who calls.
    error = read(message, "ZeroGPU quota exceeded" if version == "0.36.0" else "ZeroGPU queue timeout")
    assert type(error) is NoGPUAvailableError
    assert error.message == message
    assert error.hint == "try again later; calls with a token come before those without"


OTHERS = [
    ("0.6.1", "Error", "GPU task aborted"),
    ("0.51.3", "ZeroGPU worker error", "GPU task aborted"),
    ("0.32.0", "ZeroGPU worker error", "OutOfMemoryError"),
    ("0.24.2", "Error", "The requested GPU duration (300s) is larger than the maximum allowed"),
    (
        "0.51.3",
        "ZeroGPU illegal duration",
        "The requested GPU duration (300s) is larger than the maximum allowedSubscribe to Hugging Face PRO to allow "
        "GPU tasks up to 40 min - https://huggingface.co/subscribe/pro?from=ZeroGPU",
    ),
    ("0.32.0", "ZeroGPU client error", "Expired ZeroGPU proxy token"),
    ("0.51.3", "ZeroGPU client error", "Internal Gradio error"),
    ("0.6.1", "Error", "ZeroGPU API /schedule error: no such task"),
    ("0.51.3", "Error", "ZeroGPU API /schedule error: 500 (Internal Server Error)"),
    ("0.51.3", "Error", "ZeroGPU API /release error: 500 (Internal Server Error)"),
]


@pytest.mark.parametrize(("version", "title", "message"), OTHERS)
def test_what_else_it_says_is_its_error_with_a_hint(version: str, title: str, message: str) -> None:
    error = read(message, title)
    assert type(error) is ZeroGPUError, version
    assert (error.message, error.title, error.retry_after) == (message, title, None)
    assert error.hint


def test_the_number_of_runs_of_before_0_51_is_known_by_its_title() -> None:
    message = "You have exceeded your runs limit."
    assert type(read(message, "ZeroGPU quota exceeded")) is QuotaExceededError
    assert type(read(message)) is AppError


def test_every_text_of_the_table_was_read_here() -> None:
    read_here = [*(text for _, text, *_ in QUOTAS), *(text for _, text in NO_GPU), *(text for *_, text in OTHERS)]
    titles = {known.title for known in KNOWN_TEXTS}
    told = {read(text, title).hint for text in read_here for title in titles}
    assert told >= {known.hint for known in KNOWN_TEXTS}


# --- what is not of its


@pytest.mark.parametrize(
    "message",
    [
        "",
        "You have exceeded your quota",
        "You have exceeded your GPU quota of this demo, please come back tomorrow.",
        "You have exceeded your GPU quota (some requested vs. none left).",
        "Sorry: You have exceeded your GPU quota (60s requested vs. 12s left). Try again in 0:10:00",
        "You have exceeded your ZeroGPU runs limit. Write to me for more.",
        "you have exceeded your gpu quota",
        "No GPU was available for your booking",
        "No GPU was available after 60s. Sorry!",
        "No GPU is currently available in this region",
        "GPU task aborted by the user",
        "The requested GPU duration (300s) is larger than the maximum allowed by this app",
        "The GPU quota is used up. Try again in 0:10:00",
        "User is running out of daily ZeroGPU quotas, says the log",
        "Internal Gradio error",
        "Internal infra error",
        "OutOfMemoryError",
        "ZeroGPU API is down",
        "429 Too Many Requests",
    ],
)
def test_what_an_app_says_of_quotas_is_its_own(message: str) -> None:
    for title in ("Error", None, "My app"):
        error = read(message, title)
        assert type(error) is AppError
        assert (error.message, error.title, error.hint) == (message, title, None)


@pytest.mark.parametrize("title", [known.title for known in KNOWN_TEXTS if known.title])
def test_a_title_alone_says_nothing(title: str) -> None:
    assert type(read("Something that no release says.", title)) is AppError


PIECES = st.sampled_from(
    [
        *(text for _, text, *_ in QUOTAS),
        *(text for _, text in NO_GPU),
        *(text for *_, text in OTHERS),
        "You have exceeded your ",
        "GPU quota (",
        "Try again in ",
        "9" * 5000,
        ":",
        "<a ",
        "\n",
        "\ud800",
        "٣",
    ]
)


@given(
    message=st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text()), max_size=8).map("".join)),
    title=st.one_of(st.none(), st.text(), st.sampled_from([known.title for known in KNOWN_TEXTS])),
)
@example(message="x" * 100_000, title="ZeroGPU worker error")
@example(message=f"You have exceeded your GPU quota {NEW}" + " Try again in 1" * 100_000, title=None)
@example(message=f"You have exceeded your GPU quota ({'9' * 100_000}s requested vs. 1s left).", title=None)
@example(message="No GPU was available after 60s. <a " + "<a " * 100_000, title=None)
@example(message=f"You have exceeded your GPU quota {NEW} Try again in 999999 days, 99:59:59. ", title=None)
@example(message=f"You have exceeded your GPU quota {NEW} Try again in 1:99:99", title=None)
def test_any_text_is_an_error_that_keeps_it(message: str, title: str | None) -> None:
    error = read_failure(message, title=title, duration=None, visible=False)
    assert (error.message, error.title, error.duration, error.visible) == (message, title, None, False)
    assert error.retry_after is None or 0 < error.retry_after < 1e11


def test_a_wait_is_looked_for_where_it_is_said_and_no_further() -> None:
    far = f"You have exceeded your GPU quota {NEW}" + " " * 1000 + "Try again in 0:10:00"
    assert read(far).retry_after is None


# --- in each way in which a failure comes

TEXT = f"You have exceeded your free GPU quota {NEW} Try again in 0:00:20"
WAYS = [*[(version, "queue") for version in ERAS], ("6.31.0", "call"), ("2.9.4", "direct"), ("6.31.0", "direct")]


def fail(harness: Harness, job: Job, message: str) -> None:
    """Let a job fail with what the app's function raised, in the way in which it came to the server."""
    output: JSONValue = {"error": message, "title": "ZeroGPU quota exceeded"}
    if job.channel is None:
        assert job.exchange is not None
        harness.commands()
        harness.answer(job.exchange.exchange, 500, output)
        return
    harness.accept(job)
    harness.begin(job)
    if isinstance(job.channel, PollingChannel):
        harness.tell_status(job, "FAILED", output)
    elif isinstance(job.channel, CallChannel):
        harness.call_event(job, "error", output)
    else:
        harness.say(job, "process_completed", success=False, output=output)


def begun(version: str, way: Any, retry: Retry | None = None) -> tuple[Harness, Job]:
    options: dict[str, Any] = {} if way == "queue" else {"route": way}
    harness = Harness(retry=retry, **options).connect(era(version, state=False))
    job = harness.submit("/predict" if version < "3" else "/count", 3)
    harness.commands()
    return harness, job


@pytest.mark.parametrize(("version", "way"), WAYS)
def test_it_is_known_in_every_way_in_which_a_failure_comes(version: str, way: str) -> None:
    harness, job = begun(version, way)
    fail(harness, job, TEXT)
    error = harness.error(job)
    assert type(error) is QuotaExceededError
    assert (error.message, error.title) == (TEXT, "ZeroGPU quota exceeded")
    assert (error.requested, error.left, error.retry_after) == (60, 12, 20)
    assert error.__traceback__ is None


# What is raised in the function says nothing about what it had done before.
SAFE = Retry(times=1, first_delay=1)
ANY = Retry(times=1, first_delay=1, idempotent=True)


@pytest.mark.parametrize("message", [TEXT, "No GPU was available", "GPU task aborted"])
@pytest.mark.parametrize(("version", "way"), WAYS)
def test_a_function_that_may_have_run_is_not_called_again_unasked(version: str, way: str, message: str) -> None:
    harness, job = begun(version, way, SAFE)
    fail(harness, job, message)
    error = harness.error(job)
    assert isinstance(error, ZeroGPUError)
    assert "tries" not in (error.hint or "")
    assert not any(isinstance(event, JobRetried) for event in harness.history)


@pytest.mark.parametrize(("version", "way"), WAYS)
def test_where_that_does_no_harm_the_next_gpu_is_tried_for(version: str, way: str) -> None:
    harness, job = begun(version, way, ANY)
    fail(harness, job, "No GPU was available after 60s. Retry later")
    retried = harness.one(JobRetried)
    assert isinstance(retried.error, NoGPUAvailableError)
    assert 0.5 <= retried.delay <= 1
    assert harness.due() == retried.delay
    harness.tick(retried.delay)
    harness.commands()
    if job.channel is None:
        assert job.exchange is not None
        harness.answer(job.exchange.exchange, body={"data": ["x"]})
    else:
        harness.accept(job)
        harness.begin(job)
        harness.conclude(job, "x")
    assert isinstance(harness.end(job), JobCompleted)
    assert job.outputs == ("x",)


def test_the_quota_is_waited_for_as_long_as_the_caller_allows() -> None:
    harness, job = begun("6.31.0", "queue", ANY)
    fail(harness, job, TEXT)
    retried = harness.one(JobRetried)
    assert retried.delay == 20
    harness.tick()
    harness.tick(20)
    fail(harness, job, TEXT)
    assert (harness.error(job).hint or "").endswith("; given up after 2 tries")


@pytest.mark.parametrize(
    ("message", "ending"),
    [
        (TEXT.replace("0:00:20", "0:10:00"), "; that is longer than the longest delay of the retries, 30 s"),
        (TEXT.replace(" Try again in 0:00:20", " Subscribe to Pro to get 5x more usage quota."), "of its own"),
        ("GPU task aborted", "asked for"),
        ("The requested GPU duration (300s) is larger than the maximum allowed", "change that"),
        ("Some failure of the app's own", ""),
    ],
)
def test_what_does_not_pass_in_time_is_told_at_once(message: str, ending: str) -> None:
    harness, job = begun("6.31.0", "queue", ANY)
    fail(harness, job, message)
    assert (harness.error(job).hint or "").endswith(ending)
    assert not any(isinstance(event, JobRetried) for event in harness.history)


def test_a_job_that_gave_outputs_does_not_give_them_twice() -> None:
    harness, job = begun("6.31.0", "queue", ANY)
    harness.accept(job)
    harness.begin(job)
    harness.say(job, "process_generating", success=True, output={"data": ["x"]})
    harness.say(job, "process_completed", success=False, output={"error": "No GPU was available"})
    assert type(harness.error(job)) is NoGPUAvailableError
    assert not any(isinstance(event, JobRetried) for event in harness.history)
