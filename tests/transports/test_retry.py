"""What is tried again, seen from the server, and what is not; the same for every client."""

# ruff: noqa: ASYNC240 - looking at a file for a moment keeps nobody waiting here

from __future__ import annotations

import contextlib
import io
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto import (
    ArgumentError,
    ConnectError,
    ConnectionLostError,
    EndpointNotFoundError,
    GradprotoError,
    JobError,
    QueueFullError,
    RateLimitedError,
    ReadError,
    Retry,
    Status,
    StatusUpdate,
)
from gradproto_fake_server import FakeApp, FakeServer, RequestRecord, demo_app
from gradproto_transports.sync import Client
from tests.conftest import REAL_APP

from .backends import Backend
from .servers import Proxy, unused_port

ENDLESS = 1_000_000
SOON = Retry(times=3, first_delay=0)
PATIENT = Retry(times=1000, first_delay=0.01, factor=1, idempotent=True)
TWICE = Retry(times=3, first_delay=0, idempotent=True)
NEVER_MIND = Retry(times=3, first_delay=1e6, longest_delay=1e6)
JOIN = rb"POST [^ ]*/queue/join "
UPLOAD = rb"POST [^ ]*/upload"
FILE = rb"GET [^ ]*/file="
CONFIG = rb"GET /config "


def says(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    """Return a whole response after which the connection is closed."""
    lines = [b"HTTP/1.1 %d X" % status, b"content-length: %d" % len(body), b"connection: close", *headers]
    return b"\r\n".join([*lines, b"", body])


FULL = says(503, b'{"detail": "Queue is full. Max size is 1 and size is 1."}')
LIMITED = says(429, b"", b"retry-after: 0")


class Flaky(Proxy):
    """A proxy with faults, each of which comes once: answers of its own to requests that begin like a pattern."""

    def __init__(self, target: str, *faults: tuple[bytes, bytes]) -> None:
        self.faults = list(faults)
        self._begun: list[bytes] = []
        super().__init__(target)

    def count(self, pattern: bytes) -> int:
        """Return how many such requests came."""
        with self._lock:
            return sum(re.match(pattern, line) is not None for line in self._begun)

    def _answer_to(self, request: bytes) -> bytes | None:
        line = request.partition(b"\r\n")[0]
        with self._lock:
            self._begun.append(line)
            for fault in self.faults:
                if re.match(fault[0], line):
                    self.faults.remove(fault)
                    return fault[1]
        return None


class _Calls(logging.Handler):
    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__(logging.INFO)
        self._function = function
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        if len(self.said) == 1:
            self._function()


@contextlib.contextmanager
def at_first_retry(function: Callable[[], object] = lambda: None) -> Iterator[list[str]]:
    """Call a function when a client says that it tries again; gives the list of what it says."""
    logger = logging.getLogger("gradproto")
    handler = _Calls(function)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler.said
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def begins_anew(event: Any) -> Callable[[StatusUpdate], None]:
    """Return a callback that sets ``event`` when a job is at its beginning for the second time."""
    starts: list[StatusUpdate] = []

    def hear(update: StatusUpdate) -> None:
        if update.code is Status.STARTING:
            starts.append(update)
            if len(starts) == 2:
                event.set()

    return hear


def streams_of_jobs(app: FakeApp) -> list[RequestRecord]:
    """Return the open streams that are no heartbeats."""
    return [stream for stream in app.open_streams if stream.kind == "data"]


async def failure(job: Any) -> GradprotoError:
    """Wait for the end of a job that fails."""
    error = await job.exception()
    assert isinstance(error, GradprotoError)
    return error


# --- what certainly has not run


@pytest.mark.parametrize("fault", [FULL, LIMITED], ids=["full", "limited"])
async def test_a_join_that_was_refused_is_sent_again(backend: Backend, fake: FakeServer, fault: bytes) -> None:
    with Flaky(fake.url, (JOIN, fault), (JOIN, fault)) as proxy, at_first_retry() as said:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            job = await client.submit("Hello", api_name="/echo")
            assert await job.result() == "Hello"
            codes = [update.code for update in job.statuses()]
            assert codes[:3] == [Status.STARTING] * 3
            assert codes[-1] is Status.FINISHED
        assert proxy.count(JOIN) == 3
    assert len(said) == 2
    assert said[0].endswith("; trying again in 0 s")


@pytest.mark.parametrize(("fault", "kind"), [(FULL, QueueFullError), (LIMITED, RateLimitedError)])
async def test_without_a_retry_nothing_is_sent_again(
    backend: Backend, fake: FakeServer, fault: bytes, kind: type[GradprotoError]
) -> None:
    with Flaky(fake.url, (JOIN, fault)) as proxy:
        async with backend.open_client(proxy.url) as client:
            job = await client.submit("Hello", api_name="/echo")
            assert type(await failure(job)) is kind
        assert proxy.count(JOIN) == 1


async def test_the_last_error_says_how_often_it_was_tried(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url, *[(JOIN, FULL)] * 3) as proxy:
        async with backend.open_client(proxy.url, retry=Retry(times=2, first_delay=0)) as client:
            job = await client.submit("Hello", api_name="/echo")
            assert str(await failure(job)) == "Queue is full! Please try again. (given up after 3 tries)"
            assert job.status().code is Status.QUEUE_FULL
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"
        assert proxy.count(JOIN) == 4


async def test_a_server_that_starts_late_is_waited_for(backend: Backend) -> None:
    port = unused_port()
    servers: list[FakeServer] = []
    with at_first_retry(lambda: servers.append(FakeServer(demo_app(), port=port))) as said:
        async with backend.open_client(f"http://127.0.0.1:{port}", retry=PATIENT) as client:
            assert await client.predict("Hello", api_name="/echo") == "Hello"
    servers[0].close()
    assert "refused" in said[0]


async def test_a_server_that_never_starts_is_given_up(backend: Backend) -> None:
    with pytest.raises(ConnectError, match=r"given up after 4 tries"):
        async with backend.open_client(f"http://127.0.0.1:{unused_port()}", retry=SOON):
            pass


async def test_a_proxy_without_its_server_is_asked_again(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url, (CONFIG, says(502, b"<html>")), (CONFIG, says(503)), (CONFIG, b"")) as proxy:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            assert await client.predict("Hello", api_name="/echo") == "Hello"
        assert proxy.count(CONFIG) == 4


@pytest.mark.parametrize("fault", [says(503), LIMITED, b""], ids=["unavailable", "limited", "cut"])
async def test_an_upload_is_sent_again_from_where_the_file_stood(
    backend: Backend, fake: FakeServer, fault: bytes
) -> None:
    file = io.BytesIO(b"not this: but this")
    file.seek(10)
    with Flaky(fake.url, (UPLOAD, fault)) as proxy:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            result = await client.predict(file, api_name="/upper")
            assert Path(result).read_bytes() == b"BUT THIS"
        assert (proxy.count(UPLOAD), proxy.count(JOIN)) == (2, 1)


async def test_an_upload_that_is_done_is_not_done_again(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url, (JOIN, FULL)) as proxy:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            result = await client.predict(b"hello", api_name="/upper")
            assert Path(result).read_bytes() == b"HELLO"
        assert (proxy.count(UPLOAD), proxy.count(JOIN)) == (1, 2)


@pytest.mark.parametrize("fault", [says(503), LIMITED, b""], ids=["unavailable", "limited", "cut"])
async def test_a_download_of_which_nothing_came_is_tried_again(
    backend: Backend, fake: FakeServer, fault: bytes
) -> None:
    with Flaky(fake.url, (FILE, fault), (FILE, fault)) as proxy:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            result = await client.predict(b"hello", api_name="/upper")
            assert Path(result).read_bytes() == b"HELLO"
        # A GET is sent once more on its own where a kept connection was closed.
        assert proxy.count(FILE) >= 3


async def test_a_download_that_was_limited_says_so(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url, (FILE, says(429, b"", b"retry-after: 7"))) as proxy:
        async with backend.open_client(proxy.url) as client:
            job = await client.submit(b"hello", api_name="/upper")
            error = await failure(job)
            assert isinstance(error, RateLimitedError)
            assert error.retry_after == 7


# --- what may have run


async def test_a_join_whose_answer_was_lost_is_not_sent_twice(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url) as proxy:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            fake.hold("/count")
            sibling = await client.submit(3, api_name="/count")
            await backend.in_thread(lambda: fake.wait_for(lambda app: app.jobs))
            proxy.faults.append((JOIN, Proxy.LOST))
            job = await client.submit("Hello", api_name="/echo")
            error = await failure(job)
            assert isinstance(error, ReadError)
            assert error.hint is None
            fake.release("/count")
            assert await sibling.final() == "n=2"
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"
        assert proxy.count(JOIN) == 3
    assert sum(request.kind == "join" for request in fake.requests) == 3


async def test_a_join_whose_answer_was_lost_is_sent_twice_where_that_does_no_harm(
    backend: Backend, fake: FakeServer
) -> None:
    retry = Retry(times=1, first_delay=0, idempotent=["/echo"])
    with Flaky(fake.url, (JOIN, Proxy.LOST)) as proxy:
        async with backend.open_client(proxy.url, retry=retry) as client:
            assert await client.predict("Hello", api_name="/echo") == "Hello"
        assert proxy.count(JOIN) == 2


@pytest.mark.parametrize("fault", [says(502), says(504), says(503, b'{"detail": "Queue is stopped."}')])
async def test_what_a_proxy_says_leaves_open_whether_it_ran(backend: Backend, fake: FakeServer, fault: bytes) -> None:
    with Flaky(fake.url, (JOIN, fault)) as proxy:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            job = await client.submit("Hello", api_name="/echo")
            assert type(await failure(job)) is JobError
        assert proxy.count(JOIN) == 1


async def test_a_stream_that_broke_is_the_end_of_its_job(backend: Backend, fake: FakeServer) -> None:
    fake.hold("/echo")
    with Flaky(fake.url) as proxy:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            job = await client.submit("Hello", api_name="/echo")
            await backend.in_thread(lambda: fake.wait_for(streams_of_jobs))
            assert proxy.cut(b"/queue/data") == 1
            assert isinstance(await failure(job), ConnectionLostError)
        assert proxy.count(JOIN) == 1


async def test_a_stream_that_broke_lets_a_job_that_may_run_twice_begin_anew(backend: Backend, fake: FakeServer) -> None:
    fake.hold("/echo")
    with Flaky(fake.url) as proxy:
        async with backend.open_client(proxy.url, retry=TWICE) as client:
            job = await client.submit("Hello", api_name="/echo")
            await backend.in_thread(lambda: fake.wait_for(streams_of_jobs))
            assert proxy.cut(b"/queue/data") == 1
            await backend.in_thread(lambda: fake.wait_for(lambda app: len(app.jobs) == 2))
            fake.release("/echo")
            assert await job.result() == "Hello"
            assert job.outputs() == ["Hello"]
        assert proxy.count(JOIN) == 2


async def test_outputs_that_were_handed_out_do_not_come_again(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url) as proxy:
        async with backend.open_client(proxy.url, retry=TWICE) as client:
            job = await client.submit(ENDLESS, api_name="/count")
            assert await job.__anext__() == "n=0"
            assert proxy.cut(b"/queue/data") == 1
            assert isinstance(await failure(job), ConnectionLostError)
            told = job.outputs()
            assert told == [f"n={i}" for i in range(len(told))]
        assert proxy.count(JOIN) == 1


async def test_a_server_that_is_started_anew_runs_what_may_run_twice(backend: Backend) -> None:
    first = FakeServer(demo_app(seed=1))
    first.hold("/upper")
    servers = [first]
    closed = threading.Event()

    def start_anew() -> None:
        # A server cuts its connections before it lets go of its port.
        assert closed.wait(60)
        servers.append(FakeServer(demo_app(seed=2), port=first.port))

    with at_first_retry(start_anew):
        async with backend.open_client(first.url, retry=PATIENT) as client:
            job = await client.submit(b"hello", api_name="/upper")
            await backend.in_thread(lambda: first.wait_for(streams_of_jobs))

            def close() -> None:
                first.close()
                closed.set()

            await backend.in_thread(close)
            # The file went with the server that had it.
            assert Path(await job.result()).read_bytes() == b"HELLO"
    assert [sum(request.kind == "upload" for request in server.requests) for server in servers[1:]] == [1]
    servers[1].close()


async def test_what_the_app_raised_is_not_tried_again(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url) as proxy:
        async with backend.open_client(proxy.url, retry=TWICE) as client:
            job = await client.submit("x", api_name="/fail")
            assert str(await failure(job)) == "boom-visible"
        assert proxy.count(JOIN) == 1


# --- the wait


async def test_a_job_that_waits_to_begin_anew_is_cancelled_at_once(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url, (JOIN, FULL)) as proxy:
        async with backend.open_client(proxy.url, retry=NEVER_MIND) as client:
            waits = backend.event()
            job = await client.submit("Hello", api_name="/echo", status_callbacks=begins_anew(waits))
            await waits.wait()
            assert await job.cancel() is True
            assert job.cancelled()
        assert proxy.count(JOIN) == 1


async def test_closing_the_client_does_not_wait_for_the_next_try(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url, (JOIN, FULL)) as proxy:
        async with backend.open_client(proxy.url, retry=NEVER_MIND) as client:
            waits = backend.event()
            job = await client.submit("Hello", api_name="/echo", status_callbacks=begins_anew(waits))
            await waits.wait()
        assert isinstance(await failure(job), ConnectionLostError)


async def test_a_wait_that_is_longer_than_allowed_is_left_to_the_caller(backend: Backend, fake: FakeServer) -> None:
    with Flaky(fake.url, (JOIN, says(429, b"", b"retry-after: 3600"))) as proxy:
        async with backend.open_client(proxy.url, retry=SOON) as client:
            job = await client.submit("Hello", api_name="/echo")
            error = await failure(job)
            assert isinstance(error, RateLimitedError)
            assert error.retry_after == 3600


@pytest.mark.parametrize("retry", [-1, True, "3", 0.5])
async def test_a_retry_that_is_none_is_refused_before_anything_is_sent(backend: Backend, retry: Any) -> None:
    with pytest.raises(ArgumentError, match="retry"):
        async with backend.open_client(f"http://127.0.0.1:{unused_port()}", retry=retry):
            pass


async def test_a_name_that_the_app_does_not_have_is_told_when_connecting(backend: Backend, fake: FakeServer) -> None:
    with pytest.raises(EndpointNotFoundError, match=r"/ecko.*did you mean '/echo'"):
        async with backend.open_client(fake.url, retry=Retry(idempotent=["/ecko"])):
            pass


# --- a real Gradio


class RealServer:
    """The demo app on a real Gradio at a port, in a process of its own."""

    def __init__(self, port: int, *options: str) -> None:
        command = [sys.executable, str(REAL_APP), "--port", str(port), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = f"http://127.0.0.1:{port}"

    def wait(self) -> None:
        """Wait until it serves."""
        assert self._process.stdout is not None
        assert any(line.startswith("READY ") for line in self._process.stdout)

    def close(self) -> None:
        """End the process, as a crash would."""
        with self._process:
            self._process.kill()


@pytest.fixture(scope="module")
def small_queue() -> Iterator[str]:
    """A real Gradio that lets one job wait."""
    server = RealServer(unused_port(), "--max-size", "1")
    try:
        server.wait()
        yield server.url
    finally:
        server.close()


@pytest.mark.real
async def test_a_real_queue_that_is_full_is_asked_until_there_is_room(backend: Backend, small_queue: str) -> None:
    retry = Retry(times=200, first_delay=0.05, factor=1)
    async with backend.open_client(small_queue, retry=retry) as client, backend.open_client(small_queue) as other:
        running = backend.event()
        queued = backend.event()

        def hear(update: StatusUpdate) -> None:
            if update.code is Status.PROCESSING:
                running.set()

        def hear_next(update: StatusUpdate) -> None:
            if update.code is Status.IN_QUEUE:
                queued.set()

        first = await client.submit("first", 1, api_name="/slow", status_callbacks=hear)
        await running.wait()
        second = await client.submit("second", 0, api_name="/slow", status_callbacks=hear_next)
        await queued.wait()
        assert isinstance(await failure(await other.submit("no", 0, api_name="/slow")), QueueFullError)
        third = await client.submit("third", 0, api_name="/slow")
        assert [await job.result() for job in (first, second, third)] == ["first", "second", "third"]
        assert [update.code for update in third.statuses()].count(Status.STARTING) > 1


@pytest.mark.real
def test_a_real_server_may_start_late_and_start_anew() -> None:
    port = unused_port()
    servers: list[RealServer] = []

    def start() -> None:
        servers.append(RealServer(port))

    try:
        with at_first_retry(start) as said:
            client = Client(
                f"http://127.0.0.1:{port}",
                retry=Retry(times=2000, first_delay=0.1, factor=1, idempotent=["/slow", "/upper"]),
            )
        with client, at_first_retry(start):
            assert said
            assert Path(client.predict(b"hello", api_name="/upper")).read_bytes() == b"HELLO"
            job = client.submit("Hello", 2, api_name="/slow", status_callbacks=_kill_when_it_runs(servers))
            assert job.result() == "Hello"
            assert len(servers) == 2
            assert [update.code for update in job.statuses()].count(Status.PROCESSING) >= 2
    finally:
        for server in servers:
            server.close()


def _kill_when_it_runs(servers: list[RealServer]) -> Callable[[StatusUpdate], None]:
    def hear(update: StatusUpdate) -> None:
        if update.code is Status.PROCESSING and len(servers) == 1:
            servers[0].close()

    return hear
