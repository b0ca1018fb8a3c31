"""Which way of speaking goes with which app."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto import UnsupportedServerError
from gradproto._dialects import DIALECTS, Dialect, choose_dialect, parse_version
from gradproto._record import replace
from tests.core.documents import make_config


def chosen(version: str, protocol: str = "sse_v3") -> Dialect:
    return choose_dialect(make_config([], [], version=version, protocol=protocol), "http://app.test")


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("6.31.0", (6, 31, 0)),
        ("5.0.0-beta.1\n", (5, 0, 0)),
        (" v4.44.1", (4, 44, 1)),
        ("4", (4,)),
        ("1.2.3.4.5", (1, 2, 3, 4)),
        ("4.x", (4,)),
        ("", ()),
        ("main", ()),
        (".5", ()),
        ("\u0664.2", ()),
        ("12345678901", (123456789,)),
    ],
)
def test_a_version_is_the_numbers_that_it_begins_with(version: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(version) == numbers


@given(st.text())
def test_any_text_may_be_a_version(version: str) -> None:
    assert all(number >= 0 for number in parse_version(version))


# From Gradio's history: /heartbeat 4.25, its flag 4.29, /cancel 4.31, error texts without quotes 5.2.
@pytest.mark.parametrize(
    ("version", "cancel_route", "completes_cancelled", "unflagged_heartbeat", "repr_quoted_errors"),
    [
        ("4.22.0", "/reset", False, False, True),
        ("4.24.0", "/reset", False, False, True),
        ("4.25.0", "/reset", False, True, True),
        ("4.28.3", "/reset", False, True, True),
        ("4.29.0", "/reset", False, False, True),
        ("4.30.1", "/reset", False, False, True),
        ("4.31.0", "/cancel", True, False, True),
        ("4.44.1", "/cancel", True, False, True),
        ("5.0.0-beta.1", "/cancel", True, False, True),
        ("5.1.0", "/cancel", True, False, True),
        ("5.2.0", "/cancel", True, False, False),
        ("5.50.0", "/cancel", True, False, False),
        ("6.31.0", "/cancel", True, False, False),
        ("7.0", "/cancel", True, False, False),
        ("my fork", "/cancel", True, False, False),
        ("", "/cancel", True, False, False),
    ],
)
def test_a_version_is_spoken_to_in_its_own_way(
    version: str, cancel_route: str, completes_cancelled: bool, unflagged_heartbeat: bool, repr_quoted_errors: bool
) -> None:
    dialect = chosen(version)
    assert dialect.cancel_route == cancel_route
    assert dialect.completes_cancelled is completes_cancelled
    assert dialect.unflagged_heartbeat is unflagged_heartbeat
    assert dialect.repr_quoted_errors is repr_quoted_errors


# Each version of the matrix, and those at which something changed that only Gradio's history shows.
@pytest.mark.parametrize(
    ("version", "protocol", "queue", "payload", "special"),
    [
        ("2.9.4", "", "polling", "inline", "plain_crashes not:pushes_state not:upload_route not:info_route"),
        ("3.0.24\n", "", "polling", "inline", "plain_crashes pushes_state not:repr_quoted_errors"),
        ("3.1.4", "", "polling", "inline", ""),
        ("3.1.5", "", "websocket", "inline", "hash_first repr_quoted_errors not:plain_crashes not:stops_when_left"),
        ("3.1.7", "", "websocket", "inline", "hash_first"),
        ("3.2", "", "websocket", "inline", "not:hash_first"),
        ("3.4.1", "", "websocket", "inline", "not:hash_first not:stops_when_left"),
        ("3.16.2\n", "", "websocket", "inline", "stops_when_left not:upload_route"),
        ("3.19.0", "", "websocket", "named", "upload_route not:info_route"),
        ("3.32.0\n", "", "websocket", "named", "info_route not:heartbeat_route"),
        ("3.50.2", "", "websocket", "named", "none_for_hidden batch_in_queue"),
        ("4.0.2", "sse", "own stream", "path", "not:beats not:batch_in_queue not:diffs not:cancels_queued"),
        ("4.8.0", "sse", "own stream", "path", "beats not:batch_in_queue none_for_hidden"),
        ("4.12.0", "sse_v1", "stream", "path", "not:batch_in_queue not:diffs not:announces_close none_for_hidden"),
        ("4.17.0", "sse_v2", "stream", "path", "diffs notices_leaving not:none_for_hidden"),
        ("4.19.2", "sse_v2", "stream", "path", "not:notices_leaving not:call_route"),
        ("4.20.0", "sse_v2", "stream", "path", "not:notices_leaving call_route not:batch_in_queue"),
        ("4.21.0", "sse_v2.1", "stream", "meta", "not:announces_close not:notices_leaving batch_in_queue"),
        ("4.22.0", "sse_v3", "stream", "meta", "announces_close not:heartbeat_route not:notices_leaving"),
        ("4.24.0", "sse_v3", "stream", "meta", "notices_leaving not:heartbeat_route"),
        ("4.44.1", "sse_v3", "stream", "meta", "heartbeat_route not:input_route not:cancels_queued"),
        ("5.0.2", "sse_v3", "stream", "meta", "input_route repr_quoted_errors not:cancels_queued"),
        ("6.13.0", "sse_v3", "stream", "meta", "not:cancels_queued"),
        ("6.14.0", "sse_v3", "stream", "meta", "cancels_queued"),
        ("6.31.0", "sse_v3", "stream", "meta", "cancels_queued"),
    ],
)
def test_each_generation_has_its_record(version: str, protocol: str, queue: str, payload: str, special: str) -> None:
    document = make_config([], [], version=version.strip(), protocol=protocol)
    if version.startswith("2"):
        document = replace(document, raw={"input_components": [], "output_components": []})
    dialect = choose_dialect(document, "http://app.test")
    assert (dialect.queue, dialect.payload) == (queue, payload)
    for word in special.split():
        name = word.removeprefix("not:")
        assert bool(getattr(dialect, name)) is (name == word), word


@pytest.mark.parametrize("protocol", ["ws2", "sse_v4", "sse_v0"])
def test_a_protocol_that_is_not_spoken_is_refused_with_those_that_are(protocol: str) -> None:
    with pytest.raises(UnsupportedServerError) as caught:
        chosen("7.12.0", protocol)
    assert str(caught.value) == (
        f"the app at http://app.test speaks protocol {protocol!r} (Gradio '7.12.0'), which is not supported; "
        "supported: v2, ws, sse, sse_v1, sse_v2, sse_v2.1, sse_v3"
    )


def test_an_app_that_names_no_protocol_and_an_impossible_version_is_refused() -> None:
    with pytest.raises(UnsupportedServerError) as caught:
        chosen("2.1", "")
    assert "names no protocol (Gradio '2.1')" in str(caught.value)


def test_no_more_than_a_line_of_a_servers_words_is_quoted() -> None:
    with pytest.raises(UnsupportedServerError) as caught:
        chosen("9" * 500, "x" * 500)
    assert len(str(caught.value)) < 300


def test_the_records_stand_newest_first_so_that_the_first_that_fits_is_the_right_one() -> None:
    for protocol in {dialect.protocol for dialect in DIALECTS}:
        sinces = [dialect.since for dialect in DIALECTS if dialect.protocol == protocol]
        assert sinces == sorted(sinces, reverse=True)
