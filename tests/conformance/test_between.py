"""What stands between: proxies that buffer, rewrite addresses, or lead to several replicas, each told by its name."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradproto_conformance._areas import between
from gradproto_conformance._areas import named as named_area
from gradproto_conformance._checks import Result, Verdict
from gradproto_conformance._suite import Options, run
from gradproto_fake_server import FakeServer
from tests.conformance.results import server
from tests.conformance.runs import check
from tests.conformance.twin import twin
from tests.transports.nginx import BARE, DOCUMENTED, NGINX, Nginx
from tests.transports.servers import Proxy, RawServer

nginx_wanted = pytest.mark.skipif(NGINX is None, reason="there is no nginx (on Debian: apt-get install nginx-light)")

# By default nginx speaks HTTP/1.0 to the app. It holds back only what has no chunks, of which it lets each through.
BUFFERED = BARE
# The port is in this Host, so that the app's idea of its address is right but for the path.
WHOLE_HOST = DOCUMENTED.replace("Host $host;", "Host $http_host;")
IN_A_LUMP = "events arrive in one lump at the end: a proxy is buffering"


@pytest.fixture(scope="module")
def served() -> Iterator[FakeServer]:
    """The twin of the fixture app."""
    with FakeServer(twin("6.31.0")) as running:
        yield running


def _check(url: str, *select: str, **options: object) -> dict[str, Result]:
    report = run(url, Options(select=select, jobs=10, **options))  # type: ignore[arg-type]
    return {result.check.id: result for result in report.results}


STREAMS = ("between-*", "named-*")
SLOW = {"endpoints": {"slow": ["x", 1.2]}}


@nginx_wanted
def test_a_proxy_that_buffers_is_told_by_its_name(served: FakeServer, tmp_path: Path) -> None:
    with Nginx(tmp_path, served.url, BUFFERED) as nginx:
        found = _check(nginx.url, "between-*")
    assert found["between-first-event-at-once"].verdict is Verdict.FAIL
    assert found["between-same-app"].verdict is Verdict.PASS
    assert found["between-events-as-they-happen"].verdict is Verdict.FAIL
    assert found["between-events-as-they-happen"].got.endswith(IN_A_LUMP)


@nginx_wanted
def test_a_proxy_that_does_not_buffer_is_not_seen(served: FakeServer, tmp_path: Path) -> None:
    with Nginx(tmp_path, served.url, DOCUMENTED) as nginx:
        found = _check(nginx.url, *STREAMS, **SLOW)
    assert {result.verdict for result in found.values()} == {Verdict.PASS}


def test_a_proxy_that_keeps_everything_to_the_end_is_told_by_its_name() -> None:
    app = twin("6.31.0")
    app.inject("buffered", "* *", times=None)
    named = {"slow": ["x", 1.2]}
    found = check(app, chosen=[*between.REGISTRY.scenarios, *named_area.REGISTRY.scenarios], named=named)
    assert found["between-first-event-at-once"].verdict is Verdict.FAIL
    assert found["between-first-event-at-once"].got.endswith(": a proxy may be buffering")
    for name in ("between-events-as-they-happen", "named-events-as-they-happen"):
        assert found[name].verdict is Verdict.FAIL
        assert found[name].got.endswith(IN_A_LUMP)
    for name in ("between-same-app", "named-ends", "named-order", "named-outputs"):
        assert found[name].verdict is Verdict.PASS


@pytest.mark.parametrize("version", ["2.9.4", "3.16.2", "3.50.2", "4.0.2", "4.12.0", "4.44.1", "5.50.0", "6.31.0"])
def test_nothing_is_wrong_where_nothing_stands_between(version: str) -> None:
    named = {"echo": ["x"]} if version.startswith("2") else {"slow": ["x", 1.2], "multi": ["x"]}
    chosen = [*between.REGISTRY.scenarios, *named_area.REGISTRY.scenarios]
    found = check(twin(version), chosen=chosen, named=named)
    assert {result.verdict for result in found.values()} <= {Verdict.PASS, Verdict.SKIP}


@nginx_wanted
def test_an_app_that_knows_its_sub_path_conforms_there(tmp_path: Path) -> None:
    with FakeServer(twin("6.31.0", root_path="/sub")) as rooted, Nginx(tmp_path, rooted.url, WHOLE_HOST) as nginx:
        report = run(nginx.url, Options(select=("base-*", "config-*", "queue-stream*", "file-*", "call-*"), jobs=10))
    assert report.url == nginx.url
    assert report.exit_code == 0
    assert not [result.check.id for result in report.results if result.verdict not in (Verdict.PASS, Verdict.SKIP)]


@nginx_wanted
def test_an_app_that_does_not_know_its_sub_path_is_told_so(served: FakeServer, tmp_path: Path) -> None:
    with Nginx(tmp_path, served.url, WHOLE_HOST) as nginx:
        found = _check(nginx.url, "base-root")["base-root"]
    assert found.verdict is Verdict.WARN
    assert found.got.endswith("does not say so in X-Forwarded-Host or the root path")


@pytest.fixture(scope="module")
def real_app() -> Iterator[str]:
    """The fixture app on a real Gradio, which knows the path below which it is served."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ROOT_PATH", "/sub")
        with server(Path(sys.executable), ()) as url:
            yield url


@nginx_wanted
@pytest.mark.real
def test_a_real_app_behind_a_proxy_as_gradio_documents_it_conforms(real_app: str, tmp_path: Path) -> None:
    with Nginx(tmp_path, real_app, WHOLE_HOST) as nginx:
        report = run(nginx.url, Options(select=("base-*", "between-*", "config-*", "queue-stream*", "file-*"), jobs=4))
    assert report.exit_code == 0
    assert not [result.check.id for result in report.results if result.verdict not in (Verdict.PASS, Verdict.SKIP)]
    assert sum(result.verdict is Verdict.PASS for result in report.results) > 20


@nginx_wanted
@pytest.mark.real
def test_a_proxy_that_buffers_before_a_real_app_is_told_by_its_name(real_app: str, tmp_path: Path) -> None:
    with Nginx(tmp_path, real_app, BUFFERED) as nginx:
        found = _check(nginx.url, "between-*")
    assert found["between-events-as-they-happen"].verdict is Verdict.FAIL
    assert found["between-events-as-they-happen"].got.endswith(IN_A_LUMP)


def test_a_root_that_points_to_http_behind_https_is_told(served: FakeServer) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Proxy(served.url, tls=context) as proxy:
        report = run(proxy.url, Options(select=("base-root",)), ssl_verify=False)
    (found,) = report.results
    assert found.verdict is Verdict.WARN
    assert "the config's root points to http behind https" in found.got


class Replicas(RawServer):
    """Two runs of one app behind one address; those who send the cookie back come to the same one again."""

    def __init__(self, *, sticky: bool) -> None:
        self._turn = itertools.count()
        self._sticky = sticky
        super().__init__(self._answer)

    def _answer(self, client: socket.socket) -> None:
        request = client.recv(65536).decode()
        run = next(self._turn) % 2
        if self._sticky and "cookie: run=" in request.lower():
            run = int(request.lower().partition("cookie: run=")[2][0])
        body = json.dumps({"version": "6.31.0", "dependencies": [], "components": [], "app_id": 100 + run}).encode()
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nSet-Cookie: run={run}; Path=/\r\nConnection: close\r\n"
        )
        client.sendall(head.encode() + b"\r\n" + body)


def test_replicas_without_affinity_are_told_and_those_with_it_are_one_app() -> None:
    with Replicas(sticky=False) as server:
        found = _check(server.url, "between-same-app")["between-same-app"]
    assert found.verdict is Verdict.FAIL
    assert found.got == "2 of them: cookies are lost, or there are several replicas without affinity"
    with Replicas(sticky=True) as server:
        assert _check(server.url, "between-same-app")["between-same-app"].verdict is Verdict.PASS


def test_a_server_that_goes_away_in_between_is_told_in_its_own_words() -> None:
    turns = itertools.count()
    body = json.dumps({"version": "6.31.0", "dependencies": [], "app_id": 1}).encode()

    def answer(client: socket.socket) -> None:
        client.recv(65536)
        if next(turns) < 2:
            client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with RawServer(answer) as server:
        found = _check(server.url, "between-same-app")["between-same-app"]
    assert found.verdict is Verdict.UNTESTABLE
    assert found.reason.startswith("7 of 8 configs did not come: GET http://127.0.0.1:")
