"""The messages of the event stream, written from templates that the profile's field lists give.

A template is filled with JSON texts, so that the hot path of a generator is one ``%`` and one call of the JSON encoder.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ._json import compact_json
from ._profiles import Profile
from ._steps import AppFailure, Log, Progress

__all__ = ["Message", "Messages"]

_LOG_TITLES = {"info": "Info", "warning": "Warning", "success": "Success", "error": "Error"}


class Message(NamedTuple):
    """One message in a session's queue."""

    kind: str
    event_id: str | None
    text: str
    """The JSON of the message."""


class Messages:
    """Writes the messages of one Gradio version."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        output = "{" + ",".join(f'"{name}":%({name})s' for name in profile.output_fields) + "}"
        self._templates: dict[str, str] = {}
        for kind, fields in profile.messages.items():
            # "duration" and "output" mean other things in a log and in a failure, so a template is made per kind
            holes = (f'"msg":"{kind}"' if name == "msg" else f'"{name}":%({name})s' for name in fields)
            self._templates[kind] = "{" + ",".join(holes) + "}"
        self._output = output
        self.heartbeat: Message = Message("heartbeat", None, self._fill("heartbeat", event_id="null"))
        self.close_stream: Message = Message("close_stream", None, self._fill("close_stream", event_id="null"))

    def _fill(self, kind: str, **fields: str) -> str:
        return self._templates[kind] % fields

    def estimation(self, event_id: str | None, rank: int | None, queue_size: int, rank_eta: float | None) -> Message:
        """The place of an event in its queue; ``rank_eta`` in seconds."""
        text = self._fill(
            "estimation",
            event_id=_quoted(event_id),
            rank=_number(rank),
            queue_size=str(queue_size),
            rank_eta=_number(rank_eta),
        )
        return Message("estimation", event_id, text)

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
        text = self._fill("progress", event_id=f'"{event_id}"', progress_data=compact_json([unit]))
        return Message("progress", event_id, text)

    def log(self, event_id: str, log: Log) -> Message:
        """A toast for the user."""
        text = self._fill(
            "log",
            event_id=f'"{event_id}"',
            log=compact_json(log.message),
            level=f'"{log.level}"',
            duration="null" if log.duration is None else _number(float(log.duration)),
            visible=_flag(log.visible),
            title=compact_json(_LOG_TITLES[log.level] if log.title is None else log.title),
        )
        return Message("log", event_id, text)

    def output(self, data: str, *, is_generating: bool, duration: float, average: float) -> str:
        """The JSON of a success: ``data`` is JSON text already; durations in seconds."""
        return self._output % {
            "data": data,
            "is_generating": "true" if is_generating else "false",
            "duration": repr(duration),
            "average_duration": repr(average),
            "render_config": "null",
            "changed_state_ids": "[]",
            "used_cache": "null",
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
            "title": "null" if title is None else compact_json(title),
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
            message=compact_json(message),
            session_not_found=_flag(session_not_found),
            success="false",
        )
        return Message("unexpected_error", None, text)

    def error_payload(self, error: Exception, *, show_error: bool) -> dict[str, Any]:
        """What a failed call shows: everything of an :class:`AppFailure`, of others only with ``show_error``."""
        if isinstance(error, AppFailure):
            return {
                "error": error.message,
                "duration": error.duration,
                "visible": error.visible,
                "title": error.title,
            }
        if not show_error:
            return {"error": None}
        payload: dict[str, Any] = {"error": str(error)}
        if self._profile.error_detail_of_strangers:
            payload["visible"] = True
        return payload


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)


def _flag(value: bool) -> str:
    return "true" if value else "false"
