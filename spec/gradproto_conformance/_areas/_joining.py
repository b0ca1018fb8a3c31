"""Events of the queue, joined by whichever form of it the version has: WebSockets, streams of their own, sessions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import trio

from gradproto import ConnectError, GradprotoError
from gradproto_conformance._exchange import Exchange
from gradproto_conformance._judge import Judge
from gradproto_conformance._probe import Socket

from ._asking import LIMIT, Answer, Hearing, Message, Unheard, ask, is_list, is_object, message_of, streaming

__all__ = ["Event", "connected", "in_line", "join", "joined", "outputs_of"]


class Event(Hearing):
    """What is said of one event, and of nothing else.

    ``event_id`` is known where the form of the queue has one; what the join was refused with is its ``trouble``.
    """

    def __init__(
        self,
        session: str,
        read: Callable[[], Awaitable[Message | None]],
        *,
        exchange: Exchange | None = None,
        trouble: str = "",
    ) -> None:
        super().__init__(read, exchange=exchange, trouble=trouble)
        self.session = session
        self.event_id: str | None = None

    async def finish(self, within: float = 2 * LIMIT) -> Message | None:
        """Hear all that is said until it is completed; give that message."""
        return await self.until("process_completed", within=within)


def outputs_of(message: Message | None) -> list[Any] | None:
    """Give the values that a message tells; ``None`` if it has none."""
    output = None if message is None else message.get("output")
    data = output.get("data") if is_object(output) else None
    return data if is_list(data) else None


async def join(judge: Judge, name: str, data: Sequence[Any], session: str, **more: Any) -> Answer:
    """Join a session's queue (4.9 on); give the answer."""
    call = {**_call(judge, name, data, session), "trigger_id": None, **more}
    return await ask(judge, "POST", "{P}/queue/join", value=call)


@asynccontextmanager
async def joined(
    judge: Judge, name: str, data: Sequence[Any], *, session: str | None = None, fn_index: int | None = None
) -> AsyncGenerator[Event, None]:
    """Join the queue for a function of the fixture app, and hear of the event; leave it at the end of the block.

    ``fn_index`` is for a function that the config does not have.
    """
    version = judge.target.version
    by = _by_socket if version < (4,) else _by_own_stream if version < (4, 9) else _by_session
    session = judge.unique("session") if session is None else session
    call = _call(judge, name, data, session)
    async with by(judge, call if fn_index is None else {**call, "fn_index": fn_index}) as event:
        yield event


@asynccontextmanager
async def in_line(judge: Judge, name: str, data: Sequence[Any]) -> AsyncGenerator[Event, None]:
    """Join the queue, and be sure that the event stands in it before others that are joined in the block."""
    async with joined(judge, name, data) as event:
        await event.until("estimation", "process_starts")
        yield event


def _call(judge: Judge, name: str, data: Sequence[Any], session: str) -> dict[str, Any]:
    index = judge.target.endpoints[name]
    return {"data": list(data), "event_data": None, "fn_index": index, "session_hash": session}


@asynccontextmanager
async def _by_session(judge: Judge, call: dict[str, Any]) -> AsyncGenerator[Event, None]:
    answer = await ask(judge, "POST", "{P}/queue/join", value={**call, "trigger_id": None})
    session: str = call["session_hash"]
    if answer.event_id is None:
        yield Event(session, _nothing, exchange=answer.exchange, trouble=f"the join got {answer.got}")
        return
    async with streaming(judge, "{P}/queue/data", query={"session_hash": session}) as (stream, trouble):
        if stream is None:
            yield Event(session, _nothing, trouble=trouble)
            return

        async def read() -> Message | None:
            # Of other events nothing is heard here: that is what the scenarios of QUEUE are about.
            while (message := await message_of(stream)) is not None:
                if message.get("event_id") in (None, answer.event_id):
                    break
            return message

        event = Event(session, read, exchange=stream.exchange)
        event.event_id = answer.event_id
        yield event


@asynccontextmanager
async def _by_own_stream(judge: Judge, call: dict[str, Any]) -> AsyncGenerator[Event, None]:
    query = {"fn_index": str(call["fn_index"]), "session_hash": call["session_hash"]}
    async with streaming(judge, "{P}/queue/join", query=query) as (stream, trouble):
        if stream is None:
            yield Event(call["session_hash"], _nothing, trouble=trouble)
            return

        async def read() -> Message | None:
            message = await message_of(stream)
            if message is not None and message.get("msg") == "send_data":
                event.event_id = str(message.get("event_id"))
                answer = await ask(judge, "POST", "{P}/queue/data", value={**call, "event_id": event.event_id})
                if answer.status != 200:
                    raise Unheard(f"the data of the event got {answer.got}")
            return message

        event = Event(call["session_hash"], read, exchange=stream.exchange)
        yield event


@asynccontextmanager
async def _by_socket(judge: Judge, call: dict[str, Any]) -> AsyncGenerator[Event, None]:
    async with connected(judge) as (socket, trouble):
        if socket is None:
            yield Event(call["session_hash"], _nothing, trouble=trouble)
            return

        async def read() -> Message | None:
            message = await socket.receive()
            asked = None if message is None else message.get("msg")
            if asked == "send_hash":
                socket.send({"fn_index": call["fn_index"], "session_hash": call["session_hash"]})
            elif asked == "send_data":
                socket.send(call)
            return message

        if judge.target.version < (3, 2):
            socket.send({"hash": call["session_hash"]})
        yield Event(call["session_hash"], read, exchange=socket.exchange)


@asynccontextmanager
async def connected(judge: Judge, within: float = LIMIT) -> AsyncGenerator[tuple[Socket | None, str], None]:
    """Open the WebSocket of an event; give it, or ``None`` and what there was instead."""
    socket: Socket | None = None
    trouble = ""
    async with AsyncExitStack() as stack:
        try:
            with trio.move_on_after(within):
                socket = await stack.enter_async_context(judge.probe.websocket("/queue/join"))
        except ConnectError:
            raise
        except GradprotoError as error:
            trouble = str(error)
        if socket is not None and socket.exchange.status != 101:
            trouble, socket = f"status {socket.exchange.status} in place of a WebSocket", None
        yield socket, "" if socket is not None else trouble or f"no WebSocket within {within:g} s"


async def _nothing() -> None:
    return None
