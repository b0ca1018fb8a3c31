"""Files on their way: what the server names (`FileData`) and what the caller gives (`LocalFile`).

Nothing here opens a file. What reads the disk is the I/O layer, which also learns the size of what it reads.
"""

from __future__ import annotations

import os
import re
from binascii import b2a_base64
from types import NoneType
from typing import BinaryIO, Literal, TypeVar, Union, cast
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from ._errors import ArgumentError
from ._json import JSONValue
from ._record import field, record, replace
from ._urls import redact_url

__all__ = [
    "FILE_FIELDS",
    "FILE_META",
    "FileData",
    "LocalFile",
    "PayloadStyle",
    "data_url_bytes",
    "data_url_file",
    "data_url_output",
    "guess_mime_type",
    "handle_file",
    "inline_json",
    "is_data_url",
    "is_file_json",
    "is_http_url",
    "local_file",
    "named_file",
    "named_json",
    "sanitize_name",
    "web_file",
]

PayloadStyle = Literal["inline", "named", "path", "meta"]
"""How a file stands in ``data``.

``"inline"``: as a base64 data URL, for before Gradio 3.19 there is nowhere to upload to. ``"named"`` (3.19 to 3.50): as
``{"name": ..., "data": null, "is_file": true}``. ``"path"`` (4.0 to 4.20): as `FileData`, recognised by its keys.
``"meta"``: as `FileData` that says in its ``meta`` what it is.
"""

FILE_FIELDS = frozenset({"path", "url", "size", "orig_name", "mime_type", "is_stream", "meta"})
"""All that `FileData` may say since Gradio 4.0."""

FILE_META = "gradio.FileData"
"""What ``meta._type`` of a file object says, since Gradio 4.21."""

_NAME_LIMIT = (
    200  # bytes: Gradio cuts the names of uploads there (gradio_client.utils.strip_invalid_filename_characters)
)
# What no file system, shell or multipart header should meet in a name.
_FORBIDDEN = r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>:"/\\|?*]'
_DATA_URL = r"(?i)data:([^,;]*)((?:;[^,;]*)*),"

# What apps take and give. The standard library's table is not asked: it reads the system's files when it is first used,
# so it would be I/O, and another answer on another machine. Where a type has several extensions, the usual one comes
# first.
_TYPES = {
    "application/epub+zip": "epub",
    "application/gzip": "gz",
    "application/json": "json",
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/wasm": "wasm",
    "application/x-tar": "tar",
    "application/xml": "xml",
    "application/yaml": "yaml yml",
    "application/zip": "zip",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/midi": "mid midi",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg oga",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/x-aiff": "aiff aif",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg jpeg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tiff tif",
    "image/vnd.microsoft.icon": "ico",
    "image/webp": "webp",
    "model/gltf+json": "gltf",
    "model/gltf-binary": "glb",
    "model/obj": "obj",
    "model/stl": "stl",
    "text/css": "css",
    "text/csv": "csv",
    "text/html": "html htm",
    "text/javascript": "js mjs",
    "text/markdown": "md",
    "text/plain": "txt log",
    "text/tab-separated-values": "tsv",
    "text/vtt": "vtt",
    "text/x-python": "py",
    "video/mp2t": "ts",
    "video/mp4": "mp4 m4v",
    "video/mpeg": "mpeg mpg",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
}
_TYPE_OF = {extension: mime_type for mime_type, extensions in _TYPES.items() for extension in extensions.split()}


_SHOWN_URL = 80

F = TypeVar("F", bound="FileData")


@record(frozen=True, slots=True, kw_only=True)
class FileData:
    """A file that the server has, or that is on the web: a value that can be handed to another call as it is.

    ``path`` is the server's own path of it, ``url`` where the server says it can be fetched (perhaps from its own point
    of view), ``size`` in bytes. A URL as ``path`` is for the server to fetch. A file that came inside the answer, as
    Gradio before 4.0 does it, has no ``path`` and a ``data:`` URL. Gradio: ``FileData`` in ``gradio/data_classes.py``.
    """

    path: str | None
    url: str | None = None
    orig_name: str | None = None
    size: int | None = None
    mime_type: str | None = None
    is_stream: bool = False

    def __repr__(self) -> str:
        # A URL that holds its content may be of any length.
        url = self.url
        if url is not None and is_data_url(url) and len(url) > _SHOWN_URL:
            url = url[:_SHOWN_URL] + "..."
        shown = f"path={self.path!r}, url={url!r}, orig_name={self.orig_name!r}, size={self.size!r}"
        return f"{type(self).__qualname__}({shown}, mime_type={self.mime_type!r}, is_stream={self.is_stream!r})"

    def to_json(self) -> dict[str, JSONValue]:
        """Return the object that stands for the file in a request."""
        return {
            "path": self.path,
            "url": self.url,
            "size": self.size,
            "orig_name": self.orig_name,
            "mime_type": self.mime_type,
            "is_stream": self.is_stream,
            "meta": {"_type": FILE_META},
        }

    @classmethod
    def from_json(cls: type[F], value: dict[str, JSONValue]) -> F:
        """Return the file that an object in a response stands for; a field of a wrong type counts as missing."""
        size = value.get("size")
        return cls(
            path=_text(value.get("path")),
            url=_text(value.get("url")),
            orig_name=_text(value.get("orig_name")),
            size=size if isinstance(size, int) and not isinstance(size, bool) else None,
            mime_type=_text(value.get("mime_type")),
            is_stream=value.get("is_stream") is True,
        )


def _text(value: JSONValue) -> str | None:
    return value if isinstance(value, str) else None


@record(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file to be uploaded.

    ``source`` is its content, its path, or an open binary file that the I/O layer reads from where it stands. ``size``
    is in bytes, ``None`` until the I/O layer has looked. ``orig_name`` is the name that the server learns. ``start`` is
    where an open file stood when the I/O layer looked, ``None`` where that is not known: then it can be sent only once.
    """

    source: Union[bytes, str, object] = field(repr=False)
    orig_name: str
    size: int | None = None
    mime_type: str | None = None
    start: int | None = None

    def with_size(self, size: int, start: int | None = None) -> LocalFile:
        """Return the same file with its size known, and where it begins."""
        return replace(self, size=size, start=start)

    @property
    def shown(self) -> str:
        """What to call the file in an error text: its path, or its name where it has no path."""
        return self.source if isinstance(self.source, str) else self.orig_name


def is_http_url(text: str) -> bool:
    """Whether ``text`` is meant as a URL that a server can fetch."""
    return text[:8].lower().startswith(("http://", "https://"))


def is_data_url(text: str) -> bool:
    """Whether ``text`` is meant as a URL that holds its content."""
    return text[:5].lower() == "data:"


def is_file_json(value: JSONValue) -> bool:
    """Whether a value is a file object: it says so in its ``meta``; a ``path`` alone makes none."""
    if not isinstance(value, dict):
        return False
    meta = value.get("meta")
    return isinstance(meta, dict) and meta.get("_type") == FILE_META


def handle_file(source: str | os.PathLike[str] | bytes | BinaryIO, *, name: str | None = None) -> LocalFile | FileData:
    """Return ``source`` as a file argument: a path, a URL, the content itself, or a file open in binary mode.

    An ``http(s)`` URL is fetched by the server; everything else is uploaded. A ``data:`` URL is decoded here. ``name``
    is the name that the server learns, instead of the one that ``source`` has. Nothing is opened or checked here:
    whether a path exists is for the I/O layer to say. Raises ``ArgumentError`` for anything else, also for a file open
    in text mode.
    """
    if not isinstance(cast(object, name), (str, NoneType)):
        raise ArgumentError(f"the name of a file is of type {type(cast(object, name)).__name__}, not a string")
    if isinstance(source, str):
        if is_http_url(source):
            return web_file(source, name=name)
        if is_data_url(source):
            return data_url_file(source, name=name)
    return local_file(source, name=name)


def web_file(url: str, *, name: str | None = None) -> FileData:
    """Return the file at an ``http(s)`` URL, for the server to fetch."""
    try:
        last = unquote(urlsplit(url).path).rpartition("/")[2]
    except ValueError:  # such as a bracket in the host
        raise ArgumentError(f"{redact_url(url)[:80]!r} is no usable URL of a file") from None
    return FileData(path=url, url=url, orig_name=sanitize_name(name or last))


def data_url_file(url: str, *, name: str | None = None) -> LocalFile:
    """Return the content of a ``data:`` URL (RFC 2397); its type gives the name an extension."""
    mime_type, content = _read_data_url(url)
    if name is None:
        name = _with_extension("file", mime_type)
    return LocalFile(source=content, orig_name=sanitize_name(name), size=len(content), mime_type=mime_type)


def data_url_bytes(url: str) -> bytes:
    """Return the content of a ``data:`` URL; raises ``ArgumentError`` where it is none."""
    return _read_data_url(url)[1]


def _read_data_url(url: str) -> tuple[str, bytes]:
    match = re.match(_DATA_URL, url)
    if match is None:
        raise ArgumentError(f"{url[:80]!r} is no data URL: it has no comma after the type")
    content = unquote_to_bytes(url[match.end() :])
    if match[2].strip().lower().endswith(";base64"):
        import base64  # rarely needed

        try:
            content = base64.b64decode(b"".join(content.split()))
        except ValueError as error:
            raise ArgumentError(f"{url[:80]!r} is no data URL: {error}") from None
    return _type_of(match), content


def _type_of(match: re.Match[str]) -> str:
    return match[1].strip().lower() or "text/plain"


def _with_extension(stem: str, mime_type: str) -> str:
    return ".".join([stem, *_TYPES.get(mime_type, "").split()[:1]])


def data_url_output(url: str, *, stem: str, name: str | None = None, size: int | None = None) -> FileData | None:
    """Return a file that came as a ``data:`` URL; ``None`` where the text is none.

    Without a ``name`` it is called ``stem``, with the extension that its type gives it. The content is not decoded.
    """
    match = re.match(_DATA_URL, url)
    if match is None:
        return None
    mime_type = _type_of(match)
    return FileData(
        path=None, url=url, orig_name=name or _with_extension(stem, mime_type), size=size, mime_type=mime_type
    )


def named_file(value: dict[str, JSONValue], *, stem: str) -> FileData | None:
    """Return the file that an object in a response of Gradio before 4.0 stands for; ``None`` where it is no file.

    It has its content, as a ``data:`` URL, or says with ``is_file`` that ``name`` is the server's path of it (since
    3.2), or with ``is_stream`` that it is an address (since 3.40).
    """
    name, data, size = _text(value.get("name")), value.get("data"), value.get("size")
    size = size if isinstance(size, int) and not isinstance(size, bool) else None
    orig_name = _text(value.get("orig_name"))
    if isinstance(data, str) and "name" in value:
        return data_url_output(data, stem=stem, name=orig_name or name, size=size)
    is_stream = value.get("is_stream") is True
    if name is None or not (is_stream or value.get("is_file") is True):
        return None
    mime_type = _text(value.get("mime_type"))
    return FileData(
        path=name,
        orig_name=orig_name or re.split(r"[/\\]", name)[-1],
        size=size,
        mime_type=mime_type,
        is_stream=is_stream,
    )


def named_json(file: FileData) -> dict[str, JSONValue]:
    """Return the object that stands for a file on the server in a request to Gradio 3.2 to 3.50."""
    return {
        "name": file.path or file.url,
        "orig_name": file.orig_name,
        "size": file.size,
        "data": None,
        "is_file": True,
    }


def inline_json(file: LocalFile, *, bare: bool) -> JSONValue:
    """Return what stands for a file in a request to Gradio before 4.0: its content, as a base64 ``data:`` URL.

    ``bare`` is the URL alone, as images are; else it is in an object. The file's ``source`` must be its content.
    """
    content = cast(bytes, file.source)
    encoded = b2a_base64(content, newline=False).decode("ascii")
    url = f"data:{file.mime_type or 'application/octet-stream'};base64,{encoded}"
    return url if bare else {"name": file.orig_name, "data": url, "size": len(content), "is_file": False}


def local_file(source: object, *, name: str | None = None) -> LocalFile:
    """Return a path, bytes or an open binary file as a file to be uploaded; else raise ``ArgumentError``."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(cast("bytes | bytearray", source))
        return _named(content, name or "file", size=len(content))
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(cast("str | os.PathLike[str]", source))
        return _named(path, name or path)
    if callable(getattr(source, "read", None)):
        if hasattr(source, "encoding"):  # io.TextIOBase and its like have one; binary files of any origin have none
            raise ArgumentError("a file open in text mode cannot be uploaded; open it in binary mode ('rb')")
        own = getattr(source, "name", None)  # an integer for a file that was opened by its descriptor
        return _named(source, name or (own if isinstance(own, str) else "file"))
    raise ArgumentError(
        f"an object of type {type(source).__name__} is no file: give a path, a URL, bytes or a binary file"
    )


def _named(source: object, name: str, size: int | None = None) -> LocalFile:
    clean = sanitize_name(name)
    return LocalFile(source=source, orig_name=clean, size=size, mime_type=guess_mime_type(clean))


def sanitize_name(name: str) -> str:
    """Return the last component of ``name`` without what a file system or a header could stumble over.

    Never empty, never ``.`` or ``..``, at most 200 bytes of UTF-8; an extension survives the cut.
    """
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    clean = re.sub(_FORBIDDEN, "", last).rstrip(" .")
    if not clean.strip(" ."):
        return "file"
    if len(clean.encode()) <= _NAME_LIMIT:
        return clean
    stem, dot, extension = clean.rpartition(".")
    if not stem or len(extension.encode()) > _NAME_LIMIT // 4:
        stem, dot, extension = clean, "", ""
    room = _NAME_LIMIT - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + extension


def guess_mime_type(name: str) -> str:
    """Return the type that the name's extension stands for; the same on every machine.

    It is ``application/octet-stream`` where there is none, or an uncommon one.
    """
    stem, _, extension = name.rpartition(".")
    return _TYPE_OF.get(extension.lower(), "application/octet-stream") if stem else "application/octet-stream"
