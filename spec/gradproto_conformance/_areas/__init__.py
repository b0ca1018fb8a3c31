"""The scenarios, one module for each area of the specification."""

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
        diff,
        cancel,
        state,
        auth,
        direct,
        call,
        stream,
        named,
    )
)
"""What the areas declare, in the order of the specification."""
