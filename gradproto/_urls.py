"""URLs: what a person types, what a server redirects to, and the pieces that a request needs.

Nothing here resolves a name or asks a server. URLs that come out of this module are absolute, have a lower-case scheme
and host, no default port, no user name or password, and only ASCII; the functions at the end expect such URLs and are
quick.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote, urljoin

from ._errors import ArgumentError, RemoteProtocolError

__all__ = [
    "host_header",
    "is_space_id",
    "join",
    "origin",
    "parse_src",
    "quote_path",
    "redact_url",
    "resolve",
    "same_origin",
    "space_id_of_url",
    "target",
    "websocket_url",
]

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_HTTP_OF = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

_ABSOLUTE = r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)"
_UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\s\ud800-\udfff]"
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NUMBER = r"[0-9]+|0x[0-9a-f]*"  # WHATWG URL, "ends in a number checker": such a host is an IPv4 address
_SPACE_ID = r"[A-Za-z0-9][A-Za-z0-9_-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_SPACE_PAGE = r"(?i)(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/spaces/([^/?#]+/[^/?#]+)"

_USER_INFO = r"//[^/?#]*@"
# A password with an unescaped "/", "?" or "#" ends the host early and looks like a port that is no number.
_BROKEN_USER_INFO = r"(?s)^([A-Za-z][A-Za-z0-9+.-]*://)?(?!\[)[^/?#@:]*:(?![0-9]{0,5}(?:[/?#]|$)).*@"
_QUERY_VALUE = r"([?&;#])([^=&;#]*)=([^&;#]*)"
_SECRET_KEY = r"(?i)token|key|secret|passw|pwd|sig|auth|cred|jwt|cookie"

# What RFC 3986 allows in a path or a query as it is; "%" is there for what is escaped already.
_PATH_SAFE = "/:@!$&'()*+,;=~%"
_QUERY_SAFE = _PATH_SAFE + "?[]|^`{}"


class _BadURL(ValueError):
    """Why a URL cannot be used, in words that hold nothing of the URL."""


def redact_url(url: str) -> str:
    """Return ``url`` for an error text or a log: without user and password, and with ``***`` for values of secret keys.

    Takes any string and never raises. A key is secret if it looks so: ``token``, ``__sign``, ``X-Amz-Signature``.
    """
    if "@" in url:
        url = re.sub(_USER_INFO, "//", url)
        url = re.sub(_BROKEN_USER_INFO, lambda match: match[1] or "", url)
        if "://" not in url:
            url = re.sub(r"^[^/?#]*@", "", url)
    if "=" in url:
        url = re.sub(_QUERY_VALUE, _redact_value, url)
    return url


def _redact_value(match: re.Match[str]) -> str:
    if re.search(_SECRET_KEY, unquote(match[2])) is None:
        return match[0]
    return f"{match[1]}{match[2]}=***"


def is_space_id(src: str) -> bool:
    """Whether ``src`` is a Space's name, ``owner/name``. ``localhost/sub`` and ``example.com/sub`` are not."""
    return re.fullmatch(_SPACE_ID, src) is not None and not src.lower().startswith("localhost/")


def space_id_of_url(src: str) -> str | None:
    """Return ``owner/name`` of a Space's page, such as ``https://huggingface.co/spaces/owner/name``, else ``None``."""
    match = re.match(_SPACE_PAGE, src.strip())
    return match[1] if match and is_space_id(match[1]) else None


def parse_src(src: str) -> str:
    """Return the base URL of the app that a person means by ``src``: absolute, sub-path kept, no trailing slash.

    Takes ``http(s)://host[:port][/sub]``, ``host:port[/sub]``, ``localhost``, IP addresses (``[::1]:7860``), and names
    with a dot; hosts may be international (IDNA 2003). The query and the fragment are dropped. Without a scheme it is
    ``http`` for addresses and for names of this machine and of private networks (those without a dot, ``.local`` and
    the like), and ``https`` for every other host and for port 443.

    Raises ``ArgumentError`` for anything else, also for a user name or password in the URL.
    """
    try:
        return _parse_src(src.strip())
    except _BadURL as error:
        raise ArgumentError(f"{redact_url(src)[:80]!r} is not the address of an app: {error}") from None


def _parse_src(src: str) -> str:
    if re.search(_UNPRINTABLE, src):
        raise _BadURL("it has a space or a control character in it")
    match = re.match(_ABSOLUTE, src)
    if match is None:
        scheme = ""
        authority, path = _cut_authority(src)
    else:
        scheme, authority, path = match[1].lower(), match[2], match[3]
        if scheme not in ("http", "https"):
            raise _BadURL("its scheme is neither http nor https")
    if not authority:
        raise _BadURL("it has no host")
    if "@" in authority:
        raise _BadURL("a user name or password does not belong in it; give the login as auth=(user, password)")
    host, port = _split_authority(authority)
    scheme = scheme or _guess_scheme(host, port)
    path = _clean_path(path.partition("?")[0]).rstrip("/")
    return f"{scheme}://{_netloc(scheme, host, port)}{path}"


def _cut_authority(src: str) -> tuple[str, str]:
    if src.lower().startswith(("http:", "https:")):
        raise _BadURL("two slashes belong after the scheme")
    cut = min((index for mark in "/?#" if (index := src.find(mark)) >= 0), default=len(src))
    return src[:cut], src[cut:].partition("#")[0]


def _guess_scheme(host: str, port: int | None) -> str:
    if port == 443:
        return "https"
    if ":" in host or re.fullmatch(_NUMBER, host.rpartition(".")[2]):  # an address has hardly ever a certificate
        return "http"
    if host == "localhost" or host.endswith((".localhost", ".local", ".lan", ".internal", ".home.arpa", ".test")):
        return "http"
    if "." in host:
        return "https"
    if port is None:
        raise _BadURL("it is neither a URL, nor host:port, nor owner/name of a Space")
    return "http"


def _split_authority(authority: str) -> tuple[str, int | None]:
    """Return the host in its normal form (an IPv6 address without brackets) and the port, if there is one."""
    if authority.startswith("["):
        literal, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _BadURL("its IPv6 address is not one in brackets")
        import ipaddress  # rarely needed, and slow to load

        try:
            host = str(ipaddress.IPv6Address(literal))
        except ValueError:
            raise _BadURL("its host is not an IPv6 address") from None
        if "%" in host:
            raise _BadURL("an IPv6 address in a URL cannot have a zone")
        return host, _parse_port(rest[1:])
    name, _, port = authority.partition(":")
    if ":" in port:
        raise _BadURL("an IPv6 address belongs in brackets")
    return _normal_host(name), _parse_port(port)


def _parse_port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise _BadURL("its port is no number from 1 to 65535")
    return int(text)


def _normal_host(name: str) -> str:
    if not name:
        raise _BadURL("it has no host")
    if name.isascii():  # the codec comes to the same, after loading large tables
        host = name.lower().removesuffix(".")
    else:
        try:
            host = name.encode("idna").decode("ascii").lower().removesuffix(".")
        except UnicodeError:
            raise _BadURL("its host is not a name") from None
    labels = host.split(".")
    if len(host) > 253 or not all(re.fullmatch(_LABEL, label) for label in labels):
        raise _BadURL("its host is not a name")
    if re.fullmatch(_NUMBER, labels[-1]):
        import ipaddress

        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _BadURL("its host is not an IPv4 address") from None
    return host


def _netloc(scheme: str, host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port in (None, _DEFAULT_PORTS[scheme]) else f"{shown}:{port}"


def _clean_path(path: str) -> str:
    """Escape what a request line cannot hold, and take the dot segments out (RFC 3986, section 5.2.4)."""
    if "/." in path:
        path = _remove_dot_segments(path)
    return _escape(path, _PATH_SAFE)


def _remove_dot_segments(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _escape(text: str, safe: str) -> str:
    escaped = quote(text, safe=safe, errors="replace")
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", escaped)


def resolve(base_url: str, reference: str) -> str:
    """Return the absolute URL that ``reference``, as in a ``Location`` header, means in a response from ``base_url``.

    The query is kept; the fragment and any user name and password are dropped. What is not allowed in a URL is escaped.
    Raises ``RemoteProtocolError`` where the result is no usable ``http`` or ``https`` URL.
    """
    try:
        return _resolve(base_url, reference.strip(" "))
    except ValueError as error:
        why = str(error) if isinstance(error, _BadURL) else "it is malformed"
        raise RemoteProtocolError(
            f"the server points to {redact_url(reference)[:80]!r}, no usable URL: {why}"
        ) from None


def _resolve(base_url: str, reference: str) -> str:
    if re.search(r"[\x00-\x1f\x7f-\x9f]", reference):
        raise _BadURL("it has a control character in it")
    match = re.match(_ABSOLUTE, urljoin(base_url, reference))
    if match is None or match[1].lower() not in ("http", "https"):
        raise _BadURL("its scheme is neither http nor https, or it has no host")
    scheme = match[1].lower()
    host, port = _split_authority(match[2].rpartition("@")[2])
    path, mark, query = match[3].partition("?")
    return f"{scheme}://{_netloc(scheme, host, port)}{_clean_path(path) or '/'}{mark}{_escape(query, _QUERY_SAFE)}"


def join(base: str, route: str) -> str:
    """Return the URL of ``route``, which starts with a slash, under ``base``, which does not end with one."""
    return base + route


def quote_path(path: str) -> str:
    """Escape a server-side path for a ``/file=`` URL; slashes and colons stay."""
    return quote(path, safe="/:", errors="replace")


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host (an IPv6 address without brackets) and port; ``ws`` counts as ``http``, ``wss`` as ``https``.

    Raises ``ArgumentError`` where ``url`` is not absolute or of another scheme.
    """
    match = _match(url)
    return _origin(match[1], match[2])


def _match(url: str) -> re.Match[str]:
    match = re.match(_ABSOLUTE, url)
    if match is None:
        raise ArgumentError(f"{redact_url(url)[:80]!r} is no absolute URL")
    return match


@lru_cache(maxsize=256)
def _origin(scheme: str, authority: str) -> tuple[str, str, int]:
    lowered = scheme.lower()
    try:
        host, port = _split_authority(authority.rpartition("@")[2])
        return _HTTP_OF[lowered], host, port or _DEFAULT_PORTS[lowered]
    except (_BadURL, KeyError) as error:
        why = error if isinstance(error, _BadURL) else "its scheme is neither http(s) nor ws(s)"
        raise ArgumentError(f"{redact_url(f'{scheme}://{authority}')[:80]!r} is no usable URL: {why}") from None


def same_origin(a: str, b: str) -> bool:
    """Whether two URLs have the same scheme, host and port, so that what is secret for one may go to the other.

    What is no usable URL has no origin, so the answer is ``False`` then.
    """
    try:
        return origin(a) == origin(b)
    except ArgumentError:
        return False


def target(url: str) -> str:
    """Return what stands in the request line: the path, at least ``/``, with the query (RFC 9112, section 3.2.1)."""
    path = _match(url)[3]
    return path if path.startswith("/") else "/" + path


def host_header(url: str) -> str:
    """Return the ``Host`` header: the host, an IPv6 address in brackets, and the port unless it is the scheme's own."""
    scheme, host, port = origin(url)
    return _netloc(scheme, host, port)


def websocket_url(url: str) -> str:
    """Return an ``http`` or ``https`` URL as the ``ws`` or ``wss`` one of the same place."""
    return "ws" + url.removeprefix("http")
