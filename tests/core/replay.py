"""Leads recorded conversations again: with a session alone, and with a session behind the wire client."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast
from urllib.parse import urlsplit

import h11
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, TextMessage

from gradproto import (
    AbortExchange,
    CancelRefused,
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    Event,
    FileData,
    FilePart,
    Job,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobLogged,
    JobProgressed,
    LocalFile,
    OpenWebSocket,
    OutputGenerated,
    QueueEstimated,
    ReadError,
    Request,
    Session,
    SessionFailed,
    SessionReady,
    StartExchange,
    handle_file,
)
from gradproto.wire import Close, Connect, Send, SendFile, WireClient
from tests.recordings import Answer, Asked, RecordedServer, Recording, ServerConnection, cookies_of

__all__ = [
    "URL",
    "Cut",
    "Observed",
    "agree",
    "as_argument",
    "describe_error",
    "replay_session",
    "replay_wire",
    "same_error",
    "whole",
]

URL = "http://127.0.0.1:7860"

Cut = Callable[[bytes], Iterable[bytes]]
Observed = dict[str, Any]


def whole(data: bytes) -> list[bytes]:
    """Cut nothing."""
    return [data]


def as_argument(value: object) -> object:
    """What an expectation says of an argument, as a user gives it."""
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, str]", value)
    return handle_file(fields["content"].encode(), name=fields["$file"]) if "$file" in fields else fields


def agree(observed: list[Observed], recording: Recording) -> bool:
    """Whether the calls came out as they are expected to; of a message only what is expected must be there."""
    calls = recording.expected.calls
    return len(observed) == len(calls) and all(
        _agrees(now, {key: value for key, value in call.items() if key not in ("endpoint", "args", "cancel_after")})
        for now, call in zip(observed, calls, strict=True)
    )


def _agrees(now: Observed, then: dict[str, Any]) -> bool:
    seen, known = now.get("error"), then.get("error")
    if (seen is None) is not (known is None):
        return False
    same = {**now, "error": None} == {**then, "error": None}
    if seen is None or known is None:
        return same
    return same and same_error(seen, known)


def same_error(seen: dict[str, Any], known: dict[str, Any]) -> bool:
    """Whether an error is the expected one. Only those of the app's own say nothing but what the server said."""
    message = known.get("message") or ""
    if known["type"] == "AppError" and message:
        return bool(seen == known)
    return seen["type"] == known["type"] and message in seen["message"]


def describe_error(error: BaseException) -> dict[str, Any]:
    """An error as expectations have it."""
    return {"type": type(error).__name__, "message": getattr(error, "message", str(error))}


class _Caller:
    """Makes the calls of a recording, one after the other, and notes what becomes of them."""

    def __init__(self, recording: Recording) -> None:
        route = cast("Any", recording.expected.route)
        auth = None if recording.expected.auth is None else (recording.expected.auth[0], recording.expected.auth[1])
        self.session = Session(URL, entropy=random.Random(1).randbytes, route=route, auth=auth)
        self.events: list[Event] = []
        self.observed: list[Observed] = []
        self.refused: list[str] = []
        self.done = False
        self._calls = deque(recording.expected.calls)
        self._call: dict[str, Any] = {}
        self._job: Job | None = None
        self._downloads: dict[int, tuple[dict[str, Any], bytearray]] = {}
        self.session.connect()

    def look(self) -> None:
        """Take the events, and do what is to be done then."""
        while (event := self.session.next_event()) is not None:
            self.events.append(event)
            self._hear(event)

    def _hear(self, event: Event) -> None:
        assert not isinstance(event, SessionFailed), event
        if isinstance(event, SessionReady):
            self._next()
        elif isinstance(event, DownloadDataReceived):
            self._downloads[event.download][1].extend(event.data)
        elif isinstance(event, (DownloadCompleted, DownloadFailed)):
            assert isinstance(event, DownloadCompleted), event
            found, data = self._downloads.pop(event.download)
            found["content"] = data.decode()
            self._next()
        elif isinstance(event, CancelRefused):
            self.refused.append(event.reason)
        elif self._job is not None and getattr(event, "job", None) == self._job.number:
            self._hear_of_job(self._job, event)

    def _hear_of_job(self, job: Job, event: Event) -> None:
        now = self.observed[-1]
        if isinstance(event, (OutputGenerated, JobCompleted)):
            now["outputs"].append([self._seen(value) for value in event.outputs])
        if isinstance(event, JobLogged):
            now.setdefault("logs", []).append([event.level, event.message])
        elif isinstance(event, JobProgressed):
            units = [[unit.index, unit.length, unit.unit, unit.desc] for unit in event.units]
            now.setdefault("progress", []).append(units)
        elif isinstance(event, JobCompleted):
            now["outcome"] = "completed"
        elif isinstance(event, JobCancelled):
            now["outcome"] = "cancelled"
        elif isinstance(event, JobFailed):
            now["outcome"] = "failed"
            now["error"] = describe_error(event.error)
        if now["outcome"] is not None:
            self._next()
        elif self._call.get("cancel_after") == ("queued" if isinstance(event, QueueEstimated) else len(now["outputs"])):
            self._call = {}
            self.session.cancel(job)

    def _seen(self, value: object) -> object:
        if isinstance(value, FileData):
            file: dict[str, Any] = {"$file": value.orig_name}
            expected = self._call["outputs"][0][0]
            if "content" in expected:
                self._downloads[self.session.download(value)] = (file, bytearray())
            return file
        return value

    def _next(self) -> None:
        if self._downloads:
            return
        if not self._calls:
            self.done = True
            return
        self._call = self._calls.popleft()
        self.observed.append({"outcome": None, "outputs": []})
        args = [as_argument(arg) for arg in self._call["args"]]
        call = self.session.prepare(args, api_name=self._call["endpoint"])
        if call.wants_contents:
            call = call.with_contents([_content(file) for file in call.files])
        self._job = self.session.submit(call)


def _content(file: LocalFile) -> bytes:
    assert isinstance(file.source, bytes)
    return file.source


class _Facts:
    """Makes facts of an answer's bytes, with h11 and wsproto alone."""

    def __init__(self, session: Session, number: int, answer: Answer, *, is_websocket: bool) -> None:
        self.session = session
        self.number = number
        self.answer = answer
        self.over = False
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 26)
        headers = [("host", "a")]
        if is_websocket:
            headers += [("upgrade", "websocket"), ("connection", "upgrade")]
        self._http.send(h11.Request(method="GET", target="/", headers=headers))
        self._http.send(h11.EndOfMessage())
        self._frames: Connection | None = None
        self._text = ""

    def feed(self, data: bytes) -> None:
        if self.over:
            return
        if self._frames is not None:
            if not data:
                self._end(lambda: self.session.websocket_closed(self.number, 1006, ""))
                return
            self._frames.receive_data(data)
            self._read_frames(self._frames)
            return
        self._http.receive_data(data)
        while not self.over:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                self._end(lambda: self.session.exchange_failed(self.number, ReadError("the connection ended")))
                return
            if isinstance(event, h11.InformationalResponse):
                self.session.websocket_opened(self.number)
                self._frames = Connection(ConnectionType.CLIENT, trailing_data=self._http.trailing_data[0])
                self._read_frames(self._frames)
                return
            if isinstance(event, h11.Response):
                headers = tuple((name.decode(), value.decode("latin-1")) for name, value in event.headers)
                self.session.response_started(self.number, event.status_code, headers)
            elif isinstance(event, h11.Data):
                self.session.response_data(self.number, bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._end(lambda: self.session.response_ended(self.number))
            else:
                return

    def _read_frames(self, frames: Connection) -> None:
        for event in frames.events():
            if isinstance(event, TextMessage):
                self._text += event.data
                if event.message_finished:
                    text, self._text = self._text, ""
                    self.session.websocket_text(self.number, text)
            elif isinstance(event, CloseConnection):
                code, reason = int(event.code), event.reason or ""
                self.answer.hear()
                self.over = True
                self.session.websocket_closed(self.number, code, reason)
                return

    def _end(self, tell: Callable[[], None]) -> None:
        self.over = True
        tell()


def _body(request: Request) -> bytes:
    assert not any(isinstance(part, FilePart) for part in request.body)
    return b"".join(part for part in request.body if isinstance(part, bytes))


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def replay_session(recording: Recording, cut: Cut = whole) -> tuple[list[Observed], RecordedServer, list[Event]]:
    """Lead the conversation with a session; the bytes of answers come cut like this."""
    server = RecordedServer(recording)
    caller = _Caller(recording)
    session = caller.session
    live: dict[int, _Facts] = {}

    def obey() -> bool:
        any_done = False
        while (command := session.next_command()) is not None:
            any_done = True
            if isinstance(command, StartExchange):
                request = command.request
                cookies = cookies_of(dict(request.headers).get("cookie", ""))
                answer = server.request(Asked(request.method, _path(request.url), _body(request), cookies))
                live[command.exchange] = _Facts(session, command.exchange, answer, is_websocket=False)
            elif isinstance(command, OpenWebSocket):
                cookies = cookies_of(dict(command.headers).get("cookie", ""))
                answer = server.request(Asked("GET", _path(command.url), b"", cookies))
                live[command.exchange] = _Facts(session, command.exchange, answer, is_websocket=True)
            elif isinstance(command, AbortExchange):
                # It may have come to its end meanwhile.
                if command.exchange in live:
                    live.pop(command.exchange).answer.leave()
            elif command.exchange in live:
                # A message, or the end of a WebSocket.
                live[command.exchange].answer.hear()
        return any_done

    def deliver() -> bool:
        any_done = False
        for facts in list(live.values()):
            for piece in facts.answer.take():
                any_done = True
                for chunk in cut(piece) if piece and facts.answer.exchange else [piece]:
                    facts.feed(chunk)
                    caller.look()
            if facts.over:
                live.pop(facts.number, None)
        return any_done

    _drive(caller, session.next_deadline, session.tick, lambda: obey() | deliver())
    server.open = [facts.answer for facts in live.values()]
    return caller.observed, server, caller.events


def replay_wire(recording: Recording, cut: Cut = whole) -> tuple[list[Observed], RecordedServer, list[Event]]:
    """Lead the conversation with a session behind the wire client; received bytes come cut like this."""
    server = RecordedServer(recording)
    caller = _Caller(recording)
    client = WireClient(caller.session, entropy=random.Random(2).randbytes)
    live: dict[int, ServerConnection] = {}

    def obey() -> bool:
        any_done = False
        while (action := client.next_action()) is not None:
            any_done = True
            if isinstance(action, Connect):
                live[action.connection] = ServerConnection(server)
                client.connection_made(action.connection)
            elif isinstance(action, Send):
                live[action.connection].receive(action.data)
            elif isinstance(action, SendFile):
                raise AssertionError("no recording has a file that is not in memory")
            else:
                assert isinstance(action, Close)
                live.pop(action.connection).leave()
        return any_done

    def deliver() -> bool:
        any_done = False
        for number, connection in list(live.items()):
            recorded = connection.is_recorded
            for piece in connection.take():
                any_done = True
                for chunk in cut(piece) if piece and recorded else [piece]:
                    client.receive_data(number, chunk)
                    caller.look()
        return any_done

    _drive(caller, client.next_deadline, client.tick, lambda: obey() | deliver())
    server.open = [connection.answer for connection in live.values() if connection.answer is not None]
    client.close()
    return caller.observed, server, caller.events


def _drive(
    caller: _Caller,
    next_deadline: Callable[[], float | None],
    tick: Callable[[float], None],
    step: Callable[[], bool],
) -> None:
    """Let everything happen that can, and time pass when nothing can; also what is under way at the end."""
    now = 1000.0
    tick(now)
    while True:
        caller.look()
        if step():
            tick(now)
            continue
        if caller.done:
            return
        tick(now)
        deadline = next_deadline()
        if step():
            continue
        assert deadline is not None, "nothing happens any more"
        # Polling waits for seconds; the limits for silence are longer.
        assert deadline - now < 15, f"nothing happens for {deadline - now} seconds: {caller.events}"
        now = max(now, deadline)
        tick(now)
