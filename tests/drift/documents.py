"""What of the config, of the page and of the info a client may read."""

from __future__ import annotations

import json
import re
from typing import Any

from .talk import Answer

__all__ = ["page_of", "seen_config", "seen_info", "seen_openapi", "seen_page_config"]

# What the page alone reads.
_FOR_THE_PAGE = frozenset(
    {
        "css",
        "js",
        "head",
        "theme",
        "theme_hash",
        "body_css",
        "stylesheets",
        "layout",
        "page",
        "components",
        "i18n_translations",
        "fill_height",
        "fill_width",
    }
)

# What says to a client what a component takes.
_PROPS = ("value", "label", "name", "choices", "minimum", "maximum", "file_count")


def page_of(answer: Answer) -> Any:
    """Return the config that stands in the page."""
    found = re.search(rb"window\.gradio_config = (.*?);\s*</script>", answer.body, re.DOTALL)
    assert found is not None, answer.body[:300]
    return json.loads(found[1])


def seen_config(document: Any, *, whole: bool = False) -> Any:
    """Return a config without what is only for the page, and with components where their numbers were.

    Unless it is to be ``whole``, only their kinds.
    """
    if not isinstance(document, dict) or "dependencies" not in document:
        return document
    by_id = {component["id"]: component for component in document["components"]}
    seen: dict[str, Any] = {}
    for key, value in document.items():
        if key == "dependencies":
            seen[key] = [_dependency(each, by_id, whole=whole) for each in value]
        else:
            seen[key] = "(for the page)" if key in _FOR_THE_PAGE else value
    return seen


def seen_page_config(document: Any) -> Any:
    """Return the config of the page, which has some fields more, in an order of its own."""
    seen = seen_config(document)
    return {key: value for key, value in sorted(seen.items()) if key not in ("current_page", "deep_link_state")}


def _dependency(dependency: Any, by_id: Any, *, whole: bool) -> Any:
    seen = dict(dependency)
    for side in ("inputs", "outputs"):
        shown = [by_id[identity] for identity in dependency[side]]
        seen[side] = [_component(each) if whole else each["type"] for each in shown]
    seen["targets"] = [
        [by_id[target[0]]["type"], *target[1:]] if isinstance(target, list) else by_id[target]["type"]
        for target in dependency["targets"]
    ]
    return seen


def _component(component: Any) -> Any:
    seen = {key: value for key, value in component.items() if key != "props"}
    seen["id"] = "(id)"
    if "component_class_id" in seen:
        seen["component_class_id"] = "(class)"
    seen["props"] = {key: value for key, value in sorted(component["props"].items()) if key in _PROPS}
    return seen


def seen_info(document: Any) -> Any:
    """Return an info; snippets of code are prose, of which only the languages are told."""
    if isinstance(document, dict):
        return {key: list(value) if key == "code_snippets" else seen_info(value) for key, value in document.items()}
    return [seen_info(item) for item in document] if isinstance(document, list) else document


def seen_openapi(document: Any) -> Any:
    """Return an OpenAPI document without the sentences for people: they are the fake's own."""
    if isinstance(document, dict):
        return {
            key: "(words)" if key in ("summary", "description") and isinstance(value, str) else seen_openapi(value)
            for key, value in document.items()
        }
    return [seen_openapi(item) for item in document] if isinstance(document, list) else document
