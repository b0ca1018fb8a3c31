"""Files and logins in every generation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gradproto_fake_server import MemoryServer, demo_app

from .old_wire import VERSIONS, call
from .wire import Http, Response, multipart

FORM = [("content-type", "application/x-www-form-urlencoded")]
HELLO = b"hello file"
INLINE = {"name": "hello.txt", "data": f"data:text/plain;base64,{base64.b64encode(HELLO).decode()}", "size": 10}


def made(version: str, **options: Any) -> MemoryServer:
    return MemoryServer(demo_app(version, **options))


def upper(server: MemoryServer, value: Any) -> Any:
    """Let ``/upper`` have a file; give what it gave."""
    messages = call(server, "/upper", [value])
    return next(m for m in reversed(messages) if m["msg"] == "process_completed")["output"].get("data", [None])[0]


def uploaded(server: MemoryServer, field: str = "files") -> Response:
    headers = [("content-type", "multipart/form-data; boundary=the-boundary")]
    path = f"{server.app.profile.api_prefix}/upload"
    return Http(server).request("POST", path, body=multipart([(field, "hello.txt", HELLO)]), headers=headers)


@pytest.mark.parametrize("version", ["2.9.4", "3.0.24", "3.1.6"])
def test_files_were_inside_the_data_at_first(version: str) -> None:
    server = made(version, interface="/upper")
    content = base64.b64encode(b"HELLO FILE").decode()
    expected = {"name": "hello.txt", "size": 10, "data": f"data:text/plain;base64,{content}"}
    assert upper(server, INLINE) == expected
    assert upper(server, [INLINE]) == expected
    assert uploaded(server).status == 404


@pytest.mark.parametrize("version", ["3.4.1", "3.16.2", "3.50.2"])
def test_then_they_came_out_by_name(version: str) -> None:
    server = made(version)
    file = upper(server, INLINE)
    assert list(file) == ["orig_name", "name", "size", "data", "is_file"]
    assert (file["orig_name"], file["size"], file["data"], file["is_file"]) == ("hello.txt", 10, None, True)
    assert Http(server).request("GET", f"/file={file['name']}").body == b"HELLO FILE"


def test_uploads_came_with_3_19() -> None:
    assert uploaded(made("3.16.2")).status == 404
    server = made("3.50.2")
    path = uploaded(server).json[0]
    file = upper(server, {"name": path, "orig_name": "hello.txt", "is_file": True, "data": None})
    assert Http(server).request("GET", f"/file={file['name']}").body == b"HELLO FILE"


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("4.0.2", ["path", "url", "size", "orig_name", "mime_type"]),
        ("4.19.2", ["path", "url", "size", "orig_name", "mime_type", "is_stream"]),
        ("4.21.0", ["path", "url", "size", "orig_name", "mime_type", "is_stream", "meta"]),
        ("5.0.2", ["path", "url", "size", "orig_name", "mime_type", "is_stream", "meta"]),
    ],
)
def test_later_they_go_by_path_with_more_and_more_fields(version: str, fields: list[str]) -> None:
    server = made(version)
    file = upper(server, {"path": uploaded(server).json[0]})  # without meta, which is needed from 5.5 on
    assert list(file) == fields
    prefix = server.app.profile.api_prefix
    assert file["url"] == (None if version == "4.0.2" else f"http://fake.test{prefix}/file={file['path']}")


def test_a_file_without_meta_is_refused_from_5_5_on() -> None:
    for version, accepted in (("5.4.0", True), ("5.5.0", False)):
        server = made(version)
        assert (upper(server, {"path": uploaded(server).json[0]}) is not None) is accepted


def test_a_field_of_another_name_is_no_file_or_no_upload() -> None:
    old = uploaded(made("3.50.2"), field="other")
    assert (old.status, old.json["detail"][0]["loc"]) == (422, ["body", "files"])
    assert uploaded(made("4.0.2"), field="other").json == []


@pytest.mark.parametrize(
    ("version", "absolute", "relative"),
    [
        ("3.16.2", (500, None), (500, None)),
        ("3.32.0", (403, "File cannot be fetched: /etc/passwd. All files"), (404, "File not found")),
        ("3.50.2", (403, "File not allowed: /etc/passwd."), (404, "File not found: x.")),
        ("4.0.2", (403, "File not allowed: /etc/passwd."), (403, "File not allowed: x.")),
    ],
)
def test_other_peoples_files_are_refused(
    version: str, absolute: tuple[int, str | None], relative: tuple[int, str | None]
) -> None:
    server = made(version)
    for path, (status, detail) in (("/etc/passwd", absolute), ("x", relative)):
        response = Http(server).request("GET", f"/file={path}")
        assert response.status == status
        assert detail is None or response.json["detail"].startswith(detail)


def test_a_range_without_an_end_is_obeyed_from_5_on() -> None:
    for version, status, body in (("4.44.1", 200, HELLO), ("5.0.2", 206, HELLO[2:])):
        server = made(version)
        path = f"{server.app.profile.api_prefix}/file={uploaded(server).json[0]}"
        response = Http(server).request("GET", path, headers=[("range", "bytes=2-")])
        assert (response.status, response.body) == (status, body)


def test_the_progress_of_an_unknown_upload_is_empty_until_5() -> None:
    assert Http(made("4.0.2")).request("GET", "/upload_progress?upload_id=x").status == 404
    response = Http(made("4.44.1")).request("GET", "/upload_progress?upload_id=x")
    assert (response.status, response.body, response.whole) == (200, b"", True)


def test_the_address_of_a_file_lacks_a_digit_in_a_call_until_5_23() -> None:
    for version, host in (("5.22.0", "fake.tes"), ("5.23.0", "fake.test")):
        server = made(version)
        value = {"data": [{"path": uploaded(server).json[0], "meta": {"_type": "gradio.FileData"}}]}
        event_id = Http(server).request("POST", "/gradio_api/call/upper", value=value).json["event_id"]
        body = Http(server).start("GET", f"/gradio_api/call/upper/{event_id}").body
        assert f'"http://{host}/gradio_api/file='.encode() in body


# -- login


def login(server: MemoryServer, user: str = "ali", password: str = "x") -> Response:
    return Http(server).request("POST", "/login", body=f"username={user}&password={password}".encode(), headers=FORM)


def cookies_of(response: Response) -> list[str]:
    return [value for name, value in response.headers if name == "set-cookie"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_login_opens_the_config(version: str) -> None:
    server = made(version, auth={"ali": "x"})
    closed = Http(server).request("GET", "/config")
    detail = {"error": "Not authenticated", "auth_message": None}
    assert closed.status == 401
    assert closed.json["detail"] == (detail if server.app.profile.detailed_refusal else "Not authenticated")
    assert b'{"auth_required":true,"auth_message":null' in Http(server).request("GET", "/").body
    assert login(server, password="y").status == 400
    for cookie in cookies_of(login(server)):
        headers = [("cookie", cookie.partition(";")[0])]
        assert Http(server).request("GET", "/config", headers=headers).status == 200


def test_the_cookies_have_the_names_of_their_time() -> None:
    server = made("3.16.2", auth={"ali": "x"})
    response = login(server)
    assert (response.status, response.header("location")) == (302, "/")
    (only,) = cookies_of(response)
    assert only.startswith("access-token=")
    assert only.endswith("; HttpOnly; Path=/; SameSite=lax")
    names = [cookie.partition("=")[0] for cookie in cookies_of(login(made("3.39.0", auth={"ali": "x"})))]
    assert names == ["access-token", "access-token-unsecure"]
    server = made("3.50.2", auth={"ali": "x"})
    response = login(server)
    assert response.json == {"success": True}
    names = [cookie.partition("=")[0] for cookie in cookies_of(response)]
    assert names == [f"access-token-{server.app.cookie_id}", f"access-token-unsecure-{server.app.cookie_id}"]


def test_spaces_around_a_user_name_were_part_of_it_before_3_50() -> None:
    for version, status in (("3.39.0", 400), ("3.50.2", 200)):
        assert login(made(version, auth={"ali": "x"}), user="%20ali%20").status == status


# -- documents


@pytest.mark.parametrize("version", VERSIONS)
def test_the_page_has_the_config_too(version: str) -> None:
    body = Http(made(version)).request("GET", "/").body.decode()
    assert "window.gradio_config = {" in body
    assert ("window.gradio_api_info = {" in body) == (version.startswith(("5", "6")) or version == "4.44.1")


def test_the_root_is_a_path_until_4_18_and_then_an_address() -> None:
    for version, root in (("3.50.2", ""), ("4.12.0", ""), ("4.19.2", "http://fake.test")):
        assert Http(made(version)).request("GET", "/config").json["root"] == root
    headers = [("x-forwarded-host", "pub.example")]
    for version, host in (("4.19.2", "fake.test"), ("4.25.0", "pub.example")):
        assert Http(made(version)).request("GET", "/config", headers=headers).json["root"] == f"http://{host}"


def test_endpoints_that_are_not_for_clients_are_named_as_each_version_does() -> None:
    for version, name in (("3.0.24", None), ("3.50.2", False), ("4.44.1", False), ("6.0.2", "secret")):
        server = made(version)
        dependencies = Http(server).request("GET", "/config").json["dependencies"]
        endpoint = server.app.find_endpoint("secret")
        assert endpoint is not None
        assert dependencies[endpoint.index]["api_name"] is name or dependencies[endpoint.index]["api_name"] == name
    described = Http(made("3.32.0")).request("GET", "/info").json["unnamed_endpoints"]
    assert list(described) == ["9"]


def test_gradio_2_describes_its_one_function() -> None:
    config = Http(made("2.9.4", interface="/add")).request("GET", "/config").json
    assert [component["name"] for component in config["input_components"]] == ["number", "number"]
    assert [component["label"] for component in config["input_components"]] == ["a", "b"]
    assert [component["name"] for component in config["output_components"]] == ["number"]
    assert config["queue"] is True
