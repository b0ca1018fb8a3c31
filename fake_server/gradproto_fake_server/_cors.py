"""What a browser is told of who may read an answer: any page, or only those of this machine if the server is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

__all__ = ["Cors", "cors_headers", "is_preflight", "preflight_answer"]

Cors = Literal["open", "listed", "cookies", "credentials", "local", "strict"]
"""``open``: any page may read. Later a server on this machine lets only pages of this machine read: ``listed`` tells
the methods with each answer, ``cookies`` lets any page read what it sent cookies for, ``credentials`` does too and says
in preflights that it takes them, ``local`` is as that but for cookies, and to ``strict`` a page that is a file (whose
origin is ``null``) is not of this machine."""

Headers = list[tuple[str, str]]

_PREFLIGHT = "access-control-request-method"
_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_LISTED: Headers = [
    ("access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS"),
    ("access-control-allow-headers", "Origin, Content-Type, Accept"),
]
_TRUSTING = ("cookies", "credentials")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "0.0.0.0"})


def is_preflight(manner: Cors, method: str, request: Mapping[str, str]) -> bool:
    """Say whether a browser asks whether it may ask, which is answered before any route is looked for."""
    return method == "OPTIONS" and _PREFLIGHT in request and (manner == "listed" or "origin" in request)


def preflight_answer(manner: Cors) -> tuple[bytes, str | None]:
    """Give the body of the answer to that, and its type."""
    return (b"", None) if manner == "listed" else (b"OK", "text/plain; charset=utf-8")


def cors_headers(manner: Cors, request: Mapping[str, str]) -> Headers:
    """Give what an answer has besides, by the headers of its request."""
    origin = request.get("origin")
    if manner == "listed":
        allowed = [("access-control-allow-origin", origin)] if origin and _may_read(manner, request) else []
        return [*allowed, *_LISTED]
    if origin is None:
        return []
    if _PREFLIGHT in request:
        return _preflight_headers(manner, origin, request)
    explicit = [("access-control-allow-origin", origin), ("vary", "Origin")]
    if manner == "open":
        return explicit if "cookie" in request else [("access-control-allow-origin", "*")]
    allowed = explicit if _may_read(manner, request) or (manner in _TRUSTING and "cookie" in request) else []
    return [("access-control-allow-credentials", "true"), *allowed]


def _preflight_headers(manner: Cors, origin: str, request: Mapping[str, str]) -> Headers:
    headers = [("access-control-allow-methods", _METHODS), ("access-control-max-age", "600")]
    if manner not in ("open", "cookies"):
        headers.append(("access-control-allow-credentials", "true"))
    if manner == "open" or _may_read(manner, request):
        headers.append(("access-control-allow-origin", "*" if manner == "open" else origin))
    wanted = request.get("access-control-request-headers")
    return headers if wanted is None else [*headers, ("access-control-allow-headers", wanted)]


def _may_read(manner: Cors, request: Mapping[str, str]) -> bool:
    local = _LOCAL_NAMES if manner == "strict" else _LOCAL_NAMES | {"null"}
    return _host_name(request.get("host", "")) not in local or _host_name(request.get("origin", "")) in local


def _host_name(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"http://{url}").hostname or ""
    except ValueError:  # an address in brackets that is none
        return ""
