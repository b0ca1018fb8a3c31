"""Under which name an upload is stored, in every generation."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

from ._profiles import Profile

__all__ = ["RouteCrash", "produced_name", "upload_name"]

_MAX_NAME = 200  # bytes
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|`$!{}]")
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))})


class RouteCrash(Exception):
    """A name with which Gradio's route crashes."""


def upload_name(filename: str, profile: Profile) -> str | None:
    """Give the base name for an upload, ``""`` if it has none, ``None`` if it is refused.

    Raises :class:`RouteCrash` for a name for which there is no better answer.
    """
    base = PurePosixPath(filename).name
    if profile.upload_names == "safe" and base not in ("", ".."):
        return _safe(base)
    if base in ("", ".."):
        if base and profile.upload_names == "letters" and not profile.refuses_parent:
            raise RouteCrash
        return None if base else ""
    if profile.upload_names == "letters":
        return _cut("".join(character for character in base if _is_plain(character, "._- ")), "")
    stem, extension = os.path.splitext(base)
    if profile.upload_names == "harmless":
        extension = _FORBIDDEN.sub("", extension)
        return _cut(_FORBIDDEN.sub("", stem) or ("file" if extension else ""), extension)
    return _cut("".join(character for character in stem if _is_plain(character, "._-, ")), extension)


def produced_name(filename: str, profile: Profile) -> str:
    """Give the base name for a file that came within a payload."""
    try:
        return upload_name(filename, profile) or "file"
    except RouteCrash:
        return "file"


def _safe(base: str) -> str:
    """Drop what is dangerous.

    Characters that mean something to a file system or a shell are dropped, names of devices get an underscore before
    them, long names are cut (Gradio 6.31).
    """
    stem, extension = os.path.splitext(base)
    extension = _FORBIDDEN.sub("", extension)
    stem = _FORBIDDEN.sub("", stem) or ("file" if extension else "")
    stem, extension = os.path.splitext((stem + extension).rstrip(" .") or "file")
    if stem.partition(".")[0].rstrip(" ").upper() in _DEVICES:
        stem = f"_{stem}"
    room = _MAX_NAME - len(extension.encode())
    if room < 1:
        return "file" + extension.encode()[: _MAX_NAME - 4].decode("utf-8", "ignore")
    return stem.encode()[:room].decode("utf-8", "ignore") + extension


def _is_plain(character: str, others: str) -> bool:
    return character.isalnum() or character in others


def _cut(stem: str, extension: str) -> str:
    """Shorten what may be shortened; the extension stays whole, and what an operating system cannot store is cut."""
    room = max(_MAX_NAME - len(extension.encode()), 0)
    name = stem.encode()[:room].decode("utf-8", "ignore") + extension
    return name.encode()[:255].decode("utf-8", "ignore") or "file"
