"""One answer is spoiled on its way: its job says what happened, all others go on, and the client is as good as before.

`test_faults.FAULTS` says which faults there are and which test holds which.
"""

# ruff: noqa: ASYNC240 - looking at a file for a moment keeps nobody waiting here

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gradproto import (
    AppError,
    AuthenticationError,
    ConnectionLostError,
    DeadlineExceeded,
    GradprotoError,
    JobError,
    QueueFullError,
    RateLimitedError,
    ReadError,
    RemoteProtocolError,
    SessionExpiredError,
    Status,
    Timeouts,
    TransportError,
    UnsupportedServerError,
    WriteError,
)
from gradproto_fake_server import FakeServer, demo_app

from .backends import Backend
from .tampering import (
    Edit,
    Tampering,
    before_body,
    coalesce,
    cut,
    dribble,
    drop_header,
    gzipped,
    header,
    http10,
    instead,
    lines,
    messages,
    misframed,
    prefix,
    reset,
    stall,
    status,
    until_close,
)

JOIN = b"POST /gradio_api/queue/join"
STREAM = b"GET /gradio_api/queue/data"
UPLOAD = b"POST /gradio_api/upload"
FILE = b"/file="
PROXY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass
class Scene:
    """A client, a proxy between it and the app, and a job that is under way already."""

    fake: FakeServer
    proxy: Tampering
    client: Any
    sibling: Any
    downloads: Path


@asynccontextmanager
async def scene(backend: Backend, fake: FakeServer, downloads: Path, **options: Any) -> AsyncIterator[Scene]:
    """At the end the job under way is completed, another succeeds, and nothing is left behind."""
    downloads.mkdir(exist_ok=True)
    with Tampering(fake.url) as proxy:
        async with backend.open_client(proxy.url, download_files=downloads, **options) as client:
            running = backend.event()
            fake.hold("/count")
            sibling = await client.submit(3, api_name="/count", status_callbacks=_when_running(running))
            await running.wait()
            yield Scene(fake, proxy, client, sibling, downloads)
            fake.release("/count")
            assert await sibling.final() == "n=2"
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"
        fake.wait_for(lambda app: not app.open_streams)
    assert [path for path in downloads.rglob("*") if path.suffix == ".part"] == []


def _when_running(event: Any) -> Any:
    return lambda update: event.set() if update.code is Status.PROCESSING else None


async def failure(job: Any) -> GradprotoError:
    """Return what a job failed with; it did."""
    error = await job.exception()
    assert isinstance(error, GradprotoError)
    return error


# --- what fails a job, and what is said of it -------------------------------------------------------------------------


def only(msg: str, *instead: dict[str, Any] | bytes) -> Edit:
    """Say something else in the place of a message."""

    def change(message: dict[str, Any]) -> Iterable[dict[str, Any] | bytes]:
        return instead if message["msg"] == msg else [message]

    return messages(change)


def about(msg: str, /, **fields: object) -> Edit:
    """Say a message with other fields."""
    return messages(lambda message: [{**message, **fields} if message["msg"] == msg else message])


STOPPED = {"msg": "server_stopped", "message": "Server stopped unexpectedly.", "success": False}
ALL_LOST = {"msg": "unexpected_error", "message": "all is lost", "event_id": None}
NO_SESSION = {"msg": "unexpected_error", "message": "Session not found.", "session_not_found": True, "success": False}
QUOTA = "You have exceeded your GPU quota (60s requested vs. 0s left)."

# The fault: the request it happens to, what happens, the error, and what its text says.
Failure = tuple[bytes, "Edit | list[Edit] | str", type[Exception], str]

# The join: no answer, half of one, or another one.
JOINS: dict[str, Failure] = {
    "cut": (JOIN, "cut", ReadError, "/queue/join: the server closed the connection without an answer"),
    "reset": (JOIN, "reset", ReadError, "/queue/join: .* broke"),
    "cut in the head": (JOIN, before_body("cut"), ReadError, "inside the head of the response, after 20 bytes"),
    "reset in the head": (JOIN, before_body("reset"), ReadError, "/queue/join: .* broke"),
    "cut in the body": (JOIN, cut(5), ReadError, "inside the body of the response, after 5 of"),
    "no HTTP": (JOIN, instead(b"SSH-2.0-OpenSSH\r\n\r\n"), RemoteProtocolError, "/queue/join"),
    "no header": (JOIN, instead(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n"), RemoteProtocolError, "/queue/join"),
    "a length too large": (JOIN, misframed(10), ReadError, "inside the body of the response"),
    "a length too small": (JOIN, misframed(-10), RemoteProtocolError, "expected a JSON object"),
    "two lengths": (JOIN, header(b"content-length", b"3, 4"), RemoteProtocolError, "/queue/join"),
    "gzip": (JOIN, gzipped, RemoteProtocolError, "compressed .'gzip'"),
    "HTML": (JOIN, status(200, PROXY_PAGE, content_type="text/html"), RemoteProtocolError, "HTML page, '502 Bad Gate"),
    "no event id": (JOIN, status(200, b"{}"), RemoteProtocolError, "has no event id"),
    "null": (JOIN, status(200, b"null"), RemoteProtocolError, "expected a JSON object, got 'null'"),
    "nothing": (JOIN, status(200), RemoteProtocolError, "expected a JSON object, got nothing"),
    "204": (JOIN, instead(b"HTTP/1.1 204 No Content\r\n\r\n"), JobError, "answered 204"),
    "400": (JOIN, status(400, b'{"detail": "out of tokens"}'), JobError, "400: out of tokens"),
    "401": (JOIN, status(401, b'{"detail": "Not authenticated"}'), AuthenticationError, "wants a login"),
    "403": (JOIN, status(403, b"Forbidden"), JobError, "403: 'Forbidden'"),
    "404": (JOIN, status(404, b'{"detail": "Not Found"}'), JobError, "404: Not Found"),
    "413": (JOIN, status(413, b"Content Too Large"), JobError, "413: 'Content Too Large'"),
    "429": (JOIN, status(429, b"slow down", retry_after="7"), RateLimitedError, "wait 7 s: 'slow down'"),
    "500": (JOIN, status(500, b"Internal Server Error"), JobError, "500: 'Internal Server Error'"),
    "502": (JOIN, status(502, PROXY_PAGE, content_type="text/html"), JobError, "502: an HTML page, '502 Bad Gateway'"),
    "503, full": (
        JOIN,
        status(503, b'{"detail": "Queue is full."}'),
        QueueFullError,
        "Queue is full! Please try again",
    ),
    "503, otherwise": (JOIN, status(503, b'{"detail": "in maintenance"}'), JobError, "503: in maintenance"),
    "redirected away": (JOIN, status(307, location="http://elsewhere.test/"), RemoteProtocolError, "elsewhere.test"),
    "redirected to nowhere": (JOIN, status(307, location="http://["), RemoteProtocolError, "the join of job"),
}

# The event stream: not what it should be, or not to its end.
STREAMS: dict[str, Failure] = {
    "cut": (STREAM, "cut", ConnectionLostError, "/queue/data"),
    "reset": (STREAM, "reset", ConnectionLostError, "/queue/data"),
    "cut in the head": (STREAM, before_body("cut"), ConnectionLostError, "inside the head"),
    "cut at once": (STREAM, cut(0), ConnectionLostError, "/queue/data"),
    "reset at once": (STREAM, reset(0), ConnectionLostError, "/queue/data"),
    "cut in an event": (STREAM, cut(90), ConnectionLostError, "/queue/data"),
    "reset in an event": (STREAM, reset(90), ConnectionLostError, "/queue/data"),
    "over in an event": (STREAM, [until_close, cut(90)], ConnectionLostError, "job 1 of /echo"),
    "404": (STREAM, status(404, b'{"detail": "Session not found."}'), SessionExpiredError, "(?i)session"),
    "401": (STREAM, status(401, b'{"detail": "Not authenticated"}'), AuthenticationError, "wants a login"),
    "429": (STREAM, status(429, b"slow down", retry_after="7"), RateLimitedError, "slow down"),
    "503": (STREAM, status(503, b"in maintenance"), JobError, "in maintenance"),
    "HTML": (STREAM, status(200, PROXY_PAGE, content_type="text/html"), RemoteProtocolError, "got 'text/html'"),
    "gzip": (STREAM, gzipped, RemoteProtocolError, "compressed .'gzip'"),
    "no type": (STREAM, drop_header(b"content-type"), RemoteProtocolError, "expected text/event-stream, got ''"),
    "no JSON": (STREAM, only("process_starts", b'data: {"msg\n\n'), RemoteProtocolError, "not JSON: '{\"msg'"),
    "no message": (STREAM, only("process_starts", b"data: 7\n\n"), RemoteProtocolError, "not a message: '7'"),
    "no UTF-8": (STREAM, only("process_starts", b'data: "\xff"\n\n'), RemoteProtocolError, "not a message"),
    "the server stops": (STREAM, only("process_starts", STOPPED), ConnectionLostError, "Server stopped unexpectedly"),
    "an error of the session": (STREAM, only("process_starts", ALL_LOST), JobError, "all is lost"),
    "an error of the event": (STREAM, about("process_starts", msg="unexpected_error", message="oh"), JobError, "oh"),
    "session lost": (STREAM, only("process_starts", NO_SESSION), SessionExpiredError, "(?i)session"),
    "a failure with a text": (
        STREAM,
        about("process_completed", success=False, output={"error": "bad luck"}),
        AppError,
        "bad luck",
    ),
    "a failure without a text": (
        STREAM,
        about("process_completed", success=False, output={"error": None}),
        AppError,
        "show_error=True",
    ),
    "a failure without anything": (
        STREAM,
        about("process_completed", success=False, output=None),
        RemoteProtocolError,
        "has no output",
    ),
    "a quota": (STREAM, about("process_completed", success=False, output={"error": QUOTA}), AppError, "GPU quota"),
    "no output": (STREAM, about("process_completed", output=None), RemoteProtocolError, "has no output"),
    "no data": (STREAM, about("process_completed", output={"data": None}), RemoteProtocolError, "job 1"),
}
FAILURES = {
    f"{what}: {name}": one for what, all_ in (("join", JOINS), ("stream", STREAMS)) for name, one in all_.items()
}


@pytest.mark.parametrize("name", list(FAILURES))
async def test_a_job_fails_with_what_happened_and_no_other_does(
    backend: Backend, fake: FakeServer, tmp_path: Path, name: str
) -> None:
    asked, what, kind, text = FAILURES[name]
    async with scene(backend, fake, tmp_path) as here:
        if isinstance(what, str):
            here.proxy.arm(asked, unread=what)
        else:
            here.proxy.arm(asked, *(what if isinstance(what, list) else [what]))
        job = await here.client.submit("x", api_name="/echo")
        error = await failure(job)
        assert isinstance(error, kind), repr(error)
        assert re.search(text, str(error)), str(error)
        assert job.done()
        assert not job.cancelled()


async def test_a_join_over_a_connection_that_is_closed_at_that_moment_is_not_sent_again(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    """Whether the server has taken it is not known, and a function may cost money."""
    async with scene(backend, fake, tmp_path) as here:
        assert await here.client.predict("warm", api_name="/echo") == "warm"
        before = len([request for request in fake.requests if request.kind == "join"])
        here.proxy.arm(JOIN, before_body("cut"))
        job = await here.client.submit("x", api_name="/echo")
        assert isinstance(await failure(job), ReadError)
        assert len([request for request in fake.requests if request.kind == "join"]) == before + 1


# --- what harms nobody ------------------------------------------------------------------------------------------------


def twice(msg: str) -> Edit:
    return messages(lambda message: [message, message] if message["msg"] == msg else [message])


def beside(*others: dict[str, Any] | bytes) -> Edit:
    """Say other things before each message."""
    return messages(lambda message: [*others, message])


def late_start() -> Edit:
    """Say that the job starts only after it is completed."""
    held: list[dict[str, Any]] = []

    def change(message: dict[str, Any]) -> list[dict[str, Any] | bytes]:
        if message["msg"] == "process_starts":
            held.append(message)
            return []
        return [message, *held] if message["msg"] == "process_completed" else [message]

    return messages(change)


def ranks_going_up(message: dict[str, Any]) -> list[dict[str, Any] | bytes]:
    if message["msg"] != "estimation":
        return [message]
    return [{**message, "rank": rank, "queue_size": rank + 1} for rank in (0, 7, 2, 9)]


FOREIGN = {"msg": "process_completed", "event_id": "f" * 32, "output": {"data": ["not yours"]}, "success": True}
EXTRA = {"msg": "log", "event_id": None, "log": 5, "level": [], "surprise": {"deep": [None]}}

HARMLESS: dict[str, tuple[bytes, Edit | list[Edit]]] = {
    "join byte by byte": (JOIN, dribble(1)),
    "join until the connection ends": (JOIN, until_close),
    "join of HTTP/1.0": (JOIN, http10),
    "join of another type": (JOIN, header(b"content-type", b"text/plain")),
    "join with headers of no use": (JOIN, header(b"x-long", b"x" * 30_000)),
    "stream byte by byte": (STREAM, dribble(1)),
    "stream in threes": (STREAM, dribble(3)),
    "stream all at once": (STREAM, coalesce),
    "stream until the connection ends": (STREAM, until_close),
    "stream of HTTP/1.0": (STREAM, http10),
    "stream with CRLF": (STREAM, lines(b"\r\n")),
    "stream with CRLF, byte by byte": (STREAM, [lines(b"\r\n"), dribble(1)]),
    "stream with CR": (STREAM, lines(b"\r")),
    "stream with a byte order mark": (STREAM, prefix(b"\xef\xbb\xbf")),
    "stream with comments": (STREAM, [prefix(b":" + b" " * 4096 + b"\n\n"), beside(b": keep-alive\n\n")]),
    "stream with other fields": (STREAM, beside(b"retry: 5\n", b"id: 1\n", b"event: message\n")),
    "stream of another spelling": (STREAM, header(b"content-type", b"Text/Event-Stream;charset=UTF-8")),
    "unknown messages": (STREAM, beside({"msg": "news", "event_id": None}, {"msg": "news"}, {})),
    "messages with extra and wrong fields": (STREAM, beside(EXTRA)),
    "messages about a foreign event": (STREAM, beside(FOREIGN)),
    "messages without fields": (STREAM, beside({"msg": "estimation"}, {"msg": "progress"}, {"msg": "log"})),
    "a completion twice": (STREAM, twice("process_completed")),
    "a start twice": (STREAM, twice("process_starts")),
    "a start after the completion": (STREAM, late_start()),
    "no start": (STREAM, only("process_starts")),
    "no estimation": (STREAM, only("estimation")),
    "ranks that go up": (STREAM, messages(ranks_going_up)),
    "an end before the completion": (STREAM, only("process_starts", {"msg": "close_stream", "event_id": None})),
    "no heartbeat": (b"GET /gradio_api/heartbeat", status(404)),
}


@pytest.mark.parametrize("name", list(HARMLESS))
async def test_an_answer_that_is_odd_is_an_answer(
    backend: Backend, fake: FakeServer, tmp_path: Path, name: str
) -> None:
    asked, what = HARMLESS[name]
    text = "\u2028\u0085\0 \U0001f600 \u00e9\r\n" * 20
    async with scene(backend, fake, tmp_path) as here:
        here.proxy.arm(asked, *(what if isinstance(what, list) else [what]), times=2)
        assert await here.client.predict(text, api_name="/echo") == text
        job = await here.client.submit(text, [], api_name="/chat")
        outputs = [spoken(output) async for output in job]
        assert outputs[-1] == [text, f"You said: {' '.join(text.split())}"]


def spoken(chat: list[dict[str, Any]]) -> list[str]:
    return [message["content"][0]["text"] for message in chat]


async def test_an_edit_of_something_that_was_never_said_costs_that_output_only(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    seen: list[int] = []

    def broken(message: dict[str, Any]) -> list[dict[str, Any] | bytes]:
        if message["msg"] == "process_generating":
            seen.append(0)
            if len(seen) == 2:
                return [{**message, "output": {"data": [[["delete", ["no", "such", 3], None]]]}}]
        return [message]

    async with scene(backend, fake, tmp_path) as here:
        here.proxy.arm(STREAM, messages(broken))
        job = await here.client.submit("a b c", [], api_name="/chat")
        assert spoken(await job.final()) == ["a b c", "You said: a b c"]


# --- what does not come -----------------------------------------------------------------------------------------------


async def test_a_join_that_is_never_answered_is_given_up(backend: Backend, fake: FakeServer, tmp_path: Path) -> None:
    limits = Timeouts(request=1, stream_idle=None)
    async with scene(backend, fake, tmp_path, timeouts=limits) as here:
        for how in ({"unread": "stall"}, {}):
            here.proxy.arm(JOIN, *([] if how else [before_body("stall")]), **how)
            job = await here.client.submit("x", api_name="/echo")
            error = await failure(job)
            assert isinstance(error, DeadlineExceeded)
            assert "/queue/join within 1 s (the limit 'request' of the timeouts)" in str(error)


async def test_a_stream_that_stalls_is_given_up(backend: Backend, fake: FakeServer, tmp_path: Path) -> None:
    with Tampering(fake.url) as proxy:
        async with backend.open_client(proxy.url, timeouts=Timeouts(stream_idle=1)) as client:
            for how in ({"unread": "stall"}, {}):
                fault = proxy.arm(STREAM, *([] if how else [stall(90)]), **how)
                job = await client.submit("x", api_name="/echo")
                # Else it might be the other one's stream.
                assert await backend.in_thread(partial(fault.happened.wait, 60))
                other = await client.submit(30, api_name="/progress")
                error = await failure(job)
                assert isinstance(error, ConnectionLostError)
                assert "nothing came for 1 s (the limit 'stream_idle' of the timeouts)" in str(error)
                assert await other.result() == "done 30"
        fake.wait_for(lambda app: not app.open_streams)


async def test_a_completion_that_the_server_keeps_to_itself_is_waited_for_as_long_as_a_job_may_run(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    with Tampering(fake.url) as proxy:
        async with backend.open_client(proxy.url, timeouts=Timeouts(run=1)) as client:
            proxy.arm(STREAM, only("process_completed"))
            job = await client.submit("x", api_name="/echo")
            with pytest.raises(DeadlineExceeded, match="'run'"):
                await job.result()
            assert await client.predict("on it goes", api_name="/echo") == "on it goes"


# --- files ------------------------------------------------------------------------------------------------------------

FILES: dict[str, tuple[bytes, Edit | list[Edit] | str, type[Exception], str]] = {
    "upload cut": (UPLOAD, "cut", (ReadError, WriteError), "/upload"),
    "upload reset": (UPLOAD, "reset", (ReadError, WriteError), "/upload"),
    "upload refused": (UPLOAD, status(413, b'{"detail": "Maximum file size exceeded."}'), JobError, "413: Maximum"),
    "upload without paths": (UPLOAD, status(200, b"[]"), RemoteProtocolError, "upload"),
    "upload with something else": (UPLOAD, status(200, b'{"a": 1}'), RemoteProtocolError, "upload"),
    "upload answered by a page": (UPLOAD, status(200, PROXY_PAGE), RemoteProtocolError, "upload"),
    "file 403": (FILE, status(403, b'{"detail": "File not allowed: /x."}'), JobError, "403: File not allowed"),
    "file 404": (FILE, status(404, b'{"detail": "Not Found"}'), JobError, "404: Not Found"),
    "file too short": (FILE, misframed(10), ReadError, "/file="),
    "file cut": (FILE, cut(1000), ReadError, "/file="),
    "file reset": (FILE, reset(1000), ReadError, "/file="),
    "file cut in the head": (FILE, before_body("cut"), ReadError, "/file="),
    "file in compressed form": (FILE, gzipped, RemoteProtocolError, "compressed"),
    "file redirected to nowhere": (FILE, status(302, location="http://["), RemoteProtocolError, "no usable URL"),
}


@pytest.mark.parametrize("name", list(FILES))
async def test_a_file_that_does_not_go_through_fails_its_job_and_leaves_nothing(
    backend: Backend, fake: FakeServer, tmp_path: Path, name: str
) -> None:
    asked, what, kind, text = FILES[name]
    downloads = tmp_path / "downloads"
    async with scene(backend, fake, downloads) as here:
        if isinstance(what, str):
            here.proxy.arm(asked, unread=what)
        else:
            here.proxy.arm(asked, *(what if isinstance(what, list) else [what]))
        job = await here.client.submit(b"x" * 100_000, api_name="/upper")
        error = await failure(job)
        assert isinstance(error, kind), repr(error)
        assert re.search(text, str(error)), str(error)
        assert [path for path in downloads.rglob("*") if path.is_file()] == []
        assert Path(await here.client.predict(b"y", api_name="/upper")).read_bytes() == b"Y"


@pytest.mark.parametrize("edit", [until_close, http10, coalesce, dribble(1000), header(b"accept-ranges", b"none")])
async def test_a_file_comes_whole_in_any_frame(backend: Backend, fake: FakeServer, tmp_path: Path, edit: Edit) -> None:
    async with scene(backend, fake, tmp_path) as here:
        here.proxy.arm(FILE, edit)
        assert Path(await here.client.predict(b"x" * 100_000, api_name="/upper")).read_bytes() == b"X" * 100_000


# --- older generations ------------------------------------------------------------------------------------------------

OLD_STREAMS = {
    "3.50.2": b"GET /queue/join",  # a WebSocket
    "4.0.2": b"GET /queue/join",  # a stream of its own
    "4.12.0": b"GET /queue/data",
}


@pytest.mark.parametrize("version", list(OLD_STREAMS))
@pytest.mark.parametrize(
    "what",
    ["cut", "reset", before_body("cut"), cut(0), cut(40), reset(40), status(500, b"oh"), status(502, PROXY_PAGE)],
)
async def test_a_channel_of_an_older_generation_that_breaks_fails_its_job_alone(
    backend: Backend, tmp_path: Path, version: str, what: Edit | str
) -> None:
    with FakeServer(demo_app(version)) as fake:
        async with scene(backend, fake, tmp_path) as here:
            unread = what if isinstance(what, str) else None
            here.proxy.arm(OLD_STREAMS[version], *([] if isinstance(what, str) else [what]), unread=unread)
            job = await here.client.submit("x", api_name="/echo")
            error = await failure(job)
            assert isinstance(error, (JobError, TransportError, RemoteProtocolError)), repr(error)
            assert "/echo" in str(error) or "queue" in str(error)


@pytest.mark.parametrize("version", list(OLD_STREAMS))
@pytest.mark.parametrize("edit", [dribble(1), dribble(7)])
async def test_a_channel_of_an_older_generation_may_come_in_any_pieces(
    backend: Backend, tmp_path: Path, version: str, edit: Edit
) -> None:
    with FakeServer(demo_app(version)) as fake:
        async with scene(backend, fake, tmp_path) as here:
            here.proxy.arm(OLD_STREAMS[version], edit)
            assert await here.client.predict("\u2028 \u00e9", api_name="/echo") == "\u2028 \u00e9"


# --- connecting -------------------------------------------------------------------------------------------------------

CONNECTING: dict[str, tuple[bytes, Edit | str, type[Exception], str]] = {
    "config cut": (b"/config", "cut", TransportError, "/config"),
    "config reset": (b"/config", "reset", TransportError, "/config"),
    "config cut in the body": (b"/config", cut(100), ReadError, "/config"),
    "config in compressed form": (b"/config", gzipped, RemoteProtocolError, "compressed"),
    "a page of a sleeping Space": (
        b"GET ",
        status(503, b"<html><title>Space is sleeping</title>"),
        UnsupportedServerError,
        "Space is sleeping",
    ),
    "429": (b"/config", status(429, b"slow down", retry_after="7"), RateLimitedError, "slow down"),
    "info cut": (b"/info", cut(100), ReadError, "/info"),
    "info with an error": (b"/info", status(401, b"{}"), AuthenticationError, "wants a login"),
}


@pytest.mark.parametrize("name", list(CONNECTING))
async def test_what_keeps_a_client_from_connecting_is_told(backend: Backend, fake: FakeServer, name: str) -> None:
    asked, what, kind, text = CONNECTING[name]
    with Tampering(fake.url) as proxy:
        unread = what if isinstance(what, str) else None
        proxy.arm(asked, *([] if isinstance(what, str) else [what]), unread=unread, times=3)
        with pytest.raises(kind, match=text):
            async with backend.open_client(proxy.url):
                pass
