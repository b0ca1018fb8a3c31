"""The demo app: one endpoint for each thing that a client must be able to do."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

from ._app import FakeApp
from ._components import chatbot, number, state, textbox
from ._files import StoredFile
from ._steps import AppFailure, FakeFile, Log, Progress, Sleep, Steps

__all__ = ["demo_app"]


def demo_app(gradio_version: str = "6.31.0", *, seed: int = 0, **options: Any) -> FakeApp:
    """Make the demo app; ``options`` are those of :class:`FakeApp`.

    ``/echo /add /slow /count /fail /upper /incr /chat /progress /now_upper``, and the private ``/secret``.
    Only ``/slow`` runs one event at a time.
    """
    options.setdefault("title", "gradproto demo")
    app = FakeApp(gradio_version, seed=seed, **options)

    @app.endpoint("/echo", concurrency_limit=None)
    def echo(text: str) -> str:
        return text

    @app.endpoint("/add", outputs=[number("sum")], concurrency_limit=None)
    def add(a: float, b: float) -> float:
        return a + b

    @app.endpoint("/slow", concurrency_limit=1)
    def slow(text: str, seconds: float) -> Steps[str]:
        yield Sleep(seconds)
        return text

    @app.endpoint("/count", concurrency_limit=None)
    def count(n: int) -> Iterator[str]:
        for i in range(int(n)):
            yield f"n={i}"

    @app.endpoint("/fail", concurrency_limit=None)
    def fail(text: str) -> str:
        raise AppFailure("boom-visible")

    @app.endpoint("/upper", concurrency_limit=None)
    def upper(file: StoredFile) -> FakeFile:
        return FakeFile(file.name, _uppercased(file))

    counter = state(0)

    @app.endpoint("/incr", inputs=[counter], outputs=[number("counter"), counter], concurrency_limit=None)
    def incr(counter: int) -> tuple[int, int]:
        return counter + 1, counter + 1

    @app.endpoint(
        "/chat", inputs=[textbox("message"), chatbot("history")], outputs=[chatbot("chat")], concurrency_limit=None
    )
    def chat(message: str, history: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        told = [*history, {"role": "user", "content": message}]
        answer = ""
        for word in ("You", "said:", *message.split()):
            answer = f"{answer} {word}" if answer else word
            yield [*told, {"role": "assistant", "content": answer}]

    @app.endpoint("/progress", concurrency_limit=None)
    def progress(n: int) -> Steps[str]:
        steps = int(n)
        for i in range(steps):
            yield Log(f"log {i}")
            yield Progress(index=i, length=steps, desc=f"step {i}")
            yield Sleep(0.05)
        return f"done {steps}"

    @app.endpoint("/secret", visibility="private", concurrency_limit=None)
    def secret(text: str) -> str:
        return f"secret {text}"

    @app.endpoint("/now_upper", queue=False, concurrency_limit=None)
    def now_upper(text: str) -> str:
        return text.upper()

    return app


def _uppercased(file: StoredFile) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in file.pieces():
        if piece.isascii() and decoder.getstate()[0] == b"":
            yield piece.upper()
        else:
            yield decoder.decode(piece).upper().encode()
    yield decoder.decode(b"", final=True).upper().encode()
