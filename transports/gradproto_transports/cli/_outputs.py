"""Outputs of a job as lines, and their files on the disk."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

from gradproto import FileData, GradprotoError, replace_files
from gradproto_transports._files import DownloadTarget
from gradproto_transports.sync import RemoteFile

from ._connection import Connection
from ._console import speaks_unicode
from ._display import Display

__all__ = ["FileSaver", "as_json", "as_text"]


class FileSaver:
    """Fetches the files of outputs into a directory, under their own names; never over a file that is there.

    Without a directory it is a new one among the system's temporary ones, which stays. ``display`` shows how they come,
    and those of a ``connection`` come within its time limit or not at all.
    """

    def __init__(self, directory: str | None, display: Display, connection: Connection | None = None) -> None:
        self._directory = None if directory is None else Path(directory)
        self._display = display
        self._connection = connection
        self._saved: dict[FileData, str] = {}

    def save(self, output: object) -> object:
        """Return the output with the local path for each file in it; raises what keeps a file from coming."""
        if isinstance(output, tuple):
            return tuple(replace_files(value, self._fetch) for value in cast("tuple[object, ...]", output))
        return replace_files(output, self._fetch)

    def _fetch(self, file: FileData) -> object:
        if not isinstance(file, RemoteFile):
            return file
        found = self._saved.get(file)  # a generator gives the same file again with each of its outputs
        if found is None:
            found = self._saved[file] = self._place(file)
        return found

    def _place(self, file: RemoteFile) -> str:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="gradproto-"))
        self._directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".gradproto-", dir=self._directory) as partial:
            came = self._bring(file, partial)
            final = _reserve(self._directory / came.name)
            os.replace(came, final)
        return str(final)

    def _bring(self, file: RemoteFile, directory: str) -> Path:
        """Do as `RemoteFile.save` does, and show how far it is."""
        number = len(self._saved)
        target = file.inner.downloads.target(file, directory)
        name = target.path.name
        sink = _Shown(target, file.size, lambda came, total: self._display.download(number, name, came, total))
        left = None if self._connection is None else self._connection.left
        try:
            file.inner.fetch_whole(file, sink, sink.expect, left)
            return Path(target.finish())
        except BaseException as error:
            target.discard()
            if self._connection is not None and self._connection.left == 0 and isinstance(error, GradprotoError):
                raise self._connection.too_late(f"the file {name!r} did not come") from error
            raise
        finally:
            self._display.downloaded(number)


class _Shown:
    """A download that tells after each piece how much of it is there."""

    def __init__(self, target: DownloadTarget, size: int | None, tell: Callable[[int, int | None], None]) -> None:
        self._target = target
        self._tell = tell
        self._received = 0
        self._total = size

    def expect(self, size: int | None) -> None:
        """The server says how large what comes is, or that it does not know."""
        self._total = size if size is not None else self._total
        self._tell(0, self._total)

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._target.write(data)
        self._received += len(data)
        self._tell(self._received, self._total)

    def discard(self) -> None:
        """The rest will not come; who waits for the file removes what is there."""


def _reserve(path: Path) -> Path:
    """Create an empty file at ``path``, or where that is taken beside it, and return where."""
    number = 0
    while True:
        candidate = path if number == 0 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        try:
            candidate.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return candidate


def as_json(output: object) -> str:
    """Return an output as one line of JSON; a file is its path, or its object where it was not fetched."""
    return json.dumps(output, default=_file_json, ensure_ascii=not speaks_unicode(sys.stdout))


def as_text(output: object) -> str:
    """Return an output for people: a text as it is, a file as its URL, everything else as JSON."""
    if isinstance(output, FileData):
        return output.url or output.path or ""
    return output if isinstance(output, str) else as_json(output)


def _file_json(value: object) -> object:
    assert isinstance(value, FileData), type(value)
    return value.to_json()
