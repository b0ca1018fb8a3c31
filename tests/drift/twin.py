"""The fake of ``real_app.py``: the demo app with the same endpoints behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradproto_fake_server import (
    AppFailure,
    FakeApp,
    Sleep,
    checkbox,
    demo_app,
    dropdown,
    json_value,
    number,
    radio,
    slider,
    textbox,
)

__all__ = ["GUARDED", "twin"]

# Before 3.6 Gradio has no queue together with a login.
GUARDED: dict[str, Any] = {"auth": {"user": "secret"}, "max_file_size": 1000, "show_error": True}
UNLIMITED = ("2.9.4", "3.0.24")
"""Whose queue cannot be full."""


def twin(gradio_version: str, function: str = "echo", *, guarded: bool = False) -> FakeApp:
    """Make the app; a Gradio 2 serves one function."""
    options = dict(GUARDED) if guarded else {}
    if guarded and gradio_version not in UNLIMITED:
        options["max_queue_size"] = 1
    app = demo_app(gradio_version, interface=function, **options)
    profile = app.profile
    if profile.one_function:
        return app

    @app.endpoint(
        "/choose",
        concurrency_limit=None,
        inputs=[
            dropdown(["x", "y"], "pick"),
            radio(["a", "b"], "one"),
            slider(0, 10, "level"),
            checkbox("sure"),
            number("whole", precision=0),
            json_value("value"),
        ],
        outputs=[
            textbox("pick"),
            textbox("one"),
            slider(0, 10, "level"),
            checkbox("sure"),
            number("whole", precision=0),
            json_value("value"),
        ],
    )
    def choose(pick: str, one: str, level: float, sure: bool, whole: int, value: Any) -> tuple[Any, ...]:
        return pick, one, level, sure, whole, value

    @app.endpoint("/break", concurrency_limit=None, outputs=[textbox("break")])
    def break_(text: str) -> str:
        raise ValueError("hidden: " + text)

    if profile.generators:

        @app.endpoint("/fail_late", concurrency_limit=None)
        def fail_late(n: int) -> Iterator[str]:
            for i in range(int(n)):
                yield f"n={i}"
            raise AppFailure("boom-late")

        @app.endpoint("/break_late", concurrency_limit=None)
        def break_late(n: int) -> Iterator[str]:
            for i in range(int(n)):
                yield f"n={i}"
            raise ValueError("hidden-late")

        @app.endpoint("/tick", concurrency_limit=None)
        def tick(n: int) -> Iterator[str | Sleep]:
            for i in range(int(n)):
                yield f"n={i}"
                yield Sleep(0.05)

    if "show_api" in profile.info_keys or "api_visibility" in profile.info_keys or not profile.private_in_info:

        @app.endpoint("/quiet", concurrency_limit=None, outputs=[textbox("quiet")], visibility="undocumented")
        def quiet(text: str) -> str:
            return text

    return app
