"""What our own client makes of each fault: a job that ends, well or with the error that fits, and never a hang.

``SEEN`` has a row for each fault of the table that can happen to a join or to a stream.
"""

from __future__ import annotations

import pytest
import trio

from gradproto import (
    AppError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceeded,
    DownloadCompleted,
    DownloadFailed,
    FileData,
    GradprotoError,
    JobCancelled,
    JobCompleted,
    JobError,
    JobFailed,
    QueueFullError,
    QuotaExceededError,
    RateLimitedError,
    ReadError,
    RemoteProtocolError,
    SessionExpiredError,
    Timeouts,
    TransportError,
)
from gradproto_fake_server import FAULTS, FakeApp, FakeServer, demo_app
from gradproto_fake_server.trio import open_memory_server
from gradproto_transports.sync import Client
from gradproto_transports.trio import open_client
from tests.core.joined import JoinedClient, Network

# What a job comes to: it completes, it counts as cancelled, or it fails with an error.
Outcome = type[JobCompleted] | type[JobCancelled] | type[GradprotoError]
WELL = JobCompleted

SEEN: dict[str, dict[str, Outcome]] = {
    "answer": {"join": JobError, "data": JobError},
    "hang": {"join": DeadlineExceeded, "data": ConnectionLostError},
    "cut": {"join": ReadError, "data": ConnectionLostError},
    "reset": {"join": ReadError, "data": ConnectionLostError},
    "redirect": {"join": JobError, "data": SessionExpiredError},
    "busy": {"join": RateLimitedError, "data": RateLimitedError},
    "unauthorized": {"join": AuthenticationError, "data": AuthenticationError},
    "forbidden": {"join": JobError, "data": JobError},
    "not found": {"join": JobError, "data": SessionExpiredError},
    "crash": {"join": JobError, "data": JobError},
    "bad gateway": {"join": JobError, "data": JobError},
    "building": {"join": JobError, "data": JobError},
    "sleeping": {"join": JobError, "data": JobError},
    "page": {"join": RemoteProtocolError, "data": RemoteProtocolError},
    "queue full": {"join": QueueFullError},
    "restart": {"join": ReadError, "data": ConnectionLostError},
    "slow body": {"join": WELL},
    "stall body": {"join": DeadlineExceeded},
    "cut body": {"join": ReadError},
    "reset body": {"join": ReadError},
    "forget sessions": {"join": WELL, "data": SessionExpiredError},
    "forget logins": {"join": WELL, "data": WELL},
    "late": {"join": WELL, "data": WELL},
    "lose": {"join": ReadError, "data": ConnectionLostError},
    "cut after head": {"join": ReadError, "data": ConnectionLostError},
    "reset after head": {"join": ReadError, "data": ConnectionLostError},
    "truncate": {"join": ReadError, "data": ConnectionLostError},
    "stall": {"join": DeadlineExceeded, "data": ConnectionLostError},
    "wrong length": {"join": ReadError, "data": WELL},
    "gzip": {"join": RemoteProtocolError, "data": RemoteProtocolError},
    "content type": {"join": WELL, "data": RemoteProtocolError},
    "chunked": {"join": WELL, "data": WELL},
    "until close": {"join": WELL, "data": WELL},
    "http/1.0": {"join": WELL, "data": WELL},
    "slow first event": {"data": WELL},
    "dribble": {"data": WELL},
    "split": {"data": WELL},
    "crlf": {"data": WELL},
    "cr": {"data": WELL},
    "bom": {"data": WELL},
    "comments": {"data": WELL},
    "coalesced": {"data": WELL},
    "buffered": {"data": WELL},
    "silence": {"data": ConnectionLostError},
    "clean end": {"data": ConnectionLostError},
    "cut stream": {"data": ConnectionLostError},
    "reset stream": {"data": ConnectionLostError},
    "corrupt json": {"data": RemoteProtocolError},
    "oversize event": {"data": WELL},
    "line separators": {"data": WELL},
    "rank up": {"data": WELL},
    "unknown message": {"data": WELL},
    "foreign event": {"data": WELL},
    "missing fields": {"data": WELL},
    "extra fields": {"data": WELL},
    "no start": {"data": WELL},
    "completion first": {"data": WELL},
    "duplicate completion": {"data": WELL},
    "no completion": {"data": DeadlineExceeded},
    "no output": {"data": JobCancelled},
    "failure": {"data": AppError},
    "quota": {"data": QuotaExceededError},
    "wrong diff": {"data": WELL},
    "unexpected error": {"data": ConnectionLostError},
    "server stopped": {"data": ConnectionLostError},
    "early close": {"data": WELL},
    "session lost": {"data": SessionExpiredError},
    "no heartbeat": {"data": WELL},
}

FILES: dict[str, type[DownloadCompleted] | type[GradprotoError]] = {
    "forbidden": JobError,
    "not found": JobError,
    "hang": DeadlineExceeded,
    "truncate": ReadError,
    "stall": DeadlineExceeded,
    "wrong length": ReadError,
    "reset after head": ReadError,
    "gzip": RemoteProtocolError,
    "ignored range": DownloadCompleted,
    "odd name": DownloadCompleted,
    "chunked": DownloadCompleted,
    "http/1.0": DownloadCompleted,
}

PATTERNS = {"join": "POST */queue/join", "data": "GET */queue/data*"}


def connected(app: FakeApp) -> tuple[Network, JoinedClient]:
    network = Network(lambda _: app)
    return network, network.client(timeouts=Timeouts(run=100.0)).connect()


@pytest.mark.parametrize(
    ("name", "kind", "outcome"), [(name, kind, row[kind]) for name, row in SEEN.items() for kind in row]
)
def test_a_job_that_meets_a_fault_ends_with_what_fits_and_the_next_one_is_well(
    name: str, kind: str, outcome: Outcome
) -> None:
    app = demo_app()
    network, client = connected(app)
    fault = app.inject(name, PATTERNS[kind])
    job = client.submit("/count", 3)
    network.finish()
    assert fault.met == 1
    end = client.end(job)
    if isinstance(end, JobFailed):
        assert issubclass(outcome, GradprotoError)
        assert isinstance(end.error, outcome)
    else:
        assert type(end) is outcome
    if outcome is WELL:
        assert isinstance(end, JobCompleted)
        assert end.outputs == ("n=2",)
    client.reset_session()
    again = client.submit("/count", 2)
    network.finish()
    assert isinstance(client.end(again), JobCompleted)
    client.check()


def test_every_fault_of_a_join_or_a_stream_has_a_row() -> None:
    others = {"ignored range", "odd name", "refuse"}
    assert set(SEEN) == {name for name, kind in FAULTS.items() if kind.family != "connection"} - others


@pytest.mark.parametrize(("name", "outcome"), FILES.items())
def test_a_download_that_meets_a_fault_is_whole_or_says_what_happened(
    name: str, outcome: type[DownloadCompleted] | type[GradprotoError]
) -> None:
    app = demo_app()
    network, client = connected(app)
    job = client.submit("/upper", b"some text")
    network.finish()
    (file,) = job.outputs
    assert isinstance(file, FileData)
    fault = app.inject(name, "GET */file=*", **({"keep": 2} if name in ("truncate", "stall") else {}))
    number = client.download(file)
    network.finish()
    assert fault.met == 1
    end = client.download_ends[number]
    if outcome is DownloadCompleted:
        assert isinstance(end, DownloadCompleted)
        assert client.downloads[number] == b"SOME TEXT"
    else:
        assert isinstance(end, DownloadFailed)
        assert isinstance(end.error, outcome)


@pytest.mark.parametrize(
    "name",
    [
        "accept and hang",
        "accept and close",
        "accept and reset",
        "close at first byte",
        "reset at first byte",
        "no http",
    ],
)
def test_a_connection_that_is_of_no_use_is_told(name: str) -> None:
    app = demo_app()
    app.inject(name, times=None)
    network = Network(lambda _: app)
    client = network.client()
    client.connect(settle=False)
    network.finish()
    assert client.failed is not None
    assert isinstance(client.failed.error, (TransportError, DeadlineExceeded, RemoteProtocolError))


@pytest.mark.parametrize("name", ["latency", "bandwidth", "small pieces"])
def test_a_line_that_is_no_good_only_takes_its_time(name: str) -> None:
    app = demo_app()
    app.inject(name, times=None)
    network = Network(lambda _: app)
    client = network.client()
    client.connect(settle=False)
    network.advance(5.0)
    job = client.submit("/count", 3)
    network.finish()
    end = client.end(job)
    assert isinstance(end, JobCompleted)
    assert end.outputs == ("n=2",)
    client.check()


def test_a_job_that_is_refused_fails_and_the_next_one_is_well_when_somebody_listens() -> None:
    app = demo_app()
    network, client = connected(app)
    network.advance(10.0)  # the connections of before are closed
    app.refuse(3.0)
    refused = client.submit("/count", 3)
    network.settle()
    end = client.end(refused)
    assert isinstance(end, JobFailed)
    assert isinstance(end.error, ConnectError)
    network.advance(3.0)
    again = client.submit("/count", 3)
    network.finish()
    assert isinstance(client.end(again), JobCompleted)


def test_messages_may_come_before_the_answer_to_their_join() -> None:
    app = demo_app()
    network, client = connected(app)
    app.hold("/count")
    first = client.submit("/count", 1)
    network.settle()
    app.inject("late", "POST */queue/join", seconds=3.0)
    second = client.submit("/echo", "early")
    network.advance(2.0)
    assert app.job("/echo").state == "completed"
    assert second.number not in client.ends
    network.advance(2.0)
    end = client.end(second)
    assert isinstance(end, JobCompleted)
    assert end.outputs == ("early",)
    network.finish()
    assert isinstance(client.end(first), JobCompleted)


# -- over sockets


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("reset stream", ConnectionLostError),
        ("restart", ConnectionLostError),
        ("clean end", ConnectionLostError),
        ("session lost", SessionExpiredError),
        ("split", None),
        ("dribble", None),
        ("http/1.0", None),
    ],
)
def test_a_client_in_a_thread_sees_the_same(name: str, error: type[GradprotoError] | None) -> None:
    with FakeServer(demo_app()) as server, Client(server.url) as client:
        server.run(lambda app: app.inject(name, PATTERNS["data"]))
        job = client.submit("é✓", api_name="/echo")
        if error is None:
            assert job.result(timeout=60) == "é✓"
        else:
            assert isinstance(job.exception(timeout=60), error)
        client.reset_session()
        assert client.predict("again", api_name="/echo") == "again"
        assert [record.fault for record in server.assert_requested("data", times=2)] == [name, None]


def test_a_restart_under_a_running_job_is_told() -> None:
    with FakeServer(demo_app()) as server, Client(server.url) as client:
        server.hold("/count")
        job = client.submit(3, api_name="/count")
        server.wait_for(lambda app: app.open_streams)
        server.run(FakeApp.restart)
        assert isinstance(job.exception(timeout=60), ConnectionLostError)
        server.release("/count")
        client.reset_session()
        assert client.submit(3, api_name="/count").final() == "n=2"


def test_a_restart_is_heard_in_trio() -> None:
    async def main() -> None:
        async with (
            open_memory_server(demo_app()) as network,
            open_client(network.url, open_stream=network.open_stream) as client,
        ):
            network.hold("/count")
            job = await client.submit(3, api_name="/count")
            await network.wait_for(lambda app: app.open_streams)
            network.run(FakeApp.restart)
            assert isinstance(await job.exception(), ConnectionLostError)

    trio.run(main)


@pytest.mark.parametrize("seed", range(20))
def test_in_chaos_every_job_ends(seed: int) -> None:
    app = demo_app()
    network, client = connected(app)
    app.chaos(seed, 0.3)
    jobs = []
    for turn in range(8):
        if turn % 3 == 2:
            client.reset_session()
        jobs.append(client.submit("/count", 2))
        network.finish()
    assert all(client.end(job) for job in jobs)
    assert any(record.fault for record in app.requests)
    app.faults.clear()
    client.reset_session()
    last = client.submit("/echo", "a")
    network.finish()
    assert isinstance(client.end(last), JobCompleted)
    client.check()
    client.close()
