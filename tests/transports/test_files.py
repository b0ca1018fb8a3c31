"""Files on their way to the app and back, the same for every client."""

# ruff: noqa: ASYNC240 - looking at a file for a moment keeps nobody waiting here

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from gradproto import ArgumentError, Call, FileData, FilePart, GradprotoError, LocalFile, ReadError
from gradproto._payload import find_uploads
from gradproto_fake_server import FakeApp, FakeServer, json_value
from gradproto_transports._files import FileSource, with_sizes
from gradproto_transports.sync import handle_file
from tests.core.documents import old_endpoint

from .backends import Backend

TEXT = "First line\nzweite Zeile: äöü\n"
# More than one piece of an upload, more than one read of a download.
LARGE = b"0123456789abcdef" * (1 << 17)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A text file."""
    file = tmp_path / "some text.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


async def test_a_file_goes_up_in_every_form(backend: Backend, url: str, path: Path) -> None:
    async with backend.open_client(url) as client:
        with path.open("rb") as opened:
            given = {
                "path": path,
                "string": str(path),
                "bytes": TEXT.encode(),
                "open file": opened,
                "memory": io.BytesIO(TEXT.encode()),
                "handled path": handle_file(path),
                "handled string": handle_file(str(path), name="other.txt"),
                "handled bytes": handle_file(TEXT.encode(), name="bytes.txt"),
            }
            names: dict[str, str] = {}
            for form, file in given.items():
                result = await client.predict(file, api_name="/upper")
                assert isinstance(result, str)
                assert Path(result).read_text(encoding="utf-8") == TEXT.upper(), form
                names[form] = os.path.basename(result)
    assert names["path"] == names["string"] == names["open file"] == names["handled path"] == "some text.txt"
    assert names["handled string"] == "other.txt"
    assert names["handled bytes"] == "bytes.txt"


def two_of(file: LocalFile) -> Call:
    """A call that uploads the same file twice, its sizes known."""
    return with_sizes(Call(endpoint=old_endpoint(["file", "file"], [], payload="named"), data=[], files=(file, file)))


def test_an_open_file_can_be_on_its_way_twice_at_once() -> None:
    opened = io.BytesIO(b"not this" + LARGE)
    opened.seek(8)
    parts = [
        FilePart(source=file.source, size=file.size or 0, start=file.start)
        for file in two_of(LocalFile(source=opened, orig_name="x")).files
    ]
    sources = [FileSource(part) for part in parts]
    sent = [b"", b""]
    while any(pieces := [source.read() for source in sources]):
        sent = [before + piece for before, piece in zip(sent, pieces, strict=True)]
    assert sent == [LARGE, LARGE]


def test_a_file_that_cannot_tell_where_it_stands_is_sent_once() -> None:
    class Pipe(io.BytesIO):
        def tell(self) -> int:
            raise OSError("not seekable")

    call = two_of(LocalFile(source=Pipe(b"abc"), orig_name="x", size=3))
    assert not call.can_upload_again
    assert FileSource(FilePart(source=call.files[0].source, size=3, start=call.files[0].start)).read() == b"abc"


async def test_a_url_is_fetched_by_the_app(backend: Backend, url: str) -> None:
    async with backend.open_client(url, download_files=False) as client:
        first = await client.predict(TEXT.encode(), api_name="/upper")
        again = await client.predict(first, api_name="/upper")
        assert (await backend.call(again.read)).decode() == TEXT.upper()


async def test_a_large_file_goes_both_ways(backend: Backend, url: str, tmp_path: Path) -> None:
    source = tmp_path / "large.txt"
    source.write_bytes(LARGE)
    async with backend.open_client(url, download_files=tmp_path / "down") as client:
        results = [await client.submit(file, api_name="/upper") for file in (source, LARGE)]
        for job in results:
            assert Path(await job.result()).read_bytes() == LARGE.upper()


async def test_files_are_put_where_the_client_says(backend: Backend, url: str, path: Path, tmp_path: Path) -> None:
    directory = tmp_path / "down" / "here"
    async with backend.open_client(url, download_files=directory) as client:
        first = await client.predict(path, api_name="/upper")
        second = await client.predict(path, api_name="/upper")
    assert Path(first).is_relative_to(directory)
    assert first != second
    assert Path(first).read_text(encoding="utf-8") == Path(second).read_text(encoding="utf-8") == TEXT.upper()
    assert not list(tmp_path.rglob("*.part"))


async def test_downloaded_files_outlive_the_client(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        result = await client.predict(TEXT.encode(), api_name="/upper")
    assert Path(result).read_text(encoding="utf-8") == TEXT.upper()


async def test_a_file_that_is_not_downloaded_can_be_read_saved_and_streamed(
    backend: Backend, url: str, path: Path, tmp_path: Path
) -> None:
    async with backend.open_client(url, download_files=False) as client:
        file = await client.predict(path, api_name="/upper")
        assert isinstance(file, FileData)
        assert isinstance(file, backend.module.RemoteFile)
        assert file.orig_name == "some text.txt"
        content = TEXT.upper().encode()
        assert await backend.call(file.read) == content
        saved = await backend.call(file.save, tmp_path / "new")
        assert Path(saved) == tmp_path / "new" / "some text.txt"
        assert Path(saved).read_bytes() == content
        assert Path(await backend.call(file.save)).read_bytes() == content
        assert b"".join([piece async for piece in backend.each(file.stream())]) == content


async def test_a_large_file_is_streamed_and_leaves_nothing_behind(backend: Backend, url: str, tmp_path: Path) -> None:
    async with backend.open_client(url, download_files=False) as client:
        file = await client.predict(LARGE, api_name="/upper")
        directory = Path(await backend.call(file.save)).parent.parent
        before = sorted(directory.iterdir())
        pieces = [piece async for piece in backend.each(file.stream())]
        assert b"".join(pieces) == LARGE.upper()
        assert sorted(directory.iterdir()) == before


async def test_a_stream_that_is_left_leaves_nothing_behind(backend: Backend, url: str, tmp_path: Path) -> None:
    async with backend.open_client(url, download_files=False) as client:
        file = await client.predict(LARGE, api_name="/upper")
        directory = Path(await backend.call(file.save)).parent.parent
        before = sorted(directory.iterdir())
        stream = file.stream()
        if backend.name == "sync":
            next(stream)
            stream.close()
        else:
            await stream.__anext__()
            await stream.aclose()
            with pytest.raises(StopAsyncIteration):
                await stream.__anext__()
        assert sorted(directory.iterdir()) == before
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_what_is_no_file_is_refused_before_anything_is_sent(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    async with backend.open_client(fake.url) as client:
        for given, complaint in ((tmp_path / "missing", "does not exist"), (tmp_path, "directory"), (7, "file")):
            with pytest.raises(ArgumentError, match=complaint):
                await client.predict(given, api_name="/upper")
    assert not [request for request in fake.requests if request.kind in ("upload", "join")]


async def test_a_string_is_no_path_where_the_client_says_so(backend: Backend, fake: FakeServer, path: Path) -> None:
    async with backend.open_client(fake.url, upload_paths=False) as client:
        with pytest.raises(GradprotoError):
            await client.predict(str(path), api_name="/upper")
        assert not [request for request in fake.requests if request.kind == "upload"]
        result = await client.predict(handle_file(path), api_name="/upper")
    assert Path(result).read_text(encoding="utf-8") == TEXT.upper()


async def test_a_file_that_shrinks_while_it_is_sent_fails_its_job_only(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    class Shrinking(io.BytesIO):
        """Says that it holds ten bytes more than it does."""

        def seek(self, offset: int, whence: int = 0) -> int:
            found = super().seek(offset, whence)
            return found + 10 if whence == io.SEEK_END else found

    async with backend.open_client(fake.url) as client:
        with pytest.raises(Exception, match="10 bytes early"):
            await client.predict(LocalFile(source=Shrinking(b"short"), orig_name="x", size=None), api_name="/upper")
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


async def test_a_file_that_the_app_does_not_have_cannot_be_read(backend: Backend, url: str, tmp_path: Path) -> None:
    async with backend.open_client(url, download_files=False) as client:
        file = await client.predict(b"x", api_name="/upper")
        gone = backend.module.RemoteFile(
            path=str(tmp_path / "no such file"), orig_name="no such file", inner=file.inner
        )
        with pytest.raises(Exception, match=r"40[34]"):
            await backend.call(gone.read)
        with pytest.raises(Exception, match=r"40[34]"):
            await backend.call(gone.save, tmp_path / "down")
        with pytest.raises(Exception, match=r"40[34]"):
            [piece async for piece in backend.each(gone.stream())]
        assert await backend.call(file.read) == b"X"
    assert list((tmp_path / "down").iterdir()) == []


async def test_a_full_or_forbidden_disk_fails_the_job(backend: Backend, fake: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a directory")
    async with backend.open_client(fake.url, download_files=tmp_path / "occupied") as client:
        job = await client.submit(b"x", api_name="/upper")
        with pytest.raises(ReadError, match="could not be written"):
            await job.result()
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


class Unreadable(io.BytesIO):
    """An open file that does not fit into memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise MemoryError


def inline_call(*sources: Path | bytes | BinaryIO) -> Call:
    """A call of an app from before Gradio 3.19, where files go inside the request."""
    files = [handle_file(source) for source in sources]
    data, found = find_uploads(old_endpoint(["file"], [], file_count="multiple"), [files], upload_paths=True)
    return Call(endpoint=old_endpoint(["file"], []), data=data, files=tuple(found))


def test_files_are_read_where_they_go_inside_the_request(path: Path) -> None:
    opened = io.BytesIO(b"skipped content")
    opened.seek(8)
    call = with_sizes(inline_call(path, b"bytes", opened))
    assert [(file.source, file.size, file.orig_name) for file in call.files] == [
        (TEXT.encode(), len(TEXT.encode()), "some text.txt"),
        (b"bytes", 5, "file"),
        (b"content", 7, "file"),
    ]


def test_a_file_that_cannot_be_read_for_a_request_is_named(path: Path, tmp_path: Path) -> None:
    gone = inline_call(path)
    path.unlink()
    with pytest.raises(ArgumentError, match=r"some text\.txt does not exist"):
        with_sizes(gone)
    path.mkdir()
    with pytest.raises(ArgumentError, match="is a directory"):
        with_sizes(gone)
    opened = (tmp_path / "write.txt").open("wb")
    with opened, pytest.raises(ArgumentError, match=r"write\.txt' cannot be read: (?s:.*)read"):
        with_sizes(inline_call(opened))


def test_a_file_that_does_not_fit_into_memory_is_too_large_for_a_request() -> None:
    with pytest.raises(ArgumentError, match=r"'file' is too large \(3 bytes\): this app takes files only inside"):
        with_sizes(inline_call(Unreadable(b"abc")))


async def test_a_file_of_another_origin_is_fetched_only_where_that_is_allowed(backend: Backend, tmp_path: Path) -> None:
    with FakeServer(FakeApp()) as elsewhere:
        foreign = f"{elsewhere.url}/config"
        app = FakeApp()

        @app.endpoint("/point", outputs=[json_value("file")])
        def point() -> Any:
            return {"path": foreign, "url": foreign, "orig_name": "config.json", "meta": {"_type": "gradio.FileData"}}

        with FakeServer(app) as server:
            async with backend.open_client(server.url, download_files=tmp_path) as client:
                found = await client.predict(api_name="/point")
                assert isinstance(found, FileData)
                assert found.url == foreign
                with pytest.raises(
                    ArgumentError, match=r"lies at another origin .* \(allow that origin with file_origins=\)"
                ):
                    await backend.call(found.read)
            assert elsewhere.requests == []
            async with backend.open_client(
                server.url, download_files=tmp_path, file_origins=[elsewhere.url], headers={"X-Secret": "s3cr3t"}
            ) as client:
                path = await client.predict(api_name="/point")
                assert b'"version"' in Path(path).read_bytes()
            (request,) = elsewhere.requests
            assert "x-secret" not in dict(request.headers)
