"""The queue over a WebSocket, as Gradio 3.1.5 to 3.50 has it: one socket for each event."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wsproto.frame_protocol import CloseReason

from ._calls import CallHost
from ._endpoints import Endpoint
from ._http import Exchange
from ._jobs import Job
from ._json import is_list, is_object
from ._messages import Bent, Message
from ._queue import QueueFull, Session
from ._schedule import Timer
from ._websocket import WebSocket

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["QueueSocket"]


class QueueSocket:
    """What the server says and hears on one socket."""

    def __init__(self, app: FakeApp, socket: WebSocket) -> None:
        self._app = app
        self._socket = socket
        self._job: Job | None = None
        self._channel: Session | None = None
        self._hash: str | None = None
        self._waits_for_hash = True
        self._timer: Timer | None = None
        socket.user = self
        opening = app.profile.socket_opening
        if opening == "send_hash":
            socket.send_text(app.messages.send_hash.text)
            if app.profile.socket_hash_wait is not None:
                self._timer = app.schedule.call_after(app.profile.socket_hash_wait, socket.cut)
        elif opening == "data":
            self._waits_for_hash = False
            self._join(app.queue.not_yet_known)

    @property
    def exchange(self) -> Exchange:
        """The request that it began with."""
        return self._socket.exchange

    # -- the socket's

    def text_received(self, text: str) -> None:
        """The client sent a message: the hash, or the data."""
        try:
            message: Any = json.loads(text)
        except (ValueError, RecursionError):
            self._socket.cut()
            return
        if self._waits_for_hash:
            self._hash_received(message)
        elif self._job is not None and self._app.queue.is_asked(self._job):
            self._data_received(message)
        elif self._channel is None and is_object(message) and message.get("msg") == "join_back":
            self._join(self._app.queue.not_yet_known)  # the socket is still there: 3.1.5 to 3.2

    def fill(self, limit: int) -> None:
        """Send the waiting messages; after the last one say goodbye."""
        channel = self._channel
        if channel is None:
            return
        if not channel.known:
            self._misbehave("lost")  # forgotten, as by another replica
            return
        bend = self._socket.exchange.message_bend
        while channel.messages and limit > 0:
            message = channel.take()
            said: Iterable[Bent] = (message,) if bend is None else bend(message)
            completed = False
            for item in said:
                if not isinstance(item, Message):
                    self._misbehave(item)
                    return
                limit -= len(item.text)
                if item.text and item.kind != "server_stopped":  # here the code of the end says it
                    try:
                        self._socket.send_text(item.text)
                    except UnicodeEncodeError:  # progress, logs and errors with half a pair of surrogates
                        self._misbehave("lost")
                        return
                completed = completed or item.kind == "process_completed"
            if completed:
                channel.pending.clear()
                self._over()
                return
        if channel.ended and not channel.messages:
            self._over()

    def _misbehave(self, what: str) -> None:
        """Do what a fault wants: a server that stops closes with a code that says so."""
        channel, self._channel = self._channel, None
        if channel is not None and what != "silence":
            channel.streams.clear()
            self._app.queue.stream_lost(channel)
        if what == "lost":
            self._socket.cut()
        else:
            self._socket.close(CloseReason.NORMAL_CLOSURE if what == "end" else CloseReason.SERVICE_RESTART)

    def gone(self) -> None:
        """The client has closed, or is lost: its event is dropped, its generator stops."""
        self._stop_timer()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.streams.clear()
            self._app.queue.stream_lost(channel)

    def server_stops(self) -> None:
        """Close with the code that says so."""
        self._misbehave("stopped")

    def wake(self) -> None:
        """There may be something to send."""
        self._socket.wake()

    # -- inside

    def _hash_received(self, message: Any) -> None:
        self._waits_for_hash = False
        self._stop_timer()
        if self._app.profile.socket_opening == "hash":
            # Before 3.2 the first message holds only a hash; which function it is comes with the data.
            if is_object(message) and "hash" in message:
                self._join(self._app.queue.not_yet_known)
            else:
                self._socket.cut()
            return
        endpoint = None
        if is_object(message) and isinstance(message.get("session_hash"), str):
            self._hash = self._socket.exchange.record.session_hash = message["session_hash"]
            endpoint = self._app.endpoint_at(message.get("fn_index"))
        self._join(endpoint)

    def _join(self, endpoint: Endpoint | None) -> None:
        app = self._app
        if endpoint is None:
            self._socket.cut()
            return
        host = CallHost(app, app.file_root(self._socket.exchange), self._hash)
        try:
            if self._socket.exchange.queue_full:
                raise QueueFull("a fault says so")
            job = app.queue.join(endpoint, None, self._hash, host, now=app.now, own_stream=True)
        except QueueFull:
            if text := app.messages.queue_full.text:
                self._socket.send_text(text)
            self._socket.close()
            return
        app.remember(job)
        self._job = job
        self._channel = app.queue.channel_of(job)
        self._channel.streams.append(self)
        app.strike_streams([self._channel])
        self.wake()

    def _data_received(self, message: Any) -> None:
        app, job = self._app, self._job
        assert job is not None
        self._socket.exchange.log_body(message)
        data = message.get("data") if is_object(message) else None
        if not is_list(data):
            self._bad_data()
            return
        if app.profile.socket_opening == "send_hash":
            app.queue.give_data(job.event_id, data)
            return
        # Before 3.6 the data say whose they are and for which function.
        session_hash = message.get("session_hash")
        self._hash = session_hash if isinstance(session_hash, str) else None
        self._socket.exchange.record.session_hash = self._hash
        endpoint = app.endpoint_at(message.get("fn_index"))
        if endpoint is None:
            app.queue.refuse(job, IndexError("list index out of range"))
        else:
            host = CallHost(app, app.file_root(self._socket.exchange), self._hash)
            app.queue.turn_to(job, endpoint, self._hash or "", data, host)
            if self._channel is not None:
                app.strike_streams([self._channel])

    def _bad_data(self) -> None:
        job = self._job
        assert job is not None
        if self._app.profile.socket_hash_wait is not None:
            return  # since 3.20 or so the event hangs, and its place with it
        self._app.queue.end_without_word(job)

    def _over(self) -> None:
        self._channel = None
        if not self._app.profile.stays_open:
            self._socket.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
