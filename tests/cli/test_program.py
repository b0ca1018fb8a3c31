"""The program as a process: streams, signals, exit codes, and what it does without its libraries."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gradproto_fake_server import FakeApp, FakeServer
from gradproto_transports.sync import Client
from tests.cli.conftest import PATIENCE, Invoke, Start

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes as POSIX has them")


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def _start_count(server: FakeServer, start: Start, *options: str) -> subprocess.Popen[str]:
    """Start a call of a generator that stands still after its first output, and wait for that."""
    server.hold("/count")
    process = start("predict", server.url, "/count", "100000", *options)
    server.wait_for(lambda app: app.jobs and _state(app, "/count") == "held", PATIENCE)
    server.step("/count")
    assert process.stdout is not None
    assert process.stdout.readline() == "n=0\n"
    return process


def _state(app: FakeApp, name: str) -> str:
    return app.job(name).state


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_cancels_a_running_generator_on_the_server(
    server: FakeServer, start: Start, number: signal.Signals, code: int
) -> None:
    process = _start_count(server, start)
    process.send_signal(number)
    assert _finish(process) == (code, "", "gradproto: interrupted; the job was cancelled\n")
    assert server.run(lambda app: _state(app, "/count")) == "cancelled"


@posix
def test_an_interrupt_takes_a_waiting_job_out_of_the_queue_and_leaves_others_alone(
    server: FakeServer, start: Start
) -> None:
    server.hold("/slow")
    with Client(server.url) as client:
        first = client.submit("first", 0, api_name="/slow")
        server.wait_for(lambda app: app.jobs and _state(app, "/slow") == "held", PATIENCE)
        process = start("predict", server.url, "/slow", "second", "0")
        server.wait_for(lambda app: len(app.jobs) == 2, PATIENCE)
        process.send_signal(signal.SIGINT)
        assert _finish(process) == (130, "", "gradproto: interrupted; the job was cancelled\n")
        assert server.run(lambda app: _state(app, "/slow")) == "cancelled"
        server.release("/slow")
        assert first.result(PATIENCE) == "first"


@posix
def test_an_interrupt_says_so_when_the_job_cannot_be_stopped(server: FakeServer, start: Start) -> None:
    server.hold("/slow")
    process = start("predict", server.url, "/slow", "on and on", "0", stderr=subprocess.PIPE)
    server.wait_for(lambda app: app.jobs and _state(app, "/slow") == "held", PATIENCE)
    server.wait_for(lambda app: any(record.kind == "data" for record in app.requests), PATIENCE)
    process.send_signal(signal.SIGINT)
    code, out, err = _finish(process)
    assert (code, out) == (130, "")
    # The start may have reached the client or not: the two answers that are true then.
    assert err in (
        "gradproto: interrupted; the job could not be stopped and still runs\n",
        "gradproto: interrupted; the job was cancelled\n",
    )


@posix
def test_an_interrupt_while_connecting_ends_the_program(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = start("view-api", f"127.0.0.1:{listener.getsockname()[1]}")
        connection, _ = listener.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            assert _finish(process) == (130, "", "gradproto: interrupted\n")


def test_a_call_that_takes_too_long_is_cancelled(server: FakeServer, start: Start) -> None:
    process = _start_count(server, start, "--timeout", "3")
    assert _finish(process) == (1, "", "gradproto: error: the call did not end within 3 s; the job was cancelled\n")
    assert server.run(lambda app: _state(app, "/count")) == "cancelled"


@posix
def test_a_reader_that_has_had_enough_is_no_error_and_ends_the_job(server: FakeServer, start: Start) -> None:
    process = _start_count(server, start)
    assert process.stdout is not None
    process.stdout.close()
    server.step("/count", 3)
    assert process.stderr is not None
    assert (process.wait(PATIENCE), process.stderr.read()) == (1, "")
    assert server.run(lambda app: _state(app, "/count")) == "cancelled"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
@pytest.mark.parametrize("words", [["predict", "URL", "/echo", "x"], ["view-api", "URL"], ["--help"]])
def test_output_that_cannot_be_written_is_an_error(server: FakeServer, start: Start, words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        process = start(*[server.url if word == "URL" else word for word in words], stdout=full)
        code, _, err = _finish(process)
    assert (code, err) == (1, "gradproto: error: cannot write the output: No space left on device\n")


@posix
def test_closed_streams_are_no_reason_to_fail(server: FakeServer) -> None:
    command = f"exec {sys.executable} -m gradproto_transports.cli predict {server.url} /echo x >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], timeout=PATIENCE).returncode == 0


def test_what_the_output_cannot_encode_is_escaped(server: FakeServer, start: Start) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    assert _finish(start("predict", server.url, "/echo", "é😀", env=env)) == (0, "\\xe9\\U0001f600\n", "")
    assert _finish(start("predict", server.url, "/echo", "é😀", "--json", env=env)) == (
        0,
        '"\\u00e9\\ud83d\\ude00"\n',
        "",
    )


def test_half_a_character_is_escaped(start: Start) -> None:
    # Gradio itself refuses to send one; JSON can hold it.
    first = (
        "from gradproto_transports.cli import _console; _console.accept_any_text(); _console.write_line('\\ud83d'); "
    )
    code, out, err = _finish(start("--version", before=first))
    assert (code, out.splitlines()[0], err) == (0, "\\ud83d", "")


@pytest.mark.parametrize(
    ("missing", "words"), [("click", ["demo"]), ("click", ["--version"]), ("click", []), ("rich", ["demo"])]
)
def test_without_its_libraries_the_program_says_how_to_install_them(
    start: Start, missing: str, words: list[str]
) -> None:
    process = start(*words, before=f"import sys; sys.modules[{missing!r}] = None; ")
    message = 'gradproto: error: the command line is not installed: pip install "gradproto[cli]"\n'
    assert _finish(process) == (2, "", message)


def test_what_is_not_drawn_needs_nothing_to_draw_with(server: FakeServer, start: Start) -> None:
    before = "import sys; sys.modules['rich'] = None; "
    assert _finish(start("predict", server.url, "/progress", "2", before=before)) == (0, "done 2\n", "")


def test_another_module_that_is_missing_is_not_hidden(start: Start) -> None:
    code, out, err = _finish(start("--version", before="import sys; sys.modules['gradproto'] = None; "))
    assert (code, out) == (1, "")
    assert "ModuleNotFoundError" in err


def test_an_error_of_our_own_is_one_line_too(start: Start) -> None:
    code, out, err = _finish(start("fake-server", before="import sys; sys.modules['gradproto_fake_server'] = None; "))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("gradproto: error: ModuleNotFoundError inside gradproto ")


def test_the_version_is_the_packages(invoke: Invoke) -> None:
    import gradproto

    assert invoke("--version").stdout == f"gradproto {gradproto.__version__}\n"


def test_help_names_the_exit_codes(invoke: Invoke) -> None:
    for words in ([], ["--help"], ["predict", "--help"]):
        result = invoke(*words)
        assert result.exit_code == 0
        assert "130 interrupted" in " ".join(result.stdout.split())


@pytest.mark.parametrize("words", [["nope"], ["--nope"], ["view-api"], ["predict"], ["demo", "extra"]])
def test_wrong_usage_is_one_line_that_points_to_the_help(invoke: Invoke, words: list[str]) -> None:
    result = invoke(*words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("gradproto: error: ")
    assert "--help')" in result.stderr


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_fake_server_says_when_it_is_ready_and_ends_cleanly(start: Start, number: signal.Signals) -> None:
    process = start("fake-server", "--port", "0")
    assert process.stdout is not None
    ready, url = process.stdout.readline().split()
    assert ready == "READY"
    with Client(url) as client:
        assert client.predict("hello", api_name="/echo") == "hello"
        process.send_signal(number)
        assert _finish(process) == (0, "", "")


@posix
def test_the_fake_server_speaks_as_an_old_gradio_does(start: Start) -> None:
    process = start("fake-server", "--port", "0", "--gradio", "3.50.2")
    assert process.stdout is not None
    url = process.stdout.readline().split()[1]
    with urllib.request.urlopen(f"{url}/config", timeout=PATIENCE) as response:
        assert json.load(response)["version"] == "3.50.2"
    process.send_signal(signal.SIGTERM)
    assert _finish(process)[0] == 0


def test_a_gradio_that_the_fake_server_cannot_play_is_refused(invoke: Invoke) -> None:
    result = invoke("fake-server", "--gradio", "1.7")
    assert result.exit_code == 2
    assert "--gradio: no fake of Gradio '1.7': known are 2.8.0 to 6.31.0" in result.stderr


def test_a_port_that_is_taken_is_one_line(invoke: Invoke, server: FakeServer) -> None:
    result = invoke("fake-server", "--port", str(server.port))
    assert (result.exit_code, result.stdout) == (1, "")
    why = "Address already in use (--port 0 takes any free one)"
    assert result.stderr == f"gradproto: error: cannot serve on 127.0.0.1:{server.port}: {why}\n"


def test_a_directory_that_cannot_be_made_is_one_line(server: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    place = tmp_path / "taken" / "below"
    result = invoke("predict", server.url, "/upper", f"@{tmp_path / 'taken'}", "--output-dir", str(place))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"gradproto: error: cannot write {place}: Not a directory\n"
