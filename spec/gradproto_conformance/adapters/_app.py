"""The app of all scenarios."""

from __future__ import annotations

from collections.abc import Iterator

from gradproto_fake_server import FakeApp, FakeFile, StoredFile, number, state, textbox
from gradproto_fake_server import file as file_component

__all__ = ["LARGE", "PIECE", "make_app"]

PIECE = bytes(range(256)) * 256
"""64 KiB, none of which looks like its neighbour, so that bytes in another order are seen."""
LARGE = 512 * len(PIECE)
"""What no kernel holds between two processes of one machine."""


def make_app(version: str) -> FakeApp:
    """Make the app, as a Gradio of that version has it."""
    app = FakeApp(version, default_concurrency_limit=None)

    @app.endpoint("/echo", outputs=[textbox("out")])
    def echo(text: str) -> str:
        return text

    if app.profile.generators:

        @app.endpoint("/count", inputs=[number("to")], outputs=[number("out")])
        def count(to: float) -> Iterator[float]:
            for reached in range(int(to)):
                yield float(reached)

    visits = state(0)

    @app.endpoint("/visit", inputs=[textbox("name"), visits], outputs=[textbox("out"), visits])
    def visit(name: str, seen: int) -> tuple[str, int]:
        return f"{name} {seen + 1}", seen + 1

    if app.profile.protocol is not None:

        @app.endpoint("/length", inputs=[file_component("file")], outputs=[textbox("out")])
        def length(file: StoredFile) -> str:
            found = sum(len(piece) for piece in file.pieces())
            return str(found)

        @app.endpoint("/pieces", inputs=[number("count")], outputs=[file_component("out")])
        def pieces(count: float) -> FakeFile:
            return FakeFile("pieces.bin", (PIECE for _ in range(int(count))))

    return app
