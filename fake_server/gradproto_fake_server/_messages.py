"""The messages of the event stream, written from templates that the profile's field lists give.

A template is filled with JSON texts, so that the hot path of a generator is one ``%`` and one call of the JSON encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, Union

from ._json import ascii_json, compact_json, escaped_json
from ._profiles import Profile
from ._steps import AppFailure, Log, Progress

__all__ = ["Bent", "Message", "MessageBend", "Messages"]

_NOBODY = dict.fromkeys(
    ("event_id", "rank", "avg_event_process_time", "avg_event_concurrent_process_time", "rank_eta"), "null"
)
_LOG_TITLES = {"info": "Info", "warning": "Warning", "success": "Success", "error": "Error"}


class Message(NamedTuple):
    """One message in a session's queue."""

    kind: str
    event_id: str | None
    text: str
    """The JSON of the message."""


Bent = Union[Message, Literal["end", "lost", "silence"]]
"""What a fault lets a stream say; or do: to end, to lose its session and be cut, or to say nothing more."""
MessageBend = Callable[[Message], Iterable[Bent]]
"""Gives what is said in place of a message."""


_WRITERS: Mapping[str, Callable[[Any], str]] = {"compact": compact_json, "escaped": escaped_json, "spaced": ascii_json}


class Messages:
    """Writes the messages of one Gradio version."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.json: Callable[[Any], str] = _WRITERS[profile.message_style]
        """Writes a value as it stands in a message."""
        self._comma, self._colon = (", ", ": ") if profile.message_style == "spaced" else (",", ":")
        # "duration" and "output" mean other things in a log and in a failure, so a template is made per kind
        self._templates: dict[str, str] = {
            kind: self._template(fields, kind) for kind, fields in profile.messages.items()
        }
        self._output = self._template(profile.output_fields)
        self._direct_output = _object(profile.output_fields, ",", ":")
        # Gradio 2 has nothing to say of an update when there is a State.
        stateful = tuple(name for name in profile.output_fields if name != "updated_state")
        self._stateful_output = _object(stateful, ",", ":")
        self._status = _object(profile.status_fields, ",", ":").replace("%(msg)s", '"estimation"')
        self.heartbeat: Message = self._plain("heartbeat")
        self.close_stream: Message = self._plain("close_stream")
        """Its text is empty if the stream just ends."""
        self.queue_full: Message = self._plain("queue_full")
        self.send_hash: Message = self._plain("send_hash")

    def _template(self, fields: tuple[str, ...], kind: str = "") -> str:
        text = _object(fields, self._comma, self._colon)
        return text.replace("%(msg)s", f'"{kind}"')

    def _fill(self, kind: str, **fields: str) -> str:
        """Fill in a message; one that this Gradio does not know has no text."""
        return self._templates.get(kind, "") % fields

    def _plain(self, kind: str) -> Message:
        return Message(kind, None, self._fill(kind, event_id="null"))

    def knows(self, kind: str) -> bool:
        """Say whether this Gradio has such a message."""
        return kind in self._templates

    def send_data(self, event_id: str) -> Message:
        """The client is asked for an event's data."""
        return Message("send_data", event_id, self._fill("send_data", event_id=f'"{event_id}"'))

    def estimation(
        self,
        event_id: str | None,
        rank: int | None,
        queue_size: int,
        rank_eta: float | None,
        *,
        average: float | None = None,
    ) -> Message:
        """The place of an event in its queue; ``rank_eta`` and ``average`` in seconds."""
        known = "null" if rank_eta is None else _number(average)
        text = self._fill(
            "estimation",
            event_id=_quoted(event_id),
            rank=_number(rank),
            queue_size=str(queue_size),
            avg_event_process_time=known,
            avg_event_concurrent_process_time=known,
            rank_eta=_number(rank_eta),
            queue_eta="1" if rank_eta is None else _number((average or 0.0) * max(queue_size - 1, 0)),
        )
        return Message("estimation", event_id, text)

    def status(self, queue_size: int) -> str:
        """What ``/queue/status`` says: the estimation of nobody."""
        return self._status % {"queue_size": str(queue_size), "queue_eta": "1", **_NOBODY}

    def process_starts(self, event_id: str, eta: float | None) -> Message:
        """An event leaves the queue; ``eta`` in seconds."""
        return Message(
            "process_starts", event_id, self._fill("process_starts", event_id=f'"{event_id}"', eta=_number(eta))
        )

    def progress(self, event_id: str, progress: Progress) -> Message:
        """How far a function is."""
        unit = {
            "index": progress.index,
            "length": progress.length,
            "unit": progress.unit,
            "progress": progress.progress,
            "desc": progress.desc,
        }
        text = self._fill("progress", event_id=f'"{event_id}"', progress_data=self.json([unit]))
        return Message("progress", event_id, text)

    def log(self, event_id: str, log: Log) -> Message:
        """A toast for the user."""
        text = self._fill(
            "log",
            event_id=f'"{event_id}"',
            log=self.json(log.message),
            level=f'"{log.level}"',
            duration="null" if log.duration is None else _number(float(log.duration)),
            visible=_flag(log.visible),
            title=self.json(_LOG_TITLES[log.level] if log.title is None else log.title),
        )
        return Message("log", event_id, text)

    def output(
        self,
        data: str,
        *,
        is_generating: bool | None,
        duration: float,
        average: float,
        in_message: bool = True,
        keeps_state: bool = False,
        render_config: str = "null",
    ) -> str:
        """The JSON of a success: ``data`` and ``render_config`` are JSON text already; durations in seconds.

        Of a batch it is not said whether it ``is_generating``.
        """
        direct = self._stateful_output if keeps_state else self._direct_output
        return (self._output if in_message else direct) % {
            "data": data,
            "is_generating": "null" if is_generating is None else _flag(is_generating),
            "duration": repr(duration),
            "average_duration": repr(average),
            "render_config": render_config,
            "changed_state_ids": "[]",
            "used_cache": "null",
            # Gradio 2, which has as many of each as functions.
            "flag_index": "null",
            "updated_state": "null",
            "durations": f"[{duration!r}]",
            "avg_durations": f"[{average!r}]",
        }

    def generating(self, event_id: str, output: str) -> Message:
        """An intermediate output; ``output`` is JSON text."""
        text = self._templates["process_generating"] % {
            "event_id": f'"{event_id}"',
            "output": output,
            "success": "true",
            "time_limit": "null",
        }
        return Message("process_generating", event_id, text)

    def streaming(self, event_id: str, output: str, time_limit: float | None) -> Message:
        """What came of one frame of a streaming input; ``time_limit`` in seconds."""
        text = self._fill(
            "process_streaming",
            event_id=f'"{event_id}"',
            output=output,
            success="true",
            time_limit=_number(time_limit),
        )
        return Message("process_streaming", event_id, text)

    def completed(
        self,
        event_id: str,
        output: str,
        *,
        success: bool,
        title: str | None = None,
        cache_duration: float | None = None,
        average: float | None = None,
    ) -> Message:
        """The end of an event; ``output`` is JSON text, ``{}`` after a cancel."""
        text = self._templates["process_completed"] % {
            "event_id": f'"{event_id}"',
            "output": output,
            "success": _flag(success),
            "title": "null" if title is None else self.json(title),
            "used_cache": "null",
            "cache_duration": _number(cache_duration),
            "avg_time": _number(average),
        }
        return Message("process_completed", event_id, text)

    def unexpected_error(self, message: str, *, session_not_found: bool) -> Message:
        """The stream itself fails; no event is named."""
        text = self._fill(
            "unexpected_error",
            event_id="null",
            message=self.json(message),
            session_not_found=_flag(session_not_found),
            success="false",
        )
        return Message("unexpected_error", None, text)

    def server_stopped(self) -> Message:
        """The server stops; Gradio 4.9 has a message of its own for it."""
        said = self.unexpected_error("Server stopped unexpectedly.", session_not_found=False)
        return said if said.text else Message("server_stopped", None, self._fill("server_stopped", success="false"))

    def error_payload(self, error: Exception, *, show_error: bool, late: bool = False) -> dict[str, Any]:
        """What a failed call shows: everything of an :class:`AppFailure`, of others only with ``show_error``.

        ``late`` is a failure after an output.
        """
        profile = self._profile
        fields: dict[str, Any]
        if isinstance(error, AppFailure):
            fields = {
                "error": repr(error.message) if profile.quoted_errors else error.message,
                "duration": error.duration,
                "visible": error.visible,
                "title": error.title,
            }
            return {name: fields[name] for name in profile.app_error_fields}
        if not show_error:
            return {"error": profile.hidden_generator_error if late else None}
        fields = {"error": _text_of(error), "visible": True}
        return {name: fields[name] for name in profile.stranger_error_fields}


def _object(fields: tuple[str, ...], comma: str, colon: str) -> str:
    return "{" + comma.join(f'"{name}"{colon}%({name})s' for name in fields) + "}"


def _text_of(error: Exception) -> str:
    try:
        return str(error)
    except Exception as worse:  # one that cannot say what it is: Gradio 3 tells why
        return str(worse)


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)


def _flag(value: bool) -> str:
    return "true" if value else "false"
