"""Which proxy leads where: the argument, the environment's variables, and the exceptions to them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gradproto import ArgumentError, ConnectError
from gradproto.wire import Proxy
from gradproto_transports._proxy import Proxies

from .backends import Backend

HTTP = ("http", "app.test", 80)
HTTPS = ("https", "app.test", 443)
ONE = Proxy(host="one.test", port=3128)
TWO = Proxy(host="two.test", port=8080)


def found(where: tuple[str, str, int], **environment: str) -> Proxy | None:
    return Proxies(None, environment).find(where)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://one.test:3128", ONE),
        ("HTTP://One.Test.:3128/", ONE),
        ("http://one.test", Proxy(host="one.test", port=80)),
        ("https://one.test", Proxy(host="one.test", port=443, tls=True)),
        ("http://[::1]:3128", Proxy(host="::1", port=3128)),
        ("http://user:pass@one.test:1", Proxy(host="one.test", port=1, authorization=basic("user:pass"))),
        ("http://user@one.test:1", Proxy(host="one.test", port=1, authorization=basic("user:"))),
        (
            "http://us%40er:p%2Fa%3A:%C3%9F@one.test:1",
            Proxy(host="one.test", port=1, authorization=basic("us@er:p/a::ß")),
        ),
        ("http://user:p@ss@one.test:1", Proxy(host="one.test", port=1, authorization=basic("user:p@ss"))),
    ],
)
def test_a_url_of_a_proxy_says_where_it_is_and_who_asks(url: str, expected: Proxy) -> None:
    proxies = Proxies(url, {"no_proxy": "*", "http_proxy": "http://two.test:8080"})
    assert proxies.find(HTTP) == proxies.find(HTTPS) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("socks5://user:s3cret@one.test:1080", "http or https, not 'socks5'"),
        ("s3cret", "http or https"),
        ("one.test:3128", "http or https"),
        ("user:s3cret@one.test:3128", "http or https"),
        ("", "http or https"),
        ("http://", "no host"),
        ("http://user:s3cret@", "no host"),
        ("http://user:s3cret@one.test:99999", "port"),
        ("http://user:s3cret@one test:1", "host"),
        ("http://user:s3cret@[one]:1", ""),
        ("http://user:s3cret/s3cret@one.test:1", ""),
        ("http://user:s3#cret@one.test:1", ""),
        ("http://one.test:1/s3cret", "%2F"),
        ("http://one.test:1?s3cret", "%3F"),
        ("http://user%3A:s3cret@one.test:1", "character"),
        ("http://user:s3cret%0A@one.test:1", "character"),
    ],
)
def test_what_is_no_url_of_a_proxy_is_refused_and_not_shown(url: str, why: str) -> None:
    with pytest.raises(ArgumentError, match="proxy=") as caught:
        Proxies(url)
    assert why in str(caught.value)
    assert "s3" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("given", [True, 8080, b"http://one.test"])
def test_what_is_no_text_is_refused(given: Any) -> None:
    with pytest.raises(ArgumentError, match=f"not {type(given).__name__}"):
        Proxies(given)


def test_no_proxy_is_used_where_none_is_named_or_none_is_wanted() -> None:
    assert found(HTTP) is None
    assert Proxies(False, {"all_proxy": "http://one.test:3128"}).find(HTTP) is None


def test_each_scheme_has_its_variable_and_one_is_for_both() -> None:
    environment = {"HTTP_PROXY": "http://one.test:3128", "ALL_PROXY": "http://two.test:8080"}
    assert found(HTTP, **environment) == ONE
    assert found(HTTPS, **environment) == TWO
    assert found(HTTPS, HTTPS_PROXY="http://one.test:3128") == ONE
    assert found(HTTP, HTTPS_PROXY="http://one.test:3128") is None


def test_a_variable_in_lower_case_comes_first_even_if_it_is_empty() -> None:
    assert found(HTTP, http_proxy="http://one.test:3128", HTTP_PROXY="http://two.test:8080") == ONE
    assert found(HTTP, http_proxy="", HTTP_PROXY="http://two.test:8080") is None


def test_a_variable_may_leave_out_the_scheme() -> None:
    assert found(HTTPS, HTTPS_PROXY="one.test:3128") == ONE
    assert found(HTTPS, HTTPS_PROXY="u:p@one.test:3128") == Proxy(
        host="one.test", port=3128, authorization=basic("u:p")
    )


def test_who_asks_a_web_server_chooses_no_proxy() -> None:
    assert found(HTTP, HTTP_PROXY="http://one.test:3128", REQUEST_METHOD="GET") is None
    assert found(HTTP, http_proxy="http://one.test:3128", REQUEST_METHOD="GET") == ONE
    assert found(HTTPS, HTTPS_PROXY="http://one.test:3128", REQUEST_METHOD="GET") == ONE


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_variable_with_something_else_is_named_but_only_when_it_is_needed(name: str) -> None:
    proxies = Proxies(None, {name: "socks5h://user:s3cret@one.test:1080", "no_proxy": "localhost"})
    assert proxies.find(("https", "localhost", 443)) is None
    proxies.check("https://localhost/app")
    with pytest.raises(ArgumentError, match=rf"{name} is not .* not 'socks5h' \(proxy=False leaves"):
        proxies.check("https://app.test/app")
    with pytest.raises(ConnectError, match=f"{name} is not") as caught:
        proxies.find(HTTPS)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("exceptions", "host", "port", "covered"),
    [
        ("*", "app.test", 80, True),
        ("other.test, *", "app.test", 80, True),
        ("app.test", "app.test", 80, True),
        ("App.Test.", "app.test", 80, True),
        ("app.test", "sub.app.test", 80, True),
        (".app.test", "sub.app.test", 80, True),
        (".app.test", "app.test", 80, True),
        ("*.app.test", "sub.app.test", 80, True),
        ("app.test", "myapp.test", 80, False),
        (".app.test", "myapp.test", 80, False),
        ("one.test two.test,app.test", "two.test", 80, True),
        (",, ,", "app.test", 80, False),
        (".", "app.test", 80, False),
        ("app.test:8080", "app.test", 8080, True),
        ("app.test:8080", "app.test", 80, False),
        ("localhost", "127.0.0.1", 80, False),
        ("127.0.0.1", "127.0.0.1", 80, True),
        ("127.0.0.1:80", "127.0.0.1", 80, True),
        ("127.0.0.1:81", "127.0.0.1", 80, False),
        ("0.1", "127.0.0.1", 80, False),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.1/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.0.0.0/99", "10.1.2.3", 80, False),
        ("10.0.0.0/8", "app.test", 80, False),
        ("::1", "::1", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:81", "::1", 80, False),
        ("fd00::/8", "fd12::1", 80, True),
        ("10.0.0.0/8", "fd12::1", 80, False),
    ],
)
def test_the_exceptions_are_names_suffixes_ports_addresses_and_networks(
    exceptions: str, host: str, port: int, covered: bool
) -> None:
    proxy = found(("http", host, port), HTTP_PROXY="http://one.test:3128", NO_PROXY=exceptions)
    assert proxy == (None if covered else ONE)


def test_a_loopback_address_is_nothing_special() -> None:
    assert found(("http", "127.0.0.1", 7860), HTTP_PROXY="http://one.test:3128") == ONE
    assert found(("http", "localhost", 7860), HTTP_PROXY="http://one.test:3128") == ONE


def test_the_environment_is_read_once() -> None:
    environment = {"HTTP_PROXY": "http://one.test:3128"}
    proxies = Proxies(None, environment)
    environment["HTTP_PROXY"] = "http://two.test:8080"
    assert proxies.find(HTTP) == ONE


async def test_a_client_says_at_once_what_is_wrong_with_a_proxy(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ArgumentError, match="proxy= is not"):
        async with backend.open_client("http://app.test", proxy="socks5://one.test:1080"):
            pass
    monkeypatch.setenv("ALL_PROXY", "socks5://user:s3cret@one.test:1080")
    with pytest.raises(ArgumentError, match="ALL_PROXY is not") as caught:
        async with backend.open_client("http://app.test"):
            pass
    assert "s3cret" not in str(caught.value)


async def test_streams_from_elsewhere_go_through_no_proxy_as_well(backend: Backend) -> None:
    def fail(host: str, port: int, tls: bool) -> Any:
        raise AssertionError("nothing is opened")

    with pytest.raises(ArgumentError, match=r"either proxy= or open_stream="):
        async with backend.open_client("http://app.test", proxy="http://one.test:3128", open_stream=fail):
            pass
