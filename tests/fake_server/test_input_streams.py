"""Streaming inputs: one event that goes on with each frame that its client posts."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto_fake_server import AppFailure, FakeApp, MemoryServer, Sleep, Steps, state

from .wire import Http, Response

PREFIX = "/gradio_api"


class Camera:
    """An app with a streaming endpoint, its client, and the stream that tells of it."""

    def __init__(self, version: str = "6.31.0", *, time_limit: float | None = 3, seconds: float = 0.0) -> None:
        self.app = FakeApp(version)
        counter = state(0)

        @self.app.endpoint(
            "/cam",
            inputs=["json", counter],
            outputs=["textbox", counter],
            streaming=True,
            time_limit=time_limit,
            stream_every=0.2,
        )
        def cam(frame: Any, count: int) -> Steps[tuple[str, int]]:
            yield Sleep(seconds)
            if frame == "boom":
                raise AppFailure("no picture")
            return f"frame {count} {frame}", count + 1

        self.server = MemoryServer(self.app)
        self.http = Http(self.server)
        self.event_id = self.http.join(0, ["first", None])
        self.response: Response = self.http.stream()
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        self.server.advance(seconds)
        self.http.more()

    def post(self, frame: Any) -> None:
        value = {"data": [frame, None], "fn_index": 0, "session_hash": "s", "event_id": self.event_id}
        answer = Http(self.server).request("POST", f"{PREFIX}/stream/{self.event_id}", value=value)
        assert (answer.status, answer.json) == (200, {"msg": "success"})
        self.wait(0)

    def close(self) -> None:
        answer = Http(self.server).request("POST", f"{PREFIX}/stream/{self.event_id}/close", value={})
        assert (answer.status, answer.json) == (200, {"msg": "success"})
        self.wait(0)

    @property
    def outputs(self) -> list[tuple[str, Any, Any]]:
        """What was said of outputs: the message, the first value, and whether it goes on."""
        return [
            (m["msg"], m["output"]["data"][0], m["output"]["is_generating"])
            for m in self.response.messages
            if "data" in m.get("output", {})
        ]


def test_each_frame_is_one_more_call_with_a_whole_output() -> None:
    camera = Camera()
    camera.post("second")
    camera.post("third")
    camera.close()
    assert camera.outputs == [
        ("process_streaming", "frame 0 first", True),
        ("process_streaming", "frame 1 second", True),
        ("process_streaming", "frame 2 third", True),
        ("process_completed", "frame 2 third", True),
    ]
    kinds = ["estimation", "process_starts", *["process_streaming"] * 3, "process_completed", "close_stream"]
    assert camera.response.kinds == kinds
    assert list(camera.response.messages[2]) == ["msg", "event_id", "output", "success", "time_limit"]
    assert camera.response.messages[2]["time_limit"] == 3.0
    assert camera.response.messages[-2]["cache_duration"] == 0.0


@pytest.mark.parametrize(
    ("version", "time_limit", "end"),
    [
        ("5.50.0", 3.0, ("process_completed", "frame 1 first", False)),
        ("5.50.0", None, ("process_streaming", "frame 1 first", True)),
        ("6.13.0", None, ("process_completed", "frame 1 first", False)),
        ("6.31.0", None, ("process_completed", "frame 0 first", True)),
    ],
)
def test_what_closing_does_depends_on_the_version(
    version: str, time_limit: float | None, end: tuple[str, str, bool]
) -> None:
    camera = Camera(version, time_limit=time_limit)
    camera.close()
    assert camera.outputs[-1] == end
    assert camera.response.whole is (end[0] == "process_completed")


def test_the_calls_together_have_so_much_time() -> None:
    camera = Camera(time_limit=2.5, seconds=1.0)
    assert camera.response.messages[-1]["time_limit"] == 1.5
    camera.post("second")
    camera.wait(1)
    camera.post("third")
    camera.wait(1)
    assert camera.outputs[-1] == ("process_completed", "frame 2 third", False)
    assert camera.response.whole


@pytest.mark.parametrize(("time_limit", "wait"), [(3.0, 3.0), (None, 30.0)])
def test_it_ends_when_no_frame_comes(time_limit: float | None, wait: float) -> None:
    camera = Camera(time_limit=time_limit)
    camera.wait(wait - 0.5)
    camera.post("second")
    camera.wait(wait - 0.1)
    assert not camera.response.whole
    camera.wait(0.1)
    assert camera.outputs[-1] == ("process_completed", "frame 1 second", True)
    assert camera.response.messages[-2]["cache_duration"] is None
    assert camera.response.whole


def test_frames_that_come_during_a_call_replace_one_another() -> None:
    camera = Camera(time_limit=None, seconds=1.0)
    camera.post("second")
    camera.post("lost")
    camera.post("last")
    camera.wait(2)
    assert [text for _, text, _ in camera.outputs] == ["frame 0 first", "frame 1 second", "frame 2 last"]


def test_a_failure_ends_it() -> None:
    camera = Camera()
    camera.post("boom")
    assert camera.response.messages[-2]["output"]["error"] == "no picture"
    assert camera.response.whole


def test_it_can_be_cancelled_and_its_place_is_free() -> None:
    camera = Camera()
    value = {"session_hash": "s", "fn_index": 0, "event_id": camera.event_id}
    Http(camera.server).request("POST", f"{PREFIX}/cancel", value=value)
    camera.wait(0)
    assert camera.response.messages[-2]["output"] == {}
    assert camera.response.whole
    assert camera.app.job("/cam").state == "cancelled"
    Http(camera.server).join(0, ["again", None], "other")
    assert camera.app.job("/cam").state == "waiting"


def test_it_ends_when_its_client_goes_away() -> None:
    camera = Camera()
    camera.http.connection.receive_data(b"")
    camera.server.advance(0)
    assert camera.app.job("/cam").state == "dropped"


@pytest.mark.parametrize(
    ("version", "over", "unknown"),
    [("5.0.2", 200, 500), ("6.13.0", 200, 500), ("6.31.0", 404, 404)],
)
def test_frames_for_an_event_that_is_not_there(version: str, over: int, unknown: int) -> None:
    camera = Camera(version)
    camera.close()
    http = Http(camera.server)
    for event_id, status in ((camera.event_id, over), ("nosuch", unknown)):
        for path, value in ((event_id, {"data": []}), (f"{event_id}/close", None)):
            answer = http.request("POST", f"{PREFIX}/stream/{path}", value=value)
            assert answer.status == status
            assert answer.body == b"" or status != 404
    assert http.request("POST", f"{PREFIX}/stream/nosuch", value={}).status == 422


def test_other_events_take_frames_without_a_word_and_go_on_as_before() -> None:
    app = FakeApp()
    app.endpoint("/f")(lambda: 1)
    app.hold("/f")
    http = Http(MemoryServer(app))
    event_id = http.join(0, [])
    assert http.request("POST", f"{PREFIX}/stream/{event_id}", value={"data": [5]}).json == {"msg": "success"}
    app.release("/f")
    assert http.stream().messages[-2]["output"]["data"] == [1]


def test_the_config_tells_how_to_stream_and_older_gradios_cannot() -> None:
    dependency = Http(Camera().server).request("GET", "/config").json["dependencies"][0]
    assert (dependency["connection"], dependency["time_limit"], dependency["stream_every"]) == ("stream", 3, 0.2)
    assert dependency["targets"] == [[dependency["inputs"][0], "stream"]]
    with pytest.raises(ValueError, match=r"Gradio 4\.44\.1 has no streaming inputs, but /f wants one"):
        FakeApp("4.44.1").endpoint("/f", streaming=True)(lambda frame: frame)
    with pytest.raises(ValueError, match="neither a generator nor a batch"):
        FakeApp().endpoint("/f", streaming=True, batch=True)(lambda frame: frame)
    with pytest.raises(ValueError, match="time limit of 0 seconds"):
        FakeApp().endpoint("/f", streaming=True, time_limit=0)(lambda frame: frame)


def test_a_direct_call_is_one_frame() -> None:
    answer = Http(Camera().server).request("POST", f"{PREFIX}/run/cam", value={"data": ["x", None]}).json
    assert (answer["data"], answer["is_generating"]) == (["frame 0 x", None], False)
