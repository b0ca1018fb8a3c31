"""``gradproto conformance-client``: whether a client program keeps to the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradproto import ArgumentError, GradprotoError

from ._connection import UNREACHABLE, Failure, quiet_option
from ._console import write_line
from ._display import Display
from ._program import Interrupted
from ._report_files import Reports, read_reports, report_option, write_reports
from ._suite_options import Stop, jobs_option, select_option, strict_option, suite_wanted, timeout_option, told_to_stop

if TYPE_CHECKING:
    from gradproto_conformance._checks import Result
    from gradproto_conformance._report import Report
    from gradproto_conformance.client import ClientOptions

__all__ = ["conformance_client"]

_EPILOG = (
    "Exit codes: 0 the client conforms, 1 it does not, 2 wrong usage, 3 the program cannot be started, 4 incomplete "
    "(nothing was verified, or a must could not be), 130 interrupted, after the reports were written."
)


@click.command("conformance-client", epilog=_EPILOG)
@click.argument("command", metavar="-- COMMAND...", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--gradio",
    metavar="VERSION",
    multiple=True,
    help="Be the server of this Gradio, from 3.1.5 on. May be repeated; by default one of each generation.",
)
@select_option("CLIENT-1.*")
@click.option(
    "--without",
    metavar="FEATURE",
    multiple=True,
    type=click.Choice(["files", "login", "token", "cancel"]),
    help="The client has no files, login, token or cancel: leave out what needs it. May be repeated.",
)
@strict_option
@timeout_option("End a program that takes longer, with all that it started; that is a failure.")
@jobs_option("programs")
@report_option
@click.option("--list", "list_wanted", is_flag=True, help="List the checks; no program is started.")
@click.option("--contract", "contract_wanted", is_flag=True, help="Say in full what the program is to do.")
@quiet_option
def conformance_client(
    command: tuple[str, ...],
    gradio: tuple[str, ...],
    select: tuple[str, ...],
    without: tuple[str, ...],
    strict: bool,
    timeout: float,
    jobs: int,
    reports: tuple[str, ...],
    list_wanted: bool,
    contract_wanted: bool,
    quiet: bool,
) -> None:
    """Check whether the client that COMMAND starts keeps to the protocol, in any language.

    COMMAND is started once for each scenario, with the URL of a fake server in the place of {url}, the name of an
    endpoint for {api_name} and its inputs, a list in JSON, for {inputs}. It is to call the endpoint, print the outputs
    as a line of JSON and end with 0, or with anything else if the call failed. --contract says more.

    gradproto conformance-client --gradio 6.31.0 -- python my_client.py {url} {api_name} {inputs}
    """
    if list_wanted and contract_wanted:
        raise click.UsageError("give one of --list and --contract")
    wanted = read_reports(reports)
    with suite_wanted():
        from gradproto_conformance.client import CONTRACT, GENERATIONS, ClientOptions
    if contract_wanted:
        write_line(CONTRACT)
        return
    options = ClientOptions(
        gradio=gradio or GENERATIONS, select=select, without=without, timeout=timeout, jobs=jobs, strict=strict
    )
    if list_wanted:
        _list(options)
    elif not command:
        raise click.UsageError("the command that starts the client is missing: -- COMMAND...")
    else:
        _judge(command, options, wanted, quiet=quiet)


def _list(options: ClientOptions) -> None:
    from gradproto_conformance._suite import selector
    from gradproto_conformance._text import list_checks
    from gradproto_conformance.client import client_checks

    checks = client_checks()
    try:
        selected = selector(options.select, checks)
    except ArgumentError as error:
        raise click.UsageError(f"--select: {error}") from error
    for line in list_checks(filter(selected, checks.values())):
        write_line(line)


def _judge(command: tuple[str, ...], options: ClientOptions, wanted: Reports, *, quiet: bool) -> None:
    import trio

    from gradproto_conformance.client import run_client_async
    from gradproto_conformance.client._output import RENDERERS, exit_code, summary

    stop = Stop()
    with Display(quiet=quiet) as display:
        done = 0

        def take(gradio: str, result: Result) -> None:
            nonlocal done
            done += 1
            display.show(f"{done} checks: {result.check.id} with Gradio {gradio}: {result.verdict.value}")

        async def main() -> list[Report]:
            ended = trio.Event()
            with told_to_stop(stop, ended.set):
                return await run_client_async(command, options, report=take, stop=ended)

        try:
            found = trio.run(main)
        except ArgumentError as error:
            raise click.UsageError(str(error)) from error
        except GradprotoError as error:
            raise Failure(str(error), UNREACHABLE, kind=type(error).__name__) from error
    write_reports(found, wanted, RENDERERS)
    if stop.cause is not None:
        raise Interrupted("interrupted", stop.cause)
    code = exit_code(found)
    if code:
        bad = [summary(report) for report in found if report.exit_code]
        raise Failure("; ".join(bad), code, kind="Nonconformance")
