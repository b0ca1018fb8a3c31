"""What is the drivers' own: streams from elsewhere, a driver that fails, interrupts."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest
import trio

from gradproto import ConnectError, ConnectionLostError, LocalProtocolError, Status, StatusUpdate
from gradproto_fake_server import FakeServer

from .backends import Backend

ENDLESS = 1_000_000


def opener(backend: Backend, asked: list[tuple[str, int, bool]], fake: FakeServer) -> Any:
    """Return an ``open_stream`` that goes to the fake server whatever it is asked for."""

    async def trio_stream(host: str, port: int, tls: bool) -> trio.abc.Stream:
        asked.append((host, port, tls))
        return await trio.open_tcp_stream("127.0.0.1", fake.port)

    async def asyncio_streams(host: str, port: int, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        asked.append((host, port, tls))
        return await asyncio.open_connection("127.0.0.1", fake.port)

    def connected(host: str, port: int, tls: bool) -> socket.socket:
        asked.append((host, port, tls))
        return socket.create_connection(("127.0.0.1", fake.port))

    return {"trio": trio_stream, "asyncio": asyncio_streams, "sync": connected}[backend.name]


async def test_streams_may_come_from_elsewhere(backend: Backend, fake: FakeServer) -> None:
    asked: list[tuple[str, int, bool]] = []
    url = "http://somewhere.invalid"
    async with backend.open_client(url, open_stream=opener(backend, asked, fake)) as client:
        assert await client.predict("x", api_name="/echo") == "x"
        job = await client.submit(20, api_name="/count")
        assert len([output async for output in job]) == 20
    assert set(asked) == {("somewhere.invalid", 80, False)}


async def test_streams_from_elsewhere_have_tls_already(backend: Backend, fake: FakeServer) -> None:
    asked: list[tuple[str, int, bool]] = []
    url = "https://somewhere.invalid:8443"
    async with backend.open_client(url, open_stream=opener(backend, asked, fake)) as client:
        assert await client.predict("x", api_name="/echo") == "x"
    assert set(asked) == {("somewhere.invalid", 8443, True)}


async def test_a_stream_that_cannot_be_had_is_a_connect_error(backend: Backend) -> None:
    def refuse(host: str, port: int, tls: bool) -> Any:
        raise OSError("the tunnel is closed")

    async def refuse_later(host: str, port: int, tls: bool) -> Any:
        refuse(host, port, tls)

    hook = refuse if backend.name == "sync" else refuse_later
    with pytest.raises(ConnectError, match=r"somewhere\.invalid:80.*the tunnel is closed"):
        async with backend.open_client("http://somewhere.invalid", open_stream=hook):
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_nobody_waits_for_a_driver_that_failed(
    backend: Backend, fake: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(connection: int, data: bytes) -> None:
        raise RuntimeError("a bug")

    async with backend.open_client(fake.url, download_files=False) as client:
        file = await client.predict(b"x", api_name="/upper")
        fake.hold("/count")
        job = await client.submit(3, api_name="/count")
        # The machine under the driver breaks: whatever comes next is too much for it.
        client._inner.driver.client.receive_data = fail
        with caplog.at_level(logging.CRITICAL):
            with pytest.raises((ConnectionLostError, LocalProtocolError)):
                await backend.call(file.read)
            with pytest.raises(ConnectionLostError, match="RuntimeError") as caught:
                await job.result()
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert job.done()
        with pytest.raises(LocalProtocolError, match="closed"):
            await client.predict("x", api_name="/echo")
    fake.wait_for(lambda app: not app.open_streams)


async def test_callbacks_are_told_of_the_end_when_the_client_is_closed(backend: Backend, fake: FakeServer) -> None:
    heard: list[StatusUpdate] = []
    async with backend.open_client(fake.url) as client:
        fake.hold("/count")
        await client.submit(3, api_name="/count", status_callbacks=heard.append)
    assert heard[-1].code is Status.FINISHED
    assert heard[-1].success is False


SCRIPTS = {
    "sync": """
import sys
from gradproto_transports.sync import Client
with Client(sys.argv[1], generator_result="last") as client:
    print("READY", flush=True)
    client.predict(1_000_000, api_name="/count")
""",
    "trio": """
import sys, trio
from gradproto_transports.trio import open_client
async def main():
    async with open_client(sys.argv[1], generator_result="last") as client:
        print("READY", flush=True)
        await client.predict(1_000_000, api_name="/count")
trio.run(main)
""",
    "asyncio": """
import asyncio, sys
from gradproto_transports.asyncio import open_client
async def main():
    async with open_client(sys.argv[1], generator_result="last") as client:
        print("READY", flush=True)
        await client.predict(1_000_000, api_name="/count")
asyncio.run(main())
""",
}


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_an_interrupted_program_ends_and_so_does_its_job(name: str, fake: FakeServer) -> None:
    # Who runs the tests in a shell's background hands down that interrupts are ignored.
    program_text = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + SCRIPTS[name]
    command = [sys.executable, "-W", "error", "-c", program_text, fake.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == "READY\n"
        fake.wait_for(lambda app: any(request.kind == "data" for request in app.requests))
        os.kill(program.pid, signal.SIGINT)
        complaint = program.stderr.read()
        assert program.wait(30) != 0
    assert complaint.rstrip().endswith("KeyboardInterrupt"), complaint
    assert "Warning" not in complaint
    fake.wait_for(lambda app: app.job("/count").over)
    fake.wait_for(lambda app: not app.open_streams)
