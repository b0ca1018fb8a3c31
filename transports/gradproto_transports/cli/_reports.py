"""What ``gradproto predict`` writes while a job goes on: its outputs as lines, or everything as lines of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Protocol

from gradproto import (
    FileUploaded,
    JobCompleted,
    JobDataRequested,
    JobLogged,
    JobProgressed,
    JobQueued,
    JobStarted,
    JobUpdate,
    ProgressUnit,
    QueueEstimated,
    SpaceStageReported,
    UploadProgressed,
)

from ._call import Happening, Output
from ._console import speaks_unicode, write_line
from ._display import Display
from ._outputs import FileSaver, as_json

__all__ = ["EVENTS_HELP", "EventReport", "OutputReport", "Report", "write_error"]

EVENTS_HELP = """
    With --json-events all that happens is a line of JSON, an object whose "type" is "space" (a Space that does not run
    yet: space, stage, waited in seconds); "upload" (sent, total: bytes) or "uploaded" (index, name); "status" (status:
    joined, sending, queued with rank, queue_size and eta in seconds, or running with eta); "progress" (units: a list of
    index, length, unit, progress, desc, from the outermost); "log" (level, message, title, duration, visible); "output"
    (index, value: what --json prints). The last line is "result" (outputs: how many, value: the last, duration and
    average_duration in seconds) or "error" (error: its kind, message, exit_code), which is printed on stderr too.
"""


class Report(Protocol):
    """Takes what happens, in order."""

    def space(self, report: SpaceStageReported) -> None:
        """Write what is to be written about a Space that is waited for."""
        ...

    def take(self, news: Happening) -> None:
        """Write what is to be written about it."""
        ...


class OutputReport:
    """Each output as a line; everything else goes to the display."""

    def __init__(
        self, render: Callable[[object], str], *, keep_empty: bool, saver: FileSaver | None, display: Display
    ) -> None:
        self._render = render
        self._keep_empty = keep_empty
        self._saver = saver
        self._display = display

    def space(self, report: SpaceStageReported) -> None:
        """Show it."""
        self._display.space(report)

    def take(self, news: Happening) -> None:
        """Write an output; show anything else."""
        if not isinstance(news, Output):
            self._display.update(news)
            return
        value = news.value if self._saver is None else self._saver.save(news.value)
        if value != () or self._keep_empty:
            self._display.output()
            write_line(self._render(value))
        self._display.count()


class EventReport:
    """Everything as lines of JSON."""

    def __init__(self, *, saver: FileSaver | None, display: Display) -> None:
        self._saver = saver
        self._display = display
        self._outputs = 0
        self._value: object = ()

    def space(self, report: SpaceStageReported) -> None:
        """Write it as an event, and show it."""
        self._write({"type": "space", "space": report.space, "stage": report.stage, "waited": report.waited})
        self._display.space(report)

    def take(self, news: Happening) -> None:
        """Write it as an event, and show it."""
        if isinstance(news, Output):
            self._outputs = news.index + 1
            self._value = news.value if self._saver is None else self._saver.save(news.value)
            self._write({"type": "output", "index": news.index, "value": self._value})
            self._display.count()
            return
        self._display.update(news)
        if isinstance(news, JobCompleted):
            self._write(
                {
                    "type": "result",
                    "outputs": self._outputs,
                    "value": self._value,
                    "duration": news.duration,
                    "average_duration": news.average_duration,
                }
            )
        elif (described := _describe(news)) is not None:
            self._write(described)

    def _write(self, event: dict[str, Any]) -> None:
        self._display.output()
        write_line(as_json(event))


def _describe(update: JobUpdate) -> dict[str, Any] | None:
    match update:
        case UploadProgressed():
            return {"type": "upload", "sent": update.sent, "total": update.total}
        case FileUploaded():
            return {"type": "uploaded", "index": update.index, "name": update.file.orig_name}
        case JobQueued():
            return {"type": "status", "status": "joined"}
        case JobDataRequested():
            return {"type": "status", "status": "sending"}
        case QueueEstimated():
            place = {"rank": update.rank, "queue_size": update.queue_size, "eta": update.eta}
            return {"type": "status", "status": "queued", **place}
        case JobStarted():
            return {"type": "status", "status": "running", "eta": update.eta}
        case JobProgressed():
            return {"type": "progress", "units": [_describe_unit(unit) for unit in update.units]}
        case JobLogged():
            told = {"title": update.title, "duration": update.duration, "visible": update.visible}
            return {"type": "log", "level": update.level, "message": update.message, **told}
        case _:
            return None


def _describe_unit(unit: ProgressUnit) -> dict[str, Any]:
    return {
        "index": unit.index,
        "length": unit.length,
        "unit": unit.unit,
        "progress": unit.progress,
        "desc": unit.desc,
    }


def write_error(kind: str, message: str, code: int) -> None:
    """Write what ends the program as an event."""
    event = {"type": "error", "error": kind, "message": message, "exit_code": code}
    write_line(json.dumps(event, ensure_ascii=not speaks_unicode(sys.stdout)))
