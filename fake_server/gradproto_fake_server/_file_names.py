"""Under which name each Gradio stores a file."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

from ._profiles import Profile

__all__ = ["stored_name"]

_MAX_NAME = 200  # bytes; what Gradio leaves of a long name
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|`$!{}]")
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))})


def stored_name(filename: str, profile: Profile) -> str | None:
    """Give the base name under which a file is stored, ``""`` if it has none, ``None`` if it must be refused."""
    base = PurePosixPath(filename).name
    if not base or base == "..":
        return None if base else ""
    return _safe(base) if profile.file_names == "safe" else _letters(base, profile.file_names == "letters before")


def _safe(base: str) -> str:
    """Drop what is dangerous.

    Characters that mean something to a file system or a shell are dropped, names of devices
    get an underscore before them, long names are cut (Gradio 6.31).
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


def _letters(base: str, extension_kept: bool) -> str:
    """Keep letters, digits and few signs alone, in a name of so many bytes (Gradio before 6.13)."""
    stem, extension = os.path.splitext(base) if extension_kept else (base, "")
    allowed = "._-, " if extension_kept else "._- "
    stem = "".join(letter for letter in stem if letter.isalnum() or letter in allowed)
    room = max(_MAX_NAME - len(extension.encode()), 0)
    # Nothing can be stored under no name at all.
    return (stem.encode()[:room].decode("utf-8", "ignore") + extension) or "file"
