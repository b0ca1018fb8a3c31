"""CONFIG: what an app says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from gradproto_conformance._checks import Check, Effect, Registry
from gradproto_conformance._json import are_objects, is_list, is_object
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, ask, document

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

IS_JSON = check("config-is-json", "/config gives a JSON object", "CONFIG-1.1")
VERSION = check("config-version", "The config names Gradio's version", "CONFIG-1.3")
PROTOCOL = check("config-protocol", "The config names the form of the queue", "CONFIG-2.1")
NO_PROTOCOL = check("config-no-protocol", "The config of Gradio 3 names no form of the queue", "CONFIG-2.2")
GRADIO_2 = check("config-gradio-2", "The config of Gradio 2 lists the components of its one function", "CONFIG-2.3")
COMPONENTS = check("config-components", "Components have an id, a type and properties", "CONFIG-3.1")
REFERENCES = check("config-references", "Inputs and outputs are components of the config", "CONFIG-3.2")
IDS = check("config-ids", "Dependencies have ids, each once only", "CONFIG-3.3")
NAMES = check("config-names", "No two dependencies have the same name", "CONFIG-3.5")
VISIBILITY = check("config-visibility", "Dependencies say who may see them", "CONFIG-3.6")
BACKEND = check("config-backend", "Dependencies say whether the server has a function for them", "CONFIG-3.7")
QUEUED = check("config-queued", "Dependencies say whether they are queued", "CONFIG-3.8")
KINDS = check("config-kinds", "Dependencies say whether they give several outputs, or cancel others", "CONFIG-3.9")
CANCELS = check("config-cancels", "Dependencies say whether they only cancel others", "CONFIG-3.10")
SKIPPED = check("config-skipped", "Components say whether they are left out of the API", "CONFIG-4.1")
RUN = check("config-run", "The config names the app's run", "CONFIG-4.2")
MAX_SIZE = check("config-max-file-size", "The config says how large a file may be", "CONFIG-4.3")
HEARTBEAT = check("config-heartbeat", "The config says whether the app wants heartbeats", "CONFIG-4.4")
PAGES = check("config-pages", "The config lists the app's pages", "CONFIG-4.5")
SPACE = check("config-space", "The config says whether the app is a Space", "CONFIG-4.6")
USER = check("config-user", "The config names the user", "CONFIG-4.7")
BY_PLACE = check("config-function-by-place", "A function is named by its place in the list", "CONFIG-3.4")
PAGE = check("config-in-page", "The page holds the config, too", "CONFIG-1.2")

OF_COMPONENTS = (COMPONENTS, SKIPPED)
OF_DEPENDENCIES = (REFERENCES, IDS, NAMES, VISIBILITY, BACKEND, QUEUED, KINDS, CANCELS)
OF_APP = (VERSION, PROTOCOL, NO_PROTOCOL, GRADIO_2, RUN, MAX_SIZE, HEARTBEAT, PAGES, SPACE, USER)

LARGEST = 2**64


@scenario(IS_JSON, *OF_APP, *OF_COMPONENTS, *OF_DEPENDENCIES)
async def config_document(judge: Judge) -> None:
    """Ask for the config, and look at all that a client may read of it."""
    answer = await document(judge, "/config")
    config: Any = answer.value
    judge.that(
        IS_JSON,
        answer.status == 200 and is_object(config),
        expected="status 200 and a JSON object",
        got=answer.got,
        exchange=answer.exchange,
    )
    if not is_object(config):
        for one in (*OF_APP, *OF_COMPONENTS, *OF_DEPENDENCIES):
            judge.cannot(one, "there is no config")
        return
    _judge_app(judge, config)
    _judge_components(judge, config)
    _judge_dependencies(judge, config)


def _judge_app(judge: Judge, config: dict[str, Any]) -> None:
    def says(check: Check, key: str, right: bool, expected: str) -> None:
        judge.that(check, key in config and right, expected=f"{key}: {expected}", got=config.get(key, "nothing"))

    version, protocol = config.get("version"), config.get("protocol")
    says(VERSION, "version", isinstance(version, str) and re.match(r"\d+\.\d+", version.strip()) is not None, "text")
    known = isinstance(protocol, str) and protocol.startswith("sse")
    says(PROTOCOL, "protocol", known, "sse, sse_v1, sse_v2, sse_v2.1 or sse_v3")
    judge.that(NO_PROTOCOL, protocol is None or protocol == "ws", expected="no protocol", got=protocol)
    judge.that(
        GRADIO_2,
        "dependencies" not in config
        and all(are_objects(config.get(key)) for key in ("input_components", "output_components")),
        expected="input_components, output_components, and no dependencies",
        got=sorted(key for key in config if key.endswith("components") or key == "dependencies"),
    )
    run: Any = config.get("app_id")
    size: Any = config.get("max_file_size")
    says(RUN, "app_id", _is_integer(run) and 0 <= run < LARGEST, "an integer of up to 64 bits")
    says(MAX_SIZE, "max_file_size", size is None or (_is_integer(size) and size >= 0), "bytes, or null")
    says(HEARTBEAT, "connect_heartbeat", isinstance(config.get("connect_heartbeat"), bool), "true or false")
    says(PAGES, "pages", isinstance(config.get("pages"), list), "a list")
    says(SPACE, "space_id", config.get("space_id") is None or isinstance(config.get("space_id"), str), "text, or null")
    says(USER, "username", config.get("username") is None or isinstance(config.get("username"), str), "text, or null")


def _judge_components(judge: Judge, config: dict[str, Any]) -> None:
    components = _objects(config.get("components"))
    ids = [component.get("id") for component in components]
    judge.that(
        COMPONENTS,
        bool(components)
        and _are_different_integers(ids)
        and all(isinstance(component.get("type"), str) for component in components)
        and all(isinstance(component.get("props"), dict) for component in components),
        expected="objects with id (an integer, once only), type (text) and props (an object)",
        got=config.get("components"),
    )
    wrong = [_part(one, "skip_api") for one in components if not isinstance(one.get("skip_api"), bool)]
    judge.that(SKIPPED, bool(components) and not wrong, expected="skip_api: true or false", got=wrong[:1])


def _judge_dependencies(judge: Judge, config: dict[str, Any]) -> None:
    components = [component.get("id") for component in _objects(config.get("components"))]
    found = _objects(config.get("dependencies"))

    def each(check: Check, key: str, right: Callable[[Any], bool], expected: str) -> None:
        wrong = [_part(one, key) for one in found if key not in one or not right(one[key])]
        judge.that(check, bool(found) and not wrong, expected=f"{key}: {expected}, of each", got=wrong[:1])

    ids = [dependency.get("id") for dependency in found]
    judge.that(IDS, _are_different_integers(ids), expected="an integer for each, once only", got=ids)
    references = [one.get(key) for one in found for key in ("inputs", "outputs")]
    judge.that(
        REFERENCES,
        bool(found) and all(is_list(one) and all(part in components for part in one) for one in references),
        expected="inputs and outputs: lists of ids of components",
        got=references,
    )
    names = [dependency.get("api_name", "") for dependency in found]
    own = [name for name in names if isinstance(name, str)]
    judge.that(
        NAMES,
        len(set(own)) == len(own) and all(name is None or name is False or isinstance(name, str) for name in names),
        expected="api_name: text, once only, null, or false",
        got=names,
    )
    seen = ("public", "undocumented", "private")
    each(VISIBILITY, "api_visibility", lambda value: value in seen, "public, undocumented or private")
    each(BACKEND, "backend_fn", lambda value: isinstance(value, bool), "true or false")
    each(QUEUED, "queue", lambda value: value is None or isinstance(value, bool), "true, false or null")
    kinds = "an object with generator"
    each(KINDS, "types", lambda value: is_object(value) and isinstance(value.get("generator"), bool), kinds)
    cancels = "an object with cancel"
    each(CANCELS, "types", lambda value: is_object(value) and isinstance(value.get("cancel"), bool), cancels)


@scenario(PAGE)
async def config_in_page(judge: Judge) -> None:
    """Read the page, as a client does that gets no JSON."""
    answer = await document(judge, "/")
    text = answer.text if answer.status is not None else ""
    found = re.search(r"window\.gradio_config\s*=\s*", text)
    value: Any = None
    if found is not None:
        try:
            value, _ = json.JSONDecoder().raw_decode(text, found.end())
        except (ValueError, RecursionError):
            value = None
    judge.that(
        PAGE,
        is_object(value) and _version_in(value) == _version_in(judge.target.config),
        expected="window.gradio_config = the config",
        got=f"no window.gradio_config, {answer.got}" if found is None else text[found.start() :],
        exchange=answer.exchange,
    )


@scenario(BY_PLACE, effect=Effect.CALL, needs=["multi"])
async def config_function_by_place(judge: Judge) -> None:
    """Call a function by its place in the list of dependencies."""
    names = [one.get("api_name") for one in _objects(judge.target.config.get("dependencies"))]
    if "multi" not in names:
        judge.cannot(BY_PLACE, "the config lists what is no dependency")
        return
    value = {"fn_index": names.index("multi"), "data": ["place"]}
    answer = await ask(judge, "POST", "{P}/api/predict", within=2 * LIMIT, value=value)
    judge.that(
        BY_PLACE,
        is_object(answer.value) and answer.value.get("data") == ["place", 5, "PLACE"],
        expected='the data ["place", 5, "PLACE"]',
        got=answer.got,
        exchange=answer.exchange,
    )


def _version_in(config: Mapping[str, Any]) -> str:
    return str(config.get("version", "")).strip()


def _objects(value: Any) -> list[dict[str, Any]]:
    """Give the list, if it is one of objects only; else nothing, which no check accepts."""
    return value if are_objects(value) else []


def _part(value: dict[str, Any], key: str) -> dict[str, Any]:
    """Give what is looked at of a component or a dependency, and which it is: the whole would hide it."""
    return {name: value[name] for name in ("id", "api_name", key) if name in value}


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_different_integers(values: list[Any]) -> bool:
    return bool(values) and all(map(_is_integer, values)) and len(set(values)) == len(values)
