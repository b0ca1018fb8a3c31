from __future__ import annotations

import email.message
import http.cookiejar
import urllib.request

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproto._cookies import MAX_COOKIES, MAX_LINE, CookieJar
from gradproto._errors import ArgumentError

APP = "https://app.example.com/sub/queue/join?x=/y"


def jar_with(*lines: str, url: str = APP) -> CookieJar:
    jar = CookieJar()
    jar.store(url, lines)
    return jar


def test_a_cookie_comes_back_to_its_host() -> None:
    jar = jar_with("a=1; Path=/", "b=2;path=/;HttpOnly;SameSite=lax")
    assert jar.header_for("https://app.example.com/") == "a=1; b=2"
    assert jar.header_for("https://app.example.com:443/x") == "a=1; b=2"
    assert jar.header_for("https://other.example.com/") is None
    assert jar.header_for("https://x.app.example.com/") is None


@pytest.mark.parametrize("elsewhere", ["https://app.example.com:8443/x", "http://app.example.com/x"])
def test_a_cookie_does_not_go_to_another_port(elsewhere: str) -> None:
    jar = jar_with("a=1; Path=/", "b=2; Path=/; Domain=example.com")
    assert jar.header_for(elsewhere) is None
    # What another port says under the same name is another cookie.
    jar.store(elsewhere, ["a=3; Path=/"])
    assert jar.header_for(elsewhere) == "a=3"
    jar.store(elsewhere, ["a=; Path=/; Max-Age=0"])
    assert jar.header_for("https://app.example.com/") == "a=1; b=2"


def test_an_empty_jar_has_no_header() -> None:
    assert CookieJar().header_for(APP) is None


def test_a_new_value_replaces_the_old_one_in_its_place() -> None:
    jar = jar_with("a=1; Path=/", "b=2; Path=/", "a=3; Path=/")
    assert jar.header_for(APP) == "a=3; b=2"


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("a=1=2", "a=1=2"),
        (" a = 1 2 ;", "a=1 2"),
        ('a="1"', 'a="1"'),
        ("a=", "a="),
        ("a", None),
        ("=1", None),
        (" =1", None),
        ("", None),
        (";a=1", None),
        ("a=1\x00", None),
        ("a=1\r\nb=2", None),
        ("a=1; Path=/\x7f", None),
        ("a=ä", None),
        ("a=" + "x" * (MAX_LINE - 2), "a=" + "x" * (MAX_LINE - 2)),
        ("a=" + "x" * (MAX_LINE - 1), None),
    ],
)
def test_a_malformed_cookie_is_ignored(line: str, header: str | None) -> None:
    assert jar_with(line).header_for(APP) == header


@pytest.mark.parametrize(
    ("attribute", "to_host", "to_below", "to_parent"),
    [
        ("", True, False, False),
        ("Domain=", True, False, False),
        ("Domain=.", True, False, False),
        ("Domain=app.example.com", True, True, False),
        ("domain=.APP.example.com", True, True, False),
        ("Domain=example.com", True, True, True),
        ("Domain=other.example; Domain=example.com", True, True, True),
        ("Domain=com", False, False, False),
        ("Domain=other.example.com", False, False, False),
        ("Domain=x.app.example.com", False, False, False),
        ("Domain=pp.example.com", False, False, False),
        ("Domain=..example.com", False, False, False),
    ],
)
def test_a_domain_widens_a_cookie_only_to_names_that_cover_the_host(
    attribute: str, to_host: bool, to_below: bool, to_parent: bool
) -> None:
    jar = jar_with(f"a=1; Path=/; {attribute}")
    assert (jar.header_for("https://app.example.com/") == "a=1") is to_host
    assert (jar.header_for("https://x.app.example.com/") == "a=1") is to_below
    assert (jar.header_for("https://example.com/") == "a=1") is to_parent
    assert jar.header_for("https://notexample.com/") is None


@pytest.mark.parametrize(
    ("url", "domain", "stored"),
    [
        ("http://localhost:7860/", "localhost", True),
        ("http://app.localhost/", "localhost", False),
        ("http://127.0.0.1/", "127.0.0.1", True),
        ("http://127.0.0.1/", "0.0.1", False),
        ("https://me-app.hf.space/", "hf.space", False),
        ("https://me-app.hf.space/", "me-app.hf.space", True),
        ("https://hf.space/", "hf.space", True),
    ],
)
def test_a_domain_where_strangers_live_is_refused(url: str, domain: str, stored: bool) -> None:
    jar = jar_with(f"a=1; Domain={domain}", url=url)
    assert jar.header_for(url) == ("a=1" if stored else None)


def test_a_shared_host_may_set_a_cookie_for_itself_only() -> None:
    jar = jar_with("a=1; Path=/; Domain=hf.space", url="https://hf.space/")
    assert jar.header_for("https://me-app.hf.space/") is None


@pytest.mark.parametrize(
    ("path", "asked", "sent"),
    [
        ("", "/sub/queue", True),
        ("", "/sub/queue/x?y", True),
        ("", "/sub/queues", False),
        ("", "/sub", False),
        ("Path=", "/sub/queue", True),
        ("Path=x", "/", False),
        ("Path=/", "/", True),
        ("Path=/", "", True),
        ("Path=/a", "/a", True),
        ("Path=/a", "/a?b", True),
        ("Path=/a", "/a/", True),
        ("Path=/a", "/ab", False),
        ("Path=/a", "/", False),
        ("Path=/a/", "/a", False),
        ("Path=/a/", "/a/b", True),
    ],
)
def test_a_cookie_is_for_its_path_and_below(path: str, asked: str, sent: bool) -> None:
    jar = jar_with(f"a=1; {path}")
    assert jar.header_for(f"https://app.example.com{asked}") == ("a=1" if sent else None)


def test_a_cookie_of_a_page_at_the_top_is_for_all_paths() -> None:
    for url in ("https://app.example.com", "https://app.example.com/config"):
        assert jar_with("a=1", url=url).header_for(APP) == "a=1"


def test_cookies_of_longer_paths_come_first() -> None:
    jar = jar_with("a=1; Path=/", "b=2; Path=/sub/queue", "c=3; Path=/sub", "a=4; Path=/sub")
    assert jar.header_for(APP) == "b=2; c=3; a=4; a=1"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://app.example.com/", True),
        ("wss://app.example.com/", True),
        ("http://app.example.com/", False),
        ("ws://app.example.com/", False),
    ],
)
def test_a_secure_cookie_goes_over_tls_only(url: str, sent: bool) -> None:
    assert jar_with("a=1; Path=/; Secure").header_for(url) == ("a=1" if sent else None)


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("localhost:7860", True),
        ("app.localhost", True),
        ("127.0.0.1:7860", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("192.168.1.5", False),
        ("localhost.example.com", False),
    ],
)
def test_a_secure_cookie_goes_to_this_machine_without_tls(host: str, sent: bool) -> None:
    url = f"http://{host}/"
    assert jar_with("a=1; Secure", url=url).header_for(url) == ("a=1" if sent else None)


def test_the_login_of_gradio_works_without_tls() -> None:
    lines = [
        "access-token-AbC=T; HttpOnly; Path=/; SameSite=none; Secure",
        "access-token-unsecure-AbC=T; HttpOnly; Path=/; SameSite=lax",
    ]
    jar = jar_with(*lines, url="http://192.168.1.5:7860/login")
    assert jar.header_for("http://192.168.1.5:7860/gradio_api/info") == "access-token-unsecure-AbC=T"
    jar = jar_with(*lines, url="https://app.example.com/login")
    assert jar.header_for(APP) == "access-token-AbC=T; access-token-unsecure-AbC=T"


@pytest.mark.parametrize(
    ("attributes", "deletes"),
    [
        ("Max-Age=0", True),
        ("max-age=-1", True),
        ("Max-Age=1", False),
        ("Max-Age=soon", False),
        ("Max-Age=" + "9" * 5000, False),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
        ("expires=Thu, 01-Jan-70 00:00:01 GMT", True),
        ("Expires=Wed, 21 Oct 2015 07:28:00 GMT", False),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", False),
        ("Expires=Wed, 21 Oct 2099 07:28:00 GMT; Max-Age=0", True),
        ("Max-Age=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
    ],
)
def test_a_server_deletes_a_cookie_by_age_or_by_a_date_long_past(attributes: str, deletes: bool) -> None:
    jar = jar_with("a=1; Path=/", f"a=2; Path=/; {attributes}")
    assert jar.header_for(APP) == (None if deletes else "a=2")


def test_deleting_what_is_not_there_changes_nothing() -> None:
    jar = jar_with("a=1; Path=/", "a=; Path=/other; Max-Age=0", "b=; Path=/; Max-Age=0")
    assert jar.header_for(APP) == "a=1"


def test_beyond_the_limit_the_oldest_cookie_goes() -> None:
    jar = jar_with(*(f"c{i}={i}; Path=/" for i in range(MAX_COOKIES + 2)))
    header = jar.header_for(APP)
    assert header is not None
    assert len(header.split("; ")) == MAX_COOKIES
    assert header.startswith("c2=2; c3=3")


def test_a_cookie_of_the_users_is_for_the_whole_host() -> None:
    jar = CookieJar()
    jar.set("a", 'x "y", z', "http://app.example.com:7860/sub/x")
    assert jar.header_for("http://app.example.com:7860/") == 'a=x "y", z'
    assert jar.header_for("http://app.example.com/") is None
    assert jar.header_for("http://x.app.example.com/") is None


def test_a_cookie_of_the_users_does_not_fall_back_from_tls() -> None:
    jar = CookieJar()
    jar.set("a", "1", "https://app.example.com/")
    assert jar.header_for("http://app.example.com/") is None
    assert jar.header_for("https://app.example.com/") == "a=1"


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "ä", "a\n"])
def test_a_name_that_no_cookie_can_have_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match="is no name of a cookie"):
        CookieJar().set(name, "1", APP)


@pytest.mark.parametrize("value", ["hunter2;", "hunter2\r\nX: y", "hunter2ä", " hunter2", "hunter2 "])
def test_a_value_that_no_cookie_can_have_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        CookieJar().set("a", value, APP)
    assert str(caught.value) == "the value of the cookie 'a' has characters that no cookie can have"


def test_the_repr_shows_no_values() -> None:
    assert repr(jar_with("a=hunter2", "b=hunter2; Domain=example.com")) == "CookieJar(a@app.example.com, b@example.com)"
    assert repr(CookieJar()) == "CookieJar()"


hosts = st.sampled_from(["example.com", "app.example.com", "x.app.example.com", "other.com"])
urls = st.builds(
    lambda scheme, host, path: f"{scheme}://{host}:8000{path}",  # the other jar does not look at ports
    st.sampled_from(["http", "https"]),
    hosts,
    st.sampled_from(["/", "/a", "/a/", "/a/b", "/ab", "/a/b/c"]),
)
lines = st.builds(
    lambda value, attributes: "; ".join([value, *attributes]),
    st.sampled_from("123"),
    st.lists(
        st.sampled_from(
            ["Domain=example.com", "Domain=app.example.com", "Domain=.com", "Path=/", "Path=/a", "Path=/a/"]
        )
        | st.sampled_from(["Secure", "Max-Age=0", "Max-Age=1000"]),
        max_size=3,
        unique_by=lambda attribute: attribute[:4],
    ),
)


@given(stored=st.lists(st.tuples(urls, lines), max_size=5), asked=urls)
@example(stored=[("http://app.example.com:8000/a/b", "1; Domain=example.com")], asked="http://example.com:8000/a/b/c")
def test_the_standard_librarys_jar_agrees(stored: list[tuple[str, str]], asked: str) -> None:
    class Response:
        def __init__(self, line: str) -> None:
            self.headers = email.message.Message()
            self.headers["Set-Cookie"] = line

        def info(self) -> email.message.Message:
            return self.headers

    host_only = http.cookiejar.DefaultCookiePolicy(
        strict_ns_domain=http.cookiejar.DefaultCookiePolicy.DomainStrictNonDomain
    )
    reference = http.cookiejar.CookieJar(host_only)
    jar = CookieJar()
    # Each name once: the older standard that this jar follows keeps a cookie with and one without a Domain apart.
    for index, (url, value) in enumerate(stored):
        line = f"c{index}={value}"
        reference.extract_cookies(Response(line), urllib.request.Request(url))  # type: ignore[arg-type]
        jar.store(url, [line])
    request = urllib.request.Request(asked)
    reference.add_cookie_header(request)
    expected = request.get_header("Cookie")
    assert sorted((jar.header_for(asked) or "").split("; ")) == sorted((expected or "").split("; "))
