"""The README says what is true: its code is that of the examples, and the examples run."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradproto_conformance import Verdict
from gradproto_conformance.client import ClientOptions, run_client
from gradproto_fake_server import FakeServer, demo_app

ROOT = Path(__file__).parent.parent
EXAMPLES = Path(__file__).parent / "examples"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def test_the_code_in_the_readme_is_that_of_the_examples() -> None:
    examples = [path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*_example.py")]
    assert sorted(_blocks("python")) == sorted(examples)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("sync_example.py", "Hello\n42\n# GRADPROTO\nn=0\nn=1\nn=2\n"),
        (
            "more_example.py",
            "3\n7\nParameter `a` is a number, not 'x'\n1 2 1\ninfo log 0\nstep 0: 0 of 2\ninfo log 1\nstep 1: 1 of 2\n",
        ),
        ("spaces_example.py", "owner/app SLEEPING\nHello\nHello True\n"),
        ("trio_example.py", "Hello\nn=0\nn=1\nn=2\n"),
        ("conformance_example.py", "0\n"),
    ],
)
def test_an_example_runs(
    name: str, output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    path = EXAMPLES / name
    with FakeServer(demo_app()) as server:
        code = path.read_text(encoding="utf-8").replace("http://127.0.0.1:7860", server.url)
        exec(compile(code, str(path), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == output


def test_the_example_of_a_test_is_a_test_that_passes() -> None:
    importlib.import_module("tests.examples.fake_server_example").test_greeting()


def test_the_example_of_the_plugin_is_tests_that_pass(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text((EXAMPLES / "pytest_example.py").read_text(encoding="utf-8"), encoding="utf-8")
    options = [
        "-q",
        "-p",
        "gradproto_fake_server.pytest_plugin",
        "-p",
        "no:cacheprovider",
        "--strict-markers",
        "-W",
        "error",
    ]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr


def test_the_example_of_a_client_owes_nothing_that_it_can_do() -> None:
    command = [sys.executable, str(EXAMPLES / "client_example.py"), "{url}", "{api_name}", "{inputs}"]
    select = ("client-result", "client-outputs", "client-generator-result", "client-error*", "client-full-queue*")
    (report,) = run_client(command, ClientOptions(gradio=("6.31.0",), select=select, timeout=60))
    assert {result.verdict for result in report.results} == {Verdict.PASS}


def test_the_commands_in_the_readme_are_commands() -> None:
    from gradproto_transports.cli._app import program

    used = set(re.findall(r"^gradproto ([a-z-]+)", README, flags=re.MULTILINE))
    assert used == set(program.commands)


def test_the_exit_codes_in_the_readme_are_those_of_the_help() -> None:
    from gradproto_transports.cli._app import program

    table = set(re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE))
    epilogs = " ".join(command.epilog or "" for command in (program, *program.commands.values()))
    assert table == set(re.findall(r"\b\d+\b", epilogs))


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    assert "\npython3 tests/run.py\n" in README
    assert "\npython3 tests/run.py demo\n" in README
    assert "\nexec python3 tests/run.py " in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_script_of_the_readme_can_tell_an_old_python_that_it_is_too_old() -> None:
    source = (ROOT / "tests" / "run.py").read_text(encoding="utf-8")
    assert ast.parse(source, feature_version=(3, 6))
