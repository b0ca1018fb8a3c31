"""The order of status codes."""

from __future__ import annotations

import itertools

import pytest

from gradproto import Status


def test_codes_are_ordered_from_first_to_last() -> None:
    codes = list(Status)
    assert codes[0] is Status.STARTING
    assert codes[-1] is Status.CANCELLED
    for earlier, later in itertools.combinations(codes, 2):
        assert earlier < later
        assert later > earlier
        assert earlier <= later
        assert not later <= earlier
    assert Status.LOG >= Status.LOG


def test_a_code_has_no_order_with_anything_else() -> None:
    with pytest.raises(TypeError):
        Status.STARTING < "STARTING"  # type: ignore[operator]  # noqa: B015
