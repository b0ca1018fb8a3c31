"""The same requests to a real Gradio and to the fake one: the answers must have the same shape.

Ids, times and the wording of descriptions may differ; statuses, headers that matter, keys, types and the order of
messages may not.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from gradproto_fake_server import FakeApp, FakeServer, demo_app

pytestmark = pytest.mark.real

REAL_APP = Path(__file__).parents[1] / "real_app.py"
JSON = {"Content-Type": "application/json"}
Pair = tuple[str, str]


@contextmanager
def served(fake_app: FakeApp, *options: str) -> Iterator[Pair]:
    """Serve the real app with options, and the fake one."""
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(REAL_APP), *options]
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as real,
        FakeServer(fake_app) as fake,
    ):
        try:
            assert real.stdout is not None
            line = next((line for line in real.stdout if line.startswith("READY ")), "")
            assert line, "the real app did not start"
            yield line.split()[1], fake.url
        finally:
            real.terminate()


@pytest.fixture(scope="module")
def both() -> Iterator[Pair]:
    """The addresses of the real app and the fake one."""
    with served(demo_app()) as urls:
        yield urls


@pytest.fixture(scope="module")
def guarded() -> Iterator[Pair]:
    """The same with a login, a short queue, small files and error texts."""
    fake = demo_app(auth={"user": "secret"}, max_queue_size=1, max_file_size=1000, show_error=True)
    options = ("--auth", "user:secret", "--max-size", "1", "--max-file-size", "1000", "--show-error")
    with served(fake, *options) as urls:
        yield urls


class Answer:
    def __init__(self, response: http.client.HTTPResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = body

    @property
    def shown_headers(self) -> dict[str, str]:
        """Headers that a client may act upon."""
        names = ("content-type", "allow", "transfer-encoding", "connection", "location", "accept-ranges")
        names += ("content-disposition", "content-range", "access-control-allow-credentials", "server")
        shown = {name: self.headers[name] for name in names if name in self.headers}
        if "location" in shown:
            shown["location"] = urlsplit(shown["location"]).path
        return shown


def ask(url: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        try:
            content = response.read()
        except http.client.IncompleteRead as error:
            content = error.partial + b"<cut>"
        return Answer(response, content)
    finally:
        connection.close()


def shape(value: Any) -> Any:
    """Keep keys and types; a list is the set of its items' shapes."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        shapes: list[Any] = []
        for item in map(shape, value):
            if item not in shapes:
                shapes.append(item)
        return shapes
    return "number" if type(value) in (int, float) else type(value).__name__


GET, POST = "GET", "POST"
JOIN, RUN, CALL = "/gradio_api/queue/join", "/gradio_api/run", "/gradio_api/call"
FORM = "multipart/form-data; boundary=b"

PLAIN: list[tuple[str, str, bytes | None, dict[str, str]]] = [
    (GET, "/nosuch", None, {}),
    (GET, "/gradio_api/nosuch", None, {}),
    (GET, "/info", None, {}),
    (POST, "/config", None, {}),
    ("HEAD", "/config", None, {}),
    ("OPTIONS", "/config", None, {}),
    (GET, "/gradio_api/queue/join", None, {}),
    (GET, "/gradio_api/queue/join/", None, {}),
    (GET, "/gradio_api/queue/data/?session_hash=x", None, {}),
    (GET, "/gradio_api/upload", None, {}),
    ("PUT", "/gradio_api/file=/etc/passwd", None, {}),
    (GET, "/gradio_api/heartbeat", None, {}),
    (GET, "/gradio_api/user", None, {}),
    (GET, "/gradio_api/login_check", None, {}),
    (GET, "/gradio_api/queue/status", None, {}),
    (GET, "/gradio_api/startup-events", None, {}),
    (GET, "/robots.txt", None, {}),
    (GET, "/logout", None, {}),
    (POST, "/login", b"username=a&password=b", {"Content-Type": "application/x-www-form-urlencoded"}),
    (POST, "/login", None, {}),
    (POST, "/login", b"{}", JSON),
    (GET, "/gradio_api/queue/data", None, {}),
    (GET, "/gradio_api/upload_progress", None, {}),
    (GET, "/gradio_api/queue/data?session_hash=never-joined", None, {}),
    (GET, "/gradio_api/call/echo/never-called", None, {}),
    (GET, "/gradio_api/file=/etc/passwd", None, {}),
    (GET, "/gradio_api/file=/nowhere/at/all", None, {}),
    (GET, "/gradio_api/file=../../etc/passwd", None, {}),
    (GET, "/gradio_api/file/etc/passwd", None, {}),
    ("HEAD", "/gradio_api/file=/etc/passwd", None, {}),
    (GET, "/gradio_api/app_id", None, {"Origin": "http://elsewhere.test"}),
    # joins that are refused
    (POST, JOIN, None, {}),
    (POST, JOIN, b"", JSON),
    (POST, JOIN, b"{bad", JSON),
    (POST, JOIN, b'{"data":1,', JSON),
    (POST, JOIN, b"\xff\xfe", JSON),
    (POST, JOIN, b"[1]", JSON),
    (POST, JOIN, b"null", JSON),
    (POST, JOIN, b'{"data":[]}', {"Content-Type": "text/plain"}),
    (POST, JOIN, b"{}", JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":0}', JSON),
    (POST, JOIN, b'{"data":["x"],"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":null,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"fn_index":0,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":"str","fn_index":0,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":999,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":-1,"session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":"abc","session_hash":"a"}', JSON),
    (POST, JOIN, b'{"data":["x"],"fn_index":0,"session_hash":""}', JSON),
    (
        POST,
        JOIN,
        b'{"data":{},"session_hash":3,"fn_index":1.5,"batched":"x","trigger_id":[],"simple_format":null}',
        JSON,
    ),
    (POST, "/gradio_api/cancel", b'{"event_id":"nope"}', JSON),
    (POST, "/gradio_api/cancel", b'{"event_id":"nope","session_hash":"nope","fn_index":0}', JSON),
    (POST, "/gradio_api/cancel", None, {}),
    (POST, "/gradio_api/reset", b'{"event_id":"nope"}', JSON),
    (POST, "/gradio_api/reset", b"{}", JSON),
    # direct calls
    (POST, f"{RUN}/echo", b'{"data":["hi \\u2713"]}', JSON),
    (POST, f"{RUN}/echo/", b'{"data":["hi"]}', JSON),
    (POST, "/gradio_api/api/add", b'{"data":[1,2.5]}', JSON),
    (POST, "/gradio_api/api/predict", b'{"data":["hi"],"fn_index":0}', JSON),
    (POST, f"{RUN}/count", b'{"data":[3]}', JSON),
    (POST, f"{RUN}/count", b'{"data":[0]}', JSON),
    (POST, f"{RUN}/fail", b'{"data":["x"]}', JSON),
    (POST, f"{RUN}/echo", b'{"data":[]}', JSON),
    (POST, f"{RUN}/secret", b'{"data":["x"]}', JSON),
    (POST, f"{RUN}/now_upper", b'{"data":["x"]}', JSON),
    (POST, f"{RUN}/incr", b'{"data":[null]}', JSON),
    (POST, f"{RUN}/nosuch", b'{"data":["x"]}', JSON),
    (POST, f"{RUN}/nosuch", None, {}),
    (POST, f"{CALL}/nosuch", b'{"data":["x"]}', JSON),
    (POST, f"{CALL}/echo", b"{}", JSON),
    (POST, f"{CALL}/v2/echo", b"[]", JSON),
    (POST, f"{CALL}/v2/echo", b"{}", JSON),
    (POST, f"{CALL}/v2/echo", b'{"nosuch":1}', JSON),
    # uploads that are refused, or empty
    (POST, "/gradio_api/upload", b"xx", {"Content-Type": "text/plain"}),
    (POST, "/gradio_api/upload", b"xx", {}),
    (POST, "/gradio_api/upload", b"xx", {"Content-Type": "multipart/form-data"}),
    (POST, "/gradio_api/upload", b"--b--\r\n", {"Content-Type": FORM}),
    (
        POST,
        "/gradio_api/upload",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\n1\r\n--b--\r\n',
        {"Content-Type": FORM},
    ),
    (
        POST,
        "/gradio_api/upload",
        b'--b\r\nContent-Disposition: form-data; name="files"; filename=".."\r\n\r\n1\r\n--b--\r\n',
        {"Content-Type": FORM},
    ),
    (
        POST,
        "/gradio_api/upload",
        b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n",
        {"Content-Type": FORM},
    ),
]


def comparable(body: bytes) -> Any:
    """A JSON body's values without times, ids and wording; another body's text."""
    text = re.sub(rb"\n?Check if the event handler.*?(?=\",|$)", b"", body, flags=re.DOTALL)
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, dict):
        for name in ("duration", "average_duration"):
            if isinstance(value.get(name), float):
                value[name] = "seconds"
        if "app_id" in value:
            value["app_id"] = "number"
    return value


@pytest.mark.parametrize("request_", PLAIN, ids=lambda each: f"{each[0]} {each[1]} {each[2]!r:.60}")
def test_a_simple_request_gets_the_same_answer(both: Pair, request_: Any) -> None:
    real, fake = (ask(url, *request_) for url in both)
    assert fake.status == real.status
    assert fake.shown_headers == real.shown_headers
    assert comparable(fake.body) == comparable(real.body)


def documents(both: Pair, path: str) -> tuple[Any, Any]:
    real, fake = (ask(url, GET, path) for url in both)
    assert (fake.status, fake.shown_headers) == (real.status, real.shown_headers)
    return json.loads(real.body), json.loads(fake.body)


def without_wording(value: Any) -> Any:
    """Drop descriptions and snippets, which are prose."""
    if isinstance(value, dict):
        prose = ("description", "additional_description", "code_snippets")
        return {key: without_wording(item) for key, item in value.items() if key not in prose}
    if isinstance(value, list):
        return [without_wording(item) for item in value]
    return value


@pytest.mark.parametrize("path", ["/gradio_api/info", "/gradio_api/info?all_endpoints=true"])
def test_the_info_is_the_same(both: Pair, path: str) -> None:
    real, fake = documents(both, path)
    assert without_wording(fake) == without_wording(real)
    assert shape(fake["named_endpoints"]["/echo"]) == shape(real["named_endpoints"]["/echo"])


def test_the_config_has_the_same_fields_in_the_same_order(both: Pair) -> None:
    real, fake = documents(both, "/config")
    assert list(fake) == list(real)
    told = [name for name in real if name not in ("app_id", "components", "dependencies", "layout", "page", "root")]
    told.remove("theme_hash")
    assert {name: fake[name] for name in told} == {name: real[name] for name in told}


def test_the_config_describes_the_endpoints_alike(both: Pair) -> None:
    real, fake = documents(both, "/config")
    ids = ("targets", "inputs", "outputs")
    for theirs, ours in zip(real["dependencies"], fake["dependencies"], strict=True):
        assert list(ours) == list(theirs)
        assert {key: value for key, value in ours.items() if key not in ids} == {
            key: value for key, value in theirs.items() if key not in ids
        }
        for side in ("inputs", "outputs"):
            assert kinds_of(fake, ours[side]) == kinds_of(real, theirs[side])


def kinds_of(config: Any, ids: list[int]) -> list[str]:
    components = {component["id"]: component for component in config["components"]}
    return [components[identity]["type"] for identity in ids]


def test_the_config_describes_the_components_alike(both: Pair) -> None:
    real, fake = documents(both, "/config")
    theirs = {component["type"]: component for component in real["components"] if component["type"] != "form"}
    ours = {component["type"]: component for component in fake["components"]}
    assert set(ours) == set(theirs)
    for kind, component in theirs.items():
        assert list(ours[kind]) == list(component), kind
        assert shape(without_wording(ours[kind])) == shape(without_wording(component)), kind


def test_the_page_has_the_config_in_it(both: Pair) -> None:
    for url in both:
        answer = ask(url, GET, "/")
        assert answer.shown_headers["content-type"] == "text/html; charset=utf-8"
        found = re.search(rb"window\.gradio_config = (.*?);[\s]*</script>", answer.body)
        assert found is not None
        assert json.loads(found[1])["protocol"] == "sse_v3"


def call(url: str, fn_index: int, data: list[Any], session_hash: str) -> tuple[Answer, Answer]:
    body = {"data": data, "event_data": None, "fn_index": fn_index, "trigger_id": None, "session_hash": session_hash}
    joined = ask(url, POST, JOIN, json.dumps(body).encode(), JSON)
    return joined, ask(url, GET, f"/gradio_api/queue/data?session_hash={session_hash}")


TIMES = ("rank_eta", "eta", "cache_duration", "avg_time", "duration", "average_duration")


def normal(message: Any) -> Any:
    """A message without its id and its times, which may be null the first time."""
    if not isinstance(message, dict):
        return message
    kept: dict[str, Any] = {}
    for key, value in message.items():
        if key in TIMES and message.get("msg") != "log":
            kept[key] = "seconds" if value is None or isinstance(value, float) else value
        elif key == "event_id":
            kept[key] = value if value is None else "id"
        else:
            kept[key] = normal(value) if key == "output" else value
    return kept


def messages(answer: Answer) -> list[Any]:
    cut = answer.body.endswith(b"<cut>")
    blocks = answer.body.removesuffix(b"<cut>").split(b"\n\n")[:-1]
    return [normal(json.loads(block.removeprefix(b"data: "))) for block in blocks] + (["cut"] if cut else [])


CALLS: list[tuple[int, list[Any]]] = [
    (0, ["hello ✓ \U0001f600 \u2028"]),
    (0, [None]),
    (0, [{"x": 1}]),
    (0, ["a", "b"]),
    (0, []),
    (1, [1, 2]),
    (1, [1, 2.5]),
    (1, ["a", "b"]),
    (1, ["a", 1]),
    (2, ["x", 0.01]),
    (3, [3]),
    (3, [0]),
    (3, [1]),
    (4, ["x"]),
    (5, [None]),
    (5, ["/etc/passwd"]),
    (5, [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]),
    (5, [{"path": "/etc/passwd"}]),
    (6, [None]),
    (7, ["hi there", []]),
    (7, ["hi", None]),
    (7, ["hi", [{"role": "user", "content": "a"}, {"role": "assistant", "content": [{"type": "text", "text": "b"}]}]]),
    (8, [2]),
    (9, ["x"]),
    (10, ["x"]),
]


@pytest.mark.parametrize("given", CALLS, ids=lambda each: f"{each[0]} {each[1]!r:.50}")
def test_a_call_gets_the_same_messages(both: Pair, given: Any) -> None:
    fn_index, data = given
    session_hash = f"drift-{CALLS.index(given)}"
    (real_join, real), (fake_join, fake) = (call(url, fn_index, data, session_hash) for url in both)
    assert fake_join.status == real_join.status == 200
    assert fake_join.shown_headers == real_join.shown_headers
    assert re.fullmatch(rb'\{"event_id":"[0-9a-f]{32}"\}', real_join.body)
    assert re.fullmatch(rb'\{"event_id":"[0-9a-f]{32}"\}', fake_join.body)
    assert fake.shown_headers == real.shown_headers
    assert messages(fake) == messages(real)
    assert [list(message) for message in messages(fake)] == [list(message) for message in messages(real)]


def test_a_state_lives_in_its_session(both: Pair) -> None:
    seen = []
    for url in both:
        for session_hash in ("state-a", "state-a", "state-b"):
            _, answer = call(url, 6, [None], session_hash)
            seen.append(messages(answer)[-2]["output"]["data"])
    assert seen == [[1, None], [2, None], [1, None]] * 2


@pytest.mark.parametrize(
    ("name", "data"),
    [("echo", ["hi ✓"]), ("count", [2]), ("fail", ["x"]), ("incr", []), ("incr", [None]), ("progress", [1])],
)
def test_the_simple_api_gives_the_same_events(both: Pair, name: str, data: list[Any]) -> None:
    bodies = []
    for url in both:
        posted = ask(url, POST, f"{CALL}/{name}", json.dumps({"data": data}).encode(), JSON)
        answer = ask(url, GET, f"{CALL}/{name}/{json.loads(posted.body)['event_id']}")
        bodies.append((posted.status, answer.status, answer.shown_headers, answer.body))
    assert bodies[1] == bodies[0]


def test_the_simple_api_takes_names(both: Pair) -> None:
    bodies = []
    for url in both:
        posted = ask(url, POST, f"{CALL}/v2/chat", b'{"message": "hi"}', JSON)
        bodies.append(ask(url, GET, f"{CALL}/v2/chat/{json.loads(posted.body)['event_id']}").body)
    assert bodies[1] == bodies[0]


def form(name: str, content: bytes) -> bytes:
    disposition = f'Content-Disposition: form-data; name="files"; filename="{name}"\r\n'.encode()
    return b"--b\r\n" + disposition + b"Content-Type: text/plain\r\n\r\n" + content + b"\r\n--b--\r\n"


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


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name:.20}")
def test_a_file_goes_up_through_a_function_and_down_alike(both: Pair, name: str) -> None:
    seen = []
    for number, url in enumerate(both):
        upload = ask(url, POST, "/gradio_api/upload", form(name, b"hello file"), {"Content-Type": FORM})
        assert upload.status == 200
        (path,) = json.loads(upload.body)
        assert re.fullmatch(r"/.*/[0-9a-f]{64}/[^/]+", path)
        given = {"path": path, "orig_name": "hello.txt", "meta": {"_type": "gradio.FileData"}}
        _, answer = call(url, 5, [given], f"file-{number}")
        (result,) = messages(answer)[-2]["output"]["data"]
        assert result["url"] == f"{url}/gradio_api/file={quote(result['path'])}"
        target = urlsplit(result["url"]).path
        answers = [
            ask(url, GET, target),
            ask(url, "HEAD", target),
            ask(url, GET, target, headers={"Range": "bytes=2-5"}),
            ask(url, GET, target, headers={"Range": "bytes=2-500"}),
            ask(url, GET, target, headers={"Range": "bytes=2-"}),
            ask(url, GET, target, headers={"Range": "bytes=-3"}),
            ask(url, GET, target, headers={"Range": "bytes=50-"}),
            ask(url, GET, target, headers={"Range": "bytes=50-60"}),
        ]
        result["path"], result["url"] = Path(result["path"]).name, "url"
        if not name:
            result["path"] = result["orig_name"] = "made up"
        seen.append(
            (
                Path(path).name if name else "made up",
                upload.shown_headers,
                result,
                [
                    (
                        a.status,
                        a.body if a.status != 416 else b"",
                        a.shown_headers if name else "",
                        a.headers["content-length"],
                    )
                    for a in answers
                    if a.status != 416 or not a.body
                ],
            )
        )
    assert seen[1] == seen[0]


def test_cancelling_a_queued_event_alone_completes_it_with_nothing(both: Pair) -> None:
    seen = []
    for url in both:
        running = json.dumps({"data": ["a", 1.0], "fn_index": 2, "session_hash": "cancel-1"}).encode()
        waiting = json.dumps({"data": ["b", 1.0], "fn_index": 2, "session_hash": "cancel-2"}).encode()
        ask(url, POST, JOIN, running, JSON)
        event_id = json.loads(ask(url, POST, JOIN, waiting, JSON).body)["event_id"]
        body = json.dumps({"session_hash": "cancel-2", "fn_index": 2, "event_id": event_id}).encode()
        cancelled = ask(url, POST, "/gradio_api/cancel", body, JSON)
        cancelled_again = ask(url, POST, "/gradio_api/cancel", body, JSON)
        lost = ask(url, GET, "/gradio_api/queue/data?session_hash=cancel-2")
        kept = ask(url, GET, "/gradio_api/queue/data?session_hash=cancel-1")
        seen.append((cancelled.body, cancelled_again.body, messages(lost), messages(kept)))
    assert seen[1] == seen[0]


def test_cancelling_a_running_plain_function_completes_it_with_nothing(both: Pair) -> None:
    seen = []
    for url in both:
        running = json.dumps({"data": ["a", 0.5], "fn_index": 2, "session_hash": "cancel-3"}).encode()
        event_id = json.loads(ask(url, POST, JOIN, running, JSON).body)["event_id"]
        body = json.dumps({"session_hash": "cancel-3", "fn_index": 2, "event_id": event_id}).encode()
        ask(url, GET, "/gradio_api/queue/status")
        cancelled = ask(url, POST, "/gradio_api/cancel", body, JSON)
        seen.append((cancelled.body, messages(ask(url, GET, "/gradio_api/queue/data?session_hash=cancel-3"))[-2:]))
    assert seen[1] == seen[0]


def test_cancelling_a_running_generator_leaves_its_outputs_and_completes_it(both: Pair) -> None:
    seen = []
    for url in both:
        # A million outputs take longer than the request that cancels them.
        body = json.dumps({"data": [1_000_000], "fn_index": 3, "session_hash": "cancel-4"}).encode()
        event_id = json.loads(ask(url, POST, JOIN, body, JSON).body)["event_id"]
        body = json.dumps({"session_hash": "cancel-4", "fn_index": 3, "event_id": event_id}).encode()
        cancelled = ask(url, POST, "/gradio_api/cancel", body, JSON)
        got = messages(ask(url, GET, "/gradio_api/queue/data?session_hash=cancel-4"))
        kinds = [message["msg"] for message in got]
        assert set(kinds[2:-2]) <= {"process_generating"}
        seen.append((cancelled.body, kinds[:2], got[-2:]))
    assert seen[1] == seen[0]


LOGIN = b"username=user&password=secret"
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


def cookie_of(url: str) -> dict[str, str]:
    answer = ask(url, POST, "/login", LOGIN, URLENCODED)
    assert answer.status == 200
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


OUTSIDE: list[tuple[str, str, bytes | None, dict[str, str]]] = [
    (GET, "/config", None, {}),
    (GET, "/gradio_api/info", None, {}),
    (POST, JOIN, b"{}", JSON),
    (POST, JOIN, b"{bad", JSON),
    (POST, JOIN, None, {}),
    (POST, f"{RUN}/echo", b'{"data":["x"]}', JSON),
    (POST, f"{CALL}/echo", b'{"data":["x"]}', JSON),
    (GET, f"{CALL}/echo/x", None, {}),
    (GET, "/gradio_api/queue/data", None, {}),
    (GET, "/gradio_api/queue/status", None, {}),
    (POST, "/gradio_api/upload", b"xx", {}),
    (GET, "/gradio_api/upload_progress?upload_id=x", None, {}),
    (GET, "/gradio_api/file=/etc/passwd", None, {}),
    (GET, "/gradio_api/login_check", None, {}),
    (GET, "/gradio_api/user", None, {}),
    (GET, "/gradio_api/startup-events", None, {}),
    (POST, "/gradio_api/reset", b'{"event_id":"x"}', JSON),
    (POST, "/gradio_api/cancel", b'{"event_id":"x","session_hash":"x","fn_index":0}', JSON),
    (POST, "/login", b"username=user&password=wrong", URLENCODED),
    (POST, "/login", b"username=user", URLENCODED),
    (POST, "/login", b"username=user&password=", URLENCODED),
    (GET, "/config", None, {"Cookie": "access-token-x=y; access-token-unsecure-z"}),
]


@pytest.mark.parametrize("request_", OUTSIDE, ids=lambda each: f"{each[0]} {each[1]} {each[2]!r:.60}")
def test_a_stranger_gets_the_same_answer(guarded: Pair, request_: Any) -> None:
    real, fake = (ask(url, *request_) for url in guarded)
    assert fake.status == real.status
    assert fake.shown_headers == real.shown_headers
    assert comparable(fake.body) == comparable(real.body)


def test_a_login_opens_the_door_in_either_encoding_and_a_logout_closes_it(guarded: Pair) -> None:
    seen = []
    for url in guarded:
        multipart = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair
            for pair in ((b"username", b" user "), (b"password", b"secret"))
        )
        answers = [ask(url, POST, "/login", LOGIN, URLENCODED)]
        answers.append(ask(url, POST, "/login", multipart + b"--b--\r\n", {"Content-Type": FORM}))
        cookie = cookie_of(url)
        answers.append(ask(url, GET, "/gradio_api/user", headers=cookie))
        config = ask(url, GET, "/config", headers=cookie)
        told = json.loads(config.body)
        answers += [ask(url, GET, "/logout", headers=cookie), ask(url, GET, "/gradio_api/user", headers=cookie)]
        cookies = [re.sub(r"-[\w-]{43}=[^;]*|expires=[^;]*", "", a.headers.get("set-cookie", "")) for a in answers]
        flags = [told[name] for name in ("username", "show_error", "max_file_size")]
        seen.append(([(a.status, a.shown_headers, a.body) for a in answers], cookies, flags))
    assert seen[1] == seen[0]


def test_the_page_before_a_login_says_so(guarded: Pair) -> None:
    seen = []
    for url in guarded:
        found = re.search(rb"window\.gradio_config = (.*?);[\s]*</script>", ask(url, GET, "/").body)
        assert found is not None
        told = json.loads(found[1])
        seen.append({name: told.get(name, "absent") for name in ("auth_required", "auth_message", "space_id")})
    assert seen[1] == seen[0]


def test_a_full_queue_refuses_with_the_same_words(guarded: Pair) -> None:
    seen = []
    for url in guarded:
        headers = {**JSON, **cookie_of(url)}
        answers = []
        for number in range(3):
            body = {"data": ["x", 1.0], "fn_index": 2, "session_hash": f"full-{number}"}
            answers.append(ask(url, POST, JOIN, json.dumps(body).encode(), headers))
            if not number:  # a moment in which the first one leaves the queue
                ask(url, GET, "/gradio_api/queue/data?session_hash=never", headers=headers)
        call_answer = ask(url, POST, f"{CALL}/echo", b'{"data":["x"]}', headers)
        refused = [*answers[2:], call_answer]
        seen.append(([a.status for a in answers], [(a.status, a.shown_headers, a.body) for a in refused]))
    assert seen[1] == seen[0]


def test_a_file_over_the_limit_is_refused_alike(guarded: Pair) -> None:
    seen = []
    for url in guarded:
        headers = {"Content-Type": FORM, **cookie_of(url)}
        answers = [ask(url, POST, "/gradio_api/upload", form("x.txt", b"x" * size), headers) for size in (1000, 1001)]
        seen.append([(a.status, a.shown_headers, a.body if a.status != 200 else b"") for a in answers])
    assert seen[1] == seen[0]


@pytest.mark.parametrize("given", [(1, ["a", 1]), (0, []), (5, [{"path": "/etc/passwd"}]), (4, ["x"])])
def test_shown_errors_have_the_same_shape(guarded: Pair, given: tuple[int, list[Any]]) -> None:
    fn_index, data = given
    seen = []
    for url in guarded:
        cookie = cookie_of(url)
        body = json.dumps({"data": data, "fn_index": fn_index, "session_hash": f"error-{given}"}).encode()
        direct = ask(url, POST, f"{RUN}/predict", body, {**JSON, **cookie})
        seen.append((direct.status, shape(json.loads(direct.body)), list(json.loads(direct.body))))
    assert seen[1] == seen[0]
