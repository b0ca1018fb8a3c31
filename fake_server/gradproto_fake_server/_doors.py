"""A port of this machine at which clients are let in, or refused for a while."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

from ._site import Connected

__all__ = ["Door"]

_BACKLOG = 1024


class Door:
    """A socket that listens, and whom its clients are connected to."""

    __slots__ = ("_family", "address", "connect", "is_watched", "listens", "socket", "url")

    def __init__(self, host: str, port: int, connect: Callable[[], Connected], *, scheme: str = "http") -> None:
        """Listen; ``port`` 0 takes any free one. Raises ``OSError`` if the address cannot be had."""
        if not host:  # to the system it is any address, of which no URL can be made
            raise OSError(errno.EADDRNOTAVAIL, "an empty address is none; 0.0.0.0 is all of this machine's")
        self.connect: Callable[[], Connected] = connect
        """Makes the connection of a client."""
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket: socket.socket = socket.create_server((host, port), family=self._family, backlog=_BACKLOG)
        self.socket.setblocking(False)
        self.listens: bool = True
        self.is_watched: bool = False
        """Whether the shell waits for clients here."""
        bound: int = self.socket.getsockname()[1]
        self.address: tuple[str, int] = (host, bound)
        self.url: str = f"{scheme}://[{host}]:{bound}" if ":" in host else f"{scheme}://{host}:{bound}"

    def shut(self) -> None:
        """Refuse clients, also those that wait to be accepted, but keep the port: the system gives it to nobody."""
        self.listens = False
        self.socket.close()
        self.socket = socket.socket(self._family)
        self.socket.setblocking(False)
        if os.name == "posix":  # elsewhere the option lets two listen at one port
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.bind(self.address)

    def open(self) -> None:
        """Listen again."""
        self.listens = True
        self.socket.listen(_BACKLOG)
