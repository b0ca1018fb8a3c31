"""A real Gradio app with one endpoint for each component that gives a value: what of its types is true?

Run it as ``python tests/types_app.py``: it prints ``READY <url>`` when it serves.
"""

from __future__ import annotations

import os
import tempfile
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr

__all__ = ["build"]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def build(directory: Path) -> gr.Blocks:
    """Lay out the app; ``directory`` is for the files that it gives."""
    text, other, picture, sound, film = (
        str(directory / name) for name in ("a.txt", "b.txt", "p.png", "s.wav", "film.mp4")
    )
    for path in (text, other, film):
        Path(path).write_text("content")
    Path(picture).write_bytes(PNG)
    with wave.open(sound, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(b"\0\0" * 100)

    with gr.Blocks(title="types") as app:
        button = gr.Button()

        def gives(name: str, component: Any, function: Callable[[], Any]) -> None:
            button.click(function, None, component, api_name=name)
            # Not every component takes the absence of a value for one.
            button.click(lambda: None, None, component, api_name=f"none_of_{name}")

        gives("annotatedimage", gr.AnnotatedImage(), lambda: (picture, [((0, 0, 1, 1), "x")]))
        gives("audio", gr.Audio(), lambda: sound)
        gives(
            "chatbot",
            gr.Chatbot(),
            lambda: [{"role": "user", "content": "hi"}, {"role": "assistant", "content": gr.Image(picture)}],
        )
        gives("checkbox", gr.Checkbox(), lambda: True)
        gives("checkboxgroup", gr.CheckboxGroup(["a", 1]), lambda: ["a", 1])
        gives("code", gr.Code(), lambda: "x = 1")
        gives("colorpicker", gr.ColorPicker(), lambda: "#fff")
        gives("dataframe", gr.Dataframe(), lambda: [[1, 2], [3, 4]])
        gives("datetime", gr.DateTime(), lambda: "2020-01-01 00:00:00")
        gives("dialogue", gr.Dialogue(speakers=["a"]), lambda: [{"speaker": "a", "text": "x"}])
        gives("downloadbutton", gr.DownloadButton(), lambda: text)
        gives("dropdown", gr.Dropdown(["x", "y"]), lambda: "x")
        gives("dropdown_many", gr.Dropdown(["x", "y"], multiselect=True), lambda: ["x"])
        gives("dropdown_numbers", gr.Dropdown([("a", 1), ("b", 2.5)]), lambda: 1)
        gives("dropdown_free", gr.Dropdown([1, 2], allow_custom_value=True), lambda: "free")
        gives("file", gr.File(), lambda: text)
        gives("files", gr.File(file_count="multiple"), lambda: [text, other])
        gives("fileexplorer", gr.FileExplorer(root_dir=str(directory)), lambda: ["a.txt"])
        gives("gallery", gr.Gallery(), lambda: [picture, (picture, "caption")])
        gives("highlightedtext", gr.HighlightedText(), lambda: [("a", "x"), ("b", None)])
        gives("html", gr.HTML(), lambda: "<b>x</b>")
        gives("image", gr.Image(), lambda: picture)
        gives("imageeditor", gr.ImageEditor(), lambda: {"background": picture, "layers": [], "composite": picture})
        gives("imageslider", gr.ImageSlider(), lambda: (picture, picture))
        gives("json", gr.JSON(), lambda: {"a": [1]})
        gives("label", gr.Label(), lambda: {"a": 0.5, "b": 0.5})
        gives("label_text", gr.Label(), lambda: "cat")
        gives("markdown", gr.Markdown(), lambda: "**x**")
        gives("model3d", gr.Model3D(), lambda: text)
        gives("multimodaltextbox", gr.MultimodalTextbox(), lambda: {"text": "x", "files": [text]})
        gives("number", gr.Number(), lambda: 3)
        gives("number_whole", gr.Number(precision=0), lambda: 3.0)
        gives("radio", gr.Radio(["a", "b"]), lambda: "a")
        gives("slider", gr.Slider(0, 10), lambda: 3)
        gives("textbox", gr.Textbox(), lambda: "x")
        gives("textbox_number", gr.Textbox(), lambda: 5)
        gives("timer", gr.Timer(1, active=False), lambda: 2.0)
        gives("uploadbutton", gr.UploadButton(), lambda: text)
        gives("video", gr.Video(), lambda: film)
        gives("paramviewer", gr.ParamViewer(), lambda: {"a": {"type": "str", "description": "d", "default": "1"}})
        button.click(lambda: ("x", 1), None, [gr.Textbox(), gr.Number()], api_name="two")
    return app


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(temporary, "cache"))
        app = build(Path(temporary))
        _, url, _ = app.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, allowed_paths=[temporary])
        print("READY", url.rstrip("/"), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
