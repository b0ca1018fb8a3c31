"""Values on their way to the server and back: files in arguments become uploads, file objects in results records.

Both ways, what holds no file is passed on as it is, not copied: this runs for every value of a stream.
"""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Callable, Sequence
from typing import Final, cast

from ._api_info import Endpoint, InputSlot
from ._config import Config
from ._errors import ArgumentError
from ._files import (
    FILE_META,
    FileData,
    LocalFile,
    PayloadStyle,
    data_url_file,
    is_data_url,
    is_file_json,
    is_http_url,
    local_file,
    web_file,
)
from ._json import JSONValue
from ._record import record
from ._urls import quote_path, resolve

__all__ = [
    "OutputReader",
    "ServerValue",
    "UploadSlot",
    "check_file_sizes",
    "collapse",
    "file_url",
    "fill_uploads",
    "find_uploads",
    "is_content",
    "read_outputs",
    "replace_files",
]

# The exact types in which nothing can be found.
_PLAIN: Final = frozenset({type(None), bool, int, float, str})


@record(frozen=True, slots=True)
class UploadSlot:
    """Stands in the arguments where the uploaded file number ``index`` will be."""

    index: int


@record(frozen=True, slots=True)
class ServerValue:
    """A value of the server's own, such as a default: sent back as it is, and a text in it is never a local path."""

    value: JSONValue


class _Uploads:
    """The files found so far, each once."""

    def __init__(self) -> None:
        self.files: list[LocalFile] = []
        self._slots: dict[tuple[object, str], UploadSlot] = {}

    def add(self, file: LocalFile) -> UploadSlot:
        source = file.source
        # The objects stay alive in `files`, so their ids stay theirs.
        key = (source if isinstance(source, str) else id(source), file.orig_name)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = UploadSlot(len(self.files))
            self.files.append(file)
        return slot

    def walk(self, value: object) -> object:
        """Return ``value`` with slots in the place of files; it is the same object if there are none in it."""
        if type(value) in _PLAIN:
            return value
        if isinstance(value, LocalFile):
            return self.add(value)
        if isinstance(value, FileData):
            return value.to_json()
        if isinstance(value, dict):
            return _walk_dict(cast("dict[object, object]", value), self.walk)
        if isinstance(value, (list, tuple)):
            return _walk_list(cast("Sequence[object]", value), self.walk)
        if is_content(value):
            return self.add(local_file(value))
        return value


def is_content(value: object) -> bool:
    """Return whether the value is a file to be uploaded, in whatever form it was given."""
    kinds = (LocalFile, bytes, bytearray, memoryview, os.PathLike)
    return isinstance(value, kinds) or callable(getattr(value, "read", None))


def _walk_dict(value: dict[object, object], walk: Callable[[object], object]) -> object:
    changed: dict[object, object] | None = None
    for key, item in value.items():
        if type(item) in _PLAIN:
            continue
        new = walk(item)
        if new is not item:
            if changed is None:
                changed = dict(value)
            changed[key] = new
    return value if changed is None else changed


def _walk_list(value: Sequence[object], walk: Callable[[object], object]) -> object:
    if _PLAIN.issuperset(map(type, value)):
        return value
    changed: list[object] | None = None
    for index, item in enumerate(value):
        new = walk(item)
        if new is not item:
            if changed is None:
                changed = list(value)
            changed[index] = new
    return value if changed is None else changed


def find_uploads(endpoint: Endpoint, data: list[object], *, upload_paths: bool) -> tuple[list[object], list[LocalFile]]:
    """Return the bound arguments with an `UploadSlot` in the place of each file to be uploaded, and those files.

    Files are `LocalFile`, ``bytes``, path objects and open binary files, however deeply nested; and text where the
    parameter is a file or a list of files: a URL, or, with ``upload_paths``, a path. A dictionary that looks like a
    file is sent as it is. The same file is there once. Raises ``ArgumentError``.
    """
    uploads = _Uploads()
    found: list[object] = []
    for value, slot in zip(data, endpoint.inputs, strict=True):
        if slot.parameter is None or isinstance(value, ServerValue):
            found.append(value.value if isinstance(value, ServerValue) else value)
            continue
        try:
            found.append(_find_in_argument(value, slot, uploads, upload_paths))
        except RecursionError:
            raise ArgumentError(
                f"the value of parameter `{slot.parameter.name}` contains itself, or is nested too deeply"
            ) from None
    return found, uploads.files


def _find_in_argument(value: object, slot: InputSlot, uploads: _Uploads, upload_paths: bool) -> object:
    if slot.file_kind is None:
        return uploads.walk(value)
    if slot.file_kind == "many" and isinstance(value, (list, tuple)):
        items = cast("Sequence[object]", value)
        return uploads.walk([_as_file(item, upload_paths) for item in items])
    found = uploads.walk(_as_file(value, upload_paths))
    is_file = isinstance(found, UploadSlot) or is_file_json(cast(JSONValue, found))
    # One file where a list of them is wanted is a list of one: the server refuses it otherwise.
    return [found] if slot.file_kind == "many" and is_file else found


def _as_file(value: object, upload_paths: bool) -> object:
    """Return the file that a text means in the place of a file; anything else as it is."""
    if not isinstance(value, str):
        return value
    if is_http_url(value):
        return web_file(value)
    if is_data_url(value):
        return data_url_file(value)
    return local_file(value) if upload_paths else value


def fill_uploads(data: list[object], uploaded: Sequence[FileData], payload: PayloadStyle = "meta") -> list[JSONValue]:
    """Return the arguments with the uploaded files in their slots, ready to be written as JSON."""
    files = [file.to_json() for file in uploaded]

    def fill(value: object) -> object:
        if isinstance(value, UploadSlot):
            return files[value.index]
        if isinstance(value, dict):
            return _walk_dict(cast("dict[object, object]", value), fill)
        if isinstance(value, (list, tuple)):
            return _walk_list(cast("Sequence[object]", value), fill)
        return value

    return cast("list[JSONValue]", fill(data) if files else data)


def check_file_sizes(endpoint: Endpoint, data: list[object], files: Sequence[LocalFile], config: Config) -> None:
    """Raise ``ArgumentError`` for the first file that is larger than the app takes.

    A file of which the size is not known yet is not checked. ``data`` and ``files`` are those that `find_uploads` gave.
    """
    limit = config.max_file_size
    if limit is None:
        return
    for index, file in enumerate(files):
        if file.size is not None and file.size > limit:
            label = next(
                (
                    slot.parameter.label
                    for value, slot in zip(data, endpoint.inputs, strict=True)
                    if slot.parameter is not None and _has_slot(value, index)
                ),
                "",
            )
            raise ArgumentError(
                f"File {file.shown} exceeds the maximum file size of {limit} bytes set in {label} component."
            )


def _has_slot(value: object, index: int) -> bool:
    if isinstance(value, UploadSlot):
        return value.index == index
    if isinstance(value, dict):
        return any(_has_slot(item, index) for item in cast("dict[object, object]", value).values())
    if isinstance(value, (list, tuple)):
        return any(_has_slot(item, index) for item in cast("Sequence[object]", value))
    return False


def read_outputs(endpoint: Endpoint, data: list[JSONValue]) -> tuple[object, ...]:
    """Return the values that a caller sees: without State and layout, and with file objects as `FileData`.

    A value that the server left out is ``None``; one too many is dropped. ``data`` is not changed, and may share parts
    with what is returned.
    """
    return OutputReader(endpoint).read(data)


class OutputReader:
    """Reads the outputs of one job, one after the other.

    Values that came by edits share with the values before them whatever was not edited. That is recognised by its
    identity and not looked through again, so that reading costs what the edits touched, not what the values hold.
    """

    __slots__ = ("_endpoint", "_outputs", "_values")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        # What came last, and what was made of it.
        self._values: list[object] = [None] * len(endpoint.outputs)
        self._outputs: list[object] = self._values

    def read(self, data: list[JSONValue]) -> tuple[object, ...]:
        """Return the values that a caller sees, as `read_outputs` says; ``data`` must not change any more."""
        count = len(data)
        values: list[object] = []
        outputs: list[object] = []
        for index, slot in enumerate(self._endpoint.outputs):
            value = data[slot.position] if slot.position < count else None
            read: object = value
            if slot.may_hold_file and type(value) not in _PLAIN:
                # Nested more deeply than any component's value: then it stays as it came.
                with contextlib.suppress(RecursionError):
                    read = _read_again(value, self._values[index], self._outputs[index])
            values.append(value)
            outputs.append(read)
        self._values, self._outputs = values, outputs
        return tuple(outputs)


def _read(value: object) -> object:
    """Return ``value`` with file objects as records; it is the same object if there are none in it."""
    if isinstance(value, dict):
        if _is_file(cast("dict[object, object]", value)):
            return FileData.from_json(cast("dict[str, JSONValue]", value))
        return _walk_dict(cast("dict[object, object]", value), _read)
    return _walk_list(cast("list[object]", value), _read) if isinstance(value, list) else value


def _is_file(value: dict[object, object]) -> bool:
    meta = value.get("meta")
    return isinstance(meta, dict) and cast("dict[object, object]", meta).get("_type") == FILE_META


def _read_again(value: object, old: object, old_read: object) -> object:
    """Return what `_read` does of a list or an object, knowing that it has made ``old_read`` of ``old``."""
    if value is old:
        return old_read
    kind = type(value)
    if type(old) is kind and type(old_read) is kind:
        if kind is list:
            items = cast("list[object]", value)
            return _read_list_again(items, cast("list[object]", old), cast("list[object]", old_read))
        mapping = cast("dict[object, object]", value)
        if not _is_file(mapping):
            return _read_dict_again(mapping, cast("dict[object, object]", old), cast("dict[object, object]", old_read))
    return _read(value)


def _read_list_again(value: list[object], old: list[object], old_read: list[object]) -> list[object]:
    if _PLAIN.issuperset(map(type, value)):
        return value
    read = [
        item if type(item) in _PLAIN else _read_again(item, before, before_read)
        for item, before, before_read in zip(value, old, old_read, strict=False)
    ]
    read += map(_read, value[len(read) :])
    return value if all(map(operator.is_, value, read)) else read


def _read_dict_again(
    value: dict[object, object], old: dict[object, object], old_read: dict[object, object]
) -> dict[object, object]:
    read = {
        key: item if type(item) in _PLAIN else _read_again(item, old.get(key), old_read.get(key))
        for key, item in value.items()
    }
    return value if all(map(operator.is_, value.values(), read.values())) else read


def replace_files(value: object, replace: Callable[[FileData], object]) -> object:
    """Return ``value`` with every `FileData` in it replaced; it is the same object if there is none."""
    if isinstance(value, FileData):
        return replace(value)
    if isinstance(value, dict):
        return _walk_dict(cast("dict[object, object]", value), lambda item: replace_files(item, replace))
    if isinstance(value, list):
        return _walk_list(cast("list[object]", value), lambda item: replace_files(item, replace))
    return value


def collapse(outputs: tuple[object, ...]) -> object:
    """Return what a call gives back: the only output itself, several as a tuple, none as ``()``."""
    return outputs[0] if len(outputs) == 1 else outputs


def file_url(base_url: str, config: Config, file: FileData) -> str:
    """Return where a file can be fetched; for a file that is not on the server that may be another origin.

    The server's own ``url`` is used only where there is no path, for behind a proxy it often names a host or a path
    that cannot be reached from here. Raises ``ArgumentError`` where there is neither, ``RemoteProtocolError`` where the
    URL is not usable.
    """
    path, url = file.path, file.url
    if path and not is_http_url(path):
        route = "/stream/" if file.is_stream else "/file="
        return f"{base_url}{config.api_prefix}{route}{quote_path(path)}"
    reference = path or url
    if not reference:
        raise ArgumentError("a file without a path and without a URL cannot be fetched")
    if reference.startswith("/") and not reference.startswith("//"):
        reference = base_url + reference  # relative to the app, not to its host
    return resolve(base_url, reference)
