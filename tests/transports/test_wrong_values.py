"""Whatever a caller gives for an option or an argument: it works, or an error says at once what is wrong with what."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradproto_transports.sync
from gradproto import ArgumentError, ConnectError, EndpointNotFoundError, GradprotoError, Timeouts
from gradproto_fake_server import FakeServer
from gradproto_transports._options import ClientOptions, check_timeout
from gradproto_transports.sync import handle_file

from .backends import Backend

texts = st.text() | st.sampled_from(["\ud800", "a\nb", "\0", "/", "http://[", "data:,x", "http://a\ud800b"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary()
anything = st.recursive(
    scalars | st.builds(object) | st.sampled_from([int, print, range(3), Timeouts]),
    lambda inner: st.lists(inner) | st.dictionaries(scalars, inner) | st.tuples(inner) | st.tuples(texts, texts),
    max_leaves=5,
)
OPTIONS = [name for name in inspect.signature(ClientOptions.of).parameters if name not in ("src", "verbose")]
DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(gradproto_transports.sync.Client.__init__).parameters.items()
    if name in OPTIONS or name == "verbose"
}


def complaint(call: Callable[[], object]) -> str | None:
    """Return what is said of a wrong value, ``None`` if it is taken; anything but an `ArgumentError` comes out."""
    try:
        call()
    except ArgumentError as error:
        return str(error)
    return None


@given(st.sampled_from(OPTIONS), anything)
def test_an_option_is_taken_or_refused_with_its_name(name: str, value: object) -> None:
    options: Any = {**DEFAULTS, name: value}
    src = None if name == "space" else "http://127.0.0.1:7860"
    said = complaint(lambda: ClientOptions.of(src, **options).new_session())
    words = {"space": "address", "hf_token": "token", "headers": "header", "cookies": "cookie"}
    assert said is None or words.get(name, name) in said


@given(anything)
def test_an_address_is_taken_or_refused(value: Any) -> None:
    options: Any = DEFAULTS
    said = complaint(lambda: ClientOptions.of(value, **options).new_session())
    assert said is None or "address" in said


@given(anything, anything)
def test_a_file_is_taken_or_refused(source: Any, name: Any) -> None:
    said = complaint(lambda: handle_file(source, name=name))
    assert said is None or len(said) > 10


@given(anything)
def test_a_time_to_wait_is_taken_or_refused(value: Any) -> None:
    said = complaint(lambda: check_timeout(value))
    assert said is None or "timeout is" in said


@given(st.sampled_from(["connect", "request", "upload_idle", "queue_wait", "run", "stream_idle"]), anything)
def test_a_limit_is_taken_or_refused_with_its_name(name: str, value: Any) -> None:
    said = complaint(lambda: Timeouts(**{name: value}))
    assert said is None or name in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"api_name": 7}, "`api_name` is of type int"),
        ({"api_name": ["/echo"]}, "`api_name` is of type list"),
        ({"fn_index": "0"}, "`fn_index` is of type str"),
        ({"fn_index": [0]}, "`fn_index` is of type list"),
        ({"fn_index": 10**30}, "Invalid function index"),
        ({"headers": "x"}, "headers must be a mapping"),
        ({"headers": {"x": 1}}, "the value of header 'x'"),
        ({"result_callbacks": "print"}, "result_callbacks holds a str"),
        ({"result_callbacks": [print, 7]}, "result_callbacks holds a int"),
        ({"status_callbacks": 7}, "status_callbacks holds a int"),
    ],
)
async def test_what_a_call_cannot_have_is_refused_before_anything_is_sent(
    backend: Backend, fake: FakeServer, arguments: dict[str, Any], complaint: str
) -> None:
    async with backend.open_client(fake.url) as client:
        before = len(fake.requests)
        with pytest.raises((ArgumentError, EndpointNotFoundError), match=complaint):
            await client.submit("x", **({"api_name": "/echo"} if "fn_index" not in arguments else {}) | arguments)
        assert len(fake.requests) == before
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("\ud800", "lone surrogate"),
        (object(), "of type object"),
        ({1, 2}, "of type set"),
        (1j, "of type complex"),
    ],
)
async def test_what_no_server_could_take_is_refused_by_the_name_of_its_parameter(
    backend: Backend, fake: FakeServer, value: Any, complaint: str
) -> None:
    async with backend.open_client(fake.url) as client:
        before = len(fake.requests)
        for arguments in ((value, []), ("x", [{"deep": value}])):
            with pytest.raises(ArgumentError, match=complaint) as caught:
                await client.predict(*arguments, api_name="/chat")
            assert ("`message`" if arguments[0] is value else "`history`") in str(caught.value)
        assert len(fake.requests) == before


@pytest.mark.parametrize("number", [10**400, float("inf"), -float("inf"), 2**63, -0.0, 5e-324])
async def test_numbers_of_any_size_arrive_or_are_answered(backend: Backend, fake: FakeServer, number: float) -> None:
    async with backend.open_client(fake.url) as client:
        job = await client.submit(number, 0, api_name="/add")
        error = await job.exception()
        assert error is None or isinstance(error, GradprotoError)
        assert await client.predict("on it goes", api_name="/echo") == "on it goes"


@pytest.mark.parametrize("timeout", ["1", b"1", [], True, float("nan")])
async def test_a_wrong_time_to_wait_is_refused_and_harms_no_job(
    backend: Backend, fake: FakeServer, timeout: Any
) -> None:
    async with backend.open_client(fake.url) as client:
        job = await client.submit("x", 0.1, api_name="/slow")
        for wait in (job.result, job.final, job.exception):
            with pytest.raises(ArgumentError, match="timeout is"):
                await wait(timeout=timeout)
        assert await job.result() == "x"


async def test_a_time_to_wait_may_be_longer_than_any_life(backend: Backend, fake: FakeServer) -> None:
    limits = Timeouts(connect=1e9, request=1e300, upload_idle=1e7, queue_wait=1e8, run=float("inf"), stream_idle=1e9)
    async with backend.open_client(fake.url, timeouts=limits) as client:
        for timeout in (1e7, 1e10, 1e300, float("inf")):
            job = await client.submit("x", 0.01, api_name="/slow")
            assert await job.result(timeout=timeout) == "x"
        file = await client.submit(b"x", api_name="/upper")
        assert await file.exception() is None


@pytest.mark.parametrize("context", ["no context", 7, object()])
async def test_a_tls_context_that_is_none_is_refused(backend: Backend, fake: FakeServer, context: Any) -> None:
    with pytest.raises(ArgumentError, match="ssl_context is of type"):
        async with backend.open_client(fake.url.replace("http:", "https:"), ssl_context=context):
            pass


def no_stream(host: str, port: int, tls: bool) -> Any:
    return None


def broken_stream(host: str, port: int, tls: bool) -> Any:
    raise LookupError("the tunnel has collapsed")


@pytest.mark.parametrize("open_stream", [7, no_stream, broken_stream])
async def test_a_way_to_connect_that_does_not_work_says_so(
    backend: Backend, fake: FakeServer, open_stream: Any
) -> None:
    with pytest.raises(ConnectError, match=rf"could not connect to 127\.0\.0\.1:{fake.port}: "):
        async with backend.open_client(fake.url, open_stream=open_stream):
            pass


def test_a_socket_from_elsewhere_is_used(fake: FakeServer) -> None:
    opened: list[socket.socket] = []

    def connect(host: str, port: int, tls: bool) -> socket.socket:
        opened.append(socket.create_connection((host, port)))
        return opened[-1]

    with gradproto_transports.sync.Client(fake.url, open_stream=connect) as client:
        assert client.predict("x", api_name="/echo") == "x"
    assert opened
    assert all(one.fileno() == -1 for one in opened)
