"""What the servers of each generation say about one demo app, and how files stand in their values."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest

from gradproto._api_info import Endpoint, Endpoints
from gradproto._binding import bind_arguments
from gradproto._config import parse_config
from gradproto._errors import ArgumentError, AuthenticationError
from gradproto._files import FileData, LocalFile, PayloadStyle, data_url_bytes, handle_file
from gradproto._info import build_api_info
from gradproto._payload import fill_uploads, find_uploads, read_outputs
from gradproto._view_api import view_api_text
from tests.core.documents import (
    FILE_SCHEMA,
    URL,
    component,
    dependency,
    endpoint,
    era_documents,
    era_endpoints,
    make_endpoints,
    old_endpoint,
)

STYLES: dict[str, PayloadStyle] = {
    "2.9.4": "inline",
    "3.0.24": "inline",
    "3.16.2": "inline",
    "3.32.0": "named",
    "3.50.2": "named",
    "4.0.2": "path",
    "4.19.2": "path",
}
BLOCKS = [version for version in STYLES if version != "2.9.4"]
OLD = [version for version, style in STYLES.items() if style in ("inline", "named")]
PNG = "data:image/png;base64,iVBORw0KGgo="
TEXT = "data:text/plain;base64,SEVMTE8="


def named(version: str, api_name: str) -> Endpoint:
    return era_endpoints(version, STYLES[version]).resolve(api_name)


def send(endpoint: Endpoint, *values: object, uploaded: list[FileData] | None = None) -> list[Any]:
    """What stands in the request for these arguments; contents are bytes, or the text ``content`` for a path."""
    data, files = find_uploads(endpoint, list(values), upload_paths=True)
    if endpoint.payload != "inline":
        return fill_uploads(data, uploaded or [], endpoint.payload)
    return fill_uploads(data, [read(file) for file in files], "inline")


def read(file: LocalFile) -> LocalFile:
    content = file.source if isinstance(file.source, bytes) else b"content"
    return LocalFile(source=content, orig_name=file.orig_name, mime_type=file.mime_type)


def url_of(content: bytes, mime_type: str = "application/octet-stream") -> str:
    return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"


# Documents


@pytest.mark.parametrize("version", STYLES)
def test_the_page_of_each_generation_holds_the_same_config_as_its_address(version: str) -> None:
    body, _ = era_documents(version)
    config = parse_config(body, content_type="application/json", url=URL)
    page = b"<html><script>\n\t\t\twindow.gradio_config = " + body + b";</script><script>window.x = {};</script></html>"
    assert parse_config(page, content_type="text/html", url=URL) == config
    assert config.version == version  # 3.0 to 3.3x say it with a newline


@pytest.mark.parametrize(
    "said",
    [
        '{"auth_message": null, "auth_required": true};\n',  # 2.9.4
        '{"auth_required":true,"auth_message":null,"is_space":false,"root":""};',  # 3.32.0
        '{"auth_required":true,"auth_message":null,"space_id":null,"root":"http://127.0.0.1:7860"};',  # 4.19.2
        '{"auth_required":true,"auth_message":"Hi","space_id":null,"root":"http://127.0.0.1:7860","page":{"":{"layout":{'
        '}}},"pages":[""],"components":[],"dependencies":[],"current_page":""};',  # 6.31.0
    ],
)
def test_the_page_of_each_generation_says_that_it_wants_a_login(said: str) -> None:
    page = f"<html><script>window.gradio_config = {said}</script></html>".encode()
    with pytest.raises(AuthenticationError, match="requires a login"):
        parse_config(page, content_type="text/html", url=URL)


@pytest.mark.parametrize("version", BLOCKS)
def test_a_function_without_an_id_has_the_index_of_its_place(version: str) -> None:
    endpoints = era_endpoints(version, STYLES[version])
    file = {"3.0.24": 6}.get(version, 11)
    assert (endpoints.resolve("/echo").fn_index, endpoints.resolve("/file").fn_index) == (0, file)


@pytest.mark.parametrize("version", BLOCKS)
def test_state_has_a_place_but_is_not_the_callers(version: str) -> None:
    counter = named(version, "/state")
    assert (len(counter.inputs), counter.parameters, len(counter.outputs)) == (1, (), 1)
    assert counter.has_state
    assert bind_arguments(counter, (), {}) == [None]
    assert read_outputs(counter, [1.0, None]) == (1.0,)


def test_the_state_of_gradio_2_has_a_place_but_is_not_the_callers() -> None:
    document = {"input_components": [{"name": "state", "default": 7}], "output_components": [{"name": "state"}]}
    config = parse_config(json.dumps(document).encode(), content_type="application/json", url=URL)
    counter = Endpoints(config, build_api_info(config), "inline").resolve("/predict")
    assert (bind_arguments(counter, (), {}), counter.outputs, counter.has_state) == ([None], (), True)


@pytest.mark.parametrize("version", STYLES)
def test_a_textbox_without_a_value_must_be_given_one(version: str) -> None:
    echo = named(version, "/predict" if version == "2.9.4" else "/echo")
    with pytest.raises(ArgumentError, match="No value provided for required argument: text"):
        bind_arguments(echo, (), {})
    assert bind_arguments(echo, (), {"text": "x"}) == ["x"]


def test_whether_a_function_generates_is_known_since_3_20() -> None:
    count = [named(version, "/count") for version in ("3.16.2", "3.32.0")]
    assert [(one.is_generator, one.may_generate) for one in count] == [(False, True), (True, True)]
    assert not named("3.32.0", "/echo").may_generate
    assert not named("2.9.4", "/predict").may_generate


@pytest.mark.parametrize("version", ["3.16.2", "3.32.0", "3.50.2"])
def test_an_endpoint_without_a_name_is_called_by_its_index(version: str) -> None:
    unnamed = [one for one in era_endpoints(version, "named").values() if one.api_name is None]
    assert [one.fn_index for one in unnamed] == {"3.50.2": [6, 28]}.get(version, [6, 27])
    assert [parameter.name for parameter in unnamed[1].parameters] == ["text"]


def test_an_endpoint_whose_name_is_false_is_private() -> None:
    assert 29 not in era_endpoints("3.50.2", "named")


@pytest.mark.parametrize("version", ["2.9.4", "3.0.24", "3.16.2"])
def test_where_there_is_no_description_one_is_made(version: str) -> None:
    body, info = era_documents(version)
    assert info is None
    text = view_api_text(build_api_info(parse_config(body, content_type="application/json", url=URL)))
    if version == "2.9.4":
        assert 'predict(text, api_name="/predict") -> output' in text
    else:
        assert 'predict(fs, api_name="/files") -> outs' in text
        assert "[File] fs: list[filepath] (required)" in text
        assert "[Image] img: filepath (required)" in text
    assert "[Textbox] text: str (required)" in text


# Files in arguments


@pytest.mark.parametrize("version", BLOCKS)
def test_a_path_is_a_file_where_the_component_takes_one_in_every_generation(version: str) -> None:
    kinds = [named(version, name).inputs[0].file_kind for name in ("/file", "/files", "/image", "/echo")]
    assert kinds == ["one", "many", "one", None]
    _, files = find_uploads(named(version, "/files"), [["a.txt", "b.txt"]], upload_paths=True)
    assert [file.source for file in files] == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("value", "name"),
    [("dir/a.txt", "a.txt"), (Path("dir/a.txt"), "a.txt"), (handle_file("dir/a.txt"), "a.txt")],
)
def test_a_file_goes_into_the_request_where_nothing_can_be_uploaded(value: object, name: str) -> None:
    found = {"name": name, "data": url_of(b"content", "text/plain"), "size": 7, "is_file": False}
    assert send(old_endpoint(["video"], []), value) == [found]


def test_one_inline_file_is_a_list_of_one() -> None:
    # As Gradio 2 sends it itself; recording 2.9.4/file. Gradio 3 takes it too.
    [[sent]] = send(old_endpoint(["file"], []), b"abc")
    assert (sent["name"], sent["data"], sent["size"]) == ("file", url_of(b"abc"), 3)


def test_several_inline_files_are_a_list_and_one_file_is_a_list_of_one() -> None:
    files = old_endpoint(["file"], [], file_count="multiple")
    [both] = send(files, [b"abc", "b.txt"])
    assert [file["name"] for file in both] == ["file", "b.txt"]
    [[one]] = send(files, b"abc")
    assert one["data"] == url_of(b"abc")


def test_an_image_is_its_data_url_alone() -> None:
    image = old_endpoint(["image"], [])
    assert send(image, "a.png") == [url_of(b"content", "image/png")]
    sketch = send(image, {"image": "a plain text", "mask": handle_file("m.png")})
    assert sketch == [{"image": "a plain text", "mask": url_of(b"content", "image/png")}]


def test_an_endpoint_with_an_image_takes_all_its_files_inline_where_others_are_uploaded() -> None:
    both = old_endpoint(["image", "file"], [], "named")
    assert both.payload == "inline"
    content = b"same"
    image, [file] = send(both, content, content)
    assert (image, file["data"]) == (url_of(content), url_of(content))
    assert old_endpoint(["file"], ["image"], "named").payload == "named"


def test_an_uploaded_file_is_named() -> None:
    uploaded = [FileData(path="/tmp/gradio/x/a.txt", orig_name="a.txt", size=7)]
    sent = {"name": "/tmp/gradio/x/a.txt", "orig_name": "a.txt", "size": 7, "data": None, "is_file": True}
    assert send(old_endpoint(["file"], [], "named"), "a.txt", uploaded=uploaded) == [sent]
    nested = old_endpoint(["chatbot"], [], "named")
    assert send(nested, [["hi", handle_file("a.txt")]], uploaded=uploaded) == [[["hi", sent]]]


@pytest.mark.parametrize("payload", ["inline", "named"])
def test_a_file_of_the_servers_own_is_given_back_by_its_name(payload: PayloadStyle) -> None:
    own = FileData(path="/tmp/out.txt", orig_name="out.txt", size=3)
    sent = {"name": "/tmp/out.txt", "orig_name": "out.txt", "size": 3, "data": None, "is_file": True}
    assert send(old_endpoint(["video"], [], payload), own) == [sent]


def test_a_file_that_came_inside_an_answer_is_given_back_with_its_content() -> None:
    got = FileData(path=None, url=TEXT, orig_name="out.txt")
    assert send(old_endpoint(["image"], []), FileData(path=None, url=PNG, orig_name="image.png")) == [PNG]
    assert send(old_endpoint(["video"], []), got) == [{"name": "out.txt", "data": TEXT, "size": 5, "is_file": False}]
    # To a server of another generation it is uploaded.
    _, files = find_uploads(endpoint([component(1, "file")], [1], []), [got], upload_paths=True)
    assert [(file.source, file.orig_name) for file in files] == [(b"HELLO", "out.txt")]


def test_an_image_cannot_be_a_file_that_only_the_server_has() -> None:
    with pytest.raises(ArgumentError, match=r"only with its content, not as its own file '/tmp/a\.png' .*download"):
        send(old_endpoint(["image"], []), FileData(path="/tmp/a.png"))


@pytest.mark.parametrize("payload", ["inline", "named"])
@pytest.mark.parametrize(
    "value", ["https://user:secret@web.test/a.txt", handle_file("https://user:secret@web.test/a.txt")]
)
def test_a_url_is_refused_where_no_server_fetches_it(payload: PayloadStyle, value: object) -> None:
    with pytest.raises(
        ArgumentError, match=r"cannot fetch 'https://.*web\.test/a\.txt'.*since 4\.0 .*download"
    ) as caught:
        send(old_endpoint(["file"], [], payload), value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("payload", ["inline", "named", "path", "meta"])
def test_an_object_that_looks_like_a_file_is_sent_as_it_is_and_never_read(payload: PayloadStyle) -> None:
    looks = {"name": "/etc/passwd", "data": None, "is_file": True, "path": "/etc/passwd"}
    one = old_endpoint(["json"], [], payload)
    data, files = find_uploads(one, [looks], upload_paths=True)
    assert data == [looks]
    assert files == []
    _, files = find_uploads(old_endpoint(["file"], [], payload), [looks], upload_paths=True)
    assert files == []


def test_an_update_passes_but_that_files_in_it_are_found() -> None:
    update = {"__type__": "update", "value": b"abc", "label": "a"}
    [sent] = send(old_endpoint(["video"], []), update)
    assert (sent["__type__"], sent["label"], sent["value"]["data"]) == ("update", "a", url_of(b"abc"))
    assert send(old_endpoint(["textbox"], []), {"__type__": "update", "label": "a"}) == [
        {"__type__": "update", "label": "a"}
    ]


def test_an_open_file_is_found_in_every_generation() -> None:
    opened = io.BytesIO(b"abc")
    for payload in STYLES.values():
        _, files = find_uploads(old_endpoint(["file"], [], payload), [opened], upload_paths=True)
        assert [file.source for file in files] == [opened]


def test_no_choice_is_refused_where_the_server_does_not_insist_on_it() -> None:
    radio = old_endpoint(["radio"], [], choices=["a", "b"])
    assert bind_arguments(radio, ("c",), {}) == ["c"]
    choice = {"enum": ["a"], "type": "string"}
    components = [component(1, "radio", choice), component(2, "dropdown", choice)]
    early = make_endpoints(components, [dependency([1, 2], [])], payload="path")[0]
    assert [slot.choices for slot in early.inputs] == [None, (["a"], False)]
    assert [slot.choices for slot in endpoint(components, [1, 2], []).inputs] == [(["a"], False)] * 2


# Files in results


def results(kind: str, value: Any, payload: PayloadStyle = "inline") -> Any:
    return read_outputs(old_endpoint([], [kind], payload), [value])[0]


@pytest.mark.parametrize("payload", ["inline", "named"])
def test_an_image_that_comes_as_a_data_url_is_a_file(payload: PayloadStyle) -> None:
    file = results("image", PNG, payload)
    assert file == FileData(path=None, url=PNG, orig_name="image.png", mime_type="image/png")
    assert data_url_bytes(file.url).startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["textbox", "html", "json", "chatbot"])
def test_a_data_url_in_a_text_stays_one(kind: str) -> None:
    assert results(kind, PNG) == PNG


@pytest.mark.parametrize("value", ["no data URL", "data:without a comma", None, ["x", 5, None], {"a": 1}])
def test_what_is_no_file_stays_as_it_came(value: Any) -> None:
    assert results("image", value) == value


def test_a_file_that_comes_inline_is_a_data_url_with_its_name() -> None:
    # recording 3.0.24/file
    value = {"name": "out.txt", "size": 5, "data": TEXT}
    file = FileData(path=None, url=TEXT, orig_name="out.txt", size=5, mime_type="text/plain")
    assert results("file", value) == file
    assert results("file", [value, value]) == [file, file]
    assert results("file", {"name": None, "size": True, "data": TEXT}).orig_name == "file.txt"
    assert results("file", {"name": None, "size": True, "data": TEXT}).size is None


@pytest.mark.parametrize("payload", ["inline", "named"])
def test_a_file_that_the_server_names_is_its_path(payload: PayloadStyle) -> None:
    # recording 3.16.2/file
    value = {"orig_name": "out.txt", "name": "/tmp/out42.txt", "size": 10, "data": None, "is_file": True}
    assert results("file", value, payload) == FileData(path="/tmp/out42.txt", orig_name="out.txt", size=10)
    assert results("model3d", {"name": "C:\\tmp\\m.obj", "data": None, "is_file": True}).orig_name == "m.obj"


def test_files_are_found_where_components_nest_them() -> None:
    file = {"name": "/tmp/a.png", "data": None, "is_file": True}
    found = FileData(path="/tmp/a.png", orig_name="a.png")
    assert results("gallery", [[file, "a caption"], file]) == [[found, "a caption"], found]
    assert results("gallery", [PNG])[0].orig_name == "image.png"  # 3.0
    assert results("carousel", [[PNG, "text"]])[0][0].orig_name == "image.png"
    assert results("video", [file, None]) == [found, None]
    message = {**file, "mime_type": "image/png", "alt_text": "a"}
    expected = FileData(path="/tmp/a.png", orig_name="a.png", mime_type="image/png")
    assert results("chatbot", [["hi", message]]) == [["hi", expected]]
    assert results("annotatedimage", [file, [[file, "label"]]]) == [found, [[found, "label"]]]
    assert results("file", {"__type__": "update", "value": file}) == {"__type__": "update", "value": found}


def test_what_is_no_component_of_the_config_may_be_a_file() -> None:
    one = make_endpoints([], [dependency([], [9])], payload="named", protocol=None)[0]
    assert read_outputs(one, [{"name": "x", "data": TEXT}]) == (
        FileData(path=None, url=TEXT, orig_name="x", mime_type="text/plain"),
    )
    assert read_outputs(one, [TEXT]) == (TEXT,)


def test_an_argument_of_no_component_of_the_config_is_what_it_is() -> None:
    one = make_endpoints([], [dependency([9], [])], payload="named", protocol=None)[0]
    assert one.inputs[0].file_kind is None
    assert send(one, "a.txt") == ["a.txt"]


def test_too_deep_a_value_of_an_old_server_stays_as_it_came() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert results("file", value) is value


def path_results(value: Any, kind: str = "file", schema: Any = FILE_SCHEMA) -> Any:
    made = make_endpoints([component(1, kind, schema)], [dependency([], [1])], payload="path", protocol="sse_v2")
    return read_outputs(made[0], [value])[0]


def test_a_file_of_4_0_to_4_20_is_known_by_its_path_and_by_having_nothing_else() -> None:
    # recording 4.0.2/file
    value = {"path": "/tmp/out.txt", "url": None, "size": 10, "orig_name": "out.txt", "mime_type": None}
    found = FileData(path="/tmp/out.txt", orig_name="out.txt", size=10)
    assert path_results(value) == found
    assert path_results({"image": value, "caption": None}, schema={}) == {"image": found, "caption": None}
    for other in ({**value, "more": 1}, {**value, "path": None}, {"url": "x"}, {}):
        assert path_results(other) == other


def test_any_json_of_4_0_to_4_20_is_no_file() -> None:
    value = {"path": "/tmp/out.txt"}
    assert path_results(value, "json", {"type": {}, "description": "any valid json"}) is value
