"""A driver for sessions that has no network: tests say what the server did, and see what the session asked and told."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from gradproto import (
    AbortExchange,
    CancelRefused,
    CloseWebSocket,
    Command,
    DownloadCompleted,
    DownloadFailed,
    Event,
    FilePart,
    GradprotoError,
    Job,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobState,
    OpenWebSocket,
    ReadError,
    Request,
    SendText,
    Session,
    SessionReady,
    SessionState,
    StartExchange,
)
from gradproto._channels import OwnChannel
from gradproto._dialects import parse_version
from gradproto._own_streams import CallChannel, JoinStreamChannel
from gradproto._polling import POLL_INTERVAL, PollingChannel
from gradproto._streams import EventStream
from gradproto._websockets import WebSocketChannel
from tests.core.documents import FILE_SCHEMA

__all__ = [
    "CONFIG",
    "ERAS",
    "INFO",
    "JSON",
    "SSE",
    "STATELESS",
    "Harness",
    "body_of",
    "config_with",
    "era",
    "json_body",
    "sse_bytes",
    "state_of",
]

JSON = (("content-type", "application/json"),)
SSE = (("Content-Type", "text/event-stream; charset=utf-8"),)


def _component(number: int, kind: str, schema: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "props": {"name": kind, "label": f"{kind} {number}"},
        "skip_api": kind == "state",
        "api_info": schema,
    }


def _dependency(number: int, name: str, inputs: list[int], outputs: list[int], **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "api_name": name,
        "backend_fn": True,
        "inputs": inputs,
        "outputs": outputs,
        "queue": fields.get("queue", True),
        "types": {"generator": fields.get("generator", False), "cancel": False},
        "api_visibility": "public",
    }


TEXT, OTHER_TEXT, NUMBER, STATE, FILE = range(1, 6)

# The smallest app with an endpoint of every kind: plain, generator, with State, with a file, outside the queue.
CONFIG: dict[str, Any] = {
    "version": "6.31.0",
    "protocol": "sse_v3",
    "api_prefix": "/gradio_api",
    "root": "http://app.test",
    "app_id": 17_000_000_000_000_000_001,
    "enable_queue": True,
    "connect_heartbeat": False,
    "max_file_size": None,
    "components": [
        _component(TEXT, "textbox", {"type": "string"}),
        _component(OTHER_TEXT, "textbox", {"type": "string"}),
        _component(NUMBER, "number", {"type": "number"}),
        _component(STATE, "state", None),
        _component(FILE, "file", FILE_SCHEMA),
    ],
    "dependencies": [
        _dependency(0, "echo", [TEXT], [TEXT]),
        _dependency(1, "count", [NUMBER], [TEXT], generator=True),
        _dependency(2, "incr", [STATE], [NUMBER, STATE]),
        _dependency(3, "upper", [FILE], [FILE]),
        _dependency(4, "direct", [TEXT], [TEXT], queue=False),
        _dependency(5, "pair", [TEXT], [TEXT, OTHER_TEXT], generator=True),
        _dependency(6, "chat", [TEXT, STATE], [TEXT, STATE], generator=True),
    ],
}


def _value(name: str, kind: str) -> dict[str, Any]:
    return {"label": name, "parameter_name": name, "parameter_has_default": False, "type": {"type": kind}}


def _described(parameters: list[dict[str, Any]], returns: list[dict[str, Any]]) -> dict[str, Any]:
    return {"parameters": parameters, "returns": returns, "show_api": True}


_FILE = {"label": "file", "parameter_name": "file", "parameter_has_default": False, "type": FILE_SCHEMA}
INFO: dict[str, Any] = {
    "named_endpoints": {
        "/echo": _described([_value("text", "string")], [_value("text", "string")]),
        "/count": _described([_value("n", "number")], [_value("text", "string")]),
        "/incr": _described([], [_value("number", "number")]),
        "/upper": _described([_FILE], [_FILE]),
        "/direct": _described([_value("text", "string")], [_value("text", "string")]),
        "/pair": _described([_value("text", "string")], [_value("a", "string"), _value("b", "string")]),
        "/chat": _described([_value("text", "string")], [_value("text", "string")]),
    },
    "unnamed_endpoints": {},
}


# The same without State, so that no session hash is worth keeping.
STATELESS: dict[str, Any] = {
    **CONFIG,
    "dependencies": [made for made in CONFIG["dependencies"] if STATE not in (*made["inputs"], *made["outputs"])],
}


def config_with(**fields: Any) -> dict[str, Any]:
    """The config with other fields."""
    return {**CONFIG, **fields}


# One version of each way to speak, oldest first.
ERAS = (
    "2.9.4",
    "3.0.24",
    "3.1.5",
    "3.4.1",
    "3.16.2",
    "3.50.2",
    "4.0.2",
    "4.8.0",
    "4.12.0",
    "4.20.0",
    "4.21.0",
    "6.31.0",
)
_PROTOCOLS = (
    ((4, 22), "sse_v3"),
    ((4, 21), "sse_v2.1"),
    ((4, 17), "sse_v2"),
    ((4, 9), "sse_v1"),
    ((4, 0), "sse"),
    ((0,), None),
)
_FIELDS_SINCE: dict[str, tuple[int, ...]] = {
    "app_id": (3, 42),
    "connect_heartbeat": (4, 29),
    "max_file_size": (4, 28),
    "protocol": (4, 0),
    "api_prefix": (5, 0),
}


def era(version: str, *, state: bool = True, **fields: Any) -> dict[str, Any]:
    """The same app as a Gradio of that version describes it; the one function of Gradio 2 counts."""
    number = parse_version(version)
    if number < (3,):
        kinds = [{"name": "number", "label": "n"}], [{"name": "textbox", "label": "text"}]
        if state:
            kinds = [*kinds[0], {"name": "state"}], [*kinds[1], {"name": "state"}]
        return {
            "version": version,
            "queue": True,
            "input_components": kinds[0],
            "output_components": kinds[1],
            **fields,
        }
    config = dict(CONFIG if state else STATELESS)
    config.update(version=version, protocol=next(name for since, name in _PROTOCOLS if number >= since))
    for name, since in _FIELDS_SINCE.items():
        if number < since:
            del config[name]
    dependencies = [dict(one) for one in config["dependencies"]]
    for one in dependencies:
        for name, since in (("id", (4, 32)), ("types", (3, 20)), ("api_visibility", (6, 0))):
            if number < since:
                del one[name]
    return {**config, "dependencies": dependencies, **fields}


def sse_bytes(*messages: Mapping[str, Any]) -> bytes:
    """Messages as a server writes them."""
    return b"".join(b"data: " + json.dumps(message).encode() + b"\n\n" for message in messages)


def body_of(request: Request) -> bytes:
    """The body of a request, with stand-ins for the files that the I/O layer would read."""
    return b"".join(b"<%d bytes>" % part.size if isinstance(part, FilePart) else part for part in request.body)


def json_body(request: Request) -> Any:
    """The JSON in a request."""
    return json.loads(body_of(request))


def state_of(job: Job) -> JobState:
    """Where a job stands, for whoever asks more than once: type checkers think that nothing changes it."""
    return job.state


E = TypeVar("E", bound=Event)

ENDS = (JobCompleted, JobFailed, JobCancelled)
DOWNLOAD_ENDS = (DownloadCompleted, DownloadFailed)


class Harness:
    """A session, what it asked for so far, and the clock.

    Every command and every event is looked at as it comes: an exchange is started once and aborted only while it is
    under way, a job and a download end once and nothing about them follows. ``seen`` keeps what could show a secret.
    """

    def __init__(self, src: str = "http://app.test", *, random_seed: int = 0, **options: Any) -> None:
        self.session = Session(src, entropy=random.Random(random_seed).randbytes, **options)
        self.now = 1000.0
        self.requests: dict[int, Request] = {}
        # Exchanges about which the I/O layer still has something to report.
        self.live: set[int] = set()
        self.aborted: list[int] = []
        self.opened: set[int] = set()
        # WebSockets: those that the session wants closed, and what it sent on each.
        self.closing: set[int] = set()
        self.texts: dict[int, list[str]] = {}
        self.config: object = None
        self.log: list[Command] = []
        self.history: list[Event] = []
        self.seen: list[object] = []
        self._unread: list[Event] = []
        self._ended: set[tuple[str, int]] = set()

    # --- what the session wants --------------------------------------------------------------------------------------

    def commands(self) -> list[Command]:
        """Take all commands."""
        taken: list[Command] = []
        while (command := self.session.next_command()) is not None:
            self.seen.append(command)
            if isinstance(command, StartExchange):
                assert command.exchange not in self.requests, "the number of an exchange was used twice"
                self.requests[command.exchange] = command.request
                self.live.add(command.exchange)
            elif isinstance(command, OpenWebSocket):
                assert command.exchange not in self.requests, "the number of an exchange was used twice"
                self.requests[command.exchange] = Request(method="GET", url=command.url, headers=command.headers)
                self.live.add(command.exchange)
                self.texts[command.exchange] = []
            elif isinstance(command, SendText):
                assert command.exchange in self.live & self.opened - self.closing, "a text for a WebSocket not open"
                self.texts[command.exchange].append(command.text)
            elif isinstance(command, CloseWebSocket):
                assert command.exchange in self.live & set(self.texts), "a close of a WebSocket that is over"
                assert command.exchange not in self.closing, "a second close"
                self.closing.add(command.exchange)
            else:
                assert isinstance(command, AbortExchange)
                assert command.exchange in self.live, f"exchange {command.exchange} is over, and was aborted"
                self.live.discard(command.exchange)
                self.aborted.append(command.exchange)
            taken.append(command)
        self.log += taken
        return taken

    def command(self) -> Command | None:
        """The only new command, if there is one."""
        taken = self.commands()
        assert len(taken) <= 1, taken
        return taken[0] if taken else None

    def pending(self, route: str = "") -> list[int]:
        """The exchanges under way whose path ends with ``route``, oldest first."""
        self.commands()
        return sorted(number for number in self.live if urlsplit(self.requests[number].url).path.endswith(route))

    def only(self, route: str) -> int:
        """The only exchange under way whose path ends with ``route``."""
        found = self.pending(route)
        assert len(found) == 1, (route, [self.requests[number] for number in self.live])
        return found[0]

    def stream_of(self, job: Job | str) -> int:
        """The event stream under way of a job's session hash."""
        session_hash = job if isinstance(job, str) else job.session_hash
        found = [number for number in self.pending("/queue/data") if self.session_hash_of(number) == session_hash]
        assert len(found) == 1, found
        return found[0]

    def session_hash_of(self, exchange: int) -> str:
        """The session hash that a request is about."""
        url = urlsplit(self.requests[exchange].url)
        if url.query:
            return parse_qs(url.query)["session_hash"][0]
        return str(json_body(self.requests[exchange])["session_hash"])

    # --- what happened -----------------------------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """Take all events that were not taken yet."""
        self._read()
        taken, self._unread = self._unread, []
        return taken

    def one(self, kind: type[E]) -> E:
        """Take all events; return the only one of this kind."""
        found = [event for event in self.events() if isinstance(event, kind)]
        assert len(found) == 1, found
        return found[0]

    def ends(self, job: Job) -> list[Event]:
        """Every event so far that ended the job."""
        self._read()
        return [event for event in self.history if isinstance(event, ENDS) and event.job == job.number]

    def end(self, job: Job) -> Event:
        """The event that ended the job."""
        ends = self.ends(job)
        assert len(ends) == 1, ends
        return ends[0]

    def error(self, job: Job) -> GradprotoError:
        """What the job failed with."""
        end = self.end(job)
        assert isinstance(end, JobFailed), end
        assert job.error is end.error
        return end.error

    def _read(self) -> None:
        while (event := self.session.next_event()) is not None:
            self.seen.append(event)
            if error := getattr(event, "error", None):
                self.seen.append(error)
            self._check(event)
            self.history.append(event)
            self._unread.append(event)

    def _check(self, event: Event) -> None:
        for kind, ends in (("job", ENDS), ("download", DOWNLOAD_ENDS)):
            number = getattr(event, kind, None)
            if number is None or isinstance(event, CancelRefused):
                continue
            assert (kind, number) not in self._ended, f"{event} came after the end"
            if isinstance(event, ends):
                self._ended.add((kind, number))

    # --- what the network does ---------------------------------------------------------------------------------------

    def start(self, exchange: int, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Let the head of an answer come."""
        assert exchange in self.live
        self.session.response_started(exchange, status, tuple(headers))

    def data(self, exchange: int, *chunks: bytes) -> None:
        """Let bytes of an answer come."""
        for chunk in chunks:
            self.session.response_data(exchange, chunk)

    def finish(self, exchange: int) -> None:
        """Let an answer end well."""
        self.commands()
        self.live.discard(exchange)
        self.session.response_ended(exchange)

    def fail(self, exchange: int, error: GradprotoError | None = None) -> None:
        """Let the connection break."""
        self.commands()
        self.live.discard(exchange)
        self.session.exchange_failed(exchange, error or ReadError("connection reset"))

    def answer(
        self, exchange: int, status: int = 200, body: object = b"", headers: Iterable[tuple[str, str]] | None = None
    ) -> None:
        """Let a whole answer come; what is not bytes is sent as JSON."""
        if headers is None:
            headers = () if isinstance(body, bytes) else JSON
        self.start(exchange, status, headers)
        if raw := body if isinstance(body, bytes) else json.dumps(body).encode():
            self.data(exchange, raw)
        self.finish(exchange)

    def sse(self, exchange: int, *messages: Mapping[str, Any]) -> None:
        """Let messages come on an event stream."""
        self.data(exchange, sse_bytes(*messages))

    def close_stream(self, exchange: int) -> None:
        """Let the server end an event stream as it does when nothing is pending."""
        self.sse(exchange, {"msg": "close_stream", "event_id": None})
        self.finish(exchange)

    def tick(self, seconds: float = 0.0) -> None:
        """Let time pass."""
        self.now += seconds
        self.session.tick(self.now)

    def due(self) -> float | None:
        """Seconds until the session wants to be told the time; ``None`` for never."""
        self.tick()
        deadline = self.session.next_deadline()
        return None if deadline is None else deadline - self.now

    # --- a conversation of a job's own -------------------------------------------------------------------------------

    def carrier(self, job: Job) -> int:
        """The exchange on which the server speaks of the job now."""
        self.commands()
        channel = job.channel
        assert isinstance(channel, (EventStream, OwnChannel)), job
        exchange = channel._exchange if isinstance(channel, EventStream) else channel.exchange
        assert exchange is not None, job
        return exchange.exchange

    def sent(self, exchange: int) -> list[Any]:
        """The messages that the session sent on a WebSocket."""
        self.commands()
        return [json.loads(text) for text in self.texts[exchange]]

    def ws_open(self, exchange: int) -> None:
        """Let the handshake succeed."""
        self.commands()
        self.opened.add(exchange)
        self.session.websocket_opened(exchange)

    def ws_say(self, exchange: int, *messages: Mapping[str, Any]) -> None:
        """Let messages come on a WebSocket."""
        for message in messages:
            self.session.websocket_text(exchange, json.dumps(message))
            self.commands()

    def ws_close(self, exchange: int, code: int = 1000, reason: str = "") -> None:
        """Let the WebSocket be closed; 1006 for a connection that broke."""
        self.commands()
        self.live.discard(exchange)
        self.session.websocket_closed(exchange, code, reason)

    def ask_status(self, job: Job) -> int:
        """Let the time come at which a polling client asks, if it has not come; returns the question."""
        assert isinstance(job.channel, PollingChannel)
        if job.channel.exchange is None:
            self.tick()
            self.tick(POLL_INTERVAL)
        return self.carrier(job)

    def tell_status(self, job: Job, status: object, data: object = None) -> None:
        """Answer the next question about the job."""
        self.answer(self.ask_status(job), body={"status": status, "data": data})

    def call_event(self, job: Job, kind: str, data: object) -> None:
        """Let an event come on the stream of a call through the simple API."""
        self.data(self.carrier(job), f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode())

    def accept(self, job: Job) -> int:
        """Let the server take the job, in the way of its generation; returns what carries its messages, or -1."""
        self.commands()
        if isinstance(job.channel, PollingChannel):
            self.answer(self.carrier(job), body={"hash": f"event-{job.number}", "queue_position": 0})
            return -1
        if job.exchange is not None:
            self.answer(job.exchange.exchange, body={"event_id": f"event-{job.number}"})
        carrier = self.carrier(job)
        if isinstance(job.channel, WebSocketChannel):
            self.ws_open(carrier)
        elif carrier not in self.opened:
            self.open(carrier)
        return carrier

    def ask_for_data(self, job: Job) -> None:
        """Let the server ask for the job's data, where it does."""
        if isinstance(job.channel, WebSocketChannel):
            self.say(job, "send_data")
        elif isinstance(job.channel, JoinStreamChannel):
            self.say(job, "send_data", event_id=f"event-{job.number}")

    def begin(self, job: Job) -> None:
        """Let a job that the server has start."""
        self.ask_for_data(job)
        if isinstance(job.channel, JoinStreamChannel):
            data = [number for number in self.pending("/queue/data") if self.requests[number].method == "POST"]
            self.answer(data[-1], body=b"null")
        if isinstance(job.channel, PollingChannel):
            self.tell_status(job, "PENDING")
        elif not isinstance(job.channel, CallChannel):
            self.say(job, "process_starts")

    def conclude(self, job: Job, *data: object) -> None:
        """Let a job that runs end well, and the server end what carried its messages."""
        output = {"data": list(data), "is_generating": False, "duration": 0.5, "average_duration": 0.25}
        if isinstance(job.channel, PollingChannel):
            self.tell_status(job, "COMPLETE", output)
            return
        carrier = self.carrier(job)
        if isinstance(job.channel, CallChannel):
            self.call_event(job, "complete", list(data))
            self.finish(carrier)
        elif isinstance(job.channel, EventStream):
            self.complete(job, *data)
        else:
            self.say(job, "process_completed", success=True, output=output)
            if carrier in self.texts:
                self.ws_close(carrier)
            else:
                self.finish(carrier)

    # --- whole steps -------------------------------------------------------------------------------------------------

    def connect(self, config: object = None, info: object = None) -> Harness:
        """Bring the session to READY."""
        self.config = CONFIG if config is None else config
        self.session.connect()
        self.answer(self.only("/config"), body=self.config)
        if self.session.state is SessionState.FETCHING_INFO:
            self.answer(self.only("/info"), body=INFO if info is None else info)
        self.one(SessionReady)
        return self

    def submit(self, api_name: str, *args: object, **options: Any) -> Job:
        """Submit a job; where the session looks at the app again before, it is as it was."""
        looks_again = self.session._core.stale
        job = self.session.submit(self.session.prepare(args, api_name=api_name, **options))
        if looks_again:
            self.answer(self.only("/config"), body=self.config)
        return job

    def joined(self, job: Job, event_id: str | None = None) -> str:
        """Let the server accept the job, whose join is the newest of its session hash; returns the event's id."""
        event_id = event_id or f"event-{job.number}"
        joins = [number for number in self.pending("/queue/join") if self.session_hash_of(number) == job.session_hash]
        self.answer(joins[-1], body={"event_id": event_id})
        return event_id

    def queued(self, api_name: str, *args: object, **options: Any) -> Job:
        """Submit a job and bring it into the queue, with its stream open."""
        job = self.submit(api_name, *args, **options)
        self.joined(job)
        for number in self.pending("/queue/data"):
            if self.session_hash_of(number) == job.session_hash and number not in self.opened:
                self.open(number)
        return job

    def running(self, api_name: str, *args: object, **options: Any) -> Job:
        """Submit a job and let it start."""
        job = self.queued(api_name, *args, **options)
        self.say(job, "process_starts", eta=None)
        return job

    def open(self, exchange: int) -> None:
        """Let the server answer with an event stream."""
        self.opened.add(exchange)
        self.start(exchange, 200, SSE)

    def say(self, job: Job, msg: str, **fields: Any) -> None:
        """Let a message about the job come on its stream, or on what else carries them."""
        if isinstance(job.channel, WebSocketChannel):
            self.ws_say(self.carrier(job), {"msg": msg, **fields})
        elif isinstance(job.channel, JoinStreamChannel):
            self.sse(self.carrier(job), {"msg": msg, **fields})
        else:
            self.sse(self.stream_of(job), {"msg": msg, "event_id": f"event-{job.number}", **fields})

    def complete(self, job: Job, *data: object, **fields: Any) -> None:
        """Let the job end well."""
        output = {"data": list(data), "is_generating": False, "duration": 0.5, "average_duration": 0.25}
        self.say(job, "process_completed", success=True, output=output, **fields)

    def idle(self) -> bool:
        """Whether nothing is under way."""
        self.commands()
        return not self.live
