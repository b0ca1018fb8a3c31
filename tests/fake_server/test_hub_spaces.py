"""Spaces of the fake Hub in memory: their stages at exact times, and the proxy in front of their apps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from gradproto_fake_server import FakeApp, FakeHub, HubSpace, MemoryHub, demo_app
from gradproto_fake_server._hub_spaces import Stage

from .wire import Http, Response

READ, WRITE, OTHER = "hf_read", "hf_write", "hf_other"
SLOW, COUNT = 2, 3
DAYS = 86_400.0


@pytest.fixture
def hub() -> FakeHub:
    hub = FakeHub(build_seconds=30, start_seconds=5, started_at=1_700_000_000)
    hub.add_user("me")
    hub.add_user("other")
    hub.add_token(READ, user="me", role="read")
    hub.add_token(WRITE, user="me", role="write")
    hub.add_token(OTHER, user="other", role="write")
    hub.add_space("me/app")
    return hub


@pytest.fixture
def server(hub: FakeHub) -> Iterator[MemoryHub]:
    server = MemoryHub(hub)
    yield server
    server.close()


@pytest.fixture
def space(hub: FakeHub) -> HubSpace:
    return hub.space("me/app")


def get(server: MemoryHub, path: str = "/config", host: str = "me-app.hf.test", **headers: str) -> Response:
    sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Http(server, host).request("GET", path, headers=sent)


def post(server: MemoryHub, path: str, value: Any = None) -> Response:
    headers = [("authorization", f"Bearer {WRITE}")]
    return Http(server).request("POST", f"/api/spaces/{path}", value=value, headers=headers)


def stages(space: HubSpace) -> list[tuple[float, str]]:
    return list(space.history)


# -- stages over time


def test_a_duplicate_is_built_and_started_at_its_times(server: MemoryHub, hub: FakeHub) -> None:
    server.advance(100)
    post(server, "me/app/duplicate", {"repository": "me/copy"})
    copy = hub.space("me/copy")
    assert copy.runtime()["hardware"] == {"current": None, "requested": "cpu-basic"}
    assert get(server, host="me-copy.hf.test").status == 503
    server.advance(34.999)
    assert copy.stage == "APP_STARTING"
    assert get(server, host="me-copy.hf.test").status == 503
    server.advance(0.001)
    assert stages(copy) == [(100, "BUILDING"), (130, "APP_STARTING"), (135, "RUNNING")]
    assert copy.runtime()["hardware"] == {"current": "cpu-basic", "requested": "cpu-basic"}
    assert get(server, host="me-copy.hf.test").status == 200


def test_a_space_without_times_runs_at_once() -> None:
    hub = FakeHub()
    space = hub.add_space("me/app")
    space.restart(factory=True)
    assert space.stage == "RUNNING"


def test_a_sleeping_space_wakes_up_when_it_is_asked_for(server: MemoryHub, space: HubSpace) -> None:
    space.set_stage("SLEEPING")
    server.advance(1000)
    assert space.stage == "SLEEPING"
    assert Http(server).request("GET", "/api/spaces/me/app/runtime").json["stage"] == "SLEEPING"
    answer = get(server)
    assert (answer.status, answer.header("content-type")) == (503, "text/html; charset=utf-8")
    assert space.stage == "APP_STARTING"
    server.advance(5)
    assert get(server).json["space_id"] == "me/app"
    assert stages(space) == [(0, "RUNNING"), (0, "SLEEPING"), (1000, "APP_STARTING"), (1005, "RUNNING")]


def test_a_private_space_wakes_up_for_nobody_who_may_not_see_it(server: MemoryHub, space: HubSpace) -> None:
    space.private = True
    space.set_stage("SLEEPING")
    assert get(server).status == 404
    assert space.stage == "SLEEPING"


def test_a_space_that_nobody_asks_for_falls_asleep(server: MemoryHub, space: HubSpace) -> None:
    server.advance(DAYS)
    assert get(server).status == 200
    server.advance(2 * DAYS - 1)
    assert space.stage == "RUNNING"
    server.advance(1)
    assert stages(space)[-1] == (3 * DAYS, "SLEEPING")


def test_paid_hardware_sleeps_when_it_is_told_to(server: MemoryHub, hub: FakeHub) -> None:
    space = hub.add_space("me/paid", hardware="t4-small")
    server.advance(30 * DAYS)
    assert space.stage == "RUNNING"
    post(server, "me/paid/sleeptime", {"seconds": 300})
    server.advance(300)
    assert space.stage == "SLEEPING"
    assert space.runtime()["hardware"] == {"current": None, "requested": "t4-small"}


def test_a_space_does_not_fall_asleep_over_an_open_stream(server: MemoryHub, hub: FakeHub) -> None:
    space = hub.add_space("me/paid", hardware="t4-small", sleep_time=60)
    stream = Http(server, "me-paid.hf.test")
    stream.start("GET", "/gradio_api/heartbeat/s")
    server.advance(600)
    assert space.stage == "RUNNING"
    stream.connection.close()
    server.advance(60)
    assert space.stage == "SLEEPING"


def test_other_hardware_restarts_a_space(server: MemoryHub, space: HubSpace) -> None:
    value = {"flavor": "t4-small", "sleepTimeSeconds": 600}
    told = post(server, "me/app/hardware", value).json
    assert (told["stage"], told["gcTimeout"]) == ("APP_STARTING", 600)
    assert told["hardware"] == {"current": "cpu-basic", "requested": "t4-small"}
    server.advance(5)
    assert space.runtime()["hardware"] == {"current": "t4-small", "requested": "t4-small"}


def test_hardware_that_is_asked_for_while_building_is_there_at_the_start(server: MemoryHub, space: HubSpace) -> None:
    space.build()
    server.advance(10)
    assert post(server, "me/app/hardware", {"flavor": "t4-small"}).json["stage"] == "BUILDING"
    server.advance(25)
    assert stages(space)[-1] == (35, "RUNNING")
    assert space.hardware == "t4-small"


def test_a_paused_space_stays_so_until_it_is_restarted(server: MemoryHub, space: HubSpace) -> None:
    assert post(server, "me/app/pause").json["stage"] == "PAUSED"
    server.advance(30 * DAYS)
    assert get(server).status == 503
    assert space.stage == "PAUSED"
    assert post(server, "me/app/restart").json["stage"] == "APP_STARTING"
    server.advance(5)
    assert space.stage == "RUNNING"


def test_a_factory_restart_builds_too(server: MemoryHub, space: HubSpace) -> None:
    assert post(server, "me/app/restart?factory=true").json["stage"] == "BUILDING"
    server.advance(35)
    assert space.stage == "RUNNING"


@pytest.mark.parametrize("stage", get_args(Stage))
def test_only_a_running_app_answers(server: MemoryHub, space: HubSpace, stage: Stage) -> None:
    space.set_stage(stage)
    runs = stage.startswith("RUNNING")
    answer = get(server)
    assert answer.status == (200 if runs else 404 if stage == "DELETING" else 503)
    told = Http(server).request("GET", "/api/spaces/me/app/runtime").json
    assert told["stage"] == ("APP_STARTING" if stage == "SLEEPING" else stage)
    assert ("errorMessage" in told) == (stage.endswith("ERROR") or stage == "NO_APP_FILE")
    assert (space.app_if_made is not None) == runs
    server.advance(1000)
    assert space.stage == ("RUNNING" if stage == "SLEEPING" else stage)


def test_a_stage_is_entered_with_a_message(server: MemoryHub, space: HubSpace) -> None:
    space.set_stage("RUNTIME_ERROR", error_message="out of memory")
    assert space.runtime()["errorMessage"] == "out of memory"
    assert b"RUNTIME_ERROR" in get(server).body
    space.set_stage("RUNNING")
    assert "errorMessage" not in space.runtime()


def test_a_space_goes_through_the_stages_of_a_script(server: MemoryHub, space: HubSpace) -> None:
    space.play(("RUNNING_BUILDING", 10), ("APP_STARTING", 0), ("RUNNING_APP_STARTING", 2.5), then="RUNTIME_ERROR")
    server.advance(100)
    expected = [(0, "RUNNING"), (0, "RUNNING_BUILDING"), (10, "RUNNING_APP_STARTING"), (12.5, "RUNTIME_ERROR")]
    assert stages(space) == expected


@pytest.mark.parametrize(
    ("outcome", "passed"),
    [
        ("BUILD_ERROR", ["BUILDING", "BUILD_ERROR"]),
        ("RUNTIME_ERROR", ["BUILDING", "APP_STARTING", "RUNTIME_ERROR"]),
    ],
)
def test_a_space_can_fail_to_come_up(server: MemoryHub, space: HubSpace, outcome: Stage, passed: list[Stage]) -> None:
    space.outcome = outcome
    post(server, "me/app/duplicate", {"repository": "me/copy"})
    copy = server.hub.space("me/copy")
    server.advance(100)
    assert [stage for _, stage in copy.history] == passed
    space.set_stage("SLEEPING")
    get(server)
    server.advance(100)
    assert space.stage == outcome


def test_a_stage_by_hand_ends_a_script(server: MemoryHub, space: HubSpace) -> None:
    space.build()
    server.advance(10)
    space.set_stage("BUILD_ERROR")
    server.advance(100)
    assert stages(space) == [(0, "RUNNING"), (0, "BUILDING"), (10, "BUILD_ERROR")]


def test_stages_that_there_are_not_are_refused(space: HubSpace) -> None:
    with pytest.raises(ValueError, match="'RUNING' is no stage of a Space"):
        space.set_stage("RUNING")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="in 'BUILDING' for -1 seconds"):
        space.play(("BUILDING", -1))
    assert space.stage == "RUNNING"


# -- the app


def test_the_app_knows_its_space_and_sees_the_headers(server: MemoryHub, space: HubSpace) -> None:
    config = get(server, x_hf_authorization=f"Bearer {READ}", x_mine="1").json
    assert (config["space_id"], config["root"]) == ("me/app", "http://fake.test")
    (seen,) = space.app.requests
    assert ("x-hf-authorization", f"Bearer {READ}") in seen.headers
    assert ("x-mine", "1") in seen.headers


@pytest.mark.parametrize(("version", "keys"), [("3.16.2", {"is_space": True}), ("5.29.0", {"space_id": "me/old"})])
def test_old_apps_know_that_they_are_in_a_space(
    server: MemoryHub, hub: FakeHub, version: str, keys: dict[str, Any]
) -> None:
    hub.add_space("me/old", app=lambda: demo_app(version))
    config = get(server, host="me-old.hf.test").json
    assert {key: config.get(key) for key in keys} == keys


def test_an_app_does_what_it_does_by_itself(server: MemoryHub, space: HubSpace) -> None:
    client = Http(server, space.host)
    client.join(COUNT, [3])
    assert client.stream().kinds[-2:] == ["process_completed", "close_stream"]
    assert space.app.job("/count").outputs_given == 3
    assert space.app.open_streams == []


def test_time_passes_for_an_app_as_for_the_hub(server: MemoryHub, hub: FakeHub) -> None:
    server.advance(100)
    for name, seconds in (("one", 7.25), ("two", 2.5)):
        space = hub.add_space(f"me/{name}")
        Http(server, space.host).join(SLOW, ["x", seconds])
    assert server.next_deadline() == 102.5
    server.advance(50)
    jobs = [hub.space(f"me/{name}").app.job("/slow") for name in ("one", "two")]
    assert [(job.began, job.last_duration) for job in jobs] == [(100, 7.25), (100, 2.5)]
    assert hub.space("me/one").app.wall_time() == hub.wall_time() == 1_700_000_150


def test_what_the_app_did_is_cut_by_a_restart(server: MemoryHub, space: HubSpace, hub: FakeHub) -> None:
    before = space.app
    before.hold("/count")
    client = Http(server, space.host)
    client.join(COUNT, [3])
    stream = client.stream()
    assert hub.open_streams
    space.restart()
    client.more()
    assert client.connection.closed
    assert not stream.whole
    assert [record.end for record in space.requests] == ["complete", "cut"]
    assert hub.open_streams == []
    server.advance(5)
    assert space.app is not before
    assert space.app.jobs == {}
    assert Http(server, space.host).join(COUNT, [3])


def test_a_websocket_of_an_old_app_is_cut_too(server: MemoryHub, hub: FakeHub) -> None:
    space = hub.add_space("me/old", app=lambda: demo_app("3.50.2"))
    client = Http(server, space.host)
    headers = [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13")]
    client.start("GET", "/queue/join", headers=[*headers, ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")])
    assert space.requests[-1].status == 101
    space.set_stage("PAUSED")
    assert space.requests[-1].end == "cut"
    client.connection.data_to_send()
    assert client.connection.closed
    server.advance(10)
    assert server.next_deadline() == 2 * DAYS  # its pings have ended with it


def test_each_duplicate_has_an_app_of_its_own(server: MemoryHub, hub: FakeHub, space: HubSpace) -> None:
    post(server, "me/app/duplicate", {"repository": "me/copy"})
    server.advance(35)
    Http(server, "me-copy.hf.test").join(COUNT, [1])
    assert len(hub.space("me/copy").app.jobs) == 1
    assert space.app.jobs == {}
    assert [record.site for record in hub.requests if record.kind == "join"] == ["me/copy"]


def test_one_app_for_two_spaces_is_refused(hub: FakeHub) -> None:
    app = FakeApp()
    one, other = hub.add_space("me/one", app=lambda: app), hub.add_space("me/other", app=lambda: app)
    assert one.app is app
    with pytest.raises(ValueError, match="must make a new one each time"):
        other.app  # noqa: B018


# -- the proxy


@pytest.mark.parametrize("header", ["authorization", "x_hf_authorization"])
def test_a_private_space_opens_for_a_token_in_either_header(server: MemoryHub, space: HubSpace, header: str) -> None:
    space.private = True
    for refused in ({}, {header: f"Bearer {OTHER}"}, {header: "Bearer hf_wrong"}, {header: READ}):
        answer = get(server, **refused)
        assert (answer.status, answer.header("content-type")) == (404, "text/html; charset=utf-8")
    assert space.app_if_made is None
    assert get(server, **{header: f"Bearer {READ}"}).status == 200
    assert [record.status for record in space.requests] == [404] * 4 + [200]


def test_the_proxys_own_header_comes_before_the_apps(server: MemoryHub, space: HubSpace) -> None:
    space.private = True
    assert get(server, authorization="Basic app", x_hf_authorization=f"Bearer {READ}").status == 200


def test_a_signature_opens_a_private_space_for_a_day(server: MemoryHub, hub: FakeHub, space: HubSpace) -> None:
    space.private = True
    hub.add_space("me/other", private=True)
    headers = [("authorization", f"Bearer {READ}")]
    token = Http(server).request("GET", "/api/spaces/me/app/jwt", headers=headers).json["token"]
    assert READ not in token
    assert get(server, f"/config?__sign={token}").status == 200
    assert get(server, f"/config?__sign={token}", host="me-other.hf.test").status == 404
    assert get(server, "/config?__sign=x").status == 404
    assert Http(server).request("GET", "/api/spaces/me/app/jwt").status == 401
    server.advance(DAYS)
    assert get(server, f"/config?__sign={token}").status == 404


def test_a_disabled_space_does_not_answer(server: MemoryHub, space: HubSpace) -> None:
    space.disabled = True
    assert get(server).status == 404


def test_an_old_address_leads_nowhere(server: MemoryHub, hub: FakeHub) -> None:
    assert get(server).json["space_id"] == "me/app"
    hub.rename("me/app", "me/best")
    assert get(server).status == 404
    assert get(server, host="me-best.hf.test").json["space_id"] == "me/best"
    assert hub.requests[-1].site == "me/best"


def test_a_space_that_is_removed_is_gone(server: MemoryHub, hub: FakeHub) -> None:
    client = Http(server, "me-app.hf.test")
    client.start("GET", "/gradio_api/heartbeat/s")
    hub.remove_space("me/app")
    assert client.connection.closed
    assert get(server).status == 404
    assert Http(server).request("GET", "/api/spaces/me/app").status == 401
    server.advance(30 * DAYS)


def test_nobody_listens_elsewhere(server: MemoryHub) -> None:
    with pytest.raises(ConnectionRefusedError, match=r"nothing listens at 'example\.com'"):
        server.connect("http://example.com")


def test_what_is_sent_to_a_space_can_fail(server: MemoryHub, space: HubSpace) -> None:
    fault = space.fail("GET /config", status=502, body="<html>Bad Gateway</html>")
    answer = get(server)
    assert (answer.status, answer.body) == (502, b"<html>Bad Gateway</html>")
    assert get(server).status == 200
    assert fault.met == 1
    space.fail("GET /config", action="hang")
    assert Http(server, space.host).start("GET", "/config").status == 0
    with pytest.raises(ValueError, match="cannot be lost"):
        space.fail("GET /config", action="lose")


def test_a_body_for_an_app_that_does_not_run_is_passed_over(server: MemoryHub, space: HubSpace) -> None:
    space.set_stage("PAUSED")
    client = Http(server, space.host)
    assert client.request("POST", "/gradio_api/upload", body=b"x" * 1_000_000).status == 503
    assert client.request("GET", "/config").status == 503


def test_connections_stay_open_whatever_time_passes(server: MemoryHub, space: HubSpace) -> None:
    clients = [Http(server), Http(server, space.host)]
    for path, client in zip(("/api/spaces", "/config"), clients, strict=True):
        client.request("GET", path)
    server.advance(DAYS)
    assert not any(client.connection.closed for client in clients)
    assert clients[1].request("GET", "/config").status == 200
