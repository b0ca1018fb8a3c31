"""The app of all scenarios."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from gradproto_fake_server import FakeApp, FakeFile, StoredFile, number, state, textbox
from gradproto_fake_server import file as file_component

__all__ = ["LARGE", "PIECE", "content", "look_of", "make_app"]

PIECE = bytes(range(256)) * 255 + b"\r\n" * 128
"""64 KiB, none of which looks like its neighbour, so that bytes in another order are seen, and other ends of lines."""
LARGE = 512 * len(PIECE)
"""What no kernel holds between two processes of one machine."""


def content(count: int) -> Iterator[bytes]:
    """Give a file of so many pieces, each with its number, so that none can be taken for another."""
    for place in range(count):
        yield place.to_bytes(4, "big") + PIECE[4:]


def look_of(pieces: Iterable[bytes]) -> str:
    """Say in a few words what a file has in it."""
    size = check = 0
    for piece in pieces:
        size += len(piece)
        check = zlib.crc32(piece, check)
    return f"{size} bytes, {check:08x}"


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

        @app.endpoint("/look", inputs=[file_component("file")], outputs=[textbox("out")])
        def look(file: StoredFile) -> str:
            return look_of(file.pieces())

        @app.endpoint("/pieces", inputs=[number("count")], outputs=[file_component("out")])
        def pieces(count: float) -> FakeFile:
            return FakeFile("pieces.bin", content(int(count)))

    return app
