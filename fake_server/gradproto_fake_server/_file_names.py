"""Under which name an upload is stored, in every generation."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

from ._files import safe_name
from ._profiles import Profile

__all__ = ["RouteCrash", "upload_name"]

_MAX_NAME = 200  # bytes


class RouteCrash(Exception):
    """A name with which Gradio's route crashes."""


def upload_name(filename: str, profile: Profile) -> str | None:
    """Give the base name for an upload, ``""`` if it has none, ``None`` if it is refused.

    Raises :class:`RouteCrash` for a name for which there is no better answer.
    """
    if profile.upload_names == "safe":
        return safe_name(filename)
    base = PurePosixPath(filename).name
    if base in ("", ".."):
        if base and profile.upload_names == "letters" and not profile.refuses_parent:
            raise RouteCrash
        return None if base else ""
    if profile.upload_names == "letters":
        return _cut("".join(character for character in base if _is_plain(character, "._- ")), "")
    stem, extension = os.path.splitext(base)
    return _cut("".join(character for character in stem if _is_plain(character, "._-, ")), extension)


def _is_plain(character: str, others: str) -> bool:
    return character.isalnum() or character in others


def _cut(stem: str, extension: str) -> str:
    """Shorten what may be shortened; the extension stays whole, and what an operating system cannot store is cut."""
    room = max(_MAX_NAME - len(extension.encode()), 0)
    name = stem.encode()[:room].decode("utf-8", "ignore") + extension
    return name.encode()[:255].decode("utf-8", "ignore") or "file"
