"""Adapters that are almost right: each does one small thing with requests, answers, files or events that it may not."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest

from gradproto import ConnectError, Event, FilePart, OpenWebSocket, ReadError, Request, Session
from gradproto.testing import AdapterFailed, check_adapter, check_driver
from gradproto.wire import WireClient
from tests.examples.adapters import aiohttp_adapter, bytes_sockets, http_client_adapter, tasks, threaded
from tests.examples.adapters.aiohttp_adapter import OWN_HEADERS
from tests.examples.adapters.files import pieces_of
from tests.examples.adapters.threaded import Answer

OnEvent = Callable[[Event], bool]
Drive = Callable[[Session, OnEvent], None]
Perform = Callable[[Request, Answer], None]
Tell = Callable[..., None]

# A whole one needs a fraction of it, and those that hang are not waited for so long.
LIMIT = 5.0
HANG = 2.0


class Meddling:
    """An answer whose facts go through somebody's hands, and of which somebody gives the body."""

    def __init__(
        self,
        answer: Answer,
        tell: Callable[..., None] | None = None,
        body: Callable[[Any, Request], Iterator[bytes]] | None = None,
    ) -> None:
        self._answer = answer
        self._tell = tell
        self._body = body or Answer.body

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)

    def tell(self, fact: Tell, *values: Any) -> None:
        if self._tell is None:
            self._answer.tell(fact, *values)
        else:
            self._tell(self._answer.tell, fact, *values)

    def body(self, request: Request) -> Iterator[bytes]:
        return self._body(cast(Any, self), request)


def over(perform: Perform) -> Drive:
    return lambda session, on_event: threaded.drive(session, on_event, perform)


def asking(change: Callable[[Request], Request]) -> Drive:
    """Return an adapter that changes requests."""
    return over(lambda request, answer: http_client_adapter.perform(change(request), answer))


def telling(tell: Callable[..., None]) -> Drive:
    """Return an adapter that changes what it tells: ``tell(on, fact, *values)`` tells it with ``on(fact, *values)``."""
    return over(lambda request, answer: http_client_adapter.perform(request, cast(Answer, Meddling(answer, tell))))


def of(name: str, change: Callable[..., Sequence[Any]]) -> Drive:
    """Return an adapter that changes the values of one fact."""

    def tell(on: Tell, fact: Tell, *values: Any) -> None:
        on(fact, *(change(*values) if fact.__name__ == name else values))

    return telling(tell)


def sending(body: Callable[[Any, Request], Iterator[bytes]]) -> Drive:
    """Return an adapter that gives other bodies."""
    return over(lambda r, answer: http_client_adapter.perform(r, cast(Answer, Meddling(answer, body=body))))


def without_header(name: str) -> Callable[[Request], Request]:
    return lambda request: replace(request, headers=tuple(pair for pair in request.headers if pair[0] != name))


def with_header(name: str, value: str) -> Callable[[Request], Request]:
    return lambda request: replace(request, headers=(*without_header(name)(request).headers, (name, value)))


def with_other_escapes(request: Request) -> Request:
    return replace(request, url=request.url.replace("+", "%20"))


def follows_redirects(request: Request, answer: Answer) -> None:
    leads_to: list[str] = []

    def tell(on: Tell, fact: Tell, *values: Any) -> None:
        if fact.__name__ == "response_started" and values[0] == 307:
            leads_to.append(urljoin(request.url, dict(values[1])["location"]))
        if not leads_to:
            on(fact, *values)

    http_client_adapter.perform(request, cast(Answer, Meddling(answer, tell)))
    if leads_to:
        http_client_adapter.perform(replace(request, url=leads_to[0]), answer)


def keeps_cookies(session: Session, on_event: OnEvent) -> None:
    kept: list[tuple[str, str]] = []

    def perform(request: Request, answer: Answer) -> None:
        def tell(on: Tell, fact: Tell, *values: Any) -> None:
            if fact.__name__ == "response_started":
                kept.extend(("cookie", value.partition(";")[0]) for name, value in values[1] if name == "set-cookie")
            on(fact, *values)

        request = replace(request, headers=(*request.headers, *kept))
        http_client_adapter.perform(request, cast(Answer, Meddling(answer, tell)))

    threaded.drive(session, on_event, perform)


def again(method: str) -> Drive:
    """Return an adapter that sends a request again when no answer came."""

    def perform(request: Request, answer: Answer) -> None:
        try:
            http_client_adapter.perform(request, answer)
        except ReadError:
            if request.method != method:
                raise
            http_client_adapter.perform(request, answer)

    return over(perform)


def sends_chunks(request: Request, answer: Answer) -> None:
    url = urlsplit(request.url)
    with closing(http.client.HTTPConnection(url.hostname or "", url.port)) as connection:
        connection.connect()
        sock = connection.sock
        answer.can_be_shut(lambda: http_client_adapter.shut(sock))
        target = f"/{request.url.partition('//')[2].partition('/')[2]}"
        body: Any = answer.body(request) if request.body else None
        try:
            connection.request(request.method, target, body, dict(request.headers), encode_chunked=bool(request.body))
            http_client_adapter.receive(connection, answer)
        except (OSError, http.client.HTTPException) as error:
            raise ReadError(repr(error)) from error


def decodes(request: Request, answer: Answer) -> None:
    told: list[bool] = []
    kept = bytearray()

    def tell(on: Tell, fact: Tell, *values: Any) -> None:
        if fact.__name__ == "response_started":
            told.extend(True for name, _ in values[1] if name == "content-encoding")
            values = values[0], [pair for pair in values[1] if pair[0] != "content-encoding"]
        if told and fact.__name__ == "response_data":
            kept.extend(values[0])
        else:
            on(fact, *values)

    http_client_adapter.perform(request, cast(Answer, Meddling(answer, tell)))
    if kept:
        answer.tell(answer.session.response_data, gzip.decompress(kept))


def merged(status: int, headers: Sequence[tuple[str, str]]) -> Sequence[Any]:
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return status, list(found.items())


def fails_for_errors(on: Tell, fact: Tell, *values: Any) -> None:
    if fact.__name__ == "response_started" and values[0] >= 400:
        raise ReadError(f"status {values[0]}")
    on(fact, *values)


def first_event(data: bytes) -> Sequence[Any]:
    return (data[: data.index(b"\n\n") + 2] if data.count(b"\n\n") > 1 and data.startswith(b"data:") else data,)


def trusts(header: str) -> Drive:
    """Return an adapter that takes any end for a good one, if the answer has that header."""

    def perform(request: Request, answer: Answer) -> None:
        names: list[str] = []

        def tell(on: Tell, fact: Tell, *values: Any) -> None:
            if fact.__name__ == "response_started":
                names.extend(name for name, _ in values[1])
            on(fact, *values)

        try:
            http_client_adapter.perform(request, cast(Answer, Meddling(answer, tell)))
        except ReadError:
            if header not in names or "/file=" not in request.url:
                raise

    return over(perform)


def raising(kind: type[ReadError] | type[ConnectError], when: type[ReadError] | type[ConnectError]) -> Drive:
    """Return an adapter that takes one failure for another."""

    def perform(request: Request, answer: Answer) -> None:
        try:
            http_client_adapter.perform(request, answer)
        except when as error:
            raise kind(str(error)) from error

    return over(perform)


def tells_all(request: Request, answer: Answer) -> None:
    try:
        http_client_adapter.perform(request, answer)
    except ConnectError as error:
        raise ConnectError(f"{error}: {request.headers}") from error


def tells_of_ends_only_after_bytes(request: Request, answer: Answer) -> None:
    came: list[bytes] = []

    def tell(on: Tell, fact: Tell, *values: Any) -> None:
        came.extend(values if fact.__name__ == "response_data" else ())
        on(fact, *values)

    http_client_adapter.perform(request, cast(Answer, Meddling(answer, tell)))
    if not came:
        raise threaded.Aborted


def aborts_at_the_end(request: Request, answer: Answer) -> None:
    class Deaf(Meddling):
        def can_be_shut(self, shut: Callable[[], object]) -> None:
            told: list[bool] = []

            def second() -> None:
                told.append(True)
                if len(told) > 1:
                    shut()

            self._answer.can_be_shut(second)

    is_file = "/file=" in request.url
    http_client_adapter.perform(request, cast(Answer, Deaf(answer)) if is_file else answer)


def limited(count: int, is_one: Callable[[Request], bool] = lambda _: True) -> Drive:
    """Return an adapter whose pool has so many connections."""

    def drive(session: Session, on_event: OnEvent) -> None:
        pool = threading.Semaphore(count)

        def perform(request: Request, answer: Answer) -> None:
            if not is_one(request):
                return http_client_adapter.perform(request, answer)
            answer.can_be_shut(pool.release)
            pool.acquire()
            try:
                http_client_adapter.perform(request, answer)
            finally:
                pool.release()

        threaded.drive(session, on_event, perform)

    return drive


def reads_on(answer: Any, request: Request) -> Iterator[bytes]:
    for part in request.body:
        if isinstance(part, FilePart):
            source: Any = part.source
            source.seek(part.start or 0)
            yield source.read()
        else:
            yield part


def stops_early(answer: Any, request: Request) -> Iterator[bytes]:
    for part in request.body:
        if isinstance(part, FilePart):
            source: Any = part.source
            source.seek(part.start or 0)
            yield source.read(part.size)
        else:
            yield part
    answer.tell(answer.session.body_sent, request.body_size)


def promises(answer: Any, request: Request) -> Iterator[bytes]:
    answer.tell(answer.session.body_sent, request.body_size)
    for part in request.body:
        yield from pieces_of(part) if isinstance(part, FilePart) else [part]


def tells_at_the_end(answer: Any, request: Request) -> Iterator[bytes]:
    yield from says_nothing(answer, request)
    answer.tell(answer.session.body_sent, request.body_size)


def counts_pieces(answer: Any, request: Request) -> Iterator[bytes]:
    for part in request.body:
        for piece in pieces_of(part) if isinstance(part, FilePart) else [part]:
            yield piece
            answer.tell(answer.session.body_sent, len(piece))


def says_nothing(answer: Any, request: Request) -> Iterator[bytes]:
    for part in request.body:
        yield from pieces_of(part) if isinstance(part, FilePart) else [part]


def from_its_first_byte(request: Request) -> Request:
    body = tuple(replace(part, start=0) if isinstance(part, FilePart) else part for part in request.body)
    return replace(request, body=body)


def with_events(take: Callable[[Session], Event | None]) -> Drive:
    """Return an adapter that takes the events in its own way."""

    class Between:
        def __init__(self, session: Session) -> None:
            self._session = session

        def __getattr__(self, name: str) -> Any:
            return partial(take, self._session) if name == "next_event" else getattr(self._session, name)

    def drive(session: Session, on_event: OnEvent) -> None:
        meddling: Any = Between(session)
        http_client_adapter.drive(meddling, on_event)

    return drive


def without_estimates(session: Session) -> Event | None:
    event = session.next_event()
    return session.next_event() if type(event).__name__ == "QueueEstimated" else event


def the_last_one(session: Session) -> Event | None:
    event = session.next_event()
    while (later := session.next_event()) is not None:
        event = later
    return event


REQUESTS: Sequence[tuple[str, Drive, str, list[str]]] = [
    ("adds a header", asking(with_header("x-requested-with", "me")), "SESSION-1", ["predict"]),
    ("wants it compressed", asking(with_header("accept-encoding", "gzip")), "SESSION-1", ["predict"]),
    ("is somebody else", asking(with_header("user-agent", "mine/1.0")), "SESSION-1", ["predict"]),
    ("leaves out a header", asking(without_header("x-gradio-user")), "SESSION-1", ["predict"]),
    ("escapes anew", asking(with_other_escapes), "SESSION-1", ["predict", "a redirect"]),
    ("sends chunks", over(sends_chunks), "SESSION-1", ["predict"]),
    ("follows redirects", over(follows_redirects), "SESSION-1", ["predict", "a redirect"]),
    ("keeps cookies", keeps_cookies, "SESSION-1", ["predict", "a redirect"]),
    ("decodes", over(decodes), "SESSION-1", ["predict", "a compressed answer"]),
    ("sends a GET again", again("GET"), "SESSION-7", ["predict", "a cut connection"]),
]
ANSWERS: Sequence[tuple[str, Drive, str, list[str]]] = [
    ("merges headers", of("response_started", merged), "SESSION-4", ["predict", "a redirect"]),
    ("has headers in a dict", of("response_started", lambda s, h: (s, dict(h))), "SESSION-4", ["predict"]),
    ("has the status in a str", of("response_started", lambda s, h: (str(s), h)), "SESSION-4", ["predict"]),
    ("has text for bytes", of("response_data", lambda d: (d.decode("latin-1"),)), "SESSION-4", ["predict"]),
    ("gives its own buffer", of("response_data", lambda d: (bytearray(d),)), "SESSION-4", ["predict"]),
    ("mends ends of lines", of("response_data", lambda d: (d.replace(b"\r\n", b"\n"),)), "SESSION-4", ["files"]),
    ("takes one event of a piece", of("response_data", first_event), "SESSION-4", ["predict", "events at once"]),
    ("fails for a status", telling(fails_for_errors), "SESSION-4", ["predict", "a pause"]),
    ("trusts chunks", trusts("transfer-encoding"), "SESSION-7", ["predict", "framings", "a cut file"]),
    ("trusts lengths", trusts("content-length"), "SESSION-7", ["predict", "framings", "a cut file"]),
    ("has no end for nothing", over(tells_of_ends_only_after_bytes), "SESSION-4", ["predict", "files"]),
    ("was never connected", raising(ConnectError, ReadError), "SESSION-8", ["predict", "cut answers"]),
    ("tells all", over(tells_all), "SESSION-8", ["predict", "a refused connection"]),
    ("was connected", raising(ReadError, ConnectError), "SESSION-8", ["predict", "a refused connection"]),
]
OTHERS: Sequence[tuple[str, Drive, str, list[str]]] = [
    ("reads on", sending(reads_on), "SESSION-12", ["predict", "files"]),
    ("stops early", sending(stops_early), "SESSION-12", ["predict", "a short file"]),
    ("begins at the first byte", asking(from_its_first_byte), "SESSION-12", ["predict", "files"]),
    ("promises", sending(promises), "SESSION-12", ["predict", "an upload that waits"]),
    ("tells at the end", sending(tells_at_the_end), "SESSION-12", ["predict", "side by side"]),
    ("counts pieces", sending(counts_pieces), "SESSION-12", ["predict", "files"]),
    ("says nothing of progress", sending(says_nothing), "SESSION-12", ["predict", "files"]),
    ("aborts at the end", over(aborts_at_the_end), "SESSION-10", ["predict", "an aborted request"]),
    (
        "posts one at a time",
        limited(1, lambda request: request.method == "POST"),
        "SESSION-13",
        ["predict", "side by side"],
    ),
    ("has ten connections", limited(10), "SESSION-13", ["predict", "many at once"]),
    ("has a hundred connections", limited(100), "SESSION-13", ["predict", "many at once"]),
    ("leaves out estimates", with_events(without_estimates), "SESSION-3", ["predict"]),
    ("has the last event only", with_events(the_last_one), "SESSION-3", ["predict", "events at once"]),
]
FAULTS = [*REQUESTS, *ANSWERS, *OTHERS]
HANGING = {
    "has no end for nothing",
    "stops early",
    "posts one at a time",
    "tells at the end",
    "has ten connections",
    "has a hundred connections",
    "has bytes for text",
}


@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_the_check_names_the_obligation_that_an_adapter_breaks(fault: tuple[str, Drive, str, list[str]]) -> None:
    name, drive, broken, only = fault
    with pytest.raises(AdapterFailed) as caught:
        check_adapter(drive, websockets=False, only=only, limit=HANG if name in HANGING else LIMIT)
    assert caught.value.obligations == (broken,), str(caught.value)


def conversing(change: Callable[[OpenWebSocket], OpenWebSocket] = lambda command: command, **facts: Any) -> Drive:
    """Return an adapter with WebSockets that changes what is asked for, and the values of facts."""

    async def converse(client: Any, command: OpenWebSocket, answer: tasks.Answer) -> None:
        class Between(tasks.Answer):
            def __init__(self) -> None:
                self.__dict__ = answer.__dict__

            def tell(self, fact: Tell, *values: Any) -> None:
                if fact.__name__ not in facts:
                    answer.tell(fact, *values)
                elif (found := facts[fact.__name__](answer.session, fact, *values)) is not None:
                    answer.tell(*found)

        await aiohttp_adapter.converse(client, change(command), Between())

    async def main(session: Session, on_event: OnEvent) -> None:
        async with aiohttp.ClientSession(
            connector=aiohttp_adapter.Connector(limit=0), auto_decompress=False, skip_auto_headers=OWN_HEADERS
        ) as client:
            perform = partial(aiohttp_adapter.perform, client)
            await tasks.drive(session, on_event, perform, partial(converse, client))
        await asyncio.sleep(0)

    return lambda session, on_event: asyncio.run(main(session, on_event))


WEBSOCKETS: Sequence[tuple[str, Drive, str, list[str]]] = [
    (
        "leaves out headers",
        conversing(lambda command: replace(command, headers=())),
        "SESSION-1",
        ["predict over WebSockets"],
    ),
    (
        "has bytes for text",
        conversing(websocket_text=lambda session, fact, text: (fact, text.encode())),
        "SESSION-15",
        ["predict over WebSockets"],
    ),
    (
        "fails for a refusal",
        conversing(
            response_started=lambda session, fact, *head: (session.exchange_failed, ReadError("refused")),
            response_ended=lambda session, fact: None,
        ),
        "SESSION-15",
        ["predict over WebSockets", "a refused WebSocket"],
    ),
]


@pytest.mark.parametrize("fault", WEBSOCKETS, ids=[fault[0] for fault in WEBSOCKETS])
def test_the_check_names_the_obligation_that_an_adapter_with_websockets_breaks(
    fault: tuple[str, Drive, str, list[str]],
) -> None:
    name, drive, broken, only = fault
    with pytest.raises(AdapterFailed) as caught:
        check_adapter(drive, only=["predict", *only], limit=HANG if name in HANGING else LIMIT)
    assert caught.value.obligations == (broken,), str(caught.value)


def driving(**methods: Callable[..., Any]) -> Callable[[WireClient, OnEvent], None]:
    """Return a driver between which and the wire client somebody stands."""

    class Between:
        def __init__(self, client: WireClient) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            return partial(methods[name], self._client) if name in methods else getattr(self._client, name)

    def drive(client: WireClient, on_event: OnEvent) -> None:
        meddling: Any = Between(client)
        bytes_sockets.drive(meddling, on_event)

    return drive


def sums_up() -> Callable[..., None]:
    sums: Counter[int] = Counter()

    def file_sent(client: WireClient, connection: int, sent: int) -> None:
        sums[connection] += sent
        client.file_sent(connection, sums[connection])

    return file_sent


def without_every_third() -> Callable[..., Event | None]:
    turns = itertools.count(1)

    def next_event(client: WireClient) -> Event | None:
        event = client.next_event()
        return client.next_event() if event is not None and not next(turns) % 3 else event

    return next_event


DRIVERS: Sequence[tuple[str, Callable[[WireClient, OnEvent], None], str, list[str]]] = [
    (
        "was never connected",
        driving(connection_lost=lambda c, n, e: c.connection_lost(n, ConnectError(str(e)))),
        "BYTES-8",
        ["cut answers"],
    ),
    (
        "takes another's number",
        driving(connection_lost=lambda c, n, e: c.connection_lost(n + 99, e)),
        "BYTES-6",
        ["cut answers"],
    ),
    (
        "has nothing for an end",
        driving(receive_data=lambda c, n, d: c.receive_data(n, d or None)),
        "BYTES-7",
        ["cut answers"],
    ),
    ("sums up", driving(file_sent=sums_up()), "BYTES-12", ["files", "side by side"]),
    ("loses events", driving(next_event=without_every_third()), "BYTES-3", ["files"]),
]


@pytest.mark.parametrize("fault", DRIVERS, ids=[fault[0] for fault in DRIVERS])
def test_the_check_names_the_obligation_that_a_driver_breaks(
    fault: tuple[str, Callable[[WireClient, OnEvent], None], str, list[str]],
) -> None:
    _, drive, broken, only = fault
    with pytest.raises(AdapterFailed) as caught:
        check_driver(drive, only=only, limit=LIMIT)
    assert caught.value.obligations == (broken,), str(caught.value)
