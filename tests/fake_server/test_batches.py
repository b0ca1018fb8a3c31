"""Batch endpoints: events that wait together are one call, and each gets its part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from wsproto.events import CloseConnection

from gradproto_fake_server import AppFailure, FakeApp, FakeFile, MemoryServer, Sleep, Steps

from .old_wire import Socket
from .wire import Http


def batched(version: str = "6.31.0", *, size: int = 3, **options: Any) -> FakeApp:
    """An app whose endpoint says with how many it was called."""
    app = FakeApp(version, show_error=True)

    @app.endpoint("/both", batch=True, max_batch_size=size, **options)
    def both(texts: list[str], numbers: list[int]) -> tuple[list[str], list[int]]:
        if "boom" in texts:
            raise AppFailure("boom!")
        assert len(texts) == len(numbers)
        return [f"{text}-{len(texts)}" for text in texts], [2 * number for number in numbers]

    return app


def outputs(messages: list[dict[str, Any]]) -> list[Any]:
    return [m["output"].get("data", m["output"].get("error")) for m in messages if m["msg"] == "process_completed"]


def join_five(app: FakeApp, prefix: str = "/gradio_api") -> list[dict[str, Any]]:
    """Let five events come while the first one is held; give what their stream says."""
    http = Http(MemoryServer(app))
    app.hold("/both")
    for place in range(5):
        value = {"data": [f"t{place}", place], "fn_index": 0, "session_hash": "s"}
        assert http.request("POST", f"{prefix}/queue/join", value=value).status == 200
    app.release("/both")
    return http.start("GET", f"{prefix}/queue/data?session_hash=s").messages


def test_events_that_wait_together_are_one_call_and_each_gets_its_part() -> None:
    messages = join_five(batched())
    assert outputs(messages) == [["t0-1", 0], ["t1-3", 2], ["t2-3", 4], ["t3-3", 6], ["t4-1", 8]]
    # The order in which the real 6.31 says it: those of a batch start together, and end together.
    assert [(m["msg"], m.get("rank"), m.get("queue_size")) for m in messages] == [
        ("estimation", 0, 1),
        ("process_starts", None, None),
        *(("estimation", place, place + 1) for place in range(4)),
        ("process_completed", None, None),
        ("estimation", 0, 1),
        *[("process_starts", None, None)] * 3,
        *[("process_completed", None, None)] * 3,
        ("process_starts", None, None),
        ("process_completed", None, None),
        ("close_stream", None, None),
    ]
    assert {m["output"]["is_generating"] for m in messages if m["msg"] == "process_completed"} == {None}


def test_a_failure_is_that_of_all_of_the_batch() -> None:
    app = batched()
    http = Http(MemoryServer(app))
    app.hold("/both")
    for text in ("alone", "a", "boom"):
        http.join(0, [text, 1])
    app.release("/both")
    assert outputs(http.stream().messages) == [["alone-1", 2], "boom!", "boom!"]


def test_the_config_says_how_many_are_called_at_once() -> None:
    app = batched(size=7)
    app.endpoint("/plain")(lambda: None)
    config = Http(MemoryServer(app)).request("GET", "/config").json
    assert [(d["batch"], d["max_batch_size"]) for d in config["dependencies"]] == [(True, 7), (False, 4)]
    kinds = [component["type"] for component in config["components"]]
    assert kinds[:4] == ["textbox", "number", "textbox", "number"]  # of one event, not of a list of them


def test_events_of_others_do_not_wait_for_a_batch_nor_join_it() -> None:
    app = FakeApp()
    calls: list[list[str]] = []

    def function(texts: list[str]) -> list[list[str]]:
        calls.append(texts)
        return [texts]

    for name in ("/a", "/b"):
        app.endpoint(name, batch=True, concurrency_id="shared")(function)
    http = Http(MemoryServer(app))
    app.hold("/a")
    http.join(0, ["a0"])
    for endpoint, text in ((0, "a1"), (1, "b0"), (0, "a2"), (1, "b1")):
        http.join(endpoint, [text])
    app.release("/a")
    assert len(outputs(http.stream().messages)) == 5
    assert calls == [["a0"], ["a1", "a2"], ["b0", "b1"]]


def test_a_batch_can_be_held_and_stepped_by_any_of_its_events() -> None:
    app = FakeApp()

    @app.endpoint("/f", batch=True)
    def function(texts: list[str]) -> Steps[list[list[str]]]:
        yield Sleep(0)
        return [texts]

    server = MemoryServer(app)
    http = Http(server)
    app.hold("/f")
    for text in ("x", "y", "z"):
        http.join(0, [text])
    response = http.stream()
    (first, second, third) = app.jobs.values()
    first.release()
    server.advance(0)
    assert outputs(http.more().messages) == [["x"]]
    third.step()
    server.advance(0)
    assert not second.over
    second.release()
    server.advance(0)
    assert outputs(http.more().messages) == [["x"], ["y"], ["z"]]
    assert response.whole


def test_a_batch_gives_files() -> None:
    app = FakeApp()

    @app.endpoint("/f", batch=True)
    def function(texts: list[str]) -> list[list[FakeFile]]:
        return [[FakeFile(f"{text}.txt", text.encode()) for text in texts]]

    http = Http(MemoryServer(app))
    app.hold("/f")
    for text in ("x", "y", "z"):
        http.join(0, [text])
    app.release("/f")
    names = [data[0]["orig_name"] for data in outputs(http.stream().messages)]
    assert names == ["x.txt", "y.txt", "z.txt"]


def test_cancelling_one_of_a_batch_completes_it_and_the_others_go_on() -> None:
    app = batched()
    server = MemoryServer(app)
    http = Http(server)
    app.hold("/both")
    http.join(0, ["first", 0])
    ids = [http.join(0, [text, 1]) for text in ("a", "b")]
    app.job("/both").release()  # no call yet, so it stays
    first, second, _ = app.jobs.values()
    first.release()
    response = http.stream()
    value = {"session_hash": "s", "fn_index": 0, "event_id": ids[0]}
    assert Http(server).request("POST", "/gradio_api/cancel", value=value).json == {"success": True}
    assert not second.over
    second.release()
    assert outputs(http.more().messages) == [["first-1", 0], None, ["a-2", 2], ["b-2", 2]]
    assert response.messages[-2]["event_id"] == ids[1]


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (lambda texts: texts, "gives a list for each of its 1 output(s), with a value for each of its 2 event(s)"),
        (lambda texts: [texts[:1]], "gives a list for each of its 1 output(s)"),
        (lambda texts: None, "gives a list for each of its 1 output(s)"),
    ],
)
def test_a_batch_function_that_gives_too_little_fails_in_words(function: Any, error: str) -> None:
    app = FakeApp(show_error=True)
    app.endpoint("/f", batch=True, inputs=["textbox"], outputs=["textbox"])(function)
    answer = Http(MemoryServer(app)).request("POST", "/gradio_api/run/f", value={"data": [["a", "b"]], "batched": True})
    assert answer.status == 500
    assert error in answer.json["error"]


def test_a_direct_call_has_one_events_data_or_those_of_several() -> None:
    app = batched()

    @app.endpoint("/one", batch=True, queue=False)
    def one(texts: list[str]) -> list[list[str]]:
        return [[text.upper() for text in texts]]

    http = Http(MemoryServer(app))

    def call(name: str, data: list[Any], **rest: Any) -> Any:
        return http.request("POST", f"/gradio_api/run/{name}", value={"data": data, **rest}).json

    single = call("one", ["a"])
    assert (single["data"], single["is_generating"]) == (["A"], None)
    assert call("one", [["a", "b"]], batched=True)["data"] == [["A", "B"]]
    assert call("both", [["a", "b"], [1, 2]], batched=True)["data"] == [["a-2", "b-2"], [2, 4]]
    # What the real one says of the same.
    assert call("both", [["a"] * 4, [1] * 4], batched=True)["error"] == (
        "Batch size (4) exceeds the max_batch_size for this function (3)"
    )
    assert call("both", [["a"], [1, 2]], batched=True)["error"] == (
        "All inputs to a batch function must have the same length but instead have sizes: [1, 2]."
    )
    assert "didn't receive enough input values (needed: 2, got: 1)" in call("both", ["a", 1])["error"]
    assert "has no len()" in call("one", [1], batched=True)["error"]


def test_generators_cannot_be_called_in_batches() -> None:
    app = FakeApp(show_error=True)

    @app.endpoint("/f", batch=True)
    def function(texts: list[str]) -> Iterator[list[list[str]]]:
        yield [texts]

    http = Http(MemoryServer(app))
    http.join(0, ["a"])
    assert outputs(http.stream().messages) == ["Gradio does not support generators in batch mode."]


@pytest.mark.parametrize("version", ["4.12.0", "4.19.2"])
def test_all_of_a_batch_got_the_last_ones_part_before_gradio_4_20(version: str) -> None:
    assert outputs(join_five(batched(version), "")) == [["t0-1", 0], *[["t3-3", 6]] * 3, ["t4-1", 8]]


def test_a_batch_breaks_the_queue_of_gradio_4_0_to_4_8() -> None:
    app = batched("4.8.0")
    app.endpoint("/echo", inputs=["textbox"], outputs=["textbox"])(lambda text: text)
    server = MemoryServer(app)
    for fn_index in (0, 1):
        http = Http(server)
        query = f"fn_index={fn_index}&session_hash=s&data=%5B%22a%22,1%5D"
        response = http.start("GET", f"/queue/join?{query}")
        server.advance(20)
        assert http.more().kinds == ["estimation", "heartbeat"]
        assert not response.whole


def test_a_batch_over_websockets_waits_for_the_data_of_all() -> None:
    app = batched("3.50.2")
    server = MemoryServer(app)
    app.hold("/both")
    first, *sockets = [Socket(server) for _ in range(4)]
    for place, socket in enumerate((first, *sockets)):
        socket.send({"fn_index": 0, "session_hash": f"s{place}"})
    first.send({"data": ["first", 0], "fn_index": 0, "session_hash": "s0"})
    app.release("/both")
    server.advance(0)
    assert first.more()[-1]["output"]["data"] == ["first-1", 0]
    sockets[0].send({"data": ["a", 1], "fn_index": 0, "session_hash": "s1"})
    sockets[1].send({"data": ["b", 2], "fn_index": 0, "session_hash": "s2"})
    assert sockets[0].messages[-1]["msg"] == "process_starts"
    sockets[2].send_event(CloseConnection(code=1000))
    assert [socket.more()[-1]["output"]["data"] for socket in sockets[:2]] == [["a-2", 2], ["b-2", 4]]


@pytest.mark.parametrize(
    ("version", "size", "error"),
    [("3.4.1", 2, "Gradio 3.4.1 calls nothing in batches"), ("6.31.0", 0, "which is not even one")],
)
def test_a_batch_that_cannot_be_is_refused(version: str, size: int, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        FakeApp(version).endpoint("/f", batch=True, max_batch_size=size)(lambda texts: [texts])
