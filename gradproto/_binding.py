"""From a call's arguments to the ``data`` list that an endpoint takes.

What is checked here is only what the server is certain to refuse, or to make nonsense of: a refusal that the server
would not have made is worse than an answer that takes a moment longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from ._api_info import Endpoint, Endpoints, InputSlot, nearest
from ._errors import ArgumentError
from ._files import FileData
from ._json import JSONValue, dumps
from ._payload import ServerValue, is_content
from ._schema import scalar_type

__all__ = ["bind_arguments", "encode_arguments", "split_call"]

_SHOWN = 20  # choices or parameters listed in an error text

# Components whose values are what their schemas say. Others, above all those that people write themselves, say "string"
# and take anything.
_PLAIN_COMPONENTS = frozenset(
    {"api", "checkbox", "colorpicker", "dropdown", "number", "radio", "slider", "textbox", "timer"}
)

_MISSING = object()


def split_call(
    args: Sequence[object],
    kwargs: Mapping[str, object],
    endpoints: Endpoints,
    api_name: str | None,
    fn_index: int | None,
) -> tuple[str | None, Sequence[object], Mapping[str, object]]:
    """Return endpoint name, positional and keyword arguments of a call, perhaps in the form of the JavaScript client.

    That form is ``predict("/add", [1, 2])`` or ``predict("/add", {"a": 1, "b": 2})``: an endpoint that there is, one
    list or dictionary, and nothing else.
    """
    if api_name is not None or fn_index is not None or kwargs or len(args) != 2:
        return api_name, args, kwargs
    name, values = args
    if not isinstance(name, str) or not endpoints.has_name(name):
        return api_name, args, kwargs
    if isinstance(values, (list, tuple)):
        return name, cast("Sequence[object]", values), {}
    if isinstance(values, dict) and all(isinstance(key, str) for key in cast("dict[object, object]", values)):
        return name, (), cast("dict[str, object]", values)
    return api_name, args, kwargs


def bind_arguments(endpoint: Endpoint, args: Sequence[object], kwargs: Mapping[str, object]) -> list[object]:
    """Return one value for each place of the endpoint's ``data`` list: what was given, defaults, ``None`` for State.

    Raises ``ArgumentError`` where an argument is missing, unknown, given twice, or certain to be refused. A default
    that could be taken for a path of this machine is a `ServerValue`.
    """
    values = _match(endpoint, args, kwargs)
    data: list[object] = []
    index = 0
    for slot in endpoint.inputs:
        parameter = slot.parameter
        if parameter is None:
            data.append(slot.fill)
            continue
        value = values[index]
        index += 1
        if value is _MISSING:
            if not parameter.has_default:
                raise ArgumentError(
                    f"No value provided for required argument: {parameter.name}", hint=_signature(endpoint)
                )
            value = parameter.default
            if slot.file_kind is not None and isinstance(value, (str, list)) and not slot.wants_props:
                value = ServerValue(value)
        else:
            _check(value, slot, parameter.name)
        data.append(_with_props(value, slot) if slot.wants_props else value)
    return data


def _match(endpoint: Endpoint, args: Sequence[object], kwargs: Mapping[str, object]) -> list[object]:
    """Return one value or `_MISSING` for each parameter."""
    count = len(endpoint.parameters)
    if len(args) > count:
        takes = "no arguments" if not count else "1 argument" if count == 1 else f"{count} arguments"
        raise ArgumentError(f"{endpoint.label} takes {takes}, but {len(args)} were given", hint=_signature(endpoint))
    values = [*args, *[_MISSING] * (count - len(args))]
    names = {parameter.name: index for index, parameter in enumerate(endpoint.parameters)} if kwargs else {}
    for name, value in kwargs.items():
        if not isinstance(cast(object, name), str):
            raise ArgumentError(f"the name of an argument is {name!r:.80}, and no string", hint=_signature(endpoint))
        index = names.get(name)
        if index is None:
            near = nearest(name, names)
            guess = f"did you mean `{near}`? " if near else ""
            raise ArgumentError(
                f"Parameter `{name[:80]}` is not a valid key-word argument.", hint=guess + _signature(endpoint)
            )
        if index < len(args):
            raise ArgumentError(f"Parameter `{name}` is already set as a positional argument.")
        values[index] = value
    return values


def _signature(endpoint: Endpoint) -> str:
    names = [parameter.name for parameter in endpoint.parameters]
    more = ", ..." if len(names) > _SHOWN else ""
    return f"the endpoint is {endpoint.label}({', '.join(names[:_SHOWN])}{more})"


def _with_props(value: object, slot: InputSlot) -> object:
    """Return the whole properties of the component around the value, as Gradio 6's own page sends them."""
    if slot.component is None or _has_value(value):
        return value
    wrapped: dict[str, object] = {**slot.component.props, "value": value}
    return wrapped


def _has_value(value: object) -> bool:
    return isinstance(value, dict) and "value" in value


def _check(value: object, slot: InputSlot, name: str) -> None:
    if value is None:
        return
    if slot.choices is not None:
        _check_choice(value, slot.choices, name)
    elif slot.file_kind is not None:
        if isinstance(value, (int, float)):
            raise ArgumentError(f"Parameter `{name}` is a file, not {value!r}", hint="give a path, or its bytes")
    elif slot.component is not None and slot.component.type in _PLAIN_COMPONENTS and slot.parameter is not None:
        _check_scalar(value, slot.parameter.type, name)


def _check_choice(value: object, choices: tuple[list[JSONValue], bool], name: str) -> None:
    options, several = choices
    given: list[object] = [value]
    if isinstance(value, (list, tuple)):
        if not several:
            return
        given = list(cast("Sequence[object]", value))
    for item in given:
        # Objects of other libraries may answer a comparison with anything; the server sees them only if they are JSON.
        if isinstance(item, (str, int, float)) and item not in options:
            shown = ", ".join(repr(option)[:80] for option in options[:_SHOWN])
            more = ", ..." if len(options) > _SHOWN else ""
            raise ArgumentError(f"{item!r:.80} is not one of the choices of parameter `{name}`: {shown}{more}")


def _check_scalar(value: object, schema: JSONValue, name: str) -> None:
    wanted = scalar_type(schema)
    if wanted is None:
        return
    if isinstance(value, (dict, list, tuple)):
        kind = type(cast(object, value)).__name__
        raise ArgumentError(f"Parameter `{name}` is a {wanted}, not a {kind}")
    if isinstance(value, FileData) or is_content(value):
        raise ArgumentError(f"Parameter `{name}` is a {wanted}, not a file ({type(value).__name__})")
    if isinstance(value, str) and (wanted == "boolean" or (wanted == "number" and not _is_number(value))):
        raise ArgumentError(f"Parameter `{name}` is a {wanted}, not {value[:80]!r}")


def encode_arguments(endpoint: Endpoint, data: list[JSONValue]) -> bytes:
    """Return the arguments as JSON; raises `ArgumentError`, which names the parameter, for what JSON cannot carry."""
    encoded: list[bytes] = []
    for value, slot in zip(data, endpoint.inputs, strict=True):
        try:
            encoded.append(dumps(value))
        except ArgumentError as error:
            name = slot.parameter.name if slot.parameter is not None else ""
            raise ArgumentError(f"Parameter `{name}`: {error.message}") from error
    return b"[%b]" % b",".join(encoded)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
