"""Event streams, parsed from bytes by the rules of the WHATWG HTML standard, section 9.2.6.

Gradio writes ``data: {...}`` and an empty line for nearly every event. A stretch of such events is taken in one piece,
with a handful of searches that run in C; whatever else the standard allows goes line by line.
"""

from __future__ import annotations

from collections import deque

from ._errors import RemoteProtocolError
from ._record import record

__all__ = ["MAX_EVENT_SIZE", "EventStreamParser", "ServerSentEvent"]

MAX_EVENT_SIZE = 256 * 1024 * 1024
"""Bytes of one event. The largest honest ones hold whole outputs, such as a table of some million cells, and stay below
this; without a limit, a server that never ends a line would fill the memory."""

_BOM = b"\xef\xbb\xbf"


@record(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its type (``message`` if the stream names none), its data, and the stream's last event id so far."""

    event: str
    data: str
    id: str


class EventStreamParser:
    """Turns the bytes of a ``text/event-stream`` into events, however they were cut.

    ``max_event_size`` is in bytes, line ends not counted. An event that the stream's end cuts off is dropped, as the
    standard says; ``has_partial_event`` tells.
    """

    def __init__(self, max_event_size: int = MAX_EVENT_SIZE) -> None:
        self._max_event_size = max_event_size
        self._events: deque[ServerSentEvent] = deque()
        self._error: RemoteProtocolError | None = None
        self._dead = False
        self._at_start = True
        self._skip_line_feed = False
        self._tail = bytearray()  # the beginning of a line: holds no line end
        # The event whose lines have begun to come:
        self._begun = False
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        # These outlast an event:
        self._id = ""
        self._retry: int | None = None

    @property
    def has_partial_event(self) -> bool:
        """Whether bytes were left over after the last complete event, so that an end here would cut something off."""
        return self._begun or len(self._tail) > 0

    @property
    def retry(self) -> int | None:
        """The milliseconds that the stream asked to wait before reconnecting, or ``None`` if it did not ask."""
        return self._retry

    def next_event(self) -> ServerSentEvent | None:
        """Return the next event, or ``None`` if more bytes are needed.

        Raises ``RemoteProtocolError`` once if an event is larger than allowed; after that no event comes any more.
        """
        if self._events:
            return self._events.popleft()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return None

    def add_data(self, data: bytes) -> None:
        """Take the next bytes of the stream; ``b""`` changes nothing."""
        if self._skip_line_feed and data:
            self._skip_line_feed = False
            data = data.removeprefix(b"\n")
        if self._at_start:
            data = self._skip_byte_order_mark(data)
        if self._dead or not data:
            return
        # Only the new bytes are searched: the time for a large event that comes in many pieces is linear in its size.
        if b"\n" not in data and b"\r" not in data:
            self._tail += data
        elif self._tail:
            self._tail += data
            block = bytes(self._tail)
            self._tail.clear()
            self._take_block(block)
        else:
            self._take_block(data)
        if self._size + len(self._tail) > self._max_event_size:
            self._fail()

    def _skip_byte_order_mark(self, data: bytes) -> bytes:
        """Return the bytes from the stream's beginning on, or ``b""`` while they may still be a part of the mark."""
        data = bytes(self._tail) + data
        self._tail.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._tail += data
            return b""
        self._at_start = False
        return data.removeprefix(_BOM)

    def _take_block(self, block: bytes) -> None:
        """Take bytes that begin a line and have a line end among them; keep what follows the last line end."""
        if b"\r" in block:
            self._skip_line_feed = block.endswith(b"\r")
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        start = self._finish_begun_event(block)
        if self._dead:
            return
        end = block.rfind(b"\n\n", start) + 2
        if end - start > 8 and self._take_plain_events(block, start, end):
            start = end
        lines = block[start:].split(b"\n")
        self._tail += lines.pop()
        for line in lines:
            self._take_line(line)

    def _finish_begun_event(self, block: bytes) -> int:
        """Take lines until no event is under way; return where the rest begins."""
        start = 0
        while self._begun and (end := block.find(b"\n", start)) >= 0:
            self._take_line(block[start:end])
            start = end + 1
        return start

    def _take_plain_events(self, block: bytes, start: int, end: int) -> bool:
        """Take a stretch that holds nothing but events of one ``data: `` line each; return whether it is one."""
        if not block.startswith(b"data: ", start) or end - start > self._max_event_size:
            return False
        values = block[start + 6 : end - 2].decode("utf-8", "replace").split("\n\ndata: ")
        # With two line feeds for each event there is none left that could be inside one.
        if block.count(b"\n", start, end) != 2 * len(values):
            return False
        event_id = self._id
        self._events.extend([ServerSentEvent("message", value, event_id) for value in values])
        return True

    def _take_line(self, line: bytes) -> None:
        if self._dead:
            return
        if not line:
            self._dispatch()
            return
        if self._size + len(line) > self._max_event_size:
            self._fail()
            return
        name, _, value = line.partition(b":")
        if not name:
            return
        self._begun = True
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(line)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= 9:
            self._retry = int(value)

    def _dispatch(self) -> None:
        if self._data:
            data = b"\n".join(self._data).decode("utf-8", "replace")
            self._events.append(ServerSentEvent(self._event or "message", data, self._id))
        self._forget_begun_event()

    def _forget_begun_event(self) -> None:
        self._begun = False
        self._event = ""
        self._data.clear()
        self._size = 0

    def _fail(self) -> None:
        self._dead = True
        self._forget_begun_event()
        self._tail.clear()
        self._error = RemoteProtocolError(f"the event stream has an event of more than {self._max_event_size} bytes")
