"""The drift test by itself: what it takes for a difference, and what for an explanation."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto_fake_server._versions import parse
from tests.matrix.versions import VERSIONS

from .compare import ABSENT, differences
from .deviations import DEVIATIONS, Deviation
from .normal import Normal
from .runner import Result, judge, stale
from .talk import Answer

KNOWN = Deviation(id="known", versions="4.0..5.0", cases="^echo$", where=r"\.size$", what="", harm="")


def answer(body: bytes, **headers: str) -> Answer:
    return Answer(status=200, headers=[("content-type", "application/json"), *headers.items()], body=body)


@pytest.mark.parametrize(
    ("real", "fake", "where"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, ["a"]),
        ({"a": True}, {"a": 1}, ["a"]),
        ({"a": None}, {}, ["a"]),
        ({}, {"a": None}, ["a"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [" (order)"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a.1"]),
        ([{"a": ""}], [{"a": "x"}], [".0.a"]),
    ],
)
def test_values_types_and_the_order_of_keys_are_compared(real: Any, fake: Any, where: list[str]) -> None:
    assert [each.where for each in differences(real, fake)] == where


def test_what_is_absent_is_told_so() -> None:
    (one,) = differences({"a": 1}, {})
    assert one.fake == ABSENT


def test_ids_times_and_addresses_are_taken_out_and_the_style_is_told() -> None:
    normal = Normal("http://127.0.0.1:7860")
    body = b'{"event_id":"' + b"0123456789abcdef" * 2 + b'","duration":0.25,"url":"http://127.0.0.1:7860/x","n":3}'
    told = normal.answer(answer(body, date="today"))
    assert told["body"]["json"] == {"event_id": "(id)", "duration": "(seconds)", "url": "(url)/x", "n": 3}
    assert told["body"]["style"] == "compact or compact, escaped"
    assert "date" not in told["headers"]


def test_spaces_and_escapes_are_told_apart() -> None:
    normal = Normal("http://127.0.0.1:1")
    styles = [normal.body(body)["style"] for body in ('{"a":"ü"}'.encode(), b'{"a":"\\u00fc"}', b'{"a": "\\u00fc"}')]
    assert styles == ["compact", "compact, escaped", "spaced, escaped"]


def test_a_difference_fails_unless_a_deviation_of_that_version_and_place_explains_it() -> None:
    for version, case, explained in (("4.44.1", "echo", True), ("5.0.2", "echo", False), ("4.44.1", "add", False)):
        result = Result(version=version)
        judge(result, case, {"file": {"size": 1}}, {"file": {"size": 2}}, [KNOWN])
        assert (result.failures == []) is explained
        assert result.explained == ({"known": 1} if explained else {})


def test_a_deviation_that_explains_nothing_is_a_failure_in_its_versions_alone() -> None:
    assert [failure.case for failure in stale(Result(version="4.44.1"), [KNOWN])] == [""]
    assert stale(Result(version="5.0.2"), [KNOWN]) == []
    assert stale(Result(version="4.44.1", explained={"known": 2}), [KNOWN]) == []


def test_a_case_that_fails_with_both_is_a_failure() -> None:
    result = Result(version="4.44.1")
    judge(result, "echo", {"failed": "KeyError"}, {"failed": "KeyError"}, [])
    assert len(result.failures) == 1


def test_every_deviation_has_a_name_of_its_own_and_versions_that_are_tried() -> None:
    assert len({deviation.id for deviation in DEVIATIONS}) == len(DEVIATIONS)
    for deviation in DEVIATIONS:
        assert any(deviation.concerns(version) for version in VERSIONS), deviation.id
        assert all(parse(part) for span in deviation.versions.split() for part in span.split("..") if part)
