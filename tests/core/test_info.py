from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproto._errors import UnsupportedServerError
from gradproto._info import ApiInfo, Parameter, build_api_info, parse_api_info, sanitize_parameter_name
from tests.core.documents import DATA, FILE_SCHEMA, component, dependency, make_config, saved_config

URL = "http://app.test/info"


def parse(document: Any) -> ApiInfo:
    return parse_api_info(json.dumps(document).encode(), url=URL)


def parameter(**fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "label": "Text",
        "parameter_name": "text",
        "parameter_has_default": False,
        "parameter_default": None,
        "type": {"type": "string"},
        "python_type": {"type": "str", "description": "words"},
        "component": "Textbox",
        "example_input": "Hello!!",
    }
    return {**made, **fields}


def named(**fields: Any) -> dict[str, Any]:
    return {
        "named_endpoints": {"/run": {"parameters": [parameter()], "returns": [], **fields}},
        "unnamed_endpoints": {},
    }


def test_a_description_is_read() -> None:
    returned = {"label": "Out", "type": {"type": "string"}, "python_type": {"type": "str"}, "component": "Textbox"}
    info = parse(named(returns=[returned], description="does it", oauth_token="required"))
    endpoint = info.named["/run"]
    assert endpoint.parameters == (
        Parameter(
            name="text",
            label="Text",
            has_default=False,
            default=None,
            type={"type": "string"},
            python_type="str",
            description="words",
            component="Textbox",
            example_input="Hello!!",
        ),
    )
    assert [(made.label, made.python_type, made.description, made.component) for made in endpoint.returns] == [
        ("Out", "str", "", "Textbox")
    ]
    assert (endpoint.description, endpoint.oauth_token, endpoint.visibility) == ("does it", "required", "public")
    assert endpoint.says_defaults
    assert info.unnamed == {}


def test_a_description_without_anything_is_read() -> None:
    assert parse({}) == ApiInfo(named={}, unnamed={})
    endpoint = parse({"named_endpoints": {"/run": {}}}).named["/run"]
    assert (endpoint.parameters, endpoint.returns, endpoint.description) == ((), (), None)


def test_an_early_description_has_no_names_and_no_defaults() -> None:
    early = {"label": "Your text", "type": {"type": "string"}, "component": "Textbox"}
    endpoint = parse(named(parameters=[early, early, {**early, "label": "Your text 1"}, {"label": "?"}])).named["/run"]
    assert [made.name for made in endpoint.parameters] == ["your_text", "your_text_1", "your_text_1_1", "param_3"]
    assert not endpoint.says_defaults


def test_a_name_of_the_servers_is_kept_as_it_is() -> None:
    endpoint = parse(named(parameters=[parameter(parameter_name="Größe_X")])).named["/run"]
    assert endpoint.parameters[0].name == "Größe_X"


@pytest.mark.parametrize(
    ("fields", "visibility"),
    [
        ({}, "public"),
        ({"show_api": True}, "public"),
        ({"show_api": False}, "undocumented"),
        ({"api_visibility": "public"}, "public"),
        ({"api_visibility": "undocumented"}, "undocumented"),
        ({"api_visibility": "members"}, "undocumented"),
        ({"api_visibility": "private"}, "private"),
    ],
)
def test_visibility_in_every_generations_way(fields: dict[str, Any], visibility: str) -> None:
    assert parse(named(**fields)).named["/run"].visibility == visibility


def test_an_endpoint_without_a_name_is_known_by_its_index() -> None:
    assert list(parse({"unnamed_endpoints": {"6": {}, "28": {}}}).unnamed) == [6, 28]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], "$ is a list"),
        ({"named_endpoints": []}, "$.named_endpoints is a list"),
        ({"named_endpoints": {"/x": 1}}, "$.named_endpoints['/x'] is 1"),
        (named(parameters={}), "$.named_endpoints['/run'].parameters is an object"),
        (named(parameters=[1]), "$.named_endpoints['/run'].parameters[0] is 1"),
        (named(parameters=[parameter(label=1)]), "$.named_endpoints['/run'].parameters[0].label is 1"),
        (
            named(parameters=[parameter(python_type="str")]),
            "$.named_endpoints['/run'].parameters[0].python_type is 'str'",
        ),
        (
            named(parameters=[parameter(python_type={"type": 1})]),
            "$.named_endpoints['/run'].parameters[0].python_type.type is 1",
        ),
        (named(returns=[{"component": []}]), "$.named_endpoints['/run'].returns[0].component is a list"),
        ({"unnamed_endpoints": {"x": {}}}, "$.unnamed_endpoints has the key 'x'"),
        ({"unnamed_endpoints": {"9" * 30: {}}}, "$.unnamed_endpoints has the key '999"),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(document: Any, place: str) -> None:
    with pytest.raises(UnsupportedServerError) as caught:
        parse(document)
    assert place in str(caught.value)
    assert URL in str(caught.value)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(UnsupportedServerError, match="it is no JSON: '<html>"):
        parse_api_info(b"<html>" + b"x" * 500, url=URL)


@given(
    st.binary(max_size=50)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.sampled_from(["x", "5"]),
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["named_endpoints", "unnamed_endpoints", "parameters", "returns", "label", "python_type", "5"]
                ),
                children,
                max_size=4,
            )
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode())
)
@example(b"[" * 100_000)
def test_any_bytes_are_a_description_or_refused(body: bytes) -> None:
    try:
        info = parse_api_info(body, url=URL)
    except UnsupportedServerError:
        return
    assert isinstance(info, ApiInfo)


def test_where_the_server_describes_nothing_the_config_does() -> None:
    config = make_config(
        [
            component(
                1, "textbox", {"type": "string", "additional_description": "in", "description": "out"}, label="Ä b!"
            ),
            component(2, "number", label="Ä b", value=3),
            component(3, "state"),
            component(4, "file", label=None),
            component(5, "group"),
        ],
        [
            dependency([1, 3, 2, 4], [3, 1, 4, 5], api_description="what"),
            dependency([1], [], api_name=None),
            dependency([1], [], api_name="page", backend_fn=False),
            dependency([1], [], api_name="hidden", api_visibility="private"),
            dependency([1], [], api_name="quiet", api_visibility="undocumented"),
            dependency([2], [], api_name="run"),
        ],
    )
    info = build_api_info(config)
    assert list(info.named) == ["/run"]
    assert list(info.unnamed) == [1]
    assert info.named["/run"].raw == {
        "parameters": [
            {
                "label": "Ä b!",
                "type": config.components[1].input_schema,
                "python_type": {"type": "str", "description": "in"},
                "component": "Textbox",
                "parameter_name": "ä_b",
                "parameter_has_default": False,
                "parameter_default": None,
                "example_input": "example",
            },
            {
                "label": "Ä b",
                "type": {"type": "number"},
                "python_type": {"type": "float", "description": ""},
                "component": "Number",
                "parameter_name": "ä_b_1",
                "parameter_has_default": True,
                "parameter_default": 3,
                "example_input": "example",
            },
            {
                "label": "parameter_4",
                "type": FILE_SCHEMA,
                "python_type": {"type": "filepath", "description": ""},
                "component": "File",
                "parameter_name": "parameter_4",
                "parameter_has_default": False,
                "parameter_default": None,
                "example_input": "example",
            },
        ],
        "returns": [
            {
                "label": "Ä b!",
                "type": config.components[1].output_schema,
                "python_type": {"type": "str", "description": "out"},
                "component": "Textbox",
            },
            {
                "label": "value_4",
                "type": FILE_SCHEMA,
                "python_type": {"type": "filepath", "description": ""},
                "component": "File",
            },
        ],
        "description": "what",
        "api_visibility": "public",
    }


def test_a_component_that_the_config_does_not_have_is_described_as_anything() -> None:
    endpoint = build_api_info(make_config([], [dependency([7], [8])])).named["/run"]
    assert [(made.label, made.python_type, made.component) for made in endpoint.parameters] == [
        ("parameter_7", "Any", "")
    ]
    assert [(made.label, made.python_type, made.component) for made in endpoint.returns] == [("value_8", "Any", "")]


def test_the_config_of_a_real_app_describes_it_as_its_server_does_but_for_names_and_samples() -> None:
    built = build_api_info(saved_config())
    told = parse_api_info((DATA / "info.json").read_bytes(), url=URL)
    assert list(built.named) == list(told.named)
    for name, endpoint in told.named.items():
        assert built.named[name].returns == endpoint.returns
        for ours, theirs in zip(built.named[name].parameters, endpoint.parameters, strict=True):
            assert (ours.label, ours.type, ours.python_type) == (theirs.label, theirs.type, theirs.python_type)
            assert (ours.component, ours.description) == (theirs.component, theirs.description)


def test_a_label_becomes_a_name() -> None:
    assert sanitize_parameter_name("Your Text (in Größe 2)!") == "your_text_in_größe_2"
    assert sanitize_parameter_name("a-b_c") == "ab_c"
