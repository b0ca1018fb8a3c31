"""The streamed responses: a session's events, the same for ``/call``, heartbeats, the progress of an upload, a file."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from typing import Any

from ._files import FileReader, StoredFile
from ._http import Exchange
from ._json import ascii_json
from ._messages import Bent, Message
from ._queue import Queue, Session
from ._schedule import Schedule, Timer

__all__ = ["CallStream", "EventStream", "FileSource", "HeartbeatStream", "UploadProgressStream"]


_FLOOD = 100


class EventStream:
    """``/queue/data``: the messages of a session, until none of its events is pending.

    Before Gradio 4.9 the response to ``/queue/join``: the messages of its event.
    """

    def __init__(self, queue: Queue, session: Session, exchange: Exchange, schedule: Schedule) -> None:
        self._queue = queue
        self._session = session
        self.exchange: Exchange = exchange
        self._schedule = schedule
        self._session.streams.append(self)
        self._beat = schedule.call_after(queue.profile.heartbeat_interval, self._heartbeat)
        exchange.on_disconnect = self._lost

    def wake(self) -> None:
        """There may be something to send."""
        self.exchange.connection.wake()

    def server_stops(self) -> None:
        """Say so once and nothing after it, or over and over; before Gradio 4.9 the stream goes on as if nothing were.

        Over and over is a hundred times here, for what has no end would fill the memory.
        """
        how = self._queue.profile.stopping
        if how == "goes on" or not self._session.known:
            return
        message = self._queue.messages.server_stopped()
        for _ in range(_FLOOD if how == "floods" else 1):
            if data := self._event(message):
                self.exchange.write(data)
        self._close()
        self.exchange.source = None

    def _heartbeat(self) -> None:
        profile = self._queue.profile
        if not profile.one_heartbeat:
            self._beat = self._schedule.call_after(profile.heartbeat_interval, self._heartbeat)
        if self._session.known:
            self._session.put(self._queue.messages.heartbeat)

    def _close(self) -> None:
        self._beat.cancel()
        if self in self._session.streams:
            self._session.streams.remove(self)

    def _lost(self) -> None:
        self._close()
        self._queue.stream_lost(self._session)

    def fill(self, exchange: Exchange, limit: int) -> None:
        """Send the waiting messages."""
        session = self._session
        if not session.known:
            # The stream of an unknown session begins like any other, says so, and is cut.
            self._fail(self._queue.profile.session_lost, session_not_found=True)
            return
        while session.messages and limit > 0:
            message = session.take()
            said: Iterable[Bent] = (message,) if exchange.message_bend is None else exchange.message_bend(message)
            completed = False
            for item in said:
                if not isinstance(item, Message):
                    self._misbehave(exchange, item)
                    return
                try:
                    data = self._event(item)
                except UnicodeEncodeError:
                    self._fail("str is not valid UTF-8: surrogates not allowed", session_not_found=False)
                    return
                if data:
                    limit -= len(data)
                    exchange.write(data)
                if item.kind == "process_completed" and item.event_id is not None:
                    session.pending.discard(item.event_id)
                    completed = True
            if completed and not session.pending:
                if last := self._event(self._queue.messages.close_stream):
                    exchange.write(last)
                self._finish(exchange)
                return
        if session.ended and not session.messages:
            self._finish(exchange)

    def _misbehave(self, exchange: Exchange, what: str) -> None:
        """Do what a fault wants."""
        if what == "end":
            self._finish(exchange)
        elif what == "lost":
            self._lost()
            exchange.cut()
        else:
            exchange.source = None

    def _finish(self, exchange: Exchange) -> None:
        self._close()
        exchange.finish()

    def _fail(self, text: str, *, session_not_found: bool) -> None:
        self._close()
        message = self._queue.messages.unexpected_error(text, session_not_found=session_not_found)
        if data := self._event(message):
            self.exchange.write(data)
        self.exchange.cut()

    def _event(self, message: Message) -> bytes:
        return b"data: %b\n\n" % message.text.encode() if message.text else b""


class CallStream(EventStream):
    """``/call/{name}/{event_id}``: the same messages for people with curl; most are left out."""

    def _event(self, message: Message) -> bytes:
        event, data = _simple_event(message, tells_errors=self._queue.profile.call_errors)
        return f"event: {event}\ndata: {ascii_json(data)}\n\n".encode() if event else b""


def _simple_event(message: Message, *, tells_errors: bool) -> tuple[str, Any]:
    kind = message.kind
    if kind == "heartbeat":
        return "heartbeat", None
    if kind == "unexpected_error":
        return "error", json.loads(message.text)["message"] if message.text else None
    if kind not in ("process_generating", "process_completed"):
        return "", None
    content = json.loads(message.text)
    if not content["success"]:
        return "error", content["output"] if tells_errors else None
    return ("generating" if kind == "process_generating" else "complete"), content["output"].get("data")


class HeartbeatStream:
    """``/heartbeat/{session}``: a sign of life at once and every so often; its end ends the session's State."""

    def __init__(self, exchange: Exchange, schedule: Schedule, interval: float) -> None:
        self._exchange = exchange
        self._schedule = schedule
        self._interval = interval
        self._due = 1
        self._timer: Timer = schedule.call_after(interval, self._beat)

    def close(self) -> None:
        """The client is gone."""
        self._timer.cancel()

    def _beat(self) -> None:
        self._timer = self._schedule.call_after(self._interval, self._beat)
        self._due += 1
        self._exchange.connection.wake()

    def fill(self, exchange: Exchange, limit: int) -> None:
        """Send what is due."""
        while self._due:
            self._due -= 1
            exchange.write(b"data: ALIVE\n\n")


class UploadProgressStream:
    """``/upload_progress``: what arrived of an upload, piece by piece."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._events: deque[bytes] = deque()
        self._done = False

    def update(self, name: str, size: int) -> None:
        """A piece of a file arrived."""
        self._put({"msg": "update", "orig_name": name, "chunk_size": size})

    def done(self) -> None:
        """The upload is over."""
        self._put({"msg": "done"})
        self._done = True

    def end(self) -> None:
        """There is nothing to tell."""
        self._done = True

    def _put(self, message: dict[str, Any]) -> None:
        self._events.append(f"data: {ascii_json(message)}\n\n".encode())
        self._exchange.connection.wake()

    def fill(self, exchange: Exchange, limit: int) -> None:
        """Send what there is."""
        while self._events:
            exchange.write(self._events.popleft())
        if self._done:
            exchange.finish()


class FileSource:
    """A part of a stored file, read when the connection has room."""

    def __init__(self, file: StoredFile, start: int, end: int) -> None:
        self._reader: FileReader = file.open()
        self._at = start
        self._end = end
        self._closed = False

    def close(self) -> None:
        """Let go of the file."""
        if not self._closed:  # a fault may have cut the answer while its last piece was written
            self._closed = True
            self._reader.close()

    def fill(self, exchange: Exchange, limit: int) -> None:
        """Send the next piece."""
        piece = self._reader.read_at(self._at, min(limit, self._end - self._at))
        self._at += len(piece)
        exchange.write_counted(piece)
        if self._at >= self._end:
            self.close()
            exchange.finish()
        elif not piece:  # the file shrank under our feet
            self.close()
            exchange.cut()
