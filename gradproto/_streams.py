"""The event streams of a session: which session hash a job gets, and what comes on its stream.

Gradio's ``/cancel`` stops every running task of one session hash and function, and a broken stream takes every event of
its session hash with it. So each job gets a session hash of its own while there are not too many, and only jobs of
endpoints with State share one, the conversation's. A hash whose job is over is used again for the next, but not while a
cancellation is on its way: that would hit the next job too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ._cancel import CancelRequest, WaitedCancel
from ._channels import Channel, OwnChannel, job_error, watch_queue
from ._conversations import Conversation
from ._core import Core
from ._errors import (
    GradprotoError,
    ReadError,
    RemoteProtocolError,
)
from ._event_streams import EventStreamExchange, read_message
from ._events import JobCancelled, JobQueued, SessionExpired, StreamLost, UnknownMessageReceived
from ._exchanges import JSON_HEADERS, STREAM_HEADERS
from ._jobs import Job
from ._json import JSONValue, dumps
from ._messages import Message, handle_job_message, text
from ._refresh import Refresh
from ._sse import ServerSentEvent
from ._states import STREAM_TABLE, JobInput, JobState, StreamInput, StreamState, advance
from ._timers import Timer

__all__ = ["EventStream", "Streams"]

# One connection each, at both ends: a quarter of the 1,024 open files that many systems allow a process, so that a
# client and a server fit into one.
MAX_STREAMS = 256
# The server writes close_stream right behind the last completion, so what has not come after this will not come.
CLOSE_GRACE = 5.0
# A server that ends the stream again and again, and says each time that nothing is pending, has forgotten the event.
MAX_FRUITLESS_OPENINGS = 3
# Seconds for the answer to a cancellation that nobody waits for.
ABANDON_LIMIT = 10.0
# Messages may overtake the join's answer by a moment, not by more than this.
MAX_PARKED = 10_000
# Late messages come within moments of an event's end, or as the first of the session's next stream: a server answers a
# cancellation with a completion, also after the event's own.
MAX_FINISHED = 100


class EventStream(Channel):
    """The jobs of one session hash, and the response that carries their messages while there are any."""

    def __init__(self, core: Core, streams: Streams, session_hash: str) -> None:
        self.core = core
        self.streams = streams
        self.session_hash = session_hash
        # The conversation whose State this session hash has, if it is one's.
        self.conversation: Conversation | None = None
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
        watch_queue(self.core, job)
        parked = self._parked.pop(event_id, ())
        self._parked_count -= len(parked)
        for message in parked:
            if not job.ended:
                handle_job_message(self.core, job, message)
        self._drop_parked_of_others()
        if self.state is StreamState.IDLE and self.jobs:
            self._open()

    def forget(self, job: Job) -> None:
        """The job is over, or begins anew elsewhere; whatever still comes about it is ignored."""
        self.joining.pop(job, None)
        if self._held:
            self._held = [one for one in self._held if one[0] is not job]
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
        for job in [job for job in self.jobs.values() if job.cancel_requested]:
            job.cancel_requested = False
            reason = self.obstacle(job)
            if reason is None:
                self.cancel(job)
            else:
                self.core.refuse_cancel(job, reason)

    def ended(self, *, cut: bool) -> None:
        """The response ended; ``cut`` says that it did so inside an event."""
        self._exchange = None
        self.core.timers.cancel(self._grace)
        assert self.core.dialect is not None
        # Before 4.22 the end itself says that nothing is pending.
        told = self.close_announced or not self.core.dialect.announces_close
        if (self.busy and cut) or (self.jobs and not told):
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
        held = {job for job, _ in self._held}
        new_hash = self.streams.replace(self, expired=expired)
        self.core.stale |= bool(jobs) or expired
        if jobs:
            numbers = tuple(job.number for job in jobs)
            self.core.events.append(StreamLost(session_hash=self.session_hash, error=error, jobs=numbers))
        if expired:
            self.core.events.append(SessionExpired(session_hash=self.session_hash, new_session_hash=new_hash))
        for job in jobs:
            job.pending = False
            self.core.fail_or_retry(job, job_error(job, error, expired=expired), unrun=job in held)

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

    def obstacle(self, job: Job) -> str | None:
        """Return why the job cannot be cancelled now, if so."""
        dialect = self.core.dialect
        assert dialect is not None
        if job.state is JobState.JOINING:
            return None
        if job.state is JobState.RUNNING and not job.generates:
            return "it has started, and only generators can be stopped while they run"
        if job.state is not JobState.RUNNING and not dialect.cancels_queued:
            return self._obstacle_to_leaving(job)
        if self.shared_with(job):
            return "another job of this endpoint shares its session, and the server would stop both"
        return None

    def cancel(self, job: Job) -> None:
        """Begin to cancel the job."""
        dialect = self.core.dialect
        assert dialect is not None
        if job.state is JobState.JOINING:
            # Only the join's answer tells the id to cancel.
            job.cancel_requested = True
        elif job.cancelling:
            pass
        elif job.state is JobState.RUNNING or dialect.cancels_queued:
            job.cancelling = True
            self._ask_to_stop(job, WaitedCancel(self, job))
        elif self.state is StreamState.OPENING:
            # The server notices that a stream is left only when it has begun it.
            job.cancel_requested = True
        else:
            self._leave(job)

    def leave_or_refuse(self, job: Job, why: str) -> None:
        """Cancel the job by leaving the stream, if that is possible; else it goes on, and the caller learns ``why``."""
        obstacle = self._obstacle_to_leaving(job)
        if obstacle is None:
            self._leave(job)
        else:
            self.core.refuse_cancel(job, f"{why}; {obstacle}")

    def _obstacle_to_leaving(self, job: Job) -> str | None:
        dialect = self.core.dialect
        assert dialect is not None
        if not dialect.notices_leaving:
            return "this version of Gradio lets nothing out of its queue"
        if len(self.jobs) + len(self.joining) > 1:
            return "another job shares its session, and this version of Gradio would drop both"
        if self.streams.keeps(self):
            return "its session has State, and this version of Gradio can only drop all that is queued for it"
        return None

    def _leave(self, job: Job) -> None:
        """Cancel the job by leaving its stream: the server then drops whatever it has queued for the session hash."""
        job.pending = False
        self.core.finish(job, JobInput.CANCEL, JobCancelled(job=job.number))
        self.lose(ReadError("the stream was left to cancel its job"))

    def _ask_to_stop(self, job: Job, request: CancelRequest) -> None:
        """Ask the server to stop the job's event."""
        fn_index = job.endpoint.fn_index
        self.expect_cancellation(fn_index)
        dialect = self.core.dialect
        assert dialect is not None
        body: JSONValue = {"session_hash": self.session_hash, "fn_index": fn_index, "event_id": job.event_id}
        url = self.core.api_url + dialect.cancel_route
        self.core.exchanges.start(request, "POST", url, headers=JSON_HEADERS, body=(dumps(body),))

    def expect_cancellation(self, fn_index: int) -> None:
        """Let new jobs of this function wait until `cancel_answered`: something is to be cancelled in their way."""
        self._spent = not self.streams.keeps(self)
        self._cancelling[fn_index] = self._cancelling.get(fn_index, 0) + 1

    def drop(self, job: Job, event_id: str) -> None:
        """The server accepted a job that is over here by now: take it out of the queue, where that can be asked for."""
        dialect = self.core.dialect
        assert dialect is not None
        if dialect.cancels_queued:
            job.event_id = event_id
            self._ask_to_stop(job, CancelRequest(self, job, timeout=ABANDON_LIMIT))
        self.cancel_answered(job.endpoint.fn_index)

    def announce_close(self) -> None:
        """The server said that it will end the stream."""
        self.close_announced = True

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
            else:
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
        dialect = self.core.dialect
        assert dialect is not None
        if not job.started and not dialect.cancels_queued:
            if not self.busy and not self.streams.keeps(self) and self.state is not StreamState.LOST:
                self.lose(ReadError("the stream was left to cancel its job"))
        elif not self.shared_with(job):
            self._ask_to_stop(job, CancelRequest(self, job, timeout=ABANDON_LIMIT))

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


class _StreamExchange(EventStreamExchange):
    """The request whose response is the event stream."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__("the event stream", stream.core, timeout=stream.core.timeouts.stream_idle)
        self._stream = stream

    @property
    def over(self) -> bool:
        return self._stream.state is StreamState.LOST

    def stream_opened(self) -> None:
        self._stream.opened()

    def stream_event(self, event: ServerSentEvent) -> None:
        self._stream.message(read_message(event.data, self.what))

    def stream_ended(self, *, cut: bool) -> None:
        self._stream.ended(cut=cut)

    def stream_failed(self, error: GradprotoError) -> None:
        self._stream.lose(error)

    def stream_refused(self, status: int, error: GradprotoError) -> None:
        self._stream.lose(error, expired=status == 404)


class Streams:
    """The event streams of a session, and its conversations; ``own`` is the one with which it begins."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.refresh: Refresh = Refresh(core)
        self._idle: dict[EventStream, None] = {}
        # Those that new jobs may get, and those of conversations that were reset while jobs were under way.
        self._all: dict[EventStream, None] = {}
        self._retired: dict[EventStream, None] = {}
        # Session hashes of jobs that had a conversation of their own and are over.
        self._spare: list[str] = []
        self._talking = 0
        self._own_waiting: deque[tuple[OwnChannel, Callable[[], None]]] = deque()
        self.own: Conversation = self.open_conversation()

    @property
    def main(self) -> EventStream:
        """The stream of the session's own conversation."""
        return self.own.main

    def open_conversation(self) -> Conversation:
        """Begin a conversation."""
        conversation = Conversation(self._core, self._new_stream(self._core.new_session_hash()))
        conversation.main.conversation = conversation
        self._core.conversations[conversation] = None
        return conversation

    def close_conversation(self, conversation: Conversation) -> None:
        """End a conversation whose jobs are over, or go on without it."""
        del self._core.conversations[conversation]
        conversation.stop()
        self._retire(conversation.main)

    def choose(self, job: Job) -> EventStream:
        """Return the stream that the job shall use."""
        if job.endpoint.has_state:
            return self._home(job)
        if self.main.available and not self._spares_main():
            return self.main
        if self._idle:
            return self._idle.popitem()[0]
        if len(self._all) < MAX_STREAMS:
            return self._new_stream(self._core.new_session_hash())
        return min(self._all, key=lambda stream: len(stream.jobs) + len(stream.joining))

    def home_hash(self, job: Job) -> str:
        """Return the session hash of the State that the job sees: that of its conversation when the job began."""
        conversation = job.conversation
        return conversation.session_hash if job.epoch == conversation.epoch else job.first_hash

    def _home(self, job: Job) -> EventStream:
        """Return the stream of that State. After a reset the jobs that had not joined have it to themselves."""
        session_hash = self.home_hash(job)
        if session_hash == job.conversation.session_hash:
            return job.conversation.main
        for stream in self._retired:
            if stream.session_hash == session_hash:
                return stream
        stream = EventStream(self._core, self, session_hash)
        self._retired[stream] = None
        return stream

    def _spares_main(self) -> bool:
        """Whether only jobs with State may use their session hash: others are cancelled by leaving the stream."""
        dialect = self._core.dialect
        return self._core.has_state and dialect is not None and not dialect.cancels_queued

    def lend(self, job: Job) -> str:
        """Return the session hash of a job with a channel of its own, which nobody else uses but for State."""
        if job.endpoint.has_state:
            return self.home_hash(job)
        return self._spare.pop() if self._spare else self._core.new_session_hash()

    def give_back(self, session_hash: str, *, clean: bool) -> None:
        """Take a session hash back; ``clean`` says that the server has nothing more to do for it."""
        if clean and len(self._spare) < MAX_STREAMS:
            self._spare.append(session_hash)

    def admit(self, channel: OwnChannel, begin: Callable[[], None]) -> None:
        """Let a job's own conversation ``begin``, in its turn."""
        self._own_waiting.append((channel, begin))
        self._let_in()

    def left(self, channel: OwnChannel) -> None:
        """A job's own conversation is over; where it had not begun, it will not."""
        if channel.begun:
            self._talking -= 1
            self._let_in()

    def _let_in(self) -> None:
        while self._own_waiting and self._talking < MAX_STREAMS:
            channel, begin = self._own_waiting.popleft()
            if not channel.job.ended:
                self._talking += 1
                channel.begun = True
                begin()

    def keeps(self, stream: EventStream) -> bool:
        """Return whether the stream's session hash holds State, and must not be given up for a trifle."""
        return stream.conversation is not None and self._core.has_state

    def free(self, stream: EventStream) -> None:
        """Let another job use the stream, if nothing else needs it and it is not one of a conversation that is over."""
        if stream in self._retired:
            if stream.state is StreamState.IDLE:
                del self._retired[stream]
        elif stream.conversation is None and stream in self._all and stream.available:
            self._idle[stream] = None

    def replace(self, stream: EventStream, *, expired: bool) -> str:
        """Take a lost stream out of use; return the session hash that the next job of its kind gets."""
        self._all.pop(stream, None)
        self._retired.pop(stream, None)
        self._idle.pop(stream, None)
        conversation = stream.conversation
        if conversation is None:
            return self.main.session_hash
        keeps_hash = self.keeps(stream) and not expired
        self._restart(conversation, stream.session_hash if keeps_hash else self._core.new_session_hash())
        return conversation.session_hash

    def reset(self, conversation: Conversation) -> None:
        """Begin a conversation anew; jobs under way end in the old one."""
        old = conversation.main
        conversation.epoch += 1
        self._restart(conversation, self._core.new_session_hash())
        self._retire(old)

    def _restart(self, conversation: Conversation, session_hash: str) -> None:
        conversation.main.conversation = None
        stream = self._new_stream(session_hash)
        stream.conversation = conversation
        conversation.main_changed(stream)

    def _retire(self, stream: EventStream) -> None:
        """No new job gets the stream, whose conversation goes on without it."""
        stream.conversation = None
        del self._all[stream]
        if stream.busy:
            self._retired[stream] = None
        else:
            stream.close()

    def close(self) -> None:
        """Stop listening on all of them."""
        for stream in (*self._all, *self._retired):
            stream.close()

    def _new_stream(self, session_hash: str) -> EventStream:
        stream = EventStream(self._core, self, session_hash)
        self._all[stream] = None
        return stream
