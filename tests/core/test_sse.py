from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproto._errors import RemoteProtocolError
from gradproto._sse import EventStreamParser, ServerSentEvent
from tests.chunkings import chunkings, random_chunks


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


STREAMS: dict[str, tuple[bytes, list[ServerSentEvent]]] = {
    "one": (b"data: a\n\n", [message("a")]),
    "two": (b"data: a\n\ndata: b\n\n", [message("a"), message("b")]),
    "no space": (b"data:a\n\ndata: b\n\n", [message("a"), message("b")]),
    "two spaces": (b"data:  a\n\n", [message(" a")]),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [message("a"), message("b")]),
    "both line ends": (b"data: a\r\n\r\ndata: b\r\n\r\n", [message("a"), message("b")]),
    "mixed line ends": (b"data: a\r\n\ndata: b\r\r\ndata: c\n\r\n", [message("a"), message("b"), message("c")]),
    "several lines": (b"data: a\ndata: b\n\ndata: c\n\n", [message("a\nb"), message("c")]),
    "empty data": (
        b"data: \n\ndata:\n\ndata\n\ndata\ndata\n\n",
        [message(""), message(""), message(""), message("\n")],
    ),
    "comments": (b": hello\n\ndata: a\n:\n\n:\ndata: b\n\n", [message("a"), message("b")]),
    "extra empty lines": (b"\ndata: a\n\n\n\ndata: b\n\n\n", [message("a"), message("b")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [message("a")]),
    "byte order mark alone": (b"\xef\xbb\xbf", []),
    "byte order mark twice": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [message("b")]),
    "half a byte order mark": (b"\xef\xbbdata: a\n\ndata: b\n\n", [message("b")]),
    "event types": (
        b"event: generating\ndata: 1\n\nevent:\ndata: 2\n\ndata: 3\nevent: complete\n\ndata: 4\n\n",
        [ServerSentEvent("generating", "1", ""), message("2"), ServerSentEvent("complete", "3", ""), message("4")],
    ),
    "a type without data": (b"event: x\n\ndata: a\n\n", [message("a")]),
    "ids": (
        b"id: 1\ndata: a\n\ndata: b\n\nid: \x002\ndata: c\n\nid: 3\n\ndata: d\n\nid\ndata: e\n\n",
        [
            ServerSentEvent("message", data, id_)
            for data, id_ in [("a", "1"), ("b", "1"), ("c", "1"), ("d", "3"), ("e", "")]
        ],
    ),
    "unknown fields": (b"foo: x\ndata: a\nDATA: b\n data: c\ndata : d\n\n", [message("a")]),
    "line ends of other alphabets": (
        "data: a\u0085b\u2028c\u2029d\x0be\x0cf\n\n".encode(),
        [message("a\u0085b\u2028c\u2029d\x0be\x0cf")],
    ),
    "no UTF-8": (b"data: \xff\xe2\x9c\n\ndata: \xe2\x9c\x93\n\n", [message("\ufffd\ufffd"), message("✓")]),
    "no UTF-8, line by line": (
        b"event: \xff\nid: \xfe\ndata: \xe2\x9c\n\n",
        [ServerSentEvent("\ufffd", "\ufffd", "\ufffd")],
    ),
    "data in data": (b"data: data: a\n\ndata: data:\n\n", [message("data: a"), message("data:")]),
    "nothing": (b"", []),
    "only line ends": (b"\n\r\n\r", []),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_gives_the_same_events_however_it_is_cut(name: str) -> None:
    stream, events = STREAMS[name]
    assert reference(stream) == events
    for chunks in chunkings(stream):
        assert parse(chunks)[0] == events, chunks


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


@pytest.mark.parametrize(
    "stream",
    [
        b"d",
        b"data: a",
        b"data: a\n",
        b"data: a\r\n",
        b"event: x\n",
        b"data: a\n\ndata: b",
        b"id: 1\n",
        b"\xef",
        b": com",
    ],
)
def test_a_stream_that_ends_inside_an_event_says_so_and_drops_it(stream: bytes) -> None:
    for chunks in chunkings(stream):
        found, partial, _ = parse(chunks)
        assert found == [message("a")][: stream.count(b"\n\n")]
        assert partial


@pytest.mark.parametrize(
    "stream", [b"", b"data: a\n\n", b"data: a\r\n\r\n", b"data: a\r\n\r", b"\n", b": c\n", b"event: x\n\n"]
)
def test_a_stream_that_ends_between_events_leaves_nothing(stream: bytes) -> None:
    for chunks in chunkings(stream):
        assert not parse(chunks)[1]


@pytest.mark.parametrize(
    ("stream", "retry"),
    [
        (b"data: a\n\n", None),
        (b"retry: 1500\n", 1500),
        (b"retry:1500\n\nretry: 20\n\n", 20),
        (b"retry: 1500\nretry: 1e3\nretry: -1\nretry:\nretry: 9999999999\n", 1500),
    ],
)
def test_the_reconnection_time_is_the_last_one_that_is_a_number(stream: bytes, retry: int | None) -> None:
    for chunks in chunkings(stream):
        assert parse(chunks)[2] == retry


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
