"""What must not be shown or kept: which headers and names hold secrets, and how these are taken out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ._json import is_list_or_tuple, is_object

__all__ = ["HIDDEN", "SECRET_HEADERS", "SECRET_NAMES", "SecretFilter", "without_secrets", "without_secrets_in_query"]

HIDDEN = "***"
_DEEPEST = 100  # levels of a value; what reads or writes it must not run out of stack
_COOKIES = frozenset({"cookie", "set-cookie"})
_WHOLE = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "x-hf-authorization",
        "x-ip-token",  # with which a Space calls another one in the name of its visitor
        "x-zerogpu-token",
    }
)
SECRET_HEADERS = _COOKIES | _WHOLE
SECRET_NAMES = frozenset(
    {
        "__sign",
        "access-token",
        "access_token",
        "accesstoken",
        "api-key",
        "api_key",
        "apikey",
        "authorization",
        "client_secret",
        "hf_token",
        "id_token",
        "oauth_token",
        "password",
        "refresh_token",
        "token",
        "x-amz-security-token",
        "x-amz-signature",
    }
)


def without_secrets_in_query(query: str) -> str:
    """Return a query with the values of secret names replaced by ``***``."""
    items = parse_qsl(query, keep_blank_values=True)
    if not any(name.lower() in SECRET_NAMES for name, _ in items):
        return query
    return urlencode([(name, HIDDEN if name.lower() in SECRET_NAMES else value) for name, value in items], safe="*")


def without_secrets(value: Any, levels: int = _DEEPEST) -> Any:
    """Return a JSON value with the values of secret names replaced by ``***``; what is too deep is ``...``."""
    if not is_object(value) and not is_list_or_tuple(value):
        return value
    if not levels:
        return "..."
    if is_object(value):
        return {
            name: HIDDEN if name.lower() in SECRET_NAMES and inner is not None else without_secrets(inner, levels - 1)
            for name, inner in value.items()
        }
    return [without_secrets(item, levels - 1) for item in value]


def _any_of(names: Iterable[str]) -> bytes:
    return b"|".join(re.escape(name.encode()) for name in sorted(names, key=len, reverse=True))


_NAMES = _any_of(SECRET_NAMES)
# What stands before a secret, and says so. The names of the groups are those of the ways in which the secret ends.
_OPENING = re.compile(
    rb"\n(?P<line>" + _any_of(_WHOLE) + rb")[ \t]*:[ \t]*"
    rb"|\n(?P<item>set-cookie)[ \t]*:[^=;\r\n]*="
    rb"|\n(?P<items>cookie)[ \t]*:"
    rb'|(?P<text>")(?:' + _NAMES + rb')\\{0,15}"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}(?P<depth>\\{0,15})"'
    rb'|(?P<part>name=)"(?:' + _NAMES + rb')"[^\r\n]{0,80}\r\n(?:[^\r\n]{1,80}\r\n)?\r\n'
    rb"|(?:(?<![\w-])|(?<=\\u0026))(?P<value>" + _NAMES + rb")="
    rb"|\b(?P<bearer>bearer)(?:[ +]|%20)"
    rb"|(?P<token>hf_)",
    re.IGNORECASE,
)
# One of these is in whatever the pattern stands for. Finding none takes a hundredth of the time.
_WORDS = (
    *(b"authorization", b"cookie", b"token", b"password", b"secret", b"sign"),
    *(b"api_key", b"api-key", b"apikey", b"bearer", b"hf_"),
)
_LEAD = 40  # bytes: as far as an opening may begin before such a word
_REACH = 300  # bytes: the longest of all that the pattern above can stand for
_ENDS = {
    "line": re.compile(rb"[\r\n]"),
    "part": re.compile(rb"[\r\n]"),
    "items": re.compile(rb"[\r\n]"),
    "item": re.compile(rb"[;\r\n]"),
    "value": re.compile(rb"[&;#\s\"'<>\\]"),
    "bearer": re.compile(rb"[^\w.~+/=-]", re.ASCII),
    "token": re.compile(rb"[^\w.-]", re.ASCII),
}
_QUOTE = re.compile(rb'(?<!\\)\\*"')
# Words like "bearer of" and "hf_hub" are none: a token is long, and no word.
_SHORTEST = 12
_NO_WORD = re.compile(rb"[0-9A-Z]")


class SecretFilter:
    """Writes asterisks over the secrets of a text that comes in pieces, which keep their lengths.

    A piece is not kept back to see how it goes on: what may be the beginning of a token at its end counts as one.
    """

    def __init__(self) -> None:
        self._before = b""  # what may be the beginning of an opening
        self._open: str | None = None
        self._depth = 0
        self._slashes = 0
        self._length = 0  # of what there was of a token
        self._in_value = False

    @property
    def _is_hiding(self) -> bool:
        """Whether what comes next belongs to a secret."""
        return self._open is not None

    def feed(self, data: bytes) -> bytes:
        """Take a piece, and return it without secrets."""
        seen = self._before + data
        start = len(self._before)
        out = bytearray(seen)
        where = start if self._is_hiding else 0
        lower = seen.lower()
        first = min((found for word in _WORDS if (found := lower.find(word)) >= 0), default=None)
        kept = 0  # from where on it may belong to an opening
        while True:
            if self._is_hiding:
                began = where
                is_word = self._open in ("bearer", "token")
                where = self._hide(seen, out, where)
                if self._is_hiding:
                    break
                if is_word:
                    where = max(0, began - _REACH) if began == start else where
                else:
                    kept = where
            match = None if first is None else _OPENING.search(seen, max(where, first - _LEAD))
            if match is None:
                break
            where = match.end()
            if where > start:
                self._begin(match)
        self._before = seen[max(kept, len(seen) - _REACH) :] if self._open in (None, "bearer", "token") else b""
        return bytes(out[start:])

    def _begin(self, match: re.Match[bytes]) -> None:
        kind = next(name for name, value in match.groupdict().items() if value is not None and name != "depth")
        self._open = kind
        self._length = self._slashes = 0
        self._in_value = False
        self._depth = len(match["depth"] or b"")

    def _hide(self, seen: bytes, out: bytearray, where: int) -> int:
        """Hide what belongs to the secret, and return where it ends."""
        assert self._open is not None
        if self._open == "text":
            return self._hide_text(seen, out, where)
        found = _ENDS[self._open].search(seen, where)
        end = len(seen) if found is None else found.start()
        if self._open == "items":
            self._hide_values(seen, out, where, end)
        elif self._is_secret(seen[where:end], whole=found is not None):
            out[where:end] = b"*" * (end - where)
        self._length += end - where
        if found is not None:
            self._open = None
        return end

    def _is_secret(self, data: bytes, *, whole: bool) -> bool:
        if self._open not in ("bearer", "token") or self._length >= _SHORTEST or not whole:
            return True
        return self._length + len(data) >= _SHORTEST and (self._length > 0 or _NO_WORD.search(data) is not None)

    def _hide_values(self, seen: bytes, out: bytearray, where: int, end: int) -> None:
        """Hide the values of cookies; their names may stay."""
        for index in range(where, end):
            sign = seen[index : index + 1]
            if sign == b";":
                self._in_value = False
            elif self._in_value:
                out[index : index + 1] = b"*"
            elif sign == b"=":
                self._in_value = True

    def _hide_text(self, seen: bytes, out: bytearray, where: int) -> int:
        """Hide a JSON string, which may itself stand in a JSON string, so that its quotes are escaped."""
        began = where
        before, self._slashes = self._slashes, 0
        for match in _QUOTE.finditer(seen, where):
            slashes = match.end() - match.start() - 1
            if match.start() == began:
                slashes += before
            if slashes % 2 == 0 if self._depth == 0 else slashes <= self._depth:
                self._open = None
                end = match.end() - 1 - min(self._depth, match.end() - 1 - match.start())
                out[began:end] = b"*" * (end - began)
                return match.end()
        self._slashes = len(seen) - len(seen[began:].rstrip(b"\\")) - began
        if self._slashes == len(seen) - began:
            self._slashes += before
        out[began:] = b"*" * (len(seen) - began)
        return len(seen)
