"""The description of an app's API for people (as text) and for programs (as a dictionary).

Both have the form that Gradio's own Python client gives them, so that what reads the one reads the other too. Gradio:
``Client.view_api`` in ``client/python/gradio_client/client.py``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ._files import is_file_json
from ._info import ApiInfo, EndpointInfo, Parameter, Return, sanitize_parameter_name
from ._json import JSONValue

__all__ = ["view_api_dict", "view_api_text"]

# What the server says for its own page; a program that reads the description has no use for it.
_LEFT_OUT = frozenset({"api_visibility", "code_snippets", "show_api"})


def view_api_dict(info: ApiInfo) -> dict[str, Any]:
    """Return the public endpoints as a dictionary; it is the caller's own and may be changed.

    ``{"named_endpoints": {"/name": {"parameters": [...], "returns": [...], ...}}, "unnamed_endpoints": {"0": {...}}}``;
    the unnamed ones are named by their ``fn_index`` as a string.
    """
    return {
        "named_endpoints": {name: _copy(endpoint) for name, endpoint in _public(info.named).items()},
        "unnamed_endpoints": {str(index): _copy(endpoint) for index, endpoint in _public(info.unnamed).items()},
    }


def _public(endpoints: Mapping[Any, EndpointInfo]) -> dict[Any, EndpointInfo]:
    return {name: endpoint for name, endpoint in endpoints.items() if endpoint.visibility == "public"}


def _copy(endpoint: EndpointInfo) -> dict[str, Any]:
    return {key: copy.deepcopy(value) for key, value in endpoint.raw.items() if key not in _LEFT_OUT}


def view_api_text(info: ApiInfo, *, all_endpoints: bool | None = None) -> str:
    """Return the public endpoints as a text for people.

    Endpoints without a name are described only if ``all_endpoints``, or if that is ``None`` and there are no others.
    """
    named, unnamed = _public(info.named), _public(info.unnamed)
    if all_endpoints is None:
        all_endpoints = not named
    lines = ["Client.predict() Usage Info", "---------------------------", f"Named API endpoints: {len(named)}"]
    for name, endpoint in named.items():
        lines += _render(f'api_name="{name}"', endpoint)
    if all_endpoints:
        lines += ["", f"Unnamed API endpoints: {len(unnamed)}"]
        for index, endpoint in unnamed.items():
            lines += _render(f"fn_index={index}", endpoint)
    elif unnamed:
        lines += ["", f"Unnamed API endpoints: {len(unnamed)}, to view, run Client.view_api(all_endpoints=True)"]
    return "\n".join(lines) + "\n"


def _render(which: str, endpoint: EndpointInfo) -> list[str]:
    names = [sanitize_parameter_name(parameter.name) for parameter in endpoint.parameters]
    returned = [sanitize_parameter_name(value.label) for value in endpoint.returns]
    result = f"({', '.join(returned)})" if len(returned) > 1 else ", ".join(returned)
    lines = ["", f" - predict({', '.join([*names, which])}) -> {result}"]
    if endpoint.oauth_token:
        lines.append(
            "    Acts on your behalf: this endpoint takes your Hugging Face token "
            f"({endpoint.oauth_token}). Pass it with Client(..., oauth_token=...) to grant it."
        )
    lines.append("    Parameters:")
    lines += map(_render_parameter, endpoint.parameters) if endpoint.parameters else ["     - None"]
    lines.append("    Returns:")
    lines += map(_render_return, endpoint.returns) if endpoint.returns else ["     - None"]
    return lines


def _render_parameter(parameter: Parameter) -> str:
    kind, default = parameter.python_type, "(required)"
    if parameter.has_default:
        default = f"(not required, defaults to:   {_show_files(parameter.default)})"
        if parameter.default is None:
            kind += " | None"
    name = sanitize_parameter_name(parameter.name)
    return f"     - [{parameter.component}] {name}: {kind} {default} {_in_brackets(parameter.description)} "


def _render_return(value: Return) -> str:
    name = sanitize_parameter_name(value.label)
    return f"     - [{value.component}] {name}: {value.python_type}{_in_brackets(value.description)} "


def _in_brackets(description: str) -> str:
    return f" ({description})" if description else ""


def _show_files(default: JSONValue) -> JSONValue:
    """Return a default with each file in it as the call that would give it."""
    if isinstance(default, dict):
        if is_file_json(default):
            return f'handle_file("{default.get("url") or default.get("path")}")'
        return {key: _show_files(value) for key, value in default.items()}
    return [_show_files(value) for value in default] if isinstance(default, list) else default
