from __future__ import annotations

import json
from typing import Any

import pytest

from gradproto._info import ApiInfo, parse_api_info
from gradproto._view_api import view_api_dict, view_api_text
from tests.core.documents import DATA, saved_endpoints, saved_text


def info(named: dict[str, Any] | None = None, unnamed: dict[str, Any] | None = None) -> ApiInfo:
    document = {"named_endpoints": named or {}, "unnamed_endpoints": unnamed or {}}
    return parse_api_info(json.dumps(document).encode(), url="http://app.test/info")


def value(label: str, kind: str = "str", description: str = "", **fields: Any) -> dict[str, Any]:
    made = {"label": label, "python_type": {"type": kind, "description": description}, "component": "Textbox"}
    return {**made, "type": {"type": "string"}, **fields}


def parameter(name: str, **fields: Any) -> dict[str, Any]:
    made = value("Label of " + name, parameter_name=name, parameter_has_default=False, parameter_default=None)
    return {**made, **fields}


def described(*parameters: dict[str, Any], returns: tuple[dict[str, Any], ...] = (), **fields: Any) -> dict[str, Any]:
    return {"parameters": list(parameters), "returns": list(returns), **fields}


def body(text: str) -> str:
    """The text without its head."""
    return text.split("\n", 3)[3]


def test_a_real_app_is_described_as_gradios_own_client_does() -> None:
    assert view_api_text(saved_endpoints().info) == saved_text()


def test_every_line_of_an_endpoint() -> None:
    endpoint = described(
        parameter("Plain", python_type={"type": "float", "description": "a number"}),
        parameter("other", parameter_has_default=True, parameter_default=5),
        parameter("nothing", parameter_has_default=True, parameter_default=None),
        returns=(value("The Out!"), value("more", "dict", "of any kind")),
        oauth_token="required",
    )
    assert view_api_text(info({"/run": endpoint})) == (
        "Client.predict() Usage Info\n"
        "---------------------------\n"
        "Named API endpoints: 1\n"
        "\n"
        ' - predict(plain, other, nothing, api_name="/run") -> (the_out, more)\n'
        "    Acts on your behalf: this endpoint takes your Hugging Face token (required). "
        "Pass it with Client(..., oauth_token=...) to grant it.\n"
        "    Parameters:\n"
        "     - [Textbox] plain: float (required)  (a number) \n"
        "     - [Textbox] other: str (not required, defaults to:   5)  \n"
        "     - [Textbox] nothing: str | None (not required, defaults to:   None)  \n"
        "    Returns:\n"
        "     - [Textbox] the_out: str \n"
        "     - [Textbox] more: dict (of any kind) \n"
    )


def test_an_endpoint_without_anything() -> None:
    assert body(view_api_text(info({"/run": described()}))) == (
        '\n - predict(api_name="/run") -> \n    Parameters:\n     - None\n    Returns:\n     - None\n'
    )


def test_a_default_file_is_shown_as_the_call_that_gives_it() -> None:
    meta = {"_type": "gradio.FileData"}
    shown = view_api_text(
        info(
            {
                "/run": described(
                    parameter(
                        "a", parameter_has_default=True, parameter_default={"path": "/x", "url": "u", "meta": meta}
                    ),
                    parameter("b", parameter_has_default=True, parameter_default=[{"i": {"path": "/x", "meta": meta}}]),
                )
            }
        )
    )
    assert 'defaults to:   handle_file("u"))' in shown
    assert "defaults to:   [{'i': 'handle_file(\"/x\")'}])" in shown


UNNAMED = {"6": described(parameter("x"))}


def test_endpoints_without_a_name_are_only_counted_beside_others() -> None:
    both = info({"/run": described()}, UNNAMED)
    assert view_api_text(both).endswith(
        "\nUnnamed API endpoints: 1, to view, run Client.view_api(all_endpoints=True)\n"
    )
    assert view_api_text(both, all_endpoints=False) == view_api_text(both)


@pytest.mark.parametrize("all_endpoints", [None, True])
def test_endpoints_without_a_name_are_described_where_asked_for_or_where_there_are_no_others(
    all_endpoints: bool | None,
) -> None:
    shown = view_api_text(info({}, UNNAMED), all_endpoints=all_endpoints)
    assert "Named API endpoints: 0\n\nUnnamed API endpoints: 1\n\n - predict(x, fn_index=6) -> \n" in shown


def test_an_app_with_nothing_to_call() -> None:
    assert body(view_api_text(info())) == "\nUnnamed API endpoints: 0\n"
    assert body(view_api_text(info(), all_endpoints=False)) == ""


def test_what_is_not_public_is_not_shown() -> None:
    hidden = {
        "/quiet": described(api_visibility="undocumented"),
        "/hidden": described(api_visibility="private"),
        "/old": described(show_api=False),
    }
    assert "Named API endpoints: 0" in view_api_text(info(hidden))
    assert view_api_dict(info(hidden, {"0": described(show_api=False)})) == {
        "named_endpoints": {},
        "unnamed_endpoints": {},
    }


def test_the_dictionary_is_what_the_server_said_without_what_is_for_its_page() -> None:
    document = {
        "named_endpoints": {
            "/predict": {
                "parameters": [
                    {
                        "label": "operation",
                        "parameter_name": "operation",
                        "parameter_has_default": False,
                        "parameter_default": None,
                        "type": {"enum": ["add", "subtract"], "title": "Radio", "type": "string"},
                        "python_type": {"type": "Literal['add', 'subtract']", "description": ""},
                        "component": "Radio",
                        "example_input": "add",
                    }
                ],
                "returns": [
                    {
                        "label": "output",
                        "type": {"type": "number"},
                        "python_type": {"type": "float", "description": ""},
                        "component": "Number",
                    }
                ],
                "description": "",
                "oauth_token": "optional",
            }
        },
        "unnamed_endpoints": {"6": {"parameters": [], "returns": []}},
    }
    said = json.loads(json.dumps(document))
    said["named_endpoints"]["/predict"] |= {"api_visibility": "public", "code_snippets": {"python": "..."}}
    said["unnamed_endpoints"]["6"] |= {"show_api": True}
    assert view_api_dict(info(said["named_endpoints"], said["unnamed_endpoints"])) == document


def test_the_dictionary_is_the_callers_own() -> None:
    given = info({"/run": described(parameter("x"))})
    first = view_api_dict(given)
    first["named_endpoints"]["/run"]["parameters"][0]["type"]["type"] = "changed"
    first["named_endpoints"].clear()
    assert view_api_dict(given)["named_endpoints"]["/run"]["parameters"][0]["type"] == {"type": "string"}


def test_the_dictionary_of_a_real_app() -> None:
    document = json.loads((DATA / "info.json").read_text())
    for endpoint in document["named_endpoints"].values():
        del endpoint["api_visibility"]
    assert view_api_dict(saved_endpoints().info) == document
