"""The official clients in the scenarios for clients: what each does not do is known, with the reason."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from gradproto._record import record
from gradproto_conformance.client import client_checks
from tests.clients.environments import EnvironmentFailed, command_for
from tests.clients.pairs import Pair
from tests.conformance.test_clients import HERE, bad, judge

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and processes as POSIX has them")

# A Python client takes a second for each scenario: what it fails, and what one would least like it to fail.
SOME = (
    *("client-result", "client-outputs", "client-joins-once", "client-error-text", "client-full-queue"),
    *("client-generator-result", "client-value-for-state", "client-uploads-first", "client-cookies"),
    *("client-token-*", "client-cancel-*", "client-truncated-stream", "client-refused-stream"),
)


@record(frozen=True, slots=True, kw_only=True)
class Official:
    """A client, the Gradio that it meets, and why it fails what it fails; it waits for ever in ``hangs``."""

    pair: Pair
    select: tuple[str, ...]
    fails: Mapping[str, str]
    hangs: Mapping[str, str]


BY_WORDS = "it looks the kind of a message up in an enumeration of those that it knows"
BY_LINES = "it refuses lines that begin with anything but data:, and httpx knows no byte order mark"

CLIENTS = (
    Official(
        pair=Pair(language="python", client="2.7.2", gradio="6.31.0"),
        select=SOME,
        fails={
            "client-unknown-messages": BY_WORDS,
            "client-stream-bom": BY_LINES,
            "client-stream-comments": BY_LINES,
            "client-stream-crlf": "it takes the empty line for one of those",
        },
        hangs={
            "client-unexpected-error": "a message without an event's id is told to nobody",
            "client-unexpected-error-text": "a message without an event's id is told to nobody",
        },
    ),
    Official(
        pair=Pair(language="python", client="0.8.0", gradio="4.12.0"),
        select=SOME,
        fails={
            "client-unknown-messages": BY_WORDS,
            "client-foreign-events": "it has no place for messages of an event that it does not know",
            "client-unexpected-error-text": "what breaks its stream cancels the call",
            "client-stream-bom": BY_LINES,
            "client-stream-comments": BY_LINES,
        },
        hangs={},
    ),
    Official(
        pair=Pair(language="javascript", client="1.19.1", gradio="5.50.0"),
        select=("*",),
        fails={
            "client-large-integers": "a number of JavaScript has 53 bits",
        },
        hangs={
            "client-unknown-messages": "a message of an unknown kind ends its stream",
            "client-truncated-stream": "a stream that ends is told to nobody",
            "client-page-for-stream": "a stream that ends is told to nobody",
        },
    ),
)


def command_of(official: Official) -> tuple[str, ...]:
    words = ("{url}", "{api_name}", "{inputs}")
    if official.pair.client == "2.7.2":
        return (sys.executable, str(HERE / "official.py"), *words)
    try:
        (program, _), place = command_for(official.pair)
    except EnvironmentFailed as error:
        pytest.skip(str(error))
    if official.pair.language == "python":
        return (program, str(HERE / "official.py"), *words)
    return (program, str(HERE / "official.mjs"), *words, str(place))


@pytest.mark.parametrize("official", CLIENTS, ids=lambda official: str(official.pair))
def test_an_official_client_fails_what_it_is_known_to_fail_and_nothing_else(official: Official) -> None:
    command, gradio = command_of(official), [official.pair.gradio]
    names = [name for name in client_checks() if name not in official.hangs]
    wanted = names if official.select == ("*",) else [*official.select, *official.fails]
    told = bad(judge(command, *wanted, gradio=gradio, timeout=120.0).values())
    assert told.keys() == official.fails.keys(), told
    if official.hangs:
        assert bad(judge(command, *official.hangs, gradio=gradio, timeout=4.0).values()).keys() == official.hangs.keys()
