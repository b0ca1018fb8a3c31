"""A WebSocket's server for the tests: it reads what the wire client wrote on a connection of a scripted network."""

from __future__ import annotations

import wsproto
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, Event, Request

from gradproto._commands import OpenWebSocket
from gradproto.wire import WireLimits
from tests.core.wire.scripted import Network

__all__ = ["ACCEPT", "ACCEPTED", "EOF", "SWITCH", "UPGRADE", "WS", "Server", "frame", "open_websocket", "opened"]

WS = "ws://app.test:7860/queue/join"
EOF = b""
ACCEPTED = AcceptConnection()
# What RFC 6455, section 4.2.2, makes of the key that the tests' entropy gives, as calculated by OpenSSL.
ACCEPT = b"Bz3qJYTGdOe8gUSpLosEdiLKDrk="
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
SWITCH = UPGRADE + b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"


class Server:
    """A WebSocket's server, which reads what the client wrote on a connection of the network."""

    def __init__(self, network: Network, connection: int = 0) -> None:
        self.network = network
        self.connection = connection
        self.ws = wsproto.WSConnection(ConnectionType.SERVER)
        self.read = 0

    def events(self) -> list[Event]:
        written = self.network.written[self.connection]
        self.ws.receive_data(written[self.read :])
        self.read = len(written)
        return list(self.ws.events())

    def accept(self) -> None:
        """Take the handshake for done, where a test did it by itself; what follows it is read from ``read`` on."""
        self.ws.send(ACCEPTED)

    def send(self, *events: Event) -> bytes:
        return b"".join(self.ws.send(event) for event in events)

    def says(self, *events: Event) -> None:
        self.network.feed(self.connection, [self.send(*events)])


def open_websocket(
    network: Network, exchange: int = 0, url: str = WS, headers: tuple[tuple[str, str], ...] = ()
) -> None:
    network.session.commands.append(OpenWebSocket(exchange=exchange, url=url, headers=headers))
    network.settle()


def opened(limits: WireLimits | None = None) -> tuple[Network, Server]:
    """Return a network with an open WebSocket, and its server."""
    network = Network(limits=limits)
    open_websocket(network)
    server = Server(network)
    assert [type(event) for event in server.events()] == [Request]
    server.says(ACCEPTED)
    assert network.session.facts == [("opened", 0)]
    network.session.facts.clear()
    return network, server


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """Return a frame as a server sends it."""
    size = len(payload)
    first = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        return first + bytes([size]) + payload
    if size < 65536:
        return first + b"\x7e" + size.to_bytes(2, "big") + payload
    return first + b"\x7f" + size.to_bytes(8, "big") + payload
