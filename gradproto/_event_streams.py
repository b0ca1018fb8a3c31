"""Responses that are event streams: read as they come, no further ahead than there is room for the events."""

from __future__ import annotations

from collections.abc import Callable

from ._answers import answer_error
from ._core import Core
from ._errors import GradprotoError, ReadError, RemoteProtocolError
from ._exchanges import Exchange, Headers, header_value
from ._json import JSONValue, loads
from ._sse import EventStreamParser, ServerSentEvent

__all__ = ["EventStreamExchange", "read_message"]

# Enough for a driver to do a good deal at a time.
MAX_EVENTS_AHEAD = 64
_MAX_REFUSAL = 65_536


class EventStreamExchange(Exchange):
    """A request whose response is an event stream. Subclasses say what its events mean.

    ``timeout`` is for silence, ``None`` for servers that do not beat.
    """

    def __init__(self, what: str, core: Core, *, timeout: float | None) -> None:
        super().__init__(what, timeout=timeout, limit="stream_idle")
        self.core = core
        self._parser = EventStreamParser()
        self._refusal: tuple[int, Headers] | None = None
        self._body = bytearray()
        self._behind = False
        self._ending: Callable[[], None] | None = None

    # --- what subclasses say -----------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether nobody wants the rest."""
        raise NotImplementedError

    def stream_opened(self) -> None:
        """The server answered with an event stream."""
        raise NotImplementedError

    def stream_event(self, event: ServerSentEvent) -> None:
        """The next event; may raise `RemoteProtocolError`."""
        raise NotImplementedError

    def stream_ended(self, *, cut: bool) -> None:
        """The response ended; ``cut`` says that it did so inside an event."""
        raise NotImplementedError

    def stream_failed(self, error: GradprotoError) -> None:
        """The connection broke, or what came on it was no event stream."""
        raise NotImplementedError

    def stream_refused(self, status: int, error: GradprotoError) -> None:
        """The server answered with an error."""
        raise NotImplementedError

    # --- facts -------------------------------------------------------------------------------------------------------

    def started(self, status: int, headers: Headers) -> None:
        """See whether it is an event stream at all."""
        content_type = (header_value(headers, "content-type") or "").partition(";")[0].strip().lower()
        if status == 200 and content_type == "text/event-stream":
            self.stream_opened()
        elif status == 200:
            raise RemoteProtocolError(f"{self.what}: expected text/event-stream, got {content_type[:80]!r}")
        else:
            self._refusal = (status, headers)

    def data(self, data: bytes) -> None:
        """Deal with the events that are complete, as far as there is room for what they become."""
        if self._refusal is not None:
            self._body += data[: _MAX_REFUSAL - len(self._body)]
            return
        self._parser.add_data(data)
        self.go_on()

    def go_on(self) -> None:
        """Deal with events until there are none, or enough of what they become waits to be taken.

        An event holds a whole output. A read may hold thousands of messages, each of which makes a long text a little
        longer, so that all of their events at once would take the square of the memory of what was read.
        """
        while not self.over:
            if len(self.core.events) >= MAX_EVENTS_AHEAD:
                self._put_off()
                return
            try:
                event = self._parser.next_event()
                if event is None:
                    ending, self._ending = self._ending, None
                    if ending is not None:
                        ending()
                    return
                self.stream_event(event)
            except RemoteProtocolError as error:
                self.stream_failed(error)

    def ended(self) -> None:
        """The response is over."""
        if self._refusal is not None:
            status, headers = self._refusal
            error = answer_error(status, headers, bytes(self._body), what=self.what, url=self.request.url)
            self.stream_refused(status, error)
            return
        self._end(lambda: self.stream_ended(cut=self._parser.has_partial_event))

    def failed(self, error: GradprotoError) -> None:
        """The connection broke, or what came on it was no event stream."""
        self._end(lambda: self.stream_failed(error))

    def expired(self) -> GradprotoError:
        """Not even a heartbeat came. A proxy that buffers, as nginx does unless told otherwise, keeps it back too."""
        return ReadError(
            f"{self.what}: nothing came for {self.timeout:g} s (the limit 'stream_idle' of the timeouts), "
            "not even a heartbeat: the server is gone, or a proxy keeps back what it sends"
        )

    def _end(self, ending: Callable[[], None]) -> None:
        """The end comes after the events that came before it."""
        if self._behind:
            self._ending = ending
        else:
            ending()

    def _put_off(self) -> None:
        if not self._behind:
            self._behind = True
            self.core.backlog.append(self._catch_up)

    def _catch_up(self) -> None:
        self._behind = False
        self.go_on()


def read_message(data: str, what: str) -> dict[str, JSONValue]:
    """Return the message in an event or a WebSocket's text; raise `RemoteProtocolError` where there is none."""
    try:
        message = loads(data)
    except ValueError:
        raise RemoteProtocolError(f"{what}: not JSON: {data[:80]!r}") from None
    if not isinstance(message, dict):
        raise RemoteProtocolError(f"{what}: not a message: {data[:80]!r}")
    return message
