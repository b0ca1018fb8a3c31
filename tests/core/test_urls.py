from __future__ import annotations

import string
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto import _urls as urls
from gradproto._errors import ArgumentError, RemoteProtocolError


@pytest.mark.parametrize(
    ("src", "base"),
    [
        ("http://example.com", "http://example.com"),
        ("https://example.com/", "https://example.com"),
        ("HTTP://Example.COM:80/Sub//", "http://example.com/Sub"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:80", "https://example.com:80"),
        ("http://example.com:/a", "http://example.com/a"),
        ("http://example.com./a", "http://example.com/a"),
        ("http://example.com?x=1", "http://example.com"),
        ("http://example.com/a/?__theme=dark#top", "http://example.com/a"),
        ("http://example.com/a/../b/./c/..", "http://example.com/b"),
        ("http://example.com/../..", "http://example.com"),
        ("http://example.com/a@b:c", "http://example.com/a@b:c"),
        ("http://example.com/ä%41%zz|", "http://example.com/%C3%A4%41%25zz%7C"),
        ("https://Bücher.example/", "https://xn--bcher-kva.example"),
        ("http://例え。テスト", "http://xn--r8jz45g.xn--zckzah"),
        ("http://[2001:DB8:0::1]:8080/a", "http://[2001:db8::1]:8080/a"),
        ("http://[::1]", "http://[::1]"),
        ("http://my_host:7860", "http://my_host:7860"),
        ("  http://example.com\n", "http://example.com"),
        ("localhost", "http://localhost"),
        ("localhost:7860/sub/", "http://localhost:7860/sub"),
        ("app.localhost", "http://app.localhost"),
        ("127.0.0.1:7860", "http://127.0.0.1:7860"),
        ("192.168.1.5", "http://192.168.1.5"),
        ("\uff11\uff12\uff17.0.0.1", "http://127.0.0.1"),
        ("34.1.2.3:7860", "http://34.1.2.3:7860"),
        ("34.1.2.3:443", "https://34.1.2.3"),
        ("[::1]:7860", "http://[::1]:7860"),
        ("gpu1:7860", "http://gpu1:7860"),
        ("gpu1:443", "https://gpu1"),
        ("gpu1.local", "http://gpu1.local"),
        ("owner-name.hf.space", "https://owner-name.hf.space"),
        ("abc.gradio.live/?view=api", "https://abc.gradio.live"),
        ("example.com/sub#x", "https://example.com/sub"),
        ("example.com:8443", "https://example.com:8443"),
    ],
)
def test_what_a_person_types_becomes_a_base_url(src: str, base: str) -> None:
    assert urls.parse_src(src) == base
    assert urls.parse_src(base) == base


@pytest.mark.parametrize(
    ("src", "complaint"),
    [
        ("", "'' is not the address of an app: it has no host"),
        ("http://", "'http://' is not the address of an app: it has no host"),
        ("http://:80/a", "it has no host"),
        ("//example.com/a", "it has no host"),
        ("http:example.com", "two slashes belong after the scheme"),
        ("HTTPS:/example.com", "two slashes belong after the scheme"),
        ("ftp://example.com", "its scheme is neither http nor https"),
        ("file:///etc/passwd", "its scheme is neither http nor https"),
        ("ws://example.com", "its scheme is neither http nor https"),
        ("http://exa mple.com", "it has a space or a control character in it"),
        ("http://example.com/a b", "it has a space or a control character in it"),
        ("http://example.com/\x00", "it has a space or a control character in it"),
        ("http://example.com/a\nb", "it has a space or a control character in it"),
        ("http://example.com/\u2003b", "it has a space or a control character in it"),
        ("http://example.com/\ud800", "it has a space or a control character in it"),
        ("http://example.com:0", "its port is no number from 1 to 65535"),
        ("http://example.com:65536", "its port is no number from 1 to 65535"),
        ("http://example.com:+80", "its port is no number from 1 to 65535"),
        ("http://example.com:\uff18\uff10", "its port is no number from 1 to 65535"),
        ("example.com:http", "its port is no number from 1 to 65535"),
        ("C:\\Users\\me", "its port is no number from 1 to 65535"),
        ("::1", "an IPv6 address belongs in brackets"),
        ("http://fe80::1/", "an IPv6 address belongs in brackets"),
        ("http://[::1", "its IPv6 address is not one in brackets"),
        ("http://[::1]a", "its IPv6 address is not one in brackets"),
        ("http://[1.2.3.4]", "its host is not an IPv6 address"),
        ("http://[fe80::1%25eth0]", "an IPv6 address in a URL cannot have a zone"),
        ("http://256.1.1.1", "its host is not an IPv4 address"),
        ("http://127.1", "its host is not an IPv4 address"),
        ("http://1.2.3.0x7", "its host is not an IPv4 address"),
        ("http://a..b", "its host is not a name"),
        ("http://-a.example", "its host is not a name"),
        ("http://.", "its host is not a name"),
        ("http://%41.example", "its host is not a name"),
        ("http://℀.example", "its host is not a name"),
        ("http://é..example", "its host is not a name"),
        ("http://" + "a" * 64, "its host is not a name"),
        ("http://" + "a." * 127 + "a", "its host is not a name"),
        ("gpt2", "it is neither a URL, nor host:port, nor owner/name of a Space"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(src: str, complaint: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        urls.parse_src(src)
    assert str(caught.value).endswith(complaint)
    assert repr(src.strip()[:40])[:-1].replace("\\", "") in str(caught.value).replace("\\", "")


@pytest.mark.parametrize(
    "src",
    [
        "http://user:hunter2@example.com/",
        "user:hunter2@example.com",
        "http://hunter2@example.com",
        "http://user:hunter2/x@example.com",
        "http://user:hunter2#x@example.com:80/a",
        "user:hunter2?x@example.com",
        "http://exa mple.com/?token=hunter2",
        "http://user:pass@word@hunter2@example.com",
    ],
)
def test_a_refusal_shows_no_password_and_no_token(src: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        urls.parse_src(src)
    assert "hunter2" not in str(caught.value)


def test_a_refusal_quotes_80_characters_at_most() -> None:
    with pytest.raises(ArgumentError) as caught:
        urls.parse_src("ftp://" + "a" * 10_000)
    assert len(str(caught.value)) < 200


@given(st.text(string.ascii_letters + string.digits + ":/@?#[].%-_ä ", max_size=30))
def test_any_text_is_an_address_in_normal_form_or_refused(src: str) -> None:
    try:
        base = urls.parse_src(src)
    except ArgumentError:
        return
    assert base.isascii()
    assert urls.parse_src(base) == base
    assert not base.endswith("/")
    parts = urlsplit(base)
    assert (parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]) == urls.origin(base)
    assert (parts.username, parts.query, parts.fragment) == (None, "", "")
    assert urls.host_header(base) == parts.netloc
    assert urls.target(base) == (parts.path or "/")


@pytest.mark.parametrize("src", ["gradio/hello_world", "a/b", "01-ai/Yi-34B.v1", "me_2/" + "x" * 96])
def test_a_name_of_a_space_is_one(src: str) -> None:
    assert urls.is_space_id(src)


@pytest.mark.parametrize(
    "src",
    [
        "",
        "a",
        "/b",
        "a/",
        "a/b/c",
        "localhost/sub",
        "Localhost/sub",
        "example.com/sub",
        "http://a/b",
        "a b/c",
        "a/b\n",
        "../b",
        "a/" + "x" * 97,
    ],
)
def test_what_is_no_name_of_a_space_is_not_taken_for_one(src: str) -> None:
    assert not urls.is_space_id(src)


@pytest.mark.parametrize(
    ("src", "space_id"),
    [
        ("https://huggingface.co/spaces/owner/name", "owner/name"),
        (" HTTPS://WWW.HuggingFace.co/spaces/owner/name/tree/main?x#y ", "owner/name"),
        ("hf.co/spaces/owner/name#x", "owner/name"),
        ("http://huggingface.co/spaces/owner/name?logs=build", "owner/name"),
        ("https://huggingface.co/spaces/owner", None),
        ("https://huggingface.co/spaces/owner/na me", None),
        ("https://huggingface.co/datasets/owner/name", None),
        ("https://example.com/spaces/owner/name", None),
        ("https://huggingface.co.example.com/spaces/owner/name", None),
        ("owner/name", None),
    ],
)
def test_the_page_of_a_space_names_it(src: str, space_id: str | None) -> None:
    assert urls.space_id_of_url(src) == space_id


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://example.com/a?b=c#d", "http://example.com/a?b=c#d"),
        ("http://user:pw@example.com/x@y", "http://example.com/x@y"),
        ("http://p@w@example.com", "http://example.com"),
        ("user:pw@example.com", "example.com"),
        ("user:123@example.com/x", "example.com/x"),
        ("user@example.com/a@b", "example.com/a@b"),
        ("http://user:p/w@example.com", "http://example.com"),
        ("http://example.com:80/a@b", "http://example.com:80/a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("http://example.com/a:b@c", "http://example.com/a:b@c"),
        ("http://h/file=http://user:pw@example.com/x?key=1", "http://h/file=http://example.com/x?key=***"),
        ("/x?token=1&a=2&__sign=e.f#access_token=g", "/x?token=***&a=2&__sign=***#access_token=***"),
        ("/x?API_KEY=1;X-Amz-Signature=2&password=&sig=3", "/x?API_KEY=***;X-Amz-Signature=***&password=***&sig=***"),
        ("/x?%74oken=1&session_hash=s&=v&w", "/x?%74oken=***&session_hash=s&=v&w"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert urls.redact_url(url) == shown


@given(st.text())
def test_showing_any_text_raises_nothing(url: str) -> None:
    urls.redact_url(url)
    assert urls.redact_url(f"http://h/?token={url.replace('&', '').replace(';', '').replace('#', '')}").endswith(
        "token=***"
    )


@pytest.mark.parametrize(
    ("base", "reference", "url"),
    [
        ("http://example.com/a/b?x", "c?y=z#f", "http://example.com/a/c?y=z"),
        ("http://example.com/a/b", "/c/", "http://example.com/c/"),
        ("http://example.com/a/b", "../../../c", "http://example.com/c"),
        ("http://example.com/a", "https://Other.example:443", "https://other.example/"),
        ("http://example.com/a", "https://other.example/a/./b/../c", "https://other.example/a/c"),
        ("http://example.com/a", "https://other.example/a/..", "https://other.example/"),
        ("https://example.com/a", "//other.example:80/x", "https://other.example:80/x"),
        ("http://example.com/a?b=c", "", "http://example.com/a?b=c"),
        ("http://example.com/a?b=c", "?d=e", "http://example.com/a?d=e"),
        ("http://example.com/a", " /b c?d e=ä%20% ", "http://example.com/b%20c?d%20e=%C3%A4%20%25"),
        ("http://example.com/a", "\\\\other.example", "http://example.com/%5C%5Cother.example"),
        ("http://example.com", "http://user:pw@other.example/x", "http://other.example/x"),
        ("http://example.com", "http://[::1]:7860/x", "http://[::1]:7860/x"),
        ("http://example.com", "http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://example.com", "/x?next=http://other.example/#/a", "http://example.com/x?next=http://other.example/"),
    ],
)
def test_a_redirect_leads_to_an_absolute_url(base: str, reference: str, url: str) -> None:
    assert urls.resolve(base, reference) == url


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        (
            "ftp://other.example",
            "'ftp://other.example', no usable URL: its scheme is neither http nor https, or it has no host",
        ),
        ("javascript:alert(1)", "neither http nor https"),
        ("https:", "neither http nor https"),
        ("https://", "it has no host"),
        ("http://[::1", "it is malformed"),
        ("http://other.example:99999/", "its port is no number"),
        ("/a\r\nset-cookie: x", "it has a control character in it"),
        ("http://127.1/", "its host is not an IPv4 address"),
        ("http://℀.example/", "it is malformed"),
        ("http://other.example:x/?token=hunter2", "/?token=***', no usable URL: its port"),
    ],
)
def test_a_redirect_to_nowhere_is_the_servers_fault(reference: str, complaint: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        urls.resolve("http://example.com/a", reference)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("the server points to ")


@given(st.text(max_size=30))
def test_any_redirect_is_a_sendable_url_or_an_error(reference: str) -> None:
    try:
        url = urls.resolve("http://example.com/a/b", reference)
    except RemoteProtocolError:
        return
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url
    assert "#" not in url
    assert urls.resolve("http://example.com/", url) == url


def test_a_route_is_joined_to_the_base() -> None:
    assert urls.join("http://example.com/sub", "/gradio_api/info") == "http://example.com/sub/gradio_api/info"


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("/tmp/gradio/ab/a b?#%&ä.txt", "/tmp/gradio/ab/a%20b%3F%23%25%26%C3%A4.txt"),
        ("C:\\tmp\\x", "C:%5Ctmp%5Cx"),
        ("a\ud800b", "a%3Fb"),
    ],
)
def test_a_path_is_escaped_for_a_download(path: str, quoted: str) -> None:
    assert urls.quote_path(path) == quoted


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_escaped_path_means_the_same_path(path: str) -> None:
    assert unquote(urls.quote_path(path)) == path


@pytest.mark.parametrize(
    ("url", "origin", "header"),
    [
        ("http://example.com/a", ("http", "example.com", 80), "example.com"),
        ("https://example.com", ("https", "example.com", 443), "example.com"),
        ("https://Example.com:80?x", ("https", "example.com", 80), "example.com:80"),
        ("WS://example.com:80/", ("http", "example.com", 80), "example.com"),
        ("wss://[::1]:7860/", ("https", "::1", 7860), "[::1]:7860"),
        ("http://user:pw@example.com/", ("http", "example.com", 80), "example.com"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: tuple[str, str, int], header: str) -> None:
    assert urls.origin(url) == origin
    assert urls.host_header(url) == header


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("/a?token=x", "'/a?token=***' is no absolute URL"),
        (
            "ftp://user:pw@example.com/a",
            "'ftp://example.com' is no usable URL: its scheme is neither http(s) nor ws(s)",
        ),
        ("http://example.com:x", "'http://example.com:x' is no usable URL: its port is no number from 1 to 65535"),
    ],
)
def test_what_has_no_origin_is_refused(url: str, complaint: str) -> None:
    for ask in (urls.origin, urls.host_header):
        with pytest.raises(ArgumentError) as caught:
            ask(url)
        assert str(caught.value) == complaint
    assert not urls.same_origin(url, url)


def test_the_request_line_is_of_an_absolute_url() -> None:
    with pytest.raises(ArgumentError, match="'/a' is no absolute URL"):
        urls.target("/a")


def test_the_same_origin_is_the_same_whatever_the_path() -> None:
    assert urls.same_origin("http://example.com/a", "HTTP://Example.com:80/b")
    assert urls.same_origin("http://example.com:7860/a", "ws://example.com:7860/b")
    assert not urls.same_origin("http://example.com", "https://example.com")
    assert not urls.same_origin("http://example.com", "http://example.com:81")
    assert not urls.same_origin("http://example.com", "http://sub.example.com")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.com", "/"),
        ("http://example.com?x=1", "/?x=1"),
        ("http://example.com/a/b?c=d/e#f", "/a/b?c=d/e"),
        ("http://example.com/file=http://x/y", "/file=http://x/y"),
    ],
)
def test_the_request_line_has_path_and_query(url: str, target: str) -> None:
    assert urls.target(url) == target
