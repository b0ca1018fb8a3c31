from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gradproto_fake_server import MemoryServer, demo_app

from .wire import Http, Response

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def http() -> Http:
    return Http(MemoryServer(demo_app(auth={"user": "sécret", "other": "x"})))


def login(http: Http, body: bytes, content_type: str = FORM) -> Response:
    return http.request("POST", "/login", body=body, headers=[("content-type", content_type)])


def cookies(response: Response) -> list[str]:
    return [value for name, value in response.headers if name == "set-cookie"]


GUARDED = [
    ("GET", "/config", None),
    ("GET", "/gradio_api/info", None),
    ("GET", "/gradio_api/login_check", None),
    ("GET", "/gradio_api/queue/data?session_hash=s", None),
    ("GET", "/gradio_api/queue/status", None),
    ("GET", "/gradio_api/call/echo/x", None),
    ("GET", "/gradio_api/file=/x", None),
    ("GET", "/gradio_api/upload_progress?upload_id=x", None),
    ("POST", "/gradio_api/queue/join", {"data": [], "fn_index": 0, "session_hash": "s"}),
    ("POST", "/gradio_api/call/echo", {"data": []}),
    ("POST", "/gradio_api/run/echo", {"data": []}),
    ("POST", "/gradio_api/upload", {}),
]


@pytest.mark.parametrize(("method", "path", "value"), GUARDED)
def test_a_stranger_stays_outside(http: Http, method: str, path: str, value: Any) -> None:
    response = http.request(method, path, value=value)
    assert response.status == 401
    assert response.json == {"detail": {"error": "Not authenticated", "auth_message": None}}


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("GET", "/gradio_api/user", None, 200),
        ("GET", "/gradio_api/app_id", None, 200),
        ("GET", "/gradio_api/startup-events", None, 200),
        ("POST", "/gradio_api/reset", {"event_id": "x"}, 200),
        ("POST", "/gradio_api/cancel", {"event_id": "x", "session_hash": "x", "fn_index": 0}, 200),
        ("GET", "/theme.css", None, 200),
        ("GET", "/robots.txt", None, 200),
    ],
)
def test_some_doors_are_open_to_all(http: Http, method: str, path: str, value: Any, status: int) -> None:
    assert http.request(method, path, value=value).status == status


def test_a_stranger_is_told_of_bad_json_but_not_of_missing_fields(http: Http) -> None:
    headers = [("content-type", "application/json")]
    path = "/gradio_api/queue/join"
    assert http.request("POST", path, body=b"{bad", headers=headers).status == 422
    assert http.request("POST", path, body=b"{}", headers=headers).status == 401
    assert http.request("POST", path, body=b"").status == 401


def test_either_cookie_opens_the_door(http: Http) -> None:
    response = login(http, b"username= user &password=s%C3%A9cret")
    assert (response.status, response.json) == (200, {"success": True})
    secure, unsecure = cookies(response)
    assert re.fullmatch(r"access-token-[\w-]{43}=\w+; HttpOnly; Path=/; SameSite=none; Secure", secure)
    assert re.fullmatch(r"access-token-unsecure-[\w-]{43}=\w+; HttpOnly; Path=/; SameSite=lax", unsecure)
    for cookie in (secure, unsecure):
        headers = [("cookie", f"a=b; {cookie.partition(';')[0]}")]
        assert http.request("GET", "/gradio_api/user", headers=headers).json == "user"
        assert http.request("GET", "/config", headers=headers).json["username"] == "user"
        assert "auth_required" not in http.request("GET", "/", headers=headers).body.decode()


def test_a_form_of_parts_opens_the_door_too(http: Http) -> None:
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name, value)
        for name, value in ((b"username", b"user"), (b"password", "sécret".encode()))
    )
    assert login(http, parts + b"--b--\r\n", "multipart/form-data; boundary=b").status == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"username=user&password=wrong", FORM, 400),
        (b"username=nobody&password=x", FORM, 400),
        (b"username=user", FORM, 422),
        (b"username=user&password=", FORM, 422),
        (b'{"username":"user","password":"x"}', "application/json", 422),
        (b"no form", "multipart/form-data; boundary=b", 422),
        (b"a form that does not even begin with its boundary", "multipart/form-data; boundary=b", 422),
    ],
)
def test_wrong_credentials_do_not(http: Http, body: bytes, content_type: str, status: int) -> None:
    response = login(http, body, content_type)
    assert response.status == status
    assert not cookies(response)


def test_a_made_up_cookie_does_not(http: Http) -> None:
    login(http, b"username=user&password=s%C3%A9cret")
    name = f"access-token-{http.server.app.cookie_id}"
    assert http.request("GET", "/config", headers=[("cookie", f"{name}=made-up")]).status == 401


def test_a_logout_ends_all_the_users_logins_and_nobody_elses(http: Http) -> None:
    def enter(form: bytes) -> list[tuple[str, str]]:
        return [("cookie", cookies(login(http, form))[0].partition(";")[0])]

    mine, mine_too = (enter(b"username=user&password=s%C3%A9cret") for _ in range(2))
    yours = enter(b"username=other&password=x")
    response = http.request("GET", "/logout", headers=mine)
    assert (response.status, response.header("location")) == (302, "http://fake.test")
    assert all('=""; expires=' in cookie for cookie in cookies(response))
    users = [http.request("GET", "/gradio_api/user", headers=headers).json for headers in (mine, mine_too, yours)]
    assert users == [None, None, "other"]


def test_the_page_tells_a_stranger_to_log_in_and_no_more(http: Http) -> None:
    page = http.request("GET", "/").body.decode()
    found = re.search(r"window\.gradio_config = (.*?);[\s]*</script>", page)
    assert found is not None
    told = json.loads(found[1])
    assert (told["auth_required"], told["auth_message"], told["dependencies"]) == (True, None, [])


def test_an_app_without_a_login_sends_everybody_in() -> None:
    response = login(Http(MemoryServer(demo_app())), b"username=a&password=b")
    assert (response.status, response.header("location")) == (302, "http://fake.test")
