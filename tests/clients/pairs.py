"""Which client meets which Gradio, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["EXPECTED", "PAIRS", "SCENARIOS", "Pair"]

Language = Literal["python", "javascript"]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An official client of one version, and the version of Gradio that it is to find."""

    language: Language
    client: str
    gradio: str

    def __str__(self) -> str:
        return f"{self.language} {self.client} / {self.gradio}"


# The first of each row is the Gradio that was released with the client; the pins of the matrix say so for Python, and
# the package.json that Gradio 4 and 5 carry for JavaScript.
_PYTHON: Mapping[str, tuple[str, ...]] = {
    "0.2.5": ("3.32.0",),
    "0.6.1": ("3.50.2", "3.39.0"),
    "0.7.0": ("4.0.2",),
    "0.7.1": ("4.8.0", "4.0.2"),
    "0.8.0": ("4.12.0", "3.50.2"),
    "0.10.1": ("4.19.2", "4.12.0"),
    "0.15.0": ("4.25.0", "4.21.0"),
    "1.3.0": ("4.44.1", "4.36.1"),
    "1.14.0": ("5.50.0", "5.29.0", "4.44.1"),
    "2.0.1": ("6.0.2", "5.50.0"),
    "2.7.2": ("6.31.0", "6.13.0", "5.50.0"),
}

_JAVASCRIPT: Mapping[str, tuple[str, ...]] = {
    "0.1.4": ("3.32.0", "3.39.0", "3.50.2"),
    "0.20.1": ("4.31.5", "4.36.1", "4.44.1"),
    "1.19.1": ("5.50.0", "5.43.1", "6.0.2", "6.31.0"),
    "newest": ("6.31.0", "6.13.0", "5.50.0"),
}

PAIRS: tuple[Pair, ...] = (
    *(Pair(language="python", client=client, gradio=gradio) for client in _PYTHON for gradio in _PYTHON[client]),
    *(
        Pair(language="javascript", client=client, gradio=gradio)
        for client in _JAVASCRIPT
        for gradio in _JAVASCRIPT[client]
    ),
)

_NAMES = ["/add", "/count", "/echo", "/fail", "/shout", "/steps", "/visit"]

EXPECTED: Mapping[str, Any] = {
    "connect": "the version",
    "view_api": {"names": _NAMES, "labels": ["a", "b"]},
    "echo": "hé ✓",
    "add": 3.5,
    "generator": ["0", "1", "2", "3", "4"],
    "error": {"told": "told: sorry"},
    "file": "HÉLLO!",
    "state": [1, 2, 1],
    "two at once": [["a 0", "a 1", "a 2"], ["b 0", "b 1", "b 2"]],
    "login": "in",
    "wrong login": "refused",
    "cancel": True,
}
"""What the driver must tell of each scenario. The last one leaves a job to look at."""

SCENARIOS: tuple[str, ...] = tuple(EXPECTED)
