"""What is public: every name, parameter, field and member, what the command line takes, and the clauses and checks.

``python -m tests.public`` keeps it for this version.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import json
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import gradproto
from gradproto_conformance import all_checks, clauses
from gradproto_conformance.client import client_checks
from gradproto_transports.cli._app import program

MODULES = (
    "gradproto",
    "gradproto.testing",
    "gradproto.wire",
    "gradproto_conformance",
    "gradproto_conformance.adapters",
    "gradproto_conformance.client",
    "gradproto_fake_server",
    "gradproto_fake_server.trio",
    "gradproto_transports.asyncio",
    "gradproto_transports.sync",
    "gradproto_transports.trio",
    "gradproto_transports.typed",
)
KEPT = Path(__file__).parent / "data" / "public"
# What Python calls by itself: an object is used through these, too.
SPECIAL = {
    *("__aenter__", "__aexit__", "__aiter__", "__anext__", "__await__", "__call__", "__contains__", "__enter__"),
    *("__exit__", "__getitem__", "__iter__", "__len__", "__lt__", "__next__"),
}

# Classes of which people are given objects, or use some methods, and the rest is for the project's own packages: of
# these only what is named here is promised, with "()" for the constructor.
PROMISED = {
    "gradproto.Conversation": "closed config endpoints session_hash",
    "gradproto.Job": "call conversation ended endpoint error event_id number outputs session_hash started state",
    "gradproto_fake_server.FakeApp": """() add_page address advance_to app_id assert_all_closed assert_requested
        assert_strict auth cancel_endpoint chaos close complaints config_document connections date_offset enable_queue
        endpoint endpoint_called endpoints fail faults files find_endpoint forget_sessions hold idle info_document
        inject job jobs listening max_file_size new_token next_deadline now on_request open_streams openapi_document
        page_document profile refuse release request_count requests reset reset_journal restart script set_time
        show_error shutdown space_id tick title tokens uploads wall_time""",
    "gradproto_fake_server.FakeHub": """() add_space add_token add_user advance_to assert_all_closed assert_requested
        assert_strict build_seconds close complaints date duplicate fail faults find_token limit_requests listening
        next_deadline now open_streams page_size rate_limit refuse remove_space rename requests revoke_token set_time
        space spaces start_seconds url users wall_time""",
    "gradproto_fake_server.HubSpace": """app build build_seconds created disabled duplicated_from error_message fail
        faults gated hardware host id likes listed modified name owner private request_hardware requested_hardware
        requests restart sdk secrets set_sleep_time set_stage sha sleep_time stage start start_seconds subdomain tags
        title variables""",
    "gradproto_fake_server.Job": "data endpoint error event_id hold over release session_hash state step",
    "gradproto_fake_server.ReplayApp": """() advance_to assert_strict close complaints date_offset listening
        next_deadline now open_streams recording requests set_time""",
    "gradproto_fake_server.ServerConnection": "app closed number",
}
PROMISED["gradproto_fake_server.SavedApp"] = PROMISED["gradproto_fake_server.FakeApp"] + " implement"
# What the clients do among themselves; an asynchronous client is opened, not made.
INNER = {
    *("begin", "changed", "outcome", "record", "take", "take_any", "take_update"),
}
OPENED = {"gradproto_transports.asyncio.Client()", "gradproto_transports.trio.Client()"}

Surface = dict[str, "str | list[str]"]


def surface() -> Surface:
    """Give each public thing with what it is: a word, or the parameters of what is called."""
    found: Surface = {}
    homes: dict[int, str] = {}
    for module in MODULES:
        loaded = importlib.import_module(module)
        for name in sorted(loaded.__all__):
            thing, path = getattr(loaded, name), f"{module}.{name}"
            if inspect.isclass(thing) and id(thing) in homes:
                found[path] = homes[id(thing)]  # told there
            else:
                homes[id(thing)] = path
                found.update(_thing(path, thing))
    found = {path: what for path, what in found.items() if _is_promised(path)}
    found.update((f"clause {name}", "name") for name in sorted(clauses()))
    found.update((f"check {name}", "name") for name in sorted({*all_checks(), *client_checks()}))
    found.update(_command("gradproto", program))
    return found


def _is_promised(path: str) -> bool:
    owner, _, name = (path.replace("()", ".()")).rpartition(".")
    if owner in PROMISED:
        return name in PROMISED[owner].split()
    return path not in OPENED and not (owner.startswith("gradproto_transports.") and name in INNER)


def _command(words: str, command: click.Command) -> Iterator[tuple[str, str]]:
    """Give a command of the command line, what it takes, and the commands below it."""
    yield f"$ {words}", "command"
    for parameter in command.params:
        choices = (
            " ".join(["any of", *map(str, parameter.type.choices)])
            if isinstance(parameter.type, click.Choice)
            else "taken"
        )
        names = [*parameter.opts, *parameter.secondary_opts]
        yield from ((f"$ {words} {name}", choices) for name in names if isinstance(parameter, click.Option))
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from _command(f"{words} {name}", below)


def _thing(path: str, thing: Any) -> Iterator[tuple[str, str | list[str]]]:
    if inspect.isclass(thing) and typing.get_origin(thing) is None:
        yield path, " ".join(["class", *(base.__name__ for base in thing.__mro__[1:-1] if _is_public(base))])
        yield from _members(path, thing)
    elif inspect.isroutine(thing):
        yield path, _parameters(thing)
    elif typing.get_origin(thing) is typing.Literal:
        yield path, " ".join(["any of", *sorted(map(repr, typing.get_args(thing)))])
    elif typing.get_origin(thing) is typing.Union:
        yield path, " ".join(["any of", *sorted(_name(member) for member in typing.get_args(thing))])
    else:
        yield path, "value" if typing.get_origin(thing) is None else "type"


def _name(member: Any) -> str:
    """Name a member of a union, without what it is of: ``list`` for ``list[int]``."""
    return str((typing.get_origin(member) or member).__name__)


def _is_public(base: type) -> bool:
    return not base.__name__.startswith("_") and base.__module__ not in ("typing", "abc", "collections.abc")


def _members(path: str, thing: type) -> Iterator[tuple[str, str | list[str]]]:
    if issubclass(thing, enum.Enum):
        yield from ((f"{path}.{name}", f"member {one.value!r}") for name, one in sorted(thing.__members__.items()))
    elif dataclasses.is_dataclass(thing) and not _has_own_init(thing):
        yield f"{path}()", _fields(thing)
    elif not getattr(thing, "_is_protocol", False):
        yield f"{path}()", _parameters(thing)
    members: Surface = {}
    for ours in reversed([base for base in thing.__mro__ if base.__module__.startswith("gradproto")]):
        members.update({name: "field" for name in inspect.get_annotations(ours) if name[0] != "_"})
        members.update({name: "attribute" for name in _set_by_init(ours)})
        for name, value in ours.__dict__.items():
            if isinstance(value, str | int | tuple) and name[0] != "_":
                members.setdefault(name, "attribute")
            elif isinstance(value, property) and name[0] != "_":
                members[name] = "property"
            elif isinstance(value, classmethod | staticmethod) and name[0] != "_":
                members[name] = _parameters(value.__func__)
            elif inspect.isroutine(value) and (name[0] != "_" or name in SPECIAL):
                members[name] = _parameters(value)
    yield from ((f"{path}.{name}", what) for name, what in sorted(members.items()))


def _has_own_init(thing: type) -> bool:
    options = getattr(thing, "__dataclass_params__", None)  # the core's own records have none
    return options is not None and not options.init


def _fields(thing: Any) -> list[str]:
    """Give the fields of a record as the parameters that they are: `inspect` does not see those of the core's own."""
    fields = [one for one in dataclasses.fields(thing) if one.init]
    by_name = [_field(one) for one in fields if one.kw_only]
    return [*(_field(one) for one in fields if not one.kw_only), *(["*", *by_name] if by_name else [])]


def _field(one: dataclasses.Field[Any]) -> str:
    has_default = one.default is not dataclasses.MISSING or one.default_factory is not dataclasses.MISSING
    return f"{one.name}=..." if has_default else one.name


def _set_by_init(ours: type) -> Iterator[str]:
    if not inspect.isfunction(ours.__dict__.get("__init__")) or ours.__init__.__code__.co_filename[0] == "<":
        return
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(ours.__init__)))):
        target = node.target if isinstance(node, ast.AnnAssign) else None
        for one in node.targets if isinstance(node, ast.Assign) else [target]:
            if isinstance(one, ast.Attribute) and ast.unparse(one.value) == "self" and one.attr[0] != "_":
                yield one.attr


def _parameters(called: Any) -> list[str]:
    """Give the parameters as they are written in a ``def``, without types; ``async`` comes first."""
    try:
        signature = inspect.signature(called)
    except ValueError:
        return ["..."]  # of a class that has none of its own
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    told = [one.replace(default=_DEFAULT) if one.default is not one.empty else one for one in plain]
    waits = inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)
    return [*(["async"] if waits else []), *(one for one in str(inspect.Signature(told))[1:-1].split(", ") if one)]


class _Default:
    """Stands for any default: which it is is documented, and may change."""

    def __repr__(self) -> str:
        return "..."


_DEFAULT = _Default()


def broken(before: Surface, now: Surface) -> Iterator[str]:
    """Say what worked with ``before`` and does not work any more, as far as names show it."""
    for path, was in before.items():
        after = now.get(path)
        if after is None:
            yield f"{path} is gone"
        elif isinstance(was, list) and isinstance(after, list):
            yield from (f"{path}: {why}" for why in _broken_call(was, after))
        elif isinstance(was, list) != isinstance(after, list):
            yield f"{path} was {was} and is {after}"
        elif lost := set(str(was).split()[1:]) - set(str(after).split()[1:]):
            yield f"{path} is no {', '.join(sorted(lost))} any more"
        elif str(was).startswith("gradproto") and was != after:  # another name of what is told elsewhere
            yield f"{path} was {was} and is {after}"


def _broken_call(was: list[str], now: list[str]) -> Iterator[str]:
    if was[:1] != now[:1] and "async" in (was[:1] + now[:1]):
        yield "it is to be awaited now, or not any more"
    by_place, by_name = _ways(was)
    places, names = _ways(now)
    for place, name in enumerate(by_place):
        if (place >= len(places) and "*" not in names) or places[place:][:1] not in ([], [name], [name + "="]):
            yield f"{name.rstrip('=')} is not at place {place} any more, or wanted now"
    for name in by_name:
        if name not in names and name + "=" not in names and ("**" not in names or "*" in name):
            yield f"{name.rstrip('=')} is gone, or wanted now"
    known = {name.rstrip("=") for name in by_name}
    yield from (f"{name} is new, and wanted" for name in names if name[-1] not in "=*" and name not in known)


def _ways(parameters: list[str]) -> tuple[list[str], list[str]]:
    """Give what may be passed by its place, and what by its name; what has a default has a ``=`` at its end."""
    by_place: list[str] = []
    by_name: list[str] = []
    keywords = False
    for one in parameters:
        name = one.split("=")[0] + ("=" if "=" in one else "")
        if one == "async":
            continue
        if one == "/":
            by_name = []
        elif one == "*":
            keywords = True
        elif one.startswith("*"):
            by_name.append("**" if one.startswith("**") else "*")
            keywords = True
        else:
            by_name.append(name)
            if not keywords:
                by_place.append(name)
    return by_place, by_name


def kept(version: str) -> Surface:
    """Return what was public in a version."""
    found: Surface = json.loads((KEPT / f"{version}.json").read_text(encoding="utf-8"))
    return found


def versions() -> list[str]:
    """Return the versions of which that is kept."""
    return sorted(path.stem for path in KEPT.glob("*.json"))


def main() -> None:
    """Keep what is public now."""
    KEPT.mkdir(exist_ok=True)
    lines = [f"  {json.dumps(path)}: {json.dumps(what)}" for path, what in surface().items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (KEPT / f"{gradproto.__version__}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
