"""The bytes door over asyncio's streams: a task for each connection, and one that drives."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable

from gradproto import ConnectError, Event, ReadError, WriteError
from gradproto.wire import Close, Connect, Send, SendFile, WireClient

from .files import pieces_of


def drive(client: WireClient, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the wire client asks for, until ``on_event`` returns True."""
    asyncio.run(main(client, on_event))


async def main(client: WireClient, on_event: Callable[[Event], bool]) -> None:
    """The same, in an event loop that is there already."""
    told = asyncio.Event()
    connections: dict[int, Connection] = {}
    tasks: set[asyncio.Task[None]] = set()  # those of connections that are closed end a little later
    try:
        while True:
            told.clear()
            client.tick(time.monotonic())
            while (action := client.next_action()) is not None:
                if isinstance(action, Connect):
                    made = connections[action.connection] = Connection(client, action, told)
                    tasks.add(made.task)
                    made.task.add_done_callback(tasks.discard)
                elif isinstance(action, Close):
                    connections.pop(action.connection).close()
                else:
                    connections[action.connection].outgoing.put_nowait(action)
            if (event := client.next_event()) is not None:
                if on_event(event):
                    return
                await asyncio.sleep(0)  # so that the network has its turn, too
                continue
            due = client.next_deadline()
            with contextlib.suppress(asyncio.TimeoutError):  # the time has come, of which the client is told
                await asyncio.wait_for(told.wait(), None if due is None else max(0.0, due - time.monotonic()))
    finally:
        for connection in connections.values():
            connection.close()
        await asyncio.gather(*tasks, return_exceptions=True)


class Connection:
    """One stream, from its opening to its end."""

    def __init__(self, client: WireClient, action: Connect, told: asyncio.Event) -> None:
        self.client = client
        self.action = action
        self.number = action.connection
        self.outgoing: asyncio.Queue[Send | SendFile] = asyncio.Queue()
        self.told = told
        self.write_error: OSError | None = None
        self.task = asyncio.ensure_future(self.run())

    def close(self) -> None:
        """Let the task end, and with it the stream."""
        self.task.cancel()

    async def run(self) -> None:
        """Connect, write and read."""
        tls = ssl.create_default_context() if self.action.tls else None
        try:
            reader, writer = await asyncio.open_connection(self.action.host, self.action.port, ssl=tls)
        except OSError as error:
            self.client.connection_lost(self.number, ConnectError(str(error)))
            self.told.set()
            return
        writing = asyncio.ensure_future(self.write(writer))
        try:
            self.client.connection_made(self.number)
            self.told.set()
            await self.read(reader)
            await asyncio.Event().wait()  # it is closed when the client says so, and not before
        finally:
            writing.cancel()
            writer.transport.abort()

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Report what comes, up to its end."""
        while True:
            try:
                data = await reader.read(64 * 1024)
            except OSError as error:
                self.client.connection_lost(self.number, ReadError(str(self.write_error or error)))
                self.told.set()
                return
            self.client.receive_data(self.number, data)
            self.told.set()
            if not data:
                return

    async def write(self, writer: asyncio.StreamWriter) -> None:
        """Write in order; what fails here is told when there is nothing left to read."""
        while True:
            action = await self.outgoing.get()
            try:
                if isinstance(action, Send):
                    writer.write(action.data)
                    await writer.drain()
                    continue
                for piece in pieces_of(action.file):
                    writer.write(piece)
                    await writer.drain()
                    self.client.file_sent(self.number, len(piece))
                    self.told.set()
            except WriteError as error:
                self.client.connection_lost(self.number, error)
                self.told.set()
                return
            except OSError as error:
                self.write_error = error
                return
