"""The session door over any library that blocks: one thread for each exchange, which only reports, and one that drives.

A library brings one function: ``perform(request, answer)`` sends the request, tells ``answer`` what comes, and returns
when all has come. It raises `TransportError` where that fails.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gradproto import (
    AbortExchange,
    ConnectError,
    Event,
    FilePart,
    OpenWebSocket,
    Request,
    Session,
    StartExchange,
    TransportError,
)

from .files import pieces_of

# Facts of one exchange that may wait to be taken: who reads faster has to wait, too.
ROOM = 8

Perform = Callable[[Request, "Answer"], None]
# The last of an exchange is none: its thread is at its end.
Facts = queue.SimpleQueue[tuple["Answer", "Callable[[], None] | None"]]


def drive(session: Session, on_event: Callable[[Event], bool], perform: Perform) -> None:
    """Carry out what the session asks for, until ``on_event`` returns True."""
    facts: Facts = queue.SimpleQueue()
    answers: dict[int, Answer] = {}
    try:
        while True:
            session.tick(time.monotonic())
            while (command := session.next_command()) is not None:
                if isinstance(command, StartExchange):
                    answers[command.exchange] = Answer(session, command, facts, perform)
                elif isinstance(command, AbortExchange):
                    answers[command.exchange].abort()
                elif isinstance(command, OpenWebSocket):
                    session.exchange_failed(command.exchange, ConnectError("this library has no WebSockets"))
            if (event := session.next_event()) is not None:
                if on_event(event):
                    return
                continue
            due = session.next_deadline()
            try:
                answer, fact = facts.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
            except queue.Empty:
                continue  # the time has come, of which the session is told
            answer.room.release()
            if fact is None:
                answers.pop(answer.number).finish()
            elif not answer.aborted:
                fact()
    finally:
        for answer in answers.values():
            answer.abort()
        for answer in answers.values():
            answer.finish()


class Aborted(Exception):
    """Ends the thread of an exchange that was aborted."""


class Answer:
    """What a thread is told to do, and tells: everything that it says comes to the session on the driving thread."""

    def __init__(self, session: Session, command: StartExchange, facts: Facts, perform: Perform) -> None:
        self.session = session
        self.number = command.exchange
        self.aborted = False
        self.room = threading.Semaphore(ROOM)
        self._shut: Callable[[], object] = nothing
        self._facts = facts
        self._lock = threading.Lock()
        self._mistake: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(command.request, perform))
        self._thread.start()

    def can_be_shut(self, shut: Callable[[], object]) -> None:
        """Say how the thread is woken, wherever it waits for the network."""
        with self._lock:
            self._shut = shut
            if self.aborted:
                raise Aborted

    def abort(self) -> None:
        """Let the thread end."""
        with self._lock:
            self.aborted = True
            self._shut()
        self.room.release()

    def finish(self) -> None:
        """Wait for the end of the thread, and raise what it did not expect: nobody would hear of that otherwise."""
        self._thread.join()
        if self._mistake is not None and not self.aborted:
            raise self._mistake

    def body(self, request: Request) -> Iterator[bytes]:
        """Give the request's body piece by piece, and tell how far it got."""
        sent = 0
        for part in request.body:
            for piece in pieces_of(part) if isinstance(part, FilePart) else [part]:
                yield piece
                sent += len(piece)
                self.tell(self.session.body_sent, sent)

    def tell(self, fact: Callable[..., None], *values: Any) -> None:
        """Report something, as soon as there is room for it."""
        self.room.acquire()
        if self.aborted:
            raise Aborted
        self._facts.put((self, partial(fact, self.number, *values)))

    def _run(self, request: Request, perform: Perform) -> None:
        try:
            try:
                perform(request, self)
                self.tell(self.session.response_ended)
            except TransportError as error:
                self.tell(self.session.exchange_failed, error)
        except Aborted:
            pass
        except Exception as error:
            self._mistake = error
        with self._lock:
            self._shut = nothing  # the connection may be another's by now
        self._facts.put((self, None))


def nothing() -> None:
    """There is nobody to wake."""
