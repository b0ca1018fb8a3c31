"""What the examples of adapters do where no check of whole conversations gets to."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from gradproto import ConnectError, Event, FilePart, OpenWebSocket, ReadError, Request, Session, Timeouts, WriteError
from gradproto.wire import Connect, WireClient

from .adapters import (
    aiohttp_adapter,
    bytes_trio,
    http_client_adapter,
    requests_adapter,
    tasks,
    threaded,
    urllib3_adapter,
)
from .adapters.files import pieces_of

# The end of a wait for what never comes if the adapter is wrong.
PATIENCE = 5.0
# A request that fails before anything is told has nobody to tell it to.
NOBODY: Any = None


def drive_tasks(session: Session, on_event: Callable[[Event], bool], perform: tasks.Perform) -> None:
    """Let an adapter for asyncio work."""
    asyncio.run(tasks.drive(session, on_event, perform))


def late_answer(told: asyncio.Event | None = None) -> tasks.Answer:
    """Return an answer that may tell whatever it likes: the session is closed, and facts come late."""
    session = Session("http://127.0.0.1:1", entropy=bytes)
    session.connect()
    session.close()
    return tasks.Answer(session, 0, told or asyncio.Event())


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts, says nothing, and closes when nothing comes for a while."""

    def serve() -> None:
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE)
        with connection, contextlib.suppress(OSError):
            while connection.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.fixture
def garbled() -> Iterator[int]:
    """The port of a server that answers to TLS with something else."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"no TLS here\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_handshake_that_never_ends_is_given_up(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client_adapter, "CONNECT_SECONDS", 0.1)
    request = Request(method="GET", url=f"https://127.0.0.1:{silent}/config")
    with pytest.raises(ConnectError, match="timed out"):
        http_client_adapter.perform(request, NOBODY)


@pytest.fixture(params=["http.client", "urllib3", "requests"])
def perform(request: pytest.FixtureRequest) -> Iterator[threaded.Perform]:
    """What sends a request with a library that blocks."""
    if request.param == "http.client":
        yield http_client_adapter.perform
    elif request.param == "urllib3":
        manager = urllib3_adapter.make_manager()
        yield partial(urllib3_adapter.perform, manager)
        urllib3_adapter.close(manager)
    else:
        adapter = requests_adapter.make_adapter()
        yield partial(requests_adapter.perform, adapter)
        urllib3_adapter.close(adapter.poolmanager)


def test_a_handshake_that_fails_is_no_failure_of_reading(garbled: int, perform: threaded.Perform) -> None:
    with pytest.raises(ConnectError, match="SSL"):
        perform(Request(method="GET", url=f"https://127.0.0.1:{garbled}/config"), NOBODY)


@pytest.mark.trio
async def test_a_stream_whose_handshake_fails_is_closed() -> None:
    ended = trio.Event()

    async def serve(stream: trio.abc.Stream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"no TLS here\r\n")
            with contextlib.suppress(trio.BrokenResourceError):
                async for _ in stream:
                    pass
            ended.set()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        client = WireClient(Session(f"https://127.0.0.1:{port}", entropy=bytes), entropy=bytes)
        action = Connect(connection=0, host="127.0.0.1", port=port, tls=True)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await bytes_trio.Connection(client, action, trio.lowlevel.ParkingLot()).open()
        assert "SSL" in bytes_trio.reason_of(caught.value)
        with trio.fail_after(PATIENCE):
            await ended.wait()
        nursery.cancel_scope.cancel()


def test_a_websocket_that_is_aborted_does_not_wait_for_the_other_side() -> None:
    async def main() -> bytes:
        rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            wire = WSConnection(ConnectionType.SERVER)
            wire.receive_data(await reader.readuntil(b"\r\n\r\n"))
            writer.write(wire.send(AcceptConnection()))
            try:
                rest.set_result(await reader.read())
            except ConnectionResetError:
                rest.set_result(b"")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1")
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/queue/join"
        opened = asyncio.Event()
        answer = late_answer(opened)
        async with aiohttp.ClientSession(connector=aiohttp_adapter.Connector()) as client:
            answer.start(aiohttp_adapter.converse(client, OpenWebSocket(exchange=0, url=url), answer), ends=False)
            await opened.wait()
            answer.abort()
            with contextlib.suppress(asyncio.CancelledError):
                await answer.task
        server.close()
        return await rest

    assert asyncio.run(main()) == b""  # and no closing handshake, which would be waited for


def test_an_event_stream_is_not_asked_for_twice() -> None:
    async def main() -> list[bytes]:
        asked: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError):
                while (path := (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]) == b"/config":
                    asked.append(path)
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                asked.append(path)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1")
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with aiohttp.ClientSession(connector=aiohttp_adapter.Connector()) as client:
            for path in ("/config", "/queue/data"):
                task = asyncio.ensure_future(
                    aiohttp_adapter.perform(client, Request(method="GET", url=url + path), late_answer())
                )
                with contextlib.suppress(ReadError):
                    await task
        assert isinstance(task.exception(), ReadError)
        server.close()
        return asked

    assert asyncio.run(main()) == [b"/config", b"/queue/data"]


def mistaken(request: Request, answer: Any) -> None:
    raise RuntimeError("a mistake")


async def mistaken_later(request: Request, answer: Any) -> None:
    raise RuntimeError("a mistake")


@pytest.mark.parametrize(("drive", "perform"), [(threaded.drive, mistaken), (drive_tasks, mistaken_later)])
def test_what_nobody_expected_is_raised_and_not_swallowed(drive: Any, perform: Any) -> None:
    session = Session("http://127.0.0.1:1", entropy=bytes, timeouts=Timeouts(request=PATIENCE))
    session.connect()
    with pytest.raises(RuntimeError, match="a mistake"):
        drive(session, lambda event: True, perform)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("/nowhere/notes.txt", "cannot be opened: .*No such file"),
        (io.BytesIO(b"short"), "ended early"),
    ],
)
def test_a_file_that_cannot_be_sent_is_a_failure_of_writing(source: Any, why: str) -> None:
    with pytest.raises(WriteError, match=why):
        list(pieces_of(FilePart(source=source, size=10)))


def test_a_file_that_was_closed_is_a_failure_of_writing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("ten letters")
    with open(tmp_path / "notes.txt", "rb") as source:
        pieces = pieces_of(FilePart(source=source, size=10))
    with pytest.raises(WriteError, match=r"cannot be read: .*closed file"):
        next(pieces)
