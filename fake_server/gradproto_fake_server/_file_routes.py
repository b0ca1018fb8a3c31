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

_SHOWN_INLINE = frozenset(
    {
        "application/json",
        "text/plain",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "audio/aac",
        "audio/aiff",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "audio/x-aiff",
        "audio/x-flac",
        "audio/x-m4a",
        "audio/x-matroska",
        "audio/x-wav",
        "video/mp4",
        "video/mpeg",
        "video/ogg",
        "video/quicktime",
        "video/webm",
        "video/x-matroska",
        "video/x-msvideo",
    }
)
"""Types that cannot run scripts; others are sent as a download of unknown type (Gradio 4.44 and later)."""

_BOTH_ENDS = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")
_ONE_END = re.compile(r"bytes=(?:(\d{1,18})-|-(\d{1,18}))")


def serve_file(exchange: Exchange, file: StoredFile | None, path: str, profile: Profile) -> None:
    """Answer a request for a file; whatever was neither uploaded nor produced is not allowed, be it there or not."""
    if file is None:
        _refuse(exchange, path, profile)
        return
    media_type = mimetypes.guess_type(file.name)[0]
    inline = media_type in _SHOWN_INLINE or not profile.file_dispositions
    shown = media_type if inline and media_type else "text/plain" if inline else "application/octet-stream"
    disposition = "inline" if inline else "attachment"
    wanted = exchange.headers.get("range", "").strip()
    if (both := _BOTH_ENDS.fullmatch(wanted)) is not None:
        _serve_between(exchange, file, int(both[1]), int(both[2]), shown, disposition, profile)
        return
    quoted = quote(file.name)
    name = f'filename="{file.name}"' if quoted == file.name else f"filename*=utf-8''{quoted}"
    headers = [
        ("accept-ranges", "bytes"),
        ("content-type", f"{shown}; charset=utf-8" if shown.startswith("text/") else shown),
        ("content-disposition", f"{disposition}; {name}"),
    ]
    if not profile.file_dispositions:
        headers.pop()
    stamp = hashlib.md5(f"{file.modified}-{file.size}".encode(), usedforsecurity=False).hexdigest()
    tail = [
        ("last-modified", formatdate(file.modified, usegmt=True)),
        ("etag", f'"{stamp}"' if profile.quoted_etags else stamp),
    ]
    one = _ONE_END.fullmatch(wanted) if profile.open_ranges else None
    if one is None:
        _send(exchange, file, 0, file.size, 200, [*headers, ("content-length", str(file.size)), *tail])
        return
    start = int(one[1]) if one[1] is not None else max(file.size - int(one[2]), 0)
    if start >= file.size:
        exchange.respond(416, b"", "text/plain; charset=utf-8", [("content-range", f"bytes */{file.size}")])
        return
    length = ("content-length", str(file.size - start))
    where = ("content-range", f"bytes {start}-{file.size - 1}/{file.size}")
    _send(exchange, file, start, file.size, 206, [*headers, length, *tail, where])


def _refuse(exchange: Exchange, path: str, profile: Profile) -> None:
    absolute = path.startswith("/")
    if profile.file_refusal == "crash":
        exchange.respond_crash()
    elif profile.file_refusal == "long" and absolute:
        where = "the Gradio python app working directory, or be a temp file created by the Gradio python app"
        exchange.respond_detail(403, f"File cannot be fetched: {path}. All files must contained within {where}.")
    elif profile.file_refusal == "long":
        exchange.respond_detail(404, "File not found")
    elif profile.file_refusal == "allowed or found" and not absolute:
        exchange.respond_detail(404, f"File not found: {path}.")
    else:
        exchange.respond_detail(403, f"File not allowed: {path}.")


def _serve_between(
    exchange: Exchange, file: StoredFile, first: int, last: int, media_type: str, disposition: str, profile: Profile
) -> None:
    """Serve a range with both ends, which Gradio does itself, with fewer headers than its web framework's."""
    if first >= file.size:
        exchange.respond_detail(416, "Requested Range Not Satisfiable", [("content-range", f"bytes */{file.size}")])
        return
    last = min(last, file.size - 1)
    if not profile.file_dispositions and media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    headers = [
        *([("content-disposition", disposition)] if profile.file_dispositions else []),
        ("content-type", media_type),
        ("content-range", f"bytes {first}-{last}/{file.size}"),
        ("content-length", str(max(last + 1 - first, 0))),
    ]
    _send(exchange, file, first, max(last + 1, first), 206, headers)


def _send(
    exchange: Exchange, file: StoredFile, start: int, end: int, status: int, headers: list[tuple[str, str]]
) -> None:
    if exchange.method == "HEAD":
        exchange.respond_head(status, headers)
        return
    source = FileSource(file, start, end)
    exchange.on_disconnect = source.close
    exchange.start_stream(source, status, headers)
