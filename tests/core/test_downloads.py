"""Fetching files from the app, and from nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gradproto import (
    ArgumentError,
    AuthenticationError,
    DeadlineExceeded,
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    DownloadStarted,
    FileData,
    JobError,
    LocalProtocolError,
    ReadError,
    RemoteProtocolError,
    Timeouts,
)
from tests.core.driving import Harness


def fetching(file: FileData | None = None, **options: Any) -> tuple[Harness, int]:
    harness = Harness("http://app.test/sub", **options).connect()
    assert harness.session.download(file or FileData(path="/tmp/a b.txt")) == 0
    (exchange,) = harness.pending()
    return harness, exchange


def failure(harness: Harness) -> Exception:
    failed = harness.one(DownloadFailed)
    assert failed.download == 0
    assert harness.idle()
    assert harness.due() is None
    assert harness.session._core.downloads == {}
    return failed.error


def test_a_file_comes_in_pieces() -> None:
    harness, exchange = fetching()
    request = harness.requests[exchange]
    assert (request.method, request.url) == ("GET", "http://app.test/sub/gradio_api/file=/tmp/a%20b.txt")
    assert request.safe_to_repeat
    harness.start(exchange, 200, [("Content-Length", "6"), ("Content-Type", "text/plain; charset=utf-8")])
    assert harness.events() == [DownloadStarted(download=0, size=6, mime_type="text/plain")]
    harness.data(exchange, b"abc", b"def")
    assert harness.events() == [
        DownloadDataReceived(download=0, data=b"abc"),
        DownloadDataReceived(download=0, data=b"def"),
    ]
    harness.finish(exchange)
    assert harness.events() == [DownloadCompleted(download=0)]
    assert harness.due() is None


@pytest.mark.parametrize("length", ["", "-1", "x", "1.5", "\u0663", "9" * 5000])
def test_a_file_need_not_say_how_large_it_is(length: str) -> None:
    harness, exchange = fetching()
    harness.start(exchange, 200, [("content-length", length)])
    assert harness.events() == [DownloadStarted(download=0, size=None, mime_type=None)]


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (403, {"detail": "File not allowed: /tmp/a b.txt."}, JobError, "the server answered 403: File not allowed"),
        (404, {"detail": "File not found: a."}, JobError, "404: File not found"),
        (401, b"", AuthenticationError, "wants a login"),
        (500, b"x" * 200_000, JobError, "500: 'xxx"),
        (206, b"part", JobError, "206: 'part'"),
        (304, b"", JobError, "304: nothing"),
    ],
)
def test_a_file_that_is_refused_is_a_failure(status: int, body: Any, kind: type[Exception], says: str) -> None:
    harness, exchange = fetching()
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    harness.start(exchange, status)
    harness.data(exchange, raw[:100_000], raw[100_000:])
    assert harness.events() == []
    harness.finish(exchange)
    error = failure(harness)
    assert type(error) is kind
    assert says in str(error)
    assert "the download of http://app.test/sub/gradio_api/file=/tmp/a%20b.txt" in str(error)


@pytest.mark.parametrize("begun", [True, False])
def test_a_connection_that_breaks_is_a_failure(begun: bool) -> None:
    harness, exchange = fetching()
    if begun:
        harness.start(exchange)
        harness.data(exchange, b"x")
    cause = ReadError("reset", hint="h")
    harness.fail(exchange, cause)
    error = failure(harness)
    assert isinstance(error, ReadError)
    assert error.message == "the download of http://app.test/sub/gradio_api/file=/tmp/a%20b.txt: reset"
    assert (error.hint, error.__cause__) == ("h", cause)


def test_what_is_no_http_is_a_failure_as_it_is() -> None:
    harness, exchange = fetching()
    error = RemoteProtocolError("no HTTP")
    harness.fail(exchange, error)
    assert failure(harness) is error


def test_a_file_may_take_as_long_as_it_comes() -> None:
    harness, exchange = fetching(timeouts=Timeouts(request=5))
    harness.start(exchange)
    harness.tick()
    for _ in range(5):
        harness.tick(4)
        harness.data(exchange, b"x")
    harness.events()
    harness.tick()
    harness.tick(5)
    assert isinstance(failure(harness), DeadlineExceeded)
    assert harness.aborted == [exchange]


def test_a_stream_is_fetched_where_streams_are() -> None:
    harness, exchange = fetching(FileData(path="s/1/2/playlist.m3u8", is_stream=True))
    assert harness.requests[exchange].url == "http://app.test/sub/gradio_api/stream/s/1/2/playlist.m3u8"


@pytest.mark.parametrize(
    "file",
    [
        FileData(path="https://other.test/x"),
        FileData(path=None, url="http://app.test:81/x"),
        FileData(path=None, url="//other.test/x"),
        FileData(path="http://app.test@other.test/x"),
    ],
)
def test_a_file_that_lies_elsewhere_is_not_fetched(file: FileData) -> None:
    harness = Harness(token="hf_s3cr3t").connect()
    assert harness.session.download(file) == 0
    error = failure(harness)
    assert isinstance(error, ArgumentError)
    assert "lies at another origin than the app; not fetched" in str(error)


def test_a_file_of_another_origin_is_fetched_where_that_is_allowed_and_without_credentials() -> None:
    allowed = ["https://cdn.other.test/some/path", "other.test:8080"]
    harness = Harness(token="hf_s3cr3t", cookies={"own": "c00kie"}, file_origins=allowed).connect()
    for url in ("https://cdn.other.test/a", "http://other.test:8080/b"):
        file = FileData(path=url)
        assert harness.session.may_download(file)
        harness.session.download(file)
        (exchange,) = harness.pending()
        request = harness.requests[exchange]
        assert request.url == url
        assert {name for name, _ in request.headers} == {"accept", "accept-encoding", "user-agent", "x-gradio-user"}
        harness.answer(exchange, body=b"content")
    assert not harness.session.may_download(FileData(path="http://cdn.other.test/a")), "another scheme"
    assert harness.session.may_download(FileData(path="/srv/x"))
    assert harness.session.may_download(FileData(path=None, url="data:,x"))
    assert harness.session.may_download(FileData(path=None)), "download says what is wrong with it"


@pytest.mark.parametrize("allowed", [True, False])
def test_a_download_is_redirected_to_another_origin_only_where_that_is_allowed(allowed: bool) -> None:
    harness = Harness(file_origins=["https://cdn.other.test"] if allowed else []).connect()
    harness.session.download(FileData(path="/srv/x"))
    harness.answer(harness.pending()[0], 302, headers=[("location", "https://cdn.other.test/x")])
    if allowed:
        (exchange,) = harness.pending()
        assert harness.requests[exchange].url == "https://cdn.other.test/x"
    else:
        assert "redirected to another origin, https://cdn.other.test/x: not followed (allow that" in str(
            failure(harness)
        )
        assert harness.idle()


@pytest.mark.parametrize(
    ("origins", "says"),
    [
        ("https://cdn.test", "must be a list of addresses, not str"),
        (b"https://cdn.test", "must be a list of addresses, not bytes"),
        (5, "must be a list of addresses, not int"),
        ([5], "holds an object of type int"),
        (["ftp://cdn.test"], "its scheme is neither http nor https"),
    ],
)
def test_origins_of_files_are_addresses(origins: Any, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        Harness(file_origins=origins)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (FileData(path=None), ArgumentError),
        (FileData(path=""), ArgumentError),
        (FileData(path=None, url="ftp://app.test/x"), RemoteProtocolError),
        (FileData(path="http://[::1"), RemoteProtocolError),
    ],
)
def test_a_file_that_lies_nowhere_is_a_failure_and_no_surprise(file: FileData, kind: type[Exception]) -> None:
    harness = Harness().connect()
    assert harness.session.download(file) == 0
    assert isinstance(failure(harness), kind)
    assert harness.session.download(FileData(path="/tmp/x")) == 1


def test_a_url_of_the_apps_own_is_fetched() -> None:
    harness = Harness("http://app.test").connect()
    harness.session.download(FileData(path=None, url="http://app.test:80/gradio_api/file=/x"))
    (exchange,) = harness.pending()
    assert harness.requests[exchange].url == "http://app.test/gradio_api/file=/x"


def test_a_redirect_is_followed_without_credentials() -> None:
    harness, exchange = fetching(token="hf_s3cr3t", cookies={"c": "1"}, file_origins=["https://cdn.test"])
    harness.start(exchange, 302, [("location", "https://cdn.test/x")])
    again = max(harness.pending())
    assert harness.requests[again].url == "https://cdn.test/x"
    assert not {"x-hf-authorization", "cookie"} & dict(harness.requests[again].headers).keys()
    harness.answer(again, body=b"abc")
    kinds = [type(event) for event in harness.events()]
    assert kinds == [DownloadStarted, DownloadDataReceived, DownloadCompleted]


def test_a_download_can_be_stopped() -> None:
    harness, exchange = fetching()
    harness.start(exchange)
    harness.data(exchange, b"x")
    harness.session.abort_download(0)
    assert len(harness.events()) == 2
    harness.commands()
    assert harness.aborted == [exchange]
    harness.session.response_data(exchange, b"y")
    harness.session.response_ended(exchange)
    assert harness.events() == []
    harness.session.abort_download(0)
    assert harness.idle()
    assert harness.due() is None


def test_a_download_that_is_over_can_be_stopped_without_harm() -> None:
    harness, exchange = fetching()
    harness.answer(exchange, body=b"x")
    harness.session.abort_download(0)
    assert harness.command() is None


@pytest.mark.parametrize("number", [-1, 1])
def test_a_download_that_was_never_begun_cannot_be_stopped(number: int) -> None:
    harness, exchange = fetching()
    with pytest.raises(LocalProtocolError, match=f"can't abort download {number}: it was never begun"):
        harness.session.abort_download(number)
    assert harness.pending() == [exchange]


def test_several_files_come_at_once() -> None:
    harness = Harness().connect()
    numbers = [harness.session.download(FileData(path=f"/tmp/{name}")) for name in "abc"]
    assert numbers == [0, 1, 2]
    for exchange in reversed(harness.pending()):
        harness.answer(exchange, body=b"x")
    completed = [event.download for event in harness.events() if isinstance(event, DownloadCompleted)]
    assert completed == [2, 1, 0]
    assert harness.session._core.downloads == {}
