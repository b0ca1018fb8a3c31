"""The vectors themselves: that they are what their schemas say, and about clauses that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gradproto_conformance._clauses import clauses, version_of
from tests.clients.environments import NoNode, find_node
from tests.core.vectors import FOLDER, document

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
VECTORS = pytest.mark.parametrize("name", NAMES)


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of such a file."""
    return Draft202012Validator(json.loads((FOLDER / "schemas" / f"{name}.json").read_text(encoding="utf-8")))


@VECTORS
def test_the_vectors_are_what_their_schema_says(name: str) -> None:
    Draft202012Validator.check_schema(validator(name).schema)
    assert validator(name).schema["$id"] == f"{name}.json"
    validator(name).validate(document(name))


@VECTORS
def test_a_schema_takes_no_case_that_says_less_or_more(name: str) -> None:
    case = document(name)["cases"][0]
    for key in ("name", "clauses"):
        less = {other: value for other, value in case.items() if other != key}
        assert not validator(name).is_valid({**document(name), "cases": [less]})
    assert not validator(name).is_valid({**document(name), "cases": [{**case, "expected": 1}]})
    assert not validator(name).is_valid({**document(name), "cases": []})


def test_there_is_a_schema_for_each_file_and_no_other() -> None:
    assert sorted(path.stem for path in (FOLDER / "schemas").glob("*.json")) == NAMES
    assert {path.name for path in FOLDER.iterdir()} == {"README.md", "schemas", *(f"{name}.json" for name in NAMES)}


@VECTORS
def test_no_two_cases_have_one_name(name: str) -> None:
    names = [case["name"] for case in document(name)["cases"]]
    assert sorted(set(names)) == sorted(names)


@VECTORS
def test_the_clauses_of_a_case_are_in_the_specification_and_hold_for_its_version(name: str) -> None:
    for case in document(name)["cases"]:
        for clause in case["clauses"]:
            assert clause in clauses(), case["name"]
            version = version_of(gradio_of(case))
            assert not version or clauses()[clause].holds_for(version), (case["name"], clause)


def gradio_of(case: dict[str, Any]) -> str:
    """The version of the server that a case is about; nothing where it is about any."""
    config = case.get("config", {})
    if "config_file" in case:
        config = json.loads((FOLDER / case["config_file"]).read_text(encoding="utf-8"))
    found: str = case.get("gradio", config.get("version", ""))
    return found


def test_the_vectors_are_many() -> None:
    assert sum(len(document(name)["cases"]) for name in NAMES) >= 400


def test_the_page_tells_of_every_field() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        section = re.search(rf"^## `{name}\.json`.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert section is not None, name
        for field in validator(name).schema["$defs"]["case"]["properties"].keys() - {"name", "clauses"}:
            assert f"`{field}`" in section[0], (name, field)


def test_the_vectors_say_nothing_of_a_machine() -> None:
    for name in NAMES:
        text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.-])/(?:tmp|root|home|work|Users)\b", text), name


# --- in another language ----------------------------------------------------------------------------------------------


def run_in_javascript(folder: Path) -> subprocess.CompletedProcess[str]:
    """What comes of the runner in JavaScript, by the node that came for pyright or that of the machine."""
    try:
        node, _ = find_node()
    except NoNode as error:
        pytest.skip(str(error))
    script = Path(__file__).with_name("vectors.mjs")
    return subprocess.run([node, str(script), str(folder)], capture_output=True, text=True, timeout=120)


def test_another_language_needs_nothing_but_the_vectors_and_the_clauses() -> None:
    ran = run_in_javascript(FOLDER)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) == sum(len(document(name)["cases"]) for name in ("diffs", "event_streams"))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("diffs", '"value": "abc"', '"value": "abd"'), ("event_streams", '"data": "a"', '"data": "b"')],
)
def test_a_wrong_vector_is_seen_there(tmp_path: Path, name: str, old: str, new: str) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / f"{name}.json").write_text(text.replace(old, new, 1), encoding="utf-8")
    ran = run_in_javascript(tmp_path)
    assert ran.returncode != 0
    assert "AssertionError" in ran.stderr
