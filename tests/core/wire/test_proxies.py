"""Exchanges through proxies: which connection leads where, what the proxy is sent, and what it may refuse."""

from __future__ import annotations

import pytest

from gradproto._commands import OpenWebSocket
from gradproto._errors import ConnectError
from gradproto.wire import Connect, Proxy, WireLimits
from tests.chunkings import chunkings
from tests.core.wire.scripted import URL, Network, parse_request

PROXY = Proxy(host="proxy.test", port=3128, authorization="Basic dXNlcjpzM2NyZXQ=")
TLS_PROXY = Proxy(host="::1", port=443, tls=True)
SECURE = "https://app.test/api?a=b"


def network(
    proxy: Proxy | None = PROXY, *, connect_timeout: float | None = 10.0, limits: WireLimits | None = None
) -> Network:
    return Network(proxies=lambda where: proxy, connect_timeout=connect_timeout, limits=limits)


def open_websocket(network: Network, url: str) -> None:
    headers = (("authorization", "Bearer app"),)
    network.session.commands.append(OpenWebSocket(exchange=0, url=url, headers=headers))


def test_a_plain_request_is_given_to_the_proxy_to_forward() -> None:
    forwarding = network()
    connection = forwarding.begin(url="http://app.test/api?a=b")
    assert forwarding.log[0] == Connect(
        connection=0, host="app.test", port=80, tls=False, timeout=10.0, proxy=PROXY, tunnel=False
    )
    request, _ = parse_request(forwarding.written[connection])
    assert request.target == b"http://app.test/api?a=b"
    assert dict(request.headers)[b"host"] == b"app.test"
    assert dict(request.headers)[b"proxy-authorization"] == b"Basic dXNlcjpzM2NyZXQ="


def test_a_proxy_without_a_login_gets_none() -> None:
    forwarding = network(TLS_PROXY)
    request, _ = parse_request(forwarding.written[forwarding.begin()])
    assert request.target == URL.encode()
    assert b"proxy-authorization" not in dict(request.headers)


def test_requests_that_can_be_repeated_share_a_connection_to_the_proxy() -> None:
    forwarding = network()
    for exchange in range(3):
        assert forwarding.begin(exchange, safe_to_repeat=True) == 0
        forwarding.answer(0)
        assert forwarding.session.answers[exchange].body == b"ok"
    assert forwarding.written[0].count(b"GET http://app.test:7860/api HTTP/1.1\r\n") == 3


def test_a_request_that_cannot_be_repeated_is_not_given_to_a_proxy_that_may_be_closing() -> None:
    """tinyproxy closes after each answer, and does not say so."""
    forwarding = network()
    forwarding.answer(forwarding.begin(0))
    assert forwarding.begin(1, "POST") == 1
    forwarding.answer(1)
    assert forwarding.begin(2, safe_to_repeat=True) == 1
    forwarding.feed(1, [b""])
    assert forwarding.written[2].startswith(b"GET http://app.test:7860/api HTTP/1.1\r\n")


def test_a_request_that_needs_a_connection_of_its_own_gets_the_place_of_one_that_is_over() -> None:
    forwarding = network(limits=WireLimits(max_connections_per_origin=1))
    forwarding.answer(forwarding.begin(0))
    forwarding.start(1)
    forwarding.start(2)
    forwarding.settle()
    assert forwarding.open == {1}
    forwarding.answer(1)
    assert forwarding.open == {2}
    forwarding.answer(2)
    assert [forwarding.session.answers[exchange].body for exchange in range(3)] == [b"ok"] * 3


def test_requests_through_a_tunnel_share_it() -> None:
    tunnelling = network()
    for exchange in range(3):
        assert tunnelling.begin(exchange, "POST", SECURE) == 0
        tunnelling.answer(0)


@pytest.mark.parametrize("proxy", [PROXY, TLS_PROXY])
def test_a_request_with_tls_goes_through_a_tunnel_and_looks_as_without_a_proxy(proxy: Proxy) -> None:
    tunnelling = network(proxy)
    connection = tunnelling.begin(url=SECURE)
    assert tunnelling.log[0] == Connect(
        connection=0, host="app.test", port=443, tls=True, timeout=10.0, proxy=proxy, tunnel=True
    )
    assert tunnelling.written[connection] == b"GET /api?a=b HTTP/1.1\r\nHost: app.test\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "port", "tls"), [("ws://app.test/join", 80, False), ("wss://app.test/join", 443, True)]
)
def test_a_websocket_goes_through_a_tunnel(url: str, port: int, tls: bool) -> None:
    tunnelling = network()
    open_websocket(tunnelling, url)
    tunnelling.settle()
    assert tunnelling.log[0] == Connect(
        connection=0, host="app.test", port=port, tls=tls, timeout=10.0, proxy=PROXY, tunnel=True
    )
    assert tunnelling.written[0].startswith(b"GET /join HTTP/1.1\r\n")
    assert b"Proxy-Authorization" not in tunnelling.written[0]


def test_the_proxy_depends_on_the_origin() -> None:
    asked: list[tuple[str, str, int]] = []

    def proxies(where: tuple[str, str, int]) -> Proxy | None:
        asked.append(where)
        return PROXY if where[0] == "https" else None

    choosing = Network(proxies=proxies)
    for exchange, url in enumerate([URL, SECURE, URL]):
        choosing.begin(exchange, url=url)
    proxied = [action.proxy for action in choosing.log if isinstance(action, Connect)]
    assert proxied == [None, PROXY, None]
    assert set(asked) == {("http", "app.test", 7860), ("https", "app.test", 443)}


@pytest.mark.parametrize("url", [URL, SECURE])
def test_an_exchange_fails_where_the_proxy_cannot_be_told(url: str) -> None:
    def proxies(where: tuple[str, str, int]) -> Proxy | None:
        raise ConnectError(f"no proxy for {where[1]}")

    lost = Network(proxies=proxies)
    lost.start(url=url)
    open_websocket(lost, "ws://app.test/join")
    lost.session.commands[-1] = OpenWebSocket(exchange=1, url="ws://app.test/join")
    assert lost.actions() == []
    assert [str(lost.session.answers[exchange].error) for exchange in (0, 1)] == ["no proxy for app.test"] * 2


def test_a_proxy_that_wants_a_login_is_an_error_of_connecting_however_its_answer_is_cut() -> None:
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 4\r\n\r\nwhat"
    for chunks in chunkings(answer):
        forwarding = network(TLS_PROXY)
        connection = forwarding.begin(url="http://app.test/api?token=s3cret")
        forwarding.feed(connection, chunks)
        error = forwarding.session.answers[0].error
        assert isinstance(error, ConnectError)
        expected = "GET http://app.test/api?token=***: the proxy [::1]:443 refused it with status 407"
        assert error.message == f"{expected} 'Proxy Authentication Required'"
        assert error.hint is not None
        assert "user:password" in error.hint
        assert forwarding.session.answers[0].status is None
        assert forwarding.closed(connection)


@pytest.mark.parametrize(("proxy", "url"), [(None, URL), (PROXY, SECURE)])
def test_an_app_may_have_that_status_where_no_proxy_reads_along(proxy: Proxy | None, url: str) -> None:
    direct = network(proxy)
    direct.answer(direct.begin(url=url), b"HTTP/1.1 407 Strange\r\ncontent-length: 0\r\n\r\n")
    assert direct.session.answers[0].status == 407


def test_what_else_a_forwarding_proxy_refuses_is_an_answer() -> None:
    forwarding = network()
    forwarding.answer(forwarding.begin(), b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
    assert forwarding.session.answers[0].status == 502


def test_a_way_through_a_proxy_that_takes_too_long_names_it() -> None:
    slow = network(connect_timeout=5.0)
    slow.start(url=SECURE)
    slow.actions()
    slow.client.tick(0.0)
    slow.client.tick(5.0)
    error = slow.session.answers[0].error
    assert isinstance(error, ConnectError)
    expected = "connecting to app.test port 443 (https) through the proxy proxy.test:3128 timed out after 5 s"
    assert str(error) == f"GET {SECURE}: {expected}"
    slow.settle()
    assert slow.closed(0)
