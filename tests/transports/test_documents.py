"""The examples of Gradio's own documents, in their order, with our clients: they must do what the documents say.

"Getting started with the Python client" comes first, then "... with the JavaScript client", for what it has besides.
"""

# ruff: noqa: ASYNC240 - looking at a file for a moment keeps nobody waiting here

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto import AppError, ArgumentError, AuthenticationError, EndpointNotFoundError, JobCancelledError, Session
from gradproto_fake_server import FakeServer
from gradproto_transports.sync import Status, StatusUpdate, handle_file

from .backends import Backend
from .documents import LOGIN, calculator_app, documents_app
from .servers import RawServer
from .test_drivers import opener

Apps = dict[str, str]

SECONDS = 60.0  # how long anything here may take before it counts as hanging


@pytest.fixture
def fake_apps() -> Iterator[dict[str, FakeServer]]:
    """The apps of the documents on the fake server."""
    locked = documents_app(auth=dict([LOGIN]))
    with (
        FakeServer(calculator_app()) as calculator,
        FakeServer(documents_app()) as app,
        FakeServer(locked) as with_login,
    ):
        yield {"calculator": calculator, "app": app, "locked": with_login}


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def apps(request: pytest.FixtureRequest) -> Apps:
    """The addresses of the apps of the documents, on the fake server and on a real one."""
    if request.param == "fake":
        return {name: server.url for name, server in request.getfixturevalue("fake_apps").items()}
    return request.getfixturevalue("real_documents")


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> str:
    """The name of a gate that is no other test's."""
    return request.node.name


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A file of somebody's, as the documents' ``audio_sample.wav``."""
    path = tmp_path / "audio_sample.wav"
    path.write_bytes(b"RIFF and so on")
    return path


# --- connecting to an app


async def test_an_app_is_found_by_its_url(backend: Backend, apps: Apps) -> None:
    for src in (apps["app"], apps["app"] + "/"):
        async with backend.open_client(src) as client:
            assert await client.predict("Hello", api_name="/translate") == "Bonjour"
            assert client.src == apps["app"] + "/"


async def test_an_app_is_found_by_host_and_port(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"].removeprefix("http://")) as client:
        assert await client.predict("Hello", api_name="/translate") == "Bonjour"


async def test_the_address_may_be_called_src_or_space(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(src=apps["app"]) as client:
        assert await client.predict("Hello", api_name="/translate") == "Bonjour"
    async with backend.open_client(None, space=apps["app"]) as client:
        assert await client.predict("Hello", api_name="/translate") == "Bonjour"


@pytest.mark.real
@pytest.mark.parametrize("end", ["", "/"])
async def test_an_app_is_found_below_a_path(backend: Backend, real_documents: Apps, end: str, recording: Path) -> None:
    async with backend.open_client(real_documents["mounted"] + end) as client:
        assert client.src == real_documents["mounted"] + "/"
        assert await client.predict("Hello", api_name="/translate") == "Bonjour"
        reversed_file = await client.predict(recording, api_name="/reverse")
        assert Path(reversed_file).read_bytes() == b"no os dna FFIR"


@pytest.mark.real
async def test_an_app_that_moved_is_found_where_it_is(backend: Backend, real_documents: Apps) -> None:
    old = real_documents["mounted"].replace("/sub", "/old")
    async with backend.open_client(old) as client:
        assert client.src == real_documents["mounted"] + "/"
        job = await client.submit(3, api_name="/count")
        assert [output async for output in job] == ["0", "1", "2"]


async def test_a_redirect_to_another_server_is_followed(backend: Backend, apps: Apps) -> None:
    def redirect(connection: Any) -> None:
        path = connection.recv(65536).split()[1].decode()
        there = f"location: {apps['app']}{path}".encode()
        connection.sendall(b"HTTP/1.1 302 Found\r\n%b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % there)

    with RawServer(redirect) as share:
        async with backend.open_client(share.url) as client:
            assert client.src == apps["app"] + "/"
            assert await client.predict("Hello", api_name="/translate") == "Bonjour"


async def test_a_share_url_is_spoken_to_with_tls_at_its_own_host(
    backend: Backend, fake_apps: dict[str, FakeServer]
) -> None:
    src = "https://bec81a83-5b5c-471e.gradio.live"
    asked: list[tuple[str, int, bool]] = []
    async with backend.open_client(src, open_stream=opener(backend, asked, fake_apps["app"])) as client:
        assert client.src == src + "/"
        assert await client.predict("Hello", api_name="/translate") == "Bonjour"
    assert set(asked) == {("bec81a83-5b5c-471e.gradio.live", 443, True)}


def test_a_share_url_without_its_scheme_means_https_too() -> None:
    session = Session("bec81a83-5b5c-471e.gradio.live", entropy=bytes)
    assert session.base_url == "https://bec81a83-5b5c-471e.gradio.live"


@pytest.mark.parametrize("kind", [tuple, list])
async def test_an_app_with_a_login_wants_user_and_password(backend: Backend, apps: Apps, kind: type) -> None:
    async with backend.open_client(apps["locked"], auth=kind(LOGIN)) as client:
        assert await client.predict("Hello", api_name="/translate") == "Bonjour"
    with pytest.raises(AuthenticationError):
        async with backend.open_client(apps["locked"]):
            pass
    with pytest.raises(AuthenticationError):
        async with backend.open_client(apps["locked"], auth=kind(("reader", "wrong"))):
            pass


# --- inspecting the endpoints

USAGE = """\
Client.predict() Usage Info
---------------------------
Named API endpoints: 1

 - predict(num1, operation, num2, api_name="/predict") -> output
    Parameters:
     - [Number] num1: float (required)  
     - [Radio] operation: Literal['add', 'subtract', 'multiply', 'divide'] (required)  
     - [Number] num2: float (required)  
    Returns:
     - [Number] output: float 
"""


async def test_the_endpoints_are_described(backend: Backend, apps: Apps, capsys: pytest.CaptureFixture[str]) -> None:
    async with backend.open_client(apps["calculator"]) as client:
        client.view_api()
        assert capsys.readouterr().out == USAGE + "\n"
        assert client.view_api(return_format="str") == USAGE
        everything = client.view_api(all_endpoints=True, return_format="str")
        assert everything == USAGE + "\nUnnamed API endpoints: 0\n"


async def test_the_description_may_be_a_dictionary(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["calculator"]) as client:
        described = client.view_api(return_format="dict")
        assert described["unnamed_endpoints"] == {}
        endpoint = described["named_endpoints"]["/predict"]
        names = [(parameter["parameter_name"], parameter["component"]) for parameter in endpoint["parameters"]]
        assert names == [("num1", "Number"), ("operation", "Radio"), ("num2", "Number")]
        assert endpoint["parameters"][1]["python_type"]["type"] == "Literal['add', 'subtract', 'multiply', 'divide']"
        assert endpoint["returns"][0]["python_type"]["type"] == "float"
        described["named_endpoints"].clear()
        assert await client.predict(4, "add", 5) == 9, "the description is the caller's own"


async def test_state_is_not_described(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"]) as client:
        text = client.view_api(return_format="str")
        assert ' - predict(word, api_name="/words") -> output\n' in text
        assert ' - predict(message, history, api_name="/chat") -> (message, history)\n' in text


# --- making a prediction


async def test_an_app_with_one_endpoint_need_not_have_it_named(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["calculator"]) as client:
        assert await client.predict(4, "add", 5) == 9
        assert await client.predict(num1=4, operation="add", num2=5) == 9
        assert await client.predict(4, operation="multiply", num2=5) == 20
        assert await client.predict(4, "divide", 5, fn_index=0) == 0.8
        job = await client.submit(5, "add", 4, api_name="/predict")
        assert await job.result() == 9


async def test_an_app_with_many_wants_the_name(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"]) as client:
        with pytest.raises(EndpointNotFoundError, match="Please specify an `api_name` or `fn_index`"):
            await client.predict(4, "add", 5)
        with pytest.raises(ValueError, match="Did you mean to use a leading slash"):
            await client.predict(4, "add", 5, api_name="calculator")


async def test_a_client_may_be_made_for_one_endpoint(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"], api_name="/calculator") as client:
        assert await client.predict(4, "add", 5) == 9
        assert await client.predict("Hello", api_name="/translate") == "Bonjour"


async def test_a_parameter_with_a_default_may_be_left_out(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"]) as client:
        assert await client.predict("Ada", api_name="/greet") == "Hello Ada!"
        assert await client.predict(name="Ada", api_name="/greet") == "Hello Ada!"
        assert await client.predict(name="Ada", punctuation="?", api_name="/greet") == "Hello Ada?"
        with pytest.raises(TypeError, match="No value provided for required argument: name"):
            await client.predict(punctuation="?", api_name="/greet")


async def test_the_error_of_the_app_is_raised(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"]) as client:
        with pytest.raises(AppError, match="Cannot divide by zero!"):
            await client.predict(4, "divide", 0, api_name="/calculator")
        with pytest.raises(ValueError, match="Cannot divide by zero!"):  # as in Gradio's own client
            await client.predict(4, "divide", 0, api_name="/calculator")
        with pytest.raises(ArgumentError, match="foo"):
            await client.predict("foo", "add", 4, api_name="/calculator")


async def test_a_file_is_given_in_any_form(backend: Backend, apps: Apps, recording: Path) -> None:
    async with backend.open_client(apps["app"]) as client:
        with recording.open("rb") as opened:
            for given in (
                handle_file(recording),
                handle_file(str(recording)),
                handle_file(recording.read_bytes()),
                str(recording),
                recording,
                recording.read_bytes(),
                opened,
                io.BytesIO(recording.read_bytes()),
            ):
                result = await client.predict(given, api_name="/reverse")
                assert Path(result).read_bytes() == b"no os dna FFIR"


@pytest.mark.real
async def test_a_file_may_be_a_url_that_the_app_fetches(backend: Backend, real_documents: Apps) -> None:
    def serve(connection: Any) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nabcde")

    with RawServer(serve) as elsewhere:
        async with backend.open_client(real_documents["app"]) as client:
            result = await client.predict(handle_file(f"{elsewhere.url}/sample-0.mp3"), api_name="/reverse")
    assert Path(result).name == "sample-0.mp3"
    assert Path(result).read_bytes() == b"edcba"


async def test_a_chatbot_takes_its_own_history(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"]) as client:
        message, history = await client.predict("Hello", [], api_name="/chat")
        assert message == ""
        message, history = await client.predict("again", history, api_name="/chat")
        said = [(turn["role"], turn["content"][0]["text"]) for turn in history]
        assert said == [("user", "Hello"), ("assistant", "I love you"), ("user", "again"), ("assistant", "I love you")]


# --- running jobs, and what they tell


async def test_a_job_runs_in_the_background_until_its_result_is_wanted(backend: Backend, apps: Apps, gate: str) -> None:
    async with backend.open_client(apps["app"]) as client:
        job = await client.submit(gate, api_name="/wait")
        assert not job.done()
        await client.predict(gate, api_name="/open_gate")
        assert await job.result(timeout=SECONDS) == f"waited at {gate}"
        assert job.done()


async def test_callbacks_get_the_values_of_the_result_one_by_one(backend: Backend, apps: Apps) -> None:
    results: list[Any] = []
    pairs: list[Any] = []

    def print_result(x: str) -> None:
        results.append(f"The translated result is: {x}")

    def take_both(message: str, history: list[Any]) -> None:
        pairs.append((message, len(history)))

    async with backend.open_client(apps["app"]) as client:
        jobs = [
            await client.submit("Hello", api_name="/translate", result_callbacks=[print_result]),
            await client.submit("Hello", [], api_name="/chat", result_callbacks=take_both),
            await client.submit("Hello", api_name="/translate", result_callbacks=[print_result, print_result]),
        ]
        for job in jobs:
            await job.result()
    # By now the last callback has returned, too: closing waits for it.
    assert results == ["The translated result is: Bonjour"] * 3
    assert pairs == [("", 2)]


async def test_a_job_tells_where_it_stands(backend: Backend, apps: Apps, gate: str) -> None:
    async with backend.open_client(apps["app"]) as client:
        started = datetime.datetime.now()
        queued = backend.event()

        def hear(update: StatusUpdate) -> None:
            if update.code is Status.IN_QUEUE:
                queued.set()

        first = await client.submit(gate, api_name="/wait")
        second = await client.submit(gate, api_name="/wait", status_callbacks=hear)
        assert second.status().code < Status.FINISHED
        await queued.wait()
        waiting = next(update for update in second.statuses() if update.code is Status.IN_QUEUE)
        assert waiting.rank is not None
        assert waiting.queue_size is not None
        assert waiting.success is None
        assert waiting.time is not None
        assert started <= waiting.time <= datetime.datetime.now()
        await client.predict(gate, api_name="/open_gate")
        await first.result()
        await second.result()
        over = second.status()
        assert (over.code, over.success) == (Status.FINISHED, True)
        codes = [update.code for update in second.statuses()]
        assert codes == sorted(codes)
        assert codes[0] is Status.STARTING
        failed = await client.submit(4, "divide", 0, api_name="/calculator")
        assert isinstance(await failed.exception(), AppError)
        assert (failed.status().code, failed.status().success) == (Status.FINISHED, False)


async def test_a_job_that_has_started_is_not_cancelled_and_one_in_the_queue_is(
    backend: Backend, apps: Apps, gate: str
) -> None:
    async with backend.open_client(apps["app"]) as client:
        started = backend.event()

        def hear(update: StatusUpdate) -> None:
            if update.code is Status.PROCESSING and update.rank is None:
                started.set()

        first = await client.submit(gate, api_name="/wait", status_callbacks=hear)
        await started.wait()
        second = await client.submit(gate, api_name="/wait")
        third = await client.submit(gate, api_name="/wait")
        assert await first.cancel() is False
        assert await second.cancel() is True
        assert second.status().code is Status.CANCELLED
        with pytest.raises(JobCancelledError):
            await second.result()
        assert second.outputs() == []
        await client.predict(gate, api_name="/open_gate")
        assert await first.result(timeout=SECONDS) == f"waited at {gate}"
        assert await third.result(timeout=SECONDS) == f"waited at {gate}"


async def test_a_job_that_was_cancelled_in_the_queue_is_gone_from_it(
    backend: Backend, fake_apps: dict[str, FakeServer], gate: str
) -> None:
    fake = fake_apps["app"]
    async with backend.open_client(fake.url) as client:
        first = await client.submit(gate, api_name="/wait")
        await backend.in_thread(lambda: fake.wait_for(lambda app: app.jobs and app.job("/wait").state == "held"))
        second = await client.submit(gate, api_name="/wait")
        await backend.in_thread(lambda: fake.wait_for(lambda app: app.queue.size == 1))
        assert await second.cancel() is True
        await backend.in_thread(lambda: fake.wait_for(lambda app: app.queue.size == 0))
        await client.predict(gate, api_name="/open_gate")
        await first.result(timeout=SECONDS)
    ran = fake.run(lambda app: [job.state for job in app.jobs.values() if job.endpoint.name == "wait"])
    assert ran == ["completed", "cancelled"]


# --- generators


async def test_the_outputs_of_a_generator_are_kept(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"]) as client:
        job = await client.submit(3, api_name="/count")
        await job.final()
        assert job.done()
        assert job.outputs() == ["0", "1", "2"]


async def test_the_result_of_a_generator_is_its_first_output(backend: Backend, apps: Apps, gate: str) -> None:
    async with backend.open_client(apps["app"]) as client:
        assert await client.predict(3, api_name="/count") == "0"
        job = await client.submit(gate, api_name="/iterate")
        assert await job.result() == "before"
        assert not job.done()
        await client.predict(gate, api_name="/open_gate")
        assert await job.final() == "and after that"
        assert await job.result() == "before"


async def test_the_result_of_a_generator_is_its_last_output_where_the_client_says_so(
    backend: Backend, apps: Apps
) -> None:
    async with backend.open_client(apps["app"], generator_result="last") as client:
        assert await client.predict(3, api_name="/count") == "2"
        job = await client.submit(3, api_name="/count")
        assert await job.result() == "2"


async def test_outputs_are_there_as_they_come(backend: Backend, apps: Apps, gate: str) -> None:
    async with backend.open_client(apps["app"]) as client:
        seen: list[str] = []
        job = await client.submit(gate, api_name="/iterate")
        async for output in job:
            seen.append(output)
            if output == "before":
                assert job.outputs() == ["before"]
                await client.predict(gate, api_name="/open_gate")
        assert seen == ["before", "after", "and after that"]


async def test_a_generator_that_is_cancelled_ends_after_its_present_iteration(
    backend: Backend, apps: Apps, gate: str
) -> None:
    async with backend.open_client(apps["app"]) as client:
        job = await client.submit(10_000_000, api_name="/count")
        assert await job.__anext__() == "0"
        assert await job.cancel() is True
        assert job.status().code is Status.CANCELLED
        assert job.done()
        outputs = job.outputs()
        assert 1 <= len(outputs) < 10_000_000
        assert outputs == [str(n) for n in range(len(outputs))]
        assert await client.predict(2, api_name="/count") == "0", "another job of it runs as ever"


# --- State


async def test_state_is_kept_until_the_session_is_reset(backend: Backend, apps: Apps) -> None:
    async with backend.open_client(apps["app"]) as client:
        counted = [await client.predict(word, api_name="/words") for word in ("a", "a", "b", "a")]
        assert counted == [0, 1, 0, 2]
        await client.reset_session()
        assert await client.predict("a", api_name="/words") == 0


# --- the JavaScript client's forms


async def test_the_endpoint_may_come_first_and_the_arguments_as_a_list_or_a_dictionary(
    backend: Backend, apps: Apps
) -> None:
    async with backend.open_client(apps["calculator"]) as client:
        assert await client.predict("/predict", [4, "add", 5]) == 9
        assert await client.predict("/predict", {"num1": 4, "operation": "add", "num2": 5}) == 9
    async with backend.open_client(apps["app"]) as client:
        assert await client.predict("/translate", ["Hello"]) == "Bonjour"
        assert await client.predict("/translate", {"text": "Hello"}) == "Bonjour"
        job = await client.submit("/count", [9])
        assert [output async for output in job] == [str(n) for n in range(9)]


async def test_the_statuses_of_a_job_can_be_listened_to(backend: Backend, apps: Apps) -> None:
    heard: list[StatusUpdate] = []
    over = backend.event()

    def log_status(status: StatusUpdate) -> None:
        heard.append(status)
        if status.success is not None:
            over.set()

    async with backend.open_client(apps["app"]) as client:
        job = await client.submit("/translate", ["Hello"], status_callbacks=log_status)
        await over.wait()
        assert await job.result() == "Bonjour"
    assert [status.success for status in heard[-2:]] == [None, True]
