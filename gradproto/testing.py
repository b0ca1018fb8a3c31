"""Checks of what others put around the core: adapters at the session door, drivers at the bytes door, streams.

They want the fake server and the clients, which are above the core, and the extra ``trio``: they are loaded only when
they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradproto_conformance.adapters import AdapterFailed as AdapterFailed
    from gradproto_conformance.adapters import BrokenObligation as BrokenObligation
    from gradproto_conformance.adapters import Checked as Checked
    from gradproto_conformance.adapters import check_adapter as check_adapter
    from gradproto_conformance.adapters import check_driver as check_driver
    from gradproto_conformance.adapters import check_stream as check_stream

__all__ = ["AdapterFailed", "BrokenObligation", "Checked", "check_adapter", "check_driver", "check_stream"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module("gradproto_conformance.adapters"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
