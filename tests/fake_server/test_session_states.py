"""How long State is kept, and for how many sessions."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto_fake_server import FakeApp, MemoryServer, number, state

from .old_wire import socket_call
from .wire import Http


class Counter:
    """An app that counts the calls of each session in a State."""

    def __init__(self, *, time_to_live: float | None = None, **options: Any) -> None:
        kept = state(0, time_to_live=time_to_live)
        app = FakeApp(**options)

        @app.endpoint("/count", inputs=[kept], outputs=[number(), kept])
        def count(kept: int) -> tuple[int, int]:
            return kept + 1, kept + 1

        self.server = MemoryServer(app)
        self.http = Http(self.server)

    def count(self, session_hash: str = "s") -> int:
        self.http.join(0, [None], session_hash)
        return int(self.http.stream(session_hash).messages[2]["output"]["data"][0])

    def beat_once(self) -> None:
        """Open the session's heartbeat, and close it."""
        heart = Http(self.server)
        heart.start("GET", "/gradio_api/heartbeat/s")
        heart.connection.close()


def test_a_state_of_a_session_that_is_not_closed_is_kept_for_ever() -> None:
    counter = Counter()
    assert counter.count() == 1
    counter.server.advance(1_000_000)
    assert counter.count() == 2


def test_after_its_heartbeat_a_state_is_kept_for_an_hour_since_it_was_written() -> None:
    counter = Counter()
    assert counter.count() == 1
    counter.beat_once()
    counter.server.advance(3500)
    assert counter.count() == 2
    counter.server.advance(3600)
    assert counter.count() == 3
    # As in the code of 4.25 to 6.31: another heartbeat does not make the session an open one again.
    Http(counter.server).start("GET", "/gradio_api/heartbeat/s")
    counter.server.advance(3601)
    assert counter.count() == 1


def test_a_state_may_have_a_time_to_live_which_the_end_of_the_heartbeat_makes_an_hour() -> None:
    counter = Counter(time_to_live=60)
    assert (counter.count(), counter.count()) == (1, 2)
    counter.server.advance(60)
    assert counter.count() == 3
    counter.server.advance(61)
    assert counter.count() == 1
    counter.beat_once()
    counter.server.advance(61)
    assert counter.count() == 2
    config = counter.http.request("GET", "/config").json
    assert [part["props"]["time_to_live"] for part in config["components"] if part["type"] == "state"] == [60]


def test_of_too_many_sessions_those_that_were_not_used_for_longest_are_forgotten() -> None:
    counter = Counter(state_session_capacity=2)
    assert [counter.count(session) for session in ("a", "b", "a", "c", "a", "b")] == [1, 1, 2, 1, 3, 1]


def limited(version: str = "6.31.0", *, limits: tuple[Any, ...] = (), **options: Any) -> tuple[FakeApp, MemoryServer]:
    app = FakeApp(version, **options)
    for place, limit in enumerate(limits):
        about = {} if limit is ... else {"concurrency_limit": limit}
        app.endpoint(f"/f{place}", **about)(lambda: None)
        app.hold(f"/f{place}")
    return app, MemoryServer(app)


def running(app: FakeApp) -> list[str]:
    return [job.endpoint.name for job in app.jobs.values() if job.state == "held"]


@pytest.mark.parametrize(("default", "expected"), [(1, ["f0", "f1", "f1", "f2"]), (2, ["f0", "f1", "f1", "f2", "f0"])])
def test_endpoints_without_a_limit_have_the_default_one(default: int, expected: list[str]) -> None:
    app, server = limited(limits=(..., 2, 1), default_concurrency_limit=default)
    http = Http(server)
    for fn_index in (0, 1, 1, 1, 2, 2, 0, 0):
        http.join(fn_index, [])
    assert running(app) == expected


def test_no_default_limit_lets_all_run() -> None:
    app, server = limited(limits=(...,), default_concurrency_limit=None)
    http = Http(server)
    for _ in range(5):
        http.join(0, [])
    assert len(running(app)) == 5


@pytest.mark.parametrize("count", [1, 2])
def test_before_4_0_all_endpoints_share_the_workers_if_their_number_is_given(count: int) -> None:
    app, server = limited("3.50.2", limits=(..., None), concurrency_count=count)
    sockets = [socket_call(server, index, []) for index in (0, 1, 0, 1)]
    assert running(app) == ["f0", "f1"][:count]
    places = [[m["rank"] for m in socket.messages if m["msg"] == "estimation"][-1] for socket in sockets]
    assert places == [*[0] * count, *range(4 - count)]


def test_limits_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="has no concurrency_count: use default_concurrency_limit"):
        FakeApp(concurrency_count=1)
    with pytest.raises(ValueError, match=r"Gradio 3\.1\.5 has no max_queue_size: any number of events may wait"):
        FakeApp("3.1.5", max_queue_size=1)
    with pytest.raises(ValueError, match="a limit of 0 events at once, so that none would run"):
        limited(limits=(0,))
