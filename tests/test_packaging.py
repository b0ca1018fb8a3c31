"""The distribution: what is in it, and that it works where nothing else of this project is."""

from __future__ import annotations

import email
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import gradproto
from gradproto_conformance._clauses import PAGES

from .outside import run

ROOT = Path(__file__).parent.parent
PACKAGES = {"gradproto", "gradproto_transports", "gradproto_fake_server", "gradproto_conformance"}

PREDICT = """
from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports.sync import Client
with FakeServer(demo_app()) as server, Client(server.url) as client:
    print(client.predict("from the wheel", api_name="/echo"))
"""


def _build(kind: str, source: Path, directory: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", directory, cwd=source)
    (built,) = directory.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this directory."""
    return _build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _copy_distributions(names: set[str], target: Path) -> None:
    """Copy installed distributions, with all that they need, from where the tests run."""
    waiting = list(names)
    copied: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in copied:
            continue
        copied.add(name)
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or []:
            if ".." not in file.parts and file.suffix != ".pyc":
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(distribution.locate_file(file), target / file)
        # Markers would be for another package to read; what is not installed here is not needed here.
        needed = {_name(text) for text in distribution.requires or [] if "extra ==" not in text}
        waiting += [text for text in needed if _is_installed(text)]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0]


def _with_all_extras(wheel: Path) -> set[str]:
    """Give the names of what the wheel needs and may have."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(path))
    return {_name(text) for text in metadata.get_all("Requires-Dist") or []} - {"gradproto"}


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _make_environment(home: Path, wheel: Path, distributions: set[str]) -> Path:
    """Make a virtual environment of the wheel, some distributions, and nothing else; give its Python."""
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    _copy_distributions(distributions, packages)
    if importlib.util.find_spec("pip"):
        install = [sys.executable, "-m", "pip", "--python", python]
    else:
        run(python, "-m", "ensurepip", cwd=home)
        install = [python, "-m", "pip"]
    run(*install, "install", "--no-deps", "--no-index", "--disable-pip-version-check", wheel, cwd=home)
    return python


@pytest.fixture(scope="module")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment that has the wheel, the two libraries that it needs, and nothing else."""
    return _make_environment(tmp_path_factory.mktemp("clean"), wheel, {"h11", "wsproto"})


def test_the_wheel_holds_four_packages_and_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in _names(wheel)}
    assert tops == PACKAGES | {f"gradproto-{gradproto.__version__}.dist-info"}


def test_every_package_says_that_it_is_typed(wheel: Path) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= _names(wheel)


def test_every_module_is_in_the_wheel(wheel: Path) -> None:
    modules = {
        path.relative_to(directory).as_posix()
        for directory in (ROOT, ROOT / "transports", ROOT / "fake_server", ROOT / "spec")
        for package in PACKAGES
        for path in (directory / package).rglob("*.py")
    }
    assert modules == {name for name in _names(wheel) if name.endswith(".py")}


def test_the_pages_that_modules_read_are_in_the_wheel(wheel: Path) -> None:
    clauses = {f"gradproto_conformance/clauses/{name}.md" for name in PAGES}
    assert {"gradproto_fake_server/status_page.html", "gradproto_conformance/report.html", *clauses} <= _names(wheel)


def test_the_version_is_written_in_one_place(wheel: Path) -> None:
    assert re.match(r"gradproto-([^-]+)-py3-none-any\.whl", wheel.name), wheel.name
    assert f'__version__ = "{gradproto.__version__}"' in (ROOT / "gradproto" / "_version.py").read_text()
    assert not re.search(r"^version = ", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)


def test_the_wheel_works_where_nothing_else_is(clean_python: Path, tmp_path: Path) -> None:
    assert run(clean_python, "-I", "-c", PREDICT, cwd=tmp_path) == "from the wheel\n"
    where = run(clean_python, "-I", "-c", "import gradproto; print(gradproto.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(clean_python.parent.parent)


def test_every_module_but_those_of_extras_can_be_imported(clean_python: Path, tmp_path: Path) -> None:
    code = """
import importlib, pkgutil, sys
for package in sys.argv[1:]:
    try:
        path = importlib.import_module(package).__path__
    except ModuleNotFoundError as error:
        print(package, error)
        continue
    for module in pkgutil.walk_packages(path, package + "."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            print(package, module.name.split(".")[1], error.name.split(".")[0])
"""
    said = run(clean_python, "-I", "-c", code, *sorted(PACKAGES), cwd=tmp_path).splitlines()
    suite = "gradproto_conformance "
    needed = {line.partition(" ")[2] for line in said if not line.startswith(suite)}
    assert needed <= {"trio trio", "_trio_driver trio", "cli click", "cli rich", "pytest_plugin pytest"}
    assert {"trio trio", "cli click", "cli rich"} <= needed
    of_suite = [line.removeprefix(suite) for line in said if line.startswith(suite)]
    assert of_suite == ['the conformance suite needs one more library: pip install "gradproto[trio]"']


def test_the_program_is_installed_and_says_what_it_lacks(clean_python: Path, tmp_path: Path) -> None:
    program = clean_python.parent / ("gradproto.exe" if os.name == "nt" else "gradproto")
    done = subprocess.run([program, "demo"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'gradproto: error: the command line is not installed: pip install "gradproto[cli]"\n'


def test_the_program_works_once_it_has_its_libraries(clean_python: Path, tmp_path: Path) -> None:
    libraries = tmp_path / "libraries"
    _copy_distributions({"click", "rich"}, libraries)
    code = "import sys; sys.path.append(sys.argv.pop(1)); from gradproto_transports.cli import main; main()"
    out = run(clean_python, "-I", "-c", code, libraries, "demo", cwd=tmp_path)
    assert "12 of 12 steps went as expected" in out


def test_the_tests_of_another_project_have_a_fake_gradio(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    home.mkdir()
    python = _make_environment(home, wheel, _with_all_extras(wheel) | {"pytest", "pytest-trio"})
    project = shutil.copytree(ROOT / "tests" / "examples" / "outside", tmp_path / "project")
    command = [python, "-I", "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--tb=line"]
    # In continuous integration pytest's summary tells every failure a second time.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")}
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 1, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    assert re.fullmatch(r"=+ 2 failed, 8 passed in .*=+", last), done.stdout
    assert {line.split(" - ")[0].rpartition("::")[2] for line in lines if line.startswith("FAILED ")} == {
        "test_refused",
        "test_refused_and_wrong",
    }
    refusal = "1 request(s) that a real server refuses:\n  #1 GET /gradio_api/file=/etc/passwd: 403"
    assert done.stdout.count(refusal) == 2, done.stdout


def test_the_source_distribution_has_what_the_tests_need(wheel: Path, tmp_path: Path) -> None:
    built = _build("sdist", ROOT, tmp_path / "built")
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        # The filter is there since 3.10.12 and 3.11.4.
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    assert {"tests/run.py", "tests/real_app.py", ".ci/run", "README.md", "LICENSE", "pyproject.toml"} <= names
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")} <= names
    (source,) = tmp_path.glob("gradproto-*")
    assert _names(_build("wheel", source, tmp_path / "again")) == _names(wheel)
