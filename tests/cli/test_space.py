"""``gradproto space``: how Spaces are, waking them, and copies of them, on a Hub of our own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from gradproto_fake_server import FakeHub, FakeHubServer
from gradproto_fake_server._hub_spaces import Stage
from tests.cli.conftest import PATIENCE, Invoke, Start
from tests.cli.terminal import Terminal

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals as POSIX has them")

TOKEN = "hf_abcdefghijkl"
SECRET = "opensesame-7"
REMEDIES = {
    "PAUSED": "its owner can restart it, and anybody can duplicate it",
    "STOPPED": "its owner can restart it, and anybody can duplicate it",
    "NO_APP_FILE": "its owner has to add one",
    "CONFIG_ERROR": "its owner has to mend its README",
    "BUILD_ERROR": "its owner has to mend it",
    "RUNTIME_ERROR": "its owner can restart it, and anybody can duplicate it",
    "DELETING": "it is being deleted",
}
FREE_COPY = "created me/app, private\n"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHubServer]:
    """The Hub of the environment."""
    hub = FakeHub()
    hub.add_user("me", orgs=["team"])
    hub.add_token(TOKEN, user="me", role="write")
    hub.add_token("hf_read_only", user="me", role="read")
    hub.add_space("owner/app")
    hub.add_space("owner/gpu", hardware="t4-small", sleep_time=600)
    hub.add_space("me/mine", private=True)
    with FakeHubServer(hub) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of the environment."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def _changes(hub: FakeHubServer) -> list[str]:
    return [record.kind for record in hub.requests if record.site == "hub" and record.method == "POST"]


def _asked(hub: FakeHubServer, kind: str) -> None:
    """Wait until the Hub was asked."""
    hub.wait_for(lambda served: any(record.kind == kind for record in served.requests), PATIENCE)


# --- how a Space is


@pytest.mark.parametrize("name", ["owner/app", "{hub}/spaces/owner/app", "owner-app.hf.space", "hf.space/owner/app"])
def test_a_space_is_described_whatever_it_is_called_by(hub: FakeHubServer, invoke: Invoke, name: str) -> None:
    result = invoke("space", "status", name.replace("{hub}", hub.url))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "space     owner/app\n"
        f"page      {hub.url}/spaces/owner/app\n"
        "stage     RUNNING\n"
        f"app       {hub.space_url('owner/app')}\n"
        "visible   to all\n"
        "sdk       gradio\n"
        "hardware  cpu-basic\n"
        "sleeps    after 172800 s without a request\n"
    )
    assert all(record.site == "hub" for record in hub.requests)


@pytest.mark.parametrize("stage", get_args(Stage))
def test_each_stage_is_told_and_nothing_is_woken(hub: FakeHubServer, invoke: Invoke, stage: Stage) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage(stage))
    assert f"\nstage     {stage}\n" in invoke("space", "status", "owner/app").stdout
    assert json.loads(invoke("space", "status", "owner/app", "--json").stdout)["stage"] == stage
    assert hub.run(lambda served: served.space("owner/app").stage) == stage


def test_a_space_can_be_had_as_json(hub: FakeHubServer, invoke: Invoke) -> None:
    hub.run(lambda served: served.space("owner/gpu").set_stage("BUILD_ERROR", error_message="no\nwheels"))
    assert json.loads(invoke("space", "status", "owner/gpu", "--json").stdout) == {
        "id": "owner/gpu",
        "page": f"{hub.url}/spaces/owner/gpu",
        "stage": "BUILD_ERROR",
        "host": hub.space_url("owner/gpu"),
        "private": False,
        "sdk": "gradio",
        "hardware": None,
        "requested_hardware": "t4-small",
        "sleep_time": 600,
        "error": "no\nwheels",
    }
    told = invoke("space", "status", "owner/gpu").stdout
    assert "hardware  none, t4-small is requested\n" in told
    assert told.endswith("error     no wheels\n")


def test_what_the_hub_does_not_say_is_not_made_up(hub: FakeHubServer, invoke: Invoke) -> None:
    hub.run(lambda served: served.fail("GET /api/spaces/*", status=200, body="{}", content_type="application/json"))
    told = invoke("space", "status", "owner/app").stdout
    assert "\nstage     not known\napp       not known\n" in told
    assert "\nsleeps    as its hardware does\n" in told


def test_a_private_space_takes_a_token(hub: FakeHubServer, invoke: Invoke) -> None:
    result = invoke("space", "status", "me/mine")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)
    assert "Could not find Space: me/mine. If it is a private Space, give --token, or set HF_TOKEN." in result.stderr
    assert "visible   to its owner only\n" in invoke("space", "status", "me/mine", "--token", TOKEN).stdout
    assert invoke("space", "status", "me/mine", env={"HF_TOKEN": TOKEN}).exit_code == 0
    assert invoke("space", "status", "me/mine", "--no-token", env={"HF_TOKEN": TOKEN}).exit_code == 3
    assert invoke("space", "status", "me/mine", env={"HF_TOKEN": ""}).exit_code == 3


def test_a_token_that_the_hub_does_not_know_is_told_with_where_it_came_from(hub: FakeHubServer, invoke: Invoke) -> None:
    result = invoke("space", "status", "owner/app", env={"HF_TOKEN": "hf_unknown_token"})
    assert (result.exit_code, "hf_unknown" in result.stderr) == (3, False)
    assert "the token is that of HF_TOKEN, and --no-token leaves it out" in result.stderr
    result = invoke("space", "status", "owner/app", "--token", "hf_unknown_token")
    assert (result.exit_code, "HF_TOKEN" in result.stderr) == (3, False)


def test_what_keeps_the_hub_from_telling_is_no_connection(
    hub: FakeHubServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.run(lambda served: served.fail("GET /api/spaces/*", status=500))
    result = invoke("space", "status", "owner/app")
    assert (result.exit_code, "the Hub answered 500" in result.stderr) == (3, True)
    hub.run(lambda served: served.limit_requests(0))
    assert "429, too many requests" in invoke("space", "status", "owner/app").stderr
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = invoke("space", "status", "owner/app", "--hub-url", f"http://127.0.0.1:{port}")
    assert (result.exit_code, f"could not connect to 127.0.0.1:{port}" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status", "http://127.0.0.1:7860"], "is not the name of a Space"),
        (["wake", "app"], "'app' is not the name of a Space (write owner/name, or the URL of its page)"),
        (["status", "owner/app", "--hub-url", "ftp://x"], "--hub-url: 'ftp://x' is not the address of a Hub"),
        (["status", "owner/app", "--hub-url", ""], "--hub-url: "),
        (["status", "owner/app", "--token", "x", "--no-token"], "give the token once"),
        (["status", "owner/app", "--token-from-env"], "HF_TOKEN, which is not set"),
        (["wake", "owner/app", "--space-wait", "-1"], "--space-wait must be a number of seconds, from 0"),
        (["wake", "owner/app", "--space-wait", "nan"], "--space-wait must be a number of seconds, from 0"),
        (["duplicate", "owner/app"], "somebody's token (give --token, or set HF_TOKEN)"),
        (["duplicate", "owner-app.hf.space", "--token", TOKEN], "FROM must be the name of a Space"),
        (["duplicate", "owner/app", "a b", "--token", TOKEN], "TO is 'a b', which no Space can be called"),
        (["duplicate", "owner/app", "--hardware", "a b", "--token", TOKEN], "--hardware is 'a b'"),
        (["duplicate", "owner/app", "--sleep-timeout", "0", "--token", TOKEN], "--sleep-timeout must be a number"),
        (["duplicate", "owner/app", "--sleep-timeout", "inf", "--token", TOKEN], "--sleep-timeout must be a number"),
    ],
)
def test_wrong_usage_is_one_line_and_asks_nobody(
    hub: FakeHubServer, invoke: Invoke, words: list[str], message: str
) -> None:
    result = invoke("space", *words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert message in result.stderr
    assert hub.requests == []


def test_a_hub_of_the_environment_that_is_none_is_wrong_usage(invoke: Invoke) -> None:
    result = invoke("space", "status", "owner/app", env={"HF_ENDPOINT": "ftp://hub"})
    assert (result.exit_code, "the environment variable HF_ENDPOINT: " in result.stderr) == (2, True)


def test_without_a_command_the_help_is_printed(invoke: Invoke) -> None:
    result = invoke("space")
    assert result.exit_code == 0
    assert "duplicate" in result.stdout


@posix
def test_a_terminal_gets_a_table_that_no_hub_can_steer(hub: FakeHubServer, start: Start) -> None:
    error = "[red]broken\x1b[2J " + "x" * 200
    hub.run(lambda served: served.space("owner/app").set_stage("RUNTIME_ERROR", error_message=error))
    terminal = Terminal()
    seen = terminal.watch(start("space", "status", "owner/app", stdout=terminal.end))
    assert "\x1b[2mstage" in seen
    assert "[red]broken\\x1b[2J" in seen
    assert seen.count("x") > 200


# --- waking it


def test_a_sleeping_space_is_woken_and_its_stages_are_told(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("SLEEPING"))
    hub.run(lambda served: setattr(served.space("owner/app"), "start_seconds", 1000.0))
    process = start("space", "wake", "owner/app")
    _asked(hub, "runtime")
    hub.advance(1000)
    code, out, err = _finish(process)
    assert (code, out) == (0, f"owner/app is RUNNING at {hub.space_url('owner/app')}\n")
    assert err == "gradproto: the Space owner/app is SLEEPING\ngradproto: the Space owner/app is APP_STARTING\n"


def test_quiet_tells_no_stages_and_json_where_it_runs(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.space("owner/app").play(("BUILDING", 1000)))
    process = start("space", "wake", "owner/app", "--quiet", "--json")
    _asked(hub, "runtime")
    hub.advance(1000)
    code, out, err = _finish(process)
    assert (code, err) == (0, "")
    assert (json.loads(out)["stage"], json.loads(out)["host"]) == ("RUNNING", hub.space_url("owner/app"))


@posix
def test_at_a_terminal_the_stage_is_a_line_that_goes(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.space("owner/app").play(("BUILDING", 1000)))
    terminal = Terminal()
    process = start("space", "wake", "owner/app", stderr=terminal.end)
    terminal.read_until("the Space owner/app is BUILDING; waiting for it, 0 s ...")
    hub.advance(1000)
    seen = terminal.watch(process)
    assert process.returncode == 0
    assert "gradproto:" not in seen


@pytest.mark.parametrize("stage", REMEDIES)
def test_a_space_that_will_not_come_is_told_with_its_stage_and_the_remedy(
    hub: FakeHubServer, invoke: Invoke, stage: Stage
) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage(stage))
    result = invoke("space", "wake", "owner/app")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)
    assert f"the Space owner/app is in the invalid state {stage}" in result.stderr
    assert f"{REMEDIES[stage]}; see {hub.url}/spaces/owner/app" in result.stderr


def test_a_wait_ends_in_the_words_of_the_option(hub: FakeHubServer, invoke: Invoke) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("BUILDING"))
    hint = f"(wait longer with --space-wait, or see {hub.url}/spaces/owner/app)\n"
    result = invoke("space", "wake", "owner/app", "--space-wait", "0")
    assert (result.exit_code, result.stderr) == (3, f"gradproto: error: the Space owner/app is BUILDING {hint}")
    result = invoke("space", "wake", "owner/app", "--space-wait", "0.1", "-q")
    message = "gradproto: error: the Space owner/app is still BUILDING after 0.1 s (--space-wait) "
    assert (result.exit_code, result.stderr) == (3, message + hint)


def test_the_limit_for_all_covers_the_wait(hub: FakeHubServer, invoke: Invoke) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("BUILDING"))
    result = invoke("space", "wake", "owner/app", "--timeout", "1", "--quiet")
    message = "gradproto: error: the app did not run within 1 s: the Space owner/app is BUILDING\n"
    assert (result.exit_code, result.stderr) == (3, message)


def test_an_app_of_which_the_hub_knows_nothing_is_not_called_awake(hub: FakeHubServer, invoke: Invoke) -> None:
    result = invoke("space", "wake", "nobody.hf.space")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Could not find Space: nobody.hf.space." in result.stderr


@posix
def test_an_interrupt_ends_the_wait(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.space("owner/app").set_stage("BUILDING"))
    process = start("space", "wake", "owner/app", "--quiet")
    _asked(hub, "runtime")
    process.send_signal(signal.SIGINT)
    assert _finish(process) == (130, "", "gradproto: interrupted\n")


# --- copies of it


@pytest.mark.usefixtures("token")
def test_a_copy_is_made_and_found_again(hub: FakeHubServer, invoke: Invoke) -> None:
    page = f"{hub.url}/spaces/me/app\n"
    result = invoke("space", "duplicate", "owner/app")
    assert (result.exit_code, result.stdout, result.stderr) == (0, FREE_COPY + page, "")
    result = invoke("space", "duplicate", "owner/app", "--variable", "A=1")
    assert (result.exit_code, result.stdout) == (0, "using me/app, which was there already\n" + page)
    assert "gradproto: warning: the variables were left alone" in result.stderr
    assert _changes(hub) == ["duplicate"]
    assert not any(record.site == "me/app" for record in hub.requests)


@pytest.mark.usefixtures("token")
def test_a_copy_may_be_public_and_elsewhere_on_other_hardware(hub: FakeHubServer, invoke: Invoke) -> None:
    options = ["--public", "--hardware", "t4-small", "--sleep-timeout", "2.5", "--variable", "MODEL=a=b"]
    result = invoke("space", "duplicate", "owner/app", "team/copy", *options)
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "created team/copy, public",
            "set the variable MODEL",
            "requested the hardware t4-small",
            "set the sleep time to 150 s",
            f"{hub.url}/spaces/team/copy",
        ],
    )
    assert result.stderr.startswith("gradproto: note: team/copy runs on t4-small, which may cost money: see ")
    copy = hub.run(lambda served: served.space("team/copy"))
    assert (copy.private, copy.sleep_time, copy.variables["MODEL"]["value"]) == (False, 150, "a=b")


@pytest.mark.usefixtures("token")
def test_the_sleep_time_may_be_left_alone(hub: FakeHubServer, invoke: Invoke) -> None:
    assert invoke("space", "duplicate", "owner/gpu", "--sleep-timeout", "none").exit_code == 0
    assert "sleeptime" not in _changes(hub)


@pytest.mark.usefixtures("token")
def test_a_copy_can_be_had_as_json_and_waited_for(hub: FakeHubServer, invoke: Invoke) -> None:
    expected: dict[str, Any] = {
        "id": "me/app",
        "page": f"{hub.url}/spaces/me/app",
        "from": "owner/app",
        "created": True,
        "done": ["created me/app, private"],
        "warnings": [],
        "notes": [],
        "space": None,
    }
    assert json.loads(invoke("space", "duplicate", "owner/app", "--json").stdout) == expected
    told = json.loads(invoke("space", "duplicate", "owner/app", "--json", "--wait").stdout)
    assert (told["created"], told["done"]) == (False, [])
    assert told["space"] == json.loads(invoke("space", "status", "me/app", "--json").stdout)


@pytest.mark.usefixtures("token")
def test_a_copy_that_does_not_run_was_made_all_the_same(hub: FakeHubServer, invoke: Invoke) -> None:
    hub.run(lambda served: setattr(served.space("owner/app"), "build_seconds", 1000.0))
    options = ["--wait", "--space-wait", "0"]
    result = invoke("space", "duplicate", "owner/app", *options)
    assert (result.exit_code, result.stdout) == (3, f"{FREE_COPY}{hub.url}/spaces/me/app\n")
    assert "the Space me/app is BUILDING" in result.stderr
    result = invoke("space", "duplicate", "owner/app", *options, "--json")
    assert (result.exit_code, json.loads(result.stdout)["space"]) == (3, None)


@pytest.mark.usefixtures("token")
def test_the_original_must_be_there(hub: FakeHubServer, invoke: Invoke) -> None:
    result = invoke("space", "duplicate", "nobody/app")
    assert (result.exit_code, "Could not find Space: nobody/app." in result.stderr) == (3, True)


@pytest.mark.usefixtures("token")
def test_a_copy_that_is_not_made_wholly_is_told_with_what_was_done(hub: FakeHubServer, invoke: Invoke) -> None:
    hub.run(lambda served: served.fail("POST */secrets", status=400, error=f"no {SECRET} with {TOKEN}"))
    result = invoke("space", "duplicate", "owner/app", "--secret", f"KEY={SECRET}", "--json")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "could not set the secret KEY" in result.stderr
    assert "'no *** with ***'. Done: created me/app, private. Not done: set the secret KEY; see to its" in result.stderr


def test_a_token_that_may_not_write_makes_nothing(hub: FakeHubServer, invoke: Invoke) -> None:
    result = invoke("space", "duplicate", "owner/app", "--token", "hf_read_only")
    assert (result.exit_code, "Done: nothing. Not done: create me/app" in result.stderr) == (1, True)


@posix
@pytest.mark.usefixtures("token")
def test_an_interrupt_says_what_was_done(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.fail("POST */secrets", action="hang"))
    process = start("space", "duplicate", "owner/app", "--secret", f"KEY={SECRET}")
    _asked(hub, "fault")
    process.send_signal(signal.SIGINT)
    code, out, err = _finish(process)
    assert (code, out, SECRET in err) == (130, "", False)
    assert err.startswith("gradproto: interrupted; could not set the secret KEY: it was interrupted. Done: created me/")
    assert "Not done: set the secret KEY (or perhaps it was: the answer is lost)" in err


@posix
@pytest.mark.usefixtures("token")
def test_an_interrupt_before_any_change_is_just_that(hub: FakeHubServer, start: Start) -> None:
    hub.run(lambda served: served.fail("GET /api/whoami-v2", action="hang"))
    process = start("space", "duplicate", "owner/app")
    _asked(hub, "fault")
    process.send_signal(signal.SIGINT)
    assert _finish(process) == (130, "", "gradproto: interrupted\n")


@pytest.mark.usefixtures("token")
def test_the_limit_for_all_says_what_was_done(hub: FakeHubServer, invoke: Invoke) -> None:
    hub.run(lambda served: served.fail("POST */secrets", action="hang"))
    result = invoke("space", "duplicate", "owner/app", "--secret", f"KEY={SECRET}", "--timeout", "1")
    assert (result.exit_code, result.stdout, SECRET in result.stderr) == (1, "", False)
    assert "Done: created me/app, private. Not done: set the secret KEY (or perhaps" in result.stderr


# --- secrets


def _secrets(hub: FakeHubServer) -> dict[str, str]:
    return hub.run(lambda served: {key: one["value"] for key, one in served.space("me/app").secrets.items()})


@pytest.mark.usefixtures("token")
def test_secrets_need_not_be_on_the_command_line(hub: FakeHubServer, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"line 1\nline 2\r\n")
    words = ["ENV", f"FILE=@{tmp_path / 'key'}", "AT=@@home", "PLAIN=a=b", "NONE="]
    options = [option for word in words for option in ("--secret", word)]
    result = invoke("space", "duplicate", "owner/app", *options, env={"ENV": SECRET})
    assert (result.exit_code, result.stderr, SECRET in result.stdout) == (0, "", False)
    assert _secrets(hub) == {"ENV": SECRET, "FILE": "line 1\nline 2", "AT": "@home", "PLAIN": "a=b", "NONE": ""}


@posix
@pytest.mark.usefixtures("token")
def test_a_secret_is_asked_for_at_a_terminal_and_not_shown(hub: FakeHubServer, start: Start) -> None:
    terminal = Terminal()
    streams = dict.fromkeys(("stdin", "stderr"), terminal.end)
    process = start("space", "duplicate", "owner/app", "--secret", "KEY", **streams, start_new_session=True)
    terminal.read_until("Value of the secret KEY: ")
    terminal.type(f"{SECRET}\r")
    seen = terminal.watch(process)
    assert (process.returncode, SECRET in seen, _secrets(hub)) == (0, False, {"KEY": SECRET})


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["opensesame"], "--secret has no value, and the environment has no variable of its name"),
        (["A=1", "opensesame"], "--secret (number 2) has no value"),
        (["opensesame-7"], "--secret must be KEY=VALUE, KEY=@FILE or KEY"),
        (["=opensesame"], "--secret must be KEY=VALUE, KEY=@FILE or KEY"),
        (["opensesame 7=x"], "--secret must be KEY=VALUE, KEY=@FILE or KEY"),
        (["A=opensesame", "A=1"], "--secret (number 2): A is given twice"),
        (["A=@/nowhere/at/all"], "--secret A: cannot read '/nowhere/at/all': No such file or directory"),
        (["A=@/"], "--secret A: cannot read '/': Is a directory"),
    ],
)
def test_a_secret_that_is_wrong_is_refused_and_not_shown(
    hub: FakeHubServer, invoke: Invoke, words: list[str], message: str
) -> None:
    options = [option for word in words for option in ("--secret", word)]
    result = invoke("space", "duplicate", "owner/app", *options)
    assert (result.exit_code, message in result.stderr, "opensesame" in result.stderr) == (2, True, False)
    assert hub.requests == []


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("content", [b"\xff", b"x" * (1024 * 1024 + 1)])
def test_a_file_that_is_no_secret_is_refused(
    hub: FakeHubServer, invoke: Invoke, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "key").write_bytes(content)
    result = invoke("space", "duplicate", "owner/app", "--secret", f"KEY=@{tmp_path / 'key'}")
    assert (result.exit_code, result.stderr.count("\n"), hub.requests) == (2, 1, [])
