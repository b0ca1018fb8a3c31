"""What a typed module is made of: the description of an app's API, as little of it as the module depends on.

The same description stands in the module as JSON in comments. It is read back from there to see what has drifted.
"""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, Literal, get_args

from gradproto import Endpoint, Endpoints, JSONValue, Parameter, __version__
from gradproto._fields import FieldError, Fields
from gradproto._json import loads
from gradproto._record import field, record
from gradproto._urls import redact_url

from ._codegen_types import fits, input_types, join_types, output_types

__all__ = [
    "STYLES",
    "AppDescription",
    "DescribedEndpoint",
    "DescribedParameter",
    "DescribedReturn",
    "Files",
    "Style",
    "describe_app",
    "description_lines",
    "read_description",
]

Style = Literal["sync", "asyncio", "trio"]
Files = Literal["paths", "remote"]
DefaultKind = Literal["required", "literal", "server"]

STYLES: Final[tuple[Style, ...]] = get_args(Style)

_FORMAT = 1
_APP_MARK = "# gradproto-codegen: "
_ENDPOINT_MARK = "# gradproto-endpoint: "
_TEXT_LIMIT = 4000  # characters of one description: more is a manual
_DEFAULT_LIMIT = 80  # characters of a default in words


@record(frozen=True, slots=True, kw_only=True)
class DescribedParameter:
    """One parameter.

    ``type`` is source text. ``default`` is meaningful where there is one: ``"literal"`` stands in the signature,
    ``"server"`` is left to the app and told in words only.
    """

    name: str
    type: str
    kind: DefaultKind
    default: JSONValue = None
    label: str = ""
    component: str = ""
    description: str = ""


@record(frozen=True, slots=True, kw_only=True)
class DescribedReturn:
    """One value of the result; ``type`` is source text."""

    type: str
    label: str = ""


@record(frozen=True, slots=True, kw_only=True)
class DescribedEndpoint:
    """One endpoint; ``called`` is its name with the slash, or its ``fn_index``."""

    called: str | int
    parameters: tuple[DescribedParameter, ...]
    returns: tuple[DescribedReturn, ...]
    generates: bool
    description: str = ""
    acts: str = ""

    @property
    def label(self) -> str:
        """What to call it in a text."""
        return self.called if isinstance(self.called, str) else f"fn_index {self.called}"


@record(frozen=True, slots=True, kw_only=True)
class AppDescription:
    """All that a module is made of.

    ``url`` is without credentials and query. ``files`` says what results have for a file: its local path, or an object.
    ``optional`` is whether results say that they may be None.
    """

    title: str
    url: str
    gradio: str
    styles: tuple[Style, ...]
    files: Files
    optional: bool
    endpoints: tuple[DescribedEndpoint, ...] = field(repr=False)
    gradproto: str = __version__


def describe_app(
    endpoints: Endpoints,
    *,
    url: str,
    title: str | None,
    gradio: str,
    styles: Iterable[Style],
    files: Files = "paths",
    optional: bool = False,
) -> AppDescription:
    """Return what a module for the app depends on: its public endpoints, except those that ``gr.render`` made."""
    wanted = set(styles)
    found: dict[str | int, DescribedEndpoint] = {}
    for endpoint in endpoints.values():
        if endpoint.visibility != "public" or endpoint.dependency.rendered_in is not None:
            continue
        name = endpoint.api_name
        # Of two functions with one name the second can be called by its index only.
        called = endpoint.fn_index if name is None or name in found else name
        found[called] = _describe_endpoint(endpoint, called, optional)
    return AppDescription(
        title=title or "",
        url=re.split(r"[?#]", redact_url(url))[0],
        gradio=gradio,
        styles=tuple(style for style in STYLES if style in wanted),
        files=files,
        optional=optional,
        endpoints=tuple(found.values()),
    )


def _describe_endpoint(endpoint: Endpoint, called: str | int, optional: bool) -> DescribedEndpoint:
    # Where a name comes twice, only the last one can be given by it.
    parameters = {
        slot.parameter.name: _describe_parameter(slot.parameter, *input_types(endpoint, slot))
        for slot in endpoint.inputs
        if slot.parameter is not None
    }
    fitting = len(endpoint.returns) == len(endpoint.outputs)
    returns: list[DescribedReturn] = []
    for index, slot in enumerate(endpoint.outputs):
        described = endpoint.returns[index] if fitting else None
        types = output_types(endpoint, slot, described, optional=optional)
        returns.append(DescribedReturn(type=join_types(types), label=described.label if described is not None else ""))
    return DescribedEndpoint(
        called=called,
        parameters=tuple(parameters.values()),
        returns=tuple(returns),
        generates=endpoint.is_generator,
        description=(endpoint.description or "")[:_TEXT_LIMIT],
        acts=endpoint.oauth_token or "",
    )


def _describe_parameter(parameter: Parameter, types: list[str], named: list[JSONValue]) -> DescribedParameter:
    kind: DefaultKind = "required"
    default: JSONValue = None
    if parameter.has_default:
        default = parameter.default
        kind = "literal" if fits(default, types, named) else "server"
        if default is None and not {"None", "Any"} & set(types):
            types = [*types, "None"]
        elif kind == "server":
            default = _in_words(default, types)
    return DescribedParameter(
        name=parameter.name,
        type=join_types(types),
        kind=kind,
        default=default,
        label=parameter.label,
        component=parameter.component,
        # Of a file it says how Gradio describes files.
        description="" if types[0] in ("FileInput", "FilesInput") else parameter.description[:_TEXT_LIMIT],
    )


def _in_words(default: JSONValue, types: list[str]) -> str:
    if types[0] in ("FileInput", "FilesInput"):
        return "a file of the app's"  # its path may be another one whenever the app starts
    try:
        text = json.dumps(default)
    except RecursionError:  # nested just as deeply as could be read
        return "..."
    return text if len(text) <= _DEFAULT_LIMIT else text[:_DEFAULT_LIMIT] + "..."


# --- as comments ------------------------------------------------------------------------------------------------------


def description_lines(app: AppDescription) -> tuple[str, list[str]]:
    """Return the description as comments of printable ASCII: one for the app, and one for each endpoint."""
    endpoints = [_dump(_endpoint_json(endpoint)) for endpoint in app.endpoints]
    about: dict[str, JSONValue] = {
        "format": _FORMAT,
        "gradproto": app.gradproto,
        "gradio": app.gradio,
        "title": app.title,
        "url": app.url,
        "styles": list(app.styles),
        "files": app.files,
        "optional": app.optional,
        "fingerprint": _fingerprint(endpoints),
    }
    return _APP_MARK + _dump(about), [_ENDPOINT_MARK + line for line in endpoints]


def _fingerprint(lines: list[str]) -> str:
    return "sha256:" + sha256("\n".join(lines).encode()).hexdigest()


def _endpoint_json(endpoint: DescribedEndpoint) -> dict[str, JSONValue]:
    found: dict[str, JSONValue] = {
        "called": endpoint.called,
        "parameters": [_parameter_json(parameter) for parameter in endpoint.parameters],
        "returns": [{"type": value.type, "label": value.label} for value in endpoint.returns],
        "generates": endpoint.generates,
    }
    return found | _texts({"description": endpoint.description, "acts": endpoint.acts})


def _parameter_json(parameter: DescribedParameter) -> dict[str, JSONValue]:
    found: dict[str, JSONValue] = {"name": parameter.name, "type": parameter.type, "kind": parameter.kind}
    if parameter.kind != "required":
        found["default"] = parameter.default
    texts = {"label": parameter.label, "component": parameter.component, "description": parameter.description}
    return found | _texts(texts)


def _texts(texts: dict[str, str]) -> dict[str, JSONValue]:
    return {key: text for key, text in texts.items() if text}


def _dump(value: Mapping[str, JSONValue]) -> str:
    return json.dumps(value).replace("\x7f", "\\u007f")


def read_description(source: str) -> AppDescription | None:
    """Return the description that stands in the source text of a module, ``None`` if there is no mark of one.

    The module is not run. Raises ``ValueError`` where the text is no Python, or the description was changed.
    """
    comments = _comments(source)
    abouts = [comment.removeprefix(_APP_MARK) for comment in comments if comment.startswith(_APP_MARK)]
    if not abouts:
        return None
    lines = [comment.removeprefix(_ENDPOINT_MARK) for comment in comments if comment.startswith(_ENDPOINT_MARK)]
    about = Fields(_load(abouts[0]))
    if about.integer("format") != _FORMAT:
        raise ValueError(f"its format is {about.raw.get('format')!r:.20}, and this gradproto knows {_FORMAT} only")
    if len(abouts) != 1 or about.text("fingerprint") != _fingerprint(lines):
        raise ValueError("the comments that describe the app were changed")
    named = about.items("styles")
    return AppDescription(
        title=about.text("title") or "",
        url=about.text("url") or "",
        gradio=about.text("gradio") or "",
        gradproto=about.text("gradproto") or "",
        styles=tuple(style for style in STYLES if style in named),
        files="remote" if about.text("files") == "remote" else "paths",
        optional=about.flag("optional") or False,
        endpoints=tuple(_read_endpoint(Fields(_load(line))) for line in lines),
    )


def _comments(source: str) -> list[str]:
    """Return the comments that have a line of their own, and none of what looks like one in a docstring."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"it is no Python: {error.args[0]!s:.80}") from None
    return [token.string for token in tokens if token.type == tokenize.COMMENT and token.start[1] == 0]


def _load(line: str) -> JSONValue:
    try:
        return loads(line)
    except ValueError:
        raise ValueError("the comments that describe the app were changed") from None


def _read_endpoint(fields: Fields) -> DescribedEndpoint:
    called = fields.raw.get("called")
    if not isinstance(called, (str, int)):
        raise FieldError("an endpoint has neither a name nor an index")
    return DescribedEndpoint(
        called=called,
        parameters=tuple(map(_read_parameter, fields.objects("parameters"))),
        returns=tuple(
            DescribedReturn(type=value.text("type") or "", label=value.text("label") or "")
            for value in fields.objects("returns")
        ),
        generates=fields.flag("generates") or False,
        description=fields.text("description") or "",
        acts=fields.text("acts") or "",
    )


def _read_parameter(fields: Fields) -> DescribedParameter:
    kind = fields.text("kind")
    return DescribedParameter(
        name=fields.text("name") or "",
        type=fields.text("type") or "",
        kind="literal" if kind == "literal" else "server" if kind == "server" else "required",
        default=fields.raw.get("default"),
        label=fields.text("label") or "",
        component=fields.text("component") or "",
        description=fields.text("description") or "",
    )
