"""The environment variables of a Space, as they are typed in a shell: secrets need not be."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

import click

from ._console import one_line, watched

__all__ = ["read_settings"]

_KEY = r"[A-Za-z_][A-Za-z0-9_]*"
_SIZE_LIMIT = 1024 * 1024  # bytes: more than any environment takes; a device file has no end


def read_settings(option: str, words: Sequence[str], *, secret: bool) -> dict[str, str]:
    """Return the values by their keys.

    A word is ``KEY=VALUE``, ``KEY=@FILE`` for the content of a file, without the line end that ends it (``KEY=@@X`` is
    the text ``@X``), or ``KEY`` for the variable of that name in this program's own environment; a secret that is not
    there is asked for at a terminal. Raises `click.UsageError`, which shows no value, nor what may be one.
    """
    settings: dict[str, str] = {}
    for number, word in enumerate(words, 1):
        key, equals, value = word.partition("=")
        # A word that is wrong is not repeated: it may be a secret whose name was forgotten.
        where = option if len(words) == 1 else f"{option} (number {number})"
        if not re.fullmatch(_KEY, key):
            raise click.UsageError(f"{where} must be KEY=VALUE, KEY=@FILE or KEY, where KEY names a variable")
        if not equals:
            value = _find(where, key, secret=secret)
        elif value.startswith("@@"):
            value = value[1:]
        elif value.startswith("@"):
            value = _read(f"{option} {key}", value[1:])
        if key in settings:
            raise click.UsageError(f"{where}: {key} is given twice")
        settings[key] = value
    return settings


def _find(where: str, key: str, *, secret: bool) -> str:
    value = os.environ.get(key)
    if value:
        return value
    if not secret or not watched(sys.stdin):
        raise click.UsageError(f"{where} has no value, and the environment has no variable of its name")
    import getpass

    try:
        value = getpass.getpass(f"Value of the secret {one_line(key)}: ")
    except EOFError:
        value = ""
    if not value:
        raise click.UsageError(f"{where}: no value was given")
    return value


def _read(where: str, name: str) -> str:
    try:
        with open(name, "rb") as opened:
            content = opened.read(_SIZE_LIMIT + 1)
        if len(content) > _SIZE_LIMIT:
            raise click.UsageError(f"{where}: {name!r:.200} is larger than {_SIZE_LIMIT} bytes")
        text = content.decode("utf-8")
    except OSError as error:
        raise click.UsageError(f"{where}: cannot read {name!r:.200}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"{where}: {name!r:.200} is no text in UTF-8") from None
    except ValueError as error:  # a name with a null character in it
        raise click.UsageError(f"{where}: cannot read {name!r:.200}: {error}") from None
    return text.removesuffix("\n").removesuffix("\r")
