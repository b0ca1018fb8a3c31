"""How WebSockets end, and how they do not begin: every refusal, every close code, every death of a server."""

from __future__ import annotations

import time

import pytest
from wsproto.events import CloseConnection, Ping, TextMessage

from gradproto._commands import AbortExchange, CloseWebSocket, OpenWebSocket, SendText
from gradproto._errors import LocalProtocolError, ReadError, RemoteProtocolError
from gradproto.wire import Close, Send, SendFile, WireLimits
from tests.chunkings import chunkings
from tests.core.wire.scripted import Network
from tests.core.wire.websocket_server import EOF, SWITCH, UPGRADE, WS, Server, frame, open_websocket, opened

CLOSE_1000 = frame(8, b"\x03\xe8")
BOUNDARY = 256 * 1024


def opening() -> Network:
    """Return a network on which the handshake's request is out."""
    network = Network()
    open_websocket(network)
    return network


# --- it does not begin ------------------------------------------------------------------------------------------------

REFUSALS = {
    "403": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden",
    "500 in chunks": b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nforb\r\n5\r\nidden\r\n0\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\ncontent-length: 9\r\n\r\nforbidden",
    "200 of a server that knows no WebSockets": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nforbidden",
    "until the end": b"HTTP/1.1 503 Busy\r\n\r\nforbidden",
    "HTTP/1.0": b"HTTP/1.0 403 Forbidden\r\nserver: old\r\n\r\nforbidden",
    "after a hint": b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nforbidden",
}


@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_is_a_response_however_it_is_cut(name: str) -> None:
    data = REFUSALS[name]
    status = int(data.split(b"HTTP/1.")[-1].split(b" ")[1])
    for chunks in chunkings(data):
        network = opening()
        network.session.commands.append(SendText(exchange=0, text="hello"))
        network.feed(0, [*chunks, EOF])
        answer = network.session.answers[0]
        assert (answer.status, answer.body, answer.ended) == (status, b"forbidden", True)
        assert {fact[0] for fact in network.session.facts} == {"started", "data", "ended"}
        assert network.open == set()


def test_what_the_session_still_wants_of_a_refused_websocket_comes_too_late() -> None:
    network = opening()
    network.feed(0, [REFUSALS["302"]])
    written = network.written[0]
    network.session.commands += [SendText(exchange=0, text="x"), CloseWebSocket(exchange=0), AbortExchange(exchange=0)]
    assert network.actions() == []
    assert network.written[0] == written


def test_a_refusal_may_be_cut_short() -> None:
    network = opening()
    network.feed(0, [REFUSALS["403"][:-1], EOF])
    answer = network.session.answers[0]
    assert (answer.status, answer.body, type(answer.error)) == (403, b"forbidde", ReadError)
    assert network.closed(0)


NO_HANDSHAKES = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "frames": frame(1, b'{"msg":"send_hash"}') + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_HANDSHAKES)
def test_what_is_no_answer_to_a_handshake_fails_however_it_is_cut(name: str) -> None:
    for chunks in chunkings(NO_HANDSHAKES[name]):
        network = opening()
        network.feed(0, [*chunks, EOF])
        assert isinstance(network.session.answers[0].error, RemoteProtocolError)
        assert network.session.facts == [("failed", 0, RemoteProtocolError)]
        assert network.closed(0)


def test_an_answer_of_http_1_0_that_proves_itself_will_do() -> None:
    for chunks in chunkings(SWITCH.replace(b"HTTP/1.1", b"HTTP/1.0") + frame(1, b"hello")):
        network = opening()
        network.feed(0, chunks)
        assert network.session.facts == [("opened", 0), ("text", 0, "hello")]


def test_a_server_that_dies_in_the_handshake_fails_it_wherever_it_dies() -> None:
    for end in range(len(SWITCH)):
        network = opening()
        network.feed(0, [SWITCH[:end], EOF] if end else [EOF])
        assert network.session.facts == [("failed", 0, ReadError)]
        assert network.open == set()


def test_a_handshake_that_says_nothing_is_ended_by_the_session() -> None:
    # The session has a limit for every answer, also for this one.
    network = opening()
    network.client.tick(1e6)
    assert network.client.next_deadline() is None
    network.session.commands.append(AbortExchange(exchange=0))
    assert network.actions() == [Close(connection=0)]
    network.client.receive_data(0, SWITCH)
    assert network.session.facts == []


@pytest.mark.parametrize("drip", [b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n", b"x-more: and more\r\n"])
def test_a_handshake_that_never_ends_is_limited(drip: bytes) -> None:
    network = Network(limits=WireLimits(max_header_size=2000))
    open_websocket(network)
    network.feed(0, [UPGRADE] if drip.startswith(b"x") else [])
    for _ in range(200):
        network.feed(0, [drip])
    assert "larger than 2000 bytes" in str(network.session.answers[0].error)
    assert network.open == set()


# --- the server dies --------------------------------------------------------------------------------------------------

FRAMES = (
    frame(1, b"one")
    + frame(1, b"tw", fin=False)
    + frame(9, b"?")
    + frame(0, b"o")
    + frame(2, b"three")
    + frame(1, b"x" * 200)
)


@pytest.mark.parametrize("reset", [False, True])
def test_a_server_that_upgrades_and_dies_ends_the_websocket_wherever_it_dies(reset: bool) -> None:
    whole = ["one", "two", "three", "x" * 200]
    counts: set[int] = set()
    for end in range(len(FRAMES) + 1):
        network = opening()
        network.feed(0, [SWITCH + FRAMES[:end]])
        if reset:
            network.client.connection_lost(0, ReadError("reset"))
            network.settle()
        else:
            network.feed(0, [EOF])
        opened, *texts, over = network.session.facts
        assert opened == ("opened", 0)
        assert [text[2] for text in texts] == whole[: len(texts)]
        assert over == (("failed", 0, ReadError) if reset else ("closed", 0, 1006, ""))
        assert network.open == set()
        counts.add(len(texts))
    assert counts == {0, 1, 2, 3, 4}


# --- close frames -----------------------------------------------------------------------------------------------------


# What a server may send (RFC 6455, section 7.4), and what not. 1014 was registered later, and wsproto does not know it.
LEGAL = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999)
ILLEGAL = (0, 1, 999, 1004, 1005, 1006, 1014, 1015, 1016, 2000, 2999, 5000, 65535)
CODES = [(code, True) for code in LEGAL] + [(code, False) for code in ILLEGAL]


@pytest.mark.parametrize(("code", "is_legal"), CODES)
def test_every_close_code(code: int, is_legal: bool) -> None:
    for chunks in chunkings(frame(1, b"bye") + frame(8, code.to_bytes(2, "big") + b"why")):
        network, server = opened()
        network.feed(0, chunks)
        told = network.session.facts[1:]
        answers = [event.code for event in server.events() if isinstance(event, CloseConnection)]
        if is_legal:
            assert told == [("closed", 0, code, "why")]
            assert answers == [code]
            assert network.open == {0}, "it is the server who closes the connection"
        else:
            assert told == [("failed", 0, RemoteProtocolError)]
            assert answers == [1002]
            assert network.open == set()


@pytest.mark.parametrize("payload", [b"\x03", b"\x03\xe8\xff"], ids=["half a code", "a reason that is no text"])
def test_a_close_frame_that_makes_no_sense_fails(payload: bytes) -> None:
    network, server = opened()
    network.feed(0, [frame(8, payload)])
    assert network.session.facts == [("failed", 0, RemoteProtocolError)]
    assert [type(event) for event in server.events()] == [CloseConnection]


def test_nothing_after_the_close_frame_counts_however_it_is_cut() -> None:
    after = frame(1, b"late") + frame(9, b"?") + frame(8, b"\x03\xe9") + b"\xff\xff\xff"
    for chunks in chunkings(frame(1, b"bye") + CLOSE_1000 + after):
        network, server = opened()
        network.feed(0, [*chunks, EOF])
        assert network.session.facts == [("text", 0, "bye"), ("closed", 0, 1000, "")]
        assert [type(event) for event in server.events()] == [CloseConnection]
        assert network.open == set()


def test_a_close_inside_a_fragmented_message_ends_it() -> None:
    network, _ = opened()
    network.feed(0, [frame(1, b"half", fin=False) + CLOSE_1000])
    assert network.session.facts == [("closed", 0, 1000, "")]


def test_both_close_at_the_same_time() -> None:
    for chunks in chunkings(frame(1, b"crossed") + frame(8, b"\x03\xe9bye")):
        network, server = opened()
        network.session.commands.append(CloseWebSocket(exchange=0, code=3000))
        network.settle()
        network.feed(0, chunks)
        assert network.session.facts == [("text", 0, "crossed"), ("closed", 0, 1001, "bye")]
        assert [event.code for event in server.events() if isinstance(event, CloseConnection)] == [3000]
        network.feed(0, [EOF])
        assert network.open == set()


@pytest.mark.parametrize("data", [b"", b"\x88", b"\x88\x02\x03"])
def test_a_server_that_dies_instead_of_answering_the_close(data: bytes) -> None:
    network, _ = opened()
    network.session.commands.append(CloseWebSocket(exchange=0))
    network.settle()
    network.feed(0, [data, EOF] if data else [EOF])
    assert network.session.facts == [("closed", 0, 1006, "")]
    assert network.open == set()


def test_a_reset_instead_of_an_answer_to_the_close_fails_once() -> None:
    network, _ = opened()
    network.session.commands.append(CloseWebSocket(exchange=0))
    network.settle()
    network.client.connection_lost(0, ReadError("reset"))
    network.settle()
    assert network.session.facts == [("failed", 0, ReadError)]
    network.client.tick(0.0)
    network.client.tick(100.0)
    assert len(network.session.facts) == 1


# --- long messages ----------------------------------------------------------------------------------------------------


def long_message(length: int) -> tuple[Network, Server]:
    network, server = opened()
    network.session.commands.append(SendText(exchange=0, text=("x" * (length - 1)) + "\u2713"))
    return network, server


@pytest.mark.parametrize("length", [BOUNDARY - 1, BOUNDARY, BOUNDARY + 1, 2 * BOUNDARY, 2 * BOUNDARY + 1])
def test_a_long_message_arrives_as_one(length: int) -> None:
    network, server = long_message(length)
    network.session.commands.append(SendText(exchange=0, text="next"))
    network.settle()
    frames = [event for event in server.events() if isinstance(event, TextMessage)]
    assert "".join(event.data for event in frames) == "x" * (length - 1) + "\u2713" + "next"
    assert [event.data[-1] for event in frames if event.message_finished] == ["\u2713", "t"]
    is_long = length > BOUNDARY
    assert any(isinstance(action, SendFile) for action in network.log) is is_long


def test_a_short_message_is_not_fragmented_and_a_long_one_goes_on_when_the_driver_wrote_the_first_part() -> None:
    network, _ = long_message(3 * BOUNDARY)
    network.session.commands.append(SendText(exchange=0, text="short"))
    for _ in range(3):
        [fragment] = network.actions()
        assert isinstance(fragment, SendFile)
        size = fragment.file.size
        network.client.file_sent(0, size - 1)
        assert network.actions() == []
        network.client.file_sent(0, 1)
    [short] = network.actions()
    assert isinstance(short, Send)


def test_pings_are_answered_between_the_fragments_of_a_long_message() -> None:
    network, _ = long_message(3 * BOUNDARY)
    [first] = network.actions()
    network.client.receive_data(0, frame(9, b"alive?"))
    [pong] = network.actions()
    assert isinstance(first, SendFile)
    assert isinstance(pong, Send)
    assert pong.data[0] == 0x8A
    network.client.file_sent(0, first.file.size)
    network.settle()
    # Four bytes of mask follow each header.
    assert network.written[0].count(b"\x8a\x86") == 1


def test_a_close_ends_a_long_message_in_the_middle() -> None:
    network, server = long_message(3 * BOUNDARY)
    [first] = network.actions()
    assert isinstance(first, SendFile)
    network.session.commands += [CloseWebSocket(exchange=0), SendText(exchange=0, text="late")]
    assert [type(action) for action in network.actions()] == [Send]
    network.client.file_sent(0, first.file.size)
    assert network.actions() == []
    events = server.events()
    assert not any(isinstance(event, TextMessage) and event.message_finished for event in events)
    assert isinstance(events[-1], CloseConnection)
    # The server, too, may close meanwhile.
    network, _ = long_message(3 * BOUNDARY)
    network.actions()
    network.feed(0, [CLOSE_1000])
    network.client.file_sent(0, 10)
    assert network.session.facts == [("closed", 0, 1000, "")]


@pytest.mark.parametrize("sent", [-1, 1])
def test_more_cannot_be_reported_than_was_to_be_sent(sent: int) -> None:
    network, _ = opened()
    with pytest.raises(LocalProtocolError, match=rf"can't handle file_sent\({sent}\): connection 0 has 0 bytes"):
        network.client.file_sent(0, sent)


def test_what_is_said_before_the_handshake_is_done_keeps_its_order_also_if_it_is_long() -> None:
    network = Network()
    texts = ["one", "l" * (2 * BOUNDARY), "", "two"]
    network.session.commands.append(OpenWebSocket(exchange=0, url=WS))
    network.session.commands += [SendText(exchange=0, text=text) for text in texts]
    network.settle()
    server = Server(network)
    server.events()
    network.feed(0, [SWITCH[:-1]])
    handshake = network.written[0]
    assert handshake.endswith(b"\r\n\r\n")
    network.feed(0, [SWITCH[-1:]])
    server.read = len(handshake)
    server.accept()
    told = "".join(
        event.data + ("|" if event.message_finished else "")
        for event in server.events()
        if isinstance(event, TextMessage)
    )
    assert told == "|".join(texts) + "|"


def seconds_for(size: int, piece: int) -> float:
    """Time the arrival of a message."""
    network, _ = opened()
    data = frame(1, b"x" * size)
    receive = network.client.receive_data
    begun = time.perf_counter()
    for start in range(0, len(data), piece):
        receive(0, data[start : start + piece])
    taken = time.perf_counter() - begun
    assert network.session.facts == [("text", 0, "x" * size)]
    return taken


@pytest.mark.parametrize("piece", [1000, 1 << 20])
def test_a_message_of_16_mib_takes_time_in_proportion(piece: int) -> None:
    small = min(seconds_for(1 << 20, piece) for _ in range(3))
    large = min(seconds_for(1 << 24, piece) for _ in range(2))
    # 16 if it is linear, 256 if it is quadratic.
    assert large < 80 * max(small, 0.001)


def test_a_data_url_of_50_mib_goes_out_in_pieces_and_in_time_in_proportion() -> None:
    def seconds(size: int) -> float:
        network, _ = opened()
        network.session.commands.append(SendText(exchange=0, text="x" * size))
        written = 0
        begun = time.perf_counter()
        while taken := network.client.next_action():
            assert isinstance(taken, SendFile)
            assert taken.file.size < 2 * BOUNDARY
            written += taken.file.size
            network.client.file_sent(0, taken.file.size)
        assert written > size
        return time.perf_counter() - begun

    small = min(seconds(2 << 20) for _ in range(3))
    # 25 if it is linear, 625 if it is quadratic.
    assert seconds(50 << 20) < 150 * max(small, 0.001)


def test_a_flood_of_pings_is_answered_each() -> None:
    network, server = opened()
    network.feed(0, [frame(9, b"%d" % number) for number in range(1000)])
    events = server.events()
    assert len(events) == 1000
    assert not any(isinstance(event, Ping) for event in events)
    assert network.open == {0}
