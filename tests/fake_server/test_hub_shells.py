"""The fake Hub's shells: a thread with sockets, trio with sockets, and trio in memory."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
import trio.testing

from gradproto_fake_server import DirectoryFiles, FakeHub, FakeHubServer, HubSpace, MemoryFiles, MemoryHub, demo_app
from gradproto_fake_server.trio import MemoryHubNetwork, TrioFakeHub, open_fake_hub, open_memory_hub

from .wire import multipart

COUNT, UPPER = 3, 5


def make_hub(**options: Any) -> FakeHub:
    hub = FakeHub(**options)
    hub.add_user("me")
    hub.add_token("hf_me", user="me", role="write")
    hub.add_space("owner/app")
    hub.add_space("me/mine", private=True)
    return hub


def ask(url: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    """Make a request over a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


DUPLICATE = ("POST", "/api/spaces/owner/app/duplicate", {"repository": "me/copy"})


# -- in a thread


def test_the_hub_and_each_space_have_an_origin_of_their_own() -> None:
    with FakeHubServer(make_hub()) as server:
        urls = [server.url, server.space_url("owner/app"), server.space_url("me/mine")]
        assert len(set(urls)) == 3
        assert server.url == f"http://127.0.0.1:{server.port}"
        for url, space_id in zip(urls[1:], ("owner/app", "me/mine"), strict=True):
            status, body = ask(server.url, "GET", f"/api/spaces/{space_id}/host", authorization="Bearer hf_me")
            assert (status, json.loads(body)["host"]) == (200, url)
            status, body = ask(url, "GET", "/config", authorization="Bearer hf_me")
            config = json.loads(body)
            assert (status, config["space_id"], config["root"]) == (200, space_id, url)
        assert ask(urls[2], "GET", "/config")[0] == 404
        assert [record.site for record in server.requests] == ["hub", "owner/app", "hub", "me/mine", "me/mine"]


def test_a_space_that_is_made_while_it_serves_can_be_reached_at_once() -> None:
    with FakeHubServer(make_hub()) as server:
        assert ask(server.url, *DUPLICATE, authorization="Bearer hf_me")[0] == 200
        assert ask(server.space_url("me/copy"), "GET", "/config")[0] == 200
        url = server.run(lambda hub: hub.add_space("me/more").host)
        assert ask(url, "GET", "/config")[0] == 200


def test_one_thread_serves_all_addresses_and_frees_them() -> None:
    before = set(threading.enumerate())
    with FakeHubServer(make_hub()) as server:
        assert len(set(threading.enumerate()) - before) == 1
        urls = [server.url, server.space_url("owner/app"), server.run(lambda hub: hub.add_space("me/more").host)]
    server.close()
    assert set(threading.enumerate()) == before
    for url in urls:
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", urlsplit(url).port))


def test_only_the_addresses_that_somebody_asks_for_are_listened_at() -> None:
    hub = make_hub()
    for number in range(3000):
        hub.add_space(f"many/s{number}")
    with FakeHubServer(hub) as server:
        assert len(json.loads(ask(server.url, "GET", "/api/spaces?full=1&author=many")[1])) == 1000
        assert ask(server.space_url("many/s2999"), "GET", "/config")[0] == 200
    assert hub.space("many/s1").host == "http://many-s1.hf.test"  # nobody serves it any more


def test_a_space_that_another_thread_adds_by_itself_can_be_reached() -> None:
    with FakeHubServer(make_hub()) as server:
        parts = urlsplit(server.space_url("owner/app"))
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
            sock.sendall(b"GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: a\r\n\r\n")
            server.wait_for(lambda hub: hub.open_streams)  # nothing else wakes it up now
            assert ask(server.hub.add_space("me/more").host, "GET", "/config")[0] == 200


def test_a_port_that_is_taken_is_an_error() -> None:
    with FakeHubServer(make_hub()) as server, pytest.raises(OSError, match="in use"):
        FakeHubServer(make_hub(), port=server.port)


def test_time_can_be_skipped_and_stages_waited_for() -> None:
    with FakeHubServer(make_hub(build_seconds=600, start_seconds=60)) as server:
        ask(server.url, *DUPLICATE, authorization="Bearer hf_me")
        url = server.space_url("me/copy")
        assert ask(url, "GET", "/config")[0] == 503
        server.advance(660)
        server.wait_for(lambda hub: hub.space("me/copy").stage == "RUNNING")
        assert ask(url, "GET", "/config")[0] == 200


def test_streams_of_apps_are_seen_and_cut() -> None:
    with FakeHubServer(make_hub()) as server:
        parts = urlsplit(server.space_url("owner/app"))
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
            sock.sendall(b"GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: a\r\n\r\n")
            server.wait_for(lambda hub: hub.open_streams)
            server.run(lambda hub: hub.space("owner/app").restart())
            received = b""
            while piece := sock.recv(65536):
                received += piece
        assert received.startswith(b"HTTP/1.1 200 OK")
        assert not received.endswith(b"0\r\n\r\n")
        assert server.open_streams == []


def test_idle_connections_to_a_space_that_is_removed_are_closed() -> None:
    with FakeHubServer(make_hub()) as server:
        parts = urlsplit(server.space_url("owner/app"))
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
            sock.sendall(b"GET /gradio_api/user HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sock.recv(65536).endswith(b"null")
            server.run(lambda hub: hub.remove_space("owner/app"))
            assert sock.recv(65536) == b""


def test_a_request_that_is_never_answered_ends_with_the_server() -> None:
    with FakeHubServer(make_hub()) as server:
        server.run(lambda hub: hub.fail("GET /api/*", action="hang"))
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
            sock.sendall(b"GET /api/spaces HTTP/1.1\r\nHost: a\r\n\r\n")
            server.wait_for(lambda hub: hub.requests)
            server.close()
            assert sock.recv(4096) == b""


def test_files_of_apps_are_on_the_disk_until_the_server_closes() -> None:
    with FakeHubServer(make_hub()) as server:
        url = server.space_url("owner/app")
        body = multipart([("files", "a.txt", b"x" * 3_000_000)])
        headers = {"content-type": "multipart/form-data; boundary=the-boundary"}
        status, answer = ask(url, "POST", "/gradio_api/upload", body, **headers)
        (path,) = json.loads(answer)
        assert status == 200
        with open(path, "rb") as file:
            assert file.read() == b"x" * 3_000_000
    assert not os.path.exists(path)
    assert isinstance(
        server.hub.space("me/mine").app.files, MemoryFiles
    )  # of which nobody would clean up the directory


def test_dates_are_those_of_this_machine_and_files_on_its_disk_also_for_apps_of_before() -> None:
    hub = make_hub()
    app = hub.space("owner/app").app
    with FakeHubServer(hub) as server:
        assert (app.date_offset, type(app.files)) == (hub.date_offset, DirectoryFiles)
        ask(server.url, *DUPLICATE, authorization="Bearer hf_me")
        created = server.run(lambda hub: hub.space("me/copy").created)
    assert created > "2025-07"


def test_an_old_gradio_can_run_in_a_space() -> None:
    hub = FakeHub()
    hub.add_space("owner/old", app=lambda: demo_app("3.50.2"))
    with FakeHubServer(hub) as server:
        config = json.loads(ask(server.space_url("owner/old"), "GET", "/config")[1])
    assert config["version"].strip() == "3.50.2"


# -- in trio


def run(test: Callable[[], Awaitable[None]]) -> None:
    trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0))


async def answer(stream: trio.abc.Stream, method: str, path: str, value: Any = None) -> tuple[int, bytes]:
    """Make a request whose answer has a content length, with the token."""
    body = b"" if value is None else json.dumps(value).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer hf_me\r\nContent-Length: {len(body)}\r\n\r\n"
    await stream.send_all(head.encode() + body)
    received = b""
    while b"\r\n\r\n" not in received:
        received += bytes(await stream.receive_some())
    head, _, rest = received.partition(b"\r\n\r\n")  # type: ignore[assignment]
    fields = dict(line.lower().split(b": ", 1) for line in bytes(head).split(b"\r\n")[1:])  # type: ignore[arg-type]
    while len(rest) < int(fields[b"content-length"]):
        rest += bytes(await stream.receive_some())
    return int(received.split()[1]), rest


def test_in_memory_stages_change_at_exact_times_that_cost_none() -> None:
    async def main() -> None:
        async with open_memory_hub(make_hub(build_seconds=600, start_seconds=60)) as network:
            assert network.url == "http://hub.test"
            stream = await network.open_stream("hub.test", 80, False)
            assert (await answer(stream, *DUPLICATE))[0] == 200
            copy: HubSpace = network.hub.space("me/copy")
            await network.wait_for(lambda hub: hub.space("me/copy").stage == "RUNNING")
            began = copy.history[0][0]
            assert [(when - began, stage) for when, stage in copy.history] == [
                (0, "BUILDING"),
                (600, "APP_STARTING"),
                (660, "RUNNING"),
            ]
            app = await network.open_stream("me-copy.hf.test", 80, False)
            assert json.loads((await answer(app, "GET", "/config"))[1])["space_id"] == "me/copy"
            assert network.space_url("me/copy") == "http://me-copy.hf.test"
            assert [record.site for record in network.requests] == ["hub", "me/copy"]
            with pytest.raises(ConnectionRefusedError):
                await network.open_stream("example.com", 80, False)
            await stream.aclose()
            await app.aclose()

    run(main)


def test_in_memory_changes_take_effect_and_time_can_be_skipped() -> None:
    async def main() -> None:
        async with open_memory_hub(make_hub(start_seconds=60)) as network:
            app = await network.open_stream("owner-app.hf.test", 80, False)
            network.run(lambda hub: hub.space("owner/app").set_stage("SLEEPING"))
            assert (await answer(app, "GET", "/config"))[0] == 503
            network.advance(60)
            assert (await answer(app, "GET", "/config"))[0] == 200
            await app.send_all(b"GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: a\r\n\r\n")
            await network.wait_for(lambda hub: hub.open_streams)
            await app.receive_some()
            await trio.testing.wait_all_tasks_blocked()
            before = trio.current_time()
            network.run(lambda hub: hub.remove_space("owner/app"))
            with contextlib.suppress(trio.BrokenResourceError):
                while await app.receive_some():
                    pass
            assert trio.current_time() == before  # nobody had to wait for the next beat of the stream
            assert network.open_streams == []
            await app.aclose()

    run(main)


def test_over_sockets_each_space_has_a_port() -> None:
    async def main() -> None:
        async with open_fake_hub(make_hub()) as server:
            stream = await connect(server.url)
            assert (await answer(stream, *DUPLICATE))[0] == 200
            for space_id in ("owner/app", "me/mine", "me/copy"):
                app = await connect(server.space_url(space_id))
                assert json.loads((await answer(app, "GET", "/config"))[1])["space_id"] == space_id
                await app.aclose()
                assert isinstance(server.hub.space(space_id).app.files, DirectoryFiles)
            await stream.aclose()
            assert server.hub.date() > "2025-07"
            url = server.url
        with pytest.raises(OSError, match="all attempts to connect"):
            await connect(url)

    async def connect(url: str) -> trio.SocketStream:
        parts = urlsplit(url)
        return await trio.open_tcp_stream(parts.hostname or "", parts.port or 0)

    trio.run(main)


def test_the_trio_shells_offer_what_the_thread_does() -> None:
    def names(shell: type) -> set[str]:
        return {name for name in dir(shell) if not name.startswith("_")}

    expected = {"advance", "open_streams", "requests", "run", "space_url", "wait_for"}
    assert expected <= names(FakeHubServer)
    assert expected <= names(TrioFakeHub)
    assert expected <= names(MemoryHubNetwork)


# -- asserts, the same in every shell


def test_what_a_hub_and_its_spaces_were_asked_for_can_be_asserted() -> None:
    with FakeHubServer(make_hub()) as server:
        url = server.space_url("owner/app")
        assert ask(url, "GET", "/config")[0] == 200
        assert [record.site for record in server.assert_requested("config", times=1)] == ["owner/app"]
        server.assert_requested("config", times=0, site="me/mine")
        with pytest.raises(AssertionError, match="1 'config' expected, got 0"):
            server.assert_requested("config", times=1, site="hub")
        server.assert_strict()
        server.wait_for(lambda hub: hub.requests)
        assert ask(url, "POST", "/gradio_api/queue/join", {}, **{"content-type": "application/json"})[0] >= 400
        assert len(server.complaints) == 1
        with pytest.raises(AssertionError, match="1 request"):
            server.assert_strict()
        server.assert_all_closed()
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
            sock.sendall(b"GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: a\r\n\r\n")
            server.wait_for(lambda hub: hub.open_streams)
            with pytest.raises(AssertionError, match="heartbeat"):
                server.assert_all_closed()
        server.wait_for(lambda hub: not hub.open_streams)
        server.assert_all_closed()


def test_the_shells_of_a_hub_have_the_same_asserts() -> None:
    names = ("assert_requested", "assert_strict", "assert_all_closed", "complaints")
    for shell in (FakeHub, FakeHubServer, MemoryHub, TrioFakeHub, MemoryHubNetwork):
        assert all(hasattr(shell, name) for name in names)


def test_addresses_that_spaces_have_left_are_not_listened_at_for_ever() -> None:
    with FakeHubServer(make_hub()) as server:
        urls = []
        for number in range(40):
            urls.append(server.run(lambda hub, number=number: hub.add_space(f"me/s{number}").host))
            server.run(lambda hub, number=number: hub.remove_space(f"me/s{number}"))
        assert ask(urls[-1], "GET", "/config")[0] == 404
        first = urlsplit(urls[0])

        def is_refused(_: FakeHub) -> bool:
            with socket.socket() as sock:
                return sock.connect_ex((first.hostname, first.port)) != 0

        server.wait_for(is_refused)
