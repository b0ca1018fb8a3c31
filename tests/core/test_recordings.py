"""Every recorded conversation, led again with a session and with the wire client, however its bytes are cut."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradproto import DownloadDataReceived, Event
from gradproto._dialects import DIALECTS
from tests.chunkings import chunkings, random_chunks
from tests.core.replay import Cut, Observed, agree, replay_session, replay_wire, whole
from tests.recordings import NOT_FOUND, ClientBytes, RecordedServer, Recording, recordings

Replay = Callable[[Recording, Cut], tuple[list[Observed], RecordedServer, list[Event]]]

ALL = recordings()
REPLAYS: dict[str, Replay] = {"session": replay_session, "wire": replay_wire}
# One of each generation, and small, for every two-way split.
SMALL = (
    "2.9.4-echo",
    "3.0.24-queued",
    "3.4.1-echo",
    "3.16.2-count",
    "4.0.2-fail",
    "4.12.0-echo",
    "4.21.0-count",
    "6.31.0-gen_fail",
)


def each_byte(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def in_two(part: int, parts: int) -> Cut:
    """Cut each piece in two, at this part of its length."""

    def cut(data: bytes) -> list[bytes]:
        middle = len(data) * part // parts
        return [chunk for chunk in (data[:middle], data[middle:]) if chunk]

    return cut


def one_cut(piece: bytes, chunks: list[bytes]) -> Cut:
    """Cut only this piece."""
    return lambda data: chunks if data == piece else [data]


def kinds(events: list[Event]) -> list[str]:
    """What kinds of events there were; a download's bytes come in as many as they are cut into."""
    return [type(event).__name__ for event in events if not isinstance(event, DownloadDataReceived)]


@pytest.mark.parametrize("replay", REPLAYS.values(), ids=REPLAYS)
@pytest.mark.parametrize("recording", ALL, ids=str)
def test_a_recorded_conversation_comes_out_as_it_did(recording: Recording, replay: Replay) -> None:
    observed, server, events = replay(recording, whole)
    assert agree(observed, recording), observed
    assert server.unexpected == []
    assert server.left == [], "something that the recorded client asked was not asked"
    assert not [answer for answer in server.open if answer.exchange is not None], "a stream is left open"
    assert replay(recording, each_byte)[0] == observed
    for part in range(1, 4):
        again, server, those = replay(recording, in_two(part, 4))
        assert again == observed
        assert kinds(those) == kinds(events)
        assert not server.left
        assert not server.unexpected


@pytest.mark.parametrize("replay", REPLAYS.values(), ids=REPLAYS)
@pytest.mark.parametrize("name", SMALL)
def test_a_conversation_is_the_same_however_its_answers_are_cut_in_two(name: str, replay: Replay) -> None:
    recording = next(one for one in ALL if one.id == name)
    observed = replay(recording, whole)[0]
    longest = max((data for exchange in recording.exchanges for _, data in exchange.pieces), key=len)
    cuts = 0
    for chunks in chunkings(longest):
        assert replay(recording, one_cut(longest, chunks))[0] == observed
        cuts += 1
    assert cuts > 20


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ALL), st.sampled_from(list(REPLAYS.values())), st.data())
def test_a_conversation_is_the_same_in_any_pieces(recording: Recording, replay: Replay, data: st.DataObject) -> None:
    observed, server, _ = replay(recording, lambda piece: data.draw(random_chunks(piece)))
    assert agree(observed, recording)
    assert not server.left
    assert not server.unexpected


# --- what we say ------------------------------------------------------------------------------------------------------


def said(message: str | bytes) -> dict[str, Any]:
    """The fields of a message or a request's body."""
    return json.loads(message) if message else {}


def check_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours.get("data") == theirs.get("data")
    assert ours.get("action") == theirs.get("action")
    # One of us may name it where nobody needs it: Gradio 2 has one function, and a reset goes by the event's id.
    if "fn_index" in ours and "fn_index" in theirs:
        assert ours["fn_index"] == theirs["fn_index"]


@pytest.mark.parametrize("recording", [one for one in ALL if not one.id.endswith("-file")], ids=str)
def test_we_say_what_the_recorded_client_said(recording: Recording) -> None:
    _, server, _ = replay_wire(recording)
    for asked, exchange in server.requests:
        theirs = exchange.asked
        if theirs.route == "/login":
            assert parse_qs(asked.body) == parse_qs(theirs.body)
        else:
            check_same(said(asked.body), said(theirs.body))
        query, recorded = parse_qs(urlsplit(asked.target).query), parse_qs(urlsplit(theirs.target).query)
        assert query.keys() == recorded.keys()
        assert query.get("fn_index") == recorded.get("fn_index")
        # Of two cookies for one login, one is for TLS only.
        assert bool(asked.cookies & theirs.cookies) == bool(theirs.cookies)
    for answer in server.answers:
        if answer.exchange is not None and answer.exchange.asked.is_websocket:
            assert len(answer.said) == len(answer.exchange.messages)
            for message, known in zip(answer.said, answer.exchange.messages, strict=True):
                check_same(said(message), said(known))
                assert ("fn_index" in said(message)) == ("fn_index" in said(known))


# --- which recordings there are ---------------------------------------------------------------------------------------


def test_every_protocol_has_recordings() -> None:
    protocols = {one.config.get("protocol") or ("ws" if "dependencies" in one.config else "v2") for one in ALL}
    assert protocols == {dialect.protocol for dialect in DIALECTS}


def test_every_generation_shows_what_it_has() -> None:
    names = {version: {one.path.stem for one in group} for version, group in itertools.groupby(ALL, _version)}
    assert all({"echo", "file", "state"} <= shown for shown in names.values())
    with_queue = {version: shown for version, shown in names.items() if version not in ("2.9.4", "3.0.24")}
    assert all({"count", "fail", "queue_full"} <= shown for shown in with_queue.values() if "multi_gen" not in shown)


def _version(recording: Recording) -> str:
    return recording.expected.gradio


def test_messages_of_clients_are_read_from_their_frames() -> None:
    exchange = next(one for one in ALL if one.id == "3.50.2-echo").exchanges[0]
    assert [set(json.loads(text)) for text in exchange.messages] == [
        {"fn_index", "session_hash"},
        {"data", "event_data", "fn_index", "session_hash"},
    ]
    assert ClientBytes().feed(b"") == []


# --- whether a difference would be seen -------------------------------------------------------------------------------


def test_what_comes_out_differently_is_noticed() -> None:
    recording = next(one for one in ALL if one.id == "6.31.0-gen_fail")
    [observed] = replay_session(recording)[0]
    assert agree([observed], recording)
    error = observed["error"]
    changes: list[dict[str, Any]] = [
        {"outcome": "completed"},
        {"outputs": observed["outputs"][:-1]},
        {"logs": [["info", "x"]]},
        {"progress": []},
        {"error": None},
        {"error": {**error, "type": "JobError"}},
        {"error": {**error, "message": "another"}},
    ]
    for wrong in changes:
        assert not agree([{**observed, **wrong}], recording), wrong
    assert not agree([], recording)
    assert not agree([observed, observed], recording)


def test_a_server_says_nothing_before_it_heard_what_it_had_heard() -> None:
    recording = next(one for one in ALL if one.id == "6.31.0-cancel")
    server = RecordedServer(recording)
    join, stream, cancel = (exchange.asked for exchange in recording.exchanges)
    answers = [server.request(join), server.request(stream)]
    early = b"".join(piece for answer in answers for piece in answer.take())
    assert b"step 1" in early
    assert b"process_completed" not in early
    assert server.request(cancel).take()
    assert b"process_completed" in b"".join(answers[1].take())
    assert server.left == []
    assert server.request(cancel).take() == [NOT_FOUND]
    assert server.unexpected == ["POST /gradio_api/cancel"]
