"""Endpoints from functions of every kind: hints, defaults, keyword names, async."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pytest

from gradproto_fake_server import FakeApp, FakeFile, FakeServer, Hold, Log, MemoryServer, Progress, Sleep, textbox
from gradproto_transports.sync import Client, handle_file

from .wire import Http, Response


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(TypedDict):
    x: int


def answered(function: Callable[..., Any], data: list[Any], **options: Any) -> Any:
    """Call a function as an endpoint; give its outputs or its error."""
    app = FakeApp(show_error=True)
    app.endpoint("/f", **options)(function)
    answer = Http(MemoryServer(app)).request("POST", "/gradio_api/run/f", value={"data": data}).json
    return answer["data"] if "data" in answer else answer["error"]


def joined(function: Callable[..., Any], data: list[Any]) -> Response:
    """Call a function as a queued endpoint, as far as it goes at once."""
    app = FakeApp(show_error=True)
    app.endpoint("/f")(function)
    http = Http(MemoryServer(app))
    http.join(0, data)
    return http.stream()


def test_literals_keep_their_type_and_enums_come_as_their_members() -> None:
    def function(number: Literal[1, 2], colour: Colour) -> tuple[str, Colour]:
        return f"{number!r} {colour!r}", Colour.RED

    assert answered(function, [2, "blue"]) == ["2 <Colour.BLUE: 'blue'>", "red"]
    assert answered(function, [3, "blue"]) == "Value: 3 is not in the list of choices: [1, 2]"
    assert answered(lambda colour: colour, [None], inputs=["json"]) == [None]


def test_structures_are_json_and_an_annotation_may_bring_its_component() -> None:
    app = FakeApp()

    @app.endpoint("/f")
    def function(
        a: Point, b: Annotated[list[int], ...] | None, c: Annotated[int, textbox("C")], d: Annotated[str, "json"]
    ) -> tuple[dict[str, int], list[str]]:
        return {}, []

    (endpoint,) = app.endpoints
    assert [component.kind for component in endpoint.inputs] == ["json", "json", "textbox", "json"]
    assert [component.kind for component in endpoint.outputs] == ["json", "json"]


def test_defaults_are_shown_at_first_and_told_to_clients() -> None:
    app = FakeApp()

    @app.endpoint("/f")
    def function(
        text: str = "hi",
        n: int = 3,
        flag: bool = True,
        colour: Colour = Colour.BLUE,
        some: dict[str, int] = {"a": 1},  # noqa: B006 - shown, never changed
        file: FakeFile | None = None,
    ) -> str:
        return f"{text} {n} {flag} {colour.name} {some}"

    info = Http(MemoryServer(app)).request("GET", "/gradio_api/info").json["named_endpoints"]["/f"]["parameters"]
    assert {each["parameter_name"]: each["parameter_default"] for each in info} == {
        "text": "hi",
        "n": 3,
        "flag": True,
        "colour": "blue",
        "some": {"a": 1},
        "file": None,
    }
    assert all(each["parameter_has_default"] for each in info)


@pytest.mark.parametrize(
    ("hint", "default", "error"),
    [
        (bytes, ..., "parameter 'what' of /f is of type bytes, which has no component: use str, int, float"),
        (datetime, ..., "parameter 'what' of /f is of type datetime, which has no component"),
        (set[int], ..., r"parameter 'what' of /f is of type set\[int\], which has no component"),
        (str | bytes, ..., "parameter 'what' of /f is of type bytes, which has no component"),
        (int, "x", "parameter 'what' of /f: the default 'x' is nothing that a number can show at first"),
        (int, True, "the default True is nothing that a number can show"),
        (Literal["a"], "b", "the default 'b' is nothing that a dropdown can show"),
        (Path, Path("x"), r"the default .*Path\('x'\) is nothing that a file can show"),
        (list[int], {1}, r"the default \{1\} is nothing that a json can show"),
    ],
)
def test_what_has_no_component_is_refused_at_once_and_named(hint: Any, default: Any, error: str) -> None:
    def function(what: Any) -> None:
        """Do nothing."""

    function.__annotations__["what"] = hint
    if default is not ...:
        function.__defaults__ = (default,)
    with pytest.raises(TypeError, match=error):
        FakeApp().endpoint("/f")(function)


def test_a_result_without_a_component_is_refused_too() -> None:
    def function() -> datetime:
        return datetime.min

    with pytest.raises(TypeError, match="the result of /f is of type datetime, which has no component"):
        FakeApp().endpoint("/f")(function)
    assert answered(function, [], outputs=["textbox"]) == ["0001-01-01 00:00:00"]


def test_parameters_by_keyword_only_are_inputs_too() -> None:
    def function(a: str, *rest: str, b: str, c: int = 2) -> str:
        return f"{a} {rest} {b} {c}"

    assert answered(function, ["x", "y", 5]) == ["x () y 5"]
    assert answered(function, ["x", "y"], inputs=["textbox", "textbox"]) == ["x () y 2"]


def test_partial_functions_and_callable_objects_are_functions() -> None:
    class Times:
        def __init__(self, n: int) -> None:
            self.n = n

        def __call__(self, text: str) -> Iterator[str]:
            for i in range(self.n):
                yield f"{text}{i}"

    def join(a: str, b: int) -> str:
        return f"{a}{b}"

    assert answered(partial(join, "x"), [3]) == ["x3"]
    kinds = joined(Times(2), ["a"]).kinds
    assert kinds.count("process_generating") == 2


def test_paths_are_files_on_disk() -> None:
    app = FakeApp(show_error=True)

    @app.endpoint("/f")
    def function(source: Path) -> Path:
        target = source.with_name("out.txt")
        target.write_bytes(source.read_bytes().upper())
        return target

    with FakeServer(app) as server, Client(server.url) as client:
        given = handle_file(b"abc")
        result = client.predict(given, api_name="/f")
        assert Path(result).read_bytes() == b"ABC"
        assert Path(result).name == "out.txt"


def test_an_async_function_awaits_steps_and_returns_its_output() -> None:
    async def function(n: int) -> str:
        for i in range(n):
            await Progress(index=i, length=n)
            await Sleep(1)
        await Log("almost")
        return f"done {n}"

    app = FakeApp()
    app.endpoint("/f")(function)
    server = MemoryServer(app)
    http = Http(server)
    http.join(0, [2])
    http.stream()
    server.advance(2)
    response = http.more()
    assert response.kinds[2:] == ["progress", "progress", "log", "process_completed", "close_stream"]
    assert response.messages[-2]["output"]["data"] == ["done 2"]
    assert response.messages[-2]["output"]["duration"] == 2.0


def test_an_async_generator_yields_outputs_and_steps() -> None:
    async def function() -> AsyncIterator[str]:
        yield "a"
        await Sleep(0)
        yield "b"

    app = FakeApp()
    app.endpoint("/f")(function)
    assert app.endpoints[0].generates
    assert [component.kind for component in app.endpoints[0].outputs] == ["textbox"]
    response = joined(function, [])
    assert response.kinds.count("process_generating") == 2
    assert response.messages[-2]["output"]["data"] == ["b"]


async def _sleeps() -> str:
    await asyncio.sleep(1)
    return ""


async def _awaits_nothing() -> str:
    await asyncio.sleep(0)
    return ""


async def _awaits_in_a_generator() -> AsyncIterator[str]:
    yield "a"
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (_sleeps, "no running event loop"),
        (_awaits_nothing, "/f awaits something that wants an event loop, and a fake server has none: await Sleep"),
        (_awaits_in_a_generator, "/f awaits something that wants an event loop"),
    ],
)
def test_what_wants_an_event_loop_fails_in_words(function: Any, error: str) -> None:
    completed = joined(function, []).messages[-2]
    assert completed["success"] is False
    assert error in completed["output"]["error"]


def test_a_cancelled_async_function_is_closed() -> None:
    ended: list[str] = []

    async def waits() -> AsyncIterator[str]:
        try:
            yield "a"
            await Sleep(100)
        finally:
            ended.append("generator")

    async def pauses() -> AsyncIterator[str]:
        try:
            await Hold()
            yield "a"
        finally:
            ended.append("held generator")

    async def sleeps() -> str:
        try:
            await Sleep(100)
        finally:
            ended.append("coroutine")
        return ""

    app = FakeApp()
    app.endpoint("/g")(waits)
    app.endpoint("/c")(sleeps)
    app.endpoint("/h")(pauses)
    http = Http(MemoryServer(app))
    http.join(0, [])
    http.join(1, [])
    http.join(2, [])
    app.close()
    assert sorted(ended) == ["coroutine", "generator", "held generator"]


def test_a_job_remembers_what_it_failed_with_though_nobody_was_told() -> None:
    app = FakeApp()

    @app.endpoint("/f")
    def function() -> str:
        raise ValueError("hidden")

    http = Http(MemoryServer(app))
    http.join(0, [])
    assert http.stream().messages[2]["output"]["error"] is None
    assert repr(app.job("/f").error) == "ValueError('hidden')"
