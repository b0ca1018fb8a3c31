"""The official Python client must take the fake server for a Gradio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

gradio_client = pytest.importorskip("gradio_client")

from gradio_client import Client, handle_file  # noqa: E402
from gradio_client.exceptions import AppError  # noqa: E402

from gradproto_fake_server import FakeServer, demo_app  # noqa: E402

# The client leaves sockets and threads behind; that is not for these tests to judge.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(demo_app()) as running:
        yield running


@pytest.fixture
def client(server: FakeServer, tmp_path: Path) -> Iterator[Any]:
    client = Client(server.url, verbose=False, download_files=str(tmp_path))
    yield client
    client.close()


def test_it_reads_the_api(client: Any) -> None:
    api = client.view_api(return_format="dict")
    names = ["/echo", "/add", "/slow", "/count", "/fail", "/upper", "/incr", "/chat", "/progress", "/now_upper"]
    assert list(api["named_endpoints"]) == names
    assert 'predict(message, history, api_name="/chat") -> chat' in client.view_api(
        print_info=False, return_format="str"
    )


def test_it_predicts(client: Any) -> None:
    assert client.predict("hé ✓", api_name="/echo") == "hé ✓"
    assert client.predict(1, 2.5, api_name="/add") == 3.5
    assert client.predict(b=2, a=1, api_name="/add") == 3
    assert client.predict("x", api_name="/now_upper") == "X"
    assert client.predict(2, api_name="/progress") == "done 2"


def test_it_streams_outputs(client: Any) -> None:
    job = client.submit(5, api_name="/count")
    assert list(job) == [f"n={i}" for i in range(5)]
    assert job.outputs() == [f"n={i}" for i in range(5)]


def test_it_puts_edits_together(client: Any) -> None:
    job = client.submit("a b c", api_name="/chat")
    texts = [output[-1]["content"][0]["text"] for output in job]
    assert texts == ["You", "You said:", "You said: a", "You said: a b", "You said: a b c"]
    history = job.outputs()[-1]
    assert len(client.predict("again", history, api_name="/chat")) == 4


def test_it_hears_of_failures(client: Any) -> None:
    with pytest.raises(AppError, match="boom-visible"):
        client.predict("x", api_name="/fail")
    with pytest.raises(AppError, match="has not enabled verbose error reporting"):
        client.predict("a", 1, api_name="/add")


def test_it_sends_and_gets_files(client: Any, tmp_path: Path) -> None:
    source = tmp_path / "hello.txt"
    source.write_text("héllo ß", encoding="utf-8")
    result = client.predict(handle_file(str(source)), api_name="/upper")
    assert Path(result).read_text(encoding="utf-8") == "HÉLLO SS"


def test_it_has_a_state_of_its_own(client: Any, server: FakeServer) -> None:
    assert [client.predict(api_name="/incr") for _ in range(3)] == [1, 2, 3]
    other = Client(server.url, verbose=False)
    assert other.predict(api_name="/incr") == 1
    other.close()


def test_it_finds_no_private_endpoint(client: Any) -> None:
    with pytest.raises(ValueError, match="Cannot find a function with `api_name`: /secret"):
        client.predict("x", api_name="/secret")


def test_it_cancels_a_running_generator(client: Any, server: FakeServer) -> None:
    server.hold("/count")
    job = client.submit(1000, api_name="/count")
    server.wait_for(lambda app: app.job("/count").state == "held")
    server.step("/count", 3)
    assert [next(job) for _ in range(3)] == ["n=0", "n=1", "n=2"]
    assert job.cancel()
    server.wait_for(lambda app: app.job("/count").state == "cancelled")
    server.release("/count")


def test_it_cancels_a_waiting_event(client: Any, server: FakeServer) -> None:
    other = Client(server.url, verbose=False)
    first = other.submit("a", 1000, api_name="/slow")
    server.wait_for(lambda app: any(job.state == "sleeping" for job in app.jobs.values()))
    second = client.submit("b", 1000, api_name="/slow")
    # Only with its stream open does the client know which event it is to cancel.
    server.wait_for(lambda app: app.queue.size and sum(record.kind == "data" for record in app.open_streams) == 2)
    assert second.cancel()
    server.wait_for(lambda app: not app.queue.size)
    server.advance(1000)
    assert first.result(timeout=10) == "a"
    other.close()


def test_it_logs_in() -> None:
    with FakeServer(demo_app(auth={"user": "secret"})) as server:
        client = Client(server.url, auth=("user", "secret"), verbose=False)
        assert client.predict("x", api_name="/echo") == "x"
        client.close()
        with pytest.raises(ValueError, match="Could not login"):
            Client(server.url, auth=("user", "wrong"), verbose=False)


def test_it_hears_that_the_queue_is_full() -> None:
    with FakeServer(demo_app(max_queue_size=1)) as server:
        client = Client(server.url, verbose=False)
        jobs = [client.submit("x", 1000, api_name="/slow")]
        server.wait_for(lambda app: app.jobs)
        jobs.append(client.submit("x", 1000, api_name="/slow"))
        server.wait_for(lambda app: app.queue.size)
        with pytest.raises(Exception, match="Queue is full"):
            client.submit("x", 1000, api_name="/slow").result(timeout=10)
        server.advance(2000)
        assert [job.result(timeout=10) for job in jobs] == ["x", "x"]
        client.close()
