"""``gradproto codegen``: typed calls of an app as a Python module, and whether such a module still fits its app."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from gradproto_transports._codegen import write_module
from gradproto_transports._codegen_check import find_drift, was_edited
from gradproto_transports._codegen_describe import AppDescription, Files, Style, describe_app, read_description

from ._connection import FAILED, Connection, Failure
from ._console import one_line, say, write_line
from ._display import Display

__all__ = ["check_module", "make_module", "read_target"]

_MAKING = frozenset({"styles", "no_download", "optional_results", "force"})  # options that mean nothing to a check
_SIZE_LIMIT = 64 * 1024 * 1024  # bytes: far more than any module; a device file has no end


def make_module(
    connection: Connection,
    output: str | None,
    display: Display,
    *,
    styles: Sequence[Style],
    files: Files,
    optional: bool,
    force: bool,
) -> None:
    """Write a module for the app to a file, or to stdout where ``output`` is ``None``.

    A file is replaced at once or not at all, and only if it is a module that was made here and that nobody has edited.
    """
    path = None if output is None else Path(os.path.realpath(output))
    if path is not None and not force:
        _refuse_foreign(path, output or "")
    text = write_module(_describe(connection, display, styles, files, optional))
    if path is None:
        write_line(text.rstrip("\n"))
        return
    try:
        _replace(path, text)
    except OSError as error:
        raise Failure(f"cannot write {output}: {error.strerror or error}") from error
    say(f"wrote {output}")


def check_module(connection: Connection, name: str, display: Display) -> None:
    """Say what has drifted between a module and the app; raises `Failure` where anything has."""
    source = _read(Path(name), name)
    try:
        made = read_description(source)
        if made is None:
            raise ValueError("it was not made by `gradproto codegen`")
        drift = find_drift(source, _describe(connection, display, made.styles, made.files, made.optional))
    except ValueError as error:
        raise Failure(f"cannot check {name}: {error}; make it again with `gradproto codegen`") from error
    if not drift:
        write_line(f"{name} fits the app")
        return
    for line in drift:
        write_line(one_line(line))
    count = "1 difference" if len(drift) == 1 else f"{len(drift)} differences"
    raise Failure(f"{name} does not fit the app: {count}; make it again with `gradproto codegen`", FAILED)


def _describe(
    connection: Connection, display: Display, styles: Sequence[Style], files: Files, optional: bool
) -> AppDescription:
    with connection.open(display.space) as client:
        display.hide()
        return describe_app(
            client.endpoints,
            url=connection.url,
            title=client.config.title,
            gradio=client.config.version,
            styles=styles,
            files=files,
            optional=optional,
        )


def _refuse_special(name: str) -> None:
    """Leave alone what is no regular file: a device would be replaced, and a pipe waited for."""
    try:
        mode = os.stat(name).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise Failure(f"cannot use {name!r:.200}: {error}") from error
    if not stat.S_ISREG(mode):
        raise Failure(f"{name} is there, and is no regular file (-o - writes to stdout)")


def _refuse_foreign(path: Path, name: str) -> None:
    if not path.exists():
        return
    source = _read(path, name)
    with contextlib.suppress(ValueError):
        if source.strip() and read_description(source) is None:
            raise Failure(f"{name} is there, and was not made by `gradproto codegen` (--force replaces it)")
    if source.strip() and was_edited(source):
        raise Failure(f"{name} is there, and was edited by hand (--force replaces it)")


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(_SIZE_LIMIT)
    except OSError as error:
        raise Failure(f"cannot read {name}: {error.strerror or error}") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Failure(f"{name} is there, and is no text in UTF-8") from None


def _replace(path: Path, text: str) -> None:
    """Put the text in the place of a file, with the rights that the file has, or those that a new file gets."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
        os.chmod(partial, mode)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def _umask() -> int:
    """Return which rights new files do not get; it can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def read_target(context: click.Context, file: str | None, output: str | None, *, check: bool) -> str | None:
    """Return the file that is meant, ``None`` for stdout; raises `click.UsageError`."""
    if file is not None and output is not None:
        raise click.UsageError("give the file once: as FILE or with -o")
    target = file if file is not None else output
    if target == "":
        raise click.UsageError("the name of the file is empty")
    if target is not None and target != "-":
        _refuse_special(target)
    if not check:
        return None if target == "-" else target
    if target in (None, "-"):
        raise click.UsageError("--check wants the file to be checked: gradproto codegen --check URL FILE")
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if given and parameter.name in _MAKING:
            raise click.UsageError(f"{parameter.opts[0]} is for making a module; --check goes by how FILE was made")
    return target
