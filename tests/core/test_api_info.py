from __future__ import annotations

from typing import Any

import pytest

from gradproto._api_info import Endpoint, Endpoints
from gradproto._errors import EndpointNotFoundError
from tests.core.documents import (
    FILE_SCHEMA,
    component,
    dependency,
    endpoint,
    make_endpoints,
    saved_config,
    saved_endpoints,
)


def app(*names: str, **fields: Any) -> Endpoints:
    return make_endpoints([component(1)], [dependency([1], [1], api_name=name) for name in names], **fields)


def refusal(endpoints: Endpoints, *args: Any) -> EndpointNotFoundError:
    with pytest.raises(EndpointNotFoundError) as caught:
        endpoints.resolve(*args)
    return caught.value


def shown(made: Endpoint) -> list[str | None]:
    return [slot.parameter.name if slot.parameter else None for slot in made.inputs]


def test_endpoints_are_a_mapping_by_function_index_in_the_apps_order() -> None:
    endpoints = make_endpoints([], [dependency([], [], id=5, api_name="b"), dependency([], [], id=2, api_name="a")])
    assert list(endpoints) == [5, 2]
    assert len(endpoints) == 2
    assert endpoints[5].api_name == "/b"
    assert 5 in endpoints
    assert 0 not in endpoints
    assert repr(endpoints) == "<Endpoints /b, /a>"


def test_an_endpoint_is_found_by_name_by_index_or_because_it_is_the_only_one() -> None:
    endpoints = app("add")
    assert endpoints.resolve("/add") is endpoints[0]
    assert endpoints.resolve(None, 0) is endpoints[0]
    assert endpoints.resolve("/add", 77) is endpoints[0]
    assert endpoints.resolve() is endpoints[0]


def test_the_only_public_endpoint_may_have_others_beside_it() -> None:
    endpoints = make_endpoints(
        [],
        [
            dependency([], [], api_name="hidden", api_visibility="private"),
            dependency([], [], api_name="quiet", api_visibility="undocumented"),
            dependency([], [], api_name=None),
            dependency([], [], api_name="page", backend_fn=False),
            dependency([], [], api_name="run"),
        ],
    )
    assert endpoints.resolve().api_name == "/run"


def test_without_a_name_among_several_the_names_are_told() -> None:
    error = refusal(app("add", "echo"))
    assert error.message == "This Gradio app might have multiple endpoints. Please specify an `api_name` or `fn_index`"
    assert error.hint == "the app has '/add', '/echo'"
    assert isinstance(error, ValueError)


def test_an_unknown_name_is_told_with_the_nearest_and_the_list() -> None:
    error = refusal(app("add", "echo"), "/ad")
    assert error.message == "Cannot find a function with `api_name`: /ad."
    assert error.hint == "did you mean '/add'? the app has '/add', '/echo'"
    assert refusal(app("add", "echo"), "/zzzzzz").hint == "the app has '/add', '/echo'"


def test_a_name_without_its_slash_is_an_error_with_advice() -> None:
    error = refusal(app("add", "echo"), "echo")
    assert error.message == "Cannot find a function with `api_name`: echo. Did you mean to use a leading slash?"
    assert error.hint == "did you mean '/echo'? the app has '/add', '/echo'"


def test_a_list_of_many_endpoints_is_cut() -> None:
    hint = refusal(app(*[f"n{index}" for index in range(25)])).hint
    assert hint is not None
    assert hint.endswith("'/n19' and 5 more")


def test_an_app_without_public_endpoints_says_so() -> None:
    endpoints = make_endpoints([], [dependency([], [], api_visibility="private")])
    assert refusal(endpoints).hint == "the app has no public endpoints"
    assert refusal(endpoints, "/run").message == "Cannot find a function with `api_name`: /run."


def test_private_endpoints_and_those_without_a_function_cannot_be_called_at_all() -> None:
    endpoints = make_endpoints(
        [],
        [
            dependency([], [], api_name="hidden", api_visibility="private"),
            dependency([], [], api_name=False),
            dependency([], [], api_name="page", backend_fn=False),
            dependency([], [], api_name="run"),
        ],
    )
    for index in (0, 1, 2, 77, -1):
        assert refusal(endpoints, None, index).message == f"Invalid function index: {index}."
    assert list(endpoints) == [3]
    assert "hidden" not in str(refusal(endpoints, "/hidden").hint)


def test_undocumented_endpoints_can_be_called_but_are_not_told() -> None:
    endpoints = make_endpoints(
        [component(1)],
        [dependency([1], [], api_name="quiet", api_visibility="undocumented"), dependency([], [], api_name="run")],
    )
    assert endpoints.resolve("/quiet").visibility == "undocumented"
    assert shown(endpoints.resolve("/quiet")) == ["textbox_1"]
    assert refusal(endpoints, "/quie").hint == "the app has '/run'"


def test_an_endpoint_without_a_name_is_called_by_its_index() -> None:
    endpoints = make_endpoints([], [dependency([], [], api_name=None), dependency([], [])])
    assert endpoints[0].api_name is None
    assert endpoints[0].label == "fn_index 0"
    assert endpoints[1].label == "/run"
    assert refusal(endpoints, None, 7).hint == "the app has fn_index 0, '/run'"


def test_of_two_with_one_name_or_one_index_the_first_counts() -> None:
    endpoints = make_endpoints(
        [], [dependency([], [], id=1), dependency([], [], id=2), dependency([], [], id=1, api_name="late")]
    )
    assert endpoints.resolve("/run").fn_index == 1
    assert list(endpoints) == [1, 2]
    assert not endpoints.has_name("/late")
    assert endpoints.has_name("/run")


def test_state_has_a_place_and_no_parameter() -> None:
    made = endpoint([component(1), component(2, "state"), component(3)], [2, 1, 2, 3], [2, 3])
    assert shown(made) == [None, "textbox_1", None, "textbox_3"]
    assert [slot.fill for slot in made.inputs] == [None, None, None, None]
    assert [slot.position for slot in made.outputs] == [1]
    assert made.has_state


@pytest.mark.parametrize(("inputs", "outputs"), [([2], []), ([], [2])])
def test_state_on_either_side_counts(inputs: list[int], outputs: list[int]) -> None:
    components = [component(1), component(2, "state")]
    assert endpoint(components, inputs, outputs).has_state
    assert not endpoint(components, [1], [1]).has_state


def test_endpoints_have_state_if_any_of_them_has() -> None:
    components = [component(1), component(2, "state")]
    assert make_endpoints(components, [dependency([1], []), dependency([2], [])]).have_state
    assert not make_endpoints(components, [dependency([1], [])]).have_state


def test_a_button_gives_its_text_as_a_page_would() -> None:
    made = endpoint([component(1, "button", value="Go")], [1], [])
    assert [slot.fill for slot in made.inputs] == ["Go"]
    assert made.parameters == ()


def test_layout_among_the_outputs_is_dropped() -> None:
    made = endpoint([component(1), component(2, "group"), component(3, "json")], [], [2, 1, 3])
    assert [(slot.position, slot.may_hold_file) for slot in made.outputs] == [(1, False), (2, True)]


def test_a_component_of_another_page_is_a_value_like_any_other() -> None:
    made = endpoint([], [7], [8])
    assert shown(made) == ["parameter_7"]
    assert [(slot.position, slot.may_hold_file) for slot in made.outputs] == [(0, True)]
    assert not made.has_state


@pytest.mark.parametrize(
    ("queue", "enabled", "queued"), [(True, True, True), (None, True, True), (False, True, False), (True, False, False)]
)
def test_the_queue_is_used_unless_it_is_switched_off(queue: bool | None, enabled: bool, queued: bool) -> None:
    endpoints = make_endpoints([], [dependency([], [], queue=queue)], enable_queue=enabled)
    assert endpoints[0].queued is queued


def described(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"named_endpoints": {"/run": {"parameters": list(parameters), "returns": []}}}


def test_the_servers_description_gives_the_names_and_the_defaults() -> None:
    told = {"label": "x", "parameter_name": "amount", "parameter_has_default": True, "parameter_default": 5}
    made = make_endpoints([component(1, value="y")], [dependency([1], [])], described(told))[0]
    assert [(given.name, given.has_default, given.default) for given in made.parameters] == [("amount", True, 5)]


def test_a_description_that_says_no_defaults_gets_them_from_the_config() -> None:
    components = [component(1, value="y"), component(2)]
    told = [{"label": "First one"}, {"label": "Second"}]
    made = make_endpoints(components, [dependency([1, 2], [])], described(*told))[0]
    assert [(given.name, given.has_default, given.default) for given in made.parameters] == [
        ("first_one", True, "y"),
        ("second", False, None),
    ]
    assert not make_endpoints([], [dependency([9], [])], described({"label": "x"}))[0].parameters[0].has_default


def test_a_description_that_does_not_fit_the_function_is_not_used() -> None:
    told = {"label": "x", "parameter_name": "told", "parameter_has_default": False}
    made = make_endpoints([component(1)], [dependency([1], [])], described(told, told))[0]
    assert shown(made) == ["textbox_1"]


def test_an_endpoint_without_a_name_is_described_by_its_index() -> None:
    told = {"label": "x", "parameter_name": "told", "parameter_has_default": False}
    info = {"unnamed_endpoints": {"0": {"parameters": [told], "returns": []}}}
    assert shown(make_endpoints([component(1)], [dependency([1], [], api_name=None)], info)[0]) == ["told"]


def choices_of(made: Endpoint) -> Any:
    return made.inputs[0].choices


def test_choices_bind_only_where_the_server_keeps_to_them() -> None:
    schema = {"type": "string", "enum": ["a", "b"]}
    assert choices_of(endpoint([component(1, "dropdown", schema)], [1], [])) == (["a", "b"], False)
    assert choices_of(endpoint([component(1, "dropdown", schema, allow_custom_value=True)], [1], [])) is None


def test_choices_that_a_function_may_change_do_not_bind() -> None:
    components = [component(1, "dropdown", {"type": "string", "enum": ["a"]})]
    dependencies = [dependency([1], []), dependency([], [1], api_name="refresh", api_visibility="private")]
    assert choices_of(make_endpoints(components, dependencies)[0]) is None
    in_the_page = [dependency([1], []), dependency([], [1], api_name="clear", backend_fn=False)]
    assert choices_of(make_endpoints(components, in_the_page)[0]) == (["a"], False)


def test_file_parameters_are_known() -> None:
    several = {"type": "array", "items": FILE_SCHEMA}
    made = endpoint([component(1, "file"), component(2, "file", several), component(3)], [1, 2, 3], [])
    assert [slot.file_kind for slot in made.inputs] == ["one", "many", None]


def test_the_endpoints_of_a_real_app() -> None:
    endpoints = saved_endpoints()
    names = [made.api_name for made in endpoints.values()]
    assert "/quiet" in names
    assert not {"/hidden", "/in_the_page", "/unnamed"} & set(names)
    state = endpoints.resolve("/state")
    assert shown(state) == ["text", None, "number", None]
    assert [slot.position for slot in state.outputs] == [1, 3]
    assert state.has_state
    assert state.description == "Counts its calls."
    files = endpoints.resolve("/files")
    assert [slot.file_kind for slot in files.inputs] == ["one", "many", "one", None, None]
    assert all(slot.may_hold_file for slot in files.outputs)
    choose = endpoints.resolve("/choose")
    assert [slot.choices for slot in choose.inputs] == [
        (["x", "y"], False),
        (["x", "y"], True),
        None,
        ([1, 2], False),
        (["a", "b"], True),
        None,
        None,
        None,
    ]
    assert endpoints.resolve("/pressed").inputs[0].fill == "go"
    assert not endpoints.resolve("/pressed").queued
    assert [slot.wants_props for slot in endpoints.resolve("/whole").inputs] == [False, True]
    assert endpoints.resolve("/count").is_generator
    assert endpoints.resolve("/acting").oauth_token == "required"
    assert len(endpoints) == sum(
        made.backend_fn and made.visibility != "private" for made in saved_config().dependencies
    )
