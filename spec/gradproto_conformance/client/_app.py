"""The app that all scenarios play, in the version of Gradio that they are for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gradproto_fake_server import AppFailure, FakeApp, FakeFile, Hold, StoredFile, json_value, number, state, textbox
from gradproto_fake_server import file as file_component

__all__ = ["GROWN", "LOGIN", "TITLE", "TOKEN", "OtherOrder", "make_app"]

TITLE = "gradproto client scenarios"
LOGIN = ("reader", "secret-word")
TOKEN = "hf_gradprotoConformanceClient"
"""A token that opens nothing."""

GROWN: tuple[Any, ...] = (
    {"text": "a", "items": [1]},
    {"text": "a✓", "items": [1, 2], "new": None},
    {"text": "a✓", "items": [1, 2]},
    {"text": "a✓ and more", "items": [[1, {"x": "y"}], 2]},
    {"text": "b", "items": []},
)
"""What the generator yields: text that grows and is another, keys and items that come and go."""


class OtherOrder(FakeApp):
    """An app in whose config no function stands at the place that is its id."""

    def config_document(self, root: str, user: str | None) -> bytes:
        """The body of ``/config``."""
        document = json.loads(super().config_document(root, user))
        functions = document["dependencies"]
        return json.dumps({**document, "dependencies": [*functions[1:], functions[0]]}).encode()


def make_app(version: str, kind: type[FakeApp] = FakeApp, **options: Any) -> FakeApp:
    """Make the app. Raises ``ValueError`` for a version that cannot be played."""
    app = kind(version, title=TITLE, default_concurrency_limit=None, **options)

    @app.endpoint("/echo", outputs=[textbox("out")])
    def echo(text: str) -> str:
        return text

    @app.endpoint("/same", inputs=[json_value("value")], outputs=[json_value("out")])
    def same(value: Any) -> Any:
        return value

    @app.endpoint("/three", outputs=[textbox("text"), number("length"), textbox("upper")])
    def three(text: str) -> tuple[str, int, str]:
        return text, len(text), text.upper()

    @app.endpoint("/fail", outputs=[textbox("out")])
    def fail(text: str) -> str:
        raise AppFailure("told: " + text)

    @app.endpoint("/hidden", outputs=[textbox("out")])
    def hidden(text: str) -> str:
        raise ValueError("nobody is to see " + text)

    if app.profile.generators:

        @app.endpoint("/grow", outputs=[json_value("out")])
        def grow() -> Iterator[Any]:
            yield from GROWN

        @app.endpoint("/forever", outputs=[textbox("out")])
        def forever(text: str) -> Iterator[str | Hold]:
            yield text
            yield Hold()

    if app.profile.protocol is not None:

        @app.endpoint("/shout", outputs=[file_component("out")])
        def shout(file: StoredFile) -> FakeFile:
            return FakeFile("loud.txt", b"".join(file.pieces()).upper())

    visits = state(0)

    @app.endpoint("/visit", inputs=[textbox("name"), visits], outputs=[textbox("out"), visits])
    def visit(name: str, seen: int) -> tuple[str, int]:
        return f"{name} {seen + 1}", seen + 1

    return app
