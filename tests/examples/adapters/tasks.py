"""The session door over any library for asyncio: one task for each exchange, and one that drives.

A library brings ``perform(request, answer)``, which sends the request, tells ``answer`` what comes, and returns when
all has come; it raises `TransportError` where that fails. One that has WebSockets brings ``converse``, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from gradproto import (
    AbortExchange,
    CloseWebSocket,
    ConnectError,
    Event,
    FilePart,
    OpenWebSocket,
    Request,
    SendText,
    Session,
    StartExchange,
    TransportError,
)

from .files import pieces_of

Perform = Callable[[Request, "Answer"], Awaitable[None]]
Converse = Callable[[OpenWebSocket, "Answer"], Awaitable[None]]


async def drive(
    session: Session, on_event: Callable[[Event], bool], perform: Perform, converse: Converse | None = None
) -> None:
    """Carry out what the session asks for, until ``on_event`` returns True."""
    told = asyncio.Event()
    answers: dict[int, Answer] = {}
    try:
        while True:
            told.clear()
            for answer in [answer for answer in answers.values() if answer.task.done()]:
                answers.pop(answer.number).finish()
            session.tick(time.monotonic())
            while (command := session.next_command()) is not None:
                number = command.exchange
                if isinstance(command, StartExchange):
                    answers[number] = Answer(session, number, told)
                    answers[number].start(perform(command.request, answers[number]), ends=True)
                elif isinstance(command, OpenWebSocket) and converse is not None:
                    answers[number] = Answer(session, number, told)
                    answers[number].start(converse(command, answers[number]), ends=False)
                elif isinstance(command, OpenWebSocket):
                    session.exchange_failed(number, ConnectError("this library has no WebSockets"))
                elif isinstance(command, AbortExchange) and number in answers:
                    answers[number].abort()
                elif number in answers:
                    assert isinstance(command, (SendText, CloseWebSocket))
                    answers[number].outgoing.put_nowait(command)
            if (event := session.next_event()) is not None:
                if on_event(event):
                    return
                await asyncio.sleep(0)  # so that the network has its turn, too
                continue
            due = session.next_deadline()
            with contextlib.suppress(asyncio.TimeoutError):  # the time has come, of which the session is told
                await asyncio.wait_for(told.wait(), None if due is None else max(0.0, due - time.monotonic()))
    finally:
        for answer in answers.values():
            answer.abort()
        await asyncio.gather(*(answer.task for answer in answers.values()), return_exceptions=True)


class Answer:
    """What a task is told to do, and tells."""

    task: asyncio.Task[None]

    def __init__(self, session: Session, number: int, told: asyncio.Event) -> None:
        self.session = session
        self.number = number
        self.outgoing: asyncio.Queue[SendText | CloseWebSocket] = asyncio.Queue()
        self._told = told
        self._aborted = False

    def start(self, work: Awaitable[None], *, ends: bool) -> None:
        """Begin; with ``ends`` the answer is over when the work is done."""
        self.task = asyncio.ensure_future(self._run(work, ends))
        self.task.add_done_callback(lambda _: self._told.set())

    def abort(self) -> None:
        """Let the task end, and with it its connection."""
        self._aborted = True
        self.task.cancel()

    def finish(self) -> None:
        """Raise what the task did not expect: nobody would hear of that otherwise."""
        if not self._aborted:
            self.task.result()

    def tell(self, fact: Callable[..., None], *values: Any) -> None:
        """Report something: everything here runs on one thread."""
        if not self._aborted:
            fact(self.number, *values)
            self._told.set()

    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Give the request's body piece by piece, and tell how far it got."""
        sent = 0
        for part in request.body:
            for piece in pieces_of(part) if isinstance(part, FilePart) else [part]:
                yield piece
                sent += len(piece)
                self.tell(self.session.body_sent, sent)

    async def _run(self, work: Awaitable[None], ends: bool) -> None:
        try:
            await work
        except TransportError as error:
            self.tell(self.session.exchange_failed, error)
        else:
            if ends:
                self.tell(self.session.response_ended)
