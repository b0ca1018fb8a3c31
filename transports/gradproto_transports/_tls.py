"""TLS contexts, made only when the first TLS connection needs one: loading the system's certificates takes a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from gradproto import ArgumentError

if TYPE_CHECKING:
    import ssl

__all__ = ["tls_factory"]


def tls_factory(context: ssl.SSLContext | None, *, verify: bool) -> Callable[[], ssl.SSLContext]:
    """Return a function that gives ``context``, or else one with the system's certificates, used if ``verify``.

    Raises `ArgumentError` if ``context`` is none.
    """
    if context is not None:
        import ssl

        if not isinstance(cast(object, context), ssl.SSLContext):
            raise ArgumentError(f"ssl_context is of type {type(cast(object, context)).__name__}, not an ssl.SSLContext")
    made = context

    def make() -> ssl.SSLContext:
        nonlocal made
        if made is None:
            import ssl

            made = ssl.create_default_context()
            if not verify:
                made.check_hostname = False
                made.verify_mode = ssl.CERT_NONE
        return made

    return make
