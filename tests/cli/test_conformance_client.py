"""``gradproto conformance-client``: options, reports, exit codes, and being told to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradproto_conformance.client import CONTRACT, client_checks
from tests.cli.conftest import PATIENCE, Invoke, Start

CLIENTS = Path(__file__).parents[1] / "conformance" / "clients"
OURS = ("--", sys.executable, str(CLIENTS / "ours.py"), "{url}", "{api_name}", "{inputs}")
COMMAND = "conformance-client"

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")


def raw(name: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-I", str(CLIENTS / "raw.py"), name, "{url}", "{api_name}", "{inputs}")


def test_a_client_that_conforms_ends_with_0_and_a_report(invoke: Invoke) -> None:
    result = invoke(COMMAND, "--gradio", "6.31.0", "--gradio", "4.12.0", "--select", "client-result", *OURS)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].endswith("'{url}' '{api_name}' '{inputs}': Gradio 6.31.0, profile client")
    assert lines[-2:] == ["Gradio 6.31.0: conforms: 1 pass", "Gradio 4.12.0: conforms: 1 pass"]


def test_a_client_that_does_not_conform_ends_with_1_and_says_what_was_wrong(invoke: Invoke) -> None:
    result = invoke(COMMAND, "--gradio", "6.31.0", "--select", "CLIENT-1.7", *raw("IgnoresFailures"))
    assert result.exit_code == 1
    assert "fail: client-error: A function that raises ends the call with an error" in result.stdout
    assert "  expected  an exit code that is not 0" in result.stdout
    assert "  got       exit code 0, printed []" in result.stdout
    assert result.stderr == "gradproto: error: Gradio 6.31.0: does not conform: 3 fail\n"


def test_each_form_of_report_has_all_versions(invoke: Invoke, tmp_path: Path) -> None:
    names = {kind: str(tmp_path / f"report.{kind}") for kind in ("json", "junit", "html", "markdown", "console")}
    wanted = [f"--report={kind}={name}" for kind, name in names.items()]
    options = ["--gradio", "6.31.0", "--gradio", "5.50.0", "--select", "CLIENT-1.12"]
    result = invoke(COMMAND, *options, *wanted, *raw("KnowsNoCause"))
    assert result.exit_code == 0
    text = {kind: Path(name).read_text(encoding="utf-8") for kind, name in names.items()}
    assert text["console"] == result.stdout
    document = json.loads(text["json"])
    assert [report["gradio"] for report in document["reports"]] == ["6.31.0", "5.50.0"]
    assert {one["check"] for one in document["reports"][0]["results"]} == {
        "client-full-queue",
        "client-full-queue-text",
    }
    suites = ElementTree.fromstring(text["junit"])
    assert suites.attrib["tests"] == "4"
    assert [suite.attrib["name"] for suite in suites] == ["CLIENT with Gradio 6.31.0", "CLIENT with Gradio 5.50.0"]
    for kind in ("html", "markdown"):
        assert "6.31.0" in text[kind]
        assert "5.50.0" in text[kind]


def test_the_json_report_says_what_the_program_ends_with(invoke: Invoke) -> None:
    result = invoke(
        COMMAND, "--gradio", "6.31.0", "--select", "client-heartbeat", "--report", "json", *raw("HasNoHeart")
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout)["exit_code"] == 0
    assert json.loads(result.stdout)["reports"][0]["counts"]["warn"] == 1
    assert (
        invoke(COMMAND, "--gradio", "6.31.0", "--select", "client-heartbeat", "--strict", *raw("HasNoHeart")).exit_code
        == 1
    )


def test_a_run_that_verifies_nothing_is_incomplete(invoke: Invoke) -> None:
    result = invoke(COMMAND, "--gradio", "6.31.0", "--select", "client-cookies", "--without", "login", *OURS)
    assert result.exit_code == 4
    assert "\n     1  the client is without login\n" in result.stdout


def test_the_list_needs_no_program_and_takes_patterns(invoke: Invoke) -> None:
    everything = invoke(COMMAND, "--list").stdout.splitlines()
    assert [line.split()[0] for line in everything] == list(client_checks())
    some = invoke(COMMAND, "--list", "--select", "CLIENT-3.*").stdout.splitlines()
    assert [line.split()[0] for line in some] == ["client-token-not-redirected", "client-token-not-for-files"]
    assert invoke(COMMAND, "--contract").stdout == CONTRACT + "\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "the command that starts the client is missing"),
        (("--list", "--contract"), "give one of --list and --contract"),
        (("--select", "nothing", *OURS), "no check and no clause is called 'nothing'"),
        (("--list", "--select", "nothing"), "--select: no check and no clause is called 'nothing'"),
        (("--gradio", "x", *OURS), "no scenarios for Gradio 'x'"),
        (("--without", "wings", *OURS), "'wings' is not one of"),
        (("--timeout", "0", *OURS), "--timeout must be a number of seconds above 0"),
        (("--timeout", "nan", *OURS), "--timeout must be a number of seconds above 0"),
        (("--jobs", "0", *OURS), "--jobs"),
        (("--report", "xml", *OURS), "the format must be one of console, json, junit, html, markdown"),
        (("--report", "json=", *OURS), "wants the name of a file"),
        (("--report", "json=/no/such/place/x", *OURS), "there is no directory"),
        (("--report", "json", "--report", "html", *OURS), "two reports cannot both go to stdout"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_started(invoke: Invoke, words: tuple[str, ...], told: str) -> None:
    result = invoke(COMMAND, *words)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_program_that_is_not_there_ends_with_3(invoke: Invoke) -> None:
    result = invoke(COMMAND, "--", "gradproto-no-such-program", "{url}")
    assert result.exit_code == 3
    assert result.stderr == "gradproto: error: cannot start 'gradproto-no-such-program': there is no such program\n"


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_is_interrupted_ends_the_clients_and_writes_the_reports(
    start: Start, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # Each client says that it runs, and whose group it leads, and waits for ever.
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    client = f"import os, time; open({str(fifo)!r}, 'w').write(str(os.getpid())); time.sleep(3600)"
    report = tmp_path / "report.json"
    options = ("--gradio", "6.31.0", "--select", "client-result", f"--report=json={report}")
    process = start(COMMAND, *options, "--", sys.executable, "-I", "-c", client, "{url}")
    pid = int(fifo.read_text())
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert err == "gradproto: interrupted\n"
    assert json.loads(report.read_text(encoding="utf-8"))["reports"][0]["interrupted"] is True
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


@posix
def test_the_other_commands_do_without_the_suite() -> None:
    code = (
        "import sys; from gradproto_transports.cli._app import program; print('gradproto_conformance' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=PATIENCE) == "False\n"
