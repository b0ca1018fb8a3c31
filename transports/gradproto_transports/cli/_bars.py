"""The bars that `Display` draws with rich."""

from __future__ import annotations

from collections.abc import Hashable

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Column
from rich.text import Text

__all__ = ["Bars"]

_REFRESH_RATE = 10  # times a second: as much as an eye can follow


class Bars:
    """A line that says what is being done, bars of transfers in bytes, and bars of the function's own progress."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._line = Text("", no_wrap=True, overflow="ellipsis", style="dim")
        self._transfers = Progress(
            _description(), BarColumn(20), DownloadColumn(), TransferSpeedColumn(), console=console
        )
        self._steps = Progress(BarColumn(20), _description(), console=console)
        self._transfer_tasks: dict[Hashable, TaskID] = {}
        self._step_tasks: list[TaskID] = []
        # The streams are not redirected: outputs belong to stdout, wherever that leads.
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_REFRESH_RATE,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def show(self, text: str) -> None:
        """Show ``text`` in the line."""
        self._line = Text(text, no_wrap=True, overflow="ellipsis", style="dim")
        self._live.start(refresh=True)

    def count(self, outputs: int) -> None:
        """Show the number of outputs in the line."""
        self.show(f"running ... {outputs} output{'' if outputs == 1 else 's'}")

    def transfer(self, key: Hashable, name: str, done: int, total: int | None) -> None:
        """Move the bar of a transfer."""
        task = self._transfer_tasks.get(key)
        if task is not None:
            self._transfers.update(task, completed=done, total=total)
            return
        self._transfer_tasks[key] = self._transfers.add_task(name, total=total, completed=done)
        self._live.start()
        self._live.refresh()

    def transferred(self, key: Hashable) -> None:
        """Remove the bar of a transfer, if there is one."""
        task = self._transfer_tasks.pop(key, None)
        if task is not None:
            self._transfers.remove_task(task)

    def steps(self, levels: list[tuple[str, float, float | None]]) -> None:
        """Show one bar for each level: its text, how far it is, and how far it goes, if that is known."""
        while len(self._step_tasks) > len(levels):
            self._steps.remove_task(self._step_tasks.pop())
        while len(self._step_tasks) < len(levels):
            self._step_tasks.append(self._steps.add_task("", total=None))
        for task, (text, done, total) in zip(self._step_tasks, levels, strict=True):
            self._steps.update(task, description=text, completed=done, total=total)
        if levels:
            self._live.start(refresh=True)

    def note(self, text: str) -> None:
        """Write a line that stays, above what moves."""
        self._live.console.print(Text(text))

    def hide(self) -> None:
        """Take it all away, until there is something new to show."""
        self._live.stop()

    def _render(self) -> Group:
        parts = [bars for bars in (self._transfers, self._steps) if bars.tasks]
        # While the function tells how far it is, there is no need to say that it runs.
        return Group(*([] if self._steps.tasks else [self._line]), *parts)


def _description() -> TextColumn:
    # Whatever an app calls its steps is text, and no markup.
    return TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
