"""WebSockets, against the server's side of wsproto."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import (
    CloseConnection,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from gradproto._commands import AbortExchange, CloseWebSocket, OpenWebSocket, SendText
from gradproto._errors import ConnectError, ReadError, RemoteProtocolError, TransportError, WriteError
from gradproto.wire import Close, Connect, Send, WireLimits
from tests.chunkings import chunkings, random_chunks
from tests.core.wire.scripted import Network
from tests.core.wire.websocket_server import (
    ACCEPT,
    ACCEPTED,
    EOF,
    SWITCH,
    UPGRADE,
    WS,
    Server,
    frame,
    open_websocket,
    opened,
)

# --- the handshake ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "port", "tls", "host"),
    [
        ("ws://app.test/a?b=c", 80, False, "app.test"),
        ("wss://app.test/a?b=c", 443, True, "app.test"),
        ("ws://app.test:7860/a?b=c", 7860, False, "app.test:7860"),
    ],
)
def test_a_websocket_is_asked_for(url: str, port: int, tls: bool, host: str) -> None:
    network = Network()
    open_websocket(network, url=url, headers=(("Cookie", "a=b"), ("Origin", "http://app.test")))
    assert network.log[0] == Connect(connection=0, host="app.test", port=port, tls=tls, timeout=10.0)
    [request] = Server(network).events()
    assert isinstance(request, Request)
    assert (request.host, request.target) == (host, "/a?b=c")
    extra = dict(request.extra_headers)
    assert (extra[b"cookie"], extra[b"origin"]) == (b"a=b", b"http://app.test")
    assert (request.extensions, request.subprotocols) == ([], [])
    assert b"\r\nSec-WebSocket-Key: %s\r\n" % base64.b64encode(bytes(range(16))) in network.written[0]


def test_an_accepted_handshake_opens_the_websocket_however_it_is_cut() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    for chunks in chunkings(early + SWITCH + frame(1, b"hello")):
        network = Network()
        open_websocket(network)
        network.feed(0, chunks)
        assert network.session.facts == [("opened", 0), ("text", 0, "hello")]


WRONG = {
    "upgrade": (SWITCH.replace(b"Upgrade: WebSocket", b"Upgrade: h2c"), "does not upgrade"),
    "no upgrade": (SWITCH.replace(b"Upgrade: WebSocket\r\n", b""), "does not upgrade"),
    "connection": (SWITCH.replace(b"keep-alive, Upgrade", b"keep-alive"), "has no 'Connection: Upgrade'"),
    "accept": (SWITCH.replace(ACCEPT, b"AAAA"), "does not prove"),
    "no accept": (UPGRADE + b"\r\n", "does not prove"),
    "two accepts": (UPGRADE + b"Sec-WebSocket-Accept: AAAA\r\n" + SWITCH[len(UPGRADE) :], "does not prove"),
    "extension": (SWITCH[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "none was offered"),
    "subprotocol": (SWITCH[:-2] + b"Sec-WebSocket-Protocol: chat\r\n\r\n", "none was offered"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_handshake_that_breaks_the_rules_fails(name: str) -> None:
    data, why = WRONG[name]
    network = Network()
    open_websocket(network)
    network.feed(0, [data])
    error = network.session.answers[0].error
    assert isinstance(error, RemoteProtocolError)
    assert str(error).startswith(f"GET {WS}: the answer to the WebSocket handshake ")
    assert why in str(error)
    assert network.closed(0)


def test_a_refusal_is_a_response() -> None:
    network = Network()
    open_websocket(network)
    server = Server(network)
    server.events()
    refusal = RejectConnection(status_code=403, headers=[(b"content-length", b"9")], has_body=True)
    for chunks in chunkings(server.send(refusal, RejectData(data=b"forbidden"))):
        network = Network()
        open_websocket(network)
        network.feed(0, chunks)
        answer = network.session.answers[0]
        assert (answer.status, answer.body, answer.ended) == (403, b"forbidden", True)
        assert network.closed(0), "its connection is for nothing else"


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 1"])
def test_an_end_inside_the_handshake_fails(data: bytes) -> None:
    network = Network()
    open_websocket(network)
    network.feed(0, [data, EOF] if data else [EOF])
    assert isinstance(network.session.answers[0].error, ReadError)
    assert network.closed(0)


def test_headers_that_http_cannot_carry_fail_the_websocket() -> None:
    network = Network()
    open_websocket(network, headers=(("cookie", "s3cret\n"),))
    assert isinstance(network.session.answers[0].error, WriteError)
    assert "s3cret" not in str(network.session.answers[0].error)
    assert network.log == []


def test_a_websocket_never_shares_a_connection() -> None:
    network = Network()
    network.answer(network.begin(0, url="http://app.test:7860/"))
    open_websocket(network, 1)
    assert network.open == {0, 1}
    network.feed(1, [b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"])
    assert network.open == {0}


def test_a_websocket_takes_the_place_of_an_idle_connection() -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=1))
    network.answer(network.begin(0, url="http://app.test:7860/"))
    open_websocket(network, 1)
    assert network.open == {1}
    assert network.log[-3:-1] == [
        Close(connection=0),
        Connect(connection=1, host="app.test", port=7860, tls=False, timeout=10.0),
    ]


def test_a_websocket_waits_its_turn() -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=1))
    network.begin(0, url="http://app.test:7860/")
    open_websocket(network, 1)
    assert network.open == {0}
    network.answer(0)
    assert network.open == {1}
    assert network.closed(0)


# --- messages ---------------------------------------------------------------------------------------------------------


def test_text_goes_out_in_order_also_what_was_given_before_the_handshake_was_done() -> None:
    network = Network()
    network.session.commands += [
        OpenWebSocket(exchange=0, url=WS),
        SendText(exchange=0, text="one"),
        SendText(exchange=0, text="zw\u00f6lf \u2713"),
    ]
    network.settle()
    server = Server(network)
    assert [type(event) for event in server.events()] == [Request]
    server.says(ACCEPTED)
    network.session.commands.append(SendText(exchange=0, text="three" * 20_000))
    network.settle()
    texts = "".join(f"{event.data}|" if event.message_finished else event.data for event in messages(server))
    assert texts == "one|zw\u00f6lf \u2713|" + "three" * 20_000 + "|"


def messages(server: Server) -> list[TextMessage]:
    return [event for event in server.events() if isinstance(event, TextMessage)]


MESSAGES = (
    frame(1, b"plain")
    + frame(1, b"in ", fin=False)
    + frame(9, b"ping")
    + frame(0, b"", fin=False)
    + frame(0, "drei Stücken".encode())
    + frame(1, b"")
    + frame(10, b"unasked pong")
    + frame(2, "binär".encode()[:4], fin=False)
    + frame(0, "binär".encode()[4:])
    + frame(1, b"last")
)


def test_messages_arrive_whole_however_they_are_cut() -> None:
    for chunks in chunkings(SWITCH + MESSAGES):
        network = Network()
        open_websocket(network)
        network.feed(0, chunks)
        texts = [fact[2] for fact in network.session.facts if fact[0] == "text"]
        assert texts == ["plain", "in drei Stücken", "", "binär", "last"]
        server = Server(network)
        server.events()
        server.send(ACCEPTED)
        server.read = network.written[0].index(b"\r\n\r\n") + 4
        assert server.events() == [Pong(payload=b"ping")]


@given(st.lists(st.text(max_size=200), max_size=4), st.data())
@settings(deadline=None)
def test_any_text_arrives_in_any_frames(texts: list[str], data: st.DataObject) -> None:
    network = Network()
    open_websocket(network)
    network.feed(0, [SWITCH])
    sender = Connection(ConnectionType.SERVER)
    raw = b""
    for text in texts:
        cut = data.draw(st.integers(0, len(text)))
        raw += sender.send(TextMessage(data=text[:cut], message_finished=False))
        raw += sender.send(TextMessage(data=text[cut:]))
    network.feed(0, data.draw(random_chunks(raw)))
    assert [fact[2] for fact in network.session.facts if fact[0] == "text"] == texts


@given(st.binary(max_size=100), st.data())
@settings(deadline=None)
def test_no_frames_raise_and_a_websocket_ends_once(raw: bytes, data: st.DataObject) -> None:
    network = Network()
    open_websocket(network)
    network.feed(0, [SWITCH, *data.draw(random_chunks(raw)), EOF])
    ends = [fact for fact in network.session.facts if fact[0] in ("closed", "failed")]
    assert len(ends) == 1
    assert network.open == set()


ILLEGAL = {
    "opcode": (frame(3, b""), 1002, "an illegal WebSocket frame: Invalid opcode 0x3"),
    "mask": (b"\x81\x81abcd\x00", 1002, "an illegal WebSocket frame"),
    "reserved bit": (b"\xc1\x00", 1002, "an illegal WebSocket frame"),
    "continuation": (frame(0, b"x"), 1002, "an illegal WebSocket frame"),
    "text": (frame(1, b"\xff"), 1007, "an illegal WebSocket frame"),
    "binary": (frame(2, b"\xff\xfe"), 1003, "a binary message that is not UTF-8"),
}


@pytest.mark.parametrize("name", ILLEGAL)
def test_frames_that_break_the_rules_fail_the_websocket_and_the_server_is_told(name: str) -> None:
    data, code, why = ILLEGAL[name]
    for chunks in chunkings(frame(1, b"good") + data):
        network, server = opened()
        network.feed(0, chunks)
        error = network.session.answers[0].error
        assert isinstance(error, RemoteProtocolError)
        assert f"GET {WS}: the server sent {why}" in str(error)
        assert network.session.facts[0] == ("text", 0, "good")
        assert [event.code for event in server.events() if isinstance(event, CloseConnection)] == [code]
        assert network.closed(0)


@pytest.mark.parametrize("opcode", [1, 2])
def test_a_message_has_a_limit_also_in_pieces(opcode: int) -> None:
    limits = WireLimits(max_message_size=10)
    network, _ = opened(limits)
    network.feed(0, [frame(opcode, b"x" * 6, fin=False) + frame(0, b"x" * 4), frame(opcode, b"y" * 10)])
    assert network.session.facts == [("text", 0, "x" * 6 + "x" * 4), ("text", 0, "y" * 10)]
    for data in (frame(opcode, b"x" * 11), frame(opcode, b"x" * 6, fin=False) + frame(0, b"x" * 5, fin=False)):
        network, server = opened(limits)
        network.feed(0, [data])
        assert "larger than 10 characters" in str(network.session.answers[0].error)
        assert [event.code for event in server.events() if isinstance(event, CloseConnection)] == [1009]


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "code", "reason"),
    [
        (CloseConnection(code=1000), 1000, ""),
        (CloseConnection(code=1001, reason="restarting"), 1001, "restarting"),
        (CloseConnection(code=4001, reason="mine"), 4001, "mine"),
    ],
)
def test_the_servers_close_is_answered_and_the_server_closes_first(
    event: CloseConnection, code: int, reason: str
) -> None:
    network, server = opened()
    server.says(TextMessage(data="bye"), event)
    assert network.session.facts == [("text", 0, "bye"), ("closed", 0, code, reason)]
    assert [type(answer) for answer in server.events()] == [CloseConnection]
    assert not network.closed(0)
    network.feed(0, [b"noise"])
    assert not network.closed(0)
    network.feed(0, [EOF])
    assert network.closed(0)
    assert len(network.session.facts) == 2


def test_a_close_without_a_code_is_answered_with_one_without() -> None:
    network, server = opened()
    network.feed(0, [frame(8, b"")])
    assert network.session.facts == [("closed", 0, 1005, "")]
    assert server.events() == [CloseConnection(code=1005, reason="")]


def test_a_server_that_does_not_close_the_connection_is_helped() -> None:
    network, server = opened()
    network.client.tick(10.0)
    server.says(CloseConnection(code=1000))
    network.client.tick(11.0)
    assert network.client.next_deadline() == 13.0
    network.client.tick(13.0)
    assert network.actions() == [Close(connection=0)]
    assert network.session.facts == [("closed", 0, 1000, "")]


def test_a_connection_lost_after_the_closing_handshake_is_no_failure() -> None:
    network, server = opened()
    server.says(CloseConnection(code=1000))
    network.client.connection_lost(0, ReadError("reset"))
    assert network.actions() == [Close(connection=0)]
    assert network.session.facts == [("closed", 0, 1000, "")]


def test_the_sessions_close_shakes_hands() -> None:
    network, server = opened()
    network.client.tick(10.0)
    network.session.commands += [
        CloseWebSocket(exchange=0, code=3000),
        CloseWebSocket(exchange=0),
        SendText(exchange=0, text="too late"),
    ]
    network.settle()
    [close] = server.events()
    assert close == CloseConnection(code=3000, reason="")
    # What was under way still arrives; a ping is not answered any more.
    network.feed(0, [frame(1, b"crossed") + frame(9, b"?")])
    assert network.session.facts == [("text", 0, "crossed")]
    assert isinstance(close, CloseConnection)
    written = network.written[0]
    network.client.tick(11.0)
    assert network.client.next_deadline() == 13.0
    server.says(close.response())
    assert network.session.facts[1:] == [("closed", 0, 3000, "")]
    assert network.written[0] == written
    network.client.tick(12.0)
    assert network.client.next_deadline() == 13.0, "one limit for the handshake and the end of the connection"
    network.feed(0, [EOF])
    assert network.closed(0)
    network.client.tick(20.0)
    assert network.client.next_deadline() is None


def test_a_close_that_is_not_answered_ends_all_the_same() -> None:
    network, _ = opened()
    network.session.commands.append(CloseWebSocket(exchange=0))
    network.settle()
    network.client.tick(10.0)
    network.client.tick(12.0)
    assert network.actions() == [Close(connection=0)]
    assert network.session.facts == [("closed", 0, 1006, "")]
    network.session.commands += [
        SendText(exchange=0, text="x"),
        CloseWebSocket(exchange=0),
        AbortExchange(exchange=0),
    ]
    assert network.actions() == []


def test_an_illegal_frame_instead_of_a_close_fails() -> None:
    network, server = opened()
    network.session.commands.append(CloseWebSocket(exchange=0))
    network.settle()
    network.feed(0, [frame(3, b"")])
    assert isinstance(network.session.answers[0].error, RemoteProtocolError)
    assert len(server.events()) == 1
    assert network.closed(0)


def test_an_end_without_a_close_is_abnormal() -> None:
    network, _ = opened()
    network.feed(0, [EOF])
    assert network.session.facts == [("closed", 0, 1006, "")]
    assert network.closed(0)


def test_a_lost_connection_fails_the_websocket() -> None:
    network, _ = opened()
    network.client.connection_lost(0, ReadError("reset"))
    error = network.session.answers[0].error
    assert isinstance(error, ReadError)
    assert str(error) == f"GET {WS}: reset"


@pytest.mark.parametrize("stage", ["waiting", "connecting", "handshake"])
def test_a_close_before_the_websocket_is_open_just_ends_it(stage: str) -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=1))
    if stage == "waiting":
        network.begin(1, url="http://app.test:7860/")
    network.session.commands.append(OpenWebSocket(exchange=0, url=WS))
    if stage == "connecting":
        network.actions()
    else:
        network.settle()
    network.session.commands.append(CloseWebSocket(exchange=0))
    expected = [] if stage == "waiting" else [Close(connection=0)]
    assert network.actions() == expected
    assert network.session.facts == [("closed", 0, 1006, "")]


def test_an_abort_drops_an_open_websocket() -> None:
    network, _ = opened()
    network.session.commands.append(AbortExchange(exchange=0))
    assert network.actions() == [Close(connection=0)]
    network.client.receive_data(0, frame(1, b"late"))
    assert network.session.facts == []


def test_a_websocket_that_cannot_connect_fails() -> None:
    network = Network()
    network.session.commands.append(OpenWebSocket(exchange=0, url=WS))
    network.actions()
    network.client.connection_lost(0, ConnectError("refused"))
    assert isinstance(network.session.answers[0].error, TransportError)


def test_messages_for_what_is_no_websocket_are_ignored() -> None:
    network = Network()
    network.begin(0)
    network.session.commands += [
        SendText(exchange=0, text="x"),
        CloseWebSocket(exchange=0),
        SendText(exchange=9, text=""),
    ]
    assert network.actions() == []
    network.answer(0)
    assert network.session.answers[0].ended


def test_a_small_message_is_one_write() -> None:
    network, _ = opened()
    network.session.commands.append(SendText(exchange=0, text="x"))
    assert [type(action) for action in network.actions()] == [Send]
