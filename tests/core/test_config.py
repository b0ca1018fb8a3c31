from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproto._config import Config, Dependency, parse_config
from gradproto._errors import AuthenticationError, UnsupportedServerError
from tests.core.documents import URL, component, config_document, dependency, make_config, saved_config


def parse(body: bytes | str, content_type: str = "application/json", url: str = URL) -> Config:
    return parse_config(body.encode() if isinstance(body, str) else body, content_type=content_type, url=url)


def refusal(body: bytes | str, content_type: str = "text/html", url: str = URL) -> UnsupportedServerError:
    with pytest.raises(UnsupportedServerError) as caught:
        parse(body, content_type, url)
    return caught.value


def test_the_config_of_a_real_app_is_read() -> None:
    config = saved_config()
    assert config.version == "6.31.0"
    assert config.protocol == "sse_v3"
    assert config.api_prefix == "/gradio_api"
    assert config.root == "http://127.0.0.1:7860"
    assert config.title == "shapes"
    assert config.connect_heartbeat is True
    assert config.enable_queue
    assert isinstance(config.app_id, int)
    assert config.max_file_size is None
    by_name = {dependency.api_name: dependency for dependency in config.dependencies}
    assert by_name["count"].is_generator
    assert not by_name["state"].is_generator
    assert by_name["pressed"].queue is False
    assert by_name["hidden"].visibility == "private"
    assert by_name["quiet"].visibility == "undocumented"
    assert not by_name["in_the_page"].backend_fn
    assert [made.cancels for made in config.dependencies if made.cancels] == [(by_name["count"].id,)]
    assert by_name["whole"].component_props == (1,)
    assert [config.components[number].type for number in by_name["state"].outputs] == [
        "state",
        "textbox",
        "group",
        "number",
    ]
    assert [config.components[number].skip_api for number in by_name["state"].outputs] == [True, False, True, False]


def test_a_config_can_be_read_like_the_document() -> None:
    config = saved_config()
    assert config["version"] == "6.31.0"
    assert config["dependencies"] is config.raw["dependencies"]
    assert config.get("title") == "shapes"
    assert (config.get("nothing"), config.get("nothing", 5)) == (None, 5)
    assert "title" in config
    assert "nothing" not in config
    with pytest.raises(KeyError):
        config["nothing"]


def test_everything_but_the_kind_has_a_default() -> None:
    config = parse('{"dependencies": [{}], "components": [{"id": 1}]}')
    assert config == Config(
        version="",
        protocol="",
        api_prefix="",
        root="",
        app_id=None,
        space_id=None,
        username=None,
        title=None,
        max_file_size=None,
        connect_heartbeat=None,
        enable_queue=False,
        components={1: config.components[1]},
        dependencies=(Dependency(id=0, api_name=None, visibility="public", backend_fn=True, inputs=(), outputs=()),),
        raw={"dependencies": [{}], "components": [{"id": 1}]},
    )
    assert not config.components[1].skip_api
    assert config.components[1].label is None


def test_nulls_are_defaults() -> None:
    fields = ("version", "protocol", "api_prefix", "root", "app_id", "space_id", "max_file_size", "components")
    assert parse(json.dumps({"dependencies": None, **dict.fromkeys(fields)})).version == ""


def test_a_line_end_in_the_version_is_dropped() -> None:
    assert make_config([], [], version="4.22.0\n").version == "4.22.0"


def test_an_app_id_may_have_64_bits_and_more() -> None:
    assert make_config([], [], app_id=2**64 - 1).app_id == 2**64 - 1
    assert make_config([], [], app_id="abc").app_id == "abc"


def test_unknown_fields_are_tolerated() -> None:
    config = make_config([{**component(1), "news": [1]}], [dependency([1], [1], news={"a": 1})], news=None)
    assert config.dependencies[0].inputs == (1,)


def test_a_function_is_known_by_its_id_or_else_its_place() -> None:
    config = make_config([], [dependency([], []), dependency([], [], id=7), dependency([], [], id=None)])
    assert [dependency.id for dependency in config.dependencies] == [0, 7, 2]


@pytest.mark.parametrize(
    ("fields", "api_name"),
    [
        ({"api_name": False}, None),
        ({"api_name": False, "show_api": False}, None),
        ({"api_name": "x", "api_visibility": "private"}, "x"),
    ],
)
def test_a_private_function_is_known_to_be_one(fields: dict[str, Any], api_name: str | None) -> None:
    made = make_config([], [dependency([], [], **fields)]).dependencies[0]
    assert (made.api_name, made.visibility) == (api_name, "private")


def test_state_and_layout_of_an_early_server_are_known_by_their_type() -> None:
    components = [{"id": index, "type": kind} for index, kind in enumerate(["variable", "state", "row", "textbox"])]
    config = make_config(components, [])
    assert [made.skip_api for made in config.components.values()] == [True, True, True, False]
    assert [made.is_state for made in config.components.values()] == [True, True, False, False]


def test_a_schema_for_both_ways_stands_in_for_each() -> None:
    both = {"type": "string"}
    one = {"type": "number"}
    config = make_config([{"id": 1, "api_info": both}, {"id": 2, "api_info": both, "api_info_as_input": one}], [])
    assert (config.components[1].input_schema, config.components[1].output_schema) == (both, both)
    assert (config.components[2].input_schema, config.components[2].output_schema) == (one, both)


def test_descriptions_are_kept_and_may_be_switched_off() -> None:
    config = make_config([], [dependency([], [], api_description="what"), dependency([], [], api_description=False)])
    assert [made.description for made in config.dependencies] == ["what", None]


@pytest.mark.parametrize(("given_prefix", "prefix"), [("/gradio_api", "/gradio_api"), ("/a/b/", "/a/b"), ("/", "")])
def test_the_api_prefix_has_no_slash_at_its_end(given_prefix: str, prefix: str) -> None:
    assert make_config([], [], api_prefix=given_prefix).api_prefix == prefix


@pytest.mark.parametrize("prefix", ["@evil.test", ".evil.test", "gradio_api", "/a?b", "/a#b", "/a b", "/a\\b", "/a\n"])
def test_a_prefix_that_could_lead_to_another_host_is_refused(prefix: str) -> None:
    error = refusal(json.dumps(config_document([], [], api_prefix=prefix)))
    assert "$.api_prefix" in str(error)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"version": 6}, "$.version"),
        ({"protocol": []}, "$.protocol"),
        ({"api_prefix": {}}, "$.api_prefix"),
        ({"app_id": []}, "$.app_id"),
        ({"max_file_size": "5mb"}, "$.max_file_size"),
        ({"connect_heartbeat": "yes"}, "$.connect_heartbeat"),
        ({"enable_queue": 1}, "$.enable_queue"),
        ({"components": {}}, "$.components"),
        ({"components": [1]}, "$.components[0]"),
        ({"components": [{"type": "textbox"}]}, "$.components[0].id"),
        ({"components": [component(1), {"id": "x"}]}, "$.components[1].id"),
        ({"components": [{"id": 1, "props": []}]}, "$.components[0].props"),
        ({"components": [{"id": 1, "skip_api": "no"}]}, "$.components[0].skip_api"),
        ({"dependencies": "none"}, "$.dependencies"),
        ({"dependencies": [[]]}, "$.dependencies[0]"),
        ({"dependencies": [{"inputs": ["x"]}]}, "$.dependencies[0].inputs[0]"),
        ({"dependencies": [{"outputs": 1}]}, "$.dependencies[0].outputs"),
        ({"dependencies": [{"queue": "off"}]}, "$.dependencies[0].queue"),
        ({"dependencies": [{"api_name": True}]}, "$.dependencies[0].api_name"),
        ({"dependencies": [{"types": {"generator": 1}}]}, "$.dependencies[0].types.generator"),
        ({"dependencies": [{"time_limit": "1"}]}, "$.dependencies[0].time_limit"),
        ({"dependencies": [{"api_visibility": 1}]}, "$.dependencies[0].api_visibility"),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(fields: dict[str, Any], place: str) -> None:
    error = refusal(json.dumps({**config_document([], []), **fields}))
    assert f": {place} " in str(error)
    assert URL in str(error)


PAGE = '<!doctype html>\n<script>window.gradio_config = %s;</script><script>window.gradio_api_info = {"a": 1};</script>'


def test_the_config_in_a_page_is_found() -> None:
    document = config_document([component(1, value="a;</script>b}{")], [dependency([1], [1])])
    assert parse(PAGE % json.dumps(document), "text/html").raw == document


def test_the_config_in_a_page_may_be_spread_and_escaped() -> None:
    document = json.dumps(config_document([], [], title="<b>"), indent=2).replace("<", "\\u003c")
    assert parse("window.gradio_config=" + document, "text/html").title == "<b>"


def test_what_only_looks_like_the_config_in_a_page_is_passed_over() -> None:
    document = json.dumps(config_document([], [], version="5.0.0"))
    page = "window.gradio_config = undefined; window.gradio_config = []; window.gradio_config = " + document
    assert parse(page, "text/html").version == "5.0.0"


def test_a_byte_order_of_spaces_before_the_json_is_no_harm() -> None:
    assert parse("\n  " + json.dumps(config_document([], [])) + "\n").version == "6.31.0"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            PAGE % '{"auth_required": true, "auth_message": "members <b>only</b>", "version": "5"}',
            "members <b>only</b>",
        ),
        (PAGE % '{"auth_required": true, "auth_message": null, "components": [], "dependencies": []}', None),
        ('{"detail": "Not authenticated"}', None),
        ('{"detail": {"error": "Not authenticated", "auth_message": "ask Bob"}}', "ask Bob"),
        ('{"detail": {"error": "Not authenticated", "auth_message": null}}', None),
    ],
)
def test_an_app_that_wants_a_login_says_so(body: str, says: str | None) -> None:
    with pytest.raises(AuthenticationError) as caught:
        parse(body, "text/html")
    assert f"the app at {URL} requires a login" in str(caught.value)
    assert ("it says" in str(caught.value)) is (says is not None)
    assert says is None or repr(says) in str(caught.value)


@pytest.mark.parametrize(
    ("body", "content_type", "hint"),
    [
        (b"<html><head><title>502 Bad Gateway</title></head></html>", "text/html", "error page of a proxy"),
        (b"upstream: Service Unavailable", "text/plain", "error page of a proxy"),
        (b"<html><p>Hugging Face: this Space is sleeping</p></html>", "text/html", "Space that is not running"),
        (b"Your space is in error, check its status on hf.co", "text/plain", "Space that is not running"),
        (b'{"detail": "Not Found"}', "application/json", "no app at this path"),
        (b'{"name": "x", "version": "1.0"}', "application/json", "its keys are: 'name', 'version'"),
        (b"{}", "application/json", "JSON, but no Gradio config"),
        (b"[1, 2]", "application/json", "it is none, or no object"),
        (b'{"dependencies": [', "application/json", "it is none, or no object"),
        (b"window.gradio_config = {oops", "text/html", "a Gradio config that cannot be read"),
        (b"<html>Welcome</html>", "text/html", "but not that of a Gradio app"),
    ],
)
def test_what_is_no_app_is_told_with_what_it_seems_to_be(body: bytes, content_type: str, hint: str) -> None:
    error = refusal(body, content_type)
    assert hint in (error.hint or "")
    assert repr(content_type) in str(error)
    assert URL in str(error)


def test_what_nothing_is_known_about_is_told_as_it_is() -> None:
    error = refusal(b"hello\xff", "text/plain")
    assert error.hint is None
    assert repr("hello\ufffd") in str(error)


def test_an_empty_answer_is_told() -> None:
    assert "it answered with no content type and nothing" in str(refusal(b"", ""))


def test_no_more_than_80_characters_of_the_answer_are_told() -> None:
    error = refusal("x" * 5000, "y" * 500)
    assert "x" * 80 + "'" in str(error)
    assert "x" * 81 not in str(error)
    assert "y" * 81 not in str(error)


def test_a_secret_in_the_url_is_not_told() -> None:
    url = "http://user:hunter2@app.test/config?token=hunter2"
    assert "hunter2" not in str(refusal(b"", url=url))
    assert "hunter2" not in str(refusal('{"dependencies": 1}', url=url))
    with pytest.raises(AuthenticationError) as caught:
        parse('{"auth_required": true}', url=url)
    assert "hunter2" not in str(caught.value)


def test_a_config_of_gradio_2_is_read_as_one_function() -> None:
    config = parse(
        '{"version": "2.9.4", "queue": true, "input_components": [{"name": "number", "label": "a", "default": 3},'
        ' {"name": "state", "label": "s", "default": 7}], "output_components": [{"name": "image", "label": "out"}]}'
    )
    assert (config.version, config.protocol, config.enable_queue) == ("2.9.4", "", True)
    assert config.dependencies == (
        Dependency(
            id=0,
            api_name="predict",
            visibility="public",
            backend_fn=True,
            inputs=(0, 1),
            outputs=(2,),
            is_generator=False,
        ),
    )
    number, state, image = (config.components[index] for index in range(3))
    assert (number.type, number.label, number.default, number.input_schema) == ("number", "a", 3, {"type": "number"})
    assert (state.is_state, state.skip_api) == (True, True)
    assert (image.type, image.skip_api) == ("image", False)
    assert "dependencies" not in config.raw


def test_a_config_of_gradio_2_without_a_queue_has_none() -> None:
    assert not parse('{"queue": false, "input_components": [], "output_components": []}').enable_queue


def test_a_field_of_a_wrong_type_in_a_config_of_gradio_2_is_named_by_its_place() -> None:
    with pytest.raises(UnsupportedServerError, match=r"\$\.output_components\[0\]\.name is 5, where a string belongs"):
        parse('{"input_components": [], "output_components": [{"name": 5}]}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=20,
)
KEYS = ["version", "api_prefix", "components", "dependencies", "id", "props", "inputs", "types", "api_name", "detail"]
known_keys = st.recursive(
    json_values,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(KEYS), children, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(KEYS), known_keys))
def test_any_json_is_a_config_or_refused(document: dict[str, Any]) -> None:
    said = ""
    try:
        parse(json.dumps({"dependencies": [], **document}))
    except (UnsupportedServerError, AuthenticationError) as error:
        said = str(error)
    assert len(said) < 500


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
@example(b"{" * 100_000)
@example(b'{"dependencies":' + b"[" * 100_000)
@example(b"window.gradio_config = " + b"[" * 100_000)
@example(b'window.gradio_config = {"version": ' + b"9" * 5000 + b"}")
def test_any_bytes_are_a_config_or_refused(body: bytes) -> None:
    with pytest.raises((UnsupportedServerError, AuthenticationError)):
        parse(body)
