from __future__ import annotations

import importlib.util
from pathlib import Path

SPEC = Path(__file__).parent.parent / "spec"


def test_the_state_diagrams_are_those_of_the_tables() -> None:
    found = importlib.util.spec_from_file_location("render_states", SPEC / "render_states.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    written = (SPEC / "states.md").read_text(encoding="utf-8")
    assert written == module.render(), "run: python spec/render_states.py"
