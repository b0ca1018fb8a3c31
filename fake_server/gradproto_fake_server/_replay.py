"""A server that answers as a recorded one did: the same bytes, in the same pieces, at the same distances in time.

A request is answered as the first recorded one that is alike and was not answered yet: of the same method, path, query,
function and event, and of a session that stands for the same recorded one. If there are several, one with the same
content comes first. What was only read may be read again.

A piece of an answer is sent when the client has said all that the recorded one had said by then: on this connection,
and in what it has posted for the same session. From there on the recorded time passes, or a part of it.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable

from wsproto.utilities import generate_accept_token

from ._json import compact_json
from ._listening import Listening
from ._log import Ending, RequestRecord, check_strict, is_excused
from ._recording import Asked, ClientReader, Recorded, Recording
from ._schedule import Schedule, Timer

__all__ = ["ReplayApp", "ReplayConnection"]

_ACCEPT = re.compile(rb"(?i)(\r\nsec-websocket-accept:[ \t]*)[^\r]*")
_REMEMBERED_REQUESTS = 10_000
_SHOWN = 10  # recorded requests that an error names
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Without its heartbeat a client thinks that the server is gone, and tries again and again.
_HEARTBEAT = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: ALIVE\n\n"


class ReplayApp:
    """Plays the server of a recording; ``speed`` 2.0 is twice as fast, and 0 waits for nothing but the client.

    Raises ``ValueError`` for a speed below 0.
    """

    def __init__(self, recording: Recording, *, speed: float = 1.0) -> None:
        if not 0 <= speed < float("inf"):
            raise ValueError(f"the speed is {speed!r}: it must be a number from 0")
        self.recording = recording
        self.schedule: Schedule = Schedule()
        self.listening: Listening = Listening(self.schedule)
        self.ready: dict[ReplayConnection, None] = {}
        """Connections that may have something to send or want to be closed; the shell empties it."""
        self.requests: deque[RequestRecord] = deque(maxlen=_REMEMBERED_REQUESTS)
        """The newest requests, oldest first."""
        self.on_request: Callable[[RequestRecord], object] | None = None
        """Called when a request is over, however it ended."""
        self.date_offset: float = 0.0
        self.scale: float = 1 / speed if speed else 0.0
        """Seconds for each recorded one."""
        self._answered: dict[int, float] = {}  # when, by the number of what is recorded
        self._sessions: dict[str, str] = {}  # the recorded ones by those of the clients
        self._posts: dict[str, list[Recorded]] = {}
        for recorded in recording.exchanges:
            session = recorded.asked.session
            if session is not None and recorded.asked.method == "POST":
                self._posts.setdefault(session, []).append(recorded)
        self._connections: dict[ReplayConnection, None] = {}
        self._connection_count = 0
        self._request_count = 0

    # -- for the shells

    @property
    def now(self) -> float:
        """The server's time in seconds."""
        return self.schedule.now

    def connect(self) -> ReplayConnection:
        """A client has connected."""
        self._connection_count += 1
        connection = ReplayConnection(self, self._connection_count)
        self._connections[connection] = None
        return connection

    def set_time(self, now: float) -> None:
        """Set the time and do what is due."""
        self.schedule.run_due(now)

    def run_jobs(self) -> None:
        """There are none."""

    def settle(self) -> None:
        """There is nothing that would go on by itself."""

    def advance_to(self, until: float) -> None:
        """Let time pass up to ``until``."""
        self.schedule.run_due(until)

    def next_deadline(self) -> float | None:
        """Give the time at which the shell must come back."""
        return self.schedule.next_deadline()

    def take_ready(self) -> list[ReplayConnection]:
        """Give the connections that may have something to send or want to be closed, once."""
        ready = list(self.ready)
        self.ready.clear()
        return ready

    def use_disk(self) -> None:
        """There are no files."""

    def close(self) -> None:
        """Drop all connections."""
        for connection in list(self._connections):
            connection.connection_lost()

    # -- for tests

    @property
    def complaints(self) -> list[str]:
        """What was asked for that nothing recorded answers, request by request."""
        return [f"#{record.number} {record.complaint}" for record in self.requests if record.complaint is not None]

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if anything was asked for that nothing recorded answers."""
        check_strict(self.complaints)

    @property
    def left(self) -> list[str]:
        """The recorded requests that nobody has made yet."""
        return [str(one.asked) for one in self.recording.exchanges if one.number not in self._answered]

    @property
    def open_streams(self) -> list[RequestRecord]:
        """The event streams that are open."""
        return [record for record in self.requests if record.kind == "stream" and record.end == "open"]

    # -- for its connections

    def log_request(self, connection: ReplayConnection, asked: Asked) -> RequestRecord:
        """Write a request into the log."""
        self._request_count += 1
        record = RequestRecord(
            number=self._request_count,
            connection=connection.number,
            method=asked.method,
            path=asked.path,
            query=asked.query_string,
            headers=list(asked.head.headers),
            kind="unknown",
            started=self.now,
            session_hash=asked.session,
        )
        self.requests.append(record)
        return record

    def find(self, asked: Asked) -> Recorded | None:
        """Find what was recorded for a request, and count it as answered."""
        alike = [
            recorded
            for recorded in self.recording.exchanges
            if _is_alike(recorded.asked, asked) and self._may_be(asked.session, recorded.asked.session)
        ]
        fresh = [recorded for recorded in alike if recorded.number not in self._answered]
        found: Recorded | None
        if fresh:
            content = asked.content
            found = next((recorded for recorded in fresh if recorded.asked.content == content), fresh[0])
        else:
            found = next((recorded for recorded in reversed(alike) if recorded.repeats), None)
        if found is not None:
            self._answered.setdefault(found.number, self.now)
            if asked.session is not None and found.asked.session is not None:
                self._sessions[asked.session] = found.asked.session
            for connection in list(self._connections):
                connection.go_on()  # others may have waited for this
        return found

    def _may_be(self, session: str | None, recorded: str | None) -> bool:
        """Say whether a client's session can stand for a recorded one."""
        if session is None or recorded is None:
            return True  # older Gradios need none
        if session == recorded:
            return True
        known = self._sessions.get(session)
        if known is not None:
            return known == recorded
        return session not in self.recording.sessions and recorded not in self._sessions.values()

    def explain(self, asked: Asked) -> str:
        """Say that nothing recorded answers a request, and what there is."""
        known = [recorded for recorded in self.recording.exchanges if _is_alike(recorded.asked, asked)]
        if known:
            why = f"it was recorded {len(known)} time{'s' * (len(known) > 1)}, for which others have asked"
        else:
            why = "it was not recorded"
        counts = Counter(self.left)
        shown = [f"{count} x {what}" if count > 1 else what for what, count in counts.items()]
        more = [f"... and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
        return f"{asked}: {why}; recorded and not played yet: {', '.join([*shown[:_SHOWN], *more]) or 'nothing'}"

    def document(self, asked: Asked) -> bytes | None:
        """Give what stands beside the recording for those who look whether it is there."""
        found = (text for route, text in self.recording.documents.items() if asked.path.endswith(route))
        return next(found, None) if asked.method == "GET" else None

    def said_by(self, recorded: Recorded, at: float) -> tuple[float, float] | None:
        """Give when the recorded client had said the last thing for its session by a time, then and now.

        ``None`` if the client of now has not said all of that yet.
        """
        last = (0.0, 0.0)
        for post in self._posts.get(recorded.asked.session or "", ()):
            if post.heard[0] >= at:
                continue
            answered = self._answered.get(post.number)
            if answered is None:
                return None
            last = max(last, (post.heard[0], answered))
        return last

    def forget_connection(self, connection: ReplayConnection) -> None:
        """A connection is gone."""
        self._connections.pop(connection, None)


def _is_alike(recorded: Asked, asked: Asked) -> bool:
    return (
        recorded.method == asked.method
        and recorded.route == asked.route
        and recorded.compared_query == asked.compared_query
        and recorded.is_about(asked)
    )


class _Answer:
    """An answer, as far as it is sent."""

    def __init__(self, asked: Asked, record: RequestRecord) -> None:
        self.asked = asked
        self.record = record
        self.recorded: Recorded | None = None
        self.own: bytes | None = None  # what is said where nothing was recorded
        self.said: list[float] = []  # when the client said what
        self.sent = 0  # pieces
        self.time = 0.0  # when the last one was sent

    def next(self) -> tuple[float, bytes | None] | None:
        """Give the next piece, ``None`` for the end of the connection, with its recorded time."""
        recorded = self.recorded
        assert recorded is not None
        if self.sent < len(recorded.pieces):
            return recorded.pieces[self.sent]
        return None if recorded.ends is None else (recorded.ends, None)


class ReplayConnection:
    """One client's connection. Shells use it as they use any other."""

    def __init__(self, app: ReplayApp, number: int) -> None:
        self.number = number
        self.closed: bool = False
        """Whether the socket is to be closed once everything was sent."""
        self.reset: bool = False
        """Whether it is to be reset then, and not just closed."""
        self._app = app
        self._reader = ClientReader()
        self._out: deque[bytes] = deque()
        self._answers: deque[_Answer] = deque()
        self._timer: Timer | None = None

    # -- for the shell

    @property
    def wants_data(self) -> bool:
        """Whether the shell may read from the client: it always may."""
        return True

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the client; ``b""`` means that it closed."""
        if not data:
            self.connection_lost()
            return
        for what in self._reader.feed(data):
            if self.closed:
                return
            if isinstance(what, str):
                if self._answers:
                    self._answers[0].said.append(self._app.now)
            elif what.is_whole:
                self._asked(what)
            elif what.head.get("expect").lower() == "100-continue":
                self._send(_CONTINUE)
        self.go_on()

    def data_to_send(self) -> bytes:
        """Give the next piece for the client, ``b""`` if there is none now."""
        return self._out.popleft() if self._out else b""

    def connection_lost(self) -> None:
        """The client is gone, or the server is closed."""
        self.closed = True
        self._out.clear()
        if self._timer is not None:
            self._timer.cancel()
        for answer in self._answers:
            self._over(answer, "disconnected")
        self._answers.clear()
        self._app.forget_connection(self)

    def wake(self) -> None:
        """Tell the shell that there may be something to send."""
        self._app.ready[self] = None

    # -- inside

    def _asked(self, asked: Asked) -> None:
        app = self._app
        answer = _Answer(asked, app.log_request(self, asked))
        recorded = answer.recorded = app.find(asked)
        answer.said.append(app.now)
        if recorded is not None:
            answer.record.kind = "stream" if recorded.is_stream or recorded.status == 101 else "replayed"
            answer.record.status = recorded.status
            if recorded.status == 101:
                self._reader.become_socket()
        elif (document := app.document(asked)) is not None:
            answer.record.kind = "document"
            answer.own = _response(answer, "200 OK", document)
        elif "/heartbeat/" in asked.path and asked.method == "GET":
            answer.record.kind = "heartbeat"
            answer.own = _HEARTBEAT
        else:
            self._refuse(answer)
        self._answers.append(answer)

    def _refuse(self, answer: _Answer) -> None:
        text = self._app.explain(answer.asked)
        if not is_excused(answer.record):
            answer.record.complaint = text
        answer.own = _response(answer, "404 Not Found", compact_json({"detail": f"gradproto replay: {text}"}).encode())

    def go_on(self) -> None:
        """Send what can be sent by now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._answers and not self.closed:
            answer = self._answers[0]
            if answer.recorded is None:
                if answer.own is None:
                    return
                self._send(answer.own)
                answer.own = None
                if answer.record.kind == "heartbeat":
                    return
                self._end_answer()
            elif not self._play(answer, answer.recorded):
                return

    def _play(self, answer: _Answer, recorded: Recorded) -> bool:
        """Send one piece; say whether there may be another that can be sent now."""
        step = answer.next()
        if step is None:
            if recorded.is_whole:
                self._end_answer()
            return recorded.is_whole
        due = self._due(answer, recorded, step[0])
        if due is None:
            return False
        if due > self._app.now:
            self._timer = self._app.schedule.call_after(due - self._app.now, self.go_on)
            return False
        answer.time = due
        answer.sent += 1
        if step[1] is None:
            self.reset = recorded.resets
            self._over(answer, "complete" if recorded.is_whole else "cut")
            self._answers.clear()
            self.closed = True
            self.wake()
            return False
        key = answer.asked.head.get("sec-websocket-key").encode()
        self._send(_ACCEPT.sub(rb"\g<1>" + generate_accept_token(key), step[1]) if key else step[1])
        return True

    def _due(self, answer: _Answer, recorded: Recorded, at: float) -> float | None:
        """Give when it is time for a piece, ``None`` if the client has yet to say something before that."""
        there = sum(when < at for when in recorded.heard) or 1
        if len(answer.said) < there:
            return None
        posted = self._app.said_by(recorded, at)
        if posted is None:
            return None
        then, now = max(posted, (recorded.heard[there - 1], answer.said[there - 1]))
        return max(answer.time, now + max(0.0, at - then) * self._app.scale)

    def _end_answer(self) -> None:
        answer = self._answers.popleft()
        self._over(answer, "complete")

    def _over(self, answer: _Answer, end: Ending) -> None:
        answer.record.end = end
        answer.record.ended = self._app.now
        if self._app.on_request is not None:
            self._app.on_request(answer.record)

    def _send(self, data: bytes) -> None:
        self._out.append(data)
        self.wake()


def _response(answer: _Answer, status: str, body: bytes) -> bytes:
    answer.record.status = int(status.split()[0])
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    return head if answer.asked.method == "HEAD" else head + body
