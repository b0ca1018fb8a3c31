"""The modules that are written for apps, at work: typed calls over each client."""

# ruff: noqa: ASYNC240 - looking at a file for a moment keeps nobody waiting here

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gradproto import AppError, ArgumentError, EndpointNotFoundError, Endpoints, FileData, JobCancelledError
from gradproto._record import replace
from gradproto_fake_server import FakeApp, FakeServer, demo_app, number
from gradproto_transports._codegen import write_module
from gradproto_transports.sync import Client
from gradproto_transports.typed import UNSET, TypedApp
from tests.core.documents import dependency, make_endpoints, old_component, saved_endpoints

from .backends import Backend
from .generated import CLASSES, check_types, describe, is_of_type, load, write


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module of the demo app, with a class for each client."""
    return module_for(demo_app(), tmp_path_factory.mktemp("demo"))


def module_for(app: FakeApp, directory: Path, **options: Any) -> ModuleType:
    with FakeServer(app) as server, Client(server.url) as client:
        return load(write(client.endpoints, directory / "my_app.py", **options))


@asynccontextmanager
async def connected(backend: Backend, module: ModuleType, url: str, **options: Any) -> AsyncGenerator[Any, None]:
    """Enter the app, in the way of its client."""
    opening = getattr(module, CLASSES[backend.name]).connect(url, **options)
    if backend.name == "sync":
        with opening as app:
            yield app
    else:
        async with opening as app:
            yield app


async def settle(value: Any) -> Any:
    """Wait for what a method gave, if it is something to wait for."""
    return await value if inspect.iscoroutine(value) else value


async def collect(job: Any) -> list[Any]:
    """Take all outputs of a job."""
    return [output async for output in job] if hasattr(job, "__aiter__") else list(job)


# The demo app, on the fake server and on a real Gradio


async def test_methods_call_their_endpoints(backend: Backend, demo: ModuleType, url: str) -> None:
    async with connected(backend, demo, url) as app:
        assert await settle(app.echo(text="é")) == "é"
        assert await settle(app.add(b=0.5, a=2)) == 2.5
        assert [await settle(app.incr()) for _ in range(2)] == [1, 2]
        path = await settle(app.upper(file=b"some text"))
        assert isinstance(path, str)
        assert Path(path).read_bytes() == b"SOME TEXT"


async def test_outputs_of_a_generator_come_one_by_one(backend: Backend, demo: ModuleType, url: str) -> None:
    async with connected(backend, demo, url) as app:
        job = await settle(app.count(n=3))
        assert await collect(job) == ["n=0", "n=1", "n=2"]
        assert await settle(job.final()) == "n=2"


async def test_a_default_that_no_signature_can_hold_is_left_to_the_app(
    backend: Backend, demo: ModuleType, url: str
) -> None:
    async with connected(backend, demo, url) as app:
        told = (await collect(await settle(app.chat(message="x"))))[-1]
        assert len(told) == 2
        assert len((await collect(await settle(app.chat(message="y", history=told))))[-1]) == 4


async def test_a_job_can_be_watched_and_cancelled(backend: Backend, demo: ModuleType, fake: FakeServer) -> None:
    async with connected(backend, demo, fake.url) as app:
        job = await settle(app.submit_progress(n=2))
        assert await settle(job.result()) == "done 2"
        assert [update.log[0] for update in job.statuses() if update.log] == ["log 0", "log 1"]
        fake.hold("/echo")
        job = await settle(app.submit_echo(text="x"))
        assert not job.done()
        fake.hold("/slow")
        await settle(app.submit_slow(text="first", seconds=0))
        waiting = await settle(app.submit_slow(text="second", seconds=0))
        assert await settle(waiting.cancel())
        with pytest.raises(JobCancelledError):
            await settle(waiting.result())


async def test_an_app_can_be_made_of_a_client_that_there_is(
    backend: Backend, demo: ModuleType, fake: FakeServer
) -> None:
    async with backend.open_client(fake.url) as client:
        own = client if backend.name != "sync" else client._wrapped
        app = getattr(demo, CLASSES[backend.name])(own)
        assert app.client is own
        assert await settle(app.echo(text="x")) == "x"


async def test_the_endpoint_of_a_client_is_not_taken_for_that_of_a_method(
    backend: Backend, demo: ModuleType, fake: FakeServer
) -> None:
    async with connected(backend, demo, fake.url, api_name="/echo") as app:
        assert await settle(app.add(a=1, b=2)) == 3
        assert await settle(app.incr()) == 1


async def test_files_can_be_left_where_they_are(backend: Backend, fake: FakeServer, tmp_path: Path) -> None:
    module = module_for(demo_app(), tmp_path, files="remote")
    async with connected(backend, module, fake.url) as app:
        file = await settle(app.upper(file=b"x"))
        assert isinstance(file, FileData)
        assert await settle(file.read()) == b"X"


@pytest.mark.parametrize("version", ["3.16.2", "3.50.2", "4.0.2", "5.50.0"])
async def test_apps_of_other_generations_can_be_called(backend: Backend, version: str, tmp_path: Path) -> None:
    module = module_for(demo_app(version), tmp_path)
    with FakeServer(demo_app(version)) as server:
        async with connected(backend, module, server.url) as app:
            assert await settle(app.add(a=1, b=2)) == 3
            job = await settle(app.count(n=2) if version != "3.16.2" else app.submit_count(n=2))
            assert await collect(job) == ["n=0", "n=1"]
            assert Path(await settle(app.upper(file=b"x"))).read_bytes() == b"X"


# Apps that are not what they were


async def test_arguments_find_their_parameters_wherever_those_are_now(backend: Backend, tmp_path: Path) -> None:
    before, after = FakeApp(), FakeApp()

    @before.endpoint("/minus", outputs=[number("result")])
    def minus(a: float, b: float) -> float:
        return a - b

    @after.endpoint("/minus", outputs=[number("result")])
    def now_minus(b: float, a: float) -> float:
        return a - b

    module = module_for(before, tmp_path)
    with FakeServer(after) as server:
        async with connected(backend, module, server.url) as app:
            assert await settle(app.minus(a=5, b=2)) == 3


async def test_an_endpoint_that_is_gone_is_missed_whatever_else_there_is(backend: Backend, tmp_path: Path) -> None:
    before, after = FakeApp(), FakeApp()

    @before.endpoint("/gone")
    def gone(text: str) -> str:
        return text

    @after.endpoint("/other", inputs=["textbox", "json"], outputs=["textbox"])
    def other(text: str, value: Any) -> str:
        return f"{text} {value}"

    module = module_for(before, tmp_path)
    with FakeServer(after) as server:
        async with connected(backend, module, server.url) as app:
            with pytest.raises(EndpointNotFoundError, match="/gone"):
                await settle(app.gone(text="x"))
            assert server.app.jobs == {}


async def test_parameters_may_be_named_as_the_clients_own(backend: Backend, tmp_path: Path) -> None:
    app = FakeApp()

    @app.endpoint("/own", outputs=["textbox"])
    def own(headers: str, api_name: str, fn_index: str, result_callbacks: str, kwargs: str) -> str:
        return " ".join((headers, api_name, fn_index, result_callbacks, kwargs))

    module = module_for(app, tmp_path)
    with FakeServer(app) as server:
        async with connected(backend, module, server.url) as typed:
            given = {"headers": "a", "api_name": "b", "fn_index": "c", "result_callbacks": "d", "kwargs": "e"}
            assert await settle(typed.own(**given)) == "a b c d e"


# Functions without a name


async def test_a_function_of_a_server_can_be_called_by_its_index(backend: Backend, tmp_path: Path) -> None:
    with FakeServer(demo_app("3.50.2")) as server:
        with Client(server.url) as client:
            made = describe(client.endpoints)
        add = next(one for one in made.endpoints if one.called == "/add")
        path = tmp_path / "indices.py"
        path.write_text(write_module(replace(made, endpoints=(replace(add, called=1),))), encoding="utf-8")
        async with connected(backend, load(path), server.url) as app:
            assert await settle(app.fn_1(a=1, b=2)) == 3
            assert await settle((await settle(app.submit_fn_1(a=1, b=2))).result()) == 3


class RecordingClient:
    """Takes calls as a client does, and keeps them."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.calls: list[tuple[tuple[object, ...], dict[str, Any]]] = []

    def submit(self, *args: object, fn_index: int | None = None, headers: object = None, **kwargs: Any) -> Any:
        self.calls.append((args, {"fn_index": fn_index, **kwargs}))

    predict = submit

    def close(self) -> None:
        pass


def unnamed(*labels: str, kinds: tuple[str, ...] | None = None, **props: Any) -> RecordingClient:
    kinds = kinds or ("textbox",) * len(labels)
    components = [
        old_component(index, kind, **{**props, "label": label})
        for index, (label, kind) in enumerate(zip(labels, kinds, strict=True))
    ]
    function = dependency(list(range(len(labels))), [], api_name=None)
    return RecordingClient(make_endpoints(components, [function], payload="named", version="3.50.2", protocol="ws"))


def call(client: RecordingClient, arguments: dict[str, object]) -> tuple[tuple[object, ...], dict[str, Any]]:
    TypedApp(client)._call(0, arguments)
    return client.calls[-1]


def test_a_function_without_a_name_is_called_by_its_index() -> None:
    assert call(unnamed("a", "b"), {"b": 2, "a": 1}) == ((), {"fn_index": 0, "a": 1, "b": 2})
    assert call(unnamed("a", "b", value="x"), {"a": UNSET, "b": 2}) == ((), {"fn_index": 0, "b": 2})


def test_what_is_named_as_the_clients_own_goes_by_its_place() -> None:
    client = unnamed("a", "headers", "b")
    assert call(client, {"a": 1, "headers": 2, "b": 3}) == ((1, 2), {"fn_index": 0, "b": 3})
    client = unnamed("a", "self", value="x")
    assert call(client, {"a": UNSET, "self": 2}) == (("x", 2), {"fn_index": 0})


def test_what_cannot_be_given_by_its_place_is_asked_for() -> None:
    with pytest.raises(ArgumentError, match="No value provided for parameter `a`"):
        call(unnamed("a", "headers", kinds=("file", "textbox"), value="x"), {"a": UNSET, "headers": 2})
    with pytest.raises(EndpointNotFoundError, match="Invalid function index"):
        TypedApp(unnamed("a"))._call(7, {})


@pytest.mark.parametrize("name", list(CLASSES.values()))
def test_the_types_of_a_module_can_be_looked_up_while_it_runs(tmp_path: Path, name: str) -> None:
    made = getattr(load(write(saved_endpoints(), tmp_path / "shapes.py")), name)
    for _, method in inspect.getmembers(made, inspect.isfunction):
        if not method.__name__.startswith("_"):
            assert "return" in typing.get_type_hints(method)


def test_the_sentinel_shows_as_what_is_written() -> None:
    assert repr(UNSET) == "UNSET"
    assert repr(TypedApp(unnamed("a"))).startswith("<TypedApp with ")


# What type checkers make of it

USE = """
import asyncio
from typing import Any

from gradproto_transports.typed import AsyncTypedJob, TypedJob
from my_app import App, AsyncApp, TrioApp

def use(app: App) -> None:
    total: float = app.add(a=1, b=2)
    texts: list[str] = [text for text in app.count(n=3)]
    last: str = app.count(n=3).final()
    first: str = app.submit_echo(text="x").result(timeout=1.5)
    path: str = app.upper(file=b"x")
    same_job: TypedJob[str] = app.client.submit("x", api_name="/echo")
    with App.connect(token="x") as same:
        same.client.view_api()

async def use_async(app: AsyncApp) -> None:
    total: float = await app.add(a=1, b=2)
    texts: list[str] = [text async for text in await app.count(n=3)]
    job = await app.submit_echo(text="x")
    text: str = await job
    same_job: AsyncTypedJob[str] = await app.client.submit("x", api_name="/echo")
    async with AsyncApp.connect() as same, TrioApp.connect() as other:
        history: list[dict[str, Any]] = await (await same.chat(message="x")).final()
        number: float = await other.incr()
"""
MISUSE = {
    'app.add(a="1", b=2)': "arg-type",
    "app.add(a=1)": "call-arg",
    "app.add(1, 2)": "call-arg",
    "app.add(a=1, b=2, c=3)": "call-arg",
    "x: str = app.add(a=1, b=2)": "assignment",
    "y: float = app.count(n=3).final()": "assignment",
    "app.gone()": "attr-defined",
    "app.upper(file=5)": "arg-type",
}


def test_type_checkers_know_what_goes_in_and_what_comes_out(tmp_path: Path) -> None:
    with FakeServer(demo_app()) as server, Client(server.url) as client:
        write(client.endpoints, tmp_path / "my_app.py")
    use, wrong = tmp_path / "use.py", tmp_path / "wrong.py"
    use.write_text(USE)
    head = "from my_app import App\n\n\ndef f(app: App) -> None:\n"
    wrong.write_text(head + "".join(f"    {line}\n" for line in MISUSE))
    said = check_types(tmp_path, use, wrong).splitlines()
    # Of the test's own variables pyright says that nobody uses them.
    problems = [line for line in said if "error: " in line and "is not accessed" not in line]
    assert [line for line in problems if "wrong.py" not in line] == []
    for line, (statement, kind) in enumerate(MISUSE.items(), head.count("\n") + 1):
        assert any(f"wrong.py:{line}: error" in one and f"[{kind}]" in one for one in problems), statement
        assert any(f"wrong.py:{line}:" in one and " - error: " in one for one in problems), statement


# A real Gradio and everything that it has


@pytest.fixture(scope="module")
def types_url() -> Iterator[str]:
    """An app with an endpoint for each component, on a real Gradio."""
    command = [sys.executable, str(Path(__file__).parents[1] / "types_app.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            ready = next((line for line in server.stdout if line.startswith("READY ")), None)
            assert ready is not None, "the real app did not start"
            yield ready.split()[1]
        finally:
            server.terminate()


def methods_of(app: Any) -> dict[str, tuple[Any, Any]]:
    """The methods that give results, with their types."""
    found = {
        name: (method, typing.get_type_hints(method)["return"])
        for name, method in inspect.getmembers(app, inspect.ismethod)
        if not name.startswith(("_", "submit_")) and name not in ("connect", "close")
    }
    assert len(found) == len(app.client.endpoints) > 80
    return found


@pytest.mark.real
def test_the_values_of_a_real_gradio_are_of_the_types_that_are_written(types_url: str, tmp_path: Path) -> None:
    with Client(types_url) as client:
        app = load(write(client.endpoints, tmp_path / "types.py", styles=("sync",))).App(client)
        loose: list[str] = []
        for name, (method, wanted) in methods_of(app).items():
            if not name.startswith("none_of_"):
                value = method()
                assert is_of_type(value, wanted), f"/{name} gave {value!r}, which is no {wanted}"
                loose += [name] if wanted is Any else []
    assert loose == ["dialogue", "json", "paramviewer"]


@pytest.mark.real
def test_results_that_a_real_gradio_lets_be_none_say_so_where_that_is_wanted(types_url: str, tmp_path: Path) -> None:
    with Client(types_url) as client:
        app = load(write(client.endpoints, tmp_path / "types.py", styles=("sync",), optional=True)).App(client)
        for name, (method, wanted) in methods_of(app).items():
            try:
                value = method()
            except AppError:
                assert name.startswith("none_of_"), name
                continue
            assert is_of_type(value, wanted), f"/{name} gave {value!r}, which is no {wanted}"
