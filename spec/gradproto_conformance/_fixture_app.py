"""The app that the conformance suite knows: it runs on every Gradio from 2.9.4 on, and prints ``READY <url>``.

    python app.py --port 7860 [--host H] [--auth user:password] [--show-error] [--function NAME]
                  [--max-size N | --closable]

With ``--max-size`` it has nothing but what fills its queue, with ``--closable`` nothing but what closes it, which ends
the process. A Gradio 2 serves one function in a process: ``--function`` says which.
"""

# Run by the Python of whoever runs Gradio: it needs nothing but Gradio, and no part of this project.

import argparse
import inspect
import os
import sys
import tempfile
import threading
import time

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

try:
    VERSION = gr.__version__.strip()
except AttributeError:
    import importlib.metadata

    VERSION = importlib.metadata.version("gradio")
V = tuple(int("".join(c for c in part if c.isdigit())) for part in VERSION.partition("b")[0].split(".")[:3])

TITLE = "gradproto conformance"
AppError = getattr(gr, "Error", ValueError)

LARGEST_FILE = 2 << 20
"""Bytes of an upload; for those versions that have such a limit."""

PATIENCE = 8
"""Seconds after which a function no longer waits for its gate: whoever should have opened it is gone."""


class Yard:
    """Where the suite sees what ran, and lets it go on; each of its scenarios has names of its own."""

    def __init__(self):
        self.lines = {}
        self.gates = {}

    def write(self, name, line):
        if len(self.lines) > 10000:
            self.lines.clear()
        self.lines.setdefault(name, []).append(line)

    def gate(self, name):
        if len(self.gates) > 10000:
            self.gates.clear()
        return self.gates.setdefault(name, threading.Event())

    def wait(self, name):
        self.gate(name).wait(PATIENCE)


YARD = Yard()


# --- the functions ---------------------------------------------------------------------------------------------------


def echo(text):
    return text


def add(a, b):
    return a + b


def slow(text, seconds):
    time.sleep(seconds)
    return "slow " + text


def hold(name):
    """Wait for the gate of that name; one event at a time."""
    YARD.write(name, "begin")
    YARD.wait(name)
    YARD.write(name, "end")
    return "held " + name


def open_gate(name):
    YARD.gate(name).set()
    return name


def ran(name):
    """Give what ran under that name, line by line."""
    return "\n".join(YARD.lines.get(name, []))


def count(n):
    for i in range(int(n)):
        time.sleep(0.02)
        yield str(i)


def steps(name, n):
    """Give a first step, wait for the gate of that name, then give the others."""
    for i in range(int(n)):
        YARD.write(name, "step " + str(i))
        yield name + " " + str(i)
        if i == 0:
            YARD.wait(name)
        time.sleep(0.1)
    YARD.write(name, "end")


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
        text += "word" + str(i) + " "
        yield text, "same", i


def fail(text):
    raise AppError("told: " + text)


def fail_value(text):
    raise ValueError("hidden: " + text)


def gen_fail(n):
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
    target = os.path.join(tempfile.mkdtemp(), "loud-" + os.path.basename(path))
    with open(target, "w", encoding="utf-8") as writer:
        writer.write(text.upper() + "!")
    return target


def shout(file):
    """Give the file's text in capitals, with an exclamation mark."""
    return _shout(file[0] if isinstance(file, list) else file)


def shout_all(files):
    return [_shout(file) for file in files]


def turn(image):
    return image.rotate(90, expand=True)


def visit(visits):
    visits = (visits or 0) + 1
    return visits, visits


def work(n, progress):
    for _ in progress.tqdm(range(int(n)), desc="working"):
        time.sleep(0.15)
    return "done"


def say(text):
    gr.Info("info: " + text)
    gr.Warning("warning: " + text)
    time.sleep(0.1)
    return text


def multi(text):
    return text, len(text), text.upper()


def noout(text):
    YARD.write(text, "ran")


def same(value):
    return value


def capitals(texts):
    return [[text.upper() for text in texts]]


def update(text):
    """Give an update of the component, with a value."""
    return gr.update(value=text, label="changed")


def piece(image, seen):
    seen = (seen or 0) + 1
    return "piece " + str(seen), seen


# --- Gradio 2 --------------------------------------------------------------------------------------------------------


def interface(name):
    """Return the Interface of one function."""
    settings = {"title": TITLE + ": " + name}

    def text(label="text"):
        return gr.inputs.Textbox(label=label)

    def number(label):
        return gr.inputs.Number(label=label)

    made = {
        "echo": lambda: gr.Interface(echo, text(), "text", **settings),
        "add": lambda: gr.Interface(add, [number("a"), number("b")], "number", **settings),
        "slow": lambda: gr.Interface(slow, [text(), number("seconds")], "text", **settings),
        "fail": lambda: gr.Interface(fail, text(), "text", **settings),
        "fail_value": lambda: gr.Interface(fail_value, text(), "text", **settings),
        "file": lambda: gr.Interface(shout, gr.inputs.File(label="file"), "file", **settings),
        "image": lambda: gr.Interface(
            turn, gr.inputs.Image(type="pil", label="image"), gr.outputs.Image(type="pil"), **settings
        ),
        "state": lambda: gr.Interface(visit, ["state"], ["number", "state"], **settings),
        "multi": lambda: gr.Interface(multi, text(), ["text", "number", "text"], **settings),
        "noout": lambda: gr.Interface(noout, text(), [], **settings),
    }
    return made[name]()


def serve_interface(options):
    app = interface(options.function)
    settings = launch_settings(options)
    if not options.auth:  # it has a queue or a login
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


class Builder:
    """Lays out an app, without what this Gradio does not have."""

    def on_click(self, function, inputs, outputs, **settings):
        if inspect.isgeneratorfunction(function) and V < (3, 1, 5):
            return
        button = gr.Button("go")
        settings.setdefault("concurrency_limit", None)
        known = inspect.signature(button.click).parameters
        button.click(function, inputs, outputs, **{k: v for k, v in settings.items() if k in known})

    def text(self, label="text"):
        return gr.Textbox(label=label)

    def number(self, label):
        return gr.Number(label=label)

    def files(self, label):
        try:
            return gr.File(label=label, file_count="multiple")
        except TypeError:
            return gr.File(label=label)

    def state(self, value):
        return (getattr(gr, "State", None) or gr.Variable)(value)

    def gates(self):
        """Add what lets functions go on, and tells what ran: past the queue."""
        self.on_click(open_gate, [self.text()], [self.text("out")], api_name="open_gate", queue=False)
        self.on_click(ran, [self.text()], [self.text("out")], api_name="ran", queue=False)

    def everything(self):
        on_click, text, number = self.on_click, self.text, self.number
        on_click(echo, [text()], [text("out")], api_name="echo")
        on_click(add, [number("a"), number("b")], [number("sum")], api_name="add")
        on_click(slow, [text(), number("seconds")], [text("out")], api_name="slow")
        on_click(hold, [text()], [text("out")], api_name="hold", concurrency_limit=1)
        on_click(hold, [text()], [text("out")], api_name="line", concurrency_limit=1)
        self.gates()
        on_click(count, [number("n")], [text("out")], api_name="count")
        on_click(steps, [text(), number("n")], [text("out")], api_name="steps")
        on_click(grow, [number("n")], [gr.JSON(label="out")], api_name="grow")
        on_click(tokens, [number("n")], [gr.HighlightedText(label="out")], api_name="tokens")
        on_click(story, [number("n")], [text("out"), text("same"), number("i")], api_name="story")
        on_click(fail, [text()], [text("out")], api_name="fail")
        on_click(fail_value, [text()], [text("out")], api_name="fail_value")
        on_click(gen_fail, [number("n")], [text("out")], api_name="gen_fail")
        on_click(shout, [gr.File(label="file")], [gr.File(label="out")], api_name="file")
        on_click(shout_all, [self.files("files")], [self.files("outs")], api_name="files")
        on_click(turn, [gr.Image(label="image", type="pil")], [gr.Image(label="out", type="pil")], api_name="image")
        visits = self.state(0)
        on_click(visit, [visits], [number("out"), visits], api_name="state")
        on_click(multi, [text()], [text("out"), number("len"), text("upper")], api_name="multi")
        on_click(noout, [text()], None, api_name="noout")
        on_click(same, [gr.JSON(label="value")], [gr.JSON(label="out")], api_name="json")
        on_click(update, [text()], [text("out")], api_name="update")
        on_click(echo, [text()], [text("out")], api_name="unqueued", queue=False)
        self.what_came_late()

    def what_came_late(self):
        on_click, text, number = self.on_click, self.text, self.number
        if hasattr(gr, "Progress"):

            def working(n, progress=gr.Progress()):  # noqa: B008 - how Gradio finds it
                return work(n, progress)

            on_click(working, [number("n")], [text("out")], api_name="progress")
        if hasattr(gr, "Info"):
            on_click(say, [text()], [text("out")], api_name="log")
        if V >= (3, 7):
            on_click(capitals, [text()], [text("out")], api_name="batch", batch=True, max_batch_size=4)
        if V >= (6,):
            on_click(echo, [text()], [text("out")], api_name="private", api_visibility="private")
            on_click(echo, [text()], [text("out")], api_name="undocumented", api_visibility="undocumented")
        elif V >= (3, 36):
            on_click(echo, [text()], [text("out")], api_name=False)
            on_click(echo, [text()], [text("out")], api_name="undocumented", show_api=False)
        if V >= (5, 45):

            def validator(text):
                return gr.validate(text != "bad", "text must not be 'bad'")

            on_click(echo, [text()], [text("out")], api_name="validated", validator=validator)
        if hasattr(gr, "cache"):

            def cached(text):
                return "cached " + text

            on_click(gr.cache(cached), [text()], [text("out")], api_name="cached")
        if V >= (5,):
            camera = gr.Image(sources=["webcam"], streaming=True, type="filepath", label="image")
            seen = gr.State(0)
            camera.stream(piece, [camera, seen], [text("out"), seen], time_limit=3, stream_every=0.1, api_name="stream")
        if hasattr(gr, "render"):
            source = text("source")

            @gr.render(inputs=[source], triggers=[source.submit])
            def rendered(value):
                box = gr.Textbox(label="rendered " + str(value))
                gr.Button("rendered").click(echo, [box], [box], api_name="rendered")


def closing(app):
    """Return a function that closes the app, and ends the process when clients have heard of it."""

    def end():
        app.close()
        time.sleep(20)  # some tell it with the next sign of life only
        os._exit(0)

    def close_app(text):
        threading.Timer(0.2, end).start()
        return text

    return close_app


def build(options):
    settings = {"title": TITLE} if "title" in inspect.signature(gr.Blocks).parameters else {}
    with gr.Blocks(**settings) as app:
        builder = Builder()
        if options.max_size is not None:
            builder.on_click(hold, [gr.Textbox()], [gr.Textbox()], api_name="small_queue", concurrency_limit=1)
            builder.gates()
        elif options.closable:
            builder.on_click(hold, [gr.Textbox()], [gr.Textbox()], api_name="last_words", concurrency_limit=1)
            builder.on_click(closing(app), [gr.Textbox()], [gr.Textbox()], api_name="close_app", queue=False)
            builder.gates()
        else:
            builder.everything()
    return app


def launch_settings(options):
    settings = {
        "server_name": options.host,
        "server_port": options.port,
        "prevent_thread_lock": True,
        "share": False,
        "show_error": options.show_error,
    }
    if options.auth:
        settings["auth"] = tuple(options.auth.split(":", 1))
    return settings


def serve_blocks(app, options):
    if hasattr(app, "queue") and not (options.auth and V < (3, 6)):
        wanted = {"max_size": options.max_size}
        if V < (4,):
            wanted["concurrency_count"] = 1
        known = inspect.signature(app.queue).parameters
        app.queue(**{name: value for name, value in wanted.items() if name in known and value is not None})
    known = inspect.signature(app.launch).parameters
    settings = launch_settings(options)
    settings.update(quiet=True, ssr_mode=False, max_file_size=LARGEST_FILE)
    if not hasattr(app, "queue"):
        settings["enable_queue"] = not options.auth
    app.launch(**{name: value for name, value in settings.items() if name in known})


def main():
    parser = argparse.ArgumentParser(description="the fixture app of the conformance suite")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--auth")
    parser.add_argument("--max-size", type=int)
    parser.add_argument("--closable", action="store_true")
    parser.add_argument("--show-error", action="store_true")
    parser.add_argument("--function", default="echo")
    options = parser.parse_args()
    # Gradio 2 and 3.0 keep their queue in a file where they were started, and with it the jobs of before.
    os.chdir(tempfile.mkdtemp())
    if V < (3,):
        serve_interface(options)
    else:
        serve_blocks(build(options), options)
    print("READY", "http://" + options.host + ":" + str(options.port), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
