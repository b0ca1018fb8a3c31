"""What ``gradproto conformance`` does, with the suite and trio."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import click
import trio

from gradproto import ArgumentError, GradprotoError, SpaceFound
from gradproto._record import replace
from gradproto._spaces import find_space
from gradproto_conformance._baseline import read_baseline, updated_baseline, write_baseline
from gradproto_conformance._capabilities import capabilities
from gradproto_conformance._checks import Check, Effect, Result, Verdict
from gradproto_conformance._clauses import clauses
from gradproto_conformance._ending import Ending
from gradproto_conformance._ending import Interrupted as NothingRun
from gradproto_conformance._html import as_html
from gradproto_conformance._render import as_json, as_junit, as_markdown
from gradproto_conformance._report import Report
from gradproto_conformance._runner import Plan
from gradproto_conformance._suite import Options, all_checks, all_scenarios, plan_async, run_async, selector
from gradproto_conformance._target import Target
from gradproto_conformance._text import as_text, explain_check, list_checks, show_capabilities, show_plan, summary
from gradproto_conformance._trace import traces

from ._conformance import Wanted, read_file
from ._connection import UNREACHABLE, USAGE, Connection, Failure
from ._console import conceal, say, write_line
from ._display import Display
from ._program import Interrupted
from ._report_files import write_file, write_reports
from ._suite_options import Stop, told_to_stop

__all__ = ["check_server", "explain_one", "list_all", "plan_run", "write_fixture"]

T = TypeVar("T")

_RENDERERS: Mapping[str, Callable[[Report], str]] = MappingProxyType(
    {"console": as_text, "json": as_json, "junit": as_junit, "html": as_html, "markdown": as_markdown}
)


def list_all(wanted: Wanted) -> None:
    """List the checks that are selected."""
    selected = _select(wanted)
    for line in list_checks(check for check in all_checks().values() if selected(check)):
        write_line(line)


def explain_one(name: str) -> None:
    """Say what a check is about, or which checks are about a clause."""
    check = all_checks().get(name)
    if check is not None:
        write_line("\n".join(explain_check(check, all_scenarios())))
        return
    if name not in clauses():
        raise click.UsageError(f"--explain: no check and no clause is called {name!r:.80} (--list has them)")
    about = [one for one in all_checks().values() if name in {clause.id for clause in one.clauses}]
    clause = clauses()[name]
    write_line(f"{clause.id} {clause.title}\n{clause.level.value}, {clause.range}\n\n{clause.text}\n")
    for line in list_checks(about):
        write_line(line)


def write_fixture(name: str) -> None:
    """Write the fixture app; a file that is there is left alone."""
    if os.path.lexists(name):
        raise click.UsageError(f"--write-app: {name!r:.200} is there already")
    with as_file(files("gradproto_conformance") / "_fixture_app.py") as source:
        try:
            shutil.copyfile(source, name)
        except OSError as error:
            raise Failure(f"cannot write {name}: {error.strerror or error}") from error
    say(f"wrote {name}; run it with the Python of the Gradio that is to be checked: python {name} --port 7860")


def plan_run(connection: Connection, wanted: Wanted) -> None:
    """Say what a run would do."""
    options = _options(wanted)
    with Display(quiet=wanted.quiet) as display:
        url = _address(connection, display)

        async def main(ending: Ending) -> tuple[Target, Plan]:
            return await plan_async(
                url,
                options,
                auth=connection.auth,
                token=connection.token,
                headers=connection.headers,
                proxy=connection.proxy,
                ssl_verify=connection.verify,
                ending=ending,
            )

        target, plan = _run(connection, main, Ending(options.deadline))
    write_line(connection.hide("\n".join(show_plan(target, plan))))


def check_server(connection: Connection, wanted: Wanted) -> None:
    """Run the checks, write the reports, and raise what the program is to end with if that is not 0."""
    options = _options(wanted)
    if connection.auth is not None:
        conceal(connection.auth[1])
    if wanted.trace is not None:
        _make_directory(wanted.trace)
    with Display(quiet=wanted.quiet) as display:
        url = _address(connection, display)
        progress = _Progress(display)

        async def main(ending: Ending) -> Report:
            return await run_async(
                url,
                options,
                auth=connection.auth,
                token=connection.token,
                headers=connection.headers,
                proxy=connection.proxy,
                ssl_verify=connection.verify,
                planned=progress.planned,
                report=progress.take,
                ending=ending,
            )

        stop = Stop()
        report = _run(connection, main, Ending(options.deadline), stop)
    if wanted.trace is not None:
        for name, text in traces(report, keep_secrets=wanted.keep_secrets).items():
            write_file(os.path.join(wanted.trace, name), text)
    if wanted.update_baseline and wanted.baseline is not None and not report.interrupted:
        report = _update(report, wanted.baseline)
    write_reports(report, wanted.reports, _RENDERERS)
    if stop.cause is not None:
        raise Interrupted(summary(report), stop.cause)
    if report.exit_code:
        raise Failure(connection.hide(summary(report)), report.exit_code, kind="Nonconformance")


def _update(report: Report, name: str) -> Report:
    expected = updated_baseline(report)
    write_file(name, write_baseline(expected))
    say(f"wrote {name}: {len(expected)} checks are allowed not to be as they should")
    return replace(report, expected=expected)


def _select(wanted: Wanted) -> Callable[[Check], bool]:
    try:
        return selector(wanted.select)
    except ArgumentError as error:
        raise click.UsageError(f"--select: {error} (--list has them)") from None


def _options(wanted: Wanted) -> Options:
    _select(wanted)
    return Options(
        profile=None if wanted.profile is None else Effect(wanted.profile),
        select=wanted.select,
        timeout=wanted.timeout,
        deadline=wanted.deadline,
        jobs=wanted.jobs,
        strict=wanted.strict,
        expected=_read_baseline(wanted),
        endpoints=wanted.endpoints,
    )


def _read_baseline(wanted: Wanted) -> dict[str, Verdict]:
    if wanted.baseline is None:
        return {}
    text = read_file("--baseline", wanted.baseline)
    if text is None:
        if wanted.update_baseline:
            return {}
        raise click.UsageError(f"--baseline: there is no {wanted.baseline!r:.200} (--update-baseline makes it)")
    try:
        return read_baseline(text, all_checks())
    except ArgumentError as error:
        raise click.UsageError(f"{wanted.baseline}: {error}") from None


def _make_directory(name: str) -> None:
    try:
        Path(name).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--trace: cannot make {name!r:.200}: {error}") from None


def _address(connection: Connection, display: Display) -> str:
    """Return where the app is; that of a Space is asked of the Hub."""
    if find_space(connection.url, connection.hub_url) is None:
        return connection.url
    found = connection.ask(lambda session: session.find(connection.url), late="the Hub did not answer")
    display.hide()
    assert isinstance(found, SpaceFound)
    if found.space.host is None:
        raise Failure(
            f"the Space {found.space.id} has no app: it is {found.space.stage}", UNREACHABLE, kind="SpaceError"
        )
    return found.space.host


class _Progress:
    """Shows how far a run is."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._done = 0
        self._all = 0
        display.show("asking for the config ...")

    def planned(self, target: Target, plan: Plan) -> None:
        """Show what the server can do, before anything is checked."""
        self._all = plan.checks
        self._display.note(f"Gradio {'.'.join(map(str, target.version))}")
        for line in show_capabilities(capabilities(target.config)):
            self._display.note(line)

    def take(self, result: Result) -> None:
        """Show that a check was decided on."""
        self._done += 1
        self._display.show(f"{self._done} of {self._all} checks: {result.check.id} {result.verdict.value}")


def _run(connection: Connection, main: Callable[[Ending], Awaitable[T]], ending: Ending, stop: Stop | None = None) -> T:
    stop = stop or Stop()

    async def run() -> T:
        with told_to_stop(stop, ending.interrupt):
            return await main(ending)

    try:
        return trio.run(run)
    except NothingRun:
        raise Interrupted("interrupted", stop.cause or KeyboardInterrupt()) from None
    except ArgumentError as error:
        raise connection.failure(error, USAGE) from error
    except GradprotoError as error:
        raise connection.failure(error, UNREACHABLE) from error
