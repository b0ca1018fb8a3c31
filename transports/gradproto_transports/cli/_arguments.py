"""The arguments of a call as they are typed in a shell, made into values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from gradproto import Endpoint
from gradproto._api_info import InputSlot
from gradproto_transports._files import handle_file

__all__ = ["read_arguments"]

# Parameters of these names cannot go through the client's own keyword arguments.
_RESERVED = frozenset({"api_name", "fn_index", "headers", "result_callbacks", "status_callbacks"})

# Components whose value is a text and nothing else, so that 007 means "007" there. Others say "string" and take
# anything.
_TEXTS = frozenset({"textbox", "code", "markdown", "html", "colorpicker"})


def read_arguments(endpoint: Endpoint, words: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments for ``endpoint``.

    A word is JSON if it can be read as that, else text; ``@path`` is a file to upload, ``@@x`` the text ``@x``;
    ``name=word`` is a keyword where the endpoint has that parameter; one that takes several files may come
    several times. Raises `click.UsageError`, and `ArgumentError` for a file that is not there.
    """
    slots = {slot.parameter.name: slot for slot in endpoint.inputs if slot.parameter is not None}
    names = list(slots)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for word in words:
        name, equals, rest = word.partition("=")
        if not equals or name not in slots:
            slot = slots[names[len(args)]] if len(args) < len(names) else None
            args.append(_read_word(word, is_text=slot is not None and _is_text(slot)))
            continue
        if name in _RESERVED:
            raise click.UsageError(f"parameter {name!r} can be given by its position only")
        value = _read_word(rest, is_text=_is_text(slots[name]))
        if name not in kwargs:
            kwargs[name] = value
        elif slots[name].file_kind == "many":
            earlier = kwargs[name]
            kwargs[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            raise click.UsageError(f"parameter {name!r} is given twice")
    return args, kwargs


def _is_text(slot: InputSlot) -> bool:
    return slot.component is not None and slot.component.type in _TEXTS


def _read_word(word: str, *, is_text: bool) -> Any:
    if word.startswith("@@"):
        return word[1:]
    if word.startswith("@"):
        if word == "@":
            raise click.UsageError("'@' wants the path of a file after it; the text '@' is written '@@'")
        return handle_file(word[1:])
    try:
        value = json.loads(word, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return word
    return word if is_text and value is not None and not isinstance(value, str) else value


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are no JSON, whatever Python says."""
    raise ValueError(constant)
