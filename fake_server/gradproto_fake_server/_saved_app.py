"""An app from a real one's saved documents: it serves them as they are, and answers as its Gradio does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ._app import FakeApp
from ._components import Component
from ._endpoints import Endpoint, Visibility
from ._hints import result_of
from ._json import is_list, is_object
from ._profiles import Profile, nearest_profile
from ._saved_documents import (
    Document,
    SavedFunction,
    SavedPart,
    functions_in,
    parts_in,
    read_config,
    read_info,
    version_of,
)
from ._saved_values import decode, default_value, encode

__all__ = ["SavedApp"]

F = TypeVar("F", bound=Callable[..., Any])


class SavedApp(FakeApp):
    """A :class:`FakeApp` that was a real app: what its ``/config`` and ``/info`` say is what they said there.

    Its endpoints answer with something empty of each output's type: a component's first choice, its minimum, ``""``,
    ``0``, ``False``, ``[]``, ``{}``, a small file. :meth:`implement` puts a function behind one, and :meth:`script`
    says what its next events say.
    """

    def __init__(self, config: Document, info: Document | None = None, **options: Any) -> None:
        """Make an app of saved documents: dictionaries, or the JSON files or the HTML page that hold them.

        Its version is that of the config; the nearest one that is known if it is newer or nobody knows it. Without
        ``info`` it is made from the config. ``options`` are those of :class:`FakeApp`, without the version.

        Raises ``ValueError`` for documents that cannot be used, with the place where that shows.
        """
        self._saved_config = read_config(config)
        document = self._saved_config
        self._saved_info = read_info(info, config)
        self._by_id: dict[int, Endpoint] = {}
        queue = document.get("queue" if "input_components" in document else "enable_queue")
        if "protocol" not in document and queue is not True:
            options.setdefault("enable_queue", False)
        size = document.get("max_file_size")
        options.setdefault("max_file_size", size if isinstance(size, int) else None)
        options.setdefault("show_error", document.get("show_error") is True)
        options.setdefault("title", str(document.get("title") or "Gradio"))
        super().__init__(version_of(document), **options)
        if isinstance(app_id := document.get("app_id"), int):
            self.app_id = app_id
        space_id = document.get("space_id")
        self.space_id: str | None = space_id if isinstance(space_id, str) else None
        parts = parts_in(document)
        functions = functions_in(document, parts)
        if "dependencies" not in document:
            parts, functions = _interface(document)
        components = {part.id: _component(part) for part in parts.values()}
        for function in functions:
            self._add_saved(function, parts, components)

    def _profile(self, gradio_version: str) -> Profile:
        prefix = self._saved_config.get("api_prefix")
        profile = nearest_profile(gradio_version)
        return replace(profile, api_prefix=prefix.rstrip("/")) if isinstance(prefix, str) else profile

    def _add_saved(
        self, function: SavedFunction, parts: Mapping[int, SavedPart], components: Mapping[int, Component]
    ) -> None:
        about = function.about
        name = function.name
        if name is None or name in self._by_name:
            name = f"fn_{function.id}"  # a name for tests; clients do without one
        types = about.get("types")
        cancels = about.get("cancels")
        time_limit = about.get("time_limit")
        told = self._parameters_of(function)
        inputs = [components[identity] for identity in function.inputs]
        outputs = [parts[identity] for identity in function.outputs]
        names, none_defaults = _names(inputs, told)
        endpoint = Endpoint(
            index=function.id,
            name=name,
            function=_answering(outputs, has_backend=function.has_backend),
            inputs=tuple(inputs),
            outputs=tuple(components[identity] for identity in function.outputs),
            parameter_names=names,
            none_defaults=none_defaults,
            generates=False,
            queue=about.get("queue") is not False,
            concurrency_id=f"{name}#{function.id}",
            visibility=_visibility(function),
            batch=about.get("batch") is True and self.profile.batches != "absent",
            max_batch_size=_size(about.get("max_batch_size")),
            streaming=about.get("connection") == "stream" and "stream" in self.profile.routes,
            time_limit=float(time_limit) if isinstance(time_limit, int | float) and time_limit > 0 else None,
            cancels=tuple(each for each in cancels if isinstance(each, int)) if is_list(cancels) else (),
        )
        if is_object(types) and types.get("generator") is True and not endpoint.batch and not endpoint.streaming:
            endpoint.generates = self.profile.generators and function.has_backend
        if endpoint.generates:
            endpoint.function = _yielding(endpoint.function)
        if endpoint.batch:
            endpoint.function = _answering(outputs, has_backend=function.has_backend, batch=True)
        self.endpoints.append(endpoint)
        self._by_name[name] = endpoint
        self._by_id[function.id] = endpoint

    def _parameters_of(self, function: SavedFunction) -> list[Any]:
        endpoints = (self._saved_info or {}).get("named_endpoints", {})
        about = endpoints.get(f"/{function.name}")
        parameters = about.get("parameters") if is_object(about) else None
        return parameters if is_list(parameters) else []

    def endpoint(self, name: str, **options: Any) -> Callable[[F], F]:
        """A saved app has the endpoints of its documents: raises ``ValueError``; :meth:`implement` is meant."""
        raise ValueError(f"a saved app has the endpoints of its documents: use implement({name!r:.80})")

    def implement(self, name: str) -> Callable[[F], F]:
        """Let the decorated function answer the calls of an endpoint, in place of something empty.

        It gets the values as JSON, with a :class:`StoredFile` for each file, and a State's value; it gives JSON, with a
        :class:`FakeFile` or :class:`StoredFile` for a file. It may be a generator or async, as other endpoints' are.

        Raises ``LookupError`` for an endpoint that there is not, with those that there are.
        """
        endpoint = self.find_endpoint(name)
        if endpoint is None:
            known = ", ".join(f"/{each}" for each in self._by_name)
            raise LookupError(f"no endpoint {name!r:.80}: there are {known or 'none'}")

        def put(function: F) -> F:
            endpoint.function = function
            endpoint.generates = result_of(function, Any)[0]
            return function

        return put

    def endpoint_at(self, index: object) -> Endpoint | None:
        """Find an endpoint by its ``fn_index``, which is its id in the config."""
        if type(index) is int and index in self._by_id:
            return self._by_id[index]
        return super().endpoint_at(index) if index is None or index == -1 else None

    def endpoint_called(self, name: str) -> Endpoint | None:
        """Find an endpoint for a route with its name in it."""
        endpoint = super().endpoint_called(name)
        unnamed = endpoint is not None and endpoint.name == f"fn_{endpoint.index}"
        return None if unnamed else endpoint

    def _config(self, root: str, user: str | None) -> dict[str, Any]:
        return self._saved_config

    def _info(self, root: str, *, all_endpoints: bool, simple: bool = True) -> dict[str, Any]:
        if self._saved_info is not None:
            return self._saved_info
        return super()._info(root, all_endpoints=all_endpoints, simple=simple)


def _visibility(function: SavedFunction) -> Visibility:
    if function.visibility == "private" or function.name is None:
        return "private"
    return "undocumented" if function.visibility == "undocumented" else "public"


def _size(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 4


def _names(inputs: list[Component], told: list[Any]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Give the names of all inputs, and which of those that clients name have ``None`` as their default."""
    names: list[str] = []
    none_defaults: set[str] = set()
    parameters = iter(told)
    for place, component in enumerate(inputs):
        parameter = None if component.skip_api else next(parameters, None)
        name = parameter.get("parameter_name") if is_object(parameter) else None
        names.append(name if isinstance(name, str) else f"param_{place}")
        if is_object(parameter) and parameter.get("parameter_has_default"):
            none_defaults.add(names[-1])
    return tuple(names), frozenset(none_defaults)


def _component(part: SavedPart) -> Component:
    label = part.props.get("label")
    return Component(
        kind="state" if part.is_state else part.kind,
        title=part.kind.capitalize(),
        label=label if isinstance(label, str) else None,
        value=part.props.get("value"),
        props=part.props,
        skip_api=part.skip_api,
        sent_whole=part.kind == "json",
        schema=part.schema if is_object(part.schema) else None,
        example=part.example,
        decode=decode,
        encode=encode,
    )


def _answering(outputs: list[SavedPart], *, has_backend: bool, batch: bool = False) -> Callable[..., Any]:
    def answer(*inputs: Any) -> Any:
        if not has_backend:
            raise ValueError("function has no backend method.")
        values = [default_value(part) for part in outputs]
        if batch:
            return [[value] * len(inputs[0]) for value in values] if inputs else [[value] for value in values]
        return values[0] if len(values) == 1 else values

    return answer


def _yielding(answer: Callable[..., Any]) -> Callable[..., Any]:
    def answers(*inputs: Any) -> Any:
        yield answer(*inputs)

    return answers


def _interface(document: Mapping[str, Any]) -> tuple[dict[int, SavedPart], list[SavedFunction]]:
    """Put the config of Gradio 2 into the words of the later ones: one function, and components without ids."""
    parts: dict[int, SavedPart] = {}
    ids: list[tuple[int, ...]] = []
    for name in ("input_components", "output_components"):
        items = document.get(name)
        if not is_list(items) or not all(is_object(item) and isinstance(item.get("name"), str) for item in items):
            raise ValueError(f"the config's {name!r} is no list of components with a 'name'")
        first = len(parts)
        for item in items:
            kind = item["name"]
            parts[len(parts)] = SavedPart(
                id=len(parts),
                kind=kind,
                props={**item, "value": item.get("default")},
                is_state=kind == "state",
                skip_api=kind == "state",
                schema=None,
                example=None,
            )
        ids.append(tuple(range(first, len(parts))))
    about = {"queue": document.get("queue")}
    function = SavedFunction(
        id=0, name="predict", visibility="public", has_backend=True, inputs=ids[0], outputs=ids[1], about=about
    )
    return parts, [function]
