"""``gradproto predict``: arguments in, outputs out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gradproto_fake_server import AppFailure, FakeApp, FakeFile, FakeServer, StoredFile, file, json_value, textbox
from tests.cli.conftest import Invoke


def test_a_text_is_printed_as_it_is(server: FakeServer, invoke: Invoke) -> None:
    result = invoke("predict", server.url, "/echo", "two\nlines, größe")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "two\nlines, größe\n", "")


def test_numbers_are_read_and_printed_as_json(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "/add", "1.5", "2").stdout == "3.5\n"


@pytest.mark.parametrize("number", ["-5", "-0.5", "-5e0"])
def test_a_negative_number_is_no_option(server: FakeServer, invoke: Invoke, number: str) -> None:
    result = invoke("predict", server.url, "/add", number, "--json", "1")
    assert (result.exit_code, json.loads(result.stdout)) == (0, float(number) + 1)


@pytest.mark.parametrize(
    "text", ["007", "1.50", "true", "[1, 2]", '{"a": 1}', "1e400", "NaN", "{", "", " 5 ", "[" * 9999]
)
def test_a_text_field_takes_what_was_typed(server: FakeServer, invoke: Invoke, text: str) -> None:
    assert invoke("predict", server.url, "/echo", text).stdout == f"{text}\n"


def test_a_json_string_is_its_content(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "/echo", '"a\\tb"').stdout == "a\tb\n"


@pytest.fixture
def typed(invoke: Invoke) -> FakeServer:
    app = FakeApp()

    @app.endpoint("/kinds", inputs=[json_value("value")], outputs=[textbox("kind")])
    def kinds(value: object) -> str:
        return f"{type(value).__name__} {value!r}"

    @app.endpoint("/pair")
    def pair(first: str = "x", second: str = "y") -> tuple[str, dict[str, str]]:
        return first, {"second": second}

    @app.endpoint("/nothing", outputs=[])
    def nothing(text: str) -> None:
        return None

    @app.endpoint("/null")
    def null(text: str) -> str:
        return None  # type: ignore[return-value]

    @app.endpoint("/named")
    def named(headers: str, other: str) -> str:
        return headers + other

    one = file("files")
    several = replace(
        one,
        schema={"type": "array", "items": one.schema},
        python_type="list[filepath]",
        decode=lambda given, context: [one.decode(item, context) for item in given],
    )

    @app.endpoint("/many", inputs=[several], outputs=[textbox("names")])
    def many(files: list[StoredFile]) -> str:
        return " ".join(item.name for item in files)

    @app.endpoint("/twice", inputs=[], outputs=[file("a"), file("b"), json_value("c")], generates=True)
    def twice() -> object:
        for _ in range(2):
            yield FakeFile("same.txt", b"a"), FakeFile("same.txt", b"b"), {"deep": [1]}

    @app.endpoint("/complain")
    def complain(text: str) -> str:
        raise AppFailure(f"no\n  good:\x1b[31m {text}", title="Out of luck")

    with FakeServer(app) as running:
        yield running


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("5", "int 5"),
        ("-2.5", "float -2.5"),
        ("true", "bool True"),
        ("[1]", "list [1]"),
        ('{"a": null}', "dict {'a': None}"),
        ('"5"', "str '5'"),
        ("hello", "str 'hello'"),
        ("NaN", "str 'NaN'"),
    ],
)
def test_a_word_is_json_where_it_can_be(typed: FakeServer, invoke: Invoke, word: str, kind: str) -> None:
    assert invoke("predict", typed.url, "/kinds", word).stdout == f"{kind}\n"


def test_names_of_parameters_are_keywords(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "/add", "b=1", "a=-2.5").stdout == "-1.5\n"
    assert invoke("predict", server.url, "/add", "1", "b=4").stdout == "5\n"


def test_a_word_with_an_equals_sign_is_text_where_no_parameter_has_that_name(
    server: FakeServer, invoke: Invoke
) -> None:
    assert invoke("predict", server.url, "/echo", "c=d").stdout == "c=d\n"
    assert invoke("predict", server.url, "/echo", "text=c=d").stdout == "c=d\n"


def test_a_file_goes_up_and_one_comes_down(server: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    source = tmp_path / "some file.txt"
    source.write_text("größe", encoding="utf-8")
    result = invoke("predict", server.url, "/upper", f"@{source}", "--output-dir", str(tmp_path / "out"))
    assert result.stdout == f"{tmp_path / 'out' / 'some file.txt'}\n"
    assert (tmp_path / "out" / "some file.txt").read_text(encoding="utf-8") == "GRÖSSE"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["some file.txt"]


def test_a_file_that_is_there_is_not_overwritten(server: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    source = tmp_path / "notes.txt"
    source.write_bytes(b"new")
    (tmp_path / "notes-1.txt").write_bytes(b"old")
    result = invoke("predict", server.url, "/upper", f"@{source}", "--output-dir", str(tmp_path))
    assert result.stdout == f"{tmp_path / 'notes-2.txt'}\n"
    assert (source.read_bytes(), (tmp_path / "notes-2.txt").read_bytes()) == (b"new", b"NEW")


def test_a_downloaded_file_outlives_the_program(
    server: FakeServer, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "a.txt").write_bytes(b"a")
    result = invoke("predict", server.url, "/upper", f"file=@{tmp_path / 'a.txt'}")
    path = Path(result.stdout.rstrip("\n"))
    assert path.read_bytes() == b"A"
    assert path.parent.parent == tmp_path


def test_without_download_a_file_is_its_url(server: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    result = invoke("predict", server.url, "/upper", f"@{tmp_path / 'a.txt'}", "--no-download")
    assert result.stdout.startswith(f"{server.url}/gradio_api/file=")
    described = invoke("predict", server.url, "/upper", f"@{tmp_path / 'a.txt'}", "--no-download", "--json").stdout
    assert json.loads(described)["orig_name"] == "a.txt"
    assert json.loads(described)["meta"] == {"_type": "gradio.FileData"}
    assert not [record for record in server.requests if record.kind == "file"]


def test_several_files_of_one_name_are_fetched_once_each(typed: FakeServer, invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("predict", typed.url, "/twice", "--json", "--output-dir", str(tmp_path))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    first, second = str(tmp_path / "same.txt"), str(tmp_path / "same-1.txt")
    assert lines[0] == [first, second, {"deep": [1]}]
    assert (Path(first).read_bytes(), Path(second).read_bytes()) == (b"a", b"b")


def test_two_at_signs_are_a_text_that_begins_with_one(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "/echo", "@@home").stdout == "@home\n"


def test_a_parameter_for_several_files_may_come_several_times(
    typed: FakeServer, invoke: Invoke, tmp_path: Path
) -> None:
    words = []
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_bytes(b"")
        words.append(f"files=@{tmp_path / name}")
    assert invoke("predict", typed.url, "/many", *words).stdout == "a.txt b.txt c.txt\n"
    assert invoke("predict", typed.url, "/many", words[0]).stdout == "a.txt\n"


def test_a_generator_gives_one_line_for_each_output(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "/count", "3").stdout == "n=0\nn=1\nn=2\n"
    assert invoke("predict", server.url, "/count", "2", "--json").stdout == '"n=0"\n"n=1"\n'


def test_several_outputs_are_one_line(typed: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", typed.url, "/pair", "é", "b").stdout == '["é", {"second": "b"}]\n'


def test_no_output_is_no_line_but_an_empty_list_in_json(typed: FakeServer, invoke: Invoke) -> None:
    assert (
        invoke("predict", typed.url, "/nothing", "x").stdout,
        invoke("predict", typed.url, "/null", "x").stdout,
    ) == (
        "",
        "null\n",
    )
    assert invoke("predict", typed.url, "/nothing", "x", "--json").stdout == "[]\n"


def test_the_slash_may_be_missing(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "echo", "x").stdout == "x\n"


def test_a_function_can_be_called_by_its_index(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "--fn-index", "1", "2", "3").stdout == "5\n"


def test_the_only_endpoint_needs_no_name(invoke: Invoke) -> None:
    app = FakeApp()

    @app.endpoint("/only")
    def only() -> str:
        return "here"

    with FakeServer(app) as running:
        assert invoke("predict", running.url).stdout == "here\n"


def test_an_unqueued_endpoint_can_be_called(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "/now_upper", "x").stdout == "X\n"


def test_an_error_of_the_app_is_one_line_without_control_characters(typed: FakeServer, invoke: Invoke) -> None:
    result = invoke("predict", typed.url, "/complain", "really")
    assert result.stderr == "gradproto: error: Out of luck: no good:\\x1b[31m really\n"
    assert (result.exit_code, result.stdout) == (1, "")


def test_outputs_before_a_failure_are_printed(invoke: Invoke) -> None:
    app = FakeApp()

    @app.endpoint("/half", generates=True)
    def half(text: str) -> str:
        yield "one"
        raise AppFailure("boom")

    with FakeServer(app) as running:
        result = invoke("predict", running.url, "/half", "x")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "one\n", "gradproto: error: boom\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/nope"], "Cannot find a function with `api_name`: /nope."),
        (["/echo"], "No value provided for required argument: text"),
        (["/echo", "a", "b"], "/echo takes 1 argument, but 2 were given"),
        (["/add", "a=1", "a=2"], "parameter 'a' is given twice"),
        (["/add", "1", "a=2"], "Parameter `a` is already set as a positional argument."),
        (["/add", "x", "2"], "Parameter `a` is a number, not 'x'"),
        (["/upper", "@/no/such/file"], "/no/such/file does not exist"),
        (["/upper", "@"], "'@' wants the path of a file after it"),
        ([], "might have multiple endpoints"),
        (["--fn-index", "99"], "Invalid function index: 99."),
        (["--fn-index", "x"], "'x' is not a valid integer"),
        (["/secret", "x"], "Cannot find a function with `api_name`: /secret."),
        (["/echo", "x", "--jsno"], "No such option"),
        (["/echo", "x", "--header", "nothing"], "a header must be 'Name: value'"),
        (["/echo", "x", "--auth", "nobody"], "the login must be user:password"),
        (["/echo", "x", "--timeout", "0"], "--timeout must be a number of seconds above 0"),
        (["/echo", "x", "--timeout", "nan"], "--timeout must be a number of seconds above 0"),
        (["/echo", "x", "--token", "a", "--token-from-env"], "give the token once"),
        (["/echo", "x", "--token", ""], "the token is empty"),
        (["/echo", "x", "--auth", ":secret"], "the login must be user:password"),
        (["/echo", "x", "--header", "X-A: 1", "--header", "x-a: 2"], "the header 'x-a' is given twice"),
        (["/echo", "x", "--header", ": 1"], "a header must be 'Name: value'"),
        (["/echo", "x", "--timeout", "-1"], "--timeout must be a number of seconds above 0"),
        (["/echo", "x", "--timeout", "soon"], "'soon' is not a valid float"),
        (["/echo", "x", "--output-dir", ""], "--output-dir wants the name of a directory"),
        (["/echo", "x", "--output-dir", __file__], "is a file"),
        (["/echo", "x", "--output-dir", "a", "--no-download"], "give one of --no-download and --output-dir"),
        (["/echo", "x", "--token-from-env"], "HF_TOKEN, which is not set"),
    ],
)
def test_wrong_usage_is_one_line_and_sends_nothing(
    server: FakeServer, invoke: Invoke, words: list[str], message: str
) -> None:
    result = invoke("predict", server.url, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.startswith("gradproto: error: ")
    assert result.stderr.count("\n") == 1
    assert not [record for record in server.requests if record.method == "POST"]


def test_a_parameter_with_a_name_of_the_clients_own_goes_by_its_position(typed: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", typed.url, "/named", "a", "other=b").stdout == "ab\n"
    result = invoke("predict", typed.url, "/named", "headers=a", "b")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'headers' can be given by its position only" in result.stderr


def test_after_two_dashes_everything_is_an_argument(server: FakeServer, invoke: Invoke) -> None:
    assert invoke("predict", server.url, "/echo", "--", "--json").stdout == "--json\n"


def test_the_value_of_an_option_may_look_like_an_option(server: FakeServer, invoke: Invoke) -> None:
    result = invoke("predict", server.url, "/echo", "x", "--output-dir", "--odd")
    assert (result.exit_code, result.stdout) == (0, "x\n")
