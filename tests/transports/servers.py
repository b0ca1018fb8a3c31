"""Small servers that misbehave, in threads: a raw one, a relay that can cut, reset, hold and encrypt, an HTTP proxy."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

__all__ = ["HttpProxy", "Proxy", "RawServer", "unused_port"]


def unused_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RawServer:
    """Calls ``handler`` with each accepted socket, in a thread of its own; the socket is closed after that."""

    def __init__(self, handler: Callable[[socket.socket], None]) -> None:
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._start(self._accept)

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for opened in self._open:
                _shut(opened)
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(accepted)
            self._start(self._handle, accepted)

    def _handle(self, accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError):
            self._handler(accepted)
        with self._lock:
            self._open.discard(accepted)


class Proxy(RawServer):
    """Passes bytes on to ``target``. With ``tls`` it is a server with TLS, by the name of localhost.

    ``answers``: what it says itself to a request with this in its first line, before it closes; of the request it has
    read only what came in one piece. If ``resets``, that connection is reset then. ``answered`` is set when it is
    closed. With ``STUCK`` as the answer it says nothing, and reads nothing more; with ``LOST`` it passes the request
    on, and closes when the answer comes.
    """

    STUCK = b"stuck"
    LOST = b"lost"

    def __init__(
        self, target: str, *, tls: ssl.SSLContext | None = None, answers: dict[bytes, bytes] | None = None
    ) -> None:
        self.answers = answers or {}
        self.resets = False
        self.answered = threading.Event()
        self.got_stuck = threading.Event()
        self._ending = threading.Event()
        address = urlsplit(target)
        self._target = (address.hostname, address.port)
        self._tls = tls
        self._asked: dict[socket.socket, bytes] = {}
        super().__init__(self._pass_on)
        if tls is not None:
            self.url = f"https://localhost:{self.port}"

    def __exit__(self, *exc_info: object) -> None:
        self._ending.set()
        super().__exit__(*exc_info)

    def cut(self, asked: bytes, *, reset: bool = False) -> int:
        """Close all connections whose last request has ``asked`` in its first line; returns how many."""
        with self._lock:
            found = [client for client, last in self._asked.items() if asked in last.partition(b"\r\n")[0]]
        for client in found:
            if reset:
                _reset_when_closed(client)
            _shut(client)
        return len(found)

    def _answer_to(self, request: bytes) -> bytes | None:
        first = request.partition(b"\r\n")[0]
        return next((answer for asked, answer in self.answers.items() if asked in first), None)

    def _pass_on(self, client: socket.socket) -> None:
        if self._tls is not None:
            client = _accept_tls(client, self._tls)
            with self._lock:
                self._open.add(client)
        answer = None
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=_pump, args=(server, client))
            back.start()
            while data := client.recv(65536):
                with self._lock:
                    self._asked[client] = data
                answer = self._answer_to(data)
                if answer == self.STUCK:
                    self.got_stuck.set()
                    self._ending.wait()
                    break
                if answer == self.LOST:
                    _shut(client)
                    server.sendall(data)
                    back.join()
                    break
                if answer is not None:
                    client.sendall(answer)
                    if self.resets:
                        _reset_when_closed(client)
                    break
                server.sendall(data)
            _shut(server)
            back.join()
        if answer is not None:
            self.answered.set()
        with self._lock:
            self._asked.pop(client, None)
            self._open.discard(client)


class HttpProxy(RawServer):
    """An HTTP proxy; ``heads`` are those of the requests that it got, one for each connection.

    With ``answer`` it says that to every request, and closes; with ``asked`` it does so only to one with this in its
    first line. Whatever host is asked for, connections go to this machine. ``tunnel_to``: the port that all tunnels
    lead to. It forwards one request for each connection, and says so to the client only if ``announces``.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        answer: bytes | None = None,
        asked: bytes = b"",
        announces: bool = True,
    ) -> None:
        self.heads: list[bytes] = []
        self.answer = answer
        self.tunnel_to: int | None = None
        self._asked_for = asked
        self._announces = announces
        self._tls = tls
        super().__init__(self._serve)
        if tls is not None:
            self.url = f"https://localhost:{self.port}"

    def cut(self) -> int:
        """Close all connections; returns how many."""
        with self._lock:
            found = list(self._open)
        for opened in found:
            _shut(opened)
        return len(found)

    def _serve(self, client: socket.socket) -> None:
        if self._tls is not None:
            client = _accept_tls(client, self._tls)
            with self._lock:
                self._open.add(client)
        with client:
            self._answer(client)
        with self._lock:
            self._open.discard(client)

    def _answer(self, client: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            received = client.recv(65536)
            if not received:
                return
            data += received
        head, _, rest = data.partition(b"\r\n\r\n")
        self.heads.append(head)
        first = head.partition(b"\r\n")[0]
        if self.answer is not None and self._asked_for in first:
            client.sendall(self.answer)
            return
        method, target, _ = first.split(b" ")
        address = urlsplit(target.decode() if method != b"CONNECT" else f"//{target.decode()}")
        port = self.tunnel_to if method == b"CONNECT" and self.tunnel_to else address.port
        with socket.create_connection(("127.0.0.1", port or 80)) as server:
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\nProxy-Agent: test\r\n\r\n")
            else:
                own = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith(b"proxy-")]
                path = target.split(b"/", 3)[3]
                lines = [b"%s /%s HTTP/1.1" % (method, path), *own, b"Connection: close", b"", rest]
                server.sendall(b"\r\n".join(lines))
            back = threading.Thread(target=_pump, args=(server, client, not self._announces))
            back.start()
            with contextlib.suppress(OSError):
                while data := client.recv(65536):
                    server.sendall(data)
            _shut(server)
            back.join()


def _accept_tls(client: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    secure = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
    try:
        secure.do_handshake()
    except OSError:
        # Closing with something unread would reset the connection, and with it the alert that says what is wrong.
        with socket.socket(fileno=secure.detach()) as plain:
            while plain.recv(65536):
                pass
        raise
    return secure


def _pump(source: socket.socket, target: socket.socket, hides_close: bool = False) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if hides_close:
                data = re.sub(rb"(?i)connection: close\r\n", b"", data, count=1)
                hides_close = False
            target.sendall(data)
    _shut(target)


def _reset_when_closed(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
