"""What an endpoint's function may yield besides outputs, raise, take and return."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal, TypeVar, Union, get_args

__all__ = ["AppFailure", "FakeFile", "Hold", "Log", "Progress", "Sleep", "Step", "Steps", "file_at"]

T = TypeVar("T")
_Level = Literal["info", "warning", "success", "error"]


class _Awaitable:
    """Something that an async function awaits, where a generator function yields it."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        yield self


@dataclass(frozen=True, slots=True)
class Sleep(_Awaitable):
    """Wait ``seconds`` of the server's time; nothing really sleeps. Zero lets other jobs go first."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(_Awaitable):
    """Report progress, as ``gr.Progress`` does: ``index`` of ``length`` ``unit``, or a fraction from 0 to 1."""

    index: float | None = None
    length: float | None = None
    unit: str | None = "steps"
    progress: float | None = None
    desc: str | None = None


@dataclass(frozen=True, slots=True)
class Log(_Awaitable):
    """Show a message beside the output, as ``gr.Info``, ``gr.Warning`` and ``gr.Success`` do."""

    message: str
    level: _Level = "info"
    title: str | None = None
    """``None`` for the level's own name."""
    duration: float | None = 10
    """Seconds; ``None`` until it is closed by hand."""
    visible: bool = True

    def __post_init__(self) -> None:
        if self.level not in get_args(_Level):
            raise ValueError(f"the level of a log is one of {', '.join(get_args(_Level))}, not {self.level!r:.80}")


@dataclass(frozen=True, slots=True)
class Hold(_Awaitable):
    """Stop here until the test calls the job's ``step()`` or ``release()``."""


Step = Union[Sleep, Progress, Log, Hold]
Steps = Generator[Step, None, T]
"""``-> Steps[str]``: a function with one ``str`` result; it yields sleeps, progress and logs on its way, no outputs."""


class AppFailure(Exception):
    """The endpoint fails with a message for the user, as ``gr.Error`` does."""

    def __init__(
        self, message: str, *, title: str = "Error", duration: float | None = 10, visible: bool = True
    ) -> None:
        super().__init__(message)
        self.message = message
        self.title = title
        self.duration = duration
        self.visible = visible


@dataclass(frozen=True, slots=True)
class FakeFile:
    """A file that a function returns: its base name and its content, whole or in pieces.

    Pieces are taken one by one between other work, so an endless iterable does not stop the server.
    """

    name: str
    content: bytes | Iterable[bytes]


_PIECE = 64 << 10


def file_at(path: PurePath) -> FakeFile:
    """Give a file that the function wrote itself; it is read piece by piece."""

    def pieces() -> Iterator[bytes]:
        with Path(path).open("rb") as source:
            while piece := source.read(_PIECE):
                yield piece

    return FakeFile(path.name, pieces())
