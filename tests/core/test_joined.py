"""The client and the fake server, joined in memory: conversations of any order, chunking, timing and loss.

The two state machines run a moderate set of examples, always the same. To look for longer, and elsewhere each time:
``HYPOTHESIS_PROFILE=long pytest tests/core/test_joined.py -k everything``.
"""

from __future__ import annotations

import base64
import io
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gradproto import (
    AppError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceeded,
    DownloadCompleted,
    DownloadFailed,
    EndpointNotFoundError,
    Event,
    FileData,
    FileUploaded,
    GradprotoError,
    Job,
    JobCancelled,
    JobCompleted,
    JobError,
    JobFailed,
    JobLogged,
    JobProgressed,
    JobState,
    LocalProtocolError,
    QueueFullError,
    ReadError,
    Retry,
    SessionExpired,
    SessionExpiredError,
    SessionState,
    StreamLost,
    Timeouts,
    TransportError,
    UnknownMessageReceived,
    UploadProgressed,
)
from gradproto.wire import WireClient
from gradproto_fake_server import FakeApp, demo_app
from gradproto_fake_server import Job as ServerJob
from gradproto_fake_server import number as number_component
from gradproto_fake_server import state as state_component
from gradproto_fake_server import textbox as textbox_component
from gradproto_fake_server._versions import Version, parse
from tests.core.joined import ALL, End, JoinedClient, Link, Network, Side

# What a network that loses things may do to a job.
LOSSES = (TransportError, ConnectionLostError, SessionExpiredError, DeadlineExceeded)


NEWEST = "6.31.0"

# --- what is called --------------------------------------------------------------------------------------------------


def app_with_all(seed: int, version: str = NEWEST, **options: Any) -> FakeApp:
    """The demo app, and, where there are generators, one with State of which one runs at a time."""
    app = demo_app(version, seed=seed, **options)
    if not app.profile.generators:
        return app
    tally = state_component(0)

    @app.endpoint(
        "/tally",
        inputs=[number_component("n"), tally],
        outputs=[textbox_component("text"), tally],
        concurrency_limit=1,
    )
    def tally_up(n: int, tally: int) -> Iterator[tuple[str, int]]:
        for i in range(int(n)):
            yield f"n={i}", tally + i + 1

    return app


def said(role: str, text: str, gradio: Version) -> dict[str, Any]:
    """A chat message as the server shows it; before 5.0 the demo app's are JSON, before 6.0 they are one text."""
    if gradio < (5, 0):
        return {"role": role, "content": text}
    content = text if gradio < (6, 0) else [{"text": text, "type": "text"}]
    return {"role": role, "metadata": None, "content": content, "options": None}


def right_outputs(name: str, args: tuple[Any, ...], gradio: Version) -> list[tuple[object, ...]]:
    """The outputs that a generator gives on its way."""
    if name in ("/count", "/tally"):
        return [(f"n={i}",) for i in range(args[0])]
    if name == "/chat":
        words = ["You", "said:", *args[0].split()]
        told = [said("user", args[0], gradio)]
        ends = range(1, len(words) + 1)
        return [([*told, said("assistant", " ".join(words[:end]), gradio)],) for end in ends]
    return []


def right_result(name: str, args: tuple[Any, ...]) -> tuple[object, ...]:
    """What a job that is no generator ends with, where only its arguments matter."""
    if name in ("/echo", "/slow"):
        return (args[0],)
    if name == "/add":
        return (args[0] + args[1],)
    if name == "/progress":
        return (f"done {args[0]}",)
    if name == "/now_upper":
        return (args[0].upper(),)
    raise AssertionError(name)


@dataclass
class Submitted:
    """A job, and what to think of it."""

    client: JoinedClient
    job: Job
    name: str
    args: tuple[Any, ...]
    cancelled: bool = False
    closed: bool = False

    @property
    def generates(self) -> bool:
        """Whether the function is a generator."""
        return self.name in ("/count", "/tally", "/chat")

    def check(self, network: Network) -> None:
        """Check what has come of the job so far."""
        outputs = self.client.outputs[self.job.number]
        right = right_outputs(self.name, self.args, parse(network.app.profile.version))
        assert outputs == right[: len(outputs)]
        end = self.client.ends.get(self.job.number)
        if not isinstance(end, JobCompleted):
            return
        seen = list(iter(self.job.cursor().advance, None))
        if self.job.number not in self.client.queued:
            # Outside the queue, a generator's first output is its result.
            right = right[:1]
            assert not outputs
            assert seen == ([end.outputs] if right or not self.generates else [])
        else:
            assert outputs == right
            # Before 3.20 nobody says which function is a generator.
            assert seen == (right if right or self.job.endpoint.is_generator else [end.outputs])
        if self.generates:
            assert end.outputs == (right[-1] if right else (None,))
        else:
            self._check_result(end.outputs, network)

    def _check_result(self, result: tuple[object, ...], network: Network) -> None:
        if self.name == "/upper":
            (file,) = result
            assert isinstance(file, FileData)
            assert (file.orig_name, file.size) == ("file", len(self.args[0].uppercased))
            if file.path is None:
                # Before 3.2 files came inside their URLs.
                assert base64.b64decode((file.url or "").partition(";base64,")[2]) == self.args[0].uppercased
            stored = [found for app in network.apps if (found := app.files.get(file.path or "")) is not None]
            # A server that was stopped has no files any more.
            assert all(b"".join(found.pieces()) == self.args[0].uppercased for found in stored)
        elif self.name == "/incr":
            (number,) = result
            assert isinstance(number, (int, float))
            assert number >= 1
        else:
            assert self.name != "/fail"
            assert result == right_result(self.name, self.args)

    @property
    def counter(self) -> float | None:
        """What an ``/incr`` gave."""
        end = self.client.ends.get(self.job.number)
        if self.name != "/incr" or not isinstance(end, JobCompleted):
            return None
        (number,) = end.outputs
        # In 3.0 to 4.8 all numbers are floats.
        assert isinstance(number, (int, float))
        return number


@dataclass(frozen=True)
class Upload:
    """A file to upload."""

    text: str
    in_memory: bool

    def __repr__(self) -> str:
        return f"Upload({self.text[:4]!r} * {len(self.text) // 4}, in_memory={self.in_memory})"

    @property
    def uppercased(self) -> bytes:
        """What ``/upper`` makes of it."""
        return self.text.upper().encode()

    def argument(self) -> bytes | io.BytesIO:
        """The file as an argument."""
        content = self.text.encode()
        return content if self.in_memory else io.BytesIO(content)


# --- the state machines -----------------------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from('aé字\U0001f600 \n"\\'), max_size=6) | st.sampled_from(["x" * 3000, "data: {}\n\n"])
FILES = ["abc", "", "\r\n--" * 40, "é\n" * 200, "y" * 70_000]
CALLS: st.SearchStrategy[tuple[str, tuple[Any, ...]]] = st.one_of(
    st.tuples(st.just("/echo"), st.tuples(TEXTS)),
    st.tuples(st.just("/count"), st.tuples(st.integers(0, 5))),
    st.tuples(st.just("/tally"), st.tuples(st.integers(0, 3))),
    st.tuples(st.just("/slow"), st.tuples(TEXTS, st.sampled_from([0.5, 0, 10]))),
    st.tuples(st.just("/incr"), st.just(())),
    st.tuples(st.just("/chat"), st.tuples(st.sampled_from(["", "a b", "é 字 é"]), st.just([]))),
    st.tuples(st.just("/add"), st.tuples(st.integers(-9, 9), st.sampled_from([1, 0.5]))),
    st.tuples(st.just("/fail"), st.tuples(TEXTS)),
    st.tuples(st.just("/progress"), st.tuples(st.integers(0, 3))),
    st.tuples(st.just("/now_upper"), st.tuples(TEXTS)),
    # Bytes go out with the request, a file is written piece by piece.
    st.tuples(
        st.just("/upper"),
        st.tuples(st.sampled_from([Upload(text, memory) for text in FILES for memory in (True, False)])),
    ),
)
HELD = st.sampled_from(["/tally", "/count", "/chat", "/echo", "/incr", "/now_upper", "/slow"])
PIECES = st.sampled_from([ALL, 1, 3, 50, 400])
PIECES_LEFT = st.sampled_from([0, ALL, 1, 40])
# Which endpoints are held, what is called, and how many steps of which size follow.
Work = tuple[set[str], list[tuple[str, tuple[Any, ...]]], int, int]
WORK: st.SearchStrategy[Work] = st.tuples(
    st.sets(HELD, max_size=2), st.lists(CALLS, max_size=4), st.integers(0, 40), PIECES
)
ENDS: st.SearchStrategy[End] = st.sampled_from(["eof", "lost"])
INDEX = st.integers(0, 7)

# What is called where the app, which has but one function, has not the one that was meant.
IN_PLACE: dict[str, tuple[Any, ...]] = {
    "/echo": ("x",),
    "/slow": ("x", 0.5),
    "/incr": (),
    "/upper": (Upload("abc", in_memory=True),),
    "/fail": ("x",),
    "/now_upper": ("x",),
}

T = TypeVar("T")


def one_of(things: Sequence[T], which: int) -> T:
    """One of them; shrinking leads to the newest."""
    return things[-1 - which % len(things)]


class Joined(RuleBasedStateMachine):
    """Clients on a network that is slow as it likes, but loses nothing: every job comes to its right end."""

    version: ClassVar[str] = NEWEST
    route: ClassVar[str] = "queue"

    retried: ClassVar[bool] = False
    # How many connections stay when all is done: the heartbeat's.
    most_links: ClassVar[int] = 1
    # For how many seconds, in all, bytes may lie about. With more, a request may meet a server that closes an idle
    # connection, which no client can help: the server waits a second longer for a request than the client.
    longest_stall: ClassVar[float] = 0.9
    # For how many seconds a client may do nothing at a time, when the server closes idle connections meanwhile.
    longest_sleep: ClassVar[float] = 50.0

    def __init__(self) -> None:
        super().__init__()
        self.network = Network(lambda seed: app_with_all(seed, self.version))
        self.clients: list[JoinedClient] = []
        self.submitted: list[Submitted] = []
        self.files: list[tuple[JoinedClient, FileData, bytes]] = []
        self.fetched: list[tuple[JoinedClient, int, bytes]] = []
        self.closings = 0

    @initialize(clients=st.sampled_from([1, 1, 1, 2]), interface=st.sampled_from(list(IN_PLACE)), work=WORK)
    def begin(self, clients: int, interface: str, work: Work) -> None:
        self.network = Network(lambda seed: app_with_all(seed, self.version, interface=interface))
        for _ in range(clients):
            self.clients.append(self.client().connect())
        self.work(work)

    def client(self, **options: Any) -> JoinedClient:
        """Make a client."""
        return self.network.client(route=self.route, **options)

    def work(self, work: Work) -> None:
        """Begin with some jobs under way: most of what can go wrong needs several steps of each."""
        held, calls, count, piece = work
        for name in held:
            if self.network.app.find_endpoint(name) is not None:
                self.network.app.hold(name)
        for at, (name, args) in enumerate(calls):
            self.submit_to(self.clients[at % len(self.clients)], name, args)
        self.take_steps(count, piece)

    def take_steps(self, count: int, piece: int) -> None:
        """Let so many things happen, if there are as many."""
        for _ in range(count):
            if not self.network.step(piece):
                break

    # --- what users do ---

    def ready(self) -> list[JoinedClient]:
        """The clients that can be asked for something."""
        return [client for client in self.clients if client.session.state is SessionState.READY]

    @precondition(lambda self: self.ready())
    @rule(call=CALLS, which=INDEX)
    def submit(self, call: tuple[str, tuple[Any, ...]], which: int) -> None:
        name, args = call
        self.submit_to(one_of(self.ready(), which), name, args)

    @precondition(lambda self: self.ready() and self.submitted)
    @rule(which=INDEX, count=st.sampled_from([1, 2]))
    def submit_again(self, which: int, count: int) -> None:
        one = one_of(self.submitted, which)
        for _ in range(count):
            self.submit_to(one.client if one.client in self.ready() else self.ready()[0], one.name, one.args)

    def submit_to(self, client: JoinedClient, name: str, args: tuple[Any, ...]) -> None:
        one = self.call(client, name, args)
        # After a loss a job waits until its endpoint is known to be still there.
        if one.name in ("/incr", "/tally") and one.job.session_hash:
            assert one.job.session_hash == client.session.session_hash
        self.submitted.append(one)

    def call(self, client: JoinedClient, name: str, args: tuple[Any, ...]) -> Submitted:
        """Begin a job, of another function if the app cannot have this one."""
        app = self.network.app
        if app.find_endpoint(name) is None:
            name = f"/{app.endpoints[0].name}"
            args = IN_PLACE[name]
        return call(client, name, *args)

    @precondition(lambda self: any(not one.job.ended for one in self.submitted))
    @rule(which=INDEX)
    def cancel(self, which: int) -> None:
        one = one_of([one for one in self.submitted if not one.job.ended], which)
        one.cancelled = True
        one.client.cancel(one.job)

    @precondition(lambda self: any(not client.closed for client, _, _ in self.files))
    @rule(which=INDEX)
    def download(self, which: int) -> None:
        client, file, content = one_of([found for found in self.files if not found[0].closed], which)
        self.fetched.append((client, client.download(file), content))

    @precondition(lambda self: self.fetched)
    @rule(which=INDEX)
    def abort_download(self, which: int) -> None:
        client, number, _ = one_of(self.fetched, which)
        client.abort_download(number)

    @precondition(lambda self: self.ready())
    @rule(which=INDEX)
    def reset_session(self, which: int) -> None:
        one_of(self.ready(), which).reset_session()

    @precondition(lambda self: not self.closings)
    @rule(which=INDEX)
    def close_and_come_again(self, which: int) -> None:
        self.closings += 1
        which %= len(self.clients)
        self._close(self.clients[which])
        self.clients[which] = self.client().connect(settle=False)

    def _close(self, client: JoinedClient) -> None:
        client.close()
        for one in self.submitted:
            if one.client is client:
                one.closed = True

    @precondition(lambda self: self.submitted)
    @rule(which=INDEX)
    def ask_what_cannot_be(self, which: int) -> None:
        one = one_of(self.submitted, which)
        if one.job.ended:
            before = len(one.client.refusals.get(one.job.number, ()))
            one.client.cancel(one.job)
            assert len(one.client.refusals[one.job.number]) == before + 1
        other = self.network.clients[-1]
        if other is one.client:
            other = JoinedClient(self.network, 99)
        asked: list[Callable[[], object]] = [lambda: other.session.abort_download(1000)]
        if not one.job.ended:
            asked.append(lambda: other.session.cancel(one.job))
        if other.session.state is not SessionState.NEW:
            asked.append(other.session.connect)
        if other.session.state is not SessionState.READY:
            asked.append(lambda: other.session.submit(one.job.call))
            asked.append(other.session.reset_session)
        for ask in asked:
            unchanged = other.session.state, len(other.events)
            with pytest.raises(LocalProtocolError):
                ask()
            other.turn()
            assert (other.session.state, len(other.events)) == unchanged

    # --- what the network does ---

    def links(self, wanted: Callable[[Link], bool]) -> list[Link]:
        """The connections of which this is true."""
        return [link for link in self.network.links if wanted(link)]

    @precondition(lambda self: self.links(lambda link: link.for_client))
    @rule(which=INDEX, count=PIECES)
    def to_client(self, which: int, count: int) -> None:
        self.network.to_client(one_of(self.links(lambda link: link.for_client), which), count)

    @precondition(lambda self: self.links(lambda link: link.for_server))
    @rule(which=INDEX, count=PIECES, run=st.booleans())
    def to_server(self, which: int, count: int, run: bool) -> None:
        self.network.to_server(one_of(self.links(lambda link: link.for_server), which), count, run=run)

    @precondition(lambda self: len(self.links(lambda link: link.for_client)) > 1)
    @rule(count=PIECES)
    def to_clients_at_once(self, count: int) -> None:
        for link in self.links(lambda link: link.for_client):
            self.network.to_client(link, count, turn=False)
        for client in self.clients:
            client.turn()

    @precondition(lambda self: self.links(lambda link: link.waits))
    @rule(which=INDEX)
    def accept(self, which: int) -> None:
        self.network.accept(one_of(self.links(lambda link: link.waits), which))

    @precondition(lambda self: self.links(lambda link: link.writes_file))
    @rule(which=INDEX, count=st.sampled_from([ALL, 1, 100, 60_000]))
    def write_file(self, which: int, count: int) -> None:
        self.network.write_file(one_of(self.links(lambda link: link.writes_file), which), count)

    @rule(count=st.integers(1, 30), piece=PIECES)
    def some_steps(self, count: int, piece: int) -> None:
        self.take_steps(count, piece)

    @rule(which=INDEX, kind=st.sampled_from(["data", "end", "loss", "made", "file"]))
    def late_report(self, which: int, kind: str) -> None:
        client = one_of(self.clients, which)
        closed = [number for number in range(client.closed_links + len(client.links)) if number not in client.links]
        if not closed:
            return
        number = one_of(closed, which)
        facts: dict[str, Callable[[WireClient], None]] = {
            "data": lambda wire: wire.receive_data(number, b"late"),
            "end": lambda wire: wire.receive_data(number, b""),
            "loss": lambda wire: wire.connection_lost(number, ReadError("late")),
            "made": lambda wire: wire.connection_made(number),
            "file": lambda wire: wire.file_sent(number, 1),
        }
        client.report(facts[kind])

    # --- what time does ---

    @rule(seconds=st.sampled_from([0.01, 0.3, 4.5, 6.0, 50.0]), how=st.sampled_from(["stall", "deliver", "sleep"]))
    def time_passes(self, seconds: float, how: str) -> None:
        if how == "deliver":
            self.network.advance(seconds)
        elif how == "sleep" and 5.0 < seconds <= self.longest_sleep:
            self.network.oversleep(seconds)
        elif self.network.stalled < self.longest_stall:
            seconds = min(seconds, self.longest_stall - self.network.stalled)
            if how == "sleep":
                # An answer that nobody takes lies about too.
                self.network.stalled += seconds
                self.network.oversleep(seconds)
            else:
                self.network.advance(seconds, delivering=False)

    # --- what the server does ---

    @precondition(lambda self: self.network.listening)
    @rule()
    def run_server(self) -> None:
        self.network.run_server()

    @rule(name=HELD)
    def hold_or_release(self, name: str) -> None:
        app = self.network.app
        endpoint = app.find_endpoint(name)
        if endpoint is None:
            return
        if endpoint.held:
            app.release(name)
        else:
            app.hold(name)

    def held(self) -> list[ServerJob]:
        """The server's jobs that wait for the test."""
        return [job for job in self.network.app.jobs.values() if job.state == "held"]

    @precondition(lambda self: self.network.listening and self.held())
    @rule(which=INDEX, steps=st.sampled_from([1, 2]))
    def step(self, which: int, steps: int) -> None:
        one_of(self.held(), which).step(steps)
        self.network.run_server()

    # --- what holds ---

    @invariant()
    def nothing_is_put_off(self) -> None:
        for client in self.clients:
            core = client.session._core
            assert not core.events
            assert not core.commands
            assert not core.backlog
            assert client.most_events_ahead < 100
            self.check_events(client, client.events[-20:])

    @invariant()
    def the_latest_jobs_are_right(self) -> None:
        for one in self.submitted[-8:]:
            one.check(self.network)
            if one.name == "/upper" and isinstance(end := one.client.ends.get(one.job.number), JobCompleted):
                (file,) = end.outputs
                assert isinstance(file, FileData)
                if all(other is not file for _, other, _ in self.files):
                    self.files.append((one.client, file, one.args[0].uppercased))

    def teardown(self) -> None:
        """Let everything come to its end, and look at what came of it."""
        network = self.network
        network.finish()
        for one in self.submitted:
            one.check(network)
            self.check_end(one)
        for client in network.clients:
            client.check()
            if not client.closed:
                self.check_events(client, client.events)
        self.check_counters()
        for client, number, content in self.fetched:
            self.check_download(client, number, content)
        self.go_on()
        network.advance(20.0)
        for client in self.clients:
            assert len(client.links) <= self.most_links, f"connections are left open: {client.links}"
            self._close(client)
        self.check_server()

    def go_on(self) -> None:
        """Check that every client still works."""
        for client in self.clients:
            for name, args in (("/echo", ("at last",)), ("/incr", ())):
                one = self.call(client, name, args)
                self.network.finish()
                one.check(self.network)
                Joined.check_end(self, one)

    def check_download(self, client: JoinedClient, number: int, content: bytes) -> None:
        """Check that a download came whole, or began well and was stopped."""
        end = client.download_ends[number]
        got = bytes(client.downloads[number])
        if isinstance(end, DownloadCompleted):
            assert got == content
        else:
            assert content.startswith(got)
            assert end == "aborted" or client.closed, end

    def check_events(self, client: JoinedClient, events: list[Event]) -> None:
        """Check that nothing was told that cannot happen when nothing is lost."""
        for event in events:
            assert not isinstance(event, (StreamLost, SessionExpired, UnknownMessageReceived)), event

    def check_end(self, one: Submitted) -> None:
        """Check that a job ended as it must when nothing is lost."""
        end = one.client.end(one.job)
        if one.closed and isinstance(end, JobFailed) and isinstance(end.error, ConnectionLostError):
            assert "was under way when the session was closed" in str(end.error)
        elif isinstance(end, JobCancelled):
            assert one.cancelled
        elif one.name == "/fail":
            assert isinstance(end, JobFailed)
            assert isinstance(end.error, AppError)
            assert end.error.message == "boom-visible"
        else:
            assert isinstance(end, JobCompleted), f"{one.job} ended with {end}"

    def check_counters(self) -> None:
        """Check that State was kept: within a conversation each number is given once, and none is left out."""
        for jobs in self.conversations():
            numbers = sorted(number for one in jobs if (number := one.counter) is not None)
            if len(numbers) == len(jobs):
                assert numbers == list(range(1, len(numbers) + 1))

    def conversations(self) -> list[list[Submitted]]:
        """The ``/incr`` jobs by their server and session hash; no number was given twice."""
        found: dict[tuple[int | None, str], list[Submitted]] = {}
        for one in self.submitted:
            if one.name == "/incr":
                found.setdefault((one.client.server_of(one.job), one.job.session_hash), []).append(one)
        for jobs in found.values():
            numbers = [number for one in jobs if (number := one.counter) is not None]
            assert len(numbers) == len(set(numbers))
        return list(found.values())

    def check_server(self) -> None:
        """Check that the server could answer everything, and that nothing is left of anybody."""
        network = self.network
        network.settle()
        assert network.links == []
        network.advance(100.0)
        assert network.app.queue.events == {}
        for app in network.apps:
            assert app.open_streams == []
            assert all(not session.streams for session in app.queue.sessions.values())
        network.check_requests(self.refusals(), retried=self.retried)

    def refusals(self) -> dict[str, set[int]]:
        """Which answers but 200 the server may have given, by the kind of request."""
        # So comes the failure of a function that runs outside the queue; and the data of a job that was cancelled while
        # they were on their way (4.0 to 4.8) meet nobody.
        return {"run": {500}, "post_data": {500}}


class JoinedWithLosses(Joined):
    """Clients on a network that breaks, falls silent and refuses, with a server that is restarted.

    Every job still ends once; what completes is right, what fails says why; and when all is well again, all works.
    """

    # A server goes on to wait for the events that a broken stream took with it, so that the next stream of the same
    # session hash, which is kept for its State, never ends.
    most_links = 2
    longest_stall = 300.0
    queue_has_limit = True

    @initialize(
        clients=st.sampled_from([1, 1, 1, 2]),
        timeouts=st.sampled_from([None, None, None, Timeouts(queue_wait=3.0, run=5.0, request=7.0, stream_idle=20.0)]),
        max_queue_size=st.sampled_from([None, None, None, 1]),
        interface=st.sampled_from(list(IN_PLACE)),
        settled=st.sampled_from([True, True, True, False]),
        work=WORK,
    )
    def begin(
        self,
        clients: int,
        timeouts: Timeouts | None,
        max_queue_size: int | None,
        interface: str,
        settled: bool,
        work: Work,
    ) -> None:
        options = {"max_queue_size": max_queue_size if self.queue_has_limit else None, "interface": interface}
        self.network = Network(lambda seed: app_with_all(seed, self.version, **options))
        for _ in range(clients):
            self.clients.append(self.client(timeouts=timeouts).connect(settle=settled))
        if settled:
            self.work(work)

    @precondition(lambda self: self.network.links)
    @rule(which=INDEX, end=ENDS, to_client=PIECES_LEFT, to_server=PIECES_LEFT)
    def cut(self, which: int, end: End, to_client: int, to_server: int) -> None:
        self.network.cut(one_of(self.network.links, which), end, to_client=to_client, to_server=to_server)

    @rule(what=st.sampled_from(["refuse", "silence", "restart", "stop"]), which=INDEX, end=ENDS)
    def break_more(self, what: str, which: int, end: End) -> None:
        network = self.network
        if not network.listening:
            network.start_server()
        elif what == "refuse" and (links := self.links(lambda link: link.waits)):
            network.refuse(one_of(links, which))
        elif what == "silence" and (links := self.links(lambda link: not link.client_gone)):
            network.silence(one_of(links, which))
        elif what in ("stop", "restart"):
            network.stop_server(end)
            if what == "restart":
                network.start_server()

    @rule(seconds=st.sampled_from([1.0, 11.0, 25.0, 70.0]))
    def time_passes_without_the_network(self, seconds: float) -> None:
        self.network.advance(seconds, delivering=False)
        if not self.network.listening:
            self.network.start_server()

    def go_on(self) -> None:
        for at, client in enumerate(self.clients):
            if client.failed is not None:
                assert isinstance(client.failed.error, LOSSES)
                self._close(client)
                self.clients[at] = self.client().connect()
        super().go_on()

    def check_download(self, client: JoinedClient, number: int, content: bytes) -> None:
        end = client.download_ends[number]
        got = bytes(client.downloads[number])
        assert content.startswith(got)
        if isinstance(end, DownloadCompleted):
            assert got == content
        elif isinstance(end, DownloadFailed) and not isinstance(end.error, LOSSES):
            # The server is another one; what it says of a file that is not its own depends on its version.
            assert any(text in str(end.error) for text in ("File not allowed", "File not found", "answered 500"))
            assert len(self.network.apps) > 1

    def check_events(self, client: JoinedClient, events: list[Event]) -> None:
        """Everything may have happened."""

    def check_end(self, one: Submitted) -> None:
        end = one.client.end(one.job)
        if isinstance(end, JobCancelled):
            assert one.cancelled
        elif isinstance(end, JobFailed):
            allowed: tuple[type[GradprotoError], ...] = (*LOSSES, QueueFullError)
            if one.name == "/fail" or (one.name == "/upper" and len(self.network.apps) > 1):
                # A server that was restarted does not have the file.
                allowed += (AppError,)
            if "push" in self.network.app.profile.routes and "answered 500" in str(end.error):
                # Of a job that is not its own the polled queue knows nothing better.
                assert len(self.network.apps) > 1
                allowed += (JobError,)
            assert isinstance(end.error, allowed), f"{one.job} ended with {end}"
        else:
            assert isinstance(end, JobCompleted)
            assert one.name != "/fail"

    def check_counters(self) -> None:
        self.conversations()

    def refusals(self) -> dict[str, set[int]]:
        restarted = {"pushed_status": {500}} if len(self.network.apps) > 1 else {}
        return {**super().refusals(), "file": {403, 404, 500}, "join": {503}, "call": {503}, **restarted}


class JoinedWithRetries(JoinedWithLosses):
    """The same with clients that try again: still nothing that may have run is sent a second time."""

    retried = True

    def client(self, **options: Any) -> JoinedClient:
        return super().client(retry=Retry(times=3, first_delay=0.5), **options)


LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
MACHINE_SETTINGS = settings(
    max_examples=5000 if LONG else 100, stateful_step_count=80 if LONG else 50, derandomize=not LONG, deadline=None
)


# One version of each way to speak, and what is different there: where the server wants a hash, the data or a pong, it
# does not wait for a client that sleeps.
GENERATIONS: dict[str, dict[str, Any]] = {
    "2.9.4": {"queue_has_limit": False},
    "3.0.24": {"queue_has_limit": False},
    "3.1.5": {"queue_has_limit": False, "longest_sleep": 0.0},
    "3.4.1": {"longest_sleep": 0.0},
    "3.16.2": {"longest_sleep": 0.0},
    "3.50.2": {"longest_sleep": 0.0},
    "4.0.2": {"longest_sleep": 0.0},
    "4.8.0": {"longest_sleep": 0.0},
    "4.12.0": {},
    "4.19.2": {},
    "4.21.0": {},
    "4.25.0": {},
    "4.44.1": {},
    "5.50.0": {},
    "6.31.0 call": {"version": NEWEST, "route": "call"},
    "6.31.0 direct": {"version": NEWEST, "route": "direct"},
}
FEW = settings(MACHINE_SETTINGS, max_examples=1000 if LONG else 12)


def run_everything(machine: type[Joined], generation: str) -> None:
    """Run a state machine in one generation of Gradio."""
    difference = {"version": generation, **GENERATIONS[generation]}
    run_state_machine_as_test(type(machine.__name__, (machine,), difference), settings=FEW)


def test_everything_ends_well_where_nothing_is_lost() -> None:
    run_state_machine_as_test(Joined, settings=MACHINE_SETTINGS)


def test_everything_ends_where_anything_may_be_lost() -> None:
    run_state_machine_as_test(JoinedWithLosses, settings=MACHINE_SETTINGS)


def test_nothing_that_may_have_run_is_sent_again_where_anything_may_be_lost() -> None:
    run_state_machine_as_test(JoinedWithRetries, settings=MACHINE_SETTINGS)


@pytest.mark.parametrize("generation", ["3.50.2", "4.8.0", "4.44.1", "6.31.0 call", "6.31.0 direct"])
def test_nothing_that_may_have_run_is_sent_again_in_any_generation(generation: str) -> None:
    run_everything(JoinedWithRetries, generation)


@pytest.mark.parametrize("generation", list(GENERATIONS))
def test_everything_ends_well_in_every_generation_where_nothing_is_lost(generation: str) -> None:
    run_everything(Joined, generation)


@pytest.mark.parametrize("generation", list(GENERATIONS))
def test_everything_ends_in_every_generation_where_anything_may_be_lost(generation: str) -> None:
    run_everything(JoinedWithLosses, generation)


# --- one conversation at a time ---------------------------------------------------------------------------------------


def small_app(seed: int = 0, *, with_state: bool = False, version: str = NEWEST) -> FakeApp:
    """An app whose config is short enough to be taken byte by byte; with State it wants a heartbeat."""
    app = FakeApp(version, seed=seed)

    @app.endpoint("/echo", concurrency_limit=None)
    def echo(text: str) -> str:
        return text

    if app.profile.generators:

        @app.endpoint("/count", concurrency_limit=None)
        def count(n: int) -> Iterator[str]:
            for i in range(int(n)):
                yield f"n={i}"

    if with_state:
        counter = state_component(0)

        @app.endpoint("/incr", inputs=[counter], outputs=[number_component("n"), counter], concurrency_limit=None)
        def incr(counter: int) -> tuple[int, int]:
            return counter + 1, counter + 1

    return app


def call(client: JoinedClient, name: str, *args: Any) -> Submitted:
    """Begin a job."""
    given = [arg.argument() if isinstance(arg, Upload) else arg for arg in args]
    api_name = "/predict" if client.network.app.profile.one_function else name
    return Submitted(client, client.submit(api_name, *given), name, args)


def result(one: Submitted) -> tuple[object, ...]:
    """What the job ended with; it ended well, and as it should."""
    one.check(one.client.network)
    end = one.client.end(one.job)
    assert isinstance(end, JobCompleted), end
    return end.outputs


DEMO_CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("/echo", ('é \U0001f600 "data: x\n\n',)),
    ("/add", (2, 0.5)),
    ("/slow", ("later", 3)),
    ("/count", (3,)),
    ("/count", (0,)),
    ("/upper", (Upload("é\r\n--" * 20, in_memory=True),)),
    ("/upper", (Upload("é\r\n--" * 20, in_memory=False),)),
    ("/incr", ()),
    ("/chat", ("a é", [])),
    ("/progress", (2,)),
    ("/now_upper", ("é",)),
]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, ALL])
@pytest.mark.parametrize(("name", "args"), DEMO_CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_endpoint_works_however_the_bytes_are_cut(name: str, args: tuple[Any, ...], count: int) -> None:
    network = Network()
    client = network.client().connect()
    one = call(client, name, *args)
    network.settle(count)
    while not one.job.ended:
        network.advance(0.05)
        network.settle(count)
    outputs = result(one)
    kinds = [type(event) for event in client.events]
    if name == "/progress":
        assert kinds.count(JobProgressed) == 2
        logs = [event for event in client.events if isinstance(event, JobLogged)]
        assert [log.message for log in logs] == ["log 0", "log 1"]
    if name == "/incr":
        assert outputs == (1,)
    if name == "/upper":
        (file,) = outputs
        assert isinstance(file, FileData)
        assert kinds.count(FileUploaded) == 1
        assert (UploadProgressed in kinds) is (not args[0].in_memory)
        number = client.download(file)
        network.settle(count)
        assert isinstance(client.download_ends[number], DownloadCompleted)
        assert client.downloads[number] == args[0].uppercased
    assert client.most_events_ahead <= 70


def test_a_failure_is_told_byte_by_byte() -> None:
    network = Network()
    client = network.client().connect()
    one = call(client, "/fail", "x")
    network.settle(1)
    end = client.end(one.job)
    assert isinstance(end, JobFailed)
    assert isinstance(end.error, AppError)
    assert (end.error.message, end.error.title, end.error.visible) == ("boom-visible", "Error", True)


def test_connecting_works_byte_by_byte() -> None:
    network = Network(small_app)
    client = network.client().connect(settle=False)
    network.settle(1)
    assert client.session.state is SessionState.READY
    one = call(client, "/echo", "x")
    network.settle(1)
    assert result(one) == ("x",)


def test_a_private_endpoint_cannot_be_called() -> None:
    client = Network().client().connect()
    with pytest.raises(EndpointNotFoundError, match="/secret"):
        client.submit("/secret", "x")


@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_cut_at_any_byte_while_connecting_is_told_once(sender: Side) -> None:
    network = Network(small_app)
    client = network.client().connect(settle=False)
    while not client.events:
        network.step()
    second_answer = network.sent["server"]
    network.settle()
    client.close()
    network.settle()
    positions: list[int] = list(range(network.sent[sender]))
    if sender == "server":
        # Most bytes of the long answers are like the one before.
        positions = [*positions[::61], *positions[second_answer - 100 : second_answer + 200]]
    ends: Iterator[End] = itertools.cycle(("eof", "lost"))
    ready = []
    for position in positions:
        network.clients.clear()
        client = network.client().connect(settle=False)
        network.cut_at(sender, position, next(ends))
        network.finish()
        assert network.was_cut is not None
        network.was_cut = None
        if client.failed is None:
            assert next_result(client) == ("next",)
            ready.append(position)
        else:
            assert isinstance(client.failed.error, ReadError), (position, client.failed)
        client.close()
        network.settle()
        assert network.links == [], position
    # The second request goes out on the connection of the first, so that it is sent once more where no byte of an
    # answer to it came.
    if sender == "server":
        assert ready == [second_answer]
    else:
        assert ready == positions[ready[0] :]
        assert 100 < ready[0] < 200


def next_result(client: JoinedClient) -> tuple[object, ...]:
    """What the client's next job gives."""
    one = call(client, "/echo", "next")
    client.network.finish()
    return result(one)


@pytest.mark.parametrize(("end", "stride"), [("eof", 1), ("lost", 5)])
@pytest.mark.parametrize("sender", ["client", "server"])
@pytest.mark.parametrize(("name", "argument", "with_state"), [("/echo", "hello", True), ("/count", 2, False)])
def test_a_cut_at_any_byte_ends_the_job_and_the_next_succeeds(
    name: str, argument: object, with_state: bool, sender: Side, end: End, stride: int
) -> None:
    network = Network(lambda seed: small_app(seed, with_state=with_state))
    total = 0
    for _ in range(2):
        # The server's guesses are longer from the second time on.
        client = network.client().connect()
        before = network.sent[sender]
        one = call(client, name, argument)
        network.finish()
        result(one)
        total = network.sent[sender] - before
        client.close()
        network.settle()
    outcomes: set[tuple[str, str]] = set()
    for position in range(0, total, stride):
        network.clients.clear()
        client = network.client().connect()
        network.cut_at(sender, position, end)
        one = call(client, name, argument)
        network.finish()
        one.check(network)
        assert network.was_cut is not None, position
        carried = carried_by(network, network.was_cut)
        network.was_cut = None
        ended = client.end(one.job)
        outcome = type(ended.error).__name__ if isinstance(ended, JobFailed) else type(ended).__name__
        outcomes.add((carried, outcome))
        assert next_result(client) == ("next",), position
        client.close()
        network.settle()
        assert network.links == [], position
    if sender == "client":
        # What was sent before the byte is the request that the connection carried last.
        right = {("info", "ReadError"), ("join", "ReadError"), ("join", "ConnectionLostError")}
        right |= {("nothing", "JobCompleted")} if with_state else set()
    else:
        # The server's last words, which end the stream, come after those that end the job.
        right = {("join", "ReadError"), ("data", "ConnectionLostError"), ("data", "JobCompleted")}
        right |= {("heartbeat", "JobCompleted")} if with_state else set()
    assert outcomes == right


@pytest.mark.parametrize(
    ("version", "route", "name", "argument"),
    [
        ("3.0.24", "queue", "/echo", "hello"),
        ("3.1.5", "queue", "/count", 2),
        ("3.50.2", "queue", "/count", 2),
        ("4.8.0", "queue", "/count", 2),
        ("6.31.0", "call", "/count", 2),
        ("6.31.0", "direct", "/echo", "hello"),
    ],
)
@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_cut_at_any_byte_ends_the_job_in_every_generation_and_the_next_succeeds(
    version: str, route: str, name: str, argument: object, sender: Side
) -> None:
    network = Network(lambda seed: small_app(seed, version=version))
    client = network.client(route=route).connect()
    before = network.sent[sender]
    one = call(client, name, argument)
    network.finish()
    result(one)
    total = network.sent[sender] - before
    client.close()
    network.settle()
    ends: Iterator[End] = itertools.cycle(("eof", "lost", "lost"))
    failed = 0
    for position in range(0, total, 2):
        network.clients.clear()
        client = network.client(route=route).connect()
        network.cut_at(sender, position, next(ends))
        one = call(client, name, argument)
        network.finish()
        one.check(network)
        ended = client.end(one.job)
        if isinstance(ended, JobFailed):
            assert isinstance(ended.error, (ReadError, ConnectionLostError)), (position, ended)
            failed += 1
        if network.was_cut is None:
            # There was less to say this time: times and guesses differ.
            assert isinstance(ended, JobCompleted)
            assert position > total // 2
            break
        network.was_cut = None
        assert next_result(client) == ("next",), position
        client.close()
        network.settle()
        assert network.links == [], position
    assert failed


def carried_by(network: Network, link: Link) -> str:
    """What the last request that came over the connection was for."""
    assert link.connection is not None
    newest = itertools.islice(reversed(network.app.requests), 20)
    return next((record.kind for record in newest if record.connection == link.connection.number), "nothing")


def conversation(network: Network, work: Callable[[Network], bool], *, steps: int, piece: int) -> int:
    """Let so many things happen, one at a time, and ``work`` when all is quiet; return how many there were."""
    for done in range(steps):
        if not network.step(piece) and not work(network):
            return done
    return steps


@pytest.mark.parametrize("piece", [ALL, 150])
def test_a_generator_can_be_cancelled_after_any_step_and_its_sibling_goes_on(piece: int) -> None:
    ends = []
    for steps in itertools.count():
        network = Network()
        network.app.hold("/count")
        client = network.client().connect()
        one, sibling = call(client, "/count", 3), call(client, "/count", 4)
        done = conversation(network, step_all, steps=steps, piece=piece)
        if one.job.ended and sibling.job.ended:
            break
        client.cancel(one.job)
        network.settle()
        assert one.job.ended, steps
        network.finish()
        assert result(sibling) == ("n=3",), steps
        one.check(network)
        end = client.end(one.job)
        ends.append(type(end))
        if isinstance(end, JobCompleted):
            # It was over already, or the word of it was under way.
            assert [refused.reason for refused in client.refusals.get(0, ())] in ([], ["it is over: DONE"])
            assert server_state(network, one.job) == "completed"
        else:
            assert isinstance(end, JobCancelled)
            assert 0 not in client.refusals
            assert server_state(network, one.job) == "cancelled"
        assert next_result(client) == ("next",)
        client.close()
        network.settle()
        assert (network.links, network.app.open_streams) == ([], []), steps
        assert done == steps
    assert ends[0] is JobCancelled
    assert ends[-1] is JobCompleted
    assert ends == sorted(ends, key=lambda end: end is JobCompleted)


def step_all(network: Network) -> bool:
    """Let every held job of the server make a step."""
    held = [job for job in network.app.jobs.values() if job.state == "held"]
    for job in held:
        job.step()
    return bool(held)


def server_state(network: Network, job: Job) -> str | None:
    """What has become of a job on the server; ``None`` if it never came there."""
    found = network.app.jobs.get(job.event_id or "")
    return None if found is None else found.state


@pytest.mark.parametrize("piece", [ALL, 150])
def test_a_waiting_job_can_be_cancelled_after_any_step_and_those_around_it_go_on(piece: int) -> None:
    ends = []
    for steps in itertools.count():
        network = Network()
        client = network.client().connect()
        jobs = [call(client, "/slow", text, 2) for text in ("before", "it", "after")]
        one = jobs.pop(1)
        done = conversation(network, sleep, steps=steps, piece=piece)
        if all(each.job.ended for each in (one, *jobs)):
            break
        client.cancel(one.job)
        network.settle()
        assert one.job.ended or one.job.state is JobState.RUNNING, steps
        network.finish()
        assert [result(each) for each in jobs] == [("before",), ("after",)], steps
        one.check(network)
        end = client.end(one.job)
        ends.append(type(end))
        if isinstance(end, JobCancelled):
            assert one.job.number not in client.refusals
        else:
            assert isinstance(end, JobCompleted)
            reason = client.refusals[one.job.number][0].reason
            assert reason.startswith(("it has started", "it is over: DONE"))
        client.close()
        network.settle()
        assert (network.links, network.app.open_streams) == ([], []), steps
        assert done == steps
    assert ends[0] is JobCancelled
    assert ends == sorted(ends, key=lambda end: end is JobCompleted)


def sleep(network: Network) -> bool:
    """Let time pass until a job of the server goes on; return whether there was one."""
    if not network.app.queue.events:
        return False
    network.advance(0.5)
    return True


def test_two_clients_of_one_app_do_not_disturb_each_other() -> None:
    network = Network()
    network.app.hold("/count")
    first, second = network.client().connect(), network.client().connect()
    jobs = [call(client, "/count", 3) for client in (first, second)]
    network.settle()
    first.cancel(jobs[0].job)
    network.settle()
    assert isinstance(first.end(jobs[0].job), JobCancelled)
    assert not jobs[1].job.ended
    first.close()
    network.finish()
    assert result(jobs[1]) == ("n=2",)
    counters = [call(second, "/incr"), call(second, "/incr"), call(network.client().connect(), "/incr")]
    network.finish()
    assert [result(each) for each in counters] == [(1,), (2,), (1,)]


def test_what_waits_to_be_taken_is_bounded_however_much_comes_at_once() -> None:
    network = Network()
    client = network.client().connect()
    one = call(client, "/count", 5000)
    network.settle()
    assert result(one) == ("n=4999",)
    assert client.most_events_ahead <= 65


def test_a_server_waits_for_a_client_that_reads_slowly() -> None:
    network = Network(lambda seed: demo_app(seed=seed, buffer_limit=2000))
    client = network.client().connect()
    one = call(client, "/count", 2000)
    most = 0
    while not one.job.ended:
        network.settle(5000)
        most = max(most, max((session.buffered for session in network.app.queue.sessions.values()), default=0))
    assert result(one) == ("n=1999",)
    assert most <= 3000


def test_a_server_that_is_restarted_fails_what_was_there_and_takes_what_comes() -> None:
    network = Network()
    client = network.client().connect()
    counted = call(client, "/incr")
    network.finish()
    assert result(counted) == (1,)
    network.app.hold("/count")
    lost = [call(client, "/count", 3), call(client, "/now_upper", "x"), call(client, "/slow", "x", 5)]
    network.settle()
    network.stop_server()
    network.settle()
    # What ran outside the queue was over before.
    assert result(lost.pop(1)) == ("X",)
    for one in lost:
        end = client.end(one.job)
        assert isinstance(end, JobFailed)
        assert isinstance(end.error, ConnectionLostError)
    refused = call(client, "/echo", "x")
    network.settle()
    end = client.end(refused.job)
    assert isinstance(end, JobFailed)
    assert isinstance(end.error, ConnectError)
    network.start_server()
    assert next_result(client) == ("next",)
    counted = call(client, "/incr")
    network.finish()
    assert result(counted) == (1,)


def test_a_connection_that_falls_silent_is_given_up_after_three_heartbeats_and_not_before() -> None:
    network = Network()
    client = network.client().connect()
    network.app.hold("/count")
    one = call(client, "/count", 3)
    # Nothing is wrong with a server that only beats.
    network.advance(1000.0)
    assert not one.job.ended
    for link in network.links:
        network.silence(link)
    network.advance(29.0)
    assert not one.job.ended
    network.advance(17.0)
    end = client.end(one.job)
    assert isinstance(end, JobFailed)
    assert isinstance(end.error, ConnectionLostError)
    assert "nothing came for 45 s" in str(end.error)
    network.heal()
    assert next_result(client) == ("next",)


def test_a_job_that_runs_out_of_time_is_stopped_on_the_server_too() -> None:
    network = Network()
    client = network.client(timeouts=Timeouts(queue_wait=5.0, run=3.0)).connect()
    network.app.hold("/count")
    jobs = [call(client, "/slow", "x", 9), call(client, "/count", 3), call(client, "/slow", "y", 1)]
    network.advance(4.0)
    # The first one cannot be stopped, but it makes way for the next of its kind.
    assert [server_state(network, one.job) for one in jobs] == ["sleeping", "cancelled", "completed"]
    network.advance(6.0)
    for one in jobs[:2]:
        end = client.end(one.job)
        assert isinstance(end, JobFailed)
        assert isinstance(end.error, DeadlineExceeded)
    assert result(jobs[2]) == ("y",)
    assert next_result(client) == ("next",)


# --- what chance has found --------------------------------------------------------------------------------------------


def test_a_completion_that_was_lost_with_its_connection_is_not_waited_for() -> None:
    # The request for the event stream was repeated, as the connection was reused and no byte of an answer had come. But
    # the server had answered, and had nothing more to say to the second one.
    network = Network()
    client = network.client().connect()
    one = call(client, "/echo", "x")
    while network.app.requests[-1].kind != "data":
        network.step()
    (link,) = (link for link in network.links if link.to_client)
    assert b"process_completed" in link.to_client
    network.cut(link)
    network.finish()
    end = client.end(one.job)
    assert isinstance(end, JobFailed)
    assert isinstance(end.error, ConnectionLostError)
    assert next_result(client) == ("next",)


def test_the_second_completion_of_a_cancelled_job_is_nothing_unknown() -> None:
    # It is left over when the first one ends the stream, and is the first message of the session's next stream.
    network = Network()
    client = network.client().connect()
    network.app.hold("/count")
    one = call(client, "/count", 1)
    network.settle()
    network.app.release("/count")
    network.app.tick(network.now)
    client.cancel(one.job)
    while network.app.requests[-1].kind != "cancel":
        (link,) = (link for link in network.links if link.waits or link.for_server)
        if link.waits:
            network.accept(link)
        else:
            network.to_server(link)
    network.settle()
    assert next_result(client) == ("next",)
    assert not [event for event in client.events if isinstance(event, UnknownMessageReceived)]
