"""One exchange on one connection: what goes out, and what is made of what comes back."""

from __future__ import annotations

import http.client
import io
import socket
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradproto._commands import FilePart
from gradproto._errors import LocalProtocolError, ReadError, RemoteProtocolError, WriteError
from gradproto.wire import Close, Send, SendFile, WireLimits
from gradproto.wire._http1 import Template
from tests.chunkings import chunkings, random_chunks
from tests.core.wire.scripted import Answer, Network, parse_request

OK = b"HTTP/1.1 200 OK\r\n"
EOF = b""

# name -> method, what the server sends, status, body, whether the connection is kept
COMPLETE: dict[str, tuple[str, bytes, int, bytes, bool]] = {
    "length": ("GET", OK + b"content-length: 5\r\n\r\nhello", 200, b"hello", True),
    "no body": ("POST", b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n", 500, b"", True),
    "chunked": ("GET", OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, b"abcde", True),
    "chunked, extensions and trailers": (
        "GET",
        OK + b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n00\r\nx-sum: 1\r\n\r\n",
        200,
        b"abc",
        True,
    ),
    "no reason": ("GET", b"HTTP/1.1 404\r\ncontent-length: 0\r\n\r\n", 404, b"", True),
    "bare line feeds": ("GET", b"HTTP/1.1 200 OK\ncontent-length: 1\n\nx", 200, b"x", True),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, b"", True),
    "HEAD": ("HEAD", OK + b"content-length: 9\r\n\r\n", 200, b"", True),
    "informational": (
        "GET",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
        + OK
        + b"content-length: 1\r\n\r\nx",
        200,
        b"x",
        True,
    ),
    "connection: close": ("GET", OK + b"connection: close\r\ncontent-length: 1\r\n\r\nx", 200, b"x", False),
    "HTTP/1.0": ("GET", b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", 200, b"x", False),
    "more than asked for": ("GET", OK + b"content-length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n", 200, b"x", False),
}

CLOSE_FRAMED: dict[str, bytes] = {
    "HTTP/1.1": OK + b"content-type: text/plain\r\n\r\nall of it",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nall of it",
}

# name -> what comes before the end, what the error says
TRUNCATED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "closed the connection without an answer"),
    "status line": (b"HTTP/1.1 2", "inside the head of the response, after 10 bytes"),
    "head": (OK + b"content-length: 5\r\n", "inside the head of the response, after 36 bytes"),
    "informational": (b"HTTP/1.1 100 Continue\r\n\r\n", "inside the head of the response, after 25 bytes"),
    "length": (OK + b"content-length: 5\r\n\r\nhel", "inside the body of the response, after 3 of 5 bytes"),
    "no bytes": (OK + b"content-length: 5\r\n\r\n", "inside the body of the response, after 0 of 5 bytes"),
    "chunk": (OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhel", "inside the body of the response, after 3 bytes"),
    "chunk size": (
        OK + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n5",
        "inside the body of the response, after 1 bytes",
    ),
    "last chunk": (
        OK + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n",
        "inside the body of the response, after 1 bytes",
    ),
    "trailers": (OK + b"transfer-encoding: chunked\r\n\r\n0\r\n", "inside the body of the response, after 0 bytes"),
}

# name -> what comes, how much of a body is in it
ILLEGAL: dict[str, tuple[bytes, bytes]] = {
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b""),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", b""),
    "header": (OK + b"no colon\r\n\r\n", b""),
    "lengths": (OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nx", b""),
    "length": (OK + b"content-length: -1\r\n\r\n", b""),
    "encoding": (OK + b"transfer-encoding: gzip, chunked\r\n\r\n", b""),
    "both framings": (OK + b"transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n", b""),
    "chunk size": (OK + b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\nxyz\r\n", b"ab"),
    "chunk end": (OK + b"transfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n", b"ab"),
    "unasked upgrade": (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n", b""),
    "status": (b"HTTP/1.1 099 Early\r\n\r\n", b""),
}


def receive(chunks: list[bytes], method: str = "GET", limits: WireLimits | None = None) -> tuple[Answer, bool]:
    """Return what the session heard, and whether the connection was closed."""
    network = Network(limits=limits)
    connection = network.begin(method=method)
    network.feed(connection, chunks)
    return network.session.answers.get(0, Answer()), network.closed(connection)


@pytest.mark.parametrize("name", COMPLETE)
def test_a_response_is_the_same_however_it_is_cut(name: str) -> None:
    method, data, status, body, kept = COMPLETE[name]
    for chunks in chunkings(data):
        answer, closed = receive(chunks, method)
        assert answer.ended
        assert (answer.status, answer.body) == (status, body)
        # What comes after the end of a response closes the connection, at once or on arrival.
        assert closed is not kept


@pytest.mark.parametrize("name", CLOSE_FRAMED)
def test_a_body_without_framing_ends_with_the_connection(name: str) -> None:
    for chunks in chunkings(CLOSE_FRAMED[name]):
        answer, closed = receive(chunks)
        assert (answer.ended, closed) == (False, False)
        answer, closed = receive([*chunks, EOF])
        assert (answer.ended, closed) == (True, True)
        assert answer.body == b"all of it"


@pytest.mark.parametrize("name", TRUNCATED)
def test_a_response_that_ends_too_early_fails_and_says_where(name: str) -> None:
    data, where = TRUNCATED[name]
    for chunks in chunkings(data):
        answer, closed = receive([*chunks, EOF])
        assert isinstance(answer.error, ReadError)
        assert str(answer.error).startswith("GET http://app.test:7860/api: ")
        assert where in str(answer.error)
        assert closed


@pytest.mark.parametrize("name", ILLEGAL)
def test_what_is_not_http_fails_after_what_was_http(name: str) -> None:
    data, body = ILLEGAL[name]
    for chunks in chunkings(data):
        answer, closed = receive(chunks)
        assert isinstance(answer.error, RemoteProtocolError)
        assert str(answer.error).startswith("GET http://app.test:7860/api: the response ")
        assert answer.body == body
        assert closed


def test_an_illegal_header_line_is_not_shown_for_it_may_hold_a_cookie() -> None:
    answer, _ = receive([OK + b"set-cookie: access-token=s3cret\x00\r\n\r\n"])
    assert isinstance(answer.error, RemoteProtocolError)
    assert "illegal header line" in str(answer.error)
    assert "s3cret" not in str(answer.error)
    assert answer.error.__cause__ is None


def test_little_of_what_is_illegal_is_shown() -> None:
    answer, _ = receive([b"y" * 5000 + b"\r\n\r\n"])
    assert "illegal status line: bytearray(b'yyy" in str(answer.error)
    assert len(str(answer.error)) < 200


HEADER_LIMIT = 120


def head_of(size: int) -> bytes:
    """Return a response head of so many bytes."""
    start = OK + b"content-length: 3\r\nx-fill: "
    return start + b"f" * (size - len(start) - 4) + b"\r\n\r\n"


def test_the_limit_for_the_head_holds_to_the_byte_however_it_is_cut() -> None:
    limits = WireLimits(max_header_size=HEADER_LIMIT)
    for chunks in chunkings(head_of(HEADER_LIMIT) + b"abc"):
        answer, _ = receive(chunks, limits=limits)
        assert answer.body == b"abc"
    for chunks in (*chunkings(head_of(HEADER_LIMIT + 1) + b"abc"), *chunkings(head_of(2 * HEADER_LIMIT))):
        answer, closed = receive(chunks, limits=limits)
        assert isinstance(answer.error, RemoteProtocolError)
        assert "the head of the response is larger than 120 bytes" in str(answer.error)
        assert answer.status is None
        assert closed


def test_informational_responses_cannot_go_on_for_ever() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    for chunks in chunkings(hint * 5 + OK + b"content-length: 0\r\n\r\n"):
        answer, _ = receive(chunks, limits=WireLimits(max_header_size=HEADER_LIMIT))
        assert isinstance(answer.error, RemoteProtocolError)


def test_what_was_skipped_counts_before_the_rest_is_there() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 4
    answer, _ = receive([hints, b"HTTP/1.1"], limits=WireLimits(max_header_size=HEADER_LIMIT))
    assert answer.error is None
    answer, _ = receive([hints, b"HTTP/1.1 "], limits=WireLimits(max_header_size=HEADER_LIMIT))
    assert isinstance(answer.error, RemoteProtocolError)


def test_a_chunk_size_cannot_go_on_for_ever() -> None:
    answer, closed = receive([OK + b"transfer-encoding: chunked\r\n\r\n", b"0" * 70_000])
    assert isinstance(answer.error, RemoteProtocolError)
    assert closed


def test_headers_are_strings_with_lower_case_names_and_repeated_ones_stay() -> None:
    network = Network()
    connection = network.begin()
    network.feed(connection, [OK + b"Set-Cookie: a=1\r\nset-cookie:  b=\xe9 \r\nContent-Length: 0\r\n\r\n"])
    assert network.session.answers[0].pairs == [("set-cookie", "a=1"), ("set-cookie", "b=é"), ("content-length", "0")]


def test_what_comes_at_once_is_one_fact() -> None:
    network = Network()
    connection = network.begin()
    network.feed(connection, [OK + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n", b"1\r\nc\r\n0\r\n\r\n"])
    assert network.session.facts == [("started", 0, 200), ("data", 0, b"ab"), ("data", 0, b"c"), ("ended", 0)]


def test_every_response_on_a_kept_connection_counts_from_zero() -> None:
    network = Network()
    network.answer(network.begin(0))
    network.feed(network.begin(1), [OK + b"content-length: 9\r\n\r\nabc", EOF])
    assert "after 3 of 9 bytes" in str(network.session.answers[1].error)


# --- Hypothesis -------------------------------------------------------------------------------------------------------


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, bytes, bool]:
    """Return a response, its body, and whether it ends with the connection."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
    body = b"".join(pieces)
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    head = OK
    if framing == "length":
        head += b"content-length: %d\r\n\r\n" % len(body)
        return head + body, body, False
    if framing == "chunked":
        coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        return head + b"transfer-encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n", body, False
    return head + b"connection: close\r\n\r\n" + body, body, True


@given(st.data())
@settings(deadline=None)
def test_any_body_in_any_framing_arrives_whole(data: st.DataObject) -> None:
    raw, body, to_the_end = data.draw(responses())
    chunks = data.draw(random_chunks(raw))
    answer, closed = receive([*chunks, EOF] if to_the_end else chunks)
    assert answer.ended
    assert answer.body == body
    assert closed is to_the_end


@given(st.data())
@settings(deadline=None)
def test_a_response_means_what_the_standard_library_thinks_it_means(data: st.DataObject) -> None:
    raw, _, _ = data.draw(responses())
    answer, _ = receive([*data.draw(random_chunks(raw)), EOF])
    oracle = http.client.HTTPResponse(cast(socket.socket, _Readable(raw)))
    oracle.begin()
    assert (answer.status, answer.body) == (oracle.status, oracle.read())
    assert answer.pairs == [(name.lower(), value) for name, value in oracle.getheaders()]
    oracle.close()


class _Readable:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


@given(st.data())
@settings(deadline=None)
def test_a_response_cut_short_never_passes_for_a_whole_one(data: st.DataObject) -> None:
    raw, _, to_the_end = data.draw(responses())
    if to_the_end:
        return
    cut = data.draw(st.integers(0, len(raw) - 1))
    answer, closed = receive([*data.draw(random_chunks(raw[:cut])), EOF])
    assert isinstance(answer.error, ReadError)
    assert closed


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=80).map(lambda rest: OK + rest)), st.data())
@example(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n", None)
@settings(deadline=None)
def test_no_bytes_raise_and_every_exchange_ends_once(raw: bytes, data: st.DataObject | None) -> None:
    chunks = [raw] if data is None else data.draw(random_chunks(raw))
    answer, closed = receive([*chunks, EOF])
    assert answer.ended is not (answer.error is not None)
    assert closed


# --- what goes out ----------------------------------------------------------------------------------------------------


def send(method: str, body: tuple[bytes | FilePart, ...] = (), headers: tuple[tuple[str, str], ...] = ()) -> Network:
    """Return a network on which this request went out."""
    network = Network()
    network.start(method=method, headers=headers, body=body)
    network.settle()
    return network


def test_a_request_is_one_write() -> None:
    network = send("POST", (b'{"data"', b"", b": []}"), (("Content-Type", "application/json"),))
    assert [type(action) for action in network.log[1:]] == [Send]
    assert network.written[0] == (
        b"POST /api HTTP/1.1\r\nHost: app.test:7860\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
        b'{"data": []}'
    )


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", (), None),
        ("GET", (b"",), None),
        ("HEAD", (), None),
        ("DELETE", (b"x",), b"1"),
        ("POST", (), b"0"),
        ("POST", (b"", b""), b"0"),
        ("PUT", (), b"0"),
        ("PATCH", (), b"0"),
    ],
)
def test_the_length_is_said_where_there_may_be_a_body(
    method: str, body: tuple[bytes, ...], length: bytes | None
) -> None:
    request, received = parse_request(send(method, body).written[0])
    assert dict(request.headers).get(b"content-length") == length
    assert received == b"".join(body)


def test_the_same_request_with_many_lengths_always_says_its_own() -> None:
    network = Network()
    for size in [*range(40), *range(40)]:
        network.start(size, "POST", body=(b"x" * size,))
        network.settle()
        _, body = parse_request(network.written[0])
        assert len(body) == size
        network.written[0] = b""
        network.session.answers.clear()
        network.answer(0)
    assert len(network.written) == 1


def test_heads_are_made_once_but_not_all_are_kept() -> None:
    template = Template("POST", "http://app.test/", ())
    head = template.head(1)
    assert template.head(1) is head
    for length in range(100, 200):
        template.head(length)
    assert template.head(1) is not head


def test_a_cookie_goes_back_as_the_bytes_that_it_came_as() -> None:
    network = Network()
    network.feed(network.begin(), [OK + b"set-cookie: a=\xc3\xa9\r\ncontent-length: 0\r\n\r\n"])
    network.start(1, headers=(("cookie", network.session.answers[0].pairs[0][1]),))
    network.settle()
    assert b"\r\ncookie: a=\xc3\xa9\r\n" in network.written[0]


def test_a_large_part_is_written_as_it_is_and_never_copied() -> None:
    large = bytes(100_000)
    network = send("POST", (b"before", large, b"after", b"wards"))
    _, first, second, third = network.log
    assert isinstance(first, Send)
    assert first.data.endswith(b"\r\n\r\nbefore")
    assert isinstance(second, Send)
    assert second.data is large
    assert third == Send(connection=0, data=b"afterwards")


def test_many_small_parts_are_joined_but_not_without_end() -> None:
    network = send("POST", (b"x" * 1000,) * 200)
    sizes = [len(action.data) for action in network.log if isinstance(action, Send)]
    assert len(sizes) == 4
    assert max(sizes) <= 64 * 1024
    assert parse_request(network.written[0])[1] == b"x" * 200_000


def test_how_much_is_sent_is_only_said_of_bodies_with_files() -> None:
    assert send("POST", (b"x",)).session.facts == []


def test_a_body_with_files_is_sent_part_by_part() -> None:
    first, second = FilePart(source="a.bin", size=10), FilePart(source="b.bin", size=3)
    network = Network()
    network.start(method="POST", body=(b"head", first, b"-middle-", second, FilePart(source="empty", size=0), b"tail"))
    network.actions()
    network.client.connection_made(0)
    start, file = network.actions()
    assert isinstance(start, Send)
    assert start.data.endswith(b"Content-Length: 29\r\n\r\nhead")
    assert file == SendFile(connection=0, file=first)
    network.client.file_sent(0, 6)
    assert network.actions() == []
    network.client.file_sent(0, 4)
    assert network.actions() == [Send(connection=0, data=b"-middle-"), SendFile(connection=0, file=second)]
    network.client.file_sent(0, 3)
    assert network.actions() == [Send(connection=0, data=b"tail")]
    assert [fact[2] for fact in network.session.facts] == [4, 10, 14, 22, 25, 29]
    network.answer(0)
    assert network.session.answers[0].ended
    assert not network.closed(0)


def test_every_upload_on_a_kept_connection_counts_from_zero() -> None:
    network = Network()
    for exchange in range(2):
        network.start(exchange, "POST", body=(b"x", FilePart(source="a", size=10)))
        network.settle()
        network.answer(0)
    assert [fact[1:] for fact in network.session.facts if fact[0] == "sent"] == [(0, 1), (0, 11), (1, 1), (1, 11)]


def test_a_body_that_begins_and_ends_with_files_needs_no_empty_writes() -> None:
    file = FilePart(source="a", size=1)
    network = send("POST", (file, file))
    assert [type(action) for action in network.log[1:]] == [Send, SendFile, SendFile]
    assert network.session.facts[-1] == ("sent", 0, 2)


@pytest.mark.parametrize("sent", [-1, 11])
def test_more_of_a_file_than_there_is_cannot_be_sent(sent: int) -> None:
    network = Network()
    network.start(method="POST", body=(FilePart(source="a", size=10),))
    network.actions()
    network.client.connection_made(0)
    network.actions()
    with pytest.raises(LocalProtocolError, match=r"can't handle file_sent\(-?\d+\): connection 0 has 10 bytes"):
        network.client.file_sent(0, sent)
    network.client.file_sent(0, 10)
    assert network.session.facts == [("sent", 0, 10)]
    with pytest.raises(LocalProtocolError, match="connection 0 has 0 bytes"):
        network.client.file_sent(0, 1)


def test_an_answer_in_the_middle_of_an_upload_is_heard_at_once_and_ends_the_upload() -> None:
    network = Network()
    network.start(method="POST", body=(FilePart(source="a", size=10), b"tail"))
    network.actions()
    network.client.connection_made(0)
    network.actions()
    network.client.file_sent(0, 4)
    network.feed(0, [b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 8\r\n\r\n", b"too"])
    assert network.session.facts[-2:] == [("started", 0, 413), ("data", 0, b"too")]
    assert not network.closed(0)
    network.feed(0, [b" big!"])
    assert network.session.answers[0].ended
    assert network.log[-1] == Close(connection=0)
    network.client.file_sent(0, 6)
    assert network.actions() == []


@pytest.mark.parametrize(
    ("method", "url", "headers", "why"),
    [
        ("GET", "http://a/", (("a", "b"), ("x-token", "s3cret\r\nx: y")), "HTTP cannot carry its header 'x-token'"),
        ("GET", "http://a/", (("x-token", "s3cret\u2713"),), "HTTP cannot carry its header 'x-token'"),
        ("GET", "http://a/", (("bad name", "s3cret"),), "HTTP cannot carry its header 'bad name'"),
        ("GET", "http://a/", (("host", "s3cret"),), "HTTP cannot carry its header 'host'"),
        ("POST", "http://a/", (("content-length", "7"),), "not legal HTTP"),
        ("G T", "http://a/", (("a", "s3cret"),), "not legal HTTP"),
        ("GET", "http://a/\u2713", (), "not legal HTTP"),
        ("GET", "http://a/b c?token=s3cret", (), "not legal HTTP"),
        ("GET", "ftp://a/", (), "not legal HTTP"),
    ],
)
def test_what_http_cannot_carry_fails_alone_and_shows_no_secret(
    method: str, url: str, headers: tuple[tuple[str, str], ...], why: str
) -> None:
    network = Network()
    network.start(0, method, url, headers=headers)
    network.start(1)
    network.settle()
    error = network.session.answers[0].error
    assert isinstance(error, WriteError)
    assert why in str(error)
    assert "s3cret" not in str(error)
    assert error.__cause__ is None
    assert list(network.written) == [0]
    assert network.written[0].startswith(b"GET /api ")
