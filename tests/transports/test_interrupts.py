"""The sync client in programs of their own: Ctrl-C in the middle of anything, and the end of the program."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gradproto_fake_server import FakeServer

from .servers import RawServer
from .tampering import Tampering, stall

LONG = 60  # seconds after which a program counts as hanging

# Each is interrupted where it waits. Then the client still works, and the program ends by itself.
INTERRUPTED = {
    "predict": 'client.predict("x", 1_000, api_name="/slow")',
    "result": 'client.submit("x", 1_000, api_name="/slow").result()',
    "result with a limit": 'client.submit("x", 1_000, api_name="/slow").result(timeout=900)',
    "final": 'client.submit(1_000_000, api_name="/count").final()',
    "exception": 'client.submit("x", 1_000, api_name="/slow").exception()',
    "iteration": 'for _ in client.submit("x", 1_000, api_name="/slow"): pass',
    "iteration of much": 'for _ in client.submit(10_000_000, api_name="/count"): pass',
    "next": 'next(client.submit("x", 1_000, api_name="/slow"))',
    "concurrent.futures.wait": 'concurrent.futures.wait([client.submit("x", 1_000, api_name="/slow")])',
}

PROGRAM = """
import concurrent.futures, os, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from gradproto_transports.sync import Client

client = Client(sys.argv[1])
print("READY", flush=True)
try:
    {waiting}
except KeyboardInterrupt:
    print("INTERRUPTED", flush=True)
assert client.predict("on it goes", api_name="/echo") == "on it goes"
{ending}
print("DONE", flush=True)
"""


class Program:
    """A program that says one line after the other."""

    def __init__(self, text: str, *args: str) -> None:
        command = [sys.executable, "-W", "error", "-c", text, *args]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        # A program that hangs is ended, and so are those that wait for what it says.
        self._limit = threading.Timer(LONG, self._process.kill)
        self._limit.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._limit.cancel()
        self._process.kill()
        with self._process:
            pass

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip()

    def go_on(self) -> None:
        """Give it the line that it waits for."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def interrupt(self) -> None:
        os.kill(self._process.pid, signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Wait for the end; returns the code and what was complained of."""
        assert self._process.stderr is not None
        complaints = self._process.stderr.read()
        return self._process.wait(), complaints


def wait_for_job(fake: FakeServer) -> None:
    fake.wait_for(lambda app: any(request.kind == "data" for request in app.requests))


@pytest.mark.parametrize("ending", ["client.close()", ""])
@pytest.mark.parametrize("waiting", list(INTERRUPTED))
def test_whatever_waits_is_interrupted_at_once_and_the_client_goes_on(
    fake: FakeServer, waiting: str, ending: str
) -> None:
    with Program(PROGRAM.format(waiting=INTERRUPTED[waiting], ending=ending), fake.url) as program:
        assert program.line() == "READY"
        wait_for_job(fake)
        program.interrupt()
        assert program.line() == "INTERRUPTED"
        assert program.line() == "DONE"
        assert program.end() == (0, "")
    fake.wait_for(lambda app: not app.open_streams)


def test_cancelling_is_interrupted_at_once(fake: FakeServer) -> None:
    waiting = 'job = client.submit(10_000_000, api_name="/count"); job.result(); job.cancel()'
    with Tampering(fake.url) as proxy:
        stuck = proxy.arm(b"/cancel", unread="stall")
        with Program(PROGRAM.format(waiting=waiting, ending=""), proxy.url) as program:
            assert program.line() == "READY"
            assert stuck.happened.wait(LONG)
            program.interrupt()
            assert [program.line(), program.line()] == ["INTERRUPTED", "DONE"]
            assert program.end() == (0, "")


CONNECTING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from gradproto_transports.sync import Client
try:
    Client(sys.argv[1])
except KeyboardInterrupt:
    print("INTERRUPTED", flush=True)
print("DONE", flush=True)
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connecting_is_interrupted_at_once(scheme: str) -> None:
    def listen(client: socket.socket) -> None:
        while client.recv(65536):
            heard.set()

    heard = threading.Event()
    with RawServer(listen) as deaf, Program(CONNECTING, deaf.url.replace("http", scheme)) as program:
        assert heard.wait(LONG)
        program.interrupt()
        assert [program.line(), program.line()] == ["INTERRUPTED", "DONE"]
        assert program.end() == (0, "")


MOVING_FILES = {
    "upload": 'client.predict(b"x" * 300_000_000, api_name="/upper")',
    "download": "file.read()",
    "save": "file.save(sys.argv[2])",
    "stream": "list(file.stream())",
}

FILES = """
import os, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from gradproto_transports.sync import Client
client = Client(sys.argv[1], download_files=False)
file = client.predict(b"x" * 1000, api_name="/upper")
print("READY", flush=True)
try:
    {waiting}
except KeyboardInterrupt:
    print("INTERRUPTED", flush=True)
assert client.predict("on it goes", api_name="/echo") == "on it goes"
print("DONE", flush=True)
"""


@pytest.mark.parametrize("moving", list(MOVING_FILES))
def test_files_on_their_way_are_interrupted_at_once_and_leave_nothing(
    fake: FakeServer, tmp_path: Path, moving: str
) -> None:
    with Tampering(fake.url) as proxy:
        asked = proxy.arm(b"/file=", stall(500))
        unread = proxy.arm(b"/upload", unread="stall", skip=1)
        with Program(FILES.format(waiting=MOVING_FILES[moving]), proxy.url, str(tmp_path)) as program:
            assert program.line() == "READY"
            assert (unread if moving == "upload" else asked).happened.wait(LONG)
            program.interrupt()
            assert [program.line(), program.line()] == ["INTERRUPTED", "DONE"]
            assert program.end() == (0, "")
    assert list(tmp_path.iterdir()) == []


CLOSING = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from gradproto_transports.sync import Client
client = Client(sys.argv[1])
entered, stuck = threading.Event(), threading.Event()
def block(value):
    entered.set()
    stuck.wait()
client.submit("x", api_name="/echo", result_callbacks=block)
entered.wait()
try:
    print("READY", flush=True)
    client.close()
except KeyboardInterrupt:
    print("INTERRUPTED", flush=True)
stuck.set()
client.close()
print("DONE", flush=True)
"""


def test_closing_is_interrupted_at_once(fake: FakeServer) -> None:
    with Program(CLOSING, fake.url) as program:
        assert program.line() == "READY"
        program.interrupt()
        assert [program.line(), program.line()] == ["INTERRUPTED", "DONE"]
        assert program.end() == (0, "")


# --- the end of the program -------------------------------------------------------------------------------------------

ENDINGS = {
    "with a job under way": """
job = client.submit(10_000_000, api_name="/count")
assert job.result() == "n=0"
""",
    "with a job that was never heard of": """
client.submit("x", 1_000, api_name="/slow")
""",
    "while a daemon waits": """
import threading
job = client.submit("x", 1_000, api_name="/slow")
threading.Thread(target=job.result, daemon=True).start()
""",
    "with a close at exit": """
import atexit
client.submit(10_000_000, api_name="/count").result()
atexit.register(client.close)
""",
    "with a call at exit": """
import atexit
def last():
    assert client.predict("last", api_name="/echo") == "last"
atexit.register(last)
""",
    "with a new client at exit": """
import atexit
def last():
    with Client(sys.argv[1]) as other:
        assert other.predict("last", api_name="/echo") == "last"
atexit.register(last)
""",
    "with a callback that never returns": """
import threading
entered = threading.Event()
def block(value):
    entered.set()
    threading.Event().wait()
client.submit("x", api_name="/echo", result_callbacks=block)
entered.wait()
""",
    "with a cycle of what is left": """
class Holder: pass
holder = Holder()
holder.me, holder.client, holder.job = holder, client, client.submit("x", 1_000, api_name="/slow")
del holder, client
""",
    "by an error": """
client.submit("x", 1_000, api_name="/slow")
raise SystemExit(0)
""",
}


@pytest.mark.parametrize("name", list(ENDINGS))
def test_a_program_ends(fake: FakeServer, name: str) -> None:
    text = "import sys\nfrom gradproto_transports.sync import Client\nclient = Client(sys.argv[1])\n" + ENDINGS[name]
    with Program(text, fake.url) as program:
        assert program.end() == (0, "")
    fake.wait_for(lambda app: not app.open_streams)


STUCK = """
import sys
from gradproto_transports.sync import Client
client = Client(sys.argv[1])
client.submit("x", api_name="/echo")
print("READY", flush=True)
sys.stdin.readline()
"""


def test_a_program_ends_while_its_server_hangs(fake: FakeServer) -> None:
    with Tampering(fake.url) as proxy:
        stuck = proxy.arm(b"/queue/join", unread="stall")
        with Program(STUCK, proxy.url) as program:
            assert program.line() == "READY"
            assert stuck.happened.wait(LONG)
            program.go_on()
            assert program.end() == (0, "")
