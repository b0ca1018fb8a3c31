"""One demo app for every Gradio from 2.9.4 to 6.31: it prints ``READY <url>`` when it serves, and ends with its stdin.

    python app.py --port 7860 --directory DIR [--function NAME] [--auth user:password] [--max-size N] [--mount /sub]
                  [--no-queue] [--show-error]

What runs is written to ``journal.txt`` in the directory; what waits for a gate waits for a file of that name there.
A Gradio 2 serves one function in a process: ``--function`` says which.
"""

# Run by the Python of each version's environment, which has no part of this project.

import argparse
import inspect
import os
import socket
import sys
import tempfile
import threading
import time

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio as gr

try:
    VERSION = gr.__version__.strip()
except AttributeError:
    import importlib.metadata

    VERSION = importlib.metadata.version("gradio")
V = tuple(int(part) for part in VERSION.split(".")[:3])

AppError = getattr(gr, "Error", ValueError)

PATIENCE = 30
"""Seconds after which a function no longer waits for its gate: the test that should have opened it is gone."""


class Yard:
    """Where tests see what ran, and let it go on."""

    directory = "."
    lock = threading.Lock()

    def write(self, *words):
        with self.lock, open(os.path.join(self.directory, "journal.txt"), "a", encoding="utf-8") as file:
            file.write(" ".join(str(word) for word in words) + "\n")

    def wait(self, gate):
        path = os.path.join(self.directory, str(gate))
        until = time.monotonic() + PATIENCE
        while not os.path.exists(path) and time.monotonic() < until:
            time.sleep(0.02)


YARD = Yard()


# --- the functions ---------------------------------------------------------------------------------------------------


def echo(text):
    YARD.write("begin echo", ascii(text[:40]))
    return text


def add(a, b):
    return a + b


def slow(text):
    """Wait for the gate called ``text``."""
    YARD.write("begin slow", text)
    YARD.wait(text)
    YARD.write("end slow", text)
    return "slow " + text


def count(n):
    for i in range(int(n)):
        time.sleep(0.02)
        yield str(i)


def steps(text, n):
    """Give a first step, wait for the gate called ``text``, then give the others."""
    YARD.write("begin steps", text)
    for i in range(int(n)):
        YARD.write("step", text)
        yield text + " " + str(i)
        if i == 0:
            YARD.wait(text)
        time.sleep(0.05)
    YARD.write("end steps", text)


GROWN = [
    {"text": "x", "list": [1, 2, 3], "dict": {"k": 1}},
    {"text": "xy", "list": [1, 2, 3, 4], "dict": {"k": 1, "m": 2}},
    {"text": "z", "list": [1], "dict": {"m": 2}},
    {"text": None, "list": [[1, 2], [3, 4]], "dict": {"m": "word"}},
    {"text": None, "list": [[1], [3]], "dict": {"m": "words"}},
    ["now", "a", "list"],
    ["now", "a", "longer", "list"],
    [],
    {"end": True},
]

TOKENS = [
    [("a", "1")],
    [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")],
    [("a!", "1")],
    [("x", "9"), ("y", None)],
]


def grow(n):
    for value in GROWN[: int(n)]:
        time.sleep(0.02)
        yield value


def tokens(n):
    for value in TOKENS[: int(n)]:
        time.sleep(0.02)
        yield value


def story(n):
    """Give several outputs at once, again and again."""
    text = ""
    for i in range(int(n)):
        time.sleep(0.02)
        text += f"word{i} "
        yield text, i, list(range(i))


def fail(text):
    raise AppError("told: " + text)


def fail_value(text):
    raise ValueError("hidden: " + text)


def fail_later(n):
    for i in range(int(n)):
        time.sleep(0.02)
        yield str(i)
    raise AppError("told after " + str(int(n)))


def _path(file):
    return getattr(file, "name", file)


def _shout(file):
    path = _path(file)
    with open(path, encoding="utf-8") as reader:
        text = reader.read()
    target = os.path.join(tempfile.mkdtemp(dir=YARD.directory), "loud-" + os.path.basename(path))
    with open(target, "w", encoding="utf-8") as writer:
        writer.write(text.upper() + "!")
    return target


def shout(file):
    return _shout(file[0] if isinstance(file, list) else file)


def shout_all(files):
    return [_shout(file) for file in files]


def shout_together(files):
    """Give what was in all files as one."""
    together = os.path.join(tempfile.mkdtemp(dir=YARD.directory), "together.txt")
    with open(together, "w", encoding="utf-8") as writer:
        for path in shout_all(files):
            with open(path, encoding="utf-8") as reader:
                writer.write(reader.read())
    return together


def turn(image):
    return image.rotate(90, expand=True)


def visit(visits):
    visits = (visits or 0) + 1
    return visits, visits


def remember(text, memory):
    memory = (memory or "") + text
    return memory, memory


def work(n, progress=None):
    for _ in progress.tqdm(range(int(n)), desc="working"):
        time.sleep(0.15)
    return "done"


def say(text):
    gr.Info("info: " + text)
    gr.Warning("warning: " + text)
    time.sleep(0.1)
    return text


def several(text):
    return text, len(text), {"text": text}


def nothing(text):
    YARD.write("begin nothing", text)


def none(text):
    return None


def loud_each(texts):
    YARD.write("begin batch", len(texts))
    return [[text.upper() for text in texts]]


def change(text):
    """Give an update of the component, with a value."""
    return gr.update(value=text, label="changed")


def frame(image, seen):
    seen = (seen or 0) + 1
    return f"frame {seen}", seen


# --- Gradio 2 --------------------------------------------------------------------------------------------------------


def interface(name):
    """Return the Interface of one function."""

    def text(label="text"):
        return gr.inputs.Textbox(label=label)

    def number(label):
        return gr.inputs.Number(label=label)

    made = {
        "echo": lambda: gr.Interface(echo, text(), "text"),
        "unqueued": lambda: gr.Interface(echo, text(), "text"),
        "add": lambda: gr.Interface(add, [number("a"), number("b")], "number"),
        "slow": lambda: gr.Interface(slow, text(), "text"),
        "fail": lambda: gr.Interface(fail, text(), "text"),
        "fail_value": lambda: gr.Interface(fail_value, text(), "text"),
        "shout": lambda: gr.Interface(shout, gr.inputs.File(label="file"), "file"),
        "shout_all": lambda: gr.Interface(
            shout_together, gr.inputs.File(label="files", file_count="multiple"), gr.outputs.File()
        ),
        "turn": lambda: gr.Interface(turn, gr.inputs.Image(type="pil", label="image"), gr.outputs.Image(type="pil")),
        "visit": lambda: gr.Interface(visit, ["state"], ["number", "state"]),
        "remember": lambda: gr.Interface(remember, [text(), "state"], ["text", "state"]),
        "several": lambda: gr.Interface(several, text(), ["text", "number", "json"]),
        "nothing": lambda: gr.Interface(nothing, text(), []),
        "none": lambda: gr.Interface(none, text(), "text"),
        "count": lambda: gr.Interface(count, number("n"), "text"),
    }
    return made[name]()


def serve_interface(options):
    app = interface(options.function)
    settings = launch_settings(options)
    if options.function == "slow" and not options.auth:
        settings["enable_queue"] = True
        app.enable_queue = True
    for _ in range(5):
        try:
            app.launch(**settings)
            return
        except Exception as error:  # launch() gives up when its own server takes its time
            print(repr(error), file=sys.stderr, flush=True)
            time.sleep(1)
    sys.exit("could not launch")


# --- Gradio 3 and later ----------------------------------------------------------------------------------------------


def build(options):
    """Lay out the app, without what this Gradio does not have."""
    queued = not options.no_queue and not (options.auth and V < (3, 6))

    with gr.Blocks() as app:

        def on_click(function, inputs, outputs, **settings):
            if inspect.isgeneratorfunction(function) and not queued:
                return  # Gradio refuses to serve those without a queue
            button = gr.Button("go")
            if "concurrency_limit" not in settings:
                settings["concurrency_limit"] = None
            known = inspect.signature(button.click).parameters
            button.click(function, inputs, outputs, **{k: v for k, v in settings.items() if k in known})

        def text(label="text"):
            return gr.Textbox(label=label)

        def number(label):
            return gr.Number(label=label)

        def files(label):
            try:
                return gr.File(label=label, file_count="multiple")
            except TypeError:
                return gr.File(label=label)

        def state(value):
            return getattr(gr, "State", None or getattr(gr, "Variable", None))(value)

        on_click(echo, [text()], [text("out")], api_name="echo")
        on_click(add, [number("a"), number("b")], [number("sum")], api_name="add")
        on_click(slow, [text()], [text("out")], api_name="slow", concurrency_limit=1)
        on_click(count, [number("n")], [text("out")], api_name="count")
        on_click(steps, [text(), number("n")], [text("out")], api_name="steps")
        on_click(grow, [number("n")], [gr.JSON(label="out")], api_name="grow")
        on_click(tokens, [number("n")], [gr.HighlightedText(label="out")], api_name="tokens")
        on_click(story, [number("n")], [text("out"), number("i"), gr.JSON(label="list")], api_name="story")
        on_click(fail, [text()], [text("out")], api_name="fail")
        on_click(fail_value, [text()], [text("out")], api_name="fail_value")
        on_click(fail_later, [number("n")], [text("out")], api_name="fail_later")
        on_click(shout, [gr.File(label="file")], [gr.File(label="out")], api_name="shout")
        on_click(shout_all, [files("files")], [files("outs")], api_name="shout_all")
        on_click(turn, [gr.Image(label="image", type="pil")], [gr.Image(label="out", type="pil")], api_name="turn")
        visits = state(0)
        on_click(visit, [visits], [number("out"), visits], api_name="visit")
        memory = state("")
        on_click(remember, [text(), memory], [text("out"), memory], api_name="remember")
        if hasattr(gr, "Progress") and queued:

            def working(n, progress=gr.Progress()):  # noqa: B008 - how Gradio finds it
                return work(n, progress)

            on_click(working, [number("n")], [text("out")], api_name="work")
        if hasattr(gr, "Info"):
            on_click(say, [text()], [text("out")], api_name="say")
        on_click(several, [text()], [text("out"), number("len"), gr.JSON(label="json")], api_name="several")
        on_click(nothing, [text()], None, api_name="nothing")
        on_click(none, [text()], [text("out")], api_name="none")
        on_click(echo, [text()], [text("out")], api_name="unqueued", queue=False)
        on_click(fail_value, [text()], [text("out")], api_name="unqueued_fail", queue=False)
        if V >= (3, 7) and queued:
            on_click(loud_each, [text()], [text("out")], api_name="loud_each", batch=True, max_batch_size=4)
        on_click(change, [text()], [text("out")], api_name="change")
        on_click(echo, [text()], [text("out")], api_name=None)
        if V >= (6,):
            on_click(echo, [text()], [text("out")], api_name="private", api_visibility="private")
            on_click(echo, [text()], [text("out")], api_name="undocumented", api_visibility="undocumented")
        elif V >= (3, 36):
            on_click(echo, [text()], [text("out")], api_name=False)
            on_click(echo, [text()], [text("out")], api_name="undocumented", show_api=False)
        if V >= (5,):
            camera = gr.Image(sources=["webcam"], streaming=True, type="filepath", label="image")
            seen = gr.State(0)
            camera.stream(frame, [camera, seen], [text("out"), seen], time_limit=2, stream_every=0.5, api_name="frame")
        if hasattr(gr, "render"):
            source = text("source")

            @gr.render(inputs=[source], triggers=[source.submit])
            def rendered(value):
                box = gr.Textbox(label="rendered")
                gr.Button("rendered").click(echo, [box], [box], api_name="rendered")

    return app


def start_queue(app, options):
    if options.no_queue or not hasattr(app, "queue") or (options.auth and V < (3, 6)):
        return
    wanted = {"max_size": options.max_size}
    if V < (4,):
        wanted["concurrency_count"] = 1
    known = inspect.signature(app.queue).parameters
    app.queue(**{name: value for name, value in wanted.items() if name in known and value is not None})


def launch_settings(options):
    settings = {
        "server_name": "127.0.0.1",
        "server_port": options.port,
        "prevent_thread_lock": True,
        "share": False,
        "show_error": options.show_error,
    }
    if options.auth:
        settings["auth"] = tuple(options.auth.split(":", 1))
    return settings


def serve_blocks(app, options):
    start_queue(app, options)
    known = inspect.signature(app.launch).parameters
    settings = launch_settings(options)
    settings.update(quiet=True, ssr_mode=False)
    if not hasattr(app, "queue"):
        settings["enable_queue"] = not options.no_queue and not options.auth
    app.launch(**{name: value for name, value in settings.items() if name in known})


def serve_mounted(app, options):
    import uvicorn
    from fastapi import FastAPI

    start_queue(app, options)
    whole = gr.mount_gradio_app(FastAPI(), app, path=options.mount)
    server = threading.Thread(
        target=lambda: uvicorn.run(whole, host="127.0.0.1", port=options.port, log_level="warning"), daemon=True
    )
    server.start()
    while server.is_alive():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", options.port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("the server ended")


def features():
    """Return which of the things exist that came late."""
    names = [name for name in ("Error", "Progress", "Info", "mount_gradio_app", "render") if hasattr(gr, name)]
    if "max_size" in inspect.signature(getattr(getattr(gr, "Blocks", None), "queue", print)).parameters:
        names.append("max_size")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--function", default="echo")
    parser.add_argument("--auth")
    parser.add_argument("--max-size", type=int)
    parser.add_argument("--mount", default="")
    parser.add_argument("--no-queue", action="store_true")
    parser.add_argument("--show-error", action="store_true")
    options = parser.parse_args()
    YARD.directory = os.path.abspath(options.directory)
    os.environ["GRADIO_TEMP_DIR"] = os.path.join(YARD.directory, "files")
    # Gradio 2 keeps its queue in a file, where it was started.
    os.chdir(YARD.directory)
    if V < (3,):
        serve_interface(options)
    elif options.mount:
        serve_mounted(build(options), options)
    else:
        serve_blocks(build(options), options)
    print("FEATURES", *features())
    print("READY", f"http://127.0.0.1:{options.port}{options.mount}", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
