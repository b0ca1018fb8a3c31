"""The bytes door over trio: a task for each connection, and one that drives."""

from __future__ import annotations

import math
import ssl
from collections import deque
from collections.abc import Callable

import trio

from gradproto import ConnectError, Event, ReadError, WriteError
from gradproto.wire import Close, Connect, Send, SendFile, WireClient

from .files import pieces_of


def drive(client: WireClient, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the wire client asks for, until ``on_event`` returns True."""
    trio.run(main, client, on_event)


async def main(client: WireClient, on_event: Callable[[Event], bool], kind: type[Connection] | None = None) -> None:
    """The same, where trio runs already."""
    told = trio.lowlevel.ParkingLot()
    connections: dict[int, Connection] = {}
    async with trio.open_nursery() as nursery:
        while True:
            client.tick(trio.current_time())
            while (action := client.next_action()) is not None:
                if isinstance(action, Connect):
                    made = connections[action.connection] = (kind or Connection)(client, action, told)
                    nursery.start_soon(made.run)
                elif isinstance(action, Close):
                    connections.pop(action.connection).scope.cancel()
                else:
                    connections[action.connection].send(action)
            if (event := client.next_event()) is not None:
                if on_event(event):
                    nursery.cancel_scope.cancel()
                    return
                continue
            due = client.next_deadline()
            with trio.move_on_at(math.inf if due is None else due):
                await told.park()


class Connection:
    """One stream, from its opening to its end."""

    def __init__(self, client: WireClient, action: Connect, told: trio.lowlevel.ParkingLot) -> None:
        self.client = client
        self.action = action
        self.number = action.connection
        self.scope = trio.CancelScope()
        self.told = told
        self._outgoing: deque[Send | SendFile] = deque()
        self._more = trio.lowlevel.ParkingLot()
        self._write_error: Exception | None = None

    def send(self, action: Send | SendFile) -> None:
        """Write, after what is to be written already."""
        self._outgoing.append(action)
        self._more.unpark()

    async def run(self) -> None:
        """Connect, write and read, until the client says that it is closed."""
        with self.scope:
            try:
                stream = await self.open()
            except (OSError, trio.BrokenResourceError) as error:
                self.client.connection_lost(self.number, ConnectError(reason_of(error)))
                self.told.unpark()
                return
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.write, stream)
                    self.client.connection_made(self.number)
                    self.told.unpark()
                    await self.read(stream)
                    await trio.sleep_forever()
            finally:
                await trio.aclose_forcefully(stream)

    async def open(self) -> trio.abc.Stream:
        """Open the stream, with TLS where that is asked for."""
        plain = await trio.open_tcp_stream(self.action.host, self.action.port)
        if not self.action.tls:
            return plain
        context = ssl.create_default_context()
        secure = trio.SSLStream(plain, context, server_hostname=self.action.host, https_compatible=True)
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(plain)
            raise
        return secure

    async def read(self, stream: trio.abc.Stream) -> None:
        """Report what comes, up to its end."""
        while True:
            try:
                data = await stream.receive_some(64 * 1024)
            except trio.BrokenResourceError as error:
                self.client.connection_lost(self.number, ReadError(reason_of(self._write_error or error)))
                self.told.unpark()
                return
            self.client.receive_data(self.number, data)
            self.told.unpark()
            if not data:
                return

    async def write(self, stream: trio.abc.Stream) -> None:
        """Write in order; what fails here is told when there is nothing left to read."""
        try:
            while True:
                if not self._outgoing:
                    await self._more.park()
                    continue
                action = self._outgoing.popleft()
                if isinstance(action, Send):
                    await stream.send_all(action.data)
                    continue
                for piece in pieces_of(action.file):
                    await stream.send_all(piece)
                    self.client.file_sent(self.number, len(piece))
                    self.told.unpark()
        except trio.BrokenResourceError as error:
            self._write_error = error
        except WriteError as error:
            self.client.connection_lost(self.number, error)
            self.told.unpark()


def reason_of(error: Exception) -> str:
    """Say what happened: what trio raises for a stream has no text, and its cause has one."""
    return str(error) or str(error.__cause__ or type(error).__name__)
