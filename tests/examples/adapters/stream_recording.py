"""The stream door of the sync client, with a stream that keeps what went over it, for ``http`` addresses.

With TLS the client takes the connection out of the socket that it is given, and its methods are not called any more.
"""

from __future__ import annotations

import socket
from typing import Any

CONVERSATION: list[tuple[str, bytes]] = []


class RecordingSocket(socket.socket):
    """A socket that notes what it sent and what it got."""

    def send(self, data: Any, flags: int = 0) -> int:
        sent = super().send(data, flags)
        CONVERSATION.append((">", bytes(memoryview(data)[:sent])))
        return sent

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        data = super().recv(bufsize, flags)
        CONVERSATION.append(("<", data))
        return data


def open_stream(host: str, port: int, tls: bool) -> socket.socket:
    """Connect."""
    plain = socket.create_connection((host, port))
    return RecordingSocket(plain.family, plain.type, plain.proto, plain.detach())
