"""``gradproto space``: how a Hugging Face Space is, waking it, and copies of it."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from typing import Any

import click

from gradproto import DuplicationError, SpaceDuplicated, SpaceFound, SpaceInfo

from ._connection import Connection, hub_options, quiet_option, space_wait_option
from ._console import one_line, say, speaks_unicode, watched, write_line
from ._display import Display
from ._program import EPILOG, Interrupted
from ._settings import read_settings

__all__ = ["space"]

_NUMBER = r"[0-9]+(\.[0-9]*)?|\.[0-9]+"
_LONGEST = 1e6  # minutes

_Command = Callable[..., None]


def _json_option(function: _Command) -> _Command:
    return click.option("--json", "json_wanted", is_flag=True, help="Print it as JSON.")(function)


@click.group(invoke_without_command=True, epilog=EPILOG)
@click.pass_context
def space(context: click.Context) -> None:
    """See how Hugging Face Spaces are, wake them, and copy them.

    A Space is OWNER/NAME, the URL of its page, or its app's address under hf.space.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@space.command(epilog=EPILOG)
@hub_options("SPACE")
@_json_option
def status(connection: Connection, json_wanted: bool) -> None:
    """Say how SPACE is, without waking it."""
    found = connection.ask(lambda session: session.find(connection.url), late="the Hub did not answer")
    assert isinstance(found, SpaceFound)
    if json_wanted:
        _write_json(_described(connection, found.space))
    else:
        _write_rows([(name, connection.hide(value)) for name, value in _rows(found.space)])


@space.command(epilog=EPILOG)
@hub_options("SPACE")
@space_wait_option
@_json_option
@quiet_option
def wake(connection: Connection, space_wait: float, json_wanted: bool, quiet: bool) -> None:
    """Wake SPACE if it sleeps, wait until its app runs, and print where that is."""
    with Display(quiet=quiet) as display:
        display.show("asking the Hub ...")
        found = _wake(connection, connection.url, space_wait, display)
    if json_wanted:
        _write_json(_described(connection, found))
    else:
        _write_awake(connection, found)


def _check_sleep_timeout(context: click.Context, parameter: click.Parameter, value: str) -> float | None:
    if value.lower() == "none":
        return None
    if not re.fullmatch(_NUMBER, value) or not 1 / 60 <= float(value) <= _LONGEST:
        raise click.UsageError("--sleep-timeout must be a number of minutes above 0, or none")
    return float(value)


@space.command(epilog=EPILOG)
@hub_options("FROM")
@click.argument("to_id", metavar="[TO]", required=False)
@click.option("--public/--private", "public", help="Who sees a copy that is created; only its owner by default.")
@click.option("--hardware", metavar="NAME", help="Such as t4-small; by default that of the original.")
@click.option(
    "--secret",
    "secret_words",
    metavar="KEY[=VALUE]",
    multiple=True,
    help="A secret for a copy that is created: KEY takes its value from the environment, or asks for it; KEY=@FILE "
    "from a file. Others can see KEY=VALUE in the list of processes. May be repeated.",
)
@click.option(
    "--variable",
    "variable_words",
    metavar="KEY[=VALUE]",
    multiple=True,
    help="A variable for a copy that is created, given as a secret is. May be repeated.",
)
@click.option(
    "--sleep-timeout",
    metavar="MINUTES",
    default="5",
    show_default=True,
    callback=_check_sleep_timeout,
    help="Let a copy on hardware that costs money sleep after this long without a request; none: leave that as it is.",
)
@click.option("--wait", is_flag=True, help="Wait until the app of the copy runs.")
@space_wait_option
@_json_option
@quiet_option
def duplicate(
    connection: Connection,
    to_id: str | None,
    public: bool,
    hardware: str | None,
    secret_words: tuple[str, ...],
    variable_words: tuple[str, ...],
    sleep_timeout: float | None,
    wait: bool,
    space_wait: float,
    json_wanted: bool,
    quiet: bool,
) -> None:
    """Make a copy of the Space FROM for your own use, or find the one that is there.

    TO is OWNER/NAME, where OWNER may be an organisation, or a NAME under the token's owner; by default the name of the
    original. It takes a token that may write.
    """
    secrets = read_settings("--secret", secret_words, secret=True)
    variables = read_settings("--variable", variable_words, secret=False)
    connection = dataclasses.replace(connection, secrets=tuple(secrets.values()))
    with Display(quiet=quiet) as display:
        display.show("making a copy ...")
        try:
            made = connection.ask(
                lambda session: session.duplicate(
                    connection.url,
                    to_id,
                    private=not public,
                    hardware=hardware,
                    secrets=secrets,
                    variables=variables,
                    sleep_timeout=sleep_timeout,
                ),
                late="the Hub did not answer",
            )
        except KeyboardInterrupt as stop:
            if isinstance(stop.__cause__, DuplicationError):  # something was changed, or perhaps it was
                raise Interrupted(f"interrupted; {connection.hide(str(stop.__cause__))}", stop) from None
            raise
        assert isinstance(made, SpaceDuplicated)
        display.hide()
        _tell(made)
        if not json_wanted:
            _write_made(connection, made)
        awake = None
        try:
            if wait:
                awake = _wake(connection, made.space, space_wait, display)
        finally:
            display.hide()
            if json_wanted:  # also where it does not run: it was made all the same
                _write_json(_described_copy(connection, made, awake))
    if awake is not None and not json_wanted:
        _write_awake(connection, awake)


def _wake(connection: Connection, name: str, space_wait: float, display: Display) -> SpaceInfo:
    found = connection.ask(
        lambda session: session.wake(name, space_wait=space_wait), late="the app did not run", told=display.space
    )
    assert isinstance(found, SpaceFound)
    return found.space


# --- what is written -------------------------------------------------------------------------------------------------


def _tell(made: SpaceDuplicated) -> None:
    for text in made.warnings:
        say(f"warning: {text}")
    for text in made.notes:
        say(f"note: {text}")


def _write_made(connection: Connection, made: SpaceDuplicated) -> None:
    if not made.created:
        write_line(f"using {made.space}, which was there already")
    for text in made.done:
        write_line(text)
    write_line(_page(connection, made))


def _write_awake(connection: Connection, found: SpaceInfo) -> None:
    write_line(connection.hide(one_line(f"{found.id} is {found.stage} at {found.host}")))


def _page(connection: Connection, made: SpaceDuplicated) -> str:
    return f"{connection.hub_url}/spaces/{made.space}"


def _write_json(value: dict[str, Any]) -> None:
    write_line(json.dumps(value, indent=2, ensure_ascii=not speaks_unicode(sys.stdout)))


def _described(connection: Connection, info: SpaceInfo) -> dict[str, Any]:
    """Return what is known of a Space as JSON has it."""
    values: dict[str, Any] = {
        "id": info.id,
        "page": info.page,
        "stage": info.stage,
        "host": info.host,
        "private": info.private,
        "sdk": info.sdk,
        "hardware": info.hardware,
        "requested_hardware": info.requested_hardware,
        "sleep_time": info.sleep_time,
        "error": info.error,
    }
    return {key: connection.hide(value) if isinstance(value, str) else value for key, value in values.items()}


def _described_copy(connection: Connection, made: SpaceDuplicated, awake: SpaceInfo | None) -> dict[str, Any]:
    return {
        "id": made.space,
        "page": _page(connection, made),
        "from": made.from_id,
        "created": made.created,
        "done": list(made.done),
        "warnings": list(made.warnings),
        "notes": list(made.notes),
        "space": None if awake is None else _described(connection, awake),
    }


def _rows(info: SpaceInfo) -> list[tuple[str, str]]:
    """Return what is known of a Space as a person reads it."""
    hardware = info.hardware or "none"
    if info.requested_hardware not in (None, info.hardware):
        hardware += f", {info.requested_hardware} is requested"
    sleeps = "as its hardware does" if info.sleep_time is None else f"after {info.sleep_time} s without a request"
    rows = [
        ("space", info.id),
        ("page", info.page),
        ("stage", info.stage or "not known"),
        ("app", info.host or "not known"),
        ("visible", "to its owner only" if info.private else "to all"),
        ("sdk", info.sdk or "not known"),
        ("hardware", hardware),
        ("sleeps", sleeps),
    ]
    return rows if info.error is None else [*rows, ("error", info.error)]


def _write_rows(rows: list[tuple[str, str]]) -> None:
    """Write a table: at a terminal with colours, and folded to its width."""
    if not watched(sys.stdout):
        for name, value in rows:
            write_line(f"{name:<9} {one_line(value)}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(one_line(value)))  # text, and no markup
    Console(highlight=False).print(table)
