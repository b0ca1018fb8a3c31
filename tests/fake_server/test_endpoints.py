from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Literal

import pytest

from gradproto_fake_server import (
    AppFailure,
    FakeApp,
    FakeFile,
    Log,
    MemoryServer,
    Progress,
    Sleep,
    Steps,
    StoredFile,
    checkbox,
    demo_app,
    dropdown,
    file,
    json_value,
    number,
    radio,
    slider,
    state,
    textbox,
)

from .wire import Http


def described(function: Any, **options: Any) -> tuple[list[str], list[str], bool]:
    """Give the components of a function's inputs and outputs, and whether it generates."""
    app = FakeApp()
    app.endpoint("/f", **options)(function)
    (endpoint,) = app.endpoints
    return [c.kind for c in endpoint.inputs], [c.kind for c in endpoint.outputs], endpoint.generates


@pytest.mark.parametrize(
    ("version", "text", "numeric", "slide"),
    [
        # What the real ones say of the same components.
        ("3.32.0", "Howdy!", ("int | float", 5), "numeric value between 2 and 5"),
        ("3.50.2", "Howdy!", ("int | float", 5), "numeric value between 2 and 5"),
        ("4.0.2", "Hello!!", ("float", 3), "numeric value between 2 and 5"),
        ("4.44.1", "Hello!!", ("float", 3), "numeric value between 2 and 5"),
        ("5.0.2", "Hello!!", ("float", 3), ""),
        ("6.31.0", "Hello!!", ("float", 3), ""),
    ],
)
def test_parameters_are_described_in_the_words_of_their_gradio(
    version: str, text: str, numeric: tuple[str, int], slide: str
) -> None:
    app = FakeApp(version)
    inputs = [textbox("text"), number("number"), slider(2, 5, "slider"), file("file")]
    app.endpoint("/f", inputs=inputs, outputs=[])(lambda *_: None)
    info = Http(MemoryServer(app)).request("GET", f"{app.profile.api_prefix}/info").json["named_endpoints"]["/f"]
    told = {parameter["label"]: parameter for parameter in info["parameters"]}
    assert told["text"]["example_input"] == text
    assert (told["number"]["python_type"]["type"], told["number"]["example_input"]) == numeric
    assert told["slider"]["python_type"] == {"type": numeric[0], "description": slide}
    words = {"3.32.0": "filepath or URL to file", "3.50.2": "filepath on your computer (or URL) of file"}
    if version >= "5":
        assert told["file"]["python_type"]["description"].startswith("The FileData class")
    else:
        assert told["file"]["python_type"]["description"] == words.get(version, "")


def test_type_hints_become_components() -> None:
    def function(a: str, b: int, c: float, d: bool, e: StoredFile, f: Literal["x", "y"], g: dict[str, int]) -> None:
        """Do nothing."""

    inputs = ["textbox", "number", "number", "checkbox", "file", "dropdown", "json"]
    assert described(function) == (inputs, [], False)


def test_optional_hints_are_those_without_none() -> None:
    def function(a: str | None, b: int | str, c: Any, d: list[int] | None = None) -> FakeFile | None:
        """Do nothing."""

    assert described(function) == (["textbox", "json", "json", "json"], ["file"], False)


def test_what_has_no_hint_is_json() -> None:
    assert described(lambda a: a) == (["json"], ["json"], False)


def test_hints_that_cannot_be_read_are_no_hints() -> None:
    def function(a: NoSuchName) -> str:  # type: ignore[name-defined]  # noqa: F821
        return a

    assert described(function) == (["json"], ["json"], False)


def test_several_results_are_several_outputs() -> None:
    def function() -> tuple[str, int]:
        return "", 0

    assert described(function) == ([], ["textbox", "number"], False)


def test_yields_are_outputs_unless_the_function_returns_one() -> None:
    def outputs(n: int) -> Iterator[str]:
        yield ""

    def mixed(n: int) -> Generator[str | Sleep | Progress, None, None]:
        yield ""

    def steps(n: int) -> Steps[str]:
        yield Sleep(1)
        return ""

    def only_steps() -> Iterator[Sleep]:
        yield Sleep(1)

    def untyped():  # type: ignore[no-untyped-def]
        yield 1

    assert described(outputs) == (["number"], ["textbox"], True)
    assert described(mixed) == (["number"], ["textbox"], True)
    assert described(steps) == (["number"], ["textbox"], False)
    assert described(only_steps) == ([], ["json"], True)
    assert described(untyped) == ([], ["json"], True)
    assert described(untyped, generates=False) == ([], ["json"], False)


def test_components_may_be_given_by_name_or_made() -> None:
    given = {"inputs": ["textbox", number("n")], "outputs": ["json", "chatbot"]}
    assert described(lambda *_: None, **given) == (["textbox", "number"], ["json", "chatbot"], False)
    with pytest.raises(ValueError, match="no component 'slider'"):
        described(lambda a: a, inputs=["slider"])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: FakeApp(auth=("me", "pw")), "auth has passwords by user name, which are texts"),
        (lambda: FakeApp(auth="me:pw"), "auth has passwords by user name"),
        (lambda: FakeApp(auth=lambda user, password: True), "auth has passwords by user name"),
        (lambda: FakeApp(auth={"me": 1}), "auth has passwords by user name"),
        (lambda: FakeApp(max_file_size="10mb"), "max_file_size is a number of bytes, not '10mb'"),
        (lambda: FakeApp(allowed_paths="/tmp"), "allowed_paths is a list of files and directories, not '/tmp'"),
        (lambda: FakeApp(blocked_paths="/tmp"), "blocked_paths is a list of files and directories, not '/tmp'"),
        (lambda: FakeApp().endpoint("/f", outputs="json")(len), "outputs of /f is a list of components, not 'json'"),
        (lambda: FakeApp().endpoint("/f", visibility="secret")(lambda: 1), "/f cannot be 'secret': an endpoint is one"),
        (lambda: Log("x", level="debug"), "the level of a log is one of info, warning, success, error, not 'debug'"),
    ],
)
def test_options_of_a_wrong_kind_are_refused_at_once(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_logins_may_be_pairs_as_in_launch() -> None:
    pairs: Any = [("me", "secret"), ("you", "")]
    assert FakeApp(auth=pairs).auth == {"me": "secret", "you": ""}


def test_two_endpoints_cannot_have_one_name() -> None:
    app = FakeApp()
    app.endpoint("/f")(lambda: None)
    with pytest.raises(ValueError, match="there is an endpoint /f already"):
        app.endpoint("f")(lambda: None)


def test_a_version_that_cannot_be_played_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no fake of Gradio '1\.0': known are 2\.8\.0 to 6\.31\.0"):
        FakeApp("1.0")


@pytest.mark.parametrize("version", [4.0, None, (4, 44, 1)])
def test_a_version_that_is_no_text_is_refused(version: Any) -> None:
    with pytest.raises(TypeError, match="a version of Gradio is a text such as"):
        FakeApp(version)


def test_the_info_names_parameters_and_their_defaults() -> None:
    app = FakeApp()

    @app.endpoint("/f", inputs=["textbox", number("n", 3), state(), "json"], outputs=["textbox", state()])
    def function(text: str, n: int = 1, s: Any = None, extra: Any = None) -> tuple[str, Any]:
        """Say what it does."""
        return text, s

    info = Http(MemoryServer(app)).request("GET", "/gradio_api/info").json["named_endpoints"]["/f"]
    told = [(p["parameter_name"], p["parameter_has_default"], p["parameter_default"]) for p in info["parameters"]]
    assert told == [("text", False, None), ("n", True, 3), ("extra", True, None)]
    assert [returned["component"] for returned in info["returns"]] == ["Textbox"]
    assert info["description"] == "Say what it does."


def test_inputs_without_a_parameter_get_a_name() -> None:
    app = FakeApp()
    app.endpoint("/f", inputs=["textbox", "textbox"])(lambda *texts: None)
    info = Http(MemoryServer(app)).request("GET", "/gradio_api/info").json["named_endpoints"]["/f"]
    assert [p["parameter_name"] for p in info["parameters"]] == ["param_0", "param_1"]


def test_undocumented_endpoints_are_told_when_asked_for_and_private_ones_never() -> None:
    app = FakeApp()
    for visibility in ("public", "undocumented", "private"):
        app.endpoint(f"/{visibility}", visibility=visibility)(lambda: None)  # type: ignore[arg-type]
    http = Http(MemoryServer(app))
    assert list(http.request("GET", "/gradio_api/info").json["named_endpoints"]) == ["/public"]
    everything = http.request("GET", "/gradio_api/info?all_endpoints=true").json["named_endpoints"]
    assert list(everything) == ["/public", "/undocumented"]
    config = http.request("GET", "/config").json
    assert [d["api_visibility"] for d in config["dependencies"]] == ["public", "undocumented", "private"]


def run(function: Any, data: list[Any], **options: Any) -> Any:
    """Call an endpoint directly; give its one output or its error."""
    app = FakeApp(show_error=True)
    app.endpoint("/f", **options)(function)
    answer = Http(MemoryServer(app)).request("POST", "/gradio_api/run/f", value={"data": data}).json
    return answer["data"][0] if "data" in answer else answer["error"]


@pytest.mark.parametrize(
    ("component", "given", "result"),
    [
        (textbox(), 5, "5"),
        (textbox(), None, None),
        (checkbox(), True, True),
        (number(), 2.5, 2.5),
        (number(), None, None),
        (number(precision=0), 2.6, 3),
        (number(precision=1), "2.66", 2.7),
        (number(minimum=1), 0, "Value 0 is less than minimum value 1."),
        (number(maximum=1), 2, "Value 2 is greater than maximum value 1."),
        (slider(0, 10), 3, 3),
        (slider(0, 10), 11, "Value 11 is greater than maximum value 10."),
        (dropdown(["a", "b"]), "b", "b"),
        (radio(["a", "b"]), None, None),
        (radio(["a", "b"]), "c", "Value: 'c' (type: <class 'str'>) is not in the list of choices: ['a', 'b']"),
        (json_value(), {"a": [1, None]}, {"a": [1, None]}),
    ],
)
def test_a_component_checks_and_converts_what_comes_in(component: Any, given: Any, result: Any) -> None:
    assert run(lambda value: value, [given], inputs=[component], outputs=[json_value()]) == result


@pytest.mark.parametrize(
    ("function", "outputs", "error"),
    [
        (lambda: 1, ["file"], "a file output takes a StoredFile, a FakeFile or None, not int"),
        (lambda: ["x"], ["chatbot"], "a chat message is a dict with 'role' and 'content', not 'x'"),
        (lambda: 1, ["json", "json"], "A function (f) didn't return enough output values (needed: 2, returned: 1)."),
        (lambda: 1 / 0, ["json"], "division by zero"),
    ],
)
def test_a_function_that_gives_the_wrong_thing_fails(function: Any, outputs: list[str], error: str) -> None:
    assert run(function, [], outputs=outputs) == error


class Mute(Exception):
    """One that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (Mute(), "no words"),
        (SystemExit(2), "SystemExit: 2"),
        (GeneratorExit(), "GeneratorExit: "),
        (pytest.fail.Exception("a wrong argument"), "Failed: a wrong argument"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_whatever_a_function_raises_ends_its_call_and_not_the_server(
    raised: BaseException, error: str, late: bool
) -> None:
    def plain(text: str) -> str:
        raise raised

    def generator(text: str) -> Iterator[str]:
        yield "a"
        raise raised

    app = FakeApp("6.31.0", show_error=True)
    app.endpoint("/f")(generator if late else plain)
    http = Http(MemoryServer(app))
    http.join(0, ["x"])
    assert http.stream().messages[-2]["output"]["error"] == error
    assert isinstance(app.job("/f").error, Exception)


def test_ctrl_c_in_a_function_is_for_who_runs_the_server() -> None:
    def function(text: str) -> str:
        raise KeyboardInterrupt

    app = FakeApp()
    app.endpoint("/f")(function)
    http = Http(MemoryServer(app))
    with pytest.raises(KeyboardInterrupt):
        http.join(0, ["x"])


def test_a_plain_function_with_steps_may_not_yield_outputs() -> None:
    def function() -> Steps[str]:
        yield "x"  # type: ignore[misc]
        return "y"

    assert run(function, []) == "f yielded 'x', but it is no generator of outputs"


def test_a_chat_may_hold_texts_parts_and_files() -> None:
    said = [{"role": "user", "content": ["a", {"text": "b", "type": "text"}, {"file": {}, "type": "file"}]}]
    (message,) = run(lambda: said, [], outputs=["chatbot"])
    assert message["content"] == [
        {"text": "a", "type": "text"},
        {"text": "b", "type": "text"},
        {"file": {}, "type": "file"},
    ]
    assert run(lambda: None, [], outputs=["chatbot"]) == []


def test_an_app_failure_carries_what_the_toast_shows() -> None:
    def function() -> None:
        raise AppFailure("no", title="Sorry", duration=None, visible=False)

    app = FakeApp()
    app.endpoint("/f")(function)
    answer = Http(MemoryServer(app)).request("POST", "/gradio_api/run/f", value={"data": []})
    assert answer.status == 500
    assert answer.json == {"error": "no", "duration": None, "visible": False, "title": "Sorry"}


def test_nan_is_null_and_unknown_things_are_their_text() -> None:
    assert run(lambda: [float("nan"), {"a": float("inf")}, 1.5, (float("-inf"),)], [], outputs=["json"]) == [
        None,
        {"a": None},
        1.5,
        [None],
    ]
    assert run(lambda: {"a": 1 + 2j}, [], outputs=["json"]) == {"a": "(1+2j)"}


def test_logs_have_their_level_as_title_and_progress_all_its_fields() -> None:
    app = FakeApp()

    @app.endpoint("/f")
    def function() -> Steps[str]:
        yield Log("a", "warning")
        yield Log("b", title="T", duration=None, visible=False)
        yield Progress(progress=0.5, unit=None)
        return ""

    http = Http(MemoryServer(app))
    event_id = http.join(0, [])
    *_, first, second, progress, _done, _close = http.stream().messages
    common = {"msg": "log", "event_id": event_id}
    assert first == common | {"log": "a", "level": "warning", "duration": 10.0, "visible": True, "title": "Warning"}
    assert second == common | {"log": "b", "level": "info", "duration": None, "visible": False, "title": "T"}
    unit = {"index": None, "length": None, "unit": None, "progress": 0.5, "desc": None}
    assert progress == {"msg": "progress", "event_id": event_id, "progress_data": [unit]}


DESCRIBED = [
    # version, whether serialized, file, JSON, choice, whole number: as the real ones say
    ("3.32.0", True, "str", "str", "str", "int | float"),
    ("3.32.0", False, "str | Dict(name: str", "Dict[Any, Any]", "str", "int | float"),
    ("3.50.2", False, "str | Dict(name: str", "Dict[Any, Any]", "str", "int | float"),
    ("4.0.2", True, "filepath", "Dict[Any, Any]", "Literal[x, y]", "float"),
    ("4.44.1", True, "filepath", "Dict[Any, Any]", "Literal['x', 'y']", "float"),
    ("5.29.0", True, "filepath", "str | float | bool | list | dict", "Literal['x', 'y']", "float"),
    ("6.31.0", True, "filepath", "str | float | bool | list | dict", "Literal['x', 'y']", "int"),
]


@pytest.mark.parametrize(("version", "serialized", "given", "value", "choice", "whole"), DESCRIBED)
def test_types_are_described_in_the_words_of_their_gradio(
    version: str, serialized: bool, given: str, value: str, choice: str, whole: str
) -> None:
    app = FakeApp(version)
    inputs = [file("file"), json_value("value"), dropdown(["x", "y"], "choice"), number("whole", precision=0)]
    app.endpoint("/f", inputs=inputs, outputs=[])(lambda *_: None)
    path = f"{app.profile.api_prefix}/info?serialize={serialized}"
    info = Http(MemoryServer(app)).request("GET", path).json["named_endpoints"]["/f"]
    told = [parameter["python_type"]["type"] for parameter in info["parameters"]]
    assert told[0].startswith(given)
    assert told[1:] == [value, choice, whole]
    assert [parameter["component"] for parameter in info["parameters"]] == ["File", "Json", "Dropdown", "Number"]


@pytest.mark.parametrize(
    ("version", "choices", "value"),
    [
        ("3.39.0", ["x", "y"], None),
        ("3.50.2", [["x", "x"], ["y", "y"]], None),
        ("5.29.0", [["x", "x"], ["y", "y"]], "x"),
    ],
)
def test_choices_are_told_as_their_gradio_tells_them(version: str, choices: list[Any], value: str | None) -> None:
    app = FakeApp(version)
    app.endpoint("/f", inputs=[dropdown(["x", "y"], "choice")], outputs=[])(lambda _: None)
    config = Http(MemoryServer(app)).request("GET", "/config").json
    (props,) = (component["props"] for component in config["components"] if component["type"] == "dropdown")
    assert (props["choices"], props.get("value")) == (choices, value)


@pytest.mark.parametrize(("version", "content"), [("5.50.0", "hi"), ("6.31.0", [{"text": "hi", "type": "text"}])])
def test_a_chat_message_has_the_content_of_its_gradio(version: str, content: Any) -> None:
    server = MemoryServer(demo_app(version))
    body = {"data": ["hi", []]}
    answer = Http(server).request("POST", "/gradio_api/run/chat", value=body).json
    assert answer["data"][0][0]["content"] == content
