"""The demo app of the fake server, and some components besides, made with whichever Gradio is installed.

    python real_app.py --port N --directory D [--function NAME] [--guarded]

Guarded, it has a login, a short queue, small files and error texts; a Gradio 2 serves one function.
"""

# Run by the Python of each Gradio's environment: no part of this project, and nothing that a Gradio does not have.

import argparse
import inspect
import os
import sys
import tempfile
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


def echo(text):
    return text


def add(a, b):
    return a + b


def slow(text, seconds):
    time.sleep(seconds)
    return text


def count(n):
    for i in range(int(n)):
        yield f"n={i}"


def fail(text):
    raise AppError("boom-visible")


def break_(text):
    raise ValueError("hidden: " + text)


def upper(file):
    path = getattr(file, "name", file)
    # The fake's files keep the name that the client gave; so does whoever asks Gradio for it.
    name = getattr(file, "orig_name", None) or os.path.basename(path)
    target = os.path.join(tempfile.mkdtemp(), name)
    with open(path, encoding="utf-8", newline="") as reader, open(target, "w", encoding="utf-8", newline="") as writer:
        writer.write(reader.read().upper())
    return target


def incr(counter):
    counter = (counter or 0) + 1
    return counter, counter


def chat(message, history):
    told = [*(history or []), {"role": "user", "content": message}]
    answer = ""
    for word in ("You", "said:", *message.split()):
        answer = f"{answer} {word}" if answer else word
        yield [*told, {"role": "assistant", "content": answer}]


def progress(n, tracker):
    steps = int(n)
    for i in range(steps):
        if hasattr(gr, "Info"):
            gr.Info(f"log {i}")
        if tracker is not None:
            tracker((i, steps), desc=f"step {i}", unit="steps")
        time.sleep(0.4)  # Gradio 3 looks at the progress every 0.1 s and forgets what came between
    return f"done {steps}"


def secret(text):
    return f"secret {text}"


def now_upper(text):
    return text.upper()


def choose(pick, one, level, sure, whole, value):
    return pick, one, level, sure, whole, value


def tick(n):
    for i in range(int(n)):
        yield f"n={i}"
        time.sleep(0.05)


def fail_late(n):
    for i in range(int(n)):
        yield f"n={i}"
    raise AppError("boom-late")


def break_late(n):
    for i in range(int(n)):
        yield f"n={i}"
    raise ValueError("hidden-late")


# --- Gradio 2 --------------------------------------------------------------------------------------------------------


def interface(name):
    """Return the Interface of one function."""

    def text(label="text"):
        return gr.inputs.Textbox(label=label)

    def number(label):
        return gr.inputs.Number(label=label)

    def shown(kind):
        return getattr(gr.outputs, kind)(label=name)

    settings = {"title": "gradproto demo"}
    made = {
        "echo": lambda: gr.Interface(echo, text(), shown("Textbox"), **settings),
        "add": lambda: gr.Interface(
            add, [number("a"), number("b")], gr.outputs.Textbox(type="number", label="sum"), **settings
        ),
        "slow": lambda: gr.Interface(slow, [text(), number("seconds")], shown("Textbox"), **settings),
        "fail": lambda: gr.Interface(fail, text(), shown("Textbox"), **settings),
        "upper": lambda: gr.Interface(upper, gr.inputs.File(label="file"), shown("File"), **settings),
    }
    return made[name]()


def serve_interface(options):
    app = interface(options.function)
    settings = {"server_name": "127.0.0.1", "server_port": options.port, "prevent_thread_lock": True}
    settings["show_error"] = options.guarded
    if options.guarded:
        settings["auth"] = ("user", "secret")
    else:
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


def build(queued):
    """Lay out the app; the order of the endpoints is the order of their indexes, as in the fake."""
    with gr.Blocks(title="gradproto demo") as app:

        def on_click(function, inputs, outputs, **settings):
            if inspect.isgeneratorfunction(function) and (not queued or V < (3, 1, 5)):
                return
            button = gr.Button("Run")
            settings.setdefault("api_name", function.__name__)
            settings.setdefault("concurrency_limit", None)
            known = inspect.signature(button.click).parameters
            button.click(function, inputs, outputs, **{k: v for k, v in settings.items() if k in known})

        def text(label="text"):
            return gr.Textbox(label=label)

        def number(label, **more):
            return gr.Number(label=label, **more)

        on_click(echo, [text()], [text("echo")])
        on_click(add, [number("a"), number("b")], [number("sum")])
        on_click(slow, [text(), number("seconds")], [text("slow")], concurrency_limit=1)
        on_click(count, [number("n")], [text("count")])
        on_click(fail, [text()], [text("fail")])
        on_click(upper, [gr.File(label="file")], [gr.File(label="upper")])
        counter = getattr(gr, "State", None or getattr(gr, "Variable", None))(0)
        on_click(incr, [counter], [number("counter"), counter])
        talk = gr.Chatbot if V >= (6,) else chat_messages if V >= (5,) else gr.JSON
        on_click(chat, [text("message"), talk(label="history")], [talk(label="chat")])
        if hasattr(gr, "Progress") and queued:

            def watched(n, tracker=gr.Progress()):  # noqa: B008 - how Gradio finds it
                return progress(n, tracker)

        else:

            def watched(n):
                return progress(n, None)

        on_click(watched, [number("n")], [text("progress")], api_name="progress")
        hidden = {"api_visibility": "private"} if V >= (6,) else {"api_name": False if V >= (3, 6) else None}
        on_click(secret, [text()], [text("secret")], **{"api_name": "secret", **hidden})
        on_click(now_upper, [text()], [text("now_upper")], queue=False)
        on_click(
            choose,
            [
                gr.Dropdown(["x", "y"], label="pick"),
                gr.Radio(["a", "b"], label="one"),
                gr.Slider(0, 10, label="level"),
                gr.Checkbox(label="sure"),
                number("whole", precision=0),
                gr.JSON(label="value"),
            ],
            [
                text("pick"),
                text("one"),
                gr.Slider(0, 10, label="level"),
                gr.Checkbox(label="sure"),
                number("whole", precision=0),
                gr.JSON(label="value"),
            ],
        )
        on_click(break_, [text()], [text("break")], api_name="break")
        on_click(fail_late, [number("n")], [text("fail_late")])
        on_click(break_late, [number("n")], [text("break_late")])
        on_click(tick, [number("n")], [text("tick")])
        if V >= (3, 36):
            hides = {"api_visibility": "undocumented"} if V >= (6,) else {"show_api": False}
            on_click(echo, [text()], [text("quiet")], api_name="quiet", **hides)
    return app


def chat_messages(**settings):
    return gr.Chatbot(type="messages", **settings)


def serve(options, *, port, guarded):
    """Serve the app; guarded with a login, a short queue, small files and error texts."""
    # Gradio before 3.6 has no queue together with a login.
    queued = not (guarded and V < (3, 6))
    app = build(queued)
    settings = {
        "server_name": "127.0.0.1",
        "server_port": port,
        "prevent_thread_lock": True,
        "share": False,
        "show_error": guarded,
        "quiet": True,
        "ssr_mode": False,
    }
    if guarded:
        settings.update(auth=("user", "secret"), max_file_size=1000)
    if hasattr(app, "queue") and queued:
        wanted = {"max_size": 1 if guarded else None, "concurrency_count": 4 if V < (4,) else None}
        known = inspect.signature(app.queue).parameters
        app.queue(**{name: value for name, value in wanted.items() if name in known and value is not None})
    elif not hasattr(app, "queue"):
        settings["enable_queue"] = queued
    known = inspect.signature(app.launch).parameters
    app.launch(**{name: value for name, value in settings.items() if name in known})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--function", default="echo")
    parser.add_argument("--guarded", action="store_true")
    options = parser.parse_args()
    directory = os.path.abspath(options.directory)
    os.environ["GRADIO_TEMP_DIR"] = os.path.join(directory, "files")
    # Gradio 2 keeps its queue in a file, where it was started.
    os.chdir(directory)
    if V < (3,):
        serve_interface(options)
    else:
        serve(options, port=options.port, guarded=options.guarded)
    print("FEATURES")
    print("READY", f"http://127.0.0.1:{options.port}", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
