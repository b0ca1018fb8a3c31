"""The wire client over real sockets, against HTTP servers that share no code with it."""

from __future__ import annotations

import hashlib
import http.server
import io
import socket
import threading
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request as ServerRequest
from werkzeug import Response

from gradproto._commands import FilePart, Request, StartExchange
from gradproto._errors import ConnectError
from tests.core.wire.scripted import Answer, ScriptedSession
from tests.core.wire.socket_driver import SocketDriver


class Client:
    """A scripted session on a socket driver."""

    def __init__(self) -> None:
        self.session = ScriptedSession()
        self.driver = SocketDriver(self.session)
        self.count = 0

    def start(self, method: str, url: str, body: tuple[bytes | FilePart, ...] = ()) -> int:
        request = Request(method=method, url=url, headers=(("accept-encoding", "identity"),), body=body)
        self.session.commands.append(StartExchange(exchange=self.count, request=request))
        self.count += 1
        return self.count - 1

    def is_over(self, exchange: int) -> bool:
        answer = self.session.answers.get(exchange)
        return answer is not None and (answer.ended or answer.error is not None)

    def ask(self, method: str, url: str, body: tuple[bytes | FilePart, ...] = ()) -> Answer:
        exchange = self.start(method, url, body)
        self.driver.run(lambda: self.is_over(exchange))
        return self.session.answers[exchange]


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.driver.close()


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(threaded=True) as server:
        yield server


class KeepAliveHandler(http.server.BaseHTTPRequestHandler):
    """Answers with what was asked, and keeps the connection; pytest-httpserver always closes it."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = f"{self.command} {self.path} {sent.decode()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_HEAD = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def keep_alive_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), KeepAliveHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_many_requests_share_one_connection(client: Client, keep_alive_url: str) -> None:
    for number in range(5):
        assert client.ask("GET", f"{keep_alive_url}/{number}").body == f"GET /{number} ".encode()
        assert client.ask("POST", f"{keep_alive_url}/{number}", (b"a", b"b")).body == f"POST /{number} ab".encode()
        assert client.ask("HEAD", f"{keep_alive_url}/{number}").body == b""
    assert client.driver.connections_made == 1
    # Before the server is told to stop: it waits for the connections that it keeps.
    client.driver.close()


def test_a_stream_in_chunks_arrives_as_it_is_sent(client: Client, server: HTTPServer) -> None:
    heard = threading.Event()

    def stream(request: ServerRequest) -> Response:
        def pieces() -> Iterator[bytes]:
            yield b"first"
            assert heard.wait(20)
            for number in range(1000):
                yield b"%d;" % number

        return Response(pieces(), content_type="text/event-stream")

    server.expect_request("/stream").respond_with_handler(stream)
    exchange = client.start("GET", server.url_for("/stream"))
    client.driver.run(lambda: ("data", exchange, b"first") in client.session.facts)
    heard.set()
    client.driver.run(lambda: client.is_over(exchange))
    answer = client.session.answers[exchange]
    assert answer.ended
    assert ("transfer-encoding", "chunked") in answer.pairs
    assert answer.body == b"first" + b"".join(b"%d;" % number for number in range(1000))


def test_a_file_arrives_whole(client: Client, server: HTTPServer) -> None:
    content = bytes(range(256)) * 8192

    def digest(request: ServerRequest) -> Response:
        return Response(hashlib.sha256(request.get_data()).hexdigest())

    server.expect_request("/upload", method="POST").respond_with_handler(digest)
    file = FilePart(source=io.BytesIO(content + b"not this"), size=len(content))
    answer = client.ask("POST", server.url_for("/upload"), (b"<", file, b">"))
    assert answer.body.decode() == hashlib.sha256(b"<" + content + b">").hexdigest()
    assert client.session.facts[-4] == ("sent", 0, len(content) + 2)


def test_an_upload_that_is_refused_early_gives_the_refusal(client: Client, server: HTTPServer) -> None:
    # Werkzeug answers without reading the body, then closes.
    server.expect_request("/upload").respond_with_data("too big", status=413)
    size = 32 * 1024 * 1024
    answer = client.ask("POST", server.url_for("/upload"), (FilePart(source=io.BytesIO(bytes(size)), size=size),))
    assert (answer.status, answer.body, answer.ended) == (413, b"too big", True)
    assert client.driver.sockets == {}


def test_exchanges_at_the_same_time_do_not_wait_for_each_other(client: Client, server: HTTPServer) -> None:
    together = threading.Barrier(5)

    def meet(request: ServerRequest) -> Response:
        together.wait(20)
        return Response(request.path)

    for number in range(5):
        server.expect_request(f"/{number}").respond_with_handler(meet)
    exchanges = [client.start("GET", server.url_for(f"/{number}")) for number in range(5)]
    client.driver.run(lambda: all(map(client.is_over, exchanges)))
    assert [client.session.answers[number].body for number in exchanges] == [b"/%d" % number for number in range(5)]


def test_every_status_ends(client: Client, server: HTTPServer) -> None:
    for status in (204, 304, 404, 500):
        server.expect_request(f"/{status}").respond_with_data("" if status in (204, 304) else "body", status=status)
        answer = client.ask("GET", server.url_for(f"/{status}"))
        assert (answer.status, answer.ended) == (status, True)


def test_nobody_listens(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    answer = client.ask("GET", f"http://127.0.0.1:{port}/")
    assert isinstance(answer.error, ConnectError)
    assert "Connection refused" in str(answer.error)
