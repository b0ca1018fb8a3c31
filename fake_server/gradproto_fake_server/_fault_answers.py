"""Where faults meet requests: what is answered in place of the app, and what is arranged for its own answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._bends import chain
from ._fault_messages import MessageFault
from ._faults import Fault
from ._http import Exchange, ServerConnection
from ._intakes import INTAKES
from ._json import is_object
from ._lines import Pace
from ._messages import Bent, Message
from ._queue import Session
from ._queue_routes import refuse_stranger
from ._streams import EventStream

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["ANSWERS", "CONNECTION_FAULTS", "SERVER_FAULTS", "meet_body_faults", "meet_faults", "strike_streams"]

_HTML = "text/html; charset=utf-8"


def meet_body_faults(app: FakeApp, exchange: Exchange, kind: str) -> None:
    """Let the fault happen that is for the body of a request, if it has one."""
    if not app.faults or not ("content-length" in exchange.headers or "transfer-encoding" in exchange.headers):
        return
    session = exchange.query.get("session_hash")
    fault = app.faults.find_for_body(exchange.method, exchange.path, kind=kind, session=session)
    if fault is not None:
        _write_down(exchange, [fault])
        exchange.intake = INTAKES[fault.name](exchange, fault.values)


def meet_faults(
    app: FakeApp, exchange: Exchange, kind: str, parameters: tuple[str, ...], go_on: Callable[[], None]
) -> None:
    """Let the faults that a request meets happen, and let the app answer if they leave that to it."""
    if not app.faults:
        go_on()
        return
    session = _session_of(app, exchange, kind, parameters)
    endpoints = _endpoints_of(app, exchange, kind, parameters, session)
    passed = [
        fault
        for fault in app.faults
        if fault.family == "message"
        and fault.matches(exchange.method, exchange.path, kind=kind, session=session, endpoints=endpoints)
    ]
    faults = app.faults.find_all(exchange.method, exchange.path, kind=kind, session=session, endpoints=endpoints)
    if passed:
        _stream_faults(exchange).considered.extend(passed)
    if not faults:
        go_on()
        return
    _write_down(exchange, faults)
    first = faults[0]
    if first.family == "answer":
        ANSWERS[first.name](app, exchange, first.values)
    elif first.family == "server":
        SERVER_FAULTS[first.name](app, first.values)
        if not exchange.responded:
            go_on()
    else:
        bends = [(fault.name, fault.values) for fault in faults if fault.family != "message"]
        if any(name == "ignored range" for name, _ in bends):
            exchange.headers.pop("range", None)
        if bends:
            exchange.bend = chain(exchange, bends)
        for fault in faults:
            if fault.family == "message":
                _stream_faults(exchange).faults.append(_message_fault(app, fault))
        go_on()


def strike_streams(app: FakeApp, channels: Iterable[Session]) -> None:
    """Let faults of the messages happen to streams that are open already, and to the events that they carry now."""
    waiting = [fault for fault in app.faults if fault.family == "message" and fault.times != 0]
    if not waiting:
        return
    for channel in channels:
        endpoints = _endpoints_in(app, channel)
        for stream in channel.streams:
            _strike(app, stream.exchange, waiting, endpoints)


def _strike(app: FakeApp, exchange: Exchange, waiting: Sequence[Fault], endpoints: Collection[str]) -> None:
    record = exchange.record
    for fault in waiting:
        known = exchange.message_bend.considered if isinstance(exchange.message_bend, _StreamFaults) else ()
        if any(fault is other for other in known):
            continue  # it passed this stream, or happens to it already
        if fault.matches(
            record.method, record.path, kind=record.kind, session=record.session_hash, endpoints=endpoints
        ):
            _stream_faults(exchange).considered.append(fault)
            if fault.counts():
                _write_down(exchange, [fault])
                _stream_faults(exchange).faults.append(_message_fault(app, fault))


def _write_down(exchange: Exchange, faults: Iterable[Fault]) -> None:
    met = [] if exchange.record.fault is None else [exchange.record.fault]
    exchange.record.fault = ", ".join([*met, *(fault.name for fault in faults)])


class _StreamFaults:
    """What happens to the messages of one stream."""

    def __init__(self) -> None:
        self.faults: list[MessageFault] = []
        self.considered: list[Fault] = []
        """Those that could have happened to it, whether or not it was their turn."""

    def __call__(self, message: Message) -> list[Bent]:
        said: list[Bent] = [message]
        for fault in self.faults:
            said = [item for old in said for item in (fault.bend(old) if isinstance(old, Message) else (old,))]
        return said


def _stream_faults(exchange: Exchange) -> _StreamFaults:
    found = exchange.message_bend
    if not isinstance(found, _StreamFaults):
        found = exchange.message_bend = _StreamFaults()
    return found


def _session_of(app: FakeApp, exchange: Exchange, kind: str, parameters: tuple[str, ...]) -> str | None:
    if exchange.record.session_hash is not None:
        return exchange.record.session_hash
    if kind == "heartbeat":
        return parameters[0]
    if kind == "call_data":
        event_id = parameters[1]
        return app.queue.session_of_event(event_id) if app.profile.own_session_calls else event_id
    return exchange.query.get("session_hash")


def _endpoints_of(
    app: FakeApp, exchange: Exchange, kind: str, parameters: tuple[str, ...], session: str | None
) -> Collection[str]:
    """Give the names of the endpoints that a request is about."""
    if kind in ("data", "call_data"):
        known = app.queue.sessions.get(session or "")
        return () if known is None else _endpoints_in(app, known)
    body = exchange.record.body
    index: object = body.get("fn_index") if is_object(body) else None
    given = exchange.query.get("fn_index", "")
    if kind == "join_stream" and given.isdecimal():
        index = int(given)
    endpoint = app.endpoint_at(index) if index is not None else None
    if endpoint is not None:
        return (endpoint.name,)
    return parameters[:1] if kind in ("run", "call") else ()


def _endpoints_in(app: FakeApp, channel: Session) -> Collection[str]:
    return {app.jobs[event_id].endpoint.name for event_id in channel.pending if event_id in app.jobs}


def _message_fault(app: FakeApp, fault: Fault) -> MessageFault:
    def concerns(message: Message) -> bool:
        if fault.endpoint is None:
            return True
        job = None if message.event_id is None else app.jobs.get(message.event_id)
        return job is not None and job.endpoint.name == fault.endpoint

    return MessageFault(
        fault.name, fault.values, app.messages, session_lost=app.profile.session_lost, concerns=concerns
    )


# -- in place of an answer


Values = Mapping[str, Any]


def _page(title: str, text: str) -> bytes:
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><main><h1>{title}</h1>\n<p>{text}</p></main></body></html>\n"
    ).encode()


def _answer(_app: FakeApp, exchange: Exchange, values: Values) -> None:
    body, headers = values["body"], values["headers"]
    if values["truncated"]:
        exchange.bend = chain(exchange, [("wrong length", {"off": 1}), ("truncate", {"keep": len(body)})])
    exchange.respond(values["status"], body, values["content_type"], headers)


def _hang(_app: FakeApp, _exchange: Exchange, _: Values) -> None:
    """Say nothing; the exchange ends when the client has had enough."""


def _cut(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    exchange.close("cut")


def _reset(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    exchange.close("cut", reset=True)


def _redirect(_app: FakeApp, exchange: Exchange, values: Values) -> None:
    exchange.respond(values["status"], content_type=None, headers=[("location", values["location"])])


def _busy(_app: FakeApp, exchange: Exchange, values: Values) -> None:
    exchange.respond_detail(429, "Too Many Requests", [("retry-after", f"{values['retry_after']:g}")])


def _unauthorized(app: FakeApp, exchange: Exchange, _: Values) -> None:
    refuse_stranger(app, exchange)


def _forbidden(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    exchange.respond_detail(403, "Forbidden")


def _not_found(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    exchange.respond_detail(404, "Not Found")


def _crash(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    exchange.respond_crash()


def _bad_gateway(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    page = (
        b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
        b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    exchange.respond(502, page, "text/html")


def _building(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    exchange.respond(503, _page("BUILDING", "This Space cannot answer now. Its stage is BUILDING."), _HTML)


def _sleeping(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    exchange.respond(503, _page("SLEEPING", "This Space cannot answer now. Its stage is SLEEPING."), _HTML)


def _html(_app: FakeApp, exchange: Exchange, _: Values) -> None:
    exchange.respond(200, _page("Welcome", "This is no Gradio app."), _HTML)


def _queue_full(app: FakeApp, exchange: Exchange, _: Values) -> None:
    kind = exchange.record.kind
    if kind == "socket":
        exchange.queue_full = True
        app.answer(exchange)
    elif kind == "join_stream":
        exchange.start_event_stream(EventStream(app.queue, app.queue.full_channel(), exchange, app.schedule))
    else:
        size = app.queue.size if app.queue.max_size is None else app.queue.max_size
        exchange.respond_detail(503, f"Queue is full. Max size is {size} and size is {size}.")


ANSWERS: dict[str, Callable[[FakeApp, Exchange, Values], None]] = {
    "answer": _answer,
    "hang": _hang,
    "cut": _cut,
    "reset": _reset,
    "redirect": _redirect,
    "busy": _busy,
    "unauthorized": _unauthorized,
    "forbidden": _forbidden,
    "not found": _not_found,
    "crash": _crash,
    "bad gateway": _bad_gateway,
    "building": _building,
    "sleeping": _sleeping,
    "page": _html,
    "queue full": _queue_full,
}


# -- to the server


def _restart(app: FakeApp, values: Values) -> None:
    app.restart(down=values["down"])


def _refuse(app: FakeApp, values: Values) -> None:
    app.refuse(values["seconds"])


def _forget_sessions(app: FakeApp, _: Values) -> None:
    app.forget_sessions()


def _forget_logins(app: FakeApp, _: Values) -> None:
    app.tokens.clear()


SERVER_FAULTS: dict[str, Callable[[FakeApp, Values], None]] = {
    "restart": _restart,
    "refuse": _refuse,
    "forget sessions": _forget_sessions,
    "forget logins": _forget_logins,
}


# -- to a connection


def _accept_and_hang(connection: ServerConnection, _: Values) -> None:
    connection.hear_nothing()


def _accept_and_close(connection: ServerConnection, _: Values) -> None:
    connection.close_at_once(reset=False)


def _accept_and_reset(connection: ServerConnection, _: Values) -> None:
    connection.close_at_once(reset=True)


def _close_at_first_byte(connection: ServerConnection, _: Values) -> None:
    connection.say_only(b"")


def _reset_at_first_byte(connection: ServerConnection, _: Values) -> None:
    connection.say_only(b"", reset=True)


def _no_http(connection: ServerConnection, values: Values) -> None:
    connection.say_only(values["text"].encode())


def _latency(connection: ServerConnection, values: Values) -> None:
    connection.lie_at(Pace(delay=values["seconds"]))


def _bandwidth(connection: ServerConnection, values: Values) -> None:
    rate = max(values["bytes_per_second"], 1)
    size = max(rate // _PIECES_A_SECOND, 1)
    connection.lie_at(Pace(size, size / rate))


def _small_pieces(connection: ServerConnection, values: Values) -> None:
    connection.lie_at(Pace(values["size"], values["every"]))


_PIECES_A_SECOND = 100  # of a narrow line, so that it is narrow and not just late

CONNECTION_FAULTS: dict[str, Callable[[ServerConnection, Values], None]] = {
    "accept and hang": _accept_and_hang,
    "accept and close": _accept_and_close,
    "accept and reset": _accept_and_reset,
    "close at first byte": _close_at_first_byte,
    "reset at first byte": _reset_at_first_byte,
    "no http": _no_http,
    "latency": _latency,
    "bandwidth": _bandwidth,
    "small pieces": _small_pieces,
}
