"""The description of an app's API: what ``/info`` says, or the same made from the config where there is none.

Gradio: ``get_api_info`` in ``gradio/blocks.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ._config import Component, Config, Dependency, Visibility
from ._errors import UnsupportedServerError
from ._fields import FieldError, Fields
from ._json import JSONValue, loads
from ._record import field, record
from ._schema import python_type
from ._urls import redact_url

__all__ = [
    "ApiInfo",
    "EndpointInfo",
    "Parameter",
    "Return",
    "build_api_info",
    "build_endpoint_info",
    "parse_api_info",
    "sanitize_parameter_name",
]


@record(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an endpoint.

    ``name`` is what it is called in a keyword argument, ``type`` its JSON Schema, ``python_type`` the same in words,
    ``component`` the kind of component. ``default`` is meaningful only where ``has_default``.
    """

    name: str
    label: str
    has_default: bool = False
    default: JSONValue = None
    type: JSONValue = field(default=None, repr=False)
    python_type: str = ""
    description: str = ""
    component: str = ""
    example_input: JSONValue = field(default=None, repr=False)


@record(frozen=True, slots=True, kw_only=True)
class Return:
    """One value that an endpoint gives back."""

    label: str
    type: JSONValue = field(default=None, repr=False)
    python_type: str = ""
    description: str = ""
    component: str = ""


@record(frozen=True, slots=True, kw_only=True)
class EndpointInfo:
    """What the API description says about one endpoint.

    ``says_defaults`` is whether it says which parameters have one (since Gradio 4.23). ``oauth_token`` is
    ``"required"`` or ``"optional"`` where the endpoint acts with the caller's Hugging Face token. ``raw`` must not be
    changed.
    """

    parameters: tuple[Parameter, ...]
    returns: tuple[Return, ...]
    description: str | None
    visibility: Visibility
    says_defaults: bool
    oauth_token: str | None
    raw: Mapping[str, JSONValue] = field(repr=False)


@record(frozen=True, slots=True, kw_only=True)
class ApiInfo:
    """The API description of an app: endpoints by their names (with the slash), those without by their ``fn_index``."""

    named: Mapping[str, EndpointInfo]
    unnamed: Mapping[int, EndpointInfo]


def parse_api_info(body: bytes, *, url: str) -> ApiInfo:
    """Return the API description in a response from ``url``; raise ``UnsupportedServerError`` where it is none."""
    try:
        fields = Fields(loads(body))
        return ApiInfo(
            named={name: _read_endpoint(item) for name, item in fields.named("named_endpoints").items()},
            unnamed={
                _as_index(name, fields.path): _read_endpoint(item)
                for name, item in fields.named("unnamed_endpoints").items()
            },
        )
    except FieldError as error:
        why = str(error)
    except ValueError:
        why = f"it is no JSON: {body[:80].decode(errors='replace')!r}"
    raise UnsupportedServerError(f"the API description from {redact_url(url)} cannot be used: {why}")


def _as_index(name: str, path: str) -> int:
    if name.isascii() and name.isdigit() and len(name) < 20:
        return int(name)
    raise FieldError(f"{path}.unnamed_endpoints has the key {name[:80]!r}, where a number belongs")


def _read_endpoint(fields: Fields) -> EndpointInfo:
    parameters = fields.objects("parameters")
    names = _unique(item.text("parameter_name") or item.text("label") or "" for item in parameters)
    return EndpointInfo(
        parameters=tuple(map(_read_parameter, parameters, names)),
        returns=tuple(map(_read_return, fields.objects("returns"))),
        description=fields.text("description"),
        visibility=_read_visibility(fields),
        says_defaults=all("parameter_has_default" in item.raw for item in parameters),
        oauth_token=fields.text("oauth_token"),
        raw=fields.raw,
    )


def _read_visibility(fields: Fields) -> Visibility:
    word = fields.text("api_visibility")
    if word == "private":
        return "private"
    hidden = word != "public" if word is not None else fields.flag("show_api") is False
    return "undocumented" if hidden else "public"


def _read_parameter(fields: Fields, name: str) -> Parameter:
    words = _read_words(fields)
    return Parameter(
        name=fields.text("parameter_name") or name,
        label=fields.text("label") or "",
        has_default=fields.flag("parameter_has_default") or False,
        default=fields.raw.get("parameter_default"),
        type=fields.raw.get("type"),
        python_type=words.text("type") or "",
        description=words.text("description") or "",
        component=fields.text("component") or "",
        example_input=fields.raw.get("example_input"),
    )


def _read_return(fields: Fields) -> Return:
    words = _read_words(fields)
    return Return(
        label=fields.text("label") or "",
        type=fields.raw.get("type"),
        python_type=words.text("type") or "",
        description=words.text("description") or "",
        component=fields.text("component") or "",
    )


def _read_words(fields: Fields) -> Fields:
    return Fields(fields.mapping("python_type"), f"{fields.path}.python_type")


def build_api_info(config: Config) -> ApiInfo:
    """Return the API description that the config gives away, for servers that have no ``/info``.

    The names of a function's parameters are not in the config; the labels of the components stand for them.
    """
    named: dict[str, EndpointInfo] = {}
    unnamed: dict[int, EndpointInfo] = {}
    for dependency in config.dependencies:
        if not dependency.backend_fn or dependency.visibility != "public":
            continue
        info = build_endpoint_info(config, dependency)
        if dependency.api_name is None:
            unnamed[dependency.id] = info
        else:
            named.setdefault("/" + dependency.api_name, info)
    return ApiInfo(named=named, unnamed=unnamed)


def build_endpoint_info(config: Config, dependency: Dependency) -> EndpointInfo:
    """Return the description of one function, made from the config."""
    inputs = _visible(config, dependency.inputs)
    names = _unique(_label(component, number, "parameter") for number, component in inputs)
    parameters: list[JSONValue] = [
        _describe_parameter(component, number, name) for (number, component), name in zip(inputs, names, strict=True)
    ]
    outputs = _visible(config, dependency.outputs)
    returns: list[JSONValue] = [_describe_return(component, number) for number, component in outputs]
    raw: dict[str, JSONValue] = {
        "parameters": parameters,
        "returns": returns,
        "description": dependency.description or "",
        "api_visibility": dependency.visibility,
    }
    return _read_endpoint(Fields(raw))


def _visible(config: Config, numbers: tuple[int, ...]) -> list[tuple[int, Component | None]]:
    """Return the components that a caller sees; ``None`` for one that the config does not have (of another page)."""
    found = [(number, config.components.get(number)) for number in numbers]
    return [(number, component) for number, component in found if component is None or not component.skip_api]


def _label(component: Component | None, number: int, what: str) -> str:
    label = component.label if component is not None else None
    return label or f"{what}_{number}"


def _describe_parameter(component: Component | None, number: int, name: str) -> dict[str, JSONValue]:
    schema = component.input_schema if component is not None else None
    default = component.default if component is not None else None
    described = _describe(component, number, "parameter", schema, "additional_description")
    described["parameter_name"] = name
    described["parameter_has_default"] = default is not None
    described["parameter_default"] = default
    described["example_input"] = component.example if component is not None else None
    return described


def _describe_return(component: Component | None, number: int) -> dict[str, JSONValue]:
    schema = component.output_schema if component is not None else None
    return _describe(component, number, "value", schema, "description")


def _describe(
    component: Component | None, number: int, what: str, schema: JSONValue, description_key: str
) -> dict[str, JSONValue]:
    schema = schema if isinstance(schema, dict) else {}
    description = schema.get(description_key)
    return {
        "label": _label(component, number, what),
        "type": schema,
        "python_type": {
            "type": python_type(schema),
            "description": description if isinstance(description, str) else "",
        },
        "component": component.type.capitalize() if component is not None else "",
    }


def sanitize_parameter_name(name: str) -> str:
    """Return a label as a name: letters, digits and underscores, in lower case, spaces as underscores."""
    return "".join(char for char in name if char.isalnum() or char in " _").replace(" ", "_").lower()


def _unique(labels: Iterable[str]) -> list[str]:
    """Return a name for each label, no two the same."""
    names: list[str] = []
    for index, label in enumerate(labels):
        base = sanitize_parameter_name(label) or f"param_{index}"
        name, count = base, 1
        while name in names:
            name, count = f"{base}_{count}", count + 1
        names.append(name)
    return names
