"""The bytes door over plain sockets: one thread and one selector, for ``http`` addresses.

A name is looked up while everything waits; whoever needs more than addresses and ``localhost`` does that on a thread.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator

from gradproto import ConnectError, Event, ReadError, TransportError
from gradproto.wire import Close, Connect, Send, SendFile, WireClient

from .files import pieces_of

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


def drive(client: WireClient, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the wire client asks for, until ``on_event`` returns True."""
    connections: dict[int, Connection] = {}
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                client.tick(time.monotonic())
                while (action := client.next_action()) is not None:
                    if isinstance(action, Connect):
                        connections[action.connection] = Connection(client, action, selector)
                    elif isinstance(action, Close):
                        connections.pop(action.connection).close()
                    else:
                        connections[action.connection].send(action)
                if (event := client.next_event()) is not None:
                    if on_event(event):
                        return
                    continue
                due = client.next_deadline()
                for key, mask in selector.select(None if due is None else max(0.0, due - time.monotonic())):
                    key.data.ready(mask)
        finally:
            for connection in connections.values():
                connection.close()


class Connection:
    """One socket that never blocks."""

    def __init__(self, client: WireClient, action: Connect, selector: selectors.BaseSelector) -> None:
        self._client = client
        self._number = action.connection
        self._selector = selector
        self._open = False
        # Bytes of a file have True with them: their progress is reported.
        self._outgoing: deque[tuple[memoryview, bool] | Iterator[bytes]] = deque()
        self._socket = socket.socket(socket.AF_INET6 if ":" in action.host else socket.AF_INET)
        self._socket.setblocking(False)
        self._selector.register(self._socket, WRITE, self)
        if action.tls:
            self._lost(ConnectError("this example has no TLS"))
            return
        try:
            self._socket.connect((action.host, action.port))
        except BlockingIOError:
            pass  # it goes on, and then the socket can be written to
        except OSError as error:
            self._lost(ConnectError(str(error)))

    def send(self, action: Send | SendFile) -> None:
        """Write, after what is to be written already."""
        self._outgoing.append((memoryview(action.data), False) if isinstance(action, Send) else pieces_of(action.file))
        self._watch()

    def close(self) -> None:
        """Forget it."""
        self._unwatch()
        self._socket.close()

    def ready(self, mask: int) -> None:
        """Do what the socket can do now."""
        try:
            if not self._open:
                self._connected()
            elif mask & READ:
                self._read()
            else:
                self._write()
        except TransportError as error:
            self._lost(error)

    def _connected(self) -> None:
        failure = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            raise ConnectError(f"the connection could not be made: error {failure}")
        self._open = True
        self._client.connection_made(self._number)
        self._watch()

    def _read(self) -> None:
        try:
            data = self._socket.recv(64 * 1024)
        except BlockingIOError:
            return  # what was there is gone: a kernel may be wrong about that
        except OSError as error:
            raise ReadError(str(error)) from error
        if not data:
            self._unwatch()
        self._client.receive_data(self._number, data)

    def _write(self) -> None:
        item = self._outgoing.popleft()
        if not isinstance(item, tuple):
            if piece := next(item, b""):
                self._outgoing.extendleft([item, (memoryview(piece), True)])
            return self._watch()
        data, of_file = item
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0  # as above
        except OSError:
            self._outgoing.clear()  # what fails here is told when there is nothing left to read
            return self._watch()
        if data[sent:]:
            self._outgoing.appendleft((data[sent:], of_file))
        if of_file and sent:
            self._client.file_sent(self._number, sent)
        return self._watch()

    def _watch(self) -> None:
        if self._open and self._socket in self._selector.get_map():
            self._selector.modify(self._socket, READ | (WRITE if self._outgoing else 0), self)

    def _unwatch(self) -> None:
        if self._socket.fileno() >= 0 and self._socket in self._selector.get_map():
            self._selector.unregister(self._socket)

    def _lost(self, error: TransportError) -> None:
        self._unwatch()
        self._client.connection_lost(self._number, error)
