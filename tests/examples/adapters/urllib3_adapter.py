"""The session door over urllib3, whose pool keeps connections alive."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from gradproto import ConnectError, Event, ReadError, Request, Session

from . import threaded
from .files import PIECE
from .threaded import Answer


def drive(session: Session, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the session asks for, until ``on_event`` returns True."""
    manager = make_manager()
    try:
        threaded.drive(session, on_event, partial(perform, manager))
    finally:
        close(manager)


def make_manager() -> urllib3.PoolManager:
    """Make a pool whose connections can be shut while a thread waits for them."""
    manager = urllib3.PoolManager(maxsize=64)
    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return manager


def close(manager: urllib3.PoolManager) -> None:
    """Close all connections; ``clear()`` would leave them to the garbage collector."""
    keys = manager.pools.keys()
    for key in keys:
        manager.pools[key].close()


def perform(manager: urllib3.PoolManager, request: Request, answer: Answer) -> None:
    """Send a request, and tell what comes."""
    headers = urllib3.HTTPHeaderDict(request.headers)
    if request.body or request.method == "POST":
        headers["Content-Length"] = str(request.body_size)
    Shuttable.exchange.answer = answer
    try:
        response = manager.urlopen(
            request.method,
            request.url,
            body=answer.body(request) if request.body else None,
            headers=headers,
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=10, read=None),
        )
        receive(response, answer)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error


def receive(response: Any, answer: Answer) -> None:
    """Tell of the answer as it comes; what is left of one that nobody reads to its end is not used again."""
    try:
        headers = [(name.lower(), value) for name, value in response.headers.iteritems()]
        answer.tell(answer.session.response_started, response.status, headers)
        while data := response.read1(PIECE, decode_content=False):
            answer.tell(answer.session.response_data, data)
    except BaseException:
        response.close()
        raise
    finally:
        response.release_conn()


class Shuttable:
    """A connection that knows for whom it works, so that it can be shut wherever that thread waits."""

    exchange = threading.local()
    sock: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lock = threading.Lock()
        self.worked_for: Answer | None = None

    def connect(self) -> None:
        """Connect for the exchange of this thread; later one cannot tell whose fault an error of TLS was."""
        try:
            super().connect()  # type: ignore[misc]
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ConnectError(str(error)) from error
        self.work()

    def request(self, *args: Any, **options: Any) -> None:
        """Begin a request of the exchange of this thread."""
        if self.sock is not None:
            self.work()
        super().request(*args, **options)  # type: ignore[misc]

    def work(self) -> None:
        """Let the exchange of this thread shut it, as long as no other uses it."""
        answer = self.exchange.answer
        with self.lock:
            self.worked_for = answer
        answer.can_be_shut(lambda: self.shut_for(answer))

    def shut_for(self, answer: Answer) -> None:
        """Wake the thread of an exchange, if it is the one that the connection works for."""
        with self.lock, contextlib.suppress(OSError):
            if self.worked_for is answer and self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


class PlainConnection(Shuttable, HTTPConnection):
    pass


class SecureConnection(Shuttable, HTTPSConnection):
    pass


class PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection  # type: ignore[assignment]


class SecurePool(HTTPSConnectionPool):
    ConnectionCls = SecureConnection  # type: ignore[assignment]
