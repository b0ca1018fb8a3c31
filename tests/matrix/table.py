"""The matrix as text, for a person who reads a log."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from .holes import HOLES, hole_of
from .versions import ALL_CLIENTS

__all__ = ["Cell", "show"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How one behaviour of one version went with one client; ``failure`` is what was wrong, or ``None``."""

    row: str
    version: str
    client: str
    failure: str | None
    seconds: float = 0.0
    ran: bool = True


def show(cells: Sequence[Cell], rows: Sequence[str], versions: Sequence[str]) -> str:
    """Return the matrix, what its letters mean, and what failed."""
    letters = {hole: string.ascii_letters[index] for index, hole in enumerate(HOLES)}
    marks: dict[tuple[str, str], str] = {}
    used = set()
    for cell in cells:
        place = (cell.row, cell.version)
        hole = hole_of(*place)
        if cell.failure is not None:
            marks[place] = "FAIL"
        elif place not in marks:
            marks[place] = "ok" if hole is None else letters[hole]
        if hole is not None:
            used.add(hole)
    names = [_short(version) for version in versions]
    width = max(map(len, rows))
    lines = ["", " " * width + "".join(f"{name:>5}" for name in names)]
    for row in rows:
        lines.append(f"{row:<{width}}" + "".join(f"{marks.get((row, version), '-'):>5}" for version in versions))
    lines += ["", "* these versions are run by all three clients, the others by the sync client", ""]
    for hole in HOLES:
        if hole in used:
            span = " and ".join(
                [f"from {hole.since}"] * (hole.since != "0") + [f"before {hole.until}"] * (hole.until != "999")
            )
            lines.append(f"{letters[hole]}  {span}: {hole.why}")
    lines += _failures(cells)
    return "\n".join(lines)


def _short(version: str) -> str:
    star = "*" if version in ALL_CLIENTS else ""
    return ".".join(version.split(".")[:2]) + star


def _failures(cells: Sequence[Cell]) -> list[str]:
    failed = [cell for cell in cells if cell.failure is not None]
    holes = sum(hole_of(cell.row, cell.version) is not None for cell in cells)
    lines = ["", f"{len(cells)} cells: {len(failed)} failed, {holes} explained holes"]
    for version in dict.fromkeys(cell.version for cell in failed):
        skipped = [cell for cell in failed if cell.version == version and not cell.ran]
        if skipped:
            lines += ["", f"== Gradio {version}: {len(skipped)} cells were {skipped[0].failure}"]
    for cell in failed:
        if not cell.ran:
            continue
        hole = hole_of(cell.row, cell.version)
        lines += ["", f"== Gradio {cell.version}, {cell.client}: {cell.row}"]
        if hole is not None:
            lines.append(f"   (an explained hole, {hole.why!r}, whose proof failed)")
        lines += [
            f"   again: python3 tests/run.py matrix {cell.version} --client {cell.client} -k {cell.row!r}",
            cell.failure or "",
        ]
    return lines
