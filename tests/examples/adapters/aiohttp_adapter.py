"""The session door over aiohttp, which has WebSockets, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gradproto import ConnectError, Event, OpenWebSocket, ReadError, Request, SendText, Session

from . import tasks
from .tasks import Answer

# What aiohttp would add to a request; whatever belongs there, the session has put there.
OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
# There is no time limit but that of connecting.
UNMADE = (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError)


def drive(session: Session, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the session asks for, until ``on_event`` returns True."""
    asyncio.run(main(session, on_event))


async def main(session: Session, on_event: Callable[[Event], bool]) -> None:
    """The same, in an event loop that is there already."""
    async with aiohttp.ClientSession(
        connector=Connector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=OWN_HEADERS,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
    ) as client:
        await tasks.drive(session, on_event, partial(perform, client), partial(converse, client))
    await asyncio.sleep(0)  # aiohttp has closed its connections; the loop lets go of them in its next turn


class Connector(aiohttp.TCPConnector):
    """Remembers which connection a task uses: where there is something to be written yet, closing is not enough."""

    used: ContextVar[asyncio.Transport | None] = ContextVar("used", default=None)

    async def connect(self, *args: Any, **options: Any) -> Any:
        """Connect, or take a connection that is there; aiohttp would repeat any GET, also that of an event stream."""
        if self.used.get() is not None:
            raise ReadError("the connection ended before there was an answer")
        connection = await super().connect(*args, **options)
        self.used.set(connection.transport)
        return connection


def abort() -> None:
    """Drop the connection of this task, if there is one."""
    if (transport := Connector.used.get()) is not None:
        transport.abort()


async def perform(client: aiohttp.ClientSession, request: Request, answer: Answer) -> None:
    """Send a request, and tell what comes."""
    headers = CIMultiDict(request.headers)
    if request.body or request.method == "POST":
        headers["Content-Length"] = str(request.body_size)
    body = answer.body(request) if request.body else None
    url = URL(request.url, encoded=True)
    try:
        async with client.request(request.method, url, headers=headers, data=body, allow_redirects=False) as response:
            tell_head(answer, response.status, response.headers)
            while data := await response.content.readany():
                answer.tell(answer.session.response_data, data)
            if response.connection is not None and (transport := Connector.used.get()) is not None:
                transport.abort()  # the answer came before all of the request was out, and the rest stays here
    except asyncio.CancelledError:
        abort()
        raise
    except UNMADE as error:
        raise ConnectError(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error


async def converse(client: aiohttp.ClientSession, command: OpenWebSocket, answer: Answer) -> None:
    """Open a WebSocket, and tell what comes."""
    url = URL(command.url, encoded=True)
    try:
        async with client.ws_connect(url, headers=CIMultiDict(command.headers), max_msg_size=0) as websocket:
            answer.tell(answer.session.websocket_opened)
            writing = asyncio.ensure_future(write(websocket, answer))
            try:
                async for message in websocket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        answer.tell(answer.session.websocket_text, message.data)
            except asyncio.CancelledError:
                abort()  # or leaving the block would wait for the other side to close, too
                raise
            finally:
                writing.cancel()
            code = websocket.close_code
            answer.tell(answer.session.websocket_closed, 1006 if code is None else code, "")
    except aiohttp.WSServerHandshakeError as error:
        tell_head(answer, error.status, error.headers or {})
        answer.tell(answer.session.response_ended)
    except UNMADE as error:
        raise ConnectError(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error


async def write(websocket: aiohttp.ClientWebSocketResponse, answer: Answer) -> None:
    """Send what the session gives, in order."""
    while True:
        command = await answer.outgoing.get()
        if isinstance(command, SendText):
            await websocket.send_str(command.text)
        else:
            await websocket.close(code=command.code)


def tell_head(answer: Answer, status: int, headers: Any) -> None:
    """Report the head of an answer."""
    told = [(name.lower(), value) for name, value in headers.items()]
    answer.tell(answer.session.response_started, status, told)
