"""Files on the local disk: what is uploaded, and where downloads go. The same for all three drivers."""

from __future__ import annotations

import atexit
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

import gradproto
from gradproto import ArgumentError, Call, FileData, FilePart, LocalFile, TransportError, WriteError

from ._home import Home

__all__ = ["DownloadTarget", "Downloads", "FileSource", "handle_file", "with_sizes"]

# Large enough that the cost of a read does not count, small enough that many uploads at once do not either.
FILE_CHUNK = 256 * 1024

# What may be done about what OpenSSL says.
_TLS_HINTS = {
    "CERTIFICATE_VERIFY_FAILED": "ssl_context= can trust who issued the certificate, ssl_verify=False trusts anybody",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate of the client, which ssl_context= can bring",
}


def handle_file(source: str | os.PathLike[str] | bytes | BinaryIO, *, name: str | None = None) -> LocalFile | FileData:
    """Return ``source`` as a file argument: a path, a URL, a ``data:`` URL, the content itself, or a file open in
    binary mode.

    A URL is fetched by the app; everything else is uploaded when the call is made. ``name`` is the name that the app
    learns. Raises `ArgumentError` at once for a path that is no file.
    """
    file = gradproto.handle_file(source, name=name)
    if isinstance(file, LocalFile) and isinstance(file.source, str):
        _size_of_path(file.source)
    return file


def with_sizes(call: Call) -> Call:
    """Return the call with the sizes of its files, or with their contents where there is nowhere to upload them.

    Raises `ArgumentError` for a file that cannot be read.
    """
    if not call.files:
        return call
    if call.wants_contents:
        return call.with_contents([_content(file) for file in call.files])
    return call.with_sizes([_size(file) for file in call.files], [_start(file) for file in call.files])


def _content(file: LocalFile) -> bytes:
    """Read a file as a whole, for the request holds it as text. No limit is set here: the app's own is not known."""
    source = file.source
    if isinstance(source, bytes):
        return source
    size = _size(file)
    try:
        if isinstance(source, str):
            with open(source, "rb") as opened:
                return opened.read()
        return cast(BinaryIO, source).read()
    except (OSError, ValueError) as error:
        raise ArgumentError(f"File {file.shown!r} cannot be read: {error}") from error
    except MemoryError:
        raise ArgumentError(
            f"File {file.shown!r} is too large ({size} bytes): this app takes files only inside the request, as a whole"
        ) from None


def _size(file: LocalFile) -> int:
    if file.size is not None:
        return file.size
    if isinstance(file.source, str):
        return _size_of_path(file.source)
    opened = cast(BinaryIO, file.source)
    try:
        place = opened.tell()
        end = opened.seek(0, io.SEEK_END)
        opened.seek(place)
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"the open file {file.orig_name!r} cannot be sized: {error}", hint="read it and pass the bytes"
        ) from error
    return max(0, end - place)


def _start(file: LocalFile) -> int | None:
    """Return where an open file stands: what is sent begins there, also when it is sent a second time."""
    if isinstance(file.source, (bytes, str)):
        return None
    try:
        return cast(BinaryIO, file.source).tell()
    except (OSError, ValueError):
        return None


def _size_of_path(path: str) -> int:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise ArgumentError(f"File {path} does not exist on local filesystem and is not a valid URL.") from None
    except (OSError, ValueError) as error:
        raise ArgumentError(f"File {path!r} cannot be read: {error}") from error
    if stat.S_ISDIR(found.st_mode):
        raise ArgumentError(f"{path} is a directory, not a file")
    if not stat.S_ISREG(found.st_mode):
        raise ArgumentError(f"{path} is no regular file, so its size is not known", hint="read it and pass the bytes")
    if not os.access(path, os.R_OK):
        raise ArgumentError(f"File {path} may not be read")
    return found.st_size


class FileSource:
    """A `FilePart` while it is being sent: reads exactly its ``size`` bytes, in pieces."""

    def __init__(self, part: FilePart) -> None:
        self._part = part
        self._left = part.size
        self._owned: BinaryIO | None = None
        self._place = part.start

    def read(self) -> bytes:
        """Return the next piece, ``b""`` after the last; raises `WriteError` if the file changed or cannot be read."""
        if self._left == 0:
            self.close()
            return b""
        try:
            data = self._next(min(FILE_CHUNK, self._left))
        except (OSError, ValueError) as error:
            raise WriteError(f"the file to upload could not be read: {error}") from error
        if not data:
            raise WriteError(f"the file to upload ended {self._left} bytes early: it changed meanwhile")
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close the file if this object opened it."""
        owned, self._owned = self._owned, None
        if owned is not None:
            owned.close()

    def _next(self, size: int) -> bytes:
        file = self._file()
        if self._place is None:
            return file.read(size)
        # Each time, for the same file may be on its way in another upload too.
        file.seek(self._place)
        data = file.read(size)
        self._place += len(data)
        return data

    def _file(self) -> BinaryIO:
        if not isinstance(self._part.source, str):
            return cast(BinaryIO, self._part.source)
        if self._owned is None:
            self._owned = open(self._part.source, "rb")  # noqa: SIM115 - closed by close()
        return self._owned


class Downloads:
    """Where a client's downloads go: the caller's directory, or a temporary one that lives as long as the program."""

    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        self._directory = None if directory is None else Path(directory)

    def target(self, file: FileData, directory: str | os.PathLike[str] | None = None) -> DownloadTarget:
        """Return a new place for ``file``, under its own name in a directory of its own (or in the one given)."""
        name = gradproto.sanitize_name(file.orig_name or os.path.basename(file.path or "") or "file")
        if directory is not None:
            parent = Path(directory)
            parent.mkdir(parents=True, exist_ok=True)
        else:
            parent = self._base() / os.urandom(8).hex()
            parent.mkdir(parents=True)
        return DownloadTarget(parent / name)

    def _base(self) -> Path:
        if self._directory is None:
            import shutil
            import tempfile

            self._directory = Path(tempfile.mkdtemp(prefix="gradproto-"))
            # Not on close: people close a client and go on to use the files it brought.
            home, directory = Home(), self._directory
            # A forked process has the directory as well, and ends before those who wait for it have read the files.
            atexit.register(lambda: None if home.left else shutil.rmtree(directory, ignore_errors=True))
        return self._directory


class DownloadTarget:
    """A file on the disk that grows while it comes, and has its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
        # Unbuffered: the pieces are large, and a reader may follow close behind.
        self._file = open(self._partial, "wb", buffering=0)  # noqa: SIM115 - closed by finish() or discard()

    def write(self, data: bytes) -> None:
        """Add the next bytes. A write to the page cache takes no longer than handing it to a thread would."""
        self._file.write(data)

    def open_again(self) -> BinaryIO:
        """Return another handle, to read what is there already."""
        return open(self._partial, "rb")

    def finish(self) -> str:
        """The file is whole; returns its path."""
        self._file.close()
        os.replace(self._partial, self.path)
        return str(self.path)

    def discard(self) -> None:
        """The file will not come."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


def describe_os_error(error: OSError) -> str:
    """Return what the operating system says, without Python's decoration."""
    return error.strerror or str(error) or type(error).__name__


def transport_error(kind: type[TransportError], what: str, error: Exception) -> TransportError:
    """Return a foreign exception as one of ours, with its cause."""
    bottom = _bottom(error)
    result = kind(f"{what}: {_reason(bottom)}", hint=_TLS_HINTS.get(str(getattr(bottom, "reason", ""))))
    result.__cause__ = error
    return result


def _bottom(error: BaseException) -> BaseException:
    """Return what went wrong in the first place: event loops wrap it, in groups and in exceptions of their own."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    below = inner[0] if inner else error.__cause__
    return error if below is None else _bottom(below)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        system = type(error).__module__ == "builtins"  # others have numbers of their own: TLS, name servers
        return os.strerror(error.errno) if system else describe_os_error(error)
    return str(error) or type(error).__name__
