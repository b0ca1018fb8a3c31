"""A file of a request, read in pieces: by whatever adapter, on whatever thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from gradproto import FilePart, WriteError

PIECE = 64 * 1024
# The same file may be on its way twice, and a place and what is read there belong together.
READING = threading.Lock()


def pieces_of(part: FilePart) -> Iterator[bytes]:
    """Read a file, as much of it as was said to be sent."""
    source, left, place = opened(part), part.size, part.start
    try:
        while left:
            piece = read(source, place, min(PIECE, left))
            if not piece:
                raise WriteError("the file to upload ended early")
            left -= len(piece)
            place = None if place is None else place + len(piece)
            yield piece
    finally:
        if isinstance(part.source, str):
            source.close()


def opened(part: FilePart) -> Any:
    """Return the file, which is opened here if it is a path."""
    if not isinstance(part.source, str):
        return part.source
    try:
        return open(part.source, "rb")
    except OSError as error:
        raise WriteError(f"the file to upload cannot be opened: {error}") from error


def read(source: Any, place: int | None, size: int) -> bytes:
    """Read from a place, or from where the file stands; an error is no failure of the network, and not taken for one.

    Who took it for one would wait for the answer to half of a request.
    """
    try:
        with READING:
            if place is not None:
                source.seek(place)
            data: bytes = source.read(size)
    except (OSError, ValueError) as error:
        raise WriteError(f"the file to upload cannot be read: {error}") from error
    return data
