"""What the official Python client does with an app, whichever version of either it is.

    python driver.py URL URL_WITH_LOGIN DIRECTORY SCENARIO...

For each scenario it prints a line of JSON when it begins, and one with what came of it: a value, or the text of an
error.
"""

# Run by the Python of each client's environment, which has no part of this project.

import inspect
import json
import os
import sys
import threading
import time

import gradio_client
from gradio_client import Client

LIMIT = 25.0
"""Seconds for one scenario; whatever takes longer hangs."""

URL, URL_WITH_LOGIN, DIRECTORY = sys.argv[1:4]

REPORT = os.fdopen(os.dup(1), "w", encoding="utf-8")
# What the client prints on its own is no report.
os.dup2(2, 1)


def connect(url=URL, **more):
    """Connect, with downloads in a directory that is removed afterwards, where the client takes one."""
    known = inspect.signature(Client.__init__).parameters
    wanted = {"verbose": False, "download_files": DIRECTORY, "output_dir": DIRECTORY}
    return Client(url, **{name: value for name, value in wanted.items() if name in known}, **more)


def sent(path):
    """Give a file to the client, in the way of its version."""
    wrap = getattr(gradio_client, "handle_file", None) or getattr(gradio_client, "file", str)
    return wrap(path)


def connects(client):
    return client.config["version"].strip()


def view_api(client):
    described = client.view_api(return_format="dict")["named_endpoints"]
    text = client.view_api(print_info=False, return_format="str")
    return {
        "names": sorted(described),
        "labels": [parameter["label"] for parameter in described["/add"]["parameters"]],
        "text": [line.strip() for line in text.splitlines() if "/add" in line],
    }


def echo(client):
    return client.predict("hé ✓", api_name="/echo")


def add(client):
    return client.predict(1, 2.5, api_name="/add")


def generator(client):
    job = client.submit(5, api_name="/count")
    seen = list(job)
    return {"iterated": seen, "kept": job.outputs()}


def error(client):
    try:
        return client.predict("sorry", api_name="/fail")
    except Exception as failure:
        return {"told": str(failure)}


def file(client):
    path = os.path.join(DIRECTORY, "word.txt")
    with open(path, "w", encoding="utf-8") as writer:
        writer.write("héllo")
    with open(client.predict(sent(path), api_name="/shout"), encoding="utf-8") as reader:
        return reader.read()


def state(client):
    mine = [client.predict(api_name="/visit") for _ in range(2)]
    return [*mine, connect().predict(api_name="/visit")]


def cancel(client):
    job = client.submit("stop", 400, api_name="/steps")
    while len(job.outputs()) < 2:
        time.sleep(0.01)
    return job.cancel()


def two_at_once(client):
    jobs = [client.submit(word, 3, api_name="/steps") for word in ("a", "b")]
    for job in jobs:
        list(job)
    # Of one that had ended before it was asked, an old client gives no outputs one by one.
    return [job.outputs() for job in jobs]


def login(client):
    inside = connect(URL_WITH_LOGIN, auth=("reader", "secret-word"))
    return inside.predict("in", api_name="/echo")


def wrong_login(client):
    connect(URL_WITH_LOGIN, auth=("reader", "wrong"))
    return "let in"


SCENARIOS = {
    "connect": connects,
    "view_api": view_api,
    "echo": echo,
    "add": add,
    "generator": generator,
    "error": error,
    "file": file,
    "state": state,
    "two at once": two_at_once,
    "login": login,
    "wrong login": wrong_login,
    "cancel": cancel,
}


def tell(**what):
    print(json.dumps(what), file=REPORT, flush=True)


def run(name, client):
    """Run a scenario and tell of it."""
    came = {"error": f"did not end within {LIMIT:g} s"}

    def work():
        nonlocal came
        try:
            came = {"value": SCENARIOS[name](client)}
        except Exception as failure:
            came = {"error": f"{type(failure).__name__}: {failure}"[:500]}

    thread = threading.Thread(target=work, daemon=True)
    tell(begin=name)
    thread.start()
    thread.join(LIMIT)
    tell(end=name, **came)


def main():
    client = connect()
    for name in sys.argv[4:]:
        run(name, client)
    # Whoever started this may still look at what the last one left; the end of the client would end that too.
    sys.stdin.read()
    os._exit(0)


main()
