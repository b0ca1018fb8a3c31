"""The scenarios, one module for each area of the specification."""

from __future__ import annotations

from . import auth, base, call, config, direct, file, info

__all__ = ["REGISTRIES"]

REGISTRIES = tuple(area.REGISTRY for area in (base, config, info, file, auth, direct, call))
"""What the areas declare, in the order of the specification."""
