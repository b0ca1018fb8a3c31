"""The versions of Gradio that the matrix is about."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ALL_CLIENTS", "PINS", "VERSIONS", "numbers"]

PINS = Path(__file__).parent / "pins"


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, for comparisons."""
    return tuple(int(part) for part in version.split("."))


VERSIONS = sorted((path.stem.removeprefix("gradio-") for path in PINS.glob("gradio-*.txt")), key=numbers)

# One version of each dialect is run by all three clients, the others by the sync client alone.
ALL_CLIENTS = frozenset(
    {
        "2.9.4",  # direct calls and the polling queue, one function
        "3.0.24",  # the same with function indexes
        "3.4.1",  # WebSocket without a hash
        "3.50.2",  # WebSocket with a hash
        "4.0.2",  # sse
        "4.12.0",  # sse_v1
        "4.19.2",  # sse_v2
        "4.21.0",  # sse_v2.1
        "4.25.0",  # sse_v3, cancelled by /reset
        "6.31.0",  # sse_v3
    }
)
