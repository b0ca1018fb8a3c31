"""Run the suite on real Gradios, and keep what came of each check in ``spec/results``, or compare it with what is kept.

    python -m tests.conformance.results [VERSION ... | --dialects] [--check] [--if-python]

The real ones come from the environments of the matrix, which are made if they are not there. One file for each version
has the verdicts, with the reasons of those that are not "pass"; nothing in it depends on the machine or the day. With
``--check`` nothing is written, and a verdict that differs is a failure. A must that fails, or that could not be
exercised, always is one.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradproto_conformance
from gradproto_conformance._checks import Result, Scenario, Verdict
from gradproto_conformance._clauses import Level, Version, version_of
from gradproto_conformance._suite import Options, all_scenarios, run
from tests.matrix.environments import EnvironmentFailed, NoPython, make
from tests.matrix.versions import ALL_CLIENTS, VERSIONS

__all__ = ["FOLDER", "differences", "document", "kept_for", "render", "troubles", "variants", "verdicts"]

APP = Path(gradproto_conformance.__file__).with_name("_fixture_app.py")
FOLDER = Path(gradproto_conformance.__file__).parents[1] / "results"
LOGIN = ("reader", "secret-word")

START_LIMIT = 90.0
"""Seconds until a server must serve."""

AGAIN = 3
"""How often a check with an unexpected verdict is looked at once more, alone: a busy machine is no server's fault."""

# What scenarios may need that only an app of its own has, and how that is started.
APART = {
    "login": ("--auth", ":".join(LOGIN)),
    "small_queue": ("--max-size", "1"),
    "last_words": ("--closable",),
}

# The endpoint that is named, and what it is called with. It takes long enough to see whether its beginning comes with
# its end. An app of Gradio 2 does not have it, and none that is for one scenario only.
NAMED = {"slow": ["named", 1.2]}

# How the results are told from each other: the worst that is said of a check is kept with its reason.
_TOLD = (Verdict.SKIP, Verdict.UNTESTABLE, Verdict.ERROR, Verdict.WARN, Verdict.FAIL)


class ServerFailed(Exception):
    """A server did not start."""


def variants(version: Version, scenarios: Sequence[Scenario]) -> dict[tuple[str, ...], list[str]]:
    """Give how the app is started, and the ids of the checks for which it is started so.

    An app of Gradio 2 has one function: there is another server for each that is needed.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for scenario in scenarios:
        arguments = next((APART[name] for name in APART if name in scenario.needs), ())
        if version < (3,) and not arguments and len(scenario.needs) == 1:
            arguments = ("--function", *scenario.needs)
        ids = [one.id for one in scenario.checks]
        if not any(one.is_about(version) for one in scenario.checks):
            arguments = ()
        found.setdefault(arguments, []).extend(ids)
    return found


@contextmanager
def server(python: Path, arguments: Sequence[str]) -> Iterator[str]:
    """Start the fixture app with a Python that has Gradio; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    with tempfile.TemporaryDirectory(prefix="gradproto-results-", ignore_cleanup_errors=True) as folder:
        words = Path(folder) / "output.txt"
        with words.open("wb") as output:
            process = subprocess.Popen(
                [str(python), str(APP), "--port", str(port), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**kept, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "TMPDIR": folder},
            )
        try:
            until = time.monotonic() + START_LIMIT
            while "\nREADY " not in (said := "\n" + words.read_text(encoding="utf-8", errors="replace")):
                if process.poll() is not None or time.monotonic() > until:
                    raise ServerFailed(f"{APP.name} {' '.join(arguments)} did not start:\n{said[-1500:]}")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def look(
    version: Version, python: Path, arguments: Sequence[str], ids: Sequence[str], *, jobs: int = 4
) -> list[Result]:
    """Start a server, and let the suite decide on these checks."""
    endpoints = {} if arguments or version < (3,) else NAMED
    with server(python, arguments) as url:
        options = Options(select=tuple(ids), timeout=60.0, jobs=jobs, endpoints=endpoints)
        report = run(url, options, auth=LOGIN if "--auth" in arguments else None, proxy=None)
    return report.ordered()


def document(version: str, results: Sequence[Result]) -> dict[str, Any]:
    """Give what is kept of the results: the verdict of each check, and the reason where it is no pass."""
    said: dict[str, Any] = {
        verdict.value: {
            result.check.id: result.reason or result.check.title for result in results if result.verdict is verdict
        }
        for verdict in _TOLD
    }
    passed = [result.check.id for result in results if result.verdict is Verdict.PASS]
    return {"gradio": version, "pass": passed, **{name: checks for name, checks in said.items() if checks}}


def render(document: dict[str, Any]) -> str:
    """Give the text of a file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    """Give the verdict of each check."""
    return {name: kind for kind, names in document.items() if kind != "gradio" for name in names}


def differences(kept: dict[str, Any], found: dict[str, Any]) -> dict[str, str]:
    """Give the checks whose verdicts differ, and how."""
    was, now = verdicts(kept), verdicts(found)
    return {
        name: f"was {was.get(name, 'not there')}, is {now.get(name, 'not there')}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    }


def troubles(results: Sequence[Result]) -> list[str]:
    """Say which musts a server breaks, which could not be exercised, and where the suite itself failed."""
    bad = (Verdict.FAIL, Verdict.ERROR)
    return [
        f"{result.check.id}: {result.verdict.value}: {result.reason or f'expected {result.expected}, got {result.got}'}"
        for result in results
        if result.verdict in bad or (result.verdict is Verdict.UNTESTABLE and result.check.level is Level.MUST)
    ]


def kept_for(version: str) -> dict[str, Any]:
    """Give what is kept of a version; nothing if there is no such file."""
    path = FOLDER / f"{version}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def results_of(version: str, python: Path) -> list[Result]:
    """Run the suite on a version of Gradio: on one server after the other."""
    kept = verdicts(kept_for(version))
    found: list[Result] = []
    number = version_of(version)
    for arguments, ids in variants(number, all_scenarios()).items():
        results = {result.check.id: result for result in look(number, python, arguments, ids)}
        for _ in range(AGAIN):
            doubtful = [name for name, result in results.items() if _is_doubtful(result, kept)]
            if not doubtful:
                break
            results |= {result.check.id: result for result in look(number, python, arguments, doubtful, jobs=1)}
        found += results.values()
    return found


def _is_doubtful(result: Result, kept: Mapping[str, str]) -> bool:
    return (
        result.verdict not in (Verdict.PASS, Verdict.SKIP)
        or kept.get(result.check.id, result.verdict.value) != result.verdict.value
    )


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    options = _options()
    failed = 0
    for version in options.versions:
        began = time.monotonic()
        try:
            results = results_of(version, make(version, None))
        except NoPython as error:
            print(error, file=sys.stderr)
            return 0 if options.if_python else 1
        except (EnvironmentFailed, ServerFailed) as error:
            print(f"Gradio {version}: {error}", file=sys.stderr)
            failed += 1
            continue
        found = document(version, results)
        counts = ", ".join(f"{len(found.get(kind.value, ()))} {kind.value}" for kind in Verdict if kind.value in found)
        print(f"Gradio {version}: {counts}, {time.monotonic() - began:.0f} s", flush=True)
        wrong = troubles(results)
        if options.check:
            wrong += [f"{name}: {how}" for name, how in differences(kept_for(version), found).items()]
        else:
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / f"{version}.json").write_text(render(found), encoding="utf-8")
        for line in wrong:
            print(f"  {line}", flush=True)
        failed += len(wrong)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/run.py results", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"of these: {', '.join(VERSIONS)}")
    parser.add_argument("--dialects", action="store_true", help="one version of each form of the queue")
    parser.add_argument("--check", action="store_true", help="compare with what is kept, and write nothing")
    parser.add_argument(
        "--if-python", action="store_true", help="where there is no Python of the version that is needed, only say so"
    )
    options = parser.parse_args()
    unknown = [version for version in options.versions if version not in VERSIONS]
    if unknown:
        parser.error(f"no pins for {', '.join(unknown)}; there are pins for {', '.join(VERSIONS)}")
    some = [version for version in VERSIONS if version in ALL_CLIENTS] if options.dialects else VERSIONS
    options.versions = options.versions or some
    return options


if __name__ == "__main__":
    sys.exit(main())
