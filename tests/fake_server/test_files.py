"""Uploads, downloads and produced files, over memory and on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto_fake_server import DirectoryFiles, FakeApp, FakeFile, MemoryFiles, MemoryServer, StoredFile, demo_app
from gradproto_fake_server._file_names import upload_name
from gradproto_fake_server._profiles import profile_for

from .wire import Http, Response, multipart

FORM = [("content-type", "multipart/form-data; boundary=the-boundary")]
UPPER = 5


@pytest.fixture(params=[MemoryFiles, DirectoryFiles])
def server(request: pytest.FixtureRequest) -> Iterator[MemoryServer]:
    files = request.param()
    yield MemoryServer(demo_app(files=files))
    files.close()


@pytest.fixture
def http(server: MemoryServer) -> Http:
    return Http(server)


def upload(http: Http, *files: tuple[str, bytes], query: str = "") -> list[str]:
    body = multipart([("files", name, content) for name, content in files])
    response = http.request("POST", f"/gradio_api/upload{query}", body=body, headers=FORM)
    assert response.status == 200, response
    paths: list[str] = response.json
    return paths


def refused(http: Http, body: bytes) -> Response:
    return http.request("POST", "/gradio_api/upload", body=body, headers=FORM)


def test_uploaded_files_can_be_fetched_again(http: Http) -> None:
    contents = [b"one", b"", b"\r\n--the-boundar"]
    paths = upload(http, *((f"{number}.txt", content) for number, content in enumerate(contents)))
    for path, content in zip(paths, contents, strict=True):
        assert http.request("GET", f"/gradio_api/file={path}").body == content


def test_equal_files_have_one_path_and_other_content_or_seed_another(http: Http) -> None:
    first, same, other = upload(http, ("a.txt", b"1"), ("a.txt", b"1"), ("a.txt", b"2"))
    assert first == same
    assert first != other
    elsewhere = Http(MemoryServer(demo_app(seed=1)))
    assert upload(elsewhere, ("a.txt", b"1"))[0].split("/")[-2] != first.split("/")[-2]


def test_only_what_was_stored_is_served(server: MemoryServer, http: Http, tmp_path: Path) -> None:
    (path,) = upload(http, ("a.txt", b"1"))
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    directory = os.path.dirname(path)
    for asked in (str(secret), directory, f"{directory}/", f"{directory}/../../etc/passwd", f"/{path}", path[1:], ""):
        response = http.request("GET", f"/gradio_api/file={asked}")
        assert (response.status, response.json) == (403, {"detail": f"File not allowed: {asked}."})


def test_a_function_gets_a_file_and_gives_one(http: Http) -> None:
    (path,) = upload(http, ("hello.txt", "héllo ß".encode()))
    http.join(UPPER, [{"path": path, "meta": {"_type": "gradio.FileData"}}])
    (result,) = http.stream().messages[-2]["output"]["data"]
    assert result == {
        "path": result["path"],
        "url": f"http://fake.test/gradio_api/file={result['path']}",
        "size": 9,
        "orig_name": "hello.txt",
        "mime_type": None,
        "is_stream": False,
        "meta": {"_type": "gradio.FileData"},
    }
    assert http.request("GET", result["url"].removeprefix("http://fake.test")).body == "HÉLLO SS".encode()


def test_a_character_across_two_pieces_is_upper_cased_too(http: Http) -> None:
    content = b"a" * ((1 << 20) - 1) + "é".encode() + b"z"
    (path,) = upload(http, ("big.txt", content))
    http.join(UPPER, [{"path": path, "meta": {"_type": "gradio.FileData"}}])
    (result,) = http.stream().messages[-2]["output"]["data"]
    response = http.request("GET", result["url"].removeprefix("http://fake.test"))
    assert response.body == b"A" * ((1 << 20) - 1) + "É".encode() + b"Z"


def produced(function: Any, outputs: list[str]) -> Any:
    app = FakeApp(show_error=True)
    app.endpoint("/f", outputs=outputs)(function)
    http = Http(MemoryServer(app))
    http.join(0, [])
    completed = http.stream().messages[-2]
    if not completed["success"]:
        return completed["output"]["error"]
    return [
        data and http.request("GET", data["url"].removeprefix("http://fake.test")).body
        for data in completed["output"]["data"]
    ]


def test_several_files_may_be_produced_whole_or_in_pieces() -> None:
    def function() -> tuple[FakeFile, FakeFile, None]:
        return FakeFile("a", b"1"), FakeFile("b", (piece for piece in (b"2", b"3"))), None

    assert produced(function, ["file", "file", "file"]) == [b"1", b"23", None]


def test_a_file_that_cannot_be_produced_fails_the_call_and_leaves_nothing() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"1"
        raise ValueError("no more")

    assert produced(lambda: FakeFile("a", pieces()), ["file"]) == "no more"


def test_a_generator_may_produce_files() -> None:
    app = FakeApp()

    @app.endpoint("/f", outputs=["file"])
    def function() -> Iterator[FakeFile]:
        yield FakeFile("a.txt", b"1")
        yield FakeFile("b.txt", b"22")

    http = Http(MemoryServer(app))
    http.join(0, [])
    first, second = [m["output"]["data"][0] for m in http.stream().messages if m["msg"] == "process_generating"]
    assert first["orig_name"] == "a.txt"
    assert ["append", ["size"], 2] not in second
    assert ["replace", ["size"], 2] in second


def test_a_file_that_is_being_produced_is_dropped_with_its_stream() -> None:
    closed: list[bool] = []

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    app = FakeApp()

    @app.endpoint("/f", outputs=["file"])
    def function() -> Iterator[FakeFile]:
        yield FakeFile("a", pieces())

    http = Http(MemoryServer(app))
    event_id = http.join(0, [])
    value = {"session_hash": "s", "fn_index": 0, "event_id": event_id}
    http.request("POST", "/gradio_api/cancel", value=value)
    assert app.job("/f").state == "cancelled"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "Cannot move /etc/passwd to the gradio cache"),
        ({"path": 5, "meta": {"_type": "gradio.FileData"}}, "Cannot move 5"),
        ({"path": "/etc/passwd"}, "1 validation error for FileData"),
        ("/etc/passwd", "1 validation error for FileData"),
    ],
)
def test_a_function_only_gets_files_that_were_stored(given: Any, error: str) -> None:
    http = Http(MemoryServer(demo_app(show_error=True)))
    http.join(UPPER, [given])
    assert http.stream().messages[-2]["output"]["error"].startswith(error)


def test_a_stored_file_shows_its_content_in_pieces() -> None:
    files = MemoryFiles()
    writer = files.create(b"")
    writer.write(b"abcde")
    file = writer.finish("a", 0.0)
    assert [*file.pieces(2)] == [b"ab", b"cd", b"e"]
    assert (file.read(), file.name, file.size) == (b"abcde", "a", 5)


def test_memory_has_a_limit() -> None:
    http = Http(MemoryServer(demo_app(files=MemoryFiles(limit=100))))
    response = refused(http, multipart([("files", "a", b"x" * 101)]))
    assert response.status == 413
    assert response.body == b"the fake server's files take more than 100 bytes of memory"
    upload(http, ("a", b"x" * 100))


def test_a_directory_is_removed_with_what_is_unfinished_in_it() -> None:
    files = DirectoryFiles()
    http = Http(MemoryServer(demo_app(files=files)))
    upload(http, ("a", b"1"))
    files.create(b"").write(b"unfinished")
    root = files.root
    assert os.path.isdir(root)
    files.close()
    assert not os.path.exists(root)


def test_parts_under_other_names_are_no_files(http: Http) -> None:
    body = multipart([("file", "a", b"1"), ("files", "b", b"2")])
    assert [path.split("/")[-1] for path in refused(http, body).json] == ["b"]


def test_plain_fields_and_parts_without_an_end_are_no_files(http: Http) -> None:
    field = b'--the-boundary\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--the-boundary--\r\n'
    assert refused(http, field).json == []
    assert refused(http, multipart([("files", "a", b"1")])[:-25]).json == []


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (multipart([("files", "..", b"1")]), 400, b'{"detail":"Invalid file name: .."}'),
        (b"x" * 100, 400, b"Could not parse multipart request: the body does not begin with the boundary"),
        (
            multipart([("files", "a", b"")] * 1001),
            400,
            b"Too many files. Maximum number of files is 1000.",
        ),
    ],
)
def test_bad_forms_are_refused(http: Http, body: bytes, status: int, text: bytes) -> None:
    response = refused(http, body)
    assert (response.status, response.body) == (status, text)


def test_a_file_over_the_limit_is_refused_before_it_is_over() -> None:
    http = Http(MemoryServer(demo_app(max_file_size=10)))
    body = multipart([("files", "a", b"x" * 10), ("files", "b", b"x" * 11), ("files", "c", b"x" * 10_000)])
    response = refused(http, body)
    assert (response.status, response.body) == (413, b"File size exceeded maximum allowed size of 10 bytes.")
    assert http.request("GET", "/gradio_api/user").status == 200


def test_an_upload_that_breaks_off_leaves_nothing() -> None:
    files = MemoryFiles()
    http = Http(MemoryServer(demo_app(files=files)))
    head = (
        b"POST /gradio_api/upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=the-boundary\r\n"
    )
    http.connection.receive_data(head + b"Content-Length: 1000\r\n\r\n" + multipart([("files", "a", b"x" * 300)])[:-40])
    assert files.used > 0
    http.connection.close()
    assert files.used == 0


def test_progress_is_told_to_who_listened_before(server: MemoryServer) -> None:
    listener, http = Http(server), Http(server)
    assert listener.start("GET", "/gradio_api/upload_progress?upload_id=x").status == 0
    upload(http, ("a b.txt", b"x" * 10), query="?upload_id=x")
    response = listener.more()
    assert response.whole
    assert response.body == (
        b'data: {"msg": "update", "orig_name": "a b.txt", "chunk_size": 10}\n\ndata: {"msg": "done"}\n\n'
    )


def test_progress_is_kept_for_who_listens_later(server: MemoryServer) -> None:
    http = Http(server)
    upload(http, ("a", b"x"), query="?upload_id=x")
    assert http.start("GET", "/gradio_api/upload_progress?upload_id=x").messages[-1] == {"msg": "done"}
    waiting = Http(server)
    waiting.start("GET", "/gradio_api/upload_progress?upload_id=x")
    server.advance(2.9)
    assert waiting.more().status == 0
    server.advance(0.1)
    assert (waiting.more().status, waiting.more().body) == (404, b"Upload not found")


def test_who_listens_in_the_middle_is_told_what_was_and_what_comes(server: MemoryServer) -> None:
    uploading, listener = server.connect(), Http(server)
    body = multipart([("files", "a", b"x" * 100)])
    head = b"POST /gradio_api/upload?upload_id=x HTTP/1.1\r\nHost: a\r\n"
    head += b"Content-Type: multipart/form-data; boundary=the-boundary\r\nContent-Length: %d\r\n\r\n" % len(body)
    uploading.receive_data(head + body[:-60])
    assert [m["msg"] for m in listener.start("GET", "/gradio_api/upload_progress?upload_id=x").messages] == ["update"]
    uploading.receive_data(body[-60:])
    messages = listener.more().messages
    assert messages[-1] == {"msg": "done"}
    assert sum(message.get("chunk_size", 0) for message in messages) == 100


def test_listeners_may_leave_at_any_time(server: MemoryServer) -> None:
    waiting, leaving = Http(server), Http(server)
    waiting.start("GET", "/gradio_api/upload_progress?upload_id=x")
    waiting.connection.close()
    server.advance(5)
    uploading = server.connect()
    body = multipart([("files", "a", b"x" * 100)])
    head = b"POST /gradio_api/upload?upload_id=y HTTP/1.1\r\nHost: a\r\n"
    head += b"Content-Type: multipart/form-data; boundary=the-boundary\r\nContent-Length: %d\r\n\r\n" % len(body)
    uploading.receive_data(head + body[:-60])
    leaving.start("GET", "/gradio_api/upload_progress?upload_id=y")
    leaving.connection.close()
    uploading.receive_data(body[-60:])
    assert uploading.data_to_send().startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("wanted", "status", "body", "where"),
    [
        ("bytes=2-5", 206, b"cdef", "bytes 2-5/10"),
        ("bytes=2-500", 206, b"cdefghij", "bytes 2-9/10"),
        ("bytes=0-0", 206, b"a", "bytes 0-0/10"),
        ("bytes=2-", 206, b"cdefghij", "bytes 2-9/10"),
        ("bytes=-3", 206, b"hij", "bytes 7-9/10"),
        ("bytes=-30", 206, b"abcdefghij", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=5-2", 206, b"c", "bytes 2-2/10"),
        ("lines=1-2", 400, b"Only support bytes range", None),
        ("bytes", 400, b"Malformed range header.", None),
        ("bytes=a-b", 400, b"Range header: range must be requested", None),
        ("bytes= 5-2", 400, b"Range header: start must be less than end", None),
        ("bytes=0-1,4-5", 500, b"Internal Server Error", None),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(
    http: Http, wanted: str, status: int, body: bytes, where: str | None
) -> None:
    (path,) = upload(http, ("a.txt", b"abcdefghij"))
    response = http.request("GET", f"/gradio_api/file={path}", headers=[("range", wanted)])
    assert (response.status, response.body, response.header("content-range")) == (status, body, where)


def test_a_range_beyond_the_end_is_refused(http: Http) -> None:
    (path,) = upload(http, ("a.txt", b"abcdefghij"))
    response = http.request("GET", f"/gradio_api/file={path}", headers=[("range", "bytes=10-12")])
    assert (response.status, response.header("content-range")) == (416, "bytes */10")


@pytest.mark.parametrize(
    ("name", "content_type", "disposition"),
    [
        ("a.txt", "text/plain; charset=utf-8", 'inline; filename="a.txt"'),
        ("a.png", "image/png", 'inline; filename="a.png"'),
        ("a.html", "application/octet-stream", 'attachment; filename="a.html"'),
        ("a.nosuch", "application/octet-stream", 'attachment; filename="a.nosuch"'),
        ("é ✓.txt", "text/plain; charset=utf-8", "inline; filename*=utf-8''%C3%A9%20%E2%9C%93.txt"),
    ],
)
def test_only_harmless_files_are_shown_in_a_browser(http: Http, name: str, content_type: str, disposition: str) -> None:
    from urllib.parse import quote

    (path,) = upload(http, (name, b"x"))
    for method in ("GET", "HEAD"):
        response = http.request(method, f"/gradio_api/file={quote(path)}")
        assert response.header("content-type") == content_type
        assert response.header("content-disposition") == disposition
        assert response.header("content-length") == "1"
    assert http.request("GET", f"/gradio_api/file/{quote(path)}").body == b"x"


def test_a_file_that_shrinks_while_it_is_sent_cuts_the_connection() -> None:
    files = DirectoryFiles()
    try:
        server = MemoryServer(demo_app(files=files))
        http = Http(server)
        (path,) = upload(http, ("a.bin", b"x" * 1_000_000))
        connection = server.connect()
        connection.receive_data(f"GET /gradio_api/file={path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        connection.data_to_send()
        os.truncate(path, 0)
        while connection.data_to_send():
            pass
        assert connection.closed
        assert server.app.requests[-1].end == "cut"
    finally:
        files.close()


def test_a_download_that_is_left_lets_go_of_its_file(server: MemoryServer, http: Http) -> None:
    (path,) = upload(http, ("a.bin", b"x" * 1_000_000))
    leaving = server.connect()
    leaving.receive_data(f"GET /gradio_api/file={path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    leaving.data_to_send()
    leaving.close()
    assert server.app.requests[-1].end == "disconnected"


def test_a_slow_reader_keeps_only_one_piece_of_a_file_in_memory(server: MemoryServer, http: Http) -> None:
    (path,) = upload(http, ("a.bin", b"x" * 1_000_000))
    reading = server.connect()
    reading.receive_data(f"GET /gradio_api/file={path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert len(reading.data_to_send()) < 100_000


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("a.txt", "a.txt"),
        ("../../a.txt", "a.txt"),
        ("..", None),
        ("", ""),
        (".", ""),
        ("$!`.txt", "file.txt"),
        ("a<b>|c.t:xt", "abc.txt"),
        ("x. .", "x"),
        ("NUL.tar.gz", "_NUL.tar.gz"),
        ("é" * 300 + ".txt", "é" * 98 + ".txt"),
        ("." + "x" * 300, "." + "x" * 199),
        ("a." + "x" * 300, "file." + "x" * 195),
    ],
)
def test_the_name_of_an_upload_is_made_safe(name: str, stored: str | None) -> None:
    assert upload_name(name, profile_for("6.31.0")) == stored


def test_a_stored_file_is_a_stored_file() -> None:
    assert StoredFile("/tmp/gradio/x/a.txt", 1, 0.0, [b"1"]).read() == b"1"
