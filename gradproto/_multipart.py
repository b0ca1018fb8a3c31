"""Request bodies of HTML forms: ``multipart/form-data`` for uploads, urlencoded for the login."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote_plus

from ._commands import FilePart
from ._errors import ArgumentError
from ._record import field, record

__all__ = ["FileField", "encode_form", "encode_multipart"]

# A subset of RFC 2046, section 5.1.1, that needs no quotes in the Content-Type header.
_BOUNDARY = r"[0-9A-Za-z_-]{1,70}"
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
_NEWLINE = r"\r\n?|\n"


@record(frozen=True, slots=True, kw_only=True)
class FileField:
    """One file of a form; ``content`` is either here or read by the I/O layer while it is sent."""

    name: str
    filename: str
    content_type: str
    content: bytes | FilePart = field(repr=False)


def encode_multipart(files: Sequence[FileField], boundary: str) -> tuple[str, tuple[bytes | FilePart, ...]]:
    """Return the value of ``Content-Type`` and the parts of the body; contents are passed on as they are, never copied.

    ``boundary`` must not occur in any content: 32 random characters will do. Names are escaped as browsers do (WHATWG
    HTML, "multipart/form-data encoding algorithm"), in UTF-8. Raises ``ArgumentError`` for a boundary that is not 1 to
    70 letters, digits, ``-`` and ``_``, and for a content type that is no header value.
    """
    if re.fullmatch(_BOUNDARY, boundary) is None:
        raise ArgumentError(f"the multipart boundary {boundary[:80]!r} is not 1 to 70 letters, digits, '-' or '_'")
    body: list[bytes | FilePart] = []
    delimiter = f"--{boundary}"
    for file in files:
        body += (f"{delimiter}\r\n{_head(file)}\r\n\r\n".encode(), file.content)
        delimiter = f"\r\n--{boundary}"
    body.append(f"{delimiter}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", tuple(body)


def _head(file: FileField) -> str:
    if not (file.content_type.isascii() and file.content_type.isprintable()):
        raise ArgumentError(f"the content type {file.content_type[:80]!r} of {file.filename[:80]!r} is no header value")
    name = _scalar(re.sub(_NEWLINE, "\r\n", file.name)).translate(_ESCAPES)
    filename = _scalar(file.filename).translate(_ESCAPES)
    return f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {file.content_type}'


def _scalar(text: str) -> str:
    """Return the text with U+FFFD for lone surrogates, which names of files that are no UTF-8 have in Python."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def encode_form(fields: Sequence[tuple[str, str]]) -> bytes:
    """Return the fields as ``application/x-www-form-urlencoded``, in UTF-8.

    Raises ``ArgumentError``, which names the field and never shows its value, where one is no valid text.
    """
    return "&".join(f"{_quote(name, name)}={_quote(value, name)}" for name, value in fields).encode()


def _quote(text: str, name: str) -> str:
    try:
        return quote_plus(text)
    except UnicodeEncodeError:
        raise ArgumentError(f"the form's field {name[:80]!r} has a lone surrogate, which is no valid text") from None
