"""Where reports of the conformance suite go: one of them to stdout, any number to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import click

from ._connection import Failure
from ._console import write_line

__all__ = [
    "FORMATS",
    "Reports",
    "check_place",
    "read_reports",
    "report_option",
    "same_place",
    "write_file",
    "write_reports",
]

T = TypeVar("T")

FORMATS = ("console", "json", "junit", "html", "markdown")

Reports = Mapping[str | None, str]
"""The format of each file; ``None`` is stdout."""

report_option = click.option(
    "--report",
    "reports",
    metavar="FORMAT[=FILE]",
    multiple=True,
    help=f"Report as {', '.join(FORMATS)}, to FILE or to stdout. May be repeated.",
)


def read_reports(words: Sequence[str]) -> dict[str | None, str]:
    """Return which formats go where; what has no file goes to stdout, where the console's is if nothing else is."""
    found: dict[str | None, str] = {}
    for word in words:
        kind, equals, name = word.partition("=")
        if kind not in FORMATS:
            raise click.UsageError(f"--report {word!r:.80}: the format must be one of {', '.join(FORMATS)}")
        if equals and not name:
            raise click.UsageError(f"--report {kind}= wants the name of a file")
        target = name if name not in ("", "-") else None
        if target is not None:
            check_place("--report", target)
        if any(same_place(target, other) for other in found):
            where = "stdout" if target is None else f"{target!r:.200}"
            raise click.UsageError(f"--report: two reports cannot both go to {where}")
        found[target] = kind
    return found if None in found else {None: "console", **found}


def same_place(one: str | None, other: str | None) -> bool:
    """Say whether two names are of one file; ``None`` is stdout."""
    if one is None or other is None:
        return one is other
    return os.path.realpath(one) == os.path.realpath(other)


def check_place(option: str, name: str) -> None:
    """Refuse the name of a file that cannot be written, before anything has been done for it."""
    try:
        place = Path(os.path.realpath(name))
        if place.is_dir():
            raise click.UsageError(f"{option}: {name!r:.200} is a directory")
        if not place.parent.is_dir():
            raise click.UsageError(f"{option}: there is no directory for {name!r:.200}")
    except (OSError, ValueError) as error:  # too long, or with a null character in it
        raise click.UsageError(f"{option}: {name!r:.200} is no name of a file: {error}") from None


def write_reports(found: T, wanted: Reports, renderers: Mapping[str, Callable[[T], str]]) -> None:
    """Write what was found in each of the forms; files come first, so that they are there if the output is not."""
    for name, kind in wanted.items():
        if name is not None:
            write_file(name, renderers[kind](found))
    write_line(renderers[wanted[None]](found).rstrip("\n"))


def write_file(name: str, text: str) -> None:
    """Write a file; raises `Failure`."""
    try:
        Path(name).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except (OSError, ValueError) as error:
        raise Failure(f"cannot write {name}: {getattr(error, 'strerror', None) or error}") from error
