"""What a session asked for, held against what the server got: at the session door nothing is to be added to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote, urlsplit

from gradproto import OpenWebSocket, Request
from gradproto_fake_server import RequestRecord

from ._obligations import Duty

__all__ = ["Asked"]

# `Connection` is about the connection, and so the business of whoever has it.
_FREE = frozenset({"connection", "content-length", "host"})


class Asked:
    """The requests of one session."""

    def __init__(self) -> None:
        self._requests: dict[int, Request] = {}
        self._unsent: set[int] = set()
        self._websockets: list[OpenWebSocket] = []

    def add(self, exchange: int, request: Request) -> None:
        """Note a request that was asked for."""
        self._requests[exchange] = request

    def add_websocket(self, command: OpenWebSocket) -> None:
        """Note a WebSocket that was asked for, of which the library has much of the handshake to itself."""
        self._websockets.append(command)

    def not_sent(self, exchange: int) -> None:
        """Note that the server is said not to have seen it."""
        self._unsent.add(exchange)

    def differences(self, records: Iterable[RequestRecord]) -> Iterator[tuple[Duty, str]]:
        """Tell what the server got that was not asked for, or not in that way."""
        got: dict[tuple[str, str, str], list[RequestRecord]] = {}
        for record in records:
            if "upgrade" in dict(record.headers):
                yield from self._compare_handshake(record)
            elif record.method:
                got.setdefault((record.method, record.path, record.query), []).append(record)
        for key, same in got.items():
            asked = [number for number, request in self._requests.items() if _key(request) == key]
            yield from self._compare(f"{key[0]} {key[1]}", [self._requests[number] for number in asked], same)
            unsent = [number for number in asked if number in self._unsent]
            if unsent and len(same) > len(asked) - len(unsent):
                yield "errors", f"exchange {unsent[0]} was said to have met a ConnectError, and the server had got it"

    def _compare_handshake(self, record: RequestRecord) -> Iterator[tuple[Duty, str]]:
        lost: list[list[str]] = [
            [name for name, value in command.headers if (name.lower(), value) not in record.headers]
            for command in self._websockets
        ]
        if lost and (least := min(lost, key=len)):
            yield "obey", f"a WebSocket was opened without the headers {', '.join(least)} as they were asked for"

    def _compare(self, what: str, asked: list[Request], got: Sequence[RequestRecord]) -> Iterator[tuple[Duty, str]]:
        most = sum(2 if request.safe_to_repeat else 1 for request in asked)
        if not asked:
            yield "obey", f"{what} was sent, and nobody asked for it, or with another query"
            return
        if len(got) > most:
            yield "reuse", f"{what} was sent {len(got)} times, and asked for {len(asked)} times"
        for record in got:
            # A repetition is like one of them, whichever.
            found = [list(_differences(request, record)) for request in asked]
            best = min(found, key=len)
            if best:
                yield "obey", f"{what} was sent with {', '.join(best)}"


def _key(request: Request) -> tuple[str, str, str]:
    url = urlsplit(request.url)
    return request.method, unquote(url.path) or "/", url.query


def _differences(request: Request, record: RequestRecord) -> Iterator[str]:
    wanted = Counter((name.lower(), value) for name, value in request.headers)
    given = Counter((name, value) for name, value in record.headers if name not in _FREE)
    # Names only: what they say may be secret.
    for name, _ in given - wanted:
        yield f"a header {name!r} that was not asked for"
    for name, _ in wanted - given:
        yield f"no header {name!r} as it was asked for"
    hosts = [value for name, value in record.headers if name == "host"]
    if hosts != [urlsplit(request.url).netloc]:
        yield f"the hosts {hosts!r:.80}"
    sizes = [value for name, value in record.headers if name == "content-length"]
    if sizes != ([str(request.body_size)] if request.body or request.method == "POST" else []):
        yield f"the content lengths {sizes!r:.80}, and its body has {request.body_size} bytes"
