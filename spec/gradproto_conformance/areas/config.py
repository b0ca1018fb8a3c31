"""CONFIG: what an app says of itself."""

from __future__ import annotations

from typing import Any

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._exchange import NotJson
from gradproto_conformance._judge import Judge

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

IS_JSON = check("config-is-json", "/config gives a JSON object", "CONFIG-1.1")
HAS_VERSION = check("config-has-version", "The config names Gradio's version", "CONFIG-1.3")
HAS_PROTOCOL = check("config-has-protocol", "The config names the form of the queue", "CONFIG-2.1")
COMPONENT_IDS = check("config-component-ids", "Components have ids, types and properties", "CONFIG-3.1")
DEPENDENCY_IDS = check("config-dependency-ids", "Dependencies have ids, each once only", "CONFIG-3.3")
REFERENCES = check("config-references", "Inputs and outputs are components of the config", "CONFIG-3.2")


@scenario(IS_JSON, HAS_VERSION, HAS_PROTOCOL, COMPONENT_IDS, DEPENDENCY_IDS, REFERENCES, effect=Effect.READ)
async def config_document(judge: Judge) -> None:
    """Ask for the config once more, and look at what every client reads of it."""
    answer = await judge.probe.ask("GET", "/config")
    try:
        config = answer.json()
    except NotJson as error:
        config = None
        judge.that(IS_JSON, False, expected="JSON", got=str(error), exchange=answer)
    if not judge.that(
        IS_JSON,
        answer.status == 200 and isinstance(config, dict),
        expected="status 200 and a JSON object",
        got=f"status {answer.status}, {answer.text}",
        exchange=answer,
    ):
        for one in (HAS_VERSION, HAS_PROTOCOL, COMPONENT_IDS, DEPENDENCY_IDS, REFERENCES):
            judge.cannot(one, "there is no config")
        return

    version = config.get("version")
    judge.that(HAS_VERSION, isinstance(version, str) and version.strip() != "", expected="text", got=version)
    protocol = config.get("protocol")
    judge.that(
        HAS_PROTOCOL,
        isinstance(protocol, str) and protocol.startswith("sse"),
        expected="sse, sse_v1, sse_v2, sse_v2.1 or sse_v3",
        got=protocol,
    )

    components = _objects(config.get("components"))
    ids = [component.get("id") for component in components]
    judge.that(
        COMPONENT_IDS,
        bool(components)
        and len(set(map(repr, ids))) == len(ids)
        and all(isinstance(component.get("id"), int) for component in components)
        and all(isinstance(component.get("type"), str) for component in components)
        and all(isinstance(component.get("props"), dict) for component in components),
        expected="a list of objects with id (an integer, once only), type (text) and props (an object)",
        got=config.get("components"),
    )
    dependencies = _objects(config.get("dependencies"))
    own = [dependency.get("id") for dependency in dependencies]
    judge.that(
        DEPENDENCY_IDS,
        bool(own) and all(isinstance(one, int) for one in own) and len(set(own)) == len(own),
        expected="an integer for each dependency, once only",
        got=own,
    )
    named = [one for dependency in dependencies for key in ("inputs", "outputs") for one in dependency.get(key, [None])]
    unknown = [one for one in named if one not in ids]
    judge.that(REFERENCES, not unknown, expected="only ids of components", got=unknown)


def _objects(value: Any) -> list[dict[str, Any]]:
    """Give the list, if it is one of objects only; else nothing, which no check accepts."""
    return value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else []
