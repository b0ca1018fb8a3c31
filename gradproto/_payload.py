"""Values on their way to the server and back: files in arguments become uploads, file objects in results records.

Both ways, what holds no file is passed on as it is, not copied: this runs for every value of a stream.
"""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Callable, Sequence
from typing import Final, cast

from ._api_info import Endpoint, InputSlot, OutputSlot
from ._config import Config
from ._errors import ArgumentError
from ._files import (
    FILE_FIELDS,
    FILE_META,
    FileData,
    LocalFile,
    PayloadStyle,
    data_url_file,
    data_url_output,
    inline_json,
    is_data_url,
    is_file_json,
    is_http_url,
    local_file,
    named_file,
    named_json,
    web_file,
)
from ._json import JSONValue
from ._old_components import gives_data_urls, takes_data_urls
from ._record import record
from ._urls import quote_path, redact_url, resolve

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
# The styles of before 4.0, where a file is no `FileData`.
_OLD: Final = ("inline", "named")


@record(frozen=True, slots=True)
class UploadSlot:
    """Stands in the arguments where the file number ``index`` will be, perhaps as a bare ``data:`` URL."""

    index: int
    bare: bool = False


@record(frozen=True, slots=True)
class ServerValue:
    """A value of the server's own, such as a default: sent back as it is, and a text in it is never a local path."""

    value: JSONValue


class _Uploads:
    """The files found so far, each once."""

    def __init__(self) -> None:
        self.files: list[LocalFile] = []
        self._places: dict[tuple[object, str], int] = {}

    def add(self, file: LocalFile) -> int:
        source = file.source
        # The objects stay alive in `files`, so their ids stay theirs.
        key = (source if isinstance(source, str) else id(source), file.orig_name)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.files)
            self.files.append(file)
        return place


class _Argument:
    """Looks for the files in the value of one parameter."""

    def __init__(self, slot: InputSlot, payload: PayloadStyle, uploads: _Uploads) -> None:
        self._uploads = uploads
        self._old = payload in _OLD
        self._kind = slot.component.type if slot.component is not None else ""
        self._bare = self._old and takes_data_urls(self._kind)
        self._fetched = payload == "named" and self._kind == "audio"  # the only kind whose URLs 3.19 to 3.50 fetch

    def walk(self, value: object) -> object:
        """Return ``value`` with slots in the place of files; it is the same object if there are none in it."""
        if type(value) in _PLAIN:
            return value
        if isinstance(value, LocalFile):
            return UploadSlot(self._uploads.add(value), self._bare)
        if isinstance(value, FileData):
            return self._give_back(value)
        if isinstance(value, dict):
            return _walk_dict(cast("dict[object, object]", value), self.walk)
        if isinstance(value, (list, tuple)):
            return _walk_list(cast("Sequence[object]", value), self.walk)
        if is_content(value):
            return UploadSlot(self._uploads.add(local_file(value)), self._bare)
        return value

    def _give_back(self, file: FileData) -> object:
        """Return what stands for a file that is not on this machine."""
        if file.path is None and file.url is not None and is_data_url(file.url):
            return self.walk(data_url_file(file.url, name=file.orig_name))
        if not self._old:
            return file.to_json()
        url = file.path or file.url or ""
        if is_http_url(url) and not self._fetched:
            raise ArgumentError(
                f"this server cannot fetch {redact_url(url)[:80]!r}: Gradio does that since 4.0",
                hint="download the file, and give its path or its bytes",
            )
        if self._bare:
            raise ArgumentError(
                f"this server takes an image only with its content, not as its own file {file.path!r:.80}",
                hint="download the file, and give its path or its bytes",
            )
        return named_json(file)


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
    file is sent as it is, and so is one of ``gr.update``, but that files in it are found too. The same file is there
    once. Raises ``ArgumentError``, also for a URL where the server (before 4.0) does not fetch any.
    """
    uploads = _Uploads()
    found: list[object] = []
    for value, slot in zip(data, endpoint.inputs, strict=True):
        if slot.parameter is None or isinstance(value, ServerValue):
            found.append(value.value if isinstance(value, ServerValue) else value)
            continue
        try:
            argument = _Argument(slot, endpoint.payload, uploads)
            found.append(_find_in_argument(value, slot, argument, endpoint.payload, upload_paths))
        except RecursionError:
            raise ArgumentError(
                f"the value of parameter `{slot.parameter.name}` contains itself, or is nested too deeply"
            ) from None
    return found, uploads.files


def _find_in_argument(
    value: object, slot: InputSlot, argument: _Argument, payload: PayloadStyle, upload_paths: bool
) -> object:
    if slot.file_kind is None:
        return argument.walk(value)
    if slot.file_kind == "many" and isinstance(value, (list, tuple)):
        items = cast("Sequence[object]", value)
        return argument.walk([_as_file(item, upload_paths) for item in items])
    file = _as_file(value, upload_paths)
    found = argument.walk(file)
    is_file = isinstance(file, FileData) or is_content(file) or is_file_json(cast(JSONValue, file))
    # One file where a list of them is wanted is a list of one: the server refuses it otherwise. Gradio 2 sends itself
    # a list for every File, and takes nothing else where it flags; the others that want inline files take both.
    listed = slot.file_kind == "many" or (
        payload == "inline" and slot.component is not None and slot.component.type == "file"
    )
    return [found] if is_file and listed else found


def _as_file(value: object, upload_paths: bool) -> object:
    """Return the file that a text means in the place of a file; anything else as it is."""
    if not isinstance(value, str):
        return value
    if is_http_url(value):
        return web_file(value)
    if is_data_url(value):
        return data_url_file(value)
    return local_file(value) if upload_paths else value


def fill_uploads(
    data: list[object], uploaded: Sequence[FileData] | Sequence[LocalFile], payload: PayloadStyle = "meta"
) -> list[JSONValue]:
    """Return the arguments with the files in their slots, ready to be written as JSON.

    ``uploaded`` are what the server named them; for ``"inline"`` the files themselves, with their contents.
    """
    made: dict[UploadSlot, JSONValue] = {}

    def fill(value: object) -> object:
        if isinstance(value, UploadSlot):
            if value not in made:
                made[value] = _write_file(uploaded[value.index], value, payload)
            return made[value]
        if isinstance(value, dict):
            return _walk_dict(cast("dict[object, object]", value), fill)
        if isinstance(value, (list, tuple)):
            return _walk_list(cast("Sequence[object]", value), fill)
        return value

    return cast("list[JSONValue]", fill(data) if uploaded else data)


def _write_file(file: FileData | LocalFile, slot: UploadSlot, payload: PayloadStyle) -> JSONValue:
    if isinstance(file, LocalFile):
        return inline_json(file, bare=slot.bare)
    return named_json(file) if payload == "named" else file.to_json()


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

    __slots__ = ("_endpoint", "_is_file", "_old", "_outputs", "_values")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._old = endpoint.payload in _OLD
        self._is_file = _has_path if endpoint.payload == "path" else _has_meta
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
            # Nested more deeply than any component's value: then it stays as it came.
            with contextlib.suppress(RecursionError):
                if not slot.may_hold_file:
                    pass
                elif self._old:
                    read = _OldReader(slot).read(value)
                elif type(value) not in _PLAIN:
                    read = self._read_again(value, self._values[index], self._outputs[index])
            values.append(value)
            outputs.append(read)
        self._values, self._outputs = values, outputs
        return tuple(outputs)

    def _read(self, value: object) -> object:
        """Return ``value`` with file objects as records; it is the same object if there are none in it."""
        if isinstance(value, dict):
            if self._is_file(cast("dict[object, object]", value)):
                return FileData.from_json(cast("dict[str, JSONValue]", value))
            return _walk_dict(cast("dict[object, object]", value), self._read)
        return _walk_list(cast("list[object]", value), self._read) if isinstance(value, list) else value

    def _read_again(self, value: object, old: object, old_read: object) -> object:
        """Return what `_read` does of a list or an object, knowing that it has made ``old_read`` of ``old``."""
        if value is old:
            return old_read
        kind = type(value)
        if type(old) is kind and type(old_read) is kind:
            if kind is list:
                items = cast("list[object]", value)
                return self._read_list_again(items, cast("list[object]", old), cast("list[object]", old_read))
            mapping = cast("dict[object, object]", value)
            if not self._is_file(mapping):
                before, before_read = cast("dict[object, object]", old), cast("dict[object, object]", old_read)
                return self._read_dict_again(mapping, before, before_read)
        return self._read(value)

    def _read_list_again(self, value: list[object], old: list[object], old_read: list[object]) -> list[object]:
        if _PLAIN.issuperset(map(type, value)):
            return value
        read = [
            item if type(item) in _PLAIN else self._read_again(item, before, before_read)
            for item, before, before_read in zip(value, old, old_read, strict=False)
        ]
        read += map(self._read, value[len(read) :])
        return value if all(map(operator.is_, value, read)) else read

    def _read_dict_again(
        self, value: dict[object, object], old: dict[object, object], old_read: dict[object, object]
    ) -> dict[object, object]:
        read = {
            key: item if type(item) in _PLAIN else self._read_again(item, old.get(key), old_read.get(key))
            for key, item in value.items()
        }
        return value if all(map(operator.is_, value.values(), read.values())) else read


def _has_meta(value: dict[object, object]) -> bool:
    meta = value.get("meta")
    return isinstance(meta, dict) and cast("dict[object, object]", meta).get("_type") == FILE_META


def _has_path(value: dict[object, object]) -> bool:
    return isinstance(value.get("path"), str) and value.keys() <= FILE_FIELDS


class _OldReader:
    """Finds the files in a value of Gradio before 4.0, which are data URLs or objects with a name."""

    def __init__(self, slot: OutputSlot) -> None:
        kind = slot.component.type if slot.component is not None else ""
        self._data_urls = gives_data_urls(kind)
        self._stem = "image" if kind in ("gallery", "carousel") else kind or "file"

    def read(self, value: object) -> object:
        """Return ``value`` with files as records."""
        if isinstance(value, str):
            found = data_url_output(value, stem=self._stem) if self._data_urls and is_data_url(value) else None
            return value if found is None else found
        if isinstance(value, dict):
            mapping = cast("dict[str, object]", value)
            file = named_file(cast("dict[str, JSONValue]", value), stem=self._stem)
            return {key: self.read(item) for key, item in mapping.items()} if file is None else file
        return [self.read(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


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
