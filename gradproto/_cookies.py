"""Cookies, as far as a client of one app needs them: the login's, and those that keep it on one replica.

RFC 6265 without a clock: a cookie lives as long as the jar, unless the server deletes it. Gradio's login sets its token
twice, as a ``Secure`` cookie and as an ``-unsecure`` one for plain http (3.19 and later).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ._errors import ArgumentError
from ._record import record
from ._urls import origin, target

__all__ = ["CookieJar", "check_cookie"]

MAX_COOKIES = 150
"""Cookies in a jar: RFC 6265, section 6.1, asks for 50 a domain, and a client has to do with an app and the Hub. A
server that makes up a new name each time must not fill the memory, so beyond this the oldest one goes."""

MAX_LINE = 8192
"""Characters of a ``Set-Cookie`` value: twice what RFC 6265 asks for, and few servers take back a longer header."""

# Below these, each name is another owner's app. (A list of all such domains would be much larger than this library.)
_SHARED_DOMAINS = frozenset({"hf.space", "static.hf.space", "gradio.live"})

_CONTROL = r"[\x00-\x08\x0a-\x1f\x7f]"
_NUMBER = r"-?[0-9]{1,20}"
_LAST_CENTURY = r"\b19[0-9]{2}\b|-[789][0-9]\b"
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110, "token"
_VALUE = r"[\x20-\x3a\x3c-\x7e]*"


@record(frozen=True, slots=True, kw_only=True)
class _Cookie:
    name: str
    value: str
    domain: str
    port: int
    host_only: bool
    path: str
    secure: bool


class CookieJar:
    """The cookies of one client. What a server sends malformed, or for a foreign domain, is ignored.

    A cookie goes back to the port that it came from only: what listens at another one is another app, and a stranger
    (RFC 6265, section 8.5, warns that browsers do not tell them apart).
    """

    def __init__(self) -> None:
        # In the order in which they were first set; a new value keeps the place (RFC 6265, section 5.3, step 11).
        self._cookies: dict[tuple[str, int, str, str], _Cookie] = {}

    def __repr__(self) -> str:
        return f"CookieJar({', '.join(f'{cookie.name}@{cookie.domain}' for cookie in self._cookies.values())})"

    def store(self, url: str, set_cookie_headers: Iterable[str]) -> None:
        """Take the values of the ``Set-Cookie`` headers of a response from ``url``."""
        for line in set_cookie_headers:
            self._store_line(url, line)

    def set(self, name: str, value: str, url: str) -> None:
        """Set a cookie for the host of ``url``, all paths; it goes over https only if ``url`` is https.

        Raises ``ArgumentError`` where the name or the value cannot be in a ``Cookie`` header.
        """
        check_cookie(name, value)
        scheme, host, port = origin(url)
        secure = scheme == "https"
        self._put(_Cookie(name=name, value=value, domain=host, port=port, host_only=True, path="/", secure=secure))

    def header_for(self, url: str) -> str | None:
        """Return the value of the ``Cookie`` header for a request to ``url``, or ``None`` if no cookie is for it."""
        if not self._cookies:
            return None
        scheme, host, port = origin(url)
        path = target(url).partition("?")[0]
        confidential = scheme == "https" or _is_loopback(host)
        found = [
            cookie
            for cookie in self._cookies.values()
            if _is_for_host(cookie, host)
            and cookie.port == port
            and _is_for_path(cookie, path)
            and (confidential or not cookie.secure)
        ]
        found.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found) or None

    def _store_line(self, url: str, line: str) -> None:
        if len(line) > MAX_LINE or not line.isascii() or re.search(_CONTROL, line):
            return
        pair, *rest = line.split(";")
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            return
        attributes = _parse_attributes(rest)
        _, host, port = origin(url)
        named = attributes.get("domain", "").lower().removeprefix(".")
        domain = named or host
        if not _may_set(host, domain):
            return
        path = attributes.get("path", "")
        cookie = _Cookie(
            name=name,
            value=value.strip(),
            domain=domain,
            port=port,
            host_only=not named or not _may_be_shared(domain),
            path=path if path.startswith("/") else _default_path(url),
            secure="secure" in attributes,
        )
        if _is_over(attributes):
            self._cookies.pop(_key(cookie), None)
        else:
            self._put(cookie)

    def _put(self, cookie: _Cookie) -> None:
        self._cookies[_key(cookie)] = cookie
        if len(self._cookies) > MAX_COOKIES:
            del self._cookies[next(iter(self._cookies))]


def _key(cookie: _Cookie) -> tuple[str, int, str, str]:
    return cookie.domain, cookie.port, cookie.path, cookie.name


def check_cookie(name: str, value: str) -> None:
    """Raise `ArgumentError` where the name or the value cannot be in a ``Cookie`` header."""
    if re.fullmatch(_NAME, name) is None:
        raise ArgumentError(f"{name[:80]!r} is no name of a cookie")
    if re.fullmatch(_VALUE, value) is None or value != value.strip():
        raise ArgumentError(f"the value of the cookie {name[:80]!r} has characters that no cookie can have")


def _parse_attributes(parts: list[str]) -> dict[str, str]:
    """Return the attributes by lower-case name; of several, the last counts (RFC 6265, section 5.3)."""
    attributes: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        attributes[name.strip().lower()] = value.strip()
    return attributes


def _is_over(attributes: dict[str, str]) -> bool:
    """Whether the server deletes the cookie: by ``Max-Age``, or by an ``Expires`` so old that it needs no clock."""
    max_age = attributes.get("max-age", "")
    if re.fullmatch(_NUMBER, max_age):
        return int(max_age) <= 0
    return re.search(_LAST_CENTURY, attributes.get("expires", "")) is not None


def _may_set(host: str, domain: str) -> bool:
    if domain == host:
        return True
    return host.endswith("." + domain) and _may_be_shared(domain) and not _is_address(host)


def _may_be_shared(domain: str) -> bool:
    """Whether a cookie may be for all names below ``domain``: not at the top level, nor where strangers live."""
    return "." in domain and domain not in _SHARED_DOMAINS


def _is_for_host(cookie: _Cookie, host: str) -> bool:
    return host == cookie.domain or (not cookie.host_only and host.endswith("." + cookie.domain))


def _is_for_path(cookie: _Cookie, path: str) -> bool:
    if not path.startswith(cookie.path):
        return False
    return len(path) == len(cookie.path) or cookie.path.endswith("/") or path[len(cookie.path)] == "/"


def _default_path(url: str) -> str:
    return target(url).partition("?")[0].rpartition("/")[0] or "/"


def _is_address(host: str) -> bool:
    # Of what is a host at all: an IPv6 address has colons, and no name ends in a label of digits.
    return ":" in host or host.rpartition(".")[2].isdecimal()


def _is_loopback(host: str) -> bool:
    if _is_address(host):
        return host == "::1" or host.startswith("127.")
    return host == "localhost" or host.endswith(".localhost")
