"""The commands, and how the program ends.

Whatever goes wrong becomes one line on stderr and an exit code; only the class `Program` knows how.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Generator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from gradproto import Endpoint, __version__
from gradproto_transports.sync import Client

from ._arguments import read_arguments
from ._call import CallRunner
from ._connection import FAILED, USAGE, Connection, Failure, connection_options
from ._console import StatusLine, accept_any_text, say, speaks_unicode, write_line
from ._outputs import FileSaver, as_json, as_text

if TYPE_CHECKING:
    from gradproto_transports._codegen_describe import Files, Style

__all__ = ["program"]

_INTERRUPTED, _TERMINATED = 130, 143  # 128 and the number of the signal, as shells count

_EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no connection (out of reach, no Gradio app, or the login was "
    "refused), 130 interrupted."
)

_NEGATIVE_NUMBER = r"-\.?[0-9].*"


class _Terminated(KeyboardInterrupt):
    """SIGTERM, to be treated as Ctrl-C is."""


class _Interrupted(Exception):
    """The program was told to stop, and has cleaned up behind itself."""

    def __init__(self, message: str, stop: KeyboardInterrupt) -> None:
        super().__init__(message)
        self.code = _TERMINATED if isinstance(stop, _Terminated) else _INTERRUPTED


class Program(click.Group):
    """The command line as a whole."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and end the process with the exit code."""
        accept_any_text()
        with _sigterm_as_interrupt():
            code = self._run(args, prog_name or "gradproto", complete_var, extra)
            code = _flush(code)
        sys.exit(code)

    def _run(self, args: Sequence[str] | None, prog_name: str, complete_var: str | None, extra: dict[str, Any]) -> int:
        try:
            ended = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx is not None else prog_name
            say(f"error: {error.format_message()} (see '{command} --help')")
            return USAGE
        except Failure as error:
            say(f"error: {error}")
            return error.code
        except _Interrupted as stop:
            say(str(stop))
            return stop.code
        except BrokenPipeError:
            return FAILED  # whoever read the output has had enough, and knows
        except OSError as error:
            say(f"error: cannot write {error.filename or 'the output'}: {error.strerror or error}")
            return FAILED
        except Exception as error:
            # The text of a foreign exception may hold anything, secrets too.
            say(f"error: {type(error).__name__} inside gradproto {__version__}: please report it")
            return FAILED
        # Click gives the exit code of --help and the like as a result; commands give none.
        return ended if isinstance(ended, int) else 0

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. An interrupt ends here, before Click has its own way with it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise _Interrupted("interrupted", stop) from None


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Generator[None, None, None]:
    """Let SIGTERM do what Ctrl-C does, where this thread may say so."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _flush(code: int) -> int:
    """Write out what is left, and return the exit code; one that is not 0 says that something was reported already."""
    if sys.stdout is None:
        return code
    try:
        sys.stdout.flush()
    except OSError as error:
        if code == 0 and not isinstance(error, BrokenPipeError):
            say(f"error: cannot write the output: {error.strerror}")
        # The interpreter would try once more at its end, and complain.
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        return code or FAILED
    return code


@click.group(cls=Program, invoke_without_command=True, epilog=_EPILOG)
@click.version_option(__version__, prog_name="gradproto", message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Call Gradio apps, look at what they offer, and serve one to try things out on."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@program.command("view-api", epilog=_EPILOG)
@connection_options
@click.option("--all", "all_endpoints", is_flag=True, help="Describe the endpoints without a name, too.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the description as JSON.")
def view_api(connection: Connection, all_endpoints: bool, json_wanted: bool) -> None:
    """Describe the endpoints of the app at URL."""
    with connection.open() as client:
        if json_wanted:
            described = client.view_api(return_format="dict")
            write_line(json.dumps(described, indent=2, ensure_ascii=not speaks_unicode(sys.stdout)))
        else:
            write_line(client.view_api(all_endpoints or None, return_format="str").rstrip("\n"))


class _CallCommand(click.Command):
    """A command whose arguments may be negative numbers, which look like options to everybody else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.ignore_unknown_options = True
        self._refuse_unknown(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_unknown(self, ctx: click.Context, args: list[str]) -> None:
        takes_value = {
            name: isinstance(parameter, click.Option) and not parameter.is_flag
            for parameter in self.get_params(ctx)
            for name in parameter.opts
        }
        words = iter(args)
        for word in words:
            if word == "--":
                return
            if not word.startswith("-") or word == "-" or re.fullmatch(_NEGATIVE_NUMBER, word):
                continue
            name, equals, _ = word.partition("=")
            if name not in takes_value:
                raise click.NoSuchOption(name, possibilities=_near(name, takes_value), ctx=ctx)
            if takes_value[name] and not equals:
                next(words, None)


def _near(name: str, names: dict[str, bool]) -> list[str]:
    import difflib

    return difflib.get_close_matches(name, [known for known in names if known.startswith("--")])


@program.command(cls=_CallCommand, epilog=_EPILOG)
@connection_options
@click.argument("words", metavar="/NAME [ARG]...", nargs=-1, type=click.UNPROCESSED)
@click.option("--fn-index", metavar="N", type=int, help="Call the function of this index; then there is no /NAME.")
@click.option("--json", "json_wanted", is_flag=True, help="Print each output as one line of JSON.")
@click.option("--no-download", is_flag=True, help="Leave the files of outputs where they are, and print their URLs.")
@click.option(
    "--output-dir",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Put the files of outputs there, and not into a new temporary directory.",
)
def predict(
    connection: Connection,
    words: tuple[str, ...],
    fn_index: int | None,
    json_wanted: bool,
    no_download: bool,
    output_dir: str | None,
) -> None:
    """Call the endpoint /NAME of the app at URL, and print each output as it comes.

    An ARG is JSON if it can be read as JSON, else text; what goes into a text field stays text. @PATH uploads a file,
    @@TEXT is the text @TEXT, and NAME=ARG gives the parameter of that name. Ctrl-C cancels the job on the server.
    """
    render = as_json if json_wanted else as_text
    saver = None if no_download else FileSaver(output_dir)
    status = StatusLine()
    status.show("connecting ...")
    try:
        with connection.open() as client:
            endpoint, words = _choose(client, words, fn_index)
            args, kwargs = read_arguments(endpoint, words)
            runner = CallRunner(client, deadline=connection.deadline, timeout=connection.timeout, status=status)
            try:
                for output in runner.run(endpoint.fn_index, args, kwargs):
                    if output != () or json_wanted:
                        write_line(render(output if saver is None else saver.save(output)))
            except KeyboardInterrupt as stop:
                became = runner.cancel()
                raise _Interrupted(f"interrupted; {became}" if became else "interrupted", stop) from None
            except Exception:
                runner.cancel()  # if it is under way, its outputs have no place to go to
                raise
    finally:
        status.hide()


def _choose(client: Client, words: tuple[str, ...], fn_index: int | None) -> tuple[Endpoint, tuple[str, ...]]:
    """Return the endpoint that is meant, and the words that are left."""
    if fn_index is not None:
        return client.endpoints.resolve(fn_index=fn_index), words
    if not words:
        return client.endpoints.resolve(), words
    # The slash may be missing: some shells of Windows make a path of their own of a word that begins with one.
    return client.endpoints.resolve(api_name="/" + words[0].removeprefix("/")), words[1:]


@program.command(epilog=_EPILOG)
@connection_options
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write it there; -: to stdout.")
@click.option(
    "--check", is_flag=True, help="Write nothing; say what of FILE does not fit the app, and fail if anything."
)
@click.option(
    "--style",
    "styles",
    multiple=True,
    type=click.Choice(["sync", "asyncio", "trio"]),
    default=("sync", "asyncio"),
    show_default=True,
    help="Write a class for this client. May be repeated.",
)
@click.option("--no-download", is_flag=True, help="Let files in results be RemoteFile objects, and not local paths.")
@click.option("--optional-results", is_flag=True, help="Let results be None, too, where the app does not forbid it.")
@click.option("--force", is_flag=True, help="Replace FILE also if it was edited, or not made by this command.")
@click.pass_context
def codegen(
    context: click.Context,
    connection: Connection,
    file: str | None,
    output: str | None,
    check: bool,
    styles: tuple[Style, ...],
    no_download: bool,
    optional_results: bool,
    force: bool,
) -> None:
    """Write a Python module with a typed method for each endpoint of the app at URL.

    With --check, compare such a module with the app instead: exit code 0 if it fits, and 1 if the app has drifted away
    from it, if it was edited, or if another version of gradproto made it. The module is not run.
    """
    from ._codegen import check_module, make_module, read_target

    target = read_target(context, file, output, check=check)
    if check and target is not None:
        check_module(connection, target)
        return
    files: Files = "remote" if no_download else "paths"
    make_module(connection, target, styles=styles, files=files, optional=optional_results, force=force)


@program.command("fake-server")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Listen on this address.")
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=7860, show_default=True, help="0: any free port."
)
@click.option(
    "--gradio", metavar="VERSION", default="6.31.0", show_default=True, help="Speak as this Gradio does, from 2.8 on."
)
def fake_server(host: str, port: int, gradio: str) -> None:
    """Serve the demo app without Gradio until Ctrl-C.

    The first line of the output is READY and the URL; it comes when the server listens. An app of Gradio 2 has one
    function: /echo.
    """
    from gradproto_fake_server import demo_app, serve_forever

    try:
        app = demo_app(gradio)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--gradio") from error
    try:
        serve_forever(app, host, port, ready=lambda url: write_line(f"READY {url}"))
    except BrokenPipeError:
        raise
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (")[0]  # what follows there is the address once more
        hint = " (--port 0 takes any free one)" if port else ""
        raise Failure(f"cannot serve on {host}:{port}: {why}{hint}") from error


@program.command()
def demo() -> None:
    """Serve the demo app, use it in every way, and check what comes: a tour of a few seconds."""
    from gradproto_fake_server import demo_app

    from ._demo import run_demo

    failed = run_demo(demo_app())
    if failed:
        raise Failure(f"{failed} steps did not go as expected")
