"""A release: both distributions are built, installed with the oldest and the newest Python, and tested there."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import gradproto

from . import pythons
from .outside import run

ROOT = Path(__file__).parent.parent
OLDEST = "3.10"
# What runs without a checkout: the tests of the installation, and those from the vectors, which are data for anybody.
OF_VECTORS = ("__init__", "documents", "driving", "vectors", "test_vectors", "test_vector_outcomes")
RELEASED = re.fullmatch(r"\d+\.\d+\.\d+", gradproto.__version__) is not None


class Built(NamedTuple):
    """The two distributions."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both distributions, the wheel from what is in the source distribution."""
    place = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", place, ROOT, cwd=place)
    (sdist,), (wheel,) = place.glob("*.tar.gz"), place.glob("*.whl")
    return Built(sdist, wheel)


def _install(version: str, home: Path, what: str) -> Path:
    """Make an environment of that Python with a distribution and nothing of this checkout; give its Python."""
    found = pythons.find(version)
    if found is None:
        pytest.skip(f"there is no Python {version} on this machine")
    uv = [sys.executable, "-m", "uv"]
    run(*uv, "venv", "--quiet", "--python", found, home, cwd=home.parent)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(*uv, "pip", "install", "--quiet", "--python", python, what, "pytest", cwd=home.parent)
    return python


def _copy_tests(place: Path) -> None:
    """Copy the tests that run anywhere, with what they read."""
    shutil.copytree(ROOT / "tests" / "installed", place / "tests" / "installed")
    (place / "tests" / "core").mkdir()
    (place / "tests" / "__init__.py").touch()
    for name in OF_VECTORS:
        shutil.copy(ROOT / "tests" / "core" / f"{name}.py", place / "tests" / "core")
    for name in ("vectors", "recordings"):
        shutil.copytree(ROOT / "spec" / name, place / "spec" / name)
    shutil.copy(ROOT / "pyproject.toml", place)


@pytest.mark.parametrize("version", dict.fromkeys((OLDEST, pythons.newest())))
def test_the_wheel_passes_tests_where_it_is_installed(built: Built, version: str, tmp_path: Path) -> None:
    python = _install(version, tmp_path / "environment", f"{built.wheel}[all]")
    place = tmp_path / "place"
    place.mkdir()
    _copy_tests(place)
    said = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=place)
    passed = re.search(r"^(\d+) passed in ", said, flags=re.MULTILINE)
    assert passed is not None, said
    assert int(passed[1]) > 400
    where = run(python, "-c", "import gradproto; print(gradproto.__file__)", cwd=place)
    assert Path(where).is_relative_to(tmp_path / "environment")


def test_the_source_distribution_can_be_installed(built: Built, tmp_path: Path) -> None:
    python = _install(OLDEST, tmp_path / "environment", f"{built.sdist}[cli]")
    assert "12 of 12 steps" in run(python, "-m", "gradproto_transports.cli", "demo", cwd=tmp_path)


def test_the_distributions_are_what_the_index_takes_and_their_page_can_be_shown(built: Built) -> None:
    said = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *built, cwd=ROOT)
    assert said.count("PASSED") == 2, said
    assert {path.name.partition(".tar")[0].split("-py3")[0] for path in built} == {f"gradproto-{gradproto.__version__}"}


def test_the_changelog_has_this_version_or_is_made_from_its_fragments() -> None:
    sections = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    fragments = list((ROOT / ".changelog").glob("*.md"))
    draft = run(sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9", cwd=ROOT)
    assert "## 9.9.9 (" in draft
    for fragment in fragments:
        first = fragment.read_text(encoding="utf-8").split("\n")[0]
        assert first.split()[-1] in draft, fragment
    assert (gradproto.__version__ in sections) == RELEASED
