"""What ``gradproto record`` does with a conversation, without a socket: pass it on, and write it down.

A recording has one JSON object a line, as ``spec/recordings/README.md`` says. Those that are made here have more:

===============  ==========================================================================================
``recording``    the first line, without a connection: the ``upstream``, whether ``secrets`` are ``hidden`` or
                 ``kept``, the ``started`` date in seconds since 1970, and the version of ``gradproto``
``rewritten``    the headers of the request before it that the server got otherwise than the client sent them:
                 their new values, and ``null`` for those that it did not get
``by``           ``proxy``: the bytes are not the server's, which could not be reached
===============  ==========================================================================================

Secrets become as many asterisks. To be able to find them, the server is asked not to compress what it sends.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from gradproto import __version__
from gradproto._headers import check_headers
from gradproto._record import field, record
from gradproto._urls import host_header, origin, parse_src

from ._framing import Head, Part, RequestFraming, ResponseFraming, SocketFraming
from ._secrets import HIDDEN, SECRET_HEADERS, SecretFilter

__all__ = ["HostHeader", "RecordedConnection", "Recorder", "Upstream", "read_bytes"]

HostHeader = Literal["auto", "client", "upstream"]
Direction = Literal["c2s", "s2c"]

_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LOCAL = re.compile(r"localhost|[0-9.]+|.*:.*")


@record(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The server that is recorded."""

    url: str
    host: str
    port: int
    tls: bool
    host_header: str
    keeps_host: bool
    """Whether the server hears the ``Host`` that the client sends, which is the proxy's own address."""

    @classmethod
    def of(cls, url: str, host: HostHeader = "auto") -> Upstream:
        """Take the address of an app as people give it.

        From the ``Host`` Gradio makes the URLs that it sends. So the client's own is passed on, with which they lead
        through the proxy; but a server of many names, which is found over TLS or by a name, would not know it.

        Raises :class:`ArgumentError`.
        """
        base = parse_src(url)
        scheme, name, port = origin(base)
        keeps = host == "client" or (host == "auto" and scheme == "http" and _LOCAL.fullmatch(name) is not None)
        return cls(
            url=base, host=name, port=port, tls=scheme == "https", host_header=host_header(base), keeps_host=keeps
        )

    @property
    def path(self) -> str:
        """The path that its addresses begin with, without a slash at the end."""
        return "/".join(["", *self.url.split("/")[3:]])


@record(frozen=True, slots=True, kw_only=True)
class _Change:
    """A header that is set, or not sent with ``None``."""

    name: str
    value: str | None = field(repr=False)


class Recorder:
    """Passes conversations on and writes them down, line by line, with ``write``.

    ``headers`` are sent with each request besides, or in place of the client's. With ``keep_secrets`` nothing is
    hidden. Times are in seconds, of any clock. Raises :class:`ArgumentError` for headers that cannot be sent.
    """

    def __init__(
        self,
        upstream: Upstream,
        write: Callable[[str], object],
        *,
        headers: Mapping[str, str] | None = None,
        keep_secrets: bool = False,
        started_at: float = 0.0,
        now: float = 0.0,
    ) -> None:
        self.upstream = upstream
        self.keep_secrets = keep_secrets
        self.headers: tuple[tuple[str, str], ...] = check_headers(headers)
        self.connections: int = 0
        self.requests: int = 0
        self._write = write
        self._began = now
        about: dict[str, Any] = {
            "upstream": upstream.url,
            "secrets": "kept" if keep_secrets else "hidden",
            "started": round(started_at, 3),
            "gradproto": __version__,
        }
        self._write_line({"recording": about})

    def connect(self, now: float) -> RecordedConnection:
        """A client has connected."""
        self.connections += 1
        connection = RecordedConnection(self, self.connections)
        self.write(connection.number, "c2s", now, open=True)
        return connection

    def write(self, number: int, direction: Direction, now: float, **what: Any) -> None:
        """Write one line."""
        self._write_line({"conn": number, "dir": direction, "t": round(now - self._began, 6), **what})

    def _write_line(self, line: dict[str, Any]) -> None:
        self._write(json.dumps(line, ensure_ascii=False) + "\n")

    def changes(self, head: Head) -> list[_Change]:
        """Return what of a request's head the server gets otherwise."""
        changes = [_Change(name=name, value=value) for name, value in self.headers]
        given = {name for name, _ in self.headers}
        if not self.upstream.keeps_host:
            changes.append(_Change(name="host", value=self.upstream.host_header))
            # What a proxy says of where its clients find the app; the server, or what stands before it, may listen.
            if host := head.get("host"):
                changes.append(_Change(name="x-forwarded-host", value=host))
            changes.append(_Change(name="x-forwarded-proto", value="http"))
        if not self.keep_secrets:
            if head.get("accept-encoding") not in ("", "identity"):
                changes.append(_Change(name="accept-encoding", value="identity"))
            if head.get("sec-websocket-extensions"):
                changes.append(_Change(name="sec-websocket-extensions", value=None))
        return [change for change in changes if change.name in given or head.get(change.name) != (change.value or "")]

    def shown(self, change: _Change) -> str | None:
        """Return the value as it is written down."""
        if change.value is None or self.keep_secrets:
            return change.value
        is_ours = any(change.name == name for name, _ in self.headers)
        return HIDDEN if is_ours or change.name in SECRET_HEADERS else change.value


class RecordedConnection:
    """One client's connection, and that to the server which belongs to it."""

    def __init__(self, recorder: Recorder, number: int) -> None:
        self.number = number
        self.requests: int = 0
        self._recorder = recorder
        self._requests = RequestFraming()
        self._responses = ResponseFraming()
        hides = not recorder.keep_secrets
        self._hidden_requests = _Hiding() if hides else None
        self._hidden_responses = _Hiding() if hides else None
        self._held = bytearray()  # a head that is not whole

    def from_client(self, data: bytes, now: float) -> bytes:
        """Take what the client sent, and return what the server is to get of it now."""
        parts = list(self._requests.feed(data))
        self._note("c2s", data, parts, self._hidden_requests, now)
        passed = bytearray()
        for part in parts:
            if part.kind == "head":
                self._held += part.data
                continue
            held = bytes(self._held)
            self._held.clear()
            if part.head is not None:
                self.requests += 1
                self._recorder.requests += 1
                self._responses.asked(part.head)
                passed += self._changed(part.head, held, now)
            else:
                passed += held + part.data
        if self._held and not self._requests.in_head:  # it is none
            passed += self._held
            self._held.clear()
        return bytes(passed)

    def from_server(self, data: bytes, now: float) -> bytes:
        """Take what the server sent, and return what the client is to get, which is the same."""
        parts = list(self._responses.feed(data))
        self._note("s2c", data, parts, self._hidden_responses, now)
        if any(part.head is not None and part.head.status == 101 for part in parts):
            self._requests.become_socket()
        return data

    def ended(self, direction: Direction, now: float, *, reset: bool = False) -> None:
        """One side has closed, or broke the connection."""
        self._recorder.write(self.number, direction, now, **{"reset" if reset else "eof": True})

    def unreachable(self, why: str, now: float) -> bytes:
        """The server cannot be reached: return what the client is told."""
        text = f"gradproto record cannot reach {self._recorder.upstream.url}: {why}\n".encode()
        said = (
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(text), text)
        )
        self._recorder.write(self.number, "s2c", now, **written(said), by="proxy")
        return said

    def _note(
        self, direction: Direction, data: bytes, parts: Sequence[Part], hidden: _Hiding | None, now: float
    ) -> None:
        kept = data if hidden is None else b"".join(map(hidden.take, parts))
        self._recorder.write(self.number, direction, now, **written(kept))

    def _changed(self, head: Head, data: bytes, now: float) -> bytes:
        changes = self._recorder.changes(head)
        if not changes:
            return data
        shown = {change.name: self._recorder.shown(change) for change in changes}
        self._recorder.write(self.number, "c2s", now, rewritten=shown)
        names = {change.name.encode() for change in changes}
        first, *lines = data.rstrip(b"\r\n").split(b"\n")
        kept = [line.rstrip(b"\r") for line in lines if line.partition(b":")[0].strip().lower() not in names]
        added = [f"{change.name}: {change.value}".encode("latin-1") for change in changes if change.value is not None]
        return b"\r\n".join([first.rstrip(b"\r"), *added, *kept, b"", b""])


class _Hiding:
    """Hides the secrets of one direction, part by part."""

    def __init__(self) -> None:
        self._head = SecretFilter()
        self._body: SecretFilter | None = SecretFilter()
        self._frames = SocketFraming()
        self._message = SecretFilter()

    def take(self, part: Part) -> bytes:
        """Return the part's bytes without secrets."""
        if part.head is not None:
            # What is compressed cannot be read, and so not be trusted.
            self._body = SecretFilter() if part.head.get("content-encoding") in ("", "identity") else None
            self._head = SecretFilter()
        elif part.kind == "head":
            return self._head.feed(part.data)
        elif part.kind == "body":
            return b"*" * len(part.data) if self._body is None else self._body.feed(part.data)
        elif part.kind == "socket":
            return self._take_frames(part.data)
        return part.data

    def _take_frames(self, data: bytes) -> bytes:
        taken: list[bytes] = []
        for part in self._frames.feed(data):
            if part.key is None or part.is_control:
                taken.append(part.data)
            else:
                taken.append(part.masked(self._message.feed(part.content)))
            if part.ends and not part.is_control:
                self._message = SecretFilter()
        return b"".join(taken)


def written(data: bytes) -> dict[str, str]:
    """Return bytes as a line of a recording has them."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}
    return {"b64": base64.b64encode(data).decode()} if _NO_TEXT.search(text) else {"text": text}


def read_bytes(line: dict[str, Any]) -> bytes:
    """Return the bytes of a line, none if it has none. Raises ``ValueError`` for what are none."""
    encoded, text = line.get("b64"), line.get("text")
    if isinstance(encoded, str):
        return base64.b64decode(encoded, validate=True)
    return text.encode() if isinstance(text, str) else b""
