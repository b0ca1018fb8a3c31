"""Our own client as a program that `gradproto conformance-client` can judge; an example for authors of others."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from gradproto_transports.sync import Client, handle_file

USER, TOKEN = os.environ.get("GRADPROTO_USER"), os.environ.get("GRADPROTO_TOKEN")


def read(value: Any) -> Any:
    return handle_file(value["file"]) if isinstance(value, dict) and "file" in value else value


def main(url: str, api_name: str, inputs: str) -> None:
    auth = (USER, os.environ["GRADPROTO_PASSWORD"]) if USER else None
    with Client(url, auth=auth, token=TOKEN) as client:
        job = client.submit(*map(read, json.loads(inputs)), api_name=api_name)
        try:
            for output in job:
                print(json.dumps(output), flush=True)
        except KeyboardInterrupt:
            job.cancel()
            sys.exit(130)


main(*sys.argv[1:])
