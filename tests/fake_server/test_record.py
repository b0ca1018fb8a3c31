"""What the recording proxy passes on and writes down, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, TextMessage

from gradproto import ArgumentError
from gradproto_fake_server import MemoryServer, demo_app
from gradproto_fake_server._record import RecordedConnection, Recorder, Upstream, read_bytes
from tests.chunkings import chunkings

SECRET = "s3cr3t-Value.42"
HOST = b"host: 127.0.0.1:7861\r\n"


class Recorded:
    """A recorder, and the lines that it has written."""

    def __init__(self, url: str = "http://127.0.0.1:7860", **options: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        host = options.pop("host_header", "auto")
        self.recorder = Recorder(Upstream.of(url, host), lambda line: self.lines.append(json.loads(line)), **options)
        self.connection: RecordedConnection = self.recorder.connect(0.0)

    def bytes(self, direction: str) -> bytes:
        """All that is written down of a direction."""
        return b"".join(read_bytes(line) for line in self.lines if line.get("dir") == direction)

    @property
    def rewritten(self) -> list[dict[str, Any]]:
        return [line["rewritten"] for line in self.lines if "rewritten" in line]


@pytest.mark.parametrize("keep_secrets", [True, False])
def test_all_bytes_pass_and_are_written_down_however_they_are_cut(keep_secrets: bool) -> None:
    request = (
        b"POST /a HTTP/1.1\r\n" + HOST + b"content-length: 5\r\n\r\nabcde"
        b"POST /b HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        b"HEAD /c HTTP/1.1\r\n" + HOST + b"\r\n"
        b"GET /d HTTP/1.1\r\n" + HOST + b"\r\n"
    )
    answer = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\ntrailer: a\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end\xff"
    )
    for sent in chunkings(request):
        recorded = Recorded(keep_secrets=keep_secrets)
        passed = b"".join(recorded.connection.from_client(piece, 1.0) for piece in sent)
        assert passed == request
        assert recorded.bytes("c2s") == request
        assert recorded.recorder.requests == 4
    for said in chunkings(answer):
        recorded = Recorded(keep_secrets=keep_secrets)
        recorded.connection.from_client(request, 1.0)
        assert b"".join(recorded.connection.from_server(piece, 2.0) for piece in said) == answer
        assert recorded.bytes("s2c") == answer


def test_answers_pass_however_they_are_cut() -> None:
    request = b"GET /d HTTP/1.1\r\n" + HOST + b"\r\n"
    answer = (
        b"HTTP/1.1 200 OK\r\nset-cookie: a=b3\r\ntransfer-encoding: chunked\r\n\r\n"
        b'8\r\n{"token"\r\n5\r\n:"abc\r\n2\r\n"}\r\n0\r\n\r\n'
    )
    hidden = answer.replace(b"a=b3", b"a=**").replace(b"abc", b"***")
    for said in chunkings(answer):
        recorded = Recorded()
        recorded.connection.from_client(request, 1.0)
        assert [recorded.connection.from_server(piece, 2.0) for piece in said] == said
        assert recorded.bytes("s2c") == hidden
        assert [len(read_bytes(line)) for line in recorded.lines if line.get("dir") == "s2c"] == list(map(len, said))


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01 no HTTP at all \r\n\r\n more",
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"A B\r\nno colon\r\n\r\nx",
        b"\x00" * 70000,
    ],
)
def test_what_is_no_http_passes_too(noise: bytes) -> None:
    for pieces in chunkings(noise) if len(noise) < 100 else [[noise]]:
        recorded = Recorded()
        for piece in pieces:
            recorded.connection.from_client(piece, 0.0)
            assert recorded.connection.from_server(piece, 0.0) == piece
        assert recorded.bytes("c2s") == recorded.bytes("s2c") == noise


def test_the_head_of_a_request_that_never_ends_is_passed_on() -> None:
    recorded = Recorded()
    passed = [recorded.connection.from_client(b"x" * 65536, 0.0) for _ in range(20)]
    assert b"".join(passed) == b"x" * 65536 * 20


def test_an_app_at_an_address_hears_the_clients_own_host() -> None:
    recorded = Recorded()
    request = b"GET / HTTP/1.1\r\n" + HOST + b"accept-encoding: identity\r\n\r\n"
    assert recorded.connection.from_client(request, 0.0) == request
    assert recorded.rewritten == []


def test_a_server_of_many_names_hears_its_own_and_which_one_the_client_used() -> None:
    recorded = Recorded("https://ada-app.hf.space", headers={"X-Key": SECRET})
    passed = recorded.connection.from_client(
        b"POST /x HTTP/1.1\r\n" + HOST + b"x-key: old\r\ncontent-length: 2\r\n\r\nok", 0.0
    )
    lines = passed.split(b"\r\n")
    assert lines[0] == b"POST /x HTTP/1.1"
    assert lines[-1] == b"ok"
    assert set(lines[1:-2]) == {
        b"host: ada-app.hf.space",
        b"x-forwarded-host: 127.0.0.1:7861",
        b"x-forwarded-proto: http",
        b"x-key: " + SECRET.encode(),
        b"content-length: 2",
    }
    assert recorded.rewritten == [
        {
            "x-key": "***",
            "host": "ada-app.hf.space",
            "x-forwarded-host": "127.0.0.1:7861",
            "x-forwarded-proto": "http",
        }
    ]
    assert SECRET not in str(recorded.lines)


def test_compression_is_declined_for_it_would_cover_secrets() -> None:
    asked = (
        b"GET / HTTP/1.1\r\n" + HOST + b"Accept-Encoding: gzip\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    recorded = Recorded()
    assert (
        recorded.connection.from_client(asked, 0.0)
        == b"GET / HTTP/1.1\r\naccept-encoding: identity\r\n" + HOST + b"\r\n"
    )
    assert recorded.rewritten == [{"accept-encoding": "identity", "sec-websocket-extensions": None}]
    assert Recorded(keep_secrets=True).connection.from_client(asked, 0.0) == asked
    recorded.connection.from_server(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nGZIP", 0.0)
    assert recorded.bytes("s2c").endswith(b"\r\n\r\n****")


def test_secrets_in_the_frames_of_a_websocket_are_hidden() -> None:
    recorded = Recorded()
    handshake = (
        b"GET /queue/join HTTP/1.1\r\n"
        + HOST
        + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: a\r\n\r\n"
    )
    assert recorded.connection.from_client(handshake, 0.0) == handshake
    accepted = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"
    recorded.connection.from_server(accepted, 0.0)
    client, server = Connection(ConnectionType.CLIENT), Connection(ConnectionType.SERVER)
    said = json.dumps({"token": SECRET, "long": "x" * 200})
    frames = client.send(TextMessage(data=said)) + client.send(CloseConnection(code=1000))
    for at in range(0, len(frames), 3):
        assert recorded.connection.from_client(frames[at : at + 3], 0.0) == frames[at : at + 3]
    kept = recorded.bytes("c2s").removeprefix(handshake)
    assert len(kept) == len(frames)
    server.receive_data(kept)
    message, close = server.events()
    assert message == TextMessage(data=said.replace(SECRET, "*" * len(SECRET)))
    assert isinstance(close, CloseConnection)
    answer = Connection(ConnectionType.SERVER).send(TextMessage(data=said))
    recorded.connection.from_server(answer, 0.0)
    assert recorded.bytes("s2c") == accepted + answer.replace(SECRET.encode(), b"*" * len(SECRET))


def test_a_recording_of_the_fake_server_has_what_it_said() -> None:
    app = demo_app()
    connection = MemoryServer(app).connect()
    recorded = Recorded()
    connection.receive_data(recorded.connection.from_client(b"GET /config HTTP/1.1\r\n" + HOST + b"\r\n", 0.5))
    answer = connection.data_to_send()
    assert recorded.connection.from_server(answer, 0.75) == answer
    assert recorded.bytes("s2c") == answer
    assert b'"root":"http://127.0.0.1:7861"' in answer
    recorded.connection.ended("s2c", 1.0)
    recorded.connection.ended("c2s", 1.25, reset=True)
    about, opened, asked, said, ended, broken = recorded.lines
    assert about["recording"]["upstream"] == "http://127.0.0.1:7860"
    assert about["recording"]["secrets"] == "hidden"
    assert opened == {"conn": 1, "dir": "c2s", "t": 0.0, "open": True}
    assert (asked["t"], said["t"]) == (0.5, 0.75)
    assert ended == {"conn": 1, "dir": "s2c", "t": 1.0, "eof": True}
    assert broken == {"conn": 1, "dir": "c2s", "t": 1.25, "reset": True}


def test_a_server_that_cannot_be_reached_is_told_of_and_written_down_as_no_answer_of_it() -> None:
    recorded = Recorded()
    told = recorded.connection.unreachable("Connection refused", 1.0)
    assert told.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert told.endswith(b"cannot reach http://127.0.0.1:7860: Connection refused\n")
    assert recorded.lines[-1]["by"] == "proxy"
    assert read_bytes(recorded.lines[-1]) == told


@pytest.mark.parametrize(
    ("url", "host", "keeps"),
    [
        ("http://127.0.0.1:7860", "auto", True),
        ("localhost:7860", "auto", True),
        ("http://[::1]:7860/sub", "auto", True),
        ("http://example.org", "auto", False),
        ("https://127.0.0.1:7860", "auto", False),
        ("https://example.org", "client", True),
        ("http://127.0.0.1", "upstream", False),
    ],
)
def test_whose_host_the_app_hears(url: str, host: Any, keeps: bool) -> None:
    assert Upstream.of(url, host).keeps_host is keeps


def test_a_path_of_the_app_stays_where_it_is() -> None:
    assert Upstream.of("http://127.0.0.1:7860/deep/down/").path == "/deep/down"
    assert Upstream.of("http://127.0.0.1:7860").path == ""


@pytest.mark.parametrize("url", ["", "owner/space", "ftp://a", "http://u:" + SECRET + "@a/"])
def test_what_is_no_address_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Upstream.of(url)
    assert SECRET not in str(caught.value)


def test_headers_that_cannot_be_sent_are_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        Recorded(headers={"x": f"{SECRET}\r\n"})
    assert SECRET not in str(caught.value)
