"""A real Gradio app with the endpoints of the fake server's ``demo_app()``; it prints ``READY <url>`` when it serves.

Run it as ``python tests/real_app.py [--port N] [--show-error] [--auth user:password] [--max-size N]
[--max-file-size BYTES] [--ssl-keyfile PATH --ssl-certfile PATH]``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr

__all__ = ["build"]


def echo(text: str) -> str:
    return text


def add(a: float, b: float) -> float:
    return a + b


def slow(text: str, seconds: float) -> str:
    time.sleep(seconds)
    return text


def count(n: int) -> Iterator[str]:
    for i in range(int(n)):
        yield f"n={i}"


def fail(text: str) -> str:
    raise gr.Error("boom-visible")


def upper(file: str) -> str:
    source = Path(file)
    target = Path(tempfile.mkdtemp()) / source.name
    with (
        source.open("r", encoding="utf-8", newline="") as reader,
        target.open("w", encoding="utf-8", newline="") as writer,
    ):
        while piece := reader.read(1 << 20):
            writer.write(piece.upper())
    return str(target)


def incr(counter: int) -> tuple[int, int]:
    return counter + 1, counter + 1


def chat(message: str, history: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    told = [*(history or []), {"role": "user", "content": message}]
    answer = ""
    for word in ("You", "said:", *message.split()):
        answer = f"{answer} {word}" if answer else word
        yield [*told, {"role": "assistant", "content": answer}]


def progress(n: int, tracker: gr.Progress = gr.Progress()) -> str:  # noqa: B008 - how Gradio finds it
    steps = int(n)
    for i in range(steps):
        tracker((i, steps), desc=f"step {i}", unit="steps")
        gr.Info(f"log {i}")
        time.sleep(0.05)  # Gradio reports progress every 10 ms and forgets what came between
    return f"done {steps}"


def secret(text: str) -> str:
    return f"secret {text}"


def now_upper(text: str) -> str:
    return text.upper()


def build() -> gr.Blocks:
    """Lay out the app; the order of the endpoints is the order of their ids, as in ``demo_app()``."""
    free: dict[str, Any] = {"concurrency_limit": None}
    with gr.Blocks(title="gradproto demo") as app:

        def click(function: Any, inputs: Any, outputs: Any, **options: Any) -> None:
            gr.Button().click(function, inputs, outputs, api_name=function.__name__, **options)

        click(echo, gr.Textbox(label="text"), gr.Textbox(label="echo"), **free)
        click(add, [gr.Number(label="a"), gr.Number(label="b")], gr.Number(label="sum"), **free)
        click(
            slow, [gr.Textbox(label="text"), gr.Number(label="seconds")], gr.Textbox(label="slow"), concurrency_limit=1
        )
        click(count, gr.Number(label="n"), gr.Textbox(label="count"), **free)
        click(fail, gr.Textbox(label="text"), gr.Textbox(label="fail"), **free)
        click(upper, gr.File(label="file"), gr.File(label="upper"), **free)
        counter = gr.State(0)
        click(incr, counter, [gr.Number(label="counter"), counter], **free)
        click(chat, [gr.Textbox(label="message"), gr.Chatbot(label="history")], gr.Chatbot(label="chat"), **free)
        click(progress, gr.Number(label="n"), gr.Textbox(label="progress"), **free)
        click(secret, gr.Textbox(label="text"), gr.Textbox(label="secret"), api_visibility="private", **free)
        click(now_upper, gr.Textbox(label="text"), gr.Textbox(label="now_upper"), queue=False, **free)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--show-error", action="store_true")
    parser.add_argument("--auth", default=None)
    parser.add_argument("--max-size", type=int, default=None)
    parser.add_argument("--max-file-size", type=int, default=None)
    parser.add_argument("--ssl-keyfile", default=None)
    parser.add_argument("--ssl-certfile", default=None)
    options = parser.parse_args()
    app = build().queue(max_size=options.max_size)
    _, url, _ = app.launch(
        server_name="127.0.0.1",
        server_port=options.port,
        prevent_thread_lock=True,
        quiet=True,
        show_error=options.show_error,
        auth=tuple(options.auth.split(":", 1)) if options.auth else None,
        max_file_size=options.max_file_size,
        ssl_keyfile=options.ssl_keyfile,
        ssl_certfile=options.ssl_certfile,
        ssl_verify=False,  # Gradio asks itself whether it is up, and trusts nobody's certificates but public ones
    )
    print("READY", url.rstrip("/"), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
