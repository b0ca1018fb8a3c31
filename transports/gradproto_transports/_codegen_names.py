"""Names for what an app has named otherwise: Python identifiers that stay the same when others come and go.

An app may call its endpoints and parameters anything. Where two names become the same identifier, the one that is that
identifier keeps it, and the others get a suffix made from their true names; a number would change hands when the app
puts them into another order, and a call would silently go to another endpoint.
"""

from __future__ import annotations

import keyword
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from hashlib import sha256

__all__ = ["identifiers"]

_LENGTH_LIMIT = 60  # characters


def identifiers(names: Sequence[str], *, reserved: Collection[str], other: str) -> list[str]:
    """Return an identifier for each name, no two the same and none that is ``reserved``.

    None of them begins with an underscore. The names differ from one another. ``other`` stands for names of which
    nothing can be used.
    """
    plain = [_identifier(name, reserved, other) for name in names]
    counts = Counter(plain)
    taken = {found for name, found in zip(names, plain, strict=True) if name == found}
    made: list[str] = []
    for name, found in zip(names, plain, strict=True):
        if name == found or (counts[found] == 1 and found not in taken):
            made.append(found)
            continue
        digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        size = 6
        while (candidate := f"{found}_{digest[:size]}") in taken or candidate in plain or candidate in reserved:
            size += 1
        taken.add(candidate)
        made.append(candidate)
    return made


def _identifier(name: str, reserved: Collection[str], other: str) -> str:
    # The parser of Python takes names in this form for the same, too.
    text = unicodedata.normalize("NFKC", name)
    # Names with two underscores in front mean something else in a class, and those with one are nobody else's.
    text = "".join(char if f"x{char}".isidentifier() else "_" for char in text).strip("_")[:_LENGTH_LIMIT]
    if not text or unicodedata.normalize("NFKC", text) != text:
        return other
    if not text.isidentifier():  # it begins with a digit, or with what may only follow
        text = f"{other}_{text}"
    return f"{text}_" if keyword.iskeyword(text) or text in reserved else text
