"""Apps that are Spaces: how every command finds them and waits for them, and where the token goes and never shows."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from gradproto_fake_server import FakeApp, FakeHub, FakeHubServer, FakeServer, Log, Progress, Step
from gradproto_transports.cli._app import program
from tests.cli.conftest import PATIENCE, Invoke, Start
from tests.cli.terminal import Terminal

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals as POSIX has them")

TOKEN = "hf_abcdefghijkl"


def _make_app() -> FakeApp:
    app = FakeApp(show_error=True)

    @app.endpoint("/echo")
    def echo(text: str) -> str:
        return text

    @app.endpoint("/tell")
    def tell(text: str) -> Iterator[Step | str]:
        """Say everywhere what was sent."""
        yield Log(f"log {text}")
        yield Progress(index=1, length=2, desc=f"step {text}")
        yield f"output {text}"
        raise ValueError(f"error {text}")

    return app


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHubServer]:
    """The Hub of the environment."""
    hub = FakeHub()
    hub.add_user("me")
    hub.add_token(TOKEN, user="me", role="write")
    hub.add_space("owner/app", app=_make_app)
    hub.add_space("me/mine", app=_make_app, private=True)
    with FakeHubServer(hub) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def _carries_token(headers: list[tuple[str, str]]) -> bool:
    return any(TOKEN in value for _, value in headers)


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


# --- finding it


@pytest.mark.parametrize("name", ["owner/app", "{hub}/spaces/owner/app", "owner-app.hf.space", "hf.space/owner/app"])
def test_every_command_takes_a_space_for_an_app(hub: FakeHubServer, invoke: Invoke, name: str, tmp_path: Path) -> None:
    name = name.replace("{hub}", hub.url)
    assert invoke("predict", name, "/echo", "hi").stdout == "hi\n"
    assert 'api_name="/echo"' in invoke("view-api", name).stdout
    assert invoke("codegen", name, "-o", str(tmp_path / "made.py")).exit_code == 0
    assert invoke("codegen", "--check", name, str(tmp_path / "made.py")).exit_code == 0
    assert "no endpoint" in invoke("chat", name).stderr


def test_the_hub_may_be_named(hub: FakeHubServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert invoke("predict", "owner/app", "/echo", "hi", "--hub-url", hub.url).stdout == "hi\n"
    assert invoke("predict", f"{hub.url}/spaces/owner/app", "/echo", "hi", "--hub-url", f"{hub.url}/").stdout == "hi\n"


def test_a_space_that_is_not_there_is_no_connection(hub: FakeHubServer, invoke: Invoke) -> None:
    result = invoke("predict", "owner/nope", "/echo", "hi")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)
    assert "Could not find Space: owner/nope." in result.stderr


# --- waiting for it


@pytest.mark.parametrize("words", [["predict", "owner/app", "/echo", "hi"], ["view-api", "owner/app"]])
def test_a_space_that_is_waited_for_is_told_on_stderr(hub: FakeHubServer, start: Start, words: list[str]) -> None:
    hub.run(lambda served: served.space("owner/app").play(("BUILDING", 1000)))
    process = start(*words)
    hub.wait_for(lambda served: any(record.kind == "runtime" for record in served.requests), PATIENCE)
    hub.advance(1000)
    code, out, err = _finish(process)
    assert (code, err) == (0, "gradproto: the Space owner/app is BUILDING\n")
    assert out.startswith(("hi\n", "Client.predict()"))


@pytest.mark.parametrize(
    "words", [["predict", "URL", "/echo", "x"], ["view-api", "URL"], ["codegen", "URL"], ["chat", "URL"]]
)
def test_quiet_tells_nothing_of_a_wait(hub: FakeHubServer, invoke: Invoke, words: list[str]) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("APP_STARTING"))
    given = ["owner/app" if word == "URL" else word for word in words]
    result = invoke(*given, "--space-wait", "0.05", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)
    assert "the Space owner/app is still APP_STARTING after 0.05 s (--space-wait) (wait longer with" in result.stderr
    assert invoke(*given, "--space-wait", "0.05").stderr.startswith("gradproto: the Space owner/app is APP_STARTING\n")


def test_a_wait_is_an_event_and_the_limit_for_all_covers_it(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("BUILDING"))
    process = start("predict", "owner/app", "/echo", "x", "--json-events", "--timeout", "1")
    code, out, err = _finish(process)
    first, *_, last = [json.loads(line) for line in out.splitlines()]
    assert first == {"type": "space", "space": "owner/app", "stage": "BUILDING", "waited": 0.0}
    message = "connecting took more than 1 s: the Space owner/app is BUILDING"
    assert last == {"type": "error", "error": "DeadlineExceeded", "message": message, "exit_code": 3}
    assert (code, err.splitlines()[-1]) == (3, f"gradproto: error: {message}")


@posix
def test_an_interrupt_ends_the_wait(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("BUILDING"))
    process = start("predict", "owner/app", "/echo", "x", "--quiet")
    hub.wait_for(lambda served: any(record.kind == "runtime" for record in served.requests), PATIENCE)
    process.send_signal(signal.SIGINT)
    assert _finish(process) == (130, "", "gradproto: interrupted\n")


@posix
def test_at_a_terminal_the_wait_is_a_line_that_goes(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.space("owner/app").play(("BUILDING", 1000)))
    terminal = Terminal()
    process = start("view-api", "owner/app", stderr=terminal.end)
    terminal.read_until("the Space owner/app is BUILDING; waiting for it, 0 s ...")
    hub.advance(1000)
    assert "gradproto:" not in terminal.watch(process)
    assert process.returncode == 0


# --- the token


def test_the_token_of_the_environment_is_for_spaces_only(
    hub: FakeHubServer, server: FakeServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", f"{TOKEN}\n")
    assert invoke("predict", "me/mine", "/echo", "hi").stdout == "hi\n"
    assert all(_carries_token(record.headers) for record in hub.requests)
    for address in (server.url, hub.space_url("owner/app")):
        assert invoke("view-api", address).exit_code == 0
    assert not any(_carries_token(record.headers) for record in server.requests)
    assert not any(_carries_token(record.headers) for record in hub.requests if record.site == "owner/app")
    assert invoke("view-api", server.url, "--token-from-env").exit_code == 0
    assert _carries_token(server.requests[-1].headers)


def test_it_can_be_left_out_and_replaced(hub: FakeHubServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    assert invoke("predict", "owner/app", "/echo", "hi", "--no-token").stdout == "hi\n"
    assert not any("hf_of" in value for record in hub.requests for _, value in record.headers)
    assert invoke("predict", "me/mine", "/echo", "hi", "--token", TOKEN).stdout == "hi\n"
    assert not any("hf_of" in value for record in hub.requests for _, value in record.headers)


@pytest.mark.parametrize("options", [["--no-token"], ["--token", "x"]])
def test_it_is_given_in_one_way_only(hub: FakeHubServer, invoke: Invoke, options: list[str]) -> None:
    result = invoke("view-api", "owner/app", "--token-from-env", *options, env={"HF_TOKEN": TOKEN})
    assert (result.exit_code, "give the token once" in result.stderr, hub.requests) == (2, True, [])


_DEBUG = "import logging; logging.basicConfig(level=1); "


@pytest.mark.parametrize("form", [[], ["--json"], ["--json-events"]])
@pytest.mark.parametrize("given", [["--token", TOKEN], []])
def test_no_app_gets_the_token_shown(hub: FakeHubServer, start: Start, form: list[str], given: list[str]) -> None:
    words = ["predict", "me/mine", "/tell", f"<{TOKEN}>", *form, *given]
    code, out, err = _finish(start(*words, before=_DEBUG, env={"HF_TOKEN": TOKEN}))
    assert (code, TOKEN in out + err, "output <***>" in out, "error <***>" in err) == (1, False, True, True)
    assert ("log <***>" in out) == (form == ["--json-events"])


@posix
def test_neither_does_it_show_at_a_terminal(hub: FakeHubServer, start: Start) -> None:
    terminal = Terminal()
    streams = dict.fromkeys(("stdout", "stderr"), terminal.end)
    process = start("predict", "me/mine", "/tell", f"<{TOKEN}>", **streams, env={"HF_TOKEN": TOKEN})
    seen = terminal.watch(process)
    assert (process.returncode, TOKEN in seen) == (1, False)
    assert "info: log <***>" in seen


def test_an_answer_of_a_chat_does_not_show_it(server: FakeServer) -> None:
    words = ["chat", server.url, "--token", TOKEN]
    result = CliRunner().invoke(program, words, input=f"is it {TOKEN}\n", catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (0, "You said: is it ***\n")


@pytest.mark.parametrize(
    "words", [["predict", "me/mine", "/echo", "x"], ["space", "status", "me/mine"], ["space", "wake", "me/mine"]]
)
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_no_hub_gets_the_token_shown(hub: FakeHubServer, start: Start, words: list[str], status: int) -> None:
    said = f"you sent {TOKEN}"
    hub.run(lambda served: served.fail("GET /api/*", status=status, error=said, times=None))
    code, out, err = _finish(start(*words, before=_DEBUG, env={"HF_TOKEN": TOKEN}))
    assert (code, TOKEN in out + err, err.splitlines()[-1][:18]) == (3, False, "gradproto: error: ")


def test_nor_does_what_the_hub_says_of_a_space(hub: FakeHubServer, invoke: Invoke) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("BUILD_ERROR", error_message=f"no {TOKEN}"))
    for form in ([], ["--json"]):
        result = invoke("space", "status", "owner/app", *form, env={"HF_TOKEN": TOKEN})
        assert (result.exit_code, "no ***" in result.stdout) == (0, True)


def test_a_token_of_one_run_is_not_looked_for_in_the_next(hub: FakeHubServer, invoke: Invoke) -> None:
    assert invoke("predict", "me/mine", "/echo", TOKEN, "--token", TOKEN).stdout == "***\n"
    assert invoke("predict", "owner/app", "/echo", TOKEN).stdout == f"{TOKEN}\n"


# --- completion


def _complete(*words: str) -> list[str]:
    completion = ShellComplete(program, {}, "gradproto", "_GRADPROTO_COMPLETE")
    return [item.value for item in completion.get_completions(list(words[:-1]), words[-1])]


def test_the_commands_and_their_options_are_completed() -> None:
    assert _complete("space", "") == ["duplicate", "status", "wake"]
    assert _complete("space", "wake", "--sp") == ["--space-wait"]
    assert set(_complete("space", "duplicate", "--s")) == {"--secret", "--sleep-timeout", "--space-wait"}
    assert _complete("predict", "--no-t") == ["--no-token"]


def test_the_endpoints_of_a_space_are_completed(hub: FakeHubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _complete("predict", "owner/app", "/e") == ["/echo"]
    assert _complete("predict", "me/mine", "/e") == []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert _complete("predict", "me/mine", "/e") == ["/echo"]
    monkeypatch.delenv("HF_ENDPOINT")
    assert _complete("predict", "--hub-url", hub.url, "me/mine", "/e") == ["/echo"]


def test_a_key_wakes_no_space(hub: FakeHubServer, capfd: pytest.CaptureFixture[str]) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("SLEEPING"))
    assert _complete("predict", "owner/app", "/e") == []
    assert hub.run(lambda served: served.space("owner/app").stage) == "SLEEPING"
    assert capfd.readouterr() == ("", "")
