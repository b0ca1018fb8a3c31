"""What happens, shown on stderr to somebody who sits at a terminal: bars that move, and lines that stay.

rich draws; it is loaded only when there is something to draw on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gradproto import (
    FileUploaded,
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

from ._console import one_line, say, steerable, watched, write_note

if TYPE_CHECKING:
    from ._bars import Bars

__all__ = ["Display", "describe_log", "describe_place"]


class Display:
    """Bars and lines on stderr, or nothing: off a terminal, and where ``quiet`` says so. A terminal that cannot move
    its cursor gets the lines only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._lines = not quiet and watched(sys.stderr)
        self._bars: Bars | None = None
        if self._lines and steerable(sys.stderr):
            from ._bars import Bars

            self._bars = Bars()
        self._outputs = 0
        self._stage = ""

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        self.hide()

    def begin(self) -> None:
        """Another job begins."""
        self._outputs = 0
        if self._bars is not None:
            self._bars.steps([])

    def show(self, text: str) -> None:
        """Say what is being done just now."""
        if self._bars is not None:
            self._bars.show(one_line(text))

    def space(self, report: SpaceStageReported) -> None:
        """Show that a Space is waited for; where nothing moves, a line for each stage, since it may take minutes."""
        told = f"the Space {report.space} is {report.stage}"
        if self._bars is not None:
            self.show(f"{told}; waiting for it, {report.waited:.0f} s ...")
        elif told != self._stage and not self._quiet:
            say(told)
        self._stage = told

    def update(self, update: JobUpdate) -> None:
        """Show what happened."""
        if isinstance(update, JobLogged):
            if update.visible:
                self.note(describe_log(update))
        elif self._bars is not None:
            _draw(self._bars, update)

    def note(self, text: str) -> None:
        """Write a line that stays, above what moves."""
        if self._bars is not None:
            self._bars.note(one_line(text))
        elif self._lines:
            write_note(text)

    def output(self) -> None:
        """An output is about to be written."""
        if watched(sys.stdout):
            self.hide()

    def count(self) -> None:
        """An output was written."""
        self._outputs += 1
        if self._bars is not None and not watched(sys.stdout):
            self._bars.count(self._outputs)

    def download(self, number: int, name: str, received: int, total: int | None) -> None:
        """``received`` of ``total`` bytes of file ``number`` of the outputs came."""
        if self._bars is not None:
            self._bars.transfer(("download", number), f"fetching {one_line(name)}", received, total)

    def downloaded(self, number: int) -> None:
        """The file is there."""
        if self._bars is not None:
            self._bars.transferred(("download", number))

    def hide(self) -> None:
        """Remove what moves: something else is about to be written."""
        if self._bars is not None:
            self._bars.hide()


def _draw(bars: Bars, update: JobUpdate) -> None:
    match update:
        case UploadProgressed():
            bars.transfer("upload", "uploading", update.sent, update.total)
        case FileUploaded():
            bars.transferred("upload")
        case JobQueued():
            bars.transferred("upload")
            bars.show("sending ...")
        case QueueEstimated():
            bars.show(describe_place(update))
        case JobStarted():
            bars.show("running ...")
        case JobProgressed():
            bars.steps([(_describe_unit(unit), *_extent(unit)) for unit in update.units])
        case _:
            pass


def describe_log(update: JobLogged) -> str:
    """Return a message of the app as a line; its title is told where it is not just its level."""
    titled = update.title and update.title.casefold() != update.level.casefold()
    return f"{update.level}: {f'{update.title}: ' if titled else ''}{update.message}"


def describe_place(update: QueueEstimated) -> str:
    """Return where a job stands in the queue, in words."""
    place = ""
    if update.rank is not None:
        place = f", {update.rank} before this one"
        if update.queue_size is not None and update.queue_size > update.rank:
            place += f", {update.queue_size} in all"
    wait = "" if update.eta is None else f", about {update.eta:.1f} s"
    return f"waiting in the queue{place}{wait}"


def _describe_unit(unit: ProgressUnit) -> str:
    parts = [unit.desc] if unit.desc else []
    if unit.index is not None:
        total = "" if unit.length is None else f"/{unit.length:g}"
        parts.append(f"{unit.index:g}{total}{' ' + unit.unit if unit.unit else ''}")
    elif unit.progress is not None:
        parts.append(f"{unit.progress:.0%}")
    return one_line(" ".join(parts)) or "running ..."


def _extent(unit: ProgressUnit) -> tuple[float, float | None]:
    if unit.index is not None and unit.length:
        return unit.index, unit.length
    return (0.0, None) if unit.progress is None else (unit.progress, 1.0)
