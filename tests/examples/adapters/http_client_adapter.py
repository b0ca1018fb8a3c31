"""The session door over the standard library's http.client, with one connection for each exchange."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from gradproto import ConnectError, Event, ReadError, Request, Session, WriteError

from . import threaded
from .files import PIECE
from .threaded import Answer

# Seconds. A thread that connects cannot be woken.
CONNECT_SECONDS = 10.0


def drive(session: Session, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the session asks for, until ``on_event`` returns True."""
    threaded.drive(session, on_event, perform)


def perform(request: Request, answer: Answer) -> None:
    """Send a request, and tell what comes."""
    url = urlsplit(request.url)
    assert url.hostname is not None
    connection: http.client.HTTPConnection
    where, limit = (url.hostname, url.port), CONNECT_SECONDS
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(*where, timeout=limit, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(*where, timeout=limit)
    with contextlib.closing(connection):
        try:
            connection.connect()
        except OSError as error:
            raise ConnectError(f"{url.netloc}: {error}") from error
        sock = connection.sock
        sock.settimeout(None)  # from here on the session knows how long to wait
        answer.can_be_shut(lambda: shut(sock))
        try:
            send(connection, request, answer)
        except OSError as error:
            # A server that refuses an upload answers before it has all of it, and closes.
            refusal = WriteError(f"{url.netloc}: {error}")
        else:
            refusal = None
        try:
            receive(connection, answer)
        except (OSError, http.client.HTTPException) as error:
            raise refusal or ReadError(f"{url.netloc}: {str(error) or type(error).__name__}") from error


def send(connection: http.client.HTTPConnection, request: Request, answer: Answer) -> None:
    """Write the request as it is: neither headers nor a body of the library's own."""
    target = request.url.partition("//")[2].partition("/")[2]
    connection.putrequest(request.method, f"/{target}", skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value)
    if request.body or request.method == "POST":
        connection.putheader("Content-Length", str(request.body_size))
    connection.endheaders()
    for piece in answer.body(request):
        connection.send(piece)


def receive(connection: http.client.HTTPConnection, answer: Answer) -> None:
    """Tell of the answer as it comes, and see whether that was all of it."""
    with connection.getresponse() as response:
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        answer.tell(answer.session.response_started, response.status, headers)
        while data := response.read1(PIECE):
            answer.tell(answer.session.response_data, data)
        if response.length:  # read1() takes any end for a good one
            raise http.client.IncompleteRead(b"", response.length)


def shut(sock: socket.socket) -> None:
    """Wake whoever reads or writes."""
    with contextlib.suppress(OSError):  # the other side may have been quicker
        sock.shutdown(socket.SHUT_RDWR)
