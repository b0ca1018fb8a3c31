"""Which proxy leads where: the one that was given, or those of the usual environment variables."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote, urlsplit

from gradproto import ArgumentError, ConnectError
from gradproto._urls import origin
from gradproto.wire import Connect, Proxy

__all__ = ["OFF_HINT", "Origin", "Proxies", "parse_proxy", "place"]

# Scheme (http or https), host, port.
Origin = tuple[str, str, int]

OFF_HINT = "proxy=False leaves the environment out"

# What people take for an HTTP proxy, and an error may repeat; any other word there may be a part of a password.
_OTHER_SCHEMES = frozenset({"ftp", "socks", "socks4", "socks4a", "socks5", "socks5h", "ws", "wss"})


def place(connect: Connect) -> str:
    """Return where a connection leads, for the error when it cannot be made."""
    there = f"{connect.host}:{connect.port}"
    return there if connect.proxy is None else f"the proxy {connect.proxy.address} on the way to {there}"


class Proxies:
    """Says which proxy leads to an origin.

    ``proxy`` is the URL of the one for all of them; ``False``: there is none; ``None``: the environment says so, now
    and once for all. Raises `ArgumentError` for a ``proxy`` that is no URL of one. What the environment says is looked
    at closely only when it is needed, for it may be meant for other programs.
    """

    def __init__(self, proxy: str | Literal[False] | None, environment: Mapping[str, str] = os.environ) -> None:
        self._one: Proxy | None = None
        self._of_scheme: dict[str, tuple[str, str]] = {}
        self._exceptions: list[str] = []
        if isinstance(proxy, str):
            self._one = parse_proxy("proxy=", proxy)
        elif proxy is None:
            for scheme in ("http", "https"):
                found = _variable(environment, scheme + "_proxy") or _variable(environment, "all_proxy")
                if found is not None:
                    self._of_scheme[scheme] = found
            exceptions = _variable(environment, "no_proxy")
            self._exceptions = [] if exceptions is None else re.split(r"[\s,]+", exceptions[1].lower())
        elif proxy is not False:
            raise ArgumentError(f"proxy= must be the URL of a proxy, None or False, not {type(proxy).__name__}")

    def find(self, where: Origin) -> Proxy | None:
        """Return the proxy that leads there; raises `ConnectError` where the environment names one that cannot be."""
        try:
            return self._find(where)
        except ArgumentError as error:
            raise ConnectError(error.message, hint=error.hint) from error

    def check(self, url: str) -> None:
        """Raise `ArgumentError` if the environment names a proxy for this URL that cannot be used."""
        self._find(origin(url))

    def _find(self, where: Origin) -> Proxy | None:
        scheme, host, port = where
        if self._one is not None or scheme not in self._of_scheme or self._is_exception(host, port):
            return self._one
        name, url = self._of_scheme[scheme]
        # Without a scheme it is what most people mean, and other programs take it for that, too.
        return parse_proxy(name, url if "://" in url else f"http://{url}", hint=OFF_HINT)

    def _is_exception(self, host: str, port: int) -> bool:
        return any(_covers(exception, host, port) for exception in self._exceptions)


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """Return the name and the value of a variable that is set, in lower case or else in upper case."""
    if name in environment:
        found = name
    else:
        found = name.upper()
        if found == "HTTP_PROXY" and "REQUEST_METHOD" in environment:
            return None  # a web server calls this program, and whoever asks it may set this one (https://httpoxy.org)
    value = environment.get(found, "").strip()
    return (found, value) if value else None


def parse_proxy(name: str, url: str, *, hint: str | None = None) -> Proxy:
    """Return the proxy; an error says what is wrong with ``name``, and shows nothing of it that may be a secret."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        shown = repr(scheme) if separator and scheme.lower() in _OTHER_SCHEMES else "what it is"
        raise ArgumentError(
            f"{name} is not the URL of an HTTP proxy: its scheme must be http or https, not {shown}", hint=hint
        )
    try:
        parts = urlsplit(url)
        kind, host, port = origin(f"{scheme}://{parts.netloc.rpartition('@')[2]}")
    except ValueError as error:  # an ArgumentError is one
        why = str(error).rpartition(": ")[2] if isinstance(error, ArgumentError) else "it is malformed"
        raise ArgumentError(f"{name} is not the URL of an HTTP proxy: {why}", hint=hint) from None
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        why = "nothing may follow its host and port; in a password, escape '/' as %2F, '?' as %3F and '#' as %23"
        raise ArgumentError(f"{name} is not the URL of an HTTP proxy: {why}", hint=hint)
    return Proxy(host=host, port=port, tls=kind == "https", authorization=_authorization(name, parts.netloc, hint))


def _authorization(name: str, netloc: str, hint: str | None) -> str | None:
    """Return the header for a user and a password (RFC 7617)."""
    user_info, at, _ = netloc.rpartition("@")
    if not at:
        return None
    user, _, password = user_info.partition(":")
    user, password = unquote(user), unquote(password)
    if ":" in user or not f"{user}{password}".isprintable():
        raise ArgumentError(
            f"the user and password of {name} have a character in them that a login cannot have", hint=hint
        )
    encoded = base64.b64encode(f"{user}:{password}".encode())
    return f"Basic {encoded.decode('ascii')}"


def _covers(exception: str, host: str, port: int) -> bool:
    """Whether an entry of ``NO_PROXY`` is about this host and port; one that is not understood is about none."""
    if exception == "*":
        return True
    if "/" in exception:
        return _in_network(exception, host)
    name, its_port = _split_port(exception)
    if its_port not in ("", str(port)):
        return False
    if ":" in host or host.replace(".", "").isdigit():
        return _in_network(name, host)
    name = name.removeprefix("*").strip(".")
    return name != "" and (host == name or host.endswith(f".{name}"))


def _split_port(exception: str) -> tuple[str, str]:
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::([0-9]+))?", exception)
    if bracketed is not None:
        return bracketed[1], bracketed[2] or ""
    if exception.count(":") > 1:
        return exception, ""
    name, _, port = exception.partition(":")
    return name, port


def _in_network(network: str, host: str) -> bool:
    import ipaddress  # rarely needed, and slow to load

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
