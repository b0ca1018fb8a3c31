"""``gradproto codegen``: what it writes, what it will not write over, and what it says of drift."""

from __future__ import annotations

import ast
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from gradproto_fake_server import FakeApp, FakeServer, demo_app, dropdown
from tests.cli.conftest import Invoke
from tests.transports.generated import load

MADE = "# Made by `gradproto codegen`."


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a module goes; the directory is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my_app.py"


def test_the_module_is_printed_where_no_file_is_named(server: FakeServer, invoke: Invoke) -> None:
    for arguments in ([], ["-o", "-"]):
        result = invoke("codegen", server.url, *arguments)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(MADE)
        classes = [node.name for node in ast.parse(result.stdout).body if isinstance(node, ast.ClassDef)]
        assert classes == ["App", "AsyncApp"]


def test_what_is_printed_is_what_is_written(server: FakeServer, invoke: Invoke, target: Path) -> None:
    result = invoke("codegen", server.url, "-o", "my_app.py")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "gradproto: wrote my_app.py\n")
    assert target.read_text(encoding="utf-8") == invoke("codegen", server.url).stdout
    assert os.listdir(target.parent) == ["my_app.py"]


def test_the_module_works(server: FakeServer, invoke: Invoke, target: Path) -> None:
    assert invoke("codegen", server.url, "-o", str(target), "--style", "sync").exit_code == 0
    module: Any = load(target)
    with module.App.connect() as app:
        assert app.add(a=1, b=2) == 3
        assert list(app.count(n=2)) == ["n=0", "n=1"]


def test_the_clients_and_the_files_can_be_chosen(server: FakeServer, invoke: Invoke) -> None:
    source = invoke("codegen", server.url, "--style", "trio", "--style", "sync", "--no-download").stdout
    assert [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)] == ["App", "TrioApp"]
    assert "-> TrioRemoteFile" in source
    assert "-> str | None" in invoke("codegen", server.url, "--optional-results").stdout
    assert invoke("codegen", server.url, "--style", "curio").exit_code == 2


def test_no_secret_gets_into_the_module(invoke: Invoke) -> None:
    with FakeServer(demo_app(auth=[("me", "passw0rd")])) as server:
        result = invoke(
            "codegen", f"{server.url}/?token=s3cret&x=1#f", "--auth", "me:passw0rd", "--header", "x-key: k3yk3y"
        )
        assert result.exit_code == 0, result.stderr
        for secret in ("passw0rd", "s3cret", "k3yk3y", "x=1"):
            assert secret not in result.stdout
        assert f'DEFAULT_URL = "{server.url}/"' in result.stdout


# What is there already


def test_a_module_is_made_again(server: FakeServer, invoke: Invoke, target: Path) -> None:
    with FakeServer(FakeApp()) as empty:
        assert invoke("codegen", empty.url, "-o", "my_app.py").exit_code == 0
    assert "def echo" not in target.read_text(encoding="utf-8")
    assert invoke("codegen", server.url, "-o", "my_app.py").exit_code == 0
    assert "def echo" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"print('mine')\n", "was not made by `gradproto codegen`"),
        (b"no python (", "was edited by hand"),
        (b"\xff\xfe", "is no text in UTF-8"),
    ],
)
def test_a_file_of_somebody_else_is_not_written_over(
    server: FakeServer, invoke: Invoke, target: Path, content: bytes, why: str
) -> None:
    target.write_bytes(content)
    result = invoke("codegen", server.url, "-o", "my_app.py")
    assert result.exit_code == 1
    assert why in result.stderr
    assert target.read_bytes() == content
    assert invoke("codegen", server.url, "-o", "my_app.py", "--force").exit_code == 0
    assert target.read_text(encoding="utf-8").startswith(MADE)


def test_an_edited_module_is_not_written_over(server: FakeServer, invoke: Invoke, target: Path) -> None:
    invoke("codegen", server.url, "-o", "my_app.py")
    edited = target.read_text(encoding="utf-8") + "\nMINE = 1\n"
    target.write_text(edited, encoding="utf-8")
    result = invoke("codegen", server.url, "-o", "my_app.py")
    assert (result.exit_code, "was edited by hand (--force replaces it)" in result.stderr) == (1, True)
    assert target.read_text(encoding="utf-8") == edited


def test_an_empty_file_is_nobodys(server: FakeServer, invoke: Invoke, target: Path) -> None:
    target.touch()
    assert invoke("codegen", server.url, "-o", "my_app.py").exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="rights and links as Unix has them")
def test_rights_and_links_stay(server: FakeServer, invoke: Invoke, target: Path) -> None:
    real = target.parent / "real.py"
    real.touch(mode=0o640)
    real.chmod(0o640)
    target.symlink_to(real)
    assert invoke("codegen", server.url, "-o", "my_app.py").exit_code == 0
    assert target.is_symlink()
    assert real.read_text(encoding="utf-8").startswith(MADE)
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        assert invoke("codegen", server.url, "-o", "other.py").exit_code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((target.parent / "other.py").stat().st_mode) == 0o640


def test_a_place_that_cannot_be_written_is_said(server: FakeServer, invoke: Invoke, target: Path) -> None:
    result = invoke("codegen", server.url, "-o", "no/such/place.py")
    assert (result.exit_code, result.stderr) == (
        1,
        "gradproto: error: cannot write no/such/place.py: No such file or directory\n",
    )
    (target.parent / "sub").mkdir()
    assert invoke("codegen", server.url, "-o", "sub").exit_code == 2


# Drift


def shop(*sizes: str, extra: bool = False) -> FakeApp:
    app = FakeApp(title="shop")

    @app.endpoint("/order", inputs=[dropdown(sizes, "size")], outputs=["textbox"])
    def order(size: str) -> str:
        return size

    if extra:

        @app.endpoint("/refund")
        def refund(text: str) -> str:
            return text

    return app


def test_a_module_that_fits_is_said_to_fit(server: FakeServer, invoke: Invoke, target: Path) -> None:
    invoke("codegen", server.url, "-o", "my_app.py")
    for arguments in (["--check", server.url, "my_app.py"], [server.url, "-o", "my_app.py", "--check"]):
        result = invoke("codegen", *arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "my_app.py fits the app\n", "")


def test_a_check_goes_by_how_the_module_was_made(server: FakeServer, invoke: Invoke, target: Path) -> None:
    invoke("codegen", server.url, "-o", "my_app.py", "--style", "trio", "--no-download", "--optional-results")
    assert invoke("codegen", "--check", server.url, "my_app.py").exit_code == 0


def test_drift_is_listed_and_the_module_left_alone(invoke: Invoke, target: Path) -> None:
    with FakeServer(shop("s", "m", extra=True)) as before:
        assert invoke("codegen", before.url, "-o", "my_app.py", "--style", "trio").exit_code == 0
    source = target.read_text(encoding="utf-8")
    with FakeServer(shop("m", "l")) as after:
        result = invoke("codegen", "--check", after.url, "my_app.py")
    assert result.exit_code == 1
    assert "/refund: gone" in result.stdout.splitlines()
    assert "/order: parameter size: the choices changed: no longer 's'; also 'l'" in result.stdout.splitlines()
    assert result.stderr.endswith("differences; make it again with `gradproto codegen`\n")
    assert target.read_text(encoding="utf-8") == source


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--check"], 2, "--check wants the file to be checked"),
        (["--check", "-o", "-"], 2, "--check wants the file to be checked"),
        (["--check", "a.py", "-o", "b.py"], 2, "give the file once"),
        (["--check", "other.py", "--force"], 2, "--force is for making a module"),
        (["--check", "other.py", "--style", "sync"], 2, "--style is for making a module"),
        (["--check", "missing.py"], 1, "cannot read missing.py: No such file or directory"),
        (["--check", "other.py"], 1, "cannot check other.py: it was not made by `gradproto codegen`"),
    ],
)
def test_what_cannot_be_checked_is_said(
    server: FakeServer, invoke: Invoke, target: Path, arguments: list[str], code: int, said: str
) -> None:
    (target.parent / "other.py").write_text("x = 1\n")
    result = invoke("codegen", server.url, *arguments)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr


@pytest.mark.parametrize("arguments", [["-o", "pipe"], ["pipe"], ["-o", "pipe", "--force"], ["--check", "pipe"]])
def test_what_is_no_regular_file_is_left_alone(
    server: FakeServer, invoke: Invoke, target: Path, arguments: list[str]
) -> None:
    pipe = target.parent / "pipe"
    os.mkfifo(pipe)
    result = invoke("codegen", server.url, *arguments)
    assert result.exit_code == 1
    assert "pipe is there, and is no regular file" in result.stderr
    assert pipe.is_fifo()
    assert server.requests == []


@pytest.mark.parametrize("arguments", [["-o", ""], [""], ["--check", ""]])
def test_a_file_has_a_name(server: FakeServer, invoke: Invoke, arguments: list[str]) -> None:
    result = invoke("codegen", server.url, *arguments)
    assert (result.exit_code, "the name of the file is empty" in result.stderr) == (2, True)


def test_an_app_out_of_reach_is_no_drift(invoke: Invoke, server: FakeServer, target: Path) -> None:
    invoke("codegen", server.url, "-o", "my_app.py")
    assert invoke("codegen", "--check", "http://127.0.0.1:1", "my_app.py").exit_code == 3


@pytest.mark.real
def test_a_real_gradio_fits_the_module_of_the_fake_one(
    real_url: str, server: FakeServer, invoke: Invoke, target: Path
) -> None:
    invoke("codegen", real_url, "-o", "my_app.py")
    module: Any = load(target)
    with module.App.connect(server.url) as app:
        assert app.now_upper(text="x") == "X"
    result = invoke("codegen", "--check", server.url, "my_app.py")
    # The fake one says what the real one says, but for the words in which it does.
    assert all("the description changed" in line for line in result.stdout.splitlines()) or result.exit_code == 0
