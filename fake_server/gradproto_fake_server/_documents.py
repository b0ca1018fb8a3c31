"""What the app says of itself: the config, the description of its endpoints, and its page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ._components import Component
from ._descriptions import choices_in_config, config_keys_of, describe, first_value
from ._endpoints import Endpoint
from ._json import compact_json
from ._profiles import Profile

__all__ = ["Layout", "api_info", "config", "page_for", "render_config"]


class Layout:
    """The components of an app in the order of their ids: each endpoint's inputs, its outputs, and its button."""

    def __init__(self, profile: Profile, first: int = 1) -> None:
        self._profile = profile
        self.buttons: dict[int, int] = {}
        """The ids of the buttons by the indices of the endpoints."""
        self._ids: dict[Component, int] = {}
        self._entries: list[tuple[int, Component | None]] = []
        self._pages: dict[int, str] = {}
        self._next = first  # 0 is the root

    def next_one(self) -> Layout:
        """Make a layout whose ids go on where those of this one end."""
        return Layout(self._profile, self._next)

    def add(self, endpoint: Endpoint) -> None:
        """Give ids to an endpoint's components; one that has an id keeps it."""
        for component in (*endpoint.inputs, *endpoint.outputs):
            if component not in self._ids:
                self._ids[component] = self._enter(component, endpoint.page)
        self.buttons[endpoint.index] = self._enter(None, endpoint.page)

    def _enter(self, component: Component | None, page: str) -> int:
        identity = self._next
        self._next += 1
        self._entries.append((identity, component))
        self._pages[identity] = page
        return identity

    @property
    def size(self) -> int:
        """The first id that no component has."""
        return self._next

    def ids(self, components: Iterable[Component]) -> list[int]:
        """Give the ids of components."""
        return [self._ids[component] for component in components]

    def components(self) -> list[dict[str, Any]]:
        """Describe all components."""
        return [
            _button(identity, self._profile) if component is None else _component(identity, component, self._profile)
            for identity, component in self._entries
        ]

    def tree(self) -> dict[str, Any]:
        """Describe who stands in whom: everything in one column."""
        return {"id": 0, "children": [{"id": identity} for identity, _ in self._entries]}

    def page(self, route: str, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
        """Describe what is on one page."""
        ids = [identity for identity, page in self._pages.items() if page == route]
        return {
            "layout": {"id": 0, "children": [{"id": identity} for identity in ids]},
            "components": ids,
            "dependencies": [endpoint.index for endpoint in endpoints if endpoint.page == route],
        }


def _class_id(kind: str) -> str:
    return hashlib.sha256(kind.encode()).hexdigest()


def _picked(document: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Keep what this Gradio says."""
    return {key: value for key, value in document.items() if key in keys}


def _button(identity: int, profile: Profile) -> dict[str, Any]:
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
    described = {
        "id": identity,
        "type": "button",
        "props": props,
        "skip_api": True,
        "component_class_id": _class_id("button"),
        "key": None,
    }
    return _picked(described, profile.component_keys)


def _component(identity: int, component: Component, profile: Profile) -> dict[str, Any]:
    props: dict[str, Any] = {}
    value = first_value(component, profile)
    if value is None and component.kind == "textbox" and profile.empty_texts:
        value = ""
    if value is not None:
        props["value"] = value
    props |= choices_in_config(component.props, profile)
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
    kind = profile.state_kind if component.kind == "state" else component.kind
    props |= {"name": kind, "_selectable": False}
    described: dict[str, Any] = {
        "id": identity,
        "type": kind,
        "props": props,
        "skip_api": component.skip_api,
        "component_class_id": _class_id(component.kind),
        "key": None,
    }
    described = _picked(described, profile.component_keys)
    return described | _picked(config_keys_of(component, profile), profile.value_keys)


def _dependency(endpoint: Endpoint, layout: Layout, profile: Profile) -> dict[str, Any]:
    button = layout.buttons[endpoint.index]
    old_targets = "trigger" in profile.dependency_keys
    cancels = bool(endpoint.cancels)
    types = {"continuous": False, "generator": endpoint.generates, "cancel": cancels}
    described: dict[str, Any] = {
        "id": endpoint.index,
        "targets": [button] if old_targets else [_target(endpoint, layout)],
        "trigger": "click",
        "inputs": layout.ids(endpoint.inputs),
        "outputs": layout.ids(endpoint.outputs),
        "backend_fn": not (cancels and profile.cancel_endpoints == "no backend"),
        "js": None,
        "status_tracker": None,
        "queue": profile.queue_default if endpoint.queue else False,
        "api_name": _api_name(endpoint, profile),
        "api_description": None,
        "scroll_to_output": False,
        "show_progress": "full" if profile.named_progress else True,
        "documentation": [[], []],
        "every": None,
        "show_progress_on": None,
        "batch": endpoint.batch,
        "max_batch_size": endpoint.max_batch_size,
        "cancels": list(endpoint.cancels),
        "types": _picked(types, profile.dependency_types),
        "collects_event_data": False,
        "trigger_after": None,
        "trigger_only_on_success": False,
        "trigger_only_on_failure": False,
        "trigger_mode": "once",
        "show_api": endpoint.visibility == "public",
        "zerogpu": False,
        "api_visibility": endpoint.visibility,
        "rendered_in": endpoint.rendered_in,
        "render_id": endpoint.render_id,
        "connection": "stream" if endpoint.streaming else "sse",
        "time_limit": endpoint.time_limit,
        "stream_every": endpoint.stream_every,
        "like_user_message": False,
        "event_specific_args": None,
        "component_prop_inputs": [],
        "js_implementation": None,
    }
    return _picked(described, profile.dependency_keys)


def _target(endpoint: Endpoint, layout: Layout) -> list[Any]:
    if endpoint.streaming and endpoint.inputs:
        return [layout.ids(endpoint.inputs[:1])[0], "stream"]
    return [layout.buttons[endpoint.index], "click"]


def _api_name(endpoint: Endpoint, profile: Profile) -> str | bool | None:
    if endpoint.cancels:
        return profile.cancel_name
    if endpoint.visibility != "private" or profile.private_name == "named":
        return endpoint.name
    return None if profile.private_name == "null" else False


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
    enable_queue: bool,
    space_id: str | None,
    pages: Mapping[str, str],
) -> dict[str, Any]:
    """The document behind ``/config``; ``pages`` are their names by their routes."""
    components = layout.components()
    dependencies = [_dependency(endpoint, layout, profile) for endpoint in endpoints]
    tree = layout.tree()
    document: dict[str, Any] = {
        **_interface(endpoints, enable_queue),
        "version": profile.shown_version,
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
        "space_id": space_id,
        "is_space": space_id is not None,
        "enable_queue": enable_queue,
        "show_error": show_error,
        "show_api": True,
        "footer_links": ["api", "gradio", "settings", *(["runs"] if "run_history" in profile.config_keys else [])],
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
        "pages": [[route, name, True][: 3 if profile.page_visibility else 2] for route, name in pages.items()],
        "page": {route: layout.page(route, endpoints) for route in pages},
        "mcp_server": False,
        "i18n_translations": None,
        "dependencies": dependencies,
        "layout": "horizontal" if profile.one_function else tree,
        "username": username,
        "root": root,
    }
    return _moved(_picked(document, profile.config_keys), profile.config_moves)


def _moved(document: dict[str, Any], moves: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Put each field that this Gradio has elsewhere before the other one that is named with it."""
    for name, before in moves:
        if name in document and before in document:
            value = document.pop(name)
            items = list(document.items())
            place = list(document).index(before)
            document = dict([*items[:place], (name, value), *items[place:]])
    return document


def render_config(
    renderer: Endpoint, made: Sequence[Endpoint], layout: Layout, whole: Layout, profile: Profile
) -> dict[str, Any]:
    """What a completion tells of the endpoints that ``renderer`` made, whose column is in the ``whole`` layout."""
    (column,) = whole.ids(renderer.outputs)
    described = [_component(column, renderer.outputs[0], profile), *layout.components()]
    dependencies = [_dependency(endpoint, layout, profile) for endpoint in made]
    children = layout.tree()["children"]
    page = {
        "layout": {"id": 0, "children": children},
        "components": [component["id"] for component in described],
        "dependencies": [endpoint.index for endpoint in made],
    }
    return {
        **({"page": {"": page}} if profile.render_pages else {}),
        "components": described,
        "dependencies": dependencies,
        "layout": {"id": column, "children": children},
        "render_id": renderer.render_id,
    }


def _interface(endpoints: Sequence[Endpoint], enable_queue: bool) -> dict[str, Any]:
    """What the config of Gradio 2 says of its one function."""
    inputs = endpoints[0].inputs if endpoints else ()
    outputs = endpoints[0].outputs if endpoints else ()
    return {
        "input_components": [
            {
                **({"file_count": "single"} if component.kind == "file" else {}),
                "default": component.value,
                "optional": False,
                "name": component.kind,
                "label": component.label,
            }
            for component in inputs
        ],
        "output_components": [{"name": component.kind, "label": component.label} for component in outputs],
        "function_count": 1,
        "live": False,
        "examples_per_page": 10,
        "show_input": True,
        "show_output": True,
        "description": None,
        "simple_description": None,
        "article": None,
        "thumbnail": None,
        "allow_screenshot": False,
        "allow_flagging": "manual",
        "flagging_options": None,
        "allow_interpretation": False,
        "queue": enable_queue,
        "cached_examples": False,
        "favicon_path": None,
    }


def api_info(
    endpoints: Iterable[Endpoint], profile: Profile, root: str, *, all_endpoints: bool, simple: bool = True
) -> dict[str, Any]:
    """The document behind ``/info``; with ``all_endpoints`` the undocumented ones too, and no snippets.

    ``simple`` describes what the clients of Gradio 3 take in place of what goes over the wire.
    """
    hides = bool({"show_api", "api_visibility"} & profile.dependency_keys)
    # Before an endpoint's description said whether it is for users, there was no description of the others.
    lists_hidden = all_endpoints and bool({"show_api", "api_visibility"} & profile.info_keys)
    named: dict[str, Any] = {}
    unnamed: dict[str, Any] = {}
    for endpoint in endpoints:
        if endpoint.cancels:
            continue
        private = endpoint.visibility == "private"
        if private and not profile.private_in_info:
            continue
        if endpoint.visibility == "undocumented" and hides and not lists_hidden:
            continue
        info: dict[str, Any] = {
            "parameters": _parameters(endpoint, profile, simple=simple),
            "returns": [
                _picked(_described(component, profile, simple=simple), profile.return_keys)
                for component in endpoint.outputs
                if not component.skip_api
            ],
            "show_api": endpoint.visibility == "public",
            "api_visibility": endpoint.visibility,
            "description": endpoint.description,
        }
        if not all_endpoints:
            info["code_snippets"] = _snippets(endpoint, info["parameters"], profile, root)
        if private:
            unnamed[str(endpoint.index)] = _picked(info, profile.info_keys)
        else:
            named[f"/{endpoint.name}"] = _picked(info, profile.info_keys)
    return {"named_endpoints": named, "unnamed_endpoints": unnamed}


def _parameters(endpoint: Endpoint, profile: Profile, *, simple: bool) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for component, name in zip(endpoint.inputs, endpoint.parameter_names, strict=True):
        if component.skip_api:
            continue
        described = _described(component, profile, simple=simple)
        value = first_value(component, profile)
        kind = {
            "type": described["type"],
            "python_type": {
                **described["python_type"],
                # Since 5.0 a parameter is described by other words of its schema than a return.
                "description": (component.schema or {}).get("additional_description", "")
                if profile.described_files
                else described["python_type"]["description"],
            },
        }
        parameter = {
            "label": described["label"],
            "parameter_name": name,
            "parameter_has_default": value is not None or name in endpoint.none_defaults,
            "parameter_default": value,
            **kind,
            "component": component.title,
            "example_input": described["example_input"],
            "serializer": described["serializer"],
        }
        parameters.append(_picked(parameter, profile.parameter_keys))
    return parameters


def _described(component: Component, profile: Profile, *, simple: bool) -> dict[str, Any]:
    described = describe(component, profile, simple=simple)
    return {
        "label": component.label or "",
        "type": described.schema or None,
        "python_type": {"type": described.python_type, "description": described.words},
        "component": component.title,
        "example_input": described.example,
        "serializer": described.serializer,
    }


def _snippets(
    endpoint: Endpoint, parameters: Sequence[Mapping[str, Any]], profile: Profile, root: str
) -> dict[str, str]:
    values = {parameter.get("parameter_name", ""): parameter["example_input"] for parameter in parameters}
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
{info}</body>
</html>
"""


def page_for(
    profile: Profile, title: str, document: Mapping[str, Any], info: Mapping[str, Any], *, may_see: bool
) -> str:
    """The app's page, of which clients read the config in ``window.gradio_config``.

    Somebody who has yet to log in gets a config that says so.
    """
    shown = document if may_see else _before_login(profile, document)
    script = f"<script>window.gradio_api_info = {_in_script(info)};</script>\n" if profile.info_in_page else ""
    return _PAGE.format(
        title=title.replace("&", "&amp;").replace("<", "&lt;"),
        version=shown.get("version", "").strip(),
        config=_in_script(shown),
        info=script,
    )


def _before_login(profile: Profile, document: Mapping[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {"auth_required": True, "auth_message": None}
    seen |= {key: document[key] for key in ("is_space", "space_id", "root") if key in document}
    if profile.pages_before_login:
        seen |= {
            "page": {"": {"layout": {"id": 0, "children": []}, "components": [], "dependencies": []}},
            "pages": document["pages"],
            "components": [],
            "dependencies": [],
            "current_page": "",
        }
    return seen


def _in_script(value: Mapping[str, Any]) -> str:
    """Write JSON that cannot end the script element it stands in."""
    return compact_json(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
