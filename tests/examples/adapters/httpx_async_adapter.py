"""The session door over httpx for asyncio: its transport, which follows no redirects and keeps no cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from functools import partial

import httpx

from gradproto import ConnectError, Event, ReadError, Request, Session

from . import tasks
from .tasks import Answer


def drive(session: Session, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the session asks for, until ``on_event`` returns True."""
    asyncio.run(main(session, on_event))


async def main(session: Session, on_event: Callable[[Event], bool]) -> None:
    """The same, in an event loop that is there already."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncHTTPTransport(limits=limits) as transport:
        await tasks.drive(session, on_event, partial(perform, transport))


async def perform(transport: httpx.AsyncHTTPTransport, request: Request, answer: Answer) -> None:
    """Send a request, and tell what comes."""
    headers = list(request.headers)
    if request.body or request.method == "POST":
        headers.append(("Content-Length", str(request.body_size)))
    body = answer.body(request) if request.body else None
    sent = httpx.Request(
        request.method, request.url, headers=headers, content=body, extensions={"timeout": {"connect": 10.0}}
    )
    try:
        response = await transport.handle_async_request(sent)
        async with aclosing(response):
            told = [(name.lower(), value) for name, value in response.headers.multi_items()]
            answer.tell(answer.session.response_started, response.status_code, told)
            async for data in response.aiter_raw():
                answer.tell(answer.session.response_data, data)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ConnectError(str(error)) from error
    except (httpx.TransportError, OSError) as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error
