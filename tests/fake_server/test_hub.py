"""The fake Hub's API in memory: who may do what, how it refuses, and what goes wrong when it shall."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gradproto_fake_server import FakeApp, FakeHub, MemoryHub

from .wire import Http, Response

READ, WRITE, OTHER = "hf_read", "hf_write", "hf_other"
SPACE = "/api/spaces/me/app"


def make_hub(**options: Any) -> FakeHub:
    hub = FakeHub(**options)
    hub.add_user("me", orgs={"lab": "write", "club": "read"})
    hub.add_user("other", can_pay=False)
    hub.add_token(READ, user="me", role="read")
    hub.add_token(WRITE, user="me", role="write")
    hub.add_token(OTHER, user="other", role="write")
    hub.add_space("me/app", variables={"MODEL": "small"}, secrets={"KEY": "hush"})
    hub.add_space("me/mine", private=True, hardware="t4-small", sleep_time=600)
    hub.add_space("owner/app")
    hub.add_space("lab/tool", private=True)
    hub.add_space("club/tool", private=True)
    return hub


@pytest.fixture
def hub() -> FakeHub:
    return make_hub()


@pytest.fixture
def server(hub: FakeHub) -> Iterator[MemoryHub]:
    server = MemoryHub(hub)
    yield server
    server.close()


def ask(
    server: MemoryHub, method: str, path: str, *, token: str | None = None, value: Any = None, **options: Any
) -> Response:
    headers = [] if token is None else [("authorization", f"Bearer {token}")]
    return Http(server).request(method, path, value=value, headers=headers, **options)


def refusal(response: Response) -> tuple[int, str | None, str]:
    """Give the status, the code and the text of a refusal, which the header repeats."""
    message = response.json["error"]
    assert response.header("x-error-message") == message
    return response.status, response.header("x-error-code"), message


# -- who may see what


def test_a_space_is_told_in_full(server: MemoryHub, hub: FakeHub) -> None:
    info = ask(server, "GET", SPACE).json
    space = hub.space("me/app")
    assert (info["id"], info["author"], info["private"], info["gated"]) == ("me/app", "me", False, False)
    assert (info["host"], info["subdomain"]) == ("http://me-app.hf.test", "me-app")
    assert info["createdAt"] == "2025-06-15T15:06:40.000Z"
    assert info["runtime"] == space.runtime() == ask(server, "GET", f"{SPACE}/runtime").json
    assert info["runtime"]["hardware"] == {"current": "cpu-basic", "requested": "cpu-basic"}
    assert info["runtime"]["gcTimeout"] == 172800
    assert len(info["_id"]) == 24
    assert len(info["sha"]) == 40
    assert ask(server, "GET", f"{SPACE}/host").json == {"host": info["host"], "subdomain": "me-app"}
    assert ask(server, "GET", "/api/spaces/by-subdomain/me-app").json == info


def test_a_space_is_told_in_part(server: MemoryHub, hub: FakeHub) -> None:
    assert set(ask(server, "GET", f"{SPACE}?expand=sha&expand[]=host").json) == {"_id", "id", "sha", "host"}
    sha = hub.space("me/app").sha
    for revision in ("main", sha):
        assert ask(server, "GET", f"{SPACE}/revision/{revision}").json["sha"] == sha
    assert refusal(ask(server, "GET", f"{SPACE}/revision/old"))[:2] == (404, "RevisionNotFound")


@pytest.mark.parametrize("path", ["/api/spaces/lab/tool", "/api/spaces/lab/nothing", "/api/spaces/by-subdomain/x"])
def test_strangers_and_outsiders_learn_of_no_private_space(server: MemoryHub, path: str) -> None:
    assert refusal(ask(server, "GET", path)) == (401, "RepoNotFound", "Invalid username or password.")
    assert refusal(ask(server, "GET", path, token=OTHER)) == (404, "RepoNotFound", "Repository not found")


def test_members_see_what_is_private(server: MemoryHub) -> None:
    for space in ("me/mine", "lab/tool", "club/tool"):
        assert ask(server, "GET", f"/api/spaces/{space}", token=READ).json["private"] is True


def test_a_bad_token_is_refused_even_where_none_is_needed(server: MemoryHub, hub: FakeHub) -> None:
    wrong = (401, None, "Invalid credentials in Authorization header")
    assert refusal(ask(server, "GET", SPACE, token="hf_wrong")) == wrong
    assert refusal(ask(server, "GET", "/api/whoami-v2", token="hf_wrong")) == wrong
    assert refusal(Http(server).request("GET", SPACE, headers=[("authorization", f"Basic {READ}")])) == wrong
    hub.revoke_token(READ)
    assert refusal(ask(server, "GET", SPACE, token=READ)) == wrong


def test_a_gated_space_is_for_those_on_its_list(server: MemoryHub, hub: FakeHub) -> None:
    hub.add_space("owner/gated", gated="manual")
    path = "/api/spaces/owner/gated/auth-check"
    assert refusal(ask(server, "GET", path))[:2] == (401, "GatedRepo")
    assert refusal(ask(server, "GET", path, token=READ))[:2] == (403, "GatedRepo")
    hub.space("owner/gated").granted.add("me")
    assert ask(server, "GET", path, token=READ).status == 200
    assert ask(server, "GET", "/api/spaces/owner/gated", token=READ).json["gated"] == "manual"


def test_a_disabled_space_says_so(server: MemoryHub, hub: FakeHub) -> None:
    hub.space("me/app").disabled = True
    assert refusal(ask(server, "GET", SPACE, token=WRITE)) == (403, None, "Access to this resource is disabled.")


def test_the_caller_is_told_who_it_is(server: MemoryHub, hub: FakeHub) -> None:
    assert refusal(ask(server, "GET", "/api/whoami-v2"))[0] == 401
    me = ask(server, "GET", "/api/whoami-v2", token=READ)
    assert (me.json["type"], me.json["name"], me.json["canPay"]) == ("user", "me", True)
    assert [(org["name"], org["roleInOrg"]) for org in me.json["orgs"]] == [("lab", "write"), ("club", "read")]
    assert me.json["auth"]["accessToken"]["role"] == "read"
    assert READ.encode() not in me.body


def test_a_fine_grained_token_does_what_its_scopes_allow(server: MemoryHub, hub: FakeHub) -> None:
    scopes = {"me": ["repo.write"], "lab/tool": ["repo.content.read"], "owner": ["repo.write"]}
    hub.add_token("hf_fine", user="me", role="fineGrained", scopes=scopes)
    assert ask(server, "POST", f"{SPACE}/pause", token="hf_fine").status == 200
    assert ask(server, "GET", "/api/spaces/lab/tool", token="hf_fine").status == 200
    assert refusal(ask(server, "POST", "/api/spaces/lab/tool/pause", token="hf_fine"))[0] == 403
    assert refusal(ask(server, "GET", "/api/spaces/club/tool", token="hf_fine"))[0] == 404
    # A scope gives no right that the user has not.
    assert refusal(ask(server, "POST", "/api/spaces/owner/app/pause", token="hf_fine"))[0] == 403
    told = ask(server, "GET", "/api/whoami-v2", token="hf_fine").json["auth"]["accessToken"]
    assert told["role"] == "fineGrained"
    scoped = told["fineGrained"]["scoped"][1]
    assert scoped == {"entity": {"type": "space", "name": "lab/tool"}, "permissions": ["repo.content.read"]}


# -- who may change what

CHANGES = [
    ("POST", "pause", None),
    ("POST", "restart", None),
    ("POST", "hardware", {"flavor": "t4-small"}),
    ("POST", "sleeptime", {"seconds": 60}),
    ("POST", "secrets", {"key": "A", "value": "b"}),
    ("DELETE", "secrets", {"key": "KEY"}),
    ("GET", "secrets", None),
    ("POST", "variables", {"key": "A", "value": "b"}),
    ("DELETE", "variables", {"key": "MODEL"}),
    ("GET", "auth-check/write", None),
]


@pytest.mark.parametrize(("method", "what", "value"), CHANGES)
def test_only_who_may_write_changes_a_space(
    server: MemoryHub, hub: FakeHub, method: str, what: str, value: Any
) -> None:
    space = hub.space("me/app")
    before = (space.stage, space.requested_hardware, dict(space.secrets), dict(space.variables))
    assert refusal(ask(server, method, f"{SPACE}/{what}", value=value))[0] == 401
    assert refusal(ask(server, method, f"{SPACE}/{what}", value=value, token=READ))[0] == 403
    assert refusal(ask(server, method, f"{SPACE}/{what}", value=value, token=OTHER))[0] == 403
    assert refusal(ask(server, method, f"/api/spaces/club/tool/{what}", value=value, token=WRITE))[0] == 403
    assert (space.stage, space.requested_hardware, space.secrets, space.variables) == before


def test_secrets_are_kept_and_never_told(server: MemoryHub, hub: FakeHub) -> None:
    path = f"{SPACE}/secrets"
    told = ask(server, "POST", path, token=WRITE, value={"key": "NEW", "value": "pst", "description": "d"})
    assert set(told.json) == {"KEY", "NEW"}
    assert told.json["NEW"]["description"] == "d"
    assert b"pst" not in told.body + ask(server, "GET", path, token=WRITE).body
    assert hub.space("me/app").secrets["NEW"]["value"] == "pst"
    assert set(ask(server, "DELETE", path, token=WRITE, value={"key": "KEY"}).json) == {"NEW"}


def test_variables_are_told(server: MemoryHub) -> None:
    path = f"{SPACE}/variables"
    told = ask(server, "POST", path, token=WRITE, value={"key": "N", "value": "1"}).json
    assert {key: setting["value"] for key, setting in told.items()} == {"MODEL": "small", "N": "1"}
    assert set(ask(server, "DELETE", path, token=WRITE, value={"key": "MODEL"}).json) == {"N"}
    assert set(ask(server, "GET", path, token=WRITE).json) == {"N"}


@pytest.mark.parametrize(
    ("what", "value", "said"),
    [
        ("secrets", {"key": "1A", "value": "x"}, '"key"'),
        ("secrets", {"key": "A", "value": 1}, '"value"'),
        ("secrets", {"key": "A", "value": "x", "description": 1}, '"description"'),
        ("variables", {"value": "x"}, '"key"'),
        ("hardware", {}, '"flavor"'),
        ("hardware", {"flavor": "abacus"}, "cpu-upgrade"),
        ("hardware", {"flavor": "t4-small", "sleepTimeSeconds": "60"}, '"sleepTimeSeconds"'),
        ("sleeptime", {}, '"seconds"'),
        ("sleeptime", {"seconds": True}, '"seconds"'),
        ("sleeptime", {"seconds": 0}, '"seconds"'),
        ("sleeptime", {"seconds": 300}, "cpu-basic"),
        ("duplicate", {}, '"repository"'),
        ("duplicate", {"repository": "copy"}, '"repository"'),
        ("duplicate", {"repository": "me/../x"}, '"repository"'),
        ("duplicate", {"repository": "me/copy", "visibility": "odd"}, '"visibility"'),
        ("duplicate", {"repository": "me/copy", "private": "yes"}, '"private"'),
        ("duplicate", {"repository": "me/copy", "hardware": "abacus"}, "t4-small"),
        ("duplicate", {"repository": "me/copy", "secrets": {"A": "b"}}, '"secrets"'),
        ("duplicate", {"repository": "me/copy", "variables": [{"key": "A"}]}, '"value"'),
    ],
)
def test_what_is_not_right_is_refused_by_name(
    server: MemoryHub, hub: FakeHub, what: str, value: Any, said: str
) -> None:
    status, _, message = refusal(ask(server, "POST", f"{SPACE}/{what}", value=value, token=WRITE))
    assert status == 400
    assert said in message
    assert "me/copy" not in hub.spaces
    assert hub.space("me/app").requested_hardware == "cpu-basic"


def test_better_hardware_wants_a_payment_method(server: MemoryHub, hub: FakeHub) -> None:
    hub.add_space("other/app")
    path = "/api/spaces/other/app"
    assert refusal(ask(server, "POST", f"{path}/hardware", value={"flavor": "t4-small"}, token=OTHER))[0] == 403
    copy = {"repository": "other/copy", "hardware": "t4-small"}
    assert refusal(ask(server, "POST", f"{path}/duplicate", value=copy, token=OTHER))[0] == 402
    assert "other/copy" not in hub.spaces
    hub.users["other"].can_pay = True
    assert ask(server, "POST", f"{path}/duplicate", value=copy, token=OTHER).status == 200
    assert hub.space("other/copy").requested_hardware == "t4-small"


def test_a_static_space_has_no_hardware(server: MemoryHub, hub: FakeHub) -> None:
    hub.add_space("me/page", sdk="static")
    path = "/api/spaces/me/page"
    for what, value in (("hardware", {"flavor": "cpu-basic"}), ("duplicate", {"hardware": "t4-small"})):
        value = {"repository": "me/copy", **value}
        status, _, message = refusal(ask(server, "POST", f"{path}/{what}", value=value, token=WRITE))
        assert (status, "static" in message) == (400, True)
    assert ask(server, "POST", f"{path}/duplicate", value={"repository": "me/copy"}, token=WRITE).status == 200
    assert hub.space("me/copy").sdk == "static"


def test_zero_gpu_is_for_those_who_pay_every_month(server: MemoryHub, hub: FakeHub) -> None:
    value = {"flavor": "zero-a10g"}
    assert refusal(ask(server, "POST", f"{SPACE}/hardware", value=value, token=WRITE))[0] == 403
    hub.users["me"].is_pro = True
    assert ask(server, "POST", f"{SPACE}/hardware", value=value, token=WRITE).status == 200
    assert hub.space("me/app").hardware == "zero-a10g"


def test_the_sleep_time_of_paid_hardware_can_be_set(server: MemoryHub) -> None:
    path = "/api/spaces/me/mine/sleeptime"
    assert ask(server, "POST", path, value={"seconds": 300}, token=WRITE).json["gcTimeout"] == 300
    assert ask(server, "POST", path, value={"seconds": -1}, token=WRITE).json["gcTimeout"] is None


# -- duplicates


def test_a_duplicate_has_the_variables_and_no_secrets(server: MemoryHub, hub: FakeHub) -> None:
    value = {
        "repository": "lab/copy",
        "visibility": "private",
        "hardware": "t4-small",
        "sleepTimeSeconds": 300,
        "secrets": [{"key": "OWN", "value": "s"}],
        "variables": [{"key": "N", "value": "1", "description": "how many"}],
    }
    answer = ask(server, "POST", f"{SPACE}/duplicate", value=value, token=WRITE)
    assert answer.json == {"url": "http://hub.test/spaces/lab/copy"}
    copy = hub.space("lab/copy")
    assert (copy.private, copy.hardware, copy.sleep_time, copy.duplicated_from) == (True, "t4-small", 300, "me/app")
    assert set(copy.secrets) == {"OWN"}
    assert {key: setting["value"] for key, setting in copy.variables.items()} == {"MODEL": "small", "N": "1"}
    assert copy.app is not hub.space("me/app").app


@pytest.mark.parametrize(
    ("source", "asked", "private"),
    [
        ("me/app", {}, False),
        ("me/mine", {}, True),
        ("me/app", {"private": True}, True),
        ("me/mine", {"private": False}, False),
        ("me/mine", {"visibility": "public"}, False),
        ("me/app", {"visibility": "protected"}, False),
    ],
)
def test_a_duplicate_is_as_private_as_is_asked(
    server: MemoryHub, hub: FakeHub, source: str, asked: dict[str, Any], private: bool
) -> None:
    value = {"repository": "me/copy", **asked}
    assert ask(server, "POST", f"/api/spaces/{source}/duplicate", value=value, token=WRITE).status == 200
    assert hub.space("me/copy").private is private


def test_an_existing_space_is_not_duplicated_over(server: MemoryHub, hub: FakeHub) -> None:
    before = hub.space("me/app")
    value = {"repository": "me/app"}
    answer = ask(server, "POST", "/api/spaces/owner/app/duplicate", value=value, token=WRITE)
    assert refusal(answer)[0] == 409
    assert answer.json["url"] == "http://hub.test/spaces/me/app"
    assert hub.space("me/app") is before


@pytest.mark.parametrize(("token", "status"), [(None, 401), (READ, 403), (OTHER, 403)])
def test_only_who_may_write_there_makes_a_duplicate(
    server: MemoryHub, hub: FakeHub, token: str | None, status: int
) -> None:
    value = {"repository": "me/copy"}
    assert refusal(ask(server, "POST", "/api/spaces/owner/app/duplicate", value=value, token=token))[0] == status
    assert "me/copy" not in hub.spaces


# -- lists


def test_a_list_comes_in_pages(server: MemoryHub, hub: FakeHub) -> None:
    for number in range(5):
        hub.add_space(f"many/s{number}").likes = number
    hub.page_size = 2
    path, seen, pages = "/api/spaces?author=many&sort=likes&direction=-1", [], 0
    while True:
        answer = ask(server, "GET", path)
        seen += [item["id"] for item in answer.json]
        pages += 1
        link = answer.header("link")
        if link is None:
            break
        url, _, rel = link.partition(">; ")
        assert rel == 'rel="next"'
        path = url.removeprefix("<http://hub.test")
        assert path.startswith("/api/spaces?author=many&sort=likes&direction=-1&cursor=")
        assert path.count("cursor=") == 1
    assert (seen, pages) == ([f"many/s{number}" for number in (4, 3, 2, 1, 0)], 3)


def test_a_list_shows_what_the_caller_may_see(server: MemoryHub) -> None:
    def listed(query: str, token: str | None) -> list[str]:
        return [item["id"] for item in ask(server, "GET", f"/api/spaces?{query}", token=token).json]

    assert listed("", None) == ["me/app", "owner/app"]
    assert listed("search=TOOL", READ) == ["lab/tool", "club/tool"]
    assert listed("author=me&filter=gradio", OTHER) == ["me/app"]
    assert listed("filter=docker", READ) == []
    assert listed("limit=1", READ) == ["me/app"]


def test_a_list_tells_as_much_as_is_asked(server: MemoryHub) -> None:
    def keys(query: str) -> set[str]:
        return set(ask(server, "GET", f"/api/spaces?{query}").json[0])

    assert keys("expand=runtime&expand=host") == {"_id", "id", "runtime", "host"}
    assert "siblings" in keys("full=True")
    assert "siblings" not in keys("")


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "sort=size", "cursor=zzz", "cursor=%C3%A9"])
def test_a_list_that_cannot_be_is_refused(server: MemoryHub, query: str) -> None:
    status, _, message = refusal(ask(server, "GET", f"/api/spaces?{query}"))
    assert status == 400
    assert query.partition("=")[0] in message


# -- names


def test_an_old_name_leads_to_the_new_one(server: MemoryHub, hub: FakeHub) -> None:
    hub.rename("me/app", "lab/app")
    hub.rename("lab/app", "lab/best")
    answer = ask(server, "POST", f"{SPACE}/restart?factory=true")
    assert (answer.status, answer.header("location")) == (307, "/api/spaces/lab/best/restart?factory=true")
    assert ask(server, "GET", "/spaces/me/app").header("location") == "/spaces/lab/best"
    assert ask(server, "GET", "/api/spaces/lab/best").json["subdomain"] == "lab-best"
    hub.space("lab/best").private = True
    assert refusal(ask(server, "GET", SPACE))[0] == 401
    assert ask(server, "GET", SPACE, token=READ).status == 307


def test_a_name_can_come_back(server: MemoryHub, hub: FakeHub) -> None:
    hub.rename("me/app", "me/best")
    hub.rename("me/best", "me/app")
    assert ask(server, "GET", SPACE).status == 200
    assert ask(server, "GET", "/api/spaces/me/best").header("location") == SPACE


def test_names_that_contain_the_path_are_followed_too(server: MemoryHub, hub: FakeHub) -> None:
    hub.add_space("api/spaces")
    hub.rename("api/spaces", "spaces/api")
    assert ask(server, "GET", "/api/spaces/api/spaces/host").header("location") == "/api/spaces/spaces/api/host"


def test_each_space_has_a_subdomain_of_its_own(hub: FakeHub) -> None:
    one, other = hub.add_space("me/a.b"), hub.add_space("me/A_b")
    assert one.subdomain == "me-a-b"
    assert other.subdomain.startswith("me-a-b-")
    assert one.host != other.host


def test_a_space_has_a_page_for_people(server: MemoryHub) -> None:
    page = ask(server, "GET", "/spaces/me/app")
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert b"http://me-app.hf.test" in page.body
    assert ask(server, "GET", "/spaces/lab/tool").status == 401
    assert ask(server, "GET", "/spaces/lab/tool", token=READ).status == 200


# -- limits and faults


def test_whoever_asks_too_often_has_to_wait(server: MemoryHub, hub: FakeHub) -> None:
    hub.limit_requests(2, window=60)
    assert ask(server, "GET", SPACE, token=READ).header("ratelimit") == '"api";r=1;t=60'
    server.advance(10.5)
    assert ask(server, "GET", SPACE, token=READ).header("ratelimit") == '"api";r=0;t=50'
    answer = ask(server, "GET", SPACE, token=READ)
    assert refusal(answer)[0] == 429
    assert answer.header("ratelimit-policy") == '"fixed window";"api";q=2;w=60'
    assert answer.header("retry-after") == "50"
    assert ask(server, "GET", SPACE).status == 200  # another caller
    server.advance(49.5)
    assert ask(server, "GET", SPACE, token=READ).status == 200
    hub.limit_requests(None)
    assert ask(server, "GET", SPACE, token=READ).header("ratelimit") is None


def test_a_step_fails_as_often_as_is_asked(server: MemoryHub, hub: FakeHub) -> None:
    fault = hub.fail("POST /api/spaces/*/pause", status=503, error="later", times=2, after=1)
    statuses = [ask(server, "POST", f"{SPACE}/pause", token=WRITE).status for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    assert fault.met == 2
    assert ask(server, "GET", SPACE).status == 200


def test_a_fault_can_be_called_off(server: MemoryHub, hub: FakeHub) -> None:
    fault = hub.fail("* /api/*", times=None)
    assert [ask(server, "GET", SPACE).status for _ in range(3)] == [500] * 3
    fault.cancel()
    assert ask(server, "GET", SPACE).status == 200


def test_an_answer_can_be_something_else(server: MemoryHub, hub: FakeHub) -> None:
    hub.fail("GET /api/*", status=200, body="<html>no</html>")
    hub.fail("GET /api/*", status=200, body=b'{"id":', content_type="application/json", headers=[("x-odd", "1")])
    html, broken = ask(server, "GET", SPACE), ask(server, "GET", SPACE)
    assert (html.header("content-type"), html.body) == ("text/html; charset=utf-8", b"<html>no</html>")
    assert (broken.header("content-type"), broken.body) == ("application/json", b'{"id":')
    assert broken.header("x-odd") == "1"


def test_an_answer_can_fail_to_come(server: MemoryHub, hub: FakeHub) -> None:
    hub.fail("GET /api/*", action="hang")
    silent = Http(server)
    assert silent.start("GET", SPACE).status == 0
    assert not silent.connection.closed
    server.advance(3600)
    assert silent.more().status == 0
    hub.fail("GET /api/*", action="cut")
    cut = Http(server)
    assert cut.start("GET", SPACE).status == 0
    assert cut.connection.closed
    hub.fail("GET /api/*", action="truncate", status=200)
    part = Http(server)
    answer = part.start("GET", SPACE)
    assert (answer.status, answer.whole, bool(answer.body), part.connection.closed) == (200, False, True, True)


def test_an_answer_can_be_lost_after_all_was_done(server: MemoryHub, hub: FakeHub) -> None:
    hub.fail("POST */pause", action="lose")
    client = Http(server)
    assert client.start("POST", f"{SPACE}/pause", headers=[("authorization", f"Bearer {WRITE}")]).status == 0
    assert client.connection.closed
    assert hub.space("me/app").stage == "PAUSED"


def test_a_fault_for_no_path_is_refused(hub: FakeHub) -> None:
    with pytest.raises(ValueError, match="not 'POST'"):
        hub.fail("POST")


# -- what is no good request


def test_what_is_nowhere_is_told_in_json(server: MemoryHub) -> None:
    for path in ("/", "/api/models/me/x", "/api/spaces/me/app/nothing"):
        assert refusal(ask(server, "GET", path))[0] == 404


def test_a_wrong_method_is_told_the_right_ones(server: MemoryHub) -> None:
    answer = ask(server, "PUT", f"{SPACE}/secrets", body=b"{}")
    assert (refusal(answer)[0], answer.header("allow")) == (405, "GET, POST, DELETE")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b"null", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(server: MemoryHub, body: bytes) -> None:
    client = Http(server)
    headers = [("authorization", f"Bearer {WRITE}")]
    assert client.request("POST", f"{SPACE}/secrets", body=body, headers=headers).status == 400
    assert client.request("GET", SPACE).status == 200  # over the same connection


def test_a_body_that_nobody_wants_is_passed_over(server: MemoryHub) -> None:
    client = Http(server)
    assert client.request("POST", "/api/nothing", body=b"x" * 100_000).status == 404
    assert client.request("POST", f"{SPACE}/secrets", body=b"x" * (2 << 20)).status == 413
    assert client.request("GET", SPACE).status == 200


def test_head_gives_the_head(server: MemoryHub) -> None:
    answer = ask(server, "HEAD", SPACE)
    assert (answer.status, answer.body) == (200, b"")


def test_odd_text_does_no_harm(server: MemoryHub) -> None:
    answer = ask(server, "POST", f"{SPACE}/variables", value={"key": "A", "value": "\ud800"}, token=WRITE)
    assert answer.status == 200
    assert ask(server, "GET", "/api/spaces/%0d%0ax/%c3%a9").status == 401


# -- building one


def test_what_cannot_be_built_is_refused(hub: FakeHub) -> None:
    with pytest.raises(ValueError, match="no id of a Space"):
        hub.add_space("app")
    with pytest.raises(ValueError, match="a Space me/app already"):
        hub.add_space("me/app")
    with pytest.raises(TypeError, match="the app of a/b is a function that makes one, not <"):
        hub.add_space("a/b", app=FakeApp())
    with pytest.raises(ValueError, match="'abacus' is no hardware"):
        hub.add_space("me/new", hardware="abacus")
    with pytest.raises(ValueError, match="a user 'me' already"):
        hub.add_user("me")
    with pytest.raises(LookupError, match="no user 'nobody'"):
        hub.add_token("hf_x", user="nobody")
    with pytest.raises(ValueError, match="such a token already"):
        hub.add_token(READ, user="me")
    with pytest.raises(LookupError, match="no such token"):
        hub.revoke_token("hf_none")
    with pytest.raises(LookupError, match="no Space me/nothing"):
        hub.space("me/nothing")
    with pytest.raises(ValueError, match="cannot be called 'me/mine'"):
        hub.rename("me/app", "me/mine")


def test_no_repr_shows_a_token(hub: FakeHub) -> None:
    assert "hf_new" not in repr(hub.add_token("hf_new", user="me"))


def test_the_same_calls_give_the_same_bytes() -> None:
    def play() -> list[Any]:
        server = MemoryHub(make_hub(seed=7))
        answers = [
            ask(server, "GET", SPACE),
            ask(server, "POST", f"{SPACE}/duplicate", value={"repository": "me/copy"}, token=WRITE),
            ask(server, "GET", "/api/spaces/me/copy/jwt", token=READ),
            ask(server, "GET", "/api/spaces/me/copy"),
        ]
        return [(answer.status, answer.headers, answer.body) for answer in answers]

    assert play() == play()
    other = MemoryHub(make_hub(seed=8))
    assert ask(other, "GET", SPACE).json["_id"] != json.loads(play()[0][2])["_id"]


def test_every_request_is_in_the_log_with_its_headers(server: MemoryHub, hub: FakeHub) -> None:
    ask(server, "POST", f"{SPACE}/secrets", value={"key": "A", "value": "b"}, token=WRITE)
    Http(server, "me-app.hf.test").request("GET", "/config")
    first, second = hub.requests
    assert (first.site, first.kind, first.status, first.path) == ("hub", "secrets", 200, f"{SPACE}/secrets")
    assert ("authorization", f"Bearer {WRITE}") in first.headers
    assert first.body == {"key": "A", "value": "b"}
    assert (second.site, second.kind, second.status) == ("me/app", "config", 200)
    assert second.body is None
    assert (ask(server, "GET", SPACE).status, hub.requests.pop().body) == (200, None)
    assert [record.number for record in hub.requests] == [1, 2]
