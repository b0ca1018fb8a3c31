"""Many exchanges on many connections: who gets which, who waits, what a lost one means, and what time does."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gradproto._commands import AbortExchange, FilePart
from gradproto._errors import (
    ArgumentError,
    ConnectError,
    LocalProtocolError,
    ReadError,
    RemoteProtocolError,
    TransportError,
    WriteError,
)
from gradproto._events import DownloadCompleted
from gradproto.wire import Close, Connect, Send, WireClient, WireLimits
from tests.core.wire.scripted import URL, Network

OTHER = "https://other.test/"
EOF = b""


def connects(network: Network) -> list[int]:
    return [action.connection for action in network.log if isinstance(action, Connect)]


# --- reuse ------------------------------------------------------------------------------------------------------------


def test_an_exchange_that_finds_no_idle_connection_makes_one() -> None:
    network = Network(connect_timeout=7.5)
    network.start(0)
    network.start(1, url=OTHER)
    assert network.actions() == [
        Connect(connection=0, host="app.test", port=7860, tls=False, timeout=7.5),
        Connect(connection=1, host="other.test", port=443, tls=True, timeout=7.5),
    ]


def test_an_address_of_the_sixth_version_is_connected_to_without_brackets() -> None:
    network = Network()
    network.begin(0, url="http://[::1]:7860/")
    assert network.log[0] == Connect(connection=0, host="::1", port=7860, tls=False, timeout=10.0)
    assert b"\r\nHost: [::1]:7860\r\n" in network.written[0]


def test_the_next_exchange_of_an_origin_uses_its_idle_connection() -> None:
    network = Network()
    for exchange in range(5):
        network.answer(network.begin(exchange))
    assert connects(network) == [0]
    assert all(network.session.answers[exchange].body == b"ok" for exchange in range(5))
    assert network.written[0].count(b"GET /api HTTP/1.1\r\n") == 5


def test_a_connection_is_not_used_for_another_origin() -> None:
    network = Network()
    network.answer(network.begin(0))
    assert [network.begin(1, url=OTHER), network.begin(2, url="http://app.test/")] == [1, 2]


def test_the_newest_idle_connection_is_used_first() -> None:
    network = Network()
    for exchange in range(3):
        network.begin(exchange)
    for connection in (1, 2, 0):
        network.answer(connection)
    assert [network.begin(exchange) for exchange in (3, 4, 5)] == [0, 2, 1]


def test_a_connection_that_the_server_wants_closed_is_not_used_again() -> None:
    network = Network()
    network.answer(network.begin(0), b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n")
    assert network.closed(0)
    assert network.begin(1) == 1


def test_only_so_many_connections_idle_and_the_oldest_go() -> None:
    network = Network(limits=WireLimits(max_idle_per_origin=2))
    for exchange in range(4):
        network.begin(exchange)
    for connection in (2, 0, 3, 1):
        network.answer(connection)
    assert network.open == {3, 1}


# --- limits and waiting -----------------------------------------------------------------------------------------------


def test_without_a_free_connection_exchanges_wait_in_order() -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=2))
    for exchange in range(5):
        network.start(exchange, url=f"{URL}/{exchange}")
    network.settle()
    assert connects(network) == [0, 1]
    network.start(5, url=OTHER)
    network.settle()
    assert connects(network) == [0, 1, 2], "another origin does not wait"
    network.answer(1)
    network.answer(1)
    network.answer(0)
    assert [network.written[0].count(b"GET"), network.written[1].count(b"GET")] == [2, 3]
    assert network.written[1].find(b"/api/2 ") < network.written[1].find(b"/api/3 ")
    assert b"/api/4 " in network.written[0]


def test_a_connection_that_ends_gives_its_place_to_who_waits() -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=1))
    for exchange in range(4):
        network.start(exchange)
    network.actions()
    network.client.connection_lost(0, ConnectError("refused"))
    network.settle()
    network.feed(1, [b"garbage\r\n\r\n"])
    network.feed(2, [b"HTTP/1.0 200 OK\r\n\r\n", EOF])
    network.answer(3)
    errors = [type(network.session.answers[exchange].error) for exchange in range(4)]
    assert errors == [ConnectError, RemoteProtocolError, type(None), type(None)]
    assert connects(network) == [0, 1, 2, 3]


def test_an_aborted_exchange_leaves_the_queue() -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=1))
    for exchange in range(3):
        network.start(exchange, url=f"{URL}/{exchange}")
    network.settle()
    network.session.commands.append(AbortExchange(exchange=1))
    network.settle()
    network.answer(0)
    assert b"/api/1" not in network.written[0]
    assert b"/api/2" in network.written[0]


def test_a_limit_that_lets_nothing_through_is_refused() -> None:
    with pytest.raises(ArgumentError, match="max_connections_per_origin is 0"):
        WireLimits(max_connections_per_origin=0)


# --- abort ------------------------------------------------------------------------------------------------------------


def test_an_abort_closes_the_connection_and_late_facts_are_ignored() -> None:
    network = Network()
    network.begin(0)
    network.session.commands.append(AbortExchange(exchange=0))
    assert network.actions() == [Close(connection=0)]
    network.client.receive_data(0, b"HTTP/1.1 200 OK\r\n\r\n")
    network.client.connection_lost(0, ReadError("reset"))
    network.client.file_sent(0, 1)
    network.client.connection_made(0)
    assert network.session.facts == []
    assert network.actions() == []


def test_an_abort_stops_a_connection_that_is_being_made() -> None:
    network = Network()
    network.start(0)
    network.actions()
    network.session.commands.append(AbortExchange(exchange=0))
    assert network.actions() == [Close(connection=0)]
    network.client.tick(1000.0)
    assert network.session.facts == []


def test_an_abort_of_what_is_over_does_nothing() -> None:
    network = Network()
    network.answer(network.begin(0))
    network.session.commands.append(AbortExchange(exchange=0))
    assert network.actions() == []
    assert network.begin(1) == 0


# --- losses -----------------------------------------------------------------------------------------------------------


def test_a_connection_that_cannot_be_made_fails_only_who_asked_for_it() -> None:
    network = Network()
    network.start(0, url=f"{URL}?token=s3cret")
    network.start(1)
    network.actions()
    cause = ConnectError("app.test: no such host", hint="check the name")
    network.client.connection_lost(0, cause)
    network.client.connection_made(1)
    network.settle()
    network.answer(1)
    error = network.session.answers[0].error
    assert type(error) is ConnectError
    assert error.message == f"GET {URL}?token=***: app.test: no such host"
    assert (error.hint, error.__cause__) == ("check the name", cause)
    assert network.session.answers[1].ended


@pytest.mark.parametrize("loss", [EOF, ReadError("connection reset"), b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
def test_an_idle_connection_that_ends_or_speaks_is_forgotten_silently(loss: bytes | TransportError) -> None:
    network = Network()
    network.answer(network.begin(0))
    before = list(network.session.facts)
    if isinstance(loss, bytes):
        network.client.receive_data(0, loss)
    else:
        network.client.connection_lost(0, loss)
    assert network.actions() == [Close(connection=0)]
    assert network.session.facts == before
    assert network.begin(1) == 1


LOSSES = [EOF, ReadError("connection reset"), WriteError("broken pipe")]


def lose(network: Network, connection: int, loss: bytes | TransportError) -> None:
    if isinstance(loss, bytes):
        network.client.receive_data(connection, loss)
    else:
        network.client.connection_lost(connection, loss)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_safe_request_lost_on_a_reused_connection_is_repeated_once(loss: bytes | TransportError) -> None:
    network = Network()
    network.begin(0)
    network.begin(1)
    network.answer(0)
    network.answer(1)
    before = list(network.session.facts)
    assert network.begin(2, safe_to_repeat=True) == 1
    lose(network, 1, loss)
    connect = Connect(connection=2, host="app.test", port=7860, tls=False, timeout=10.0)
    # Not on connection 0, which idled as long and is as dead.
    assert network.actions() == [Close(connection=1), connect]
    network.client.connection_made(2)
    assert network.session.facts == before
    assert network.settle() == [Send(connection=2, data=b"GET /api HTTP/1.1\r\nHost: app.test:7860\r\n\r\n")]
    lose(network, 2, loss)
    assert isinstance(network.session.answers[2].error, TransportError)
    assert network.actions() == [Close(connection=2)]


def test_a_repeated_request_brings_its_body_and_can_be_aborted() -> None:
    network = Network()
    network.answer(network.begin(0))
    network.start(1, "PUT", body=(b"all", b" of it"), safe_to_repeat=True)
    network.settle()
    network.client.receive_data(0, EOF)
    network.settle()
    assert network.written[1].endswith(b"\r\n\r\nall of it")
    network.session.commands.append(AbortExchange(exchange=1))
    assert network.actions() == [Close(connection=1)]


def test_a_request_that_waited_for_a_connection_is_repeated_too() -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=1))
    network.begin(0)
    network.start(1, safe_to_repeat=True)
    network.settle()
    network.answer(0)
    network.feed(0, [EOF])
    network.answer(1)
    assert network.session.answers[1].ended


def test_a_repeated_request_does_not_wait_for_those_behind_it() -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=1))
    network.answer(network.begin(0))
    network.begin(1, url=f"{URL}/first", safe_to_repeat=True)
    network.start(2, url=f"{URL}/second")
    network.settle()
    network.client.receive_data(0, EOF)
    network.settle()
    assert network.written[1].startswith(b"GET /api/first ")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("case", ["not safe", "new connection", "answered", "file"])
def test_any_other_lost_request_fails(case: str, loss: bytes | TransportError) -> None:
    network = Network()
    if case != "new connection":
        network.answer(network.begin(0))
    body = (FilePart(source="a", size=1),) if case == "file" else (b"x",)
    network.start(1, "POST", body=body, safe_to_repeat=case != "not safe")
    network.settle()
    if case == "answered":
        network.feed(0, [b"H"])
    lose(network, 0, loss)
    error = network.session.answers[1].error
    assert type(error) is (ReadError if isinstance(loss, bytes) else type(loss))
    assert str(error).startswith(f"POST {URL}: ")
    assert network.settle() == [Close(connection=0)]


def test_a_response_that_was_complete_before_the_loss_is_complete() -> None:
    network = Network()
    network.answer(network.begin(0))
    network.feed(0, [EOF])
    assert network.session.answers[0].ended


# --- a driver's mistakes ----------------------------------------------------------------------------------------------


def test_reports_about_connections_that_were_never_asked_for_are_refused() -> None:
    network = Network()
    network.begin(0)
    for number in (1, -1):
        with pytest.raises(LocalProtocolError, match=f"connection {number}: it was never asked for"):
            network.client.connection_made(number)
        with pytest.raises(LocalProtocolError):
            network.client.receive_data(number, b"x")
        with pytest.raises(LocalProtocolError):
            network.client.connection_lost(number, ReadError("x"))
        with pytest.raises(LocalProtocolError):
            network.client.file_sent(number, 1)
    network.answer(0)
    assert network.session.answers[0].ended


def test_a_connection_is_made_once() -> None:
    network = Network()
    network.begin(0)
    with pytest.raises(LocalProtocolError, match="can't handle connection_made when connection 0 is BUSY"):
        network.client.connection_made(0)
    network.answer(0)
    with pytest.raises(LocalProtocolError, match="can't handle connection_made when connection 0 is IDLE"):
        network.client.connection_made(0)
    assert network.begin(1) == 0


@pytest.mark.parametrize("data", [b"x", EOF])
def test_nothing_can_come_before_the_connection_is_made(data: bytes) -> None:
    network = Network()
    network.start(0)
    network.actions()
    with pytest.raises(LocalProtocolError, match="can't handle receive_data when connection 0 is CONNECTING"):
        network.client.receive_data(0, data)
    network.client.connection_made(0)
    network.settle()
    network.answer(0)
    assert network.session.answers[0].ended


# --- time -------------------------------------------------------------------------------------------------------------


def test_connecting_takes_no_longer_than_its_limit() -> None:
    network = Network(connect_timeout=3.0)
    network.client.tick(100.0)
    network.start(0)
    network.start(1, url=OTHER)
    network.actions()
    assert network.client.next_deadline() == 100.0, "the limit counts from the next tick"
    network.client.tick(101.0)
    assert network.client.next_deadline() == 104.0
    network.client.connection_made(1)
    network.client.tick(103.9)
    assert network.session.facts == []
    network.client.tick(104.0)
    error = network.session.answers[0].error
    assert type(error) is ConnectError
    assert str(error) == f"GET {URL}: connecting to app.test port 7860 (http) timed out after 3 s"
    assert network.settle()[-1] == Close(connection=0)
    assert 1 not in network.session.answers
    assert network.client.next_deadline() is None


def test_connecting_may_take_for_ever() -> None:
    network = Network(connect_timeout=None)
    network.start(0)
    assert network.actions() == [Connect(connection=0, host="app.test", port=7860, tls=False, timeout=None)]
    assert network.client.next_deadline() is None


def test_idle_connections_are_closed_before_the_server_does_it() -> None:
    network = Network()
    network.client.tick(10.0)
    for exchange in range(3):
        network.begin(exchange)
    network.begin(3, url=OTHER)
    network.answer(0)
    network.client.tick(11.0)
    network.answer(1)
    network.answer(3)
    network.client.tick(12.0)
    assert network.client.next_deadline() == 15.0
    network.client.tick(14.9)
    assert network.open == {0, 1, 2, 3}
    network.client.tick(15.0)
    network.settle()
    assert network.open == {1, 2, 3}
    assert network.client.next_deadline() == 16.0
    network.client.tick(16.0)
    network.settle()
    assert network.open == {2}
    assert network.client.next_deadline() is None
    assert network.begin(4) == 4
    assert [answer.error for answer in network.session.answers.values()] == [None] * 3


def test_an_idle_connection_counts_from_the_tick_after_its_last_answer() -> None:
    network = Network()
    network.client.tick(10.0)
    network.answer(network.begin(0))
    network.client.tick(10.0)
    network.answer(network.begin(1))
    assert network.client.next_deadline() == 10.0
    network.client.tick(13.0)
    network.client.tick(14.5)
    network.settle()
    assert network.open == {0}
    network.client.tick(17.0)
    network.settle()
    assert network.open == set()


def test_a_busy_connection_does_not_expire() -> None:
    network = Network()
    network.answer(network.begin(0))
    network.client.tick(10.0)
    network.begin(1)
    network.client.tick(100.0)
    assert network.settle() == []
    network.answer(0)
    assert network.session.answers[1].ended


def test_the_session_hears_the_time_and_its_deadline_counts() -> None:
    network = Network()
    network.session.deadline = 5.0
    assert network.client.next_deadline() == 5.0
    network.answer(network.begin(0))
    network.client.tick(2.0)
    assert network.client.next_deadline() == 5.0
    network.session.deadline = 7.0
    assert network.client.next_deadline() == 6.0
    assert network.session.ticks == [2.0]


def test_the_events_of_the_session_are_passed_on() -> None:
    network = Network()
    event = DownloadCompleted(download=1)
    network.session.events.append(event)
    assert network.client.next_event() is event
    assert network.client.next_event() is None


# --- the end ----------------------------------------------------------------------------------------------------------


def test_close_closes_everything_and_nothing_begins_after_it() -> None:
    network = Network(limits=WireLimits(max_connections_per_origin=3))
    network.client.tick(1.0)
    for exchange in range(3):
        network.start(exchange)
    network.settle()
    network.answer(1)
    network.answer(2)
    network.start(3, url=OTHER)
    network.start(4, url=OTHER)
    network.actions()
    before = list(network.session.facts)
    network.client.close()
    network.client.close()
    network.start(5)
    assert network.actions() == [Close(connection=number) for number in range(5)]
    assert network.client.next_deadline() is None
    network.client.receive_data(0, b"HTTP/1.1 200 OK\r\n\r\n")
    network.client.connection_made(3)
    network.client.tick(1000.0)
    assert network.actions() == []
    assert network.session.facts == before


def test_nothing_is_kept_of_what_is_over() -> None:
    network = Network()
    for exchange in range(3):
        network.feed(network.begin(exchange, url=f"http://host{exchange}.test/"), [b"HTTP/1.0 200 OK\r\n\r\n", EOF])
    network.client.tick(1.0)
    assert kept(network) == []
    for exchange in range(3, 6):
        network.begin(exchange)
    network.answer(3)
    network.client.close()
    network.settle()
    assert kept(network) == []


def kept(network: Network) -> list[str]:
    return [name for name, value in vars(network.client).items() if isinstance(value, (dict, list)) and value]


def test_importing_the_wire_loads_neither_wsproto_nor_a_socket() -> None:
    code = (
        "import sys, gradproto.wire; "
        "print(*sorted({'wsproto', 'socket', 'ssl', 'trio', 'asyncio', 'select'} & set(sys.modules)), sep=',')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == ""


# --- any order of things ----------------------------------------------------------------------------------------------

ANSWERS = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx and more",
    b"nonsense\r\n\r\n",
]


class PoolMachine(RuleBasedStateMachine):
    """Everything that can happen to a few exchanges and connections, in any order."""

    @initialize(size=st.integers(1, 3), idle=st.integers(0, 2))
    def set_up(self, size: int, idle: int) -> None:
        self.network = Network(
            limits=WireLimits(max_connections_per_origin=size, max_idle_per_origin=idle), connect_timeout=5.0
        )
        self.size = size
        self.now = 0.0
        self.started = 0
        self.aborted: set[int] = set()
        self.connecting: set[int] = set()

    def obey(self) -> None:
        for action in self.network.actions():
            if isinstance(action, Connect):
                self.connecting.add(action.connection)
            elif isinstance(action, Close):
                self.connecting.discard(action.connection)

    def made(self) -> list[int]:
        return sorted(self.network.open - self.connecting)

    @rule(repeat=st.booleans(), body=st.sampled_from([(), (b"abc",)]))
    def begin(self, repeat: bool, body: tuple[bytes, ...]) -> None:
        self.network.start(self.started, body=body, safe_to_repeat=repeat)
        self.started += 1
        self.obey()

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def abort(self, data: st.DataObject) -> None:
        exchange = data.draw(st.integers(0, self.started - 1))
        self.aborted.add(exchange)
        self.network.session.commands.append(AbortExchange(exchange=exchange))
        self.obey()

    @precondition(lambda self: self.connecting)
    @rule(data=st.data(), works=st.booleans())
    def connect(self, data: st.DataObject, works: bool) -> None:
        connection = data.draw(st.sampled_from(sorted(self.connecting)))
        self.connecting.remove(connection)
        if works:
            self.network.client.connection_made(connection)
        else:
            self.network.client.connection_lost(connection, ConnectError("refused"))
        self.obey()

    @precondition(lambda self: self.made())
    @rule(data=st.data(), answer=st.sampled_from([*ANSWERS, EOF]))
    def receive(self, data: st.DataObject, answer: bytes) -> None:
        self.network.client.receive_data(data.draw(st.sampled_from(self.made())), answer)
        self.obey()

    @precondition(lambda self: self.made())
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.network.client.connection_lost(data.draw(st.sampled_from(self.made())), ReadError("reset"))
        self.obey()

    @rule(seconds=st.sampled_from([0.0, 1.0, 3.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.network.client.tick(self.now)
        self.obey()

    @invariant()
    def the_limit_holds(self) -> None:
        assert len(self.network.open) <= self.size

    def teardown(self) -> None:
        """Answer whatever is asked: every exchange that was not aborted must end, and every connection expire."""
        network = self.network
        for _ in range(2 * self.started + 2):
            for connection in sorted(self.connecting):
                self.connecting.remove(connection)
                network.client.connection_made(connection)
                self.obey()
            for connection in self.made():
                network.client.receive_data(connection, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                network.client.receive_data(connection, EOF)
                self.obey()
        for exchange in set(range(self.started)) - self.aborted:
            answer = network.session.answers[exchange]
            assert answer.ended is not (answer.error is not None)
        assert network.open == set()


TestAnyOrder = PoolMachine.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)


def test_the_limits_have_defaults() -> None:
    network = Network()
    client = WireClient(network.session, entropy=bytes)
    network.start(0)
    assert client.next_action() == Connect(connection=0, host="app.test", port=7860, tls=False, timeout=10.0)
