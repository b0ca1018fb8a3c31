"""``gradproto conformance``: whether a Gradio server keeps to the protocol."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ._connection import Connection, quiet_option, reach_options
from ._report_files import check_place, read_reports, report_option, same_place
from ._suite_options import check_seconds, jobs_option, select_option, strict_option, suite_wanted, timeout_option

__all__ = ["Wanted", "conformance", "read_file"]

_EPILOG = (
    "Exit codes: 0 the server conforms, 1 it does not, or the baseline is stale, 2 wrong usage, 3 no connection, or no "
    "Gradio app, 4 incomplete (nothing was verified, or a must could not be), 130 interrupted, after the reports were "
    "written."
)

_LONGEST_BASELINE = 1 << 24  # bytes: far more than all checks take; a device file has no end


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the options ask for."""

    select: tuple[str, ...]
    profile: str | None
    timeout: float
    deadline: float | None
    jobs: int
    strict: bool
    endpoints: dict[str, list[Any]]
    baseline: str | None
    update_baseline: bool
    reports: dict[str | None, str]
    trace: str | None
    keep_secrets: bool
    quiet: bool


@click.command(epilog=_EPILOG)
@click.argument("url", required=False)
@reach_options
@select_option("QUEUE-2.*")
@click.option(
    "--profile",
    type=click.Choice(["read", "call", "full"]),
    help="What may be done to the server: read asks for documents only, call also calls functions, full also uploads, "
    "cancels, fills queues and sends what is wrong. By default full for this machine, and read for any other.",
)
@click.option(
    "--endpoint",
    "names",
    metavar="/NAME",
    multiple=True,
    help="Call this endpoint, too, with the next --inputs. May be repeated.",
)
@click.option("--inputs", metavar="JSON", multiple=True, help="The inputs of an --endpoint: a list, one for each.")
@strict_option
@click.option("--baseline", metavar="FILE", help="Allow what FILE says is known to fail; fail where it does not.")
@click.option("--update-baseline", is_flag=True, help="Write to the baseline's FILE what fails now.")
@timeout_option("The limit of each scenario.")
@click.option("--deadline", metavar="SECONDS", type=float, callback=check_seconds, help="The limit of the whole run.")
@jobs_option("scenarios")
@report_option
@click.option(
    "--trace",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Write there, for each check that is not as it should be, all that was sent and received.",
)
@click.option("--keep-secrets", is_flag=True, help="Do not hide tokens, cookies and passwords in traces.")
@click.option("--list", "list_wanted", is_flag=True, help="List the checks; no server is asked.")
@click.option("--plan", "plan_wanted", is_flag=True, help="Say what would be run; only the config is asked for.")
@click.option("--explain", metavar="ID", help="Say what a check is about, or a clause; no server is asked.")
@click.option(
    "--write-app",
    metavar="FILE",
    help="Write the app with which the suite sees most, to be run by a Python with Gradio.",
)
@quiet_option
def conformance(
    url: str | None,
    connect: Callable[[str], Connection],
    names: tuple[str, ...],
    inputs: tuple[str, ...],
    reports: tuple[str, ...],
    trace: str | None,
    list_wanted: bool,
    plan_wanted: bool,
    explain: str | None,
    write_app: str | None,
    **rest: Any,
) -> None:
    """Check whether the Gradio server at URL keeps to the protocol, and say where it does not.

    Any app can be checked. Most is seen with the app that the suite brings: `gradproto conformance --write-app app.py`,
    then `python app.py --port 7860` with the Gradio that is to be checked.
    """
    wanted = Wanted(endpoints=_read_endpoints(names, inputs), reports=read_reports(reports), trace=trace, **rest)
    if [list_wanted, plan_wanted, explain is not None, write_app is not None].count(True) > 1:
        raise click.UsageError("give one of --list, --plan, --explain and --write-app")
    if list_wanted or plan_wanted or explain is not None or write_app is not None:
        for option, there in (
            ("--report", bool(reports)),
            ("--trace", trace is not None),
            ("--update-baseline", wanted.update_baseline),
        ):
            if there:
                raise click.UsageError(f"{option} is for a run: nothing is checked here")
    if wanted.update_baseline and wanted.baseline is None:
        raise click.UsageError("--update-baseline wants the --baseline FILE that it is to write")
    if trace == "":
        raise click.UsageError("--trace wants the name of a directory")
    for option, name in (("--baseline", wanted.baseline), ("--write-app", write_app)):
        if name is not None:
            check_place(option, name)
    if wanted.baseline is not None and any(same_place(wanted.baseline, name) for name in wanted.reports):
        raise click.UsageError(f"--report: {wanted.baseline!r:.200} is the baseline's FILE")
    if wanted.keep_secrets and trace is None:
        raise click.UsageError("--keep-secrets is for a --trace")
    if url is None and not (list_wanted or explain is not None or write_app is not None):
        raise click.UsageError("the URL of the server is missing")

    with suite_wanted():
        from ._conformance_run import check_server, explain_one, list_all, plan_run, write_fixture

    if write_app is not None:
        write_fixture(write_app)
    elif explain is not None:
        explain_one(explain)
    elif list_wanted:
        list_all(wanted)
    elif url is not None:
        connection = connect(url)
        (plan_run if plan_wanted else check_server)(connection, wanted)


def _read_endpoints(names: tuple[str, ...], inputs: tuple[str, ...]) -> dict[str, list[Any]]:
    if len(names) != len(inputs):
        raise click.UsageError(f"each --endpoint wants its --inputs: there are {len(names)} and {len(inputs)}")
    found: dict[str, list[Any]] = {}
    for name, text in zip(names, inputs, strict=True):
        key = name.strip().lstrip("/")
        if not key:
            raise click.UsageError("--endpoint wants the name of an endpoint")
        if key in found:
            raise click.UsageError(f"--endpoint /{key:.80} is given twice")
        try:
            value: Any = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, list):
            raise click.UsageError(f'--inputs of /{key:.80} must be a list in JSON, as ["Hello", 2], not {text!r:.80}')
        found[key] = value
    return found


def read_file(option: str, name: str) -> str | None:
    """Return the text of a file, ``None`` where there is none. Raises `click.UsageError`."""
    try:
        with Path(name).open("rb") as opened:
            content = opened.read(_LONGEST_BASELINE + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.UsageError(f"{option}: cannot read {name!r:.200}: {reason}") from None
    if len(content) > _LONGEST_BASELINE:
        raise click.UsageError(f"{option}: {name!r:.200} is larger than {_LONGEST_BASELINE} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(f"{option}: {name!r:.200} is no text in UTF-8") from None
