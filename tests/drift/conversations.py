"""The cases that need more than one request at a time, or the answer of one for the next."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from .calls import JSON, call, join, stream
from .cases import FORM, LOGIN, URLENCODED, Case, add, case, cookie_of
from .normal import Normal
from .sides import Side
from .talk import LIMIT, ask, converse

__all__: list[str] = []


# --- files -----------------------------------------------------------------------------------------------------------

NAMES = [
    "hello.txt",
    "../../evil.txt",
    "",
    "noext",
    "a b(1).txt",
    "ünï ✓.txt",
    "x" * 300 + ".txt",
    "a&b;c.txt",
    "page.html",
    "CON.txt",
    "$!`.txt",
    "x. .",
]


def form(*files: tuple[str, bytes]) -> bytes:
    parts = []
    for name, content in files:
        disposition = f'Content-Disposition: form-data; name="files"; filename="{name}"\r\n'.encode()
        parts.append(b"--b\r\n" + disposition + b"Content-Type: text/plain\r\n\r\n" + content + b"\r\n")
    return b"".join(parts) + b"--b--\r\n"


def upload(side: Side, *files: tuple[str, bytes], headers: dict[str, str] | None = None, guarded: bool = False) -> Any:
    url = side.url("upper", guarded=guarded)
    path = f"{side.profile.api_prefix}/upload"
    return ask(url, "POST", path, form(*files), {"Content-Type": FORM, **(headers or {})})


def _there_and_back(name: str) -> Any:
    def look(side: Side) -> Any:
        url = side.url("upper")
        normal = Normal(url)
        uploaded = upload(side, (name, b"hello file"))
        seen: dict[str, Any] = {"upload": normal.answer(uploaded)}
        if uploaded.status != 200:
            return seen
        (path,) = json.loads(uploaded.body)
        if "path" in side.profile.file_fields:
            given: Any = {"path": path, "orig_name": "hello.txt", "meta": {"_type": "gradio.FileData"}}
        else:
            given = {"name": path, "orig_name": "hello.txt", "is_file": True, "data": None, "size": 10}
        seen["call"] = call(side, "upper", [given], f"file-{NAMES.index(name)}")
        return seen

    return look


for _name in NAMES:
    add(Case(name=f"file {_name:.20}", look=_there_and_back(_name), span="3.19..", needs="upper"))


@case(needs="upper")
def file_inline(side: Side) -> Any:
    content = "data:text/plain;base64,aGVsbG8="
    return call(side, "upper", [{"name": "hello.txt", "data": content, "size": 5, "is_file": False}], "inline")


@case("3.19..", needs="upper")
def several_files_at_once(side: Side) -> Any:
    return Normal(side.url("upper")).answer(upload(side, ("a.txt", b"1"), ("a.txt", b"2"), ("b.txt", b"")))


@case("3.19..", needs="upper")
def downloads(side: Side) -> Any:
    url = side.url("upper")
    normal = Normal(url)
    (path,) = json.loads(upload(side, ("hello ü.txt", b"hello file")).body)
    target = f"{side.profile.api_prefix}/file={quote(path)}"
    ranges = ("bytes=2-5", "bytes=2-", "bytes=-3", "bytes=1-2,4-5", "x")
    seen = {"GET": ask(url, "GET", target), "HEAD": ask(url, "HEAD", target)}
    seen |= {given: ask(url, "GET", target, headers={"Range": given}) for given in ranges}
    if not side.profile.file_fields or "path" not in side.profile.file_fields:
        seen["GET old"] = ask(url, "GET", f"/file/{quote(path)}")
    (page,) = json.loads(upload(side, ("page.html", b"<b>hello</b>")).body)
    shown = {name: normal.answer(answer) for name, answer in seen.items()}
    return {**shown, "page": normal.answer(ask(url, "GET", f"{side.profile.api_prefix}/file={quote(page)}"))}


# Before some 6.x, Gradio sends nothing for ever, and keeps a core busy, where a range goes beyond the end.
@case("6.31..", needs="upper")
def ranges_beyond_the_end(side: Side) -> Any:
    url = side.url("upper")
    (path,) = json.loads(upload(side, ("hello.txt", b"hello file")).body)
    target = f"{side.profile.api_prefix}/file={quote(path)}"
    ranges = ("bytes=2-500", "bytes=50-", "bytes=50-60")
    return {given: Normal(url).answer(ask(url, "GET", target, headers={"Range": given})) for given in ranges}


@case("3.2..", needs="upper")
def a_produced_file_comes_down(side: Side) -> Any:
    url = side.url("upper")
    if "path" in side.profile.file_fields:
        (path,) = json.loads(upload(side, ("made.txt", b"hello")).body)
        given: Any = {"path": path, "orig_name": "made.txt", "meta": {"_type": "gradio.FileData"}}
    else:
        given = {"name": "made.txt", "data": "data:text/plain;base64,aGVsbG8=", "size": 5, "is_file": False}
    direct = ask(
        url,
        "POST",
        f"{side.profile.api_prefix}/api/predict",
        json.dumps({"data": [given], "fn_index": side.endpoints["upper"], "session_hash": "made"}).encode(),
        JSON,
    )
    output = json.loads(direct.body)["data"][0]
    path = output.get("path") or output["name"]
    seen = {"call": Normal(url).answer(direct)}
    seen["file"] = Normal(url).answer(ask(url, "GET", f"{side.profile.api_prefix}/file={quote(path)}"))
    if output.get("url"):
        address = urlsplit(output["url"])
        seen["url"] = Normal(url).answer(ask(url, "GET", address.path))
    return seen


# --- cancelling ------------------------------------------------------------------------------------------------------


def _posted(side: Side, path: str, **body: Any) -> Any:
    return ask(side.url(), "POST", f"{side.profile.api_prefix}{path}", json.dumps(body).encode(), JSON)


def _joined(side: Side, endpoint: str, data: list[Any], session_hash: str) -> str:
    answer = join(side.url(), side, side.endpoints[endpoint], data, session_hash)
    event_id: str = json.loads(answer.body)["event_id"]
    return event_id


def _while_it_runs(side: Side, name: str, do: Callable[[str, str], Any]) -> Any:
    """Do something with the session and the event of a slow function that runs, of a slower one if it did not last."""
    seconds = 1.0
    while True:
        session_hash = f"{name}-{seconds}"
        began = time.monotonic()
        event_id = _joined(side, "slow", ["a", seconds], session_hash)
        wait_until_empty(side, side.url())
        done = do(session_hash, event_id)
        if time.monotonic() - began < seconds or seconds > LIMIT:
            return done
        seconds *= 2


@case("4.31..", needs="slow")
def cancel_a_waiting_event(side: Side) -> Any:
    url, index = side.url(), side.endpoints["slow"]
    normal = Normal(url)

    def cancel(running: str, _: str) -> tuple[str, str, Any]:
        waiting = f"behind-{running}"
        event_id = _joined(side, "slow", ["b", 0.1], waiting)
        body = {"session_hash": waiting, "fn_index": index, "event_id": event_id}
        answers = {name: normal.answer(_posted(side, "/cancel", **body)) for name in ("cancel", "again")}
        return running, waiting, answers

    running, waiting, answers = _while_it_runs(side, "cancel-1", cancel)
    return {
        **answers,
        "cancelled": normal.answer(stream(url, side, waiting)),
        "other": normal.answer(stream(url, side, running)),
    }


@case("4.31..", needs="slow")
def cancel_a_running_function(side: Side) -> Any:
    url, index = side.url(), side.endpoints["slow"]

    def cancel(session_hash: str, event_id: str) -> tuple[str, Any]:
        return session_hash, _posted(side, "/cancel", session_hash=session_hash, fn_index=index, event_id=event_id)

    session_hash, cancelled = _while_it_runs(side, "cancel-3", cancel)
    events = Normal(url).answer(stream(url, side, session_hash))["events"]
    return {"cancel": Normal(url).answer(cancelled), "last": events[-2:]}


@case("4.31..", needs="tick")
def cancel_a_running_generator(side: Side) -> Any:
    # Three seconds of outputs take longer than the request that stops them.
    url = side.url()
    event_id = _joined(side, "tick", [60], "cancel-4")
    wait_until_empty(side, url)
    body = {"session_hash": "cancel-4", "fn_index": side.endpoints["tick"], "event_id": event_id}
    cancelled = _posted(side, "/cancel", **body)
    answer = Normal(url).answer(stream(url, side, "cancel-4"))
    kinds = [event["json"]["msg"] for event in answer["events"]]
    return {
        "cancel": Normal(url).answer(cancelled),
        "only outputs before": set(kinds[:-2]) <= {"estimation", "process_starts", "process_generating"},
        "last": _without_numbers(answer["events"][-2:]),
    }


def _without_numbers(events: Any) -> Any:
    """Leave out how far a generator came."""
    return json.loads(re.sub(r"n=\d+", "n=(number)", json.dumps(events)))


# --- sessions and limits ---------------------------------------------------------------------------------------------


@case("4.9..", needs="slow")
def two_events_of_a_session(side: Side) -> Any:
    def join_another(session_hash: str, _: str) -> str:
        _joined(side, "echo", ["b"], session_hash)
        return session_hash

    url = side.url()
    session_hash = _while_it_runs(side, "both", join_another)
    return Normal(url).answer(stream(url, side, session_hash))


def wait_until_empty(side: Side, url: str, headers: dict[str, str] | None = None) -> None:
    """Wait until what was joined has left the queue: until it runs."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        status = ask(url, "GET", f"{side.profile.api_prefix}/queue/status", headers=headers)
        if json.loads(status.body)["queue_size"] == 0:
            return
    raise TimeoutError("the queue did not become empty")


@case("4.9..", needs="slow")
def full_queue(side: Side) -> Any:
    url = side.url(guarded=True)
    normal = Normal(url)
    headers = {"Cookie": cookie_of(side)}
    answers = []
    for number in range(3):
        answers.append(join(url, side, side.endpoints["slow"], ["x", 2.0], f"full-{number}", headers))
        if not number:
            wait_until_empty(side, url, headers)
    seen: dict[str, Any] = {"joins": [answer.status for answer in answers], "refused": normal.answer(answers[2])}
    if "call" in side.profile.routes:
        body = b'{"data":["x"]}'
        seen["call"] = normal.answer(
            ask(url, "POST", f"{side.profile.api_prefix}/call/echo", body, {**JSON, **headers})
        )
    for number in range(2):
        stream(url, side, f"full-{number}", headers)
    return seen


@case("4.28..")
def file_over_the_limit(side: Side) -> Any:
    normal = Normal(side.url(guarded=True))
    cookie = {"Cookie": cookie_of(side)}
    return {
        size: normal.answer(upload(side, ("x.txt", b"x" * size), headers=cookie, guarded=True)) for size in (1000, 1001)
    }


SHOWN: list[tuple[str, list[Any]]] = [("add", ["a", 1]), ("echo", []), ("fail", ["x"]), ("break", ["x"])]


def _shown(endpoint: str, data: list[Any]) -> Any:
    def look(side: Side) -> Any:
        url = side.url(guarded=True)
        headers = {**JSON, "Cookie": cookie_of(side)}
        body = json.dumps({"data": data, "fn_index": side.endpoints[endpoint], "session_hash": "shown"}).encode()
        return Normal(url).answer(ask(url, "POST", f"{side.profile.api_prefix}/api/predict", body, headers))

    return look


for _endpoint, _data in SHOWN:
    add(
        Case(
            name=f"shown error {_endpoint} {json.dumps(_data)}",
            look=_shown(_endpoint, _data),
            span="3.0..",
            needs=_endpoint,
        )
    )


@case("6.31..", needs="upper")
def shown_error_of_a_file_that_nobody_uploaded(side: Side) -> Any:
    return _shown("upper", [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}])(side)


@case("6.31..")  # before 6.22 it needs no login, and waits for the upload
def progress_of_an_upload_outside(side: Side) -> Any:
    url = side.url(guarded=True)
    return Normal(url).answer(ask(url, "GET", f"{side.profile.api_prefix}/upload_progress?upload_id=x"))


@case()
def login_and_logout(side: Side) -> Any:
    url = side.url(guarded=True)
    normal = Normal(url)
    prefix = side.profile.api_prefix
    multipart = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair
        for pair in ((b"username", b" user "), (b"password", b"secret"))
    )
    answers = {
        "login": ask(url, "POST", "/login", LOGIN, URLENCODED),
        "as multipart": ask(url, "POST", "/login", multipart + b"--b--\r\n", {"Content-Type": FORM}),
    }
    cookie = {"Cookie": cookie_of(side)}
    for name, path in (("user", "/user"), ("check", "/login_check"), ("file", "/file=/etc/passwd")):
        answers[name] = ask(url, "GET", prefix + path, headers=cookie)
    answers["logout"] = ask(url, "GET", "/logout", headers=cookie)
    answers["user afterwards"] = ask(url, "GET", f"{prefix}/user", headers=cookie)
    return {name: normal.answer(answer) for name, answer in answers.items()}


@case("3.6..")
def call_inside(side: Side) -> Any:
    return call(side, "echo", ["in"], "inside", guarded=True, cookie=cookie_of(side))


@case("3.6..")
def call_that_breaks_inside(side: Side) -> Any:
    return call(side, "break", ["in"], "inside-2", guarded=True, cookie=cookie_of(side))


@case("3.1.5..4.0")
def socket_from_outside(side: Side) -> Any:
    url = side.url(guarded=True)
    return Normal(url).conversation(converse(url, "/queue/join", lambda _: None))
