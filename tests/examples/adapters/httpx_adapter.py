"""The session door over httpx, with a transport for each exchange, which follows no redirects and keeps no cookies."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from gradproto import ConnectError, Event, ReadError, Request, Session

from . import threaded
from .threaded import Answer


def drive(session: Session, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the session asks for, until ``on_event`` returns True."""
    threaded.drive(session, on_event, partial(perform, ssl.create_default_context()))


def perform(context: ssl.SSLContext, request: Request, answer: Answer) -> None:
    """Send a request, and tell what comes."""

    def traced(name: str, info: dict[str, Any]) -> None:
        # The only place where httpx shows a connection before the answer has begun.
        if name == "connection.connect_tcp.complete":
            stream = info["return_value"]
            try:
                answer.can_be_shut(partial(shut, stream.get_extra_info("socket")))
            except BaseException:
                stream.close()  # nobody else has it yet
                raise

    headers = list(request.headers)
    if request.body or request.method == "POST":
        headers.append(("Content-Length", str(request.body_size)))
    extensions = {"trace": traced, "timeout": {"connect": 10.0}}
    body = answer.body(request) if request.body else None
    try:
        with httpx.HTTPTransport(verify=context) as transport:
            response = transport.handle_request(
                httpx.Request(request.method, request.url, headers=headers, content=body, extensions=extensions)
            )
            with contextlib.closing(response):
                told = [(name.lower(), value) for name, value in response.headers.multi_items()]
                answer.tell(answer.session.response_started, response.status_code, told)
                for data in response.iter_raw():
                    answer.tell(answer.session.response_data, data)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ConnectError(str(error)) from error
    except (httpx.TransportError, OSError) as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error


def shut(sock: socket.socket) -> None:
    """Wake whoever reads or writes."""
    with contextlib.suppress(OSError):  # the other side may have been quicker
        sock.shutdown(socket.SHUT_RDWR)
