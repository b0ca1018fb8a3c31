"""Secrets of a run, kept out of what is written: tokens, passwords, cookies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["without"]

_SHORTEST = 4  # characters; shorter ones would be found inside ordinary words
_TELLING = 8  # characters; fewer are not worth much, and begin ordinary words


def without(secrets: Iterable[str], text: str) -> str:
    """Return ``text`` without the secrets, in whatever form a header, a JSON value, a form or a query has them.

    Texts are cut where they are long: what is left of a secret that was cut is hidden, too.
    """
    forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):  # one may be a part of another
        text = text.replace(form, "***")
    for form in sorted(forms, key=len, reverse=True):
        if len(form) > _TELLING:
            text = _without_beginnings(form, text)
    return text


def _without_beginnings(secret: str, text: str) -> str:
    parts = text.split(secret[:_TELLING])
    rest = secret[_TELLING:]
    for place, part in enumerate(parts[1:], start=1):
        pairs = enumerate(zip(part, rest, strict=False))
        parts[place] = part[next((end for end, (one, other) in pairs if one != other), min(len(part), len(rest))) :]
    return "***".join(parts)


def _forms(secret: str) -> set[str]:
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
    }
