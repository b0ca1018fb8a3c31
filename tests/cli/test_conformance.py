"""``gradproto conformance``: what is run, what is said of it, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gradproto_conformance
from gradproto_fake_server import FakeApp, FakeHub, FakeHubServer, FakeServer
from tests.cli.conftest import PATIENCE, Invoke, Start
from tests.cli.terminal import Terminal
from tests.conformance.twin import LOGIN, twin
from tests.transports.servers import RawServer, unused_port

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals as POSIX has them")

NOWHERE = "http://127.0.0.1:1"
QUICK = ("--select", "config-*")
PASSWORD = LOGIN["reader"]


def _broken(fault: str, pattern: str, **values: Any) -> FakeApp:
    """Make a twin with which something goes wrong, always."""
    app = twin("6.31.0")
    app.inject(fault, pattern, times=None, **values)
    return app


@pytest.fixture(scope="module")
def served() -> Iterator[FakeServer]:
    """The twin of the fixture app, which does nothing wrong."""
    with FakeServer(twin("6.31.0")) as running:
        yield running


@pytest.fixture
def wrong() -> Iterator[FakeServer]:
    """A twin that has lost its heartbeats, which are a must."""
    with FakeServer(_broken("crash", "GET */heartbeat/*")) as running:
        yield running


# --- without a server ------------------------------------------------------------------------------------------------


def test_the_checks_are_listed_without_a_server(invoke: Invoke) -> None:
    everything = invoke("conformance", "--list")
    assert (everything.exit_code, everything.stderr) == (0, "")
    assert len(everything.stdout.splitlines()) > 180
    assert re.search(r"^config-names +must +CONFIG-3\.5 +No two dependencies", everything.stdout, re.MULTILINE)
    some = invoke("conformance", "--list", "--select", "config-v*", "--select", "STATE-2.*").stdout
    names = [line.split()[0] for line in some.splitlines()]
    assert {"config-version", "config-visibility", "heartbeat-goes-on"} <= set(names)
    assert all(name.startswith(("config-v", "heartbeat-", "between-first")) for name in names)


def test_a_check_is_explained_by_its_clauses_and_a_clause_by_its_checks(invoke: Invoke) -> None:
    check = invoke("conformance", "--explain", "config-names").stdout
    assert check.startswith("config-names: No two dependencies have the same name (must)\n\nCONFIG-3.5 ")
    assert "`api_name` is the endpoint's name" in check
    assert check.endswith("\n\ndecided by the scenario config-document, which needs the profile read\n")
    ended = invoke("conformance", "--explain", "own-queue-full").stdout
    assert ended.endswith(", which needs the profile full, open_gate, small_queue\n")
    clause = invoke("conformance", "--explain", "CONFIG-3.5").stdout
    assert clause.startswith("CONFIG-3.5 Names of endpoints\nmust, from 3.0.24\n")
    assert "config-names" in clause
    unknown = invoke("conformance", "--explain", "config-nose")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "no check and no clause is called 'config-nose'" in unknown.stderr


def test_the_fixture_app_is_written_and_nothing_is_replaced(invoke: Invoke, tmp_path: Path) -> None:
    target = tmp_path / "app.py"
    assert invoke("conformance", "--write-app", str(target)).exit_code == 0
    assert target.read_text() == (Path(gradproto_conformance.__file__).parent / "_fixture_app.py").read_text()
    target.write_text("mine")
    again = invoke("conformance", "--write-app", str(target))
    assert (again.exit_code, target.read_text()) == (2, "mine")


def test_the_suite_is_loaded_only_when_the_command_runs() -> None:
    code = "import sys, gradproto_transports.cli._app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"trio", "gradproto_conformance", "rich"} & set(loaded)


@pytest.mark.parametrize("words", [("conformance", NOWHERE), ("conformance-client", "--list")])
def test_where_trio_is_missing_that_is_said(start: Start, words: tuple[str, ...]) -> None:
    process = start(*words, before="import sys; sys.modules['trio'] = None; ")
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (2, "")
    assert err == 'gradproto: error: the conformance suite needs trio: pip install "gradproto[cli,trio]"\n'


WRONG_USAGE: list[tuple[list[str], str]] = [
    ([], "the URL of the server is missing"),
    ([NOWHERE, "--select", "nose-*"], "no check and no clause is called 'nose-*'"),
    ([NOWHERE, "--timeout", "0"], "--timeout must be a number of seconds above 0"),
    ([NOWHERE, "--timeout", "nan"], "--timeout must be a number of seconds above 0"),
    ([NOWHERE, "--deadline", "inf"], "--deadline must be a number of seconds above 0"),
    ([NOWHERE, "--jobs", "0"], "--jobs"),
    ([NOWHERE, "--profile", "write"], "--profile"),
    ([NOWHERE, "--report", "pdf"], "the format must be one of console, json, junit, html, markdown"),
    ([NOWHERE, "--report", "json="], "--report json= wants the name of a file"),
    ([NOWHERE, "--report", "json", "--report", "html"], "two reports cannot both go to stdout"),
    ([NOWHERE, "--report", "json=a", "--report", "html=a"], "two reports cannot both go to 'a'"),
    ([NOWHERE, "--report", "json=/nowhere/at/all"], "there is no directory for"),
    ([NOWHERE, "--report", "json=/"], "is a directory"),
    ([NOWHERE, "--report", "json=" + 300 * "x"], "is no name of a file"),
    ([NOWHERE, "--report", "json=a\0b"], "is no name of a file"),
    ([NOWHERE, "--endpoint", "/echo"], "there are 1 and 0"),
    ([NOWHERE, "--inputs", "[]"], "there are 0 and 1"),
    ([NOWHERE, "--endpoint", "/", "--inputs", "[]"], "--endpoint wants the name of an endpoint"),
    ([NOWHERE, "--endpoint", "/a", "--inputs", "{}"], "--inputs of /a must be a list in JSON"),
    ([NOWHERE, "--endpoint", "/a", "--inputs", "[" * 100_000], "--inputs of /a must be a list in JSON"),
    ([NOWHERE, "--endpoint", "/a", "--inputs", "[]", "--endpoint", "a", "--inputs", "[]"], "/a is given twice"),
    ([NOWHERE, "--update-baseline"], "--update-baseline wants the --baseline FILE"),
    ([NOWHERE, "--baseline", "/nowhere/at/all"], "there is no directory for"),
    ([NOWHERE, "--keep-secrets"], "--keep-secrets is for a --trace"),
    ([NOWHERE, "--trace", ""], "--trace wants the name of a directory"),
    ([NOWHERE, "--list", "--plan"], "give one of --list, --plan"),
    ([NOWHERE, "--list", "--trace", "x"], "--trace is for a run"),
    ([NOWHERE, "--plan", "--report", "json"], "--report is for a run"),
    ([NOWHERE, "--explain", "QUEUE-1.1", "--report", "json"], "--report is for a run"),
    ([NOWHERE, "--plan", "--baseline", "a", "--update-baseline"], "--update-baseline is for a run"),
    ([NOWHERE, "--report", "json=a", "--report", "html=./a"], "two reports cannot both go to './a'"),
    ([NOWHERE, "--report", "json=a", "--baseline", "./a", "--update-baseline"], "'./a' is the baseline's FILE"),
    ([NOWHERE, "--profile", "read", "--endpoint", "/a", "--inputs", "[]"], "the profile 'read' calls nothing"),
    ([NOWHERE, "--header", "Content-Length: 5"], "header 'Content-Length' is set by the library"),
    ([NOWHERE, "--header", "Host: a"], "header 'Host' is set by the library"),
    (["ftp://a"], "is not the address of an app"),
    (["http://ali:opensesame@127.0.0.1:1"], "a user name or password does not belong in it"),
    ([NOWHERE, "--proxy", "socks5://x"], "--proxy"),
]


@pytest.mark.parametrize(("words", "said"), WRONG_USAGE)
def test_what_cannot_be_is_refused_before_anything_is_sent(invoke: Invoke, words: list[str], said: str) -> None:
    result = invoke("conformance", *words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert said in result.stderr
    assert "opensesame" not in result.stderr


# --- how it ends -----------------------------------------------------------------------------------------------------


def test_a_server_that_keeps_to_the_protocol_gives_0(served: FakeServer, invoke: Invoke) -> None:
    result = invoke("conformance", served.url, *QUICK)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == f"{served.url}: Gradio 6.31.0, profile full"
    assert lines[2:4] == ["  yes  API prefix (/gradio_api)", "  yes  queue (sse_v3)"]
    assert re.fullmatch(r"  yes  endpoints \((\d+), \1 with a name\)", lines[4])
    assert re.fullmatch(r"conforms: 2\d pass, \d skip \(\d+\.\d s\)", lines[-1])


def test_a_must_that_is_broken_gives_1_and_says_what_was_wrong(wrong: FakeServer, invoke: Invoke) -> None:
    result = invoke("conformance", wrong.url, "--select", "heartbeat-at-once")
    assert result.exit_code == 1
    assert re.fullmatch(r"gradproto: error: does not conform: 1 fail \(.*\)\n", result.stderr)
    assert "✗ fail: heartbeat-at-once: The heartbeat of a session begins at once\n  STATE-2.1 (must, " in result.stdout
    assert "  expected  an event stream with data: ALIVE\n  got       " in result.stdout


def test_a_failure_shows_how_to_ask_again(invoke: Invoke) -> None:
    with FakeServer(_broken("crash", "GET */info")) as running:
        result = invoke("conformance", running.url, "--select", "base-prefix")
    assert (
        f"  sent      GET {running.url}/gradio_api/info\n  expected  status 200\n  got       status 500, "
        in result.stdout
    )
    assert f"  try       curl -i {running.url}/gradio_api/info\n" in result.stdout


def test_a_should_that_is_broken_is_a_warning_and_with_strict_a_failure(invoke: Invoke) -> None:
    with FakeServer(_broken("missing fields", "* *", fields=("level",))) as running:
        words = ("conformance", running.url, "--select", "event-log")
        warned = invoke(*words)
        assert (warned.exit_code, warned.stderr) == (0, "")
        assert "! warn: event-log: " in warned.stdout
        assert invoke(*words, "--strict").exit_code == 1


def test_a_server_that_is_not_there_gives_3(invoke: Invoke) -> None:
    result = invoke("conformance", NOWHERE, "--report", "json")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)


def _say(body: bytes, *, status: str = "200 OK", more: str = "") -> Callable[[socket.socket], None]:
    def handle(client: socket.socket) -> None:
        client.recv(65536)
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
        client.sendall(head.encode() + body)

    return handle


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"a": 1}', b"\xff\xfe", b"", b"[" * 100_000])
def test_what_is_no_gradio_gives_3(invoke: Invoke, body: bytes) -> None:
    with RawServer(_say(body)) as server:
        result = invoke("conformance", server.url)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)
    assert "/config gives no config" in result.stderr


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_an_address_that_leads_elsewhere_says_where_to(invoke: Invoke, status: str) -> None:
    more = "Location: https://ali:opensesame@app.example/config?token=opensesame\r\n"
    with RawServer(_say(b"", status=status, more=more)) as server:
        result = invoke("conformance", server.url)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "/config leads elsewhere, to 'https://" in result.stderr
    assert "opensesame" not in result.stderr


def test_a_server_that_never_answers_is_given_up(invoke: Invoke) -> None:
    def keep(client: socket.socket) -> None:
        while client.recv(65536):
            pass

    with RawServer(keep) as server:
        for limit in ("--timeout", "--deadline"):
            result = invoke("conformance", server.url, limit, "0.2")
            assert (result.exit_code, result.stdout) == (3, "")
            assert "/config gave no config in time" in result.stderr


STRANGE: list[dict[str, Any]] = [
    {"version": 7, "dependencies": None},
    {"version": "6.31.0", "dependencies": [1, None, {"api_name": 5}], "components": {}, "api_prefix": 3},
    {"version": "6.31.0", "dependencies": {"a": 1}, "pages": "x", "title": None, "app_id": [1]},
    {"version": "x" * 100_000, "dependencies": [], "protocol": "\udc80\n\x1b[31m"},
    {"version": "3.50.2", "dependencies": [{"types": [], "queue": "no", "id": {}, "api_name": "a"}]},
]


@pytest.mark.parametrize("config", STRANGE)
def test_no_config_breaks_the_suite(invoke: Invoke, config: dict[str, Any]) -> None:
    with RawServer(_say(json.dumps(config).encode())) as server:
        result = invoke("conformance", server.url, *QUICK, "--report", "json")
    document = json.loads(result.stdout)
    assert result.exit_code in (1, 4)
    assert not [one for one in document["results"] if "the suite itself failed" in one["reason"]]


def test_a_run_that_verifies_nothing_gives_4(served: FakeServer, invoke: Invoke) -> None:
    result = invoke("conformance", served.url, "--profile", "read", "--select", "queue-stream-ends")
    assert result.exit_code == 4
    assert "     1  needs the profile call\n" in result.stdout
    assert re.search(r"\nincomplete: 1 skip \(\d+\.\d s\)\n$", result.stdout)


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_reported(start: Start, tmp_path: Path, number: signal.Signals, code: int) -> None:
    with FakeServer(twin("6.31.0")) as running:
        # One at a time: the first is over when the second begins, which takes 15 seconds.
        selected = ("--select", "config-version", "--select", "heartbeat-goes-on", "--jobs", "1")
        process = start("conformance", running.url, *selected, "--report", f"json={tmp_path / 'out.json'}")
        running.wait_for(lambda app: any(one.kind == "heartbeat" for one in app.requests), timeout=PATIENCE)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert "interrupted: 1 pass, 1 error" in out
    assert err.startswith("gradproto: interrupted: ")
    document = json.loads((tmp_path / "out.json").read_text())
    assert (document["interrupted"], document["exit_code"]) == (True, 130)
    assert {one["check"]: one["verdict"] for one in document["results"]} == {
        "config-version": "pass",
        "heartbeat-goes-on": "error",
    }


@posix
def test_a_run_that_is_interrupted_before_it_began_ends_at_once(start: Start) -> None:
    asked = threading.Event()

    def keep(client: socket.socket) -> None:
        while client.recv(65536):
            asked.set()

    with RawServer(keep) as server:
        process = start("conformance", server.url)
        assert asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, "gradproto: interrupted\n")


# --- what is done to the server --------------------------------------------------------------------------------------


def test_the_profile_read_asks_for_documents_only(invoke: Invoke) -> None:
    with FakeServer(twin("6.31.0")) as running:
        assert invoke("conformance", running.url, "--profile", "read").exit_code == 0
        assert {request.method for request in running.requests} <= {"GET", "HEAD"}
        assert {request.kind for request in running.requests}.isdisjoint({"join", "run", "call", "upload"})


def test_a_plan_asks_for_the_config_only(invoke: Invoke) -> None:
    with FakeServer(twin("6.31.0")) as running:
        result = invoke(
            "conformance", running.url, "--plan", "--profile", "call", "--select", "config-*", "--select", "cancel-*"
        )
        assert [request.path for request in running.requests] == ["/config"]
    assert result.exit_code == 0
    assert result.stdout.startswith("Gradio 6.31.0, the fixture app\n\n")
    assert "\nconfig-document (read)\n  ✓ config-is-json\n" in result.stdout
    assert "  - cancel-unknown-event: needs the profile full\n" in result.stdout
    assert re.search(r"\d+ checks in 2 scenarios, \d+ left out\n$", result.stdout)


def test_an_endpoint_of_any_app_is_called(invoke: Invoke) -> None:
    app = twin("6.31.0")
    with FakeServer(app) as running:
        words = (
            "--endpoint",
            "/multi",
            "--inputs",
            '["hé"]',
            "--endpoint",
            "count",
            "--inputs",
            "[2]",
            "--select",
            "named-*",
        )
        result = invoke("conformance", running.url, *words)
        assert (result.exit_code, result.stderr) == (0, "")
        assert re.search(r"\nconforms: [34] pass", result.stdout)  # the fourth is about calls that take long
        assert sum(request.kind == "join" for request in running.requests) == 2


def test_an_endpoint_that_fails_is_told(served: FakeServer, invoke: Invoke) -> None:
    result = invoke("conformance", served.url, "--endpoint", "/fail", "--inputs", '["x"]', "--select", "named-*")
    assert result.exit_code == 1
    assert "✗ fail: named-outputs: " in result.stdout
    assert "told: x" in result.stdout


def test_an_endpoint_that_the_app_does_not_have_is_wrong_usage(served: FakeServer, invoke: Invoke) -> None:
    result = invoke("conformance", served.url, "--endpoint", "/nose", "--inputs", "[]")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the app has no endpoint /nose; those that it names: " in result.stderr
    called = invoke("conformance", served.url, "--endpoint", "/echo", "--inputs", "[]", "--profile", "read")
    assert (called.exit_code, called.stdout) == (2, "")


def test_so_many_scenarios_run_at_a_time(served: FakeServer, invoke: Invoke) -> None:
    for jobs in ("1", "50"):
        assert invoke("conformance", served.url, *QUICK, "--select", "base-*", "--jobs", jobs).exit_code == 0


@pytest.mark.real
def test_a_real_gradio_conforms(invoke: Invoke, tmp_path: Path) -> None:
    app, port = tmp_path / "app.py", unused_port()
    assert invoke("conformance", "--write-app", str(app)).exit_code == 0
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(app), "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as real:
        assert real.stdout is not None
        try:
            ready = next((line for line in real.stdout if line.startswith("READY ")), None)
            assert ready is not None, "the app did not start"
            named = ("--endpoint", "/multi", "--inputs", '["x"]')
            result = invoke("conformance", ready.split()[1], "--profile", "call", *named)
        finally:
            real.terminate()
    assert (result.exit_code, result.stderr) == (0, ""), result.stdout
    assert re.search(r"\nconforms: 1\d\d pass, \d+ skip ", result.stdout)


# --- the baseline ----------------------------------------------------------------------------------------------------


def test_a_baseline_allows_what_is_known_and_is_stale_when_that_is_mended(
    wrong: FakeServer, served: FakeServer, invoke: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "baseline.json"
    selected = ("--select", "heartbeat-at-once", "--select", "config-version", "--baseline", str(file))
    missing = invoke("conformance", wrong.url, *selected)
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert invoke("conformance", wrong.url, *selected, "--update-baseline").exit_code == 0
    assert json.loads(file.read_text()) == {"format": 1, "checks": {"heartbeat-at-once": "fail"}}
    known = invoke("conformance", wrong.url, *selected)
    assert known.exit_code == 0
    assert "✗ fail, in the baseline: heartbeat-at-once" in known.stdout
    stale = invoke("conformance", served.url, *selected)
    assert stale.exit_code == 1
    assert "- heartbeat-at-once: the baseline lets it fail, and it does not\n" in stale.stdout
    assert "the baseline is stale: 2 pass" in stale.stderr
    # What is not run is neither stale nor forgotten.
    other = ("--select", "config-version", "--baseline", str(file))
    assert invoke("conformance", served.url, *other, "--update-baseline").exit_code == 0
    assert "heartbeat-at-once" in file.read_text()
    assert invoke("conformance", served.url, *selected, "--update-baseline").exit_code == 0
    assert json.loads(file.read_text()) == {"format": 1, "checks": {}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "is no object"),
        (b'{"format": 2, "checks": {}}', "is no object"),
        (b'{"format": 1, "checks": {"nose": "fail"}}', "names 'nose', which is no check"),
        (b'{"format": 1, "checks": {"config-names": "pass"}}', "says 'pass' of config-names"),
        (b'{"format": 1, "checks": {"config-names": ["fail"]}}', "says ['fail'] of config-names"),
        (b"\xff", "is no text in UTF-8"),
    ],
)
def test_what_is_no_baseline_is_refused(invoke: Invoke, tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "baseline").write_bytes(text)
    result = invoke("conformance", NOWHERE, "--baseline", str(tmp_path / "baseline"))
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert said in result.stderr


# --- reports, traces and secrets -------------------------------------------------------------------------------------


def test_several_reports_are_written_at_once(wrong: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    names = {kind: tmp_path / kind for kind in ("console", "json", "junit", "html", "markdown")}
    reports = [word for kind, name in names.items() for word in ("--report", f"{kind}={name}")]
    result = invoke("conformance", wrong.url, "--select", "heartbeat-at-once", *reports)
    assert result.exit_code == 1
    assert names["console"].read_text(encoding="utf-8") == result.stdout
    assert json.loads(names["json"].read_text())["counts"]["fail"] == 1
    assert "<testsuites" in names["junit"].read_text()
    assert names["html"].read_text().startswith("<!doctype html>")
    assert "## ✗ heartbeat-at-once (fail)" in names["markdown"].read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_said(served: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "locked").symlink_to("/proc/version")
    result = invoke("conformance", served.url, "--select", "config-version", "--report", f"json={tmp_path / 'locked'}")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"cannot write {tmp_path / 'locked'}: " in result.stderr


def test_a_trace_has_all_that_was_sent_and_received(wrong: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    words = ("--select", "heartbeat-at-once", "--select", "config-version", "--trace", str(tmp_path / "a" / "b"))
    invoke("conformance", wrong.url, *words)
    (file,) = (tmp_path / "a" / "b").iterdir()
    assert file.name == "heartbeat-at-once.txt"
    text = file.read_text()
    assert text.startswith("# heartbeat-at-once: fail\n# expected an event stream")
    assert re.search(rf"^> GET {wrong.url}/gradio_api/heartbeat/gradproto-\w+", text, re.MULTILINE)
    assert re.search(r"^< 500$", text, re.MULTILINE)


def _echo(client: socket.socket) -> None:
    """Answer with a config that repeats all that came."""
    request = client.recv(65536).decode("latin-1")
    said = json.dumps({"version": "6.31.0", "dependencies": [], "title": request, "app_id": request}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\nSet-Cookie: access-token-x=cookie-sesame\r\n"
    client.sendall(f"{head}X-Said: key-sesame\r\nConnection: close\r\n\r\n".encode() + said)


def test_no_secret_shows_where_a_server_repeats_all_it_was_told(invoke: Invoke, tmp_path: Path) -> None:
    secrets = ("hf_token_sesame", "pass word/sesame", "key-sesame", "cookie-sesame")
    names = {kind: tmp_path / kind for kind in ("json", "junit", "html", "markdown")}
    words = [word for kind, name in names.items() for word in ("--report", f"{kind}={name}")]
    words += ["--token", secrets[0], "--auth", f"ali:{secrets[1]}", "--header", f"X-Key: {secrets[2]}"]
    with RawServer(_echo) as server:
        result = invoke(
            "conformance",
            server.url,
            *words,
            "--trace",
            str(tmp_path / "trace"),
            "--select",
            "config-*",
            "--select",
            "auth-*",
            "--select",
            "base-*",
        )
        kept = invoke("conformance", server.url, *words, "--trace", str(tmp_path / "kept"), "--keep-secrets", *QUICK)
    assert result.exit_code == 1, result.output
    texts = [result.stdout, result.stderr, kept.stdout, kept.stderr, *(name.read_text() for name in names.values())]
    texts += [file.read_text() for file in (tmp_path / "trace").iterdir()]
    for text in texts:
        assert "sesame" not in text, text
    assert secrets[0] in "".join(file.read_text() for file in (tmp_path / "kept").iterdir())


# --- how the server is reached ---------------------------------------------------------------------------------------


def test_a_login_is_made_and_checked(invoke: Invoke) -> None:
    with FakeServer(twin("6.31.0", auth=LOGIN)) as running:
        words = ("conformance", running.url, "--select", "auth-*")
        assert invoke(*words).exit_code == 3
        assert invoke(*words, "--auth", "reader:wrong").exit_code == 3
        result = invoke(*words, env={"GRADPROTO_AUTH": f"reader:{PASSWORD}"})
    assert (result.exit_code, result.stderr) == (0, "")
    assert "conforms: 6 pass, 1 skip" in result.stdout


def test_a_certificate_is_checked_unless_that_is_not_wanted(invoke: Invoke) -> None:
    pytest.importorskip("trustme")
    with FakeServer(twin("6.31.0"), tls=True) as running:
        assert invoke("conformance", running.url, *QUICK).exit_code == 3
        result = invoke("conformance", running.url, *QUICK, "--select", "base-root", "--insecure")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_proxy_is_used_and_its_password_is_not_shown(invoke: Invoke) -> None:
    with RawServer(_say(b"", status="407 Proxy Authentication Required")) as proxy:
        address = proxy.url.replace("://", "://ali:opensesame@")
        result = invoke("conformance", NOWHERE, "--proxy", address)
    assert (result.exit_code, result.stdout, "opensesame" in result.stderr) == (3, "", False)
    assert "407" in result.stderr


def test_a_space_is_found_by_its_name(invoke: Invoke) -> None:
    hub = FakeHub()
    hub.add_user("me")
    hub.add_space("me/mine", app=lambda: twin("6.31.0"), private=True)
    hub.add_token("hf_abcdefghijkl", user="me", role="read")
    with FakeHubServer(hub) as server:
        words = ("conformance", "me/mine", "--hub-url", server.url, *QUICK)
        result = invoke(*words, "--token", "hf_abcdefghijkl")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"{server.space_url('me/mine')}: Gradio 6.31.0")
        refused = invoke(*words)
        assert (refused.exit_code, refused.stdout) == (3, "")


@posix
def test_a_terminal_sees_how_far_it_is(served: FakeServer, start: Start) -> None:
    terminal = Terminal()
    process = start("conformance", served.url, *QUICK, stderr=terminal.end)
    seen = terminal.watch(process)
    assert process.returncode == 0
    assert "yes queue (sse_v3)\r\n" in seen
    assert re.search(r"\d+ of \d+ checks: config-", seen)


@posix
def test_only_what_is_selected_is_counted_also_where_a_scenario_decides_on_more(
    served: FakeServer, start: Start
) -> None:
    terminal = Terminal()
    process = start("conformance", served.url, "--select", "config-version", stderr=terminal.end)
    counted = set(re.findall(r"\d+ of \d+ checks: [\w-]+ \w+", terminal.watch(process)))
    assert counted == {"1 of 1 checks: config-version pass"}


@posix
def test_a_terminal_sees_nothing_where_that_is_wanted(served: FakeServer, start: Start) -> None:
    terminal = Terminal()
    process = start("conformance", served.url, *QUICK, "-q", stderr=terminal.end)
    assert terminal.watch(process) == ""
