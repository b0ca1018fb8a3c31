"""The status page in a real browser, while real clients use the server."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from gradproto import AppError
from gradproto_fake_server import FAULTS, FakeApp, FakeServer, demo_app
from gradproto_transports.sync import Client
from tests.browser import OpenPage, assert_contrast, assert_named
from tests.transports.nginx import BARE, DOCUMENTED, NGINX, Nginx

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

EVIL = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(demo_app(control=True)) as running:
        yield running


@pytest.fixture
def page(server: FakeServer, open_page: OpenPage) -> Page:
    return opened(open_page, server.url)


def opened(open_page: OpenPage, url: str, **options: Any) -> Page:
    """Open the page, and wait until it has heard of the server."""
    from playwright.sync_api import expect

    page = open_page(f"{url}/__gradproto__/", **options)
    expect(page.get_by_role("status").first).to_have_text("live")
    return page


def shows(locator: Locator, text: str | re.Pattern[str]) -> None:
    """Wait until it does."""
    from playwright.sync_api import expect

    expect(locator).to_contain_text(text)


def is_there(locator: Locator, *, times: int = 1) -> None:
    """Wait until there are so many."""
    from playwright.sync_api import expect

    expect(locator).to_have_count(times)


def fact(page: Page, name: str) -> Locator:
    """The number of that name at the top."""
    return page.locator("dl.facts > div", has=page.get_by_text(name, exact=True)).get_by_role("definition")


def section(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def request_row(page: Page, number: int) -> Locator:
    button = page.get_by_role("button", name=f"Details of request {number}", exact=True)
    return section(page, "Requests").get_by_role("row").filter(has=button)


def turn_on(page: Page, fault: str) -> Locator:
    """Find a fault and say that it shall happen; the dialog asks for the rest."""
    page.get_by_role("searchbox", name="Find a fault").fill(fault)
    page.get_by_role("button", name=f"Turn on: {fault}", exact=True).click()
    return page.get_by_role("dialog", name=fault, exact=True)


def ask(server: FakeServer, method: str, path: str, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


# -- what it shows


def test_the_page_shows_the_server_and_its_endpoints(server: FakeServer, page: Page) -> None:
    shows(page.get_by_role("heading", level=1), "gradproto demo")
    shows(page.get_by_role("banner"), "plays Gradio 6.31.0")
    shows(fact(page, "Time"), re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))
    shows(fact(page, "Up for"), re.compile(r" (s|ms)$"))
    for name in ("Requests", "Open streams", "Jobs", "Faults on", "Complaints"):
        shows(fact(page, name), re.compile("^0$"))
    endpoints = section(page, "Endpoints").locator(".items > li")
    is_there(endpoints, times=11)
    shows(endpoints.filter(has_text="/add"), "a float (Number)")
    shows(endpoints.filter(has_text="/add"), "→ sum float (Number)")
    shows(endpoints.filter(has_text="/count"), "generator")
    shows(endpoints.filter(has_text="/now_upper"), "not queued")
    shows(endpoints.filter(has_text="/incr"), "Any (State, not in the API)")
    shows(endpoints.filter(has_text="/secret"), "private")
    assert page.title() == "gradproto demo: fake Gradio 6.31.0"
    assert not server.requests  # whoever looks on is in no log
    assert_named(page)


def test_requests_appear_as_a_client_makes_them(server: FakeServer, page: Page) -> None:
    shows(section(page, "Requests"), "No requests yet")
    with Client(server.url) as client:
        is_there(request_row(page, 1))
        shows(request_row(page, 1), "config")
        assert client.predict("Hello", api_name="/echo") == "Hello"
    number = server.assert_requested("join", times=1)[0].number
    row = request_row(page, number)
    shows(row, "/gradio_api/queue/join")
    shows(row, "200")
    shows(row, "complete")
    first = section(page, "Requests").get_by_role("row").nth(1)  # the newest, below the head
    shows(first, f"#{server.requests[-1].number}")


def test_the_requests_of_one_kind_can_be_seen_alone(server: FakeServer, page: Page) -> None:
    for path in ("/config", "/gradio_api/info", "/config"):
        ask(server, "GET", path)
    is_there(request_row(page, 3))
    page.get_by_role("combobox", name="Kind").select_option(label="config (2)")
    is_there(request_row(page, 2), times=0)
    ask(server, "GET", "/config")
    is_there(request_row(page, 4))
    is_there(section(page, "Requests").get_by_role("row"), times=4)
    page.get_by_role("combobox", name="Kind").select_option("info")
    is_there(section(page, "Requests").get_by_role("row"), times=2)


def test_the_details_of_a_request_have_no_secrets(server: FakeServer, page: Page) -> None:
    with Client(server.url, headers={"x-mine": "yes", "authorization": "Bearer hf_secret"}) as client:
        client.predict("Hello", api_name="/echo")
    number = server.assert_requested("join", times=1)[0].number
    page.get_by_role("button", name=f"Details of request {number}", exact=True).click()
    dialog = page.get_by_role("dialog")
    shows(dialog.get_by_role("heading", level=2), f"#{number} POST /gradio_api/queue/join")
    shows(dialog.locator("#detail-headers"), "x-mineyes")
    shows(dialog.locator("#detail-headers"), "authorization***")
    shows(dialog.locator("pre"), '"Hello"')
    assert "hf_secret" not in page.content()
    assert_named(page)
    dialog.get_by_role("button", name="Close").click()
    is_there(page.get_by_role("dialog"), times=0)


def test_a_stream_is_seen_open_and_growing_and_then_closed(server: FakeServer, open_page: OpenPage) -> None:
    from playwright.sync_api import expect

    page = opened(open_page, server.url, width=1600)
    with Client(server.url) as client:
        job = client.submit("a", 1000, api_name="/slow")
        record = server.wait_for(lambda app: next((each for each in app.requests if each.kind == "data"), None))
        row = request_row(page, record.number)
        shows(row, "open")
        shows(fact(page, "Jobs"), "1")
        shows(section(page, "Jobs"), "running, sleeps")
        sent = row.get_by_role("cell").nth(6)
        before = sent.inner_text()
        assert re.fullmatch(r"[\d.]+ k?B", before)
        server.advance(16)  # a heartbeat comes each fifteen seconds
        expect(sent).not_to_have_text(before)
        server.advance(1000)
        assert job.result() == "a"
    shows(row, re.compile("complete|disconnected"))
    shows(fact(page, "Open streams"), re.compile("^0$"))
    shows(section(page, "Jobs"), "No job waits or runs.")


def test_what_a_real_server_refuses_is_complained_of(server: FakeServer, page: Page) -> None:
    assert ask(server, "POST", "/nothing") == 404
    complaints = section(page, "A real server refuses")
    shows(complaints, "#1 POST /nothing: 404 Not Found")
    shows(request_row(page, 1), "a real server refuses it")
    complaints.get_by_role("button").click()
    shows(page.get_by_role("dialog"), "POST /nothing: 404 Not Found")


def test_of_many_requests_the_newest_are_shown(server: FakeServer, open_page: OpenPage) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for _ in range(502):
        connection.request("GET", "/robots.txt")
        connection.getresponse().read()
    connection.close()
    page = opened(open_page, server.url)
    shows(fact(page, "Requests"), "502")
    is_there(section(page, "Requests").get_by_role("row"), times=501)
    is_there(request_row(page, 502))
    shows(section(page, "Requests"), "Older requests are not shown.")
    ask(server, "GET", "/robots.txt")
    is_there(request_row(page, 503))
    is_there(request_row(page, 3))


# -- what can be done with it


def test_a_fault_is_turned_on_strikes_is_counted_and_put_right(server: FakeServer, page: Page) -> None:
    with Client(server.url) as client:
        dialog = turn_on(page, "failure")
        shows(dialog, "the call fails, with a text or with none.")
        dialog.get_by_role("checkbox", name="Every time").check()
        dialog.get_by_role("combobox", name="Endpoint").select_option("/echo")
        dialog.get_by_role("textbox", name="text").fill("as was wanted")
        dialog.get_by_role("button", name="Turn on").click()
        made = page.get_by_role("list", name="Faults that were made").get_by_role("listitem")
        shows(made, "has not struck")
        shows(made, 'endpoint /echo, text: "as was wanted"')
        assert client.predict(1, 2, api_name="/add") == 3
        for struck in ("struck once", "struck 2 times"):
            with pytest.raises(AppError, match="as was wanted"):
                client.predict("a", api_name="/echo")
            shows(made, struck)
        shows(fact(page, "Faults on"), re.compile("^1$"))
        shows(section(page, "Requests"), "fault: failure")
        page.get_by_role("button", name="Put right: failure").click()
        is_there(made, times=0)
        assert client.predict("a", api_name="/echo") == "a"


def test_a_fault_for_one_path_with_values_happens_once(server: FakeServer, page: Page) -> None:
    dialog = turn_on(page, "answer")
    dialog.get_by_role("textbox", name="Method and path").fill("GET */config")
    dialog.get_by_role("spinbutton", name="status").fill("418")
    dialog.get_by_role("textbox", name="headers (JSON)").fill('[["x-mine", "yes"]]')
    dialog.get_by_role("button", name="Turn on").click()
    made = page.get_by_role("list", name="Faults that were made").get_by_role("listitem")
    shows(made, "on, once more")
    assert [ask(server, "GET", path) for path in ("/gradio_api/info", "/config", "/config")] == [200, 418, 200]
    shows(made, "over")
    page.get_by_role("button", name="Clear away: answer").click()
    is_there(made, times=0)


def test_all_faults_of_the_table_are_there_and_can_be_put_right_together(server: FakeServer, page: Page) -> None:
    names = server.run(lambda app: [app.inject(name, "GET /never", times=None).name for name in ("bom", "late")])
    made = page.get_by_role("list", name="Faults that were made").get_by_role("listitem")
    is_there(made, times=len(names))  # those that the program made, too
    for name in FAULTS:
        is_there(page.get_by_role("button", name=f"Turn on: {name}", exact=True, include_hidden=True))
    shows(section(page, "Faults"), "To the messages of an event stream")
    page.get_by_role("button", name="Put everything right").click()
    is_there(made, times=0)
    assert server.run(lambda app: len(app.faults)) == 0


def test_what_is_wrong_with_a_fault_is_said_where_it_is_made(server: FakeServer, open_page: OpenPage) -> None:
    page = opened(open_page, server.url, may_fail=True)  # the console tells of what is refused
    dialog = turn_on(page, "extra fields")
    dialog.get_by_role("textbox", name="fields (JSON)").fill("{")
    dialog.get_by_role("button", name="Turn on").click()
    shows(dialog.get_by_role("alert"), "fields is no JSON")
    dialog.get_by_role("textbox", name="fields (JSON)").fill("[1]")
    dialog.get_by_role("textbox", name="Method and path").fill("nonsense")
    dialog.get_by_role("button", name="Turn on").click()
    shows(dialog.get_by_role("alert"), "a fault is for a method and a path, as in 'POST /api/*', not 'nonsense'")
    dialog.get_by_role("button", name="Cancel").click()
    assert server.run(lambda app: len(app.faults)) == 0
    is_there(turn_on(page, "no start").get_by_role("alert"), times=1)
    shows(page.get_by_role("dialog").get_by_role("alert"), re.compile("^$"))


def test_a_fault_of_connections_asks_for_no_request_and_warns(server: FakeServer, page: Page) -> None:
    dialog = turn_on(page, "accept and hang")
    shows(dialog, "It happens to whoever connects next, and that may be this page.")
    is_there(dialog.get_by_role("textbox"), times=0)
    dialog.get_by_role("spinbutton", name="After requests that pass").fill("1000")
    dialog.get_by_role("button", name="Turn on").click()
    shows(page.get_by_role("list", name="Faults that were made"), "1000 requests may pass")
    assert server.run(lambda app: [fault.after for fault in app.faults]) == [1000]


def test_moving_the_clock_lets_a_sleeping_job_go_on(server: FakeServer, page: Page) -> None:
    with Client(server.url) as client:
        job = client.submit("a", 1000, api_name="/slow")
        shows(section(page, "Jobs"), "running, sleeps")
        page.get_by_role("button", name="10 s", exact=True).click()
        shows(page.locator("#said"), "The clock moved on by 10.0 s")
        page.get_by_role("spinbutton", name="Seconds").fill("1000")
        page.get_by_role("button", name="Advance").click()
        assert job.result() == "a"
        shows(fact(page, "Up for"), re.compile(r"^\d+ min"))


def test_jobs_are_held_stepped_and_released(server: FakeServer, page: Page) -> None:
    with Client(server.url) as client:
        page.get_by_role("button", name="Hold the jobs of /count").click()
        is_there(page.get_by_role("button", name="Release the jobs of /count"))
        job = client.submit(3, api_name="/count")
        jobs = section(page, "Jobs")
        shows(jobs, "held")
        jobs.get_by_role("button", name="Step").click()
        shows(jobs, "1 output")
        jobs.get_by_role("button", name="Step").click()
        shows(jobs, "2 outputs")
        jobs.get_by_role("button", name="Release").click()
        assert job.final() == "n=2"
        other = client.submit(1, api_name="/count")
        shows(jobs, "held")
        page.get_by_role("button", name="Release the jobs of /count").click()
        assert other.final() == "n=0"


def test_the_requests_alone_and_everything_can_be_reset(server: FakeServer, page: Page) -> None:
    server.run(lambda app: app.inject("crash", "GET /never", times=None))
    ask(server, "GET", "/config")
    is_there(request_row(page, 1))
    page.get_by_role("button", name="Forget requests").click()
    is_there(request_row(page, 1), times=0)
    shows(fact(page, "Faults on"), "1")
    ask(server, "GET", "/config")
    is_there(request_row(page, 2))
    page.get_by_role("button", name="Everything…").click()
    sure = page.get_by_role("dialog", name="Reset everything?")
    sure.get_by_role("button", name="Cancel").click()
    is_there(request_row(page, 2))
    page.get_by_role("button", name="Everything…").click()
    sure.get_by_role("button", name="Reset everything").click()
    is_there(request_row(page, 2), times=0)
    shows(fact(page, "Faults on"), "0")


def test_it_rests_until_it_is_wanted_again(server: FakeServer, page: Page) -> None:
    page.get_by_role("button", name="Pause").click()
    shows(page.get_by_role("status").first, "paused")
    ask(server, "GET", "/config")
    page.get_by_role("button", name="Pause").click()
    shows(page.get_by_role("status").first, "live")
    is_there(request_row(page, 1))


def test_everything_can_be_done_with_keys(server: FakeServer, page: Page) -> None:
    from playwright.sync_api import expect

    ask(server, "GET", "/config")
    detail = page.get_by_role("button", name="Details of request 1", exact=True)
    detail.focus()
    page.keyboard.press("Enter")
    shows(page.get_by_role("dialog"), "#1 GET /config")
    page.keyboard.press("Escape")
    is_there(page.get_by_role("dialog"), times=0)
    expect(detail).to_be_focused()
    ask(server, "GET", "/config")
    is_there(request_row(page, 2))
    expect(detail).to_be_focused()  # what is new does not take it away
    page.get_by_role("searchbox").focus()
    page.keyboard.type("to another address")
    is_there(section(page, "Faults").get_by_role("button", name="Turn on"))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("spinbutton", name="How many times")).to_be_focused()
    assert_named(page)
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    shows(page.get_by_role("list", name="Faults that were made"), "redirect")


# -- how it looks


@pytest.mark.parametrize("width", [320, 700, 1200])
def test_nothing_is_beyond_the_edge_of_the_screen(server: FakeServer, open_page: OpenPage, width: int) -> None:
    server.run(lambda app: app.inject("crash", f"GET /{'never' * 50}", times=None))
    with Client(server.url) as client:
        client.submit("a", 1000, api_name="/slow")
        ask(server, "POST", f"/{'nothing' * 30}?{'x' * 300}", {"x" * 80: "y" * 500})
        number = server.assert_requested("unknown", times=1)[0].number
        page = opened(open_page, server.url, width=width)
        is_there(request_row(page, number))
        assert _reach(page) <= width
        page.get_by_role("button", name=f"Details of request {number}", exact=True).first.click()
        shows(page.get_by_role("dialog"), "yyy")
        assert _reach(page) <= width
        page.keyboard.press("Escape")
        is_there(page.get_by_role("dialog"), times=0)
        shows(turn_on(page, "extra fields"), "fields (JSON)")
        assert _reach(page) <= width
        assert page.evaluate("document.querySelector('dialog[open]').scrollWidth") <= width


def _reach(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_can_be_read_in_the_light_and_in_the_dark(server: FakeServer, open_page: OpenPage, dark: bool) -> None:
    server.run(lambda app: app.inject("crash", "GET */info", times=2))
    with Client(server.url) as client:
        for path in ("/gradio_api/info", "/nothing"):
            ask(server, "POST" if path == "/nothing" else "GET", path)
        client.submit("a", 1000, api_name="/slow")
        client.submit("a", 1000, api_name="/slow")
        server.hold("/count")
        client.submit(1, api_name="/count")
        server.wait_for(lambda app: len(app.jobs) == 3)
        page = opened(open_page, server.url, dark=dark)
        shows(fact(page, "Jobs"), "3")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background))) < 200) is dark
        assert_contrast(page)
        shows(turn_on(page, "late"), "seconds")
        assert_contrast(page)


# -- what is hostile


def test_what_clients_send_is_only_ever_text(open_page: OpenPage) -> None:
    app = FakeApp(title=EVIL, control=True)

    @app.endpoint(f"/{EVIL}")
    def evil(text: str) -> str:
        """<img src=x onerror='window.hit=1'>"""
        return text

    app.hold(f"/{EVIL}")
    with FakeServer(app) as server:
        page = opened(open_page, server.url)
        shows(page.get_by_role("heading", level=1), EVIL)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        body = f'{{"data":["{EVIL}"],"fn_index":0,"session_hash":"{EVIL}"}}'
        headers = {"content-type": "application/json", "x-evil": EVIL}
        connection.request("POST", "/gradio_api/queue/join", body=body, headers=headers)
        assert connection.getresponse().status == 200
        connection.close()
        ask(server, "POST", f"/{quote(EVIL)}?{quote(EVIL)}")
        server.run(lambda app: app.inject("answer", f"GET /{EVIL}", session=EVIL, body=EVIL.encode()))
        shows(section(page, "Jobs"), EVIL)
        shows(request_row(page, 2), EVIL)
        shows(section(page, "A real server refuses"), EVIL)
        shows(page.get_by_role("list", name="Faults that were made"), EVIL)
        shows(section(page, "Endpoints"), EVIL)
        page.get_by_role("button", name="Details of request 1", exact=True).click()
        shows(page.get_by_role("dialog").locator("pre"), EVIL)
        shows(page.get_by_role("dialog").locator("#detail-headers"), EVIL)
        assert page.evaluate("[window.hit, document.images.length, document.scripts.length]") == [None, 0, 1]


def test_the_browser_itself_lets_no_text_become_html(server: FakeServer, open_page: OpenPage) -> None:
    page = opened(open_page, server.url, may_fail=True)  # the console tells of it
    refused = page.evaluate(
        """text => {
            const found = [];
            for (const attempt of [
                () => { document.body.innerHTML = text; },
                () => { setTimeout("window.hit = 1"); },
                () => { document.createElement("script").text = "window.hit = 1"; },
            ]) try { attempt(); found.push("done"); } catch (error) { found.push(error.name); }
            return found;
        }""",
        EVIL,
    )
    assert "done" not in refused
    assert page.evaluate("window.hit") is None


def test_a_page_of_another_origin_can_do_and_read_nothing(server: FakeServer, open_page: OpenPage) -> None:
    from playwright.sync_api import expect

    server.run(lambda app: app.inject("crash", "GET /never", times=None))
    with FakeServer(demo_app()) as other:
        page = open_page(f"{other.url}/robots.txt", foreign=server.url, may_fail=True)
        expect(page.locator("body")).to_contain_text("User-agent")
        outcomes = page.evaluate(
            """async url => {
                const attempts = [
                    [`${url}requests`, {}],
                    [`${url}faults`, {method: "DELETE"}],
                    [`${url}faults`, {method: "POST", body: '{"name": "bom"}'}],
                    [`${url}reset/all`, {method: "POST", mode: "no-cors"}],
                ];
                const found = [];
                for (const [address, options] of attempts) {
                    found.push(await fetch(address, options).then(
                        answer => answer.type === "opaque" ? "opaque" : "read", error => error.name));
                }
                return found;
            }""",
            f"{server.url}/__gradproto__/",
        )
    assert outcomes[:3] == ["TypeError"] * 3
    assert outcomes[3] in ("opaque", "TypeError")
    assert [fault.name for fault in server.run(lambda app: list(app.faults))] == ["crash"]


# -- the server's life


def test_it_sees_a_restart_of_the_app(server: FakeServer, open_page: OpenPage) -> None:
    page = opened(open_page, server.url, may_fail=True)  # its connection is cut, whatever it is asking
    server.run(FakeApp.restart)
    shows(page.locator("#said"), "The app was restarted or reset")
    ask(server, "GET", "/config")
    is_there(request_row(page, 1))


def test_it_says_when_the_server_is_gone_and_goes_on_with_the_next(open_page: OpenPage) -> None:
    # Who holds the port without listening keeps everybody else away from it.
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with FakeServer(demo_app(control=True), port=port) as first:
            page = opened(open_page, first.url, may_fail=True)
            ask(first, "GET", "/config")
            ask(first, "GET", "/gradio_api/info")
            first.run(lambda app: app.inject("crash", "GET /never"))
            is_there(request_row(page, 2))
            shows(page.get_by_role("list", name="Faults that were made"), "crash")
        shows(page.locator("#gone"), "The server is gone.")
        shows(page.get_by_role("status").first, "server gone")
        assert page.title().startswith("(gone)")
        is_there(request_row(page, 2))
        app = FakeApp("4.44.1", title="The next", control=True)
        app.inject("late", "GET /never")

        @app.endpoint("/echo")
        def echo(number: float) -> float:
            return number

        with FakeServer(app, port=port) as second:
            shows(page.get_by_role("heading", level=1), "The next")
            shows(page.get_by_role("status").first, "live")
            shows(page.get_by_role("banner"), "plays Gradio 4.44.1")
            is_there(request_row(page, 2), times=0)
            shows(page.get_by_role("list", name="Faults that were made"), "late")
            is_there(section(page, "Endpoints").locator(".items > li"))
            shows(section(page, "Endpoints"), "number float (Number)")
            ask(second, "GET", "/robots.txt")
            shows(request_row(page, 1), "/robots.txt")


@pytest.mark.skipif(NGINX is None, reason="there is no nginx (on Debian: apt-get install nginx-light)")
@pytest.mark.parametrize("location", [BARE, DOCUMENTED], ids=["bare", "as documented"])
def test_it_works_below_a_path_of_a_proxy(
    server: FakeServer, open_page: OpenPage, tmp_path: Path, location: str
) -> None:
    with Nginx(tmp_path, server.url, location) as nginx:
        page = opened(open_page, nginx.url)
        assert page.url == f"{nginx.url}/__gradproto__/"
        ask(server, "GET", "/config")
        page.get_by_role("button", name="Details of request 1", exact=True).click()
        shows(page.get_by_role("dialog"), "#1 GET /config")
        page.keyboard.press("Escape")
        turn_on(page, "not found").get_by_role("button", name="Turn on").click()
        shows(page.get_by_role("list", name="Faults that were made"), "not found")
        assert ask(server, "GET", "/config") == 404
        shows(page.get_by_role("list", name="Faults that were made"), "struck once")
        page.get_by_role("button", name="Put everything right").click()
        is_there(page.get_by_role("list", name="Faults that were made").get_by_role("listitem"), times=0)
