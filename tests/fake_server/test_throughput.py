"""The fake server is never what a test waits for: it is several times as fast as a real Gradio with the same client."""

from __future__ import annotations

import time

import pytest

from gradproto_fake_server import FakeServer, demo_app
from tests.benchmarks.floors import BareFloor, H11Floor, new_session_hash

CALLS = 20
# Measured: eleven to thirteen times as fast. A machine that is busy with other things slows both.
AT_LEAST = 2


def seconds_of_calls(url: str) -> float:
    """Call /echo through the queue some times, with the least that a client can do; the connection is open already."""
    finder, floor, session = H11Floor(url), BareFloor(url), new_session_hash()
    with finder.socket, floor.socket:
        fn_index = finder.find("echo")
        assert floor.predict(fn_index, ["warm"], session) == "warm"
        began = time.perf_counter()
        for _ in range(CALLS):
            assert floor.predict(fn_index, ["hello"], session) == "hello"
        return time.perf_counter() - began


@pytest.mark.real
def test_calls_through_the_queue_are_several_times_as_fast_as_with_a_real_gradio(real_url: str) -> None:
    with FakeServer(demo_app()) as server:
        rounds = [(seconds_of_calls(server.url), seconds_of_calls(real_url)) for _ in range(3)]
    fake, real = (min(times) for times in zip(*rounds, strict=True))
    assert fake * AT_LEAST < real
