"""A file of a request, read in pieces: by whatever adapter, on whatever thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradproto import FilePart, WriteError

PIECE = 64 * 1024


def pieces_of(part: FilePart) -> Iterator[bytes]:
    """Read a file, as much of it as was said to be sent."""
    source: Any = open(part.source, "rb") if isinstance(part.source, str) else part.source  # noqa: SIM115
    place, end = (part.start or 0), (part.start or 0) + part.size
    try:
        while place < end:
            source.seek(place)  # each time: the same file may be on its way twice
            piece = source.read(min(PIECE, end - place))
            if not piece:
                raise WriteError("the file to upload ended early")
            place += len(piece)
            yield piece
    finally:
        if isinstance(part.source, str):
            source.close()
