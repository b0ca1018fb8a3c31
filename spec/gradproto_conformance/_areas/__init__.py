"""The scenarios: a module for each page of the specification, and a few for what is seen of an app from further off.

Each of those stands behind the page that its first check is about.
"""

from __future__ import annotations

from . import (
    auth,
    base,
    between,
    call,
    cancel,
    config,
    diff,
    direct,
    event,
    file,
    info,
    named,
    own,
    payload,
    poll,
    queue,
    served,
    state,
    stream,
    ws,
)

__all__ = ["REGISTRIES"]

REGISTRIES = tuple(
    area.REGISTRY
    for area in (
        base,
        between,
        config,
        served,
        info,
        payload,
        file,
        poll,
        ws,
        own,
        queue,
        event,
        named,
        diff,
        cancel,
        state,
        auth,
        direct,
        call,
        stream,
    )
)
"""What the areas declare, in the order of the specification."""
