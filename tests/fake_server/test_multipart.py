from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto_fake_server._multipart import (
    FormFinished,
    MultipartError,
    MultipartEvent,
    MultipartParser,
    PartBegun,
    PartData,
    PartEnded,
    header_options,
)
from tests.chunkings import chunkings, random_chunks

BOUNDARY = b"--------------------------0123"


def form(*parts: tuple[str, bytes]) -> bytes:
    """Join parts of headers and content."""
    written = [b"--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return b"".join(written) + b"--" + BOUNDARY + b"--\r\n"


def disposition(name: str, filename: str | None = None) -> str:
    named = "" if filename is None else f'; filename="{filename}"'
    return f'Content-Disposition: form-data; name="{name}"{named}'


def parsed(chunks: list[bytes]) -> list[object]:
    """Give the events, with the data of each part in one piece."""
    parser = MultipartParser(BOUNDARY)
    events: list[object] = []
    for chunk in chunks:
        parser.add_data(chunk)
        while (event := parser.next_event()) is not None:
            if isinstance(event, PartData):
                if isinstance(events[-1], bytes):
                    events[-1] += bytes(event.data)
                else:
                    events.append(bytes(event.data))
            else:
                events.append(event)
    return events


def one_file(content: bytes) -> list[MultipartEvent | bytes]:
    data = [content] if content else []
    return [PartBegun("files", "a.txt"), *data, PartEnded(), FormFinished()]


def test_a_file_is_the_same_however_its_form_is_cut() -> None:
    content = b"one\r\ntwo\r\n--" + BOUNDARY[:-1] + b"\r\n\r\n-- not the end\r"
    body = form((disposition("files", "a.txt"), content))
    for chunks in chunkings(body):
        assert parsed(chunks) == one_file(content)


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r", b"-", b"\r\n--", b"x"])
def test_small_contents_are_the_same_however_their_form_is_cut(content: bytes) -> None:
    body = form((disposition("files", "a.txt"), content))
    for chunks in chunkings(body):
        assert parsed(chunks) == one_file(content)


@given(st.data(), st.lists(st.sampled_from([b"\r\n--", BOUNDARY, b"\r", b"abc", b"--", b"\n" * 70]), max_size=8))
def test_contents_that_resemble_the_boundary_pass(data: st.DataObject, pieces: list[bytes]) -> None:
    content = b"".join(pieces).replace(b"\r\n--" + BOUNDARY, b"")
    if b"\r\n--" + BOUNDARY in b"\r\n" + content + b"\r\n":
        return
    body = form((disposition("files", "a.txt"), content))
    assert parsed(data.draw(random_chunks(body))) == one_file(content)


def test_fields_and_files_come_in_their_order() -> None:
    body = form((disposition("a"), b"1"), ("X-Other: y\r\n" + disposition("files", "b"), b"2"))
    assert parsed([body]) == [
        PartBegun("a", None),
        b"1",
        PartEnded(),
        PartBegun("files", "b"),
        b"2",
        PartEnded(),
        FormFinished(),
    ]


def test_what_follows_the_last_boundary_is_ignored() -> None:
    assert parsed([form(), b"epilogue\r\n--" + BOUNDARY]) == [FormFinished()]


def test_a_large_piece_in_the_middle_of_a_file_is_not_copied() -> None:
    parser = MultipartParser(BOUNDARY)
    parser.add_data(b"--" + BOUNDARY + b"\r\n" + disposition("files", "a").encode() + b"\r\n\r\n" + b"x" * 200)
    while parser.next_event() is not None:
        pass
    piece = b"y" * 100_000
    parser.add_data(piece)
    held, shown = parser.next_event(), parser.next_event()
    assert isinstance(held, PartData)
    assert isinstance(shown, PartData)
    assert isinstance(shown.data, memoryview)
    assert shown.data.obj is piece


@pytest.mark.parametrize(
    "body",
    [
        b"no boundary at all, for as long as it takes to be sure",
        b"--" + BOUNDARY + b"xx",
        b"--" + BOUNDARY + b"\r\n\r\n",
        b"--" + BOUNDARY + b"\r\nContent-Disposition: form-data\r\n\r\n",
        b"--" + BOUNDARY + b"\r\nX: " + b"y" * 9000,
        b"--" + BOUNDARY + b"\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(MultipartError):
        parsed([body])


@pytest.mark.parametrize(
    ("value", "word", "options"),
    [
        (b"form-data", "form-data", {}),
        (b'Form-Data; NAME="files"; filename="a;b.txt"', "form-data", {"name": "files", "filename": "a;b.txt"}),
        (b"multipart/form-data; boundary=abc ; charset=x", "multipart/form-data", {"boundary": "abc", "charset": "x"}),
        (rb'form-data; name="a\"b\\c"', "form-data", {"name": 'a"b\\c'}),
        (b'form-data; name="a%22b"', "form-data", {"name": 'a"b'}),
        (rb'form-data; name="files"; filename="C:\x\y.txt"', "form-data", {"name": "files", "filename": "y.txt"}),
        (rb'form-data; name="C:\x"; filename="a\b"', "form-data", {"name": "C:\\x", "filename": "a\\b"}),
        (b'form-data; name="open', "form-data", {"name": "open"}),
        (b"form-data; name", "form-data", {}),
        ("form-data; name=é".encode(), "form-data", {"name": "é"}),
        (b"form-data; name=\xe9", "form-data", {"name": "é"}),
    ],
)
def test_a_header_is_split_into_its_word_and_options(value: bytes, word: str, options: dict[str, str]) -> None:
    assert header_options(value) == (word, options)
