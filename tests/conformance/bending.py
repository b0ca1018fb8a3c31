"""A fake server that deviates: rules that change what it hears of requests, and what it says in answers and streams.

A rule is for the requests of a method and a target. What it does not change stays as the fake server has it, down to
the end of a stream.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from gradproto_fake_server import FakeApp
from gradproto_fake_server._bends import Bend, Head, Wire
from gradproto_fake_server._http import Exchange
from gradproto_fake_server._messages import Bent, Message
from gradproto_fake_server._profiles import Profile

__all__ = ["END", "BentApp", "Rule", "drop", "header", "put", "say", "say_twice", "unsay"]

Headers = list[tuple[str, str]]
Edit = Callable[[Any], Any]
"""Changes a JSON value, or gives another one in its place."""
Telling = Callable[[dict[str, Any], Sequence[dict[str, Any]]], Iterable[Any]]
"""Gives what is said in place of a message of a stream; the second argument is what would have been said before it."""

END: Final = object()
"""Said in place of a message: the stream ends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """One deviation.

    ``on`` is a method and a target, with its query, in which ``*`` is anything; ``when`` says more of the request.
    The first ``skip`` such requests are answered as ever, and after ``times`` more all others are.
    """

    on: str
    when: Callable[[Exchange], bool] = lambda _exchange: True
    skip: int = 0
    times: int | None = None
    by: str | None = None
    """The scenario to whose sessions it happens, where a request names its session; else to all."""
    also: Callable[[FakeApp], object] = lambda _app: None
    """Done before it is answered."""
    target: Edit = lambda target: target
    """What the server hears as the path and the query."""
    sent: Edit = lambda value: value
    """What the server hears as the JSON of the request."""
    status: Mapping[int, int] = field(default_factory=dict)
    """The status that is answered, by the one that would be."""
    headers: Callable[[Headers], Headers] = lambda headers: headers
    body: Callable[[bytes], bytes] = lambda body: body
    """Changes a whole body, or each piece of a stream."""
    value: Edit | None = None
    """Changes the JSON of a whole body."""
    tell: Telling | None = None
    """Changes the messages of an event stream, or of a WebSocket."""
    ending: Literal["as ever", "open"] = "as ever"
    """``open``: a stream that would end goes on, and says nothing more."""

    def is_for(self, exchange: Exchange) -> bool:
        """Say whether a request is one of those."""
        method, _, pattern = self.on.partition(" ")
        return method in ("*", exchange.method) and fnmatchcase(_target_of(exchange), pattern) and self.when(exchange)


def _target_of(exchange: Exchange) -> str:
    return f"{exchange.path}?{exchange.query_string}" if exchange.query_string else exchange.path


class BentApp(FakeApp):
    """An app that keeps to rules, and to another profile than that of its version."""

    def __init__(
        self, gradio_version: str, *, rules: Sequence[Rule] = (), other: Mapping[str, Any], **options: Any
    ) -> None:
        """``other`` are fields of the profile."""
        self.rules = tuple(rules)
        self._came: Counter[Rule] = Counter()
        self._other = other
        super().__init__(gradio_version, **options)

    def _profile(self, gradio_version: str) -> Profile:
        return replace(super()._profile(gradio_version), **self._other)

    def handle(self, exchange: Exchange) -> None:
        """Answer a request as its rules want it."""
        rules = [rule for rule in self.rules if rule.is_for(exchange) and self._is_its_turn(rule)]
        if not rules:
            super().handle(exchange)
            return
        for rule in rules:
            exchange.path, _, exchange.query_string = rule.target(_target_of(exchange)).partition("?")
        if exchange.wants_websocket:
            exchange.message_bend = _telling_of(exchange, rules)
            # A refusal is an answer like others, while frames are not.
            bends = any(rule.status for rule in rules)
        else:
            bends = True
        if bends:
            link: Bend = Wire(exchange)
            for rule in reversed(rules):
                link = _Link(self, exchange, link, rule)
            exchange.bend = link
        super().handle(exchange)
        if exchange.on_body is not None:
            self._change_what_is_sent(exchange, exchange.on_body, rules)

    def _is_its_turn(self, rule: Rule) -> bool:
        self._came[rule] += 1
        place = self._came[rule] - rule.skip
        return place > 0 and (rule.times is None or place <= rule.times)

    def _change_what_is_sent(self, exchange: Exchange, hear: Callable[[bytes], None], rules: Sequence[Rule]) -> None:
        def hear_changed(body: bytes) -> None:
            for rule in rules:
                body = _changed(body, rule.sent)
            hear(body)

        exchange.on_body = hear_changed


class _Link(Bend):
    """What a rule does to the bytes of an answer."""

    def __init__(self, app: FakeApp, exchange: Exchange, following: Bend, rule: Rule) -> None:
        super().__init__(exchange, following, {})
        self._app = app
        self._rule = rule
        self._head: Head | None = None
        self._body = b""
        self._earlier: list[dict[str, Any]] = []
        self._has_ended = False

    def start(self, head: Head) -> None:
        if not _is_its_session(self._rule, self.exchange):
            self._rule = Rule(on=self._rule.on)
        self._rule.also(self._app)
        is_stream = (head.get("content-type") or "").startswith("text/event-stream")
        head.status = self._rule.status.get(head.status, head.status)
        head.headers = self._rule.headers(head.headers)
        if is_stream:
            self.following.start(head)
        else:
            self._head = head  # until it is known how long the body will be

    def write(self, data: bytes) -> None:
        if self._head is not None:
            self._body += data
        elif self._rule.tell is None:
            self.following.write(self._rule.body(data))
        else:
            self._tell(data, self._rule.tell)

    def _tell(self, data: bytes, tell: Telling) -> None:
        for event in data.split(b"\n\n")[:-1]:
            message = json.loads(event.removeprefix(b"data: "))
            for said in tell(json.loads(json.dumps(message)), self._earlier):
                if self._has_ended:
                    return
                if said is END:
                    self._has_ended = True
                    self.exchange.abandon_source()
                    self.following.finish()
                    return
                self.following.write(b"data: " + json.dumps(said, separators=(",", ":")).encode() + b"\n\n")
            self._earlier.append(message)

    def finish(self) -> None:
        head = self._head
        if head is not None:
            body = self._rule.body(self._body if self._rule.value is None else _changed(self._body, self._rule.value))
            if head.get("content-length") is not None and self.exchange.method != "HEAD":
                head.put("content-length", str(len(body)))
            self.following.start(head)
            self.following.write(body)
        if head is not None or self._rule.ending == "as ever":
            self._end(self.following.finish)

    def cut(self) -> None:
        if self._rule.ending == "as ever":
            self._end(self.following.cut)

    def _end(self, end: Callable[[], None]) -> None:
        if not self._has_ended:
            end()


def _changed(body: bytes, edit: Edit) -> bytes:
    """Change a JSON document; what is none stays."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return json.dumps(edit(value), separators=(",", ":")).encode()


def _is_its_session(rule: Rule, exchange: Exchange) -> bool:
    return rule.by is None or f"-{rule.by}-session-" in (exchange.record.session_hash or "")


def _telling_of(exchange: Exchange, rules: Sequence[Rule]) -> Callable[[Message], Iterable[Bent]]:
    """Give what changes the messages of a WebSocket, whose session may be known only when some were said."""
    earlier: list[dict[str, Any]] = []

    def bend(message: Message) -> Iterator[Bent]:
        original = json.loads(message.text)
        said: list[Any] = [original]
        for rule in rules:
            if rule.tell is not None and _is_its_session(rule, exchange):
                said = [new for old in said for new in (rule.tell(old, earlier) if old is not END else (END,))]
        for one in said:
            if one is END:
                yield "end"
                return
            yield Message(one["msg"], message.event_id, json.dumps(one))
        earlier.append(json.loads(message.text))

    return bend


# --- what rules do ---------------------------------------------------------------------------------------------------


def put(path: str, value: Any) -> Edit:
    """Set what is at a path, as in ``named_endpoints./add.parameters.*.label``: ``*`` is each, ``""`` is all of it."""
    return _edit_at(path, lambda _old: value)


def drop(path: str) -> Edit:
    """Remove what is at a path."""
    return _edit_at(path, lambda _old: _GONE)


_GONE: Final = object()


def _edit_at(path: str, edit: Edit) -> Edit:
    steps = path.split(".") if path else []

    def apply(value: Any) -> Any:
        return _edited(value, steps, edit)

    return apply


def _edited(value: Any, steps: Sequence[str], edit: Edit) -> Any:
    if not steps:
        return edit(value)
    for place in _places(value, steps[0], is_last=len(steps) == 1):
        old = value.get(place) if isinstance(value, dict) else value[place]
        new = _edited(old, steps[1:], edit)
        if new is not _GONE:
            value[place] = new
        elif isinstance(value, list):
            del value[place]
        else:
            value.pop(place, None)
    return value


def _places(value: Any, step: str, *, is_last: bool) -> list[Any]:
    """Give the keys or the indices that a step leads to; of what does not go that deep there are none."""
    if isinstance(value, dict):
        known = list(value)
        return known if step == "*" else [step] if step in value or is_last else []
    if isinstance(value, list):
        indices = list(range(len(value)))[::-1]  # what is removed moves what follows it
        return [index for index in indices if step in ("*", str(index))]
    return []


def header(name: str, value: str | None) -> Callable[[Headers], Headers]:
    """Set a header of the answer, or remove it."""

    def change(headers: Headers) -> Headers:
        others = [(key, old) for key, old in headers if key != name]
        return others if value is None else [*others, (name, value)]

    return change


def say(kind: str, edit: Edit, *, only: Callable[[dict[str, Any]], bool] = lambda _message: True) -> Telling:
    """Say the messages of a kind with a change; ``*`` is any kind."""

    def tell(message: dict[str, Any], _earlier: Sequence[dict[str, Any]]) -> Iterator[Any]:
        yield edit(message) if kind in ("*", message["msg"]) and only(message) else message

    return tell


def unsay(*kinds: str, only: Callable[[dict[str, Any]], bool] = lambda _message: True) -> Telling:
    """Say nothing of these kinds."""

    def tell(message: dict[str, Any], _earlier: Sequence[dict[str, Any]]) -> Iterator[Any]:
        if message["msg"] not in kinds or not only(message):
            yield message

    return tell


def say_twice(kind: str) -> Telling:
    """Say the messages of a kind twice."""

    def tell(message: dict[str, Any], _earlier: Sequence[dict[str, Any]]) -> Iterator[Any]:
        yield from [message] * (2 if message["msg"] == kind else 1)

    return tell
