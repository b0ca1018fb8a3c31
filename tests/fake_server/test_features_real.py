"""The fake says of batches, validators, streaming inputs and rendered endpoints what a real Gradio says."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from gradproto_fake_server import FakeApp, FakeServer, number, state, textbox, validate

pytestmark = pytest.mark.real

BATCH, OPEN_GATE, VALIDATED, CAM, APPLY = range(5)


def fake_app() -> FakeApp:
    """The app of ``features_app.py`` without Gradio."""
    app = FakeApp()
    text, amount = textbox("text"), number("number")
    shown, total = textbox("shown"), number("total")

    @app.endpoint("/batch", inputs=[text, amount], outputs=[shown, total], batch=True, max_batch_size=3)
    def batch(texts: list[str], numbers: list[float]) -> list[list[Any]]:
        return [[f"{text}-{len(texts)}" for text in texts], [2 * number for number in numbers]]

    @app.endpoint("/open_gate", inputs=[], outputs=[shown], queue=False)
    def open_gate() -> str:
        app.release("/batch")
        return "open"

    def validator(text: str, number: float) -> list[dict[str, Any]]:
        return [validate(text != "bad", "no bad"), validate(number > 0, "positive")]

    @app.endpoint("/validated", inputs=[text, amount], outputs=[shown], validator=validator)
    def validated(text: str, number: float) -> str:
        return text

    count = state(0)

    @app.endpoint("/cam", inputs=["json", count], outputs=[shown, count], streaming=True, time_limit=60)
    def cam(frame: Any, count: int) -> tuple[str, int]:
        return f"frame {count}", count + 1

    @app.endpoint("/apply", inputs=[amount], renders=True)
    def apply(n: float) -> dict[str, Callable[..., Any]]:
        def numbered(i: int) -> Callable[..., Any]:
            def dyn(text: str) -> str:
                return f"{i}:{text}"

            return dyn

        return {f"/dyn{i}": numbered(i) for i in range(int(n))}

    app.hold("/batch")
    return app


class Caller:
    """A client that is nothing but requests."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/gradio_api"

    def post(self, path: str, value: Any) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{self.url}/{path}", json.dumps(value).encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.loads(response.read() or b"null")
        except HTTPError as error:
            with error:
                body = error.read()
                return error.code, json.loads(body) if body[:1] == b"{" else body

    def join(self, fn_index: int, data: list[Any], session: str) -> str:
        status, answer = self.post("queue/join", {"data": data, "fn_index": fn_index, "session_hash": session})
        assert status == 200, answer
        event_id: str = answer["event_id"]
        return event_id

    def messages(self, session: str) -> Iterator[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/queue/data?session_hash={session}", timeout=60) as response:
            for line in response:
                if line.startswith(b"data: "):
                    message = json.loads(line[6:])
                    if message["msg"] != "heartbeat":
                        yield message


def story(messages: list[dict[str, Any]], ids: list[str]) -> list[Any]:
    """What messages say, without what depends on the time."""
    told: list[Any] = []
    for message in messages:
        output = message.get("output", {})
        place = (message.get("rank"), message.get("queue_size")) if message["msg"] == "estimation" else None
        event = ids.index(message["event_id"]) if message["event_id"] in ids else None
        told.append(
            (
                message["msg"],
                event,
                place,
                output.get("data"),
                output.get("is_generating"),
                sorted(message),
                list(output),
            )
        )
    return told


def batches(caller: Caller) -> list[Any]:
    ids = [caller.join(BATCH, ["first", 0], "b")]
    stream = caller.messages("b")
    heard = [next(stream)]
    while heard[-1]["msg"] != "process_starts":
        heard.append(next(stream))
    ids += [caller.join(BATCH, [f"t{place}", place], "b") for place in range(4)]
    assert caller.post("run/open_gate", {"data": []})[0] == 200
    return story([*heard, *stream], ids)


def frames(caller: Caller) -> list[Any]:
    event_id = caller.join(CAM, [None, None], "c")
    frame = {"data": [None, None], "fn_index": CAM, "session_hash": "c", "event_id": event_id}
    heard = []
    for message in caller.messages("c"):
        heard.append(message)
        if message["msg"] == "process_streaming":
            if message["output"]["data"][0] == "frame 2":
                assert caller.post(f"stream/{event_id}/close", {})[1] == {"msg": "success"}
            else:
                assert caller.post(f"stream/{event_id}", frame)[1] == {"msg": "success"}
    return story(heard, [event_id])


def refusals(caller: Caller) -> list[Any]:
    given = [["bad", 1], ["x", 0], ["bad", 0]]
    return [caller.post("queue/join", {"data": data, "fn_index": VALIDATED, "session_hash": "v"}) for data in given]


def rendered(caller: Caller) -> list[Any]:
    told: list[Any] = []
    for amount in (2, 1):
        caller.join(APPLY, [amount], "r")
        (config,) = [m["output"]["render_config"] for m in caller.messages("r") if "output" in m]
        told.append((list(config), [(d["id"], d["api_name"], list(d)) for d in config["dependencies"]]))
    caller.join(told[-1][1][0][0], ["x"], "r")
    told += [m["output"]["data"] for m in caller.messages("r") if "output" in m]
    status = caller.post("queue/join", {"data": ["x"], "fn_index": told[0][1][0][0], "session_hash": "r"})[0]
    return [*told, status]


@pytest.mark.parametrize("told_by", [batches, frames, refusals, rendered])
def test_the_fake_tells_the_same_story(told_by: Callable[[Caller], list[Any]], real_features: str) -> None:
    with FakeServer(fake_app()) as server:
        assert told_by(Caller(server.url)) == told_by(Caller(real_features))
