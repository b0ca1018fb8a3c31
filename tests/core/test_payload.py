from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto._api_info import Endpoint
from gradproto._diff import apply_diff
from gradproto._errors import ArgumentError, RemoteProtocolError
from gradproto._files import FileData, LocalFile, handle_file
from gradproto._payload import (
    OutputReader,
    ServerValue,
    UploadSlot,
    check_file_sizes,
    collapse,
    file_url,
    fill_uploads,
    find_uploads,
    read_outputs,
    replace_files,
)
from tests.core.documents import FILE_SCHEMA, component, endpoint, make_config, saved_endpoints

MANY = {"type": "array", "items": FILE_SCHEMA}


def taking(kind: str = "json", schema: Any = None) -> Endpoint:
    return endpoint([component(1, kind, schema, label="the input")], [1], [])


def find(value: Any, kind: str = "json", schema: Any = None, *, upload_paths: bool = True) -> tuple[Any, list[Any]]:
    data, files = find_uploads(taking(kind, schema), [value], upload_paths=upload_paths)
    return data[0], [file.source for file in files]


def json_of(path: str | None = None, **fields: Any) -> dict[str, Any]:
    return dict(FileData(path=path, **fields).to_json())


@pytest.mark.parametrize("value", ["text", 5, None, True, 1.5, [1, "a"], {"a": [1]}, (1, 2), [[]], object()])
def test_what_holds_no_file_is_the_same_object(value: Any) -> None:
    found, files = find(value)
    assert found is value
    assert files == []
    assert fill_uploads([found], [])[0] is value


def test_files_are_found_wherever_they_are() -> None:
    content, path, opened = b"content", Path("a/b.txt"), io.BytesIO()
    local = handle_file("c.txt")
    value = [{"x": content, "y": [path, {"z": (1, opened)}]}, local, "d.txt"]
    before = copy.copy(value)
    found, files = find(value)
    assert found == [
        {"x": UploadSlot(0), "y": [UploadSlot(1), {"z": [1, UploadSlot(2)]}]},
        UploadSlot(3),
        "d.txt",
    ]
    assert files == [content, "a/b.txt", opened, "c.txt"]
    assert value == before


def test_only_what_holds_a_file_is_copied() -> None:
    quiet = {"a": [1, {"b": 2}]}
    found, _ = find([quiet, b"x"])
    assert found[0] is quiet


@pytest.mark.parametrize("value", [bytearray(b"x"), memoryview(b"x")])
def test_what_is_like_bytes_is_a_file(value: Any) -> None:
    assert find(value) == (UploadSlot(0), [b"x"])


def test_the_same_file_goes_up_once() -> None:
    content, opened = b"x" * 1000, io.BytesIO()
    found, files = find([content, content, Path("a"), handle_file("a"), opened, opened, b"y"])
    assert [slot.index for slot in found] == [0, 0, 1, 1, 2, 2, 3]
    assert len(files) == 4


def test_the_same_content_under_two_names_goes_up_twice() -> None:
    _, files = find([handle_file("a", name="x.txt"), handle_file("a", name="y.txt")])
    assert files == ["a", "a"]


def test_the_same_file_in_two_parameters_goes_up_once() -> None:
    made = endpoint([component(1, "file"), component(2, "file")], [1, 2], [])
    data, files = find_uploads(made, ["a.txt", "a.txt"], upload_paths=True)
    assert data == [UploadSlot(0), UploadSlot(0)]
    assert len(files) == 1


def test_a_text_is_a_path_only_where_the_parameter_is_a_file() -> None:
    assert find("a.txt", "file") == (UploadSlot(0), ["a.txt"])
    assert find("a.txt", "textbox") == ("a.txt", [])
    assert find("a.txt", "json") == ("a.txt", [])
    assert find(["a.txt"], "json") == (["a.txt"], [])


def test_a_text_is_no_path_when_the_caller_says_so() -> None:
    assert find("a.txt", "file", upload_paths=False) == ("a.txt", [])
    assert find(["a.txt"], "file", MANY, upload_paths=False) == (["a.txt"], [])
    assert find(Path("a.txt"), "file", upload_paths=False) == (UploadSlot(0), ["a.txt"])


def test_a_web_url_in_the_place_of_a_file_is_for_the_server_to_fetch() -> None:
    url = "https://example.com/a.png"
    assert find(url, "file", upload_paths=False) == (json_of(url, url=url, orig_name="a.png"), [])
    assert find(url, "textbox") == (url, [])


def test_a_data_url_in_the_place_of_a_file_is_decoded() -> None:
    assert find("data:text/plain,hi", "file", upload_paths=False) == (UploadSlot(0), [b"hi"])
    assert find("data:text/plain,hi", "textbox") == ("data:text/plain,hi", [])


def test_a_list_of_files_may_be_given_as_texts_and_as_files() -> None:
    value = ["a.txt", b"x", "http://e.test/c"]
    assert find(value, "file", MANY) == (
        [UploadSlot(0), UploadSlot(1), json_of("http://e.test/c", url="http://e.test/c", orig_name="c")],
        ["a.txt", b"x"],
    )
    assert find(("a.txt",), "file", MANY)[0] == [UploadSlot(0)]


@pytest.mark.parametrize("value", ["a.txt", b"x", Path("a"), FileData(path="/srv/a"), json_of("/srv/a")])
def test_one_file_for_a_list_of_files_is_a_list_of_one(value: Any) -> None:
    found, _ = find(value, "file", MANY)
    assert isinstance(found, list)
    assert len(found) == 1


def test_what_is_no_file_is_not_made_a_list() -> None:
    assert find(None, "file", MANY) == (None, [])
    assert find("a.txt", "file", MANY, upload_paths=False) == ("a.txt", [])


def test_a_dictionary_that_looks_like_a_file_is_never_opened_here() -> None:
    for value in ({"path": "/etc/passwd"}, json_of("/etc/passwd"), {"name": "/etc/passwd", "is_file": True}):
        for kind in ("file", "json", "textbox"):
            found, files = find(value, kind)
            assert found is value
            assert files == []


def test_a_file_of_the_servers_goes_back_without_a_round_trip() -> None:
    file = FileData(path="/srv/a.txt", orig_name="a.txt")
    assert find(file, "file") == (file.to_json(), [])
    assert find([{"image": file}], "gallery") == ([{"image": file.to_json()}], [])


def test_a_value_of_the_servers_is_never_taken_for_a_path() -> None:
    assert find(ServerValue("/etc/passwd"), "file") == ("/etc/passwd", [])
    assert find(ServerValue(["/etc/passwd"]), "file", MANY) == (["/etc/passwd"], [])


def test_a_value_in_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append([endless])
    with pytest.raises(ArgumentError, match="parameter `the_input` contains itself"):
        find(endless)


def test_what_no_caller_fills_is_not_looked_into() -> None:
    made = endpoint([component(1, "state"), component(2)], [1, 2], [])
    value = [b"x"]
    data, files = find_uploads(made, [value, "text"], upload_paths=True)
    assert data[0] is value
    assert files == []


def test_text_files_are_refused_wherever_they_are() -> None:
    with pytest.raises(ArgumentError, match="text mode"):
        find({"a": io.StringIO()})


def test_uploaded_files_take_their_places() -> None:
    uploaded = [FileData(path="/srv/0"), FileData(path="/srv/1")]
    quiet = {"a": [1]}
    data: list[object] = [UploadSlot(1), {"x": [UploadSlot(0), 5]}, quiet, [quiet], (UploadSlot(0),)]
    filled = fill_uploads(data, uploaded)
    assert filled == [json_of("/srv/1"), {"x": [json_of("/srv/0"), 5]}, quiet, [quiet], [json_of("/srv/0")]]
    assert filled[2] is quiet
    assert data[0] == UploadSlot(1)


def sized(*sizes: int | None) -> list[LocalFile]:
    return [LocalFile(source=f"/home/f{index}", orig_name=f"f{index}", size=size) for index, size in enumerate(sizes)]


def test_a_file_that_is_too_large_is_told_with_its_component() -> None:
    made = endpoint(
        [component(1, "state"), component(2, "file", label="First"), component(3, "json", label="Second")],
        [1, 2, 3],
        [],
    )
    data: list[object] = [None, UploadSlot(0), {"x": [UploadSlot(1)]}]
    config = make_config([], [], max_file_size=100)
    check_file_sizes(made, data, sized(100, None), config)
    check_file_sizes(made, data, sized(10**9, 10**9), make_config([], []))
    with pytest.raises(ArgumentError) as caught:
        check_file_sizes(made, data, sized(101, 5), config)
    assert str(caught.value) == "File /home/f0 exceeds the maximum file size of 100 bytes set in First component."
    with pytest.raises(ArgumentError, match=r"File /home/f1 exceeds .* set in Second component"):
        check_file_sizes(made, data, sized(5, 101), config)


def test_a_file_that_is_nowhere_is_still_too_large() -> None:
    with pytest.raises(ArgumentError, match="set in  component"):
        check_file_sizes(taking(), [None], sized(5), make_config([], [], max_file_size=1))


def giving(*kinds: str) -> Endpoint:
    return endpoint([component(number, kind) for number, kind in enumerate(kinds)], [], list(range(len(kinds))))


def test_missing_outputs_are_none_and_surplus_ones_are_dropped() -> None:
    made = giving("textbox", "file", "textbox")
    assert read_outputs(made, []) == (None, None, None)
    assert read_outputs(made, ["a"]) == ("a", None, None)
    assert read_outputs(made, ["a", None, "c", "d"]) == ("a", None, "c")


def test_file_objects_become_records_however_deep() -> None:
    file = json_of("/srv/a", url="http://e.test/a", size=3)
    record = FileData(path="/srv/a", url="http://e.test/a", size=3)
    assert read_outputs(giving("file"), [file]) == (record,)
    value = [{"image": file, "caption": None}, [[file]], {"__type__": "update", "value": file}]
    before = copy.deepcopy(value)
    assert read_outputs(giving("json"), [value]) == (
        [{"image": record, "caption": None}, [[record]], {"__type__": "update", "value": record}],
    )
    assert value == before


@pytest.mark.parametrize(
    "value", [{"path": "/srv/a"}, {"path": "a", "url": "b", "meta": None}, {"meta": {"_type": "x"}}]
)
def test_a_path_alone_makes_no_file_of_an_output(value: Any) -> None:
    (read,) = read_outputs(giving("json"), [value])
    assert read is value


def test_outputs_without_files_are_not_copied() -> None:
    value = {"a": [1, {"b": [None]}], "c": "d"}
    (read,) = read_outputs(giving("json"), [value])
    assert read is value


def test_outputs_that_cannot_hold_a_file_are_not_looked_through() -> None:
    update = {"__type__": "update", "value": json_of("/srv/a")}
    (read,) = read_outputs(giving("textbox"), [update])
    assert read is update


def test_an_output_nested_too_deeply_stays_as_it_came() -> None:
    value: Any = json_of("/srv/a")
    for _ in range(20_000):
        value = [value]
    (read,) = read_outputs(giving("json"), [value])
    assert read is value
    while isinstance(value, list):  # taken apart slowly, so that its end needs no stack
        value = value.pop()


def test_a_reader_gives_for_each_value_what_a_single_reading_gives() -> None:
    made = giving("json")
    reader = OutputReader(made)
    file, other = json_of("/srv/a"), json_of("/srv/b")
    values: list[Any] = [
        {"chat": [{"file": file}, {"text": "a"}], "plain": [1, 2]},
        {"chat": [{"file": file}, {"text": "ab"}, [file]], "plain": [1, 2]},
        {"chat": [{"text": "a"}, {"file": other}]},
        {"chat": {"0": file}},
        [file, {"x": file}],
        [{"x": file}, file, "text"],
        [[1], [2]],
        file,
        {**file, "path": "/srv/c"},
        None,
        "text",
        [],
        [file],
    ]
    for value in values:
        assert reader.read([value]) == read_outputs(made, [value])
    for value in values:
        assert reader.read([value]) == read_outputs(made, [value])


def test_what_was_read_before_is_not_read_again() -> None:
    reader = OutputReader(giving("json"))
    file = {"file": json_of("/srv/a")}
    quiet = {"text": ["b"]}
    (first,) = reader.read([[file, quiet]])
    (second,) = reader.read([[file, quiet, {"text": "c"}]])
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert second[0] is first[0]
    assert second[0] == {"file": FileData(path="/srv/a")}
    assert second[1] is quiet
    assert reader.read([None]) == (None,)


def test_values_given_out_do_not_change_when_later_ones_come() -> None:
    reader = OutputReader(giving("json"))
    value: Any = {"list": [json_of("/srv/a")], "text": "a"}
    read: list[Any] = [reader.read([value])[0]]
    kept = copy.deepcopy(read[0])
    value = apply_diff(value, [["add", ["list", 1], {"x": 1}], ["append", ["text"], "b"]])
    read.append(reader.read([value])[0])
    assert read[0] == kept
    assert read[1] == {"list": [FileData(path="/srv/a"), {"x": 1}], "text": "ab"}


leaves = st.none() | st.integers() | st.text(max_size=3) | st.sampled_from("abc").map(json_of)
trees = st.recursive(
    leaves,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from("xyz"), children, max_size=3),
    max_leaves=12,
)


@given(st.lists(trees, min_size=1, max_size=6), st.data())
def test_a_reader_agrees_with_single_readings_whatever_is_shared(values: list[Any], data: st.DataObject) -> None:
    made = giving("json")
    reader = OutputReader(made)
    for _ in range(4):
        # Values are made of whole parts of one another, as edits make them.
        value = data.draw(st.lists(st.sampled_from(values), max_size=3) | st.sampled_from(values))
        values.append(value)
        before = copy.deepcopy(value)
        assert reader.read([value]) == read_outputs(made, [copy.deepcopy(value)])
        assert value == before


def test_records_are_replaced_wherever_they_are() -> None:
    file, quiet = FileData(path="/srv/a"), {"b": [1]}
    value = [file, {"a": [file, quiet]}, quiet, "text"]
    assert replace_files(value, lambda found: f"local {found.path}") == [
        "local /srv/a",
        {"a": ["local /srv/a", quiet]},
        quiet,
        "text",
    ]
    assert replace_files(file, lambda found: found.path) == "/srv/a"
    assert replace_files(quiet, lambda found: None) is quiet


@pytest.mark.parametrize(("outputs", "value"), [((), ()), (("a",), "a"), ((None,), None), (("a", 1), ("a", 1))])
def test_one_output_is_itself_and_several_are_a_tuple(outputs: tuple[object, ...], value: object) -> None:
    assert collapse(outputs) == value


BASE = "http://app.test:7860/sub"


def url_of(file: FileData, prefix: str = "/gradio_api") -> str:
    return file_url(BASE, make_config([], [], api_prefix=prefix, root="http://internal:1/other"), file)


@pytest.mark.parametrize(
    ("file", "url"),
    [
        (FileData(path="/tmp/g/a b%é#?.txt"), BASE + "/gradio_api/file=/tmp/g/a%20b%25%C3%A9%23%3F.txt"),
        (FileData(path="/a", url="http://internal:1/other/file=/a"), BASE + "/gradio_api/file=/a"),
        (FileData(path="C:\\a\\b"), BASE + "/gradio_api/file=C:%5Ca%5Cb"),
        (FileData(path="s/1/2", url="http://internal/x", is_stream=True), BASE + "/gradio_api/stream/s/1/2"),
        (FileData(path=None, url="/gradio_api/file=/a"), BASE + "/gradio_api/file=/a"),
        (FileData(path="", url="http://internal:1/file=/a"), "http://internal:1/file=/a"),
        (FileData(path="https://e.test/a b.png", url="x"), "https://e.test/a%20b.png"),
        (FileData(path=None, url="//e.test/a"), "http://e.test/a"),
    ],
)
def test_a_file_is_fetched_by_its_path_below_the_address_that_the_caller_gave(file: FileData, url: str) -> None:
    assert url_of(file) == url


def test_early_servers_have_no_prefix() -> None:
    assert url_of(FileData(path="/a"), prefix="") == BASE + "/file=/a"


def test_a_file_that_is_nowhere_cannot_be_fetched() -> None:
    with pytest.raises(ArgumentError, match="without a path and without a URL"):
        url_of(FileData(path=None))


def test_an_unusable_url_is_the_servers_fault() -> None:
    with pytest.raises(RemoteProtocolError):
        url_of(FileData(path=None, url="ftp://e.test/a"))


def test_arguments_and_outputs_of_a_real_app() -> None:
    made = saved_endpoints().resolve("/files")
    args: list[object] = [
        "a.txt",
        ["b.txt", b"c"],
        Path("d.png"),
        [{"image": b"e", "caption": None}],
        {"text": "f.txt"},
    ]
    data, files = find_uploads(made, args, upload_paths=True)
    assert [file.source for file in files] == ["a.txt", "b.txt", b"c", "d.png", b"e"]
    assert data[4] == {"text": "f.txt"}
    record = FileData(path="/srv/x")
    filled = fill_uploads(data, [record] * 5)
    assert read_outputs(made, filled) == (
        record,
        [record, record],
        record,
        [{"image": record, "caption": None}],
        {"text": "f.txt"},
    )
