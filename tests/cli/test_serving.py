"""``gradproto fake-server`` with all that it can be told, and ``gradproto record``."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gradproto import AuthenticationError, ConnectError, GradprotoError
from gradproto_fake_server import FakeServer, Recording
from gradproto_transports.sync import Client
from tests.cli.conftest import PATIENCE, Invoke, Start

SECRET = "opensesame-7"
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")

APP = """
from gradproto_fake_server import FakeApp

app = FakeApp()
number = 3

@app.endpoint("/hello")
def hello(name: str) -> str:
    return f"Hello {name}"

def make() -> FakeApp:
    return app

def fail() -> FakeApp:
    raise RuntimeError("no luck")
"""


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, url = process.stdout.readline().split()
    assert ready == "READY"
    return url


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """End it as Ctrl-C does; return the exit code and what is on stderr."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


@posix
def test_a_conversation_is_recorded_and_played_again(server: FakeServer, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    recorder = start("record", server.url, str(path), "--port", "0", "--header", f"x-key: {SECRET}")
    with Client(url_of(recorder)) as client:
        assert client.predict("hello", api_name="/echo") == "hello"
    assert {dict(record.headers)["x-key"] for record in server.requests} == {SECRET}
    code, err = stop(recorder)
    requests = len(Recording(path).exchanges)
    assert code == 0
    assert err.startswith(f"gradproto: recorded {requests} requests on ")
    assert SECRET not in path.read_text(encoding="utf-8")
    player = start("fake-server", "--replay", str(path), "--speed", "0", "--port", "0", "--log")
    with Client(url_of(player)) as client:
        assert client.predict("hello", api_name="/echo") == "hello"
        with pytest.raises(GradprotoError, match="it was recorded 1 time"):
            client.predict("hello", api_name="/echo")
    code, err = stop(player)
    assert code == 0
    assert "POST /gradio_api/queue/join: 404, complete" in err


@posix
def test_the_app_is_served_over_tls_with_an_authority_of_its_own(start: Start, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    process = start("fake-server", "--tls", str(authority), "--port", "0")
    url = url_of(process)
    assert url.startswith("https://127.0.0.1:")
    with Client(url, ssl_context=ssl.create_default_context(cafile=str(authority))) as client:
        assert client.predict("hello", api_name="/echo") == "hello"
    with pytest.raises(ConnectError, match="certificate"):
        Client(url)
    assert stop(process) == (0, "")


@posix
def test_a_certificate_that_cannot_be_written_is_told_of(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("fake-server", "--tls", str(tmp_path / "nowhere" / "ca.pem"), "--port", "0")
    assert result.exit_code == 2, result.stderr
    assert "--tls: cannot write" in result.stderr


@posix
def test_the_app_is_served_at_a_root_path(start: Start) -> None:
    process = start("fake-server", "--root-path", "/proxied", "--port", "0")
    url = url_of(process)
    with urllib.request.urlopen(f"{url}/config") as answer:
        assert json.load(answer)["root"] == f"{url}/proxied"
    with Client(f"{url}/proxied") as client:
        assert client.predict("hello", api_name="/echo") == "hello"
    assert stop(process) == (0, "")


# Another thread gets the signal, so that nothing interrupts the main one: as when it comes just before that waits.
ELSEWHERE = """
import signal, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux tells what a thread does")
@pytest.mark.parametrize("command", ["fake-server", "record"])
def test_a_signal_is_heard_whenever_it_comes(command: str, server: FakeServer, start: Start, tmp_path: Path) -> None:
    what = [server.url, str(tmp_path / "out.jsonl")] if command == "record" else []
    process = start(command, *what, "--port", "0", before=ELSEWHERE)
    url_of(process)
    while " S " not in Path(f"/proc/{process.pid}/task/{process.pid}/stat").read_text():  # until it waits for something
        assert process.poll() is None
    assert stop(process)[0] == 0


@posix
def test_kept_secrets_are_warned_of(server: FakeServer, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    recorder = start("record", server.url, str(path), "--port", "0", "--keep-secrets")
    request = urllib.request.Request(url_of(recorder) + f"/config?token={SECRET}")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        answer.read()
    code, err = stop(recorder)
    assert (code, err.splitlines()[0]) == (0, f"gradproto: warning: tokens, cookies and passwords are kept in {path}")
    assert SECRET in path.read_text(encoding="utf-8")


@posix
def test_a_login_and_the_control_api_and_a_log_without_secrets(start: Start) -> None:
    process = start(
        "fake-server", "--port", "0", "--control", "--log", "--seed", "3", env={"GRADPROTO_FAKE_AUTH": f"ada:{SECRET}"}
    )
    url = url_of(process)
    with pytest.raises(AuthenticationError):
        Client(url)
    with Client(url, auth=("ada", SECRET)) as client:
        assert client.predict("hello", api_name="/echo") == "hello"
    with urllib.request.urlopen(f"{url}/__gradproto__/health", timeout=PATIENCE) as answer:
        assert json.load(answer)["status"] == "ok"
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(f"{url}/gradio_api/info?token={SECRET}&a=hf_AbCdEfGh0123456789", timeout=PATIENCE)
    refused.value.close()
    code, err = stop(process)
    assert code == 0
    assert "POST /login: 200, complete " in err
    assert "GET /gradio_api/info?token=***&a=hf_******************: 401, complete " in err
    assert "__gradproto__" not in err
    assert SECRET not in err


@posix
def test_things_go_wrong_as_often_as_was_said(start: Start) -> None:
    process = start(
        "fake-server", "--port", "0", "--fault", "crash:2@GET */info", "--fault", "not found:always@GET /nope"
    )
    url = url_of(process)
    seen: list[int] = []
    for _ in range(3):
        try:
            with urllib.request.urlopen(f"{url}/gradio_api/info", timeout=PATIENCE) as answer:
                seen.append(answer.status)
        except urllib.error.HTTPError as error:
            seen.append(error.code)
            error.close()
    assert seen == [500, 500, 200]
    assert stop(process) == (0, "")


@posix
@pytest.mark.parametrize("where", ["mine:app", "{directory}/mine.py:make"])
def test_an_app_of_ones_own_is_served(start: Start, tmp_path: Path, where: str) -> None:
    (tmp_path / "mine.py").write_text(APP)
    process = start("fake-server", "--port", "0", "--app", where.format(directory=tmp_path), cwd=tmp_path)
    with Client(url_of(process)) as client:
        assert client.predict("Ada", api_name="/hello") == "Hello Ada"
    assert stop(process) == (0, "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--fault", "nope"], "--fault: no fault is called 'nope'"),
        (["--fault", "busy:0"], "--fault busy: TIMES must be a number from 1, or always, not '0'"),
        (["--fault", "busy:" + "9" * 5000], "--fault busy: TIMES must be"),
        (["--fault", "busy@"], "--fault: "),
        (["--chaos", "1.5"], "--chaos: the rate of chaos is from 0 to 1"),
        (["--chaos", "x"], "--chaos"),
        (["--seed", "x"], "--seed"),
        (["--speed", "2"], "--speed cannot be given: there is no recording to play"),
        (["--auth", f":{SECRET}"], "the login must be user:password"),
        (["--auth", "ada"], "the login must be user:password"),
        (["--auth", f"ada:{SECRET}", "--gradio", "1.7"], "--gradio"),
        (["--replay", "/nowhere/at-all"], "--replay: cannot read '/nowhere/at-all': No such file or directory"),
        (["--replay", __file__], "is no recording: line 1 is no line of a recording"),
        (["--replay", "x", "--gradio", "3.50.2"], "--gradio cannot be given: a recording is played as it is"),
        (["--replay", "x", "--fault", "busy"], "--fault cannot be given"),
        (["--replay", "x", "--control"], "--control cannot be given"),
        (["--replay", "x", "--root-path", "/x"], "--root-path cannot be given"),
        (["--root-path", "x y"], "--root-path: root_path is a path as"),
        (["--app", "mine"], "--app must be MODULE:NAME or FILE.py:NAME"),
        (["--app", "no_such_module:app"], "--app: cannot load no_such_module: ModuleNotFoundError"),
        (["--app", "/nowhere/mine.py:app"], "--app: cannot load /nowhere/mine.py: FileNotFoundError"),
        (["--app", "{app}:nope"], "mine.py has no nope"),
        (["--app", "{app}:number"], "number of {app} is of type int, and no FakeApp"),
        (["--app", "{app}:fail"], "--app: fail() fails: RuntimeError: no luck"),
        (["--app", "{app}:app", "--auth", f"ada:{SECRET}"], "--auth cannot be given: the app says that itself"),
    ],
)
def test_what_cannot_be_served_is_wrong_usage(invoke: Invoke, tmp_path: Path, words: list[str], why: str) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(APP)
    result = invoke("fake-server", "--port", "0", *(word.format(app=mine) for word in words))
    assert (result.exit_code, result.stdout) == (2, "")
    assert why.format(app=mine) in result.stderr
    assert result.stderr.count("\n") == 1
    assert SECRET not in result.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["owner/space", "{new}"], "'owner/space' is not the address of an app"),
        (["http://ada:" + SECRET + "@127.0.0.1", "{new}"], "a user name or password does not belong in it"),
        (["http://127.0.0.1:1", "{old}"], "is there already; --force replaces it"),
        (["http://127.0.0.1:1", "{new}", "--header", SECRET], "a header must be 'Name: value'"),
        (["http://127.0.0.1:1", "{new}", "--header", "Host: a"], "header 'Host' is set by the library"),
        (["http://127.0.0.1:1", "{new}", "--host-header", "mine"], "--host-header"),
        (["http://127.0.0.1:1"], "FILE"),
    ],
)
def test_what_cannot_be_recorded_is_wrong_usage(invoke: Invoke, tmp_path: Path, words: list[str], why: str) -> None:
    new, old = tmp_path / "new.jsonl", tmp_path / "old.jsonl"
    old.write_text("precious")
    result = invoke("record", "--port", "0", *(word.format(new=new, old=old) for word in words))
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in result.stderr
    assert SECRET not in result.stderr
    assert not new.exists()
    assert old.read_text() == "precious"


def test_a_place_where_nothing_can_be_written_or_served_is_a_failure(
    invoke: Invoke, tmp_path: Path, server: FakeServer
) -> None:
    result = invoke("record", server.url, str(tmp_path / "no" / "out.jsonl"), "--port", "0")
    assert result.exit_code == 1
    assert result.stderr.endswith("out.jsonl: No such file or directory\n")
    result = invoke("record", server.url, str(tmp_path / "out.jsonl"), "--port", str(server.port))
    assert result.exit_code == 1
    assert "Address already in use" in result.stderr
    assert not (tmp_path / "out.jsonl").exists()
