"""The official Python client, whichever version, as a program that `gradproto conformance-client` can judge."""

# Run by the Python of each client's environment, which has no part of this project.

import inspect
import json
import os
import sys

import gradio_client
from gradio_client import Client

USER, TOKEN = os.environ.get("GRADPROTO_USER"), os.environ.get("GRADPROTO_TOKEN")


def read(value):
    if isinstance(value, dict) and "file" in value:
        wrap = getattr(gradio_client, "handle_file", None) or getattr(gradio_client, "file", str)
        return wrap(value["file"])
    return value


def connect(url):
    """Connect with what this version takes: names of options have changed."""
    known = inspect.signature(Client.__init__).parameters
    wanted = {"verbose": False, "auth": (USER, os.environ.get("GRADPROTO_PASSWORD")) if USER else None}
    wanted["token" if "token" in known else "hf_token"] = TOKEN
    return Client(url, **{name: value for name, value in wanted.items() if name in known and value is not None})


def main(url, api_name, inputs):
    job = connect(url).submit(*map(read, json.loads(inputs)), api_name=api_name)
    try:
        # Iterating never ends where the job fails.
        result = job.result()
        for output in [*job.outputs(), result]:
            print(json.dumps(output), flush=True)
    except KeyboardInterrupt:
        job.cancel()
        return 130
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


code = main(*sys.argv[1:])
sys.stdout.flush()
# Its threads, which may wait for ever, are no part of what is judged.
os._exit(code)
