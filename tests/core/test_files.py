from __future__ import annotations

import io
import pickle
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto._errors import ArgumentError
from gradproto._files import (
    FileData,
    LocalFile,
    data_url_bytes,
    data_url_output,
    guess_mime_type,
    handle_file,
    inline_json,
    is_file_json,
    local_file,
    sanitize_name,
)


def as_local(file: LocalFile | FileData) -> LocalFile:
    assert isinstance(file, LocalFile)
    return file


def test_a_path_is_kept_and_not_opened() -> None:
    file = as_local(handle_file("no/such/picture.PNG"))
    assert file == LocalFile(source="no/such/picture.PNG", orig_name="picture.PNG", size=None, mime_type="image/png")


def test_a_path_object_is_a_path() -> None:
    assert as_local(handle_file(PurePosixPath("a/b.txt"))) == as_local(handle_file("a/b.txt"))


def test_bytes_have_a_size_at_once_and_no_name_of_their_own() -> None:
    assert handle_file(b"abc") == LocalFile(
        source=b"abc", orig_name="file", size=3, mime_type="application/octet-stream"
    )
    assert handle_file(b"abc", name="x.json") == LocalFile(
        source=b"abc", orig_name="x.json", size=3, mime_type="application/json"
    )


@pytest.mark.parametrize("content", [bytearray(b"abc"), memoryview(b"abc")])
def test_what_is_like_bytes_is_copied_so_that_it_cannot_change(content: Any) -> None:
    assert as_local(handle_file(content)).source == b"abc"


def test_a_binary_file_is_kept_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"abcdef")
    with path.open("rb") as opened:
        opened.seek(2)
        file = as_local(handle_file(opened))
        assert file.source is opened
        assert opened.tell() == 2
    assert (file.orig_name, file.size, file.mime_type) == ("notes.txt", None, "text/plain")


def test_a_binary_file_without_a_name_gets_one() -> None:
    assert as_local(handle_file(io.BytesIO(b"x"))).orig_name == "file"

    class Descriptor(io.BytesIO):
        name = 3  # as a file has that was opened by its descriptor

    assert as_local(handle_file(Descriptor())).orig_name == "file"
    assert as_local(handle_file(Descriptor(), name="x.bin")).orig_name == "x.bin"


@pytest.mark.parametrize("source", [io.StringIO("text"), io.TextIOWrapper(io.BytesIO(b"text"))])
def test_a_file_in_text_mode_is_refused(source: Any) -> None:
    with pytest.raises(ArgumentError, match="text mode"):
        handle_file(cast(BinaryIO, source))


@pytest.mark.parametrize("source", [5, None, ["a"], {"path": "a"}, object()])
def test_what_is_no_file_is_refused_with_its_type(source: Any) -> None:
    with pytest.raises(ArgumentError, match=type(source).__name__):
        handle_file(source)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/a/b%20c.png?size=1#x", "b c.png"),
        ("HTTP://example.com", "file"),
        ("http://example.com/a/..%2F..%2Fetc", "etc"),
    ],
)
def test_a_web_url_is_left_to_the_server(url: str, name: str) -> None:
    assert handle_file(url) == FileData(path=url, url=url, orig_name=name)
    assert handle_file(url, name="mine.txt") == FileData(path=url, url=url, orig_name="mine.txt")


def test_a_broken_web_url_is_refused_without_its_secrets() -> None:
    with pytest.raises(ArgumentError) as caught:
        handle_file("http://[::1/a?token=hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "content", "mime_type", "name"),
    [
        ("data:image/png;base64,aGk=", b"hi", "image/png", "file.png"),
        ("DATA:text/plain;charset=utf-8;BASE64,aG\nk=", b"hi", "text/plain", "file.txt"),
        ("data:,a%20b", b"a b", "text/plain", "file.txt"),
        ("data:application/x-odd,%00", b"\0", "application/x-odd", "file"),
        ("data:;base64,aGk%3D", b"hi", "text/plain", "file.txt"),
    ],
)
def test_a_data_url_is_decoded(url: str, content: bytes, mime_type: str, name: str) -> None:
    assert handle_file(url) == LocalFile(source=content, orig_name=name, size=len(content), mime_type=mime_type)


def test_a_data_url_can_be_named() -> None:
    assert as_local(handle_file("data:image/png;base64,aGk=", name="a/x.png")).orig_name == "x.png"


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,a"])
def test_a_broken_data_url_is_refused(url: str) -> None:
    with pytest.raises(ArgumentError, match="no data URL"):
        handle_file(url)


def test_a_files_content_is_not_in_its_repr() -> None:
    assert "secret" not in repr(handle_file(b"secret"))
    assert "secret" not in repr(handle_file("/home/secret/x.txt"))


def test_a_size_is_filled_in_later() -> None:
    file = as_local(handle_file("a.txt"))
    assert file.with_size(7) == LocalFile(source="a.txt", orig_name="a.txt", size=7, mime_type="text/plain")
    assert file.size is None


def test_a_file_is_called_by_its_path_or_else_its_name() -> None:
    assert as_local(handle_file("a/b.txt")).shown == "a/b.txt"
    assert as_local(handle_file(b"x", name="c.txt")).shown == "c.txt"


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a.txt", "a.txt"),
        ("dir/a.txt", "a.txt"),
        ("dir\\a.txt", "a.txt"),
        ("dir/", "dir"),
        ("../..", "file"),
        ("..", "file"),
        (".", "file"),
        ("", "file"),
        ("/", "file"),
        ("a\r\nb\0.txt", "ab.txt"),
        ('a"b<c>d:e|f?g*h', "abcdefgh"),
        ("a\u2028b\udc80c", "abc"),
        ("name. ", "name"),
        (".profile", ".profile"),
        ("grün 日本.png", "grün 日本.png"),
    ],
)
def test_a_name_is_cleaned(name: str, clean: str) -> None:
    assert sanitize_name(name) == clean


def test_a_long_name_is_cut_in_its_stem() -> None:
    assert sanitize_name("x" * 300 + ".png") == "x" * 196 + ".png"
    assert sanitize_name("é" * 150 + ".png") == "é" * 98 + ".png"
    assert sanitize_name("x." + "y" * 300) == "x." + "y" * 198
    assert sanitize_name("." + "y" * 300) == "." + "y" * 199


@given(st.text(alphabet=st.characters(codec=None)))
def test_a_clean_name_is_safe_and_stays_as_it_is(name: str) -> None:
    clean = sanitize_name(name)
    assert clean
    assert clean not in (".", "..")
    assert len(clean.encode()) <= 200
    assert not set('/\\\0\r\n"') & set(clean)
    assert sanitize_name(clean) == clean


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("a.png", "image/png"),
        ("a.JPEG", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.vtt", "text/vtt"),
        ("a.tar.gz", "application/gzip"),
        ("a", "application/octet-stream"),
        ("png", "application/octet-stream"),
        (".png", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
    ],
)
def test_a_type_is_guessed_by_the_extension(name: str, mime_type: str) -> None:
    assert guess_mime_type(name) == mime_type


def test_a_file_record_becomes_the_object_that_servers_insist_on() -> None:
    file = FileData(path="/srv/a.txt", orig_name="a.txt", size=3)
    assert file.to_json() == {
        "path": "/srv/a.txt",
        "url": None,
        "size": 3,
        "orig_name": "a.txt",
        "mime_type": None,
        "is_stream": False,
        "meta": {"_type": "gradio.FileData"},
    }
    assert FileData.from_json(file.to_json()) == file
    assert is_file_json(file.to_json())


def test_a_field_of_a_wrong_type_counts_as_missing() -> None:
    odd = {"path": 5, "url": ["x"], "size": True, "orig_name": None, "mime_type": {}, "is_stream": "yes"}
    assert FileData.from_json(cast(Any, odd)) == FileData(path=None)
    assert FileData.from_json({"path": "a", "size": "9", "is_stream": True}) == FileData(path="a", is_stream=True)


@pytest.mark.parametrize(
    "value", [None, "x", [], {}, {"path": "/etc/passwd"}, {"path": "a", "meta": "gradio.FileData"}]
)
def test_a_path_alone_makes_no_file(value: Any) -> None:
    assert not is_file_json(value)


def test_a_driver_may_add_to_the_record() -> None:
    class Remote(FileData):
        __slots__ = ()

        def read(self) -> str:
            return f"content of {self.path}"

    remote = Remote.from_json({"path": "a"})
    assert isinstance(remote, Remote)
    assert remote.read() == "content of a"


def test_records_can_be_pickled() -> None:
    file = FileData(path="a", size=3)
    assert pickle.loads(pickle.dumps(file)) == file
    local = local_file(b"x")
    assert pickle.loads(pickle.dumps(local)) == local


def test_the_content_of_a_data_url_is_decoded() -> None:
    assert data_url_bytes("data:image/png;base64,aGVs bG8=") == b"hello"
    assert data_url_bytes("data:,a%20b") == b"a b"


@pytest.mark.parametrize("url", ["http://web.test/a", "data:image/png", "data:;base64,a"])
def test_what_is_no_data_url_has_no_content(url: str) -> None:
    with pytest.raises(ArgumentError, match="is no data URL"):
        data_url_bytes(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [("data:image/webp;base64,AA", "image.webp"), ("DATA:IMAGE/PNG,x", "image.png"), ("data:x/unheard,x", "image")],
)
def test_a_file_that_came_as_a_data_url_is_named_by_its_type(url: str, name: str) -> None:
    file = data_url_output(url, stem="image")
    assert file is not None
    assert (file.path, file.url, file.orig_name) == (None, url, name)


def test_a_text_that_is_no_data_url_is_no_file() -> None:
    assert data_url_output("data: that follows", stem="image") is None


@given(st.binary(max_size=40))
def test_what_goes_inline_comes_out_again(content: bytes) -> None:
    url = inline_json(LocalFile(source=content, orig_name="a"), bare=True)
    assert isinstance(url, str)
    assert data_url_bytes(url) == content


def test_a_file_that_holds_its_content_is_shown_in_a_line() -> None:
    url = "data:image/png;base64," + "A" * 10_000
    shown = repr(FileData(path=None, url=url, orig_name="image.png", size=7500))
    assert shown == (
        f"FileData(path=None, url='{url[:80]}...', orig_name='image.png', size=7500, mime_type=None, is_stream=False)"
    )
    assert repr(FileData(path="a", url="data:,b")) == (
        "FileData(path='a', url='data:,b', orig_name=None, size=None, mime_type=None, is_stream=False)"
    )
    far = "http://web.test/" + "a" * 100
    assert far in repr(FileData(path=None, url=far))


def test_the_name_of_a_file_is_a_string() -> None:
    wrong: Any = 7
    with pytest.raises(ArgumentError, match="the name of a file is of type int"):
        handle_file(b"x", name=wrong)
