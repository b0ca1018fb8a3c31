from __future__ import annotations

import dataclasses
from base64 import b64decode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproto._errors import RemoteProtocolError
from gradproto._sse import EventStreamParser, ServerSentEvent
from tests.chunkings import chunkings, random_chunks
from tests.core.vectors import Case, each


def drain(parser: EventStreamParser) -> list[ServerSentEvent | str]:
    """All events there are; an error stands in the list as its text."""
    found: list[ServerSentEvent | str] = []
    while True:
        try:
            event = parser.next_event()
        except RemoteProtocolError as error:
            found.append(str(error))
            continue
        if event is None:
            return found
        found.append(event)


def parse(chunks: list[bytes], max_event_size: int = 1000) -> tuple[list[ServerSentEvent | str], bool, int | None]:
    parser = EventStreamParser(max_event_size)
    found: list[ServerSentEvent | str] = []
    for chunk in chunks:
        parser.add_data(chunk)
        found += drain(parser)
    return found, parser.has_partial_event, parser.retry


def reference(stream: bytes) -> list[ServerSentEvent]:
    """The standard's own steps, one after the other, over the whole text at once."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]
    events: list[ServerSentEvent] = []
    data, kind, last_id = "", "", ""
    for line in lines:
        if line == "":
            if data != "":
                events.append(ServerSentEvent(kind or "message", data[:-1], last_id))
            data, kind = "", ""
        elif line.startswith(":"):
            continue
        else:
            field, colon, value = line.partition(":")
            if colon and value.startswith(" "):
                value = value[1:]
            if field == "data":
                data += value + "\n"
            elif field == "event":
                kind = value
            elif field == "id" and "\0" not in value:
                last_id = value
    return events


def message(data: str) -> ServerSentEvent:
    return ServerSentEvent("message", data, "")


def bytes_of(case: Case) -> bytes:
    """The stream of a vector, which is text or base64."""
    return b64decode(case["base64"]) if "base64" in case else case["text"].encode()


@each("event_streams")
def test_a_stream_gives_the_same_events_however_it_is_cut(case: Case) -> None:
    stream = bytes_of(case)
    events = [ServerSentEvent(one["event"], one["data"], one["id"]) for one in case["events"]]
    assert reference(stream) == events
    for chunks in chunkings(stream):
        assert parse(chunks) == (events, case.get("incomplete", False), case.get("retry")), chunks


pieces = st.sampled_from(
    [
        *(b"data: ", b"data:", b"data", b"event: x", b"id: ", b"id: \0", b":", b": c", b"retry: 5", b'{"msg":"x"}'),
        *(b"\n", b"\n\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b" ", b"\xe2\x9c", b"\x93", b"\xff"),
        *(b"data: 1\n\n", b"data: 2\n\n"),
    ]
)
streams = st.lists(pieces, max_size=30).map(b"".join)


@given(stream=streams, data=st.data())
@example(stream=b"data: 1\n\ndata: 2\n\n\ndata: 3\n\n", data=None)
@example(stream=b"data: 1\n\ndata: 2\r\n\r\ndata: 3\n\n", data=None)
@example(stream=b"data: 1\n\ndata:\n\n", data=None)
def test_any_stream_is_read_by_the_standards_own_steps(stream: bytes, data: st.DataObject | None) -> None:
    chunks = [stream] if data is None else data.draw(random_chunks(stream))
    expected = reference(stream)
    assert parse(chunks)[0] == expected
    assert parse([stream])[0] == expected


def test_a_reconnection_time_of_more_than_nine_digits_is_none() -> None:
    stream = b"retry: 1500\nretry: 9999999999\n"
    for chunks in chunkings(stream):
        assert parse(chunks)[2] == 1500


TOO_LARGE = "the event stream has an event of more than 10 bytes"


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"data: 1234\n\ndata: 5678\n\n", [message("1234"), message("5678")]),
        (b"data: 1\n\ndata: 12345\n\ndata: 2\n\n", [message("1"), TOO_LARGE]),
        (b"data: 1\n\ndata: 12345", [message("1"), TOO_LARGE]),
        (b"data: 1\n\n: a long comment\ndata: 2\n\n", [message("1"), TOO_LARGE]),
        (b"data\ndata:\ndata\ndata: 2\n\ndata: 1\n\n", [TOO_LARGE]),
        (b"data\ndata:\nx: comments\n", [TOO_LARGE]),
        (b"data:\ndata:\r\ndata: 1\n\ndata: 1\n\n", [TOO_LARGE]),
        (b": a\n: b\n: c\n: d\n: e\ndata: 1\n\n", [message("1")]),
        (b"\xef\xbb\xbfdata: 1234\n\n", [message("1234")]),
        (b"\xef\xbb\xbfdata: 12345\n\n", [TOO_LARGE]),
    ],
)
def test_an_event_that_is_too_large_ends_the_stream_once(stream: bytes, found: list[ServerSentEvent | str]) -> None:
    for chunks in chunkings(stream):
        rest = [] if TOO_LARGE in found else [message("9")]
        assert parse([*chunks, b"data: 9\n\n"], max_event_size=10)[0] == [*found, *rest], chunks


def test_after_an_event_that_is_too_large_nothing_is_kept() -> None:
    parser = EventStreamParser(4)
    parser.add_data(b"data: 1\n\ndata: 1")
    parser.add_data(b"data: 2")
    assert not parser.has_partial_event
    with pytest.raises(RemoteProtocolError, match="more than 4 bytes"):
        parser.next_event()
    assert parser.next_event() is None


def test_nothing_to_add_changes_nothing() -> None:
    assert parse([b"", b"data: a\r", b"", b"\n\r", b"", b"\n", b""])[0] == [message("a")]


def test_a_large_event_in_many_pieces_is_searched_once() -> None:
    """The tail that waits must not be looked at again: it is a bytearray whose search would be seen by its subclass."""

    class Watched(bytearray):
        searched = 0

        def find(self, *args: object) -> int:  # type: ignore[override]
            Watched.searched += 1
            return super().find(*args)  # type: ignore[arg-type]

        rfind = find

        def __contains__(self, item: object) -> bool:
            Watched.searched += 1
            return super().__contains__(item)  # type: ignore[arg-type]

    parser = EventStreamParser()
    parser._tail = Watched()  # type: ignore[attr-defined]
    parser.add_data(b"data: ")
    for _ in range(100):
        parser.add_data(b"x" * 1000)
    parser.add_data(b"\n\n")
    assert drain(parser) == [message("x" * 100_000)]
    assert Watched.searched == 0


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        message("a").data = "b"  # type: ignore[misc]
    assert not hasattr(message("a"), "__dict__")
