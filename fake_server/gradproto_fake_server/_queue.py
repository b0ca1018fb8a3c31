"""The queue: who may run now, what the others are told, and the messages that wait for each stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from ._batches import Batch
from ._diff import edits_between
from ._endpoints import Endpoint
from ._input_streams import StreamingJob
from ._jobs import Job, JobHost
from ._json import compact_json
from ._messages import Message, Messages
from ._profiles import Profile
from ._schedule import Schedule, Timer
from ._scripts import Estimation, RawMessage, Starts
from ._steps import Log, Progress

if TYPE_CHECKING:
    from ._http import Exchange

__all__ = ["Queue", "QueueFull", "Session", "Stream"]


_LOOKED_AT = 16  # sessions for each new one, so that many that are in use cost no more than few
_STALE = frozenset({"estimation", "heartbeat"})
"""What nobody wants to hear who reads it much later; a client that does not read must not cost memory without end."""


class QueueFull(Exception):
    """The join is refused; the text is what Gradio answers."""


class Stream(Protocol):
    """An open stream of a session, which is told when there is something to take."""

    @property
    def exchange(self) -> Exchange:
        """The request that it answers."""
        ...

    def wake(self) -> None:
        """There are messages, or the session is gone."""
        ...

    def server_stops(self) -> None:
        """Say that the server stops, as this Gradio does."""
        ...


class Session:
    """What waits for a session's stream, or, before Gradio 4.9, for that of a single event."""

    __slots__ = ("_limit", "_paused", "buffered", "ended", "hash", "known", "messages", "pending", "streams")

    def __init__(self, session_hash: str, limit: int) -> None:
        self.hash: str = session_hash
        self.known: bool = False
        """Whether a stream may be opened: from the first join until a stream breaks."""
        self.messages: deque[Message] = deque()
        self.buffered: int = 0
        """Characters in the waiting messages."""
        self.pending: set[str] = set()
        """Events whose completion was not delivered yet; those that a broken stream took with it stay for ever."""
        self.ended: bool = False
        """Whether the stream just ends when it has sent everything."""
        self.streams: list[Stream] = []
        self._limit = limit
        self._paused: list[Job] = []

    def put(self, message: Message) -> bool:
        """Add a message, unless this Gradio has none of its kind; say whether there is room for more."""
        if not message.text:
            return True
        if self.buffered >= self._limit and message.kind in _STALE:
            return False
        self.messages.append(message)
        self.buffered += len(message.text)
        for stream in self.streams:
            stream.wake()
        return self.buffered < self._limit

    def take(self) -> Message:
        """Take the oldest message."""
        message = self.messages.popleft()
        self.buffered -= len(message.text)
        if self._paused and self.buffered < self._limit // 2:
            self._resume()
        return message

    def pause(self, job: Job) -> None:
        """Let a job wait until there is room."""
        self._paused.append(job)

    def forget(self) -> None:
        """The session's stream broke: it is unknown from now on."""
        self.known = False
        self.messages.clear()
        self.buffered = 0
        self._resume()
        for stream in self.streams:
            stream.wake()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        for stream in self.streams:
            stream.wake()

    def _resume(self) -> None:
        paused, self._paused = self._paused, []
        for job in paused:
            job.resume()


class _Group:
    """Endpoints that share a limit on how many of their events run at once."""

    __slots__ = ("limit", "running", "waiting")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.waiting: deque[Job] = deque()
        self.running: dict[Job, None] = {}

    @property
    def has_room(self) -> bool:
        return self.limit is None or len(self.running) < self.limit


class _QueueDelivery:
    """Turns a job's outputs into messages of its session."""

    __slots__ = ("_event_id", "_messages", "_previous", "_queue", "_session", "_whole", "alive")

    def __init__(self, queue: Queue, session: Session, event_id: str, *, whole: bool) -> None:
        self.alive = True
        self._queue = queue
        self._messages = queue.messages
        self._session = session
        self._event_id = event_id
        self._whole = whole
        self._previous: list[Any] | None = None

    def generated(self, job: Job, data: list[Any]) -> bool:
        if isinstance(job, StreamingJob):
            text = self._messages.json(data)
            average = job.endpoint.average_call()
            output = self._messages.output(text, is_generating=True, duration=job.last_duration, average=average)
            return self._session.put(self._messages.streaming(self._event_id, output, job.time_limit))
        self._check_encodable(data)
        previous, self._previous = self._previous, data
        profile = self._queue.profile
        if previous is None or self._whole or not profile.edits:
            text = self._messages.json(data)
        else:
            text = self._messages.json(
                [
                    _edits(before, after, profile, whole=component.sent_whole and profile.whole_json)
                    for component, before, after in zip(job.endpoint.outputs, previous, data, strict=True)
                ]
            )
        duration = job.step_duration()
        output = self._messages.output(text, is_generating=True, duration=duration, average=job.endpoint.average_call())
        return self._put(job, self._messages.generating(self._event_id, output))

    def noted(self, job: Job, note: Progress | Log) -> bool:
        if isinstance(note, Progress):
            return self._put(job, self._messages.progress(self._event_id, note))
        return self._put(job, self._messages.log(self._event_id, note))

    def said(self, job: Job, message: Estimation | Starts | RawMessage) -> bool:
        messages = self._messages
        if isinstance(message, Estimation):
            place = messages.estimation(self._event_id, message.rank, message.queue_size, message.rank_eta)
            return self._put(job, place)
        if isinstance(message, Starts):
            return self._put(job, messages.process_starts(self._event_id, message.eta))
        content = {"event_id": self._event_id, **message.content}
        event_id = content["event_id"] if isinstance(content["event_id"], str) else None
        return self._put(job, Message(content["msg"], event_id, messages.json(content)))

    def _put(self, job: Job, message: Message) -> bool:
        if self._session.put(message):
            return True
        self._session.pause(job)
        return False

    def completed(self, job: Job, data: list[Any]) -> None:
        is_generating: bool | None = job.outputs_given > 0 and self._queue.profile.repeats_last_output
        counted, timed = bool(is_generating), True
        if isinstance(job, StreamingJob):
            counted, is_generating, timed = True, job.is_generating, job.timed
        elif job.batch is not None:
            counted, is_generating = True, None
        self._check_encodable(data)
        duration = job.last_duration if counted else job.step_duration()
        average = job.endpoint.average_call()
        output = self._messages.output(
            self._messages.json(data),
            is_generating=is_generating,
            duration=duration,
            average=average,
            render_config=self._messages.json(job.rendered),
        )
        self._session.put(
            self._messages.completed(
                self._event_id,
                output,
                success=True,
                cache_duration=duration if timed else None,
                average=average if timed else None,
            )
        )

    def _check_encodable(self, data: list[Any]) -> None:
        """Fail a call whose outputs no text frame can hold; event streams have their own way to fail."""
        if self._queue.profile.protocol is None and self._messages.json is compact_json:
            try:
                compact_json(data).encode()
            except UnicodeEncodeError:
                raise ValueError("str is not valid UTF-8: surrogates not allowed") from None

    def failed(self, job: Job, error: Exception) -> None:
        late = job.outputs_given > 0
        payload = self._messages.error_payload(error, show_error=self._queue.show_error, late=late)
        # Gradio 6.12 and later: a generator that fails after an output tells the toast's duration as its cache's.
        duration = payload.get("duration") if late else None
        self._session.put(
            self._messages.completed(
                self._event_id,
                self._messages.json(payload),
                success=False,
                title=None if late else payload.get("title", "Error"),
                cache_duration=None if duration is None else float(duration),
            )
        )


def _edits(before: Any, after: Any, profile: Profile, *, whole: bool) -> list[list[Any]]:
    if whole:
        return [] if before == after else [["replace", [], after]]
    return edits_between(before, after, moved_deletions=profile.moved_deletions)


def _run_of(job: Job) -> Job:
    """Give the job that counts against the limits: that of the batch's call, if it is part of one."""
    return job if job.batch is None else job.batch.call


def _nobody() -> Endpoint:
    return Endpoint(
        index=-1,
        name="",
        function=lambda: None,
        inputs=(),
        outputs=(),
        parameter_names=(),
        none_defaults=frozenset(),
        generates=False,
        concurrency_limit=None,
        concurrency_id="#",
    )


class Queue:
    """All events that wait or run, and all sessions."""

    def __init__(
        self,
        profile: Profile,
        messages: Messages,
        schedule: Schedule,
        *,
        max_size: int | None,
        show_error: bool,
        buffer_limit: int,
        new_event_id: Callable[[], str],
    ) -> None:
        self.messages = messages
        self.max_size = max_size
        self.show_error = show_error
        self.sessions: dict[str, Session] = {}
        self.events: dict[str, Job] = {}
        """Events that wait or run, by id."""
        self.profile = profile
        self._schedule = schedule
        self._channels: dict[str, Session] = {}
        """Where the messages of waiting and running events go."""
        self.not_yet_known: Endpoint = _nobody()
        """The endpoint of events that have yet to say theirs."""
        self._by_hash: dict[str, dict[str, Job]] = {}
        """The events of each session hash, oldest first."""
        self._asked: dict[str, Timer] = {}
        """Events whose clients were asked for their data."""
        self._groups: dict[str, _Group] = {}
        self._waiting = 0
        self.stopped: bool = False
        """Whether the server stops: nobody can join any more, and nothing that waits will run."""
        self._broken = False
        """Whether it calls nothing any more: a batch endpoint breaks it from Gradio 4.0 to 4.8."""
        self._buffer_limit = buffer_limit
        self._new_event_id = new_event_id

    @property
    def size(self) -> int:
        """How many events wait."""
        return self._waiting

    def session(self, session_hash: str) -> Session:
        """Give a session, known or not."""
        session = self.sessions.get(session_hash)
        if session is None:
            session = self.sessions[session_hash] = Session(session_hash, self._buffer_limit)
            if len(self.sessions) > self.profile.remembered_sessions:
                self._forget_an_idle_session()
        return session

    def _forget_an_idle_session(self) -> None:
        for session_hash, session in list(islice(self.sessions.items(), _LOOKED_AT)):
            del self.sessions[session_hash]
            if not session.streams and not (session.known and session.pending):
                return
            self.sessions[session_hash] = session  # it is in use, and not among the oldest any more

    def _group_of(self, endpoint: Endpoint) -> _Group:
        group = self._groups.get(endpoint.concurrency_id)
        limit = endpoint.concurrency_limit
        if group is None:
            group = self._groups[endpoint.concurrency_id] = _Group(limit)
        elif limit is not None and (group.limit is None or limit < group.limit):
            group.limit = limit  # the strictest member's counts
        return group

    def join(
        self,
        endpoint: Endpoint,
        data: list[Any] | None,
        session_hash: str | None,
        host: JobHost,
        *,
        now: float,
        whole: bool = False,
        own_stream: bool = False,
    ) -> Job:
        """Take an event in and start it if there is room; ``whole`` outputs are not sent as edits.

        The client is asked for the ``data`` when there is room, if there are none yet. With ``own_stream`` the event's
        messages go to a stream that is its own: :meth:`channel_of` gives it.

        Raises :class:`QueueFull`.
        """
        self.check_room()
        event_id = self._new_event_id()
        session = (
            Session(event_id, self._buffer_limit)
            if own_stream
            else self.session(event_id if session_hash is None else session_hash)
        )
        session.known = True
        session.pending.add(event_id)
        delivery = _QueueDelivery(self, session, event_id, whole=whole)
        kind = StreamingJob if endpoint.streaming else Job
        job = kind(event_id, endpoint, session.hash if session_hash is None else session_hash, data, host, delivery)
        self._keep(job, session)
        if job.script is not None:
            self._begin_script(job)
            return job
        group = self._group_of(endpoint)
        group.waiting.append(job)
        self._waiting += 1
        self._tell_places(group, now, after=len(group.waiting) - 1)
        self._start_waiting(group, now)
        return job

    def _begin_script(self, job: Job) -> None:
        """Let an event say what its script says: it waits for nobody, but for its data."""
        if job.data is None:
            self._ask_for_data(job)
        else:
            self._launch(job, job.data)

    def full_channel(self) -> Session:
        """Give what a stream says to somebody for whom there is no room."""
        channel = Session("", self._buffer_limit)
        channel.known = channel.ended = True
        channel.put(self.messages.queue_full)
        return channel

    def check_room(self) -> None:
        """Raise :class:`QueueFull` if no event more may wait."""
        if self.max_size is not None and self._waiting >= self.max_size:
            raise QueueFull(f"Queue is full. Max size is {self.max_size} and size is {self._waiting}.")

    def channels(self) -> list[Session]:
        """Give whatever may have a stream."""
        return list({id(one): one for one in (*self.sessions.values(), *self._channels.values())}.values())

    def channel_of(self, job: Job) -> Session:
        """Give what waits for the stream of an event that is not over."""
        return self._channels[job.event_id]

    def _start_waiting(self, group: _Group, now: float) -> None:
        while group.waiting and group.has_room and not (self._broken or self.stopped):
            jobs = self._next_of(group)
            if self._broken:
                return
            group.running[_run_of(jobs[0])] = None
            for job in jobs:
                job.began = now
            if group.waiting:
                self._tell_places(group, now)
            for job in jobs:
                if job.data is None:
                    self._ask_for_data(job)
                else:
                    self._launch(job, job.data)

    def _next_of(self, group: _Group) -> list[Job]:
        """Take the first event that waits, and those that are called together with it."""
        first = group.waiting.popleft()
        endpoint = first.endpoint
        jobs = [first]
        if endpoint.batch:
            self._broken = self.profile.batches == "broken"
            others = [job for job in group.waiting if job.endpoint is endpoint][: endpoint.max_batch_size - 1]
            for job in others:
                group.waiting.remove(job)
            jobs += others
            Batch(jobs)
        self._waiting -= len(jobs)
        return jobs

    def _launch(self, job: Job, data: list[Any]) -> None:
        job.data = data
        if job.script is None:
            eta = job.endpoint.expected_time()
            self._channels[job.event_id].put(self.messages.process_starts(job.event_id, eta))
        job.start()

    def _ask_for_data(self, job: Job) -> None:
        # The place in the queue is the event's already; others wait until the data come, or do not.
        self._asked[job.event_id] = self._schedule.call_after(self.profile.data_wait, lambda: self._data_late(job))
        self._channels[job.event_id].put(self.messages.send_data(job.event_id))

    def give_data(self, event_id: str, data: list[Any]) -> Job | None:
        """Take the data for which the client was asked; give the event, ``None`` if it was not asked."""
        timer = self._asked.pop(event_id, None)
        if timer is None:
            return None
        timer.cancel()
        job = self.events[event_id]
        self._launch(job, data)
        return job

    def is_asked(self, job: Job) -> bool:
        """Say whether an event waits for its data."""
        return job.event_id in self._asked

    def turn_to(self, job: Job, endpoint: Endpoint, session_hash: str, data: list[Any], host: JobHost) -> None:
        """The data for which the client was asked are there, and with them the endpoint: before Gradio 3.6."""
        channel = self._channels[job.event_id]
        self._take_out(job)
        job.turn_to(endpoint, session_hash, data, host)
        self._keep(job, channel)
        if job.script is not None:
            self._launch(job, data)
            return
        group = self._group_of(endpoint)
        group.waiting.append(job)
        self._waiting += 1
        if not group.has_room:
            self._tell_places(group, self._schedule.now, after=len(group.waiting) - 1)
        self._start_waiting(group, self._schedule.now)

    def refuse(self, job: Job, error: Exception) -> None:
        """End an event whose data are for nobody."""
        self._channels[job.event_id].put(self.messages.process_starts(job.event_id, None))
        job.delivery.failed(job, error)
        self.give_up(job)

    def end_without_word(self, job: Job) -> None:
        """End an event whose data cannot be used at all."""
        channel = self._channels[job.event_id]
        channel.put(self.messages.process_starts(job.event_id, None))
        channel.end()
        self.give_up(job)

    def _data_late(self, job: Job) -> None:
        channel = self._channels[job.event_id]
        error = self.profile.late_data_error
        if error is None:
            channel.end()
        else:
            output = self.messages.json({"error": error})
            channel.put(self.messages.completed(job.event_id, output, success=False))
        self.give_up(job)

    def give_up(self, job: Job) -> None:
        """Forget an event that has not started, for its client is gone or says nothing."""
        self._take_out(job)
        job.state = "dropped"

    def _tell_places(self, group: _Group, now: float, after: int = 0) -> None:
        """Send the waiting events from place ``after`` on their place and when they may expect their result."""
        free_in = self._free_in(group, now)
        wait: float | None = 0.0
        size = len(group.waiting)
        for rank, job in enumerate(group.waiting):
            expected = job.endpoint.expected_time()
            if rank >= after:
                eta = None if expected is None or wait is None or free_in is None else expected + wait + free_in
                self._channels[job.event_id].put(
                    self.messages.estimation(job.event_id, rank, size, eta, average=expected)
                )
            if group.limit is None:
                wait = 0.0
            elif wait is not None and expected is not None:
                wait += expected / group.limit
            else:
                wait = None

    def _free_in(self, group: _Group, now: float) -> float | None:
        """Give the seconds until a place is free; ``None`` if a running endpoint's time is not known."""
        if group.has_room:
            return 0.0
        ends: list[float] = []
        for job in group.running:
            expected = job.endpoint.expected_time()
            if expected is None:
                return None
            ends.append(job.began + expected)
        return max(min(ends, default=now) - now, 0.0)

    def job_over(self, job: Job, now: float) -> None:
        """A job has ended or gave up its place; the next one may start."""
        self._forget(job)
        group = self._groups.get(job.endpoint.concurrency_id)
        if group is not None and job in group.running:
            del group.running[job]
            self._start_waiting(group, now)

    def _keep(self, job: Job, channel: Session) -> None:
        self.events[job.event_id] = job
        self._channels[job.event_id] = channel
        self._by_hash.setdefault(job.session_hash, {})[job.event_id] = job

    def _forget(self, job: Job) -> None:
        if self.events.pop(job.event_id, None) is None:
            return
        timer = self._asked.pop(job.event_id, None)
        if timer is not None:
            timer.cancel()
        del self._channels[job.event_id]
        others = self._by_hash[job.session_hash]
        del others[job.event_id]
        if not others:
            del self._by_hash[job.session_hash]

    def _events_of(self, session_hash: str) -> list[Job]:
        return list(self._by_hash.get(session_hash, {}).values())

    def _take_out(self, job: Job) -> None:
        """Remove a job that has not started: it waits, or it has its place and its data are still to come."""
        self._forget(job)
        if job.script is not None:
            return
        group = self._groups[job.endpoint.concurrency_id]
        run = _run_of(job)
        if run in group.running:
            if job.batch is None or job.batch.left(job):
                del group.running[run]
                self._start_waiting(group, self._schedule.now)
        else:
            group.waiting.remove(job)
            self._waiting -= 1

    def cancel(self, session_hash: str, fn_index: int, event_id: str) -> None:
        """What ``/cancel`` does: kill every running event of the session's endpoint, complete the one that is named.

        The others get no message, and their ids stay pending (Gradio 6.31; see the ``cancel_queued`` recording). Before
        6.14 the event that is named runs all the same, if it waits.
        """
        named = self.events.get(event_id)
        if named is not None and named.state == "queued" and self.profile.cancel_takes_out:
            self._take_out(named)
            named.state = "cancelled"
        for job in self._events_of(session_hash):
            if job.endpoint.index == fn_index and job.state != "queued":
                job.kill()
        session = self.sessions.get(session_hash)
        if session is not None and session.known and event_id in session.pending:
            session.put(self.messages.completed(event_id, "{}", success=True))

    def cancel_all(self, session_hash: str, indices: Sequence[int]) -> None:
        """What a call of an endpoint that cancels others does: kill a session's running events of some endpoints."""
        how = self.profile.cancel_endpoints
        for job in self._events_of(session_hash):
            if job.endpoint.index not in indices or job.state == "queued":
                continue
            channel = self._channels[job.event_id]
            job.kill()
            if how == "close":
                channel.end()
            elif how == "complete":
                channel.put(self.messages.completed(job.event_id, "{}", success=True))

    def reset_event(self, event_id: str) -> bool:
        """What ``/reset`` does from Gradio 4.0 on: stop a generator; say whether there was one.

        The event has a stream of its own until 4.9, which ends; after that nothing more is said of it, and its id stays
        pending. From 4.35 on nothing happens.
        """
        if not self.profile.reset_works:
            return True
        job = self.events.get(event_id)
        if job is None or not job.outputs_given:
            return False
        channel = self._channels[event_id]
        job.kill()
        if channel.hash not in self.sessions:
            channel.end()
        return True

    def reset_session(self, session_hash: str, fn_index: int) -> bool:
        """What ``/reset`` does before Gradio 4.0: a generator begins again; say whether there was one."""
        found = False
        for job in self._events_of(session_hash):
            if job.endpoint.index == fn_index and job.outputs_given:
                job.restart()
                found = True
        return found

    def stream_lost(self, session: Session) -> None:
        """A client closed a stream: its waiting events are removed, its generators stop, it is forgotten."""
        if self.profile.survives_disconnect:
            return
        session.forget()
        # The channel of an event with a stream of its own has the event's name.
        own = self.events.get(session.hash)
        for job in self._events_of(session.hash) if own is None else [own]:
            if self._channels.get(job.event_id) is not session:
                continue
            if job.state == "queued":
                self.give_up(job)
                session.pending.discard(job.event_id)
            else:
                job.drop()

    def stop(self) -> None:
        """Let no event begin any more, and tell the streams."""
        self.stopped = True
        for channel in {*self.sessions.values(), *self._channels.values()}:
            for stream in list(channel.streams):
                stream.server_stops()

    def session_of_event(self, event_id: str) -> str:
        """Give the session whose messages tell of an event; an unknown event is taken for its own session."""
        if event_id in self._channels:
            return self._channels[event_id].hash
        for session in self.sessions.values():
            if event_id in session.pending:
                return session.hash
        return event_id
