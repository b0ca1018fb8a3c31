"""The modules that are written for apps: what stands in them, for ordinary apps and for the nastiest ones."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradproto import Endpoints
from gradproto._record import replace
from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports._codegen import write_module
from gradproto_transports._codegen_describe import describe_app, read_description
from gradproto_transports._codegen_names import identifiers
from gradproto_transports.sync import Client
from tests.core.documents import component, dependency, era_endpoints, make_endpoints, saved_endpoints
from tests.core.test_eras import STYLES as ERAS

from .generated import check_types, describe, load, write

GOLDEN = Path(__file__).parents[1] / "data" / "codegen" / "demo.txt"

EVIL_TEXTS = [
    '"""',
    "'''",
    'ends with "',
    "ends with \\",
    '\\"""; import os',
    'x"""\nimport os\nos.abort()\n"""',
    "\x00\x1b[31m\x7f\x85\u2028\u2029\u202e\u2066",
    "\ud800 lone",
    "a\rb\r\nc\n\nd\te",
    "{0} %s {x}",
    "# type: ignore",
    "word " * 400,
    "w" * 5000,
    "é 中文 😀 \U000e0001",
    " " * 70 + '# gradproto-codegen: {"format": 1}',
]
EVIL_NAMES = [
    *EVIL_TEXTS,
    *(
        "class",
        "None",
        "self",
        "_",
        "__init__",
        "__class__",
        "1st",
        "²",
        "a-b",
        "a b",
        "a_b",
        "a.b",
        "ﬁne",
        "fine",
        "Größe",
    ),
    *("api_name", "fn_index", "headers", "result_callbacks", "client", "connect", "str", "list", "Any", "App", "UNSET"),
    *("submit_a_b", "print", "cls", "_result", "Literal", "open_client", "float", "dict", "arg", "call", "\u0301x"),
]


def module_of(endpoints: Endpoints, **options: Any) -> str:
    return write_module(describe(endpoints, **options))


def signature(source: str, name: str) -> str:
    """The first line of a method of the first class, however long."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            node.body = [ast.Pass()]
            return ast.unparse(node).splitlines()[0]
    raise AssertionError(f"there is no method {name}")


def docstring(source: str, name: str) -> str:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return ast.get_docstring(node) or ""
    raise AssertionError(f"there is no {name}")


def one_parameter(kind: str = "textbox", schema: Any = None, **props: Any) -> str:
    """What a module writes for a parameter x of that kind."""
    endpoints = make_endpoints([component(1, kind, schema, label="x", **props)], [dependency([1], [])])
    return signature(module_of(endpoints), "run").removeprefix("def run(self, *, x: ").removesuffix(") -> None:")


def one_result(kind: str = "textbox", schema: Any = None, **props: Any) -> str:
    """What a module writes for a result of that kind."""
    endpoints = make_endpoints([component(1, kind, schema, **props)], [dependency([], [1])])
    return signature(module_of(endpoints), "run").removeprefix("def run(self) -> ").removesuffix(":")


# Ordinary apps


def demo_module() -> str:
    """The module of the demo app, as if version 1.0 had written it."""
    with FakeServer(demo_app()) as server, Client(server.url) as client:
        made = describe_app(
            client.endpoints,
            url="http://127.0.0.1:7860",
            title=client.config.title,
            gradio=client.config.version,
            styles=("trio", "sync", "asyncio"),
        )
    return write_module(replace(made, gradproto="1.0"))


def test_the_module_of_the_demo_app_is_the_one_that_is_kept() -> None:
    assert demo_module() == GOLDEN.read_text(encoding="utf-8")


def test_formatters_and_linters_find_nothing_in_an_ordinary_module(tmp_path: Path) -> None:
    path = tmp_path / "demo.py"
    path.write_text(GOLDEN.read_text(encoding="utf-8"), encoding="utf-8")
    for command in (["format", "--check"], ["check", "--select", "E,F,I,UP,B"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", str(path)]
        ended = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout


def test_the_same_app_gives_the_same_module() -> None:
    assert module_of(saved_endpoints()) == module_of(saved_endpoints())


def test_every_shape_of_an_endpoint_has_its_types() -> None:
    source = module_of(saved_endpoints())
    assert signature(source, "state") == "def state(self, *, text: str, number: float=3) -> tuple[str, float]:"
    assert signature(source, "show_group") == "def show_group(self) -> None:"
    assert signature(source, "submit_show_group") == "def submit_show_group(self) -> TypedJob[tuple[()]]:"
    assert signature(source, "choose") == (
        "def choose(self, *, one: Literal['x', 'y']='x', some: list[Literal['x', 'y']] | Unset=UNSET, "
        "free: Literal['x', 'y'] | str='x', numbers: Literal[1, 2], boxes: list[Literal['a', 'b']] | Unset=UNSET, "
        "flag: bool=False, amount: float=0, tint: str | None=None) -> str:"
    )
    assert signature(source, "files") == (
        "def files(self, *, single: FileInput | Unset=UNSET, several: FilesInput, picture: FileInput | Unset=UNSET, "
        "album: list[dict[str, Any]] | Unset=UNSET, message: dict[str, Any] | Unset=UNSET) -> "
        "tuple[str, list[str], str, list[dict[str, Any]], dict[str, Any]]:"
    )
    assert signature(source, "typed") == (
        "def typed(self, *, words: list[str], table: dict[str, int], number: int | None=None, "
        "kind: Literal['p', 'q']='p') -> Any:"
    )
    assert signature(source, "count") == "def count(self, *, number: float=3) -> TypedJob[str]:"
    assert "submit_count" not in source
    assert "def quiet" not in source  # undocumented
    assert "def hidden" not in source  # private


def test_the_docstring_says_what_the_signature_cannot() -> None:
    source = module_of(saved_endpoints())
    assert docstring(source, "state").splitlines()[:6] == [
        'Call "/state".',
        "",
        "Counts its calls.",
        "",
        "text: [Textbox] Text",
        "number: [Number] A number!",
    ]
    assert "single: [File] (default: a file of the app's)" in docstring(source, "files")
    assert "boxes: [Checkboxgroup] (default: [])" in docstring(source, "choose")
    assert "takes your Hugging Face token (required)" in docstring(source, "acting").replace("\n", " ")


def test_files_are_objects_where_they_are_not_downloaded() -> None:
    source = module_of(saved_endpoints(), files="remote")
    assert signature(source, "files").endswith(
        "-> tuple[RemoteFile, list[RemoteFile], RemoteFile, list[dict[str, Any]], dict[str, Any]]:"
    )
    assert "cls(Client(src, download_files=False, **options))" in source


@pytest.mark.parametrize("styles", [("sync",), ("asyncio",), ("trio",)])
def test_only_the_clients_that_are_wanted_are_imported(styles: Any) -> None:
    source = module_of(saved_endpoints(), styles=styles)
    found = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    clients = {f"gradproto_transports.{style}" for style in ("sync", "asyncio", "trio")}
    assert found & clients == {f"gradproto_transports.{styles[0]}"}


@pytest.mark.parametrize(
    ("kind", "schema", "props", "written"),
    [
        ("number", None, {}, "float"),
        ("number", {"type": "integer"}, {"value": 3}, "int=3"),
        ("number", {"type": "integer"}, {"value": 2.5}, "int | Unset=UNSET"),
        ("number", None, {"value": float("inf")}, "float | Unset=UNSET"),
        ("checkbox", None, {"value": True}, "bool=True"),
        ("textbox", None, {"value": 'it\'s "x"\n'}, "str='it\\'s \"x\"\\n'"),
        ("textbox", None, {"value": "long" * 100}, "str | Unset=UNSET"),
        ("textbox", {"type": ["string", "null"]}, {}, "str | None"),
        ("textbox", {"anyOf": [{"type": "null"}, {"type": "number"}, {"type": "integer"}]}, {}, "float | None"),
        ("file", None, {}, "FileInput"),
        ("radio", {"type": "string", "enum": [1, "1", True, 1]}, {"value": True}, "Literal[1, '1', True]=True"),
        ("radio", {"type": "string", "enum": [1.5, 2]}, {"value": 2}, "float=2"),
        ("radio", {"type": "string", "enum": ["a"]}, {"value": "b"}, "Literal['a'] | Unset=UNSET"),
        ("radio", {"type": "string", "enum": [{"a": 1}]}, {}, "Any"),
        ("radio", {"type": "string", "enum": []}, {}, "Any"),
        ("radio", {"type": "string", "enum": [str(n) for n in range(500)]}, {}, "str"),
        ("dropdown", {"type": "string", "enum": [1]}, {"allow_custom_value": True}, "Literal[1] | int | str"),
        ("api", {"type": "object", "additionalProperties": {"type": "integer"}}, {}, "dict[str, int]"),
        ("api", {"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"type": "string"}}}, {}, "list[str]"),
        ("api", {"type": "array", "prefixItems": [{"type": "string"}]}, {}, "list[Any]"),
        ("api", {"$ref": "#/$defs/A", "$defs": {"A": {"type": "array", "items": {"$ref": "#/$defs/A"}}}}, {}, None),
        ("json", None, {}, "Any"),
        ("my_own", {"type": "string"}, {}, "Any"),
    ],
)
def test_the_type_and_default_of_a_parameter(kind: str, schema: Any, props: Any, written: str | None) -> None:
    found = one_parameter(kind, schema, **props)
    assert found == written or (written is None and found.startswith("list[list[") and "Any" in found)


@pytest.mark.parametrize(
    ("kind", "schema", "props", "written"),
    [
        ("textbox", None, {}, "str"),
        ("file", None, {}, "str"),
        ("radio", {"type": "string", "enum": ["a", "b"]}, {}, "str"),  # a function may give what is no choice
        ("dropdown", {"type": "string", "enum": [1, 2]}, {"allow_custom_value": True}, "int | str"),
        ("dropdown", {"type": "array", "items": {"enum": ["a"]}}, {"allow_custom_value": True}, "list[str]"),
        ("dropdown", {"type": "array", "items": {"enum": [1]}}, {"allow_custom_value": True}, "list[Any]"),
        ("json", None, {}, "Any"),
        ("my_own", {"type": "string"}, {}, "Any"),
    ],
)
def test_the_type_of_a_result(kind: str, schema: Any, props: Any, written: str) -> None:
    assert one_result(kind, schema, **props) == written


def test_results_say_that_they_may_be_none_where_that_is_wanted() -> None:
    components = [component(1), component(2, "slider", {"type": "number"}), component(3, "json"), component(4, "file")]
    endpoints = make_endpoints(components, [dependency([], [1, 2, 3, 4])])
    source = module_of(endpoints, optional=True)
    assert signature(source, "run") == "def run(self) -> tuple[str | None, float, Any, str | None]:"


def test_a_schema_that_grows_when_it_is_followed_says_nothing() -> None:
    definitions = {f"A{n}": {"anyOf": [{"$ref": f"#/$defs/A{(n + 1) % 8}"}] * 50} for n in range(8)}
    schema = {"type": "array", "items": {"$ref": "#/$defs/A0"}, "$defs": definitions}
    info = {"named_endpoints": {"/run": {"parameters": [{"parameter_name": "x", "type": schema}], "returns": []}}}
    components = [component(1, "api", {"type": "string"})]
    source = module_of(make_endpoints(components, [dependency([1], [])], info))
    assert signature(source, "run") == "def run(self, *, x: list[Any]) -> None:"


# Names


def test_a_name_stays_what_it_is_when_others_come_and_go() -> None:
    def named(*names: str) -> dict[str, str]:
        return dict(zip(names, identifiers(names, reserved=(), other="x"), strict=True))

    first = named("a_b", "a-b", "a b")
    assert first["a_b"] == "a_b"
    assert len(set(first.values())) == 3
    assert named("a b", "a-b", "a_b") == first
    assert named("a-b", "a_b") == {"a-b": first["a-b"], "a_b": "a_b"}
    assert named("a-b") == {"a-b": "a_b"}


def test_names_that_are_no_identifiers_become_some() -> None:
    names = ["class", "1st", "__init__", "ﬁne", "", "²", "str", "Größe", "a\u202eb", "\u0301x"]
    found = identifiers(names, reserved=("str",), other="arg")
    assert found == ["class_", "arg_1st", "init", "fine", "arg", "arg_2", "str_", "Größe", "a_b", "arg_\u0301x"]
    assert all(name.isidentifier() for name in found)


def test_a_parameter_may_have_the_name_of_anything(tmp_path: Path) -> None:
    components = [component(number, label="x") for number in range(len(EVIL_NAMES))]
    parameters = [
        {"parameter_name": name, "label": name, "type": {"type": "string"}, "parameter_has_default": bool(number % 2)}
        for number, name in enumerate(EVIL_NAMES)
    ]
    info = {"named_endpoints": {"/run": {"parameters": parameters, "returns": []}}}
    endpoints = make_endpoints(components, [dependency(list(range(len(EVIL_NAMES))), [])], info)
    check_source(module_of(endpoints))
    assert set(EVIL_NAMES) == {one.name for one in describe(endpoints).endpoints[0].parameters}
    load(write(endpoints, tmp_path / "names.py"))


# Nasty apps: everything that a server says is data

ALLOWED = (
    *(ast.Module, ast.Expr, ast.Constant, ast.ImportFrom, ast.alias, ast.Assign, ast.Name, ast.Store, ast.Load),
    *(ast.List, ast.Tuple, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.arguments, ast.arg, ast.keyword),
    *(ast.AnnAssign, ast.Await, ast.Call, ast.Attribute, ast.Dict, ast.Return, ast.Subscript, ast.BinOp, ast.BitOr),
    *(ast.UnaryOp, ast.USub),
)
CALLED = {"cls", "Client", "open_app", "open_client", "open_trio_client"}


def check_source(source: str) -> None:
    """The text compiles, and nothing is in it but imports of ours, constants, and methods that call one of ours."""
    source.encode()
    tree = ast.parse(source)
    compile(source, "module", "exec")
    for node in ast.walk(tree):
        assert isinstance(node, ALLOWED), ast.dump(node)
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            assert module in ("__future__", "contextlib", "typing") or module.startswith("gradproto_transports.")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called in CALLED | {"self._call", "self._submit"}, called
        elif isinstance(node, ast.Attribute):
            assert ast.unparse(node) in {"self._call", "self._submit"}
    for node in tree.body:
        assert isinstance(node, (ast.Expr, ast.ImportFrom, ast.Assign, ast.ClassDef)), ast.dump(node)
        if isinstance(node, ast.Assign):
            assert ast.unparse(node.targets[0]) in ("__all__", "DEFAULT_URL")
        if isinstance(node, ast.ClassDef):
            names = [member.name for member in node.body if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef))]
            assert len(names) == len(set(names)) == len(node.body) - 1
            for member in node.body:
                check_method(member)
    for line in source.splitlines():
        assert "\x1b" not in line
        assert "\u202e" not in line


def check_method(node: ast.stmt) -> None:
    if isinstance(node, ast.Expr):
        assert isinstance(node.value, ast.Constant)
        return
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    assert not node.name.startswith("_")
    if node.name == "connect":
        return
    takes = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
    used = {name.id for statement in node.body for name in names_in(statement)}
    assert used <= takes | {"self", "_result"}, used - takes


def names_in(statement: ast.stmt) -> list[ast.Name]:
    """The names that are used when a statement runs."""
    value = statement.value if isinstance(statement, (ast.AnnAssign, ast.Expr, ast.Return)) else statement
    return [node for node in ast.walk(value or statement) if isinstance(node, ast.Name)]


@st.composite
def texts(draw: st.DrawFn) -> str:
    # Lone surrogates can be written in JSON, so a server can send them.
    alphabets = st.text(st.characters(), max_size=20) | st.text("\ud800\"'\\\n#\u202e", max_size=6)
    return draw(st.sampled_from([name for name in EVIL_NAMES if len(name) < 100]) | alphabets)


@st.composite
def json_values(draw: st.DrawFn) -> Any:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts()
    containers = st.lists(scalars, max_size=3) | st.dictionaries(texts(), scalars, max_size=3)
    return draw(scalars | containers | st.lists(containers, max_size=2))


@st.composite
def schemas(draw: st.DrawFn, depth: int = 0) -> Any:
    kinds = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object", "other"])
    fields: dict[str, st.SearchStrategy[Any]] = {
        "type": kinds | st.lists(kinds, max_size=2),
        "enum": st.lists(json_values(), max_size=4) | json_values(),
        "const": json_values(),
        "$ref": st.sampled_from(["#/$defs/A", "#/$defs/none"]),
        "description": texts(),
    }
    if depth < 3:
        inner = schemas(depth + 1)
        fields |= {
            "items": inner,
            "anyOf": st.lists(inner, max_size=3),
            "properties": st.dictionaries(texts() | st.sampled_from(["path", "orig_name"]), inner, max_size=2),
            "additionalProperties": inner,
            "prefixItems": st.lists(inner, max_size=2),
            "$defs": st.fixed_dictionaries({"A": inner}),
        }
    if draw(st.integers(0, 9)) == 0:
        return draw(json_values())
    chosen = draw(st.lists(st.sampled_from(list(fields)), max_size=3, unique=True))
    return {name: draw(fields[name]) for name in chosen}


KINDS = ["textbox", "number", "dropdown", "radio", "checkboxgroup", "api", "file", "gallery", "json", "mine"]


@st.composite
def nasty_endpoints(draw: st.DrawFn) -> Endpoints:
    """The endpoints of an app whose author has nothing good in mind."""
    components: list[dict[str, Any]] = []
    dependencies: list[dict[str, Any]] = []
    infos: dict[str, Any] = {}
    for name in draw(st.lists(texts(), max_size=3)):
        numbers: list[int] = []
        parameters: list[dict[str, Any]] = []
        for label in draw(st.lists(texts(), max_size=3)):
            schema = draw(schemas())
            numbers.append(len(components))
            props = {"allow_custom_value": draw(st.booleans()), "value": draw(json_values())}
            components.append(component(len(components), draw(st.sampled_from(KINDS)), schema, label=label, **props))
            parameters.append(
                {
                    "parameter_name": draw(texts()),
                    "label": label,
                    "type": schema,
                    "python_type": {"type": draw(texts()), "description": draw(texts())},
                    "parameter_has_default": draw(st.booleans()),
                    "parameter_default": draw(json_values()),
                    "component": draw(texts()),
                }
            )
        outputs = draw(st.lists(st.sampled_from(numbers), max_size=2)) if numbers else []
        api_name = draw(st.just(name) | st.none())
        generator = {"generator": draw(st.booleans())}
        dependencies.append(dependency(numbers, outputs, api_name=api_name, types=generator))
        returns = [{"label": draw(texts()), "type": draw(schemas())} for _ in outputs]
        infos[f"/{name}"] = {"parameters": parameters, "returns": returns, "description": draw(texts())}
    return make_endpoints(components, dependencies, {"named_endpoints": infos})


@settings(max_examples=100)
@given(
    endpoints=nasty_endpoints(), title=texts() | st.none(), version=texts(), files=st.sampled_from(["paths", "remote"])
)
def test_no_app_gets_code_into_its_module(endpoints: Endpoints, title: str | None, version: str, files: Any) -> None:
    made = describe_app(
        endpoints,
        url="http://app.test/?x",
        title=title,
        gradio=version,
        styles=("sync", "trio"),
        files=files,
        optional=bool(title),
    )
    source = write_module(made)
    check_source(source)
    found = read_description(source)
    assert found is not None
    assert write_module(found) == source
    assert json.dumps(repr(found)) == json.dumps(repr(made))  # by their text, for NaN is not itself


@pytest.mark.parametrize("text", EVIL_TEXTS)
def test_nasty_texts_stay_in_docstrings_and_literals(text: str) -> None:
    schema = {"type": "string", "enum": [text, "other"]}
    info = {
        "named_endpoints": {
            f"/{text}": {
                "parameters": [
                    {
                        "parameter_name": text,
                        "label": text,
                        "type": schema,
                        "python_type": {"type": text, "description": text},
                        "parameter_has_default": True,
                        "parameter_default": text,
                        "component": text,
                    }
                ],
                "returns": [{"label": text, "type": schema}],
                "description": text,
            }
        }
    }
    components = [component(1, "radio", schema, label=text)]
    endpoints = make_endpoints(components, [dependency([1], [1], api_name=text)], info)
    made = describe_app(endpoints, url=f"http://app.test/#{text}", title=text, gradio=text, styles=("sync", "asyncio"))
    source = write_module(made)
    check_source(source)
    assert made.endpoints[0].called == f"/{text}"
    assert made.endpoints[0].parameters[0].name == text


def test_type_checkers_accept_the_modules_of_ordinary_old_and_nasty_apps(tmp_path: Path) -> None:
    nasty_info: dict[str, Any] = {}
    components = [component(0), component(1, "file"), component(2, "radio", {"type": "string", "enum": EVIL_TEXTS})]
    dependencies: list[dict[str, Any]] = []
    for number, name in enumerate(EVIL_NAMES):
        parameters = [
            {"parameter_name": other, "type": {"type": "string"}, "label": name, "parameter_has_default": index > 0}
            for index, other in enumerate((name, f"_{name}", name.upper() + "!"))
        ]
        nasty_info[f"/{name}"] = {"parameters": parameters, "returns": [{"label": name}], "description": name}
        outputs = [[], [1], [2, 1, 0]][number % 3]
        types = {"generator": number % 5 == 0}
        dependencies.append(dependency([0, 1, 2], outputs, api_name=name, types=types))
    nasty = make_endpoints(components, dependencies, {"named_endpoints": nasty_info})
    files = [
        write(nasty, tmp_path / "nasty.py"),
        write(nasty, tmp_path / "nasty_remote.py", files="remote"),
        write(saved_endpoints(), tmp_path / "shapes.py"),
        write(make_endpoints([], []), tmp_path / "empty.py"),
        *(
            write(era_endpoints(version, ERAS[version]), tmp_path / f"era_{number}.py")
            for number, version in enumerate(ERAS)
        ),
    ]
    for file in files:
        check_source(file.read_text(encoding="utf-8"))
    assert check_types(tmp_path, *files) == ""


@pytest.mark.parametrize(
    ("version", "method", "written"),
    [
        ("2.9.4", "predict", "def predict(self, *, text: str) -> str:"),
        ("3.16.2", "echo", "def echo(self, *, text: str) -> str:"),
        ("3.50.2", "files", "def files(self, *, fs: FilesInput) -> list[str]:"),
        ("3.50.2", "image", "def image(self, *, img: FileInput) -> str:"),
        ("3.50.2", "count", "def count(self, *, n: float) -> TypedJob[str]:"),
        ("3.50.2", "fn_28", "def fn_28(self, *, text: str) -> str:"),
        ("3.50.2", "fn_6", "def fn_6(self) -> None:"),
        ("4.0.2", "file", "def file(self, *, f: FileInput) -> str:"),
        ("4.19.2", "image", "def image(self, *, img: FileInput) -> str:"),
    ],
)
def test_old_apps_have_their_types_too(version: str, method: str, written: str) -> None:
    source = module_of(era_endpoints(version, ERAS[version]))
    assert signature(source, method) == written
