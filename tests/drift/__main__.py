"""Make the same requests to real Gradios and to the fake ones, and tell every difference that nothing explains.

    python -m tests.drift [VERSION ...] [-k WORDS] [--jobs N] [--if-python]

The real ones come from the environments of the matrix, which are made if they are not there. What is known to differ
is in ``deviations.py``; an explanation that explains nothing any more is a failure too.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.matrix.environments import EnvironmentFailed, NoPython, directory, make
from tests.matrix.versions import VERSIONS

from . import conversations  # noqa: F401 - it adds cases
from .cases import CASES
from .deviations import DEVIATIONS
from .runner import Result, run

__all__ = ["show"]


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    options = _options()
    began = time.monotonic()
    cases = [case for case in CASES.values() if options.k in case.name]
    if not cases:
        print(f"no case has {options.k!r} in its name; there are: {', '.join(CASES)}", file=sys.stderr)
        return 2
    pythons: dict[str, Path] = {}
    for version in options.versions:
        try:
            pythons[version] = make(version, None)
        except NoPython as error:
            print(error, file=sys.stderr)
            return 0 if options.if_python else 1
        except EnvironmentFailed as error:
            print(f"the environment of Gradio {version}: {error}", file=sys.stderr)
            return 1
    print(f"the environments are in {directory()}; ready after {time.monotonic() - began:.0f} s", flush=True)

    def result_of(version: str) -> Result:
        result = run(version, pythons[version], cases, complete=not options.k)
        print(f"{result.summary()}, {result.seconds:.0f} s", flush=True)
        return result

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(result_of, options.versions))
    print(show(results))
    print(f"-- {time.monotonic() - began:.0f} s")
    return 1 if any(result.failures for result in results) else 0


def show(results: Sequence[Result]) -> str:
    """Return what the explanations explain, and what none does."""
    lines = [""]
    for deviation in DEVIATIONS:
        counts = {result.version: result.explained.get(deviation.id, 0) for result in results}
        seen = [f"{version} ({count})" for version, count in counts.items() if count]
        if seen:
            lines.append(f"{deviation.id}: {', '.join(seen)}")
    cases = sum(result.cases for result in results)
    differ = sum(result.differing for result in results)
    failures = sum(len(result.failures) for result in results)
    lines += ["", f"{cases} cases: {cases - differ} the same, {differ} differ; {failures} failures"]
    for result in results:
        for failure in result.failures:
            lines += ["", f"== Gradio {result.version}: {failure.case or 'an explanation'}"]
            if failure.case:
                lines.append(f"   again: python3 tests/run.py drift {result.version} -k {failure.case!r}")
            lines += [f"   {text}" for text in failure.texts]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/run.py drift", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"of these: {', '.join(VERSIONS)}")
    parser.add_argument("-k", default="", metavar="WORDS", help="only the cases with these words in their names")
    parser.add_argument("--jobs", type=int, default=2, help="how many versions run at a time")
    parser.add_argument(
        "--if-python", action="store_true", help="where there is no Python of the version that is needed, only say so"
    )
    options = parser.parse_args()
    unknown = [version for version in options.versions if version not in VERSIONS]
    if unknown:
        parser.error(f"no pins for {', '.join(unknown)}; there are pins for {', '.join(VERSIONS)}")
    options.versions = options.versions or VERSIONS
    return options


if __name__ == "__main__":
    sys.exit(main())
