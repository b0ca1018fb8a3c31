"""The conformance suite: checks that say whether a Gradio server keeps to the protocol that ``spec/`` describes."""

from __future__ import annotations

__all__: list[str] = []
