from __future__ import annotations

from typing import Any

import pytest

from gradproto._old_components import (
    gives_data_urls,
    old_file_kind,
    old_may_hold_file,
    old_schema,
    takes_data_urls,
)
from gradproto._schema import python_type


@pytest.mark.parametrize(
    ("kind", "props", "words"),
    [
        ("textbox", {}, "str"),
        ("markdown", {}, "str"),
        ("number", {}, "float"),
        ("slider", {"minimum": 0}, "float"),
        ("checkbox", {}, "bool"),
        ("radio", {"choices": ["a", "b"]}, "Literal['a', 'b']"),
        ("dropdown", {"choices": [["A", "a"], ["B", 2]]}, "Literal['a', '2']"),
        ("dropdown", {"choices": ["a"], "multiselect": True}, "list[Literal['a']]"),
        ("dropdown", {"choices": []}, "str"),
        ("radio", {"choices": "what"}, "str"),
        ("checkboxgroup", {"choices": ["a"]}, "list[Literal['a']]"),
        ("image", {}, "filepath"),
        ("audio", {}, "filepath"),
        ("video", {}, "filepath"),
        ("model3d", {}, "filepath"),
        ("file", {"file_count": "single"}, "filepath"),
        ("file", {"file_count": "multiple"}, "list[filepath]"),
        ("uploadbutton", {"file_count": "directory"}, "list[filepath]"),
        ("gallery", {}, "list[filepath | tuple[filepath, str]]"),
        ("json", {}, "str | float | bool | list | dict"),
        ("somebodys_own", {}, "str | float | bool | list | dict"),
    ],
)
def test_a_component_is_described_by_its_type(kind: str, props: dict[str, Any], words: str) -> None:
    assert python_type(old_schema(kind, props)) == words


def test_what_takes_files_is_known_by_its_type() -> None:
    assert [old_file_kind(kind, {}) for kind in ("image", "file", "gallery", "textbox")] == ["one", "one", None, None]
    assert old_file_kind("file", {"file_count": "multiple"}) == "many"


def test_only_what_is_known_to_hold_no_file_is_not_looked_through() -> None:
    assert [kind for kind in ("json", "textbox", "label", "dropdown") if old_may_hold_file(kind)] == []
    held = ("image", "gallery", "chatbot", "annotatedimage", "somebodys_own")
    assert tuple(kind for kind in held if old_may_hold_file(kind)) == held


def test_an_image_is_a_bare_data_url_both_ways_and_sound_only_as_a_result() -> None:
    assert (takes_data_urls("image"), gives_data_urls("image")) == (True, True)
    assert (takes_data_urls("audio"), gives_data_urls("audio")) == (False, True)
    assert (takes_data_urls("file"), gives_data_urls("file")) == (False, False)
