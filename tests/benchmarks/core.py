"""What the core itself takes: the session door, the bytes door, and the decoding of JSON that neither can avoid.

The answers are those of a server, played back without a network and without another thread, so that all that is
measured is this library's Python. A call is a job from ``prepare`` to its end; an event is one output of a generator.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator

from gradproto import JobCompleted, Session, SessionReady, StartExchange
from gradproto.wire import Connect, Send, WireClient

from .floors import H11Floor, new_session_hash

URL = "http://app.test"
CALLS, OUTPUTS, ROUNDS = 1_000, 3_000, 9
UNITS = {"predict": CALLS, "event": OUTPUTS}


class Answers:
    """What a server said: its documents, and the messages of one job."""

    def __init__(self, url: str, api_name: str, data: list[object]) -> None:
        floor = H11Floor(url)
        self.documents = {path: b"".join(floor.exchange("GET", path)) for path in ("/config", "/gradio_api/info")}
        # The server knows itself by an address of its own.
        self.documents["/config"] = self.documents["/config"].replace(url.encode(), URL.encode())
        self.data = data
        self.fn_index = floor.find(api_name)
        messages = list(floor.call(self.fn_index, data, new_session_hash()))
        event_id = next(message["event_id"] for message in messages if "event_id" in message)
        self.messages = [
            json.dumps(message, separators=(",", ":")).encode().replace(str(event_id).encode(), b"EVENT-ID")
            for message in messages
        ]
        self.jobs = 0

    def joined(self) -> tuple[bytes, bytes]:
        """Give the answer to the next job, and its name in messages."""
        self.jobs += 1
        name = b"%032x" % self.jobs
        return b'{"event_id":"%b"}' % name, name

    def stream(self, name: bytes) -> Iterator[bytes]:
        """Give the events of a job one by one."""
        return (b"data: %b\n\n" % message.replace(b"EVENT-ID", name) for message in self.messages)

    def json(self) -> None:
        """Encode and decode what one job is made of, and do nothing else."""
        answer, name = self.joined()
        json.dumps({"data": self.data, "fn_index": self.fn_index, "session_hash": "0123456789", "event_data": None})
        json.loads(answer)
        for message in self.messages:
            json.loads(message.replace(b"EVENT-ID", name))


class Door:
    """A session that is connected, and a way to let it work without a network."""

    def __init__(self, answers: Answers, api_name: str) -> None:
        self.answers = answers
        self.api_name = api_name
        self.session = Session(URL, entropy=os.urandom)
        self.machine: Session | WireClient = self.session
        self.streams: list[int] = []
        self.names: list[bytes] = []
        self.now = 0.0
        self.seen: Counter[type] = Counter()

    def connect(self) -> None:
        """Let the session be ready."""
        self.session.connect()
        self.turn()
        assert self.seen[SessionReady] == 1, self.seen

    def call(self) -> None:
        """Let one job come to its end."""
        completed = self.seen[JobCompleted]
        self.session.submit(self.session.prepare(self.answers.data, api_name=self.api_name))
        self.turn()
        assert self.seen[JobCompleted] == completed + 1, self.seen

    def turn(self) -> None:
        """Do what there is to do, until there is nothing."""
        while True:
            self.now += 0.001
            self.machine.tick(self.now)
            self.carry_out_all()
            if (event := self.machine.next_event()) is not None:
                self.seen[type(event)] += 1
            elif self.streams and self.names:
                self.answer_stream(self.streams.pop(), self.answers.stream(self.names.pop()))
            else:
                return

    def take_events(self) -> None:
        """Take whatever happened."""
        while (event := self.machine.next_event()) is not None:
            self.seen[type(event)] += 1

    def answer_to(self, number: int, path: str) -> bytes | None:
        """Give the answer to a request; one for an event stream is answered when there is something to say."""
        if path.endswith("/queue/join"):
            body, name = self.answers.joined()
            self.names.append(name)
            return body
        if path.endswith("/queue/data"):
            self.streams.append(number)
        return self.answers.documents.get(path)  # a heartbeat stays open

    def carry_out_all(self) -> None:
        """Carry out commands or actions."""
        raise NotImplementedError

    def answer_stream(self, number: int, events: Iterator[bytes]) -> None:
        """Let events come on a stream, each for itself."""
        raise NotImplementedError


class SessionDoor(Door):
    """Commands out, facts in."""

    def carry_out_all(self) -> None:
        """Answer requests."""
        while (command := self.session.next_command()) is not None:
            if isinstance(command, StartExchange):
                path = command.request.url.removeprefix(URL).partition("?")[0]
                if (body := self.answer_to(command.exchange, path)) is not None:
                    self.session.response_started(command.exchange, 200, [("content-type", "application/json")])
                    self.session.response_data(command.exchange, body)
                    self.session.response_ended(command.exchange)

    def answer_stream(self, number: int, events: Iterator[bytes]) -> None:
        """Let events come as facts."""
        self.session.response_started(number, 200, [("content-type", "text/event-stream; charset=utf-8")])
        for event in events:
            self.session.response_data(number, event)
            self.take_events()
        self.session.response_ended(number)


class BytesDoor(Door):
    """Actions out, bytes in."""

    def __init__(self, answers: Answers, api_name: str) -> None:
        super().__init__(answers, api_name)
        self.machine = self.wire = WireClient(self.session, entropy=os.urandom)

    def carry_out_all(self) -> None:
        """Answer bytes."""
        while (action := self.wire.next_action()) is not None:
            if isinstance(action, Connect):
                self.wire.connection_made(action.connection)
            elif isinstance(action, Send):
                path = action.data.split(b" ", 2)[1].partition(b"?")[0].decode()
                if (body := self.answer_to(action.connection, path)) is not None:
                    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                    self.wire.receive_data(action.connection, head % len(body) + body)

    def answer_stream(self, number: int, events: Iterator[bytes]) -> None:
        """Let events come in chunks."""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
        self.wire.receive_data(number, head + b"transfer-encoding: chunked\r\n\r\n")
        for event in events:
            self.wire.receive_data(number, b"%x\r\n%b\r\n" % (len(event), event))
            self.take_events()
        self.wire.receive_data(number, b"0\r\n\r\n")


def timed(work: Callable[[], object], times: int) -> float:
    """Return the CPU seconds of doing something some times."""
    began = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - began


def measure_core(url: str) -> None:
    """Let the doors and the floor take turns, and print microseconds for each call and each output."""
    echo, count = Answers(url, "echo", ["hello"]), Answers(url, "count", [OUTPUTS])
    peers: dict[str, dict[str, Callable[[], object]]] = {"predict": {}, "event": {}}
    for name, kind in {"session door": SessionDoor, "bytes door": BytesDoor}.items():
        for unit, door in {"predict": kind(echo, "/echo"), "event": kind(count, "/count")}.items():
            door.connect()
            peers[unit][name] = door.call
    peers["predict"]["JSON alone"], peers["event"]["JSON alone"] = echo.json, count.json
    for unit, works in peers.items():
        times = CALLS if unit == "predict" else 1
        seconds: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(ROUNDS):
            for name, work in works.items():
                seconds[name].append(timed(work, times))
        print(f"\ncore: the CPU time of one {unit}, median of {ROUNDS} rounds")
        floor = statistics.median(seconds["JSON alone"])
        for name in works:
            median = statistics.median(seconds[name])
            print(f"  {name:<14} {median / UNITS[unit] * 1e6:8.1f} us   {median / floor:.1f} times JSON")
