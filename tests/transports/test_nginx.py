"""An app behind nginx, as most that are no Spaces are served."""

# ruff: noqa: ASYNC240 - looking at a file for a moment keeps nobody waiting here

from __future__ import annotations

from pathlib import Path

import pytest

from gradproto import (
    AppError,
    AuthenticationError,
    ConnectionLostError,
    GradprotoError,
    JobCancelledError,
    Timeouts,
    UnsupportedServerError,
)
from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports.sync import Status

from .backends import Backend
from .documents import LOGIN
from .nginx import BARE, DOCUMENTED, NGINX, Nginx
from .servers import unused_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx (on Debian: apt-get install nginx-light)")

BUFFERED = DOCUMENTED.replace("proxy_buffering off", "proxy_buffering on")
LOCATIONS = {"bare": BARE, "as documented": DOCUMENTED, "buffered": BUFFERED}


@pytest.fixture(params=list(LOCATIONS))
def location(request: pytest.FixtureRequest) -> str:
    """What nginx is told about the app, in three ways."""
    return LOCATIONS[request.param]


@pytest.fixture(params=["app", "rooted"])
def target(request: pytest.FixtureRequest, real_documents: dict[str, str]) -> str:
    """The address of a real app that does not know of its path, and of one that does."""
    return real_documents[request.param]


@pytest.mark.real
async def test_everything_goes_through(backend: Backend, target: str, location: str, tmp_path: Path) -> None:
    recording = tmp_path / "my audio_sample.wav"
    recording.write_bytes(b"RIFF" * 100_000)
    with Nginx(tmp_path, target, location, http="client_max_body_size 10m;") as nginx:
        async with backend.open_client(nginx.url) as client:
            assert client.src == nginx.url + "/"
            assert ' - predict(text, api_name="/translate") -> output\n' in client.view_api(return_format="str")
            assert await client.predict("Hello", api_name="/translate") == "Bonjour"
            assert [await client.predict("a", api_name="/words") for _ in range(3)] == [0, 1, 2]
            reversed_file = await client.predict(recording, api_name="/reverse")
            assert Path(reversed_file).read_bytes() == b"FFIR" * 100_000
            counting = await client.submit(1000, api_name="/count")
            assert [output async for output in counting] == [str(n) for n in range(1000)]
            message, history = await client.predict("Hello", [], api_name="/chat")
            assert (message, len(history)) == ("", 2)
            with pytest.raises(AppError, match="Cannot divide by zero!"):
                await client.predict(4, "divide", 0, api_name="/calculator")
            jobs = [await client.submit(n, "add", 1, api_name="/calculator") for n in range(20)]
            assert [await job.result() for job in jobs] == [n + 1 for n in range(20)]


@pytest.mark.real
async def test_files_that_are_not_downloaded_have_addresses_at_the_proxy(
    backend: Backend, target: str, location: str, tmp_path: Path
) -> None:
    with Nginx(tmp_path, target, location) as nginx:
        async with backend.open_client(nginx.url, download_files=False) as client:
            file = await client.predict(b"content", api_name="/reverse")
            assert await backend.call(file.read) == b"tnetnoc"
            again = await client.predict(file, api_name="/reverse")
            assert await backend.call(again.read) == b"content"


@pytest.mark.real
async def test_outputs_come_as_they_are_made_where_nginx_does_not_buffer(
    backend: Backend, target: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    gate = request.node.name
    with Nginx(tmp_path, target, DOCUMENTED) as nginx:
        async with backend.open_client(nginx.url) as client:
            job = await client.submit(gate, api_name="/iterate")
            # The function goes on only when its first output was seen.
            assert await job.__anext__() == "before"
            await client.predict(gate, api_name="/open_gate")
            assert [output async for output in job] == ["before", "after", "and after that"]


@pytest.mark.real
@pytest.mark.parametrize("location", [BARE, BUFFERED], ids=["bare", "buffered"])
async def test_outputs_come_at_the_end_where_nginx_buffers(
    backend: Backend, target: str, location: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    gate = request.node.name
    with Nginx(tmp_path, target, location) as nginx:
        async with backend.open_client(nginx.url) as client:
            job = await client.submit(gate, api_name="/iterate")
            # What tells of the gate's own job waits in nginx too, behind what tells of the first.
            opening = await client.submit(gate, api_name="/open_gate")
            assert [output async for output in job] == ["before", "after", "and after that"]
            assert await opening.result() == gate
            assert job.status().code is Status.FINISHED


async def test_a_stream_that_nginx_keeps_back_is_given_up_only_where_there_is_a_limit(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    fake.hold("/count")
    with Nginx(tmp_path, fake.url, BUFFERED) as nginx:
        async with backend.open_client(nginx.url, timeouts=Timeouts(stream_idle=0.3)) as client:
            job = await client.submit(3, api_name="/count")
            with pytest.raises(ConnectionLostError, match="a proxy keeps back what it sends"):
                await job.final()
        async with backend.open_client(nginx.url, timeouts=Timeouts(stream_idle=None)) as client:
            job = await client.submit(3, api_name="/count")
            fake.release("/count")
            assert await job.final() == "n=2"


@pytest.mark.real
async def test_a_job_is_cancelled(backend: Backend, target: str, location: str, tmp_path: Path) -> None:
    with Nginx(tmp_path, target, location) as nginx:
        async with backend.open_client(nginx.url) as client:
            job = await client.submit(10_000_000, api_name="/count")
            assert await job.__anext__() == "0"
            assert await job.cancel() is True
            with pytest.raises(JobCancelledError):
                await job.final()
            assert await client.predict("Hello", api_name="/translate") == "Bonjour"


@pytest.mark.real
async def test_a_login_is_kept(backend: Backend, real_documents: dict[str, str], location: str, tmp_path: Path) -> None:
    with Nginx(tmp_path, real_documents["locked"], location) as nginx:
        async with backend.open_client(nginx.url, auth=LOGIN) as client:
            assert await client.predict("Hello", api_name="/translate") == "Bonjour"
            result = await client.predict(b"content", api_name="/reverse")
            assert Path(result).read_bytes() == b"tnetnoc"
        with pytest.raises(AuthenticationError):
            async with backend.open_client(nginx.url, auth=("reader", "wrong")):
                pass


async def test_connections_are_kept(backend: Backend, fake: FakeServer, tmp_path: Path) -> None:
    with Nginx(tmp_path, fake.url) as nginx:
        async with backend.open_client(nginx.url) as client:
            assert [await client.predict(n, 1, api_name="/add") for n in range(20)] == [n + 1 for n in range(20)]
        served = nginx.stop()
    assert len(served) > 40
    assert len({connection for connection, *_ in served}) <= 3


async def test_connections_need_not_be_kept(backend: Backend, fake: FakeServer, tmp_path: Path) -> None:
    with Nginx(tmp_path, fake.url, http="keepalive_timeout 0;") as nginx:
        async with backend.open_client(nginx.url) as client:
            assert [await client.predict(n, 1, api_name="/add") for n in range(5)] == [n + 1 for n in range(5)]
        served = nginx.stop()
    assert len({connection for connection, *_ in served}) == len(served)


async def test_nothing_is_compressed_that_would_wait_for_more(
    backend: Backend, fake: FakeServer, tmp_path: Path
) -> None:
    compress = "gzip on; gzip_min_length 1; gzip_proxied any; gzip_types text/event-stream application/json text/plain;"
    fake.hold("/count")
    with Nginx(tmp_path, fake.url, http=compress) as nginx:
        async with backend.open_client(nginx.url) as client:
            job = await client.submit(3, api_name="/count")
            await backend.in_thread(lambda: fake.wait_for(lambda app: app.jobs and app.job("/count").state == "held"))
            fake.step("/count", 1)
            assert await job.__anext__() == "n=0"
            fake.release("/count")
            assert await job.final() == "n=2"
            result = await client.predict(b"text", api_name="/upper")
            assert Path(result).read_bytes() == b"TEXT"


@pytest.mark.parametrize("size", [5_000, 20_000_000])
async def test_a_file_that_nginx_does_not_take_fails_its_job_only(
    backend: Backend, fake: FakeServer, tmp_path: Path, size: int
) -> None:
    with Nginx(tmp_path, fake.url, http="client_max_body_size 2k;") as nginx:
        async with backend.open_client(nginx.url) as client:
            with pytest.raises(GradprotoError, match="413") as caught:
                await client.predict(b"x" * size, api_name="/upper")
            assert "upload" in str(caught.value)
            assert "a proxy in front of it, takes no request of that size" in str(caught.value)
            result = await client.predict(b"small", api_name="/upper")
            assert Path(result).read_bytes() == b"SMALL"


async def test_an_app_that_is_down_is_said_to_be(backend: Backend, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{unused_port()}"
    with Nginx(tmp_path, nobody) as nginx, pytest.raises(UnsupportedServerError, match="502"):
        async with backend.open_client(nginx.url):
            pass


async def test_an_app_that_goes_down_fails_what_is_asked_of_it(backend: Backend, tmp_path: Path) -> None:
    with FakeServer(demo_app()) as fake, Nginx(tmp_path, fake.url) as nginx:
        async with backend.open_client(nginx.url) as client:
            fake.hold("/count")
            job = await client.submit(3, api_name="/count")
            await backend.in_thread(lambda: fake.wait_for(lambda app: app.jobs and app.job("/count").state == "held"))
            fake.close()
            with pytest.raises(GradprotoError):
                await job.result()
            with pytest.raises(GradprotoError, match="502"):
                await client.predict("x", api_name="/echo")


async def test_sockets_of_old_versions_go_through(backend: Backend, tmp_path: Path) -> None:
    with FakeServer(demo_app("3.50.2")) as fake, Nginx(tmp_path, fake.url) as nginx:
        async with backend.open_client(nginx.url) as client:
            assert await client.predict("x", api_name="/echo") == "x"
            job = await client.submit(3, api_name="/count")
            assert [output async for output in job] == ["n=0", "n=1", "n=2"]
            result = await client.predict(b"text", api_name="/upper")
            assert Path(result).read_bytes() == b"TEXT"


async def test_sockets_that_nginx_does_not_pass_on_are_said_to_fail(backend: Backend, tmp_path: Path) -> None:
    with FakeServer(demo_app("3.50.2")) as fake, Nginx(tmp_path, fake.url, BARE) as nginx:
        async with backend.open_client(nginx.url) as client:
            with pytest.raises(GradprotoError, match=r"[Ww]eb[Ss]ocket") as caught:
                await client.predict("x", api_name="/echo")
            assert "40" in str(caught.value)
