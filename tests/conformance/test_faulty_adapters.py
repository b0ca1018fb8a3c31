"""Adapters with one fault each, which the check finds, and of which it names the obligation that is broken."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import pytest
import trio

from gradproto import (
    AbortExchange,
    ArgumentError,
    Command,
    ConnectError,
    Event,
    FilePart,
    GradprotoError,
    ReadError,
    Request,
    Session,
)
from gradproto._record import replace
from gradproto.testing import AdapterFailed, check_adapter, check_driver, check_stream
from gradproto.wire import WireClient
from tests.examples.adapters import bytes_trio, http_client_adapter, stream_recording, threaded
from tests.examples.adapters.threaded import Answer

OnEvent = Callable[[Event], bool]
Drive = Callable[[Session, OnEvent], None]

# A whole one needs a fraction of it, and those that hang are not waited for so long.
LIMIT = 5.0
HANG = 2.0


class Meddling:
    """An answer in whose way somebody stands."""

    def __init__(self, answer: Answer) -> None:
        self.__dict__["_answer"] = answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._answer, name, value)


def with_answers_of(kind: type[Meddling]) -> Drive:
    def perform(request: Request, answer: Answer) -> None:
        meddling: Any = kind(answer)
        http_client_adapter.perform(request, meddling)
        end = getattr(meddling, "end", None)
        if end is not None:
            end()

    return lambda session, on_event: threaded.drive(session, on_event, perform)


class Buffering(Meddling):
    """Tells of a body when it is whole."""

    def tell(self, fact: Any, *values: Any) -> None:
        if fact == self.session.response_data:
            self.__dict__.setdefault("kept", bytearray()).extend(values[0])
        else:
            self._answer.tell(fact, *values)

    def end(self) -> None:
        if kept := self.__dict__.get("kept"):
            self._answer.tell(self.session.response_data, bytes(kept))


class Dropping(Meddling):
    """Forgets the last bytes of what is longer than one read."""

    def tell(self, fact: Any, *values: Any) -> None:
        if fact == self.session.response_data:
            found = self.__dict__["read"] = self.__dict__.get("read", 0) + len(values[0])
            if found > 65536 and len(values[0]) < 65536:
                return
        self._answer.tell(fact, *values)


class OnTheWrongThread(Meddling):
    """Reports progress where it happens."""

    def tell(self, fact: Any, *values: Any) -> None:
        if fact == self.session.body_sent:
            fact(self.number, *values)
        else:
            self._answer.tell(fact, *values)

    def body(self, request: Request) -> Any:
        return Answer.body(cast(Answer, self), request)


class Greedy(Meddling):
    """Reads as fast as it can, whoever waits."""

    def tell(self, fact: Any, *values: Any) -> None:
        self.room.release()
        self._answer.tell(fact, *values)


class AtOnce(Meddling):
    """Reads files whole."""

    def body(self, request: Request) -> Any:
        for part in request.body:
            source: Any = part.source if isinstance(part, FilePart) else None
            yield part if isinstance(part, bytes) else source.read(part.size)


class Trusting(Meddling):
    """Takes any end for a good one."""

    def tell(self, fact: Any, *values: Any) -> None:
        if fact == self.session.response_started:
            self.__dict__["begun"] = True
        self._answer.tell(fact, *values)


def trusts(session: Session, on_event: OnEvent) -> None:
    def perform(request: Request, answer: Answer) -> None:
        meddling: Any = Trusting(answer)
        try:
            http_client_adapter.perform(request, meddling)
        except ReadError:
            if "begun" not in meddling.__dict__:
                raise

    threaded.drive(session, on_event, perform)


def is_deaf(session: Session, on_event: OnEvent) -> None:
    def perform(request: Request, answer: Answer) -> None:
        try:
            http_client_adapter.perform(request, answer)
        except ReadError:
            pass
        else:
            if "/queue/data" not in request.url:
                return
        raise threaded.Aborted

    threaded.drive(session, on_event, perform)


def reuses_what_is_over(session: Session, on_event: OnEvent) -> None:
    idle: list[http.client.HTTPConnection] = []

    def perform(request: Request, answer: Answer) -> None:
        url = urlsplit(request.url)
        connection = idle.pop() if idle else http.client.HTTPConnection(url.hostname or "", url.port)
        try:
            if connection.sock is None:
                connection.connect()
            sock = connection.sock
            answer.can_be_shut(lambda: http_client_adapter.shut(sock))
            http_client_adapter.send(connection, request, answer)
            http_client_adapter.receive(connection, answer)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ReadError(repr(error)) from error
        except BaseException:
            connection.close()
            raise
        idle.append(connection)

    try:
        threaded.drive(session, on_event, perform)
    finally:
        for connection in idle:
            connection.close()


def leaves_a_thread(session: Session, on_event: OnEvent) -> None:
    threading.Thread(target=WAITING.wait, daemon=True).start()
    http_client_adapter.drive(session, on_event)


WAITING = threading.Event()


@pytest.fixture(scope="module", autouse=True)
def _nobody_waits() -> Iterator[None]:
    yield
    WAITING.set()


def between(**methods: Callable[..., Any]) -> Drive:
    """Return an adapter between which and the session somebody stands."""

    class Between:
        def __init__(self, session: Session) -> None:
            self._session = session

        def __getattr__(self, name: str) -> Any:
            if name in methods:
                return lambda *values: methods[name](self._session, *values)
            return getattr(self._session, name)

    def drive(session: Session, on_event: OnEvent) -> None:
        meddling: Any = Between(session)
        http_client_adapter.drive(meddling, on_event)

    return drive


def takes_a_refusal_for_a_cut(session: Session, exchange: int, error: GradprotoError) -> None:
    session.exchange_failed(exchange, ReadError(error.message) if isinstance(error, ConnectError) else error)


def follows_redirects(session: Session, on_event: OnEvent) -> None:
    def perform(request: Request, answer: Answer) -> None:
        meddling: Any = Following(answer)
        http_client_adapter.perform(request, meddling)
        if to := meddling.__dict__.get("to"):
            http_client_adapter.perform(replace(request, url=urljoin(request.url, to)), answer)

    threaded.drive(session, on_event, perform)


class Following(Meddling):
    """Tells nothing of an answer that leads elsewhere."""

    def tell(self, fact: Any, *values: Any) -> None:
        if fact == self.session.response_started and values[0] == 307:
            self.__dict__["to"] = dict(values[1])["location"]
        if "to" not in self.__dict__:
            self._answer.tell(fact, *values)


def tries_again(session: Session, on_event: OnEvent) -> None:
    def perform(request: Request, answer: Answer) -> None:
        try:
            http_client_adapter.perform(request, answer)
        except ReadError:
            http_client_adapter.perform(request, answer)

    threaded.drive(session, on_event, perform)


def one_at_a_time(session: Session, on_event: OnEvent) -> None:
    turn = threading.Lock()

    def perform(request: Request, answer: Answer) -> None:
        if "heartbeat" in request.url:
            raise threaded.Aborted
        while not turn.acquire(timeout=0.05):
            if answer.aborted:
                raise threaded.Aborted
        try:
            http_client_adapter.perform(request, answer)
        finally:
            turn.release()

    threaded.drive(session, on_event, perform)


def goes_on(session: Session, on_event: OnEvent) -> None:
    def once_more(event: Event) -> bool:
        return on_event(event) and (on_event(event) or True)

    http_client_adapter.drive(session, once_more)


def aborts_nothing(session: Session) -> Command | None:
    command = session.next_command()
    return session.next_command() if isinstance(command, AbortExchange) else command


def fails_twice(session: Session) -> Command | None:
    command = session.next_command()
    if isinstance(command, AbortExchange):
        for _ in range(2):
            session.exchange_failed(command.exchange, ReadError("aborted"))
    return command


FAULTS: Sequence[tuple[str, Drive, str, list[str]]] = [
    ("buffers the stream", with_answers_of(Buffering), "SESSION-5", ["predict", "step by step", "files"]),
    ("drops the last bytes", with_answers_of(Dropping), "SESSION-4", ["predict", "files", "framings", "cut answers"]),
    ("forgets timers", between(next_deadline=lambda _: None), "SESSION-9", ["predict", "a pause"]),
    ("calls from two threads", with_answers_of(OnTheWrongThread), "SESSION-2", ["predict", "files", "side by side"]),
    ("loses backpressure", with_answers_of(Greedy), "SESSION-11", ["predict", "files", "a download that waits"]),
    ("reads files whole", with_answers_of(AtOnce), "SESSION-12", ["predict", "an upload that waits"]),
    ("swallows the end of a stream", is_deaf, "SESSION-7", ["side by side", "cut streams"]),
    ("takes any end for a good one", trusts, "SESSION-7", ["predict", "cut answers", "a cut file", "cut streams"]),
    ("reuses a dead connection", reuses_what_is_over, "SESSION-14", ["predict", "step by step", "a rest"]),
    ("tries calls again", tries_again, "SESSION-14", ["predict", "cut answers"]),
    ("never releases", leaves_a_thread, "SESSION-16", ["predict"]),
    ("carries out one at a time", one_at_a_time, "SESSION-13", ["predict", "side by side"]),
    ("follows redirects", follows_redirects, "SESSION-1", ["predict", "a redirect"]),
    ("hands on an event twice", goes_on, "SESSION-3", ["predict"]),
    (
        "takes a refusal for a cut",
        between(exchange_failed=takes_a_refusal_for_a_cut),
        "SESSION-8",
        ["predict", "a refused connection"],
    ),
    ("aborts nothing", between(next_command=aborts_nothing), "SESSION-10", ["predict", "an aborted download"]),
    ("reports an abort twice", between(next_command=fails_twice), "SESSION-6", ["predict", "an aborted download"]),
]


HANGING = {"buffers the stream", "forgets timers", "swallows the end of a stream"}


@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_the_check_names_the_obligation_that_an_adapter_breaks(fault: tuple[str, Drive, str, list[str]]) -> None:
    name, drive, broken, only = fault
    with pytest.raises(AdapterFailed) as caught:
        check_adapter(drive, websockets=False, only=only, limit=HANG if name in HANGING else LIMIT)
    assert caught.value.obligations == (broken,), str(caught.value)


def test_an_adapter_that_has_no_websockets_after_all_is_told_so() -> None:
    with pytest.raises(AdapterFailed) as caught:
        check_adapter(http_client_adapter.drive, only=["predict over WebSockets"], limit=LIMIT)
    assert caught.value.obligations == ("SESSION-15",), str(caught.value)


class DeafConnection(bytes_trio.Connection):
    """Never hears of an end."""

    async def read(self, stream: trio.abc.Stream) -> None:
        while data := await stream.receive_some(65536):
            self.client.receive_data(self.number, data)
            self.told.unpark()


class HastyConnection(bytes_trio.Connection):
    """Says that it is there twice."""

    async def open(self) -> trio.abc.Stream:
        stream = await super().open()
        self.client.connection_made(self.number)
        return stream


@pytest.mark.parametrize(
    ("kind", "scenario", "broken"),
    [(DeafConnection, "cut streams", "BYTES-7"), (HastyConnection, "predict", "BYTES-6")],
)
def test_the_check_names_the_obligation_that_a_driver_breaks(
    kind: type[bytes_trio.Connection], scenario: str, broken: str
) -> None:
    def drive(client: WireClient, on_event: OnEvent) -> None:
        trio.run(bytes_trio.main, client, on_event, kind)

    with pytest.raises(AdapterFailed) as caught:
        check_driver(drive, only=[scenario], limit=HANG)
    assert caught.value.obligations == (broken,), str(caught.value)


def test_the_check_names_the_obligation_that_a_stream_breaks() -> None:
    class Losing(stream_recording.RecordingSocket):
        def recv(self, bufsize: int, flags: int = 0) -> bytes:
            data = super().recv(bufsize, flags)
            return data[:-1] if len(data) > 60_000 else data

    def open_stream(host: str, port: int, tls: bool) -> socket.socket:
        plain = socket.create_connection((host, port))
        return Losing(plain.family, plain.type, plain.proto, plain.detach())

    with pytest.raises(AdapterFailed) as caught:
        check_stream(open_stream, only=["predict", "files"], limit=HANG)
    assert caught.value.obligations == ("STREAM-4",), str(caught.value)


async def is_async(session: Session, on_event: OnEvent) -> None:
    raise AssertionError("nobody awaits this")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": ["juggle"]}, "no scenarios: \\['juggle'\\]; there are predict, "),
        ({"only": []}, "no scenarios"),
        ({"only": "predict"}, "only is of type str"),
        ({"only": 5}, "only is of type int"),
        ({"only": iter(["predict", "juggle"])}, "no scenarios: \\['juggle'\\]"),
        ({"limit": 0}, "limit is 0"),
        ({"limit": float("nan")}, "limit is nan"),
        ({"limit": float("inf")}, "limit is inf"),
        ({"limit": "5"}, "limit is '5'"),
        ({"websockets": "no"}, "websockets is 'no'"),
        ({"drive": None}, "drive is of type NoneType"),
        ({"drive": is_async}, "drive is an async function or a generator"),
    ],
)
def test_what_a_check_cannot_do_is_said_before_anything_runs(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        check_adapter(**{"drive": http_client_adapter.drive, **options})


def test_a_check_of_streams_wants_a_client_and_a_function_that_opens_them_for_it() -> None:
    with pytest.raises(ArgumentError, match="client is 'twisted'"):
        check_stream(stream_recording.open_stream, client=cast(Any, "twisted"))
    with pytest.raises(ArgumentError, match="client is \\['sync'\\]"):
        check_stream(stream_recording.open_stream, client=cast(Any, ["sync"]))
    with pytest.raises(ArgumentError, match="open_stream is of type NoneType"):
        check_stream(cast(Any, None), client="trio")
    with pytest.raises(ArgumentError, match="open_stream is an async function"):
        check_stream(is_async)


def test_what_a_check_says_to_have_passed_may_be_asked_for_again() -> None:
    names = ("predict", "a WebSocket that cannot be")
    for only in (iter(["predict", "predict over WebSockets"]), names):
        assert check_adapter(http_client_adapter.drive, websockets=False, only=cast(Any, only)).passed == names
    assert check_driver(bytes_trio.drive, only=names).left_out == names[1:]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for one thread")
def test_whoever_interrupts_a_check_ends_its_adapter_too() -> None:
    main = threading.main_thread()

    def interrupts(session: Session, on_event: OnEvent) -> None:
        assert main.ident is not None
        signal.pthread_kill(main.ident, signal.SIGINT)
        while True:
            session.tick(time.monotonic())

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        check_adapter(interrupts, websockets=False)
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


def test_an_adapter_that_raises_or_returns_too_early_is_told_so() -> None:
    def raises(session: Session, on_event: OnEvent) -> None:
        raise ConnectError("no network")

    for drive, broken, seen in [
        (raises, "SESSION-8", "it raised ConnectError: no network"),
        (lambda session, on_event: None, "SESSION-1", "but it returned before that"),
    ]:
        with pytest.raises(AdapterFailed, match=seen) as caught:
            check_adapter(drive, websockets=False)
        assert caught.value.obligations == (broken,)
        assert re.search(r"The other \d+ scenarios were not tried", str(caught.value))
