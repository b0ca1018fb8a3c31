"""What ZeroGPU says when it ends an app's function, as errors.

A Space with ZeroGPU borrows a GPU for each call, through the package ``spaces``, which raises ``gr.Error`` where there
is none to be had. So it reaches the client as the failure of the app's function, and only its text tells it from what
the app itself raises.

Source: ``zero/client.py`` and ``zero/wrappers.py`` of ``spaces`` 0.19 to 0.51, ``gpu/`` before; read in 0.6.1, 0.12.0,
0.19.4, 0.24.2, 0.27.1, 0.29.6, 0.30.4, 0.32.0, 0.36.0, 0.42.1, 0.43.0, 0.45.0, 0.48.3 and 0.51.3.
"""

from __future__ import annotations

import re

from ._errors import AppError, NoGPUAvailableError, QuotaExceededError, ZeroGPUError
from ._record import record

__all__ = ["KNOWN_TEXTS", "KnownText", "read_failure"]


@record(frozen=True, slots=True, kw_only=True)
class KnownText:
    """A text of ZeroGPU's, and what it stands for.

    ``pattern`` matches from the text's beginning, over the whole of what is always the same; where a page would show a
    link after it, that may be anything. ``title`` is that of the message, where the text alone could be anybody's.
    ``versions`` are the first and the last in which it was read.
    """

    pattern: str
    kind: type[ZeroGPUError]
    hint: str
    versions: str
    title: str | None = None


_WAIT = "wait, or duplicate the Space and give it hardware of its own"
# The Hub's proxy makes that header, of the caller's token or address; ``spaces`` reads nothing else.
_SAY_WHO = (
    "wait, or pass a token so that the call counts for your own quota; an app that calls for a visitor passes the "
    "header x-ip-token of the visitor's request on; or duplicate the Space and give it hardware of its own"
)
_RETRY = "try again later; calls with a token come before those without"
_ABORTED = "the function may have taken longer than the time on the GPU that the Space asked for"
_LOGS = "the Space's logs say more"

_SECONDS = r"[0-9]{1,10}(?:\.[0-9]{1,10})?"
_REQUESTED, _LEFT = rf"(?P<requested>{_SECONDS})s", rf"(?P<left>-?{_SECONDS})s"
# How Python writes a timedelta.
_WAITS = (
    r"(?:Try again|retry) in (?:([0-9]{1,6}) days?, )?([0-9]{1,2}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{6})?)(?![0-9:])"
)
# How far after the sentence that may stand: before 0.30 behind a link.
_TAIL = 400
_EXAMPLES = "Try re-running outside of examples if it happened after clicking one"
# A link, as HTML, as Markdown or as its text alone, and what it is good for.
_SIGN_UP = r"(?:<a [^<>]{0,300}>|\[)?(?:Create a free account|Subscribe to Pro)(?:</a>|\]\([^()]{0,200}\))? to get "
# What callers of the API are told besides.
_REMEDY = (
    r"(?:Authenticate with a Hugging Face token|Subscribe to Hugging Face PRO|Add credits to keep using ZeroGPU)\b"
)

KNOWN_TEXTS = (
    KnownText(
        pattern=rf"You have exceeded your (?:Zero)?GPU quota \({_REQUESTED} requested vs\. {_LEFT} left\)\.",
        kind=QuotaExceededError,
        hint=_SAY_WHO,
        versions="0.30.4 to 0.51.3",
    ),
    # With an account it says whose quota it is: the token was known.
    KnownText(
        pattern=(
            rf"You have exceeded your (?:free|Pro) (?:Zero)?GPU quota "
            rf"\({_REQUESTED} requested vs\. {_LEFT} left\)\."
        ),
        kind=QuotaExceededError,
        hint=_WAIT,
        versions="0.30.4 to 0.51.3",
    ),
    KnownText(
        pattern=rf"You have exceeded your GPU quota \({_LEFT} left vs\. {_REQUESTED} requested\)\.",
        kind=QuotaExceededError,
        hint=_SAY_WHO,
        versions="0.24.2 to 0.29.6",
    ),
    KnownText(
        pattern=r"You have exceeded your GPU quota\Z",
        kind=QuotaExceededError,
        hint=_SAY_WHO,
        versions="0.19.4",
    ),
    KnownText(
        pattern=rf"You have exceeded your ZeroGPU runs limit\.(?: ?\Z| {_REMEDY})",
        kind=QuotaExceededError,
        hint=_SAY_WHO,
        versions="0.51.3",
    ),
    KnownText(
        pattern=r"You have exceeded your runs limit\.\Z",
        kind=QuotaExceededError,
        hint=_SAY_WHO,
        versions="0.36.0 to 0.48.3",
        title="ZeroGPU quota exceeded",
    ),
    KnownText(
        pattern=rf"Space app has reached its GPU limit\. {_EXAMPLES}\Z",
        kind=QuotaExceededError,
        hint=_SAY_WHO,
        versions="0.36.0 to 0.51.3",
    ),
    KnownText(
        pattern=(
            r"Unlogged user is runnn?ing out of daily ZeroGPU quotas\. Signup for free on https://huggingface\.co/join "
        ),
        kind=QuotaExceededError,
        hint=_SAY_WHO,
        versions="0.42.1 to 0.48.3",
    ),
    KnownText(
        pattern=r"User is runnn?ing out of daily ZeroGPU quotas\. Visit https://huggingface\.co/subscribe/pro ",
        kind=QuotaExceededError,
        hint=_WAIT,
        versions="0.42.1 to 0.48.3",
    ),
    KnownText(
        pattern=(
            r"You have too many ZeroGPU credits allocated to running tasks\. "
            r"Try again once some of those tasks have completed\.\Z"
        ),
        kind=QuotaExceededError,
        hint="wait until other calls of yours have ended",
        versions="0.51.3",
    ),
    # That it is followed by the remedy without a space is so.
    KnownText(
        pattern=rf"The requested GPU duration \({_SECONDS}s\) is larger than the maximum allowed(?:\Z|[. ]*{_REMEDY})",
        kind=ZeroGPUError,
        hint="pass the token of an account that may use so much at once, or duplicate the Space and change that",
        versions="0.24.2 to 0.51.3",
    ),
    KnownText(
        pattern=rf"No GPU was available(?: after {_SECONDS}s)?(?:\Z|\. {_EXAMPLES}\Z|\.? Retry later\Z|\.? {_SIGN_UP})",
        kind=NoGPUAvailableError,
        hint=_RETRY,
        versions="0.30.4 to 0.51.3",
    ),
    KnownText(
        pattern=rf"No GPU is currently available(?: for you after {_SECONDS}s)?\Z",
        kind=NoGPUAvailableError,
        hint=_RETRY,
        versions="0.6.1 to 0.29.6",
    ),
    KnownText(
        pattern=r"GPU task aborted\Z",
        kind=ZeroGPUError,
        hint=_ABORTED,
        versions="0.6.1 to 0.51.3",
    ),
    # The name of what the app's function raised.
    KnownText(
        pattern=r"[^\W\d]\w{0,200}\Z",
        kind=ZeroGPUError,
        hint=_LOGS,
        versions="0.32.0 to 0.51.3",
        title="ZeroGPU worker error",
    ),
    KnownText(
        pattern=r"Expired ZeroGPU proxy token\Z",
        kind=ZeroGPUError,
        hint="an x-ip-token that is passed on must be that of the visitor's present request",
        versions="0.32.0 to 0.51.3",
    ),
    KnownText(
        pattern=r"Internal Gradio error\Z",
        kind=ZeroGPUError,
        hint=_LOGS,
        versions="0.32.0 to 0.51.3",
        title="ZeroGPU client error",
    ),
    # Apps that show their errors show those of what lends the GPUs, too.
    KnownText(
        pattern=r"ZeroGPU API /(?:schedule|release) error: ",
        kind=ZeroGPUError,
        hint=_LOGS,
        versions="0.6.1 to 0.51.3",
    ),
)


def read_failure(message: str, *, title: str | None, duration: float | None, visible: bool) -> AppError:
    """Return the error for what an app's function failed with: of ZeroGPU's kinds where the text is one of its own."""
    for known in KNOWN_TEXTS:
        if known.title is not None and known.title != title:
            continue
        found = re.match(known.pattern, message)
        if found is None:
            continue
        if known.kind is not QuotaExceededError:
            return known.kind(message, title=title, duration=duration, visible=visible, hint=known.hint)
        numbers = found.groupdict()
        return QuotaExceededError(
            message,
            title=title,
            duration=duration,
            visible=visible,
            requested=_number(numbers.get("requested")),
            left=_number(numbers.get("left")),
            retry_after=_wait(message[found.end() : found.end() + _TAIL]),
            hint=known.hint,
        )
    return AppError(message, title=title, duration=duration, visible=visible)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _wait(text: str) -> float | None:
    """Return the seconds until the quota is there again, if the text says so."""
    found = re.search(_WAITS, text)
    if found is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    # No wait is how it is told that the number of runs is used up; before 0.51 that was written as a wait.
    return days * 86400 + hours * 3600 + minutes * 60 + seconds or None
