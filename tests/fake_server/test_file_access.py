"""Which files a client gets, how they are named, and how it is refused: seen at real servers of each version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gradproto_fake_server import DirectoryFiles, FakeApp, MemoryFiles, MemoryServer

from .wire import Http, Response, multipart

FORM = [("content-type", "multipart/form-data; boundary=the-boundary")]
VERSIONS = ["3.32.0", "3.50.2", "4.12.0", "4.25.0", "4.44.1", "5.50.0", "6.31.0"]


def made(version: str, **options: Any) -> Http:
    return Http(MemoryServer(FakeApp(version, **options)))


def upload(http: Http, name: str = "a.txt") -> Response:
    return http.request("POST", f"{prefix(http)}/upload", body=multipart([("files", name, b"1")]), headers=FORM)


def prefix(http: Http) -> str:
    return http.server.app.profile.api_prefix


def ask(http: Http, path: str, **options: Any) -> Response:
    responses = [http.request("GET", f"{prefix(http)}/{route}{path}", **options) for route in ("file=", "file/")]
    first, second = ((response.status, response.headers, response.body) for response in responses)
    assert first == second
    return responses[0]


# {D} is the directory of an uploaded file a.txt, {R} that of all. The answers are for VERSIONS: s(erved),
# n(ot allowed), a(bsent), l(ong words), f(orbidden), c(rash).
PATHS = {
    "{D}/./a.txt": "sssssss",
    "{D}//a.txt": "sssssss",
    "{D}/a.txt/": "sssssss",
    "{D}/a.txt?x=1": "sssssss",
    "%2F{D}/a.txt": "lnnnnnn",
    "{D}": "fnnnnnn",
    "{D}/": "fnnnnnn",
    "{R}": "fnnnnnn",
    "{D}/nosuch": "aaaaann",
    "{D}/a.txt%00": "aaaaann",
    "{D}/a.txt%20": "aaaaann",
    "{D}/a.txt%23x": "aaaaann",
    "{D}/%252e%252e/x": "aaaaann",
    "{D}/../../../secret.txt": "lnnnnnn",
    "{D}/%2e%2e/%2e%2e/%2e%2e/secret.txt": "lnnnnnn",
    "/etc/passwd": "lnnnnnn",
    "/nosuch/file": "lnnnnnn",
    "nosuch.txt": "aannnnn",
    "~/x": "aannnnn",
    "%5c%5chost%5cx": "aannnnn",
    "../secret.txt": "lnnnnnn",
    ".hidden": "annnnnn",
    "file:///etc/passwd": "aannnnn",
    "/%ff": "lnnnnnn",
    "/" + "x" * 300: "lcccc" + "nn",
}


def kind_of(response: Response) -> str:
    if response.status == 200:
        return "s"
    if response.status == 500:
        return "c"
    detail: str = response.json["detail"]
    assert response.status == (404 if "not found" in detail else 403)
    words = {"File not allowed": "n", "File not found": "a", "File cannot be fetched": "l", "Forbidden": "f"}
    return next(kind for words_begin, kind in words.items() if detail.startswith(words_begin))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_path_gets_its_file_or_a_refusal(version: str) -> None:
    http = made(version)
    directory = os.path.dirname(upload(http).json[0])
    for path, kinds in PATHS.items():
        asked = path.replace("{D}", directory).replace("{R}", os.path.dirname(directory))
        assert f"{path}: {kind_of(ask(http, asked))}" == f"{path}: {kinds[VERSIONS.index(version)]}"


@pytest.mark.parametrize("version", ["2.9.4", "3.4.1", "3.16.2"])
def test_an_old_gradio_crashes_for_what_is_not_there(version: str) -> None:
    http = made(version)
    assert http.request("GET", "/file//etc/passwd").status == 500
    assert http.request("GET", "/file/nosuch.txt").status == 500


def test_two_dots_that_lead_back_were_not_always_fine() -> None:
    for version, status in (("3.32.0", 200), ("3.50.2", 403), ("4.25.0", 403), ("4.44.1", 200), ("6.31.0", 200)):
        http = made(version)
        path: str = upload(http).json[0]
        directory = os.path.dirname(path)
        response = ask(http, f"{directory}/../{os.path.basename(directory)}/a.txt")
        assert (version, response.status) == (version, status)


@pytest.mark.parametrize(
    ("version", "status"), [("3.50.2", 404), ("4.12.0", 302), ("5.50.0", 302), ("6.13.0", 302), ("6.31.0", 403)]
)
def test_a_url_in_place_of_a_path_may_be_redirected_to(version: str, status: int) -> None:
    for url in ("https://example.com/x", "http://127.0.0.1:1/x"):
        response = ask(made(version), url)
        assert (response.status, response.header("location")) == (status, url if status == 302 else None)


def test_a_redirection_has_no_line_of_its_own_in_the_headers() -> None:
    response = ask(made("5.50.0"), "https://example.com/%0d%0aset-cookie:%20a=b")
    assert response.header("location") == "https://example.com/%0D%0Aset-cookie:%20a=b"
    assert response.header("set-cookie") is None


# -- what the app's author allows


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "open" / "closed").mkdir(parents=True)
    for name in ("open/a.txt", "open/page.html", "open/.dot", "open/closed/b.txt", "secret.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "open" / "link.txt").symlink_to(tmp_path / "secret.txt")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("open/a.txt", "sssssss"),
        ("open/page.html", "sssssss"),
        ("open/.dot", "snsssss"),
        ("open/link.txt", "sssssnn"),
        ("open/closed/b.txt", "nnnnnnn"),
        ("open", "fnnnnnn"),
        ("open/nosuch.txt", "aaaaann"),
        ("secret.txt", "lnnnnnn"),
        ("open/../secret.txt", "lnnnnnn"),
        ("open/a.txt%00", "aaaaann"),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_allowed_is_served_and_what_is_blocked_is_not(place: Path, version: str, path: str, kinds: str) -> None:
    # pytest's own directory may have a dot in it, which Gradio 3.50 would take for a hidden one.
    options = {"allowed_paths": [str(place / "open")], "blocked_paths": [str(place / "open" / "closed")]}
    assert kind_of(ask(made(version, **options), f"{place}/{path}")) == kinds[VERSIONS.index(version)]


def test_the_whole_machine_may_be_allowed_or_blocked(place: Path) -> None:
    assert ask(made("6.31.0", allowed_paths=["/"]), f"{place}/secret.txt").status == 200
    http = made("6.31.0", allowed_paths=["/"], blocked_paths=["/"])
    assert ask(http, f"{place}/secret.txt").status == 403


@pytest.mark.parametrize(
    ("version", "content_type", "disposition"),
    [
        ("3.50.2", "text/html; charset=utf-8", None),
        ("4.44.1", "application/octet-stream", 'attachment; filename="page.html"'),
        ("5.50.0", "text/html; charset=utf-8", 'inline; filename="page.html"'),
    ],
)
def test_a_page_that_is_allowed_may_be_shown(
    place: Path, version: str, content_type: str, disposition: str | None
) -> None:
    response = ask(made(version, allowed_paths=[str(place)]), f"{place}/open/page.html")
    assert (response.header("content-type"), response.header("content-disposition")) == (content_type, disposition)


def test_the_whole_machine_can_be_allowed(place: Path) -> None:
    assert kind_of(ask(made("6.31.0", allowed_paths=["/"]), f"{place}/open/page.html")) == "s"
    assert kind_of(ask(made("6.31.0", allowed_paths=["/"], blocked_paths=["/"]), f"{place}/open/page.html")) == "n"


@pytest.mark.parametrize("files", [MemoryFiles, DirectoryFiles])
def test_an_upload_can_be_blocked(files: type[MemoryFiles] | type[DirectoryFiles]) -> None:
    store = files()
    http = made("6.31.0", files=store, blocked_paths=[store.root])
    assert kind_of(ask(http, upload(http).json[0])) == "n"
    store.close()


def test_a_gradio_without_allowed_paths_refuses_them() -> None:
    with pytest.raises(ValueError, match=r"Gradio 3\.16\.2 has no allowed_paths"):
        FakeApp("3.16.2", allowed_paths=["/tmp"])
    with pytest.raises(ValueError, match="no blocked_paths"):
        FakeApp("3.16.2", blocked_paths=["/tmp"])


# -- names of uploads


NAMES = {
    "a b.txt": ("a b.txt", "a b.txt", "a b.txt"),
    "../../x.txt": ("x.txt", "x.txt", "x.txt"),
    ".hidden": (".hidden", ".hidden", ".hidden"),
    "a/b.txt": ("b.txt", "b.txt", "b.txt"),
    "a%20b.txt": ("a20b.txt", "a20b.txt", "a%20b.txt"),
    "é ✓.txt": ("é .txt", "é .txt", "é ✓.txt"),
    "a<b>|c.t:xt": ("abc.txt", "abc.t:xt", "abc.txt"),
    "x. .": ("x. .", "x. .", "x"),
    "con.txt": ("con.txt", "con.txt", "_con.txt"),
    "$!`.txt": (".txt", ".txt", "file.txt"),
    "a#b?c&d.txt": ("abcd.txt", "abcd.txt", "a#bc&d.txt"),
    "a;b'c,d(e)[f]{g}.txt": ("abcdefg.txt", "abc,defg.txt", "a;b'c,d(e)[f]g.txt"),
    "x" * 300 + ".txt": ("x" * 200, "x" * 196 + ".txt", "x" * 196 + ".txt"),
    "é" * 300 + ".txt": ("é" * 100, "é" * 98 + ".txt", "é" * 98 + ".txt"),
    "a=b+c~d@e^f.txt": ("abcdef.txt", "abcdef.txt", "a=b+c~d@e^f.txt"),
    "✓": ("file", "file", "✓"),
}


@pytest.mark.parametrize(
    ("version", "era"),
    [
        ("3.32.0", 0),
        ("3.50.2", 0),
        ("4.44.1", 0),
        ("5.0.2", 0),
        ("5.29.0", 1),
        ("5.50.0", 1),
        ("6.0.2", 1),
        ("6.31.0", 2),
    ],
)
def test_an_upload_keeps_what_its_time_keeps_of_its_name(version: str, era: int) -> None:
    http = made(version)
    for name, stored in NAMES.items():
        path: str = upload(http, name).json[0]
        assert path.rpartition("/")[2] == stored[era]
        hidden = http.server.app.profile.hides_dotfiles and stored[era].startswith(".")
        assert kind_of(ask(http, quote(path))) == ("n" if hidden else "s")


@pytest.mark.parametrize(("version", "status"), [("3.50.2", 500), ("4.44.1", 400), ("5.50.0", 400), ("6.31.0", 400)])
def test_an_upload_cannot_be_called_like_the_directory_above(version: str, status: int) -> None:
    http = made(version)
    assert upload(http, "..").status == status
    assert http.server.app.requests[-1].end == "complete"


@pytest.mark.parametrize(("version", "status"), [("3.32.0", 422), ("3.50.2", 422), ("4.0.2", 400), ("6.31.0", 400)])
def test_an_upload_is_a_form(version: str, status: int) -> None:
    http = made(version)
    headers = [("content-type", "application/json")]
    assert http.request("POST", f"{prefix(http)}/upload", body=b"x", headers=headers).status == status


# -- headers


@pytest.mark.parametrize(
    ("name", "before", "since_4_44", "since_6_13"),
    [
        ("t.html", "text/html; charset=utf-8", "attachment application/octet-stream", None),
        ("t.svg", "image/svg+xml", "attachment application/octet-stream", None),
        ("t.js", "application/javascript", "attachment application/octet-stream", None),
        ("t.txt", "text/plain; charset=utf-8", "inline text/plain; charset=utf-8", None),
        ("t.json", "application/json", "inline application/json", None),
        ("t.png", "image/png", "inline image/png", None),
        ("t.wav", "audio/x-wav", "attachment application/octet-stream", "inline audio/wav"),
        ("t", "text/plain; charset=utf-8", "attachment application/octet-stream", None),
    ],
)
def test_a_browser_is_told_to_save_what_may_harm_it(
    name: str, before: str, since_4_44: str, since_6_13: str | None
) -> None:
    for version, expected in (
        ("3.32.0", before),
        ("4.25.0", before),
        ("4.44.1", since_4_44),
        ("6.0.2", since_4_44),
        ("6.31.0", since_6_13 or since_4_44),
    ):
        http = made(version)
        response = ask(http, upload(http, name).json[0])
        disposition = response.header("content-disposition")
        shown = "" if disposition is None else disposition.partition(";")[0] + " "
        assert (version, f"{shown}{response.header('content-type')}") == (version, expected)


@pytest.mark.parametrize(
    ("version", "wanted", "status", "where"),
    [
        ("3.50.2", "bytes=2-5", 206, "bytes 2-5/10"),
        ("3.50.2", "bytes=2-", 200, None),
        ("3.50.2", "lines=1-2", 200, None),
        ("3.50.2", "bytes=0-1,4-5", 500, None),
        ("4.44.1", "bytes=-3", 200, None),
        ("5.50.0", "bytes=2-", 206, "bytes 2-9/10"),
        ("5.50.0", "bytes=-30", 416, "*/10"),
        ("5.50.0", "bytes=10-", 416, "*/10"),
        ("5.50.0", "BYTES=2-5", 206, "bytes 2-5/10"),
        ("5.50.0", "lines=1-2", 400, None),
        ("6.31.0", "bytes=-30", 206, "bytes 0-9/10"),
        ("6.31.0", "bytes=-0", 416, "bytes */10"),
        ("6.31.0", "bytes= 2-500", 206, "bytes 2-9/10"),
    ],
)
def test_a_part_is_given_as_its_time_gives_it(version: str, wanted: str, status: int, where: str | None) -> None:
    http = made(version)
    body = multipart([("files", "a.txt", b"0123456789")])
    path = http.request("POST", f"{prefix(http)}/upload", body=body, headers=FORM).json[0]
    response = ask(http, path, headers=[("range", wanted)])
    assert (response.status, response.header("content-range")) == (status, where)
    # Unlike Gradio, which sends the client's own headers back with a range, cookies and all.
    assert response.header("range") is None


def test_a_part_of_a_file_that_has_changed_is_the_whole() -> None:
    http = made("6.31.0")
    path = upload(http).json[0]
    tag = ask(http, path).header("etag") or ""
    for condition, status in ((tag, 206), ('"other"', 200)):
        assert ask(http, path, headers=[("range", "bytes=0-"), ("if-range", condition)]).status == status


def test_the_headers_of_an_old_part_are_few() -> None:
    http = made("3.50.2")
    path = upload(http).json[0]
    response = ask(http, path, headers=[("range", "bytes=0-0")])
    names = [name for name, _ in response.headers if name not in ("date", "server")]
    assert names == ["content-type", "content-range", "content-length"]
    assert response.header("content-type") == "text/plain; charset=utf-8"
