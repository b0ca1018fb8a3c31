"""What the app says of itself: the config, the description of its endpoints, and its page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ._components import Component
from ._endpoints import Endpoint
from ._json import compact_json
from ._profiles import Profile

__all__ = ["Layout", "api_info", "config", "page", "page_before_login"]


class Layout:
    """The components of an app in the order of their ids: each endpoint's inputs, its outputs, and its button."""

    def __init__(self) -> None:
        self.buttons: list[int] = []
        self._ids: dict[Component, int] = {}
        self._entries: list[tuple[int, Component | None]] = []
        self._next = 1  # 0 is the root

    def add(self, endpoint: Endpoint) -> None:
        """Give ids to an endpoint's components; one that has an id keeps it."""
        for component in (*endpoint.inputs, *endpoint.outputs):
            if component not in self._ids:
                self._ids[component] = self._next
                self._entries.append((self._next, component))
                self._next += 1
        self.buttons.append(self._next)
        self._entries.append((self._next, None))
        self._next += 1

    def ids(self, components: Iterable[Component]) -> list[int]:
        """Give the ids of components."""
        return [self._ids[component] for component in components]

    def components(self) -> list[dict[str, Any]]:
        """Describe all components."""
        return [
            _button(identity) if component is None else _component(identity, component)
            for identity, component in self._entries
        ]

    def tree(self) -> dict[str, Any]:
        """Describe who stands in whom: everything in one column."""
        return {"id": 0, "children": [{"id": identity} for identity, _ in self._entries]}


def _class_id(kind: str) -> str:
    return hashlib.sha256(kind.encode()).hexdigest()


def _button(identity: int) -> dict[str, Any]:
    props = {
        "value": "Run",
        "variant": "secondary",
        "size": "lg",
        "link_target": "_self",
        "visible": True,
        "interactive": True,
        "elem_classes": [],
        "preserved_by_key": ["value"],
        "name": "button",
        "_selectable": False,
    }
    return {
        "id": identity,
        "type": "button",
        "props": props,
        "skip_api": True,
        "component_class_id": _class_id("button"),
        "key": None,
    }


def _component(identity: int, component: Component) -> dict[str, Any]:
    props: dict[str, Any] = {}
    if component.value is not None and not component.skip_api:
        props["value"] = component.value
    props |= component.props
    if component.label is not None:
        props["label"] = component.label
    if not component.skip_api:
        props |= {
            "show_label": True,
            "container": True,
            "min_width": 160,
            "visible": True,
            "elem_classes": [],
            "preserved_by_key": ["value"],
        }
    props |= {"name": component.kind, "_selectable": False}
    described: dict[str, Any] = {
        "id": identity,
        "type": component.kind,
        "props": props,
        "skip_api": component.skip_api,
        "component_class_id": _class_id(component.kind),
        "key": None,
    }
    if component.schema is not None:
        described |= {
            "api_info": component.schema,
            "api_info_as_input": component.schema,
            "api_info_as_output": component.schema,
            "example_inputs": component.example,
        }
    return described


def _dependency(endpoint: Endpoint, layout: Layout) -> dict[str, Any]:
    return {
        "id": endpoint.index,
        "targets": [[layout.buttons[endpoint.index], "click"]],
        "inputs": layout.ids(endpoint.inputs),
        "outputs": layout.ids(endpoint.outputs),
        "backend_fn": True,
        "js": None,
        "queue": endpoint.queue,
        "api_name": endpoint.name,
        "api_description": None,
        "scroll_to_output": False,
        "show_progress": "full",
        "show_progress_on": None,
        "batch": False,
        "max_batch_size": 4,
        "cancels": [],
        "types": {"generator": endpoint.generates, "cancel": False},
        "collects_event_data": False,
        "trigger_after": None,
        "trigger_only_on_success": False,
        "trigger_only_on_failure": False,
        "trigger_mode": "once",
        "api_visibility": endpoint.visibility,
        "rendered_in": None,
        "render_id": None,
        "connection": "sse",
        "time_limit": None,
        "stream_every": 0.5,
        "event_specific_args": None,
        "component_prop_inputs": [],
        "js_implementation": None,
    }


def config(
    profile: Profile,
    endpoints: Sequence[Endpoint],
    layout: Layout,
    *,
    title: str,
    app_id: int,
    root: str,
    username: str | None,
    show_error: bool,
    max_file_size: int | None,
) -> dict[str, Any]:
    """The document behind ``/config``."""
    components = layout.components()
    dependencies = [_dependency(endpoint, layout) for endpoint in endpoints]
    tree = layout.tree()
    home = {
        "layout": tree,
        "components": [component["id"] for component in components],
        "dependencies": [dependency["id"] for dependency in dependencies],
    }
    return {
        "version": profile.version,
        "api_prefix": profile.api_prefix,
        "mode": "blocks",
        "app_id": app_id,
        "dev_mode": False,
        "vibe_mode": False,
        "analytics_enabled": False,
        "components": components,
        "css": None,
        "connect_heartbeat": any(component["type"] == "state" for component in components),
        "js": None,
        "head": None,
        "title": title,
        "space_id": None,
        "enable_queue": True,
        "show_error": show_error,
        "footer_links": ["api", "gradio", "settings", "runs"],
        "run_history": True,
        "is_colab": False,
        "max_file_size": max_file_size,
        "stylesheets": [],
        "theme": "default",
        "protocol": profile.protocol,
        "body_css": {
            "body_background_fill": "white",
            "body_text_color": "#27272a",
            "body_background_fill_dark": "#0f0f11",
            "body_text_color_dark": "#f4f4f5",
        },
        "fill_height": False,
        "fill_width": False,
        "theme_hash": _class_id("theme"),
        "pwa": False,
        "pages": [["", "Home", True]],
        "page": {"": home},
        "mcp_server": False,
        "i18n_translations": None,
        "dependencies": dependencies,
        "layout": tree,
        "username": username,
        "root": root,
    }


def api_info(endpoints: Iterable[Endpoint], profile: Profile, root: str, *, all_endpoints: bool) -> dict[str, Any]:
    """The document behind ``/info``; with ``all_endpoints`` the undocumented ones too, and no snippets."""
    shown = ("public", "undocumented") if all_endpoints else ("public",)
    named: dict[str, Any] = {}
    for endpoint in endpoints:
        if endpoint.visibility not in shown:
            continue
        info: dict[str, Any] = {
            "parameters": _parameters(endpoint),
            "returns": [
                {**_described(component), "component": component.title}
                for component in endpoint.outputs
                if not component.skip_api
            ],
            "api_visibility": endpoint.visibility,
            "description": endpoint.description,
        }
        if not all_endpoints:
            info["code_snippets"] = _snippets(endpoint, info["parameters"], profile, root)
        named[f"/{endpoint.name}"] = info
    return {"named_endpoints": named, "unnamed_endpoints": {}}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for component, name in zip(endpoint.inputs, endpoint.parameter_names, strict=True):
        if component.skip_api:
            continue
        described = _described(component)
        kind = {
            "type": described["type"],
            "python_type": {
                **described["python_type"],
                "description": (component.schema or {}).get("additional_description", ""),
            },
        }
        parameters.append(
            {
                "label": described["label"],
                "parameter_name": name,
                "parameter_has_default": component.value is not None or name in endpoint.none_defaults,
                "parameter_default": component.value,
                **kind,
                "component": component.title,
                "example_input": component.example,
            }
        )
    return parameters


def _described(component: Component) -> dict[str, Any]:
    return {
        "label": component.label or "",
        "type": component.schema,
        "python_type": {
            "type": component.python_type,
            "description": (component.schema or {}).get("description", ""),
        },
    }


def _snippets(
    endpoint: Endpoint, parameters: Sequence[Mapping[str, Any]], profile: Profile, root: str
) -> dict[str, str]:
    values = {parameter["parameter_name"]: parameter["example_input"] for parameter in parameters}
    arguments = "".join(f"{name}={value!r}, " for name, value in values.items())
    body = json.dumps(values)
    call = f"{root}{profile.api_prefix}/call"
    return {
        "python": "from gradio_client import Client\n\n"
        f'Client("{root}").predict({arguments}api_name="/{endpoint.name}")',
        "javascript": f'import {{ Client }} from "@gradio/client";\n\n'
        f'const app = await Client.connect("{root}");\nawait app.predict("/{endpoint.name}", {body});',
        "bash": f"curl -X POST {call}/v2/{endpoint.name} -H 'Content-Type: application/json' -d '{body}'\n"
        f"curl -N {call}/{endpoint.name}/$EVENT_ID",
        "cli": f"gradio predict {root} /{endpoint.name} '{body}'",
    }


_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8" /><title>{title}</title></head>
<body>
<p>This is a fake Gradio app: it speaks the protocol of Gradio {version}, and has no page of its own.</p>
<script>window.gradio_config = {config};</script>
<script>window.gradio_api_info = {info};</script>
</body>
</html>
"""


def page(title: str, document: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """The app's page, of which clients read the config in ``window.gradio_config``."""
    return _PAGE.format(
        title=title.replace("&", "&amp;").replace("<", "&lt;"),
        version=document.get("version", ""),
        config=_in_script(document),
        info=_in_script(info),
    )


def page_before_login(document: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """The page for somebody who has yet to log in: a config that says so."""
    seen: dict[str, Any] = {
        "auth_required": True,
        "auth_message": None,
        "space_id": document["space_id"],
        "root": document["root"],
        "page": {"": {"layout": {"id": 0, "children": []}, "components": [], "dependencies": []}},
        "pages": document["pages"],
        "components": [],
        "dependencies": [],
        "current_page": "",
    }
    return page(str(document["title"]), seen, info)


def _in_script(value: Mapping[str, Any]) -> str:
    """Write JSON that cannot end the script element it stands in."""
    return compact_json(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
