"""A real Gradio app with one endpoint for each shape that an API description can have.

Run it as ``python tests/api_app.py``: it prints ``READY <url>`` when it serves. With ``--save DIRECTORY`` it writes
instead what it serves and what Gradio's own client makes of it, for the tests that need no server (``tests/data/api``).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import threading
import urllib.request
from pathlib import Path
from typing import Any, Literal, Optional

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr

__all__ = ["build"]


def state(text, counter, number=None, other=None):  # type: ignore[no-untyped-def]
    """Counts its calls."""
    return (counter or 0) + 1, f"{text} {counter} {number}", gr.Group(), number


def choose(one, some, free, numbers, boxes, flag, amount, tint=None):  # type: ignore[no-untyped-def]
    return json.dumps([one, some, free, numbers, boxes, flag, amount, tint])


def files(single, several, picture, album, message):  # type: ignore[no-untyped-def]
    return single, several, picture, album, message


def anything(document, table, chat):  # type: ignore[no-untyped-def]
    return document, table, chat


def acting(text: str, token: gr.OAuthToken) -> str:
    return text


def perhaps_acting(text: str, token: Optional[gr.OAuthToken]) -> str:  # noqa: UP045 - how Gradio recognises it
    return text


def reserved(api_name, fn_index):  # type: ignore[no-untyped-def]
    return f"{api_name} {fn_index}"


def whole(number, box: gr.Textbox):  # type: ignore[no-untyped-def]
    return f"{number} {box.value} {box.label}"


def pressed(button, number):  # type: ignore[no-untyped-def]
    return f"{button} {number}"


def count(number):  # type: ignore[no-untyped-def]
    for step in range(int(number)):
        yield f"{step}"


def typed(
    words: list[str],
    table: dict[str, int],
    number: Optional[int] = None,  # noqa: UP045 - how Gradio recognises it
    kind: Literal["p", "q"] = "p",
) -> str:
    """Has its types in its annotations."""
    return json.dumps([words, table, number, kind])


def build(directory: Path) -> gr.Blocks:
    """Lay out the app; ``directory`` is for the files that are defaults."""
    text_file = directory / "my notes é.txt"
    text_file.write_text("notes")
    picture_file = directory / "dot.png"
    picture_file.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
            "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
        )
    )
    with gr.Blocks(title="shapes") as app:
        go = gr.Button("go")
        counter, other = gr.State(0), gr.State({})
        with gr.Group() as group:
            number = gr.Number(label="A number!", value=3)
        text, out = gr.Textbox(label="Text"), gr.Textbox(label="Out")
        go.click(state, [text, counter, number, other], [counter, out, group, number], api_name="state")
        go.click(lambda: gr.Group(visible=False), None, group, api_name="show_group")

        one = gr.Dropdown(["x", "y"], label="one", value="x")
        some = gr.Dropdown(["x", "y"], label="some", multiselect=True)
        free = gr.Dropdown(["x", "y"], label="free", value="x", allow_custom_value=True)
        numbers = gr.Radio([("One", 1), ("Two", 2)], label="numbers")
        boxes = gr.CheckboxGroup(["a", "b"], label="boxes")
        flag, amount = gr.Checkbox(label="flag"), gr.Slider(0, 10, label="amount", step=1)
        tint = gr.ColorPicker(label="tint")
        go.click(choose, [one, some, free, numbers, boxes, flag, amount, tint], out, api_name="choose")

        media = [
            gr.File(label="single", value=str(text_file)),
            gr.File(label="several", file_count="multiple"),
            gr.Image(label="picture", value=str(picture_file)),
            gr.Gallery(label="album"),
            gr.MultimodalTextbox(label="message"),
        ]
        go.click(files, media, media, api_name="files")
        shapes = [gr.JSON(label="document"), gr.Dataframe(label="table"), gr.Chatbot(label="chat")]
        go.click(anything, shapes, shapes, api_name="anything")

        go.click(acting, text, out, api_name="acting")
        go.click(perhaps_acting, text, out, api_name="perhaps_acting")
        go.click(reserved, [text, number], out, api_name="reserved")
        go.click(whole, [number, text], out, api_name="whole")
        go.click(pressed, [go, number], out, api_name="pressed", queue=False)
        counting = go.click(count, number, out, api_name="count")
        go.click(None, None, None, cancels=[counting])
        go.click(lambda text: text, text, out, api_name="hidden", api_visibility="private")
        go.click(lambda text: text, text, out, api_name="quiet", api_visibility="undocumented")
        go.click(None, text, out, js="(text) => text", api_name="in_the_page")
        gr.api(typed, api_name="typed")
    return app


def save(url: str, directory: Path, temporary: str) -> None:
    """Write what the app serves, without what is of this run only, and what Gradio's own client makes of it."""
    from gradio_client import Client

    def scrub(document: str) -> str:
        document = document.replace(url, "http://127.0.0.1:7860").replace(temporary, "/srv/gradio")
        document = re.sub(r"0x[0-9a-f]{6,}", "0x0", document)
        return re.sub(r"\b[0-9a-f]{64}\b", "0" * 64, document)

    for name, route in (("config", "/config"), ("info", "/gradio_api/info")):
        with urllib.request.urlopen(url + route) as response:
            document = json.loads(scrub(response.read().decode()))
        for left_out in ("body_css", "css", "layout", "page", "theme"):
            document.pop(left_out, None)
        for endpoint in document.get("named_endpoints", {}).values():
            endpoint.pop("code_snippets", None)
        (directory / f"{name}.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    client = Client(url, verbose=False)
    text: Any = client.view_api(print_info=False, return_format="str")
    (directory / "view_api.txt").write_text(scrub(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["GRADIO_TEMP_DIR"] = temporary
        app = build(Path(temporary))
        _, url, _ = app.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
        url = url.rstrip("/")
        if options.save is not None:
            save(url, options.save, temporary)
            return
        print("READY", url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
