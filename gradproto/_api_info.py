"""The endpoints of an app, ready to be called: the config and the API description joined.

An endpoint's ``data`` list has one place for each input component of its function. The API description leaves out those
that a caller does not fill (State, buttons), so the two are matched by walking the inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import cast

from ._config import Component, Config, Dependency, Visibility
from ._errors import ArgumentError, EndpointNotFoundError
from ._files import PayloadStyle
from ._info import (
    ApiInfo,
    EndpointInfo,
    Parameter,
    Return,
    build_api_info,
    build_endpoint_info,
    parse_api_info,
)
from ._json import JSONValue
from ._old_components import old_file_kind, old_may_hold_file, takes_data_urls
from ._record import field, record, replace
from ._schema import FileKind, SchemaChoices, choices, file_kind, may_hold_file

__all__ = [
    "ApiInfo",
    "Endpoint",
    "Endpoints",
    "InputSlot",
    "OutputSlot",
    "Parameter",
    "Return",
    "build_api_info",
    "nearest",
    "parse_api_info",
]

_LISTED = 20  # endpoints named in an error text


@record(frozen=True, slots=True, kw_only=True)
class InputSlot:
    """One place of the ``data`` list.

    Without a ``parameter`` the place is State or something else that a caller does not fill, and ``fill`` goes there.
    ``choices`` are the values that the server is certain to insist on. ``wants_props`` says that the server wants the
    component's whole properties, with the value among them.
    """

    component: Component | None
    parameter: Parameter | None
    fill: JSONValue = field(default=None, repr=False)
    file_kind: FileKind | None = None
    choices: SchemaChoices | None = None
    wants_props: bool = False


@record(frozen=True, slots=True, kw_only=True)
class OutputSlot:
    """One place of a result; ``position`` is that in the server's list. Only those that a caller sees are kept."""

    position: int
    component: Component | None
    may_hold_file: bool


@record(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A function of the app that can be called.

    ``api_name`` has its leading slash; it is ``None`` for a function that has only its ``fn_index``. ``inputs`` has one
    slot for each place of the ``data`` list, ``outputs`` one for each value that a caller sees. ``queued`` says whether
    calls go through the queue; ``has_state`` whether the function uses the session's State, or what was
    rendered for it. ``is_generator`` is whether
    the server says that there may be several outputs; ``may_generate`` also where it does not say (before 3.20).
    ``payload`` is how files stand in its values: that of the server, but ``"inline"`` instead of ``"named"`` where an
    input takes nothing else, as images do up to 3.50; the other files of such a call are then inline too.
    """

    fn_index: int
    api_name: str | None
    visibility: Visibility
    parameters: tuple[Parameter, ...]
    returns: tuple[Return, ...]
    description: str | None
    inputs: tuple[InputSlot, ...] = field(repr=False)
    outputs: tuple[OutputSlot, ...] = field(repr=False)
    is_generator: bool
    has_state: bool
    queued: bool
    oauth_token: str | None
    dependency: Dependency = field(repr=False)
    payload: PayloadStyle = "meta"

    @property
    def may_generate(self) -> bool:
        """Whether there may be several outputs."""
        return self.dependency.is_generator is not False

    @property
    def label(self) -> str:
        """What to call the endpoint in a text: its name, or its index where it has none."""
        return _label(self.dependency)


class Endpoints(Mapping[int, Endpoint]):
    """The endpoints that may be called, by their ``fn_index``, in the app's order; private ones are not among them."""

    def __init__(self, config: Config, info: ApiInfo, payload: PayloadStyle = "meta") -> None:
        self.info = info
        self.payload: PayloadStyle = payload
        self._config = config
        functions = [dependency for dependency in config.dependencies if dependency.backend_fn]
        self._dynamic = {number for dependency in functions for number in dependency.outputs}
        self._functions: dict[int, Dependency] = {}
        self._by_name: dict[str, int] = {}
        for dependency in functions:
            if dependency.visibility == "private" or dependency.id in self._functions:
                continue
            self._functions[dependency.id] = dependency
            if dependency.api_name is not None:
                self._by_name.setdefault("/" + dependency.api_name, dependency.id)
        # Made when they are asked for: of an app's many endpoints, a program calls a few.
        self._made: dict[int, Endpoint] = {}

    def __getitem__(self, fn_index: int) -> Endpoint:
        endpoint = self._made.get(fn_index)
        if endpoint is None:
            endpoint = _make_endpoint(self._config, self.info, self._functions[fn_index], self._dynamic, self.payload)
            self._made[fn_index] = endpoint
        return endpoint

    def __iter__(self) -> Iterator[int]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def __repr__(self) -> str:
        return f"<Endpoints {', '.join(map(_label, self._functions.values()))}>"

    @property
    def have_state(self) -> bool:
        """Whether any of them uses the session's State."""
        return any(_has_state(self._config, dependency) for dependency in self._functions.values())

    def has_name(self, api_name: str) -> bool:
        """Whether there is an endpoint of that name, which begins with a slash."""
        return api_name in self._by_name

    def resolve(self, api_name: str | None = None, fn_index: int | None = None) -> Endpoint:
        """Return the endpoint of that name, or else of that index, or else the only public one.

        Raises ``EndpointNotFoundError``, which lists what there is.
        """
        if not isinstance(cast(object, api_name), (str, NoneType)):
            raise ArgumentError(f"`api_name` is of type {type(cast(object, api_name)).__name__}, not a string")
        if not isinstance(cast(object, fn_index), (int, NoneType)):
            raise ArgumentError(f"`fn_index` is of type {type(cast(object, fn_index)).__name__}, not a number")
        if api_name is not None:
            named = self._by_name.get(api_name)
            if named is None:
                raise self._no_such_name(api_name)
            return self[named]
        if fn_index is not None:
            if fn_index not in self._functions:
                raise EndpointNotFoundError(f"Invalid function index: {fn_index}.", hint=self._list())
            return self[fn_index]
        public = [index for index in self._by_name.values() if self._functions[index].visibility == "public"]
        if len(public) != 1:
            raise EndpointNotFoundError(
                "This Gradio app might have multiple endpoints. Please specify an `api_name` or `fn_index`",
                hint=self._list(),
            )
        return self[public[0]]

    def _no_such_name(self, api_name: str) -> EndpointNotFoundError:
        message = f"Cannot find a function with `api_name`: {api_name}."
        if not api_name.startswith("/"):
            message += " Did you mean to use a leading slash?"
        names = [name for name, index in self._by_name.items() if self._functions[index].visibility == "public"]
        near = nearest("/" + api_name.lstrip("/"), names)
        guess = f"did you mean {near!r}? " if near else ""
        return EndpointNotFoundError(message, hint=guess + self._list())

    def _list(self) -> str:
        public = [dependency for dependency in self._functions.values() if dependency.visibility == "public"]
        if not public:
            return "the app has no public endpoints"
        shown = ", ".join(repr(_label(one)) if one.api_name else _label(one) for one in public[:_LISTED])
        more = f" and {len(public) - _LISTED} more" if len(public) > _LISTED else ""
        return f"the app has {shown}{more}"


def _label(dependency: Dependency) -> str:
    return f"fn_index {dependency.id}" if dependency.api_name is None else "/" + dependency.api_name


def _has_state(config: Config, dependency: Dependency) -> bool:
    """Whether calls belong to the conversation: they use its State, or make or use what gr.render made for it."""
    if dependency.rendered_in is not None:
        return True
    used = map(config.components.get, (*dependency.inputs, *dependency.outputs))
    # Only a gr.render function puts out a column.
    return any(component is not None and (component.is_state or component.type == "column") for component in used)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that was probably meant by ``name``, if any is near."""
    import difflib  # rarely needed, and slow to load

    return next(iter(difflib.get_close_matches(name[:80], list(names), n=1)), None)


def _make_endpoint(
    config: Config, info: ApiInfo, dependency: Dependency, dynamic: set[int], payload: PayloadStyle
) -> Endpoint:
    api_name = None if dependency.api_name is None else "/" + dependency.api_name
    described = _describe(config, info, dependency, api_name)
    parameters = iter(described.parameters)
    inputs: list[InputSlot] = []
    for position, number in enumerate(dependency.inputs):
        component = config.components.get(number)
        parameter = next(parameters) if component is None or not component.skip_api else None
        slot = _make_input(component, parameter, described.says_defaults, number in dynamic, payload)
        inputs.append(replace(slot, wants_props=True) if position in dependency.component_props else slot)
    outputs = [(position, config.components.get(number)) for position, number in enumerate(dependency.outputs)]
    return Endpoint(
        fn_index=dependency.id,
        api_name=api_name,
        visibility=dependency.visibility,
        parameters=tuple(slot.parameter for slot in inputs if slot.parameter is not None),
        returns=described.returns,
        description=described.description,
        inputs=tuple(inputs),
        outputs=tuple(
            OutputSlot(
                position=position,
                component=component,
                may_hold_file=component is None or _may_hold_file(component, payload),
            )
            for position, component in outputs
            if component is None or not component.skip_api
        ),
        is_generator=dependency.is_generator is True,
        has_state=_has_state(config, dependency),
        queued=config.enable_queue and dependency.queue is not False,
        oauth_token=described.oauth_token,
        dependency=dependency,
        payload="inline" if payload == "named" and _takes_data_urls(inputs) else payload,
    )


def _takes_data_urls(inputs: list[InputSlot]) -> bool:
    return any(slot.component is not None and takes_data_urls(slot.component.type) for slot in inputs)


def _may_hold_file(component: Component, payload: PayloadStyle) -> bool:
    if payload in ("inline", "named"):
        return old_may_hold_file(component.type)
    # Where a file is known by its keys alone, any JSON of the app's own could be taken for one.
    return not (payload == "path" and component.type == "json") and may_hold_file(component.output_schema)


def _describe(config: Config, info: ApiInfo, dependency: Dependency, api_name: str | None) -> EndpointInfo:
    """Return the server's description if it fits the inputs of the function, else one made from the config."""
    described = info.unnamed.get(dependency.id) if api_name is None else info.named.get(api_name)
    components = map(config.components.get, dependency.inputs)
    visible = sum(component is None or not component.skip_api for component in components)
    if described is None or len(described.parameters) != visible:
        return build_endpoint_info(config, dependency)
    return described


def _make_input(
    component: Component | None,
    parameter: Parameter | None,
    says_defaults: bool,
    dynamic: bool,
    payload: PayloadStyle,
) -> InputSlot:
    if parameter is None:
        # A page would send a button's text. State is the server's own; it ignores what is sent.
        own = None if component is None or component.is_state else component.props.get("value")
        return InputSlot(component=component, parameter=None, fill=own)
    if component is not None and not says_defaults:  # before Gradio 4.23
        default = component.default
        parameter = replace(parameter, has_default=default is not None, default=default)
    if payload in ("inline", "named"):
        # The descriptions of that time call a file a text, and no server of that time insists on choices.
        kind = None if component is None else old_file_kind(component.type, component.props)
        return InputSlot(component=component, parameter=parameter, file_kind=kind)
    # A list of choices binds only where the server keeps to it: a dropdown may allow other values, and a component that
    # some function puts out may have got other choices since the config was made.
    binding = not dynamic and (component is None or component.props.get("allow_custom_value") is not True)
    if payload == "path":  # of these only a dropdown insisted on its choices
        binding = binding and component is not None and component.type == "dropdown"
    return InputSlot(
        component=component,
        parameter=parameter,
        file_kind=file_kind(parameter.type, parameter.python_type),
        choices=choices(parameter.type) if binding else None,
    )
