"""What a server says that it can do, as its config declares it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradproto._record import record

from ._json import as_list, is_object

__all__ = ["Capability", "capabilities"]


@record(frozen=True, slots=True, kw_only=True)
class Capability:
    """Something that a client may use if it is declared; ``detail`` is what the config says of it."""

    name: str
    declared: bool
    detail: str = ""


def capabilities(config: Mapping[str, Any]) -> tuple[Capability, ...]:
    """Read a config, whatever is in it."""
    dependencies = [one for one in as_list(config.get("dependencies")) if is_object(one)]
    types = [one["types"] for one in dependencies if is_object(one.get("types"))]
    callable_ones = [one for one in dependencies if one.get("backend_fn", True)]
    named = [one for one in callable_ones if isinstance(one.get("api_name"), str)]
    pages = as_list(config.get("pages"))
    queued = [one for one in callable_ones if one.get("queue", True) is not False]
    return (
        _of("API prefix", config.get("api_prefix")),
        _of("queue", config.get("protocol") or ("ws or polling" if config.get("enable_queue", queued) else None)),
        Capability(
            name="endpoints", declared=bool(callable_ones), detail=f"{len(callable_ones)}, {len(named)} with a name"
        ),
        Capability(name="generators", declared=any(one.get("generator") is True for one in types)),
        Capability(name="cancelling", declared=any(one.get("cancels") for one in dependencies)),
        Capability(name="streams of inputs", declared=any(one.get("connection") == "stream" for one in dependencies)),
        Capability(name="heartbeats", declared=config.get("connect_heartbeat") is True),
        _of("limit of uploads", config.get("max_file_size"), " bytes"),
        Capability(
            name="pages",
            declared=len(pages) > 1,
            detail=str(len(pages)) if pages else "",
        ),
        Capability(name="MCP", declared=config.get("mcp_server") is True),
        Capability(name="PWA", declared=config.get("pwa") is True),
        _of("Space", config.get("space_id")),
    )


def _of(name: str, value: Any, unit: str = "") -> Capability:
    said = isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
    return Capability(name=name, declared=said, detail=f"{value!s:.80}{unit}" if said else "")
