"""Let the official clients of many versions use the fake server, each as the Gradio of its time.

    python -m tests.clients [CLIENT ...] [-k WORDS] [--gradio VERSION] [--real] [--jobs N] [--if-possible]

It makes the environments that are not there. A CLIENT is ``python``, ``javascript``, or one with its version, as
``python-0.7.1``. With --real they use the real Gradio from the environments of the matrix, which shows whether it
is the fake or the client that is wrong.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import string
import sys
import time
from collections.abc import Sequence

from tests.matrix.environments import NoPython
from tests.matrix.servers import ServerFailed

from .environments import EnvironmentFailed, NoNode, command_for, directory
from .holes import HOLES, hole_of
from .pairs import PAIRS, SCENARIOS, Pair
from .runner import Cell, run
from .sides import fake_side, real_side


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    options = _options()
    began = time.monotonic()
    scenarios = [name for name in SCENARIOS if all(word in name for word in options.k.split())]
    pairs = [pair for pair in PAIRS if _is_wanted(pair, options)]
    if not scenarios or not pairs:
        print("nothing is called so; there are:", ", ".join(SCENARIOS), "with", ", ".join(map(str, PAIRS)))
        return 2
    commands = {}
    missing: dict[str, str] = {}
    for pair in pairs:
        try:
            if pair.language not in missing:
                commands[pair] = command_for(pair)
        except (NoPython, NoNode) as error:
            missing[pair.language] = str(error)
        except EnvironmentFailed as error:
            print(f"the environment of {pair.language} {pair.client}: {error}", file=sys.stderr)
            return 1
    print(f"the environments are in {directory()}; ready after {time.monotonic() - began:.0f} s", flush=True)

    def cells_of(pair: Pair) -> list[Cell]:
        from_here = time.monotonic()
        try:
            with (real_side if options.real else fake_side)(pair.gradio) as side:
                cells = run(pair, scenarios, *commands[pair], side)
        except (ServerFailed, EnvironmentFailed) as error:
            cells = [Cell(pair=pair, scenario=scenario, failure=str(error)) for scenario in scenarios]
        failed = sum(cell.failure is not None for cell in cells)
        print(f"{pair}: {failed} of {len(cells)} failed, {time.monotonic() - from_here:.0f} s", flush=True)
        return cells

    runnable = [pair for pair in pairs if pair in commands and pair.language not in missing]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        cells = [cell for cells in pool.map(cells_of, runnable) for cell in cells]
    print(show(cells, scenarios, runnable, real=options.real))
    for language, why in missing.items():
        print(f"the {language} clients were LEFT OUT: {why}")
    print(f"-- {time.monotonic() - began:.0f} s")
    if any(cell.failure is not None for cell in cells):
        return 1
    return 0 if options.if_possible or not missing else 1


def show(cells: Sequence[Cell], scenarios: Sequence[str], pairs: Sequence[Pair], *, real: bool) -> str:
    """Return the grid, what its letters mean, and what failed."""
    letters = {hole: string.ascii_letters[index] for index, hole in enumerate(HOLES)}
    by_place = {(cell.pair, cell.scenario): cell for cell in cells}
    width = max((len(str(pair)) for pair in pairs), default=0)
    # The names of the scenarios stand above their columns, as the steps of a staircase.
    lines = [""]
    for position, scenario in enumerate(scenarios):
        lines.append(" " * (width + 2) + "   | " * position + f"   {scenario}")
    used = set()
    for pair in pairs:
        marks = []
        for scenario in scenarios:
            cell, hole = by_place[pair, scenario], hole_of(pair, scenario)
            if hole is not None:
                used.add(hole)
            marks.append("FAIL" if cell.failure is not None else letters[hole] if hole is not None else "ok")
        lines.append(f"{pair!s:<{width}}" + "".join(f"{mark:>5}" for mark in marks))
    lines += ["", *(f"{letters[hole]}  {hole.why}" for hole in HOLES if hole in used)]
    failed = [cell for cell in cells if cell.failure is not None]
    holes = sum(hole_of(cell.pair, cell.scenario) is not None for cell in cells)
    against = "real Gradio" if real else "the fake"
    lines += ["", f"{len(cells)} cells against {against}: {len(failed)} failed, {holes} explained holes"]
    for cell in failed:
        one = f"{cell.pair.language}-{cell.pair.client} --gradio {cell.pair.gradio} -k {cell.scenario!r}"
        lines += ["", f"== {cell.pair}: {cell.scenario}", f"   again: python3 tests/run.py clients {one}"]
        lines.append(cell.failure or "")
    return "\n".join(lines)


def _is_wanted(pair: Pair, options: argparse.Namespace) -> bool:
    names = (pair.language, f"{pair.language}-{pair.client}")
    return (not options.clients or any(name in options.clients for name in names)) and (
        not options.gradio or pair.gradio in options.gradio
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/run.py clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help="only these")
    parser.add_argument("-k", default="", metavar="WORDS", help="only the scenarios with these words in their names")
    parser.add_argument("--gradio", action="append", metavar="VERSION", help="only with this Gradio (may be repeated)")
    parser.add_argument("--real", action="store_true", help="with the real Gradio of the matrix, not the fake")
    parser.add_argument("--jobs", type=int, default=2, help="how many clients run at a time")
    parser.add_argument(
        "--if-possible", action="store_true", help="where there is no Python or no node that is needed, only say so"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
