from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from gradproto._api_info import Endpoint, Endpoints
from gradproto._binding import bind_arguments, encode_arguments, split_call
from gradproto._errors import ArgumentError
from gradproto._files import FileData, handle_file
from gradproto._payload import ServerValue
from tests.core.documents import component, dependency, endpoint, make_endpoints, saved_endpoints


def add() -> Endpoint:
    """``add(a, b=2)`` with State between its parameters."""
    components = [
        component(1, "number", label="a"),
        component(2, "state"),
        component(3, "number", label="b", value=2),
    ]
    return endpoint(components, [1, 2, 3], [1])


def one(kind: str = "textbox", schema: Any = None, **props: Any) -> Endpoint:
    """``run(x)``."""
    return endpoint([component(1, kind, schema, label="x", **props)], [1], [])


def refusal(made: Endpoint, *args: Any, **kwargs: Any) -> ArgumentError:
    with pytest.raises(ArgumentError) as caught:
        bind_arguments(made, args, kwargs)
    return caught.value


def accepts(made: Endpoint, value: Any) -> bool:
    try:
        bound = bind_arguments(made, (value,), {})
    except ArgumentError:
        return False
    assert bound[0] is value
    return True


def test_an_endpoint_without_inputs_takes_nothing() -> None:
    made = endpoint([], [], [])
    assert bind_arguments(made, (), {}) == []
    assert refusal(made, 1).message == "/run takes no arguments, but 1 were given"


def test_one_argument_too_many_is_an_error() -> None:
    error = refusal(add(), 1, 2, 3)
    assert error.message == "/run takes 2 arguments, but 3 were given"
    assert error.hint == "the endpoint is /run(a, b)"
    assert refusal(one(), 1, 2).message == "/run takes 1 argument, but 2 were given"


def test_an_argument_given_twice_is_an_error() -> None:
    assert refusal(add(), 1, a=2).message == "Parameter `a` is already set as a positional argument."


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    error = refusal(one("textbox"), xx=1)
    assert error.message == "Parameter `xx` is not a valid key-word argument."
    assert error.hint == "did you mean `x`? the endpoint is /run(x)"
    assert refusal(add(), zebra=1).hint == "the endpoint is /run(a, b)"


def test_a_missing_required_argument_is_told() -> None:
    error = refusal(add(), b=1)
    assert error.message == "No value provided for required argument: a"
    assert isinstance(error, TypeError)


def test_a_long_list_of_parameters_is_cut() -> None:
    made = endpoint([component(number, label=f"p{number}") for number in range(30)], list(range(30)), [])
    assert str(refusal(made).hint).endswith("p19, ...)")


CHOICES = {"type": "string", "enum": ["a", "b", 3]}


def test_a_value_that_is_no_choice_is_refused_with_the_choices() -> None:
    made = one("radio", CHOICES)
    assert str(refusal(made, "c")) == "'c' is not one of the choices of parameter `x`: 'a', 'b', 3"
    assert accepts(made, "a")
    assert accepts(made, 3)
    assert accepts(made, 3.0)
    assert not accepts(made, "3")
    assert not accepts(made, 4)
    assert accepts(made, None)


def test_each_of_several_choices_is_checked() -> None:
    made = one("checkboxgroup", {"type": "array", "items": CHOICES})
    assert accepts(made, ["a", 3])
    assert accepts(made, ("b",))
    assert accepts(made, [])
    assert accepts(made, "a")
    assert "'c'" in str(refusal(made, ["a", "c"]))
    assert "'c'" in str(refusal(made, "c"))


def test_choices_leave_to_the_server_what_is_not_certain() -> None:
    made = one("dropdown", CHOICES)
    assert accepts(made, ["a", "zzz"])
    assert accepts(made, object())
    assert accepts(one("dropdown", CHOICES, allow_custom_value=True), "zzz")


def test_a_long_list_of_choices_is_cut() -> None:
    made = one("radio", {"enum": [f"{'x' * 200}{index}" for index in range(30)]})
    message = str(refusal(made, "y" * 500))
    assert message.endswith(", ...")
    assert len(message) < 2000
    assert "y" * 81 not in message


@pytest.mark.parametrize("kind", ["textbox", "dropdown", "colorpicker", "api"])
@pytest.mark.parametrize("value", [{}, {"a": 1}, [], ["a"], ("a",)])
def test_a_container_is_no_string(kind: str, value: Any) -> None:
    error = refusal(one(kind, {"type": "string"}), value)
    assert str(error) == f"Parameter `x` is a string, not a {type(value).__name__}"


def test_words_and_containers_are_no_numbers() -> None:
    assert str(refusal(one("number"), "five")) == "Parameter `x` is a number, not 'five'"
    assert str(refusal(one("slider", {"type": "number"}), [5])) == "Parameter `x` is a number, not a list"
    assert str(refusal(one("api", {"type": "integer"}), "")) == "Parameter `x` is a number, not ''"
    assert "y" * 81 not in str(refusal(one("number"), "y" * 500))


def test_words_and_containers_are_no_booleans() -> None:
    made = one("checkbox")
    assert str(refusal(made, "false")) == "Parameter `x` is a boolean, not 'false'"
    assert str(refusal(made, {})) == "Parameter `x` is a boolean, not a dict"
    assert accepts(made, True)
    assert accepts(made, 0)


@pytest.mark.parametrize("value", [{"a": 1}, [1], "words", 5])
def test_components_whose_schema_may_be_careless_take_anything(value: Any) -> None:
    assert accepts(one("html", {"type": "string"}), value)
    assert accepts(one("mycomponent", {"type": "number"}), value)
    assert accepts(one("json"), value)
    assert accepts(one("api", {"anyOf": [{"type": "string"}, {"type": "null"}]}), value)
    assert accepts(endpoint([], [7], []), value)


@pytest.mark.parametrize("value", [5, 1.5, True])
def test_a_number_is_no_file(value: Any) -> None:
    error = refusal(one("file"), value)
    assert str(error) == f"Parameter `x` is a file, not {value!r} (give a path, or its bytes)"


@pytest.mark.parametrize(
    "value",
    ["a.txt", b"x", Path("a"), io.BytesIO(), handle_file("a"), FileData(path="a"), {"path": "a"}, ["a"], None],
)
def test_whatever_may_be_a_file_is_one(value: Any) -> None:
    assert accepts(one("file"), value)


def test_a_default_that_is_a_file_of_the_server_is_sent_as_it_came() -> None:
    default = {"path": "/srv/a.txt", "meta": {"_type": "gradio.FileData"}}
    assert bind_arguments(one("file", value=default), (), {}) == [default]


def test_a_default_that_could_be_taken_for_a_path_of_this_machine_is_marked() -> None:
    assert bind_arguments(one("file", value="/etc/passwd"), (), {}) == [ServerValue("/etc/passwd")]
    assert bind_arguments(one("file", value=["/etc/passwd"]), (), {}) == [ServerValue(["/etc/passwd"])]
    assert bind_arguments(one("textbox", value="/etc/passwd"), (), {}) == ["/etc/passwd"]


def with_props(kind: str = "textbox", **props: Any) -> Endpoint:
    return endpoint([component(1, kind, label="x", **props)], [1], [], component_prop_inputs=[0])


def test_a_function_that_wants_the_component_gets_its_properties_around_the_value() -> None:
    assert bind_arguments(with_props(lines=3), ("hi",), {}) == [
        {"name": "textbox", "lines": 3, "label": "x", "value": "hi"}
    ]
    assert bind_arguments(with_props(value="old"), (), {}) == [{"name": "textbox", "label": "x", "value": "old"}]
    assert bind_arguments(with_props("file", value="/etc/passwd"), (), {}) == [
        {"name": "file", "label": "x", "value": "/etc/passwd"}
    ]


def test_properties_that_the_caller_gives_are_not_wrapped_again() -> None:
    given = {"value": {"a": 1}, "lines": 5}
    assert bind_arguments(with_props("json"), (given,), {}) == [given]
    unknown = endpoint([], [7], [], component_prop_inputs=[0])
    assert bind_arguments(unknown, ("x",), {}) == ["x"]


def test_the_arguments_themselves_are_not_changed() -> None:
    args, kwargs = [1], {"b": [2]}
    bind_arguments(endpoint([component(1, label="a"), component(2, "json", label="b")], [1, 2], []), args, kwargs)
    assert (args, kwargs) == ([1], {"b": [2]})


def test_calls_of_a_real_app() -> None:
    endpoints = saved_endpoints()
    assert bind_arguments(endpoints.resolve("/state"), ("hi",), {}) == ["hi", None, 3, None]
    assert bind_arguments(endpoints.resolve("/choose"), ("y",), {"numbers": 2}) == ["y", [], "x", 2, [], False, 0, None]
    assert "1, 2" in str(refusal(endpoints.resolve("/choose"), numbers="1"))
    assert bind_arguments(endpoints.resolve("/pressed"), (), {}) == ["go", 3]
    assert bind_arguments(endpoints.resolve("/reserved"), ("a",), {"param_1": 1}) == ["a", 1]


@pytest.fixture
def endpoints() -> Endpoints:
    return make_endpoints([component(1), component(2)], [dependency([1, 2], [], api_name="add")])


def test_the_javascript_form_is_recognised(endpoints: Endpoints) -> None:
    assert split_call(("/add", [1, 2]), {}, endpoints, None, None) == ("/add", [1, 2], {})
    assert split_call(("/add", (1, 2)), {}, endpoints, None, None) == ("/add", (1, 2), {})
    assert split_call(("/add", {"a": 1}), {}, endpoints, None, None) == ("/add", (), {"a": 1})
    assert split_call(("/add", []), {}, endpoints, None, None) == ("/add", [], {})


@pytest.mark.parametrize(
    ("args", "kwargs", "api_name", "fn_index"),
    [
        (("/add", [1, 2]), {}, "/add", None),
        (("/add", [1, 2]), {}, None, 0),
        (("/add", [1, 2]), {"x": 1}, None, None),
        (("/add", [1], 2), {}, None, None),
        (("/add",), {}, None, None),
        (("/nosuch", [1]), {}, None, None),
        (("add", [1]), {}, None, None),
        ((0, [1]), {}, None, None),
        (("/add", "text"), {}, None, None),
        (("/add", {1: 2}), {}, None, None),
        ((), {}, None, None),
    ],
)
def test_everything_else_is_an_ordinary_call(
    endpoints: Endpoints, args: tuple[Any, ...], kwargs: dict[str, Any], api_name: str | None, fn_index: int | None
) -> None:
    assert split_call(args, kwargs, endpoints, api_name, fn_index) == (api_name, args, kwargs)


@pytest.mark.parametrize("value", [b"content", Path("a.txt"), io.BytesIO(), handle_file(b"x"), FileData(path="/a")])
def test_a_file_is_no_string(value: Any) -> None:
    assert refusal(one(), value).message == f"Parameter `x` is a string, not a file ({type(value).__name__})"


def test_what_json_cannot_carry_is_told_with_its_parameter() -> None:
    made = endpoint([component(1, "state"), component(2, "json", label="data")], [1, 2], [])
    assert encode_arguments(made, [None, {"a": [1]}]) == b'[null,{"a":[1]}]'
    values: list[Any] = [None, {"a": [{1}]}]
    with pytest.raises(ArgumentError) as caught:
        encode_arguments(made, values)
    assert caught.value.message == "Parameter `data`: a[0] is of type set, which JSON cannot hold"
    values = [{1}, None]
    with pytest.raises(ArgumentError) as caught:
        encode_arguments(made, values)
    assert caught.value.message == "Parameter ``: the value is of type set, which JSON cannot hold"
