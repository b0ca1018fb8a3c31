"""The fake server under any requests in any order, whatever goes wrong: it never fails, and nothing is left of them.

When all clients have gone and time has passed, there is no event, no stream, no connection and no timer any more, and
each job has ended, once.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gradproto_fake_server import (
    FAULTS,
    Completed,
    Estimation,
    FakeApp,
    Generating,
    Hold,
    Log,
    MemoryConnection,
    MemoryServer,
    Progress,
    ScriptStep,
    Sleep,
    Starts,
    demo_app,
)

from .wire import multipart

VERSIONS = ["2.9.4", "3.0.24", "3.1.5", "3.4.1", "3.50.2", "4.0.2", "4.8.0", "4.12.0", "4.31.5", "5.0.2", "6.31.0"]
SESSIONS = ["a", "b", "c"]
SCRIPTS: list[list[ScriptStep]] = [
    [Estimation(rank=2), Starts(), Progress(progress=0.5), Generating("a"), Completed("ab")],
    [Starts(), Hold(), Completed("a")],
    [Starts(), Sleep(20), Completed("a")],
    [Starts(), Log("x"), Completed("a"), Completed("a")],
    [Starts()],
]
# Values that keep a fault small.
VALUES: dict[str, dict[str, Any]] = {"oversize event": {"size": 1000}, "bandwidth": {"bytes_per_second": 2000}}
UPLOAD = multipart([("files", "a.txt", b"x" * 1000)])
FORM = "multipart/form-data; boundary=the-boundary"


def request(method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: fake.test\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def frame(value: object) -> bytes:
    """Make a text frame of a client's, under a mask of zeros."""
    text = json.dumps(value).encode()
    return b"\x81" + struct.pack("!BH", 0x80 | 126, len(text)) + bytes(4) + text


class AnyClients(RuleBasedStateMachine):
    """Draws what clients and tests do next."""

    @initialize(version=st.sampled_from(VERSIONS), buffer_limit=st.sampled_from([300, 4 << 20]))
    def begin(self, version: str, buffer_limit: int) -> None:
        self.app: FakeApp = demo_app(version, buffer_limit=buffer_limit)
        self.server = MemoryServer(self.app)
        self.prefix = self.app.profile.api_prefix
        self.indices = list(range(-1, len(self.app.endpoints) + 1))
        self.connections: list[MemoryConnection] = []
        self.event_ids: list[str] = ["nothing"]
        self.ends: dict[str, str] = {}

    def connection(self, number: int) -> MemoryConnection | None:
        return self.connections[number % len(self.connections)] if self.connections else None

    def send(self, number: int, data: bytes, cut: int = 0) -> None:
        connection = self.connection(number)
        if connection is not None:
            connection.receive_data(data[: len(data) - cut] if cut < len(data) else data)

    # --- clients

    @precondition(lambda self: len(self.connections) < 6)
    @rule()
    def connect(self) -> None:
        try:
            self.connections.append(self.server.connect())
        except ConnectionRefusedError:
            assert not self.app.listening.on

    numbers = st.integers(0, 5)

    @rule(
        number=numbers,
        index=st.integers(0, 20),
        session=st.sampled_from(SESSIONS),
        data=st.sampled_from([["x"], [2], ["x", 3], [], None, ["x", []]]),
        path=st.sampled_from(["/queue/join", "/queue/push/", "/run/echo", "/call/count", "/call/echo", "/predict"]),
    )
    def call(self, number: int, index: int, session: str, data: Any, path: str) -> None:
        fn_index = self.indices[index % len(self.indices)]
        body = json.dumps({"data": data, "fn_index": fn_index, "session_hash": session}).encode()
        old = path == "/queue/push/" or (self.prefix == "" and path in ("/run/echo", "/predict"))
        self.send(number, request("POST", f"/api{path}" if old else f"{self.prefix}{path}", body))

    @rule(number=numbers, session=st.sampled_from(SESSIONS), event=st.integers(0, 20), what=st.integers(0, 5))
    def listen(self, number: int, session: str, event: int, what: int) -> None:
        event_id = self.event_ids[event % len(self.event_ids)]
        path = [
            f"/queue/data?session_hash={session}",
            f"/queue/join?session_hash={session}&fn_index={event % len(self.indices)}",
            f"/call/echo/{event_id}",
            f"/heartbeat/{session}",
            "/upload_progress?upload_id=u",
            "/queue/status",
        ][what]
        self.send(number, request("GET", self.prefix + path))

    @rule(number=numbers)
    def shake_hands(self, number: int) -> None:
        head = "GET /queue/join HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        keys = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        self.send(number, (head + keys).encode())

    @rule(
        number=numbers,
        index=st.integers(0, 20),
        session=st.sampled_from(SESSIONS),
        what=st.sampled_from(["hash", "data", "close", "odd"]),
    )
    def say(self, number: int, index: int, session: str, what: str) -> None:
        fn_index = self.indices[index % len(self.indices)]
        value: dict[str, Any] = {"session_hash": session, "fn_index": fn_index, "hash": session}
        if what == "close":
            self.send(number, b"\x88\x82\0\0\0\0\x03\xe8")
        else:
            self.send(number, frame({**value, "data": ["x"]} if what == "data" else value if what == "hash" else 5))

    @rule(
        number=numbers,
        session=st.sampled_from(SESSIONS),
        event=st.integers(0, 20),
        index=st.integers(0, 20),
        path=st.sampled_from(["/cancel", "/reset", "/queue/data", "/queue/status/"]),
    )
    def interfere(self, number: int, session: str, event: int, index: int, path: str) -> None:
        event_id = self.event_ids[event % len(self.event_ids)]
        value = {
            "session_hash": session,
            "event_id": event_id,
            "fn_index": self.indices[index % len(self.indices)],
            "hash": event_id,
            "data": ["x"],
        }
        old = path == "/queue/status/"
        self.send(number, request("POST", f"/api{path}" if old else self.prefix + path, json.dumps(value).encode()))

    @rule(number=numbers, cut=st.sampled_from([0, 0, 1, 200, 900]), query=st.sampled_from(["", "?upload_id=u"]))
    def upload(self, number: int, cut: int, query: str) -> None:
        self.send(number, request("POST", f"{self.prefix}/upload{query}", UPLOAD, FORM), cut)

    @rule(number=numbers, data=st.sampled_from([b"\r\n", b"GET ", b"x" * 100, b"\x16\x03\x01", b"\x89\x80\0\0\0\0"]))
    def send_anything(self, number: int, data: bytes) -> None:
        self.send(number, data)

    @rule(number=numbers, limit=st.sampled_from([1, 50, None]))
    def read(self, number: int, limit: int | None) -> None:
        connection = self.connection(number)
        if connection is not None:
            connection.data_to_send(limit)
            if connection.closed:
                self.connections.remove(connection)
                connection.close()

    @rule(number=numbers, without_a_word=st.booleans())
    def leave(self, number: int, without_a_word: bool) -> None:
        connection = self.connection(number)
        if connection is not None:
            self.connections.remove(connection)
            if without_a_word:
                connection.close()
            else:
                connection.receive_data(b"")

    # --- the test

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 6.0, 31.0]))
    def advance(self, seconds: float) -> None:
        self.server.advance(seconds)

    @rule(index=st.integers(0, 20), what=st.sampled_from(["hold", "release", "step"]))
    def gate(self, index: int, what: str) -> None:
        name = self.app.endpoints[index % len(self.app.endpoints)].name
        if what == "step":
            if any(job.endpoint.name == name for job in self.app.jobs.values()):
                self.app.job(name).step()
        elif what == "hold":
            self.app.hold(name)
        else:
            self.app.release(name)
        self.server.settle()

    @rule(script=st.sampled_from(SCRIPTS))
    def script(self, script: list[ScriptStep]) -> None:
        self.app.script("/echo" if self.app.find_endpoint("/echo") else self.app.endpoints[0].name, script)

    @rule(
        name=st.sampled_from(list(FAULTS)),
        session=st.none() | st.sampled_from(SESSIONS),
        endpoint=st.none() | st.sampled_from(["/echo", "/count"]),
        after=st.integers(0, 1),
    )
    def inject(self, name: str, session: str | None, endpoint: str | None, after: int) -> None:
        # Who connects, and what the first bytes are for, is not known yet.
        family = FAULTS[name].family
        session = None if family == "connection" else session
        endpoint = None if family in ("connection", "body") else endpoint
        self.app.inject(name, session=session, endpoint=endpoint, after=after, **VALUES.get(name, {}))

    @rule(what=st.sampled_from(["restart", "down", "forget_sessions", "reset", "refuse", "chaos", "clear"]))
    def disturb(self, what: str) -> None:
        if what == "down":
            self.app.restart(down=3.0)
        elif what == "refuse":
            self.app.refuse(2.0)
        elif what == "chaos":
            self.app.chaos(len(self.app.requests), 0.2)
        elif what == "clear":
            self.app.faults.clear()
        else:
            getattr(self.app, what)()
        if what == "reset":
            self.ends.clear()
        self.server.settle()

    # --- what is always so

    @invariant()
    def ends_are_ends(self) -> None:
        for event_id, job in getattr(self, "app", FakeApp()).jobs.items():
            if event_id not in self.event_ids:
                self.event_ids.append(event_id)
            if event_id in self.ends:
                assert job.state == self.ends[event_id], "a job has ended twice"
            elif job.over:
                self.ends[event_id] = job.state

    def teardown(self) -> None:
        app = self.app
        app.faults.clear()
        app.listening.start()
        for endpoint in app.endpoints:
            app.release(endpoint.name)
            endpoint.scripts.clear()
        for connection in self.connections:
            while connection.data_to_send():
                pass
            connection.close()
        self.server.advance(10_000)
        for endpoint in app.endpoints:  # what a script held meanwhile
            app.release(endpoint.name)
        self.server.advance(10_000)
        left = [job for job in app.jobs.values() if not job.over]
        assert {job.state for job in left} <= {"paused"}, "a job never ends"  # nobody has read its session's stream
        app.assert_all_closed()
        app.forget_sessions()
        self.server.advance(10_000)
        self.ends_are_ends()
        assert all(job.over for job in app.jobs.values())
        queue = app.queue
        assert not queue.events
        assert queue.size == 0
        assert not any(session.streams for session in queue.channels())
        assert not app.open_streams
        assert not app.uploads.waiting
        assert app.next_deadline() is None
        assert app.connections == 0
        app.close()


TestAnyClients = AnyClients.TestCase
TestAnyClients.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
