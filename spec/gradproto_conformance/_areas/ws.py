"""WS: the WebSocket queue of Gradio 3."""

from __future__ import annotations

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._judge import Judge
from gradproto_conformance._probe import Socket

from ._asking import LIMIT, Hearing, is_object
from ._joining import connected, joined, outputs_of
from ._leaving import find_queue_full, leave

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

HANDSHAKE = check("ws-handshake", "The queue is joined by a WebSocket", "WS-1.1")
SEND_HASH = check("ws-asks-for-hash", "The server asks for the hash of the session first", "WS-1.2")
NO_HASH = check("ws-asks-for-no-hash", "The server speaks first, and asks for no hash", "WS-1.3")
CLIENT_FIRST = check("ws-client-speaks-first", "The server waits for the client's hash", "WS-1.4")
SEND_DATA = check("ws-asks-for-data", "The server asks for the data, and takes them", "WS-1.5")
CLOSES = check("ws-closes-after-end", "The server closes with code 1000 after process_completed", "WS-1.6")
FULL = check("ws-queue-full", "A full queue says so, and closes", "WS-1.7")
LEFT_QUEUED = check("ws-leaving-takes-queued-out", "An event whose client has left the queue does not run", "WS-1.8")
LEFT_RUNNING = check("ws-leaving-ends-generator", "A generator whose client has left ends", "WS-1.8")
TWICE = check("ws-last-output-twice", "A generator is completed with its last output once more", "WS-1.9")


@scenario(HANDSHAKE, SEND_HASH, NO_HASH, CLIENT_FIRST, SEND_DATA, CLOSES, needs=["echo"], effect=Effect.CALL)
async def a_conversation_on_a_socket(judge: Judge) -> None:
    """Join, and answer what the server asks for."""
    async with connected(judge) as (socket, trouble):
        judge.that(HANDSHAKE, socket is not None, expected="status 101", got=trouble or "status 101")
        if socket is None:
            judge.cannot_rest(trouble)
            return
        hearing = Hearing(socket.receive, exchange=socket.exchange)
        if await _greet(judge, hearing, socket):
            await _give_data(judge, hearing, socket)


async def _greet(judge: Judge, hearing: Hearing, socket: Socket) -> bool:
    """Find out who speaks first, and of what; say whether the event is in the queue."""
    call = {"fn_index": judge.target.endpoints["echo"], "session_hash": judge.unique("session")}
    version = judge.target.version
    if version < (3, 2):
        silent = await hearing.next(0.5) is None and not hearing.is_over
        judge.that(CLIENT_FIRST, silent, expected="nothing", got=hearing.messages or hearing.trouble)
        socket.send({"hash": call["session_hash"]})
    first = hearing.messages[0] if hearing.messages else await hearing.next()
    told = hearing.trouble if first is None else first
    known = first is not None and first.get("msg") in ("estimation", "send_data")
    judge.that(NO_HASH, known, expected="estimation or send_data", got=told, exchange=hearing.exchange)
    judge.that(CLIENT_FIRST, known, expected="estimation or send_data after the hash", got=told)
    judge.that(
        SEND_HASH,
        first is not None and first.get("msg") == "send_hash",
        expected='{"msg": "send_hash"}',
        got=told,
        exchange=hearing.exchange,
    )
    if first is None:
        judge.cannot_rest(hearing.trouble)
        return False
    if first.get("msg") == "send_hash":
        socket.send(call)
    return True


async def _give_data(judge: Judge, hearing: Hearing, socket: Socket) -> None:
    """Give the data when they are asked for, and hear of the end."""
    asked = bool(hearing.all_of("send_data")) or await hearing.until("send_data") is not None
    if not judge.that(SEND_DATA, asked, expected="send_data", got=hearing.kinds or hearing.trouble):
        judge.cannot_rest("the server did not ask for the data")
        return
    index = judge.target.endpoints["echo"]
    socket.send({"data": ["given"], "event_data": None, "fn_index": index, "session_hash": judge.unique("session")})
    message = await hearing.until("process_completed", within=2 * LIMIT)
    judge.that(
        SEND_DATA,
        outputs_of(message) == ["given"],
        expected="the output for the data",
        got=message or hearing.trouble,
        exchange=hearing.exchange,
    )
    if message is None:
        judge.cannot_rest(hearing.trouble)
        return
    await hearing.to_the_end()
    judge.that(
        CLOSES,
        socket.exchange.is_whole and socket.exchange.closed_with == 1000,
        expected="a close with code 1000",
        got=hearing.trouble if socket.exchange.closed_with is None else socket.exchange.closed_with,
        exchange=hearing.exchange,
    )


@scenario(FULL, needs=["small_queue", "open_gate"], effect=Effect.FULL)
async def a_full_queue_of_sockets(judge: Judge) -> None:
    """Let one event run and one wait, which is all that the app allows, and join once more."""
    await find_queue_full(judge, FULL)


@scenario(LEFT_QUEUED, LEFT_RUNNING, needs=["hold", "steps", "open_gate", "ran"], effect=Effect.FULL)
async def leaving_a_socket(judge: Judge) -> None:
    """Close the WebSocket of a generator that runs, and of an event that waits."""
    await leave(judge, LEFT_QUEUED, LEFT_RUNNING)


@scenario(TWICE, needs=["count"], effect=Effect.CALL)
async def the_last_output(judge: Judge) -> None:
    """Call a generator of two values."""
    async with joined(judge, "count", [2]) as event:
        message = await event.finish()
    if message is None:
        judge.cannot_rest(event.trouble)
        return
    output = message.get("output")
    judge.that(
        TWICE,
        is_object(output) and output.get("data") == ["1"] and output.get("is_generating") is True,
        expected='["1"], and is_generating true',
        got=message,
        exchange=event.exchange,
    )
