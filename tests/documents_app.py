"""The apps of Gradio's documents on a real Gradio; it prints ``READY {"name": "<url>", ...}`` when all of them serve.

``calculator`` has one endpoint, ``app`` one of each kind, and so have ``mounted``, which lies below ``/sub`` of a
server that redirects ``/old`` there, ``rooted``, which takes itself to be below ``/sub`` of something in front of it,
and ``locked``, which wants a login. The fake server's version of them is in ``tests/transports/documents.py``.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import fastapi
import gradio as gr
import uvicorn
from gradio import processing_utils
from starlette.responses import RedirectResponse

__all__ = ["build", "build_calculator"]

# Files by their URLs: there is nothing but this machine to fetch them from.
processing_utils.PUBLIC_HOSTNAME_WHITELIST.append("127.0.0.1")

LOGIN = ("reader", "of-documents")

# What waits at a gate goes on when the gate of its name is opened, or with the test's own time limit.
gates: defaultdict[str, threading.Event] = defaultdict(threading.Event)


def calculator(num1: float, operation: str, num2: float) -> float:
    if operation == "add":
        return num1 + num2
    if operation == "subtract":
        return num1 - num2
    if operation == "multiply":
        return num1 * num2
    if num2 == 0:
        raise gr.Error("Cannot divide by zero!")
    return num1 / num2


def greet(name: str, punctuation: str) -> str:
    return f"Hello {name}{punctuation}"


def translate(text: str) -> str:
    return {"Hello": "Bonjour"}.get(text, text)


def count(n: float) -> Iterator[int]:
    yield from range(int(n))


def reverse(file: str) -> str:
    source = Path(file)
    target = Path(tempfile.mkdtemp()) / source.name
    target.write_bytes(source.read_bytes()[::-1])
    return str(target)


def chat(message: str, history: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    said = [{"role": "user", "content": message}, {"role": "assistant", "content": "I love you"}]
    return "", [*history, *said]


def words(word: str, known: list[str]) -> tuple[int, list[str]]:
    return known.count(word), [*known, word]


def wait(gate: str) -> str:
    gates[gate].wait(60)
    return f"waited at {gate}"


def iterate(gate: str) -> Iterator[str]:
    yield "before"
    gates[gate].wait(60)
    yield "after"
    yield "and after that"


def open_gate(gate: str) -> str:
    gates[gate].set()
    return gate


def build_calculator() -> gr.Interface:
    """Make the app with one endpoint."""
    operations = gr.Radio(["add", "subtract", "multiply", "divide"])
    return gr.Interface(calculator, ["number", operations, "number"], "number", api_name="predict")


def build() -> gr.Blocks:
    """Make the app with one endpoint of each kind."""
    with gr.Blocks(title="documents") as app:

        def click(function: Any, inputs: Any, outputs: Any, **options: Any) -> None:
            gr.Button().click(function, inputs, outputs, api_name=function.__name__, **options)

        many: dict[str, Any] = {"concurrency_limit": None}
        operations = gr.Radio(["add", "subtract", "multiply", "divide"], label="operation")
        numbers = [gr.Number(label="num1"), operations, gr.Number(label="num2")]
        click(calculator, numbers, gr.Number(label="output"), **many)
        named = [gr.Textbox(label="name"), gr.Textbox("!", label="punctuation")]
        click(greet, named, gr.Textbox(label="greeting"), **many)
        click(translate, gr.Textbox(label="text"), gr.Textbox(label="output"), **many)
        click(count, gr.Number(label="n"), gr.Textbox(label="output"), **many)
        click(reverse, gr.File(label="file"), gr.File(label="output"), **many)
        message, conversation = gr.Textbox(label="message"), gr.Chatbot(label="history")
        click(chat, [message, conversation], [message, conversation], **many)
        known = gr.State([])
        click(words, [gr.Textbox(label="word"), known], [gr.Number(label="output"), known], **many)
        click(wait, gr.Textbox(label="gate"), gr.Textbox(label="output"), concurrency_limit=1)
        click(iterate, gr.Textbox(label="gate"), gr.Textbox(label="output"), **many)
        click(open_gate, gr.Textbox(label="gate"), gr.Textbox(label="output"), **many)
    return app


def launch(app: gr.Blocks, **options: Any) -> str:
    """Serve an app and return its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _, url, _ = app.launch(server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **options)
    return url.rstrip("/")


def mount() -> str:
    """Serve an app below the address of another, which redirects to it, and return its address."""
    site = fastapi.FastAPI()

    @site.get("/old/{rest:path}")
    def old(rest: str) -> RedirectResponse:
        return RedirectResponse(f"/sub/{rest}")

    site = gr.mount_gradio_app(site, build(), path="/sub")
    # Who connects before the server is ready waits in the socket's queue.
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(site, log_level="warning"))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/sub"


def main() -> None:
    urls = {
        "calculator": launch(build_calculator()),
        "app": launch(build()),
        "mounted": mount(),
        "rooted": launch(build(), root_path="/sub"),
        "locked": launch(build(), auth=LOGIN),
    }
    print("READY", json.dumps(urls), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
