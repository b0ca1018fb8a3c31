from __future__ import annotations

from typing import Any

import pytest

from gradproto._fields import FieldError
from gradproto._old_config import as_blocks, is_interface

INTERFACE: dict[str, Any] = {
    "input_components": [{"name": "textbox", "label": "text", "default": "hi"}],
    "output_components": [{"name": "textbox", "label": "echo: output"}, {"name": "image", "label": "image: output"}],
    "function_count": 2,
    "queue": True,
}


def test_an_interface_is_known_by_its_components() -> None:
    assert is_interface(INTERFACE)
    assert not is_interface({"dependencies": []})
    assert not is_interface({"dependencies": [], "input_components": []})
    assert not is_interface({})


def test_the_components_are_numbered_with_the_inputs_first_and_belong_to_one_function() -> None:
    document: Any = as_blocks(INTERFACE)
    assert [(item["id"], item["type"]) for item in document["components"]] == [
        (0, "textbox"),
        (1, "textbox"),
        (2, "image"),
    ]
    assert document["dependencies"] == [
        {"api_name": "predict", "inputs": [0], "outputs": [1, 2], "types": {"generator": False}}
    ]
    assert document["enable_queue"] is True


def test_the_default_of_a_component_is_its_value() -> None:
    document: Any = as_blocks(INTERFACE)
    assert [item["props"]["value"] for item in document["components"]] == ["hi", None, None]


def test_the_document_itself_is_not_changed() -> None:
    as_blocks(INTERFACE)
    assert set(INTERFACE) == {"input_components", "output_components", "function_count", "queue"}
    assert INTERFACE["input_components"] == [{"name": "textbox", "label": "text", "default": "hi"}]


def test_an_interface_without_fields_is_a_function_of_nothing() -> None:
    document: Any = as_blocks({"input_components": None})
    assert (document["components"], document["enable_queue"]) == ([], None)


WRONG: list[tuple[Any, str]] = [
    ({"input_components": {}}, r"\$\.input_components is an object"),
    ({"input_components": [], "output_components": [5]}, r"\$\.output_components\[0\] is 5"),
    ({"input_components": [{"name": []}]}, r"\$\.input_components\[0\]\.name is a list"),
]


@pytest.mark.parametrize(("document", "place"), WRONG)
def test_a_wrong_type_is_named_by_its_place_in_the_document_that_came(document: Any, place: str) -> None:
    with pytest.raises(FieldError, match=place):
        as_blocks(document)


def test_a_component_without_a_name_is_of_no_known_type() -> None:
    document: Any = as_blocks({"input_components": [{}]})
    assert document["components"][0]["type"] == ""
