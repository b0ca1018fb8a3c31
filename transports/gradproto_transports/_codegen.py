"""The source text of a Python module with a typed method for each endpoint of an app.

Everything that an app says is data. It gets into a module as an identifier that `identifiers` made, as the ``repr`` of
a text or a number, in a docstring with everything escaped that is not printable, or in ASCII JSON in a comment.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ._codegen_describe import AppDescription, DescribedEndpoint, DescribedParameter, Style, description_lines
from ._codegen_names import identifiers
from ._codegen_types import literal

__all__ = ["write_module"]

_WIDTH = 88  # columns of a line that can be broken: what formatters take where nobody said otherwise

# Names of methods would hide these in the annotations of the class, or in its own methods.
_METHOD_NAMES: Final = frozenset(
    {
        *("client", "close", "connect", "cls", "self"),
        *("bool", "bytes", "classmethod", "dict", "float", "int", "list", "object", "str", "tuple", "type"),
        *("Any", "App", "AbstractAsyncContextManager", "AsyncApp", "AsyncClient", "AsyncRemoteFile", "AsyncTypedApp"),
        *("AsyncTypedJob", "Client", "DEFAULT_URL", "FileInput", "FilesInput", "Literal", "RemoteFile", "TrioApp"),
        *("TrioClient", "TrioRemoteFile", "TypedApp", "TypedJob", "UNSET", "Unset"),
        *("open_app", "open_client", "open_trio_client"),
    }
)


def write_module(app: AppDescription) -> str:
    """Return the source text of the module; the same text for the same description."""
    classes = "\n\n".join(_Class(app, style).write() for style in app.styles)
    about, endpoints = description_lines(app)
    exported = ", ".join(literal(name) for name in sorted(_CLASS_NAMES[style] for style in app.styles))
    return "".join(
        [
            "# Made by `gradproto codegen`. Do not edit it: make it again when the app has changed.\n",
            _module_docstring(app),
            f"\n{about}\n# ruff: noqa: E501\n\nfrom __future__ import annotations\n\n",
            *_imports(classes),
            f"\n__all__ = [{exported}]\n\nDEFAULT_URL = {literal(app.url)}\n\n\n",
            classes,
            "\n\n# What this module was made from, for `gradproto codegen --check`.\n",
            *(f"{line}\n" for line in endpoints),
        ]
    )


_CLASS_NAMES: Final[Mapping[Style, str]] = {"sync": "App", "asyncio": "AsyncApp", "trio": "TrioApp"}


_EXAMPLES: Final[Mapping[Style, str]] = {
    "sync": "with App.connect() as app: ...",
    "asyncio": "async with AsyncApp.connect() as app: ...  # asyncio",
    "trio": "async with TrioApp.connect() as app: ...  # trio",
}


def _module_docstring(app: AppDescription) -> str:
    what = f"the Gradio app {literal(app.title)}" if app.title else "a Gradio app"
    examples = [f"    {_EXAMPLES[style]}" for style in app.styles]
    files = (
        "A file in a result is the path of where it was downloaded to, as the clients do it unless they are told"
        " `download_files=False`."
        if app.files == "paths"
        else "A file in a result is a `RemoteFile`, which is downloaded when it is asked to be."
    )
    odd = (
        "A function that gives an update of a component instead of a value gives a dictionary, whatever is said here."
        if app.optional
        else "A function that gives None, or an update of a component, instead of a value gives that, whatever is said"
        " here."
    )
    parts = [
        f"Typed calls of {what} at {app.url} (Gradio {app.gradio}), written by gradproto {app.gradproto}.",
        "\n".join(examples),
        "There is one method for each endpoint. Arguments are given by name; one that is UNSET is left to the app. The"
        " method returns the result; `submit_...` returns a job, for progress and for cancelling. The method of an"
        " endpoint that gives one output after the other returns a job at once, to be iterated over; `final()` of that"
        " is its last output. `app.client` is the client, which can do everything else.",
        f"The types are what the app says. {odd} {files}",
    ]
    return _docstring("\n\n".join(parts), "")


def _imports(classes: str) -> Iterator[str]:
    """Yield the lines that import what the classes use, in the order in which import sorters put them."""
    used = set(_names(ast.parse(classes)))

    def lines(module: str, names: Sequence[str]) -> Iterator[str]:
        wanted = [name for name in names if name.rpartition(" ")[2] in used]
        yield from (f"from {module} import {name}\n" for name in wanted if " as " in name)
        plain = [name for name in wanted if " as " not in name]
        if plain:
            line = f"from {module} import {', '.join(plain)}"
            broken = _break(f"from {module} import (", plain, ")", "", joined=False)
            yield line + "\n" if len(line) <= _WIDTH else "\n".join(broken) + "\n"

    yield from lines("contextlib", ["AbstractAsyncContextManager"])
    yield from lines("typing", ["Any", "Literal"])
    yield "\n"
    client = ["Client as AsyncClient", "RemoteFile as AsyncRemoteFile", "open_client"]
    yield from lines("gradproto_transports.asyncio", client)
    yield from lines("gradproto_transports.sync", ["Client", "RemoteFile"])
    client = ["Client as TrioClient", "RemoteFile as TrioRemoteFile", "open_client as open_trio_client"]
    yield from lines("gradproto_transports.trio", client)
    names = ["UNSET", "AsyncTypedApp", "AsyncTypedJob", "FileInput", "FilesInput", "TypedApp", "TypedJob", "Unset"]
    yield from lines("gradproto_transports.typed", [*names, "open_app"])


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that are used, but not those in dictionaries, which are all arguments of methods."""
    if isinstance(node, ast.Name):
        yield node.id
    elif not isinstance(node, ast.Dict):
        for child in ast.iter_child_nodes(node):
            yield from _names(child)


class _Class:
    """The text of one class."""

    def __init__(self, app: AppDescription, style: Style) -> None:
        self._app = app
        self._style: Style = style
        self._is_async = style != "sync"
        self._name = _CLASS_NAMES[style]
        self._job = "AsyncTypedJob" if self._is_async else "TypedJob"
        self._await = "await " if self._is_async else ""
        remote = {"sync": "RemoteFile", "asyncio": "AsyncRemoteFile", "trio": "TrioRemoteFile"}[style]
        self._file = "str" if app.files == "paths" else remote

    def write(self) -> str:
        base = "AsyncTypedApp" if self._is_async else "TypedApp"
        client = {"sync": "Client", "asyncio": "AsyncClient", "trio": "TrioClient"}[self._style]
        title = f" {literal(self._app.title)}" if self._app.title else ""
        return "\n".join(
            [
                f"class {self._name}({base}[{client}]):",
                _docstring(f"The app{title}, for the {self._style} client.", "    "),
                "\n".join([self._connect(), *self._methods()]),
            ]
        )

    def _connect(self) -> str:
        options = "src, **options" if self._app.files == "paths" else "src, download_files=False, **options"
        opens = "open_trio_client" if self._style == "trio" else "open_client"
        returns = f"AbstractAsyncContextManager[{self._name}]" if self._is_async else self._name
        made = f"open_app({opens}({options}), cls)" if self._is_async else f"cls(Client({options}))"
        how = "async with" if self._is_async else "with"
        takes = ["cls", "src: str = DEFAULT_URL", "**options: Any"]
        lines = [
            "    @classmethod",
            *_break("    def connect(", takes, f") -> {returns}:", "    "),
            f'        """Connect with the options of the client; to be used in `{how}`."""',
            f"        return {made}",
        ]
        return "\n".join(lines) + "\n"

    def _methods(self) -> Iterator[str]:
        endpoints = self._app.endpoints
        names = identifiers(
            [one.called[1:] if isinstance(one.called, str) else f"fn {one.called}" for one in endpoints],
            reserved=_METHOD_NAMES,
            other="call",
        )
        taken = {*names, *_METHOD_NAMES}
        for name, endpoint in zip(names, endpoints, strict=True):
            if endpoint.generates:
                yield self._method(name, endpoint, _describe(endpoint), submits=True)
                continue
            yield self._method(name, endpoint, _describe(endpoint), submits=False)
            submit = f"submit_{name}"
            while submit in taken:
                submit += "_"
            taken.add(submit)
            yield self._method(submit, endpoint, f"Begin what `{name}` does, and return the job.", submits=True)

    def _method(self, name: str, endpoint: DescribedEndpoint, text: str, *, submits: bool) -> str:
        parameters = endpoint.parameters
        names = identifiers([one.name for one in parameters], reserved=("self",), other="arg")
        result = self._result(endpoint)
        if submits:
            result = f"{self._job}[{result}]"
        takes = [f"{own}: {_annotation(one)}{_default(one)}" for own, one in zip(names, parameters, strict=True)]
        gives = [f"{literal(one.name)}: {own}" for own, one in zip(names, parameters, strict=True)]
        returned = "None" if not endpoint.returns and not submits else result
        begin = f"    {'async ' if self._is_async else ''}def {name}("
        call = f"{self._await}self.{'_submit' if submits else '_call'}("
        assigned = "" if returned == "None" else f"_result: {result} = "
        lines = [
            *_break(begin, ["self", *(["*"] if takes else []), *takes], f") -> {returned}:", "    "),
            _docstring(text, "        ").rstrip("\n"),
            *_call(f"        {assigned}{call}", literal(endpoint.called), gives),
            *([] if returned == "None" else ["        return _result"]),
        ]
        return "\n".join(lines) + "\n"

    def _result(self, endpoint: DescribedEndpoint) -> str:
        types = [re.sub(r"\bFileOutput\b", self._file, value.type) for value in endpoint.returns]
        if len(types) == 1:
            return types[0]
        return f"tuple[{', '.join(types)}]" if types else "tuple[()]"


def _call(begin: str, called: str, gives: Sequence[str]) -> list[str]:
    inner = " " * 12
    arguments = f"{{{', '.join(gives)}}}"
    if len(inner + arguments) < _WIDTH:
        return _break(begin, [called, arguments], ")", " " * 8)
    broken = _break(f"{inner}{{", gives, "},", inner, joined=False)
    return [begin, f"{inner}{called},", *broken, "        )"]


def _annotation(parameter: DescribedParameter) -> str:
    return f"{parameter.type} | Unset" if parameter.kind == "server" else parameter.type


def _default(parameter: DescribedParameter) -> str:
    match parameter.kind:
        case "required":
            return ""
        case "literal":
            return f" = {literal(parameter.default)}"
        case "server":
            return " = UNSET"


def _break(begin: str, items: Sequence[str], end: str, indent: str, *, joined: bool = True) -> list[str]:
    """Return a bracket with its items: in one line, in one line of their own (if ``joined``), or each in a line.

    So do the common formatters of code, which should find nothing to do.
    """
    together = ", ".join(items)
    if not items or len(begin + together + end) <= _WIDTH:
        return [begin + together + end]
    inner = indent + "    "
    if joined and len(inner + together) <= _WIDTH:
        return [begin, inner + together, indent + end]
    return [begin, *(f"{inner}{item}," for item in items), indent + end]


def _describe(endpoint: DescribedEndpoint) -> str:
    """Return the docstring of an endpoint's method."""
    parts = [f"Call {literal(endpoint.called)}."]
    if endpoint.description.strip():
        parts.append(endpoint.description.strip())
    if endpoint.acts:
        parts.append(f"It acts on your behalf: it takes your Hugging Face token ({endpoint.acts}).")
    parameters = [_describe_one(parameter) for parameter in endpoint.parameters]
    if any(parameters):
        parts.append("\n".join(filter(None, parameters)))
    labels = [value.label for value in endpoint.returns]
    if any(labels):
        parts.append(f"Returns: {', '.join(label or '?' for label in labels)}")
    return "\n\n".join(parts)


def _describe_one(parameter: DescribedParameter) -> str:
    said = [f"[{parameter.component}]" if parameter.component else ""]
    if parameter.label != parameter.name:
        said.append(parameter.label)
    if parameter.description:
        said.append(f"({parameter.description})")
    if parameter.kind == "server":
        said.append(f"(default: {parameter.default})")
    words = " ".join(" ".join(filter(None, said)).split())
    return f"{parameter.name}: {words}" if words else ""


def _docstring(text: str, indent: str) -> str:
    """Return ``text`` as a docstring, whatever is in it."""
    lines = [
        piece
        for line in text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n")
        for piece in _wrap(line, _WIDTH - len(indent))
    ]
    escaped = [_escape(line) for line in lines]
    if len(escaped) == 1 and not escaped[0].endswith('"'):
        return f'{indent}"""{escaped[0]}"""\n'
    body = "".join(f"{indent}{line}".rstrip() + "\n" for line in escaped)
    return f'{indent}"""{body.removeprefix(indent)}{indent}"""\n'


def _wrap(line: str, width: int) -> list[str]:
    indent = line[: len(line) - len(line.lstrip(" "))][: width // 2]
    wrapper = textwrap.TextWrapper(
        width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.wrap(line.strip(" ")) or [""]


def _escape(line: str) -> str:
    printable = "".join(
        char if char.isprintable() and char != "\\" else char.encode("unicode_escape", "surrogatepass").decode()
        for char in line
    )
    return printable.replace('"""', '\\"\\"\\"')
