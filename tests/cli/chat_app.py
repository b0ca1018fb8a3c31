"""Two real ``gr.ChatInterface`` apps under one server; it prints ``READY <url>``, and they are at /words and /files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr
import uvicorn
from fastapi import FastAPI


def words(message: str, history: list[Any], manner: str) -> Iterator[Any]:
    answer = f"{manner} {len(history)}"
    for word in message.split():
        answer = f"{answer} {word}"
        yield answer
    yield [gr.ChatMessage(content="so", metadata={"title": "Thinking"}), gr.ChatMessage(content=answer)]


def files(message: dict[str, Any], history: list[Any]) -> str:
    return f"{message['text']} {[os.path.basename(path) for path in message['files']]}"


def main() -> None:
    app = FastAPI()
    manner = gr.Textbox("calm", label="manner")
    for path, interface in {
        "/words": gr.ChatInterface(words, additional_inputs=[manner]),
        "/files": gr.ChatInterface(files, multimodal=True, api_name="chat"),
    }.items():
        app = gr.mount_gradio_app(app, interface, path=path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"READY http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


if __name__ == "__main__":
    main()
