"""Where an app is: which paths are its own, and what it calls itself, by what its clients and proxies say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from ._profiles import Profile

__all__ = ["Address"]

_URL = re.compile(r"https?://[^/?#\s]+(/[^?#\s]*)?")
_PATH = re.compile(r"/[^?#\s]*[^/?#\s]")
_SCHEMES = frozenset({"http", "https", "ws", "wss"})  # what uvicorn takes from a proxy; anything else it ignores


class Address:
    """The address of one app.

    ``root_path`` is what a proxy in front of it is known to cut off, or the app's whole public URL; ``mount_path`` is
    the path of another web application under which it is.
    """

    def __init__(self, profile: Profile, *, root_path: str = "", mount_path: str = "") -> None:
        """Raises ``ValueError`` for what is no path or URL, and for two paths, with which Gradio answers nothing."""
        self._profile = profile
        self.scheme: str = "http"
        """What its addresses begin with; a shell with TLS has another."""
        self.root_path: str = root_path.rstrip("/")
        self.mount_path: str = mount_path.rstrip("/")
        self._is_url = _URL.fullmatch(self.root_path) is not None
        if self.root_path and not self._is_url and _PATH.fullmatch(self.root_path) is None:
            raise ValueError(f"root_path is a path as '/app' or a whole URL, not {root_path[:80]!r}")
        if self.mount_path and _PATH.fullmatch(self.mount_path) is None:
            raise ValueError(f"mount_path is a path as '/app', not {mount_path[:80]!r}")
        if self.root_path and self.mount_path and not self._is_url:
            raise ValueError("an app has a root_path or a mount_path; beside a mount_path, root_path is a whole URL")
        if self.mount_path and not profile.mounts:
            raise ValueError(f"Gradio {profile.version} cannot be mounted in another application")
        if self.root_path and not profile.knows_root_path:
            raise ValueError(f"Gradio {profile.version} knows no root_path")
        self._served_path = self.root_path if not self._is_url and profile.root_path_is_served else ""

    def locate(self, path: str) -> tuple[str, str] | None:
        """Split a request's path into what stands before the app and its own path; ``None`` if it is not the app's.

        An app with a root path answers with it and without, or only without (before Gradio 3.50).
        """
        if self.mount_path:
            return self._below(path, self.mount_path)
        if self._served_path:
            return self._below(path, self._served_path) or ("", path)
        return "", path

    @staticmethod
    def _below(path: str, parent: str) -> tuple[str, str] | None:
        if path == parent or path.startswith(f"{parent}/"):
            return parent, path[len(parent) :]
        return None

    def redirect_target(self, headers: Mapping[str, str], prefix: str, path: str, query: str) -> str:
        """Give the URL to which a client is sent for another path; of its proxies only the scheme is known."""
        host = headers.get("host", "127.0.0.1")
        if not self._is_url and not self._served_path:
            prefix += self.root_path
        quoted = quote(prefix + path, safe="/:=@!$&'()*+,;~")
        return f"{self._scheme(headers)}://{host}{quoted}{f'?{query}' if query else ''}"

    def root_url(self, headers: Mapping[str, str], prefix: str, path: str) -> str:
        """Give what the app says its root is, to a request for its own ``path`` behind ``prefix``."""
        if self._profile.root == "path":
            return self.root_path or self.mount_path or self._direct_path(headers)
        mounted = self.mount_path if self._profile.mount_path_is_known else ""
        return self._rooted(self._base(headers, prefix, path), self.root_path or mounted)

    def file_root(self, headers: Mapping[str, str], prefix: str, path: str, *, direct: bool) -> str:
        """Give what stands before the files that a call produces; ``direct`` ones are calls past the queue.

        It should be the root, and for most of the time it is.
        """
        if direct and self._profile.direct_urls_lose_mount:
            prefix = ""
        base = self._base(headers, prefix, path)
        # The address of a call is cut off by a letter too many, if it is the request's own.
        if self._profile.short_call_urls and "/call/" in path and self._forwarded_host(headers) is None:
            base = base[:-1]
        return self._rooted(base, self.root_path)

    def _rooted(self, base: str, root: str) -> str:
        if self._is_url and self._profile.root_urls:
            return self.root_path
        if not root:
            return base
        return _origin(base) + root if self._profile.root_urls else base + root

    def _base(self, headers: Mapping[str, str], prefix: str, path: str) -> str:
        """Give the address as the request tells it."""
        server = headers.get("x-gradio-server") if self._profile.server_header else None
        host = self._forwarded_host(headers)
        if host is not None:
            base = f"http://{host}"
        elif server is not None:
            base = _first(server).partition("?")[0].rstrip("/")
        else:
            base = f"{self._scheme(headers)}://{headers.get('host', '127.0.0.1')}{prefix}"
        if self._forwarded_scheme(headers) == "https" and base.startswith("http://"):
            base = f"https{base[4:]}"
        if host is not None and self._profile.forwarded_host == "cut":
            # As many characters go as the route has, though a forwarded host has no route behind it.
            base = base[: -len(path)] if len(path) > 1 else base
        return base

    def _direct_path(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-direct-url", "") if self._profile.direct_url else ""

    def _scheme(self, headers: Mapping[str, str]) -> str:
        scheme = headers.get("x-forwarded-proto", "")
        return scheme if scheme in _SCHEMES else self.scheme

    def _forwarded_host(self, headers: Mapping[str, str]) -> str | None:
        value = headers.get("x-forwarded-host")
        if value is None or self._profile.forwarded_host == "ignored":
            return None
        return _first(value) if self._profile.forwarded_host == "first" else value

    def _forwarded_scheme(self, headers: Mapping[str, str]) -> str:
        value = headers.get("x-forwarded-proto", "")
        return _first(value) if self._profile.forwarded_host == "first" else value


def _first(value: str) -> str:
    """Give the first of several values, which is what the proxy nearest to the client has said."""
    return value.partition(",")[0].strip()


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
