"""The official Python client must find its Spaces on the fake Hub; each test runs it in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto_fake_server import FakeHub, FakeHubServer

pytest.importorskip("gradio_client")

TOKEN = "hf_write"
BEGINNING = """
import json, sys, warnings
warnings.simplefilter("ignore")
from gradio_client import Client

def connect(src, token=None):
    return Client(src, token=token, verbose=False, analytics_enabled=False)

def tell(value):
    print("TOLD", json.dumps(value), flush=True)
"""


@pytest.fixture
def server() -> Iterator[FakeHubServer]:
    hub = FakeHub()
    hub.add_user("me")
    hub.add_token(TOKEN, user="me", role="write")
    hub.add_space("owner/app")
    hub.add_space("me/mine", private=True)
    with FakeHubServer(hub) as server:
        yield server


def start(server: FakeHubServer, home: Path, code: str) -> subprocess.Popen[str]:
    """Run code with the client, for which the fake Hub is the Hub."""
    env = {key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    env |= {"HF_ENDPOINT": server.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-c", BEGINNING + code]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> list[Any]:
    """Give what the code told, once it has ended well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return [json.loads(line.removeprefix("TOLD ")) for line in out.splitlines() if line.startswith("TOLD ")]


def test_it_calls_public_and_private_spaces_by_name(server: FakeHubServer, tmp_path: Path) -> None:
    code = f"""
tell(connect("owner/app").predict("hi", api_name="/echo"))
client = connect("me/mine", {TOKEN!r})
tell([client.space_id, client.src, client.predict("ho", api_name="/echo")])
try:
    connect("me/mine")
except Exception as error:
    tell(type(error).__name__)
"""
    url = server.space_url("me/mine")
    assert told(start(server, tmp_path, code)) == ["hi", ["me/mine", url, "ho"], "RepositoryNotFoundError"]
    bearer = ("x-hf-authorization", f"Bearer {TOKEN}")
    calls = {site: [r for r in server.requests if r.site == site] for site in ("owner/app", "me/mine")}
    assert not any(bearer in record.headers for record in calls["owner/app"])
    assert all(bearer in record.headers for record in calls["me/mine"])


def test_it_waits_for_a_space_that_is_built(server: FakeHubServer, tmp_path: Path) -> None:
    server.run(lambda hub: hub.space("owner/app").play(("BUILDING", 1000)))
    process = start(server, tmp_path, 'tell(connect("owner/app").predict("hi", api_name="/echo"))')
    server.wait_for(lambda hub: any(record.kind == "runtime" for record in hub.requests), timeout=60)
    server.advance(1000)
    assert told(process) == ["hi"]
    assert [record.site for record in server.requests][:2] == ["hub", "hub"]


def test_it_refuses_a_paused_space(server: FakeHubServer, tmp_path: Path) -> None:
    server.run(lambda hub: hub.space("owner/app").set_stage("PAUSED"))
    code = """
try:
    connect("owner/app")
except ValueError as error:
    tell(str(error))
"""
    assert "invalid state: PAUSED" in told(start(server, tmp_path, code))[0]
    assert not any(record.site == "owner/app" for record in server.requests)


def test_it_duplicates_a_space_and_attaches_to_it_the_next_time(server: FakeHubServer, tmp_path: Path) -> None:
    code = f"""
for number in range(2):
    client = Client.duplicate("owner/app", token={TOKEN!r}, secrets={{"KEY": str(number)}}, verbose=False)
    tell([client.space_id, client.predict("hi", api_name="/echo")])
"""
    assert told(start(server, tmp_path, code)) == [["me/app", "hi"], ["me/app", "hi"]]
    kinds = [record.kind for record in server.requests if record.site == "hub" and record.method == "POST"]
    assert kinds == ["duplicate", "secrets"]
    copy = server.hub.space("me/app")
    assert (copy.private, copy.hardware, copy.secrets["KEY"]["value"]) == (True, "cpu-basic", "0")
