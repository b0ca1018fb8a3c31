"""Gradio 3.1.5 to 3.50: a WebSocket for each job.

The server asks for what it wants to know and the client answers, so that one conversation serves all of these versions;
only 3.1.5 to 3.1.7 want the client to begin. The server closes the WebSocket behind the last message.
"""

from __future__ import annotations

from ._answers import QUEUE_FULL_MESSAGE, answer_error
from ._channels import OwnChannel, encode_call
from ._errors import ConnectionLostError, GradprotoError, JobError, QueueFullError
from ._event_streams import read_message
from ._exchanges import Headers, WebSocketExchange
from ._jobs import Job
from ._json import JSONValue, dumps
from ._messages import ask_for_data, handle_job_message, text
from ._states import JobInput, JobState

__all__ = ["WebSocketChannel"]

_NORMAL_CLOSURE = 1000
_SERVICE_RESTART = 1012


class WebSocketChannel(OwnChannel):
    """The WebSocket of one job."""

    def begin(self, data: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        """Open it."""
        self._payload = encode_call(self.job, data).decode()
        core = self.core
        assert core.dialect is not None
        exchange = self.exchange = _JobWebSocket(self)
        core.exchanges.open_websocket(exchange, core.api_url + core.dialect.join_route, headers)

    def obstacle(self, job: Job) -> str | None:
        """Return why the job cannot be cancelled now, if so."""
        assert self.core.dialect is not None
        if job.state is JobState.RUNNING and not self.core.dialect.stops_when_left:
            return "it has started, and Gradio before 3.6 stops nothing that runs"
        return super().obstacle(job)

    def opened(self) -> None:
        """The server listens."""
        self.joined("")
        assert self.core.dialect is not None
        if self.core.dialect.hash_first:
            self._send({"hash": self.session_hash})

    def message(self, message: dict[str, JSONValue]) -> None:
        """Answer what the server asks, and let everything else do its work on the job."""
        kind = text(message.get("msg"))
        if kind == "send_hash":
            self._send({"fn_index": self.job.endpoint.fn_index, "session_hash": self.session_hash})
        elif kind == "send_data":
            ask_for_data(self.core, self.job)
            self.sent = True
            self._send_text(self._payload)
            self.job.advance(JobInput.DATA_SENT)
        elif kind == "queue_full":
            self.job.pending = False
            self.fail(QueueFullError(QUEUE_FULL_MESSAGE))
        else:
            handle_job_message(self.core, self.job, message)

    def closed(self, code: int, reason: str) -> None:
        """The server closed it before it said how the job ended."""
        # Behind a broken connection the server may still be at it.
        broken = self.job.pending = code != _NORMAL_CLOSURE
        self.core.stale |= broken
        what = f"job {self.job.number} of {self.job.endpoint.label}"
        says = f" and said {reason[:80]!r}" if reason else ""
        if not broken:
            hint = "the app cancelled it, or failed in a way of which it does not tell"
            self.fail(JobError(f"{what}: the server closed the WebSocket{says} before the job was complete", hint=hint))
        elif code == _SERVICE_RESTART:
            self.fail(ConnectionLostError(f"{what}: the server was stopped (WebSocket close code {code}){says}"))
        else:
            self.fail(ConnectionLostError(f"{what}: the WebSocket broke (close code {code}){says}"))

    def _send(self, message: dict[str, JSONValue]) -> None:
        self._send_text(dumps(message).decode())

    def _send_text(self, message: str) -> None:
        exchange = self.exchange
        assert isinstance(exchange, WebSocketExchange)
        self.core.exchanges.send_text(exchange, message)


class _JobWebSocket(WebSocketExchange):
    """The exchange of the WebSocket."""

    def __init__(self, channel: WebSocketChannel) -> None:
        job = channel.job
        what = f"the WebSocket of job {job.number} ({job.endpoint.label})"
        super().__init__(what, timeout=channel.core.timeouts.request)
        self._channel = channel

    def opened(self) -> None:
        self._channel.opened()

    def text(self, text: str) -> None:
        self._channel.message(read_message(text, self.what))

    def closed(self, code: int, reason: str) -> None:
        self._channel.exchange = None
        self._channel.closed(code, reason)

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """The handshake was refused; Gradio answers 403 where it wants a login."""
        self._channel.exchange = None
        status = 401 if status == 403 else status
        self._channel.fail(answer_error(status, headers, body, what=self.what, url=self.request.url))

    def failed(self, error: GradprotoError) -> None:
        self._channel.exchange = None
        self._channel.lost(error)
