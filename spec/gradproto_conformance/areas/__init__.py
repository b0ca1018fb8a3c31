"""The scenarios, one module for each area of the specification."""

from __future__ import annotations

from . import (
    auth,
    base,
    call,
    cancel,
    config,
    diff,
    direct,
    event,
    file,
    info,
    own,
    payload,
    poll,
    queue,
    state,
    stream,
    ws,
)

__all__ = ["REGISTRIES"]

REGISTRIES = tuple(
    area.REGISTRY
    for area in (
        base,
        config,
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
    )
)
"""What the areas declare, in the order of the specification."""
