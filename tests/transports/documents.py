"""The apps of Gradio's documents on the fake server; ``tests/documents_app.py`` has them on a real Gradio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradproto_fake_server import (
    AppFailure,
    FakeApp,
    FakeFile,
    Hold,
    Steps,
    StoredFile,
    chatbot,
    number,
    radio,
    state,
    textbox,
)

__all__ = ["LOGIN", "calculator_app", "documents_app"]

LOGIN = ("reader", "of-documents")


def calculator(num1: float, operation: str, num2: float) -> float:
    """Do as the Space of that name does."""
    if operation == "add":
        return num1 + num2
    if operation == "subtract":
        return num1 - num2
    if operation == "multiply":
        return num1 * num2
    if num2 == 0:
        raise AppFailure("Cannot divide by zero!")
    return num1 / num2


def calculator_app() -> FakeApp:
    """Make the app with one endpoint."""
    app = FakeApp()
    _add_calculator(app, "/predict")
    return app


def _add_calculator(app: FakeApp, name: str) -> None:
    operations = radio(["add", "subtract", "multiply", "divide"], "operation")
    app.endpoint(
        name, inputs=[number("num1"), operations, number("num2")], outputs=[number("output")], concurrency_limit=None
    )(calculator)


def documents_app(**options: Any) -> FakeApp:
    """Make the app with one endpoint of each kind."""
    app = FakeApp(title="documents", **options)
    _add_calculator(app, "/calculator")
    many: dict[str, Any] = {"concurrency_limit": None}
    output = textbox("output")

    @app.endpoint("/greet", inputs=[textbox("name"), textbox("punctuation", "!")], outputs=[output], **many)
    def greet(name: str, punctuation: str) -> str:
        return f"Hello {name}{punctuation}"

    @app.endpoint("/translate", outputs=[output], **many)
    def translate(text: str) -> str:
        return {"Hello": "Bonjour"}.get(text, text)

    @app.endpoint("/count", outputs=[output], **many)
    def count(n: float) -> Iterator[str]:
        yield from map(str, range(int(n)))

    @app.endpoint("/reverse", **many)
    def reverse(file: StoredFile) -> FakeFile:
        return FakeFile(file.name, b"".join(file.pieces())[::-1])

    message, conversation = textbox("message"), chatbot("history")

    @app.endpoint("/chat", inputs=[message, conversation], outputs=[message, conversation], **many)
    def chat(message: str, history: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
        said = [{"role": "user", "content": message}, {"role": "assistant", "content": "I love you"}]
        return "", [*history, *said]

    known = state([])

    @app.endpoint("/words", inputs=[textbox("word"), known], outputs=[number("output"), known], **many)
    def words(word: str, known: list[str]) -> tuple[int, list[str]]:
        return known.count(word), [*known, word]

    opened: set[str] = set()

    @app.endpoint("/wait", outputs=[output], concurrency_limit=1)
    def wait(gate: str) -> Steps[str]:
        if gate not in opened:
            yield Hold()
        return f"waited at {gate}"

    @app.endpoint("/iterate", outputs=[output], **many)
    def iterate(gate: str) -> Iterator[Any]:
        yield "before"
        if gate not in opened:
            yield Hold()
        yield "after"
        yield "and after that"

    @app.endpoint("/open_gate", outputs=[output], **many)
    def open_gate(gate: str) -> str:
        opened.add(gate)
        for job in app.jobs.values():
            if job.endpoint.name in ("wait", "iterate") and job.data == [gate]:
                job.release()
        return gate

    return app
