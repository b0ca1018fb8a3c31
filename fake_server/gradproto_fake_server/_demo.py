"""The demo app: one endpoint for each thing that a client must be able to do."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ._app import FakeApp
from ._components import chatbot, json_value, number, state, textbox
from ._files import StoredFile
from ._steps import AppFailure, FakeFile, Log, Progress, Sleep, Steps

__all__ = ["demo_app"]

F = TypeVar("F", bound=Callable[..., Any])


def demo_app(gradio_version: str = "6.31.0", *, seed: int = 0, interface: str = "/echo", **options: Any) -> FakeApp:
    """Make the demo app; ``options`` are those of :class:`FakeApp`.

    ``/echo /add /slow /count /fail /upper /incr /chat /progress /now_upper``, and the private ``/secret``.
    Only ``/slow`` runs one event at a time.

    What a Gradio does not have is not there: ``/count`` and ``/chat`` need generators (3.1.5). A Gradio 2 app has one
    function, which is the one named ``interface``. Before 5.0 the conversation of ``/chat`` is JSON.
    """
    options.setdefault("title", "gradproto demo")
    app = FakeApp(gradio_version, seed=seed, **options)
    profile = app.profile

    def endpoint(name: str, **about: Any) -> Callable[[F], F]:
        """Add the function if the app can have it."""
        if profile.one_function and name != f"/{interface.removeprefix('/')}":
            return lambda function: function
        return app.endpoint(name, concurrency_limit=about.pop("concurrency_limit", None), **about)

    def generator(name: str, **about: Any) -> Callable[[F], F]:
        return endpoint(name, **about) if profile.generators else lambda function: function

    @endpoint("/echo")
    def echo(text: str) -> str:
        return text

    @endpoint("/add", outputs=[number("sum")])
    def add(a: float, b: float) -> float:
        return a + b

    @endpoint("/slow", concurrency_limit=1)
    def slow(text: str, seconds: float) -> Steps[str]:
        yield Sleep(seconds)
        return text

    @generator("/count")
    def count(n: int) -> Iterator[str]:
        for i in range(int(n)):
            yield f"n={i}"

    @endpoint("/fail")
    def fail(text: str) -> str:
        raise AppFailure("boom-visible")

    @endpoint("/upper")
    def upper(file: StoredFile) -> FakeFile:
        return FakeFile(file.name, _uppercased(file))

    counter = state(0)

    @endpoint("/incr", inputs=[counter], outputs=[number("counter"), counter])
    def incr(counter: int) -> tuple[int, int]:
        return counter + 1, counter + 1

    conversation = chatbot if profile.chat_messages else json_value

    @generator("/chat", inputs=[textbox("message"), conversation("history")], outputs=[conversation("chat")])
    def chat(message: str, history: list[dict[str, Any]] | None) -> Iterator[list[dict[str, Any]]]:
        told = [*(history or []), {"role": "user", "content": message}]
        answer = ""
        for word in ("You", "said:", *message.split()):
            answer = f"{answer} {word}" if answer else word
            yield [*told, {"role": "assistant", "content": answer}]

    @endpoint("/progress")
    def progress(n: int) -> Steps[str]:
        steps = int(n)
        for i in range(steps):
            yield Log(f"log {i}")
            yield Progress(index=i, length=steps, desc=f"step {i}")
            yield Sleep(0.05)
        return f"done {steps}"

    @endpoint("/secret", visibility="private")
    def secret(text: str) -> str:
        return f"secret {text}"

    @endpoint("/now_upper", queue=False)
    def now_upper(text: str) -> str:
        return text.upper()

    if not app.endpoints:
        raise ValueError(f"the demo app has no endpoint {interface!r} that Gradio {gradio_version} could serve")
    return app


def _uppercased(file: StoredFile) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in file.pieces():
        if piece.isascii() and decoder.getstate()[0] == b"":
            yield piece.upper()
        else:
            yield decoder.decode(piece).upper().encode()
    yield decoder.decode(b"", final=True).upper().encode()
