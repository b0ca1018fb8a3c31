"""What our own client makes of each fault: a job that ends, well or with the error that fits, and never a hang.

``SEEN`` has a row for each fault of the table that can happen to a join or to a stream.
"""

from __future__ import annotations

import pytest

from gradproto import (
    AppError,
    AuthenticationError,
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
from gradproto_fake_server import FAULTS, FakeApp, demo_app
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
    others = {"ignored range", "odd name"}
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


@pytest.mark.parametrize("name", ["accept and hang", "accept and close", "accept and reset"])
def test_a_connection_that_is_of_no_use_is_told(name: str) -> None:
    app = demo_app()
    app.inject(name, times=None)
    network = Network(lambda _: app)
    client = network.client()
    client.connect(settle=False)
    network.finish()
    assert client.failed is not None
    assert isinstance(client.failed.error, (TransportError, DeadlineExceeded))


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
