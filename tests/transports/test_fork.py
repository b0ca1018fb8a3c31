"""A fork has a client's memory and sockets, and nobody who does its work: it is told so, and the client lives on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gradproto_fake_server import FakeServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

COMMON = """
import gc, os, signal, sys, traceback
from gradproto import LocalProtocolError

def refused(what):
    try:
        what()
    except LocalProtocolError as error:
        assert f"the client was made in another process ({os.getppid()})" in str(error), error
        assert "make a new one in this one" in str(error)
    else:
        raise AssertionError(f"{what} was not refused")

def fork(child):
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == 0
    else:
        signal.alarm(30)
        try:
            child()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        sys.exit()
"""

SYNC = """
from gradproto_transports.sync import Client

client = Client(sys.argv[1])
lazy = Client(sys.argv[1], download_files=False)
file = lazy.predict(b"x", api_name="/upper")
path = client.predict(b"x", api_name="/upper")
done = client.submit("x", api_name="/echo")
assert done.result() == "x"
stream = client.submit(20_000, api_name="/count")
assert next(stream) == "n=0"
job = client.submit("late", 1_000, api_name="/slow")

def child():
    global client, lazy, file, job, done, stream
    for method in (job.result, job.final, job.exception, job.cancel, job.request_cancel, job.end, done.result):
        refused(method)
    for method in (file.read, file.save, client.reset_session):
        refused(method)
    refused(lambda: job.send(1))
    refused(lambda: next(job))
    refused(lambda: list(job))
    refused(lambda: list(file.stream()))
    refused(lambda: client.predict("x", api_name="/echo"))
    refused(lambda: client.submit("x", api_name="/echo"))
    assert client.endpoints and client.config and repr(client) and repr(job)
    with Client(sys.argv[1]) as new:
        assert new.predict("child", api_name="/echo") == "child"
    client.close()
    client.close()
    refused(lambda: client.predict("x", api_name="/echo"))
    client = lazy = file = job = done = stream = None
    gc.collect()

for _ in range(3):
    fork(child)
assert list(stream) == [f"n={n}" for n in range(20_000)]
assert not job.done()
assert file.read() == b"X"
assert client.predict("parent", api_name="/echo") == "parent"
with open(path, "rb") as opened:
    assert opened.read() == b"X"
client.close()
lazy.close()
"""

CALLBACK = """
from gradproto_transports.sync import Client

told = []

def tell(output):
    told.append(output)
    if output == "n=1":
        fork(lambda: None)

def tell_child(output):
    told.append(output)
    if output == "n=1":
        pid = os.fork()
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
        else:
            signal.alarm(30)

def tell_future(future):
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == 0
    else:
        signal.alarm(30)

with Client(sys.argv[1]) as client:
    for callback in (tell, tell_child):
        told.clear()
        assert client.submit(4, api_name="/count", result_callbacks=callback).final() == "n=3"
        client.predict("after it", api_name="/echo")
        assert told == ["n=0", "n=1", "n=2", "n=3"], told
    job = client.submit("x", api_name="/echo")
    job.add_done_callback(tell_future)
    assert job.result() == "x"
    assert client.predict("after it", api_name="/echo") == "after it"
"""

TRIO = """
import trio
from gradproto_transports.trio import open_client

def in_child(method):
    async def call():
        await method()
    refused(lambda: trio.run(call))

async def main():
    async with open_client(sys.argv[1]) as client:
        done = await client.submit("x", api_name="/echo")
        assert await done.result() == "x"
        job = await client.submit(2_000, api_name="/count")
        assert await job.__anext__() == "n=0"
        await trio.to_thread.run_sync(fork, lambda: child(client, job, done))
        assert [output async for output in job] == [f"n={n}" for n in range(2_000)]
        assert await client.predict("parent", api_name="/echo") == "parent"

def child(client, job, done):
    for method in (job.result, job.final, job.exception, job.cancel, job.end, job.__anext__, done.result):
        in_child(method)
    in_child(client.reset_session)
    in_child(lambda: client.predict("x", api_name="/echo"))
    in_child(lambda: client.submit("x", api_name="/echo"))
    refused(job.request_cancel)
    os._exit(0)

trio.run(main)
"""

ASYNCIO = (
    TRIO.replace("import trio\n", "import asyncio\n")
    .replace("gradproto_transports.trio", "gradproto_transports.asyncio")
    .replace("trio.to_thread.run_sync", "asyncio.to_thread")
    .replace("trio.run(call)", "asyncio.run(call())")
    .replace("trio.run(main)", "asyncio.run(main())")
    .replace("    os._exit(0)", "    asyncio.run(client.close())\n    os._exit(0)")
)

SCRIPTS = {"sync": SYNC, "sync from a callback": CALLBACK, "trio": TRIO, "asyncio": ASYNCIO}


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_a_forked_process_is_told_that_it_needs_a_client_of_its_own(name: str, fake: FakeServer) -> None:
    # Python warns of every fork of a program with threads, since 3.12.
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    # trio's handling of signals is not made for it either.
    command += ["-W", "ignore:It looks like Trio's signal:RuntimeWarning", "-c"]
    run = subprocess.run([*command, COMMON + SCRIPTS[name], fake.url], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
    fake.wait_for(lambda app: not app.open_streams)
