"""Ways in which a network may cut bytes into pieces.

A parser's events must not depend on how its input was cut, so every parser test feeds its bytes through these.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hypothesis import strategies as st

__all__ = ["chunkings", "random_chunks"]


def chunkings(data: bytes) -> Iterator[list[bytes]]:
    """Yield the whole, byte by byte, and every split in two; the chunks are never empty, for ``b""`` means EOF."""
    yield [data] if data else []
    if len(data) > 1:
        yield [data[i : i + 1] for i in range(len(data))]
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]


@st.composite
def random_chunks(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Cut ``data`` at up to twenty places of Hypothesis's choice; it shrinks towards the whole."""
    if len(data) < 2:
        return [data] if data else []
    cuts = draw(st.lists(st.integers(1, len(data) - 1), max_size=20, unique=True).map(sorted))
    edges = [0, *cuts, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]
