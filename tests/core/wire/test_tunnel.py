"""The handshake with a proxy for a tunnel, however its answer is cut, and what is said of one that refuses."""

from __future__ import annotations

import base64

import h11
import pytest

from gradproto._errors import ConnectError
from gradproto.wire import Proxy, Tunnel
from tests.chunkings import chunkings

PROXY = Proxy(host="proxy.test", port=3128)
LOGIN = base64.b64encode(b"user:s3cret").decode()
WITH_LOGIN = Proxy(host="proxy.test", port=3128, authorization=f"Basic {LOGIN}")


def tunnel(proxy: Proxy = PROXY) -> Tunnel:
    return Tunnel(proxy, "app.test", 443)


def feed(digging: Tunnel, chunks: list[bytes]) -> None:
    """Give it all that it can bear."""
    for chunk in chunks:
        assert not digging.receive_data(chunk)


def error_of(answer: bytes, proxy: Proxy = PROXY, *, end: bool = False) -> ConnectError:
    """Return the error for an answer, which is the same however it comes."""
    errors: list[ConnectError] = []
    for chunks in chunkings(answer) if answer else [[]]:
        with pytest.raises(ConnectError) as caught:
            feed(tunnel(proxy), [*chunks, b""] if end else chunks)
        errors.append(caught.value)
    assert len({str(error) for error in errors}) == 1
    return errors[0]


def test_the_proxy_is_asked_for_the_other_end_and_told_nothing_else() -> None:
    assert tunnel().request == b"CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n"


def test_an_address_of_the_sixth_version_is_in_brackets() -> None:
    request = Tunnel(Proxy(host="::2", port=1), "::1", 7860).request
    assert request == b"CONNECT [::1]:7860 HTTP/1.1\r\nHost: [::1]:7860\r\n\r\n"


def test_the_proxy_gets_its_credentials_and_shows_them_to_nobody() -> None:
    assert f"Proxy-Authorization: Basic {LOGIN}\r\n".encode() in tunnel(WITH_LOGIN).request
    assert LOGIN not in repr(WITH_LOGIN)
    assert repr(WITH_LOGIN) == "Proxy(host='proxy.test', port=3128, tls=False)"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nProxy-Agent: old\r\n\r\n",
        b"HTTP/1.1 204 \r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: 1.1 proxy\r\n\r\n",
    ],
)
def test_any_answer_of_success_opens_the_tunnel_at_its_last_byte(answer: bytes) -> None:
    for chunks in chunkings(answer):
        digging = tunnel()
        assert [digging.receive_data(chunk) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_what_comes_with_the_answer_is_from_nobody_who_may_speak() -> None:
    with pytest.raises(ConnectError, match=r"proxy\.test:3128 sent more than its answer, .* a tunnel to app\.test:443"):
        tunnel().receive_data(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("status", "hint"),
    [(403, "NO_PROXY"), (405, "no tunnels"), (501, "no tunnels"), (502, "reach"), (503, "reach"), (504, "in time")],
)
def test_a_refusal_names_the_proxy_the_target_the_status_and_what_to_do(status: int, hint: str) -> None:
    error = error_of(b"HTTP/1.1 %d No Way\r\nContent-Length: 1000\r\n\r\n<html>" % status)
    expected = f"a tunnel to app.test:443: the proxy proxy.test:3128 refused it with status {status} 'No Way'"
    assert error.message == expected
    assert error.hint is not None
    assert hint in error.hint


def test_a_refusal_without_words_is_one_as_well() -> None:
    error = error_of(b"HTTP/1.1 418 \r\n\r\n")
    assert str(error) == "a tunnel to app.test:443: the proxy proxy.test:3128 refused it with status 418"


def test_a_proxy_that_wants_a_login_is_told_from_one_that_refuses_it() -> None:
    answer = b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n'
    assert "give it as proxy='http://user:password@host:port'" in str(error_of(answer))
    assert "did not accept the user name and password" in str(error_of(answer, WITH_LOGIN))


def test_a_long_refusal_is_quoted_in_part() -> None:
    error = error_of(b"HTTP/1.1 500 " + b"x" * 100 + b"\r\n\r\n")
    assert "'" + "x" * 80 + "'" in str(error)
    assert "x" * 81 not in str(error)


@pytest.mark.parametrize("said", [b"Bad " + LOGIN.encode(), b"s3cret is wrong"])
@pytest.mark.parametrize("start", [b"HTTP/1.1 407 ", b"This is "])
def test_a_proxy_that_says_the_credentials_is_not_quoted(start: bytes, said: bytes) -> None:
    error = error_of(start + said + b"\r\n\r\n", WITH_LOGIN)
    assert "s3cret" not in str(error)
    assert LOGIN not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_credentials_of_another_kind_are_not_shown_either() -> None:
    proxy = Proxy(host="proxy.test", port=3128, authorization="Bearer t0k3n")
    assert "t0k3n" not in str(error_of(b"HTTP/1.1 407 no t0k3n here\r\n\r\n", proxy))
    assert "'other'" in str(error_of(b"HTTP/1.1 407 other\r\n\r\n", proxy))


def test_what_does_not_speak_http_is_quoted() -> None:
    error = error_of(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n")
    assert "the proxy proxy.test:3128 does not speak HTTP" in str(error)
    assert "SSH-2.0" in str(error)


def test_a_header_that_is_none_is_not_shown() -> None:
    error = error_of(b"HTTP/1.1 200 OK\r\nCookie s3cret\r\n\r\n")
    assert "does not speak HTTP: illegal header line" in str(error)
    assert "s3cret" not in str(error)


def test_nobody_switches_to_another_protocol() -> None:
    error = error_of(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    assert "does not speak HTTP" in str(error)


def test_an_end_is_told_from_a_refusal() -> None:
    assert "closed the connection without an answer" in str(error_of(b"", end=True))
    assert "closed the connection inside its answer" in str(error_of(b"HTTP/1.1 200 OK\r\nVia", end=True))


@pytest.mark.parametrize(
    "chunks",
    [
        [b"HTTP/1.1 200 OK\r\n", b"a: " + b"x" * 70_000],
        [b"HTTP/1.1 200 OK\r\na: " + b"x" * 70_000 + b"\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 3_000,
    ],
)
def test_an_answer_has_a_limit(chunks: list[bytes]) -> None:
    with pytest.raises(ConnectError, match="larger than 65536 bytes"):
        feed(tunnel(), chunks)


def test_a_proxy_takes_the_request_for_what_it_is() -> None:
    server = h11.Connection(h11.SERVER)
    digging = tunnel(WITH_LOGIN)
    server.receive_data(digging.request)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target) == (b"CONNECT", b"app.test:443")
    assert isinstance(server.next_event(), h11.EndOfMessage)
    answer = server.send(h11.Response(status_code=200, headers=[]))
    assert digging.receive_data(answer)
