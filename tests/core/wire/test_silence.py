"""Servers that say nothing on a WebSocket: they are asked, and given up when nothing at all comes."""

from __future__ import annotations

import heapq
from typing import Any

import pytest
from wsproto.events import CloseConnection, Ping, Pong

from gradproto._commands import AbortExchange, CloseWebSocket, SendText
from gradproto._errors import ArgumentError, ReadError
from gradproto._timers import Timers
from gradproto.wire import Close, WireLimits
from gradproto.wire._silence import Silence
from tests.core.wire.scripted import Network
from tests.core.wire.websocket_server import EOF, SWITCH, WS, Server, frame, open_websocket, opened

LIMITS = WireLimits(websocket_ping_interval=20.0, websocket_ping_timeout=5.0)


def silent(limits: WireLimits = LIMITS, start: float = 100.0) -> tuple[Network, Server]:
    """Return an open WebSocket; from ``start`` on nothing comes."""
    network, server = opened(limits)
    network.client.tick(start)
    network.settle()
    assert server.events() == []
    return network, server


def at(network: Network, now: float) -> None:
    """Let it be so late, and all be done that is to be done then."""
    network.client.tick(now)
    network.settle()
    # A timer that was started in a tick counts from the next one, which is wanted at once.
    if network.client.next_deadline() == now:
        network.client.tick(now)
        network.settle()


def pings(server: Server) -> int:
    events = server.events()
    assert all(type(event) is Ping for event in events)
    return len(events)


def test_a_silent_server_is_pinged_and_given_up_when_nothing_comes() -> None:
    network, server = silent()
    assert network.client.next_deadline() == 120.0
    at(network, 119.9)
    assert pings(server) == 0
    at(network, 120.0)
    assert pings(server) == 1
    assert network.client.next_deadline() == 125.0
    at(network, 124.9)
    assert network.session.facts == []
    at(network, 125.0)
    error = network.session.answers[0].error
    assert type(error) is ReadError
    assert str(error) == (
        f"GET {WS}: nothing came for 20 s, nor an answer to a ping within 5 s: the server, or the way to it, is gone"
    )
    assert network.session.facts == [("failed", 0, ReadError)]
    assert network.closed(0)
    assert network.client.next_deadline() is None


SIGNS = {
    "pong": frame(10, b""),
    "a pong to something else": frame(10, b"what?"),
    "ping": frame(9, b""),
    "text": frame(1, b"{}"),
    "a byte of a frame": b"\x81",
}


@pytest.mark.parametrize("name", SIGNS)
def test_whatever_comes_is_a_sign_of_life(name: str) -> None:
    network, server = silent()
    at(network, 120.0)
    assert pings(server) == 1
    network.feed(0, [SIGNS[name]])
    at(network, 124.0)
    server.events()
    at(network, 143.9)
    assert pings(server) == 0
    at(network, 144.0)
    assert pings(server) == 1
    at(network, 148.9)
    assert network.open == {0}
    at(network, 149.0)
    assert network.open == set()


def test_a_server_that_talks_is_not_pinged() -> None:
    network, server = silent()
    for now in range(110, 1000, 10):
        network.feed(0, [frame(1, b"{}")])
        at(network, now)
    assert pings(server) == 0
    at(network, 1010.0)
    assert pings(server) == 1


def test_a_server_that_answers_pings_stays_for_ever() -> None:
    network, server = silent()
    now = 100.0
    for _ in range(50):
        now += 20.0
        at(network, now)
        [ping] = server.events()
        assert isinstance(ping, Ping)
        now += 4.9
        server.says(ping.response())
        at(network, now)
    assert network.session.facts == []


def test_frames_cost_no_timer_each(monkeypatch: pytest.MonkeyPatch) -> None:
    network, _ = silent()
    pushes = 0

    def push(*args: Any) -> None:
        nonlocal pushes
        pushes += 1
        original(*args)

    original = heapq.heappush
    monkeypatch.setattr(heapq, "heappush", push)
    for now in range(1000):
        network.feed(0, [frame(1, b"{}")] * 3)
        at(network, 100 + now / 1000)
    assert pushes == 0
    at(network, 120.0)
    assert pushes == 1


def test_a_program_that_slept_asks_before_it_gives_up() -> None:
    network, server = silent()
    at(network, 10_000.0)
    assert pings(server) == 1
    assert network.open == {0}
    at(network, 10_004.0)
    server.says(Pong())
    at(network, 10_005.0)
    at(network, 20_000.0)
    assert pings(server) == 1
    assert network.open == {0}


def test_without_an_interval_nobody_is_pinged() -> None:
    network, server = silent(WireLimits(websocket_ping_interval=None))
    assert network.client.next_deadline() is None
    network.feed(0, [frame(1, b"{}")])
    at(network, 1e6)
    assert pings(server) == 0


def test_without_a_timeout_nobody_is_given_up() -> None:
    network, server = silent(WireLimits(websocket_ping_timeout=None))
    for now in range(120, 1000, 20):
        at(network, now)
        assert pings(server) == 1
    assert network.open == {0}


def test_without_limits_of_its_own_a_client_pings_after_20_seconds_and_waits_as_long() -> None:
    network, server = silent(WireLimits())
    at(network, 120.0)
    assert pings(server) == 1
    at(network, 139.9)
    assert network.open == {0}
    at(network, 140.0)
    assert network.open == set()


@pytest.mark.parametrize("name", ["websocket_ping_interval", "websocket_ping_timeout"])
@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_a_time_that_makes_no_sense_is_refused(name: str, seconds: float) -> None:
    with pytest.raises(ArgumentError, match=f"{name} is {seconds!r}: it must be a number of seconds above 0, or None"):
        WireLimits(**{name: seconds})  # type: ignore[arg-type]


def test_a_handshake_is_not_watched() -> None:
    network = Network(limits=LIMITS)
    open_websocket(network)
    network.client.tick(100.0)
    network.feed(0, [b"HTTP/1.1 101 Swi"])
    network.client.tick(101.0)
    assert network.client.next_deadline() is None, "the session has a limit for the answer"
    network.feed(0, [SWITCH[len(b"HTTP/1.1 101 Swi") :]])
    at(network, 200.0)
    assert network.client.next_deadline() == 220.0


def test_requests_are_not_watched() -> None:
    network = Network(limits=LIMITS)
    network.begin(0)
    network.feed(0, [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"])
    network.client.tick(100.0)
    assert network.client.next_deadline() is None


@pytest.mark.parametrize("pinged", [False, True])
def test_while_the_session_closes_only_the_limit_for_closing_counts(pinged: bool) -> None:
    limits = WireLimits(websocket_ping_interval=20.0, websocket_ping_timeout=1.0, close_timeout=100.0)
    network, server = silent(limits)
    now = 119.0
    if pinged:
        now = 120.0
        at(network, now)
        assert pings(server) == 1
    network.session.commands.append(CloseWebSocket(exchange=0))
    network.settle()
    assert [type(event) for event in server.events()] == [CloseConnection]
    network.feed(0, [frame(1, b"crossed")])
    at(network, now)
    network.feed(0, [frame(1, b"crossed")])
    assert network.client.next_deadline() == now + 100.0
    for later in (1.0, 20.0, 21.0, 41.0, 99.9):
        at(network, now + later)
    assert server.events() == []
    at(network, now + 100.0)
    assert network.session.facts[2:] == [("closed", 0, 1006, "")]
    assert network.client.next_deadline() is None


@pytest.mark.parametrize("end", ["closed", "eof", "lost", "abort", "broken"])
def test_a_websocket_that_is_over_is_not_watched(end: str) -> None:
    network, server = silent()
    if end == "closed":
        server.says(CloseConnection(code=1000))
        network.feed(0, [EOF])
    elif end == "eof":
        network.feed(0, [EOF])
    elif end == "lost":
        network.client.connection_lost(0, ReadError("reset"))
    elif end == "abort":
        network.session.commands.append(AbortExchange(exchange=0))
    else:
        network.feed(0, [frame(3, b"")])
    network.settle()
    network.client.tick(110.0)
    written = network.written[0]
    assert network.client.next_deadline() is None
    at(network, 1000.0)
    assert network.written[0] == written
    assert network.actions() == []


def test_a_long_message_that_makes_progress_is_a_sign_of_life() -> None:
    network, _ = silent()
    network.session.commands.append(SendText(exchange=0, text="x" * 2_000_000))
    network.actions()
    for now in range(110, 600, 10):
        network.client.file_sent(0, 5)
        network.client.tick(now)
        assert network.actions() == []
    # And one that makes none is no sign: the ping waits behind it in vain.
    network.client.tick(610.0)
    assert len(network.actions()) == 1
    network.client.tick(610.0)
    network.client.file_sent(0, 5)
    network.client.tick(614.0)
    network.client.tick(634.0)
    assert len(network.actions()) == 1
    network.client.tick(634.0)
    network.client.tick(639.0)
    assert network.actions() == [Close(connection=0)]


def test_two_timers_never_run_for_one_silence() -> None:
    asked: list[str] = []
    timers = Timers()
    silence = Silence(timers, 10, 5, ask=lambda: asked.append("ask"), give_up=lambda: asked.append("give up"))
    timers.tick(0)
    timers.tick(10)
    silence.broken()
    silence.broken()
    timers.tick(11)
    timers.tick(20.9)
    assert asked == ["ask"]
    timers.tick(21)
    silence.stop()
    timers.tick(22)
    timers.tick(1000)
    assert asked == ["ask", "ask"]
    assert timers.next_deadline() is None
