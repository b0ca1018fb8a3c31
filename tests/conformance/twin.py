"""The twin of the fixture app for the fake server: the same endpoints, as far as the fake has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from gradproto_conformance._areas.diff import GROWN, STORY
from gradproto_conformance._areas.payload import data_url
from gradproto_conformance._target import FIXTURE_TITLE
from gradproto_fake_server import (
    AppFailure,
    Component,
    FakeApp,
    FakeFile,
    Log,
    Progress,
    Sleep,
    Steps,
    StoredFile,
    json_value,
    number,
    state,
    textbox,
    validate,
)
from gradproto_fake_server import file as file_component

__all__ = ["LOGIN", "twin"]

LOGIN = {"reader": "secret-word"}
LARGEST_FILE = 2 << 20
PATIENCE = 8.0
TICK = 0.01
NOT_BAD = "text must not be 'bad'"

Function = Callable[..., Any]

TOKENS = [
    [("a", "1")],
    [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")],
    [("a!", "1")],
    [("x", "9"), ("y", None)],
]


# What the fixture app makes of the image of the checks.
TURNED = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000208020000001"
    "6e321700000001049444154789c6360f8cfc0f09f81010008ff01ffd52a6b9f0000000049454e44ae426082"
)


class Yard:
    """What ran, and what may go on."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.open: set[str] = set()

    def write(self, name: str, line: str) -> None:
        self.lines.setdefault(name, []).append(line)

    def wait(self, name: str) -> Iterator[Sleep]:
        for _ in range(int(PATIENCE / TICK)):
            if name in self.open:
                return
            yield Sleep(TICK)


def twin(
    gradio_version: str,
    *,
    function: str = "echo",
    small: bool = False,
    closes: bool = False,
    make: Callable[..., FakeApp] = FakeApp,
    **options: Any,
) -> FakeApp:
    """Make the twin; ``function`` is the one of a Gradio 2.

    ``small``, from 3.1.6 on, is what the real one is with ``--max-size 1``, ``closes`` what it is with ``--closable``:
    it stops by itself, when the first event is over. ``make`` makes the app without endpoints.
    """
    old = gradio_version.startswith("2.")
    title = f"{FIXTURE_TITLE}: {function}" if old else FIXTURE_TITLE
    app = make(gradio_version, title=title, max_queue_size=1 if small else None, max_file_size=LARGEST_FILE, **options)
    yard = Yard()

    def endpoint(name: str, *, generator: bool = False, **about: Any) -> Callable[[Function], Function]:
        if (old and name != function) or (generator and not app.profile.generators):
            return lambda made: made
        about.setdefault("concurrency_limit", None)
        return app.endpoint(f"/{name}", **about)

    def out(label: str = "out") -> Component:
        return textbox(label)

    @endpoint("open_gate", queue=False, outputs=[out()])
    def open_gate(name: str) -> str:
        yard.open.add(name)
        return name

    @endpoint("ran", queue=False, outputs=[out()])
    def ran(name: str) -> str:
        return "\n".join(yard.lines.get(name, []))

    def hold(name: str) -> Steps[str]:
        yard.write(name, "begin")
        yield from yard.wait(name)
        yard.write(name, "end")
        return "held " + name

    for name in ["small_queue"] if small else ["last_words", "close_app"] if closes else ["hold", "line"]:
        endpoint(name, concurrency_limit=1, outputs=[out()])(hold)
    if closes:
        yard.open.add("")
        app.inject("server stopped", "GET */queue/data*", times=None, after_messages=2)
    if small or closes:
        return app

    @endpoint("echo", outputs=[out()])
    def echo(text: str) -> str:
        return text

    @endpoint("add", outputs=[number("sum")])
    def add(a: float, b: float) -> float:
        return a + b

    @endpoint("slow", outputs=[out()])
    def slow(text: str, seconds: float) -> Steps[str]:
        yield Sleep(seconds)
        return "slow " + text

    @endpoint("count", generator=True, outputs=[out()])
    def count(n: float) -> Iterator[str | Sleep]:
        for i in range(int(n)):
            yield Sleep(0.02)
            yield str(i)

    @endpoint("steps", generator=True, outputs=[out()])
    def steps(name: str, n: float) -> Iterator[str | Sleep]:
        for i in range(int(n)):
            yard.write(name, f"step {i}")
            yield f"{name} {i}"
            if i == 0:
                yield from yard.wait(name)
            yield Sleep(0.1)
        yard.write(name, "end")

    @endpoint("grow", generator=True, outputs=[json_value("out")])
    def grow(n: float) -> Iterator[Any]:
        for value in GROWN[: int(n)]:
            yield Sleep(0.02)
            yield value

    @endpoint("tokens", generator=True, outputs=[_highlighted_text()])
    def tokens(n: float) -> Iterator[Any]:
        for value in TOKENS[: int(n)]:
            yield Sleep(0.02)
            yield value

    @endpoint("story", generator=True, outputs=[out(), out("same"), number("i")])
    def story(n: float) -> Iterator[Any]:
        for value in STORY[: int(n)]:
            yield Sleep(0.02)
            yield tuple(value)

    @endpoint("fail", outputs=[out()])
    def fail(text: str) -> str:
        raise AppFailure("told: " + text)

    @endpoint("fail_value", outputs=[out()])
    def fail_value(text: str) -> str:
        raise ValueError("hidden: " + text)

    @endpoint("gen_fail", generator=True, outputs=[out()])
    def gen_fail(n: float) -> Iterator[str | Sleep]:
        for i in range(int(n)):
            yield Sleep(0.02)
            yield str(i)
        raise AppFailure(f"told after {int(n)}")

    @endpoint("file", outputs=[file_component("out")])
    def shout(file: StoredFile) -> FakeFile:
        text = b"".join(file.pieces()).decode()
        return FakeFile("loud-" + file.name, (text.upper() + "!").encode())

    if not old:

        @endpoint("files", inputs=[_files("files")], outputs=[_files("outs")])
        def files(files: list[StoredFile]) -> list[StoredFile]:
            return files

        @endpoint("update", outputs=[_updated()])
        def update(text: str) -> dict[str, Any]:
            return {"__type__": "update", "label": "changed", "value": text}

    else:

        @endpoint("image", inputs=[textbox("image")], outputs=[out()])
        def image(_image: str) -> str:
            return data_url(TURNED, "image/png")

    visits = state(0)

    @endpoint("state", inputs=[visits], outputs=[number("out"), visits])
    def visit(seen: int) -> tuple[int, int]:
        return seen + 1, seen + 1

    @endpoint("multi", outputs=[out(), number("len"), out("upper")])
    def multi(text: str) -> tuple[str, int, str]:
        return text, len(text), text.upper()

    @endpoint("noout", outputs=[])
    def noout(text: str) -> None:
        yard.write(text, "ran")

    @endpoint("json", outputs=[json_value("out")])
    def same(value: Any) -> Any:
        return value

    @endpoint("unqueued", queue=False, outputs=[out()])
    def unqueued(text: str) -> str:
        return text

    if "progress" in app.profile.messages:

        @endpoint("progress", outputs=[out()])
        def progress(n: float) -> Steps[str]:
            for i in range(int(n)):
                yield Progress(index=i, length=int(n), desc="working")
                yield Sleep(0.15)
            return "done"

    if "log" in app.profile.messages:

        @endpoint("log", outputs=[out()])
        def log(text: str) -> Steps[str]:
            yield Log("info: " + text)
            yield Log("warning: " + text, "warning")
            return text

        @endpoint("undocumented", visibility="undocumented", outputs=[out()])
        def undocumented(text: str) -> str:
            return text

        @endpoint("private", visibility="private", outputs=[out()])
        def private(text: str) -> str:
            return text

    what_came_late(app, endpoint)
    return app


def what_came_late(app: FakeApp, endpoint: Callable[..., Callable[[Function], Function]]) -> None:
    """Add what only the later releases have."""
    if "used_cache" in app.profile.messages.get("process_completed", ()):

        @endpoint("cached", outputs=[textbox("out")])
        def cached(text: str) -> str:
            return "cached " + text

    if app.profile.validators:

        @endpoint("validated", outputs=[textbox("out")], validator=lambda text: validate(text != "bad", NOT_BAD))
        def validated(text: str) -> str:
            return text

    if "stream" in app.profile.routes:
        seen = state(0)

        @endpoint("stream", inputs=["json", seen], outputs=[textbox("out"), seen], streaming=True, time_limit=3)
        def piece(image: Any, count: int) -> tuple[str, int]:
            return f"piece {count + 1}", count + 1

    if "render_config" in app.profile.output_fields:

        @endpoint("apply", renders=True)
        def apply(value: str) -> dict[str, Callable[..., Any]]:
            def rendered(text: str) -> str:
                return text

            return {"/rendered": rendered}


def _updated() -> Component:
    return dataclasses.replace(textbox("out"), encode=lambda update, _: update)


def _files(label: str) -> Component:
    """Several files, as the one of the fixture app; what came is given back."""
    one = file_component(label)
    return dataclasses.replace(
        one,
        decode=lambda given, context: [one.decode(file, context) for file in given],
        encode=lambda given, context: [one.encode(file, context) for file in given],
    )


def _highlighted_text() -> Component:
    return Component(
        kind="highlightedtext",
        title="HighlightedText",
        label="out",
        schema={"type": "array"},
        encode=lambda pairs, _: [{"token": token, "class_or_confidence": kind} for token, kind in pairs],
    )
