"""Completion in shells: through Click, and in a real bash."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from pytest_httpserver import HTTPServer

from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports.cli._app import program
from tests.cli.conftest import PATIENCE, Invoke

PASSWORD = "opensesame-7"


def _complete(*words: str) -> list[str]:
    """Return what the last word may become."""
    completion = ShellComplete(program, {}, "gradproto", "_GRADPROTO_COMPLETE")
    return [item.value for item in completion.get_completions(list(words[:-1]), words[-1])]


def test_commands_are_completed() -> None:
    assert _complete("pre") == ["predict"]
    assert set(_complete("")) == set(program.commands)


def test_the_public_endpoints_of_the_app_are_completed(server: FakeServer) -> None:
    assert _complete("predict", server.url, "/e") == ["/echo"]
    assert _complete("predict", server.url, "pro") == ["/progress"]
    assert "/secret" not in _complete("predict", server.url, "/")
    assert _complete("chat", server.url, "/c") == ["/count", "/chat"]


def test_the_parameters_of_the_endpoint_are_completed(server: FakeServer) -> None:
    assert _complete("predict", server.url, "/add", "") == ["a=", "b="]
    assert _complete("predict", server.url, "/add", "a=1", "") == ["b="]
    assert _complete("predict", server.url, "/nope", "") == []


@pytest.mark.parametrize("evil", ["z\nplain,$(evil)", "--output-dir", "`evil`", "a b", "z\n", "'"])
def test_no_app_gets_more_than_words_onto_the_line(server: FakeServer, httpserver: HTTPServer, evil: str) -> None:
    answers = {}
    for path in ("/config", "/gradio_api/info"):
        with urllib.request.urlopen(server.url + path) as answer:
            answers[path] = json.load(answer)
    named = answers["/gradio_api/info"]["named_endpoints"]
    for parameter, name in zip(named["/add"]["parameters"], ["x;touch pwned;y", evil], strict=True):
        parameter["parameter_name"] = name
    for path, document in answers.items():
        httpserver.expect_request(path).respond_with_json(document)
    url = httpserver.url_for("")
    assert _complete("predict", url, "/add", "") == []
    assert _complete("predict", url, "/echo", "") == ["text="]


@pytest.mark.parametrize("shell", ["gradprotobash", "zsh", "fish"])
def test_no_app_gets_more_than_words_into_what_a_shell_reads(
    server: FakeServer, httpserver: HTTPServer, shell: str
) -> None:
    for path in ("/config", "/gradio_api/info"):
        with urllib.request.urlopen(server.url + path) as answer:
            document = json.load(answer)
        if path != "/config":
            document["named_endpoints"]["/add"]["parameters"][0]["parameter_name"] = "x;touch pwned;y\nplain,evil"
        httpserver.expect_request(path).respond_with_json(document)
    line = f"gradproto predict {httpserver.url_for('')} /add "
    environment = {**os.environ, "_GRADPROTO_COMPLETE": f"{shell}_complete", "COMP_WORDS": line}
    environment["COMP_CWORD"] = "" if shell == "fish" else "4"
    command = [sys.executable, "-m", "gradproto_transports.cli"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert "b=" in done.stdout
    assert "evil" not in done.stdout
    assert "pwned" not in done.stdout


def test_the_login_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer(demo_app(auth={"ali": PASSWORD})) as guarded:
        assert _complete("predict", guarded.url, "/e") == []
        assert _complete("predict", "--auth", f"ali:{PASSWORD}", guarded.url, "/e") == ["/echo"]
        monkeypatch.setenv("GRADPROTO_AUTH", f"ali:{PASSWORD}")
        assert _complete("predict", guarded.url, "/e") == ["/echo"]


@pytest.mark.parametrize(
    "words", [[], ["--auth", "ali"], ["--header", "nothing"], ["--token", "a", "--token-from-env"], ["--timeout", "x"]]
)
def test_what_goes_wrong_is_not_told(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _complete("predict", *words, f"http://127.0.0.1:{port}", "/") == []
    assert _complete("predict", *words, "ftp://host", "/") == []
    assert capfd.readouterr() == ("", "")


def test_an_app_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert _complete("predict", f"127.0.0.1:{listener.getsockname()[1]}", "--timeout", "0.1", "/") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed(invoke: Invoke, shell: str) -> None:
    result = invoke("completion", shell)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "_gradproto_completion" in result.stdout
    assert "_GRADPROTO_COMPLETE=" in result.stdout.replace("-l x ", "")


def test_another_shell_is_wrong_usage(invoke: Invoke) -> None:
    assert invoke("completion", "csh").exit_code == 2


_ASK = """
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
compopt() { printf 'compopt %s %s\\n' "$1" "$2"; }
_gradproto_completion gradproto "" ""
printf '%s\\n' "${COMPREPLY[@]}"
complete -p gradproto
"""


@pytest.fixture
def ask_bash(invoke: Invoke, tmp_path: Path) -> object:
    """Let a bash that has read the script complete a line; returns what it was told."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    (tmp_path / "script").write_text(invoke("completion", "bash").stdout, encoding="utf-8")
    command = tmp_path / "gradproto"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gradproto_transports.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    def ask(line: str) -> list[str]:
        words = [bash, "--norc", "-c", _ASK, "ask", str(tmp_path / "script"), line]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, "PATH": path}, check=True
        )
        assert done.stderr == ""
        *told, registered = done.stdout.splitlines()
        assert registered == "complete -o nosort -F _gradproto_completion gradproto"
        return told

    return ask


def test_a_real_bash_completes(server: FakeServer, ask_bash: Any) -> None:
    assert ask_bash("gradproto predi") == ["predict"]
    assert ask_bash(f"gradproto predict {server.url} /ec") == ["/echo"]
    assert ask_bash(f"gradproto predict {server.url} /add ") == ["compopt -o nospace"] * 2 + ["a=", "b="]
    assert ask_bash(f"gradproto predict --header 'X-A: \"b c\"' {server.url} /ec") == ["/echo"]
    assert ask_bash("gradproto predict http://127.0.0.1:1 /") == [""]
    assert ask_bash("gradproto predict x --output-dir ") == ["compopt -o dirnames", ""]
