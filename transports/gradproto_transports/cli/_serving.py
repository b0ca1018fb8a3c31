"""``gradproto fake-server`` and ``gradproto record``: what is served until Ctrl-C."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from gradproto import ArgumentError
from gradproto_transports._tls import tls_factory

from ._connection import Failure, ask_password, header_option, insecure_option, read_auth, read_headers
from ._console import conceal, one_line, say, write_line, write_note
from ._program import EPILOG

if TYPE_CHECKING:
    from gradproto_fake_server import FakeApp, ReplayApp, RequestRecord

__all__ = ["fake_server", "record"]

_AUTH_HINT = "the login must be user:password (--auth, or the environment variable GRADPROTO_FAKE_AUTH)"
# What has no meaning for an app that is made already, and for a recording.
_MAKING = ("gradio", "auth", "control", "root_path")
_PLAYING = ("fault", "chaos", "seed", "app")

host_option = click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Listen on this address."
)


def _port_option(default: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--port",
        metavar="N",
        type=click.IntRange(0, 65535),
        default=default,
        show_default=True,
        help="0: any free port.",
    )


@click.command("fake-server", epilog=EPILOG)
@host_option
@_port_option(7860)
@click.option(
    "--gradio", metavar="VERSION", default="6.31.0", show_default=True, help="Speak as this Gradio does, from 2.8 on."
)
@click.option(
    "--app",
    metavar="MODULE:NAME",
    help="Serve this FakeApp, or what this function returns, in place of the demo app; MODULE is one, or a file.",
)
@click.option(
    "--auth",
    metavar="USER[:PASSWORD]",
    envvar="GRADPROTO_FAKE_AUTH",
    help="Want this login; a password that is not given is asked for. Others can see it in the list of processes: "
    "better ask, or put it into the environment variable GRADPROTO_FAKE_AUTH.",
)
@click.option(
    "--root-path", metavar="PATH", default="", help="Be at this path, which a proxy in front cuts off, or at this URL."
)
@click.option(
    "--tls",
    "ca_file",
    metavar="CA_FILE",
    type=click.Path(dir_okay=False),
    help="Serve over TLS, and write the certificate of the authority that clients must trust to CA_FILE; it is "
    "another one each time.",
)
@click.option("--control", is_flag=True, help="Let anybody who reaches it control it over HTTP, at /__gradproto__/.")
@click.option(
    "--fault",
    "faults",
    metavar="NAME[:TIMES][@PATTERN]",
    multiple=True,
    help="Let this go wrong, once or so many times (or always), for requests such as 'POST */queue/join'. "
    "May be repeated.",
)
@click.option("--chaos", metavar="RATE", type=float, help="Let things go wrong at random, at this rate from 0 to 1.")
@click.option(
    "--seed", metavar="N", type=int, default=0, show_default=True, help="What chaos, and all that is random, follows."
)
@click.option(
    "--replay",
    metavar="FILE",
    help="Play the recording that `gradproto record` has made, in place of an app. URLs in it lead to the host and "
    "port at which it was recorded.",
)
@click.option(
    "--speed", metavar="X", type=float, default=1.0, show_default=True, help="Play it X times as fast; 0: at once."
)
@click.option("--log", is_flag=True, help="Write a line for each request to stderr.")
@click.pass_context
def fake_server(
    context: click.Context,
    host: str,
    port: int,
    gradio: str,
    app: str | None,
    auth: str | None,
    root_path: str,
    ca_file: str | None,
    control: bool,
    faults: tuple[str, ...],
    chaos: float | None,
    seed: int,
    replay: str | None,
    speed: float,
    log: bool,
) -> None:
    """Serve the demo app without Gradio until Ctrl-C, or an app of your own, or a recording.

    The first line of the output is READY and the URL; it comes when the server listens. An app of Gradio 2 has one
    function: /echo.
    """
    served: FakeApp | ReplayApp
    if replay is not None:
        _refuse(context, (*_MAKING, *_PLAYING), "a recording is played as it is (--replay)")
        served = _load_recording(replay, speed)
    else:
        _refuse(context, ("speed",), "there is no recording to play (--replay)")
        if app is not None:
            _refuse(context, _MAKING, "the app says that itself (--app)")
            served = _load_app(app)
        else:
            served = _make_demo(gradio, auth, seed, root_path=root_path, control=control)
        _let_fail(served, faults, chaos, seed)
    if log:
        served.on_request = _log
    from gradproto_fake_server import serve_forever

    try:
        serve_forever(
            served,
            host,
            port,
            tls=ca_file is not None,
            ready=lambda url: write_line(f"READY {url}"),
            trust=lambda path: _copy_certificate(path, ca_file),
        )
    except BrokenPipeError:
        raise
    except ImportError as error:
        raise Failure(f"--tls: {error}") from error
    except OSError as error:
        raise _not_served(host, port, error) from error


def _refuse(context: click.Context, names: Sequence[str], why: str) -> None:
    """Refuse options that mean nothing beside another. What the environment says is no matter: it is for other runs."""
    for name in names:
        key = "faults" if name == "fault" else name
        if context.get_parameter_source(key) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} cannot be given: {why}")


def _copy_certificate(path: str, target: str | None) -> None:
    assert target is not None
    try:
        Path(target).write_bytes(Path(path).read_bytes())
    except OSError as error:
        raise click.UsageError(f"--tls: cannot write {target!r:.200}: {error.strerror or error}") from error


def _not_served(host: str, port: int, error: OSError) -> Failure:
    why = (error.strerror or str(error)).partition(" (")[0]  # what follows there is the address once more
    hint = " (--port 0 takes any free one)" if port else ""
    return Failure(f"cannot serve on {host}:{port}: {why}{hint}")


def _make_demo(gradio: str, auth: str | None, seed: int, *, root_path: str, control: bool) -> FakeApp:
    from gradproto_fake_server import demo_app

    login = None
    if auth is not None:
        user, password = read_auth(auth, lambda user: ask_password(user, _AUTH_HINT), _AUTH_HINT)
        conceal(password)
        login = {user: password}
    try:
        return demo_app(gradio, seed=seed, auth=login, root_path=root_path, control=control)
    except ValueError as error:
        hint = "--root-path" if "root_path" in str(error) else "--gradio"
        raise click.BadParameter(str(error), param_hint=hint) from error


def _load_recording(name: str, speed: float) -> ReplayApp:
    from gradproto_fake_server import Recording, ReplayApp

    try:
        return ReplayApp(_read_recording(Recording, name), speed=speed)
    except ValueError as error:
        raise click.UsageError(f"--speed: {error}") from error


def _read_recording(make: type[Any], name: str) -> Any:
    try:
        return make(name)
    except OSError as error:
        raise click.UsageError(f"--replay: cannot read {name!r:.200}: {error.strerror or error}") from error
    except ValueError as error:
        raise click.UsageError(f"--replay: {name!r:.200} is no recording: {error}") from error


def _load_app(text: str) -> FakeApp:
    """Return the app that a module or a file has under a name."""
    from gradproto_fake_server import FakeApp

    where, colon, name = text.rpartition(":")
    if not colon or not where or not name:
        raise click.UsageError("--app must be MODULE:NAME or FILE.py:NAME")
    try:
        found: Any = _load_module(where)
    except Exception as error:  # whatever the module does
        raise click.UsageError(f"--app: cannot load {where}: {type(error).__name__}: {one_line(str(error))}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise click.UsageError(f"--app: {where} has no {name}")
        found = getattr(found, part)
    if not isinstance(found, FakeApp) and callable(found):
        try:
            found = found()
        except Exception as error:
            raise click.UsageError(f"--app: {name}() fails: {type(error).__name__}: {one_line(str(error))}") from error
    if not isinstance(found, FakeApp):
        raise click.UsageError(f"--app: {name} of {where} is of type {type(found).__name__}, and no FakeApp")
    return found


def _load_module(where: str) -> Any:
    if not where.endswith(".py"):
        sys.path.insert(0, "")  # as for `python -m`: the directory that this runs in
        return importlib.import_module(where)
    path = Path(where)
    if not path.is_file():
        raise FileNotFoundError("there is no such file")
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _let_fail(app: FakeApp, faults: Sequence[str], chaos: float | None, seed: int) -> None:
    for fault in faults:
        text, at, pattern = fault.partition("@")
        name, _, times = text.partition(":")
        is_count = times.isascii() and times.isdecimal() and len(times) < 10 and int(times) > 0
        if times and times != "always" and not is_count:
            raise click.UsageError(f"--fault {name}: TIMES must be a number from 1, or always, not {times!r:.80}")
        count = None if times == "always" else int(times or 1)
        try:
            app.inject(name, pattern if at else "* *", times=count)
        except ValueError as error:
            raise click.UsageError(f"--fault: {error}") from error
    if chaos is not None:
        try:
            app.chaos(seed, chaos)
        except ValueError as error:
            raise click.UsageError(f"--chaos: {error}") from error


def _log(record: RequestRecord) -> None:
    write_note(record.line)


@click.command(epilog=EPILOG)
@click.argument("url")
@click.argument("file", type=click.Path(dir_okay=False))
@host_option
@_port_option(7861)
@header_option
@insecure_option
@click.option(
    "--host-header",
    type=click.Choice(["auto", "client", "upstream"]),
    default="auto",
    show_default=True,
    help="Which Host the app hears, from which it makes the URLs that it sends: this proxy's, as the client sends it, "
    "or its own; auto: this proxy's if the app is at an address without TLS.",
)
@click.option("--keep-secrets", is_flag=True, help="Do not hide tokens, cookies and passwords in FILE.")
@click.option("--force", is_flag=True, help="Replace FILE.")
def record(
    url: str,
    file: str,
    host: str,
    port: int,
    header: tuple[str, ...],
    insecure: bool,
    host_header: Literal["auto", "client", "upstream"],
    keep_secrets: bool,
    force: bool,
) -> None:
    """Stand before the app at URL, and write all that it and its clients say to FILE until Ctrl-C.

    The first line of the output is READY and the URL that clients are to use. All bytes are passed on as they come, and
    written down with their times, one JSON object a line; tokens, cookies and passwords become asterisks there.
    `gradproto fake-server --replay FILE` plays them again.
    """
    headers = read_headers(header)
    from gradproto_fake_server import record_forever

    if keep_secrets:
        say(f"warning: tokens, cookies and passwords are kept in {file}")
    if not force and Path(file).exists():
        raise click.UsageError(f"{file!r:.200} is there already; --force replaces it")
    listening = False

    def ready(where: str) -> None:
        nonlocal listening
        listening = True
        write_line(f"READY {where}")

    try:
        done = record_forever(
            url,
            file,
            host=host,
            port=port,
            host_header=host_header,
            headers=headers,
            keep_secrets=keep_secrets,
            overwrite=force,
            ssl_context=tls_factory(None, verify=not insecure)() if insecure else None,
            ready=ready,
        )
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        if listening or error.filename is not None:
            raise Failure(f"cannot write {file}: {error.strerror or error}") from error
        raise _not_served(host, port, error) from error
    say(f"recorded {done.requests} requests on {done.connections} connections")
