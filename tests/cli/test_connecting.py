"""How the command line reaches an app, and what it says when it cannot."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from gradproto_fake_server import FakeApp, FakeServer, demo_app
from gradproto_transports.cli._call import CallRunner
from gradproto_transports.cli._connection import Failure
from gradproto_transports.sync import Client
from tests.cli.conftest import PATIENCE, Invoke
from tests.transports.servers import RawServer
from tests.transports.tampering import Tampering

PASSWORD = "opensesame-7"
TOKEN = "hf_abcdefghijkl"


@pytest.fixture
def guarded() -> Iterator[FakeServer]:
    """An app with a login."""
    with FakeServer(demo_app(auth={"ali": PASSWORD})) as running:
        yield running


def test_a_login_can_be_given_as_an_option(guarded: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", guarded.url, "/echo", "in", "--auth", f"ali:{PASSWORD}").stdout == "in\n"


def test_a_login_can_be_given_in_the_environment(guarded: FakeServer, invoke: Invoke) -> None:
    result = invoke("view-api", guarded.url, env={"GRADPROTO_AUTH": f"ali:{PASSWORD}"})
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("auth", [[], ["--auth", f"ali:{PASSWORD}x"], ["--auth", f"{PASSWORD}:ali"]])
def test_a_refused_login_is_no_connection(guarded: FakeServer, invoke: Invoke, auth: list[str]) -> None:
    result = invoke("predict", guarded.url, "/echo", "in", *auth)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)
    assert result.stderr.startswith("gradproto: error: ")
    assert PASSWORD + "x" not in result.stderr


def test_of_a_login_given_twice_the_last_counts_and_an_option_goes_before_the_environment(
    guarded: FakeServer, invoke: Invoke
) -> None:
    words = ["predict", guarded.url, "/echo", "in", "--auth", "ali:wrong", "--auth", f"ali:{PASSWORD}"]
    assert invoke(*words, env={"GRADPROTO_AUTH": "ali:no"}).stdout == "in\n"
    result = invoke("view-api", guarded.url, env={"GRADPROTO_AUTH": "ali"})
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_an_empty_variable_is_no_login(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "/echo", "in", env={"GRADPROTO_AUTH": ""}).stdout == "in\n"


def test_the_password_may_hold_colons(invoke: Invoke) -> None:
    with FakeServer(demo_app(auth={"ali": ":a:b:"})) as running:
        assert invoke("predict", running.url, "/echo", "in", "--auth", "ali::a:b:").exit_code == 0


def test_a_proxy_is_used_and_its_password_is_not_shown(server: FakeServer, invoke: Invoke) -> None:
    asked: list[bytes] = []

    def refuse(client: socket.socket) -> None:
        asked.append(client.recv(65536).partition(b"\r\n")[0])
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with RawServer(refuse) as proxy:
        address = proxy.url.replace("://", f"://ali:{PASSWORD}@")
        result = invoke("view-api", server.url, "--proxy", address)
    assert asked == [f"GET {server.url}/config HTTP/1.1".encode()]
    assert (result.exit_code, result.stdout) == (3, "")
    assert "407" in result.stderr
    assert PASSWORD not in result.stderr
    assert invoke("view-api", server.url, "--proxy", "socks5://x").exit_code == 2


@pytest.mark.parametrize(
    "address",
    ["", " ", "opensesame-7", "opensesame7://h", "opensesame-7:x@h:1", "http://ali:opensesame-7@h:x", "socks5://x"],
)
def test_what_is_no_proxy_is_refused_by_the_name_of_the_option(invoke: Invoke, address: str) -> None:
    result = invoke("view-api", "http://127.0.0.1:1", "--proxy", address)
    assert (result.exit_code, result.stdout, "--proxy" in result.stderr) == (2, "", True)
    assert "proxy=" not in result.stderr
    assert "opensesame" not in result.stderr


def test_a_wrong_proxy_of_the_environment_is_spoken_of_in_words_of_the_command_line(invoke: Invoke) -> None:
    result = invoke("view-api", "http://app.invalid", env={"HTTP_PROXY": "opensesame7://h"})
    assert (result.exit_code, "proxy=" in result.stderr, "opensesame" in result.stderr) == (2, False, False)
    assert "HTTP_PROXY is not the URL of an HTTP proxy" in result.stderr
    assert "NO_PROXY" in result.stderr


def _echoing_failure() -> FakeApp:
    app = FakeApp(show_error=True)

    @app.endpoint("/reveal")
    def reveal(text: str) -> str:
        raise ValueError(f"you sent {text}")

    return app


def test_an_error_that_repeats_a_secret_is_printed_without_it(invoke: Invoke) -> None:
    with FakeServer(_echoing_failure()) as running:
        options = ["--token", TOKEN, "--header", "X-Key: sesame-9"]
        result = invoke("predict", running.url, "/reveal", f"{TOKEN} sesame-9", *options)
    assert result.stderr == "gradproto: error: you sent *** ***\n"


def test_so_it_is_with_a_token_of_the_environment_and_with_half_of_a_header(invoke: Invoke) -> None:
    with FakeServer(_echoing_failure()) as running:
        options = ["--token-from-env", "--header", "Authorization: Bearer sesame-9"]
        result = invoke("predict", running.url, "/reveal", f"{TOKEN} sesame-9", *options, env={"HF_TOKEN": TOKEN})
    assert result.stderr == "gradproto: error: you sent *** ***\n"


def test_headers_and_the_token_are_sent(server: FakeServer, invoke: Invoke) -> None:
    options = ["--header", "X-One: 1", "--header", "X-Two:two: 2 ", "--token", TOKEN]
    assert invoke("predict", server.url, "/echo", "x", *options).exit_code == 0
    for record in server.requests:
        assert {("x-one", "1"), ("x-two", "two: 2"), ("x-hf-authorization", f"Bearer {TOKEN}")} <= set(record.headers)


def test_the_token_is_taken_from_the_environment_only_when_that_is_asked_for(
    server: FakeServer, invoke: Invoke
) -> None:
    assert invoke("view-api", server.url, env={"HF_TOKEN": TOKEN}).exit_code == 0
    assert not any(TOKEN in value for record in server.requests for _, value in record.headers)
    assert invoke("view-api", server.url, "--token-from-env", env={"HF_TOKEN": TOKEN}).exit_code == 0
    assert ("x-hf-authorization", f"Bearer {TOKEN}") in server.requests[-1].headers


def test_a_header_that_cannot_be_sent_is_wrong_usage(server: FakeServer, invoke: Invoke) -> None:
    result = invoke("view-api", server.url, "--header", "X-Secret: sesame\r\nX-Evil: 1")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "sesame" not in result.stderr
    assert server.requests == []


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("command", [["view-api"], ["predict"]])
def test_a_refused_connection_is_one_line(invoke: Invoke, closed_port: int, command: list[str]) -> None:
    result = invoke(*command, f"http://127.0.0.1:{closed_port}")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)
    assert f"could not connect to 127.0.0.1:{closed_port}" in result.stderr


def test_a_page_that_is_no_app_is_no_connection(invoke: Invoke, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("<html>hello</html>", content_type="text/html")
    result = invoke("view-api", httpserver.url_for(""))
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)


def test_what_is_no_address_is_wrong_usage(invoke: Invoke) -> None:
    result = invoke("view-api", "ftp://user:sesame@host")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "sesame" not in result.stderr


def test_a_server_that_never_answers_is_given_up(invoke: Invoke) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = invoke("view-api", f"127.0.0.1:{listener.getsockname()[1]}", "--timeout", "0.2")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)


def test_the_api_is_described_as_the_client_does(server: FakeServer, invoke: Invoke) -> None:
    result = invoke("view-api", server.url)
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "Client.predict() Usage Info\n---------------------------\nNamed API endpoints: 10\n"
    )
    assert ' - predict(a, b, api_name="/add") -> sum\n' in result.stdout
    assert "secret" not in result.stdout


def test_the_api_can_be_had_as_json(server: FakeServer, invoke: Invoke) -> None:
    import json

    described = json.loads(invoke("view-api", server.url, "--json").stdout)
    assert described["unnamed_endpoints"] == {}
    assert [parameter["parameter_name"] for parameter in described["named_endpoints"]["/add"]["parameters"]] == [
        "a",
        "b",
    ]


def test_all_endpoints_are_described_when_that_is_asked_for(server: FakeServer, invoke: Invoke) -> None:
    assert "Unnamed API endpoints: 0\n" in invoke("view-api", server.url, "--all").stdout


def test_connecting_as_a_whole_has_one_limit(server: FakeServer, invoke: Invoke) -> None:
    def late(parts: Iterator[bytes]) -> Iterator[bytes]:
        threading.Event().wait(0.8)
        yield from parts

    with Tampering(server.url) as proxy:
        for path in (b"/config", b"/info"):
            proxy.arm(path, lambda answer: answer.wire.append(late))
        result = invoke("view-api", proxy.url, "--timeout", "1")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1)
    assert "1 s" in result.stderr


def test_what_is_asked_last_gets_only_what_is_left_of_the_limit(server: FakeServer, invoke: Invoke) -> None:
    over = threading.Event()

    def late(parts: Iterator[bytes]) -> Iterator[bytes]:
        over.wait(0.8)
        yield from parts

    def held(parts: Iterator[bytes]) -> Iterator[bytes]:
        over.wait(PATIENCE)
        yield from parts

    with Tampering(server.url) as proxy:
        proxy.arm(b"/config", lambda answer: answer.wire.append(late))
        proxy.arm(b"/info", lambda answer: answer.wire.append(held))
        result = invoke("predict", proxy.url, "/echo", "x", "--json-events", "--timeout", "1")
        connecting = [thread for thread in threading.enumerate() if thread.name == "gradproto-connect"]
        over.set()
        for thread in connecting:
            thread.join(PATIENCE)
    event = json.loads(result.stdout)
    # With a limit of its own the last request would have failed by that one, and later.
    assert (event["error"], event["exit_code"], result.exit_code) == ("DeadlineExceeded", 3, 3)
    assert [thread.is_alive() for thread in connecting] == [False]


def test_no_job_is_submitted_when_the_time_is_up(server: FakeServer) -> None:
    with Client(server.url) as client:
        asked = len(server.requests)
        runner = CallRunner(client, deadline=time.monotonic(), timeout=1.0)
        with pytest.raises(Failure, match="the call did not begin within 1 s"):
            next(iter(runner.run(client.endpoints.resolve(api_name="/echo").fn_index, ["x"], {})))
        assert len(server.requests) == asked
        assert runner.cancel() is None
