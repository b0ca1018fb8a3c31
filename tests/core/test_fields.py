from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gradproto._fields import FieldError, Fields, describe

READERS: list[Callable[[Fields], Any]] = [
    lambda fields: fields.text("key"),
    lambda fields: fields.flag("key"),
    lambda fields: fields.integer("key"),
    lambda fields: fields.number("key"),
    lambda fields: fields.items("key"),
    lambda fields: fields.mapping("key"),
    lambda fields: fields.integers("key"),
    lambda fields: fields.objects("key"),
    lambda fields: fields.named("key"),
]


@pytest.mark.parametrize("read", READERS)
def test_a_missing_field_and_null_are_the_same(read: Callable[[Fields], Any]) -> None:
    assert read(Fields({})) == read(Fields({"key": None}))
    assert not read(Fields({}))


def test_each_type_is_read() -> None:
    fields = Fields({"t": "x", "f": False, "i": 3, "w": 4.0, "n": 2.5, "l": [1, "a"], "m": {"a": 1}, "is": [1, 2.0]})
    assert fields.text("t") == "x"
    assert fields.flag("f") is False
    assert fields.integer("i") == 3
    assert fields.integer("w") == 4
    assert isinstance(fields.integer("w"), int)
    assert fields.number("n") == 2.5
    assert fields.number("i") == 3
    assert fields.items("l") == [1, "a"]
    assert fields.mapping("m") == {"a": 1}
    assert fields.integers("is") == (1, 2)


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (READERS[0], 5, "$.key is 5, where a string belongs"),
        (READERS[1], 1, "$.key is 1, where true or false belongs"),
        (READERS[2], True, "$.key is true, where an integer belongs"),
        (READERS[2], 1.5, "$.key is 1.5, where an integer belongs"),
        (READERS[3], False, "$.key is false, where a number belongs"),
        (READERS[4], {"a": 1}, "$.key is an object, where a list belongs"),
        (READERS[5], [1], "$.key is a list, where an object belongs"),
        (READERS[6], [1, "x"], "$.key[1] is 'x', where an integer belongs"),
        (READERS[6], [None], "$.key[0] is null, where an integer belongs"),
        (READERS[7], [{}, 1], "$.key[1] is 1, where an object belongs"),
        (READERS[8], {"a'b": 1}, '$.key["a\'b"] is 1, where an object belongs'),
    ],
)
def test_a_wrong_type_is_named_with_its_place(read: Callable[[Fields], Any], value: Any, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        read(Fields({"key": value}))
    assert str(caught.value) == message


def test_the_place_goes_on_from_object_to_object() -> None:
    fields = Fields({"list": [{"inner": {"name": 5}}]})
    inner = Fields(fields.objects("list")[0].mapping("inner"), "$.list[0].inner")
    with pytest.raises(FieldError, match=r"^\$\.list\[0\]\.inner\.name is 5"):
        inner.text("name")


def test_a_document_that_is_no_object_is_named_too() -> None:
    with pytest.raises(FieldError, match=r"^\$ is a list, where an object belongs$"):
        Fields([1])


def test_long_values_are_cut_and_huge_numbers_do_no_harm() -> None:
    assert describe("x" * 500) == repr("x" * 80)
    assert describe(10**70) == "1" + "0" * 70
    assert describe(10**5000) == "a huge integer"
