"""The real huggingface_hub must take the fake Hub for the Hub: each call, and each error that it tells apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

huggingface_hub = pytest.importorskip("huggingface_hub")

from huggingface_hub import HfApi, constants  # noqa: E402
from huggingface_hub.errors import (  # noqa: E402
    BadRequestError,
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, parse_ratelimit_headers  # noqa: E402

from gradproto_fake_server import FakeHub, FakeHubServer  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

READ, WRITE, OTHER = "hf_read", "hf_write", "hf_other"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHubServer]:
    build_hf_headers()  # which asks the real Hub a question once, unless it is offline
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub = FakeHub()
    hub.add_user("me", orgs=["lab"], is_pro=True)
    hub.add_user("other", can_pay=False)
    hub.add_token(READ, user="me", role="read")
    hub.add_token(WRITE, user="me", role="write")
    hub.add_token(OTHER, user="other", role="write")
    hub.add_space("owner/app", variables={"MODEL": "small"})
    hub.add_space("me/paid", private=True, hardware="t4-small", sleep_time=600)
    with FakeHubServer(hub) as server:
        yield server
        huggingface_hub.close_session()


@pytest.fixture
def connect(server: FakeHubServer) -> Callable[[str | bool], HfApi]:
    return lambda token: HfApi(endpoint=server.url, token=token)


@pytest.fixture
def api(connect: Callable[[str | bool], HfApi]) -> HfApi:
    return connect(WRITE)


Connect = Callable[[str | bool], HfApi]


def test_it_reads_who_it_is(api: HfApi) -> None:
    told = api.whoami()
    assert (told["name"], told["isPro"], [org["name"] for org in told["orgs"]]) == ("me", True, ["lab"])
    assert told["auth"]["accessToken"]["role"] == "write"
    assert api.get_full_repo_name("x") == "me/x"


def test_it_reads_a_space(api: HfApi, server: FakeHubServer) -> None:
    info = api.space_info("owner/app")
    assert (info.id, info.author, info.private, info.sdk) == ("owner/app", "owner", False, "gradio")
    assert (info.host, info.subdomain) == (server.space_url("owner/app"), "owner-app")
    assert info.card_data is not None
    assert info.card_data.title == "app"
    assert info.siblings is not None
    assert [sibling.rfilename for sibling in info.siblings] == [".gitattributes", "README.md", "app.py"]
    assert info.runtime == api.get_space_runtime("owner/app")
    assert api.space_info("owner/app", revision="main") == info
    assert api.space_info("owner/app", expand=["sha"]).sha == info.sha
    with pytest.raises(RevisionNotFoundError):
        api.space_info("owner/app", revision="old")
    assert api.repo_exists("owner/app", repo_type="space")
    assert not api.repo_exists("owner/nothing", repo_type="space")


def test_it_reads_a_runtime(api: HfApi) -> None:
    runtime = api.get_space_runtime("me/paid")
    assert (runtime.stage, runtime.hardware, runtime.requested_hardware) == ("RUNNING", "t4-small", "t4-small")
    assert (runtime.sleep_time, runtime.storage, runtime.dev_mode) == (600, None, False)
    assert runtime.raw["replicas"] == {"current": 1, "requested": 1}


def test_it_lists_spaces_over_pages(api: HfApi, connect: Connect, server: FakeHubServer) -> None:
    def fill(hub: FakeHub) -> None:
        hub.page_size = 3
        for number in range(8):
            hub.add_space(f"many/s{number}").likes = number

    server.run(fill)
    found = [space.id for space in api.list_spaces(author="many", sort="likes")]
    assert found == [f"many/s{number}" for number in reversed(range(8))]
    assert [record.kind for record in server.requests] == ["list"] * 3
    assert len(list(api.list_spaces(author="many", limit=4))) == 4
    assert [space.id for space in api.list_spaces(search="paid")] == ["me/paid"]
    assert list(connect(False).list_spaces(search="paid")) == []
    (full,) = api.list_spaces(search="paid", full=True)
    assert (full.author, full.sha is not None) == ("me", True)
    (some,) = api.list_spaces(search="paid", expand=["runtime"])
    assert some.runtime is not None
    assert some.runtime.hardware == "t4-small"


def test_it_lists_hardware(api: HfApi) -> None:
    listed = {hardware.name: hardware for hardware in api.list_spaces_hardware()}
    assert {flavor.value for flavor in huggingface_hub.SpaceHardware} <= set(listed)
    assert listed["cpu-basic"].unit_cost_usd == 0
    assert listed["t4-small"].accelerator is not None
    assert listed["t4-small"].accelerator.model == "T4"


def test_it_reads_its_quota(api: HfApi, connect: Connect, server: FakeHubServer) -> None:
    assert api.get_zero_gpu_quota().resets_at is None
    server.run(lambda hub: setattr(hub.users["me"], "zero_gpu_left", 700.5))
    quota = api.get_zero_gpu_quota()
    assert (quota.base, quota.remaining, quota.resets_at is not None) == (1500, 700.5, True)
    with pytest.raises(HfHubHTTPError, match="a valid token is required"):
        connect(False).get_zero_gpu_quota()


def test_it_duplicates_a_space(api: HfApi, server: FakeHubServer) -> None:
    url = api.duplicate_repo(
        "owner/app",
        "lab/copy",
        repo_type="space",
        private=True,
        space_hardware="t4-small",
        space_sleep_time=300,
        space_secrets=[{"key": "A", "value": "b"}],
        space_variables=[{"key": "N", "value": "1"}],
    )
    assert (url.repo_id, url.repo_type, str(url)) == ("lab/copy", "space", f"{server.url}/spaces/lab/copy")
    runtime = api.get_space_runtime("lab/copy")
    assert (runtime.hardware, runtime.sleep_time) == ("t4-small", 300)
    assert set(api.get_space_secrets("lab/copy")) == {"A"}
    assert {key: found.value for key, found in api.get_space_variables("lab/copy").items()} == {
        "MODEL": "small",
        "N": "1",
    }


def test_it_attaches_to_a_duplicate_that_is_there(api: HfApi, server: FakeHubServer) -> None:
    first = api.duplicate_repo("owner/app", repo_type="space")
    assert first.repo_id == "me/app"
    with pytest.raises(HfHubHTTPError) as caught:
        api.duplicate_repo("owner/app", repo_type="space")
    assert caught.value.response.status_code == 409
    assert api.duplicate_repo("owner/app", repo_type="space", exist_ok=True) == first


def test_it_keeps_secrets_and_variables(api: HfApi) -> None:
    api.add_space_secret("me/paid", "KEY", "hush", description="d")
    secret = api.get_space_secrets("me/paid")["KEY"]
    assert (secret.key, secret.description, secret.updated_at is not None) == ("KEY", "d", True)
    api.delete_space_secret("me/paid", "KEY")
    assert api.get_space_secrets("me/paid") == {}
    added = api.add_space_variable("me/paid", "N", "1")
    assert (added["N"].value, added["N"].updated_at is not None) == ("1", True)
    assert api.get_space_variables("me/paid") == added
    assert api.delete_space_variable("me/paid", "N") == {}


def test_it_changes_hardware_and_sleep_time(api: HfApi) -> None:
    assert api.request_space_hardware("me/paid", "a10g-small", sleep_time=900).hardware == "a10g-small"
    assert api.set_space_sleep_time("me/paid", 1200).sleep_time == 1200
    assert api.request_space_hardware("me/paid", "cpu-basic").sleep_time == 172_800


def test_it_pauses_and_restarts(api: HfApi) -> None:
    assert api.pause_space("me/paid").stage == "PAUSED"
    assert api.restart_space("me/paid", factory_reboot=True).stage == "RUNNING"


def test_it_waits_for_a_space(api: HfApi, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.space("owner/app").play(("BUILDING", 1000), ("APP_STARTING", 1000)))
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(api.wait_for_space("owner/app", poll_interval=0.01)))
    waiting.start()
    for asked in (2, 4):
        server.wait_for(lambda hub, asked=asked: sum(record.kind == "runtime" for record in hub.requests) > asked)
        assert waiting.is_alive()
        server.advance(1000)
    waiting.join(10)
    assert [runtime.stage for runtime in got] == ["RUNNING"]


def test_it_gives_up_waiting(api: HfApi, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.space("owner/app").set_stage("BUILDING"))
    with pytest.raises(TimeoutError, match="still in stage 'BUILDING'"):
        api.wait_for_space("owner/app", timeout=0)


def test_it_follows_a_renamed_space(api: HfApi, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.rename("me/paid", "me/best"))
    assert api.space_info("me/paid").id == "me/best"
    assert api.pause_space("me/paid").stage == "PAUSED"
    # The token goes along: it is the same origin.
    assert [record.status for record in server.requests] == [307, 200, 307, 200]


def test_it_checks_what_it_may_do(api: HfApi, connect: Connect, server: FakeHubServer) -> None:
    api.auth_check("me/paid", repo_type="space", write=True)
    connect(READ).auth_check("me/paid", repo_type="space")
    with pytest.raises(HfHubHTTPError, match="403 Forbidden"):
        connect(READ).auth_check("me/paid", repo_type="space", write=True)
    server.run(lambda hub: hub.add_space("owner/gated", gated="auto"))
    for token in (READ, False):
        with pytest.raises(GatedRepoError):
            connect(token).auth_check("owner/gated", repo_type="space")
    server.run(lambda hub: hub.space("owner/gated").granted.add("me"))
    connect(READ).auth_check("owner/gated", repo_type="space")


@pytest.mark.parametrize(("token", "status"), [(False, 401), (OTHER, 404)])
def test_it_does_not_find_what_it_may_not_see(connect: Connect, token: str | bool, status: int) -> None:
    for space in ("me/paid", "me/nothing"):
        with pytest.raises(RepositoryNotFoundError) as caught:
            connect(token).space_info(space)
        assert not isinstance(caught.value, GatedRepoError)
        assert caught.value.response.status_code == status


def test_it_hears_that_its_token_is_bad(connect: Connect) -> None:
    with pytest.raises(HfHubHTTPError, match="Invalid credentials in Authorization header") as caught:
        connect("hf_wrong").space_info("owner/app")
    assert not isinstance(caught.value, RepositoryNotFoundError)
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        connect("hf_wrong").whoami()


def test_it_hears_that_a_space_is_disabled(api: HfApi, server: FakeHubServer) -> None:
    server.run(lambda hub: setattr(hub.space("owner/app"), "disabled", True))
    with pytest.raises(DisabledRepoError):
        api.space_info("owner/app")


def test_it_hears_that_its_token_may_not_write(api: HfApi, connect: Connect) -> None:
    for call in (
        lambda: connect(READ).pause_space("me/paid"),
        lambda: api.restart_space("owner/app"),
        lambda: api.duplicate_repo("owner/app", "owner/copy", repo_type="space"),
    ):
        with pytest.raises(HfHubHTTPError, match="403 Forbidden"):
            call()


def test_it_hears_that_it_has_to_pay(connect: Connect, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.add_space("other/app"))
    api = connect(OTHER)
    with pytest.raises(HfHubHTTPError, match="payment method") as caught:
        api.request_space_hardware("other/app", "t4-small")
    assert caught.value.response.status_code == 403
    with pytest.raises(HfHubHTTPError, match="payment method") as caught:
        api.duplicate_repo("owner/app", "other/copy", repo_type="space", space_hardware="t4-small")
    assert caught.value.response.status_code == 402


def test_it_hears_what_was_wrong_with_a_request(api: HfApi, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.add_space("me/page", sdk="static"))
    with pytest.raises(BadRequestError, match="no hardware"):
        api.request_space_hardware("me/page", "t4-small")
    with pytest.raises(BadRequestError, match="must be one of cpu-basic"):
        api.request_space_hardware("me/paid", "abacus")  # type: ignore[arg-type]
    api.request_space_hardware("me/paid", "cpu-basic")
    with pytest.raises(BadRequestError, match="cpu-basic cannot be changed"):
        api.set_space_sleep_time("me/paid", 300)


def test_it_hears_how_long_it_has_to_wait(api: HfApi, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.limit_requests(1, window=60))
    api.space_info("owner/app")
    with pytest.raises(
        HfHubHTTPError, match=r"your 'api' rate limit(.|\n)*0/1 requests remaining in current 60s"
    ) as caught:
        api.space_info("owner/app")
    told = parse_ratelimit_headers(caught.value.response.headers)
    assert told is not None
    assert (told.remaining, told.limit, told.window_seconds) == (0, 1, 60)
    assert caught.value.response.headers["retry-after"] == str(told.reset_in_seconds)


def test_it_hears_of_faults(api: HfApi, server: FakeHubServer) -> None:
    server.run(lambda hub: hub.fail("POST /api/spaces/*/sleeptime", status=500, error="not now"))
    with pytest.raises(HfHubHTTPError, match="not now"):
        api.set_space_sleep_time("me/paid", 300)
    assert api.set_space_sleep_time("me/paid", 300).sleep_time == 300
    server.run(lambda hub: hub.fail("GET /api/spaces/owner/app", action="cut"))
    with pytest.raises(Exception, match="disconnected without sending a response"):
        api.space_info("owner/app")
