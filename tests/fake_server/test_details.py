"""Small things that differ from one generation to the next, each as the real one was seen to do it."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto_fake_server import FakeApp, MemoryServer, demo_app, textbox

from .wire import Http, Response, multipart

WRONG = {"data": {}, "session_hash": 3, "simple_format": None}
EMPTY_FORM = b"--b--\r\n"


def made(version: str, **options: Any) -> Http:
    return Http(MemoryServer(demo_app(version, **options)))


def prefix(http: Http) -> str:
    return http.server.app.profile.api_prefix


def sent(http: Http, path: str, body: bytes, kind: str = "application/json") -> Response:
    return http.request("POST", f"{prefix(http)}{path}", body=body, headers=[("content-type", kind)])


@pytest.mark.parametrize(
    ("version", "kind"), [("4.12.0", "missing"), ("5.29.0", "missing"), ("5.43.1", "model_attributes_type")]
)
def test_a_body_of_null_was_none_at_first(version: str, kind: str) -> None:
    answer = sent(made(version), "/queue/join", b"null")
    assert (answer.status, [each["type"] for each in answer.json["detail"]]) == (422, [kind])


@pytest.mark.parametrize(("version", "known"), [("4.12.0", False), ("4.19.2", False), ("4.21.0", True)])
def test_a_simple_format_is_looked_at_since_there_is_one(version: str, known: bool) -> None:
    answer = made(version).request("POST", "/queue/join", value=WRONG)
    assert (["body", "simple_format"] in [each["loc"] for each in answer.json["detail"]]) is known


@pytest.mark.parametrize("version", ["3.0.24", "3.39.0"])
def test_pydantic_1_tells_all_about_broken_json(version: str) -> None:
    (detail,) = sent(made(version), "/api/predict", b'{"a":\n"\xc3\xbc",}').json["detail"]
    assert detail == {
        "loc": ["body", 10],
        "msg": "Expecting property name enclosed in double quotes: line 2 column 5 (char 10)",
        "type": "value_error.jsondecode",
        "ctx": {
            "msg": "Expecting property name enclosed in double quotes",
            "doc": '{"a":\n"ü",}',
            "pos": 10,
            "lineno": 2,
            "colno": 5,
        },
    }


@pytest.mark.parametrize("version", ["3.39.0", "3.50.2", "4.44.1", "6.31.0"])
@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000, b'{"data":["\xe9"]}'])
def test_what_cannot_be_read_at_all_is_a_bad_request_without_details(version: str, body: bytes) -> None:
    response = sent(made(version), "/run/echo", body)
    assert (response.status, response.json) == (400, {"detail": "There was an error parsing the body"})


def test_json_may_have_a_byte_order_mark_and_lack_fields_all_the_same() -> None:
    assert sent(made("3.39.0"), "/api/predict", b"\xef\xbb\xbf{}").status == 422


@pytest.mark.parametrize(("version", "status"), [("3.39.0", 200), ("4.44.1", 200), ("5.0.2", 200), ("5.29.0", 422)])
def test_json_needed_no_content_type_until_5_29(version: str, status: int) -> None:
    http = made(version)
    path = f"{prefix(http)}/run/echo"
    assert http.request("POST", path, body=b'{"data":["x"]}').status == status


@pytest.mark.parametrize("version", ["4.20.0", "4.44.1", "6.31.0"])
def test_a_call_in_a_session_without_a_name_crashes(version: str) -> None:
    http = made(version)
    body = {"data": ["x"], "session_hash": ""}
    assert http.request("POST", f"{prefix(http)}/call/echo", value=body).status == 500


@pytest.mark.parametrize(
    ("version", "as_json"), [("3.50.2", True), ("4.25.0", True), ("4.31.5", False), ("6.31.0", False)]
)
def test_what_is_wrong_with_a_form_was_json_at_first(version: str, as_json: bool) -> None:
    for body, kind in (
        (EMPTY_FORM, "multipart/form-data"),
        (b"--b\r\nX: y\r\n\r\n1\r\n--b--\r\n", "multipart/form-data; boundary=b"),
    ):
        answer = sent(made(version), "/upload", body, kind)
        assert answer.status == 400
        assert (answer.header("content-type") == "application/json") is as_json


@pytest.mark.parametrize(("version", "status"), [("3.39.0", 422), ("4.0.2", 200), ("6.31.0", 200)])
def test_a_form_without_files_was_refused_at_first(version: str, status: int) -> None:
    assert sent(made(version), "/upload", EMPTY_FORM, "multipart/form-data; boundary=b").status == status


def test_a_form_with_a_file_in_the_right_field_may_have_others_besides() -> None:
    body = multipart([("other", "a.txt", b"1"), ("files", "b.txt", b"2")])
    answer = sent(made("3.39.0"), "/upload", body, "multipart/form-data; boundary=the-boundary")
    assert (answer.status, len(answer.json)) == (200, 1)


@pytest.mark.parametrize(
    ("name", "stored"), [("CON.txt", "CON.txt"), ("x. .", "x. ."), ("$!`.txt", "file.txt"), ("a(b).txt", "a(b).txt")]
)
def test_6_13_keeps_names_that_mean_something_to_windows(name: str, stored: str) -> None:
    body = multipart([("files", name, b"1")])
    answer = sent(made("6.13.0"), "/upload", body, "multipart/form-data; boundary=the-boundary")
    assert answer.json[0].rpartition("/")[2] == stored


@pytest.mark.parametrize(
    ("version", "listed"), [("4.12.0", False), ("4.25.0", False), ("4.31.5", True), ("6.31.0", True)]
)
def test_what_is_not_to_be_listed_is_in_the_info_of_all_endpoints_when_it_says_so(version: str, listed: bool) -> None:
    app = FakeApp(gradio_version=version)
    app.endpoint("/quiet", visibility="undocumented")(lambda text: text)
    http = Http(MemoryServer(app))
    told = {query: http.request("GET", f"{prefix(http)}/info{query}").json for query in ("", "?all_endpoints=true")}
    assert ["/quiet" in info["named_endpoints"] for info in told.values()] == [False, listed]


def test_a_name_in_the_path_was_not_looked_at_in_3_0() -> None:
    seen = [sent(made(version), "/api/add", b'{"data":[1,2.5]}').json["data"] for version in ("3.0.24", "3.4.1")]
    assert seen == [["1"], [3.5]]


def test_3_4_starts_its_queue_for_those_who_are_logged_in_alone() -> None:
    open_app, closed_app = made("3.4.1"), made("3.4.1", auth={"user": "secret"})
    assert open_app.request("GET", "/startup-events").json is True
    assert closed_app.request("GET", "/startup-events").status == 401
    assert made("3.16.2", auth={"user": "secret"}).request("GET", "/startup-events").json is False


@pytest.mark.parametrize(
    ("version", "text", "progress"),
    [
        ("3.32.0", "", True),
        ("3.39.0", "", "full"),
        ("4.21.0", "", "full"),
        ("4.25.0", None, "full"),
        ("6.31.0", None, "full"),
    ],
)
def test_the_config_says_what_its_time_says(version: str, text: str | None, progress: object) -> None:
    app = FakeApp(gradio_version=version)
    app.endpoint("/f", inputs=[textbox("a"), textbox("b", "given")])(lambda a, b: a)
    document = Http(MemoryServer(app)).request("GET", "/config").json
    texts = [component["props"].get("value") for component in document["components"] if component["type"] == "textbox"]
    assert texts[:2] == [text, "given"]
    assert document["dependencies"][0]["show_progress"] == progress


@pytest.mark.parametrize(
    ("version", "shown"), [("3.39.0", False), ("3.50.2", True), ("5.0.2", True), ("5.29.0", False)]
)
def test_the_first_value_of_a_state_was_shown_for_a_time(version: str, shown: bool) -> None:
    components = made(version).request("GET", "/config").json["components"]
    (counter,) = [each for each in components if each["type"] == "state"]
    assert ("value" in counter["props"]) is shown
