"""Hugging Face Spaces through the three clients: found, woken, waited for, copied, and the token where it belongs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto import (
    AppError,
    ArgumentError,
    AuthenticationError,
    DuplicationError,
    GradprotoError,
    RateLimitedError,
    SpaceError,
    SpaceStageReported,
    UnsupportedServerError,
)
from gradproto_fake_server import FakeApp, FakeHub, FakeHubServer, FakeServer, RequestRecord, demo_app

from .backends import AsyncBackend, Backend
from .servers import HttpProxy

TOKEN = "hf_" + "me"
READER = "hf_" + "reader"


@pytest.fixture
def hub() -> FakeHub:
    hub = FakeHub()
    hub.add_user("me", orgs=["lab"])
    hub.add_token(TOKEN, user="me", role="write")
    hub.add_token(READER, user="me", role="read")
    hub.add_space("owner/app")
    hub.add_space("me/mine", private=True)
    return hub


@pytest.fixture
def server(hub: FakeHub) -> Iterator[FakeHubServer]:
    with FakeHubServer(hub) as server:
        yield server


def secret_headers(record: RequestRecord) -> dict[str, str]:
    return {name: value for name, value in record.headers if TOKEN in value}


def to(server: FakeHubServer, site: str) -> list[RequestRecord]:
    return [record for record in server.requests if record.site == site]


def count_jobs(app: FakeApp, name: str) -> int:
    return sum(job.endpoint is app.find_endpoint(name) for job in app.jobs.values())


def content(path: str) -> bytes:
    return Path(path).read_bytes()


def posts(server: FakeHubServer) -> list[str]:
    return [record.kind for record in to(server, "hub") if record.method == "POST"]


# --- finding


@pytest.mark.parametrize(
    "name", ["owner/app", "{hub}/spaces/owner/app", "https://owner-app.hf.space", "owner-app.hf.space/"]
)
async def test_a_space_has_many_names(backend: Backend, server: FakeHubServer, name: str) -> None:
    async with backend.open_client(name.format(hub=server.url), hub_url=server.url) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
        assert client.src == server.space_url("owner/app") + "/"
        assert client.config.space_id == "owner/app"


async def test_the_hub_of_the_environment_is_used(
    backend: Backend, server: FakeHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    async with backend.open_client("me/mine", hf_token=True) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
    monkeypatch.setenv("HF_ENDPOINT", "ftp://hub")
    with pytest.raises(ArgumentError, match=r"^the environment variable HF_ENDPOINT: hub_url: 'ftp://hub' is not"):
        async with backend.open_client("owner/app"):
            pass


async def test_a_renamed_space_is_found_under_its_old_name(
    backend: Backend, hub: FakeHub, server: FakeHubServer
) -> None:
    server.run(lambda hub: hub.rename("me/mine", "me/yours"))
    async with backend.open_client("me/mine", hub_url=server.url, token=TOKEN) as client:
        assert client.src == server.space_url("me/yours") + "/"


async def test_a_token_of_the_environment_is_not_taken_unasked(
    backend: Backend, server: FakeHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    async with backend.open_client("owner/app", hub_url=server.url) as client:
        await client.predict("hi", api_name="/echo")
    assert not any(secret_headers(record) for record in server.requests)


@pytest.mark.parametrize(
    ("name", "token", "kind", "text"),
    [
        (
            "me/mine",
            None,
            SpaceError,
            "Could not find Space: me/mine. If it is a private Space, please provide a `token`",
        ),
        ("no/such", TOKEN, SpaceError, "it does not exist, or this token may not see it"),
        ("owner/app", "hf_wrong", AuthenticationError, "the Hub does not know the token (401)"),
        ("owner/gated", READER, SpaceError, "the Space owner/gated is gated, and lets only some people in"),
        ("owner/disabled", None, SpaceError, "the Space owner/disabled is disabled"),
        (
            "owner/paused",
            None,
            SpaceError,
            "the Space owner/paused is in the invalid state PAUSED (its owner can restart",
        ),
        ("owner/broken", None, SpaceError, "the Space owner/broken is in the invalid state BUILD_ERROR"),
    ],
)
async def test_a_space_that_cannot_be_used_says_why(
    backend: Backend,
    hub: FakeHub,
    server: FakeHubServer,
    name: str,
    token: str | None,
    kind: type[Exception],
    text: str,
) -> None:
    def add(hub: FakeHub) -> None:
        hub.add_space("owner/gated", gated="manual")
        hub.add_space("owner/disabled", disabled=True)
        hub.add_space("owner/paused", stage="PAUSED")
        hub.add_space("owner/broken", stage="BUILD_ERROR")

    server.run(add)
    with pytest.raises(kind) as caught:
        async with backend.open_client(name, hub_url=server.url, token=token):
            pass
    assert text in str(caught.value)
    assert token is None or token not in str(caught.value)


async def test_a_hub_that_has_enough_says_when_it_takes_more(
    backend: Backend, hub: FakeHub, server: FakeHubServer
) -> None:
    server.run(lambda hub: hub.limit_requests(0, window=60))
    with pytest.raises(RateLimitedError) as caught:
        async with backend.open_client("owner/app", hub_url=server.url):
            pass
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60


async def test_a_space_that_serves_something_else_is_no_app(
    backend: Backend, hub: FakeHub, server: FakeHubServer
) -> None:
    page = b"<html><title>Just text</title></html>"
    server.run(lambda hub: hub.space("owner/app").fail("GET /config", status=404, times=None))
    server.run(lambda hub: hub.space("owner/app").fail("GET /", status=200, body=page, times=None))
    with pytest.raises(UnsupportedServerError, match="is no Gradio app"):
        async with backend.open_client("owner/app", hub_url=server.url):
            pass


# --- the token


@pytest.mark.parametrize("auth", [None, ("bob", "word")])
async def test_every_request_to_a_private_space_carries_the_token(
    backend: Backend, hub: FakeHub, server: FakeHubServer, auth: tuple[str, str] | None, tmp_path: Path
) -> None:
    def app() -> FakeApp:
        return demo_app(auth=None if auth is None else dict([auth]))

    server.run(lambda hub: hub.add_space("me/whole", private=True, app=app))
    async with backend.open_client(
        "me/whole", hub_url=server.url, token=TOKEN, auth=auth, download_files=tmp_path
    ) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
        assert await client.predict("hi", api_name="/now_upper") == "HI"
        assert await client.predict(api_name="/incr") == 1
        upper = await client.predict(b"text", api_name="/upper")
        server.run(lambda hub: hub.space("me/whole").app.hold("/count"))
        job = await client.submit(3, api_name="/count")
        await backend.in_thread(
            lambda: server.wait_for(lambda hub: count_jobs(hub.space("me/whole").app, "/count") == 1)
        )
        server.run(lambda hub: hub.space("me/whole").app.job("/count").step(2))
        assert await job.cancel()
        with pytest.raises(AppError):
            await client.predict("x", api_name="/fail")
    assert content(upper) == b"TEXT"
    records = to(server, "me/whole")
    assert {"config", "info", "join", "data", "heartbeat", "upload", "file", "cancel", "run"} <= {
        r.kind for r in records
    }
    assert auth is None or "login" in {record.kind for record in records}
    for record in records:
        assert secret_headers(record) == {"x-hf-authorization": f"Bearer {TOKEN}"}, record
        assert record.status is not None
        assert record.status < 400 or (auth is not None and record.status == 401), record
    for record in to(server, "hub"):
        assert secret_headers(record) == {"authorization": f"Bearer {TOKEN}"}
    assert not [record for record in server.requests if TOKEN in record.path + record.query]


@pytest.mark.parametrize("version", ["3.0.24", "3.50.2", "4.8.0", "4.21.0"])
@pytest.mark.parametrize("route", ["queue", "call", "direct"])
async def test_the_token_goes_along_however_the_app_is_spoken_to(
    backend: Backend, hub: FakeHub, server: FakeHubServer, version: str, route: str
) -> None:
    server.run(lambda hub: hub.add_space("me/old", private=True, app=lambda: demo_app(version)))
    async with backend.open_client("me/old", hub_url=server.url, token=TOKEN, route=route) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
        assert content(await client.predict(b"text", api_name="/upper")) == b"TEXT"
        assert await client.predict(api_name="/incr") == 1
    for record in to(server, "me/old"):
        assert secret_headers(record) == {"x-hf-authorization": f"Bearer {TOKEN}"}, record


async def test_an_app_that_moved_elsewhere_gets_no_token(backend: Backend, hub: FakeHub, server: FakeHubServer) -> None:
    with FakeServer(demo_app()) as elsewhere:
        location = [("location", f"{elsewhere.url}/config")]
        server.run(
            lambda hub: hub.space("me/mine").fail("GET /config", status=307, body="", headers=location, times=None)
        )
        async with backend.open_client("me/mine", hub_url=server.url, token=TOKEN) as client:
            assert await client.predict("hi", api_name="/echo") == "hi"
        assert elsewhere.requests
        assert not [record for record in elsewhere.requests if secret_headers(record)]


async def test_an_address_that_is_no_space_leaves_the_hub_alone(backend: Backend, server: FakeHubServer) -> None:
    with FakeServer(demo_app()) as app:
        async with backend.open_client(app.url, hub_url=server.url, token=TOKEN) as client:
            await client.predict("hi", api_name="/echo")
    assert server.requests == []


async def test_an_address_that_is_no_space_needs_no_hub(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "garbage")
    with FakeServer(demo_app()) as app:
        async with backend.open_client(app.url) as client:
            assert await client.predict("hi", api_name="/echo") == "hi"


async def test_the_hub_and_the_app_are_reached_through_a_proxy(
    backend: Backend, hub: FakeHub, server: FakeHubServer
) -> None:
    server.run(lambda hub: hub.space("me/mine").set_stage("SLEEPING"))
    with HttpProxy() as proxy:
        async with backend.open_client("me/mine", hub_url=server.url, token=TOKEN, proxy=proxy.url) as client:
            assert await client.predict("hi", api_name="/echo") == "hi"
        forwarded = [head.split()[1].decode() for head in proxy.heads]
    assert len(server.requests) <= len(forwarded)
    assert forwarded[:2] == [f"{server.url}/api/spaces/me/mine", f"{server.space_url('me/mine')}/"]


# --- waiting


async def test_a_sleeping_space_is_woken(
    backend: Backend, hub: FakeHub, server: FakeHubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.run(lambda hub: hub.add_space("me/asleep", private=True, stage="SLEEPING"))
    told: list[SpaceStageReported] = []
    options: dict[str, Any] = {"token": TOKEN, "space_callback": told.append, "verbose": True}
    async with backend.open_client("me/asleep", hub_url=server.url, **options) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
    assert [(event.space, event.stage, event.waited) for event in told] == [("me/asleep", "SLEEPING", 0.0)]
    out = capsys.readouterr().out
    assert out.startswith("Space me/asleep is SLEEPING. Please wait...\nLoaded as API: ")
    # One look for the delay, and one for the waking.
    assert [record.kind for record in to(server, "hub")] == ["space", "runtime"]
    assert [record.path for record in to(server, "me/asleep")][:2] == ["/", "/config"]


async def test_a_space_that_is_built_is_waited_for(
    backend: Backend, hub: FakeHub, server: FakeHubServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gradproto")
    server.run(lambda hub: hub.space("owner/app").play(("BUILDING", 1000), ("APP_STARTING", 1000)))

    def told(event: SpaceStageReported) -> None:
        server.advance(1000)
        raise RuntimeError("a callback's trouble is its own")

    async with backend.open_client("owner/app", hub_url=server.url, space_callback=told) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
    texts = [record.getMessage() for record in caplog.records]
    assert [text.partition(";")[0] for text in texts if text.startswith("the Space")] == [
        "the Space owner/app is BUILDING",
        "the Space owner/app is APP_STARTING",
    ]
    assert texts.count("a callback failed") == 2


async def test_a_terminal_that_is_gone_does_not_end_the_wait(
    backend: Backend, hub: FakeHub, server: FakeHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    server.run(lambda hub: hub.space("owner/app").set_stage("SLEEPING"))
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", Gone())
        info = await backend.call(backend.module.wake_space, "owner/app", hub_url=server.url, verbose=True)
    assert info.stage == "RUNNING"


async def test_a_build_that_fails_ends_the_wait(backend: Backend, hub: FakeHub, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.space("owner/app").play(("BUILDING", 1000), then="BUILD_ERROR"))
    with pytest.raises(SpaceError) as caught:
        async with backend.open_client(
            "owner/app", hub_url=server.url, space_callback=lambda event: server.advance(1000)
        ):
            pass
    assert caught.value.stage == "BUILD_ERROR"


@pytest.mark.parametrize("space_wait", [0, 0.2])
async def test_the_wait_is_bounded(backend: Backend, hub: FakeHub, server: FakeHubServer, space_wait: float) -> None:
    server.run(lambda hub: hub.space("owner/app").set_stage("APP_STARTING"))
    with pytest.raises(SpaceError) as caught:
        async with backend.open_client("owner/app", hub_url=server.url, space_wait=space_wait):
            pass
    assert caught.value.stage == "APP_STARTING"
    assert len(server.requests) == 1


async def test_whoever_waits_may_leave(async_backend: AsyncBackend, hub: FakeHub, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.space("owner/app").set_stage("BUILDING"))
    waiting = async_backend.event()

    async def connect() -> None:
        async with async_backend.open_client(
            "owner/app", hub_url=server.url, space_callback=lambda event: waiting.set()
        ):
            raise AssertionError("it was never there")

    await async_backend.interrupt(connect, waiting.wait)


async def test_an_app_that_is_started_anew_is_waited_for(backend: Backend, hub: FakeHub, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.space("owner/app").fail("GET /config", status=503, body="<html>restarting</html>"))
    async with backend.open_client("owner/app", hub_url=server.url) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
    assert [record.status for record in to(server, "owner/app") if record.path == "/config"] == [503, 200]


# --- asking the Hub itself


async def test_a_space_is_described_and_left_asleep(backend: Backend, hub: FakeHub, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.space("me/mine").set_stage("SLEEPING"))
    info = await backend.call(backend.module.space_info, "me/mine", token=TOKEN, hub_url=server.url)
    assert (info.id, info.stage, info.private) == ("me/mine", "SLEEPING", True)
    assert info.page == f"{server.url}/spaces/me/mine"
    assert to(server, "me/mine") == []
    with pytest.raises(SpaceError, match=r"^Could not find Space: no/such"):
        await backend.call(backend.module.space_info, "no/such", hub_url=server.url)
    with pytest.raises(ArgumentError, match=r"^'http://x.test' is not the name of a Space"):
        await backend.call(backend.module.space_info, "http://x.test", hub_url=server.url)


async def test_a_space_is_woken_without_a_client(backend: Backend, hub: FakeHub, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.space("me/mine").set_stage("SLEEPING"))
    stages: list[str] = []
    info = await backend.call(
        backend.module.wake_space,
        "me/mine",
        token=TOKEN,
        hub_url=server.url,
        space_callback=lambda event: stages.append(event.stage),
    )
    assert (info.stage, info.host) == ("RUNNING", server.space_url("me/mine"))
    assert stages == ["SLEEPING"]
    server.run(lambda hub: hub.space("me/mine").set_stage("PAUSED"))
    with pytest.raises(SpaceError, match="invalid state PAUSED"):
        await backend.call(backend.module.wake_space, "me/mine", token=TOKEN, hub_url=server.url)


async def test_a_hub_that_does_not_answer_can_be_left(
    async_backend: AsyncBackend, hub: FakeHub, server: FakeHubServer
) -> None:
    server.run(lambda hub: hub.fail("GET /api/spaces/*", action="hang"))

    async def ask() -> None:
        await async_backend.module.space_info("owner/app", hub_url=server.url)

    async def asked() -> None:
        await async_backend.in_thread(lambda: server.wait_for(lambda hub: bool(hub.requests)))

    await async_backend.interrupt(ask, asked)


# --- copies


async def test_a_copy_is_made_and_the_next_time_attached_to(
    backend: Backend, hub: FakeHub, server: FakeHubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, Any] = {"token": TOKEN, "hub_url": server.url, "verbose": True}
    async with backend.open_duplicate("owner/app", secrets={"KEY": "s3same"}, **options) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
        assert client.config.space_id == "me/app"
    copy = server.hub.space("me/app")
    assert (copy.private, copy.hardware, copy.secrets["KEY"]["value"]) == (True, "cpu-basic", "s3same")
    with pytest.warns(UserWarning, match="the secrets were left alone: they are set only when a Space is created"):
        async with backend.open_duplicate("owner/app", secrets={"KEY": "other"}, **options) as client:
            assert await client.predict("hi", api_name="/echo") == "hi"
    assert posts(server) == ["duplicate", "secrets"]
    out = capsys.readouterr().out
    assert "Created new Space: https://hf.space/me/app\n" in out
    assert "Using your existing Space: https://hf.space/me/app\n" in out
    assert "s3same" not in out


async def test_a_copy_on_hardware_that_costs_money(
    backend: Backend, hub: FakeHub, server: FakeHubServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with backend.open_duplicate(
        "owner/app",
        "lab/copy",
        token=TOKEN,
        hub_url=server.url,
        private=False,
        hardware="t4-small",
        variables={"MODEL": "x"},
        sleep_timeout=10,
        api_name="/echo",
    ) as client:
        assert await client.predict("hi") == "hi"
    copy = server.hub.space("lab/copy")
    assert (copy.private, copy.hardware, copy.sleep_time) == (False, "t4-small", 600)
    assert copy.variables["MODEL"]["value"] == "x"
    assert f"lab/copy runs on t4-small, which may cost money: see {server.url}/settings/billing" in caplog.text


async def test_the_hardware_of_the_original_is_kept(backend: Backend, hub: FakeHub, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.add_space("owner/large", hardware="a10g-large"))
    async with backend.open_duplicate("owner/large", token=TOKEN, hub_url=server.url):
        pass
    copy = server.hub.space("me/large")
    assert (copy.hardware, copy.sleep_time) == ("a10g-large", 300)


@pytest.mark.parametrize(
    ("route", "status", "done", "not_done"),
    [
        ("POST /api/spaces/*/duplicate", 500, (), ("create me/app", "set the secret KEY")),
        ("POST /api/spaces/*/secrets", 500, ("created me/app, private",), ("set the secret KEY",)),
        (
            "POST /api/spaces/*/hardware",
            402,
            ("created me/app, private", "set the secret KEY"),
            ("request the hardware t4-small", "set the sleep time to 300 s"),
        ),
        (
            "POST /api/spaces/*/sleeptime",
            403,
            ("created me/app, private", "set the secret KEY", "requested the hardware t4-small"),
            ("set the sleep time to 300 s",),
        ),
    ],
)
async def test_a_step_that_fails_says_what_was_done(
    backend: Backend,
    hub: FakeHub,
    server: FakeHubServer,
    route: str,
    status: int,
    done: tuple[str, ...],
    not_done: tuple[str, ...],
) -> None:
    server.run(lambda hub: hub.fail(route, status=status, error="the Hub says no"))
    with pytest.raises(DuplicationError) as caught:
        async with backend.open_duplicate(
            "owner/app", token=TOKEN, hub_url=server.url, hardware="t4-small", secrets={"KEY": "s3same"}
        ):
            pass
    error = caught.value
    assert (error.space, error.done, error.status) == ("me/app", done, status)
    assert error.not_done[: len(not_done)] == not_done
    assert "'the Hub says no'" in str(error)
    assert "s3same" not in str(error)
    # What is done is done: the next time it is attached to.
    assert ("me/app" in server.hub.spaces) is bool(done)


async def test_a_copy_that_is_left_in_the_middle_says_what_was_done(
    async_backend: AsyncBackend, hub: FakeHub, server: FakeHubServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.run(lambda hub: hub.fail("POST /api/spaces/*/sleeptime", action="hang"))

    async def copy() -> None:
        async with async_backend.open_duplicate("owner/app", token=TOKEN, hub_url=server.url, hardware="t4-small"):
            raise AssertionError("it was never there")

    def asked(hub: FakeHub) -> bool:
        return any(record.path.endswith("/sleeptime") for record in hub.requests)

    await async_backend.interrupt(copy, lambda: async_backend.in_thread(lambda: server.wait_for(asked)))
    assert (
        "could not set the sleep time to 300 s: it was cancelled. Done: created me/app, private; requested the "
        "hardware t4-small. Not done: set the sleep time to 300 s (or perhaps it was: the answer is lost)"
    ) in caplog.text


async def test_a_copy_whose_making_was_not_confirmed_is_found_the_next_time(
    backend: Backend, hub: FakeHub, server: FakeHubServer
) -> None:
    server.run(lambda hub: hub.fail("POST /api/spaces/*/duplicate", action="lose"))
    with pytest.raises(DuplicationError) as caught:
        async with backend.open_duplicate("owner/app", token=TOKEN, hub_url=server.url):
            pass
    assert caught.value.not_done[0] == "create me/app (or perhaps it was: the answer is lost)"
    async with backend.open_duplicate("owner/app", token=TOKEN, hub_url=server.url) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
    assert posts(server) == ["duplicate"]


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"token": None}, ArgumentError, "a Space is duplicated with somebody's token"),
        ({"hardware": "a b"}, ArgumentError, "hardware is 'a b'"),
        ({"timeouts": 5}, ArgumentError, "timeouts is of type int"),
        ({"space_wait": -1}, ArgumentError, "space_wait is -1"),
        ({"headers": {"host": "x"}}, ArgumentError, "header 'host' is set by the library"),
        ({"hub_url": "ftp://x"}, ArgumentError, "hub_url: 'ftp://x' is not the address"),
        ({"nonsense": 1}, TypeError, "nonsense"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_a_copy_is_made(
    backend: Backend, server: FakeHubServer, options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        async with backend.open_duplicate("owner/app", **{"token": TOKEN, "hub_url": server.url, **options}):
            pass
    assert text in str(caught.value)
    assert server.requests == []


async def test_who_may_not_write_is_told_and_nothing_is_made(
    backend: Backend, hub: FakeHub, server: FakeHubServer
) -> None:
    with pytest.raises(DuplicationError) as caught:
        async with backend.open_duplicate("owner/app", token=READER, hub_url=server.url):
            pass
    assert (caught.value.done, caught.value.status) == ((), 403)
    with pytest.raises(DuplicationError):
        async with backend.open_duplicate("owner/app", "stranger/app", token=TOKEN, hub_url=server.url):
            pass
    assert set(server.hub.spaces) == {"owner/app", "me/mine"}


async def test_two_clients_on_two_spaces_do_not_mind_each_other(
    backend: Backend, hub: FakeHub, server: FakeHubServer
) -> None:
    async with (
        backend.open_client("owner/app", hub_url=server.url) as one,
        backend.open_client("me/mine", hub_url=server.url, token=TOKEN) as two,
    ):
        assert await one.predict("a", api_name="/echo") == "a"
        assert await two.predict("b", api_name="/echo") == "b"
        server.run(lambda hub: hub.space("owner/app").set_stage("PAUSED"))
        with pytest.raises(GradprotoError):
            await one.predict("a", api_name="/echo")
        assert await two.predict("b", api_name="/echo") == "b"
    assert not [record for record in to(server, "owner/app") if secret_headers(record)]


@pytest.mark.real
async def test_the_app_of_a_space_may_be_a_real_gradio(
    backend: Backend, hub: FakeHub, server: FakeHubServer, real_url: str
) -> None:
    def move(hub: FakeHub) -> None:
        described = json.dumps({**hub.space("owner/app").info(), "host": real_url})
        hub.fail("GET /api/spaces/owner/app", status=200, body=described, content_type="application/json", times=None)

    server.run(move)
    async with backend.open_client("owner/app", hub_url=server.url, token=TOKEN) as client:
        assert await client.predict("hi", api_name="/echo") == "hi"
        assert client.src == real_url + "/"
        assert client.config.space_id is None
