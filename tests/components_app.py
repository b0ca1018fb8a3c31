"""A real Gradio app with an endpoint for every component there is, which gives back what it gets.

Run it as ``python tests/components_app.py``: it prints ``READY <url>`` when it serves.
"""

from __future__ import annotations

import inspect
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr
from gradio.components import Component

__all__ = ["build"]


def kinds() -> Iterator[type[Component]]:
    """Find every component that has a value and needs nothing to be made."""
    waiting: list[type[Component]] = list(Component.__subclasses__())
    found: set[type[Component]] = set()
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind in found or not kind.__module__.startswith("gradio.components") or getattr(kind, "is_template", False):
            continue
        found.add(kind)
        if "value" in inspect.signature(kind).parameters and not inspect.isabstract(kind):
            yield kind


def same(value: Any) -> Any:
    return value


def count(n: float) -> Iterator[int]:
    yield from range(int(n))


def stumble(n: float) -> Iterator[int]:
    yield from range(int(n))
    raise gr.Error("that was all", duration=3, title="Enough")


def crash(text: str) -> str:
    raise ValueError(text)


def fail(text: str) -> str:
    raise gr.Error(text, title="No", duration=None, visible=False)


def tell(n: float, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008 - how Gradio finds it
    for step in range(int(n)):
        progress((step, int(n)), desc="telling", unit="words")
        gr.Info(f"word {step}")
        time.sleep(0.05)  # Gradio reports progress every 10 ms and forgets what came between
    return "told"


def two(first: str, second: float) -> tuple[float, str]:
    return second, first


def nothing() -> None:
    return None


def acting(text: str, token: gr.OAuthToken) -> str:
    return f"{text} as {token.token}"


def build() -> gr.Blocks:
    """Lay out the app."""
    with gr.Blocks(title="components") as app:
        for kind in sorted(kinds(), key=lambda kind: kind.__name__):
            name = kind.__name__
            component = kind(label=name) if takes_label(kind) else kind()
            gr.Button().click(same, component, component, api_name=name.lower())
        text, number = gr.Textbox(label="text"), gr.Number(label="n")
        for function in (count, stumble, tell):
            gr.Button().click(function, number, text, api_name=function.__name__)
        for failing in (crash, fail):
            gr.Button().click(failing, text, text, api_name=failing.__name__)
        gr.Button().click(two, [text, number], [number, text], api_name="two")
        gr.Button().click(nothing, None, None, api_name="nothing")
        gr.Button().click(acting, text, text, api_name="acting")
        gr.Button().click(same, text, text, api_name="at_once", queue=False)
        gr.Button().click(crash, text, text, api_name="crash_at_once", queue=False)
    return app


def takes_label(kind: type[Component]) -> bool:
    return "label" in inspect.signature(kind).parameters


def main() -> None:
    app = build()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _, url, _ = app.launch(
        server_name="127.0.0.1",
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        show_error=True,
        max_file_size="100kb",
    )
    print("READY", url.rstrip("/"), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
