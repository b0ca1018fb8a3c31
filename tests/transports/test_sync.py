"""What only the sync client has: threads."""

from __future__ import annotations

import concurrent.futures
import gc
import queue
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto import (
    ConnectionLostError,
    DeadlineExceeded,
    JobCancelledError,
    JobCompleted,
    JobQueued,
    LocalProtocolError,
)
from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports.sync import Client, Status, handle_file

SECONDS = 30.0  # how long anything here may take before it counts as hanging


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(demo_app()) as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    with Client(server.url) as connected:
        yield connected


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "gradproto"]


def test_a_callback_may_call_the_app_and_the_others_keep_their_order(client: Client) -> None:
    told: list[tuple[Any, Any]] = []
    all_told = threading.Event()

    def tell(output: str) -> None:
        told.append((output, client.predict(f"inner {output}", api_name="/echo")))
        if len(told) == 3:
            all_told.set()

    client.submit(3, api_name="/count", result_callbacks=tell)
    assert all_told.wait(SECONDS)
    assert told == [(f"n={n}", f"inner n={n}") for n in range(3)]


def test_a_callback_that_waits_too_long_gets_its_error_and_the_job_goes_on(client: Client) -> None:
    given_up = threading.Event()

    def wait(output: str) -> None:
        with pytest.raises(DeadlineExceeded):
            client.submit("late", 1_000, api_name="/slow").result(timeout=0.01)
        given_up.set()

    assert client.submit(1, api_name="/count", result_callbacks=wait).final(timeout=SECONDS) == "n=0"
    assert given_up.wait(SECONDS)
    assert client.predict("after", api_name="/echo") == "after"


def test_a_thousand_jobs_at_once_take_one_thread(client: Client) -> None:
    jobs = [client.submit(f"job {n}", api_name="/echo") for n in range(1_000)]
    assert len(threads()) == 1
    assert [job.result(timeout=SECONDS) for job in jobs] == [f"job {n}" for n in range(1_000)]


def test_many_threads_may_share_a_client(client: Client) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: client.predict(n, 1, api_name="/add"), range(200)))
    assert results == [n + 1 for n in range(200)]


def test_a_job_may_be_watched_from_many_threads(client: Client) -> None:
    job = client.submit(200, api_name="/count")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda _: list(job), range(4)))
    assert seen == [[f"n={n}" for n in range(200)]] * 4


def test_jobs_are_futures(client: Client) -> None:
    jobs = [client.submit(str(n), api_name="/echo") for n in range(10)]
    done, waiting = concurrent.futures.wait(jobs, timeout=SECONDS)
    assert (len(done), len(waiting)) == (10, 0)
    assert sorted(job.result() for job in concurrent.futures.as_completed(jobs)) == [str(n) for n in range(10)]
    heard: list[object] = []
    jobs[0].add_done_callback(heard.append)
    assert heard == [jobs[0]]
    assert not jobs[0].running()
    assert jobs[0].exception() is None


def test_closing_ends_the_thread_and_whoever_waits(server: FakeServer) -> None:
    client = Client(server.url)
    job = client.submit("x", 1_000, api_name="/slow")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(job.exception)
        client.close()
        assert isinstance(waiting.result(SECONDS), ConnectionLostError)
    assert threads() == []
    client.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        client.predict("x", api_name="/echo")
    assert not job.cancel()


def test_a_forgotten_client_goes_with_its_thread(server: FakeServer) -> None:
    client = Client(server.url)
    assert client.predict("x", api_name="/echo") == "x"
    [thread] = threads()
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_the_own_iteration_of_a_job_goes_on_where_it_was(client: Client) -> None:
    job = client.submit(3, api_name="/count")
    assert next(job) == "n=0"
    assert next(job) == "n=1"
    assert list(job) == ["n=0", "n=1", "n=2"]
    assert next(job) == "n=2"
    with pytest.raises(StopIteration):
        next(job)


def test_waiting_for_a_job_that_another_thread_cancels_ends(client: Client) -> None:
    blocking = client.submit("x", 1_000, api_name="/slow")
    job = client.submit("y", 1_000, api_name="/slow")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(job.result)
        assert job.cancel()
        with pytest.raises(JobCancelledError):
            waiting.result(SECONDS)
    assert job.status().code is Status.CANCELLED
    assert not blocking.done()


def test_the_steps_of_a_job_are_told_in_order_however_many_come_at_once(client: Client) -> None:
    job = client.submit("x", api_name="/echo")
    job.result()
    codes = [update.code for update in job.statuses()]
    assert codes == [Status.STARTING, Status.JOINING_QUEUE, Status.IN_QUEUE, Status.PROCESSING, Status.FINISHED]
    assert sorted(codes) == codes


class _Noticed(threading.Condition):
    """A condition that says when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_for = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited_for.set()
        return super().wait(timeout)


def test_whoever_asks_for_updates_before_the_job_has_begun_gets_them_as_they_come(
    server: FakeServer, client: Client
) -> None:
    server.hold("/slow")
    go_on = threading.Event()
    client._inner.driver.post(lambda: go_on.wait(SECONDS))
    job = client.submit("x", 0, api_name="/slow")
    job._condition_changed = noticed = _Noticed()
    updates: queue.SimpleQueue[Any] = queue.SimpleQueue()
    reader = threading.Thread(target=lambda: [updates.put(update) for update in job.updates()])
    reader.start()
    try:
        assert noticed.waited_for.wait(SECONDS)
        go_on.set()
        assert isinstance(updates.get(timeout=SECONDS), JobQueued)
    finally:
        server.release("/slow")
        reader.join(SECONDS)


@pytest.mark.parametrize("how", ["read", "save", "stream"])
def test_a_callback_may_fetch_the_files_that_it_gets(server: FakeServer, how: str, tmp_path: Path) -> None:
    got: list[Any] = []
    fetched = threading.Event()

    def fetch(file: Any) -> None:
        if how == "save":
            got.append(Path(file.save(tmp_path)).read_bytes())
        else:
            got.append(file.read() if how == "read" else b"".join(file.stream()))
        fetched.set()

    with Client(server.url, download_files=False) as client:
        job = client.submit(handle_file(b"shout", name="a.txt"), api_name="/upper", result_callbacks=fetch)
        job.result(timeout=SECONDS)
        assert client.predict("x", api_name="/echo") == "x"
        assert fetched.wait(SECONDS)
    assert got == [b"SHOUT"]


def test_no_reader_of_updates_misses_the_last_one(client: Client) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(50):
            job = client.submit(3, api_name="/count")
            ends: list[object] = []

            def read(job: Any = job, ends: list[object] = ends) -> None:
                ends.append(list(job.updates())[-1])

            readers = [threading.Thread(target=read) for _ in range(4)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join(SECONDS)
            assert [type(end) for end in ends] == [JobCompleted] * 4
    finally:
        sys.setswitchinterval(interval)


def test_who_ends_the_program_in_a_callback_ends_no_client(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    job = client.submit("x", api_name="/echo", result_callbacks=lambda _: sys.exit("no"))
    assert job.result(timeout=SECONDS) == "x"
    assert client.predict("y", api_name="/echo") == "y"
