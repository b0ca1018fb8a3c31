from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
import python_multipart
from hypothesis import example, given
from hypothesis import strategies as st
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartParser

from gradproto._commands import FilePart
from gradproto._errors import ArgumentError
from gradproto._multipart import FileField, encode_form, encode_multipart

BOUNDARY = "gradproto0123456789"


def file_field(
    content: bytes | FilePart = b"x", *, name: str = "files", filename: str = "a.txt", content_type: str = "text/plain"
) -> FileField:
    return FileField(name=name, filename=filename, content_type=content_type, content=content)


def join(body: tuple[bytes | FilePart, ...]) -> bytes:
    """The body as it goes over the wire; a file part's source is its content here."""
    return b"".join(part.source if isinstance(part, FilePart) else part for part in body)  # type: ignore[misc]


def read_by_starlette(content_type: str, body: bytes) -> list[tuple[str, str | None, str | None, bytes]]:
    """What Gradio's web framework makes of it."""

    async def stream() -> AsyncIterator[bytes]:
        yield body

    async def read() -> list[tuple[str, str | None, str | None, bytes]]:
        form = await MultiPartParser(Headers({"content-type": content_type}), stream()).parse()
        found: list[tuple[str, str | None, str | None, bytes]] = []
        for name, upload in form.multi_items():
            assert isinstance(upload, UploadFile)
            found.append((name, upload.filename, upload.content_type, await upload.read()))
            await upload.close()
        return found

    return asyncio.run(read())


def read_by_python_multipart(content_type: str, body: bytes) -> list[tuple[str, str | None, str | None, bytes]]:
    found: list[Any] = []
    files: list[bytes] = []
    headers: dict[str, str] = {}
    pending: list[bytes] = [b"", b""]

    def value_end() -> None:
        headers[pending[0].decode().lower()] = pending[1].decode("latin-1")
        pending[:] = [b"", b""]

    def end() -> None:
        _, options = parse_options_header(headers["content-disposition"])
        found.append(
            (options[b"name"].decode(), options[b"filename"].decode(), headers["content-type"], b"".join(files))
        )
        files.clear()
        headers.clear()

    _, options = parse_options_header(content_type)
    parser = python_multipart.MultipartParser(
        options[b"boundary"],
        {
            "on_header_field": lambda data, start, stop: pending.__setitem__(0, pending[0] + data[start:stop]),
            "on_header_value": lambda data, start, stop: pending.__setitem__(1, pending[1] + data[start:stop]),
            "on_header_end": value_end,
            "on_part_data": lambda data, start, stop: files.append(data[start:stop]),
            "on_part_end": end,
        },
    )
    parser.write(body)
    parser.finalize()
    return found


def test_a_file_is_one_part_of_the_form() -> None:
    content_type, body = encode_multipart([file_field(b"hello")], BOUNDARY)
    assert content_type == "multipart/form-data; boundary=gradproto0123456789"
    assert join(body) == (
        b"--gradproto0123456789\r\n"
        b'Content-Disposition: form-data; name="files"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n"
        b"hello\r\n"
        b"--gradproto0123456789--\r\n"
    )


def test_no_file_is_an_empty_form() -> None:
    content_type, body = encode_multipart([], BOUNDARY)
    assert join(body) == b"--gradproto0123456789--\r\n"
    assert read_by_starlette(content_type, join(body)) == []


def test_contents_are_handed_on_and_not_copied() -> None:
    content = b"x" * 1000
    part = FilePart(source="/some/path", size=5)
    _, body = encode_multipart([file_field(content), file_field(part)], BOUNDARY)
    assert body[1] is content
    assert body[3] is part
    assert len(body) == 5


def browser_name(filename: str) -> str:
    """How a server reads a name that a browser sends: the three escapes stay, for nobody unescapes them."""
    return filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


# The readers take a backslash before a quote for an escape, and cut a name like C:\x to x for an old browser's sake.
names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\"), min_size=1, max_size=20)
files = st.tuples(names, names, st.sampled_from(["text/plain", "application/octet-stream"]), st.binary(max_size=100))


@given(st.lists(files, max_size=4))
@example([("files", 'a "b" ✓.txt', "image/png", b"\r\n--gradproto\r\n"), ("files", "e.bin", "text/plain", b"")])
def test_servers_read_what_was_sent(fields: list[tuple[str, str, str, bytes]]) -> None:
    content_type, body = encode_multipart(
        [
            file_field(
                content if index % 2 else FilePart(source=content, size=len(content)),
                name=name,
                filename=filename,
                content_type=kind,
            )
            for index, (name, filename, kind, content) in enumerate(fields)
        ],
        BOUNDARY,
    )
    expected = [(browser_name(name), browser_name(filename), kind, data) for name, filename, kind, data in fields]
    assert read_by_starlette(content_type, join(body)) == expected
    assert read_by_python_multipart(content_type, join(body)) == expected


@pytest.mark.parametrize(
    ("filename", "sent"),
    [
        ('a"b', b"a%22b"),
        ("a\r\nb\nc\rd", b"a%0D%0Ab%0Ac%0Dd"),
        ("a%22b", b"a%22b"),
        ("✓ ä.txt", "✓ ä.txt".encode()),
        ("\udcff.txt", "\ufffd.txt".encode()),
        ("\ud83d\ude00", "\U0001f600".encode()),
        ("a\\b;c='", b"a\\b;c='"),
    ],
)
def test_a_file_name_is_escaped_as_browsers_do(filename: str, sent: bytes) -> None:
    _, body = encode_multipart([file_field(filename=filename)], BOUNDARY)
    assert b'; filename="' + sent + b'"\r\n' in join(body)


def test_line_ends_in_a_field_name_become_one_kind() -> None:
    _, body = encode_multipart([file_field(name="a\nb\rc\r\nd")], BOUNDARY)
    assert b'name="a%0D%0Ab%0D%0Ac%0D%0Ad";' in join(body)


@pytest.mark.parametrize("boundary", ["", "a b", 'a"', "a\r\nb", "x" * 71, "ä"])
def test_a_boundary_that_would_need_care_is_refused(boundary: str) -> None:
    with pytest.raises(ArgumentError, match="the multipart boundary"):
        encode_multipart([], boundary)


@pytest.mark.parametrize("content_type", ["text/plain\r\nX: y", "text/plän", "text/\x00"])
def test_a_content_type_that_is_no_header_value_is_refused(content_type: str) -> None:
    with pytest.raises(ArgumentError, match=r"of 'a\.txt' is no header value"):
        encode_multipart([file_field(content_type=content_type)], BOUNDARY)


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(texts, texts)))
@example([("username", "bob"), ("password", "p&w=d ä+%")])
def test_a_form_is_read_as_it_was_meant(fields: list[tuple[str, str]]) -> None:
    encoded = encode_form(fields)
    assert parse_qsl(encoded.decode("ascii"), keep_blank_values=True, strict_parsing=bool(fields)) == fields


def test_a_form_is_urlencoded() -> None:
    assert (
        encode_form([("username", "bob"), ("password", "p&w=d ä+%")]) == b"username=bob&password=p%26w%3Dd+%C3%A4%2B%25"
    )


def test_a_value_that_is_no_text_is_refused_without_showing_it() -> None:
    with pytest.raises(ArgumentError) as caught:
        encode_form([("username", "bob"), ("password", "hunter2\ud800")])
    assert str(caught.value) == "the form's field 'password' has a lone surrogate, which is no valid text"
    assert caught.value.__suppress_context__
