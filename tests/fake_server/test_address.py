"""An app behind a root path, mounted below a path, or behind proxies: what it answers, and what it calls itself.

What is expected was seen at real servers of each version.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gradproto_fake_server import FakeApp, FakeFile, MemoryServer

from .wire import Http, multipart, sse_events

JSON = [("content-type", "application/json")]
FORM = [("content-type", "multipart/form-data; boundary=the-boundary")]
PLACES: dict[str, dict[str, str]] = {"plain": {}, "root": {"root_path": "/proxied"}, "mounted": {"mount_path": "/sub"}}
PREFIXES = {"plain": "", "root": "", "mounted": "/sub"}
PROXY = [("x-forwarded-host", "pub.example"), ("x-forwarded-proto", "https")]
DIRECT = [("x-direct-url", "https://direct.example/x")]
SERVER = [("x-gradio-server", "http://srv.example/y/gradio_api/queue/join")]


def made(version: str = "6.31.0", **options: Any) -> Http:
    app = FakeApp(version, **options)

    @app.endpoint("/echo")
    def echo(text: str) -> str:
        return text

    if not version.startswith("2."):

        @app.endpoint("/make", inputs=["textbox"], outputs=["file"])
        def make(text: str) -> FakeFile:
            return FakeFile("made.txt", text.encode())

    return Http(MemoryServer(app))


# The root in the config: to a plain request, behind a proxy, with x-direct-url, with x-gradio-server.
SEEN: list[tuple[str, str, tuple[str, str, str, str]]] = [
    ("3.32.0", "plain", ("", "", "", "")),
    ("3.39.0", "plain", ("", "", "", "")),
    ("3.50.2", "plain", ("", "", "https://direct.example/x", "")),
    ("4.0.2", "plain", ("", "", "https://direct.example/x", "")),
    ("4.12.0", "plain", ("", "", "https://direct.example/x", "")),
    ("4.19.2", "plain", ("http://fake.test", "https://fake.test", "http://fake.test", "http://fake.test")),
    ("4.21.0", "plain", ("http://fake.test", "https://pub.", "http://fake.test", "http://fake.test")),
    ("4.25.0", "plain", ("http://fake.test", "https://pub.example", "http://fake.test", "http://fake.test")),
    ("4.31.5", "plain", ("http://fake.test", "https://pub.example", "http://fake.test", "http://fake.test")),
    ("4.44.1", "plain", ("http://fake.test", "https://pub.example", "http://fake.test", "http://fake.test")),
    ("5.0.2", "plain", ("http://fake.test", "https://pub.example", "http://fake.test", "http://fake.test")),
    ("5.29.0", "plain", ("http://fake.test", "https://pub.example", "http://fake.test", "http://fake.test")),
    ("5.50.0", "plain", ("http://fake.test", "https://pub.example", "http://fake.test", "http://fake.test")),
    ("6.0.2", "plain", ("http://fake.test", "https://pub.example", "http://fake.test", "http://fake.test")),
    (
        "6.13.0",
        "plain",
        ("http://fake.test", "https://pub.example", "http://fake.test", "http://srv.example/y/gradio_api/queue/join"),
    ),
    (
        "6.31.0",
        "plain",
        ("http://fake.test", "https://pub.example", "http://fake.test", "http://srv.example/y/gradio_api/queue/join"),
    ),
    ("3.32.0", "root", ("/proxied", "/proxied", "/proxied", "/proxied")),
    ("3.39.0", "root", ("/proxied", "/proxied", "/proxied", "/proxied")),
    ("3.50.2", "root", ("/proxied", "/proxied", "/proxied", "/proxied")),
    ("4.0.2", "root", ("/proxied", "/proxied", "/proxied", "/proxied")),
    ("4.12.0", "root", ("/proxied", "/proxied", "/proxied", "/proxied")),
    (
        "4.19.2",
        "root",
        (
            "http://fake.test/proxied",
            "https://fake.test/proxied",
            "http://fake.test/proxied",
            "http://fake.test/proxied",
        ),
    ),
    (
        "4.21.0",
        "root",
        ("http://fake.test/proxied", "https://pub./proxied", "http://fake.test/proxied", "http://fake.test/proxied"),
    ),
    (
        "4.25.0",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://fake.test/proxied",
        ),
    ),
    (
        "4.31.5",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://fake.test/proxied",
        ),
    ),
    (
        "4.44.1",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://fake.test/proxied",
        ),
    ),
    (
        "5.0.2",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://fake.test/proxied",
        ),
    ),
    (
        "5.29.0",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://fake.test/proxied",
        ),
    ),
    (
        "5.50.0",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://fake.test/proxied",
        ),
    ),
    (
        "6.0.2",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://fake.test/proxied",
        ),
    ),
    (
        "6.13.0",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://srv.example/proxied",
        ),
    ),
    (
        "6.31.0",
        "root",
        (
            "http://fake.test/proxied",
            "https://pub.example/proxied",
            "http://fake.test/proxied",
            "http://srv.example/proxied",
        ),
    ),
    ("3.32.0", "mounted", ("/sub", "/sub", "/sub", "/sub")),
    ("3.39.0", "mounted", ("/sub", "/sub", "/sub", "/sub")),
    ("3.50.2", "mounted", ("/sub", "/sub", "/sub", "/sub")),
    ("4.0.2", "mounted", ("/sub", "/sub", "/sub", "/sub")),
    ("4.12.0", "mounted", ("/sub", "/sub", "/sub", "/sub")),
    (
        "4.19.2",
        "mounted",
        ("http://fake.test/sub", "https://fake.test/sub", "http://fake.test/sub", "http://fake.test/sub"),
    ),
    ("4.21.0", "mounted", ("http://fake.test/sub", "https://pub.", "http://fake.test/sub", "http://fake.test/sub")),
    (
        "4.25.0",
        "mounted",
        ("http://fake.test/sub", "https://pub.example", "http://fake.test/sub", "http://fake.test/sub"),
    ),
    (
        "4.31.5",
        "mounted",
        ("http://fake.test/sub", "https://pub.example", "http://fake.test/sub", "http://fake.test/sub"),
    ),
    (
        "4.44.1",
        "mounted",
        ("http://fake.test/sub", "https://pub.example", "http://fake.test/sub", "http://fake.test/sub"),
    ),
    (
        "5.0.2",
        "mounted",
        ("http://fake.test/sub", "https://pub.example", "http://fake.test/sub", "http://fake.test/sub"),
    ),
    (
        "5.50.0",
        "mounted",
        ("http://fake.test/sub", "https://pub.example/sub", "http://fake.test/sub", "http://fake.test/sub"),
    ),
    (
        "6.13.0",
        "mounted",
        ("http://fake.test/sub", "https://pub.example/sub", "http://fake.test/sub", "http://srv.example/sub"),
    ),
    (
        "6.31.0",
        "mounted",
        ("http://fake.test/sub", "https://pub.example/sub", "http://fake.test/sub", "http://srv.example/sub"),
    ),
]


@pytest.mark.parametrize(("version", "place", "roots"), SEEN)
def test_an_app_says_where_its_root_is(version: str, place: str, roots: tuple[str, ...]) -> None:
    http = made(version, **PLACES[place])
    for headers, root in zip(([], PROXY, DIRECT, SERVER), roots, strict=True):
        config = http.request("GET", f"{PREFIXES[place]}/config", headers=headers).json
        assert (config["root"], headers) == (root, headers)
        page = http.request("GET", f"{PREFIXES[place]}/", headers=headers).body.decode()
        said = re.search(r"window\.gradio_config = (.*?);</script>", page)
        # The page cuts nothing of a forwarded host, for its own route has no length.
        cut = version == "4.21.0" and headers is PROXY
        assert said is not None
        assert json.loads(said[1])["root"] == root or cut


@pytest.mark.parametrize("version", ["3.32.0", "3.50.2", "4.0.2", "4.44.1", "5.50.0", "6.31.0"])
def test_a_whole_url_is_the_root_whatever_the_request_says(version: str) -> None:
    http = made(version, root_path="https://pub.example/base/")
    for headers in ([], PROXY, DIRECT, SERVER):
        assert http.request("GET", "/config", headers=headers).json["root"] == "https://pub.example/base"
    assert http.request("GET", "/base/config").status == 404


@pytest.mark.parametrize(
    ("version", "with_it", "redirected"),
    [("3.39.0", 404, "/proxied/robots.txt"), ("3.50.2", 200, "/robots.txt"), ("6.31.0", 200, "/robots.txt")],
)
def test_a_root_path_may_stand_before_the_apps_own_paths(version: str, with_it: int, redirected: str) -> None:
    http = made(version, root_path="/proxied")
    assert http.request("GET", "/robots.txt").status == 200
    assert http.request("GET", "/proxied/robots.txt").status == with_it
    assert http.request("GET", "/proxiedx/robots.txt").status == 404
    response = http.request("GET", "/robots.txt/?a=b")
    assert (response.status, response.header("location")) == (307, f"http://fake.test{redirected}?a=b")
    if with_it == 200:
        assert http.request("GET", "/proxied").header("location") == "http://fake.test/proxied/"
        assert http.request("GET", "/proxied/robots.txt/").header("location") == "http://fake.test/proxied/robots.txt"


@pytest.mark.parametrize("version", ["3.4.1", "3.50.2", "4.44.1", "6.31.0"])
def test_a_mounted_app_is_below_its_path_and_nowhere_else(version: str) -> None:
    http = made(version, mount_path="/sub")
    api = "/sub" + http.server.app.profile.api_prefix
    for path, status in (
        ("/sub/config", 200),
        ("/sub/config/", 200),
        ("/%73ub/config", 200),
        (f"{api}/user", 200),
        ("/", 404),
        ("/config", 404),
        ("/config/", 404),
        ("/subx", 404),
        ("/SUB/config", 404),
        ("/sub//config", 404),
        ("/sub/sub/config", 404),
        ("/sub/nosuch/", 404),
    ):
        response = http.request("GET", path)
        assert (path, response.status) == (path, status)
        if status == 404:
            assert response.body == b'{"detail":"Not Found"}'
    for method in ("GET", "HEAD", "POST"):
        response = http.request(method, "/sub")
        assert (response.status, response.header("location")) == (307, "http://fake.test/sub/")
    assert http.request("POST", "/config").status == 404
    assert http.request("POST", "/sub/config").status == 405


@pytest.mark.parametrize(
    ("version", "place", "direct", "called", "proxied"),
    [
        ("4.25.0", "plain", "http://fake.test", "http://fake.tes", "https://pub.example"),
        ("4.25.0", "root", "http://fake.test/proxied", "http://fake.tes/proxied", "https://pub.example/proxied"),
        ("4.25.0", "mounted", "http://fake.test/sub", "http://fake.test/su", "https://pub.example"),
        ("5.50.0", "plain", "http://fake.test", "http://fake.test", "https://pub.example"),
        ("5.50.0", "mounted", "http://fake.test/sub", "http://fake.test/sub", "https://pub.example"),
        ("6.31.0", "root", "http://fake.test/proxied", "http://fake.test/proxied", "https://pub.example/proxied"),
        ("6.31.0", "mounted", "http://fake.test", "http://fake.test/sub", "https://pub.example"),
    ],
)
def test_a_produced_file_has_an_address_that_is_not_always_right(
    version: str, place: str, direct: str, called: str, proxied: str
) -> None:
    http = made(version, **PLACES[place])
    api = PREFIXES[place] + http.server.app.profile.api_prefix

    def call(headers: list[tuple[str, str]]) -> str:
        event = http.request("POST", f"{api}/call/make", value={"data": ["x"]}, headers=headers).json["event_id"]
        stream = http.start("GET", f"{api}/call/make/{event}", headers=headers).body
        url: str = json.loads(stream.rpartition(b"data: ")[2])[0]["url"]
        return url.partition(http.server.app.profile.api_prefix + "/file=")[0]

    file = http.request("POST", f"{api}/run/make", value={"data": ["x"]}).json["data"][0]
    assert file["url"] == f"{direct}{http.server.app.profile.api_prefix}/file={file['path']}"
    assert (call([]), call(PROXY)) == (called, proxied)


def test_a_mounted_app_takes_and_gives_files_and_streams() -> None:
    http = made(mount_path="/deep/down")
    api = "/deep/down/gradio_api"
    (path,) = http.request("POST", f"{api}/upload", body=multipart([("files", "a.txt", b"1")]), headers=FORM).json
    assert http.request("GET", f"{api}/file={path}").body == b"1"
    assert http.request("GET", f"/gradio_api/file={path}").status == 404
    value = {"data": ["x"], "fn_index": 0, "session_hash": "s"}
    assert http.request("POST", f"{api}/queue/join", value=value).status == 200
    messages = sse_events(http.start("GET", f"{api}/queue/data?session_hash=s").body)
    assert messages[-2]["output"]["data"] == ["x"]
    assert http.server.app.requests[-1].path == f"{api}/queue/data"


@pytest.mark.parametrize(
    ("version", "options", "home"),
    [
        ("3.50.2", {"mount_path": "/sub"}, "/"),
        ("4.44.1", {"root_path": "/proxied"}, "/"),
        ("6.31.0", {}, "http://fake.test"),
        ("6.31.0", {"mount_path": "/sub"}, "http://fake.test/sub"),
        ("6.31.0", {"root_path": "/proxied"}, "http://fake.test/proxied"),
    ],
)
def test_who_needs_no_login_is_sent_home(version: str, options: dict[str, str], home: str) -> None:
    http = made(version, **options)
    form = [("content-type", "application/x-www-form-urlencoded")]
    prefix = options.get("mount_path", "")
    response = http.request("POST", f"{prefix}/login", body=b"username=a&password=b", headers=form)
    assert (response.status, response.header("location")) == (302, home)
    if version != "3.50.2":
        assert http.request("GET", f"{prefix}/logout").header("location") == home


def test_a_login_holds_below_the_path_too() -> None:
    http = made(mount_path="/sub", auth={"ali": "x"})
    assert http.request("GET", "/sub/config").status == 401
    form = [("content-type", "application/x-www-form-urlencoded")]
    response = http.request("POST", "/sub/login", body=b"username=ali&password=x", headers=form)
    cookie = response.header("set-cookie")
    assert cookie is not None
    assert "; Path=/;" in cookie
    assert http.request("GET", "/sub/config", headers=[("cookie", cookie.partition(";")[0])]).status == 200


def test_faults_and_the_log_know_the_whole_path() -> None:
    http = made(mount_path="/sub")
    http.server.app.fail("GET /sub/config", status=503)
    assert http.request("GET", "/sub/config").status == 503
    assert [(record.path, record.kind) for record in http.server.app.requests] == [("/sub/config", "config")]


@pytest.mark.parametrize(
    ("version", "options", "message"),
    [
        ("6.31.0", {"root_path": "proxied"}, "root_path is a path as '/app' or a whole URL, not 'proxied'"),
        ("6.31.0", {"root_path": "ftp://a/b"}, "root_path is a path"),
        ("6.31.0", {"root_path": "/a?b"}, "root_path is a path"),
        ("6.31.0", {"root_path": "/a\r\nx: y"}, "root_path is a path"),
        ("6.31.0", {"mount_path": "sub"}, "mount_path is a path as '/app', not 'sub'"),
        ("6.31.0", {"mount_path": "http://a/b"}, "mount_path is a path"),
        ("6.31.0", {"root_path": "/a", "mount_path": "/b"}, "beside a mount_path, root_path is a whole URL"),
        ("2.9.4", {"mount_path": "/sub"}, "Gradio 2.9.4 cannot be mounted"),
        ("3.16.2", {"root_path": "/a"}, "Gradio 3.16.2 knows no root_path"),
    ],
)
def test_what_is_no_path_is_refused(version: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        FakeApp(version, **options)  # type: ignore[arg-type]


def test_a_slash_at_the_end_is_no_part_of_a_path() -> None:
    assert made(root_path="/a/").request("GET", "/config").json["root"] == "http://fake.test/a"
    assert made(mount_path="/a/").request("GET", "/a/config").json["root"] == "http://fake.test/a"
    assert made(root_path="/", mount_path="/").request("GET", "/config").json["root"] == "http://fake.test"
