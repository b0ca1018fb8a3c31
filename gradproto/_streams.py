"""The event streams of a session: which session hash a job gets, and what comes on its stream.

Gradio's ``/cancel`` stops every running task of one session hash and function, and a broken stream takes every event of
its session hash with it. So each job gets a session hash of its own while there are not too many, and only jobs of
endpoints with State share one, the conversation's. A hash whose job is over is used again for the next, but not while a
cancellation is on its way: that would hit the next job too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ._answers import answer_error
from ._core import Core
from ._errors import (
    ConnectionLostError,
    DeadlineExceeded,
    GradprotoError,
    ReadError,
    RemoteProtocolError,
    SessionExpiredError,
    TransportError,
)
from ._events import JobQueued, SessionExpired, StreamLost, UnknownMessageReceived
from ._exchanges import Exchange, Headers, ShortExchange, header_value
from ._jobs import Job
from ._json import JSONValue, dumps, loads
from ._messages import Message, handle_job_message, text
from ._sse import EventStreamParser
from ._states import STREAM_TABLE, JobInput, StreamInput, StreamState, advance
from ._timers import Timer

__all__ = ["CancelRequest", "EventStream", "Streams"]

# One connection each, at both ends: a quarter of the 1,024 open files that many systems allow a process, so that a
# client and a server fit into one.
MAX_STREAMS = 256
# The server writes close_stream right behind the last completion, so what has not come after this will not come.
CLOSE_GRACE = 5.0
# A server that ends the stream again and again, and says each time that nothing is pending, has forgotten the event.
MAX_FRUITLESS_OPENINGS = 3
# Enough for a driver to do a good deal at a time.
MAX_EVENTS_AHEAD = 64
# Seconds for the answer to a cancellation that nobody waits for.
ABANDON_LIMIT = 10.0
# Messages may overtake the join's answer by a moment, not by more than this.
MAX_PARKED = 10_000
# Late messages come within moments of an event's end, or as the first of the session's next stream: a server answers a
# cancellation with a completion, also after the event's own.
MAX_FINISHED = 100

JSON_HEADERS = (("content-type", "application/json"),)
STREAM_HEADERS = (("accept", "text/event-stream"),)


class EventStream:
    """The jobs of one session hash, and the response that carries their messages while there are any."""

    def __init__(self, core: Core, streams: Streams, session_hash: str) -> None:
        self.core = core
        self.streams = streams
        self.session_hash = session_hash
        self.state: StreamState = StreamState.IDLE
        # The jobs that the server has named, by event id, and those whose join is not answered yet.
        self.jobs: dict[str, Job] = {}
        self.joining: dict[Job, None] = {}
        self.close_announced: bool = False
        self._parked: dict[str, list[Message]] = {}
        self._parked_count = 0
        self._finished: dict[str, None] = {}
        # How many cancellations the server has not answered yet, by function, and the joins that wait for them.
        self._cancelling: dict[int, int] = {}
        self._held: list[tuple[Job, Callable[[], None]]] = []
        # Gradio before 5.46 may end a cancelled event twice. The second end waits for whoever opens the stream next,
        # and breaks it: so a session hash with a cancelled event is not used again.
        self._spent = False
        self._exchange: _StreamExchange | None = None
        self._grace: Timer | None = None
        self._fruitless = 0

    @property
    def busy(self) -> bool:
        """Whether a job depends on this stream."""
        return bool(self.jobs or self.joining)

    @property
    def available(self) -> bool:
        """Whether a job can have this stream for itself."""
        return not self.busy and not self._cancelling and not self._spent

    def advance(self, cause: StreamInput) -> None:
        """Go on to the next state, by the table."""
        self.state = advance(STREAM_TABLE, self.state, cause, f"the event stream of session {self.session_hash!r}")

    def shared_with(self, job: Job) -> bool:
        """Return whether cancelling the job on the server could stop another one too."""
        others: Iterable[Job] = (*self.jobs.values(), *self.joining)
        return any(other is not job and other.endpoint.fn_index == job.endpoint.fn_index for other in others)

    def join(self, job: Job, send: Callable[[], None]) -> None:
        """Let the job depend on this stream; ``send`` its join when no cancellation is on its way that could hit it."""
        self.joining[job] = None
        self.core.timers.cancel(self._grace)
        if job.endpoint.fn_index in self._cancelling:
            self._held.append((job, send))
        else:
            send()

    def joined(self, job: Job, event_id: str) -> None:
        """The server accepted the job under this id; raises `RemoteProtocolError` if it is another job's."""
        other = self.jobs.get(event_id)
        if other is not None:
            raise RemoteProtocolError(f"job {job.number} got the event id of job {other.number}: {event_id[:80]!r}")
        self.joining.pop(job, None)
        self.jobs[event_id] = job
        job.event_id = event_id
        job.pending = True
        job.advance(JobInput.RECV_JOINED)
        self.core.events.append(JobQueued(job=job.number, event_id=event_id))
        self.advance(StreamInput.JOB_JOINED)
        job.limit = self.core.timers.start(self.core.timeouts.queue_wait, lambda: _waited_too_long(self.core, job))
        parked = self._parked.pop(event_id, ())
        self._parked_count -= len(parked)
        for message in parked:
            if not job.ended:
                handle_job_message(self.core, job, message)
        self._drop_parked_of_others()
        if self.state is StreamState.IDLE and self.jobs:
            self._open()

    def forget(self, job: Job) -> None:
        """The job is over; whatever still comes about it is ignored."""
        self.joining.pop(job, None)
        if job.event_id is not None:
            del self.jobs[job.event_id]
            self._finished[job.event_id] = None
            if len(self._finished) > MAX_FINISHED:
                del self._finished[next(iter(self._finished))]
            if job.pending:
                self._abandon(job)
        self._drop_parked_of_others()
        if not self.busy and self.state is not StreamState.LOST:
            self._last_job_ended()

    def message(self, message: Message) -> None:
        """Deal with one message of the stream."""
        event_id = message.get("event_id")
        if isinstance(event_id, str):
            job = self.jobs.get(event_id)
            if job is not None:
                self._fruitless = 0
                handle_job_message(self.core, job, message)
                return
        self._message_about_no_job(message, text(event_id))

    def opened(self) -> None:
        """The server answered with an event stream."""
        self.advance(StreamInput.RECV_OPENED)
        if not self.busy:
            self._last_job_ended()

    def ended(self, *, cut: bool) -> None:
        """The response ended; ``cut`` says that it did so inside an event."""
        self._exchange = None
        self.core.timers.cancel(self._grace)
        if (self.busy and cut) or (self.jobs and not self.close_announced):
            self.lose(ReadError(f"the event stream ended while {len(self.jobs)} job(s) were pending"))
            return
        self.advance(StreamInput.RECV_END)
        if self.jobs:
            self._fruitless += 1
            if self._fruitless > MAX_FRUITLESS_OPENINGS:
                self.lose(
                    ReadError(
                        f"the server ended the event stream {self._fruitless} times without a word on a pending job"
                    )
                )
            else:
                self._open()
        elif not self.joining:
            self._free()

    def lose(self, error: GradprotoError, *, expired: bool = False) -> None:
        """The stream broke: fail its jobs and let its session hash go."""
        self.advance(StreamInput.LOSE)
        self.core.timers.cancel(self._grace)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self.core.exchanges.abort(exchange)
        jobs = [*self.jobs.values(), *self.joining]
        new_hash = self.streams.replace(self, expired=expired)
        if jobs:
            numbers = tuple(job.number for job in jobs)
            self.core.events.append(StreamLost(session_hash=self.session_hash, error=error, jobs=numbers))
        if expired:
            self.core.events.append(SessionExpired(session_hash=self.session_hash, new_session_hash=new_hash))
        for job in jobs:
            job.pending = False
            self.core.fail(job, _job_error(job, error, expired=expired))

    def close(self) -> None:
        """Stop listening, for good."""
        self.lose(ReadError("the session was closed"))

    def _open(self) -> None:
        self.advance(StreamInput.SEND_OPEN)
        self.close_announced = False
        self._exchange = _StreamExchange(self)
        assert self.core.dialect is not None
        # Not safe to repeat, though a GET: the server gives each message once. A second stream would miss what the
        # first one lost, and wait for it for ever, or find the session forgotten.
        self.core.exchanges.start(
            self._exchange,
            "GET",
            f"{self.core.api_url}{self.core.dialect.stream_route}?session_hash={self.session_hash}",
            headers=STREAM_HEADERS,
        )

    def cancel(self, job: Job, request: CancelRequest) -> None:
        """Ask the server to stop the job's event."""
        fn_index = job.endpoint.fn_index
        self._spent = not self.streams.keeps(self)
        self._cancelling[fn_index] = self._cancelling.get(fn_index, 0) + 1
        dialect = self.core.dialect
        assert dialect is not None
        body: JSONValue = {"session_hash": self.session_hash, "fn_index": fn_index, "event_id": job.event_id}
        url = self.core.api_url + dialect.cancel_route
        self.core.exchanges.start(request, "POST", url, headers=JSON_HEADERS, body=(dumps(body),))

    def cancel_answered(self, fn_index: int) -> None:
        """A cancellation has had its effect, or none: the joins that waited for it may be sent."""
        self._cancelling[fn_index] -= 1
        if self._cancelling[fn_index]:
            return
        del self._cancelling[fn_index]
        held, self._held = self._held, []
        for job, send in held:
            if job.endpoint.fn_index in self._cancelling:
                self._held.append((job, send))
            elif not job.ended:
                send()
        self._free()

    def _last_job_ended(self) -> None:
        self.advance(StreamInput.LAST_JOB_ENDED)
        if self.state is StreamState.DRAINING and not self.streams.keeps(self):
            self._grace = self.core.timers.start(CLOSE_GRACE, self._not_closed)
        self._free()

    def _free(self) -> None:
        """Let another job use the stream, or nobody any more."""
        if self._spent and self.state is StreamState.IDLE and not self.busy and not self._cancelling:
            self.lose(ReadError("its session hash is not used again"))
        else:
            self.streams.free(self)

    def _not_closed(self) -> None:
        """The server does not end the stream: it still counts an event that is over. A new hash does not have that."""
        self.lose(ReadError("the server did not end the event stream"))

    def abandon_unless_kept(self) -> None:
        """The server will not end the stream by itself: end it, unless a job or State depends on it."""
        if not self.busy and self.state is StreamState.DRAINING and not self.streams.keeps(self):
            self._not_closed()

    def _abandon(self, job: Job) -> None:
        """The job is over for its caller but not for the server: tell it, unless that would hurt another job."""
        if not self.shared_with(job):
            self.cancel(job, CancelRequest(self, job, timeout=ABANDON_LIMIT))

    def _message_about_no_job(self, message: Message, event_id: str | None) -> None:
        kind = text(message.get("msg"))
        if kind == "heartbeat":
            return
        if kind == "close_stream":
            self.close_announced = True
        elif event_id is not None:
            if event_id not in self._finished:
                self._park(event_id, message)
        elif kind in ("unexpected_error", "server_stopped"):
            reason = text(message.get("message")) or "no reason given"
            # The flag came with Gradio 5.38; before that only the text tells.
            expired = message.get("session_not_found") is True or reason.startswith("404")
            self.lose(ReadError(f"the server ended the session's stream: {reason[:200]}"), expired=expired)
        else:
            self._unknown(message, "unknown kind of message")

    def _park(self, event_id: str, message: Message) -> None:
        """Keep a message that came before the answer of the join it belongs to."""
        if not self.joining:
            self._unknown(message, "about an event that is not ours")
            return
        self._parked_count += 1
        if self._parked_count > MAX_PARKED:
            self.lose(RemoteProtocolError(f"more than {MAX_PARKED} messages about events that were never announced"))
            return
        self._parked.setdefault(event_id, []).append(message)

    def _drop_parked_of_others(self) -> None:
        if self.joining or not self._parked:
            return
        parked, self._parked, self._parked_count = self._parked, {}, 0
        for messages in parked.values():
            for message in messages:
                self._unknown(message, "about an event that is not ours")

    def _unknown(self, message: Message, reason: str) -> None:
        self.core.events.append(
            UnknownMessageReceived(session_hash=self.session_hash, message=dict(message), reason=reason)
        )


class _StreamExchange(Exchange):
    """The request whose response is the event stream."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__("the event stream", timeout=stream.core.timeouts.stream_idle, limit="stream_idle")
        self._stream = stream
        self._parser = EventStreamParser()
        self._refusal: tuple[int, Headers] | None = None
        self._body = bytearray()
        self._behind = False
        self._ending: Callable[[], None] | None = None

    def started(self, status: int, headers: Headers) -> None:
        """See whether it is an event stream at all."""
        content_type = (header_value(headers, "content-type") or "").partition(";")[0].strip().lower()
        if status == 200 and content_type == "text/event-stream":
            self._stream.opened()
        elif status == 200:
            raise RemoteProtocolError(f"{self.what}: expected text/event-stream, got {content_type[:80]!r}")
        else:
            self._refusal = (status, headers)

    def data(self, data: bytes) -> None:
        """Deal with the messages that are complete, as far as there is room for their events."""
        if self._refusal is not None:
            self._body += data[: 65_536 - len(self._body)]
            return
        self._parser.add_data(data)
        self.go_on()

    def go_on(self) -> None:
        """Deal with messages until there are none, or enough events wait to be taken.

        An event holds a whole output. A read may hold thousands of messages, each of which makes a long text a little
        longer, so that all of their events at once would take the square of the memory of what was read.
        """
        stream = self._stream
        core = stream.core
        while stream.state is not StreamState.LOST:
            if len(core.events) >= MAX_EVENTS_AHEAD:
                self._put_off()
                return
            try:
                event = self._parser.next_event()
                if event is None:
                    ending, self._ending = self._ending, None
                    if ending is not None:
                        ending()
                    return
                stream.message(self._read(event.data))
            except RemoteProtocolError as error:
                stream.lose(error)

    def _put_off(self) -> None:
        if not self._behind:
            self._behind = True
            self._stream.core.backlog.append(self._catch_up)

    def _catch_up(self) -> None:
        self._behind = False
        self.go_on()

    def ended(self) -> None:
        """The response is over."""
        if self._refusal is not None:
            status, headers = self._refusal
            self._stream.lose(
                answer_error(status, headers, bytes(self._body), what=self.what, url=self.request.url),
                expired=status == 404,
            )
            return
        self._end(lambda: self._stream.ended(cut=self._parser.has_partial_event))

    def failed(self, error: GradprotoError) -> None:
        """The connection broke, or what came on it was no event stream."""
        self._end(lambda: self._stream.lose(error))

    def _end(self, ending: Callable[[], None]) -> None:
        """The end comes after the messages that came before it."""
        if self._behind:
            self._ending = ending
        else:
            ending()

    def _read(self, data: str) -> dict[str, JSONValue]:
        try:
            message = loads(data)
        except ValueError:
            raise RemoteProtocolError(f"{self.what}: not JSON: {data[:80]!r}") from None
        if not isinstance(message, dict):
            raise RemoteProtocolError(f"{self.what}: not a message: {data[:80]!r}")
        return message

    def expired(self) -> GradprotoError:
        """Not even a heartbeat came."""
        return ReadError(
            f"{self.what}: nothing came for {self.timeout:g} s (the limit 'stream_idle' of the timeouts), "
            "not even a heartbeat"
        )


class Streams:
    """The event streams of a session. ``main`` is the conversation's, the one that keeps State on the server."""

    def __init__(self, core: Core, main_changed: Callable[[], None]) -> None:
        self._core = core
        self._main_changed = main_changed
        self._idle: dict[EventStream, None] = {}
        # Those that new jobs may get, and those of conversations that were reset while jobs were under way.
        self._all: dict[EventStream, None] = {}
        self._retired: dict[EventStream, None] = {}
        self.main: EventStream = self._new_main(core.new_session_hash())

    def choose(self, job: Job) -> EventStream:
        """Return the stream that the job shall use."""
        if job.endpoint.has_state or self.main.available:
            return self.main
        if self._idle:
            return self._idle.popitem()[0]
        if len(self._all) < MAX_STREAMS:
            stream = EventStream(self._core, self, self._core.new_session_hash())
            self._all[stream] = None
            return stream
        return min(self._all, key=lambda stream: len(stream.jobs) + len(stream.joining))

    def keeps(self, stream: EventStream) -> bool:
        """Return whether the stream's session hash holds State, and must not be given up for a trifle."""
        return stream is self.main and self._core.has_state

    def free(self, stream: EventStream) -> None:
        """Let another job use the stream, if nothing else needs it and it is not one of a conversation that is over."""
        if stream in self._retired:
            if stream.state is StreamState.IDLE:
                del self._retired[stream]
        elif stream is not self.main and stream in self._all and stream.available:
            self._idle[stream] = None

    def replace(self, stream: EventStream, *, expired: bool) -> str:
        """Take a lost stream out of use; return the session hash that the next job of its kind gets."""
        self._all.pop(stream, None)
        self._retired.pop(stream, None)
        self._idle.pop(stream, None)
        if stream is self.main:
            keeps_hash = self.keeps(stream) and not expired
            self.main = self._new_main(stream.session_hash if keeps_hash else self._core.new_session_hash())
            self._main_changed()
        return self.main.session_hash

    def reset(self) -> None:
        """Begin a new conversation; jobs under way end in the old one."""
        old = self.main
        del self._all[old]
        self.main = self._new_main(self._core.new_session_hash())
        self._main_changed()
        if old.busy:
            self._retired[old] = None
        else:
            old.close()

    def close(self) -> None:
        """Stop listening on all of them."""
        for stream in (*self._all, *self._retired):
            stream.close()

    def _new_main(self, session_hash: str) -> EventStream:
        stream = EventStream(self._core, self, session_hash)
        self._all[stream] = None
        return stream


class CancelRequest(ShortExchange):
    """The request to stop a job on the server; for a job that is over, nobody waits for its answer."""

    def __init__(self, stream: EventStream, job: Job, *, timeout: float | None) -> None:
        super().__init__(f"the cancellation of job {job.number}", timeout=timeout)
        self._stream = stream
        self._fn_index = job.endpoint.fn_index

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """From here on it stops nothing more."""
        self._stream.cancel_answered(self._fn_index)

    def failed(self, error: GradprotoError) -> None:
        """The server may or may not have heard it, and if it did, long enough ago."""
        self._stream.cancel_answered(self._fn_index)


def _waited_too_long(core: Core, job: Job) -> None:
    limit = core.timeouts.queue_wait
    core.fail(
        job,
        DeadlineExceeded(f"job {job.number} did not start within {limit:g} s (the limit 'queue_wait' of the timeouts)"),
    )


def _job_error(job: Job, error: GradprotoError, *, expired: bool) -> GradprotoError:
    """Return what the loss of the stream means for one job."""
    what = f"job {job.number} of {job.endpoint.label}: {error.message}"
    result = error
    if expired:
        hint = "the server restarted, or another replica answered; what it kept for this session is gone"
        result = SessionExpiredError(what, hint=hint)
    elif isinstance(error, TransportError):
        result = ConnectionLostError(what, hint="whether it ran to its end is not known; it was not sent again")
    if result is not error:
        result.__cause__ = error
    return result
