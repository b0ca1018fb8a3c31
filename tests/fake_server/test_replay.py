"""Recordings are played again: byte by byte, in their pieces, in their time, and to whoever asks alike."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gradproto_fake_server import FakeServer, Recording, RecordingServer, ReplayApp, ReplayServer, demo_app
from gradproto_fake_server._replay import ReplayConnection
from gradproto_transports.sync import Client
from tests.recordings import Recording as Expected
from tests.recordings import recordings
from tests.transports.backends import BACKENDS
from tests.transports.test_recordings import check_call

GENERATIONS = ["2.9.4", "3.0.24", "3.16.2", "3.50.2", "4.0.2", "4.12.0", "4.44.1", "5.50.0", "6.31.0"]
OK = "HTTP/1.1 200 OK\r\ncontent-length: "


def get(target: str, *more: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "host: a", *more, "", ""]).encode()


def post(target: str, body: Any) -> bytes:
    content = json.dumps(body)
    return f"POST {target} HTTP/1.1\r\nhost: a\r\ncontent-length: {len(content)}\r\n\r\n{content}".encode()


class Lines:
    """A recording that is written by hand."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def client(self, at: float, data: bytes, conn: int = 1) -> Lines:
        self.lines.append({"conn": conn, "dir": "c2s", "t": at, "text": data.decode()})
        return self

    def server(self, at: float, text: str, conn: int = 1) -> Lines:
        self.lines.append({"conn": conn, "dir": "s2c", "t": at, "text": text})
        return self

    def end(self, direction: str, at: float, conn: int = 1, **how: Any) -> Lines:
        self.lines.append({"conn": conn, "dir": direction, "t": at, **(how or {"eof": True})})
        return self

    @property
    def recording(self) -> Recording:
        return Recording.of(map(json.dumps, self.lines))


def ask(connection: ReplayConnection, data: bytes = b"") -> list[bytes]:
    """Send something, and take all the pieces that come at this time."""
    if data:
        connection.receive_data(data)
    pieces: list[bytes] = []
    while piece := connection.data_to_send():
        pieces.append(piece)
    return pieces


STREAM = (
    Lines()
    .client(1.0, post("/queue/join", {"fn_index": 0, "session_hash": "first"}))
    .server(1.5, OK + '18\r\n\r\n{"event_id": "ev"}')
    .client(2.0, get("/queue/data?session_hash=first"), 2)
    .server(2.5, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", 2)
    .server(4.0, "data: 1\n\n", 2)
    .client(5.0, post("/queue/join", {"fn_index": 1, "session_hash": "first"}))
    .server(5.5, OK + "2\r\n\r\n{}")
    .server(6.0, "data: 2\n\n", 2)
    .end("s2c", 7.0, 2)
)
HEAD, ONE, TWO = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", b"data: 1\n\n", b"data: 2\n\n"


@pytest.mark.parametrize("speed", [1.0, 4.0, 0.5])
def test_pieces_come_at_the_distances_in_which_they_came(speed: float) -> None:
    app = ReplayApp(STREAM.recording, speed=speed)
    first = app.connect()
    assert ask(first, post("/queue/join", {"fn_index": 0, "session_hash": "mine"})) == []
    app.advance_to(0.49 / speed)
    assert ask(first) == []
    app.advance_to(0.5 / speed + 1e-6)
    assert ask(first) == [(OK + '18\r\n\r\n{"event_id": "ev"}').encode()]
    app.advance_to(10.0)
    stream = app.connect()
    assert ask(stream, get("/queue/data?session_hash=mine")) == []
    assert app.next_deadline() == pytest.approx(10.0 + 0.5 / speed)
    app.advance_to(10.0 + 0.5 / speed + 1e-6)
    assert ask(stream) == [HEAD]
    app.advance_to(10.0 + 2.0 / speed + 1e-6)
    assert ask(stream) == [ONE]
    app.advance_to(30.0)
    assert ask(stream) == []
    assert app.next_deadline() is None
    ask(first, post("/queue/join", {"fn_index": 1, "session_hash": "mine"}))
    app.advance_to(30.0 + 1.0 / speed + 1e-6)
    assert ask(stream) == [TWO]
    assert not stream.closed
    app.advance_to(30.0 + 2.0 / speed + 1e-6)
    assert stream.closed
    assert app.left == []


def test_without_time_a_piece_waits_only_for_what_the_client_had_said_before_it() -> None:
    app = ReplayApp(STREAM.recording, speed=0)
    first, stream = app.connect(), app.connect()
    assert len(ask(first, post("/queue/join", {"fn_index": 0, "session_hash": "mine"}))) == 1
    assert ask(stream, get("/queue/data?session_hash=mine")) == [HEAD, ONE]
    assert not stream.closed
    assert len(ask(first, post("/queue/join", {"fn_index": 1, "session_hash": "mine"}))) == 1
    assert ask(stream) == [TWO]
    assert stream.closed


def test_sessions_are_not_mixed_up() -> None:
    lines = Lines()
    for number, name in enumerate(("one", "two")):
        lines.client(number, post("/queue/join", {"fn_index": 0, "data": [name], "session_hash": name}))
        lines.server(number, OK + "2\r\n\r\n{}")
    for conn, name in ((2, "one"), (3, "two")):
        lines.client(conn, get(f"/queue/data?session_hash={name}"), conn).server(conn, OK + f"3\r\n\r\n{name}", conn)
    app = ReplayApp(lines.recording, speed=0)
    # The other one comes first, which its content shows, and reads first.
    ask(app.connect(), post("/queue/join", {"fn_index": 0, "data": ["two"], "session_hash": "x"}))
    ask(app.connect(), post("/queue/join", {"fn_index": 0, "data": ["one"], "session_hash": "y"}))
    assert ask(app.connect(), get("/queue/data?session_hash=x")) == [(OK + "3\r\n\r\ntwo").encode()]
    assert ask(app.connect(), get("/queue/data?session_hash=y")) == [(OK + "3\r\n\r\none").encode()]
    app.assert_strict()


def test_what_nothing_recorded_answers_is_an_error_that_names_what_there_is() -> None:
    app = ReplayApp(STREAM.recording, speed=0)
    connection = app.connect()
    (answer,) = ask(connection, post("/queue/join?token=secret-1", {"fn_index": 7, "session_hash": "mine"}))
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    detail = json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]
    assert detail == (
        "gradproto replay: POST /queue/join?token= (fn_index 7): it was not recorded; recorded and not played yet: "
        "POST /queue/join (fn_index 0), GET /queue/data?session_hash=, POST /queue/join (fn_index 1)"
    )
    with pytest.raises(AssertionError, match="fn_index 7"):
        app.assert_strict()
    # The connection goes on.
    assert len(ask(connection, post("/queue/join", {"fn_index": 0, "session_hash": "mine"}))) == 1


def test_what_was_played_is_not_played_again_but_what_was_read_is() -> None:
    lines = Lines().client(0.0, get("/config")).server(0.0, OK + "2\r\n\r\n{}")
    lines.client(0.1, post("/run", {"fn_index": 0})).server(0.2, OK + "1\r\n\r\n1")
    app = ReplayApp(lines.recording, speed=0)
    connection = app.connect()
    for _ in range(3):
        assert ask(connection, get("/config")) == [(OK + "2\r\n\r\n{}").encode()]
    assert ask(connection, post("/run", {"fn_index": 0})) == [(OK + "1\r\n\r\n1").encode()]
    (answer,) = ask(connection, post("/run", {"fn_index": 0}))
    assert b"it was recorded 1 time, for which others have asked; recorded and not played yet: nothing" in answer


def test_parts_of_a_file_are_told_apart_and_secrets_in_a_query_are_not() -> None:
    lines = Lines()
    lines.client(0.0, get("/file=a?__sign=********", "range: bytes=0-1")).server(0.0, OK + "2\r\n\r\nab")
    lines.client(0.1, get("/file=a?__sign=********", "range: bytes=2-")).server(0.1, OK + "1\r\n\r\nc")
    app = ReplayApp(lines.recording, speed=0)
    assert ask(app.connect(), get("/file=a?__sign=another", "range: bytes=2-")) == [(OK + "1\r\n\r\nc").encode()]
    assert ask(app.connect(), get("/file=a", "range: bytes=0-1")) == [(OK + "2\r\n\r\nab").encode()]


def test_requests_in_one_go_are_answered_one_after_the_other() -> None:
    lines = Lines().client(0.0, get("/a") + get("/b")).server(0.1, f"{OK}1\r\n\r\na{OK}1\r\n\r\nb")
    app = ReplayApp(lines.recording, speed=0)
    assert ask(app.connect(), get("/b") + get("/a")) == [(OK + "1\r\n\r\nb").encode(), (OK + "1\r\n\r\na").encode()]


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked() -> None:
    lines = Lines().client(0.0, post("/run", {"fn_index": 0})).server(0.2, "HTTP/1.1 100 Continue\r\n")
    lines.server(0.2, f"\r\n{OK}1\r\n\r\n1")
    app = ReplayApp(lines.recording, speed=0)
    head, _, body = post("/run", {"fn_index": 0}).partition(b"\r\n\r\n")
    connection = app.connect()
    assert ask(connection, head + b"\r\nexpect: 100-continue\r\n\r\n") == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    assert ask(connection, body) == [(OK + "1\r\n\r\n1").encode()]


def test_a_server_that_broke_the_connection_breaks_it_again() -> None:
    lines = Lines().client(0.0, get("/a")).server(0.1, OK + "9\r\n\r\nhalf").end("s2c", 0.2, reset=True)
    app = ReplayApp(lines.recording, speed=0)
    connection = app.connect()
    assert ask(connection, get("/a")) == [(OK + "9\r\n\r\nhalf").encode()]
    assert connection.closed
    assert connection.reset
    assert app.requests[0].end == "cut"


def test_what_had_no_answer_has_none_again() -> None:
    app = ReplayApp(Lines().client(0.0, get("/a")).recording, speed=0)
    connection = app.connect()
    assert ask(connection, get("/a")) == []
    assert not connection.closed
    connection.connection_lost()
    assert app.requests[0].end == "disconnected"


def test_a_heartbeat_that_was_not_recorded_goes_on_all_the_same() -> None:
    app = ReplayApp(STREAM.recording, speed=0)
    connection = app.connect()
    (beat,) = ask(connection, get("/heartbeat/mine"))
    assert beat.endswith(b"data: ALIVE\n\n")
    assert not connection.closed
    app.assert_strict()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no request in it"),
        ("{}\n[]\n", "line 2 is no line of a recording: it is no JSON object"),
        ("no\n", "line 1 is no line"),
        ('{"conn": 1}\n', "line 1 is no line of a recording: KeyError('t')"),
        ('{"conn": 1, "dir": "up", "t": 0}\n', "its direction is neither"),
        ('{"conn": 1, "dir": "c2s", "t": "x"}\n', "line 1"),
        ('{"conn": 1, "dir": "c2s", "t": 0, "b64": "!"}\n', "line 1"),
        ('{"conn": [], "dir": "c2s", "t": 0}\n', "line 1"),
        ("[" * 100_000 + "\n", "line 1"),
    ],
)
def test_what_is_no_recording_is_refused_with_the_line(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=why.replace("(", r"\(").replace(")", r"\)")):
        Recording(path)


@pytest.mark.parametrize("speed", [-1.0, math.nan, math.inf])
def test_a_speed_that_cannot_be_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        ReplayApp(STREAM.recording, speed=speed)


def talk(url: str, *, generator: bool, one: bool) -> list[Any]:
    """Use an app in every way that its generation has."""
    with Client(url) as client:
        said: list[Any] = [client.predict("Hello", fn_index=0)]
        if one:
            return said
        if generator:
            said += [list(client.submit(count, api_name="/count")) for count in (3, 2)]
        said.append(Path(client.predict(b"some text", api_name="/upper")).read_bytes())
        said += [client.predict(api_name="/incr") for _ in range(2)]
        said.append(str(client.submit("x", api_name="/fail").exception()))
        return said


def answers(path: Path) -> dict[tuple[str, str], list[bytes]]:
    """The whole answers by what was asked for, in order; a handshake's has the client's key in it."""
    found: dict[tuple[str, str], list[bytes]] = {}
    for one in Recording(path).exchanges:
        answer = b"".join(piece for _, piece in one.pieces)
        if one.is_whole or one.status == 101:
            _, accept, rest = answer.partition(b"sec-websocket-accept: ")
            found.setdefault((one.asked.method, one.asked.route), []).append(rest[28:] if accept else answer)
    return found


@pytest.mark.parametrize("version", GENERATIONS)
def test_what_a_generation_has_said_it_says_again_byte_by_byte(version: str, tmp_path: Path) -> None:
    app = demo_app(version)
    first, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    # The older ones are asked every second how far they are, which takes long.
    options = {"generator": app.find_endpoint("/count") is not None, "one": "push" in app.profile.routes}
    with FakeServer(app) as real, RecordingServer(real.url, first) as recorder:
        outputs = talk(recorder.url, **options)
    with ReplayServer(Recording(first), speed=0) as played, RecordingServer(played.url, again) as recorder:
        assert talk(recorder.url, **options) == outputs
        played.assert_strict()
        assert played.run(lambda replay: replay.left) == []
    assert answers(again) == answers(first)


VERSIONS = list(dict.fromkeys(one.expected.gradio for one in recordings()))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recordings_of_the_specification_are_played_to_a_client(version: str) -> None:
    for expected in recordings():
        # One polled queue is enough: each question to it takes a second.
        if expected.expected.gradio == version and not expected.id.startswith("3.0.24-queued"):
            with ReplayServer(Recording(expected.path), speed=0) as server:
                _lead_again(server.url, expected)
                server.assert_strict()
                assert server.run(lambda replay: replay.left) == [], expected


def _lead_again(url: str, recording: Expected) -> None:
    expected, backend = recording.expected, BACKENDS["sync"]
    auth = None if expected.auth is None else tuple(expected.auth)

    async def scenario() -> None:
        async with backend.open_client(url, download_files=False, route=expected.route, auth=auth) as client:
            for call in expected.calls:
                await check_call(backend, client, call)

    backend.run(scenario)


@pytest.mark.real
def test_a_real_gradio_is_recorded_and_played(real_url: str, tmp_path: Path) -> None:
    path = tmp_path / "real.jsonl"
    with RecordingServer(real_url, path) as recorder:
        outputs = talk(recorder.url, generator=True, one=False)
        assert f'\\"root\\":\\"{recorder.url}\\"' in path.read_text(encoding="utf-8")
    with ReplayServer(Recording(path), speed=0) as played:
        assert talk(played.url, generator=True, one=False) == outputs
        played.assert_strict()
