"""Components from type hints: what a function says of its parameters and results."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Union

from ._components import CallContext, Component, checkbox, component_named, dropdown, file, json_value, number, textbox
from ._files import StoredFile
from ._steps import FakeFile, Hold, Log, Progress, Sleep

__all__ = ["NO_DEFAULT", "component_for", "element_of", "hints_of", "result_of", "results_in"]

NO_DEFAULT: Any = inspect.Parameter.empty

_STEPS = (Sleep, Progress, Log, Hold)
_KNOWN = "str, int, float, bool, list, dict, Any, Literal, an Enum, StoredFile, FakeFile, Path, or one of them | None"


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Read a function's hints; none where there are names that only its own module's readers know."""
    told = function if inspect.isroutine(function) else getattr(function, "func", type(function).__call__)
    try:
        return typing.get_type_hints(told, include_extras=True)
    except (NameError, TypeError):
        return {}


def result_of(function: Callable[..., Any], returned: Any) -> tuple[bool, Any]:
    """Say whether the function's yields are outputs, and the type of its outputs."""
    called: Any = getattr(function, "func", function)
    called = called if inspect.isroutine(called) else type(called).__call__
    arguments = typing.get_args(returned)
    if inspect.isasyncgenfunction(called):
        return True, _without_steps(arguments[0]) if arguments else Any
    if not inspect.isgeneratorfunction(called):
        return False, returned
    if typing.get_origin(returned) is Generator and arguments[2] not in (None, type(None)):
        return False, arguments[2]
    return True, _without_steps(arguments[0]) if arguments else Any


def _without_steps(kind: Any) -> Any:
    if typing.get_origin(kind) in (Union, types.UnionType):
        left = [each for each in typing.get_args(kind) if each not in _STEPS]
        return Union[tuple(left)] if left else Any
    return Any if kind in _STEPS else kind


def results_in(kind: Any) -> list[Any]:
    """Give the types of the outputs in a function's result."""
    if kind is None or kind is type(None):
        return []
    if typing.get_origin(kind) is tuple:
        return list(typing.get_args(kind))
    return [kind]


def element_of(kind: Any) -> Any:
    """Give the type of a batch's single value: that of a list's elements."""
    arguments = typing.get_args(kind)
    return arguments[0] if typing.get_origin(kind) in (list, tuple) and arguments else Any


def component_for(kind: Any, label: str, where: str, default: Any = NO_DEFAULT) -> Component:
    """Make the component of a type hint; a default is what it shows at first.

    Raises ``TypeError``, which says ``where``, for a type that has no component, and for a default of another type.
    """
    component = _component(kind, label, where)
    if default is NO_DEFAULT or default is None:
        return component
    shown = default.value if isinstance(default, enum.Enum) else default
    if component.kind == "file" or not _shows(component, shown):
        raise TypeError(f"{where}: the default {default!r:.80} is nothing that a {component.kind} can show at first")
    return replace(component, value=shown)


def _shows(component: Component, value: Any) -> bool:
    if component.kind == "dropdown":
        return [value] in [choice[1:] for choice in component.props["choices"]]
    if component.kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if component.kind == "json":
        return isinstance(value, str | int | float | list | dict | tuple)
    return isinstance(value, bool if component.kind == "checkbox" else str)


def _component(kind: Any, label: str, where: str) -> Component:
    arguments = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if origin is Annotated:
        for told in arguments[1:]:
            if isinstance(told, Component):
                return told
            if isinstance(told, str):
                return component_named(told, label)
        return _component(arguments[0], label, where)
    if origin in (Union, types.UnionType):
        members = [_component(each, label, where) for each in arguments if each is not type(None)]
        return members[0] if len(members) == 1 else json_value(label)
    if origin is Literal:
        return dropdown([choice for choice in arguments if choice is not None], label)
    if inspect.isclass(kind) and issubclass(kind, enum.Enum):
        return _enumeration(kind, label)
    simple = _SIMPLE.get(kind) if isinstance(kind, type) else None
    if simple is not None:
        return simple(label)
    whole = kind if origin is None else origin
    if whole in _ANY_JSON or (inspect.isclass(whole) and issubclass(whole, _JSON_TYPES)):
        return json_value(label)
    told = str(getattr(kind, "__name__", kind)) if origin is None else str(kind)
    raise TypeError(f"{where} is of type {told:.80}, which has no component: use {_KNOWN}, or give components")


_JSON_TYPES = (list, dict, tuple, Mapping)
_ANY_JSON = (Any, object, NO_DEFAULT, Sequence, Iterable)  # not what inherits from these: bytes are a sequence too


def _enumeration(kind: type[enum.Enum], label: str) -> Component:
    """Choose one of an enum's values; the function gets and gives its members."""
    made = dropdown([member.value for member in kind], label)

    def decode(given: Any, context: CallContext) -> Any:
        checked = made.decode(given, context)
        return None if checked is None else kind(checked)

    def encode(given: Any, _context: CallContext) -> Any:
        return given.value if isinstance(given, enum.Enum) else given

    return replace(made, decode=decode, encode=encode)


def _path(label: str) -> Component:
    """A file of which the function gets the path, and gives the path of one that it wrote itself."""
    made = file(label)

    def decode(given: Any, context: CallContext) -> Path | None:
        stored = made.decode(given, context)
        if stored is None:
            return None
        path = Path(stored.path)
        if not path.is_file():
            raise ValueError("this fake server keeps its files in memory, where they have no Path: use StoredFile")
        return path

    return replace(made, decode=decode)


_SIMPLE: Mapping[type, Callable[[str], Component]] = {
    str: textbox,
    int: number,
    float: number,
    bool: checkbox,
    StoredFile: file,
    FakeFile: file,
    Path: _path,
    PurePath: _path,
}
