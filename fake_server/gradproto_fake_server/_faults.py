"""What a test lets go wrong: which faults there are, which requests they happen to, and how often.

The table says what each fault does. How it is done is in :mod:`._fault_answers`, for the bytes of an answer in
:mod:`._bends`, and for what a stream says in :mod:`._fault_messages`.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast

from ._http import Exchange
from ._json import compact_json

__all__ = ["FAULTS", "Failing", "Fault", "FaultAction", "FaultFamily", "FaultKind", "Faults"]

FaultAction = Literal["answer", "hang", "cut", "truncate", "lose"]
FaultFamily = Literal["connection", "body", "answer", "server", "shape", "stream", "message"]


class FaultKind(NamedTuple):
    """One row of :data:`FAULTS`."""

    family: FaultFamily
    """``connection``: when somebody connects; ``body``: to a request's body as it comes; ``answer``: in place of the
    answer; ``server``: before it; ``shape``: to the answer's bytes; ``stream``: to those of an event stream;
    ``message``: to the messages in it."""
    kinds: tuple[str, ...]
    """Which requests it is for, as in :attr:`RequestRecord.kind`; none for all."""
    text: str
    """What it does."""
    values: Mapping[str, Any] = MappingProxyType({})
    """What can be given with it, and what it is if it is not."""


_STREAMS = ("data", "join_stream", "call_data", "heartbeat", "upload_progress")
_EVENTS = ("data", "join_stream", "call_data", "socket")
_JOINS = ("join", "call", "join_stream", "socket")

FAULTS: Mapping[str, FaultKind] = {
    # connections
    "accept and hang": FaultKind("connection", (), "the connection is made, and nothing ever comes from it"),
    "accept and close": FaultKind("connection", (), "the connection is made, and closed at once"),
    "accept and reset": FaultKind("connection", (), "the connection is made, and reset at once"),
    "close at first byte": FaultKind("connection", (), "the connection is closed when the first bytes come"),
    "reset at first byte": FaultKind("connection", (), "the connection is reset when the first bytes come"),
    "no http": FaultKind(
        "connection",
        (),
        "the first bytes, a TLS hello or a request, are answered with a text that is neither, and with a close",
        {"text": "220 mail.fake.test ESMTP ready\r\n"},
    ),
    "latency": FaultKind("connection", (), "whatever is sent, either way, comes late", {"seconds": 0.1}),
    "bandwidth": FaultKind("connection", (), "only so many bytes a second go each way", {"bytes_per_second": 64 << 10}),
    "small pieces": FaultKind(
        "connection",
        (),
        "bytes go both ways in pieces of so many, one every so many seconds",
        {"size": 1, "every": 0.0},
    ),
    # to the body of a request
    "slow body": FaultKind(
        "body",
        (),
        "so many bytes of the request's body are read every so many seconds",
        {"size": 64 << 10, "every": 0.1},
    ),
    "stall body": FaultKind(
        "body", (), "after so many bytes of its body nothing more is read of the request", {"after_bytes": 0}
    ),
    "cut body": FaultKind(
        "body", (), "the connection is closed after so many bytes of the request's body", {"after_bytes": 0}
    ),
    "reset body": FaultKind(
        "body", (), "the connection is reset after so many bytes of the request's body", {"after_bytes": 0}
    ),
    # in place of an answer
    "answer": FaultKind(
        "answer",
        (),
        "another answer: see FakeApp.fail",
        {"status": 500, "body": b"", "content_type": None, "headers": (), "truncated": False},
    ),
    "hang": FaultKind("answer", (), "no answer ever comes"),
    "cut": FaultKind("answer", (), "the connection is closed without an answer"),
    "reset": FaultKind("answer", (), "the connection is reset without an answer"),
    "redirect": FaultKind("answer", (), "a redirect to another address", {"status": 307, "location": "/elsewhere"}),
    "busy": FaultKind("answer", (), "429 with Retry-After, in seconds", {"retry_after": 1.0}),
    "unauthorized": FaultKind("answer", (), "401, as without a login"),
    "forbidden": FaultKind("answer", (), "403 with a detail"),
    "not found": FaultKind("answer", (), "404 with a detail"),
    "crash": FaultKind("answer", (), "500, as when a route fails"),
    "bad gateway": FaultKind("answer", (), "the HTML page of a proxy whose server is gone, with 502"),
    "building": FaultKind("answer", (), "the HTML page of a Space that is being built, with 503"),
    "sleeping": FaultKind("answer", (), "the HTML page of a Space that sleeps, with 503"),
    "page": FaultKind("answer", (), "an HTML page where JSON is expected, with 200"),
    "queue full": FaultKind("answer", _JOINS, "the queue is full"),
    # to the server
    "restart": FaultKind(
        "server",
        (),
        "the server restarts: a new app id, no sessions, no logins, all connections cut, and new ones refused"
        " while it is down for so many seconds",
        {"down": 0.0},
    ),
    "refuse": FaultKind(
        "server", (), "new connections are refused for so many seconds; those that are there stay", {"seconds": 5.0}
    ),
    "forget sessions": FaultKind("server", (), "all sessions and their events are forgotten, as by another replica"),
    "forget logins": FaultKind("server", (), "all logins are forgotten"),
    # to the bytes of an answer
    "late": FaultKind("shape", (), "the answer, with its head, comes late", {"seconds": 5.0}),
    "lose": FaultKind("shape", (), "what is asked is done, and the connection is closed without an answer"),
    "cut after head": FaultKind("shape", (), "the head of the answer, then the end of the connection"),
    "reset after head": FaultKind("shape", (), "the head of the answer, then a reset"),
    "truncate": FaultKind("shape", (), "the first bytes of the body, then the end of the connection", {"keep": 10}),
    "stall": FaultKind("shape", (), "the first bytes of the body, then nothing more", {"keep": 10}),
    "wrong length": FaultKind("shape", (), "the length is said to be so many bytes more or less", {"off": 5}),
    "gzip": FaultKind("shape", (), "the body is compressed, though nobody asked for that"),
    "content type": FaultKind("shape", (), "another content type, or none", {"value": "text/plain"}),
    "chunked": FaultKind("shape", (), "the body in chunks of so many bytes, without a length", {"size": 7}),
    "until close": FaultKind("shape", (), "no length and no chunks: the body ends with the connection"),
    "http/1.0": FaultKind("shape", (), "an answer in HTTP/1.0"),
    "ignored range": FaultKind("shape", ("file",), "the whole file where a part was asked for"),
    "odd name": FaultKind(
        "shape",
        ("file",),
        "the file is said to have another name, with quotes, slashes and what not",
        {"filename": '../a "b"\\c;é✓.txt'},
    ),
    # to the bytes of a stream
    "slow first event": FaultKind("stream", _STREAMS, "the head at once, the first event late", {"seconds": 5.0}),
    "dribble": FaultKind(
        "stream", _STREAMS, "pieces of so many bytes, one every so many seconds", {"size": 1, "every": 0.0}
    ),
    "split": FaultKind("stream", _STREAMS, "pieces that end inside characters and between the ends of lines"),
    "crlf": FaultKind("stream", _STREAMS, "lines end with CR LF"),
    "cr": FaultKind("stream", _STREAMS, "lines end with CR"),
    "bom": FaultKind("stream", _STREAMS, "a byte order mark before all"),
    "comments": FaultKind("stream", _STREAMS, "comments and unknown fields between and in the events"),
    "coalesced": FaultKind("stream", _STREAMS, "so many events at a time in one piece", {"count": 3}),
    "buffered": FaultKind("stream", _STREAMS, "everything at the end, as of a proxy that buffers"),
    "silence": FaultKind("stream", _STREAMS, "nothing more after so many events", {"after_events": 1}),
    "clean end": FaultKind("stream", _STREAMS, "a clean end after so many events", {"after_events": 1}),
    "cut stream": FaultKind(
        "stream", _STREAMS, "the connection closes after so many events and a half", {"after_events": 1}
    ),
    "reset stream": FaultKind("stream", _STREAMS, "the connection is reset after so many events", {"after_events": 1}),
    "corrupt json": FaultKind(
        "stream", _STREAMS, "the event after so many is no JSON", {"after_events": 1, "text": '{"msg":"process_'}
    ),
    "oversize event": FaultKind("stream", _STREAMS, "an event of so many bytes before the first", {"size": 16 << 20}),
    # to the messages of a stream
    "line separators": FaultKind("message", _EVENTS, "U+0085, U+2028 and U+2029 in a field of each message"),
    "rank up": FaultKind("message", _EVENTS, "the place in the queue gets worse", {"by": 3}),
    "unknown message": FaultKind("message", _EVENTS, "a message of an unknown kind before each", {"msg": "brand_new"}),
    "foreign event": FaultKind("message", _EVENTS, "a copy of each message, for an event of somebody else"),
    "missing fields": FaultKind(
        "message",
        _EVENTS,
        "messages do without fields",
        {"fields": ("rank", "queue_size", "rank_eta", "eta", "success", "title", "progress_data", "log")},
    ),
    "extra fields": FaultKind(
        "message", _EVENTS, "messages have fields that nobody knows", {"fields": MappingProxyType({"new": {"x": [1]}})}
    ),
    "no start": FaultKind("message", _EVENTS, "process_starts is left out"),
    "completion first": FaultKind("message", _EVENTS, "the completion comes before the start"),
    "duplicate completion": FaultKind("message", _EVENTS, "the completion comes twice"),
    "no completion": FaultKind("message", _EVENTS, "the completion never comes"),
    "no output": FaultKind("message", _EVENTS, "the completion has an empty output, as after a cancel"),
    "failure": FaultKind("message", _EVENTS, "the call fails, with a text or with none", {"text": None}),
    "quota": FaultKind(
        "message",
        _EVENTS,
        "the call fails for want of ZeroGPU quota",
        {
            "text": "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 1:02:03",
            "title": "ZeroGPU quota exceeded",
        },
    ),
    "wrong diff": FaultKind("message", _EVENTS, "outputs after the first are edits of something else"),
    "unexpected error": FaultKind(
        "message",
        _EVENTS,
        "unexpected_error after so many messages, for the event or for none",
        {"after_messages": 1, "text": "something broke", "for_event": False},
    ),
    "server stopped": FaultKind(
        "message",
        _EVENTS,
        "the server says so many times that it stops, then nothing more",
        {"after_messages": 1, "repeat": 1},
    ),
    "early close": FaultKind(
        "message", _EVENTS, "the stream is said to be over after so many messages, and ends", {"after_messages": 1}
    ),
    "session lost": FaultKind(
        "message",
        _EVENTS,
        "the session is unknown after so many messages, as on another replica",
        {"after_messages": 0},
    ),
    "no heartbeat": FaultKind("message", _EVENTS, "heartbeats are left out"),
}
"""All faults by name."""

# Those that can happen to one answer together, one after the other.
_TOGETHER = frozenset({"shape", "stream", "message"})


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong; :meth:`cancel` puts it right."""

    name: str
    """As in :data:`FAULTS`."""
    method: str
    path: str
    """With ``*`` for anything, slashes too."""
    kinds: tuple[str, ...] = ()
    """Kinds of requests; none for all."""
    endpoint: str | None = None
    """The name of an endpoint, without its slash."""
    session: str | None = None
    """A session hash."""
    values: dict[str, Any]
    times: int | None
    """How often it will yet happen; ``None`` for every time."""
    after: int
    """How many requests pass before it happens."""
    met: int = field(default=0, init=False)
    """How often it has happened."""

    @property
    def family(self) -> FaultFamily:
        """What it happens to."""
        return FAULTS[self.name].family

    def cancel(self) -> None:
        """Let it happen no more."""
        self.times = 0

    def applies(
        self,
        method: str,
        path: str,
        *,
        kind: str = "",
        session: str | None = None,
        endpoints: Collection[str] = (),
    ) -> bool:
        """Say whether it happens to this request, and count it."""
        return self.matches(method, path, kind=kind, session=session, endpoints=endpoints) and self.counts()

    def matches(self, method: str, path: str, *, kind: str, session: str | None, endpoints: Collection[str]) -> bool:
        """Say whether it is for this request."""
        if self.times == 0 or self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        if kind == "socket" and self.family in ("shape", "stream"):
            return False  # frames are no answer
        return (
            (not self.kinds or kind in self.kinds)
            and (self.session is None or session == self.session)
            and (self.endpoint is None or self.endpoint in endpoints)
        )

    def counts(self) -> bool:
        """Count something that it could happen to; say whether it does."""
        if self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.met += 1
        return True

    def meet(self, exchange: Exchange) -> None:
        """Let it happen to an exchange of a Hub; ``lose`` is for those who carry the request out."""
        exchange.record.kind = "fault"
        exchange.record.fault = self.name
        if self.name == "answer":
            self.answer(exchange)
        elif self.name == "cut":
            exchange.drop()

    def answer(self, exchange: Exchange) -> None:
        """Give the answer of its own."""
        status, body, headers = self.values["status"], self.values["body"], self.values["headers"]
        content_type = self.values["content_type"]
        if not self.values["truncated"]:
            exchange.respond(status, body, content_type, headers)
            return
        length = [("content-length", str(len(body) + 1))]
        kind = [] if content_type is None else [("content-type", content_type)]
        exchange.connection.start_response(exchange, status, [*length, *kind, *headers])
        exchange.connection.send_data(body)
        exchange.drop()


class Faults:
    """The faults of one address, in the order in which they were made; ``can_lose``: whether answers can be lost."""

    def __init__(self, *, can_lose: bool = True) -> None:
        self._can_lose = can_lose
        self._faults: list[Fault] = []
        self._chaos: Callable[[str], str | None] | None = None

    def __len__(self) -> int:
        return len(self._faults) + (self._chaos is not None)

    def __iter__(self) -> Any:
        return iter(self._faults)

    def add(
        self,
        pattern: str,
        *,
        status: int = 500,
        error: str = "Something went wrong on our side.",
        body: str | bytes | None = None,
        content_type: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        action: FaultAction = "answer",
        times: int | None = 1,
        after: int = 0,
    ) -> Fault:
        """Make a fault that is an answer; see :meth:`Failing.fail`."""
        if action == "lose" and not self._can_lose:
            raise ValueError("an answer of a Space's app cannot be lost; use 'cut' or 'truncate'")
        method, path = _split(pattern)
        _check_counts(times, after)
        _check_status(status)
        _check_header("the content type", content_type)
        _check_headers(headers)
        if body is None:
            content = compact_json({"error": error}).encode()
            content_type = content_type or "application/json; charset=utf-8"
        else:
            content = body.encode() if isinstance(body, str) else body
            content_type = content_type or "text/html; charset=utf-8"
        values: dict[str, Any] = {
            "status": status,
            "body": content,
            "content_type": content_type,
            "headers": tuple(headers),
            "truncated": action == "truncate",
        }
        name = "answer" if action == "truncate" else action
        fault = Fault(name=name, method=method, path=path, values=values, times=times, after=after)
        self._faults.append(fault)
        return fault

    def inject(
        self,
        name: str,
        pattern: str = "* *",
        *,
        endpoint: str | None = None,
        session: str | None = None,
        times: int | None = 1,
        after: int = 0,
        values: Mapping[str, Any] = MappingProxyType({}),
    ) -> Fault:
        """Make a fault of the table; see :meth:`FakeApp.inject`."""
        method, path = _split(pattern)
        _check_counts(times, after)
        kind = _kind_called(name)
        is_for_some = (method, path) != ("*", "*") or endpoint is not None or session is not None
        if kind.family == "connection" and is_for_some:
            raise ValueError(f"{name!r} happens when somebody connects, before it is known what will be asked for")
        if kind.family == "body" and endpoint is not None:
            raise ValueError(f"{name!r} happens before it is known which endpoint a request is for")
        fault = Fault(
            name=name,
            method=method,
            path=path,
            kinds=kind.kinds,
            endpoint=None if endpoint is None else _text("endpoint", endpoint).removeprefix("/"),
            session=None if session is None else _text("session", session),
            values=_checked(name, values),
            times=times,
            after=after,
        )
        self._faults.append(fault)
        return fault

    def chaos(self, seed: int, rate: float, names: Sequence[str] | None) -> None:
        """Let faults happen at random; see :meth:`FakeApp.chaos`."""
        if not 0 <= rate <= 1:
            raise ValueError(f"the rate of chaos is from 0 to 1, not {rate!r}")
        chosen = [name for name, kind in FAULTS.items() if kind.family in _RANDOM] if names is None else list(names)
        for name in chosen:
            if _kind_called(name).family in ("connection", "body"):
                raise ValueError(f"{name!r} cannot happen at random: chaos is for requests that have come")
        count = 0

        def choose(kind: str) -> str | None:
            nonlocal count
            count += 1
            digest = hashlib.sha256(f"{seed}/{count}".encode()).digest()
            fitting = [name for name in chosen if not FAULTS[name].kinds or kind in FAULTS[name].kinds]
            if not fitting or int.from_bytes(digest[:8], "big") >= rate * (1 << 64):
                return None
            return fitting[int.from_bytes(digest[8:16], "big") % len(fitting)]

        self._chaos = choose if rate else None

    def remove(self, fault: Fault) -> None:
        """Put one thing right, and forget it."""
        fault.cancel()
        self._faults = [other for other in self._faults if other is not fault]

    def clear(self) -> None:
        """Put everything right."""
        for fault in self._faults:
            fault.cancel()
        self._faults.clear()
        self._chaos = None

    def find(self, method: str, path: str) -> Fault | None:
        """Give the fault that happens to a request of a Hub."""
        return next((fault for fault in self._faults if fault.applies(method, path)), None)

    def find_for_connection(self) -> Fault | None:
        """Give the fault that happens to a new connection."""
        return next((fault for fault in self._faults if fault.family == "connection" and fault.counts()), None)

    def find_for_body(self, method: str, path: str, *, kind: str, session: str | None) -> Fault | None:
        """Give the fault that happens to a request of which the head has come, and the body has yet to."""
        for fault in self._faults:
            if fault.family == "body" and fault.applies(method, path, kind=kind, session=session):
                return fault
        return None

    def find_all(
        self, method: str, path: str, *, kind: str, session: str | None, endpoints: Collection[str]
    ) -> list[Fault]:
        """Give the faults that happen to a request: one, or several that can be put together."""
        found: list[Fault] = []
        for fault in self._faults:
            if fault.family in ("connection", "body") or (found and not {found[0].family, fault.family} <= _TOGETHER):
                continue
            if fault.applies(method, path, kind=kind, session=session, endpoints=endpoints):
                found.append(fault)
        if not found and self._chaos is not None and (name := self._chaos(kind)) is not None:
            values = _checked(name, {})
            found.append(Fault(name=name, method=method, path=path, values=values, times=0, after=0))
        return found


# What may happen at random to anybody: chaos without a choice leaves servers and their clients' patience alone.
_RANDOM = frozenset({"answer", "shape", "stream", "message"})


class Failing:
    """What a test lets go wrong where it answers: an app, the Hub, a Space."""

    faults: Faults

    def fail(
        self,
        pattern: str,
        *,
        status: int = 500,
        error: str = "Something went wrong on our side.",
        body: str | bytes | None = None,
        content_type: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        action: FaultAction = "answer",
        times: int | None = 1,
        after: int = 0,
    ) -> Fault:
        """Let requests fail: those of a method and a path, as in ``"POST */queue/join"``.

        It happens ``times`` times (``None`` for always) after ``after`` requests that pass. What happens is the
        ``action``: ``answer`` with the status and the JSON of ``error``, or with the ``body`` as it is, HTML unless
        ``content_type`` says otherwise; ``hang`` without any answer; ``cut`` the connection without an answer;
        ``truncate`` the answer, so that its last byte never comes; or do what is asked and ``lose`` the answer, which
        the proxy in front of a Space cannot. :meth:`FakeApp.inject` has more.

        Raises ``ValueError`` for a pattern that is none, and for what cannot be.
        """
        return self.faults.add(
            pattern,
            status=status,
            error=error,
            body=body,
            content_type=content_type,
            headers=headers,
            action=action,
            times=times,
            after=after,
        )


def _split(pattern: str) -> tuple[str, str]:
    method, _, path = pattern.partition(" ")
    if not path.startswith(("/", "*")):
        raise ValueError(f"a fault is for a method and a path, as in 'POST /api/*', not {pattern!r}")
    return method.upper(), path


def _kind_called(name: str) -> FaultKind:
    kind = FAULTS.get(name)
    if kind is None:
        near = difflib.get_close_matches(name, FAULTS, n=3, cutoff=0.4)
        raise ValueError(f"no fault is called {name!r}; did you mean {' or '.join(map(repr, near or list(FAULTS)))}?")
    return kind


def _checked(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    known = FAULTS[name].values
    for key in given:
        if key not in known:
            there_are = ", ".join(known) or "none"
            raise ValueError(f"the fault {name!r} has no value {key!r}; there are: {there_are}")
        _check_value(name, key, given[key], known[key])
    return {**known, **given}


def _check_value(name: str, key: str, value: object, default: object) -> None:
    """Refuse what would break the server and not the answer."""
    if key == "value" and value is None:
        return  # no content type
    where = f"the value {key!r} of the fault {name!r}"
    if not _fits(value, default):
        what = "a text or None" if default is None else f"of the kind of {default!r:.80}"
        raise ValueError(f"{where} is {what}, not {value!r:.80}")
    if isinstance(value, int | float) and key not in ("off", "by") and value < 0:
        raise ValueError(f"{where} is {value}, which is less than nothing")
    if key == "status":
        _check_status(value)
    elif key in ("location", "value", "content_type"):
        _check_header(where, value)
    elif key == "headers":
        _check_headers(value)
    elif (name, key) in _BYTES and not _can_be_sent(cast("str", value)):
        raise ValueError(f"{where} cannot be sent as UTF-8: {value!r:.80}")
    elif (most := _MOST.get((name, key))) is not None and cast("int", value) > most:
        raise ValueError(f"{where} is at most {most}, not {value}")
    elif name == "missing fields" and not all(isinstance(field, str) for field in cast("Sequence[object]", value)):
        raise ValueError(f"{where} are names of fields, not {value!r:.80}")


def _fits(value: object, default: object) -> bool:
    if default is None:
        return value is None or isinstance(value, str)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float) and abs(value) < _MUCH
    if isinstance(default, int):
        return isinstance(value, int) and abs(value) < _MUCH
    if isinstance(default, tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, Mapping if isinstance(default, Mapping) else type(default))


_MUCH = 1 << 40
# What is sent as it is, and not as JSON, which has its own ways for half a pair of surrogates.
_BYTES = frozenset({("no http", "text"), ("corrupt json", "text")})
# What is made as a whole: more of it would not fit into the memory, or take for ever.
_MOST = {("oversize event", "size"): 1 << 30, ("server stopped", "repeat"): 100_000}
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")


def _can_be_sent(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_status(value: object) -> None:
    if not isinstance(value, int) or not 200 <= value <= 599:
        raise ValueError(f"the status of an answer is from 200 to 599, not {value!r:.80}")


def _check_header(where: str, value: object) -> None:
    if isinstance(value, str) and (not value.isprintable() or not value.isascii()):
        raise ValueError(f"{where} cannot be in a header: {value!r:.80}")


_OWN_HEADERS = {
    "content-length": "'wrong length', 'chunked' and 'until close'",
    "transfer-encoding": "'chunked' and 'until close'",
}


def _check_headers(pairs: object) -> None:
    for pair in cast("Sequence[object]", pairs):
        if not isinstance(pair, list | tuple) or len(cast("Sequence[object]", pair)) != 2:
            raise ValueError(f"headers are pairs of a name and a value, not {pair!r:.80}")
        for text in cast("Sequence[object]", pair):
            if not isinstance(text, str):
                raise ValueError(f"names and values of headers are texts, not {text!r:.80}")
            _check_header("a header's name or value", text)
        name, content = cast("Sequence[str]", pair)
        if _TOKEN.fullmatch(name) is None:
            raise ValueError(f"{name!r:.80} cannot be the name of a header")
        if content != content.strip():
            raise ValueError(f"the value of a header has no space around it: {content!r:.80}")
        own = _OWN_HEADERS.get(name.lower())
        if own is not None and (name.lower(), content.lower()) != ("transfer-encoding", "chunked"):
            raise ValueError(f"{name!r} is the server's own; the faults {own} change it")


def _check_counts(times: object, after: object) -> None:
    for name, value in (("times", 0 if times is None else times), ("after", after)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name!r} of a fault is a number of requests, not {value!r:.80}")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name!r} of a fault is a text, not {value!r:.80}")
    return value
