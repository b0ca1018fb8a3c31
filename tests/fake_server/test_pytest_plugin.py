"""The pytest plugin, as the tests of somebody else have it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

# What tests within a test are the first to load is forgotten after it, and some of it bears no second loading.
for module in (
    "trustme",
    "gradproto_fake_server._inline",
    "gradproto_fake_server._server",
    "gradproto_fake_server._tls",
    "gradproto_fake_server.trio",
    "gradproto_transports.asyncio",
    "gradproto_transports.sync",
    "gradproto_transports.trio",
):
    importlib.import_module(module)

pytest_plugins = ["pytester"]

PLUGIN = "gradproto_fake_server.pytest_plugin"
HEADER = """
import pytest
from gradproto import AppError, EndpointNotFoundError
from gradproto_fake_server import FakeApp, Sleep, Steps, demo_app
from gradproto_transports.sync import Client
import urllib.request, urllib.error

def refused(server):
    "Ask for what no Gradio has."
    try:
        urllib.request.urlopen(server.url + "/gradio_api/file=/nothing").close()
    except urllib.error.HTTPError as error:
        error.close()
"""


def run(pytester: pytest.Pytester, source: str, *arguments: str, **outcomes: int) -> pytest.RunResult:
    """Run tests that know of the plugin, with pytest at its strictest; they must come out as said."""
    pytester.makepyfile(test_it=HEADER + source)
    strict = ["--strict-markers", "--strict-config", "-W", "error", "-p", "no:cacheprovider"]
    result = pytester.runpytest_inprocess("-p", PLUGIN, *strict, *arguments)
    result.assert_outcomes(**outcomes)
    return result


def test_a_test_says_what_the_app_has(pytester: pytest.Pytester) -> None:
    source = """
def test_one(fake_gradio):
    @fake_gradio.endpoint("/shout")
    def shout(text: str) -> str:
        return text.upper()

    with Client(fake_gradio.url) as client:
        assert client.predict("hello") == "HELLO"  # it is the only one
    fake_gradio.assert_requested("join", times=1)

def test_two(fake_gradio):
    assert fake_gradio.app.endpoints == []
    assert fake_gradio.requests == []
"""
    run(pytester, source, passed=2)


def test_options_come_from_a_fixture_a_class_and_the_nearest_marker(pytester: pytest.Pytester) -> None:
    source = """
@pytest.fixture
def fake_gradio_options():
    return {"app": demo_app, "gradio_version": "4.0.2", "seed": 7}

def version(server):
    return server.app.profile.version, server.app.find_endpoint("/echo") is not None

def test_the_fixtures(fake_gradio):
    assert version(fake_gradio) == ("4.0.2", True)

@pytest.mark.fake_gradio(gradio_version="3.50.2")
class TestMarked:
    def test_the_class(self, fake_gradio):
        assert version(fake_gradio) == ("3.50.2", True)

    @pytest.mark.fake_gradio(gradio_version="5.0.0", app=FakeApp)
    def test_the_function(self, fake_gradio, make_fake_gradio):
        assert version(fake_gradio) == ("5.0.0", False)
        assert version(make_fake_gradio(gradio_version="6.31.0")) == ("6.31.0", False)

class TestOwnFixture:
    @pytest.fixture
    def fake_gradio_options(self, fake_gradio_options):
        return {**fake_gradio_options, "auth": {"me": "word"}}

    def test_it_adds(self, fake_gradio):
        assert version(fake_gradio) == ("4.0.2", True)
        with Client(fake_gradio.url, auth=("me", "word")) as client:
            assert client.predict("x", api_name="/echo") == "x"
"""
    run(pytester, source, passed=4)


def test_a_request_that_a_real_server_refuses_fails_its_test(pytester: pytest.Pytester) -> None:
    source = """
def test_refused(fake_gradio):
    refused(fake_gradio)

def test_the_next_one(fake_gradio):
    pass

@pytest.mark.fake_gradio(strict=False)
def test_wanted(fake_gradio):
    refused(fake_gradio)

def test_of_two_only_one_is_strict(make_fake_gradio):
    make_fake_gradio()
    refused(make_fake_gradio(strict=False))

def test_inline(fake_gradio_inline):
    sock = fake_gradio_inline.open_stream("x", 80, False)
    sock.sendall(b"GET /nothing HTTP/1.0\\r\\n\\r\\n")
    sock.close()
"""
    result = run(pytester, source, failed=2, passed=3)
    result.stdout.fnmatch_lines(
        [
            "*_ test_refused _*",
            "http://127.0.0.1:*: 1 request(s) that a real server refuses:",
            "  #1 GET /gradio_api/file=/nothing: 40*",
            "A test that is about that says @pytest.mark.fake_gradio(strict=False).",
            "*_ test_inline _*",
            "http://fake.test: 1 request(s) that a real server refuses:",
            "  #1 GET /nothing: 404 Not Found",
        ]
    )
    assert "pytest_plugin.py" not in result.stdout.str()


def test_a_test_that_failed_already_fails_once_and_is_told(pytester: pytest.Pytester) -> None:
    source = """
def test_failed(fake_gradio):
    refused(fake_gradio)
    assert "mine" == "not mine"

@pytest.fixture
def broken(fake_gradio):
    refused(fake_gradio)
    raise ValueError("in another fixture")

def test_never_runs(broken):
    pass

def test_skipped(fake_gradio):
    refused(fake_gradio)
    pytest.skip("after all")

@pytest.mark.xfail(strict=True)
def test_expected(fake_gradio):
    refused(fake_gradio)
"""
    result = run(pytester, source, failed=1, errors=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "*ValueError: in another fixture",
            "*- Captured fake gradio call -*",
            "http://127.0.0.1:*: 1 request(s) that a real server refuses:",
            "*AssertionError: assert 'mine' == 'not mine'",
            "*- Captured fake gradio call -*",
            "http://127.0.0.1:*: 1 request(s) that a real server refuses:",
        ]
    )


def test_what_another_fixture_asks_for_at_its_end_counts_too(pytester: pytest.Pytester) -> None:
    source = """
@pytest.fixture
def late(fake_gradio):
    yield
    refused(fake_gradio)

def test_late(late):
    pass
"""
    result = run(pytester, source, passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_late*", "*1 request(s) that a real server refuses:*"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("gradio_verson='4.0.2'", "a fake Gradio has no option 'gradio_verson'; there are app, strict, tls, *seed*"),
        ("app=demo_app, interfaces='x'", "a fake Gradio has no option 'interfaces'; there are *interface*auth*"),
        ("app=lambda: FakeApp(), seed=1", "a fake Gradio has no option 'seed'; there are app, strict, tls, autojump"),
        ("app=demo_app()", "app= makes an app, each test its own, but a FakeApp cannot be called"),
        ("app=dict", "app= made a dict, not a FakeApp"),
        ("strict='no'", "strict= is True or False, not 'no'"),
        ("autojump=True", "autojump= is for fake_gradio_inline only"),
        ("'4.0.2'", "the marker fake_gradio takes options by name only, not '4.0.2'"),
    ],
)
def test_options_that_there_are_not_are_named(pytester: pytest.Pytester, options: str, said: str) -> None:
    source = f"""
@pytest.mark.fake_gradio({options})
def test_it(fake_gradio):
    pass
"""
    result = run(pytester, source, errors=1)
    result.stdout.fnmatch_lines([said])


def test_options_that_are_no_mapping_are_refused(pytester: pytest.Pytester) -> None:
    source = """
@pytest.fixture
def fake_gradio_options():
    return ["strict"]

def test_it(fake_gradio):
    pass
"""
    result = run(pytester, source, errors=1)
    result.stdout.fnmatch_lines(["fake_gradio_options gives a list, not a mapping of options"])


def test_a_factory_with_wrong_options_raises_where_it_is_called(pytester: pytest.Pytester) -> None:
    source = """
def test_it(make_fake_gradio):
    with pytest.raises(TypeError, match="no option 'port'; there are app, strict, tls"):
        make_fake_gradio(port=80)
    with pytest.raises(ValueError, match="1.0"):
        make_fake_gradio(gradio_version="1.0")
"""
    run(pytester, source, passed=1)


def test_any_number_of_servers_are_closed_at_the_end(pytester: pytest.Pytester) -> None:
    source = """
import threading
servers = []

def test_many(make_fake_gradio):
    servers.extend(make_fake_gradio(app=demo_app) for _ in range(5))
    assert len({server.url for server in servers}) == 5
    for server in servers:
        with Client(server.url) as client:
            assert client.predict("x", api_name="/echo") == "x"

def test_after():
    assert not [thread for thread in threading.enumerate() if thread.name == "gradproto-fake-server"]
"""
    run(pytester, source, passed=2)


def test_there_is_one_with_tls(pytester: pytest.Pytester) -> None:
    source = """
@pytest.mark.fake_gradio(tls=True, app=demo_app)
def test_secure(fake_gradio):
    with Client(fake_gradio.url, ssl_context=fake_gradio.ssl_context) as client:
        assert client.predict("x", api_name="/echo") == "x"
"""
    run(pytester, source, passed=1)


def test_the_inline_server_waits_for_nothing(pytester: pytest.Pytester) -> None:
    source = """
def test_slow(fake_gradio_inline):
    server = fake_gradio_inline

    @server.endpoint("/late")
    def late() -> Steps[str]:
        yield Sleep(86_400)
        return "late"

    with Client(server.url, open_stream=server.open_stream) as client:
        assert client.predict() == "late"
    assert server.now == 86_400

@pytest.mark.fake_gradio(autojump=False, app=demo_app)
def test_still(fake_gradio_inline):
    server = fake_gradio_inline
    with Client(server.url, open_stream=server.open_stream) as client:
        job = client.submit("x", 10, api_name="/slow")
        server.wait_for(lambda app: [stream for stream in app.open_streams if stream.kind == "data"])
        server.advance(10)
        assert job.result() == "x"
"""
    run(pytester, source, passed=2)


def test_asyncio_and_trio_tests_use_the_threads_server(pytester: pytest.Pytester) -> None:
    source = """
import gradproto_transports.asyncio, gradproto_transports.trio

@pytest.mark.fake_gradio(app=demo_app)
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.anyio
async def test_anyio(fake_gradio, anyio_backend):
    module = getattr(gradproto_transports, anyio_backend)
    async with module.open_client(fake_gradio.url) as client:
        assert await client.predict("x", api_name="/echo") == "x"

@pytest.mark.fake_gradio(app=demo_app)
@pytest.mark.trio
async def test_pytest_trio(fake_gradio):
    async with gradproto_transports.trio.open_client(fake_gradio.url) as client:
        assert await client.predict("x", api_name="/echo") == "x"

@pytest.mark.trio
async def test_strict(fake_gradio):
    refused(fake_gradio)
"""
    run(pytester, source, passed=3, failed=1)


MEMORY = """
import trio, trio.testing
from gradproto_transports.trio import open_client

async def use(server, seconds=86_400):
    @server.endpoint("/late")
    def late() -> Steps[str]:
        yield Sleep(seconds)
        return "late"

    began = trio.current_time()
    async with open_client(server.url, open_stream=server.open_stream) as client:
        job = await client.submit(api_name="/late")
        await server.wait_for(lambda app: [stream for stream in app.open_streams if stream.kind == "data"])
        server.advance(seconds)
        assert await job.result() == "late"
        assert await client.predict(api_name="/late") == "late"
    assert trio.current_time() - began < seconds + 100

@pytest.mark.trio
async def test_pytest_trio(fake_gradio_memory, autojump_clock):
    await use(fake_gradio_memory)

@pytest.mark.trio
async def test_real_time(fake_gradio_memory):
    await use(fake_gradio_memory, 0.01)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_anyio(fake_gradio_memory, anyio_backend):
    await use(fake_gradio_memory, 0.01)

def test_twice(fake_gradio_memory):
    server = fake_gradio_memory

    @server.endpoint("/echo")
    def echo(text: str) -> str:
        return text

    async def scenario():
        async with open_client(server.url, open_stream=server.open_stream) as client:
            assert await client.predict("x", api_name="/echo") == "x"

    server.advance(1000)
    for _ in range(2):
        trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))
        server.advance(1000)
    assert server.app.now >= 3000
    server.assert_all_closed()
    server.assert_requested("join", times=2)

@pytest.mark.trio
async def test_strict(fake_gradio_memory):
    stream = await fake_gradio_memory.open_stream("x", 80, False)
    await stream.send_all(b"GET /nothing HTTP/1.0\r\n\r\n")
    await stream.receive_some()

def test_asyncio(fake_gradio_memory):
    import asyncio
    with pytest.raises(RuntimeError, match="is for trio, which does not run here"):
        asyncio.run(fake_gradio_memory.open_stream("x", 80, False))
"""


def test_trio_tests_have_one_in_memory(pytester: pytest.Pytester) -> None:
    result = run(pytester, MEMORY.replace("\\", "\\\\").replace("\r\n", "\\r\\n"), passed=5, failed=1)
    result.stdout.fnmatch_lines(["http://fake.test: 1 request(s) that a real server refuses:"])


def test_there_is_a_hub(pytester: pytest.Pytester) -> None:
    source = """
def test_space(fake_hub):
    fake_hub.run(lambda hub: hub.add_user("me"))
    fake_hub.run(lambda hub: hub.add_space("me/app"))
    with Client("me/app", hub_url=fake_hub.url) as client:
        assert client.predict("x", api_name="/echo") == "x"

class Space:
    def __init__(self, hub):
        hub.run(lambda hub: hub.add_space("me/app"))
        self.url = hub.space_url("me/app")

def test_refused(fake_hub):
    refused(Space(fake_hub))

@pytest.mark.fake_gradio(strict=False)
def test_wanted(fake_hub):
    refused(Space(fake_hub))
"""
    result = run(pytester, source, passed=2, failed=1)
    result.stdout.fnmatch_lines(["http://127.0.0.1:*: 1 request(s) that a real server refuses:"])


def test_unittest_has_it_too(pytester: pytest.Pytester) -> None:
    source = """
import unittest

class TestIt(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, fake_gradio):
        self.server = fake_gradio

    def test_refused(self):
        refused(self.server)

    def test_failed(self):
        refused(self.server)
        self.assertEqual("mine", "not mine")

    def test_passed(self):
        pass
"""
    result = run(pytester, source, failed=2, passed=1)
    result.stdout.fnmatch_lines(["*AssertionError: 'mine' != 'not mine'*"])


def test_a_conftest_may_ask_for_it(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(f"pytest_plugins = [{PLUGIN!r}]")
    pytester.makepyfile("def test_it(fake_gradio): assert fake_gradio.requests == []")
    pytester.runpytest_inprocess("--strict-markers").assert_outcomes(passed=1)


def test_without_the_plugin_there_is_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(fake_gradio): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'fake_gradio' not found*"])


def test_its_import_loads_no_sockets_and_no_event_loop() -> None:
    code = f"""
import pytest, sys
before = set(sys.modules)
import {PLUGIN}
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert PLUGIN in loaded
    heavy = {"trio", "ssl", "asyncio", "selectors", "trustme", "gradproto_transports"}
    shells = {"gradproto_fake_server._server", "gradproto_fake_server._inline", "gradproto_fake_server._tls"}
    assert not loaded & (heavy | shells)
