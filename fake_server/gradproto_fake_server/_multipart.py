"""An incremental parser of ``multipart/form-data`` (RFC 7578): bytes in, parts out, next to nothing kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

__all__ = [
    "FormFinished",
    "MultipartError",
    "MultipartEvent",
    "MultipartParser",
    "PartBegun",
    "PartData",
    "PartEnded",
    "header_options",
]

_MAX_HEADERS = 8 * 1024  # bytes of one part's headers, as in Gradio


class MultipartError(Exception):
    """The body is no form; the text is what Gradio answers."""


@dataclass(frozen=True, slots=True)
class PartBegun:
    """The headers of a part are over; ``filename`` is ``None`` for a plain field."""

    name: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    """A piece of the current part's content."""

    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The current part is whole."""


@dataclass(frozen=True, slots=True)
class FormFinished:
    """The closing boundary was seen; what follows is ignored."""


MultipartEvent = Union[PartBegun, PartData, PartEnded, FormFinished]


class MultipartParser:
    """Feed it with :meth:`add_data`, then take :meth:`next_event` until that is ``None``."""

    def __init__(self, boundary: bytes) -> None:
        # The form begins as if a line had ended before it, so every delimiter looks alike.
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")
        self._state = self._preamble
        self._events: list[MultipartEvent] = []

    def add_data(self, data: bytes | bytearray) -> None:
        """Take the next bytes of the body. Raises :class:`MultipartError` if they cannot be a form.

        A :class:`PartData` may show ``data`` itself: take the events before it changes.
        """
        if not self._passed_on(data):
            self._buffer += data
        while self._state():
            pass

    def next_event(self) -> MultipartEvent | None:
        """Give what was found, in order; ``None`` means that more data is needed."""
        return self._events.pop(0) if self._events else None

    def _preamble(self) -> bool:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            if len(self._buffer) > len(self._delimiter) + 2:  # an empty line before the first boundary is tolerated
                raise MultipartError("Could not parse multipart request: the body does not begin with the boundary")
            return False
        del self._buffer[: at + len(self._delimiter)]
        self._state = self._after_delimiter
        return True

    def _after_delimiter(self) -> bool:
        if len(self._buffer) < 2:
            return False
        mark = bytes(self._buffer[:2])
        del self._buffer[:2]
        if mark == b"--":
            self._events.append(FormFinished())
            self._state = self._epilogue
        elif mark == b"\r\n":
            self._state = self._headers
        else:
            raise MultipartError("Could not parse multipart request: no line end after a boundary")
        return True

    def _headers(self) -> bool:
        # A part without headers begins with an empty line at once.
        end = 0 if self._buffer.startswith(b"\r\n") else self._buffer.find(b"\r\n\r\n")
        if end > _MAX_HEADERS or (end < 0 and len(self._buffer) > _MAX_HEADERS):
            raise MultipartError("Headers exceeded maximum allowed size.")
        if end < 0 or len(self._buffer) < 2:
            return False
        block = bytes(self._buffer[:end])
        del self._buffer[: end + (4 if end else 2)]
        self._events.append(_part_begun(block))
        # A part may be empty: its end is then the delimiter right here, without the line end that was just taken.
        self._buffer[:0] = b"\r\n"
        self._skip = 2
        self._state = self._content
        return True

    def _content(self) -> bool:
        at = self._buffer.find(self._delimiter)
        if at >= 0:
            if at > self._skip:
                self._events.append(PartData(bytes(memoryview(self._buffer)[self._skip : at])))
            self._events.append(PartEnded())
            del self._buffer[: at + len(self._delimiter)]
            self._state = self._after_delimiter
            return True
        # The last bytes may be the beginning of a delimiter; they stay until more is known.
        sure = len(self._buffer) - len(self._delimiter) + 1
        if sure > self._skip:
            self._events.append(PartData(bytes(memoryview(self._buffer)[self._skip : sure])))
            del self._buffer[:sure]
            self._skip = 0
        return False

    def _passed_on(self, data: bytes | bytearray) -> bool:
        """Give data in the middle of a part away without a copy; say whether that was possible."""
        held = len(self._delimiter) - 1
        if self._state != self._content or self._skip or len(self._buffer) > held or len(data) <= held:
            return False
        # Looking for one byte is much cheaper than looking for the delimiter, and mostly settles it.
        if b"\r" in data and self._delimiter in data:
            return False
        if self._delimiter in self._buffer + data[:held]:
            return False
        if self._buffer:
            self._events.append(PartData(bytes(self._buffer)))
        self._events.append(PartData(memoryview(data)[:-held]))
        self._buffer[:] = data[-held:]
        return True

    def _epilogue(self) -> bool:
        self._buffer.clear()
        return False


def _part_begun(block: bytes) -> PartBegun:
    for line in block.split(b"\r\n"):
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"content-disposition":
            _, options = header_options(value)
            if "name" in options:
                return PartBegun(options["name"], options.get("filename"))
    raise MultipartError('The Content-Disposition header field "name" must be provided.')


def header_options(value: bytes) -> tuple[str, dict[str, str]]:
    r"""Split ``form-data; name="files"; filename="a b.txt"`` into its first word and its options.

    Quoted values may hold semicolons; ``\"`` or ``%22`` stands for a quote in them (WHATWG HTML, multipart encoding).
    """
    text = _decode(value)
    word, _, rest = text.partition(";")
    options: dict[str, str] = {}
    while rest:
        name, equals, rest = rest.partition("=")
        if not equals:
            break
        rest = rest.lstrip()
        if rest.startswith('"'):
            content, rest = _quoted(rest)
        else:
            content, _, rest = rest.partition(";")
            content = content.strip()
        key = name.strip().lower()
        if key == "filename" and content[1:3] == ":\\":  # old browsers of Windows send the whole path
            content = content.rpartition("\\")[2]
        options[key] = content
    return word.strip().lower(), options


def _quoted(text: str) -> tuple[str, str]:
    content: list[str] = []
    at = 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\"):
            at += 1
        content.append(text[at])
        at += 1
    _, _, rest = text[at + 1 :].partition(";")
    return "".join(content).replace("%22", '"'), rest


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
