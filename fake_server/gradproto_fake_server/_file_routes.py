"""Downloads: whole files and parts of them, with the headers that Gradio gives."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from email.utils import formatdate
from urllib.parse import quote

from ._files import StoredFile
from ._http import Exchange
from ._profiles import Profile
from ._streams import FileSource

__all__ = ["serve_file"]

_BOTH_ENDS = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")
_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})")


def serve_file(exchange: Exchange, file: StoredFile, profile: Profile, *, trusted: bool) -> None:
    """Serve a file, or the part of it that was asked for; a ``trusted`` one may be a page that a browser shows."""
    media_type = _media_type(file.name, profile)
    if not profile.guards_browsers:
        shown, disposition = media_type or "text/plain", None
    elif media_type in profile.inline_types or trusted:
        shown, disposition = media_type or "application/octet-stream", "inline"
    else:
        shown, disposition = "application/octet-stream", "attachment"
    wanted = exchange.headers.get("range", "").strip()
    if (both := _BOTH_ENDS.fullmatch(wanted)) is not None:
        _serve_between(exchange, file, int(both[1]), int(both[2]), shown, disposition)
    elif wanted.startswith("bytes=") and wanted.count("-") > 1:
        exchange.respond_crash()  # Gradio splits it in two
    else:
        _serve_as_framework(exchange, file, wanted, shown, disposition, profile)


def _media_type(name: str, profile: Profile) -> str | None:
    # What Python calls these has changed; it is said as it was for the Gradio that is played.
    if name.lower().endswith(".wav"):
        return "audio/wav" if "audio/wav" in profile.inline_types else "audio/x-wav"
    if name.lower().endswith(".js"):
        return "application/javascript"
    return mimetypes.guess_type(name)[0]


def _with_charset(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _serve_between(
    exchange: Exchange, file: StoredFile, first: int, last: int, media_type: str, disposition: str | None
) -> None:
    """Serve a range with both ends, which Gradio does itself, with fewer headers than its web framework's."""
    if first >= file.size:
        exchange.respond_detail(416, "Requested Range Not Satisfiable", [("content-range", f"bytes */{file.size}")])
        return
    last = min(last, file.size - 1)
    first = min(first, last)
    guarded = [] if disposition is None else [("content-disposition", disposition)]
    headers = [
        *guarded,
        ("content-type", _with_charset(media_type) if disposition is None else media_type),
        ("content-range", f"bytes {first}-{last}/{file.size}"),
        ("content-length", str(last + 1 - first)),
    ]
    _send(exchange, file, first, last + 1, 206, headers)


def _serve_as_framework(
    exchange: Exchange, file: StoredFile, wanted: str, media_type: str, disposition: str | None, profile: Profile
) -> None:
    """Serve a file as Starlette does; the older one takes no notice of a range."""
    stamp = hashlib.md5(f"{file.modified}-{file.size}".encode(), usedforsecurity=False).hexdigest()
    modified = formatdate(file.modified, usegmt=True)
    tag = f'"{stamp}"' if profile.quoted_etags else stamp
    condition = exchange.headers.get("if-range")
    start, end = 0, file.size
    status, part = 200, []
    if wanted and profile.open_ranges and condition in (None, modified, tag):
        found = _find_range(exchange, wanted, file.size, profile)
        if found is None:
            return
        start, end = found
        status, part = 206, [("content-range", f"bytes {start}-{end - 1}/{file.size}")]
    headers = [
        ("accept-ranges", "bytes"),
        ("content-type", _with_charset(media_type)),
        *([] if disposition is None else [("content-disposition", f"{disposition}; {_name(file.name)}")]),
        ("content-length", str(end - start)),
        ("last-modified", modified),
        ("etag", tag),
        *part,
    ]
    _send(exchange, file, start, end, status, headers)


def _name(name: str) -> str:
    quoted = quote(name)
    return f'filename="{name}"' if quoted == name else f"filename*=utf-8''{quoted}"


def _find_range(exchange: Exchange, wanted: str, size: int, profile: Profile) -> tuple[int, int] | None:
    """Give the first and the last byte but one; ``None`` if the client was told what is wrong."""
    unit, equals, ranges = wanted.partition("=")
    found = _RANGE.fullmatch(ranges.strip())
    problem = None
    if not equals:
        problem = "Malformed range header."
    elif unit.strip().lower() != "bytes":
        problem = "Only support bytes range"
    elif found is None or not (found[1] or found[2]):
        problem = "Range header: range must be requested"
    if problem is not None or found is None:
        exchange.respond(400, (problem or "").encode(), "text/plain; charset=utf-8")
        return None
    start = int(found[1]) if found[1] else size - int(found[2])
    end = min(int(found[2]) + 1, size) if found[1] and found[2] else size
    if start < 0 and profile.long_suffixes:
        start = 0
    if not 0 <= start < size:
        where = f"bytes */{size}" if profile.long_suffixes else f"*/{size}"
        exchange.respond(416, b"", "text/plain; charset=utf-8", [("content-range", where)])
        return None
    if start >= end:
        exchange.respond(400, b"Range header: start must be less than end", "text/plain; charset=utf-8")
        return None
    return start, end


def _send(
    exchange: Exchange, file: StoredFile, start: int, end: int, status: int, headers: list[tuple[str, str]]
) -> None:
    if exchange.method == "HEAD":
        exchange.respond_head(status, headers)
        return
    source = FileSource(file, start, end)
    exchange.on_disconnect = source.close
    exchange.start_stream(source, status, headers)
