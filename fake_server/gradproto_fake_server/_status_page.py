"""The status page: one HTML file that shows and does what the control API can, for people."""

from __future__ import annotations

import functools
import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files

__all__ = ["status_page"]


@functools.cache
def status_page() -> tuple[bytes, Sequence[tuple[str, str]]]:
    """Give the page and the headers that belong to it; they allow what is in the file, and nothing from elsewhere."""
    text = files("gradproto_fake_server").joinpath("status_page.html").read_text("utf-8")
    policy = [
        "default-src 'none'",
        f"script-src {_hash_of('script', text)}",
        f"style-src {_hash_of('style', text)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # The page writes what clients sent: the browser itself sees to it that no text ever becomes HTML.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    headers = [
        ("content-security-policy", "; ".join(policy)),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ]
    return text.encode(), headers


def _hash_of(tag: str, text: str) -> str:
    """Give the source expression that allows the page's one inline element of a kind."""
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
