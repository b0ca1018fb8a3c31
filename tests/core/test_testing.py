"""What `gradproto.testing` gives, which is above the core and loaded only when it is used."""

from __future__ import annotations

import pytest

import gradproto_conformance.adapters as adapters
from gradproto import testing


@pytest.mark.parametrize("name", testing.__all__)
def test_each_name_is_that_of_the_suite(name: str) -> None:
    assert getattr(testing, name) is getattr(adapters, name)
    assert name in dir(testing)


def test_a_name_that_there_is_not_is_refused_in_the_usual_way() -> None:
    with pytest.raises(AttributeError, match=r"^module 'gradproto\.testing' has no attribute 'check_anything'$"):
        testing.check_anything  # type: ignore[attr-defined]  # noqa: B018
