"""Client sessions and the fake server, joined by a network that exists only here: no socket, no thread, no sleep.

What is under way on a connection lies in two queues, one for each direction, until somebody says how many bytes of it
arrive. A connection may be slow to be made, be refused, end, break, or swallow everything. There is one clock, and it
stands still until somebody moves it.

Everything that can be checked while things happen is checked here: what a client asks of its driver and tells its user,
and what it asks of the server.
"""

from __future__ import annotations

import copy
import io
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from gradproto import (
    CancelRefused,
    ConnectError,
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    DownloadStarted,
    Event,
    FileData,
    FilePart,
    Job,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobProgressed,
    JobQueued,
    JobRetried,
    OutputGenerated,
    ReadError,
    Session,
    SessionFailed,
    SessionReady,
    SessionState,
    StreamLost,
)
from gradproto.wire import Action, Close, Connect, Send, WireClient
from gradproto_fake_server import FakeApp, ServerConnection, demo_app

__all__ = ["ALL", "URL", "End", "JoinedClient", "Link", "Network", "Side"]

URL = "http://app.test:7860"
ALL = 1 << 30

End = Literal["eof", "lost"]
Side = Literal["client", "server"]

# Bytes that the server's side of a connection takes ahead of the client, as a kernel's buffer does.
WINDOW = 64 * 1024
# What may happen at one moment before something must be going round in circles.
MAX_MOVES = 20_000
# Seconds in which everything must have ended once nothing hinders it: all limits, and the retries of heartbeats.
PATIENCE = 600.0
# Tells which job of which client a request is for.
JOB_HEADER = "x-job"
# Kinds of requests that are there to be sent again.
REPEATED = {"pushed_status"}
# Those that run nothing by themselves, which a client that tries again may send again.
RETRIED = {"upload", "socket", "join_stream"}
# The client's clock is another than the server's.
CLOCKS_APART = 5000.0


class _File:
    """A file that a client's driver is writing."""

    def __init__(self, part: FilePart) -> None:
        assert isinstance(part.source, io.BytesIO)
        self._source = part.source
        self._source.seek(part.start or 0)
        self.left = part.size

    def read(self, count: int) -> bytes:
        piece = self._source.read(min(count, self.left))
        assert piece, "the file is shorter than was said"
        self.left -= len(piece)
        return piece


class Link:
    """One connection between a client and the server, and what is under way on it."""

    def __init__(self, client: JoinedClient, number: int) -> None:
        self.client = client
        self.number = number
        # Nobody, until the connection is accepted.
        self.connection: ServerConnection | None = None
        # What the client's driver did not write yet.
        self.outgoing: deque[bytes | _File] = deque()
        self.to_server = bytearray()
        self.to_client = bytearray()
        # What follows the bytes.
        self.server_end: End | None = None
        self.client_end: End | None = None
        # Who has closed, or was told of the end.
        self.server_gone = False
        self.client_gone = False
        # Whether it swallows what is sent.
        self.silent = False

    def __repr__(self) -> str:
        return (
            f"<Link {self.client.number}.{self.number} to_server={len(self.to_server)} to_client={len(self.to_client)}>"
        )

    @property
    def over(self) -> bool:
        """Whether nothing can happen on it any more."""
        return self.client_gone and (self.server_gone or self.connection is None)

    @property
    def for_server(self) -> bool:
        """Whether the server has something to hear."""
        return self.connection is not None and not self.silent and bool(self.to_server or self._server_end_due)

    @property
    def for_client(self) -> bool:
        """Whether the client has something to hear."""
        return (
            not self.client_gone
            and not self.silent
            and self.connection is not None
            and bool(self.to_client or self.client_end)
        )

    @property
    def writes_file(self) -> bool:
        """Whether the client's driver has a piece of a file to write."""
        return bool(self.outgoing) and not self.client_gone and not self.silent

    @property
    def waits(self) -> bool:
        """Whether the client waits for the connection to be made."""
        return self.connection is None and not self.client_gone and not self.silent

    @property
    def under_way(self) -> bool:
        """Whether something would happen if the network were faster."""
        return self.waits or self.for_server or self.for_client or self.writes_file

    @property
    def _server_end_due(self) -> bool:
        return self.server_end is not None and not self.server_gone


class Network:
    """All connections between some clients and one server, which may be restarted."""

    def __init__(self, make_app: Callable[[int], FakeApp] | None = None) -> None:
        self._make_app = make_app or (lambda seed: demo_app(seed=seed))
        self.apps: list[FakeApp] = [self._make_app(0)]
        self.now = self.app.now
        self.listening = True
        self.clients: list[JoinedClient] = []
        self.links: list[Link] = []
        # Seconds for which something was under way and did not move.
        self.stalled = 0.0
        # Bytes that arrived, by whom they were sent, and how many things happened.
        self.sent: dict[Side, int] = {"client": 0, "server": 0}
        self.steps = 0
        # The connection that carries this byte of all is cut before it; then this is the connection.
        self._cut_at: tuple[Side, int, End] | None = None
        self.was_cut: Link | None = None

    @property
    def app(self) -> FakeApp:
        """The server as it is now."""
        return self.apps[-1]

    def client(self, **options: Any) -> JoinedClient:
        """Make a client, which is not connected yet."""
        client = JoinedClient(self, len(self.clients), **options)
        self.clients.append(client)
        return client

    # --- single steps ------------------------------------------------------------------------------------------------

    def accept(self, link: Link) -> None:
        """Let a connection be made, or be refused if the server does not listen."""
        assert link.connection is None
        self.steps += 1
        if not self.listening:
            self.refuse(link)
            return
        try:
            link.connection = self.app.connect()
        except ConnectionRefusedError:
            self.refuse(link)
            return
        link.client.report(lambda wire: wire.connection_made(link.number))

    def refuse(self, link: Link) -> None:
        """Let a connection not be made."""
        assert link.connection is None
        self.steps += 1
        link.client.report(lambda wire: wire.connection_lost(link.number, ConnectError("connection refused")))
        assert link.client_gone, "a connection that could not be made was not closed"

    def to_server(self, link: Link, count: int = ALL, *, run: bool = True) -> None:
        """Let bytes, or the end after them, come to the server; ``run`` lets its jobs go on in the same turn."""
        assert link.connection is not None
        self.steps += 1
        app = link.connection.app
        app.set_time(self.now)
        if link.to_server:
            data = self._take(link, link.to_server, count, "client")
            if link.server_gone:
                # Somebody writes to a socket that is closed. What was sent before can still be read.
                link.client_end = "lost"
            elif data:
                link.connection.receive_data(data)
        elif link.server_end is not None and not link.server_gone:
            link.server_gone = True
            if link.server_end == "eof":
                link.connection.receive_data(b"")
            link.connection.connection_lost()
        if run:
            app.run_jobs()
        self.pump()
        self._tidy()

    def to_client(self, link: Link, count: int = ALL, *, turn: bool = True) -> None:
        """Let bytes, or the end after them, come to the client; without ``turn`` it does nothing about it yet."""
        self.steps += 1
        if link.to_client:
            data = self._take(link, link.to_client, count, "server")
            if data:
                link.client.report(lambda wire: wire.receive_data(link.number, data), turn=turn)
            self._pull(link)
            return
        end = link.client_end
        assert end is not None
        if end == "eof":
            link.client.report(lambda wire: wire.receive_data(link.number, b""), turn=turn)
        else:
            link.client.report(lambda wire: wire.connection_lost(link.number, ReadError("connection reset")), turn=turn)
        if turn:
            assert link.client_gone, f"a connection that is over ({end}) was not closed"

    def write_file(self, link: Link, count: int = ALL) -> None:
        """Let the client's driver write a piece of a file."""
        self.steps += 1
        file = link.outgoing[0]
        assert isinstance(file, _File)
        piece = file.read(count)
        if link.server_end is None:
            link.to_server += piece
        if not file.left:
            link.outgoing.popleft()
        link.client.report(lambda wire: wire.file_sent(link.number, len(piece)))
        link.client.flush(link)

    def run_server(self) -> None:
        """Tell the server the time, let its jobs go on, and take what it has to send."""
        assert self.listening
        self.steps += 1
        self.app.tick(self.now)
        self.pump()

    def pump(self) -> None:
        """Take what the server wants to send, as its shell would: where it says that there is something."""
        while ready := self.app.take_ready():
            for link in self.links:
                if link.connection in ready:
                    self._pull(link)

    def cut(self, link: Link, end: End = "lost", *, to_client: int = 0, to_server: int = 0) -> None:
        """Let a connection break. So many of the bytes under way still arrive, then each side hears of it."""
        self.steps += 1
        if link.connection is None:
            self.refuse(link)
            return
        del link.to_client[to_client:]
        del link.to_server[to_server:]
        link.client_end = link.client_end or end
        link.server_end = link.server_end or end
        self._tidy()

    def cut_at(self, sender: Side, position: int, end: End) -> None:
        """Cut whatever connection carries byte number ``position`` of ``sender`` from now on, before that byte."""
        self._cut_at = (sender, self.sent[sender] + position, end)

    def silence(self, link: Link) -> None:
        """Let a connection swallow everything from now on, without a word to anybody."""
        self.steps += 1
        link.silent = True

    def stop_server(self, end: End = "eof") -> None:
        """End the server: what it has sent still arrives, it forgets everything, and nobody can connect."""
        assert self.listening
        self.listening = False
        app = self.app
        for link in self.links:
            if link.connection is not None and link.connection.app is app and not link.server_gone:
                link.server_gone = True
                link.client_end = link.client_end or end
        app.close()
        self._tidy()

    def start_server(self) -> None:
        """Start the server anew."""
        assert not self.listening
        self.apps.append(self._make_app(len(self.apps)))
        self.app.tick(self.now)
        self.listening = True

    # --- many steps --------------------------------------------------------------------------------------------------

    def settle(self, count: int = ALL) -> None:
        """Let everything arrive, ``count`` bytes at a time, until nothing more happens at this moment."""
        for _ in range(MAX_MOVES):
            if not self._move(count):
                return
        raise AssertionError(f"it does not come to rest: {self.links}")

    def step(self, count: int = ALL) -> bool:
        """Let the first thing happen of those that may happen now; return whether there was one."""
        for link in self.links:
            if link.waits:
                self.accept(link)
            elif link.writes_file:
                self.write_file(link, count)
            elif link.for_server:
                self.to_server(link, count)
            elif link.for_client:
                self.to_client(link, count)
            else:
                continue
            return True
        if self.listening and (due := self.app.next_deadline()) is not None and due <= self.now:
            self.run_server()
            return True
        return False

    def _move(self, count: int) -> bool:
        moved = False
        for link in list(self.links):
            if link.silent or link.over:
                continue
            if link.connection is None:
                self.accept(link)
                moved = True
            if link.writes_file:
                self.write_file(link, count)
                moved = True
            if link.for_server:
                self.to_server(link, count)
                moved = True
            if link.for_client:
                self.to_client(link, count)
                moved = True
        if self.listening and (due := self.app.next_deadline()) is not None and due <= self.now:
            self.run_server()
            moved = True
        for client in self.clients:
            if client.due():
                client.turn()
                moved = True
        return moved

    def advance(self, seconds: float, *, delivering: bool = True) -> None:
        """Let time pass, from one moment at which something is due to the next; everything arrives at once, or not.

        Without ``delivering`` the time counts as stalled if something is under way.
        """
        until = self.now + seconds
        while True:
            if delivering:
                self.settle()
            else:
                self._notice_time()
            deadline = self._next_deadline()
            if deadline is None or deadline > until:
                break
            self._set_time(deadline, delivering=delivering)
        self._set_time(until, delivering=delivering)
        if delivering:
            self.settle()
        else:
            self._notice_time()

    def oversleep(self, seconds: float) -> None:
        """Let the clients' drivers do nothing for a while, then report all that came meanwhile, and only then go on."""
        self.settle()
        until = self.now + seconds
        if self.listening:
            while (deadline := self.app.next_deadline()) is not None and deadline <= until:
                self.now = max(deadline, self.now)
                self.run_server()
        self.now = until
        if self.listening:
            self.run_server()
        for link in list(self.links):
            while link.for_client:
                over = not link.to_client
                self.to_client(link, turn=False)
                if over:
                    break
        for client in self.clients:
            client.turn()
        self.settle()

    def heal(self) -> None:
        """Let the network be perfect from now on: whoever talked to nobody hears of it."""
        for link in self.links:
            if link.silent:
                link.silent = False
                self.cut(link)
        if not self.listening:
            self.start_server()

    def finish(self) -> None:
        """Heal the network, and let everything come to its end. No progress is a failure."""
        self.heal()
        for endpoint in self.app.endpoints:
            self.app.release(endpoint.name)
        self.settle()
        until = self.now + PATIENCE
        while any(client.under_way for client in self.clients):
            deadline = self._next_deadline()
            left = [client.under_way for client in self.clients]
            assert deadline is not None, f"nothing will ever happen, and there are {left}"
            assert deadline <= until, f"after {PATIENCE:g} s there are {left}"
            self._set_time(max(deadline, self.now), delivering=True)
            self.settle()

    def check_requests(self, refusals: Mapping[str, set[int]], *, retried: bool = False) -> None:
        """Check that every server could answer every request, and that no job was sent twice.

        ``refusals`` are the answers besides 200 that are no wonder, by the kind of request. Clients that try again have
        ``retried`` what ran nothing.
        """
        repeated = REPEATED | RETRIED if retried else REPEATED
        sent: set[tuple[str, str]] = set()
        for app in self.apps:
            for record in app.requests:
                assert record.kind != "unknown", record
                assert record.status in (None, 101, 200) or record.status in refusals.get(record.kind, ()), record
                job = dict(record.headers).get(JOB_HEADER)
                if retried and record.status == 503:
                    continue
                if job is not None and record.kind not in repeated:
                    assert (record.kind, job) not in sent, f"job {job} was sent twice"
                    sent.add((record.kind, job))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _take(self, link: Link, queue: bytearray, count: int, sender: Side) -> bytes:
        count = min(count, len(queue))
        end: End | None = None
        if self._cut_at is not None and self._cut_at[0] == sender and self._cut_at[1] < self.sent[sender] + count:
            _, position, end = self._cut_at
            self._cut_at = None
            count = position - self.sent[sender]
        self.sent[sender] += count
        data = bytes(queue[:count])
        del queue[:count]
        if end is not None:
            self.was_cut = link
            self.cut(link, end)
        return data

    def _pull(self, link: Link) -> None:
        """Do what the server's shell does with a connection that has something to send."""
        connection = link.connection
        assert connection is not None
        if link.server_gone:
            return
        while len(link.to_client) < WINDOW:
            data = connection.data_to_send()
            if not data:
                if connection.closed:
                    connection.connection_lost()
                    link.server_gone = True
                    link.client_end = link.client_end or "eof"
                break
            assert b"Invalid HTTP request" not in data, "the server did not understand a request"
            if link.client_end is None and not link.client_gone and not link.silent:
                link.to_client += data
        self._tidy()

    def _tidy(self) -> None:
        self.links = [link for link in self.links if not link.over]

    def _next_deadline(self) -> float | None:
        deadlines = [client.deadline() for client in self.clients]
        if self.listening:
            deadlines.append(self.app.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _set_time(self, now: float, *, delivering: bool) -> None:
        if not delivering and any(link.under_way for link in self.links):
            self.stalled += now - self.now
        assert now >= self.now
        self.now = now

    def _notice_time(self) -> None:
        for _ in range(MAX_MOVES):
            if self.listening:
                self.run_server()
            for client in self.clients:
                client.turn()
            deadline = self._next_deadline()
            if deadline is None or deadline > self.now:
                return
        raise AssertionError("somebody is due for ever")


ENDS = (JobCompleted, JobFailed, JobCancelled)
DOWNLOAD_EVENTS = (DownloadStarted, DownloadDataReceived, DownloadCompleted, DownloadFailed)


class JoinedClient:
    """A session with its wire client, the driver that obeys it, and the user who takes its events."""

    def __init__(self, network: Network, number: int, **options: Any) -> None:
        self.network = network
        self.number = number
        entropy = random.Random(number).randbytes
        self.session = Session(URL, entropy=entropy, **options)
        timeouts = options.get("timeouts")
        self.wire = WireClient(
            self.session, connect_timeout=10.0 if timeouts is None else timeouts.connect, entropy=entropy
        )
        self.links: dict[int, Link] = {}
        self.closed_links = 0
        self.jobs: dict[int, Job] = {}
        self.events: list[Event] = []
        self.ends: dict[int, Event] = {}
        self.refusals: dict[int, list[CancelRefused]] = {}
        # Every output as it was shown, and a copy of it.
        self.outputs: dict[int, list[tuple[object, ...]]] = {}
        self._copies: list[tuple[object, object]] = []
        self.queued: set[int] = set()
        self.progress: dict[int, int] = {}
        # What came of each download, and the event that ended it, or "aborted".
        self.downloads: dict[int, bytearray] = {}
        self.download_ends: dict[int, Event | str] = {}
        self.failed: SessionFailed | None = None
        # Jobs that were said to fail with their stream.
        self.lost: set[int] = set()
        self.most_events_ahead = 0
        self.closed = False

    # --- what its user does ------------------------------------------------------------------------------------------

    def connect(self, *, settle: bool = True) -> JoinedClient:
        """Begin to connect; with ``settle``, be ready at the end."""
        self.session.connect()
        self.turn()
        if settle:
            self.network.settle()
            assert self.session.state is SessionState.READY
        return self

    def submit(self, api_name: str, *args: object) -> Job:
        """Begin a job."""
        call = self.session.prepare(args, api_name=api_name, headers={JOB_HEADER: f"{self.number}.{len(self.jobs)}"})
        contents: list[bytes] = []
        for file in call.files:
            source = file.source
            assert isinstance(source, (bytes, io.BytesIO))
            contents.append(source if isinstance(source, bytes) else source.getvalue())
        if call.wants_contents:
            call = call.with_contents(contents)
        job = self.session.submit(call.with_sizes([len(content) for content in contents], [0] * len(contents)))
        assert job.number == len(self.jobs)
        self.jobs[job.number] = job
        self.outputs[job.number] = []
        self.turn()
        return job

    def cancel(self, job: Job) -> None:
        """Begin to cancel a job."""
        self.session.cancel(job)
        self.turn()

    def download(self, file: FileData) -> int:
        """Begin a download."""
        number = self.session.download(file)
        assert number not in self.downloads
        self.downloads[number] = bytearray()
        self.turn()
        return number

    def abort_download(self, number: int) -> None:
        """End a download early."""
        self.take_events()
        self.session.abort_download(number)
        self.download_ends.setdefault(number, "aborted")
        self.turn()

    def reset_session(self) -> None:
        """Begin a new conversation."""
        self.session.reset_session()
        self.turn()

    def close(self) -> None:
        """Close the session, then the wire, and look for what they left behind."""
        self.session.close()
        self.turn()
        assert not self.under_way, f"closed, and still there: {self.under_way}"
        assert self.session.next_deadline() is None
        assert leftovers(self.session) == []
        self.wire.close()
        self.turn()
        assert self.wire.next_deadline() is None
        assert not self.links
        self.closed = True

    @property
    def under_way(self) -> list[object]:
        """The jobs and downloads that did not end, and the connecting."""
        jobs: list[object] = [job for number, job in self.jobs.items() if number not in self.ends]
        downloads: list[object] = [number for number in self.downloads if number not in self.download_ends]
        states = (SessionState.RESOLVING, SessionState.FETCHING_CONFIG, SessionState.FETCHING_INFO)
        connecting: list[object] = [self.session.state] if self.session.state in states else []
        return jobs + downloads + connecting

    def server_of(self, job: Job) -> int | None:
        """Which of the network's apps was asked for the job; ``None`` if none was."""
        name = f"{self.number}.{job.number}"
        for at, app in enumerate(self.network.apps):
            if any(dict(record.headers).get(JOB_HEADER) == name for record in app.requests):
                return at
        return None

    def end(self, job: Job) -> Event:
        """How the job ended."""
        assert job.number in self.ends, f"{job} has not ended"
        return self.ends[job.number]

    # --- its driver --------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The time on the client's clock."""
        return self.network.now + CLOCKS_APART

    def deadline(self) -> float | None:
        """When it wants to hear the time, on the network's clock."""
        deadline = self.wire.next_deadline()
        return None if deadline is None else deadline - CLOCKS_APART

    def due(self) -> bool:
        """Whether it wants to hear the time now."""
        deadline = self.deadline()
        return deadline is not None and deadline <= self.network.now

    def report(self, fact: Callable[[WireClient], None], *, turn: bool = True) -> None:
        """Tell the client what happened, and let it go on."""
        fact(self.wire)
        self.most_events_ahead = max(self.most_events_ahead, len(self.session._core.events))
        if turn:
            self.turn()

    def turn(self) -> None:
        """Tell the time, obey all actions, take all events: what a driver does after each wait."""
        for _ in range(MAX_MOVES):
            self.wire.tick(self.now)
            moved = False
            while (action := self.wire.next_action()) is not None:
                self._obey(action)
                moved = True
            if self.take_event() or moved:
                continue
            if not self.due():
                return
        raise AssertionError("the client does not come to rest")

    def _obey(self, action: Action) -> None:
        if isinstance(action, Connect):
            assert (action.host, action.port, action.tls) == ("app.test", 7860, False)
            assert action.connection == self.closed_links + len(self.links), "a connection's number is not the next one"
            link = self.links[action.connection] = Link(self, action.connection)
            self.network.links.append(link)
            return
        link_or_none = self.links.get(action.connection)
        assert link_or_none is not None, f"{action} is about a closed connection"
        link = link_or_none
        if isinstance(action, Close):
            del self.links[action.connection]
            self.closed_links += 1
            link.client_gone = True
            link.outgoing.clear()
            # What was read by nobody turns the end into a reset; a server takes both for a client that went away.
            link.server_end = link.server_end or ("lost" if link.to_client else "eof")
            link.to_client.clear()
            self.network._tidy()
            return
        assert link.connection is not None, f"{action} came before the connection was made"
        if isinstance(action, Send):
            assert action.data
            link.outgoing.append(action.data)
        else:
            link.outgoing.append(_File(action.file))
        self.flush(link)

    def flush(self, link: Link) -> None:
        """Write what is no file."""
        while link.outgoing and isinstance(link.outgoing[0], bytes):
            data = link.outgoing.popleft()
            assert isinstance(data, bytes)
            if link.server_end is None and not link.silent:
                link.to_server += data

    # --- its events --------------------------------------------------------------------------------------------------

    def take_events(self) -> None:
        """Take all events."""
        while self.take_event():
            pass

    def take_event(self) -> bool:
        """Take an event and check that it may come now; return whether there was one."""
        event = self.wire.next_event()
        if event is None:
            return False
        self.events.append(event)
        if isinstance(event, DOWNLOAD_EVENTS):
            self._check_download(event)
            return True
        if isinstance(event, SessionFailed):
            assert self.failed is None
            self.failed = event
        elif isinstance(event, StreamLost):
            self.lost.update(event.jobs)
        elif isinstance(event, SessionReady):
            assert self.session.state is SessionState.READY
        number = getattr(event, "job", None)
        if number is None:
            return True
        job = self.jobs[number]
        if isinstance(event, CancelRefused):
            self.refusals.setdefault(number, []).append(event)
            return True
        assert number not in self.ends, f"{event} came after {self.ends[number]}"
        if isinstance(event, OutputGenerated):
            assert event.index == len(self.outputs[number]), "an output is missing or came twice"
            self._keep(number, event.outputs)
        elif isinstance(event, JobQueued):
            assert number not in self.queued
            self.queued.add(number)
        elif isinstance(event, JobRetried):
            assert not self.outputs[number], "a job began anew after an output"
            assert not len(job.history)
            self.queued.discard(number)
            self.lost.discard(number)
        elif isinstance(event, JobProgressed):
            self.progress[number] = self.progress.get(number, 0) + 1
        elif isinstance(event, ENDS):
            self.ends[number] = event
            assert job.ended
            if isinstance(event, JobCompleted):
                assert job.outputs == event.outputs
                self._copies.append((event.outputs, copy.deepcopy(event.outputs)))
            elif isinstance(event, JobFailed):
                assert job.error is event.error
        return True

    def _keep(self, number: int, outputs: tuple[object, ...]) -> None:
        self.outputs[number].append(outputs)
        self._copies.append((outputs, copy.deepcopy(outputs)))

    def _check_download(self, event: Event) -> None:
        assert isinstance(event, DOWNLOAD_EVENTS)
        number = event.download
        if number not in self.downloads:
            # A download that cannot even begin fails before its number is known.
            self.downloads[number] = bytearray()
        assert number not in self.download_ends, f"{event} came after {self.download_ends[number]}"
        if isinstance(event, DownloadDataReceived):
            self.downloads[number] += event.data
        elif isinstance(event, (DownloadCompleted, DownloadFailed)):
            self.download_ends[number] = event

    def check(self) -> None:
        """Check that nothing that was shown has changed since, and that lost jobs failed."""
        assert all(isinstance(self.ends[number], JobFailed) for number in self.lost)
        for shown, kept in self._copies:
            assert shown == kept, f"an output was {kept}, and is now {shown}"


def leftovers(session: Session) -> list[object]:
    """What a session that has nothing to do any more still holds on to."""
    core = session._core
    return [
        *core.jobs.values(),
        *core.downloads.values(),
        *core.exchanges._under_way.values(),
        *core.exchanges._waiting_for_login,
        *core.backlog,
        *core.commands,
        *core.events,
    ]
