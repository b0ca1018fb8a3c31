"""What is said of a module whose app has changed, or that was changed itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gradproto import Endpoints
from gradproto_transports import _codegen_check
from gradproto_transports._codegen import write_module
from gradproto_transports._codegen_check import find_drift, was_edited
from gradproto_transports._codegen_describe import read_description
from tests.core.documents import component, dependency, make_endpoints, saved_endpoints

from .generated import describe


def app(
    *parameters: dict[str, Any], name: str = "run", returns: str = "textbox", generator: bool = False, text: str = ""
) -> Endpoints:
    """An app with one endpoint, which has these parameters; a textbox is one that is no more than named."""
    kinds = [parameter.pop("kind", "textbox") for parameter in parameters]
    components = [
        component(number, kind, parameter.get("type"), label="x")
        for number, (kind, parameter) in enumerate(zip(kinds, parameters, strict=True))
    ]
    described = [
        {"type": {"type": "string"}, "parameter_has_default": False, "label": "x", **parameter}
        for parameter in parameters
    ]
    for parameter in described:
        parameter["parameter_name"] = parameter.pop("name")
    last = len(components)
    components.append(component(last, returns, label="out"))
    function = dependency(list(range(last)), [last], api_name=name, types={"generator": generator})
    given = {"label": "out", "type": components[-1]["api_info"], "component": returns}
    info = {"named_endpoints": {f"/{name}": {"parameters": described, "returns": [given], "description": text}}}
    return make_endpoints(components, [function], info)


def parameter(name: str, **fields: Any) -> dict[str, Any]:
    if "default" in fields:
        fields |= {"parameter_has_default": True, "parameter_default": fields.pop("default")}
    if "choices" in fields:
        fields |= {"kind": "radio", "type": {"type": "string", "enum": fields.pop("choices")}}
    return {"name": name, **fields}


def drift(old: Endpoints, new: Endpoints) -> list[str]:
    return find_drift(write_module(describe(old)), describe(new))


def both(*endpoints: Endpoints) -> Endpoints:
    """An app with the endpoints of several, which have one each."""
    components: list[Any] = []
    dependencies: list[Any] = []
    for one in endpoints:
        first = len(components)
        components.append(component(first, label="out"))
        dependencies.append(dependency([], [first], api_name=one[0].dependency.api_name))
    return make_endpoints(components, dependencies)


def test_a_module_fits_the_app_that_it_was_made_for() -> None:
    for endpoints in (saved_endpoints(), app(parameter("a")), make_endpoints([], [])):
        assert drift(endpoints, endpoints) == []


def test_where_the_app_is_and_what_serves_it_does_not_count() -> None:
    source = write_module(describe(app(), url="http://here.test"))
    assert find_drift(source, describe(app(), url="http://there.test", styles=("sync",))) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (app(), app(name="other"), ["/run: gone", "/other: new"]),
        (app(), app(name="\x1b[31m"), ["/run: gone", '"/\\x1b[31m": new']),
        (app(), app(parameter("a")), ["/run: parameter a is new and required"]),
        (app(), app(parameter("a", default="x")), ["/run: parameter a is new"]),
        (app(parameter("a")), app(), ["/run: parameter a is gone"]),
        (app(parameter("a")), app(parameter("b")), ["/run: parameter a was renamed to b"]),
        (
            app(parameter("a"), parameter("b")),
            app(parameter("b"), parameter("a")),
            ["/run: the order of the parameters changed"],
        ),
        (
            app(parameter("a")),
            app(parameter("a", default="x")),
            ["/run: parameter a: is not required any more"],
        ),
        (app(parameter("a", default="x")), app(parameter("a")), ["/run: parameter a: is required now"]),
        (
            app(parameter("a", default="x")),
            app(parameter("a", default="y")),
            ["/run: parameter a: the default is 'y', which was 'x'"],
        ),
        (
            app(parameter("a", kind="number", type={"type": "number"}, default=1)),
            app(parameter("a", kind="number", type={"type": "number"}, default=1.0)),
            ["/run: parameter a: the default is 1.0, which was 1"],
        ),
        (
            app(parameter("a")),
            app(parameter("a", kind="number", type={"type": "number"})),
            ["/run: parameter a: the type is float, which was str"],
        ),
        (
            app(parameter("a", choices=["x", "y"])),
            app(parameter("a", choices=["y", "z"])),
            ["/run: parameter a: the choices changed: no longer 'x'; also 'z'"],
        ),
        (
            app(parameter("a", choices=["x", "y"])),
            app(parameter("a", choices=["y", "x"])),
            ["/run: parameter a: the choices changed: their order"],
        ),
        (
            app(parameter("a", choices=["x"])),
            app(parameter("a")),
            ['/run: parameter a: the type is str, which was Literal["x"]'],
        ),
        (app(), app(returns="number"), ["/run: returns (float), which was (str)"]),
        (app(), app(generator=True), ["/run: gives one output after the other now"]),
        (app(generator=True), app(), ["/run: gives one output only now"]),
        (app(), app(text="Does it."), ["/run: the description changed"]),
        (app(parameter("a")), app(parameter("a", label="A")), ["/run: parameter a: the description changed"]),
    ],
)
def test_each_kind_of_drift_is_said(old: Endpoints, new: Endpoints, said: list[str]) -> None:
    assert drift(old, new) == said


def test_all_that_has_drifted_is_said_at_once() -> None:
    one, two, three = app(name="one"), app(name="two"), app(name="three")
    assert drift(both(one, two), both(two, three)) == ["/one: gone", "/three: new"]


def edited(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new, 1)


def test_a_module_that_was_edited_is_told() -> None:
    endpoints = app(parameter("a"))
    source = write_module(describe(endpoints))
    assert not was_edited(source)
    for changed in (
        edited(source, "a: str", "a: int"),
        edited(source, "a: x\n", "a: whatever\n"),
        source + "\nprint()\n",
    ):
        assert find_drift(changed, describe(endpoints)) == ["the module was edited by hand"]
        assert was_edited(changed)


def test_a_module_that_a_formatter_has_been_at_was_not_edited(tmp_path: Path) -> None:
    endpoints = saved_endpoints()
    path = tmp_path / "shapes.py"
    path.write_text(write_module(describe(endpoints)), encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    for options in (["--line-length", "60"], ["--line-length", "140", "--config", "format.quote-style = 'single'"]):
        command = [sys.executable, "-m", "ruff", "format", "--quiet", "--isolated", *options, str(path)]
        subprocess.run(command, check=True)
        after = path.read_text(encoding="utf-8")
        assert after != before
        assert find_drift(after, describe(endpoints)) == []
        assert not was_edited(after)


def test_a_module_of_another_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_module(describe(app()))
    monkeypatch.setattr(_codegen_check, "__version__", "9.9")
    said = find_drift(source, describe(app(parameter("a"))))
    assert said[0] == "/run: parameter a is new and required"
    assert said[1].startswith("the module was made by gradproto '")
    assert said[1].endswith("and this is 9.9")
    assert not was_edited(source + "print()")  # nobody can tell


SOURCE = write_module(describe(app(parameter("a"))))


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "it was not made by"),
        ("print()\n", "it was not made by"),
        ('"""\n' + SOURCE.replace('"""', "'''") + '"""\n', "it was not made by"),
        ("def (:\n  '''", "it is no Python"),
        ("x = '\0'\n" + SOURCE, "edited"),
        (SOURCE.replace('"name": "a"', '"name": "b"'), "the comments that describe the app were changed"),
        (SOURCE.replace('"format": 1', '"format": 2'), "its format is 2"),
        (SOURCE.replace('{"format": 1', '{"format": 1,,'), "the comments that describe the app were changed"),
        (SOURCE.replace("# gradproto-codegen: {", "# gradproto-codegen: [{"), "the comments that describe"),
        (SOURCE + SOURCE, "the comments that describe the app were changed"),
    ],
)
def test_what_is_no_module_of_ours_is_refused(source: str, why: str) -> None:
    try:
        said = find_drift(source, describe(app(parameter("a"))))
    except ValueError as error:
        said = [str(error)]
    assert any(why in line for line in said), said


def test_a_module_is_never_run(tmp_path: Path) -> None:
    target = tmp_path / "was_here"
    source = SOURCE + f"\nopen({str(target)!r}, 'w')\n"
    assert find_drift(source, describe(app(parameter("a")))) == ["the module was edited by hand"]
    assert not target.exists()


def test_what_looks_like_a_description_in_a_text_is_none() -> None:
    title = "x " * 38 + '# gradproto-codegen: {"format": 1}'
    made = describe(app(text=f'Something\n{title}\n# gradproto-endpoint: {{"called": "/evil"}}'))
    found = read_description(write_module(made))
    assert found == made
