from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SPEC = Path(__file__).parent.parent / "spec"


def rendered(script: str) -> str:
    """Return what a script of the spec would write."""
    found = importlib.util.spec_from_file_location(script, SPEC / f"{script}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    page: str = module.render()
    return page


@pytest.mark.parametrize("page", ["states", "deviations"])
def test_the_page_is_that_of_the_tables(page: str) -> None:
    written = (SPEC / f"{page}.md").read_text(encoding="utf-8")
    assert written == rendered(f"render_{page}"), f"run: python spec/render_{page}.py"
