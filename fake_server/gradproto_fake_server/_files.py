"""Where uploaded and produced files live: in memory, or in a temporary directory of the server's.

Only files that were put in here are ever served or given to a function. A path has the form ``<root>/<64 hex
digits>/<name>``; the digits are the SHA-256 of a seed and the content, as in Gradio from 4.41 on.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, runtime_checkable

__all__ = ["DirectoryFiles", "FileReader", "FileWriter", "Files", "MemoryFiles", "StoredFile"]

_PIECE = 1 << 20


class FileReader(Protocol):
    """An open file: a position-less read."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Read at most ``size`` bytes from ``offset`` on; ``b""`` at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class StoredFile:
    """A file in the store; this is also what a function gets for a file parameter."""

    __slots__ = ("_content", "modified", "name", "path", "size")

    def __init__(self, path: str, size: int, modified: float, content: list[bytes] | None) -> None:
        self.path: str = path
        """Where clients ask for it."""
        self.name: str = PurePosixPath(path).name
        self.size: int = size
        """Bytes."""
        self.modified: float = modified
        """Seconds since 1970, by the server's clock."""
        self._content = content

    def open(self) -> FileReader:
        """Open it for reading."""
        return _DiskReader(self.path) if self._content is None else _MemoryReader(self._content)

    def pieces(self, size: int = _PIECE) -> Iterator[bytes]:
        """Give its content piece by piece, so that a huge file never is in memory as a whole."""
        reader = self.open()
        try:
            offset = 0
            while piece := reader.read_at(offset, size):
                offset += len(piece)
                yield piece
        finally:
            reader.close()

    def read(self) -> bytes:
        """Give its content as a whole."""
        return b"".join(self.pieces())


class FileWriter(Protocol):
    """A file that is being stored; it has no path before it is whole, for the path holds the hash of the content."""

    size: int

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add to the content."""
        ...

    def finish(self, name: str, modified: float) -> StoredFile:
        """Store it under a name that :func:`~._file_names.upload_name` gave."""
        ...

    def abort(self) -> None:
        """Forget it."""
        ...


@runtime_checkable
class Files(Protocol):
    """A place for files."""

    def create(self, seed: bytes) -> FileWriter:
        """Begin a file; ``seed`` salts its hash."""
        ...

    def get(self, path: str) -> StoredFile | None:
        """Find a stored file by exactly its path."""
        ...

    def close(self) -> None:
        """Remove everything."""
        ...


class MemoryFiles:
    """Files in memory, below ``/tmp/gradio`` in name only. ``limit`` bytes in all, then ``MemoryError``."""

    root = "/tmp/gradio"

    def __init__(self, limit: int = 1 << 30) -> None:
        self.limit = limit
        self.used: int = 0
        self._files: dict[str, StoredFile] = {}

    def create(self, seed: bytes) -> FileWriter:
        """Begin a file."""
        return _MemoryWriter(self, seed)

    def get(self, path: str) -> StoredFile | None:
        """Find a stored file by exactly its path."""
        return self._files.get(path)

    def add(self, file: StoredFile) -> None:
        """Keep a file that is whole."""
        self._files[file.path] = file

    def close(self) -> None:
        """Remove everything."""
        self._files.clear()
        self.used = 0


class DirectoryFiles:
    """Files in a temporary directory, which :meth:`close` removes; uploads of any size cost no memory."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="gradproto-fake-")
        self.root: str = str(Path(self._directory.name).resolve())
        self.unfinished: set[FileWriter] = set()
        """Files that are neither whole nor given up."""
        self._files: dict[str, StoredFile] = {}
        self._begun = 0

    def create(self, seed: bytes) -> FileWriter:
        """Begin a file."""
        self._begun += 1
        writer = _DiskWriter(self, seed, f"{self.root}/unfinished-{self._begun}")
        self.unfinished.add(writer)
        return writer

    def get(self, path: str) -> StoredFile | None:
        """Find a stored file by exactly its path."""
        return self._files.get(path)

    def add(self, file: StoredFile) -> None:
        """Keep a file that is whole."""
        self._files[file.path] = file

    def close(self) -> None:
        """Remove the directory."""
        for writer in list(self.unfinished):
            writer.abort()
        self._files.clear()
        self._directory.cleanup()


class _MemoryReader:
    def __init__(self, content: list[bytes]) -> None:
        self._stream = io.BytesIO(b"".join(content))

    def read_at(self, offset: int, size: int) -> bytes:
        self._stream.seek(offset)
        return self._stream.read(size)

    def close(self) -> None:
        self._stream.close()


class _DiskReader:
    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)

    def read_at(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def close(self) -> None:
        os.close(self._descriptor)


class _MemoryWriter:
    def __init__(self, files: MemoryFiles, seed: bytes) -> None:
        self._files = files
        self._hash = hashlib.sha256(seed)
        self._content: list[bytes] = []
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.size += len(data)
        self._files.used += len(data)
        if self._files.used > self._files.limit:
            raise MemoryError(f"the fake server's files take more than {self._files.limit} bytes of memory")
        self._hash.update(data)
        self._content.append(bytes(data))

    def finish(self, name: str, modified: float) -> StoredFile:
        path = f"{self._files.root}/{self._hash.hexdigest()}/{name}"
        file = StoredFile(path, self.size, modified, [b"".join(self._content)])
        self._files.add(file)
        return file

    def abort(self) -> None:
        self._files.used -= self.size
        self._content.clear()


class _DiskWriter:
    def __init__(self, files: DirectoryFiles, seed: bytes, unfinished: str) -> None:
        self._files = files
        self._hash = hashlib.sha256(seed)
        self._unfinished = unfinished
        self._file: BinaryIO = open(unfinished, "wb", buffering=0)  # noqa: SIM115 - it outlives this call
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.size += len(data)
        self._hash.update(data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def finish(self, name: str, modified: float) -> StoredFile:
        self._close()
        directory = f"{self._files.root}/{self._hash.hexdigest()}"
        os.makedirs(directory, exist_ok=True)
        path = f"{directory}/{name}"
        shutil.move(self._unfinished, path)
        file = StoredFile(path, self.size, modified, None)
        self._files.add(file)
        return file

    def abort(self) -> None:
        self._close()
        os.unlink(self._unfinished)

    def _close(self) -> None:
        self._file.close()
        self._files.unfinished.discard(self)
