"""Checks for whoever puts an I/O layer of their own around the core; `gradproto.testing` has them too."""

from __future__ import annotations

from ._check import AdapterFailed as AdapterFailed
from ._check import BrokenObligation as BrokenObligation
from ._check import Checked as Checked
from ._check import check_adapter as check_adapter
from ._check import check_driver as check_driver
from ._streams import check_stream as check_stream

__all__ = ["AdapterFailed", "BrokenObligation", "Checked", "check_adapter", "check_driver", "check_stream"]
