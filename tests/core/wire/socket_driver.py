"""The smallest driver there can be: blocking sockets and one select."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from typing import BinaryIO, cast

from gradproto._errors import ConnectError, ReadError
from gradproto.wire import Connect, Send, SendFile, WireClient
from tests.core.wire.scripted import ScriptedSession

__all__ = ["SocketDriver"]


class SocketDriver:
    """Does what a wire client says, with plain TCP, until a test has what it wants."""

    def __init__(self, session: ScriptedSession) -> None:
        self.client = WireClient(session, entropy=os.urandom)
        self.sockets: dict[int, socket.socket] = {}
        self.connections_made = 0

    def run(self, until: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 30
        while True:
            self.obey()
            if until():
                return
            assert time.monotonic() < give_up, "nothing comes any more"
            numbers = {stream: number for number, stream in self.sockets.items()}
            for stream in select.select(list(numbers), [], [], 1)[0]:
                try:
                    data = stream.recv(65536)
                except OSError as error:
                    self.client.connection_lost(numbers[stream], ReadError(str(error)))
                else:
                    self.client.receive_data(numbers[stream], data)
            self.client.tick(time.monotonic())

    def close(self) -> None:
        self.client.close()
        self.obey()

    def obey(self) -> None:
        while (action := self.client.next_action()) is not None:
            number = action.connection
            try:
                if isinstance(action, Connect):
                    self.sockets[number] = socket.create_connection((action.host, action.port), 30)
                    self.connections_made += 1
                    self.client.connection_made(number)
                elif isinstance(action, Send):
                    self.sockets[number].sendall(action.data)
                elif isinstance(action, SendFile):
                    self.send_file(number, cast(BinaryIO, action.file.source), action.file.size)
                elif number in self.sockets:
                    self.sockets.pop(number).close()
            except OSError as error:
                if number not in self.sockets:
                    self.client.connection_lost(number, ConnectError(str(error)))
                # A write that fails is not the end: what the server said before may still be read.

    def send_file(self, number: int, source: BinaryIO, left: int) -> None:
        while left:
            piece = source.read(min(left, 65536))
            self.sockets[number].sendall(piece)
            self.client.file_sent(number, len(piece))
            left -= len(piece)
