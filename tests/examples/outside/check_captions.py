"""Tests of the program: all are well but the two at the end, which the plugin must fail."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from captions import caption_at_once, captions

from gradproto_fake_server import AppFailure, FakeServer, InlineServer, Sleep, Steps, demo_app
from gradproto_fake_server.trio import BackgroundNetwork
from gradproto_transports.sync import Client
from gradproto_transports.trio import open_client


def describe(server: Any) -> None:
    """Let an app describe pictures."""

    @server.endpoint("/caption")
    def caption(name: str) -> Steps[str]:
        if name == "noise.png":
            raise AppFailure("nothing to see")
        yield Sleep(0.01)
        return f"a picture called {name}"


EXPECTED = {"cat.png": "a picture called cat.png", "noise.png": ""}


@pytest.mark.parametrize("version", ["6.31.0", "4.0.2", "3.50.2"])
def test_pictures_are_described(make_fake_gradio: Any, version: str) -> None:
    server = make_fake_gradio(gradio_version=version)
    describe(server)
    with Client(server.url) as client:
        assert captions(client, EXPECTED) == EXPECTED


def test_the_same_without_a_thread_of_the_server(fake_gradio_inline: InlineServer) -> None:
    describe(fake_gradio_inline)
    with Client(fake_gradio_inline.url, open_stream=fake_gradio_inline.open_stream) as client:
        assert captions(client, EXPECTED) == EXPECTED


async def test_the_same_in_trio(fake_gradio_memory: BackgroundNetwork, autojump_clock: object) -> None:
    describe(fake_gradio_memory)
    async with open_client(fake_gradio_memory.url, open_stream=fake_gradio_memory.open_stream) as client:
        assert await caption_at_once(client, "cat.png") == EXPECTED["cat.png"]


@pytest.mark.fake_gradio(app=demo_app, tls=True)
def test_a_secure_app_of_somebody_else(fake_gradio: FakeServer) -> None:
    with Client(fake_gradio.url, ssl_context=fake_gradio.ssl_context) as client:
        assert client.predict("x", api_name="/echo") == "x"


@pytest.mark.fake_gradio(app=demo_app)
def test_another_program(fake_gradio: FakeServer) -> None:
    command = [sys.executable, "-m", "gradproto_transports.cli", "predict", fake_gradio.url, "/echo", "x"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "x\n"
    fake_gradio.assert_requested("join", times=1)


def ask_for_nothing(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{url}/gradio_api/file=/etc/passwd")
    caught.value.close()


@pytest.mark.fake_gradio(strict=False)
def test_what_is_meant_to_be_refused(fake_gradio: FakeServer) -> None:
    ask_for_nothing(fake_gradio.url)


def test_refused(fake_gradio: FakeServer) -> None:
    ask_for_nothing(fake_gradio.url)


def test_refused_and_wrong(fake_gradio: FakeServer) -> None:
    ask_for_nothing(fake_gradio.url)
    assert fake_gradio.requests == []
