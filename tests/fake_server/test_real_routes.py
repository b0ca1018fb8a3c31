"""A real Gradio, mounted below a path, and the fake one: what they answer beside the protocol is the same."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from gradproto_fake_server import FakeApp, FakeServer

pytestmark = pytest.mark.real

# It prints where it is, and ends with its standard input.
REAL = """
import socket, sys, threading
import fastapi, gradio as gr, uvicorn

with gr.Blocks() as app:
    box = gr.Textbox()
    gr.Button().click(lambda t: t, [box], [box], api_name="echo")
listener = socket.create_server(("127.0.0.1", 0))
whole = gr.mount_gradio_app(fastapi.FastAPI(), app, path="/sub", ssr_mode=False, allowed_paths=[sys.argv[1]])
server = uvicorn.Server(uvicorn.Config(whole, log_level="warning"))
threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True).start()
print("READY", listener.getsockname()[1], flush=True)
sys.stdin.read()
"""

Pair = tuple[str, str]
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
PROXY = {"X-Forwarded-Host": "pub.example, inner", "X-Forwarded-Proto": "https, http"}


@pytest.fixture(scope="module")
def directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as path:
        for name in ("page.html", "a.txt"):
            with open(f"{path}/{name}", "w", encoding="utf-8") as file:
                file.write("0123456789")
        yield path


@pytest.fixture(scope="module")
def both(directory: str) -> Iterator[Pair]:
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    app = FakeApp(mount_path="/sub", allowed_paths=[directory])
    app.endpoint("/echo")(echo)
    with (
        subprocess.Popen(
            [sys.executable, "-c", REAL, directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        ) as real,
        FakeServer(app) as fake,
    ):
        try:
            assert real.stdout is not None
            line = next((line for line in real.stdout if line.startswith("READY ")), "")
            assert line, "the real app did not start"
            yield f"http://127.0.0.1:{line.split()[1]}", fake.url
        finally:
            real.kill()


def echo(t: str) -> str:
    return t


def ask(url: str, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[object, ...]:
    """Give the answer without what is another in each run."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    names = ("content-type", "allow", "location", "accept-ranges", "content-disposition", "content-range")
    shown = {name: (response.headers[name] or "").replace(url, "") for name in names if name in response.headers}
    told = content if response.headers.get_content_type() in ("application/json", "text/plain") else b""
    return response.status, shown, re.sub(rb'"duration":.*?,"r', b'"r', told)


REQUESTS = [
    *((method, "/sub") for method in ("GET", "HEAD", "POST")),
    *(("GET", path) for path in ("/", "/config", "/subx", "/sub//config", "/sub/nosuch/", "/sub/robots.txt/?a=b")),
    *(("GET", f"/sub{path}") for path in ("/robots.txt", "/logout", "/login", "/monitoring", "/monitoring/x")),
    *(("GET", f"/sub{path}") for path in ("/monitoring/", "/monitoring/summary", "/pages", "/config//")),
    *(("GET", f"/sub/gradio_api/{path}") for path in ("user/", "login_check/", "token/", "queue/status", "queue/data")),
    *(("GET", f"/sub/gradio_api/{path}") for path in ("proxy=x", "call/echo", "call/v2/echo/", "component_server")),
    *(("GET", f"/sub/gradio_api/file={path}") for path in ("/etc/passwd", "..", "", "https://a.example/", "/%ff")),
    ("POST", "/sub/config"),
    ("DELETE", "/sub/config"),
    ("HEAD", "/sub/gradio_api/user"),
    ("HEAD", "/sub/gradio_api/file=/etc/passwd"),
]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_a_route_answers_alike(both: Pair, method: str, path: str) -> None:
    real, fake = (ask(url, method, path, None, {}) for url in both)
    assert fake == real


@pytest.mark.parametrize("headers", [{}, PROXY, {"X-Forwarded-Proto": "https"}, {"Host": "a.example:1"}])
def test_the_root_is_alike(both: Pair, headers: dict[str, str]) -> None:
    roots = []
    for url in both:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        connection.request("GET", "/sub/config", headers=headers)
        found = re.search(rb'"root":"([^"]*)"', connection.getresponse().read())
        connection.close()
        assert found is not None
        roots.append(found[1].decode().replace(urlsplit(url).netloc, "HOST"))
    assert roots[0] == roots[1]


@pytest.mark.parametrize("name", ["a.txt", "page.html", "nosuch.txt", "../a.txt", ""])
@pytest.mark.parametrize(
    "wanted", ["", "bytes=2-5", "bytes=2-", "bytes=-30", "bytes=20-", "bytes=a-b", "bytes=0-1,4-5"]
)
def test_an_allowed_file_is_served_alike(both: Pair, directory: str, name: str, wanted: str) -> None:
    headers = {"Range": wanted} if wanted else {}
    path = f"/sub/gradio_api/file={directory}/{name}"
    real, fake = (ask(url, "GET", path, None, headers) for url in both)
    assert fake == real


@pytest.mark.parametrize("name", ["a b.txt", "..", "../x", "a<b>|c", "con.txt", "é ✓.txt", "x" * 300 + ".txt", "a.é{}"])
def test_an_upload_is_named_alike(both: Pair, name: str) -> None:
    body = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n1\r\n--b--\r\n'.encode()
    answers = [ask(url, "POST", "/sub/gradio_api/upload", body, FORM) for url in both]
    status, names = zip(*((answer[0], str(answer[2]).rpartition("/")[2]) for answer in answers), strict=True)
    assert (status[0], names[0]) == (status[1], names[1])
