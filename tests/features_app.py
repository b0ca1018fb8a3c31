"""A real Gradio app with a batch, a validator, a streaming input and rendered endpoints; it prints ``READY <url>``."""

from __future__ import annotations

import os
import threading

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr

gate = threading.Event()


def batch(texts: list[str], numbers: list[float]) -> list[list[object]]:
    gate.wait()
    return [[f"{text}-{len(texts)}" for text in texts], [2 * number for number in numbers]]


def open_gate() -> str:
    gate.set()
    return "open"


def validator(text: str, number: float) -> list[dict[str, object]]:
    return [gr.validate(text != "bad", "no bad"), gr.validate(number > 0, "positive")]


def validated(text: str, number: float) -> str:
    return text


def cam(frame: object, count: int) -> tuple[str, int]:
    return f"frame {count}", count + 1


def build() -> gr.Blocks:
    """Lay out the app; the order of the endpoints is the order of their ids."""
    with gr.Blocks() as app:
        text, number = gr.Textbox(label="text"), gr.Number(label="number")
        shown, total = gr.Textbox(label="shown"), gr.Number(label="total")
        button = gr.Button()
        button.click(batch, [text, number], [shown, total], api_name="batch", batch=True, max_batch_size=3)
        button.click(open_gate, None, shown, api_name="open_gate", queue=False)
        button.click(validated, [text, number], shown, api_name="validated", validator=validator)
        count = gr.State(0)
        image = gr.Image(sources=["webcam"], streaming=True)
        image.stream(cam, [image, count], [shown, count], api_name="cam", time_limit=60, stream_every=0.2)

        @gr.render(inputs=number)
        def apply(n: float) -> None:
            for i in range(int(n)):
                box = gr.Textbox(label=f"box {i}")
                box.submit(lambda text, i=i: f"{i}:{text}", box, box, api_name=f"dyn{i}")

    return app


if __name__ == "__main__":
    _, url, _ = build().launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    print("READY", url.rstrip("/"), flush=True)
    threading.Event().wait()
