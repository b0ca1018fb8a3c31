from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto._errors import ArgumentError
from gradproto._json import dumps, loads, use_json

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
)


@pytest.fixture(autouse=True)
def standard_library() -> Iterator[None]:
    yield
    use_json()


class Unserialisable:
    pass


class BrokenDict(dict[str, int]):
    def items(self) -> Any:
        raise TypeError("no items today")


def nested(depth: int, innermost: object) -> object:
    for _ in range(depth):
        innermost = [innermost]
    return innermost


@given(values)
def test_what_is_written_reads_as_the_same_value(value: object) -> None:
    assert loads(dumps(value)) == value


def test_writing_is_compact_utf_8() -> None:
    assert dumps({"data": ["✓", 1, None], "ok": True}) == '{"data":["✓",1,null],"ok":true}'.encode()


def test_tuples_are_written_as_lists() -> None:
    assert dumps({"a": (1, ("b",))}) == b'{"a":[1,["b"]]}'


def test_text_is_read_like_bytes() -> None:
    assert loads('["✓"]') == loads('["✓"]'.encode()) == ["✓"]


def test_numbers_that_are_no_json_are_read_and_written_as_gradio_does() -> None:
    read = loads(b"[NaN,Infinity,-Infinity]")
    assert isinstance(read, list)
    assert math.isnan(read[0])  # type: ignore[arg-type]
    assert read[1:] == [math.inf, -math.inf]
    assert dumps([math.nan, math.inf]) == b"[NaN,Infinity]"


def test_integers_beyond_64_bits_keep_every_digit() -> None:
    assert loads(b'{"app_id":18446744073709551617}') == {"app_id": 2**64 + 1}
    assert dumps(2**64 + 1) == b"18446744073709551617"


@pytest.mark.parametrize("data", [b"", b"{", b"[1,]", b"\xff", b'"\xc3"', b"nul", b"{'a':1}", b"1" * 5000])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(data)


def test_nesting_beyond_the_stack_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        loads(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"data": [1, {"x": {2}}]}, "data[1].x is of type set, which JSON cannot hold"),
        (Unserialisable(), "the value is of type Unserialisable, which JSON cannot hold"),
        ([b"x"], "[0] is of type bytes, which JSON cannot hold"),
        ({"data": ({"a": 1.5, "b": None, "c": 2}, object())}, "data[1] is of type object, which JSON cannot hold"),
        ({"a b": [1j]}, "['a b'][0] is of type complex, which JSON cannot hold"),
        ({"data": [{"x": {1: 2}}]}, "data[0].x has a key of type int, where JSON has only strings"),
        ({None: 2}, "the value has a key of type NoneType, where JSON has only strings"),
        ([[1, {True: 2}]], "[0][1] has a key of type bool, where JSON has only strings"),
        ({"data": ["x\ud800y"]}, "data[0] has a lone surrogate (U+D800 at 1), which is no valid text"),
        ({"a": {"\udfff": 1}}, "the key a['\\udfff'] has a lone surrogate (U+DFFF at 0), which is no valid text"),
        ({"n": 10**5000}, "n is an integer of more digits than the interpreter writes"),
        ({"k" * 200: set()}, f"[{'k' * 80!r}] is of type set, which JSON cannot hold"),
        (nested(100_000, 1), "the value is nested too deeply for JSON"),
        ({"a": BrokenDict(x=1)}, "the value cannot be written as JSON: no items today"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_value_that_json_cannot_hold_is_refused_with_its_place(value: object, complaint: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        dumps(value)
    assert str(caught.value) == complaint


def test_a_container_in_itself_is_refused_with_its_place() -> None:
    loop: dict[str, object] = {}
    loop["a"] = [0, loop]
    with pytest.raises(ArgumentError, match=r"^a\[1\] contains itself$"):
        dumps(loop)


def test_a_container_may_appear_twice_side_by_side() -> None:
    part = [1]
    assert dumps([part, part, {"x": part}]) == b'[[1],[1],{"x":[1]}]'
    with pytest.raises(ArgumentError, match=r"\[2\] is of type set"):
        dumps([part, part, set()])


def test_a_faster_library_is_asked_first() -> None:
    seen: list[object] = []

    def fast_loads(data: bytes | str) -> Any:
        seen.append(data)
        return "read"

    def fast_dumps(value: Any) -> bytes:
        seen.append(value)
        return b"written"

    use_json(loads=fast_loads, dumps=fast_dumps)
    assert loads(b"[]") == "read"
    assert dumps([1]) == b"written"
    assert seen == [b"[]", [1]]


def test_a_faster_library_may_write_text() -> None:
    use_json(dumps=lambda value: json.dumps(value, ensure_ascii=False))
    assert dumps(["✓"]) == '["✓"]'.encode()


def test_what_a_faster_library_refuses_goes_to_the_standard_one() -> None:
    def refuse(_: Any) -> Any:
        raise ValueError("no")

    use_json(loads=refuse, dumps=refuse)
    assert loads(b"18446744073709551617") == 2**64 + 1
    assert dumps([2**64]) == b"[18446744073709551616]"
    with pytest.raises(ArgumentError, match=r"^\[0\] is of type set"):
        dumps([set()])
    with pytest.raises(ValueError, match="Expecting"):
        loads(b"{")


def test_keys_are_checked_behind_a_faster_library_too() -> None:
    use_json(dumps=json.dumps)
    with pytest.raises(ArgumentError, match="the value has a key of type int"):
        dumps({1: 2})


def test_without_a_faster_library_the_standard_one_is_back() -> None:
    use_json(loads=lambda data: "fast")
    use_json()
    assert loads(b"1") == 1
