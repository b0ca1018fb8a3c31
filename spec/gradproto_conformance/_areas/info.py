"""INFO: the description of the endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradproto_conformance._checks import Check, Registry
from gradproto_conformance._json import are_objects, is_list, is_object
from gradproto_conformance._judge import Judge

from ._asking import Answer, document

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

IS_THERE = check("info-is-there", "/info describes the endpoints", "INFO-1.1")
NAMES = check("info-names", "The description has the public endpoints of the config, by their names", "INFO-1.2")
UNNAMED = check("info-unnamed", "Endpoints without a name are described by their index", "INFO-1.3")
PARAMETERS = check("info-parameters", "Parameters have a label, a type and a component", "INFO-2.1")
COUNT = check("info-parameter-count", "There is a parameter for each input that has a value in the API", "INFO-2.1")
PARAMETER_NAMES = check(
    "info-parameter-names", "Parameters have names, and say whether they have a default", "INFO-2.2"
)
RETURNS = check("info-returns", "Results have a label, a type and a component", "INFO-2.3")
EXAMPLES = check("info-examples", "Examples are of the type of their parameter", "INFO-2.4")
FILES = check("info-files", "Files are told by their type", "INFO-2.5")
ALL = check("info-all-endpoints", "The undocumented endpoints are described for those who ask", "INFO-3.1")
OPENAPI = check("info-openapi", "There is an OpenAPI document", "INFO-3.2")

_DEEPEST = 50  # types of types: no honest schema has so many, and each costs the stack

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": is_list,
    "object": is_object,
    "null": lambda value: value is None,
}


@scenario(IS_THERE, NAMES, UNNAMED, PARAMETERS, COUNT, PARAMETER_NAMES, RETURNS, EXAMPLES, FILES)
async def info_document(judge: Judge) -> None:
    """Ask for the description, and compare it with the config."""
    answer = await document(judge, "{P}/info")
    value = answer.value
    right = is_object(value) and all(is_object(value.get(key)) for key in ("named_endpoints", "unnamed_endpoints"))
    judge.that(
        IS_THERE,
        answer.status == 200 and right,
        expected="status 200, named_endpoints and unnamed_endpoints",
        got=answer.got,
        exchange=answer.exchange,
    )
    if not right or not is_object(value):
        for one in (NAMES, UNNAMED, PARAMETERS, COUNT, PARAMETER_NAMES, RETURNS, EXAMPLES, FILES):
            judge.cannot(one, "there is no description")
        return
    named: dict[str, Any] = value["named_endpoints"]
    known = {f"/{name}" for name in judge.target.endpoints}
    judge.that(NAMES, named.keys() <= known, expected="endpoints of the config", got=sorted(named.keys() - known))
    unnamed = value["unnamed_endpoints"]
    judge.that(UNNAMED, all(key.isdigit() for key in unnamed), expected="the index of each", got=sorted(unnamed))
    if not named:
        for one in (PARAMETERS, COUNT, PARAMETER_NAMES, RETURNS, EXAMPLES, FILES):
            judge.cannot(one, "no endpoint has a name")
    for name, endpoint in named.items():
        _judge_endpoint(judge, name, endpoint)


def _judge_endpoint(judge: Judge, name: str, endpoint: Any) -> None:
    parameters: Any = endpoint.get("parameters") if is_object(endpoint) else None
    returns: Any = endpoint.get("returns") if is_object(endpoint) else None
    _judge_values(judge, PARAMETERS, name, parameters)
    _judge_values(judge, RETURNS, name, returns)
    if not are_objects(parameters) or not are_objects(returns):
        for one in (COUNT, PARAMETER_NAMES, EXAMPLES, FILES):
            judge.cannot(one, f"{name} has no parameters to look at")
        return
    expected = _inputs_with_values(judge, name)
    if expected is None:
        judge.skip(COUNT, "the config does not say which components have values")
    else:
        judge.that(COUNT, len(parameters) == expected, expected=f"{expected} parameters of {name}", got=len(parameters))
    names = [parameter.get("parameter_name") for parameter in parameters]
    flags = [parameter.get("parameter_has_default") for parameter in parameters]
    judge.that(
        PARAMETER_NAMES,
        len(set(map(str, names))) == len(names)
        and all(isinstance(one, str) and one for one in names)
        and all(isinstance(flag, bool) for flag in flags),
        expected=f"a name for each parameter of {name}, once only, and whether it has a default",
        got=[names, flags],
    )
    for parameter in parameters:
        example, schema = parameter.get("example_input"), parameter.get("type")
        judge.that(EXAMPLES, _may_be(example, schema), expected=f"a value of the type {schema}", got=example)
    for value in (*parameters, *returns):
        python_type = value.get("python_type")
        is_file = is_object(python_type) and python_type.get("type") == "filepath"
        looks_so = "path" in _properties(value.get("type"))
        judge.that(
            FILES,
            looks_so if is_file else True,
            expected="a type that has path, for a filepath",
            got=value.get("type"),
        )


def _judge_values(judge: Judge, one: Check, name: str, values: Any) -> None:
    right = are_objects(values) and all(
        isinstance(value.get("label"), str)
        and "type" in value
        and isinstance(value.get("python_type"), dict)
        and isinstance(value.get("component"), str)
        for value in values
    )
    judge.that(one, right, expected=f"of {name}: objects with label, type, python_type, component", got=values)


def _inputs_with_values(judge: Judge, name: str) -> int | None:
    """How many inputs of an endpoint have a value in the API, by the config; ``None`` where it does not say."""
    components, dependencies = (judge.target.config.get(key) for key in ("components", "dependencies"))
    if not are_objects(components) or not are_objects(dependencies):
        return None
    skipped = [one.get("id") for one in components if one.get("skip_api") is True]
    if not all(isinstance(one.get("skip_api"), bool) for one in components):
        return None
    for dependency in dependencies:
        if dependency.get("api_name") == name.removeprefix("/") and is_list(dependency.get("inputs")):
            return sum(one not in skipped for one in dependency["inputs"])
    return None


def _properties(schema: Any) -> dict[str, Any]:
    found = schema.get("properties") if is_object(schema) else None
    return found if is_object(found) else {}


def _may_be(value: Any, schema: Any, depth: int = 0) -> bool:
    """Whether a value may be of a type; what is more than its kind and its choices is not looked at."""
    if not is_object(schema) or depth > _DEEPEST:
        return True
    for key in ("anyOf", "oneOf"):
        if is_list(schema.get(key)):
            return any(_may_be(value, one, depth + 1) for one in schema[key])
    if is_list(schema.get("enum")) and value not in schema["enum"]:
        return False
    kinds = schema.get("type")
    wanted = kinds if is_list(kinds) else [kinds]
    known = [kind for kind in _TYPES if kind in wanted]
    return any(_TYPES[kind](value) if kind in known else True for kind in wanted)


@scenario(ALL)
async def info_all_endpoints(judge: Judge) -> None:
    """Ask for the undocumented endpoints as well."""
    some = await document(judge, "{P}/info")
    every = await document(judge, "{P}/info", query={"all_endpoints": "true"})
    for answer in (some, every):
        right = _named_in(answer) is not None
        judge.that(ALL, right, expected="a description", got=answer.got, exchange=answer.exchange)
    names = [set(_named_in(answer) or ()) for answer in (some, every)]
    judge.that(
        ALL,
        names[0] <= names[1],
        expected=", ".join(sorted(names[0])),
        got=sorted(names[1]),
        exchange=every.exchange,
    )


def _named_in(answer: Answer) -> dict[str, Any] | None:
    named = answer.value.get("named_endpoints") if is_object(answer.value) else None
    return named if is_object(named) else None


@scenario(OPENAPI)
async def info_openapi(judge: Judge) -> None:
    """Ask for the OpenAPI document."""
    answer = await document(judge, "{P}/openapi.json")
    version = answer.value.get("openapi") if is_object(answer.value) else None
    judge.that(
        OPENAPI,
        isinstance(version, str) and version.startswith("3."),
        expected="openapi: 3.x",
        got=answer.got,
        exchange=answer.exchange,
    )
