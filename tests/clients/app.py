"""The fake of the matrix's app, as far as the official clients are asked to use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gradproto_fake_server import AppFailure, FakeApp, FakeFile, Sleep, StoredFile, number, state, textbox
from gradproto_fake_server import file as file_component

__all__ = ["LOGIN", "fake_app"]

LOGIN = {"reader": "secret-word"}


def fake_app(gradio_version: str, journal: list[str], **options: Any) -> FakeApp:
    """Make the app; which steps were begun and how they ended is written to ``journal``."""
    app = FakeApp(gradio_version, **options)

    def endpoint(name: str, **about: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return app.endpoint(name, concurrency_limit=None, **about)

    @endpoint("/echo", outputs=[textbox("out")])
    def echo(text: str) -> str:
        return text

    @endpoint("/add", outputs=[number("sum")])
    def add(a: float, b: float) -> float:
        return a + b

    @endpoint("/count", outputs=[textbox("out")])
    def count(n: float) -> Iterator[str]:
        for i in range(int(n)):
            yield str(i)

    @endpoint("/steps", outputs=[textbox("out")])
    def steps(text: str, n: float) -> Iterator[str | Sleep]:
        """Give a first step, wait for the gate called ``text``, then give the others."""
        journal.append(f"begin steps {text}")
        try:
            # gradio_client before 2.1 forgets what comes before it has looked at the answer to its join.
            yield Sleep(0.5)
            for i in range(int(n)):
                yield f"{text} {i}"
                yield Sleep(0.05)
            journal.append(f"end steps {text}")
        finally:
            journal.append(f"left steps {text}")

    @endpoint("/fail", outputs=[textbox("out")])
    def fail(text: str) -> str:
        raise AppFailure("told: " + text)

    @endpoint("/shout", outputs=[file_component("out")])
    def shout(file: StoredFile) -> FakeFile:
        text = b"".join(file.pieces()).decode()
        return FakeFile("loud-" + file.name, (text.upper() + "!").encode())

    visits = state(0)

    @endpoint("/visit", inputs=[visits], outputs=[number("out"), visits])
    def visit(seen: int) -> tuple[int, int]:
        return seen + 1, seen + 1

    return app
