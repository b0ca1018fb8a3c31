"""What the queue's routes answer, and those past the queue, in every generation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ._calls import CallHost, start_direct_call
from ._endpoints import Endpoint
from ._http import Exchange
from ._input_streams import StreamingJob
from ._json import is_list
from ._queue import QueueFull
from ._sockets import QueueSocket
from ._streams import CallStream, EventStream, HeartbeatStream
from ._validation import Invalid, check_query_integer, worded
from ._validators import refusal_of

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = [
    "call",
    "call_events",
    "call_v2",
    "cancel",
    "events",
    "heartbeat",
    "join",
    "join_socket",
    "join_stream",
    "post_data",
    "push",
    "pushed_status",
    "query_item",
    "queue_status",
    "refuse",
    "refuse_stranger",
    "reset_event",
    "reset_session",
    "run",
    "stream_data",
    "stream_end",
]


def refuse(app: FakeApp, exchange: Exchange, error: Invalid) -> None:
    """Answer what FastAPI answers to a request that is not as it should be."""
    if error.unreadable:
        exchange.respond_detail(400, "There was an error parsing the body")
    else:
        exchange.respond_detail(422, worded(error, old=app.profile.old_refusals))


def refuse_stranger(app: FakeApp, exchange: Exchange) -> None:
    """Answer somebody who is not logged in."""
    text = "Not authenticated"
    exchange.respond_detail(401, {"error": text, "auth_message": None} if app.profile.detailed_refusal else text)


def query_item(exchange: Exchange, name: str) -> str | None:
    """Give a query item that a route cannot do without; ``None`` when the client was told so."""
    value = exchange.query.get(name)
    if value is None:
        missing = {"type": "missing", "loc": ["query", name], "msg": "Field required", "input": None}
        exchange.respond_detail(422, [missing])
    return value


def join(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    """Take an event in."""
    index: int | None = body["fn_index"]
    if body["session_hash"] is None:
        exchange.respond_detail(400, app.profile.no_session_hash)
    elif index is None:
        exchange.respond_detail(400, "No function index provided.")
    elif (endpoint := app.endpoint_in(body["session_hash"], index)) is None or not (
        body["session_hash"] or app.profile.empty_session_hash
    ):
        exchange.respond_crash()
    else:
        _enqueue(app, exchange, endpoint, body, whole=body.get("simple_format", False))


def call(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...], body: dict[str, Any]) -> None:
    """Take an event in whose messages are for people with curl."""
    endpoint = app.endpoint_called(parameters[0])
    if endpoint is None or (body["session_hash"] == "" and not app.profile.empty_session_hash):
        exchange.respond_crash()
        return
    if app.profile.own_session_calls:
        body["data"] = _with_states(endpoint, body["data"])
    _enqueue(app, exchange, endpoint, body, whole=True)


def call_v2(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...], body: dict[str, Any]) -> None:
    """The same with arguments by name."""
    endpoint: Endpoint | None = app.find_endpoint(parameters[0])
    data: list[Any] | None = None if endpoint is None or endpoint.visibility == "private" else _by_name(endpoint, body)
    if endpoint is None or data is None:
        exchange.respond_crash()
    else:
        _enqueue(app, exchange, endpoint, {"data": data, "session_hash": None}, whole=True)


def _with_states(endpoint: Endpoint, data: list[Any]) -> list[Any]:
    """Put ``null`` where a State belongs, if the caller left the States out (Gradio 6.18 and later)."""
    if len(data) == len(endpoint.inputs) or len(data) != len(endpoint.api_inputs):
        return data
    given = iter(data)
    return [None if component.skip_api else next(given) for component in endpoint.inputs]


def _by_name(endpoint: Endpoint, arguments: dict[str, Any]) -> list[Any] | None:
    """Put named arguments in order; ``None`` if one is missing or unknown, which crashes Gradio."""
    left = dict(arguments)
    left.pop("oauth_token", None)
    data: list[Any] = []
    for component, name in zip(endpoint.inputs, endpoint.parameter_names, strict=True):
        if component.skip_api:
            data.append(None)
        elif name in left:
            data.append(left.pop(name))
        elif component.value is not None or name in endpoint.none_defaults:
            data.append(component.value)
        else:
            return None
    return None if left else data


def _enqueue(app: FakeApp, exchange: Exchange, endpoint: Endpoint, body: dict[str, Any], *, whole: bool) -> None:
    session_hash: str | None = body["session_hash"]
    host = CallHost(app, app.file_root(exchange), session_hash)
    if app.queue.stopped:
        exchange.respond_detail(503, "Queue is stopped.")
        return
    try:
        app.queue.check_room()
        if (refusal := refusal_of(endpoint, body["data"], host)) is not None:
            exchange.respond_detail(*refusal)
            return
        job = app.queue.join(endpoint, body["data"], session_hash, host, now=app.now, whole=whole)
    except QueueFull as error:
        exchange.respond_detail(503, str(error))
        return
    app.remember(job)
    app.strike_streams([app.queue.channel_of(job)])
    app.monitoring.watch(job)
    exchange.record.session_hash = job.session_hash
    exchange.respond(200, b'{"event_id":"%b"}' % job.event_id.encode())


def events(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Open the stream of a session."""
    session_hash = query_item(exchange, "session_hash")
    if session_hash is None:
        return
    exchange.record.session_hash = session_hash
    if session_hash not in app.queue.sessions and not app.has_forgotten and exchange.record.fault is None:
        exchange.record.complaint = f"GET {exchange.path}: the session {session_hash!r:.80} has not joined"
    exchange.start_event_stream(EventStream(app.queue, app.queue.session(session_hash), exchange, app.schedule))


def call_events(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...]) -> None:
    """Open the stream of a call."""
    session_hash = parameters[1]
    if app.profile.own_session_calls:
        session_hash = app.queue.session_of_event(session_hash)
    exchange.record.session_hash = session_hash
    exchange.start_event_stream(CallStream(app.queue, app.queue.session(session_hash), exchange, app.schedule))


def cancel(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    """Cancel events."""
    app.queue.cancel(body["session_hash"], body["fn_index"], body["event_id"])
    exchange.respond(200, b'{"success":true}')


def stream_data(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...], body: dict[str, Any]) -> None:
    """Take a frame of a streaming input."""
    if (job := _streamed_to(app, exchange, parameters[0])) is not None:
        job.give(body["data"])


def stream_end(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...]) -> None:
    """End a streaming input."""
    if (job := _streamed_to(app, exchange, parameters[0])) is not None:
        job.end_input()


def _streamed_to(app: FakeApp, exchange: Exchange, event_id: str) -> StreamingJob | None:
    """Answer somebody who streams to an event; give the event, if it is one that listens."""
    job = app.jobs.get(event_id)
    profile = app.profile
    if job is not None and (profile.knows_ended_streams or not job.over):
        exchange.respond_json(200, {"msg": "success"})
        return job if isinstance(job, StreamingJob) and not job.over else None
    if profile.unknown_stream_crashes:
        exchange.respond_crash()
    else:
        exchange.respond(404, b"", None)
    return None


def reset_event(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    """Stop a generator: 4.0 to 4.34."""
    exchange.respond_json(200, {"success": app.queue.reset_event(body["event_id"])})


def reset_session(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    """Let a generator begin again: 3.6 to 3.50."""
    exchange.respond_json(200, {"success": app.queue.reset_session(body["session_hash"], body["fn_index"])})


def heartbeat(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...]) -> None:
    """Open the stream that keeps a session alive."""
    session_hash = exchange.record.session_hash = parameters[0]
    stream = HeartbeatStream(exchange, app.schedule, app.profile.heartbeat_interval)

    def lost() -> None:
        stream.close()
        app.states.close(session_hash)

    exchange.on_disconnect = lost
    exchange.start_event_stream(stream)


def run(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...], body: dict[str, Any]) -> None:
    """Call an endpoint past the queue."""
    profile = app.profile
    index: int | None = body["fn_index"]
    endpoint = app.endpoint_called(parameters[0] if parameters else "predict") if index is None else None
    if index is not None:
        endpoint = app.endpoint_in(body["session_hash"], index)
    if profile.one_function:
        endpoint = app.endpoint_at(0)
    if endpoint is None:
        _no_such_endpoint(app, exchange, parameters, index)
    elif endpoint.queue and app.enable_queue and not app.api_open:
        status, text = _CLOSED[profile.api_closed]
        exchange.respond_detail(status, text)
    elif endpoint.cancels and profile.cancel_endpoints == "no backend":
        exchange.respond_json(500, {"error": "function has no backend method."})
    else:
        app.queue.cancel_all(body["session_hash"] or "", endpoint.cancels)
        batched = bool(body["batched"])
        start_direct_call(app, exchange, endpoint, body["data"], body["session_hash"], batched=batched)


_CLOSED = {
    "401": (401, "Not authorized to skip the queue"),
    "not found": (404, "Not Found"),
    "explained": (
        404,
        "This API endpoint does not accept direct HTTP POST requests. Please join the queue to use this API.",
    ),
}


def _no_such_endpoint(app: FakeApp, exchange: Exchange, parameters: tuple[str, ...], index: int | None) -> None:
    if app.profile.first_by_default:
        exchange.respond_json(500, {"error": "list index out of range"})
    elif app.profile.unknown_name_is_error and index is None:
        exchange.respond_json(500, {"error": f"This app has no endpoint /api/{parameters[0]}/."})
    else:
        exchange.respond_crash()


# -- the queue of 4.0 to 4.8: a stream for each event


def join_stream(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """Join, and hear of the event in the response."""
    index = query_item(exchange, "fn_index")
    session_hash = query_item(exchange, "session_hash") if index is not None else None
    if index is None or session_hash is None:
        return
    exchange.record.session_hash = session_hash
    try:
        endpoint = app.endpoint_at(check_query_integer("fn_index", index))
    except Invalid as error:
        refuse(app, exchange, error)
        return
    if endpoint is None:
        exchange.respond_crash()
        return
    host = CallHost(app, app.file_root(exchange), session_hash)
    data = _data_in(exchange.query.get("data"))
    try:
        job = app.queue.join(endpoint, data, session_hash, host, now=app.now, own_stream=True)
    except QueueFull:
        stream = EventStream(app.queue, app.queue.full_channel(), exchange, app.schedule)
    else:
        app.remember(job)
        stream = EventStream(app.queue, app.queue.channel_of(job), exchange, app.schedule)
    exchange.start_event_stream(stream)


def _data_in(text: str | None) -> list[Any] | None:
    """Read data that came with the query, which nobody ever wrote down and works."""
    try:
        data: Any = None if text is None else json.loads(text)
    except ValueError:
        return None
    return data if is_list(data) else None


def post_data(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    """Take the data of an event that was asked for them."""
    if app.queue.give_data(body["event_id"] or "", body["data"]) is None:
        exchange.respond_crash()
    else:
        exchange.respond_json(200, None)


# -- the queue of 3.1.5 to 3.50: a WebSocket for each event


def join_socket(app: FakeApp, exchange: Exchange) -> None:
    """Answer the handshake."""
    if not exchange.wants_websocket:
        exchange.respond_detail(404, "Not Found")
    elif app.auth is not None and app.user_of(exchange) is None:
        exchange.respond(403, b"", "text/plain; charset=utf-8", close=True)
    elif app.enable_queue:
        exchange.on_body = lambda _: _open_socket(app, exchange)
    elif app.profile.socket_without_queue == "crash":
        exchange.respond_crash()


def _open_socket(app: FakeApp, exchange: Exchange) -> None:
    QueueSocket(app, exchange.accept_websocket())


def queue_status(app: FakeApp, exchange: Exchange, _: tuple[str, ...]) -> None:
    """How many wait."""
    if app.enable_queue:
        exchange.respond(200, app.messages.status(app.queue.size).encode())
    else:
        exchange.respond_crash()


# -- the queue of 2.x to 3.1.4, which is asked again and again


def push(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    """Take a job in."""
    endpoint = app.endpoint_at(body.get("fn_index") or 0)
    if endpoint is None or not app.enable_queue:
        exchange.respond_crash()
        return
    exchange.record.session_hash = body["session_hash"]
    job, place = app.polled.push(endpoint, body["data"], body["session_hash"], app.file_root(exchange))
    exchange.respond_json(200, {"hash": job.event_id, "queue_position": place})


def pushed_status(app: FakeApp, exchange: Exchange, _: tuple[str, ...], body: dict[str, Any]) -> None:
    """Say how a job stands; its result can be read once."""
    answer = app.polled.status(body["hash"])
    if answer is None:
        exchange.respond_crash()
    else:
        exchange.respond(200, answer.encode())
