"""Who may control the server from a browser: its own page, and no other.

Any web page can make a browser send requests to this machine. What a program sends has none of the headers that are
looked at here, but ``Host``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

__all__ = ["refusal_of"]

# Names that no stranger can own: those of RFC 2606, 6761, 6762 and 8375, and the one that ICANN keeps for networks.
_OWN_NAMES = (".localhost", ".test", ".example", ".invalid", ".local", ".internal", ".home.arpa")


def refusal_of(method: str, headers: Mapping[str, str]) -> str | None:
    """Say why a request to the control API is not answered; ``None`` if it is."""
    host = headers.get("host", "").lower()
    if not _is_nobody_elses(_name_in(host)):
        # DNS rebinding: a page's own name that leads to this machine makes the page and the server one origin.
        return f"a web page could have come here by the name {host!r:.80}; use localhost or an IP address"
    if method in ("GET", "HEAD"):
        return None  # without CORS headers nobody else can read the answer
    site = headers.get("sec-fetch-site")
    if site is not None:
        # A proxy may have changed the Host, and only the browser can say this.
        return None if site in ("same-origin", "none") else "a page of another origin may not control this server"
    origin = headers.get("origin")
    forwarded = headers.get("x-forwarded-host", host).partition(",")[0].strip().lower()
    if origin is None or origin.lower().partition("://")[2] in (host, forwarded):
        return None
    return f"a page of {origin!r:.80} may not control this server"


def _name_in(host: str) -> str:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.rstrip(".")


def _is_nobody_elses(name: str) -> bool:
    if "." not in name or name.endswith(_OWN_NAMES):
        return True  # what is no domain is found in this machine's or this network's own lists alone
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
